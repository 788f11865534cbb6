"""The configuration: settings, validators, parser, the config file and its last good copy."""

from piboothup.config import good_copy
from piboothup.config.checks import LANGUAGES, is_loopback, zone
from piboothup.config.file import (
    DEFAULT_PATH,
    EffectiveConfig,
    elsewhere_file,
    find,
    known_spools_file,
    load_effective,
)
from piboothup.config.good_copy import GOOD_FILE, toml_value
from piboothup.config.reading import parse
from piboothup.config.secret import Secret
from piboothup.config.settings import (
    ButtonConfig,
    CameraConfig,
    CaptureConfig,
    Config,
    ConfigError,
    EventPicsConfig,
    LightConfig,
    PanelConfig,
    PhotoConfig,
    SpoolConfig,
    UploadConfig,
)
