"""`piboothup support-bundle`: each source is read, and nothing private of any of them is in any byte of the zip."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import stat
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from piboothup import __version__, status
from piboothup.booth.panel import screens
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View
from piboothup.care.bundle import journal
from piboothup.care.bundle import parts as bundle_parts
from piboothup.care.bundle.parts import LEFT_OUT, PartLeftOut
from piboothup.care.bundle.redaction import REMOVED
from piboothup.cli import main
from piboothup.commands.support_bundle import read_status
from piboothup.config import Secret, parse
from piboothup.config.codes import Security, WifiNetwork
from piboothup.root_requests import WifiResult
from piboothup.setup.wifi_profiles import keyfile, note_result
from piboothup.spool import choices, handover
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState, EventReport, UploaderState, WifiReport
from tests.care.raspberry import Raspberry
from tests.support.clock import HandClock
from tests.support.commands import command, environment, run
from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, mounts
from tests.support.photos import jpeg, take
from tests.support.users import UPLOADER, needs_users, user

__all__ = ["mounts"]

pytestmark = pytest.mark.process

PARTS = {
    *("LEFT-OUT.txt", "config.txt", "doctor.json", "doctor.txt", "journal.txt", "kernel.txt"),
    *("panel.png", "spool.txt", "status.json", "versions.txt"),
}
CONFIG = """
config_version = 1
name = "Sperlings Kiste"
timezone = "Europe/Lisbon"
specht_sagt = "Kuckucksei"
[eventpics]
api_key_file = "{key_file}"
link_id = "WiedehopF12x"
album_id = "ElsterAlbum"
api_url = "https://habicht.example.com"
album_url = "https://falke.example.com/{{link_id}}"
[capture]
countdown_s = 7
[spool]
directory = "{spool}"
allow_memory = true
"""
LINES = """\
piboothup-uploader INFO piboothup.uploader.session link state=portal reason=portal marker=21
piboothup-uploader DEBUG exchange url=https://portal.gimpelhotel.example/in?X-Amz-Signature=fe3c9a77b1
piboothup-uploader WARNING redirect to portal.gimpelhotel.example failed, path /in/put?sig=fe3c9a77b2
piboothup-uploader ERROR sent Authorization: Bearer amsel-bearer-4
piboothup-uploader ERROR refused ckEy8Pirol and Zm9vYmFyMTIzNDU2Nzg5MGFiYw==
piboothup-uploader WARNING assigned context=abcd0001 to=WiedehopF12x/ElsterAlbum
piboothup-uploader INFO joined ssid=Bussard Netz signal=55
piboothup-uploader WARNING met Kiebitz Netz and the Wachtel WLAN
piboothup-uploader INFO brought to Rohrdommels Ball
piboothup-booth ERROR kept title=Nachtigall am See number=22
piboothup-booth INFO shows ZWÖLF & SÖHNE  SOMMERFEST, Zw\\u00f6lf & S\\u00f6hne Sommerfest, Zaunkönigs Tanz
piboothup-booth   File "/usr/lib/python3/dist-packages/piboothup/booth/service.py", line 123, in run
piboothup-booth piboothup.booth.errors.BoothError: Kormoran ging verloren
piboothup-booth OSError: [Errno 28] No space left on device: '/mnt/familie-storch/x'
piboothup-booth WARNING piboothup.spool.listing ignored path='/var/lib/piboothup/new/Bachstelze 1.jpg' reason=ours not
piboothup-booth WARNING half a line says 'Bachstelze
piboothup-booth INFO spool kept directory=/home/familie-storch/spool kind=disk
piboothup-booth mail to uhu@kauz.example from 192.168.77.23 and fe80::ba27:ebff:fe12:3456 at 10:04:33
piboothup-booth INFO saved photo=K7QX-0003-0012_123456_abcd1234_0123456789abcdef.jpg number=23
piboothup-booth device missing device=panel reason='[Errno 121] Remote I/O error'
kernel hwmon hwmon1: Undervoltage detected!
kernel mmc0: error -110 whilst initialising SD card
kernel EXT4-fs error (device mmcblk0p2): ext4_readdir:1: path /home/familie-storch: bad entry
kernel Out of memory: Killed process 812 (python3) total-vm:1kB
kernel i2c-bcm2835 fe804000.i2c: i2c transfer timed out
kernel brcmfmac: brcmf_c_preinit_dcmds: Firmware: BCM43430/1 wl0: version 7.45.98 FWID 01-8e14b897
kernel wlan0: authenticate with b8:27:eb:12:34:56 of Bussard Netz
kernel brcmfmac: brcmf_cfg80211_connect: Bussard Netz
kernel usb 1-1: SerialNumber: Strauss-1
NetworkManager <info> activated Bussard Netz marker-of-networkmanager
ssh marker-of-another-unit
"""
"""Unit and message of each line in the journal."""
CANARIES = (
    *("Sperling", "specht", "Kuckuck", "WiedehopF", "Elster", "habicht", "falke", "ckEy8", "Pirol"),
    *("gimpel", "fe3c9a", "Amz", "amsel", "Zm9vYmFy", "Bussard", "Kiebitz", "eulenspiegel", "Wachtel", "Nachtigall"),
    *("Söhne", "SÖHNE", "u00f6hne", "S%C3%B6hne", "Zaun", "Tanz", "Kormoran", "verloren", "storch", "Bachstelze"),
    *("uhu", "kauz", "192.168", "ebff", "b8:27", "Strauss", "marker-of", "Dompfaff", "Stieglitz", "Rohrdommel"),
    *("Reiher", "Milan", "Truthahn", "pelikan", "0123456789abcdef", "authenticate", "Rebhuhn", "deadbeef"),
)
"""Parts of words that only hosts, guests and networks have."""


class Planted:
    """A box with private words in every source, and a harmless word beside them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.box = Raspberry(folder)
        spool = self.box.spool
        self.key_file = folder / "key-file"
        self.key_file.write_text("ckEy8Pirol\n")
        self.config_file = folder / "config.toml"
        self.config_file.write_text(CONFIG.format(key_file=self.key_file, spool=spool.directory))
        loaded, _ = parse(self.config_file.read_text(), self.config_file)
        self.box.know(config=loaded)
        self._fill_spool()
        choices.write(spool.directory, loaded, Choices(link_id="Stieglitz5ab", paused=True))
        self.box.booth(name="Sperlings Kiste", version=__version__)
        self.box.uploader(
            state=UploaderState.PORTAL,
            reason="Wachtel WLAN wants https://portal.gimpelhotel.example/in",
            events=(EventReport("Rohrdommel9", "ElsterAlbum", "Rohrdommels Ball", 1, 2),),
            wifi=WifiReport("Wachtel WLAN", 44, "The Wi-Fi is weak (Wachtel WLAN, 44 %).", "wifi_weak"),
        )
        self._fill_system()
        self._fill_journal(patch)
        patch.setenv("PIBOOTHUP_RUNTIME", str(folder / "pelikan-folder"))
        self.report()

    def report(self) -> None:
        """Write the services' reports, as of now."""
        for service, report in (("booth", self.box.facts.booth), ("uploader", self.box.facts.uploader)):
            assert report is not None
            status.write(runtime_of(self.folder), service, report.to_json())

    def _fill_spool(self) -> None:
        spool = self.box.spool
        spool.write_events(
            [AlbumEvent("Zwölf & Söhne Sommerfest", "WiedehopF12x", (Album("ElsterAlbum", "Zaunkönigs Tanz"),))]
        )
        for number, event in enumerate(("WiedehopF12x", "WiedehopF12x", "Dompfaff77yz", "")):
            take(spool, jpeg(number), context_for(event, "", "once"))
        handover.park(spool, next(iter(spool.names("new"))), "The Truthahn refuses it.")
        (spool.directory / "new" / "Reiher.jpg").write_text("Reiher")
        (spool.directory / "Milanfotos").mkdir()

    def _fill_system(self) -> None:
        box = self.box
        box.write(
            "/etc/NetworkManager/system-connections/home.nmconnection",
            "[connection]\nid=Rebhuhn\n[wifi]\nssid=Kiebitz Netz\n[wifi-security]\npsk=eulenspiegel-9\n",
        )
        box.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        box.write(
            "/var/lib/dpkg/status",
            "Package: libcamera0.5\nStatus: ok\nVersion: 0.5.2+rpt1\n\nPackage: rebhuhn\nVersion: 1\n",
        )

    def _fill_journal(self, patch: pytest.MonkeyPatch) -> None:
        """A program in the place of journalctl: no test may write to this computer's journal. It filters nothing."""
        lines = [entry(*line.split(" ", maxsplit=1)) for line in LINES.splitlines()]
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "lines").write_text("\n".join([*lines, "no JSON", "[1]", "{}"]))
        program = self.folder / "bin" / "journalctl"
        program.write_text(f'#!/bin/sh\necho "$@" >>{self.folder}/bin/asked\ncat {self.folder}/bin/lines\n')
        program.chmod(0o755)
        patch.setenv("PATH", f"{self.folder / 'bin'}:{os.environ['PATH']}")

    def status(self) -> Mapping[str, object]:
        with contextlib.suppress(PermissionError):
            self.report()
        return read_status(self.box.facts)

    def make(self, panel: Callable[[], bytes] = lambda: b"picture") -> dict[str, bytes]:
        content, self.missing = bundle_parts.make(self.box.facts, self.config_file, self.status, panel)
        return parts(content)


