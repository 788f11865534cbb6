"""State of saving: how many photos in a row were not saved, and when a test photo is due. Pure.

The third photo in a row that is not saved for the same reason is a fault, and the fifth for whatever reasons, until a
test photo or a real one is saved. A press for which the camera gave no frame is such a photo.

One test photo is due after the start, before anybody may press, and in a fault another every 30 s. It goes through
the same steps as a photo (encoder, EXIF, hash, card), without flash or light, and is deleted again. One failed test
save is a fault at once; a missing test frame counts like a missed photo (3 or 5).
"""

from __future__ import annotations

from piboothup.problems import Problem
from piboothup.records import dataclass, replace

SAME_REASON_LIMIT = 3
"""Photos in a row that are not saved for the same reason, at which that is a fault."""
ANY_REASON_LIMIT = 5
"""Photos in a row that are not saved for whatever reasons, at which that is a fault."""
RETRY_NS = 30_000_000_000
"""Time from one test photo to the next while photos are not saved, nanoseconds."""
FRAME_NS = 6_000_000_000
"""Timeout of a test frame, nanoseconds; the camera answers sooner unless another request took its place."""
NEVER_NS = 1 << 62
AFTER_NO_FRAME_NS = 1_000_000_000
"""Time from a missing test frame to the next, nanoseconds; the camera has its own pauses."""


@dataclass(frozen=True)
class SaveHealth:
    """Failures of saving so far. Every method returns the next value."""

    reason: Problem | None = None
    """Why the last photo was not saved; reasons are the same if their codes are."""
    repeats: int = 0
    """Photos in a row that were not saved for this reason."""
    failures: int = 0
    """Photos in a row that were not saved."""
    is_tested: bool = False
    """Whether saving a photo, test or real, was tried since the start."""
    asked_ns: int | None = None
    """Boot-time with which the awaited test frame was requested; None = none is awaited."""
    is_saving: bool = False
    """Whether the test frame is being saved."""
    until_ns: int = 0
    """Deadline of the awaited answer; without one, the time before which no test photo is due."""

    @property
    def fault(self) -> Problem | None:
        """Why photos are not saved; None until one of the limits is reached."""
        is_fault = self.repeats >= SAME_REASON_LIMIT or self.failures >= ANY_REASON_LIMIT
        return self.reason if is_fault else None

    @property
    def is_under_way(self) -> bool:
        """Whether a test photo is under way."""
        return self.asked_ns is not None or self.is_saving

    @property
    def wants_test(self) -> bool:
        """Whether a test photo is due, now or later."""
        return not self.is_under_way and (not self.is_tested or self.fault is not None)

    def photo_failed(self, reason: Problem, now_ns: int) -> SaveHealth:
        """A photo was not saved. A fault stays one, whatever the reason now is."""
        return replace(self._failed(reason), is_tested=True, until_ns=now_ns + RETRY_NS)

    def _failed(self, reason: Problem) -> SaveHealth:
        is_same = self.reason is not None and reason.code == self.reason.code
        failures = ANY_REASON_LIMIT if self.fault is not None else self.failures + 1
        return replace(self, reason=reason, repeats=self.repeats + 1 if is_same else 1, failures=failures)

    def photo_saved(self) -> SaveHealth:
        """A photo was saved."""
        return replace(self, reason=None, repeats=0, failures=0, is_tested=True)

    def test_asked(self, asked_ns: int, now_ns: int) -> SaveHealth:
        """A test frame was asked for."""
        return replace(self, asked_ns=asked_ns, until_ns=now_ns + FRAME_NS)

    def test_frame_missing(self, now_ns: int) -> SaveHealth:
        """No answer came, as when another request took its place: that says nothing about saving."""
        return replace(self, asked_ns=None, until_ns=now_ns + AFTER_NO_FRAME_NS)

    def test_frame_failed(self, reason: Problem, now_ns: int) -> SaveHealth:
        """The camera gave no test frame; at the start it may still be getting ready."""
        failed = replace(self._failed(reason), asked_ns=None)
        return replace(failed, until_ns=now_ns + (AFTER_NO_FRAME_NS if failed.fault is None else RETRY_NS))

    def test_saving(self, until_ns: int) -> SaveHealth:
        """The test frame came and is being saved; the card has until `until_ns` to answer."""
        return replace(self, asked_ns=None, is_saving=True, until_ns=until_ns)

    def test_stuck(self) -> SaveHealth:
        """The card does not answer in time; the answer is still waited for."""
        return replace(self, until_ns=NEVER_NS)

    def test_failed(self, reason: Problem, now_ns: int) -> SaveHealth:
        """The test photo was not saved."""
        return SaveHealth(reason, 1, ANY_REASON_LIMIT, is_tested=True, until_ns=now_ns + RETRY_NS)

    def test_saved(self) -> SaveHealth:
        """The test photo was saved. After a fault one photo more that fails is a fault again."""
        repeats = min(self.repeats, SAME_REASON_LIMIT - 1)
        return SaveHealth(self.reason, repeats, min(self.failures, ANY_REASON_LIMIT - 1), is_tested=True)

    def hurried(self, now_ns: int) -> SaveHealth:
        """Make a test photo due at once, since something changed for the better."""
        return self if self.is_under_way else replace(self, until_ns=min(self.until_ns, now_ns))
