"""What `piboothup status` says, whoever runs and whatever lies in the files it reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from piboothup import power, status
from piboothup.booth.upload_status import UploadStatusReader
from piboothup.commands import status as report
from piboothup.config import Config, EventPicsConfig, SpoolConfig
from piboothup.problems import problem
from piboothup.spool import commit, handover
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import FOLDERS, HELD, NEW, SENT, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, mounts
from tests.support.photos import PARTY, jpeg, open_spool, take

__all__ = ["mounts"]

GALA = context_for("wxyz9876", "", "")
NOWHERE = context_for("", "", "boot-a")


class Bench:
    """A spool and a runtime directory to report on."""

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.spool = open_spool(root / "spool", self.clock)
        self.runtime = root
        self.config = Config(name="Booth 7", spool=SpoolConfig(allow_memory=True))

    def says(self, service: str, **said: Any) -> None:
        status.write(self.runtime, service, said)

    def report(self) -> dict[str, Any]:
        spool = Spool(self.spool.directory, self.clock, "serial-1")
        return report.assemble(self.config, spool, self.clock, self.runtime)

    def text(self) -> list[str]:
        return report.format_report(self.report()).splitlines()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(power, "_THROTTLED", tmp_path / "get_throttled")
    monkeypatch.setattr(power, "_TEMPERATURE", tmp_path / "temp")
    return Bench(tmp_path)


def test_e5_held_photos_wait_wherever_a_number_of_those_stands(bench: Bench) -> None:
    for number, place in enumerate((NEW, HELD, HELD, WITHDRAWN)):
        take(bench.spool, jpeg(number), PARTY, place)
    found = bench.report()
    assert {key: found["spool"][key] for key in ("waiting", "new", "held")} == {"waiting": 3, "new": 1, "held": 2}
    assert [event["waiting"] for event in found["events"]] == [3]
    assert [line.split()[1] for line in bench.text() if line.startswith("photos ")] == ["3"]
    assert "3 taken, 0 in the album, 3 waiting, 1 taken back" in "\n".join(bench.text())
    assert UploadStatusReader(bench.spool, bench.runtime, PARTY).read().waiting == 3
    bench.says("uploader", state="idle", waiting=1)
    assert UploadStatusReader(bench.spool, bench.runtime, PARTY).read().waiting == 3


def test_the_shape_is_the_contracts(bench: Bench) -> None:
    found = bench.report()
    assert {key: set(value) for key, value in found.items() if isinstance(value, dict)} == {
        "booth": {"state", "camera", "panel", "button", "photos"},
        "spool": {
            *(
                "waiting",
                "new",
                "held",
                "sent",
                "parked",
                "quarantined",
                "free_bytes",
                "oldest_new_s",
                "storage",
                "allow_memory",
            ),
        },
        "uploader": {"state", "reason", "rate_bps", "eta_s", "last_success_s", "events_seen", "wifi"},
        "clock": {"synchronised", "source", "uncertainty_s"},
        "power": {"undervoltage", "throttled", "temperature_c"},
    }
    assert set(found) == {
        *("name", "box", "version", "booth", "spool", "events", "uploader", "clock", "power", "problems")
    }
    assert (found["name"], found["box"]) == ("Booth 7", bench.spool.box)


def test_status_json_of_both_services_is_this_text(bench: Bench) -> None:
    bench.says(
        "booth", state="countdown", camera="lost", panel="ready", button="missing", photos=7, problems=["no_key"]
    )
    wifi = {"ssid": "Barn", "signal": 61, "reason": "Weak.", "code": "wifi_weak"}
    told = {"rate_bps": 8000, "eta_s": 90, "last_success_s": bench.clock.boottime_s - 1.5, "events_seen": 2}
    bench.says("uploader", state="uploading", reason="Why.", waiting=3, events=[], wifi=wifi, **told)
    bench.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    take(bench.spool, jpeg(1), PARTY)
    found = bench.report()
    found["version"], found["spool"]["free_bytes"], found["spool"]["storage"] = "1", 5, "disk"
    key = problem("no_key")
    assert json.dumps(found) == json.dumps(
        {
            "name": "Booth 7",
            "box": bench.spool.box,
            "version": "1",
            "booth": {"state": "countdown", "camera": "lost", "panel": "ready", "button": "missing", "photos": 7},
            "spool": {
                **{"waiting": 1, "new": 1, "held": 0, "sent": 0, "parked": 0, "quarantined": 0, "free_bytes": 5},
                **{"oldest_new_s": None, "storage": "disk", "allow_memory": True},
            },
            "events": [
                {
                    **{"link_id": "abcd1234", "title": "Anna & Ben"},
                    **{"taken": 1, "in_album": 0, "waiting": 1, "parked": 0, "kept": 0, "withdrawn": 0},
                    "days": [{"day": None, "taken": 1, "composed": 0, "sent": 0, "withdrawn": 0}],
                }
            ],
            "uploader": {
                **{"state": "uploading", "reason": "Why.", "rate_bps": 8000, "eta_s": 90, "last_success_s": 1.5},
                **{"events_seen": 2, "wifi": {"ssid": "Barn", "signal": 61, "reason": "Weak."}},
            },
            "clock": {"synchronised": False, "source": None, "uncertainty_s": None},
            "power": {"undervoltage": None, "throttled": None, "temperature_c": None},
            "problems": [{"code": "no_key", "sentence": key.sentence, "remedy": key.remedy}],
        }
    )


def test_status_without_services_works_and_counts_folders(bench: Bench) -> None:
    names = [take(bench.spool, jpeg(number)) for number in range(10)]
    for name in names[:4]:
        handover.mark_sent(bench.spool, name)
    for name in names[4:6]:
        handover.park(bench.spool, name, "The server refuses it.")
    handover.quarantine(bench.spool, names[6])
    found = bench.report()
    assert found["booth"] == dict.fromkeys(("state", "camera", "panel", "button"), "stopped") | {"photos": 0}
    assert found["uploader"]["state"] == "stopped"
    counted = {key: found["spool"][key] for key in ("new", "sent", "parked", "quarantined")}
    assert counted == {"new": 3, "sent": 4, "parked": 2, "quarantined": 1}
    assert found["spool"]["free_bytes"] > 0
    assert found["problems"] == []


def test_a_box_without_a_spool_has_a_report_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "none", HandClock(), "serial-1")
    found = report.assemble(Config(), spool, HandClock(), tmp_path)
    assert found["spool"]["new"] == 0
    assert found["spool"]["free_bytes"] is None
    assert "unknown free" in report.format_report(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_spool_without_one_of_its_folders_has_a_report(bench: Bench, folder: str) -> None:
    take(bench.spool, jpeg(1), PARTY)
    shutil.rmtree(bench.spool.directory / folder)
    assert bench.report()["spool"]["new"] == (folder != NEW)


def test_what_both_services_say_of_themselves_is_passed_on(bench: Bench) -> None:
    bench.says("booth", state="ready", camera="ready", panel="missing", button="ready", photos=12, boot=1)
    wifi = {"ssid": "Barn", "signal": 61, "reason": None}
    last_s = bench.clock.boottime_s - 12.0
    told = {"rate_bps": 8000, "eta_s": 90, "last_success_s": last_s, "events_seen": 2, "wifi": wifi}
    bench.says("uploader", state="paused", reason="Uploading is paused.", **told)
    found = bench.report()
    booth = {"state": "ready", "camera": "ready", "panel": "missing", "button": "ready", "photos": 12}
    assert found["booth"] == booth
    assert found["uploader"] == {
        "state": "paused",
        "reason": "Uploading is paused.",
        "rate_bps": 8000,
        "eta_s": 90,
        "last_success_s": 12.0,
        "events_seen": 2,
        "wifi": wifi,
    }


def test_status_problems_of_both_services_told_once_with_remedy(bench: Bench) -> None:
    bench.says("booth", problems=["card_full", "no_key"])
    bench.says("uploader", problems=["no_key", "photo_damaged"])
    told = [problem("card_full"), problem("no_key"), problem("photo_damaged")]
    assert bench.report()["problems"] == [
        {"code": problem_.code, "sentence": problem_.sentence, "remedy": problem_.remedy} for problem_ in told
    ]
    assert bench.text()[-3:] == [
        f"problem   {problem_.sentence} {problem_.remedy} [{problem_.code}]" for problem_ in told
    ]


@pytest.mark.parametrize(("link_id", "code"), [("", "no_event"), ("abcd1234", "stray_photos")])
def test_u13_photos_from_before_an_event_are_told_as_such(bench: Bench, link_id: str, code: str) -> None:
    """After a code or the card's file: an event is chosen, and nobody was asked about the photos from before."""
    bench.config = Config(eventpics=EventPicsConfig(link_id=link_id), spool=SpoolConfig(allow_memory=True))
    bench.says("uploader", problems=["no_event"])
    assert [each["code"] for each in bench.report()["problems"]] == [code]


