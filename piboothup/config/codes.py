"""The three QR codes that set a box up: text in, typed record out, and back. Pure.

- Wi-Fi, as phones and routers write it: `WIFI:S:Barn;T:WPA;P:…;;`, fields in any order;
- the event, by the very link that EventPics gives the host for the guests;
- the booth code of the set-up page: `PIBOOTHUP:K:…;E:…;S:…;P:…;;`, fields and escapes as in a Wi-Fi code.

Every other text is an `OtherCode`, which has the name of its kind and nothing of its content: the text may be a
secret (a one-time password, a payment). Password and key are `Secret`s, and so is every text that is made here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from enum import StrEnum, auto
from itertools import dropwhile
from typing import Any, Final
from unicodedata import category

from piboothup.config.checks import InvalidValue
from piboothup.config.secret import Secret
from piboothup.config.settings import Config, EventPicsConfig
from piboothup.records import dataclass, fields
from piboothup.text import is_blank, one_line

BOOTH_PREFIX: Final = "PIBOOTHUP:"
WIFI_PREFIX: Final = "WIFI:"
ALBUM_URL: Final = EventPicsConfig().album_url
LONGEST_BYTES: Final = 300
"""Of a code that is read at a fifth of the frame's width, held in any way (tests/benchmarks/codes.py)."""
_LONGEST_SSID_BYTES: Final = 32
_PASSPHRASE_BYTES: Final = range(8, 64)
"""Of WPA2 (IEEE 802.11, J.4.1); 64 hexadecimal digits are the key itself."""
_LONGEST_SAE_BYTES: Final = 128
_ESCAPED: Final = r"\\\1"
_SPECIAL: Final = r'([\\;,:"])'
_FIELD: Final = (
    r'(?s)(?P<name>[^:;]+)(?::(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?=;|\Z)|(?P<plain>(?:[^;\\]|\\.)*\\?)))?(?:;|\Z)'
)
_ENTERPRISE: Final = ("E", "A", "I", "PH2")
"""Fields of a Wi-Fi code with a user's name: EAP method, anonymous identity, identity, phase 2 (ZXing's wiki)."""
_CHECKS: Final = {
    found.name: found.metadata["check"] for found in (*fields(Config), *fields(EventPicsConfig)) if found.metadata
}
"""The config's own checks: what a code brings goes into a config file."""


class Security(StrEnum):
    """Protection of a network, as a Wi-Fi code writes it."""

    OPEN = "nopass"
    WPA = "WPA"
    SAE = "SAE"
    """WPA3 alone. A network that takes WPA2 and WPA3 is written `WPA`."""


class Fault(StrEnum):
    """Reason why a code of a known kind can't be used."""

    WIFI_NAME = "wifi_name"
    WIFI_PASSWORD = "wifi_password"  # noqa: S105  (no password)
    WIFI_WEP = "wifi_wep"
    WIFI_ENTERPRISE = "wifi_enterprise"
    WIFI_SECURITY = "wifi_security"
    KEY = "key"
    EVENT = "event"
    NAME = "name"
    COUNTRY = "country"
    LANGUAGE = "language"
    ZONE = "zone"
    EMPTY = "empty"
    CUT = "cut"


_SENTENCES: Final[Mapping[Fault, str]] = {
    Fault.WIFI_NAME: "The Wi-Fi's name should have at most 32 letters (umlauts count twice). Copy it from a phone.",
    Fault.WIFI_PASSWORD: "The Wi-Fi's password should have 8 to 63 characters. Look it up, blanks and capitals too.",
    Fault.WIFI_WEP: "This Wi-Fi is protected by WEP, which is broken and not joined. Set the router to WPA2.",
    Fault.WIFI_ENTERPRISE: "This Wi-Fi asks for a user's name, which a box has not. Use another, such as a phone's.",
    Fault.WIFI_SECURITY: "This Wi-Fi's kind of protection is not known. Use a network with WPA2 or WPA3.",
    Fault.KEY: "This is no API key. Copy it from the EventPics app, whole, without spaces.",
    Fault.EVENT: "This is no event's id. Copy the link that guests open, or the id at its end.",
    Fault.NAME: "The box's name should be one line of at most 40 characters. Shorten it.",
    Fault.COUNTRY: "The country should be two letters, such as DE. Choose it anew.",
    Fault.LANGUAGE: "The panel has no such language. Choose another.",
    Fault.ZONE: "The time zone should be a name such as Europe/Berlin. Choose it anew.",
    Fault.EMPTY: "Nothing stands in this booth code. Fill in at least one field of the set-up page.",
    Fault.CUT: "This booth code has lost its end. Make it anew.",
}


