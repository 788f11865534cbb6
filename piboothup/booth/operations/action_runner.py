"""The action runner: carries out what was chosen in the menu.

However long an action takes, a press takes a photo meanwhile: nothing here holds the loop, the saver or a lock that
they need.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from piboothup import records, status
from piboothup.booth.devices import Devices
from piboothup.booth.flow import actions, menu, pages
from piboothup.booth.flow.actions import EventUsage, MenuAction
from piboothup.booth.flow.events import Event
from piboothup.booth.flow.pages import Page
from piboothup.booth.operations import stick_copies
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.operations.code_reading import CodeReading, parted
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.booth.operations.root_helper import RootHelper
from piboothup.booth.operations.self_test import SelfTest
from piboothup.config import Config, codes
from piboothup.config.codes import BoothCode
from piboothup.problems import Problem
from piboothup.root_requests import KEEPS_NOTHING, Answer, Outcome, StickResult, WifiResult
from piboothup.runtime import send_hint
from piboothup.spool import handover, wipe_journal
from piboothup.spool.admin import assign, wipe
from piboothup.spool.admin.wipe import EventPhotos, Plan, WipeError
from piboothup.spool.event_titles import Album, AlbumEvent, booth_album
from piboothup.spool.listing import COMMITTED
from piboothup.spool.store import Spool
from piboothup.status import UploaderState

log = logging.getLogger(__name__)

_POLL_S = 0.1
RESULT_TIMEOUT_S = 30.0
"""Timeout of all about a code's network: somebody waits before the panel."""
_UPLOADER_TIMEOUT_S = 8.0
"""Time for the uploader to find out whether a network asks for a login, and which albums a new event has."""
_ONLINE = (UploaderState.IDLE, UploaderState.UPLOADING)


