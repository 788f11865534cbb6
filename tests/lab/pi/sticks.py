"""USB sticks as people have them: plugged into the running box, and taken, or copied to, by units after a hold.

The kinds are those that a computer formats; the kernel of the box is Debian's, which has both.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import time
from pathlib import Path

from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.admin.stick_copy import FOLDER, CopyState
from tests.lab.pi.box import TRIES, Box
from tests.lab.pi.guest import Failure, wait
from tests.lab.pi.scenarios import expect, expect_equal

_MADE_BY = {
    "vfat": (("mkfs.vfat", "-F", "32"), ("fatlabel",)),
    "exfat": (("mkfs.exfat",), ("exfatlabel",)),
}
"""Commands that format a stick of each kind, and give it its label."""
_FOR_PHOTOS = {
    "vfat": ("mkfs.vfat", "-F", "32", "-n", "HOLIDAYS"),
    "exfat": ("mkfs.exfat", "-L", "Anna & Ben"),
    "ext4": ("mkfs.ext4", "-q"),
}
_PHOTOS = 4
_LONGEST_WAIT_S = 1.5
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


def copied(box: Box) -> None:
    """A stick of each kind gets the event's photos after a hold; one that is pulled goes on when it comes again."""
    box.wait_for_ready()
    if not box.pi.holds("grep -q '^\\[button\\]' /etc/piboothup/config.toml"):
        box.pi.run("cat >>/etc/piboothup/config.toml", '\n[button]\nmenu = "always"\n')
    box.restart("booth")  # ten minutes are short where processors are emulated
    box.wait_for_ready()
    while len(box.photos()) < _PHOTOS:
        box.press_for_photo()
    for kind, format_it in _FOR_PHOTOS.items():
        stick = _formatted(box, kind, format_it)
        _ask(box, stick, kind)
        _wait_for_end(box, CopyState.DONE)
        _expect_left_alone(box)
        box.pi.pull_out()
        wait("ready", lambda: box.state() == "ready")
        _expect_photos(box, stick, kind)
    _pulled(box, _formatted(box, "vfat", _FOR_PHOTOS["vfat"]))


def cut(box: Box) -> None:
    """What is replaced or copied on FAT is there when that is said, not half a minute later: see `spool/durable`.

    What the stick holds at that moment is read on this side, by programs of others.
    """
    while len(box.photos()) < _PHOTOS:
        box.press_for_photo()
    box.wait_for_ready()
    for bits in ("16", "32"):
        stick = _formatted(box, "vfat", ("mkfs.vfat", "-F", bits))
        at_once, there = box.room / "at-once.raw", box.room / f"at-once-{bits}"
        box.pi.plug_in(stick)
        wait("the stick's disk", lambda: box.pi.holds(f'test -b "{_DISK}"'))
        old = "for name in cmdline.txt config.txt; do seq 1000 >/mnt/$name; done; mkdir /mnt/new; sync"
        box.pi.run(f"mount -t vfat {_DISK} /mnt && {old} && python3 - && piboothup queue export /mnt/all", _REPLACES)
        at_once.write_bytes(stick.read_bytes())
        box.pi.run("umount /mnt")
        box.pi.pull_out()
        there.mkdir()
        subprocess.run(["mcopy", "-s", "-i", at_once, "::/", there], check=True)
        for name in ("cmdline.txt", "status.txt", "new/status.txt"):
            expect_equal(f"{name} on FAT{bits}", (there / name).read_bytes(), _REPLACED)
        expect("config.txt has the bus", (there / "config.txt").read_bytes().endswith(b"# piboothup: end\n"))
        found = sorted(hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in there.rglob("*.jpg"))
        expect_equal(f"photos on FAT{bits}", found, sorted(Path(name).stem[-16:] for name in box.photos()))
        wait("no question about it", lambda: box.state() == "ready")


_REPLACED = b"new words\n" * 300
_REPLACES = f"""
import runpy
from pathlib import Path
from piboothup.spool import durable
for name in ("cmdline.txt", "status.txt", "new/status.txt"):
    durable.replace(Path("/mnt") / name, {_REPLACED!r}, None)
runpy.run_path("/usr/libexec/piboothup/i2c")["main"]("on", Path("/mnt/config.txt"))
"""


