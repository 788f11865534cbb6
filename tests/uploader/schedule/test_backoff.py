"""When to try again."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.uploader.schedule.backoff import (
    FAST_BPS,
    NETWORK_LOOK_S,
    SECOND_NS,
    SLOW_BPS,
    Circuit,
    around_s,
    full_jitter_s,
    is_young,
    network_look_s,
    photos_at_a_time,
    rest_s,
)
from piboothup.uploader.transport.messages import retry_after_s, server_ms

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


def test_n19_back_off_doubles_its_limit_up_to_30_s_and_takes_any_part_of_it() -> None:
    assert [full_jitter_s(failures, lambda: 1.0) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert full_jitter_s(10_000, lambda: 0.25) == 7.5
    assert full_jitter_s(1, lambda: 0.0) == 0.0


def test_n19_twenty_booths_that_failed_together_do_not_ask_together() -> None:
    waits = sorted(full_jitter_s(6, random.Random(booth).random) for booth in range(20))
    assert sum(1 for one, after in itertools.pairwise(waits) if after - one > 0.1) >= 12


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
def test_n18_retry_after_is_obeyed_capped_or_ignored_whatever_this_boxs_clock_says(
    text: str, date: str, seconds: float | None
) -> None:
    assert retry_after_s(text, date) == seconds


@given(st.text(max_size=60), st.text(max_size=60))
def test_n18_no_text_at_all_breaks_the_reading_of_retry_after(text: str, date: str) -> None:
    wait_s = retry_after_s(text, date)
    assert wait_s is None or 0 <= wait_s <= 3600


def test_a_date_is_read_to_the_second_and_one_without_a_zone_is_none() -> None:
    assert server_ms(NOON) == 784_123_200_000
    assert server_ms("Sun, 06 Nov 1994 12:00:00") is None
    assert server_ms("Sun, 99 Nov 1994 12:00:00 GMT") is None


def test_n15_a_url_is_young_for_four_minutes() -> None:
    assert is_young(0, 239 * SECOND_NS)
    assert not is_young(0, 240 * SECOND_NS)


def test_connected_time_is_counted_over_all_spells() -> None:
    circuit = Circuit(lambda: 0.5)
    assert circuit.connected_s(50 * SECOND_NS) == 0
    circuit.close(100 * SECOND_NS)
    circuit.trip(130 * SECOND_NS)
    assert circuit.connected_s(500 * SECOND_NS) == 30
    circuit.close(600 * SECOND_NS)
    circuit.close(610 * SECOND_NS)
    assert circuit.connected_s(620 * SECOND_NS) == 50


def test_a_success_ends_what_failures_added_up_to() -> None:
    circuit = Circuit(lambda: 1.0)
    for _ in range(5):
        circuit.back_off(0)
    assert circuit.not_before_ns == 16 * SECOND_NS
    circuit.worked()
    circuit.back_off(16 * SECOND_NS)
    assert circuit.not_before_ns == 17 * SECOND_NS


def test_n18_nothing_shortens_a_wait_that_the_server_asked_for() -> None:
    circuit = Circuit(lambda: 0.0)
    circuit.close(0)
    circuit.back_off(0, 600.0)
    circuit.back_off(1)
    circuit.close(2)
    circuit.trip(3, 1.0)
    assert circuit.not_before_ns == 600 * SECOND_NS
    circuit.look_now(4)
    assert circuit.not_before_ns == 4


def test_n18_the_server_is_given_at_least_the_time_it_asks_for() -> None:
    for chance in (0.0, 0.5, 0.999):
        circuit = Circuit(lambda chance=chance: chance)  # type: ignore[misc]
        circuit.back_off(0, 100.0)
        assert 100 * SECOND_NS <= circuit.not_before_ns <= 130 * SECOND_NS


def test_n19_a_wait_that_somebody_fixed_is_spread_too() -> None:
    assert [around_s(60.0, lambda chance=chance: chance) for chance in (0.0, 0.5, 1.0)] == [45, 60, 75]  # type: ignore[misc]


def test_n24_what_is_refused_rests_for_twice_as_long_each_time_up_to_ten_minutes() -> None:
    assert [rest_s(rests) for rests in range(1, 7)] == [60, 120, 240, 480, 600, 600]
    assert rest_s(10_000) == 600


def test_a_network_that_is_not_there_is_looked_for_every_second_or_so() -> None:
    assert network_look_s(lambda: 0.0) == NETWORK_LOOK_S / 2
    assert network_look_s(lambda: 1.0) == NETWORK_LOOK_S < 2


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
def test_a_slow_link_brings_one_photo_at_a_time_a_fast_one_two_and_one_between_stays_as_it_was(
    rate_bps: int | None, before: int, after: int
) -> None:
    assert photos_at_a_time(rate_bps, before, most=2) == after


def test_the_config_has_the_last_word_on_how_many_there_are_at_a_time() -> None:
    assert photos_at_a_time(FAST_BPS, 1, most=1) == 1
    assert photos_at_a_time(SLOW_BPS, 2, most=1) == 1
