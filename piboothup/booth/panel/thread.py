"""The panel's thread: draws views and sends a picture to the device when it has changed.

`show` never waits: the bus may hang for 30 s, the booth goes on, and only the newest view is drawn. What answers a
press, such as the countdown's figure, goes over the bus first. A device that fails is closed and reopened every 2 s
until it works, and then gets the newest picture; the failure is logged once. While nobody presses, the picture
shifts, dims and sleeps (`idle`). Each new picture is also written to the runtime directory as panel.pbm, not shifted
or dimmed, replaced atomically, for `piboothup screen` and the desk.

What draws is imported by the thread when it starts: Pillow takes half a second on a Zero 2 W.

Nothing goes over the bus while the picture stays the same: a device that was unplugged and put back meanwhile is
started up again with the next picture, at the latest the shift each minute.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup import status
from piboothup.booth.device_state import DeviceState
from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import idle
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.idle import Brightness
from piboothup.booth.panel.view import View
from piboothup.booth.threads import Heartbeat
from piboothup.clock import Clock
from piboothup.problems import Problem
from piboothup.records import replace
from piboothup.status import BoothState, WriterThread

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

PICTURE_NAME = "panel.pbm"
RETRY_NS = 2_000_000_000
"""Pause before a device that failed is reopened, nanoseconds."""
RECHECK_AFTER_NS = 1_000_000_000
"""Do not check again within this time after a check, nanoseconds."""
CHECK_S = 1.0
"""Longest sleep of the thread, seconds: for its heartbeat and for reopening the device."""
CALL_TIMEOUT_NS = 60_000_000_000
"""A device call that takes longer will not return, nanoseconds; a bus may hang for 30 s and come back."""

_AT_ONCE = (BoothState.COUNTDOWN, BoothState.EXPOSING)
"""States that answer a press: the column beside the photo is sent first."""


def _draw(view: View) -> Image.Image:
    from piboothup.booth.panel import screens  # noqa: PLC0415  (see the module)

    return screens.draw(view)


class PanelThread:
    """Owner of the panel. `directory`: where panel.pbm is written."""

    def __init__(
        self,
        device: PanelDevice,
        clock: Clock,
        directory: Path,
        draw: Callable[[View], Image.Image] | None = None,
    ) -> None:
        """`draw`: in place of `screens.draw`."""
        self._device = device
        self._clock = clock
        self._path = directory / PICTURE_NAME
        self._draw = draw or _draw
        self._changed = threading.Condition()
        self._view: View | None = None
        self._viewfinder: Viewfinder | None = None
        self._has_news = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
        self._drawn: View | None = None
        self._whole: View | None = None
        """The same with the viewfinder's picture."""
        self._picture: Image.Image | None = None
        self._content = b""
        self._private: tuple[int, int, int, int] | None = None
        """What of the picture a support bundle leaves out."""
        self._is_drawable = True
        self._is_written = True
        self._writer = WriterThread()
        self._sent_picture: Image.Image | None = None
        """What the device shows; None = black, or unknown."""
        self._started_ns = self._activity_ns = clock.boottime_ns()
        self._open = False
        self._stale = False
        self._shift = (0, 0)
        self._brightness: Brightness | None = None
        self._checked_ns = 0
        self._open_at_ns = 0
        self.heartbeat = Heartbeat(clock)
        self._state = DeviceState("panel", "panel_missing")

    @property
    def problem(self) -> Problem | None:
        """Why nothing is shown; None while the panel works."""
        return self._state.problem

    def start(self) -> None:
        """Start the thread, which opens the device; returns at once."""
        self._writer.start()
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Show the last view, close the device and end the thread. The picture stays on the display."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._writer.stop()

    def show(self, view: View) -> None:
        """Show this view; it replaces one that is not drawn yet. Never waits."""
        with self._changed:
            if view != self._view:
                self._view = view
                self._has_news = True
                self._changed.notify()

    def set_viewfinder(self, viewfinder: Viewfinder | None) -> None:
        """Set the viewfinder's picture for views that show it; None = off. Never waits."""
        with self._changed:
            if viewfinder != self._viewfinder:
                self._viewfinder = viewfinder
                self._has_news = True
                self._changed.notify()

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
        """Draw and send what is new; open the device if that is due."""
        with self._changed:
            view = self._view if self._has_news else None
            viewfinder = self._viewfinder
            self._has_news = False
        from piboothup.booth.panel import screens  # noqa: PLC0415  (see the module)

        if view is not None:
            if view.line_turn and not screens.bottom_line_alternates(view):
                view = replace(view, line_turn=0)  # else the same picture would be drawn again with each turn
            if idle.is_activity(self._drawn, view):
                self._activity_ns = self._clock.boottime_ns()
            self._drawn = view
            try:
                whole = view if viewfinder is None else replace(view, viewfinder=viewfinder)
                if whole != self._whole or not self._is_drawable:
                    self._set_picture(self._draw(whole), screens.private_area(whole))
                self._whole = whole
                self._is_drawable = True
            except Exception:  # the top of the thread: a screen that can't be drawn must not end the panel
                if self._is_drawable:  # not with each picture of a viewfinder
                    log.exception("panel draw error state=%s", view.state)
                self._is_drawable = False
        elif not self._is_written or not os.path.lexists(self._path):  # /run was full, or the folder was made again
            self._write_picture_file()
        self._send()
        self.heartbeat.beat()

    def _set_picture(self, picture: Image.Image, private: tuple[int, int, int, int] | None) -> None:
        content = picture.tobytes("raw", "1;I")
        if content == self._content:
            return
        self._picture = picture
        self._content = content
        self._private = private
        self._stale = True
        self._write_picture_file()

    def _write_picture_file(self) -> None:
        """Write the picture's file; a failure is logged once, and tried again every second."""
        if self._picture is not None:
            private = b"" if self._private is None else b"# private %d %d %d %d\n" % self._private
            content = b"P4\n%b%d %d\n" % (private, *self._picture.size) + self._content
            self._writer.do(lambda: self._write_picture(content))

    def _write_picture(self, content: bytes) -> None:
        try:
            status.replace(self._path, content)
        except OSError as error:
            if self._is_written:
                log.warning("panel picture unwritten reason=%r", str(error))
            self._is_written = False
        else:
            self._is_written = True

    def _send(self) -> None:
        now_ns = self._clock.boottime_ns()
        self.heartbeat.beat(CALL_TIMEOUT_NS)
        try:
            wanted = idle.brightness(now_ns - self._activity_ns)
            if self._brightness is Brightness.ASLEEP and wanted is not Brightness.ASLEEP:
                self._close()  # it may have been unplugged and put back meanwhile: it is started up from scratch
            if not self._open and now_ns >= self._open_at_ns:
                self._device.open()
                self._open = True
                self._checked_ns = now_ns
            if self._open and self._drawn is not None:
                is_first = self._brightness is None
                self._update_device(self._drawn, wanted, now_ns)
                if is_first:  # a panel that can be opened but shows nothing is still missing
                    self._state.mark_working()
        except Exception as error:  # noqa: BLE001  (a library that breaks is a missing panel)
            self._close()
            self._state.fail(str(error), None if isinstance(error, OSError | ImportError) else error)
            self._open_at_ns = self._clock.boottime_ns() + RETRY_NS

    def _update_device(self, view: View, wanted: Brightness, now_ns: int) -> None:
        """Bring picture, shift and brightness on the device up to date."""
        from piboothup.booth.panel import capture_screens, layout  # noqa: PLC0415  (see the module)

        if wanted is Brightness.ASLEEP:
            if self._brightness is not wanted:
                self._device.set_display_on(False)
            self._brightness = wanted
            return
        shift = idle.shift(view.state, now_ns - self._started_ns)
        if shift != self._shift:
            self._shift = shift
            self._stale = True
        if self._stale and self._picture is not None:
            picture = layout.shifted(self._picture, shift)
            if view.busy_hint or view.state in _AT_ONCE:
                before = self._sent_picture or layout.blank()
                self._device.show(capture_screens.side_first(before, picture))
            if now_ns - self._checked_ns >= RECHECK_AFTER_NS:  # after the figure: no check may make it late
                self._device.check()
                self._checked_ns = now_ns
            self._device.show(picture)
            self._sent_picture = picture
            self._stale = False
        if self._brightness is not wanted:
            self._device.contrast(wanted)
        self._brightness = wanted

    def _close(self) -> None:
        self._open = False
        self._stale = True
        self._brightness = None
        self._sent_picture = None
        try:
            self._device.close()
        except Exception as error:  # the top of the thread: a device that can't even be closed must not end it
            if self.problem is None:
                log.warning("panel close error reason=%r", str(error), exc_info=True)
