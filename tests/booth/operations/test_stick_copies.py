"""Sticks and copies as the booth reads them, and a copy in a running booth.

Real: the service, the requests, root's reader of them, the copy. Fakes: the devices, the sticks (a folder; real ones
are in setup/stick), and /proc of a unit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path

import pytest

from piboothup.booth.flow.actions import CopyPhotos, CopyProgress
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.operations import stick_copies
from piboothup.booth.operations.stick_copies import StickCopies
from piboothup.records import replace
from piboothup.setup.errors import Refused
from piboothup.spool.admin import stick_copy
from piboothup.spool.admin.stick_copy import CopyFolder, CopyJob, CopyReport, CopyState
from piboothup.spool.contexts import context_for
from piboothup.spool.disk import usb_sticks
from piboothup.spool.disk.usb_sticks import UsbStick
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.store import Spool
from tests.booth.operations.test_code_reading import Root
from tests.support.booth import Box
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

STICK = UsbStick("sda1", "sda1.7", "1A2B-3C4D")
JOB = CopyJob(5, STICK.key, STICK.uuid, "abcd1234")
REPORT = CopyReport(5, STICK.key, STICK.uuid, "abcd1234", CopyState.COPYING, 1, 3, None, os.getpid())


class Reader:
    """The reader on a card with two photos of a party."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = HandClock()
        self.spool = open_spool(tmp_path / "spool", self.clock)
        self.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234"), AlbumEvent("Others", "wxyz9876")])
        for number in range(2):
            take(self.spool, jpeg(number))
        self.sticks = [STICK]
        monkeypatch.setattr(usb_sticks, "plugged_in", lambda root: self.sticks)
        self.folder = CopyFolder(tmp_path)
        self.folder.path.mkdir()
        self._copies = StickCopies(self.spool, tmp_path, self.clock)

    def read(self, link_id: str = "abcd1234", *, is_open: bool = True) -> tuple[object, CopyProgress | None]:
        return self._copies.read(link_id, is_operators_time=is_open)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


def offer_of(
    reader: Reader, link_id: str = "abcd1234", *, is_open: bool = True
) -> tuple[CopyPhotos, int, str] | None:
    found, _ = reader._copies.read(link_id, is_operators_time=is_open)
    return None if found is None else (found.action, found.photos, found.title)


def test_e4_a_stick_is_offered_the_photos_of_the_event(reader: Reader) -> None:
    expected = CopyPhotos("sda1", STICK.key, STICK.uuid, "abcd1234", needs_secret=False)
    assert offer_of(reader) == (expected, 2, "Anna & Ben")
    assert offer_of(reader, "wxyz9876") is None, "there is nothing to copy"
    take(reader.spool, jpeg(3), context_for("wxyz9876", "", ""))
    reader.sticks = [replace(STICK, key="sda1.8")]
    found = offer_of(reader, "wxyz9876")
    assert found is not None and found[1:] == (1, "Others")
    reader.sticks = []
    assert reader.read() == (None, None)


def test_e4_c18_later_only_a_stick_with_a_secret_is_offered(reader: Reader) -> None:
    assert offer_of(reader, is_open=False) is None
    reader.folder.remember(b"secret", JOB)
    found = offer_of(reader, is_open=False)
    assert found is not None and found[0].needs_secret
    take(reader.spool, jpeg(3), context_for("wxyz9876", "", ""))
    assert offer_of(reader, "wxyz9876", is_open=False) is None, "it was another event's"


def test_e4_a_copy_is_shown_and_no_other_offered(reader: Reader) -> None:
    reader.folder.tell(REPORT)
    reader.sticks = [STICK, UsbStick("sdb1", "sdb1.9")]
    assert reader.read() == (None, CopyProgress(STICK.key, "copying", 1, 3, None, "abcd1234", "Anna & Ben"))


def test_e4_c18_a_copy_of_another_event_has_no_title(reader: Reader) -> None:
    reader.folder.tell(REPORT)
    assert reader.read("wxyz9876")[1] == CopyProgress(STICK.key, "copying", 1, 3, None, "", "")


def test_e4_a_copy_whose_process_was_ended_is_told(reader: Reader) -> None:
    reader.folder.tell(replace(REPORT, pid=2**22 + 1))
    progress = reader.read()[1]
    assert progress is not None and progress.state == "failed"


