"""Example views, one per state and page of the panel, for the gallery.

A view is the same on every machine. Not used by the running booth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from piboothup.booth.flow import menu, offers, pages
from piboothup.booth.flow.actions import CopyPhotos, CopyProgress, EventUsage, StickOffer
from piboothup.booth.flow.code_pages import page_of_code
from piboothup.booth.flow.events import ScanHint
from piboothup.booth.flow.long_press import HoldProgress, ReleaseEffect
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.booth.frame import VIEWFINDER_SIZE, Plane, Viewfinder
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.view import View
from piboothup.config.codes import BoothCode, Fault, GuestLink, OtherCode, OtherKind, Security, WifiNetwork
from piboothup.config.secret import Secret
from piboothup.problems import problem
from piboothup.records import replace
from piboothup.root_requests import StickResult
from piboothup.spool.admin.stick_copy import CopyState
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState, UploaderState

SELECTION = (
    *("starting-checks", "ready", "countdown-3"),
    *("look-up", "saved", "album-code"),
    *("ready-offline", "no-camera", "off"),
)
"""Names of the views in the README's picture."""
_COPY = CopyPhotos("sda1", "sda1.7", "", "abcd1234", needs_secret=False)
_COPY_ANY = replace(_COPY, link_id="")
_UNSAVED = ("jpeg", "exif", "ram", "limit", "card", "defect")
"""Reasons for photos that are not saved."""
_WELL = dict.fromkeys(("camera", "card", "light", "supply", "wifi", "clock", "key", "event"), True)


