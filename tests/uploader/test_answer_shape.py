"""F3 and F5: what an answer is by its shape, and unpacking what nobody asked to be packed."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.uploader.answers import classify, embedded_object, is_page, is_refusal_of_api, json_object
from piboothup.uploader.outcomes import ApiCall, Decision, Outcome, decide, listed_outcome
from piboothup.uploader.transport.messages import Answer, Validity, decompress
from tests.support.photos import PARTY
from tests.support.refusal_pages import PAGES, Page

pytestmark = pytest.mark.slow

MB = 1024 * 1024
OWN_WORDS: dict[str, Any] = {
    "the simulator's": {"error": "unknown API key"},
    "with a code": {"statusCode": 401, "message": "Invalid API key", "error": "Unauthorized"},
    "a message": {"message": "The API key has been revoked."},
    "inside": {"error": {"code": 403, "message": "The caller may not add to this album", "status": "DENIED"}},
    "of an event": {"success": False, "error": "Event not found"},
}


def refusal(status: int, page: Page) -> Answer:
    validity = Validity(0, 2**40)
    body = page.body.encode()
    return Answer(status, page.content_type, body, True, True, "", "", 0, 0, validity=validity)


@pytest.mark.parametrize("shown", OWN_WORDS.values(), ids=OWN_WORDS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b" \r\n"])
def test_f03_a_json_object_that_says_why_may_be_the_apis(shown: dict[str, Any], mark: bytes) -> None:
    assert is_refusal_of_api(mark + json.dumps(shown).encode())


DOUBTFUL: dict[str, Page] = {
    "nothing": Page("", ""),
    "text": Page("text/plain", "Unauthorized"),
    "aws": Page("application/json", '{"message":"Unauthorized"}'),
    "a bare word": Page("application/json", '{"error":"Unauthorized"}'),
    "two bare words": Page("application/json", '{"error":"Unauthorized","message":"Unauthorized"}'),
    "aws, 403": Page("application/json", '{"message":"Forbidden"}'),
    "with a stop": Page("application/json", '{"message": "Forbidden."}'),
    "with a shout": Page("application/json", '{"message": " Access denied! "}'),
    "nest": Page("application/json", '{"statusCode":401,"message":"Unauthorized"}'),
    "fastapi": Page("application/json", '{"detail":"Invalid API key"}'),
    "asp.net": Page("application/problem+json", '{"title":"Unauthorized","status":401}'),
    "json:api": Page("application/json", '{"errors":[{"message":"Invalid API key"}]}'),
    "nothing in json": Page("application/json", "{}"),
    "json called a page": Page("text/html", '{"detail":"Invalid API key"}'),
}
"""Refusals that may be the API's own or a gateway's."""
FOREIGN = {
    name: PAGES[name]
    for name in PAGES
    if "<" in PAGES[name].body or name.startswith("cloudflare") or name in ("f5", "json, called a page")
}
"""What is surely not the API's."""


