"""Sheets that belong to no build: sizes and pin orders of panels, cables of cameras, ways of power."""

from __future__ import annotations

from hardware.make import bill
from hardware.make.case.devices import BOARDS, CAMERAS, PANELS
from hardware.make.drawings.svg import COLOURS, FAINT, INK, Drawing
from hardware.make.tables import Parts, Wire

_SCALE = 5.0
"""Of the panels, drawing units a millimetre."""
_PAD = {"VCC": COLOURS["orange"], "GND": COLOURS["black"], "SDA": COLOURS["blue"], "SCL": COLOURS["grey"]}


def panels(wires: tuple[Wire, ...]) -> str:
    """Panels side by side at one scale, with the orders of pins that are sold."""
    on = Drawing(1240, 640, "Panels: sizes and orders of pins")
    on.text(40, 50, "Panels: sizes and orders of pins", 30, weight="bold")
    on.text(
        40,
        80,
        "Seen from the front; from the back, left is right. Go by the print on yours: VCC and GND swapped kill it.",
        16,
        fill=FAINT,
    )
    pins = {wire.terminal: wire.header_pin for wire in wires if wire.part == "panel"}
    x = 60.0
    for panel in PANELS.values():
        width, height = panel.width * _SCALE, panel.height * _SCALE
        top = 130.0
        on.text(x, 116, panel.name, 18, weight="bold")
        on.rect(x, top, width, height, rx=6, fill="#1d3557")
        for hole_x in (x + 11, x + width - 11):
            for hole_y in (top + 11, top + height - 11):
                on.circle(hole_x, hole_y, 6, fill="#ffffff", stroke="#8d99a6")
        left, low, view_width, view_height = (value * _SCALE for value in panel.view)
        view_y = top + height - low - view_height
        on.rect(x + left, view_y, view_width, view_height, fill="#000000")
        on.text(
            x + left + view_width / 2,
            view_y + view_height * 0.66,
            "PRESS",
            view_height * 0.45,
            anchor="middle",
            weight="bold",
            fill="#c4e4ff",
        )
        for number in range(4):
            on.circle(x + width / 2 + (number - 1.5) * 2.54 * _SCALE, top + 12, 4, fill="#f4d35e")
        size = f"{panel.width:g} x {panel.height:g} mm, driver {' or '.join(panel.drivers)}"
        y = top + height + 28
        on.text(x, y, size, 14)
        for order in panel.orders:
            y += 44
            for number, name in enumerate(order.split()):
                pad_x = x + number * 46
                is_used = name in pins
                on.rect(pad_x, y - 26, 40, 24, rx=4, fill=_PAD.get(name, "#eef1f4"), stroke="#8d99a6")
                fill = "#ffffff" if is_used else INK
                on.text(pad_x + 20, y - 9, name, 12, anchor="middle", weight="bold", fill=fill)
                on.text(pad_x + 20, y + 12, f"pin {pins[name]}" if is_used else "below", 12, anchor="middle")
            y += 4
        x += max(width, 270) + 60
    on.lines(
        60,
        562,
        (
            "2.42 inch: some come set to SPI, with seven pins. On the back, resistors go to the places marked I2C",
            "(the seller's page says which); RES goes to 3.3 V, DC and CS to GND. Not tried here: buy it with I2C.",
            "Plates differ by a millimetre or two by maker: measure yours; another size goes into case.toml.",
        ),
        14,
    )
    return on.text_of()


