"""Time from the command to READY, to "ready" and to the first photo; and both services at rest.

    python -m tests.benchmarks.start [--old TREE] [--runs N] [--rest SECONDS]

The start is compared with an older tree's in turns, and that of a box with nothing configured with one that has all.

TREE is another checkout (`git worktree add DIR COMMIT`). Where picamera2 can be imported the camera is libcamera's
virtual one, as in `tests/lab/camera/run -m tests.benchmarks.start`; else it is simulated. Button and light are
gpiozero's on its mock pins, the panel luma's on a bus that is not there, where these libraries are. Processor time
holds on a loaded machine too, the rest does not: run it under `nice -n -15` there. On a file system without noatime
(a Pi's has it) the first listing of a folder after a change counts as a write of 4,096 bytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from piboothup.runtime import send_hint

HERE = Path(__file__).parents[2]
LIMIT_S = 180.0
SETTLE_S = 2.0
"""After "ready", until all is loaded that a booth at rest has."""
_PROGRAM = """
import json, pathlib, signal, sys, threading, time, types

class Virtual(types.ModuleType):
    def __getattr__(self, name):
        if name != "Picamera2":
            raise AttributeError(name)
        del sys.modules["picamera2"]
        from tests.lab.camera.virtual import VirtualPicamera2
        return VirtualPicamera2

if VIRTUAL:
    sys.modules["picamera2"] = Virtual("picamera2")

def replace(self, target, real=pathlib.Path.replace):
    real(self, target)
    if target.name == "booth.json" and json.loads(target.read_bytes())["state"] == "ready":
        pathlib.Path.replace = real
        pathlib.Path(NAMES + ".ready").write_text(f"{time.monotonic()} {time.process_time()}")

pathlib.Path.replace = replace

def tell(number, frame):
    with open(NAMES, "w") as file:
        json.dump({thread.native_id: thread.name for thread in threading.enumerate()}, file)

signal.signal(signal.SIGUSR2, tell)
from piboothup.__main__ import main
sys.exit(main())
"""
"""The command, as the package's /usr/bin/piboothup runs it. It notes when it first told "ready", as what runs from
then on must not count; on SIGUSR2 it tells the names of its threads."""

_CAMERA_ALONE = """
import gc, json, pathlib, signal, sys, threading, time, types
gc.disable()
from tests.lab.camera.virtual import VirtualPicamera2
camera = VirtualPicamera2(0)
camera.configure(camera.create_still_configuration({"size": (640, 480), "format": "YUV420"}, buffer_count=2))
camera.start()
camera.capture_request().release()
print(time.process_time())
camera.stop()
camera.close()
"""
"""What no booth can do without: the interpreter, picamera2 with what it imports, and a camera's first frame."""


