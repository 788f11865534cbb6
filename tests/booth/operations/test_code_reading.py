"""A code before the lens of a running booth, to the end: asked about, taken by root's helper, in force, told.

Real: the reader, the state machine, the requests, root's helper with its files. Fakes: the camera, which shows a
drawn frame, and the joining of a network, as no NetworkManager runs here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from piboothup import status
from piboothup.booth.camera import code_reader
from piboothup.booth.flow.actions import UseCode
from piboothup.booth.flow.events import ScanHint
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.frame import VIEWFINDER_SIZE, Viewfinder, shrunk
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations import action_runner
from piboothup.booth.panel import screens
from piboothup.booth.panel.view import View
from piboothup.booth.storage import Followed
from piboothup.config import CaptureConfig, Secret, country, good_copy, root_settings
from piboothup.config.codes import BoothCode, GuestLink, OtherCode, Security, WifiNetwork, make
from piboothup.config.import_record import ImportWatch
from piboothup.config.reading import Reading
from piboothup.root_requests import REQUESTS, WifiResult
from piboothup.runtime import HintSocket
from piboothup.setup import code_import, request_reader, root_settings_file, wifi_profiles
from piboothup.setup.radio import Radio
from piboothup.setup.request_reader import Verb
from piboothup.spool import choices, contexts
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.listing import COMMITTED, CONTEXTS, NEW
from piboothup.status import BoothState
from tests.support.booth import Box
from tests.support.deadline import PATIENCE_S
from tests.support.held_code import Held, frame
from tests.support.kept_box import KeptBox
from tests.support.photos import jpeg, open_spool, take
from tests.support.users import ROOT, make_runtime

KEY, PASSWORD = "canary-key-0123456789", "canary-password-1"
BARN = WifiNetwork("Barn", Secret(PASSWORD), Security.WPA)
WHOLE = BoothCode(Secret(KEY), "efgh5678", "a2", BARN, "Booth 7", "DE", "de", "Europe/Berlin")
EVENTS = [AlbumEvent("Anna & Ben", "abcd1234", (Album("a1", "Booth"),)), AlbumEvent("The others", "efgh5678")]


class Root(Radio):
    """Root's helper over the folders of a box: done as soon as the booth asks."""

    def __init__(self, box: Box, folder: Path) -> None:
        super().__init__()
        make_runtime(box.runtime)
        os.chown(box.runtime / REQUESTS, ROOT, -1)  # the booth of these tests is of this user
        for name in ("boot", "etc", "profiles"):
            (folder / name).mkdir()
        self.box = KeptBox("7F3K", folder / "boot", folder / "etc", folder / "profiles", folder / "trials")
        self.result = WifiResult.JOINED
        self.joined: list[UUID] = []
        self.on_join: Callable[[], None] = lambda: None
        self._booth = box
        self._ended = threading.Event()
        self._watch = ImportWatch(self.box.etc)
        self.verbs: dict[str, Verb] = {"settings": self._take}
        self._thread = threading.Thread(target=self._serve, name="root's helper")
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended.wait(0.02):
            request_reader.serve(self._booth.runtime, ROOT, self._booth.clock, self.verbs)

    def _take(self, values: Mapping[str, object]) -> WifiResult | None:
        self._booth.clock.pass_s(0.01)  # a request has a later time than the one before
        return code_import.take(values, self.box, self)

    def put_in_force(self, country: str) -> None:
        pass

    def reload(self) -> None:
        pass

    def in_use(self) -> UUID | None:
        return None

    def refined(self, result: WifiResult, ssid: str) -> WifiResult:
        return result

    def resume(self, profile: UUID) -> None:
        pass

    def join(self, profile: UUID) -> WifiResult:
        self.joined.append(profile)
        self.on_join()
        return self.result

    def follow(self) -> Followed | None:
        """What the booth reads after an import."""
        if not self._watch.has_news():
            return None
        self._watch.note()
        config = self._booth.config
        found = root_settings.read(self.box.etc / good_copy.ROOT_FILE).reading
        laid_over = Reading(Path(), "", {}, values=dict(vars(config)), over=found)
        return laid_over.merged_with(config)[0], None, None

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def box(box: Box, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(code_reader, "_SHORTEST_PAUSE_S", 0.02)
    box.spool.prepare()
    box.spool.write_events(EVENTS)
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=1, review_s=1.0))
    return box


@pytest.fixture
def root(box: Box, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Root]:
    found = Root(box, tmp_path_factory.mktemp("root"))
    monkeypatch.setattr(box, "_follow", found.follow)
    yield found
    found.stop()


