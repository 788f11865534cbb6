"""A venue's network in the kernel: two namespaces and a cable between them; addresses, routes and the cable change.

The box's clock runs at the speed of the wall clock, so asserted durations are real seconds, less those in which a
busy machine keeps the box from running.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.listing import SENT
from piboothup.spool.names import PhotoName
from piboothup.uploader.transport import happy_eyeballs
from piboothup.uploader.transport.messages import Limits
from tests.lab.venue.world import NAME, NAME_SERVER
from tests.support.ca import Authority, Connect
from tests.support.deadline import PATIENCE_S
from tests.support.name_server import serve_names
from tests.support.photos import jpeg
from tests.support.uploader import Desk

SERVER, SERVER6 = "9.9.9.9", "2620:fe::9"
"""Public addresses, as a photo is sent to no private address; here they lead only to the other namespace."""
ROUTER, PORTAL = "192.168.7.1", "10.9.9.1"
"""Routers: of the venue, and of the other network."""
HANGS_ONCE = [{"call": "put", "stall_s": 3600, "times": 1}]


@pytest.fixture(autouse=True)
def own_network() -> None:
    """Keep the machine's own addresses and routes from being changed."""
    if os.environ.get("PIBOOTHUP_VENUE_LAB") != "own network":
        pytest.fail("tests/lab/venue/run starts this, in a network namespace of its own")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Venue(Desk):
    """A desk at one end of a cable, and the world at the other end."""

    def __init__(self, root: Path, faults: list[dict[str, Any]]) -> None:
        super().__init__(root)
        self.folder = root / "world"
        self.folder.mkdir()
        authority = Authority(root)
        self.connect = Connect(authority, http_port=80, limits=Limits())
        self.patient = Connect(authority, http_port=80)
        authority.write_certificate(self.folder / "certificate.pem", SERVER, NAME)
        (self.folder / "faults.json").write_text(json.dumps(faults))
        words = ["unshare", "--net", sys.executable, "-m", "tests.lab.venue.world"]
        self._world = subprocess.Popen([*words, self.folder, SERVER])
        self._portal: subprocess.Popen[bytes] | None = None
        self._lay_cable()
        self.until(lambda: self._read("url").startswith("https://"), "the world to begin")
        self.configure(api_url=self._read("url"))

    def _lay_cable(self) -> None:
        there = ["nsenter", "--target", str(self._world.pid), "--net", "ip"]
        own = Path("/proc/self/ns/net").readlink()
        self.until(lambda: Path(f"/proc/{self._world.pid}/ns/net").readlink() != own, "the other namespace")
        ip("link", "set", "lo", "up")
        ip("link", "add", "venue", "type", "veth", "peer", "name", "world", "netns", str(self._world.pid))
        for words in (
            "link set lo up",
            f"address add {ROUTER}/24 dev world",
            f"address add {SERVER}/32 dev world",
            f"address add {NAME_SERVER}/32 dev world",
            "address add fd07::1/64 dev world nodad",
            "link set world up",
        ):
            subprocess.run([*there, *words.split()], check=True, capture_output=True)
        ip("link", "set", "venue", "up")
        ip("address", "add", "fd07::2/64", "dev", "venue", "nodad")
        self.come_by("192.168.7.20")

    def lose_full_packets(self) -> None:
        """Drop long packets to the world without a word, as a tunnel with a smaller MTU may."""
        there = ["nsenter", "--target", str(self._world.pid), "--net", "ip"]
        for words in (
            "link set dev world mtu 1300",
            "route replace 192.168.7.0/24 dev world src 192.168.7.1 advmss 1460",  # it does not know
        ):
            subprocess.run([*there, *words.split()], check=True, capture_output=True)
        ip("link", "set", "dev", "venue", "gso_max_segs", "1")  # else no packet of its own is on the cable

    def come_by(self, address: str, before: str = "") -> None:
        """Replace the box's address."""
        if before:
            ip("address", "delete", f"{before}/24", "dev", "venue")
        ip("address", "add", f"{address}/24", "dev", "venue")
        ip("route", "replace", "default", "via", ROUTER)

    def plug_in_dead_network(self, *, router: bool) -> None:
        """Plug in a network that the kernel prefers and that leads nowhere: a switch, or a modem without a signal.

        `router`: there is one, which drops all; else its address answers nobody.
        """
        ip("link", "add", "other", "type", "veth", "peer", "name", "end")
        ip("link", "set", "end", "up")
        self._prefer_other()
        if router:
            ip("neighbour", "replace", PORTAL, "lladdr", "02:00:00:00:00:99", "dev", "other")

    def name_servers(self, *servers: str) -> None:
        """Write these into /etc/resolv.conf, as NetworkManager does; EventPics is found by its name from now on."""
        own = self.folder / "resolv.conf"
        own.write_text("".join(f"nameserver {server}\n" for server in servers))
        subprocess.run(["mount", "--bind", own, "/etc/resolv.conf"], check=True)
        self.configure(api_url=self._read("url").replace(SERVER, NAME))

    def plug_in_portal(self, behaviour: str) -> None:
        """Plug in a network that the kernel prefers and that answers in every server's place: see `portal`."""
        Authority(self.folder).write_certificate(self.folder / "portal.pem", "portal.example")
        port = urlsplit(self._read("url")).port or 0
        words = ["unshare", "--net", sys.executable, "-m", "tests.lab.venue.portal", behaviour]
        self._portal = portal = subprocess.Popen([*words, self.folder / "portal.pem", SERVER, str(port), PORTAL])
        own = Path("/proc/self/ns/net").readlink()
        self.until(lambda: Path(f"/proc/{portal.pid}/ns/net").readlink() != own, "the portal's namespace")
        ip("link", "add", "other", "type", "veth", "peer", "name", "portal", "netns", str(portal.pid))
        there = ["nsenter", "--target", str(portal.pid), "--net", "ip"]
        for does in (
            f"address add {PORTAL}/24 dev portal",
            "link set portal up",
            f"address add {SERVER}/32 dev portal",
        ):
            subprocess.run([*there, *does.split()], check=True, capture_output=True)
        self._prefer_other()
        self.until(lambda: _answers(SERVER, port), "the portal to begin")

    def _prefer_other(self) -> None:
        ip("link", "set", "other", "up")
        ip("address", "add", "10.9.9.2/24", "dev", "other")
        ip("route", "delete", "default")
        ip("route", "add", "default", "via", ROUTER, "dev", "venue", "metric", "600")
        ip("route", "add", "default", "via", PORTAL, "dev", "other", "metric", "100")

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def is_uploading(self) -> bool:
        """Whether a PUT has begun to arrive in the world."""
        return (self.folder / "uploading").exists()

    def until_true(self, happened: Any, what: str, seconds: float) -> None:
        """Wait until the condition holds, at the speed of the wall clock; at most so many seconds."""
        pause, end_s = threading.Event(), self.clock.boottime_s + seconds
        while not happened():
            assert self.clock.boottime_s < end_s, f"no {what}: {self.said()}"
            began_s = time.monotonic()
            pause.wait(0.05)
            self.pass_s(min(time.monotonic() - began_s, 0.1), meanwhile=True)

    def until_in_album(self, name: PhotoName, seconds: float) -> None:
        """Wait until the photo is in sent/ and complete in the album."""
        self.until_true(lambda: self.lies_in(SENT, name), "photo in sent/", seconds)
        assert (self.folder / f"album/abcd1234/a1/{name.file_name}").read_bytes() == jpeg(1)
        assert len(self._read("album/uploads.jsonl").splitlines()) == 1

    def end(self) -> None:
        super().end()
        ip("link", "delete", "venue")
        subprocess.run(["ip", "link", "delete", "other"], check=False, capture_output=True)
        if (self.folder / "resolv.conf").exists():
            subprocess.run(["umount", "/etc/resolv.conf"], check=True)
        for process in filter(None, (self._world, self._portal)):
            process.terminate()
            process.wait(PATIENCE_S)


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.fixture
def venue(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Venue]:
    made = Venue(tmp_path, getattr(request, "param", []))
    yield made
    made.end()


