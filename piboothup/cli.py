"""The commands. Imports are lazy, so that `piboothup --help` and `status` answer at once.

Exit status: 0 ok, 1 failed, 2 usage or config error. What a person should know goes to standard error in one line
with a remedy; a traceback is a defect.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from piboothup import __version__

if TYPE_CHECKING:
    from piboothup.booth.service import Devices
    from piboothup.config import Config
    from piboothup.problems import Problem
    from piboothup.spool.clock import Clock
    from piboothup.spool.store import Spool

OK, FAILED, USAGE = 0, 1, 2


class _Fails(Exception):
    """A command can't do its work; the text is a sentence with a remedy."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"piboothup: {message}. `{self.prog} --help` lists what there is.\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit status."""
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
    from piboothup.spool.export import ExportError
    from piboothup.spool.store import AlreadyRunning, SpoolUnusable

    if isinstance(error, ConfigError):
        return USAGE
    told = (_Fails, RuntimeUnusable, SpoolUnusable, AlreadyRunning, ExportError, PermissionError)
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
    add("events", "the events and albums of the API key", _events)
    simulator = add("simulator", "a local EventPics", _simulator)
    simulator.add_argument("--port", type=int, default=0, metavar="N")
    simulator.add_argument("--directory", default="eventpics", metavar="DIR", help="where the albums go")
    simulator.add_argument("--faults", metavar="FILE", help="what goes wrong, as TOML")
    _add_queue(add("queue", "the photos on the card", _queue_list))
    return parser


def command_names() -> set[str]:
    """The commands there are."""
    actions = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {name for action in actions for name in action.choices}


def _add_queue(queue: argparse.ArgumentParser) -> None:
    commands = queue.add_subparsers(metavar="WHAT", required=True)
    commands.add_parser("list", help="every photo that waits or is parked").set_defaults(command=_queue_list)
    retry = commands.add_parser("retry", help="parked photos back, end any pause, try now")
    retry.set_defaults(command=_queue_retry)
    export = commands.add_parser("export", help="copy all photos, a folder per event, names for people")
    export.add_argument("directory", metavar="DIR")
    export.set_defaults(command=_queue_export)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError("from 0 to 60 seconds")
    return seconds


# -- what several commands need ------------------------------------------------------------------------------------


def _load(given: argparse.Namespace) -> tuple[Config, Path]:
    from piboothup import config

    path = config.find(given.config)
    loaded, warnings = config.load(path)
    for warning in warnings:
        print(f"piboothup: {warning}", file=sys.stderr)
    return loaded, path


def _open_spool(loaded: Config) -> tuple[Spool, Clock]:
    from piboothup.spool.clock import SystemClock
    from piboothup.spool.store import Spool

    clock = SystemClock()
    return Spool(Path(loaded.spool.directory), clock), clock


def _log_to_stderr() -> None:
    import logging

    wanted = os.environ.get("PIBOOTHUP_LOG", "INFO").upper()
    level = wanted if wanted in logging.getLevelNamesMapping() else "INFO"
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    import signal

    def asked(_number: int, _frame: object) -> None:
        stop()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# -- the services --------------------------------------------------------------------------------------------------


def _booth(given: argparse.Namespace) -> int:
    from piboothup.booth.service import BoothService
    from piboothup.runtime import service_directory

    _log_to_stderr()
    loaded, notice = _booth_config(given)
    spool, clock = _open_spool(loaded)
    service = BoothService(loaded, spool, clock, service_directory(), _devices(loaded, clock), notice)
    with _stopped_by_signals(service.stop):
        service.run()
    return OK


def _booth_config(given: argparse.Namespace) -> tuple[Config, Problem | None]:
    """The config, or what a box does without a usable one: the last good one, else the defaults, and a notice."""
    from piboothup import config
    from piboothup.problems import problem
    from piboothup.runtime import under_systemd

    try:
        return _load(given)[0], None
    except config.ConfigError as error:
        if not under_systemd():
            raise
        print(f"piboothup: {error}", file=sys.stderr)
        directory = config.salvage_directory(config.find(given.config))
        line = f"line {error.line}" if error.line else Path(error.path).name
        try:
            good, _ = config.load(directory / config.GOOD_FILE)
        except config.ConfigError:
            good = config.with_directory(config.Config(), directory)
        return good, problem("bad_config", line)


def _devices(loaded: Config, clock: Clock) -> Devices:
    from piboothup.booth.button import GpioButton
    from piboothup.booth.light import GpioLight, NoLight
    from piboothup.booth.oled import OledPanel
    from piboothup.booth.panel import NoPanel
    from piboothup.booth.picamera import PiCamera
    from piboothup.booth.service import Devices
    from piboothup.simulator.camera import SimulatedCamera

    camera, panel, light, button = loaded.camera, loaded.panel, loaded.light, loaded.button
    return Devices(
        camera=SimulatedCamera(camera, clock) if camera.driver == "simulated" else PiCamera(camera),
        panel=NoPanel() if panel.driver in ("simulated", "none") else OledPanel(panel),
        light=GpioLight(light) if light.driver == "gpiozero" else NoLight(),
        button=GpioButton(button, clock) if button.driver == "gpiozero" else None,
    )


def _uploader(given: argparse.Namespace) -> int:
    from piboothup import config
    from piboothup.runtime import service_directory, under_systemd
    from piboothup.uploader.service import Uploader

    _log_to_stderr()
    refused: config.ConfigError | None = None
    try:
        loaded, path = _load(given)
        loaded.read_key()
    except config.ConfigError as error:
        if not under_systemd():
            raise
        print(f"piboothup: {error}", file=sys.stderr)
        refused, path = error, config.find(given.config)
        loaded = config.with_directory(config.Config(), config.salvage_directory(path))
    spool, clock = _open_spool(loaded)
    spool.prepare()
    service = Uploader(loaded, spool, clock, service_directory(), refused=str(refused or ""))
    with _stopped_by_signals(service.stop):
        service.run()
    return OK


