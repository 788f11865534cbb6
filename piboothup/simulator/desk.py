"""Live demo: the panel in the terminal, the card and the album beside it, and keys for press, network and power.

Draws with half blocks (two pixels a character) where the terminal is large enough, else with quadrants (four) or
Braille (eight), and only what changed.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import tempfile
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from piboothup.clock import SystemClock
from piboothup.simulator.appliance import Appliance
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.listing import NEW

_DRAW_INTERVAL_S = 0.08
_LIT, _TITLE, _PLAIN = "\x1b[38;5;159;48;5;16m", "\x1b[1m", "\x1b[0m"
_HALVES = " ▀▄█"
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
_DOTS = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)
_BRAILLE = "".join(chr(0x2800 + sum(dot for bit, dot in enumerate(_DOTS) if lit >> bit & 1)) for lit in range(256))
_NO_POWER = "no power: p puts the plug back"
_KEYS = "space press · h hold · n network · p plug · q quit"


def live(is_ending: Callable[[], object]) -> int:
    """Run the demo until q, until a signal ends it, or until its terminal is gone; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="piboothup-demo-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with LocalEventPics(root / "eventpics", SystemClock()) as album, _raw_terminal() as screen:
            box = Appliance(root / "box", album.url, DEMO_KEY, name="Demo booth", countdown_s=3, review_s=2.5)
            box.power_on()
            try:
                _LiveDemo(box, album, screen).run(is_ending)
            finally:
                box.power_off()
    return 0


class _LiveDemo:
    def __init__(self, box: Appliance, album: LocalEventPics, screen: int) -> None:
        """`screen`: descriptor of the terminal, whose writes do not wait."""
        self._box = box
        self._album = album
        self._screen = screen
        self._unwritten = b"\x1b[?1049h\x1b[?25l"
        """What the terminal did not take yet: it may be stopped with Ctrl-S."""
        self._is_held = False
        self._shown: list[str] = []
        self._message = ""

    def run(self, is_ending: Callable[[], object]) -> None:
        """Draw and handle keys until q, until a signal ends the command, or until the terminal is gone."""
        while not is_ending() and self._draw():
            if select.select([sys.stdin], [], [], _DRAW_INTERVAL_S)[0]:
                keys = _read_keys()
                for key in keys.decode("ascii", "ignore"):
                    if key in "qQ\x03\x04":
                        return
                    self._handle_key(key.lower())
                if not keys:
                    return

    def _handle_key(self, key: str) -> None:
        if key == " ":
            self._message = "pressed" if self._box.press() else _NO_POWER
        elif key == "h":
            self._is_held = self._box.press("up" if self._is_held else "down") and not self._is_held
            self._message = "holding: h lets go" if self._is_held else "let go" if self._box.powered else _NO_POWER
        elif key == "n":
            self._album.online = not self._album.online
            self._message = "network on" if self._album.online else "network off"
        elif key == "p" and self._box.powered:
            self._box.pull_plug()
            self._is_held, self._message = False, "plug pulled: p puts it back"
        elif key == "p":
            self._box.power_on()
            self._message = "power on"

    def _draw(self) -> bool:
        """Draw what changed, without ever waiting for the terminal; return False when it is gone."""
        if not self._unwritten:
            self._unwritten = "".join(self._changes()).encode()
        try:
            self._unwritten = self._unwritten[os.write(self._screen, self._unwritten) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def _changes(self) -> Iterator[str]:
        """What turns the screen that was drawn last into the present one."""
        size = shutil.get_terminal_size()
        lines = _compose(self._panel(), self._side(), f"{_KEYS}   {self._message}".rstrip(), size.columns, size.lines)
        if len(lines) != len(self._shown):
            self._shown = [""] * len(lines)
            yield "\x1b[2J"
        for number, (line, before) in enumerate(zip(lines, self._shown, strict=True), start=1):
            if line != before:
                yield f"\x1b[{number};1H{line}{_PLAIN}\x1b[K"
        self._shown = lines

    def _panel(self) -> Image.Image:
        if self._box.powered:
            with contextlib.suppress(OSError), Image.open(self._box.runtime / "panel.pbm") as picture:
                return picture.convert("1")
        return Image.new("1", (128, 64))

    def _side(self) -> list[tuple[str, str]]:
        """Lines beside the panel: a bold beginning, and the rest."""
        waiting = [name.file_name for name in self._box.photos(NEW)]
        sent = list(dict.fromkeys(upload["fileName"] for upload in self._album.uploads()))
        return [
            ("network", f" {'on' if self._album.online else 'OFF'}"),
            ("power", f" {'on' if self._box.powered else 'OFF'}"),
            ("uploader", f" {self._box.uploader().state}"),
            ("", ""),
            (f"in new/: {len(waiting)}", ""),
            *(("", name) for name in waiting[-5:]),
            ("", ""),
            (f"in album: {len(sent)}", ""),
            *(("", name) for name in sent[-5:]),
        ]


def _compose(panel: Image.Image, side: list[tuple[str, str]], foot: str, columns: int, rows: int) -> list[str]:
    """Compose the lines of the whole screen for a terminal of this size."""
    if columns >= 128 + 34 and rows >= 35:
        drawn = _as_text(panel, 1, 2, _HALVES)
    elif columns >= 64 + 34 and rows >= 35:
        drawn = _as_text(panel, 2, 2, _QUADRANTS)
    else:
        drawn = _as_text(panel, 2, 4, _BRAILLE)
    width = len(drawn[0])
    room = max(0, columns - width - 2)
    lines = []
    for number in range(max(len(drawn), min(len(side), rows - 2))):
        left = f"{_LIT}{drawn[number]}{_PLAIN}" if number < len(drawn) else " " * width
        bold, rest = side[number] if number < len(side) else ("", "")
        lines.append(f"{left}  {_TITLE}{bold[:room]}{_PLAIN}{rest[: max(0, room - len(bold))]}")
    return [*lines[: rows - 2], "", foot[:columns]]


def _as_text(panel: Image.Image, across: int, down: int, glyphs: str) -> list[str]:
    """Panel as characters; `glyphs` has a character for every set of lit pixels, the first pixel counting 1."""
    lit, width = panel.convert("L").tobytes(), panel.width
    offsets = [y * width + x for y in range(down) for x in range(across)]

    def glyph(first: int) -> str:
        return glyphs[sum((lit[first + offset] > 0) << bit for bit, offset in enumerate(offsets))]

    rows = range(0, len(lit), width * down)
    return ["".join(glyph(row + left) for left in range(0, width, across)) for row in rows]


def _read_keys() -> bytes:
    """Typed keys; none when the terminal is gone."""
    try:
        return os.read(sys.stdin.fileno(), 32)
    except OSError:
        return b""


@contextlib.contextmanager
def _raw_terminal() -> Iterator[int]:
    """Set unbuffered keys, no echo; restore all, the screen too, at the end, unless the terminal is gone.

    Yields a descriptor of the screen. Nothing waits for the terminal, whether it was stopped with Ctrl-S or is gone.
    """
    before = termios.tcgetattr(sys.stdin)
    screen = os.open(os.ttyname(sys.stdout.fileno()), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        tty.setcbreak(sys.stdin.fileno(), termios.TCSANOW)
        yield screen
    finally:
        with contextlib.suppress(OSError, termios.error):
            termios.tcflow(sys.stdin, termios.TCOON)
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
            os.write(screen, b"\x1b[?25h\x1b[?1049l")
        os.close(screen)
