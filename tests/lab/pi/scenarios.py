"""What the virtual Pi goes through, in the order in which `__main__` has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image

from piboothup.booth.flow import menu
from piboothup.booth.flow.pages import Page
from piboothup.booth.panel.layout import shifted
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
from piboothup.simulator.server import DEMO_KEY
from piboothup.status import BoothState
from tests.lab.pi.box import SERVICES, SPOOL, Box
from tests.lab.pi.guest import Failure, wait
from tests.support.pictures import same

COUNTDOWN_S = 5
CLOCK_TOLERANCE_S = 3.0
"""The machine's clock starts at a whole second, and so does the time in a server's answer."""
PRESSES = 3


def expect(claim: str, is_true: object) -> None:
    if not is_true:
        raise Failure(claim)


def expect_equal(claim: str, found: object, wanted: object) -> None:
    expect(f"{claim}: {found}, not {wanted}", found == wanted)


def last_words(box: Box) -> str:
    """What the box and its machine said last."""
    said = []
    try:
        said.append(box.pi.run("journalctl --no-pager --boot --lines 60 --output short-monotonic", timeout_s=60))
    except Exception as error:  # noqa: BLE001  (it may be off, or not answer)
        said.append(f"no journal: {error}")
    serial = box.room / "serial"
    said.append(serial.read_text(errors="replace")[-2000:] if serial.exists() else "no console")
    return "\n".join(said)


def install(box: Box, deb: Path) -> None:
    """On an untouched Raspberry Pi OS: one line, nothing asked."""
    print(deb.name)
    print(box.install(deb).splitlines()[-1])
    box.configure()
    wait("both services", lambda: box.pi.holds("systemctl is-active --quiet piboothup-booth piboothup-uploader"))
    box.wait_for_ready()


def users_and_modes(box: Box) -> None:
    run = box.pi.run
    folders = f"{SPOOL} /run/piboothup /run/piboothup/requests /etc/piboothup/key"
    expect_equal(
        "modes",
        run(f"stat -c '%a %U %G' {folders}").splitlines(),
        [
            "2770 root piboothup",
            "3770 root piboothup",
            "700 piboothup-booth piboothup",
            "400 piboothup-uploader piboothup",
        ],
    )
    for service in SERVICES:
        expect_equal("user", run(f"stat -c %U /proc/{box.pid(service)}"), f"piboothup-{service}")
    expect("pi is in group piboothup", "piboothup" in run("id -nG pi").split())
    config = run("cat /boot/firmware/config.txt")
    expect("the bus is switched on in config.txt", "dtparam=i2c_arm=on\n" in config)
    journal = run("systemd-analyze cat-config systemd/journald.conf | grep ^Storage= | tail -n 1")
    expect_equal("the journal's storage", journal, "Storage=persistent")
    expect("the panel answers", "3c" in run("i2cdetect -y 1"))
    print(run("piboothup doctor | grep -v -e '^ok ' -e '^skipped ' || true"))
    threads = run(f"ps -L -o cls=,comm= -p {box.pid('booth')}").splitlines()
    real_time = sorted(line.split(None, 1)[1] for line in threads if line.startswith(" RR") or line.startswith("RR"))
    print("real-time:", ", ".join(real_time))
    expect("the button's thread is real-time", "button" in real_time)


def presses(box: Box) -> None:
    """Three presses by the kernel's GPIO: light, panel, photo, album, moment."""
    pi = box.pi
    booth_pid = box.pid("booth")
    light = pi.run("for i in $(seq 100); do cat /run/gpio27/value; sleep 0.03; done").split()
    expect("the light breathes", len(set(light)) == 2)
    moments = []
    for _ in range(PRESSES):
        pi.panel.forget()
        moments.append(box.press_for_photo())
        pi.panel.look()
        print(f"press: {pi.panel.pictures} pictures on the panel")
        expect("the countdown is seen on the panel", pi.panel.pictures > COUNTDOWN_S)
    box.wait_for_album()
    uploads = box.uploads()[-PRESSES:]
    for (began_s, ended_s), upload in zip(moments, sorted(uploads, key=lambda each: each["takenAt"]), strict=True):
        expect_taken_at(began_s, ended_s, upload["takenAt"] / 1000)
    expect_equal("the booth's process", box.pid("booth"), booth_pid)
    panel_shows_what_the_booth_says(box)


def expect_taken_at(began_s: float, ended_s: float, taken_s: float) -> None:
    print(f"takenAt: {taken_s - began_s - COUNTDOWN_S:+.1f} s from the press's zero")
    is_right = began_s + COUNTDOWN_S - CLOCK_TOLERANCE_S <= taken_s <= ended_s + CLOCK_TOLERANCE_S
    expect(f"takenAt {taken_s} lies between {began_s} and {ended_s}", is_right)


