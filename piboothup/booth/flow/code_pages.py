"""Pages about a code that was held before the lens: what it is, and the question before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from piboothup.booth.flow.actions import UseCode
from piboothup.booth.flow.menu import MenuOptions, event_page
from piboothup.booth.flow.pages import (
    CHOOSE_HOLD_S,
    CONFIRM_HOLD_S,
    Item,
    Page,
    PageKind,
    Part,
    error_page,
)
from piboothup.config.codes import BoothCode, Code, Fault, GuestLink, OtherCode, WifiNetwork
from piboothup.records import replace

BACK = Item("back")


def page_of_code(code: Code | Fault, options: MenuOptions) -> Page:
    """The page for a code; it stands at the item that does what the code says."""
    titles = {event.link_id: event.title for event in options.events}
    match code:
        case Fault():
            return error_page(f"code_{code}")
        case OtherCode(kind):
            return error_page(f"kind_{kind}")
        case GuestLink(wanted):
            return event_page(wanted, options) or error_page("event_unseen")
        case WifiNetwork(ssid):
            join = Item("join", _use(UseCode(code), options.countries), title=ssid)
            return Page(PageKind.CODE_WIFI, (BACK, join), index=1)
        case BoothCode():
            return _booth_page(code, options.without_event, options.link_id, titles, options.countries)


def _use(action: UseCode, countries: Sequence[str]) -> UseCode | Page:
    """The action, or the question for the country before it."""
    code = action.code if isinstance(action.code, BoothCode) else BoothCode(wifi=action.code)
    if not countries or code.wifi is None or code.country:
        return action
    known = ((country, replace(action, code=replace(code, country=country))) for country in countries)
    items = (Item("country", choice, title=country) for country, choice in known)
    other = Item("elsewhere", replace(action, knows_country=False))
    return Page(PageKind.COUNTRY, (BACK, *items, other), index=1)


def _booth_page(
    code: BoothCode, without_event: int, link_id: str, titles: Mapping[str, str], countries: Sequence[str]
) -> Page:
    is_change = code.link_id not in ("", link_id) and link_id != ""
    hold_s = CONFIRM_HOLD_S if is_change or code.key is not None else CHOOSE_HOLD_S
    use = Item("use_code", _use(UseCode(code), countries), hold_s=hold_s)
    if code.link_id and without_event:
        along = Item("take_along", _use(UseCode(code, take_along=True), countries), hold_s=hold_s)
        leave = Item("leave", _use(UseCode(code), countries), hold_s=hold_s)
        asked = Page(
            PageKind.TAKE_ALONG,
            (BACK, along, leave),
            title=titles.get(code.link_id, code.link_id),
            title_id=code.link_id,
            number=without_event,
        )
        use = Item("use_code", asked)
    return Page(PageKind.CODE_BOOTH, (BACK, use), index=1, parts=parts(code, titles))


def parts(code: BoothCode, titles: Mapping[str, str]) -> tuple[Part, ...]:
    """What the code has: of its secrets only that they are there."""
    found = {
        Part("key"): code.key is not None,
        Part("event", titles.get(code.link_id, ""), code.link_id): bool(code.link_id),
        Part("wifi", code.wifi.ssid if code.wifi is not None else ""): code.wifi is not None,
        Part("name"): bool(code.name),
        Part("place"): bool(code.country or code.language or code.timezone),
    }
    return tuple(part for part, is_there in found.items() if is_there)
