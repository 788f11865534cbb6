"""The mistakes that the crash tests are there to catch: each puts one into the real code.

Together with the syncs that are left out one by one (`Recording.without_sync`) they are the proof that the tests can
fail. A mutant does all its work when nothing happens: only a cut shows it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from piboothup.spool import commit, durable, handover, layout_version, recovery
from piboothup.spool.capture_time import boots
from piboothup.spool.contexts import Context
from piboothup.spool.listing import HELD, KEPT, NEW, PARKED, QUARANTINE, SENT, TEST_PHOTO, TMP, WITHDRAWN, Listing
from piboothup.spool.names import Identity, PhotoName, digest_of
from piboothup.spool.store import Spool
from tests.spool.crash.promises import Life, Promised
from tests.support.photos import PARTY, names_in_new

Mutant = Callable[[pytest.MonkeyPatch], None]


class Anything:
    """Equal to whatever it is compared with."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


def _write(path: Path, content: bytes, flags: int, *, sync: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, durable.FILE_MODE)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if sync:
            os.fsync(descriptor)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def _write_parts(patch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]) -> None:
    """Parts are written in this way, other files as ever."""
    real = durable.write_new

    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        if path.suffix == ".part":
            write(path, content)
        else:
            real(path, content, mode)

    patch.setattr(durable, "write_new", write_new)


def saved_is_said_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    real = commit.commit

    def told(life: Life, number: int, context: Context = PARTY) -> PhotoName:
        def early(spool: Spool, name: PhotoName, context: Context, content: bytes, *place: str) -> None:
            life.disk.tell(Promised("photo", name), frozenset({NEW}))
            real(spool, name, context, content, *place)

        patch.setattr(commit, "commit", early)
        return take(life, number, context)

    take = Life.take
    patch.setattr(Life, "take", told)


def saved_is_said_before_the_folder_is_synced(patch: pytest.MonkeyPatch) -> None:
    """Each folder is synced at the beginning of the next step."""
    due: list[Path] = []

    def move(source: Path, target: Path) -> None:
        while due:
            with contextlib.suppress(FileNotFoundError):  # the card of another life
                durable.sync_directory(due.pop())
        os.rename(source, target)
        due.append(target.parent)

    patch.setattr(durable, "move", move)


def a_part_is_renamed_before_its_bytes_are_synced(patch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes) -> None:
        _write(path, content, os.O_EXCL, sync=False)

    def move(source: Path, target: Path) -> None:
        os.rename(source, target)
        durable.sync_file(target)
        durable.sync_directory(target.parent)

    _write_parts(patch, write)
    patch.setattr(durable, "move", move)


def a_folder_is_synced_before_the_rename(patch: pytest.MonkeyPatch) -> None:
    def move(source: Path, target: Path) -> None:
        durable.sync_directory(target.parent)
        os.rename(source, target)

    patch.setattr(durable, "move", move)


def the_folder_that_is_synced_is_the_old_one(patch: pytest.MonkeyPatch) -> None:
    def make_directories(*paths: Path) -> None:
        for path in paths:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
            durable.sync_directory(path)

    patch.setattr(durable, "make_directories", make_directories)


def a_part_is_written_under_its_final_name(patch: pytest.MonkeyPatch) -> None:
    real_write, real_move = durable.write_new, durable.move

    def final(part: Path) -> Path:
        name = PhotoName.parse(part.name.removesuffix(".part"))
        assert name is not None
        return part.parent.parent / NEW / name.folder / str(name)

    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        if path.suffix == ".part":
            path = final(path)
            durable.make_directories(path.parent)
        real_write(path, content, mode)

    def move(source: Path, target: Path) -> None:
        if source.suffix == ".part" and not source.exists():
            if (placed := final(source)) != target:  # a photo that is held
                real_move(placed, target)
            durable.sync_directory(target.parent)
        else:
            real_move(source, target)

    patch.setattr(durable, "write_new", write_new)
    patch.setattr(durable, "move", move)


