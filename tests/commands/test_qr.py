"""`piboothup qr`: its codes, read back from terminal, picture and sheet; the renter's table; no secret in words."""

from __future__ import annotations

import io
import os
import pty
import re
import stat
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from piboothup import config
from piboothup.cli import main
from piboothup.commands.qr.bookings import read_table
from piboothup.config import Secret
from piboothup.config.codes import BoothCode, GuestLink, Security, WifiNetwork, parse
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S

KEY, PASSWORD = "canary-key-01234", "canary-password;1"
BARN = WifiNetwork("Barn", Secret(PASSWORD), Security.WPA)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box's config, with a file for its key."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    file = tmp_path / "config.toml"
    file.write_text(
        f'config_version = 1\nname = "Box 7"\nlanguage = "de"\ntimezone = "Europe/Berlin"\n'
        f'[eventpics]\napi_key_file = "{tmp_path}/key"\nlink_id = "aB3dEf6hIj1L"\nalbum_id = "a1"\n'
        f'[spool]\ndirectory = "{tmp_path}/spool"\n'
    )
    return file


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def read(picture: np.ndarray[Any, Any]) -> str:
    (found,) = zxingcpp.read_barcodes(np.ascontiguousarray(picture))
    return found.text


def from_terminal(text: str) -> str:
    """The text of the code in half blocks: a character is a module above another."""
    lines = re.findall(r"\x1b\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\[0m", text)
    dark = [[[mark in "▀█" for mark in line], [mark in "▄█" for mark in line]] for line in lines]
    modules = np.where(np.array(dark).reshape(2 * len(lines), -1), 0, 255).astype(np.uint8)
    return read(modules.repeat(4, 0).repeat(4, 1))


def test_u08_qr_shows_what_the_box_has(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(box), "qr"]) == 0
    said = capsys.readouterr()
    wanted = BoothCode(Secret(KEY), "aB3dEf6hIj1L", "a1", None, "Box 7", "", "de", "Europe/Berlin")
    assert parse(from_terminal(said.out)) == wanted
    assert "Event aB3dEf6hIj1L" in said.err and "ganzen EventPics-Konto" in said.err


def test_u08_qr_takes_key_and_wifi_from_standard_input(
    box: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "canary-key-other", "Barn", PASSWORD)
    words = ["qr", "--ask-key", "--wifi", "--country", "ch", "--event", "HTTPS://App.EventPics.net/abcd1234"]
    assert main(["--config", str(box), *words]) == 0
    wanted = BoothCode(Secret("canary-key-other"), "abcd1234", "", BARN, "Box 7", "CH", "de", "Europe/Berlin")
    assert parse(from_terminal(capsys.readouterr().out)) == wanted


@pytest.mark.parametrize(
    ("lines", "words", "network"),
    [
        (["Barn", PASSWORD], [], BARN),
        (["Scheune 🌻", "grün🌻🌻"], [], WifiNetwork("Scheune 🌻", Secret("grün🌻🌻"), Security.WPA)),
        (["Barn", ""], ["--hidden"], WifiNetwork("Barn", hidden=True)),
        (["Barn", "short"], ["--wpa3"], WifiNetwork("Barn", Secret("short"), Security.SAE)),
    ],
)
def test_c12_qr_of_a_wifi_is_as_phones_make_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str],
    words: list[str],
    network: WifiNetwork,
) -> None:
    typed(monkeypatch, *lines)
    assert main(["qr", "wifi", *words]) == 0
    text = from_terminal(capsys.readouterr().out)
    assert text.startswith("WIFI:")
    assert parse(text) == network


