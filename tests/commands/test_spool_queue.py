"""`piboothup queue …` as an operator meets it: what it says first, what it asks, what it leaves."""

from __future__ import annotations

import errno
import json
import os
import pty
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from piboothup import status
from piboothup.cli import main
from piboothup.clock import SystemClock
from piboothup.config import load_effective
from piboothup.spool import choices, commit, durable, handover, wipe_journal
from piboothup.spool.admin import wipe_steps
from piboothup.spool.admin.inventory import take_inventory
from piboothup.spool.admin.wipe import FLASH, plan, survey, wipe
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.disk import choice_record, hidden_photos
from piboothup.spool.disk.choice_record import ChoiceRecord
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.layout_version import read_id
from piboothup.spool.listing import HELD, KEPT, NEW, SENT, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.commands import command, environment, run_forked
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, names_in_new, take

pytestmark = pytest.mark.process

GALA = context_for("wxyz9876", "", "")
NOWHERE = context_for("", "", "boot-a")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A config for a desk; its spool is beside it."""
    file = tmp_path / "config.toml"
    file.write_text(
        f'config_version = 1\nname = "Desk"\ntimezone = "Europe/Berlin"\n[eventpics]\nlink_id = "abcd1234"\n'
        f'[spool]\ndirectory = "{tmp_path}/spool"\nallow_memory = true\nmin_free_mb = 10\n'
        "[devices]\nsimulated = true\n"
    )
    return file


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Two sent and one waiting of the party, one waiting of the gala."""
    spool = Spool(tmp_path / "spool", SystemClock())
    spool.prepare()
    spool.start("booth")
    spool.write_events([AlbumEvent("Summer\x1b[31m Party", "abcd1234"), AlbumEvent("The Gala", "wxyz9876")])
    names = [take(spool, jpeg(number), PARTY) for number in range(3)]
    for name in names[:2]:
        handover.mark_sent(spool, name)
    take(spool, jpeg(9), GALA)
    return spool


