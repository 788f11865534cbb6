"""The radio: its country, and NetworkManager's part in it."""

from __future__ import annotations

import logging
import re
import subprocess
from pathlib import Path
from uuid import UUID

from piboothup.root_requests import WifiResult
from piboothup.spool import durable

log = logging.getLogger(__name__)

_KERNEL_LINE = "cmdline.txt"
_NMCLI = "/usr/bin/nmcli"
_IW = "/usr/sbin/iw"
_IP = "/usr/bin/ip"
_TIMEOUT_S = 20.0
_SCAN_TIMEOUT_S = 8.0
_JOIN_TIMEOUT_S = 18
"""NetworkManager's own is 90 s: somebody stands before the box."""
_REASONS = (
    ("Secrets were required", WifiResult.PASSWORD),
    ("could not be found", WifiResult.UNSEEN),
    ("No suitable device", WifiResult.UNSEEN),
    ("IP configuration could not be reserved", WifiResult.NO_ADDRESS),
)
"""What nmcli says in English when it has not joined (libnm-client-aux-extern/nm-libnm-aux.c), and what it means."""
_COUNTRY = re.compile(r"\s*\bcfg80211\.ieee80211_regdom=(\S*)")


def country_in(kernel_line: str) -> str:
    """Country on the kernel's line; "" when there is none."""
    found = _COUNTRY.search(kernel_line.partition("\n")[0])
    return found[1] if found else ""


def with_country(kernel_line: str, country: str) -> str:
    """The kernel's line with this country, as raspi-config writes it; the firmware reads no further line."""
    line, _, rest = kernel_line.partition("\n")
    return f"{_COUNTRY.sub('', line).strip()} cfg80211.ieee80211_regdom={country}\n{rest}"


def kept_country(boot_folder: Path) -> str:
    """Country that holds from each start on; "" when there is none."""
    return country_in(_kernel_line(boot_folder))


def keep_country(boot_folder: Path, country: str) -> None:
    """Write the country on the kernel's line, for all starts to come. Raises OSError."""
    line = _kernel_line(boot_folder)
    if line.strip() and country_in(line) != country:
        durable.replace(boot_folder / _KERNEL_LINE, with_country(line, country).encode(), mode=None)


def _kernel_line(boot_folder: Path) -> str:
    try:
        return (boot_folder / _KERNEL_LINE).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):  # no Raspberry Pi
        return ""


def put_in_force(country: str) -> None:
    """Set the country, have NetworkManager read the profiles, and switch the radio on. What fails is logged."""
    if country:
        _run([_IW, "reg", "set", country])
    reload()
    _run([_NMCLI, "radio", "wifi", "on"])


def reload() -> None:
    """Have NetworkManager read the profiles anew. A failure is logged."""
    _run([_NMCLI, "connection", "reload"])


def join(profile: UUID) -> WifiResult:
    """Join the network of a profile that NetworkManager has read. On failure it goes back to one that it knows."""
    _run([_NMCLI, "device", "wifi", "list", "--rescan", "yes"], _SCAN_TIMEOUT_S)  # a radio just switched on saw none
    try:
        subprocess.run(  # noqa: S603  (nothing in it but the profile's number)
            [_NMCLI, "--wait", str(_JOIN_TIMEOUT_S), "connection", "up", "uuid", str(profile)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_JOIN_TIMEOUT_S + 2,
            env={"LC_ALL": "C"},
        )
    except subprocess.CalledProcessError as error:
        result = join_result(error.stderr.decode("utf-8", "replace"))
        log.warning("network not joined result=%s status=%d", result, error.returncode)
        return result
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("network not joined reason=%s", type(error).__name__)
        return WifiResult.FAILED
    return WifiResult.JOINED


def join_result(said: str) -> WifiResult:
    """Why nmcli has not joined a network, by what it said."""
    return next((result for words, result in _REASONS if words in said), WifiResult.FAILED)


def addresses() -> list[str]:
    """The box's addresses in its networks, as `192.168.1.7 (wlan0)`."""
    found = _run([_IP, "-oneline", "address", "show", "up", "scope", "global"])
    return [f"{address} ({device})" for device, address in re.findall(r"^\d+: (\S+) +inet6? ([^/\s]+)", found, re.M)]


def _run(words: list[str], timeout_s: float = _TIMEOUT_S) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (nothing in it but two checked letters)
            words, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=timeout_s
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("radio not set program=%s reason=%s", Path(words[0]).name, type(error).__name__)
        return ""
    return done.stdout.decode("utf-8", "replace")
