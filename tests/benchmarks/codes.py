"""Which codes are read before the lens, how long it takes, and what reading takes of a core.

    python -m tests.benchmarks.codes [--other FOLDER]

The booth's reader over drawn frames, with the zxing-cpp that is installed; then with another that lies in FOLDER
(`pip install --target FOLDER zxing-cpp==2.3.0`, which is Debian 13's). "+" is read, else the hint. Milliseconds are
this machine's; the share of a core is processor time, which holds on a loaded machine too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from piboothup.booth.camera.code_reader import CodeReader
from piboothup.booth.flow.events import CodeHinted, CodeRead, Event, Exposed
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.frame import Frame, Plane
from piboothup.booth.operations.code_reading import CodeReading
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.clock import SystemClock
from piboothup.config import Config, Secret
from tests.support.held_code import BOOTH_CODE, FRAME, LONGEST_CODE, WAYS, Held, frame

CODES = {
    "Wi-Fi code": "WIFI:S:Barn;T:WPA;P:sunflower;;",
    "guests' link": "https://app.eventpics.net/Ab3dEf7hIj9k",
    "booth code": BOOTH_CODE,
    "longest booth code": LONGEST_CODE,
}
WIDTHS = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.4)
SIZES = ((1014, 760), (1296, 972), FRAME, (1536, 864))
"""What is read of the frames of Raspberry Pi's modules, and the limits of it."""
BLURS_PX = (0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
ARM_S_LENGTH = 0.12
"""Share of the frame's width that a phone's code of 7 cm fills at half a metre before a Camera Module 2."""
MORE_WAYS = {"printed, dim": Held(white=110, black=60, room=85)}
WATCHED_S = 10.0
_TO_SENSOR = 3
"""A sensor's frame has so many times the pixels each way."""


class Timed:
    """The longest of the readings."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    def read(self, picture: Plane) -> str:
        """Read a picture: "+", or the hint."""
        begun_s = time.perf_counter()
        found = CodeReader().read(picture)
        self.longest_s = max(self.longest_s, time.perf_counter() - begun_s)
        return "+" if isinstance(found, Secret) else str(found)

    def print(self) -> None:
        """Print the longest time."""
        print(f"longest: {self.longest_s * 1000:.0f} ms")


class Seen:
    """A camera that gives the same frame at once, and what reading says of it."""

    def __init__(self, picture: Plane) -> None:
        self._picture = picture.repeat(_TO_SENSOR, axis=0).repeat(_TO_SENSOR, axis=1)
        clock = SystemClock()
        self.frames = FrameRequests(clock, self._capture)
        self.frames.set_page(PageKind.READ_CODE)
        self.reading = CodeReading(Config(), clock, self.frames, self._post)
        self.until_s = 0.0
        self.hints = 0
        self.is_read = False

    def _capture(self, zero_ns: int, **_how: object) -> None:
        y = self._picture
        self.frames.on_answer(Exposed(Frame(y, y[::2, ::2], y[::2, ::2], zero_ns, lambda: None), zero_ns))

    def _post(self, event: Event) -> None:
        self.is_read |= isinstance(event, CodeRead)
        self.hints += isinstance(event, CodeHinted)
        if time.monotonic() >= self.until_s:
            self.frames.set_page(None)


def main() -> None:
    """Print the tables, for both libraries if there are two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--other", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    _tables()
    if given.other is None:
        print("\nSKIPPED: another version of zxing-cpp: no --other FOLDER")
        return
    other = {**os.environ, "PYTHONPATH": f"{given.other.resolve()}:{Path.cwd()}"}
    code = "from tests.benchmarks import codes; codes._tables()"
    subprocess.run([sys.executable, "-c", code], env=other, check=True)


def _row(name: str, cells: Iterable[str]) -> None:
    print(f"{name:<34}" + "".join(f"{cell:>9}" for cell in cells), flush=True)


def _tables() -> None:
    print(f"\nzxing-cpp {version('zxing-cpp')}")
    _by_width()
    _by_frame()
    _by_blur()
    _whole_way()
    _share()


def _by_width() -> None:
    for kind, text in CODES.items():
        timed = Timed()
        _row(f"\n{kind}, {len(text)} bytes; its width", (f"{width:.0%}" for width in WIDTHS))
        for name, held in {**WAYS, **MORE_WAYS}.items():
            _row(name, (timed.read(frame(text, replace(held, share=width))) for width in WIDTHS))
        timed.print()


def _by_frame() -> None:
    timed = Timed()
    print(f"\nWays of {len(WAYS)} that are read at a fifth of the frame's width")
    _row("frame's width, pixels", (str(width) for width, _ in SIZES))
    for kind, text in CODES.items():
        found = []
        for size in SIZES:
            said = [timed.read(frame(text, replace(held, share=0.2), size=size)) for held in WAYS.values()]
            found.append(str(said.count("+")))
        _row(kind, found)
    timed.print()


def _by_blur() -> None:
    """A fixed lens is sharp from arm's length on; a code nearer by is larger and blurred."""
    timed = Timed()
    _row(f"\nAt {ARM_S_LENGTH:.0%} of 1093 pixels; blur, pixels", (f"{blur_px:g}" for blur_px in BLURS_PX))
    for kind, text in CODES.items():
        held = Held(share=ARM_S_LENGTH)
        pictures = (frame(text, replace(held, blur_px=blur_px), size=(1093, 820)) for blur_px in BLURS_PX)
        _row(kind, map(timed.read, pictures))
    timed.print()


def _whole_way() -> None:
    """From a sensor's frame to what the booth is told."""
    print("\nFrom a frame of 12 megapixels to the code's answer")
    for kind, text in CODES.items():
        seen = Seen(frame(text, Held(share=0.2)))
        begun_s = time.perf_counter()
        seen.reading.run()
        took_ms = (time.perf_counter() - begun_s) * 1000
        _row(kind, [f"{took_ms:.0f} ms" if seen.is_read else "no"])


def _share() -> None:
    """Of frames with a code that is too small, which are searched at both sizes each time."""
    seen = Seen(frame(LONGEST_CODE, Held(share=0.05)))
    seen.until_s = time.monotonic() + WATCHED_S
    begun_s, processor_s = time.monotonic(), time.process_time()
    seen.reading.run()
    share = (time.process_time() - processor_s) / (time.monotonic() - begun_s)
    print(f"\nShare of a core while no code is read ({seen.hints} frames, bound 30 %): {share:.0%}")


if __name__ == "__main__":
    main()
