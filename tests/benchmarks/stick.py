"""Time of a copy to a stick, against `cp; sync; cmp` past the cache, in turns: bytes per second of ours over theirs.

    python -m tests.benchmarks.stick [--kind ext4|vfat|exfat] [--turns N]

The stick is an image on a loop device, without the page cache beneath it, on the working directory's disk: faster
than any stick, so that it is our own work that counts. Needs root.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

from piboothup.clock import SystemClock
from piboothup.spool import commit
from piboothup.spool.admin import stick_copy
from piboothup.spool.admin.stick_copy import CopyFolder, CopyJob, CopyState
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool

PHOTOS, PHOTO_BYTES = 40, 4_000_000
_MAKERS = {"ext4": ("mkfs.ext4", "-q"), "vfat": ("mkfs.vfat", "-F", "32"), "exfat": ("mkfs.exfat",)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=_MAKERS, default="ext4")
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder)
        spool = _filled(root / "spool")
        image, point = root / "stick.img", root / "stick"
        point.mkdir()
        with image.open("wb") as file:
            file.truncate(3 * PHOTOS * PHOTO_BYTES)
        subprocess.run([*_MAKERS[given.kind], image], check=True, stdout=subprocess.DEVNULL)
        loop = ["losetup", "--find", "--show", "--direct-io=on", str(image)]
        device = subprocess.run(loop, check=True, capture_output=True, text=True).stdout.strip()
        try:
            figures = [_turn(spool, device, point, root) for _ in range(given.turns + 1)][1:]
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
    ratios = [theirs / ours for theirs, ours in figures]
    print(f"{PHOTOS} photos of {PHOTO_BYTES / 1e6:.0f} MB to {given.kind}, medians of {given.turns}")
    print(f"  cp; sync; cmp   {statistics.median(theirs for theirs, _ in figures):6.2f} s")
    print(f"  ours            {statistics.median(ours for _, ours in figures):6.2f} s")
    print(
        f"  ratio           {statistics.median(ratios):6.2f}   bound 0.9   ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def _filled(directory: Path) -> Spool:
    clock, chance = SystemClock(), random.Random(1)
    spool = Spool(directory, clock)
    spool.prepare()
    spool.start("booth")
    context = context_for("abcd1234", "", "")
    for number in range(PHOTOS):
        content = b"\xff\xd8" + chance.randbytes(PHOTO_BYTES)
        name = PhotoName.of(spool.next_identity(number, context), content)
        commit.commit(spool, name, context, content)
    return spool


def _turn(spool: Spool, device: str, point: Path, root: Path) -> tuple[float, float]:
    """Seconds of `cp; sync; cmp`, and of ours."""
    source = spool.directory / NEW
    folder = CopyFolder(root / "run")
    folder.path.mkdir(parents=True, exist_ok=True)

    def theirs() -> None:
        subprocess.run(["cp", "-r", source, point / "copy"], check=True)
        subprocess.run(["sync", "-f", point], check=True)
        for path in (point / "copy").rglob("*.jpg"):
            subprocess.run(["dd", f"if={path}", "iflag=nocache", "count=0", "status=none"], check=True)
        subprocess.run(["diff", "-r", source, point / "copy"], check=True)

    def ours() -> None:
        target = point / "copy"
        target.mkdir()
        job = CopyJob(1, "", "", "abcd1234", needs_secret=False)
        assert stick_copy.run(spool, job, target, folder, "Booth 1", UTC) is CopyState.DONE

    return _timed(theirs, device, point), _timed(ours, device, point)


def _timed(work: Callable[[], None], device: str, point: Path) -> float:
    subprocess.run(["mount", device, point], check=True)
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        began_s = time.perf_counter()
        work()
        return time.perf_counter() - began_s
    finally:
        subprocess.run(["rm", "-rf", point / "copy"], check=True)
        subprocess.run(["umount", point], check=True)


if __name__ == "__main__":
    main()
