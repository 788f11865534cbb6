"""`piboothup doctor` as a whole: wherever it runs, whatever lies there, each line is told and nothing else."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS
from piboothup.booth.panel.i18n.en import TEXTS
from piboothup.care import doctor, storage
from piboothup.care.facts import Facts, State
from piboothup.commands.doctor import gather, try_camera
from piboothup.config import Config, SpoolConfig, good_copy
from piboothup.health import REPORTED, STOPS_PHOTOS, Check
from piboothup.problems import codes, problem
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.status import WifiReport
from piboothup.uploader import wifi
from piboothup.uploader.wifi import Wifi
from tests.care.raspberry import FILES, SPEED, Raspberry
from tests.support.commands import environment, run
from tests.support.deadline import PATIENCE_S
from tests.support.photos import jpeg, take

HEAVY = {"numpy", "PIL", "gpiozero", "luma", "lgpio", "picamera2", "urllib3", "smbus2"}


def test_a09_a_box_with_nothing_wrong_has_no_problem(box: Raspberry) -> None:
    lines = box.examine()
    assert {check: line.finding for check, line in lines.items() if line.finding.problem is not None} == {}
    assert doctor.exit_status(list(lines.values())) == 0
    assert [check for check, line in lines.items() if line.state is State.SKIPPED] == []


def test_a09_the_self_tests_steps_are_checks_in_the_same_order() -> None:
    assert set(SELF_TEST_STEPS) <= set(Check)
    order = [list(Check).index(step) for step in SELF_TEST_STEPS]
    assert order == sorted(order)


def test_a09_what_stops_photos_is_what_fills_the_screen() -> None:
    softer = {"camera_memory", "not_taken_back"}  # a smaller size is used; the photo is saved all the same
    assert set(TEXTS.faults) - softer <= STOPS_PHOTOS
    assert STOPS_PHOTOS - set(TEXTS.faults) == {"library_unfit", "booth_stopped", "spool_closed"}


def test_a09_each_problem_that_a_service_reports_has_one_line() -> None:
    listed = [code for of_check in REPORTED.values() for code in of_check]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(codes())
    assert ({*TEXTS.faults, *TEXTS.notices} | {"no_network", "portal", "paused", "key_refused"}) <= set(listed)


def test_a09_a_laptop_without_anything_is_no_failure(tmp_path: Path) -> None:
    here = Config(spool=SpoolConfig(str(tmp_path / "spool")))  # this computer may have one where a box has it
    lines = doctor.examine(Facts(here, root=tmp_path))
    assert {line.state for line in lines} <= {State.OK, State.SKIPPED}
    assert doctor.exit_status(lines) == 0


def test_a09_a_user_outside_the_group_is_told_so(box: Raspberry) -> None:
    box.know(booth=None, uploader=None, hides_reports=True)
    box.addresses.clear()  # the panel is the booth's: nobody asks it
    lines = box.examine()
    skipped = [Check.SERVICES, Check.CAMERA, Check.PANEL, Check.LIGHT, Check.BUTTON, Check.NETWORK]
    assert {lines[check].state for check in skipped} == {State.SKIPPED}
    assert "sudo" in lines[Check.SERVICES].finding.note


def test_a09_doctors_own_detail_stands_beside_what_is_reported(box: Raspberry) -> None:
    told = problem("bad_config", "line 3: no")
    box.know(config_problem=told)
    box.booth(problems=("bad_config", "config_late"))
    assert box.examine()[Check.CONFIG].finding.problem == told


@pytest.mark.parametrize("junk", [b"", b"\0", b"\xff\xfe junk", b"::::\n=[]=\n,,,", b"9" * 5000])
def test_a09_junk_in_every_file_breaks_no_check(box: Raspberry, junk: bytes) -> None:
    box.know(booth=None, uploader=None)
    for name in (*FILES, SPEED):
        if name != "/proc/device-tree/model":
            box.path(name).write_bytes(junk)
    found = {line.finding.problem.code for line in box.examine().values() if line.finding.problem is not None}
    assert "not_checked" not in found


def test_a09_folders_in_place_of_files_break_no_check(box: Raspberry) -> None:
    for name in FILES:
        if name != "/proc/device-tree/model":
            box.remove(name)
            box.path(name).mkdir()
    found = {line.finding.problem.code for line in box.examine().values() if line.finding.problem is not None}
    assert "not_checked" not in found


def test_a09_no_name_of_network_event_or_key_is_told(box: Raspberry, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Wifi("canary-password", 12, problem("wifi_weak", "canary-password, 12 %"))
    monkeypatch.setattr(wifi, "read", lambda *_: seen)
    box.uploader(reason="canary-key", wifi=WifiReport("canary-password", 12, "canary-key", "wifi_weak"))
    box.spool.write_events([AlbumEvent("canary-title", "abcd1234"), AlbumEvent("canary-title", "wxyz9876")])
    take(box.spool, jpeg(), context_for("wxyz9876", "", ""))
    lines = list(box.examine().values())
    text = doctor.format_lines(lines) + json.dumps(doctor.to_json(lines))
    assert "The Wi-Fi is weak (12 %)." in text
    assert [word for word in ("canary", "abcd1234", "wxyz9876") if word in text] == []


def test_a09_a_check_that_raises_leaves_the_others(box: Raspberry, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_bus: Path, _address: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    box.know(booth=None, read_byte=fail)
    lines = box.examine()
    assert lines[Check.PANEL].finding.problem == problem("not_checked", "panel: OSError")
    assert lines[Check.CARD].state is State.OK
    assert "check failed check=panel" in caplog.text


@pytest.mark.slow
def test_a09_a_check_that_gets_no_answer_holds_up_no_other(box: Raspberry) -> None:
    """A pipe that nobody writes to stands for a disk that hangs: its opening waits for ever."""
    fifo = box.path("/etc/os-release")
    fifo.unlink()
    os.mkfifo(fifo)
    lines = {line.check: line for line in doctor.examine(box.facts, deadline_s=3)}
    os.close(os.open(fifo, os.O_WRONLY))  # the thread goes on
    late = {check: line.finding.problem for check, line in lines.items() if line.finding.problem is not None}
    assert late == {Check.SYSTEM: problem("not_checked", "system: no answer")}


@pytest.mark.slow
@pytest.mark.parametrize("is_good", [True, False])
def test_a09_a_card_that_hangs_before_any_check_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_good: bool
) -> None:
    """A good copy that answers late stands for a card that does not answer: only root can make one hang."""
    answers, file = threading.Event(), tmp_path / "config.toml"
    text = f'[spool]\ndirectory = "{tmp_path}"\n'
    file.write_text(text if is_good else f"{text}nothing\n")
    read = good_copy.read
    monkeypatch.setattr(good_copy, "read", lambda *given: answers.wait(PATIENCE_S) and read(*given))
    facts = gather(str(file), deadline_s=2.0)
    answers.set()
    assert facts.config_problem == problem("not_checked", "config: no answer")
    assert facts.config.spool.directory == (str(tmp_path) if is_good else Config().spool.directory)


@pytest.mark.slow
def test_a09_a_card_that_hangs_is_waited_for_once(box: Raspberry, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is played by a folder that answers late: only root can make a real file system hang."""
    answers = threading.Event()
    monkeypatch.setattr(storage, "_unseen", lambda _: answers.wait(PATIENCE_S) and None)
    lines = {line.check: line for line in doctor.examine(box.facts, deadline_s=1.0)}
    answers.set()
    assert lines[Check.CARD].finding.problem == problem("not_checked", "card: no answer")
    silent = {check for check, line in lines.items() if line.finding.note == "the card does not answer"}
    assert silent == {Check.SPACE, Check.QUEUE, Check.LOST, Check.EVENT, Check.OTHERS}


