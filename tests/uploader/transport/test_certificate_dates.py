"""A box that booted with a wrong time meets certificates: over real TLS, with certificates made for the occasion.

OpenSSL judges by this machine's clock, so here it is the certificates that are years off, not the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.capture_time.anchors import CEILING_MS, FLOOR_MS, Anchor, Source
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.certificate_dates import CertificateClock
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError, OutOfDate
from piboothup.uploader.transport.messages import Validity
from piboothup.uploader.trusted_time import TrustedTime, is_plausible
from tests.support.ca import Authority, Connect, day_s, self_signed
from tests.support.clock import HandClock
from tests.support.faulty_card import ReadOnlyCard
from tests.support.limits import FAR
from tests.support.photos import open_spool
from tests.support.server import Liar, close_idle_connections, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

KEY = {"Authorization": "Bearer canary-key"}
IN_3_YEARS = (1000, 1100)
LAST_MONTH = (-60, -10)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class Box:
    """A transport that trusts the tests' authority, its clock, and what it takes for the time."""

    def __init__(self, authority: Authority) -> None:
        self.clock = HandClock()
        self.believes_s: float | None = None
        self.transport = Transport(self.clock, limits=FAR, ca_file=authority.file, now_ms=self._now_ms)

    def _now_ms(self) -> int | None:
        return None if self.believes_s is None else int(self.believes_s * 1000)

    def get(self, liar: Liar) -> int:
        """The status of a GET that carries the key."""
        return self.transport.exchange("GET", Secret(liar.url + "/events"), KEY, deadline_s=60.0).status

    def trouble(self, liar: Liar) -> Outcome:
        """How such a GET fails."""
        with pytest.raises(LinkError) as caught:
            self.get(liar)
        assert caught.value.__context__ is None
        return caught.value.outcome


@pytest.fixture
def box(authority: Authority) -> Iterator[Box]:
    made = Box(authority)
    yield made
    made.transport.close()


# -- one connection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [IN_3_YEARS, LAST_MONTH])
def test_t05_wrong_date_certificate_time_unknown_sent_nothing(
    box: Box, authority: Authority, days: tuple[int, int]
) -> None:
    with Liar(says("200 OK"), tls=authority.certificate(*days)) as liar:
        assert box.trouble(liar) is Outcome.TLS_DATE
    assert liar.heard == b""


@pytest.mark.parametrize("days", [IN_3_YEARS, LAST_MONTH])
def test_t05_wrong_date_certificate_judged_by_learned_time(
    box: Box, authority: Authority, days: tuple[int, int]
) -> None:
    with Liar(says("200 OK"), tls=authority.certificate(*days)) as liar:
        for outside in (days[0] - 1, days[1] + 1):
            box.believes_s = day_s(outside)
            assert box.trouble(liar) is Outcome.TLS_DATE
        assert liar.heard == b""
        box.believes_s = day_s(sum(days) / 2)
        assert box.get(liar) == 200


def test_t05_system_clock_not_asked_again_until_it_is_set(box: Box, authority: Authority) -> None:
    box.believes_s = day_s(1050)
    with Liar(says("200 OK", b"", "Connection: close"), tls=authority.certificate(*IN_3_YEARS)) as liar:
        for _ in range(3):
            box.clock.pass_s(600.0)
            assert box.get(liar) == 200
        assert liar.connections == 1 + 3
        # The clock is right now, so a certificate of today is good, whatever was believed before.
        liar.tls = authority.certificate()
        assert box.trouble(liar) is Outcome.TLS_DATE
        box.clock.step_wall_s(86_400.0)
        assert box.get(liar) == 200


def test_t05_photo_after_failed_handshake_sent_whole_on_next(box: Box, authority: Authority, tmp_path: Path) -> None:
    box.believes_s = day_s(1050)
    (tmp_path / "photo.jpg").write_bytes(b"x" * 300_000)
    with (
        Liar(says("200 OK"), tls=authority.certificate(*IN_3_YEARS)) as liar,
        (tmp_path / "photo.jpg").open("rb") as photo,
    ):
        answer = box.transport.exchange("PUT", Secret(liar.url + "/photo"), {}, photo, deadline_s=60.0)
    assert answer.body_sent
    assert liar.heard.endswith(b"\r\n\r\n" + b"x" * 300_000)


