"""From the page's first key to the photo in the album: the page, a phone's screen, the lens, the box, EventPics."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from piboothup.booth.flow import pages
from piboothup.booth.flow.code_pages import page_of_code
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.frame import Plane
from piboothup.clock import SystemClock
from piboothup.config import LANGUAGES, Config, Secret, good_copy, root_settings
from piboothup.config.codes import BoothCode, GuestLink, Security, WifiNetwork, make
from piboothup.records import replace
from piboothup.setup import wifi_profiles
from piboothup.simulator import scenes
from piboothup.simulator.camera import DEFAULT_SIZE
from piboothup.simulator.server import LocalEventPics
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState
from tests.lab.page.box import Box, Operator, wait_until
from tests.lab.page.front import Front
from tests.support.held_code import Held, before_lens, frame

Open = Callable[..., Any]
KEY, PASSWORD = "key-of-a-renter-0123456789abcdef", "sunflower;1"
ALBUMS = [{"id": "p1", "title": "Party"}, {"id": "p2", "title": "Foto-Box"}, {"id": "p3", "title": "Church"}]
EVENTS: list[dict[str, Any]] = [
    {"title": "Anna & Ben", "linkId": "aB3dEf6hIj1L", "albums": ALBUMS},
    {"title": "The others", "linkId": "oTh3rs5678", "albums": []},
]
SEEN = [
    AlbumEvent("Anna & Ben", "aB3dEf6hIj1L", tuple(Album(album["id"], album["title"]) for album in ALBUMS)),
    AlbumEvent("The others", "oTh3rs5678"),
]
"""The same events, as the box's menu has them."""
IN_A_LIT_ROOM = Held(turn_deg=8, lean=0.12, blur_px=1.2, glare=0.35, noise=6.0)
IN_THE_DARK = Held(turn_deg=-6, lean=0.1, blur_px=1.0, white=80, black=12, room=12, noise=5.0)


@pytest.fixture
def album(tmp_path: Path, front: Front) -> Iterator[LocalEventPics]:
    """EventPics, for the browser and for the box."""
    before = front.behind
    with LocalEventPics(tmp_path / "eventpics", SystemClock(), key=KEY) as made:
        made.events = EVENTS
        front.behind = made.url
        yield made
    front.behind = before


@pytest.fixture
def box(tmp_path: Path, album: LocalEventPics) -> Iterator[Box]:
    made = Box(tmp_path, album.url)
    made.before_lens(room())
    made.power_on(os.environ["PIBOOTHUP_BOX_READER"])
    yield made
    made.close()


def room() -> Plane:
    """What the camera sees when nothing is held before it."""
    return scenes.party(7, DEFAULT_SIZE).y


def phone(page: Any, held: Held) -> Plane:
    """What the camera sees of the page on a phone, three tenths of the frame wide."""
    screen = Image.open(io.BytesIO(page.tab.screenshot())).convert("L")
    assert screen.size == (1080, 2220)
    return before_lens(ImageOps.expand(screen, 30, 0), 0.3 * DEFAULT_SIZE[0], held, DEFAULT_SIZE)


