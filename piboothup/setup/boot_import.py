"""Import of the file on the card or on a stick, and the answer beside it.

The order is what a power cut asks for: secrets go durably to root's files, then the settings; only then `(saved)`
stands in their place on the card, and then the file is recorded as imported. After a cut anywhere the next start
does it again, with the same result. The radio comes last, as it may take a minute, and is owed until then. What a
file says of event, key and settings counts once, as a code may come later; a step that fails is done again alone. A
stick keeps its secrets, as it may serve many boxes, and so does a card whose system keeps nothing.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from piboothup.clock import boot_start
from piboothup.config import import_record
from piboothup.config.import_record import ImportRecord
from piboothup.records import replace
from piboothup.setup import boot_file, radio, root_settings_file
from piboothup.setup.boot_answer import Imported, answer, imported
from piboothup.setup.boot_file import BootFile, Mistake
from piboothup.setup.boot_text import NAME, names_in
from piboothup.setup.import_steps import WORDS, Box, Import, is_of_another_box, names_said, sha256
from piboothup.setup.root_settings_file import CardNote
from piboothup.spool import durable
from piboothup.text import NotAFile

log = logging.getLogger(__name__)

PENDING = "pending-code"
"""Name of the file beside the config file that keeps a code's text while it is taken. It may hold the key."""
_RADIO = "radio"
"""Step of an import that is no part of the file: country and networks are put in force."""
_UNREAD = "unread"
"""Stands among the steps while there is a file that could not be read."""
NO_FILE = "none"
"""Record of a start without a file: the same one counts again when it is laid on again."""
_DRAFT = re.compile(
    r"(?i)\.(piboothup.*|cmdline\.txt|key|settings\.toml(\.last)?|(imported|wifi-results)\.json|pending-code"
    r"|frame\.(png|json))\.\d+"
)


def run(
    box: Box, put_in_force: Callable[[str], None] = radio.put_in_force, *, again: bool = False
) -> Imported | None:
    """Import the file if it is new to this box; None when there is nothing to do. Raises OSError.

    `put_in_force`: sets the radio's country and has the networks joined. `again`: also answer a file that is not new,
    of which nothing is done once more.
    """
    _tidy(box)
    record = import_record.read(box.etc)
    note = _note(box, record)
    contents, unread = _contents(box.boot)
    if not contents and not unread:
        if is_of_another_box(box, note, has_boxes=False):
            root_settings_file.update(box.settings_file, {}, "", anew=True, note=CardNote())
            log.warning("settings dropped reason=they were for another box")
        elif record.sha256 == NO_FILE or (record == ImportRecord() and not note.sha256s):
            return None
        keep_record(box, ImportRecord(NO_FILE))
        return None
    recorded = record.sha256.split()
    if not contents:
        return _untaken(box, record, unread)
    hashes = {name: sha256(content) for name, content in contents.items()}
    known = recorded or [*note.sha256s]  # the record is newer, where it was not lost
    taken_last = {*recorded[:1], *(note.taken if not recorded or WORDS in record.owed else ())}
    # One that is new goes first, then the one that was taken last.
    found = sorted(hashes, key=lambda name: known.index(hashes[name]) if hashes[name] in known else -1)
    if unread and hashes[found[0]] in {*known} - taken_last:  # it lay beside one that may be there still
        return _untaken(box, record, unread)
    content = contents[found[0]]
    done = imported(box.id, [*found, *unread], content)
    done.mistakes += unread.values()
    is_recorded = recorded[:1] == [hashes[found[0]]]
    owed = record.owed if is_recorded else ()  # else they are another file's
    owed = tuple(step for step in owed if step != _UNREAD)
    is_taken = hashes[found[0]] in taken_last and not is_of_another_box(box, note, done.file.has_boxes)
    marks = {name: _mark(box.boot / name) for name in (*hashes, *unread)}
    unread_marks = [marks[name] for name in unread]
    lying = [*hashes.values(), *unread_marks]
    is_done = is_taken and not owed and (record.box, sorted(recorded)) == (box.id, sorted(lying))
    if is_done and not again:
        return None
    # It is read late: root's disk did not take its words before, or it could not be read.
    is_late = WORDS in owed if is_taken else marks[found[0]] in recorded and record.box in ("", box.id)

    def is_due(step: str) -> bool:  # by the note alone nothing is known but of its words
        return not is_taken or (step in owed if is_recorded else step != WORDS)

    taking = Import(box, done, note, is_due, record.later if is_late else ())
    taking.first_said = record.said if is_late else ""
    taking.other_event = "" if recorded else root_settings_file.unnoted_event(box.settings_file)
    if recorded and not is_taken:
        _begin(box, record, [*(hashes[name] for name in found), *unread_marks], taking)
    left = taking.take(content, [hashes[name] for name in found[1:]])
    _note_country(box, done)
    answer(box.boot, box.id, done)
    read = [sha256(left), *(hashes[name] for name in found[1:]), *unread_marks]
    needs_radio = not is_done and bool(done.file.country or done.file.networks)
    owed = (*taking.owed, *([_RADIO] if needs_radio else []), *([_UNREAD] if unread else []))
    said = taking.owed_said or (_unread_said(box, record) if unread else "")
    later = taking.later if WORDS in taking.owed else _later(record, unread_marks)
    keep_record(box, ImportRecord(" ".join(read), box.id, len(done.mistakes), owed, said, later))
    log.warning("card imported taken=%d mistakes=%d owed=%d", len(done.taken), len(done.mistakes), len(taking.owed))
    if needs_radio:
        put_in_force(done.file.country)
        _forget_owed(box, _RADIO)
    return done