@pytest.mark.parametrize("page", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("status", [401, 403, 404, 407, 410, 451])
def test_f03_a_page_of_somebody_else_blames_the_way(page: Page, status: int) -> None:
    assert not is_refusal_of_api(page.body.encode())
    for call in ApiCall:
        for accepted in (False, True):
            outcome = classify(call, refusal(status, page), key_accepted=accepted)
            assert (outcome, decide(call, outcome)) == (Outcome.BLOCKED, Decision.BLOCKED)


@pytest.mark.parametrize(
    "page", [*PAGES.values(), *DOUBTFUL.values()], ids=[*PAGES, *(f"doubtful {name}" for name in DOUBTFUL)]
)
@pytest.mark.parametrize("status", [401, 403, 404, 407, 410, 451])
def test_f03_a_doubtful_refusal_never_blames_an_accepted_key(page: Page, status: int) -> None:
    assert classify(ApiCall.EVENTS, refusal(status, page), key_accepted=True) is Outcome.BLOCKED


@pytest.mark.parametrize("page", DOUBTFUL.values(), ids=DOUBTFUL)
def test_f03_a_doubtful_refusal_blames_a_key_never_accepted(page: Page) -> None:
    is_json = page.body.startswith("{")
    expected = {401: Outcome.FORBIDDEN, 403: Outcome.FORBIDDEN if is_json else Outcome.BLOCKED}
    for status in (401, 403, 404, 407, 410, 451):
        assert classify(ApiCall.EVENTS, refusal(status, page)) is expected.get(status, Outcome.BLOCKED)


@pytest.mark.parametrize("page", DOUBTFUL.values(), ids=DOUBTFUL)
@pytest.mark.parametrize("accepted", [False, True])
def test_f03_a_doubtful_refusal_of_a_url_blames_no_listed_event(page: Page, accepted: bool) -> None:
    for status in (401, 403, 404, 410):
        outcome = classify(ApiCall.UPLOAD_URL, refusal(status, page), key_accepted=accepted)
        assert outcome is Outcome.DOUBTFUL
    event = AlbumEvent("Party", PARTY.link_id, (Album(PARTY.album_id, "Booth"),))
    assert listed_outcome(outcome, PARTY, [event]) is Outcome.BLOCKED
    assert listed_outcome(outcome, PARTY, []) is Outcome.FOREIGN
    assert listed_outcome(outcome, PARTY, [AlbumEvent("P", PARTY.link_id)]) is Outcome.FOREIGN
    for status in (407, 451):
        assert classify(ApiCall.UPLOAD_URL, refusal(status, page), key_accepted=accepted) is Outcome.BLOCKED


@pytest.mark.parametrize("shown", OWN_WORDS.values(), ids=OWN_WORDS)
def test_f03_the_apis_own_refusal_blames_an_accepted_key_too(shown: dict[str, Any]) -> None:
    page = Page("application/json", json.dumps(shown))
    for status in (401, 403):
        assert classify(ApiCall.EVENTS, refusal(status, page), key_accepted=True) is Outcome.FORBIDDEN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"error"',
        b"{",
        b"{}",
        b'{"error": ""}',
        b'{"error": null, "message": null}',
        b'{"error": {"code": 7}}',
        b'{"error": {"message": "Forbidden"}}',
        b'{"message": "Forbidden."}',
        b'{"message": "Access denied!"}',
        b'{"message": " Not found "}',
        b'{"error": [' + b"[" * 60_000,
        b"\xff\xfe",
        b"\x1f\x8b",
    ],
)
def test_f03_what_says_nothing_is_no_refusal_of_the_apis(body: bytes) -> None:
    assert not is_refusal_of_api(body)


@pytest.mark.parametrize("status", [400, 405, 406, 409, 411, 413, 414, 418, 421, 422, 431])
def test_f03_any_refusal_with_a_page_blames_the_way(status: int) -> None:
    for call in ApiCall:
        assert classify(call, refusal(status, PAGES["fortigate"])) is Outcome.BLOCKED
        own = Page("application/json", '{"error": "the file has no extension"}')
        assert classify(call, refusal(status, own)) is not Outcome.BLOCKED


NO_WORD_OF_A_PHOTO = {
    "nothing": Page("", ""),
    "an empty object": Page("application/json", "{}"),
    "akamai": Page("application/json", '{"sec-cp-challenge": "true", "provider": "crypto"}'),
    "signal sciences": Page("application/json", '{"status": 406}'),
    "fortiweb": Page("application/json", '{"code": 403, "msg": "Web Page Blocked"}'),
    "the status's name": Page("application/json", '{"message": "Method Not Allowed"}'),
    "vercel": Page("application/json", '{"error": {"code": "402", "message": "Payment required"}}'),
}


@pytest.mark.parametrize("page", NO_WORD_OF_A_PHOTO.values(), ids=NO_WORD_OF_A_PHOTO)
@pytest.mark.parametrize("status", [402, 405, 406, 411, 417, 421, 425, 426, 428, 431])
def test_f03_a_status_alone_speaks_of_no_photo(status: int, page: Page) -> None:
    for call in ApiCall:
        assert classify(call, refusal(status, page)) is Outcome.BLOCKED


@pytest.mark.parametrize("page", [*NO_WORD_OF_A_PHOTO.values()][2:], ids=[*NO_WORD_OF_A_PHOTO][2:])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422])
def test_f03_what_gateways_say_parks_no_photo(status: int, page: Page) -> None:
    assert classify(ApiCall.PUT, refusal(status, page)) is Outcome.BLOCKED
    if status in (400, 413, 415, 422):
        assert classify(ApiCall.UPLOAD_URL, refusal(status, page)) is Outcome.BLOCKED


