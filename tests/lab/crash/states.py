"""What a power cut may leave of a logged disk: after every write what was flushed, and of the rest a part.

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
    """A disk's content, to which writes are applied."""

    content: bytearray

    def apply(self, writes: Iterable[Write]) -> Image:
        """This image, with the writes on it."""
        for write in writes:
            self.content[write.start_bytes : write.start_bytes + len(write.content)] = write.content
        return self

    def copy(self) -> Image:
        """Another one with the same content."""
        return Image(bytearray(self.content))


@dataclass
class CutDisks:
    """Every disk that a cut after one of `writes` may leave."""

    base: bytes
    writes: Sequence[Write]
    chance: random.Random = field(default_factory=lambda: random.Random(4))

    def each(self, cuts: set[int]) -> Iterator[tuple[int, bytearray]]:
        """The disks of these cuts: after how many writes, and what is on it."""
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