def _begin(box: Box, record: ImportRecord, lying: Sequence[str], taking: Import) -> None:
    """Record that the first of these files is taken from now on: an import that is cut owes all its steps.

    Else the former record would hide the new note, and the file's words would be said anew by the next start.
    """
    said = taking.first_said or boot_start(box.clock)
    begun = replace(record, sha256=" ".join(lying), owed=taking.steps, said=said, later=taking.later)
    try:
        keep_record(box, begun)
    except OSError as error:
        log.error("import not recorded reason=%s", error.strerror or error)
        with contextlib.suppress(OSError):  # the note stands in for it
            durable.remove(box.etc / import_record.FILE)


def _tidy(box: Box) -> None:
    """Do what a power cut has left of an earlier import. Raises OSError."""
    for folder in (box.boot, box.etc, box.profiles):
        for draft in folder.glob(".*"):  # it may hold a secret
            if _DRAFT.fullmatch(draft.name):
                durable.remove(draft)
    try:
        root_settings_file.renew_copy(box.settings_file)
    except OSError as error:
        log.error("settings not copied reason=%s", error.strerror or error)


def _contents(folder: Path) -> tuple[dict[str, bytes], dict[str, Mistake]]:
    """Contents of the files that may be meant, and why others can't be read."""
    contents: dict[str, bytes] = {}
    unread: dict[str, Mistake] = {}
    name = NAME
    try:
        for name in names_in(folder):
            try:
                contents[name] = _content(folder / name)
            except OSError as error:
                unread[name] = _unread(name, error)
    except OSError as error:
        unread[name] = _unread(name, error)
    return contents, unread


def _unread(name: str, error: OSError) -> Mistake:
    return Mistake(None, f"{name} can't be read ({error.strerror or type(error).__name__}).", "Copy it anew.")


def _mark(path: Path) -> str:
    """What stands in the record for a file that could not be read; another once it was written anew."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return sha256(f"unread {path.name} {found.st_size} {found.st_mtime_ns}".encode())
    return sha256(f"unread {path.name}".encode())


def _untaken(box: Box, record: ImportRecord, unread: Mapping[str, Mistake]) -> Imported:
    """Tell that nothing could be read. What was taken before is known still."""
    done = Imported(next(iter(unread)), BootFile(), mistakes=[*unread.values()])
    answer(box.boot, box.id, done)
    marks = [_mark(box.boot / name) for name in unread]
    known, owed = dict.fromkeys([*record.sha256.split(), *marks]), dict.fromkeys([*record.owed, _UNREAD])
    later = record.later if WORDS in record.owed else _later(record, marks)
    told = replace(record, said=_unread_said(box, record), later=later)
    keep_record(box, replace(told, sha256=" ".join(known), mistakes=len(unread), owed=tuple(owed)))
    log.error("card not imported unread=%d", len(unread))
    return done


def _later(record: ImportRecord, unread_marks: Sequence[str]) -> tuple[str, ...]:
    """What was said later than the files that can't be read; nothing once one was written anew."""
    return record.later if unread_marks and set(unread_marks) <= set(record.sha256.split()) else ()


def _unread_said(box: Box, record: ImportRecord) -> str:
    """Moment by which those files' words were said."""
    return record.said if record.said and {WORDS, _UNREAD} & set(record.owed) else boot_start(box.clock)


def _note(box: Box, record: ImportRecord) -> CardNote:
    """The note in root's settings; those of an older version have none."""
    note = root_settings_file.card_note(box.settings_file)
    return note if note.box else replace(note, box=record.box)


def take_from_stick(box: Box, names: list[str], content: bytes, put_in_force: Callable[[str], None]) -> Imported:
    """Import a stick's file, new or not; what is known of the card's file stays. Raises OSError.

    `names`: of the file, and of others that could be meant. `put_in_force`: as for `run`; the services know by then.
    """
    done = imported(box.id, names, content)
    done.is_of_stick = True
    Import(box, done, _note(box, import_record.read(box.etc)), lambda _: True).take(content)
    spoke_later(box, names_said(done.file))
    _note_country(box, done)
    if done.file.country or done.file.networks:
        put_in_force(done.file.country)
    log.warning("stick imported taken=%d mistakes=%d", len(done.taken), len(done.mistakes))
    return done


def _note_country(box: Box, done: Imported) -> None:
    """Note a network without a country."""
    file = done.file
    with contextlib.suppress(OSError):  # a card that can't be read keeps no network out
        if file.networks and not file.country and not radio.kept_country(box.boot):
            done.notes.append(
                'No country is set, so the Wi-Fi keeps to what is allowed everywhere: write country = "DE".'
            )


def spoke_later(box: Box, said: Iterable[str]) -> None:
    """Record that a stick or a code has said these settings, which what is yet to be taken of the card's may say."""
    record = import_record.read(box.etc)  # as it is now: the lock may have been another's meanwhile
    later = dict.fromkeys([*record.later, *said]) if {WORDS, _UNREAD} & set(record.owed) else ()
    keep_record(box, replace(record, later=tuple(later)))


def _forget_owed(box: Box, step: str) -> None:
    """Record that this step is not to be done again."""
    record = import_record.read(box.etc)
    keep_record(box, replace(record, owed=tuple(each for each in record.owed if each != step)))


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise NotAFile(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as opened:
        return opened.read(boot_file.LONGEST_BYTES + 1)


def keep_record(box: Box, record: ImportRecord) -> None:
    """Write the record durably; on a full disk the former one makes room, as the note stands in for it."""
    path, content = box.etc / import_record.FILE, record.to_bytes()
    try:
        durable.replace(path, content, mode=0o644)
    except OSError as error:
        if error.errno not in durable.FULL:
            raise
        with contextlib.suppress(FileNotFoundError):
            durable.remove(path)
        durable.replace(path, content, mode=0o644)
