"""What `piboothup doctor` does beyond looking: it asks EventPics, tries the camera, and wraps its lines."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from piboothup.care import doctor as care
from piboothup.care.doctor import Line
from piboothup.care.facts import Facts, Finding, State, found
from piboothup.clock import SystemClock
from piboothup.commands import online
from piboothup.commands.doctor import try_camera
from piboothup.config import Config, EventPicsConfig, Secret
from piboothup.health import Check
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.uploader.outcomes import Outcome
from tests.support.ca import self_signed
from tests.support.commands import command, environment, run
from tests.support.deadline import PATIENCE_S
from tests.support.server import Liar, Story, says

WAY = "name found, certificate trusted, no sign-in page"
ON_NETWORK = (Check.NETWORK, Check.KEY, Check.EVENT)


def told(config: EventPicsConfig, deadline_s: float = PATIENCE_S) -> dict[Check, Finding]:
    """The findings on network, key and event after EventPics was asked."""
    facts = Facts(Config(eventpics=config), has_config=True)
    answered, detail = online.ask(facts.config, SystemClock(), deadline_s)
    lines = care.examine(replace(facts, answered=answered, answer_detail=detail))
    return {line.check: line.finding for line in lines if line.check in ON_NETWORK}


def of(url: str, key: str | None = DEMO_KEY, link_id: str = "abcd1234") -> EventPicsConfig:
    return EventPicsConfig(api_url=url, api_key=None if key is None else Secret(key), link_id=link_id)


def codes(findings: dict[Check, Finding]) -> list[str]:
    return ["" if finding.problem is None else finding.problem.code for finding in findings.values()]


def test_a09_online_a_right_key_and_event_are_found_so(tmp_path: Path) -> None:
    with LocalEventPics(tmp_path, SystemClock()) as album:
        findings = told(of(album.url))
        assert [finding.note for finding in findings.values()] == [WAY, "EventPics takes it", "chosen"]
        assert codes(told(of(album.url, link_id="wxyz9999"))) == ["", "", "event_gone"]
        assert codes(told(of(album.url, key="another-key-altogether"))) == ["", "key_refused", ""]


def test_a09_online_without_a_key_the_way_is_tried_without() -> None:
    with Liar(says("200 OK")) as liar:
        findings = told(of(liar.url, key=None, link_id=""))
    assert codes(findings) == ["", "no_key", "no_event"]
    assert b"Bearer" not in liar.heard


@pytest.mark.parametrize(
    ("story", "code"),
    [
        (says("302 Found", b"", "Location: http://login.example/"), "portal"),
        (says("200 OK", b"<html>Sign in</html>", "Content-Type: text/html"), "portal"),
        (says("403 Forbidden", b"<html>Blocked</html>", "Content-Type: text/html"), "blocked"),
        (says("503 Service Unavailable"), "server_trouble"),
    ],
)
def test_a09_online_who_answers_in_eventpics_place_is_told(story: Story, code: str) -> None:
    with Liar(story) as liar:
        assert codes(told(of(liar.url)))[0] == code


def test_a09_online_another_certificate_is_told(tmp_path: Path) -> None:
    with Liar(says("200 OK"), tls=self_signed(tmp_path)) as liar:
        (finding, *_) = told(of(liar.url)).values()
    assert isinstance(liar.tls, ssl.SSLContext)
    assert str(finding.problem).startswith("The server's certificate can't be trusted (it is another's).")
    assert DEMO_KEY.encode() not in liar.heard


def test_a09_online_a_name_that_is_not_found_is_told() -> None:
    (finding, *_) = told(of("https://eventpics.invalid")).values()
    assert str(finding.problem).startswith("There is no network (its name is not found).")


def test_a09_online_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    with LocalEventPics(tmp_path, SystemClock()) as album:
        album.online = False
        (finding, *_) = told(of(album.url)).values()
    assert str(finding.problem).startswith("There is no network (its server can't be reached).")


def test_a09_online_silence_ends_after_the_deadline() -> None:
    with Liar(lambda liar, _: (liar.ended.wait(PATIENCE_S), None)[1]) as liar:
        (finding, *_) = told(of(liar.url), deadline_s=1.0).values()
    assert str(finding.problem).startswith("There is no network (no answer in time).")


def test_a09_online_each_failure_of_the_way_has_its_words() -> None:
    assert set(online._DETAILS) <= set(Outcome)
    assert {online._failed(outcome)[0].problems for outcome in online._DETAILS} == {("no_network",), ("tls_refused",)}


@pytest.mark.process
def test_a09_online_is_asked_for_by_the_option_alone(tmp_path: Path) -> None:
    with LocalEventPics(tmp_path / "album", SystemClock()) as album:
        file = tmp_path / "config.toml"
        file.write_text(
            f'config_version = 1\n[eventpics]\napi_url = "{album.url}"\n'
            f'api_key = "{DEMO_KEY}"\nlink_id = "abcd1234"\n'
        )
        said = {}
        for options in ((), ("--online",)):
            result = run(tmp_path / "run", "--config", file, "doctor", "--json", *options)
            said[options] = {check["check"]: check["note"] for check in json.loads(result.stdout)["checks"]}
            assert "Traceback" not in result.stderr
            assert DEMO_KEY not in result.stdout + result.stderr
    assert [said[()][check] for check in ON_NETWORK[:2]] == ["not asked: --online", "there, not asked: --online"]
    assert [said["--online",][check] for check in ON_NETWORK] == [WAY, "EventPics takes it", "chosen"]


@pytest.mark.process
def test_a09_online_without_its_library_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "requests.py").write_text("raise ImportError('no requests here')\n")
    config = write_config(tmp_path, driver="simulated")
    result = run(tmp_path / "run", "--config", config, "doctor", "--online", PYTHONPATH=str(tmp_path / "site"))
    assert result.stderr == "piboothup: EventPics can't be asked: no requests here\n"
    assert "(not asked: --online)" in result.stdout


def write_config(folder: Path, **camera: str) -> str:
    lines = "\n".join(f'{key} = "{value}"' for key, value in camera.items())
    (folder / "config.toml").write_text(
        f'config_version = 1\n[spool]\ndirectory = "{folder}/spool"\n[camera]\nsize = [640, 480]\n{lines}\n'
    )
    return str(folder / "config.toml")


@pytest.mark.process
def test_a09_a_test_frame_is_taken_by_a_process_of_its_own(tmp_path: Path) -> None:
    finding = try_camera(write_config(tmp_path, driver="simulated"), PATIENCE_S)
    assert finding == Finding("test frame 640x480")


@pytest.mark.process
def test_a09_a_dark_frame_and_one_that_does_not_come_are_told(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "frames").mkdir()
    Image.new("L", (640, 480), 3).save(tmp_path / "frames" / "dark.jpg")
    config = write_config(tmp_path, driver="simulated", frames=f"{tmp_path}/frames")
    dark = try_camera(config, PATIENCE_S)
    assert dark.problem is not None
    assert dark.problem.code == "photo_dark"
    late = try_camera(config, 0.01)
    assert str(late.problem).startswith("A part of the box can't be checked (camera: no picture within 0 s).")


@pytest.mark.process
@pytest.mark.parametrize(
    ("library", "code"),
    [
        ("", "no_picamera2"),
        ("raise RuntimeError('Failed to allocate: Cannot allocate memory')", "camera_memory"),
        ("import os; os.abort()", "not_checked"),
        ("class Picamera2:\n    @staticmethod\n    def global_camera_info():\n        return []\n", "no_camera"),
    ],
)
def test_a09_what_the_camera_libraries_do_ends_no_doctor(
    tmp_path: Path, library: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in the place of picamera2, which is not here: with no text there is none."""
    if library:
        (tmp_path / "picamera2.py").write_text(library)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = try_camera(write_config(tmp_path), PATIENCE_S)
    assert finding.problem is not None
    assert finding.problem.code == code


