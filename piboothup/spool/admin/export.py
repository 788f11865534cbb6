"""`queue export`: copies of all photos on a card, in a folder per event, under readable names.

    Summer Party/2026-06-20 21.14.05 Booth 1 7F3K 0143.jpg        the box's 143rd photo of the event
    Summer Party/time unknown 0143.jpg                            when its time is unknown
    No event n12ab34c/…                                           taken before an event was chosen
    Damaged/…                                                     bytes that fail their hash

Copies, never moves, and writes nothing to the spool: the card may be another box's, mounted read-only. A broken-off
export goes on where it stopped (see `export_target`), also when a photo's time or number was learned meanwhile. A
copy whose name another file has gets a longer name. Its file's time is the capture time, where that is known.

A number is the photo's place among all that were taken for its event, with those that were deleted to make room. A
photo that fails its hash, in quarantine or not, is copied as it is into "Damaged". A photo in tmp/ that a power cut
left whole is copied, one that it left cut is not.

While the booth runs, a fresh photo in held/ is not copied: its guest may still take it back. Its turn comes last, and
it is copied if it has left held/ by then. One that lies there for long can't leave, as on a card that is read-only.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from piboothup.records import dataclass, field
from piboothup.spool import durable, wipe_journal
from piboothup.spool.admin import export_target, inventory
from piboothup.spool.admin.export_target import ExportError, ExportTarget, TargetFolder
from piboothup.spool.admin.inventory import Attribution, Inventory, SpoolFile
from piboothup.spool.capture_time import boots
from piboothup.spool.listing import BOOTS, HELD, KEPT, NEW, PARKED, PLACES, QUARANTINE, SENT, TMP, WITHDRAWN
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.store import Spool
from piboothup.text import one_line, open_file

DAMAGED_FOLDER = "Damaged"
_TAKEN_BACK_WITHIN_MS = 300_000
"""Age up to which a photo may still be taken back, milliseconds: at most a series of shots and `take_back_s`."""
_READ_AHEAD = 2
"""Photos that are read and checked while one is copied."""
_LONGEST_TITLE = 80
_LONGEST_TITLE_BYTES = 160
"""Bytes. A name may have 255 bytes (ext4) or 255 UTF-16 units (FAT), a path on Windows 260 letters."""
_HANDED_ON = (NEW, KEPT, PARKED, QUARANTINE, SENT)
"""Where the services may move a photo meanwhile; not withdrawn/."""
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³])(\..*)?", re.IGNORECASE)
"""Device names of Windows, with any suffix; drivers of exFAT and NTFS refuse them too."""


@dataclass
class Exported:
    """Result of an export."""

    copied: int = 0
    already_there: int = 0
    damaged: list[str] = field(default_factory=list)
    """Sentences about photos that fail their hash or can't be read."""
    held: int = 0
    """Photos left out because the booth still holds them."""
    foreign_files: dict[str, int] = field(default_factory=dict)
    """Pictures by folder that were there before: another box's, or another event's with that title."""
    is_on_own_card: bool = field(default=False, compare=False)
    """Whether the copies lie on the disk of the photos, so that they are none against its loss."""
    is_in_memory: bool = field(default=False, compare=False)
    """Whether the copies are gone at power-off."""


def export(
    spool: Spool,
    target: Path,
    booth_name: str,
    zone: tzinfo = UTC,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    keep_free_bytes: int = 0,
    link_id: str | None = None,
    done: Exported | None = None,
) -> Exported:
    """Copy every photo of the spool, or of one event, to `target`. Raises ExportError, and what `on_progress` raises.

    `on_progress(done, total)` is called after each photo; the last few may not be confirmed by then.
    `keep_free_bytes` stay free on the spool's own card, should the target be on it.
    `link_id`: of the event, "" for photos that are known to have none. `done`: is returned, and holds also at an
    error what is confirmed.
    """
    done = Exported() if done is None else done
    with export_target.opened(target, spool.directory, keep_free_bytes) as opened:
        done.is_on_own_card, done.is_in_memory = opened.is_own_card, opened.is_in_memory()
        found = inventory.take_inventory(spool.directory)
        done.damaged += [f"{error.filename} can't be listed ({error.strerror})" for error in found.unreadable]
        with contextlib.closing(_ExportPlan(spool, found, opened, booth_name, zone, done)) as plan:
            photos = plan.photos(link_id)
            for number, (name, items, read) in enumerate(_read_ahead(plan, photos), start=1):
                _export_one(plan, name, items, read, done)
                if on_progress is not None:
                    on_progress(number, len(photos))
            plan.confirm()
            done.foreign_files = plan.foreign_files()
    return done


