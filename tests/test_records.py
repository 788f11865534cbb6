"""Records against the standard library's dataclasses: the same classes, made by both, behave alike."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from piboothup import records

LIBRARIES: dict[str, Any] = {"standard": dataclasses, "records": records}


def made_by(library: Any) -> SimpleNamespace:
    """The classes, made by one of the libraries."""
    dataclass, field = library.dataclass, library.field

    @dataclass(frozen=True)
    class Empty:
        """No field."""

    @dataclass(frozen=True)
    class Point:
        """Frozen, with defaults."""

        x: int
        y: int = 2
        kind: ClassVar[str] = "point"
        shade: Any = field(default=None, compare=False, repr=False)
        tags: list[str] = field(default_factory=list, compare=False)
        make: Callable[[], int] = int

    @dataclass(frozen=True)
    class Named(Point):
        """A subclass that changes a default and adds a field."""

        y: int = 3
        name: str = "here"

    @dataclass
    class Tally:
        """Mutable."""

        count: int
        seen: set[int] = field(default_factory=set)

        def __repr__(self) -> str:
            return f"{self.count} counted"

    @dataclass(frozen=True)
    class Checked:
        """With a check of its own."""

        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError(self.x)

    @dataclass(frozen=True, eq=False)
    class Own:
        """Equal to itself alone."""

        x: int

    return SimpleNamespace(Empty=Empty, Point=Point, Named=Named, Tally=Tally, Own=Own, Checked=Checked)


STANDARD, RECORDS = (made_by(library) for library in LIBRARIES.values())


@records.dataclass(frozen=True)
class Base:
    """With slots."""

    __slots__ = ("b", "x")
    x: int
    b: str


@records.dataclass(frozen=True)
class Slim(Base):
    """With one more."""

    __slots__ = ("c",)
    c: int


USES: dict[str, Callable[[Any], Any]] = {
    "empty": lambda made: made.Empty(),
    "positional": lambda made: made.Point(1, 5, "dark", ["a"], str),
    "named": lambda made: made.Point(y=7, x=1),
    "defaults": lambda made: made.Point(1),
    "mixed": lambda made: made.Point(1, tags=["b"]),
    "inherited": lambda made: made.Named(4, name="there"),
    "replaced": lambda made: dataclasses.replace(made.Named(4), x=5),
    "shown": lambda made: made.Tally(3),
    "factory": lambda made: made.Tally(3).seen is made.Tally(3).seen,
    "function": lambda made: made.Point(1).make(),
    "class attribute": lambda made: (made.Point.y, made.Point.kind, made.Named.y, hasattr(made.Point, "x")),
    "not compared": lambda made: made.Point(1, shade=1) == made.Point(1, shade=2),
    "unequal": lambda made: made.Point(1) == made.Point(2),
    "of another class": lambda made: made.Point(1, 3) == made.Named(1) or made.Empty() == (),
    "equal hash": lambda made: hash(made.Point(1, shade=1)) == hash(made.Point(1, shade=2)),
    "same hash": lambda made: hash(made.Point(1)) == hash((1, 2, int)),
    "own hash": lambda made: (made.Own(1) == made.Own(1), hash(made.Own(1)) == hash(made.Own(1))),
    "checked": lambda made: made.Checked(1),
    "checked and refused": lambda made: made.Checked(-1),
    "no hash": lambda made: hash(made.Tally(1)),
    "patterns": lambda made: made.Named.__match_args__,
    "too few": lambda made: made.Point(),
    "too many": lambda made: made.Tally(1, set(), 3),
    "unknown": lambda made: made.Tally(countt=1),
    "unknown for required": lambda made: made.Tally(1, other=set()),
    "twice": lambda made: made.Point(1, x=1),
    "set": lambda made: setattr(made.Point(1), "x", 2),
    "deleted": lambda made: delattr(made.Point(1), "x"),
    "replaced by unknown": lambda made: dataclasses.replace(made.Point(1), z=1),
    "copied": lambda made: copy.deepcopy(made.Point(1, tags=["a"])),
    "as a dict": lambda made: dataclasses.asdict(made.Named(1)),
    "content": lambda made: list(vars(made.Named(name="a", x=3)).items()),
    "fields": lambda made: [(each.name, each.compare, each.repr) for each in dataclasses.fields(made.Named)],
    "told apart": lambda made: [dataclasses.is_dataclass(each) for each in (made.Point, made.Point(1), int)],
}


def outcome(use: Callable[[Any], Any], made: Any) -> tuple[Any, str]:
    """Value, or type of error."""
    try:
        return None, repr(use(made)).replace("made_by.<locals>.", "")
    except (TypeError, AttributeError, ValueError) as error:
        return type(error), ""


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_record_is_what_a_dataclass_is(use: Callable[[Any], Any]) -> None:
    assert outcome(use, RECORDS) == outcome(use, STANDARD)


def test_own_functions_do_what_the_standard_ones_do() -> None:
    point = RECORDS.Named(1, tags=["a"])
    assert records.replace(point, x=4) == dataclasses.replace(point, x=4) == RECORDS.Named(4)
    assert records.replace(point).tags is point.tags
    assert [each.name for each in records.fields(point)] == [each.name for each in dataclasses.fields(point)]
    assert [records.is_dataclass(each) for each in (point, RECORDS.Named, int, 3)] == [True, True, False, False]
    with pytest.raises(TypeError):
        records.replace(point, z=1)


def test_a_record_with_slots_has_no_dict_and_its_values() -> None:
    slim = Slim(1, "b", c=3)
    assert (slim.x, slim.b, slim.c, hasattr(slim, "__dict__")) == (1, "b", 3, False)
    assert slim == Slim(x=1, b="b", c=3) != Slim(1, "b", 4)
    assert repr(slim) == "Slim(x=1, b='b', c=3)"
    assert records.replace(slim, x=2) == Slim(2, "b", 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        slim.x = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        Slim(1, "b")  # type: ignore[call-arg]


def test_a_pattern_takes_a_record_apart() -> None:
    match Slim(1, "b", 3):
        case Slim(x, b, 3):
            assert (x, b) == (1, "b")
        case _:
            raise AssertionError


def test_a_record_can_be_copied_and_pickled() -> None:
    for record in (Slim(1, "b", 3), RECORDS.Point(1, tags=["a"])):
        assert copy.copy(record) == copy.deepcopy(record) == record
    assert pickle.loads(pickle.dumps(Slim(1, "b", 3))) == Slim(1, "b", 3)  # noqa: S301
