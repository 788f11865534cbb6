"""Every command in locales that can't spell what people call things: Latin-1, C and POSIX, made for real."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from piboothup.clock import SystemClock
from piboothup.commands.spool_queue import _Journal
from piboothup.simulator.appliance import Appliance, wait_until
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.effort import covering, sample
from tests.support.photos import jpeg, names_in_new, take

pytestmark = pytest.mark.process

TITLE, NAME, FOLDER = "Fête Łódź 🎉", "Łódź Booth", "Fête Łódź spool"
ASCII = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def latin_1(root: Path) -> dict[str, str]:
    """An environment in Latin-1."""
    into = root / "locales"
    into.mkdir(exist_ok=True)
    words = ["localedef", "--no-archive", "-i", "de_DE", "-f", "ISO-8859-1", str(into / "de_DE.ISO-8859-1")]
    if shutil.which("localedef") is None or subprocess.run(words, check=False, capture_output=True).returncode > 1:
        pytest.skip("SKIPPED: localedef can't make de_DE.ISO-8859-1 here (apt install locales)")
    return {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(into), "PYTHONUTF8": "0"}


LOCALES = ["Latin-1", "C", "POSIX"]


@pytest.fixture(params=sample(LOCALES, lambda name: name == "Latin-1"))
def locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a locale, which is in force. POSIX is another name of C."""
    return in_force(request.param, tmp_path_factory.getbasetemp())


@functools.cache
def in_force(name: str, root: Path) -> Mapping[str, str]:
    """The environment of this locale, seen to be in force."""
    made = latin_1(root) if name == "Latin-1" else {"LC_ALL": name, **ASCII}
    asked = [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding(), sys.stdout.encoding)"]
    found = subprocess.run(asked, env={**os.environ, **made}, capture_output=True, check=True).stdout.decode().lower()
    assert "utf" not in found
    return made


