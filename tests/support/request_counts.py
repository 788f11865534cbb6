"""An hour of the real uploader under one kind of answer, in simulated time: number of requests per call.

Scheduler, worker, calls and spool are the real ones; they are driven by hand, step by step, on one thread. The
transport is a fake: an hour of real exchanges takes minutes, and tests elsewhere cover it over real sockets.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from piboothup.config import Config, EventPicsConfig, Secret, SpoolConfig, UploadConfig
from piboothup.spool.contexts import Context
from piboothup.spool.listing import NEW, PARKED, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.schedule.scheduler import Probe, Send
from piboothup.uploader.service import Uploader
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer, Validity
from piboothup.uploader.wifi import Wifi
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take
from tests.support.refusal_pages import Page

API, STORAGE, PLAIN = "api.eventpics.example", "storage.example", "plain http"

Said = tuple[int, Page] | Outcome
"""Answer in place of a good one: a status and a body, or a reason for none."""

_CALL_S: Final = 0.3
_PUT_S: Final = 2.0
_TICK_S: Final = 30.0


class Hour:
    """Booth with waiting photos; a guest presses every two minutes."""

    def __init__(self, folder: Path, said: Mapping[ApiCall, Said], *, waiting: int = 20, seed: int = 1) -> None:
        """`said`: answers to these calls while it lasts; all others succeed."""
        self.said: Mapping[ApiCall, Said] = said
        self.said_plainly: Said = Outcome.CONNECT
        """Answer to plain http: no connection by default."""
        self.clock = HandClock()
        self.asked: Counter[str] = Counter()
        """Number of requests per host."""
        self.bodies = 0
        """Number of photo bodies sent, complete or not."""
        self.refused = 0
        """Number of requests answered as `said`."""
        self._context = PARTY
        self._taken = 0
        (folder / "run").mkdir()
        self._booth = open_spool(folder / "spool", self.clock)
        for _ in range(waiting):
            self.take()
        config = Config(
            eventpics=EventPicsConfig(
                api_key=Secret("key"), api_url=f"https://{API}", link_id="abcd1234", album_id="a1"
            ),
            spool=SpoolConfig(directory=str(folder / "spool"), allow_memory=True),
            upload=UploadConfig(workers=1),
        )
        spool = Spool(self._booth.directory, self.clock, "serial-1")
        spool.prepare()
        self.uploader = Uploader(
            config,
            spool,
            self.clock,
            folder / "run",
            random_fn=random.Random(seed).random,
            connect=lambda url, key, clock, now_ms: EventPicsApi(url, key, clock, transport=_Rule(self)),
            read_wifi=Wifi,
        )

    def take(self, context: Context | None = None) -> PhotoName:
        """Take a photo."""
        self._taken += 1
        return take(self._booth, jpeg(self._taken % 50), context or self._context)

    def count(self, place: str) -> int:
        """Number of photos in the folder."""
        return sum(1 for _ in self._booth.names(place))

    def __enter__(self) -> Hour:
        return self

    def __exit__(self, *_: object) -> None:
        self.uploader._woken.close()
        self.uploader._wake.close()
        self.uploader._workers[0].session.close()

    @property
    def new(self) -> int:
        """Number of waiting photos."""
        return self.count(NEW)

    @property
    def sent(self) -> int:
        """Number of sent photos."""
        return self.count(SENT)

    @property
    def parked(self) -> int:
        """Number of parked photos."""
        return self.count(PARKED)

    def pass_s(
        self, seconds: float, *, press_every_s: float = 120.0, until: Callable[[], bool] | None = None
    ) -> None:
        """Run the uploader for so long, or until the condition holds."""
        until_s = self.clock.boottime_s + seconds
        press_s = self.clock.boottime_s + press_every_s
        line, worker = self.uploader._scheduler, self.uploader._workers[0]
        while self.clock.boottime_s < until_s and not (until and until()):
            if self.clock.boottime_s >= press_s:
                press_s += press_every_s
                self.take()
            self.uploader._run_due_tasks()
            step = line.next_step()
            assert step is not None
            if isinstance(step, Probe | Send):
                before_s = self.clock.boottime_s
                worker.run_step(step)
                assert self.clock.boottime_s > before_s or isinstance(step, Send)
                continue
            due_s = self.clock.boottime_s + _TICK_S if step.until_ns is None else step.until_ns / 1e9 + 1e-6
            self.clock.pass_s(max(1e-3, min(due_s - self.clock.boottime_s, _TICK_S, press_s - self.clock.boottime_s)))


class _Rule(Transport):
    """Transport that answers by the hour's rule."""

    def __init__(self, hour: Hour) -> None:
        super().__init__(hour.clock)
        self._hour = hour

    def exchange(
        self,
        method: str,
        url: Secret,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
        *,
        deadline_s: float,
    ) -> Answer:
        call = {"GET": ApiCall.EVENTS, "POST": ApiCall.UPLOAD_URL, "PUT": ApiCall.PUT}[method]
        assert self.allows(url.reveal())
        self._hour.asked[urlsplit(url.reveal()).hostname or ""] += 1
        self._hour.bodies += call is ApiCall.PUT
        self._hour.refused += call in self._hour.said
        said = self._hour.said.get(call, (200, _GOOD[call]))
        return self._answer(said, _PUT_S if call is ApiCall.PUT else _CALL_S)

    def get_plain_http(self, host: str, deadline_s: float) -> Answer:
        self._hour.asked[PLAIN] += 1
        return self._answer(self._hour.said_plainly, _CALL_S)

    def get_date(self, url: str, deadline_s: float) -> Answer:
        self._hour.asked[API] += 1
        return self._answer(self._hour.said.get(ApiCall.EVENTS, (200, Page("", ""))), _CALL_S)

    def _answer(self, said: Said, took_s: float) -> Answer:
        started_ns = self._hour.clock.boottime_ns()
        self._hour.clock.pass_s(took_s)
        if isinstance(said, Outcome):
            raise LinkError(said)
        status, page = said
        told = dict(line.split(": ", 1) for line in page.headers)
        now_ns = self._hour.clock.boottime_ns()
        return Answer(
            status,
            page.content_type,
            page.body.encode(),
            True,
            True,
            formatdate(self._hour.clock.wall_ns() / 1e9, usegmt=True),
            told.get("Retry-After", ""),
            started_ns,
            now_ns,
            location=told.get("Location", ""),
            validity=Validity(0, 2**42),
        )


_ALBUMS = [{"id": "a1", "title": "Booth"}]
_GOOD: Final = {
    ApiCall.EVENTS: Page(
        "application/json", json.dumps({"events": [{"title": "P", "linkId": "abcd1234", "albums": _ALBUMS}]})
    ),
    ApiCall.UPLOAD_URL: Page("application/json", json.dumps({"uploadUrl": f"https://{STORAGE}/p?sig=x"})),
    ApiCall.PUT: Page("", ""),
}