@pytest.mark.parametrize("state", [CopyState.DONE, CopyState.DAMAGED])
def test_e4_a_result_goes_with_its_stick_or_after_five_minutes(reader: Reader, state: CopyState) -> None:
    for wait_s, sticks in ((0.0, []), (301.0, [STICK])):
        reader.sticks = [STICK]
        reader.folder.tell(replace(REPORT, state=state, asked_ns=int(wait_s)))
        found, progress = reader.read()
        assert found is None, "it has just been copied to"
        assert progress is not None and progress.state == state
        reader.clock.pass_s(wait_s)
        reader.sticks = sticks
        assert reader.read()[1] is None


@pytest.mark.parametrize("state", [CopyState.PULLED, CopyState.FULL, CopyState.READ_ONLY, CopyState.FAILED])
@pytest.mark.parametrize("is_open", [True, False])
def test_e4_a_stick_whose_copy_broke_off_goes_on(reader: Reader, state: CopyState, is_open: bool) -> None:
    reader.folder.remember(b"secret", JOB)
    reader.folder.tell(REPORT)
    reader.read(is_open=is_open)
    reader.folder.tell(replace(REPORT, state=state))
    reader.sticks = []
    assert reader.read(is_open=is_open)[1] is not None, "it is told though the stick is gone"
    reader.clock.pass_s(3600)
    assert reader.read(is_open=is_open) == (None, None)
    reader.sticks = [replace(STICK, key="sda1.8")]
    found, _ = reader._copies.read("abcd1234", is_operators_time=is_open)
    assert found is not None and found.resumes and found.action.needs_secret
    reader.sticks = [UsbStick("sdb1", "sdb1.9", "another")]
    found, _ = reader._copies.read("abcd1234", is_operators_time=is_open)
    assert (found is not None and not found.resumes) is is_open


@pytest.mark.parametrize("every_s", [2.0, 5.0, 12.0, 31.0])
@pytest.mark.parametrize("is_open", [True, False])
def test_e4_a_stick_that_comes_and_goes_spares_root(reader: Reader, every_s: float, is_open: bool) -> None:
    """Its supply is too weak, say. systemd starts the helper 40 times in ten minutes, and then never again."""
    reader.folder.remember(b"secret", JOB)
    key, went_on = STICK.key, list[str]()
    for turn in range(int(600 / every_s)):
        reader.folder.tell(replace(REPORT, asked_ns=turn, key=key, state=CopyState.PULLED))
        reader.sticks = []
        assert reader._copies.read("abcd1234", is_operators_time=is_open)[0] is None
        reader.clock.pass_s(every_s)
        reader.sticks = [replace(STICK, key=f"sda1.{turn + 8}")]
        found, told = reader._copies.read("abcd1234", is_operators_time=is_open)
        if found is not None and found.resumes:
            key = found.action.key
            went_on.append(key)
        else:
            assert told is not None or every_s * turn > 300, "what became of the last is told"
    assert len(went_on) <= 21
    reader.clock.pass_s(30.0)
    found, _ = reader._copies.read("abcd1234", is_operators_time=is_open)
    assert found is not None and found.resumes, "a stick that stays gets its photos"


@pytest.mark.parametrize("state", [CopyState.PULLED, CopyState.FULL, CopyState.NOT_OURS])
def test_e4_a_stick_that_has_no_secret_is_asked_about_again(reader: Reader, state: CopyState) -> None:
    """It was pulled, or full, before it had one; or it was emptied since: a copy that goes on would refuse it."""
    if state is CopyState.NOT_OURS:
        reader.folder.remember(b"secret", JOB)
        reader.folder.tell(replace(REPORT, state=CopyState.FULL))
        reader.read()
        reader.sticks = [replace(STICK, key="sda1.8")]
        found, _ = reader._copies.read("abcd1234", is_operators_time=True)
        assert found is not None and found.resumes
        reader.folder.tell(replace(REPORT, asked_ns=6, key="sda1.8", state=state))
    else:
        reader.folder.tell(replace(REPORT, state=state))
    assert reader.read()[1] is not None, "it is told"
    reader.sticks = []
    reader.read()
    reader.sticks = [replace(STICK, key="sda1.9")]
    found, _ = reader._copies.read("abcd1234", is_operators_time=True)
    assert found is not None and not found.resumes and not found.action.needs_secret


@pytest.mark.parametrize("state", [CopyState.PULLED, CopyState.FULL])
def test_e4_later_a_stick_that_has_no_secret_is_told(reader: Reader, state: CopyState) -> None:
    reader.folder.tell(replace(REPORT, state=state))
    reader.read(is_open=False)
    reader.sticks = [replace(STICK, key="sda1.8")]
    found, _ = reader._copies.read("abcd1234", is_operators_time=False)
    assert found is not None and found.resumes and found.action.needs_secret, "its copy says that it is unknown"


