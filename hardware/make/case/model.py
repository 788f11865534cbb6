"""The case as solids, of a layout: front, lid, hood, guard ring, and a coupon to print first.

Each is made lying on z = 0 with nothing that wants support: the front on its face, the lid on its back.
"""

from __future__ import annotations

import functools
from typing import Any

import manifold3d
import numpy as np

from hardware.make.case.devices import CAMERAS, Box
from hardware.make.case.layout import (
    COLUMN_MM,
    EXIT_MM,
    GUARD_FOOT,
    HOOD_HEIGHT,
    INSERT_DEEP,
    LIP,
    LIP_HEIGHT,
    NUT_FLATS,
    NUT_THICK,
    POSTS,
    RING_MM,
    Layout,
    free,
    guard_height,
    guard_radius,
    hood_radius,
    insert_hole,
    nut_block,
    pilot,
    screws,
    tie_block,
    view_radius,
)

Solid = Any
"""A manifold3d.Manifold."""
_CURVE = 40
_GROOVE = 0.6
_FINEST = 0.005
"""Edges that are shorter would vanish in the STL's short numbers and tear it open, mm."""
_PAST = 1.0
"""So far a cut reaches beyond what it cuts, mm."""


def front(layout: Layout) -> Solid:
    """The front with its four walls."""
    given, can = layout.given, layout.can
    outer = _rounded(given.width, given.height, layout.rim, can.corner)
    inner = _rounded(
        given.width - 2 * can.wall, given.height - 2 * can.wall, layout.rim, max(0.5, can.corner - can.wall)
    )
    made = outer - inner.translate([can.wall, can.wall, can.wall])
    made -= _box(
        (layout.middle - 6.5, given.lens_y - 6.5, can.thin, layout.middle + 6.5, given.lens_y + 6.5, can.wall + _PAST)
    )
    half = COLUMN_MM / 2
    room = _rounded(given.width, given.height, layout.rim, can.corner)
    for x, y in layout.columns():
        made += _box((x - half, y - half, 0, x + half, y + half, layout.rim)) ^ room
    made += _box(nut_block(layout))
    for screw in screws(layout):
        if screw.post_z == can.wall:
            made += _rod(screw.x, screw.y, POSTS[screw.kind] / 2, 0, screw.z)
    made += _union([_box(rib) for rib in _ribs(layout)])
    holes = [
        _rod(screw.x, screw.y, pilot(can, screw.kind) / 2, screw.end_z, screw.z + _PAST)
        for screw in screws(layout)
        if screw.post_z == can.wall
    ]
    deep, radius = layout.rim - INSERT_DEEP, insert_hole(can) / 2
    holes += [_rod(x, y, radius, deep, layout.rim + _PAST) for x, y in layout.columns()]
    return made - _union([*holes, *_openings(layout)])


def lid(layout: Layout) -> Solid:
    """The lid with the board's posts, as it is printed: its outer face on the bed."""
    given, can = layout.given, layout.can
    made = _rounded(given.width, given.height, can.wall, can.corner)
    off = can.wall + can.gap
    lip = _rounded(given.width - 2 * off, given.height - 2 * off, LIP_HEIGHT, 1.5)
    hollow = _rounded(given.width - 2 * (off + LIP), given.height - 2 * (off + LIP), LIP_HEIGHT + _PAST, 0.6)
    ring = lip.translate([off, off, can.wall]) - hollow.translate([off + LIP, off + LIP, can.wall])
    half = COLUMN_MM / 2 + can.gap + 0.2
    for x, y in layout.columns():
        ring -= _box((x - half, y - half, 0, x + half, y + half, 99))
    for x in given.exits:
        ring -= _box((x - EXIT_MM / 2 - 1, 0, 0, x + EXIT_MM / 2 + 1, 12, 99))
    made += ring
    depth = given.depth
    for screw in screws(layout):
        if screw.post_z == layout.rim:
            made += _rod(screw.x, screw.y, POSTS[screw.kind] / 2, 0, depth - screw.z)
    for x in given.exits:
        low = tie_block(layout, x)
        block = _box((low[0], low[1], 0, low[3], low[4], depth - low[2]))
        made += block - _box((low[0] - 1, low[1] + 2, can.wall + 0.8, low[3] + 1, low[1] + 5, can.wall + 2.8))
    holes = [
        _rod(screw.x, screw.y, pilot(can, screw.kind) / 2, depth - screw.end_z, depth - screw.z + _PAST)
        for screw in screws(layout)
        if screw.post_z == layout.rim
    ]
    holes += [_rod(x, y, 1.7, -_PAST, can.wall + _PAST) for x, y in layout.columns()]
    for x, y in given.keyhole:
        holes.append(_rod(x, y, 4.2, -_PAST, can.wall + _PAST))
        holes.append(_box((x - 2.1, y, -_PAST, x + 2.1, y + 9, can.wall + _PAST)))
        holes.append(_rod(x, y + 9, 2.1, -_PAST, can.wall + _PAST))
    holes += _lid_vents(layout)
    return made - _union(holes)


