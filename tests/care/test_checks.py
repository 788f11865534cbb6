"""Single checks of `piboothup doctor`: what they read from the system, and where they must not err."""

from __future__ import annotations

import errno
import struct
from importlib import metadata
from pathlib import Path

import pytest

from piboothup.care import drop_ins, i2c, install, system
from piboothup.care.facts import State
from piboothup.care.pins import taken_pins
from piboothup.care.wifi import driver_mask
from piboothup.health import Check
from piboothup.problems import problem
from piboothup.uploader import wifi
from piboothup.uploader.wifi import Wifi, is_power_saved, saves_power
from tests.care.raspberry import PACKAGE, Raspberry
from tests.care.test_faults import clock_unset, country_unset, profile, stop_booth, watchdog_by_files


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
    note = "not as in the drawing: light.led_pin is GPIO22, header pin 15"
    assert box.examine()[Check.PINS].finding.note == note


def test_e6_a_lens_light_that_is_held_is_told_by_its_pin(box: Raspberry) -> None:
    box.table("light", flash_pin=23, lens_pin=25)
    assert box.examine()[Check.PINS].finding.note == "as in hardware/README.md"
    box.booth(problems=("light_missing",))
    box.pins.users |= {17: "lg", 23: "lg", 25: "pigpio", 27: "lg"}  # "lg": the booth's own
    told = box.examine()[Check.PINS].finding.problem
    assert told is not None and told.detail == "GPIO25, header pin 22: light.lens_pin, pigpio"
    box.table("light", flash_pin=0, lens_pin=0)
    told = box.examine()[Check.PINS].finding.problem
    assert told is not None and told.detail.endswith("light.led_pin, lg")  # its only lamp: the booth does not hold it


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


def test_a09_a_bus_that_may_not_be_opened_needs_a_group(box: Raspberry) -> None:
    def refuse(_bus: Path, _address: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    box.know(booth=None, read_byte=refuse)
    assert "group i2c" in box.examine()[Check.PANEL].finding.note


def test_a09_nothing_answers_on_what_is_no_bus(tmp_path: Path) -> None:
    (tmp_path / "i2c-1").write_bytes(b"x")
    assert i2c.read_byte(tmp_path / "i2c-1", 0x3C) is None
    assert i2c.read_byte(tmp_path / "i2c-2", 0x3C) is None


def test_a09_a_running_booths_panel_is_never_asked(box: Raspberry) -> None:
    def refuse(_bus: Path, _address: int) -> int:
        raise AssertionError("the bus is the booth's")

    box.know(read_byte=refuse)
    assert box.examine()[Check.PANEL].state is State.OK


@pytest.mark.parametrize(("module", "state"), [("json", State.OK), ("gone", State.FAULT)])
def test_a09_a_library_that_debian_ships_without_version_counts(
    box: Raspberry, monkeypatch: pytest.MonkeyPatch, module: str, state: State
) -> None:
    """Played: a library without metadata, which the tests' own environment has."""
    real = metadata.version

    def version(name: str) -> str:
        if name == "zxing-cpp":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(system, "_MODULES", {"zxing-cpp": module})
    monkeypatch.setattr(metadata, "requires", lambda _name: ["zxing-cpp>=2.3"])
    monkeypatch.setattr(metadata, "version", version)
    assert box.examine()[Check.LIBRARIES].state is state
