"""Each fault of a box, made here, is in the right line of `piboothup doctor` with its remedy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup.care import doctor
from piboothup.care.facts import State, found
from piboothup.health import STOPS_PHOTOS, Check
from piboothup.problems import problem
from piboothup.setup import spool_folder
from piboothup.spool import handover
from piboothup.spool.contexts import context_for
from piboothup.spool.disk import hidden_photos
from piboothup.spool.event_titles import AlbumEvent
from piboothup.status import UploaderState
from tests.care.raspberry import SPEED, US, Raspberry
from tests.support.photos import PARTY, jpeg, take

DAY_S = 86_400
Break = Callable[[Raspberry], object]


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


def lens_pin_taken_from_the_booth(box: Raspberry) -> None:
    box.table("light", flash_pin=23, lens_pin=25)
    box.booth(problems=("light_missing",))
    box.pins.users |= {17: "lg", 23: "lg", 25: "pigpio", 27: "lg"}


def no_users(box: Raspberry) -> None:
    box.write("/etc/passwd", f"root:x:{US}::/root:/bin/bash\n")
    box.know(user_groups=frozenset({"video", "i2c"}))
    for unit in ("booth.service", "uploader.service", "requests.service", "requests.path"):
        box.remove(f"/usr/lib/systemd/system/piboothup-{unit}")


def folder_gone(box: Raspberry) -> None:
    for name in ("requests", "answers", "stick"):
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


def spool_of_the_booth_alone(box: Raspberry) -> None:
    """A disk's folder that somebody gave to the booth: it takes photos, and the uploader can make no lock there."""
    box.change("/etc/passwd", f"uploader:x:{US}", f"uploader:x:9{US}")
    box.change("/etc/group", "piboothup:x:", "piboothup:x:9")


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
    (lens_pin_taken_from_the_booth, Check.PINS, "pin_busy"),
    (lambda box: box.table("spool", directory="/nowhere/at/all"), Check.CARD, "spool_unusable"),
    (link_to_no_disk, Check.CARD, "spool_missing"),
    (lambda box: box.booth(problems=("card_readonly",)), Check.CARD, "card_readonly"),
    (lambda box: box.spool.directory.chmod(0o500), Check.CARD, "spool_closed"),
    (spool_of_the_booth_alone, Check.CARD, "spool_closed"),
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
    (lambda box: box.uploader(events_seen=None, problems=("bad_config",)), Check.KEY, "no_key"),
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


@pytest.mark.slow
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