def panel_shows_what_the_booth_says(box: Box) -> None:
    """What is lit on the glass is what the booth meant, moved by a dot now and then."""

    def fits() -> bool:
        if not box.pi.holds("test -e /run/piboothup/panel.pbm"):  # it loads after the first ready
            return False
        meant = Image.open(BytesIO(box.pi.get("/run/piboothup/panel.pbm")))
        lit = box.pi.panel.look()
        return any(same(lit, shifted(meant, (x, y))) for x in (-1, 0, 1) for y in (-1, 0, 1))

    wait("the panel to show the booth's picture", fits)


def panel_gone(box: Box) -> None:
    pi = box.pi
    pi.run("touch /run/panel-gone")
    wait("the booth to notice", lambda: "panel_missing" in pi.report("booth").get("problems", ()))
    box.press_for_photo()  # goes on without
    expect("a dark panel", pi.panel.look().getbbox() is None)
    pi.run("rm /run/panel-gone")
    wait("the panel to be back", lambda: "panel_missing" not in pi.report("booth").get("problems", ()))
    panel_shows_what_the_booth_says(box)


def link_gone(box: Box) -> None:
    box.wait_for_album()
    box.pi.link(up=False)
    for _ in range(PRESSES):
        box.press_for_photo()
    wait("the uploader to notice", lambda: box.pi.report("uploader").get("state") == "offline")
    expect_equal("photos that wait", box.waiting(), PRESSES)
    box.pi.link(up=True)
    box.wait_for_album()


def killed(box: Box) -> None:
    """Killed, by the kernel too when memory is short, and hung: each service comes back by itself."""
    for service in SERVICES:
        for how in ("KILL", "STOP"):
            old = box.pid(service)
            box.pi.run(f"kill -{how} {old}")
            unit = f"piboothup-{service}"

            def is_back(service: str = service, old: int = old, unit: str = unit) -> bool:
                return box.pid(service) not in (0, old) and box.pi.show(unit, "ActiveState") == ["active"]

            wait(f"{service} after SIG{how}", is_back)
            print(f"{service} after SIG{how}: runs again")
    box.wait_for_ready()
    booth, uploader = (box.pid(service) for service in SERVICES)
    box.pi.run("echo f >/proc/sysrq-trigger")  # the kernel ends what it finds most expendable
    wait("the uploader after the kernel's choice", lambda: box.pid("uploader") not in (0, uploader))
    expect_equal("the booth's process", box.pid("booth"), booth)
    print("out of memory: the uploader went and runs again, the booth stayed")
    box.press_for_photo()
    box.wait_for_album()


def camera_comes(box: Box) -> None:
    """A camera whose driver is loaded after the booth's start: what it needs in /dev appears late."""
    box.pi.run("mv /dev/dma_heap /dev/away")
    box.restart("booth")
    wait("a fault", lambda: box.state() == "fault")
    box.pi.run("mv /dev/away /dev/dma_heap")
    box.press_for_photo()


def disk_comes(box: Box) -> None:
    """A disk for the photos that is mounted after the services' start, and is gone again."""
    run = box.pi.run
    box.wait_for_album()
    run("truncate -s 700M /opt/disk; mkfs.ext4 -q /opt/disk; mount -o loop /opt/disk /mnt; chgrp piboothup /mnt")
    run(f"chmod 2770 /mnt; umount /mnt; mount -o loop /opt/disk {SPOOL}")
    box.press_for_photo()
    box.wait_for_album()
    expect_equal("photos on the disk", len(box.photos()), 1)
    run(f"umount --lazy {SPOOL}")
    box.press_for_photo()
    box.wait_for_album()
    expect("photos on the card", len(box.photos()) > 1)


def stop_in_countdown(box: Box) -> None:
    box.wait_for_ready()
    before = box.photos()
    box.pi.press()
    wait("the countdown", lambda: box.state() == "countdown")
    began_s = float(box.pi.run("cut -d ' ' -f 1 /proc/uptime"))
    box.pi.run("systemctl stop piboothup-booth")
    took_s = float(box.pi.run("cut -d ' ' -f 1 /proc/uptime")) - began_s
    result, code = box.pi.show("piboothup-booth", "Result", "ExecMainStatus")
    print(f"stopped after {took_s:.1f} s of the machine's time")
    expect_equal("how it ended", (result, code), ("success", "0"))  # systemd would have killed it after 5 s
    expect("no photo of a countdown that was broken off", box.photos() == before)
    expect("the farewell is lit", same(box.pi.panel.look(), FAREWELL))
    box.pi.run("systemctl start piboothup-booth")
    box.wait_for_ready()