GATEWAYS_WORDS: dict[str, Any] = {
    "aws": {
        "message": "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and "
        "encoded with Base64): 'jrhIyyC2SmGTzpZjCNRzkrFzSO4LQrFzGDXlZwYlqyk='."
    },
    "aws, old": {
        "message": "'abc' not a valid key=value pair (missing equal-sign) in Authorization header: 'Bearer abc'."
    },
    "aws, denied": {"message": "User is not authorized to access this resource with an explicit deny"},
    "spring": {"timestamp": "2024", "status": 403, "error": "Forbidden", "path": "/geteventsandalbums"},
    "fastify": {"statusCode": 404, "message": "Cannot POST /getuploadurl", "error": "Not Found"},
    "railway": {"status": "error", "code": 404, "message": "Application not found"},
    "vercel": {"error": {"code": "404", "message": "The deployment could not be found on Vercel."}},
    "tyk": {"error": "Access to this API has been disallowed"},
}
FIREWALLS_WORDS: dict[str, Any] = {
    "kong": {"message": "Your IP address is not allowed", "request_id": "a"},
    "kong, new": {"message": "IP address not allowed: 192.0.2.4", "request_id": "a"},
    "radware": {"error": "Unauthorized Activity Has Been Detected", "caseNumber": "1"},
    "azure": {"error": {"code": 403, "message": "The request is blocked.", "status": "PERMISSION_DENIED"}},
    "guests' network": {"message": "Access denied by firewall policy"},
    "school": {"error": "Blocked by content filter: photo sharing"},
    "proxy": {"message": "Proxy authentication required"},
}


@pytest.mark.parametrize("shown", [*GATEWAYS_WORDS.values(), *FIREWALLS_WORDS.values()])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_f03_a_gateways_own_words_blame_no_right_key(shown: dict[str, Any], status: int) -> None:
    page = Page("application/json", json.dumps(shown))
    assert classify(ApiCall.EVENTS, refusal(status, page), key_accepted=True) is Outcome.BLOCKED
    assert classify(ApiCall.PUT, refusal(status, page)) is Outcome.BLOCKED
    if shown in FIREWALLS_WORDS.values():
        assert classify(ApiCall.EVENTS, refusal(status, page)) is Outcome.BLOCKED


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Event 'Firewall Summit 2026' not found"),
        (403, "This key has no access to 'Web Filter User Group'"),
        (422, "The photo was rejected by the content filter"),
    ],
)
def test_f03_a_title_that_names_a_firewall_blames_no_network(status: int, message: str) -> None:
    page = Page("application/json", json.dumps({"message": message}))
    assert Outcome.BLOCKED not in {classify(call, refusal(status, page)) for call in ApiCall}


@pytest.mark.parametrize(("status", "outcome"), [(408, Outcome.TOO_SLOW), (429, Outcome.TOO_MANY)])
def test_f03_what_is_about_the_request_stays_so_with_a_page(status: int, outcome: Outcome) -> None:
    assert {classify(call, refusal(status, PAGES["nginx"])) for call in ApiCall} == {outcome}


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize(
    "page",
    [
        Page("application/xml", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
        Page("application/json", '{"statusCode": "403", "error": "InvalidJWT"}'),
        Page("application/json", '{"code": "unauthorized", "message": "Not authorized to write", "status": 401}'),
    ],
)
def test_f03_a_storage_refuses_in_its_own_way_and_gets_a_new_url(status: int, page: Page) -> None:
    assert decide(ApiCall.PUT, classify(ApiCall.PUT, refusal(status, page))) is Decision.NEW_URL
    for nothing in (Page("", ""), Page("text/html", ""), PAGES["aws gateway"]):
        assert classify(ApiCall.PUT, refusal(status, nothing)) is Outcome.BLOCKED  # which asks for a new URL too


OF_THE_WAY: dict[str, Page] = {
    "text": Page("text/plain", "This site is not permitted."),
    "text without a type": Page("", "Forbidden"),
    "json": Page("application/json", '{"blocked":true}'),
    "json, a list": Page("application/json", '["blocked"]'),
    "json, another": Page("application/json", '{"category": "photo sharing"}'),
    "xhtml": Page("text/xml", '<?xml version="1.0"?><!DOCTYPE html><html><body>Blocked</body></html>'),
    "xml": Page("application/xml", '<?xml version="1.0"?><policy>blocked</policy>'),
}
OF_STORAGES: dict[str, Page] = {
    "s3": Page("application/xml", '<?xml version="1.0"?>\n<Error><Code>EntityTooSmall</Code></Error>'),
    "azure": Page("application/xml", '\ufeff<?xml version="1.0"?><Error><Code>InvalidHeader</Code></Error>'),
    "gcs": Page("application/json", '{"error": {"code": 400, "message": "Invalid argument."}}'),
    "b2": Page("application/json", '{"code": "bad_request", "message": "Invalid", "status": 400}'),
    "nothing": Page("", ""),
}


@pytest.mark.parametrize("page", OF_THE_WAY.values(), ids=OF_THE_WAY)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 407, 411, 413, 418, 422, 451])
def test_f03_a_put_refused_in_no_storages_form_blames_the_way(page: Page, status: int) -> None:
    assert classify(ApiCall.PUT, refusal(status, page)) is Outcome.BLOCKED