@pytest.mark.parametrize(
    "junk",
    [
        {"problems": [None, {}, [], "no such code", 7]},
        {"problems": "no_key"},
        {"boot": "many"},
        {"boot": None},
        {"boot": -1},
        {"state": [], "photos": None, "wifi": 3, "reason": {}},
    ],
)
def test_junk_in_a_status_file_ends_no_report(bench: Bench, junk: dict[str, Any]) -> None:
    bench.says("booth", **junk)
    bench.says("uploader", **junk)
    assert bench.report()["problems"] == []
    assert bench.text()


# -- photos by event -----------------------------------------------------------------------------------------------


def test_status_counts_photos_by_event_whichever_album(bench: Bench) -> None:
    bench.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    other_album = context_for("abcd1234", "a2", "")
    names = [take(bench.spool, jpeg(number), PARTY) for number in range(4)]
    names.append(take(bench.spool, jpeg(5), other_album))
    for name in names[:2]:
        handover.mark_sent(bench.spool, name)
    handover.park(bench.spool, names[2], "The server refuses it.")
    take(bench.spool, jpeg(6), GALA)
    take(bench.spool, jpeg(7), NOWHERE)
    found = {event.pop("link_id"): event for event in bench.report()["events"]}
    for event in found.values():
        assert [day["taken"] for day in event.pop("days")] == [event["taken"]]
        assert (event.pop("kept"), event.pop("withdrawn")) == (0, 0)
    assert found == {
        "abcd1234": {"title": "Anna & Ben", "taken": 5, "in_album": 2, "waiting": 2, "parked": 1},
        "wxyz9876": {"title": "", "taken": 1, "in_album": 0, "waiting": 1, "parked": 0},
        "": {"title": "", "taken": 1, "in_album": 0, "waiting": 1, "parked": 0},
    }
    text = bench.text()
    assert "event     Anna & Ben: 5 taken, 2 in the album, 2 waiting, 1 refused" in text
    assert "event     wxyz9876: 1 taken, 0 in the album, 1 waiting" in text
    assert "event     no event yet: 1 taken, 0 in the album, 1 waiting" in text


