"""What was chosen in the menu, done: on a thread of its own and at the lowest priority, one errand after the other.

However long an errand takes, a press goes its way meanwhile: nothing here holds the loop, the saver or a lock that
they need. What came of it is posted as an event; whoever has left the menu by then is not called back.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from piboothup import status
from piboothup.booth import threads
from piboothup.booth.flow import menu
from piboothup.booth.flow.actions import (
    ChooseEvent,
    ChooseLanguage,
    CountPhotos,
    EventUsage,
    MenuAction,
    Retry,
    SetPaused,
    SetSound,
    StartAiming,
    StartSelfTest,
    SwitchOff,
    WipeEvent,
)
from piboothup.booth.flow.events import ActionDone, Event, PhotosCounted
from piboothup.booth.flow.menu import Page
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.operations.self_test import SelfTest
from piboothup.booth.panel.font import readable_title
from piboothup.runtime import send_hint
from piboothup.spool import wipe_journal
from piboothup.spool.admin import assign, wipe
from piboothup.spool.admin.wipe import EventPhotos, Plan, WipeError
from piboothup.spool.store import Spool

log = logging.getLogger(__name__)

SWITCH_OFF_REQUEST = "switch-off"
"""In the runtime directory: root's helper takes the file away and shuts the computer down."""
_HELPER_S = 5.0


class ActionRunner:
    """The thread that does them."""

    def __init__(
        self,
        spool: Spool,
        runtime: Path,
        choosing: SettingsStore,
        check: SelfTest,
        recount: Callable[[], None],
        post: Callable[[Event], None],
    ) -> None:
        """`recount`: after a wipe the photos of the event in use are counted anew."""
        self._spool = spool
        self._runtime = runtime
        self._choosing = choosing
        self._check = check
        self._recount = recount
        self._post = post
        self._deeds: queue.SimpleQueue[MenuAction | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="actions", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, deed: MenuAction) -> None:
        """Hands an errand over; never waits."""
        self._deeds.put(deed)

    def stop(self, timeout_s: float) -> None:
        """Ends after the errand in hand; a wipe that takes longer goes on at the next start."""
        self._ended.set()
        self._deeds.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        threads.set_background()
        while (deed := self._deeds.get()) is not None and not self._ended.is_set():
            log.warning("menu deed=%s", type(deed).__name__)
            try:
                page = self._do(deed)
            except OSError as error:
                log.error("menu deed=%s failed reason=%s", type(deed).__name__, error.strerror or error)
                page = menu.error_page("not_kept")
            except Exception:  # the top of the thread: the menu goes on
                log.exception("menu deed=%s failed", type(deed).__name__)
                page = menu.error_page("not_kept")
            if page is not None:
                self._post(ActionDone(deed, page))

    def _do(self, deed: MenuAction) -> Page | None:
        match deed:
            case ChooseEvent():
                return self._choose_event(deed)
            case ChooseLanguage(language):
                self._choosing.choose(language=language)
            case SetSound(on):
                self._choosing.choose(sound=on)
            case SetPaused(paused):
                self._choosing.choose(paused=paused)
                self._tell_uploader("choices")
            case Retry():
                return self._retry()
            case StartSelfTest():
                self._check.run()
            case StartAiming():
                self._check.measure_sharpness()
            case CountPhotos():
                found = wipe.survey(self._spool, booth_runs=True)
                self._post(PhotosCounted(tuple(_counted(one) for one in found)))
            case WipeEvent(held):
                return self._wipe(held)
            case SwitchOff():
                return self._switch_off()
        return None

    def _choose_event(self, deed: ChooseEvent) -> Page:
        self._choosing.choose(link_id=deed.link_id, album_id=deed.album_id)
        taken = assign.take_along(self._spool, deed.link_id, deed.album_id) if deed.take_along else 0
        self._tell_uploader("retry" if taken else "choices")
        titles = {one.link_id: one.title for one in self._spool.events()}
        says = "event_chosen_along" if taken else "event_chosen"
        return menu.result_page(says, taken, readable_title(titles.get(deed.link_id, ""), deed.link_id))

    def _retry(self) -> Page:
        if self._choosing.active.config.upload.paused:
            self._choosing.choose(paused=False)
        count = self._spool.retry_parked()
        self._tell_uploader("retry")
        return menu.result_page("retried", count)

    def _wipe(self, held: EventUsage) -> Page:
        """Exactly the photos that the page counted: one that was taken since stays."""
        chosen = Plan((held.photos,), everything=False)
        try:
            receipt = wipe.wipe(self._spool, chosen, unsent=True, in_use={self._choosing.active.context.id})
        except WipeError as error:
            log.error("wipe from the menu reason=%s", error)
            is_begun = wipe_journal.read(self._spool.directory) is not None
            return menu.error_page("wipe_failed" if is_begun else "wipe_refused")
        finally:
            if held.photos.event in (self._choosing.active.context.link_id, self._choosing.active.context.id):
                self._recount()
        return (
            menu.result_page("wiped_but", receipt.left) if receipt.left else menu.result_page("wiped", receipt.taken)
        )

    def _switch_off(self) -> Page | None:
        """Asks root's helper; whether there is one shows by what becomes of the request."""
        request = self._runtime / SWITCH_OFF_REQUEST
        try:
            status.replace(request, b"switch off\n")
        except OSError as error:  # /run is full, or gone
            log.error("not asked to switch off reason=%s", error.strerror or error)
            return menu.error_page("no_helper")
        for _ in range(int(_HELPER_S / 0.1)):
            if self._ended.wait(0.1) or not request.exists():
                return None
        status.withdraw(request)
        return menu.error_page("no_helper")

    def _tell_uploader(self, word: str) -> None:
        with contextlib.suppress(PermissionError):  # another user's: it looks by itself
            send_hint(self._runtime, "uploader", word)


def _counted(photos: EventPhotos) -> EventUsage:
    """What the menu shows of them."""
    title = photos.event if photos.is_without_event else readable_title(photos.title, photos.event)
    return EventUsage(replace(photos, title=title), photos.taken, len(photos.unsent))
