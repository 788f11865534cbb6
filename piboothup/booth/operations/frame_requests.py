"""Requests of frames that become no photo, while a page of the menu is open."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial

from piboothup.booth.flow.events import CaptureFailed, Exposed
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.frame import Frame
from piboothup.clock import Clock
from piboothup.problems import Problem, problem

_FRAME_TIMEOUT_S = 10.0

Answer = Exposed | CaptureFailed


class FrameRequests:
    """Frames for the action runner's thread. `set_page` and `on_answer` are for other threads and never wait."""

    def __init__(self, clock: Clock, capture: Callable[..., None], poll_s: float = 0.2) -> None:
        """`capture` is `CameraThread.capture`. `poll_s`: how often the deadline is looked at."""
        self._clock = clock
        self._capture: Callable[..., None] = partial(capture, reply=self.on_answer)
        self._poll_s = poll_s
        self._requested_ns: int | None = None
        """Zero of the requested frame; None = no request."""
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.page_kind: PageKind | None = None
        """The page that is shown now."""
        self.page_changed = threading.Event()

    def set_page(self, kind: PageKind | None) -> None:
        """Set the page that is shown now, for the loop; what needs a page ends when it is left."""
        if kind is not self.page_kind:
            self.page_kind = kind
            self.page_changed.set()

    def is_shown(self, kind: PageKind) -> bool:
        """Whether this page is shown now; a change from now on sets `page_changed`, which ends waits and requests."""
        self.page_changed.clear()
        return self.page_kind is kind

    def on_answer(self, answer: Answer) -> None:
        """Take the camera's answer, on its thread; an answer that came too late is released."""
        self._answers.put(answer)
        if answer.zero_ns != self._requested_ns:  # asked last: the request may have ended just now
            self._release_late()

    @contextlib.contextmanager
    def fresh(self, *, moves_lens: bool = True) -> Iterator[Frame | Problem]:
        """A frame exposed from now on, released at the end, or why there is none. Late answers are released too.

        `moves_lens`: see `Camera.capture`.
        """
        requested_ns = self._requested_ns = self._clock.boottime_ns()
        self._capture(requested_ns, moves_lens=moves_lens)
        answer = self._next_answer(requested_ns)
        self._requested_ns = None
        self._release_late()
        match answer:
            case Exposed(frame):
                try:
                    yield frame
                finally:
                    frame.release()
            case CaptureFailed(cause):
                yield cause
            case None:
                yield problem("camera_stuck")

    def _release_late(self) -> None:
        """Release what nobody takes any more; both threads may do so at once."""
        with contextlib.suppress(queue.Empty):
            while True:
                _release(self._answers.get_nowait())

    def _next_answer(self, requested_ns: int) -> Answer | None:
        """The answer to this request; None after the timeout or when the page is left."""
        end_ns = self._clock.boottime_ns() + int(_FRAME_TIMEOUT_S * 1e9)
        while not self.page_changed.is_set():
            is_late = self._clock.boottime_ns() >= end_ns  # an answer that is already there still counts
            try:
                found = self._answers.get(timeout=0 if is_late else self._poll_s)
            except queue.Empty:
                if is_late:
                    break
                continue
            if found.zero_ns == requested_ns:
                return found
            _release(found)
        return None


def _release(answer: Answer) -> None:
    if isinstance(answer, Exposed):
        answer.frame.release()
