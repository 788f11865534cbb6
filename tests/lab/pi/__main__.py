"""The Pi lab: the real .deb on a virtual Pi, with the real systemd, gpiozero, lgpio, luma.oled and picamera2.

The virtual Pi is QEMU without help of the processor: slow, so nothing here says how long anything may take; what is
measured is measured against the code of before, in the same machine. It boots three times: with the image as it was
made, to install the package and try it; with a clock that is years behind on one processor; and on two. From there,
from its memory and its card, each cut starts. `run` says what may be asked for.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.lab.pi import cuts, figures, radios, scenarios, sticks
from tests.lab.pi.box import Box
from tests.lab.pi.guest import Failure

GATE_CUTS = 3
GATE_REST_S = 60
LONG_REST_S = 600
PANICKED = 75
"""Exit status when the guest's kernel has panicked, as on an emulated processor of a loaded machine."""


def main(image: Path, room: Path, *asked: str) -> int:
    """Run what was asked for. Returns the exit status."""
    began_s = time.monotonic()
    mode, words = (asked[0], asked[1:]) if asked else ("all", ())
    wanted = {"only": words or ("install",), "rest": ("rest,",)}.get(mode, ())
    rest_s = LONG_REST_S if mode == "rest" else GATE_REST_S
    cuts_wanted = int(words[0]) if mode == "cuts" else GATE_CUTS
    older, newer = (next((room / commit).glob("*.deb")) for commit in ("before", "now"))
    box = Box(image, Path(tempfile.mkdtemp(dir=room)))  # of a first try nothing is left over

    def step(title: str, do: Callable[[], object]) -> None:
        if wanted and not any(word in title for word in ("first boot", "install", *wanted)):
            return
        print(f"\n-- {title} ({time.monotonic() - began_s:.0f} s)", flush=True)
        do()

    def try_the_installed(box: Box) -> None:
        for title, scenario in scenarios.AFTER_INSTALLATION.items():
            step(title, lambda scenario=scenario: scenario(box))  # type: ignore[misc]
        step("networks, by real radios", lambda: radios.networks(box))
        step("figures of the start", lambda: figures.compare(box, room / "baseline"))
        step(f"rest, {rest_s} s", lambda: figures.rest(box, rest_s))
        step("upgrade, with photos that wait", lambda: scenarios.upgrade(box, newer))
        step("a network that breaks off, by real radios", lambda: radios.broken_off(box))
        step("remove, purge, over a box set up by hand", lambda: scenarios.gone_and_back(box, newer))

    try:
        step("first boot, on 2 processors", box.pi.start)
        step("apt install", lambda: scenarios.install(box, newer if mode == "cuts" else older))
        if mode != "cuts":
            try_the_installed(box)
        step("a file on the card, reboot", lambda: scenarios.reboot_with_card_file(box))
        if mode != "cuts":
            step("boot on 1 processor, its clock at the year 2000", lambda: scenarios.boot_late(box))
        step("boot on 2 processors", lambda: scenarios.boot(box))
        if mode != "cuts":
            step("USB sticks with settings", lambda: sticks.taken(box))
            step("USB sticks for photos", lambda: sticks.copied(box))
            step("USB sticks that are cut", lambda: sticks.cut(box))
        step(f"{cuts_wanted} power cuts", lambda: cuts.cut(box, cuts_wanted))
    except Exception as error:  # noqa: BLE001  (whatever it is, what the box said belongs to it)
        if not isinstance(error, Failure):
            traceback.print_exc()
        print(scenarios.last_words(box))
        print(f"FAILED: {error}")
        return PANICKED if box.pi.has_panicked else 1
    finally:
        box.close()
    print(f"\n-- all as promised, after {(time.monotonic() - began_s) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
