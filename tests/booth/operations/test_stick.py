"""A stick and a new box, in a running booth: asked about, taken by root's helper, in force, told; photos go on.

Real: the service, the state machine, the requests, root's reader of them and the import. Fakes: the devices, and the
stick's mounting, which `setup/stick` tries with real ones.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from piboothup import root_requests, status
from piboothup.booth.flow.menu import OPERATOR_WINDOW_S, MenuOptions
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations import action_runner, root_helper
from piboothup.booth.operations.code_reading import CodeReading
from piboothup.booth.operations.menu_options import MenuOptionsReader
from piboothup.config import Config, EventPicsConfig, Secret
from piboothup.problems import problem
from piboothup.root_requests import StickResult
from piboothup.setup import boot_import
from piboothup.setup.errors import KeepsNothing, Refused
from piboothup.spool import contexts
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import CONTEXTS, HELD, NEW, WITHDRAWN
from piboothup.status import BoothState
from tests.booth.operations.test_code_reading import Root
from tests.booth.operations.test_menu_options import menu_options_reader
from tests.support.booth import NO_EVENT, Box
from tests.support.photos import PARTY, jpeg, take

FILE = b'name = "Of the stick"\n[eventpics]\nlink_id = "efgh5678"\n'


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What udev makes while a stick with the label is plugged in."""
    found = tmp_path / "PIBOOTHUP"
    monkeypatch.setattr(root_requests, "STICK", found)
    return found


class StickRoot(Root):
    """Root's helper with a stick: done as soon as the booth asks."""

    content = FILE
    answered: str | Exception = StickResult.TAKEN

    def take_stick(self, values: Mapping[str, object]) -> str:
        assert values == {}
        if isinstance(self.answered, Exception):
            raise self.answered
        boot_import.take_from_stick(self.box, ["piboothup.toml"], self.content, lambda country: None)
        return self.answered


