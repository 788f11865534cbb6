"""Which codes are read before the lens, by their width in the frame and by how they are held.

    python -m tests.benchmarks.codes

The booth's reader over drawn frames, with the zxing-cpp that is installed (Debian 13's is 2.3.0): "+" read, else the
hint. Milliseconds are this machine's.
"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version

from piboothup.booth.camera.code_reader import CodeReader
from piboothup.config import Secret
from tests.support.held_code import BOOTH_CODE, WAYS, Held, frame

WIFI = "WIFI:S:Barn;T:WPA;P:sunflower;;"
WIDTHS = (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.4)
MORE_WAYS = {
    "printed, dim": Held(white=110, black=60, room=85),
    "blur 1.5 px": Held(blur_px=1.5),
    "blur 3 px": Held(blur_px=3.0),
}


def main() -> None:
    """Print a table for each kind of code."""
    print(f"zxing-cpp {version('zxing-cpp')}, frames of 1352 x 1014 pixels")
    for kind, text in (("Wi-Fi code", WIFI), ("booth code", BOOTH_CODE)):
        print(f"\n{kind}, {len(text)} bytes" + "".join(f"{width:>10.0%}" for width in WIDTHS))
        longest_s = 0.0
        for name, held in {**WAYS, **MORE_WAYS}.items():
            told = []
            for width in WIDTHS:
                picture = frame(text, replace(held, share=width))
                begun_s = time.perf_counter()
                found = CodeReader().read(picture)
                longest_s = max(longest_s, time.perf_counter() - begun_s)
                told.append("+" if isinstance(found, Secret) else str(found))
            print(f"{name:<21}" + "".join(f"{each:>10}" for each in told))
        print(f"longest: {longest_s * 1000:.0f} ms")


if __name__ == "__main__":
    main()
