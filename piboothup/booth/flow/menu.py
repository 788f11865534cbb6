"""The menu: pages of items, walked with one button. Pure.

A short press goes to the next item, a hold chooses it, and the first item is always "Back". What harms stands behind
the operator's door and is not even there while that is closed: whoever may pull and put back the plug is the
operator. A page is made once, of what the box could offer then, so that what is chosen is what was seen. The menu
says what is to be done as a deed and does nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from piboothup.booth.flow.actions import (
    ChooseEvent,
    ChooseLanguage,
    CountPhotos,
    EventUsage,
    MenuAction,
    Retry,
    SetPaused,
    SetSound,
    StartAiming,
    StartSelfTest,
    SwitchOff,
    WipeEvent,
)
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.spool.event_titles import Album, Event

DOOR_S = 600.0
"""The operator's door is open for so long after power-on."""
CHOOSE_S = 1.0
CONFIRM_S = 5.0
"""The hold that something wants which can't be undone, or brings photos to other people or to nobody."""
_IDLE_S = 20.0
_AIM_S = 180.0


# -- what the box can offer --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MenuOptions:
    """What the menu can offer at this moment."""

    door_closes_ns: int | None = 0
    """Boot-time at which the operator's door closes; None = never."""
    has_code: bool = False
    """There is an album that guests may open."""
    events: tuple[Event, ...] = ()
    """With titles that the panel can draw."""
    link_id: str = ""
    album_id: str = ""
    """The chosen event and album."""
    without_event: int = 0
    """Photos that wait for an event to be chosen."""
    languages: tuple[str, ...] = ()
    language: str = "en"
    has_buzzer: bool = False
    sound: bool = True
    paused: bool = False

    def door_is_open(self, now_ns: int) -> bool:
        """Whether who stands here may do what an operator may."""
        return self.door_closes_ns is None or now_ns < self.door_closes_ns


# -- pages -------------------------------------------------------------------------------------------------------


class PageKind(StrEnum):
    """What a page is about."""

    MENU = "menu"
    ALBUM_CODE = "album_code"
    STATUS = "status"
    EVENTS = "events"
    ALBUMS = "albums"
    TAKE_ALONG = "take_along"
    SELF_TEST = "ready_check"
    AIM = "aim"
    LANGUAGES = "languages"
    WIPE = "wipe"
    WIPE_ONE = "wipe_one"
    SWITCH_OFF = "switch_off"
    WAIT = "wait"
    """It is being done."""
    RESULT = "told"
    """It was done, or why not."""


@dataclass(frozen=True)
class Goto:
    """Leads to another page."""

    kind: PageKind
    event: Event | None = None
    album: Album | None = None
    usage: EventUsage | None = None


@dataclass(frozen=True)
class Item:
    """A line to choose."""

    text_key: str
    """Which of the menu's words; see `Words.menu`."""
    target: Goto | MenuAction | None = None
    """None: out of the menu."""
    title: str = ""
    """What stands there instead, as it came from EventPics; after "no event" the photos' context."""
    checked: bool = False
    hold_s: float = CHOOSE_S


@dataclass(frozen=True)
class Page:
    """One page as it is shown. Without items a press leaves it."""

    kind: PageKind
    items: tuple[Item, ...] = ()
    index: int = 0
    title: str = ""
    """An event's, where the page is about one."""
    text_key: str = ""
    """Of a page that tells something: which of the menu's words."""
    awaits: MenuAction | None = None
    """Of a page that waits: what for."""
    number: int = 0
    is_good: bool = True
    """What it tells is what was wanted."""
    usage: EventUsage | None = None
    operator_only: bool = False
    """Behind the door: closed with it."""
    report: SelfTestReport | None = None
    """Of the ready check, as far as it is."""
    press_seen_ns: int | None = None
    """When the press came that it asked for."""
    sharpness: float | None = None
    """While aiming: 0 to 1, how sharp the last test frame was."""
    best_sharpness: float = 0.0
    """And the sharpest since the page was opened."""

    @property
    def item(self) -> Item | None:
        """The one that a hold chooses."""
        return self.items[self.index] if self.items else None

    @property
    def idle_s(self) -> float:
        """So long without a press, and the page is left."""
        return _AIM_S if self.kind is PageKind.AIM else _IDLE_S


