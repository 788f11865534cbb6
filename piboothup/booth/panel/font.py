"""Pixel fonts of the panel: faces read from text art, drawn as one-bit pictures.

Any string can be drawn and measured. Accents are composed through Unicode decomposition, look-alikes (full width,
ligatures, letters with strokes) fall back to the plain letter, and a character without a picture becomes a box. Faces
are read when first used.
"""

from __future__ import annotations

import copy
import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from piboothup.records import dataclass
from piboothup.text import is_blank

FACES = ("figures", "big", "large", "mid", "small")
"""Names of the faces from the largest to the smallest. Only `small` has lower case, Greek and Cyrillic."""

_BOX = "\ufffd"
_ELLIPSIS = "…"
_PLAIN_LETTER = re.compile(r"LATIN (?:LETTER )?(SMALL|CAPITAL)(?: LETTER)? (AE|[A-Z])\b")
_DOTLESS = {"i": "ı", "j": "ȷ"}
_TOUCHING = 202
"""Combining class of marks that touch their letter (cedilla, ogonek)."""
_RIGHT = 216
_BELOW = (218, 220, 222, 240)


@dataclass(frozen=True)
class Glyph:
    """Picture of a letter with its accents. Row 0 is `top_px` below the top of a capital (negative: above)."""

    picture: Image.Image
    """The lit pixels, mode "1"."""
    top_px: int = 0


