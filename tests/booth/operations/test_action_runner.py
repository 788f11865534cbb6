"""What is chosen in the menu of a running booth is done: beside the guests, durably, and told."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup import root_requests
from piboothup.booth.flow.actions import CountPhotos
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations import root_helper
from piboothup.config import ButtonConfig, CaptureConfig, LightConfig
from piboothup.root_requests import REQUESTS, Request
from piboothup.runtime import HintSocket
from piboothup.setup import request_reader
from piboothup.spool import choices, handover, wipe_journal
from piboothup.spool.admin import wipe_steps
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import CONTEXTS, NEW, PARKED, SENT
from piboothup.spool.store import Spool
from piboothup.spool.wipe_journal import WipeJournal
from tests.support.booth import NO_EVENT, Box
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, open_spool, take
from tests.support.users import ROOT, make_runtime

EVENTS = [AlbumEvent("Anna & Ben", "abcd1234", (Album("a1", "Booth"),)), AlbumEvent("The others", "efgh5678")]
OTHERS = context_for("efgh5678", "", "")


@pytest.fixture
def box(box: Box) -> Box:
    box.spool.prepare()
    box.spool.write_events(EVENTS)
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=1, review_s=1.0))
    return box


def photograph(box: Box) -> None:
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)


def told(box: Box) -> Page:
    """What the menu says once it is done."""
    page = box.until_page(lambda found: found is not None and found.kind is PageKind.RESULT)
    assert page is not None
    return page


def made(box: Box) -> Choices:
    """What the card says was chosen, whenever that was."""
    found = choices.read(box.spool.directory, box.config)
    return dataclasses.replace(found, event_made="", language_made="", paused_made="")


def test_menu_event_choice_for_next_photo_survives_power_cut(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("events", "The others")
    assert (told(box).text_key, told(box).title) == ("event_chosen", "The others")
    assert made(box) == Choices(link_id="efgh5678", album_id="")
    box.press()
    box.until_light(LightPattern.READY)
    photograph(box)
    assert [name.context for name in box.spool.names(NEW)] == [OTHERS.id]


@pytest.mark.parametrize("paused", [True, False])
def test_menu_event_choice_takes_photos_without_event_if_chosen(box: Box, paused: bool) -> None:
    upload = dataclasses.replace(box.config.upload, paused=paused)
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT, upload=upload)
    box.start_ready()
    with contextlib.closing(HintSocket(box.runtime, "uploader")) as hints:
        photograph(box)
        assert hints.receive(PATIENCE_S)[:1] == ["new"]
        box.clock.pass_s(11.0)
        box.until_light(LightPattern.READY)
        box.until_said(lambda _: box.offer.without_event)
        box.open_menu()
        box.choose("events", "Anna & Ben", "Booth", "take_along")
        assert (told(box).text_key, told(box).number) == ("event_chosen_along", 1)
        assert hints.receive(PATIENCE_S) == ["choices" if paused else "retry"], "it ends no pause"
    (name,) = box.spool.names(NEW)
    found = box.spool.context_of(name)
    assert found is not None and (found.link_id, found.album_id) == ("abcd1234", "a1")


def test_language_sound_and_pause_are_kept_and_followed(box: Box) -> None:
    box.config = dataclasses.replace(box.config, light=LightConfig(buzzer_pin=24))
    box.start_ready()
    with contextlib.closing(HintSocket(box.runtime, "uploader")) as hints:
        box.open_menu()
        box.choose("set_up", "languages", "de", "sound_off", "back", "photos", "pause")
        assert hints.receive(PATIENCE_S) == ["choices"]
        box.until_said(lambda _: made(box) == Choices(language="de", sound=False, paused=True))
        box.choose("retry")
        assert (told(box).text_key, hints.receive(PATIENCE_S)) == ("retried", ["retry"])
    assert made(box) == Choices(language="de", sound=False, paused=False)


def test_retry_brings_parked_photos_back(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    handover.park(spool, take(spool, jpeg()), "The server refuses it.")
    box.start_ready()
    box.open_menu()
    box.choose("photos", "retry")
    assert told(box).number == 1
    assert (len(list(box.spool.names(NEW))), len(list(box.spool.names(PARKED)))) == (1, 0)


def test_a_choice_that_the_card_does_not_take_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("events")

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(choices, "write", refuse)
    box.choose("The others")
    assert (told(box).text_key, told(box).is_good) == ("not_kept", False)
    assert box.until_said(lambda said: said.get("context")) == PARTY.id


def test_d04_events_with_undrawable_titles_are_chosen_by_id(box: Box) -> None:
    box.spool.write_events(
        [AlbumEvent("结婚快乐", "abcd1234", (Album("a1", "\u0301"),)), AlbumEvent("حفل زفاف", "efgh5678")]
    )
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1))
    take(spool, jpeg(2), OTHERS)
    box.start_ready()
    box.open_menu()
    box.choose("events")
    assert box.page is not None and [item.title_id for item in box.page.items] == ["", "abcd1234", "efgh5678"]
    box.choose("abcd1234")
    assert box.page is not None and box.page.title_id == "abcd1234"
    assert [item.title_id for item in box.page.items] == ["", "a1", ""]
    box.choose("a1")
    assert (told(box).text_key, told(box).title_id) == ("event_chosen", "abcd1234")
    box.press()
    box.until_light(LightPattern.READY)
    box.open_menu()
    box.choose("photos", "wipe")
    page = box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    assert page is not None and {item.title_id for item in page.items} == {"", "abcd1234", "efgh5678"}
    box.choose("efgh5678", "wipe_now")
    assert (told(box).text_key, told(box).number) == ("wiped", 1)


# -- the wipe ------------------------------------------------------------------------------------------------------


@pytest.fixture
def wiping(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """A wipe that has written its journal and deletes only when it is let: it is there; go on."""
    there, go_on = threading.Event(), threading.Event()
    delete = wipe_steps.delete_photos

    def wait(spool: Spool, journal: WipeJournal) -> None:
        there.set()
        assert go_on.wait(PATIENCE_S)
        delete(spool, journal)

    monkeypatch.setattr(wipe_steps, "delete_photos", wait)
    yield there, go_on
    go_on.set()


def test_menu_wipe_deletes_counted_press_meanwhile_saved_stays(
    box: Box, wiping: tuple[threading.Event, threading.Event]
) -> None:
    there, go_on = wiping
    spool = open_spool(box.spool.directory, box.clock)
    for number in range(3):
        name = take(spool, jpeg(number))
        if number:
            handover.mark_sent(spool, name)
    take(spool, jpeg(7), OTHERS)
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    page = box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    assert page is not None and {item.title for item in page.items} == {"", "Anna & Ben", "The others"}
    box.choose("Anna & Ben")
    page = box.page
    assert page is not None and page.usage is not None and (page.usage.taken, page.usage.unsent) == (3, 1)
    box.choose("wipe_now")
    assert there.wait(PATIENCE_S)
    assert wipe_journal.read(box.spool.directory) is not None
    box.press()  # leaves the page
    box.until_light(LightPattern.READY)
    photograph(box)
    go_on.set()
    box.until_said(lambda _: wipe_journal.read(box.spool.directory) is None)
    left = [*box.spool.names(NEW), *box.spool.names(SENT)]
    assert sorted(name.context for name in left) == sorted([PARTY.id, OTHERS.id])
    box.until_said(lambda said: said.get("photos") == 1)


def test_menu_wipe_keeps_photo_taken_after_count(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1))
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    box.choose("Anna & Ben")
    late = take(spool, jpeg(2))
    box.choose("wipe_now")
    assert (told(box).text_key, told(box).number) == ("wiped_but", 1)
    assert list(box.spool.names(NEW)) == [late]


def test_menu_wipe_deletes_shown_photos_not_as_many_newer_ones(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    shown_one = take(spool, jpeg(1))
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    spool.path(shown_one).unlink()
    late = take(spool, jpeg(2))
    assert box._service is not None
    box._service._actions.submit(CountPhotos())  # as when the menu was left and opened again while it counted
    box.choose("Anna & Ben", "wipe_now")
    assert (told(box).text_key, told(box).is_good) == ("wipe_refused", False)
    assert list(box.spool.names(NEW)) == [late]


def test_menu_wipe_keeps_context_the_booth_is_using(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1))
    take(spool, jpeg(2), OTHERS)
    box.start_ready()
    box.open_menu()
    for title in ("Anna & Ben", "The others"):
        box.choose("photos", "wipe")
        box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
        box.choose(title, "wipe_now")
        assert told(box).text_key == "wiped"
        box.press()
        box.until_light(LightPattern.READY)
        box.open_menu()
    assert [path.name for path in (box.spool.directory / CONTEXTS).iterdir()] == [f"{PARTY.id}.json"]


def test_menu_wipe_unfinished_is_reported_and_resumed_at_start(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg())

    def fail(_spool: Spool, _journal: WipeJournal) -> None:
        raise OSError(5, "Input/output error")

    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    with monkeypatch.context() as patched:
        patched.setattr(wipe_steps, "delete_photos", fail)
        box.choose("Anna & Ben", "wipe_now")
        assert (told(box).text_key, told(box).is_good) == ("wipe_failed", False)
    box.stop()
    assert wipe_journal.read(box.spool.directory) is not None
    box.start_ready()
    assert list(box.spool.names(NEW)) == []
    assert wipe_journal.read(box.spool.directory) is None


@pytest.mark.parametrize(("title", "counts"), [("Anna & Ben", 1), ("The others", 0)])
def test_menu_wipe_of_event_in_use_recounts_its_photos(box: Box, title: str, counts: int) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1))
    take(spool, jpeg(2), OTHERS)
    box.start_ready()
    counted: list[str] = []
    box.runner._recount = lambda: counted.append(title)
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    box.choose(title, "wipe_now")
    assert told(box).text_key == "wiped"
    assert len(counted) == counts


def test_photos_without_event_not_confused_with_event_named_n(box: Box) -> None:
    none, called_n = context_for("", "", "before"), context_for("n1234567", "", "")
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1), none)
    take(spool, jpeg(2), called_n)
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    page = box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    assert page is not None
    lines = {(item.text_key, item.title_id) for item in page.items[1:]}
    assert lines == {("no_event", none.id), ("event", "n1234567")}


def test_a_card_without_photos_has_nothing_to_wipe(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    assert told(box).text_key == "card_empty"


# -- switching off -------------------------------------------------------------------------------------------------


@pytest.fixture
def helper(box: Box) -> Callable[[request_reader.Verb], None]:
    """A run of root's helper over the folders of a box, with this in place of a power-off."""
    make_runtime(box.runtime)
    os.chown(box.runtime / REQUESTS, ROOT, -1)  # the booth of these tests is of this user

    def run(verb: request_reader.Verb) -> None:
        request_reader.serve(box.runtime, ROOT, box.clock, {"power-off": verb})

    return run


