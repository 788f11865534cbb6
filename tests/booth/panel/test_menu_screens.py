"""The menu's pages: every text fits, every title is drawn, and what a page shows is what a hold would choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageChops

from piboothup.booth.flow import menu, offers, pages
from piboothup.booth.flow.actions import CopyPhotos, EventUsage, StickOffer
from piboothup.booth.flow.code_pages import page_of_code
from piboothup.booth.flow.events import ScanHint
from piboothup.booth.flow.long_press import HoldProgress, ReleaseEffect
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Item, Page, PageKind
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.booth.panel import menu_screens
from piboothup.booth.panel.font import Face, face, largest
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.layout import GAP_PX, SIDE_PX, TEXT_PX, WIDTH_PX, bar, blank
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
from piboothup.config import LANGUAGES, Secret
from piboothup.config.codes import BoothCode, Fault, OtherKind, WifiNetwork
from piboothup.health import Check
from piboothup.problems import Problem, codes, problem
from piboothup.root_requests import StickResult, WifiResult
from piboothup.spool.admin.stick_copy import CopyState
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState
from piboothup.text import Count

PAGE = "https://example.github.io/piboothup/"
OFFER = MenuOptions(operator_until_ns=None, has_code=True, languages=LANGUAGES, has_buzzer=True, set_up_url=PAGE)
STRAY = EventUsage("n1a2b3c4 0", "n1a2b3c4", "", 12, 12, has_event=False)
"""Photos that were taken without an event."""
BOX = View(state=BoothState.MENU, box="K7QX")
MANY = Count(9999)
COPY = StickOffer(CopyPhotos("sda1", "sda1.7", "", "abcd1234", needs_secret=False), 143, "Anna & Ben", resumes=False)


def same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one.convert("L"), other.convert("L")).getbbox() is None


def every_item() -> set[str]:
    """The word of each item that any page may have."""
    events = tuple(AlbumEvent("A", f"abcd{number}", (Album("a", "A"),)) for number in range(pages.MOST_ITEMS))
    silent = replace(OFFER, sound=False, paused=True, without_event=2, events=events)
    wiping = menu.wipe_page((EventUsage("a 0", "a", "A", 1, 1), STRAY))
    code = BoothCode(Secret("0123456789"), "abcd1234")
    asked = [page_of_code(code, OFFER), page_of_code(code, silent)]
    asked += [page_of_code(WifiNetwork("Barn"), OFFER), menu.stick_page(), offers.copy_question(COPY)]
    asked += [page_of_code(WifiNetwork("Barn"), replace(OFFER, countries=("GB",)))]
    todo = [(menu.main_page(OFFER, 0), OFFER), (menu.main_page(silent, 0), silent), (wiping, silent)]
    todo += [(page, silent) for page in [*asked, menu.forget_page(pages.result_page("wiped", 1))]]
    done: list[Page] = []
    while todo:
        page, offer = todo.pop()
        done.append(page)
        for number in range(len(page.items)):
            found, _ = menu.choose(replace(page, index=number), offer, 0)
            if found is not None and replace(found, index=0) not in done:
                todo.append((replace(found, index=0), offer))
    return {item.text_key for page in done for item in page.items}


@pytest.mark.parametrize("language", LANGUAGES)
def test_menu_item_words_fit_their_frame_in_middle_font(language: str) -> None:
    said, mid = texts(language).menu, face("mid")
    assert every_item() - {"event", "language", "country"} == said.items.keys()
    room_px = WIDTH_PX - 1 - 4 * GAP_PX
    items = {key: text.format(n=MANY) for key, text in said.items.items()}
    too_wide = [key for key, text in items.items() if mid.width_px(text) > room_px]
    assert set(too_wide) <= {"copy"}
    assert face("small").width_px(said.items["copy"].format(n=Count(999))) <= room_px
    assert [text for text in said.countries.values() if face("small").width_px(text) > room_px] == []
    assert mid.width_px(texts(language).name) <= WIDTH_PX - 1 - 4 * GAP_PX - 16


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_other_text_of_the_menu_fits_where_it_stands(language: str) -> None:
    said, small, mid = texts(language).menu, face("small"), face("mid")
    beside_the_ring = [said.let_go, said.hold_on]
    assert [text for text in beside_the_ring if small.width_px(text) > WIDTH_PX - 61] == []
    assert [text for text in said.release_effects.values() if mid.width_px(text) > WIDTH_PX - 61 - GAP_PX] == []
    lines = [said.press_next, said.hold_to_choose, said.when_lit]
    assert [text for text in lines if small.width_px(text) > TEXT_PX] == []
    notes = [said.wipe_numbers.format(n=MANY, unsent=9999), *(value.format(n=MANY) for value in said.notes.values())]
    notes += [said.results[key].format(n=MANY) for key in ("wiped", "wiped_but", "card_empty")]  # with a question
    assert [text for text in notes if len(small.balanced(text, TEXT_PX)) > 2] == []
    assert [text for text in said.steps.values() if small.width_px(text) > 51] == []
    assert [text for text in said.pages.values() if small.width_px(text) > 80] == []
    assert small.width_px(said.hold_slowly.format(s="5")) <= 60
    assert small.width_px(said.sharp) <= 40
    beside = [small.balanced(text, SIDE_PX - GAP_PX) for text in said.hints.values()]
    assert [lines for lines in beside if len(lines) > 5 or "…" in "".join(lines)] == []
    assert len(small.balanced(", ".join(said.parts.values()), TEXT_PX)) <= 2
    assert mid.width_px(said.not_ready) <= TEXT_PX
    assert len(mid.balanced(said.ready_to_ship, TEXT_PX - 47)) <= 2
    details = ["9999", *said.steps.values()]
    reasons = [text.format(detail=detail) for text in said.reasons.values() for detail in details]
    assert [text for text in reasons if len(small.wrapped(text, TEXT_PX)) > 3] == []
    assert all(" ".join(small.wrapped(text, TEXT_PX)) == text for text in reasons)
    told = {key: text.format(n=Count(999), total=999, title="Anna & Ben") for key, text in said.results.items()}
    assert [text for text in told.values() if len(small.balanced(text, 86)) > 6] == []
    assert [
        text for key, text in told.items() if key.startswith("copy_") and len(small.balanced(text, 108)) > 4
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_same_menu_and_step_words(language: str) -> None:
    english, said = texts("en").menu, texts(language).menu
    for one, other in (
        (english.items, said.items),
        (english.pages, said.pages),
        (english.results, said.results),
        (english.notes, said.notes),
        (english.reasons, said.reasons),
        (english.release_effects, said.release_effects),
        (english.hints, said.hints),
        (english.parts, said.parts),
    ):
        assert one.keys() == other.keys()
    assert said.steps.keys() == {str(step) for step in SELF_TEST_STEPS}
    assert set(said.reasons) <= set(codes())
    assert 0 < len(said.countries) <= pages.MOST_ITEMS - 2 and all(len(country) == 2 for country in said.countries)
    assert said.hints.keys() == {*map(str, ScanHint), "show_far", "larger"}
    found = {f"code_{fault}" for fault in Fault} | {f"kind_{kind.name.lower()}" for kind in OtherKind}
    found |= {f"stick_{result}" for result in StickResult}
    assert {f"copy_{state}" for state in list(CopyState)[1:]} <= set(said.results)
    assert found | {f"wifi_{result}" for result in WifiResult} <= said.results.keys()
    assert face("small").width_px(said.press_photo) <= TEXT_PX


def test_an_item_fills_from_the_left_while_it_is_held() -> None:
    page = menu.main_page(OFFER, 0)
    filled = [
        draw(replace(BOX, page=page, hold_progress=HoldProgress(share, ReleaseEffect.CHOICE)))
        .crop((4, 17, 124, 20))
        .histogram()[255]
        for share in (0.0, 0.3, 0.6, 1.0)
    ]
    assert filled == sorted(set(filled))
    assert same(
        draw(replace(BOX, page=page, hold_progress=None)),
        draw(replace(BOX, page=page, hold_progress=HoldProgress(0.0, ReleaseEffect.CHOICE))),
    )


def test_the_ring_fills_and_says_what_comes_of_letting_go() -> None:
    ready = replace(BOX, state=BoothState.READY)
    pictures = [
        draw(replace(ready, hold_progress=HoldProgress(share, ReleaseEffect.PHOTO)))
        for share in (0.0, 0.25, 0.5, 1.0)
    ]
    lit = [picture.histogram()[255] for picture in pictures]
    assert lit == sorted(set(lit))
    assert (
        len(
            {
                draw(replace(ready, hold_progress=HoldProgress(1.0, let_go))).tobytes()
                for let_go in list(ReleaseEffect)[:3]
            }
        )
        == 3
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_photos_without_event_named_in_language_and_told_apart(language: str) -> None:
    held = (STRAY, replace(STRAY, event="n9f8e7d6"))
    one, other = menu.wipe_page(held).items[1:]
    box = replace(BOX, language=language)

    def listed(item: Item) -> Image.Image:
        return draw(replace(box, page=Page(PageKind.WIPE, (item,))))

    assert not same(listed(one), listed(other))
    no_event = texts(language).menu.items["no_event"]
    assert same(listed(one), listed(replace(one, text_key="event", title=f"{no_event} n1a2b3c4")))
    asked, _ = menu.choose(Page(PageKind.WIPE, (one,)), OFFER, 0)
    assert asked is not None
    titled = replace(asked, title=f"{no_event} n1a2b3c4", usage=replace(STRAY, has_event=True))
    assert same(draw(replace(box, page=asked)), draw(replace(box, page=titled)))


def test_d04_title_that_font_cannot_draw_is_shown_as_its_id() -> None:
    for title in ("结婚快乐", "حفل زفاف", "\u0301", ""):
        for strange, plain in (
            (Page(PageKind.EVENTS, (Item("event", None, title, "abcd1234"),)), Item("event", None, "abcd1234")),
            (Page(PageKind.ALBUMS, (Item("back"),), title=title, title_id="abcd1234"), Item("back")),
            (pages.result_page("event_chosen", 0, title, "abcd1234"), None),
        ):
            items = () if plain is None else (plain,)
            readable = replace(strange, items=items, title="abcd1234" if strange.title_id else "", title_id="")
            assert same(draw(replace(BOX, page=strange)), draw(replace(BOX, page=readable)))
    drawable = Page(PageKind.EVENTS, (Item("event", None, "Łódź", "abcd1234"),))
    assert same(
        draw(replace(BOX, page=drawable)),
        draw(replace(BOX, page=replace(drawable, items=(Item("event", None, "Łódź"),)))),
    )


def test_a_press_in_the_menu_is_seen_at_once() -> None:
    page = menu.main_page(OFFER, 0)
    after = menu.next_item(page)
    assert after is not None
    assert not same(draw(replace(BOX, page=page)), draw(replace(BOX, page=after)))


@pytest.mark.parametrize(
    "title", ["\U0001f389" * 200, "x" * 200, "Łódź " * 40, "Γάμος", "Свадьба", "", "\x00\u202e", " "]
)
@pytest.mark.parametrize("ticked", [True, False])
def test_d04_no_title_is_too_strange_for_a_page(title: str, ticked: bool) -> None:
    items = (Item("back"), Item("event", None, title, checked=ticked))
    for page in (
        Page(PageKind.EVENTS, items, index=1),
        Page(PageKind.ALBUMS, items, title=title),
        Page(PageKind.WIPE_ONE, items, title=title, usage=EventUsage(title, title, title, 10**9, 10**9)),
        pages.result_page("event_chosen_along", 10**9, title),
        pages.result_page("no such word", 1, title),
    ):
        assert draw(replace(BOX, page=page)).size == (128, 64)


@pytest.mark.parametrize(
    "title", ["x" * 200, "Hochzeit von Annemarie " * 9, "a " * 100, "W" * 12 + " x" * 94, "", "A"]
)
@pytest.mark.parametrize("says", ["event_chosen", "event_chosen_along"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_d04_sentence_shown_to_its_end_for_any_title_length(language: str, says: str, title: str) -> None:
    text, room_px = texts(language).menu.results[says], 86
    _, _, rest = text.partition("{title}")
    lines = menu_screens.result(text, pages.result_page(says, 9999, title), room_px)
    assert len(lines) <= 6 and max(map(face("small").width_px, lines)) <= room_px
    shown, colon, end = " ".join(lines).partition(":")
    assert f"{colon}{end}" == rest.format(n=MANY)
    assert shown == " ".join(title.split()) if len(title) < 60 else shown.endswith("…") and shown[:3] == title[:3]
    one, other = (draw(replace(BOX, page=pages.result_page("event_chosen_along", n, title))) for n in (1, 9999))
    assert not same(one, other)


@pytest.mark.parametrize(
    ("language", "text_key", "one", "more"),
    [
        ("en", "wiped", "1 photo deleted, none is left.", "2 photos deleted, none is left."),
        ("en", "wiped_but", "Deleted. 1 new photo stays.", "Deleted. 2 new photos stay."),
        (
            "en",
            "event_chosen_along",
            "A: 1 photo from before goes there too.",
            "A: 2 photos from before go there too.",
        ),
        ("de", "wiped", "1 Foto gelöscht, keines ist übrig.", "2 Fotos gelöscht, keines ist übrig."),
        ("de", "wiped_but", "Gelöscht. 1 neues Foto bleibt.", "Gelöscht. 2 neue Fotos bleiben."),
        (
            "de",
            "code_taken_along",
            "Fertig. 1 Foto von vorher kommt auch in sein Event.",
            "Fertig. 2 Fotos von vorher kommen auch in sein Event.",
        ),
    ],
)
def test_d04_one_photo_is_said_otherwise_than_two(language: str, text_key: str, one: str, more: str) -> None:
    text = texts(language).menu.results[text_key]
    said = [" ".join(menu_screens.result(text, pages.result_page(text_key, n, "A"), 86)) for n in (1, 2)]
    assert said == [one, more]


def test_d04_a_title_with_braces_is_drawn_as_it_is() -> None:
    assert draw(replace(BOX, page=pages.result_page("event_chosen", 1, "{n!x} {title"))).getbbox() is not None


def test_self_test_page_shows_steps_then_verdict_or_first_reason() -> None:
    report = SelfTestReport()
    pictures = [draw(replace(BOX, page=Page(PageKind.SELF_TEST, report=report)))]
    for _ in SELF_TEST_STEPS:
        report = report.with_result(None)
        pictures.append(draw(replace(BOX, page=Page(PageKind.SELF_TEST, report=report))))
    assert len({picture.tobytes() for picture in pictures}) == len(SELF_TEST_STEPS) + 1
    assert (report.step, report.reason) == (None, None)
    weak = replace(report, results=(None, problem("undervoltage"), problem("no_key"), *report.results[3:]))
    assert weak.reason == problem("undervoltage")
    assert not same(draw(replace(BOX, page=Page(PageKind.SELF_TEST, report=weak))), pictures[-1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_self_test_reason_names_count_and_step_in_guest_language(language: str) -> None:
    def drawn(code: str, detail: str) -> Image.Image:
        report = SelfTestReport((problem(code, detail), *(None,) * (len(SELF_TEST_STEPS) - 1)))
        return draw(replace(BOX, language=language, page=Page(PageKind.SELF_TEST, report=report)))

    assert not same(drawn("stray_photos", "3"), drawn("stray_photos", "4"))
    assert same(drawn("not_checked", Check.CARD), drawn("not_checked", texts(language).menu.steps["card"]))
    assert not same(drawn("not_checked", Check.CARD), drawn("not_checked", Check.CLOCK))


def test_self_test_reason_without_own_words_uses_its_sentence() -> None:
    strange = SelfTestReport((Problem("gremlins", "There are gremlins.", "Feed them."), *(None,) * 9))
    assert draw(replace(BOX, page=Page(PageKind.SELF_TEST, report=strange))).getbbox() is not None


def test_aiming_shows_how_sharp_it_is_and_where_the_best_was() -> None:
    page = Page(PageKind.AIM)
    pictures = [
        draw(replace(BOX, page=replace(page, sharpness=sharpness, best_sharpness=best)))
        for sharpness, best in ((None, 0.0), (0.2, 0.2), (0.2, 0.9), (0.9, 0.9))
    ]
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_no_share_is_too_strange_for_a_bar() -> None:
    def drawn(share: float) -> Image.Image:
        image = blank()
        bar(image, 20, share)
        return image

    assert same(drawn(7.0), drawn(1.0)) and same(drawn(-1.0), drawn(0.0))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("title", ["Anna & Ben", "The wedding of Anna and Ben in the barn", "結婚式", ""])
@pytest.mark.parametrize("ssid", ["Barn", "The network of the guests in it", ""])
def test_u08_the_question_names_event_and_network(language: str, title: str, ssid: str) -> None:
    said = texts(language).menu.parts
    network = WifiNetwork(ssid) if ssid else None
    code = BoothCode(Secret("0123456789"), "Ab3dEf7hIj9k", wifi=network, name="Booth 1", country="DE")
    events = (AlbumEvent(title, "Ab3dEf7hIj9k"),) if title else ()
    picture = drawn(page_of_code(code, replace(OFFER, events=events)), language)
    small = face("small")
    is_readable = title.isascii() and title
    event = title[:8] if is_readable else f"{said['event']} Ab3dEf"
    assert shows(picture, f"{said['key']}, {event}", small)
    assert shows(picture, f"{said['wifi']} {ssid[:4]}" if ssid else f"{said['name']}, {said['place']}", small)
    assert "0123456789" not in str(code)


def page_of(kind: PageKind) -> Page:
    """A page as it may be met, its title and items telling nothing of its kind."""
    items = (Item("back"), Item("take_along"))
    match kind:
        case PageKind.ALBUM_CODE | PageKind.STATUS | PageKind.WAIT | PageKind.READ_CODE:
            return Page(kind)
        case PageKind.SET_UP_PAGE:
            return Page(kind, title=PAGE)
        case PageKind.COPY_OFFER:
            return offers.copy_question(COPY)
        case PageKind.COPY:
            return Page(kind, title="Anna & Ben", number=87, total=143, left_s=100)
        case PageKind.SELF_TEST:
            return Page(kind, report=SelfTestReport((None, None, None, None, problem("undervoltage"))))
        case PageKind.AIM:
            return Page(kind, sharpness=0.6, best_sharpness=0.8)
        case PageKind.RESULT:
            return pages.result_page("retried", 3)
        case PageKind.ALBUMS | PageKind.TAKE_ALONG | PageKind.WIPE_ONE:
            return Page(kind, items, title="Anna & Ben", usage=STRAY if kind is PageKind.WIPE_ONE else None)
        case PageKind.FORGET:
            return Page(kind, items, text_key="wiped")
        case _:
            return Page(kind, items)


def drawn(page: Page, language: str = "en") -> Image.Image:
    code = "https://app.eventpics.net/Ab3dEf7hIj9k" if page.kind is PageKind.ALBUM_CODE else ""
    return draw(replace(BOX, page=page, language=language, album_link=code))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_page_has_a_picture_that_is_no_other_s(language: str) -> None:
    pictures = {kind: drawn(page_of(kind), language).tobytes() for kind in PageKind}
    starting = draw(replace(BOX, state=BoothState.STARTING, language=language))
    assert {blank().tobytes(), starting.tobytes()}.isdisjoint(pictures.values())
    alike = {frozenset(other for other in PageKind if pictures[other] == pictures[kind]) for kind in PageKind}
    assert {group for group in alike if len(group) > 1} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PageKind)
def test_every_page_says_its_subject_and_what_a_hold_chooses(kind: PageKind, language: str) -> None:
    page, said, small = page_of(kind), texts(language), face("small")
    picture = drawn(page, language)
    if kind in (PageKind.COPY_OFFER, PageKind.COPY):
        assert shows(picture, "Anna & Ben", small) and shows(picture, said.menu.press_photo, small)
        text = said.menu.items["copy"] if page.items else said.menu.results["copy_progress"]
        text = text.format(n=Count(page.number), total=page.total)
        assert shows(picture, text, largest(text, WIDTH_PX - 20, face("mid").cap_px))
    elif page.items:
        title = said.menu.pages.get(kind) or page.title
        title = f"{said.menu.items['no_event']} {title}" if page.usage is not None else title
        assert shows(picture, title.split()[0], small)
        second = drawn(replace(page, index=1), language)
        for shown, item in ((picture, page.items[0]), (second, page.items[1])):
            text = said.menu.items[item.text_key]
            assert shows(shown, text, largest(text, WIDTH_PX - 20, face("mid").cap_px))
        assert shows(picture, "1/2", small) and shows(second, "2/2", small)
    elif kind is PageKind.SELF_TEST:
        assert all(shows(picture, small.shortened(word, 51), small) for word in said.menu.steps.values())
    elif kind is PageKind.STATUS:
        assert all(shows(picture, word, small) for word in said.checks.values())
    elif kind is PageKind.AIM:
        assert shows(picture, said.menu.sharp, small)
        assert not same(picture, drawn(replace(page, sharpness=0.1), language))
    elif kind is PageKind.READ_CODE:
        assert shows(picture, small.balanced(said.menu.hints["show"], SIDE_PX - GAP_PX)[0], small)
        assert not same(picture, drawn(replace(page, text_key="closer"), language))
    elif kind is PageKind.WAIT:
        assert shows(picture, said.one_moment, face("mid"))
    elif kind is PageKind.RESULT:
        assert shows(picture, said.menu.results["retried"].split()[0], small)
    else:
        assert kind in (
            PageKind.ALBUM_CODE,
            PageKind.SET_UP_PAGE,
        )  # what a phone reads there is the subject of `test_qr_screen`


def shows(picture: Image.Image, text: str, lettering: Face) -> bool:
    """Whether these letters stand anywhere in the picture, with nothing lit between their dots."""
    wanted = blank()
    lettering.draw(wanted, 4, 20, text)
    box = wanted.getbbox()
    assert box is not None, f"{text!r} can't be drawn"
    letters = np.asarray(wanted.crop(box))
    views = np.lib.stride_tricks.sliding_window_view(np.asarray(picture), letters.shape)
    return bool((views == letters).all(axis=(2, 3)).any())
