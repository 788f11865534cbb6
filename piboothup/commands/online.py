"""`piboothup doctor --online`: ask EventPics once, as the uploader does, and report it in the uploader's words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from piboothup.clock import Clock
from piboothup.config import Config, ConfigError, Secret
from piboothup.status import EventReport, UploaderReport, UploaderState
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.outcomes import MAYBE_SIGN_IN, ApiCall, Outcome, decide
from piboothup.uploader.schedule.link_status import link_problem
from piboothup.uploader.transport.errors import LinkError, UploaderError

DEADLINE_S = 10.0
"""After this the answer counts as missing, seconds."""
_DETAILS = {
    Outcome.DNS: "its name is not found",
    Outcome.CONNECT: "its server can't be reached",
    Outcome.TIMEOUT: "no answer in time",
    Outcome.RESET: "the connection breaks off",
    Outcome.TLS: "it is another's",
    Outcome.TLS_DATE: "its dates do not fit the clock",
}


def ask(config: Config, clock: Clock, deadline_s: float = DEADLINE_S) -> tuple[UploaderReport, str]:
    """What EventPics answers, and what went wrong on the way in a few words. Without a key only the way is tried."""
    try:
        key = config.read_key()
    except ConfigError:
        key = None
    api = EventPicsApi(config.eventpics.api_url, key or Secret("none"), clock)
    answers: list[tuple[UploaderReport, str]] = []
    call = partial(_ask_for_events, api) if key is not None else partial(_try_way, api, config.eventpics.api_url)
    asking = threading.Thread(target=lambda: answers.append(_ask(api, call)), name="ask", daemon=True)
    asking.start()
    asking.join(deadline_s)
    if not answers:
        api.transport.guard.stop()
        return _failed(Outcome.TIMEOUT)
    return answers[0]


def _ask(api: EventPicsApi, call: Callable[[], UploaderReport]) -> tuple[UploaderReport, str]:
    try:
        return call(), ""
    except UploaderError as error:
        return _failed(_look_for_sign_in(api, error.outcome))


def _ask_for_events(api: EventPicsApi) -> UploaderReport:
    events = tuple(EventReport(link_id=event.link_id) for event in api.events().events)
    return UploaderReport(state=UploaderState.IDLE, events_seen=len(events), events=events)


def _try_way(api: EventPicsApi, url: str) -> UploaderReport:
    """Any answer over verified TLS is EventPics'."""
    api.transport.exchange("GET", Secret(f"{url}/"), {"Accept": "*/*"}, deadline_s=DEADLINE_S)
    return UploaderReport(state=UploaderState.IDLE)


def _look_for_sign_in(api: EventPicsApi, outcome: Outcome) -> Outcome:
    try:
        return Outcome.SIGN_IN if outcome in MAYBE_SIGN_IN and api.is_behind_sign_in() else outcome
    except LinkError:
        return outcome


def _failed(outcome: Outcome) -> tuple[UploaderReport, str]:
    state, reason = link_problem(decide(ApiCall.EVENTS, outcome), outcome)
    return UploaderReport(state=state, problems=(reason.code,)), _DETAILS.get(outcome, reason.detail)