def queue(desk: Path, *words: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Runs `piboothup queue WORDS` with these lines as its standard input."""
    result = run_forked(desk.parent / "run", "--config", desk, "queue", *words, typed=typed)
    assert "Traceback" not in result.stderr
    return result


def photos(spool: Spool) -> int:
    return len(take_inventory(spool.directory).items)


def test_e3_withdrawn_photos_listed_and_sent_after_all(desk: Path, spool: Spool) -> None:
    names = [take(spool, jpeg(20 + number), context, HELD) for number, context in enumerate((PARTY, PARTY, GALA))]
    for name in names:
        handover.move_held(spool, name, WITHDRAWN)
    held = take(spool, jpeg(23), PARTY, HELD)
    listed = queue(desk, "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["waits"] * 2 + ["held"] + ["withdrawn"] * 3
    assert "(0 parked, 0 quarantined, 2 taken back)" in queue(desk, "wipe").stdout
    assert queue(desk, "restore", "--event", "wxyz9876").stdout == "1 photo that was taken back waits again.\n"
    assert set(spool.names(WITHDRAWN)) == set(names[:2])
    assert queue(desk, "restore").returncode == 0
    assert set(names) < set(spool.names(NEW))
    assert set(spool.names(HELD)) == {held}


@pytest.mark.parametrize(
    ("words", "is_said"),
    [
        (["restore", "--event", "abcd123"], "The card holds nothing of abcd123: `piboothup queue wipe` lists"),
        (["restore", "--event", ""], "The card holds nothing of "),
        (["wipe", "--event", "abcd123"], "The card holds nothing of abcd123: `piboothup queue wipe` lists"),
        (["report", "abcd123"], "This card has no photos of 'abcd123', nor a count of them"),
        (["assign", "--from", "abcd123x", "--to", "wxyz9876", "--yes"], "no context or event 'abcd123x'"),
    ],
)
def test_e5_an_unknown_event_is_told(desk: Path, spool: Spool, words: list[str], is_said: str) -> None:
    handover.move_held(spool, take(spool, jpeg(20), GALA, HELD), WITHDRAWN)
    result = queue(desk, *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert is_said in result.stderr


def test_e3_a_restored_photo_with_a_frame_is_the_booth_s_first(desk: Path, spool: Spool) -> None:
    commit.note_composition(spool, "0123456789abcdef", originals=True)
    name = PhotoName.of(spool.next_identity(5, PARTY, has_copy=True), jpeg(20))
    commit.commit(spool, name, PARTY, jpeg(20), HELD)
    handover.move_held(spool, name, WITHDRAWN)
    said = queue(desk, "restore").stdout.splitlines()
    assert said == [
        "1 photo that was taken back waits again.",
        "The booth makes the framed copy or the strip of it first.",
    ]
    assert list(spool.names(HELD)) == [name]


def test_e3_an_event_without_withdrawn_photos_is_no_error(desk: Path, spool: Spool) -> None:
    handover.move_held(spool, take(spool, jpeg(20), GALA, HELD), WITHDRAWN)
    result = queue(desk, "restore", "--event", "abcd1234")
    assert (result.returncode, result.stdout) == (0, "0 photos that were taken back wait again.\n")


def test_e3_export_beside_the_booth_leaves_held_photos(desk: Path, spool: Spool, tmp_path: Path) -> None:
    held = take(spool, jpeg(20), GALA, HELD)
    with spool.lock("booth"):
        result = queue(desk, "export", tmp_path / "stick")
    assert (result.returncode, result.stdout) == (1, "4 copied, 0 were there already, 0 damaged and left out\n")
    assert "1 photo is not copied, as the booth still holds it" in result.stderr
    handover.move_held(spool, held, NEW)
    with spool.lock("booth"):
        result = queue(desk, "export", tmp_path / "stick")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "stick").rglob("*.jpg"))) == photos(spool)


def test_e3_a_wipe_takes_withdrawn_photos_only_when_counted(desk: Path, spool: Spool) -> None:
    handover.move_held(spool, take(spool, jpeg(20), GALA, HELD), WITHDRAWN)
    refused = queue(desk, "wipe", "--event", "wxyz9876")
    assert (refused.returncode, refused.stderr.split()[1]) == (1, "2")
    assert queue(desk, "wipe", "--event", "wxyz9876", "--unsent", typed="2\n").returncode == 0
    assert not list(spool.names(WITHDRAWN))


def test_e3_an_export_leaves_withdrawn_photos_out(desk: Path, spool: Spool, tmp_path: Path) -> None:
    for number, place in enumerate((WITHDRAWN, KEPT)):
        handover.move_held(spool, take(spool, jpeg(20 + number), GALA, HELD), place)
    assert queue(desk, "export", tmp_path / "stick").returncode == 0
    assert len(list((tmp_path / "stick").rglob("*.jpg"))) == photos(spool) - 1


# -- wipe ----------------------------------------------------------------------------------------------------------


def test_wipe_without_choice_lists_contents_deletes_nothing(desk: Path, spool: Spool) -> None:
    result = queue(desk, "wipe")
    assert result.returncode == 2
    assert result.stdout.splitlines() == [
        "Summer[31m Party [abcd1234]: 3 photos, 1 not in the album yet (0 parked, 0 quarantined)",
        "The Gala [wxyz9876]: 1 photo, 1 not in the album yet (0 parked, 0 quarantined)",
    ]
    assert "--event ID, or --all" in result.stderr
    assert photos(spool) == 4


def test_a_wipe_of_unsent_photos_is_refused(desk: Path, spool: Spool) -> None:
    result = queue(desk, "wipe", "--event", "abcd1234", typed="1\n")
    assert result.returncode == 1
    assert "1 photo is not in the album yet, so nothing was deleted" in result.stderr
    assert photos(spool) == 4


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "3\n", "01\n", "-1\n", "\x00\n"])
def test_a_wipe_of_unsent_photos_wants_their_number(desk: Path, spool: Spool, typed: str) -> None:
    result = queue(desk, "wipe", "--event", "abcd1234", "--unsent", typed=typed)
    assert result.returncode == 1
    assert "1 was not typed: nothing was deleted" in result.stderr
    assert photos(spool) == 4
    assert wipe_journal.read(spool.directory) is None


def test_a_confirmed_wipe_ends_in_a_receipt_that_names_nobody(desk: Path, spool: Spool) -> None:
    result = queue(desk, "wipe", "--event", "abcd1234", "--unsent", typed="1\n")
    assert result.returncode == 0, result.stderr
    receipt = f"Box {spool.box}: 3 taken, 2 in the album, 0 left"
    assert result.stdout.splitlines()[1:] == [receipt, FLASH]
    assert photos(spool) == 1


@pytest.mark.parametrize("is_box", [True, False])
def test_f12_a_wipe_is_noted_outside_its_disk(
    desk: Path, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_box: bool
) -> None:
    """Else the config's event is in force again on another disk. A desk is no box."""
    (folder := tmp_path / "default").mkdir()
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", folder)
    for module in ("piboothup.config.file", "piboothup.config") if is_box else ():
        monkeypatch.setattr(f"{module}.DEFAULT_PATH", desk)
    assert queue(desk, "wipe", "--all", "--unsent", typed="2\n").returncode == 0
    noted = ChoiceRecord(read_id(spool.directory), choices.Said.by(load_effective(desk).config).event)
    assert choice_record.read(folder) == (noted if is_box else ChoiceRecord())


def test_a_wipe_of_what_the_album_has_asks_nothing(desk: Path, spool: Spool) -> None:
    for name in names_in_new(spool):
        handover.mark_sent(spool, name)
    result = queue(desk, "wipe", "--all")
    assert result.returncode == 0
    assert f"Box {spool.box}: 4 taken, 4 in the album, 0 left" in result.stdout
    assert photos(spool) == 0
    assert queue(desk, "wipe", "--all").returncode == 0


def test_at_a_terminal_the_number_is_asked_for(desk: Path, spool: Spool) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("--config", desk, "queue", "wipe", "--all", "--unsent"),
        env=environment(desk.parent / "run"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(ours, b"2\n")
        out, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"2 photos are in no album and will be gone for good. Type 2: " in error
    assert b"0 left" in out
    os.close(ours)
    os.close(theirs)


def test_a_running_booth_keeps_the_event_it_takes_photos_for(desk: Path, spool: Spool) -> None:
    (desk.parent / "run").mkdir(mode=0o700)
    status.write(desk.parent / "run", "booth", {"context": PARTY.id})
    with spool.lock("booth"):
        result = queue(desk, "wipe", "--event", "abcd1234", "--unsent", typed="1\n")
    assert result.returncode == 0, result.stderr
    assert "The booth takes photos for this event" in result.stdout
    assert spool.context(PARTY.id) == PARTY
    assert photos(spool) == 1


def test_a_booth_that_does_not_say_what_it_does_stops_the_wipe(desk: Path, spool: Spool) -> None:
    with spool.lock("booth"):
        result = queue(desk, "wipe", "--event", "abcd1234", "--unsent", typed="1\n")
    assert result.returncode == 1
    assert "does not say for which event" in result.stderr
    assert photos(spool) == 4


def test_an_unknown_event_is_told_in_one_line(desk: Path, spool: Spool) -> None:
    result = queue(desk, "wipe", "--event", "party")
    assert result.returncode == 1
    assert result.stderr == "piboothup: The card holds nothing of party: `piboothup queue wipe` lists the events.\n"
    assert photos(spool) == 4


@pytest.mark.parametrize(
    "words",
    [
        ["wipe", "--event", "abcd1234", "--all"],
        ["wipe", "--al"],
        ["wipe", "--all", "--uns"],
        ["wipe", "--event"],
        ["wipe", "abcd1234"],
        ["assign", "--from", "abcd1234"],
        ["assign", "--to", "abcd1234"],
        ["export"],
    ],
)
def test_a_half_spoken_command_does_nothing(desk: Path, spool: Spool, words: list[str]) -> None:
    result = queue(desk, *words)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert photos(spool) == 4


@pytest.mark.parametrize("what", ["list", "retry", "wipe", "export"])
def test_c17_any_queue_command_ends_a_wipe_that_was_broken_off(
    desk: Path, spool: Spool, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_path: Path) -> None:
        raise KeyboardInterrupt

    chosen = plan(survey(spool, booth_runs=False), "abcd1234")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(durable, "remove", cut)
        wipe(spool, chosen, unsent=True)
    result = queue(desk, what, *([desk.parent / "stick"] if what == "export" else []))
    assert f"Box {spool.box}: 3 taken, 2 in the album, 0 left" in result.stdout
    assert "Summer" not in result.stdout
    assert photos(spool) == 1
    assert wipe_journal.read(spool.directory) is None


@pytest.mark.parametrize("step", ["keep_numbers", "delete_contexts"])
def test_c17_wipe_interrupted_by_hand_says_it_goes_on_and_does(
    desk: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for name in names_in_new(spool):
        handover.mark_sent(spool, name)
    monkeypatch.setenv("PIBOOTHUP_RUNTIME", str(desk.parent / "run"))
    (desk.parent / "run").mkdir(mode=0o700)
    monkeypatch.setattr(wipe_steps, step, interrupted)
    assert main(["--config", str(desk), "queue", "wipe", "--all"]) == 130
    assert "it goes on with the next start or command" in capsys.readouterr().err
    monkeypatch.undo()
    assert "done now" in queue(desk, "list").stdout
    assert photos(spool) == 0


# -- assign --------------------------------------------------------------------------------------------------------


def test_assign_asks_with_both_titles_and_the_number(desk: Path, spool: Spool) -> None:
    result = queue(desk, "assign", "--from", "abcd1234", "--to", "wxyz9876", typed="1\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "2 photos of 'Summer[31m Party' are in its album already, and stay there.",
        "1 photo moved to 'The Gala'.",
    ]
    assert "The Gala" in queue(desk, "list").stdout


@pytest.mark.parametrize("typed", ["", "2\n", "y\n"])
def test_assign_moves_nothing_without_the_number(desk: Path, spool: Spool, typed: str) -> None:
    result = queue(desk, "assign", "--from", "abcd1234", "--to", "wxyz9876", typed=typed)
    assert result.returncode == 1
    assert "1 was not typed: nothing was moved" in result.stderr
    assert spool.context(PARTY.id) == PARTY


def test_assign_for_scripts_asks_nothing_and_tells_the_uploader(desk: Path, spool: Spool) -> None:
    take(spool, jpeg(20), NOWHERE)
    (desk.parent / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as uploader:
        uploader.bind(str(desk.parent / "run" / "uploader.sock"))
        result = queue(desk, "assign", "--from", NOWHERE.id[:4], "--to", "abcd1234/a1", "--yes")
        assert result.returncode == 0, result.stderr
        assert uploader.recv(100) == b"retry"
    found = spool.context(NOWHERE.id)
    assert found is not None
    assert (found.link_id, found.album_id) == ("abcd1234", "a1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "nothing1", "--to", "abcd1234"], "no context or event 'nothing1'"),
        (["--from", "abcd1234", "--to", "abcd1234"], "already"),
        (["--from", "abcd1234", "--to", "a b"], "is no event"),
    ],
)
def test_what_cannot_be_assigned_is_told_in_one_line(desk: Path, spool: Spool, words: list[str], told: str) -> None:
    result = queue(desk, "assign", *words, "--yes")
    assert result.returncode == 1
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert photos(spool) == 4


@pytest.mark.parametrize("folder", ["contexts", "boots", "sent", "quarantine", "tmp"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["assign", "--from", GALA.id, "--to", "abcd1234", "--yes"], "1 photo moved to "),
        (["retry"], "1 parked photo waits again"),
        (["wipe", "--all", "--unsent"], FLASH),
    ],
)
def test_f12_a_queue_command_makes_a_missing_folder_again(
    desk: Path, spool: Spool, folder: str, words: list[str], told: str
) -> None:
    gala = next(name for name in names_in_new(spool) if name.context == GALA.id)
    handover.park(spool, gala, "no")
    shutil.rmtree(spool.directory / folder)
    done = queue(desk, *words, typed="2\n")
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    if words[0] == "assign":
        assert spool.context_of(gala) == Context(GALA.id, "abcd1234", "")


# -- numbers and the report ----------------------------------------------------------------------------------------


def test_e5_list_for_programs_has_numbers_per_event_and_day(desk: Path, spool: Spool) -> None:
    now_ms = spool.clock.boottime_ns() // 1_000_000
    spool.add_anchor(Anchor(Source.NTP, now_ms, 1_764_349_440_000, 5))  # 28 November 2025, 18:04 in Berlin
    held = take(spool, jpeg(30), PARTY, HELD)
    handover.move_held(spool, held, WITHDRAWN)
    spool.write_events([AlbumEvent("Käthe & Ben", "abcd1234")])
    result = queue(desk, "list", "--json")
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    found = json.loads(result.stdout)
    assert [(photo["state"], photo["event"]) for photo in found["photos"]] == [
        ("waits", "abcd1234"),
        ("waits", "wxyz9876"),
        ("withdrawn", "abcd1234"),
    ]
    assert all(photo["taken_at"].startswith("2025-11-28T18:0") for photo in found["photos"])
    assert all(photo["taken_at"].endswith("+01:00") for photo in found["photos"])
    assert found["photos"][2]["file_name"] == held.file_name
    party, gala = found["events"]
    assert party == {
        **{"event": "abcd1234", "title": "Käthe & Ben", "taken": 3, "composed": 0, "sent": 2, "withdrawn": 1},
        "days": [{"day": "2025-11-28", "taken": 3, "composed": 0, "sent": 2, "withdrawn": 1}],
    }
    assert (gala["event"], gala["taken"]) == ("wxyz9876", 1)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "2025-11-28  18:04"),
        ("Asia/Kolkata", "2025-11-28  22:34"),
        ("Pacific/Auckland", "2025-11-29  06:04"),
        ("", "2025-11-28  17:04"),
    ],
)
def test_f14_the_list_has_local_times_as_the_copies_have(desk: Path, spool: Spool, zone: str, shown: str) -> None:
    desk.write_text(desk.read_text().replace("Europe/Berlin", zone))
    now_ms = spool.clock.boottime_ns() // 1_000_000
    spool.add_anchor(Anchor(Source.NTP, now_ms, 1_764_349_470_000, 5))
    listed = queue(desk, "list").stdout.splitlines()
    assert len(listed) == 2
    assert all(shown in "  ".join(line.split()) for line in listed)


