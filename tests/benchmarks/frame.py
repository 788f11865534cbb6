"""How long the framed copy of a photo takes, or the strip of a series, and how much memory.

    nice -n 19 python -m tests.benchmarks.frame

At background priority, of drawn photos as large as Raspberry Pi's camera modules give them; the photo's file is in
memory already. Peaks are what the process needs in addition, by the kernel (VmHWM, reset before each step).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import simplejpeg

from piboothup.booth.photo import strip
from piboothup.booth.photo.caption import Caption
from piboothup.booth.photo.compose import compose, prepare
from piboothup.booth.photo.frame_file import judged
from piboothup.booth.photo.jpeg import size_of
from piboothup.booth.threads import set_background
from piboothup.simulator.scenes import give_back_memory, party
from tests.support.frames import WIDE, frame

SIZES = ((4056, 3040), (4608, 2592), (3280, 2464), (2592, 1944))
FRAMES = {"1800x1200": WIDE, "4056x3040": (4056, 3040)}
CAPTION = Caption("Anna & Ben", "28 November 2026")
RUNS = 5
T = TypeVar("T")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _kb(field: str) -> int:
    return next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith(field))


def measured(work: Callable[[], T]) -> tuple[T, float, float]:
    """The result, seconds, and the memory in MB that it took at its peak."""
    give_back_memory()
    _CLEAR.write_text("5")
    before_kb, begun_s = _kb("VmRSS:"), time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun_s, (_kb("VmHWM:") - before_kb) * 1024 / 1e6


def photo(size: tuple[int, int]) -> bytes:
    """A photo's file: a drawn scene with a sensor's noise, which costs the decoder most."""
    found, chance = party(1, size), np.random.default_rng(1)
    noisy = (np.clip(found.y + chance.normal(0, 4, found.y.shape), 0, 255)).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg_yuv_planes(noisy, found.u, found.v, 93))


def main() -> None:
    """Print a line for each size and frame, then for each layout of a strip of four."""
    set_background()
    print("photo       file     frame        prepared            copy      framed in          peak")
    for size in SIZES:
        content = photo(size)
        for name, shape in FRAMES.items():
            file = judged(frame(shape))
            prepared, prepare_s, prepare_mb = measured(lambda file=file, size=size: prepare(file, size))  # type: ignore[misc]
            runs = [measured(lambda: compose(content, prepared, 93)) for _ in range(RUNS)]  # noqa: B023
            width, height = prepared.fit.size
            median_s, peak_mb = statistics.median(run[1] for run in runs), max(run[2] for run in runs)
            kept_mb = sum(len(packed) for _, _, packed in prepared.bands) / 1e6
            memory = f"{prepare_s:4.2f} s {prepare_mb:3.0f} MB ({kept_mb:.1f} stay)"
            took = f"{median_s:4.2f} s (1.5 s / {1.5 / median_s:.1f})  {peak_mb:3.0f} MB"
            print(f"{size[0]}x{size[1]}  {len(content) / 1e6:3.1f} MB  {name}  {memory}  {width}x{height}  {took}")
    print("\nphotos        strip   size       made in             peak")
    for size in SIZES:
        file_content = bytearray(photo(size))
        reads = [lambda found=file_content: bytes(found)] * 4  # a copy each, as from the card
        for layout in ("2x2", "1x4"):
            made = [measured(lambda: strip.compose(reads, layout, CAPTION, 93)) for _ in range(RUNS)]  # noqa: B023
            width, height = size_of(made[0][0])
            median_s, peak_mb = statistics.median(run[1] for run in made), max(run[2] for run in made)
            took = f"{median_s:4.2f} s (2 s / {2 / median_s:.1f})  {peak_mb:3.0f} MB"
            print(f"4 {size[0]}x{size[1]}   {layout}     {width}x{height}  {took}")


if __name__ == "__main__":
    main()
