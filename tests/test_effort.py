"""What is tried as a sample in a plain run is tried whole by the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import effort
from tests.support.effort import covering, sample

GATE = Path(__file__).parents[1] / ".ci" / "run"


def test_a_plain_sample_has_the_first_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "AT_LENGTH", False)
    assert sample(["a1", "a2", "b1", "a3"], lambda case: case[0]) == ["a1", "b1"]


def test_a_plain_cover_has_each_value_in_other_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "AT_LENGTH", False)
    found = covering("abcd", "xy", [1, 2])
    assert [len(found), *(len(set(values)) for values in zip(*found, strict=True))] == [4, 4, 2, 2]
    assert {(letter, number) for _, letter, number in found} == {("x", 1), ("y", 2), ("x", 2), ("y", 1)}


def test_at_length_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "AT_LENGTH", True)
    assert sample(["a1", "a2", "b1"], lambda case: case[0]) == ["a1", "a2", "b1"]
    assert len({*covering("abcd", "xy", [1, 2])}) == 16


def test_the_gate_runs_every_sampled_module_at_length() -> None:
    modules = "$(grep -rl 'tests.support.effort' tests --include='test_*.py')"
    assert f"PIBOOTHUP_TEST_EFFORT=8 .venv/bin/pytest -n auto {modules}\n" in GATE.read_text(encoding="utf-8")
