"""What kind of storage the spool lies on: by tables of mounts as real systems have them, and by real mounts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup.problems import problem
from piboothup.spool import commit, handover
from piboothup.spool.disk import file_system, free_space
from piboothup.spool.disk.file_system import Mount, Storage, devices, in_container, kind, look, worst
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import FOLDERS, NEW
from piboothup.spool.store import AlreadyRunning, Spool
from tests.support.clock import HandClock
from tests.support.effort import sample
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.photos import PARTY, jpeg, take

pytestmark = pytest.mark.process

__all__ = ["disk", "mounts"]

DISK, MEMORY, UNKNOWN = Storage.DISK, Storage.MEMORY, Storage.UNKNOWN

PLAIN = """\
21 27 0:20 / /proc rw,relatime shared:12 - proc proc rw
27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 27 0:24 / /run rw,nosuid shared:13 - tmpfs tmpfs rw,size=86000k
31 27 179:1 / /boot/firmware rw,relatime - vfat /dev/mmcblk0p1 rw,fmask=0022
32 27 8:1 / /srv/stick\\040one rw,relatime - ext4 /dev/sda1 rw
33 27 253:9 / /srv/zram rw - ext4 /dev/zram1 rw
35 27 0:40 / /srv/ramfs rw - ramfs none rw
36 27 0:41 / /srv/network rw - nfs4 server:/photos rw
37 27 0:42 / /srv/fuse rw - fuse.fuse-overlayfs fuse-overlayfs rw
38 27 0:43 / /srv/merged rw - fuse.mergerfs a:b rw,user_id=0
39 27 0:44 / /srv/bound rw - fuse.bindfs /run/x rw,user_id=0
40 27 0:45 / /srv/secret rw - ecryptfs /srv/.secret rw
41 27 0:46 / /srv/vault rw - fuse.gocryptfs /run/vault rw
"""
"""A Pi as it comes, and other things one may mount there."""

OVERLAYROOT = """\
23 28 0:21 / /proc rw - proc proc rw
25 28 0:26 / /media/root-ro ro,relatime shared:2 - ext4 /dev/mmcblk0p2 ro
26 28 0:23 / /media/root-rw rw,relatime shared:3 - tmpfs tmpfs-root rw
28 1 0:25 / / rw,relatime shared:1 - overlay overlayroot rw,lowerdir=/media/root-ro,\
upperdir=/media/root-rw/overlay,workdir=/media/root-rw/overlay-workdir/_
41 28 0:25 /var/lib/piboothup /var/lib/piboothup rw - overlay overlayroot rw,lowerdir=/media/root-ro,\
upperdir=/media/root-rw/overlay,workdir=/media/root-rw/overlay-workdir/_
42 28 8:1 / /srv/stick rw,relatime - ext4 /dev/sda1 rw
"""
"""raspi-config's overlay file system (overlayroot=tmpfs); 41 is a service's own view under ProtectSystem=strict."""

CONTAINER = """\
500 400 0:50 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,\
upperdir=/var/lib/docker/overlay2/ab/diff,workdir=/var/lib/docker/overlay2/ab/work
501 500 0:51 / /proc rw - proc proc rw
502 500 0:52 / /dev/shm rw - tmpfs shm rw,size=65536k
503 500 8:2 /var/photos /photos rw - ext4 /dev/sda2 rw
"""

LAYERS = """\
27 1 8:1 / / rw - ext4 /dev/sda1 rw
30 27 0:30 / /m rw - tmpfs tmpfs rw
40 27 0:40 / /on-disk rw - overlay o rw,lowerdir=/l,upperdir=/u,workdir=/w
41 27 0:41 / /read-only ro - overlay o ro,lowerdir=/m/a:/m/b
42 27 0:42 / /volatile rw - overlay o rw,lowerdir=/l,upperdir=/u,workdir=/w,volatile
43 27 0:43 / /newer rw - overlay o rw,lowerdir=/l,upperdir=/u,workdir=/w,uuid=on,fsync=volatile
44 27 0:44 / /nested rw - overlay o rw,lowerdir=/l,upperdir=/on-disk/u,workdir=/on-disk/w
45 27 0:45 / /in-memory rw - overlay o rw,lowerdir=/on-disk,upperdir=/m/u,workdir=/m/w
46 27 0:46 / /nested-in-memory rw - overlay o rw,lowerdir=/l,upperdir=/in-memory/u,workdir=/in-memory/w
47 27 0:47 / /circle rw - overlay o rw,lowerdir=/l,upperdir=/circle/u,workdir=/circle/w
48 27 0:48 / /odd rw - overlay o rw,lowerdir=/l,upperdir=/m/a\\134\\054\\040b,workdir=/m/w
49 27 0:30 /sub /mirror rw - tmpfs tmpfs rw
50 27 0:50 / /over rw - overlay o rw,lowerdir=/l,upperdir=/both/u,workdir=/both/w
51 27 0:51 / /both rw - tmpfs tmpfs rw
52 51 8:2 / /both rw - ext4 /dev/sdb1 rw
60 27 7:0 / /image-on-disk rw - ext4 /dev/loop0 rw
61 27 7:1 / /image-in-memory rw - ext4 /dev/loop1 rw
62 27 7:2 / /image-in-image rw - ext4 /dev/loop2 rw
63 27 7:3 / /image-out-of-sight rw - ext4 /dev/loop3 rw
64 27 7:4 / /image-on-itself rw - ext4 /dev/loop4 rw
65 27 253:0 / /mirror-of-disk-and-memory rw - ext4 /dev/md0 rw
66 27 0:66 / /on-image rw - overlay o rw,lowerdir=/l,upperdir=/image-in-memory/u,workdir=/w
junk that is no mount
"""
BACKING: dict[str, set[Storage | Path]] = {
    "7:0": {Path("/images/a")},
    "7:1": {Path("/m/b")},
    "7:2": {Path("/image-in-memory/c")},
    "7:3": {UNKNOWN},
    "7:4": {Path("/image-on-itself/d")},
    "253:0": {DISK, Path("/m/e")},
    "253:9": {MEMORY},
    "8:1": {DISK},
}


def anything(_upper: Path, _mount: Mount) -> bool:
    return True


def shown(mountinfo: str, number: int, hidden: Storage) -> Storage:
    """What `kind` makes of the table when every upper layer is in sight."""
    return kind(mountinfo.encode(), number, anything, lambda mount: BACKING.get(mount.device, set()), hidden=hidden)


@pytest.mark.parametrize(
    ("mountinfo", "number", "wanted"),
    [
        (PLAIN, 27, DISK),
        (PLAIN, 30, MEMORY),
        (PLAIN, 31, DISK),
        (PLAIN, 32, DISK),
        (PLAIN, 33, MEMORY),
        (PLAIN, 35, MEMORY),
        (PLAIN, 36, DISK),
        (PLAIN, 99, UNKNOWN),
        ("", 27, UNKNOWN),
        (OVERLAYROOT, 28, MEMORY),
        (OVERLAYROOT, 41, MEMORY),
        (OVERLAYROOT, 42, DISK),
        (CONTAINER, 502, MEMORY),
        (CONTAINER, 503, DISK),
        (LAYERS, 40, DISK),
        (LAYERS, 41, DISK),
        (LAYERS, 42, MEMORY),
        (LAYERS, 43, MEMORY),
        (LAYERS, 44, DISK),
        (LAYERS, 45, MEMORY),
        (LAYERS, 46, MEMORY),
        (LAYERS, 48, MEMORY),
        (LAYERS, 49, MEMORY),
        (LAYERS, 50, DISK),
        (LAYERS, 60, DISK),
        (LAYERS, 61, MEMORY),
        (LAYERS, 62, MEMORY),
        (LAYERS, 65, MEMORY),
        (LAYERS, 66, MEMORY),
    ],
)
def test_f09_the_mount_tells_where_bytes_go(mountinfo: str, number: int, wanted: Storage) -> None:
    for hidden in (MEMORY, UNKNOWN):
        assert shown(mountinfo, number, hidden) is wanted


@pytest.mark.parametrize(("mountinfo", "number"), [(PLAIN, 37), (LAYERS, 47), (LAYERS, 63), (LAYERS, 64)])
def test_f09_what_is_out_of_sight_counts_as_memory_on_a_box(mountinfo: str, number: int) -> None:
    assert shown(mountinfo, number, MEMORY) is MEMORY
    assert shown(mountinfo, number, UNKNOWN) is UNKNOWN


@pytest.mark.parametrize("number", range(38, 42))
def test_f09_a_file_system_over_another_folder_is_a_warning(number: int) -> None:
    for hidden in (MEMORY, UNKNOWN):
        assert shown(PLAIN, number, hidden) is UNKNOWN


def test_f09_the_worst_of_several_kinds_counts() -> None:
    assert worst([DISK]) is DISK
    for kinds in ([UNKNOWN, MEMORY], [MEMORY, UNKNOWN], [DISK, UNKNOWN, MEMORY], [DISK, MEMORY]):
        assert worst(kinds) is MEMORY
    for kinds in ([UNKNOWN, DISK], [DISK, UNKNOWN]):
        assert worst(kinds) is UNKNOWN


def test_f09_a_spool_is_the_worst_that_a_folder_of_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake mounts: an overlay in a container beside memory can't be had in every place the tests run."""
    spool = Spool(tmp_path, HandClock(), "serial-1")
    spool.prepare()
    for spoolward, new, wanted in ((UNKNOWN, MEMORY, MEMORY), (MEMORY, UNKNOWN, MEMORY), (DISK, UNKNOWN, UNKNOWN)):
        found = {tmp_path: spoolward, tmp_path / NEW: new}
        monkeypatch.setattr(
            free_space, "mount_id", lambda path, found=found: list(found).index(path) if path in found else 2
        )
        monkeypatch.setattr(free_space, "look", lambda path, found=found: found.get(path, DISK))
        assert free_space.storage(tmp_path) is wanted


