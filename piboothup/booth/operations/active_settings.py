"""What holds at this moment: the config with the choices made at the box, and the context that photos are taken for.

One value, replaced as a whole, so that every thread of the booth reads it without a lock. A new event or album is a
new context for the photos to come; those that were taken keep theirs. Follows the file of choices, whoever writes it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from piboothup.clock import Clock
from piboothup.config import Config
from piboothup.spool import choices, contexts
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import CONTEXTS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActiveSettings:
    """What holds."""

    config: Config
    """With the choices over it."""
    context: Context
    sound: bool = True


class SettingsStore:
    """Keeps `now` up to date."""

    def __init__(
        self, config: Config, directory: Path, clock: Clock, on_change: Callable[[ActiveSettings], None]
    ) -> None:
        """`changed` is called with what holds, on the thread that noticed, whenever that is something else."""
        self._config = config
        self._directory = directory
        self._boot_id = clock.boot_id()
        self._on_change = on_change
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self.active = self._with_choices(Choices())

    def refresh(self) -> None:
        """Takes over what the file says, if it is another one."""
        with self._lock:
            self._reload_if_changed()

    def choose(self, **chosen: Any) -> None:
        """Makes these fields of `Choices` durable and takes them over. Raises OSError; then all is as it was."""
        with self._lock:
            combined = replace(choices.read(self._directory, self._config), **chosen)
            choices.write(self._directory, self._config, combined)
            self._reload_if_changed()

    def _reload_if_changed(self) -> None:
        stamp = choices.stamp(self._directory)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        fresh = self._with_choices(choices.read(self._directory, self._config))
        if fresh != self.active:
            log.info("chosen context=%s language=%s", fresh.context.id, fresh.config.language)
            self.active = fresh
            self._on_change(fresh)

    def _with_choices(self, chosen: Choices) -> ActiveSettings:
        config = chosen.over(self._config)
        event, occasion = config.eventpics, f"{self._boot_id} {self._config!r}"
        context = context_for(event.link_id, event.album_id, occasion)
        while contexts.assigned_path(self._directory / CONTEXTS, context.id).exists() and not context.link_id:
            occasion += " again"  # what was taken without an event has got one; what comes now has none
            context = context_for("", "", occasion)
        return ActiveSettings(config, context, sound=chosen.sound is not False)
