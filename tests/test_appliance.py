"""The whole box as real processes: presses, kills, restarts, a second instance, a broken config."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from piboothup import status
from piboothup.booth import service as booth_service
from piboothup.clock import SystemClock
from piboothup.commands import supervisor
from piboothup.runtime import HintSocket
from piboothup.simulator import appliance
from piboothup.simulator.appliance import Appliance, TookTooLong
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.listing import NEW, SENT
from piboothup.uploader import service as uploader_service
from tests.support.commands import command, environment, run, run_forked
from tests.support.deadline import PATIENCE_S
from tests.support.effort import AT_LENGTH

pytestmark = pytest.mark.process

DELAYS_MS = (60, 150, 300, 600, 1200, 2500) if AT_LENGTH else (60, 300, 600)
"""When in the life of a photo a service is killed: in the countdown, the exposure, the commit, the upload."""
wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)


@pytest.fixture
def album(tmp_path: Path) -> Iterator[LocalEventPics]:
    with LocalEventPics(tmp_path / "eventpics", SystemClock()) as server:
        yield server


@pytest.fixture
def box(tmp_path: Path, album: LocalEventPics) -> Iterator[Appliance]:
    found = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    yield found
    found.pull_plug()


def pid_of(box: Appliance, service: str) -> int:
    return int((status.read(box.runtime, service) or {}).get("pid", 0))


def kill(box: Appliance, service: str) -> None:
    """The service is killed, and started again by what runs it."""
    wait_until(lambda: pid_of(box, service) > 0, "the service to run")
    killed = pid_of(box, service)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: pid_of(box, service) not in (0, killed), "the service to be back")


def state(box: Appliance) -> str:
    return box.booth().state


def ready(box: Appliance) -> bool:
    return state(box) == "ready"


@contextlib.contextmanager
def running(box: Appliance, *words: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the box's, ended hard if the test leaves it running."""
    with box.log.open("ab") as log:
        process = subprocess.Popen(
            command("--config", box.config, *words),
            env=environment(box.runtime, **more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # a shell's background job ignores Ctrl-C, and so would what it starts
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_press_reaches_the_album_byte_for_byte(box: Appliance, album: LocalEventPics) -> None:
    box.power_on()
    box.take(PATIENCE_S)
    wait_until(lambda: len(box.photos(SENT)) == 1, "the photo to be in the album")
    name = box.photos(SENT)[0]
    content = box.spool.path(name, SENT).read_bytes()
    assert album.path_of("abcd1234", "a1", name.file_name).read_bytes() == content
    (line,) = album.uploads()
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    with Image.open(box.spool.path(name, SENT)) as photo:
        photo.load()
        assert photo.size == (1640, 1232)
        exif = photo.getexif().get_ifd(0x8769)
    found = re.fullmatch(r"[0-9a-f]{32}", str(exif[0xA420]))
    assert found is not None


def test_p06_kill_9_at_any_moment_loses_no_saved_photo(box: Appliance, album: LocalEventPics) -> None:
    box.power_on()
    pause = threading.Event()
    for delay_ms in DELAYS_MS:
        wait_until(lambda: ready(box), "the booth to be ready")
        box.press()
        pause.wait(delay_ms / 1000)
        kill(box, "booth")
    for delay_ms in DELAYS_MS:
        wait_until(lambda: ready(box), "the booth to be ready")
        before = box.booth().photos
        box.press()
        pause.wait(delay_ms / 1000)
        kill(box, "uploader")
        wait_until(lambda: box.booth().photos > before, "the photo to be saved")  # noqa: B023
    box.take(PATIENCE_S)
    kill(box, "booth")
    box.take(PATIENCE_S)
    wait_until(lambda: not box.photos(NEW), "every photo to be in the album")
    saved = set(re.findall(r"saved photo=(\S+)", box.log.read_text(encoding="utf-8")))
    kept = {str(name) for name in box.photos(SENT)}
    assert len(kept) >= len(DELAYS_MS) + 2
    assert len(saved) >= len(DELAYS_MS)
    assert saved <= kept
    stored = {line["fileName"]: line["sha256"] for line in album.uploads()}
    for name in box.photos(SENT):
        assert stored[name.file_name][:16] == name.digest
    numbers = [name.seq for name in box.photos(SENT)]
    assert len(set(numbers)) == len(numbers)


def test_c06_uploader_killed_for_memory_costs_booth_no_press(box: Appliance, album: LocalEventPics) -> None:
    album.stall_uploads(3600.0)
    box.power_on()
    box.take(PATIENCE_S)
    wait_until(lambda: album.uploading > 0 and pid_of(box, "uploader") > 0, "an upload to be under way")
    booth, uploader = pid_of(box, "booth"), pid_of(box, "uploader")
    os.kill(uploader, signal.SIGKILL)
    box.take(PATIENCE_S)
    album.stall_uploads(0)
    wait_until(lambda: len(box.photos(SENT)) == 2, "both photos to be in the album")
    assert pid_of(box, "booth") == booth
    wait_until(lambda: pid_of(box, "uploader") not in (0, uploader), "another uploader to say so")


def test_n01_photos_without_network_kept_and_sent_when_back(box: Appliance, album: LocalEventPics) -> None:
    album.online = False
    box.power_on()
    for _ in range(3):
        box.take(PATIENCE_S)
    wait_until(lambda: box.uploader().state == "offline", "the uploader to notice")
    assert len(box.photos(NEW)) == 3
    album.online = True
    box.retry()
    wait_until(lambda: len(album.uploads()) == 3, "the photos to be in the album")


def test_s20_a_second_instance_is_refused_with_a_sentence(box: Appliance) -> None:
    box.power_on()
    wait_until(lambda: ready(box) and pid_of(box, "uploader") > 0, "both services")
    for words in (["booth"], ["uploader"], ["run"]):
        second = run_forked(box.runtime, "--config", box.config, *words)
        assert second.returncode == 1
        assert "is already running on the spool" in second.stderr
        assert "Traceback" not in second.stderr
    box.take(PATIENCE_S)


def test_c08_sigterm_ends_each_command_in_time_and_cleanly(box: Appliance) -> None:
    for words in (["booth"], ["uploader"], ["run"]):
        with running(box, *words) as process:
            wait_until(
                lambda: box.booth().state != "stopped" or box.uploader().state != "stopped", "the service to run"
            )
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        assert box.booth().state == "stopped"
        assert box.uploader().state == "stopped"


def test_c08_stop_waits_stay_within_the_5_s_contract() -> None:
    assert max(uploader_service._STOP_TIMEOUT_S, booth_service._STOP_NS / 1e9) <= supervisor._STOP_S < 5.0


def test_c08_sigterm_in_the_middle_of_an_upload_ends_it_in_time(box: Appliance, album: LocalEventPics) -> None:
    album.stall_uploads(3600.0)
    box.power_on()
    box.take(PATIENCE_S)
    wait_until(lambda: album.uploading > 0 and pid_of(box, "uploader") > 0, "an upload to be under way")
    uploader = pid_of(box, "uploader")
    os.kill(uploader, signal.SIGTERM)
    wait_until(lambda: pid_of(box, "uploader") not in (0, uploader), "the service to end and be back")
    album.stall_uploads(0)
    wait_until(lambda: len(box.photos(SENT)) == 1, "the photo to be in the album")


def test_the_services_die_with_the_command_that_runs_them(box: Appliance) -> None:
    box.power_on()
    wait_until(lambda: ready(box) and pid_of(box, "uploader") > 0, "both services")
    pids = pid_of(box, "booth"), pid_of(box, "uploader")
    assert box.process is not None
    os.kill(box.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids), "both to be gone")


def test_c02_under_systemd_a_broken_config_stops_no_photo(box: Appliance, tmp_path: Path) -> None:
    with running(box, "booth"):
        box.take(PATIENCE_S)
    broken = box.config.read_text().replace("review_s = 0.1", "review_s = soon")
    for text in (broken, None):
        if text is None:
            box.config.unlink()
            good = (box.spool.directory / "config.good.toml").read_text()
            assert DEMO_KEY not in good
            # A missing file names no spool: the box's own place would be used, which this test must not touch.
            table = f'[spool]\ndirectory = "{box.spool.directory}"\nallow_memory = true\nmin_free_mb = 5\n'
            box.config.write_text(table)
        else:
            box.config.write_text(text)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / f"notify-{text is None}"))
            systemd.settimeout(PATIENCE_S)
            notify = systemd.getsockname()
            with running(box, "booth", NOTIFY_SOCKET=notify):
                assert systemd.recv(100) == b"READY=1"
                before = len(box.photos())
                box.take(PATIENCE_S)
                assert len(box.photos()) == before + 1
                wait_until(lambda: "bad_config" in box.booth().problems, "it to be told")


