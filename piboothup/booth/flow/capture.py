"""From the press to "saved": one photo, or a series of shots. Pure.

In a series the countdown of the next shot runs from the exposure of the one before, which is encoded and saved beside
it. With two frames in hand the next shot waits for the card: memory is for no more. A hold of 1 s ends the series.
"""

from __future__ import annotations

from piboothup.booth.flow import take_back
from piboothup.booth.flow.events import Capture, Discard, Effect, Save, Saved
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.state import SERIES_TURN_NS, Booth, FlowSettings, Series
from piboothup.booth.frame import Frame
from piboothup.records import replace
from piboothup.status import BoothState

CAPTURE_TIMEOUT_S = 4.0
"""Time for the camera from zero to a frame, seconds."""
CAPTURE_ANSWER_TIMEOUT_NS = int((CAPTURE_TIMEOUT_S + 2.0) * SECOND_NS)
"""Longest wait for the answer to a capture, nanoseconds."""
SAVING_TIMEOUT_NS = 15 * SECOND_NS
"""Time after which the card counts as stuck, nanoseconds; the photo is still waited for. Cards pause for 1 or 2 s."""
_MOST_IN_HAND = 2
"""Frames that are exposed and not saved yet, at the most."""

_Step = tuple[Booth, tuple[Effect, ...]]


def start(booth: Booth, edge_ns: int, now_ns: int, settings: FlowSettings) -> _Step:
    """Begin the countdown; without one, expose."""
    zero_ns = edge_ns + settings.countdown_s * SECOND_NS
    series = Series(settings.shots, edge_ns) if settings.shots > 1 else None
    started = replace(booth, notice=None, busy_hint_until_ns=0, series=series)
    if settings.countdown_s:
        return _count_down(started, zero_ns, edge_ns, settings), ()
    return expose(replace(started, zero_ns=zero_ns, flash_on_ns=_flash_on_ns(zero_ns, edge_ns, settings)), now_ns)


def _count_down(booth: Booth, zero_ns: int, from_ns: int, settings: FlowSettings) -> Booth:
    flash_on_ns = _flash_on_ns(zero_ns, from_ns, settings)
    return replace(booth, state=BoothState.COUNTDOWN, zero_ns=zero_ns, until_ns=zero_ns, flash_on_ns=flash_on_ns)


def _flash_on_ns(zero_ns: int, from_ns: int, settings: FlowSettings) -> int | None:
    lead_s = settings.flash_lead_s
    return None if lead_s is None else max(from_ns, zero_ns - int(lead_s * SECOND_NS))


def expose(booth: Booth, now_ns: int) -> _Step:
    """Have the frame at zero captured; in a series not before the card has taken one of two frames."""
    if booth.series is not None and booth.series.in_hand + len(booth.late) >= _MOST_IN_HAND:
        return replace(booth, state=BoothState.SAVING, until_ns=now_ns + SAVING_TIMEOUT_NS), ()
    exposing = replace(booth, state=BoothState.EXPOSING, until_ns=now_ns + CAPTURE_ANSWER_TIMEOUT_NS)
    return exposing, (Capture(booth.zero_ns, booth.flash_on_ns),)


def exposed(booth: Booth, frame: Frame, zero_ns: int, now_ns: int, settings: FlowSettings) -> _Step:
    """Save the frame, if it is the one that is waited for; count down to the next shot of a series."""
    is_wanted = booth.state is BoothState.EXPOSING and zero_ns == booth.zero_ns
    if not is_wanted or frame.exposure_start_ns < zero_ns:
        return booth, (Discard(frame),)  # nobody waits for it, or it is the late answer to an earlier press
    if booth.series is not None:
        series = replace(booth.series, exposed=booth.series.exposed + 1)
        booth = replace(booth, series=series)
        if series.exposed < series.shots:
            begun_ns = frame.exposure_start_ns
            return _count_down(booth, begun_ns + settings.gap_s * SECOND_NS, begun_ns, settings), (Save(frame),)
    return replace(booth, state=BoothState.SAVING, until_ns=now_ns + SAVING_TIMEOUT_NS), (Save(frame),)


def saved(booth: Booth, event: Saved, now_ns: int, settings: FlowSettings) -> Booth:
    """Show the photo; of a series once all its shots are saved. One of a series that has ended delays no other."""
    booth = replace(booth, number=event.number, photos=booth.photos + 1, saved_ns=now_ns, storage_stuck=None)
    booth = replace(booth, health=booth.health.photo_saved(), is_withdrawn=False, shows_not_sent=False)
    begun_ns = booth.zero_ns if booth.series is None else booth.series.begun_ns
    if booth.late:
        begun_ns, booth = booth.late[0], replace(booth, late=booth.late[1:])
    elif booth.series is not None:
        booth = replace(booth, series=replace(booth.series, saved=booth.series.saved + 1))
    if event.held is not None:
        booth = take_back.hold(booth, event.held, begun_ns, now_ns, settings)
    if booth.page is not None:
        return booth
    if booth.series is not None and not booth.series.is_saved:
        if booth.state is not BoothState.SAVING:  # the next shot is under way
            return booth
        if booth.series.exposed < booth.series.shots:  # the next shot has waited for the card
            return _count_down(booth, now_ns, now_ns, settings)
        return replace(booth, until_ns=now_ns + SAVING_TIMEOUT_NS)
    return _review(booth, now_ns, settings)


def unsaved(booth: Booth) -> Booth:
    """`booth` without the frame that was in hand for longest, which was not saved."""
    if booth.late:
        return replace(booth, late=booth.late[1:])
    series = booth.series
    return booth if series is None else replace(booth, series=replace(series, exposed=series.exposed - 1))


def end_series(booth: Booth, series: Series, now_ns: int, settings: FlowSettings) -> Booth:
    """`booth` without the shots that are not exposed yet: the button was held for long enough."""
    press = replace(booth.press, consumed=True) if booth.press is not None else None
    booth = replace(booth, press=press, series=replace(series, shots=series.exposed))
    if series.in_hand:
        return replace(booth, state=BoothState.SAVING, until_ns=now_ns + SAVING_TIMEOUT_NS)
    return _review(booth, now_ns, settings)


def _review(booth: Booth, now_ns: int, settings: FlowSettings) -> Booth:
    shown_ns = int(settings.review_s * SECOND_NS)
    if booth.series is not None:
        shown_ns = max(shown_ns, booth.series.saved * SERIES_TURN_NS)
    if booth.held and not booth.is_withdrawn:
        shown_ns = max(shown_ns, booth.held[-1].until_ns - now_ns)
    return replace(booth, state=BoothState.REVIEW, until_ns=now_ns + shown_ns)