@pytest.mark.parametrize("venue", [HANGS_ONCE], indirect=True)
def test_n17_address_change_mid_upload_resumes_within_30_s(venue: Venue) -> None:
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_true(venue.is_uploading, "PUT", PATIENCE_S)
    venue.come_by("192.168.7.21", before="192.168.7.20")
    venue.until_in_album(name, 30.0)


def test_n17_kept_connection_of_old_network_not_used_on_next(venue: Venue) -> None:
    first = venue.take()
    venue.start(connect=venue.connect)
    venue.until_true(lambda: venue.lies_in(SENT, first), "first photo", PATIENCE_S)
    venue.come_by("192.168.7.21", before="192.168.7.20")
    second = venue.take(hint=True)
    venue.until_true(lambda: venue.lies_in(SENT, second), "second photo", 30.0)


def test_n03_silent_ipv6_route_does_not_delay_first_photo(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    ip("-6", "neighbour", "add", "fd07::99", "lladdr", "02:00:00:00:00:99", "dev", "venue")  # nobody has it
    ip("-6", "route", "add", f"{SERVER6}/128", "via", "fd07::99")

    def both(host: str, port: int, family: int, kind: int) -> list[Any]:
        found = SERVER6 if family == socket.AF_INET6 else SERVER
        return [(socket.AddressFamily(family), kind, 0, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    name = venue.take()
    venue.start(connect=venue.patient)  # by that way it would be connected in a thousand seconds
    venue.until_in_album(name, PATIENCE_S)


def test_n01_photo_taken_with_cable_out_arrives_once_back(venue: Venue) -> None:
    first = venue.take()
    venue.start(connect=venue.connect)
    venue.until_true(lambda: venue.lies_in(SENT, first), "first photo", PATIENCE_S)
    ip("link", "set", "venue", "down")
    second = venue.take(hint=True)
    venue.until_true(lambda: venue.said()["state"] != "idle", "word of it", 20.0)
    ip("link", "set", "venue", "up")
    ip("route", "replace", "default", "via", ROUTER)
    venue.until_true(lambda: venue.lies_in(SENT, second), "second photo", 35.0)
    assert DEMO_KEY not in json.dumps(venue.said())


def test_n36_photo_arrives_though_full_packets_get_lost(venue: Venue) -> None:
    venue.lose_full_packets()
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 150.0)


@pytest.mark.parametrize("router", [True, False])
def test_n38_photo_arrives_though_preferred_network_is_dead(venue: Venue, router: bool) -> None:
    venue.plug_in_dead_network(router=router)
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 60.0)


def test_n38_dead_network_is_plugged_in_mid_evening(venue: Venue) -> None:
    first = venue.take()
    venue.start(connect=venue.connect)
    venue.until_true(lambda: venue.lies_in(SENT, first), "first photo", PATIENCE_S)
    venue.plug_in_dead_network(router=True)
    second = venue.take(hint=True)
    venue.until_true(lambda: venue.lies_in(SENT, second), "second photo", 150.0)


def test_n38_preferred_network_that_is_back_is_used_again(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other may be a modem's, whose volume costs money: a connection that is in use would be kept for ever."""
    monkeypatch.setattr(happy_eyeballs, "_KEPT_S", 5.0)
    venue.plug_in_dead_network(router=True)
    by: list[str] = []
    real = happy_eyeballs.NameLookups.note_network

    def note(lookups: happy_eyeballs.NameLookups, device: str) -> None:
        by.append(device)
        real(lookups, device)

    monkeypatch.setattr(happy_eyeballs.NameLookups, "note_network", note)
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 60.0)
    assert set(by) == {"venue"}
    ip("route", "delete", "default", "dev", "other")
    until_s = time.monotonic() + PATIENCE_S
    while by[-1]:
        assert time.monotonic() < until_s
        name = venue.take(hint=True)
        venue.until_true(lambda name=name: venue.lies_in(SENT, name), "photo", 30.0)


@pytest.mark.parametrize("behaviour", ["signs-in", "cuts-off", "carries-nothing"])
def test_n38_preferred_network_answers_by_itself(venue: Venue, behaviour: str) -> None:
    venue.plug_in_portal(behaviour)
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 120.0)


