"""Checks of the box's devices, and of its supply and temperature."""

from __future__ import annotations

import re

from piboothup import power
from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped

_STOPPED = "the booth does not run"
_FAST_HZ = 400_000
_ADDRESSES = (0x3C, 0x3D)
"""Addresses that such panels can have."""
_CHIPS = {0x8: "sh1106", 0x3: "ssd1306", 0x6: "ssd1306", 0x7: "ssd1306"}
"""Controllers by the lower half of their status byte, as drivers tell them apart; the data sheets leave it open."""
_BRIDGES = ("unicam", "rp1-cfe")
"""Kernel drivers that show a video device only once a sensor answers: of the Pi 5, and of all before it."""
_SENSOR = re.compile(r"(?:imx|ov|gc|sc)\d{3,}\w*")


def camera(facts: Facts) -> Finding:
    """The camera: by the booth's report, else by what the kernel found on the flat cable, and a test frame."""
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
    tried = facts.try_camera()
    return tried if tried.problem is not None else Finding(", ".join([*sorted(sensors), tried.note]))


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
    """The panel and its chip: by the booth's report; only while no booth runs its status byte is read."""
    table = facts.config.panel
    if table.driver in ("simulated", "none"):
        return skipped("the config names no panel on a bus")
    if facts.booth is not None:
        return Finding(f"ready, {table.driver}") if facts.booth.panel == "ready" else found("panel_missing")
    if unseen := _unseen(facts):
        return unseen
    device = facts.path(f"/dev/i2c-{table.i2c_port}")
    if not device.exists():
        return skipped("its bus is switched off")
    try:
        read = {
            address: status
            for address in dict.fromkeys((table.address, *_ADDRESSES))
            if (status := facts.read_byte(device, address)) is not None
        }
    except PermissionError:
        return skipped("run it with sudo, or join group i2c")
    if table.address not in read:
        return found("panel_elsewhere", f"{min(read):#x}") if read else found("panel_missing")
    chip = _CHIPS.get(read[table.address] & 0x0F)
    if chip is not None and (chip == "sh1106") is not (table.driver == "sh1106"):
        return found("panel_chip", chip)
    return Finding(f"{table.driver} answers at {table.address:#x}")


def light(facts: Facts) -> Finding:
    """The light, by the booth's report."""
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    return skipped(_STOPPED if facts.is_box else NOT_HERE) if facts.booth is None else Finding("ready")


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