def switch_off(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("switch_off", "switch_off_now")


def until_asked(box: Box) -> None:
    box.until_said(lambda _: (box.runtime / REQUESTS / "power-off").exists())


def test_a06_switch_off_without_helper_says_so_at_once(box: Box) -> None:
    """A desk: nothing has made the folder for requests."""
    switch_off(box)
    assert (told(box).text_key, told(box).is_good) == ("no_helper", False)


def test_a06_request_nobody_takes_is_withdrawn_and_told(
    box: Box, helper: Callable[[request_reader.Verb], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_helper, "HELPER_TIMEOUT_S", 0.3)
    switch_off(box)
    assert (told(box).text_key, told(box).is_good) == ("no_helper", False)
    assert list((box.runtime / REQUESTS).iterdir()) == []
    done: list[object] = []
    helper(done.append)
    assert done == []


def test_a06_switch_off_that_is_done_waits_for_the_end(
    box: Box, helper: Callable[[request_reader.Verb], None]
) -> None:
    done: list[object] = []
    switch_off(box)
    until_asked(box)
    helper(done.append)
    box.turn()
    assert done == [{}]
    assert box.page is not None and box.page.kind is PageKind.WAIT


def test_a06_switch_off_that_fails_says_so(box: Box, helper: Callable[[request_reader.Verb], None]) -> None:
    def fail(_values: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "systemctl")

    switch_off(box)
    until_asked(box)
    helper(fail)
    assert (told(box).text_key, told(box).is_good) == ("no_helper", False)


def test_a06_a_helper_that_dies_over_it_is_told(
    box: Box, helper: Callable[[request_reader.Verb], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = root_requests.put

    def die(_values: object) -> None:
        raise KeyboardInterrupt

    def put_and_take(runtime: Path, verb: str, request: Request) -> None:
        put(runtime, verb, request)
        with pytest.raises(KeyboardInterrupt):
            helper(die)

    monkeypatch.setattr(root_requests, "put", put_and_take)
    monkeypatch.setattr(root_helper, "HELPER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(root_helper, "ANSWER_TIMEOUT_S", 0.5)
    switch_off(box)
    assert (told(box).text_key, told(box).is_good) == ("no_helper", False)


# -- the door ------------------------------------------------------------------------------------------------------


def test_c18_menu_has_no_operator_items_10_min_after_power_on(box: Box) -> None:
    box.clock.pass_s(600.0 - 100.0)
    box.start_ready()
    box.open_menu()
    page = box.page
    assert page is not None and [item.text_key for item in page.items] == ["back", "album_code", "status"]
    assert box.offer.events == ()


def test_c18_a_restart_of_the_service_opens_no_door(box: Box) -> None:
    box.clock.pass_s(3600.0)
    box.start_ready()
    box.stop()
    box.start_ready()
    box.open_menu()
    assert box.page is not None and not box.page.operator_only


@pytest.mark.parametrize(("rule", "at_s", "is_open"), [("always", 9e6, True), ("never", 100.0, False)])
def test_the_config_may_leave_the_door_open_or_shut(box: Box, rule: str, at_s: float, is_open: bool) -> None:
    box.clock.pass_s(at_s - 100.0)
    box.config = dataclasses.replace(box.config, button=ButtonConfig(menu=rule))
    box.start_ready()
    box.open_menu()
    assert box.page is not None and box.page.operator_only is is_open


@pytest.mark.parametrize("call", ["put", "answer"])
def test_f08_switching_off_without_room_or_sight_says_so(
    box: Box, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's answers are played: a runtime folder that is full, or may no longer be entered."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "answer":
        monkeypatch.setattr(root_requests, "put", lambda *_: None)
    monkeypatch.setattr(root_requests, call, refuse)
    switch_off(box)
    assert (told(box).text_key, told(box).is_good) == ("no_helper", False)
