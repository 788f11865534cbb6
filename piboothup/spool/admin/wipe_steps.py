"""Steps of a wipe, in their order. Each is idempotent.

All raise OSError when the card fails; what was done so far stays done.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from piboothup import config
from piboothup.spool import choices, contexts, durable, event_titles, wipe_journal
from piboothup.spool.admin import inventory
from piboothup.spool.admin.inventory import Attribution
from piboothup.spool.capture_time import boots
from piboothup.spool.listing import BOOTS, CONTEXTS, PARKED, PLACES, SENT
from piboothup.spool.names import PhotoName, is_boot_folder
from piboothup.spool.store import Spool
from piboothup.spool.wipe_journal import WipeJournal
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

_ROUNDS = 6
"""How often folders are read at the most."""
_EMPTY_ROUNDS = 2
"""In how many of them no photo may be found: one that is moved into a folder which was read before is missed once."""


def keep_numbers(spool: Spool, journal: WipeJournal) -> None:
    """Record each boot's highest photo number and latest boot-time, which so far only the photos' names hold."""
    reached: dict[int, tuple[int, int]] = {}
    for (_, boot), photos in journal.photos.items():
        reached[boot] = max([reached.get(boot, (0, 0))[0], *(max(seqs) for seqs in photos.values() if seqs)]), 0
    for item in inventory.take_inventory(spool.directory).complete().items:
        if journal.covers(item.name):
            seq, boottime_ms = reached[item.name.boot]
            reached[item.name.boot] = seq, max(boottime_ms, item.name.boottime_ms)
    for number, (seq, boottime_ms) in sorted(reached.items()):
        try:
            _keep_number(spool.directory / BOOTS, number, seq, boottime_ms)
        except OSError as error:
            if error.errno not in durable.FULL:
                raise
            log.warning("numbers not noted boot=%d reason=%s", number, error.strerror)


def _keep_number(directory: Path, number: int, seq: int, boottime_ms: int) -> None:
    known = boots.read(directory, number)
    if known.next_seq > seq and known.last_boottime_ms >= boottime_ms:
        return
    boots.add_start(directory, number, "wipe", boottime_ms, seq + 1)


def delete_photos(spool: Spool, journal: WipeJournal) -> None:
    """Delete the files until none is found twice. One that can't be deleted keeps no other: its error comes last."""
    failed: dict[Path, OSError] = {}
    empty_rounds = 0
    for _ in range(_ROUNDS):
        items = [
            item for item in inventory.take_inventory(spool.directory).complete().items if journal.covers(item.name)
        ]
        in_album = {item.name for item in items if item.place == SENT}
        # A copy elsewhere first: what tells that the album has the photo goes last.
        to_delete = [item.path for item in items if item.place != SENT and (journal.unsent or item.name in in_album)]
        to_delete += [item.path for item in items if item.place == SENT]
        to_delete = [path for path in to_delete if path not in failed]
        empty_rounds = 0 if to_delete else empty_rounds + 1
        if empty_rounds == _EMPTY_ROUNDS:
            break
        for path in to_delete:
            try:
                _remove(path)
            except OSError as error:
                failed[path] = error
    for path in _traces(spool, journal):
        _remove(path)
    for place in PLACES:
        if (spool.directory / place).is_dir():
            for folder in _folders(spool.directory / place):
                durable.sync_directory(folder)
    if failed:
        raise next(iter(failed.values()))


def _traces(spool: Spool, journal: WipeJournal) -> Iterator[Path]:
    """Reason files in parked/ whose photos are gone, and links with a photo's name (never their targets)."""
    attribution, events_ = Attribution(spool.directory), journal.link_ids | journal.contexts
    reasons = [(path, f"{inventory.photo_beside(path.name)}.jpg") for path in (spool.directory / PARKED).iterdir()]
    foreign = inventory.take_inventory(spool.directory).foreign
    links = [(path, path.name.removesuffix(".part")) for path in foreign if path.is_symlink()]
    for path, text in sorted(reasons + links):
        name = PhotoName.parse(text)
        if name is None or ((path, text) in reasons and spool.path(name, PARKED).exists()):
            continue
        if journal.everything or journal.covers(name) or attribution.event_of(name) in events_:
            yield path


def _folders(place: Path) -> list[Path]:
    """The folder and its boots' folders."""
    inner = [
        folder
        for folder in place.iterdir()
        if is_boot_folder(folder.name) and folder.is_dir() and not folder.is_symlink()
    ]
    return [place, *inner]


