r"""The booth's state machine: pure. An event comes in, a new state and a list of effects go out.

    starting -> ready -> countdown -> exposing -> saving -> review -> ready
                  ^  \        |           |          |
                  |   menu    | (held)    |          |
                  +-----------+-- fault <-+----------+

* The menu's page that awaits a code before the lens, and the question about a stick, are the state setup: there too a
  press starts a photo; at the question it is the release that does, or 1 s of it agrees.
* A press in ready or review starts a photo; so does one in a fault that is only a notice ("not saved: press again").
* A photo that can be taken back is held meanwhile (see `take_back`).
* A press while a photo is under way starts nothing; a busy hint answers it (`busy_hint_until_ns`).
* With a countdown no photo is taken while the button is down: held for 1 s it cancels the countdown, and its
  release starts a fresh one or opens the menu (see `long_press`).
* A problem that stops photos (no camera, a full card) is the state fault for as long as it lasts.
* A card that keeps a photo waiting is a fault until the photo is saved or lost: no press takes a second photo.
* Photos that can't be saved, or that a streaming camera does not give, are a fault after some failures; before the
  first ready, and from time to time in that fault, a test photo is taken (see `save_health`).

Times are nanoseconds of the boot-time clock. **Zero** is the end of the countdown, or the button's edge when there is
none. Nothing here waits, draws, reads a clock or touches a device: `service` carries out the effects.
"""

from __future__ import annotations

from piboothup.booth.flow import capture, long_press, menu, offers, take_back
from piboothup.booth.flow.capture import SAVING_TIMEOUT_NS
from piboothup.booth.flow.events import (
    ActionDone,
    ButtonEvent,
    ButtonTried,
    CameraEvent,
    CameraLost,
    CameraReady,
    Capture,
    CaptureFailed,
    CodeHinted,
    CodeRead,
    Discard,
    DownAtStart,
    Effect,
    Event,
    Exposed,
    MenuEvent,
    Pressed,
    Released,
    Saved,
    SaveTested,
    SavingFailed,
    SelfTestPressed,
    SelfTestProgress,
    SharpnessMeasured,
    Stop,
    StorageChecked,
    StorageEvent,
    Tapped,
    Tick,
    TrySaving,
    Withdrawn,
)
from piboothup.booth.flow.long_press import LONG_PRESS_NS, SECOND_NS, Press, ReleaseEffect
from piboothup.booth.flow.pages import Page, PageKind, unanswered
from piboothup.booth.flow.state import IDLE_STATES, Booth, FlowSettings
from piboothup.booth.flow.transitions import not_taken, open_page, photo_failed, settle_if_idle, settle_state
from piboothup.problems import problem
from piboothup.records import replace
from piboothup.status import BoothState

BUSY_HINT_NS = 800_000_000
"""How long the busy hint is shown, nanoseconds."""
DOUBLE_PRESS_NS = SECOND_NS
"""A second press within this time after the self-test's press does not close the self-test, nanoseconds."""

TEST_FRAME_AGE_NS = SECOND_NS
"""Greatest age of the frame for the test photo at the start; in a fault it is as new as for a guest's photo."""

_Step = tuple[Booth, tuple[Effect, ...]]


def step(booth: Booth, event: Event, now_ns: int, settings: FlowSettings) -> _Step:
    """The next state after `event`, and the effects to carry out."""
    booth, effects = _react(booth, event, now_ns, settings)
    booth, more = _test_saving(booth, now_ns)
    return booth, (*effects, *more)


