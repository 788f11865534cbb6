"""`piboothup doctor`: each fault, made here, is in the right line with its remedy; exit status by severity."""

from __future__ import annotations

import errno
import json
import logging
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS
from piboothup.booth.panel.i18n.en import TEXTS
from piboothup.care import doctor, drop_ins, i2c, install, storage
from piboothup.care.facts import Facts, State, found
from piboothup.care.pins import taken_pins
from piboothup.care.wifi import driver_mask
from piboothup.health import REPORTED, STOPS_PHOTOS, Check
from piboothup.problems import codes, problem
from piboothup.setup import spool_folder
from piboothup.spool import handover
from piboothup.spool.contexts import context_for
from piboothup.spool.disk import hidden_photos
from piboothup.spool.event_titles import AlbumEvent
from piboothup.status import UploaderState, WifiReport
from piboothup.uploader import wifi
from piboothup.uploader.wifi import Wifi, is_power_saved, saves_power
from tests.care.raspberry import FILES, PACKAGE, SPEED, US, Raspberry
from tests.support.commands import environment, run
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, take

DAY_S = 86_400
HEAVY = {"numpy", "PIL", "gpiozero", "luma", "lgpio", "picamera2", "urllib3", "smbus2"}
Break = Callable[[Raspberry], object]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Raspberry:
    """A box; the libraries that only a Pi has can't be imported here, and need not be."""
    site = tmp_path / "site"
    for name in ("picamera2", "lgpio"):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(str(site))
    return Raspberry(tmp_path)


def test_a09_a_box_with_nothing_wrong_has_no_problem(box: Raspberry) -> None:
    lines = box.examine()
    assert {check: line.finding for check, line in lines.items() if line.finding.problem is not None} == {}
    assert doctor.exit_status(list(lines.values())) == 0
    assert [check for check, line in lines.items() if line.state is State.SKIPPED] == []


def stop_booth(box: Raspberry) -> None:
    box.know(booth=None)


def lost_though_simulated(box: Raspberry) -> None:
    box.table("camera", driver="simulated")
    box.booth(camera="lost")


def without_a_camera(box: Raspberry) -> None:
    stop_booth(box)
    box.write("/sys/class/video4linux/video0/name", "bcm2835-codec-decode\n")


def panel_gone(box: Raspberry) -> None:
    stop_booth(box)
    box.addresses.clear()


def panel_moved(box: Raspberry) -> None:
    stop_booth(box)
    box.addresses = {0x3D: 0x43}


def panel_of_another_chip(box: Raspberry) -> None:
    stop_booth(box)
    box.addresses[0x3C] = 0x08


def camera_without_frames(box: Raspberry) -> None:
    stop_booth(box)
    box.know(try_camera=lambda: found("photo_dark"))


def button_held(box: Raspberry) -> None:
    stop_booth(box)
    box.pins.low.add(17)


def button_on_no_pin(box: Raspberry) -> None:
    stop_booth(box)
    box.pins.error = FileNotFoundError("no header")


def led_held(box: Raspberry) -> None:
    stop_booth(box)
    box.pins.users[27] = "pigpio"


def button_taken_from_the_booth(box: Raspberry) -> None:
    box.booth(button="missing", problems=("button_missing",))
    box.pins.users |= {17: "gpio-shutdown", 27: "lg"}


def no_users(box: Raspberry) -> None:
    box.write("/etc/passwd", f"root:x:{US}::/root:/bin/bash\n")
    box.know(user_groups=frozenset({"video", "i2c"}))
    for unit in ("booth.service", "uploader.service", "requests.service", "requests.path"):
        box.remove(f"/usr/lib/systemd/system/piboothup-{unit}")


def folder_gone(box: Raspberry) -> None:
    for name in ("requests", "answers"):
        box.path(f"/run/piboothup/{name}").rmdir()
    box.path("/run/piboothup").rmdir()


