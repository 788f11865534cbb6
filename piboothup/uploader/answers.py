"""Answers: which outcome of a call each of them is.

A firewall, a content network or a captive network refuses with the same statuses as EventPics does. What it says is
about the network and not about key, event or photo, so nothing may be held against them for it. The shape of the body
tells EventPics' own answers from a page that something on the way put in their place. Nothing here acts.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any, Final
from urllib.parse import urlsplit

from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.transport.messages import Answer

_STATUSES: Final = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.FORBIDDEN,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    408: Outcome.TOO_SLOW,
    410: Outcome.NOT_FOUND,
    413: Outcome.TOO_LARGE,
    429: Outcome.TOO_MANY,
    511: Outcome.SIGN_IN,
}
_KEY_OR_EVENT_STATUSES: Final = frozenset({401, 403, 404, 410})
"""Refusals that EventPics would explain; firewalls and proxies use the same statuses."""
_PROXY_STATUSES: Final = frozenset({407, 451})
"""Refusals by a proxy or a filter (RFC 9110, 7725): never about key, event or photo."""
_RETRY_STATUSES: Final = frozenset({408, 429})
"""Answers after which trying later is right, whether EventPics or a proxy gave them."""
_STORED_STATUSES: Final = frozenset({201, 204})
"""Statuses that name what was done with a PUT, so that a page beside them takes nothing back."""
_MIN_BODY_TIMEOUT_NS: Final = 5_000_000_000
"""Earliest time after which a 400 in mid-body is taken for S3's RequestTimeout (which comes after 20 s). An earlier
one is about the photo.
"""
_MAX_BRACKETS: Final = 50_000
"""Most objects and lists of an answer: more than fit into one when each album has an id and a title. A body of
1 MB with brackets alone would take 35 MB of memory; one within this limit takes less than 25 MB.
"""
_PHOTO_STATUSES: Final = frozenset({400, 413, 415, 422})
"""Refusals that may be about what was sent. No other status is about a photo."""
_DECODER: Final = json.JSONDecoder(strict=False)
_GATEWAY_MESSAGES: Final = frozenset(
    {
        *("unauthorized", "forbidden", "access denied", "access forbidden", "not found", "blocked"),
        *("request blocked", "missing authentication token", "no route matched with those values"),
        *("limit exceeded", "just a moment", "application not found", "resource not found", "unknown domain"),
        *("requested function was not found", "the deployment could not be found on vercel"),
        *("method not allowed", "not acceptable", "payment required", "bad request", "no api key found in request"),
    }
)
"""Messages of gateways (AWS, Kong, Vercel ...): little more than the status's name."""
_GATEWAY_PARTS: Final = (
    *("key=value pair (missing equal-sign) in authorization header", "access to this api has been disallowed"),
    *("user is not authorized to access this resource", "cannot get /", "cannot post /"),
)
"""Parts of longer messages of theirs, which also quote the request."""
_FIREWALL_PARTS: Final = (
    *("your ip address is not allowed", "ip address not allowed", "requested url was rejected"),
    *("unauthorized activity has been detected", "request is blocked", "request was blocked"),
    *("by firewall", "by a firewall", "by the firewall", "blocked by content filter", "by web filter"),
    "proxy authentication",
)
"""Parts of messages that are about the network alone, never about the key, not even a new one."""
_GATEWAY_FIELDS: Final = frozenset({"cloudflare_error", "supportID", "blocked"})
"""Fields of the JSON in which firewalls and content networks refuse."""
_STORAGE_CODES: Final = {
    **dict.fromkeys((b"requesttimeout", b"incompletebody"), Outcome.TOO_SLOW),
    **dict.fromkeys((b"operationaborted", b"conditionalrequestconflict"), Outcome.SERVER_ERROR),
    **dict.fromkeys((b"expiredtoken", b"tokenrefreshrequired"), Outcome.FORBIDDEN),
    **dict.fromkeys((b"blobalreadyexists", b"blobimmutableduetopolicy"), Outcome.EXISTS),
    b"unauthorizedbloboverwrite": Outcome.EXISTS,
}
"""What some codes of S3, GCS and Azure mean, which come with a 400 or 409 though nothing is wrong with the photo. The
first comes after the whole photo too: its last bytes were still in this machine's send buffer.
"""
_IS_THERE: Final = ("the resource already exists", "this blob already exists")
"""Begin of what Supabase and Vercel say of an object that is there."""
_MAY_NOT_REPLACE: Final = b"storage.objects.delete"
"""The right that GCS names as lacking when an object is there already: who may only create replaces none."""
_STORAGE_CODE: Final = re.compile(rb"<code>\s*(\w+)\s*</code>")
_XML_ERROR: Final = re.compile(rb"<(\w+:)?error[\s>]")
"""Form in which storages refuse (S3 and its like, GCS, Azure). B2 and Supabase use JSON as an API does."""


