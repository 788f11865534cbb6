"""The menu's pages as they may be met, for the gallery: made by walking the menu, so that none is imagined."""

from __future__ import annotations

from dataclasses import replace

from piboothup.booth import menu
from piboothup.booth.deeds import Held
from piboothup.booth.hold import LetGo, Ring
from piboothup.booth.menu import Kind, Offer, Page
from piboothup.booth.readiness import STEPS, Report
from piboothup.booth.sitters import portrait
from piboothup.booth.view import Checks, View
from piboothup.booth.viewfinder import Viewfinder
from piboothup.problems import problem
from piboothup.spool.events import Album, Event
from piboothup.spool.wipe import EventPhotos
from piboothup.status import BoothState, UploaderState


def examples(box: View) -> dict[str, View]:
    """One view for each thing that a held button and the menu can say, by name."""
    offer = Offer(
        door_closes_ns=None,
        has_code=True,
        events=(
            Event(box.event_title, "abcd1234", (Album("a1", "Photo booth"), Album("a2", "Backstage"))),
            Event("50 Jahre Blasmusik Oberunterhausen e.V.", "efgh5678"),
        ),
        link_id="abcd1234",
        album_id="a1",
        without_event=12,
        languages=("en", "de"),
        language=box.language,
        has_buzzer=True,
    )
    first = menu.opened(offer, 0)

    def chosen(page: Page, *wanted: str) -> Page:
        """The page that is reached by choosing these items, one after the other."""
        for one in wanted:
            found, _ = menu.chosen(at(page, one), offer, 0)
            page = found or page
        return page

    def seen(page: Page, ring: Ring | None = None) -> View:
        return replace(box, state=BoothState.MENU, page=page, ring=ring)

    another, _ = menu.chosen(at(first, "events"), replace(offer, without_event=0), 0)
    held = Held(EventPhotos("abcd1234", box.event_title, ()), 143, 12)
    wiping = menu.counted((held,))
    checked = Report((None,) * len(STEPS))
    reason = Report((*(None,) * 4, problem("undervoltage"), *(None,) * 5))
    aiming = replace(chosen(first, "aim"), sharpness=0.62, best=0.81)
    return {
        "hold-photo": replace(box, state=BoothState.READY, ring=Ring(0.4, LetGo.PHOTO)),
        "hold-on": replace(box, state=BoothState.READY, ring=Ring(0.7, LetGo.NOTHING)),
        "hold-menu": replace(box, state=BoothState.READY, ring=Ring(1.0, LetGo.MENU)),
        "menu": seen(first),
        "menu-code": seen(at(first, "album_code")),
        "menu-events": seen(at(first, "events")),
        "menu-held": seen(at(first, "events"), Ring(0.6, LetGo.CHOICE)),
        "menu-check": seen(at(first, "ready_check")),
        "menu-status": replace(
            seen(chosen(first, "status")),
            uplink=UploaderState.OFFLINE,
            waiting=12,
            checks=replace(Checks(*(True,) * 8), wifi=False),
        ),
        "events": seen(at(chosen(first, "events"), box.event_title)),
        "events-long": seen(at(chosen(first, "events"), offer.events[1].title)),
        "events-another": seen(at(another or first, offer.events[1].title), Ring(0.35, LetGo.CHOICE)),
        "albums": seen(at(chosen(first, "events", box.event_title), "Photo booth")),
        "take-along": seen(at(chosen(first, "events", box.event_title, "Backstage"), "take_along")),
        "languages": seen(at(chosen(first, "languages"), box.language)),
        "wipe": seen(at(wiping, box.event_title)),
        "wipe-one": seen(at(chosen(wiping, box.event_title), "wipe_now"), Ring(0.35, LetGo.CHOICE)),
        "switch-off": seen(at(chosen(first, "switch_off"), "switch_off_now")),
        "wait": seen(Page(Kind.WAIT)),
        "told": seen(menu.told("event_chosen_along", 12, box.event_title)),
        "told-no-helper": seen(menu.failed("no_helper")),
        "check-rows": seen(Page(Kind.READY_CHECK, report=Report((None, None, None, None, problem("undervoltage"))))),
        "check-press": seen(Page(Kind.READY_CHECK, report=Report((None, None)))),
        "check-ready": seen(Page(Kind.READY_CHECK, report=checked)),
        "check-not-ready": seen(Page(Kind.READY_CHECK, report=reason)),
        "aim": replace(seen(aiming), viewfinder=Viewfinder(1, portrait())),
    }


def at(page: Page, wanted: str) -> Page:
    """The page with this item (its word or its title) in the middle."""
    number = next(n for n, item in enumerate(page.items) if wanted in (item.says, item.title))
    return replace(page, at=number)