def test_u07_qr_of_the_event_is_the_guests_link(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = box.read_text().replace("[spool]", 'album_url = "https://photos.example/{link_id}"\n[spool]')
    box.write_text(own)
    assert main(["--config", str(box), "qr", "event"]) == 0
    assert from_terminal(capsys.readouterr().out) == "https://photos.example/aB3dEf6hIj1L"


def test_u08_qr_as_picture_is_private(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "code.png"
    file.write_bytes(b"old")
    assert main(["--config", str(box), "qr", "--png", str(file)]) == 0
    with Image.open(file) as picture:
        code = parse(read(np.asarray(picture.convert("L"))))
    assert isinstance(code, BoothCode)
    assert code.key == Secret(KEY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "is written" in capsys.readouterr().out


TABLE = f'''booking,Name,key,event,album,ssid,password,security,hidden,country,language,timezone
"Wedding, 12 June",Box 1,{KEY},https://app.eventpics.net/aB3dEf6hIj1L,a1,Barn,"{PASSWORD}",,yes,de,de,Europe/Berlin

"<b>Fair & ""Co""",Box 2,,abcd1234,,Hall,,,,,,
,,,,,Lodge,short,WPA3,no,,,
'''
ROWS = [
    BoothCode(
        Secret(KEY),
        "aB3dEf6hIj1L",
        "a1",
        WifiNetwork("Barn", Secret(PASSWORD), Security.WPA, hidden=True),
        "Box 1",
        "DE",
        "de",
        "Europe/Berlin",
    ),
    BoothCode(None, "abcd1234", "", WifiNetwork("Hall"), "Box 2"),
    BoothCode(wifi=WifiNetwork("Lodge", Secret("short"), Security.SAE)),
]


@pytest.mark.parametrize(
    "text",
    [TABLE, "\ufeff" + TABLE.replace("\n", "\r\n"), TABLE.replace(",", ";"), TABLE.replace(",", "\t")],
    ids=["commas", "Excel", "semicolons", "tabs"],
)
def test_u08_table_has_a_code_for_each_row(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bookings.csv"
    file.write_bytes(text.encode())
    bookings = read_table(file)
    assert [booking.code for booking in bookings] == ROWS
    assert [booking.has_key for booking in bookings] == [True, False, False]
    codes = [booking.code for booking in read_table(file, Secret("shared"))]
    keys = [code.key for code in codes if isinstance(code, BoothCode)]
    assert keys == [Secret(KEY), Secret("shared"), Secret("shared")]


def test_u08_table_makes_a_private_page_for_each_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, sheet = tmp_path / "bookings.csv", tmp_path / "cards.html"
    table.write_text(TABLE)
    assert main(["qr", "--table", str(table), "--sheet", str(sheet)]) == 0
    text = sheet.read_text()
    assert text.count("<section>") == text.count("<svg") == 3
    assert "<h2>&lt;b&gt;Fair &amp; &quot;Co&quot;</h2>" in text and "Wedding, 12 June" in text
    assert "<b>" not in text and "http" not in re.sub(r"<svg[^>]*>", "", text)
    assert text.count('class="warn"') == 1
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    said = capsys.readouterr()
    assert "canary" not in text + said.out + said.err
    assert "pages: 3" in said.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no booking"),
        ("name\n", "no booking"),
        ("name,colour\nBox,red\n", "line 1: There is no column 'colour'"),
        ("name\nBox,red\n", "line 2: It has more fields"),
        ("ssid,password\nBarn,seven77\n", "line 2: The Wi-Fi's password"),
        ("name,event\nBox 1,abcd1234\nBox 2,a/b\n", "line 3: This is no event's id"),
        ("name,hidden\nBox,perhaps\n", "line 2: `hidden` should be one of no, false"),
        ("ssid,security\nBarn,WEP\n", "line 2: `security` should be one of wpa"),
        ('name\n"Box\n', "line 2: unexpected end of data"),
        (b"name\nM\xfcller\n", "save it as CSV in UTF-8"),
    ],
)
def test_u08_mistake_in_the_table_is_told_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, told: str
) -> None:
    file = tmp_path / "bookings.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["qr", "--table", str(file), "--sheet", str(tmp_path / "cards.html")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (tmp_path / "cards.html").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["qr", "--table", "bookings.csv"], "add --sheet"),
        (["qr", "wifi", "--table", "t.csv", "--sheet", "s.html"], "The table says"),
        (["qr", "--table", "nowhere.csv", "--sheet", "s.html"], "can't be read"),
        (["qr", "--png", "."], "is a folder"),
        (["qr", "--sheet", "no/folder.html", "--event", "abcd1234"], "its folder is not there"),
        (["qr", "event"], "No event is chosen"),
        (["qr", "--event", "a/b"], "no event's id"),
        (["qr", "--event", "abcd1234", "--country", "Germany"], "two letters"),
        (["qr"], "has no config"),
        (["qr", "--wifi"], "Wi-Fi name: it is read from standard input"),
    ],
)
def test_u08_qr_that_is_not_made_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "none.toml")
    monkeypatch.delenv("PIBOOTHUP_CONFIG", raising=False)
    monkeypatch.setattr(config.file, "DEFAULT_PATH", tmp_path / "none.toml")
    typed(monkeypatch)
    assert main(words) == 1
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_u08_qr_too_long_to_be_read_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, f"canary-key-{'k' * 290}")
    assert main(["qr", "booth", "--ask-key", "--png", str(tmp_path / "code.png")]) == 1
    said = capsys.readouterr()
    assert "too long for the booth to read: leave something out, so that it has at most 300" in said.err
    assert "canary" not in said.err + said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_u08_qr_in_a_terminal_asks_unseen_and_is_never_cut(tmp_path: Path) -> None:
    """A real terminal: what is typed as the password is not echoed, and a small window is told."""
    for columns, rows, fits in ((80, 40, True), (30, 40, False), (80, 12, False)):
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            command("qr", "wifi"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**environment(tmp_path / "run"), "TERM": "xterm"},
        )
        os.close(theirs)
        said = b""
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            for prompt, answer in (("Wi-Fi name: ", "Barn"), ("open network): ", PASSWORD)):
                while not said.endswith(prompt.encode()):
                    said += terminal.read(1)
                terminal.write(f"{answer}\n".encode())
            try:
                while block := terminal.read(4096):
                    said += block
            except OSError:  # the terminal is closed at the other end
                pass
        assert process.wait(PATIENCE_S) == (0 if fits else 1)
        text = said.decode()
        assert PASSWORD not in text
        assert parse(from_terminal(text)) == BARN if fits else "would be cut" in text


def test_u07_event_code_on_the_panel_is_a_guest_link() -> None:
    """The panel writes scheme and host in capitals, to save modules."""
    from piboothup.booth.panel.qr_screen import segments

    text = "".join(segments("https://app.eventpics.net/aB3dEf6hIj1L"))
    assert text.startswith("HTTPS://APP")
    assert parse(text) == GuestLink("aB3dEf6hIj1L")