def forget_retired(spool: Spool, journal: WipeJournal) -> None:
    """Take the contexts out of the lists of photos deleted to make room; their numbers stay, so none comes twice."""
    directory = spool.directory / BOOTS
    with durable.lock(directory / boots.LOCK, wait=True):
        for number in sorted(boots.numbers(directory)):
            path = boots.path_of(directory, number)
            before = read_bytes(path)
            after = b"".join(_anonymous(line, journal, number) for line in before.splitlines(keepends=True))
            if after != before:
                durable.replace(path, after, durable.SHARED_FILE_MODE)
            _delete_fresh(path)


def _anonymous(line: bytes, journal: WipeJournal, number: int) -> bytes:
    try:
        shown = json.loads(line)
        kept: dict[str, list[int]] = {}
        for context, seqs in shown["retired"].items():
            for seq in seqs:
                kept.setdefault("" if journal.covers_retired(number, context, seq) else context, []).append(seq)
        after = {**shown, "retired": kept}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return line
    if isinstance(times := shown.get("taken_ms"), dict):
        gone = {str(seq) for seq in kept.get("", ())}
        after["taken_ms"] = {seq: taken_ms for seq, taken_ms in times.items() if seq not in gone}
    return line if after == shown else json.dumps(after).encode() + b"\n"


def delete_contexts(spool: Spool, journal: WipeJournal, remaining: Iterable[PhotoName]) -> set[str]:
    """Delete the files of contexts that no photo is left of; return the linkIds of the contexts that stay."""
    directory, in_use = spool.directory / CONTEXTS, journal.in_use
    kept: set[str] = set()
    by_context: dict[str, list[tuple[int, int]]] = {}
    for photo in (*remaining, *boots.retired(spool.directory / BOOTS)):
        by_context.setdefault(photo.context, []).append(photo.order)
    for context_id in sorted(journal.contexts):
        entry = contexts.read_record(directory, context_id)
        contexts_left = [entry.context_of(photo) for photo in by_context.get(context_id, ())]
        own_path, assigned_path = directory / f"{context_id}.json", contexts.assigned_path(directory, context_id)
        if not (context_id in in_use or any(context is entry.own for context in contexts_left)):
            _remove(own_path)
        elif entry.own is not None:
            kept.add(entry.own.link_id)
        holding = [
            assignment
            for assignment in entry.assignments
            if any(context is assignment.context for context in contexts_left)
            or (context_id in in_use and assignment.photos is None)
        ]
        kept.update(assignment.context.link_id for assignment in holding)
        if holding and len(holding) < len(entry.assignments):
            contexts.assign(directory, context_id, holding)
        elif not holding and (entry.assignments or not contexts_left):
            _remove(assigned_path)  # a damaged one stays: it keeps photos from going to their own album
        for path in (own_path, assigned_path):
            _delete_fresh(path)
    durable.sync_directory(directory)
    return kept


def delete_titles(spool: Spool, journal: WipeJournal, kept: set[str]) -> None:
    """Delete the wiped events from the list of titles, except those in `kept`."""
    directory, going = spool.directory, journal.link_ids - kept
    listed = event_titles.read(directory)
    left = [event for event in listed if event.link_id in kept or not (journal.everything or event.link_id in going)]
    if not left:
        _remove(directory / event_titles.FILE)
    elif left != listed:
        event_titles.write(directory, left)
    void_all = journal.everything and not (kept and journal.in_use)
    if void_all or _names_any(directory / choices.FILE, going):
        choices.void_event(directory, journal.said_event, everything=void_all, made=journal.made)
    good = directory / config.GOOD_FILE
    goes = _names_any(good, going) or (journal.everything and not _names_any(good, kept))
    if goes and not _forget_event(directory):
        _remove(good)
    for path in (directory / choices.FILE, good):
        _delete_fresh(path)
    _delete_fresh(directory / event_titles.FILE)
    _delete_fresh(directory / wipe_journal.JOURNAL)


def _forget_event(directory: Path) -> bool:
    """Take the event out of the good copy of the config, keeping name and pins; return whether that worked."""
    kept = config.good_copy.read(directory)
    try:
        if kept.exists:
            durable.update(directory / config.GOOD_FILE, config.good_copy.without_event(kept).encode())
    except ValueError:
        return False
    except OSError as error:
        if error.errno not in durable.FULL:
            raise
        return False
    return kept.exists


def _names_any(path: Path, link_ids: Collection[str]) -> bool:
    """Whether a value in this file equals one of the ids; a part of a value, such as a hash, does not count."""
    try:
        text = read_bytes(path)
    except FileNotFoundError:
        return False
    return any(f'"{link_id}"'.encode() in text for link_id in link_ids if link_id)


def _delete_fresh(path: Path) -> None:
    """Delete versions of a file that a power cut left before their rename."""
    for leftover in sorted(path.parent.glob(f".{path.name}.*")):
        if leftover.suffix[1:].isdecimal():
            _remove(leftover)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        durable.remove(path)
