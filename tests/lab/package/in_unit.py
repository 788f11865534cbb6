"""What a unit lets its service do; `inside` runs it in copies of the units, as their users."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_SPOOL = Path("/var/lib/piboothup")
_KEY = Path("/etc/piboothup/key")
_CONFIG = Path("/etc/piboothup/config.toml")
_HARMLESS_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx"}
_OF_THE_SYSTEM = ("/", "/etc", "/etc/piboothup", "/usr", "/opt", "/boot/firmware")
_LIBC = ctypes.CDLL(None, use_errno=True)


def refused(call: Callable[[], object]) -> bool:
    """Whether the system refuses a call."""
    try:
        call()
    except OSError:
        return True
    return False


def opened(family: int, kind: int = socket.SOCK_DGRAM) -> Callable[[], None]:
    """A call that opens a socket."""
    return lambda: socket.socket(family, kind).close()


def writable(folder: str) -> bool:
    """Whether a file can be made in a folder."""
    return not refused(lambda: Path(folder, ".tried").write_bytes(b""))


def real_time() -> None:
    """Ask for the priority of the button's thread."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def both() -> dict[str, bool]:
    """What holds in both units."""
    written = _SPOOL / ".tried"
    written.write_bytes(b"")
    written.unlink()
    capabilities = Path("/proc/self/status").read_text(encoding="ascii").partition("CapEff:")[2].split()[0]
    return {
        "no capability": int(capabilities, 16) == 0,
        "config is readable": bool(_CONFIG.read_bytes()),
        "nothing of the system is writable": not any(map(writable, _OF_THE_SYSTEM)),
        "nothing of root is readable": refused(lambda: os.listdir("/root")) or not os.listdir("/root"),
        "clock can't be set": refused(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
        "folders with their group bit": not refused(_folder_with_group_bit),
    }


def _folder_with_group_bit() -> None:
    folder = _SPOOL / ".folder"
    folder.mkdir()
    try:
        folder.chmod(0o700)
        folder.chmod(0o2770)
    finally:
        folder.rmdir()


def booth() -> dict[str, bool]:
    """What holds in the booth's unit."""
    return {
        "no network": socket.if_nameindex() == [(1, "lo")] and refused(opened(socket.AF_INET)),
        "no IPv6": refused(opened(socket.AF_INET6)),
        "netlink, for libcamera": not refused(opened(socket.AF_NETLINK, socket.SOCK_RAW)),
        "key is hidden": refused(_KEY.read_bytes),
        "kernel's clock state": _LIBC.adjtimex(ctypes.create_string_buffer(1024)) >= 0,
        "scheduling": not refused(lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))),
        "real-time priority": _is_withheld_here() or not refused(real_time),
        "uploader is seen": Path("/proc/1").exists(),
        "namespaces, for libcamera": _LIBC.unshare(_CLONE_NEWUSER) == 0,
    }


def _is_withheld_here() -> bool:
    """Whether this machine's systemd may not raise the limit (it lacks CAP_SYS_RESOURCE, as in a container)."""
    return resource.getrlimit(resource.RLIMIT_RTPRIO)[0] == 0


def devices() -> set[str]:
    """Names of the devices in /dev."""
    nodes = [path for path in Path("/dev").iterdir() if not path.is_symlink()]
    return {path.name for path in nodes if path.is_char_device() or path.is_block_device()}


def uploader() -> dict[str, bool]:
    """What holds in the uploader's unit."""
    return {
        "network": not refused(opened(socket.AF_INET)) and not refused(opened(socket.AF_INET6)),
        "no other address family": refused(opened(socket.AF_NETLINK)) and refused(opened(socket.AF_PACKET)),
        "no device": devices() <= _HARMLESS_DEVICES,
        "key is its own": bool(_KEY.read_bytes()) and _KEY.stat().st_uid == os.getuid(),
        "no real-time priority": refused(real_time),
        "others' processes are hidden": not Path("/proc/1").exists(),
        "boot's id": bool(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")),
        "no namespace": _LIBC.unshare(_CLONE_NEWUSER) != 0,
    }


if __name__ == "__main__":
    found = both() | {"booth": booth, "uploader": uploader}[sys.argv[1]]()
    print(sys.argv[1], "may:", ", ".join(found))
    wrong = [what for what, holds in found.items() if not holds]
    sys.exit(f"not so in the unit: {wrong}" if wrong else 0)
