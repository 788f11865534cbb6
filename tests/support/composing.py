"""A composer on a spool, whose work is done when asked for, and faults that it meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from piboothup.booth.photo import memory
from piboothup.booth.photo.composer import Composer
from piboothup.config import Config
from piboothup.spool import durable, recovery
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock


class ComposerBench:
    """A composer on a spool. Subclasses say with which config."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, HandClock()
        self.start()

    def config(self) -> Config:
        """The config of the next start."""
        raise NotImplementedError

    def start(self) -> None:
        """The booth starts, in the same boot or in another."""
        self.spool = Spool(self.root / "spool", self.clock, "serial-1")
        self.spool.prepare()
        recovery.recover(self.spool, composes=True)
        self.spool.start("booth")
        self.composer = Composer(self.config(), self.spool, self.root)
        self.composer.set_quiet(True)

    def power_on(self) -> None:
        """The next boot."""
        self.clock.power_on(f"{self.clock.boot_id()}+")
        self.start()

    def in_place(self, place: str) -> list[PhotoName]:
        """The photos of a folder, in the order of their numbers."""
        return sorted(self.spool.names(place), key=lambda name: name.order)


def give_no_memory(_bench: ComposerBench, patch: pytest.MonkeyPatch) -> None:
    """Memory is short."""
    patch.setattr(memory, "available_bytes", lambda: 50_000_000)


def fail_to_decode(_bench: ComposerBench, patch: pytest.MonkeyPatch) -> None:
    """The decoder gets no memory."""

    def decode(*_given: object, **_options: object) -> None:
        raise MemoryError

    patch.setattr("simplejpeg.decode_jpeg", decode)


def fill_card(_bench: ComposerBench, patch: pytest.MonkeyPatch) -> None:
    """The card is full."""

    def write_new(path: Path, content: bytes, *_mode: int) -> None:
        raise OSError(28, "No space left on device", str(path))

    patch.setattr(durable, "write_new", write_new)
