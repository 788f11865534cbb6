"""The configuration: `settings` says what there is, `checks` what each may be, `file` reads it."""

from piboothup.config.checks import is_loopback, languages
from piboothup.config.file import (
    DEFAULT_PATH,
    GOOD_FILE,
    as_toml,
    find,
    load,
    parse,
    salvage_directory,
    with_directory,
)
from piboothup.config.secret import Secret
from piboothup.config.settings import (
    CONFIG_VERSION,
    DEFAULT_DIRECTORY,
    Button,
    Camera,
    Capture,
    Config,
    ConfigError,
    Devices,
    EventPics,
    Light,
    Panel,
    SpoolTable,
    Upload,
)

__all__ = [
    "CONFIG_VERSION",
    "DEFAULT_DIRECTORY",
    "DEFAULT_PATH",
    "GOOD_FILE",
    "Button",
    "Camera",
    "Capture",
    "Config",
    "ConfigError",
    "Devices",
    "EventPics",
    "Light",
    "Panel",
    "Secret",
    "SpoolTable",
    "Upload",
    "as_toml",
    "find",
    "is_loopback",
    "languages",
    "load",
    "parse",
    "salvage_directory",
    "with_directory",
]
