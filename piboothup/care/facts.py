"""What the checks are given: the config, the services' reports, and files of the system under a root folder.

What a running service holds is read from its report, never from the device. Nothing is written, and nothing is sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from piboothup.care import gpio, i2c
from piboothup.clock import Clock, SystemClock
from piboothup.config import Config
from piboothup.health import STOPS_PHOTOS
from piboothup.problems import Problem, problem
from piboothup.records import dataclass, field
from piboothup.spool import choices
from piboothup.spool.store import Spool
from piboothup.status import BoothReport, UploaderReport

NOT_HERE = "not on this computer"
NEEDS_GROUP = "run it with sudo, or join group piboothup"

UNITS, OLD_UNITS = "/usr/lib/systemd/system", "/etc/systemd/system"
"""Folders of the package's units, and of those that a person put there: the latter win."""


class State(StrEnum):
    """Result of a check, the gravest last."""

    SKIPPED = "skipped"
    OK = "ok"
    WARNING = "warning"
    """Photos go on."""
    FAULT = "fault"
    """No photo can be taken or saved."""


@dataclass(frozen=True)
class Finding:
    """Result of a check: a few words on what was found, or a problem, or why nothing was checked."""

    note: str = ""
    problem: Problem | None = None
    is_skipped: bool = False

    @property
    def state(self) -> State:
        """The state, by the problem."""
        if self.problem is None:
            return State.SKIPPED if self.is_skipped else State.OK
        return State.FAULT if self.problem.code in STOPS_PHOTOS else State.WARNING


def found(code: str, detail: str = "") -> Finding:
    """Finding of a problem."""
    return Finding(problem=problem(code, detail))


def skipped(reason: str) -> Finding:
    """Finding of a check that was not made."""
    return Finding(reason, is_skipped=True)


@dataclass(frozen=True)
class Facts:
    """What is known before any check."""

    config: Config = field(default_factory=Config)
    config_problem: Problem | None = None
    has_config: bool = False
    """Whether there is a config file."""
    booth: BoothReport | None = None
    """None = it does not run, or its report can't be read."""
    uploader: UploaderReport | None = None
    hides_reports: bool = False
    """True when this user may not read the services' reports."""
    clock: Clock = field(default_factory=SystemClock)
    root: Path = Path("/")
    """Folder that stands for `/`, for tests."""
    read_byte: Callable[[Path, int], int | None] = i2c.read_byte
    """Byte of the device at an address of a bus; a test has none."""
    header: gpio.Header = field(default_factory=gpio.Header)
    """Pins, asked of the kernel; a test has none."""
    try_camera: Callable[[], Finding] = lambda: Finding("not tried")
    """A test frame of a camera that no booth uses."""
    user_groups: frozenset[str] | None = None
    """Groups of the user who asks; None = root, who needs none."""
    answered: UploaderReport | None = None
    """What EventPics answered just now; None = it was not asked."""
    answer_detail: str = ""
    """What went wrong on the way there, in a few words."""

    @functools.cached_property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi."""
        return self.model.startswith("Raspberry Pi")

    @functools.cached_property
    def model(self) -> str:
        """The board's name; empty where none is told."""
        return self.text("/proc/device-tree/model").strip("\0 \n")

    @property
    def is_box(self) -> bool:
        """Whether this is, or is to be, a booth: on any other computer most parts have no reason to be there."""
        return self.is_pi or self.has_config or self.booth is not None or self.uploader is not None

    @property
    def has_units(self) -> bool:
        """Whether the services' units are installed."""
        return any(self.exists(f"{folder}/piboothup-booth.service") for folder in (UNITS, OLD_UNITS))

    def ids(self, name: str) -> dict[str, int]:
        """Numbers of all users in /etc/passwd, or of all groups in /etc/group, by their names."""
        return {fields[0]: int(fields[2]) for fields in self.records(name) if fields[2].isdigit()}

    def records(self, name: str) -> list[list[str]]:
        """Fields of each line of /etc/passwd or /etc/group."""
        return [fields for line in self.text(name).splitlines() if len(fields := line.split(":")) >= 4]

    @functools.cached_property
    def spool(self) -> Spool:
        """The spool of the config; only read."""
        return Spool(self.config.spool.path, self.clock)

    @functools.cached_property
    def link_id(self) -> str:
        """The event that photos are taken for: the config's, or the one chosen at the box."""
        return choices.read(self.config.spool.path, self.config).over(self.config).eventpics.link_id

    @property
    def now_ms(self) -> int | None:
        """Unix milliseconds of now, by NTP or by what the box learnt since power-on; None = nobody knows."""
        if self.clock.ntp_uncertainty_ms() is not None:
            return self.clock.wall_ns() // 1_000_000
        boot = None if self.booth is None else self.booth.boot
        if boot is None:
            return None
        return self.spool.session.timeline.trusted_ms(boot, self.clock.boottime_ns() // 1_000_000)

    def path(self, name: str) -> Path:
        """Path of a system's file under the root."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """Text of a system's file; empty when it is missing or not readable."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def texts(self, pattern: str) -> list[str]:
        """Texts of all files that match, by path."""
        return [self.text(str(path.relative_to(self.root))) for path in sorted(self.root.glob(pattern.lstrip("/")))]

    def exists(self, name: str) -> bool:
        """Whether a file of the system is there."""
        return self.path(name).exists()
