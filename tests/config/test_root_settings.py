"""Root's settings, laid over the config file; what a box does when their file can't be used."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from pathlib import Path

import pytest

from piboothup.booth.panel import hello
from piboothup.booth.storage import StorageMonitor
from piboothup.cli import main
from piboothup.commands.common import config_problem, service_config
from piboothup.config import GOOD_FILE, Config, EffectiveConfig, SpoolConfig, good_copy, load_effective
from piboothup.setup import root_settings_file
from piboothup.spool.store import Spool
from tests.support.clock import HandClock

pytestmark = pytest.mark.process

CONFIG = """\
config_version = 1
name = "Booth 1"
language = "en"

[eventpics]
api_key_file = "/etc/piboothup/key"
api_url = "https://api.example.net"
link_id = "formerguests"
album_id = "a9"

[capture]
countdown_s = 3
review_s = 4.5
[button]
pin = 17
"""
ROOT = """\
config_version = 1
name = "Łódź Booth"
language = "de"

[eventpics]
link_id = "abcd1234"
album_id = "a1"

[capture]
countdown_s = 10
[light]
flash_pin = 22
[spool]
directory = "{spool}"
min_free_mb = 1000
# complete
"""


class Box:
    """A box, as systemd starts it, whose settings of root name a spool that is not in the default folder."""

    def __init__(self, root: Path) -> None:
        self.default = root / "default"
        self.default.mkdir()
        self.file = root / "config.toml"
        self.file.write_text(f'{CONFIG}[spool]\ndirectory = "{self.default}"\n')
        self.root_file, self.root_copy = root / "settings.toml", root / "settings.toml.last"
        self.directory = root / "spool"
        self.text = ROOT.format(spool=self.directory)
        self.good = self.directory / GOOD_FILE
        self.clock = HandClock()

    def load(self, text: str | bytes | None) -> EffectiveConfig:
        """The settings in force when root's file says this; None = there is no such file."""
        if text is None:
            self.root_file.unlink(missing_ok=True)
        else:
            self.root_file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_effective(self.file)

    def start(self, text: str | bytes | None) -> EffectiveConfig:
        """What the booth runs with then; it keeps its good copy as the service does, and root its own."""
        self.load(text)
        root_settings_file.renew_copy(self.root_file)
        used = service_config(argparse.Namespace(config=str(self.file)))
        spool = Spool(Path(used.config.spool.directory), self.clock)
        with contextlib.closing(StorageMonitor(used.config, spool, self.clock, config_names=used.names)) as card:
            card.open(retry_later=True)
            assert card.opened
        return used

    def event(self) -> str:
        """The event in force now."""
        return load_effective(self.file).config.eventpics.link_id


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", made.default)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_PATH", made.file)
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/none")
    # As the booth notes it: where the photos lie if no file tells it any more.
    (made.default / "config.good.directory").write_text(f"{made.directory}\n")
    return made


# -- laid over the config file --------------------------------------------------------------------------------------


def test_u03_root_settings_win_by_key(box: Box) -> None:
    used = box.start(box.text)
    assert (used.errors, used.warnings) == ((), ())
    told = used.config
    assert (told.name, told.language, told.timezone) == ("Łódź Booth", "de", "")
    assert (told.capture.countdown_s, told.capture.review_s) == (10, 4.5)
    event = told.eventpics
    assert (event.link_id, event.album_id, event.api_url) == ("abcd1234", "a1", "https://api.example.net")
    assert (event.api_key_file, told.light.flash_pin, told.button.pin) == ("/etc/piboothup/key", 22, 17)


