"""How many modules a photo that just goes through enters on its way from new/ to sent/: a reader follows them all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from piboothup import uploader
from tests.support.ca import Authority, Connect, day_s
from tests.support.server import Liar, brings_to
from tests.support.uploader import Desk

MOST_MODULES = 12
PACKAGE = Path(uploader.__file__).parent


@pytest.fixture
def entered() -> Iterator[set[str]]:
    """The modules of the uploader in which a function is called, on all threads that begin from now on."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and (path := Path(frame.f_code.co_filename)).is_relative_to(PACKAGE):
            found.add(str(path.relative_to(PACKAGE)))

    threading.setprofile(note)
    yield found
    threading.setprofile(None)


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else traces")
def test_photo_on_its_way_enters_few_modules(desk: Desk, tmp_path: Path, entered: set[str]) -> None:
    """EventPics and its storage are two servers, as in the world; the photo is sent over a new connection."""
    authority = Authority(tmp_path)
    desk.put_behind_tls(authority.certificate())
    desk.server_clock.wall_s = day_s(0)
    with Liar(brings_to(desk.album.port), tls=authority.certificate()) as storage:
        desk.album.url = storage.url
        desk.start(connect=Connect(authority))
        desk.until_state("idle")
        desk.rest()
        entered.clear()
        desk.until_sent(desk.take(hint=True))
        desk.rest()
    assert storage.connections == 1
    assert len(entered) <= MOST_MODULES, f"{len(entered)}: {' '.join(sorted(entered))}"