class Face:
    """A face: letters of one size. `cap_px` is the height of a capital; texts are placed by the top of capitals."""

    def __init__(self, art: str) -> None:
        """Read text art; its format is described at the top of fonts/small.txt."""
        note, _, blocks = art.partition("\n\n")
        metrics = dict(pair.split("=") for pair in note.splitlines()[-1].split())
        self.cap_px = int(metrics["cap"])
        self.gap_px = int(metrics["gap"])
        self.space_px = int(metrics["space"])
        self._rows = {character: rows for name, rows in _blocks(blocks) for character in _characters(name)}
        self._capitals = "a" not in self._rows
        self._box = self._letter(_BOX) or Glyph(_hollow(self.cap_px))
        self._glyph_cache: dict[str, Glyph | None] = {}

    def tightened(self) -> Face:
        """This face with letters a pixel closer, for a narrow column."""
        closer = copy.copy(self)
        closer.gap_px = self.gap_px - 1
        return closer

    def covers(self, text: str) -> bool:
        """Whether every character of `text` has a picture of its own (no box, no letter without its accent)."""
        return all(cluster.isspace() or self._composed(cluster) for cluster in _clusters(self._cased(text)))

    def can_tell_apart(self, text: str) -> bool:
        """Whether `text` can be told from other texts: at least half of its letters are more than a box."""
        letters = [glyph for _, glyph in self._glyphs(text) if glyph is not None]
        return 0 < len(letters) <= 2 * sum(glyph is not self._box for glyph in letters)

    def width_px(self, text: str) -> int:
        """Width of `text`, without a gap after its last letter."""
        widths = [self._advance_px(glyph) for _, glyph in self._glyphs(text)]
        return max(0, sum(widths) - self.gap_px)

    def rise_px(self, text: str) -> int:
        """Height of the accents of `text` above its capitals."""
        return max((-glyph.top_px for _, glyph in self._glyphs(text) if glyph is not None), default=0)

    def draw(self, image: Image.Image, x: int, y: int, text: str, lit: bool = True) -> int:
        """Draw `text`, its left edge at `x`, the top of its capitals at `y`; return the x of the next letter."""
        for _, glyph in self._glyphs(text):
            if glyph is not None:
                image.paste(255 if lit else 0, (x, y + glyph.top_px), glyph.picture)
            x += self._advance_px(glyph)
        return x

    def shortened(self, text: str, width_px: int) -> str:
        """`text`, shortened with an ellipsis if it is wider than `width_px`."""
        if self.width_px(text) <= width_px:
            return text
        left_px = width_px - self.width_px(_ELLIPSIS)
        kept = []
        for cluster, glyph in self._glyphs(text):
            left_px -= self._advance_px(glyph)
            if left_px < 0:
                break
            kept.append(cluster)
        return "".join(kept).rstrip() + _ELLIPSIS

    def wrapped(self, text: str, width_px: int) -> list[str]:
        """`text` wrapped at blanks into lines of at most `width_px`; a word that is too wide is shortened."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width_px(longer) <= width_px:
                lines[-1] = longer
            else:
                lines.append(self.shortened(word, width_px))
        return lines

    def balanced(self, text: str, width_px: int) -> list[str]:
        """Like `wrapped`, with lines of about the same length, unless the first ends with a colon or comma."""
        lines = self.wrapped(text, width_px)
        if lines and lines[0].endswith((":", ",")):
            return lines
        first, pause, second = text.partition(", ")
        if len(lines) == 2 and pause and max(self.width_px(first + ","), self.width_px(second)) <= width_px:
            return [f"{first},", second]
        for narrower_px in range(width_px, width_px // 2, -4):
            even = self.wrapped(text, narrower_px)
            if len(even) > len(lines) or " ".join(even) != " ".join(lines):
                break
            lines = even
        return lines

    def _advance_px(self, glyph: Glyph | None) -> int:
        return self.gap_px + (self.space_px - self.gap_px if glyph is None else glyph.picture.width)

    def _cased(self, text: str) -> str:
        return text.upper() if self._capitals else text

    def _glyphs(self, text: str) -> Iterator[tuple[str, Glyph | None]]:
        """Each letter with its accents, and its picture; None = blank."""
        for cluster in _clusters(self._cased(text)):
            if cluster.isspace():
                yield cluster, None
                continue
            if cluster not in self._glyph_cache:
                self._glyph_cache[cluster] = self._nearest(cluster)
            yield cluster, self._glyph_cache[cluster]

    def _nearest(self, cluster: str) -> Glyph:
        """Picture of `cluster`, else of a plainer letter for it, else the box."""
        plain = unicodedata.normalize("NFKD", cluster)
        letter = _PLAIN_LETTER.match(unicodedata.name(cluster[0], ""))
        stand_in = letter[2].lower() if letter and letter[1] == "SMALL" else letter[2] if letter else ""
        for candidate in (cluster, plain, plain[0], stand_in):
            if candidate and (glyph := self._composed(candidate) or self._row(candidate)):
                return glyph
        return self._box

    def _letter(self, character: str) -> Glyph | None:
        rows = self._rows.get(character)
        return None if rows is None else Glyph(_picture(rows))

    def _composed(self, cluster: str) -> Glyph | None:
        """Picture of a letter with its accents; None if a part is missing."""
        ready = self._letter(unicodedata.normalize("NFC", cluster))
        if ready is not None:
            return ready
        base, *marks = list(unicodedata.normalize("NFD", cluster))
        if any(unicodedata.combining(mark) == 230 for mark in marks):
            base = _DOTLESS.get(base, base)
        glyph = self._letter(base)
        for mark in marks:
            accent = self._letter(mark)
            if glyph is None or accent is None or not unicodedata.combining(mark):
                return None
            glyph = _joined(_trimmed(glyph), _trimmed(accent), unicodedata.combining(mark), max(1, self.cap_px // 14))
        return glyph

    def _row(self, letters: str) -> Glyph | None:
        """Several letters as one picture (a ligature spelled out, `™` as TM); None if a letter is missing."""
        glyphs = [self._composed(cluster) for cluster in _clusters(letters)]
        if not glyphs or None in glyphs:
            return None
        image = Image.new("1", (self.width_px(letters), self.cap_px * 3))
        self.draw(image, 0, self.cap_px, letters)
        return _trimmed(Glyph(image, -self.cap_px))


@functools.cache
def face(name: str) -> Face:
    """The face `name`, one of FACES."""
    return Face(_art(name))


@functools.cache
def icon(name: str) -> Image.Image:
    """The icon `name` of fonts/icons.txt, mode "1". Raises KeyError for another name."""
    return _picture(_icons()[name])


def largest(text: str, width_px: int, height_px: int) -> Face:
    """The largest face in which the whole of `text` can be drawn within the given size; `small` if none fits."""
    for name in FACES:
        fitting = face(name)
        if fitting.cap_px <= height_px and fitting.covers(text) and fitting.width_px(text) <= width_px:
            return fitting
    return face("small")


@functools.lru_cache(maxsize=8192)
def readable_title(title: str, otherwise: str) -> str:
    """`title`, or `otherwise` (unless it is empty) if the font has no letters for its script."""
    return title if not otherwise or face("small").can_tell_apart(title) else otherwise


@functools.cache
def _icons() -> dict[str, tuple[str, ...]]:
    return dict(_blocks(_art("icons").partition("\n\n")[2]))


def _art(name: str) -> str:
    return (Path(__file__).with_name("fonts") / f"{name}.txt").read_text(encoding="utf-8")


def _blocks(art: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and rows of each picture in the text art."""
    for block in art.split("\n\n"):
        names, *lines = block.strip().split("\n")
        yield from zip(names.split(), zip(*(line.split() for line in lines), strict=True), strict=True)


