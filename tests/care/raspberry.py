"""A Raspberry Pi's system files in a folder: a fake, since no test has a Pi, let alone one with each fault.

The texts have the form that the kernel, systemd and Raspberry Pi OS give them; what the package lays down is its own.
Reports are real ones; the spool and our other folders are real; the I2C bus is a table of addresses and their bytes,
the header one of pins and who holds them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from piboothup import __version__
from piboothup.care import doctor, gpio
from piboothup.care.doctor import Line
from piboothup.care.facts import Facts, Finding
from piboothup.care.install import places
from piboothup.config import Config, EventPicsConfig, Secret, SpoolConfig
from piboothup.health import Check
from piboothup.setup import spool_folder
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.status import BoothReport, UploaderReport, UploaderState
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import open_spool

PACKAGE = Path(__file__).parents[2] / "systemd"
US = f"{os.getuid()}:{os.getgid()}"
"""Every user of the box is the one who runs the tests, so that folders made here have the right owners."""


def _of_package(*folders: str) -> dict[str, str]:
    """Texts that the package lays down, by where it does."""
    return {
        f"/{target}/{path.relative_to(PACKAGE / folder)}": path.read_text()
        for folder, target in (folder.split(":") for folder in folders)
        for path in (PACKAGE / folder).rglob("*.conf" if "package" in folder else "*")
        if path.is_file()
    }


FILES = {
    **_of_package("system:usr/lib/systemd/system", "sysusers.d:usr/lib/sysusers.d", "tmpfiles.d:usr/lib/tmpfiles.d"),
    **_of_package("package/usr:usr", "package/etc:etc"),
    "/usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf": "[Journal]\nStorage=volatile\n",
    "/usr/lib/modprobe.d/rpi-brcmfmac.conf": "options brcmfmac roamoff=1 feature_disable=0x282000\n",
    "/etc/modprobe.d/zz-piboothup.conf": "options brcmfmac feature_disable=0x2282000\n",
    "/sys/class/net/wlan0/device/device": "0xa9a6\n",
    "/proc/device-tree/model": "Raspberry Pi Zero 2 W Rev 1.0\0",
    "/proc/cmdline": "console=tty1 root=PARTUUID=1 cfg80211.ieee80211_regdom=DE\n",
    "/proc/net/wireless": "",
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n',
    "/etc/passwd": f"root:x:{US}::/root:/bin/bash\n"
    f"piboothup-booth:x:{US}::/:/usr/sbin/nologin\npiboothup-uploader:x:{US}::/:/usr/sbin/nologin\n",
    "/etc/group": f"root:x:0:\npiboothup:x:{os.getgid()}:\ngpio:x:986:pi,piboothup-booth\n"
    "i2c:x:994:piboothup-booth\nvideo:x:44:pi,piboothup-booth\n",
    "/dev/i2c-1": "",
    "/sys/class/video4linux/video0/name": "unicam-image\n",
    "/sys/class/video4linux/v4l-subdev0/name": "imx477 10-001a\n",
    "/sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "/sys/class/thermal/thermal_zone0/temp": "51540\n",
    "/sys/class/watchdog/watchdog0/state": "active\n",
    "/sys/class/net/eth0/operstate": "up\n",
    "/sys/class/net/wlan0/operstate": "down\n",
    "/sys/class/net/wlan0/phy80211/rfkill0/soft": "0\n",
    "/boot/firmware/config.txt": "dtparam=audio=on\ncamera_auto_detect=1\n[all]\ndtparam=i2c_arm=on\n",
    "/etc/cloud/cloud.cfg": "",
    "/etc/cloud/cloud.cfg.d/99-piboothup.cfg": "network: {config: disabled}\n",
}
SPEED = "/sys/class/i2c-adapter/i2c-1/of_node/clock-frequency"


class Pins(gpio.Header):
    """The header: who holds a pin, and which ones are pulled to ground."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[int, str] = {}
        self.low: set[int] = set()
        self.error: OSError | None = None

    def user(self, pin: int) -> str | None:
        if self.error is not None:
            raise self.error
        return self.users.get(pin)

    def is_low(self, pin: int) -> bool:
        assert pin not in self.users
        return pin in self.low


class Raspberry:
    """A box on which nothing is wrong, until a test breaks something."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        for name, text in FILES.items():
            self.write(name, text)
        (self.root / "sys/class/net/eth0/device").mkdir()
        for place in places(Facts(root=self.root)):
            made = self.path(place.path)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.mkdir(exist_ok=True) if place.kind == "d" else made.touch()
            made.chmod(place.mode)
        self.path(SPEED).parent.mkdir(parents=True)
        self.path(SPEED).write_bytes((400_000).to_bytes(4, "big"))
        self.clock = HandClock()
        self.clock.uncertainty_ms = 20
        self.spool = open_spool(folder / "spool", self.clock)
        self.path("/etc/systemd/system").mkdir(parents=True)
        spool_folder.set_open(self.spool.directory, self.path("/etc/systemd/system"))
        self.addresses = {0x3C: 0x43}
        self.pins = Pins()
        event = EventPicsConfig(api_key=Secret("canary-key-of-the-doctor"), link_id="abcd1234", album_id="a1")
        config = Config(eventpics=event, spool=SpoolConfig(str(self.spool.directory), allow_memory=True))
        booth = BoothReport(__version__, state="ready", camera="ready", panel="ready", button="ready")
        uploader = UploaderReport(__version__, state=UploaderState.IDLE, events_seen=1)
        self.facts = Facts(
            config,
            has_config=True,
            booth=booth,
            uploader=uploader,
            clock=self.clock,
            root=self.root,
            read_byte=lambda _, address: self.addresses.get(address),
            header=self.pins,
            try_camera=lambda: Finding("test frame 4056x3040"),
        )

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def write(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def change(self, name: str, before: str, after: str) -> None:
        text = self.path(name).read_text()
        assert before in text
        self.write(name, text.replace(before, after))

    def remove(self, name: str) -> None:
        self.path(name).unlink()

    def know(self, **facts: Any) -> None:
        """Replace facts."""
        self.facts = replace(self.facts, **facts)

    def booth(self, **told: Any) -> None:
        """Let the booth's report say this."""
        assert self.facts.booth is not None
        self.know(booth=replace(self.facts.booth, **told))

    def uploader(self, **told: Any) -> None:
        """Let the uploader's report say this."""
        assert self.facts.uploader is not None
        self.know(uploader=replace(self.facts.uploader, **told))

    def table(self, name: str, **settings: Any) -> None:
        """Change settings in a table of the config."""
        config = self.facts.config
        self.know(config=replace(config, **{name: replace(getattr(config, name), **settings)}))

    def throttled(self, bits: int) -> None:
        """Let the firmware report these bits."""
        self.write("/sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits:x}\n")

    def anchor(self) -> Anchor:
        """What EventPics' Date header would tell now."""
        return Anchor(Source.DATE, self.clock.boottime_ns() // 1_000_000, self.clock.wall_ns() // 1_000_000, 600)

    def examine(self) -> dict[Check, Line]:
        return {line.check: line for line in doctor.examine(replace(self.facts), PATIENCE_S)}
