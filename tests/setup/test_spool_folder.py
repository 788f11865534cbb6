"""Drop-ins that open the folder of the photos to both services. tests/lab/package tries them under systemd."""

from __future__ import annotations

import codecs
import configparser
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from types import SimpleNamespace

import pytest

from piboothup import config
from piboothup.cli import main
from piboothup.commands import setup
from piboothup.setup import spool_folder
from piboothup.setup.errors import Refused
from piboothup.setup.spool_folder import OPEN, SERVICES, set_open, to_open
from tests.support.users import BOOTH, GROUP, IS_ROOT, needs_users, user

UNITS = Path(__file__).parents[2] / "systemd/system"


@pytest.mark.parametrize("service", SERVICES)
def test_a14_folders_that_count_as_open_are_the_units(service: str) -> None:
    text = (UNITS / service).read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("ReadWritePaths=")]
    assert {PurePath(word.removeprefix("-")) for word in line.partition("=")[2].split()} == set(OPEN)


@pytest.mark.parametrize(
    ("target", "opened"),
    [
        *[(f"{folder}/photos", None) for folder in map(str, OPEN)],
        ("/var/lib/piboothup", None),
        ("/data", "/data"),
        ("/data/disk/photos", "/data"),
        ("/photos of März 'n' all", "/photos of März 'n' all"),
        ("/opt/photos/2026", "/opt/photos"),
    ],
)
def test_a14_folder_outside_of_the_units_is_opened(target: str, opened: str | None) -> None:
    assert to_open(PurePath(target)) == (opened and PurePath(opened))


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/etc", "/etc/piboothup/photos", "/usr/local/photos", "/boot/firmware", "/lib64/x", "/home/pi/photos"),
        *("/root", "/tmp/photos", "/var", "/var/spool/cron", "/var/log", "/opt", "/proc/self", "/sys"),  # noqa: S108
        *("photos", "//", "/data\n[Service]\nUser=root", "/100%h", '/a" -/etc "', "/back\\slash", "/\udcff", "/\x7f"),
    ],
)
def test_a14_folder_of_the_system_or_odd_name_is_refused(target: str) -> None:
    with pytest.raises(Refused):
        to_open(PurePath(target))


def drop_ins(units: Path) -> dict[str, str]:
    """What the drop-ins open."""
    found = {}
    for path in units.rglob("*.conf"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(path, encoding="utf-8")
        found[path.parent.name.removesuffix(".d")] = parser["Service"]["ReadWritePaths"]
    return found


def test_a14_drop_ins_are_written_once_and_removed(tmp_path: Path) -> None:
    assert not set_open(None, tmp_path)
    assert set_open(PurePath("/data"), tmp_path)
    assert drop_ins(tmp_path) == dict.fromkeys(SERVICES, '"-/data"')
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*.conf")}
    assert not set_open(PurePath("/data"), tmp_path)
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} | before == {
        path: path.stat().st_ino for path in tmp_path.rglob("*")
    }
    assert {path.stat().st_mode & 0o777 for path in before} == {0o644}
    next(iter(before)).unlink()  # the plug was pulled between the two
    assert set_open(PurePath("/data"), tmp_path)
    assert set_open(PurePath("/photos"), tmp_path)
    assert drop_ins(tmp_path) == dict.fromkeys(SERVICES, '"-/photos"')
    assert set_open(None, tmp_path)
    assert drop_ins(tmp_path) == {}


Set = Callable[[str], int]


@pytest.fixture
def box() -> Iterator[Path]:
    """A folder that the box's users may walk to from /."""
    folder = Path(tempfile.mkdtemp()).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def calls(box: Path) -> Path:
    """What the program in systemctl's place was called with."""
    return box / "systemctl.calls"


