"""Screens of the menu, and the progress ring of a long press. Pure.

A page has its subject at the top, the selected item in the middle and a hint at the bottom. The item's frame fills
while the button is held; the item is chosen when the frame is full.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from piboothup.booth.flow.events import ScanHint
from piboothup.booth.flow.long_press import HoldProgress, ReleaseEffect
from piboothup.booth.flow.pages import CHOOSE_HOLD_S, Item, Page, PageKind, Part
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.booth.frame import shrunk
from piboothup.booth.panel import capture_screens, dither
from piboothup.booth.panel.font import face, icon, largest, readable_title
from piboothup.booth.panel.i18n import Texts, texts
from piboothup.booth.panel.layout import (
    BOTTOM_Y,
    GAP_PX,
    HEIGHT_PX,
    LINE_PX,
    MARGIN_PX,
    PHOTO_SIZE,
    SIDE_PX,
    SIDE_X,
    TEXT_PX,
    TITLE_Y,
    WIDTH_PX,
    bar,
    blank,
    centred,
    placed,
    stacked,
    trouble,
)
from piboothup.booth.panel.view import View
from piboothup.problems import Problem
from piboothup.text import Count

_BOX = (0, 14, WIDTH_PX - 1, 39)
"""Left, top, right and bottom of the item's frame."""
TITLES = (0, 0, WIDTH_PX, _BOX[3] + 1)
"""Place of heading and item, which may be titles: left, top, right and bottom."""
_SLOW_S = 2.0
"""An item that wants a longer press than this says so, seconds."""
_RESULT_LINES = 6
_RESULT_Y = 8
"""Top of a copy's result: a line at the foot says what a press does."""
_COARSE = (40, 40)
"""Greatest width and height of a picture with a code in it, pixels: the smallest code has 25 dots and a margin."""
_FAR_HINTS: dict[str, str] = {ScanHint.SHOW: "show_far", ScanHint.CLOSER: "larger"}
"""Hints for a lens that can't focus on what is near."""
_RING_PX = 58
_RING_WIDTH_PX = 6


def draw(image: Image.Image, view: View, page: Page, words: Texts) -> None:
    """Draw a page of the menu, except for album code and status."""
    if page.report is not None:
        _check(image, view, page.report, words)
    elif page.kind is PageKind.AIM:
        _aim(image, view, page, words)
    elif page.kind is PageKind.READ_CODE:
        _read_code(image, view, page, words)
    elif page.kind is PageKind.COPY:
        _copy(image, page, words)
    elif page.item is not None:
        _list(image, page, page.item, view.hold_progress, words)
    else:
        _sentence(image, page, words)


