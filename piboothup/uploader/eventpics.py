"""The three calls of EventPics: events and albums, an upload URL, the PUT.

Nothing that the vendor does not document is assumed, and every field of every answer is checked by hand: what is
not as documented is an `ApiError`. Key and upload URL are `Secret`s from the first to the last line.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qs, urlsplit

from piboothup.clock import Clock
from piboothup.config import Secret, is_loopback
from piboothup.records import dataclass, replace
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.names import PhotoName
from piboothup.text import one_line
from piboothup.uploader.answers import (
    classify,
    embedded_object,
    ended_list,
    is_refusal_of_gateway,
    is_sign_in,
    json_object,
)
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.transport.certificate_dates import NowMs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import UploaderError
from piboothup.uploader.transport.messages import Answer, is_plain, retry_after_s, server_ms

log = logging.getLogger(__name__)

_CALL_DEADLINE_S: Final = 60.0
_SIGN_IN_DEADLINE_S: Final = 15.0
_PUT_DEADLINE_S: Final = 120.0
_MIN_BYTES_PER_S: Final = 4_000
_MAX_WAIT_FOR_GATEWAY_S: Final = 60.0
_MAX_URL_CHARS: Final = 8192
_MAX_TITLE_CHARS: Final = 200
_MAX_EVENTS: Final = 1000
_MAX_ID_CHARS: Final = 128


class ApiError(UploaderError):
    """EventPics did not answer a call as documented; `outcome` says how."""

    def __init__(self, call: ApiCall, outcome: Outcome, status: int, retry_after_s: float | None = None) -> None:
        self.call, self.outcome, self.status, self.retry_after_s = call, outcome, status, retry_after_s
        super().__init__(f"{call}: {outcome} (status {status})")


@dataclass(frozen=True)
class Account:
    """Events of the API key, and the time by the server's Date header."""

    events: tuple[AlbumEvent, ...]
    anchor: Anchor | None
    """None when the Date header was missing or impossible."""


