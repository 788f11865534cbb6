"""Frames for a page of the menu: how many it takes until a code is read, and what reading leaves of a core.

No service and no threads: the camera answers at once, and the clock is moved by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zxingcpp

from piboothup.booth.camera.code_reader import READ_SIZE, CodeReader
from piboothup.booth.flow.events import CodeHinted, CodeRead, Event, Exposed, ScanHint
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.frame import Frame, Plane, shrunk
from piboothup.booth.operations import code_reading
from piboothup.booth.operations.code_reading import CodeReading
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.booth.operations.self_test import SelfTest
from piboothup.config import Config
from piboothup.config.codes import WifiNetwork, make, parse
from tests.support.clock import HandClock
from tests.support.held_code import BOOTH_CODE, LONGEST_CODE, Held, frame

BARN = WifiNetwork("Barn")


class Page:
    """An open page with a camera that answers at once."""

    def __init__(self, kind: PageKind, picture: Plane) -> None:
        self.clock = HandClock()
        self.pictures: Callable[[int], Plane] = lambda number: picture
        self.asked = self.released = 0
        self.events: list[Event] = []
        self.pauses_s: list[float] = []
        self.frames = FrameRequests(self.clock, self._capture)
        self.frames.set_page(kind)
        self.frames.page_changed.wait = self._wait  # type: ignore[method-assign,assignment]
        self.on_pause: Callable[[], None] = lambda: None
        self.reading = CodeReading(Config(), self.clock, self.frames, self.events.append)

    def _capture(self, zero_ns: int, **_how: object) -> None:
        self.asked += 1
        y = self.pictures(self.asked)
        self.frames.on_answer(Exposed(Frame(y, y[::2, ::2], y[::2, ::2], zero_ns, self._release), zero_ns))

    def _release(self) -> None:
        self.released += 1

    def _wait(self, pause_s: float) -> bool:
        if self.frames.page_changed.is_set():
            pause_s = 0.0
        self.pauses_s.append(pause_s)
        self.clock.pass_s(pause_s)
        self.on_pause()
        return self.frames.page_changed.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("text", [BOOTH_CODE, LONGEST_CODE, make(BARN).reveal()], ids=["booth", "longest", "wifi"])
def test_u08_a_code_before_the_lens_is_read_in_one_frame(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """From a frame of the sensor's own size: one frame is asked for, and searched at two sizes at the most."""
    decoded: list[tuple[int, ...]] = []
    read = zxingcpp.read_barcodes

    def counted(picture: Plane, **how: Any) -> object:
        decoded.append(picture.shape)
        return read(picture, **how)

    monkeypatch.setattr(zxingcpp, "read_barcodes", counted)
    seen = frame(text, Held(share=0.2))
    page = Page(PageKind.READ_CODE, seen.repeat(3, axis=0).repeat(3, axis=1))
    page.reading.run()
    assert page.events == [CodeRead(parse(text))]
    assert (page.asked, page.released, page.pauses_s) == (1, 1, [])
    assert len(decoded) <= 2 and all(max(shape) <= READ_SIZE[0] for shape in decoded)


def test_u08_a_code_is_read_in_the_frame_after_the_hint() -> None:
    page = Page(PageKind.READ_CODE, np.zeros((1, 1), np.uint8))
    near, far = (frame(BOOTH_CODE, Held(share=share)) for share in (0.25, 0.05))
    page.pictures = lambda number: far if number < 3 else near
    page.reading.run()
    assert page.events == [CodeHinted(ScanHint.CLOSER)] * 2 + [CodeRead(parse(BOOTH_CODE))]
    assert (page.asked, page.released, len(page.pauses_s)) == (3, 3, 2)


def test_reading_s_share_counts_all_that_is_done_to_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making the frame smaller and searching it."""
    page = Page(PageKind.READ_CODE, np.full((64, 64), 90, np.uint8))
    page.on_pause = lambda: page.frames.set_page(None) if page.asked == 5 else None

    def smaller(picture: Plane, most: tuple[int, int]) -> Plane:
        page.clock.pass_s(0.4)
        return shrunk(picture, most)

    def search(_self: CodeReader, _grey: Plane) -> ScanHint:
        page.clock.pass_s(0.2)
        return ScanHint.SHOW

    monkeypatch.setattr(code_reading, "shrunk", smaller)
    monkeypatch.setattr(CodeReader, "read", search)
    page.reading.run()
    assert page.pauses_s == [pytest.approx(1.4)] * 5
    busy_s = 5 * 0.6
    assert busy_s / (busy_s + sum(page.pauses_s)) <= 0.3 + 1e-9


@pytest.mark.parametrize("kind", [PageKind.READ_CODE, PageKind.AIM])
def test_a_page_that_was_left_and_opened_again_pauses_as_before(kind: PageKind) -> None:
    """Within one frame, so that the loop sees the same page: else it would go on without a pause."""
    page = Page(kind, np.full((64, 64), 90, np.uint8))

    def left_and_opened(number: int) -> Plane:
        if number == 2:
            page.frames.set_page(PageKind.MENU)
            page.frames.set_page(kind)
        return np.full((64, 64), 90, np.uint8)

    page.pictures = left_and_opened
    page.on_pause = lambda: page.frames.set_page(None) if len(page.pauses_s) == 9 else None
    if kind is PageKind.READ_CODE:
        page.reading.run()
    else:
        aiming(page).measure_sharpness()
    assert [pause_s > 0.0 for pause_s in page.pauses_s] == [True, False, *[True] * 7]


def aiming(page: Page) -> SelfTest:
    """A self-test of which only the camera is there."""
    found = SelfTest.__new__(SelfTest)
    found.frames = page.frames
    found._post = page.events.append
    return found
