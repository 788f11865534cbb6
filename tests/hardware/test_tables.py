"""The tables of hardware: contradictions are refused, bills and budgets add up, nothing made of them is stale."""

from __future__ import annotations

import csv
import io
import re

import pytest

from hardware.make import bill, tables
from hardware.make.__main__ import lacking
from hardware.make.products import products
from hardware.make.tables import FOLDER, STATES, TableError

PINS = (FOLDER / "pins.toml").read_text(encoding="utf-8")
PARTS = (FOLDER / "parts.toml").read_text(encoding="utf-8")
TABLE = tables.parts()
REMEDY = "pip install -e '.[hardware]', then python -m hardware.make (pictures and PDFs follow from the texts)"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            PINS.replace("header_pin = 13", "header_pin = 11"),
            "header pin 11 is used twice, by button NO and by light base",
        ),
        (PINS.replace("line = 27", "line = 17"), "GPIO17 is used twice, by button and by light"),
        (PINS.replace('colour = "red"\n', ""), "light LED + lacks, or can't have: colour."),
        (PINS + "\n[[wire]]\n", "the wire of ?  lacks, or can't have: colour, header_pin, line"),
        (PINS + "\n[[wire\n", "pins.toml: "),
    ],
    ids=["pin twice", "line twice", "no colour", "empty", "no toml"],
)
def test_wires_that_contradict_themselves_are_refused(text: str, told: str) -> None:
    with pytest.raises(TableError, match=re.escape(told)):
        tables.wires(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PARTS.replace("{ pocket = 1, desk = 1 }", "{ poket = 1 }", 1), "zero is for a build that is none: poket"),
        (PARTS.replace("shooting = 600", "shoting = 600"), "zero takes current in a state that is none: shoting"),
        (PARTS.replace('instead_of = "pi4"', 'instead_of = "pi3"'), "pi5 takes an unknown place: pi3"),
        (PARTS.replace('key = "pi5"', 'key = "pi4"'), "the key pi4 is used twice"),
        (PARTS.replace("price_eur = 20.0", "price = 20.0"), "zero lacks, or can't have: price."),
    ],
    ids=["build", "state", "place", "key", "field"],
)
def test_parts_that_contradict_themselves_are_refused(text: str, told: str) -> None:
    with pytest.raises(TableError, match=re.escape(told)):
        tables.parts(text)


def test_each_supply_gives_what_the_budget_asks_for() -> None:
    found = list(bill.budgets(TABLE))
    assert {(budget.build, budget.rail) for budget in found} == {
        *(("pocket", "5V"), ("party", "5V"), ("party", "12V"), ("desk", "5V"))
    }
    for budget in found:
        for state in STATES:
            assert budget.takes[state] * TABLE.margin <= budget.asks_for <= budget.supply.holds


def test_the_budget_is_the_sum_of_the_builds_parts() -> None:
    """Added up here by hand, for the build with the most parts."""
    (budget,) = [found for found in bill.budgets(TABLE) if found.rail == "5V" and found.computer.endswith(" 5")]
    camera, panel, lamps, sound_and_clock = 250, 120, 20 + 3, 25 + 1
    assert budget.takes["flash"] == 1800 + camera + panel + lamps + 2 + sound_and_clock
    assert budget.takes["idle"] == 800 + camera + panel + 20 + 1


def test_a_supply_that_is_too_weak_or_missing_is_told() -> None:
    with pytest.raises(
        TableError, match="pocket with Raspberry Pi Zero 2 W asks for 1200 mA at 5V, and supply-micro"
    ):
        list(bill.budgets(tables.parts(PARTS.replace("holds = 2500", "holds = 1000"))))
    with pytest.raises(TableError, match="party has no supply for 12V"):
        list(bill.budgets(tables.parts(PARTS.replace("holds = 2000", "holds = 0"))))