def await_code(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("set_up", "read_code")


def hold(box: Box, code: WifiNetwork | BoothCode | GuestLink | str, held: Held | None = None) -> None:
    text = code if isinstance(code, str) else make(code).reveal()
    box.camera.picture = frame(text, held or Held(share=0.4, turn_deg=10), size=(820, 616))


def asked(box: Box, kind: PageKind) -> Page:
    page = box.until_page(lambda found: found is not None and found.kind is kind)
    assert page is not None
    return page


def told(box: Box) -> Page:
    return asked(box, PageKind.RESULT)


def test_u08_a_booth_code_before_the_lens_sets_the_box_up(box: Box, root: Root) -> None:
    await_code(box)
    hold(box, WHOLE)
    parts = asked(box, PageKind.CODE_BOOTH).parts
    assert [part.text_key for part in parts] == ["key", "event", "wifi", "name", "place"]
    assert [part.title for part in parts[1:3]] == ["The others", "Barn"]
    assert list(root.box.etc.iterdir()) == []
    box.choose("use_code")
    assert (told(box).text_key, told(box).is_good) == ("code_taken", True)
    assert root.box.key_file.read_text() == f"{KEY}\n"
    assert root.joined == [wifi_profiles.uuid_of("Barn")]
    assert box._service is not None
    active = box._service._settings_store.active
    assert (active.config.name, active.config.language) == ("Booth 7", "de")
    assert (active.context.link_id, active.context.album_id) == ("efgh5678", "a2")
    box.press()
    box.until_light(LightPattern.READY)
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    assert [name.context for name in box.spool.names(NEW)] == [active.context.id]


def test_u08_a_code_counts_over_what_was_chosen_before(box: Box, root: Root) -> None:
    chosen = choices.Choices(link_id="abcd1234", album_id="a1", language="de")
    choices.write(box.spool.directory, box.config, chosen)
    await_code(box)
    hold(box, BoothCode(link_id="abcd1234", language="en"))  # the album is never changed in mid-event
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    told(box)
    assert box._service is not None
    active = box._service._settings_store.active
    assert (active.config.language, active.context.link_id, active.context.album_id) == ("en", "abcd1234", "a1")
    event = root_settings_file.event(
        root.box.etc / good_copy.ROOT_FILE
    )  # holds, whatever becomes of the choice and the answer
    assert (event.link_id, event.album_id) == ("abcd1234", "a1")


def photograph(box: Box) -> None:
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)


def test_c13_outside_of_set_up_nobody_looks_for_codes(box: Box, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(code_reader.CodeReader, "__init__", lambda reader: read.append("begun"))
    hold(box, WHOLE)
    box.start_ready()
    photograph(box)
    box.clock.pass_s(60.0)
    box.until_light(LightPattern.READY)
    box.open_menu()
    box.choose("set_up")
    box.turn()
    assert (read, list(root.box.etc.iterdir()), root.joined) == ([], [], [])
    assert box.camera.asked.qsize() == 1, "the photo's frame alone"
    box.choose("read_code")
    box.until_page(lambda page: bool(read))


@pytest.mark.parametrize(
    "code",
    [
        BoothCode(name="Booth 8"),
        BoothCode(timezone="Europe/Berlin", wifi=BARN),
        BoothCode(key=Secret(KEY)),
        BoothCode(language="en", country="DE"),
        BARN,
    ],
)
def test_u13_a_code_without_an_event_keeps_what_was_chosen(
    box: Box, root: Root, code: BoothCode | WifiNetwork
) -> None:
    chosen = choices.Choices(link_id="efgh5678", album_id="b1", language="de", paused=True, sound=False)
    choices.write(box.spool.directory, box.config, chosen)
    join, taken_for = root.join, set()

    def joining(profile: UUID) -> WifiResult:
        """It takes as long as housekeeping needs to see what is new, and photos are taken meanwhile."""
        box.turn()
        assert box._service is not None
        box._service._settings_store.refresh()
        taken_for.add(box._service._settings_store.active.context.link_id)
        return join(profile)

    root.join = joining  # type: ignore[method-assign]
    await_code(box)
    hold(box, code)
    asked(box, PageKind.CODE_WIFI if isinstance(code, WifiNetwork) else PageKind.CODE_BOOTH)
    box.choose("Barn" if isinstance(code, WifiNetwork) else "use_code")
    assert told(box).is_good
    assert box._service is not None
    active = box._service._settings_store.active
    assert (active.context.link_id, active.context.album_id) == ("efgh5678", "b1")
    assert active.config.upload.paused and not active.sound
    assert active.config.language == (getattr(code, "language", "") or "de")
    assert taken_for <= {"efgh5678"}, "a photo taken while a network is joined goes to the chosen event too"


def test_u13_photos_without_an_event_go_along_if_wanted(box: Box, root: Root) -> None:
    box.config = dataclasses.replace(box.config, eventpics=dataclasses.replace(box.config.eventpics, link_id=""))
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(1), context_for("", "", "before"))
    await_code(box)
    hold(box, BoothCode(link_id="efgh5678"))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code", "take_along")
    assert (told(box).text_key, told(box).number) == ("code_taken_along", 1)


