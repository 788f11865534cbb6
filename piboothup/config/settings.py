"""Every setting there is: one frozen dataclass per TOML table, each field with its unit, default and limits.

A missing event or key is a state, not an error. What a table's file says is read by `file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from piboothup.config import checks
from piboothup.config.secret import Secret
from piboothup.text import text_to_path

DEFAULT_DIRECTORY = Path("/var/lib/piboothup")
CONFIG_VERSION = 1
_KEY_REMEDY = "Put the key in it, alone, and let the uploader's user read it."


class ConfigError(ValueError):
    """The config can't be used. `str()` is one line: file, line, what, remedy."""

    def __init__(self, path: Path | str, line: int | None, what: str, remedy: str) -> None:
        self.path, self.line, self.what, self.remedy = str(path), line, what, remedy
        where = self.path if line is None else f"{self.path}, line {line}"
        super().__init__(f"{where}: {what} {remedy}")


@dataclass(frozen=True)
class EventPicsConfig:
    """The album that photos are sent to. Without a link_id they are taken and wait."""

    api_key: Secret | None = checks.setting(None, checks.key)
    """The personal API key, for a desk; on a box use `api_key_file`."""
    api_key_file: str = checks.text("", 4096)
    """A file with nothing but the key, readable by the uploader alone."""
    link_id: str = checks.setting("", checks.identifier)
    """The event."""
    album_id: str = checks.setting("", checks.identifier)
    """The album in the event; optional."""
    api_url: str = checks.setting("https://api.eventpics.net", checks.api_url)
    """Plain http is accepted for loopback only."""
    album_url: str = checks.setting("https://app.eventpics.net/{link_id}", checks.album_url)
    """Address that a guest's phone opens."""


@dataclass(frozen=True)
class CaptureConfig:
    """From the press to the next one."""

    countdown_s: int = checks.number(5, 0, 10)
    """Whole seconds from press to zero; 0 takes the photo on the button's edge."""
    review_s: float = checks.number(2.5, 0, 10)
    """Seconds for which SAVED is shown; a press cuts them short."""


@dataclass(frozen=True)
class CameraConfig:
    """The camera and its limits."""

    driver: str = checks.choice("picamera2", "simulated")
    number: int = checks.number(0, 0, 9)
    """Which camera, as libcamera counts them."""
    frames: str = checks.text("", 4096)
    """Simulated only: a folder of JPEGs to serve as frames; empty = drawn scenes."""
    size: tuple[int, int] | None = checks.setting(None, checks.size)
    """Width and height in pixels; unset = the sensor's."""
    tuning: str = checks.text("", 4096)
    """A tuning file for libcamera, such as the sensor's NoIR one; empty = the sensor's own."""
    jpeg_quality: int = checks.number(93, 50, 100)
    rotation: int = checks.choice(0, 90, 180, 270)
    """Degrees clockwise by which the pixels are turned."""
    max_exposure_ms: float = checks.number(20.0, 1, 1000)
    """Longest exposure; gain is raised first."""
    max_gain: float = checks.number(12.0, 1, 64)
    mains_hz: int = checks.choice(50, 60)
    focus_m: float = checks.number(1.5, 0.05, 100)
    """Metres; where the lens goes when autofocus has not settled."""


@dataclass(frozen=True)
class ButtonConfig:
    """The one button."""

    driver: str = checks.choice("gpiozero", "simulated")
    pin: int = checks.number(17, 1, 27)
    """BCM number; the button connects it to ground."""
    hold_s: float = checks.number(5.0, 2, 12)
    """Seconds of holding that open the menu."""
    menu: str = checks.choice("after_power_on", "always", "never")
    """When the operator's items are in the menu: only for 10 minutes after power-on, always, never."""


@dataclass(frozen=True)
class LightConfig:
    """The light in the button, a flash, a buzzer."""

    driver: str = checks.choice("gpiozero", "simulated", "none")
    led_pin: int = checks.number(27, 0, 27)
    flash_pin: int = checks.number(0, 0, 27)
    """0 = none."""
    flash_lead_s: float = checks.number(1.5, 0, 5)
    """Seconds by which the flash leads zero, so that the exposure settles."""
    buzzer_pin: int = checks.number(0, 0, 27)
    """0 = none."""


@dataclass(frozen=True)
class PanelConfig:
    """The 128x64 OLED."""

    driver: str = checks.choice("ssd1306", "ssd1309", "ssd1315", "sh1106", "simulated", "none")
    i2c_port: int = checks.number(1, 0, 20)
    address: int = checks.number(0x3C, 0x03, 0x77)
    rotate: int = checks.choice(0, 180)
    """Degrees."""
    album_code: str = checks.choice("idle", "menu", "off")
    """Place of the guest's QR code."""
    lens: str = checks.choice("above", "below", "left", "right")
    """Side of the panel on which the lens is."""


@dataclass(frozen=True)
class SpoolConfig:
    """The photos' folder, and how long they stay in it."""

    directory: str = checks.setting(str(DEFAULT_DIRECTORY), checks.directory)
    """As text; `path` is what to open."""
    allow_memory: bool = checks.flag(False)
    """Photos may lie in memory, where they are lost at power-off: for a demo and for tests."""
    min_free_mb: int = checks.number(500, 10, 1_000_000)
    """Below it the oldest *sent* photos go; never any other."""
    keep_sent_days: int = checks.number(30, 0, 3650)
    """0 = while there is room. Days count while EventPics confirms the time (see `spool.retention`)."""

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(text_to_path(self.directory))


@dataclass(frozen=True)
class UploadConfig:
    """The uploader's manners."""

    workers: int = checks.number(2, 1, 4)
    paused: bool = checks.flag(False)
    """True on metered links."""


@dataclass(frozen=True)
class DevicesConfig:
    """`simulated = true` sets every driver to "simulated" at once."""

    simulated: bool = checks.flag(False)


@dataclass(frozen=True)
class Config:
    """Everything the two services need to know."""

    config_version: int = checks.choice(CONFIG_VERSION)
    name: str = checks.text("Booth 1", 40)
    """The box's name, as panel, photos and exports show it."""
    language: str = checks.setting("en", checks.language)
    timezone: str = checks.text("", warn=checks.unknown_zone)
    """For EXIF and export names; empty, or one that this system does not know = UTC (see `checks.zone`)."""
    eventpics: EventPicsConfig = EventPicsConfig()
    capture: CaptureConfig = CaptureConfig()
    camera: CameraConfig = CameraConfig()
    button: ButtonConfig = ButtonConfig()
    light: LightConfig = LightConfig()
    panel: PanelConfig = PanelConfig()
    spool: SpoolConfig = SpoolConfig()
    upload: UploadConfig = UploadConfig()
    devices: DevicesConfig = DevicesConfig()

    def read_key(self) -> Secret | None:
        """The API key from the config or from `api_key_file`; None when there is none yet.

        Raises ConfigError when the file holds something that can't be a key or can't be read.
        """
        name = self.eventpics.api_key_file
        if self.eventpics.api_key is not None or not name:
            return self.eventpics.api_key
        try:
            text = Path(text_to_path(name)).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(name, None, f"The key file can't be read: {reason}.", _KEY_REMEDY) from None
        try:
            found: Secret | None = checks.key(text)
        except checks.InvalidValue as wrong:
            raise ConfigError(name, None, f"This should be {wrong}.", _KEY_REMEDY) from None
        return found
