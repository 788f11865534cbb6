"""The config: what is read, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from piboothup import config
from piboothup.config import Config, ConfigError, Secret, good_copy
from piboothup.config.settings import DEFAULT_DIRECTORY

FILE = Path("/etc/piboothup/config.toml")


def test_every_table_and_key_of_the_contract_is_read() -> None:
    text = """
config_version = 1
name = "Booth 7"
language = "de"
timezone = "Europe/Berlin"
[eventpics]
api_key = "k-1"
link_id = "abcd1234"
album_id = "a1"
api_url = "http://127.0.0.1:8080/"
album_url = "https://app.eventpics.net/{link_id}"
[capture]
countdown_s = 0
review_s = 1
[camera]
driver = "simulated"
number = 1
frames = "/tmp/frames"
size = [4056, 3040]
jpeg_quality = 90
rotation = 180
max_exposure_ms = 10
max_gain = 8
mains_hz = 60
focus_m = 2
exposure_value = -0.5
awb = "indoor"
sharpness = 2
denoise = "fast"
[button]
driver = "simulated"
pin = 5
hold_s = 4
menu = "always"
[light]
driver = "none"
led_pin = 6
flash_pin = 7
flash_lead_s = 1
lens_pin = 9
buzzer_pin = 8
[panel]
driver = "sh1106"
i2c_port = 3
address = 0x3D
rotate = 180
album_code = "off"
lens = "left"
[spool]
directory = "/srv/spool"
min_free_mb = 100
keep_sent_days = 0
[upload]
workers = 1
paused = true
"""
    found, warnings = config.parse(text, FILE)
    assert warnings == []
    assert found.eventpics.api_key == Secret("k-1")
    assert found.eventpics.api_url == "http://127.0.0.1:8080"
    assert found.camera.size == (4056, 3040)
    assert (found.capture.countdown_s, found.capture.review_s) == (0, 1.0)
    assert (found.panel.address, found.panel.lens, found.spool.min_free_mb) == (0x3D, "left", 100)
    again, _ = config.parse(good_copy.as_toml(found), FILE)
    assert again == config.parse(text.replace('api_key = "k-1"', ""), FILE)[0]


def test_one_switch_simulates_every_device() -> None:
    found, _ = config.parse("[devices]\nsimulated = true\n[camera]\nnumber = 2", FILE)
    drivers = found.camera.driver, found.button.driver, found.light.driver, found.panel.driver
    assert drivers == ("simulated",) * 4
    assert found.camera.number == 2


@pytest.mark.parametrize(
    ("setting", "what_it_needs"),
    [
        ("[photo]\nstrip = true", "\nshots = 2"),
        ('[photo]\nstrip = "1x4"', "\nshots = 4"),
        ("[photo]\ngap_s = 5", "\nshots = 3"),
        ("[photo]\noriginals = false", '\nframe = "/boot/firmware/frame.png"'),
        ("[photo]\noriginals = false", "\nstrip = true\nshots = 2"),
        ("[light]\nflash_lead_s = 2", "\nflash_pin = 22"),
        ('[camera]\nframes = "/srv/frames"', '\ndriver = "simulated"'),
        ('[eventpics]\nalbum_id = "a1"', '\nlink_id = "abcd1234"'),
    ],
)
def test_f14_e1_a_setting_alone_without_effect_is_told(tmp_path: Path, setting: str, what_it_needs: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"config_version = 1\n{setting}\n")
    used = config.load_effective(file)
    dotted = f"{setting[1 : setting.index(']')]}.{setting.split()[1]}"
    assert [f"{file}, line 3: `{dotted}` has no effect by itself: " in told for told in used.warnings] == [True]
    assert (used.has_unused, used.errors) == (True, ())
    file.write_text(f"config_version = 1\n{setting}{what_it_needs}\n")
    assert config.load_effective(file).warnings == ()


def test_f14_a_key_beside_its_file_is_told_but_no_default(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[eventpics]\napi_key = "canary-key"\napi_key_file = "/etc/key"\n')
    (version, told) = config.load_effective(file).warnings
    assert "config_version" in version
    assert "line 3: `eventpics.api_key_file` has no effect by itself: `eventpics.api_key` goes before it" in told
    assert "canary" not in told
    file.write_text("config_version = 1\n[photo]\nshots = 1\nstrip = false\ngap_s = 3\noriginals = true\n")
    assert config.load_effective(file).warnings == ()


def test_f14_what_a_broken_table_says_is_no_idle_setting(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("config_version = 1\n[photo]\nstrip = true\nshots = 9\n[light]\nflash_lead_s = 2\n")
    used = config.load_effective(file)
    assert (len(used.errors), ["light.flash_lead_s" in told for told in used.warnings]) == (1, [True])


def test_an_unknown_key_is_a_warning_with_a_guess() -> None:
    text = "[capture]\n\ncountdwn_s = 3\n[cmaera]\nx = 1\n[camera]\nexposure_val = 1\n[light]\nlense_pin = 25\n"
    found, warnings = config.parse(text, FILE)
    assert found == Config()
    assert warnings == [
        f"{FILE}, line 3: `capture.countdwn_s` is not a setting; it is ignored. Did you mean `countdown_s`?",
        f"{FILE}, line 4: `cmaera` is not a setting; it is ignored. Did you mean `camera`?",
        f"{FILE}, line 7: `camera.exposure_val` is not a setting; it is ignored. Did you mean `exposure_value`?",
        f"{FILE}, line 9: `light.lense_pin` is not a setting; it is ignored. Did you mean `lens_pin`?",
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name = \n", 1, "Invalid value"),
        ("name = “Booth”\n", 1, "straight quotes"),
        ("[capture]\ncountdown_s = 11", 2, "a whole number from 0 to 10"),
        ("[capture]\ncountdown_s = 2.5", 2, "a whole number from 0 to 10"),
        ("[capture]\ncountdown_s = true", 2, "a whole number from 0 to 10"),
        ('[capture]\nreview_s = "2"', 2, "a number from 0 to 10"),
        ("[button]\nhold_s = 12.5", 2, "a number from 2 to 12"),
        ("[camera]\nrotation = 45", 2, "one of 0, 90, 180, 270"),
        ("[camera]\nexposure_value = 4.5", 2, "a number from -4 to 4"),
        ("[camera]\nexposure_value = nan", 2, "a number from -4 to 4"),
        ('[camera]\nawb = "Daylight"', 2, '"indoor", "daylight", "cloudy"'),
        ("[camera]\nsharpness = -1", 2, "a number from 0 to 16"),
        ('[camera]\ndenoise = "cdn_hq"', 2, 'one of "high_quality", "fast", "off"'),
        ("[camera]\nsize = [4057, 3040]", 2, "two even numbers"),
        ('[panel]\n# colours\ndriver = "lcd"', 3, '"ssd1306"'),
        ("name = 3", 1, "text in quotes"),
        ('name = "a\\nb"', 1, "one line of text"),
        ("camera = 3", 1, "Write [camera] on a line of its own"),
        ("timezone = 1", 1, "text in quotes"),
        ('[eventpics]\napi_url = "http://api.eventpics.net"', 2, "https"),
        ('[eventpics]\napi_url = "file:///etc/passwd"', 2, "https"),
        ('[eventpics]\napi_url = "https://user:pw@api.eventpics.net"', 2, "https"),
        ('[eventpics]\nlink_id = "abcd 1234"', 2, "no spaces"),
        ('[eventpics]\nlink_id = "../a"', 2, "no spaces"),
        ('[eventpics]\nlink_id = ".."', 2, "no spaces"),
        ('[eventpics]\nalbum_url = "https://app.eventpics.net/"', 2, "{link_id}"),
        ('[panel]\nset_up_url = "http://example.github.io/"', 2, "https"),
        ('[panel]\nset_up_url = "https://münchen.example/"', 2, "without accents"),
        ('[panel]\nset_up_url = "https://example.com/a b"', 2, "https"),
        ('[panel]\nset_up_url = "https://user:pw@example.com/"', 2, "https"),
        (f'[panel]\nset_up_url = "https://example.com/{34 * "a"}"', 2, "53 letters"),
        ("[panel]\nset_up_url = false", 2, "https"),
        ("[upload]\npaused = 1", 2, "one of false, true"),
        ("[light]\nled_pin = 17", 2, "GPIO 17 is taken by button.pin"),
        ("[button]\npin = 2", 2, "the panel"),
        ("[light]\nflash_pin = 23\nbuzzer_pin = 23", 3, "GPIO 23 is taken by light.flash_pin"),
        ("[light]\nlens_pin = 17", 2, "GPIO 17 is taken by button.pin"),
        ("[light]\nlens_pin = 25\nbuzzer_pin = 25", 3, "GPIO 25 is taken by light.lens_pin"),
        ("[light]\nlens_pin = 3", 2, "GPIO 3 is taken by the panel (clock)"),
        ("[light]\nlens_pin = 28", 2, "a whole number from 0 to 27"),
        ("config_version = 2", 1, "one of 1"),
        ('language = "xx"', 1, 'one of "en", "de"'),
        ("language = [1]", 1, 'one of "en", "de"'),
        ('[spool]\ndirectory = ""', 2, "named from the root on"),
        ('[spool]\ndirectory = "photos"', 2, "named from the root on"),
        ('[spool]\ndirectory = "~/photos"', 2, "named from the root on"),
    ],
)
def test_a_wrong_value_is_told_with_line_range_and_remedy(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        config.parse(text, FILE)
    assert told.value.line == line
    assert str(told.value).startswith(f"{FILE}, line {line}: ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "9" * 6000])
def test_config_absurd_nesting_and_numbers_reported_as_mistakes(value: str) -> None:
    with pytest.raises(ConfigError) as told:
        config.parse(f"[capture]\ncountdown_s = {value}", FILE)
    assert str(told.value).startswith(f"{FILE}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("key", ["abc\\ndef", "abc def", "“abc”", "abc\\u00a0d"])
def test_an_impossible_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as told:
        config.parse(f'[eventpics]\napi_key = "{key}"', FILE)
    assert "straight quotes" in str(told.value)
    assert "abc" not in str(told.value)


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\u2060", "\u00a0"])
def test_f20_invisible_in_key_is_cut_off_or_named(unseen: str) -> None:
    found, _ = config.parse(f'[eventpics]\napi_key = " {unseen}k-123{unseen}{unseen}"', FILE)
    assert found.eventpics.api_key == Secret("k-123")
    with pytest.raises(ConfigError) as told:
        config.parse(f'[eventpics]\napi_key = "abc{unseen}abc"', FILE)
    assert f"invisible character U+{ord(unseen):04X}" in str(told.value)
    assert "abc" not in str(told.value)


def test_c03_a_key_is_shown_in_no_text_made_of_the_config() -> None:
    found, _ = config.parse('[eventpics]\napi_key = "canary-key"', FILE)
    shown = [repr(found), str(found), f"{found.eventpics.api_key}", good_copy.as_toml(found)]
    assert not any("canary-key" in text for text in shown)
    assert found.eventpics.api_key is not None
    assert found.eventpics.api_key.reveal() == "canary-key"


NO_KEY_FILES = {
    "a key": "canary_9fQ2mB7kZ1xT8pL4",
    "a long key": "canary" + "x9." * 200,
    "a long key that begins as a path does": "/canary" + "x9." * 200,
    "a file by its bare name": "canary.txt",
    "a file of the user's": "~/canary",
}


@pytest.mark.parametrize("value", NO_KEY_FILES.values(), ids=NO_KEY_FILES)
def test_c03_a_key_in_place_of_its_file_is_told_and_not_shown(tmp_path: Path, value: str) -> None:
    """It would lie in the good copy beside the photos, and the host be told that there is no key yet."""
    file = tmp_path / "config.toml"
    file.write_text(f'config_version = 1\n[eventpics]\nlink_id = "abcd1234"\napi_key_file = "{value}"\n')
    used = config.load_effective(file)
    told = str(used.errors[0])
    assert "line 4: `eventpics.api_key_file` can't be used" in told
    assert "in that file, alone, or in `api_key`" in told
    assert "canary" not in told + good_copy.to_toml_text(used.config, used.names or ())
    assert used.config.read_key() is None


@pytest.mark.parametrize("text", ['"k-123"', "'k-123'\n", '\ufeff"k-123"\r\n', ' "k-123" ', "k-123"])
def test_f12_quotes_in_a_key_file_are_no_part_of_the_key(tmp_path: Path, text: str) -> None:
    """EventPics would refuse the key with them, and the host be told to make a new one."""
    file = tmp_path / "key"
    file.write_text(text, encoding="utf-8", newline="")
    found, _ = config.parse(f'[eventpics]\napi_key_file = "{file}"', FILE)
    assert found.read_key() == Secret("k-123")


@pytest.mark.parametrize("text", ['"', "'", '"k-123', "k-123'", "\"k-123'", 'k"1"23'])
def test_f12_quotes_that_are_no_pair_stay_in_a_key(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    found, _ = config.parse(f'[eventpics]\napi_key_file = "{file}"', FILE)
    assert found.read_key() == Secret(text)


@pytest.mark.parametrize("text", ["api_key=k-123", 'api_key = "k-123"', "API_KEY:k-123", "'api-key'='k-123'\n"])
def test_f12_a_setting_in_a_key_file_is_told_and_never_sent(tmp_path: Path, text: str) -> None:
    """EventPics would refuse it, and the host make a new key and write it in the same way."""
    file = tmp_path / "key"
    file.write_text(text)
    found, _ = config.parse(f'[eventpics]\napi_key_file = "{file}"', FILE)
    with pytest.raises(ConfigError) as told:
        found.read_key()
    assert "without `api_key` before it" in str(told.value)
    assert "k-123" not in str(told.value)


def test_config_key_read_from_its_file_missing_file_means_no_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    found, _ = config.parse(f'[eventpics]\napi_key_file = "{file}"', FILE)
    assert found.read_key() is None
    file.write_bytes("\ufeff  k-123 \n".encode())
    assert found.read_key() == Secret("k-123")
    file.write_text("")
    assert found.read_key() is None
    file.write_text("canary one\ncanary two")
    with pytest.raises(ConfigError) as told:
        found.read_key()
    assert str(file) in str(told.value)
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfen\0a\0m\0e\0", "UTF-8"), (b'name = "a"\n\nlanguage = "\xfc"', "line 3")]
)
def test_a_file_that_is_not_utf8_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    assert [said in str(error) for error in config.load_effective(file).errors] == [True]


def test_a_bom_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b'\xef\xbb\xbfconfig_version = 1\r\nname = "A"\r\n[capture]\r\ncountdown_s = 1\r\n')
    used = config.load_effective(file)
    assert (used.config.name, used.config.capture.countdown_s) == ("A", 1)
    assert (used.errors, used.warnings) == ((), ())


def test_a_missing_file_is_told_with_a_remedy(tmp_path: Path) -> None:
    assert ["--config" in str(error) for error in config.load_effective(tmp_path / "none.toml").errors] == [True]


def test_the_config_is_looked_for_where_the_contract_says() -> None:
    assert config.find("x.toml", {"PIBOOTHUP_CONFIG": "y.toml"}) == Path("x.toml")
    assert config.find(None, {"PIBOOTHUP_CONFIG": "y.toml"}) == Path("y.toml")
    assert config.find(None, {}) == Path("/etc/piboothup/config.toml")


def test_the_spool_is_found_in_a_broken_config(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('name = \n[camera]\nframes="x"\n[spool]\nmin_free_mb = "a"\ndirectory = "/srv/spool"\n[upload]\n')
    assert config.load_effective(file).config.spool.path == Path("/srv/spool")
    file.write_text('[spool]\ndirectory = "photos"')
    assert config.load_effective(file).config.spool.path == DEFAULT_DIRECTORY
    file.write_text("directory = 3")
    assert config.load_effective(file).config.spool.path == DEFAULT_DIRECTORY
