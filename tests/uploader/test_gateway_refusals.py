"""F3: something on the way refuses in EventPics' place, to a right key: the whole uploader, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from piboothup.problems import problem
from piboothup.simulator.faults import Fault
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW, PARKED
from tests.support.effort import covering, sample
from tests.support.refusal_pages import PAGES, Page
from tests.support.server import Liar, Story, brings_to, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

CALLS = ["geteventsandalbums", "getuploadurl", "upload"]
"""The first part of the path of each."""


def meaning(status: int) -> str:
    """What the status would say of a key, an event or a photo if it came from EventPics."""
    return {401: "key", 403: "key", 404: "event", 410: "event", 400: "photo", 413: "size"}.get(status, "nothing")


class Firewall:
    """Stands before EventPics and its storage, and answers some calls by itself while it is shut."""

    def __init__(self, desk: Desk, page: Page, status: int) -> None:
        self.shut: set[str] = set()
        self.refused = 0
        self.desk = desk
        self._through = brings_to(desk.album.port)
        content_type = (f"Content-Type: {page.content_type}",) if page.content_type else ()
        self._refuses = says(f"{status} No", page.body.encode(), *content_type, *page.headers)
        self.front = Liar(self._story)
        desk.album.url = self.front.url
        desk.configure(api_url=self.front.url)

    def _story(self, liar: Liar, connection: socket.socket) -> None:
        """Looks at the first request; as with many of them the connection is good for that one alone."""
        head = connection.recv(4096, socket.MSG_PEEK)
        call = head.split(b" ", 2)[1].decode().strip("/").partition("/")[0].partition("?")[0]
        story: Story = self._through
        if call in self.shut:
            self.refused += 1
            story = self._refuses

        class Once:
            """The connection, hung up after one answer."""

            def sendall(self, content: bytes) -> None:
                connection.sendall(content)
                raise ConnectionResetError

            def __getattr__(self, name: str) -> object:
                return getattr(connection, name)

        story(liar, Once())  # type: ignore[arg-type]


@pytest.fixture
def firewalls() -> Iterator[list[Firewall]]:
    made: list[Firewall] = []
    yield made
    for firewall in made:
        firewall.front.__exit__()


def blocked_for(firewall: Firewall, calls: list[str], minutes: int) -> None:
    """A photo arrives; then it is shut for so long while photos are taken, and opened; all arrive within a minute."""
    desk = firewall.desk
    desk.start()
    desk.until_sent(desk.take(hint=True))
    firewall.shut |= set(calls)
    names = [desk.take(hint=True) for _ in range(3)]
    desk.until(lambda: desk.said()["problems"] == ["blocked"], "the block to be told", step_s=1.0)
    for _ in range(2 * minutes):
        desk.pass_s(30.0)
    desk.rest()
    assert desk.said()["problems"] == ["blocked"]
    assert desk.said()["state"] == "offline"
    assert desk.said()["reason"] == str(problem("blocked"))
    assert all(desk.lies_in(NEW, name) for name in names)
    assert list(desk.booth.names(PARKED)) == []
    assert minutes / 2 <= firewall.refused <= 3 * minutes
    firewall.shut.clear()
    opened_s = desk.clock.boottime_s
    desk.until_sent(*names, step_s=1.0)
    assert desk.clock.boottime_s - opened_s <= 60.0
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong", step_s=1.0)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *sample(((name, 403) for name in PAGES), lambda case: PAGES[case[0]].content_type),
        *((name, status) for name in ("fortigate", "nothing") for status in (401, 404)),
    ],
)
def test_f03_a_page_to_all_calls_is_no_word_of_the_key(
    desk: Desk, firewalls: list[Firewall], name: str, status: int
) -> None:
    firewalls.append(Firewall(desk, PAGES[name], status))
    blocked_for(firewalls[0], CALLS, minutes=5)


@pytest.mark.parametrize("status", sample([401, 403, 404, 410, 451, 400, 405, 406], meaning))
def test_f03_a_page_to_getuploadurl_alone_blames_no_event(desk: Desk, firewalls: list[Firewall], status: int) -> None:
    firewalls.append(Firewall(desk, PAGES["fortigate"], status))
    blocked_for(firewalls[0], ["getuploadurl"], minutes=20)


@pytest.mark.parametrize("status", sample([403, 413, 401, 404, 451, 400, 405, 406], lambda status: status == 413))
def test_f03_a_page_to_the_put_alone_parks_no_photo(desk: Desk, firewalls: list[Firewall], status: int) -> None:
    firewalls.append(Firewall(desk, PAGES["fortigate"], status))
    blocked_for(firewalls[0], ["upload"], minutes=20)


CHALLENGES = [
    (202, "x-amzn-waf-action: challenge"),
    (405, "x-amzn-waf-action: captcha"),
    (403, "cf-mitigated: challenge"),
]


@pytest.mark.parametrize(("challenge", "calls"), covering(CHALLENGES, [CALLS, ["getuploadurl"], ["upload"]]))
def test_f03_a_firewalls_empty_challenge_sends_and_parks_nothing(
    desk: Desk, firewalls: list[Firewall], challenge: tuple[int, str], calls: list[str]
) -> None:
    status, header = challenge
    firewalls.append(Firewall(desk, Page("", "", (header,)), status))
    blocked_for(firewalls[0], calls, minutes=5)


def test_f03_a_block_is_told_at_the_first_start_too(desk: Desk, firewalls: list[Firewall]) -> None:
    firewall = Firewall(desk, PAGES["squid"], 403)
    firewalls.append(firewall)
    firewall.shut |= set(CALLS)
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["blocked"], "the block to be told")
    firewall.shut.clear()
    desk.until_sent(name, step_s=1.0)


def test_f03_the_apis_own_refusal_still_asks_for_a_new_key(desk: Desk) -> None:
    desk.album.add_fault(Fault(status=401, body='{"error": "invalid API key"}'))
    desk.start()
    desk.until_state("refused")
    assert desk.said()["problems"] == ["key_refused"]


WRONG_KEY = {
    "nothing": (401, ""),
    "text": (401, "Unauthorized"),
    "aws": (401, '{"message":"Unauthorized"}'),
    "a bare word": (401, '{"error": "Unauthorized"}'),
    "aws, 403": (403, '{"message":"Forbidden"}'),
    "fastapi": (401, '{"detail":"Invalid API key"}'),
    "json:api": (403, '{"errors":[{"message":"Invalid API key"}]}'),
}


@pytest.mark.parametrize(("status", "body"), WRONG_KEY.values(), ids=WRONG_KEY)
def test_f03_a_key_never_accepted_is_told_whatever_the_form(
    desk: Desk, firewalls: list[Firewall], status: int, body: str
) -> None:
    firewall = Firewall(desk, Page("", body), status)
    firewalls.append(firewall)
    firewall.shut |= {"geteventsandalbums", "getuploadurl"}
    name = desk.take()
    desk.start()
    desk.until_state("refused")
    assert desk.said()["problems"] == ["key_refused"]
    firewall.shut.clear()  # a right key is put in
    desk.until_sent(name, step_s=1.0)
    firewall.shut |= {"geteventsandalbums", "getuploadurl"}
    desk.take(hint=True)
    desk.until(lambda: desk.said()["problems"] == ["blocked"], "the block to be told", step_s=1.0)


@pytest.mark.parametrize(
    ("body", "link_id", "status"),
    covering(
        ['{"detail":"Event not found"}', "", "Not Found", '{"message":"Not Found"}'],
        ["abcd1234", "gone0000"],
        [403, 404],
    ),
)
def test_f03_a_doubtful_refusal_of_a_url_blames_no_listed_event(
    desk: Desk, firewalls: list[Firewall], status: int, body: str, link_id: str
) -> None:
    """Only one that the event list lacks is held; of a listed one, the way is to blame."""
    firewall = Firewall(desk, Page("", body), status)
    firewalls.append(firewall)
    firewall.shut.add("getuploadurl")
    name = desk.take(context_for(link_id, "", ""))
    desk.start()
    expected = ["blocked"] if link_id == "abcd1234" else ["event_refused"]
    desk.until(lambda: desk.said()["problems"] == expected, "the reason to be named", step_s=1.0)
    desk.pass_s(30.0)
    desk.rest()
    assert desk.said()["problems"] == expected
    assert desk.lies_in(NEW, name)


@pytest.mark.parametrize(
    ("call", "status", "seconds"),
    covering(["", "geteventsandalbums", "getuploadurl", "put"], [403, 429, 503], ["3600", "86400"]),
)
def test_f03_retry_after_on_a_page_silences_no_box_for_long(desk: Desk, call: str, status: int, seconds: str) -> None:
    """The page may be this network's: after a change of network nobody wants to be left alone any more."""
    desk.album.add_fault(Fault(call=call, status=status, html=True, headers={"Retry-After": seconds}, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls.total() > 0, "the page")
    desk.rest()
    before_s = desk.clock.boottime_s
    desk.until_sent(name, step_s=1.0)
    assert desk.clock.boottime_s - before_s <= 120.0


@pytest.mark.parametrize(
    ("call", "status", "page"),
    covering(
        ["geteventsandalbums", "getuploadurl", "put"],
        [429, 503],
        [
            Page("text/plain; charset=UTF-8", "error code: 1015"),
            Page("application/problem+json", '{"status": 429, "error_code": 1015, "cloudflare_error": true}'),
            Page("application/json", '{"message": "Your request was blocked by firewall"}'),
        ],
    ),
)
def test_f03_a_gateways_retry_after_silences_no_box_for_long(desk: Desk, call: str, status: int, page: Page) -> None:
    """A content network counts all guests of an address as one, and asks them all to wait for an hour."""
    headers = {"Content-Type": page.content_type, "Retry-After": "3600"}
    desk.album.add_fault(Fault(call=call, status=status, body=page.body, headers=headers, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls[call] > 0, "the refusal")
    desk.rest()
    before_s = desk.clock.boottime_s
    desk.until_sent(name, step_s=1.0)
    assert 30.0 <= desk.clock.boottime_s - before_s <= 120.0
