"""A config that can't be used, wholly or in part: what a box does then, and what becomes of the good copy."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from piboothup import config
from piboothup.booth.storage import StorageMonitor
from piboothup.commands.common import config_problem, service_config
from piboothup.commands.services import _note_spool
from piboothup.config import (
    GOOD_FILE,
    ButtonConfig,
    Config,
    ConfigError,
    EffectiveConfig,
    EventPicsConfig,
    SpoolConfig,
    good_copy,
    load_effective,
)
from piboothup.spool import choices
from piboothup.spool.store import Spool
from tests.support import forked
from tests.support.clock import HandClock
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.effort import AT_LENGTH

pytestmark = pytest.mark.process

EXAMPLE = """\
# The booth in the garden.
config_version = 1
name = "Łódź Booth"          # what guests see
language = "de"
timezone = "Europe/Berlin"

[capture]
countdown_s = 10             # whole seconds
review_s = 2.5

[camera]
rotation = 180
size = [4056, 3040]
max_exposure_ms = 20
[button]
pin = 17
hold_s = 5
[light]
led_pin = 27
buzzer_pin = 22
# the album
[eventpics]
api_key = "a-secret-key"
link_id = "abcd1234"
album_id = "a1"

[panel]
driver = "sh1106"            # it says "SH1106" on its back
address = 0x3D
[spool]
directory = "{spool}"
min_free_mb = 1000
keep_sent_days = 0
[upload]
workers = 3
paused = false
# The end.
"""


class Box:
    """A box whose spool is not in the default folder, as systemd starts it."""

    def __init__(self, root: Path, text: str = EXAMPLE) -> None:
        self.default = root / "default"
        self.default.mkdir()
        self.file = root / "config.toml"
        self.directory = root / "spool"
        self.text = text.format(spool=self.directory)
        self.good = self.directory / GOOD_FILE
        self.clock = HandClock()

    def start(self, text: str | bytes) -> EffectiveConfig:
        """What the booth runs with when its file says this; it keeps its good copy as the service does."""
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        used = service_config(argparse.Namespace(config=str(self.file)))
        directory = Path(used.config.spool.directory)
        assert directory in (self.directory, self.default)
        if used.names is not None:
            _note_spool(used.config.spool.directory)
        spool = Spool(directory, self.clock)
        with contextlib.closing(StorageMonitor(used.config, spool, self.clock, config_names=used.names)) as card:
            card.open(retry_later=True)
            assert card.opened
        return used


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", made.default)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_PATH", made.file)
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/none")
    return made


def keyless(given: Config) -> Config:
    return dataclasses.replace(given, eventpics=dataclasses.replace(given.eventpics, api_key=None))


# -- F12: empty, only comments, cut ---------------------------------------------------------------------------------


def test_f12_a_file_cut_at_any_line_costs_neither_event_nor_copy(box: Box) -> None:
    whole = keyless(box.start(box.text).config)
    assert (whole.eventpics.link_id, whole.spool.directory) == ("abcd1234", str(box.directory))
    kept = box.good.read_bytes()
    lines = box.text.splitlines(keepends=True)
    for number in range(len(lines)):
        used = box.start("".join(lines[:number]))
        assert keyless(used.config) == whole, number
        if number < len(lines) - 1:  # the last is a comment, which nobody misses
            assert config_problem(used) is not None, number
            assert box.good.read_bytes() == kept, number
        assert list(box.default.iterdir()) == [config.elsewhere_file()]


def test_f12_a_file_cut_at_any_byte_costs_no_setting(box: Box) -> None:
    whole = keyless(box.start(box.text).config)
    content = box.text.encode()
    for length in range(len(content)):
        box.file.write_bytes(content[:length])
        assert keyless(load_effective(box.file).config) == whole, content[:length][-40:]


@pytest.mark.parametrize(
    "left", [b"", b"\n \n", b"\xef\xbb\xbf", b"# Booth\n\n# soon\n", b"\0" * 512, b"config_version = 1\n[button\n"]
)
def test_f12_file_without_a_setting_uses_and_keeps_good_copy(box: Box, left: bytes) -> None:
    whole = keyless(box.start(box.text).config)
    kept = box.good.read_bytes()
    used = box.start(left)
    assert used.config == whole
    assert box.good.read_bytes() == kept
    told = config_problem(used)
    assert told is not None
    assert "last good settings" in str(told)
    assert used.errors


def test_f12_a_config_that_is_gone_leads_to_the_spool_used_last(box: Box) -> None:
    whole = keyless(box.start(box.text).config)
    box.file.unlink()
    assert load_effective(box.file).config == whole


def test_f12_empty_file_at_first_start_becomes_no_good_copy(box: Box) -> None:
    used = box.start("")
    assert used.config == Config(spool=SpoolConfig(str(box.default)))
    assert not (box.default / GOOD_FILE).exists()


@pytest.mark.parametrize(
    ("table", "whole", "cut"),
    [
        ("[capture]\n", "countdown_s = 10", "countdown_s = 1"),
        ("[capture]\n", "review_s = 2.5", "review_s = 2"),
        ("", "min_free_mb = 1000", "min_free_mb = 100"),
        ("", "min_free_mb = 1_000", "min_free_mb = 1_0"),
        ("[panel]\n", "address = 0x3D", "address = 0x3"),
        ("[panel]\n", '"address"=61', '"address"=6'),
        ("[camera]\n", "max_exposure_ms = 1e2", "max_exposure_ms = 1"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_f12_a_cut_inside_the_last_number_keeps_the_good_one(
    box: Box, table: str, whole: str, cut: str, end: str
) -> None:
    start = f'config_version = 1\n[spool]\ndirectory = "{box.directory}"\n{table}'
    good = box.start(start + whole + end).config
    kept = box.good.read_bytes()
    used = box.start(start + cut)
    assert (used.config, len(used.errors), used.names) == (good, 1, None)
    assert "may have lost its end" in str(used.errors[0])
    assert box.good.read_bytes() == kept
    for meant in ("\n", "\n# complete"):
        used = box.start(start + cut + meant)
        assert not used.errors
        assert used.config != good


@pytest.mark.parametrize(
    "now",
    [
        "countdown_s = 5",
        "countdown_s = 10",
        "countdown_s = 1 # s",
        "countdown_s = 0x1",
        "countdown_s = 9\n# countdown_s = 1",
        "countdown_s = 9\nx = 1",
        "review_s = 1\ncountdown_s = 0xA",
    ],
)
def test_f12_another_last_number_is_no_cut(box: Box, now: str) -> None:
    start = f'config_version = 1\n[spool]\ndirectory = "{box.directory}"\n[capture]\n'
    box.start(start + "countdown_s = 10")
    assert not box.start(start + now).errors


@pytest.mark.parametrize("more", ["# complete\n", "# complete", "\n# complete\r\n\n"])
def test_f12_a_file_shortened_on_purpose_says_so_at_its_end(box: Box, more: str) -> None:
    box.start(box.text)
    used = box.start(box.text.partition("[upload]")[0] + more)
    assert not used.errors
    assert used.config.upload == Config().upload
    assert not box.start(box.text).errors


@pytest.mark.parametrize("text", ["[spool{}", "x{}[spool]\ndirectory = ", "[spool]{}directory"])
def test_f12_a_broken_file_of_blank_lines_is_read(box: Box, text: str) -> None:
    """In time that grows with the square of their number the start would take minutes."""
    box.file.write_text(text.format("\n" * 250_000))

    def load() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        assert load_effective(box.file).errors

    assert forked.call(load).returncode == 0


def _edits(line: str) -> dict[str, str]:
    """One-line edits, by name: what stands in the place of this line."""
    return {
        "comment": f"# a note\n{line}",
        "unknown": f"x = 1\n{line}",
        "header": f"[devices]\n{line}",
        "deleted": "",
        "disabled": f"# {line}",
        "junk": f"= {line}",
    }


EVENT_LAST = EXAMPLE.partition("# the album")[0] + (
    '[spool]\ndirectory = "{spool}"\n[eventpics]\nlink_id = "abcd1234"\nalbum_id = "a1"\n'
)
CUTS = [(EXAMPLE, edit) for edit in _edits("")] + [(EVENT_LAST, "comment"), (EVENT_LAST, "disabled")]


@pytest.mark.parametrize(("whole", "edit"), CUTS)
def test_f12_a_cut_below_an_edit_is_told_and_costs_no_event(box: Box, whole: str, edit: str) -> None:
    text = whole.format(spool=box.directory)
    box.start(text)
    lines = text.splitlines(keepends=True)
    for number in range(1, len(lines)):
        begun = "".join(lines[:number]) + _edits(lines[number])[edit]
        for end in range(number + 1, len(lines), 1 if AT_LENGTH and edit == "comment" else 4):
            if all(line.startswith("#") or not line.strip() for line in lines[end:]):
                continue
            box.file.write_text(begun + "".join(lines[number + 1 : end]))
            used = load_effective(box.file)
            assert used.errors, (number, end)
            assert used.names is None, (number, end)
            event = used.config.eventpics
            is_event_edited = (
                edit == "unknown" and "# the album\n" in lines[:number] and "[panel]\n" not in lines[:number]
            )
            if (
                edit != "header"
                and not is_event_edited
                and not lines[number].startswith(("link_id", "album_id", "["))
            ):
                assert (event.link_id, event.album_id) == ("abcd1234", "a1"), (number, end)


def test_f12_a_cut_below_a_new_event_sends_nothing_to_the_old(box: Box) -> None:
    box.start(box.text)
    changed = box.text.replace("abcd1234", "wxyz9876")
    ends = {changed.index("album_id"): "", changed.index("[panel]"): "", changed.index("address"): "wxyz9876"}
    for end, link_id in ends.items():
        used = box.start(changed[:end])
        assert used.errors
        assert used.config.eventpics.link_id == link_id
        assert good_copy.read(box.directory).config.eventpics.link_id == "abcd1234"


@pytest.mark.parametrize("now", ["[eventpic]", "# [eventpics]", "[eventpics]\n[devices]"])
def test_f12_an_event_that_is_lost_by_a_typo_is_told(box: Box, now: str) -> None:
    box.start(box.text)
    kept = box.good.read_bytes()
    used = box.start(box.text.replace("[eventpics]", now))
    assert ["`eventpics.link_id` of the last good one is missing" in str(error) for error in used.errors] == [True]
    assert box.good.read_bytes() == kept


def test_f12_another_short_file_without_an_event_is_told(box: Box) -> None:
    box.start(box.text)
    short = f'config_version = 1\nname = "New"\n[spool]\ndirectory = "{box.directory}"\n'
    used = box.start(short)
    assert (used.config.name, used.config.eventpics.link_id) == ("New", "abcd1234")
    assert used.errors
    assert box.start(short + "# complete\n").config.eventpics.link_id == ""
    assert not box.start(short).errors


def test_f12_fewer_comments_and_blank_lines_are_no_cut(box: Box) -> None:
    box.start(box.text + "# more\n\n\n")
    for text in (box.text + "\n", box.text, box.text.removesuffix("# The end.\n"), box.text.rstrip()):
        assert not box.start(text).errors


def test_f12_a_spool_in_the_default_folder_needs_no_note(box: Box) -> None:
    box.start(box.text)
    assert config.elsewhere_file().read_text() == f"{box.directory}\n"
    box.start(box.text.replace(str(box.directory), str(box.default)))
    assert not config.elsewhere_file().exists()


@pytest.mark.parametrize("junk", [b"", b"photos\n", b"\xff\xfe", b"/a\nb\n", b"/a\x7f"])
def test_f12_a_note_of_junk_is_the_default_folder(box: Box, junk: bytes) -> None:
    config.elsewhere_file().write_bytes(junk)
    assert load_effective(box.file).config.spool.path == box.default


def test_f12_no_key_and_no_hash_of_one_is_kept(box: Box) -> None:
    box.start(box.text)
    first = box.good.read_bytes()
    box.start(box.text.replace("a-secret-key", "another-key-still"))
    assert box.good.read_bytes() == first
    assert b"secret" not in first


def test_f12_a_file_without_a_version_is_a_warning(box: Box) -> None:
    used = box.start(box.text.replace("config_version = 1\n", ""))
    assert not used.errors
    assert ["config_version" in warning for warning in used.warnings] == [True]


@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: only root can mount a /var/lib of its own")
def test_f12_the_real_booth_finds_its_good_copy_elsewhere(tmp_path: Path) -> None:
    (default := tmp_path / "default").mkdir()
    (etc := tmp_path / "etc").mkdir()
    spool, notify = tmp_path / "spool", tmp_path / "notify"
    text = 'config_version = 1\n[eventpics]\nlink_id = "abcd1234"\n[devices]\nsimulated = true\n'
    mounted = (
        'mount -t tmpfs none /var/lib && mkdir /var/lib/piboothup && mount --bind "$0" /var/lib/piboothup '
        # whatever else lies in /etc stays: Debian's numpy needs its alternatives
        '&& cp -a /etc/. "$1" && mount --bind "$1" /etc && mkdir -p /etc/piboothup '
        '&& mount --bind "$2" /etc/piboothup && shift 2 && exec "$@"'
    )
    (copy := tmp_path / "copy").mkdir()
    words = [str(default), str(copy), str(etc), *command("booth")]
    for lines in (f'{text}[spool]\ndirectory = "{spool}"\nmin_free_mb = 10\n', text, ""):
        (etc / "config.toml").write_text(lines)
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(notify))
            systemd.settimeout(PATIENCE_S)
            booth = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", mounted, *words],
                env=environment(tmp_path / "run", NOTIFY_SOCKET=str(notify)),
                stdin=subprocess.DEVNULL,
            )
            try:
                assert systemd.recv(100) == b"READY=1"
            finally:
                booth.terminate()
                assert booth.wait(PATIENCE_S) == 0
        assert good_copy.read(spool).config.eventpics.link_id == "abcd1234"
        assert {path.name for path in default.iterdir()} == {"config.good.directory"}


@pytest.mark.parametrize("end", ["[upload]", "[eventpics]", "[spool]", "workers"])
def test_f12_a_good_copy_that_comes_late_is_not_overwritten(box: Box, end: str) -> None:
    box.start(box.text)
    kept = box.good.read_bytes()
    away = box.directory.rename(box.directory.parent / "away")
    box.file.write_text(box.text.partition(end)[0])
    used = service_config(argparse.Namespace(config=str(box.file)))
    assert not used.errors  # nothing to compare it with
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
        assert card.opened
        assert "config_late" in [told.code for told in card.notices]
    assert box.good.read_bytes() == kept
    used = load_effective(box.file)
    assert (used.config.upload.workers, used.config.eventpics.link_id) == (3, "abcd1234")


@pytest.mark.parametrize(
    ("whole", "now", "is_late"),
    [
        ("hold_s = 5\npin = 17", "hold_s = 5\npin = 1", True),
        ("pin = 17\nhold_s = 2.5", "pin = 17\nhold_s = 2", True),
        ("pin = 0x12\n", "pin = 0x1", True),
        ("hold_s = 5\npin = 17", "pin = 1\nhold_s = 5", False),
        ("hold_s = 5\npin = 17", "hold_s = 5\npin = 1\n", False),
        ("hold_s = 5\npin = 17", "hold_s = 5\npin = 22", False),
    ],
)
def test_f12_a_late_good_copy_outlives_a_shortened_number(box: Box, whole: str, now: str, is_late: bool) -> None:
    start = f'config_version = 1\n[spool]\ndirectory = "{box.directory}"\n[button]\n'
    box.start(start + whole)
    kept = box.good.read_bytes()
    away = box.directory.rename(box.directory.parent / "away")
    box.file.write_text(start + now)
    used = load_effective(box.file)
    assert not used.errors
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
        assert ("config_late" in [told.code for told in card.notices]) is is_late
    assert (box.good.read_bytes() == kept) is is_late


@pytest.mark.parametrize("wrong", ["pin = 99", "menu = true", "menu = 'x'"])
@pytest.mark.parametrize("end", ["", "# complete"])
def test_f14_a_late_good_copy_outlives_a_mistake(box: Box, wrong: str, end: str) -> None:
    box.start(box.text.replace("pin = 17", "pin = 4"))
    kept = box.good.read_bytes()
    away = box.directory.rename(box.directory.parent / "away")
    box.file.write_text(box.text.replace("pin = 17", wrong) + end)
    used = load_effective(box.file)
    assert (used.config.button, len(used.errors)) == (Config().button, 1)
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
        assert "config_late" in [told.code for told in card.notices]
    assert box.good.read_bytes() == kept
    assert load_effective(box.file).config.button.pin == 4


def test_f14_a_mistake_without_a_good_copy_keeps_the_rest(box: Box) -> None:
    box.start(box.text.replace("pin = 17", "pin = 99"))
    assert good_copy.read(box.directory).config.eventpics.link_id == "abcd1234"
    assert box.start("").config.name == "Łódź Booth"


@pytest.mark.parametrize("wrong", ["pin = 99", "menu = true"])
def test_f14_a_mistake_of_the_first_config_is_not_late_later(box: Box, wrong: str) -> None:
    box.file.write_text(box.text.replace("pin = 17", wrong))
    used = load_effective(box.file)
    assert used.errors
    spool, away = Spool(box.directory, box.clock), box.directory.parent / "away"
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        for opened in (1, 2):
            card.check()
            assert (card.times_opened, "config_late" in [told.code for told in card.notices]) == (opened, False)
            box.directory.rename(away)
            card.check()
            shutil.rmtree(box.directory, ignore_errors=True)
            away.rename(box.directory)
        older = dataclasses.replace(load_effective(box.file).config, button=ButtonConfig(pin=4))
        box.good.write_text(good_copy.to_toml_text(older, [name for name in used.names or () if name[0] != "#"]))
        card.check()
        assert "config_late" in [told.code for told in card.notices]
    assert good_copy.read(box.directory).config.button.pin == 4


@pytest.mark.parametrize("last", ["pin = 1", "pin = 1\n", "hold_s = 2"])
def test_f12_without_a_good_copy_a_last_number_is_what_it_says(box: Box, last: str) -> None:
    text = f'config_version = 1\n[spool]\ndirectory = "{box.directory}"\n[button]\n{last}'
    assert not box.start(text).errors
    assert good_copy.read(box.directory).config == load_effective(box.file).config


def test_f12_a_late_good_copy_outlives_a_file_of_one_header(box: Box) -> None:
    box.start(box.text)
    kept = box.good.read_bytes()
    away = box.directory.rename(box.directory.parent / "away")
    box.file.write_text("[capture]\n")
    used = load_effective(box.file)
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
    assert box.good.read_bytes() == kept


def test_f12_a_whole_file_is_kept_over_a_good_copy_come_late(box: Box) -> None:
    box.start(box.text)
    away = box.directory.rename(box.directory.parent / "away")
    box.file.write_text(box.text.replace("Łódź Booth", "Fête"))
    used = load_effective(box.file)
    spool = Spool(box.directory, box.clock)
    with contextlib.closing(StorageMonitor(used.config, spool, box.clock, config_names=used.names)) as card:
        away.rename(box.directory)
        card.check()
        assert card.opened
        assert "config_late" not in [told.code for told in card.notices]
    assert good_copy.read(box.directory).config.name == "Fête"


def test_f12_without_last_good_settings_none_are_promised(box: Box) -> None:
    for used in (box.start(""), box.start("name = [")):
        told = config_problem(used)
        assert told is not None
        assert (told.code, "go on with the last good" in str(told)) == ("config_default", False)
    box.start(box.text)
    box.good.write_bytes(b"\0" * 1000)
    told = config_problem(box.start(""))
    assert told is not None
    assert told.code == "config_default"


@pytest.mark.parametrize("left", ["", "name = [", "[button]\nhold_s = 99"])
def test_f12_the_good_copy_of_another_box_is_not_used(box: Box, left: str) -> None:
    box.start(box.text)
    box.good.write_text(good_copy.to_toml_text(load_effective(box.file).config, ("name",), "ZZZZ"))
    used = box.start(left + f'\n[spool]\ndirectory = "{box.directory}"\n' if left else left)
    assert (used.config.name, used.config.eventpics.link_id) == ("Booth 1", "")
    told = config_problem(used)
    assert told is not None
    assert told.code == "config_default"


# -- F13: the good copy is what it says -----------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_f13_any_text_reads_back_as_it_was_written(text: str) -> None:
    assert tomli.loads(f"a = {config.toml_value(text)}") == {"a": text}


@pytest.mark.parametrize("name", ["a\x7fb", "a\nb", "a\x85b", "a\u2028b", "a\ud800b"])
def test_f13_a_copy_that_does_not_read_back_replaces_none(box: Box, name: str) -> None:
    box.start(box.text)
    kept = box.good.read_bytes()
    wrong = dataclasses.replace(load_effective(box.file).config, name=name)
    spool = Spool(box.directory, box.clock)
    names = load_effective(box.file).names
    with contextlib.closing(StorageMonitor(wrong, spool, box.clock, config_names=names)) as card:
        card.open(retry_later=False)
    assert box.good.read_bytes() == kept


def test_f13_a_value_that_turns_into_another_is_no_good_copy() -> None:
    with pytest.raises(ValueError, match="read back"):
        good_copy.to_toml_text(Config(eventpics=EventPicsConfig(api_url="https://api.eventpics.net/")))


@pytest.mark.parametrize("control", ["\\u007f", "\\u0085", "\\u001b", "\\t", "\\n", "\\u2028"])
@pytest.mark.parametrize(
    "setting",
    ['name = "a{}b"', '[spool]\ndirectory = "/a{}b"', '[eventpics]\nalbum_url = "https://a{}/{{link_id}}"'],
)
def test_f13_a_control_character_in_a_value_is_refused(setting: str, control: str) -> None:
    with pytest.raises(ConfigError, match="can't be used as it stands"):
        config.parse(setting.format(control), Path("config.toml"))


# -- F14: a fall-back by tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        ("hold_s = 5", "hold_s = 500"),
        ("rotation = 180", 'rotation = "half"'),
        ("[light]", "[[light]]"),
        ("min_free_mb = 1000", "min_free_mb = 1"),
        ('language = "de"', 'language = "xx"'),
        ("buzzer_pin = 22", "buzzer_pin = 17"),
    ],
)
def test_f14_a_wrong_value_leaves_the_rest_in_force(box: Box, wrong: tuple[str, str]) -> None:
    before = box.start(box.text).config
    changed = box.text.replace("abcd1234", "wxyz9876").replace('"a1"', '"b1"').replace("Łódź Booth", "Fête")
    used = box.start(changed.replace(*wrong))
    event = used.config.eventpics
    assert (used.config.name, event.link_id, event.album_id) == ("Fête", "wxyz9876", "b1")
    assert dataclasses.replace(used.config, name=before.name, eventpics=before.eventpics) == before
    assert event.api_key is not None
    assert not used.lacks_key
    told = config_problem(used)
    assert told is not None
    assert told.detail.startswith("line ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        # the last good buzzer's pin, which counts again since the light's table can't be used
        ({"pin = 17": "pin = 22", "led_pin = 27": "led_pin = 99"}, ["light.led_pin", "light.buzzer_pin"]),
        ({"[panel]": "[[panel]]", "pin = 17": "pin = 3"}, ["panel", "button.pin"]),
        ({"hold_s = 5": "hold_s = 50", "led_pin = 27": "led_pin = 17"}, ["button.hold_s", "light.led_pin"]),
        # cut off below it, and beside another mistake
        (
            {"min_free_mb = 1000": "min_free_mb = 1", "buzzer_pin = 22": "buzzer_pin = 17"},
            ["min_free_mb", "buzzer_pin"],
        ),
        ({"workers = 3\npaused = false\n": "", "buzzer_pin = 22": "buzzer_pin = 17"}, ["upload", "buzzer_pin"]),
    ],
)
def test_f14_a_pin_used_twice_is_told_beside_a_mistake(box: Box, changes: dict[str, str], told: list[str]) -> None:
    before = box.start(box.text).config
    text = box.text
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    used = box.start(text)
    assert [name in error.what for error, name in zip(used.errors, told, strict=True)] == [True] * len(told)
    assert (used.config.button, used.config.light, used.config.panel) == (before.button, before.light, before.panel)


def test_f14_no_pin_is_told_that_the_last_good_one_leaves_free(box: Box) -> None:
    text = box.text.replace("led_pin = 27", "led_pin = 26")
    box.start(text)
    used = box.start(text.replace("pin = 17", "pin = 27").replace("buzzer_pin = 22", "buzzer_pin = 99"))
    assert ["light.buzzer_pin" in error.what for error in used.errors] == [True]
    assert (used.config.button.pin, used.config.light.led_pin, used.config.light.buzzer_pin) == (27, 26, 22)


@pytest.mark.parametrize(
    "new",
    [
        'link_id = "wxyz9876"\nalbum_id = "b 1"',
        'link_id = "wxyz9876"\nalbum_id = 7',
        'link_id = "https://app.eventpics.net/wxyz9876"',
        'link_id = "wxyz9876"\napi_url = "http://example.org"',
        "link_id = 'wxyz9876",
        "link_id = wxyz9876",
        "link_id = \u201cabcd1234\u201d",
        'link_id = "abcd1234"\nalbum_id = "b 1"',
    ],
)
@pytest.mark.parametrize("coded", ["utf-8", "utf-16"])
def test_f14_a_new_event_with_a_mistake_is_never_the_old(box: Box, new: str, coded: str) -> None:
    before = box.start(box.text.replace('api_key = "a-secret-key"', 'api_key_file = "/key"')).config.eventpics
    used = box.start(box.text.replace('link_id = "abcd1234"\nalbum_id = "a1"', new).encode(coded))
    assert used.errors
    assert used.config.eventpics == dataclasses.replace(before, link_id="", album_id="", revision="unknown")


@pytest.mark.parametrize("wrong", ["[[eventpics]]", '[eventpics]\napi_url = "http://example.org"'])
def test_f14_the_event_of_before_outlives_a_mistake_beside_it(box: Box, wrong: str) -> None:
    before = keyless(box.start(box.text).config)
    used = box.start(box.text.replace("[eventpics]", wrong).replace("Łódź", "Fête"))
    assert used.config.eventpics == before.eventpics
    assert used.config.name == "Fête Booth"
    assert used.lacks_key


@pytest.mark.parametrize(
    "wrong",
    [
        'api_key_file = "canary-key-0123456789"',
        'api_key = "canary key"',
        'api_key = "api_key = canary"',
        "api_key = 0",
        'api_key_file = "etc/piboothup/key"',
    ],
)
def test_f14_a_mistake_in_the_key_costs_no_event(box: Box, wrong: str) -> None:
    text = box.text.replace('api_key = "a-secret-key"', wrong)
    used = box.start(text)
    event = used.config.eventpics
    assert (event.link_id, event.album_id, event.api_key, event.api_key_file) == ("abcd1234", "a1", None, "")
    assert used.lacks_key
    (error,) = used.errors
    assert error.line == text[: text.index(wrong)].count("\n") + 1
    assert "canary" not in f"{error} {box.good.read_text()}"


@pytest.mark.parametrize("link_id", ["abcd1234", "wxyz9876"])
def test_f14_beside_a_mistake_the_last_good_key_file_is_used(box: Box, link_id: str) -> None:
    box.start(box.text.replace('api_key = "a-secret-key"', 'api_key_file = "/etc/piboothup/key"'))
    wrong = box.text.replace('api_key = "a-secret-key"', 'api_key_file = "canary"').replace("abcd1234", link_id)
    for _ in range(2):
        used = box.start(wrong)
        event = used.config.eventpics
        assert (event.link_id, event.album_id, event.api_key_file) == (link_id, "a1", "/etc/piboothup/key")
        assert used.errors
        assert not used.lacks_key


def test_f14_beside_a_mistake_the_key_s_other_setting_counts(box: Box) -> None:
    for wrong in ('api_key = "a b"\napi_key_file = "/k"', 'api_key_file = "k"\napi_key = "a-secret-key"'):
        event = box.start(box.text.replace('api_key = "a-secret-key"', wrong)).config.eventpics
        assert event.link_id == "abcd1234"
        key = None if event.api_key is None else event.api_key.reveal()
        assert (key, event.api_key_file) == ((None, "/k") if '"/k"' in wrong else ("a-secret-key", "/k"))


@pytest.mark.parametrize("link_id", ["", "https://app.eventpics.net/wxyz9876"])
def test_f14_a_second_mistake_beside_the_key_costs_the_event(box: Box, link_id: str) -> None:
    wrong = box.text.replace('api_key = "a-secret-key"', 'api_key = "a b"').replace('"abcd1234"', f'"{link_id}"')
    event = box.start(wrong).config.eventpics
    assert event.link_id == ""


def test_f14_a_mistake_and_a_lost_table_cost_no_event(box: Box) -> None:
    before = keyless(box.start(box.text).config)
    used = box.start(box.text.partition("# the album")[0].replace("hold_s = 5", "hold_s = 50"))
    assert used.config.eventpics == before.eventpics
    assert used.config.spool == before.spool


def test_f14_after_a_mistake_a_cut_leads_to_the_newest_event(box: Box) -> None:
    box.start(box.text)
    changed = box.text.replace("abcd1234", "wxyz9876").replace("hold_s = 5", "hold_s = 50")
    box.start(changed)
    for left in ("", changed.partition("album_id")[0], "name = ["):
        assert box.start(left).config.eventpics.link_id == "wxyz9876"


def test_f14_good_copy_with_a_fault_is_used_by_tables(box: Box) -> None:
    box.start(box.text)
    box.good.write_text(box.good.read_text().replace("hold_s = 5.0", "hold_s = 99").replace("sh1106", "crt"))
    used = box.start("name = [")
    assert used.config.eventpics.link_id == "abcd1234"
    assert (used.config.button, used.config.panel) == (Config().button, Config().panel)


def test_f14_a_config_of_a_later_version_is_not_guessed_at(box: Box) -> None:
    before = keyless(box.start(box.text).config)
    used = box.start(box.text.replace("config_version = 1", "config_version = 2").replace("Łódź", "Fête"))
    assert used.config == before


def test_f14_the_key_in_its_file_outlives_a_broken_config(box: Box) -> None:
    box.start(box.text.replace('api_key = "a-secret-key"', 'api_key_file = "/etc/piboothup/key"'))
    used = box.start("name = [")
    assert used.config.eventpics.api_key_file == "/etc/piboothup/key"
    assert not used.lacks_key


@pytest.mark.parametrize("zone", ["US/Nowhere", "Europe", "../../etc/passwd", "a b", "Ärger/Łódź", "x" * 190])
def test_f14_an_unknown_zone_is_a_warning_and_utc(box: Box, zone: str) -> None:
    used = box.start(box.text.replace("Europe/Berlin", zone))
    assert not used.errors
    assert ["no time zone" in warning for warning in used.warnings] == [True]
    assert str(config.zone(used.config.timezone)) == "UTC"
    assert (used.config.name, used.config.eventpics.link_id) == ("Łódź Booth", "abcd1234")
    assert good_copy.read(box.directory).config.eventpics.link_id == "abcd1234"


def test_f14_a_zone_file_of_junk_is_utc(tmp_path: Path) -> None:
    whole = Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes()
    lengths = [*range(60), len(whole) // 2, len(whole) - 10, len(whole) - 1]  # the last lack the end alone
    for length in lengths:
        (tmp_path / f"Cut{length}").write_bytes(whole[:length])
    told = f"from piboothup.config import zone; print({{str(zone(f'Cut{{n}}')) for n in {lengths}}})"
    found = subprocess.run(
        [sys.executable, "-c", told],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONTZPATH": str(tmp_path)},
    )
    assert found.stdout.decode() == "{'UTC'}\n"


@pytest.mark.parametrize("written", ["{}/", "/{}", "{}/.", "{}//."])
def test_f12_a_choice_holds_however_its_folder_is_written(tmp_path: Path, written: str) -> None:
    """The fall-back names the folder in one way; the choices are of the same config then."""
    directory = tmp_path / "spool"
    directory.mkdir()
    file = tmp_path / "config.toml"
    text = f'config_version = 1\n[spool]\ndirectory = "{written.format(directory)}"\n[eventpics]\nlink_id = "old1"\n'
    file.write_text(text)
    good = config.load_effective(file)
    (directory / config.GOOD_FILE).write_text(good_copy.to_toml_text(good.config, good.names or (), ""))
    choices.write(directory, good.config, choices.Choices(link_id="new2", album_id=""))
    file.write_text(text + "[capture]\ncountdown_s =\n")
    broken = config.load_effective(file)
    assert broken.errors
    assert choices.read(directory, broken.config).link_id == "new2"


@pytest.mark.parametrize(
    "line",
    [
        *('link_id: "new2"', "linkId: new2", 'link_id := "new2"', "link_id -> new2", 'album_id: "new1"'),
        *('link_id "new2"', "link id = new2", "link-id new2", 'linkid = "new2"', "event = new2", 'event: "new2"'),
        *("link = new2", "album = new1", "id = new2", "new2"),
    ],
)
@pytest.mark.parametrize(
    "header", ["[eventpics]", "[eventpics", "[event]", "[[Eventpics]]", "[eventpics] api_key='x'"]
)
def test_f12_another_event_is_seen_however_it_is_assigned(line: str, header: str) -> None:
    kept = EventPicsConfig(link_id="old1", album_id="a1")
    for after in ("", "[panel]\nlens = above\n"):
        assert good_copy.names_another_event(f"{header}\n{line}\n{after}", kept)
        assert not good_copy.names_another_event(f'{header}\nlink_id "old1"\nalbum_id := "a1" # the\n{after}', kept)


@pytest.mark.parametrize(
    "text",
    [
        'link_id "new2"',
        "event = new2",
        'eventpics.link_id "new2"',
        '[panel]\nlink = "new2"',
        '[eventpics] link_id "new2"',
    ],
)
def test_f12_another_event_is_seen_wherever_it_stands(text: str) -> None:
    assert good_copy.names_another_event(f'name = "Fete"\n{text}\n', EventPicsConfig(link_id="old1"))


@pytest.mark.parametrize(
    "text",
    [
        'name = "Event of link"\npin = 17 # the link id: 5\n[panel]\nalbum_code = off\ndriver "x"',
        '[eventpics]\napi_key = secret\n# event = new2\n#link_id = "new2"\n[panel\nx = 1',
        '[eventpics]\nalbum_url "https://a/{link_id}"\n=\n[spool',
        'eventpics = { link_id = "old1" }\n[spool\nx = 3',
        *(
            f'[eventpics]\nlink_id = "old1"\n{cut}'
            for cut in ("a", "alb", "album_id", "album_id =", "api_k", "# eve", "[pan")
        ),
    ],
)
def test_f12_no_other_event_is_seen_where_none_is_meant(text: str) -> None:
    assert not good_copy.names_another_event(text, EventPicsConfig(link_id="old1"))


@pytest.mark.parametrize(
    "slip", ['link_id "wxyz9876"', "link id = wxyz9876", "event = wxyz9876", 'linkid = "wxyz9876"']
)
@pytest.mark.parametrize("is_last", [False, True])
def test_f12_a_slip_in_the_event_sends_nothing_to_the_old(box: Box, slip: str, is_last: bool) -> None:
    text = EVENT_LAST.format(spool=box.directory) if is_last else box.text
    box.start(text)
    kept = box.good.read_bytes()
    used = box.start(text.replace('link_id = "abcd1234"', slip).replace('album_id = "a1"\n', ""))
    assert used.errors
    assert used.config.eventpics.link_id == ""
    assert box.good.read_bytes() == kept
