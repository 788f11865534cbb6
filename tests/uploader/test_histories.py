"""Random evenings of the whole uploader: whatever was answered and whenever, each photo is where it belongs.

Real threads, sockets and files; what is random is what the server answers, when the network is there, when the
service is restarted, and when a photo is taken for which event.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piboothup.simulator.faults import Drop, Fault
from piboothup.spool import handover
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.names import PhotoName
from tests.support.effort import some
from tests.support.photos import jpeg
from tests.support.server import close_idle_connections
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

EVENTS = [context_for("abcd1234", "a1", ""), context_for("abcd1234", "a2", ""), context_for("tomorrow1", "", "")]
REFUSALS = [400, 405, 413, 415, 422]
"""What may park a photo."""
STATUSES = [*REFUSALS, 202, 206, 301, 307, 401, 403, 404, 408, 410, 429, 500, 502, 503, 511]

faults = st.builds(
    Fault,
    call=st.sampled_from(["geteventsandalbums", "getuploadurl", "put"]),
    status=st.sampled_from([0, *STATUSES]),
    body=st.sampled_from(["", "{}", "[]", '{"uploadUrl": "http://10.0.0.1/"}', '{"events": 7}', "\x00"]),
    headers=st.sampled_from([{}, {"Retry-After": "7"}, {"Retry-After": "soon"}, {"ETag": '"0"'}, {"Date": "x"}]),
    drop=st.sampled_from(["", "", "", *Drop]),
    redirect=st.sampled_from(["", "", "", "", "/", "http://127.0.0.1:1/", "https://portal.example/"]),
    html=st.sampled_from([False, False, False, True]),
    times=st.integers(1, 3),
)
steps = st.one_of(
    st.tuples(st.just("lie"), st.lists(faults, max_size=4)),
    st.tuples(st.just("work"), st.none()),
    st.tuples(st.just("work"), st.none()),
    st.tuples(st.just("take"), st.sampled_from(EVENTS)),
    st.tuples(st.just("pass"), st.sampled_from([0.5, 5.0, 31.0, 61.0, 250.0, 3700.0])),
    st.tuples(st.sampled_from(["offline", "online", "restart", "retry", "hang up"]), st.none()),
)


def is_lie(fault: Fault) -> bool:
    """Whether it answers or drops anything; not when it says that a photo was stored, which is proof (F2)."""
    if fault.call == "put" and 200 <= fault.status < 300 and not fault.html:
        return False
    return bool(fault.status or fault.html or fault.redirect or fault.drop)


@contextlib.contextmanager
def fresh_desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="piboothup-evening-") as folder:
        desk = Desk(Path(folder))
        desk.album.events.append({"title": "Tomorrow", "linkId": "tomorrow1", "albums": []})
        try:
            yield desk
        finally:
            desk.end()


class Evening:
    """One desk, and what must always hold of the photos taken at it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.photos: dict[PhotoName, tuple[Context, bytes]] = {}
        self._pause = threading.Event()
        desk.start()

    def do(self, what: str, value: Any) -> None:
        """One step of the evening."""
        desk = self.desk
        if what == "lie":
            desk.album.add_fault(*(fault for fault in value if is_lie(fault)))
        elif what == "work":
            self._let_work()
        elif what == "take":
            name = desk.take(value, hint=True)
            self.photos[name] = (value, jpeg(len(self.photos) + 1))
        elif what == "pass":
            desk.pass_s(value, meanwhile=True)
        elif what == "restart":
            assert desk.stop()
            desk.start()
        elif what == "retry":
            desk.hint("retry")
        elif what == "hang up":
            close_idle_connections(desk.album)
        else:
            desk.album.online = what == "online"

    def _let_work(self) -> None:
        """Time goes by and the threads get to work until a few more calls were made; no check depends on how many."""
        before = self.desk.album.calls.total()
        for _ in range(40):
            if self.desk.album.calls.total() >= before + 3:
                break
            self.desk.pass_s(2.0, meanwhile=True)
            self._pause.wait(0.002)

    def check(self) -> None:
        """Nothing is lost, nothing is called sent without proof, nothing lies in a wrong album."""
        desk = self.desk
        uploaded = [(upload["fileName"], upload["linkId"], upload["albumId"]) for upload in desk.album.uploads()]
        own = {name.file_name: (context.link_id, context.album_id) for name, (context, _) in self.photos.items()}
        assert all(own[file_name] == (link_id, album_id) for file_name, link_id, album_id in uploaded)
        for name, (context, content) in self.photos.items():
            was_sent = desk.lies_in(SENT, name)  # asked first: it may be on its way there
            places = [place for place in (NEW, SENT, PARKED, QUARANTINE) if desk.lies_in(place, name)]
            assert places in ([NEW], [SENT], [PARKED]) or (NEW in places and not was_sent), places
            if was_sent:
                assert desk.booth.path(name, SENT).read_bytes() == content
                assert desk.stored(name, context.link_id, context.album_id) == content

    def settle(self) -> None:
        """The network comes back and nobody lies any more: every photo that is not parked gets into its album."""
        desk = self.desk
        desk.album.add_fault()
        desk.album.online = True
        for name in self.photos:
            parked = desk.booth.path(name, PARKED)
            if parked.exists():
                assert any(str(status) in parked.with_suffix(".txt").read_text() for status in REFUSALS)
        desk.hint("retry")
        desk.until(self._are_all_sent, "every photo to be in its album", step_s=5.0)

    def _are_all_sent(self) -> bool:
        """Whether they are; one that the last lie has parked, be it only now, is brought back."""
        if handover.retry_parked(self.desk.booth):
            self.desk.hint("retry")
        return all(self.desk.lies_in(SENT, name) for name in self.photos)


WORK = ("work", None)


@example([("lie", [Fault("put", status=413, times=3)]), WORK, WORK])
@example([("lie", [Fault("put", status=503, times=3)]), WORK, ("restart", None), WORK])
@example([("lie", [Fault("put", drop=Drop.ANSWER, times=2)]), WORK, ("pass", 250.0), WORK])
@example([("take", EVENTS[1]), ("lie", [Fault("getuploadurl", status=404)]), WORK, ("take", EVENTS[2]), WORK])
@given(st.lists(steps, max_size=16))
@some(12)
def test_c09_random_evening_no_photo_lost_unproven_or_misplaced(evening: list[Any]) -> None:
    with fresh_desk() as desk:
        lived = Evening(desk)
        lived.do("take", EVENTS[0])
        for what, value in evening:
            lived.do(what, value)
            lived.check()
        lived.settle()
        lived.check()