def test_e2_e5_status_tells_originals_that_are_kept(bench: Bench) -> None:
    """Each photo that was taken stands in one of the numbers."""
    commit.note_composition(bench.spool, "0123456789abcdef", originals=False)
    for number in range(2):
        name = PhotoName.of(bench.spool.next_identity(5, PARTY, has_copy=True), jpeg(number))
        commit.commit(bench.spool, name, PARTY, jpeg(number), HELD)
        handover.mark_sent(bench.spool, commit.commit_composed(bench.spool, name.copy, (name,), jpeg(10 + number)))
        handover.release_original(bench.spool, name)
    (event,) = bench.report()["events"]
    assert {key: event[key] for key in ("taken", "in_album", "waiting", "kept")} == {
        **{"taken": 4, "in_album": 2, "waiting": 0, "kept": 2}
    }
    assert "event     abcd1234: 4 taken, 2 in the album, 0 waiting, 2 kept on the card" in bench.text()


def test_status_all_in_album_said_in_one_word(bench: Bench) -> None:
    bench.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    for number in range(14):
        handover.mark_sent(bench.spool, take(bench.spool, jpeg(number)))
    assert "event     Anna & Ben: All 14 in the album" in bench.text()


def test_status_text_tells_upload_rate_and_finish_time(bench: Bench) -> None:
    last_s = bench.clock.boottime_s - 3.0
    wifi = {"ssid": "Barn", "signal": 61, "reason": None}
    told = {"rate_bps": 2_400_000, "eta_s": 300, "last_success_s": last_s, "events_seen": 1, "wifi": wifi}
    bench.says("uploader", state="uploading", **told)
    how = "uploading · 2.4 Mbit/s · through in 5 min · last photo 3 s ago · the key sees 1 event"
    assert f"uploader  {how}" in bench.text()
    assert "wifi      Barn · 61 %" in bench.text()


