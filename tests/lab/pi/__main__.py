"""The Pi lab: the real .deb on a virtual Pi, with the real systemd, gpiozero, lgpio, luma.oled and picamera2.

The virtual Pi is QEMU without help of the processor: slow, so nothing here says how long anything may take; what is
measured is measured against the code of before, in the same machine. It boots three times: with the image as it was
made, to install the package and try it; with a clock that is years behind on one processor; and on two. From there,
from its memory and its card, each cut starts. `run` says what may be asked for.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.lab.pi import cuts, figures, scenarios
from tests.lab.pi.box import Box
from tests.lab.pi.guest import Failure

GATE_CUTS = 3


def main(image: Path, room: Path, *asked: str) -> int:
    """Run what was asked for. Returns the exit status."""
    began_s = time.monotonic()
    name, count = (asked[0], int(asked[1])) if asked[:1] == ("cuts",) else ("", GATE_CUTS)
    rest_s = 600 if asked == ("rest",) else 60
    box = Box(image, room)

    def step(title: str, do: Callable[[], object]) -> None:
        print(f"\n-- {title} ({time.monotonic() - began_s:.0f} s)", flush=True)
        do()

    try:
        step("boot, 2 processors", lambda: box.pi.start(processors=2))
        step("apt install", lambda: scenarios.install(box, next((room / "before").glob("*.deb"))))
        if name != "cuts":
            for title, scenario in scenarios.AFTER_INSTALLATION.items():
                step(title, lambda scenario=scenario: scenario(box))  # type: ignore[misc]
            step("figures", lambda: figures.compare(box, room / "baseline"))
            step(f"rest, {rest_s} s", lambda: figures.rest(box, rest_s))
        step("an upgrade with a queue", lambda: scenarios.upgrade(box, next((room / "now").glob("*.deb"))))
        step("the farewell at power-off", lambda: scenarios.farewell(box))
        if name != "cuts":
            step("boot, 1 processor, the clock at 2000", lambda: scenarios.boot_late(box))
        step("boot, 2 processors", lambda: scenarios.boot(box))
        step(f"{count} power cuts", lambda: cuts.cut(box, count))
    except Exception as error:  # noqa: BLE001  (whatever it is, what the box said belongs to it)
        if isinstance(error, Failure):
            print(f"FAILED: {error}")
        traceback.print_exc()
        print(scenarios.last_words(box))
        return 1
    finally:
        box.close()
    print(f"\n-- all as promised, after {(time.monotonic() - began_s) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