@pytest.mark.parametrize("page", OF_STORAGES.values(), ids=OF_STORAGES)
def test_f03_n23_a_storages_own_400_blames_the_photo(page: Page) -> None:
    assert classify(ApiCall.PUT, refusal(400, page)) is Outcome.BAD_REQUEST
    assert classify(ApiCall.PUT, refusal(405, page)) is (Outcome.REFUSED if page.body else Outcome.BLOCKED)
    assert classify(ApiCall.PUT, refusal(422, page)) is Outcome.REFUSED
    assert classify(ApiCall.PUT, refusal(413, page)) is Outcome.TOO_LARGE
    assert classify(ApiCall.PUT, refusal(407, page)) is Outcome.BLOCKED
    assert classify(ApiCall.PUT, refusal(451, page)) is Outcome.BLOCKED


@pytest.mark.parametrize("status", [400, 415, 422])
def test_f03_a_text_to_a_call_blames_the_way_json_the_photo(status: int) -> None:
    for call in (ApiCall.EVENTS, ApiCall.UPLOAD_URL):
        assert classify(call, refusal(status, OF_THE_WAY["text"])) is Outcome.BLOCKED
        for own in (
            '{"detail": [{"msg": "not a number"}]}',
            '{"errors": {"a": ["bad"]}}',
            '{"message": ["a is bad"]}',
        ):
            named = classify(call, refusal(status, Page("application/json", own)))
            assert named is (Outcome.BAD_REQUEST if status == 400 else Outcome.REFUSED)


@given(
    st.binary(max_size=60) | st.dictionaries(st.text(), st.none() | st.text()).map(lambda x: json.dumps(x).encode())
)
def test_f03_no_body_whatever_is_too_odd_to_be_judged(body: bytes) -> None:
    assert is_refusal_of_api(body) in (True, False)
    assert not (is_refusal_of_api(body) and is_page("", body))


# -- F5 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['{"a": 1}', '\ufeff{"a": 1}', '  \r\n{"a": 1}'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_f05_json_is_read_in_whatever_form_it_comes(text: str, encoding: str) -> None:
    assert encoding != "utf-8" or not is_page("text/html", text.encode())
    assert json_object(text.lstrip("\ufeff").encode(encoding)) == {"a": 1}
    assert json_object(text.encode("utf-8")) == {"a": 1}


def test_f05_json_that_is_no_object_is_none() -> None:
    assert [json_object(body) for body in (b"", b"[]", b"7", b"{", b"\xff", b"[" * 50_001)] == [None] * 6