def _react(booth: Booth, event: Event, now_ns: int, settings: FlowSettings) -> _Step:
    if booth.state is BoothState.STOPPING:
        return booth, (Discard(event.frame),) if isinstance(event, Exposed) else ()
    match event:
        case Pressed() | Released() | Tapped() | DownAtStart():
            return _on_button(booth, event, now_ns, settings)
        case CameraReady() | CameraLost() | Exposed() | CaptureFailed():
            return _on_camera(booth, event, now_ns, settings)
        case StorageChecked() | SavingFailed() | SaveTested() | Saved() | Withdrawn():
            return _on_storage(booth, event, now_ns, settings), ()
        case SharpnessMeasured() | SelfTestProgress() | CodeHinted() | CodeRead() | ActionDone():
            return _on_menu_answer(booth, event, now_ns, settings), ()
        case ButtonTried():
            return settle_if_idle(replace(booth, awaits_button=False)), ()
        case Tick():
            booth, effects = _still_pressed(booth, now_ns, settings)
            booth, more = _tick(booth, now_ns, settings)
            booth, offered = offers.offer(booth, now_ns, settings)
            booth, released = take_back.release(booth, now_ns)
            return booth, (*effects, *more, *offered, *released)
        case Stop():
            return replace(booth, state=BoothState.STOPPING, until_ns=None, page=None), take_back.release_all(booth)


def _on_button(booth: Booth, event: ButtonEvent, now_ns: int, settings: FlowSettings) -> _Step:
    match event:
        case Pressed(edge_ns):
            return _pressed(replace(booth, press=Press(edge_ns), stuck=False), edge_ns, now_ns, settings)
        case Released(edge_ns):
            return _released(booth, edge_ns, now_ns, settings)
        case Tapped() if booth.press is not None:  # the button itself is down: its release counts
            return replace(booth, busy_hint_until_ns=now_ns + BUSY_HINT_NS), ()
        case Tapped(edge_ns):
            booth, effects = _on_button(booth, Pressed(edge_ns), now_ns, settings)
            booth, more = _on_button(booth, Released(edge_ns), now_ns, settings)
            return booth, (*effects, *more)
        case DownAtStart(at_ns):
            return replace(booth, press=Press(at_ns, consumed=True)), ()


def _on_camera(booth: Booth, event: CameraEvent, now_ns: int, settings: FlowSettings) -> _Step:
    match event:
        case CameraReady():
            return settle_if_idle(replace(booth, camera_ready=True, camera_problem=None)), ()
        case CameraLost(cause):
            lost = replace(booth, camera_ready=False, camera_problem=cause)
            if booth.state in (BoothState.COUNTDOWN, BoothState.EXPOSING):
                return photo_failed(lost, cause, not_taken(cause), now_ns), ()
            if booth.state is BoothState.SETUP:  # there is nothing to read codes with: it is told
                return settle_state(lost), ()
            return settle_if_idle(lost), ()
        case Exposed(frame, zero_ns) if zero_ns == booth.health.asked_ns:
            return replace(booth, health=booth.health.test_saving(now_ns + SAVING_TIMEOUT_NS)), (TrySaving(frame),)
        case Exposed(frame, zero_ns):
            return capture.exposed(booth, frame, zero_ns, now_ns, settings)
        case CaptureFailed(cause, zero_ns) if zero_ns == booth.health.asked_ns:
            failed = replace(booth, health=booth.health.test_frame_failed(not_taken(cause), now_ns))
            return settle_if_idle(failed), ()
        case CaptureFailed(cause, zero_ns) if booth.state is BoothState.EXPOSING and zero_ns == booth.zero_ns:
            return photo_failed(booth, cause, not_taken(cause), now_ns), ()
    return booth, ()


def _on_storage(booth: Booth, event: StorageEvent, now_ns: int, settings: FlowSettings) -> Booth:
    match event:
        case StorageChecked(found):
            mended = found is None and booth.storage_problem is not None
            health = booth.health.hurried(now_ns) if mended else booth.health
            return settle_if_idle(replace(booth, storage_problem=found, health=health))
        case SavingFailed(notice, reason):  # shown in an open menu too: a photo is lost
            return photo_failed(replace(capture.unsaved(booth), storage_stuck=None), notice, reason, now_ns)
        case SaveTested(reason):
            health = booth.health.test_saved() if reason is None else booth.health.test_failed(reason, now_ns)
            return settle_if_idle(replace(booth, storage_stuck=None, health=health))
        case Withdrawn(failure):
            return take_back.withdrawn(booth, failure, now_ns)
        case Saved():
            return capture.saved(booth, event, now_ns, settings)


# -- the button ------------------------------------------------------------------------------------------------


