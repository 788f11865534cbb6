"""What kind of storage the spool lies on: by tables of mounts as real systems have them, and by real mounts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup.problems import problem
from piboothup.spool.disk.file_system import Mount, Storage, kind, look
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import FOLDERS, NEW
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.photos import jpeg, take

pytestmark = pytest.mark.process

__all__ = ["disk", "mounts"]

DISK, MEMORY, UNKNOWN = Storage.DISK, Storage.MEMORY, Storage.UNKNOWN

PLAIN = """\
21 27 0:20 / /proc rw,relatime shared:12 - proc proc rw
27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 27 0:24 / /run rw,nosuid shared:13 - tmpfs tmpfs rw,size=86000k
31 27 179:1 / /boot/firmware rw,relatime - vfat /dev/mmcblk0p1 rw,fmask=0022
32 27 8:1 / /srv/stick\\040one rw,relatime - ext4 /dev/sda1 rw
33 27 253:0 / /srv/zram rw - ext4 /dev/zram1 rw
34 27 1:0 / /srv/ram rw - ext2 /dev/ram0 rw
35 27 0:40 / /srv/ramfs rw - ramfs none rw
36 27 0:41 / /srv/network rw - nfs4 server:/photos rw
37 27 0:42 / /srv/fuse rw - fuse.fuse-overlayfs fuse-overlayfs rw
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
junk that is no mount
"""


def anything(_upper: Path, _mount: Mount) -> bool:
    return True


@pytest.mark.parametrize(
    ("mountinfo", "number", "wanted"),
    [
        (PLAIN, 27, DISK),
        (PLAIN, 30, MEMORY),
        (PLAIN, 31, DISK),
        (PLAIN, 32, DISK),
        (PLAIN, 33, MEMORY),
        (PLAIN, 34, MEMORY),
        (PLAIN, 35, MEMORY),
        (PLAIN, 36, DISK),
        (PLAIN, 37, UNKNOWN),
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
        (LAYERS, 47, UNKNOWN),
        (LAYERS, 48, MEMORY),
        (LAYERS, 49, MEMORY),
        (LAYERS, 50, DISK),
    ],
)
def test_f09_the_mount_tells_where_bytes_go(mountinfo: str, number: int, wanted: Storage) -> None:
    assert kind(mountinfo.encode(), number, anything) is wanted


def test_f09_an_upper_layer_out_of_sight_is_unknown() -> None:
    asked: list[tuple[Path, str]] = []

    def out_of_sight(upper: Path, mount: Mount) -> bool:
        asked.append((upper, mount.file_system))
        return False

    assert kind(CONTAINER.encode(), 500, out_of_sight) is UNKNOWN
    assert kind(LAYERS.encode(), 48, out_of_sight) is UNKNOWN
    assert asked == [(Path("/var/lib/docker/overlay2/ab/diff"), "overlay"), (Path("/m/a, b"), "tmpfs")]


# -- real mounts ---------------------------------------------------------------------------------------------------


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
    mounts.call(as_nobody_sees_unknown, disk / "merged")


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


def test_f09_an_upper_layer_whose_mount_is_gone_is_unknown(mounts: MountNamespace, disk: Path) -> None:
    mounts.mount("tmpfs", disk / "memory")
    mounts.overlay(disk / "merged", disk / "lower", disk / "memory")
    mounts.run("umount", "--lazy", disk / "memory")
    mounts.call(sees(UNKNOWN), disk / "merged")


# -- the spool on it -----------------------------------------------------------------------------------------------


def _judged(directory: Path, *, allowed: bool = False) -> Spool:
    spool = Spool(directory, HandClock(), "serial-1")
    spool.prepare()
    spool.look_for_memory(allowed=allowed)
    return spool


def all_on_disk(directory: Path) -> None:
    spool = _judged(directory)
    assert (spool.card_problem(), spool.try_card(), spool.storage_warning) == (None, None, None)


def in_memory(directory: Path) -> None:
    spool = _judged(directory)
    assert spool.card_problem() == spool.try_card() == problem("spool_memory")
    spool = _judged(directory, allowed=True)
    assert (spool.card_problem(), spool.storage_warning) == (None, None)


def split(directory: Path) -> None:
    assert _judged(directory).card_problem() == problem("spool_split")
    assert _judged(directory, allowed=True).card_problem() == problem("spool_split")


def warned_of(directory: Path) -> None:
    spool = _judged(directory)
    assert (spool.card_problem(), spool.storage_warning) == (None, problem("storage_unknown"))
    assert _judged(directory, allowed=True).storage_warning is None


def test_f09_a_spool_in_memory_takes_no_photo_unless_allowed(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(all_on_disk, disk / "spool")
    mounts.mount("tmpfs", disk / "spool")
    mounts.call(in_memory, disk / "spool")


@pytest.mark.parametrize("folder", FOLDERS)
def test_f09_any_folder_of_the_spool_in_memory_is_told(mounts: MountNamespace, disk: Path, folder: str) -> None:
    mounts.mount("tmpfs", disk / "spool" / folder)
    mounts.run(*("chmod", "2770", disk / "spool" / folder))
    if folder in ("contexts", "boots"):
        mounts.call(in_memory, disk / "spool")
    else:
        mounts.call(in_memory_and_split, disk / "spool")


def in_memory_and_split(directory: Path) -> None:
    assert _judged(directory).card_problem() == problem("spool_memory")
    assert _judged(directory, allowed=True).card_problem() == problem("spool_split")


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
    mounts.call(warned_of, disk / "merged" / "spool")


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
        with pytest.raises(RuntimeError, match="already running"), direct.lock("booth"):
            pass
    assert list(direct.names(NEW)) == [name]
    spool.mark_sent(name)
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
