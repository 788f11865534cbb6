"""Texts of the panel: one module for each language.

Every language has every text (the type checker sees to it); an unknown language falls back to English. `{n}` stands
for a number. The screens decide where and how large a text is drawn, captions and headlines in capitals.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping

from piboothup.config import LANGUAGES
from piboothup.records import dataclass


@dataclass(frozen=True)
class FaultTexts:
    """Texts of a problem that stops photos: a headline in capitals, and at most three lines for the other two.

    A remedy of two words or so is drawn as large as the headline.
    """

    headline: str
    remedy: str
    safe: str = ""
    """Replaces the usual assurance where that would say too much or too little; may begin with the reason.

    `{detail}`: the problem's detail.
    """


@dataclass(frozen=True)
class MenuTexts:
    """The menu's texts."""

    let_go: str
    """Shown during a long press, before the effect of a release."""
    hold_on: str
    """The same while a release has no effect yet."""
    release_effects: Mapping[str, str]
    """Effects of a release: photo, menu."""
    pages: Mapping[str, str]
    """Titles of pages, by kind."""
    items: Mapping[str, str]
    """Items, by `Item.text_key`."""
    countries: Mapping[str, str]
    """Countries that the language suggests for the Wi-Fi: those where it is official (CLDR), most people first."""
    notes: Mapping[str, str]
    """Hints before a choice, by the kind of the page, with `{n}`."""
    press_next: str
    press_photo: str
    """The same where a press takes a photo."""
    hold_to_choose: str
    hold_slowly: str
    """`{s}` seconds."""
    wipe_numbers: str
    """`{n}` were taken, `{unsent}` are in no album."""
    results: Mapping[str, str]
    """Results and errors, by `Page.text_key`, with `{n}` and `{title}`."""
    hints: Mapping[str, str]
    """What to tell who holds a code before the lens, by `ScanHint`; two of them also for a lens that can't focus."""
    parts: Mapping[str, str]
    """What a booth code has."""
    sharp: str
    when_lit: str
    """Below "press" in the self-test: its question."""
    ready_to_ship: str
    not_ready: str
    steps: Mapping[str, str]
    """A word for each step of the self-test."""
    reasons: Mapping[str, str]
    """Why the box is not ready and what to do, in three lines, by the problem's code.

    `{detail}`: the problem's detail, such as a number or the word of the step.
    """


@dataclass(frozen=True)
class Texts:
    """Texts of a language."""

    name: str
    """Name of the language in itself."""
    press: str
    """The inviting word: at most about six capitals."""
    look: Mapping[str, str]
    """By the position of the lens."""
    one_moment: str
    saved: str
    shot: str
    """Number `{n}` of `{of}` shots in a series."""
    hold_not_to_send: str
    """Across the foot of the photo while it can be taken back."""
    not_sent: str
    stays_here: str
    """Below "not sent"."""
    safe: str
    """The assurance on a fault screen."""
    photos_are_safe: str
    """The assurance while shutting down."""
    shutting_down: str
    safe_to_unplug: str
    """When everything has ended: it stays on the display."""
    to_start: str
    your_photos: str
    """Beside the album's QR code."""
    scan: str
    photos_later: str
    """Beside the album's QR code while uploads are not possible."""
    checks: Mapping[str, str]
    """A word for each part in `View.checks`."""
    help: str
    """On the status page: the command that a helper from afar will ask for."""
    no_photo_yet: str
    kept: str
    """After the reason why photos are not sent (no event, no network, a refused key), where it ends with a colon."""
    all_sent: str
    """The same when no photo waits."""
    no_event: str
    offline: str
    portal: str
    refused: str
    paused: str
    stopped: str
    sending: str
    one_in_album: str
    all_in_album: str
    parked: str
    """`{n}` are in the album, `{parked}` are refused."""
    faults: Mapping[str, FaultTexts]
    """By the code of the problem."""
    other_fault: FaultTexts
    notices: Mapping[str, str]
    """Bottom line of a problem that does not stop photos, by its code; may end with a colon as above."""
    menu: MenuTexts


@functools.cache
def texts(language: str) -> Texts:
    """The texts of `language`, such as "de"; English if there are none."""
    known = language if language in LANGUAGES else "en"
    catalogue: Texts = importlib.import_module(f"{__name__}.{known}").TEXTS
    return catalogue
