"""The way of the camera's flat cable in the closed case: bends and one soft fold, so that all its length is stowed.

A flat cable bends about an axis across it, and turns a corner only where it is wrapped half around a rod that lies
askew: a fold, whose radius is a pencil's. Lengths are mm; `along` is measured on the cable's middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hardware.make.case.layout import Layout
from hardware.make.case.reach import CABLE_MM
from piboothup.records import dataclass

Array = NDArray[np.float64]
WIDE_MM = 16.0
PENCIL_MM = 3.5
"""Radius of a pencil, the least of a bend."""
_IN_SOCKET_MM = 3.0
_TURN_MM = 5.0
_LOOP_MM, _FOLD_MM = 5.0, 4.0


@dataclass(frozen=True)
class Bend:
    """A bend from `along` on, by `turn` degrees, about an axis `askew` degrees off the line across the cable."""

    along: float
    turn: float
    radius: float = _TURN_MM
    askew: float = 0.0

    @property
    def length(self) -> float:
        """What it takes of the cable's middle."""
        return self.radius * math.radians(abs(self.turn)) / math.cos(math.radians(self.askew))


def surface(layout: Layout, step: float = 2.0) -> Array:
    """Points of the cable in the case, (along, across, 3): its middle and both edges."""
    along = np.linspace(0.0, CABLE_MM, round(CABLE_MM / step) + 1)
    across = np.linspace(-WIDE_MM / 2, WIDE_MM / 2, 9)
    flat = np.stack([*np.meshgrid(along, across, indexing="ij"), np.zeros((along.size, across.size))], axis=-1)
    return _placed(layout, _bent(flat, _bends(layout)))


def bends(layout: Layout) -> list[Bend]:
    """The bends from the camera to the board, in their order."""
    return _bends(layout)


def _bends(layout: Layout) -> list[Bend]:
    """The bends for which the cable's end meets the board's socket and all its length is used."""
    make, count = _ways(layout)
    wanted = np.array([*_socket(layout), CABLE_MM])

    def ends(straights: Array) -> Array:
        made, total = make(straights)
        tip = _placed(layout, _bent(np.array([[[total, 0.0, 0.0]]]), made))[0, 0]
        return np.array([*tip, total])

    zero = np.full(count, 10.0)
    base = ends(zero)
    slope = np.stack([ends(zero + row) - base for row in np.eye(count)], axis=1)
    straights = zero + np.linalg.lstsq(slope, wanted - base, rcond=None)[0]
    return make(straights)[0]


def _ways(layout: Layout) -> tuple[Callable[[Array], tuple[list[Bend], float]], int]:
    """How the bends follow from the lengths between them, and how many such lengths there are."""
    back_and_down = [(60.0, PENCIL_MM, 0.0), (-60.0, PENCIL_MM, 0.0)]
    if layout.given.board == "zero":  # its socket is at its side: along the wall
        rest = [(180.0, _LOOP_MM, 0.0), (180.0, _FOLD_MM, -45.0), (90.0, _TURN_MM, 0.0), (90.0, PENCIL_MM, 0.0)]
    else:  # its socket stands on it: aside, back again, and in
        rest = [(180.0, _LOOP_MM, 0.0), (180.0, _FOLD_MM, 45.0), (180.0, 6.0, 0.0), (-90.0, _TURN_MM, 0.0)]
    is_side = layout.given.board == "zero"

    def make(straights: Array) -> tuple[list[Bend], float]:
        down, up, aside, last = (float(each) for each in straights)
        lengths = [4.0, 8.0, down, up, aside, last] if is_side else [4.0, 8.0, down, up, 26.0, aside]
        made, at = [], 0.0
        for (turn, radius, askew), straight in zip((*back_and_down, *rest), lengths, strict=True):
            at += straight
            made.append(Bend(at, turn, radius, askew))
            at += made[-1].length
        return made, at + (_IN_SOCKET_MM + 1.0 if is_side else last)

    return make, 4


def _socket(layout: Layout) -> tuple[float, float, float]:
    """Where the cable's end is."""
    given, box = layout.given, layout.board.boxes["camera cable"]
    y = given.board_y + (box[1] + box[4]) / 2
    if layout.given.board == "zero":
        return given.board_x + layout.board.width - 1.0, y, layout.board_z - 2.4
    return given.board_x + (box[0] + box[3]) / 2, y, layout.board_z - 5.0


def _placed(layout: Layout, points: Array) -> Array:
    """From the cable's own axes to the case's: it leaves the camera downwards, its other face to the lid."""
    camera = layout.camera
    start = (layout.middle, layout.given.lens_y - camera.lens_y + _IN_SOCKET_MM, layout.camera_front + 1.1 + 1.6)
    axes = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    placed: Array = points @ axes + np.array(start)
    return placed


def _bent(flat: Array, made: list[Bend]) -> Array:
    """The flat cable after its bends; the last ones first, so that each moves all that lies beyond it."""
    found = flat.copy()
    for bend in reversed(made):
        askew, whole, sign = math.radians(bend.askew), math.radians(abs(bend.turn)), math.copysign(1.0, bend.turn)
        towards = np.array([math.cos(askew), math.sin(askew), 0.0])
        aside = np.array([-math.sin(askew), math.cos(askew), 0.0])
        origin = np.array([bend.along + bend.length / 2 - bend.radius * whole / 2 / math.cos(askew), 0.0, 0.0])
        beyond = (flat - origin) @ towards
        local = found - origin
        angle = np.clip(beyond / bend.radius, 0.0, whole)
        rest = local @ towards - bend.radius * angle
        high = local[..., 2] * sign
        x = bend.radius * np.sin(angle) + rest * np.cos(angle) - high * np.sin(angle)
        z = bend.radius * (1 - np.cos(angle)) + rest * np.sin(angle) + high * np.cos(angle)
        moved = origin + x[..., None] * towards + (local @ aside)[..., None] * aside
        moved[..., 2] = sign * z
        found = np.where((beyond > 0)[..., None], moved, found)
    return found