def runtime_of(folder: Path) -> Path:
    made = folder / "pelikan-folder"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


def entry(unit: str, message: str | list[int], boot: str = "b2") -> str:
    """A line of `journalctl --output json`."""
    of = {"_TRANSPORT": "kernel"} if unit == "kernel" else {"_SYSTEMD_UNIT": f"{unit}.service"}
    times = {"__REALTIME_TIMESTAMP": "1795900000000000", "__MONOTONIC_TIMESTAMP": "12500000"}
    return json.dumps({"MESSAGE": message, "_BOOT_ID": boot, **of, **times})


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name) for name in bundle.namelist()}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    return Planted(tmp_path, monkeypatch)


def test_a10_no_private_word_of_any_source_is_in_the_bundle(planted: Planted) -> None:
    made = planted.make()
    assert (set(made), planted.missing) == (PARTS, [])
    for name, content in made.items():
        text = content.decode(errors="replace")
        assert [word for word in CANARIES if word.lower() in text.lower()] == [], name


def test_a10_each_source_is_read(planted: Planted) -> None:
    told = {name: content.decode(errors="replace") for name, content in planted.make().items()}
    assert "capture.countdown_s = 7" in told["config.txt"]
    assert 'timezone = "Europe/Lisbon"' in told["config.txt"]
    assert f"eventpics.link_id = {REMOVED}" in told["config.txt"]
    assert "# chosen at the box: paused = true" in told["config.txt"]
    report = json.loads(told["status.json"])
    assert report["uploader"]["state"] == "portal"
    assert report["uploader"]["wifi"] == {
        "ssid": REMOVED,
        "signal": 44,
        "reason": f"The Wi-Fi is weak ({REMOVED}, 44 %).",
    }
    assert [event["number"] for event in report["events"]] == [1, 2, 3]
    assert sum(event["taken"] for event in report["events"]) == 4
    assert "new/0001       3 photos;" in told["spool.txt"]
    assert "contexts       2 contexts, 1 contexts without event;" in told["spool.txt"]
    assert "beside them" in told["spool.txt"]
    assert "ok       camera" in told["doctor.txt"]
    assert json.loads(told["doctor.json"])["version"] == __version__
    assert f"piboothup   {__version__}" in told["versions.txt"]
    assert "board       Raspberry Pi Zero 2 W Rev 1.0" in told["versions.txt"]
    assert "package     libcamera0.5 0.5.2+rpt1" in told["versions.txt"]
    assert told["panel.png"] == "picture"


