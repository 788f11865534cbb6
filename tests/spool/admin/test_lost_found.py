"""Photos that a repair of the disk left without a name: found by their identity, copied back, taken in."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pwd
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from piboothup.booth.photo.exif import Exif, with_exif
from piboothup.cli import main
from piboothup.spool import commit, handover
from piboothup.spool.admin import lost_found
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import CONTEXTS, NEW, TMP
from piboothup.spool.names import NO_PHOTO, Identity, PhotoName
from piboothup.spool.recovery import Recovered, recover
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, mounts
from tests.support.photos import PARTY, jpeg, open_spool

__all__ = ["mounts"]

NOBODY = 65_534
GALA = context_for("wxyz9876", "", "")


def take(spool: Spool, number: int, context: Context = PARTY) -> PhotoName:
    """Commit a photo with EXIF, as the booth does."""
    identity = spool.next_identity(1000 * number, context)
    content = with_exif(jpeg(number), Exif(identity.unique_id, "Booth 1"))
    name = PhotoName.of(identity, content)
    commit.commit(spool, name, context, content)
    return name


def lose(spool: Spool, name: PhotoName, place: str = NEW) -> Path:
    """Move a photo to where a repair would put it."""
    folder = lost_found.folder_of(spool.directory)
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"#{spool.path(name, place).stat().st_ino}"
    spool.path(name, place).rename(target)
    return target


def doctor(config: Path, *words: str) -> str:
    """Output of the command."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        main(["--config", str(config), "doctor", *words])
    return output.getvalue()


def give_back_and_start(directory: Path) -> None:
    """On a disk of its own: photos are lost in each way, found, copied back as tmp/'s owner, and taken in."""
    spool = open_spool(directory, HandClock())
    names = [take(spool, number) for number in range(8)]
    whole, also, at_the_album, cut, holed, there, wiped = (*names[:6], take(spool, 9, GALA))
    handover.mark_sent(spool, at_the_album)
    lost = [lose(spool, name) for name in (whole, also, cut, holed, wiped)]
    lost[2].write_bytes(lost[2].read_bytes()[:-700])
    content = lost[3].read_bytes()
    lost[3].write_bytes(content[:1000] + bytes(4096 + 4096) + content[1000:])
    (spool.directory / CONTEXTS / f"{wiped.context}.json").unlink()
    folder = lost_found.folder_of(directory)
    for number, copied in enumerate((spool.path(there), spool.path(at_the_album, "sent"))):
        (folder / f"#{number}").write_bytes(copied.read_bytes())
    (folder / "#link").symlink_to(spool.path(there))
    (folder / "#folder").mkdir()
    os.mkfifo(folder / "#pipe")
    (folder / "#text").write_text("no photo\n")
    (folder / "#foreign").write_bytes(jpeg(50))
    (folder / "#test").write_bytes(with_exif(jpeg(51), Exif(NO_PHOTO, "Booth 1")))
    before = {path.name for path in folder.iterdir()}
    for path in (directory / TMP, directory / NEW, directory / NEW / whole.folder):
        os.chown(path, NOBODY, NOBODY)

    assert [photo.name for photo in lost_found.find(spool)] == [whole, also]
    config = directory.parent / "config.toml"
    config.write_text(f'config_version = 1\n[spool]\ndirectory = "{directory}"\nallow_memory = true\n')
    assert "photos_lost" in doctor(config)
    assert "photos_lost" not in doctor(config, "--fix")
    parts = sorted((directory / TMP).glob("*"))
    assert [part.name for part in parts] == sorted(f"{name}.part" for name in (whole, also))
    assert {part.stat().st_uid for part in parts} == {NOBODY}
    assert {path.name for path in folder.iterdir()} == before
    assert recover(spool) == Recovered(salvaged=2)
    assert {whole, also} <= set(spool.names(NEW))
    assert lost_found.find(spool) == []


@pytest.mark.process
def test_s10_photos_in_lost_found_come_back_as_themselves(mounts: MountNamespace) -> None:
    mounts.mount("tmpfs", Path("/mnt"), "size=100m,mode=755")  # another user can't reach what is in tmp_path
    mounts.run("mkdir", "/mnt/spool")
    mounts.call(give_back_and_start, Path("/mnt/spool"))


