"""Number of cases of large or endless test spaces: a sample of each kind in a plain run, all in the gate.

`.ci/run` runs each test module that imports this module again, with PIBOOTHUP_TEST_EFFORT set.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

T = TypeVar("T")

PATIENT = int(os.environ.get("PIBOOTHUP_TEST_EFFORT", "1"))
"""Factor on the number of cases in a plain run."""
AT_LENGTH = PATIENT > 1
"""Whether test spaces that can be covered completely are."""


def some(examples: int) -> settings:
    """Hypothesis settings with this number of cases in a plain run, without a deadline per case."""
    calm = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=examples * PATIENT, deadline=None, suppress_health_check=calm, database=None)


def covering(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Combinations that cover each value of each axis in a plain run; all combinations at length."""
    lists = [list(axis) for axis in axes]
    if AT_LENGTH:
        return list(itertools.product(*lists))
    product = list(itertools.product(*(range(len(values)) for values in lists)))
    missing = {(axis, at) for axis, values in enumerate(lists) for at in range(len(values))}
    pairs: set[tuple[int, int, int, int]] = set()
    chosen: list[tuple[Any, ...]] = []
    while missing:
        best = max(product, key=lambda case: (len(missing & set(enumerate(case))), len(_pairs(case) - pairs)))
        missing -= set(enumerate(best))
        pairs |= _pairs(best)
        chosen.append(tuple(values[at] for values, at in zip(lists, best, strict=True)))
    return chosen


def _pairs(case: tuple[int, ...]) -> set[tuple[int, int, int, int]]:
    """Pairs of values in the combination."""
    return {(axis, other, case[axis], case[other]) for axis, other in itertools.combinations(range(len(case)), 2)}


def sample(cases: Iterable[T], kind: Callable[[Any], Hashable]) -> list[T]:
    """First case of each kind in a plain run, all cases at length."""
    found = list(cases)
    if AT_LENGTH:
        return found
    first: dict[Hashable, T] = {}
    for case in found:
        first.setdefault(kind(case), case)
    return list(first.values())
