"""The pictures of the builds, with names in them: what each shows, from where, and what is named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import manifold3d
import numpy as np

from hardware.make.case import flat_cable, model
from hardware.make.case.layout import (
    COLUMN_MM,
    HOOD_HEIGHT,
    Layout,
    Screw,
    guard_height,
    guard_radius,
    hood_radius,
    nut_block,
    screws,
    transistor,
)
from hardware.make.case.reach import blade, header
from hardware.make.renders import bodies, cables
from hardware.make.renders.labels import Label, labelled
from hardware.make.renders.render import Shape, View, shape
from hardware.make.tables import parts, wires

SIZE, _WIDE = (760, 580), (960, 560)


def picture(layout: Layout, name: str) -> str:
    """A picture of a case with names in it, as SVG: closed, exploded, printed, or a step. Raises KeyError."""
    shapes, view, labels, title = _SCENES[name](layout)
    return labelled(shapes, view, labels, title)


_Scene = tuple[list[Shape], View, list[Label], str]


def _closed(layout: Layout) -> _Scene:
    given, middle = layout.given, layout.middle
    things = bodies.things(layout, "button", "panel", "camera", "lens light")
    labels = [
        Label("vents", (middle + 21, given.height, 40), 1),
        Label("hood, and the lens in it", (middle + hood_radius(layout), given.lens_y + 2, -HOOD_HEIGHT)),
        Label("panel", (layout.panel_x + 6, given.panel_y + layout.panel.height / 2, 2), -1),
        Label("guard ring", (middle + guard_radius(layout), given.button_y + 4, -guard_height(layout)), 1),
        Label("button", (middle - 8, given.button_y, 2 - layout.button.out), -1),
        Label("lid, four screws M3x8", (given.width, 30, given.depth - 1), 1),
    ]
    if given.lens_light:
        labels.append(Label("lens light", (middle + 19, given.lens_y, 0), 1))
    return [*bodies.case(layout), *things, *bodies.cap(layout)], View(-28, 16, SIZE), labels, _title(layout)


def _exploded(layout: Layout) -> _Scene:
    far, given, board = layout.given.depth * 1.6, layout.given, layout.board
    labels = [
        Label("front", (4, 60, 0), -1),
        Label("board on its four posts", (given.board_x + 6, given.board_y + 12, layout.board_z - 2 + far), 1),
        Label("header", (given.board_x + 30, given.board_y + board.height - 4, layout.board_z - 14 + far), 1),
        Label(
            "keyholes: it hangs on two screws", (given.keyhole[1][0], given.keyhole[1][1] + 4, layout.rim + far), 1
        ),
        Label(_ties(layout), (given.exits[-1], 9, layout.rim - 6 + far), 1),
    ]
    labels += [
        Label(f"{name} (optional)", (x + 8, y + height / 2, layout.rim - depth + far), 1)
        for name, (x, y, _, height, depth) in given.extras.items()
    ]
    shapes = [
        *bodies.steps(layout, 4, ("cable",)),
        *bodies.lid(layout, far, ("camera cable", "power plug")),
        *bodies.cap(layout),
    ]
    return shapes, View(-52, 18, _WIDE), labels, f"{_title(layout)}, lid off (cables and wires not drawn)"


def _inside(step: int, layout: Layout) -> _Scene:
    """The front from behind, and what this step adds to it."""
    given, can, middle = layout.given, layout.can, layout.middle
    clamp = max((screw for screw in screws(layout) if screw.kind == "M2.5x5" and screw.post_z == can.wall), key=_x)
    post = max((screw for screw in screws(layout) if screw.kind == "M2x6"), key=lambda screw: (screw.x, -screw.y))
    back = layout.camera_front + 2
    panel_back = layout.panel_z + layout.panel.plate
    corner = layout.columns()[-1]
    found = {
        1: [
            Label("insert, in each corner", (*corner, layout.rim)),
            Label("posts of the camera", (post.x, post.y, post.z)),
            Label("window of the lens", (middle - 4, given.lens_y - 4, can.thin), 1),
            Label("clamps of the panel", (clamp.x, clamp.y, clamp.z)),
            Label("ribs: the panel stands on them", (layout.panel_x + 4, given.panel_y - 1, 5)),
            Label("hole of the button", (middle - 12, given.button_y, can.wall), 1),
            Label("pocket of the tripod's nut", (middle - 4, 9, nut_block(layout)[5]), 1),
            Label("exit of a cable", (given.exits[-1], 2, layout.rim - 3), -1),
        ],
        2: [
            Label("four screws M2x6", (post.x, post.y, back + 1)),
            Label("its cable points down", (middle - 4, given.lens_y - 15, back + 3), 1),
            Label("behind this: the lens, in its window", (middle + 6, given.lens_y + 2, back), -1),
        ],
        3: [
            Label("M2.5x5 with its washer, at each side", (clamp.x, clamp.y, clamp.z + 1)),
            Label("its four pins: above", (middle - 4, given.panel_y + layout.panel.height - 2, panel_back + 9), 1),
            Label("it stands on the ribs", (layout.panel_x + 5, given.panel_y - 1, panel_back), 1),
        ],
        4: [
            Label("nut", (middle + 4, given.button_y + layout.button.nut / 2 - 3, can.wall + 8), -1),
            Label("switch, NO and COM: above", blade(layout, "NO")),
            Label("lamp, + and −: below", blade(layout, "lamp +"), -1),
        ],
    }[step]
    names = {1: "Inserts", 2: "Camera", 3: "Panel", 4: "Button"}
    view = {2: View(196, -9, SIZE), 4: View(206, 24, SIZE)}.get(step, View(196, 5, SIZE))
    told = " (its wires not drawn)" if step == 4 else ""
    return bodies.steps(layout, step), view, found, f"{_title(layout)}, from behind: {names[step].lower()}{told}"


def _board(layout: Layout) -> _Scene:
    given, board = layout.given, layout.board
    x, y, z = given.board_x, given.board_y, layout.board_z
    camera = board.boxes["camera cable"]
    power = board.boxes["power plug"]
    card = board.boxes["card"]
    plug = "power plug, in PWR IN" if given.board == "zero" else "power plug"
    labels = [
        Label("header: above", (x + 40, y + board.height - 3, z - 15), 1),
        Label("header pin 1 is at this end", (x + 9, y + board.height - 4, z - 15), -1),
        Label("four screws M2.5x5", (x + board.holes[0][0], y + board.holes[0][1], z - 3), -1),
        Label("socket of the camera's cable", (x + (camera[0] + camera[3]) / 2, y + camera[4] - 3, z - camera[5]), 1),
        Label(plug, (x + (power[0] + power[3]) / 2, y + power[1] + 5, z - 7)),
        Label("card", (x + card[0] + 1, y + card[1] + 5, z), -1),
        Label(_ties(layout), (given.exits[-1], 9, layout.rim - 6), 1),
    ]
    for name, (left, low, width, height, depth) in given.extras.items():
        told = "clock (optional), its pins up" if name == "clock" else f"{name} (optional)"
        labels.append(Label(told, (left + width / 2, low + height / 2, layout.rim - depth)))
    return bodies.lid(layout, 0), View(16, 20, SIZE), labels, f"{_title(layout)}: the lid, from the front's side"


def _open(layout: Layout) -> _Scene:
    """The lid beside the box, and the wires."""
    table = parts()
    shown = [wire for wire in wires() if wire.part in table.builds[layout.key].pins]
    beside = [
        Shape(cables.opened(layout, each.corners), each.colour)
        for each in bodies.lid(layout, 0, ("camera cable", "power plug"))
    ]
    shapes = [*bodies.steps(layout, 4, ("cable",)), *beside, *cables.wires(layout, shown)]
    first = header(layout, 1)
    pin = cables.opened(layout, np.array([first[0] - 1.2, first[1], layout.board_z - 10]))
    on_wall, resistor = (((box[0] + box[3]) / 2, (box[1] + box[4]) / 2, box[5] - 1) for box in transistor(layout))
    corner = cables.opened(layout, np.array([layout.given.width - 6, 40, layout.rim]))
    labels = [
        Label("front", (layout.given.width - 8, 20, layout.rim), -1),
        Label("panel: 1, 3, 5, 6", (layout.middle + 6, layout.given.panel_y + layout.panel.height, 22), -1),
        Label("button's switch: 11, 9", blade(layout, "NO"), -1),
        Label("button's lamp: red 4, white", blade(layout, "lamp +"), -1),
        Label("resistor in its tube: 13", resistor, -1),
        Label("transistor in its tube: 14", on_wall, -1),
        Label("header pin 1: at this end", tuple(pin), -1),
        Label("lid, its inside up", tuple(corner), 1),
    ]
    if layout.given.lens_light:
        labels.append(Label("lens light: 22, 20", (layout.middle + 19, layout.given.lens_y, 28), -1))
    numbers = {"flash board": "16, 30", "buzzer": "18, 2, 34", "clock": "joins the panel's"}
    for name, (x, y, width, height, depth) in layout.given.extras.items():
        point = cables.opened(layout, np.array([x + width / 2, y + height / 2, layout.rim - depth]))
        labels.append(Label(f"{name}: {numbers[name]}", tuple(point), 1))
    told = f"{_title(layout)}: the wires, the lid beside the box (the camera's cable not drawn)"
    return shapes, View(180, 24, (1000, 620)), labels, told


def _cable(layout: Layout) -> _Scene:
    """What is in the closed case with the camera's cable, without the front and a wall."""
    front = model.in_place(layout)["front"]
    given = layout.given
    side = given.board == "zero"
    far = 0.0 if side else given.width - layout.can.wall - 0.2
    kept = manifold3d.Manifold.cube([layout.can.wall + 0.2, given.height, given.depth]).translate([far, 0, 0])
    shapes = [
        shape(front ^ kept, bodies.FRONT),
        *bodies.things(layout, "camera", "panel", "button", without=("cable",)),
        *bodies.lid(layout, 0, ("camera cable",)),
        cables.flat(layout),
    ]
    lid = (given.width if side else 0, given.height - 14, layout.rim + 1)
    made = flat_cable.bends(layout)
    middle = flat_cable.surface(layout, 1.0)[:, 4]
    loop, fold = (middle[round(made[number].along + made[number].length / 2)] for number in (2, 3))
    labels = [
        Label("1  down from the camera", tuple(middle[round(made[2].along) - 8]), -1),
        Label("2  in a wide loop, up again", tuple(loop), -1),
        Label("3  half around a pencil, at 45°", tuple(fold), -1),
        Label("4  along the wall" if side else "4  aside, and back", tuple(middle[round(made[4].along)]), 1),
        Label("5  its end: in the socket first", tuple(middle[-9]), 1),
        Label("lid, with the board", lid, 1 if side else -1),
        Label("panel", (layout.panel_x + layout.panel.width / 2, given.panel_y + 6, 6)),
    ]
    view = View(-60, 18, (760, 620)) if side else View(82, 16, (760, 620))
    return shapes, view, labels, f"{_title(layout)}: the camera's cable, seen through the front"


