"""The configuration: settings, validators, parser, the config file and its last good copy."""

from piboothup.config import good_copy as good_copy
from piboothup.config.checks import LANGUAGES as LANGUAGES
from piboothup.config.checks import is_loopback as is_loopback
from piboothup.config.checks import zone as zone
from piboothup.config.file import DEFAULT_PATH as DEFAULT_PATH
from piboothup.config.file import EffectiveConfig as EffectiveConfig
from piboothup.config.file import elsewhere_file as elsewhere_file
from piboothup.config.file import find as find
from piboothup.config.file import known_spools_file as known_spools_file
from piboothup.config.file import load_effective as load_effective
from piboothup.config.good_copy import GOOD_FILE as GOOD_FILE
from piboothup.config.good_copy import toml_value as toml_value
from piboothup.config.reading import parse as parse
from piboothup.config.secret import Secret as Secret
from piboothup.config.settings import ButtonConfig as ButtonConfig
from piboothup.config.settings import CameraConfig as CameraConfig
from piboothup.config.settings import CaptureConfig as CaptureConfig
from piboothup.config.settings import Config as Config
from piboothup.config.settings import ConfigError as ConfigError
from piboothup.config.settings import EventPicsConfig as EventPicsConfig
from piboothup.config.settings import LightConfig as LightConfig
from piboothup.config.settings import PanelConfig as PanelConfig
from piboothup.config.settings import SpoolConfig as SpoolConfig
from piboothup.config.settings import UploadConfig as UploadConfig