@pytest.mark.parametrize("behaviour", ["signs-in", "cuts-off", "carries-nothing"])
def test_n38_preferred_network_lies_about_names(venue: Venue, behaviour: str) -> None:
    """Its name server stands first and leads to itself, as a modem's without a signal may."""
    venue.name_servers(PORTAL, NAME_SERVER)
    venue.plug_in_portal(behaviour)
    assert socket.gethostbyname(NAME) == PORTAL
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 120.0)


@pytest.mark.parametrize("router", [True, False])
def test_n38_name_server_lies_beyond_dead_network(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, router: bool
) -> None:
    """The kernel's way to the Wi-Fi's name server is the dead network, unless that server is next door."""
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:5")  # as the unit has it
    venue.plug_in_dead_network(router=router)
    venue.name_servers(PORTAL, NAME_SERVER)
    name = venue.take()
    venue.start(connect=venue.connect)
    venue.until_in_album(name, 60.0)


def test_n38_dead_network_knows_no_names(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router without a line that denies every name: glibc believes it and asks no other."""
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:5")
    venue.plug_in_dead_network(router=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as denies:
        denies.bind(("10.9.9.2", 53))
        threading.Thread(target=serve_names, args=(denies, {}), daemon=True).start()
        venue.name_servers("10.9.9.2", NAME_SERVER)
        name = venue.take()
        venue.start(connect=venue.connect)
        venue.until_in_album(name, 60.0)
