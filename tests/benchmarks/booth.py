"""Time from the press to "saved" under every kind of server, and the idle cost of both services.

    python -m tests.benchmarks.booth [--idle SECONDS]

The services are the real commands on a spool in the working directory's file system (not a tmpfs).
"""

from __future__ import annotations

import argparse
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from piboothup.booth.flow.events import Event, Saved
from piboothup.booth.frame import Frame
from piboothup.booth.photo.jpeg import encode
from piboothup.booth.photo.saver import Saver
from piboothup.clock import SystemClock
from piboothup.config import CameraConfig, Config
from piboothup.simulator.appliance import Appliance, wait_until
from piboothup.simulator.camera import SimulatedCamera
from piboothup.simulator.faults import Drop, Fault
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.benchmarks.log_reader import LogReader

PRESSES = 15
STARTS = 20
_UNTESTED = """
import functools, sys
from piboothup import cli
from piboothup.booth import service
from piboothup.booth.flow.save_health import SaveHealth
service.Booth = functools.partial(service.Booth, health=SaveHealth(is_tested=True))
sys.exit(cli.main(sys.argv[1:]))
"""
"""State of the booth as if its test photo had been saved already."""


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=20.0, metavar="SECONDS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder)
        _saving(root / "saving")
        _presses(root / "presses")
        _log(root / "log")
        _starting(root / "starting")
        _idle(root / "idle", given.idle)