def test_a10_the_journal_still_says_what_went_wrong(planted: Planted) -> None:
    made = planted.make()
    lines = made["journal.txt"].decode().splitlines()
    assert lines[0].endswith(
        "piboothup-uploader: INFO piboothup.uploader.session link state=portal reason=portal marker=21"
    )
    assert lines[0].split()[:4] == ["0", "12.500", "2026-11-28", "21:06:40"]
    text = "\n".join(lines)
    for kept in (
        "number=22",
        'File "/usr/lib/python3/dist-packages/piboothup/booth/service.py", line 123, in run',
        "piboothup.booth.errors.BoothError:",
        "OSError: [Errno 28] No space left on device",
        "reason=[Errno 121] Remote I/O error",
        "photo=K7QX-0003-0012.jpg number=23",
        "context=abcd0001",
        "piboothup.spool.listing ignored",
        "reason=ours not",
        "kind=disk",
        "signal=55",
        "at 10:04:33",
    ):
        assert kept in text
    kernel = made["kernel.txt"].decode().splitlines()
    assert [line.split("kernel: ")[1].split()[0] for line in kernel] == [
        *("hwmon", "mmc0:", "EXT4-fs", "Out", "i2c-bcm2835", "brcmfmac:")
    ]
    assert "version 7.45.98" in kernel[-1]


