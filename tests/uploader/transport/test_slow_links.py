"""What the uploader makes of a link: slow, stalled, cut at any moment. Real sockets, real seconds, scaled down."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from tests.support.deadline import PATIENCE_S
from tests.support.photos import take
from tests.support.proxy import Link
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow


class Venue(Desk):
    """A desk with a link between the uploader and EventPics."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.link = Link(self.album.port)
        self.album.url = self.link.url
        self.configure(api_url=self.link.url)

    def take_bytes(self, size: int, seed: int = 0) -> PhotoName:
        """A photo of this size; what is in it does not matter to the uploader."""
        return take(self.booth, random.Random(seed).randbytes(size))

    def on_the_card(self) -> int:
        """How many photos lie in new/ or sent/, however they move meanwhile."""
        return len({name for place in (NEW, SENT, NEW) for name in self.booth.names(place)})

    def end(self) -> None:
        super().end()
        self.link.__exit__()


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path)
    yield made
    made.end()


def test_n09_photo_over_very_slow_hotspot_completes(venue: Venue) -> None:
    """8 MB at 30 kB/s: the link is two hundred times as fast, the uploader's clock goes by what it has carried."""
    name = venue.take_bytes(8_000_000)
    venue.link.rate_bps = 6_000_000 * 8
    venue.start()
    began_s = venue.clock.boottime_s

    def has_arrived() -> bool:
        venue.clock.boottime_s = began_s + venue.link.carried_bytes / 30_000
        venue.stir()
        return venue.lies_in(SENT, name)

    venue.until(has_arrived, "the photo to arrive")
    assert venue.clock.boottime_s - began_s > 260
    assert venue.album.calls["put"] == 1
    assert venue.said()["problems"] == []


def test_n10_stall_mid_photo_then_resume_loses_nothing(venue: Venue) -> None:
    name = venue.take_bytes(400_000)
    venue.link.rate_bps = 4_000_000
    venue.start()
    venue.until(lambda: venue.link.carried_bytes > 100_000, "a part of the photo to be through")
    venue.link.stall()
    venue.pass_s(25.0, meanwhile=True)
    assert venue.album.uploads() == []
    venue.link.go_on()
    venue.until_sent(name)
    assert venue.album.calls["put"] == 1


def test_n10_endless_stall_given_up_photo_goes_over_next_link(venue: Venue) -> None:
    name = venue.take_bytes(400_000)
    venue.link.rate_bps = 4_000_000
    venue.start()
    venue.until(lambda: venue.link.carried_bytes > 100_000, "a part of the photo to be through")
    venue.link.stall()
    venue.pass_s(120.0 + 400_000 / 4_000 + 1, meanwhile=True)
    venue.until(lambda: venue.said()["state"] != "uploading", "the PUT to be cut")
    assert venue.waiting() == 1
    venue.link.cut()
    venue.link.go_on()
    venue.until_sent(name, step_s=0.5)
    assert len(venue.uploads_of(name)) == 1


def test_a_connection_that_comes_as_the_link_is_cut_is_reset(venue: Venue) -> None:
    """Else nobody would ever answer it: the cut comes in the turn of the link's loop that finds the connection."""
    entered, has_come = threading.Event(), threading.Event()

    def wait_then_cut() -> None:
        venue.link._loop.call_later(0, venue.link._close)
        entered.set()
        assert has_come.wait(PATIENCE_S)

    venue.link._loop.call_soon_threadsafe(wait_then_cut)
    assert entered.wait(PATIENCE_S)
    with socket.create_connection(("127.0.0.1", venue.link.port), PATIENCE_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        has_come.set()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize("seed", range(2))
def test_any_link_trouble_photos_arrive_intact_and_mostly_once(venue: Venue, seed: int) -> None:
    """A random evening of cuts, stalls, slowness and presses; then the link is good and everything is there."""
    rng = random.Random(seed)
    names: list[PhotoName] = []
    cuts, began_s = 0, venue.clock.boottime_s
    pause = threading.Event()
    venue.start()
    for number in range(18):
        change = rng.choice(["cut", "stall", "good", "slow", "good"])
        cuts += change == "cut"
        if change in ("cut", "stall"):
            getattr(venue.link, change)()
        else:
            venue.link.rate_bps = None if change == "good" else rng.choice([200_000.0, 2_000_000.0])
            venue.link.go_on()
        for _ in range(rng.randrange(3)):
            names.append(venue.take_bytes(rng.choice([1_000, 30_000, 120_000]), 100 * number + len(names)))
            venue.hint("new", str(names[-1]))
        for _ in range(rng.randrange(1, 8)):
            venue.pass_s(rng.choice([0.1, 1.0, 10.0]), meanwhile=True)
            pause.wait(0.01)
        assert venue.on_the_card() == len(names)
    venue.link.rate_bps = None
    venue.link.go_on()
    venue.until_sent(*names, step_s=1.0)
    for name in names:
        stored = venue.stored(name)
        assert stored is not None
        assert stored == venue.booth.path(name, SENT).read_bytes()
    given_up = (venue.clock.boottime_s - began_s) // 120.0  # no PUT is, before that
    assert len(venue.album.uploads()) <= len(names) + cuts + given_up  # one more for each answer that was lost
