"""A series of shots by the whole booth on the real camera stack."""

from __future__ import annotations

from tests.lab.camera.series_harness import FRAME_MB, whole_booth


def test_e1_a_series_takes_at_most_a_frame_more_of_memory() -> None:
    """And each shot is the first frame that was exposed at its zero or after it."""
    one, four = (whole_booth(shots, presses) for shots, presses in ((1, 3), (4, 2)))
    assert min(press["peak"][0] for press in four) - min(press["peak"][0] for press in one) < FRAME_MB
    assert max(late_ms for press in (*one, *four) for late_ms in press["late"]) <= 0
    assert all(between_ms >= 1000 for press in four for between_ms in press["between"])
