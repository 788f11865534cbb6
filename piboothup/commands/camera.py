"""`piboothup camera`: list connected cameras and their modes, take a test photo, print its timings and rate them.

The test photo passes the steps of every photo (frame, rotation, encoding, a durable write on the card) but does not
enter the spool, and is deleted at the end unless the user wants the file. The camera must be free: a running booth
occupies it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.camera.base import Camera, CameraFault
from piboothup.booth.camera.detect import ConnectedCamera, connected_cameras, size_text
from piboothup.booth.errors import BoothError
from piboothup.booth.frame import Frame
from piboothup.booth.photo.jpeg import encode, rotated
from piboothup.booth.photo.quality import PhotoQuality, assess
from piboothup.commands.common import FAILED, OK, CommandFails, load_effective, open_spool
from piboothup.commands.services import camera_device
from piboothup.records import dataclass, replace
from piboothup.spool import durable

if TYPE_CHECKING:
    from piboothup.clock import Clock
    from piboothup.config import Config
    from piboothup.problems import Problem

SETTLING_S = 2.0
"""Time from the first frame until the photo, seconds, in which exposure, white balance and focus settle."""
FIRST_FRAME_S = 10.0
CAPTURE_S = 4.0


@dataclass(frozen=True)
class TestPhoto:
    """Test photo and the duration of each step."""

    __test__ = False

    jpeg: bytes
    frame: Frame
    """Frame that is already released: its planes must not be read."""
    steps_ms: dict[str, float]
    judgement: PhotoQuality


def run(given: argparse.Namespace) -> int:
    """Try the camera that the config names. Raises CommandFails."""
    loaded = load_effective(given).config
    _, clock = open_spool(loaded)
    if given.json:
        return report_json(loaded, clock, camera_device(loaded, clock))
    try:
        connected = [] if loaded.camera.driver == "simulated" else connected_cameras()
    except CameraFault as fault:
        raise CommandFails(str(fault)) from None
    report(loaded, clock, camera_device(loaded, clock), connected, given.file)
    return OK


def report_json(loaded: Config, clock: Clock, camera: Camera) -> int:
    """Print the result of a test photo for a program, also when there is none."""
    words = ""
    problems: list[Problem | None]
    try:
        photo = take(loaded, clock, camera)
    except BoothError as fault:
        problems = [fault.problem]
    else:
        words, problems = f"test frame {size_text(camera.size)}", [camera.notice, *photo.judgement.problems]
    told = [{"code": each.code, "detail": each.detail} for each in problems if each is not None]
    print(json.dumps({"photo": words, "problems": told}))
    return OK if words else FAILED


def report(loaded: Config, clock: Clock, camera: Camera, connected: list[ConnectedCamera], file: Path | None) -> None:
    """Print the connected cameras and the result of a test photo. Raises CommandFails."""
    for found in connected:
        chosen = "*" if found.number == loaded.camera.number else " "
        print(f"{chosen} camera {found.number}: {found.model}   {found.place}")
        for mode in found.modes:
            print(f"      {mode}")
    try:
        photo = take(loaded, clock, camera)
    except BoothError as fault:
        raise CommandFails(str(fault)) from None
    if file is not None:
        try:
            file.write_bytes(photo.jpeg)
        except OSError as error:
            raise CommandFails(f"{file} can't be written ({error.strerror}): name another.") from None
    for line in report_lines(photo, camera):
        print(line)


def take(loaded: Config, clock: Clock, camera: Camera) -> TestPhoto:
    """Open the camera, let it settle and take a photo. Raises CameraFault, EncodeError."""
    table = loaded.camera
    steps_ms: dict[str, float] = {}

    @contextlib.contextmanager
    def step(name: str) -> Iterator[None]:
        began_ns = clock.boottime_ns()
        yield
        steps_ms[name] = (clock.boottime_ns() - began_ns) / 1e6

    try:
        with step("open"):
            camera.open()
        with step("first frame"):
            end_ns = clock.boottime_ns() + int(FIRST_FRAME_S * 1e9)
            while not camera.frames() and clock.boottime_ns() < end_ns:
                time.sleep(0.01)
        time.sleep(SETTLING_S)
        camera.frames()
        with step("frame wait"):
            frame = camera.capture(clock.boottime_ns(), CAPTURE_S)
        judgement = assess(frame.y)
        with step("turn"):
            y, u, v = (rotated(plane, table.rotation) for plane in (frame.y, frame.u, frame.v))
        with step("encode"):
            jpeg = encode(replace(frame, y=y, u=u, v=v), table.jpeg_quality)
        frame.release()
        with step("commit"):
            _commit(loaded.spool.path / "tmp", jpeg)
    finally:
        camera.close()
    return TestPhoto(jpeg, frame, steps_ms, judgement)


def _commit(folder: Path, jpeg: bytes) -> None:
    """Write `jpeg` with a commit's calls and remove it, elsewhere if `folder` is missing or not writable."""
    with contextlib.suppress(OSError):
        return _write_and_remove(folder, jpeg)
    try:
        with tempfile.TemporaryDirectory() as other:
            return _write_and_remove(Path(other), jpeg)
    except OSError as error:
        reason = error.strerror or error
        raise CommandFails(f"The test photo can't be written anywhere ({reason}): make some room.") from None


def _write_and_remove(folder: Path, jpeg: bytes) -> None:
    written, committed = (folder / f".camera-{os.getpid()}-{part}" for part in ("written", "committed"))
    durable.write_new(written, jpeg)
    durable.move(written, committed)
    durable.remove(committed)


def report_lines(photo: TestPhoto, camera: Camera) -> Iterator[str]:
    """Table of the timings and their rating, line by line."""
    frame, judgement = photo.frame, photo.judgement
    width, height = camera.size
    exposure = f", exposed for {frame.exposure_us / 1000:g} ms" if frame.exposure_us else ""
    gain = f" at gain {frame.gain:.1f}" if frame.gain else ""
    yield f"Test photo: {camera.model}, {width}x{height}, {len(photo.jpeg) / 1e6:.1f} MB{exposure}{gain}"
    for name, took_ms in photo.steps_ms.items():
        yield f"  {name:<15}{took_ms:8.0f} ms"
    saved_ms = sum(photo.steps_ms[name] for name in ("frame wait", "turn", "encode", "commit"))
    yield f"  {'zero to saved':<15}{saved_ms:8.0f} ms"
    if camera.notice is not None:
        yield str(camera.notice)
    measured = f"brightness {judgement.brightness:.0f} of 255, sharpness {judgement.sharpness:.2f}"
    if not judgement.problems:
        edges = "sharp" if judgement.sharpness else "without an edge to judge its sharpness by"
        yield f"It is bright enough and {edges} ({measured})."
    for problem in judgement.problems:
        yield f"{problem} ({measured})"
