"""The real booth and uploader on a given disk, and the time at which each photo was reported saved."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from piboothup.clock import SystemClock
from piboothup.simulator.appliance import Appliance, wait_until
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from tests.lab.crash.disk import DIES_WITH_US
from tests.support.deadline import PATIENCE_S

_SAVED = re.compile(rb"saved photo=(\S+)")
_SMALL_FRAMES = "\n[camera]\nsize = [640, 480]\n"


@dataclass
class Saved:
    """Photos reported saved, and the length of the disk's log when each report was read."""

    entries: Callable[[], int]
    photos: list[tuple[PhotoName, int]] = field(default_factory=list)

    def read(self, log: IO[bytes], copy: Path) -> None:
        """Read a service's log to its end, and keep it."""
        with copy.open("ab") as kept:
            for line in log:
                if found := _SAVED.search(line):
                    entries = self.entries()
                    name = PhotoName.parse(found[1].decode())
                    assert name is not None
                    self.photos.append((name, entries))
                kept.write(line)
                kept.flush()


def an_evening(room: Path, module: str, saved: Saved, photos: int) -> None:
    """Take photos with and without a network, kill the booth and start it again. The spool is `room`/spool."""
    with LocalEventPics(room / "eventpics", SystemClock()) as album:
        box = Appliance(room, album.url, DEMO_KEY, review_s=0.05)
        box.config.write_text(box.config.read_text() + _SMALL_FRAMES)
        with _service(box, module, "uploader", saved):
            with _service(box, module, "booth", saved):
                _take(box, photos // 3)
                wait_until(lambda: not box.photos(NEW), "the photos to be in the album", PATIENCE_S)
                album.online = False
                _take(box, photos // 3)
                box.press()
            album.online = True
            box.retry()
            with _service(box, module, "booth", saved):
                _take(box, photos - 2 * (photos // 3))
                wait_until(lambda: not box.photos(NEW), "the photos to be in the album", PATIENCE_S)
        names = [name for name, _ in saved.photos]
        assert len(names) >= photos
        assert set(names) <= set(box.photos(NEW, SENT))


def _take(box: Appliance, photos: int) -> None:
    for _ in range(photos):
        box.take(PATIENCE_S)


@contextlib.contextmanager
def _service(box: Appliance, module: str, service: str, saved: Saved) -> Iterator[None]:
    """Service of the box; killed at the end."""
    process = subprocess.Popen(
        [*DIES_WITH_US, sys.executable, "-m", module, "--config", str(box.config), service],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PIBOOTHUP_RUNTIME": str(box.runtime)},
    )
    assert process.stderr is not None
    reader = threading.Thread(target=saved.read, args=(process.stderr, box.log))
    reader.start()
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        reader.join()
        (box.runtime / f"{service}.json").unlink(missing_ok=True)
