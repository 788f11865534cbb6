"""Disks that a power cut may leave: after every write all flushed writes, and a part of the rest.

At each write some disks are built: all writes so far, and random choices of those since the last flush, some of them
torn at a sector.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.lab.crash.disk import Write

_SECTOR_BYTES = 512
_RANDOM_DISKS = 4


@dataclass
class Image:
    """Content of a disk, to which writes are applied."""

    content: bytearray

    def apply(self, writes: Iterable[Write]) -> Image:
        """Copy of this image with the writes applied."""
        for write in writes:
            self.content[write.start_bytes : write.start_bytes + len(write.content)] = write.content
        return self

    def copy(self) -> Image:
        """Copy with the same content."""
        return Image(bytearray(self.content))


@dataclass
class CutDisks:
    """Disks that a cut after any of `writes` may leave."""

    base: bytes
    writes: Sequence[Write]
    chance: random.Random = field(default_factory=lambda: random.Random(4))

    def each(self, cuts: set[int]) -> Iterator[tuple[int, bytearray]]:
        """Disks of these cuts, each with the number of writes before the cut."""
        durable, pending = Image(bytearray(self.base)), list[Write]()
        for cut, write in enumerate(self.writes, start=1):
            if write.is_flush:
                durable.apply(pending)
                pending.clear()
            if write.is_forced:
                durable.apply([write])
            elif write.content:
                pending.append(write)
            if cut in cuts:
                yield cut, durable.copy().apply(pending).content
                for _ in range(_RANDOM_DISKS if len(pending) > 1 else 0):
                    yield cut, durable.copy().apply(self._some(pending)).content

    def _some(self, pending: Sequence[Write]) -> Iterator[Write]:
        for write in pending:
            fate = self.chance.random()
            sectors = len(write.content) // _SECTOR_BYTES
            if fate < 0.15 and sectors > 1:
                yield Write(write.start_bytes, write.content[: self.chance.randrange(1, sectors) * _SECTOR_BYTES])
            elif fate < 0.55:
                yield write