@pytest.fixture
def root(
    box: Box, link: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StickRoot]:
    found = StickRoot(box, tmp_path_factory.mktemp("root"))
    found.verbs["stick"] = found.take_stick
    monkeypatch.setattr(action_runner, "_UPLOADER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(box, "_follow", found.follow)
    yield found
    found.stop()


def asked(box: Box, kind: PageKind) -> Page:
    page = box.until_page(lambda found: found is not None and found.kind is kind)
    assert page is not None
    return page


def held(box: Box) -> None:
    """Agree to the question about the stick."""
    asked(box, PageKind.STICK)
    box.hold_s(1.0)


def test_u03_a_stick_sets_the_running_booth_up(box: Box, root: StickRoot, link: Path) -> None:
    box.start_ready()
    link.touch()
    asked(box, PageKind.STICK)
    assert list(root.box.etc.iterdir()) == []
    box.hold_s(1.0)
    assert asked(box, PageKind.RESULT).text_key == "stick_taken"
    assert box._service is not None
    active = box._service._settings_store.active
    assert (active.config.name, active.context.link_id) == ("Of the stick", "efgh5678")
    box.press()  # closes the page
    box.until_light(LightPattern.READY)
    box.take_photo()
    assert [name.context for name in box.spool.names(NEW)] == [active.context.id]


def test_u03_a_stick_that_was_there_at_power_on_is_asked_about(box: Box, root: StickRoot, link: Path) -> None:
    link.touch()
    box.start_ready()
    asked(box, PageKind.STICK)
    until = box.until_said(lambda said: said.get("state") == BoothState.SETUP)
    assert until
    box.take_photo()
    assert list(root.box.etc.iterdir()) == []


@pytest.mark.parametrize("result", list(StickResult)[1:])
def test_u03_each_result_of_a_stick_is_told(box: Box, root: StickRoot, link: Path, result: StickResult) -> None:
    root.answered = result
    link.touch()
    box.start_ready()
    held(box)
    page = asked(box, PageKind.RESULT)
    assert (page.text_key, page.is_good) == (f"stick_{result}", False)


def test_u03_a_system_that_keeps_nothing_says_so(box: Box, root: StickRoot, link: Path) -> None:
    """Pulling the plug, which is else the remedy, would not help."""
    root.answered = KeepsNothing()
    link.touch()
    box.start_ready()
    held(box)
    page = asked(box, PageKind.RESULT)
    assert (page.text_key, page.is_good) == ("keeps_nothing", False)


@pytest.mark.parametrize("failure", [Refused("odd"), OSError(5, "Input/output error"), None])
def test_u02_a_stick_that_is_not_taken_is_told(
    box: Box, root: StickRoot, link: Path, failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None: there is no helper."""
    monkeypatch.setattr(root_helper, "HELPER_TIMEOUT_S", 0.2)
    if failure is None:
        root.stop()
    else:
        root.answered = failure
    link.touch()
    box.start_ready()
    held(box)
    assert asked(box, PageKind.RESULT).text_key == "code_not_taken"
    box.press()
    box.until_light(LightPattern.READY)
    box.take_photo()


@pytest.mark.parametrize("choice", ["take_along", "leave"])
def test_u13_a_sticks_event_asks_about_photos_from_before(box: Box, root: StickRoot, link: Path, choice: str) -> None:
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    box.start_ready()
    box.spool.write_events([AlbumEvent("The others", "efgh5678")])
    box.take_photo()
    before = [name.context for name in box.spool.names(NEW)]
    link.touch()
    box.clock.pass_s(1.0)
    held(box)
    page = asked(box, PageKind.TAKE_ALONG)
    assert (page.title, page.number) == ("The others", 1)
    box.choose(choice)
    assert asked(box, PageKind.RESULT).text_key == (
        "event_chosen_along" if choice == "take_along" else "event_chosen"
    )
    for context_id in before:
        record = contexts.assigned_path(box.spool.directory / CONTEXTS, context_id)
        assert record.exists() is (choice == "take_along")
    assert box._service is not None
    assert box._service._settings_store.active.context.link_id == "efgh5678"


@pytest.mark.parametrize("has_photo", [True, False])
@pytest.mark.parametrize(("of_stick", "album_id"), [("", "a8"), ('album_id = "a7"', "a7")])
def test_u12_a_stick_s_event_has_the_album_meant_for_a_booth(
    box: Box, root: StickRoot, link: Path, of_stick: str, album_id: str, has_photo: bool
) -> None:
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    root.content = FILE + of_stick.encode()
    box.start_ready()
    albums = (Album("a7", "Party"), Album("a8", "Fotobox"), Album("a9", "Guests"))
    box.spool.write_events([AlbumEvent("The others", "efgh5678", albums)])
    if has_photo:
        box.take_photo()
    link.touch()
    box.clock.pass_s(1.0)
    held(box)
    if has_photo:
        asked(box, PageKind.TAKE_ALONG)
        box.choose("take_along")
    asked(box, PageKind.RESULT)
    assert box._service is not None
    context = box._service._settings_store.active.context
    assert (context.link_id, context.album_id) == ("efgh5678", album_id)


# -- a new box -------------------------------------------------------------------------------------------------------


@pytest.fixture
def new(box: Box, link: Path) -> Box:
    """A box with neither key nor event, and no photo yet."""
    box.config = dataclasses.replace(box.config, eventpics=EventPicsConfig())
    return box


def test_u13_a_new_box_takes_photos_at_once_and_asks_later(new: Box) -> None:
    new.start_ready()
    assert asked(new, PageKind.READ_CODE).operator_only
    new.take_photo()
    new.clock.pass_s(2.0)
    new.until_light(LightPattern.READY)
    assert new.page is None
    new.turn()
    assert new.page is None
    assert new._service is not None
    assert new._service._settings_store.active.context.link_id == ""


def test_u13_a_press_waits_for_no_reader_of_codes(
    new: Box, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library takes a second to load on a small box."""
    loading = threading.Event()

    def run(reading: CodeReading) -> None:
        loading.set()
        held.wait()

    monkeypatch.setattr(CodeReading, "run", run)
    new.start_ready()
    asked(new, PageKind.READ_CODE)
    assert loading.wait(30)
    new.take_photo()


def test_u13_ready_and_a_press_wait_for_nothing_of_set_up(
    new: Box, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = MenuOptionsReader.read

    def late(reader: MenuOptionsReader) -> MenuOptions:
        held.wait()
        return read(reader)

    monkeypatch.setattr(MenuOptionsReader, "read", late)
    new.start_ready()
    new.take_photo()
    assert status.read(new.runtime, "booth") is not None


@pytest.mark.parametrize("key", ["none", "empty", "full", "in the config"])
@pytest.mark.parametrize("has_event", [False, True])
@pytest.mark.parametrize("place", ["", NEW, HELD, WITHDRAWN])
def test_u13_new_is_a_box_without_key_event_and_photo(
    tmp_path: Path, link: Path, key: str, has_event: bool, place: str
) -> None:
    file = tmp_path / "key"
    if key in ("empty", "full"):
        file.write_text("a-key\n" if key == "full" else "")
        file.chmod(0)  # the uploader's alone
    event = EventPicsConfig(link_id="abcd1234" if has_event else "", api_key_file=str(file))
    if key == "in the config":
        event = dataclasses.replace(event, api_key=Secret("0123456789"), api_key_file="")
    reader = menu_options_reader(tmp_path / "spool", Config(eventpics=event))
    if place:
        take(reader._spool, jpeg(), PARTY, place)
    is_new = key in ("none", "empty") and not has_event and not place
    assert [reader.read().is_new for _ in range(3)] == [is_new] * 3


@pytest.mark.parametrize("trouble", ["config_problem", "problem"])
def test_u13_a_box_whose_settings_are_broken_is_not_new(tmp_path: Path, link: Path, trouble: str) -> None:
    reader = menu_options_reader(tmp_path / "spool", Config())
    setattr(reader._settings_store, trouble, problem("bad_config"))
    assert not reader.read().is_new
    setattr(reader._settings_store, trouble, None)
    assert reader.read().is_new


def test_u03_nothing_is_looked_for_after_the_operator_s_time(tmp_path: Path, link: Path) -> None:
    link.touch()
    reader = menu_options_reader(tmp_path / "spool", Config())
    assert (reader.read().has_stick, reader.read().is_new) == (True, True)
    reader._clock.pass_s(OPERATOR_WINDOW_S)  # type: ignore[attr-defined]
    found = reader.read()
    assert (found.has_stick, found.is_new) == (False, False)
    link.unlink()