def classify(call: ApiCall, answer: Answer, *, key_accepted: bool = False) -> Outcome:
    """The outcome of an answer to `call`. ACCEPTED: any 2xx after the whole body was sent.

    `key_accepted`: EventPics has answered the same key well before.

    A page or a redirect comes from a portal only if TLS did not verify the server. From a verified server it is
    UNEXPECTED; but some storages confirm a PUT with a page (Apache's mod_dav, PHP), and a 511 (the network wants a
    sign-in) is believed.
    """
    is_verified = answer.validity is not None
    if answer.mitigated:
        return Outcome.BLOCKED
    if answer.status == 400 and not answer.body_sent and answer.answered_ns - answer.sent_ns >= _MIN_BODY_TIMEOUT_NS:
        return Outcome.TOO_SLOW
    if 400 <= answer.status < 500:
        return _refusal(call, answer, key_accepted)
    if answer.status in _STATUSES:
        return _STATUSES[answer.status]
    if 300 <= answer.status < 400:
        return Outcome.UNEXPECTED if is_verified else Outcome.REDIRECT
    if 500 <= answer.status < 600:
        return Outcome.SERVER_ERROR
    if not 200 <= answer.status < 300:
        return Outcome.UNEXPECTED
    if call is ApiCall.PUT and answer.status not in _STORED_STATUSES and _is_error_of_storage(answer.body):
        return Outcome.UNEXPECTED
    if is_verified and call is ApiCall.PUT:
        if answer.status not in _STORED_STATUSES and is_page("", answer.body):
            return Outcome.UNEXPECTED  # "down for maintenance" is no proof: the card may forget what the album has
        return Outcome.ACCEPTED if answer.body_sent else Outcome.PARTIAL
    is_cut_page = not (answer.complete or answer.body) and "html" in answer.content_type.lower()
    if is_cut_page or is_page(answer.content_type, answer.body):
        return Outcome.UNEXPECTED if is_verified else Outcome.HTML
    is_enough = answer.body_sent and (answer.complete or call is ApiCall.PUT)
    return Outcome.ACCEPTED if is_enough else Outcome.PARTIAL


def _refusal(call: ApiCall, answer: Answer, key_accepted: bool) -> Outcome:
    """The outcome of a 4xx: a refusal by EventPics or its storage, or BLOCKED by something on the way.

    The form of EventPics' refusals is not documented. One in a doubtful form says nothing about a photo, and of the
    key only if that was never accepted; to `getuploadurl` it is DOUBTFUL, as the event may be gone.
    """
    status, body = answer.status, answer.body
    named = _STATUSES.get(status, Outcome.REFUSED)
    if status in _RETRY_STATUSES:
        return named
    if status in _PROXY_STATUSES or is_refusal_of_gateway(answer.content_type, body):
        return Outcome.BLOCKED
    if call is ApiCall.PUT and _is_xml_error(body):
        start = _start(body)
        if _MAY_NOT_REPLACE in start:
            return Outcome.EXISTS
        code = _STORAGE_CODE.search(start)
        return named if code is None else _STORAGE_CODES.get(code[1], named)
    if is_refusal_of_api(body):
        return Outcome.EXISTS if call is ApiCall.PUT and _says_it_exists(status, body) else named
    if call is ApiCall.PUT:
        return named if status in _PHOTO_STATUSES and _is_empty(body) else Outcome.BLOCKED
    if status not in _KEY_OR_EVENT_STATUSES:
        is_of_photo = status in _PHOTO_STATUSES and (json_object(body) == {} or _lists_errors(body))
        return named if is_of_photo or (status == 413 and _is_empty(body)) else Outcome.BLOCKED
    if call is ApiCall.UPLOAD_URL:
        return Outcome.DOUBTFUL
    may_mean_key = status == 401 or (status == 403 and json_object(body) is not None)
    return Outcome.FORBIDDEN if may_mean_key and not key_accepted else Outcome.BLOCKED


