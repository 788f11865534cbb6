"""How much is tried of what is endless or large: a sample of every kind in a plain run, the whole at length.

`.ci/run` runs each test module that imports this one again, with PIBOOTHUP_TEST_EFFORT set.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

T = TypeVar("T")

PATIENT = int(os.environ.get("PIBOOTHUP_TEST_EFFORT", "1"))
"""So many times the cases of a plain run."""
AT_LENGTH = PATIENT > 1
"""Whether what can be tried whole is tried whole."""


def some(examples: int) -> settings:
    """So many cases in a plain run; each may take its time, as it has threads and sockets of its own."""
    calm = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=examples * PATIENT, deadline=None, suppress_health_check=calm, database=None)


def covering(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Each value of each axis at least once in a plain run, in ever other company; at length every combination."""
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
    """Which values meet in it."""
    return {(axis, other, case[axis], case[other]) for axis, other in itertools.combinations(range(len(case)), 2)}


def sample(cases: Iterable[T], kind: Callable[[Any], Hashable]) -> list[T]:
    """The first case of each kind in a plain run, all of them at length."""
    found = list(cases)
    if AT_LENGTH:
        return found
    first: dict[Hashable, T] = {}
    for case in found:
        first.setdefault(kind(case), case)
    return list(first.values())
