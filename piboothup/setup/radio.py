"""The radio: its country, and NetworkManager's part in it."""

from __future__ import annotations

import logging
import re
import subprocess
from pathlib import Path
from uuid import UUID

from piboothup.clock import Clock, SystemClock
from piboothup.root_requests import WifiResult
from piboothup.spool import durable

log = logging.getLogger(__name__)

_KERNEL_LINE = "cmdline.txt"
_NMCLI = "/usr/bin/nmcli"
_IW = "/usr/sbin/iw"
_IP = "/usr/bin/ip"
_TIMEOUT_S = 20.0
LIMIT_S = 22.0
"""Limit of all up to the end of joining a network for somebody who stands before the box."""
HURRIED_S = 3.0
"""Timeout of a command then, but for those that are told below."""
LEAST_S = 2.0
"""Timeout of a command when the limit is reached: a network that was not joined has to be left."""
SCAN_TIMEOUT_S = 6.0
JOIN_TIMEOUT_S = 18.0
"""NetworkManager's own is 90 s."""
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


class Radio:
    """The kernel's and NetworkManager's part, by their programs. What fails is logged."""

    def __init__(self, limit_s: float | None = None, clock: Clock | None = None) -> None:
        """`limit_s`: of all commands together; None: nobody waits for them."""
        self._clock = clock or SystemClock()
        self._until_ns = None if limit_s is None else self._clock.boottime_ns() + int(limit_s * 1e9)

    def put_in_force(self, country: str) -> None:
        """Set the country, have NetworkManager read the profiles, and switch the radio on."""
        if country:
            self._run([_IW, "reg", "set", country])
        self.reload()
        self._run([_NMCLI, "radio", "wifi", "on"])

    def reload(self) -> None:
        """Have NetworkManager read the profiles anew."""
        self._run([_NMCLI, "connection", "reload"])

    def in_use(self) -> UUID | None:
        """Profile of the Wi-Fi that the box is connected with; None without one."""
        found = self._run([_NMCLI, "-t", "-f", "UUID,TYPE", "connection", "show", "--active"])
        uuids = re.findall(r"^([0-9a-f-]{36}):802-11-wireless$", found, re.MULTILINE)
        return UUID(uuids[0]) if uuids else None

    def resume(self, profile: UUID) -> None:
        """Have the network of this profile joined again, without waiting for it."""
        self._run([_NMCLI, "--wait", "0", "connection", "up", "uuid", str(profile)])

    def join(self, profile: UUID) -> WifiResult:
        """Join the network of a profile that NetworkManager has read."""
        self._run([_NMCLI, "device", "wifi", "list", "--rescan", "yes"], SCAN_TIMEOUT_S)  # one just on saw none
        wait_s = int(self._timeout_s(JOIN_TIMEOUT_S))
        try:
            subprocess.run(  # noqa: S603  (nothing in it but the profile's number)
                [_NMCLI, "--wait", str(wait_s), "connection", "up", "uuid", str(profile)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=wait_s + 1,
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

    def _run(self, words: list[str], timeout_s: float = HURRIED_S) -> str:
        return _run(words, _TIMEOUT_S if self._until_ns is None else self._timeout_s(timeout_s))

    def _timeout_s(self, at_most_s: float) -> float:
        if self._until_ns is None:
            return at_most_s
        return max(LEAST_S, min(at_most_s, (self._until_ns - self._clock.boottime_ns()) / 1e9))


def put_in_force(country: str) -> None:
    """Set the country, and have the networks joined, for somebody who does not wait for it."""
    Radio().put_in_force(country)


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
