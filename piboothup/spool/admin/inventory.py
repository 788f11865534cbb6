"""Inventory of everything in a spool, read-only: for the commands that copy, assign and wipe.

Unlike `Spool.names` it finds photos wherever a person put them, moves nothing (the card may be another box's, mounted
read-only) and hides nothing. It follows no link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from piboothup.records import dataclass, field
from piboothup.spool import contexts, event_titles, layout_version
from piboothup.spool.contexts import Context, ContextRecord
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import BY_BOOT, CONTEXTS, NEW, PLACES, PROBE, TEST_PHOTO, TMP
from piboothup.spool.names import Identity, PhotoName, is_boot_folder

_PART = ".part"


@dataclass(frozen=True)
class SpoolFile:
    """A photo's file. In tmp/ it is a part, whole or not."""

    name: PhotoName
    place: str
    path: Path


@dataclass
class Inventory:
    """The spool's files at one moment."""

    items: list[SpoolFile] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    """Files that are no photos of ours."""
    unreadable: list[OSError] = field(default_factory=list)
    """Folders that could not be listed."""

    def complete(self) -> Inventory:
        """Itself, when every folder could be listed. Raises OSError."""
        if self.unreadable:
            raise self.unreadable[0]
        return self

    def of(self, *places: str) -> list[SpoolFile]:
        """The photos in these folders, in the order in which they were taken."""
        return sorted((item for item in self.items if item.place in places), key=lambda item: item.name.order)


def check(directory: Path) -> None:
    """Check that there is a spool, with a known layout. Raises SpoolUnusable."""
    layout_version.check(directory)
    if not (directory / NEW).is_dir():
        raise SpoolUnusable(f"There is no spool in {directory}: it would hold a folder `new`.")


def take_inventory(directory: Path) -> Inventory:
    """List every folder of the spool."""
    found = Inventory()
    for place in PLACES:
        found.foreign += directory.glob(f"{place}.file-*")  # from `layout_version.make_folders`
        if (directory / place).is_symlink():
            found.foreign.append(directory / place)
            continue
        for path in _files(directory / place, found, deep=place in BY_BOOT):
            name = PhotoName.parse(path.name.removesuffix(_PART) if place == TMP else path.name)
            if name is not None:
                found.items.append(SpoolFile(name, place, path))
            elif photo_beside(path.name) is None and path.name not in (PROBE, TEST_PHOTO):
                found.foreign.append(path)
    return found


def _files(folder: Path, found: Inventory, *, deep: bool) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except FileNotFoundError:
        return
    except OSError as error:
        found.unreadable.append(error)
        return
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        elif deep and is_boot_folder(entry.name) and entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), found, deep=False)
        else:
            found.foreign.append(Path(entry.path))


def photo_beside(name: str) -> str | None:
    """The photo's name without its ending, when `name` is the file that `handover.park` writes beside it.

    The unfinished new version of that file, which a power cut leaves, counts too.
    """
    stem, ending, rest = name.removeprefix(".").partition(".txt")
    fits = ending and (not rest or rest[1:].isdecimal()) and PhotoName.parse(f"{stem}.jpg")
    return stem if fits else None


class Attribution:
    """The event of each photo of a spool, and its title."""

    def __init__(self, directory: Path) -> None:
        self._contexts = directory / CONTEXTS
        self._titles = {event.link_id: event.title for event in event_titles.read(directory)}
        self._entries: dict[str, ContextRecord] = {}

    def entry(self, context_id: str) -> ContextRecord:
        """The context with its assignments; read once."""
        if context_id not in self._entries:
            self._entries[context_id] = contexts.read_record(self._contexts, context_id)
        return self._entries[context_id]

    def context_of(self, photo: Identity) -> Context | None:
        """The event and album of this photo, as `contexts.read_record` has it."""
        return self.entry(photo.context).context_of(photo.order)

    def event_of(self, photo: Identity) -> str:
        """Key of the photo's event: its linkId, else the context's id."""
        context = self.context_of(photo)
        return context.link_id if context is not None and context.link_id else photo.context

    def title(self, event: str) -> str:
        """The event's title as last seen, else its linkId; for a context without event words and its id."""
        if event in self._titles:
            return self._titles[event] or event
        entry = self._entries.get(event)
        if entry is None:
            return event
        return f"No event {event}" if entry.own is not None and not entry.own.link_id else f"Unknown event {event}"


def context_ids(directory: Path) -> set[str]:
    """Ids of all contexts that have a file, also one that a power cut left half done."""
    try:
        return {path.name.removeprefix(".").split(".")[0] for path in (directory / CONTEXTS).iterdir()}
    except OSError:
        return set()
