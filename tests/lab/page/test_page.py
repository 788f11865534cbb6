"""The set-up page in Chromium, as a person uses it."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piboothup.booth.panel.i18n.page import page_words
from piboothup.cli import main
from piboothup.config import LANGUAGES, Secret
from piboothup.config.codes import BoothCode, Security, WifiNetwork, make, parse
from piboothup.setup import boot_file
from piboothup.spool.event_titles import Album, booth_album
from tests.lab.page.conftest import read_on_box
from tests.lab.page.front import HOST, Front
from tests.support.page_words import PAGE

Open = Callable[..., Any]
EN = page_words("en")
KEY = "key-0123456789abcdefABCDEF0123456789"
BOX = {"country": "DE", "language": "en", "timezone": "Europe/Berlin"}
"""What the page takes from the browser."""
NAMED = "(it) => (it.labels?.length ? it.labels[0].innerText : it.ariaLabel || it.innerText).trim()"
"""The name that a screen reader says of a control."""
PHONE, DESK = {"width": 360, "height": 640}, {"width": 1280, "height": 800}


@pytest.fixture
def web_server() -> Iterator[str]:
    """The page's address on a web server of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(PAGE.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/{PAGE.name}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_u08_code_on_the_screen_says_what_was_filled_in(open_page: Open, viewport: dict[str, int], look: str) -> None:
    page = open_page(
        viewport=viewport, color_scheme=look, device_scale_factor=2 if viewport is PHONE else 1, offline=True
    )
    password = 'password;,:"\\ 🌻'
    page.fill(key=f" {KEY}\n", link="HTTPS://App.EventPics.net/aB3dEf6hIj1L/?x#y")
    page.fill(ssid="Scheune; am See", password=password, name="Fotobox Müller & Söhne 🌻")
    page.tab.check("#hidden")
    wifi = WifiNetwork("Scheune; am See", Secret(password), Security.WPA, hidden=True)
    wanted = BoothCode(Secret(KEY), "aB3dEf6hIj1L", "", wifi, "Fotobox Müller & Söhne 🌻", **BOX)
    newest, box = page.shown_code()
    assert newest == box == make(wanted).reveal()
    assert parse(newest) == wanted
    assert len(newest.encode()) >= 160
    assert page.tab.is_visible("#shown-warning")
    assert page.tab.is_visible("#dark-warning") == (look == "dark")
    assert page.asked == [PAGE.as_uri()]


def test_u08_page_is_filled_in_by_keys_alone(open_page: Open) -> None:
    page = open_page(offline=True)
    keys = page.tab.keyboard
    page.tab.focus("#page-language")

    def next_field(name: str) -> None:
        for _ in range(8):
            keys.press("Tab")
            if page.tab.evaluate("document.activeElement.id") == name:
                return
        raise AssertionError(f"{name} is not reached")

    for name, text in (("key", KEY), ("link", "aB3dEf6hIj1L"), ("ssid", "Barn"), ("password", "sunflower")):
        next_field(name)
        keys.type(text)
    next_field("security")
    keys.press("ArrowDown")
    next_field("hidden")
    keys.press("Space")
    next_field("name")
    keys.type("Booth 7")
    for name in ("country", "language", "zone", "show"):
        next_field(name)
    keys.press("Enter")
    assert page.tab.evaluate("document.activeElement.id") == "close"
    wifi = WifiNetwork("Barn", Secret("sunflower"), Security.SAE, hidden=True)
    assert parse(page.seen()[0]) == BoothCode(Secret(KEY), "aB3dEf6hIj1L", "", wifi, "Booth 7", **BOX)
    keys.press("Escape")
    assert not page.tab.is_visible("#shown")
    assert page.tab.evaluate("document.activeElement.id") == "show"