def hood(layout: Layout) -> Solid:
    """The ring before the lens, glued into its groove: it keeps the sun and fingers off."""
    return _ring(hood_radius(layout), HOOD_HEIGHT + _GROOVE)


def guard(layout: Layout) -> Solid:
    """The ring around the button, its upper edge on the bed: the box may lie on its face and takes no photo.

    It grows wider to its foot, which is glued onto the front, and a rim of it into the groove there.
    """
    radius, height = guard_radius(layout), guard_height(layout)
    wide = radius + RING_MM
    foot = manifold3d.Manifold.cylinder(height, wide, wide + GUARD_FOOT, 2 * _CURVE)
    return _ring(radius, height + _GROOVE) + (foot - _rod(0, 0, radius + RING_MM / 2, -_PAST, height + _PAST))


def coupon(layout: Layout) -> Solid:
    """A plate with one of each hole that must fit, to print before the rest."""
    can = layout.can
    view = layout.panel.view
    width, height = max(layout.button.hole, view[2]) + 26, layout.button.hole + view[3] + 22
    made = _rounded(width, height, can.wall, 3)
    posts = (("M2x6", 7.0), ("M2.5x5", 17.0))
    for kind, y in posts:
        made += _rod(6, y, POSTS[kind] / 2, 0, can.wall + 7)
    made += _box((2, 23, 0, 2 + COLUMN_MM, 23 + COLUMN_MM, can.wall + 7))
    holes = [_rod(6, y, pilot(can, kind) / 2, 0.8, 99) for kind, y in posts]
    holes.append(_rod(2 + COLUMN_MM / 2, 23 + COLUMN_MM / 2, insert_hole(can) / 2, can.wall + 7 - INSERT_DEEP, 99))
    x = 14 + (width - 14) / 2
    holes.append(_rod(x, 6 + layout.button.hole / 2, layout.button.hole / 2, -_PAST, 99))
    top = height - 6 - view[3]
    holes.append(_box((x - view[2] / 2, top, -_PAST, x + view[2] / 2, top + view[3], 99)))
    return made - _union(holes)


def printed(layout: Layout) -> dict[str, Solid]:
    """What is printed for this case and panel, by its name, as it lies on the bed.

    A layout's x, y and z are left-handed (a guest looks along z), a printer's are right-handed: so the front is the
    mirror of its layout. The lid is turned over besides, which mirrors it a second time.
    """
    turned = front(layout).mirror([1, 0, 0]).translate([layout.given.width, 0, 0])
    return {"front": turned, "lid": lid(layout), "hood": hood(layout), "guard": guard(layout)}


def in_place(layout: Layout) -> dict[str, Solid]:
    """The parts where they are in the box: the front as printed, the others turned and moved to it."""
    given = layout.given
    turned = lid(layout).mirror([0, 0, 1]).translate([0, 0, given.depth])
    return {
        "front": front(layout),
        "lid": turned,
        "hood": hood(layout).translate([layout.middle, given.lens_y, -HOOD_HEIGHT]),
        "guard": guard(layout).translate([layout.middle, given.button_y, -guard_height(layout)]),
    }