def _close(layout: Layout) -> _Scene:
    given, away = layout.given, layout.given.depth * 0.8
    labels = [
        Label("lid, four screws M3x8", (*layout.columns()[1], given.depth + away), 1),
        Label("keyholes, to hang it", (given.keyhole[0][0], given.keyhole[0][1] + 8, given.depth + away), 1),
        Label("exit of the cable", (given.exits[-1], 0, layout.rim - 3), -1),
        Label("inserts", (*layout.columns()[3], layout.rim), -1),
    ]
    shapes = [*bodies.steps(layout, 4, ("cable",)), *bodies.lid(layout, away, ("camera cable",))]
    return shapes, View(212, 14, SIZE), labels, f"{_title(layout)}: the lid goes on (cables and wires not drawn)"


def _printed(layout: Layout) -> _Scene:
    """What is printed, as it lies on the bed, and the coupon."""
    shapes, labels, x = [], [], 0.0
    names = {"guard": "guard ring"}
    solids = {**model.printed(layout), "coupon": model.coupon(layout)}
    for name, solid in solids.items():
        low, high = solid.bounding_box()[:3], solid.bounding_box()[3:]
        lying = solid.translate([x - low[0], -low[1], 0]).rotate([-90, 0, 0]).mirror([0, 0, 1])
        shapes.append(shape(lying, bodies.LID if name == "coupon" else bodies.FRONT))
        box = shapes[-1].corners.reshape(-1, 3)
        middle = float(box[:, 0].min() + box[:, 0].max()) / 2
        point = (middle, 1.0, float(box[:, 2].min()))
        if name != "coupon":
            labels.append(Label(names.get(name, name), point, -1))
        else:
            low_z = float(box[:, 2].min())
            labels += [
                Label(f"coupon: {told}", (float(box[:, 0].min()) + at, layout.can.wall + 7, low_z + deep), 1)
                for told, at, deep in (
                    ("M2", 6.0, 7.0),
                    ("M2.5", 6.0, 17.0),
                    ("insert M3", 2 + COLUMN_MM / 2, 23 + COLUMN_MM / 2),
                )
            ]
        x += high[0] - low[0] + 12
    return shapes, View(-20, 38, (960, 420)), labels, f"{_title(layout)}: what is printed, and the coupon"


_SCENES: dict[str, Callable[[Layout], _Scene]] = {
    "closed": _closed,
    "exploded": _exploded,
    "printed": _printed,
    "step-1-inserts": partial(_inside, 1),
    "step-3-camera": partial(_inside, 2),
    "step-4-panel": partial(_inside, 3),
    "step-5-button": partial(_inside, 4),
    "step-6-board": _board,
    "step-7-wires": _open,
    "step-8-cable": _cable,
    "step-9-close": _close,
}


def _title(layout: Layout) -> str:
    return parts().builds[layout.key].name


def _ties(layout: Layout) -> str:
    return "blocks: the cables are tied to them" if len(layout.given.exits) > 1 else "block: the cable is tied to it"


def _x(screw: Screw) -> float:
    return screw.x
