"""The commands. Imports are lazy, so that `piboothup --help` and `status` answer at once.

Exit status: 0 ok, 1 failed, 2 usage or config error. What a person should know goes to standard error in one line
with a remedy; a traceback is a defect.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from piboothup import __version__
from piboothup.commands.common import (
    FAILED,
    OK,
    USAGE,
    CommandFails,
    config_problem,
    ends_by_signal,
    load_usable,
    open_spool,
)

if TYPE_CHECKING:
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"piboothup: {message}. `{self.prog} --help` lists what there is.\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit status."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a closed one is None
            # A terminal that is not UTF-8 gets what it can show, and may send what it likes.
            stream.reconfigure(errors="replace" if stream is sys.stdin else "backslashreplace")
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        status = _status_of(error)
        if status is None:
            raise
        print(f"piboothup: {error}", file=sys.stderr)
        return status


def _status_of(error: Exception) -> int | None:
    """The exit status of an error that is told in a sentence; None for a defect."""
    from piboothup.config import ConfigError
    from piboothup.runtime import RuntimeUnusable
    from piboothup.spool.layout_version import SpoolUnusable
    from piboothup.spool.store import AlreadyRunning

    if isinstance(error, ConfigError):
        return USAGE
    told = (CommandFails, RuntimeUnusable, SpoolUnusable, AlreadyRunning, PermissionError)
    return FAILED if isinstance(error, told) else None


def _parser() -> _Parser:
    parser = _Parser(
        prog="piboothup",
        description="A button camera for parties: press, photo, saved; each photo reaches the EventPics album.",
    )
    parser.add_argument("--version", action="version", version=f"piboothup {__version__}")
    parser.add_argument("--config", metavar="FILE", help="instead of $PIBOOTHUP_CONFIG or /etc/piboothup/config.toml")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, told: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=told, description=told)
        command.set_defaults(command=run)
        return command

    demo = add("demo", "the whole appliance on this computer, with a simulated camera and EventPics", _demo)
    demo.add_argument("--script", action="store_true", help="no keys: a run that proves every photo, and a table")
    add("booth", "the service with the button, the camera and the panel", _booth)
    add("uploader", "the service that brings photos to the album", _uploader)
    add("run", "both services, for a desk or a Pi without the units", _run)
    press = add("press", "press the button of the running booth", _press)
    press.add_argument("--hold", type=_seconds, default=0.0, metavar="SECONDS", help="and let go after so long")
    screen = add("screen", "write what the panel shows now as a PNG", _screen)
    screen.add_argument("file", metavar="FILE.png")
    screens = add("screens", "write every screen as a PNG, and a sheet of all", _screens)
    screens.add_argument("directory", metavar="DIR")
    status = add("status", "how both services, the spool and the clock are", _status)
    status.add_argument("--json", action="store_true", help="for programs")
    camera = add("camera", "what cameras there are, and a test photo with its timings, judged", _camera)
    camera.add_argument("file", metavar="FILE.jpg", nargs="?", help="where the test photo goes")
    add("events", "the events and albums of the API key", _events)
    simulator = add("simulator", "a local EventPics", _simulator)
    simulator.add_argument("--port", type=int, default=0, metavar="N")
    simulator.add_argument("--directory", default="eventpics", metavar="DIR", help="where the albums go")
    simulator.add_argument("--faults", metavar="FILE", help="what goes wrong, as TOML")
    _add_queue(add("queue", "the photos on the card", _queue))
    return parser


def command_names() -> set[str]:
    """The commands there are."""
    actions = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {name for action in actions for name in action.choices}


def _add_queue(queue: argparse.ArgumentParser) -> None:
    commands = queue.add_subparsers(metavar="WHAT", dest="what", required=True)
    commands.add_parser("list", help="every photo that waits or is parked")
    commands.add_parser("retry", help="parked photos back, end any pause, try now")
    export = commands.add_parser("export", help="copy all photos, a folder per event, names for people")
    export.add_argument("directory", metavar="DIR")
    export.add_argument("--spool", metavar="DIR", help="the spool on another box's card, instead of this box's")
    assign = commands.add_parser("assign", help="move waiting photos to another event")
    assign.add_argument(
        "--from", dest="source", required=True, metavar="CONTEXT", help="its id or its event's linkId"
    )
    assign.add_argument("--to", dest="target", required=True, metavar="EVENT[/ALBUM]", help="linkId and album id")
    assign.add_argument("--yes", action="store_true", help="without asking")
    wipe = commands.add_parser("wipe", help="delete an event's photos, or all", allow_abbrev=False)
    which = wipe.add_mutually_exclusive_group()
    which.add_argument("--event", metavar="ID", help="this event (its linkId)")
    which.add_argument("--all", action="store_true", help="the whole card")
    wipe.add_argument("--unsent", action="store_true", help="also photos that no album has; asks for their number")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= 60:
            return seconds
    raise argparse.ArgumentTypeError("from 0 to 60 seconds")


# -- each command ---------------------------------------------------------------------------------------------------


def _booth(given: argparse.Namespace) -> int:
    from piboothup.commands import services

    return services.booth(given)


def _uploader(given: argparse.Namespace) -> int:
    from piboothup.commands import services

    return services.uploader(given)


def _run(given: argparse.Namespace) -> int:
    from piboothup.commands import services

    return services.run(given)


def _demo(given: argparse.Namespace) -> int:
    from piboothup.simulator import demo, desk

    is_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    with ends_by_signal():
        return desk.live() if is_terminal and not given.script else demo.scripted()


def _simulator(given: argparse.Namespace) -> int:
    from piboothup.simulator import server

    faults = Path(given.faults) if given.faults else None
    try:
        server.main(given.port, Path(given.directory), faults)
    except (OSError, OverflowError, ValueError) as error:
        raise CommandFails(f"The local EventPics can't start: {error}") from None
    return OK


def _press(given: argparse.Namespace) -> int:
    import threading

    from piboothup.runtime import command_directory, send_hint

    directory = command_directory()
    if not given.hold:
        heard = send_hint(directory, "booth", "press")
    else:
        heard = False
        with ends_by_signal():
            try:
                heard = send_hint(directory, "booth", "down")
                threading.Event().wait(given.hold if heard else 0.0)
            finally:  # also after Ctrl-C, however early: a button that nobody lets go is stuck
                heard = send_hint(directory, "booth", "up") and heard
    if not heard:
        raise CommandFails(
            "No booth is running: start it with `piboothup run`, or on a box `systemctl start piboothup-booth`."
        )
    return OK


def _screen(given: argparse.Namespace) -> int:
    from PIL import Image

    from piboothup import status
    from piboothup.runtime import command_directory

    directory = command_directory()
    if status.read(directory, "booth") is None:
        raise CommandFails("No booth is running, so the panel shows nothing: start it with `piboothup run`.")
    try:
        with Image.open(directory / "panel.pbm") as picture:
            picture.save(given.file, format="PNG")
    except FileNotFoundError as error:
        raise CommandFails(f"{error.filename or given.file} is not there: does its folder exist?") from None
    except OSError as error:
        raise CommandFails(f"{given.file} can't be written ({error.strerror or error}): name another.") from None
    return OK


def _screens(given: argparse.Namespace) -> int:
    from piboothup.simulator.gallery import write_gallery

    try:
        written = write_gallery(Path(given.directory))
    except OSError as error:
        raise CommandFails(f"{given.directory} can't be written ({error.strerror}): name another folder.") from None
    print(f"{len(written)} pictures in {given.directory}")
    return OK


def _status(given: argparse.Namespace) -> int:
    import json

    from piboothup.commands import status as report
    from piboothup.runtime import command_directory

    used = load_usable(given)
    spool, clock = open_spool(used.config)
    assembled = report.assemble(used.config, spool, clock, command_directory(), config_problem(used))
    print(json.dumps(assembled, indent=2) if given.json else report.format_report(assembled))
    return OK


def _camera(given: argparse.Namespace) -> int:
    from piboothup.booth.camera.base import CameraFault
    from piboothup.booth.camera.detect import connected_cameras
    from piboothup.commands import camera as camera_command
    from piboothup.commands.services import camera_device

    loaded = load_usable(given).config
    _, clock = open_spool(loaded)
    try:
        found = [] if loaded.camera.driver == "simulated" else connected_cameras()
    except CameraFault as fault:
        raise CommandFails(str(fault)) from None
    file = Path(given.file) if given.file else None
    camera_command.run(loaded, clock, camera_device(loaded, clock), found, file)
    return OK


def _queue(given: argparse.Namespace) -> int:
    from piboothup.commands import photos

    return photos.run(given)


def _events(given: argparse.Namespace) -> int:
    from piboothup.clock import SystemClock
    from piboothup.problems import problem
    from piboothup.spool import choices
    from piboothup.uploader.eventpics import ApiError, EventPicsApi, outcome_of
    from piboothup.uploader.outcomes import ApiCall, decide
    from piboothup.uploader.schedule.link_status import link_problem
    from piboothup.uploader.transport.errors import LinkError

    loaded = load_usable(given, needs_key=True).config
    key = loaded.read_key()
    if key is None:
        raise CommandFails(str(problem("no_key")))
    try:
        answer = EventPicsApi(loaded.eventpics.api_url, key, SystemClock()).events()
    except (ApiError, LinkError) as error:
        came = outcome_of(error)
        raise CommandFails(str(link_problem(decide(ApiCall.EVENTS, came), came)[1])) from None
    spool, _ = open_spool(loaded)
    here = choices.read(spool.directory, loaded).over(loaded).eventpics
    for event in answer.events:
        chosen = event.link_id == here.link_id
        print(f"{'*' if chosen else ' '} {event.link_id}  {event.title}")
        for album in event.albums:
            marked = chosen and album.id == here.album_id
            print(f"  {'*' if marked else ' '} {album.id}  {album.title}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