@pytest.mark.parametrize("from_server", [False, True], ids=["file", "web server"])
def test_u08_events_are_loaded_when_asked_for_and_only_then(
    open_page: Open, front: Front, web_server: str, from_server: bool
) -> None:
    address = web_server if from_server else PAGE.as_uri()
    page = open_page(address=address)
    page.fill(key=KEY, ssid="Barn", password="sunflower")
    page.tab.click("#show")
    page.tab.click("#close")
    assert (page.asked, front.heard) == ([address], [])
    page.tab.click("#load")
    page.tab.wait_for_selector("#listed:not([hidden])")
    call = "/geteventsandalbums"
    assert front.heard == [("OPTIONS", call, ""), ("GET", call, f"Bearer {KEY}")]
    assert {url for url in page.asked if url != address} == {f"https://{HOST}{call}"}
    assert page.tab.evaluate("document.activeElement.id") == "events"
    page.tab.select_option("#events", label="Summer Party")
    page.tab.select_option("#albums", label="Backstage")
    code = parse(page.shown_code()[1])
    assert isinstance(code, BoothCode)
    assert (code.link_id, code.album_id) == ("aB3dEf6hIj1L", "a2")
    assert "Summer Party" in page.text("shown-parts")
    page.tab.click("#close")
    page.tab.select_option("#events", value="?")
    page.fill(link="https://app.eventpics.net/other567")
    code = parse(page.shown_code()[1])
    assert isinstance(code, BoothCode)
    assert (code.link_id, code.album_id) == ("other567", "")
    assert page.tab.evaluate("[localStorage.length, document.cookie].join()") == "0,"


def test_u08_titles_are_text_and_ids_are_checked(open_page: Open, front: Front) -> None:
    front.body = json.dumps(
        {
            "events": [
                {
                    "title": "<img src=x onerror=alert(1)>",
                    "linkId": 12345,
                    "albums": [{"albumId": "b1", "title": None}],
                },
                {"title": "No id"},
                {"title": "Path", "linkId": "../x", "albums": "none"},
                None,
                {"linkId": "noTitle1"},
            ]
        }
    ).encode()
    page = open_page()
    page.fill(key=KEY)
    page.tab.click("#load")
    page.tab.wait_for_selector("#listed:not([hidden])")
    listed = page.tab.eval_on_selector_all(
        "#events option", "all => all.map((each) => [each.value, each.textContent])"
    )
    assert listed == [
        ["", EN["event_later"]],
        ["12345", "<img src=x onerror=alert(1)>"],
        ["noTitle1", "noTitle1"],
        ["?", EN["event_by_link"]],
    ]
    page.tab.select_option("#events", value="12345")
    assert page.tab.eval_on_selector_all("#albums option", "all => all.map((each) => each.value)") == ["", "b1"]


def test_u12_album_meant_for_the_booth_is_preselected(open_page: Open, front: Front) -> None:
    """As the booth would choose it; the name counts more, and a person most."""
    titles = ("Church", "Fotomatón!", "BÖX 7", "Böx 70")
    albums = [{"id": f"b{number}", "title": title} for number, title in enumerate(titles, start=1)]
    events = [{"title": "Anna", "linkId": "anna1234", "albums": albums}, {"title": "Ben", "linkId": "ben12345"}]
    events.append({"title": "Carl", "linkId": "carl1234", "albums": [*albums, {"id": "b5", "title": "Foto-Box"}]})
    front.body = json.dumps({"events": events}).encode()
    page = open_page()
    page.fill(key=KEY)
    page.tab.click("#load")
    page.tab.wait_for_selector("#listed:not([hidden])")

    def album() -> str:
        chosen = page.tab.input_value("#albums")
        python = booth_album([Album(each["id"], each["title"]) for each in albums], page.tab.input_value("#name"), "")
        return f"{chosen} {python.id if python is not None else ''}"

    page.tab.select_option("#events", label="Anna")
    assert album() == "b2 b2"
    page.fill(name="Church Böx")
    assert album() == "b2 b2"
    page.fill(name="Böx 7")
    assert album() == "b3 b3"
    code = parse(page.shown_code()[0])
    assert isinstance(code, BoothCode)
    assert code.album_id == "b3"
    page.tab.click("#close")
    page.tab.select_option("#albums", value="b1")
    page.fill(name="Böx 7, photo booth")
    assert album() == "b1 b2"
    page.tab.select_option("#events", label="Carl")  # two albums are a photo booth's: which is not guessed
    assert page.tab.input_value("#albums") == ""
    page.tab.select_option("#events", label="Ben")
    code = parse(page.shown_code()[0])
    assert isinstance(code, BoothCode)
    assert (code.link_id, code.album_id) == ("ben12345", "")


