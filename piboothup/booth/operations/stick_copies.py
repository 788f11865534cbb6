"""Copies to sticks, as the booth sees them: which stick may get photos, how a copy gets on, and its beginning.

Root's unit copies (see `setup/stick`); job and progress lie in a folder in memory. What that needs is imported when
the first stick is plugged in: a start of the booth does without.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.flow import pages
from piboothup.booth.flow.actions import CopyPhotos, CopyProgress, StickOffer
from piboothup.booth.flow.pages import Page
from piboothup.booth.operations.root_helper import RootHelper
from piboothup.clock import Clock
from piboothup.process import is_alive
from piboothup.records import replace
from piboothup.root_requests import Outcome
from piboothup.spool.disk import usb_sticks
from piboothup.spool.disk.usb_sticks import UsbStick
from piboothup.spool.store import Spool

if TYPE_CHECKING:
    from piboothup.spool.admin.stick_copy import CopyFolder, CopyReport

log = logging.getLogger(__name__)

_RESULT_NS = 300_000_000_000
"""How long a result is shown while its stick stays, nanoseconds: a picture that stays for hours burns in."""
_RESUME_NS = 30_000_000_000
"""Shortest time from one copy that goes on by itself to the next, nanoseconds. A stick for which the supply is too
weak comes and goes all the time. Each copy starts root's helper, and systemd starts that 40 times in ten minutes and
then never again: the menu could not even switch off.
"""
_BEGUN_S, _LOOK_S = 20.0, 0.1
"""Timeout of a copy's first report: its unit loads and mounts on a slow card, beside what guests do."""


class StickCopies:
    """Reader of sticks and copies, once a second."""

    def __init__(self, spool: Spool, runtime: Path, clock: Clock, root: Path = Path("/")) -> None:
        """`root`: folder that stands for `/`, for tests."""
        self._spool = spool
        self._runtime = runtime
        self._clock = clock
        self._root = root
        self._counted: tuple[str, str, int] = "", "", 0
        """Key of the stick, event, and number of its photos."""
        self._broken_off: tuple[str, str] | None = None
        """Id of the stick and event of the last copy that did not end well."""
        self._resumed: tuple[str, int] | None = None
        """Key of the stick to which a copy went on by itself last, and when."""
        self._ended: tuple[int, int] | None = None
        """Job of the last result, and when it was first seen."""
        self._was_used = False

    def read(self, link_id: str, *, is_operators_time: bool) -> tuple[StickOffer | None, CopyProgress | None]:
        """The stick that may get photos of this event now, and the copy that is under way. Raises OSError."""
        sticks = usb_sticks.plugged_in(self._root)
        if not sticks and not self._was_used:
            return None, None
        from piboothup.spool.admin import stick_copy  # noqa: PLC0415

        self._was_used = True
        title = next((event.title for event in self._spool.events() if event.link_id == link_id), "")
        folder = stick_copy.CopyFolder(self._runtime)
        report = self._newest(folder, sticks, is_operators_time)
        if report is not None and report.state is stick_copy.CopyState.COPYING:
            return None, _progress(report, link_id, title)
        offered = None
        for stick in sticks:
            is_known = folder.knows(stick.uuid, link_id)
            may_resume = is_known or not is_operators_time  # one pulled before it had its secret is asked about
            resumes = bool(stick.uuid) and self._broken_off == (stick.uuid, link_id) and may_resume
            is_ended = report is not None and report.key == stick.key
            if is_ended or (resumes and not self._may_resume(stick.key)):
                continue
            if resumes or is_operators_time or is_known:
                offered = self._offer(stick, link_id, title, resumes, is_operators_time)
                break
        return offered, None if report is None else _progress(report, link_id, title)

    def _may_resume(self, key: str) -> bool:
        """Whether a copy may go on by itself to this stick now."""
        now_ns = self._clock.boottime_ns()
        if self._resumed is None or (key != self._resumed[0] and now_ns - self._resumed[1] >= _RESUME_NS):
            self._resumed = key, now_ns
        return key == self._resumed[0]

    def _newest(self, folder: CopyFolder, sticks: list[UsbStick], is_operators_time: bool) -> CopyReport | None:
        """The report that is to be shown. Raises OSError."""
        from piboothup.spool.admin.stick_copy import IS_DONE, CopyState  # noqa: PLC0415

        report = folder.report()
        if report is None:
            return None
        if report.state is CopyState.COPYING:
            if is_alive(report.pid):
                return report
            report = replace(report, state=CopyState.FAILED)  # its unit was ended
        is_done = report.state in IS_DONE
        if report.state is not CopyState.NOT_OURS:
            self._broken_off = None if is_done else (report.uuid, report.link_id)
        elif is_operators_time:  # emptied, perhaps: it is asked about when it comes again
            self._broken_off = None
        now_ns = self._clock.boottime_ns()
        if self._ended is None or self._ended[0] != report.asked_ns:
            self._ended = report.asked_ns, now_ns
        is_pulled = all(stick.key != report.key for stick in sticks)
        if (is_pulled and is_done) or now_ns - self._ended[1] >= _RESULT_NS:
            folder.forget_report()
            return None
        return report

    def _offer(
        self, stick: UsbStick, link_id: str, title: str, resumes: bool, is_operators_time: bool
    ) -> StickOffer | None:
        """The offer for this stick; None without photos. Raises OSError."""
        from piboothup.spool.admin import export  # noqa: PLC0415

        if self._counted[:2] != (stick.key, link_id):
            self._counted = stick.key, link_id, export.count(self._spool, link_id)
        count = self._counted[2]
        needs_secret = resumes or not is_operators_time
        action = CopyPhotos(stick.name, stick.key, stick.uuid, link_id, needs_secret)
        return StickOffer(action, count, title, resumes) if count else None


def _progress(report: CopyReport, link_id: str, title: str) -> CopyProgress:
    """The report for the panel, which names no other event than the one in use."""
    shown = (link_id, title) if report.link_id == link_id else ("", "")
    return CopyProgress(report.key, report.state, report.done, report.total, report.left_s, *shown)


def begin(action: CopyPhotos, runtime: Path, clock: Clock, root: RootHelper, ended: threading.Event) -> Page | None:
    """Have root's unit copy; an error page if it does not begin. Raises OSError."""
    from piboothup.spool.admin.stick_copy import CopyFolder, CopyJob  # noqa: PLC0415

    folder, asked_ns = CopyFolder(runtime), clock.boottime_ns()
    folder.put_job(CopyJob(asked_ns, action.key, action.uuid, action.link_id, action.needs_secret))
    if root.ask("copy", {"disk": action.disk}).outcome is not Outcome.DONE:
        return pages.error_page("copy_failed")
    turns = iter(range(int(_BEGUN_S / _LOOK_S)))
    while (report := folder.report()) is None or report.asked_ns != asked_ns:
        if ended.wait(_LOOK_S) or next(turns, None) is None:
            log.error("copy not begun disk=%s", action.disk)
            return pages.error_page("copy_failed")
    return None
