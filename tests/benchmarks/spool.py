"""Cost of durability, and of 100,000 waiting photos.

    python -m tests.benchmarks.spool [--idle SECONDS]

Works on the file system of the working directory; the runtime directory is on a tmpfs, as on a box.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from piboothup.clock import SystemClock
from piboothup.simulator.appliance import Appliance, wait_until
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool import commit
from piboothup.spool.contexts import ContextRecord, context_for
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.schedule.photo_queue import PhotoQueue, sorted_names

PHOTO_BYTES = 4 * 1024 * 1024
COMMITS = 40
MANY = 100_000
PARTY = context_for("abcd1234", "a1", "")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=600.0, metavar="SECONDS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        root = Path(folder)
        _commit(root / "commit")
        _choose()
        _start_with_many(root / "many", Path(memory))
        _idle(root / "idle", Path(memory), given.idle)


def _row(what: str, *figures: str) -> None:
    print(f"{what:<58}" + "".join(f"{figure:>14}" for figure in figures), flush=True)


def _commit(root: Path) -> None:
    """Time of a commit against a plain write of the same bytes without a sync, and against a synced write."""
    _row("commit of 4 MiB", "median", "ratio", "bound 1.35")
    spool = Spool(root / "spool", SystemClock())
    spool.prepare()
    spool.start("booth")
    flushes = _Flushes()
    ours: list[float] = []
    plain: list[float] = []
    synced: list[float] = []
    hashed: list[float] = []
    for number in range(COMMITS + 2):
        content = random.Random(number).randbytes(PHOTO_BYTES)
        os.sync()
        began_s = time.perf_counter()
        (root / f"plain-{number}").write_bytes(content)
        plain.append(time.perf_counter() - began_s)
        os.sync()
        began_s = time.perf_counter()
        with (root / f"synced-{number}").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        synced.append(time.perf_counter() - began_s)
        os.sync()
        began_s = time.perf_counter()
        name = PhotoName.of(spool.next_identity(number, PARTY), content)
        hashed.append(time.perf_counter() - began_s)
        with flushes:
            began_s = time.perf_counter()
            commit.commit(spool, name, PARTY, content)
            ours.append(time.perf_counter() - began_s)
    for what, values in (("plain write, guarantees nothing", plain), ("write and fsync", synced), ("commit", ours)):
        pairs = zip(ours[2:], values[2:], strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        _row(
            f"  {what}",
            f"{statistics.median(values[2:]) * 1000:.1f} ms",
            f"{ratio:.2f}" if values is not ours else "",
        )
    _row("  the hash for its name, before", f"{statistics.median(hashed[2:]) * 1000:.1f} ms")
    _row("  flushes per commit", f"{flushes.counted[-1]}", "", "bound 2")


class _Flushes:
    """Counter of fsync calls inside it."""

    def __init__(self) -> None:
        self.counted: list[int] = []

    def __enter__(self) -> None:
        self._real, self._now = os.fsync, 0

        def fsync(descriptor: int) -> None:
            self._now += 1
            self._real(descriptor)

        os.fsync = fsync  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        os.fsync = self._real
        self.counted.append(self._now)


def _choose() -> None:
    """Time to choose the next photo, with few and with many waiting."""
    _row("choosing the next photo", "each", "ratio", "bound 1.5")
    took: dict[int, list[float]] = {100: [], MANY: []}
    for _ in range(7):
        for waiting, values in took.items():
            queue = PhotoQueue({})
            queue.reload(sorted_names(_names(waiting)), {PARTY.id: ContextRecord(PARTY)})
            chosen = 0
            began_s = time.perf_counter()
            while chosen < 50 and (name := queue.choose(0)) is not None:
                queue.discard(name)
                chosen += 1
            values.append((time.perf_counter() - began_s) / chosen)
    few, many = statistics.median(took[100]), statistics.median(took[MANY])
    _row("  100 waiting", f"{few * 1e6:.1f} us")
    _row("  100,000 waiting", f"{many * 1e6:.1f} us", f"{many / few:.2f}")


def _names(count: int) -> list[PhotoName]:
    return [
        PhotoName("7F3K", 1 + number // 2000, 1 + number % 2000, number, PARTY.id, f"{number:016x}")
        for number in range(count)
    ]


def _start_with_many(root: Path, memory: Path) -> None:
    _row("uploader's start with 100,000 waiting", "", "", "bounds")
    spool = Spool(root / "spool", SystemClock())
    spool.prepare()
    for name in _names(MANY):
        folder = spool.directory / NEW / name.folder
        folder.mkdir(exist_ok=True)
        (folder / str(name)).touch()
    album = LocalEventPics(root / "eventpics", SystemClock())
    box = _box(root, album, memory / "many")
    album.close()
    process = _alone(box)
    began_s = time.perf_counter()
    wait_until(lambda: box.uploader().waiting >= MANY, "the uploader to know its photos", 60)
    _row("  command to ready, all listed", f"{time.perf_counter() - began_s:.2f} s", "", "2 s")
    threading.Event().wait(2.0)
    peak = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
    _row("  resident, at the most", f"{int(peak.split()[1]) / 1000:.1f} MB", "", "60 MB")
    process.kill()
    process.wait()


def _idle(root: Path, memory: Path, seconds: float) -> None:
    _row(f"both services idle for {seconds:.0f} s", "bytes written", "", "bound 0")
    with LocalEventPics(root / "eventpics", SystemClock()) as album:
        box = _box(root, album, memory / "idle")
        running = {service: _alone(box, service) for service in ("booth", "uploader")}
        box.take()
        wait_until(lambda: not box.photos(NEW), "the photo to be in the album")
        threading.Event().wait(40.0)  # each file is read once more; where reads are noted (relatime) that is a write
        before = {service: _written(process.pid) for service, process in running.items()}
        threading.Event().wait(seconds)
        for service, process in running.items():
            _row(f"  {service}", f"{_written(process.pid) - before[service]}")
            process.terminate()
            process.wait()


def _box(root: Path, album: LocalEventPics, runtime: Path) -> Appliance:
    box = Appliance(root, album.url, DEMO_KEY)
    runtime.mkdir()
    box.runtime = runtime
    return box


def _alone(box: Appliance, service: str = "uploader") -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PIBOOTHUP_RUNTIME": str(box.runtime)}
    command = [sys.executable, "-m", "piboothup", "--config", str(box.config), service]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


if __name__ == "__main__":
    main()
