"""A code as characters of a terminal, as a PNG, and as a card on a page to print."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Mapping
from typing import Any

from piboothup.booth.panel.i18n.page import page_words
from piboothup.commands.common import CommandFails
from piboothup.commands.qr.bookings import Booking
from piboothup.config import Secret
from piboothup.config.codes import BoothCode, GuestLink, WifiNetwork

_QUIET_ZONE = 4
"""Light modules around the code (ISO/IEC 18004)."""
_PNG_MODULE_PX = 10
_COLOURS, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
"""Black on white, whatever the terminal's colours."""
_HALVES = " ▀▄█"
_STYLE = """
@page { size: A4; margin: 14mm; }
body { margin: 0; font: 11pt/1.4 system-ui, sans-serif; color: #000; background: #fff; }
section { break-after: page; break-inside: avoid; max-width: 180mm; margin: 0 auto; padding: 4mm 0; }
section:last-child { break-after: auto; }
h1 { font-size: 24pt; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 14pt; margin: 1mm 0 0; overflow-wrap: anywhere; }
p { margin: 2mm 0; overflow-wrap: anywhere; }
svg { display: block; width: 90mm; height: 90mm; margin: 2mm 0 2mm -4mm; }
ol { font-size: 13pt; line-height: 1.45; margin: 0 0 4mm; padding-left: 7mm; }
.warn { border: .5mm solid #000; border-radius: 2mm; padding: 3mm; font-weight: 600; }
@media screen { section + section { border-top: 1px dashed #999; } }
"""


def terminal(code: Secret) -> str:
    """The code in half blocks: two rows of modules a line."""
    rows = [[bool(dark) for dark in row] for row in _made(code).matrix_iter(border=_QUIET_ZONE)]
    rows += [[False] * len(rows)] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ("".join(_HALVES[upper + 2 * lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs)
    return "\n".join(f"{_COLOURS}{line}{_PLAIN}" for line in lines)


def size_in_terminal(code: Secret) -> tuple[int, int]:
    """Columns and lines of `terminal`."""
    width, height = _made(code).symbol_size(border=_QUIET_ZONE)
    return int(width), (int(height) + 1) // 2


def png(code: Secret) -> bytes:
    """The code as a picture, with its quiet zone."""
    into = io.BytesIO()
    _made(code).save(into, kind="png", scale=_PNG_MODULE_PX, border=_QUIET_ZONE)
    return into.getvalue()


def card(code: Secret, booking: Booking) -> str:
    """The set-up card of a box, in HTML: the code, what is in it but its secrets, and what to do with it."""
    words = page_words(booking.language or "en")
    name = booking.code.name if isinstance(booking.code, BoothCode) else ""
    picture = _made(code).svg_inline(border=_QUIET_ZONE, light="#fff", omitsize=True)
    lines = [f"<h1>{html.escape(name or words['card_title'])}</h1>"]
    if booking.title:
        lines.append(f"<h2>{html.escape(booking.title)}</h2>")
    lines += [f"<p>{html.escape(parts(booking, words))}</p>", picture]
    if not isinstance(booking.code, GuestLink):
        steps = (words[f"card_step_{number}"] for number in (1, 2, 3))
        lines.append("<ol>" + "".join(f"<li>{html.escape(step)}</li>" for step in steps) + "</ol>")
    if booking.has_key:
        lines.append(f'<p class="warn">{html.escape(words["key_warning"])}</p>')
    return "<section>" + "\n".join(lines) + "</section>"


def sheet(cards: Iterable[str]) -> str:
    """A page that a browser prints, a card on each sheet of paper."""
    head = (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>piboothup</title><style>{_STYLE}</style></head>'
    )
    return head + "\n<body>\n" + "\n".join(cards) + "\n</body></html>\n"


def parts(booking: Booking, words: Mapping[str, str]) -> str:
    """A line on what is in the code, without its secrets."""
    code, found = booking.code, []
    if isinstance(code, BoothCode) and code.key:
        found.append(words["part_key"])
    if isinstance(code, BoothCode | GuestLink) and code.link_id:
        found.append(words["part_event"].format(event=code.link_id))
    if wifi := code if isinstance(code, WifiNetwork) else code.wifi if isinstance(code, BoothCode) else None:
        found.append(words["part_wifi"].format(ssid=wifi.ssid))
    if isinstance(code, BoothCode):
        if code.name:
            found.append(words["part_name"].format(name=code.name))
        language = page_words(code.language)["language_name"] if code.language else ""
        found += filter(None, (code.country, language, code.timezone))
    return words["parts"].format(parts=" · ".join(found))


def _made(code: Secret) -> Any:
    """The smallest code, with as much correction as makes it no larger. Raises CommandFails for too long a text."""
    import segno

    text = code.reveal()
    utf_8 = not text.isascii()
    try:
        return segno.make_qr(
            text, error="l", mode="byte" if utf_8 else None, encoding="utf-8" if utf_8 else None, eci=utf_8
        )
    except segno.DataOverflowError:
        raise CommandFails("This is too long for a QR code: shorten the key or the names.") from None