FAREWELL = draw(View(state=BoothState.STOPPING, ended=True))


def request_files(box: Box) -> None:
    """What is no request is refused: the box goes on."""
    pi = box.pi
    place = "/run/piboothup/requests"
    as_booth = "setpriv --reuid piboothup-booth --regid piboothup --clear-groups"
    pi.run(f"{as_booth} ln -s /etc/shadow {place}/power-off")
    pi.run(f"{as_booth} mkfifo {place}/fifo; mknod {place}/device c 1 3; echo '{{}}' >{place}/of-root")
    pi.run(f"{as_booth} dd if=/dev/zero of={place}/huge bs=1M count=3 status=none")
    pi.run(f"for i in $(seq 50); do {as_booth} sh -c 'echo junk >{place}/junk'; done 2>/dev/null; true")
    wait("an empty folder", lambda: pi.run(f"ls {place}") == "")
    expect("it runs", box.pi.is_on and pi.run("systemctl is-system-running || true") != "stopping")
    expect(
        "the uploader reaches no request",
        not pi.holds(f"setpriv --reuid piboothup-uploader --regid piboothup --clear-groups touch {place}/power-off"),
    )


def upgrade(box: Box, deb: Path) -> None:
    """From the commit before, with photos that wait and a press in the middle of it."""
    print(deb.name)
    box.pi.link(up=False)
    for _ in range(2):
        box.press_for_photo()
    before = box.photos()
    presser = box.pi.stream("for i in $(seq 20); do lab-press 0.3; sleep 3; done")
    box.install(deb)
    presser.terminate()
    wait("both services", lambda: box.pi.holds("systemctl is-active --quiet piboothup-booth piboothup-uploader"))
    box.wait_for_ready()
    expect("the new version runs", box.pi.report("booth")["version"] in deb.name)
    expect("all photos are there", set(before) <= set(box.photos()))
    box.pi.link(up=True)
    box.wait_for_album()


def gone_and_back(box: Box, deb: Path) -> None:
    """Removed, purged, and installed again on a box that was set up by hand: no photo goes."""
    run = box.pi.run
    box.press_for_photo()
    before = box.photos()
    said_where = f"piboothup: photos stay in {SPOOL} ({len(before)}); nothing deletes them but you."
    for verb in ("remove", "purge"):
        said = run(f"su - pi -c 'sudo apt {verb} -q -y piboothup </dev/null 2>&1'")
        expect(f"{verb} says where the photos are: {said}", said_where in said.splitlines())
        expect_equal(f"photos after {verb}", box.photos(), before)
    expect("nothing of ours runs", not box.pi.holds("systemctl is-active piboothup-booth piboothup-uploader"))
    expect("nothing of ours is left", not box.pi.holds("ls /etc/piboothup"))
    config = run("cat /boot/firmware/config.txt")
    expect("config.txt is as it was", "i2c_arm" not in config and config.startswith("# as on a Pi"))
    # As the README had it before there was a package: modules in /opt, a link, units of the administrator.
    run("mkdir -p /opt/piboothup/.venv/bin && ln -s /opt/piboothup/.venv/bin/piboothup /usr/bin/piboothup")
    box.pi.put("#!/bin/sh\nexec sleep infinity\n", "/opt/piboothup/.venv/bin/piboothup")
    run("chmod 755 /opt/piboothup/.venv/bin/piboothup")
    for old in Path("systemd/system").glob("*.service"):
        box.pi.put(old.read_bytes(), f"/etc/systemd/system/{old.name}")
    run("systemctl daemon-reload && systemctl enable -q piboothup-uploader")
    run("systemctl start --no-block piboothup-uploader")
    said = box.install(deb)
    print(*(line for line in said.splitlines() if "set aside" in line), sep="\n")
    box.configure()
    wait("both services", lambda: box.pi.holds("systemctl is-active --quiet piboothup-booth piboothup-uploader"))
    box.wait_for_ready()
    for service in SERVICES:
        unit = f"piboothup-{service}"
        expect_equal("its unit", box.pi.show(unit, "FragmentPath"), [f"/usr/lib/systemd/system/{unit}.service"])
    expect("what was there is kept", box.pi.holds("test -d /opt/piboothup.before-package"))
    box.press_for_photo()
    box.wait_for_album()
    expect("all photos are there", set(before) < set(box.photos()))


CARD_FILE = f"""\
name = "Of the card"

[eventpics]
api_key = "{DEMO_KEY}"

[[wifi]]
ssid = "Barn"
password = "canary words"
"""


