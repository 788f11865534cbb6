"""Prints what the booth says whenever that changes, a line of JSON each: state, number of photos, and, when it says
that one more is saved, the names of all photos that the card has."""

import json
import time
from pathlib import Path

REPORT = Path("/run/piboothup/booth.json")
SPOOL = Path("/var/lib/piboothup")


def photos() -> list[str]:
    return sorted(path.name for place in ("new", "sent") for path in SPOOL.glob(f"{place}/*/*.jpg"))


last_file = None
last: tuple[object, object] = (None, None)
while True:
    time.sleep(0.03)
    try:
        file = REPORT.stat().st_ino
        if file == last_file:
            continue
        said = json.loads(REPORT.read_text())
    except (OSError, ValueError):
        continue
    last_file, shown = file, (said.get("state"), said.get("photos"))
    if shown != last:
        names = photos() if shown[1] != last[1] else None
        last = shown
        line = {"t": time.monotonic(), "state": shown[0], "photos": shown[1], "names": names, "pid": said.get("pid")}
        print(json.dumps(line), flush=True)