def main_page(offer: MenuOptions, now_ns: int) -> Page:
    """The menu's first page."""
    is_open = offer.door_is_open(now_ns)
    items = (*_for_everyone(offer), *(_for_operators(offer) if is_open else ()))
    return Page(PageKind.MENU, items, operator_only=is_open)


def next_item(page: Page) -> Page | None:
    """The page after a short press."""
    return replace(page, index=(page.index + 1) % len(page.items)) if page.items else None


def choose(page: Page, offer: MenuOptions, now_ns: int) -> tuple[Page | None, MenuAction | None]:
    """The page after a hold on the present item (None: out of the menu), and what is to be done."""
    item = page.item
    if item is None or item.target is None:
        return None, None
    if isinstance(item.target, Goto):
        if item.target.kind is PageKind.MENU:
            return main_page(offer, now_ns), None
        return _page(item.target, offer)
    return _page_while_running(item.target, item, page, offer, now_ns), item.target


def wipe_page(held: tuple[EventUsage, ...]) -> Page:
    """The page once it is known what the card holds: a line for each event, to be wiped."""
    lines = tuple(
        Item(
            "no_event" if one.photos.is_without_event else "event",
            Goto(PageKind.WIPE_ONE, usage=one),
            one.photos.title,
        )
        for one in held
    )
    return (
        Page(PageKind.WIPE, (_BACK, *lines), operator_only=True)
        if held
        else replace(result_page("card_empty"), operator_only=True)
    )


def page_after(page: Page, deed: MenuAction, told: Page) -> Page | None:
    """The page once it is known what came of a deed; None = nobody looks for that here.

    What the page shows as done since it was chosen (sound, pause, language) is told only when it was not.
    """
    is_hasty = isinstance(deed, SetSound | SetPaused | ChooseLanguage) and page.awaits is None and not told.is_good
    return replace(told, operator_only=page.operator_only) if is_hasty or page.awaits == deed else None


def with_sharpness(page: Page, sharpness: float) -> Page:
    """The page with the last test frame's sharpness."""
    return replace(page, sharpness=sharpness, best_sharpness=max(page.best_sharpness, sharpness))


def result_page(says: str, number: int = 0, title: str = "") -> Page:
    """A page that says what was done."""
    return Page(PageKind.RESULT, text_key=says, number=number, title=title)


def error_page(says: str) -> Page:
    """A page that says why something was not done."""
    return Page(PageKind.RESULT, text_key=says, is_good=False)


_OUT = Item("back")
_BACK = Item("back", Goto(PageKind.MENU))


def _for_everyone(offer: MenuOptions) -> Iterator[Item]:
    yield _OUT
    if offer.has_code:
        yield Item("album_code", Goto(PageKind.ALBUM_CODE))
    yield Item("status", Goto(PageKind.STATUS))


def _for_operators(offer: MenuOptions) -> Iterator[Item]:
    yield Item("events", Goto(PageKind.EVENTS))
    yield Item("ready_check", StartSelfTest())
    yield Item("aim", StartAiming())
    yield Item("retry", Retry())
    yield Item("resume", SetPaused(False)) if offer.paused else Item("pause", SetPaused(True), hold_s=CONFIRM_S)
    yield Item("languages", Goto(PageKind.LANGUAGES))
    if offer.has_buzzer:
        yield Item("sound_off" if offer.sound else "sound_on", SetSound(not offer.sound))
    yield Item("wipe", CountPhotos())
    yield Item("switch_off", Goto(PageKind.SWITCH_OFF))


