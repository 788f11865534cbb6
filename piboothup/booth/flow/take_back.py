"""Taking a photo back: for some seconds it is held, and 1 s of holding the button keeps it from being sent. Pure.

A press begun while the hint is shown acts at its release: it starts the next photo. A held photo is the uploader's
when its time, and a hold under way, are over; another guest's next photo does not cut that short.
"""

from __future__ import annotations

from piboothup.booth.flow.events import MoveHeld
from piboothup.booth.flow.state import Booth, FlowSettings, HeldPhoto
from piboothup.booth.flow.transitions import NOTICE_NS, settle_state
from piboothup.problems import Problem
from piboothup.records import replace
from piboothup.spool.listing import NEW, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.status import BoothState

_ANSWER_TIMEOUT_NS = 15_000_000_000
"""Longest wait for the card to withdraw a photo, nanoseconds; the photo goes as soon as it can."""
_NOT_SENT_NS = 2_500_000_000
"""How long "not sent" is shown, nanoseconds."""


def hold(booth: Booth, name: PhotoName, begun_ns: int, now_ns: int, settings: FlowSettings) -> Booth:
    """`booth` with this photo, which is saved and held. `begun_ns`: as in `HeldPhoto`."""
    held = HeldPhoto(name, now_ns + settings.take_back_ns, begun_ns)
    others = [replace(photo, until_ns=held.until_ns) if photo.begun_ns == begun_ns else photo for photo in booth.held]
    return replace(booth, held=(*others, held))


def withdraw(booth: Booth, at_ns: int) -> tuple[Booth, tuple[MoveHeld, ...]]:
    """The photo that is shown, or its series, is never sent: its guest held the button for long enough."""
    meant = [photo for photo in booth.held if photo.begun_ns == booth.held[-1].begun_ns]
    others = (photo for photo in booth.held if photo not in meant)
    press = replace(booth.press, consumed=True) if booth.press is not None else None
    booth = replace(booth, press=press, held=tuple(others), is_withdrawn=True, until_ns=at_ns + _ANSWER_TIMEOUT_NS)
    return booth, tuple(MoveHeld(photo.name, WITHDRAWN) for photo in meant)


def withdrawn(booth: Booth, failure: Problem | None, now_ns: int) -> Booth:
    """The card has withdrawn the photo, or could not."""
    if booth.state is not BoothState.REVIEW or not booth.is_withdrawn:
        return booth
    if failure is None:
        return replace(booth, shows_not_sent=True, until_ns=now_ns + _NOT_SENT_NS)
    return replace(settle_state(replace(booth, notice=failure)), until_ns=now_ns + NOTICE_NS)


def release_all(booth: Booth) -> tuple[MoveHeld, ...]:
    """Hand every held photo to the uploader."""
    return tuple(MoveHeld(photo.name, NEW) for photo in booth.held)


def release(booth: Booth, now_ns: int) -> tuple[Booth, tuple[MoveHeld, ...]]:
    """Hand the photos whose time is over to the uploader."""
    due = [photo for photo in booth.releasable if photo.until_ns <= now_ns]
    if not due:
        return booth, ()
    held = tuple(photo for photo in booth.held if photo not in due)
    return replace(booth, held=held), tuple(MoveHeld(photo.name, NEW) for photo in due)