def led_astray(directory: Path) -> None:
    """A service that was taken over puts links to root's folders in the place of its own."""
    spool = open_spool(directory, HandClock())
    name = take(spool, 1)
    lose(spool, name)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    pwd.getpwnam = lambda _: SimpleNamespace(pw_uid=NOBODY, pw_gid=NOBODY)  # type: ignore[assignment,return-value]
    photos = lost_found.find(spool)
    assert [photo.name for photo in photos] == [name]
    roots = Path("/mnt/roots")
    roots.mkdir(mode=0o755)
    (directory / TMP).rename(directory / "aside")
    (directory / TMP).symlink_to(roots)
    with pytest.raises(PermissionError):
        lost_found.give_back(spool, photos)
    assert list(roots.iterdir()) == []
    record = directory / CONTEXTS / f"{name.context}.json"
    (roots / "record").write_bytes(record.read_bytes())
    (roots / "record").chmod(0o600)
    record.unlink()
    record.symlink_to(roots / "record")
    with contextlib.suppress(PermissionError):
        assert lost_found.find(spool) == []


@pytest.mark.process
def test_a08_root_follows_no_link_that_a_service_left(mounts: MountNamespace) -> None:
    mounts.mount("tmpfs", Path("/mnt"), "size=100m,mode=755")
    mounts.run("mkdir", "/mnt/spool")
    mounts.call(led_astray, Path("/mnt/spool"))


def test_s10_a_photo_that_changed_since_is_not_copied(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, 1)
    lost = tmp_path / "#12"
    spool.path(name).rename(lost)
    photo = lost_found.LostPhoto(name, lost)
    assert lost_found.give_back(spool, [replace(photo, name=replace(name, digest="0" * 16))]) == 0
    assert not list((spool.directory / TMP).iterdir())
    assert lost_found.give_back(spool, [photo]) == 1
    assert recover(spool) == Recovered(salvaged=1)


@pytest.mark.parametrize("left", [0, 1, 900])
def test_s10_a_copy_that_was_cut_short_is_told_again(
    tmp_path: Path, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_found, "folder_of", lambda _: tmp_path / "lost+found")
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, 1)
    lose(spool, name)
    photos = lost_found.find(spool)
    assert lost_found.give_back(spool, photos) == 1
    part = spool.directory / TMP / f"{name}.part"
    part.write_bytes(part.read_bytes()[:left])
    recover(spool)
    assert lost_found.find(spool) == photos
    assert lost_found.give_back(spool, photos) == 1
    assert recover(spool) == Recovered(salvaged=1)
    assert lost_found.find(spool) == []


@pytest.mark.parametrize("context", ["01234567", "n7654321", "ffffffff"])
@pytest.mark.parametrize(
    ("boot", "seq", "boottime_ms"), [(1, 1, 0), (899_999, 899_999, 2**35 - 1), (17, 40, 86_400_000)]
)
def test_s10_the_identity_is_read_back(context: str, boot: int, seq: int, boottime_ms: int) -> None:
    identity = Identity("K7QZ", boot, seq, boottime_ms, context)
    assert Identity.of_unique_id(identity.unique_id) == identity
    assert lost_found.identity_in(with_exif(jpeg(), Exif(identity.unique_id, "Booth 1"))) == identity


@pytest.mark.parametrize(
    "head", [b"", b"\xff\xd8\xff", jpeg(), b"\xff\xd8\xffExif\0\0II\x20\xa4\x02\x00\x21\x00\x00\x00"]
)
def test_s10_what_has_no_identity_is_no_photo_of_ours(head: bytes) -> None:
    assert lost_found.identity_in(head) is None


def test_s10_a_photo_with_a_hole_or_without_its_end_is_not_whole() -> None:
    content = with_exif(jpeg(), Exif("0" * 32, "Booth 1"))
    assert lost_found.is_whole(content)
    assert not lost_found.is_whole(content[:-1])
    assert not lost_found.is_whole(content[:2000] + bytes(4096) + content[2000:])
    assert not lost_found.is_whole(b"")


@pytest.mark.parametrize(("step", "sentence"), [("find", "can't be read"), ("give_back", "That failed")])
def test_s10_a_folder_that_refuses_is_told_in_a_sentence(
    tmp_path: Path, step: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(lost_found, "find", lambda _: ["a photo"])
    monkeypatch.setattr(lost_found, step, refuse)
    config = tmp_path / "config.toml"
    config.write_text(f'config_version = 1\n[spool]\ndirectory = "{tmp_path}"\nallow_memory = true\n')
    assert main(["--config", str(config), "doctor", "--fix"]) == 1
    told = capsys.readouterr().err
    assert f"{sentence} (Input/output error): run with sudo." in told