def test_status_text_tells_wifi_trouble_and_remedy(bench: Bench) -> None:
    missing = problem("wifi_missing")
    wifi = {"ssid": None, "signal": None, "reason": str(missing)}
    bench.says("uploader", state="offline", problems=["no_network", "wifi_missing"], wifi=wifi)
    assert f"wifi      {missing.sentence} {missing.remedy}" in bench.text()
    assert f"problem   {missing.sentence} {missing.remedy} [wifi_missing]" in bench.text()


def test_where_there_is_no_wifi_the_status_says_none(bench: Bench) -> None:
    assert "wifi      none" in bench.text()


def test_status_sent_photos_deleted_for_room_still_counted(bench: Bench) -> None:
    names = [take(bench.spool, jpeg(number)) for number in range(3)]
    for name in names[:2]:
        handover.mark_sent(bench.spool, name)
    handover.retire(bench.spool, names[:1])
    (event,) = bench.report()["events"]
    assert (event["taken"], event["in_album"], event["waiting"]) == (3, 2, 1)
    assert sum(1 for _ in bench.spool.names(SENT)) == 1


def test_e5_status_counts_days_and_photos_taken_back(bench: Bench) -> None:
    bench.config = Config(spool=SpoolConfig(allow_memory=True), timezone="Europe/Berlin")
    take(bench.spool, jpeg(9), GALA)
    bench.clock.power_on("boot-b")
    bench.spool = open_spool(bench.spool.directory, bench.clock)
    midnight_ms = 1_764_370_800_000  # 29 November 2025 in Berlin
    now_ms = bench.clock.boottime_ns() // 1_000_000
    bench.spool.add_anchor(Anchor(Source.NTP, now_ms, midnight_ms - 60_000, 5))
    first = [take(bench.spool, jpeg(number)) for number in range(2)]
    bench.clock.pass_s(120.0)
    second = [take(bench.spool, jpeg(10 + number), PARTY, HELD) for number in range(3)]
    handover.mark_sent(bench.spool, first[0])
    handover.move_held(bench.spool, second[0], WITHDRAWN)
    found = {event["link_id"]: event for event in bench.report()["events"]}
    assert {key: found["abcd1234"][key] for key in ("taken", "in_album", "waiting", "parked", "withdrawn")} == {
        **{"taken": 4, "in_album": 1, "waiting": 3, "parked": 0, "withdrawn": 1}
    }
    assert found["abcd1234"]["days"] == [
        {"day": "2025-11-28", "taken": 2, "composed": 0, "sent": 1, "withdrawn": 0},
        {"day": "2025-11-29", "taken": 2, "composed": 0, "sent": 0, "withdrawn": 1},
    ]
    assert found["wxyz9876"]["days"] == [{"day": None, "taken": 1, "composed": 0, "sent": 0, "withdrawn": 0}]
    text = bench.text()
    line = text.index("event     abcd1234: 4 taken, 1 in the album, 3 waiting, 1 taken back")
    assert text[line + 1 : line + 3] == [
        "          2025-11-28: 2 taken, 1 in the album",
        "          2025-11-29: 2 taken, 0 in the album, 1 taken back",
    ]


def test_status_age_of_oldest_waiting_told_when_time_known(bench: Bench) -> None:
    take(bench.spool, jpeg(1))
    bench.clock.pass_s(30.0)
    take(bench.spool, jpeg(2))
    bench.clock.pass_s(12.5)
    assert bench.report()["spool"]["oldest_new_s"] is None
    now_ms, wall_ms = bench.clock.boottime_ns() // 1_000_000, bench.clock.wall_ns() // 1_000_000
    bench.spool.add_anchor(Anchor(Source.NTP, now_ms, wall_ms, 5))
    assert bench.report()["spool"]["oldest_new_s"] == 42.5


