"""The Wi-Fi's name, signal and trouble, as the kernel tells them."""

from __future__ import annotations

import array
import ctypes
import struct
from pathlib import Path

import pytest

from piboothup.problems import Problem, problem
from piboothup.uploader import wifi
from piboothup.uploader.wifi import Wifi, diagnose, signal_percent
from tests.support.uploader import Desk

TABLE = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   54.  -56.  -256        0      0      0      0     28        0
wlan10: 0000   20.  -90.  -256        0      0      0      0      0        0
"""


@pytest.mark.parametrize(
    ("table", "interface", "percent"),
    [
        (TABLE, "wlan0", 88),
        (TABLE, "wlan10", 20),
        (TABLE, "wlan1", None),
        ("wlan0: 0000   70   200   0   0", "wlan0", 88),  # a level as a byte, without points
        ("wlan0: 0000   70.  -20.  -256", "wlan0", 100),
        ("wlan0: 0000    0.  -110.  -256", "wlan0", 0),
        ("wlan0: 0000", "wlan0", None),
        ("wlan0: 0000 much more", "wlan0", None),
        ("", "wlan0", None),
    ],
)
def test_the_signal_is_read_in_percent_from_the_kernels_table(
    table: str, interface: str, percent: int | None
) -> None:
    assert signal_percent(table, interface) == percent


def test_of_all_that_is_wrong_the_first_thing_to_mend_is_told() -> None:
    assert diagnose(True, None, False, None) == problem("wifi_off")
    assert diagnose(False, None, False, None) == problem("wifi_missing")
    assert diagnose(False, "Barn", False, 10) == problem("wifi_no_address", "Barn")
    assert diagnose(False, "Barn", True, 10) == problem("wifi_weak", "Barn, 10 %")
    assert diagnose(False, "Barn", True, 30) is None
    assert diagnose(False, "Barn", True, None) is None


class Interfaces:
    """A folder as /sys/class/net is."""

    def __init__(self, root: Path) -> None:
        self.root = root / "net"
        self.root.mkdir()

    def wireless(self, name: str, blocked: bool = False, state: str = "down") -> None:
        switch = self.root / name / "phy80211" / "rfkill0"
        switch.mkdir(parents=True)
        (self.root / name / "operstate").write_text(f"{state}\n")
        (switch / "soft").write_text(f"{int(blocked)}\n")
        (switch / "hard").write_text("0\n")

    def wired(self, name: str, state: str) -> None:
        (self.root / name / "device").mkdir(parents=True)
        (self.root / name / "operstate").write_text(f"{state}\n")

    def read(self) -> Wifi:
        return wifi.read(self.root, self.root / "no table")


@pytest.fixture
def interfaces(tmp_path: Path) -> Interfaces:
    return Interfaces(tmp_path)


def test_a_machine_without_wifi_has_none_and_no_trouble(interfaces: Interfaces, tmp_path: Path) -> None:
    assert interfaces.read() == Wifi()
    assert wifi.read(tmp_path / "none", tmp_path / "none") == Wifi()


def test_a_wifi_without_a_network_is_told(interfaces: Interfaces) -> None:
    interfaces.wireless("wlan-of-no-one")
    assert interfaces.read() == Wifi(None, None, problem("wifi_missing"), is_missing=True)


def test_a_wifi_that_waits_for_its_country_is_told(interfaces: Interfaces) -> None:
    interfaces.wireless("wlan-of-no-one", blocked=True)
    assert interfaces.read() == Wifi(None, None, problem("wifi_off"))


RADIOS = {
    "board's own alone": (["down"], [], "wlan0"),
    "connected stick beside it": (["down", "up"], [], "wlan1"),
    "stick whose driver tells no state": (["down", "unknown"], [], "wlan1"),
    "stick beside one in a handshake": (["dormant", "up"], [], "wlan1"),
    "both connected": (["up", "up"], [], "wlan0"),
    "neither connected": (["down", "down"], [], "wlan0"),
    "stick beside one that is switched off": (["down", "down"], [0], "wlan1"),
    "both switched off": (["down", "down"], [0, 1], "wlan0"),
}


@pytest.mark.parametrize(("states", "blocked", "name"), RADIOS.values(), ids=RADIOS)
def test_of_several_radios_the_connected_one_counts(
    interfaces: Interfaces, states: list[str], blocked: list[int], name: str
) -> None:
    for number, state in enumerate(states):
        interfaces.wireless(f"wlan{number}", number in blocked, state)
    found = wifi.interface(interfaces.root)
    assert found is not None
    assert found.name == name


MISSING = problem("wifi_missing")
CABLES = {
    "network cable": ("eth0", "up", None),
    "nothing in the socket": ("eth0", "down", MISSING),
    "phone by USB, whose driver tells no state": ("usb0", "unknown", None),
    "modem by USB, whose driver tells no state": ("wwan0", "unknown", None),
    "modem that is not switched on": ("wwan0", "down", MISSING),
    "port that waits for a password": ("eth0", "dormant", MISSING),
}


@pytest.mark.parametrize(("name", "state", "trouble"), CABLES.values(), ids=CABLES)
def test_wifi_without_network_no_trouble_with_cable_plugged_in(
    interfaces: Interfaces, name: str, state: str, trouble: Problem | None
) -> None:
    interfaces.wireless("wlan-of-no-one")
    interfaces.wired(name, state)
    assert interfaces.read() == Wifi(problem=trouble, is_missing=True)


@pytest.mark.parametrize(
    ("told", "ssid"),
    [
        (b"Barn", "Barn"),
        ("Café Zoë".encode(), "Café Zoë"),
        (b"32 bytes are the longest of them!"[:32], "32 bytes are the longest of them"),
        (b"\xff\x1b[2J", "\N{REPLACEMENT CHARACTER}?[2J"),
        (b"", None),
    ],
)
def test_wifi_name_as_kernel_writes_it_harmless_to_terminal(
    interfaces: Interfaces, monkeypatch: pytest.MonkeyPatch, told: bytes, ssid: str | None
) -> None:
    """A fake kernel, for want of a Wi-Fi: it answers as wext-core.c does, by address and length."""

    def ioctl(_socket: object, request: int, about: array.array[int], _mutate: bool) -> int:
        assert about.tobytes()[:16].rstrip(b"\0") == b"wlan0"
        if request == 0x8B1B:
            assert len(about) == 32
            _, place, room, _ = struct.unpack_from("16sPHH", about)
            assert len(told) <= room
            ctypes.memmove(place, told, len(told))
            struct.pack_into("16sPHH", about, 0, b"wlan0", place, len(told), 1)
        return 0

    interfaces.wireless("wlan0")
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    assert interfaces.read().ssid == ssid


def test_status_carries_wifi_and_its_trouble_while_offline(desk: Desk) -> None:
    weak = problem("wifi_weak", "Barn, 12 %")
    desk.start(read_wifi=lambda: Wifi("Barn", 12, weak))
    desk.until_sent(desk.take(hint=True))
    desk.until(lambda: desk.said()["state"] == "idle", "a quiet line")
    assert desk.said()["wifi"] == {"ssid": "Barn", "signal": 12, "reason": str(weak), "code": "wifi_weak"}
    assert desk.said()["problems"] == []
    desk.album.online = False
    desk.take(hint=True)
    desk.until_state("offline", step_s=1.0)
    desk.until(lambda: desk.said()["problems"] == ["wifi_weak", "no_network"], "both to be told")
    assert desk.said()["reason"] == str(weak)


def test_weak_wifi_reported_before_storage_it_makes_unreachable(desk: Desk) -> None:
    desk.lose_storage()
    desk.take()
    desk.start(read_wifi=lambda: Wifi("Barn", 12, problem("wifi_weak")))
    desk.until(lambda: desk.said()["problems"] == ["wifi_weak", "storage_silent"], "both to be told", step_s=0.5)
