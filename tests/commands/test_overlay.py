"""`piboothup overlay`: a photo frame before the event, as a host meets it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from piboothup import config
from tests.support.clock import HandClock
from tests.support.commands import run_forked
from tests.support.frames import WIDE, frame, header, in_format, made_of, pixels
from tests.support.photos import jpeg, open_spool, take

pytestmark = pytest.mark.process


class Desk:
    """A config file, a frame, and the command."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.spool = open_spool(root / "spool", HandClock())
        self.config = root / "etc" / "config.toml"
        self.config.parent.mkdir()
        self.frame = root / "frame of Anna.png"
        self.frame.write_bytes(frame(WIDE))
        self.configure()

    def configure(self, photo: str = "", camera: str = "") -> None:
        spool = f'[spool]\ndirectory = "{self.spool.directory}"\nallow_memory = true\n'
        self.config.write_text(f"config_version = 1\n{spool}[photo]\n{photo}\n[camera]\n{camera}\n")

    def overlay(self, *more: str | Path) -> tuple[int, str, str]:
        done = run_forked(self.root / "run", "--config", self.config, "overlay", self.frame, *more)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_e2_overlay_says_how_a_frame_is_fitted_and_lays_it(desk: Desk) -> None:
    status, said, mistakes = desk.overlay()
    laid = desk.config.with_name("frame.png")
    assert (status, mistakes) == (0, "")
    assert "Framed photos have 2535x1690 pixels; 11 % of the photo is cut off at top and bottom" in said
    assert laid.read_bytes() == frame(WIDE)
    assert laid.stat().st_mode & 0o777 == 0o644
    line = said.partition(f"Now write under [photo] in {desk.config}: ")[2].strip()
    desk.configure(photo=line)
    assert config.load_effective(desk.config).config.photo.frame == str(laid)
    laid.write_bytes(b"an older one")
    status, said, _ = desk.overlay()
    assert (status, "Now write" in said) == (0, False)
    assert laid.read_bytes() == frame(WIDE)
    assert sorted(os.listdir(desk.config.parent)) == ["config.toml", "frame.png"]


def test_e2_overlay_shows_a_frame_over_the_newest_photo(desk: Desk) -> None:
    take(desk.spool, jpeg(1, (320, 240)))
    take(desk.spool, jpeg(2, (640, 480)))
    status, said, _ = desk.overlay("--preview", desk.root / "shown.png")
    assert status == 0
    assert "Framed photos have 640x427 pixels" in said
    assert not desk.config.with_name("frame.png").exists()
    with Image.open(io.BytesIO((desk.root / "shown.png").read_bytes())) as shown:
        assert (shown.format, shown.size) == ("PNG", (640, 427))


def test_e2_overlay_without_a_photo_goes_by_the_config(desk: Desk) -> None:
    desk.configure(camera='size = [1600, 1200]\nrotation = 90\ndriver = "simulated"')
    status, said, _ = desk.overlay("--preview", desk.root / "shown.png")
    assert status == 0
    assert "Framed photos have 1200x800 pixels" in said
    assert "Is it meant for a camera that is turned" in said
    assert (desk.root / "shown.png").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made_of(header(20_000, 20_000), pixels(1, 1)), "too large (20000x20000 pixels). Save it with at most"),
        (in_format("JPEG", "CMYK"), "is no PNG file (JPEG). Save it as a PNG"),
        (frame(WIDE)[:300], "file is damaged. Save it as a PNG once more"),
        (None, "can't be read (No such file or directory)."),
    ],
    ids=["huge", "CMYK", "cut off", "none"],
)
def test_e2_overlay_refuses_a_bad_frame_in_words(desk: Desk, content: bytes | None, said: str) -> None:
    desk.frame.unlink()
    if content is not None:
        desk.frame.write_bytes(content)
    status, out, mistakes = desk.overlay()
    assert (status, out) == (1, "")
    assert said in mistakes
    assert mistakes.count("\n") == 1
    assert not desk.config.with_name("frame.png").exists()


def test_e2_overlay_that_cannot_write_says_what_helps(desk: Desk) -> None:
    desk.configure(photo='frame = "/proc/frame.png"')
    status, _, mistakes = desk.overlay()
    assert status == 1
    assert "/proc/frame.png can't be written (" in mistakes
    assert "run with sudo, or name another file" in mistakes