class ActionRunner:
    """Runs menu actions, for the thread `actions`."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        runtime: Path,
        settings_store: SettingsStore,
        frames: FrameRequests,
        devices: Devices,
        saving_fault: Callable[[], Problem | None],
        recount: Callable[[], None],
        post: Callable[[Event], None],
        ended: threading.Event,
    ) -> None:
        """`saving_fault` returns why photos can't be saved.

        `recount`: called after a wipe of the event in use, for its photos to be counted anew. `ended`: set when the
        booth ends.
        """
        self._spool = spool
        self._runtime = runtime
        self._settings_store = settings_store
        self.self_test = SelfTest(spool, runtime, settings_store, frames, devices, saving_fault, post)
        self._code_reading = CodeReading(config, spool.clock, frames, post)
        self._recount = recount
        self._counts = itertools.count()
        self._counted: dict[str, EventPhotos] = {}
        """The photos of the last count, by `EventUsage.key`."""
        self._ended = ended
        self._root = RootHelper(runtime, spool.clock, ended)

    def execute(self, action: MenuAction) -> Page | None:
        """Run the action; return the page with its result. Raises OSError."""
        match action:
            case actions.ChooseEvent():
                return self._choose_event(action)
            case actions.ChooseLanguage() | actions.SetSound() | actions.SetPaused():
                self._set(action)
            case actions.Retry():
                return self._retry()
            case actions.StartSelfTest():
                self.self_test.run()
            case actions.StartAiming():
                self.self_test.measure_sharpness()
            case actions.StartReadingCode():
                return self._read_code()
            case actions.UseCode():
                return self._use_code(action)
            case actions.TakeStick() | actions.CopyPhotos():
                return self._use_stick(action)
            case actions.CountPhotos():
                return self._count_photos()
            case actions.WipeEvent(usage):
                return self._with_networks(self._wipe(usage))
            case actions.ForgetNetworks() | actions.SwitchOff():
                return self._forget_networks() if isinstance(action, actions.ForgetNetworks) else self._switch_off()
        return None

    def _set(self, action: actions.ChooseLanguage | actions.SetSound | actions.SetPaused) -> None:
        match action:
            case actions.ChooseLanguage(language):
                self._settings_store.choose(language=language)
            case actions.SetSound(on):
                self._settings_store.choose(sound=on)
            case actions.SetPaused(paused):
                self._settings_store.choose(paused=paused)
                self._hint_uploader("choices")

    def _choose_event(self, action: actions.ChooseEvent) -> Page:
        self._settings_store.choose(link_id=action.link_id, album_id=action.album_id)
        assigned = assign.take_along(self._spool, action.link_id, action.album_id) if action.take_along else 0
        self._hint_uploader("retry" if assigned and not self._is_paused else "choices")
        titles = {event.link_id: event.title for event in self._spool.events()}
        text_key = "event_chosen_along" if assigned else "event_chosen"
        return pages.result_page(text_key, assigned, titles.get(action.link_id, ""), action.link_id)

    def _retry(self) -> Page:
        if self._is_paused:
            self._settings_store.choose(paused=False)
        count = handover.retry_parked(self._spool)
        self._hint_uploader("retry")
        return pages.result_page("retried", count)

    def _count_photos(self) -> Page:
        """Page with the events on the card; without photos, that of a wipe that is done."""
        in_use = self._settings_store.active.context.link_id
        surveyed = (  # the event in use is named on the card before its first photo is taken
            photos for photos in wipe.survey(self._spool, booth_runs=True) if photos.taken or photos.event != in_use
        )
        count = next(self._counts)
        self._counted = {f"{photos.event} {count}": photos for photos in surveyed}
        page = menu.wipe_page(tuple(_usage(key, photos) for key, photos in self._counted.items()))
        return page if self._counted else self._with_networks(page)

    def _wipe(self, usage: EventUsage) -> Page:
        """Wipe the photos that the page counted; photos taken since stay."""
        photos = self._counted.get(usage.key)
        if photos is None:  # counted again since the page was made: it shows other photos than these
            return pages.error_page("wipe_refused")
        in_use = {self._settings_store.active.context.id}
        try:
            receipt = wipe.wipe(self._spool, Plan((photos,), everything=False), unsent=True, in_use=in_use)
        except WipeError as error:
            log.error("wipe failed reason=%s", error)
            is_begun = wipe_journal.read(self._spool.directory) is not None
            return pages.error_page("wipe_failed" if is_begun else "wipe_refused")
        finally:
            context = self._settings_store.active.context
            if photos.event in (context.link_id, context.id):
                self._recount()
        if receipt.left:
            return pages.result_page("wiped_but", receipt.left)
        return pages.result_page("wiped", receipt.taken)

    def _with_networks(self, wiped: Page) -> Page:
        """The result of a wipe, with the question whether networks go too, if codes gave any."""
        return menu.forget_page(wiped) if wiped.is_good and self._root.number("count-networks") else wiped

    def _forget_networks(self) -> Page:
        count = self._root.number("forget-networks")
        return pages.error_page("code_not_taken") if count is None else pages.result_page("networks_forgotten", count)

    def _switch_off(self) -> Page | None:
        """Ask root's helper; return an error page unless it says that the shutdown has begun."""
        is_done = self._root.ask("power-off", {}).outcome is Outcome.DONE
        return None if is_done else pages.error_page("no_helper")

    def _read_code(self) -> Page | None:
        """Read codes until there is one, which is posted; an error page where the library can't be loaded."""
        try:
            self._code_reading.run()
        except ImportError:
            log.exception("no code can be read")
            return pages.error_page("no_code_reader")
        return None

    def _use_code(self, action: actions.UseCode) -> Page:
        """Have root's helper take the code; it is in force before a network is joined. What it leaves out stays."""
        code = self._with_event(action.code if isinstance(action.code, BoothCode) else BoothCode(wifi=action.code))
        is_new_event = bool(code.link_id) and self._meant_album(code) is None
        settings, network = parted(code)
        if settings is not None and (answer := self._take_settings(settings)).outcome is not Outcome.DONE:
            return _not_taken(answer)
        turns = iter(range(int(RESULT_TIMEOUT_S / _POLL_S)))
        result, ssid = "", network.wifi.ssid if network is not None and network.wifi is not None else ""
        if network is not None:
            answer = self._root.ask("settings", {"code": codes.make(network).reveal()}, turns)
            if answer.outcome is not Outcome.DONE:
                return _not_taken(answer)
            result = answer.detail
        self._hint_uploader(hint := "choices" if self._is_paused else "retry")
        turns = itertools.islice(turns, int(_UPLOADER_TIMEOUT_S / _POLL_S))
        result = self._portal_or(result, ssid, turns)
        album_id = self._choose_album(code, turns) if is_new_event and not code.album_id else code.album_id
        if assigned := assign.take_along(self._spool, code.link_id, album_id) if action.take_along else 0:
            self._hint_uploader(hint)
        if network is not None and result != WifiResult.JOINED:
            return records.replace(pages.error_page(f"wifi_{result}"), title=ssid)
        rules = "" if action.knows_country else "_world"
        if network is not None and settings is None:
            return pages.result_page(f"wifi_joined{rules}", title=ssid)
        return pages.result_page(f"code_taken{'_along' if assigned else ''}{rules}", assigned)

    def _take_settings(self, settings: BoothCode) -> Answer:
        """Have root's helper take these settings, and put them in force if it did."""
        answer = self._root.ask("settings", {"code": codes.make(settings).reveal()})
        if answer.outcome is not Outcome.DONE:
            return answer
        self._settings_store.refresh()
        chosen = {"link_id": settings.link_id, "album_id": settings.album_id} if settings.link_id else {}
        chosen |= {"language": settings.language} if settings.language else {}
        if chosen:  # a choice may stand over the code
            self._settings_store.choose(**chosen)
        return answer

    def _use_stick(self, action: actions.TakeStick | actions.CopyPhotos) -> Page | None:
        if isinstance(action, actions.CopyPhotos):
            return stick_copies.begin(action, self._runtime, self._spool.clock, self._root, self._ended)
        return self._take_stick()

    def _take_stick(self) -> Page:
        """Have root's helper take the stick's file; ask about photos from before if it names another event."""
        before = self._settings_store.active.context.link_id
        answer = self._root.ask("stick", {})
        if answer.outcome is not Outcome.DONE:
            return _not_taken(answer)
        self._settings_store.refresh()
        self._hint_uploader("choices" if self._is_paused else "retry")
        if answer.detail != StickResult.TAKEN:
            return pages.error_page(f"stick_{answer.detail}")
        context = self._settings_store.active.context
        if context.link_id in ("", before):
            return pages.result_page("stick_taken")
        if not context.album_id:
            self._choose_album(BoothCode(link_id=context.link_id), iter(range(int(_UPLOADER_TIMEOUT_S / _POLL_S))))
            context = self._settings_store.active.context
        if not (count := len(assign.without_event(self._spool))):
            return pages.result_page("stick_taken")
        known = [event for event in self._spool.events() if event.link_id == context.link_id]
        event = known[0] if known else AlbumEvent("", context.link_id)
        album = Album(context.album_id, "") if context.album_id else None
        return menu.take_along_page(event, album, count)

    def _with_event(self, code: BoothCode) -> BoothCode:
        """The code with all that is to be in force of the event as soon as root has it, before a network is joined.

        Without an album it gets that of the event in use, or the one that is meant for this box.
        """
        if not code.link_id or code.album_id:
            return code
        in_use = self._settings_store.active.context
        if in_use.link_id == code.link_id:
            return records.replace(code, album_id=in_use.album_id)
        return records.replace(code, album_id=self._meant_album(code) or "")

    def _meant_album(self, code: BoothCode) -> str | None:
        """Id of the album in the code's event that is meant for this box, "" = none; None = event unknown."""
        found = next((event for event in self._spool.events() if event.link_id == code.link_id), None)
        if found is None:
            return None
        meant = booth_album(found.albums, code.name or self._settings_store.active.config.name, self._spool.box)
        return meant.id if meant is not None else ""

    def _choose_album(self, code: BoothCode, turns: Iterator[int]) -> str:
        """Choose the album meant for this box as soon as the uploader has listed an event that was new; its id.

        Not in mid-event: where a photo was taken for it meanwhile, the others follow.
        """
        while (album_id := self._meant_album(code)) is None and self._waits(turns):
            pass
        context = self._settings_store.active.context
        is_open = context.link_id == code.link_id and not context.album_id
        taken_for = {name.context for place in COMMITTED for name in self._spool.names(place)}
        if not album_id or not is_open or context.id in taken_for:
            return ""
        answer = self._take_settings(BoothCode(link_id=code.link_id, album_id=album_id))
        return album_id if answer.outcome is Outcome.DONE else ""

    def _waits(self, turns: Iterator[int]) -> bool:
        """Wait a moment for the uploader, which a new key starts anew; False at the end of `turns`."""
        return next(turns, None) is not None and not self._ended.wait(_POLL_S)

    def _portal_or(self, result: str, ssid: str, turns: Iterator[int]) -> str:
        """`result`, or that a network which was joined asks for a login, as soon as the uploader can tell."""
        if result != WifiResult.JOINED:
            return result
        while (report := status.read_uploader(self._runtime)) is not None:
            if (report.state in _ONLINE and not report.is_untried) or not self._waits(turns):
                break
        is_portal = report is not None and report.state is UploaderState.PORTAL and report.wifi.ssid == ssid
        return "portal" if is_portal else result

    @property
    def _is_paused(self) -> bool:
        """Whether uploads are paused; the hint to try again would end that."""
        return self._settings_store.active.config.upload.paused

    def _hint_uploader(self, word: str) -> None:
        with contextlib.suppress(PermissionError):  # another user's uploader: it looks without a hint too
            send_hint(self._runtime, "uploader", word)


def _not_taken(answer: Answer) -> Page:
    """Error page of what root's helper did not take, or not wholly."""
    return pages.error_page("keeps_nothing" if answer.detail == KEEPS_NOTHING else "code_not_taken")


def _usage(key: str, photos: EventPhotos) -> EventUsage:
    title = "" if photos.is_without_event else photos.title
    return EventUsage(key, photos.event, title, photos.taken, len(photos.unsent), not photos.is_without_event)