def forgotten_request(box: Raspberry) -> None:
    request = box.path("/run/piboothup/requests/power-off")
    request.write_text("{}")
    asked_s = box.clock.wall_ns() / 1e9 - 61
    os.utime(request, (asked_s, asked_s))


def left_behind(name: str) -> Break:
    return lambda box: box.write(name, "")


def old_link(box: Raspberry) -> None:
    box.path("/usr/bin").mkdir(parents=True)
    box.path("/usr/bin/piboothup").symlink_to("/opt/piboothup/.venv/bin/piboothup")


def shut_spool(box: Raspberry) -> None:
    spool_folder.set_open(Path("/elsewhere"), box.path("/etc/systemd/system"))


def no_country(box: Raspberry) -> None:
    box.change("/proc/cmdline", "=DE", "=00")


def pins_of(line: str) -> Break:
    return lambda box: box.change("/boot/firmware/config.txt", "[all]\n", f"[all]\n{line}\n")


def led_on_spi(box: Raspberry) -> None:
    pins_of("dtparam=spi=on")(box)
    box.table("light", led_pin=9)


def photo_of_the_day_before(box: Raspberry) -> None:
    box.spool.add_anchor(box.anchor())
    take(box.spool, jpeg(), PARTY)
    box.clock.pass_s(2 * DAY_S)


def refused_photo(box: Raspberry) -> None:
    handover.park(box.spool, take(box.spool, jpeg(), PARTY), "EventPics refuses it.")


def alarm_of_the_kernel(box: Raspberry) -> None:
    box.remove("/sys/devices/platform/soc/soc:firmware/get_throttled")
    box.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")


def clock_unset(box: Raspberry) -> None:
    box.clock.uncertainty_ms = None


def wifi_alone(box: Raspberry) -> None:
    box.write("/sys/class/net/eth0/operstate", "down\n")


def radio_blocked(box: Raspberry) -> None:
    wifi_alone(box)
    box.write("/sys/class/net/wlan0/phy80211/rfkill0/soft", "1\n")


def country_unset(box: Raspberry) -> None:
    radio_blocked(box)
    box.change("/proc/cmdline", "=DE", "=00")


def profile(text: str) -> Break:
    def write(box: Raspberry) -> None:
        wifi_alone(box)
        box.write("/etc/NetworkManager/system-connections/x.nmconnection", f"[wifi-security]\n{text}\n")

    return write


def hash_of_wpa3_beside_a_cable(box: Raspberry) -> None:
    profile(f"key-mgmt=sae\npsk={'0a' * 32}")(box)
    box.write("/sys/class/net/eth0/operstate", "up\n")


def link_to_no_disk(box: Raspberry) -> None:
    link = box.root / "spool"
    link.symlink_to("/media/gone")
    box.table("spool", directory=str(link))


def watchdog_by_files(box: Raspberry, *settings: tuple[str, str]) -> None:
    box.remove("/sys/class/watchdog/watchdog0/state")
    for name, value in settings:
        box.write(f"{name}", f"[Manager]\nRuntimeWatchdogSec={value}\n")


def no_key(box: Raspberry) -> None:
    box.know(uploader=None)
    box.table("eventpics", api_key=None)


def units_without_users(box: Raspberry) -> None:
    box.write("/etc/passwd", "root:x:0:0::/root:/bin/bash\n")