def test_a09_no_traceback_is_shown_when_a_check_raises(
    box: Raspberry, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(doctor.CHECKS, Check.HEAT, lambda _: 1 / 0)
    monkeypatch.setattr(logging.getLogger("piboothup.care.doctor"), "propagate", False)
    assert box.examine()[Check.HEAT].finding.problem == problem("not_checked", "heat: ZeroDivisionError")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.process
@pytest.mark.parametrize("name", ["piboothup/__init__.py", "json.py", "numpy.py"])
def test_a09_root_runs_nothing_of_the_folder_it_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in the folder of the photos, where a service that was taken over may write."""
    monkeypatch.chdir(tmp_path)
    for each in {name, name.replace("__init__", "__main__")}:
        Path(each).parent.mkdir(exist_ok=True)
        Path(each).write_text(f"from pathlib import Path\nPath({str(tmp_path)!r}, 'ran').touch()\n")
    try_camera(None)
    assert not Path("ran").exists()


@pytest.mark.process
def test_a09_a_library_that_is_too_new_is_named(tmp_path: Path) -> None:
    new = tmp_path / "site" / "urllib3-3.0.1.dist-info"
    new.mkdir(parents=True)
    (new / "METADATA").write_text("Metadata-Version: 2.1\nName: urllib3\nVersion: 3.0.1\n")
    result = run(tmp_path / "run", "doctor", PYTHONPATH=str(tmp_path / "site"))
    assert "urllib3 3.0.1, below 3 is needed" in result.stdout


@pytest.mark.process
def test_a09_a_library_that_is_missing_or_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "site" / "simplejpeg-1.7.0.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: simplejpeg\nVersion: 1.7.0\n")
    result = run(tmp_path / "run", "doctor", PYTHONPATH=str(tmp_path / "site"))
    (line,) = [line for line in result.stdout.splitlines() if " libraries " in line]
    assert line.startswith("fault")
    assert "simplejpeg 1.7.0, at least 1.8 is needed" in line
    assert "sudo apt install" in line
    assert result.returncode == 1


@pytest.mark.process
def test_a09_doctor_tells_real_reports_a_real_config_and_no_key(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    file = tmp_path / "config.toml"
    file.write_text(
        'config_version = 1\n[eventpics]\napi_key = "canary-key-of-the-doctor"\nlink_id = "canary-event"\n'
        f'[button]\npin = 27\n[spool]\ndirectory = "{tmp_path}/spool"\nallow_memory = true\n'
    )
    (tmp_path / "spool").mkdir()
    status.write(runtime, "booth", {"state": "ready", "camera": "lost", "panel": "ready", "problems": ["no_camera"]})
    result = run(runtime, "--config", file, "doctor", "--json")
    report = json.loads(result.stdout)
    told = {entry["check"]: entry for entry in report["checks"]}
    assert (result.returncode, report["state"], result.stderr) == (1, "fault", "")
    assert list(told) == list(Check)
    assert told["camera"]["code"] == "no_camera"
    assert told["services"]["code"] == "uploader_stopped"
    assert told["config"]["code"] == "config_default"
    assert "pin twice" in told["config"]["note"]
    assert "canary" not in result.stdout
    assert set(told["card"]) == {"check", "state", "note", "code", "sentence", "remedy"}


@pytest.mark.process
def test_a09_doctor_imports_no_device_library_and_makes_nothing(tmp_path: Path) -> None:
    program = (
        f"import sys; from piboothup.cli import main; main(['doctor'])\nprint(sorted({HEAVY!r} & set(sys.modules)))"
    )
    before = set(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment(tmp_path / "run"), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert set(tmp_path.iterdir()) - before == {tmp_path / "run"}
    assert not os.listdir(tmp_path / "run")
