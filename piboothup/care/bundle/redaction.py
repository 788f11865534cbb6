"""Removal of secrets and personal data from text that leaves the box in a support bundle.

Two ways together, since neither is enough: words that the box knows to be private (`private_words`), wherever they
stand and however they are escaped; and forms that private words have (addresses, tokens, quoted names). It rather
takes too much than too little. Pure.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

REMOVED = "[removed]"
_SHORTEST_WORD = 3
"""Shorter words of ASCII are no secret, and would be found everywhere."""
_SHORTEST_NUMBER = 5
_EDGE = "A-Za-z0-9"
_PHOTO = re.compile(r"([0-9A-Z]{4}-\d{4,6}-\d{4,6})_\d{1,13}_[0-9a-fn][0-9a-f]{7}_[0-9a-f]{16}")
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//\S+")
_QUERY = re.compile(r"[\w./%-]*\?[^\s?]*=\S*")
_EMAIL = re.compile(r"[^\s@\"'<>(=:]+@[\w-]+(?:\.[\w-]+)+")
_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9A-Za-z])", re.IGNORECASE
)
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*(?![\w:]))", re.IGNORECASE
)
_FOLDER = re.compile(r"(?<![\w.])(/(?:home|root|mnt|media|srv|tmp|run/(?:user|media|mount))/)[^\s\"']+")
_BEARER = re.compile(r"\bBearer\s+\S+", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![\w+-])(?:(?=[\w+-]*\d)(?=[\w+-]*[A-Za-z])[\w+-]{20,}|[A-Za-z]{32,})=*(?![\w+-])")
_HOST = re.compile(r"(?<![\w/.@+-])(?:[\w-]+\.)+[^\W\d_]{2,}(?![\w-])")
_HOST_LIKE = re.compile(
    r"(?:piboothup|requests|urllib3|PIL|numpy|gpiozero|lgpio|luma|picamera2|libcamera|simplejpeg)\.[\w.]+"
    r"|[\w.-]+\.(?:service|path|target|conf|toml|jsonl?|txt|pyc?|so|jpg|png|pbm|zip|sock|log|cpp|bin|img|hcd|clm_blob|deb)"
    r"|[\w.]+(?:Error|Exception|Warning|Disconnected|gaierror|herror|timeout)"
)
"""Dotted words that are no hosts: modules, files, errors."""
_NAMED = re.compile(
    r"\b(ssid|bssid|psk|pass(?:word|phrase|wd)|secret|api_?key|key|token|title|signature|authorization|bearer"
    r"|link_?id|album_?id|host(?:name)?|serial)\b([\"']?\s*[=:]\s*).+?(?=\s+[\w.]+=|$)",
    re.IGNORECASE,
)
_FRAME = re.compile(r'\s*File "[^"]+", line \d+, in \S+')
_RAISED = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt|Timeout|Disconnected)): .+")
_QUOTED = re.compile(rf"(?<![{_EDGE}])(?:(['\"`]).*\1(?![{_EDGE}])|['\"`].*$)")
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_KNOWN_ERRORS = {number: f"[Errno {number}] {os.strerror(number)}" for number in errno.errorcode}


class Redactor:
    """Removes private words and whatever has the form of one."""

    def __init__(self, private: Iterable[str]) -> None:
        """`private`: words of any form, each removed wherever it stands."""
        forms = {form for word in private for form in _forms(word)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._private = re.compile("|".join(ordered), re.IGNORECASE) if ordered else None

    def text(self, text: str) -> str:
        """Text of our own making: without private words, addresses and tokens."""
        return "\n".join(map(self._line, text.split("\n")))

    def foreign(self, text: str) -> str:
        """Text of any making, such as log lines: also without what is quoted, and what errors say in their words."""
        return "\n".join(self._line(_without_names(line)) for line in self._known(text).split("\n"))

    def values(self, found: Any) -> Any:
        """The same data with each of its texts redacted, its keys as they are."""
        if isinstance(found, dict):
            return {key: self.values(value) for key, value in found.items()}
        if isinstance(found, list | tuple):
            return [self.values(value) for value in found]
        return self.text(found) if isinstance(found, str) else found

    def _known(self, text: str) -> str:
        return text if self._private is None else self._private.sub(REMOVED, text)

    def _line(self, line: str) -> str:
        line = _PHOTO.sub(r"\1", self._known(line))
        for pattern in (_URL, _QUERY, _EMAIL, _MAC, _BEARER, _TOKEN):
            line = pattern.sub(REMOVED, line)
        line = _FOLDER.sub(rf"\1{REMOVED}", line)
        line = _ADDRESS.sub(_without_address, line)
        return _HOST.sub(_without_host, line)


def _forms(word: str) -> Iterator[str]:
    """Patterns of the word as it stands in texts, JSON, reprs and addresses."""
    bare = word.strip()
    is_short = len(bare) < (_SHORTEST_NUMBER if bare.isdigit() else _SHORTEST_WORD)
    if not bare or (is_short and bare.isascii()):
        return
    for form in {bare, *(unicodedata.normalize(kind, bare) for kind in ("NFC", "NFD"))}:
        for written in {
            form,
            json.dumps(form)[1:-1],
            repr(form)[1:-1],
            ascii(form)[1:-1],
            quote(form, errors="replace"),
            quote_plus(form, errors="replace"),
        }:
            pattern = r"\s+".join(map(re.escape, written.split()))
            before = rf"(?<![{_EDGE}])" if re.match(f"[{_EDGE}]", written) else ""
            after = rf"(?![{_EDGE}])" if re.search(f"[{_EDGE}]$", written) else ""
            yield before + pattern + after


def _without_names(line: str) -> str:
    """A log line without what errors and other programs say in words of their own."""
    if _FRAME.fullmatch(line):
        return line
    line = _RAISED.sub(lambda found: f"{found[1]}: {_errors_in(found[0])}", line)
    line = _NAMED.sub(rf"\1\2{REMOVED}", line)
    return _QUOTED.sub(lambda found: _errors_in(found[0]), line)


def _errors_in(text: str) -> str:
    """Which of the system's errors a text tells of."""
    told = [_KNOWN_ERRORS[int(number)] for number in _ERRNO.findall(text) if int(number) in _KNOWN_ERRORS]
    return " ".join([*told, REMOVED])


def _without_address(found: re.Match[str]) -> str:
    try:
        ipaddress.ip_address(found[0].rstrip("."))
    except ValueError:
        return found[0]
    return REMOVED


def _without_host(found: re.Match[str]) -> str:
    return found[0] if _HOST_LIKE.fullmatch(found[0]) else REMOVED