def _row(what: str, *figures: str) -> None:
    print(f"{what:<52}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def _ms(values_s: list[float]) -> str:
    return f"{statistics.median(values_s) * 1000:.1f} ms"


def _saving(root: Path) -> None:
    """Time from hand-over to "saved", against encoding and a plain write of the same bytes."""
    _row("12 MP, frame's hand-over to saved", "median", "ratio", "bound 1.2")
    clock = SystemClock()
    camera = SimulatedCamera(CameraConfig(driver="simulated", size=(4056, 3040)), clock)
    camera.open()
    frame = camera.capture(clock.boottime_ns(), 10.0)
    kept = Frame(frame.y, frame.u, frame.v, frame.exposure_start_ns, lambda: None, "simulated", 10_000, 2.0)
    spool = Spool(root / "spool", clock)
    spool.prepare()
    spool.start("booth")
    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    saver = Saver(Config(), spool, context_for("abcd1234", "", ""), root, posted.put)
    saver.start()
    ours: list[float] = []
    plain: list[float] = []
    for number in range(PRESSES + 2):
        began_s = time.perf_counter()
        saver.save(kept)
        while not isinstance(posted.get(timeout=30), Saved):
            pass
        ours.append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        (root / f"plain-{number}.jpg").write_bytes(encode(kept, Config().camera.jpeg_quality, 0))
        plain.append(time.perf_counter() - began_s)
    saver.stop(10)
    ratio = statistics.median(one / other for one, other in zip(ours[2:], plain[2:], strict=True))
    _row("  encode and a plain write of the same bytes", _ms(plain[2:]))
    _row("  hand-over to saved (EXIF, 2 flushes, confirmed)", _ms(ours[2:]), f"{ratio:.2f}")
    camera.close()


def _presses(root: Path) -> None:
    """Time from press to file at countdown 0, with each behaviour of the server in turns."""
    _row("1640x1232, countdown 0", "press to file", "frame to file", "ratio", "bound 1.1")
    album = LocalEventPics(root / "eventpics", SystemClock())
    box = Appliance(root / "box", album.url, DEMO_KEY, review_s=0)
    moods: dict[str, Callable[[], None]] = {
        "no network": lambda: setattr(album, "online", False),
        "server online": album.add_fault,
        "server refusing (503)": lambda: album.add_fault(Fault(status=503)),
        "server stalling": lambda: album.add_fault(Fault(stall_s=60.0)),
        "server dropping": lambda: album.add_fault(Fault(drop=Drop.BODY)),
    }
    figures: dict[str, list[tuple[float, float]]] = {mood: [] for mood in moods}
    with album:
        box.power_on()
        box.take()
        for _ in range(8):
            for mood, begin in moods.items():
                album.online = True
                album.add_fault()
                box.retry()
                wait_until(lambda: not box.photos(NEW), "the album to have everything")
                begin()
                figures[mood] += [_press_to_file(box) for _ in range(5)]
        box.power_off()
    base_s = statistics.median(frame_s for _, frame_s in figures["no network"])
    for mood, taken in figures.items():
        frames_s = [frame_s for _, frame_s in taken]
        ratio = statistics.median(frames_s) / base_s
        _row(f"  {mood}", _ms([press_s for press_s, _ in taken]), _ms(frames_s), f"{ratio:.2f}")


def _log(root: Path) -> None:
    """Time from press to file with and without a reader of the log, in turns."""
    _row("1640x1232, countdown 0, the log's reader", "press to file", "ratio", "bound 1.1")
    album, reader = LocalEventPics(root / "eventpics", SystemClock()), LogReader()
    box = Appliance(root / "box", album.url, DEMO_KEY, review_s=0)
    moods = {"reads": reader.goes_on, "stands still": reader.stands_still}
    figures: dict[str, list[float]] = {mood: [] for mood in moods}
    reader.goes_on()
    with album:
        process = _alone(box, "run", reader.theirs)
        box.take()
        for _ in range(8):
            for mood, begin in moods.items():
                begin()
                figures[mood] += [_press_to_file(box)[0] for _ in range(5)]
        process.terminate()
        process.wait()
    for mood, took_s in figures.items():
        ratio = statistics.median(took_s) / statistics.median(figures["reads"])
        _row(f"  {mood}", _ms(took_s), f"{ratio:.2f}")


def _press_to_file(box: Appliance) -> tuple[float, float]:
    """Seconds from the press, and from the start of the frame's exposure, to the committed file."""
    wait_until(lambda: box.booth().state == "ready", "the booth to be ready")
    before, pause = set(box.photos()), threading.Event()
    pause.wait(0.5)  # the simulated camera draws its next picture
    began_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    box.press()
    while not (fresh := set(box.photos()) - before):
        pause.wait(0.0005)
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return now_s - began_s, now_s - next(iter(fresh)).boottime_ms / 1000


def _starting(root: Path) -> None:
    _row("starting", "median", "bound")
    took = []
    for _ in range(7):
        began_s = time.perf_counter()
        subprocess.run([sys.executable, "-m", "piboothup", "--help"], check=True, capture_output=True)
        took.append(time.perf_counter() - began_s)
    _row("  piboothup --help", _ms(took), "150 ms")
    album = LocalEventPics(root / "eventpics", SystemClock())
    took, untested = [], []
    with album:
        for number in range(STARTS):
            took.append(_start(Appliance(root / f"{number}", album.url, DEMO_KEY)))
            untested.append(_start(Appliance(root / f"{number}-untested", album.url, DEMO_KEY), ("-c", _UNTESTED)))
    _row("  booth: command to ready, simulated devices", _ms(took), "600 ms")
    costs = [one - other for one, other in zip(took, untested, strict=True)]
    _row("  of that its test photo, against starts without", _ms(costs), "100 ms")


def _start(box: Appliance, program: tuple[str, ...] = ("-m", "piboothup")) -> float:
    """Seconds from the command to ready."""
    began_s = time.perf_counter()
    process = _alone(box, "booth", program=program)
    wait_until(lambda: box.booth().state == "ready", "the booth to be ready")
    took_s = time.perf_counter() - began_s
    process.terminate()
    process.wait()
    return took_s


def _idle(root: Path, seconds: float) -> None:
    _row(f"idle for {seconds:.0f} s", "resident", "of a core", "bounds")
    album = LocalEventPics(root / "eventpics", SystemClock())
    box = Appliance(root / "box", album.url, DEMO_KEY)
    with album:
        running = {service: _alone(box, service) for service in ("booth", "uploader")}
        box.take()
        wait_until(lambda: not box.photos(NEW), "the photo to be in the album")
        threading.Event().wait(3.0)
        before = {service: _cpu_s(process.pid) for service, process in running.items()}
        threading.Event().wait(seconds)
        for service, bounds in (("booth", "60 MB, 1 %"), ("uploader", "45 MB, 0.5 %")):
            pid = running[service].pid
            share = (_cpu_s(pid) - before[service]) / seconds
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
            resident_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
            _row(f"  {service}", f"{resident_mb:.1f} MB", f"{share:.2%}", bounds)
        for process in running.values():
            process.terminate()
            process.wait()


def _alone(
    box: Appliance, service: str, output: int | None = None, program: tuple[str, ...] = ("-m", "piboothup")
) -> subprocess.Popen[bytes]:
    """Run the command; its log goes to the descriptor `output`, else to the box's file."""
    environment = {**os.environ, "PIBOOTHUP_RUNTIME": str(box.runtime)}
    command = [sys.executable, *program, "--config", str(box.config), service]
    with box.log.open("ab") as log:
        told = log.fileno() if output is None else output
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=environment)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
