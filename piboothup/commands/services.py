"""`piboothup booth`, `uploader` and `run`: start the services with their devices and the config, or the last good.

Imports happen on use: the uploader loads no device library, the booth no network library.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from piboothup import config
from piboothup.commands.common import (
    DRAWING,
    OK,
    config_problem,
    import_watch,
    load,
    need_libraries,
    open_spool,
    service_config,
)
from piboothup.log_pipe import LogPipe
from piboothup.process import end_with_parent, stop_signals
from piboothup.runtime import service_directory, under_systemd

if TYPE_CHECKING:
    import argparse

    from piboothup.booth.camera.base import Camera
    from piboothup.booth.devices import Devices
    from piboothup.booth.storage import Followed
    from piboothup.clock import Clock
    from piboothup.config import Config
    from piboothup.config.import_record import ImportWatch


log = logging.getLogger(__name__)


def _begin() -> LogPipe:
    """Set up a service's process: it ends with its parent, and its log never blocks."""
    end_with_parent()
    pipe = LogPipe()
    wanted = os.environ.get("PIBOOTHUP_LOG", "INFO").upper()
    level = wanted if wanted in logging.getLevelNamesMapping() else "INFO"
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    return pipe


@contextlib.contextmanager
def stopped_from_outside(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on a signal, and when a thread of the service dies of an exception.

    A service without one of its threads would seem to run; systemd, or `piboothup run`, starts it again as a whole.
    """
    report = threading.excepthook

    def asked(_number: int, _frame: object) -> None:
        stop()

    def died(what: threading.ExceptHookArgs) -> None:
        report(what)
        if what.thread is not None and not _is_helper_of_library(what.thread):
            log.error("thread died name=%s", what.thread.name)
            stop()

    before = {number: signal.signal(number, asked) for number in stop_signals()}
    threading.excepthook = died
    try:
        yield
    finally:
        threading.excepthook = report
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_helper_of_library(thread: threading.Thread) -> bool:
    """Whether a library started it for a device that photos can do without, or whose stalls are noticed.

    These are gpiozero's writers of a light, and picamera2's event loop. (lgpio's reader of edges is none: without it
    the button is dead.) All threads of this program have names of their own.
    """
    is_unnamed = type(thread) is threading.Thread and thread.name.startswith("Thread-")
    return is_unnamed or type(thread).__module__ == "gpiozero.threads"


def booth(given: argparse.Namespace) -> int:
    """Run the booth."""
    _begin()
    from piboothup.booth.service import BoothService

    watch = import_watch(given)
    used = service_config(given)
    loaded = used.config
    is_box = config.find(given.config) == config.DEFAULT_PATH
    if used.names is not None and is_box:
        _note_spool(loaded.spool.directory)
    spool, clock = open_spool(loaded)
    devices = _devices(loaded, clock)
    known = config.known_spools_file() if is_box else None
    service = BoothService(
        loaded,
        spool,
        clock,
        service_directory(),
        devices,
        config_problem(used),
        used.names,
        known,
        lambda: need_libraries(DRAWING),
        lambda: _followed(given, watch),
    )
    with stopped_from_outside(service.stop):
        service.run()
    return OK


def _followed(given: argparse.Namespace, watch: ImportWatch) -> Followed | None:
    """The config after an import of the card's file; None when there was none."""
    if not watch.has_news():
        return None
    watch.note()
    used = service_config(given)
    return used.config, config_problem(used), used.names


def _note_spool(directory: str) -> None:
    """Record the box's spool directory in the default folder, in case the config is truncated later."""
    from piboothup.spool import durable

    note = config.elsewhere_file()
    try:
        if directory == str(note.parent):
            note.unlink(missing_ok=True)
        elif note.parent.is_dir():
            durable.update(note, f"{directory}\n".encode())
    except OSError as error:
        log.error("spool not noted reason=%s", error.strerror or error)


def _devices(loaded: Config, clock: Clock) -> Devices:
    from piboothup.booth.devices import Devices
    from piboothup.booth.gpio.button import GpioButton
    from piboothup.booth.gpio.buzzer import Buzzer, GpioBuzzer
    from piboothup.booth.gpio.led import GpioLight, Light
    from piboothup.booth.panel import hello
    from piboothup.booth.panel.base import PanelDevice
    from piboothup.booth.panel.oled import OledPanel

    panel, light, button = loaded.panel, loaded.light, loaded.button
    return Devices(
        camera=camera_device(loaded, clock),
        panel=PanelDevice() if panel.driver in ("simulated", "none") else OledPanel(panel, hello=hello.begun),
        light=GpioLight(light) if light.driver == "gpiozero" else Light(),
        button=GpioButton(button, clock) if button.driver == "gpiozero" else None,
        buzzer=GpioBuzzer(light) if light.driver == "gpiozero" and light.buzzer_pin else Buzzer(),
    )


def camera_device(loaded: Config, clock: Clock) -> Camera:
    """Camera driver of the config, not yet opened."""
    if loaded.camera.driver == "simulated":
        need_libraries(DRAWING)
        from piboothup.simulator.camera import SimulatedCamera

        return SimulatedCamera(loaded.camera, clock)
    from piboothup.booth.camera.picamera2_driver import Picamera2Driver

    return Picamera2Driver(loaded.camera)


def uploader(given: argparse.Namespace) -> int:
    """Run the uploader."""
    _begin()
    from piboothup.spool.contexts import Context
    from piboothup.spool.names import PhotoName
    from piboothup.uploader.service import Uploader

    watch = import_watch(given)
    loaded, refused = _uploader_config(given)
    directory, starts_anew = service_directory(), True
    begun = loaded  # where the booth saves photos: for it too another folder counts from the next start on
    unmarked, service, is_stopped = dict[PhotoName, Context](), None, False

    def stop() -> None:
        nonlocal is_stopped
        is_stopped = True
        if service is not None:
            service.stop()

    with stopped_from_outside(stop):
        while starts_anew and not is_stopped:
            spool, clock = open_spool(begun)
            news = watch.has_news
            service = Uploader(
                loaded, spool, clock, directory, refused=refused, has_new_config=news, unmarked=unmarked
            )
            if not is_stopped:  # else it may know nothing of it
                service.run()
            starts_anew = service.needs_restart
            if starts_anew and watch.has_news():
                watch.note()
                loaded, refused = _uploader_config(given)
    return OK


def _uploader_config(given: argparse.Namespace) -> tuple[Config, str]:
    """The config, and why it can't be used. A key that can't be read is told: it may be mended."""
    used = service_config(given)
    try:
        used.config.read_key()
    except config.ConfigError as error:
        if not under_systemd():
            raise
        print(f"piboothup: {error}", file=sys.stderr)  # the uploader reads it anew once a minute
    return used.config, str(used.errors[0]) if used.lacks_key else ""


def run(given: argparse.Namespace) -> int:
    """Run both services as child processes."""
    from piboothup.commands import supervisor

    pipe = _begin()
    load(given)
    return supervisor.run(str(config.find(given.config)), pipe.reader)
