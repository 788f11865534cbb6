"""The menu: pages of items, walked with one button. Pure.

A short press goes to the next item, a long press chooses it, and the first item is always "Back". Destructive
items are shown only in operator mode: for ten minutes after power-on, as only an operator may pull the plug. A page
has at most `MOST_ITEMS` items: what is needed less often is grouped, and a longer list goes on behind "More". It is
built once, from the options at that time, so that what is chosen is what was seen. The menu returns actions and does
nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from piboothup.booth.flow.actions import (
    ChooseEvent,
    ChooseLanguage,
    CopyPhotos,
    CopyProgress,
    CountPhotos,
    EventUsage,
    ForgetNetworks,
    MenuAction,
    Retry,
    SetPaused,
    SetSound,
    StartAiming,
    StartReadingCode,
    StartSelfTest,
    StickOffer,
    SwitchOff,
    TakeStick,
    WipeEvent,
)
from piboothup.booth.flow.pages import (
    CHOOSE_HOLD_S,
    CONFIRM_HOLD_S,
    MOST_ITEMS,
    Goto,
    Item,
    Page,
    PageKind,
    error_page,
    result_page,
)
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.records import dataclass, replace
from piboothup.spool.event_titles import Album, AlbumEvent, booth_album

OPERATOR_WINDOW_S = 600.0
"""The operator's items are in the menu for this long after power-on, seconds."""


@dataclass(frozen=True)
class MenuOptions:
    """What the menu can offer at this moment: events, languages and what is set."""

    operator_until_ns: int | None = 0
    """Boot-time up to which the operator's items are offered; None = always."""
    has_code: bool = False
    """Whether there is an album that guests may open."""
    events: tuple[AlbumEvent, ...] = ()
    link_id: str = ""
    album_id: str = ""
    """The chosen event and album."""
    without_event: int = 0
    """Number of photos that wait for an event to be chosen."""
    taken_back: int = 0
    """Number of the event's photos that their guests took back."""
    languages: tuple[str, ...] = ()
    language: str = "en"
    countries: tuple[str, ...] = ()
    """Those that the language suggests, where none is set for the Wi-Fi; empty where one is."""
    has_buzzer: bool = False
    sound: bool = True
    paused: bool = False
    name: str = ""
    box: str = ""
    """The box's name and letters, by which an album may be meant for it."""
    has_key: bool = True
    """Whether there is a key, without which no event is ever known."""
    reads_codes: bool = False
    """Whether the library that reads codes is installed."""
    has_stick: bool = False
    """Whether a stick with settings is plugged in."""
    copy_offer: StickOffer | None = None
    copying: CopyProgress | None = None
    """A stick that photos may be copied to now; and the copy that is under way, or has just ended."""
    is_new: bool = False
    """Whether the box has neither key nor event, and no photo yet."""
    set_up_url: str = ""
    """Address of the set-up page; "" = none is known."""

    def allows_operator(self, now_ns: int) -> bool:
        """Whether the operator's items are offered now."""
        return self.operator_until_ns is None or now_ns < self.operator_until_ns


def main_page(options: MenuOptions, now_ns: int) -> Page:
    """The menu's first page."""
    is_open = options.allows_operator(now_ns)
    items = (*_for_everyone(options), *(_for_operators() if is_open else ()))
    return Page(PageKind.MENU, items, operator_only=is_open)


def next_item(page: Page) -> Page | None:
    """The page after a short press."""
    return replace(page, index=(page.index + 1) % len(page.items)) if page.items else None


def choose(page: Page, options: MenuOptions, now_ns: int) -> tuple[Page | None, MenuAction | None]:
    """The page after a long press on the selected item (None: menu closed), and the action to run."""
    item = page.item
    if item is None or item.target is None:
        return None, None
    if isinstance(item.target, Page):
        return item.target, None
    if isinstance(item.target, Goto):
        return _page(item.target, options, now_ns), None
    return _page_while_running(item.target, item, page, options, now_ns), item.target


def wipe_page(usages: tuple[EventUsage, ...]) -> Page:
    """Page with an item for each event on the card, to wipe it."""
    if not usages:
        return result_page("card_empty")
    items = [_back_to(PageKind.PHOTOS)]
    for usage in usages:
        text_key = "event" if usage.has_event else "no_event"
        items.append(Item(text_key, Goto(PageKind.WIPE_ONE, usage=usage), usage.title, usage.event))
    return _limited(Page(PageKind.WIPE, tuple(items)))


def forget_page(wiped: Page) -> Page:
    """The result of a wipe, and whether the networks that codes gave are to go too: they stay unless it is chosen."""
    items = (Item("keep", Goto(PageKind.PHOTOS)), Item("forget", ForgetNetworks(), hold_s=CONFIRM_HOLD_S))
    return replace(wiped, kind=PageKind.FORGET, items=items)


