"""The parts beside the header in a diagram of wires: what is drawn of each, and its terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hardware.make.drawings import circuits
from hardware.make.drawings.svg import INK, Drawing, capacitor, led, resistor
from hardware.make.tables import Build, Part, Parts
from piboothup.records import dataclass

PITCH = 34.0
TERMINAL = {-1: 360.0, 1: 1112.0}
BLOCK_WIDTH = 310.0


@dataclass(frozen=True)
class Block:
    """A part beside the header. `draw` is given the block's upper left corner and its terminals' heights."""

    part: str
    side: int
    title: str
    about: tuple[str, ...]
    terminals: tuple[str, ...]
    height: float
    draw: Callable[[Drawing, float, float, Mapping[str, float]], None]
    step: float = PITCH
    first: float = 46.0
    shown: Mapping[str, str] | None = None
    """Other words for the terminals."""


def blocks(build: Build, table: Parts) -> list[Block]:
    """The build's parts, from above; those left of the header have the side -1."""
    given = circuits.values(table)
    bought = {part.key: part for part in table.of(build.key)}
    panel = next(part for key, part in bought.items() if key.startswith("panel"))
    found = [
        Block(
            "panel",
            -1,
            panel.name,
            ("Order of the four: read the print on yours.",),
            ("VCC", "SDA", "SCL", "GND"),
            200,
            _panel,
        )
    ]
    if "clock" in bought:
        about = ("On the panel's four wires, name for name.",)
        found.append(
            Block("clock", -1, "Clock DS3231 (optional)", about, ("VCC", "SDA", "SCL", "GND"), 168, _clock, step=26)
        )
    found.append(_button_block(build, bought))
    if "long cable" in build.pins:
        found.append(_long_block(given))
    if "off switch" in build.pins:
        about = ("dtoverlay=gpio-shutdown,gpio_pin=26",)
        found.append(Block("off switch", -1, "Off switch (optional)", about, ("NO", "COM"), 130, _switch))
    light = _bare_light(given) if build.key == "desk" else _light_block(given)
    found.append(light)
    more = {"flash": _flash_block(bought), "lens light": _lens_block(given), "buzzer": _buzzer_block()}
    return found + [block for part, block in more.items() if part in build.pins]


def _button_block(build: Build, bought: Mapping[str, Part]) -> Block:
    button = next(part for key, part in bought.items() if "button" in key)
    is_desk = build.key == "desk"
    about = ("Either way round is right.",) if is_desk else ("COM and NO of its switch, not the lamp's two.",)
    draw = _switch if is_desk else _change_over
    return Block("button", -1, _short(button.name), about, ("COM", "NO"), 152, draw)


def _short(name: str) -> str:
    return name.removesuffix(" for a breadboard").removesuffix(", lit").replace("dome, ", "")


def _long_block(given: circuits.Values) -> Block:
    nano = given.long_f * 1e9

    def draw(on: Drawing, left: float, top: float, places: Mapping[str, float]) -> None:
        right, y = left + BLOCK_WIDTH, places["resistor"]
        ends = resistor(on, right - 150, y, circuits.in_words(given.long_ohm))
        on.line([ends[1], (right - 84, y)])
        low = capacitor(on, right - 230, y + 44, f"{nano:g} nF")
        on.line([ends[0], (right - 230, y), low[0]])
        on.text(right - 268, y + 5, "NO", 13, anchor="end", weight="bold")
        on.line([(right - 230, y), (right - 262, y)])
        on.circle(right - 230, y, 4, fill=INK)
        on.line([low[1], (right - 262, low[1][1])])
        on.text(right - 268, low[1][1] + 5, "COM", 13, anchor="end", weight="bold")

    about = (
        "Beyond 1 m: at the Pi's end, to NO and COM;",
        f"at rest in {given.long_ms * 5:g} ms, {given.long_ma:.1f} mA at the contact.",
    )
    return Block("long cable", -1, "Long button cable (optional)", about, ("resistor",), 184, draw, first=56)