@pytest.mark.parametrize("fault", ["no CORS", "refused", "server error", "no JSON", "no events", "offline"])
def test_u08_events_not_loaded_say_why_and_the_link_helps(open_page: Open, front: Front, fault: str) -> None:
    page = open_page(offline=fault == "offline")
    front.allows_pages = fault != "no CORS"
    front.body = {"no JSON": b"<html>", "no events": b'{"events": null}'}.get(fault)
    expected = {"refused": "key_refused", "no events": "no_events"}.get(fault, "no_answer")
    behind = front.behind
    if fault == "server error":
        front.behind, expected = f"{behind}/nowhere", "odd_answer"
    page.fill(key="key-of-another" if fault == "refused" else KEY)
    page.tab.click("#load")
    page.tab.wait_for_selector("#load:not([disabled])")
    front.behind = behind
    assert page.text("loaded") == EN[expected].replace("{status}", "404")
    assert not page.tab.is_visible("#listed")
    page.fill(link="https://app.eventpics.net/aB3dEf6hIj1L")
    code = parse(page.shown_code()[0])
    assert isinstance(code, BoothCode)
    assert code.link_id == "aB3dEf6hIj1L"
    page.complaints = [line for line in page.complaints if "Failed to load" not in line and "CORS" not in line]


@pytest.mark.parametrize(
    ("filled", "field", "word"),
    [
        ({"key": "a key"}, "key", "wrong_key"),
        ({"key": "schlüssel"}, "key", "wrong_key"),
        ({"link": "https://app.eventpics.net/"}, "link", "wrong_link"),
        ({"link": "https://other.example/abcd1234"}, "link", "wrong_link"),
        ({"link": "https://app.eventpics.net/ab/cd"}, "link", "wrong_link"),
        ({"ssid": "ü" * 17, "password": "sunflower"}, "ssid", "wrong_ssid"),
        ({"ssid": "Ba\trn", "password": "sunflower"}, "ssid", "odd_character"),
        ({"ssid": "Barn"}, "password", "no_password"),
        ({"ssid": "Barn", "password": "sun\tflower"}, "password", "odd_character"),
        ({"ssid": "Barn", "password": "seven77"}, "password", "wrong_password"),
        ({"ssid": "Barn", "password": "x" * 64}, "password", "wrong_password"),
        ({"password": "sunflower"}, "ssid", "no_ssid"),
        ({"name": "x" * 41}, "name", "wrong_name"),
        ({"name": "Booth\t7"}, "name", "odd_character"),
    ],
)
def test_u08_mistake_is_told_at_its_field(open_page: Open, filled: dict[str, str], field: str, word: str) -> None:
    page = open_page(offline=True)
    page.fill(**filled)
    page.tab.click("#show")
    assert page.text(f"{field}-fault") == EN[word]
    assert page.tab.get_attribute(f"#{field}", "aria-invalid") == "true"
    assert page.tab.evaluate("document.activeElement.id") == field
    assert not page.tab.is_visible("#shown")
    page.fill(**dict.fromkeys(filled, ""))
    page.tab.click("#show")
    assert page.tab.is_visible("#shown")


def test_u08_wpa3_is_told_its_own_limits(open_page: Open) -> None:
    page = open_page(offline=True)
    page.fill(ssid="Barn")
    page.tab.select_option("#security", "SAE")
    for password, word in (("", "no_password"), ("x" * 129, "long_password")):
        page.fill(password=password)
        page.tab.click("#show")
        assert page.text("password-fault") == EN[word]
    page.fill(password="x")
    page.tab.click("#show")
    assert page.tab.is_visible("#shown")


def test_u08_code_that_is_too_long_is_told_the_file_is_not(open_page: Open) -> None:
    page = open_page(offline=True)
    page.fill(key="k" * 300)
    for button in ("#show", "#print"):
        page.tab.click(button)
        assert page.text("form-fault") == EN["too_long"]
        assert not page.tab.is_visible("#shown")
    page.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.tab.emulate_media(media="print")
    assert EN["too_long"] in page.tab.inner_text("body")
    page.tab.emulate_media(media="screen")
    with page.tab.expect_download():
        page.tab.click("#save")
    assert not page.tab.is_visible("#form-fault")
    page.fill(key="k" * 200)
    page.tab.click("#show")
    assert page.tab.is_visible("#shown")


def test_u08_country_is_asked_with_wifi_and_empty_is_no_code(open_page: Open) -> None:
    page = open_page(offline=True)
    for name in ("country", "language", "zone"):
        page.tab.evaluate("(id) => { document.getElementById(id).value = ''; }", name)
    page.tab.click("#show")
    assert page.text("form-fault") == EN["nothing"]
    page.fill(ssid="Barn")
    page.tab.select_option("#security", "nopass")
    assert not page.tab.is_visible("#password")
    page.tab.click("#show")
    assert page.text("country-fault") == EN["no_country"]
    page.tab.select_option("#country", "CH")
    assert parse(page.shown_code()[0]) == BoothCode(wifi=WifiNetwork("Barn"), country="CH")


