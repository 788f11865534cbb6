"""Pictures of solids: triangles in a depth buffer, with a line wherever depth, slope or thing changes.

Coordinates are a layout's: x to the right, y up, z away from a guest. A view is turned about y by `around` degrees
(0: from the front, 180: from behind) and looks down by `above` degrees.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from piboothup.records import dataclass

Array = NDArray[np.float64]
Colour = tuple[int, int, int]
_FINE = 2
"""Pixels are drawn so many times finer, in both directions."""
_LIGHT = np.array([-0.45, 0.75, -0.5]) / math.sqrt(0.45**2 + 0.75**2 + 0.5**2)
_LINE = np.array([40, 48, 58])


@dataclass(frozen=True)
class Shape:
    """A thing in a picture: its triangles' corners, (n, 3, 3), and its colour."""

    corners: Array
    colour: Colour


@dataclass(frozen=True)
class View:
    """From where, and how large."""

    around: float
    above: float
    size: tuple[int, int]
    margin: float = 0.06


def shape(solid: Any, colour: Colour, move: tuple[float, float, float] = (0, 0, 0)) -> Shape:
    """A solid of the model, moved."""
    mesh = solid.to_mesh()
    points = np.asarray(mesh.vert_properties, np.float64)[:, :3] + np.asarray(move, np.float64)
    return Shape(points[np.asarray(mesh.tri_verts)], colour)


def render(shapes: list[Shape], view: View, background: Colour = (255, 255, 255)) -> Image.Image:
    """Draw the shapes; they fill the picture but for its margin."""
    axes = _axes(view)
    width, height = (side * _FINE for side in view.size)
    turned = [each.corners @ axes.T for each in shapes]
    scale, middle = _fit(turned, view)
    depth = np.full((height, width), np.inf)
    slope = np.zeros((height, width, 3))
    thing = np.full((height, width), -1)
    for number, corners in enumerate(turned):
        normals = _normals(corners)
        faces = normals[:, 2] < -1e-9  # of a closed solid the others are hidden
        on_paper = (corners[faces] - middle) * (scale, -scale, 1.0) + (width / 2, height / 2, 0)
        _draw(on_paper, normals[faces], number, depth, slope, thing)
    shade = 0.62 + 0.38 * np.clip(slope @ _LIGHT, 0, 1)
    colours = np.array([*(each.colour for each in shapes), background], np.float64)
    picture = colours[thing] * np.where(thing < 0, 1.0, shade)[..., None]
    picture[_lines(depth, slope, thing, scale)] = _LINE
    fine = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    return fine.resize(view.size, Image.Resampling.BOX)


def places(shapes: list[Shape], view: View, points: Array) -> Array:
    """Where points of the scene are in the picture that `render` draws of it, pixels; (n, 2)."""
    axes = _axes(view)
    scale, middle = _fit([each.corners @ axes.T for each in shapes], view)
    turned = (np.asarray(points, np.float64) @ axes.T - middle)[:, :2] * (scale, -scale)
    found: Array = turned / _FINE + np.array(view.size) / 2
    return found


def _fit(turned: list[Array], view: View) -> tuple[float, Array]:
    """Scale, and the middle of what is shown."""
    width, height = (side * _FINE for side in view.size)
    points = np.concatenate([each.reshape(-1, 3) for each in turned])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (1 - 2 * view.margin) * min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    return float(scale), (low + high) / 2


def _axes(view: View) -> Array:
    """Rows: to the right, up and away, of the one who looks."""
    around, above = math.radians(view.around), math.radians(view.above)
    right = np.array([math.cos(around), 0, -math.sin(around)])
    away = np.array([math.sin(around), 0, math.cos(around)])
    up = np.array([0.0, 1.0, 0.0])
    return np.array(
        [right, up * math.cos(above) + away * math.sin(above), away * math.cos(above) - up * math.sin(above)]
    )


def _normals(corners: Array) -> Any:
    """Of each triangle, outwards."""
    found = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(lengths == 0, 1, lengths)


def _draw(on_paper: Array, normals: Array, number: int, depth: Array, slope: Array, thing: Array) -> None:
    height, width = depth.shape
    for (a, b, c), normal in zip(on_paper, normals, strict=True):
        left, right = max(0, math.floor(min(a[0], b[0], c[0]))), min(width, math.ceil(max(a[0], b[0], c[0])) + 1)
        top, bottom = max(0, math.floor(min(a[1], b[1], c[1]))), min(height, math.ceil(max(a[1], b[1], c[1])) + 1)
        whole = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if left >= right or top >= bottom or abs(whole) < 1e-9:
            continue
        x = np.arange(left, right)[None, :] + 0.5
        y = np.arange(top, bottom)[:, None] + 0.5
        first = ((b[1] - c[1]) * (x - c[0]) + (c[0] - b[0]) * (y - c[1])) / whole
        second = ((c[1] - a[1]) * (x - c[0]) + (a[0] - c[0]) * (y - c[1])) / whole
        third = 1 - first - second
        far = first * a[2] + second * b[2] + third * c[2]
        seen = (first >= -1e-6) & (second >= -1e-6) & (third >= -1e-6)
        seen &= far < depth[top:bottom, left:right] - 1e-6
        depth[top:bottom, left:right][seen] = far[seen]
        slope[top:bottom, left:right][seen] = normal
        thing[top:bottom, left:right][seen] = number


def _lines(depth: Array, slope: Array, thing: Array, scale: float) -> NDArray[np.bool_]:
    """Where a neighbour is another thing, lies deeper than its slope explains, or turns by 25 degrees."""
    found = np.zeros(depth.shape, bool)
    far = np.where(np.isinf(depth), 1e6, depth)
    for axis in (0, 1):
        here = tuple(slice(0, -1) if number == axis else slice(None) for number in (0, 1))
        there = tuple(slice(1, None) if number == axis else slice(None) for number in (0, 1))
        turns = (slope[here] * slope[there]).sum(axis=2) < math.cos(math.radians(25))
        tilt = np.abs(slope[here][..., 1 - axis]) / np.maximum(np.abs(slope[here][..., 2]), 0.05)
        jumps = np.abs(far[here] - far[there]) > 1.0 + 3 * tilt / scale
        others = thing[here] != thing[there]
        edge = others | ((turns | jumps) & (thing[here] >= 0))
        found[here] |= edge
        found[there] |= edge
    return found