FAULTS: list[tuple[Break, Check, str]] = [
    (lambda box: box.change("/etc/os-release", '"13"', '"12"'), Check.SYSTEM, "system_old"),
    (lambda box: box.change("/etc/group", "video:x:44:pi,piboothup-booth", "video:x:44:pi"), Check.ACCOUNTS, ""),
    (lambda box: box.change("/etc/group", "i2c:x:994:piboothup-booth\n", ""), Check.ACCOUNTS, ""),
    (
        lambda box: box.change("/etc/passwd", f"uploader:x:{US}", f"uploader:x:{US}9"),
        Check.ACCOUNTS,
        "account_missing",
    ),
    (units_without_users, Check.ACCOUNTS, "account_missing"),
    (no_users, Check.ACCOUNTS, "groups_missing"),
    (folder_gone, Check.FILES, "files_unfit"),
    (lambda box: box.path("/etc/piboothup/key").chmod(0o644), Check.FILES, "files_unfit"),
    (lambda box: box.change("/etc/passwd", f"uploader:x:{US}", f"uploader:x:9{US}"), Check.FILES, "files_unfit"),
    (lambda box: box.path("/run/piboothup").chmod(0o777), Check.FILES, "files_unfit"),
    (forgotten_request, Check.FILES, "request_stale"),
    (left_behind("/etc/systemd/system/piboothup-uploader.service"), Check.LEFTOVERS, "old_setup"),
    (left_behind("/etc/systemd/system/piboothup-requests.path"), Check.LEFTOVERS, "old_setup"),
    (left_behind("/etc/tmpfiles.d/piboothup.conf"), Check.LEFTOVERS, "old_setup"),
    (left_behind("/opt/piboothup/.venv/pyvenv.cfg"), Check.LEFTOVERS, "old_setup"),
    (left_behind("/usr/local/bin/piboothup"), Check.LEFTOVERS, "old_setup"),
    (old_link, Check.LEFTOVERS, "old_setup"),
    (
        lambda box: box.write("/etc/systemd/journald.conf.d/99-mine.conf", "[Journal]\nSystemMaxUse=1G\n"),
        Check.DROP_INS,
        "drop_in_lost",
    ),
    (
        lambda box: box.write("/etc/rpi/swap.conf.d/95-mine.conf", "[Main]\nMechanism = auto\n"),
        Check.DROP_INS,
        "drop_in_lost",
    ),
    (lambda box: box.know(config_problem=problem("bad_config", "line 3")), Check.CONFIG, "bad_config"),
    (lambda box: box.know(config_problem=problem("unused_setting")), Check.CONFIG, "unused_setting"),
    (
        lambda box: box.know(config_problem=problem("config_default"), has_config=False),
        Check.CONFIG,
        "config_missing",
    ),
    (lambda box: box.booth(problems=("config_late",)), Check.CONFIG, "config_late"),
    (stop_booth, Check.SERVICES, "booth_stopped"),
    (lambda box: box.know(uploader=None), Check.SERVICES, "uploader_stopped"),
    (lambda box: box.uploader(version="0.0.1"), Check.SERVICES, "service_old"),
    (lambda box: box.booth(problems=("runtime_full",)), Check.SERVICES, "runtime_full"),
    (lambda box: box.booth(camera="lost"), Check.CAMERA, "no_photos"),
    (lambda box: box.booth(camera="lost", problems=("no_camera",)), Check.CAMERA, "no_camera"),
    (lambda box: box.booth(problems=("camera_size",)), Check.CAMERA, "camera_size"),
    (lost_though_simulated, Check.CAMERA, "no_photos"),
    (without_a_camera, Check.CAMERA, "no_camera"),
    (camera_without_frames, Check.CAMERA, "photo_dark"),
    (lambda box: box.remove("/dev/i2c-1"), Check.BUS, "bus_missing"),
    (lambda box: box.path(SPEED).write_bytes((100_000).to_bytes(4, "big")), Check.BUS, "bus_slow"),
    (lambda box: box.booth(panel="missing"), Check.PANEL, "panel_missing"),
    (panel_gone, Check.PANEL, "panel_missing"),
    (panel_moved, Check.PANEL, "panel_elsewhere"),
    (panel_of_another_chip, Check.PANEL, "panel_chip"),
    (lambda box: box.booth(problems=("light_missing",)), Check.LIGHT, "light_missing"),
    (lambda box: box.booth(problems=("buzzer_missing",)), Check.LIGHT, "buzzer_missing"),
    (lambda box: box.booth(button="missing"), Check.BUTTON, "button_missing"),
    (lambda box: box.booth(problems=("button_stuck",)), Check.BUTTON, "button_stuck"),
    (button_held, Check.BUTTON, "button_stuck"),
    (button_on_no_pin, Check.BUTTON, "button_missing"),
    (pins_of("dtoverlay=gpio-shutdown,gpio_pin=17"), Check.PINS, "pin_taken"),
    (pins_of("dtoverlay=gpio-shutdown"), Check.PINS, "pin_taken"),
    (led_on_spi, Check.PINS, "pin_taken"),
    (led_held, Check.PINS, "pin_busy"),
    (button_taken_from_the_booth, Check.PINS, "pin_busy"),
    (lambda box: box.table("spool", directory="/nowhere/at/all"), Check.CARD, "spool_unusable"),
    (link_to_no_disk, Check.CARD, "spool_missing"),
    (lambda box: box.booth(problems=("card_readonly",)), Check.CARD, "card_readonly"),
    (lambda box: box.spool.directory.chmod(0o500), Check.CARD, "spool_closed"),
    (shut_spool, Check.CARD, "spool_closed"),
    (lambda box: box.booth(problems=("card_full",)), Check.SPACE, "card_full"),
    (photo_of_the_day_before, Check.QUEUE, "queue_old"),
    (refused_photo, Check.QUEUE, "photos_parked"),
    (lambda box: hidden_photos.write(box.spool.directory, {"a photo"}), Check.QUEUE, "photos_hidden"),
    (lambda box: box.uploader(problems=("photo_damaged",)), Check.QUEUE, "photo_damaged"),
    (lambda box: box.throttled(0x1), Check.SUPPLY, "undervoltage"),
    (lambda box: box.throttled(0x50000), Check.SUPPLY, "undervoltage_before"),
    (alarm_of_the_kernel, Check.SUPPLY, "undervoltage_before"),
    (lambda box: box.throttled(0x40000), Check.HEAT, "throttled_before"),
    (lambda box: box.throttled(0x4), Check.HEAT, "throttled_before"),
    (lambda box: box.write("/sys/class/thermal/thermal_zone0/temp", "80000\n"), Check.HEAT, "hot"),
    (wifi_alone, Check.WIFI, "wifi_missing"),
    (radio_blocked, Check.RADIO, "wifi_off"),
    (country_unset, Check.RADIO, "wifi_country"),
    (no_country, Check.RADIO, "wifi_country"),
    (lambda box: box.remove("/etc/modprobe.d/zz-piboothup.conf"), Check.RADIO, "wifi_mask"),
    (lambda box: box.uploader(problems=("wifi_off",)), Check.RADIO, "wifi_off"),
    (profile(f"key-mgmt=wpa-psk\npsk={'0a' * 32}"), Check.WIFI, "wifi_hash"),
    (profile("key-mgmt=sae\npsk=canary-password"), Check.WIFI, "wifi_wpa3"),
    (profile("key-mgmt=wpa-psk\npsk=canary-password\n[wifi]\nband=a"), Check.WIFI, "wifi_band"),
    (profile("key-mgmt=wpa-psk\npsk=canary-password"), Check.WIFI, "wifi_missing"),
    (hash_of_wpa3_beside_a_cable, Check.WIFI, "wifi_hash"),
    (lambda box: box.uploader(state=UploaderState.PORTAL), Check.NETWORK, "portal"),
    (lambda box: box.uploader(state=UploaderState.OFFLINE), Check.NETWORK, "no_network"),
    (lambda box: box.uploader(problems=("tls_refused",)), Check.NETWORK, "tls_refused"),
    (lambda box: box.uploader(problems=("blocked",)), Check.NETWORK, "blocked"),
    (clock_unset, Check.CLOCK, "clock_unknown"),
    (lambda box: box.uploader(problems=("key_refused",)), Check.KEY, "key_refused"),
    (lambda box: box.uploader(events_seen=None), Check.KEY, "key_untried"),
    (no_key, Check.KEY, "no_key"),
    (lambda box: box.table("eventpics", link_id=""), Check.EVENT, "no_event"),
    (lambda box: box.spool.write_events([AlbumEvent("Another", "wxyz9876")]), Check.EVENT, "event_gone"),
    (lambda box: box.uploader(problems=("event_refused",)), Check.EVENT, "event_refused"),
    (lambda box: take(box.spool, jpeg(), context_for("wxyz9876", "", "")), Check.OTHERS, "old_photos"),
    (lambda box: take(box.spool, jpeg(), context_for("", "", "boot-a")), Check.OTHERS, "stray_photos"),
    (lambda box: box.write("/sys/class/watchdog/watchdog0/state", "inactive\n"), Check.WATCHDOG, "watchdog_off"),
    (watchdog_by_files, Check.WATCHDOG, "watchdog_off"),
    (lambda box: box.remove("/etc/cloud/cloud.cfg.d/99-piboothup.cfg"), Check.FIRST_BOOT, "network_rewritten"),
    (
        lambda box: box.write("/sys/fs/cgroup/system.slice/userconfig.service/cgroup.procs", "411\n"),
        Check.FIRST_BOOT,
        "user_awaited",
    ),
]


