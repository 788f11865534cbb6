"""What opens by itself, once, while nobody uses the booth: only within the operator's time. Pure.

It is the question about a stick that was plugged in; and set-up, on a box with neither key nor event that has no
photo yet. Both come with a tick after READY: that waits for neither, and a press takes a photo in both.
"""

from __future__ import annotations

from piboothup.booth.flow.actions import MenuAction
from piboothup.booth.flow.menu import reading_page, stick_page
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.flow.transitions import open_page, settle_state
from piboothup.records import replace
from piboothup.status import BoothState


def offer(booth: Booth, now_ns: int, settings: FlowSettings) -> tuple[Booth, tuple[MenuAction, ...]]:
    """Open what is to be opened now; close the question about a stick that is gone."""
    options = settings.options
    if not options.has_stick:
        if booth.stick_seen:
            booth = replace(booth, stick_seen=False)
        if booth.page is not None and booth.page.kind is PageKind.STICK:
            booth = settle_state(booth)
    if not _is_unused(booth) or not options.allows_operator(now_ns):
        return booth, ()
    if options.has_stick and not booth.stick_seen:
        return open_page(replace(booth, stick_seen=True), stick_page(), now_ns, settings), ()
    is_new = options.is_new and not booth.photos  # the options may be a second old
    if is_new and options.reads_codes and not booth.set_up_seen and booth.page is None:
        page, action = reading_page()
        return open_page(replace(booth, set_up_seen=True), page, now_ns, settings), (action,)
    return booth, ()


def _is_unused(booth: Booth) -> bool:
    """Whether nobody uses the booth; nor does who has yet to hold a code before the lens."""
    is_idle = booth.state is BoothState.READY or _awaits_code(booth.page)
    return is_idle and booth.press is None


def _awaits_code(page: Page | None) -> bool:
    return page is not None and page.kind is PageKind.READ_CODE
