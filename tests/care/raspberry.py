"""A Raspberry Pi's system files in a folder: a fake, since no test has a Pi, let alone one with each fault.

The texts have the form that the kernel, systemd and Raspberry Pi OS give them. Reports are real ones; the spool lies
in a real folder; the I2C bus is a set of addresses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from piboothup import __version__
from piboothup.care import doctor
from piboothup.care.doctor import Line
from piboothup.care.facts import Facts
from piboothup.config import Config, EventPicsConfig, Secret, SpoolConfig
from piboothup.health import Check
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.status import BoothReport, UploaderReport, UploaderState
from tests.support.clock import HandClock
from tests.support.photos import open_spool

FILES = {
    "/proc/device-tree/model": "Raspberry Pi Zero 2 W Rev 1.0\0",
    "/proc/cmdline": "console=tty1 root=PARTUUID=1 cfg80211.ieee80211_regdom=DE\n",
    "/proc/net/wireless": "",
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n',
    "/etc/passwd": "root:x:0:0::/root:/bin/bash\n"
    "piboothup-booth:x:990:990::/:/usr/sbin/nologin\npiboothup-uploader:x:989:990::/:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\npiboothup:x:990:\ngpio:x:986:pi,piboothup-booth\n"
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


class Raspberry:
    """A box on which nothing is wrong, until a test breaks something."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        for name, text in FILES.items():
            self.write(name, text)
        (self.root / "sys/class/net/eth0/device").mkdir()
        self.path(SPEED).parent.mkdir(parents=True)
        self.path(SPEED).write_bytes((400_000).to_bytes(4, "big"))
        self.clock = HandClock()
        self.clock.uncertainty_ms = 20
        self.spool = open_spool(folder / "spool", self.clock)
        self.addresses = {0x3C}
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
            answers=lambda _, address: address in self.addresses,
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
        return {line.check: line for line in doctor.examine(replace(self.facts))}
