"""The booth's service with a real spool, saver, panel thread and sockets; only the four devices are fakes.

Every wait is for an event of the service itself (a light pattern, a picture on the panel, a turn of its loop) and
fails the test when the event does not come.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from piboothup import status
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import Event, Pressed, Released, Tapped
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page
from piboothup.booth.flow.state import Booth
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.buzzer import Buzzer, Sound
from piboothup.booth.gpio.led import Light, LightPattern
from piboothup.booth.operations.action_runner import ActionRunner
from piboothup.booth.panel import screens
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.view import View
from piboothup.booth.service import BoothService
from piboothup.booth.storage import Followed
from piboothup.booth.threads import NEVER_NS, Heartbeat
from piboothup.config import CaptureConfig, Config, EventPicsConfig, Secret, SpoolConfig
from piboothup.problems import Problem
from piboothup.runtime import send_hint
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from piboothup.status import BoothState, UploaderState
from tests.support.camera import FakeCamera, grey_frame, nothing
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S, until

T = TypeVar("T")
NO_EVENT = EventPicsConfig(api_key=Secret("desk-key-0123456789"))
"""Of a box that waits for its event to be chosen; with its key it is no new box, on which set-up opens by itself."""


def awaited(things: queue.SimpleQueue[T]) -> Iterator[T]:
    """Iterate over the queue; raises queue.Empty when the total wait exceeds the deadline."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        yield things.get(timeout=max(0.0, end_s - time.monotonic()))


def hang_on(event: threading.Event) -> Callable[[], None]:
    """Function that blocks until `event` is set."""

    def hang() -> None:
        event.wait()

    return hang


class FakePanel(PanelDevice):
    """Fake panel device that records the pictures."""

    def __init__(self) -> None:
        self.trouble: OSError | None = None
        self.on_show = self.on_close = nothing
        self.shown: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def open(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def show(self, image: Image.Image) -> None:
        self.on_show()
        self.shown.put(image.tobytes())

    def close(self) -> None:
        self.on_close()


class FakeLight(Light):
    """Fake light that records its patterns, one per turn of the service's loop."""

    problem: Problem | None = None

    def __init__(self) -> None:
        self.patterns: queue.SimpleQueue[LightPattern] = queue.SimpleQueue()
        self.flashes: list[bool] = []
        self.lens_lit: list[bool] = []
        self.closed = False

    def show(self, pattern: LightPattern) -> None:
        self.patterns.put(pattern)

    def flash(self, on: bool) -> None:
        if self.flashes[-1:] != [on]:
            self.flashes.append(on)

    def lens(self, on: bool) -> None:
        if self.lens_lit[-1:] != [on]:
            self.lens_lit.append(on)

    def forget(self) -> None:
        """Forget the patterns shown so far."""
        while not self.patterns.empty():
            self.patterns.get_nowait()

    def close(self) -> None:
        self.closed = True


class FakeBuzzer(Buzzer):
    """Fake buzzer that records the sounds."""

    problem: Problem | None = None

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Sound] = queue.SimpleQueue()
        self.closed = False

    def play(self, sound: Sound) -> None:
        self.heard.put(sound)

    def close(self) -> None:
        self.closed = True


class FakeButton(GpioButton):
    """Fake button whose edges are method calls."""

    problem: Problem | None = None

    def __init__(self, clock: HandClock) -> None:
        self.pressed: Callable[[int], None] = lambda _edge_ns: None
        self.released: Callable[[int], None] = lambda _edge_ns: None
        self.opened: Callable[[bool], None] = lambda _is_down: None
        self.down = self.is_started = False
        self.heartbeat = Heartbeat(clock)
        self.heartbeat.beat(NEVER_NS)
        self.stopped = False

    def start(
        self, pressed: Callable[[int], None], released: Callable[[int], None], opened: Callable[[bool], None]
    ) -> None:
        self.pressed, self.released, self.opened, self.is_started = pressed, released, opened, True
        opened(self.down)

    def threads(self) -> list[threading.Thread]:
        return []

    def stop(self) -> None:
        self.stopped = True


