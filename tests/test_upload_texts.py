"""What the panel says of the photos' way after each thing that the uploader can meet: one table for both services."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth.panel.screens import bottom_line
from piboothup.booth.panel.view import View
from piboothup.booth.upload_status import UploadStatusReader
from piboothup.config import Config, EventPicsConfig
from piboothup.problems import problem
from piboothup.spool import choices
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import ContextRecord
from piboothup.spool.names import PhotoName
from piboothup.status import BoothState
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.schedule.backoff import SECOND_NS
from piboothup.uploader.schedule.scheduler import Probe, Send, UploadScheduler, Wait
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

CALLS = {"url": ApiCall.UPLOAD_URL, "put": ApiCall.PUT}
SILENT_STORAGE = "look, put connect, look, put connect"
NO_EVENT = "look, photo no_event"
REFUSED = "look, url foreign"
DEFECT = "look, photo defect"
TABLE = {
    "look": "Sending: 1 to go",
    "look, photo arrived": "It is in the album",
    # a look says how it is with all photos, and the next one takes that back
    "look connect": "No Wi-Fi: 1 kept",
    "look connect, look": "Sending: 1 to go",
    "look sign_in": "Wi-Fi asks for login: use hotspot",
    "look tls": "Unsafe Wi-Fi: 1 kept",
    "look forbidden": "Key refused: 1 kept",
    "look server_error": "No answer: 1 kept",
    "look server_error, look": "Sending: 1 to go",
    "look defect": "Software error: 1 kept",
    "look defect, look connect": "No Wi-Fi: 1 kept",
    "look defect, look": "Sending: 1 to go",
    f"{NO_EVENT}, look server_error": "No answer: 1 kept",
    NO_EVENT: "Without event: 1 kept",
    f"{NO_EVENT}, look connect": "No Wi-Fi: 1 kept",
    f"{NO_EVENT}, look server_error, look": "Without event: 1 kept",
    # what a photo met is over when one arrives, or when there is none to bring
    "look, url server_error": "No answer: 1 kept",
    "look, url server_error, look": "No answer: 1 kept",
    "look, url server_error, look connect": "No Wi-Fi: 1 kept",
    "look, url server_error, photo arrived": "It is in the album",
    "look, url server_error, photo gone, look": "It is in the album",
    "look, url server_error, photo no_event, look": "Without event: 1 kept",
    "look, url server_error, url foreign, look": "Event closed: 1 kept",
    SILENT_STORAGE: "No answer: 1 kept",
    f"{SILENT_STORAGE}, look": "No answer: 1 kept",
    f"{SILENT_STORAGE}, look connect": "No Wi-Fi: 1 kept",
    f"{SILENT_STORAGE}, look connect, look": "Sending: 1 to go",
    f"{SILENT_STORAGE}, look, photo no_event, look": "Without event: 1 kept",
    # what keeps all photos goes before what keeps some
    REFUSED: "Event closed: 1 kept",
    f"{REFUSED}, look": "Event closed: 1 kept",
    f"{REFUSED}, look connect": "No Wi-Fi: 1 kept",
    f"{REFUSED}, look sign_in": "Wi-Fi asks for login: use hotspot",
    f"{REFUSED}, look forbidden": "Key refused: 1 kept",
    f"{REFUSED}, look server_error": "No answer: 1 kept",
    f"{REFUSED}, look server_error, look": "Event closed: 1 kept",
    # a mistake of our own is told until the photo is tried again
    DEFECT: "Software error: 1 kept",
    f"{DEFECT}, look": "Software error: 1 kept",
    f"{DEFECT}, look connect": "No Wi-Fi: 1 kept",
    f"{DEFECT}, look, photo postponed": "Sending: 1 to go",
    f"{DEFECT}, look, url timeout, look": "Sending: 1 to go",
    f"{DEFECT}, look, photo defect": "Software error: 1 kept",
}
"""What happened, first to last; what is told then."""


class Box:
    """A box with one photo, whose event is chosen."""

    def __init__(self, directory: Path) -> None:
        self._runtime = directory
        self.clock = HandClock()
        self.scheduler = UploadScheduler(self.clock, random.Random(1).random, 1, {}, paused=False, refused=False)
        self.scheduler.add(PhotoName("ABCD", 1, 1, 1000, PARTY.id, "0" * 16), ContextRecord(PARTY))
        self._reader = UploadStatusReader(open_spool(directory / "spool", self.clock), directory, PARTY)

    def meet(self, happened: str) -> None:
        """Lets this happen, and nothing else: a look when it is due, or a try of the photo when its turn comes."""
        for part in happened.split(", "):
            what, _, outcome = part.partition(" ")
            if what == "look":
                self._look(outcome)
            else:
                self._try_photo(what, outcome)

    def told(self) -> str:
        """The bottom line, by way of the uploader's status file."""
        view = self.scheduler.snapshot()
        codes = [problem.code for problem in view.problems]
        status.write(
            self._runtime,
            "uploader",
            {"state": view.state, "waiting": view.waiting.total(), "problems": codes},
        )
        uplink = self._reader.read()
        return bottom_line(
            View(
                state=BoothState.READY,
                photos=1,
                has_event=True,
                upload_state=uplink.state,
                waiting=uplink.waiting,
                notice=uplink.problem,
            )
        )

    def _look(self, outcome: str) -> None:
        self.clock.pass_s(90.0)
        step = self.scheduler.next_step()
        assert isinstance(step, Probe)
        if not outcome:
            self.scheduler.on_probe_success(())
        elif outcome == "defect":
            self.scheduler.on_defect(step, 60.0)
        else:
            self.scheduler.on_probe_failure(Outcome(outcome))

    def _try_photo(self, what: str, outcome: str) -> None:
        while isinstance(step := self.scheduler.next_step(), Wait):
            self.clock.pass_s(0.5)
        assert isinstance(step, Send)
        match outcome:
            case "arrived":
                self.scheduler.on_photo_sent(step.name, PARTY, 3_000_000, SECOND_NS, marked=True)
            case "gone":
                self.scheduler.forget_photo(step.name)
            case "no_event":
                self.scheduler.hold(step.name, PARTY)
            case "postponed":
                self.scheduler.postpone(step.name, 5.0)
            case "defect":
                self.scheduler.on_defect(step, 60.0)
            case _:
                self.scheduler.on_photo_failure(step.name, PARTY, CALLS[what], Outcome(outcome))