ODD_JSON = {
    "a raw tab": b'{"events": [{"title": "a\tb"}]}',
    "a raw line break": b'{"events": [{"title": "a\r\nb"}]}',
    "a raw nul": b'{"events": [{"title": "a\0b"}]}',
    "latin-1": '{"events": [{"title": "F\xeate"}]}'.encode("latin-1"),
    "cp1252": b'{"events": [{"title": "\x93x\x94"}]}',
    "a letter cut": '{"events": [{"title": "Fê"}]}'.encode().replace(b"\xaa", b""),
    "two marks": b'\xef\xbb\xbf\xef\xbb\xbf{"events": [{"title": "a"}]}',
    "a trailing nul": b'{"events": [{"title": "a"}]}\0\0',
    "a trailing comment": b'{"events": [{"title": "a"}]}\n<!-- 3 ms -->',
    "utf-16 with half a letter": '{"events": [{"title": "a"}]}'.encode("utf-16") + b"\0",
}


@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON)
def test_f05_an_odd_title_or_trimmings_keep_no_object_away(body: bytes) -> None:
    shown = json_object(body)
    assert shown is not None
    assert len(shown["events"]) == 1


def test_f05_an_object_after_a_warning_is_found() -> None:
    good = b'{"events": []}'
    for before in (b"<br />\n<b>Warning</b>: x\n", b"<!-- cached -->", b")]}',\n", b"\xef\xbb\xbf", b""):
        assert embedded_object(before + good, "events") == good
    for page in (b"<html><script>{events: []}</script>", b"<html>{}", b"<p>" + good[:-2], b"", b"[]"):
        assert embedded_object(page, "events") == page


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


ANSWER = b'{"events": [' + b'{"linkId": "abcd1234"}, ' * 50 + b"{}]}"
PACKED = {
    "gzip": (gzip.compress(ANSWER), "gzip"),
    "x-gzip": (gzip.compress(ANSWER), "x-gzip"),
    "gzip that nothing tells of": (gzip.compress(ANSWER), ""),
    "gzip called deflate": (gzip.compress(ANSWER), "deflate"),
    "gzip in two members": (gzip.compress(ANSWER[:100]) + gzip.compress(ANSWER[100:]), "gzip"),
    "zlib": (zlib.compress(ANSWER), "deflate"),
    "raw deflate": (raw_deflate(ANSWER), "Deflate "),
    "nothing, called gzip": (ANSWER, "gzip"),
    "nothing, called deflate": (ANSWER, "deflate"),
    "nothing": (ANSWER, ""),
    "identity": (ANSWER, "identity"),
}


@pytest.mark.parametrize(("packed", "encoding"), PACKED.values(), ids=PACKED)
def test_f05_what_comes_packed_is_unpacked(packed: bytes, encoding: str) -> None:
    assert decompress(packed, encoding, len(ANSWER)) == (ANSWER, True)


@pytest.mark.parametrize(("packed", "encoding"), list(PACKED.values())[:7], ids=list(PACKED)[:7])
def test_f05_what_breaks_off_or_is_too_long_is_not_complete(packed: bytes, encoding: str) -> None:
    assert not decompress(packed[:-9], encoding, len(ANSWER))[1]
    assert decompress(packed, encoding, len(ANSWER) - 1) == (ANSWER[:-1], False)


@pytest.mark.parametrize("wrong", [b"\x1f\x8bjunk", b"\r\n", b"junk"])
def test_f05_a_broken_second_member_is_not_complete(wrong: bytes) -> None:
    for times in (1, 2):
        assert decompress(gzip.compress(ANSWER) * times + wrong, "gzip", MB) == (ANSWER * times, False)


def test_f05_n25_a_bomb_costs_no_more_than_the_limit() -> None:
    bombs = {
        "gzip": (gzip.compress(bytes(20 * MB), 1), "gzip"),
        "zlib": (zlib.compress(bytes(20 * MB), 1), "deflate"),
        "raw": (raw_deflate(bytes(20 * MB)), "deflate"),
        "members": (gzip.compress(b"") * 20_000, "gzip"),
    }
    for packed, encoding in bombs.values():
        tracemalloc.start()
        try:
            body, is_all = decompress(packed, encoding, MB)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (len(body) <= MB, is_all) == (True, False)
        assert peak_bytes < 6 * MB


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate", "br", "gzip, deflate", ""]))
def test_f05_no_content_whatever_is_too_odd_to_be_unpacked(content: bytes, encoding: str) -> None:
    for start in (b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"\x78\x9c"):
        body, _ = decompress(start + content, encoding, 100)
        assert len(body) <= max(100, len(start + content))
