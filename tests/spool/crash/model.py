"""Power cuts on paper: each call on the disk is written down while the real code works, and from the list every state
is built that a cut after any of them may leave.

`Recording` notes what `os` is asked to do below one folder and lets it happen. `states` then yields the folders that
a disk may show after a cut. Two disks are modelled: one with a journal, as ext4 orders things, and the least that
POSIX promises. Both promise that a rename is one step: after a cut a file has its old name or its new one, and never
neither. Bytes that were not synced are there, or missing, half there, or zeros.

A call that changes the disk and that this model does not know is an error: teach it before using the call.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = 0
"""The inode of the recorded folder itself."""

Place = tuple[int, str]
"""A folder's inode and a name in it."""

Tree = tuple[tuple[str, bytes | None], ...]
"""A folder's whole content, sorted: path and bytes of each file, path and None of each folder."""

Strike = Callable[[str, str], None]
"""Is told of each call and its path before it happens; raises OSError to make it fail, Killed to end the process."""


class Disk(StrEnum):
    """What a disk promises of names that were not synced."""

    JOURNAL = "journal"
    """Names reach the disk in the order of the calls; a sync of anything takes all earlier ones along (ext4)."""
    MINIMUM = "minimum"
    """Each file's names by themselves, in any mixture; a sync of a folder keeps the names in that folder alone."""


class Killed(BaseException):
    """The process ended here (SIGKILL); the machine runs on."""


@dataclass(frozen=True)
class Named:
    """A file or folder came (`old` is None), went (`new` is None) or moved."""

    inode: int
    old: Place | None
    new: Place | None


@dataclass(frozen=True)
class Filled:
    """A file holds these bytes from here on."""

    inode: int
    content: bytes


@dataclass(frozen=True)
class Synced:
    """The disk confirmed a file's bytes or a folder's names."""

    inode: int


@dataclass(frozen=True)
class SyncFailed:
    """The disk did not get them, and a later sync of the same inode says nothing about them."""

    inode: int


@dataclass(frozen=True)
class Settled:
    """Everything so far is on the disk."""


@dataclass(frozen=True)
class Told:
    """Somebody was told that `key` is `value` from here on: a cut may not take it back."""

    key: object
    value: object


Step = Named | Filled | Synced | SyncFailed | Settled | Told


@dataclass(frozen=True)
class Trace:
    """What happened, in order. A cut may come after any number of steps from `first_cut` on."""

    steps: tuple[Step, ...]
    folders: frozenset[int]
    first_cut: int

    @property
    def cuts(self) -> range:
        """After how many steps the power may go."""
        return range(self.first_cut, len(self.steps) + 1)

    def told(self, cut: int) -> dict[object, object]:
        """What had been told by then; the last word on each thing."""
        return {step.key: step.value for step in self.steps[:cut] if isinstance(step, Told)}


# -- recording -----------------------------------------------------------------------------------------------------

_UNKNOWN = {
    *("link", "symlink", "mkfifo", "mknod", "truncate", "pwrite", "pwritev", "writev", "sendfile", "splice"),
    *("copy_file_range", "renames", "removedirs", "fdatasync", "sync", "setxattr"),
}


@dataclass
class _Opened:
    inode: int
    path: str
    append: bool
    offset: int = 0


