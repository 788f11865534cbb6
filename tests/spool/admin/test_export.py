"""Copies for people: true, complete, under good names, and nothing written to the card."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import pytest

from piboothup import text
from piboothup.spool import durable, handover, wipe_journal
from piboothup.spool.admin import export as export_module
from piboothup.spool.admin.assign import assign, propose
from piboothup.spool.admin.export import Exported, count, export, safe
from piboothup.spool.admin.export_target import ExportError
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import HELD, KEPT, NEW, QUARANTINE, SENT, TMP, WITHDRAWN
from piboothup.spool.store import Spool
from tests.spool.test_faults import Room
from tests.support.clock import HandClock
from tests.support.photos import PARTY, counts, jpeg, names_in_new, open_spool, take

pytestmark = pytest.mark.slow

NOWHERE = context_for("", "", "boot-a")
ON_THE_20TH_S = 1_781_982_845.0
"""2026-06-20 21:14:05 in Berlin."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock(wall_s=ON_THE_20TH_S)


@pytest.fixture
def spool(tmp_path: Path, clock: HandClock) -> Spool:
    spool = open_spool(tmp_path / "spool", clock)
    spool.write_events([AlbumEvent("Summer Party", "abcd1234")])
    return spool


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"


def know_the_time(spool: Spool, clock: HandClock) -> None:
    spool.add_anchor(Anchor(Source.NTP, int(clock.boottime_s * 1000), int(clock.wall_s * 1000), 3))


def copies(stick: Path) -> dict[str, bytes]:
    return {str(path.relative_to(stick)): path.read_bytes() for path in stick.rglob("*") if path.is_file()}


def run(spool: Spool, stick: Path) -> tuple[int, int, list[str]]:
    done = export(spool, stick, "Booth 1", ZoneInfo("Europe/Berlin"))
    return done.copied, done.already_there, done.damaged


def test_each_photo_is_copied_under_a_name_for_people(spool: Spool, stick: Path, clock: HandClock) -> None:
    know_the_time(spool, clock)
    for number in range(3):
        take(spool, jpeg(number))
        clock.pass_s(1 if number == 0 else 0)
    assert run(spool, stick) == (3, 0, [])
    assert copies(stick) == {
        f"Summer Party/2026-06-20 21.14.05 Booth 1 {spool.box} 0001.jpg": jpeg(0),
        f"Summer Party/2026-06-20 21.14.06 Booth 1 {spool.box} 0002.jpg": jpeg(1),
        f"Summer Party/2026-06-20 21.14.06 Booth 1 {spool.box} 0003.jpg": jpeg(2),
    }


def test_e3_a_photo_that_was_taken_back_has_no_number(spool: Spool, stick: Path, clock: HandClock) -> None:
    for number, place in enumerate((NEW, HELD, NEW)):
        name = take(spool, jpeg(number), PARTY, place)
        if place == HELD:
            handover.move_held(spool, name, WITHDRAWN)
    assert run(spool, stick) == (2, 0, [])
    assert copies(stick) == {f"Summer Party/time unknown {n:04d}.jpg": jpeg(2 * n - 2) for n in (1, 2)}
    handover.restore(spool, next(spool.names(WITHDRAWN)))
    assert run(spool, stick) == (1, 2, [])


@pytest.mark.parametrize(
    ("place", "copied", "held"),
    [(NEW, True, 0), (KEPT, True, 0), (WITHDRAWN, False, 0), (HELD, False, 1)],
)
def test_e3_a_held_photo_is_copied_if_it_leaves_held_by_its_turn(
    spool: Spool, stick: Path, place: str, copied: bool, held: int
) -> None:
    """The booth runs. The photo is the first that was taken, and the last that is copied."""
    first = take(spool, jpeg(0), PARTY, HELD)
    take(spool, jpeg(1))

    def go_on(done: int, total: int) -> None:
        if done == 1 and place != HELD:
            handover.move_held(spool, first, place)

    with spool.lock("booth"):
        done = export(spool, stick, "Booth 1", on_progress=go_on)
    assert (done.copied, done.held, done.damaged) == (1 + copied, held, [])
    assert (jpeg(0) in copies(stick).values()) is copied


@pytest.mark.parametrize(
    ("age_s", "boot", "copied"), [(0, "boot-a", 0), (290, "boot-a", 0), (310, "boot-a", 1), (0, "boot-b", 1)]
)
def test_e4_a_photo_that_stays_held_is_copied(
    spool: Spool, stick: Path, clock: HandClock, age_s: float, boot: str, copied: int
) -> None:
    """The booth runs, and can't move it: the card is read-only, and is to be changed."""
    take(spool, jpeg(0), PARTY, HELD)
    clock.pass_s(age_s)
    if boot != clock.boot_id():
        clock.power_on(boot)
    with spool.lock("booth"):
        done = export(spool, stick, "Booth 1")
    assert (done.copied, done.held) == (copied, 1 - copied)


