"""Checks of the box's devices, and of its supply and temperature."""

from __future__ import annotations

import re

from piboothup import power
from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped
from piboothup.config import Config

_STOPPED = "the booth does not run"
_FAST_HZ = 400_000
_ADDRESSES = (0x3C, 0x3D)
"""Addresses that such panels can have."""
_BRIDGES = ("unicam", "rp1-cfe")
"""Kernel drivers that show a video device only once a sensor answers: of the Pi 5, and of all before it."""
_SENSOR = re.compile(r"(?:imx|ov|gc|sc)\d{3,}\w*")
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


def camera(facts: Facts) -> Finding:
    """The camera: by the booth's report, else by what the kernel found on the flat cable."""
    if facts.booth is not None:
        return Finding(facts.booth.camera) if facts.booth.camera == "ready" else found("no_photos")
    if facts.config.camera.driver == "simulated":
        return Finding("simulated")
    if unseen := _unseen(facts):
        return unseen
    names = facts.texts("/sys/class/video4linux/*/name")
    sensors = {match[0] for name in names if (match := _SENSOR.match(name))}
    if not any(name.startswith(_BRIDGES) for name in names):
        return found("no_camera")
    return Finding(", ".join(sorted(sensors)) or "there")


def _unseen(facts: Facts) -> Finding | None:
    """Why a device is not looked at although no report tells of it."""
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    return None if facts.is_pi else skipped(NOT_HERE)


def bus(facts: Facts) -> Finding:
    """The panel's I2C bus, and its speed by the device tree."""
    panel = facts.config.panel
    if panel.driver in ("simulated", "none"):
        return skipped("the config names no panel on a bus")
    if not facts.is_pi:
        return skipped(NOT_HERE)
    if not facts.exists(f"/dev/i2c-{panel.i2c_port}"):
        return found("bus_missing")
    try:
        cell = facts.path(f"/sys/class/i2c-adapter/i2c-{panel.i2c_port}/of_node/clock-frequency").read_bytes()
    except OSError:
        return Finding("speed unknown")
    if len(cell) != 4:
        return Finding("speed unknown")
    hz = int.from_bytes(cell, "big")
    return found("bus_slow", f"{hz // 1000} kHz") if hz < _FAST_HZ else Finding(f"{hz // 1000} kHz")


def panel(facts: Facts) -> Finding:
    """The panel: by the booth's report; only while no booth runs a byte is read from its address."""
    table = facts.config.panel
    if table.driver in ("simulated", "none"):
        return skipped("the config names no panel on a bus")
    if facts.booth is not None:
        return Finding(facts.booth.panel) if facts.booth.panel == "ready" else found("panel_missing")
    if unseen := _unseen(facts):
        return unseen
    device = facts.path(f"/dev/i2c-{table.i2c_port}")
    if not device.exists():
        return skipped("its bus is switched off")
    try:
        answering = [
            address for address in dict.fromkeys((table.address, *_ADDRESSES)) if facts.answers(device, address)
        ]
    except PermissionError:
        return skipped("run it with sudo, or join group i2c")
    if table.address in answering:
        return Finding(f"answers at {table.address:#x}")
    return found("panel_elsewhere", f"{answering[0]:#x}") if answering else found("panel_missing")


def light(facts: Facts) -> Finding:
    """The light, by the booth's report."""
    return _by_report(facts, "ready")


def button(facts: Facts) -> Finding:
    """The button, by the booth's report."""
    if facts.booth is not None and facts.booth.button != "ready":
        return found("button_missing")
    return _by_report(facts, "ready")


def _by_report(facts: Facts, note: str) -> Finding:
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    return skipped(_STOPPED if facts.is_box else NOT_HERE) if facts.booth is None else Finding(note)


def pins(facts: Facts) -> Finding:
    """The pins of the config against those that the firmware's config gives to something else."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    used = _pins_of_config(facts.config)
    taken = taken_pins(facts.text("/boot/firmware/config.txt"))
    for name, pin in used.items():
        if pin in taken:
            return found("pin_taken", f"GPIO {pin}: {name}, {taken[pin]}")
    return Finding(", ".join(f"GPIO {pin}" for pin in sorted({*used.values()} - {0})))


def _pins_of_config(config: Config) -> dict[str, int]:
    """Pins that the config uses; 0 = not connected."""
    used = {"button.pin": config.button.pin} if config.button.driver == "gpiozero" else {}
    if config.light.driver == "gpiozero":
        used |= {f"light.{key}": getattr(config.light, key) for key in ("led_pin", "flash_pin", "buzzer_pin")}
    if config.panel.driver not in ("simulated", "none") and config.panel.i2c_port == 1:
        used |= {"the panel's data": 2, "the panel's clock": 3}
    return used


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
            taken |= _pins_of(name.strip(), value.strip())
    return taken


def _pins_of(name: str, value: str) -> dict[int, str]:
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


def supply(facts: Facts) -> Finding:
    """Under-voltage, now and since power-on."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    bits = power.read_bits(facts.root)
    if bits is None:
        alarms = [text.strip() for text in facts.texts("/sys/class/hwmon/*/in0_lcrit_alarm")]
        if "1" in alarms:  # the kernel's own monitor: now, or since power-on
            return found("undervoltage_before")
        return Finding("strong enough") if alarms else skipped("this board does not say")
    if bits & power.UNDERVOLTAGE:
        return found("undervoltage")
    return found("undervoltage_before") if bits & power.PAST_UNDERVOLTAGE else Finding("strong enough")


def heat(facts: Facts) -> Finding:
    """Temperature, and slowing down since power-on."""
    read = power.read(facts.root)
    if read.temperature_c is None or not facts.is_box:
        return skipped(NOT_HERE)
    celsius = f"{read.temperature_c:.0f} °C"
    if read.temperature_c >= power.HOT_C:
        return found("hot", celsius)
    bits = power.read_bits(facts.root) or 0
    return found("throttled_before") if bits & (power.THROTTLED | power.PAST_THROTTLED) else Finding(celsius)
