"""What the menu can offer, put together once a second: what was chosen, what EventPics last listed, whose turn it is.

While the operator's door is closed nothing of what stands behind it is even read.
"""

from __future__ import annotations

from dataclasses import replace

from piboothup.booth.flow.menu import DOOR_S, MenuOptions
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.panel.font import readable_title
from piboothup.clock import Clock
from piboothup.config import LANGUAGES, Config
from piboothup.spool.admin import assign
from piboothup.spool.event_titles import Event
from piboothup.spool.store import Spool

_COUNT_EVERY_NS = 10_000_000_000
"""Photos without an event are counted so often: there may be many to look through."""


class MenuOptionsReader:
    """Remembers what it counted."""

    def __init__(self, config: Config, spool: Spool, clock: Clock, choosing: SettingsStore) -> None:
        self._door_closes_ns = {"always": None, "never": 0}.get(config.button.menu, int(DOOR_S * 1e9))
        self._languages = LANGUAGES
        self._has_code = config.panel.album_code != "off"
        self._has_buzzer = bool(config.light.buzzer_pin) and config.light.driver != "none"
        self._spool = spool
        self._clock = clock
        self._choosing = choosing
        self._without_event = 0
        self._count_at_ns = 0

    def read(self) -> MenuOptions:
        """What there is at this moment. Raises OSError."""
        chosen = self._choosing.active
        event = chosen.config.eventpics
        offer = MenuOptions(
            door_closes_ns=self._door_closes_ns,
            has_code=self._has_code and bool(event.link_id),
            link_id=event.link_id,
            album_id=event.album_id,
            languages=self._languages,
            language=chosen.config.language,
            has_buzzer=self._has_buzzer,
            sound=chosen.sound,
            paused=chosen.config.upload.paused,
        )
        now_ns = self._clock.boottime_ns()
        if not offer.door_is_open(now_ns):
            return offer
        if now_ns >= self._count_at_ns:
            self._count_at_ns = now_ns + _COUNT_EVERY_NS
            self._without_event = len(assign.without_event(self._spool))
        events = tuple(_legible(one) for one in self._spool.events())
        return replace(offer, events=events, without_event=self._without_event)


def _legible(event: Event) -> Event:
    """The event with titles that can be told from one another on the panel, be they ids."""
    albums = tuple(replace(one, title=readable_title(one.title, one.id)) for one in event.albums)
    return replace(event, title=readable_title(event.title, event.link_id), albums=albums)
