"""Profiles of NetworkManager for the networks that a person gave, as native keyfiles.

They are known by their UUID, which is made of the network's name: cloned cards have the same, and another profile for
the same network stays as it is. The password is kept, never its hash, which WPA3 can't use.

How joining a network of a code went last is kept apart, also of one that has no profile as it refused the password.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from piboothup.config import Secret
from piboothup.config.codes import Security, WifiNetwork
from piboothup.records import dataclass
from piboothup.root_requests import WifiResult
from piboothup.spool import durable
from piboothup.text import read_bytes

FOLDER: Final = Path("/etc/NetworkManager/system-connections")
TRIALS: Final = Path("/run/NetworkManager/system-connections")
"""Profiles there go before those of the same UUID in `FOLDER`, and are gone after the next power-on."""
RESULTS: Final = "wifi-results.json"
"""File of root's alone beside the config file: name of each network and how joining it went last, if it failed."""
_MOST_RESULTS: Final = 20
_OURS: Final = uuid.UUID("0b1c6c5e-6f0a-5a52-9d0a-6d1f7b6c2e11")
_ID: Final = "piboothup "
"""Beginning of the name that NetworkManager shows."""
_BY_CODE: Final = "# Of a code that was held before the lens: a wipe of the photos offers to forget it."
"""First line of the profile of such a network."""
_PATTERN: Final = "piboothup-*.nmconnection"
_MODE: Final = 0o600
"""NetworkManager passes over a keyfile that others may read."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]([A-Za-z0-9 ._-]*[A-Za-z0-9._-])?")
_WITH_PASSWORD: Final = {Security.WPA: "wpa-psk", Security.SAE: "sae"}
"""`wpa-psk` is WPA2 and WPA3 alike, as the network offers."""


CLOUD_FILE: Final = ("etc/cloud/cloud.cfg.d/99-piboothup.cfg", "network: {config: disabled}\n")
"""File, and its text, with which cloud-init's network stage deletes no profile at the next start."""
NO_WPA3: Final = 0x2282000
"""Features that the driver must not offer on `OLD_CHIP`: without SAE_EXT, 1 << 25, networks of WPA2 and WPA3 fail."""
OLD_CHIP: Final = "0xa9a6"
"""SDIO number of BCM43430 and BCM43436 (Zero W, Zero 2 W, 3 Model B): 2.4 GHz alone, and no WPA3."""
CHIP_FILE: Final = ("etc/modprobe.d/zz-piboothup.conf", f"options brcmfmac feature_disable={NO_WPA3:#x}\n")
"""File, and its text, with which the driver of that chip leaves WPA3 out."""
MADE: Final = "# Made by piboothup; another Pi may not need it.\n"


def protect(root: Path = Path("/")) -> None:
    """Have the system keep profiles, and its driver join their networks, from the next start on. Raises OSError."""
    wanted = [CLOUD_FILE] if (root / CLOUD_FILE[0]).parent.is_dir() else []
    wanted += [CHIP_FILE] if has_old_chip(root) else []
    for name, text in wanted:
        durable.update(root / name, (MADE + text).encode(), mode=0o644)


def has_old_chip(root: Path = Path("/")) -> bool:
    """Whether a radio is that of `OLD_CHIP`."""
    chips = []
    for path in root.glob("sys/class/net/*/device/device"):
        with contextlib.suppress(FileNotFoundError):  # pulled out just now
            chips.append(path.read_text("utf-8").strip())
    return OLD_CHIP in chips


def uuid_of(ssid: str) -> uuid.UUID:
    """UUID of our profile for a network."""
    return uuid.uuid5(_OURS, ssid)


def path_of(ssid: str, folder: Path = FOLDER) -> Path:
    """Keyfile of our profile for a network."""
    return folder / f"piboothup-{uuid_of(ssid)}.nmconnection"


