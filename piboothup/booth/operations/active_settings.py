"""Active settings: the config with the choices made at the box, and the context that photos are taken for.

One value, replaced as a whole, so that every thread of the booth reads it without a lock. A new event or album is a
new context for coming photos; those already taken keep theirs. Another process may write the file of choices as well.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from piboothup.booth.storage import Follow
from piboothup.clock import Clock, moment
from piboothup.config import Config
from piboothup.problems import Problem, problem
from piboothup.records import dataclass, replace
from piboothup.spool import choices, contexts
from piboothup.spool.choices import Choices, Said
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import CONTEXTS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActiveSettings:
    """The settings in force."""

    config: Config
    """The config, overridden by the choices."""
    context: Context
    sound: bool = True


class SettingsStore:
    """Keeps `active` up to date with imports of the card's file and with the file of choices.

    What an import changes of the event, the name, the language, the time zone and the uploads is active at once.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        clock: Clock,
        on_change: Callable[[ActiveSettings], None],
        config_problem: Problem | None = None,
        follow: Follow = lambda: None,
    ) -> None:
        """`on_change`: called with the new settings, on the thread that detected the change."""
        self._config = self._running = config
        """The config as it is in its files; and as far as this booth runs with it."""
        self.config_problem = config_problem
        self._follow = follow
        self._directory = directory
        self._clock, self._boot_id = clock, clock.boot_id()
        self._on_change = on_change
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = ()
        self._chosen = choices.UNKNOWN
        """Choices as last read, in force while the file can't be read; without an event once a chosen one is gone."""
        self.problem: Problem | None = None
        """The file of choices can't be read."""
        self.active = self._with_choices(Choices())

    @property
    def chosen(self) -> Choices:
        """The choices in force."""
        return self._chosen

    def refresh(self) -> None:
        """Read what has changed of the config and of the file of choices."""
        with self._lock:
            if (followed := self._follow()) is not None:
                fresh, self.config_problem, _ = followed
                if self._chosen is not choices.UNKNOWN:
                    self._chosen = choices.standing(self._chosen, Said.by(self._config), fresh)
                self._config, self._stamp = fresh, ()
                self._running = _followed(self._running, fresh)
            self._reload_if_changed()

    def choose(self, **chosen: Any) -> None:
        """Make these fields of `Choices` durable, then active; or nothing changes. Raises OSError, ConfigError."""
        with self._lock:
            self._reload_if_changed()
            if self._chosen is choices.UNKNOWN:
                choices.check_readable(self._directory)
            choices.write(self._directory, self._config, self._chosen.adding(moment(self._clock), **chosen))
            self._reload_if_changed()

    def _reload_if_changed(self) -> None:
        stamp = choices.stamp(self._directory)
        if stamp == self._stamp:
            self.problem = None
            return
        found = choices.read(self._directory, self._config)
        self.problem = problem("choices_damaged") if found is choices.UNKNOWN else None
        if found is not choices.UNKNOWN:  # else it is tried again
            had_event = self._chosen is not choices.UNKNOWN and self._chosen.link_id is not None
            if had_event and found.link_id is None:  # gone with its disk, or with the wiped event
                found = replace(found, link_id="", album_id="")
            self._stamp, self._chosen = stamp, found
        fresh = self._with_choices(self._chosen)
        if fresh != self.active:
            log.info("settings changed context=%s language=%s", fresh.context.id, fresh.config.language)
            self.active = fresh
            self._on_change(fresh)

    def _with_choices(self, chosen: Choices) -> ActiveSettings:
        config = chosen.over(self._running)
        event = config.eventpics
        occasion = f"{self._boot_id} {self._config!r}"
        context = context_for(event.link_id, event.album_id, occasion)
        while not context.link_id and self._is_assigned(context.id):
            occasion += " again"  # those photos were assigned to an event since; coming photos have none
            context = context_for("", "", occasion)
        return ActiveSettings(config, context, sound=chosen.sound is not False)

    def _is_assigned(self, context_id: str) -> bool:
        """Whether photos of this context were given an event. A card that can't be read is the storage's fault."""
        try:
            return contexts.assigned_path(self._directory / CONTEXTS, context_id).exists()
        except OSError:
            return False


def _followed(running: Config, fresh: Config) -> Config:
    """The running config with what needs no restart of the fresh one."""
    event = replace(running.eventpics, link_id=fresh.eventpics.link_id, album_id=fresh.eventpics.album_id)
    running = replace(running, name=fresh.name, language=fresh.language, timezone=fresh.timezone, eventpics=event)
    return replace(running, upload=fresh.upload)  # the uploader follows it too