def _pressed(booth: Booth, edge_ns: int, now_ns: int, settings: FlowSettings) -> _Step:
    if booth.state is BoothState.SETUP and booth.page is not None and booth.page.item is None:
        booth = settle_state(booth)
    if booth.page is not None:
        return _pressed_in_menu(booth, booth.page, now_ns, settings)
    if booth.holds_photo:
        return replace(booth, busy_hint_until_ns=0), ()
    return _photo(booth, edge_ns, now_ns, settings)


def _photo(booth: Booth, edge_ns: int, now_ns: int, settings: FlowSettings) -> _Step:
    if not booth.takes_photos or edge_ns < booth.saved_ns:  # one that began before "saved" was meant for that photo
        return replace(booth, busy_hint_until_ns=now_ns + BUSY_HINT_NS), ()
    return capture.start(booth, edge_ns, now_ns, settings)


def _still_pressed(booth: Booth, at_ns: int, settings: FlowSettings) -> _Step:
    """Act on how long the button has been down at `at_ns`."""
    press = booth.press
    if press is None or booth.stuck:
        return booth, ()
    if press.age_ns(at_ns) >= long_press.STUCK_AFTER_NS:
        stuck = replace(booth, press=replace(press, consumed=True), stuck=True)
        return (settle_state(stuck) if booth.page is not None else stuck), ()
    if press.consumed or press.age_ns(at_ns) < LONG_PRESS_NS:
        return booth, ()
    if booth.page is not None:
        return _long_press_in_menu(booth, booth.page, press, at_ns, settings)
    if booth.holds_photo:
        return take_back.withdraw(booth, at_ns)
    if (series := booth.series) is not None and series.awaits_shot and booth.state is not BoothState.EXPOSING:
        return capture.end_series(booth, series, at_ns, settings), ()
    if booth.state is BoothState.COUNTDOWN:
        return replace(settle_state(booth), press=replace(press, wants_photo=True)), ()
    seen_enough = at_ns - booth.saved_ns >= LONG_PRESS_NS  # "saved" stays that long though its press goes on
    return (settle_state(booth) if booth.state is BoothState.REVIEW and seen_enough else booth), ()


def _released(booth: Booth, edge_ns: int, now_ns: int, settings: FlowSettings) -> _Step:
    """Act on the release, by how long the button was down at the edge."""
    booth, effects = _still_pressed(booth, edge_ns, settings)
    press, starts_next = booth.press, booth.holds_photo
    booth = replace(booth, press=None, stuck=False)
    if press is None or press.consumed:
        return booth, effects
    if starts_next:
        return _photo(booth, press.edge_ns, now_ns, settings)
    if booth.page is not None:
        if press.age_ns(edge_ns) >= LONG_PRESS_NS:
            return booth, effects
        if booth.page.takes_photos:
            return _photo(settle_state(booth), press.edge_ns, now_ns, settings)
        return open_page(booth, menu.next_item(booth.page), now_ns, settings), effects
    if booth.state is BoothState.COUNTDOWN and now_ns >= booth.zero_ns:
        return capture.expose(replace(booth, zero_ns=max(booth.zero_ns, edge_ns)), now_ns)
    progress = long_press.progress_to_menu(press, edge_ns, settings.hold_s) if booth.state in IDLE_STATES else None
    if progress is not None and progress.effect is ReleaseEffect.MENU:
        return open_page(booth, menu.main_page(settings.options, now_ns), now_ns, settings), effects
    if press.wants_photo and booth.takes_photos:  # also after a short press whose release was handled late
        return capture.start(booth, edge_ns, now_ns, settings)
    return booth, effects


# -- the menu --------------------------------------------------------------------------------------------------


def _pressed_in_menu(booth: Booth, page: Page, now_ns: int, settings: FlowSettings) -> _Step:
    """On a page with items wait for the release; else close the page, or confirm the self-test's question.

    A second press within a second is ignored.
    """
    if page.items:
        return open_page(booth, page, now_ns, settings), ()
    consumed = replace(booth, press=Press(now_ns, consumed=True))
    if page.report is not None and page.report.asks_for_press:
        return open_page(consumed, replace(page, press_seen_ns=now_ns), now_ns, settings), (SelfTestPressed(),)
    if page.press_seen_ns is not None and now_ns - page.press_seen_ns < DOUBLE_PRESS_NS:
        return replace(consumed, busy_hint_until_ns=now_ns + BUSY_HINT_NS), ()
    return settle_state(consumed), ()