def cameras() -> str:
    """Each board with its camera's cable."""
    boards = {
        "zero": ("Zero 2 W", "standard-mini"),
        "pi4": ("4 Model B, 3 Model A+", "standard-standard"),
        "pi5": ("5", "standard-mini"),
    }
    on = Drawing(1240, 640, "Camera cables")
    on.text(40, 50, "Camera cables, by board", 30, weight="bold")
    on.text(40, 80, "The camera's end is always the wide one, with 15 contacts.", 16, fill=FAINT)
    y = 120.0
    for key, (name, cable) in boards.items():
        board = BOARDS[key]
        width, height = board.width * 2.6, board.height * 2.6
        wide = board.camera_contacts == 15
        on.rect(60, y, width, height, rx=8, fill="#2f6b3a")
        on.rect(60 + 7 * 2.6, y + 6, 51 * 2.6, 14, fill="#20242a")
        on.text(60 + width / 2, y + height / 2 + 8, name, 15, anchor="middle", weight="bold", fill="#ffffff")
        end_x = 60 + width if key == "zero" else 60 + 50 * 2.6
        middle = y + height / 2 if key == "zero" else y + height - 26
        half = 26 if wide else 18
        on.rect(end_x - 12, middle - half, 14, 2 * half, fill="#e8edf2", stroke=INK)
        on.polygon(
            [
                (end_x + 2, middle - half + 4),
                (460, middle - half + 4),
                (560, middle - 22),
                (760, middle - 22),
                (760, middle + 22),
                (560, middle + 22),
                (460, middle + half - 4),
                (end_x + 2, middle + half - 4),
            ],
            fill="#f6f1e4",
            stroke="#a9b4c0",
        )
        on.text(610, middle + 5, f"{cable}, {board.camera_contacts} to 15 contacts", 13, anchor="middle")
        on.rect(760, middle - 46, 96, 92, rx=6, fill="#2f6b3a")
        on.circle(812, middle, 26, fill="#20242a")
        on.circle(812, middle, 11, fill="#4a6fa5")
        y += max(height, 110) + 26
    on.lines(
        890,
        170,
        (
            "At both ends: lift the flap (or pull",
            "it out by a millimetre), cable in",
            "straight, contacts away from the",
            "flap, flap down. No sharp bend.",
            "",
            "Pi 5: either socket will do.",
            "",
            "Any of them with the power",
            "plug pulled.",
        ),
        15,
    )
    names = " and ".join(camera.name for camera in CAMERAS.values())
    on.text(40, 616, f"The case holds the {names}; a Camera Module 2 has the same holes.", 13, fill=FAINT)
    return on.text_of()


def power(table: Parts) -> str:
    """Supply, optional battery, board and flash lamp, with what the budget asks for."""
    on = Drawing(1240, 560, "Power")
    on.text(40, 50, "Power: one supply for the Pi, one for the flash", 30, weight="bold")
    on.text(40, 80, "Lengthen the mains side, never the side of 5 V.", 16, fill=FAINT)
    rails = [budget for budget in bill.budgets(table) if budget.rail == "5V" and budget.build != "desk"]

    def box(x: float, y: float, title: str, rows: tuple[str, ...], fill: str, dash: str = "") -> None:
        look = {"stroke-dasharray": dash} if dash else {}
        on.rect(x, y, 250, 130, rx=10, fill=fill, stroke="#8d99a6", **{"stroke-width": 2}, **look)
        on.text(x + 16, y + 30, title, 16, weight="bold")
        on.lines(x + 16, y + 56, rows, 13)

    def arrow(x: float, y: float, to_x: float, words: str) -> None:
        on.line([(x, y), (to_x - 12, y)], stroke=COLOURS["red"], **{"stroke-width": 5})
        on.polygon([(to_x, y), (to_x - 16, y - 9), (to_x - 16, y + 9)], fill=COLOURS["red"])
        on.text((x + to_x) / 2, y - 12, words, 13, anchor="middle")

    asked = [f"{budget.computer.removeprefix('Raspberry Pi ')}: {budget.asks_for / 1000:.1f} A" for budget in rails]
    box(60, 120, "Supply, 5.1 V", ("asked for, with its margin:", *asked), "#f3f6f9")
    box(
        490,
        120,
        "Battery board (optional)",
        (
            "a UPS that takes 5 V and gives",
            "5 V without a gap, for the same",
            "current; the box asks nothing",
            "of it and need not know",
        ),
        "#ffffff",
        "8 5",
    )
    box(
        930,
        120,
        "Raspberry Pi",
        ("its own socket (Zero: PWR IN);", "never 5 V on a pin of GPIO;", "panel and light hang on it"),
        "#dcefe0",
    )
    arrow(310, 185, 490, "5 V")
    arrow(740, 185, 930, "5 V")
    box(60, 340, "Supply, 12 V, 2 A", ("inner +, 5.5 x 2.1 mm;", "only for the flash lamp"), "#f3f6f9")
    box(
        490,
        340,
        "MOSFET board",
        ("VIN+ and VIN− from the supply,", "OUT+ and OUT− to the lamp;", "input from pin 16, GND to pin 30"),
        "#f7dcd8",
    )
    box(930, 340, "Flash lamp, 12 V, 10 W", ("0.85 A while it is lit",), "#fff2c4")
    arrow(310, 405, 490, "12 V")
    arrow(740, 405, 930, "12 V, switched")
    on.line([(615, 340), (615, 300), (1055, 300), (1055, 250)], stroke=COLOURS["black"], **{"stroke-width": 4})
    on.text(835, 292, "GND of both, joined at the board", 13, anchor="middle")
    on.text(
        40, 530, "A power bank must give the full current, and must not switch itself off when little is taken.", 14
    )
    return on.text_of()
