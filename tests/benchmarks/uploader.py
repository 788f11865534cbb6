"""Throughput of the uploader against the link's capacity, and its memory and CPU time.

    python -m tests.benchmarks.uploader [--photos N] [--only PART]

Beside each other in one run: `piboothup uploader`, and as many loops of curl making the same three calls for photos
of the same size over the same link (a proxy on this machine: rate, round trip). Bounds stand beside the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from piboothup.clock import SystemClock
from piboothup.simulator.appliance import Appliance, wait_until
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool import commit
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.proxy import Link

PARTY = context_for("abcd1234", "a1", "")
_PATIENCE_S = 1200.0

Bring = Callable[[Path, LocalEventPics, Link, int, int], tuple[float, float]]


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=2000, metavar="N", help="for the flatness of memory")
    parser.add_argument("--only", choices=("fast", "slow", "back", "memory"))
    given = parser.parse_args()
    parts: dict[str, Callable[[Path], None]] = {
        "fast": lambda root: _drain(root, "40 x 3 MB, 20 Mbit/s, 100 ms", 40, 3_000_000, 20e6, 0.1, 2, 0.95),
        "slow": lambda root: _drain(root, "10 x 1 MB, 1 Mbit/s, 300 ms", 10, 1_000_000, 1e6, 0.3, 1, 0.9),
        "back": _back_online,
        "memory": lambda root: _memory(root, given.photos),
    }
    for name, part in parts.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
                part(Path(folder))


def _row(what: str, *figures: str) -> None:
    print(f"{what:<44}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def _drain(
    root: Path, what: str, photos: int, size: int, rate_bps: float, round_trip_s: float, loops: int, bound: float
) -> None:
    _row(what, "goodput", "of the link", "CPU per photo", "ratio", f"bound {bound}")
    ways: dict[str, Bring] = {
        f"curl, {loops} loop{'s' if loops > 1 else ''}": partial(_by_curl, loops),
        "uploader": _by_uploader,
    }
    first_bps = None
    for way, bring in ways.items():
        album = LocalEventPics(root / way / "album", SystemClock())
        with album, _link(album, rate_bps, round_trip_s) as link:
            took_s, cpu_s = bring(root / way, album, link, photos, size)
        goodput_bps = photos * size * 8 / took_s
        first_bps = first_bps or goodput_bps
        shares = f"{goodput_bps / rate_bps:.1%}", f"{cpu_s / photos * 1000:.0f} ms", f"{goodput_bps / first_bps:.3f}"
        _row(f"  {way}", f"{goodput_bps / 1e6:.2f} Mbit/s", *shares)


@contextmanager
def _link(album: LocalEventPics, rate_bps: float | None, round_trip_s: float) -> Iterator[Link]:
    with Link(album.port, rate_bps, round_trip_s) as link:
        album.url = link.url  # the upload URLs lead over it too
        yield link


def _by_curl(
    loops: int, root: Path, album: LocalEventPics, link: Link, photos: int, size: int
) -> tuple[float, float]:
    """Seconds, and CPU seconds of all curls."""
    photo = root / "photo.jpg"
    photo.write_bytes(random.Random(0).randbytes(size))
    began_s, before_s = time.monotonic(), _children_cpu_s()
    _curl("-H", f"Authorization: Bearer {DEMO_KEY}", f"{link.url}/geteventsandalbums")
    threads = [
        threading.Thread(target=_curl_loop, args=(link, photo, range(first, photos, loops))) for first in range(loops)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(album.uploads()) == photos
    return time.monotonic() - began_s, _children_cpu_s() - before_s


def _curl_loop(link: Link, photo: Path, numbers: range) -> None:
    for number in numbers:
        asked = {"apiKey": DEMO_KEY, "linkId": "abcd1234", "albumId": "a1", "fileName": f"{number}.jpg", "takenAt": 1}
        json_body = ("-H", "Content-Type: application/json", "-d", json.dumps(asked))
        answer = json.loads(_curl(*json_body, f"{link.url}/getuploadurl"))
        _curl("-H", "Content-Type: image/jpeg", "-H", "Expect:", "-T", str(photo), answer["uploadUrl"])


def _curl(*words: str) -> bytes:
    return subprocess.run(["curl", "-sSf", *words], check=True, stdout=subprocess.PIPE).stdout


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _by_uploader(root: Path, album: LocalEventPics, link: Link, photos: int, size: int) -> tuple[float, float]:
    """Seconds from the first listing to the last arrival, and the service's CPU seconds in them."""
    box = Appliance(root / "box", link.url, DEMO_KEY)
    _fill(box.spool, photos, size)
    with _uploader(box) as service:
        wait_until(lambda: album.calls["geteventsandalbums"] > 0, "the first look", _PATIENCE_S)
        began_s, before_s = time.monotonic(), _cpu_s(service.pid)
        wait_until(lambda: len(album.uploads()) == photos, "every photo to arrive", _PATIENCE_S)
        return time.monotonic() - began_s, _cpu_s(service.pid) - before_s


