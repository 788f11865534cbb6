"""Scripted demo: photos online and offline, a power cut in mid-upload, and a check that nothing was lost.

It uses the real commands and a local EventPics, and ends in a table. It succeeds only when every photo on the card is
in the album exactly once, byte for byte, with the right takenAt, and no photo that was shown as saved is missing.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

from piboothup.clock import SystemClock
from piboothup.records import dataclass
from piboothup.simulator.appliance import Appliance, TookTooLong, wait_until
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName

TAKEN_AT_WITHIN_MS = 1_500


@dataclass(frozen=True)
class Row:
    """Result of one photo."""

    name: PhotoName
    chapter: str
    uploads: int
    same_bytes: bool
    off_ms: float | None
    """Error of takenAt, milliseconds; None when the photo was not sent."""

    @property
    def proved(self) -> bool:
        """Whether this photo is in the album exactly once, with its bytes and its time."""
        on_time = self.off_ms is not None and abs(self.off_ms) <= TAKEN_AT_WITHIN_MS
        return self.uploads >= 1 and self.same_bytes and on_time


def scripted() -> int:
    """Run the script and print the table; return the exit status, 0 when every photo is proved."""
    root = Path(tempfile.mkdtemp(prefix="piboothup-demo-"))
    clock = SystemClock()
    album = LocalEventPics(root / "eventpics", clock)
    box = Appliance(root / "box", album.url, DEMO_KEY)
    try:
        with album:
            rows, missing = _play(box, album)
    except TookTooLong as error:
        print(f"piboothup demo: {error} The services' log is {box.log}.", file=sys.stderr)
        return 1
    finally:
        box.pull_plug()
    return _print_table(rows, missing, root)


def _play(box: Appliance, album: LocalEventPics) -> tuple[list[Row], int]:
    """Run the chapters; return the rows, and the number of saved photos that are missing."""
    chapters: dict[PhotoName, str] = {}

    def chapter(phase: str) -> None:
        chapters.update({name: phase for name in box.photos() if name not in chapters})

    _announce("power on, network on: two photos")
    box.power_on()
    box.take()
    box.take()
    wait_until(lambda: len(box.photos(SENT)) == 2, "two photos in the album")
    chapter("online")

    _announce("network off: two photos")
    album.online = False
    box.take()
    box.take()
    wait_until(lambda: box.uploader().state == "offline", "the uploader to notice")
    chapter("offline")

    _announce("network on, but slow; the plug is pulled in mid-upload, right after a press")
    album.stall_uploads(30.0)
    album.online = True
    box.retry()
    wait_until(lambda: album.uploading > 0, "an upload to be under way")
    box.take()
    saved = box.booth().photos
    box.press()
    box.pull_plug()
    album.online = False  # the box's connections end with its power
    album.stall_uploads(0.0)
    chapter("plug pulled")

    _announce("power on again: two more, and everything that waited")
    album.online = True
    box.power_on()
    box.take()
    box.take()
    survivors = len(box.photos()) - 2
    wait_until(lambda: not box.photos(NEW), "the last photo to be in the album")
    chapter("after the plug")
    box.power_off()
    return _rows(box, album, chapters), max(0, saved - survivors)


def _rows(box: Appliance, album: LocalEventPics, chapters: dict[PhotoName, str]) -> list[Row]:
    clock = SystemClock()
    offset_ms = (clock.wall_ns() - clock.boottime_ns()) / 1e6
    uploads = album.uploads()
    rows = []
    for name in box.photos():
        lines = [upload for upload in uploads if upload["fileName"] == name.file_name]
        content = box.spool.path(name, SENT).read_bytes()
        stored = album.path_of("abcd1234", "a1", name.file_name)
        same = stored.is_file() and stored.read_bytes() == content
        same = same and all(upload["sha256"] == hashlib.sha256(content).hexdigest() for upload in lines)
        sent = [upload["takenAt"] for upload in lines if upload["takenAt"] is not None]
        off_ms = sent[-1] - (name.boottime_ms + offset_ms) if sent else None
        rows.append(Row(name, chapters.get(name, "salvaged"), len(lines), same, off_ms))
    return rows


def _print_table(rows: list[Row], missing: int, root: Path) -> int:
    print(f"\n{'photo':<30} {'taken':<15} {'uploads':>7}  {'bytes':<6} takenAt")
    for row in rows:
        off = "none" if row.off_ms is None else f"{row.off_ms / 1000:+.2f} s"
        print(
            f"{row.name.file_name:<30} {row.chapter:<15} {row.uploads:>7}  {'same' if row.same_bytes else 'WRONG':<6}"
            f" {off}{'' if row.proved else '   <-- NOT PROVED'}"
        )
    good = len(rows) >= 5 and missing == 0 and all(row.proved for row in rows)
    if good:
        print(f"\n{len(rows)} photos, {len(rows)} in the album, every byte and every time as taken.")
        shutil.rmtree(root)
        return 0
    print(f"\n{missing} saved photos are missing; what the run left is in {root}")
    return 1


def _announce(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
