"""What an answer means."""

from __future__ import annotations

import itertools
import socket
import ssl
from typing import Any

import pytest

from piboothup.spool.event_titles import AlbumEvent
from piboothup.uploader.answers import classify
from piboothup.uploader.outcomes import LINK_OUTCOMES, TABLE, ApiCall, Decision, Outcome, decide, forbidden_outcome
from piboothup.uploader.transport.errors import NotConnected, OutOfDate, outcome_of
from piboothup.uploader.transport.messages import Answer, Validity


def answer(status: int, **more: Any) -> Answer:
    usual = {"content_type": "application/json", "body": b"{}", "complete": True, "body_sent": True, "answered_ns": 0}
    return Answer(status=status, date="", retry_after="", sent_ns=0, **{**usual, **more})


def test_verdict_table_has_row_per_outcome_and_cell_per_call() -> None:
    assert set(TABLE) == set(Outcome)
    no_roots = OSError("Could not find a suitable TLS CA certificate bundle")
    of_tls = (ssl.SSLError(), OutOfDate(), no_roots)
    errors = (socket.gaierror(), NotConnected(), TimeoutError(), *of_tls, ValueError(), OSError())
    assert {outcome_of(error) for error in errors} | {Outcome.STOPPED} == LINK_OUTCOMES
    for call, came in itertools.product(ApiCall, Outcome):
        assert isinstance(decide(call, came), Decision)


def test_only_an_accepted_put_means_sent() -> None:
    cells = [(call, came) for call in ApiCall for came in Outcome if decide(call, came) is Decision.SENT]
    assert cells == [(ApiCall.PUT, Outcome.ACCEPTED)]


def test_verdict_never_deletes_and_only_server_refusal_parks() -> None:
    blaming = {
        verdict: {outcome for call in ApiCall for outcome in Outcome if decide(call, outcome) is verdict}
        for verdict in Decision
    }
    assert blaming[Decision.PARK] == {Outcome.TOO_LARGE}
    assert blaming[Decision.BLAME_PHOTO_OR_EVENT] == {Outcome.BAD_REQUEST, Outcome.REFUSED, Outcome.EXISTS}
    assert not any("delete" in decision or "remove" in decision for decision in Decision)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 226, 299])
def test_f02_n28_n31_any_2xx_counts_after_the_whole_body(status: int) -> None:
    assert classify(ApiCall.PUT, answer(status, body=b"", content_type="")) is Outcome.ACCEPTED
    assert classify(ApiCall.PUT, answer(status, body_sent=False)) is Outcome.PARTIAL
    assert classify(ApiCall.PUT, answer(status, complete=False)) is Outcome.ACCEPTED
    assert classify(ApiCall.UPLOAD_URL, answer(status)) is Outcome.ACCEPTED
    assert classify(ApiCall.UPLOAD_URL, answer(status, complete=False)) is Outcome.PARTIAL


def test_f02_a_page_of_which_only_the_head_came_is_no_proof() -> None:
    page = answer(200, content_type="text/html", body=b"", complete=False)
    assert classify(ApiCall.PUT, page) is Outcome.HTML


@pytest.mark.parametrize(
    ("status", "came"),
    [
        (101, Outcome.UNEXPECTED),
        (301, Outcome.REDIRECT),
        (302, Outcome.REDIRECT),
        (304, Outcome.REDIRECT),
        (400, Outcome.BAD_REQUEST),
        (401, Outcome.FORBIDDEN),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.NOT_FOUND),
        (408, Outcome.TOO_SLOW),
        (410, Outcome.NOT_FOUND),
        (413, Outcome.TOO_LARGE),
        (418, Outcome.REFUSED),
        (429, Outcome.TOO_MANY),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.SERVER_ERROR),
        (511, Outcome.SIGN_IN),
        (0, Outcome.UNEXPECTED),
        (999, Outcome.UNEXPECTED),
    ],
)
def test_c09_every_status_has_its_row(status: int, came: Outcome) -> None:
    assert classify(ApiCall.PUT, answer(status, body=b'{"error": "no"}')) is came


