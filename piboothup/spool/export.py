"""`queue export`: copies of all photos on a card, in a folder per event, under names for people.

    Summer Party/2026-06-20 21.14.05 Booth 1 7F3K 0143.jpg        the box's 143rd photo of the event
    Summer Party/time unknown 0143.jpg                            when nobody can say when it was taken
    No event n12ab34c/…                                           taken before an event was chosen
    Damaged/…                                                     bytes that are not those that were saved

Copies, never moves, and writes nothing to the spool: the card may be another box's, mounted read-only. Every copy is
read back from the medium and compared. A photo that is in its folder already, under whichever name, is left alone, so
that a broken-off export goes on where it stopped, also when a photo's time or number was learned meanwhile; a file
that is there with other bytes is replaced only when it is a broken copy, else the photo takes a longer name.

A number is the photo's place among all that were taken for its event, those that made room for others included. A
photo that fails its hash, one in quarantine too, is never among the others: it is copied as it is into "Damaged".
What a power cut left whole in tmp/ is a photo; what it left half is not copied.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from piboothup.spool import durable, intention, inventory
from piboothup.spool.inventory import Attribution, Inventory, Item
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT, TMP, open_file
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.store import Spool

DAMAGED_FOLDER = "Damaged"
_PART = ".piboothup.part"
_LONGEST_TITLE = 80
_LONGEST_TITLE_BYTES = 160
"""A name may have 255 bytes (ext4) or 255 UTF-16 units (FAT), a path on Windows 260 letters."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_BROKEN_NAME = (errno.EINVAL, errno.EILSEQ)


class ExportError(RuntimeError):
    """The copy can't be made or is not true; the text is a sentence with a remedy."""


@dataclass
class Exported:
    """What an export did."""

    copied: int = 0
    there: int = 0
    damaged: list[str] = field(default_factory=list)
    """The photos that are not what was saved, or can't be read."""


def export(
    spool: Spool, target: Path, booth_name: str, zone: tzinfo = UTC, told: Callable[[int, int], None] | None = None
) -> Exported:
    """Copies every photo of the spool to `target`. `told(done, total)` reports progress. Raises ExportError."""
    try:
        inside = target.resolve().is_relative_to(spool.directory.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        raise ExportError(f"{target} can't be followed ({error}): name another folder.") from None
    if inside:
        raise ExportError(f"{target} lies in the spool itself: name a folder on a stick or another disk.")
    found = inventory.look(spool.directory)
    shelf = _Shelf(spool, found, target, booth_name, zone)
    done = Exported(damaged=[f"{one.filename} can't be listed ({one.strerror})" for one in found.unreadable])
    photos = shelf.photos()
    for number, (name, items) in enumerate(photos.items(), start=1):
        _export_one(spool, shelf, name, items, done)
        if told is not None:
            told(number, len(photos))
    return done


def _export_one(spool: Spool, shelf: _Shelf, name: PhotoName, items: list[Item], done: Exported) -> None:
    content, reason = _read(spool, name, items)
    if content is None:
        done.damaged += [f"{name.file_name} can't be read ({reason})"] if reason else []
        return
    intact = digest_of(content) == name.digest
    if not intact and all(one.place == TMP for one in items):
        return
    if not intact:
        done.damaged.append(f"{name.file_name} has changed on the card")
    if content and shelf.folder(name, intact=intact).put(content, *shelf.file_names(name)[not intact :]):
        done.copied += intact
    else:
        done.there += intact


def _read(spool: Spool, name: PhotoName, items: list[Item]) -> tuple[bytes | None, str]:
    """The photo's bytes, whole ones before others; without any the reason, empty when it was deleted meanwhile."""
    # The uploader may hand it on while we look, but only in this direction.
    moved = [spool.path(name, place) for place in (NEW, PARKED, QUARANTINE, SENT)]
    best, reason = None, ""
    for path in [*(one.path for one in items), *moved]:
        try:
            with open_file(path) as file:
                content = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            reason = error.strerror or "unreadable"
            continue
        if digest_of(content) == name.digest:
            return content, ""
        best = content if best is None else best
    return best, reason


class _Shelf:
    """Where each photo goes, and under which name."""

    def __init__(self, spool: Spool, found: Inventory, target: Path, booth_name: str, zone: tzinfo) -> None:
        self._spool = spool
        self._found = found
        self._target = target
        self._zone = zone
        self._attribution = Attribution(spool.directory)
        self._folders: dict[str, _Folder] = {}
        self._plain = not _takes_every_letter(target)
        self._booth = self._safe(booth_name)
        self._numbers: dict[str, dict[tuple[int, int], int]] = {}
        self._titles = self._number_and_name()

    def photos(self) -> dict[PhotoName, list[Item]]:
        """Each photo once, as it was taken, with every place where it lies. None that a wipe is about to delete."""
        standing, photos = intention.read(self._spool.directory), defaultdict(list)
        for item in self._found.of(NEW, SENT, PARKED, QUARANTINE, TMP):
            if standing is None or not standing.covers(item.name):
                photos[item.name].append(item)
        return dict(photos)

    def folder(self, name: PhotoName, *, intact: bool) -> _Folder:
        """The photo's folder, as it is now."""
        title = self._titles[self._attribution.event_of(name)] if intact else DAMAGED_FOLDER
        if title not in self._folders:
            self._folders[title] = _Folder(self._target / title, self._spool.directory)
        return self._folders[title]

    def file_names(self, name: PhotoName) -> tuple[str, str]:
        """The photo's name, and a longer one for when a stranger has it."""
        try:
            unix_ms = self._spool.taken_at_ms(name)
        except OSError:
            unix_ms = None
        number = self._numbers[self._attribution.event_of(name)][name.order]
        if unix_ms is None:
            short = f"time unknown {number:04d}"
        else:
            when = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=unix_ms)
            short = f"{when.astimezone(self._zone):%Y-%m-%d %H.%M.%S} {self._booth} {name.box} {number:04d}"
        return f"{short}.jpg", f"{short} {name.file_name.removesuffix('.jpg')}.jpg"

    def _number_and_name(self) -> dict[str, str]:
        """Numbers every event's photos; a folder name for every event, no two the same to a FAT file system."""
        taken: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for item in self._found.items:
            taken[self._attribution.event_of(item.name)].add(item.name.order)
        for context_id, boot, seq in inventory.retired(self._spool.directory):
            taken[self._attribution.event(context_id, boot, seq)].add((boot, seq))
        titles: dict[str, str] = {}
        used = {DAMAGED_FOLDER.casefold()}
        for event in sorted(taken, key=lambda event: (min(taken[event]), event)):
            self._numbers[event] = {order: number for number, order in enumerate(sorted(taken[event]), start=1)}
            title = self._safe(self._attribution.title(event))
            if title.casefold() in used:
                title = f"{title} {self._safe(event)}"
            titles[event] = title
            used.add(title.casefold())
        return titles

    def _safe(self, text: str) -> str:
        return safe(_without_accents(text) if self._plain else text)