def examples(language: str) -> dict[str, View]:
    """Example view for each screen, by name."""
    title = {"de": "Annas Geburtstag"}.get(language, "Anna & Ben")
    box = View(name="Booth 1", box="K7QX", event_title=title, language=language, photos=143)
    ready = replace(box, state=BoothState.READY)
    fault = replace(box, state=BoothState.FAULT)
    countdown = replace(box, state=BoothState.COUNTDOWN, viewfinder=Viewfinder(1, portrait()))
    saved = replace(box, state=BoothState.REVIEW, number=143, thumbnail=portrait())
    code = replace(ready, album_link="https://app.eventpics.net/Ab3dEf7hIj9k")
    return {
        "starting": replace(box, progress=0.35, checks={"card": True, "light": True, "supply": True}),
        "starting-checks": replace(box, progress=0.9, checks={**_WELL, "camera": None, "wifi": False, "clock": None}),
        "ready": ready,
        "ready-first": replace(ready, photos=0),
        "ready-offline-sent": replace(ready, upload_state=UploaderState.OFFLINE),
        "ready-sending": replace(ready, upload_state=UploaderState.UPLOADING, waiting=12),
        "ready-offline": replace(ready, upload_state=UploaderState.OFFLINE, waiting=12),
        "ready-portal": replace(ready, upload_state=UploaderState.PORTAL, waiting=12),
        "ready-portal-2": replace(ready, upload_state=UploaderState.PORTAL, waiting=12, line_turn=1),
        "ready-blocked": replace(ready, upload_state=UploaderState.OFFLINE, waiting=12, notice=problem("blocked")),
        "ready-blocked-2": replace(
            ready, upload_state=UploaderState.OFFLINE, waiting=12, notice=problem("blocked"), line_turn=1
        ),
        "ready-refused": replace(ready, upload_state=UploaderState.REFUSED, waiting=12),
        "ready-no-event": replace(ready, event_title="", has_event=False, waiting=143),
        "ready-paused": replace(ready, upload_state=UploaderState.PAUSED, waiting=12),
        "ready-stopped": replace(ready, upload_state=UploaderState.STOPPED, waiting=12),
        "ready-parked": replace(ready, parked=2),
        "ready-supply": replace(ready, notice=problem("undervoltage")),
        "ready-stuck": replace(ready, notice=problem("button_stuck")),
        "ready-storage": replace(ready, notice=problem("storage_unknown")),
        "ready-hidden": replace(ready, notice=problem("photos_hidden")),
        "ready-config": replace(ready, notice=problem("config_default")),
        "ready-frame": replace(ready, notice=problem("frame_opaque")),
        "ready-card-file": replace(ready, notice=problem("card_file")),
        "ready-config-unused": replace(ready, notice=problem("unused_setting")),
        "ready-config-late": replace(ready, notice=problem("config_late")),
        "ready-choices-damaged": replace(ready, notice=problem("choices_damaged")),
        "countdown-3": replace(countdown, countdown=3),
        "countdown-10": replace(countdown, countdown=10),
        "countdown-unseen": replace(countdown, countdown=3, viewfinder=None),
        "countdown-nudged": replace(countdown, countdown=2, busy_hint=True),
        "look-up": replace(box, state=BoothState.EXPOSING),
        "look-down": replace(box, state=BoothState.EXPOSING, lens="below"),
        "look-left": replace(box, state=BoothState.EXPOSING, lens="left"),
        "look-right": replace(box, state=BoothState.EXPOSING, lens="right"),
        "saving": replace(box, state=BoothState.SAVING),
        "saving-nudged": replace(box, state=BoothState.SAVING, busy_hint=True),
        "saved": saved,
        "saved-1234": replace(saved, number=1234),
        "series-countdown": replace(countdown, countdown=3, shot=2, shots=4),
        "series-look-up": replace(box, state=BoothState.EXPOSING, shot=2, shots=4),
        "series-look-left": replace(box, state=BoothState.EXPOSING, lens="left", shot=2, shots=4),
        "series-saved": replace(saved, shot=4, shots=4),
        "saved-take-back": replace(saved, offers_take_back=True),
        "saved-take-back-held": replace(
            saved, offers_take_back=True, hold_progress=HoldProgress(0.5, ReleaseEffect.CHOICE)
        ),
        "not-sent": replace(saved, shows_not_sent=True),
        "album-code": code,
        "album-code-offline": replace(code, upload_state=UploaderState.OFFLINE, waiting=12),
        "album-code-long": replace(code, album_link="https://app.eventpics.net/" + 4 * "Ab3dEf7h"),
        "album-link": replace(code, album_link="https://photos.example.com/" + 8 * "Ab3dEf7h"),
        "no-camera": replace(fault, problem=problem("no_camera")),
        "no-picamera2": replace(fault, problem=problem("no_picamera2")),
        "no-photos": replace(fault, problem=problem("no_photos")),
        "card-full": replace(fault, problem=problem("card_full")),
        "in-memory": replace(fault, problem=problem("spool_memory")),
        "spool-newer": replace(fault, problem=problem("spool_newer")),
        "disk-missing": replace(fault, problem=problem("spool_missing")),
        "spool-busy": replace(fault, problem=problem("spool_busy")),
        "spool-locked": replace(fault, problem=problem("spool_locked", "root")),
        "spool-split": replace(fault, problem=problem("spool_split")),
        "card-stuck": replace(fault, problem=problem("card_stuck")),
        "not-taken-back": replace(fault, problem=problem("not_taken_back")),
        "not-saved": replace(fault, problem=problem("not_saved")),
        **{f"unsaved-{what}": replace(fault, problem=problem(f"unsaved_{what}")) for what in _UNSAVED},
        "stopping": replace(box, state=BoothState.STOPPING),
        "off": replace(box, state=BoothState.STOPPING, ended=True),
        **menu_examples(box),
    }


