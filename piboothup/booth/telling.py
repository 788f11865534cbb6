"""What the booth tells of itself: to guests as a view for the panel, to programs as its status.

Asked by the loop and by housekeeping; it looks at what is known and waits for nothing.
"""

from __future__ import annotations

from typing import Any

from piboothup import __version__
from piboothup.booth.chosen import Choosing
from piboothup.booth.devices import Devices
from piboothup.booth.outlook import Outlook
from piboothup.booth.panel import PanelThread
from piboothup.booth.saver import Saver
from piboothup.booth.state import Booth, Settings
from piboothup.booth.uplink import Uplink
from piboothup.booth.view import View
from piboothup.config import Config
from piboothup.problems import Problem, problem
from piboothup.spool.store import Spool
from piboothup.status import BoothState


class Telling:
    """Knows where to look."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        devices: Devices,
        panel: PanelThread,
        saver: Saver,
        choosing: Choosing,
        outlook: Outlook,
        config_problem: Problem | None,
    ) -> None:
        """`config_problem`: why the config that is used is not the one in the file."""
        self._config = config
        self._spool = spool
        self._devices = devices
        self._panel = panel
        self._saver = saver
        self._choosing = choosing
        self._outlook = outlook
        self._config_problem = config_problem
        self.card_notices: list[Problem] = []
        """What should be known of the card, as it was last looked at."""
        self.runtime_problem: Problem | None = None
        """Why the status can't be written."""
        self.uplink = Uplink()
        """As it was last looked at."""

    def view(self, booth: Booth, now_ns: int, settings: Settings) -> View:
        """What the panel shows of this state."""
        chosen, uplink = self._choosing.now, self.uplink
        told_before = self._devices.camera.notice if booth.photos else None
        view = View(
            state=booth.state,
            name=self._config.name,
            box=self._spool.box,
            event_title=uplink.event_title,
            photos=self._saver.taken,
            number=booth.number,
            countdown=booth.digit(now_ns) if booth.state is BoothState.COUNTDOWN else 0,
            problem=booth.problem,
            notice=next((one for one in self.notices(booth) if one != told_before), None),
            uplink=uplink.state,
            waiting=uplink.waiting,
            parked=uplink.parked,
            has_event=bool(chosen.context.link_id),
            language=chosen.config.language,
            nudged=booth.nudged_until_ns > now_ns,
            lens=self._config.panel.lens,
            page=booth.page,
            ring=booth.ring(now_ns, settings),
        )
        light = self._devices.light.problem
        return self._outlook.completed(view, booth, chosen.context.link_id, uplink, light)

    def notices(self, booth: Booth) -> list[Problem]:
        """What does not stop photos and yet should be known, the gravest first."""
        devices = (
            self._devices.button_problem,
            self._devices.camera.notice,
            self._devices.signal_problem,
            self._panel.problem,
            self.runtime_problem,
        )
        stuck = problem("button_stuck") if booth.stuck else None
        card, outlook = self.card_notices, self._outlook.problems
        found = stuck, *card, self._config_problem, *outlook, *devices, self.uplink.problem
        return [one for one in found if one is not None]

    def status(self, booth: Booth) -> dict[str, Any]:
        """The booth's part of `status --json`."""
        problems = [*([booth.problem] if booth.problem is not None else []), *self.notices(booth)]
        return {
            "version": __version__,
            "name": self._config.name,
            "box": self._spool.box,
            "boot": self._spool.boot,
            "state": booth.state,
            "camera": "ready" if booth.camera_ready else "lost",
            "panel": "ready" if self._panel.working else "missing",
            "button": "missing" if self._devices.button_problem is not None else "ready",
            "photos": self._saver.taken,
            "context": self._choosing.now.context.id,
            "problems": [one.code for one in problems],
        }