def is_sign_in(answer: Answer, host: str) -> bool:
    """Whether this answer to plain http, in place of `host`, comes from a network with a sign-in page.

    True if it is a 511 (RFC 6585, 6), a page, or redirects to anything but https on the same host.
    """
    outcome = classify(ApiCall.EVENTS, answer)
    if outcome is not Outcome.REDIRECT:
        empty_page = outcome is Outcome.ACCEPTED and "html" in answer.content_type.lower()
        return empty_page or outcome in (Outcome.SIGN_IN, Outcome.HTML)
    try:
        onward = urlsplit(answer.location)
        return (onward.scheme, onward.hostname) != ("https", host)
    except ValueError:
        return True


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that an answer is, whatever its headers call it; None when it is none, or absurdly deep.

    Raw controls in a text, bytes that are no UTF-8 and whatever follows the object matter to nobody: one odd title
    would keep all photos from being sent.
    """
    if _is_absurd(body):
        return None
    try:
        text = body.decode(json.detect_encoding(body), "replace").lstrip("\ufeff \t\r\n")
        found, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def embedded_object(body: bytes, name: str) -> bytes:
    """The JSON object with a field `name`, freed from a warning or comment before it; else the body as it is."""
    begin = body.find(b"{")
    return body[begin:] if begin > 0 and name in (json_object(body[begin:]) or {}) else body


def _is_absurd(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > _MAX_BRACKETS


def ended_list(body: bytes, name: str) -> bytes:
    """The list `name` of a JSON object whose end was cut off, as an object with its whole entries; else nothing.

    It is taken for the first list of that name.
    """
    text = body.decode("utf-8-sig", "replace")
    begin = re.search(rf'"{name}"\s*:\s*\[', text)
    if begin is None or not text.lstrip().startswith("{") or _is_absurd(body):
        return b""
    end = begin.end()
    gap = re.compile(r"[\s,]*")
    with contextlib.suppress(ValueError, RecursionError):
        while found := gap.match(text, end):
            _, end = _DECODER.raw_decode(text, found.end())
    return f"{{{text[begin.start() : end]}]}}".encode()


def _start(body: bytes) -> bytes:
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()


def is_page(content_type: str, body: bytes) -> bool:
    """Whether it is a page for people. Some storages call an empty answer one, some services their JSON."""
    start = _start(body)
    if not start or start.startswith(b"{"):
        return False
    is_markup = start.startswith(b"<!doctype html") or (start.startswith(b"<") and b"<html" in start)
    return "html" in content_type.lower() or is_markup


def is_refusal_of_gateway(content_type: str, body: bytes) -> bool:
    """Whether a refusal is surely not EventPics' or its storage's own: a page, or what content networks say."""
    is_text_of_cloudflare = body.startswith(b"error code: ")
    shown = json_object(body) or {}
    is_firewalls = any(part in text for part in _FIREWALL_PARTS for text in _messages(shown))
    return (
        is_page(content_type, body) or is_text_of_cloudflare or is_firewalls or bool(_GATEWAY_FIELDS & shown.keys())
    )


def is_refusal_of_api(body: bytes) -> bool:
    """Whether a refusal (401, 403, 404 ...) may be EventPics' own: a JSON object that says what is wrong.

    The vendor documents none. So this asks for what an API's refusals have in common: `error` as a text, or a
    `message`, be it inside of `error`, that says more than gateways do by themselves.
    """
    shown = json_object(body) or {}
    return any(
        text not in _GATEWAY_MESSAGES and not any(part in text for part in _GATEWAY_PARTS)
        for text in _messages(shown)
    )


def _messages(shown: dict[str, Any]) -> list[str]:
    """What a refusal in JSON says, in lower case."""
    error = shown.get("error")
    found = [error.get("message") if isinstance(error, dict) else error, shown.get("message")]
    return [text for text in map(_plain, found) if text]


def _says_it_exists(status: int, body: bytes) -> bool:
    """Whether a storage refuses an object that it has, in the very words of one that stores it whole or not at all.

    Of any other nobody knows whether what "already exists" is the photo, or a record of one that failed.
    """
    messages = _messages(json_object(body) or {})
    return status in (400, 409) and any(text.startswith(_IS_THERE) for text in messages)


def _plain(value: object) -> str:
    return value.strip(" \t\r\n.!").lower() if isinstance(value, str) else ""


def _lists_errors(body: bytes) -> bool:
    """Whether a refusal lists what is wrong with the fields of the request, as validators do."""
    shown = json_object(body) or {}
    errors, listed = shown.get("errors"), (shown.get("detail"), shown.get("errors"), shown.get("message"))
    return any(isinstance(found, list) and found for found in listed) or (isinstance(errors, dict) and bool(errors))


def _is_empty(body: bytes) -> bool:
    return _start(body) in (b"", b"{}")


def _is_xml_error(body: bytes) -> bool:
    start = _start(body)
    return start.startswith(b"<") and _XML_ERROR.search(start) is not None


def _is_error_of_storage(body: bytes) -> bool:
    """Whether a body under a 2xx says that the photo was not stored. Amazon says so in XML for some calls."""
    shown = json_object(body) or {}
    return _is_xml_error(body) or bool(shown.get("error") or shown.get("errors")) or shown.get("success") is False
