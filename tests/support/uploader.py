"""A booth's spool, the real uploader and the local EventPics, with clocks that are moved by hand."""

from __future__ import annotations

import dataclasses
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from piboothup import status
from piboothup.clock import Clock
from piboothup.config import Config, EventPicsConfig, Secret, SpoolConfig, UploadConfig
from piboothup.runtime import send_hint
from piboothup.simulator.faults import Fault
from piboothup.simulator.server import DEMO_KEY, LocalEventPics, hold_port
from piboothup.spool.contexts import Context
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.schedule.scheduler import Step, Wait
from piboothup.uploader.service import Uploader
from piboothup.uploader.transport.certificate_dates import NowMs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.wifi import Wifi
from tests.support.clock import HandClock
from tests.support.commands import environment
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR
from tests.support.photos import PARTY, jpeg, open_spool, take
from tests.support.server import Liar, brings_to

_LOOK_S = 0.002


def connect(url: str, key: Secret, clock: Clock, now_ms: NowMs) -> EventPicsApi:
    """Transport of the uploader that waits for this machine however slow it is."""
    return EventPicsApi(url, key, clock, transport=Transport(clock, plain_http=True, limits=FAR, now_ms=now_ms))


class Desk:
    """Real files, real sockets on loopback, real threads; only time and randomness are injected.

    Time moves when every thread of the uploader is idle, however long this machine takes over that: so nothing is
    late that isn't late by the injected clock.
    """

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.server_clock = HandClock()
        self.runtime = root / "run"
        self.runtime.mkdir()
        self.album = LocalEventPics(root / "album", self.server_clock)
        self.booth = open_spool(root / "spool", self.clock)
        self.config = Config(
            eventpics=EventPicsConfig(
                api_key=Secret(DEMO_KEY), api_url=self.album.url, link_id="abcd1234", album_id="a1"
            ),
            spool=SpoolConfig(directory=str(root / "spool"), allow_memory=True),
            upload=UploadConfig(workers=1),
        )
        self._held_port = hold_port()
        """A port at which nobody listens."""
        self.front: Liar | None = None
        self.uploader: Uploader | None = None
        self._thread: threading.Thread | None = None
        self._taken = 0
        self._stirs = 0
        self._looked: dict[str, int] = {}
        """The last stir that each thread of the uploader has followed and found nothing more to do."""
        self._to_write = self._written = 0
        """Number of the status that is to be written, and of the one that was."""

    def configure(self, **eventpics: Any) -> None:
        """Change values in [eventpics]."""
        changed = dataclasses.replace(self.config.eventpics, **eventpics)
        self.config = dataclasses.replace(self.config, eventpics=changed)

    def take(self, context: Context = PARTY, *, hint: bool = False) -> PhotoName:
        """Save a photo; with `hint` the uploader gets the booth's hint."""
        self._taken += 1
        name = take(self.booth, jpeg(self._taken), context)
        if hint:
            send_hint(self.runtime, "uploader", "new", str(name))
        return name

    def start(self, spool: Spool | None = None, **more: Any) -> None:
        """Start the uploader."""
        spool = spool or Spool(self.booth.directory, self.clock, "serial-1")
        spool.prepare()
        more = {"random_fn": lambda: 0.5, "connect": connect, "read_wifi": Wifi, **more}
        self.uploader = Uploader(self.config, spool, self.clock, self.runtime, **more)
        self._watch(self.uploader)
        self._thread = threading.Thread(target=self.uploader.run)
        self._thread.start()
        self.until(lambda: self.said() != {}, "the uploader to say how it is")

    def start_command(self, program: str = "") -> subprocess.Popen[bytes]:
        """Start the uploader as its own process: the real command, or within a `program` in Python."""
        config = self.runtime / "config.toml"
        table = self.config.eventpics
        config.write_text(
            f'[eventpics]\napi_key = "{DEMO_KEY}"\nlink_id = "{table.link_id}"\nalbum_id = "{table.album_id}"\n'
            f'api_url = "{table.api_url}"\n[spool]\ndirectory = "{self.booth.directory}"\nallow_memory = true\n'
            "[upload]\nworkers = 1\n"
        )
        start = [sys.executable, "-c", program] if program else [sys.executable, "-m", "piboothup"]
        return subprocess.Popen(
            [*start, "--config", str(config), "uploader"],
            env=environment(self.runtime),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def put_behind_tls(self, certificate: ssl.SSLContext) -> Liar:
        """Put EventPics behind TLS, as in the world; the result counts what it received."""
        self.front = Liar(brings_to(self.album.port), tls=certificate)
        self.album.url = self.front.url
        self.configure(api_url=self.front.url)
        return self.front

    def stop(self) -> bool:
        """Stop it as SIGTERM does; whether it ended."""
        if self.uploader is None or self._thread is None:
            return True
        self.uploader.stop()
        self._thread.join(PATIENCE_S)
        ended = not self._thread.is_alive()
        self.uploader = self._thread = None
        return ended

    def end(self) -> None:
        """Stop everything."""
        self.album.close()
        self._held_port.close()
        if self.front is not None:
            self.front.__exit__()
        assert self.stop()

    def rest(self) -> None:
        """Let the threads work until none has anything to do unless time moves, and the status says how it is."""
        for _ in range(3):  # what one of them leaves to another, that one finds the next time
            self.stir()
            self.until(self._is_at_rest, "it to come to rest")
        self.until(lambda: self._written == self._to_write, "the status to be written")

    def pass_s(self, seconds: float, *, meanwhile: bool = False) -> None:
        """Move time: when all threads are idle, or `meanwhile`, in the middle of their work.

        The main thread, which nothing blocks, has processed it before this returns.
        """
        if not meanwhile:
            self.rest()
        self._let_pass(seconds)
        if self.uploader is not None:
            self.until(lambda: self._looked.get("main") == self._stirs, "the main thread to follow")

    def stir(self) -> None:
        """Make the uploader read its clock."""
        if self.uploader is not None:
            self._stirs += 1
            self.uploader.wake()

    def until(self, happened: Callable[[], bool], what: str, *, step_s: float = 0.0) -> None:
        """Let the threads work until the condition holds, time moving in steps (standing still if 0)."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / _LOOK_S)):
            if happened():
                return
            if step_s and self._is_at_rest():
                self._let_pass(step_s)
            pause.wait(_LOOK_S)
        raise AssertionError(f"waited for {what}; the uploader says {self.said()}")

    def until_sent(self, *names: PhotoName, step_s: float = 0.0) -> None:
        """Wait until these photos are in sent/."""
        self.until(lambda: all(self.lies_in(SENT, name) for name in names), f"{names} in sent/", step_s=step_s)

    def until_state(self, state: str, step_s: float = 0.0) -> None:
        """Wait until the uploader reports this state."""
        self.until(lambda: self.said().get("state") == state, f"state {state}", step_s=step_s)

    def lies_in(self, place: str, name: PhotoName) -> bool:
        """Whether the photo is in that folder."""
        return self.booth.path(name, place).exists()

    def waiting(self) -> int:
        """Number of photos in new/."""
        return sum(1 for _ in self.booth.names(NEW))

    def said(self) -> dict[str, Any]:
        """Status of the uploader."""
        return status.read(self.runtime, "uploader") or {}

    def hint(self, *words: str) -> None:
        """Send a hint to the uploader."""
        send_hint(self.runtime, "uploader", *words)

    def stored(self, name: PhotoName, link_id: str = "abcd1234", album_id: str = "a1") -> bytes | None:
        """Bytes of the photo in the album."""
        path = self.album.path_of(link_id, album_id, name.file_name)
        return path.read_bytes() if path.exists() else None

    def uploads_of(self, name: PhotoName) -> list[dict[str, Any]]:
        """Accepted PUTs of the photo in the album."""
        return [upload for upload in self.album.uploads() if upload["fileName"] == name.file_name]

    def refuse(self, photo: PhotoName, call: str, storage: Liar) -> None:
        """Refuse this photo and no other: in `getuploadurl` with a 400, or at this `storage`."""
        grant = self.album.grant

        def picky(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
            if asked.get("fileName") != photo.file_name:
                return grant(asked)
            return (400, {}) if call == "getuploadurl" else (200, {"uploadUrl": f"{storage.url}/put"})

        self.album.grant = picky  # type: ignore[method-assign]

    def lose_storage(self, times: int = 0) -> None:
        """Make the storage unreachable so many times (0 = for ever); EventPics answers."""
        host, port = self._held_port.getsockname()
        answer = json.dumps({"uploadUrl": f"http://{host}:{port}/put"})
        self.album.add_fault(Fault(call="getuploadurl", status=200, body=answer, times=times))

    def _let_pass(self, seconds: float) -> None:
        for clock in (self.clock, self.server_clock):
            clock.pass_s(seconds)
        self.stir()

    def _watch(self, uploader: Uploader) -> None:
        """Track the progress of each thread: nothing in the uploader reports it."""
        line, looked = uploader._scheduler, self._looked
        keep_up, next_step = uploader._run_due_tasks, line.next_step
        looked.clear()
        self._to_write = self._written = 0

        def watched_keep_up() -> None:
            stirs = self._stirs
            keep_up()
            looked["main"] = stirs

        def watched_next_step() -> Step:
            stirs = self._stirs
            step = next_step()
            looked[threading.current_thread().name] = stirs if isinstance(step, Wait) else -1
            return step

        write = uploader._status_writer.do

        def watched_write(task: Callable[[], None]) -> None:
            self._to_write += 1
            number = self._to_write

            def watched_task() -> None:
                try:
                    task()
                finally:
                    self._written = number

            write(watched_task)

        uploader._status_writer.do = watched_write  # type: ignore[method-assign]
        uploader._run_due_tasks = watched_keep_up  # type: ignore[method-assign]
        line.next_step = watched_next_step  # type: ignore[method-assign]

    def _is_at_rest(self) -> bool:
        if self.uploader is None:
            return True
        seen = list(self._looked.values())
        return len(seen) == 1 + self.config.upload.workers and min(seen) == self._stirs
