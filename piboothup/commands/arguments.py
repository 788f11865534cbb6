"""The command line: its commands, their options and `--help`."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import NoReturn

from piboothup import __version__
from piboothup.commands.common import USAGE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"piboothup: {message}. `{self.prog} --help` lists what there is.\n")


def command_parser() -> argparse.ArgumentParser:
    """Parser of the command line; `function` is what runs the command, as `module.function` of `commands`."""
    parser = _Parser(
        prog="piboothup",
        description="A button camera for parties: press, photo, saved; each photo reaches the EventPics album.",
    )
    parser.add_argument("--version", action="version", version=f"piboothup {__version__}")
    parser.add_argument("--config", metavar="FILE", help="instead of $PIBOOTHUP_CONFIG or /etc/piboothup/config.toml")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, description: str, target: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=description)
        command.set_defaults(function=target)
        return command

    demo = add("demo", "the whole appliance on this computer, camera and EventPics simulated", "simulation.demo")
    demo.add_argument("--script", action="store_true", help="no keys: a run that proves every photo, and a table")
    add("booth", "the service with the button, the camera and the panel", "services.booth")
    add("uploader", "the service that brings photos to the album", "services.uploader")
    add("run", "both services, for a desk or a Pi without the units", "services.run")
    press = add("press", "press the button of the running booth", "remote.press")
    press.add_argument("--hold", type=_seconds, default=0.0, metavar="SECONDS", help="and let go after so long")
    screen = add("screen", "write what the panel shows now as a PNG", "remote.screen")
    screen.add_argument("file", metavar="FILE.png")
    screens = add("screens", "write every screen as a PNG, and a sheet of all", "simulation.screens")
    screens.add_argument("directory", metavar="DIR")
    status = add("status", "how both services, the spool and the clock are", "status.run")
    status.add_argument("--json", action="store_true", help="for programs")
    doctor = add("doctor", "check each part of the box, a line each: what is wrong and what helps", "doctor.run")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--fix", action="store_true", help="mend what is safe to mend (as root), and say what")
    doctor.add_argument("--online", action="store_true", help="ask EventPics too: name, certificate, key, event")
    bundle = add(
        "support-bundle", "a zip for whoever helps you, without keys, names and photos", "support_bundle.run"
    )
    bundle.add_argument("file", metavar="FILE.zip", help="- is standard output")
    camera = add("camera", "what cameras there are, and a test photo with its timings, judged", "camera.run")
    camera.add_argument("file", type=Path, metavar="FILE.jpg", nargs="?", help="where the test photo goes")
    camera.add_argument("--json", action="store_true", help="for programs")
    overlay = add(
        "overlay", "check a photo frame, say how it is fitted, lay it where the booth reads it", "overlay.run"
    )
    overlay.add_argument("file", metavar="FILE.png", help="the frame: a PNG with transparency")
    overlay.add_argument("--preview", metavar="OUT.png", help="only show it over a photo, in this file")
    add("events", "the events and albums of the API key", "albums.run")
    _add_qr(add("qr", "a code that a box is set up by, to be held before its lens or printed", "qr.run"))
    simulator = add("simulator", "a local EventPics", "simulation.simulator")
    simulator.add_argument("--port", type=int, default=0, metavar="N")
    simulator.add_argument("--directory", type=Path, default="eventpics", metavar="DIR", help="where the albums go")
    simulator.add_argument("--faults", type=Path, metavar="FILE", help="what goes wrong, as TOML")
    _add_setup(add("setup", "what the file on the card was answered, and its networks", ""))
    _add_queue(add("queue", "the photos on the card", ""))
    return parser


def _add_setup(setup: argparse.ArgumentParser) -> None:
    works = setup.add_subparsers(required=True)
    answer = works.add_parser("status", help="what was taken of it, and each mistake with its line")
    answer.set_defaults(function="setup.show_answer")
    networks = works.add_parser("wifi", help="the networks that the box was given, and how it is connected")
    networks.set_defaults(function="setup.show_networks")
    forgotten = networks.add_mutually_exclusive_group()
    forgotten.add_argument("--forget", metavar="NAME", help="delete the network of this name")
    forgotten.add_argument("--forget-codes", action="store_true", help="delete the networks that codes gave")
    works.add_parser("import").set_defaults(function="setup.import_file")
    works.add_parser("frame").set_defaults(function="overlay.judge")
    works.add_parser("requests").set_defaults(function="setup.serve_requests")
    works.add_parser("stick").set_defaults(function="setup.take_stick")
    copies = works.add_parser("stick-copy")
    copies.set_defaults(function="setup.copy_to_stick")
    copies.add_argument("disk")
    works.add_parser("spool").set_defaults(function="setup.open_spool")


def _add_qr(qr: argparse.ArgumentParser) -> None:
    qr.add_argument(
        "what",
        nargs="?",
        choices=("booth", "wifi", "event"),
        default="booth",
        help="booth: the settings of this box, with its key (default); wifi: a network; event: the guests' link",
    )
    qr.add_argument("--event", default="", metavar="LINK", help="another event: the guests' link, or its id")
    qr.add_argument("--wifi", action="store_true", help="with a network: name and password are asked for")
    qr.add_argument("--hidden", action="store_true", help="the network is hidden")
    qr.add_argument("--wpa3", action="store_true", help="the network takes WPA3 alone")
    qr.add_argument("--country", default="", metavar="XX", help="the country that the box stands in, such as DE")
    qr.add_argument("--ask-key", action="store_true", help="with another API key, which is asked for")
    qr.add_argument("--table", metavar="FILE.csv", help="a code for each row; columns as in the README")
    into = qr.add_mutually_exclusive_group()
    into.add_argument("--png", metavar="FILE.png", help="as a picture")
    into.add_argument("--sheet", metavar="FILE.html", help="as cards, to be printed from a browser")


def _add_queue(queue: argparse.ArgumentParser) -> None:
    commands = queue.add_subparsers(metavar="WHAT", required=True)
    listing = commands.add_parser("list", help="every photo that the album does not have")
    listing.set_defaults(function="spool_queue.show_photos")
    listing.add_argument("--json", action="store_true", help="for programs, with the numbers per event and day")
    report = commands.add_parser("report", help="a page for the customer: numbers, hours, what is in the album")
    report.set_defaults(function="spool_queue.report_photos")
    report.add_argument("event", metavar="EVENT", help="the event's linkId; `queue list --json` names all")
    retry = commands.add_parser("retry", help="parked photos back, end any pause, try now")
    retry.set_defaults(function="spool_queue.retry_parked")
    restore = commands.add_parser("restore", help="send photos after all that guests took back")
    restore.set_defaults(function="spool_queue.restore_withdrawn")
    restore.add_argument("--event", metavar="ID", help="of this event alone (its linkId)")
    export = commands.add_parser("export", help="copy all photos, a folder per event, names for people")
    export.set_defaults(function="spool_queue.export_photos")
    export.add_argument("directory", type=Path, metavar="DIR")
    export.add_argument(
        "--spool", type=Path, metavar="DIR", help="the spool on another box's card, instead of this box's"
    )
    assign = commands.add_parser("assign", help="move waiting photos to another event")
    assign.set_defaults(function="spool_queue.assign_photos")
    assign.add_argument(
        "--from", dest="source", required=True, metavar="CONTEXT", help="its id or its event's linkId"
    )
    assign.add_argument("--to", dest="target", required=True, metavar="EVENT[/ALBUM]", help="linkId and album id")
    assign.add_argument("--yes", action="store_true", help="without asking")
    wipe = commands.add_parser("wipe", help="delete an event's photos, or all", allow_abbrev=False)
    wipe.set_defaults(function="spool_queue.wipe_photos")
    which = wipe.add_mutually_exclusive_group()
    which.add_argument("--event", metavar="ID", help="this event (its linkId)")
    which.add_argument("--all", action="store_true", help="the whole card")
    wipe.add_argument("--unsent", action="store_true", help="also photos that no album has; asks for their number")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= 60:
            return seconds
    raise argparse.ArgumentTypeError("from 0 to 60 seconds")
