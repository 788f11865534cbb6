"""Sizes of what goes into a case, mm: boards, cameras, panels and buttons, each with where its sizes are from.

A device is seen from its front (a board: from its parts' side, the header along the upper edge), with its lower left
corner as origin; z goes from the back of its plate towards its front. Boxes are what must stay free: parts, plugs and
cables; a plug's box reaches as far as its cable needs to bend.
"""

from __future__ import annotations

from piboothup.records import dataclass

Box = tuple[float, float, float, float, float, float]
"""x, y and z of the one corner, then of the opposite one."""


@dataclass(frozen=True)
class Board:
    """A computer."""

    name: str
    width: float
    height: float
    holes: tuple[tuple[float, float], ...]
    screw: str
    boxes: dict[str, Box]
    camera_contacts: int
    source: str


@dataclass(frozen=True)
class Camera:
    """A camera; (`lens_x`, `lens_y`) is the middle of its lens, `lens_z` its front."""

    name: str
    width: float
    height: float
    holes: tuple[tuple[float, float], ...]
    screw: str
    lens_x: float
    lens_y: float
    lens_z: float
    lens_mm: float
    """Diameter of what shows of the lens."""
    view_deg: float
    """The wider angle of view."""
    boxes: dict[str, Box]
    source: str


@dataclass(frozen=True)
class Panel:
    """A panel. The glass stands `glass` in front of the plate; the pins are in the middle of the upper edge."""

    name: str
    width: float
    height: float
    plate: float
    glass: float
    view: tuple[float, float, float, float]
    """What must be seen: x, y, width, height."""
    drivers: tuple[str, ...]
    orders: tuple[str, ...]
    """Orders of pins that are sold, as printed from left to right, seen from the front."""
    source: str

    @property
    def boxes(self) -> dict[str, Box]:
        """What it takes, with its plugs."""
        width, height, middle = self.width, self.height, self.width / 2
        pins = max(len(order.split()) for order in self.orders) * _PIN / 2 + 1.6
        return {
            "plate": (0, 0, -self.plate, width, height, 0),
            "glass": (0.4, 0.08 * height, 0, width - 0.4, 0.92 * height, self.glass),
            "plugs": (middle - pins, height - 3.5, -16 - self.plate, middle + pins, height, -self.plate),
            "parts": (3, 4, -2.4 - self.plate, width - 3, height - 4, -self.plate),
        }


@dataclass(frozen=True)
class Button:
    """A button of a round hole. `hole` is printed; `rim`, `nut`, `out` and `depth` are the most that it may have."""

    name: str
    hole: float
    rim: float
    """Across what lies on the front."""
    nut: float
    """Across the corners of its nut, or its washer."""
    out: float
    """How far rim and dome stand out of the wall; the guard ring is higher."""
    depth: float
    """From the wall's outer face to the ends of its terminals, wires soldered on and bent aside."""
    source: str