LINES = [
    Line(Check.SYSTEM, Finding("Raspberry Pi Zero 2 W Rev 1.0, Debian GNU/Linux 13 (trixie), Python 3.13.5")),
    Line(Check.CAMERA, found("no_camera")),
    Line(Check.WIFI, found("wifi_weak", "12 %")),
    Line(Check.CLOCK, found("clock_unknown")),
    Line(Check.BUS, Finding("not on this computer", is_skipped=True)),
    Line(Check.HEAT, Finding("not on this computer", is_skipped=True)),
    Line(Check.KEY, Finding("there")),
]


def test_a09_lines_are_whole_where_no_terminal_reads_them() -> None:
    *made, skipped, counted = care.format_lines(LINES).splitlines()
    assert [line[:21] for line in made] == [
        *("ok       system      ", "fault    camera      ", "warning  wifi        ", "warning  clock       "),
        "ok       key         ",
    ]
    assert made[1].endswith("in at both ends, switch on. [no_camera]")
    assert skipped == "skipped  bus, heat (not on this computer)"
    assert counted == "1 fault (camera), 2 warnings (wifi, clock), 2 ok, 2 skipped"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a09_on_a_terminal_lines_are_wrapped_below_their_words(width: int) -> None:
    text = care.format_lines(LINES, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.split() == care.format_lines(LINES).split()
    begun = [line for line in text.splitlines() if not line.startswith(" ")]
    assert len([line for line in begun if line.startswith(tuple(State))]) == 6


def test_a09_a_narrow_window_wraps_nothing() -> None:
    assert care.format_lines(LINES, 20) == care.format_lines(LINES)


@pytest.mark.process
def test_a09_doctor_fits_the_terminal_it_is_asked_on(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command("doctor"),
        env=environment(tmp_path / "run", COLUMNS="60"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
        check=False,
    )
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # EIO: all is read
        while block := os.read(ours, 4096):
            text += block
    os.close(ours)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = text.decode().splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[-1].endswith("skipped")