class _Folder:
    """One folder of copies."""

    def __init__(self, path: Path, spool: Path) -> None:
        """Makes the folder and looks at what it holds. Raises ExportError."""
        self._path = path
        self._sizes: dict[int, list[Path]] = defaultdict(list)
        self._claimed: set[Path] = set()
        try:
            path.mkdir(parents=True, exist_ok=True)
            if path.resolve().is_relative_to(spool.resolve()):
                raise ExportError(f"{path} lies in the spool itself: name another folder.")
            (path / _PART).unlink(missing_ok=True)  # what a broken-off export left is no copy
            with os.scandir(path) as listing:
                for entry in listing:
                    if entry.is_file(follow_symlinks=False):
                        self._sizes[entry.stat().st_size].append(Path(entry.path))
        except OSError as error:
            raise _unwritable(path, error) from None

    def put(self, content: bytes, *names: str) -> bool:
        """Copies a photo under the first of the names that is free; False when it is there. Raises ExportError."""
        wanted = [self._path / name for name in names]
        try:
            for path in dict.fromkeys([*wanted, *self._sizes.get(len(content), ())]):
                if path not in self._claimed and _holds(path, content):
                    self._claimed.add(path)
                    return False
            free = [one for one in wanted if one not in self._claimed and _is_free(one, content)]
            path = free[0] if free else wanted[-1]
            _copy(content, path, self._path / _PART)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._claimed.add(path)
        return True


def _holds(path: Path, content: bytes) -> bool:
    """Whether the file has exactly these bytes: on the medium, not in the page cache."""
    try:
        file = open_file(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EINVAL):
            return False
        raise
    with file:
        if os.fstat(file.fileno()).st_size != len(content):
            return False
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read() == content


def _is_free(path: Path, content: bytes) -> bool:
    """Whether the name is not taken, or only by a part of this very photo that a pulled stick left."""
    try:
        with open_file(path) as file:
            return os.fstat(file.fileno()).st_size <= len(content) and content.startswith(file.read().rstrip(b"\0"))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _copy(content: bytes, path: Path, part: Path) -> None:
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not _holds(part, content):
            raise ExportError(f"The copy {path} does not read back as it was written: use another stick or disk.")
        part.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _unwritable(path: Path, error: OSError) -> ExportError:
    remedy = "name a folder that you may write"
    if error.errno in durable.FULL:
        remedy = "free some room there and run it again; it goes on where it stopped"
    return ExportError(f"{path} can't be written ({error.strerror or error}): {remedy}.")


def safe(text: str) -> str:
    """A title as a folder's name on any file system, FAT included."""
    plain = inventory.printable(unicodedata.normalize("NFC", text))
    plain = re.sub(r'[\\/:*?"<>|]', "-", plain).strip(" .")[:_LONGEST_TITLE]
    plain = plain.encode("utf-8", "ignore")[:_LONGEST_TITLE_BYTES].decode("utf-8", "ignore").strip(" .")
    return f"{plain}_" if _RESERVED.fullmatch(plain) else plain or "Untitled"


def _without_accents(text: str) -> str:
    """The text in ASCII, for a FAT file system that was mounted without Unicode."""
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("–", "-"))
    return "".join(one if one.isascii() else "_" for one in apart if not unicodedata.combining(one))


def _takes_every_letter(target: Path) -> bool:
    """Whether files there can have any name. Raises ExportError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        probe = target / f"{_PART} äЖ"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in _BROKEN_NAME:
            return False
        raise _unwritable(target, error) from None
    return True