_PLATE = 1.4
_PIN = 2.54
_HEADER = 8.5 + 5.5
"""Height of the header with jumper plugs that are bent over, mm."""
_ZERO_HOLES = ((3.5, 3.5), (61.5, 3.5), (3.5, 26.5), (61.5, 26.5))
_FULL_HOLES = ((3.5, 3.5), (61.5, 3.5), (3.5, 52.5), (61.5, 52.5))
BOARDS = {
    "zero": Board(
        name="Zero 2 W",
        width=65,
        height=30,
        holes=_ZERO_HOLES,
        screw="M2.5x6",
        boxes={
            "plate": (0, 0, 0, 65, 30, _PLATE),
            "parts": (0, 0, _PLATE, 65, 23, _PLATE + 3.5),
            "solder": (7, 23, -1.8, 58, 30, 0),
            "header and plugs": (7, 23.5, _PLATE, 58, 30, _PLATE + _HEADER),
            "power plug": (48.5, -24, -2.6, 59.5, 0, _PLATE + 6),
            "camera cable": (65, 6, -0.5, 72, 24, _PLATE + 3.5),
            "card": (-2.5, 10, -0.5, 0, 23, _PLATE + 2.0),
        },
        camera_contacts=22,
        source="Raspberry Pi's mechanical drawing; plugs measured on none: 11 x 24 mm assumed",
    ),
    "pi4": Board(
        name="4 Model B",
        width=85,
        height=56,
        holes=_FULL_HOLES,
        screw="M2.5x6",
        boxes={
            "plate": (0, 0, 0, 85, 56, _PLATE),
            "parts": (0, 0, _PLATE, 85, 49, _PLATE + 5),
            "sockets": (64, 0, _PLATE, 88, 56, _PLATE + 16.5),
            "solder": (7, 49, -2.4, 58, 56, 0),
            "header and plugs": (7, 49, _PLATE, 58, 56, _PLATE + _HEADER),
            "power plug": (5, -27, -2.6, 17.5, 0, _PLATE + 6.5),
            "camera cable": (44, 2, _PLATE, 50, 24, _PLATE + 15),
            "card": (-3, 20, -2.4, 8, 36, 0),
        },
        camera_contacts=15,
        source="Raspberry Pi's mechanical drawing; plugs measured on none: 12.5 x 27 mm assumed",
    ),
}
BOARDS["pi5"] = Board(
    name="5",
    width=85,
    height=56,
    holes=_FULL_HOLES,
    screw="M2.5x6",
    boxes={**BOARDS["pi4"].boxes, "camera cable": (44, 0, _PLATE, 56, 18, _PLATE + 15)},
    camera_contacts=22,
    source=BOARDS["pi4"].source,
)

_CAMERA_HOLES = ((2.0, 9.5), (23.0, 9.5), (2.0, 22.0), (23.0, 22.0))


def _camera(name: str, lens_z: float, lens_mm: float, view_deg: float) -> Camera:
    return Camera(
        name=name,
        width=25,
        height=24,
        holes=_CAMERA_HOLES,
        screw="M2x6",
        lens_x=12.5,
        lens_y=9.5,
        lens_z=lens_z,
        lens_mm=lens_mm,
        view_deg=view_deg,
        boxes={
            "plate": (0, 0, 0, 25, 24, 1.1),
            "lens": (6.5, 3.5, 1.1, 18.5, 15.5, lens_z),
            "parts": (4.5, 15.5, 1.1, 20.5, 24, 2.9),
            "cable": (2, -9, -3.2, 23, 6, 0),
        },
        source="Raspberry Pi's mechanical drawing",
    )


CAMERAS = {
    "cm3": _camera("Camera Module 3", 11.5 - 2.4, 7.0, 66),
    "cm3-wide": _camera("Camera Module 3 Wide", 12.4 - 2.4, 8.5, 102),
}

PANELS = {
    "0.96": Panel(
        name="0.96 inch",
        width=27.3,
        height=27.8,
        plate=1.2,
        glass=1.6,
        view=(2.2, 7.4, 22.9, 12.9),
        drivers=("ssd1306", "ssd1315"),
        orders=("GND VCC SCL SDA", "VCC GND SCL SDA"),
        source="typical of several makers; measure yours",
    ),
    "1.3": Panel(
        name="1.3 inch",
        width=35.5,
        height=33.7,
        plate=1.2,
        glass=1.6,
        view=(2.6, 8.2, 30.4, 15.7),
        drivers=("sh1106",),
        orders=("VCC GND SCL SDA", "GND VCC SCL SDA"),
        source="typical of several makers; measure yours",
    ),
    "2.42": Panel(
        name="2.42 inch",
        width=72.0,
        height=43.5,
        plate=1.6,
        glass=2.2,
        view=(7.0, 8.0, 58.0, 29.5),
        drivers=("ssd1309",),
        orders=("GND VCC SCL SDA", "VCC GND SCL SDA", "GND VCC SCL SDA RES DC CS"),
        source="typical of several makers; they differ by some mm: measure yours",
    ),
}

BUTTONS = {
    "30": Button(
        "arcade button, 30 mm",
        hole=28.5,
        rim=33.5,
        nut=35,
        out=12,
        depth=50,
        source="thread M28 x 2, rim 33.3 mm: a builder's measures of Adafruit 3489; depth: the case's room",
    ),
    "60": Button(
        "arcade button, dome, 60 mm", hole=28.5, rim=62, nut=38, out=22, depth=72, source="typical; measure yours"
    ),
}