def count(spool: Spool, link_id: str) -> int:
    """Number of photos that `export` would copy of this event. Raises OSError."""
    found, attribution = inventory.take_inventory(spool.directory), Attribution(spool.directory)
    return len(_photos(spool, found, attribution, link_id))


def _photos(
    spool: Spool, found: Inventory, attribution: Attribution, link_id: str | None
) -> dict[PhotoName, list[SpoolFile]]:
    """Each photo with all its files, in the order taken, held ones last.

    Without those withdrawn, or that a wipe will delete.
    """
    journal, photos = wipe_journal.read(spool.directory), defaultdict(list)
    left_out = (WITHDRAWN, TMP) if _booth_runs(spool) else (WITHDRAWN,)
    for item in found.of(*(place for place in PLACES if place not in left_out)):
        if journal is None or not journal.covers(item.name):
            photos[item.name].append(item)

    def is_of_event(name: PhotoName) -> bool:
        context = attribution.context_of(name)
        return context is not None and context.link_id == link_id

    wanted = [photo for photo in photos.items() if link_id is None or is_of_event(photo[0])]
    return dict(sorted(wanted, key=lambda photo: any(item.place == HELD for item in photo[1])))


def _booth_runs(spool: Spool) -> bool:
    """Whether a booth is at work on this spool; then tmp/ and held/ have photos that are not settled."""
    return durable.is_locked(durable.lock_file(spool.directory, "booth"))


def _read_ahead(
    plan: _ExportPlan, photos: dict[PhotoName, list[SpoolFile]]
) -> Iterator[tuple[PhotoName, list[SpoolFile], _Read]]:
    """Read each photo while the one before is copied; a held one, which may be taken back, not before its turn."""
    held = {name: items for name, items in photos.items() if any(item.place == HELD for item in items)}
    with ThreadPoolExecutor(1, "export") as reader:
        waiting: deque[tuple[PhotoName, list[SpoolFile], Future[_Read]]] = deque()
        for photo in (name for name in photos if name not in held):
            waiting.append((photo, photos[photo], reader.submit(plan.read, photo, photos[photo])))
            if len(waiting) > _READ_AHEAD:
                name, items, future = waiting.popleft()
                yield name, items, future.result()
        for name, items, future in waiting:
            yield name, items, future.result()
    for name, items in held.items():
        yield name, items, plan.read(name, items)


def _export_one(plan: _ExportPlan, name: PhotoName, items: list[SpoolFile], read: _Read, done: Exported) -> None:
    content, intact = read.content, read.is_intact
    done.held += read.is_held
    if content is None:
        done.damaged += [f"{name.file_name} can't be read ({read.reason})"] if read.reason else []
        return
    if not intact and all(item.place == TMP for item in items):
        return
    if not intact:
        done.damaged.append(f"{name.file_name} has changed on the card")
    taken_ms = plan.taken_ms(name)
    names = plan.file_names(name, taken_ms)[not intact :]
    if content and plan.folder(name, intact=intact).put(content, *names, taken_ms=taken_ms):
        done.copied += intact
    else:
        done.already_there += intact


@dataclass(frozen=True)
class _Read:
    """What was read of a photo."""

    content: bytes | None
    """None: nothing."""
    is_intact: bool = False
    reason: str = ""
    """Why there is nothing; "" when it was deleted meanwhile."""
    is_held: bool = False
    """The booth still holds it."""


