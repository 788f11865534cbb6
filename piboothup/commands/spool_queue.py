"""`piboothup queue …`: the operator's commands for photos on the card.

A command that deletes or moves photos first prints their number, and continues only when the operator enters it: at a
terminal as an answer, else as a line of standard input.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import logging
import sys
import syslog
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from piboothup import config, status
from piboothup.clock import SystemClock
from piboothup.commands.common import FAILED, OK, USAGE, CommandFails, load, load_effective, open_spool
from piboothup.problems import problem
from piboothup.runtime import RuntimeUnusable, command_directory, send_hint
from piboothup.setup import wifi_profiles
from piboothup.spool import durable, handover, wipe_journal
from piboothup.spool.admin import assign, counts, export, inventory, report, wipe
from piboothup.spool.admin.inventory import Attribution
from piboothup.spool.disk import choice_record, hidden_photos
from piboothup.spool.layout_version import read_id
from piboothup.spool.listing import HELD, KEPT, NEW, PARKED, QUARANTINE, WITHDRAWN
from piboothup.spool.store import AlreadyRunning, Spool
from piboothup.text import Count, one_line

log = logging.getLogger(__name__)

_WORDS = {NEW: "waits", HELD: "held", PARKED: "parked", KEPT: "kept", WITHDRAWN: "withdrawn"}
"""State of a photo by its folder, in the list of those that the album does not have."""


def show_photos(given: argparse.Namespace) -> int:
    """Print every photo that the album does not have."""
    settings = load_effective(given).config
    spool = _opened(settings)
    attribution, zone = Attribution(spool.directory), config.zone(settings.timezone)
    if given.json:
        print(json.dumps(_listing(spool, attribution, zone), indent=2))
        return OK
    for place, word in _WORDS.items():
        for name in sorted(spool.names(place), key=lambda name: name.order):
            unix_ms = spool.taken_at_ms(name)
            when = "time unknown" if unix_ms is None else f"{datetime.fromtimestamp(unix_ms // 1000, zone):%F %T}"
            print(f"{word:9}  {when:19}  {name.file_name}  {attribution.title(attribution.event_of(name))}")
    return OK


def _listing(spool: Spool, attribution: Attribution, zone: tzinfo) -> dict[str, Any]:
    """Data of `queue list --json`; other programs rely on its shape."""
    names = counts.list_names(spool)
    photos = []
    for place, word in _WORDS.items():
        for name in sorted(names[place], key=lambda name: name.order):
            unix_ms = spool.taken_at_ms(name)
            when = None if unix_ms is None else datetime.fromtimestamp(unix_ms // 1000, zone).isoformat()
            event = attribution.event_of(name)
            photos.append({"state": word, "file_name": name.file_name, "taken_at": when, "event": event})
    events = [
        {"event": event, "title": attribution.title(event), **counts.shown(found.total), "days": found.to_json()}
        for event, found in sorted(counts.count(spool, names, zone, attribution.event_of).items())
    ]
    return {"photos": photos, "events": events}


def report_photos(given: argparse.Namespace) -> int:
    """Print the report on an event's photos for the customer."""
    settings = load_effective(given).config
    spool, zone = _opened(settings), config.zone(settings.timezone)
    attribution = Attribution(spool.directory)
    found = counts.count(spool, counts.list_names(spool), zone, attribution.event_of).get(given.event)
    if found is None:
        known = "`piboothup queue list --json` names the events"
        raise CommandFails(f"This card has no photos of '{one_line(given.event)}', nor a count of them: {known}.")
    for line in report.lines(found, spool.box, zone, settings.language):
        print(line)
    return OK


def retry_parked(given: argparse.Namespace) -> int:
    """Move parked photos back, and have the uploader try now."""
    spool = _opened(load(given))
    try:
        count = handover.retry_parked(spool)
        hidden_photos.write(spool.directory, set())
    except OSError as error:
        raise CommandFails(f"A parked photo can't be moved ({error.strerror}): {_remedy(error)}.") from None
    heard = send_hint(command_directory(), "uploader", "retry")
    print(
        f"{count} parked {Count(count):photo waits|photos wait} again. "
        + ("Trying now." if heard else "The uploader is not running.")
    )
    return OK


def restore_withdrawn(given: argparse.Namespace) -> int:
    """Let photos that guests took back be sent after all."""
    spool = _opened(load(given))
    attribution = Attribution(spool.directory)
    wanted = [name for name in spool.names(WITHDRAWN) if given.event in (None, attribution.event_of(name))]
    if given.event is not None and not wanted:
        wipe.plan(wipe.survey(spool, booth_runs=True), given.event)  # an unknown event is told
    with _in_the_journal():
        try:
            for name in wanted:
                handover.restore(spool, name)
        except OSError as error:
            raise CommandFails(f"A photo can't be moved ({error.strerror}): {_remedy(error)}.") from None
        log.warning("restored photos=%d", len(wanted))
    count = Count(len(wanted))
    print(f"{count} {count:photo that was taken back waits|photos that were taken back wait} again.")
    if due := Count(sum(spool.path(name, HELD).exists() for name in wanted)):
        print(f"The booth makes the framed {due:copy|copies} or the strip of {due:it|{due} of them} first.")
    send_hint(command_directory(), "uploader", "retry")
    return OK