def event_page(link_id: str, options: MenuOptions) -> Page | None:
    """The page to choose this event, or why there is none at all; None if the key does not see it."""
    if not options.events:
        return _no_events(options)
    found = next((item for item in _events(options) if item.title_id == link_id), None)
    return None if found is None else Page(PageKind.EVENTS, (_back_to(PageKind.MENU), found), index=1)


def reading_page() -> tuple[Page, MenuAction]:
    """Page that awaits a code before the lens, and the action that reads it."""
    return Page(PageKind.READ_CODE, awaits=StartReadingCode()), StartReadingCode()


def stick_page() -> Page:
    """The question about a stick that was plugged in."""
    return Page(PageKind.STICK, (_STICK,))


def take_along_page(event: AlbumEvent, album: Album | None, without_event: int) -> Page:
    """The question whether photos from before go along to an event that was chosen by other means than the menu's."""
    options = MenuOptions(link_id=event.link_id, without_event=without_event)
    return _page(Goto(PageKind.TAKE_ALONG, event, album), options, 0)


def page_after(page: Page, action: MenuAction, result: Page) -> Page | None:
    """Page that shows an action's result; None = this page does not wait for it.

    Sound, pause and language are shown as done at once: their result is shown only if it is an error.
    """
    was_shown_as_done = isinstance(action, SetSound | SetPaused | ChooseLanguage) and page.awaits is None
    is_shown = page.awaits == action or (was_shown_as_done and not result.is_good)
    return replace(result, operator_only=page.operator_only) if is_shown else None


def _no_events(options: MenuOptions) -> Page:
    return error_page("no_events" if options.has_key else "no_key")


_CLOSE_MENU = Item("back")
_STICK = Item("stick", TakeStick())


def _back_to(kind: PageKind) -> Item:
    return Item("back", Goto(kind))


def _limited(page: Page) -> Page:
    """The page with the items that are too many on another, behind "More"."""
    if len(page.items) <= MOST_ITEMS:
        return page
    back, shown, rest = page.items[0], page.items[: MOST_ITEMS - 1], page.items[MOST_ITEMS - 1 :]
    return replace(page, items=(*shown, Item("more", _limited(replace(page, items=(back, *rest))))))


def _for_everyone(options: MenuOptions) -> Iterator[Item]:
    yield _CLOSE_MENU
    if options.has_code:
        yield Item("album_code", Goto(PageKind.ALBUM_CODE))
    yield Item("status", Goto(PageKind.STATUS))


def _for_operators() -> Iterator[Item]:
    yield Item("events", Goto(PageKind.EVENTS))
    yield Item("ready_check", StartSelfTest())
    yield Item("photos", Goto(PageKind.PHOTOS))
    yield Item("set_up", Goto(PageKind.SET_UP))
    yield Item("switch_off", Goto(PageKind.SWITCH_OFF))


def _for_photos(options: MenuOptions) -> Iterator[Item]:
    yield _back_to(PageKind.MENU)
    yield Item("retry", Retry())
    if options.paused:
        yield Item("resume", SetPaused(False))
    else:
        yield Item("pause", SetPaused(True), hold_s=CONFIRM_HOLD_S)
    yield Item("wipe", CountPhotos())


def _for_set_up(options: MenuOptions) -> Iterator[Item]:
    yield _back_to(PageKind.MENU)
    if options.set_up_url:
        yield Item("set_up_page", Page(PageKind.SET_UP_PAGE, title=options.set_up_url))
    yield Item("read_code", StartReadingCode() if options.reads_codes else error_page("no_code_reader"))
    if options.has_stick:
        yield _STICK
    yield Item("aim", StartAiming())
    yield Item("languages", Goto(PageKind.LANGUAGES))
    if options.has_buzzer:
        yield Item("sound_off" if options.sound else "sound_on", SetSound(not options.sound))