@pytest.mark.parametrize("build", TABLE.builds)
def test_the_bill_has_the_builds_parts_and_their_sum(build: str) -> None:
    rows = list(csv.DictReader(io.StringIO(bill.as_csv(TABLE, build))))
    assert [row["key"] for row in rows] == [part.key for part in TABLE.of(build)]
    total = sum(float(row["sum_eur"]) for row in rows)
    assert sum(bill.cost(TABLE, build)) == pytest.approx(total)
    assert {row["priced"] for row in rows} == {TABLE.priced}


@pytest.mark.parametrize("build", TABLE.builds.values(), ids=lambda build: build.key)
def test_a_builds_supplies_and_wires_are_in_the_tables(build: tables.Build) -> None:
    assert {part.key for part in TABLE.of(build.key) if part.holds} == set(build.supply)
    known = {wire.part for wire in tables.wires()} | {"lens light"}
    assert set(build.pins) <= known


def test_the_joints_are_those_of_the_parts() -> None:
    """Counted here by hand: what is soldered of each part, at its terminals, resistors and legs."""
    button, light, lens, long_cable, clock = 2, 4 + 1 + 2, 3, 4, 4
    light -= 1  # base and resistor share a joint
    assert tables.joints(TABLE.builds["pocket"], TABLE) == (button + light, clock)
    assert tables.joints(TABLE.builds["party"], TABLE) == (button + light, lens + long_cable + clock)
    assert f"easy; {button + light} joints are soldered" in README
    assert f"with all options {button + light + lens + long_cable + clock}" in README


@pytest.mark.parametrize("build", ["pocket", "party"])
def test_the_bill_has_the_heat_shrink_tube_that_is_cut(build: str) -> None:
    for key, wide in (("shrink-leg", 3.2), ("shrink", 5.0)):
        part = TABLE.part(key)
        assert f" {wide:g} mm" in part.name
        needed = sum(each.long * each.of(TABLE.builds[build], TABLE) for each in tables.tubes() if each.wide == wide)
        assert 0 < needed <= 10 * float(part.spec.partition(" cm")[0])


def test_every_blade_leg_and_joint_has_its_tube() -> None:
    """Counted here by hand: blades NO, COM, + and −; legs E, B, C; a tube over each resistor; the clock's joints."""
    pieces = {(each.part, each.wide): 0 for each in tables.tubes()}
    for each in tables.tubes():
        pieces[each.part, each.wide] += each.pieces
    blades, resistor, over_all = 4, 1, 1
    assert pieces == {
        ("light", 5.0): blades + resistor + over_all,
        ("light", 3.2): 3,
        ("lens light", 5.0): resistor,
        ("lens light", 3.2): 2,
        ("clock", 5.0): 4,
        ("long cable", 5.0): resistor,
        ("long cable", 3.2): 2,
    }


def test_nothing_that_needs_no_tools_is_stale() -> None:
    """What needs tools is compared by the gate: `python -m hardware.make --check`."""
    plain = [product for product in products() if not product.needs]
    assert len(plain) >= 4
    for product in plain:
        made = product.make()
        assert product.is_same((FOLDER / product.path).read_bytes(), made), f"{product.path} is stale: {REMEDY}"
        assert not product.is_same(made.replace(b"1", b"2"), made)


def test_every_product_is_here_and_nothing_else_is() -> None:
    made = {product.path for product in products()}
    written = {"pins.toml", "parts.toml", "case.toml", "cards.toml", "screens.png", "__init__.py"}
    here = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {path for path in here if "make/" not in path and "__pycache__" not in path} == made | written
    assert sum((FOLDER / path).stat().st_size for path in made | written) < 6_000_000


def test_a_product_whose_tool_is_not_here_is_left() -> None:
    product = next(products())
    assert lacking(product) == []
    assert lacking(type(product)(product.path, product.make, product.is_same, ("no_such_tool", "csv"))) == [
        "no_such_tool"
    ]