def hold_ring(image: Image.Image, progress: HoldProgress, words: Texts) -> None:
    """Draw the progress ring of a long press, and the effect of a release."""
    top = (HEIGHT_PX - _RING_PX) // 2
    frame = (top, top, top + _RING_PX - 1, top + _RING_PX - 1)
    inner = (top + _RING_WIDTH_PX, top + _RING_WIDTH_PX, *(edge - _RING_WIDTH_PX for edge in frame[2:]))
    pen = ImageDraw.Draw(image)
    pen.ellipse(frame, outline=255)
    pen.pieslice(frame, -90, -90 + round(360 * progress.share), fill=255)
    pen.ellipse(inner, fill=0, outline=255)
    sign = _double(icon("camera" if progress.effect is ReleaseEffect.PHOTO else "menu"))
    placed(image, sign, (HEIGHT_PX - sign.height) // 2, top, _RING_PX)
    left = top + _RING_PX
    small = face("small")
    what = words.menu.release_effects[
        ReleaseEffect.MENU if progress.effect is ReleaseEffect.NOTHING else progress.effect
    ]
    when = words.menu.hold_on if progress.effect is ReleaseEffect.NOTHING else words.menu.let_go
    centred(image, 20, when, small, left, WIDTH_PX - left)
    lettering = largest(what, WIDTH_PX - left - GAP_PX, face("mid").cap_px)
    centred(image, 33, what, lettering, left, WIDTH_PX - left)


# -- a list --------------------------------------------------------------------------------------------------------


def _list(image: Image.Image, page: Page, item: Item, progress: HoldProgress | None, words: Texts) -> None:
    is_alone = len(page.items) == 1
    slow = words.menu.hold_slowly.format(s=f"{item.hold_s:g}") if item.hold_s >= _SLOW_S or is_alone else ""
    place = slow or f"{page.index + 1}/{len(page.items)}"
    title = _title(page, words) or words.menu.pages.get(page.kind, "")
    _heading(image, title, "" if page.kind is PageKind.COPY_OFFER else place)
    _item(image, item, progress.share if progress is not None else 0.0, words)
    _at_bottom(image, _hint(page, words))


def _title(page: Page, words: Texts) -> str:
    title = readable_title(page.title, page.title_id)
    is_without_event = page.usage is not None and not page.usage.has_event
    return f"{words.menu.items['no_event']} {title}" if is_without_event else title


def _text(item: Item, words: Texts) -> str:
    match item.text_key:
        case "language":
            return texts(item.title).name
        case "country":
            return words.menu.countries.get(item.title, item.title)
        case "no_event":
            return f"{words.menu.items['no_event']} {readable_title(item.title, item.title_id)}"
        case _:
            text = words.menu.items.get(item.text_key, "").format(n=Count(item.number))
            return readable_title(item.title, item.title_id) or text


def _heading(image: Image.Image, title: str, place: str = "") -> None:
    small = face("small")
    x = WIDTH_PX - MARGIN_PX - small.width_px(place)
    small.draw(image, x, TITLE_Y, place)
    small.draw(image, MARGIN_PX, TITLE_Y, small.shortened(title, x - MARGIN_PX - 2 * GAP_PX))


def _item(image: Image.Image, item: Item, share: float, words: Texts) -> None:
    """Draw the item's frame, filled from the left by the progress of the press."""
    left, top, right, bottom = _BOX
    ImageDraw.Draw(image).rounded_rectangle(_BOX, 5, outline=255, width=2)
    text = _text(item, words)
    tick = icon("tick") if item.checked else None
    tick_px = tick.width + GAP_PX if tick is not None else 0
    room_px = right - left - 4 * GAP_PX - tick_px
    lettering = largest(text, room_px, face("mid").cap_px)
    lines = lettering.balanced(text, room_px)[:2] or [""]
    lines[-1] = lettering.shortened(text[len(lines[0]) :].strip() if len(lines) > 1 else text, room_px)
    width_px = max(lettering.width_px(line) for line in lines)
    x = (WIDTH_PX - width_px - tick_px) // 2
    if tick is not None:
        image.paste(255, (x, (top + bottom + 1 - tick.height) // 2), tick)
    y = (top + bottom + 1 - lettering.cap_px - LINE_PX * (len(lines) - 1)) // 2
    for number, line in enumerate(lines):
        centred(image, y + LINE_PX * number, line, lettering, x + tick_px, width_px)
    if share > 0.0:
        fill = blank()
        ImageDraw.Draw(fill).rounded_rectangle((left + 3, top + 3, right - 3, bottom - 3), 3, fill=255)
        fill.paste(0, (left + 3 + round((right - left - 5) * share), 0, WIDTH_PX, HEIGHT_PX))
        image.paste(ImageChops.logical_xor(image, fill))


def _at_bottom(image: Image.Image, lines: Sequence[str]) -> None:
    for number, line in enumerate(reversed(lines)):
        centred(image, BOTTOM_Y + 1 - LINE_PX * number, line, face("small"))


def _hint(page: Page, words: Texts) -> Sequence[str]:
    if page.kind is PageKind.COPY_OFFER:  # whose photos they are has the whole heading
        return words.menu.press_photo, words.menu.hold_slowly.format(s=f"{CHOOSE_HOLD_S:g}")
    if page.takes_photos:
        return words.menu.press_photo, words.menu.hold_to_choose
    if page.usage is not None:
        note = words.menu.wipe_numbers.format(n=Count(page.usage.taken), unsent=page.usage.unsent)
    elif page.parts:
        first = [part for part in page.parts if part.text_key in ("key", "event")]
        rest = [part for part in page.parts if part not in first]
        return [_parts_line(line, words) for line in (first, rest) if line]
    elif page.kind is PageKind.FORGET:
        note = words.menu.results[page.text_key].format(n=Count(page.number))
    elif page.kind in words.menu.notes:
        note = words.menu.notes[page.kind].format(n=Count(page.number))
    else:
        return words.menu.press_next, words.menu.hold_to_choose
    return face("small").balanced(note, TEXT_PX)[:2]


def _parts_line(parts: list[Part], words: Texts) -> str:
    """Line of parts of a booth code; what is minor is left out if there is no room, and a title shortened."""
    small = face("small")
    shown = [_part(part, words) for part in parts]
    while small.width_px(", ".join(shown)) > TEXT_PX and parts[len(shown) - 1].text_key in ("name", "place"):
        shown.pop()
    others = [text for part, text in zip(parts, shown, strict=False) if not part.title + part.title_id]
    room_px = TEXT_PX - small.width_px("".join(f"{text}, " for text in others)) - len(others) * small.gap_px
    return ", ".join(text if text in others else small.shortened(text, room_px) for text in shown)


def _part(part: Part, words: Texts) -> str:
    word, title = words.menu.parts[part.text_key], readable_title(part.title, part.title_id)
    return title if part.title_id and title == part.title else f"{word} {title}".rstrip()


# -- pages without items -----------------------------------------------------------------------------------------


def _sentence(image: Image.Image, page: Page, words: Texts) -> None:
    """Draw one sentence in the middle."""
    text = words.menu.results.get(page.text_key, "")
    if page.kind is PageKind.WAIT or not text:
        capture_screens.saving(image, words)
        return
    small = face("small")
    sign = _double(icon("tick" if page.is_good else "warning"))
    left = MARGIN_PX + sign.width + 3 * GAP_PX
    lines = result(text, page, WIDTH_PX - MARGIN_PX - left)
    image.paste(255, (MARGIN_PX + GAP_PX, (HEIGHT_PX - sign.height) // 2), sign)
    y = (HEIGHT_PX - LINE_PX * len(lines)) // 2 + 2
    for number, line in enumerate(lines):
        small.draw(image, left, y + number * LINE_PX, line)


def _copy(image: Image.Image, page: Page, words: Texts) -> None:
    """Draw the progress of a copy and the time left, or its result; a press takes a photo all the while."""
    _at_bottom(image, [words.menu.press_photo])
    if page.text_key:
        sign = icon("tick" if page.is_good else "warning")
        left = MARGIN_PX + sign.width + 2 * GAP_PX
        image.paste(255, (MARGIN_PX, _RESULT_Y), sign)
        for number, line in enumerate(result(words.menu.results[page.text_key], page, WIDTH_PX - MARGIN_PX - left)):
            face("small").draw(image, left, _RESULT_Y + number * LINE_PX, line)
        return
    _heading(image, _title(page, words) or words.menu.pages[page.kind])
    text = words.menu.results["copy_progress"].format(n=page.number, total=page.total)
    centred(image, 15, text, largest(text, TEXT_PX, face("mid").cap_px))
    bar(image, 32, page.number / max(1, page.total), MARGIN_PX, TEXT_PX)
    if page.left_s is not None:
        centred(image, 43, words.menu.results["copy_left"].format(n=-(-page.left_s // 60)), face("small"))


def result(text: str, page: Page, room_px: int) -> list[str]:
    """Lines of the whole sentence; a title without room is shortened."""
    small = face("small")
    title_px = room_px - small.width_px(":") - small.gap_px  # the colon after it stays with it
    title = small.wrapped(readable_title(page.title, page.title_id), title_px)
    lines: list[str] = []
    for most in range(_RESULT_LINES, 0, -1):
        if len(title) > most:
            title[most - 1 :] = [small.shortened(" ".join(title[most - 1 :]), title_px)]
        lines = small.balanced(text.format(n=Count(page.number), total=page.total, title=" ".join(title)), room_px)
        if len(lines) <= _RESULT_LINES:
            break
    return lines[:_RESULT_LINES]


def _check(image: Image.Image, view: View, report: SelfTestReport, words: Texts) -> None:
    """Draw the self-test: its steps, its request to press, or its result."""
    if report.asks_for_press:
        _heading(image, words.menu.pages[PageKind.SELF_TEST])
        lettering = largest(words.press, TEXT_PX, face("big").cap_px)
        centred(image, 18, words.press, lettering)
        _at_bottom(image, face("small").balanced(words.menu.when_lit, TEXT_PX)[:2])
    elif report.step is not None:
        _rows(image, report, words)
    elif report.reason is None:
        tick = icon("big_tick")
        mid = face("mid")
        lines = mid.balanced(words.menu.ready_to_ship, TEXT_PX - tick.width - 2 * GAP_PX)
        text_px = max(mid.width_px(line) for line in lines)
        x = (WIDTH_PX - tick.width - 2 * GAP_PX - text_px) // 2
        image.paste(255, (x, (BOTTOM_Y - tick.height) // 2), tick)
        height_px = len(lines) * (mid.cap_px + GAP_PX) - GAP_PX
        stacked(image, (BOTTOM_Y - height_px) // 2, lines, mid, x + tick.width + 2 * GAP_PX, text_px)
        centred(image, BOTTOM_Y, f"{view.name} {view.box}", face("small"))
    else:
        _not_ready(image, view, report.reason, words)


def _rows(image: Image.Image, report: SelfTestReport, words: Texts) -> None:
    small = face("small")
    _heading(image, words.menu.pages[PageKind.SELF_TEST], f"{len(report.results)}/{len(SELF_TEST_STEPS)}")
    for number, step in enumerate(SELF_TEST_STEPS):
        x, y = MARGIN_PX + number // 5 * 64, 15 + number % 5 * LINE_PX
        if number < len(report.results):
            image.paste(255, (x, y), icon("tick" if report.results[number] is None else "cross"))
        elif step is report.step:
            ImageDraw.Draw(image).polygon(((x + 2, y), (x + 2, y + 6), (x + 5, y + 3)), fill=255)
        small.draw(image, x + 12, y, small.shortened(words.menu.steps[step], 51))


def _not_ready(image: Image.Image, view: View, reason: Problem, words: Texts) -> None:
    detail = words.menu.steps.get(reason.detail, reason.detail)
    known = words.menu.reasons.get(reason.code)
    text = known.format(detail=detail) if known is not None else f"{reason.sentence} {reason.remedy}"
    trouble(image, words.menu.not_ready, face("small").wrapped(text, TEXT_PX), reason.code, view.name, view.box)


def _aim(image: Image.Image, view: View, page: Page, words: Texts) -> None:
    """Draw the viewfinder and its sharpness: now, and at its best since the page was opened."""
    if view.viewfinder is not None:
        image.paste(dither.viewfinder(view.viewfinder.grey, PHOTO_SIZE, view.rotation), (0, 0))
    image.paste(0, (SIDE_X - 1, 0, WIDTH_PX, HEIGHT_PX))
    centred(image, TITLE_Y, words.menu.sharp, face("small"), SIDE_X, SIDE_PX)
    if page.sharpness is None:
        return
    figure = str(round(100 * page.sharpness))
    centred(image, 18, figure, largest(figure, SIDE_PX - GAP_PX, face("large").cap_px), SIDE_X, SIDE_PX)
    left, width_px = SIDE_X + GAP_PX, SIDE_PX - 2 * GAP_PX
    bar(image, 46, page.sharpness, left, width_px)
    best_x = left + 2 + round((width_px - 5) * page.best_sharpness)
    ImageDraw.Draw(image).polygon(((best_x, 55), (best_x - 3, 59), (best_x + 3, 59)), fill=255)


def _read_code(image: Image.Image, view: View, page: Page, words: Texts) -> None:
    """Draw the viewfinder, too coarse for the code in it to be read from the panel, and what to do."""
    if view.viewfinder is not None:
        coarse = shrunk(view.viewfinder.grey, _COARSE)
        image.paste(dither.viewfinder(coarse, PHOTO_SIZE, view.rotation), (0, 0))
    image.paste(0, (SIDE_X - 1, 0, WIDTH_PX, HEIGHT_PX))
    small = face("small")
    hint = page.text_key or ScanHint.SHOW
    text = words.menu.hints[hint if view.has_autofocus else _FAR_HINTS.get(hint, hint)]
    lines = small.balanced(text, SIDE_PX - GAP_PX)
    y = (HEIGHT_PX - LINE_PX * len(lines)) // 2 + 2
    for number, line in enumerate(lines):
        centred(image, y + number * LINE_PX, line, small, SIDE_X, SIDE_PX)


def _double(sign: Image.Image) -> Image.Image:
    return sign.resize((sign.width * 2, sign.height * 2), Image.Resampling.NEAREST)
