"""The browser, the page in it, and the EventPics that it asks.

Keys and passwords here are none that tests/support/canary.py looks for: that a reader tells them is the purpose.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piboothup.clock import SystemClock
from piboothup.simulator.server import LocalEventPics
from tests.lab.page import reader
from tests.lab.page.front import HOST, Front
from tests.support.deadline import PATIENCE_S
from tests.support.page_words import PAGE

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def eventpics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEventPics]:
    folder = tmp_path_factory.mktemp("eventpics")
    with LocalEventPics(folder, SystemClock(), key="key-0123456789abcdefABCDEF0123456789") as album:
        album.events[0]["linkId"] = "aB3dEf6hIj1L"
        yield album


@pytest.fixture(scope="session")
def shared_front(tmp_path_factory: pytest.TempPathFactory, eventpics: LocalEventPics) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("front"), eventpics.url)
    yield made
    made.close()


@pytest.fixture
def front(shared_front: Front) -> Front:
    shared_front.reset()
    return shared_front


@pytest.fixture(scope="session")
def browser(shared_front: Front) -> Iterator[Any]:
    """Chromium, for which EventPics is `front`; no other name or address can be reached."""
    from playwright.sync_api import sync_playwright

    rules = f"MAP {HOST}:443 127.0.0.1:{shared_front.port}, EXCLUDE 127.0.0.1, MAP * ~NOTFOUND"
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=os.environ["PIBOOTHUP_CHROMIUM"], args=[*FLAGS, f"--host-resolver-rules={rules}"]
        )
        yield made
        made.close()


class SetUpPage:
    """The page in a tab of its own, and what it asked for and complained about."""

    def __init__(self, browser: Any, address: str = PAGE.as_uri(), **wanted: Any) -> None:
        """`wanted`: settings of the browser's context."""
        settings = {"locale": "en-GB", "timezone_id": "Europe/Berlin", "viewport": {"width": 360, "height": 740}}
        self.context = browser.new_context(ignore_https_errors=True, accept_downloads=True, **(settings | wanted))
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(60_000)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", self._note)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(address)

    def _note(self, line: Any) -> None:
        if line.type in ("error", "warning"):
            self.complaints.append(f"{line.type}: {line.text}")

    def fill(self, **fields: str) -> None:
        """Type into fields, named by their ids."""
        for name, text in fields.items():
            self.tab.fill(f"#{name}", text)

    def shown_code(self) -> tuple[str, str]:
        """Show the code; its text in a screenshot as the newest reader and the box's read it."""
        self.tab.click("#show")
        return self.seen()

    def seen(self) -> tuple[str, str]:
        """The text of the code on the screen, as the newest reader and the box's read it."""
        shot = np.asarray(Image.open(io.BytesIO(self.tab.screenshot())).convert("L"))
        return reader.read(shot), read_on_box([shot])[0]

    def text(self, name: str) -> str:
        """Visible text of an element, by its id."""
        return str(self.tab.inner_text(f"#{name}"))


def read_on_box(pictures: list[np.ndarray]) -> list[str]:
    """The text of the code in each picture, by the zxing-cpp of Debian 13."""
    packed = io.BytesIO()
    np.savez(packed, *pictures)
    done = subprocess.run(
        [sys.executable, str(Path(reader.__file__))],
        input=packed.getvalue(),
        env={**os.environ, "PYTHONPATH": os.environ["PIBOOTHUP_BOX_READER"]},
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    texts: list[str] = json.loads(done.stdout)
    return texts


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Opens the page with settings of the browser's context; it complains of nothing that a test does not expect."""
    opened: list[SetUpPage] = []

    def make(**wanted: Any) -> SetUpPage:
        opened.append(SetUpPage(browser, **wanted))
        return opened[-1]

    yield make
    for page in opened:
        page.context.close()
    assert [line for page in opened for line in page.complaints] == []
