"""Pages of the menu as values: items, targets, and what else a page shows. `menu` makes them. Pure."""

from __future__ import annotations

from enum import StrEnum

from piboothup.booth.flow.actions import CopyPhotos, EventUsage, ForgetNetworks, MenuAction, TakeStick, UseCode
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.records import dataclass, replace
from piboothup.spool.event_titles import Album, AlbumEvent

MOST_ITEMS = 8
"""Items of a page: with a single button each is a press further away."""
CHOOSE_HOLD_S = 1.0
"""Long press that chooses an item, seconds."""
CONFIRM_HOLD_S = 5.0
"""Long press for an item that can't be undone, or that sends photos to other people or to nobody, seconds."""
_IDLE_TIMEOUT_S = 20.0
"""Time without a press after which a page is closed, seconds."""
_LENS_TIMEOUT_S = 180.0
"""The same for the pages with the camera's picture or a phone's code, seconds: a hand is at the lens, or types."""
_ROOT_TIMEOUT_S = 60.0
"""The same while root's helper joins or forgets networks or reads a stick, seconds."""


class PageKind(StrEnum):
    """Subject of a page."""

    MENU = "menu"
    PHOTOS = "photos"
    """The photos on the card: sending and wiping them."""
    SET_UP = "set_up"
    """What is set once at a place: the camera's aim, language, sound."""
    SET_UP_PAGE = "set_up_page"
    """The address of the set-up page, as a code for phones."""
    ALBUM_CODE = "album_code"
    STATUS = "status"
    EVENTS = "events"
    ALBUMS = "albums"
    TAKE_ALONG = "take_along"
    SELF_TEST = "self_test"
    AIM = "aim"
    READ_CODE = "read_code"
    """A code is to be held before the lens."""
    CODE_WIFI = "code_wifi"
    CODE_BOOTH = "code_booth"
    """Questions about a code that was read."""
    COUNTRY = "country"
    """The question for the country, where a code has a network and none is known; no answer is one too."""
    STICK = "stick"
    """The question about a stick that was plugged in."""
    COPY_OFFER = "copy_offer"
    """The question whether photos are to be copied to a stick."""
    COPY = "copy"
    """The copy: its progress, then its result."""
    LANGUAGES = "languages"
    WIPE = "wipe"
    WIPE_ONE = "wipe_one"
    FORGET = "forget"
    """The result of a wipe, and whether the networks that codes gave are to go too."""
    SWITCH_OFF = "switch_off"
    WAIT = "wait"
    """The action is running."""
    RESULT = "result"
    """The action's result or error."""


@dataclass(frozen=True)
class Goto:
    """Target of an item that opens another page."""

    kind: PageKind
    event: AlbumEvent | None = None
    album: Album | None = None
    usage: EventUsage | None = None


@dataclass(frozen=True)
class Item:
    """A line of a page that can be chosen."""

    text_key: str
    """Key of the text in `MenuTexts.items`."""
    target: Goto | Page | MenuAction | None = None
    """None: close the menu."""
    title: str = ""
    """Shown instead of the text: an event's or album's title as it came from EventPics, or a language code."""
    title_id: str = ""
    """Shown instead of a title that the panel's font can't draw."""
    checked: bool = False
    number: int = 0
    """Number in the text."""
    hold_s: float = CHOOSE_HOLD_S


@dataclass(frozen=True)
class Part:
    """A part of what a booth code has."""

    text_key: str
    """Key of the text in `MenuTexts.parts`."""
    title: str = ""
    """Title of the event, "" for one that is not known, or name of the network."""
    title_id: str = ""
    """The event's id."""


@dataclass(frozen=True)
class Page:
    """A page as it is shown. A page without items is closed by a press."""

    kind: PageKind
    items: tuple[Item, ...] = ()
    index: int = 0
    title: str = ""
    """Title of the event that the page is about, or the address that it shows; `title_id` as in an item."""
    title_id: str = ""
    text_key: str = ""
    """Key of the text in `MenuTexts.results`, for a page with a result."""
    awaits: MenuAction | None = None
    number: int = 0
    total: int = 0
    """All photos of a copy, of which `number` are on the stick."""
    left_s: int | None = None
    """Time left of a copy, seconds; None = not known yet."""
    is_good: bool = True
    """False: the page shows an error."""
    usage: EventUsage | None = None
    operator_only: bool = True
    """Closed when the operator's time ends."""
    report: SelfTestReport | None = None
    press_seen_ns: int | None = None
    """When the button was pressed for the self-test."""
    sharpness: float | None = None
    """Sharpness of the last test frame while aiming, 0 to 1."""
    best_sharpness: float = 0.0
    """Highest sharpness since the page was opened."""
    parts: tuple[Part, ...] = ()
    """What the booth code has that the page is about."""

    @property
    def item(self) -> Item | None:
        """The selected item."""
        return self.items[self.index] if self.items else None

    @property
    def takes_photos(self) -> bool:
        """Whether a press takes a photo while the page is open."""
        return self.kind in (PageKind.READ_CODE, PageKind.STICK, PageKind.COPY_OFFER, PageKind.COPY)

    @property
    def idle_timeout_s(self) -> float:
        """Time without a press after which the page is closed, seconds."""
        if self.kind in (PageKind.AIM, PageKind.READ_CODE, PageKind.SET_UP_PAGE):
            return _LENS_TIMEOUT_S
        is_roots = isinstance(self.awaits, UseCode | TakeStick | CopyPhotos | ForgetNetworks)
        return _ROOT_TIMEOUT_S if is_roots else _IDLE_TIMEOUT_S


def result_page(text_key: str, number: int = 0, title: str = "", title_id: str = "") -> Page:
    """Page that shows the result of an action."""
    return Page(PageKind.RESULT, text_key=text_key, number=number, title=title, title_id=title_id)


def error_page(text_key: str) -> Page:
    """Page that shows why an action was not done."""
    return Page(PageKind.RESULT, text_key=text_key, is_good=False)


def unanswered(page: Page) -> Page:
    """The question for the country with what holds if nobody answers it: rules for every country."""
    return replace(page, index=len(page.items) - 1)