class CodeError(ValueError):
    """Code of a known kind that can't be used. `str()` is a sentence with a remedy, without the code's content."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(_SENTENCES[fault])


@dataclass(frozen=True)
class WifiNetwork:
    """Network to join. Raises CodeError when no box could."""

    ssid: str
    password: Secret | None = None
    """As it was given: never the hash of it, which WPA3 can't use."""
    security: Security = Security.OPEN
    hidden: bool = False

    def __post_init__(self) -> None:
        if not self.ssid or _breaks_a_line(self.ssid) or len(self.ssid.encode()) > _LONGEST_SSID_BYTES:
            raise CodeError(Fault.WIFI_NAME)
        if not self._has_usable_password():
            raise CodeError(Fault.WIFI_PASSWORD)

    def _has_usable_password(self) -> bool:
        if self.security is Security.OPEN or self.password is None:
            return self.security is Security.OPEN and self.password is None
        text = self.password.reveal()
        if _breaks_a_line(text):
            return False
        if self.security is Security.SAE:
            return 0 < len(text.encode()) <= _LONGEST_SAE_BYTES
        return len(text.encode()) in _PASSPHRASE_BYTES or re.fullmatch("[0-9A-Fa-f]{64}", text) is not None


@dataclass(frozen=True)
class GuestLink:
    """Event, by the link of its guests."""

    link_id: str

    def __post_init__(self) -> None:
        if not _checked("link_id", self.link_id, Fault.EVENT):
            raise CodeError(Fault.EVENT)


@dataclass(frozen=True)
class BoothCode:
    """Settings from the set-up page, each as far as given. Raises CodeError for one that no config would take."""

    key: Secret | None = None
    link_id: str = ""
    album_id: str = ""
    wifi: WifiNetwork | None = None
    name: str = ""
    country: str = ""
    """Two letters of ISO 3166."""
    language: str = ""
    timezone: str = ""
    """Name in the IANA database."""

    def __post_init__(self) -> None:
        if not any(getattr(self, field.name) for field in fields(self)):
            raise CodeError(Fault.EMPTY)
        if self.key is not None and _checked("api_key", self.key.reveal(), Fault.KEY) != self.key:
            raise CodeError(Fault.KEY)
        _checked("link_id", self.link_id, Fault.EVENT)
        _checked("album_id", self.album_id, Fault.EVENT)
        if self.album_id and not self.link_id:
            raise CodeError(Fault.EVENT)
        _checked("name", self.name, Fault.NAME)
        if self.language:
            _checked("language", self.language, Fault.LANGUAGE)
        if not re.fullmatch("([A-Z]{2})?", self.country):
            raise CodeError(Fault.COUNTRY)
        if not re.fullmatch("[A-Za-z0-9+_/-]{0,64}", self.timezone):
            raise CodeError(Fault.ZONE)


class OtherKind(StrEnum):
    """Kind of a code that is not for the booth."""

    WEB = auto()
    CONTACT = auto()
    MAIL = auto()
    PHONE = auto()
    MESSAGE = auto()
    PLACE = auto()
    CALENDAR = auto()
    PAYMENT = auto()
    LOGIN = auto()
    DEVICE = auto()
    NUMBER = auto()
    TEXT = auto()


_KINDS: Final = [
    (kind, rf"(?i)\s*(?:{pattern})")
    for kind, pattern in (
        (OtherKind.WEB, r"https?:|urlto:|www\.|market:|intent:"),
        (OtherKind.CONTACT, r"begin:vcard|mecard:|bizcard:"),
        (OtherKind.MAIL, r"mailto:|matmsg:|smtp:"),
        (OtherKind.PHONE, r"tel:|facetime"),
        (OtherKind.MESSAGE, r"sms:|smsto:|mms:|mmsto:"),
        (OtherKind.PLACE, r"geo:"),
        (OtherKind.CALENDAR, r"begin:v(?:event|calendar)"),
        (OtherKind.PAYMENT, r"bcd\r?\n|spc\r?\n|(?:bitcoin|ethereum|litecoin|upi|paypal):"),
        (OtherKind.LOGIN, r"otpauth"),
        (OtherKind.DEVICE, r"mt:|x-hm:|dpp:|z:"),
        (OtherKind.NUMBER, r"[0-9]+\s*$"),
        (OtherKind.TEXT, ""),
    )
]


@dataclass(frozen=True)
class OtherCode:
    """Code that is not for the booth: its kind alone."""

    kind: OtherKind


Code = WifiNetwork | GuestLink | BoothCode | OtherCode


def parse(text: str, album_url: str = ALBUM_URL) -> Code:
    """Read a code's text. Raises CodeError for a Wi-Fi or booth code that can't be used.

    `album_url`: the config's; guests' links have its form.
    """
    content = "".join(dropwhile(is_blank, text.rstrip("\r\n")))
    if content[: len(WIFI_PREFIX)].upper() == WIFI_PREFIX:
        given = _fields(content[len(WIFI_PREFIX) :])[0]
        if any(given.get(name) for name in _ENTERPRISE):
            raise CodeError(Fault.WIFI_ENTERPRISE)
        return _network(given)
    if content[: len(BOOTH_PREFIX)].upper() == BOOTH_PREFIX:
        return _booth_code(*_fields(content[len(BOOTH_PREFIX) :]))
    if (link := _link_pattern(album_url).fullmatch(one_line(content))) and link["id"].strip("."):
        return GuestLink(link["id"])
    return OtherCode(next(kind for kind, pattern in _KINDS if re.match(pattern, content)))


