"""Start of button, light and panel: after the camera.

Python imports one module at a time, however many processors there are: every import beside the camera's would make it
later, and a guest waits for the camera. So button and light start once its libraries are loaded, while the first
frame is awaited; the saver loads its own then, and has the folders for photos made and synced, which is three of the
test photo's five waits for the card. And the panel, which shows the hello until then, starts once the test photo is
saved and a press counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.flow.events import ButtonTried, DownAtStart, Event, Pressed, Released, Stop, Tick
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.photo.saver import Saver
from piboothup.booth.threads import NEVER_NS, STORAGE_TIMEOUT_NS, RealTime
from piboothup.clock import Clock

HEAD_START_S = 10.0
"""How long each of the three waits at most, seconds: longer than a Zero 2 W needs to load the camera's libraries."""
_LOOK_S = 0.05


class DeviceStart:
    """The thread that starts button, light and panel."""

    def __init__(
        self,
        clock: Clock,
        camera: CameraThread,
        panel: PanelThread,
        button: GpioButton | None,
        realtime: RealTime,
        load_libraries: Callable[[], None],
        post: Callable[[Event], None],
        saver: Saver,
    ) -> None:
        """`load_libraries`: imports what drawing needs; if it fails, `Stop` is posted."""
        self._clock = clock
        self._camera = camera
        self._panel = panel
        self._button = button
        self._realtime = realtime
        self._load_libraries = load_libraries
        self._post = post
        self._saver = saver
        self._is_panel_due = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="device start", daemon=True)
        self.is_light_allowed = False
        """Whether the light's library may be loaded."""
        self.failure: Exception | None = None
        """Why the service can't run."""

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._panel.heartbeat.beat(NEVER_NS)
        self._thread.start()

    def start_panel(self) -> None:
        """Start the panel now: the booth is ready, or has a fault to show. Never waits."""
        self._is_panel_due.set()

    def stop(self, timeout_s: float) -> None:
        """Start no button any more. The panel still starts, as far as the time allows, to show the farewell."""
        self._ended = True
        self._camera.tried.set()
        self._is_panel_due.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        self._camera.tried.wait(HEAD_START_S)
        if not self._ended:
            self._saver.prepare()
            self._start_button()
            self.is_light_allowed = True
            self._post(Tick())
        self._is_panel_due.wait(HEAD_START_S)
        self._panel.heartbeat.beat(STORAGE_TIMEOUT_NS)  # an import that hangs leaves the booth without its panel
        try:
            self._load_libraries()
        except Exception as error:  # noqa: BLE001  (the service raises it)
            self.failure = error
            self._post(Stop())
        else:
            self._panel.start()

    def _start_button(self) -> None:
        button = self._button
        if button is None:
            return

        tried = threading.Event()

        def opened(is_down: bool) -> None:
            tried.set()
            self._realtime.add(*button.threads())
            if is_down:
                self._post(DownAtStart(self._clock.boottime_ns()))

        button.start(
            lambda edge_ns: self._post(Pressed(edge_ns)), lambda edge_ns: self._post(Released(edge_ns)), opened
        )
        for _ in range(int(HEAD_START_S / _LOOK_S)):
            if tried.wait(_LOOK_S) or button.problem is not None or self._ended:
                break
        self._post(ButtonTried())
