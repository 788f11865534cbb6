"""The panel's screens: what they say, that it fits, and that they look as they were approved.

The pictures in gallery/ are the approved ones. After a wanted change, look at `piboothup screens DIR`, then write
them anew with `PIBOOTHUP_APPROVE=1 pytest tests/booth/panel/test_screens.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from piboothup import config
from piboothup.booth.panel import i18n as catalogue
from piboothup.booth.panel.font import face, icon, largest
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.layout import BOTTOM_Y, GAP_PX, MARGIN_PX, TEXT_PX, TITLE_Y, blank
from piboothup.booth.panel.screens import bottom_line, draw, status
from piboothup.booth.panel.view import View
from piboothup.config import LANGUAGES, checks
from piboothup.problems import Problem, codes, problem
from piboothup.records import fields, replace
from piboothup.simulator.gallery import contact_sheet
from piboothup.simulator.gallery_views import examples
from piboothup.status import BoothState, UploaderState
from tests.support.pictures import same

pytestmark = pytest.mark.slow

APPROVED = Path(__file__).with_name("gallery")
READY = View(state=BoothState.READY, event_title="Anna & Ben", box="K7QX", photos=143)
CHECKS = ["camera", "card", "light", "supply", "wifi", "clock", "key", "event"]
MIDDLE = (0, 13, 128, 51)
"""Where ready invites; the bottom line and its sign are below."""
EXAMPLES = {(language, name): view for language in LANGUAGES for name, view in examples(language).items()}


@pytest.mark.parametrize(("language", "name"), EXAMPLES)
def test_every_screen_looks_as_approved(language: str, name: str) -> None:
    picture = draw(EXAMPLES[language, name])
    approved = APPROVED / f"{language}-{name}.png"
    if os.environ.get("PIBOOTHUP_APPROVE"):
        APPROVED.mkdir(exist_ok=True)
        picture.save(approved, optimize=True)
    assert (picture.mode, picture.size) == ("1", (128, 64))
    with Image.open(approved) as expected:
        assert same(picture, expected)


def test_the_gallery_holds_no_screen_that_is_gone() -> None:
    assert {path.stem for path in APPROVED.iterdir()} == {f"{language}-{name}" for language, name in EXAMPLES}


@pytest.mark.parametrize(
    ("view", "line"),
    [
        (replace(READY, upload_state=UploaderState.OFFLINE, waiting=12), "No Wi-Fi: 12 kept"),
        (replace(READY, upload_state=UploaderState.PORTAL, waiting=12), "Wi-Fi asks for login: use hotspot"),
        (replace(READY, upload_state=UploaderState.REFUSED, waiting=12), "Key refused: 12 kept"),
        (replace(READY, upload_state=UploaderState.PAUSED, waiting=12), "Paused: 12 kept"),
        (replace(READY, upload_state=UploaderState.STOPPED, waiting=12), "Not sending: 12 kept"),
        (replace(READY, has_event=False, waiting=12), "No event: 12 kept"),
        (replace(READY, has_event=False, upload_state=UploaderState.OFFLINE, waiting=12), "No event: 12 kept"),
        (replace(READY, upload_state=UploaderState.UPLOADING, waiting=12), "Sending: 12 to go"),
        (replace(READY, upload_state=UploaderState.IDLE, waiting=12), "Sending: 12 to go"),
        (READY, "All 143 in the album"),
        (replace(READY, photos=1), "It is in the album"),
        (replace(READY, photos=0), "Be the first!"),
        (replace(READY, upload_state=UploaderState.OFFLINE), "No Wi-Fi: all sent"),
        (replace(READY, upload_state=UploaderState.OFFLINE, parked=2), "No Wi-Fi"),
        (replace(READY, photos=0, upload_state=UploaderState.OFFLINE), "No Wi-Fi"),
        (replace(READY, photos=0, has_event=False), "No event"),
        (replace(READY, notice=problem("server_trouble")), "No answer: all sent"),
        (replace(READY, waiting=12, notice=problem("undervoltage")), "Weak power supply"),
        (replace(READY, parked=2), "141 sent, 2 refused"),
        (replace(READY, waiting=12, notice=problem("event_gone")), "Event gone: 12 kept"),
        (replace(READY, notice=Problem("new", "Something new.", "")), "Something new."),
        (replace(READY, waiting=12, upload_state=UploaderState.OFFLINE, language="de"), "Offline: 12 sicher"),
        (replace(READY, language="xx"), "All 143 in the album"),
    ],
)
def test_the_bottom_line_says_how_the_photos_travel(view: View, line: str) -> None:
    assert bottom_line(view) == line


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notice", [None, problem("undervoltage"), problem("camera_size")])
@pytest.mark.parametrize("has_event", [True, False])
@pytest.mark.parametrize("uplink", UploaderState)
def test_ready_screen_looks_ready_for_any_network_event_supply(
    uplink: UploaderState, has_event: bool, notice: Problem | None, language: str
) -> None:
    ready = replace(READY, language=language)
    view = replace(ready, upload_state=uplink, has_event=has_event, notice=notice, waiting=12)
    assert same(draw(view).crop(MIDDLE), draw(ready).crop(MIDDLE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_ready_word_at_one_height_in_any_language_clear_of_text(
    language: str,
) -> None:
    ready = draw(
        replace(READY, language=language, event_title="gjpqy", waiting=12, upload_state=UploaderState.PORTAL)
    )
    for row in (12, *range(47, 52)):
        assert ready.crop((0, row, 128, row + 1)).getbbox() is None
    assert ready.crop((0, 46, 128, 47)).getbbox() is not None


@pytest.mark.parametrize(
    "title",
    ["\U0001f389" * 200, "W" * 200, "Γάμος Ελένη και Νίκος", "Свадьба Анны", "Zażółć gęślą", "حفل زفاف", " "],
)
def test_d04_any_title_leaves_room_for_number_ready_looks_ready(title: str) -> None:
    picture = draw(replace(READY, event_title=title))
    number = (108, 2, 126, 11)
    assert same(picture.crop(MIDDLE), draw(READY).crop(MIDDLE))
    beside_camera = draw(READY).crop(number)
    assert any(same(picture.crop(number), digit) for digit in (beside_camera, ImageChops.invert(beside_camera)))


@pytest.mark.parametrize("title", ["\U0001f389" * 200, "حفل زفاف", " "])
def test_d04_undrawable_title_replaced_by_box_name(title: str) -> None:
    assert same(draw(replace(READY, event_title=title)), draw(replace(READY, event_title="")))
    assert not same(draw(replace(READY, event_title=f"Anna {title[:2]}")), draw(replace(READY, event_title="")))


def test_camera_icon_by_number_yields_to_title_needing_room() -> None:
    beside = (93, 0, 106, 12)
    assert draw(replace(READY, event_title="")).crop(beside).getbbox() is not None
    title = "Annas Geburtstag"
    shown = draw(replace(READY, event_title=title))
    whole = blank()
    face("small").draw(whole, MARGIN_PX, TITLE_Y, title)
    assert same(shown.crop((0, 0, 106, 12)), whole.crop((0, 0, 106, 12)))
    plate = (106, 1, 128, 12)
    assert same(
        ImageChops.invert(shown.crop(plate)).crop((2, 0, 22, 11)), draw(READY).crop((108, 1, 128, 12))
    )  # the number stands dark on a lit plate there: it is no part of the title


def test_nothing_about_sending_stands_next_to_saved() -> None:
    saved = replace(READY, state=BoothState.REVIEW, number=143)
    for uplink in UploaderState:
        assert same(draw(replace(saved, upload_state=uplink, waiting=99, parked=9, has_event=False)), draw(saved))


@pytest.mark.parametrize("state", BoothState)
def test_b03_a_press_while_busy_is_seen_on_every_screen(state: BoothState) -> None:
    view = replace(READY, state=state, countdown=3, number=7, problem=problem("no_camera"))
    assert same(draw(replace(view, busy_hint=True)), ImageChops.invert(draw(view)))
    assert not same(draw(replace(view, busy_hint=True)), draw(view))


def test_no_two_states_look_alike() -> None:
    states = set(BoothState) - {BoothState.MENU, BoothState.SETUP}
    view = replace(READY, countdown=3, number=7, problem=problem("no_camera"))
    assert len({draw(replace(view, state=state)).tobytes() for state in states}) == len(states)


def test_countdown_second_drawn_as_large_as_panel_allows() -> None:
    pictures = [draw(replace(READY, state=BoothState.COUNTDOWN, countdown=second)) for second in range(1, 11)]
    assert len({picture.tobytes() for picture in pictures}) == 10
    for picture in pictures:
        box = picture.getbbox()
        assert box is not None
        assert box[3] - box[1] >= 48


def test_the_arrow_points_to_the_lens() -> None:
    arrows = {lens: draw(replace(READY, state=BoothState.EXPOSING, lens=lens)) for lens in texts("en").look}
    tips = {"above": (60, 0, 68, 4), "below": (60, 60, 68, 64), "left": (0, 28, 8, 36), "right": (120, 28, 128, 36)}
    for lens, picture in arrows.items():
        pointed_at = [place for place, tip in tips.items() if picture.crop(tip).getbbox() is not None]
        assert pointed_at == [lens]


def test_the_starting_bar_fills() -> None:
    def filled(progress: float) -> int:
        return draw(View(box="K7QX", progress=progress)).crop((0, 40, 128, 42)).histogram()[255]

    lengths = [filled(progress) for progress in (-1.0, 0.0, 0.3, 0.6, 1.0, 7.0)]
    assert lengths[0] == lengths[1] < lengths[2] < lengths[3] < lengths[4] == lengths[5]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_caption_fits_in_the_middle_face(language: str) -> None:
    said = texts(language)
    mid = face("mid")
    captions = [said.one_moment, said.saved, *said.look.values(), *said.photos_are_safe.split()]
    captions += [fault.headline for fault in (*said.faults.values(), said.other_fault)]
    assert [caption for caption in captions if mid.width_px(caption) > TEXT_PX or not mid.covers(caption)] == []
    assert face("small").width_px(said.shutting_down) <= TEXT_PX


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_last_words_fit_beside_their_signs(language: str) -> None:
    said = texts(language)
    mid, small = face("mid"), face("small")
    for headline, sign in ((said.photos_are_safe, "big_tick"), (said.safe_to_unplug, "plug")):
        lines = mid.balanced(headline, TEXT_PX - icon(sign).width - 2 * GAP_PX)
        assert len(lines) <= 3 and " ".join(lines) == headline
    for caption in (said.shutting_down, said.to_start):
        assert small.width_px(caption) <= TEXT_PX and small.covers(caption)


@pytest.mark.parametrize("language", LANGUAGES)
def test_status_ticks_have_word_each_fitting_its_column(language: str) -> None:
    said, small = texts(language), face("small")
    assert list(said.checks) == CHECKS
    assert [word for word in said.checks.values() if small.width_px(word) > 64 - 12 - MARGIN_PX] == []


@pytest.mark.parametrize("field", CHECKS)
def test_starting_and_status_ticks_show_present_missing_unknown(field: str) -> None:
    checks = [{field: known} for known in (None, True, False)]
    assert len({draw(View(checks=check)).tobytes() for check in checks}) == 3
    pictures = []
    for check in checks:
        pictures.append(blank())
        status(pictures[-1], View(checks=check), texts("en"))
    assert len({picture.tobytes() for picture in pictures}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_inviting_word_is_drawn_in_the_big_face(language: str) -> None:
    assert largest(texts(language).press, TEXT_PX, 28) is face("big")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_fits_screen_with_remedy_code_and_name(language: str) -> None:
    said = texts(language)
    small = face("small")
    for code, fault in (*said.faults.items(), ("", said.other_fault)):
        safe, remedy = (small.wrapped(text, TEXT_PX) for text in (fault.safe or said.safe, fault.remedy))
        assert (code, len(safe), len(remedy) <= 2) == (code, 1, True)
        assert " ".join(remedy) == fault.remedy
        assert small.width_px(code) + small.width_px("K7QX") + 4 <= TEXT_PX, code


def all_ready(language: str, waiting: int) -> list[View]:
    """Every way the photos may travel, and whatever may be wrong meanwhile."""
    view = replace(READY, language=language, waiting=waiting, photos=max(1, waiting), parked=min(waiting, 2))
    views = [
        replace(view, upload_state=uplink, has_event=event) for uplink in UploaderState for event in (True, False)
    ]
    views += [replace(view, notice=problem(code)) for code in texts(language).notices]
    return [*views, replace(view, waiting=0), replace(view, photos=0, waiting=0, parked=0)]


def parts(view: View) -> list[str]:
    """The rows in which the bottom line is told, one after the other."""
    line = bottom_line(view)
    room_px = TEXT_PX - GAP_PX - icon("mark").width
    return [line] if face("small").width_px(line) <= room_px else face("small").balanced(line, room_px)


@pytest.mark.parametrize("waiting", [0, 1, 12, 999])
@pytest.mark.parametrize("language", LANGUAGES)
def test_bottom_line_whole_in_at_most_two_rows_for_any_number(language: str, waiting: int) -> None:
    for view in all_ready(language, waiting):
        assert len(parts(view)) <= 2 and " ".join(parts(view)) == bottom_line(view)


@pytest.mark.parametrize("language", LANGUAGES)
def test_bottom_line_upload_state_in_one_row_when_all_is_well(language: str) -> None:
    well = replace(READY, language=language, upload_state=UploaderState.UPLOADING)
    for number in (0, 1, 143, 999):
        assert len(parts(replace(well, photos=number))) == len(parts(replace(well, waiting=number))) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_bottom_line_too_long_alternates_ready_looks_ready(language: str) -> None:
    view = replace(READY, language=language, upload_state=UploaderState.PORTAL)
    first, second, again = (draw(replace(view, line_turn=turn)) for turn in range(3))
    assert same(first, again) and not same(first, second)
    above = (0, 0, 128, 51)
    assert same(first.crop(above), second.crop(above))
    small = face("small")
    for turn, row in enumerate(parts(view)):
        alone = blank()
        small.draw(alone, 0, 0, row)
        width_px = small.width_px(row)
        shown = draw(replace(view, line_turn=turn)).crop((0, BOTTOM_Y, 128, 64))
        assert any(same(shown.crop((x, 0, x + width_px, 10)), alone.crop((0, 0, width_px, 10))) for x in range(128))


def test_a_short_bottom_line_stands_still() -> None:
    view = replace(READY, upload_state=UploaderState.OFFLINE, waiting=12)
    assert same(draw(view), draw(replace(view, line_turn=1)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_same_catalogued_problems(language: str) -> None:
    english, said = texts("en"), texts(language)
    assert said.faults.keys() == english.faults.keys()
    assert said.notices.keys() == english.notices.keys()
    assert said.look.keys() == english.look.keys()
    assert {*said.faults, *said.notices} <= set(codes())


@pytest.mark.parametrize("state", BoothState)
def test_d04_no_view_is_too_strange_to_be_drawn(state: BoothState) -> None:
    strange = "\U0001f389" * 200
    view = View(
        state=state,
        name=strange,
        box=strange,
        event_title=strange,
        photos=10**12,
        number=10**12,
        countdown=-3,
        problem=Problem(strange, strange, strange),
        notice=Problem("{n!x}", strange, strange),
        waiting=10**12,
        parked=-1,
        language="../en",
        progress=float("inf"),
        lens="inside",
    )
    for shown in (view, replace(view, countdown=10**12), View(state=state, name="", event_title="\x00\u202e")):
        assert draw(shown).size == (128, 64)


def test_a_notice_with_braces_in_its_sentence_is_shown_as_it_is() -> None:
    assert bottom_line(replace(READY, notice=Problem("new", "Line 3: {n} {x", ""))) == "Line 3: {n} {x"


def test_a_fault_without_words_of_its_own_still_shows_its_code() -> None:
    fault = replace(READY, state=BoothState.FAULT)
    strips = [
        draw(replace(fault, problem=told)).crop((0, 53, 128, 64)).tobytes()
        for told in (None, Problem("gremlins", "There are gremlins.", "Feed them."), problem("no_camera"))
    ]
    assert len(set(strips)) == 3


def test_every_language_of_the_config_has_a_catalogue() -> None:
    files = {path.stem for path in Path(catalogue.__file__).parent.glob("[a-z]*.py")}
    assert files == set(LANGUAGES)
    assert LANGUAGES[0] == "en"


def test_another_language_is_one_file_and_one_line_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    english = Path(catalogue.__file__).with_name("en.py").read_text(encoding="utf-8")
    (tmp_path / "fr.py").write_text(english.replace('name="English"', 'name="Français"'), encoding="utf-8")
    with pytest.raises(config.ConfigError):
        config.parse('language = "fr"', tmp_path / "config.toml")
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    for module in (checks, catalogue):
        monkeypatch.setattr(module, "LANGUAGES", (*LANGUAGES, "fr"))
    field = next(field for field in fields(config.Config) if field.name == "language")
    monkeypatch.setattr(field, "metadata", checks.choice(*checks.LANGUAGES).metadata)  # as when it is imported
    assert texts("fr").name == "Français"
    assert config.parse('language = "fr"', tmp_path / "config.toml")[0].language == "fr"
    texts.cache_clear()
    sys.modules.pop(f"{catalogue.__name__}.fr")


def test_the_contact_sheet_grows_with_the_number_of_screens() -> None:
    screen = draw(READY)
    one, seven = contact_sheet({"a": screen}), contact_sheet({str(number): screen for number in range(7)})
    assert one.width == seven.width
    assert seven.height > 2 * one.height
