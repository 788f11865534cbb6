"""What a view says beyond the state of the booth: how far starting is, what a box needs, whose turn ready is.

Remembers a handful of moments, the supply and the photo just saved. What it reads and writes (the firmware's word, a
boot's line) is done by `keep`, on the housekeeping thread; the loop only looks at what is known.
"""

from __future__ import annotations

from dataclasses import replace

from piboothup import supply
from piboothup.booth import rest, screens
from piboothup.booth.album_code import album_address
from piboothup.booth.events import Event, Saved
from piboothup.booth.frame import Plane
from piboothup.booth.menu import Kind
from piboothup.booth.state import Booth
from piboothup.booth.uplink import Uplink
from piboothup.booth.view import Checks, View
from piboothup.config import Config
from piboothup.problems import Problem
from piboothup.spool.clock import Clock
from piboothup.spool.store import Spool
from piboothup.status import BoothState, UploaderState
from piboothup.supply import Supply

_ONLINE = (UploaderState.IDLE, UploaderState.UPLOADING)


class Outlook:
    """Told of every event; asked whenever a view is made."""

    def __init__(self, config: Config, spool: Spool, clock: Clock) -> None:
        self._config = config
        self._spool = spool
        self._clock = clock
        self._began_ns = self._busy_ns = clock.boottime_ns()
        self._expected_ms: int | None = None
        self._ready_after_ms: int | None = None
        self._is_noted = False
        self._thumbnail: Plane | None = None
        self._supply = Supply()
        self._synchronised = False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """A supply that is too weak now, a box that is too hot."""
        return self._supply.problems

    def prepare(self) -> None:
        """Recalls how long the last start took."""
        self._expected_ms = self._spool.last_start_ms()

    def keep(self) -> None:
        """What is due once a second, while the card can be used. Raises OSError."""
        self._supply = supply.read()
        self._synchronised = self._clock.ntp_uncertainty_ms() is not None
        if self._ready_after_ms is not None and not self._is_noted:
            self._is_noted = True
            self._spool.note_ready(self._ready_after_ms)

    def note(self, event: Event, booth: Booth, now_ns: int) -> None:
        """After `event` the booth is as it is."""
        if isinstance(event, Saved):
            self._thumbnail = event.thumbnail
        if booth.state is not BoothState.READY:
            self._busy_ns = now_ns
        elif self._ready_after_ms is None:
            self._ready_after_ms = (now_ns - self._began_ns) // 1_000_000

    def completed(self, view: View, booth: Booth, link_id: str, uplink: Uplink, light: Problem | None) -> View:
        """`view` with all this; `light`: what is wrong with it."""
        now_ns = self._clock.boottime_ns()
        rests = booth.state is BoothState.READY and not booth.stuck  # what it says of the button stays to be read
        takes_turns = rests and self._config.panel.album_code == "idle"
        is_asked_for = booth.page is not None and booth.page.kind is Kind.ALBUM_CODE
        shows_code = is_asked_for or (takes_turns and rest.shows_code(now_ns - self._busy_ns))
        return replace(
            view,
            rotation=self._config.camera.rotation,
            thumbnail=self._thumbnail,
            progress=self._progress(now_ns),
            checks=checks(booth, light, self._supply, uplink, bool(link_id), self._synchronised),
            album_link=album_address(self._config.eventpics.album_url, link_id) if shows_code else "",
            turn=rest.line_turn(now_ns) if screens.takes_turns(view) else 0,
        )

    def _progress(self, now_ns: int) -> float:
        if not self._expected_ms:
            return 0.0
        return min(1.0, (now_ns - self._began_ns) / (self._expected_ms * 1e6))


def has_finder(booth: Booth, now_ns: int) -> bool:
    """Whether the panel has a place for what the camera sees: the countdown until its last second, and aiming."""
    aims = booth.page is not None and booth.page.kind is Kind.AIM
    return aims or (booth.state is BoothState.COUNTDOWN and booth.digit(now_ns) > 1)


def checks(
    booth: Booth, light: Problem | None, told: Supply, uplink: Uplink, has_event: bool, is_synchronised: bool
) -> Checks:
    """What is known of everything a box needs; `is_synchronised`: NTP disciplines the clock."""
    online = uplink.state in _ONLINE
    is_refused = uplink.state is UploaderState.REFUSED or "no_key" in uplink.problems
    unreachable = uplink.state in (UploaderState.OFFLINE, UploaderState.PORTAL)
    return Checks(
        camera=True if booth.camera_ready else None if booth.camera_problem is None else False,
        card=booth.card_problem is None and booth.card_stuck is None and booth.health.fault is None,
        light=light is None,
        supply=None if told.undervoltage is None else not told.undervoltage,
        wifi=False if unreachable else None if uplink.state is UploaderState.STOPPED else True,
        clock=True if is_synchronised or online else None,  # who is online learns the time from the album
        key=False if is_refused else True if online else None,
        event=has_event and not {"event_gone", "event_refused"}.intersection(uplink.problems),
    )
