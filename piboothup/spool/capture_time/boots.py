"""Boots: one file of JSON lines per power-on, with its number, its clock anchors and the offsets in use.

The service that starts first gives the boot its number, under a lock; the other finds it by the kernel's boot id. A
number is used once: the file exists, durably, before the number is in any name. Lines are only appended, each in one
write; a line that a power cut tore is skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.names import BY_HAND, Identity, is_boot_folder
from piboothup.text import read_bytes

LOCK = ".lock"
_SUFFIX = ".jsonl"
_MOST_SHOTS = 100
_LARGEST = 10**13
"""Upper limit of a number in a file (milliseconds, some 300 years): no sum of two is beyond the calendar."""


@dataclass(frozen=True)
class Composition:
    """What is composed of photos, from a number on; each result is a photo of its own, with a number kept for it."""

    first: int
    """Number of the first photo; of a series that of its strip, which the numbers of its photos follow."""
    frame: str
    """Hash of the frame over a copy of each photo, whose number is the next after the photo's; "" = no frame."""
    originals: bool = True
    """Whether originals are sent too; else they are kept."""
    shots: int = 0
    """Number of photos that a series is meant to have, of which a strip is made; 0 = no series."""

    @property
    def last(self) -> int | None:
        """The last number of a series."""
        return self.first + self.shots * (2 if self.frame else 1) if self.shots else None

    def covers(self, seq: int) -> bool:
        """Whether something is composed of the photo with this number, or it is reserved for what is."""
        return self.first <= seq <= (seq if self.last is None else self.last) and bool(self.frame or self.shots)

    def is_photo(self, seq: int) -> bool:
        """Whether one of the numbers that this covers is a photo's that was taken."""
        offset = seq - self.first - bool(self.shots)
        return offset >= 0 and not (self.frame and offset % 2)

    def results(self, photo: Identity) -> list[Identity]:
        """What is composed of this photo: its framed copy, the strip of its series."""
        copies = [photo.copy] if self.frame else []
        strip = Identity(photo.box, photo.boot, self.first, photo.boottime_ms, photo.context)
        return [*copies, strip] if self.shots else copies


@dataclass(frozen=True)
class Boot:
    """What is recorded of one boot."""

    number: int
    boot_id: str = ""
    box: str = ""
    """Id of the box it was a boot of, which the card may have left since; "" = unknown."""
    next_seq: int = 1
    """Photos taken before the last start have lower numbers than this."""
    anchors: tuple[Anchor, ...] = ()
    in_use: tuple[Anchor, ...] = ()
    """Offsets that uploads have used: kept, so that the order of photos holds."""
    last_boottime_ms: int = 0
    """The latest boot-time known to have been reached."""
    retired: frozenset[tuple[str, int]] = frozenset()
    """Context and number of each photo that was sent and then deleted to make room: it still counts as taken."""
    ready_ms: int | None = None
    """Duration of the booth's last start, milliseconds, until it was ready."""
    compositions: tuple[Composition, ...] = ()
    """By their first numbers, which all differ; a start of the booth ends the one before."""

    def composition_of(self, seq: int) -> Composition | None:
        """What is composed of photo `seq`; None when nothing is."""
        found = self._in_force(seq)
        return found if found is not None and found.is_photo(seq) else None

    def is_composed(self, seq: int) -> bool:
        """Whether this number is reserved for what is composed: a framed copy of the photo before, or a strip."""
        found = self._in_force(seq)
        return found is not None and not found.is_photo(seq)

    def _in_force(self, seq: int) -> Composition | None:
        place = bisect_right(self.compositions, seq, key=lambda composition: composition.first)
        return self.compositions[place - 1] if place and self.compositions[place - 1].covers(seq) else None


def register(directory: Path, boot_id: str, box: str, highest_seen: int) -> int:
    """The number of the boot `boot_id`, assigned now if it has none. Raises OSError.

    `highest_seen` is the highest boot number in any photo's name: a lost boots/ folder repeats no number.
    """
    with durable.lock(directory / LOCK, wait=True):
        taken = set(numbers(directory))
        latest = max((number for number in taken if number < BY_HAND), default=0)
        if latest and read(directory, latest).boot_id == boot_id:
            durable.sync_file(path_of(directory, latest))  # the other service may have been killed before it did
            durable.sync_directory(directory)
            return latest
        number = max(latest, highest_seen) + 1
        line = json.dumps({"boot": number, "boot_id": boot_id, "box": box})
        path = path_of(directory, number)
        durable.write_new(path, line.encode() + b"\n", durable.SHARED_FILE_MODE)
        durable.sync_directory(directory)
        return number


def numbers(directory: Path) -> list[int]:
    """The numbers of all boots that have a file, unordered. Raises OSError."""
    bare = (name.removesuffix(_SUFFIX) for name in os.listdir(directory) if name.endswith(_SUFFIX))
    return [int(number) for number in bare if is_boot_folder(number)]


def path_of(directory: Path, number: int) -> Path:
    """Path of a boot's file."""
    return directory / f"{number:04d}{_SUFFIX}"


def read(directory: Path, number: int) -> Boot:
    """The boot's record; an empty Boot when nothing can be read."""
    try:
        text = read_bytes(path_of(directory, number)).decode(errors="replace")
    except OSError:
        return Boot(number)
    return _fold(number, _lines(text))


def retired(directory: Path) -> Iterator[Identity]:
    """The photos that were sent, then deleted to make room, without wiped ones; box and boot-time unknown."""
    with contextlib.suppress(OSError):
        for number in numbers(directory):
            for context, seq in read(directory, number).retired:
                if context:
                    yield Identity("", number, seq, 0, context)