def test_a10_of_the_journal_only_our_units_are_asked_for(planted: Planted) -> None:
    planted.make()
    ours, kernel = (planted.folder / "bin" / "asked").read_text().splitlines()
    assert [word for word in ours.split() if word.startswith("piboothup")] == list(journal.UNITS)
    assert {
        path.stem.replace("@", "@*") for path in (Path(__file__).parents[3] / "systemd" / "system").glob("*.service")
    } == set(journal.UNITS)
    assert "_TRANSPORT=kernel" in kernel.split()
    assert "--unit" not in kernel.split()


def test_a10_words_of_the_card_and_of_our_profiles_are_private(planted: Planted) -> None:
    network = WifiNetwork("Zeisig \\ Netz", Secret("zilpzalp \\ 12 "), Security.WPA)
    profile = keyfile(network).reveal()
    planted.box.write("/etc/NetworkManager/system-connections/piboothup-1.nmconnection", profile)
    on_card = "[eventpics]\r\nlink_id = “Goldammer7”\r\n[[wifi]]\r\nssid = “Schwalbe”\r\npassword = “drossel 123”"
    planted.box.write("/boot/firmware/piboothup.toml.txt", "")
    planted.box.path("/boot/firmware/piboothup.toml.txt").write_bytes(b"\xff\xfe" + on_card.encode("utf-16-le"))
    (planted.folder / "settings.toml").write_text('[eventpics]\nlink_id = "Bluthaenfling1"\n# complete\n')
    planted.box.path("/etc/piboothup").mkdir(parents=True, exist_ok=True)
    note_result(planted.box.path("/etc/piboothup"), "Stieglitz", WifiResult.PASSWORD)
    said = r"Stieglitz Zeisig \ Netz zilpzalp \ 12 Goldammer7 Schwalbe drossel 123 Bluthaenfling1 password country"
    (planted.folder / "bin" / "lines").write_text(entry("piboothup-setup", said))
    made = planted.make()
    assert made["journal.txt"].decode().endswith("password country\n")
    for word in ("Zeisig", "zilpzalp", "Goldammer", "Schwalbe", "drossel", "Bluthaen", "Stieglitz"):
        assert [name for name, content in made.items() if word.encode() in content] == []


def test_a10_a_key_no_one_may_read_is_found_by_its_form(planted: Planted) -> None:
    planted.box.table("eventpics", api_key_file=str(planted.folder / "gone"))
    lines = planted.folder / "bin" / "lines"
    lines.write_text(entry("piboothup-uploader", "sent epk_0a1B2c3D4e5F6a7B8c9D0e1F and password: a b=c"))
    text = planted.make()["journal.txt"].decode()
    assert "epk_" not in text
    assert "a b" not in text
    assert f"sent {REMOVED}" in text


@pytest.mark.parametrize(
    ("config", "private"),
    [
        ('name = "Reihers\n[eventpics\nlink_id = "Milan77x"', ("Reihers", "Milan77x")),
        ("Reiher = 1\n\0", ("Reiher",)),
        ("[eventpics]\napi_key = 'Milan' # Reiher", ("Milan",)),
    ],
)
def test_a10_a_broken_configs_words_are_private_too(planted: Planted, config: str, private: tuple[str, ...]) -> None:
    planted.config_file.write_text(config)
    (planted.folder / "bin" / "lines").write_text(entry("piboothup-booth", " ".join(["it says", *private, "so"])))
    assert f"it says {' '.join([REMOVED] * len(private))} so" in planted.make()["journal.txt"].decode()