def _page(goto: Goto, options: MenuOptions, now_ns: int) -> Page:
    match goto.kind:
        case PageKind.MENU:
            return main_page(options, now_ns)
        case PageKind.PHOTOS:
            return Page(PageKind.PHOTOS, tuple(_for_photos(options)))
        case PageKind.SET_UP:
            return Page(PageKind.SET_UP, tuple(_for_set_up(options)))
        case PageKind.EVENTS:
            if not options.events:
                return _no_events(options)
            return _limited(Page(PageKind.EVENTS, (_back_to(PageKind.MENU), *_events(options))))
        case PageKind.ALBUMS if goto.event is not None:
            return _albums(goto.event, options)
        case PageKind.TAKE_ALONG if goto.event is not None:
            yes = _action_item("take_along", goto, options, take_along=True)
            no = _action_item("leave", goto, options, take_along=False)
            return Page(
                PageKind.TAKE_ALONG,
                (_back_to(PageKind.MENU), yes, no),
                title=goto.event.title,
                title_id=goto.event.link_id,
                number=options.without_event,
            )
        case PageKind.LANGUAGES:
            items = (
                Item("language", ChooseLanguage(language), language, checked=language == options.language)
                for language in sorted(options.languages, key=lambda language: language != options.language)
            )
            return _limited(Page(PageKind.LANGUAGES, (_back_to(PageKind.SET_UP), *items)))
        case PageKind.WIPE_ONE if goto.usage is not None:
            confirm = Item("wipe_now", WipeEvent(goto.usage), hold_s=CONFIRM_HOLD_S)
            return Page(
                PageKind.WIPE_ONE,
                (_back_to(PageKind.PHOTOS), confirm),
                title=goto.usage.title,
                title_id=goto.usage.event,
                usage=goto.usage,
            )
        case PageKind.SWITCH_OFF:
            confirm = Item("switch_off_now", SwitchOff(), hold_s=CONFIRM_HOLD_S)
            return Page(PageKind.SWITCH_OFF, (_back_to(PageKind.MENU), confirm))
        case _:
            return Page(goto.kind, operator_only=False)


def _events(options: MenuOptions) -> Iterator[Item]:
    """Items for the events: the chosen event first, the others as EventPics lists them."""
    for event in sorted(options.events, key=lambda event: event.link_id != options.link_id):
        if event.albums:
            item = Item("event", Goto(PageKind.ALBUMS, event))
        else:
            item = _choice_item("event", Goto(PageKind.TAKE_ALONG, event), options)
        is_current = event.link_id == options.link_id
        yield replace(item, title=event.title, title_id=event.link_id, checked=is_current)


def _albums(event: AlbumEvent, options: MenuOptions) -> Page:
    """Page of an event's albums: the chosen album first, "no album" last.

    Of another event than the one in use, it stands at the album that is meant for this box.
    """
    album_id = options.album_id if event.link_id == options.link_id else None
    meant = booth_album(event.albums, options.name, options.box) if album_id is None else None
    first_id = album_id if meant is None else meant.id
    lines = [_back_to(PageKind.MENU)]
    for album in sorted(event.albums, key=lambda album: album.id != first_id):
        choice = _choice_item("event", Goto(PageKind.TAKE_ALONG, event, album), options)
        lines.append(replace(choice, title=album.title, title_id=album.id, checked=album.id == album_id))
    no_album = _choice_item("no_album", Goto(PageKind.TAKE_ALONG, event), options)
    lines.append(replace(no_album, checked=album_id == ""))
    page = _limited(Page(PageKind.ALBUMS, tuple(lines), title=event.title, title_id=event.link_id))
    return replace(page, index=0 if meant is None else 1)


def _choice_item(text_key: str, goto: Goto, options: MenuOptions) -> Item:
    """Item that chooses an event; if photos wait for one, the item that first asks whether to take them along."""
    if options.without_event:
        return Item(text_key, goto)
    return _action_item(text_key, goto, options, take_along=False)


def _action_item(text_key: str, goto: Goto, options: MenuOptions, take_along: bool) -> Item:
    """Item that chooses an event and album; another event than the one in use wants the longer press."""
    link_id = goto.event.link_id if goto.event is not None else ""
    action = ChooseEvent(link_id, goto.album.id if goto.album is not None else "", take_along)
    is_change = options.link_id not in ("", link_id)
    return Item(text_key, action, hold_s=CONFIRM_HOLD_S if is_change else CHOOSE_HOLD_S)


def _page_while_running(action: MenuAction, item: Item, page: Page, options: MenuOptions, now_ns: int) -> Page:
    """Page shown from the choice of an action until its result."""
    match action:
        case SetSound(on):
            return _updated(page, replace(options, sound=on), now_ns)
        case SetPaused(paused):
            return _updated(page, replace(options, paused=paused), now_ns)
        case ChooseLanguage():
            return _page(Goto(PageKind.SET_UP), options, now_ns)
        case StartSelfTest():
            return Page(PageKind.SELF_TEST, report=SelfTestReport())
        case StartAiming():
            return Page(PageKind.AIM)
        case StartReadingCode():
            return reading_page()[0]
        case CopyPhotos():
            return replace(page, kind=PageKind.COPY, items=(), total=page.number, number=0, awaits=action)
        case _:
            return Page(PageKind.WAIT, text_key=item.text_key, awaits=action)


def _updated(page: Page, options: MenuOptions, now_ns: int) -> Page:
    """The same page with the changed options, at the same item."""
    fresh = _page(Goto(page.kind), options, now_ns)
    return replace(fresh, index=min(page.index, len(fresh.items) - 1))
