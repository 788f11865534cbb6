"""The list of health checks: their names and order, and what the uploader's report says about three of them.

The menu's self-test tries some of them at the box; `piboothup doctor` reads all of them in a shell. Their sentences
are in `problems`. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from piboothup.problems import FRAME_CODES, STRIP_CODES, Problem, problem
from piboothup.status import UploaderReport, UploaderState


class Check(StrEnum):
    """A part of the box that is checked, in the order of the checks."""

    SYSTEM = "system"
    LIBRARIES = "libraries"
    ACCOUNTS = "accounts"
    FILES = "files"
    """Owner and mode of our folders and of the key's file."""
    LEFTOVERS = "leftovers"
    """What was set up by hand before there was a package."""
    DROP_INS = "drop-ins"
    """Our files of single settings, which others may override."""
    CONFIG = "config"
    SERVICES = "services"
    CAMERA = "camera"
    BUS = "bus"
    """The panel's I2C bus."""
    PANEL = "panel"
    LIGHT = "light"
    BUTTON = "button"
    PINS = "pins"
    CARD = "card"
    SPACE = "space"
    QUEUE = "queue"
    LOST = "lost+found"
    """Photos that a repair of the disk has put there."""
    SUPPLY = "supply"
    HEAT = "heat"
    RADIO = "radio"
    """The Wi-Fi's chip, driver, country and switch."""
    WIFI = "wifi"
    NETWORK = "network"
    """The way to EventPics."""
    CLOCK = "clock"
    KEY = "key"
    EVENT = "event"
    OTHERS = "others"
    """Photos of other events on the card."""
    WATCHDOG = "watchdog"
    FIRST_BOOT = "first boot"
    """What Raspberry Pi OS asks or sets up at its first start."""


REPORTED: dict[Check, tuple[str, ...]] = {
    Check.CONFIG: (
        *("bad_config", "config_default", "config_late", "card_file", "choices_damaged", "unused_setting"),
        *FRAME_CODES,
        *STRIP_CODES,
    ),
    Check.SERVICES: (
        "unsaved_jpeg",
        "unsaved_exif",
        "unsaved_ram",
        "unsaved_limit",
        "unsaved_defect",
        "runtime_full",
    ),
    Check.CAMERA: (
        *("no_camera", "no_picamera2", "camera_busy", "camera_stuck", "no_frames", "no_photos", "encode_failed"),
        *("camera_memory", "camera_size", "camera_tuning"),
    ),
    Check.PANEL: ("panel_missing",),
    Check.LIGHT: ("light_missing", "buzzer_missing"),
    Check.BUTTON: ("button_missing", "button_stuck"),
    Check.CARD: (
        *("card_readonly", "card_stuck", "unsaved_card", "not_saved", "not_taken_back", "spool_unusable"),
        *("spool_missing", "spool_newer", "spool_memory", "spool_split", "spool_busy", "spool_locked"),
        "storage_unknown",
    ),
    Check.SPACE: ("card_full", "card_crowded"),
    Check.QUEUE: ("photos_hidden", "photo_damaged", "photo_unreadable"),
    Check.SUPPLY: ("undervoltage",),
    Check.HEAT: ("hot",),
    Check.RADIO: ("wifi_off",),
    Check.WIFI: ("wifi_missing", "wifi_no_address", "wifi_weak"),
    Check.NETWORK: (
        *("portal", "tls_refused", "blocked", "no_network", "server_trouble", "storage_silent", "uploader_defect"),
        *("no_roots", "paused", "uploader_stopped"),
    ),
    Check.KEY: ("no_key", "key_refused"),
    Check.EVENT: ("no_event", "event_gone", "event_refused", "stray_photos"),
}
"""Problems that the services report, by the check that they belong to; the gravest first."""

STOPS_PHOTOS = frozenset(
    {
        *("no_camera", "no_picamera2", "camera_busy", "camera_stuck", "no_frames", "no_photos", "encode_failed"),
        *("card_full", "card_crowded", "card_readonly", "card_stuck", "not_saved", "unsaved_card"),
        *("unsaved_jpeg", "unsaved_exif", "unsaved_ram", "unsaved_limit", "unsaved_defect"),
        *(
            "spool_unusable",
            "spool_newer",
            "spool_missing",
            "spool_memory",
            "spool_split",
            "spool_busy",
            "spool_locked",
        ),
        *("button_missing", "library_unfit", "booth_stopped", "spool_closed"),
    }
)
"""Problems with which no photo can be taken or saved; all others are notices."""

_PROBLEM_OF_STATE = {
    UploaderState.PORTAL: "portal",
    UploaderState.PAUSED: "paused",
    UploaderState.STOPPED: "uploader_stopped",
}
_NOT_JOINED = ("wifi_off", "wifi_missing", "wifi_no_address")
_UNREACHABLE_CODES = (
    *("no_network", "tls_refused", "no_roots", "blocked"),
    *("server_trouble", "storage_silent", "uploader_defect"),
)


def network_problem(report: UploaderReport) -> Problem | None:
    """Why no photo reaches EventPics; None when the way is free."""
    if report.state in _PROBLEM_OF_STATE:
        return problem(_PROBLEM_OF_STATE[report.state])
    found = _first_problem(report, *_UNREACHABLE_CODES)
    has_no_answer = report.state is UploaderState.REFUSED and report.events_seen is None  # as there is no key
    is_unasked = has_no_answer or report.is_untried
    is_offline = report.state is UploaderState.OFFLINE or (is_unasked and report.wifi.code in _NOT_JOINED)
    return found or (problem("no_network") if is_offline else None)


def key_problem(report: UploaderReport) -> Problem | None:
    """What is wrong with the API key, or that nobody knows yet."""
    found = _first_problem(report, "no_key", "key_refused")
    if found is None and "bad_config" in report.problems:
        return problem("no_key", "what is there can't be used")
    return found or (problem("key_untried") if report.events_seen is None else None)


def event_problem(report: UploaderReport, link_id: str, known: Collection[str]) -> Problem | None:
    """What is wrong with the chosen event. `known`: link ids of the events that the key saw last."""
    if not link_id:
        return problem("no_event")
    if known and link_id not in known:
        return problem("event_gone")
    return None if report.is_all_of_others(link_id) else _first_problem(report, "event_gone", "event_refused")


def _first_problem(report: UploaderReport, *codes: str) -> Problem | None:
    return next((problem(code) for code in codes if code in report.problems), None)