def event_id(text: str, album_url: str = ALBUM_URL) -> str:
    """The event's id out of its guests' link, with or without `https://`; any other text as it is."""
    found = _link_pattern(album_url).fullmatch("https://" + re.sub("(?i)^https?://", "", one_line(text)))
    return found["id"] if found and found["id"].strip(".") else text


def make(code: WifiNetwork | GuestLink | BoothCode, album_url: str = ALBUM_URL) -> Secret:
    """Write a code's text, which `parse` reads to the same record."""
    if isinstance(code, GuestLink):
        return Secret(album_url.replace("{link_id}", code.link_id))
    if isinstance(code, WifiNetwork):
        return _written(WIFI_PREFIX, _wifi_fields(code))
    given = {"K": code.key.reveal() if code.key else "", "E": code.link_id, "A": code.album_id}
    if code.wifi is not None:
        given |= _wifi_fields(code.wifi)
    given |= {"N": code.name, "C": code.country, "L": code.language, "Z": code.timezone}
    return _written(BOOTH_PREFIX, given)


def _wifi_fields(network: WifiNetwork) -> dict[str, str]:
    password = network.password.reveal() if network.password else ""
    hidden = "true" if network.hidden else ""
    return {"S": network.ssid, "T": network.security, "P": password, "H": hidden}


def _written(prefix: str, given: Mapping[str, str]) -> Secret:
    written = (f"{name}:{re.sub(_SPECIAL, _ESCAPED, value)};" for name, value in given.items() if value)
    return Secret(f"{prefix}{''.join(written)};")


def _fields(text: str) -> tuple[dict[str, str], bool]:
    """The fields by their names in capitals, the first of each name; and whether the end `;;` was there.

    Generators differ: blanks or line breaks before a name, quotes around a value, no end.
    """
    found: dict[str, str] = {}
    pattern, at = re.compile(_FIELD), 0
    while field := pattern.match(text, at):
        value = field["plain"] if field["quoted"] is None else field["quoted"]
        if value is not None:
            found.setdefault(field["name"].strip().upper(), re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL))
        at = field.end()
    return found, text[at : at + 1] == ";"


def _network(given: Mapping[str, str]) -> WifiNetwork:
    password = given.get("P", "")
    security = _security(given.get("T", ""), given)
    hidden = given.get("H", "").strip().lower() in ("true", "1", "yes")
    if security is Security.OPEN or not password:
        return WifiNetwork(given.get("S", ""), None, security, hidden)
    return WifiNetwork(given.get("S", ""), Secret(password), security, hidden)


def _security(text: str, given: Mapping[str, str]) -> Security:
    """Protection by the field `T`. Raises CodeError for one that a box can't use."""
    kind = text.strip().upper()
    if "EAP" in kind:
        raise CodeError(Fault.WIFI_ENTERPRISE)
    if kind == "WEP":
        raise CodeError(Fault.WIFI_WEP)
    if kind in ("SAE", "WPA3", "WPA3-SAE", "WPA3-PSK"):
        return Security.SAE
    if kind.startswith(("WPA", "RSN", "PSK")):
        return Security.WPA
    if kind == "":
        return Security.WPA if given.get("P") else Security.OPEN
    if kind in ("NOPASS", "NONE", "OPEN", "OWE"):
        return Security.OPEN
    raise CodeError(Fault.WIFI_SECURITY)


def _booth_code(given: Mapping[str, str], has_end: bool) -> BoothCode:
    if not has_end:
        raise CodeError(Fault.CUT)
    return BoothCode(
        key=_checked("api_key", given.get("K", ""), Fault.KEY),
        link_id=given.get("E", ""),
        album_id=given.get("A", ""),
        wifi=_network(given) if given.keys() & {"S", "P"} else None,
        name=given.get("N", ""),
        country=given.get("C", "").upper(),
        language=given.get("L", "").lower(),
        timezone=given.get("Z", ""),
    )


@functools.lru_cache(maxsize=4)
def _link_pattern(album_url: str) -> re.Pattern[str]:
    """Guests' links: scheme and host in any case, the rest as it stands; a slash, query or fragment may follow."""
    before, _, after = album_url.partition("{link_id}")
    scheme, _, rest = before.partition("://")
    host, slash, path = rest.partition("/")
    return re.compile(
        f"(?i:{re.escape(scheme)}://{re.escape(host)}){re.escape(slash + path)}"
        rf"(?P<id>[A-Za-z0-9._~-]{{1,128}}){re.escape(after)}/?(?:[?#].*)?"
    )


def _checked(name: str, value: str, fault: Fault) -> Any:
    """The value as the config's check of this setting returns it. Raises CodeError when it takes it not."""
    try:
        return _CHECKS[name](value)
    except InvalidValue:
        raise CodeError(fault) from None


def _breaks_a_line(text: str) -> bool:
    """Whether it has control characters, line breaks or lone surrogates, which no name and no password has."""
    return any(category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)
