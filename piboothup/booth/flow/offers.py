"""What opens by itself while nobody uses the booth. Pure.

Within the operator's time, once: the question about a stick that was plugged in, and set-up, on a box with neither
key nor event that has no photo yet. At any time: a copy to a stick that is under way, or has just ended; and the
question about a stick for photos that the operator had copied to before. They come with a tick after READY: that
waits for none, and a press takes a photo in all of them. Over the fault of a full or read-only card copies are
offered too, and nothing else.
"""

from __future__ import annotations

from piboothup.booth.flow.actions import CopyPhotos, CopyProgress, MenuAction, StickOffer
from piboothup.booth.flow.menu import MenuOptions, reading_page, stick_page
from piboothup.booth.flow.pages import Item, Page, PageKind
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.flow.transitions import open_page, settle_state
from piboothup.records import replace
from piboothup.status import BoothState

_COPYING = "copying"
_GOOD = (_COPYING, "done")
_MENDED_BY_COPIES = ("card_full", "card_crowded", "card_readonly")
"""Faults whose remedy is that the photos are off the card."""


def offer(booth: Booth, now_ns: int, settings: FlowSettings) -> tuple[Booth, tuple[MenuAction, ...]]:
    """Open what is to be opened now; close what a stick that is gone has opened."""
    options = settings.options
    booth = _followed(booth, options)
    is_unused = _is_unused(booth)
    if not is_unused and not _asks_for_copies(booth):
        return booth, ()
    if is_unused and options.has_stick and not booth.stick_seen and options.allows_operator(now_ns):
        return open_page(replace(booth, stick_seen=True), stick_page(), now_ns, settings), ()
    found = options.copy_offer
    if found is not None and found.action.key != booth.copy_seen:
        return _copy_offered(replace(booth, copy_seen=found.action.key), found, now_ns, settings)
    if options.copying is not None and booth.page is None:
        return open_page(booth, copy_page(options.copying), now_ns, settings), ()
    is_new = options.is_new and not booth.photos  # the options may be a second old
    may_set_up = is_unused and options.reads_codes and options.allows_operator(now_ns)
    if is_new and may_set_up and not booth.set_up_seen and booth.page is None:
        page, action = reading_page()
        return open_page(replace(booth, set_up_seen=True), page, now_ns, settings), (action,)
    return booth, ()


def _copy_offered(
    booth: Booth, found: StickOffer, now_ns: int, settings: FlowSettings
) -> tuple[Booth, tuple[MenuAction, ...]]:
    """Ask about the stick, or go on with a copy that broke off."""
    page = copy_question(found)
    if not found.resumes:
        return open_page(booth, page, now_ns, settings), ()
    page = replace(page, kind=PageKind.COPY, items=(), number=0, total=found.photos, awaits=found.action)
    return open_page(booth, page, now_ns, settings), (found.action,)


def copy_question(found: StickOffer) -> Page:
    """The question whether photos are to be copied to a stick."""
    item = Item("copy", found.action, number=found.photos)
    return Page(
        PageKind.COPY_OFFER,
        (item,),
        title=found.title,
        title_id=found.action.link_id,
        number=found.photos,
        operator_only=not found.action.needs_secret,
    )


def copy_page(progress: CopyProgress) -> Page:
    """The progress of a copy, or its result."""
    is_running = progress.state == _COPYING
    return Page(
        PageKind.COPY,
        title=progress.title,
        title_id=progress.link_id,
        text_key="" if is_running else f"copy_{progress.state}",
        number=progress.done,
        total=progress.total,
        left_s=progress.left_s,
        is_good=progress.state in _GOOD,
        operator_only=False,
    )


def _followed(booth: Booth, options: MenuOptions) -> Booth:
    """`booth` after what became of its sticks."""
    if not options.has_stick and booth.stick_seen:
        booth = replace(booth, stick_seen=False)
    page = booth.page
    kind = page.kind if page is not None else None
    if kind is PageKind.STICK and not options.has_stick:
        return settle_state(booth)
    found = options.copy_offer
    if kind is PageKind.COPY_OFFER and (found is None or found.action.key != booth.copy_seen):
        return settle_state(booth)
    return _progressed(booth, page, options) if page is not None and kind is PageKind.COPY else booth


def _progressed(booth: Booth, page: Page, options: MenuOptions) -> Booth:
    """`booth` with the newest progress on the copy's page."""
    progress = options.copying
    if progress is None:  # the stick of a result is gone; of what has just begun nothing is told yet
        return settle_state(booth) if page.text_key else booth
    if isinstance(page.awaits, CopyPhotos) and page.awaits.key != progress.key:
        return booth
    return replace(booth, page=copy_page(progress))


def _is_unused(booth: Booth) -> bool:
    """Whether nobody uses the booth; nor does who has yet to hold a code before the lens, or watches a copy."""
    is_idle = booth.state is BoothState.READY or _is_left_alone(booth.page)
    return is_idle and booth.press is None


def _asks_for_copies(booth: Booth) -> bool:
    """Whether a fault is shown that copies help to mend: they need no room on the card."""
    found = booth.problem
    is_of_card = found is not None and found.code in _MENDED_BY_COPIES
    return is_of_card and booth.state is BoothState.FAULT and booth.press is None


def _is_left_alone(page: Page | None) -> bool:
    return page is not None and page.kind in (PageKind.READ_CODE, PageKind.COPY)
