"""Simulated box in a folder: config, spool, the two real services as processes, and a power cut.

The services are the commands that run on a Pi; only their devices are simulated. `pull_plug` kills both with SIGKILL
at any point of their work, as a power cut would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from piboothup import status
from piboothup.clock import SystemClock
from piboothup.process import child_environment, command
from piboothup.runtime import send_hint
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.status import BoothReport, UploaderReport

_POLL_INTERVAL_S = 0.02
_PATIENCE_S = 60.0

_CONFIG = """\
config_version = 1
name = "{name}"

[eventpics]
api_key = "{key}"
link_id = "abcd1234"
album_id = "a1"
api_url = "{api_url}"

[capture]
countdown_s = {countdown_s}
review_s = {review_s}

[button]
hold_s = {hold_s}
menu = "always"

[spool]
directory = "{spool}"
allow_memory = true
min_free_mb = 10

[devices]
simulated = true
"""


class TookTooLong(RuntimeError):
    """Timeout of a wait; the text says what was waited for."""


class Appliance:
    """One simulated box."""

    def __init__(
        self,
        root: Path,
        api_url: str,
        key: str,
        name: str = "Demo booth",
        countdown_s: int = 0,
        review_s: float = 0.3,
        hold_s: float = 5.0,
    ) -> None:
        self.root = root
        self.runtime = root / "run"
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config = root / "config.toml"
        self.spool = Spool(root / "spool", SystemClock())
        self.log = root / "log.txt"
        self.process: subprocess.Popen[bytes] | None = None
        """Process that runs both services, and leads their group."""
        text = _CONFIG.format(
            name=name,
            key=key,
            api_url=api_url,
            countdown_s=countdown_s,
            review_s=review_s,
            hold_s=hold_s,
            spool=self.spool.directory,
        )
        self.config.write_text(text, encoding="utf-8")

    @property
    def powered(self) -> bool:
        """Whether the services run."""
        return self.process is not None and self.process.poll() is None

    def power_on(self) -> None:
        """Start both services, as `piboothup run` does; they end with the thread that calls this."""
        environment = {**child_environment(), "PIBOOTHUP_RUNTIME": str(self.runtime)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command("--config", str(self.config), "run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def pull_plug(self) -> None:
        """Kill both services at once with SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def power_off(self) -> None:
        """Ask both services to end, and wait until they have ended."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        self.process.wait()
        self.process = None

    def press(self, word: str = "press") -> bool:
        """Press the button ("down" and "up": hold it); return False when no booth listens."""
        return send_hint(self.runtime, "booth", word)

    def retry(self) -> bool:
        """Make the uploader retry now."""
        return send_hint(self.runtime, "uploader", "retry")

    def booth(self) -> BoothReport:
        """Status of the booth; "stopped" when it does not run."""
        return status.read_booth(self.runtime) or BoothReport()

    def uploader(self) -> UploaderReport:
        """Status of the uploader; "stopped" when it does not run."""
        return status.read_uploader(self.runtime) or UploaderReport()

    def photos(self, *places: str) -> list[PhotoName]:
        """Photos on the card, oldest first."""
        found = [name for place in places or (NEW, SENT) for name in self.spool.names(place)]
        return sorted(found, key=lambda name: name.order)

    def take(self, timeout_s: float = _PATIENCE_S) -> None:
        """Press when the booth is ready, and wait for "saved"."""
        wait_until(lambda: self.booth().state == "ready", "the booth to be ready", timeout_s)
        counted, before = self.booth().photos, set(self.photos())
        self.press()

        def is_saved() -> bool:
            return self.booth().photos > counted and not before.issuperset(self.photos())

        wait_until(is_saved, "the photo to be saved", timeout_s)


def wait_until(happened: Callable[[], bool], what: str, timeout_s: float = _PATIENCE_S) -> None:
    """Poll until the condition holds. Raises TookTooLong."""
    pause, end_s = threading.Event(), time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > end_s:
            raise TookTooLong(f"Waited {timeout_s:.0f} s for {what}.")
        pause.wait(_POLL_INTERVAL_S)
