"""The panel's thread: draws what the booth wants shown, and sends it to the device only when the picture changed.

`show` never waits: whatever the bus does (it may hang for 30 s), the booth goes on, and only the newest view counts.
The figure of a countdown and whatever else answers a press go over the bus before all else: none is late. A device
that fails is closed and opened anew every 2 s until it answers, and then gets the newest picture; that it is missing
is logged once, until a picture got through. When nobody presses, the picture moves, dims and sleeps (`rest`). Each
new picture also lies in the runtime directory as panel.pbm, unmoved and in full light, replaced atomically, for
`screen` and the desk.

While a picture stands nothing at all goes over the bus, so that nobody knows then whether the device is still there:
one that is pulled and put back between two pictures, which no error betrays, is found and mended with the next
picture, whatever that is: a press at once, else a photo sent, the album code's turn, at the latest the minute's move.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from PIL import Image

from piboothup import status
from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import capture_screens, idle, screens
from piboothup.booth.panel.idle import Brightness
from piboothup.booth.panel.layout import blank
from piboothup.booth.panel.view import View
from piboothup.booth.threads import Heartbeat
from piboothup.clock import Clock
from piboothup.problems import Problem, problem
from piboothup.status import BoothState, WriterThread

log = logging.getLogger(__name__)

PICTURE_NAME = "panel.pbm"
RETRY_NS = 2_000_000_000
RECHECK_AFTER_NS = 1_000_000_000
"""For so long after a check nobody has pulled the device and put it back."""
CHECK_S = 1.0
"""The thread looks up at least this often, for its heartbeat and a device that is due."""
CALL_TIMEOUT_NS = 60_000_000_000
"""A bus may hang for 30 s and come back; a call that takes longer than this will not return."""


_AT_ONCE = (BoothState.COUNTDOWN, BoothState.EXPOSING)
"""The states that a press leads to."""


class PanelDevice(Protocol):
    """What a panel must do; every call comes from one thread."""

    def open(self) -> None:
        """Start it up, black. Raises OSError."""

    def show(self, image: Image.Image) -> None:
        """Show a picture, 128x64, mode "1". Raises OSError."""

    def contrast(self, level: int) -> None:
        """How bright, 0 to 255. Raises OSError."""

    def set_display_on(self, on: bool) -> None:
        """On or asleep; the picture is kept. Raises OSError."""

    def check(self) -> None:
        """Make sure that the next picture is seen, should it have been pulled and put back. Raises OSError."""

    def close(self) -> None:
        """Give it back; closing twice does nothing."""


class NoPanel:
    """No device: what would be shown is in the picture file alone."""

    def open(self) -> None:
        """Nothing to start."""

    def show(self, image: Image.Image) -> None:
        """Nothing to see."""

    def contrast(self, level: int) -> None:
        """Nothing to dim."""

    def set_display_on(self, on: bool) -> None:
        """Nothing to light."""

    def check(self) -> None:
        """Nothing to miss."""

    def close(self) -> None:
        """Nothing to give back."""


class PanelThread:
    """Owns the panel. `directory`: where panel.pbm is kept up to date."""

    def __init__(
        self,
        device: PanelDevice,
        clock: Clock,
        directory: Path,
        draw: Callable[[View], Image.Image] = screens.draw,
    ) -> None:
        self._device = device
        self._clock = clock
        self._path = directory / PICTURE_NAME
        self._draw = draw
        self._changed = threading.Condition()
        self._view: View | None = None
        self._viewfinder: Viewfinder | None = None
        self._has_news = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
        self._drawn: View | None = None
        self._picture: Image.Image | None = None
        self._content = b""
        self._is_drawable = True
        self._is_written = True
        self._writer = WriterThread()
        self._on_glass = blank()
        self._started_ns = self._activity_ns = clock.boottime_ns()
        self._open = False
        self._stale = False
        self._shift = (0, 0)
        self._brightness: Brightness | None = None
        self._checked_ns = 0
        self._open_at_ns = 0
        self._heartbeat = Heartbeat(clock)
        self.problem: Problem | None = None
        """Why nothing is shown; None while the panel works."""

    @property
    def working(self) -> bool:
        """Whether the pictures reach the device."""
        return self.problem is None

    def start(self) -> None:
        """Begin to open the device; returns at once."""
        self._writer.start()
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Show what is still to be shown, close the device, end the thread. The last picture stays on the glass."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._writer.stop()

    def show(self, view: View) -> None:
        """From now on this is to be seen. Never waits; a view not yet drawn gives way to this one."""
        with self._changed:
            if view != self._view:
                self._view, self._has_news = view, True
                self._changed.notify()

    def set_viewfinder(self, viewfinder: Viewfinder | None) -> None:
        """What the camera sees, to be shown by views that have a place for it; None = nobody looks. Never waits."""
        with self._changed:
            if viewfinder != self._viewfinder:
                self._viewfinder, self._has_news = viewfinder, True
                self._changed.notify()

    def heartbeat(self) -> int:
        """Boot-time of the last sign of life; a bus that hangs counts as alive until it has hung for a minute."""
        return self._heartbeat.last_ns()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            with self._changed:
                if not (self._has_news or self._stopping):
                    self._changed.wait(CHECK_S)
                stopping = self._stopping
            self.run_once()
        self._close()

    def run_once(self) -> None:
        """Draw and send what is new, open the device if that is due."""
        with self._changed:
            view, viewfinder = (self._view if self._has_news else None), self._viewfinder
            self._has_news = False
        if view is not None:
            if idle.is_activity(self._drawn, view):
                self._activity_ns = self._clock.boottime_ns()
            self._drawn = view
            try:
                self._set_picture(self._draw(view if viewfinder is None else replace(view, viewfinder=viewfinder)))
                self._is_drawable = True
            except Exception:  # the top of the thread: a screen that can't be drawn must not end the panel
                if self._is_drawable:  # not with each picture of a viewfinder
                    log.exception("event=panel_draw_error state=%s", view.state)
                self._is_drawable = False
        elif not self._is_written or not self._path.exists():  # /run was full, or the folder was made again
            self._write_picture_file()
        self._send()
        self._heartbeat.beat()

    def _set_picture(self, picture: Image.Image) -> None:
        content = picture.tobytes("raw", "1;I")
        if content == self._content:
            return
        self._picture, self._content, self._stale = picture, content, True
        self._write_picture_file()

    def _write_picture_file(self) -> None:
        """Writes the picture's file; when that can't be it is logged once, and tried again every second."""
        if self._picture is not None:
            content = b"P4\n%d %d\n" % self._picture.size + self._content
            self._writer.do(lambda: self._write_picture(content))

    def _write_picture(self, content: bytes) -> None:
        try:
            status.replace(self._path, content)
        except OSError as error:
            if self._is_written:
                log.warning("event=panel_picture_unwritten reason=%r", str(error))
            self._is_written = False
        else:
            self._is_written = True

    def _send(self) -> None:
        now_ns = self._clock.boottime_ns()
        self._heartbeat.beat(CALL_TIMEOUT_NS)
        try:
            wanted = idle.brightness(now_ns - self._activity_ns)
            if self._brightness is Brightness.ASLEEP and wanted is not Brightness.ASLEEP:
                self._close()  # it may have been unplugged and put back meanwhile: it is started up from scratch
            if not self._open and now_ns >= self._open_at_ns:
                self._device.open()
                self._open, self._checked_ns = True, now_ns
            if self._open and self._drawn is not None:
                is_first = self._brightness is None
                self._update_device(self._drawn, wanted, now_ns)
                if is_first:  # one that can be opened and shows nothing is still missing, and no news
                    self.problem = None
                    log.info("event=panel_open")
        except (OSError, ImportError) as error:
            self._on_fault(error)
        except Exception as error:  # the top of the thread: a library that breaks is a missing panel
            if self.problem is None:
                log.exception("event=panel_error")
            self._on_fault(error)

    def _update_device(self, view: View, wanted: Brightness, now_ns: int) -> None:
        """The picture as it is to be seen now: in its place, and in its light."""
        if wanted is Brightness.ASLEEP:
            if self._brightness is not wanted:
                self._device.set_display_on(False)
            self._brightness = wanted
            return
        shift = idle.shift(view.state, now_ns - self._started_ns)
        if shift != self._shift:
            self._shift, self._stale = shift, True
        if self._stale and self._picture is not None:
            picture = idle.shifted(self._picture, shift)
            if view.busy_hint or view.state in _AT_ONCE:
                self._device.show(capture_screens.side_first(self._on_glass, picture))
            if now_ns - self._checked_ns >= RECHECK_AFTER_NS:  # after the figure: no check may make it late
                self._device.check()
                self._checked_ns = now_ns
            self._device.show(picture)
            self._on_glass, self._stale = picture, False
        if self._brightness is not wanted:
            self._device.contrast(wanted)
        self._brightness = wanted

    def _on_fault(self, error: Exception) -> None:
        self._close()
        if self.problem is None:
            self.problem = problem("panel_missing", str(error))
            log.warning("event=panel_lost reason=%r", str(error))
        self._open_at_ns = self._clock.boottime_ns() + RETRY_NS

    def _close(self) -> None:
        self._open, self._stale, self._brightness, self._on_glass = False, True, None, blank()
        try:
            self._device.close()
        except Exception as error:  # the top of the thread: a device that can't even be closed must not end it
            if self.problem is None:
                log.warning("event=panel_close_error reason=%r", str(error), exc_info=True)
