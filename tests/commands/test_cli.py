"""The commands, as a shell sees them: exit status, one sentence, no traceback."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from piboothup import config
from piboothup.booth.panel.view import View
from piboothup.cli import function_of, parsed
from piboothup.clock import SystemClock
from piboothup.commands.arguments import command_parser
from piboothup.commands.common import NEEDED, config_problem, service_config
from piboothup.problems import problem
from piboothup.simulator.faults import Drop, Fault
from piboothup.simulator.gallery_views import SELECTION, examples
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool import handover
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import PARKED
from piboothup.spool.store import Spool
from piboothup.status import StatusFile
from tests.support.commands import command, environment, run, run_forked, targets
from tests.support.deadline import PATIENCE_S
from tests.support.effort import AT_LENGTH, sample
from tests.support.photos import jpeg, names_in_new, take

pytestmark = pytest.mark.process


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A config for a desk; its spool is beside it."""
    file = tmp_path / "config.toml"
    file.write_text(
        f'config_version = 1\nname = "Desk"\n[eventpics]\nlink_id = "abcd1234"\nalbum_id = "a1"\n'
        f'[spool]\ndirectory = "{tmp_path}/spool"\nallow_memory = true\nmin_free_mb = 10\n'
        "[devices]\nsimulated = true\n"
    )
    return file