def a_file_is_moved_by_deleting_it_first(patch: pytest.MonkeyPatch) -> None:
    def move(source: Path, target: Path) -> None:
        content = source.read_bytes()
        os.unlink(source)
        _write(target, content, os.O_TRUNC)
        durable.sync_directory(target.parent)

    patch.setattr(durable, "move", move)


def a_file_is_moved_by_copying_it_first(patch: pytest.MonkeyPatch) -> None:
    def move(source: Path, target: Path) -> None:
        _write(target, source.read_bytes(), os.O_TRUNC)
        durable.sync_directory(target.parent)
        os.unlink(source)

    patch.setattr(durable, "move", move)


def a_file_is_replaced_in_its_place(patch: pytest.MonkeyPatch) -> None:
    def replace(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        _write(path, content, os.O_TRUNC)
        durable.sync_directory(path.parent)

    patch.setattr(durable, "replace", replace)


def a_line_is_added_by_writing_the_file_anew(patch: pytest.MonkeyPatch) -> None:
    def append_line(path: Path, line: str) -> None:
        _write(path, path.read_bytes() + b"\n" + line.encode() + b"\n", os.O_TRUNC)

    patch.setattr(durable, "append_line", append_line)


def a_short_write_is_taken_for_a_whole_one(patch: pytest.MonkeyPatch) -> None:
    def once(descriptor: int, content: bytes) -> None:
        os.write(descriptor, content)

    patch.setattr(durable, "_write_all", once)


def a_full_card_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    for name in ("_reserve", "_write_all"):
        real = getattr(durable, name)

        def careless(*given: Any, real: Callable[..., None] = real) -> None:
            with contextlib.suppress(OSError):
                real(*given)

        patch.setattr(durable, name, careless)


def a_failed_sync_is_tried_again_on_the_same_inode(patch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes) -> None:
        _write(path, content, os.O_EXCL, sync=False)
        try:
            durable.sync_file(path)
        except OSError:
            durable.sync_file(path)

    _write_parts(patch, write)


def a_failed_sync_is_passed_over(patch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes) -> None:
        _write(path, content, os.O_EXCL, sync=False)
        with contextlib.suppress(OSError):
            durable.sync_file(path)

    _write_parts(patch, write)


def the_context_is_written_after_its_photo(patch: pytest.MonkeyPatch) -> None:
    real, write = commit.commit, commit._write_context

    def late(spool: Spool, name: PhotoName, context: Context, content: bytes, *place: str) -> None:
        real(spool, name, context, content, *place)
        write(spool, context)

    patch.setattr(commit, "_write_context", lambda _spool, _context: None)
    patch.setattr(commit, "commit", late)


def the_recovery_believes_every_part(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "_read", lambda _: (Anything(), False))


def the_recovery_deletes_torn_parts(patch: pytest.MonkeyPatch) -> None:
    real = durable.move

    def move(source: Path, target: Path) -> None:
        if source.suffix == ".part" and target.parent.name == QUARANTINE:
            os.unlink(source)
        else:
            real(source, target)

    patch.setattr(durable, "move", move)


def the_recovery_empties_tmp(patch: pytest.MonkeyPatch) -> None:
    def drop(_: Spool, part: Path, _name: PhotoName) -> bool:
        durable.remove(part)
        return True

    patch.setattr(recovery, "_salvage", drop)


def the_recovery_leaves_tmp_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "recover", lambda *_, **_more: recovery.Recovered())


def the_recovery_takes_a_test_photo_for_a_photo(patch: pytest.MonkeyPatch) -> None:
    real = recovery._tidy

    def tidy(spool: Spool) -> None:
        for left in spool.listing.test_photos():
            if left.exists() and left.read_bytes():
                name = PhotoName(spool.box, spool.boot, 77, 1, PARTY.id, digest_of(left.read_bytes()))
                durable.make_directories(spool.path(name).parent)
                durable.move(left, spool.path(name))
        real(spool)

    patch.setattr(recovery, "_tidy", tidy)


