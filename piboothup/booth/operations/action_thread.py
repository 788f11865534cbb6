"""The thread that runs what was chosen in the menu, one action after the other.

What actions need is imported by this thread, when the booth is ready: no guest waits for it before. The result of an
action is posted as an event; it is not shown if the menu was left by then.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from piboothup.booth.flow import pages
from piboothup.booth.flow.actions import MenuAction
from piboothup.booth.flow.events import ActionDone, Event
from piboothup.booth.threads import set_background

if TYPE_CHECKING:
    from piboothup.booth.operations.action_runner import ActionRunner

log = logging.getLogger(__name__)


def runner_class() -> type[ActionRunner]:
    """The class of the runner, with all that actions need."""
    from piboothup.booth.operations.action_runner import ActionRunner  # noqa: PLC0415

    return ActionRunner


class _Load(MenuAction):
    """Only has the runner loaded."""


class ActionThread:
    """The background thread of menu actions."""

    def __init__(self, make_runner: Callable[[threading.Event], ActionRunner], post: Callable[[Event], None]) -> None:
        """`make_runner` loads and makes the runner; its event is set when the booth ends."""
        self._make_runner = make_runner
        self._post = post
        self._actions: queue.SimpleQueue[MenuAction | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="actions", daemon=True)
        self.is_loading = False
        """Whether the runner is being loaded, or was."""
        self.runner: ActionRunner | None = None
        """None until it is loaded."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def load(self) -> None:
        """Load the runner before the first action. Never waits."""
        self.is_loading = True
        self._actions.put(_Load())

    def submit(self, action: MenuAction) -> None:
        """Queue an action. Never waits."""
        self._actions.put(action)

    def stop(self, timeout_s: float) -> None:
        """End the thread after the running action; a wipe that takes longer goes on at the next start."""
        self._ended.set()
        self._actions.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def on_test_press(self) -> None:
        """Take the press that the self-test's step of the button asks for; for the loop, never waits."""
        if self.runner is not None:
            self.runner.self_test.on_test_press()

    def _run(self) -> None:
        set_background()
        while (action := self._actions.get()) is not None and not self._ended.is_set():
            try:
                self.runner = self.runner or self._make_runner(self._ended)
                if isinstance(action, _Load):
                    continue
                log.warning("menu action begins name=%s", type(action).__name__)
                page = self.runner.execute(action)
            except OSError as error:
                log.error("menu action failed name=%s reason=%s", type(action).__name__, error.strerror or error)
                page = pages.error_page("not_kept")
            except Exception:  # the top of the thread: the menu goes on
                log.exception("menu action failed name=%s", type(action).__name__)
                page = pages.error_page("not_kept")
            if page is not None and not isinstance(action, _Load):
                self._post(ActionDone(action, page))
