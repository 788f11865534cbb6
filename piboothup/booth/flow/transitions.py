"""Transitions of the state machine that several events lead to. Pure."""

from __future__ import annotations

from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.pages import Page
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.problems import Problem, problem
from piboothup.records import replace
from piboothup.status import BoothState

NOTICE_NS = 6 * SECOND_NS
"""How long "not saved" is shown when the next press can take a photo, nanoseconds."""


def open_page(booth: Booth, page: Page | None, now_ns: int, settings: FlowSettings) -> Booth:
    """The menu with this page until it times out or, for a page of the operator, the operator's time is over."""
    operator_until_ns = settings.options.operator_until_ns if page is not None and page.operator_only else None
    if page is None or (operator_until_ns is not None and now_ns >= operator_until_ns):
        return settle_state(booth)
    until_ns = now_ns + int(page.idle_timeout_s * SECOND_NS)
    until_ns = until_ns if operator_until_ns is None else min(until_ns, operator_until_ns)
    state = BoothState.SETUP if page.takes_photos else BoothState.MENU
    return replace(booth, state=state, page=page, until_ns=until_ns, busy_hint_until_ns=0, notice=None)


def settle_if_idle(booth: Booth) -> Booth:
    """`settle_state` where no photo is under way and no menu is open; elsewhere no change."""
    resting = booth.state in (BoothState.STARTING, BoothState.READY, BoothState.FAULT)
    return replace(settle_state(booth), until_ns=booth.until_ns) if resting else booth


def settle_state(booth: Booth) -> Booth:
    """STARTING, READY or FAULT."""
    rested = BoothState.FAULT if booth.problem is not None else BoothState.READY
    if booth.series is not None:
        booth = replace(booth, late=(*booth.late, *[booth.series.begun_ns] * booth.series.in_hand))
    return replace(
        booth, until_ns=None, page=None, series=None, state=BoothState.STARTING if booth.is_starting else rested
    )


def photo_failed(booth: Booth, notice: Problem, reason: Problem, now_ns: int) -> Booth:
    """A press gave no photo: show `notice`, or the fault that this `reason` has become by repetition."""
    booth = replace(booth, health=booth.health.photo_failed(reason, now_ns))
    if booth.health.fault is not None:
        return settle_state(replace(booth, notice=None))
    return replace(settle_state(replace(booth, notice=notice)), until_ns=now_ns + NOTICE_NS)


def not_taken(cause: Problem) -> Problem:
    """The fault to report if the camera keeps failing: under one code, as the camera's own wording varies."""
    return problem("no_photos", cause.detail)
