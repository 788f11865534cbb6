"""The only way in which a waiting photo changes its album."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from piboothup.spool import contexts, durable, handover
from piboothup.spool.admin.assign import AssignError, assign, propose, record_actual_album, take_along
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import HELD, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

NOWHERE = context_for("", "", "boot-a")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = open_spool(tmp_path, HandClock())
    spool.write_events(
        [
            AlbumEvent("Summer Party", "abcd1234", (Album("a1", "Photo booth"),)),
            AlbumEvent("The Gala", "wxyz9876", (Album("g1", "Guests"),)),
        ]
    )
    return spool


def goes_to(spool: Spool, name: PhotoName) -> tuple[str, str]:
    """Linked event and album of a photo, as the uploader is to find them."""
    found = contexts.read_record(spool.directory / "contexts", name.context).context_of(name.order)
    return ("", "") if found is None else (found.link_id, found.album_id)


def test_photos_without_an_event_go_to_the_one_that_is_named(spool: Spool) -> None:
    names = [take(spool, jpeg(number), NOWHERE) for number in range(3)]
    proposed = propose(spool, NOWHERE.id, "wxyz9876/g1")
    assert (proposed.source, proposed.target) == (f"No event {NOWHERE.id}", "The Gala, Guests")
    assert (len(proposed.photos), proposed.sent, proposed.is_target_known) == (3, 0, True)
    assert assign(spool, proposed) == 3
    assert {goes_to(spool, name) for name in names} == {("wxyz9876", "g1")}
    assert spool.context(NOWHERE.id) == Context(NOWHERE.id, "wxyz9876", "g1")


def test_what_is_taken_later_without_an_event_goes_there_too(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    assign(spool, propose(spool, NOWHERE.id, "wxyz9876"))
    assert goes_to(spool, take(spool, jpeg(2), NOWHERE)) == ("wxyz9876", "")


def test_what_is_taken_later_for_an_event_stays_its_own(spool: Spool) -> None:
    moved = take(spool, jpeg(1), PARTY)
    assign(spool, propose(spool, "abcd1234", "wxyz9876"))
    later = take(spool, jpeg(2), PARTY)
    assert goes_to(spool, moved) == ("wxyz9876", "")
    assert goes_to(spool, later) == ("abcd1234", "a1")


def test_sent_photos_are_counted_and_stay_and_parked_ones_move(spool: Spool) -> None:
    sent, parked, waiting = (take(spool, jpeg(number), PARTY) for number in range(3))
    handover.mark_sent(spool, sent)
    handover.park(spool, parked, "EventPics refuses it.")
    proposed = propose(spool, PARTY.id, "wxyz9876")
    assert (proposed.photos, proposed.sent, proposed.parked) == (frozenset({parked, waiting}), 1, 1)
    assign(spool, proposed)
    assert [goes_to(spool, name)[0] for name in (sent, parked, waiting)] == ["abcd1234", "wxyz9876", "wxyz9876"]


def test_e3_a_photo_taken_back_moves_too_and_is_restored_there(spool: Spool) -> None:
    """The booth was set to another customer's event; a guest's photo is restored after that was mended."""
    waiting, taken_back = take(spool, jpeg(1), PARTY), take(spool, jpeg(2), PARTY, HELD)
    handover.move_held(spool, taken_back, WITHDRAWN)
    proposed = propose(spool, "abcd1234", "wxyz9876")
    assert proposed.photos == frozenset({waiting, taken_back})
    assert assign(spool, proposed) == 2
    assert list(spool.names(WITHDRAWN)) == [taken_back]
    handover.restore(spool, taken_back)
    assert goes_to(spool, taken_back) == ("wxyz9876", "")


def test_sent_photos_of_another_event_are_none_of_its_business(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    handover.mark_sent(spool, take(spool, jpeg(2), PARTY))
    assert propose(spool, NOWHERE.id, "wxyz9876").sent == 0


def test_assign_photo_old_album_got_meanwhile_noted_there_alone(spool: Spool) -> None:
    names = [take(spool, jpeg(number), PARTY) for number in range(3)]
    assign(spool, propose(spool, PARTY.id, "wxyz9876"))
    record_actual_album(spool, names[0], PARTY)
    assert [goes_to(spool, name) for name in names] == [("abcd1234", "a1"), ("wxyz9876", ""), ("wxyz9876", "")]
    for name in names[1:]:
        record_actual_album(spool, name, PARTY)
    assert {goes_to(spool, name) for name in names} == {("abcd1234", "a1")}
    assert "wxyz9876" not in contexts.assigned_path(spool.directory / "contexts", PARTY.id).read_text()


def test_assign_photo_without_event_sent_meanwhile_keeps_album(spool: Spool) -> None:
    names = [take(spool, jpeg(number), NOWHERE) for number in range(2)]
    assign(spool, propose(spool, NOWHERE.id, "wxyz9876"))
    record_actual_album(spool, names[0], Context(NOWHERE.id, "abcd1234", "a1"))
    later = take(spool, jpeg(3), NOWHERE)
    assert [goes_to(spool, name)[0] for name in (*names, later)] == ["abcd1234", "wxyz9876", "wxyz9876"]


def test_a_photo_that_was_sent_since_the_question_is_not_moved(spool: Spool) -> None:
    first, second = (take(spool, jpeg(number), PARTY) for number in range(2))
    proposed = propose(spool, PARTY.id, "wxyz9876")
    handover.mark_sent(spool, first)
    assert assign(spool, proposed) == 1
    assert [goes_to(spool, name)[0] for name in (first, second)] == ["abcd1234", "wxyz9876"]


def test_a_second_assignment_to_the_same_event_keeps_the_first(spool: Spool) -> None:
    first = take(spool, jpeg(1), PARTY)
    assign(spool, propose(spool, PARTY.id, "wxyz9876"))
    handover.mark_sent(spool, first)
    second = take(spool, jpeg(2), PARTY)
    proposed = propose(spool, PARTY.id, "wxyz9876")
    assert proposed.photos == {second}
    assign(spool, proposed)
    assert {goes_to(spool, name) for name in (first, second)} == {("wxyz9876", "")}


def test_assigned_photos_can_go_back(spool: Spool) -> None:
    name = take(spool, jpeg(1), PARTY)
    assign(spool, propose(spool, "abcd1234", "wxyz9876"))
    assign(spool, propose(spool, "wxyz9876", "abcd1234/a1"))
    assert goes_to(spool, name) == ("abcd1234", "a1")


def test_the_start_of_an_id_is_enough_when_only_one_has_it(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    take(spool, jpeg(2), PARTY)
    assert propose(spool, NOWHERE.id[:3], "wxyz9876").photos == propose(spool, NOWHERE.id, "wxyz9876").photos


def test_the_linkid_of_an_event_means_all_its_albums(spool: Spool) -> None:
    names = {take(spool, jpeg(1), PARTY), take(spool, jpeg(2), context_for("abcd1234", "a2", ""))}
    assert propose(spool, "abcd1234", "wxyz9876").photos == names


def test_assign_event_never_shown_by_key_named_by_id_and_marked(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    proposed = propose(spool, NOWHERE.id, "other123")
    assert (proposed.target, proposed.is_target_known) == ("other123", False)
    for target, is_known in (("wxyz9876/none", False), ("wxyz9876/g1", True), ("wxyz9876", True)):
        assert propose(spool, NOWHERE.id, target).is_target_known is is_known


def test_an_assignment_is_logged(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    take(spool, jpeg(1), NOWHERE)
    with caplog.at_level(logging.INFO):
        assign(spool, propose(spool, NOWHERE.id, "wxyz9876"))
    assert f"assigned context={NOWHERE.id} to=wxyz9876/" in caplog.messages


def test_a_power_cut_in_the_assignment_leaves_the_old_or_the_new(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = take(spool, jpeg(1), NOWHERE)
    assign(spool, propose(spool, NOWHERE.id, "wxyz9876"))

    def cut(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(durable, "move", cut)
    with pytest.raises(KeyboardInterrupt):
        assign(spool, propose(spool, NOWHERE.id, "abcd1234"))
    assert goes_to(spool, name) == ("wxyz9876", "")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 40, b"[]", b"{}", b'{"linkId": "wxyz9876", "photos": 5}', b'{"linkId": 5}']
)
def test_a_damaged_assignment_lets_its_photos_wait(spool: Spool, content: bytes) -> None:
    name = take(spool, jpeg(1), PARTY)
    contexts.assigned_path(spool.directory / "contexts", PARTY.id).write_bytes(content)
    assert goes_to(spool, name) == ("", "")
    assert spool.context_of(name) is None


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b'{"linkId": 5}'])
def test_album_that_got_a_photo_keeps_a_damaged_assignment(spool: Spool, content: bytes) -> None:
    sent, waiting = (take(spool, jpeg(number), PARTY) for number in range(2))
    assign(spool, propose(spool, PARTY.id, "wxyz9876"))
    contexts.assigned_path(spool.directory / "contexts", PARTY.id).write_bytes(content)
    with pytest.raises(OSError, match="can't be read"):
        record_actual_album(spool, sent, Context(PARTY.id, "wxyz9876"))
    assert goes_to(spool, waiting) == ("", "")  # and not to the album that the operator took it from


def test_nothing_to_move_is_told_in_a_sentence(spool: Spool) -> None:
    with pytest.raises(AssignError, match="no context or event 'abcd1234'"):
        propose(spool, "abcd1234", "wxyz9876")
    first = take(spool, jpeg(1), PARTY)
    with pytest.raises(AssignError, match="The photo is for 'Summer Party' already"):
        propose(spool, "abcd1234", "abcd1234")
    handover.mark_sent(spool, first)
    with pytest.raises(AssignError, match="The photo of abcd1234 is in the album already, and stays"):
        propose(spool, "abcd1234", "wxyz9876")
    handover.retire(spool, [first])
    with pytest.raises(AssignError, match=f"No photo of {PARTY.id} waits"):
        propose(spool, PARTY.id, "wxyz9876")


def test_the_start_of_two_ids_is_told_in_a_sentence(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    take(spool, jpeg(2), context_for("", "", "boot-b"))
    with pytest.raises(AssignError, match=r"n is the start of n.*, n"):
        propose(spool, "n", "wxyz9876")


@pytest.mark.parametrize("target", ["", "/", "a b", "abcd/", "abcd/a/b", "../x", "é", "x" * 200, "a\nb"])
def test_a_target_that_is_no_id_is_told_in_a_sentence(spool: Spool, target: str) -> None:
    take(spool, jpeg(1), NOWHERE)
    with pytest.raises(AssignError, match="is no event"):
        propose(spool, NOWHERE.id, target)


def test_an_empty_source_is_told_in_a_sentence(spool: Spool) -> None:
    take(spool, jpeg(1), NOWHERE)
    with pytest.raises(AssignError, match="no context or event"):
        propose(spool, "", "wxyz9876")


def _assigned(spool: Spool, source: str, target: str) -> None:
    assign(spool, propose(spool, source, target))


def _goes_to(spool: Spool, name: PhotoName) -> str:
    context = spool.context_of(name)
    assert context is not None
    return f"{context.link_id}/{context.album_id}"


def test_assign_again_leaves_earlier_assigned_photos_in_place(spool: Spool) -> None:
    first = [take(spool, jpeg(number), PARTY) for number in range(2)]
    _assigned(spool, PARTY.link_id, "gala1234")
    later = take(spool, jpeg(2), PARTY)
    _assigned(spool, PARTY.link_id, "fair5678/b1")
    assert [_goes_to(spool, name) for name in (*first, later)] == ["gala1234/", "gala1234/", "fair5678/b1"]


def test_a_photo_that_moves_twice_goes_where_it_was_sent_last(spool: Spool) -> None:
    names = [take(spool, jpeg(number), PARTY) for number in range(2)]
    _assigned(spool, PARTY.link_id, "gala1234")
    handover.mark_sent(spool, names[0])
    _assigned(spool, PARTY.id, "fair5678")
    assert [_goes_to(spool, name) for name in names] == ["gala1234/", "fair5678/"]
    _assigned(spool, PARTY.id, "gala1234")
    assert [_goes_to(spool, name) for name in names] == ["gala1234/", "gala1234/"]


def test_assign_photos_without_event_in_album_stay_others_move(spool: Spool) -> None:
    nobodys = context_for("", "", "this boot")
    sent, waiting = (take(spool, jpeg(number), nobodys) for number in range(2))
    _assigned(spool, nobodys.id, "gala1234")
    handover.mark_sent(spool, sent)
    _assigned(spool, nobodys.id, "fair5678")
    later = take(spool, jpeg(2), nobodys)
    assert [_goes_to(spool, name) for name in (sent, waiting, later)] == ["gala1234/", "fair5678/", "fair5678/"]


def test_assign_photos_of_event_in_two_albums_stay_rest_moves(spool: Spool) -> None:
    nobodys = context_for("", "", "this boot")
    names = [take(spool, jpeg(number), nobodys) for number in range(3)]
    for name, target in zip(names, ("gala1234", "fair5678", "last9999"), strict=True):
        _assigned(spool, nobodys.id, target)
        if name is not names[2]:
            handover.mark_sent(spool, name)
    assert [_goes_to(spool, name) for name in names] == ["gala1234/", "fair5678/", "last9999/"]


def test_photos_can_change_the_album_within_their_event(spool: Spool) -> None:
    name = take(spool, jpeg(1), PARTY)
    for target in ("abcd1234", "abcd1234/a1"):
        with pytest.raises(AssignError, match="already"):
            propose(spool, PARTY.id, target)
    _assigned(spool, PARTY.id, "abcd1234/a2")
    assert _goes_to(spool, name) == "abcd1234/a2"


def test_assign_photos_of_forgotten_event_can_get_one(spool: Spool) -> None:
    name = take(spool, jpeg(1), PARTY)
    contexts.path_of(spool.directory / "contexts", PARTY.id).unlink()
    assert spool.context_of(name) is None
    _assigned(spool, PARTY.id, "gala1234")
    assert _goes_to(spool, name) == "gala1234/"


@pytest.mark.parametrize("step", ["assign", "take_along", "record"])
def test_f12_an_assignment_makes_its_missing_folder_again(spool: Spool, step: str) -> None:
    names = [take(spool, jpeg(1), NOWHERE), take(spool, jpeg(2), PARTY)]
    proposed = propose(spool, NOWHERE.id, "wxyz9876/g1")
    shutil.rmtree(spool.directory / "contexts")
    assert [goes_to(spool, name) for name in names] == [("", "")] * 2
    target = Context(NOWHERE.id, "wxyz9876", "g1")
    match step:
        case "assign":
            assert assign(spool, proposed) == 1
        case "take_along":  # nothing says that they had no event: they wait for `queue assign`
            assert take_along(spool, "wxyz9876", "g1") == 0
        case "record":
            record_actual_album(spool, names[0], target)
    assert goes_to(spool, names[0]) == (("", "") if step == "take_along" else ("wxyz9876", "g1"))
    take(spool, jpeg(3), PARTY)
    assert goes_to(spool, names[1]) == (PARTY.link_id, PARTY.album_id)
