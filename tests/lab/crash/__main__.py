"""Crash lab: the real services work on a real ext4, and the disk is cut after every write.

Two evenings: with the real code no state may lose a photo that was reported saved; with the sync of files removed
some must, else the lab would detect nothing. Run by `tests/lab/crash/run`, which brings its tools.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from tests.lab.crash.box import Saved, an_evening
from tests.lab.crash.disk import LoggedDisk, mount
from tests.lab.crash.states import CutDisks
from tests.spool.crash.promises import Promised, after_the_cut, broken

MEMORY = Path("/dev/shm")  # noqa: S108  (a disk in memory; the lab makes its own folder in it)
NEEDED_BYTES = 1024**3


@dataclass
class Figures:
    """Result of an evening."""

    photos: int = 0
    writes: int = 0
    flushes: int = 0
    states: int = 0
    unmountable: int = 0
    lossy: int = 0
    """Number of states in which a photo that was reported saved is missing."""
    broken: Counter[str] = field(default_factory=Counter)
    """Broken promises, and the number of states of each."""

    def __str__(self) -> str:
        return (
            f"{self.photos} photos, {self.writes} writes, {self.flushes} flushes; {self.states} states, {self.lossy} "
            f"lost a photo that was called saved, {self.unmountable} could not be mounted"
        )


def evening(room: Path, module: str, photos: int, most_cuts: int) -> Figures:
    """Run an evening on a logged disk, then recover the disk of every cut (of at most so many)."""
    disk = LoggedDisk(room, room / "box" / "spool")
    saved = Saved(disk.entries)
    with disk.mounted():
        begun = disk.entries()
        an_evening(room / "box", module, saved, photos)
        ended = disk.entries()
    writes = list(disk.writes())[:ended]
    figures = Figures(len(saved.photos), ended - begun, sum(write.is_flush for write in writes[begun:]))
    step = max(1, -(-(ended - begun) // most_cuts))
    for cut, content in CutDisks(disk.base.read_bytes(), writes).each(set(range(begun, ended + 1, step))):
        (room / "cut.img").write_bytes(content)
        _check(room, {name for name, at in saved.photos if at <= cut}, figures)
    return figures


def _check(room: Path, saved: set[PhotoName], figures: Figures) -> None:
    """Put the disk of a cut into the box, and check the promises."""
    figures.states += 1
    (room / "cut").mkdir(exist_ok=True)
    told: dict[object, object] = {Promised("photo", name): frozenset({NEW, SENT}) for name in saved}
    try:
        with mount(room / "cut.img", room / "cut"):
            try:
                found = after_the_cut(room / "cut")
            except OSError as error:
                figures.broken[f"the start failed: {error}"] += 1
                return
    except subprocess.CalledProcessError:
        figures.unmountable += 1
        return
    figures.lossy += not saved <= found.places.keys()
    figures.broken.update(broken(found, told))


@contextmanager
def _room() -> Iterator[Path]:
    roomy = MEMORY.is_dir() and _free_bytes(MEMORY) > NEEDED_BYTES
    with tempfile.TemporaryDirectory(prefix="crash-lab-", dir=MEMORY if roomy else None) as room:
        yield Path(room)


def _free_bytes(folder: Path) -> int:
    found = subprocess.run(["df", "-B1", "--output=avail", folder], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[-1])


def main() -> int:
    """Run both evenings; 0 when the first lost nothing and the second something."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    begun_s = time.monotonic()
    with _room() as room:
        as_it_is = evening(room, "piboothup", photos=24, most_cuts=600)
    print(f"the code as it is:           {as_it_is}")
    for sentence, states in as_it_is.broken.most_common(5):
        print(f"    in {states} states: {sentence}")
    with _room() as room:
        without = evening(room, "tests.lab.crash.without_sync", photos=9, most_cuts=60)
    print(f"without the sync of files:   {without}")
    print(f"{time.monotonic() - begun_s:.0f} s")
    if as_it_is.broken or as_it_is.unmountable:
        print("A power cut loses what was promised.")
        return 1
    if not without.lossy:
        print("The lab sees nothing: it found no loss where there must be some.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