def _long_press_in_menu(booth: Booth, page: Page, press: Press, now_ns: int, settings: FlowSettings) -> _Step:
    if page.item is None or press.age_ns(now_ns) < int(page.item.hold_s * SECOND_NS):
        return booth, ()
    if page.operator_only and not settings.options.allows_operator(now_ns):
        return settle_state(replace(booth, press=replace(press, consumed=True))), ()
    next_page, action = menu.choose(page, settings.options, now_ns)
    consumed = replace(booth, press=replace(press, consumed=True))
    return open_page(consumed, next_page, now_ns, settings), (action,) if action is not None else ()


def _on_menu_answer(booth: Booth, event: MenuEvent, now_ns: int, settings: FlowSettings) -> Booth:
    """The menu with the answer that it waited for; unchanged if it was left meanwhile."""
    page = booth.page
    match event:
        case SharpnessMeasured(sharpness) if page is not None and page.kind is PageKind.AIM:
            best = max(page.best_sharpness, sharpness)
            return replace(booth, page=replace(page, sharpness=sharpness, best_sharpness=best))
        case SelfTestProgress(report) if page is not None and page.kind is PageKind.SELF_TEST:
            after = open_page(booth, replace(page, report=report), now_ns, settings)
            return replace(after, busy_hint_until_ns=booth.busy_hint_until_ns)  # new results do not end the hint
        case CodeHinted(hint) if page is not None and page.kind is PageKind.READ_CODE:
            return replace(booth, page=replace(page, text_key=hint))
        case CodeRead(code) if page is not None and page.kind is PageKind.READ_CODE:
            from piboothup.booth.flow.code_pages import page_of_code  # noqa: PLC0415  (no start pays for it)

            return open_page(booth, page_of_code(code, settings.options), now_ns, settings)
        case ActionDone(action, result) if page is not None and (next_page := menu.page_after(page, action, result)):
            return open_page(booth, next_page, now_ns, settings)
        case _:
            return booth


# -- the photo -------------------------------------------------------------------------------------------------


def _test_saving(booth: Booth, now_ns: int) -> _Step:
    """Take the next step of the test photo when it is due."""
    health = booth.health
    if health.is_under_way and now_ns >= health.until_ns:
        if not health.is_saving:
            return replace(booth, health=health.test_frame_missing(now_ns)), ()
        return settle_if_idle(replace(booth, storage_stuck=problem("card_stuck"), health=health.test_stuck())), ()
    if health.wants_test and booth.tests_saving and now_ns >= health.until_ns:
        asked_ns = now_ns if health.fault is not None else now_ns - TEST_FRAME_AGE_NS
        return replace(booth, health=health.test_asked(asked_ns, now_ns)), (Capture(asked_ns),)
    return booth, ()


def _tick(booth: Booth, now_ns: int, settings: FlowSettings) -> _Step:
    if booth.until_ns is None or now_ns < booth.until_ns or booth.awaits_release(now_ns):
        return booth, ()
    if booth.state is BoothState.COUNTDOWN:
        return capture.expose(booth, now_ns)
    if booth.state is BoothState.EXPOSING:
        cause = problem("camera_stuck")
        return photo_failed(booth, cause, not_taken(cause), now_ns), ()
    if booth.state is BoothState.SAVING:
        return settle_state(replace(booth, storage_stuck=problem("card_stuck"))), ()
    if booth.page is not None and booth.page.kind is PageKind.COUNTRY:  # what it was asked for is confirmed
        page, action = menu.choose(unanswered(booth.page), settings.options, now_ns)
        shown = replace(page, operator_only=False) if page is not None else None  # the result too
        return open_page(booth, shown, now_ns, settings), (action,) if action is not None else ()
    return settle_state(replace(booth, notice=None)), ()