def export_photos(given: argparse.Namespace) -> int:
    """Copy all photos out."""

    def show_progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    if given.spool is None:
        settings = load_effective(given).config
        spool = _opened(settings)
    else:
        inventory.check(given.spool)
        spool, settings = Spool(given.spool, SystemClock()), config.good_copy.read(given.spool).config
    zone, keep_free_bytes = config.zone(settings.timezone), settings.spool.min_free_mb * 1_000_000
    done = export.export(spool, given.directory, settings.name, zone, show_progress, keep_free_bytes=keep_free_bytes)
    print(f"{done.copied} copied, {done.already_there} were there already, {len(done.damaged)} damaged and left out")
    if (done.is_in_memory or done.is_on_own_card) and not settings.spool.allow_memory:
        where = (
            "in memory, and are gone at power-off"
            if done.is_in_memory
            else "on the card itself, and are lost with it"
        )
        print(
            f"piboothup: The copies in {given.directory} lie {where}. If it should be a stick, mount that first and "
            "export again.",
            file=sys.stderr,
        )
    for folder, count in done.foreign_files.items():
        print(
            f"'{folder}' holds {count} {Count(count):picture that is|pictures that are} not of this card: "
            "look there before you hand it on."
        )
    for name in done.damaged:
        print(f"piboothup: {name}: what is left of it is in {export.DAMAGED_FOLDER}.", file=sys.stderr)
    if held := Count(done.held):
        print(
            f"piboothup: {held} {held:photo is|photos are} not copied, as the booth still holds {held:it|them} "
            "(a guest may take it back, or its copy with the frame is being made): export again in a minute.",
            file=sys.stderr,
        )
    return FAILED if done.damaged or held else OK


def assign_photos(given: argparse.Namespace) -> int:
    """Move waiting photos to another event."""
    spool = _opened(load(given))
    proposed = assign.propose(spool, given.source, given.target)
    count, sent, parked = Count(len(proposed.photos)), Count(proposed.sent), Count(proposed.parked)
    if sent:
        words = (
            f"{sent:photo|photos} of '{proposed.source}' {sent:is|are} in its album already, and {sent:stays|stay}"
        )
        print(f"{sent} {words} there.")
    if parked:
        print(f"{parked} of those that move {parked:is|are} parked: `piboothup queue retry` sends {parked:it|them}.")
    if not proposed.is_target_known:
        print(f"EventPics has not shown '{proposed.target}' to this box: check the id.")
    question = f"Move {count} {count:photo|photos} from '{proposed.source}' to '{proposed.target}'? Type {count}: "
    if not given.yes and not _typed_back(question, count):
        raise CommandFails(f"{count} was not typed: nothing was moved.")
    with _in_the_journal():
        try:
            moved = assign.assign(spool, proposed)
        except OSError as error:
            raise CommandFails(f"Nothing more was moved ({error.strerror}): {_remedy(error)}.") from None
    print(f"{moved} {Count(moved):photo|photos} moved to '{proposed.target}'.")
    send_hint(command_directory(), "uploader", "retry")
    return OK


def wipe_photos(given: argparse.Namespace) -> int:
    """Delete an event's photos, or all."""
    settings = load(given)
    spool = _opened(settings)
    with _without_booth(spool) as in_use:
        held = wipe.survey(spool, booth_runs=in_use is not None)
    foreign = inventory.take_inventory(spool.directory).foreign
    if given.event is None and not given.all:
        _show(held)
        print("piboothup: nothing was deleted: name --event ID, or --all.", file=sys.stderr)
        return USAGE
    chosen = wipe.plan(held, given.event)
    _show(list(chosen.events))
    unsent = chosen.unsent
    if unsent and not given.unsent:
        raise CommandFails(
            f"{unsent} {unsent:photo is|photos are} not in the album yet, so nothing was deleted: give the box a "
            f"network, or `piboothup queue export` {unsent:it; --unsent deletes it|them; --unsent deletes them}."
        )
    question = f"{unsent} {unsent:photo is|photos are} in no album and will be gone for good. Type {unsent}: "
    if unsent and not _typed_back(question, unsent):
        raise CommandFails(f"{unsent} was not typed: nothing was deleted.")
    with _in_the_journal(), _without_booth(spool) as in_use:
        try:
            receipt = wipe.wipe(spool, chosen, unsent=given.unsent, in_use=in_use or ())
            if config.find(given.config) == config.DEFAULT_PATH:
                _note_choice(spool, settings)
        except KeyboardInterrupt:
            if wipe_journal.read(spool.directory) is not None:
                print("piboothup: the wipe has begun: it goes on with the next start or command.", file=sys.stderr)
            raise
    _print_receipt(receipt)
    if hidden_photos.read(spool.directory):
        print(f"What lies out of sight was not deleted. {problem('photos_hidden')}")
    for path in foreign:
        print(f"Not piboothup's, so it stays: {one_line(str(path))}")
    return OK