def the_recovery_leaves_test_photos_in(place: str, patch: pytest.MonkeyPatch) -> None:
    real = Listing.test_photos
    patch.setattr(Listing, "test_photos", lambda listing: (path for path in real(listing) if place not in path.parts))


def the_recovery_leaves_test_photos_in_tmp(patch: pytest.MonkeyPatch) -> None:
    the_recovery_leaves_test_photos_in(TMP, patch)


def the_recovery_leaves_test_photos_in_new(patch: pytest.MonkeyPatch) -> None:
    the_recovery_leaves_test_photos_in(NEW, patch)


def a_test_photo_gets_a_photos_name(patch: pytest.MonkeyPatch) -> None:
    real = commit._put

    def put(
        spool: Spool,
        name: PhotoName,
        context: Context,
        content: bytes,
        part: Path,
        target: Path,
        room: Callable[[], int],
        *place: str,
    ) -> None:
        placed = spool.path(name) if target.name == TEST_PHOTO else target
        real(spool, name, context, content, part, placed, room, *place)

    patch.setattr(commit, "_put", put)
    patch.setattr(durable, "check_kept", lambda *_: None)  # there is nothing where it looks


def a_number_is_given_before_its_file_is_there(patch: pytest.MonkeyPatch) -> None:
    real = boots.add_start

    def register(directory: Path, boot_id: str, box: str, highest_seen: int) -> int:
        latest = max(boots.numbers(directory), default=0)
        if latest and boots.read(directory, latest).boot_id == boot_id:
            return latest
        number = max(latest, highest_seen) + 1
        lines[number] = json.dumps({"boot": number, "boot_id": boot_id, "box": box}).encode() + b"\n"
        return number

    def add_start(directory: Path, number: int, service: str, boottime_ms: int, next_seq: int) -> None:
        with contextlib.suppress(FileExistsError):
            durable.write_new(boots.path_of(directory, number), lines[number], durable.SHARED_FILE_MODE)
            durable.sync_directory(directory)
        real(directory, number, service, boottime_ms, next_seq)

    lines: dict[int, bytes] = {}
    patch.setattr(boots, "register", register)
    patch.setattr(boots, "add_start", add_start)


def a_photo_is_parked_before_its_reason_is(patch: pytest.MonkeyPatch) -> None:
    def park(spool: Spool, name: PhotoName, sentence: str) -> None:
        durable.move(spool.path(name), spool.path(name, PARKED))
        durable.replace(spool.path(name, PARKED).with_suffix(".txt"), sentence.encode() + b"\n")

    patch.setattr(handover, "park", park)


def a_reason_goes_before_its_photo(patch: pytest.MonkeyPatch) -> None:
    def retry_parked(spool: Spool) -> int:
        names = list(spool.names(PARKED))
        for name in names:
            durable.remove(spool.path(name, PARKED).with_suffix(".txt"))
            durable.move(spool.path(name, PARKED), spool.path(name))
        return len(names)

    patch.setattr(handover, "retry_parked", retry_parked)


def a_sent_photo_is_deleted_before_it_is_counted(patch: pytest.MonkeyPatch) -> None:
    def retire(spool: Spool, names: Sequence[PhotoName]) -> int:
        for name in names:
            durable.remove(spool.path(name, SENT))
            boots.add_retired(spool.directory / "boots", name.boot, [name])
        return len(names)

    patch.setattr(handover, "retire", retire)


def room_is_made_by_deleting_what_waits(patch: pytest.MonkeyPatch) -> None:
    def make_room(spool: Spool, photos: int) -> int:
        waiting = names_in_new(spool)[:photos]
        for name in waiting:
            durable.remove(spool.path(name))
        return len(waiting)

    patch.setattr(commit, "make_room", make_room)


def a_photo_is_held_before_the_layout_is_raised(patch: pytest.MonkeyPatch) -> None:
    real, raise_it = commit.commit, layout_version.raise_to_newest

    def late(spool: Spool, name: PhotoName, context: Context, content: bytes, *place: str) -> None:
        real(spool, name, context, content, *place)
        if place:
            raise_it(spool.directory)

    patch.setattr(layout_version, "raise_to_newest", lambda _directory: None)
    patch.setattr(commit, "commit", late)