def test_u03_status_names_what_root_settings_override(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used = box.start(box.text)
    told = ("name", "language", "eventpics.link_id", "eventpics.album_id", "capture.countdown_s")
    assert used.overridden == (*told, "spool.directory")
    monkeypatch.setattr("piboothup.config.find", lambda _: box.file)
    monkeypatch.setenv("PIBOOTHUP_RUNTIME", str(box.default))
    box.default.chmod(0o700)
    capsys.readouterr()
    assert main(["status"]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("name, language, eventpics.link_id, eventpics.album_id, capture.countdown_s, spool.directory")
    )
    assert box.load("# complete\n").overridden == ()


def test_u03_a_new_event_has_no_old_album(box: Box) -> None:
    event = box.load('[eventpics]\nlink_id = "abcd1234"\n# complete\n').config.eventpics
    assert (event.link_id, event.album_id) == ("abcd1234", "")
    event = box.load('[eventpics]\nalbum_id = "a2"\n# complete\n').config.eventpics
    assert (event.link_id, event.album_id) == ("formerguests", "a2")
    event = box.load('[eventpics]\nlink_id = ""\n# complete\n').config.eventpics
    assert (event.link_id, event.album_id) == ("", "")


def test_u03_the_newer_key_replaces_a_key_in_the_config(box: Box) -> None:
    for wrong in ('api_key_file = "canary"', 'api_key = "a b"'):
        box.file.write_text(CONFIG.replace('api_key_file = "/etc/piboothup/key"', wrong))
        used = box.load('[eventpics]\napi_key_file = "/etc/key"\n# complete\n')
        event = used.config.eventpics
        assert (event.api_key, event.api_key_file, event.link_id) == (None, "/etc/key", "formerguests")
        assert len(used.errors) == 1
    box.file.write_text(CONFIG.replace('api_key_file = "/etc/piboothup/key"', 'api_key = "an-old-key"'))
    event = box.load('[eventpics]\napi_key_file = "/etc/piboothup/key"\n# complete\n').config.eventpics
    assert (event.api_key, event.api_key_file) == (None, "/etc/piboothup/key")


def test_u03_another_config_file_has_no_root_settings(box: Box, tmp_path: Path) -> None:
    box.load(box.text)
    desk = tmp_path / "desk.toml"
    desk.write_text(CONFIG)
    assert load_effective(desk).config.name == "Booth 1"


def test_u03_no_root_settings_are_no_mistake(box: Box) -> None:
    used = box.start(None)
    assert (used.errors, used.config.name) == ((), "Booth 1")
    assert box.start("# complete\n").errors == ()
    assert box.start(None).errors == ()


def test_u03_a_pin_used_twice_by_both_files_is_told(box: Box) -> None:
    (error,) = box.load("[light]\nled_pin = 17\n# complete\n").errors
    assert (error.path, error.line) == (str(box.root_file), 2)


def test_u03_f14_each_file_gives_the_other_s_setting_an_effect(box: Box) -> None:
    (told,) = box.load("[photo]\nstrip = true\n# complete\n").warnings
    assert told.startswith(f"{box.root_file}, line 2: `photo.strip` has no effect by itself")
    box.file.write_text(f"{CONFIG}[photo]\nshots = 2\n")
    assert box.load("[photo]\nstrip = true\n# complete\n").warnings == ()


def test_u03_the_panel_of_root_settings_gets_the_hello(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hello, "_BOX_CONFIG", str(box.file))
    monkeypatch.setattr(hello, "_ROOT_SETTINGS", str(box.root_file))
    box.file.write_text("[panel]\ni2c_port = 20\nrotate = 180\n")
    assert hello._place(str(box.file)) == ("ssd1306", 20, 0x3C, 180)
    table = box.load('[panel]\ndriver = "sh1106"\n# complete\n').config.panel
    place = hello._place(str(box.file))
    assert place == ("sh1106", 20, 0x3C, 180) == (table.driver, table.i2c_port, table.address, table.rotate)
    box.load('[panel]\ndriver = "sh1106"\n')
    with pytest.raises(ValueError, match="cut off"):
        hello._place(str(box.file))


# -- F12: empty, only comments, cut, gone ---------------------------------------------------------------------------


def test_f12_root_settings_cut_at_any_byte_cost_nothing(box: Box) -> None:
    whole = box.start(box.text).config
    content = box.text.encode()
    for length in range(len(content) - len(b"\n")):
        used = box.load(content[:length])
        assert used.config == whole, content[:length][-40:]
        assert (len(used.errors), used.names) == (1, None), length


def test_f12_root_settings_cut_at_any_line_keep_the_copy(box: Box) -> None:
    whole = box.start(box.text).config
    kept = box.good.read_bytes()
    lines = box.text.splitlines(keepends=True)
    for number in range(len(lines)):
        used = box.start("".join(lines[:number]))
        told = config_problem(used)
        assert used.config == whole
        assert told is not None
        assert "settings.toml" in str(told)
        assert box.good.read_bytes() == kept
        assert not list(box.default.glob(GOOD_FILE))


@pytest.mark.parametrize(
    "left",
    [None, b"", b"\n \n", b"\xef\xbb\xbf", b"# soon\n", b"\0" * 512, b"[button\n# complete\n", b"\xff# complete\n"],
)
def test_f12_root_settings_gone_or_empty_cost_nothing(box: Box, left: bytes | None) -> None:
    whole = box.start(box.text).config
    kept = box.good.read_bytes()
    used = box.start(left)
    assert used.config == whole
    assert box.good.read_bytes() == kept
    assert [error.path for error in used.errors] == [str(box.root_file)]


@pytest.mark.parametrize("left", [b"", b"# soon\n", b'[eventpics]\nlink_id = "abc'])
def test_f12_broken_root_settings_without_a_copy(box: Box, left: bytes) -> None:
    used = box.start(left)
    assert (used.config.name, used.config.capture.countdown_s, len(used.errors)) == ("Booth 1", 3, 1)
    assert (used.config.eventpics.link_id, used.config.eventpics.album_id) == ("", "")
    assert not (box.directory / GOOD_FILE).exists()


def test_f12_without_both_files_the_last_good_ones_hold(box: Box) -> None:
    whole = box.start(box.text).config
    box.file.unlink()
    used = box.load(None)
    assert (used.config, len(used.errors)) == (whole, 2)


@pytest.mark.parametrize("now", ["countdown_s = 1", "countdown_s = 9", ""])
def test_f12_root_settings_changed_on_purpose_count(box: Box, now: str) -> None:
    box.start(box.text)
    used = box.start(box.text.replace("countdown_s = 10", now))
    assert not used.errors
    assert used.config.capture.countdown_s == (int(now[-1]) if now else 3)
    assert box.good.read_text().count("capture.countdown_s") == (2 if now else 1)


def test_f12_root_settings_emptied_on_purpose_give_way(box: Box) -> None:
    box.start(box.text)
    used = box.start("# complete\n")
    assert (used.errors, used.config.eventpics.link_id, used.config.name) == ((), "formerguests", "Booth 1")


@pytest.mark.parametrize(
    "edit", ["# a note\n", "x = 1\n", "[devices]\n", "= 1\n", 'link_id = "abcd1234"\n', "# complete\n[upload]\n"]
)
def test_f12_root_settings_cut_below_an_edit_cost_no_event(box: Box, edit: str) -> None:
    box.start(box.text)
    lines = box.text.splitlines(keepends=True)
    for number in range(1, len(lines) - 1):
        for end in range(number, len(lines) - 1, 3):
            used = box.load("".join([*lines[:number], edit, *lines[number:end]]))
            if "complete" in edit and end == number:
                continue
            assert used.config.eventpics.link_id in ("abcd1234", ""), (number, end)
            assert used.errors


@pytest.mark.parametrize("given", ['link_id = "other123"', 'link_id = "other', "link_id = other", 'link_id = "ab c"'])
def test_f12_root_settings_naming_another_event_wait(box: Box, given: str) -> None:
    box.start(box.text)
    for end in ("# complete\n", ""):
        used = box.load(box.text.replace('link_id = "abcd1234"', given).replace("# complete\n", end))
        if used.errors:
            assert (used.config.eventpics.link_id, used.config.name) == ("", "Łódź Booth")
        else:
            assert used.config.eventpics.link_id == "other123"


def test_f12_the_config_of_former_guests_never_counts(box: Box) -> None:
    box.start(box.text)
    for text in (None, "", box.text.replace("[eventpics]", "[eventpics"), box.text.replace("a1", "a 1")):
        box.load(text)
        assert box.event() == ("" if text and "a 1" in text else "abcd1234"), text


@pytest.mark.parametrize("wrong", ["[capture]\ncountdown_s = 99", "[capture\ncountdown_s = 10", ""])
def test_f12_a_broken_config_below_good_root_settings(box: Box, wrong: str) -> None:
    whole = box.start(box.text).config
    box.file.write_text(CONFIG.replace("[capture]\ncountdown_s = 3", wrong) if wrong else "")
    used = load_effective(box.file)
    assert (used.config.eventpics, used.config.button) == (whole.eventpics, whole.button)
    assert used.config.capture == whole.capture
    assert {error.path for error in used.errors} == {str(box.file)}


@pytest.mark.parametrize("left", [None, "", "# soon\n"])
def test_f12_lost_root_settings_after_a_wipe_name_no_event(box: Box, left: str | None) -> None:
    box.start(box.text)
    box.good.write_text(good_copy.without_event(good_copy.read(box.directory)))
    used = box.load(left)
    assert (used.config.eventpics.link_id, used.config.name) == ("", "Łódź Booth")
    assert len(used.errors) == 1
    assert box.start(box.text).errors == ()


def test_f12_a_setting_that_root_overrides_is_not_missed(box: Box) -> None:
    box.start(box.text)
    shorter = CONFIG.replace('link_id = "formerguests"\nalbum_id = "a9"\n', "")
    for text in (shorter, shorter + "[spool]\nmin_free_mb = 10"):
        box.file.write_text(text)
        assert box.start(box.text).errors == (), text


def test_f12_a_cut_above_what_root_overrides_is_noticed(box: Box) -> None:
    event_last = CONFIG.replace("pin = 17", "pin = 23").replace("[capture]", "[x]")
    event, rest = event_last.split("[eventpics]")[1].split("[x]")
    box.file.write_text(f"{event_last.split('[eventpics]')[0]}[capture]{rest}[eventpics]{event}")
    whole = box.start(box.text)
    lines = box.file.read_text().split("\n")
    for number in range(lines.index("pin = 23")):
        box.file.write_text("\n".join(lines[:number]))
        used = box.start(box.text)
        assert used.errors, lines[:number]
        assert used.config == whole.config, lines[:number]


def test_f12_a_mistake_in_root_settings_costs_its_own_table(box: Box) -> None:
    whole = box.start(box.text).config
    used = box.start(box.text.replace("countdown_s = 10", "countdown_s = 99").replace("Łódź Booth", "New"))
    assert used.config == dataclasses.replace(whole, name="New")
    (error,) = used.errors
    assert (error.path, error.line) == (str(box.root_file), 10)
    told = config_problem(used)
    assert told is not None
    assert "settings.toml line 10" in str(told)


def test_f12_a_mistake_in_new_root_settings_leaves_the_config(box: Box) -> None:
    used = box.start(box.text.replace("countdown_s = 10", "countdown_s = 99"))
    assert (used.config.capture.countdown_s, used.config.eventpics.link_id) == (3, "abcd1234")
    assert box.load("").config.eventpics.link_id == "abcd1234"


@pytest.mark.parametrize("has_copy", [True, False])
def test_f12_a_late_good_copy_outlives_missing_root_settings(box: Box, has_copy: bool) -> None:
    box.start(box.text)
    if not has_copy:
        box.root_copy.unlink()
    kept = box.good.read_bytes()
    away = box.directory.rename(box.directory.parent / "away")
    used = box.load(None)
    assert bool(used.errors) is has_copy  # else there is nothing to compare it with
    assert used.config.eventpics.link_id == ("" if has_copy else "formerguests")
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
        assert ("config_late" in [told.code for told in card.notices]) is not has_copy
    assert box.good.read_bytes() == kept
    assert box.event() == ("abcd1234" if has_copy else "")


@pytest.mark.parametrize("wrong", ["", "[capture\ncountdown_s = 3", "[capture]\ncountdown_s = 99", "fine"])
@pytest.mark.parametrize("copied", ["whole", "cut", "lost"])
@pytest.mark.parametrize("left", [None, "", "config_version = 1\n"])
def test_f12_a_good_copy_older_than_lost_settings_is_no_event(
    box: Box, wrong: str, copied: str, left: str | None
) -> None:
    """While the config has a mistake the booth keeps no good copy, but a code is in force all the same."""
    box.start(box.text)
    good = box.good.read_bytes()
    if wrong != "fine":
        box.file.write_text(CONFIG.replace("[capture]\ncountdown_s = 3", wrong) if wrong else "")
    root_settings_file.update(box.root_file, {"eventpics": {"link_id": "tonight1"}}, "boot-a:7")
    assert box.event() == "tonight1"
    box.good.write_bytes(good)  # as after a power cut, or on a full card
    if copied == "lost":
        box.root_copy.unlink()
    elif copied == "cut":
        box.root_copy.write_bytes(box.root_copy.read_bytes()[:-30])
    used = box.load(left)
    assert (used.config.eventpics.link_id, used.config.eventpics.album_id) == ("", "")
    assert str(box.root_file) in [error.path for error in used.errors]


def test_f12_the_same_event_named_anew_is_not_the_older_one(box: Box) -> None:
    box.start(box.text)
    for said, event in (("boot-a:7", "abcd1234"), ("", "")):
        root_settings_file.update(box.root_file, {"eventpics": {"link_id": "abcd1234", "album_id": "a1"}}, said)
        box.start(box.root_file.read_text())
        if not event:
            root_settings_file.update(box.root_file, {"eventpics": {"album_id": "other"}}, "boot-a:9")
        assert box.load(None).config.eventpics.link_id == event


def test_f12_a_spool_of_lost_root_settings_is_found(box: Box) -> None:
    box.start(box.text)
    (box.default / "config.good.directory").unlink()
    assert box.load(box.text.rpartition("min_free_mb")[0]).config.spool.directory == str(box.directory)
    assert box.load(None).config.spool == Config().spool.__class__(str(box.default))


def test_c05_the_copy_of_an_older_program_knows_no_root_settings(box: Box) -> None:
    used = box.start(box.text)
    lines = box.good.read_text().splitlines(keepends=True)
    box.good.write_text("".join(line for line in lines if "# Settings in settings.toml" not in line))
    assert [name for name in good_copy.read(box.directory).names if name.startswith("settings.toml")] == []
    assert box.start(box.text).config == used.config
    assert isinstance(used.config.spool, SpoolConfig)