def test_e5_report_has_numbers_and_nothing_of_persons(desk: Path, spool: Spool) -> None:
    told = queue(desk, "report", "abcd1234")
    assert told.returncode == 0, told.stderr
    assert "2 of 3 photos are in the album. These are not:\n  1 on the box, still to be sent\n" in told.stdout
    private = [
        "abcd1234",
        "a1",
        "Summer",
        "Party",
        "Desk",
        PARTY.id,
        *(name.file_name for name in names_in_new(spool)),
    ]
    assert [word for word in private if word in told.stdout] == []
    for name in names_in_new(spool):
        handover.mark_sent(spool, name)
    handover.retire(spool, list(spool.names(SENT)))
    assert "All 3 photos are in the album." in queue(desk, "report", "abcd1234").stdout, "deleted ones count"
    desk.write_text(f'language = "de"\n{desk.read_text()}')
    assert "Alle 3 Fotos sind im Album." in queue(desk, "report", "abcd1234").stdout


@pytest.mark.parametrize("event", ["nothing", "", "Summer Party", "../x\x1b[31m"])
def test_e5_report_of_an_unknown_event_says_where_names_are(desk: Path, spool: Spool, event: str) -> None:
    result = queue(desk, "report", event)
    assert (result.returncode, result.stdout) == (1, "")
    assert "queue list --json` names the events" in result.stderr
    assert "\x1b" not in result.stderr


