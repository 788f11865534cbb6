"""`piboothup doctor --fix` on real folders, with systemd's own tools below a root of their own."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from piboothup.care import repairs as repairs_module
from piboothup.care.facts import State
from piboothup.care.repairs import repairs
from piboothup.commands.common import CommandFails
from piboothup.commands.doctor import mend
from piboothup.health import Check
from piboothup.spool.admin import lost_found
from piboothup.spool.admin.users import BOOTH, UPLOADER
from piboothup.spool.names import PhotoName
from tests.care.raspberry import Raspberry
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, take
from tests.support.users import needs_users

needs_tools = pytest.mark.skipif(
    not (shutil.which("systemd-tmpfiles") and shutil.which("systemd-sysusers")),
    reason="SKIPPED: systemd-tmpfiles and systemd-sysusers are not here",
)


def states(box: Raspberry, *checks: Check) -> list[State]:
    box.know()  # nothing that was read before is remembered
    lines = box.examine()
    return [lines[check].state for check in checks]


def test_a09_where_nothing_is_wrong_nothing_is_mended(box: Raspberry) -> None:
    assert list(repairs(box.facts)) == []


@needs_users
@needs_tools
@pytest.mark.process
def test_a09_folders_modes_and_owners_are_made_again(box: Raspberry, capsys: pytest.CaptureFixture[str]) -> None:
    key = box.path("/etc/piboothup/key")
    key.write_text("the key\n")
    os.chown(key, 12345, 12345)
    key.chmod(0o644)
    box.path("/run/piboothup/requests").rmdir()
    box.path("/var/lib/piboothup").chmod(0o755)
    assert states(box, Check.FILES) == [State.WARNING]
    mend(box.facts)
    assert "piboothup: to give our folders and the key's file their owners and modes" in capsys.readouterr().err
    assert states(box, Check.FILES) == [State.OK]
    assert key.read_text() == "the key\n"
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (os.getuid(), 0o400)
    assert list(repairs(box.facts)) == []


@needs_users
@needs_tools
@pytest.mark.process
def test_a09_users_and_groups_are_made_and_photos_stay(box: Raspberry) -> None:
    take(box.spool, jpeg(), PARTY)
    before = sorted(path for path in box.spool.directory.rglob("*"))
    for file, text in (("/etc/passwd", "root:x:0:0::/root:/bin/bash\n"), ("/etc/group", "root:x:0:\n")):
        box.write(file, text)
    assert states(box, Check.ACCOUNTS) == [State.WARNING]
    mend(box.facts)
    assert states(box, Check.ACCOUNTS, Check.FILES) == [State.OK, State.OK]
    users = box.facts.ids("/etc/passwd")
    assert users.keys() == {"root", BOOTH, UPLOADER}
    assert box.path("/run/piboothup/requests").stat().st_uid == users[BOOTH]
    assert sorted(path for path in box.spool.directory.rglob("*")) == before


def test_a09_files_that_spoil_networks_are_written(box: Raspberry, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("/etc/modprobe.d/zz-piboothup.conf", "/etc/cloud/cloud.cfg.d/99-piboothup.cfg"):
        box.remove(name)
    assert states(box, Check.RADIO, Check.FIRST_BOOT) == [State.WARNING, State.WARNING]
    mend(box.facts)
    told = capsys.readouterr().err
    assert "to have the Wi-Fi's driver leave out WPA3 (/etc/modprobe.d/zz-piboothup.conf)" in told
    assert "It counts from the box's next start on." in told
    assert states(box, Check.RADIO, Check.FIRST_BOOT) == [State.OK, State.OK]
    assert stat.S_IMODE(box.path("/etc/cloud/cloud.cfg.d/99-piboothup.cfg").stat().st_mode) == 0o644
    assert list(repairs(box.facts)) == []


def test_a09_a_radio_that_can_do_wpa3_keeps_it(box: Raspberry) -> None:
    box.remove("/etc/modprobe.d/zz-piboothup.conf")
    box.write("/sys/class/net/wlan0/device/device", "0xa9bf\n")
    assert list(repairs(box.facts)) == []


def test_a09_requests_that_nobody_took_are_removed(box: Raspberry, capsys: pytest.CaptureFixture[str]) -> None:
    folder = box.path("/run/piboothup/requests")
    outside = box.root / "precious"
    outside.write_text("stays")
    (folder / "link").symlink_to(outside)
    (folder / "folder").mkdir()
    (folder / "power-off").write_text("{}")
    asked_s = box.clock.wall_ns() / 1e9 - 3600
    for path in folder.iterdir():
        os.utime(path, (asked_s, asked_s), follow_symlinks=False)
    mend(box.facts)
    assert "to remove requests that nobody took (folder, link, power-off)" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    assert outside.read_text() == "stays"
    assert states(box, Check.FILES) == [State.OK]


def test_a09_a_request_of_now_is_left_to_roots_helper(box: Raspberry) -> None:
    request = box.path("/run/piboothup/requests/power-off")
    request.write_text("{}")
    now_s = box.clock.wall_ns() / 1e9
    os.utime(request, (now_s, now_s))
    assert list(repairs(box.facts)) == []
    assert states(box, Check.FILES) == [State.OK]


def test_a09_a_repair_that_fails_is_a_sentence(
    box: Raspberry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = lost_found.LostPhoto(PhotoName.parse(str(take(box.spool, jpeg(), PARTY))), Path("/nowhere"))  # type: ignore[arg-type]

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(lost_found, "find", lambda _: [photo])
    monkeypatch.setattr(lost_found, "give_back", refuse)
    with pytest.raises(CommandFails, match="Read-only file system"):
        mend(box.facts)
    assert "to copy photos back from lost+found (1)" in capsys.readouterr().err


def test_a09_a_lost_and_found_that_hangs_holds_up_no_check(
    box: Raspberry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers late: only root can make a real file system hang."""
    answers = threading.Event()
    monkeypatch.setattr(repairs_module, "_DEADLINE_S", 0.2)
    monkeypatch.setattr(lost_found, "find", lambda _: answers.wait(PATIENCE_S) and [])
    mend(box.facts)
    answers.set()
    assert "lost+found is left alone: the card does not answer" in capsys.readouterr().err


@pytest.mark.process
def test_a09_a_tool_that_is_not_there_is_a_sentence(box: Raspberry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    box.path("/run/piboothup/requests").rmdir()
    with pytest.raises(CommandFails, match=r"That failed .* run with sudo"):
        mend(box.facts)
