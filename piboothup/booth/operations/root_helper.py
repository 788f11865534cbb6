"""The booth's requests to root's helper: a request is left for it and its answer awaited, on a background thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from piboothup import root_requests
from piboothup.clock import Clock
from piboothup.root_requests import Answer, Outcome, Request

log = logging.getLogger(__name__)

HELPER_TIMEOUT_S = 10.0
"""A request that is not taken by then is withdrawn: no helper runs. A slow card takes seconds to start one."""
ANSWER_TIMEOUT_S = 40.0
"""Timeout of the answer to a request that was taken, in all."""
POLL_S = 0.1


class RootHelper:
    """Asks root's helper."""

    def __init__(self, runtime: Path, clock: Clock, ended: threading.Event) -> None:
        """`ended`: set when the booth ends."""
        self._runtime = runtime
        self._clock = clock
        self._ended = ended

    def ask(self, verb: str, values: Mapping[str, object], turns: Iterator[int] | None = None) -> Answer:
        """The helper's answer: done also if the booth ends meanwhile, failed if there is none.

        `turns`: of `POLL_S` each, as far as they last; what is left of them is the caller's.
        """
        asked_ns = self._clock.boottime_ns()
        try:
            root_requests.put(self._runtime, verb, Request(asked_ns, values))
            for turn, _ in enumerate(turns or range(int(ANSWER_TIMEOUT_S / POLL_S))):
                if self._ended.wait(POLL_S):
                    return Answer(asked_ns, Outcome.DONE)
                answer = root_requests.answer(self._runtime, verb, asked_ns)
                if answer is not None and answer.outcome is not Outcome.TAKEN:
                    return answer
                if turn == int(HELPER_TIMEOUT_S / POLL_S) and root_requests.withdraw(self._runtime, verb):
                    break
            log.error("request not answered verb=%s", verb)
        except OSError as error:  # no helper on this machine; /run is full, or gone, or may no longer be entered
            log.error("request not made verb=%s reason=%s", verb, error.strerror or error)
        return Answer(asked_ns, Outcome.FAILED)

    def number(self, verb: str) -> int | None:
        """The number that a verb without values answers; None if there is none."""
        answer = self.ask(verb, {})
        return int(answer.detail) if answer.outcome is Outcome.DONE and answer.detail.isdecimal() else None
