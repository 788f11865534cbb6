"""`piboothup camera`: what a helper on the phone wants to hear."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.detect import ConnectedCamera
from piboothup.commands import camera as camera_command
from piboothup.commands.common import CommandFails
from piboothup.config import CameraConfig, Config, SpoolConfig
from piboothup.problems import problem
from piboothup.simulator.camera import SimulatedCamera
from piboothup.spool import durable
from tests.support.clock import HandClock
from tests.support.commands import run

pytestmark = pytest.mark.process

SIZE = (640, 480)


class Desk:
    """A config, a simulated camera and a clock that passes when the command waits."""

    def __init__(self, root: Path, **camera: object) -> None:
        self.clock = HandClock()
        self.config = Config(
            camera=CameraConfig(driver="simulated", size=SIZE, **camera),  # type: ignore[arg-type]
            spool=SpoolConfig(directory=str(root / "spool")),
        )
        (root / "spool" / "tmp").mkdir(parents=True)
        self.camera = SimulatedCamera(self.config.camera, self.clock, self.clock.pass_s)

    def told(self, capsys: pytest.CaptureFixture[str], file: Path | None = None) -> str:
        connected = [
            ConnectedCamera(0, "imx477", "/i2c@10", ("4056x3040 10 fps",)),
            ConnectedCamera(1, "imx708", "/i2c@30"),
        ]
        camera_command.report(self.config, self.clock, self.camera, connected, file)
        return capsys.readouterr().out


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_command, "SETTLING_S", 0.0)


def test_camera_command_lists_modes_and_takes_times_judges_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path)
    told = desk.told(capsys)
    assert "* camera 0: imx477   /i2c@10\n      4056x3040 10 fps\n  camera 1: imx708" in told
    assert "Test photo: simulated, 640x480" in told
    for step in ("frame wait", "turn", "encode", "commit", "zero to saved"):
        assert f"\n  {step} " in told
    assert "It is bright enough and sharp (brightness" in told
    assert os.listdir(tmp_path / "spool" / "tmp") == [], "it is no guest's photo, and stays nowhere"


def test_camera_command_photo_turned_per_config_into_named_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Desk(tmp_path, rotation=90).told(capsys, tmp_path / "test.jpg")
    with Image.open(tmp_path / "test.jpg") as photo:
        assert photo.size == (480, 640)


def test_a_dark_photo_is_called_dark_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    Image.fromarray(np.full((480, 640, 3), 12, np.uint8)).save(frames / "dark.jpg")
    told = Desk(tmp_path, frames=str(frames)).told(capsys)
    assert str(problem("photo_dark")) in told
    assert "bright enough" not in told


def test_a_spool_that_is_not_there_stops_no_test_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "spool" / "tmp").rmdir()
    assert "zero to saved" in desk.told(capsys)


@pytest.mark.parametrize("code", ["no_camera", "camera_busy", "camera_memory"])
def test_camera_command_open_failure_is_sentence_with_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    def refuse(_camera: SimulatedCamera) -> None:
        raise CameraFault(problem(code))

    monkeypatch.setattr(SimulatedCamera, "open", refuse)
    with pytest.raises(CommandFails) as caught:
        Desk(tmp_path).told(capsys)
    assert str(caught.value) == str(problem(code))


def test_the_camera_is_closed_whatever_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tmp_path)
    closed: list[int] = []
    desk.camera.close = lambda: closed.append(1)  # type: ignore[method-assign]
    desk.told(capsys)
    assert closed == [1]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandFails, match="name another"):
        Desk(tmp_path).told(capsys, tmp_path / "nowhere" / "test.jpg")


def test_without_picamera2_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('config_version = 1\n[camera]\ndriver = "picamera2"\n')
    result = run(tmp_path / "run", "--config", file, "camera")
    assert result.returncode == 1
    assert "picamera2 is missing" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_full_card_everywhere_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "write_new", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(CommandFails, match="No space left on device"):
        camera_command._commit(tmp_path, b"?")
