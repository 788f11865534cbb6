"""What the panel says, in the guest's language: one file here for each language.

Promises that every language has every text (the type checker sees to it) and that an unknown language reads as
English. `{n}` stands for a number. Must not hold more than texts: where and how large they are drawn is decided by
the screens, which draw captions and headlines in capitals.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from piboothup.config import LANGUAGES


@dataclass(frozen=True)
class FaultTexts:
    """What stops photos, on a full screen: a headline in capitals, and at most three lines for the other two.

    A remedy of two words or so is drawn as large as the headline.
    """

    headline: str
    remedy: str
    safe: str = ""
    """What is safe, where the usual assurance would say too much or too little; before it may stand the reason."""


@dataclass(frozen=True)
class MenuTexts:
    """The menu's texts."""

    let_go: str
    """While the button is held: before what comes of letting go."""
    hold_on: str
    """The same, while nothing comes of it yet."""
    lets: Mapping[str, str]
    """What comes of it: photo, menu."""
    pages: Mapping[str, str]
    """What a page is about, by its kind."""
    items: Mapping[str, str]
    """What can be chosen."""
    notes: Mapping[str, str]
    """By the kind of the page: what should be known before choosing, with `{n}`."""
    press_next: str
    hold_to_choose: str
    hold_slowly: str
    """`{s}` seconds."""
    wipe_numbers: str
    """`{n}` were taken, `{unsent}` are in no album."""
    told: Mapping[str, str]
    """What was done, or why not; `{n}` and `{title}`."""
    sharp: str
    when_lit: str
    """Below the word to press: the ready check's question."""
    ready_to_ship: str
    not_ready: str
    steps: Mapping[str, str]
    """By the step of the ready check: a word each."""
    reasons: Mapping[str, str]
    """By the code of the problem: why the box is not ready, and what to do, in three lines.

    `{detail}`: what makes it exact, such as how many they are, or the word of the step.
    """


@dataclass(frozen=True)
class Texts:
    """The texts of one language."""

    name: str
    """What the language calls itself."""
    press: str
    """The inviting word: at most about six capitals."""
    look: Mapping[str, str]
    """By where the lens is."""
    one_moment: str
    saved: str
    safe: str
    """The assurance on a fault screen."""
    photos_are_safe: str
    """The assurance while shutting down."""
    shutting_down: str
    safe_to_unplug: str
    """When all has ended: it stays on the glass."""
    to_start: str
    your_photos: str
    """Beside the album's QR code."""
    scan: str
    photos_later: str
    """The same while there is no way to the album."""
    checks: Mapping[str, str]
    """By the field of `Checks`: a word each."""
    no_photo_yet: str
    kept: str
    """After what keeps photos from being sent (no event, no network, a refused key), where that ends with a colon."""
    all_sent: str
    """The same, when none waits."""
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
    """`{n}` are in the album, `{parked}` it refuses."""
    faults: Mapping[str, FaultTexts]
    """By the code of the problem."""
    other_fault: FaultTexts
    notices: Mapping[str, str]
    """By the code of the problem: a bottom line for what does not stop photos; with a colon at its end as above."""
    menu: MenuTexts


@functools.cache
def texts(language: str) -> Texts:
    """The texts of `language`, such as "de"; English if there are none."""
    known = language if language in LANGUAGES else "en"
    catalogue: Texts = importlib.import_module(f"{__name__}.{known}").TEXTS
    return catalogue