def test_e4_a_booth_without_sticks_loads_nothing_for_them(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.sticks = []
    monkeypatch.setattr(Spool, "events", lambda spool: pytest.fail("it looked"))
    assert reader.read() == (None, None)


# -- in a running booth --------------------------------------------------------------------------------------------


class CopyRoot(Root):
    """Root's helper, whose unit copies to a folder until it is told to go on to the end."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.goes_on = threading.Event()
        self.state: CopyState | Exception | None = None
        super().__init__(box, folder)
        self.folder = CopyFolder(box.runtime)
        self.verbs["copy"] = self.copy
        self._units: list[threading.Thread] = []

    def copy(self, values: Mapping[str, object]) -> None:
        assert values == {"disk": "sda1"}
        if isinstance(self.state, Exception):
            raise self.state
        unit = threading.Thread(target=self._unit)
        self._units.append(unit)
        unit.start()

    def _unit(self) -> None:
        job = self.folder.job()
        spool = Spool(self._booth.spool.directory, self._booth.clock)
        self.folder.tell(CopyReport(job.asked_ns, job.key, job.uuid, job.link_id, total=3, done=1, pid=os.getpid()))
        self.goes_on.wait(30)
        state = stick_copy.run(spool, job, self.stick, self.folder, "Booth 1", UTC, os.getpid())
        report = self.folder.report()
        assert report is not None
        self.folder.tell(replace(report, state=self.state if isinstance(self.state, CopyState) else state))

    def stop(self) -> None:
        self.goes_on.set()
        for unit in self._units:
            unit.join()
        super().stop()


@pytest.fixture
def sticks(monkeypatch: pytest.MonkeyPatch) -> list[UsbStick]:
    found: list[UsbStick] = []
    monkeypatch.setattr(usb_sticks, "plugged_in", lambda root: list(found))
    return found


@pytest.fixture
def root(box: Box, sticks: list[UsbStick], tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopyRoot]:
    box.spool.prepare()
    box.spool.write_events([AlbumEvent("Anna & Ben", PARTY.link_id)])
    found = CopyRoot(box, tmp_path_factory.mktemp("root"))
    yield found
    found.stop()


def asked(box: Box, kind: PageKind, text_key: str = "") -> Page:
    page = box.until_page(lambda found: found is not None and (found.kind, found.text_key) == (kind, text_key))
    assert page is not None
    return page


def test_e4_a_running_booth_copies_beside_its_photos(box: Box, root: CopyRoot, sticks: list[UsbStick]) -> None:
    box.start_ready()
    for _ in range(2):
        box.take_photo()
    sticks.append(STICK)
    page = asked(box, PageKind.COPY_OFFER)
    assert page.item is not None
    assert page.item.number == 2
    box.hold_s(1.0)
    asked(box, PageKind.COPY)
    box.take_photo()
    root.goes_on.set()
    page = asked(box, PageKind.COPY, "copy_done")
    assert (page.number, page.total) == (3, 3)
    assert len(list(root.stick.glob("*/*.jpg"))) == 3
    sticks.clear()
    box.until_page(lambda found: found is None)


@pytest.mark.parametrize("state", list(CopyState)[3:])
def test_e4_each_way_in_which_a_copy_ends_is_told(
    box: Box, root: CopyRoot, sticks: list[UsbStick], state: CopyState
) -> None:
    root.state = state
    root.goes_on.set()
    box.start_ready()
    box.take_photo()
    sticks.append(STICK)
    asked(box, PageKind.COPY_OFFER)
    box.hold_s(1.0)
    assert not asked(box, PageKind.COPY, f"copy_{state}").is_good


@pytest.mark.parametrize("is_refused", [True, False])
def test_e4_a_copy_that_root_refuses_or_never_begins_is_told(
    box: Box, root: CopyRoot, sticks: list[UsbStick], monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    if is_refused:
        root.state = Refused("no")
    else:
        monkeypatch.setattr(stick_copies, "_BEGUN_S", 0.3)
        root.verbs["copy"] = lambda values: None
    box.start_ready()
    box.take_photo()
    sticks.append(STICK)
    asked(box, PageKind.COPY_OFFER)
    box.hold_s(1.0)
    asked(box, PageKind.RESULT, "copy_failed")
