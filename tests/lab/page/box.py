"""A box as its two real services, with root's helper beside them; a person holds its button and looks at its panel.

Real: both services as processes, which read codes with the box's zxing-cpp, the menu, root's helper with its files.
Played: the devices (the camera shows the picture that lies in its folder, the button comes over the control socket)
and the joining of a network, as there is no radio here; the Pi lab joins real ones.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from piboothup import status
from piboothup.booth.flow import menu
from piboothup.booth.flow.long_press import HoldProgress, ReleaseEffect
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page
from piboothup.booth.frame import Plane
from piboothup.booth.panel import screens
from piboothup.booth.panel.thread import PICTURE_NAME
from piboothup.booth.panel.view import View
from piboothup.clock import SystemClock
from piboothup.records import replace
from piboothup.root_requests import REQUESTS, WifiResult
from piboothup.runtime import send_hint
from piboothup.setup import code_import, request_reader
from piboothup.setup.radio import Radio
from piboothup.simulator import appliance
from piboothup.spool.names import box_id, hardware_serial
from piboothup.status import BoothReport, BoothState
from tests.support.commands import box_command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.kept_box import KeptBox
from tests.support.users import ROOT, make_runtime

MENU = BoothState.MENU
wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)
_CONFIG = """\
config_version = 1
[eventpics]
api_url = "{api_url}"
[capture]
countdown_s = 1
review_s = 0.3
[button]
hold_s = 2
menu = "always"
[camera]
frames = "{lens}"
[spool]
directory = "{spool}"
allow_memory = true
min_free_mb = 10
[devices]
simulated = true
"""


class PlayedRadio(Radio):
    """Joins every network at once."""

    def __init__(self) -> None:
        self.joined: list[UUID] = []

    def put_in_force(self, country: str) -> None:
        """Set no country: this machine has no radio."""

    def reload(self) -> None:
        """Tell nobody: no NetworkManager runs."""

    def in_use(self) -> UUID | None:
        """No network so far."""
        return None

    def join(self, profile: UUID) -> WifiResult:
        """Note that this network would have been joined."""
        self.joined.append(profile)
        return WifiResult.JOINED


class Box:
    """A new box: no key, no event."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self.runtime, self.spool, self._lens = folder / "run", folder / "spool", folder / "lens"
        boot, etc, profiles, trials = (folder / name for name in ("boot", "etc", "profiles", "trials"))
        for made in (self.runtime, self._lens, boot, etc, profiles):
            made.mkdir()
        make_runtime(self.runtime)
        os.chown(self.runtime / REQUESTS, ROOT, -1)  # the booth of this test is of this user
        self.root = KeptBox(box_id(hardware_serial()), boot, etc, profiles, trials)
        self.config = self.root.etc / "config.toml"
        self.config.write_text(_CONFIG.format(api_url=api_url, lens=self._lens, spool=self.spool))
        self.radio = PlayedRadio()
        self.log = folder / "log.txt"
        self.services: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        self._helper = threading.Thread(target=self._serve, name="root's helper")

    def power_on(self, reader: str) -> None:
        """Start both services, and root's helper. `reader`: folder of the box's zxing-cpp."""
        words = environment(self.runtime, PYTHONPATH=reader)
        with self.log.open("ab") as log:
            for service in ("booth", "uploader"):
                given = box_command(self.config, service)
                self.services.append(subprocess.Popen(given, env=words, stdin=subprocess.DEVNULL, stderr=log))
        self._helper.start()

    def close(self) -> None:
        """Pull the plug."""
        for service in self.services:
            service.kill()
            service.wait()
        self._ended.set()
        if self._helper.ident is not None:
            self._helper.join()

    def _serve(self) -> None:
        while not self._ended.wait(0.02):
            request_reader.serve(self.runtime, ROOT, SystemClock(), {"settings": self._take})

    def _take(self, values: Mapping[str, object]) -> WifiResult | None:
        return code_import.take(values, self.root, self.radio)

    def before_lens(self, picture: Plane) -> None:
        """Hold this before the lens: a camera's JPEG, which replaces the one before at once."""
        draft = self._lens / "draft"
        Image.fromarray(picture).save(draft, "JPEG", quality=85)
        draft.replace(self._lens / "frame.jpg")

    def until(self, state: BoothState) -> None:
        """Wait until the booth reports this state."""
        wait_until(lambda: (status.read_booth(self.runtime) or BoothReport()).state == state, f"the booth: {state}")

    def press(self, word: str = "press") -> None:
        """Press the button; "down" and "up" hold it."""
        wait_until(lambda: send_hint(self.runtime, "booth", word), "the booth to hear its button")

    def take_photo(self, state: BoothState = BoothState.READY) -> None:
        """Press in this state, until the photo is saved."""
        self.until(state)
        before = self.photos()
        self.press()
        wait_until(lambda: self.photos() > before, "the photo to be saved")

    def photos(self) -> set[str]:
        """Names of the photos on the card, sent or not."""
        return {path.name for place in ("new", "sent") for path in self.spool.glob(f"{place}/**/*.jpg")}


class Operator:
    """A person with the box's button, who goes by what the panel shows."""

    def __init__(self, box: Box, options: MenuOptions) -> None:
        """`options`: what the box offers in its menu, as far as its pages depend on it."""
        self._box = box
        self.options = options
        self.page: Page | None = None

    def open_menu(self) -> None:
        """Hold the button until the panel says that letting go opens the menu, and let go."""
        self._box.until(BoothState.READY)
        self._box.press("down")
        self._await(BoothState.READY, hold_progress=HoldProgress(1.0, ReleaseEffect.MENU))
        self._box.press("up")
        self.sees(menu.main_page(self.options, 0))

    def choose(self, *wanted: str) -> None:
        """Walk to these items (word, title or id) in turn, and hold each until it is chosen."""
        for name in wanted:
            assert self.page is not None, "the menu is not open"
            while (item := self.page.item) is None or name not in (item.text_key, item.title, item.title_id):
                self._box.press()
                self.sees(menu.next_item(self.page))
            following, action = menu.choose(self.page, self.options, 0)
            steps = round(10 * item.hold_s)
            shares = [HoldProgress(step / steps, ReleaseEffect.CHOICE) for step in range(steps + 1)]
            held = [self._picture(MENU, page=self.page, hold_progress=share) for share in (None, *shares)]
            self._box.press("down")
            wait_until(lambda: self._shown() not in (b"", *held), f"{name} to be chosen")  # noqa: B023
            self._box.press("up")
            if action is None:
                self.sees(following)

    def sees(self, page: Page | None, language: str = "") -> None:
        """Wait until the panel shows this page. `language`: the box's from now on."""
        assert page is not None
        self.options = replace(self.options, language=language or self.options.language)
        self._await(MENU, page=page)
        self.page = page

    def _await(self, state: BoothState, **said: Any) -> None:
        wanted = self._picture(state, **said)
        wait_until(lambda: self._shown() == wanted, f"the panel to show {said}")

    def _picture(self, state: BoothState, **said: Any) -> bytes:
        return screens.draw(View(state=state, language=self.options.language, **said)).tobytes()

    def _shown(self) -> bytes:
        """What the panel shows; nothing before its first picture."""
        with contextlib.suppress(OSError), Image.open(self._box.runtime / PICTURE_NAME) as picture:
            return picture.tobytes()
        return b""