class _ExportPlan:
    """Folder and file name of each photo's copy."""

    def __init__(
        self,
        spool: Spool,
        found: Inventory,
        target: ExportTarget,
        booth_name: str,
        zone: tzinfo,
        done: Exported,
    ) -> None:
        self._done = done
        self._spool = spool
        self._found = found
        self._target = target
        self._zone = zone
        self._attribution = Attribution(spool.directory)
        self._folders: dict[str, TargetFolder] = {}
        self._highest_letter = target.highest_letter()
        self._booth = self._safe(booth_name)
        self.booth_runs = _booth_runs(spool)
        self._numbers: dict[str, dict[tuple[int, int], int]] = {}
        self._titles = self._number_and_name()

    def photos(self, link_id: str | None) -> dict[PhotoName, list[SpoolFile]]:
        """The photos to copy, with all their files."""
        return _photos(self._spool, self._found, self._attribution, link_id)

    def read(self, name: PhotoName, items: list[SpoolFile]) -> _Read:
        """The photo's bytes, intact ones if any."""
        if self.booth_runs and os.path.lexists(self._spool.path(name, HELD)) and self._is_fresh(name):
            return _Read(None, is_held=True)
        moved = [self._spool.path(name, place) for place in _HANDED_ON]
        best, reason = None, ""
        for path in [*(item.path for item in items), *moved]:
            try:
                with open_file(path) as file:
                    content = file.read()
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or "unreadable"
                continue
            if digest_of(content) == name.digest:
                return _Read(content, is_intact=True)
            best = content if best is None else best
        return _Read(best, reason=reason)

    def _is_fresh(self, name: PhotoName) -> bool:
        """Whether the photo was taken since this power-on, and so lately that its guest may take it back."""
        clock = self._spool.clock
        if self._spool.read_boot(name.boot).boot_id != clock.boot_id():
            return False
        return clock.boottime_ns() // 1_000_000 - name.boottime_ms < _TAKEN_BACK_WITHIN_MS

    def confirm(self) -> None:
        """Confirm all copies. Raises ExportError."""
        for folder in self._folders.values():
            folder.confirm()

    def close(self) -> None:
        """Confirm what can be, after an error too; remove the rest, and count it no more."""
        for title, folder in self._folders.items():
            with contextlib.suppress(ExportError):
                folder.confirm()
            dropped = folder.drop()
            self._done.copied -= 0 if title == DAMAGED_FOLDER else dropped

    def folder(self, name: PhotoName, *, intact: bool) -> TargetFolder:
        """The folder for the photo's copy, made if need be."""
        event = self._attribution.event_of(name)
        title = self._titles[event] if intact else DAMAGED_FOLDER
        if title not in self._folders:
            self._folders[title] = self._target.folder(title, f"Event {safe(event)}")
        return self._folders[title]

    def foreign_files(self) -> dict[str, int]:
        """Number of pictures by folder that were there before."""
        return {title: folder.foreign_files for title, folder in self._folders.items() if folder.foreign_files}

    def taken_ms(self, name: PhotoName) -> int | None:
        """Capture time in Unix milliseconds; None when unknown."""
        try:
            return self._spool.taken_at_ms(name)
        except OSError:
            return None

    def file_names(self, name: PhotoName, taken_ms: int | None) -> tuple[str, str]:
        """The copy's name, and a longer one in case another file has it."""
        number = self._numbers[self._attribution.event_of(name)][name.order]
        if taken_ms is None:
            short = f"time unknown {number:04d}"
        else:
            when = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=taken_ms)
            short = f"{when.astimezone(self._zone):%Y-%m-%d %H.%M.%S} {self._booth} {name.box} {number:04d}"
        return f"{short}.jpg", f"{short} {name.file_name.removesuffix('.jpg')}.jpg"

    def _number_and_name(self) -> dict[str, str]:
        """Number each event's photos; return a folder name per event, unique on a FAT file system."""
        taken: dict[str, set[tuple[int, int]]] = defaultdict(set)
        items = (item for item in self._found.items if item.place != WITHDRAWN)
        for photo in (*(item.name for item in items), *boots.retired(self._spool.directory / BOOTS)):
            taken[self._attribution.event_of(photo)].add(photo.order)
        titles: dict[str, str] = {}
        used = {DAMAGED_FOLDER.casefold()}
        for event in sorted(taken, key=lambda event: (min(taken[event]), event)):
            self._numbers[event] = {order: number for number, order in enumerate(sorted(taken[event]), start=1)}
            plain = title = self._safe(self._attribution.title(event))
            for more in ("", *(f" {number}" for number in range(2, len(taken) + 2))):
                if title.casefold() not in used:
                    break
                title = f"{plain} {self._safe(event)}{more}"
            titles[event] = title
            used.add(title.casefold())
        return titles

    def _safe(self, text: str) -> str:
        return safe(_with_letters(text, self._highest_letter))


def safe(text: str) -> str:
    """A title as a folder's name on any file system, FAT included."""
    plain = one_line(unicodedata.normalize("NFC", text))
    plain = re.sub(r'[\\/:*?"<>|]', "-", plain).strip(" .")[:_LONGEST_TITLE]
    plain = plain.encode("utf-8", "ignore")[:_LONGEST_TITLE_BYTES].decode("utf-8", "ignore").strip(" .")
    reserved = _RESERVED.fullmatch(plain)
    return f"{reserved[1]}_{reserved[2] or ''}" if reserved else plain or "Untitled"


def _with_letters(text: str, highest: int) -> str:
    """The text with letters up to this code point; in ASCII, without accents, if that is no more than ASCII's."""
    if highest < 0x80:
        apart = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("–", "-"))
        text = "".join(char for char in apart if not unicodedata.combining(char))
    return "".join(char if ord(char) <= highest else "_" for char in text)
