"""A card that hangs, through the whole service: told, borne, and the photo in hand neither lost nor taken twice.

That a sync does not return is the one thing played here: only root can make a real file system hang (fsfreeze), and
then it hangs for the test too. All else is real: the file system, the spool, the saver.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.booth import service
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.panel import screens
from piboothup.commands import status
from piboothup.problems import problem
from piboothup.spool.listing import TMP
from piboothup.spool.names import PhotoName
from piboothup.spool.recovery import Recovered, recover
from piboothup.spool.store import Spool
from piboothup.status import BoothState
from tests.support.booth import Box, awaited
from tests.support.deadline import PATIENCE_S
from tests.support.photos import is_intact, names_in_new
from tests.support.systemd import Systemd, fed, settle


class HangingCard:
    """Once it `hangs` no fsync returns until it is `let_go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hangs = False
        self._answers = threading.Event()
        self._waiting: dict[str, threading.Event] = {name: threading.Event() for name in ("saver", "housekeeping")}
        sync = os.fsync

        def sync_late(descriptor: int) -> None:
            if self.hangs:
                self._waiting[threading.current_thread().name].set()
                self._answers.wait()
            sync(descriptor)

        monkeypatch.setattr("piboothup.spool.durable.os.fsync", sync_late)

    def until_it_holds(self, *threads: str) -> None:
        """Waits until these wait for it."""
        for thread in threads:
            assert self._waiting[thread].wait(PATIENCE_S), f"{thread} does not come to the card"

    def let_go(self) -> None:
        self.hangs = False
        self._answers.set()


@pytest.fixture
def card(box: Box, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingCard]:
    """The card of a box that is ready, and whose loop turns though nobody tells it anything."""
    monkeypatch.setattr(service, "_TURN_S", 0.05)
    made = HangingCard(monkeypatch)
    box.start_ready()
    box.until_said(lambda _: box.offer.languages)
    yield made
    made.let_go()


def photos(directory: Path, box: Box) -> list[PhotoName]:
    """Those in new/, whole, as another process finds them; nothing else is left of any."""
    spool = Spool(directory, box.clock, "serial-1")
    found = names_in_new(spool)
    assert all(is_intact(spool, name) for name in found)
    assert list((directory / TMP).glob("*.part")) == []
    return found


def test_b03_card_hang_shown_presses_answered_photo_saved_once(box: Box, card: HangingCard) -> None:
    card.hangs = True
    box.clock.uncertainty_ms = 5  # housekeeping has something to write as well
    box.press()
    card.until_it_holds("saver", "housekeeping")
    box.clock.pass_s(14.9)
    assert box.turn() is LightPattern.EXPOSING
    box.until_shown(state=BoothState.SAVING)
    box.clock.pass_s(0.1)
    box.until_light(LightPattern.TROUBLE)
    box.until_shown(state=BoothState.FAULT, problem=problem("card_stuck"))

    box.press()
    box.until_light(LightPattern.BUSY)
    box.until_shown(state=BoothState.FAULT, problem=problem("card_stuck"), busy_hint=True)
    box.open_menu()
    assert box.page is not None
    box.clock.pass_s(20.0)
    box.until_light(LightPattern.TROUBLE)
    box.until_said(lambda said: said.get("state") == "fault" and said["problems"] == ["card_stuck"])
    told = status.assemble(box.config, box.spool, box.clock, box.runtime)
    assert (told["booth"]["state"], told["problems"][0]["code"]) == ("fault", "card_stuck")
    assert box.camera.asked.qsize() == 1

    card.let_go()
    box.until_light(LightPattern.SAVED)
    box.until_shown(state=BoothState.REVIEW, number=1, photos=1)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    assert [photo.seq for photo in photos(box.spool.directory, box)] == [1]
    box.press()
    box.until_light(LightPattern.SAVED)
    assert [photo.seq for photo in photos(box.spool.directory, box)] == [1, 2]


@pytest.mark.parametrize("thread", ["saver", "housekeeping"])
def test_s15_card_hang_of_2_min_tolerated_longer_is_not(
    box: Box, systemd: Systemd, card: HangingCard, thread: str
) -> None:
    card.hangs = True
    if thread == "saver":
        box.press()
    else:
        box.clock.uncertainty_ms = 5
    card.until_it_holds(thread)
    box.clock.pass_s(119.0)
    settle(box, systemd)
    assert systemd.hears() == b"WATCHDOG=1"
    box.clock.pass_s(2.0)
    assert not fed(box, systemd)
    card.let_go()
    assert systemd.hears() == b"WATCHDOG=1"


def test_c08_stop_during_card_hang_in_time_calls_no_photo_safe(
    box: Box, card: HangingCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.hangs = True
    box.clock.uncertainty_ms = 5
    box.press()
    card.until_it_holds("saver", "housekeeping")
    join, waited_s = threading.Thread.join, list[float]()

    def pass_by_hand(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name in ("saver", "housekeeping") and timeout is not None:
            waited_s.append(timeout)
            box.clock.pass_s(timeout)
        else:
            join(thread, timeout)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", pass_by_hand)
        box.stop()
    assert len(waited_s) == 2
    assert sum(waited_s) <= 4.0
    goodbyes = [screens.draw(box.view(state=BoothState.STOPPING, ended=ended)).tobytes() for ended in (False, True)]
    box.glass.shown.put(b"last")
    for picture in awaited(box.glass.shown):
        assert picture not in goodbyes
        if picture == b"last":
            break


def test_p03_service_killed_in_card_hang_photo_salvaged_once(box: Box, card: HangingCard, tmp_path: Path) -> None:
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    card.hangs = True
    box.press()
    card.until_it_holds("saver")
    left = Path(shutil.copytree(box.spool.directory, tmp_path / "left"))  # what a killed process leaves is just that
    card.let_go()
    spool = Spool(left, box.clock, "serial-1")
    assert recover(spool) == Recovered(salvaged=1)
    assert recover(spool) == Recovered()
    assert [photo.seq for photo in photos(left, box)] == [1, 2]