def keyfile(network: WifiNetwork, priority: int = 0, *, is_by_code: bool = False) -> Secret:
    """Text of the profile."""
    lines = [
        *([_BY_CODE] if is_by_code else []),
        "[connection]",
        f"id={escaped(_ID + network.ssid)}",
        f"uuid={uuid_of(network.ssid)}",
    ]
    lines += ["type=wifi", f"autoconnect-priority={priority}", "", "[wifi]", "mode=infrastructure"]
    lines += [f"ssid={_bytes(network.ssid)}", *(["hidden=true"] if network.hidden else []), "powersave=2"]
    if network.password is not None:
        protection = f"key-mgmt={_WITH_PASSWORD[network.security]}"
        lines += ["", "[wifi-security]", protection, f"psk={escaped(network.password.reveal())}"]
    lines += ["", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", ""]
    return Secret("\n".join(lines))


@dataclass(frozen=True)
class Profile:
    """A network that was given, as far as it may be shown."""

    ssid: str
    priority: int
    has_password: bool
    is_hidden: bool
    is_by_code: bool


def ours(folder: Path = FOLDER) -> list[Profile]:
    """Our profiles, the first to be tried first. Raises OSError."""
    found = [_profile(read_bytes(path)) for path in folder.glob(_PATTERN)]
    return sorted(found, key=lambda profile: (-profile.priority, profile.ssid))


def has_any(folder: Path = FOLDER) -> bool:
    """Whether there are profiles of ours, as far as this user may see."""
    return any(folder.glob(_PATTERN))


def of(ssid: str, folder: Path = FOLDER) -> Profile | None:
    """Our profile for a network; None when there is none. Raises OSError."""
    content = _content(path_of(ssid, folder))
    return _profile(content) if content is not None else None


def others(folder: Path = FOLDER) -> int:
    """Number of profiles that are another's. Raises OSError."""
    return len({*folder.glob("*.nmconnection")} - {*folder.glob(_PATTERN)})


def forget(ssid: str, folder: Path = FOLDER) -> bool:
    """Delete our profile for a network; whether there was one. Raises OSError."""
    try:
        durable.remove(path_of(ssid, folder))
    except FileNotFoundError:
        return False
    durable.sync_directory(folder)
    return True


def forget_all(folder: Path = FOLDER, *, by_code: bool = False) -> int:
    """Delete our profiles, or only those of codes; return their number. Raises OSError."""
    found = [path for path in folder.glob(_PATTERN) if not by_code or _profile(read_bytes(path)).is_by_code]
    for path in found:
        durable.remove(path)
    if found:
        durable.sync_directory(folder)
    return len(found)


def _profile(content: bytes) -> Profile:
    text = content.decode("utf-8", "replace")
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    priority = lines.get("autoconnect-priority", "0")
    return Profile(
        unescaped(lines.get("id", "")).removeprefix(_ID),
        int(priority) if re.fullmatch("-?[0-9]+", priority) else 0,
        "psk" in lines,
        lines.get("hidden") == "true",
        text.startswith(_BY_CODE),
    )


def escaped(text: str) -> str:
    """The text as GKeyFile reads it back: it drops blanks at both ends, and a backslash begins an escape."""
    inner = text.replace("\\", "\\\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    inner = re.sub(" +$", lambda blanks: r"\s" * len(blanks[0]), inner)
    return re.sub("^ +", lambda blanks: r"\s" * len(blanks[0]), inner)


def unescaped(text: str) -> str:
    """What GKeyFile reads of this."""
    marks = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    return re.sub(r"\\([stnr\\])", lambda escape: marks[escape[1]], text)


def _bytes(ssid: str) -> str:
    """A network's name; as numbers of its bytes where NetworkManager could take the text for something else."""
    return ssid if _PLAIN.fullmatch(ssid) else "".join(f"{byte};" for byte in ssid.encode())


def write(
    network: WifiNetwork, priority: int | None = None, folder: Path = FOLDER, *, is_by_code: bool = False
) -> bool:
    """Write the profile durably; whether anything has changed. Raises OSError.

    `priority`: None for that of the profile that is there, else 0.
    """
    path = path_of(network.ssid, folder)
    before = _content(path)
    if priority is None:
        priority = _profile(before).priority if before is not None else 0
    content = keyfile(network, priority, is_by_code=is_by_code).reveal().encode()
    if before == content:
        return False
    durable.replace(path, content, mode=_MODE)
    return True


def saved_password(ssid: str, folder: Path = FOLDER) -> Secret | None:
    """Password in our profile for a network; None when there is none. Raises OSError."""
    found = re.search(
        r"^psk=(.*)$", (_content(path_of(ssid, folder)) or b"").decode("utf-8", "replace"), re.MULTILINE
    )
    return Secret(unescaped(found[1])) if found is not None else None


def _content(path: Path) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def results(etc: Path) -> dict[str, WifiResult]:
    """How joining went last, by the networks' names, of those that were not joined; none in a damaged file.

    Raises OSError.
    """
    try:
        found = json.loads(_content(etc / RESULTS) or b"{}")
        return {ssid: WifiResult(result) for ssid, result in found.items()}
    except (ValueError, RecursionError, TypeError, AttributeError):
        return {}


def note_result(etc: Path, ssid: str, result: WifiResult) -> None:
    """Keep how joining a network went. Raises OSError."""
    others = {name: past for name, past in results(etc).items() if name != ssid}
    failed = {} if result is WifiResult.JOINED else {ssid: result}
    _write_results(etc, {**dict([*others.items()][1 - _MOST_RESULTS :]), **failed})


def forget_results(etc: Path, ssids: Collection[str]) -> bool:
    """Forget how joining these networks went; whether anything was known. Raises OSError."""
    known = results(etc)
    _write_results(etc, {ssid: result for ssid, result in known.items() if ssid not in ssids})
    return not known.keys().isdisjoint(ssids)


def _write_results(etc: Path, found: Mapping[str, WifiResult]) -> None:
    if found or _content(etc / RESULTS) is not None:
        durable.update(etc / RESULTS, json.dumps(found).encode(), mode=_MODE)


def of_codes(etc: Path, folder: Path = FOLDER) -> set[str]:
    """Names of the networks that codes gave, with a profile or without. Raises OSError."""
    profiles = {profile.ssid: profile.is_by_code for profile in ours(folder)}
    return {ssid for ssid in {*profiles, *results(etc)} if profiles.get(ssid, True)}
