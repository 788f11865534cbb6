"""The wipe: what goes, what stays, that a power cut at any step ends in the same state, and that nothing is left."""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from piboothup.config import GOOD_FILE, ButtonConfig, Config, EventPicsConfig, good_copy
from piboothup.spool import choices, commit, contexts, durable, handover, wipe_journal
from piboothup.spool.admin import inventory, wipe_steps
from piboothup.spool.admin.assign import assign, propose
from piboothup.spool.admin.wipe import EventPhotos, Plan, Receipt, WipeError, plan, resume_wipe, survey, wipe
from piboothup.spool.capture_time import boots
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import FOLDERS, HELD, NEW, PARKED, QUARANTINE, SENT, TMP, WITHDRAWN
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.recovery import recover
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, open_spool, take

pytestmark = pytest.mark.slow

GALA = context_for("wxyz9876", "a2", "")
NOWHERE = context_for("", "", "boot-a")
GOOD = Config(
    name="Garden",
    button=ButtonConfig(pin=22),
    eventpics=EventPicsConfig(api_key_file="/key", link_id=PARTY.link_id, album_id=PARTY.album_id),
)
NAMES = ("name", "button.pin", "eventpics.link_id")


class Cut(BaseException):
    """The plug is pulled."""


class Card:
    """A card after two parties: every kind of thing that can lie on one."""

    def __init__(self, directory: Path) -> None:
        self.clock = HandClock()
        self.spool = open_spool(directory, self.clock)
        self.party = [take(self.spool, jpeg(number), PARTY) for number in range(6)]
        self.gala = [take(self.spool, jpeg(number), GALA) for number in range(10, 13)]
        self.nowhere = take(self.spool, jpeg(20), NOWHERE)
        for name in self.party[:4]:
            handover.mark_sent(self.spool, name)
        handover.retire(self.spool, self.party[:1])
        handover.mark_sent(self.spool, self.gala[0])
        handover.retire(self.spool, self.gala[:1])
        handover.mark_sent(self.spool, self.gala[1])
        self.spool.write_events(
            [
                AlbumEvent("Müllers Hochzeit", "abcd1234", (Album("a1", "Fotobox"),)),
                AlbumEvent("The Gala", "wxyz9876"),
            ]
        )
        (directory / GOOD_FILE).write_text(good_copy.to_toml_text(GOOD, NAMES, self.spool.box))
        (directory / "choices.toml").write_text('link_id = "abcd1234"\n')
        (directory / ".events.json.712").write_text('{"events": [{"title": "Müllers Hochzeit"')
        (directory / "contexts" / f".{PARTY.id}.json.712").write_text('{"linkId": "abcd1234"')

    def leave_some_unsent(self) -> None:
        """Two of the party are not in the album: one is parked, one damaged; a third is half written."""
        handover.park(self.spool, self.party[4], "EventPics refuses it.")
        handover.quarantine(self.spool, self.party[5])
        half = take(self.spool, jpeg(7), PARTY)
        os.rename(self.spool.path(half), self.spool.directory / TMP / f"{half}.part")
        self.party.append(half)

    def send_all(self) -> None:
        """The whole party is in the album."""
        for name in self.party[4:]:
            handover.mark_sent(self.spool, name)

    def clues(self) -> list[bytes]:
        """Every text that tells of the party."""
        names = [part for name in self.party for part in (str(name).encode(), name.digest.encode())]
        return [*names, PARTY.id.encode(), b"abcd1234", "Müllers".encode(), b"M\\u00fcllers", b"Fotobox"]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "spool")


def planned(spool: Spool, event: str | None = "abcd1234", *, booth_runs: bool = False) -> Plan:
    return plan(survey(spool, booth_runs=booth_runs), event)


def of(held: list[EventPhotos], event: str) -> EventPhotos:
    return next(usage for usage in held if usage.event == event)