def menu_examples(box: View) -> dict[str, View]:
    """Example view for each page of long press and menu, by name."""
    offer = MenuOptions(
        operator_until_ns=None,
        has_code=True,
        events=(
            AlbumEvent(box.event_title, "abcd1234", (Album("a1", "Photo booth"), Album("a2", "Backstage"))),
            AlbumEvent("50 Jahre Blasmusik Oberunterhausen e.V.", "efgh5678"),
        ),
        link_id="abcd1234",
        album_id="a1",
        without_event=12,
        languages=("en", "de"),
        language=box.language,
        has_buzzer=True,
        reads_codes=True,
        set_up_url="https://example.github.io/piboothup/",
    )
    first = menu.main_page(offer, 0)

    many = replace(offer, events=tuple(AlbumEvent(f"Party {number}", f"id{number}") for number in range(12)))

    def chosen(page: Page, *wanted: str, offer: MenuOptions = offer) -> Page:
        """Page after choosing these items in turn."""
        for item in wanted:
            found, _ = menu.choose(at(page, item), offer, 0)
            page = found or page
        return page

    def seen(page: Page, ring: HoldProgress | None = None) -> View:
        state = BoothState.SETUP if page.takes_photos else BoothState.MENU
        return replace(box, state=state, page=page, hold_progress=ring)

    another, _ = menu.choose(at(first, "events"), replace(offer, without_event=0), 0)
    held = EventUsage("abcd1234 0", "abcd1234", box.event_title, 143, 12)
    wiping = menu.wipe_page((held,))
    checked = SelfTestReport((None,) * len(SELF_TEST_STEPS))
    reason = SelfTestReport((*(None,) * 4, problem("undervoltage"), *(None,) * 5))
    secret = Secret("0123456789abcdef")
    barn = WifiNetwork("Barn", secret, Security.WPA)
    reading = chosen(first, "set_up", "read_code")
    whole = BoothCode(secret, "efgh5678", wifi=barn, name="Booth 1", country="DE")
    no_country = replace(offer, countries=tuple(texts(box.language).menu.countries))
    asked = chosen(page_of_code(barn, no_country), "Barn")
    held_code = Viewfinder(1, code_on_phone())
    aiming = replace(chosen(first, "set_up", "aim"), sharpness=0.62, best_sharpness=0.81)
    return {
        "hold-photo": replace(box, state=BoothState.READY, hold_progress=HoldProgress(0.4, ReleaseEffect.PHOTO)),
        "hold-on": replace(box, state=BoothState.READY, hold_progress=HoldProgress(0.7, ReleaseEffect.NOTHING)),
        "hold-menu": replace(box, state=BoothState.READY, hold_progress=HoldProgress(1.0, ReleaseEffect.MENU)),
        "menu": seen(first),
        "menu-code": seen(at(first, "album_code")),
        "menu-events": seen(at(first, "events")),
        "menu-held": seen(at(first, "events"), HoldProgress(0.6, ReleaseEffect.CHOICE)),
        "menu-check": seen(at(first, "ready_check")),
        "menu-photos": seen(at(first, "photos")),
        "menu-set-up": seen(at(first, "set_up")),
        "photos": seen(at(chosen(first, "photos"), "wipe")),
        "photos-pause": seen(at(chosen(first, "photos"), "pause"), HoldProgress(0.35, ReleaseEffect.CHOICE)),
        "set-up": seen(at(chosen(first, "set_up"), "aim")),
        "set-up-page": seen(at(chosen(first, "set_up"), "set_up_page")),
        "set-up-page-code": seen(chosen(first, "set_up", "set_up_page")),
        "set-up-code": seen(at(chosen(first, "set_up"), "read_code")),
        "read-code": replace(seen(reading), viewfinder=Viewfinder(1, portrait())),
        **{
            f"read-code-{hint}": replace(seen(replace(reading, text_key=hint)), viewfinder=held_code)
            for hint in list(ScanHint)[1:]
        },
        "read-code-far": replace(seen(reading), viewfinder=held_code, has_autofocus=False),
        "read-code-larger": replace(
            seen(replace(reading, text_key=ScanHint.CLOSER)), viewfinder=held_code, has_autofocus=False
        ),
        "code-wifi": seen(page_of_code(barn, offer), HoldProgress(0.6, ReleaseEffect.CHOICE)),
        "code-country": seen(asked, HoldProgress(0.6, ReleaseEffect.CHOICE)),
        "code-country-elsewhere": seen(at(asked, "elsewhere")),
        "code-event": seen(page_of_code(GuestLink("abcd1234"), offer)),
        "code-booth": seen(page_of_code(whole, replace(offer, without_event=0))),
        "code-booth-id": seen(page_of_code(replace(whole, link_id="Ab3dEf7hIj9k"), MenuOptions())),
        "code-no-key": seen(page_of_code(GuestLink("abcd1234"), MenuOptions(has_key=False))),
        "code-take-along": seen(at(chosen(page_of_code(whole, offer), "use_code"), "take_along")),
        "code-kind": seen(page_of_code(OtherCode(OtherKind.WEB), offer)),
        "code-cut": seen(page_of_code(Fault.CUT, offer)),
        "code-taken": seen(pages.result_page("code_taken")),
        "code-taken-world": seen(pages.result_page("code_taken_world")),
        "code-taken-along-world": seen(pages.result_page("code_taken_along_world", 12)),
        "code-joined": seen(pages.result_page("wifi_joined", title="Barn")),
        "code-joined-world": seen(pages.result_page("wifi_joined_world", title="Barn")),
        "code-keeps-nothing": seen(pages.error_page("keeps_nothing")),
        "code-password": seen(replace(pages.error_page("wifi_password"), title="Barn")),
        "code-unseen": seen(replace(pages.error_page("wifi_unseen"), title="Barn")),
        "code-unseen-24": seen(replace(pages.error_page("wifi_unseen_24"), title="Barn")),
        "code-no-wpa3": seen(replace(pages.error_page("wifi_no_wpa3"), title="Barn")),
        "code-former": seen(replace(pages.error_page("wifi_former"), title="Barn")),
        "stick": seen(menu.stick_page()),
        "stick-held": seen(menu.stick_page(), HoldProgress(0.6, ReleaseEffect.CHOICE)),
        "stick-taken": seen(pages.result_page("stick_taken")),
        **{
            f"stick-{result.replace('_', '-')}": seen(pages.error_page(f"stick_{result}"))
            for result in list(StickResult)[1:]
        },
        "copy-offer": seen(offers.copy_question(StickOffer(_COPY, 143, box.event_title, resumes=False))),
        "copy-offer-one": seen(offers.copy_question(StickOffer(_COPY, 1, box.event_title, resumes=False))),
        "copy-offer-no-event": seen(offers.copy_question(StickOffer(_COPY_ANY, 143, "", resumes=False))),
        "copy-begun": seen(offers.copy_page(CopyProgress("", "copying", 0, 143, None, "abcd1234", box.event_title))),
        "copy": seen(offers.copy_page(CopyProgress("", "copying", 87, 143, 130, "abcd1234", box.event_title))),
        **{
            f"copy-{state.replace('_', '-')}": seen(
                offers.copy_page(CopyProgress("", state, 143 if state == "done" else 87, 143, None, "", ""))
            )
            for state in list(CopyState)[1:]
        },
        "menu-status": replace(
            seen(chosen(first, "status")),
            upload_state=UploaderState.OFFLINE,
            waiting=12,
            checks={**_WELL, "wifi": False},
        ),
        "menu-status-taken-back": replace(seen(chosen(first, "status")), checks=_WELL, line_turn=1, taken_back=2),
        "menu-status-help": replace(seen(chosen(first, "status")), checks=_WELL, line_turn=1),
        "menu-status-help-2": replace(seen(chosen(first, "status")), checks=_WELL, line_turn=2),
        "events": seen(at(chosen(first, "events"), box.event_title)),
        "events-long": seen(at(chosen(first, "events"), offer.events[1].title)),
        "events-another": seen(at(another or first, offer.events[1].title), HoldProgress(0.35, ReleaseEffect.CHOICE)),
        "events-more": seen(at(chosen(menu.main_page(many, 0), "events", offer=many), "more")),
        "albums": seen(at(chosen(first, "events", box.event_title), "Photo booth")),
        "take-along": seen(at(chosen(first, "events", box.event_title, "Backstage"), "take_along")),
        "languages": seen(at(chosen(first, "set_up", "languages"), box.language)),
        "wipe": seen(at(wiping, box.event_title)),
        "wipe-one": seen(at(chosen(wiping, box.event_title), "wipe_now"), HoldProgress(0.35, ReleaseEffect.CHOICE)),
        "forget": seen(menu.forget_page(pages.result_page("wiped", 143))),
        "forget-held": seen(
            at(menu.forget_page(pages.result_page("wiped_but", 2)), "forget"),
            HoldProgress(0.35, ReleaseEffect.CHOICE),
        ),
        "forget-empty": seen(at(menu.forget_page(pages.result_page("card_empty")), "forget")),
        "forgotten": seen(pages.result_page("networks_forgotten", 2)),
        "switch-off": seen(at(chosen(first, "switch_off"), "switch_off_now")),
        "wait": seen(Page(PageKind.WAIT)),
        "result": seen(pages.result_page("event_chosen_along", 12, box.event_title)),
        "result-no-helper": seen(pages.error_page("no_helper")),
        "check-rows": seen(
            Page(PageKind.SELF_TEST, report=SelfTestReport((None, None, None, None, problem("undervoltage"))))
        ),
        "check-press": seen(Page(PageKind.SELF_TEST, report=SelfTestReport((None, None)))),
        "check-ready": seen(Page(PageKind.SELF_TEST, report=checked)),
        "check-not-ready": seen(Page(PageKind.SELF_TEST, report=reason)),
        "aim": replace(seen(aiming), viewfinder=Viewfinder(1, portrait())),
    }


