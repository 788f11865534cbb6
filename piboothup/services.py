"""The two services as commands: their config, or what a box does without a usable one, and their devices.

Imports what it needs when it needs it: the uploader pays for no device, the booth for no network.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup import config
from piboothup.console import OK, load, open_spool
from piboothup.problems import Problem, problem
from piboothup.runtime import service_directory, under_systemd

if TYPE_CHECKING:
    from piboothup.booth.camera import Camera
    from piboothup.booth.devices import Devices
    from piboothup.config import Config
    from piboothup.spool.clock import Clock


def _log_to_stderr() -> None:
    wanted = os.environ.get("PIBOOTHUP_LOG", "INFO").upper()
    level = wanted if wanted in logging.getLevelNamesMapping() else "INFO"
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def asked(_number: int, _frame: object) -> None:
        stop()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def booth(given: argparse.Namespace) -> int:
    """`piboothup booth`."""
    from piboothup.booth import precedence
    from piboothup.booth.service import BoothService

    _log_to_stderr()
    loaded, notice = booth_config(given)
    spool, clock = open_spool(loaded)
    service = BoothService(loaded, spool, clock, service_directory(), _devices(loaded, clock), notice)
    precedence.take_turns()
    with _stopped_by_signals(service.stop):
        service.run()
    return OK


def booth_config(given: argparse.Namespace) -> tuple[Config, Problem | None]:
    """The config, or what a box does without a usable one: the last good one, else the defaults, and a notice."""

    try:
        return load(given)[0], None
    except config.ConfigError as error:
        if not under_systemd():
            raise
        print(f"piboothup: {error}", file=sys.stderr)
        directory = config.salvage_directory(config.find(given.config))
        line = f"line {error.line}" if error.line else Path(error.path).name
        try:
            good, _ = config.load(directory / config.GOOD_FILE)
        except config.ConfigError:
            good = config.Config()
        return config.with_directory(good, directory), problem("bad_config", line)


def _devices(loaded: Config, clock: Clock) -> Devices:
    from piboothup.booth.button import GpioButton
    from piboothup.booth.buzzer import GpioBuzzer, NoBuzzer
    from piboothup.booth.devices import Devices
    from piboothup.booth.light import GpioLight, NoLight
    from piboothup.booth.oled import OledPanel
    from piboothup.booth.panel import NoPanel

    panel, light, button = loaded.panel, loaded.light, loaded.button
    return Devices(
        camera=camera_device(loaded, clock),
        panel=NoPanel() if panel.driver in ("simulated", "none") else OledPanel(panel),
        light=GpioLight(light) if light.driver == "gpiozero" else NoLight(),
        button=GpioButton(button, clock) if button.driver == "gpiozero" else None,
        buzzer=GpioBuzzer(light) if light.driver == "gpiozero" and light.buzzer_pin else NoBuzzer(),
    )


def camera_device(loaded: Config, clock: Clock) -> Camera:
    """The camera that the config asks for; not yet opened."""
    from piboothup.booth.picamera import PiCamera
    from piboothup.simulator.camera import SimulatedCamera

    return SimulatedCamera(loaded.camera, clock) if loaded.camera.driver == "simulated" else PiCamera(loaded.camera)


def uploader(given: argparse.Namespace) -> int:
    """`piboothup uploader`."""
    from piboothup.uploader.service import Uploader

    _log_to_stderr()
    refused = ""
    try:
        loaded, _ = load(given)
    except config.ConfigError as error:
        if not under_systemd():
            raise
        refused = str(error)
        print(f"piboothup: {error}", file=sys.stderr)
        loaded = config.with_directory(config.Config(), config.salvage_directory(config.find(given.config)))
    try:
        loaded.read_key()
    except config.ConfigError as error:
        if not under_systemd():
            raise
        print(f"piboothup: {error}", file=sys.stderr)  # the uploader reads it anew once a minute: it may be mended
    spool, clock = open_spool(loaded)
    spool.prepare()
    service = Uploader(loaded, spool, clock, service_directory(), refused=refused)
    with _stopped_by_signals(service.stop):
        service.run()
    return OK


def run(given: argparse.Namespace) -> int:
    """`piboothup run`: both, as child commands."""
    from piboothup import supervise

    _log_to_stderr()
    _, path = load(given)
    return supervise.run(str(path))