def test_a_config_that_cannot_be_kept_stops_no_photo(box: Appliance) -> None:
    (box.spool.directory / "config.good.toml").mkdir(parents=True)
    with running(box, "booth"):
        box.take(PATIENCE_S)


def test_systemd_broken_config_uploader_waits_in_refused(box: Appliance, tmp_path: Path) -> None:
    with running(box, "booth"):
        box.take(PATIENCE_S)
    box.config.write_text(box.config.read_text().replace("[capture]", "[capture"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        with running(box, "uploader", NOTIFY_SOCKET=systemd.getsockname()):
            assert systemd.recv(100) == b"READY=1"
            wait_until(lambda: box.uploader().state == "refused", "the uploader to say so")
    assert len(box.photos(NEW)) == 1


def test_f10_under_systemd_the_uploader_waits_for_its_spool(
    box: Appliance, album: LocalEventPics, tmp_path: Path
) -> None:
    """A disk that comes late, as the target of a link: told in a line and the status, and no restart."""
    with running(box, "booth"):
        box.take(PATIENCE_S)
    (tmp_path / "disk").mkdir()
    box.spool.directory.rename(tmp_path / "photos")
    box.spool.directory.symlink_to(tmp_path / "disk" / "photos")
    assert run(box.runtime, "--config", box.config, "uploader").returncode == 1  # at a desk it ends
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        before = len(box.log.read_text())
        with running(box, "uploader", NOTIFY_SOCKET=systemd.getsockname()) as process:
            assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            said = box.uploader()
            assert (said.state, said.problems) == ("refused", ("spool_missing",))
            (line,) = box.log.read_text()[before:].splitlines()
            assert line.endswith("which is not there: plug in its disk, or name its folder in the config.")
            (tmp_path / "photos").rename(tmp_path / "disk" / "photos")
            wait_until(lambda: len(album.uploads()) == 1, "the photo to be in the album")
            wait_until(lambda: box.uploader().problems == (), "nothing to be wrong")
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        (tmp_path / "disk" / "photos").rename(tmp_path / "photos")
        with running(box, "uploader", NOTIFY_SOCKET=systemd.getsockname()) as process:
            wait_until(lambda: box.uploader().problems == ("spool_missing",), "it to wait again")
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
            assert box.uploader().state == "stopped"


@pytest.mark.skipif(
    importlib.util.find_spec("tzdata") is not None, reason="SKIPPED: zone data comes with Python here"
)
def test_f14_without_zone_data_photos_are_taken_and_exported(box: Appliance, tmp_path: Path) -> None:
    box.config.write_text(
        box.config.read_text().replace("\n[eventpics]", '\ntimezone = "Europe/Berlin"\n[eventpics]')
    )
    with running(box, "booth", PYTHONTZPATH=""):
        box.take(PATIENCE_S)
    stick = tmp_path / "stick"
    words = "--config", box.config, "queue", "export", stick
    exported = run(box.runtime, *words, PYTHONTZPATH="")
    assert exported.stdout == "1 copied, 0 were there already, 0 damaged and left out\n"
    assert exported.stderr.count("no time zone") == box.log.read_text().count("no time zone") == 1
    (copy,) = stick.rglob("*.jpg")
    assert " Demo booth " in copy.name or copy.name.startswith("time unknown")
    with Image.open(copy) as photo:
        assert photo.getexif().get_ifd(0x8769).get(0x9010, "+00:00") == "+00:00"


def test_f14_a_wrong_button_table_stops_no_upload(box: Appliance, album: LocalEventPics, tmp_path: Path) -> None:
    box.config.write_text(box.config.read_text().replace("hold_s = 5.0", "hold_s = 500"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(notify := str(tmp_path / "notify"))
        with running(box, "booth", NOTIFY_SOCKET=notify), running(box, "uploader", NOTIFY_SOCKET=notify):
            box.take(PATIENCE_S)
            wait_until(lambda: len(album.uploads()) == 1, "the photo to be in the album")
            wait_until(lambda: "config_default" in box.booth().problems, "it to be told")
    assert album.uploads()[0]["linkId"] == "abcd1234"
    with running(box, "booth") as booth:
        assert booth.wait(PATIENCE_S) == 2


def test_frames_folder_broken_jpeg_reported_others_served(box: Appliance, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    Image.new("RGB", (640, 480), (200, 30, 30)).save(frames / "a.jpg")
    (frames / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    box.config.write_text(box.config.read_text() + f'[camera]\nframes = "{frames}"\nsize = [640, 480]\n')
    with running(box, "booth"):
        box.take(PATIENCE_S)
        box.take(PATIENCE_S)
    with Image.open(box.spool.path(box.photos(NEW)[0])) as photo:
        assert photo.size == (640, 480)
        pixel = photo.convert("RGB").getpixel((320, 240))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150 > pixel[1]
    log = box.log.read_text()
    assert "b.jpg" in log
    assert "Traceback" not in log


def test_a_box_without_event_and_key_takes_photos_and_they_wait(box: Appliance) -> None:
    text = box.config.read_text()
    for line in ("api_key", "link_id", "album_id"):
        text = re.sub(rf"^{line} = .*\n", "", text, flags=re.MULTILINE)
    box.config.write_text(text)
    box.power_on()
    box.take(PATIENCE_S)
    (name,) = box.photos(NEW)
    assert name.context.startswith("n")
    context = box.spool.context_of(name)
    assert context is not None
    assert context.link_id == ""


def test_screen_shows_what_the_panel_shows(box: Appliance, tmp_path: Path) -> None:
    with running(box, "booth"):
        wait_until((box.runtime / "panel.pbm").exists, "the panel, which loads after the first ready")
        result = run_forked(box.runtime, "screen", tmp_path / "now.png")
        assert result.returncode == 0, result.stderr
        result = run_forked(box.runtime, "screen", tmp_path / "nowhere" / "now.png")
        assert (result.returncode, result.stderr.count("its folder does not exist")) == (1, 1)
    with Image.open(tmp_path / "now.png") as picture:
        assert (picture.size, picture.mode) == ((128, 64), "1")
        assert picture.getbbox() is not None


def test_b06_command_line_hold_opens_menu_takes_no_photo(tmp_path: Path, album: LocalEventPics) -> None:
    box = Appliance(tmp_path / "held", album.url, DEMO_KEY, countdown_s=1, hold_s=2.0)
    box.power_on()
    try:
        opened = False
        for _ in range(20):  # of a hold that this machine made too short or too long something else comes
            wait_until(lambda: ready(box), "the booth to be ready")
            before = len(box.photos())
            assert run_forked(box.runtime, "--config", box.config, "press", "--hold", "2.5").returncode == 0
            with contextlib.suppress(TookTooLong):
                appliance.wait_until(
                    lambda: state(box) == "menu" or len(box.photos()) > before,  # noqa: B023
                    "what comes of it",
                    10.0,
                )
            if opened := state(box) == "menu":
                break
        assert opened
        assert len(box.photos()) == before
        box.press("down")
        wait_until(lambda: ready(box), "Back to be chosen")
        box.press("up")
        box.take(PATIENCE_S)
    finally:
        box.pull_plug()


def test_command_line_hold_released_in_time_and_by_ctrl_c(box: Appliance) -> None:
    with contextlib.closing(HintSocket(box.runtime, "booth")) as booth:
        assert run(box.runtime, "press", "--hold", "0.1").returncode == 0
        assert [booth.receive(PATIENCE_S) for _ in range(2)] == [["down"], ["up"]]
        with running(box, "press", "--hold", "60") as press:
            assert booth.receive(PATIENCE_S) == ["down"]
            press.send_signal(signal.SIGINT)
            assert press.wait(PATIENCE_S) == 130
        assert booth.receive(PATIENCE_S) == ["up"]


@pytest.mark.slow
def test_f08_both_services_return_into_a_vanished_folder(box: Appliance) -> None:
    box.power_on()
    box.take(PATIENCE_S)
    wait_until(lambda: len(box.photos(SENT)) == 1, "the photo to be in the album")
    pids = pid_of(box, "booth"), pid_of(box, "uploader")
    box.runtime.rename(box.root / "vanished")  # whole: who tidies up meets no service that writes
    wait_until(
        lambda: run_forked(box.runtime, "--config", box.config, "press").returncode == 0, "the press to be heard"
    )
    wait_until(box.retry, "the uploader's socket to be back: it lists new/, nobody waits for its next listing")
    wait_until(lambda: len(box.photos(SENT)) == 2, "the second photo to be in the album")
    wait_until(
        lambda: box.booth().state != "stopped" and box.uploader().state != "stopped", "both to say how they are"
    )
    assert (pid_of(box, "booth"), pid_of(box, "uploader")) == pids
    assert "Traceback" not in box.log.read_text()
    wait_until((box.runtime / "panel.pbm").exists, "the panel's picture to be there again")