@pytest.mark.parametrize(
    ("zone", "locale", "country", "of_box"),
    [
        ("Europe/Berlin", "en-US", "DE", "Europe/Berlin"),
        ("Europe/Vienna", "de", "AT", "Europe/Vienna"),
        ("America/New_York", "de-DE", "US", "America/New_York"),
        ("Asia/Calcutta", "hi-IN", "IN", "Asia/Kolkata"),
        ("Europe/Kiev", "uk", "UA", "Europe/Kyiv"),
        ("UTC", "fr-CH", "CH", "UTC"),
    ],
)
def test_u08_country_language_and_zone_come_from_the_browser(
    open_page: Open, zone: str, locale: str, country: str, of_box: str
) -> None:
    page = open_page(timezone_id=zone, locale=locale, offline=True)
    code = parse(page.shown_code()[0])
    assert code == BoothCode(country=country, language="de" if locale.startswith("de") else "en", timezone=of_box)


def test_u08_each_zone_is_named_as_the_box_knows_it(open_page: Open) -> None:
    """Debian has browsers' old names in tzdata-legacy alone, which no box has."""
    table = Path("/usr/share/zoneinfo/zone.tab").read_text(encoding="utf-8")
    known = {line.split("\t")[2] for line in table.splitlines() if not line.startswith("#")}
    offered = open_page().tab.eval_on_selector_all("#zone option", "all => all.map((each) => each.value)")
    assert len(offered) > 300
    assert set(offered) - {""} <= known


@pytest.mark.parametrize("security", Security)
def test_u08_file_for_the_card_is_taken_as_the_code_is(open_page: Open, tmp_path: Path, security: Security) -> None:
    page = open_page(offline=True, locale="de-DE")
    password = 'hush"\\🌻 = #1'
    page.fill(key=KEY, link="aB3dEf6hIj1L", ssid='Scheune "Süd"\\', password=password, name='Box "7"')
    page.tab.select_option("#security", security.value)
    page.tab.set_checked("#hidden", security is Security.SAE)
    with page.tab.expect_download() as download:
        page.tab.click("#save")
    assert download.value.suggested_filename == "piboothup.toml"
    download.value.save_as(tmp_path / "piboothup")
    taken = boot_file.read((tmp_path / "piboothup").read_bytes(), "7F3K")
    assert taken.mistakes == []
    settings = taken.settings | {"eventpics": taken.settings["eventpics"] | {"api_key": taken.key}}
    event = {"api_key": Secret(KEY), "link_id": "aB3dEf6hIj1L"}
    assert settings == {"name": 'Box "7"', "language": "de", "timezone": "Europe/Berlin", "eventpics": event}
    (found,) = taken.networks
    code = parse(page.shown_code()[0])
    assert code == BoothCode(
        Secret(KEY), "aB3dEf6hIj1L", "", found.network, 'Box "7"', taken.country, "de", "Europe/Berlin"
    )
    assert found.network.password == (None if security is Security.OPEN else Secret(password))


