"""Capture times of a spool's photos: reads the boots' files and asks `taken_at`, which is pure.

Reads a boot's file again only when it has grown, finds the neighbours of a boot without anchors, and records the
offsets that uploads use.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from piboothup.clock import Clock
from piboothup.records import replace
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.capture_time.taken_at import is_known, knots, solve
from piboothup.spool.listing import COMMITTED, Listing
from piboothup.spool.names import PhotoName


class Timeline:
    """Times of one spool, whose boots' files lie in `directory`."""

    def __init__(self, directory: Path, listing: Listing, clock: Clock) -> None:
        self._directory = directory
        self._listing = listing
        self._clock = clock
        self._boots: dict[int, tuple[tuple[int, int], Boot]] = {}
        self._reached_ms: dict[int, int] = {}

    def read_boot(self, number: int) -> Boot:
        """What is written about a boot; read again only when its file has grown."""
        try:
            found = boots.path_of(self._directory, number).stat()
        except OSError:
            return Boot(number)
        stamp = (found.st_mtime_ns, found.st_size)
        known = self._boots.get(number)
        if known is None or known[0] != stamp:
            known = self._boots[number] = (stamp, boots.read(self._directory, number))
        return known[1]

    def trusted_ms(self, number: int, boottime_ms: int) -> int | None:
        """Unix milliseconds of a moment of this boot by its own anchors; None when there are none yet."""
        found = solve({number: self.read_boot(number)}, number, boottime_ms)
        return None if found is None else found.unix_ms

    def taken_at_ms(self, name: PhotoName, running: int, *, record: bool) -> int | None:
        """When the photo was taken, in Unix milliseconds; None when unknown. `running`: the boot of now.

        With `record` the offsets in use are noted first, so that later photos keep their order. Raises OSError.
        Unknown for a photo that a person brought from another box's card: its boot is another of the same number.
        """
        known = self._around(name.boot, running)
        if not _are_of_box(known, name):
            return None
        found = solve(known, name.boot, name.boottime_ms)
        if record and found is not None:
            for knot in knots(known, name.boot, name.boottime_ms):
                if knot not in known[name.boot].in_use:
                    boots.add_anchor(self._directory, name.boot, knot, in_use=True)
        return None if found is None else found.unix_ms

    def _around(self, number: int, running: int) -> dict[int, Boot]:
        """The boot, and for one without anchors its neighbours up to the next ones whose time is known."""
        boot = self.read_boot(number)
        if is_known(boot):
            return {number: boot}
        found = {number: self._with_photos(boot, running)}
        listed: list[int] = []
        with contextlib.suppress(OSError):  # a lost folder is no more than lost files: the time is unknown
            listed = sorted(boots.numbers(self._directory))
        for neighbours in (
            [other for other in reversed(listed) if other < number],
            [other for other in listed if other > number],
        ):
            for other in neighbours:
                found[other] = self._with_photos(self.read_boot(other), running)
                if is_known(found[other]):
                    break
        return found

    def _with_photos(self, boot: Boot, running: int) -> Boot:
        """The boot, with the latest moment that it is known to have reached."""
        if boot.number == running:
            return replace(boot, last_boottime_ms=self._clock.boottime_ns() // 1_000_000)
        if boot.number not in self._reached_ms:  # a boot that is over takes no more photos
            names = (name for place in COMMITTED for name in self._listing.of_boot(place, boot.number))
            reached = [name.boottime_ms for name in names if name.box == (boot.box or name.box)]
            self._reached_ms[boot.number] = max(reached, default=0)
        return replace(boot, last_boottime_ms=max(boot.last_boottime_ms, self._reached_ms[boot.number]))


def _are_of_box(known: Mapping[int, Boot], name: PhotoName) -> bool:
    """Whether the photo's boot, or if its box is unknown one of those around it, was one of the photo's box.

    Not the running box decides: a card that was moved into another one keeps its photos' times.
    """
    box = known[name.boot].box
    boxes = {box} if box else {boot.box for boot in known.values() if boot.box}
    return not boxes or name.box in boxes