def code_on_phone() -> Plane:
    """Drawn phone with a code on its screen, height x width, 0 = black."""
    canvas = np.full((_HEIGHT, _WIDTH), 70, np.int32)
    canvas[16:108, 40:120] = 20
    canvas[22:102, 44:116] = 255
    dots = np.random.default_rng(15).integers(0, 2, (30, 30)) * 255
    for top, left in ((0, 0), (0, 23), (23, 0)):
        dots[top : top + 7, left : left + 7] = 0
        dots[top + 1 : top + 6, left + 1 : left + 6] = 255
        dots[top + 2 : top + 5, left + 2 : left + 5] = 0
    canvas[32:92, 50:110] = np.kron(dots, np.ones((2, 2), np.int32))
    return np.asarray(canvas, np.uint8)


def at(page: Page, wanted: str) -> Page:
    """Page with this item (its word or its title) in the middle."""
    number = next(n for n, item in enumerate(page.items) if wanted in (item.text_key, item.title))
    return replace(page, index=number)


_WIDTH, _HEIGHT = VIEWFINDER_SIZE
_LIGHTS = ((6, 6, 4), (24, 13, 4), (46, 18, 4), (70, 20, 4), (94, 18, 4), (118, 13, 4), (138, 6, 4))
_HAIR = 8
_SKIN = 255
_SHADOW = 205