@dataclass(frozen=True)
class Start:
    """A start: seconds, and processor time until then."""

    sent_s: float
    sent_processor_s: float
    ready_s: float
    ready_processor_s: float
    pss_mb: float
    log: str
    photo_s: float = 0.0
    """Until the first photo is on the card, pressed for as soon as the booth is ready; its countdown is off."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--old", type=Path, metavar="TREE")
    parser.add_argument("--runs", type=int, default=7, metavar="N")
    parser.add_argument("--rest", type=float, default=60.0, metavar="SECONDS")
    given = parser.parse_args()
    if given.old is None or not (given.old / "piboothup").is_dir():
        print("SKIPPED: the comparison: no --old TREE with another piboothup/")
        given.old = None
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        memory = _runtime(Path(folder) / "any").parent
        memory.mkdir(mode=0o700)
        try:
            _starts(Path(folder), given.old, given.runs)
            _first_photos(Path(folder), given.runs)
            _critical_path(Path(folder))
            if given.rest:
                _rest(Path(folder), given.rest)
        finally:
            shutil.rmtree(memory)


def _row(what: str, *figures: str) -> None:
    print(f"{what:<36}" + "".join(f"{figure:>18}" for figure in figures), flush=True)


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _config(root: Path, more: str = "") -> Path:
    """A config with what stands in for devices, and `more` of what a person configures."""
    root.mkdir()
    tables = [f"config_version = 1\n{more}\n[capture]\ncountdown_s = 0\n[camera]\nsize = [640, 480]"]
    if not _has("picamera2"):
        tables += ['driver = "simulated"']
    tables += [f'[spool]\ndirectory = "{root}/spool"\nallow_memory = true']
    tables += [] if _has("luma.oled") else ['[panel]\ndriver = "none"']
    tables += [] if _has("gpiozero") else [f'[{name}]\ndriver = "simulated"' for name in ("button", "light")]
    file = root / "config.toml"
    file.write_text("\n".join(tables) + "\n", encoding="utf-8")
    return file


@contextmanager
def _running(root: Path, tree: Path, service: str = "booth", *options: str) -> Iterator[subprocess.Popen[bytes]]:
    config = root / "config.toml" if (root / "config.toml").exists() else _config(root)
    program = f"VIRTUAL, NAMES = {_has('picamera2')}, {str(root / service)!r}\n{_PROGRAM}"
    played = {"PIBOOTHUP_RUNTIME": str(_runtime(root)), "NOTIFY_SOCKET": str(root / "notify")}
    given = {**os.environ, **played, "PYTHONPATH": f"{tree}:{HERE}", "GPIOZERO_PIN_FACTORY": "mock"}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    _runtime(root).mkdir(mode=0o700, exist_ok=True)
    with (root / "log").open("ab") as log:
        command = [sys.executable, *options, "-c", program, "--config", str(config), service]
        process = subprocess.Popen(command, env=given, stdout=log, stderr=log, cwd=root)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _start(folder: Path, tree: Path, *options: str, more: str = "", presses: bool = False) -> Start:
    """A start of the box in this folder; a box's start is the first but once, so its spool stays."""
    root = folder / "box"
    if not folder.exists():
        folder.mkdir()
        _config(root, more)
    for file in ("notify", "booth.ready", "log"):
        (root / file).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(root / "notify"))
        notify.settimeout(LIMIT_S)
        began_s = time.monotonic()
        with _running(root, tree, "booth", *options) as process:
            while b"READY=1" not in notify.recv(200):
                pass
            sent = time.monotonic() - began_s, _processor_s(process.pid)
            while not (told := _text(root / "booth.ready")):
                threading.Event().wait(0.01)
                if time.monotonic() - began_s > LIMIT_S:
                    raise SystemExit(_text(root / "log"))
            ready_s, ready_processor_s = map(float, told.split())
            photo_s = _photo_s(root, began_s) if presses else 0.0
            threading.Event().wait(SETTLE_S)
            pss_mb = _pss_mb(process.pid)
    return Start(*sent, ready_s - began_s, ready_processor_s, pss_mb, _text(root / "log"), photo_s)


def _photo_s(root: Path, began_s: float) -> float:
    """Seconds from `began_s` until a photo that is pressed for now is on the card."""
    before = len(_photos(root))
    send_hint(_runtime(root), "booth", "press")
    while len(_photos(root)) == before:
        threading.Event().wait(0.005)
        if time.monotonic() - began_s > LIMIT_S:
            raise SystemExit(_text(root / "log"))
    return time.monotonic() - began_s


def _photos(root: Path) -> list[Path]:
    return list((root / "spool/new").rglob("*.jpg"))


def _runtime(root: Path) -> Path:
    """The runtime folder, in memory as on a box."""
    return Path("/dev/shm") / f"piboothup-{os.getpid()}" / root.parent.name  # noqa: S108


def _state(root: Path) -> str:
    try:
        return str(json.loads((_runtime(root) / "booth.json").read_bytes())["state"])
    except (OSError, ValueError):
        return ""


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _processor_s(pid: int) -> float:
    """Processor time of the living threads."""
    took_ns = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
            took_ns += int(file.read_text(encoding="ascii").split()[0])
    return took_ns / 1e9


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:"))


def _starts(root: Path, old: Path | None, runs: int) -> None:
    trees = [old.resolve(), HERE] if old else [HERE]
    for number, tree in enumerate(trees):  # compiled, and in memory
        _start(root / str(number), tree)
    found: dict[Path, list[Start]] = {tree: [] for tree in trees}
    for _ in range(runs):
        for number, tree in enumerate(trees):
            found[tree].append(_start(root / str(number), tree))
    _row(f"{os.cpu_count()} processors, {runs} runs", *(["old", "new", "of the old"] if old else ["new"]), "bound")
    for name, key, unit, bound in (
        ("command to READY", "sent_s", 1000, "60 %"),
        ("  its processor time", "sent_processor_s", 1000, "60 %"),
        ('command to "ready"', "ready_s", 1000, "60 %"),
        ("  its processor time", "ready_processor_s", 1000, "60 %"),
        ("memory (PSS)", "pss_mb", 1, "100 %"),
    ):
        medians = [statistics.median(getattr(start, key) for start in found[tree]) * unit for tree in trees]
        share = [f"{medians[1] / medians[0]:.0%}"] if old else []
        _row(name, *(f"{median:.0f} {'ms' if unit == 1000 else 'MB'}" for median in medians), *share, bound)
        if key == "ready_processor_s" and _has("picamera2"):
            alone = statistics.median(_camera_alone_s() for _ in range(runs)) * unit
            own = [median - alone for median in medians]
            shown = [f"{own[1] / own[0]:.0%}"] if old else []
            _row(f"  without {alone:.0f} ms for a camera alone", *(f"{each:.0f} ms" for each in own), *shown)


