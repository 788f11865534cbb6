"""Checks of the Wi-Fi: its radio (chip, driver, country, switch), and its connection (band, signal, power saving).

No finding names a network, and no passphrase is kept: of a stored network only its kind counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from piboothup.care.facts import NOT_HERE, Facts, Finding, found, skipped
from piboothup.config import country
from piboothup.setup.wifi_profiles import NO_WPA3, OLD_CHIP
from piboothup.uploader import wifi as kernel

_MASK = re.compile(r"^\s*options\s+brcmfmac\s[^#\n]*?\bfeature_disable=(0[xX][0-9a-fA-F]+|\d+)", re.MULTILINE)
_PROFILES = "/NetworkManager/system-connections/*.nmconnection"
_HASH = re.compile(r"^psk=[0-9a-fA-F]{64}$", re.MULTILINE)
_WPA3 = re.compile(r"^key-mgmt=sae$", re.MULTILINE)
_FIVE_GHZ = re.compile(r"^band=a$", re.MULTILINE)


def radio(facts: Facts) -> Finding:
    """The radio, connected or not: its switch, its country, and what its driver offers on this chip."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    interfaces = facts.path("/sys/class/net")
    interface = kernel.interface(interfaces)
    if interface is None:
        return skipped("no Wi-Fi on this computer")
    if kernel.is_blocked(interface):
        reason = "wifi_country" if facts.is_pi and not country.is_set(facts.root) else "wifi_off"
        return Finding("switched off; a cable is connected") if kernel.is_wired(interfaces) else found(reason)
    if facts.is_pi and not country.is_set(facts.root):
        return found("wifi_country")
    if not is_old_chip(facts):
        return Finding("on")
    mask = driver_mask(facts)
    return found("wifi_mask", f"{mask:#x}") if mask & NO_WPA3 != NO_WPA3 else Finding("on, 2.4 GHz alone")


def wifi(facts: Facts) -> Finding:
    """The connection: whether there is one, why not, its band and signal, and power saving."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    interfaces = facts.path("/sys/class/net")
    interface = kernel.interface(interfaces)
    if interface is None:
        return skipped("no Wi-Fi on this computer")
    if kernel.is_blocked(interface):
        return skipped("its radio is switched off: see radio")
    seen = kernel.read(interfaces, facts.path("/proc/net/wireless"))
    signal = "" if seen.signal is None else f"{seen.signal} %"
    profiles = [text for folder in ("etc", "run") for text in facts.texts(folder + _PROFILES)]  # root's alone
    if seen.problem is not None:
        reason = seen.problem.code
        if reason == "wifi_missing":
            reason = next(_reasons(profiles, is_old_chip(facts)), reason)
        return found(reason, signal)
    if any(_HASH.search(text) and _WPA3.search(text) for text in profiles):
        return found("wifi_hash")
    if kernel.saves_power(interface.name):
        return found("wifi_saves_power", signal)
    words = [f"signal {signal}" if signal else "not connected; a cable is", kernel.band(interface.name)]
    return Finding(", ".join(word for word in words if word))


def _reasons(profiles: list[str], is_old_chip: bool) -> Iterator[str]:
    """Why no stored network can be joined, as far as they tell."""
    for text in profiles:
        if _HASH.search(text):
            yield "wifi_hash"
        elif is_old_chip and _WPA3.search(text):
            yield "wifi_wpa3"
        elif is_old_chip and _FIVE_GHZ.search(text):
            yield "wifi_band"


def is_old_chip(facts: Facts) -> bool:
    """Whether the radio is that of a Zero."""
    return OLD_CHIP in (text.strip() for text in facts.texts("/sys/class/net/*/device/device"))


def driver_mask(facts: Facts) -> int:
    """Features that the driver is told to leave out: by the last file's name, then by the kernel's line."""
    files = {}
    for folder in ("usr/lib", "lib", "run", "etc"):
        for path in facts.root.glob(f"{folder}/modprobe.d/*.conf"):
            files[path.name] = str(path.relative_to(facts.root))
    masks = _MASK.findall("\n".join(facts.text(files[name]) for name in sorted(files)))
    masks += re.findall(r"\bbrcmfmac\.feature_disable=(0[xX][0-9a-fA-F]+|\d+)", facts.text("/proc/cmdline"))
    return int(masks[-1], 0 if masks[-1][:2] in ("0x", "0X") else 10) if masks else 0