def _light_block(given: circuits.Values) -> Block:
    def draw(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
        plus, base, low = places["LED +"], places["base"], places["emitter"]
        on.line([(left + 62, plus), (left + 120, plus)])
        ends = led(on, left + 150, plus)
        x = left + 236
        on.line([ends[1], (x, plus), (x, base - 22)])
        on.line([(left + 52, base), (left + 62, base)])
        resistor(on, left + 102, base, circuits.in_words(given.base_ohm))
        on.line([(left + 142, base), (x - 16, base)])
        on.circle(x - 4, base, 28, fill="#ffffff", stroke=INK, **{"stroke-width": 2})
        on.line([(left + 142, base), (x - 16, base)])
        on.line([(x - 16, base - 16), (x - 16, base + 16)], **{"stroke-width": 4})
        on.line([(x - 16, base - 8), (x, base - 20), (x, base - 30)])
        on.line([(x - 16, base + 8), (x, base + 20), (x, low), (left + 78, low)])
        on.polygon([(x, base + 20), (x - 11, base + 18), (x - 5, base + 9)], fill=INK)
        on.text(x + 30, base - 22, "C", 12)
        on.text(x + 30, base + 5, "B", 12)
        on.text(x + 30, base + 32, "E", 12)
        on.text(left + 186, plus - 8, "LED −", 13, weight="bold")
        _legs(on, left, low + 26)

    about = (
        f"{given.base_ma:.1f} mA of the pin switch the lamp's 20 mA.",
        "A lamp for 5 V has its own resistor.",
    )
    return Block(
        "light", 1, "Light in the button, 5 V", about, ("LED +", "base", "emitter"), 312, draw, step=40, first=80
    )


def _legs(on: Drawing, left: float, top: float) -> None:
    """The transistor as it is held, and what goes to each leg."""
    on.rect(left + 22, top, 74, 32, rx=5, fill="#343a42")
    on.text(left + 59, top + 21, "2N3904", 13, anchor="middle", fill="#ffffff")
    for number, leg in enumerate("EBC"):
        x = left + 37 + number * 22
        on.line([(x, top + 32), (x, top + 62)], stroke="#8d99a6", **{"stroke-width": 3})
        on.text(x, top + 76, leg, 13, anchor="middle", weight="bold")
    rows = ("flat side to you, legs down:", "E: brown, pin 14", "B: 1 kΩ, then violet, pin 13", "C: white, to LED −")
    on.lines(left + 112, top + 12, rows, 13)


def _led_with_resistor(on: Drawing, left: float, high: float, low: float, given: circuits.Values) -> None:
    """Draw the wire at `high` through resistor and LED to that at `low`."""
    on.line([(left + 70, high), (left + 76, high)])
    ends = resistor(on, left + 116, high, circuits.in_words(given.led_ohm))
    second = led(on, left + 200, high)
    on.line([ends[1], second[0]])
    on.line([second[1], (left + 262, high), (left + 262, low), (left + 70, low)])


def _bare_light(given: circuits.Values) -> Block:
    def draw(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
        high = places["base"]
        _led_with_resistor(on, left, high, places["emitter"], given)
        on.text(left + 176, high + 24, "long leg", 12, anchor="middle")

    about = ("An LED in the place of the button's light.", f"{given.led_ma:.1f} mA: never without its resistor.")
    shown = {"base": "LED +", "emitter": "LED −"}
    return Block("light", 1, "Light", about, ("base", "emitter"), 168, draw, step=40, first=66, shown=shown)


def _flash_block(bought: Mapping[str, Part]) -> Block:
    def draw(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
        high, low = places["input"], places["GND"]
        on.rect(left + 66, high - 16, 86, low - high + 62, rx=6, fill="#c8402f")
        on.lines(left + 72, high + 4, ("TRIG/", "PWM +"), 11, fill="#ffffff")
        on.text(left + 72, low + 8, "GND −", 11, fill="#ffffff")
        for number, name in enumerate(("OUT+", "OUT−", "VIN+", "VIN−")):
            y = high - 4 + number * 24
            on.text(left + 147, y + 4, name, 11, anchor="end", fill="#ffffff")
            on.line([(left + 152, y), (left + 196, y)])
        on.rect(left + 196, high - 14, 92, 40, rx=6, fill="#ffe27a", stroke=INK)
        on.text(left + 242, high + 11, "LED lamp", 13, anchor="middle")
        on.rect(left + 196, high + 34, 92, 40, rx=6, fill="#dfe5ea", stroke=INK)
        on.text(left + 242, high + 59, "12 V, 2 A", 13, anchor="middle")
        on.line([(left + 62, high), (left + 66, high)])
        on.line([(left + 58, low), (left + 66, low)])

    name = bought["flash-board"].name if "flash-board" in bought else ""
    about = (f"{name} for 3.3 V; a supply of its own,", "whose minus the board joins with the Pi's GND.")
    return Block("flash", 1, "Flash (optional)", about, ("input", "GND"), 190, draw)


def _lens_block(given: circuits.Values) -> Block:
    def draw(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
        _led_with_resistor(on, left, places["input"], places["GND"], given)

    about = (f"A green or red LED beside the lens, {given.led_ma:.1f} mA;", "its long leg towards the resistor.")
    return Block(
        "lens light",
        1,
        "Lens light (optional)",
        about,
        ("input", "GND"),
        176,
        draw,
        step=40,
        first=70,
        shown={"input": "LED +", "GND": "LED −"},
    )


def _buzzer_block() -> Block:
    def draw(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
        first, last = min(places.values()), max(places.values())
        on.rect(left + 70, first - 14, 70, last - first + 28, rx=6, fill="#1d3557")
        for name, y in places.items():
            on.line([(left + 60, y), (left + 70, y)])
            on.text(left + 76, y + 4, {"input": "I/O", "VCC": "VCC", "GND": "GND"}[name], 11, fill="#ffffff")
        middle = (first + last) / 2
        on.circle(left + 190, middle, 32, fill="#2b2f36")
        on.circle(left + 190, middle, 6, fill="#e8edf2")

    about = ("Passive, on a board; on when the pin is high.",)
    return Block("buzzer", 1, "Buzzer (optional)", about, ("VCC", "input", "GND"), 166, draw)


def _change_over(on: Drawing, left: float, top: float, places: Mapping[str, float]) -> None:
    """A switch whose third contact stays free."""
    _switch(on, left, top, places)
    right, y = left + BLOCK_WIDTH, max(places.values()) + 27
    on.circle(right - 20, y, 6, fill="#ffffff", stroke="#8d99a6")
    on.text(right - 34, y + 5, "NC: stays free, if there", 13, anchor="end", weight="bold", fill="#8d99a6")


def _panel(on: Drawing, left: float, top: float, _places: Mapping[str, float]) -> None:
    on.rect(left + 22, top + 40, 190, 122, rx=6, fill="#1d3557")
    on.rect(left + 34, top + 52, 166, 92, fill="#000000")
    on.text(left + 117, top + 108, "PRESS", 32, anchor="middle", weight="bold", fill="#c4e4ff")


def _clock(on: Drawing, left: float, top: float, _places: Mapping[str, float]) -> None:
    on.rect(left + 60, top + 44, 150, 92, rx=6, fill="#24557a")
    on.circle(left + 112, top + 90, 34, fill="#d9dee3", stroke="#8d99a6")
    on.text(left + 112, top + 95, "CR2032", 12, anchor="middle")
    on.rect(left + 158, top + 74, 40, 32, fill="#20242a")


def _switch(on: Drawing, left: float, _top: float, places: Mapping[str, float]) -> None:
    right = left + BLOCK_WIDTH
    high, low = sorted(places.values())
    x = left + 96
    on.line([(right - 60, high), (x, high), (x, high + 4)])
    on.line([(right - 60, low), (x, low), (x, low - 4)])
    middle = (high + low) / 2
    on.circle(x, high + 6, 4, fill=INK)
    on.circle(x, low - 6, 4, fill=INK)
    on.line([(x - 12, high + 4), (x - 12, low - 4)], **{"stroke-width": 4})
    on.line([(x - 12, middle), (x - 34, middle)], **{"stroke-width": 4})
    on.line([(x - 34, middle - 14), (x - 34, middle + 14)], **{"stroke-width": 6, "stroke": "#d62828"})