def test_e5_after_a_wipe_there_is_no_report(desk: Path, spool: Spool) -> None:
    assert queue(desk, "wipe", "--event", "wxyz9876", "--unsent", typed="1\n").returncode == 0
    assert queue(desk, "report", "wxyz9876").returncode == 1
    assert [event["event"] for event in json.loads(queue(desk, "list", "--json").stdout)["events"]] == ["abcd1234"]


# -- export --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EROFS, "mount it for writing, or change the card"),
        (errno.ENOSPC, "queue wipe"),
        (errno.EACCES, "run with sudo"),
        (errno.EPERM, "run with sudo"),
        (errno.ENOENT, "makes missing folders again"),
        (errno.EIO, "change the card"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [["retry"], ["assign", "--from", "wxyz9876", "--to", "abcd1234", "--yes"], ["wipe", "--event", "abcd1234"]],
)
def test_a_card_that_is_not_written_is_told_with_what_helps(
    desk: Path,
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    remedy: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    handover.park(spool, names_in_new(spool)[0], "no")
    for call in ("move", "replace", "lock"):
        monkeypatch.setattr(durable, call, refuse)
    monkeypatch.setenv("PIBOOTHUP_RUNTIME", str(desk.parent / "run"))
    (desk.parent / "run").mkdir(mode=0o700, exist_ok=True)
    assert main(["--config", str(desk), "queue", *words]) == 1
    assert remedy in capsys.readouterr().err
    assert photos(spool) == 4


def test_export_reads_another_boxs_card_without_any_config(desk: Path, spool: Spool, tmp_path: Path) -> None:
    (spool.directory / "config.good.toml").write_text('name = "Booth 7"\n')
    result = queue(tmp_path / "none.toml", "export", tmp_path / "stick", "--spool", spool.directory)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "4 copied, 0 were there already, 0 damaged and left out\n"


def test_export_reports_folder_with_files_not_of_this_card(desk: Path, spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "stick" / "The Gala").mkdir(parents=True)
    (tmp_path / "stick" / "The Gala" / "last year.jpg").write_bytes(jpeg(99))
    (tmp_path / "stick" / "The Gala" / "Thumbs.db").touch()
    result = queue(desk, "export", tmp_path / "stick")
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "4 copied, 0 were there already, 0 damaged and left out",
        "'The Gala' holds 1 picture that is not of this card: look there before you hand it on.",
    ]


