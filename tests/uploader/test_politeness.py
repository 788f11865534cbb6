"""How often whom, in an hour of each refusal: nothing is asked without end, and no line is eaten up for nothing.

The bounds are per booth. They hold for any seed: chance spreads the waits and does not shorten them on the average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from piboothup.uploader.outcomes import ApiCall, Outcome
from tests.support.effort import AT_LENGTH, covering
from tests.support.refusal_pages import PAGES, Page
from tests.support.request_counts import API, PLAIN, STORAGE, Hour, Said

pytestmark = pytest.mark.slow

HOUR_S = 3600.0
OWN = Page("application/json", '{"error": "no"}')
ASKED: dict[str, Said] = {
    **{str(status): (status, OWN) for status in (101, 302, 429, 503, 511)},
    "a page": (200, PAGES["captive"]),
}
"""What may be over at any moment, and costs little to find out: asked again after at most 30 s."""
REFUSED: dict[str, Said] = {str(status): (status, OWN) for status in (400, 401, 403, 404, 410, 413, 418)}
LOST: dict[str, Said] = {kind.value: kind for kind in (Outcome.RESET, Outcome.TLS)}
NOBODY: dict[str, Said] = {kind.value: kind for kind in (Outcome.DNS, Outcome.CONNECT)}
BLOCKED: dict[str, Said] = {name: (403, PAGES[name]) for name in ("fortigate", "nothing")}
ALL = tuple(ApiCall)


@dataclass(frozen=True)
class Bound:
    """At most so many in an hour."""

    api: int
    storage: int = 0
    plain: int = 0


CASES: list[tuple[str, tuple[ApiCall, ...], dict[str, Said], Bound]] = [
    ("all", ALL, ASKED, Bound(300)),
    ("all", ALL, {name: REFUSED[name] for name in ("401", "403")}, Bound(80)),
    ("all", ALL, {name: REFUSED[name] for name in ("400", "404", "413")}, Bound(300)),
    ("all", ALL, BLOCKED, Bound(120)),
    ("all", ALL, LOST, Bound(300, plain=300)),
    ("all", ALL, {"tls_date": Outcome.TLS_DATE}, Bound(600, plain=300)),
    ("all", ALL, NOBODY, Bound(3600, plain=3600)),  # a look that reaches nobody is a burden to nobody
    ("getuploadurl", (ApiCall.UPLOAD_URL,), ASKED, Bound(560)),
    ("getuploadurl", (ApiCall.UPLOAD_URL,), REFUSED, Bound(120)),
    ("getuploadurl", (ApiCall.UPLOAD_URL,), BLOCKED, Bound(240)),
    ("getuploadurl", (ApiCall.UPLOAD_URL,), {**LOST, **NOBODY}, Bound(560)),
    ("put", (ApiCall.PUT,), ASKED, Bound(260, storage=140)),
    ("put", (ApiCall.PUT,), {name: REFUSED[name] for name in ("401", "403", "404", "410")}, Bound(260, storage=140)),
    ("put", (ApiCall.PUT,), {name: REFUSED[name] for name in ("400", "413", "418")}, Bound(100, storage=15)),
    ("put", (ApiCall.PUT,), {"fortigate": BLOCKED["fortigate"]}, Bound(260, storage=110)),
    ("put", (ApiCall.PUT,), {**LOST, **NOBODY}, Bound(560, storage=280)),
]


def cases() -> Iterator[object]:
    """All of them at length; in a plain run one for every bound."""
    for call, calls, saids, bound in CASES:
        for name, said in list(saids.items())[: None if AT_LENGTH else 1]:
            yield pytest.param(calls, said, bound, id=f"{call}-{name}")


@pytest.mark.parametrize(("calls", "said", "bound"), list(cases()))
def test_n19_an_hour_of_a_refusal_has_an_upper_bound(
    tmp_path: Path, calls: tuple[ApiCall, ...], said: Said, bound: Bound
) -> None:
    with Hour(tmp_path, dict.fromkeys(calls, said), waiting=8) as hour:
        hour.pass_s(HOUR_S)
        print(f"{dict(hour.asked)} bodies={hour.bodies} new={hour.new} parked={hour.parked}")
        assert hour.asked[API] <= bound.api
        assert hour.bodies == hour.asked[STORAGE] <= bound.storage
        assert hour.asked[PLAIN] <= bound.plain
        assert hour.asked[API] >= 50  # it does not give up
        assert hour.parked <= 2
        hour.said = {}
        before = hour.sent
        hour.pass_s(900.0, until=lambda: hour.sent > before)
        assert hour.sent > before


@pytest.mark.parametrize("kind", [Outcome.CONNECT, Outcome.RESET])
def test_n19_plain_http_that_is_answered_is_asked_each_30_s(tmp_path: Path, kind: Outcome) -> None:
    """A network that lets through port 80 alone: it is EventPics' own server that answers there."""
    with Hour(tmp_path, dict.fromkeys(ALL, kind), waiting=1) as hour:
        hour.said_plainly = (301, Page("", "", (f"Location: https://{API}/",)))
        hour.pass_s(HOUR_S)
        assert 60 <= hour.asked[PLAIN] <= HOUR_S / 30


@pytest.mark.parametrize(
    ("status", "calls", "seed"), covering([401, 403, 404], [ALL, (ApiCall.UPLOAD_URL,), (ApiCall.PUT,)], [1, 2])
)
def test_f03_after_an_hour_of_a_page_photos_flow_within_a_minute(
    tmp_path: Path, status: int, calls: tuple[ApiCall, ...], seed: int
) -> None:
    with Hour(tmp_path, dict.fromkeys(calls, (status, PAGES["fortigate"])), waiting=3, seed=seed) as hour:
        hour.pass_s(60.0)  # the clock is known by now, if it can be
        hour.pass_s(HOUR_S)
        assert (hour.sent, hour.parked) == (0, 0)
        refused = hour.refused
        hour.pass_s(60.0, until=lambda: hour.refused > refused)
        assert hour.refused == refused + 1  # it has just looked again: the longest wait lies ahead
        hour.said = {}
        hour.pass_s(60.0, until=lambda: hour.sent > 0)
        assert hour.sent > 0


TEXT, FOREIGN_JSON = Page("text/plain", "This site is not permitted."), Page("application/json", '{"blocked":true}')


@pytest.mark.parametrize(
    ("refusal", "waiting"),
    covering(
        [
            *((status, TEXT) for status in (400, 403, 404, 405, 451)),
            *((status, FOREIGN_JSON) for status in (400, 403)),
            *((status, Page("", "")) for status in (407, 451)),
        ],
        [1, 5],
    ),
)
def test_f03_a_put_refused_by_a_text_parks_nothing(tmp_path: Path, refusal: tuple[int, Page], waiting: int) -> None:
    status, page = refusal
    with Hour(tmp_path, {ApiCall.PUT: (status, page)}, waiting=waiting) as hour:
        hour.pass_s(HOUR_S, press_every_s=2 * HOUR_S)
        assert (hour.sent, hour.parked, hour.new) == (0, 0, waiting)
        assert 40 <= hour.bodies <= 110
        assert [told.code for told in hour.uploader._scheduler.snapshot().problems] == ["blocked"]
        refused = hour.refused
        hour.pass_s(60.0, until=lambda: hour.refused > refused)
        hour.said = {}
        hour.pass_s(60.0, press_every_s=2 * HOUR_S, until=lambda: hour.sent > 0)
        assert hour.sent > 0
