"""Commands with a broken config: those that only read go on as the booth does, the others wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup import status
from piboothup.cli import main
from piboothup.clock import SystemClock
from piboothup.config import GOOD_FILE, good_copy, load_effective
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool import choices, handover
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import NEW, PARKED
from piboothup.spool.store import Spool
from tests.support.commands import run_forked
from tests.support.effort import covering
from tests.support.photos import jpeg, take

pytestmark = pytest.mark.process

WHOLE = """\
config_version = 1
timezone = "Europe/Berlin"
[spool]
directory = "{folder}/spool"
allow_memory = true
min_free_mb = 10
[devices]
simulated = true
[eventpics]
link_id = "abcd1234"
api_key_file = "{folder}/key"
api_url = "http://127.0.0.1:1"
[camera]
jpeg_quality = 80
[capture]
countdown_s = 3
"""
BROKEN = {
    "cut in a table": WHOLE.partition("jpeg_quality")[0],
    "cut in a word": WHOLE.partition("_s = 3")[0],
    "no TOML": WHOLE.replace("jpeg_quality = 80", "jpeg_quality = "),
    "wrong value": WHOLE.replace("jpeg_quality = 80", "jpeg_quality = 800"),
    "other text": '[spool]\ndirectory = "{folder}/spool"\n[[[',
}


class Box:
    """A spool with a photo that waits and one that is parked, and the good copy of a config that was whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        self.spool = Spool(folder / "spool", SystemClock())
        self.spool.prepare()
        self.spool.start("booth")
        self.spool.write_events([AlbumEvent("The Party", "abcd1234")])
        names = [take(self.spool, jpeg(number), context_for("abcd1234", "", "")) for number in range(2)]
        handover.park(self.spool, names[0], "EventPics refuses it.")
        self.keep(WHOLE)

    def keep(self, text: str) -> None:
        """The booth has run with this config."""
        self.say(text)
        used = load_effective(self.file, self.spool.box)
        assert not used.errors
        kept = good_copy.to_toml_text(used.config, used.names or (), self.spool.box)
        (self.spool.directory / GOOD_FILE).write_text(kept)
        choices.write(self.spool.directory, used.config, Choices())

    def say(self, text: str) -> None:
        """Writes the config's file."""
        self.file.write_text(text.format(folder=self.folder))

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a command."""
        result = run_forked(self.folder / "run", "--config", self.file, *words)
        assert "Traceback" not in result.stderr
        return result.returncode, result.stdout, result.stderr


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def album(tmp_path: Path) -> Iterator[LocalEventPics]:
    with LocalEventPics(tmp_path / "album", SystemClock()) as running:
        yield running


@pytest.mark.parametrize("how", BROKEN)
def test_f12_status_and_list_work_while_the_config_is_broken(box: Box, how: str) -> None:
    box.say(BROKEN[how])
    code, output, errors = box.run("status", "--json")
    report = json.loads(output)
    assert (code, report["spool"]["new"], report["spool"]["parked"]) == (0, 1, 1)
    assert "bad_config" in [problem["code"] for problem in report["problems"]]
    assert str(box.file) in errors
    assert (
        f"The last good settings are used where the file's can't be, and the photos in {box.folder}/spool" in errors
    )
    code, output, errors = box.run("queue", "list")
    assert (code, len(output.splitlines()), str(box.file) in errors) == (0, 2, True)


def test_f12_an_export_with_a_broken_config_copies_all(box: Box) -> None:
    box.say(BROKEN["other text"])
    code, output, errors = box.run("queue", "export", box.folder / "stick")
    assert (code, output.partition(",")[0], str(box.file) in errors) == (0, "2 copied", True)
    assert len(list((box.folder / "stick" / "The Party").iterdir())) == 2


def test_f12_the_camera_is_tried_while_the_config_is_broken(box: Box) -> None:
    box.say(BROKEN["no TOML"])
    code, output, errors = box.run("camera")
    assert (code, "Test photo" in output, str(box.file) in errors) == (0, True, True)


@pytest.mark.parametrize("how", BROKEN)
def test_f12_events_are_asked_with_the_key_in_its_file(box: Box, album: LocalEventPics, how: str) -> None:
    (box.folder / "key").write_text(DEMO_KEY)
    box.keep(WHOLE.replace("http://127.0.0.1:1", album.url))
    box.say(BROKEN[how].replace("http://127.0.0.1:1", album.url))
    code, output, errors = box.run("events")
    assert (code, str(box.file) in errors) == (0, True)
    assert output


def test_f12_events_without_a_key_tell_the_config_alone(box: Box) -> None:
    box.keep(WHOLE.replace('api_key_file = "{folder}/key"', 'api_key = "canary"'))
    box.say(BROKEN["other text"])
    code, output, errors = box.run("events")
    assert (code, output, errors.count("\n"), f"{box.file}, line 3" in errors) == (2, "", 1, True)


MOVES = [("retry",), ("assign", "--from", "abcd1234", "--to", "wxyz9876", "--yes"), ("wipe", "--all", "--unsent")]


@pytest.mark.parametrize(("words", "how"), covering(MOVES, BROKEN))
def test_f12_nothing_moves_while_the_config_is_broken(box: Box, words: tuple[str, ...], how: str) -> None:
    box.say(BROKEN[how])
    code, output, errors = box.run("queue", *words)
    assert (code, output, errors.count("\n"), str(box.file) in errors) == (2, "", 1, True)
    assert [len(list(box.spool.names(place))) for place in (NEW, PARKED)] == [1, 1]
    assert len(box.spool.photos_of(context_for("abcd1234", "", ""))) == 2


@pytest.mark.parametrize("words", [("status", "--json"), ("queue", "list"), ("events",), ("camera",)])
def test_f12_a_named_config_that_is_not_there_is_told(box: Box, words: tuple[str, ...]) -> None:
    box.file.unlink()
    code, output, errors = box.run(*words)
    assert (code, output, errors.count("\n"), "--config" in errors) == (2, "", 1, True)


def test_f12_a_box_whose_config_is_gone_still_lists_photos(
    box: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("piboothup.config", "piboothup.config.file"):
        monkeypatch.setattr(f"{module}.DEFAULT_PATH", box.folder / "gone.toml")
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", box.spool.directory)
    monkeypatch.delenv("PIBOOTHUP_CONFIG", raising=False)
    assert main(["queue", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_f12_without_a_good_copy_status_promises_none(box: Box) -> None:
    (box.spool.directory / GOOD_FILE).unlink()
    box.say(BROKEN["no TOML"])
    (box.folder / "run").mkdir(mode=0o700)
    status.write(box.folder / "run", "uploader", {"state": "refused", "problems": ["bad_config"]})
    code, output, errors = box.run("status")
    assert code == 0
    assert "[config_default]" in output
    assert "[bad_config]" not in output
    assert "last good settings are used" not in errors
    assert "The settings of a new box are used" in errors


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ('timezone = "US/Nowhere"', True),
        ('timezone = "Europe/Berlin"\nlangage = "de"', True),
        ('timezone = "Europe/Berlin"\n[cmaera]', True),
        ('timezone = "Europe/Berlin"', False),
    ],
)
def test_f14_a_setting_without_effect_is_a_problem(box: Box, line: str, is_told: bool) -> None:
    box.say(WHOLE.replace('timezone = "Europe/Berlin"', line).replace("config_version = 1\n", ""))
    code, output, errors = box.run("status", "--json")
    codes = [problem["code"] for problem in json.loads(output)["problems"]]
    assert (code, "unused_setting" in codes, "bad_config" in codes) == (0, is_told, False)
    assert errors.count("\n") == 1 + is_told  # a missing version is a warning, and no more
