"""What lies in the spool: the folders, and the photos in them, whoever put them there.

A folder or file that is not ours is ignored, named once in the log and never followed. A folder that can't be read
holds up nothing: the others are listed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from piboothup.spool import durable
from piboothup.spool.names import BY_HAND, PhotoName, digest_of, is_boot_folder

log = logging.getLogger(__name__)

TMP, NEW, SENT, PARKED, QUARANTINE = "tmp", "new", "sent", "parked", "quarantine"
CONTEXTS, BOOTS = "contexts", "boots"
FOLDERS = (TMP, NEW, SENT, PARKED, QUARANTINE, CONTEXTS, BOOTS)
PROBE, TEST_PHOTO = ".probe", ".test-photo"
"""What is written only to see whether the card takes it, a test photo in a boot's folder of new/ too: no names of
photos."""
_BLOCK_BYTES = 1024 * 1024
_BY_BOOT = (NEW, SENT)
"""Where each boot has a folder of its own."""


def open_file(path: Path) -> io.BufferedReader:
    """A file of the spool, for reading. Raises OSError, also for a link, a pipe or whatever else is no file."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file", str(path))
    return file


def matches_digest(path: Path, name: PhotoName) -> bool:
    """Whether the file there has the bytes that the name tells. Raises OSError only when it can't be read."""
    try:
        with open_file(path) as file:
            return digest_of(file.read()) == name.digest
    except FileNotFoundError:
        return False


class Damaged(OSError):
    """The file's bytes are not those that its name tells."""


class VerifyingReader(io.BufferedReader):
    """A photo's file that gives its last bytes only when all of them, from its start on, are those of its name.

    So what is read to the end is the photo that was committed. Reading raises Damaged in place of the last bytes.
    """

    def __init__(self, file: io.BufferedReader, name: PhotoName) -> None:
        super().__init__(file.detach())
        self.size_bytes = os.fstat(self.fileno()).st_size
        self._name = name
        self._digest = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does. Raises Damaged in place of the last bytes."""
        block = super().read(size)
        self._digest.update(block)
        is_end = not block or self.tell() >= self.size_bytes
        if is_end and not self._digest.hexdigest().startswith(self._name.digest):
            raise Damaged(errno.EBADMSG, "not the bytes that were committed", str(self._name))
        return block

    def verify(self, is_stopped: Callable[[], bool]) -> None:
        """Reads all of it and goes back to its start. Raises OSError, Damaged; InterruptedError when stopped."""
        while self.read(_BLOCK_BYTES):
            if is_stopped():
                raise InterruptedError
        self.seek(0)

    def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
        """Seek, and start the digest anew: only a read from the start on can be verified."""
        self._digest = hashlib.sha256()
        return super().seek(target, whence)


class Listing:
    """The photos in the folders of one spool."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._foreign: set[str] = set()

    def path(self, name: PhotoName, place: str) -> Path:
        """Where the photo lies, or would lie, in `place`."""
        folder = self._directory / place
        return folder / name.folder / str(name) if place in _BY_BOOT else folder / str(name)

    def photos(self, place: str) -> Iterator[PhotoName]:
        """The photos in `place`, in no order, each once."""
        strays: list[PhotoName] = []
        for entry in self._entries(self._directory / place):
            if entry.is_dir(follow_symlinks=False) and place in _BY_BOOT and is_boot_folder(entry.name):
                for inner in self._entries(Path(entry.path)):
                    name = self._photo(inner)
                    if name is not None and name.folder == entry.name:
                        yield name
            elif (name := self._photo(entry)) is not None:
                if place in _BY_BOOT:
                    strays.append(name)  # moved now it might be listed again, as a disk likes
                else:
                    yield name
        yield from (name for name in strays if self._put_in_folder(name, place))

    def of_boot(self, place: str, boot: int) -> Iterator[PhotoName]:
        """The photos of one boot in `place`; in tmp/ those that are being written."""
        folder = self._directory / place
        for entry in self._entries(folder / f"{boot:04d}" if place in _BY_BOOT else folder):
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
        for place in (TMP, NEW, SENT, PARKED, QUARANTINE):
            for entry in self._entries(self._directory / place):
                name = PhotoName.parse(entry.name.removesuffix(".part"))
                number = name.boot if name is not None else int(entry.name) if is_boot_folder(entry.name) else 0
                if number < BY_HAND:
                    highest = max(highest, number)
        return highest

    def changed_ns(self, place: str) -> int:
        """When names last came to or left `place` (or a file was written); 0 = never."""
        folders = [self._directory / place]
        try:
            if place in _BY_BOOT:
                folders += [path for path in folders[0].iterdir() if is_boot_folder(path.name)]
            return max(folder.lstat().st_mtime_ns for folder in folders)
        except OSError:
            return 0

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
        """A photo laid into new/ or sent/ by hand goes to its boot's folder, where everything looks for it."""
        stray, target = self._directory / place / str(name), self.path(name, place)
        if target.exists():
            self._ignore(str(stray), "there twice")
            return False
        try:
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