def test_u08_a_code_counts_before_its_network_is_joined(box: Box, root: Root) -> None:
    """Also one that changes nothing of the config: a choice stood over it, and guests press while it joins."""
    chosen = choices.Choices(link_id="efgh5678", language="de", paused=True)
    choices.write(box.spool.directory, box.config, chosen)
    seen: list[tuple[str, str, bool]] = []

    def joining(profile: UUID) -> WifiResult:
        assert profile == wifi_profiles.uuid_of("Barn")
        assert box._service is not None
        active = box._service._settings_store.active
        seen.append((active.context.link_id, active.config.language, active.config.upload.paused))
        return WifiResult.JOINED

    root.join = joining  # type: ignore[method-assign]
    await_code(box)
    hold(box, BoothCode(link_id="abcd1234", album_id="a1", wifi=BARN))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    assert told(box).is_good
    assert seen == [("abcd1234", "de", True)]


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("code", [BARN, BoothCode(name="Booth 8"), BoothCode(link_id="efgh5678")])
def test_u05_a_code_ends_no_pause(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch, code: BoothCode | WifiNetwork, paused: bool
) -> None:
    monkeypatch.setattr(action_runner, "_UPLOADER_TIMEOUT_S", 0.1)
    choices.write(box.spool.directory, box.config, choices.Choices(paused=paused))
    await_code(box)
    with contextlib.closing(HintSocket(box.runtime, "uploader")) as hints:
        hold(box, code)
        asked(box, PageKind.CODE_WIFI if isinstance(code, WifiNetwork) else PageKind.CODE_BOOTH)
        box.choose("Barn" if isinstance(code, WifiNetwork) else "use_code")
        assert told(box).is_good
        assert hints.receive(PATIENCE_S) == ["choices" if paused else "retry"]
    assert box._service is not None
    assert box._service._settings_store.active.config.upload.paused is paused


@pytest.mark.parametrize("result", [result for result in WifiResult if result is not WifiResult.FORMER])
def test_u06_joining_a_network_is_told_as_it_went(box: Box, root: Root, result: WifiResult) -> None:
    root.result = result
    await_code(box)
    hold(box, BARN)
    page = asked(box, PageKind.CODE_WIFI)
    assert page.item is not None and page.item.title == "Barn"
    box.choose("Barn")
    assert (told(box).text_key, told(box).title) == (f"wifi_{result}", "Barn")
    assert told(box).is_good is (result is WifiResult.JOINED)
    is_kept = result is not WifiResult.PASSWORD
    assert (wifi_profiles.saved_password("Barn", root.box.profiles) == Secret(PASSWORD)) is is_kept


@pytest.mark.parametrize("has_answer", [True, False])
@pytest.mark.parametrize("is_alone", [True, False])
def test_u10_the_answer_goes_to_root_or_its_lack_is_told(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch, has_answer: bool, is_alone: bool
) -> None:
    kernel_line = root.box.boot / "cmdline.txt"
    kernel_line.write_text("console=tty1 root=PARTUUID=1\n")
    monkeypatch.setattr(country, "is_missing", lambda _: country.of_line(kernel_line.read_text()) == "")
    await_code(box)
    hold(box, BARN if is_alone else dataclasses.replace(WHOLE, country=""))
    asked(box, PageKind.CODE_WIFI if is_alone else PageKind.CODE_BOOTH)
    box.choose("Barn" if is_alone else "use_code")
    asked(box, PageKind.COUNTRY)
    if has_answer:
        box.choose("GB")
    else:
        box.clock.pass_s(20.0)
    said = "wifi_joined" if is_alone else "code_taken"
    assert (told(box).text_key, told(box).is_good) == (said if has_answer else f"{said}_world", True)
    assert root.joined == [wifi_profiles.uuid_of("Barn")]
    assert country.of_line(kernel_line.read_text()) == ("GB" if has_answer else "")


