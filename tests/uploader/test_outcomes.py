"""What an answer means."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from piboothup.spool.event_titles import Event
from piboothup.uploader.outcomes import TABLE, Call, Came, Verdict, judge, refused_event, what_came
from piboothup.uploader.transport.certificate_dates import Validity
from piboothup.uploader.transport.client import LinkErrorKind
from piboothup.uploader.transport.messages import Answer


def answer(status: int, **more: Any) -> Answer:
    usual = {"content_type": "application/json", "body": b"{}", "complete": True, "whole": True, "answered_ns": 0}
    return Answer(status=status, date="", retry_after="", sent_ns=0, **{**usual, **more})


def test_the_table_has_a_row_for_everything_that_can_come_and_a_cell_for_every_call() -> None:
    assert set(TABLE) == set(Came)
    assert {Came(kind.value) for kind in LinkErrorKind} < set(Came)
    for call, came in itertools.product(Call, Came):
        assert isinstance(judge(call, came), Verdict)


def test_only_an_accepted_put_means_sent() -> None:
    cells = [(call, came) for call in Call for came in Came if judge(call, came) is Verdict.SENT]
    assert cells == [(Call.PUT, Came.ACCEPTED)]


def test_no_verdict_deletes_and_only_the_servers_own_refusal_parks() -> None:
    blaming = {verdict: {one for call in Call for one in Came if judge(call, one) is verdict} for verdict in Verdict}
    assert blaming[Verdict.PARK] == {Came.TOO_LARGE}
    assert blaming[Verdict.WEIGH] == {Came.BAD_REQUEST, Came.REFUSED}
    assert not any("delete" in one or "remove" in one for one in Verdict)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 226, 299])
def test_f2_n28_n31_any_2xx_counts_after_the_whole_body(status: int) -> None:
    assert what_came(Call.PUT, answer(status, body=b"", content_type="")) is Came.ACCEPTED
    assert what_came(Call.PUT, answer(status, whole=False)) is Came.PARTIAL
    assert what_came(Call.PUT, answer(status, complete=False)) is Came.ACCEPTED
    assert what_came(Call.UPLOAD_URL, answer(status)) is Came.ACCEPTED
    assert what_came(Call.UPLOAD_URL, answer(status, complete=False)) is Came.PARTIAL


def test_f2_a_page_of_which_only_the_head_came_is_no_proof() -> None:
    page = answer(200, content_type="text/html", body=b"", complete=False, validity=Validity(0, 2**40))
    assert what_came(Call.PUT, page) is Came.ODD


@pytest.mark.parametrize(
    ("status", "came"),
    [
        (101, Came.ODD),
        (301, Came.REDIRECT),
        (302, Came.REDIRECT),
        (304, Came.REDIRECT),
        (400, Came.BAD_REQUEST),
        (401, Came.FORBIDDEN),
        (403, Came.FORBIDDEN),
        (404, Came.NOT_FOUND),
        (408, Came.TOO_SLOW),
        (410, Came.NOT_FOUND),
        (413, Came.TOO_LARGE),
        (418, Came.REFUSED),
        (429, Came.TOO_MANY),
        (500, Came.SERVER_ERROR),
        (503, Came.SERVER_ERROR),
        (511, Came.SIGN_IN),
        (0, Came.ODD),
        (999, Came.ODD),
    ],
)
def test_c09_every_status_has_its_row(status: int, came: Came) -> None:
    assert what_came(Call.PUT, answer(status)) is came


def test_n23_a_400_to_half_a_body_blames_the_photo_unless_the_server_may_have_lost_its_patience() -> None:
    """S3 says RequestTimeout so, after 20 s, to whoever sends too slowly."""
    late, prompt = answer(400, whole=False, answered_ns=20 * 10**9), answer(400, whole=False, answered_ns=10**9)
    assert judge(Call.PUT, what_came(Call.PUT, late)) is Verdict.RETRY_URL
    assert judge(Call.PUT, what_came(Call.PUT, prompt)) is Verdict.WEIGH
    assert judge(Call.PUT, what_came(Call.PUT, answer(400, answered_ns=20 * 10**9))) is Verdict.WEIGH
    assert judge(Call.PUT, what_came(Call.PUT, answer(413, whole=False, answered_ns=20 * 10**9))) is Verdict.PARK


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
    assert what_came(Call.PUT, answer(200, content_type=content_type, body=body)) is Came.HTML
    assert judge(Call.PUT, Came.HTML) is Verdict.PORTAL


def test_n04_n05_under_a_trusted_certificate_a_page_and_a_redirect_are_the_servers_own_and_still_no_proof() -> None:
    mine: dict[str, Any] = {"validity": Validity(0, 2**40)}
    page = {"content_type": "text/html", "body": b"<html>Down for maintenance</html>"}
    for came in (what_came(Call.PUT, answer(302, **mine)), what_came(Call.PUT, answer(200, **mine, **page))):
        assert [judge(call, came) for call in Call] == [Verdict.WAIT, Verdict.WAIT, Verdict.RETRY_URL]
    assert what_came(Call.PUT, answer(201, **mine)) is Came.ACCEPTED


def test_n06_a_511_is_a_portal_under_whatever_certificate() -> None:
    assert judge(Call.EVENTS, what_came(Call.PUT, answer(511, validity=Validity(0, 2**40)))) is Verdict.PORTAL


def test_a_storage_that_calls_its_empty_answer_a_page_is_believed() -> None:
    nothing = answer(200, content_type="text/html; charset=UTF-8", body=b"")
    assert what_came(Call.PUT, nothing) is Came.ACCEPTED
    assert judge(Call.PUT, what_came(Call.PUT, nothing)) is Verdict.SENT


def test_who_was_too_slow_for_the_server_tries_again_and_nothing_is_parked() -> None:
    assert [judge(call, Came.TOO_SLOW) for call in Call] == [Verdict.WAIT, Verdict.WAIT, Verdict.RETRY_URL]


def test_n26_a_request_that_cannot_be_made_is_held_against_the_key_by_the_first_call_only() -> None:
    assert [judge(call, Came.UNUSABLE) for call in Call] == [Verdict.PAUSE_ALL, Verdict.WAIT, Verdict.NEW_URL]


def test_n20_a_refused_key_pauses_all_but_a_refused_put_only_wants_a_new_url() -> None:
    assert judge(Call.EVENTS, Came.FORBIDDEN) is Verdict.PAUSE_ALL
    assert judge(Call.UPLOAD_URL, Came.FORBIDDEN) is Verdict.ASK_KEY
    assert judge(Call.PUT, Came.FORBIDDEN) is Verdict.NEW_URL


def test_n20_n21_a_refusal_to_getuploadurl_from_who_takes_the_key_is_about_the_event() -> None:
    seen = [Event("Party", "abcd1234"), Event("Gala", "wxyz9876")]
    assert judge(Call.UPLOAD_URL, refused_event("abcd1234", seen)) is Verdict.REST_CONTEXT
    assert judge(Call.UPLOAD_URL, refused_event("gone0000", seen)) is Verdict.HOLD_CONTEXT
    assert judge(Call.UPLOAD_URL, refused_event("abcd1234", [])) is Verdict.HOLD_CONTEXT


def test_n21_only_getuploadurl_can_say_that_an_event_is_unknown() -> None:
    assert [judge(call, Came.NOT_FOUND) for call in Call] == [Verdict.WAIT, Verdict.HOLD_CONTEXT, Verdict.NEW_URL]
