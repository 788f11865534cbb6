"""The configuration: settings, validators, parser, the config file and its last good copy."""

from piboothup.config.checks import LANGUAGES, is_loopback, zone
from piboothup.config.file import (
    DEFAULT_PATH,
    EffectiveConfig,
    elsewhere_file,
    find,
    known_spools_file,
    load_effective,
    salvage_directory,
    with_directory,
)
from piboothup.config.good_copy import GOOD_FILE, as_toml, toml_value
from piboothup.config.reading import parse
from piboothup.config.secret import Secret
from piboothup.config.settings import (
    CONFIG_VERSION,
    DEFAULT_DIRECTORY,
    ButtonConfig,
    CameraConfig,
    CaptureConfig,
    Config,
    ConfigError,
    DevicesConfig,
    EventPicsConfig,
    LightConfig,
    PanelConfig,
    SpoolConfig,
    UploadConfig,
)

__all__ = [
    "CONFIG_VERSION",
    "DEFAULT_DIRECTORY",
    "DEFAULT_PATH",
    "GOOD_FILE",
    "LANGUAGES",
    "ButtonConfig",
    "CameraConfig",
    "CaptureConfig",
    "Config",
    "ConfigError",
    "DevicesConfig",
    "EffectiveConfig",
    "EventPicsConfig",
    "LightConfig",
    "PanelConfig",
    "Secret",
    "SpoolConfig",
    "UploadConfig",
    "as_toml",
    "elsewhere_file",
    "find",
    "good_copy",
    "is_loopback",
    "known_spools_file",
    "load_effective",
    "parse",
    "salvage_directory",
    "toml_value",
    "with_directory",
    "zone",
]