def _pulled(box: Box, stick: Path) -> None:
    """Pull a stick at a random moment of its copy, and put it back: one that has its secret goes on by itself."""
    _ask(box, stick, "vfat")
    moment_s = random.uniform(0.0, _LONGEST_WAIT_S)
    time.sleep(moment_s)
    box.pi.pull_out()
    wait("the end", lambda: _report(box).get("state") not in (None, CopyState.COPYING) or box.state() == "ready")
    state = _report(box).get("state", CopyState.DONE)
    print(f"pulled after {moment_s:.1f} s: {state}")
    expect(f"a stick that is pulled is told, not {state}", state in (CopyState.PULLED, CopyState.DONE))
    if state == CopyState.PULLED:
        if _has_secret(box):
            box.pi.plug_in(stick)
        else:
            print("pulled before it had its secret: it is asked about again")
            _ask(box, stick, "vfat")
        _wait_for_end(box, CopyState.DONE)
        box.pi.pull_out()
    wait("ready", lambda: box.state() == "ready")
    _expect_photos(box, stick, "vfat")


def _formatted(box: Box, kind: str, format_it: tuple[str, ...]) -> Path:
    stick = box.room / f"photos-{kind}.raw"
    stick.unlink(missing_ok=True)
    with stick.open("wb") as file:
        file.truncate(_BYTES)
    subprocess.run([*format_it, stick], check=True, stdout=subprocess.DEVNULL)
    return stick


def _ask(box: Box, stick: Path, kind: str) -> None:
    """Plug it in and agree; once more where root's helper came too late, as it may on an emulated processor."""
    former = _report(box).get("asked_ns")
    for _ in range(TRIES):
        box.pi.plug_in(stick)
        wait(f"the question about the {kind} stick", lambda: box.state() == "setup")
        box.pi.press(1.5)
        wait("the copy", lambda: _report(box).get("asked_ns") != former or box.state() == "ready")
        if _report(box).get("asked_ns") != former:
            return
        print("not begun: once more, as a person would")
        box.pi.pull_out()
    raise Failure("the copy does not begin")


def _has_secret(box: Box) -> bool:
    """Whether the stick of the last copy was given the secret with which it may go on."""
    known = json.loads(box.pi.run("cat /run/piboothup/stick/secrets 2>/dev/null || echo '{}'"))
    return _report(box)["uuid"] in known


def _report(box: Box) -> dict[str, object]:
    return dict(json.loads(box.pi.run("cat /run/piboothup/stick/copy 2>/dev/null || echo '{}'")))


def _wait_for_end(box: Box, wanted: CopyState) -> None:
    wait("the copy's end", lambda: _report(box).get("state") not in (None, CopyState.COPYING, CopyState.PULLED))
    expect_equal("how the copy ended", _report(box)["state"], wanted)


def _expect_left_alone(box: Box) -> None:
    """The unit has ended, and nothing keeps the stick."""
    wait("the unit's end", lambda: not box.pi.holds("systemctl is-active --quiet 'piboothup-stick-copy@*'"))
    expect("no unit has failed", not box.pi.run("systemctl list-units --failed --no-legend 'piboothup-*'").strip())
    expect("no process keeps the stick", not box.pi.holds(f'findmnt --source "{_DISK}"'))


def _expect_photos(box: Box, stick: Path, kind: str) -> None:
    """Each photo is on the stick once, byte for byte."""
    there = _with_mounted(box, stick, kind, f"find '/mnt/{FOLDER}' -iname '*.jpg' -exec sha256sum {{}} +")
    found = sorted(line[:16] for line in there.splitlines() if " " in line)
    expect_equal(f"photos on the {kind} stick", found, sorted(Path(name).stem[-16:] for name in box.photos()))


def _with_mounted(box: Box, stick: Path, kind: str, command: str, content: str = "") -> str:
    """Run a command in the box with the stick at /mnt, as one without the label that the booth looks for."""
    box.pi.plug_in(stick)
    wait("the stick's disk", lambda: box.pi.holds(f'test -b "{_DISK}"'))
    said = box.pi.run(f"mount -t {kind} {_DISK} /mnt && {command} && umount /mnt", content)
    box.pi.pull_out()
    wait("no question about it", lambda: box.state() == "ready")
    return said