def retired_times(directory: Path, number: int) -> dict[int, int]:
    """Boot-time in milliseconds of photos of this boot that were deleted, by their numbers; old records have none.

    Not part of `Boot`, which both services keep in memory.
    """
    found: dict[int, int] = {}
    with contextlib.suppress(OSError):
        for line in _lines(read_bytes(path_of(directory, number)).decode(errors="replace")):
            times = line.get("taken_ms")
            for seq, taken_ms in times.items() if isinstance(times, dict) else ():
                if seq.isdecimal() and len(seq) <= 6 and _whole(taken_ms) is not None:
                    found[int(seq)] = taken_ms
    return found


def _lines(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            shown = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(shown, dict):
            yield shown


def _whole(value: object) -> int | None:
    """The value if it is a whole number in range, else None."""
    return value if isinstance(value, int) and abs(value) <= _LARGEST else None


def _fold(number: int, lines: Iterable[dict[str, Any]]) -> Boot:
    boot_id = box = ""
    next_seq, last = 1, 0
    anchors: list[Anchor] = []
    in_use: dict[int, Anchor] = {}
    ready_ms: int | None = None
    retired: set[tuple[str, int]] = set()
    compositions: list[Composition] = []
    for line in lines:
        if line.get("boot") == number and not boot_id:
            boot_id, box = (str(line.get(key, "")) for key in ("boot_id", "box"))
        elif (seq := _whole(line.get("next_seq"))) is not None and seq <= BY_HAND:
            next_seq = max(next_seq, seq)
            if compositions and line.get("start") == "booth":
                _add_composition(compositions, Composition(seq, ""))
        elif (found_ms := _whole(line.get("ready_ms"))) is not None:
            ready_ms = found_ms
        elif (composition := _composition(line)) is not None:
            _add_composition(compositions, composition)
        retired |= _retired(line)
        anchor = _anchor(line)
        if anchor is not None and line.get("in_use"):
            in_use[anchor.boottime_ms] = anchor
            continue
        if anchor is not None:
            anchors.append(anchor)
        last = max(last, _whole(line.get("boottime_ms")) or 0)
    used = tuple(in_use.values())
    known = (number, boot_id, box, next_seq, tuple(anchors), used, last, frozenset(retired), ready_ms)
    return Boot(*known, tuple(compositions))


def _add_composition(known: list[Composition], latest: Composition) -> None:
    """Add the latest; from its first number on no earlier one holds."""
    while known and known[-1].first >= latest.first:
        known.pop()
    known.append(latest)


def _composition(line: dict[str, Any]) -> Composition | None:
    first, frame = _whole(line.get("first")), line.get("frame")
    if first is None or not isinstance(frame, str):
        return None
    shots = line.get("shots")
    shots = shots if isinstance(shots, int) and 0 < shots <= _MOST_SHOTS else 0
    return Composition(first, frame, line.get("originals") is not False, shots)


def _anchor(line: dict[str, Any]) -> Anchor | None:
    boottime_ms, wall_ms, uncertainty_ms = (
        _whole(line.get(key)) for key in ("boottime_ms", "wall_ms", "uncertainty_ms")
    )
    if boottime_ms is None or wall_ms is None or uncertainty_ms is None or line.get("source") not in list(Source):
        return None
    return Anchor(Source(line["source"]), boottime_ms, wall_ms, uncertainty_ms)


def _retired(line: dict[str, Any]) -> set[tuple[str, int]]:
    found = line.get("retired")
    if not isinstance(found, dict):
        return set()
    return {
        (str(context), seq)
        for context, seqs in found.items()
        if isinstance(seqs, list)
        for seq in seqs
        if _whole(seq) is not None
    }


def add_retired(directory: Path, number: int, photos: Sequence[Identity]) -> None:
    """Record sent photos of a boot that are about to be deleted, and their boot-times. Raises OSError."""
    by_context: dict[str, list[int]] = {}
    for photo in photos:
        by_context.setdefault(photo.context, []).append(photo.seq)
    taken_ms = {photo.seq: photo.boottime_ms for photo in photos}
    _append(directory, number, {"retired": by_context, "boottime_ms": max(taken_ms.values()), "taken_ms": taken_ms})


def add_start(directory: Path, number: int, service: str, boottime_ms: int, next_seq: int) -> None:
    """Record a service's start and the first photo number it may use. Raises OSError."""
    _append(directory, number, {"start": service, "boottime_ms": boottime_ms, "next_seq": next_seq})


def add_ready(directory: Path, number: int, ready_ms: int) -> None:
    """Record how long the booth's start took. Raises OSError."""
    _append(directory, number, {"ready_ms": ready_ms})


def add_composition(directory: Path, number: int, composition: Composition) -> None:
    """Record what is composed of photos, before the first of them. Raises OSError."""
    line = vars(composition)
    _append(directory, number, line if composition.shots else {key: line[key] for key in line if key != "shots"})


def add_anchor(directory: Path, number: int, anchor: Anchor, *, in_use: bool = False) -> None:
    """Record an anchor, or the anchor whose offset an upload is using. Raises OSError."""
    _append(directory, number, vars(anchor) | ({"in_use": True} if in_use else {}))


def _append(directory: Path, number: int, line: dict[str, Any]) -> None:
    path = path_of(directory, number)
    if not directory.is_dir():  # somebody has tidied up
        durable.make_directories(directory)
    with durable.lock(directory / LOCK, wait=True):  # a wipe may be writing the file anew
        if not _is_file(path):
            durable.replace(path, b"", durable.SHARED_FILE_MODE)
        durable.append_line(path, json.dumps(line))


def _is_file(path: Path) -> bool:
    """Whether a file is there. Raises OSError when the card does not say."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
