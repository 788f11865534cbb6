"""The radio: its country, and NetworkManager's part in it."""

from __future__ import annotations

import logging
import re
import subprocess
import threading
from pathlib import Path
from uuid import UUID

from piboothup.clock import Clock, SystemClock
from piboothup.config.codes import CodeError, Security, WifiNetwork
from piboothup.config.country import KERNEL_LINE, of_line, with_country
from piboothup.records import replace
from piboothup.root_requests import WifiResult
from piboothup.setup import wifi_profiles
from piboothup.spool import durable

log = logging.getLogger(__name__)

_NMCLI = "/usr/bin/nmcli"
_BUSCTL = "/usr/bin/busctl"
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
"""NetworkManager's own are 25 s for a network and 45 s for an address."""
_LOOK_S = 0.3
_ENGLISH = {"LC_ALL": "C"}
_NEEDS_PASSWORD = "Secrets were required"  # noqa: S105  (no password)
"""What nmcli says when WPA2 has refused the password (libnm-client-aux-extern/nm-libnm-aux.c)."""
_SUPPLICANT = "fi.w1.wpa_supplicant1"


def kept_country(boot_folder: Path) -> str:
    """Country that holds from each start on; "" when there is none."""
    return of_line(_kernel_line(boot_folder))


def keep_country(boot_folder: Path, country: str) -> None:
    """Write the country on the kernel's line, for all starts to come. Raises OSError."""
    line = _kernel_line(boot_folder)
    if line.strip() and of_line(line) != country:
        durable.replace(boot_folder / KERNEL_LINE.name, with_country(line, country).encode(), mode=None)


def _kernel_line(boot_folder: Path) -> str:
    try:
        return (boot_folder / KERNEL_LINE.name).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):  # no Raspberry Pi
        return ""


