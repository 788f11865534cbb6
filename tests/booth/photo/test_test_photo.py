"""The saver's part: why a photo is not saved, and the test photo, which goes a photo's way and leaves nothing.

The library that lacks a function, the card that refuses and the memory that is short are played here: what each of
them really does is the subject of `tests/booth/test_save_fault.py`.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simplejpeg
from PIL import Image

from piboothup.booth.flow.events import Saved, SaveTested, SavingFailed
from piboothup.booth.frame import Frame
from piboothup.booth.photo import exif
from piboothup.problems import Problem, problem
from piboothup.spool import commit, durable, handover
from piboothup.spool.listing import CONTEXTS, FOLDERS, NEW, SENT, TEST_PHOTO, TMP
from piboothup.spool.names import NO_PHOTO, PhotoName
from piboothup.spool.store import Spool
from tests.booth.photo.test_saver import Bench, S, bench, broken_frame
from tests.support.camera import grey_frame
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, identity_in, jpeg, take

__all__ = ["bench"]

Break = Callable[[pytest.MonkeyPatch], object]


def refuse(number: int) -> Break:
    """The card answers every new file with this error."""

    def write_new(_path: Path, *_: object) -> None:
        raise OSError(number, os.strerror(number))

    return lambda patch: patch.setattr(durable, "write_new", write_new)


def raises(where: Any, name: str, error: Exception) -> Break:
    def fail(*_given: object, **_more: object) -> None:
        raise error

    return lambda patch: patch.setattr(where, name, fail)


def without_details(patch: pytest.MonkeyPatch) -> None:
    real = exif._inserted
    patch.setattr(exif, "_inserted", lambda jpeg, picture, _details: real(jpeg, picture, {}))


BREAKS: dict[str, tuple[Break, Problem]] = {
    "too_old": (
        lambda patch: patch.delattr(simplejpeg, "encode_jpeg_yuv_planes"),  # as simplejpeg 1.7
        problem("unsaved_jpeg", "AttributeError"),
    ),
    "not_importable": (
        lambda patch: patch.setitem(sys.modules, "simplejpeg", None),
        problem("unsaved_jpeg", "ModuleNotFoundError"),
    ),
    "other_arguments": (
        lambda patch: patch.setattr(simplejpeg, "encode_jpeg_yuv_planes", lambda _y: b""),
        problem("unsaved_jpeg", "TypeError"),
    ),
    "no_whole_jpeg": (
        lambda patch: patch.setattr(simplejpeg, "encode_jpeg_yuv_planes", lambda *_: os.urandom(9)),
        problem("unsaved_jpeg", "EncodeError"),
    ),
    "encoder_memory": (
        raises(simplejpeg, "encode_jpeg_yuv_planes", MemoryError()),
        problem("unsaved_ram", "MemoryError"),
    ),
    "exif": (raises(exif, "_table", ValueError("no")), problem("unsaved_exif", "ValueError")),
    "exif_memory": (raises(exif, "_table", MemoryError()), problem("unsaved_ram", "MemoryError")),
    "hash": (raises(PhotoName, "of", ValueError("unsupported hash")), problem("unsaved_defect", "ValueError")),
    "zone": (raises(Spool, "now_trusted_ms", KeyError("UTC")), problem("unsaved_defect", "KeyError")),
    "efbig": (refuse(errno.EFBIG), problem("unsaved_limit", "File too large")),
    "enomem": (refuse(errno.ENOMEM), problem("unsaved_ram", "Cannot allocate memory")),
    "eio": (refuse(errno.EIO), problem("unsaved_card", "Input/output error")),
    "eacces": (refuse(errno.EACCES), problem("unsaved_card", "Permission denied")),
    "enospc": (refuse(errno.ENOSPC), problem("card_full")),
    "edquot": (refuse(errno.EDQUOT), problem("card_full")),
    "erofs": (refuse(errno.EROFS), problem("card_readonly")),
}


def tries(bench: Bench, frame: Frame) -> SaveTested:
    """What the test photo of this frame said. The saver then waits for the next."""
    saver = bench.saver or bench.start()
    saver.try_saving(frame)
    del frame
    came = bench.told.get(timeout=PATIENCE_S)
    assert isinstance(came, SaveTested)
    bench.settle()
    return came


def files(bench: Bench) -> set[str]:
    folders = {bench.spool.directory / name for name in FOLDERS}
    return {path.name for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", BREAKS)
def test_f16_photo_and_test_photo_fail_for_the_same_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    breaks, reason = BREAKS[how]
    bench.start()
    with monkeypatch.context() as patched:
        breaks(patched)
        for number in range(3):
            came = bench.save(grey_frame(number * S))
            assert isinstance(came, SavingFailed) and came.reason == reason
        assert tries(bench, grey_frame(S)) == SaveTested(reason)
    assert bench.photos() == []
    assert tries(bench, grey_frame(S)) == SaveTested(None)
    assert bench.save(grey_frame(9 * S)) == Saved(1)


def test_f16_exif_without_its_details_fails_the_test_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    without_details(monkeypatch)
    assert tries(bench, grey_frame(S)) == SaveTested(problem("unsaved_exif", "ExifNotWritten"))


def prepare(bench: Bench) -> None:
    saver, done = bench.saver or bench.start(), threading.Event()
    saver.prepare()
    saver._jobs.put(done.set)
    assert done.wait(PATIENCE_S)


def test_folders_are_made_and_synced_before_the_frame_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card takes some milliseconds for each, and the camera longer for its first frame."""
    prepare(bench)
    assert not list((bench.spool.directory / NEW).rglob("*.jpg"))
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_directory", synced.append)
    assert tries(bench, grey_frame(S)) == SaveTested(None)
    assert synced == [bench.spool.directory / NEW / f"{bench.spool.boot:04d}"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EROFS, "card_readonly"), (errno.ENOSPC, "card_full"), (errno.EIO, "unsaved_card")],
)
def test_f16_a_card_that_refuses_folders_fails_the_test_photo(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(durable, "make_directories", refused)
        patched.setattr(durable, "replace", refused)
        prepare(bench)
        found = tries(bench, grey_frame(S)).reason
        assert found is not None
        assert (
            found.code == {errno.EROFS: "card_readonly", errno.ENOSPC: "card_full", errno.EIO: "unsaved_card"}[number]
        )
    assert bench.told.empty()
    assert tries(bench, grey_frame(S)) == SaveTested(None)


def test_f16_a_test_photo_goes_a_photo_s_way_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moved = durable.move, dict[Path, bytes]()

    def note(source: Path, target: Path) -> None:
        real(source, target)
        moved[target.relative_to(bench.spool.directory)] = target.read_bytes()

    monkeypatch.setattr(durable, "move", note)
    before = files(bench)
    released: list[str] = []
    saver = bench.start()
    assert tries(bench, grey_frame(S, lambda: released.append("release"))) == SaveTested(None)
    context, photo = Path(CONTEXTS, f"{PARTY.id}.json"), moved[Path(NEW, "0001", TEST_PHOTO)]
    assert moved.keys() == {context, Path(NEW, "0001", TEST_PHOTO)}
    assert released == ["release"]
    assert (files(bench), saver.taken) == (before | {context.name}, 0)
    (bench.spool.directory / "seen.jpg").write_bytes(photo)
    with Image.open(bench.spool.directory / "seen.jpg") as seen:
        seen.load()
        assert seen.size == (64, 48)
        assert seen.getexif().get_ifd(0x8769)[0xA420] == NO_PHOTO
    assert bench.save(grey_frame(2 * S)) == Saved(1)
    assert [name.seq for name in bench.photos()] == [1], "a test photo has no number"


def test_f16_found_in_lost_and_found_a_test_photo_is_no_photo() -> None:
    assert identity_in(NO_PHOTO) is None


@pytest.mark.parametrize("goes_well", [True, False])
def test_f16_the_frame_of_a_test_photo_is_not_kept(bench: Bench, goes_well: bool) -> None:
    frame = grey_frame(S) if goes_well else broken_frame([])
    seen = weakref.ref(frame)
    bench.start().try_saving(frame)
    del frame
    bench.told.get(timeout=PATIENCE_S)
    gc.collect()
    assert seen() is None


def test_f16_what_an_earlier_test_left_is_in_nobody_s_way(bench: Bench) -> None:
    left = bench.spool.directory / TMP / TEST_PHOTO
    left.write_bytes(b"half a test pho")
    assert tries(bench, grey_frame(S)) == SaveTested(None)
    assert not left.exists()


def test_f16_folders_that_were_tidied_away_are_made_again(bench: Bench) -> None:
    (bench.spool.directory / TMP).rmdir()
    assert tries(bench, grey_frame(S)) == SaveTested(None)


def test_f16_s01_on_a_full_card_a_test_photo_makes_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    name = take(bench.spool, jpeg())
    handover.mark_sent(bench.spool, name)
    waits = take(bench.spool, jpeg(1))
    real = durable.write_new

    def full_until_there_is_room(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        if bench.spool.path(name, SENT).exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content, mode)

    monkeypatch.setattr(durable, "write_new", full_until_there_is_room)
    assert tries(bench, grey_frame(S)) == SaveTested(None)
    assert list(bench.spool.names(SENT)) == []
    assert list(bench.spool.names(NEW)) == [waits]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_f16_s01_where_no_room_helps_sent_photos_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A card that others fill: a test photo every half minute, all evening."""
    for content in range(2 * commit.ROOM_PHOTOS + 1):
        handover.mark_sent(bench.spool, take(bench.spool, jpeg(content)))

    def sent() -> int:
        return len(list(bench.spool.names(SENT)))

    for left in (commit.ROOM_PHOTOS + 1, 1):  # once in each fault
        with monkeypatch.context() as patched:
            refuse(number)(patched)
            for _ in range(3):
                assert tries(bench, grey_frame(S)) == SaveTested(problem("card_full"))
                assert sent() == left
        assert tries(bench, grey_frame(S)) == SaveTested(None)
    refuse(number)(monkeypatch)
    assert tries(bench, grey_frame(S)) == SaveTested(problem("card_full"))
    assert sent() == 0


def test_f16_s01_a_guest_s_photo_makes_room_after_a_test(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in range(2 * commit.ROOM_PHOTOS):
        handover.mark_sent(bench.spool, take(bench.spool, jpeg(content)))
    real = durable.write_new

    def full_until_there_is_room(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        if next(bench.spool.names(SENT), None) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content, mode)

    monkeypatch.setattr(durable, "write_new", full_until_there_is_room)
    assert tries(bench, grey_frame(S)) == SaveTested(problem("card_full"))
    assert isinstance(bench.save(grey_frame(2 * S)), Saved)
