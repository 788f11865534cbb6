"""Folders of the spool and the photos in them, also those that a person put there.

A folder or file that is not ours is ignored, named once in the log and never followed. A folder that can't be read
holds up nothing: the others are listed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from piboothup.spool import durable
from piboothup.spool.names import BY_HAND, PhotoName, is_boot_folder

log = logging.getLogger(__name__)

TMP, NEW, SENT, PARKED, QUARANTINE = "tmp", "new", "sent", "parked", "quarantine"
HELD, KEPT, WITHDRAWN = "held", "kept", "withdrawn"
CONTEXTS, BOOTS = "contexts", "boots"
FOLDERS = (TMP, NEW, SENT, PARKED, QUARANTINE, CONTEXTS, BOOTS)
"""Folders of every spool."""
FOLDERS_OF_2 = (HELD, KEPT, WITHDRAWN)
"""Folders of layout 2: each is made for its first photo."""
PLACES = (NEW, SENT, PARKED, QUARANTINE, *FOLDERS_OF_2, TMP)
"""Where photos lie. They are renamed between these folders, so all must be on one mount."""
WAITING = (HELD, NEW, PARKED)
"""Where photos lie that the album is to have."""
COMMITTED = tuple(place for place in PLACES if place != TMP)
"""Where photos lie that were saved."""
PROBE, TEST_PHOTO = ".probe", ".test-photo"
"""Files that only check whether the card can be written, the test photo in new/ too; they are no photos."""
BY_BOOT = (NEW, SENT, HELD, KEPT)
"""Where each boot has a folder of its own."""


class Listing:
    """The photos in the folders of one spool."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._foreign: set[str] = set()

    def path(self, name: PhotoName, place: str) -> Path:
        """Where the photo lies, or would lie, in `place`."""
        folder = self._directory / place
        return folder / name.folder / str(name) if place in BY_BOOT else folder / str(name)

    def photos(self, place: str) -> Iterator[PhotoName]:
        """The photos in `place`, in no order, each once."""
        strays: list[PhotoName] = []
        for entry in self._entries(self._directory / place):
            if entry.is_dir(follow_symlinks=False) and place in BY_BOOT and is_boot_folder(entry.name):
                for inner in self._entries(Path(entry.path)):
                    name = self._photo(inner)
                    if name is not None and name.folder == entry.name:
                        yield name
            elif (name := self._photo(entry)) is not None:
                if place in BY_BOOT:
                    strays.append(name)  # moved now it might be listed again, as a disk likes
                else:
                    yield name
        yield from (name for name in strays if self._put_in_folder(name, place))

    def of_boot(self, place: str, boot: int) -> Iterator[PhotoName]:
        """The photos of one boot in `place`; in tmp/ those that are being written."""
        folder = self._directory / place
        for entry in self._entries(folder / f"{boot:04d}" if place in BY_BOOT else folder):
            name = PhotoName.parse(entry.name.removesuffix(".part"))
            if name is not None and name.boot == boot:
                yield name

    def test_photos(self) -> Iterator[Path]:
        """Each path at which a test photo may lie."""
        yield self._directory / TMP / TEST_PHOTO
        for entry in self._entries(self._directory / NEW):
            if is_boot_folder(entry.name) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path) / TEST_PHOTO

    def highest_boot(self) -> int:
        """The highest boot number in any name; 0 = none."""
        highest = 0
        for place in PLACES:
            for entry in self._entries(self._directory / place):
                name = PhotoName.parse(entry.name.removesuffix(".part"))
                number = name.boot if name is not None else int(entry.name) if is_boot_folder(entry.name) else 0
                if number < BY_HAND:
                    highest = max(highest, number)
        return highest

    def changed_ns(self, place: str) -> tuple[int, ...]:
        """When names last came to or left each folder of `place` (or a file was written); () = never.

        The latest of these alone would hide all changes after the clock was set back.
        """
        folders = [self._directory / place]
        try:
            if place in BY_BOOT:
                folders += [path for path in folders[0].iterdir() if is_boot_folder(path.name)]
            return tuple(folder.lstat().st_mtime_ns for folder in folders)
        except OSError:
            return ()

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as listing:
                yield from listing
        except FileNotFoundError:
            return
        except OSError as error:
            self._ignore(str(folder), error.strerror or "unreadable")

    def _photo(self, entry: os.DirEntry[str]) -> PhotoName | None:
        name = PhotoName.parse(entry.name)
        if name is None or not entry.is_file(follow_symlinks=False):
            if not entry.name.endswith((".part", ".txt", TEST_PHOTO)):
                self._ignore(entry.path, "not a photo of ours")
            return None
        return name

    def _put_in_folder(self, name: PhotoName, place: str) -> bool:
        """Move a photo that a person put into new/ or sent/ to its boot's folder."""
        stray, target = self._directory / place / str(name), self.path(name, place)
        try:
            if target.exists():
                self._ignore(str(stray), "there twice")
                return False
            durable.make_directories(target.parent)
            durable.move(stray, target)
        except OSError as error:
            self._ignore(str(stray), error.strerror or "unmovable")
            return False
        return True

    def _ignore(self, path: str, reason: str) -> None:
        if path not in self._foreign:
            self._foreign.add(path)
            log.warning("ignored path=%r reason=%s", path, reason)