class Box:
    """Box whose service is not yet started: `configure`, `start`, then use its devices."""

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.runtime = root / "run"
        self.runtime.mkdir(mode=0o700)
        self.spool = Spool(root / "spool", self.clock, "serial-1")
        self.camera, self.glass = FakeCamera(self.clock), FakePanel()
        self.light, self.button, self.buzzer = FakeLight(), FakeButton(self.clock), FakeBuzzer()
        self.config = Config(
            eventpics=EventPicsConfig(link_id="abcd1234", album_id="a1"),
            capture=CaptureConfig(countdown_s=0, review_s=1.0),
            spool=SpoolConfig(directory=str(self.spool.directory), min_free_mb=10, allow_memory=True),
        )
        self.notice: Problem | None = None
        self.load_libraries: Callable[[], None] = nothing
        self.imported: queue.SimpleQueue[Followed] = queue.SimpleQueue()
        """Configs that an import of the card's file brings while the service runs."""
        self._heard: queue.SimpleQueue[type[Event]] = queue.SimpleQueue()
        """Types of the events that the loop processed."""
        self._switch_s = sys.getswitchinterval()
        self._service: BoothService | None = None
        self._thread: threading.Thread | None = None

    def start(self, ended_by: list[Exception] | None = None) -> None:
        """Start the service; an exception is appended to `ended_by`."""
        devices = Devices(self.camera, self.glass, self.light, self.button, self.buzzer)
        marks = () if self.notice is None else None  # who is told of a mistake runs with the last good config
        needed = (self.config, self.spool, self.clock, self.runtime, devices, self.notice, marks)
        service = BoothService(*needed, load_libraries=self.load_libraries, follow=self._follow)
        self._note_what_is_heard(service)
        if isinstance(self.light, FakeLight):
            self.light.forget()  # of the service before: its READY is not this one's

        def run() -> None:
            try:
                service.run()
            except Exception as error:
                if ended_by is None:
                    raise
                ended_by.append(error)

        self._service, self._thread = service, threading.Thread(target=run, name="service")
        self._thread.start()

    def _follow(self) -> Followed | None:
        return None if self.imported.empty() else self.imported.get()

    def start_ready(self) -> None:
        """Start the service, wait until a press would take a photo, and forget the traces of the test photo."""
        self.start()
        self.until_light(LightPattern.READY)
        for played in (self.camera.asked, self.camera.lit, self.camera.released):
            assert played.qsize() == 1, "before ready there is one test photo"
            played.get_nowait()
        self.camera.handed_over.clear()

    def ends(self) -> None:
        """Wait until the service ends by itself."""
        assert self._thread is not None
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the service does not end"

    def stop(self) -> None:
        """Stop the service as SIGTERM does."""
        if self._service is not None and self._thread is not None:
            self._service.stop()
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive(), "the service does not end"
            self._service = None
            sys.setswitchinterval(self._switch_s)

    def press(self) -> None:
        """Press over the control socket; return when the loop has processed it."""
        self.hold("press")

    def hold(self, what: str) -> None:
        """Hold over the control socket ("down", later "up"); return when the loop has processed it."""
        while not self._heard.empty():
            self._heard.get_nowait()
        assert send_hint(self.runtime, "booth", what)
        wanted = {"press": Tapped, "down": Pressed, "up": Released}[what]
        assert any(event is wanted for event in awaited(self._heard))

    def _note_what_is_heard(self, service: BoothService) -> None:
        note = service._presenter.on_event

        def noted(event: Event, booth: Booth, now_ns: int) -> None:
            note(event, booth, now_ns)
            self._heard.put(type(event))

        service._presenter.on_event = noted  # type: ignore[method-assign]

    @property
    def page(self) -> Page | None:
        """Page of the menu, when the menu is open."""
        return self._service._booth.page if self._service is not None else None

    @property
    def offer(self) -> MenuOptions:
        """Menu options now."""
        assert self._service is not None
        return self._service._settings.options

    @property
    def runner(self) -> ActionRunner:
        """Runner of menu actions, once it is loaded."""
        until(lambda: self._service and self._service._actions.runner)
        assert self._service is not None and self._service._actions.runner is not None
        return self._service._actions.runner

    def until_page(self, wanted: Callable[[Page | None], object]) -> Page | None:
        """Wait, turn by turn of the loop, until a page of this kind is shown."""
        turns = awaited(self.light.patterns)
        while not wanted(page := self.page):
            next(turns)
        return page

    def open_menu(self) -> None:
        """Hold the button until the menu opens, once the loop has its options."""
        turns = awaited(self.light.patterns)
        while not self.offer.languages:
            next(turns)
        self.hold_s(self.config.button.hold_s)
        self.until_page(lambda page: page is not None)

    def hold_s(self, seconds: float) -> None:
        """Press, let time pass, release; the events carry the times of the edges, whenever the loop runs."""
        self.button.pressed(self.clock.boottime_ns())
        self.clock.pass_s(seconds)
        self.button.released(self.clock.boottime_ns())

    def choose(self, *wanted: str) -> None:
        """Walk to these items (word, title or id) in turn, and hold each for its required time."""
        for key in wanted:
            page = self.page
            assert page is not None, "the menu is not open"
            number = next(n for n, item in enumerate(page.items) if key in (item.text_key, item.title, item.title_id))
            while (page := self.page) is not None and page.index != number:
                at = page.index
                self.hold_s(0.1)
                self.until_page(lambda found, at=at: found is None or found.index != at)  # type: ignore[misc]
            assert page is not None and page.item is not None
            before = page
            self.hold_s(page.item.hold_s)
            self.until_page(lambda found, before=before: found != before)  # type: ignore[misc]

    def turn(self) -> LightPattern:
        """Wait for one more turn of the loop; its light pattern."""
        while not self.light.patterns.empty():
            self.light.patterns.get_nowait()
        self.hold("up")
        return self.light.patterns.get(timeout=PATIENCE_S)

    def take_photo(self) -> None:
        """Press, wait until the photo is saved, and until its review is over: the next one's is not taken for it."""
        before = self.photos()
        self.press()
        self.until_light(LightPattern.SAVED)
        assert self.photos() == before + 1
        self.clock.pass_s(5)
        while self.turn() is LightPattern.SAVED:
            pass

    def until_light(self, wanted: LightPattern) -> list[LightPattern]:
        """Wait for this pattern; the patterns until then, consecutive duplicates removed."""
        seen: list[LightPattern] = []
        for pattern in awaited(self.light.patterns):
            seen += [pattern] if seen[-1:] != [pattern] else []
            if pattern is wanted:
                break
        return seen

    def until_lit(self) -> LightPattern:
        """Wait for the first pattern that is not dark: a fast start has none before, as the light loads beside it."""
        return next(pattern for pattern in awaited(self.light.patterns) if pattern is not LightPattern.OFF)

    def until_shown(self, **said: Any) -> None:
        """Wait for the screen of a ready box with these differences.

        Of a long bottom line any part may be on screen.
        """
        wanted = {screens.draw(self.view(**said, line_turn=turn)).tobytes() for turn in (0, 1)}
        assert any(picture in wanted for picture in awaited(self.glass.shown))

    def view(self, **said: Any) -> View:
        """View of a ready box without an uploader that took no photo yet."""
        box: dict[str, Any] = {"name": self.config.name, "box": self.spool.box, "upload_state": UploaderState.STOPPED}
        if said.get("state") is BoothState.REVIEW:
            box["thumbnail"] = grey_frame(0).y
        return View(**{"state": BoothState.READY, **box, **said})

    def until_said(self, happened: Callable[[dict[str, Any]], T | None]) -> T:
        """Wait, turn by turn of the loop, until the status file fits; the result of `happened`."""
        turns = awaited(self.light.patterns)
        while True:
            said = status.read(self.runtime, "booth") or {}
            with contextlib.nullcontext() if said else contextlib.suppress(KeyError):  # it may say nothing yet
                if found := happened(said):
                    return found
            next(turns)

    def photos(self) -> int:
        """Number of photos in new/."""
        return sum(1 for _ in self.spool.names(NEW))


def pass_until(box: Box, fits: Callable[[], object]) -> None:
    """Let the booth's time pass until `fits`, which threads bring about that tell nobody."""

    def fits_in_time() -> object:
        box.clock.pass_s(0.1)
        return fits()

    until(fits_in_time)