def _characters(name: str) -> str:
    return chr(int(name[2:], 16)) if len(name) > 2 and name.startswith("U+") else name


def _clusters(text: str) -> Iterator[str]:
    """Letters, each with its accents. A run of blanks becomes one blank; invisible characters are dropped."""
    cluster = ""
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category == "Mn" and (not cluster or cluster == " " or not unicodedata.combining(character)):
            continue
        if category == "Mn":
            cluster += character
            continue
        blank = is_blank(character)
        if (category in ("Cc", "Cf", "Me") and not blank) or (blank and cluster == " "):
            continue
        if cluster:
            yield cluster
        cluster = " " if blank else character
    if cluster:
        yield cluster


def _joined(letter: Glyph, accent: Glyph, place: int, gap_px: int) -> Glyph:
    """`letter` with `accent` placed by its Unicode combining class, `gap_px` apart; above if the class is unknown."""
    bottom_px = letter.top_px + letter.picture.height
    if place == _RIGHT:
        return _overlaid(letter, accent, letter.picture.width, letter.top_px)
    x = (letter.picture.width - accent.picture.width + 1) // 2
    if place == _TOUCHING:
        return _overlaid(letter, accent, x, bottom_px)
    if place in _BELOW:
        return _overlaid(letter, accent, x, bottom_px + gap_px)
    return _overlaid(letter, accent, x, letter.top_px - gap_px - accent.picture.height)


def _overlaid(letter: Glyph, accent: Glyph, x: int, top_px: int) -> Glyph:
    """Letter and accent in one picture, the accent's upper left corner at `x`, `top_px`."""
    left, right = min(0, x), max(letter.picture.width, x + accent.picture.width)
    top = min(letter.top_px, top_px)
    bottom = max(letter.top_px + letter.picture.height, top_px + accent.picture.height)
    picture = Image.new("1", (right - left, bottom - top))
    picture.paste(255, (-left, letter.top_px - top), letter.picture)
    picture.paste(255, (x - left, top_px - top), accent.picture)
    return Glyph(picture, top)


def _trimmed(glyph: Glyph) -> Glyph:
    """The glyph without dark rows at top and bottom."""
    lit = glyph.picture.getbbox()
    if lit is None:
        return glyph
    return Glyph(glyph.picture.crop((0, lit[1], glyph.picture.width, lit[3])), glyph.top_px + lit[1])


def _hollow(height_px: int) -> Image.Image:
    """A box, for a face whose art has none."""
    picture = Image.new("1", (height_px * 3 // 4, height_px))
    ImageDraw.Draw(picture).rectangle((0, 0, picture.width - 1, height_px - 1), outline=255, width=2)
    return picture


@functools.cache
def _picture(rows: tuple[str, ...]) -> Image.Image:
    lit = "".join(rows).translate({ord("#"): 255, ord("."): 0}).encode("latin-1")
    return Image.frombytes("L", (len(rows[0]), len(rows)), lit).convert("1")
