"""What the panel shows: one pure function from a view to a picture of 128x64 dots, one bit each.

One rule orders the screens: ready looks ready whenever a press would take a photo. Trouble that does not stop photos
has the bottom line; only what stops them has the whole screen. Each screen has one idea, as large as it can be, and
the same three places: a title at the top, the large thing in the middle, a caption at the bottom. A nudge turns
lit and dark round, which is seen across a room. Must not read a clock or a device; any text is drawn
without raising.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from piboothup.booth.font import Face, face, icon, largest
from piboothup.booth.view import View
from piboothup.booth.words import Fault, Words, words
from piboothup.status import BoothState, UploaderState

WIDTH_PX = 128
HEIGHT_PX = 64
MARGIN_PX = 2
"""Kept free at the sides: room for the picture to be shifted, and for a frame that hides the glass's edge."""
TEXT_PX = WIDTH_PX - 2 * MARGIN_PX

_TITLE_Y = 3
_BOTTOM_Y = 54
_LINE_PX = 10
_CAPTION_Y = 49
_STRIP_Y = 53
_GAP_PX = 4


def draw(view: View) -> Image.Image:
    """The picture for `view`: mode "1", 128x64, new each time."""
    image = Image.new("1", (WIDTH_PX, HEIGHT_PX))
    said = words(view.language)
    match view.state:
        case BoothState.READY:
            _ready(image, view, said)
        case BoothState.COUNTDOWN:
            _countdown(image, view)
        case BoothState.EXPOSING:
            _exposing(image, view, said)
        case BoothState.SAVING:
            _saving(image, said)
        case BoothState.REVIEW:
            _saved(image, view, said)
        case BoothState.FAULT:
            _fault(image, view, said)
        case BoothState.STOPPING:
            _stopping(image, said)
        case _:
            _starting(image, view)
    return ImageChops.invert(image) if view.nudged else image


def bottom_line(view: View) -> str:
    """What ready says about the way to the album, in words: never a reason to stop taking photos."""
    said = words(view.language)
    kept = (said.kept if view.waiting else said.all_kept).format(n=view.waiting)
    if view.notice is not None:
        known = said.notices.get(view.notice.code)
        return known.format(n=view.waiting) if known else view.notice.sentence
    if not view.has_event:
        return f"{said.no_event}: {kept}"
    if view.uplink is UploaderState.PORTAL:
        return said.portal
    hindrance = {
        UploaderState.REFUSED: said.refused,
        UploaderState.OFFLINE: said.offline,
        UploaderState.PAUSED: said.paused,
        UploaderState.STOPPED: said.stopped,
    }.get(view.uplink)
    if hindrance is not None:
        return f"{hindrance}: {kept}"
    if view.waiting:
        return said.sending.format(n=view.waiting)
    if view.parked:
        return said.parked.format(n=max(0, view.photos - view.parked), parked=view.parked)
    if view.photos == 1:
        return said.one_in_album
    return said.all_in_album.format(n=view.photos) if view.photos else said.no_photo_yet


def _starting(image: Image.Image, view: View) -> None:
    """Who I am, and how long it takes."""
    lettering = largest(view.name, TEXT_PX, face("mid").cap_px)
    _centred(image, _TITLE_Y, lettering.shortened(view.name, TEXT_PX), lettering)
    identity = largest(view.box, TEXT_PX, face("big").cap_px)
    _centred(image, 20, identity.shortened(view.box, TEXT_PX), identity)
    if view.progress <= 0.0:
        return
    pen = ImageDraw.Draw(image)
    left, right, top = 14, WIDTH_PX - 15, 55
    pen.rectangle((left, top, right, top + 6), outline=255)
    if filled_px := round((right - left - 4) * min(1.0, view.progress)):
        pen.rectangle((left + 2, top + 2, left + 1 + filled_px, top + 4), fill=255)