def test_u06_a_mistyped_code_is_told_the_old_password_stays(box: Box, root: Root) -> None:
    root.result = WifiResult.FAILED
    wifi_profiles.write(WifiNetwork("Barn", Secret("the old one"), Security.WPA), folder=root.box.profiles)
    await_code(box)
    hold(box, BARN)
    asked(box, PageKind.CODE_WIFI)
    box.choose("Barn")
    assert (told(box).text_key, told(box).is_good) == ("wifi_former", False)
    assert wifi_profiles.saved_password("Barn", root.box.profiles) == Secret("the old one")


def test_u12_the_album_meant_for_a_booth_is_chosen_by_a_code(box: Box, root: Root) -> None:
    box.spool.write_events([AlbumEvent("X", "ijkl9012", (Album("a7", "Party"), Album("a8", "Foto-Box")))])
    await_code(box)
    hold(box, BoothCode(link_id="ijkl9012"))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    told(box)
    assert box._service is not None
    assert box._service._settings_store.active.context.album_id == "a8"
    assert root_settings_file.event(root.box.etc / good_copy.ROOT_FILE).album_id == "a8"


NEW_EVENT = AlbumEvent("New", "mnop3456", (Album("a7", "Party"), Album("a8", "Photo booth"), Album("a9", "Booth 7")))


@pytest.mark.parametrize(("name", "album_id"), [("", "a8"), ("Booth 7", "a9")])
def test_u12_an_event_of_a_new_key_has_its_album_chosen(box: Box, root: Root, name: str, album_id: str) -> None:
    """No album is known when the code is read: the uploader lists them with the new key, once it is online."""
    box.config = dataclasses.replace(box.config, eventpics=dataclasses.replace(box.config.eventpics, link_id=""))
    waits = take(open_spool(box.spool.directory, box.clock), jpeg(1), context_for("", "", "before"))
    status.write(box.runtime, "uploader", {"state": "idle", "events_seen": 1})
    root.on_join = lambda: box.spool.write_events([*EVENTS, NEW_EVENT])
    await_code(box)
    hold(box, BoothCode(Secret(KEY), "mnop3456", wifi=BARN, name=name))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code", "take_along")
    assert told(box).text_key == "code_taken_along"
    assert box._service is not None
    context = box._service._settings_store.active.context
    assert (context.link_id, context.album_id) == ("mnop3456", album_id)
    event = root_settings_file.event(root.box.etc / good_copy.ROOT_FILE)
    assert (event.link_id, event.album_id) == ("mnop3456", album_id)
    went = contexts.read_record(box.spool.directory / CONTEXTS, waits.context).context_of(waits.order)
    assert went is not None
    assert (went.link_id, went.album_id) == ("mnop3456", album_id)


def test_u12_photos_go_along_to_the_album_that_is_in_force(box: Box, root: Root) -> None:
    """Root's helper has no room for the album: the event is in force without one."""
    box.config = dataclasses.replace(box.config, eventpics=dataclasses.replace(box.config.eventpics, link_id=""))
    waits = take(open_spool(box.spool.directory, box.clock), jpeg(1), context_for("", "", "before"))
    status.write(box.runtime, "uploader", {"state": "idle", "events_seen": 1})

    def refuse(values: Mapping[str, object]) -> None:
        raise OSError(errno.ENOSPC, "full")

    def list_albums() -> None:
        box.spool.write_events([*EVENTS, NEW_EVENT])
        root.verbs["settings"] = refuse

    root.on_join = list_albums
    await_code(box)
    hold(box, BoothCode(Secret(KEY), "mnop3456", wifi=BARN))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code", "take_along")
    assert told(box).text_key == "code_taken_along"
    assert box._service is not None
    assert box._service._settings_store.active.context == context_for("mnop3456", "", "")
    went = contexts.read_record(box.spool.directory / CONTEXTS, waits.context).context_of(waits.order)
    assert went is not None
    assert (went.link_id, went.album_id) == ("mnop3456", "")