# -- clock and supply ----------------------------------------------------------------------------------------------


def test_a_disciplined_clock_is_known_by_ntp(bench: Bench) -> None:
    bench.clock.uncertainty_ms = 250
    assert bench.report()["clock"] == {"synchronised": True, "source": "ntp", "uncertainty_s": 0.25}
    assert "clock     known (ntp, ±0.2 s)" in bench.text()


def test_without_ntp_the_best_anchor_of_this_boot_tells(bench: Bench) -> None:
    bench.says("booth", boot=bench.spool.boot)
    assert bench.report()["clock"] == {"synchronised": False, "source": None, "uncertainty_s": None}
    assert "clock     not known yet" in bench.text()
    for source, uncertainty_ms in ((Source.SAVED, 0), (Source.RTC, 1500), (Source.DATE, 700), (Source.DATE, 600)):
        bench.spool.add_anchor(Anchor(source, 1_000, 1_750_000_000_000, uncertainty_ms))
    assert bench.report()["clock"] == {"synchronised": False, "source": "date", "uncertainty_s": 0.6}


def test_the_time_a_box_merely_woke_up_with_is_not_known_time(bench: Bench) -> None:
    bench.says("booth", boot=bench.spool.boot)
    bench.spool.add_anchor(Anchor(Source.SAVED, 1_000, 1_750_000_000_000, 0))
    assert bench.report()["clock"]["source"] is None


@pytest.mark.parametrize(
    ("bits", "undervoltage", "throttled"),
    [("0\n", False, False), ("50005\n", True, True), ("0x50000\n", False, False), ("1", True, False)],
)
def test_the_supply_is_read_from_the_firmware(bench: Bench, bits: str, undervoltage: bool, throttled: bool) -> None:
    (bench.runtime / "get_throttled").write_text(bits)
    (bench.runtime / "temp").write_text("48312\n")
    found = bench.report()["power"]
    assert found == {"undervoltage": undervoltage, "throttled": throttled, "temperature_c": 48.312}


@pytest.mark.parametrize("text", [None, "", "warm", "\N{DEGREE SIGN}"])
def test_where_there_is_no_pi_the_supply_is_unknown(bench: Bench, text: str | None) -> None:
    if text is not None:
        for name in ("get_throttled", "temp"):
            (bench.runtime / name).write_text(text)
    assert set(bench.report()["power"].values()) == {None}


@pytest.mark.process
@pytest.mark.parametrize("options", ["size=4k", "nr_inodes=2"], ids=["no bytes", "no files"])
def test_f09_f08_what_can_be_seen_is_told_when_nothing_runs(
    options: str, bench: Bench, mounts: MountNamespace
) -> None:
    (bench.runtime / "small").mkdir()
    mounts.mount("tmpfs", bench.runtime / "small", options)
    mounts.call(tells_of_memory_and_full_run, bench.spool.directory, bench.runtime / "small")


def tells_of_memory_and_full_run(directory: Path, runtime: Path) -> None:
    """In the namespace: the spool lies in memory, and the file system of the runtime directory is full."""
    (runtime / "fill").write_bytes(b"x" * 4096)
    spool = Spool(directory, HandClock(), "serial-1")
    found = report.assemble(Config(), spool, HandClock(), runtime)
    wanted = {"memory": ["spool_memory"], "unknown": ["storage_unknown"]}.get(found["spool"]["storage"], [])
    assert [problem_["code"] for problem_ in found["problems"]] == [*wanted, "runtime_full"]
    allowed = report.assemble(Config(spool=SpoolConfig(allow_memory=True)), spool, HandClock(), runtime)
    assert [problem_["code"] for problem_ in allowed["problems"]] == ["runtime_full"]
    if wanted == ["spool_memory"]:
        assert " free · in memory\n" in report.format_report(found)
        assert " free · in memory, as the config allows\n" in report.format_report(allowed)