def envelopes(layout: Layout) -> dict[str, Solid]:
    """What must stay free of the case, thing by thing."""
    found: dict[str, Solid] = {}
    for placed in free(layout):
        round_body = placed.thing == "button" or placed.name == "lens"
        x0, y0, z0, x1, y1, z1 = placed.box
        solid = _rod((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, z0, z1) if round_body else _box(placed.box)
        found[placed.thing] = found[placed.thing] + solid if placed.thing in found else solid
    return found


def views(layout: Layout) -> dict[str, Solid]:
    """What each camera sees, as far as hood and guard ring reach: nothing may stand in it."""
    found, far = {}, max(HOOD_HEIGHT + _GROOVE, guard_height(layout))
    for key in layout.given.cameras:
        camera = CAMERAS[key]
        lens_z = layout.camera_front - (camera.lens_z - camera.boxes["plate"][5])
        low = view_radius(camera, layout.camera_front, -far)
        cone = manifold3d.Manifold.cylinder(lens_z + far, low, camera.lens_mm / 2, _CURVE)
        found[key] = cone.translate([layout.middle, layout.given.lens_y, -far])
    return found


def as_stl(solid: Solid) -> bytes:
    """A binary STL: the triangles in a fixed order."""
    mesh = solid.simplify(_FINEST).to_mesh()
    corners = np.asarray(mesh.vert_properties, np.float32)[:, :3][np.asarray(mesh.tri_verts)]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.where(lengths == 0, 1, lengths)
    record = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    record["normal"], record["corners"] = normals, corners
    record = record[np.lexsort(corners.reshape(len(corners), 9).T)]
    return b"".join([b"piboothup".ljust(80), np.uint32(len(record)).tobytes(), record.tobytes()])


def is_same_solid(first: bytes, second: bytes) -> bool:
    """Whether two STLs have the same extent, volume, surface and its middle; a hole of a millimetre is seen."""
    return np.allclose(_measures(first), _measures(second), rtol=1e-5, atol=1e-3)


def _measures(stl: bytes) -> list[float]:
    count = int(np.frombuffer(stl, "<u4", 1, 80)[0])
    kind = [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")]
    corners = np.frombuffer(stl, kind, count, 84)["corners"].astype(float)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    points = corners.reshape(-1, 3)
    volume = float((corners[:, 0] * cross).sum() / 6)
    middle = (corners.mean(axis=1) * np.linalg.norm(cross, axis=1, keepdims=True)).sum(axis=0) / 2
    area = float(np.linalg.norm(cross, axis=1).sum() / 2)
    return [*points.min(axis=0), *points.max(axis=0), volume, area, *(middle / area)]


def _openings(layout: Layout) -> list[Solid]:
    """Windows, holes, exits, vents and grooves of the front."""
    given, can, panel = layout.given, layout.can, layout.panel
    x, y, width, height = panel.view
    left, low = layout.panel_x + x, given.panel_y + y
    found = [
        _rod(layout.middle, given.lens_y, layout.window_radius, -_PAST, can.wall + 0.5),
        _box((left, low, -_PAST, left + width, low + height, can.wall + _PAST)),
        _rod(layout.middle, given.button_y, layout.button.hole / 2, -_PAST, can.wall + _PAST),
        _ring(hood_radius(layout) - can.gap / 2, _GROOVE + _PAST, RING_MM + can.gap).translate(
            [layout.middle, given.lens_y, -_PAST]
        ),
        _ring(guard_radius(layout) - can.gap / 2, _GROOVE + _PAST, RING_MM + can.gap).translate(
            [layout.middle, given.button_y, -_PAST]
        ),
        *_tripod(layout),
    ]
    low, high = layout.rim - EXIT_MM, layout.rim + _PAST
    found += [_box((at - EXIT_MM / 2, -_PAST, low, at + EXIT_MM / 2, can.wall + _PAST, high)) for at in given.exits]
    if given.lens_light:
        found.append(_rod(layout.middle + 19, given.lens_y, 2.6, -_PAST, can.wall + _PAST))
    top = given.height - can.wall
    reach = layout.rim - 16
    for number in range(-3, 4):
        at = layout.middle + number * 7
        found.append(_box((at - 1.25, top - _PAST, 18, at + 1.25, top + can.wall + _PAST, reach)))
    beside = [
        at
        for at in (16.0, 21.0, given.width - 21, given.width - 16)
        if all(abs(at - x) >= EXIT_MM for x in given.exits)
    ]
    return found + [_box((at - 1.25, -_PAST, 14, at + 1.25, can.wall + _PAST, reach - 10)) for at in beside]


def _tripod(layout: Layout) -> list[Solid]:
    """The hole of the tripod's screw and the pocket of its nut, open to the lid: a corner down, two flats upright."""
    block, z = nut_block(layout), layout.given.nut_z
    hole = (
        manifold3d.Manifold.cylinder(99, 3.4, 3.4, _CURVE).rotate([-90, 0, 0]).translate([layout.middle, -_PAST, z])
    )
    hole ^= _box((0, -5, 0, 999, block[4] - 1.5, 999))
    radius = NUT_FLATS / 2 / np.cos(np.pi / 6)
    nut = manifold3d.CrossSection(
        [[(radius * np.cos(angle), radius * np.sin(angle)) for angle in np.pi / 2 + np.arange(6) * np.pi / 3]]
    )
    pocket = nut.extrude(NUT_THICK).rotate([90, 0, 0]).translate([layout.middle, 4 + NUT_THICK, z])
    half = NUT_FLATS / 2
    return [hole, pocket, _box((layout.middle - half, 4, z, layout.middle + half, 4 + NUT_THICK, block[5] + _PAST))]


def _ribs(layout: Layout) -> list[Box]:
    """Two ribs under the panel, on which it stands while its clamps are screwed."""
    given, can, panel = layout.given, layout.can, layout.panel
    top = layout.panel_z + panel.plate
    y = given.panel_y - can.gap
    return [
        (x - 3, y - 1.6, 0, x + 3, y, top) for x in (layout.panel_x + panel.width * share for share in (0.2, 0.8))
    ]


def _lid_vents(layout: Layout) -> list[Solid]:
    given, board = layout.given, layout.board
    middle, low = given.board_x + 32.5, given.board_y
    found = []
    for number in range(-4, 5):
        at = middle + number * 5.5
        found.append(_box((at - 1.25, low + 8, -_PAST, at + 1.25, low + board.height - 8, layout.can.wall + _PAST)))
    return found


def _ring(radius: float, height: float, wide: float = RING_MM) -> Solid:
    outer = manifold3d.Manifold.cylinder(height, radius + wide, radius + wide, 2 * _CURVE)
    return outer - manifold3d.Manifold.cylinder(height + 2, radius, radius, 2 * _CURVE).translate([0, 0, -1])


def _rounded(width: float, height: float, depth: float, corner: float) -> Solid:
    flat = manifold3d.CrossSection.square([width - 2 * corner, height - 2 * corner])
    return flat.translate([corner, corner]).offset(corner, manifold3d.JoinType.Round, 2.0, _CURVE).extrude(depth)


def _box(box: Box) -> Solid:
    size = [box[axis + 3] - box[axis] for axis in range(3)]
    return manifold3d.Manifold.cube(size).translate(list(box[:3]))


def _rod(x: float, y: float, radius: float, z: float, end: float) -> Solid:
    return manifold3d.Manifold.cylinder(end - z, radius, radius, _CURVE).translate([x, y, z])


def _union(solids: list[Solid]) -> Solid:
    return functools.reduce(lambda first, second: first + second, solids)