def _page(to: Goto, offer: MenuOptions) -> tuple[Page | None, MenuAction | None]:
    match to.kind:
        case PageKind.EVENTS:
            if not offer.events:
                return error_page("no_events"), None
            return Page(PageKind.EVENTS, (_BACK, *_events(offer)), operator_only=True), None
        case PageKind.ALBUMS if to.event is not None:
            return _albums(to.event, offer), None
        case PageKind.TAKE_ALONG if to.event is not None:
            yes, no = (_action_item(says, to, offer, take) for says, take in (("take_along", True), ("leave", False)))
            said = Page(PageKind.TAKE_ALONG, (_BACK, yes, no), title=to.event.title, number=offer.without_event)
            return replace(said, operator_only=True), None
        case PageKind.LANGUAGES:
            ordered = sorted(offer.languages, key=lambda one: one != offer.language)
            items = (Item("language", ChooseLanguage(one), one, one == offer.language) for one in ordered)
            return Page(PageKind.LANGUAGES, (_BACK, *items), operator_only=True), None
        case PageKind.WIPE_ONE if to.usage is not None:
            sure = Item("wipe_now", WipeEvent(to.usage), hold_s=CONFIRM_S)
            return Page(
                PageKind.WIPE_ONE, (_BACK, sure), title=to.usage.photos.title, usage=to.usage, operator_only=True
            ), None
        case PageKind.SWITCH_OFF:
            sure = Item("switch_off_now", SwitchOff(), hold_s=CONFIRM_S)
            return Page(PageKind.SWITCH_OFF, (_BACK, sure), operator_only=True), None
        case _:
            return Page(to.kind), None


def _events(offer: MenuOptions) -> Iterator[Item]:
    """The chosen one first, the others as EventPics lists them."""
    for event in sorted(offer.events, key=lambda one: one.link_id != offer.link_id):
        here = event.link_id == offer.link_id
        if event.albums:
            yield Item("event", Goto(PageKind.ALBUMS, event), event.title, here)
        else:
            yield replace(_choice("event", Goto(PageKind.TAKE_ALONG, event), offer), title=event.title, checked=here)


def _albums(event: Event, offer: MenuOptions) -> Page:
    """The chosen one first; at the end, photos that are in the event but in none of its albums."""
    album_id = offer.album_id if event.link_id == offer.link_id else None
    lines = [_BACK]
    for one in sorted(event.albums, key=lambda one: one.id != album_id):
        choice = _choice("event", Goto(PageKind.TAKE_ALONG, event, one), offer)
        lines.append(replace(choice, title=one.title, checked=one.id == album_id))
    none = _choice("no_album", Goto(PageKind.TAKE_ALONG, event), offer)
    lines.append(replace(none, checked=album_id == ""))
    return Page(PageKind.ALBUMS, tuple(lines), title=event.title, operator_only=True)


def _choice(says: str, to: Goto, offer: MenuOptions) -> Item:
    """The choice itself, or first the question what becomes of the photos without an event."""
    return Item(says, to) if offer.without_event else _action_item(says, to, offer, take_along=False)


def _action_item(says: str, to: Goto, offer: MenuOptions, take_along: bool) -> Item:
    """The choice of an event and album; of another event than the one in use by a long hold, which is no luck."""
    link_id = to.event.link_id if to.event is not None else ""
    deed = ChooseEvent(link_id, to.album.id if to.album is not None else "", take_along)
    return Item(says, deed, hold_s=CHOOSE_S if offer.link_id in ("", link_id) else CONFIRM_S)


def _page_while_running(deed: MenuAction, item: Item, page: Page, offer: MenuOptions, now_ns: int) -> Page:
    """What is shown once this was chosen."""
    match deed:
        case SetSound(on):
            return _updated(page, replace(offer, sound=on), now_ns)
        case SetPaused(paused):
            return _updated(page, replace(offer, paused=paused), now_ns)
        case ChooseLanguage():
            return main_page(offer, now_ns)
        case StartSelfTest():
            return Page(PageKind.SELF_TEST, report=SelfTestReport(), operator_only=True)
        case StartAiming():
            return Page(PageKind.AIM, operator_only=True)
        case CountPhotos() | WipeEvent() | SwitchOff() | ChooseEvent() | Retry():
            return Page(PageKind.WAIT, text_key=item.text_key, awaits=deed, title=page.title, operator_only=True)


def _updated(page: Page, offer: MenuOptions, now_ns: int) -> Page:
    """The same page, with what was just changed."""
    fresh = main_page(offer, now_ns)
    return replace(fresh, index=min(page.index, len(fresh.items) - 1))