def found_on(directory: Path, clues: list[bytes]) -> list[str]:
    """Where a clue is left, in names or in bytes."""
    return [
        f"{path.relative_to(directory)}: {clue!r}"
        for path in directory.rglob("*")
        for clue in clues
        if clue in path.name.encode() or (path.is_file() and clue in path.read_bytes())
    ]


def lying(spool: Spool) -> dict[str, str]:
    return {str(item.name): item.place for item in inventory.take_inventory(spool.directory).items}


# -- what goes -----------------------------------------------------------------------------------------------------


def test_the_survey_counts_each_event_with_what_made_room(card: Card) -> None:
    card.leave_some_unsent()
    held = survey(card.spool, booth_runs=False)
    party, gala = of(held, "abcd1234"), of(held, "wxyz9876")
    assert (party.title, party.taken, party.in_album, len(party.unsent)) == ("Müllers Hochzeit", 7, 4, 3)
    assert (party.count(PARKED), party.count(QUARANTINE), party.count(TMP)) == (1, 1, 1)
    assert (gala.taken, gala.in_album, len(gala.unsent)) == (3, 2, 1)
    assert of(held, NOWHERE.id).taken == 1


def test_wipe_of_event_leaves_no_trace_of_it_on_card(card: Card) -> None:
    card.send_all()
    assert found_on(card.spool.directory, card.clues())
    receipt = wipe(card.spool, planned(card.spool))
    assert str(receipt) == f"Box {card.spool.box}: 6 taken, 6 in the album, 0 left"
    assert found_on(card.spool.directory, card.clues()) == []
    assert not (card.spool.directory / wipe_journal.JOURNAL).exists()


def test_the_wipe_of_an_event_leaves_the_others_as_they_are(card: Card) -> None:
    card.send_all()
    others = {name: place for name, place in lying(card.spool).items() if PARTY.id not in name}
    wipe(card.spool, planned(card.spool))
    assert lying(card.spool) == others
    assert [event.title for event in card.spool.events()] == ["The Gala"]
    assert card.spool.context_of(card.gala[2]) == GALA
    assert of(survey(card.spool, booth_runs=False), "wxyz9876").taken == 3


def test_wipe_of_all_leaves_no_trace_of_anything_on_card(card: Card) -> None:
    card.leave_some_unsent()
    clues = [*card.clues(), *(str(name).encode() for name in card.gala), GALA.id.encode(), b"wxyz9876", b"Gala"]
    clues += [str(card.nowhere).encode(), NOWHERE.id.encode()]
    receipt = wipe(card.spool, planned(card.spool, None), unsent=True)
    assert (receipt.taken, receipt.in_album, receipt.left) == (11, 6, 0)
    assert found_on(card.spool.directory, clues) == []
    assert lying(card.spool) == {}
    assert list((card.spool.directory / "contexts").iterdir()) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_f16_a_folder_that_was_tidied_away_stops_no_wipe(card: Card, folder: str) -> None:
    card.send_all()
    shutil.rmtree(card.spool.directory / folder)
    assert wipe(card.spool, planned(card.spool, None), unsent=True).left == 0
    assert lying(card.spool) == {}
    assert not (card.spool.directory / wipe_journal.JOURNAL).exists()


def test_an_unsent_photo_is_refused_and_nothing_is_touched(card: Card) -> None:
    before = {path: path.read_bytes() for path in card.spool.directory.rglob("*") if path.is_file()}
    with pytest.raises(WipeError, match="2 photos are not in the album yet: nothing was deleted"):
        wipe(card.spool, planned(card.spool))
    assert {path: path.read_bytes() for path in card.spool.directory.rglob("*") if path.is_file()} == before


def test_wipe_keeps_photo_taken_after_count_and_what_it_needs(card: Card) -> None:
    card.send_all()
    chosen = planned(card.spool)
    late = take(card.spool, jpeg(99), PARTY)
    receipt = wipe(card.spool, chosen)
    assert receipt.left == 1
    assert lying(card.spool)[str(late)] == NEW
    assert card.spool.context_of(late) == PARTY
    assert "Müllers Hochzeit" in [event.title for event in card.spool.events()]