@pytest.mark.parametrize("look", ["light", "dark"])
def test_u08_card_to_set_up_by_is_printed_on_a_page(open_page: Open, look: str) -> None:
    page = open_page(offline=True, color_scheme=look, viewport={"width": 794, "height": 1123})  # A4 at 96 dpi
    page.fill(key=KEY, ssid="Barn", password="password", name="Booth 7")
    page.tab.evaluate("window.print = () => { window.printed = true; dispatchEvent(new Event('beforeprint')); }")
    page.tab.click("#print")
    assert page.tab.evaluate("window.printed")
    page.tab.emulate_media(media="print")
    newest, box = page.seen()
    assert newest == box
    code = parse(newest)
    assert isinstance(code, BoothCode)
    assert code.name == "Booth 7"
    said = page.tab.inner_text("body")
    assert said.startswith("Booth 7")
    assert EN["card_step_2"] in said and EN["key_warning"] in said
    assert KEY not in said and "password" not in said
    assert page.tab.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_u08_guests_card_has_the_events_code_and_no_secret(open_page: Open, language: str) -> None:
    words = page_words(language)
    page = open_page(offline=True, locale=f"{language}-DE", viewport={"width": 794, "height": 1123})
    page.tab.evaluate("window.print = () => { window.printed = true; dispatchEvent(new Event('beforeprint')); }")
    page.tab.emulate_media(media="print")
    for link in ("", "https://app.eventpics.net/aB3dEf6hIj1L"):
        page.tab.emulate_media(media="screen")
        page.fill(key=KEY, link=link, ssid="Barn", password="password")
        page.tab.click("#print-lid")
        assert page.tab.evaluate("window.printed")
        page.tab.emulate_media(media="print")
        said = " ".join(page.tab.inner_text("body").split())
        shown = [name for name in words if name.startswith(("lid_", "light_")) and name != "lid_album_place"]
        assert [name for name in shown if words[name] not in said] == []
        assert (words["lid_album_place"] in said) == (not link)
        assert not any(secret in said for secret in (KEY, "password", "Barn"))
        assert page.tab.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
        if link:
            assert page.seen() == (link, link)
    boxes = page.tab.evaluate(
        "[...document.querySelectorAll('#lid, #lid *')].map((each) => each.getBoundingClientRect().toJSON())"
    )
    assert [round(boxes[0][side] / 96 * 25.4) for side in ("width", "height")] == [105, 148]
    assert all(box["right"] <= boxes[0]["right"] and box["bottom"] <= boxes[0]["bottom"] for box in boxes)


def test_u08_sheet_of_a_table_prints_a_page_for_each_row(open_page: Open, tmp_path: Path) -> None:
    """What `piboothup qr --table` writes, in a browser."""
    table, sheet = tmp_path / "bookings.csv", tmp_path / "cards.html"
    rows = [f"Wedding {number},Box {number},{KEY},event{number},Barn,sunflower" for number in range(1, 4)]
    table.write_text("\n".join(["booking,name,key,event,ssid,password", *rows]))
    assert main(["qr", "--table", str(table), "--sheet", str(sheet)]) == 0
    page = open_page(address=sheet.as_uri(), offline=True, viewport={"width": 794, "height": 1123})
    page.tab.emulate_media(media="print")
    network = WifiNetwork("Barn", Secret("sunflower"), Security.WPA)
    cards = page.tab.query_selector_all("section")
    shots = [np.asarray(Image.open(io.BytesIO(card.screenshot())).convert("L")) for card in cards]
    wanted = [BoothCode(Secret(KEY), f"event{number}", "", network, f"Box {number}") for number in range(1, 4)]
    assert [parse(text) for text in read_on_box(shots)] == wanted
    assert page.tab.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 3
    assert page.asked == [sheet.as_uri()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_u08_page_fits_a_small_phone_each_control_has_a_name(open_page: Open, language: str) -> None:
    page = open_page(viewport={"width": 360, "height": 640}, locale="en-GB", offline=True)
    page.tab.select_option("#page-language", language)
    words = page_words(language)
    assert page.tab.title() == words["title"]
    assert page.tab.get_attribute("html", "lang") == language
    page.tab.evaluate("for (const part of document.querySelectorAll('[hidden]')) part.hidden = false")
    page.tab.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.tab.evaluate("document.documentElement.scrollWidth") == 360
    controls = page.tab.query_selector_all("form :is(input, select, button), header select")
    assert len(controls) > 15
    for control in controls:
        box = control.bounding_box()
        name = control.evaluate(NAMED)
        assert name in words.values() or name.split(": ")[-1] in words.values(), control.get_attribute("id")
        if control.get_attribute("type") != "checkbox":  # its label is as high
            assert box is not None and box["height"] >= 44, name
            assert box["x"] >= 0 and box["x"] + box["width"] <= 360, name
    for word in ("title", "event_intro", "key_step_2", "wifi_intro", "show_code_note", "footer"):
        assert words[word] in page.tab.inner_text("body")


def test_u08_what_is_hidden_is_shown_on_demand(open_page: Open) -> None:
    page = open_page(offline=True)
    page.fill(key=KEY)
    assert page.tab.get_attribute("#key", "type") == "password"
    page.tab.click("[data-for=key]")
    assert page.tab.get_attribute("#key", "type") == "text"
    page.tab.click("[data-for=key]")
    assert page.tab.get_attribute("#key", "type") == "password"
    page.fill(ssid="Barn ")
    assert page.text("ssid-note") == EN["blank"]