def test_f09_a_container_is_known_by_its_marks(tmp_path: Path) -> None:
    init, mark = tmp_path / "environ", tmp_path / "mark"
    assert not in_container([mark], init)  # no /proc either
    init.write_bytes(b"HOME=/\0mycontainer=docker\0")
    assert not in_container([mark], init)
    init.write_bytes(b"HOME=/\0container=lxc\0")
    assert in_container([mark], init)
    init.unlink()
    mark.touch()
    assert in_container([tmp_path / "another", mark], init)


def sysfs_with(folder: Path, **links: str) -> Path:
    """A fake sysfs with the links that the kernel makes: of machines that tests do not run on."""
    for name, target in links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        (folder / "devices" / target).mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder / "devices" / target)
    return folder


def mounted(device: str, source: str) -> Mount:
    return Mount(1, device, Path("/m"), "ext4", source, ())


def test_f09_the_devices_below_are_followed(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.touch()
    (tmp_path / "named (deleted)").touch()
    sysfs = tmp_path / "sys"
    links = {
        "dev/block/179:2": "mmcblk0/mmcblk0p2",
        "dev/block/254:0": "zram0",
        "dev/block/1:1": "ram1",
        "dev/block/7:0": "loop0/loop0p1",
        "dev/block/7:1": "loop1",
        "dev/block/7:2": "loop2",
        "dev/block/7:3": "loop3",
        "dev/block/253:0": "dm-0",
        "dev/block/9:0": "md0",
        "class/block/sda1": "sda/sda1",
        "devices/md0/slaves/dm-0": "dm-0",
        "devices/md0/slaves/sda1": "sda/sda1",
        "devices/dm-0/slaves/loop0": "loop0",
        "devices/dm-0/slaves/zram0": "zram0",
    }
    sysfs_with(sysfs, **links)
    for partition in ("mmcblk0/mmcblk0p2", "sda/sda1", "loop0/loop0p1"):
        (sysfs / "devices" / partition / "partition").touch()
    for number, file in enumerate(
        (str(image), f"{image}2 (deleted)", "/nowhere/image", f"{tmp_path}/named (deleted)")
    ):
        (sysfs / "devices" / f"loop{number}" / "loop").mkdir()
        (sysfs / "devices" / f"loop{number}" / "loop" / "backing_file").write_text(f"{file}\n")
    for device, source, wanted in (
        ("179:2", "/dev/root", {DISK}),
        ("254:0", "/dev/zram0", {MEMORY}),
        ("1:1", "/dev/ram1", {MEMORY}),
        ("7:0", "/dev/loop0p1", {image}),
        ("7:1", "/dev/loop1", {MEMORY}),
        ("7:2", "/dev/loop2", {UNKNOWN}),
        ("7:3", "/dev/loop3", {tmp_path / "named (deleted)"}),
        ("253:0", "/dev/mapper/photos", {image, MEMORY}),
        ("9:0", "/dev/md0", {image, MEMORY, DISK}),
        ("0:40", "/dev/sda1", {DISK}),
        ("0:41", "/dev/sdb1", set()),
        ("0:42", "sda1", set()),
    ):
        assert devices(mounted(device, source), sysfs) == wanted, source


def test_f09_an_upper_layer_out_of_sight_is_not_followed() -> None:
    asked: list[tuple[Path, str]] = []

    def out_of_sight(upper: Path, mount: Mount) -> bool:
        asked.append((upper, mount.file_system))
        return False

    for hidden in (MEMORY, UNKNOWN):
        assert kind(CONTAINER.encode(), 500, out_of_sight, lambda _mount: set(), hidden=hidden) is hidden
        assert kind(LAYERS.encode(), 48, out_of_sight, lambda _mount: set(), hidden=hidden) is hidden
    assert asked == [(Path("/var/lib/docker/overlay2/ab/diff"), "overlay"), (Path("/m/a, b"), "tmpfs")] * 2


# -- real mounts ---------------------------------------------------------------------------------------------------


def on_a_box() -> None:
    """The machine of the tests may be a container; a mark of one in its root folder can't be hidden."""
    file_system.in_container.__defaults__ = ((), Path("/nowhere"))


def make_container(mounts: MountNamespace) -> None:
    """systemd's mark of a container, as services see it there."""
    mounts.mount("tmpfs", Path("/run"), "mode=755")
    mounts.run("mkdir", "/run/systemd")
    mounts.run("touch", "/run/systemd/container")


def sees(wanted: Storage) -> Callable[[Path], None]:
    """What a process in the namespace must see."""
    return {DISK: _sees_disk, MEMORY: _sees_memory, UNKNOWN: _sees_unknown}[wanted]


def _sees_disk(path: Path) -> None:
    assert look(path) is DISK, look(path)


def _sees_memory(path: Path) -> None:
    assert look(path) is MEMORY, look(path)


def _sees_unknown(path: Path) -> None:
    assert look(path) is UNKNOWN, look(path)


def as_nobody_sees_memory(path: Path) -> None:
    """As a service's user, who may not enter the folder of the upper layer."""
    os.setgid(65534)
    os.setuid(65534)
    assert look(path) is MEMORY, look(path)


@pytest.mark.parametrize("kind_of_memory", ["tmpfs", "ramfs"])
def test_f09_real_memory_is_seen_directly_by_link_and_by_bind(
    mounts: MountNamespace, disk: Path, kind_of_memory: str
) -> None:
    memory, bound, link = disk / "memory", disk / "bound", disk / "link"
    mounts.mount(kind_of_memory, memory)
    mounts.run("mkdir", memory / "sub", bound)
    mounts.run("mount", "--bind", memory / "sub", bound)
    link.symlink_to(memory / "sub")
    for path in (memory, memory / "sub", bound, link):
        mounts.call(sees(MEMORY), path)
    mounts.call(sees(DISK), disk)


def test_f09_a_real_overlay_is_what_its_upper_layer_is(mounts: MountNamespace, disk: Path) -> None:
    memory = disk / "memory"
    mounts.mount("tmpfs", memory)
    mounts.overlay(disk / "on-memory", disk / "lower", memory / "layers")
    mounts.overlay(disk / "on-disk", memory / "lower", disk / "layers")
    mounts.overlay(disk / "over-overlay", disk / "on-memory", disk / "more")
    mounts.overlay(disk / "volatile", disk / "lower", disk / "third", "volatile")
    mounts.run("mkdir", disk / "on-memory" / "spool")
    for name, wanted in (
        ("on-memory/spool", MEMORY),
        ("on-disk", DISK),
        ("over-overlay", DISK),
        ("volatile", MEMORY),
    ):
        mounts.call(sees(wanted), disk / name)


def test_f09_an_upper_layer_that_root_alone_enters_is_told(mounts: MountNamespace, disk: Path) -> None:
    disk.chmod(0o755)
    mounts.mount("tmpfs", disk / "memory", "mode=700,size=12345k")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory")
    mounts.call(as_nobody_sees_memory, disk / "merged")


def test_f09_memory_over_the_upper_layer_is_not_taken_for_it(mounts: MountNamespace, disk: Path) -> None:
    disk.chmod(0o755)
    mounts.mount("tmpfs", disk / "memory", "size=12345k")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory")
    mounts.run("umount", "--lazy", disk / "memory")
    mounts.mount("tmpfs", disk / "memory", "mode=700,size=54321k")
    mounts.call(as_nobody_on_a_box_sees_memory, disk / "merged")
    make_container(mounts)
    mounts.call(as_nobody_sees_unknown, disk / "merged")


def as_nobody_on_a_box_sees_memory(path: Path) -> None:
    on_a_box()
    as_nobody_sees_memory(path)


def as_nobody_sees_unknown(path: Path) -> None:
    os.setgid(65534)
    os.setuid(65534)
    assert look(path) is UNKNOWN, look(path)


def test_f09_systemds_views_of_proc_hide_nothing_of_it(mounts: MountNamespace, disk: Path) -> None:
    """ProcSubset=pid and ProtectProc=invisible: with these options systemd mounts /proc for a service."""
    disk.chmod(0o755)
    mounts.mount("tmpfs", disk / "memory", "mode=755")
    mounts.mount("proc", Path("/proc"), "subset=pid,hidepid=invisible")
    mounts.call(without_the_rest_of_proc, disk / "memory")


def without_the_rest_of_proc(path: Path) -> None:
    assert not Path("/proc/meminfo").exists()
    as_nobody_sees_memory(path)


def test_f09_a_detached_upper_layer_is_memory_on_a_box(mounts: MountNamespace, disk: Path) -> None:
    """As with an initramfs that lets go of the layer's mount point after it made the root."""
    mounts.mount("tmpfs", disk / "memory")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory")
    mounts.run("umount", "--lazy", disk / "memory")
    mounts.call(on_a_box_sees_memory, disk / "merged")
    make_container(mounts)
    mounts.call(sees(UNKNOWN), disk / "merged")


def test_f09_a_covered_upper_layer_is_memory_on_a_box(mounts: MountNamespace, disk: Path) -> None:
    mounts.mount("tmpfs", disk / "memory")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory" / "layers")
    mounts.run("mkdir", disk / "other")
    mounts.run("mount", "--bind", disk / "other", disk / "memory")
    mounts.call(on_a_box_sees_memory, disk / "merged")


def on_a_box_sees_memory(path: Path) -> None:
    on_a_box()
    _sees_memory(path)


def test_f09_a_real_image_is_what_its_file_lies_on(mounts: MountNamespace, disk: Path) -> None:
    """Loop devices: on a disk, in memory, deleted while in use, and out of sight. Unmounted, they free themselves."""
    if shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists():
        pytest.skip("SKIPPED: an image needs mkfs.ext4 and loop devices")
    mounts.mount("tmpfs", disk / "memory")
    mounts.mount("tmpfs", disk / "gone")
    for folder in ("", "memory", "gone", "deleted"):
        image, point = disk / folder / "image", disk / f"on-{folder}"
        mounts.run("mkdir", "-p", image.parent, point)
        mounts.run("truncate", "--size", "4M", image)
        mounts.run("mkfs.ext4", "-q", image)
        mounts.run("mount", "-o", "loop", image, point)
    mounts.run("rm", disk / "deleted" / "image")
    mounts.run("umount", "--lazy", disk / "gone")
    mounts.call(sees(DISK), disk / "on-")
    for folder in ("memory", "deleted"):
        mounts.call(sees(MEMORY), disk / f"on-{folder}")
    mounts.call(on_a_box_sees_memory, disk / "on-gone")
    mounts.overlay(disk / "merged", disk / "lower", disk / "on-memory" / "layers")
    mounts.call(sees(MEMORY), disk / "merged")
    make_container(mounts)
    mounts.call(sees(UNKNOWN), disk / "on-gone")


# -- the spool on it -----------------------------------------------------------------------------------------------


def _judged(directory: Path, *, allowed: bool = False) -> Spool:
    spool = Spool(directory, HandClock(), "serial-1")
    spool.prepare()
    spool.free_space.recheck_storage(allowed=allowed)
    return spool


def all_on_disk(directory: Path) -> None:
    spool = _judged(directory)
    assert (commit.card_problem(spool), commit.try_card(spool, PARTY), spool.free_space.warning) == (None, None, None)


def in_memory(directory: Path) -> None:
    spool = _judged(directory)
    assert commit.card_problem(spool) == commit.try_card(spool, PARTY) == problem("spool_memory")
    spool = _judged(directory, allowed=True)
    assert (commit.card_problem(spool), spool.free_space.warning) == (None, None)


def split(directory: Path) -> None:
    assert commit.card_problem(_judged(directory)) == problem("spool_split")
    assert commit.card_problem(_judged(directory, allowed=True)) == problem("spool_split")


def warned_of(directory: Path) -> None:
    spool = _judged(directory)
    assert (commit.card_problem(spool), spool.free_space.warning) == (None, problem("storage_unknown"))
    assert _judged(directory, allowed=True).free_space.warning is None


def test_f09_a_spool_in_memory_takes_no_photo_unless_allowed(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(all_on_disk, disk / "spool")
    mounts.mount("tmpfs", disk / "spool")
    mounts.call(in_memory, disk / "spool")


@pytest.mark.parametrize("folder", sample(FOLDERS, lambda folder: folder == NEW))
def test_f09_any_folder_of_the_spool_in_memory_is_told(mounts: MountNamespace, disk: Path, folder: str) -> None:
    mounts.mount("tmpfs", disk / "spool" / folder)
    mounts.run(*("chmod", "2770", disk / "spool" / folder))
    if folder in ("contexts", "boots"):
        mounts.call(in_memory, disk / "spool")
    else:
        mounts.call(in_memory_and_split, disk / "spool")


def in_memory_and_split(directory: Path) -> None:
    assert commit.card_problem(_judged(directory)) == problem("spool_memory")
    assert commit.card_problem(_judged(directory, allowed=True)) == problem("spool_split")


def test_f09_a_folder_on_another_disk_is_told(mounts: MountNamespace, disk: Path) -> None:
    """Of one and the same file system: the kernel renames nothing from one mount to another all the same."""
    (disk / "spool" / NEW).mkdir(parents=True)
    (disk / "other").mkdir()
    mounts.run("mount", "--bind", disk / "other", disk / "spool" / NEW)
    mounts.call(split, disk / "spool")


def test_f09_a_spool_in_a_container_is_warned_of(mounts: MountNamespace, disk: Path) -> None:
    mounts.mount("tmpfs", disk / "memory")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory")
    mounts.run("umount", "--lazy", disk / "memory")
    mounts.call(faulty_on_a_box, disk / "merged" / "spool")
    make_container(mounts)
    mounts.call(warned_of, disk / "merged" / "spool")


def faulty_on_a_box(directory: Path) -> None:
    on_a_box()
    in_memory(directory)


def test_f09_a_spool_that_is_gone_is_logged_once_each_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool, aside = _judged(tmp_path / "spool", allowed=True), tmp_path / "aside"

    def logged_while_gone() -> int:
        spool.directory.rename(aside)
        caplog.clear()
        for _second in range(3):
            spool.free_space.recheck_storage(allowed=True)
        aside.rename(spool.directory)
        spool.free_space.recheck_storage(allowed=True)
        return sum("storage not looked at" in text for text in caplog.messages)

    assert [logged_while_gone() for _time in range(3)] == [1, 1, 1]
    (spool.directory / NEW).rename(tmp_path / "new")  # it comes back as another one
    assert logged_while_gone() == 1
    (spool.directory / NEW).mkdir()
    assert logged_while_gone() == 1


# -- a link --------------------------------------------------------------------------------------------------------


def test_f10_a_link_to_a_folder_is_a_spool_like_any(tmp_path: Path) -> None:
    target, link = tmp_path / "disk" / "photos", tmp_path / "spool"
    target.mkdir(parents=True)
    link.symlink_to(target)
    spool = Spool(link, HandClock(), "serial-1")
    spool.prepare()
    direct = Spool(target, HandClock(), "serial-1")
    with spool.lock("booth"):
        spool.start("booth")
        name = take(spool, jpeg())
        assert not spool.has_moved()
        with pytest.raises(AlreadyRunning, match="already running"), direct.lock("booth"):
            pass
    assert list(direct.names(NEW)) == [name]
    handover.mark_sent(spool, name)
    assert not list(direct.names(NEW))


def test_f10_a_links_target_is_judged(mounts: MountNamespace, disk: Path) -> None:
    (disk / "spool").symlink_to(disk / "target")
    (disk / "target").mkdir()
    mounts.call(all_on_disk, disk / "spool")
    mounts.mount("tmpfs", disk / "target")
    mounts.call(in_memory, disk / "spool")


def test_f10_a_link_to_nothing_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "spool").symlink_to(tmp_path / "stick" / "photos")
    with pytest.raises(SpoolUnusable, match="stick/photos, which is not there: plug in"):
        Spool(tmp_path / "spool", HandClock(), "serial-1").prepare()
    assert not (tmp_path / "stick").exists()
