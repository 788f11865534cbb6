"""Outcomes of calls, and the decision that each leads to: one table. Pure: nothing here acts, or knows HTTP.

`answers.classify` names the outcome of an answer, `decide` the decision, `schedule/failure_policy.py` carries it out.
No decision deletes a photo. The strictest parks it, with a sentence, where an operator can bring it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import AlbumEvent


class ApiCall(StrEnum):
    """The three calls of EventPics."""

    EVENTS = "geteventsandalbums"
    UPLOAD_URL = "getuploadurl"
    PUT = "put"


class Outcome(StrEnum):
    """What a call was answered, or why it was not."""

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
    DOUBTFUL = "doubtful"
    """A refusal of the key or the event in no known form: BLOCKED if the key sees the event, else FOREIGN."""
    CLOSED = "closed"
    """FORBIDDEN, but not for the key: it does see the event."""
    NOT_FOUND = "not_found"
    LISTED_BUT_NOT_FOUND = "listed_but_not_found"
    """NOT_FOUND, though the key sees the event."""
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    REFUSED = "refused"
    EXISTS = "exists"
    """The storage has an object in the photo's place: its URLs are for one upload, and an answer may be lost."""
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"
    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    TLS = "tls"
    TLS_DATE = "tls_date"
    """The certificate is not valid now, or this box's clock is wrong."""
    TLS_ROOTS = "tls_roots"
    """This box has no certificates by which to trust any server."""
    UNUSABLE = "unusable"
    """The request can't be made at all: its URL or a header is malformed."""
    STOPPED = "stopped"
    """This service is ending."""


class Decision(StrEnum):
    """What an outcome leads to."""

    GO_ON = "go_on"
    """The call answered as documented: make the next one."""
    SENT = "sent"
    """The album has the photo: the only way into sent/."""
    RETRY_URL = "retry_url"
    """PUT again on the same URL while it is young (an object PUT twice is one object), else on a new one."""
    NEW_URL = "new_url"
    """The URL is of no use: ask for another."""
    WAIT = "wait"
    """The server asks to wait: everything waits. (After three in a row for one event only that one does.)"""
    PARK = "park"
    """The server refuses this photo for what it is: parked when it says so twice (to a PUT: on two URLs)."""
    BLAME_PHOTO_OR_EVENT = "blame_photo_or_event"
    """The server refuses the photo, or all of its event: `schedule/attempts.py` tells which, and parks only that."""
    HOLD_CONTEXT = "hold_context"
    """The server does not know the event, or not for this key: its photos wait in new/, others flow."""
    COOL_DOWN_CONTEXT = "rest_context"
    """The server takes nothing for the event for now: its photos wait for some minutes, others flow."""
    ASK_KEY = "ask_key"
    """The server refuses the key, or only the event: `geteventsandalbums` says which (see `forbidden_outcome`)."""
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