def a_photo_is_taken_back_by_way_of_new(patch: pytest.MonkeyPatch) -> None:
    real = handover.move_held

    def by_way_of_new(spool: Spool, name: PhotoName, place: str) -> None:
        real(spool, name, NEW)
        if place != NEW:
            spool.make_folder(place, name)
            os.rename(spool.path(name), spool.path(name, place))

    patch.setattr(handover, "move_held", by_way_of_new)


def a_photo_that_is_held_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handover, "release_held", lambda *_: (0, []))


def an_original_goes_before_its_copy_is_there(patch: pytest.MonkeyPatch) -> None:
    def early(spool: Spool, result: Identity, originals: Sequence[PhotoName], content: bytes) -> PhotoName:
        name, context = PhotoName.of(result, content), spool.context(result.context)
        assert context is not None
        for original in originals:
            handover.release_original(spool, original)
        spool.session.begun.add(name.order)
        commit.commit(spool, name, context, content)
        return name

    patch.setattr(commit, "commit_composed", early)


def an_original_that_is_kept_is_deleted(patch: pytest.MonkeyPatch) -> None:
    real = handover.release_original

    def delete(spool: Spool, name: PhotoName, **more: bool) -> bool:
        sends = real(spool, name, **more)
        if not sends:
            durable.remove(spool.path(name, KEPT))
        return sends

    patch.setattr(handover, "release_original", delete)


def an_original_that_is_kept_is_sent(patch: pytest.MonkeyPatch) -> None:
    def send(spool: Spool, name: PhotoName, **_more: bool) -> bool:
        handover.move_held(spool, name, NEW)
        return True

    patch.setattr(handover, "release_original", send)


def a_copy_that_is_there_is_made_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handover, "numbers_made", lambda _spool, _boot: set())


def a_copy_has_no_number_of_its_own(patch: pytest.MonkeyPatch) -> None:
    real = Spool.next_identity
    patch.setattr(Spool, "next_identity", lambda spool, at_ms, context, **_: real(spool, at_ms, context))


def a_copys_number_is_forgotten_at_the_start(patch: pytest.MonkeyPatch) -> None:
    real = Spool.start

    def start(spool: Spool, service: str) -> None:
        real(spool, service)
        held = max((name.seq for name in spool.names(HELD) if name.boot == spool.boot), default=0)
        spool.session.last_seq -= held == spool.session.last_seq - 1

    patch.setattr(Spool, "start", start)


def a_frame_in_force_is_not_noted(patch: pytest.MonkeyPatch) -> None:
    def note_composition(spool: Spool, frame: str, *, originals: bool, shots: int = 0) -> None:
        spool.session.composition = boots.Composition(spool.session.last_seq + 1, frame, originals, shots)
        spool.session.last_seq += bool(shots)

    patch.setattr(commit, "note_composition", note_composition)


def a_restored_photo_gets_no_copy(patch: pytest.MonkeyPatch) -> None:
    def restore(spool: Spool, name: PhotoName) -> None:
        spool.make_folder(NEW, name)
        durable.move(spool.path(name, WITHDRAWN), spool.path(name))

    patch.setattr(handover, "restore", restore)


def a_torn_copy_is_set_aside(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recovery, "_is_composed_of_held", lambda _spool, _name: False)


def a_series_is_noted_after_its_first_photo(patch: pytest.MonkeyPatch) -> None:
    real_add, real_commit = boots.add_composition, commit.commit
    due: list[tuple[Path, int, boots.Composition]] = []

    def late(spool: Spool, name: PhotoName, context: Context, content: bytes, *place: str) -> None:
        real_commit(spool, name, context, content, *place)
        while due:
            real_add(*due.pop())

    def add(directory: Path, number: int, composition: boots.Composition) -> None:
        if composition.shots:
            due.append((directory, number, composition))
        else:
            real_add(directory, number, composition)

    patch.setattr(boots, "add_composition", add)
    patch.setattr(commit, "commit", late)