def _camera_alone_s() -> float:
    """Processor time of a start that does nothing but open the camera, seconds."""
    command = [sys.executable, "-c", _CAMERA_ALONE]
    given = {**os.environ, "PYTHONPATH": str(HERE)}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    return float(subprocess.run(command, env=given, capture_output=True, check=True, timeout=LIMIT_S).stdout)


def _first_photos(root: Path, runs: int) -> None:
    """A box with nothing configured, and one with all that the set-up page asks for, in turns."""
    key = root / "key"
    key.write_text("0123456789abcdef")
    event = f'[eventpics]\nlink_id = "abcd1234"\nalbum_id = "a1"\napi_key_file = "{key}"'
    boxes = {"nothing": "", "all": f'name = "Booth 7"\nlanguage = "de"\ntimezone = "Europe/Berlin"\n{event}'}
    found: dict[str, list[Start]] = {name: [] for name in boxes}
    for _ in range(runs + 1):
        for name, more in boxes.items():
            found[name].append(_start(root / name, HERE, more=more, presses=True))
    _row(f"configured, {runs} runs", *boxes, "of configured", "bound")
    for text, attribute in (
        ('command to "ready"', "ready_s"),
        ("  its processor time", "ready_processor_s"),
        ("command to first photo", "photo_s"),
    ):
        nothing, everything = (
            statistics.median(getattr(start, attribute) for start in found[name][1:]) for name in boxes
        )
        figures = f"{nothing * 1000:.0f} ms", f"{everything * 1000:.0f} ms", f"{nothing / everything:.0%}"
        _row(text, *figures, "about 100 %")


def _critical_path(root: Path) -> None:
    """What is imported until "ready", by package, and how long each takes by itself."""
    log = _start(root / "imports", HERE, "-X", "importtime").log
    lines = [
        line[12:].split("|") for line in log.splitlines() if line.startswith("import time:") and "self" not in line
    ]
    took_us: Counter[str] = Counter()
    for own_us, _, name in lines:
        parts = name.strip().split(".")
        took_us[".".join(parts[:2] if parts[0] == "piboothup" else parts[:1])] += int(own_us)
    _row(f"imports until ready: {len(lines)}", f"{took_us.total() / 1000:.0f} ms")
    for package, each_us in took_us.most_common(16):
        _row(f"  {package}", f"{each_us / 1000:.1f} ms")


def _rest(root: Path, seconds: float) -> None:
    """Bytes written and wake-ups of each thread, of both services on an idle box."""
    root = root / "rest"
    _config(root)
    services = ["booth", "uploader"] if _has("requests") else ["booth"]
    if len(services) < 2:
        print("SKIPPED: the uploader at rest: no requests here")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, ExitStack() as stack:
        running = {service: stack.enter_context(_running(root, HERE, service)) for service in services}
        notify.bind(str(root / "notify"))
        while _state(root) != "ready":
            threading.Event().wait(0.1)
        threading.Event().wait(10.0)
        pids = {service: process.pid for service, process in running.items()}
        before = {service: (_written(pid), _switches(pid)) for service, pid in pids.items()}
        threading.Event().wait(seconds)
        after = {service: (_written(pid), _switches(pid)) for service, pid in pids.items()}
        for pid in pids.values():
            os.kill(pid, signal.SIGUSR2)
        threading.Event().wait(2.0)
        for service in pids:
            names = json.loads((root / service).read_text(encoding="utf-8"))
            (bytes_before, switches_before), (bytes_after, switches) = before[service], after[service]
            _row(f"{service} at rest, {seconds:.0f} s", f"{bytes_after - bytes_before} bytes", "bound 0")
            for thread, count in sorted(switches.items(), key=lambda item: -item[1]):
                rate = (count - switches_before.get(thread, 0)) / seconds
                _row(f"  {names.get(thread, 'a library, in C')}", f"{rate:.1f} a second", "bound 10")


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _switches(pid: int) -> dict[str, int]:
    """How often each thread has slept, by its id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text(encoding="ascii").splitlines()
        found[task.name] = next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return found


if __name__ == "__main__":
    main()