def portrait() -> Plane:
    """Drawn portrait, height x width, 0 = black."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    canvas = (96 - abs(x - _WIDTH // 2) // 2 - y // 4).astype(np.int32)
    for across, down, radius in _LIGHTS:
        _ellipse(canvas, across, down, radius, radius, _SKIN)
    _guest(canvas, 48, 58, clothes=255, long_hair=True)
    _guest(canvas, 108, 48, clothes=_HAIR, long_hair=False)
    _ellipse(canvas, 108, 112, 8, 18, _SKIN)  # his shirt, and the bow tie on it
    for side in (-6, 6):
        _ellipse(canvas, 108 + side, 92, 6, 5, _HAIR)
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


def _guest(canvas: NDArray[np.int32], x: int, y: int, *, clothes: int, long_hair: bool) -> None:
    """Head with its middle at `x`, `y`, and shoulders."""
    if long_hair:
        _ellipse(canvas, x, y + 8, 30, 38, _HAIR)
    _ellipse(canvas, x, y + 70, 42, 32, clothes)
    _ellipse(canvas, x, y + 30, 9, 14, _SHADOW)
    _ellipse(canvas, x, y - 6, 25, 27, _HAIR)
    _ellipse(canvas, x, y + 4, 21, 26, _SKIN)
    _ellipse(canvas, x - 10, y - 20, 16, 9, _HAIR)
    _ellipse(canvas, x + 8, y - 21, 16, 8, _HAIR)
    for side in (-8, 8):
        _ellipse(canvas, x + side, y, 3, 4, _HAIR)
    _ellipse(canvas, x, y + 13, 10, 7, _HAIR)
    _ellipse(canvas, x, y + 10, 11, 6, _SKIN)


def _ellipse(canvas: NDArray[np.int32], x: int, y: int, wide: int, high: int, grey: int) -> None:
    """Ellipse with the half axes `wide` and `high`."""
    rows, columns = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    canvas[((columns - x) * high) ** 2 + ((rows - y) * wide) ** 2 <= (wide * high) ** 2] = grey
