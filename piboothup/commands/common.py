"""Parts shared by several commands: the config, the spool, and the error of a failed command."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from piboothup.clock import Clock
    from piboothup.config import Config, ConfigError, EffectiveConfig
    from piboothup.config.import_record import ImportWatch
    from piboothup.problems import Problem
    from piboothup.spool.store import Spool

OK, FAILED, USAGE = 0, 1, 2


_CONFIG = {"tomli": "tomli"}
DRAWING = {"numpy": "numpy", "PIL.Image": "pil"}
"""What the booth needs; it imports that later than a command does, as the camera has priority."""
_REQUESTS = {"requests": "requests ca-certificates"}
"""requests 2.32 reads the trusted roots as it is imported."""
NEEDED = {
    **dict.fromkeys(("services.run", "status.run", "doctor.run", "support_bundle.run", "setup.open_spool"), _CONFIG),
    **dict.fromkeys(("setup.import_file", "setup.show_networks"), _CONFIG),
    **{f"spool_queue.{name}_photos": _CONFIG for name in ("show", "report", "export", "assign", "wipe")},
    **dict.fromkeys(("spool_queue.retry_parked", "spool_queue.restore_withdrawn"), _CONFIG),
    "services.booth": _CONFIG,
    "services.uploader": {**_CONFIG, **_REQUESTS},
    "camera.run": {**_CONFIG, **DRAWING, "simplejpeg": "simplejpeg"},
    "overlay.run": {**_CONFIG, **DRAWING, "simplejpeg": "simplejpeg"},
    "albums.run": {**_CONFIG, **_REQUESTS},
    "simulation.demo": {**_CONFIG, **DRAWING, "simplejpeg": "simplejpeg", **_REQUESTS},
    "simulation.screens": DRAWING,
    "remote.screen": DRAWING,
    "qr.run": {**_CONFIG, "segno": "segno"},
}
"""Libraries without which a command can do nothing, each with its part of a Debian package's name."""


class CommandFails(Exception):
    """Failure of a command; the text is a sentence with a remedy."""


def need_libraries(libraries: Mapping[str, str]) -> None:
    """Import these libraries. Raises CommandFails for one that can't be used.

    A damaged file, a lost system library or another numpy than it was built for: each raises an error of its own.
    """
    for library, package in libraries.items():
        try:
            importlib.import_module(library)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            remedy = f"sudo apt install --reinstall python3-{package}"
            raise CommandFails(f"The library {library} can't be used ({reason}): {remedy}") from None


@contextlib.contextmanager
def ends_by_signal() -> Iterator[list[int]]:
    """End a command on SIGTERM and SIGHUP (a closed terminal) as on Ctrl-C: what it started is ended first.

    Then the process dies of the signal without waiting for a reader of its output. Enter it in the main thread.
    Yields the list that the signal is noted in: SystemExit is lost where it comes up in a finalizer.
    """
    ended_by: list[int] = []

    def end(number: int, _frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # nothing cuts the clearing-up short
        ended_by.append(number)
        sys.exit(128 + number)

    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, end) for each in heard}
    try:
        yield ended_by
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if ended_by:
            signal.signal(ended_by[0], signal.SIG_DFL)
            os.kill(os.getpid(), ended_by[0])


def load(given: argparse.Namespace) -> Config:
    """Load the config of the command and print its warnings. Raises ConfigError for any error in it.

    For commands that move, delete or start something: these accept no config with errors.
    """
    used = _read(given)
    if used.errors:
        raise used.errors[0]
    _tell(used.warnings)
    return used.config


def load_effective(given: argparse.Namespace, *, needs_key: bool = False) -> EffectiveConfig:
    """Load the settings that a booth with this config uses; print errors and warnings.

    For commands that only read. Raises ConfigError when a file given by the user is missing, and with `needs_key`
    when the key may be in an invalid part.
    """
    from piboothup import config

    used, path = _read(given), config.find(given.config)
    is_missing = path != config.DEFAULT_PATH and not os.access(path, os.F_OK)
    if used.errors and (is_missing or (needs_key and used.lacks_key)):
        raise used.errors[0]
    _tell((*used.errors, *used.warnings))
    if used.errors:
        which = "The last good settings" if used.has_last_good else "The settings of a new box"
        _tell([f"{which} are used where the file's can't be, and the photos in {used.config.spool.directory}."])
    return used


def service_config(given: argparse.Namespace) -> EffectiveConfig:
    """Load the settings of a service: on a box the effective ones, at a desk only valid ones (raises ConfigError)."""
    from piboothup.runtime import under_systemd

    used = _read(given)
    if used.errors and not under_systemd():
        raise used.errors[0]
    _tell((*used.errors, *used.warnings))
    return used


def import_watch(given: argparse.Namespace) -> ImportWatch:
    """Watch of imports that change this config."""
    from piboothup import config
    from piboothup.config.import_record import ImportWatch

    path = config.find(given.config)
    return ImportWatch(path.parent if path == config.DEFAULT_PATH else None)


def _read(given: argparse.Namespace) -> EffectiveConfig:
    from piboothup import config
    from piboothup.spool.names import box_id, hardware_serial

    return config.load_effective(config.find(given.config), box_id(hardware_serial()))


def _tell(sentences: Iterable[object]) -> None:
    for sentence in sentences:
        print(f"piboothup: {sentence}", file=sys.stderr)


def config_problem(used: EffectiveConfig) -> Problem | None:
    """Problem of the config file for status and panel; None when it has none."""
    from piboothup.problems import problem

    if not used.errors and used.has_card_mistakes:
        return problem("card_file")
    if not used.errors:
        return problem("unused_setting") if used.has_unused else None
    first = used.errors[0]
    code = "bad_config" if used.has_last_good else "config_default"
    return problem(code, place_of(first))


def place_of(error: ConfigError) -> str:
    """Line of a mistake in the config, with the file's name when it is another than the config file."""
    from piboothup.config.good_copy import ROOT_FILE

    name = Path(error.path).name
    line = f"line {error.line}" if error.line else ""
    return f"{name} {line}".rstrip() if name == ROOT_FILE or not line else line


def open_spool(loaded: Config) -> tuple[Spool, Clock]:
    """Open the spool of the config with the machine's clock, without reading or writing anything."""
    from piboothup.clock import SystemClock
    from piboothup.spool.store import Spool

    clock = SystemClock()
    return Spool(loaded.spool.path, clock), clock


def check_private(path: Path, example: str) -> None:
    """Raise CommandFails for what is certain before any work: only a file is replaced. `example`: a file's name."""
    if path.is_dir():
        raise CommandFails(f"{path} is a folder: name a file in it, such as {path / example}.")
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise CommandFails(f"{path} is no plain file: name another.")


def write_private(path: Path, content: bytes, example: str) -> None:
    """Replace the file atomically, readable by nobody but whoever asked for it. Raises CommandFails.

    `example`: a file's name.
    """
    from piboothup.spool import durable

    try:
        durable.replace(path, content, 0o600)
        if (
            os.geteuid() == 0
            and os.environ.get("SUDO_UID", "").isdigit()
            and os.environ.get("SUDO_GID", "").isdigit()
        ):
            os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]), follow_symlinks=False)
    except FileNotFoundError:
        raise CommandFails(f"{path} can't be written (its folder is not there): make it, or name another.") from None
    except OSError as error:
        remedy = f"name a file that you may write, such as /tmp/{example}"
        if error.errno in durable.FULL:
            remedy = "free some room there, or name a file on another disk"
        raise CommandFails(f"{path} can't be written ({error.strerror or error}): {remedy}.") from None