class EventPicsApi:
    """EventPics, for one thread. Each call raises UploaderError when it is not answered as documented."""

    def __init__(
        self,
        api_url: str,
        key: Secret,
        clock: Clock,
        now_ms: NowMs = lambda: None,
        transport: Transport | None = None,
    ) -> None:
        """Without `transport`, requests go over verified TLS, or plain http if `api_url` is on this machine."""
        parts = urlsplit(api_url)
        self._on_this_machine = is_loopback(parts.hostname or "")
        plain_http = parts.scheme == "http" and self._on_this_machine
        self.transport = transport or Transport(clock, plain_http=plain_http, now_ms=now_ms)
        self._api_url = api_url
        self._key = key

    def events(self, *, key_accepted: bool = False) -> Account:
        """The key's events and albums. The first call of each time online proves DNS, TLS, key, and no portal."""
        headers = {"Authorization": f"Bearer {self._key.reveal()}", "Accept": "application/json"}
        shown, answer = self._call(ApiCall.EVENTS, "GET", headers, None, key_accepted=key_accepted)
        listed = shown.get("events", "")
        if listed is None:  # how some languages write an empty list
            listed = []
        if not isinstance(listed, list):
            raise self._error(ApiCall.EVENTS, Outcome.WRONG_JSON, answer.status)
        # Of more than a box can hold both ends: the one of now is new, and may be listed first or last.
        kept = listed if len(listed) <= _MAX_EVENTS else [*listed[: _MAX_EVENTS // 2], *listed[-_MAX_EVENTS // 2 :]]
        events = [event for entry in kept if (event := _event(entry)) is not None]
        if len(events) != len(listed):
            log.warning("events skipped count=%d", len(listed) - len(events))
        return Account(tuple(events), date_anchor(answer))

    def server_time(self) -> Anchor | None:
        """The time by the server's Date header, asked without the key, whatever its certificate's dates."""
        return date_anchor(self.transport.get_date(self._api_url, _CALL_DEADLINE_S))

    def is_behind_sign_in(self) -> bool:
        """Whether the network answers plain http in EventPics' place with a sign-in page; asked without the key.

        Raises LinkError without an answer.
        """
        parts = urlsplit(self._api_url)
        if parts.scheme != "https" or not parts.hostname:
            return False
        return is_sign_in(self.transport.get_plain_http(parts.hostname, _SIGN_IN_DEADLINE_S), parts.hostname)

    def upload_url(self, name: PhotoName, context: Context, taken_at_ms: int | None) -> Secret:
        """A URL to PUT this photo to, valid for some 300 s. `taken_at_ms` is left out when it is None."""
        fields: dict[str, object] = {
            "apiKey": self._key.reveal(),
            "linkId": context.link_id,
            "fileName": name.file_name,
        }
        if context.album_id:
            fields["albumId"] = context.album_id
        if taken_at_ms is not None:
            fields["takenAt"] = taken_at_ms
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        shown, answer = self._call(ApiCall.UPLOAD_URL, "POST", headers, json.dumps(fields).encode())
        url = shown.get("uploadUrl")
        if not isinstance(url, str):
            raise self._error(ApiCall.UPLOAD_URL, Outcome.WRONG_JSON, answer.status)
        if not self._is_safe(url):
            raise self._error(ApiCall.UPLOAD_URL, Outcome.UNSAFE_URL, answer.status)
        return Secret(url)

    def put(self, url: Secret, file: BinaryIO, size_bytes: int, *, was_sent: bool = False) -> None:
        """Send the photo. Returns only with proof that it arrived; raises OSError when the file can't be read.

        TLS has carried the bytes, so a 2xx is proof, whatever the ETag (that of an encrypted bucket looks like an MD5
        and is another). So is that something lies there already, when all of it was sent to this very URL before
        (`was_sent`) and was not confirmed: some storages take one upload for a URL.
        """
        headers = {"Content-Type": "image/jpeg"}
        if _is_azure(url):
            headers["x-ms-blob-type"] = "BlockBlob"
        deadline_s = _PUT_DEADLINE_S + size_bytes / _MIN_BYTES_PER_S
        answer = self.transport.exchange("PUT", url, headers, file, deadline_s=deadline_s)
        if (was_sent or answer.was_sent_before) and classify(ApiCall.PUT, answer) is Outcome.EXISTS:
            return
        self._check(ApiCall.PUT, answer)

    def _call(
        self, call: ApiCall, method: str, headers: dict[str, str], body: bytes | None, *, key_accepted: bool = False
    ) -> tuple[dict[str, Any], Answer]:
        url = Secret(f"{self._api_url}/{call}")
        answer = self.transport.exchange(method, url, headers, body, deadline_s=_CALL_DEADLINE_S)
        if call is ApiCall.EVENTS and answer.status == 200 and answer.validity is not None:
            answer = replace(answer, body=embedded_object(answer.body, "events"))
        if call is ApiCall.EVENTS and not answer.complete and (listed := ended_list(answer.body, "events")):
            answer = replace(answer, body=listed, complete=True)  # longer than is read: a key may see more than a box
            log.info("events cut bytes=%d", len(listed))
        self._check(call, answer, key_accepted=key_accepted)
        shown = json_object(answer.body)
        if shown is None:
            raise self._error(call, Outcome.WRONG_JSON, answer.status)
        return shown, answer

    def _check(self, call: ApiCall, answer: Answer, *, key_accepted: bool = False) -> None:
        outcome = classify(call, answer, key_accepted=key_accepted)
        took_ms = (answer.answered_ns - answer.sent_ns) // 1_000_000
        log.debug("exchange call=%s status=%d outcome=%s ms=%d", call, answer.status, outcome, took_ms)
        if outcome is not Outcome.ACCEPTED:
            error = self._error(call, outcome, answer.status, _retry_wait_s(outcome, answer))
            error.was_sent = answer.body_sent
            raise error

    def _error(self, call: ApiCall, outcome: Outcome, status: int, retry_after_s: float | None = None) -> ApiError:
        """The error to raise. The next call makes a new connection: this one may lead to a server that is given up.

        Its name may have another address by now, or always had another that works or is not blocked; while a
        connection is used every few seconds, a server that is out of order keeps it open for ever.
        """
        self.transport.leave_server()
        return ApiError(call, outcome, status, retry_after_s)

    def _is_safe(self, url: str) -> bool:
        """Whether a photo may be sent there: a public host over https, or this machine if EventPics is on it too."""
        if len(url) > _MAX_URL_CHARS or not self.transport.allows(url):
            return False
        host = urlsplit(url).hostname or ""
        return self._on_this_machine if is_loopback(host) else _is_public_host(host)


def date_anchor(answer: Answer) -> Anchor | None:
    """The answer's Date header as a clock anchor of this boot; None when it is missing or impossible.

    The header holds whole seconds of a moment between request and answer: Date + 0.5 s, give or take 0.5 s and half
    the round trip. A time at which the server's own certificate is not valid is rejected: so a server with a wrong
    clock can't set the box years ahead.
    """
    date_ms = server_ms(answer.date)
    if date_ms is None or not (answer.validity is None or answer.validity.covers(date_ms)):
        return None
    middle_ms = (answer.sent_ns + answer.answered_ns) // 2_000_000
    round_trip_ms = (answer.answered_ns - answer.sent_ns) // 1_000_000
    found = Anchor(Source.DATE, middle_ms, date_ms + 500, 500 + round_trip_ms // 2 + 1)
    return found if found.is_sane else None


def _retry_wait_s(outcome: Outcome, answer: Answer) -> float | None:
    """The server's Retry-After in seconds; None without one.

    A page may come from a proxy of this network alone, and a content network may mean its address alone, which all
    guests share: so neither can stop the box for long.
    """
    wait_s = retry_after_s(answer.retry_after, answer.date)
    if wait_s is None or outcome in (Outcome.BLOCKED, Outcome.DOUBTFUL):
        return None
    return min(wait_s, _MAX_WAIT_FOR_GATEWAY_S) if is_refusal_of_gateway(answer.content_type, answer.body) else wait_s


def _event(shown: object) -> AlbumEvent | None:
    if not isinstance(shown, dict):
        return None
    link_id = _id(shown, "linkId")
    listed = shown.get("albums")
    albums = [_album(entry) for entry in listed] if isinstance(listed, list) else []
    if link_id is None:
        return None
    return AlbumEvent(_title(shown.get("title")), link_id, tuple(album for album in albums if album is not None))


def _album(shown: object) -> Album | None:
    """An album; its id is `id` on some of the vendor's pages, `albumId` on another."""
    if not isinstance(shown, dict):
        return None
    album_id = _id(shown, "id", "albumId")
    return None if album_id is None else Album(album_id, _title(shown.get("title")))


def _id(shown: dict[str, Any], *keys: str) -> str | None:
    """The first valid id of these fields: a text, else a whole number, which may be the database's own id."""
    values = [shown.get(key) for key in keys]
    texts = [value for value in values if isinstance(value, str)]
    numbers = [str(value) for value in values if isinstance(value, int) and not isinstance(value, bool)]
    return next((text for text in (*texts, *numbers) if 0 < len(text) <= _MAX_ID_CHARS and is_plain(text)), None)


def _title(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return one_line(value[: 4 * _MAX_TITLE_CHARS])[:_MAX_TITLE_CHARS].rstrip()


def _is_public_host(host: str) -> bool:
    """Whether it is a name, or a public address in its usual spelling.

    getaddrinfo also takes 127.1, 0x7f000001 and 2130706433 for addresses. No domain's last label begins with a digit.
    """
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        last = host.rpartition(".")[2]
        return last != "" and not last[0].isdigit() and last != "localhost"
    return address.is_global and not address.is_multicast


def _is_azure(url: Secret) -> bool:
    """Whether it is a shared-access URL of Azure's Blob storage, which needs a header of its own (Put Blob)."""
    asked = parse_qs(urlsplit(url.reveal()).query)
    return "sig" in asked and "sv" in asked
