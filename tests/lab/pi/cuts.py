"""Power cuts: each from the same running machine, on a card with a volatile write cache; then the card is looked at.

A finger presses again and again. Whatever the booth says is saved is noted outside of the machine as it says so. A
third of the cuts come in the middle of a write: as soon as so and so many blocks wait in the card's cache.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import threading
import time
from pathlib import Path
from typing import IO

from tests.lab.pi.box import Box, copy_card
from tests.lab.pi.guest import Failure

PRESSES = "while :; do lab-press 0.2; sleep 1.5; done"


def cut(box: Box, count: int) -> None:
    """Cut so often. Raises Failure if a photo that was said to be saved is not there, whole."""
    state, card = box.room / "state", box.room / "saved.raw"
    box.pi.run("sync")
    box.pi.save(state)
    box.card.rename(card)
    photos = 0
    for number in range(count):
        photos += _cut(box, state, card, number)
    print(f"{count} cuts: none of {photos} acknowledged photos is lost")


def _cut(box: Box, state: Path, card: Path, number: int) -> int:
    choose = random.Random(number)
    copy_card(card, box.card)
    box.pi.start(state=state, seed=number, blocks=choose.randrange(2, 40))
    in_write = number % 3 == 1
    box.pi.link(up=number % 2 == 1)  # without a network the card alone has the photos
    watcher = box.pi.stream("exec python3 -u /usr/local/sbin/lab_watch.py")
    presser = box.pi.stream(PRESSES)
    acknowledged: set[str] = set()
    first: list[set[str]] = []

    def listen(lines: IO[str]) -> None:
        for line in lines:
            names = json.loads(line)["names"] if line.endswith("\n") else None
            if names is not None:
                acknowledged.update(names)
                first.append(set(names))

    assert watcher.stdout is not None
    listener = threading.Thread(target=listen, args=(watcher.stdout,))
    listener.start()
    time.sleep(choose.uniform(15, 30))
    pending = box.pi.pull_plug(now=not in_write)
    listener.join()
    presser.kill()
    watcher.wait()
    folder = box.room / "spool"
    mended = box.look_at_card(folder)
    in_album = {upload["sha256"] for upload in box.uploads()}
    lost = sorted(name for name in acknowledged - _whole(folder) if not any(_has(name, each) for each in in_album))
    shutil.rmtree(folder)
    new = acknowledged - (first[0] if first else set())
    journal = "journal replayed" if "recovering journal" in mended else "clean"
    how = "in a write" if in_write else "at any time"
    how += ", on the network" if number % 2 == 1 else ", offline"
    print(f"cut {number}, {how}: {pending}, {journal}; {len(new)} photos since, {len(lost)} lost", flush=True)
    if lost:
        raise Failure(f"acknowledged, and lost: {lost}")
    return len(acknowledged)


def _has(name: str, sha256: str) -> bool:
    """Whether the photo of this name has this hash."""
    return Path(name).stem.endswith("_" + sha256[:16])


def _whole(spool: Path) -> set[str]:
    """Names of the photos in new/ and sent/ whose bytes have the hash in the name."""
    found = set()
    for place in ("new", "sent"):
        for path in (spool / place).glob("*/*.jpg"):
            if _has(path.name, hashlib.sha256(path.read_bytes()).hexdigest()):
                found.add(path.name)
    return found