def _ready(image: Image.Image, view: View, said: Words) -> None:
    """Press! And, small: for which event, how many photos, how they travel."""
    small = face("small")
    left_px = TEXT_PX
    if view.photos:
        taken = str(view.photos)
        camera = icon("camera")
        x = WIDTH_PX - MARGIN_PX - small.width_px(taken)
        small.draw(image, x, _TITLE_Y, taken)
        x -= camera.width + 3
        image.paste(255, (x, _TITLE_Y - 1), camera)
        left_px = x - MARGIN_PX - 2 * _GAP_PX
    small.draw(image, MARGIN_PX, _TITLE_Y, small.shortened(view.event_title or view.name, left_px))
    free_y = _TITLE_Y + small.cap_px + MARGIN_PX
    free_px = _bottom(image, bottom_line(view), _bottom_icon(view)) - free_y
    lettering = largest(said.press, TEXT_PX, free_px - 2 * _GAP_PX)
    _centred(image, free_y + (free_px - lettering.cap_px) // 2, said.press, lettering)


def _countdown(image: Image.Image, view: View) -> None:
    """The figure and nothing else."""
    figure = str(max(0, view.countdown))
    lettering = largest(figure, WIDTH_PX, HEIGHT_PX)
    _centred(image, (HEIGHT_PX - lettering.cap_px) // 2, figure, lettering)


def _exposing(image: Image.Image, view: View, said: Words) -> None:
    """An arrow to the lens: nobody looks good looking at the panel."""
    caption = said.look.get(view.lens, said.look["above"])
    mid = face("mid")
    arrow = icon("arrow")
    if view.lens in ("left", "right"):
        turn = Image.Transpose.ROTATE_90 if view.lens == "left" else Image.Transpose.ROTATE_270
        arrow = arrow.transpose(turn)
        at_left = view.lens == "left"
        image.paste(255, (6 if at_left else WIDTH_PX - 6 - arrow.width, (HEIGHT_PX - arrow.height) // 2), arrow)
        room_px = WIDTH_PX - arrow.width - 6 - 3 * _GAP_PX
        lines = mid.wrapped(caption, room_px)
        y = (HEIGHT_PX - len(lines) * (mid.cap_px + _GAP_PX) + _GAP_PX) // 2
        for line in lines:
            middle = room_px // 2 + _GAP_PX
            x = (WIDTH_PX - middle if at_left else middle) - mid.width_px(line) // 2
            mid.draw(image, x, y, line)
            y += mid.cap_px + _GAP_PX
        return
    below = view.lens == "below"
    if below:
        arrow = arrow.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.paste(255, ((WIDTH_PX - arrow.width) // 2, HEIGHT_PX - 3 - arrow.height if below else 3), arrow)
    _centred(image, _TITLE_Y + 1 if below else _CAPTION_Y, caption, mid)


def _saving(image: Image.Image, said: Words) -> None:
    """Shown for a blink on a good card, for seconds on a bad one."""
    moment = icon("moment")
    image.paste(255, ((WIDTH_PX - moment.width) // 2, 16), moment)
    _centred(image, _CAPTION_Y, said.one_moment, face("mid"))


def _saved(image: Image.Image, view: View, said: Words) -> None:
    """Done, and which one it is. Nothing here about sending: saved is saved."""
    tick, hash_sign = icon("big_tick"), "#"
    figures = str(view.number)
    mid = face("mid")
    gap_px = 6
    hash_px = mid.width_px(hash_sign) + 3
    lettering = largest(figures, WIDTH_PX - tick.width - gap_px - hash_px, face("big").cap_px)
    x = (WIDTH_PX - tick.width - gap_px - hash_px - lettering.width_px(figures)) // 2
    image.paste(255, (x, 6), tick)
    x += tick.width + gap_px
    y = 8 + (face("big").cap_px - lettering.cap_px) // 2
    mid.draw(image, x, y, hash_sign)
    lettering.draw(image, x + hash_px, y, figures)
    _centred(image, _CAPTION_Y, said.saved, mid)


def _fault(image: Image.Image, view: View, said: Words) -> None:
    """What stops photos, in the order people ask: what is it, are my photos safe, what do I do, whom do I tell."""
    told = _fault_words(view, said)
    small, mid = face("small"), face("mid")
    lettering = mid if mid.width_px(told.headline) <= TEXT_PX else small
    lettering.draw(image, MARGIN_PX, _TITLE_Y, lettering.shortened(told.headline, TEXT_PX))
    lines = small.wrapped(told.safe or said.safe, TEXT_PX)
    lines += small.wrapped(told.remedy, TEXT_PX)
    for number, line in enumerate(lines[:3]):
        small.draw(image, MARGIN_PX, 20 + number * (_LINE_PX + 1), line)
    _strip(image, view.problem.code if view.problem else "", (f"{view.name} {view.box}", view.name, view.box))


def _fault_words(view: View, said: Words) -> Fault:
    return said.faults.get(view.problem.code, said.other_fault) if view.problem else said.other_fault


def _stopping(image: Image.Image, said: Words) -> None:
    """The last thing seen before it is dark."""
    tick, mid = icon("big_tick"), face("mid")
    gap_px = 2 * _GAP_PX
    lines = mid.balanced(said.photos_are_safe, TEXT_PX - tick.width - gap_px)
    text_px = max(mid.width_px(line) for line in lines)
    x = (WIDTH_PX - tick.width - gap_px - text_px) // 2
    middle_y = (_BOTTOM_Y - MARGIN_PX) // 2
    image.paste(255, (x, middle_y - tick.height // 2), tick)
    y = middle_y - (len(lines) * (mid.cap_px + _GAP_PX) - _GAP_PX) // 2
    for line in lines:
        mid.draw(image, x + tick.width + gap_px, y, line)
        y += mid.cap_px + _GAP_PX
    _centred(image, _BOTTOM_Y, said.shutting_down, face("small"))


def _strip(image: Image.Image, code: str, names: Sequence[str]) -> None:
    """The lit strip at the bottom of a fault, to be read out on the phone: the code, and the first name that fits."""
    small = face("small")
    ImageDraw.Draw(image).rectangle((0, _STRIP_Y, WIDTH_PX - 1, HEIGHT_PX - 1), fill=255)
    end = small.draw(image, MARGIN_PX, _STRIP_Y + 2, small.shortened(code, TEXT_PX), lit=False)
    room_px = WIDTH_PX - MARGIN_PX - (end - small.gap_px) - _GAP_PX
    name = next((name for name in names if small.width_px(name) <= room_px), "")
    small.draw(image, WIDTH_PX - MARGIN_PX - small.width_px(name), _STRIP_Y + 2, name, lit=False)


def _bottom(image: Image.Image, text: str, sign: Image.Image) -> int:
    """The bottom line, in two lines if it must be; returns its top."""
    small = face("small")
    lines = small.balanced(text, TEXT_PX)
    if len(lines) > 2:
        lines = [lines[0], small.shortened(" ".join(lines[1:]), TEXT_PX)]
    y = _BOTTOM_Y - _LINE_PX * (len(lines) - 1)
    top = y
    for line in lines:
        width_px = small.width_px(line)
        sign_px = sign.width + _GAP_PX
        fits = len(lines) == 1 and width_px + sign_px <= TEXT_PX
        x = (WIDTH_PX - width_px - (sign_px if fits else 0)) // 2
        if fits:
            image.paste(255, (x, y + small.cap_px - sign.height), sign)
            x += sign_px
        small.draw(image, x, y, line)
        y += _LINE_PX
    return top


def _bottom_icon(view: View) -> Image.Image:
    if view.notice is not None or not view.has_event:
        return icon("warning")
    if view.uplink in (UploaderState.IDLE, UploaderState.UPLOADING):
        return icon("sending" if view.waiting else "warning" if view.parked else "tick" if view.photos else "camera")
    return icon({UploaderState.OFFLINE: "no_wifi", UploaderState.PAUSED: "paused"}.get(view.uplink, "warning"))


def _centred(image: Image.Image, y: int, text: str, lettering: Face) -> None:
    lettering.draw(image, (WIDTH_PX - lettering.width_px(text)) // 2, y, text)
