"""All settings: one frozen dataclass per TOML table, each field with its unit, default and limits.

A missing event or key is a state, not an error. `file` reads the config file.
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from piboothup.config import checks
from piboothup.config.secret import Secret
from piboothup.records import dataclass
from piboothup.text import read_bytes, text_to_path

DEFAULT_DIRECTORY = Path("/var/lib/piboothup")
CONFIG_VERSION = 1
"""Version of the config file's format; a file of another version is refused."""
_KEY_REMEDY = "Put the key in it, alone, and let the uploader's user read it; not in /home, which is shut to it."


class ConfigError(ValueError):
    """Unusable config. `str()` is one line: file, line, what, remedy."""

    def __init__(self, path: Path | str, line: int | None, what: str, remedy: str) -> None:
        self.path, self.line, self.what, self.remedy = str(path), line, what, remedy
        where = self.path if line is None else f"{self.path}, line {line}"
        super().__init__(f"{where}: {what} {remedy}")


ALBUM_TOLD = "album"
"""Stands beside the moment of an event's revision."""


def revision(moment: str, value: str) -> str:
    """Revision of a value that was told at this moment."""
    return f"{moment} {crc32(value.encode()):08x}"


def _moment_of(found: str, value: str) -> str:
    moment = found.rpartition(" ")[0]
    return moment if found == revision(moment, value) else ""


@dataclass(frozen=True)
class EventPicsConfig:
    """Album that photos are sent to. Without a link_id they are taken and wait."""

    api_key: Secret | None = checks.setting(None, checks.key)
    """The personal API key, for a desk; on a box use `api_key_file`."""
    api_key_file: str = checks.setting("", checks.key_file)
    """File that holds only the key, readable by the uploader alone."""
    link_id: str = checks.setting("", checks.identifier)
    """Id of the event."""
    album_id: str = checks.setting("", checks.identifier)
    """Id of the album in the event; optional."""
    revision: str = checks.text("", 60)
    """Moment (see `clock`) at which root's helper was told an event, even the same: a choice before it has ended.

    With a mark of the event, as a person or an older program may have changed that alone.
    """
    api_url: str = checks.setting(checks.EVENTPICS, checks.api_url)
    """Address of the API; plain http is accepted for loopback only."""
    album_url: str = checks.setting("https://app.eventpics.net/{link_id}", checks.album_url)
    """Address that a guest's phone opens."""

    @property
    def told_at(self) -> str:
        """The moment of the revision; "" when unknown."""
        return _moment_of(self.revision, self.link_id)

    @property
    def is_album_told(self) -> bool:
        """Whether the album was told with the event then, even the same; else it may be from before."""
        return ALBUM_TOLD in self.told_at.split()


@dataclass(frozen=True)
class CaptureConfig:
    """Countdown and review of a photo."""

    countdown_s: int = checks.number(5, 0, 10)
    """Countdown from press to zero, whole seconds; 0 takes the photo on the button's edge."""
    review_s: float = checks.number(2.5, 0, 10)
    """Duration of SAVED on the panel, seconds; a press ends it."""


@dataclass(frozen=True)
class PhotoConfig:
    """What becomes of a photo that was taken."""

    frame: str = checks.setting("", checks.file)
    """PNG with transparency, laid over a copy of each photo; empty = none."""
    originals: bool = checks.choice(True, False)
    """Whether with frame or strip the originals are sent too; else they are kept on the card, to be exported."""
    shots: int = checks.number(1, 1, 4)
    """Photos of one press, each for itself."""
    gap_s: int = checks.number(3, 1, 10)
    """Countdown from one of them to the next, whole seconds."""
    strip: bool | str = checks.choice(False, True, "2x2", "1x4")
    """Whether the photos of one press are put together on a strip too, and how; true = "2x2"."""
    take_back_s: float = checks.number(0.0, 0, 30)
    """Time in which a hold of the button keeps the photo from being sent, seconds; 0 = guests can't take it back."""

    @property
    def strip_layout(self) -> str:
        """Layout of the strips that are made; "" = none, also where a press takes one photo."""
        layout = "2x2" if self.strip is True else str(self.strip or "")
        return layout if self.shots > 1 else ""

    @property
    def composes(self) -> bool:
        """Whether other photos are composed of those that are taken."""
        return bool(self.frame or self.strip_layout)


@dataclass(frozen=True)
class CameraConfig:
    """Camera and its limits."""

    driver: str = checks.choice("picamera2", "simulated")
    number: int = checks.number(0, 0, 9)
    """Index of the camera in libcamera's list."""
    frames: str = checks.text("", 4096)
    """Simulated only: a folder of JPEGs to serve as frames; empty = drawn scenes."""
    size: tuple[int, int] | None = checks.setting(None, checks.size)
    """Width and height in pixels; unset = the sensor's."""
    tuning: str = checks.text("", 4096)
    """Tuning file for libcamera, such as the sensor's NoIR file; empty = the sensor's own."""
    jpeg_quality: int = checks.number(93, 50, 100)
    rotation: int = checks.choice(0, 90, 180, 270)
    """Clockwise rotation of the pixels, degrees."""
    max_exposure_ms: float = checks.number(20.0, 1, 1000)
    """Longest exposure, milliseconds; in less light gain is raised before the exposure grows."""
    max_gain: float = checks.number(12.0, 1, 64)
    mains_hz: int = checks.choice(50, 60)
    focus_m: float = checks.number(1.5, 0.05, 100)
    """Focus distance while autofocus has not settled, metres."""
    exposure_value: float = checks.number(0.0, -4, 4)
    """How much brighter the photos are to be, stops: each doubles the light."""
    awb: str = checks.choice("auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy")
    """White balance: the kind of light, by libcamera's name."""
    sharpness: float = checks.number(1.0, 0, 16)
    """Sharpening: 0 = none, 1 = as the sensor's tuning file has it."""
    denoise: str = checks.choice("high_quality", "fast", "off")
    """Noise reduction, by libcamera's name."""