def test_what_the_uploader_sends_between_count_and_wipe_goes_too(card: Card) -> None:
    chosen = planned(card.spool)
    card.send_all()
    assert wipe(card.spool, chosen, unsent=True).left == 0


@pytest.mark.parametrize("source", [HELD, WITHDRAWN])
def test_e3_a_photo_moving_on_while_folders_are_read_goes_too(
    card: Card, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """It comes into new/ once that was read, and leaves its folder before that is; no other photo is left."""
    moving = take(card.spool, jpeg(8), PARTY, HELD)
    if source == WITHDRAWN:
        handover.move_held(card.spool, moving, WITHDRAWN)
    chosen = planned(card.spool, booth_runs=True)
    wipe(card.spool, replace(chosen, events=tuple(without(event, moving) for event in chosen.events)), unsent=True)
    read = inventory._files

    def moves_before_its_folder_is_read(folder: Path, *rest: Any, **named: Any) -> Any:
        if folder == card.spool.directory / source and card.spool.path(moving, source).exists():
            card.spool.make_folder(NEW, moving)
            durable.move(card.spool.path(moving, source), card.spool.path(moving))
        return read(folder, *rest, **named)

    begun = monkeypatch.context()
    with begun as patched:
        real = wipe_steps.delete_photos

        def delete(*given: Any) -> None:
            patched.setattr(inventory, "_files", moves_before_its_folder_is_read)
            real(*given)

        patched.setattr(wipe_steps, "delete_photos", delete)
        receipt = wipe(card.spool, planned(card.spool, booth_runs=True), unsent=True)
    assert receipt.left == 0
    assert not list(card.spool.directory.rglob(str(moving)))


def without(event: EventPhotos, name: PhotoName) -> EventPhotos:
    """The event's photos but this one."""
    return replace(event, items=tuple(item for item in event.items if item.name != name))


def test_e2_a_copy_stored_while_a_wipe_runs_goes_too(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wipe comes to its photos between the look at the original and the writing of its copy."""
    spool, steps = card.spool, queue.SimpleQueue[str]()
    commit.note_composition(spool, "0123456789abcdef", originals=True)
    original = PhotoName.of(spool.next_identity(5, PARTY, has_copy=True), jpeg(30))
    commit.commit(spool, original, PARTY, jpeg(30), HELD)
    chosen, flock, write_new = planned(spool, booth_runs=True), fcntl.flock, durable.write_new

    def wiping() -> None:
        wipe(spool, chosen, unsent=True)
        steps.put("done")

    wiper = threading.Thread(target=wiping)

    def lock(descriptor: int, how: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if threading.current_thread() is wiper and path.endswith(commit.COMPOSING_LOCK):
            steps.put("waits")
        flock(descriptor, how)

    def write(path: Path, *given: Any, **named: Any) -> None:
        if threading.current_thread() is not wiper and path.suffix == ".part":
            wiper.start()
            assert steps.get(timeout=PATIENCE_S) == "waits"
        write_new(path, *given, **named)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(durable, "write_new", write)
    copy = commit.commit_composed(spool, original.copy, [original], jpeg(31))
    wiper.join(PATIENCE_S)
    assert steps.get(timeout=PATIENCE_S) == "done"
    assert not [*card.spool.directory.rglob(f"{copy}*"), *card.spool.directory.rglob(f"{original}*")]


def test_wipe_keeps_photo_moved_back_from_sent_to_new(card: Card) -> None:
    card.send_all()
    chosen = planned(card.spool)
    os.rename(card.spool.path(card.party[1], SENT), card.spool.path(card.party[1]))
    assert wipe(card.spool, chosen).left == 1
    assert lying(card.spool)[str(card.party[1])] == NEW


def test_a_copy_of_a_sent_photo_in_new_goes_with_it(card: Card) -> None:
    card.send_all()
    card.spool.path(card.party[1]).write_bytes(jpeg(1))
    chosen = planned(card.spool)
    assert chosen.unsent == 0
    assert wipe(card.spool, chosen).left == 0


def test_what_tells_that_the_album_has_a_photo_goes_last(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.send_all()
    copy, sent = (card.spool.path(card.party[1], place) for place in (PARKED, SENT))
    copy.write_bytes(jpeg(1))
    gone: list[Path] = []
    real = durable.remove

    def remove(path: Path) -> None:
        gone.append(path)
        real(path)

    monkeypatch.setattr(durable, "remove", remove)
    wipe(card.spool, planned(card.spool))
    assert gone.index(copy) < gone.index(sent)


def test_a_folder_under_a_photos_name_stops_no_wipe(card: Card) -> None:
    card.send_all()
    folder = card.spool.path(card.party[1])
    folder.mkdir()
    assert wipe(card.spool, planned(card.spool)).left == 0
    assert inventory.take_inventory(card.spool.directory).foreign == [folder]
    assert wipe_journal.read(card.spool.directory) is None


def test_a_photo_in_the_wrong_folder_is_found_and_wiped(card: Card) -> None:
    card.send_all()
    astray = card.spool.directory / NEW / "0077"
    astray.mkdir()
    os.rename(card.spool.path(card.party[1], SENT), astray / str(card.party[1]))
    assert planned(card.spool).unsent == 1
    wipe(card.spool, planned(card.spool), unsent=True)
    assert found_on(card.spool.directory, card.clues()) == []


def test_a_link_is_not_followed_out_of_the_spool(card: Card, tmp_path: Path) -> None:
    card.send_all()
    outside = tmp_path / "outside.jpg"
    os.rename(card.spool.path(card.party[1], SENT), outside)
    card.spool.path(card.party[1], SENT).symlink_to(outside)
    wipe(card.spool, planned(card.spool))
    assert outside.read_bytes() == jpeg(1)
    assert found_on(card.spool.directory, card.clues()) == []


def test_what_is_not_ours_stays_and_is_named(card: Card) -> None:
    debris = card.spool.directory / SENT / "0001" / "Thumbs.db"
    debris.write_bytes(b"x")
    wipe(card.spool, planned(card.spool, None), unsent=True)
    assert inventory.take_inventory(card.spool.directory).foreign == [debris]


def test_what_stands_beside_photos_that_are_gone_goes_too(card: Card) -> None:
    lost = card.spool.next_identity(1, context_for("long-ago", "", ""))
    reason = card.spool.path(PhotoName.of(lost, jpeg(99)), PARKED).with_suffix(".txt")
    reason.write_text("EventPics refuses it.")
    damaged = contexts.assigned_path(card.spool.directory / "contexts", PARTY.id)
    damaged.write_bytes(b"\0" * 40)
    wipe(card.spool, planned(card.spool, None), unsent=True)
    for path in (reason, damaged, card.spool.directory / "events.json"):
        assert not path.exists()


def test_wipe_removes_choices_and_config_of_named_event_only(card: Card) -> None:
    card.send_all()
    directory = card.spool.directory
    chosen, fresh = directory / "choices.toml", directory / ".choices.toml.712"
    fresh.write_text('link_id = "abcd1234"\n')
    wipe(card.spool, planned(card.spool, "wxyz9876"), unsent=True)
    assert (chosen.exists(), good_copy.read(directory).config) == (True, GOOD)
    wipe(card.spool, planned(card.spool, None), unsent=True, in_use={PARTY.id})
    assert (chosen.exists(), good_copy.read(directory).config) == (True, GOOD)
    wipe(card.spool, planned(card.spool))
    assert 'link_id = ""' in chosen.read_text()
    assert not fresh.exists()
    assert good_copy.read(directory).config.eventpics.link_id == ""


@pytest.mark.parametrize("chosen", ["abcd1234", None])
def test_f12_a_wipe_leaves_name_and_pins_in_the_good_copy(card: Card, chosen: str | None) -> None:
    card.send_all()
    wipe(card.spool, planned(card.spool, chosen), unsent=True)
    kept = good_copy.read(card.spool.directory)
    event = replace(GOOD.eventpics, link_id="", album_id="")
    assert (kept.config, kept.names) == (replace(GOOD, eventpics=event), ("name", "button.pin"))
    assert (kept.exists, kept.box, kept.is_beside_choices) == (True, card.spool.box, True)


def test_f12_a_wipe_of_an_id_within_another_value_keeps_it(card: Card) -> None:
    card.send_all()
    longer = replace(GOOD, name="abcd1234s", eventpics=EventPicsConfig(link_id="xabcd1234"))
    (card.spool.directory / GOOD_FILE).write_text(good_copy.to_toml_text(longer))
    (card.spool.directory / "choices.toml").write_text('config = "0abcd12345670000"\n')
    wipe(card.spool, planned(card.spool))
    assert good_copy.read(card.spool.directory).config == longer
    assert (card.spool.directory / "choices.toml").exists()


@pytest.mark.parametrize("content", [b'link_id = "abcd1234"\n[', b'"abcd1234"\0\0'])
def test_f12_a_good_copy_of_junk_goes_with_its_event(card: Card, content: bytes) -> None:
    card.send_all()
    (card.spool.directory / GOOD_FILE).write_bytes(content)
    wipe(card.spool, planned(card.spool))
    assert not (card.spool.directory / GOOD_FILE).exists()


def test_a_photo_that_is_parked_after_the_count_keeps_its_reason(card: Card) -> None:
    card.send_all()
    chosen = planned(card.spool)
    later = take(card.spool, jpeg(50), PARTY)
    handover.park(card.spool, later, "EventPics refuses it.")
    wipe(card.spool, chosen)
    assert card.spool.path(later, PARKED).with_suffix(".txt").exists()


def test_a_card_without_room_for_a_line_is_wiped_all_the_same(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(boots, "add_start", full)
    assert wipe(card.spool, planned(card.spool), unsent=True).left == 0


def test_an_unknown_event_is_told_in_a_sentence(card: Card) -> None:
    with pytest.raises(WipeError, match="The card holds nothing of party"):
        planned(card.spool, "party")


def test_photos_without_an_event_are_wiped_by_their_context(card: Card) -> None:
    wipe(card.spool, planned(card.spool, NOWHERE.id), unsent=True)
    assert found_on(card.spool.directory, [str(card.nowhere).encode(), NOWHERE.id.encode()]) == []


def test_wipe_of_assigned_event_takes_its_photos_keeps_old_event(card: Card) -> None:
    assign(card.spool, propose(card.spool, "abcd1234", "wxyz9876"))
    assert of(survey(card.spool, booth_runs=False), "wxyz9876").taken == 5
    wipe(card.spool, planned(card.spool, "wxyz9876"), unsent=True)
    assert sorted(lying(card.spool)) == sorted([*map(str, card.party[1:4]), str(card.nowhere)])
    assert contexts.read_record(card.spool.directory / "contexts", PARTY.id) == contexts.ContextRecord(PARTY)
    assert found_on(card.spool.directory, [b"wxyz9876", GALA.id.encode(), b"Gala"]) == []


def test_wipe_keeps_damaged_assignment_while_a_photo_needs_it(card: Card) -> None:
    path = contexts.assigned_path(card.spool.directory / "contexts", PARTY.id)
    path.write_bytes(b"\0" * 40)
    chosen = planned(card.spool, PARTY.id)
    late = take(card.spool, jpeg(99), PARTY)
    wipe(card.spool, chosen, unsent=True)
    assert path.exists()
    assert card.spool.context_of(late) is None


# -- a running booth -----------------------------------------------------------------------------------------------


def test_wipe_keeps_context_of_running_booth_and_receipt_says_so(card: Card) -> None:
    card.send_all()
    receipt = wipe(card.spool, planned(card.spool), in_use={PARTY.id})
    assert receipt.in_use
    assert receipt.left == 0
    assert card.spool.context_of(take(card.spool, jpeg(50), PARTY)) == PARTY


def test_a_booth_without_an_event_keeps_no_choice_from_going(card: Card) -> None:
    (card.spool.directory / "choices.toml").write_text('language = "de"\n')
    receipt = wipe(card.spool, planned(card.spool, None), unsent=True, in_use={NOWHERE.id})
    assert receipt.in_use
    assert found_on(card.spool.directory, card.clues()) == []
    assert choices.read(card.spool.directory, Config(language="de")) == Choices(link_id="", album_id="")


def test_wipe_keeps_assigned_event_of_running_booth_photos(card: Card) -> None:
    assign(card.spool, propose(card.spool, NOWHERE.id, "wxyz9876"))
    wipe(card.spool, planned(card.spool, "wxyz9876"), unsent=True, in_use={NOWHERE.id})
    later = take(card.spool, jpeg(50), NOWHERE)
    context = card.spool.context_of(later)
    assert context is not None
    assert context.link_id == "wxyz9876"
    assert "The Gala" in [event.title for event in card.spool.events()]


def test_wipe_of_kept_event_works_once_booth_is_gone(card: Card) -> None:
    card.send_all()
    wipe(card.spool, planned(card.spool), in_use={PARTY.id})
    wipe(card.spool, planned(card.spool))
    assert found_on(card.spool.directory, card.clues()) == []


def test_the_part_that_a_running_booth_is_writing_is_left_to_it(card: Card) -> None:
    card.send_all()
    half = take(card.spool, jpeg(7), PARTY)
    part = card.spool.directory / TMP / f"{half}.part"
    os.rename(card.spool.path(half), part)
    assert planned(card.spool, booth_runs=True).unsent == 0
    wipe(card.spool, planned(card.spool, booth_runs=True), in_use={PARTY.id})
    assert part.exists()


def test_no_number_comes_again_after_a_wipe_in_the_same_boot(card: Card) -> None:
    wipe(card.spool, planned(card.spool, None), unsent=True)
    again = open_spool(card.spool.directory, card.clock)
    assert again.boot == card.spool.boot
    assert take(again, jpeg(30)).seq == 11
    card.clock.power_on("boot-b")
    assert open_spool(card.spool.directory, card.clock).boot == card.spool.boot + 1


def test_wipe_with_lost_boots_file_repeats_no_boot_number(card: Card) -> None:
    boots.path_of(card.spool.directory / "boots", 1).unlink()
    wipe(card.spool, planned(card.spool, None), unsent=True)
    assert open_spool(card.spool.directory, HandClock(boot_id="boot-b")).boot == 2


def test_the_other_lines_of_a_boot_stay_byte_for_byte(card: Card) -> None:
    card.send_all()
    path = boots.path_of(card.spool.directory / "boots", 1)
    with path.open("ab") as file:
        file.write(b'\n{"source": "ntp", "boottime_ms": 1, "wal\0\n')
    before = path.read_bytes().splitlines()
    wipe(card.spool, planned(card.spool))
    after = path.read_bytes().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    assert changed == [
        (
            f'{{"retired": {{"{PARTY.id}": [1]}}, "boottime_ms": 100000, "taken_ms": {{"1": 100000}}}}'.encode(),
            b'{"retired": {"": [1]}, "boottime_ms": 100000, "taken_ms": {}}',
        )
    ]
    assert card.spool.retired(GALA.id) == {(1, 7)}


# -- power cuts ----------------------------------------------------------------------------------------------------


class Plug:
    """Pulls the plug before the n-th step that changes the card; deletions that were not yet synced are undone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._steps_left: int | None = None
        self._unsynced: dict[Path, bytes] = {}
        for name in ("remove", "move", "write_new", "append_line", "sync_directory"):
            monkeypatch.setattr(durable, name, self._stepped(name, getattr(durable, name)))

    def pull_after(self, steps: int) -> None:
        self._steps_left = steps

    def pull(self) -> None:
        for path, content in self._unsynced.items():
            path.write_bytes(content)
        self.put_back()

    def put_back(self) -> None:
        self._steps_left = None
        self._unsynced.clear()

    def _stepped(self, name: str, real: Callable[..., None]) -> Callable[..., None]:
        def stepped(path: Path, *more: object) -> None:
            if self._steps_left == 0:
                self.pull()
                raise Cut
            if self._steps_left is not None:
                self._steps_left -= 1
            if name == "remove" and path.is_file():
                self._unsynced[path] = path.read_bytes()
            real(path, *more)
            synced = {"sync_directory": path, "move": Path(str(more[0])).parent if more else path}.get(name)
            for unsynced in [unsynced for unsynced in self._unsynced if unsynced.parent == synced]:
                del self._unsynced[unsynced]

        return stepped


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    return Plug(monkeypatch)


def resumed(spool: Spool) -> Receipt | None:
    """What the booth does when the power is back."""
    receipt = resume_wipe(spool)
    recover(spool)
    return receipt


@pytest.mark.parametrize("everything", [False, True])
def test_c17_a_power_cut_at_any_step_ends_in_the_same_state(tmp_path: Path, plug: Plug, everything: bool) -> None:
    for cut_after in range(200):
        plug.put_back()
        card = Card(tmp_path / str(cut_after))
        card.leave_some_unsent()
        others = {name: place for name, place in lying(card.spool).items() if PARTY.id not in name}
        before, chosen = lying(card.spool), planned(card.spool, None if everything else "abcd1234")
        plug.pull_after(cut_after)
        try:
            wipe(card.spool, chosen, unsent=True)
        except Cut:
            plug.put_back()
            journal = wipe_journal.read(card.spool.directory)
            if journal is None and lying(card.spool) == before:
                continue  # the plug was out before the journal stood
            if journal is not None:
                resumed_receipt = resumed(card.spool)
                assert resumed_receipt is not None
                assert (resumed_receipt.taken, resumed_receipt.left) == (11 if everything else 7, 0)
            assert resume_wipe(card.spool) is None
        else:
            assert cut_after > 20
            plug.pull()
            assert found_on(card.spool.directory, card.clues()) == [], "a deletion was not made durable"
            break
        assert lying(card.spool) == ({} if everything else others), cut_after
        assert found_on(card.spool.directory, card.clues()) == [], cut_after
    else:
        pytest.fail("the wipe never came to its end")


def test_c17_cuts_within_the_resuming_end_in_the_same_state(card: Card, plug: Plug) -> None:
    card.leave_some_unsent()
    chosen = planned(card.spool)
    plug.pull_after(6)
    with pytest.raises(Cut):
        wipe(card.spool, chosen, unsent=True)
    cuts = 0
    for cut_after in range(100):
        plug.pull_after(cut_after)
        try:
            resumed(card.spool)
        except Cut:
            cuts += 1
        else:
            break
    plug.put_back()
    assert cuts > 10
    assert found_on(card.spool.directory, card.clues()) == []


def test_c17_pending_wipe_covers_counted_photos_only(card: Card, plug: Plug) -> None:
    chosen = planned(card.spool)
    late = take(card.spool, jpeg(99), PARTY)
    plug.pull_after(6)
    with pytest.raises(Cut):
        wipe(card.spool, chosen, unsent=True)
    plug.put_back()
    journal = wipe_journal.read(card.spool.directory)
    assert journal is not None
    assert all(journal.covers(name) for name in card.party[1:])
    assert not any(journal.covers(name) for name in [late, *card.gala, card.nowhere])


def test_c17_pending_wipe_photos_not_listed_by_spool(card: Card, plug: Plug) -> None:
    chosen = planned(card.spool)
    plug.pull_after(6)
    with pytest.raises(Cut):
        wipe(card.spool, chosen, unsent=True)
    plug.put_back()
    shown = {name for place in (NEW, SENT, PARKED, QUARANTINE) for name in card.spool.names(place)}
    assert shown == {*card.gala[1:], card.nowhere}


def test_a_resume_without_a_journal_does_nothing(card: Card) -> None:
    before = lying(card.spool)
    assert resume_wipe(card.spool) is None
    assert lying(card.spool) == before


@pytest.mark.parametrize("content", [b"", b"\0" * 80, b"[]", b'{"photos": 5}', b'{"photos": {"a": 1}}'])
def test_a_damaged_journal_deletes_nothing(card: Card, content: bytes) -> None:
    (card.spool.directory / wipe_journal.JOURNAL).write_bytes(content)
    before = lying(card.spool)
    assert resume_wipe(card.spool) is None
    assert lying(card.spool) == before


# -- a card that fails ---------------------------------------------------------------------------------------------


def test_wipe_undeletable_photo_blocks_no_other_resumed_later(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.send_all()
    real, stubborn = durable.remove, card.spool.path(card.party[2], SENT)

    def remove(path: Path) -> None:
        if path == stubborn:
            raise OSError(errno.EIO, "Input/output error", str(path))
        real(path)

    monkeypatch.setattr(durable, "remove", remove)
    with pytest.raises(WipeError, match=r"not finished .Input/output error.*goes on when the booth starts"):
        wipe(card.spool, planned(card.spool))
    assert [name for name in lying(card.spool) if PARTY.id in name] == [str(card.party[2])]
    monkeypatch.undo()
    assert str(resume_wipe(card.spool)) == f"Box {card.spool.box}: 6 taken, 6 in the album, 0 left"
    assert found_on(card.spool.directory, card.clues()) == []


def test_a_full_card_can_be_wiped(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.send_all()
    real_write, real_append = durable.write_new, durable.append_line
    sent = card.spool.directory / SENT / "0001"
    photos = len(list(sent.iterdir()))

    def full() -> None:
        if len(list(sent.iterdir())) == photos:
            raise OSError(errno.ENOSPC, "No space left on device")

    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        full()
        real_write(path, content, mode)

    def append_line(path: Path, line: str) -> None:
        full()
        real_append(path, line)

    monkeypatch.setattr(durable, "write_new", write_new)
    monkeypatch.setattr(durable, "append_line", append_line)
    assert wipe(card.spool, planned(card.spool)).taken == 6
    assert found_on(card.spool.directory, card.clues()) == []


def test_a_card_that_cannot_be_written_is_told_and_loses_nothing(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE, *_owner: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    card.send_all()
    before = lying(card.spool)
    monkeypatch.setattr(durable, "write_new", write_new)
    with pytest.raises(WipeError, match=r"Read-only file system., so nothing was deleted"):
        wipe(card.spool, planned(card.spool))
    assert lying(card.spool) == before


def test_wipe_unreadable_folder_stops_before_any_deletion(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.send_all()
    chosen, real = planned(card.spool), os.scandir
    before = lying(card.spool)

    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == PARKED:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(WipeError, match="parked can't be read"):
        survey(card.spool, booth_runs=False)
    with pytest.raises(WipeError, match="not finished"):
        wipe(card.spool, chosen)
    monkeypatch.undo()
    assert lying(card.spool) == before


def test_two_wipes_at_once_are_refused(card: Card) -> None:
    card.send_all()
    with durable.lock(card.spool.directory / ".wipe.lock"), pytest.raises(WipeError, match="at work"):
        wipe(card.spool, planned(card.spool))


def test_a_name_in_the_journal_survives_writing_and_reading(card: Card) -> None:
    name = PhotoName("7F3K", 3, 14, 5, PARTY.id, "0" * 16)
    wanted = wipe_journal.WipeJournal(
        wipe_journal.by_number([name, Identity("", 2, 9, 0, PARTY.id)]),
        frozenset({PARTY.id}),
        frozenset({"abcd1234"}),
        unsent=True,
        taken=2,
        in_album=1,
    )
    wipe_journal.write(card.spool.directory, wanted)
    assert wipe_journal.read(card.spool.directory) == wanted
    assert wanted.covers(name)
    assert wanted.covers_retired(2, PARTY.id, 9)
    assert not wanted.covers(PhotoName("0000", 3, 14, 5, PARTY.id, "0" * 16))