@pytest.mark.parametrize(
    ("language", "held", "loads", "in_album"),
    [("en", IN_A_LIT_ROOM, True, "p3"), ("de", IN_THE_DARK, False, "p2")],
    ids=["loaded event in a lit room", "guests' link in the dark"],
)
def test_u08_from_the_first_key_to_the_photo_in_the_album(
    open_page: Open, box: Box, album: LocalEventPics, language: str, held: Held, loads: bool, in_album: str
) -> None:
    options = MenuOptions(
        operator_until_ns=None, languages=LANGUAGES, name="Booth 1", box=box.root.id, reads_codes=True
    )
    operator = Operator(box, options)
    taken_s = [take_photo(box, BoothState.SETUP)]  # set-up has opened by itself; without an event the photo waits

    page = open_page(viewport={"width": 360, "height": 740}, device_scale_factor=3, locale=f"{language}-DE")
    fill_in(page, loads)
    code = BoothCode(Secret(KEY), SEEN[0].link_id, "p3" if loads else "", WIFI, "Booth 7", "DE", language, ZONE)

    operator.open_menu()
    operator.choose("set_up", "read_code")
    box.until(BoothState.SETUP)
    box.before_lens(phone(page, held))
    operator.options = replace(operator.options, without_event=1)
    operator.sees(page_of_code(code, operator.options))
    assert list(box.root.etc.iterdir()) == [box.config], "nothing is done before it is confirmed"
    before = box.config.read_bytes()
    operator.choose("use_code", "take_along")
    operator.sees(pages.result_page("code_taken_along", 1), language)
    box.before_lens(room())

    assert box.config.read_bytes() == before
    assert box.root.key_file.read_text() == f"{KEY}\n"
    assert wifi_profiles.saved_password("Barn", box.root.profiles) == Secret(PASSWORD)
    assert box.radio.joined == [wifi_profiles.uuid_of("Barn")]
    found = root_settings.read(box.root.etc / good_copy.ROOT_FILE).reading
    assert found is not None
    settings = found.merged_with(Config())[0]
    assert (settings.name, settings.language, settings.timezone) == ("Booth 7", language, ZONE)

    box.press()  # closes the result
    taken_s += [take_photo(box), take_photo(box)]  # two: the simulated camera decodes so many pictures ahead
    wait_until(lambda: len(album.uploads()) == 3, "the photos to be in the album")
    assert [(line["linkId"], line["albumId"]) for line in album.uploads()] == [("aB3dEf6hIj1L", in_album)] * 3
    check_photos(box, album, taken_s)

    operator.options = replace(operator.options, has_code=True, events=tuple(SEEN), link_id=SEEN[0].link_id)
    operator.options = replace(operator.options, without_event=0, name="Booth 7")
    operator.open_menu()
    operator.choose("set_up", "read_code")
    box.until(BoothState.SETUP)
    guests = GuestLink(SEEN[1].link_id)
    box.before_lens(frame(make(guests).reveal(), held, size=DEFAULT_SIZE))
    operator.sees(page_of_code(guests, operator.options))
    operator.choose("The others")
    operator.sees(pages.result_page("event_chosen", 0, "The others", SEEN[1].link_id))
    box.press()
    taken_s.append(take_photo(box))
    wait_until(lambda: len(album.uploads()) == 4, "the photo to be in the other event")
    assert [(line["linkId"], line["albumId"]) for line in album.uploads()][3] == ("oTh3rs5678", "")
    check_photos(box, album, taken_s)
    assert [service.poll() for service in box.services] == [None, None], "no service was started again"
    written = box.log.read_text()
    assert KEY not in written and PASSWORD not in written


WIFI = WifiNetwork("Barn", Secret(PASSWORD), Security.WPA)
ZONE = "Europe/Berlin"


def fill_in(page: Any, loads: bool) -> None:
    """Fill in the page as a person does, key by key, and show the code."""
    keys = page.tab.keyboard

    def typed(name: str, text: str) -> None:
        page.tab.click(f"#{name}")
        keys.type(text)

    typed("key", KEY)
    if loads:
        page.tab.click("#load")
        page.tab.wait_for_selector("#listed:not([hidden])")
        page.tab.select_option("#events", label="Anna & Ben")
        page.tab.select_option("#albums", label="Church")
    else:
        typed("link", "https://app.eventpics.net/aB3dEf6hIj1L")
    typed("ssid", "Barn")
    typed("password", PASSWORD)
    typed("name", "Booth 7")
    page.tab.select_option("#country", "DE")
    page.tab.click("#show")


def take_photo(box: Box, state: BoothState = BoothState.READY) -> tuple[float, float]:
    """Take a photo in this state; between which times it was, seconds."""
    before_s = time.time()
    box.take_photo(state)
    return before_s, time.time()


def check_photos(box: Box, album: LocalEventPics, taken_s: list[tuple[float, float]]) -> None:
    """Each photo lies in its album, whole, and EventPics was told when it was taken.

    To a second: a box whose clock nobody sets has the time from EventPics' answers, which tell whole seconds.
    """
    lines = sorted(album.uploads(), key=lambda line: float(line["takenAt"]))
    for line, (first_s, last_s) in zip(lines, taken_s, strict=True):
        assert first_s - 1 <= line["takenAt"] / 1000 <= last_s + 1
        with Image.open(album.path_of(line["linkId"], line["albumId"], line["fileName"])) as photo:
            photo.load()
            assert photo.size == DEFAULT_SIZE
    wait_until(lambda: not [*box.spool.glob("new/**/*.jpg")], "the box to note that they are in the album")
    kept = {hashlib.sha256(path.read_bytes()).hexdigest() for path in box.spool.glob("sent/**/*.jpg")}
    assert kept == {line["sha256"] for line in lines}