def test_n23_400_to_half_body_blames_photo_but_not_on_timeout() -> None:
    """S3 says RequestTimeout so, after 20 s, to whoever sends too slowly."""
    late = answer(400, body_sent=False, answered_ns=20 * 10**9)
    prompt = answer(400, body_sent=False, answered_ns=10**9)
    assert decide(ApiCall.PUT, classify(ApiCall.PUT, late)) is Decision.RETRY_URL
    assert decide(ApiCall.PUT, classify(ApiCall.PUT, prompt)) is Decision.BLAME_PHOTO_OR_EVENT
    assert (
        decide(ApiCall.PUT, classify(ApiCall.PUT, answer(400, answered_ns=20 * 10**9)))
        is Decision.BLAME_PHOTO_OR_EVENT
    )
    too_large = answer(413, body_sent=False, answered_ns=20 * 10**9)
    assert decide(ApiCall.PUT, classify(ApiCall.PUT, too_large)) is Decision.PARK


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html; charset=utf-8", b"<p>"),
        ("Application/XHTML+xml", b"<p>"),
        ("application/json", b"  \r\n<!DOCTYPE html><html>"),
        ("", b"\xef\xbb\xbf<HTML>"),
    ],
)
def test_n05_a_page_is_never_proof_of_anything(content_type: str, body: bytes) -> None:
    assert classify(ApiCall.PUT, answer(200, content_type=content_type, body=body)) is Outcome.HTML
    assert decide(ApiCall.PUT, Outcome.HTML) is Decision.PORTAL


def test_n04_n05_trusted_page_or_redirect_of_server_no_proof() -> None:
    mine: dict[str, Any] = {"validity": Validity(0, 2**40)}
    page = {"content_type": "text/html", "body": b"<html>Down for maintenance</html>"}
    for call, status in ((ApiCall.PUT, 302), (ApiCall.EVENTS, 200), (ApiCall.UPLOAD_URL, 200)):
        came = classify(call, answer(status, **mine, **page))
        assert [decide(call, came) for call in ApiCall] == [Decision.WAIT, Decision.WAIT, Decision.RETRY_URL]
    assert classify(ApiCall.PUT, answer(201, **mine)) is Outcome.ACCEPTED


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b"<html>Created</html>", b"ok", b"", b'["ok"]'])
def test_f02_a_page_to_a_put_is_proof_under_tls_alone(status: int, body: bytes) -> None:
    page = {"content_type": "text/html", "body": body}
    mine: dict[str, Any] = {"validity": Validity(0, 2**40), **page}
    if b"<html" in body and status in (200, 202):  # "down for maintenance" looks like that
        assert classify(ApiCall.PUT, answer(status, **mine)) is Outcome.UNEXPECTED
        return
    assert classify(ApiCall.PUT, answer(status, **mine)) is Outcome.ACCEPTED
    assert classify(ApiCall.PUT, answer(status, **mine, body_sent=False)) is Outcome.PARTIAL
    assert classify(ApiCall.PUT, answer(status, **page)) is (Outcome.HTML if body else Outcome.ACCEPTED)


def test_n06_a_511_is_a_portal_under_whatever_certificate() -> None:
    assert decide(ApiCall.EVENTS, classify(ApiCall.PUT, answer(511, validity=Validity(0, 2**40)))) is Decision.PORTAL


def test_storage_empty_answer_labelled_as_page_is_believed() -> None:
    nothing = answer(200, content_type="text/html; charset=UTF-8", body=b"")
    assert classify(ApiCall.PUT, nothing) is Outcome.ACCEPTED
    assert decide(ApiCall.PUT, classify(ApiCall.PUT, nothing)) is Decision.SENT


def test_too_slow_for_server_tries_again_nothing_parked() -> None:
    assert [decide(call, Outcome.TOO_SLOW) for call in ApiCall] == [Decision.WAIT, Decision.WAIT, Decision.RETRY_URL]


def test_n26_impossible_request_blames_key_on_first_call_only() -> None:
    assert [decide(call, Outcome.UNUSABLE) for call in ApiCall] == [
        Decision.PAUSE_ALL,
        Decision.WAIT,
        Decision.NEW_URL,
    ]


def test_n20_refused_key_pauses_all_refused_put_wants_new_url() -> None:
    assert decide(ApiCall.EVENTS, Outcome.FORBIDDEN) is Decision.PAUSE_ALL
    assert decide(ApiCall.UPLOAD_URL, Outcome.FORBIDDEN) is Decision.ASK_KEY
    assert decide(ApiCall.PUT, Outcome.FORBIDDEN) is Decision.NEW_URL


def test_n20_n21_getuploadurl_refusal_of_good_key_blames_event() -> None:
    seen = [AlbumEvent("Party", "abcd1234"), AlbumEvent("Gala", "wxyz9876")]
    assert decide(ApiCall.UPLOAD_URL, forbidden_outcome("abcd1234", seen)) is Decision.COOL_DOWN_CONTEXT
    assert decide(ApiCall.UPLOAD_URL, forbidden_outcome("gone0000", seen)) is Decision.HOLD_CONTEXT
    assert decide(ApiCall.UPLOAD_URL, forbidden_outcome("abcd1234", [])) is Decision.HOLD_CONTEXT


def test_n21_only_getuploadurl_can_say_that_an_event_is_unknown() -> None:
    assert [decide(call, Outcome.NOT_FOUND) for call in ApiCall] == [
        Decision.WAIT,
        Decision.HOLD_CONTEXT,
        Decision.NEW_URL,
    ]