@pytest.mark.parametrize(("breaks", "check", "code"), FAULTS)
def test_a09_each_fault_is_in_its_line_and_has_its_remedy(
    box: Raspberry, breaks: Break, check: Check, code: str
) -> None:
    breaks(box)
    lines = box.examine()
    line = lines[check]
    assert line.finding.problem is not None
    assert line.finding.problem.code == (code or "account_missing")
    assert line.state is (State.FAULT if line.finding.problem.code in STOPS_PHOTOS else State.WARNING)
    text = doctor.format_lines(list(lines.values()))
    assert line.finding.problem.remedy in text
    made = [each.check for each in lines.values() if each.state is not State.SKIPPED]
    assert [each[9:21].strip() for each in text.splitlines() if not each.startswith("skipped")][:-1] == made
    assert doctor.exit_status(list(lines.values())) == (1 if "\nfault" in text else 3)


def test_a09_every_check_has_a_fault_of_its_own_here() -> None:
    elsewhere = {Check.LIBRARIES, Check.LOST}  # in processes of their own: a library, test_lost_found
    assert {check for _, check, _ in FAULTS} | elsewhere == set(Check)
    assert set(doctor.CHECKS) == set(Check)


def test_a09_the_self_tests_steps_are_checks_in_the_same_order() -> None:
    assert set(SELF_TEST_STEPS) <= set(Check)
    order = [list(Check).index(step) for step in SELF_TEST_STEPS]
    assert order == sorted(order)