@pytest.mark.parametrize("place", COMMITTED)
def test_u12_no_album_is_changed_after_the_first_photo(box: Box, root: Root, place: str) -> None:
    status.write(box.runtime, "uploader", {"state": "idle", "events_seen": 1})
    spool = open_spool(box.spool.directory, box.clock)

    def photo_and_list() -> None:
        name = take(spool, jpeg(1), context_for("mnop3456", "", ""))
        spool.path(name, place).parent.mkdir(parents=True, exist_ok=True)
        spool.path(name).rename(spool.path(name, place))
        box.spool.write_events([NEW_EVENT])

    root.on_join = photo_and_list
    await_code(box)
    hold(box, BoothCode(Secret(KEY), "mnop3456", wifi=BARN))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    assert told(box).text_key == "code_taken"
    assert box._service is not None
    assert box._service._settings_store.active.context == context_for("mnop3456", "", "")


def test_u12_without_the_list_of_albums_the_event_is_taken(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action_runner, "_UPLOADER_TIMEOUT_S", 0.3)
    status.write(box.runtime, "uploader", {"state": "offline"})
    await_code(box)
    hold(box, BoothCode(Secret(KEY), "mnop3456"))
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    assert told(box).text_key == "code_taken"
    assert box._service is not None
    assert box._service._settings_store.active.context == context_for("mnop3456", "", "")


@pytest.mark.parametrize(
    ("state", "ssid", "said"),
    [
        ("portal", "Barn", "portal"),
        ("portal", "Attic", "joined"),
        ("idle", "Barn", "joined"),
        ("offline", "Barn", "joined"),
    ],
)
def test_u06_a_network_that_asks_for_a_login_is_told(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch, state: str, ssid: str, said: str
) -> None:
    monkeypatch.setattr(action_runner, "_UPLOADER_TIMEOUT_S", 0.3)
    status.write(box.runtime, "uploader", {"state": state, "wifi": {"ssid": ssid}})
    await_code(box)
    hold(box, BARN)
    asked(box, PageKind.CODE_WIFI)
    box.choose("Barn")
    assert told(box).text_key == f"wifi_{said}"


