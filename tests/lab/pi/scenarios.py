"""What the virtual Pi goes through, in the order in which `__main__` has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image

from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
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
    """What is lit on the glass is what the booth meant."""

    def fits() -> bool:
        box.pi.run("piboothup screen /run/now.png")
        meant = Image.open(BytesIO(box.pi.get("/run/now.png")))
        return same(box.pi.panel.look(), meant.resize((128, 64), Image.Resampling.NEAREST))

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
    pi.run(f"for i in $(seq 200); do {as_booth} sh -c 'echo junk >{place}/junk'; done 2>/dev/null; true")
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


def farewell(box: Box) -> None:
    """`poweroff` by anyone: "safe to unplug" is lit when nothing runs any more."""
    box.wait_for_ready()
    box.pi.power_off()
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
    farewell(box)


AFTER_INSTALLATION: Mapping[str, Callable[[Box], None]] = {
    "users, modes, priorities": users_and_modes,
    "three presses": presses,
    "the panel goes and comes back": panel_gone,
    "the link goes and comes back": link_gone,
    "files that are no requests": request_files,
    "stopped in a countdown": stop_in_countdown,
    "killed, hung, out of memory": killed,
}
