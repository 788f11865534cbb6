"""Screens of the panel: a pure function from a view to a picture of 128x64 dots, one bit each.

The ready screen is shown whenever a press would take a photo. A problem that does not stop photos has the bottom
line; only one that stops them has the whole screen. Each screen says one thing, as large as it fits. The
busy hint inverts the picture, which is seen across a room. Any text is drawn without raising.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw

from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.panel import capture_screens, menu_screens, qr_screen
from piboothup.booth.panel.font import face, icon, largest, readable_title
from piboothup.booth.panel.i18n import Texts, texts
from piboothup.booth.panel.layout import (
    BOTTOM_Y,
    GAP_PX,
    HEIGHT_PX,
    LINE_PX,
    MARGIN_PX,
    SIDE_X,
    TEXT_PX,
    TITLE_Y,
    WIDTH_PX,
    blank,
    bottom,
    centred,
    placed,
    rows,
    trouble,
)
from piboothup.booth.panel.view import View
from piboothup.status import BoothState, UploaderState

_TITLE = (0, 0, WIDTH_PX, 13)
"""Place of the event's title on the ready screen."""
_APART_PX = 6
"""Gap between a title and the number at its right."""


def draw(view: View) -> Image.Image:
    """The picture for `view`: mode "1", 128x64, new each time."""
    image = blank()
    words = texts(view.language)
    match view.state:
        case BoothState.MENU | BoothState.SETUP if view.page is not None:
            _menu(image, view, view.page, words)
        case BoothState.REVIEW if view.shows_not_sent:
            capture_screens.not_sent(image, words)
        case BoothState.REVIEW:
            capture_screens.saved(image, view, words)
        case _ if view.hold_progress is not None:
            menu_screens.hold_ring(image, view.hold_progress, words)
        case BoothState.READY if view.album_link:
            qr_screen.draw(image, view, words)
        case BoothState.READY:
            _ready(image, view, words)
        case BoothState.COUNTDOWN:
            capture_screens.countdown(image, view, words)
        case BoothState.EXPOSING:
            capture_screens.look_at_lens(image, view, words)
        case BoothState.SAVING:
            capture_screens.saving(image, words)
        case BoothState.FAULT:
            _fault(image, view, words)
        case BoothState.STOPPING:
            _stopping(image, view, words)
        case _:
            _starting(image, view, words)
    return ImageChops.invert(image) if view.busy_hint else image


def private_area(view: View) -> tuple[int, int, int, int] | None:
    """The part of the picture that shows a title, an album code or a photo; None = it shows none.

    Left, top, right and bottom, the last two not included.
    """
    whole, photo = (0, 0, WIDTH_PX, HEIGHT_PX), (0, 0, SIDE_X, HEIGHT_PX)
    match view.state:
        case BoothState.MENU | BoothState.SETUP if view.page is not None:
            if view.page.kind in (PageKind.AIM, PageKind.READ_CODE):
                return photo
            titles = [view.page.title, *(item.title for item in view.page.items)]
            if view.page.kind is PageKind.ALBUM_CODE or (titles[0] and not view.page.items):
                return whole
            return menu_screens.TITLES if any(titles) else None
        case BoothState.REVIEW:
            return photo if view.thumbnail is not None and not view.shows_not_sent else None
        case _ if view.hold_progress is not None:
            return None
        case BoothState.READY:
            return whole if view.album_link else _TITLE if view.event_title else None
        case BoothState.COUNTDOWN if view.viewfinder is not None:
            return photo
    return None


def _menu(image: Image.Image, view: View, page: Page, words: Texts) -> None:
    match page.kind:
        case PageKind.ALBUM_CODE:
            qr_screen.draw(image, view, words)
        case PageKind.SET_UP_PAGE:
            qr_screen.draw_address(image, page.title, words.menu.pages[PageKind.SET_UP], words.scan)
        case PageKind.STATUS:
            status(image, view, words)
        case _:
            menu_screens.draw(image, view, page, words)


