"""What of the panel's picture a support bundle covers: titles, codes and photos, and nothing that helps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import ImageChops

from piboothup.booth.panel import screens
from piboothup.booth.panel.view import View
from piboothup.config import LANGUAGES
from piboothup.simulator.gallery_views import examples


def others(view: View) -> View:
    """The same view at another event."""
    page = view.page
    if page is not None:
        items = tuple(
            replace(item, title="Kuckucks 50. Geburtstag", title_id="x") if item.title else item
            for item in page.items
        )
        if page.kind not in ("languages",):
            page = replace(page, items=items, title=page.title and "Kuckucks 50. Geburtstag")
    return replace(
        view,
        page=page,
        event_title=view.event_title and "Kuckucks 50. Geburtstag",
        album_link=view.album_link and "https://app.eventpics.net/KuckuckseI99",
        thumbnail=None,
        viewfinder=None,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a10_outside_of_the_covered_area_no_picture_tells(language: str) -> None:
    for name, view in examples(language).items():
        pictures = [screens.draw(view), screens.draw(others(view))]
        if area := screens.private_area(view):
            for picture in pictures:
                picture.paste(0, area)
        assert ImageChops.difference(*pictures).getbbox() is None, name


def test_a10_a_picture_that_shows_nothing_private_is_whole() -> None:
    shown = examples("en")
    for name in (
        "starting",
        "no-camera",
        "menu",
        "menu-status",
        "look-up",
        "hold-menu",
        "stopping",
        "check-not-ready",
    ):
        assert screens.private_area(shown[name]) is None, name
    assert screens.private_area(replace(shown["ready"], event_title="")) is None
