"""`piboothup qr`: the codes that a box is set up by, in the terminal, as a picture or as sheets to print.

The booth code of this box's config, or of each row of a renter's table; a Wi-Fi's code; the guests' link. Keys and
passwords are read from files and standard input alone: a command line can be seen by everybody on the computer.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from piboothup import config
from piboothup.booth.panel.i18n.page import page_words
from piboothup.commands.common import OK, CommandFails, check_private, load_effective, write_private
from piboothup.commands.qr import drawing
from piboothup.commands.qr.bookings import Booking, read_table
from piboothup.config import Config, Secret
from piboothup.config.codes import (
    ALBUM_URL,
    LONGEST_BYTES,
    BoothCode,
    CodeError,
    GuestLink,
    Security,
    WifiNetwork,
    event_id,
    make,
)
from piboothup.spool import choices
from piboothup.text import text_to_path


def run(given: argparse.Namespace) -> int:
    """Show or write the codes. Raises CommandFails."""
    _check_options(given)
    try:
        bookings, album_url = _bookings(given)
    except CodeError as error:
        raise CommandFails(str(error)) from None
    codes = [make(booking.code, album_url) for booking in bookings]
    if (longest := max(len(code.reveal().encode()) for code in codes)) > LONGEST_BYTES:
        remedy = f"leave something out, so that it has at most {LONGEST_BYTES}, or write it into piboothup.toml"
        raise CommandFails(f"A code of {longest} bytes is too long for the booth to read: {remedy}.")
    if given.sheet:
        cards = [drawing.card(code, booking) for code, booking in zip(codes, bookings, strict=True)]
        write_private(Path(text_to_path(given.sheet)), drawing.sheet(cards).encode(), "codes.html")
        print(f"{given.sheet} is written (pages: {len(codes)}). Print it from a browser.")
    elif given.png:
        write_private(Path(text_to_path(given.png)), drawing.png(codes[0]), "code.png")
        print(f"{given.png} is written.")
    else:
        _print_code(codes[0])
    words = page_words(bookings[0].language or "en")
    if not given.table:
        print(f"piboothup: {drawing.parts(bookings[0], words)}", file=sys.stderr)
    if any(booking.has_key for booking in bookings):
        print(f"piboothup: {words['key_warning']}", file=sys.stderr)
    return OK


def _check_options(given: argparse.Namespace) -> None:
    """Raise CommandFails for options that do not go together, and for a file that can't be written."""
    if given.table and (given.what != "booth" or given.event or given.wifi or given.country):
        raise CommandFails("The table says what the codes hold: leave out the event, the Wi-Fi and the country.")
    if given.table and not given.sheet:
        raise CommandFails("A table makes a page for each row: add --sheet FILE.html.")
    for name, example in ((given.png, "code.png"), (given.sheet, "codes.html")):
        if name:
            check_private(Path(text_to_path(name)), example)


def _bookings(given: argparse.Namespace) -> tuple[list[Booking], str]:
    """What codes are made of, and the form of the guests' links. Raises CommandFails, CodeError, ConfigError."""
    key = Secret(_asked("API key").strip()) if given.ask_key else None
    if given.table:
        return read_table(Path(text_to_path(given.table)), key), ALBUM_URL
    wifi = _asked_network(given) if given.wifi or given.what == "wifi" else None
    if wifi and given.what == "wifi":
        return [Booking(wifi)], ALBUM_URL
    box = _config(given)
    album_url = box.eventpics.album_url if box else ALBUM_URL
    link_id, album_id = (box.eventpics.link_id, box.eventpics.album_id) if box else ("", "")
    if given.event:
        link_id, album_id = _link_id(given.event, album_url), ""
    if given.what == "event":
        if not link_id:
            raise CommandFails("No event is chosen: name it with --event LINK.")
        return [Booking(GuestLink(link_id))], album_url
    if not (box or key or link_id or wifi):
        remedy = "name one with --config, or say what the code is to hold: --ask-key, --event, --wifi, --table"
        raise CommandFails(f"This computer has no config: {remedy}.")
    key = key or (box.read_key() if box else None)
    of_box = (
        (box.name, given.country.upper(), box.language, box.timezone) if box else ("", given.country.upper(), "", "")
    )
    return [Booking(BoothCode(key, link_id, album_id, wifi, *of_box))], album_url


def _config(given: argparse.Namespace) -> Config | None:
    """The settings of this box, with what was chosen at it; None on a computer that is none."""
    if config.find(given.config) == config.DEFAULT_PATH and not os.access(config.DEFAULT_PATH, os.F_OK):
        return None
    loaded = load_effective(given, needs_key=given.what == "booth").config
    return choices.read(loaded.spool.path, loaded).over(loaded)


def _link_id(text: str, album_url: str) -> str:
    """The event's id, out of its guests' link or as it is."""
    return GuestLink(event_id(text, album_url).strip()).link_id


def _asked_network(given: argparse.Namespace) -> WifiNetwork:
    """The network whose name and password are typed, or are lines of standard input."""
    ssid = _asked("Wi-Fi name", hidden=False)
    password = _asked("Wi-Fi password (empty: open network)")
    if not password:
        return WifiNetwork(ssid, hidden=given.hidden)
    return WifiNetwork(ssid, Secret(password), Security.SAE if given.wpa3 else Security.WPA, given.hidden)


def _asked(what: str, *, hidden: bool = True) -> str:
    """A line that is typed, or the next of standard input. Raises CommandFails at its end."""
    try:
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            return line.rstrip("\r\n")
        if hidden:
            return getpass.getpass(f"{what}: ")
        print(f"{what}: ", end="", file=sys.stderr, flush=True)
        return input()
    except EOFError:
        raise CommandFails(
            f"{what}: it is read from standard input, which has ended. Type it, or send it there."
        ) from None


def _print_code(code: Secret) -> None:
    """Print it. Raises CommandFails for a terminal that can't show it."""
    drawn = drawing.terminal(code)
    try:
        drawn.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        raise CommandFails("This terminal knows no half blocks: add --png FILE.") from None
    if sys.stdout.isatty():
        columns, lines = drawing.size_in_terminal(code)
        window = os.get_terminal_size(sys.stdout.fileno())
        if window.columns < columns or window.lines < lines + 1:
            raise CommandFails(
                f"The code is {columns} columns wide and {lines} lines high, and would be cut: make the window "
                "larger (or its letters smaller), or add --png FILE."
            )
    print(drawn)