@pytest.mark.parametrize(("happened", "told"), TABLE.items())
def test_what_is_told_is_what_keeps_the_photos_now(tmp_path: Path, happened: str, told: str) -> None:
    box = Box(tmp_path)
    box.meet(happened)
    assert box.told() == told


NOT_FOR_THE_KEY = {
    "bad_config": "Mistake in config",  # the key's file can't be read, or holds no key
    "spool_unusable": "Not sending: 2 kept",  # no lock can be made beside the photos
    "spool_missing": "Not sending: 2 kept",
    "card_readonly": "Not sending: 2 kept",
    "spool_locked": "Photos locked: 2 kept",
    "key_refused": "Key refused: 2 kept",
}


@pytest.mark.parametrize(("code", "told"), NOT_FOR_THE_KEY.items())
def test_f03_f11_the_key_is_not_blamed_for_what_the_box_lacks(tmp_path: Path, code: str, told: str) -> None:
    """The host would make a new key, in vain; and read "all sent" of photos that the uploader can't see."""
    spool = open_spool(tmp_path / "spool", HandClock())
    for number in (1, 2):
        take(spool, jpeg(number))
    waiting = 2 if code == "key_refused" else 0  # nothing is counted before the spool is open
    status.write(tmp_path, "uploader", {"state": "refused", "waiting": waiting, "problems": [code]})
    found = UploadStatusReader(spool, tmp_path, PARTY).read()
    view = View(photos=2, has_event=True, upload_state=found.state, waiting=found.waiting, notice=found.problem)
    assert bottom_line(view) == told


CHOSEN = {
    "paused": (Choices(paused=True), "Choose Photos, Send in the menu"),
    "event_gone": (Choices(link_id="gone1234", album_id=""), "Choose it again in the menu"),
    "no_event": (Choices(link_id="", album_id=""), "Choose it in the menu"),
}


@pytest.mark.parametrize(("code", "chosen"), CHOSEN.items())
def test_what_was_chosen_in_the_menu_is_mended_there(tmp_path: Path, code: str, chosen: tuple[Choices, str]) -> None:
    """What the config says for it all the while ends no choice: it was said before."""
    config = Config(eventpics=EventPicsConfig(link_id="abcd1234"))
    choices.write(tmp_path, config, chosen[0])
    assert choices.read(tmp_path, config) == chosen[0]
    assert chosen[1] in problem(code).remedy


@pytest.mark.parametrize("happened", [situation for situation, told in TABLE.items() if told != "It is in the album"])
def test_n34_pause_is_shown_whatever_came_before_until_it_ends(tmp_path: Path, happened: str) -> None:
    box = Box(tmp_path)
    box.meet(happened)
    box.scheduler.pause(True)
    for _ in range(3):
        assert box.told() == "Paused: 1 kept"
        assert isinstance(box.scheduler.next_step(), Wait)
        box.clock.pass_s(3600.0)
    box.scheduler.pause(False)
    assert box.told() == TABLE[happened]