def test_export_names_what_is_damaged(desk: Path, spool: Spool, tmp_path: Path) -> None:
    name = names_in_new(spool)[0]
    spool.path(name).write_bytes(b"\xff\xd8 not a photo")
    result = queue(desk, "export", tmp_path / "stick")
    assert result.returncode == 1
    assert result.stdout == "3 copied, 0 were there already, 1 damaged and left out\n"
    assert f"{name.file_name} has changed on the card: what is left of it is in Damaged." in result.stderr


def test_f11_hidden_photos_are_told_at_a_wipe_until_a_retry(desk: Path, spool: Spool) -> None:
    hidden_photos.write(spool.directory, {"somewhere.jpg"})
    assert "[photos_hidden]" in run_forked(desk.parent / "run", "--config", desk, "status").stdout
    unsent = len(names_in_new(spool))
    wiped = queue(desk, "wipe", "--all", "--unsent", typed=f"{unsent}\n")
    assert "What lies out of sight was not deleted. Photos wait under a disk" in wiped.stdout
    assert queue(desk, "retry").returncode == 0
    assert hidden_photos.read(spool.directory) == frozenset()
    assert "out of sight" not in queue(desk, "wipe", "--all").stdout
    assert "photos_hidden" not in run_forked(desk.parent / "run", "--config", desk, "status").stdout


@pytest.mark.parametrize("what", ["export", "assign", "wipe", "list", "retry"])
def test_a_place_without_a_spool_is_told_in_one_line(desk: Path, tmp_path: Path, what: str) -> None:
    asked: dict[str, list[str | Path]] = {"export": [tmp_path / "stick"], "assign": ["--from", "a", "--to", "b"]}
    result = queue(desk, what, *asked.get(what, []))
    assert result.returncode == 1
    assert not (tmp_path / "stick").exists()
    assert result.stderr == f"piboothup: There is no spool in {tmp_path}/spool: it would hold a folder `new`.\n"
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("words", [["wipe", "--all", "--unsent"], ["export", "STICK"], ["list"]])
def test_the_card_of_a_newer_version_is_left_alone(
    desk: Path, spool: Spool, tmp_path: Path, words: list[str]
) -> None:
    (spool.directory / ".layout").write_text("3\n")
    result = queue(desk, *(tmp_path / "stick" if word == "STICK" else word for word in words), typed="2\n")
    assert not (tmp_path / "stick").exists()
    assert result.returncode == 1
    assert "made by a newer piboothup" in result.stderr
    assert photos(spool) == 4