def _run(given: argparse.Namespace) -> int:
    from piboothup import supervise

    _log_to_stderr()
    _, path = _load(given)
    return supervise.run(str(path))


def _demo(given: argparse.Namespace) -> int:
    from piboothup.simulator import demo, desk

    if given.script or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return demo.scripted()
    return desk.live()


def _simulator(given: argparse.Namespace) -> int:
    from piboothup.simulator import eventpics

    faults = Path(given.faults) if given.faults else None
    try:
        eventpics.main(given.port, Path(given.directory), faults)
    except (OSError, OverflowError, ValueError) as error:
        raise _Fails(f"The local EventPics can't start: {error}") from None
    return OK


# -- talking to a running booth ------------------------------------------------------------------------------------


def _press(given: argparse.Namespace) -> int:
    import threading

    from piboothup.runtime import command_directory, send_hint

    directory = command_directory()
    if not given.hold:
        heard = send_hint(directory, "booth", "press")
    else:
        heard = send_hint(directory, "booth", "down")
        threading.Event().wait(given.hold)
        heard = send_hint(directory, "booth", "up") and heard
    if not heard:
        raise _Fails(
            "No booth is running: start it with `piboothup run`, or on a box `systemctl start piboothup-booth`."
        )
    return OK


def _screen(given: argparse.Namespace) -> int:
    from PIL import Image

    from piboothup import status
    from piboothup.runtime import command_directory

    directory = command_directory()
    if status.read(directory, "booth") is None:
        raise _Fails("No booth is running, so the panel shows nothing: start it with `piboothup run`.")
    try:
        with Image.open(directory / "panel.pbm") as picture:
            picture.save(given.file, format="PNG")
    except FileNotFoundError as error:
        raise _Fails(f"{error.filename or given.file} is not there: does its folder exist?") from None
    except OSError as error:
        raise _Fails(f"{given.file} can't be written ({error.strerror or error}): name another place.") from None
    return OK


def _screens(given: argparse.Namespace) -> int:
    from piboothup.booth.gallery import write_gallery

    try:
        written = write_gallery(Path(given.directory))
    except OSError as error:
        raise _Fails(f"{given.directory} can't be written ({error.strerror}): name another folder.") from None
    print(f"{len(written)} pictures in {given.directory}")
    return OK


def _status(given: argparse.Namespace) -> int:
    import json

    from piboothup import report
    from piboothup.runtime import command_directory

    loaded, _ = _load(given)
    spool, clock = _open_spool(loaded)
    assembled = report.assemble(loaded, spool, clock, command_directory())
    print(json.dumps(assembled, ensure_ascii=False, indent=2) if given.json else report.as_text(assembled))
    return OK


# -- the photos on the card ----------------------------------------------------------------------------------------


def _queue_list(given: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from piboothup.spool.store import NEW, PARKED

    loaded, _ = _load(given)
    spool, _ = _open_spool(loaded)
    titles = {event.link_id: event.title for event in spool.events()}
    for place in (NEW, PARKED):
        for name in sorted(spool.names(place), key=lambda one: one.order):
            context, unix_ms = spool.context_of(name), spool.taken_at_ms(name)
            link_id = context.link_id if context is not None else ""
            when = (
                "time unknown       " if unix_ms is None else f"{datetime.fromtimestamp(unix_ms // 1000, UTC):%F %T}"
            )
            word = "waits " if place == NEW else "parked"
            print(f"{word}  {when:19}  {name.file_name}  {titles.get(link_id) or link_id or 'no event yet'}")
    return OK


def _queue_retry(given: argparse.Namespace) -> int:
    from piboothup.runtime import command_directory, send_hint

    loaded, _ = _load(given)
    spool, _ = _open_spool(loaded)
    try:
        count = spool.retry_parked()
    except OSError as error:
        raise _Fails(f"A parked photo can't be moved ({error.strerror}): run with sudo.") from None
    heard = send_hint(command_directory(), "uploader", "retry")
    print(f"{count} parked photos wait again. " + ("Trying now." if heard else "The uploader is not running."))
    return OK


def _queue_export(given: argparse.Namespace) -> int:
    from zoneinfo import ZoneInfo

    from piboothup.spool import export

    def told(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    loaded, _ = _load(given)
    spool, _ = _open_spool(loaded)
    done = export.export(spool, Path(given.directory), loaded.name, ZoneInfo(loaded.timezone or "UTC"), told)
    print(f"{done.copied} copied, {done.there} were there already, {done.damaged} damaged and left out")
    return OK if not done.damaged else FAILED


def _events(given: argparse.Namespace) -> int:
    from piboothup.spool.clock import SystemClock
    from piboothup.uploader.api import ApiError, EventPicsApi
    from piboothup.uploader.link_error import LinkError

    loaded, _ = _load(given)
    key = loaded.read_key()
    if key is None:
        raise _Fails("There is no API key yet: put the key from the EventPics app in the config.")
    try:
        answer = EventPicsApi(loaded.eventpics.api_url, key, SystemClock()).events()
    except (ApiError, LinkError) as error:
        raise _Fails(str(error)) from None
    for event in answer.events:
        chosen = event.link_id == loaded.eventpics.link_id
        print(f"{'*' if chosen else ' '} {event.link_id}  {event.title}")
        for album in event.albums:
            marked = chosen and album.id == loaded.eventpics.album_id
            print(f"  {'*' if marked else ' '} {album.id}  {album.title}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