class Radio:
    """The kernel's and NetworkManager's part, by their programs. What fails is logged."""

    def __init__(self, limit_s: float | None = None, clock: Clock | None = None, root: Path = Path("/")) -> None:
        """`limit_s`: of all commands together; None: nobody waits for them. `root`: stands for `/`, for tests."""
        self._root = root
        self._clock = clock or SystemClock()
        self._until_ns = None if limit_s is None else self._clock.boottime_ns() + int(limit_s * 1e9)

    def put_in_force(self, country: str) -> None:
        """Set the country, have NetworkManager read the profiles and keep them, and switch the radio on."""
        try:
            wifi_profiles.protect()
        except OSError as error:
            log.error("networks not protected reason=%s", error.strerror)
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
        self._scan()
        wait_s = int(self._timeout_s(JOIN_TIMEOUT_S))
        try:
            subprocess.run(  # noqa: S603  (nothing in it but the profile's number)
                [_NMCLI, "--wait", str(wait_s), "connection", "up", "uuid", str(profile)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=wait_s + 1,
                env=_ENGLISH,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            needs_password = _NEEDS_PASSWORD in (error.stderr or b"").decode("utf-8", "replace")
            result = WifiResult.PASSWORD if needs_password else self._diagnose(profile)
            log.warning("network not joined result=%s reason=%s", result, type(error).__name__)
            return result
        except OSError as error:
            log.warning("network not joined reason=%s", type(error).__name__)
            return WifiResult.FAILED
        return WifiResult.JOINED

    def _scan(self) -> None:
        """Look for networks. A radio that was just switched on is not there at once, and sees none before."""
        until_ns = self._clock.boottime_ns() + int(SCAN_TIMEOUT_S * 1e9)
        while any(state == "unavailable" for _, state, _ in self._radios()) and self._clock.boottime_ns() < until_ns:
            threading.Event().wait(_LOOK_S)
        left_s = (until_ns - self._clock.boottime_ns()) / 1e9
        self._run([_NMCLI, "device", "wifi", "list", "--rescan", "yes"], max(LEAST_S, left_s))

    def _radios(self) -> list[tuple[str, str, str]]:
        """NetworkManager's Wi-Fi devices: name, state, and UUID of the profile that is tried or in use."""
        found = self._run([_NMCLI, "-t", "-f", "TYPE,DEVICE,STATE,CON-UUID", "device"])
        return re.findall(r"^wifi:([^:]*):([^:]*):(.*)$", found, re.MULTILINE)

    def _diagnose(self, profile: UUID) -> WifiResult:
        """Why a network was not joined in time: NetworkManager goes on trying, and has no reason yet."""
        radios = self._radios()
        states = [state for _, state, tried in radios if tried == str(profile)]
        is_refused = any(self._is_refused(device) for device, _, _ in radios)
        return join_result(profile, self._seen(), states, is_refused=is_refused)

    def _seen(self) -> str:
        """Networks that were seen, tersely: name, address of the access point, protection."""
        return self._run([_NMCLI, "-t", "-f", "SSID-HEX,BSSID,SECURITY", "device", "wifi", "list", "--rescan", "no"])

    def _is_refused(self, device: str) -> bool:
        """Whether an access point has refused this radio, at the last attempt."""
        path = "/" + _SUPPLICANT.replace(".", "/")
        found = self._run([_BUSCTL, "call", _SUPPLICANT, path, _SUPPLICANT, "GetInterface", "s", device])
        if not (interface := re.search('"(.+)"', found)):
            return False
        codes = ("AuthStatusCode", "AssocStatusCode")
        said = self._run([_BUSCTL, "get-property", _SUPPLICANT, interface[1], f"{_SUPPLICANT}.Interface", *codes])
        return any(int(code) for code in re.findall(r"^i (\d+)$", said, re.MULTILINE))

    def joinable(self, network: WifiNetwork) -> WifiNetwork:
        """The network as this radio can join it: without WPA3 by WPA2, which most networks with WPA3 have too.

        Which it is nobody knows of one that is not in reach; one of WPA3 alone is told when it is seen.
        """
        if network.security is not Security.SAE or self._abilities()[1] is not False:
            return network
        try:
            return replace(network, security=Security.WPA)
        except CodeError:  # a password as WPA2 has none: the network is of WPA3 alone
            return network

    def _abilities(self) -> tuple[set[int], bool | None]:
        """As `abilities`. On the old chip the driver claims WPA3 until its options count, at the next start."""
        bands, knows_wpa3 = abilities(self._run([_IW, "phy"]))
        return bands, False if wifi_profiles.has_old_chip(self._root) else knows_wpa3

    def refined(self, result: WifiResult, ssid: str) -> WifiResult:
        """The result of joining, or the reason for it that lies in what this radio can do."""
        if result in (WifiResult.JOINED, WifiResult.NO_ADDRESS):
            return result
        bands, knows_wpa3 = self._abilities()
        if knows_wpa3 is False and is_wpa3_only(self._seen(), ssid):
            return WifiResult.NO_WPA3
        return WifiResult.UNSEEN_24 if result is WifiResult.UNSEEN and bands == {2} else result

    def why_not(self, ssid: str) -> WifiResult | None:
        """Why a network of ours is not in use, as far as it can be told now without trying it."""
        if not self._seen().strip():  # no radio, or nobody who looks
            return None
        found = self.refined(self._diagnose(wifi_profiles.uuid_of(ssid)), ssid)
        return None if found is WifiResult.FAILED else found

    def _run(self, words: list[str], timeout_s: float = HURRIED_S) -> str:
        return _run(words, _TIMEOUT_S if self._until_ns is None else self._timeout_s(timeout_s))

    def _timeout_s(self, at_most_s: float) -> float:
        if self._until_ns is None:
            return at_most_s
        return max(LEAST_S, min(at_most_s, (self._until_ns - self._clock.boottime_ns()) / 1e9))


def put_in_force(country: str) -> None:
    """Set the country, and have the networks joined, for somebody who does not wait for it."""
    Radio().put_in_force(country)


def join_result(profile: UUID, seen: str, states: list[str], *, is_refused: bool) -> WifiResult:
    """Why the network of our profile was not joined.

    `seen`: nmcli's terse list of networks. `states`: those of the radios that try this one. `is_refused`: whether a
    radio's last attempt was refused; with WPA3 a wrong password looks so, which NetworkManager takes for a network
    that has gone.
    """
    # One that it only wants to join is listed too, without an address.
    listed = re.findall(r"^([0-9A-F]+):[^:].*:(.*)$", seen, re.MULTILINE)
    kinds = [kind for ssid, kind in listed if wifi_profiles.uuid_of(_text(ssid)) == profile]
    if not kinds:
        return WifiResult.UNSEEN
    if any("IP" in state for state in states):  # connecting (getting IP configuration)
        return WifiResult.NO_ADDRESS
    return WifiResult.PASSWORD if is_refused and any("WPA3" in kind for kind in kinds) else WifiResult.FAILED


def _text(ssid: str) -> str:
    return bytes.fromhex(ssid).decode("utf-8", "replace")


def abilities(phy: str) -> tuple[set[int], bool | None]:
    """Bands of the radio in whole GHz, and whether it can do WPA3, by what `iw phy` says; None if it says nothing.

    The three marks of WPA3 are those of drivers that leave it to wpa_supplicant, to their firmware, or to a command.
    """
    bands = {int(mhz) // 1000 for mhz in re.findall(r"^\s*\* (\d{4})(?:\.\d)? MHz", phy, re.MULTILINE)}
    marks = ("SAE with AUTHENTICATE", "SAE_OFFLOAD", "external_auth")
    return bands, any(mark in phy for mark in marks) if bands else None


def is_wpa3_only(seen: str, ssid: str) -> bool:
    """Whether the network is seen with WPA3, and nowhere with less. `seen`: nmcli's terse list of networks."""
    kinds = re.findall(rf"^{ssid.encode().hex()}:[^:].*:(.*)$", seen, re.MULTILINE | re.IGNORECASE)
    return bool(kinds) and all("WPA3" in kind and not {"WPA1", "WPA2"} & {*kind.split()} for kind in kinds)


def addresses() -> list[str]:
    """The box's addresses in its networks, as `192.168.1.7 (wlan0)`."""
    found = _run([_IP, "-oneline", "address", "show", "up", "scope", "global"])
    return [f"{address} ({device})" for device, address in re.findall(r"^\d+: (\S+) +inet6? ([^/\s]+)", found, re.M)]


def _run(words: list[str], timeout_s: float = _TIMEOUT_S) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (nothing in it of a person's but two checked letters)
            words, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=timeout_s, env=_ENGLISH
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("radio not set program=%s reason=%s", Path(words[0]).name, type(error).__name__)
        return ""
    return done.stdout.decode("utf-8", "replace")