@dataclass
class Recording:
    """Notes the calls of `os` below `root` while it is entered; what lies there already is on the disk for good."""

    root: Path
    strike: Strike = lambda call, path: None
    largest_write: int | None = None
    """At most so many bytes of a part are taken by one write, as a disk may."""
    without_sync: str = ""
    """The step of the code (see `sync_sites`) whose syncs are left out."""
    steps: list[Step] = field(default_factory=list)
    sync_sites: set[str] = field(default_factory=set)
    """Which steps of the code synced something: who asked durable.py, and its functions that led there."""
    _folders: set[int] = field(default_factory=lambda: {ROOT})
    _names: dict[Place, int] = field(default_factory=dict)
    _bytes: dict[int, bytes] = field(default_factory=dict)
    _opened: dict[int, _Opened] = field(default_factory=dict)
    _real: dict[str, Any] = field(default_factory=dict)
    _next: int = 1
    _dead: bool = False

    def __post_init__(self) -> None:
        for path, content in read_tree(self.root):
            self._create(self._place(path), content)
        self.steps.append(Settled())
        self._first_cut = len(self.steps)

    @property
    def trace(self) -> Trace:
        """What was noted so far."""
        return Trace(tuple(self.steps), frozenset(self._folders), self._first_cut)

    def tell(self, key: object, value: object = True) -> None:
        """Notes a promise."""
        self.steps.append(Told(key, value))

    def revive(self) -> None:
        """A new process may work now: what the killed one had open is closed."""
        for descriptor in list(self._opened):
            self._real["close"](descriptor)
        self._opened.clear()
        self._dead = False

    def __enter__(self) -> Recording:
        watched = {name[len("_on_") :] for name in dir(self) if name.startswith("_on_")}
        for call in watched | _UNKNOWN & set(dir(os)):
            self._real[call] = getattr(os, call)
            setattr(os, call, functools.partial(self._called if call in watched else self._unknown, call))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for call, real in self._real.items():
            setattr(os, call, real)
        self.revive()

    def _called(self, call: str, *given: Any, **more: Any) -> Any:
        path = self._path_of(given[0])
        if path is None or (call == "open" and _only_reads(given[1]) and not given[1] & os.O_NOFOLLOW):
            return self._real[call](*given, **more)
        if self._dead:
            raise Killed
        try:
            self.strike(call, path)
        except Killed:
            self._dead = True
            raise
        except OSError:
            if call == "fsync":
                self.steps.append(SyncFailed(self._opened[given[0]].inode))
            elif call == "close":
                self._on_close(*given)
            raise
        return getattr(self, f"_on_{call}")(*given, **more)

    def _unknown(self, call: str, *given: Any, **_: Any) -> Any:
        raise AssertionError(f"os.{call}{given!r}: tests/spool/crash_model.py has to learn this call first")

    def _path_of(self, given: Any) -> str | None:
        """The path below the root, of a descriptor or as it was given; None when the call is about something else."""
        if isinstance(given, int):
            return self._opened[given].path if given in self._opened else None
        path = os.fsdecode(given)
        base = str(self.root)
        if path == base:
            return ""
        return path[len(base) + 1 :] if path.startswith(base + "/") else None

    def _place(self, path: str) -> Place:
        *above, name = path.split("/")
        folder = ROOT
        for part in above:
            folder = self._names[folder, part]
        return folder, name

    def _create(self, place: Place, content: bytes | None) -> int:
        inode, self._next = self._next, self._next + 1
        self._names[place] = inode
        self.steps.append(Named(inode, None, place))
        if content is None:
            self._folders.add(inode)
        else:
            self._fill(inode, content)
        return inode

    def _fill(self, inode: int, content: bytes) -> None:
        if self._bytes.get(inode, b"") != content:
            self.steps.append(Filled(inode, content))
        self._bytes[inode] = content

    def _inode(self, path: str) -> int:
        return self._names[self._place(path)] if path else ROOT

    # Each does the real call and notes what it changed.

    def _on_open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        found = self._path_of(path) or ""
        fresh = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        descriptor: int = self._real["open"](path, flags, mode, **more)
        if _only_reads(flags):  # and is closed by Python's file: nothing about it can change the disk
            return descriptor
        inode = self._create(self._place(found), b"") if fresh else self._inode(found)
        if flags & os.O_TRUNC:
            self._fill(inode, b"")
        self._opened[descriptor] = _Opened(inode, found, bool(flags & os.O_APPEND))
        return descriptor

    def _on_close(self, descriptor: int) -> None:
        del self._opened[descriptor]
        self._real["close"](descriptor)

    def _on_write(self, descriptor: int, content: Any) -> int:
        opened = self._opened[descriptor]
        if self.largest_write and opened.path.endswith(".part"):
            content = content[: self.largest_write]
        written: int = self._real["write"](descriptor, content)
        before = self._bytes.get(opened.inode, b"")
        start = len(before) if opened.append else opened.offset
        now = before[:start].ljust(start, b"\0") + bytes(content[:written]) + before[start + written :]
        opened.offset = start + written
        self._fill(opened.inode, now)
        return written

    def _on_posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        self._real["posix_fallocate"](descriptor, offset, size)
        inode = self._opened[descriptor].inode
        self._fill(inode, self._bytes.get(inode, b"").ljust(offset + size, b"\0"))

    def _on_ftruncate(self, descriptor: int, size: int) -> None:
        self._real["ftruncate"](descriptor, size)
        inode = self._opened[descriptor].inode
        self._fill(inode, self._bytes.get(inode, b"")[:size].ljust(size, b"\0"))

    def _on_fsync(self, descriptor: int) -> None:
        site = _site(sys._getframe(1))
        self.sync_sites.add(site)
        if site == self.without_sync:
            return
        self._real["fsync"](descriptor)
        self.steps.append(Synced(self._opened[descriptor].inode))

    def _on_rename(self, source: Any, target: Any) -> None:
        old, new = self._place(self._path_of(source) or ""), self._place(self._path_of(target) or "")
        self._real["rename"](source, target)
        inode = self._names[new] = self._names.pop(old)
        self.steps.append(Named(inode, old, new))

    _on_replace = _on_rename

    def _on_unlink(self, path: Any) -> None:
        place = self._place(self._path_of(path) or "")
        self._real["unlink"](path)
        self.steps.append(Named(self._names.pop(place), place, None))

    _on_remove = _on_unlink

    def _on_mkdir(self, path: Any, mode: int = 0o777) -> None:
        self._real["mkdir"](path, mode)
        if found := self._path_of(path):
            self._create(self._place(found), None)

    def _on_rmdir(self, path: Any) -> None:
        place = self._place(self._path_of(path) or "")
        self._real["rmdir"](path)
        self.steps.append(Named(self._names.pop(place), place, None))