class Desk:
    """A desk with photos of an event, in a spool with a name of its own."""

    def __init__(self, root: Path, locale: Mapping[str, str]) -> None:
        self.root, self.locale = root, locale
        self.file = root / "config.toml"
        self.spool = Spool(root / FOLDER, SystemClock())
        (root / "Bilder Ł").mkdir()
        Image.new("RGB", (640, 480), (200, 30, 30)).save(root / "Bilder Ł" / "a.jpg")
        self.file.write_text(
            f'config_version = 1\nname = "{NAME}"\n[eventpics]\nlink_id = "abcd1234"\n'
            f'[spool]\ndirectory = "{self.spool.directory}"\nmin_free_mb = 10\n'
            f'[camera]\nframes = "{root}/Bilder Ł"\nsize = [640, 480]\n[devices]\nsimulated = true\n',
            encoding="utf-8",
        )

    def run(self, *words: str | Path, typed: bytes = b"") -> tuple[int, bytes]:
        """A command's exit status and what it wrote; it raises nothing."""
        process = subprocess.run(
            command("--config", self.file, *words),
            env=environment(self.root / "run", **self.locale),
            input=typed,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert b"Traceback" not in process.stderr + process.stdout, process.stderr
        assert b"surrogates" not in process.stderr
        return process.returncode, process.stdout + process.stderr


@pytest.fixture
def desk(tmp_path: Path, locale: Mapping[str, str]) -> Desk:
    made = Desk(tmp_path, locale)
    made.spool.prepare()
    made.spool.start("booth")
    made.spool.write_events([AlbumEvent(TITLE, "abcd1234", (Album("a1", "Älbum ŁŁ"),))])
    for number in range(2):
        take(made.spool, jpeg(number))
    return made


def test_f15_export_writes_utf8_names_in_any_locale(desk: Desk) -> None:
    stick = desk.root / "stick"
    assert desk.run("queue", "export", stick)[0] == 0
    found = [path for path in os.listdir(os.fsencode(stick)) if not path.startswith(b".")]
    assert found == [TITLE.encode()]
    assert len(os.listdir(os.fsencode(stick / TITLE))) == 2
    status, told = desk.run("queue", "export", stick)
    assert status == 0
    assert told.startswith(b"0 copied, 2 were there already")


def test_f15_json_is_ascii_in_any_locale(desk: Desk) -> None:
    status, told = desk.run("status", "--json")
    assert status == 0
    report = json.loads(told.decode("ascii"))
    assert (report["name"], report["events"][0]["title"]) == (NAME, TITLE)


def test_e5_numbers_are_told_in_any_locale(desk: Desk) -> None:
    status, told = desk.run("queue", "list", "--json")
    assert status == 0
    assert json.loads(told.decode("ascii"))["events"][0]["title"] == TITLE
    desk.file.write_text(f'language = "de"\n{desk.file.read_text(encoding="utf-8")}', encoding="utf-8")
    status, told = desk.run("queue", "report", "abcd1234")
    assert status == 0
    assert b"0 von 2 Fotos sind im Album" in told


COMMANDS = [
    (["status"], 0),
    (["queue", "list"], 0),
    (["queue", "report", "Ärger Ł"], 1),
    (["queue", "retry"], 0),
    (["queue", "wipe"], 2),
    (["queue", "wipe", "--event", "Ärger Ł", "--unsent"], 1),
    (["queue", "wipe", "--event", "abcd1234", "--unsent"], 1),
    (["queue", "assign", "--from", "abcd1234", "--to", "wxyz9876"], 1),
    (["queue", "export", "/dev/null/Łódź"], 1),
    (["queue", "export", "--spool", "Łódź", "x"], 1),
    (["camera"], 0),
    (["camera", "Ł.jpg"], 0),
    (["screen", "Ł.png"], 1),
    (["events"], 1),
    (["press"], 1),
    (["Łódź"], 2),
    (["--config", "Łódź.toml", "status"], 2),
]
"""What is typed, and the exit status."""


@pytest.mark.parametrize(
    ("locale", "command_line"),
    covering(LOCALES, sample(COMMANDS, lambda case: (case[0][0], case[1]))),
    indirect=["locale"],
)
def test_f15_every_command_answers_in_any_locale(
    desk: Desk, command_line: tuple[list[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, status = command_line
    monkeypatch.chdir(desk.root)
    assert desk.run(*words, typed="zwölf Ł\n".encode("utf-16"))[0] == status


def test_f15_wipe_tells_a_title_the_journal_can_take(desk: Desk) -> None:
    assert desk.run("queue", "wipe", "--event", "abcd1234", "--unsent", typed=b"2\n")[0] == 0
    assert names_in_new(desk.spool) == []


@pytest.mark.parametrize("text", ["a \udcc3 b", "a \0 b", "Łódź"])
def test_f15_the_journal_takes_any_bytes_of_a_path(text: str) -> None:
    _Journal().emit(logging.LogRecord("piboothup", logging.INFO, __file__, 1, "left %s", (text,), None))


def test_f15_events_are_listed_in_any_locale(desk: Desk) -> None:
    with LocalEventPics(desk.root / "album", SystemClock()) as album:
        table = f'[eventpics]\napi_key = "{DEMO_KEY}"\napi_url = "{album.url}"\n'
        desk.file.write_text(desk.file.read_text(encoding="utf-8").replace("[eventpics]\n", table), encoding="utf-8")
        assert desk.run("events")[0] == 0


@contextlib.contextmanager
def booth(box: Appliance, notify: Path, **more: str) -> Iterator[None]:
    """The booth as systemd starts it, once it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, box.log.open("ab") as log:
        systemd.bind(str(notify))
        systemd.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            command("--config", box.config, "booth"),
            env=environment(box.runtime, NOTIFY_SOCKET=str(notify), **more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            assert systemd.recv(100) == b"READY=1"
            yield
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("locale", sample(LOCALES[1:] + LOCALES[:1], lambda _: "any"), indirect=True)
def test_f15_photos_are_saved_in_any_locale(tmp_path: Path, locale: Mapping[str, str]) -> None:
    box = Appliance(tmp_path / "box", "http://127.0.0.1:9", DEMO_KEY, name=NAME, review_s=0.1)
    spool = box.spool.directory.with_name(FOLDER)
    text = box.config.read_text(encoding="utf-8").replace(str(box.spool.directory), str(spool))
    box.spool = Spool(spool, SystemClock())
    for number, written in enumerate((text, "name = [")):  # the second finds no spool, and is told about one
        box.config.write_text(
            written if number == 0 else f'{written}\n[spool]\ndirectory = "{spool}"\n', encoding="utf-8"
        )
        with booth(box, tmp_path / f"notify{number}", **locale):
            box.take(PATIENCE_S)
            wait_until(lambda: len(box.photos(NEW)) == number + 1, "the photo", PATIENCE_S)  # noqa: B023
    log = box.log.read_bytes()
    assert b"Traceback" not in log
    assert b"config not kept" not in log