def test_a09_what_stops_photos_is_what_fills_the_screen() -> None:
    softer = {"camera_memory"}  # a smaller size is used
    assert set(TEXTS.faults) - softer <= STOPS_PHOTOS
    assert STOPS_PHOTOS - set(TEXTS.faults) == {"library_unfit", "booth_stopped", "spool_closed"}


def test_a09_each_problem_that_a_service_reports_has_one_line() -> None:
    listed = [code for of_check in REPORTED.values() for code in of_check]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(codes())
    assert ({*TEXTS.faults, *TEXTS.notices} | {"no_network", "portal", "paused", "key_refused"}) <= set(listed)


def test_a09_a_laptop_without_anything_is_no_failure(tmp_path: Path) -> None:
    lines = doctor.examine(Facts(root=tmp_path))
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


def test_a09_a_running_booths_panel_is_never_asked(box: Raspberry) -> None:
    def refuse(_bus: Path, _address: int) -> int:
        raise AssertionError("the bus is the booth's")

    box.know(read_byte=refuse)
    assert box.examine()[Check.PANEL].state is State.OK


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


def test_a09_a_check_that_gets_no_answer_holds_up_no_other(box: Raspberry) -> None:
    """A pipe that nobody writes to stands for a disk that hangs: its opening waits for ever."""
    fifo = box.path("/etc/os-release")
    fifo.unlink()
    os.mkfifo(fifo)
    lines = {line.check: line for line in doctor.examine(box.facts, deadline_s=3)}
    os.close(os.open(fifo, os.O_WRONLY))  # the thread goes on
    late = {check: line.finding.problem for check, line in lines.items() if line.finding.problem is not None}
    assert late == {Check.SYSTEM: problem("not_checked", "system: no answer")}