D: Final = Decision
TABLE: Final[dict[Outcome, tuple[Decision, Decision, Decision]]] = {
    # outcome                       events          upload URL              PUT
    Outcome.ACCEPTED:              (D.GO_ON,        D.GO_ON,                D.SENT),
    # not EventPics
    Outcome.HTML:                  (D.PORTAL,       D.PORTAL,               D.PORTAL),
    Outcome.REDIRECT:              (D.PORTAL,       D.PORTAL,               D.PORTAL),
    Outcome.SIGN_IN:               (D.PORTAL,       D.PORTAL,               D.PORTAL),
    Outcome.BLOCKED:               (D.BLOCKED,      D.BLOCKED,              D.BLOCKED),
    # EventPics, in doubt
    Outcome.DOUBTFUL:              (D.BLOCKED,      D.HOLD_CONTEXT,         D.BLOCKED),
    Outcome.PARTIAL:               (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    Outcome.WRONG_JSON:            (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    Outcome.UNSAFE_URL:            (D.WAIT,         D.WAIT,                 D.NEW_URL),
    Outcome.UNEXPECTED:            (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    # EventPics says no
    Outcome.BAD_REQUEST:           (D.WAIT,         D.BLAME_PHOTO_OR_EVENT, D.BLAME_PHOTO_OR_EVENT),
    Outcome.FORBIDDEN:             (D.PAUSE_ALL,    D.ASK_KEY,              D.NEW_URL),
    Outcome.FOREIGN:               (D.WAIT,         D.HOLD_CONTEXT,         D.NEW_URL),
    Outcome.CLOSED:                (D.WAIT,         D.COOL_DOWN_CONTEXT,    D.NEW_URL),
    Outcome.NOT_FOUND:             (D.WAIT,         D.HOLD_CONTEXT,         D.NEW_URL),
    Outcome.LISTED_BUT_NOT_FOUND:  (D.WAIT,         D.COOL_DOWN_CONTEXT,    D.NEW_URL),
    Outcome.TOO_LARGE:             (D.WAIT,         D.PARK,                 D.PARK),
    Outcome.REFUSED:               (D.WAIT,         D.BLAME_PHOTO_OR_EVENT, D.BLAME_PHOTO_OR_EVENT),
    Outcome.EXISTS:                (D.WAIT,         D.BLAME_PHOTO_OR_EVENT, D.BLAME_PHOTO_OR_EVENT),
    # EventPics says later
    Outcome.TOO_SLOW:              (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    Outcome.TOO_MANY:              (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    Outcome.SERVER_ERROR:          (D.WAIT,         D.WAIT,                 D.RETRY_URL),
    # nothing came
    Outcome.DNS:                   (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
    Outcome.CONNECT:               (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
    Outcome.TIMEOUT:               (D.OFFLINE,      D.OFFLINE,              D.RETRY_URL),
    Outcome.RESET:                 (D.OFFLINE,      D.OFFLINE,              D.RETRY_URL),
    Outcome.TLS:                   (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
    Outcome.TLS_DATE:              (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
    Outcome.TLS_ROOTS:             (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
    Outcome.UNUSABLE:              (D.PAUSE_ALL,    D.WAIT,                 D.NEW_URL),
    Outcome.STOPPED:               (D.OFFLINE,      D.OFFLINE,              D.OFFLINE),
}  # fmt: skip

MAYBE_SIGN_IN: Final = frozenset({Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET, Outcome.TLS, Outcome.TLS_DATE})
"""How a portal looks over TLS: it lets nothing through, or shows a certificate of its own."""
LINK_OUTCOMES: Final = MAYBE_SIGN_IN | {Outcome.DNS, Outcome.TLS_ROOTS, Outcome.UNUSABLE, Outcome.STOPPED}
"""Outcomes of a call that got no answer: those of a LinkError."""


def decide(call: ApiCall, outcome: Outcome) -> Decision:
    """The decision for this outcome of this call."""
    return TABLE[outcome][list(ApiCall).index(call)]


def forbidden_outcome(link_id: str, events: Iterable[AlbumEvent]) -> Outcome:
    """What FORBIDDEN to `getuploadurl` means when the same key then got these events: the event, not the key."""
    return Outcome.CLOSED if any(event.link_id == link_id for event in events) else Outcome.FOREIGN


def listed_outcome(outcome: Outcome, context: Context, events: Iterable[AlbumEvent]) -> Outcome:
    """What DOUBTFUL or NOT_FOUND to `getuploadurl` means when the key last saw these events; others stay."""
    is_seen = is_listed(context, events)
    if outcome is Outcome.DOUBTFUL:
        return Outcome.BLOCKED if is_seen else Outcome.FOREIGN
    return Outcome.LISTED_BUT_NOT_FOUND if is_seen and outcome is Outcome.NOT_FOUND else outcome


def is_listed(context: Context, events: Iterable[AlbumEvent]) -> bool:
    """Whether event and album of the context are among those that the key sees."""
    albums = [event.albums for event in events if event.link_id == context.link_id]
    return any(not context.album_id or any(album.id == context.album_id for album in listed) for listed in albums)
