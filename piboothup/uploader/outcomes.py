"""What an answer means, or its absence: one table, and nothing that acts.

No verdict can delete a photo. The strictest one parks it, with a sentence, where an operator can bring it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import Event
from piboothup.uploader.answer_shape import (
    is_json_or_empty,
    is_page,
    is_refusal_of_api,
    is_refusal_of_gateway,
    is_refusal_of_storage,
    json_object,
)
from piboothup.uploader.transport.messages import Answer


class ApiCall(StrEnum):
    """The three calls of EventPics."""

    EVENTS = "geteventsandalbums"
    UPLOAD_URL = "getuploadurl"
    PUT = "put"


class Outcome(StrEnum):
    """What came back from a call, or why nothing did (the same words as LinkErrorKind)."""

    ACCEPTED = "accepted"
    HTML = "html"
    REDIRECT = "redirect"
    SIGN_IN = "sign_in"
    PARTIAL = "partial"
    WRONG_JSON = "wrong_json"
    UNSAFE_URL = "unsafe_url"
    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    FOREIGN = "foreign"
    """FORBIDDEN, but not for the key: the event is not among those that it sees."""
    BLOCKED = "blocked"
    """A refusal that is not EventPics': something on the way lets nobody through."""
    CLOSED = "closed"
    """FORBIDDEN, but not for the key: it does see the event."""
    NOT_FOUND = "not_found"
    LISTED_BUT_NOT_FOUND = "mislaid"
    """NOT_FOUND, though the key sees the event."""
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "odd"
    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    TLS = "tls"
    TLS_DATE = "tls_date"
    UNUSABLE = "unusable"
    STOPPED = "stopped"


class Decision(StrEnum):
    """What to do about it."""

    GO_ON = "go_on"
    """The call answered as documented: make the next one."""
    SENT = "sent"
    """The album has the photo: the only way into sent/."""
    RETRY_URL = "retry_url"
    """PUT again on the same URL while it is young (an object PUT twice is one object), else on a new one."""
    NEW_URL = "new_url"
    """The URL is of no use: ask for another."""
    WAIT = "wait"
    """The server asks for patience: everything waits. (After three in a row for one event only that one does.)"""
    PARK = "park"
    """The server refuses this photo for what it is: parked when it says so twice (to a PUT: on two URLs)."""
    BLAME_PHOTO_OR_EVENT = "weigh"
    """The server refuses the photo, or all of its event: `tries` tells which, and parks only what is to blame."""
    HOLD_CONTEXT = "hold_context"
    """The server does not know the event, or not for this key: its photos wait in new/, others flow."""
    COOL_DOWN_CONTEXT = "rest_context"
    """The server takes nothing for the event for now: its photos wait for some minutes, others flow."""
    ASK_KEY = "ask_key"
    """The server refuses the key, or only the event: `geteventsandalbums` says which (see `refused_event`)."""
    PAUSE_ALL = "pause_all"
    """The server refuses the key."""
    BLOCKED = "blocked"
    """Something on the way refuses in the server's place: no key, event or photo is to blame, and all wait, for less
    than a minute.
    """
    PORTAL = "portal"
    """This is not EventPics: the network shows a sign-in page."""
    OFFLINE = "offline"
    """There is no way to the server."""


V: Final = Decision
TABLE: Final[dict[Outcome, tuple[Decision, Decision, Decision]]] = {
    # what came           geteventsandalbums  getuploadurl    PUT
    Outcome.ACCEPTED:       (V.GO_ON,            V.GO_ON,        V.SENT),
    # not EventPics
    Outcome.HTML:           (V.PORTAL,           V.PORTAL,       V.PORTAL),
    Outcome.REDIRECT:       (V.PORTAL,           V.PORTAL,       V.PORTAL),
    Outcome.SIGN_IN:        (V.PORTAL,           V.PORTAL,       V.PORTAL),
    Outcome.BLOCKED:        (V.BLOCKED,          V.BLOCKED,      V.BLOCKED),
    # EventPics, in doubt
    Outcome.PARTIAL:        (V.WAIT,             V.WAIT,         V.RETRY_URL),
    Outcome.WRONG_JSON:     (V.WAIT,             V.WAIT,         V.RETRY_URL),
    Outcome.UNSAFE_URL:     (V.WAIT,             V.WAIT,         V.NEW_URL),
    Outcome.UNEXPECTED:            (V.WAIT,             V.WAIT,         V.RETRY_URL),
    # EventPics says no
    Outcome.BAD_REQUEST:    (V.WAIT,             V.BLAME_PHOTO_OR_EVENT,        V.BLAME_PHOTO_OR_EVENT),
    Outcome.FORBIDDEN:      (V.PAUSE_ALL,        V.ASK_KEY,      V.NEW_URL),
    Outcome.FOREIGN:        (V.WAIT,             V.HOLD_CONTEXT, V.NEW_URL),
    Outcome.CLOSED:         (V.WAIT,             V.COOL_DOWN_CONTEXT, V.NEW_URL),
    Outcome.NOT_FOUND:      (V.WAIT,             V.HOLD_CONTEXT, V.NEW_URL),
    Outcome.LISTED_BUT_NOT_FOUND:        (V.WAIT,             V.COOL_DOWN_CONTEXT, V.NEW_URL),
    Outcome.TOO_LARGE:      (V.WAIT,             V.PARK,         V.PARK),
    Outcome.REFUSED:        (V.WAIT,             V.BLAME_PHOTO_OR_EVENT,        V.BLAME_PHOTO_OR_EVENT),
    # EventPics says later
    Outcome.TOO_SLOW:       (V.WAIT,             V.WAIT,         V.RETRY_URL),
    Outcome.TOO_MANY:       (V.WAIT,             V.WAIT,         V.RETRY_URL),
    Outcome.SERVER_ERROR:   (V.WAIT,             V.WAIT,         V.RETRY_URL),
    # nothing came
    Outcome.DNS:            (V.OFFLINE,          V.OFFLINE,      V.OFFLINE),
    Outcome.CONNECT:        (V.OFFLINE,          V.OFFLINE,      V.OFFLINE),
    Outcome.TIMEOUT:        (V.OFFLINE,          V.OFFLINE,      V.RETRY_URL),
    Outcome.RESET:          (V.OFFLINE,          V.OFFLINE,      V.RETRY_URL),
    Outcome.TLS:            (V.OFFLINE,          V.OFFLINE,      V.OFFLINE),
    Outcome.TLS_DATE:       (V.OFFLINE,          V.OFFLINE,      V.OFFLINE),
    Outcome.UNUSABLE:       (V.PAUSE_ALL,        V.WAIT,         V.NEW_URL),
    Outcome.STOPPED:        (V.OFFLINE,          V.OFFLINE,      V.OFFLINE),
}  # fmt: skip