def _back_online(root: Path) -> None:
    _row("back online to the first photo's first byte", "median", "longest", "bound 2 s")
    for what, lose in (("reset", Link.cut), ("met with silence", Link.swallow)):
        took_s = sorted(_returns_s(root / what, lose))
        _row(f"  {what} for 4 to 11 s, 100 ms", f"{took_s[len(took_s) // 2]:.2f} s", f"{took_s[-1]:.2f} s")


def _returns_s(root: Path, lose: Callable[[Link], None]) -> Iterator[float]:
    """Seconds from each return of the network to the first byte of a photo."""
    with LocalEventPics(root / "album", SystemClock()) as album, _link(album, 20e6, 0.1) as link:
        box = Appliance(root / "box", link.url, DEMO_KEY)
        box.spool.prepare()
        with _uploader(box):
            for number in range(8):
                wait_until(lambda: box.uploader().state == "idle", "a quiet line", _PATIENCE_S)
                lose(link)
                _fill(box.spool, 2, 50_000, first=2 * number)
                box.retry()
                wait_until(lambda: box.uploader().state == "offline", "the cut to be seen", _PATIENCE_S)
                threading.Event().wait(4.0 + number)
                before = album.calls["put"]
                link.go_on()
                began_s = time.monotonic()
                wait_until(lambda before=before: album.calls["put"] > before, "a PUT", _PATIENCE_S)  # type: ignore[misc]
                yield time.monotonic() - began_s
                wait_until(lambda: not box.photos(NEW), "an empty card", _PATIENCE_S)


def _memory(root: Path, photos: int) -> None:
    _row(f"memory over {photos} photos, 3 of 12 MB", "after 100", "at the end", "growth", "peak", "3 and 60 MB")
    with LocalEventPics(root / "album", SystemClock()) as album:
        box = Appliance(root / "box", album.url, DEMO_KEY)
        _fill(box.spool, photos, 20_000)
        _fill(box.spool, 3, 12_000_000, first=photos)
        with _uploader(box) as service:
            wait_until(lambda: album.calls["put"] >= 100, "a hundred photos", _PATIENCE_S)
            early_mb = _resident_mb(service.pid)
            wait_until(lambda: not box.photos(NEW), "every photo to arrive", _PATIENCE_S)
            late_mb, peak_mb = _resident_mb(service.pid), _peak_mb(service.pid)
    growth = f"{late_mb - early_mb:+.2f} MB"
    _row("  uploader", f"{early_mb:.1f} MB", f"{late_mb:.1f} MB", growth, f"{peak_mb:.1f} MB")


def _fill(spool: Spool, photos: int, size: int, first: int = 0) -> None:
    """Fill the spool with waiting photos. Their bytes are no pictures: the uploader checks only their hash."""
    spool.prepare()
    spool.start("booth")
    clock = SystemClock()
    for number in range(first, first + photos):
        content = random.Random(number).randbytes(size)
        identity = spool.next_identity(clock.boottime_ns() // 1_000_000, PARTY)
        commit.commit(spool, PhotoName.of(identity, content), PARTY, content)


@contextmanager
def _uploader(box: Appliance) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PIBOOTHUP_RUNTIME": str(box.runtime)}
    command = [sys.executable, "-m", "piboothup", "--config", str(box.config), "uploader"]
    with box.log.open("ab") as log:
        service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        yield service
    finally:
        service.terminate()
        service.wait()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e6


if __name__ == "__main__":
    main()
