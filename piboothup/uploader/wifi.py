"""Wi-Fi for the panel and the status: its name, signal and problem.

Read from the kernel (sysfs, /proc/net/wireless, two ioctls), so that no command and no permission is needed. It is no
problem to have no Wi-Fi.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.records import dataclass

_GET_NAME = 0x8B1B
"""SIOCGIWESSID of linux/wireless.h."""
_GET_ADDRESS = 0x8915
"""SIOCGIFADDR of linux/sockios.h."""
_GET_FREQUENCY = 0x8B05
"""SIOCGIWFREQ of linux/wireless.h."""
_GET_POWER = 0x8B2D
"""SIOCGIWPOWER of linux/wireless.h."""
_IWREQ, _IWREQ_BYTES = "16sPHH", 32
"""struct iwreq of linux/wireless.h: interface, address and length of the name, flags; its union has 16 bytes."""
_BANDS = (("2.4 GHz", 2.3, 2.6), ("5 GHz", 4.9, 5.925), ("6 GHz", 5.925, 7.2))
_MAX_NAME_BYTES = 32
_CONNECTED = ("up", "unknown")
_WEAK_PERCENT = 30
"""Signal below which the Wi-Fi is weak: about -85 dBm, where a photo takes several attempts."""


@dataclass(frozen=True)
class Wifi:
    """Wi-Fi at one moment."""

    ssid: str | None = None
    """None: not connected, or no Wi-Fi at all."""
    signal: int | None = None
    """Percent: 100 from -50 dBm on, 0 up to -100 dBm."""
    problem: Problem | None = None
    is_missing: bool = False
    """The radio is on and has joined no network: no problem beside a cable, which may lead nowhere all the same."""


def read(interfaces: Path = Path("/sys/class/net"), wireless: Path = Path("/proc/net/wireless")) -> Wifi:
    """The Wi-Fi now. With a cable plugged in, a Wi-Fi that is not connected is no problem."""
    device = interface(interfaces)
    if device is None:
        return Wifi()
    ssid = _ssid(device.name)
    percent = signal_percent(_text(wireless), device.name)
    found, blocked = None, is_blocked(device)
    if not is_wired(interfaces):
        found = diagnose(blocked, ssid, _has_address(device.name), percent)
    return Wifi(ssid, percent if ssid is not None else None, found, is_missing=ssid is None and not blocked)


def diagnose(blocked: bool, ssid: str | None, has_address: bool, percent: int | None) -> Problem | None:
    """The first problem that keeps photos from being sent."""
    if blocked:
        return problem("wifi_off")
    if ssid is None:
        return problem("wifi_missing")
    if not has_address:
        return problem("wifi_no_address", ssid)
    if percent is not None and percent < _WEAK_PERCENT:
        return problem("wifi_weak", f"{ssid}, {percent} %")
    return None


def signal_percent(table: str, interface: str) -> int | None:
    """Signal of the interface in percent, from the text of /proc/net/wireless; None when it has none.

    A line is `wlan0: 0000   54.  -56.  -256  ...`: status, quality, level in dBm (some drivers: above 0 as a byte).
    """
    for line in table.splitlines():
        name, _, figures = line.partition(":")
        words = figures.split()
        if name.strip() != interface or len(words) < 3:
            continue
        try:
            level = float(words[2].rstrip("."))
        except ValueError:
            return None
        dbm = level - 256 if level > 0 else level
        return round(min(100.0, max(0.0, 2 * (dbm + 100))))
    return None


def interface(interfaces: Path) -> Path | None:
    """Folder of the Wi-Fi interface: a connected one goes before others, a blocked one last; None without any.

    A stick with a better aerial is often plugged in beside the board's own radio.
    """

    def rank(path: Path) -> tuple[bool, bool]:
        return _text(path / "operstate") not in _CONNECTED, is_blocked(path)

    with contextlib.suppress(OSError):
        radios = [path for path in sorted(interfaces.iterdir()) if (path / "phy80211").exists()]
        return min(radios, key=rank, default=None)
    return None


def is_wired(interfaces: Path) -> bool:
    """Whether a cable is plugged into a real device, which the loopback is not: a phone's or a modem's counts too.

    Many USB drivers tell no state: then "unknown" stands for "up" (the kernel's operstates.rst), else it is "down".
    """
    with contextlib.suppress(OSError):
        others = (path for path in interfaces.iterdir() if not (path / "phy80211").exists())
        return any((path / "device").exists() and _text(path / "operstate") in _CONNECTED for path in others)
    return False


def is_blocked(interface: Path) -> bool:
    """Whether rfkill blocks the radio, as on a Raspberry Pi until its Wi-Fi country is set."""
    switches = interface.glob("phy80211/rfkill*")
    return any(_text(switch / kind) == "1" for switch in switches for kind in ("soft", "hard"))


def _text(file: Path) -> str:
    """The file's text; empty when it can't be read."""
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _ssid(interface: str) -> str | None:
    name = array.array("B", bytes(_MAX_NAME_BYTES + 1))
    place, size = name.buffer_info()
    asked = array.array("B", struct.pack(_IWREQ, interface.encode(), place, size, 0).ljust(_IWREQ_BYTES, b"\0"))
    if not _ioctl(_GET_NAME, asked):
        return None
    _, _, length, _ = struct.unpack_from(_IWREQ, asked)
    ssid = name.tobytes()[: min(length, _MAX_NAME_BYTES)].rstrip(b"\0").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in ssid) or None


def band(interface: str) -> str:
    """Band of the connection, such as "2.4 GHz"; empty when it is unknown."""
    asked = array.array("B", struct.pack("16s", interface.encode()).ljust(_IWREQ_BYTES, b"\0"))
    return band_of(asked.tobytes()) if _ioctl(_GET_FREQUENCY, asked) else ""


def band_of(answer: bytes) -> str:
    """The band, from the kernel's answer: struct iw_freq has a mantissa and a power of ten, in Hz."""
    mantissa, exponent = struct.unpack_from("ih", answer, 16)
    if not 0 <= exponent <= 9:
        return ""
    ghz = mantissa * 10**exponent / 1e9
    return next((name for name, low, high in _BANDS if low <= ghz < high), "")


def saves_power(interface: str) -> bool:
    """Whether the interface switches its receiver off between packets; False too where the driver does not say."""
    asked = array.array("B", struct.pack("16s", interface.encode()).ljust(_IWREQ_BYTES, b"\0"))
    return _ioctl(_GET_POWER, asked) and is_power_saved(asked.tobytes())


def is_power_saved(answer: bytes) -> bool:
    """Whether power saving is on, from the kernel's answer: struct iw_param has value, fixed, disabled, flags."""
    _, _, disabled, _ = struct.unpack_from("iBBH", answer, 16)
    return not disabled


def _has_address(interface: str) -> bool:
    return _ioctl(_GET_ADDRESS, array.array("B", struct.pack("40s", interface.encode())))


def _ioctl(request: int, about: array.array[int]) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, request, about, True)
    except OSError:
        return False
    return True