def told(result: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error."""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize(
    "words", ["booth", "uploader", "--config|a b|booth", "--config=c|uploader", "--config||booth"]
)
def test_a_service_is_parsed_as_the_parser_does(words: str) -> None:
    assert vars(parsed(words.split("|"))) == vars(command_parser().parse_args(words.split("|")))


@pytest.mark.parametrize("words", ["dance", "", "queue", "press --hold long", "--colour status", "--config -x booth"])
def test_an_unknown_command_is_a_usage_error_in_one_line(tmp_path: Path, words: str) -> None:
    result = run_forked(tmp_path / "run", *words.split())
    assert result.returncode == 2
    assert "--help" in told(result)
    assert "_seconds" not in told(result)


def test_each_command_has_a_function_with_a_docstring() -> None:
    functions = [function_of(target) for target in targets().values() if target]
    assert len(functions) >= 16
    assert all(function.__doc__ for function in functions)


@pytest.mark.parametrize(
    ("words", "library", "body", "package"),
    [
        (["booth"], "numpy", "raise ImportError('libopenblas.so.0: cannot open\\nshared object file')", "numpy"),
        (["booth"], "PIL", "raise OSError(5, 'Input/output error')", "pil"),
        (["camera"], "simplejpeg", "raise ValueError('numpy.dtype size changed')", "simplejpeg"),
        (["screens", "here"], "PIL", "\0", "pil"),
        (["demo", "--script"], "numpy", "import nowhere_at_all", "numpy"),
        (["uploader"], "requests", "raise ImportError('no urllib3')", "requests ca-certificates"),
        (["uploader"], "requests", "raise FileNotFoundError(2, 'No such file')", "requests ca-certificates"),
        (["events"], "requests", "import ssl; raise ssl.SSLError('NO_CERTIFICATE')", "requests ca-certificates"),
        (["doctor"], "tomli", "import nowhere_at_all", "tomli"),
        (["status"], "tomli", "import nowhere_at_all", "tomli"),
        (["queue", "list"], "tomli", "import nowhere_at_all", "tomli"),
        (["queue", "restore"], "tomli", "import nowhere_at_all", "tomli"),
    ],
)
def test_f16_a_library_that_cannot_be_used_is_one_sentence(
    desk: Path, words: list[str], library: str, body: str, package: str
) -> None:
    libraries = desk.parent / "libraries"
    (libraries / library).mkdir(parents=True)
    (libraries / library / "__init__.py").write_text(body)
    result = run(desk.parent / "run", "--config", desk, *words, PYTHONPATH=str(libraries))
    assert result.returncode == 1
    line = told(result)
    assert line.startswith(f"piboothup: The library {library}")
    assert line.endswith(f": sudo apt install --reinstall python3-{package}")


def test_f16_a_library_of_the_panel_is_told_after_the_start_too(desk: Path) -> None:
    """With a camera that is not simulated it is loaded when READY has long been sent."""
    libraries = desk.parent / "libraries"
    (libraries / "PIL").mkdir(parents=True)
    (libraries / "PIL/__init__.py").write_text("raise OSError(5, 'Input/output error')")
    more = '[camera]\ndriver = "picamera2"\n[button]\ndriver = "simulated"\n[light]\ndriver = "none"\n'
    text = desk.read_text().replace("[devices]\nsimulated = true\n", more)
    desk.write_text(f'{text}\n[panel]\ndriver = "none"\n')
    result = run(desk.parent / "run", "--config", desk, "booth", PYTHONPATH=str(libraries))
    assert result.returncode == 1
    last = [line for line in result.stderr.splitlines() if line.startswith("piboothup: The library")]
    assert last == [
        "piboothup: The library PIL.Image can't be used ([Errno 5] Input/output error): "
        "sudo apt install --reinstall python3-pil"
    ]


def test_f16_needed_libraries_are_those_of_existing_commands() -> None:
    assert set(NEEDED) <= set(targets().values())
    assert {target for target in targets().values() if target.startswith("spool_queue.")} <= set(NEEDED)


@pytest.mark.parametrize("service", ["booth", "uploader", "run", "events"])
def test_broken_toml_is_a_config_error_in_one_line(tmp_path: Path, service: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text('name = "A"\nlanguage = de\n')
    result = run_forked(tmp_path / "run", "--config", file, service)
    assert result.returncode == 2
    assert f"{file}, line 2: " in told(result)


def test_a_wrong_type_is_a_config_error_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[capture]\ncountdown_s = "five"\n')
    result = run_forked(tmp_path / "run", "--config", file, "booth")
    assert result.returncode == 2
    assert "a whole number from 0 to 10" in told(result)


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ('api_key = "canary\\nkey"', "on one line"),
        ('api_key = "“canary”"', "in straight quotes"),
        ("api_key = “canary”", "in straight quotes"),
        ('api_key_file = "FILE"', "Put the key in it, alone"),
        ('link_id = "abcd 1234"', "no spaces"),
        ('api_url = "http://api.eventpics.net"', "https://api.eventpics.net"),
        ('api_url = "http://192.168.1.5:8080"', "plain http only for this machine itself"),
    ],
)
def test_uploader_start_reports_unusable_eventpics_settings(tmp_path: Path, setting: str, remedy: str) -> None:
    (tmp_path / "key").write_text("“canary”\n")
    file = tmp_path / "config.toml"
    file.write_text(f"config_version = 1\n[eventpics]\n{setting.replace('FILE', str(tmp_path / 'key'))}\n")
    result = run_forked(tmp_path / "run", "--config", file, "uploader")
    assert result.returncode == 2
    assert remedy in told(result)
    assert "line 3: " in told(result) or str(tmp_path / "key") in told(result)
    assert "canary" not in told(result)


def test_a_missing_config_names_the_remedy(tmp_path: Path) -> None:
    result = run(tmp_path / "run", "status", PIBOOTHUP_CONFIG=str(tmp_path / "none.toml"))
    assert result.returncode == 2
    assert "--config" in told(result)


def test_a_spool_that_is_a_file_is_told_in_one_line(tmp_path: Path, desk: Path) -> None:
    (tmp_path / "spool").write_text("x")
    for service in ("booth", "uploader"):
        result = run(tmp_path / "run", "--config", desk, service)
        assert result.returncode == 1
        assert "spool" in told(result)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_spool_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, desk: Path) -> None:
    (tmp_path / "spool").mkdir(mode=0o500)
    result = run(tmp_path / "run", "--config", desk, "booth")
    assert result.returncode == 1
    assert "can't be used" in told(result)


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_forked(tmp_path / "run", "simulator", "--port", str(port), "--directory", tmp_path / "album")
    assert result.returncode == 1
    assert str(port) in told(result)


@pytest.mark.parametrize("words", [["press"], ["press", "--hold", "0.1"], ["screen", "now.png"]])
def test_without_a_booth_a_command_says_so(tmp_path: Path, words: list[str]) -> None:
    result = run_forked(tmp_path / "run", *words)
    assert result.returncode == 1
    assert "No booth is running" in told(result)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (None, "try again in a few seconds"),
        (b"", "can't be read"),
        (b"P4\n128 64\n\0", "can't be read"),
        ("", "Is a directory"),
    ],
)
def test_a_panel_without_a_picture_is_told(tmp_path: Path, content: bytes | str | None, wanted: str) -> None:
    """None is there until the panel has loaded, half a second and more after the first ready."""
    StatusFile(tmp_path / "run", "booth").write({"state": "ready"})
    match content:
        case bytes():
            (tmp_path / "run/panel.pbm").write_bytes(content)
        case str():
            (tmp_path / "run/panel.pbm").mkdir()
    result = run_forked(tmp_path / "run", "screen", tmp_path / "now.png")
    assert result.returncode == 1
    assert wanted in told(result)


def test_status_works_when_nothing_runs_and_makes_nothing(tmp_path: Path, desk: Path) -> None:
    result = run_forked(tmp_path / "run", "--config", desk, "status", "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 0
    assert set(report) == {
        "name",
        "box",
        "version",
        "booth",
        "spool",
        "events",
        "uploader",
        "clock",
        "power",
        "problems",
    }
    assert report["booth"]["state"] == "stopped"
    assert report["uploader"]["state"] == "stopped"
    assert report["spool"]["new"] == 0
    assert not (tmp_path / "spool").exists()
    assert "Desk" in run_forked(tmp_path / "run", "--config", desk, "status").stdout


def test_a_terminal_that_is_not_utf8_gets_what_it_can_show(tmp_path: Path, desk: Path) -> None:
    result = run(tmp_path / "run", "--config", desk, "status", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Desk" in result.stdout


def test_the_demo_needs_no_standard_input(tmp_path: Path) -> None:
    process = subprocess.run(
        ["bash", "-c", '"$@" <&- | head -n 1', "-", *command("demo")],
        env=environment(tmp_path / "run"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "power on" in process.stdout
    assert "Traceback" not in process.stderr


def test_c02_the_last_good_config_never_leads_to_another_spool(
    tmp_path: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    spool = tmp_path / "spool"
    spool.mkdir()
    desk.write_text(desk.read_text() + "[capture]\ncountdown_s = \n")
    for kept in ("", 'name = "Kept"\n[spool]\ndirectory = "/elsewhere"\n', "name = [", "x = " + "[" * 5000):
        (spool / config.GOOD_FILE).write_text(kept)
        used = service_config(argparse.Namespace(config=str(desk)))
        assert used.config.spool.directory == str(spool)
        assert used.config.name == ("Kept" if "Kept" in kept else config.Config().name)
        assert used.names is None
        told = config_problem(used)
        assert told is not None
        code = "bad_config" if "Kept" in kept else "config_default"
        assert (told.code, told.detail) == (code, "line 13")


def test_status_counts_from_the_folders_when_nothing_runs(tmp_path: Path, desk: Path) -> None:
    spool = _spool_of(tmp_path)
    party, none = context_for("abcd1234", "a1", ""), context_for("", "", "boot")
    names = [take(spool, jpeg(number), party) for number in range(3)]
    take(spool, jpeg(9), none)
    handover.mark_sent(spool, names[0])
    handover.park(spool, names[1], "EventPics refuses it.")
    spool.write_events([AlbumEvent("Summer Party", "abcd1234", (Album("a1", "Booth"),))])
    report = json.loads(run_forked(tmp_path / "run", "--config", desk, "status", "--json").stdout)
    assert {key: report["spool"][key] for key in ("new", "sent", "parked", "quarantined")} == {
        "new": 2,
        "sent": 1,
        "parked": 1,
        "quarantined": 0,
    }
    assert {event["title"]: event["taken"] for event in report["events"]} == {"Summer Party": 3, "": 1}
    summer = next(event for event in report["events"] if event["link_id"])
    assert (summer["in_album"], summer["waiting"], summer["parked"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=401), "key_refused"),
        (Fault(html=True), "portal"),
        (Fault(status=503), "server_trouble"),
        (Fault(drop=Drop.START), "no_network"),
    ],
)
def test_events_not_available_reported_in_catalogue_words(tmp_path: Path, fault: Fault, code: str) -> None:
    with LocalEventPics(tmp_path / "album", SystemClock(), faults=[fault]) as album:
        file = tmp_path / "config.toml"
        file.write_text(f'config_version = 1\n[eventpics]\napi_key = "{DEMO_KEY}"\napi_url = "{album.url}"\n')
        result = run_forked(tmp_path / "run", "--config", file, "events")
    assert result.returncode == 1
    assert told(result).startswith(f"piboothup: {problem(code).sentence[:-1]}")
    assert told(result).endswith(problem(code).remedy)


def test_queue_lists_retries_and_exports(tmp_path: Path, desk: Path) -> None:
    spool = _spool_of(tmp_path)
    names = [take(spool, jpeg(number)) for number in range(3)]
    spool.write_events([AlbumEvent("Anna/Ben: 20 | 06", "abcd1234")])
    handover.park(spool, names[0], "EventPics refuses it.")
    listed = run_forked(tmp_path / "run", "--config", desk, "queue", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["waits", "waits", "parked"]
    assert all("time unknown" in line for line in listed)
    retried = run_forked(tmp_path / "run", "--config", desk, "queue", "retry")
    assert "1 parked photo waits again" in retried.stdout
    assert list(spool.names(PARKED)) == []
    exported = run_forked(tmp_path / "run", "--config", desk, "queue", "export", tmp_path / "stick")
    assert exported.stdout == "3 copied, 0 were there already, 0 damaged and left out\n"
    copies = sorted((tmp_path / "stick" / "Anna-Ben- 20 - 06").iterdir())
    assert [copy.read_bytes() for copy in copies] == [jpeg(number) for number in range(3)]
    again = run_forked(tmp_path / "run", "--config", desk, "queue", "export", tmp_path / "stick")
    assert again.stdout == "0 copied, 3 were there already, 0 damaged and left out\n"
    assert len(names_in_new(spool)) == 3


def test_export_to_a_place_that_is_no_folder_is_told_in_one_line(tmp_path: Path, desk: Path) -> None:
    take(_spool_of(tmp_path), jpeg(1))
    (tmp_path / "stick").write_text("x")
    result = run_forked(tmp_path / "run", "--config", desk, "queue", "export", tmp_path / "stick")
    assert result.returncode == 1
    assert "can't be written" in told(result)


@pytest.mark.slow
def test_every_screen_is_written_as_a_picture_of_a_lit_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a plain run every fifth screen, and those of the README's picture."""
    if not AT_LENGTH:
        monkeypatch.setattr("piboothup.simulator.gallery.examples", some_examples)
    gallery = tmp_path / "new" / "folder"
    assert run_forked(tmp_path / "run", "screens", gallery).returncode == 0
    assert len(list(gallery.glob("en-*.png"))) > 10
    assert all((gallery / name).exists() for name in ("panel.png", "de-saved.png", "de-contact-sheet.png"))
    with Image.open(gallery / "en-saved.png") as saved:
        assert saved.width > 4 * 128


def some_examples(language: str) -> dict[str, View]:
    views = examples(language)
    names = {*list(views)[::5], *SELECTION, "saved"}
    return {name: view for name, view in views.items() if name in names}


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path: Path, desk: Path) -> None:
    spool = _spool_of(tmp_path)
    for number in range(5):
        take(spool, jpeg(number))
    words = command("--config", desk, "queue", "list")
    with subprocess.Popen(
        ["bash", "-c", '"$@" | head -c 1', "-", *words],
        env=environment(tmp_path / "run"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        _, error = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in error


def shell(tmp_path: Path, redirect: str, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that redirects some of its streams."""
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirect}', "-", *command(*words)],
        env=environment(tmp_path / "run", **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("redirect", ["2>&-", "<&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_f15_export_with_closed_streams_copies_all(tmp_path: Path, desk: Path, redirect: str) -> None:
    spool = _spool_of(tmp_path)
    for number in range(3):
        take(spool, jpeg(number))
    result = shell(tmp_path, redirect, "--config", desk, "queue", "export", tmp_path / "out")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("" if "1>&-" in redirect else "3 copied")
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 3


@pytest.mark.parametrize("redirect", ["2>&-", "0<&- 1>&- 2>&-"])
def test_f15_wipe_with_closed_streams_asks_nobody(tmp_path: Path, desk: Path, redirect: str) -> None:
    spool = _spool_of(tmp_path)
    name = take(spool, jpeg(1))
    assert shell(tmp_path, redirect, "--config", desk, "queue", "wipe", "--all", "--unsent").returncode == 1
    assert spool.path(name).exists()


OUTPUTS = [("status",), ("status", "--json"), ("queue", "list"), ("queue", "export", "OUT"), ("screens", "OUT")]


@pytest.mark.parametrize(("words", "unbuffered"), sample(product(OUTPUTS, ["", "1"]), lambda case: case[1]))
def test_f15_full_output_is_a_sentence(tmp_path: Path, desk: Path, words: tuple[str, ...], unbuffered: str) -> None:
    take(_spool_of(tmp_path), jpeg(1))
    words = tuple(str(tmp_path / "out") if word == "OUT" else word for word in words)
    result = shell(tmp_path, ">/dev/full", "--config", desk, *words, PYTHONUNBUFFERED=unbuffered)
    assert result.returncode == 1
    assert told(result) == "piboothup: The output can't be written (No space left on device): send it elsewhere."


def _spool_of(folder: Path) -> Spool:
    spool = Spool(folder / "spool", SystemClock())
    spool.prepare()
    spool.start("booth")
    return spool


def test_c02_systemd_missing_config_uses_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/none")
    given = argparse.Namespace(config=str(tmp_path / "gone.toml"))
    used = service_config(given)
    assert (used.config.name, used.config.spool.directory) == ("Booth 1", str(tmp_path))
    told = config_problem(used)
    assert told is not None
    assert told.code == "config_default"
    (tmp_path / config.GOOD_FILE).write_text('name = "The good one"\n')
    used = service_config(given)
    assert (used.config.name, used.config.spool.directory) == ("The good one", str(tmp_path))
    assert config_problem(used) is not None
    monkeypatch.delenv("NOTIFY_SOCKET")
    with pytest.raises(config.ConfigError):
        service_config(given)
