"""tests/MATRIX.md against the names of the tests: each line has a test, and each prefix a line."""

from __future__ import annotations

import functools
import re
from pathlib import Path

TESTS = Path(__file__).parent
LINES = set(re.findall(r"^- \*\*([A-Z]\d+)\*\* ", (TESTS / "MATRIX.md").read_text(encoding="utf-8"), re.MULTILINE))
LONGEST_NAME = 60


@functools.cache
def names() -> list[tuple[str, str]]:
    """Each test's file and name; those that a test writes as text are among them."""
    return [
        (path.relative_to(TESTS).as_posix(), name)
        for path in sorted(TESTS.rglob("test_*.py"))
        for name in re.findall(r"^(?:    )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def lines_of(name: str) -> set[str]:
    """The matrix lines that a test's name claims: `test_p01_to_p03_` is P1, P2 and P3; `test_p09_p10_` P9 and P10."""
    claimed: set[str] = set()
    prefix = re.match(r"test_((?:[a-z]\d\d?_(?:to_)?)+)", name)
    if prefix is None:
        return claimed
    for first, last in re.findall(r"([a-z]\d\d?)(?:_to_([a-z]\d\d?))?", prefix[1]):
        end = int((last or first)[1:])
        claimed |= {f"{first[0].upper()}{number}" for number in range(int(first[1:]), end + 1)}
    return claimed


def test_every_line_of_the_matrix_has_a_test() -> None:
    claimed = set().union(*(lines_of(name) for _, name in names()))
    assert LINES - claimed == set()


def test_every_prefix_is_a_line_of_the_matrix() -> None:
    assert [(file, name) for file, name in names() if lines_of(name) - LINES] == []


def test_no_name_is_longer_than_a_line_of_a_report() -> None:
    assert [(file, name) for file, name in names() if len(name) > LONGEST_NAME] == []


def test_a_range_and_a_list_of_lines_are_read() -> None:
    assert lines_of("test_p01_to_p03_no_promise_is_broken") == {"P1", "P2", "P3"}
    assert lines_of("test_p09_p10_a_cut_after_the_200") == {"P9", "P10"}
    assert lines_of("test_commit_of_an_empty_photo") == set()
