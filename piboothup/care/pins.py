"""Checks of the button and of every pin: held down, taken by the firmware or by a program, and where the wires go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped
from piboothup.config import Config

WIRED = {
    "panel's data": 2,
    "panel's clock": 3,
    "button.pin": 17,
    "light.led_pin": 27,
    "light.flash_pin": 23,
    "light.lens_pin": 25,
    "light.buzzer_pin": 24,
}
"""Pins of the drawing (hardware/pins.toml) by what is connected to them, by their BCM numbers."""
HEADER_PINS = {
    **{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22},
    **{11: 23, 8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40},
}
"""Place on the header by BCM number, on every board with 40 pins."""
_BROKEN = {"button.pin": "button_missing", "light.buzzer_pin": "buzzer_missing"}
"""The booth's problem with a pin; every other pin's is `light_missing`, which does not say which of them it is."""
_OURS = "lg"
"""Name that lgpio gives the pins of its program: a light of several pins holds those that work."""
_PINS_OF_OPTIONS = {
    "spi": ((7, 8, 9, 10, 11), "SPI"),
    "i2s": ((18, 19, 20, 21), "I2S sound"),
}
_PINS_OF_OVERLAYS = {
    "w1-gpio": ("gpiopin", 4),
    "gpio-shutdown": ("gpio_pin", 3),
    "gpio-poweroff": ("gpiopin", 26),
    "gpio-fan": ("gpiopin", 12),
    "gpio-ir": ("gpio_pin", 18),
    "gpio-led": ("gpio", 19),
}
"""The parameter of an overlay that names its pin, and its default."""


def button(facts: Facts) -> Finding:
    """The button: by the booth's report, else by its pin's level, which the Pi pulls up and the button down."""
    if facts.booth is not None:
        return Finding("ready") if facts.booth.button == "ready" else found("button_missing")
    table = facts.config.button
    if table.driver == "simulated":
        return Finding("simulated") if facts.is_box else skipped(NOT_HERE)
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    if not facts.is_pi:
        return skipped(NOT_HERE)
    try:
        if facts.header.user(table.pin) is not None:
            return skipped("another program has its pin: see pins")
        return found("button_stuck", where(table.pin)) if facts.header.is_low(table.pin) else Finding("not pressed")
    except PermissionError:
        return skipped("run it with sudo, or join group gpio")
    except OSError as error:
        return found("button_missing", f"{where(table.pin)}, {error.strerror or error}")


def pins(facts: Facts) -> Finding:
    """The pins of the config: given away by the firmware's config, held by a program, or wired as in the drawing."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    used = pins_of(facts.config)
    taken = taken_pins(facts.text("/boot/firmware/config.txt"))
    for name, pin in used.items():
        if pin in taken:
            return found("pin_taken", f"{where(pin)}: {name}, {taken[pin]}")
    for name, holder in _held(facts, used):
        return found("pin_busy", f"{where(used[name])}: {name}, {holder}")
    moved = [f"{name} is {where(pin)}" for name, pin in used.items() if pin != WIRED[name]]
    return Finding("not as in the drawing: " + ", ".join(moved) if moved else "as in hardware/README.md")


def where(pin: int) -> str:
    """The pin in words: the config's number, and the one to count to on the board."""
    return f"GPIO{pin}, header pin {HEADER_PINS[pin]}"


def pins_of(config: Config) -> dict[str, int]:
    """Pins that the config uses."""
    used = {"button.pin": config.button.pin} if config.button.driver == "gpiozero" else {}
    if config.light.driver == "gpiozero":
        used |= config.light.pins
    if config.panel.driver not in ("simulated", "none") and config.panel.i2c_port == 1:
        used |= {"panel's data": 2, "panel's clock": 3}
    return {name: pin for name, pin in used.items() if pin}


def _held(facts: Facts, used: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Pins that somebody holds, each with the name that it gave itself; not those of a booth that works."""
    ours = [key for key in used if "." in key]  # the panel's two are the bus driver's
    if facts.booth is not None:
        codes = facts.booth.problems
        ours = [key for key in ours if _BROKEN.get(key, "light_missing") in codes]
    lamps = [key for key in ours if key not in _BROKEN]
    holds_others = facts.booth is not None and len(lamps) > 1
    try:
        for key in ours:
            holder = facts.header.user(used[key])
            if holder is not None and not (holds_others and key in lamps and holder == _OURS):
                yield key, holder
    except OSError:  # no header, or not for this user
        return


def taken_pins(firmware_config: str) -> dict[int, str]:
    """Pins that a config.txt gives away, each with its user; not the panel's own bus, nor lines for some boards."""
    taken: dict[int, str] = {}
    is_for_all = True
    for line in firmware_config.splitlines():
        text = line.partition("#")[0].strip()
        if section := re.fullmatch(r"\[(.*)\]", text):
            is_for_all = section[1] == "all"
        elif is_for_all:
            name, _, value = text.partition("=")
            taken |= _pins_of_line(name.strip(), value.strip())
    return taken


def _pins_of_line(name: str, value: str) -> dict[int, str]:
    if (name, value) == ("enable_uart", "1"):
        return dict.fromkeys((14, 15), "the serial console")
    words = [word.strip() for word in value.split(",")]
    if name == "dtparam":
        taken: dict[int, str] = {}
        for word in words:
            option, _, state = word.partition("=")
            pins_of_option, owner = _PINS_OF_OPTIONS.get(option, ((), ""))
            taken |= dict.fromkeys(pins_of_option, owner) if state in ("", "on") else {}
        return taken
    if name == "dtoverlay" and words[0] in _PINS_OF_OVERLAYS:
        parameter, default = _PINS_OF_OVERLAYS[words[0]]
        given = dict(word.partition("=")[::2] for word in words[1:]).get(parameter, "")
        return {int(given) if given.isdigit() else default: f"the overlay {words[0]}"}
    return {}