@pytest.fixture
def open_spool(box: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Set:
    """The command, after this text is the config; with a program that notes its arguments in systemctl's place."""
    for encoding in ("ascii", "utf-8-sig"):  # a Python below /root can't be read by the booth's user
        codecs.lookup(encoding)
    program = box / "systemctl"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.calls"\n[ ! -f next.toml ] || mv next.toml config.toml\n')
    program.chmod(0o755)
    monkeypatch.setattr(spool_folder, "SYSTEMCTL", str(program))
    monkeypatch.setattr(setup, "UNITS", box / "units")
    monkeypatch.setattr(config, "DEFAULT_PATH", Path("config.toml"))
    monkeypatch.setattr("piboothup.config.file.DEFAULT_PATH", Path("config.toml"))
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", Path("spool"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=BOOTH, pw_gid=GROUP))
    if not IS_ROOT:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    for folder in ("units", "spool"):
        (box / folder).mkdir()
    os.chown(box / "spool", BOOTH, GROUP)
    monkeypatch.chdir(box)

    def run(text: str) -> int:
        Path("config.toml").write_text(text, encoding="utf-8")
        return main(["setup", "spool"])

    return run


needs_root = needs_users if not IS_ROOT else pytest.mark.process
"""Without root nobody can act as the booth."""


def naming(directory: str) -> str:
    return f'config_version = 1\nname = "Lab"\n[spool]\ndirectory = "{directory}"\nallow_memory = true\n'


@needs_root
def test_a14_config_that_names_a_folder_opens_it_once(open_spool: Set, calls: Path) -> None:
    for _ in range(2):
        assert open_spool(naming("/data/photos")) == 0
        assert drop_ins(Path("units")) == dict.fromkeys(SERVICES, '"-/data"')
        assert calls.read_text().splitlines() == ["daemon-reload", f"--no-block try-restart {' '.join(SERVICES)}"]
    assert open_spool(naming("/srv/photos")) == 0
    assert drop_ins(Path("units")) == {}
    assert len(calls.read_text().splitlines()) == 4


@needs_root
@pytest.mark.parametrize(
    ("then", "opened"), [("/opt/photos", "/opt/photos"), ("/srv/photos", ""), ("/etc/photos", "")]
)
def test_a14_a_config_that_changes_meanwhile_counts(open_spool: Set, then: str, opened: str) -> None:
    """The restart for it finds this running, and does not start it again."""
    Path("next.toml").write_text(naming(then))
    assert open_spool(naming("/data/photos")) == (1 if then == "/etc/photos" else 0)
    assert drop_ins(Path("units")) == (dict.fromkeys(SERVICES, f'"-{opened}"') if opened else {})


@needs_root
def test_a14_what_links_lead_to_is_opened(open_spool: Set, box: Path) -> None:
    """To a folder that is not there yet: its disk comes late."""
    (box / "photos").symlink_to("/data/2026")
    (box / "link").symlink_to("photos/album")
    assert open_spool(naming(str(box / "link"))) == 0
    assert drop_ins(Path("units")) == dict.fromkeys(SERVICES, '"-/data"')


@needs_root
def test_a14_folder_of_the_system_is_told_and_closed_again(
    open_spool: Set, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_spool(naming("/data/photos")) == 0
    capsys.readouterr()
    assert open_spool(naming("/etc/photos")) == 1
    told = capsys.readouterr().err
    assert "/etc/photos" in told
    assert "name a folder in /srv" in told
    assert drop_ins(Path("units")) == {}


@needs_root
def test_a14_broken_config_keeps_the_folder_open(open_spool: Set, calls: Path) -> None:
    """The booth saves where it last did; root's helper finds the same folder."""
    with user(BOOTH):
        Path("spool/config.good.directory").write_text("/data/photos\n")
    assert open_spool(naming("/data/photos")) == 0
    assert open_spool("config_version = 1\n[spool\n") == 0
    assert drop_ins(Path("units")) == dict.fromkeys(SERVICES, '"-/data"')
    assert len(calls.read_text().splitlines()) == 2


@needs_users
def test_a14_root_reads_no_file_of_the_booths_by_itself(open_spool: Set) -> None:
    """A booth that was taken over leads the helper to a file of root's: it is not read, as by the booth."""
    Path("secret").write_text("/data/photos\n")
    Path("secret").chmod(0o600)
    with user(BOOTH):
        Path("spool/config.good.directory").symlink_to("../secret")
    assert open_spool("config_version = 1\n[spool\n") in (0, 1)
    assert drop_ins(Path("units")) == {}


@needs_root
def test_a14_systemd_that_does_not_answer_is_told(
    open_spool: Set, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spool_folder, "SYSTEMCTL", "/bin/false")
    assert open_spool(naming("/data/photos")) == 1
    assert "can't be opened to the services" in capsys.readouterr().err


def test_a14_only_root_opens_a_folder(
    open_spool: Set, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: BOOTH)
    assert open_spool(naming("/data/photos")) == 1
    assert "Only root" in capsys.readouterr().err
    assert drop_ins(Path("units")) == {}