def test_a10_what_is_missing_is_named_with_its_remedy(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_panel() -> bytes:
        raise PartLeftOut("no booth is seen at portal.gimpelhotel.example; run it with sudo.")

    def denied() -> Mapping[str, object]:
        raise PermissionError(13, "Permission denied", "/var/lib/Reiher")

    def defect(_redact: Callable[[str], str]) -> list[str]:
        raise ZeroDivisionError("Reiher")

    monkeypatch.setattr(planted, "status", denied)
    monkeypatch.setattr(journal, "kernel", defect)
    (planted.folder / "bin" / "lines").write_text("")
    planted.box.table("spool", directory="/nowhere/Reiher")
    made = planted.make(no_panel)
    assert set(made) == PARTS - {"panel.png", "status.json", "kernel.txt", "journal.txt", "spool.txt"}
    told = made[LEFT_OUT].decode()
    for line in planted.missing:
        assert f"- {line}\n" in told
    assert [line.partition(":")[0] for line in planted.missing] == [
        *("journal.txt", "kernel.txt", "status.json", "spool.txt", "panel.png")
    ]
    assert "status.json: Permission denied; run it with sudo" in told
    assert "kernel.txt: it can't be made (ZeroDivisionError)." in told
    assert "panel.png: no booth is seen at [removed]; run it with sudo." in told
    assert "Reiher" not in told


def test_a10_a_card_that_hangs_holds_up_no_bundle(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer is played: what lists the spool waits until the end of the test."""
    listed, is_over = os.scandir, threading.Event()

    def scandir(path: str | Path) -> object:
        if Path(path) == planted.box.spool.directory:
            is_over.wait(PATIENCE_S)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    try:
        content, missing = bundle_parts.make(
            planted.box.facts, planted.config_file, planted.status, lambda: b"picture", deadline_s=2.0
        )
    finally:
        is_over.set()
    made = parts(content)
    assert {line.partition(":")[0] for line in missing} == PARTS - set(made) >= {"spool.txt", "journal.txt"}
    assert "spool.txt: the card does not answer; wait, or pull the plug" in made[LEFT_OUT].decode()
    assert {"doctor.txt", "kernel.txt", "panel.png", "status.json"} <= set(made)
    assert [name for name, content in made.items() for word in CANARIES if word.encode() in content] == []


def test_a10_a_journal_that_no_one_may_read_is_named(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    (planted.folder / "bin" / "lines").write_text("")
    for uid, word in ((1000, "sudo"), (0, "holds no such line")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        planted.make()
        assert [word in line for line in planted.missing] == [True, True]
    monkeypatch.setenv("PATH", str(planted.folder))
    planted.make()
    assert ["there is no journal" in line for line in planted.missing] == [True, True]


@needs_users
def test_a10_a_user_without_rights_gets_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folder is root's alone
        Path(folder).chmod(0o711)
        planted = Planted(Path(folder), monkeypatch)
        planted.key_file.chmod(0o400)
        planted.box.spool.directory.chmod(0o2770)  # as on a box
        assert set(planted.make()) == PARTS
        with user(UPLOADER):
            made = planted.make()
    assert PARTS - set(made) == {"spool.txt", "status.json", "journal.txt"}
    assert ["sudo" in line for line in planted.missing] == [True, True, True]
    assert b"capture.countdown_s = 7" in made["config.txt"]
    assert b"Undervoltage" in made["kernel.txt"]
    assert [name for name, content in made.items() for word in CANARIES if word.encode() in content] == []


def test_a10_the_bundle_is_in_order_and_bears_no_time(planted: Planted) -> None:
    content, _ = bundle_parts.make(planted.box.facts, planted.config_file, planted.status, lambda: b"picture")
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        assert bundle.namelist() == sorted(PARTS)
        assert {entry.date_time for entry in bundle.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def shown_by(folder: Path, view: View) -> None:
    """Let a booth's panel show this."""
    panel = PanelThread(PanelDevice(), HandClock(), folder)
    panel.show(view)
    panel.run_once()


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(planted: Planted) -> Iterator[Planted]:
    """A box whose booth shows an event's title, and whose services report every second, however long it takes."""
    shown_by(runtime_of(planted.folder), View(state=BoothState.READY, event_title="Anna & Ben", photos=3))
    is_over = threading.Event()

    def report() -> None:
        while not is_over.wait(1.0):
            planted.report()

    thread = threading.Thread(target=report, name="reports")
    thread.start()
    yield planted
    is_over.set()
    thread.join()


def bundle(desk: Planted, file: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return run(runtime_of(desk.folder), "--config", desk.config_file, "support-bundle", file, **more)


def test_a10_the_command_writes_it_for_its_user_alone(desk: Planted) -> None:
    file = desk.folder / "bundle.zip"
    file.write_text("the one before")
    file.chmod(0o644)
    result = bundle(desk, file)
    assert (result.returncode, "left out" in result.stderr) == (0, False)
    assert result.stdout.startswith(f"{file} is written (")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = parts(file.read_bytes())
    assert set(made) == PARTS
    assert [name for name, content in made.items() for word in CANARIES if word.encode() in content] == [
        "journal.txt"
    ]
    assert "met Kiebitz Netz" in made["journal.txt"].decode()  # of this computer's networks it is none
    with Image.open(io.BytesIO(made["panel.png"])) as picture:
        assert picture.size == (128, 64)
        assert picture.crop((0, 0, 128, 13)).getcolors() == [(128 * 13, 128)]
        expected = screens.draw(View(state=BoothState.READY, event_title="Anna & Ben", photos=3)).convert("L")
        below = (0, 13, 128, 64)
        assert picture.crop(below).tobytes() == expected.crop(below).tobytes()
    assert not [path for path in desk.folder.iterdir() if path.name.startswith(".bundle")]


def test_a10_a_dash_is_standard_output_but_no_terminal(desk: Planted) -> None:
    line = command("--config", desk.config_file, "support-bundle", "-")
    settings = environment(runtime_of(desk.folder))
    piped = subprocess.run(line, env=settings, capture_output=True, timeout=PATIENCE_S, check=False)
    assert (piped.returncode, set(parts(piped.stdout))) == (0, PARTS)
    ours, theirs = pty.openpty()
    try:
        shown = subprocess.run(
            line, env=settings, stdout=theirs, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert shown.returncode == 1
    assert "terminal: name a file" in shown.stderr.decode()


def test_a10_a_file_that_cant_be_is_told_with_a_remedy(desk: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = desk.folder / "pipe"
    os.mkfifo(pipe)
    link = desk.folder / "link"
    link.symlink_to(desk.config_file)
    for file, remedy in (
        (desk.folder, "is a folder: name a file in it"),
        (pipe, "is no plain file: name another"),
        (link, "is no plain file: name another"),
        (Path("/dev/null"), "is no plain file: name another"),
        (desk.folder / "none" / "b.zip", "make it, or name another"),
        (desk.config_file / "b.zip", "name a file that you may write"),
        (Path("/proc/b.zip"), "name"),
    ):
        assert main(["--config", str(desk.config_file), "support-bundle", str(file)]) == 1, file
        told = capsys.readouterr().err.splitlines()[-1]  # before it stands what is no photo of ours
        assert told.startswith(f"piboothup: {file} "), file
        assert remedy in told, file
    assert link.is_symlink() and Path("/dev/null").is_char_device()


def test_a10_a_full_disk_keeps_the_bundle_before(desk: Planted, mounts: MountNamespace) -> None:
    disk = desk.folder / "disk"
    mounts.mount("tmpfs", disk, "size=8k")
    mounts.run("sh", "-c", f"echo before >{disk}/b.zip")
    words = command("--config", desk.config_file, "support-bundle", disk / "b.zip")
    result = subprocess.run(
        mounts.command(*words),
        env=environment(runtime_of(desk.folder)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 1
    told = result.stderr.splitlines()[-1]
    assert told.endswith(
        "b.zip can't be written (No space left on device): free some room there, or name a file on another disk."
    )
    mounts.run("sh", "-c", f'[ "$(cat {disk}/b.zip)" = before ] && [ "$(ls -A {disk})" = b.zip ]')


@needs_users
def test_a10_who_used_sudo_may_read_the_bundle(desk: Planted) -> None:
    file = desk.folder / "b.zip"
    assert bundle(desk, file, SUDO_UID="64005", SUDO_GID="64006").returncode == 0
    assert (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (64005, 64006, 0o600)