def test_e3_a_photo_that_the_booth_writes_is_not_copied(spool: Spool, stick: Path) -> None:
    """It lies whole in tmp/, and its guest may be about to take it back. Without the booth it is what a cut left."""
    name = take(spool, jpeg(0), PARTY, HELD)
    spool.path(name, HELD).rename(spool.directory / TMP / f"{name}.part")
    with spool.lock("booth"):
        assert run(spool, stick) == (0, 0, [])
    assert run(spool, stick) == (1, 0, [])


def test_a_photo_of_an_unknown_time_says_so(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    assert list(copies(stick)) == ["Summer Party/time unknown 0001.jpg"]


def test_numbers_go_on_over_boots_and_over_photos_that_made_room(spool: Spool, stick: Path, clock: HandClock) -> None:
    first = take(spool, jpeg(1))
    take(spool, jpeg(2))
    handover.mark_sent(spool, first)
    handover.retire(spool, [first])
    clock.power_on("boot-b")
    again = open_spool(spool.directory, clock)
    take(again, jpeg(3))
    run(again, stick)
    assert copies(stick) == {
        "Summer Party/time unknown 0002.jpg": jpeg(2),
        "Summer Party/time unknown 0003.jpg": jpeg(3),
    }


def test_export_copies_from_every_folder_moves_none(spool: Spool, stick: Path) -> None:
    new, sent, parked = (take(spool, jpeg(number)) for number in range(3))
    handover.mark_sent(spool, sent)
    handover.park(spool, parked, "EventPics refuses it.")
    before = counts(spool)
    assert run(spool, stick) == (3, 0, [])
    assert counts(spool) == before
    assert spool.path(new).read_bytes() == jpeg(0)


def test_each_event_has_its_folder_also_when_titles_are_the_same(spool: Spool, stick: Path) -> None:
    spool.write_events(
        [AlbumEvent("Party?", "abcd1234"), AlbumEvent("party*", "wxyz9876"), AlbumEvent("Damaged", "third123")]
    )
    take(spool, jpeg(1))
    take(spool, jpeg(2), context_for("wxyz9876", "", ""))
    take(spool, jpeg(3), context_for("third123", "", ""))
    take(spool, jpeg(4), context_for("unseen99", "", ""))
    take(spool, jpeg(5), NOWHERE)
    run(spool, stick)
    assert sorted(path.name for path in stick.iterdir()) == [
        "Damaged third123",
        f"No event {NOWHERE.id}",
        "Party-",
        "party- wxyz9876",
        "unseen99",
    ]


def test_no_two_events_share_a_folder_whatever_they_are_called(spool: Spool, stick: Path) -> None:
    titles = ["Summer Party b2", "SUMMER PARTY B2 b2", "Summer Party", "summer party", "Damaged"]
    events = [
        AlbumEvent(title, link_id) for title, link_id in zip(titles, ["x1", "x2", "a1", "b2", "c3"], strict=True)
    ]
    spool.write_events(events)
    for number, event in enumerate(events):
        take(spool, jpeg(number), context_for(event.link_id, "", ""))
    assert run(spool, stick) == (5, 0, [])
    folders = [path.name for path in stick.iterdir()]
    assert len({name.casefold() for name in folders}) == 5
    assert [len(list(path.iterdir())) for path in stick.iterdir()] == [1] * 5
    assert "damaged" not in {name.casefold() for name in folders}


def test_the_albums_of_an_event_share_its_folder_and_its_numbers(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    take(spool, jpeg(2), context_for("abcd1234", "a2", ""))
    run(spool, stick)
    assert sorted(copies(stick)) == ["Summer Party/time unknown 0001.jpg", "Summer Party/time unknown 0002.jpg"]


def test_an_assigned_photo_lies_with_its_new_event(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1), NOWHERE)
    assign(spool, propose(spool, NOWHERE.id, "abcd1234"))
    run(spool, stick)
    assert list(copies(stick)) == ["Summer Party/time unknown 0001.jpg"]


# -- going on ------------------------------------------------------------------------------------------------------


def test_a_second_export_copies_only_what_is_new(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    take(spool, jpeg(2))
    assert run(spool, stick) == (1, 1, [])
    assert run(spool, stick) == (0, 2, [])


def test_export_photo_of_later_known_time_or_number_copied_once(spool: Spool, stick: Path, clock: HandClock) -> None:
    take(spool, jpeg(1), NOWHERE)
    take(spool, jpeg(2))
    run(spool, stick)
    know_the_time(spool, clock)
    assign(spool, propose(spool, NOWHERE.id, "abcd1234"))
    assert run(spool, stick) == (1, 1, [])
    party = [content for name, content in copies(stick).items() if name.startswith("Summer Party")]
    assert sorted(party) == sorted([jpeg(1), jpeg(2)])


def test_the_same_picture_twice_is_two_copies_also_after_a_break(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    take(spool, jpeg(1))
    run(spool, stick)
    (stick / "Summer Party" / "time unknown 0001.jpg").unlink()
    assert run(spool, stick) == (1, 1, [])
    assert list(copies(stick).values()) == [jpeg(1), jpeg(1)]


def test_a_broken_copy_is_made_anew(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    copy = stick / "Summer Party" / "time unknown 0001.jpg"
    for broken in (b"", jpeg(1)[:500], b"\0" * len(jpeg(1)), jpeg(1)[:500] + b"\0" * (len(jpeg(1)) - 500)):
        copy.write_bytes(broken)
        assert run(spool, stick) == (1, 0, [])
        assert copies(stick) == {"Summer Party/time unknown 0001.jpg": jpeg(1)}


@pytest.mark.parametrize("left", ["PIBOOT~8.PAR", "FSCK0000.REC", "piboothup.part"])
@pytest.mark.parametrize("named", [None, b"", jpeg(1)[:500]], ids=["no name", "empty", "half"])
def test_e4_a_part_under_another_name_is_no_copy(spool: Spool, stick: Path, left: str, named: bytes | None) -> None:
    """FAT keeps the short name alone of a part whose stick is pulled as it is named, and its copy is empty."""
    take(spool, jpeg(1))
    folder = stick / "Summer Party"
    folder.mkdir(parents=True)
    (folder / left).write_bytes(jpeg(1))
    if named is not None:
        (folder / "time unknown 0001.jpg").write_bytes(named)
    assert run(spool, stick) == (1, 0, [])
    assert copies(stick) == {"Summer Party/time unknown 0001.jpg": jpeg(1), f"Summer Party/{left}": jpeg(1)}
    assert run(spool, stick) == (0, 1, [])


@pytest.mark.parametrize("other", ["Best.jpg", "2026-1~3.JPG", "best.jpeg"])
def test_e4_a_broken_copy_is_made_anew_beside_a_good_one(spool: Spool, stick: Path, other: str) -> None:
    take(spool, jpeg(1))
    folder = stick / "Summer Party"
    folder.mkdir(parents=True)
    (folder / other).write_bytes(jpeg(1))
    assert run(spool, stick) == (0, 1, [])
    (folder / "time unknown 0001.jpg").write_bytes(b"")
    assert run(spool, stick) == (1, 0, [])
    assert (folder / "time unknown 0001.jpg").read_bytes() == jpeg(1)


def test_two_boxes_on_one_stick_lose_nothing_to_each_other(spool: Spool, stick: Path, tmp_path: Path) -> None:
    other = open_spool(tmp_path / "other", HandClock(), "serial-2")
    other.write_events([AlbumEvent("Summer Party", "abcd1234")])
    for number in range(2):
        take(spool, jpeg(number))
        take(other, jpeg(10 + number))
    for number in range(2):
        for source in (spool, other):
            done = export(source, stick, "Booth 1", UTC)
            assert done.foreign_files == ({} if number == 0 and source is spool else {"Summer Party": 2})
    assert sorted(copies(stick).values()) == sorted([jpeg(0), jpeg(1), jpeg(10), jpeg(11)])


def test_a_part_of_a_broken_off_export_is_no_hindrance(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    (stick / "Summer Party" / ".piboothup.part").write_bytes(b"half")
    take(spool, jpeg(2))
    assert run(spool, stick) == (1, 1, [])
    assert len(copies(stick)) == 2


def test_progress_is_told_photo_by_photo(spool: Spool, stick: Path) -> None:
    for number in range(3):
        take(spool, jpeg(number))
    told: list[tuple[int, int]] = []
    export(spool, stick, "Booth 1", UTC, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# -- damage --------------------------------------------------------------------------------------------------------


def test_a_damaged_photo_is_named_and_kept_apart(spool: Spool, stick: Path) -> None:
    name, whole = take(spool, jpeg(1)), take(spool, jpeg(2))
    content = bytearray(jpeg(1))
    content[700] ^= 1
    spool.path(name).write_bytes(content)
    damaged = f"Damaged/time unknown 0001 {name.file_name}"
    for expected in ((1, 0), (0, 1)):
        assert run(spool, stick) == (*expected, [f"{name.file_name} has changed on the card"])
        assert copies(stick) == {"Summer Party/time unknown 0002.jpg": jpeg(2), damaged: bytes(content)}
    assert names_in_new(spool) == [name, whole]


def test_what_is_in_quarantine_is_offered_apart_too(spool: Spool, stick: Path) -> None:
    name = take(spool, jpeg(1))
    spool.path(name).write_bytes(jpeg(1)[:600])
    handover.quarantine(spool, name)
    assert run(spool, stick) == (0, 0, [f"{name.file_name} has changed on the card"])
    assert copies(stick) == {f"Damaged/time unknown 0001 {name.file_name}": jpeg(1)[:600]}


def test_a_whole_copy_elsewhere_is_taken_for_a_damaged_one(spool: Spool, stick: Path) -> None:
    name = take(spool, jpeg(1))
    handover.quarantine(spool, name)
    spool.path(name, QUARANTINE).write_bytes(b"\xff\xd8damaged")
    spool.path(name, NEW).write_bytes(jpeg(1))
    assert run(spool, stick) == (1, 0, [])


def test_p04_export_copies_whole_tmp_leftover_not_half_part(spool: Spool, stick: Path) -> None:
    whole, half = take(spool, jpeg(1)), take(spool, jpeg(2))
    for name in (whole, half):
        os.rename(spool.path(name), spool.directory / TMP / f"{name}.part")
    os.truncate(spool.directory / TMP / f"{half}.part", 500)
    assert run(spool, stick) == (1, 0, [])
    assert list(copies(stick).values()) == [jpeg(1)]


def test_s06_export_unreadable_photo_blocks_no_other(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, _ = take(spool, jpeg(1)), take(spool, jpeg(2))
    real = text.open_file

    def open_file(path: Path) -> BinaryIO:
        if path == spool.path(bad):
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr(export_module, "open_file", open_file)
    assert run(spool, stick) == (1, 0, [f"{bad.file_name} can't be read (Input/output error)"])


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo], ids=["link", "pipe"])
def test_s13_export_non_file_of_photo_name_not_followed_no_wait(
    spool: Spool, stick: Path, make: Callable[[Path], None]
) -> None:
    photo, odd = take(spool, jpeg(1)), take(spool, jpeg(2))
    spool.path(odd).unlink()
    make(spool.path(odd))
    assert run(spool, stick) == (1, 0, [])
    assert [path.read_bytes() for path in stick.rglob("*") if path.is_file()] == [jpeg(1)]
    assert spool.path(photo).exists()


def test_s13_a_pipe_on_the_stick_is_no_copy_and_not_waited_for(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    [copy] = stick.rglob("*.jpg")
    copy.unlink()
    os.mkfifo(copy)
    assert run(spool, stick)[0] == 1
    assert [path.read_bytes() for path in stick.rglob("*.jpg") if path.is_file()] == [jpeg(1)]


def test_export_photo_sent_meanwhile_found_in_new_place(spool: Spool, stick: Path) -> None:
    names = [take(spool, jpeg(number)) for number in range(5)]

    def told(done: int, _total: int) -> None:
        if done == 1:  # two more are read by now
            handover.mark_sent(spool, names[3])
            handover.mark_sent(spool, names[4])
            handover.retire(spool, names[4:])

    assert export(spool, stick, "Booth 1", UTC, told) == Exported(copied=4)


def test_c17_export_skips_photos_of_pending_wipe(spool: Spool, stick: Path) -> None:
    name, other = take(spool, jpeg(1)), take(spool, jpeg(2))
    doomed = wipe_journal.by_number([name])
    wipe_journal.write(spool.directory, wipe_journal.WipeJournal(doomed, frozenset(), frozenset()))
    assert run(spool, stick) == (1, 0, [])
    assert list(copies(stick).values()) == [jpeg(2)]
    assert other.context == name.context


# -- another box's card --------------------------------------------------------------------------------------------


def test_nothing_is_written_to_the_card(spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, by_hand = take(spool, jpeg(1)), take(spool, jpeg(2))
    handover.mark_sent(spool, name)
    os.rename(spool.path(by_hand), spool.directory / NEW / str(by_hand))

    def refused(*_given: object, **_more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for call in ("move", "remove", "write_new", "replace", "append_line", "make_directories", "lock"):
        monkeypatch.setattr(durable, call, refused)
    before = {path: path.lstat() for path in spool.directory.rglob("*")}
    assert run(Spool(spool.directory, HandClock(), "serial-9"), stick) == (2, 0, [])
    after = {path: path.lstat() for path in spool.directory.rglob("*")}
    assert {path: (stat.st_mtime_ns, stat.st_ino) for path, stat in before.items()} == {
        path: (stat.st_mtime_ns, stat.st_ino) for path, stat in after.items()
    }


def test_export_works_without_boots_and_contexts(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    for folder in ("boots", "contexts"):
        for file in (spool.directory / folder).iterdir():
            file.unlink()
        (spool.directory / folder).rmdir()
    (spool.directory / "events.json").write_bytes(b"\0" * 30)
    assert run(spool, stick) == (1, 0, [])
    assert list(copies(stick)) == [f"Unknown event {PARTY.id}/time unknown 0001.jpg"]


# -- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "folder"),
    [
        ("Anna/Ben: 20 | 06", "Anna-Ben- 20 - 06"),
        ("..", "Untitled"),
        ("", "Untitled"),
        (" . ", "Untitled"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("lpt9.1.jpg", "lpt9_.1.jpg"),
        ("COM³", "COM³_"),
        ("conin$", "conin$_"),
        ("Com1", "Com1_"),
        ("Console", "Console"),
        ("The end...", "The end"),
        ("a\nb\x1b[31m\0", "a b[31m"),
        ("Müller", "Müller"),
        ("Mu\u0308ller", "Müller"),
        ("\u202egnihtemos", "gnihtemos"),
        ("🎉 Party", "🎉 Party"),
    ],
)
def test_a_title_becomes_a_folder_that_any_file_system_takes(title: str, folder: str) -> None:
    assert safe(title) == folder


@pytest.mark.parametrize("letter", ["a", "ä", "東", "🎉", "👨‍👩‍👧"])
def test_a_long_title_is_cut_to_what_fits_between_letters(letter: str) -> None:
    cut = safe(letter * 300)
    assert cut
    assert len(cut.encode()) <= 160
    assert (letter * 300).startswith(cut.rstrip("\u200d"))


def test_a_booths_name_cannot_lead_out_of_the_folder(spool: Spool, stick: Path, clock: HandClock) -> None:
    know_the_time(spool, clock)
    take(spool, jpeg(1))
    export(spool, stick, "../" * 20 + "x" * 200, UTC)
    (copy,) = copies(stick)
    assert copy.startswith("Summer Party/2026-06-20 19.14.05")
    assert len(Path(copy).name) < 255


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EILSEQ, errno.EPERM])
def test_a_stick_that_takes_only_plain_letters_gets_plain_names(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    real_touch, real_mkdir = Path.touch, Path.mkdir

    def plain(path: Path) -> None:
        if not str(path).isascii():
            raise OSError(refusal, os.strerror(refusal))

    def touch(path: Path) -> None:
        plain(path)
        real_touch(path)

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        plain(path)
        real_mkdir(path, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "touch", touch)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    spool.write_events([AlbumEvent("Müllers Straße 東 – Łódź", "abcd1234")])
    take(spool, jpeg(1))
    assert run(spool, stick) == (1, 0, [])
    assert [path.name for path in stick.iterdir()] == ["Mullers Strasse _ - _odz"]


@pytest.mark.parametrize(
    ("refused", "booth", "shown"),
    [
        (r"[^\0-\uffff]", "Fotobox 📸", "Fotobox _"),  # vfat with iocharset=utf8: char2uni of the kernel's nls_utf8.c
        (r"[^\0-\uffff]", "Łódź", "Łódź"),
        (r"[^\0-\xff]", "Łódź", "_odz"),  # iocharset=iso8859-1
        (r"[^\0-\x7f]", "Müller", "Muller"),
    ],
)
def test_f20_a_name_that_the_stick_refuses_stops_no_export(
    spool: Spool, stick: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch, refused: str, booth: str, shown: str
) -> None:
    for owner, call in ((Path, "touch"), (Path, "mkdir"), (Path, "replace")):
        monkeypatch.setattr(owner, call, _refusing(getattr(owner, call), refused))
    take(spool, jpeg(1))
    know_the_time(spool, clock)
    assert export(spool, stick, booth, UTC).copied == 1
    (copy,) = copies(stick)
    assert f" {shown} " in copy


@pytest.mark.parametrize("title", ["Свадьба Анны", "Γάμος 💍", "結婚式"])
def test_f20_letters_stay_where_only_emoji_are_refused(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    """Else nobody could tell whose folder it is, and an export begun by an older program would begin anew."""
    for owner, call in ((Path, "touch"), (Path, "mkdir"), (Path, "replace")):
        monkeypatch.setattr(owner, call, _refusing(getattr(owner, call), r"[^\0-\uffff]"))
    spool.write_events([AlbumEvent(title, PARTY.link_id)])
    take(spool, jpeg(1))
    export(spool, stick, "Booth", UTC)
    assert [folder.name for folder in stick.iterdir()] == [title.replace("💍", "_")]


def _refusing(real: Callable[..., Any], refused: str) -> Callable[..., Any]:
    def call(*given: Any, **more: Any) -> Any:
        if any(re.search(refused, str(each)) for each in given):
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(*given, **more)

    return call


def test_export_title_file_system_refuses_replaced_by_event_id(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.mkdir

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        if path.name == "Summer Party":
            raise OSError(errno.EINVAL, "Invalid argument")
        real(path, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    take(spool, jpeg(1))
    assert run(spool, stick) == (1, 0, [])
    assert [path.name for path in stick.iterdir()] == ["Event abcd1234"]


# -- a target that can't be used -----------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [".", "new", "export/2026"])
def test_a_target_inside_the_spool_is_refused(spool: Spool, inside: str) -> None:
    take(spool, jpeg(1))
    before = sorted(spool.directory.rglob("*"))
    with pytest.raises(ExportError, match="in the spool itself"):
        run(spool, spool.directory / inside)
    assert sorted(spool.directory.rglob("*")) == before


def test_a_link_into_the_spool_is_refused_too(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    stick.symlink_to(spool.directory / SENT)
    with pytest.raises(ExportError, match="in the spool itself"):
        run(spool, stick)
    stick.unlink()
    stick.mkdir()
    (stick / "Summer Party").symlink_to(spool.directory / SENT)
    with pytest.raises(ExportError, match="in the spool itself"):
        run(spool, stick)


def test_export_target_file_or_link_loop_reported_in_sentence(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    stick.write_text("x")
    with pytest.raises(ExportError, match=r"can't be written .*: name a folder"):
        run(spool, stick)
    stick.unlink()
    stick.symlink_to(stick)
    with pytest.raises(ExportError, match="folder"):
        run(spool, stick)


def test_a_full_target_is_told_and_a_second_run_goes_on(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        take(spool, jpeg(number))
    real, written = os.fsync, []

    def fsync(descriptor: int) -> None:
        written.extend([descriptor] * stat.S_ISREG(os.fstat(descriptor).st_mode))
        if len(written) > 2:  # two copies, then the third
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ExportError, match="free some room there and run it again; it goes on"):
        run(spool, stick)
    assert sorted(copies(stick).values()) == sorted([jpeg(0), jpeg(1)])
    monkeypatch.undo()
    assert run(spool, stick) == (1, 2, [])


def test_a_second_export_to_the_same_place_waits_for_the_first(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(ExportError, match="is at work: wait until it is done"):
            run(spool, stick)

    assert export(spool, stick, "Booth 1", UTC, meanwhile).copied == 1
    assert run(spool, stick) == (0, 1, [])


def test_export_pulled_stick_ends_export_its_place_stays_empty(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    take(spool, jpeg(2), context_for("wxyz9876", "", ""))

    def pull(done: int, total: int) -> None:
        stick.rename(stick.with_name("pulled"))
        stick.mkdir()  # what a stick was mounted on is there again

    with pytest.raises(ExportError, match="put the stick back, or take another one, and run it again; it goes on"):
        export(spool, stick, "Booth 1", UTC, pull)
    assert list(stick.iterdir()) == []
    stick.rmdir()
    stick.with_name("pulled").rename(stick)
    assert run(spool, stick) == (2, 0, [])


def test_copies_on_the_spools_own_card_leave_room_for_photos(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(spool, jpeg(1))

    def room(_: int) -> Room:
        return Room(free_mb=20, inodes=5000)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstatvfs", room)
        kept_bytes = 20_000_000 - len(jpeg(1))
        with pytest.raises(ExportError, match="name a folder on a stick"):
            export(spool, stick, "Booth 1", UTC, keep_free_bytes=kept_bytes + 1)
        assert export(spool, stick, "Booth 1", UTC, keep_free_bytes=kept_bytes).copied == 1
    here = os.stat(spool.directory).st_dev
    disks = [name for name in ("/var/tmp", "/dev/shm") if os.access(name, os.W_OK) and os.stat(name).st_dev != here]  # noqa: S108
    if not disks:
        pytest.skip("no other disk here")
    with tempfile.TemporaryDirectory(dir=disks[0]) as other:
        assert export(spool, Path(other), "Booth 1", UTC, keep_free_bytes=1 << 60).copied == 1


def test_a_copy_that_reads_back_wrong_is_told_and_not_kept(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(spool, jpeg(1))
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if (path := Path(os.readlink(f"/proc/self/fd/{descriptor}"))).name == ".piboothup.part":
            path.write_bytes(path.read_bytes()[:300] + b"\0\0\0" + path.read_bytes()[303:])

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ExportError, match="does not read back as it was written"):
        run(spool, stick)
    assert copies(stick) == {}


def test_the_page_cache_is_dropped_before_a_copy_is_read_back(
    spool: Spool, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(spool, jpeg(1))
    calls: list[str] = []
    real_sync, real_advise = os.fsync, os.posix_fadvise

    def fsync(descriptor: int) -> None:
        calls.append("sync" if stat.S_ISREG(os.fstat(descriptor).st_mode) else "folder")
        real_sync(descriptor)

    def advise(descriptor: int, offset: int, length: int, advice: int) -> None:
        calls.append("drop" if advice == os.POSIX_FADV_DONTNEED else "other")
        real_advise(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "posix_fadvise", advise)
    run(spool, stick)
    assert calls == ["folder", "folder", "drop", "sync", "drop", "folder"]  # the first drop has the disk begin


def test_an_empty_spool_exports_nothing_and_says_so(spool: Spool, stick: Path) -> None:
    assert run(spool, stick) == (0, 0, [])


def test_export_aborted_whole_part_not_taken_for_copy(spool: Spool, stick: Path) -> None:
    pictures = [jpeg(number) for number in range(3)]
    for picture in pictures:
        take(spool, picture)
    (stick / "Summer Party").mkdir(parents=True)
    (stick / "Summer Party" / ".piboothup.part").write_bytes(pictures[0])
    assert run(spool, stick) == (3, 0, [])
    assert sorted(path.read_bytes() for path in stick.rglob("*") if path.is_file()) == sorted(pictures)


def test_a_part_that_is_a_link_leads_nobody_elsewhere(spool: Spool, stick: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    take(spool, jpeg(1))
    (stick / "Summer Party").mkdir(parents=True)
    (stick / "Summer Party" / ".piboothup.part").symlink_to(precious)
    assert run(spool, stick) == (1, 0, [])
    assert precious.read_text() == "keep me"


@pytest.mark.parametrize("mine", [jpeg(77) + b"a film", b"notes of the operator", jpeg(77)])
def test_an_operators_own_file_under_a_copys_name_stays(spool: Spool, stick: Path, mine: bytes) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    [copy] = stick.rglob("*.jpg")
    copy.write_bytes(mine)
    assert run(spool, stick) == (1, 0, [])
    assert sorted(path.read_bytes() for path in stick.rglob("*.jpg")) == sorted([mine, jpeg(1)])


def test_export_damaged_copy_under_longer_name_is_made_anew(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    for _ in range(2):
        run(spool, stick)
        for path in stick.rglob("*.jpg"):
            path.write_bytes(b"mine")
    assert run(spool, stick) == (1, 0, [])
    assert sorted(copies(stick).values()) == sorted([b"mine", jpeg(1)])


def test_f18_a_copy_bears_the_time_of_its_photo(
    spool: Spool, stick: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = [], os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        found = os.fstat(descriptor)
        synced.extend([found.st_mtime] if stat.S_ISREG(found.st_mode) else [])

    know_the_time(spool, clock)
    take(spool, jpeg(1))
    clock.pass_s(90)
    take(spool, jpeg(2))
    monkeypatch.setattr(os, "fsync", noted)
    run(spool, stick)
    times = [path.stat().st_mtime for path in sorted((stick / "Summer Party").iterdir())]
    assert times == [pytest.approx(ON_THE_20TH_S, abs=0.01), pytest.approx(ON_THE_20TH_S + 90, abs=0.01)]
    assert sorted(synced) == times  # the time was on the disk before the copy had its name


def test_f18_a_damaged_photo_bears_its_time_too(spool: Spool, stick: Path, clock: HandClock) -> None:
    know_the_time(spool, clock)
    spool.path(take(spool, jpeg(1))).write_bytes(jpeg(2))
    run(spool, stick)
    (path,) = (stick / "Damaged").iterdir()
    assert path.stat().st_mtime == pytest.approx(ON_THE_20TH_S, abs=0.01)


def test_f18_a_photo_of_an_unknown_time_bears_no_invented_one(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    before = stick.parent.stat().st_mtime
    run(spool, stick)
    (path,) = (stick / "Summer Party").iterdir()
    assert path.stat().st_mtime >= before


@pytest.fixture
def refuse_times(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """File systems that say this of a time can't all be had here: vfat to all but its owner, some by FUSE or net."""

    def refuse(number: int) -> None:
        def utime(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "utime", utime)

    return refuse


@pytest.mark.parametrize(
    "number",
    [errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EOVERFLOW],
    ids=lambda number: errno.errorcode[number],
)
def test_f18_a_stick_that_keeps_its_own_times_is_no_obstacle(
    spool: Spool, stick: Path, clock: HandClock, refuse_times: Callable[[int], None], number: int
) -> None:
    know_the_time(spool, clock)
    take(spool, jpeg(1))
    refuse_times(number)
    assert run(spool, stick) == (1, 0, [])
    assert run(spool, stick) == (0, 1, [])  # it is there


@pytest.mark.parametrize(
    "number", [errno.EIO, errno.ENOSPC, errno.ENODEV], ids=lambda number: errno.errorcode[number]
)
def test_f18_a_stick_that_fails_at_the_time_ends_the_export(
    spool: Spool, stick: Path, clock: HandClock, refuse_times: Callable[[int], None], number: int
) -> None:
    know_the_time(spool, clock)
    take(spool, jpeg(1))
    refuse_times(number)
    with pytest.raises(ExportError, match="can't be written"):
        run(spool, stick)


def test_f18_a_copy_that_is_there_gets_its_time_once_known(spool: Spool, stick: Path, clock: HandClock) -> None:
    take(spool, jpeg(1))
    run(spool, stick)
    (path,) = (stick / "Summer Party").iterdir()
    know_the_time(spool, clock)
    assert run(spool, stick) == (0, 1, [])
    assert path.stat().st_mtime == pytest.approx(ON_THE_20TH_S, abs=0.01)
    assert list((stick / "Summer Party").iterdir()) == [path]


BLANKS = [
    "\u00a0",
    "\n",
    "\t",
    "\r\n",
    "\u2003",
    "\u3000",
    "\u2028",
    "\u200b",
    "\ufeff",
    " \u200d ",
    "\x1f",
    "\u3164",
]


@pytest.mark.parametrize("blank", BLANKS)
def test_f20_a_folder_has_one_blank_where_a_title_has_any(spool: Spool, stick: Path, blank: str) -> None:
    spool.write_events([AlbumEvent(f"{blank}Anna{blank}&{blank}{blank}Ben{blank}", "abcd1234")])
    take(spool, jpeg(1))
    export(spool, stick, f"Booth{blank}1", UTC)
    assert [path.name for path in stick.iterdir()] == ["Anna & Ben"]
    assert safe(f"Booth{blank}1") == "Booth 1"


def test_e4_one_events_photos_are_copied_and_no_others(spool: Spool, stick: Path) -> None:
    for place in (NEW, SENT):
        name = take(spool, jpeg(len(place)))
        os.makedirs(spool.path(name, place).parent, exist_ok=True)
        os.rename(spool.path(name), spool.path(name, place))
    take(spool, jpeg(10), context_for("wxyz9876", "", ""))
    take(spool, jpeg(11), NOWHERE)
    for link_id, copied in (("abcd1234", 2), ("wxyz9876", 1), ("", 1), ("mnop5678", 0)):
        assert count(spool, link_id) == copied
        assert export(spool, stick / f"of {link_id}", "Booth 1", UTC, link_id=link_id).copied == copied


def test_e4_a_photo_taken_back_is_not_copied(spool: Spool, stick: Path) -> None:
    take(spool, jpeg(1))
    gone = take(spool, jpeg(2))
    (spool.directory / WITHDRAWN).mkdir()
    os.rename(spool.path(gone), spool.directory / WITHDRAWN / str(gone))
    assert (count(spool, "abcd1234"), run(spool, stick)) == (1, (1, 0, []))


def test_e4_what_is_confirmed_when_an_export_breaks_off_counts(spool: Spool, stick: Path) -> None:
    for number in range(3):
        take(spool, jpeg(number))

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise InterruptedError

    done = Exported()
    with pytest.raises(InterruptedError):
        export(spool, stick, "Booth 1", UTC, stop, done=done)
    assert done.copied == len(copies(stick)) == 2
    assert not list(stick.rglob("*.part*"))
    assert run(spool, stick) == (1, 2, [])
