"""Values of the small circuits, computed from the parts that were chosen.

Sources: a Pi's pin gives 16 mA at most and is at 3.3 V (Raspberry Pi's documentation); the bus has 1.8 kΩ on the
board (its schematics) and wants to rise within 300 ns at 400 kHz (UM10204, table 10); the 2N3904 saturates at a gain
of 10 and bears 100 mA for long (its data sheet).
"""

from __future__ import annotations

from hardware.make.tables import Parts
from piboothup.records import dataclass

PIN_V = 3.3
PIN_MOST_MA = 16.0
BASE_V = 0.75
"""Between base and emitter of a saturated transistor, V."""
SATURATED_GAIN = 10.0
COLLECTOR_MOST_MA = 100.0
LED_V = 2.0
"""Of a red, yellow or green LED, V."""
LED_LEAST_MA, LED_MOST_MA = 1.0, 10.0
"""Between them an LED is seen in a lit room, and does no harm to a pin."""
BUS_PULL_UP_OHM, BUS_RISE_S = 1800.0, 300e-9
WIRE_F_PER_M, MODULE_F = 100e-12, 20e-12
"""Capacity of a jumper wire and of a module on the bus."""


@dataclass(frozen=True)
class Values:
    """What is soldered, and what follows from it."""

    base_ohm: float
    base_ma: float
    gain: float
    """The lamp's current by the base's: at most SATURATED_GAIN, else the transistor grows warm and the lamp dim."""
    led_ohm: float
    led_ma: float
    long_ohm: float
    long_f: float
    long_ms: float
    """Time constant of the filter of a long button cable, ms."""
    long_ma: float
    """Current through the button's contact while it is down, mA: some are needed to keep it clean."""
    bus_m: float
    """Longest wires of the bus with one module, metres."""


def values(table: Parts) -> Values:
    """Compute them for the resistors and the capacitor of the table."""
    base_ohm, led_ohm = (_ohm(table.part(key).name) for key in ("resistor-base", "resistor-led"))
    long_ohm = _ohm(table.part("long-resistor").name)
    long_f = float(table.part("long-capacitor").name.removeprefix("Capacitor ").partition(" nF")[0]) * 1e-9
    base_ma = (PIN_V - BASE_V) / base_ohm * 1000
    lamp_ma = max((table.part("button-60").ma or {}).values())
    return Values(
        base_ohm=base_ohm,
        base_ma=base_ma,
        gain=lamp_ma / base_ma,
        led_ohm=led_ohm,
        led_ma=(PIN_V - LED_V) / led_ohm * 1000,
        long_ohm=long_ohm,
        long_f=long_f,
        long_ms=long_ohm * long_f * 1000,
        long_ma=PIN_V / long_ohm * 1000,
        bus_m=(BUS_RISE_S / (0.8473 * BUS_PULL_UP_OHM) - MODULE_F - 10e-12) / WIRE_F_PER_M,
    )


def in_words(ohm: float) -> str:
    """A resistance as on the bill: "470 Ω", "1 kΩ"."""
    return f"{ohm / 1000:g} kΩ" if ohm >= 1000 else f"{ohm:g} Ω"


def _ohm(name: str) -> float:
    number, unit = name.removeprefix("Resistor ").partition(",")[0].split(" ")
    return float(number) * {"Ω": 1, "kΩ": 1000}[unit]
