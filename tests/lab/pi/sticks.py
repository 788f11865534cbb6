"""USB sticks as people have them: plugged into the running box, and taken by the hardened unit after a hold.

The kinds are those that a computer formats; the kernel of the box is Debian's, which has both.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from piboothup.simulator.server import DEMO_KEY
from tests.lab.pi.box import Box
from tests.lab.pi.guest import wait
from tests.lab.pi.scenarios import expect, expect_equal

_MADE_BY = {
    "vfat": (("mkfs.vfat", "-F", "32"), ("fatlabel",)),
    "exfat": (("mkfs.exfat",), ("exfatlabel",)),
}
"""Commands that format a stick of each kind, and give it its label."""
_BYTES = 64 << 20
_DISK = "$(lsblk --noheadings --output PATH,TRAN | sed -n 's/ *usb$//p' | head -n 1)"
_ANSWER = "piboothup-status.txt"


def taken(box: Box) -> None:
    """A stick of each kind sets the box up after a hold, bears the answer, and keeps its secrets."""
    box.wait_for_ready()
    for kind, (format_it, label_it) in _MADE_BY.items():
        stick = box.room / f"stick-{kind}.raw"
        with stick.open("wb") as file:
            file.truncate(_BYTES)
        subprocess.run([*format_it, stick], check=True, stdout=subprocess.DEVNULL)
        name = f"Of the {kind} stick"
        file_on_it = f'config_version = 1\nname = "{name}"\n[eventpics]\napi_key = "{DEMO_KEY}"\n'
        _with_mounted(box, stick, kind, "cat >/mnt/piboothup.toml", file_on_it)
        subprocess.run([*label_it, stick, "PIBOOTHUP"], check=True, stdout=subprocess.DEVNULL)
        box.pi.plug_in(stick)
        wait(f"the question about the {kind} stick", lambda: box.state() == "setup")
        box.pi.press(1.5)
        wait(f"the {kind} stick's name", lambda name=name: box.pi.report("booth").get("name") == name)  # type: ignore[misc]
        wait("the unit's end", lambda: not box.pi.holds("systemctl is-active --quiet piboothup-stick"))
        expect_equal("how the unit ended", box.pi.show("piboothup-stick", "Result"), ["success"])
        expect("no process keeps the stick", not box.pi.holds("findmnt --source LABEL=PIBOOTHUP"))
        box.pi.pull_out()
        wait("ready", lambda: box.state() == "ready")
        answer = _with_mounted(box, stick, kind, f"cat /mnt/{_ANSWER} /mnt/piboothup.toml")
        expect(f"the {kind} stick has the answer", "name" in answer.split(file_on_it.strip())[0])
        expect("its secrets stay on it", file_on_it.strip() in answer)


def _with_mounted(box: Box, stick: Path, kind: str, command: str, content: str = "") -> str:
    """Run a command in the box with the stick at /mnt, as one without the label that the booth looks for."""
    box.pi.plug_in(stick)
    wait("the stick's disk", lambda: box.pi.holds(f'test -b "{_DISK}"'))
    said = box.pi.run(f"mount -t {kind} {_DISK} /mnt && {command} && umount /mnt", content)
    box.pi.pull_out()
    return said
