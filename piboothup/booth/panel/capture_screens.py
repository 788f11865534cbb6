"""Screens from the press to "saved": countdown, arrow to the lens, saving, the photo. Pure.

Viewfinder and photo have the same place; beside them, on solid black, is the one thing to know. In the last second
an arrow to the lens replaces the viewfinder: nobody looks good looking at the panel. No screen here mentions uploads:
saved is saved.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw

from piboothup.booth.panel import dither
from piboothup.booth.panel.font import face, icon, largest
from piboothup.booth.panel.i18n import Texts
from piboothup.booth.panel.layout import (
    BOTTOM_Y,
    CAPTION_Y,
    GAP_PX,
    HEIGHT_PX,
    MARGIN_PX,
    PHOTO_SIZE,
    SIDE_PX,
    SIDE_X,
    TEXT_PX,
    TITLE_Y,
    WIDTH_PX,
    centred,
    placed,
    stacked,
)
from piboothup.booth.panel.view import View

_ARROW_PX = 3
"""Gap from the arrow's tip to the edge of the display."""
_SHOT_Y = 50
"""Bottom of the figure in a series, where the number of the shot stands below."""
_FOOT_Y = 52
"""Top of the line across the foot of a photo that can be taken back."""
_BEGUN_PX = 8
"""Width of the part that is inverted as soon as the button is down."""


def countdown(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the viewfinder and the seconds left; in the last second the arrow."""
    if view.countdown <= 1:
        look_at_lens(image, view, words)
        return
    if view.viewfinder is None:
        _corners(image)
    else:
        image.paste(dither.viewfinder(view.viewfinder.grey, PHOTO_SIZE, view.rotation))
    figure = str(view.countdown)
    height_px = _SHOT_Y if view.shots else HEIGHT_PX
    lettering = largest(figure, SIDE_PX - 2, height_px)
    centred(image, (height_px - lettering.cap_px) // 2, figure, lettering, SIDE_X, SIDE_PX)
    if view.shots:
        centred(image, _SHOT_Y + 2, _shot(view, words), face("small"), SIDE_X, SIDE_PX)


def side_first(before: Image.Image, picture: Image.Image) -> Image.Image:
    """`before` with the column beside the photo from `picture`, to be sent first.

    This third of the display holds the figure that answers a press (31 ms at 100 kHz, the whole takes 93).
    """
    first = before.copy()
    side = (PHOTO_SIZE[0], 0, WIDTH_PX, HEIGHT_PX)
    first.paste(picture.crop(side), side)
    return first


def look_at_lens(image: Image.Image, view: View, words: Texts) -> None:
    """Draw an arrow to the lens and a caption."""
    if view.shots:
        small, text = face("small"), _shot(view, words)
        small.draw(image, WIDTH_PX - MARGIN_PX - small.width_px(text), TITLE_Y, text)
    caption = words.look.get(view.lens, words.look["above"])
    mid = face("mid")
    arrow = icon("arrow")
    if view.lens in ("left", "right"):
        at_left = view.lens == "left"
        arrow = arrow.transpose(Image.Transpose.ROTATE_90 if at_left else Image.Transpose.ROTATE_270)
        y = (HEIGHT_PX - arrow.height) // 2
        image.paste(255, (_ARROW_PX if at_left else WIDTH_PX - _ARROW_PX - arrow.width, y), arrow)
        beside_px = WIDTH_PX - arrow.width - _ARROW_PX - GAP_PX
        x = WIDTH_PX - beside_px if at_left else 0
        lines = mid.wrapped(caption, beside_px)
        height_px = len(lines) * (mid.cap_px + GAP_PX) - GAP_PX
        stacked(image, (HEIGHT_PX - height_px) // 2, lines, mid, x, beside_px)
    elif view.lens == "below":
        arrow = arrow.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        placed(image, arrow, HEIGHT_PX - _ARROW_PX - arrow.height)
        centred(image, TITLE_Y + 1, caption, mid)
    else:
        placed(image, arrow, _ARROW_PX)
        centred(image, CAPTION_Y, caption, mid)


def saving(image: Image.Image, words: Texts) -> None:
    """Draw "one moment": shown for an instant with a good card, for seconds with a bad one."""
    placed(image, icon("moment"), 16)
    centred(image, CAPTION_Y, words.one_moment, face("mid"))


def saved(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the photo, "saved" and its number."""
    small = face("small")
    if view.thumbnail is not None:
        image.paste(dither.thumbnail(view.thumbnail, PHOTO_SIZE))
    placed(image, icon("done"), 4, SIDE_X, SIDE_PX)
    centred(image, 34, words.saved.upper(), small, SIDE_X, SIDE_PX)
    if view.offers_take_back:
        _take_back(image, view, words)
        return
    if view.shots:
        centred(image, 49, _shot(view, words), small, SIDE_X, SIDE_PX)
        return
    mid = face("mid")
    room_px = SIDE_PX - 3
    number = next((text for text in (f"#{view.number}", str(view.number)) if mid.width_px(text) <= room_px), "")
    if number:
        centred(image, 47, number, mid, SIDE_X, SIDE_PX)
    else:
        centred(image, 49, small.shortened(f"#{view.number}", SIDE_PX), small, SIDE_X, SIDE_PX)


def _shot(view: View, words: Texts) -> str:
    return words.shot.format(n=view.shot, of=view.shots)


def _take_back(image: Image.Image, view: View, words: Texts) -> None:
    """Draw across the foot what a hold does, and how much of it is done."""
    small = face("small")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, _FOOT_Y, WIDTH_PX - 1, HEIGHT_PX - 1), fill=0)
    pen.line((0, _FOOT_Y, WIDTH_PX - 1, _FOOT_Y), fill=255)
    centred(image, _FOOT_Y + 3, small.shortened(words.hold_not_to_send, TEXT_PX), small)
    if view.hold_progress is not None:
        done_px = _BEGUN_PX + round((WIDTH_PX - _BEGUN_PX) * view.hold_progress.share)
        box = (0, _FOOT_Y + 1, done_px, HEIGHT_PX)
        image.paste(ImageChops.invert(image.crop(box)), box)


def not_sent(image: Image.Image, words: Texts) -> None:
    """Draw that the photo was taken back."""
    placed(image, icon("big_tick"), 1)
    centred(image, 39, words.not_sent, largest(words.not_sent, TEXT_PX, face("mid").cap_px))
    centred(image, BOTTOM_Y, words.stays_here, face("small"))


def _corners(image: Image.Image) -> None:
    """Draw the corners of an empty viewfinder, until there is a picture."""
    pen = ImageDraw.Draw(image)
    right = PHOTO_SIZE[0] - 5
    bottom = PHOTO_SIZE[1] - 5
    arm_px = 11
    for x, inward_x in ((4, 1), (right, -1)):
        for y, inward_y in ((4, 1), (bottom, -1)):
            for deep in range(2):
                pen.line((x, y + deep * inward_y, x + arm_px * inward_x, y + deep * inward_y), fill=255)
                pen.line((x + deep * inward_x, y, x + deep * inward_x, y + arm_px * inward_y), fill=255)