@pytest.mark.parametrize("days", [(-1, 90), IN_3_YEARS])
@pytest.mark.parametrize("impostor", ["self-signed", "wrong host", "unknown authority"])
def test_t08_n07_impostor_sent_nothing_however_dates_are_judged(
    box: Box, authority: Authority, tmp_path: Path, impostor: str, days: tuple[int, int]
) -> None:
    if impostor == "self-signed":
        tls = self_signed(tmp_path)
    elif impostor == "wrong host":
        tls = authority.certificate(*days, host="eventpics.example")
    else:
        (tmp_path / "other").mkdir()
        tls = Authority(tmp_path / "other").certificate(*days)
    with Liar(says("200 OK"), tls=authority.certificate(*IN_3_YEARS)) as true:
        with Liar(says("200 OK", b"", "Date: Wed, 01 Jan 2031 00:00:00 GMT"), tls=tls) as liar:
            assert box.trouble(liar) is Outcome.TLS
            with pytest.raises(LinkError) as caught:
                box.transport.get_date(liar.url, 60.0)
            assert caught.value.outcome is Outcome.TLS
            box.believes_s = day_s(1050)
            assert box.get(true) == 200  # from here on the dates are judged without OpenSSL
            assert box.trouble(liar) is Outcome.TLS
    assert liar.heard == b""


def test_t05_time_request_carries_nothing_is_never_plain_http(box: Box, authority: Authority) -> None:
    dated = says("404 Not Found", b"", "Date: Wed, 01 Jan 2031 00:00:00 GMT")
    with Liar(dated, tls=authority.certificate(*IN_3_YEARS)) as liar:
        answer = box.transport.get_date(liar.url + "/api?secret=canary", 60.0)
    assert answer.date == "Wed, 01 Jan 2031 00:00:00 GMT"
    assert answer.validity is not None
    assert abs(answer.validity.from_ms / 1000 - day_s(1000)) < 3600
    assert liar.heard.startswith(b"GET / HTTP/1.1\r\n")
    assert b"canary" not in liar.heard
    greetings = []
    with Liar(lambda _, connection: greetings.append(connection.recv(1))) as plain, pytest.raises(LinkError):
        box.transport.get_date(plain.url, 60.0)
    assert greetings == [b"\x16"]  # a TLS handshake (RFC 8446, 5.1)


def test_t05_only_time_request_uses_unchecked_date_connection(box: Box, authority: Authority) -> None:
    dated = says("404 Not Found", b"", "Date: Wed, 01 Jan 2031 00:00:00 GMT")
    with Liar(dated, tls=authority.certificate(*IN_3_YEARS)) as liar:
        box.transport.get_date(liar.url, 60.0)
        box.believes_s = day_s(1050)
        for tls in (authority.certificate(2000, 2100), authority.certificate(*LAST_MONTH)):
            liar.tls = tls
            assert box.trouble(liar) is Outcome.TLS_DATE
    assert len(liar.requests) == 1


# -- what is decided, without a network ------------------------------------------------------------------------


def test_certificate_valid_in_its_first_and_last_second() -> None:
    validity = Validity.of({"notBefore": "Jan  1 00:00:00 2027 GMT", "notAfter": "Dec 31 23:59:59 2027 GMT"})
    assert validity == Validity(1_798_761_600_000, 1_830_297_599_999)
    for inside in (validity.from_ms, validity.until_ms):
        assert validity.covers(inside)
    for outside in (validity.from_ms - 1, validity.until_ms + 1):
        assert not validity.covers(outside)


@pytest.mark.parametrize("shown", [{}, {"notBefore": "today", "notAfter": "tomorrow"}])
def test_a_certificate_without_dates_is_out_of_date(shown: dict[str, object]) -> None:
    with pytest.raises(OutOfDate):
        Validity.of(shown)


NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("told_ms", "earliest_ms", "believed"),
    [
        (NOW_MS, FLOOR_MS, True),
        (FLOOR_MS - 1, 0, False),
        (CEILING_MS, FLOOR_MS, False),
        (NOW_MS, NOW_MS + 1000, True),  # within the header's own uncertainty
        (NOW_MS, NOW_MS + 1001, False),
    ],
)
def test_t08_date_learned_only_if_nothing_known_contradicts(told_ms: int, earliest_ms: int, believed: bool) -> None:
    assert is_plausible(Anchor(Source.DATE, 5000, told_ms, 1000), earliest_ms) is believed


def test_t05_appeal_never_without_other_time_and_once_with_it() -> None:
    assert not CertificateClock(HandClock(), lambda: None).switch_to_known_time()
    trust = CertificateClock(HandClock(), lambda: NOW_MS)
    assert trust.trusts_system_clock()
    assert trust.switch_to_known_time()
    assert not trust.trusts_system_clock()
    assert not trust.switch_to_known_time()  # the learned time refused it too
    assert trust.trusts_system_clock()


