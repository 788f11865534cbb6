"""What this folder's command makes: each product with its place, how it is made, and when it counts as the same.

A text is the same when its characters are. A picture or a page of a PDF is the same when its pixels are, but for
the smoothing of edges, and its words by their characters: a digit of small print is fewer pixels than smoothing. A
diagram has its SVG's digest besides, as a word that moves is few pixels too. A solid is the same when volume,
extent and the number of its holes are. The bytes of these change with the tools' versions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial

from hardware.make import bill, pictures
from hardware.make.case import layout, reach
from hardware.make.case.devices import BOARDS, BUTTONS, CAMERAS, PANELS
from hardware.make.case.layout import Layout
from hardware.make.drawings import cards, joint_sheets, photo_sheet, sheets, wiring
from hardware.make.tables import FOLDER, Parts, Wire, joints, parts, tubes, wires
from piboothup.config import LANGUAGES
from piboothup.records import dataclass

PICTURES = (
    *("closed", "exploded", "printed"),
    *("step-1-inserts", "step-3-camera", "step-4-panel", "step-5-button", "step-6-board"),
    *("step-7-wires", "step-8-cable", "step-9-close"),
)
"""Of each case; step 2 has none."""
_GUEST_M = 0.55
"""Width of a guest who stands beside another, metres."""


@dataclass(frozen=True)
class Product:
    """A file of this folder that is made. `needs`: the modules that must be there."""

    path: str
    make: Callable[[], bytes]
    is_same: Callable[[bytes, bytes], bool]
    needs: tuple[str, ...] = ()


def products() -> Iterator[Product]:
    """Everything that is made, what needs no tools first."""
    table, wired = parts(), wires()
    for key in table.builds:
        yield _text(f"bill/{key}.csv", partial(bill.as_csv, table, key))
    yield _text("README.md", lambda: with_blocks((FOLDER / "README.md").read_text(encoding="utf-8"), blocks(table)))
    drawings: dict[str, Callable[[], str]] = {
        "panels": partial(sheets.panels, wired),
        "cameras": sheets.cameras,
        "power": partial(sheets.power, table),
        "buttons": joint_sheets.buttons,
        "joints": partial(joint_sheets.joints, table),
    }
    for build in table.builds.values():
        drawings[f"wiring-{build.key}"] = partial(wiring.diagram, build, table, wired)
    for name, draw in drawings.items():
        yield _text(f"diagrams/{name}.svg", draw)
    for name, draw in drawings.items():
        yield _picture(f"diagrams/{name}.png", draw, colours=160, is_exact=True)
    for language in LANGUAGES:
        for card, drawn in (("lid", cards.lid), ("operator", cards.operator)):
            name, make = f"cards/{card}-{language}", partial(drawn, language)
            yield _text(f"{name}.svg", make)
            yield Product(f"{name}.pdf", partial(_pdf, make), cards.is_same_page, ("cairosvg", "pypdfium2"))
    yield _picture("pictures/photos.png", photo_sheet.sheet, colours=0)
    yield from _cases(table, layout.layouts())


def blocks(table: Parts) -> dict[str, str]:
    """Parts of the text that are made, by name."""
    return {
        "budget": bill.budget_table(table),
        "reach": _reach(table, wires()),
        "tubes": _tubes(table),
        "distances": _distances(),
        "sizes": _sizes(),
        **{f"bill {build}": bill.as_table(table, build) for build in table.builds},
        **{f"build {key}": _about(table, key) for key in table.builds},
    }


def with_blocks(text: str, made: dict[str, str]) -> str:
    """The text with each block that is marked in it made anew. Raises KeyError for an unknown name."""

    def block(found: re.Match[str]) -> str:
        return f"<!-- made: {found[1]} -->\n{made[found[1]]}<!-- /made -->"

    return re.sub(r"<!-- made: ([\w -]+?) -->\n.*?<!-- /made -->", block, text, flags=re.DOTALL)


def _distances() -> str:
    names = [camera.name for camera in CAMERAS.values()]
    rows = [f"| Guests stand at | {' | '.join(f'{name} sees' for name in names)} |", f"|---|{'---|' * len(names)}"]
    for metres in (1.0, 1.5, 2.0, 2.5):
        wide = [2 * metres * math.tan(math.radians(camera.view_deg / 2)) for camera in CAMERAS.values()]
        seen = " | ".join(f"{width:.1f} m: {int(width / _GUEST_M)} guests side by side" for width in wide)
        rows.append(f"| {metres} m | {seen} |")
    return "\n".join(rows) + "\n"


def _sizes() -> str:
    """What the cases are made for: panels, buttons, boards."""
    rows, leeway = ["| For | Sizes |", "|---|---|"], f"± {layout.plate_leeway():g}"
    for panel in PANELS.values():
        _, low, width, height = panel.view
        plate = f"plate {panel.width:g} {leeway} x {panel.height:g} {leeway} x {panel.plate:g}"
        seen = f"what is seen: {width:g} x {height:g}, {low:g} above the plate's lower edge"
        rows.append(f"| OLED panel {panel.name} | {plate}, its glass {panel.glass:g} before it; {seen} |")
    for button in BUTTONS.values():
        most = f"rim {button.rim:g}, nut {button.nut:g}, out of the front {button.out:g}"
        depth = f"from the front's outer face to the soldered ends {button.depth:g}"
        rows.append(f"| {button.name[0].upper()}{button.name[1:]} | hole {button.hole:g}; at most: {most}, {depth} |")
    rows += [
        f"| Board {board.name} | {board.width:g} x {board.height:g}, four holes for M2.5 |"
        for board in BOARDS.values()
    ]
    cameras = list(CAMERAS.values())
    plate = f"{cameras[0].width:g} x {cameras[0].height:g}, four holes for M2"
    rows.append(f"| {' and '.join(camera.name for camera in cameras)} | {plate} |")
    return "\n".join(rows) + "\n"


def _reach(table: Parts, wired: tuple[Wire, ...]) -> str:
    """Wires of each part with the colours of its wires, and the longest way to it in each case."""
    last = {case.key: case for case in layout.layouts()}
    heads = [table.builds[key].name for key in last]
    rows = [f"| Wires of | Colours, pin by pin | {' | '.join(heads)} |", f"|---|---|{'---|' * len(heads)}"]
    for part in dict.fromkeys(wire.part for wire in wired):
        own = [wire for wire in wired if wire.part == part]
        ways = [
            max((reach.wire_mm(case, wire) for wire in own), default=0.0) if part in table.builds[key].pins else 0.0
            for key, case in last.items()
        ]
        if any(ways):
            colours = ", ".join(f"{wire.header_pin} {wire.colour}" for wire in own)
            cells = " | ".join(f"{way / 10:.0f} cm" if way else "" for way in ways)
            rows.append(f"| {part} | {colours} | {cells} |")
    cells = " | ".join(f"{reach.camera_mm(case) / 10:.0f} cm" for case in last.values())
    return "\n".join([*rows, f"| camera (flat cable) | | {cells} |"]) + "\n"


def _tubes(table: Parts) -> str:
    """What is cut of each heat-shrink tube, for each case."""
    builds = [build for build in table.builds.values() if build.key != "desk"]
    rows = [f"| Over | Tube | {' | '.join(build.name for build in builds)} |", f"|---|---|{'---|' * len(builds)}"]
    for each in tubes():
        cells = " | ".join(f"{count}" if (count := each.of(build, table)) else "" for build in builds)
        rows.append(f"| {each.over} | {each.wide:g} mm, {each.long / 10:g} cm long | {cells} |")
    return "\n".join(rows) + "\n"


def _about(table: Parts, key: str) -> str:
    build = table.builds[key]
    soldered, more = joints(build, table)
    difficulty = build.difficulty.format(joints=soldered, all_joints=soldered + more)
    must, may = bill.cost(table, key)
    cost = f"about {must:.0f} €" + (f", with all options {must + may:.0f} €" if may else "")
    rows = (("Hours", build.hours), ("Tools", build.tools), ("Cost", cost), ("Difficulty", difficulty))
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {told} |\n" for name, told in rows)


def _text(path: str, make: Callable[[], str]) -> Product:
    return Product(path, lambda: make().encode(), bytes.__eq__)


def _picture(path: str, draw: Callable[[], str], *needs: str, colours: int = 64, is_exact: bool = False) -> Product:
    make = partial(pictures.png_of, colours=colours, is_exact=is_exact)
    return Product(path, lambda: make(draw()), pictures.is_same_picture, ("cairosvg", *needs))


def _pdf(draw: Callable[[], str]) -> bytes:
    return cards.pdf_of(draw())


def _parts_sheet(table: Parts, key: str, case: Layout) -> str:
    from hardware.make.renders import part_pictures  # noqa: PLC0415  (of the extra `hardware`)

    return part_pictures.sheet(table, key, case)


def _cases(table: Parts, found: list[Layout]) -> Iterator[Product]:
    """Solids of every case, and pictures of each with the panel of its bill."""
    last = {case.key: case for case in found}
    for case in found:
        yield _solid(case, "front", f"{case.key}-front-{case.panel.name.removesuffix(' inch')}")
    for key, case in last.items():
        for part in ("lid", "hood", "guard", "coupon"):
            yield _solid(case, part, f"{key}-{part}")
        shown = partial(_parts_sheet, table, key, case)
        yield _picture(f"pictures/{key}-parts.png", shown, "manifold3d", colours=160)
        for name in PICTURES:
            yield _render(case, name, f"pictures/{key}-{name}.png")


def _solid(case: Layout, part: str, name: str) -> Product:
    def make() -> bytes:
        from hardware.make.case import model  # noqa: PLC0415  (of the extra `hardware`)

        return bytes(model.as_stl(model.coupon(case) if part == "coupon" else model.printed(case)[part]))

    def is_same(first: bytes, second: bytes) -> bool:
        from hardware.make.case import model  # noqa: PLC0415

        return bool(model.is_same_solid(first, second))

    return Product(f"case/{name}.stl", make, is_same, ("manifold3d",))


def _render(case: Layout, name: str, path: str) -> Product:
    def make() -> bytes:
        from hardware.make.renders import scenes  # noqa: PLC0415

        return pictures.png_of(scenes.picture(case, name), 160)

    return Product(path, make, pictures.is_same_picture, ("cairosvg", "manifold3d"))
