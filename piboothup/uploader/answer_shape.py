"""Whose answer it is by its shape: EventPics' own, or a page that something on the way put in its place.

A firewall, a content network or a captive network refuses with the same statuses as EventPics does. What it says is
about the network and not about key, event or photo, so nothing may be held against them for it.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any, Final

_MAX_BRACKETS: Final = 50_000
"""Of objects and lists: more than fit into an answer when each album has an id and a title. A MB of nothing but
brackets would take 35 MB of memory; of what this lets through none takes 25.
"""
_GATEWAY_MESSAGES: Final = frozenset(
    {
        *("unauthorized", "forbidden", "access denied", "access forbidden", "not found", "blocked"),
        *("request blocked", "missing authentication token", "no route matched with those values"),
        *("invalid key=value pair (missing equal-sign) in authorization header", "limit exceeded", "just a moment"),
    }
)
"""What gateways (of AWS, Kong, Vercel ...) say by themselves: little more than the status's name."""
_GATEWAY_FIELDS: Final = frozenset({"cloudflare_error", "supportID", "blocked"})
"""Fields of the JSON in which firewalls and content networks refuse."""
_STORAGE_FIELDS: Final = frozenset({"error", "code", "message"})
"""Fields of the JSON in which storages refuse (GCS, Azure, B2, Supabase); the rest of them use XML."""


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that an answer is, whatever its headers call it; None when it is none, or absurdly deep."""
    if _is_absurd(body):
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


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
    decoder, end = json.JSONDecoder(), begin.end()
    gap = re.compile(r"[\s,]*")
    with contextlib.suppress(ValueError, RecursionError):
        while found := gap.match(text, end):
            _, end = decoder.raw_decode(text, found.end())
    return f"{{{text[begin.start() : end]}]}}".encode()


def is_page(content_type: str, body: bytes) -> bool:
    """Whether it is a page for people. Some storages call an empty answer one, some services their JSON."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start or start.startswith(b"{"):
        return False
    is_markup = start.startswith(b"<!doctype html") or (start.startswith(b"<") and b"<html" in start)
    return "html" in content_type.lower() or is_markup


def is_refusal_of_gateway(content_type: str, body: bytes) -> bool:
    """Whether a refusal is surely not EventPics' or its storage's own: a page, or what content networks say."""
    is_text_of_cloudflare = body.startswith(b"error code: ")
    fields = _GATEWAY_FIELDS & (json_object(body) or {}).keys()
    return is_page(content_type, body) or is_text_of_cloudflare or bool(fields)


def is_json_or_empty(body: bytes) -> bool:
    """Whether a refusal has a form that an API's may have: never a text."""
    return not body.strip() or json_object(body) is not None


def is_refusal_of_storage(body: bytes) -> bool:
    """Whether a refusal may be a storage's own: XML or JSON in their known form, or nothing."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        return b"<error" in start
    shown = json_object(body)
    return not start or (shown is not None and (not shown or bool(_STORAGE_FIELDS & shown.keys())))


def is_refusal_of_api(body: bytes) -> bool:
    """Whether a refusal (401, 403, 404 ...) may be EventPics' own: a JSON object that says what is wrong.

    The vendor documents none. So this asks for what an API's refusals have in common: `error` as a text, or a
    `message`, be it inside of `error`, that says more than gateways do by themselves.
    """
    shown = json_object(body) or {}
    error = shown.get("error")
    if isinstance(error, str) and error.strip():
        return True
    message = (error if isinstance(error, dict) else shown).get("message")
    return isinstance(message, str) and message.strip(" .!").lower() not in {"", *_GATEWAY_MESSAGES}