def _only_reads(flags: int) -> bool:
    """Whether a file is opened as `piboothup.text` does."""
    return bool(flags & os.O_NONBLOCK) and not flags & (os.O_ACCMODE | os.O_CREAT)


def _site(frame: FrameType | None) -> str:
    """Who asked durable.py for this call, and its functions that led to it."""
    names: list[str] = []
    while frame is not None and not frame.f_code.co_filename.endswith("durable.py"):
        frame = frame.f_back
    while frame is not None and frame.f_code.co_filename.endswith("durable.py"):
        names.insert(0, frame.f_code.co_name)
        frame = frame.f_back
    if frame is not None:
        names.insert(0, f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
    return " > ".join(names)


# -- what a cut may leave ------------------------------------------------------------------------------------------


def all_states(trace: Trace, disk: Disk) -> dict[Tree, int]:
    """Each state that any cut may leave, and after how many steps it is first seen."""
    found: dict[Tree, int] = {}
    for cut in trace.cuts:
        for tree in states(trace, cut, disk):
            found.setdefault(tree, cut)
    return found


def states(trace: Trace, cut: int, disk: Disk, most: int = 32) -> Iterator[Tree]:
    """The states that a cut after `cut` steps may leave; where there are more than `most`, a fixed sample of them."""
    steps = trace.steps[:cut]
    durable, now = _bytes_of(steps)
    for live in _sample(_name_choices(steps, disk), most, cut):
        names = _names_of(steps, live)
        reached = sorted(_reached(names, trace.folders))
        choices: list[list[bytes | None]] = [
            [None] if inode in trace.folders else _variants(durable.get(inode, b""), now.get(inode, b""))
            for _, inode in reached
        ]
        for contents in _sample(choices, most // 4, cut):
            yield tuple((path, content) for (path, _), content in zip(reached, contents, strict=True))


def _bytes_of(steps: Sequence[Step]) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Each file's bytes that are surely on the disk, and those it had when the power went."""
    durable: dict[int, bytes] = {}
    now: dict[int, bytes] = {}
    failed: set[int] = set()
    for step in steps:
        if isinstance(step, Filled):
            now[step.inode] = step.content
        elif isinstance(step, SyncFailed):
            failed.add(step.inode)
        elif isinstance(step, Synced) and step.inode in now and step.inode not in failed:
            durable[step.inode] = now[step.inode]
        elif isinstance(step, Settled):
            durable = dict(now)
    return durable, now


def _name_choices(steps: Sequence[Step], disk: Disk) -> list[list[frozenset[int]]]:
    """For each thing that may or may not have reached the disk, the alternatives: which Named steps count."""
    named = [index for index, step in enumerate(steps) if isinstance(step, Named)]
    settled = max((index for index, step in enumerate(steps) if isinstance(step, Settled)), default=-1)
    synced = {step.inode: index for index, step in enumerate(steps) if isinstance(step, Synced)}
    if disk is Disk.JOURNAL:
        last = max([settled, *synced.values()])
        kept = [index for index in named if index < last]
        return [_prefixes(kept, named[len(kept) :])]
    by_inode: dict[int, list[int]] = {}
    for index in named:
        step = steps[index]
        assert isinstance(step, Named)
        by_inode.setdefault(step.inode, []).append(index)
    choices = []
    for indices in by_inode.values():
        sure = 0
        for number, index in enumerate(indices, start=1):
            step = steps[index]
            assert isinstance(step, Named)
            folders = [place[0] for place in (step.old, step.new) if place is not None]
            if index < settled or any(synced.get(folder, -1) > index for folder in folders):
                sure = number
        choices.append(_prefixes(indices[:sure], indices[sure:]))
    return choices


def _prefixes(kept: list[int], open_: list[int]) -> list[frozenset[int]]:
    return [frozenset([*kept, *open_[:count]]) for count in range(len(open_), -1, -1)]


def _names_of(steps: Sequence[Step], chosen: Iterable[frozenset[int]]) -> dict[Place, int]:
    live = frozenset[int]().union(*chosen)
    names: dict[Place, int] = {}
    for index in sorted(live):
        step = steps[index]
        assert isinstance(step, Named)
        if step.old is not None and names.get(step.old) == step.inode:
            del names[step.old]
        if step.new is not None:
            names[step.new] = step.inode
    return names


def _reached(names: dict[Place, int], folders: frozenset[int]) -> Iterator[tuple[str, int]]:
    """Path and inode of whatever can be reached from the root."""
    inside: dict[int, list[tuple[str, int]]] = {}
    for (folder, name), inode in names.items():
        inside.setdefault(folder, []).append((name, inode))
    todo = [(ROOT, "")]
    while todo:
        folder, above = todo.pop()
        for name, inode in inside.get(folder, ()):
            yield above + name, inode
            if inode in folders:
                todo.append((inode, f"{above}{name}/"))


def _variants(durable: bytes, now: bytes) -> list[bytes | None]:
    """What a file may hold of the bytes that were not synced: all, none, the first half, zeros, half and zeros."""
    if durable == now:
        return [now]
    alike = (one == other for one, other in zip(durable, now, strict=False))
    start = sum(1 for _ in itertools.takewhile(bool, alike))
    middle = start + (len(now) - start) // 2
    torn = [now, durable, now[:middle], now[:start].ljust(len(now), b"\0"), now[:middle].ljust(len(now), b"\0")]
    return list(dict.fromkeys(torn))


def _sample(choices: Sequence[Sequence[T]], most: int, seed: int) -> Iterator[tuple[T, ...]]:
    """Every way to choose one of each; of more than `most`, the two extremes, each lone exception and some others."""
    if math.prod(len(choice) for choice in choices) <= most:
        yield from itertools.product(*choices)
        return
    first, last = tuple(choice[0] for choice in choices), tuple(choice[-1] for choice in choices)
    lone = (
        (*extreme[:at], other, *extreme[at + 1 :])
        for extreme in (first, last)
        for at, choice in enumerate(choices)
        for other in choice
        if other != extreme[at]
    )
    chance = random.Random(seed)
    others = (tuple(chance.choice(choice) for choice in choices) for _ in itertools.count())
    seen: set[tuple[T, ...]] = set()
    for chosen in itertools.chain((first, last), lone, others):
        if chosen not in seen:
            seen.add(chosen)
            yield chosen
        if len(seen) == most:
            return


def strike_once(root: Path, number: int, failure: int | None, work: Callable[[], object]) -> bool:
    """Do the work while its call with this number fails with this errno, or kills; whether there was one."""
    calls = 0

    def strike(_call: str, _path: str) -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            if failure is None:
                raise Killed
            raise OSError(failure, "struck")

    with Recording(root, strike), contextlib.suppress(OSError, Killed):
        work()
    return calls > number


# -- folders as values ---------------------------------------------------------------------------------------------


def read_tree(root: Path) -> Tree:
    """What lies below a folder."""
    return tuple(sorted(_lies_below(str(root), "")))


def _lies_below(folder: str, above: str) -> Iterator[tuple[str, bytes | None]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = above + entry.name
            if entry.is_dir():
                yield name, None
                yield from _lies_below(entry.path, f"{name}/")
            else:
                with open(entry.path, "rb") as file:
                    yield name, file.read()


def write_tree(tree: Tree, root: Path) -> None:
    """Makes the folder anew with just this in it."""
    if root.exists():
        _empty(str(root))
    else:
        root.mkdir()
    for name, content in tree:
        if content is None:
            os.mkdir(f"{root}/{name}")
        else:
            with open(f"{root}/{name}", "wb") as file:
                file.write(content)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _empty(entry.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
