"""Devices of the networks that the kernel does not prefer, by its tables; `tests/lab/venue` sends photos by them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from piboothup.uploader.transport.happy_eyeballs import NameLookups
from piboothup.uploader.transport.other_networks import other_devices

V4, V6 = socket.AF_INET, socket.AF_INET6
TITLES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"


def ipv4(device: str, metric: int, *, to: str = "00000000", mask: str = "00000000", flags: str = "0003") -> str:
    return f"{device}\t{to}\t010200C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0   "


def ipv6(device: str, metric: int, *, to: str = "0" * 32, length: str = "00", flags: str = "00000003") -> str:
    return f"{to} {length} {'0' * 32} 00 {'fe80'.ljust(32, '0')} {metric:08x} 00000001 00000000 {flags} {device:>8}"


@pytest.mark.parametrize(
    ("family", "lines", "found"),
    [
        (V4, [TITLES, ipv4("wlan0", 600), ipv4("eth0", 100)], ["wlan0"]),
        (V4, [TITLES, ipv4("eth0", 100), ipv4("wlan0", 600), ipv4("usb0", 101)], ["usb0", "wlan0"]),
        (V4, [TITLES, ipv4("wlan0", 600)], []),
        (V4, [TITLES, ipv4("eth0", 100), ipv4("eth0", 600), ipv4("wlan0", 600)], ["wlan0"]),
        (V4, [TITLES, ipv4("eth0", 100), ipv4("wlan0", 600, to="0007A8C0", mask="00FFFFFF")], []),
        (V4, [TITLES, ipv4("eth0", 100), ipv4("*", 0, flags="0201")], []),
        (V6, [ipv6("wlan0", 600), ipv6("eth0", 100)], ["wlan0"]),
        (V6, [ipv6("wlan0", 1024), ipv6("lo", 0xFFFFFFFF, flags="00200200")], []),
        (V6, [ipv6("eth0", 100), ipv6("wlan0", 256, to="fd07".ljust(32, "0"), length="40")], []),
        (V4, [TITLES, "what is this"], []),
        (V4, [TITLES, ipv4("eth0", 100, flags="none"), ipv4("wlan0", 600)], []),
        (V4, [], []),
    ],
)
def test_n38_devices_of_default_routes_but_the_preferred(
    tmp_path: Path, family: socket.AddressFamily, lines: list[str], found: list[str]
) -> None:
    name = "route" if family == V4 else "ipv6_route"
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    assert other_devices(family, tmp_path) == found


@pytest.mark.parametrize("family", [V4, V6])
def test_n38_no_table_of_the_kernel_is_no_other_network(tmp_path: Path, family: socket.AddressFamily) -> None:
    assert other_devices(family, tmp_path) == []


def test_n38_network_in_which_somebody_else_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """For ten minutes, or until somebody else answers in the others too."""
    lookups, now_s = NameLookups(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    told = [lookups.prefers_others]
    for after_s, is_left in ((0.0, True), (599.0, False), (2.0, False), (0.0, True), (0.0, True)):
        now_s[0] += after_s
        if is_left:
            lookups.leave_network()
        told.append(lookups.prefers_others)
    assert told == [False, True, True, False, True, False]


def test_n38_connection_by_another_network_is_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first one on, as it may be a modem's; those that the kernel has led change nothing."""
    lookups, now_s = NameLookups(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    told = []
    for after_s, device in ((0.0, ""), (100.0, "wwan0"), (40.0, "wwan0"), (19.0, ""), (2.0, "wwan0")):
        now_s[0] += after_s
        lookups.note_network(device)
        told.append(lookups.is_return_due)
    lookups.forget_networks()
    assert (told, lookups.is_return_due) == ([False, False, False, False, True], False)