def _note_choice(spool: Spool, settings: config.Config) -> None:
    """Record outside the spool what the wipe ended, as a running booth does: else another disk brings it back."""
    try:
        folder, directory = config.known_spools_file().parent, spool.directory
        choice_record.note(folder, directory, read_id(directory), settings)
    except OSError as error:
        log.error("choice not noted reason=%s", error.strerror or error)


def _show(held: list[wipe.EventPhotos]) -> None:
    """Print the card's content, one line per event."""
    for event in held:
        if event.taken:
            places = {"parked": PARKED, "quarantined": QUARANTINE, "taken back": WITHDRAWN, "kept": KEPT}
            counted = {word: event.count(place) for word, place in places.items()}
            shown = [f"{n} {word}" for word, n in counted.items() if n or word in ("parked", "quarantined")]
            print(
                f"{event.title} [{one_line(event.event)}]: {event.taken} {Count(event.taken):photo|photos}, "
                f"{len(event.unsent)} not in the album yet ({', '.join(shown)})"
            )
    if not any(event.taken for event in held):
        print("No photos.")


def _print_receipt(receipt: wipe.Receipt) -> None:
    print(receipt)
    if receipt.in_use:
        print("The booth takes photos for this event, so its id stays: stop it, or choose another event; wipe again.")
    print(wipe.FLASH)
    if wifi_profiles.has_any():
        print("Networks that codes gave are still known: `sudo piboothup setup wifi --forget-codes` forgets them.")


def _opened(settings: config.Config) -> Spool:
    """Open the box's spool; an interrupted wipe is completed first."""
    spool, _ = open_spool(settings)
    inventory.check(spool.directory)
    if wipe_journal.read(spool.directory) is None:
        return spool
    try:
        with _in_the_journal(), _without_booth(spool) as in_use:
            receipt = wipe.resume_wipe(spool, in_use or ())
    except (wipe.WipeError, CommandFails, RuntimeUnusable) as error:
        print(f"piboothup: {error}", file=sys.stderr)
    else:
        if receipt is not None:
            print("A wipe that was broken off is done now.")
            _print_receipt(receipt)
    return spool


@contextlib.contextmanager
def _without_booth(spool: Spool) -> Iterator[frozenset[str] | None]:
    """Keep the booth from starting, and yield None; when it runs, yield the context of its photos."""
    with contextlib.ExitStack() as held:
        in_use: frozenset[str] | None = None
        try:
            held.enter_context(spool.lock("booth"))
        except AlreadyRunning:
            booth = status.read_booth(command_directory())
            if booth is None or not booth.context:
                raise CommandFails(
                    "A booth or another wipe is at work on this card and does not say for which event: try again in "
                    "ten seconds, or stop it."
                ) from None
            in_use = frozenset({booth.context})
        except OSError as error:
            raise CommandFails(f"The card can't be written ({error.strerror}): {_remedy(error)}.") from None
        yield in_use


def _remedy(error: OSError) -> str:
    """Remedy for a card that is not written."""
    if error.errno in durable.FULL:
        return "make room with `piboothup queue wipe`, which deletes what the album has"
    if error.errno == errno.EROFS:
        return "mount it for writing, or change the card"
    if isinstance(error, PermissionError):
        return "run with sudo"
    return "restart the box, which makes missing folders again; if it stays so, change the card"


def _typed_back(question: str, number: int) -> bool:
    """Ask the operator for the number; return whether it was entered."""
    if sys.stdin.isatty():
        print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == str(number)


class _Journal(logging.Handler):
    """Handler for the system's journal, where the operator's actions stand beside the services' log lines."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).replace("\0", "")
        syslog.syslog(syslog.LOG_NOTICE, line.encode("utf-8", "backslashreplace").decode())  # a path may be any bytes


@contextlib.contextmanager
def _in_the_journal() -> Iterator[None]:
    of_all, journal = logging.getLogger("piboothup"), _Journal()
    syslog.openlog("piboothup")
    of_all.addHandler(journal)
    try:
        yield
    finally:
        of_all.removeHandler(journal)