MAYBE_SIGN_IN: Final = frozenset({Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET, Outcome.TLS, Outcome.TLS_DATE})
"""How a portal looks to whoever speaks TLS: it lets nothing through, or shows a certificate of its own."""

_COLUMNS: Final = {ApiCall.EVENTS: 0, ApiCall.UPLOAD_URL: 1, ApiCall.PUT: 2}

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
"""Refusals that EventPics would explain; whoever stands in the way says them too."""
_PROXY_STATUSES: Final = frozenset({407, 451})
"""Of a proxy, or of whoever is made to filter: never of key, event or photo."""
_RETRY_STATUSES: Final = frozenset({408, 429})
"""Not of who asks or for what: whoever says it, trying later is right."""
_STORED_STATUSES: Final = frozenset({201, 204})
"""Statuses that name what was done with a PUT, so that a page beside them takes nothing back."""
_MIN_BODY_TIMEOUT_NS: Final = 5_000_000_000
"""A 400 in mid-body may be S3's RequestTimeout: after 20 s it is tired of waiting for the rest. One that comes sooner
than anybody loses patience is about the photo.
"""


def decide(call: ApiCall, outcome: Outcome) -> Decision:
    """What `came` back from `call` means."""
    return TABLE[outcome][_COLUMNS[call]]


def forbidden_outcome(link_id: str, events: Iterable[Event]) -> Outcome:
    """What a FORBIDDEN to `getuploadurl` was about, when the same key then got these events: not about the key."""
    return Outcome.CLOSED if any(event.link_id == link_id for event in events) else Outcome.FOREIGN


def not_found_outcome(context: Context, events: Iterable[Event]) -> Outcome:
    """What a NOT_FOUND to `getuploadurl` was, when the key last saw these events: MISLAID if the event is there."""
    return Outcome.LISTED_BUT_NOT_FOUND if is_listed(context, events) else Outcome.NOT_FOUND


def is_listed(context: Context, events: Iterable[Event]) -> bool:
    """Whether event and album of the context are among those that the key sees."""
    albums = [event.albums for event in events if event.link_id == context.link_id]
    return any(not context.album_id or any(album.id == context.album_id for album in listed) for listed in albums)


def classify(call: ApiCall, answer: Answer, *, key_accepted: bool = False) -> Outcome:
    """Which row of the table an answer to `call` is. ACCEPTED: any 2xx after the whole body was sent.

    `key_accepted`: EventPics has answered the same key well before.

    A page, or being sent elsewhere, is a portal's doing only where anybody can answer. Under a trusted certificate
    it is the server's own, and odd; but some storages confirm a PUT with a page (Apache's mod_dav, PHP), and if it
    says itself that the network wants a sign-in (511), it is believed.
    """
    is_verified = answer.validity is not None
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
    """Which row a 4xx is: a refusal of EventPics or its storage, or BLOCKED by something on the way.

    No form of its refusals is documented. One in a doubtful form is the way's as long as the key is known to be
    good, and the key's when it never was; to `getuploadurl` it is FORBIDDEN, as the event list then shows what it is.
    """
    status, body = answer.status, answer.body
    named = _STATUSES.get(status, Outcome.REFUSED)
    if status in _RETRY_STATUSES:
        return named
    if status in _PROXY_STATUSES or is_refusal_of_gateway(answer.content_type, body):
        return Outcome.BLOCKED
    if call is ApiCall.PUT:
        return named if is_refusal_of_storage(body) else Outcome.BLOCKED
    if status not in _KEY_OR_EVENT_STATUSES:
        return named if is_json_or_empty(body) else Outcome.BLOCKED
    if is_refusal_of_api(body):
        return named
    if call is ApiCall.UPLOAD_URL:
        return Outcome.FORBIDDEN
    may_mean_key = status == 401 or (status == 403 and json_object(body) is not None)
    return Outcome.FORBIDDEN if may_mean_key and not key_accepted else Outcome.BLOCKED


def is_sign_in(answer: Answer, host: str) -> bool:
    """Whether this answer to plain http, in the place of `host`, comes from a network that wants somebody to sign in.

    It does if it is a 511 (RFC 6585, 6), a page, or sends on to anything else than the same host's https.
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