def test_a09_a_card_that_hangs_is_waited_for_once(box: Raspberry, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is played by a folder that answers late: only root can make a real file system hang."""
    answers = threading.Event()
    monkeypatch.setattr(storage, "_unseen", lambda _: answers.wait(PATIENCE_S) and None)
    lines = {line.check: line for line in doctor.examine(box.facts, deadline_s=0.2)}
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


def test_a09_a_bus_that_may_not_be_opened_needs_a_group(box: Raspberry) -> None:
    def refuse(_bus: Path, _address: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    box.know(booth=None, read_byte=refuse)
    assert "group i2c" in box.examine()[Check.PANEL].finding.note


def test_a09_nothing_answers_on_what_is_no_bus(tmp_path: Path) -> None:
    (tmp_path / "i2c-1").write_bytes(b"x")
    assert i2c.read_byte(tmp_path / "i2c-1", 0x3C) is None
    assert i2c.read_byte(tmp_path / "i2c-2", 0x3C) is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("dtparam=spi=on", {7, 8, 9, 10, 11}),
        ("dtparam=i2c_arm=on,spi=on", {7, 8, 9, 10, 11}),
        ("dtparam=spi=off\n# dtparam=spi=on", set()),
        ("enable_uart=1", {14, 15}),
        ("dtoverlay=w1-gpio", {4}),
        ("dtoverlay=w1-gpio,gpiopin=22,pullup=1  # a sensor", {22}),
        ("[pi5]\ndtparam=spi=on\n[all]\ndtoverlay=gpio-fan", {12}),
        ("dtoverlay=vc4-kms-v3d\nnonsense\n=\ndtoverlay=gpio-fan,gpiopin=x", {12}),
    ],
)
def test_a09_pins_that_the_firmwares_config_gives_away(text: str, taken: set[int]) -> None:
    assert set(taken_pins(text)) == taken


@pytest.mark.parametrize(
    ("settings", "is_on"),
    [
        ([("/usr/lib/systemd/system.conf.d/40-rpi-enable-watchdog.conf", "1m")], True),
        ([("/etc/systemd/system.conf", "30")], True),
        (
            [
                ("/usr/lib/systemd/system.conf.d/40-rpi-enable-watchdog.conf", "1m"),
                ("/etc/systemd/system.conf.d/90-mine.conf", "off"),
            ],
            False,
        ),
        (
            [
                ("/usr/lib/systemd/system.conf.d/40-rpi-enable-watchdog.conf", "1m"),
                ("/etc/systemd/system.conf.d/10-lost.conf", "off"),
            ],
            True,
        ),
        (
            [
                ("/usr/lib/systemd/system.conf.d/40-rpi-enable-watchdog.conf", "1m"),
                ("/etc/systemd/system.conf.d/40-rpi-enable-watchdog.conf", "0"),
            ],
            False,
        ),
    ],
)
def test_a09_of_the_watchdogs_files_the_last_name_counts(
    box: Raspberry, settings: list[tuple[str, str]], is_on: bool
) -> None:
    watchdog_by_files(box, *settings)
    assert (box.examine()[Check.WATCHDOG].state is State.OK) is is_on


@pytest.mark.parametrize(
    ("video", "subdevice", "sensor"),
    [
        ("unicam-image", "imx477 10-001a", "imx477, test frame 4056x3040"),
        ("rp1-cfe-csi2_ch0", "imx708_wide", "imx708_wide, test frame 4056x3040"),
        ("rp1-cfe-csi2_ch0", "csi2", "test frame 4056x3040"),
    ],
)
def test_a09_a_camera_is_seen_without_the_booth(box: Raspberry, video: str, subdevice: str, sensor: str) -> None:
    stop_booth(box)
    box.write("/sys/class/video4linux/video0/name", f"{video}\n")
    box.write("/sys/class/video4linux/v4l-subdev0/name", f"{subdevice}\n")
    assert box.examine()[Check.CAMERA].finding.note == sensor


def test_a09_power_saving_is_read_from_the_kernels_answer() -> None:
    assert is_power_saved(b"wlan0".ljust(16, b"\0") + bytes([0, 0, 0, 0, 0, 0, 0, 0]).ljust(16, b"\0"))
    assert not is_power_saved(b"wlan0".ljust(16, b"\0") + bytes([0, 0, 0, 0, 0, 1, 0, 0]).ljust(16, b"\0"))
    assert not saves_power("no-such-wifi")


@pytest.mark.parametrize(
    ("hz", "exponent", "band"),
    [
        (2437, 6, "2.4 GHz"),
        (243700000, 1, "2.4 GHz"),
        (5180, 6, "5 GHz"),
        (6115, 6, "6 GHz"),
        (11, 0, ""),
        (9, 99, ""),
    ],
)
def test_a09_the_band_is_read_from_the_kernels_answer(hz: int, exponent: int, band: str) -> None:
    answer = b"wlan0".ljust(16, b"\0") + struct.pack("ih", hz, exponent).ljust(16, b"\0")
    assert wifi.band_of(answer) == band
    assert wifi.band("no-such-wifi") == ""


def test_a09_a_wifi_at_work_tells_band_and_signal(box: Raspberry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wifi, "read", lambda *_: Wifi("The network", 68))
    monkeypatch.setattr(wifi, "band", lambda _: "2.4 GHz")
    lines = box.examine()
    assert [lines[check].finding.note for check in (Check.RADIO, Check.WIFI)] == [
        *("on, 2.4 GHz alone", "signal 68 %, 2.4 GHz"),
    ]


@pytest.mark.parametrize(
    ("files", "line", "mask"),
    [
        ({}, "", 0x2282000),
        ({"etc/modprobe.d/90-mine.conf": "options brcmfmac feature_disable=0x1\n"}, "", 0x2282000),
        ({"etc/modprobe.d/zzz.conf": "# options brcmfmac feature_disable=1\n"}, "", 0x2282000),
        ({"etc/modprobe.d/zzz.conf": "options brcmfmac roamoff=1 feature_disable=8192\n"}, "", 8192),
        ({"run/modprobe.d/zz-piboothup.conf": "options brcmfmac feature_disable=0\n"}, "", 0x2282000),
        ({}, " brcmfmac.feature_disable=0x2000", 0x2000),
    ],
)
def test_a09_of_the_drivers_masks_the_last_counts(
    box: Raspberry, files: dict[str, str], line: str, mask: int
) -> None:
    for name, text in files.items():
        box.write(name, text)
    box.change("/proc/cmdline", "\n", line + "\n")
    assert driver_mask(box.facts) == mask
    assert (box.examine()[Check.RADIO].state is State.OK) is (mask == 0x2282000)


def test_a09_a_radio_that_knows_wpa3_needs_no_mask(box: Raspberry) -> None:
    box.remove("/etc/modprobe.d/zz-piboothup.conf")
    box.write("/sys/class/net/wlan0/device/device", "0xa9bf\n")
    assert box.examine()[Check.RADIO].finding.note == "on"
    profile("key-mgmt=sae\npsk=canary-password")(box)
    assert box.examine()[Check.WIFI].finding.problem == problem("wifi_missing")


def test_a09_a_radio_that_is_off_beside_a_cable_is_fine(box: Raspberry) -> None:
    country_unset(box)
    box.write("/sys/class/net/eth0/operstate", "up\n")
    lines = box.examine()
    assert (lines[Check.RADIO].state, lines[Check.WIFI].state) == (State.OK, State.SKIPPED)


def test_a09_each_drop_in_that_the_package_ships_is_looked_at() -> None:
    shipped = {
        path.relative_to(folder).parent.as_posix().removesuffix(".d")
        for folder in (PACKAGE / "package/usr/lib", PACKAGE / "package/etc")
        for path in folder.rglob("*.conf.d/*.conf")
    }
    assert shipped
    assert shipped <= set(drop_ins.FAMILIES)


@pytest.mark.parametrize(
    ("name", "text", "winner"),
    [
        ("etc/systemd/journald.conf", "[Journal]\nStorage=none\n", ""),
        ("etc/systemd/journald.conf.d/10-early.conf", "[Journal]\nStorage=none\n", ""),
        ("run/systemd/journald.conf.d/95-late.conf", "[Journal]\n Storage = none\n", "Storage=none in /run/systemd"),
        ("etc/systemd/journald.conf.d/95-late.conf", "[Journal]\n#Storage=none\nRateLimitBurst=1\n", ""),
        ("run/systemd/journald.conf.d/90-piboothup.conf", "[Journal]\nStorage=none\n", ""),
    ],
)
def test_a09_a_drop_in_loses_to_a_later_name_alone(box: Raspberry, name: str, text: str, winner: str) -> None:
    box.write(name, text)
    told = box.examine()[Check.DROP_INS].finding.problem
    assert (winner in told.detail) if told is not None else not winner
    assert (told is None) is (not winner)


def test_a09_the_groups_that_are_looked_for_are_the_packages() -> None:
    lines = (PACKAGE / "sysusers.d/piboothup.conf").read_text().splitlines()
    assert [line.split()[2] for line in lines if line.startswith("m ")] == list(install._DEVICE_GROUPS)


def test_a09_a_unit_that_asks_for_a_missing_group_is_told(box: Raspberry) -> None:
    box.write("/etc/systemd/system/piboothup-booth.service.d/mine.conf", "[Service]\nSupplementaryGroups=video spi\n")
    told = problem("account_missing", "a unit asks for group spi, which is not there")
    assert box.examine()[Check.ACCOUNTS].finding.problem == told


def test_a09_old_files_that_were_set_aside_are_named(box: Raspberry) -> None:
    box.write("/opt/piboothup.before-package/usr/bin/piboothup", "")
    box.path("/etc/systemd/system/piboothup-booth.service").symlink_to("/dev/null")  # a person's "do not start this"
    line = box.examine()[Check.LEFTOVERS]
    assert (line.state, line.finding.note) == (State.OK, "set aside in /opt/piboothup.before-package")


def test_a09_a_box_wired_otherwise_is_told_by_its_header_pins(box: Raspberry) -> None:
    assert box.examine()[Check.PINS].finding.note == "as in hardware/README.md"
    box.table("light", led_pin=22, flash_pin=23)
    note = "not as in the drawing: light.led_pin is GPIO22 (header pin 15)"
    assert box.examine()[Check.PINS].finding.note == note


def test_a09_a_spool_on_a_disk_that_is_open_to_all_is_fine(box: Raspberry) -> None:
    users = box.path("/etc/passwd").read_text().replace("piboothup-booth:x:", "piboothup-booth:x:9")
    box.write("/etc/passwd", users)
    box.change("/etc/group", "piboothup:x:", "piboothup:x:9")
    assert box.examine()[Check.CARD].finding.problem is not None
    box.spool.directory.chmod(0o777)
    assert box.examine()[Check.CARD].finding.problem is None


def test_a09_the_time_that_the_box_learnt_counts(box: Raspberry) -> None:
    clock_unset(box)
    box.spool.add_anchor(box.anchor())
    box.booth(boot=box.spool.boot)
    assert box.examine()[Check.CLOCK].state is State.OK


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