def test_t05_a_clock_that_ntp_steers_slowly_was_not_set() -> None:
    clock = HandClock()
    trust = CertificateClock(clock, lambda: NOW_MS)
    trust.switch_to_known_time()
    clock.pass_s(86_400.0)
    clock.step_wall_s(43.0)  # 500 millionths of a day
    assert not trust.trusts_system_clock()
    clock.step_wall_s(20.0)
    assert trust.trusts_system_clock()


def test_t05_ntp_and_date_anchors_of_boot_give_time_battery_not(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    known = TrustedTime(spool, clock)
    for source in (Source.SAVED, Source.RTC):
        spool.add_anchor(Anchor(source, 50_000, NOW_MS, 10))
        assert known.now_ms() is None
    assert not known.has_anchor()
    assert known.learn(Anchor(Source.DATE, 100_000, NOW_MS, 10))
    clock.pass_s(5.0)
    assert known.now_ms() == NOW_MS + 5000
    assert not known.has_anchor()
    for source, wall_ms in ((Source.DATE, NOW_MS + 60_000), (Source.NTP, NOW_MS + 90_000)):
        spool.add_anchor(Anchor(source, 105_000, wall_ms, 10))
        assert known.now_ms() == wall_ms
        assert known.has_anchor()


def test_t08_time_before_what_earlier_boot_knew_not_learned(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    spool.add_anchor(Anchor(Source.NTP, 50_000, NOW_MS, 10))
    for boot in ("boot-b", "boot-c"):  # one in between that knew nothing
        clock.power_on(boot, 0.0)
        spool = open_spool(tmp_path, clock)
    known = TrustedTime(spool, clock)
    assert not known.learn(None)
    assert not known.learn(Anchor(Source.DATE, 20_000, NOW_MS - 60_000, 10))
    assert known.now_ms() is None
    assert known.learn(Anchor(Source.DATE, 20_000, NOW_MS + 200_000, 10))


# -- the whole uploader ----------------------------------------------------------------------------------------


def set_true_time(desk: Desk, day: float) -> None:
    """It is this day from now in truth, while the box believes what this machine's clock says."""
    desk.clock.wall_s = day_s(0)
    desk.server_clock.wall_s = day_s(day)


@pytest.mark.parametrize("days", [IN_3_YEARS, LAST_MONTH])
def test_t05_wrong_clock_box_learns_time_without_key_then_sends(
    desk: Desk, authority: Authority, days: tuple[int, int]
) -> None:
    set_true_time(desk, sum(days) / 2)
    front = desk.put_behind_tls(authority.certificate(*days))
    true_s = desk.server_clock.wall_s
    name = desk.take()
    desk.start(connect=Connect(authority))
    desk.until_sent(name)
    assert abs(desk.uploads_of(name)[0]["takenAt"] - true_s * 1000) <= 1000
    unchecked, first = front.requests[0]
    assert first.startswith(b"GET / HTTP/1.1\r\n")
    assert DEMO_KEY.encode() not in first
    assert [whole for number, whole in front.requests if number == unchecked] == [first]
    assert front.heard.count(b"GET / HTTP/1.1") == 1
    (anchor,) = desk.booth.read_boot(1).anchors
    assert anchor.source is Source.DATE


def test_t05_learned_time_survives_restart_ntp_anchor_suffices(desk: Desk, authority: Authority) -> None:
    set_true_time(desk, 1050)
    front = desk.put_behind_tls(authority.certificate(*IN_3_YEARS))
    now_ms, true_ms = desk.clock.boottime_ns() // 1_000_000, desk.server_clock.wall_ns() // 1_000_000
    desk.booth.add_anchor(Anchor(Source.NTP, now_ms, true_ms, 5))
    for _ in range(2):
        desk.start(connect=Connect(authority))
        desk.until_sent(desk.take(hint=True))
        assert desk.stop()
    assert b"GET / HTTP/1.1" not in front.heard


def test_t05_time_known_expired_certificate_asks_nobody_for_time(desk: Desk, authority: Authority) -> None:
    set_true_time(desk, 0)
    front = desk.put_behind_tls(authority.certificate(*LAST_MONTH))
    now_ms, true_ms = desk.clock.boottime_ns() // 1_000_000, desk.server_clock.wall_ns() // 1_000_000
    desk.booth.add_anchor(Anchor(Source.NTP, now_ms, true_ms, 5))
    desk.take()
    desk.start(connect=Connect(authority))
    desk.until(lambda: desk.said()["problems"] == ["tls_refused"], "the certificate to be refused", step_s=1.0)
    assert front.heard == b""


def test_t05_s04_on_a_read_only_card_the_time_is_learned_too(
    desk: Desk, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_true_time(desk, 1050)
    desk.put_behind_tls(authority.certificate(*IN_3_YEARS))
    desk.take()
    with desk.booth.lock("uploader"):
        pass
    ReadOnlyCard(desk.booth.directory, monkeypatch)
    desk.start(Spool(desk.booth.directory, desk.clock, "serial-1"), connect=Connect(authority))
    desk.until(lambda: desk.said()["sent"] == 1, "the photo to arrive", step_s=1.0)


@pytest.mark.parametrize("days", [LAST_MONTH, (5, 30)])
def test_t05_truly_expired_certificate_gets_no_key_and_no_photo(
    desk: Desk, authority: Authority, days: tuple[int, int]
) -> None:
    set_true_time(desk, 0)
    front = desk.put_behind_tls(authority.certificate(*days))
    name = desk.take()
    desk.start(connect=Connect(authority))
    desk.until_state("offline")
    desk.until(lambda: len(front.requests) >= 3, "more looks", step_s=5.0)
    assert desk.said()["problems"] == ["tls_refused"]
    assert {whole.split(b"\r\n")[0] for _, whole in front.requests} == {b"GET / HTTP/1.1"}
    assert DEMO_KEY.encode() not in front.heard
    assert desk.lies_in(NEW, name)
    front.tls = authority.certificate()
    desk.until_sent(name, step_s=5.0)


def test_t08_old_stolen_certificate_and_matching_date_get_no_key(desk: Desk, authority: Authority) -> None:
    set_true_time(desk, 0)
    desk.booth.add_anchor(Anchor(Source.NTP, 99_000, int(day_s(-5) * 1000), 5))
    desk.clock.power_on("boot-b")
    desk.booth = open_spool(desk.booth.directory, desk.clock)
    desk.server_clock.wall_s = day_s(-30)
    front = desk.put_behind_tls(authority.certificate(*LAST_MONTH))
    desk.take()
    desk.start(connect=Connect(authority))
    desk.until_state("offline")
    assert DEMO_KEY.encode() not in front.heard
    assert Source.DATE not in {anchor.source for anchor in desk.booth.read_boot(2).anchors}


def test_t08_a_date_from_an_impostor_is_not_noted(desk: Desk, authority: Authority, tmp_path: Path) -> None:
    front = desk.put_behind_tls(self_signed(tmp_path))
    desk.take()
    desk.start(connect=Connect(authority))
    desk.until_state("offline")
    assert front.heard == b""
    assert desk.booth.read_boot(1).anchors == ()


def test_t06_ntp_blocked_verified_https_date_header_tells_time(desk: Desk, authority: Authority) -> None:
    desk.put_behind_tls(authority.certificate())
    desk.clock.wall_s = 12.0
    desk.server_clock.wall_s = day_s(0)
    name = desk.take()
    true_s = desk.server_clock.wall_s
    desk.pass_s(600.0)
    desk.start(connect=Connect(authority))
    desk.until_sent(name)
    assert abs(desk.uploads_of(name)[0]["takenAt"] - true_s * 1000) <= 1000


@pytest.mark.parametrize("day", [-2, 3650])
def test_t04_t08_server_time_outside_its_certificate_rejected(desk: Desk, authority: Authority, day: float) -> None:
    desk.put_behind_tls(authority.certificate())
    desk.server_clock.wall_s = day_s(day)
    name = desk.take()
    desk.start(connect=Connect(authority))
    desk.until_sent(name, step_s=1.0)
    desk.until(lambda: desk.album.calls["geteventsandalbums"] >= 3, "looks on a connection that was kept", step_s=1.0)
    assert desk.uploads_of(name)[0]["takenAt"] is None
    assert desk.booth.read_boot(1).anchors == ()


def test_t03_t05_clock_stepped_back_mid_queue_keeps_uploading(desk: Desk, authority: Authority) -> None:
    # The step is played by the server's new certificate: this machine's clock, which OpenSSL reads, stays.
    front = desk.put_behind_tls(authority.certificate())
    desk.server_clock.wall_s = day_s(0)
    desk.start(connect=Connect(authority))
    desk.until_sent(desk.take(hint=True))
    desk.pass_s(1050 * 86_400.0)
    front.tls = authority.certificate(*IN_3_YEARS)
    close_idle_connections(desk.album)
    desk.until_sent(desk.take(hint=True), step_s=1.0)
    assert b"GET / HTTP/1.1" not in front.heard
