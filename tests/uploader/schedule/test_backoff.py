"""When to try again."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.uploader.schedule.backoff import (
    NETWORK_PROBE_S,
    SECOND_NS,
    CircuitBreaker,
    cooldown_s,
    full_jitter_s,
    is_fresh,
    jitter_s,
    network_probe_s,
)
from piboothup.uploader.schedule.link_status import FAST_BPS, SLOW_BPS, parallel_uploads
from piboothup.uploader.transport.messages import retry_after_s, server_ms

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


def test_n19_backoff_limit_doubles_to_30_s_takes_any_part_of_it() -> None:
    assert [full_jitter_s(failures, lambda: 1.0) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert full_jitter_s(10_000, lambda: 0.25) == 7.5
    assert full_jitter_s(1, lambda: 0.0) == 0.0


def test_n19_twenty_booths_failing_together_spread_their_retries() -> None:
    waits = sorted(full_jitter_s(6, random.Random(booth).random) for booth in range(20))
    assert sum(1 for before, after in itertools.pairwise(waits) if after - before > 0.1) >= 12


@pytest.mark.parametrize(
    ("text", "date", "seconds"),
    [
        ("120", "", 120.0),
        ("0", "", 0.0),
        ("Sun, 06 Nov 1994 12:01:30 GMT", NOON, 90.0),
        ("Sun, 06 Nov 1994 11:00:00 GMT", NOON, 0.0),
        ("Sun, 06 Nov 1995 12:00:00 GMT", NOON, 3600.0),
        ("31536000", "", 3600.0),
        ("9" * 5000, "", 3600.0),
        ("Sun, 06 Nov 1994 12:01:30 GMT", "", None),
        ("", NOON, None),
        ("soon", NOON, None),
        ("-5", NOON, None),
        ("1e3", NOON, None),
        ("²", NOON, None),
        ("12 s", NOON, None),
    ],
)
def test_n18_retry_after_obeyed_capped_or_ignored_for_any_clock(text: str, date: str, seconds: float | None) -> None:
    assert retry_after_s(text, date) == seconds


@given(st.text(max_size=60), st.text(max_size=60))
def test_n18_no_text_at_all_breaks_the_reading_of_retry_after(text: str, date: str) -> None:
    wait_s = retry_after_s(text, date)
    assert wait_s is None or 0 <= wait_s <= 3600


def test_date_read_to_the_second_one_without_zone_is_none() -> None:
    assert server_ms(NOON) == 784_123_200_000
    assert server_ms("Sun, 06 Nov 1994 12:00:00") is None
    assert server_ms("Sun, 99 Nov 1994 12:00:00 GMT") is None


def test_n15_a_url_is_young_for_four_minutes() -> None:
    assert is_fresh(0, 239 * SECOND_NS)
    assert not is_fresh(0, 240 * SECOND_NS)


def test_connected_time_is_counted_over_all_spells() -> None:
    circuit = CircuitBreaker(lambda: 0.5)
    assert circuit.connected_s(50 * SECOND_NS) == 0
    circuit.close(100 * SECOND_NS)
    circuit.trip(130 * SECOND_NS)
    assert circuit.connected_s(500 * SECOND_NS) == 30
    circuit.close(600 * SECOND_NS)
    circuit.close(610 * SECOND_NS)
    assert circuit.connected_s(620 * SECOND_NS) == 50


def test_a_success_ends_what_failures_added_up_to() -> None:
    circuit = CircuitBreaker(lambda: 1.0)
    for _ in range(5):
        circuit.back_off(0)
    assert circuit.not_before_ns == 16 * SECOND_NS
    circuit.failures = 0
    circuit.back_off(16 * SECOND_NS)
    assert circuit.not_before_ns == 17 * SECOND_NS


def test_n18_nothing_shortens_a_wait_that_the_server_asked_for() -> None:
    circuit = CircuitBreaker(lambda: 0.0)
    circuit.close(0)
    circuit.back_off(0, 600.0)
    circuit.back_off(1)
    circuit.close(2)
    circuit.trip(3, 1.0)
    assert circuit.not_before_ns == 600 * SECOND_NS
    circuit.probe_now(4)
    assert circuit.not_before_ns == 4


def test_n18_the_server_is_given_at_least_the_time_it_asks_for() -> None:
    for chance in (0.0, 0.5, 0.999):
        circuit = CircuitBreaker(lambda chance=chance: chance)  # type: ignore[misc]
        circuit.back_off(0, 100.0)
        assert 100 * SECOND_NS <= circuit.not_before_ns <= 130 * SECOND_NS


def test_n19_a_wait_that_somebody_fixed_is_spread_too() -> None:
    assert [jitter_s(60.0, lambda chance=chance: chance) for chance in (0.0, 0.5, 1.0)] == [45, 60, 75]  # type: ignore[misc]


def test_n24_refused_photo_rest_doubles_each_time_up_to_10_min() -> None:
    assert [cooldown_s(rests) for rests in range(1, 7)] == [60, 120, 240, 480, 600, 600]
    assert cooldown_s(10_000) == 600


def test_network_missing_is_looked_for_about_every_second() -> None:
    assert network_probe_s(lambda: 0.0) == NETWORK_PROBE_S / 2
    assert network_probe_s(lambda: 1.0) == NETWORK_PROBE_S < 2


# -- one at a time, or two -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_bps", "before", "after"),
    [
        (None, 1, 1),
        (None, 2, 1),
        (240_000, 1, 1),
        (SLOW_BPS - 1, 2, 1),
        (SLOW_BPS, 2, 2),
        (SLOW_BPS, 1, 1),
        (FAST_BPS - 1, 1, 1),
        (FAST_BPS - 1, 2, 2),
        (FAST_BPS, 1, 2),
        (100_000_000, 2, 2),
    ],
)
def test_slow_link_one_at_a_time_fast_two_between_unchanged(rate_bps: int | None, before: int, after: int) -> None:
    assert parallel_uploads(rate_bps, before, max_parallel=2) == after


def test_config_overrides_number_of_photos_at_a_time() -> None:
    assert parallel_uploads(FAST_BPS, 1, max_parallel=1) == 1
    assert parallel_uploads(SLOW_BPS, 2, max_parallel=1) == 1