def photos_leave_before_their_strip_is_there(patch: pytest.MonkeyPatch) -> None:
    real = commit.commit_composed

    def early(spool: Spool, result: Identity, originals: Sequence[PhotoName], content: bytes) -> PhotoName:
        if len(originals) > 1:
            handover.move_held(spool, originals[0], NEW)
            os.rename(spool.path(originals[0]), spool.path(originals[0], HELD))
        return real(spool, result, originals, content)

    patch.setattr(commit, "commit_composed", early)


def a_strip_is_not_made_after_a_cut(patch: pytest.MonkeyPatch) -> None:
    real = handover.release_held
    patch.setattr(handover, "release_held", lambda spool, frame="", **_more: real(spool, frame))


def a_strip_has_the_number_of_its_first_photo(patch: pytest.MonkeyPatch) -> None:
    real = boots.Composition.results

    def results(composition: boots.Composition, photo: Identity) -> list[Identity]:
        found = real(composition, photo)
        return [*found[:-1], photo] if composition.shots else found

    patch.setattr(boots.Composition, "results", results)


def a_photo_that_was_taken_back_is_on_the_strip(patch: pytest.MonkeyPatch) -> None:
    real = handover.release_held

    def release(spool: Spool, *given: Any, **more: Any) -> tuple[int, list[list[PhotoName]]]:
        for name in spool.names(WITHDRAWN):
            os.rename(spool.path(name, WITHDRAWN), spool.path(name, HELD))
        return real(spool, *given, **more)

    patch.setattr(handover, "release_held", release)


MUTANTS: dict[str, Mutant] = {
    mutant.__name__.replace("_", " "): mutant
    for mutant in (
        saved_is_said_before_the_commit,
        saved_is_said_before_the_folder_is_synced,
        a_part_is_renamed_before_its_bytes_are_synced,
        a_folder_is_synced_before_the_rename,
        the_folder_that_is_synced_is_the_old_one,
        a_part_is_written_under_its_final_name,
        a_file_is_moved_by_deleting_it_first,
        a_file_is_moved_by_copying_it_first,
        a_file_is_replaced_in_its_place,
        a_line_is_added_by_writing_the_file_anew,
        a_short_write_is_taken_for_a_whole_one,
        a_full_card_is_not_noticed,
        a_failed_sync_is_tried_again_on_the_same_inode,
        a_failed_sync_is_passed_over,
        the_context_is_written_after_its_photo,
        the_recovery_believes_every_part,
        the_recovery_deletes_torn_parts,
        the_recovery_empties_tmp,
        the_recovery_leaves_tmp_alone,
        the_recovery_takes_a_test_photo_for_a_photo,
        the_recovery_leaves_test_photos_in_tmp,
        the_recovery_leaves_test_photos_in_new,
        a_test_photo_gets_a_photos_name,
        a_number_is_given_before_its_file_is_there,
        a_photo_is_parked_before_its_reason_is,
        a_reason_goes_before_its_photo,
        a_sent_photo_is_deleted_before_it_is_counted,
        room_is_made_by_deleting_what_waits,
        a_photo_is_held_before_the_layout_is_raised,
        a_photo_is_taken_back_by_way_of_new,
        a_photo_that_is_held_is_forgotten,
        an_original_goes_before_its_copy_is_there,
        an_original_that_is_kept_is_deleted,
        an_original_that_is_kept_is_sent,
        a_copy_that_is_there_is_made_again,
        a_copy_has_no_number_of_its_own,
        a_copys_number_is_forgotten_at_the_start,
        a_frame_in_force_is_not_noted,
        a_torn_copy_is_set_aside,
        a_series_is_noted_after_its_first_photo,
        photos_leave_before_their_strip_is_there,
        a_strip_is_not_made_after_a_cut,
        a_strip_has_the_number_of_its_first_photo,
        a_photo_that_was_taken_back_is_on_the_strip,
        a_restored_photo_gets_no_copy,
    )
}
"""Each by the sentence that says what is wrong."""
