"""Photos that a box should not take along to its next event: those of other events, and those without any."""

from __future__ import annotations

from piboothup.problems import Problem, problem
from piboothup.spool.admin import assign, wipe
from piboothup.spool.admin.wipe import WipeError
from piboothup.spool.store import Spool


def others_problem(spool: Spool, link_id: str) -> Problem | None:
    """The problem with photos that are not of this event; None when there are none. Only reads."""
    try:
        surveyed = wipe.survey(spool, booth_runs=True)
    except WipeError:
        return problem("card_readonly")
    others = [photos for photos in surveyed if photos.event != link_id and not photos.is_without_event]
    if any(photos.items for photos in others):
        return problem("old_photos")
    count = len(assign.without_event(spool)) if link_id else 0
    return problem("stray_photos", str(count)) if count else None