def bottom_line(view: View) -> str:
    """Text of the bottom line: the notice, or the state of the upload."""
    words = texts(view.language)
    if view.notice is not None:
        known = words.notices.get(view.notice.code)
        return _with_photos(known, view, words) if known else view.notice.sentence
    if not view.has_event:
        return _with_photos(words.no_event, view, words)
    reason = {
        UploaderState.PORTAL: words.portal,
        UploaderState.REFUSED: words.refused,
        UploaderState.OFFLINE: words.offline,
        UploaderState.PAUSED: words.paused,
        UploaderState.STOPPED: words.stopped,
    }.get(view.upload_state)
    if reason is not None:
        return _with_photos(reason, view, words)
    if view.waiting:
        return words.sending.format(n=view.waiting)
    if view.parked:
        return words.parked.format(n=max(0, view.photos - view.parked), parked=view.parked)
    if view.photos == 1:
        return words.one_in_album
    return words.all_in_album.format(n=view.photos) if view.photos else words.no_photo_yet


def bottom_line_alternates(view: View) -> bool:
    """Whether the bottom line has several rows, which are shown in turn."""
    is_status = view.page is not None and view.page.kind is PageKind.STATUS
    return is_status or len(rows(bottom_line(view), icon("mark"))) > 1


def _with_photos(reason: str, view: View, words: Texts) -> str:
    """The text, followed by where the photos are if it ends with a colon and there are photos."""
    if not reason.endswith(":"):
        return reason
    if view.waiting:
        return f"{reason} {words.kept.format(n=view.waiting)}"
    return f"{reason} {words.all_sent}" if view.photos and not view.parked else reason[:-1]