def test_u06_a_login_is_told_where_the_first_question_hangs(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a new key the uploader starts anew, and is idle until it knows."""
    wait = action_runner.ActionRunner._waits

    def know(runner: action_runner.ActionRunner, turns: Iterator[int]) -> bool:
        status.write(box.runtime, "uploader", {"state": "portal", "wifi": {"ssid": "Barn"}})
        return wait(runner, turns)

    monkeypatch.setattr(action_runner, "_UPLOADER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(action_runner.ActionRunner, "_waits", know)
    status.write(box.runtime, "uploader", {"state": "idle", "events_seen": None, "wifi": {"ssid": "Barn"}})
    await_code(box)
    hold(box, BARN)
    asked(box, PageKind.CODE_WIFI)
    box.choose("Barn")
    assert told(box).text_key == "wifi_portal"


def test_u06_a_join_without_an_answer_is_told_in_time(box: Box, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_runner, "RESULT_TIMEOUT_S", 0.5)
    told_already = threading.Event()

    def hang(profile: UUID) -> WifiResult:
        assert told_already.wait(PATIENCE_S)
        return WifiResult.FAILED

    monkeypatch.setattr(root, "join", hang)
    await_code(box)
    hold(box, BARN)
    asked(box, PageKind.CODE_WIFI)
    box.choose("Barn")
    assert (told(box).text_key, told(box).is_good) == ("code_not_taken", False)
    told_already.set()


def test_u07_the_guests_own_code_chooses_the_event(box: Box, root: Root) -> None:
    await_code(box)
    hold(box, "HTTPS://APP.EVENTPICS.NET/efgh5678?utm=x")
    asked(box, PageKind.EVENTS)
    box.choose("The others")
    assert told(box).text_key == "event_chosen"
    assert choices.read(box.spool.directory, box.config).link_id == "efgh5678"
    assert list(root.box.etc.iterdir()) == []


def test_u09_a_code_of_another_kind_is_named(box: Box, root: Root) -> None:
    await_code(box)
    hold(box, "otpauth://totp/Bank?secret=canary-password-2")
    assert told(box).text_key == "kind_login"
    assert isinstance(code_of(box, "BEGIN:VCARD\nN:Ben\nEND:VCARD"), OtherCode)


def code_of(box: Box, text: str) -> object:
    return box.runner._code_reading._parsed(Secret(text))


def test_u09_a_code_in_view_of_a_photo_is_only_in_the_photo(box: Box, root: Root) -> None:
    hold(box, WHOLE)
    box.start_ready()
    photograph(box)
    assert list(root.box.etc.iterdir()) == [] and root.joined == []


def test_u08_hints_are_shown_and_a_press_takes_a_photo_at_once(box: Box, root: Root) -> None:
    await_code(box)
    box.until_said(lambda said: said.get("state") == "setup")
    hold(box, WHOLE, Held(share=0.05))
    box.until_page(lambda found: found is not None and found.text_key == ScanHint.CLOSER)
    box.camera.picture = None
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1


def test_u08_every_frame_is_given_back_and_no_lens_is_moved(box: Box, root: Root) -> None:
    await_code(box)
    box.camera.moved_lens.clear()
    hold(box, WHOLE, Held(share=0.05))
    box.until_page(lambda found: found is not None and found.text_key == ScanHint.CLOSER)
    hold(box, BARN)
    asked(box, PageKind.CODE_WIFI)
    assert box.camera.released.qsize() == len(box.camera.handed_over)
    assert set(box.camera.moved_lens) == {False}, "autofocus finds the code"


def test_u08_autofocus_looks_near_while_a_code_is_awaited(box: Box, root: Root) -> None:
    await_code(box)
    box.until_said(lambda said: said.get("state") == "setup")
    hold(box, WHOLE, Held(share=0.05))
    box.until_page(lambda found: found is not None and found.text_key == ScanHint.CLOSER)
    assert box.camera.near == [True]
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    assert box.camera.near == [True, False]


def test_u08_without_root_s_helper_all_stays_and_is_told(box: Box) -> None:
    await_code(box)
    hold(box, WHOLE)
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    assert (told(box).text_key, told(box).is_good) == ("code_not_taken", False)


def test_u08_a_code_that_root_refuses_changes_nothing(box: Box, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(code_import, "take", refuse)
    await_code(box)
    hold(box, WHOLE)
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    assert (told(box).text_key, told(box).is_good) == ("code_not_taken", False)
    assert box._service is not None
    assert box._service._settings_store.active.context.link_id == "abcd1234"


@pytest.mark.parametrize(("code", "kind", "item"), [(WHOLE, "CODE_BOOTH", "use_code"), (BARN, "CODE_WIFI", "Barn")])
def test_u08_a_system_that_keeps_nothing_says_so(
    box: Box, root: Root, monkeypatch: pytest.MonkeyPatch, code: str, kind: str, item: str
) -> None:
    """Pulling the plug, which is else the remedy, would not help."""
    monkeypatch.setattr(KeptBox, "forgets", True)
    await_code(box)
    hold(box, code)
    asked(box, PageKind[kind])
    box.choose(item)
    assert (told(box).text_key, told(box).is_good) == ("keeps_nothing", False)
    assert list(root.box.etc.iterdir()) == [] and root.joined == []


def test_a_library_that_can_t_be_loaded_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("zxingcpp")

    monkeypatch.setattr("piboothup.booth.operations.code_reading.CodeReader", fail)
    await_code(box)
    assert told(box).text_key == "no_code_reader"


def test_no_secret_of_a_code_is_in_log_status_or_runtime(
    box: Box, root: Root, caplog: pytest.LogCaptureFixture
) -> None:
    await_code(box)
    hold(box, WHOLE)
    asked(box, PageKind.CODE_BOOTH)
    box.choose("use_code")
    told(box)
    box.stop()
    written = [*box.runtime.rglob("*"), *box.spool.directory.rglob("*")]
    files = [path for path in written if path.is_file()]
    assert files
    for secret in (KEY, PASSWORD):
        assert secret not in caplog.text
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert KEY not in repr(UseCode(WHOLE)) and PASSWORD not in repr(UseCode(WHOLE))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.5, 0.65, 0.74])
def test_no_code_can_be_read_from_the_panel(share: float) -> None:
    """The shortest codes, held so close that they fill the picture: what the panel shows is too coarse for them."""
    for text in ("WIFI:S:Barn;T:WPA;P:12345678;;", make(BARN).reveal(), make(BoothCode(Secret(KEY))).reveal()):
        grey = shrunk(frame(text, Held(share=share, blur_px=0.5, noise=0)), VIEWFINDER_SIZE)
        page = Page(PageKind.READ_CODE)
        picture = screens.draw(View(state=BoothState.MENU, page=page, viewfinder=Viewfinder(1, grey)))
        for scale in (1, 2, 4, 8):
            shown = picture.convert("L").resize((128 * scale, 64 * scale), Image.Resampling.NEAREST)
            for seen in (shown, shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
                assert zxingcpp.read_barcodes(np.asarray(seen)) == []
