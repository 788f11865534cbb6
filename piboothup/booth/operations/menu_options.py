"""Options of the menu, read once a second: active settings, EventPics' events, photos without an event, a stick.

All but the settings are read only while the menu offers the operator's items, which need them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.flow.menu import OPERATOR_WINDOW_S, MenuOptions
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.clock import Clock
from piboothup.config import LANGUAGES, Config, EventPicsConfig
from piboothup.records import replace
from piboothup.spool.listing import COMMITTED, CONTEXTS, WAITING, WITHDRAWN
from piboothup.spool.store import Spool
from piboothup.text import text_to_path

if TYPE_CHECKING:
    from piboothup.booth.operations.stick_copies import StickCopies

_COUNT_EVERY_NS = 10_000_000_000
"""How often photos without an event are counted though no folder has changed, nanoseconds: there may be many."""


class MenuOptionsReader:
    """Reader of the menu's options; keeps the last count of photos without an event."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        settings_store: SettingsStore,
        runtime: Path,
        root: Path = Path("/"),
    ) -> None:
        """`root`: folder that stands for `/`, for tests."""
        self._operator_until_ns = {"always": None, "never": 0}.get(config.button.menu, int(OPERATOR_WINDOW_S * 1e9))
        self._has_code = config.panel.album_code != "off"
        self._set_up_url = config.panel.set_up_url
        self._has_buzzer = bool(config.light.buzzer_pin) and config.light.driver != "none"
        self._root = root
        self._spool = spool
        self._clock = clock
        self._settings_store = settings_store
        self._runtime = runtime
        self._copies: StickCopies | None = None
        self._reads_codes: bool | None = None
        self._has_photos = False
        self._without_event = 0
        self._count_at_ns = 0
        self._counted: tuple[tuple[int, ...], ...] = ()
        """When the folders had changed that were counted last."""

    def read(self) -> MenuOptions:
        """The options at this moment. Raises OSError."""
        active = self._settings_store.active
        event = active.config.eventpics
        options = MenuOptions(
            operator_until_ns=self._operator_until_ns,
            has_code=self._has_code and bool(event.link_id),
            link_id=event.link_id,
            album_id=event.album_id,
            languages=LANGUAGES,
            language=active.config.language,
            has_buzzer=self._has_buzzer,
            sound=active.sound,
            paused=active.config.upload.paused,
            name=active.config.name,
            has_key=event.api_key is not None or _has_content(event.api_key_file),
            box=self._spool.box,
            set_up_url=self._set_up_url,
        )
        now_ns = self._clock.boottime_ns()
        is_open = options.allows_operator(now_ns)
        offered, copying = self._stick_copies().read(event.link_id, is_operators_time=is_open)
        options = replace(options, copy_offer=offered, copying=copying)
        if not is_open:
            return options
        # What an operator needs is loaded once the booth is ready.
        from piboothup.booth.camera import code_reader  # noqa: PLC0415
        from piboothup.booth.panel.i18n import texts  # noqa: PLC0415
        from piboothup.config import country  # noqa: PLC0415
        from piboothup.root_requests import STICK  # noqa: PLC0415
        from piboothup.spool.admin import assign  # noqa: PLC0415

        changed = tuple(self._spool.listing.changed_ns(place) for place in (*WAITING, CONTEXTS))
        if now_ns >= self._count_at_ns or changed != self._counted:  # else a code would not ask about the last photo
            self._count_at_ns, self._counted = now_ns + _COUNT_EVERY_NS, changed
            self._without_event = len(assign.without_event(self._spool))
        if self._reads_codes is None:
            self._reads_codes = code_reader.is_installed()
        return replace(
            options,
            reads_codes=self._reads_codes,
            countries=tuple(texts(options.language).menu.countries) if country.is_missing(self._root) else (),
            events=tuple(self._spool.events()),
            without_event=self._without_event,
            taken_back=sum(name.context == active.context.id for name in self._spool.names(WITHDRAWN)),
            has_stick=STICK.exists(),
            is_new=self._is_new(event),
        )

    def _stick_copies(self) -> StickCopies:
        from piboothup.booth.operations.stick_copies import StickCopies  # noqa: PLC0415  (no start pays for it)

        self._copies = self._copies or StickCopies(self._spool, self._runtime, self._clock, self._root)
        return self._copies

    def _is_new(self, event: EventPicsConfig) -> bool:
        """Whether there is neither key nor event, as far as the settings can be read, and no photo yet.

        Raises OSError.
        """
        if self._settings_store.problem is not None or self._settings_store.config_problem is not None:
            return False
        if event.link_id or event.api_key is not None or self._has_photos or _has_content(event.api_key_file):
            return False
        self._has_photos = any(next(self._spool.names(place), None) is not None for place in COMMITTED)
        return not self._has_photos


def _has_content(name: str) -> bool:
    """Whether there is something in the key's file, which this process may not read."""
    try:
        return bool(name) and Path(text_to_path(name)).stat().st_size > 0
    except OSError:
        return False