def status(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the status page: each part with a tick or a cross; in turn the upload, what was taken back, and help."""
    small = face("small")
    name_px = TEXT_PX - small.width_px(view.box) - 2 * GAP_PX
    small.draw(image, MARGIN_PX, TITLE_Y - 1, small.shortened(view.name, name_px))
    small.draw(image, WIDTH_PX - MARGIN_PX - small.width_px(view.box), TITLE_Y - 1, view.box)
    ImageDraw.Draw(image).line((MARGIN_PX, 11, WIDTH_PX - MARGIN_PX - 1, 11), fill=255)
    for number, (part, word) in enumerate(words.checks.items()):
        x, y = MARGIN_PX + number // 4 * 64, 14 + number % 4 * (LINE_PX - 1)
        good = view.checks.get(part)
        if good is not None:
            sign = icon("tick" if good else "cross")
            image.paste(255, (x, y), sign)
        small.draw(image, x + 12, y, word)
    taken_back = [f"{words.not_sent}: {view.taken_back}"] if view.taken_back else []
    parts = [*small.balanced(bottom_line(view), TEXT_PX), *taken_back, *small.balanced(words.help, TEXT_PX)]
    small.draw(image, MARGIN_PX, BOTTOM_Y + 1, parts[view.line_turn % len(parts)])


def _starting(image: Image.Image, view: View, words: Texts) -> None:
    """Draw name, box id, a progress bar, and an icon for each part with a tick or a cross below."""
    lettering = largest(view.name, TEXT_PX, face("mid").cap_px)
    centred(image, 1, lettering.shortened(view.name, TEXT_PX), lettering)
    identity = largest(view.box, TEXT_PX, face("large").cap_px)
    centred(image, 16, identity.shortened(view.box, TEXT_PX), identity)
    filled_px = round(WIDTH_PX * min(1.0, max(0.0, view.progress)))
    if filled_px:
        ImageDraw.Draw(image).rectangle((0, 40, filled_px - 1, 41), fill=255)
    cell_px = WIDTH_PX // len(words.checks)
    for number, part in enumerate(words.checks):
        good = view.checks.get(part)
        placed(image, icon(part), 45, number * cell_px, cell_px)
        tick = icon("dot" if good is None else "tick" if good else "cross")
        placed(image, tick, 59 - tick.height // 2, number * cell_px, cell_px)


def _ready(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the invitation to press and, small: the event, the number of photos, the state of the upload."""
    small = face("small")
    title = readable_title(view.event_title, view.name)
    taken = str(view.photos) if view.photos else ""
    room_px = TEXT_PX - (small.width_px(taken) + _APART_PX if taken else 0)
    small.draw(image, MARGIN_PX, TITLE_Y, small.shortened(title, room_px))
    if taken:
        _number(image, taken, is_inverted=small.width_px(title) + icon("camera").width + 3 > room_px)
    free_y = TITLE_Y + small.cap_px + MARGIN_PX
    big = face("big")
    lettering = largest(words.press, TEXT_PX, big.cap_px)
    middle_y = (free_y + BOTTOM_Y - lettering.cap_px) // 2
    centred(image, max(middle_y, free_y + big.rise_px(words.press)), words.press, lettering)
    bottom(image, bottom_line(view), (_bottom_icon(view), icon("mark")), view.line_turn)


def _number(image: Image.Image, taken: str, is_inverted: bool) -> None:
    """Draw the number of photos beside a camera icon, or inverted where a long title leaves no room for the icon."""
    small = face("small")
    camera = icon("camera")
    x = WIDTH_PX - MARGIN_PX - small.width_px(taken)
    if is_inverted:
        ImageDraw.Draw(image).rectangle((x - 2, TITLE_Y - 2, WIDTH_PX - 1, TITLE_Y + small.cap_px + 1), fill=255)
    else:
        image.paste(255, (x - 3 - camera.width, TITLE_Y - 1), camera)
    small.draw(image, x, TITLE_Y, taken, lit=not is_inverted)


def _fault(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the problem in the order people ask: what is it, are my photos safe, what do I do; and the code."""
    code = view.problem.code if view.problem else ""
    fault = words.faults.get(code, words.other_fault)
    small, mid = face("small"), face("mid")
    is_short = mid.width_px(fault.remedy) <= TEXT_PX  # "press again": the one thing to do, as large as it fits
    safe = fault.safe.format(detail=view.problem.detail if view.problem else "")
    lines = small.wrapped(safe or words.safe, TEXT_PX)
    lines += [] if is_short else small.wrapped(fault.remedy, TEXT_PX)
    trouble(image, fault.headline, lines, code, view.name, view.box)
    if is_short:
        mid.draw(image, MARGIN_PX, 35, fault.remedy)


def _stopping(image: Image.Image, view: View, words: Texts) -> None:
    """Draw "photos are safe"; at the end "safe to unplug", which stays on the display."""
    sign = icon("plug" if view.ended else "big_tick")
    headline, caption = (
        (words.safe_to_unplug, words.to_start) if view.ended else (words.photos_are_safe, words.shutting_down)
    )
    mid = face("mid")
    gap_px = 2 * GAP_PX
    lines = mid.balanced(headline, TEXT_PX - sign.width - gap_px)
    text_px = max(mid.width_px(line) for line in lines)
    x = (WIDTH_PX - sign.width - gap_px - text_px) // 2
    middle_y = (BOTTOM_Y - MARGIN_PX) // 2
    image.paste(255, (x, middle_y - sign.height // 2), sign)
    y = middle_y - (len(lines) * (mid.cap_px + GAP_PX) - GAP_PX) // 2
    for line in lines:
        mid.draw(image, x + sign.width + gap_px, y, line)
        y += mid.cap_px + GAP_PX
    centred(image, BOTTOM_Y, caption, face("small"))


def _bottom_icon(view: View) -> Image.Image:
    if view.notice is not None or not view.has_event:
        return icon("warning")
    if view.upload_state in (UploaderState.IDLE, UploaderState.UPLOADING):
        if view.waiting:
            return icon("sending")
        return icon("warning" if view.parked else "tick" if view.photos else "camera")
    names = {UploaderState.OFFLINE: "no_wifi", UploaderState.PAUSED: "paused"}
    return icon(names.get(view.upload_state, "warning"))
