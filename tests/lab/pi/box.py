"""The box in the virtual Pi as the scenarios see it: the installed package, its two services, and EventPics."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from piboothup.clock import SystemClock
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from tests.lab.pi.guest import Failure, VirtualPi, wait

EVENT = "abcd1234"
SERVICES = ("booth", "uploader")
SPOOL = "/var/lib/piboothup"
TRIES = 3
"""How often a person would try what an emulated machine did too late."""
ROOT_START_BYTES = 133120 * 512
"""Where the root begins on the card (see `build`)."""


def copy_card(card: Path, copy: Path) -> None:
    """Copy a card, but not the room on it."""
    subprocess.run(["cp", "--sparse=always", card, copy], check=True)


class Box:
    """A virtual Pi on its own copy of the card, and the simulator of EventPics that it reaches."""

    def __init__(self, image: Path, room: Path) -> None:
        self.room, self.card = room, room / "card.raw"
        copy_card(image / "card.raw", self.card)
        self.albums = room / "albums"
        self.eventpics = LocalEventPics(self.albums, SystemClock())
        self.pi = VirtualPi(image, self.card, room, self.eventpics.port)

    def close(self) -> None:
        self.pi.close()
        self.eventpics.close()

    # -- the package --

    def install(self, deb: Path) -> str:
        """Install a package as the README says, as a user. Returns what apt said."""
        name = f"/home/pi/{deb.name}"
        self.pi.put(deb.read_bytes(), name)
        command = f"sudo apt install -q -y --allow-downgrades --no-install-recommends {name}"
        said = self.pi.run(f"su - pi -c '{command} </dev/null 2>&1'")
        self.pi.run(f"rm {name}")
        return said

    def configure(self) -> None:
        """Give it its key, its event, and a small picture: the processors are emulated."""
        self.pi.run("cat >/etc/piboothup/key", DEMO_KEY)
        config = self.pi.run("cat /etc/piboothup/config.toml")
        added = {"eventpics": f'api_url = "{self.eventpics.url}"\nlink_id = "{EVENT}"', "camera": "size = [640, 480]"}
        for table, lines in added.items():
            config = config.replace(f"[{table}]\n", f"[{table}]\n{lines}\n")
        self.pi.put(config, "/etc/piboothup/config.toml")
        self.restart(*SERVICES)

    def restart(self, *services: str) -> None:
        self.pi.run("systemctl restart " + " ".join(f"piboothup-{service}" for service in services))

    # -- what is seen of it --

    def state(self) -> str:
        return str(self.pi.report("booth").get("state", ""))

    def wait_for_ready(self) -> None:
        wait("ready", lambda: self.state() == "ready")

    def pid(self, service: str) -> int:
        return int(self.pi.show(f"piboothup-{service}", "MainPID")[0])

    def restarts(self) -> int:
        """How often systemd has restarted the two services."""
        return sum(int(self.pi.show(f"piboothup-{service}", "NRestarts")[0]) for service in SERVICES)

    def photos(self) -> list[str]:
        """Names of the photos on its card, sent or not."""
        found = self.pi.run(
            f"find {SPOOL} -path '*/new/*.jpg' -printf '%f\\n' -o -path '*/sent/*.jpg' -printf '%f\\n'"
        )
        return sorted(found.split())

    def waiting(self) -> int:
        return int(self.pi.run(f"find {SPOOL} -path '*/new/*.jpg' | wc -l"))

    def uploads(self) -> list[dict[str, Any]]:
        """What the album has, in the order of its arrival."""
        log = self.albums / "uploads.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def press_for_photo(self, hold_s: float = 0.2) -> tuple[float, float]:
        """Press, and wait until the photo is saved. Returns when that began and ended, on the host's clock.

        An emulated camera may stand still for so long that the booth opens it anew, and says so: then once more.
        """
        before = len(self.photos())
        for _ in range(TRIES):
            self.wait_for_ready()
            began_s = time.time()
            self.pi.press(hold_s)
            wait("a saved photo", lambda: len(self.photos()) > before or self.state() == "fault")
            if len(self.photos()) > before:
                ended_s = time.time()
                self.wait_for_ready()
                return began_s, ended_s
            print("a fault came before the photo: once more, as a guest would", flush=True)
        raise Failure("no press takes a photo")

    def wait_for_album(self) -> None:
        """Wait until no photo waits any more; then the album has each, byte for byte."""
        wait("all photos to be sent", lambda: self.waiting() == 0)
        sent = {upload["sha256"][:16] for upload in self.uploads()}
        missing = [name for name in self.photos() if Path(name).stem[-16:] not in sent]
        if missing:
            raise Failure(f"sent, but not in the album: {missing}")

    def look_at_card(self, folder: Path) -> str:
        """Mend the card as at a boot, and copy its spool to `folder`. Returns what e2fsck said."""
        loop = ["losetup", "--find", "--show", f"--offset={ROOT_START_BYTES}", str(self.card)]
        device = subprocess.run(loop, check=True, capture_output=True, text=True).stdout.strip()
        mount = self.room / "mount"
        mount.mkdir(exist_ok=True)
        try:
            mended = subprocess.run(["e2fsck", "-fy", device], capture_output=True, text=True, check=False)
            if mended.returncode > 1:
                raise Failure(f"e2fsck: {mended.stdout}{mended.stderr}")
            subprocess.run(["mount", "-o", "ro", device, mount], check=True)
            try:
                shutil.copytree(f"{mount}{SPOOL}", folder)
            finally:
                subprocess.run(["umount", mount], check=True)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
        return mended.stdout