@dataclass(frozen=True)
class ButtonConfig:
    """Button and its long press."""

    driver: str = checks.choice("gpiozero", "simulated")
    pin: int = checks.number(17, 1, 27)
    """BCM number of the pin; the button connects it to ground."""
    hold_s: float = checks.number(5.0, 2, 12)
    """Duration of the hold that opens the menu, seconds."""
    menu: str = checks.choice("after_power_on", "always", "never")
    """Time in which the menu has the operator's items: 10 minutes after power-on, always or never."""


@dataclass(frozen=True)
class LightConfig:
    """Light in the button, flash, light at the lens, and buzzer."""

    driver: str = checks.choice("gpiozero", "simulated", "none")
    led_pin: int = checks.number(27, 0, 27)
    flash_pin: int = checks.number(0, 0, 27)
    """BCM number of the pin; 0 = no flash."""
    flash_lead_s: float = checks.number(1.5, 0, 5)
    """Lead of the flash before zero, seconds, so that the exposure settles."""
    lens_pin: int = checks.number(0, 0, 27)
    """BCM number of the pin of a small light beside the lens; 0 = none."""
    buzzer_pin: int = checks.number(0, 0, 27)
    """BCM number of the pin; 0 = no buzzer."""

    @property
    def pins(self) -> dict[str, int]:
        """Numbers of all pins, by their settings' names in the file."""
        return {f"light.{key}": value for key, value in vars(self).items() if key.endswith("_pin")}


@dataclass(frozen=True)
class PanelConfig:
    """OLED of 128x64 pixels."""

    driver: str = checks.choice("ssd1306", "ssd1309", "ssd1315", "sh1106", "simulated", "none")
    i2c_port: int = checks.number(1, 0, 20)
    address: int = checks.number(0x3C, 0x03, 0x77)
    rotate: int = checks.choice(0, 180)
    """Rotation, degrees."""
    album_code: str = checks.choice("idle", "menu", "off")
    """Place of the guest's QR code."""
    set_up_url: str = checks.setting("", checks.page_url)
    """Address of the set-up page on a web server, shown in the menu as a code for phones; empty = not shown."""
    lens: str = checks.choice("above", "below", "left", "right")
    """Side of the panel on which the lens is."""


@dataclass(frozen=True)
class SpoolConfig:
    """Folder of the photos, and their retention."""

    directory: str = checks.setting(str(DEFAULT_DIRECTORY), checks.directory)
    """The folder as text; open `path`."""
    allow_memory: bool = checks.choice(False, True)
    """Whether photos may lie in memory, where they are lost at power-off: for a demo and for tests."""
    min_free_mb: int = checks.number(500, 10, 1_000_000)
    """Free space, MB, below which the oldest *sent* photos are deleted; never any other."""
    keep_sent_days: int = checks.number(30, 0, 3650)
    """Days until a sent photo is deleted (see `spool.retention` for the clock); 0 = kept while there is room."""

    @property
    def path(self) -> Path:
        """The folder as a path."""
        return Path(text_to_path(self.directory))


@dataclass(frozen=True)
class UploadConfig:
    """Parallel uploads and their pause."""

    workers: int = checks.number(2, 1, 4)
    paused: bool = checks.choice(False, True)
    """Whether nothing is sent, for metered links."""


@dataclass(frozen=True)
class DevicesConfig:
    """All drivers at once: `simulated = true` sets each to "simulated"."""

    simulated: bool = checks.choice(False, True)


@dataclass(frozen=True)
class Config:
    """Settings of both services."""

    config_version: int = checks.choice(CONFIG_VERSION)
    name: str = checks.text("Booth 1", 40)
    """Name of the box on the panel, in photos and in exports."""
    language: str = checks.choice(*checks.LANGUAGES)
    revision: str = checks.text("", 40)
    """Moment at which root's helper was told language or pause, with a mark of them."""
    timezone: str = checks.text("", warn=checks.unknown_zone)
    """Time zone of EXIF and export names; empty or unknown to this system = UTC (see `checks.zone`)."""
    eventpics: EventPicsConfig = EventPicsConfig()
    capture: CaptureConfig = CaptureConfig()
    photo: PhotoConfig = PhotoConfig()
    camera: CameraConfig = CameraConfig()
    button: ButtonConfig = ButtonConfig()
    light: LightConfig = LightConfig()
    panel: PanelConfig = PanelConfig()
    spool: SpoolConfig = SpoolConfig()
    upload: UploadConfig = UploadConfig()
    devices: DevicesConfig = DevicesConfig()

    @property
    def told_at(self) -> str:
        """The moment of the revision; "" when unknown."""
        return _moment_of(self.revision, f"{self.language} {self.upload.paused}")

    @property
    def no_key_detail(self) -> str:
        """Where `read_key` finds none: in words for the problem."""
        name = self.eventpics.api_key_file
        return f"nothing in {name}" if name else ""

    def read_key(self) -> Secret | None:
        """Read the API key from the config or from `api_key_file`; None when there is none yet.

        Raises ConfigError when the file can't be read or its content can't be a key.
        """
        name = self.eventpics.api_key_file
        if self.eventpics.api_key is not None or not name:
            return self.eventpics.api_key
        try:
            text = read_bytes(text_to_path(name)).decode("utf-8-sig")
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
