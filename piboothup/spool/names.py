"""Names: of the box, of a photo in the spool, of the same photo in EventPics.

A name in the spool holds all that is known about a photo at its capture, so no sidecar file and no database has to
agree with it:

    <box>-<boot>-<seq>_<boottime ms>_<context>_<sha256[:16]>.jpg       in the spool
    <box>-<boot>-<seq>-<sha256[:8]>.jpg                                 in EventPics
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.records import dataclass

if TYPE_CHECKING:
    from hashlib import sha256 as sha256  # noqa: PLC0414
else:
    # hashlib loads OpenSSL, for which a booth has no other use: a fiftieth of its start, and 4.4 MB. A photo of 5 MB
    # takes 14 ms in place of 3 where the processor has instructions for it; no Pi before the 5 has.
    try:
        from _sha2 import sha256  # as the standard library's random does
    except ImportError:  # Python 3.11
        from hashlib import sha256

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, which could be misread as a digit or each other."""

_NAME = re.compile(
    rf"(?P<box>[{_ALPHABET}]{{4}})-(?P<boot>\d{{4,6}})-(?P<seq>\d{{4,6}})"
    r"_(?P<boottime_ms>\d{1,13})_(?P<context>(?:[0-9a-f]|n)[0-9a-f]{7})_(?P<digest>[0-9a-f]{16})\.jpg",
    re.ASCII,
)

NO_PHOTO = "f" * 32
"""ImageUniqueID of a test picture: no identity has it."""

BY_HAND = 900_000
"""Lowest boot or photo number of names that people make: the program never issues it or a higher one."""

_SERIALS = (
    Path("/sys/firmware/devicetree/base/serial-number"),
    Path("/proc/device-tree/serial-number"),
    Path("/etc/machine-id"),
)


def hardware_serial(places: tuple[Path, ...] = _SERIALS) -> str:
    """The Pi's serial number (boxes with cloned cards differ in it), elsewhere the machine-id; empty if unknown."""
    for place in places:
        try:
            serial = place.read_bytes().decode("ascii", errors="ignore").strip("\0 \n")
        except OSError:
            continue
        if serial.strip("0"):
            return serial
    return ""


def box_id(serial: str) -> str:
    """Four-character id of the hardware: 20 bits of the serial's SHA-256."""
    number = int.from_bytes(sha256(serial.encode()).digest()[:3], "big") >> 4
    return "".join(_ALPHABET[number >> shift & 31] for shift in (15, 10, 5, 0))


def is_boot_folder(name: str) -> bool:
    """Whether a folder in new/ or sent/ is a boot's."""
    return name.isascii() and name.isdigit() and 4 <= len(name) <= 6


def digest_of(jpeg: bytes) -> str:
    """First 16 hex digits of the bytes' SHA-256, as in a photo's name."""
    return sha256(jpeg).hexdigest()[:16]


@dataclass(frozen=True)
class Identity:
    """What is known of a photo before it is encoded: box, boot, photo number, capture time, context."""

    __slots__ = ("boot", "boottime_ms", "box", "context", "seq")

    box: str
    boot: int
    seq: int
    boottime_ms: int
    """Start of the frame's exposure, milliseconds of CLOCK_BOOTTIME."""
    context: str
    """Its id: 8 hex digits; without an event `n` and 7."""

    @property
    def order(self) -> tuple[int, int]:
        """Sort key: boot and number, the order in which photos were taken."""
        return self.boot, self.seq

    @property
    def copy(self) -> Identity:
        """The identity of its framed copy, for which the next number is reserved."""
        return Identity(self.box, self.boot, self.seq + 1, self.boottime_ms, self.context)

    @property
    def unique_id(self) -> str:
        """The identity as the 32 hex digits of EXIF's ImageUniqueID (Exif 2.32, tag 0xA420).

        From the top: box 20 bits, boot 20, seq 20, boot-time 35, one bit for a context without event, context 32.
        """
        box = 0
        for letter in self.box:
            box = box << 5 | _ALPHABET.index(letter)
        without_event = self.context.startswith("n")
        number = box
        for value, bits in (
            (self.boot, 20),
            (self.seq, 20),
            (self.boottime_ms, 35),
            (int(without_event), 1),
            (int(self.context.removeprefix("n"), 16), 32),
        ):
            number = number << bits | value & (1 << bits) - 1
        return f"{number:032x}"

    @classmethod
    def of_unique_id(cls, text: str) -> Identity | None:
        """The identity with this `unique_id`; None when it is that of a test picture, which has none."""
        if text == NO_PHOTO:
            return None
        number = int(text, 16)
        values = []
        for bits in (32, 1, 35, 20, 20, 20):
            values.append(number & (1 << bits) - 1)
            number >>= bits
        context, without_event, boottime_ms, seq, boot, box = values
        letters = "".join(_ALPHABET[box >> shift & 31] for shift in (15, 10, 5, 0))
        return cls(letters, boot, seq, boottime_ms, f"n{context:07x}" if without_event else f"{context:08x}")


@dataclass(frozen=True)
class PhotoName(Identity):
    """A photo's name in the spool, parsed."""

    __slots__ = ("digest",)

    digest: str

    @classmethod
    def of(cls, identity: Identity, jpeg: bytes) -> PhotoName:
        """The name of a photo with these bytes."""
        known = (identity.box, identity.boot, identity.seq, identity.boottime_ms, identity.context)
        return cls(*known, digest_of(jpeg))

    @classmethod
    def parse(cls, text: str) -> PhotoName | None:
        """Parse `text`; None when it is not the name of a photo."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        box, boot, seq, boottime_ms, context, digest = found.groups()
        name = cls(box, int(boot), int(seq), int(boottime_ms), context, digest)
        return name if str(name) == text else None

    def __str__(self) -> str:
        start = f"{self.box}-{self.boot:04d}-{self.seq:04d}"
        return f"{start}_{self.boottime_ms}_{self.context}_{self.digest}.jpg"

    @property
    def file_name(self) -> str:
        """The fileName given to EventPics: fixed at commit, different on any two boxes."""
        return f"{self.box}-{self.boot:04d}-{self.seq:04d}-{self.digest[:8]}.jpg"

    @property
    def folder(self) -> str:
        """The folder of this photo's boot in new/ and sent/."""
        return f"{self.boot:04d}"