def reboot_with_card_file(box: Box) -> None:
    """A file is laid on the card's boot partition, by its name as an editor leaves it, and the box is rebooted."""
    box.pi.put(CARD_FILE.replace("\n", "\r\n").encode("utf-16"), "/boot/firmware/piboothup.toml.txt")
    farewell(box, "reboot")


def card_file_is_taken(box: Box) -> None:
    run = box.pi.run
    wait("the answer on the card", lambda: box.pi.holds("grep -q Barn /boot/firmware/piboothup-status.txt"))
    wait("the import's end", lambda: not box.pi.holds("systemctl is-active --quiet piboothup-setup"))
    print(run("cat /boot/firmware/piboothup-status.txt"))
    wait("the card's name", lambda: box.pi.report("booth").get("name") == "Of the card")
    left = box.pi.get("/boot/firmware/piboothup.toml.txt").decode()  # UTF-8, as it is written anew
    expect_equal("secrets that were taken off the card", left.count('"(saved)"'), 2)
    expect("no secret stands there", DEMO_KEY not in left and "canary words" not in left)
    expect_equal("the key", run("cat /etc/piboothup/key"), DEMO_KEY)
    expect("the network", box.pi.holds("grep -qx 'psk=canary words' /etc/NetworkManager/system-connections/*"))


def farewell(box: Box, verb: str = "poweroff") -> None:
    """`poweroff` or `reboot` by anyone: "safe to unplug" is lit when nothing runs any more."""
    box.wait_for_ready()
    panel_shows_what_the_booth_says(box)  # its library is loaded after "ready", and takes its time here
    box.pi.power_off(verb)
    expect("the farewell is lit", same(box.pi.panel.look(), FAREWELL))


def switch_off(box: Box) -> None:
    """The same from the menu, with the button alone."""
    options = menu.MenuOptions(operator_until_ns=None, has_code=True)
    page: Page | None = menu.main_page(options, 0)
    box.pi.press(5.5)
    while page:
        picture = draw(View(state=BoothState.MENU, page=page))
        wait(f"item {page.index} of {page.kind}", lambda picture=picture: same(box.pi.panel.look(), picture))  # type: ignore[misc]
        item = page.item
        if item and item.text_key == "switch_off_now":
            break
        is_it = item and item.text_key == "switch_off"
        box.pi.press(1.5 if is_it else 0.2)
        page = menu.choose(page, options, 0)[0] if is_it else menu.next_item(page)
    box.pi.press(5.5)
    box.pi.wait_for_off()
    expect("the farewell is lit", same(box.pi.panel.look(), FAREWELL))


def boot(box: Box, processors: int = 2, clock: str = "") -> None:
    """To ready without a restart, and no noise on a panel that has just got its power."""
    box.pi.start(processors=processors, clock=clock)
    box.wait_for_ready()
    expect_equal("restarts", box.restarts(), 0)
    moments = box.pi.show("piboothup-booth", "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    began_s, ready_s = (int(moment) / 1e6 for moment in moments)
    print(f"the booth's process {began_s:.0f} s after the kernel's start, READY {ready_s:.0f} s after it")


def boot_late(box: Box) -> None:
    """On one processor, with a clock that is 26 years behind: a photo has its moment all the same."""
    boot(box, processors=1, clock="2000-01-01T00:00:00")
    began_s, ended_s = box.press_for_photo()
    box.wait_for_album()
    expect_taken_at(began_s, ended_s, max(upload["takenAt"] for upload in box.uploads()) / 1000)
    expect_equal("restarts", box.restarts(), 0)
    card_file_is_taken(box)
    uploader_ended_before_the_network(box)
    switch_off(box)


def uploader_ended_before_the_network(box: Box) -> None:
    """At the power-off before: a photo that had just been sent had its answer still to come."""
    stops, last = "Stopped (piboothup-uploader|target network.target)", set()
    for boot_id in box.pi.run("journalctl --list-boots --quiet | awk '{print $2}'").split():
        said = box.pi.run(f"journalctl -b {boot_id} -o cat _PID=1 | grep -oE '{stops}' || true").splitlines()
        if len(set(said)) == 2:
            last.add(said[-1])
    expect_equal("what was stopped last", last, {"Stopped target network.target"})


AFTER_INSTALLATION: Mapping[str, Callable[[Box], None]] = {
    "users, modes, priorities": users_and_modes,
    "three presses": presses,
    "the panel goes and comes back": panel_gone,
    "the link goes and comes back": link_gone,
    "a camera comes": camera_comes,
    "a disk comes and goes": disk_comes,
    "files that are no requests": request_files,
    "stopped in a countdown": stop_in_countdown,
    "killed, hung, out of memory": killed,
}
