"""The three calls: what is sent, and what is made of whatever comes back."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.config import Secret
from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.names import PhotoName
from piboothup.uploader.eventpics import ApiError, EventPicsApi, date_anchor
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.messages import Answer, Validity
from tests.support.clock import HandClock

KEY = "canary-key"
NAME = PhotoName("ABCD", 1, 7, 5000, "0000aaaa", "0123456789abcdef")
CONTEXT = Context("0000aaaa", "abcd1234", "a1")
PUBLIC = "https://api.eventpics.example"


class Recorded(Transport):
    """Answers every call with one answer and remembers what was asked."""

    def __init__(self, status: int, body: bytes, **more: Any) -> None:
        super().__init__(HandClock(), plain_http=True)
        given = {"content_type": "application/json", "complete": True, "body_sent": True, "date": "", **more}
        self.answer = Answer(status=status, body=body, retry_after="", sent_ns=0, answered_ns=0, **given)
        self.asked: tuple[str, str, Mapping[str, str], Any] = ("", "", {}, None)

    def exchange(
        self,
        method: str,
        url: Secret,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
        *,
        deadline_s: float,
    ) -> Answer:
        self.asked = (method, url.reveal(), headers, body)
        return self.answer


def api(body: object, status: int = 200, url: str = PUBLIC, **more: Any) -> EventPicsApi:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return EventPicsApi(url, Secret(KEY), HandClock(), transport=Recorded(status, content, **more))


def asked(made: EventPicsApi) -> tuple[str, str, Mapping[str, str], Any]:
    assert isinstance(made.transport, Recorded)
    return made.transport.asked


def test_events_and_albums_read_under_either_album_id_name() -> None:
    albums = [{"id": "a1", "title": "Photo booth"}, {"albumId": "a2", "title": "Backstage"}]
    made = api({"events": [{"title": "Summer Party", "linkId": "abcd1234", "albums": albums}]})
    (event,) = made.events().events
    assert event == AlbumEvent("Summer Party", "abcd1234", (Album("a1", "Photo booth"), Album("a2", "Backstage")))
    method, url, headers, body = asked(made)
    assert (method, url, body) == ("GET", f"{PUBLIC}/geteventsandalbums", None)
    assert headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("before", [b"<br />\n<b>Warning</b>: x in <b>y</b>\n", b"<!-- cached -->", b")]}',\n"])
def test_f05_events_after_a_warning_are_read_if_tls_says_whose(before: bytes) -> None:
    body = before + b'{"events": [{"title": "P", "linkId": "abcd1234", "albums": []}]}'
    made = api(body, content_type="text/html", validity=Validity(0, 2**42))
    assert made.events().events == (AlbumEvent("P", "abcd1234", ()),)
    with pytest.raises(ApiError):
        api(body, content_type="text/html").events()


@pytest.mark.parametrize(
    "shown",
    [None, 7, "x", {}, {"title": "T"}, *({"linkId": link_id} for link_id in ("", "with space", "\u202eabc"))],
)
def test_event_invalid_skipped_others_seen(shown: object) -> None:
    good = {"linkId": "abcd1234", "title": 5, "albums": [None, {"id": 5.5}, {"id": "a1", "title": "a\nb\x1b[2J"}]}
    assert api({"events": [shown, good]}).events().events == (AlbumEvent("", "abcd1234", (Album("a1", "a b[2J"),)),)


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (1234, "1234"),
        (0, "0"),
        (-7, "-7"),
        ("0017", "0017"),
        (10**127, "1" + "0" * 127),
        (10**128, None),
        (True, None),
        (False, None),
        (12.0, None),
        (None, None),
        ([1], None),
    ],
)
def test_f05_ids_may_be_numbers_and_no_booleans(shown: object, found: str | None) -> None:
    albums = [{"id": shown, "title": "A"}, {"albumId": shown, "title": "B"}]
    seen = api({"events": [{"linkId": shown}, {"linkId": "abcd1234", "albums": albums}]}).events().events
    assert [event.link_id for event in seen] == [*([] if found is None else [found]), "abcd1234"]
    assert [album.id for album in seen[-1].albums] == ([] if found is None else [found, found])


def test_f05_a_text_is_rather_the_id_than_a_number_beside_it() -> None:
    albums = [{"id": 17, "albumId": "a1"}, {"id": "a2", "albumId": 18}, {"id": "", "albumId": 19}]
    (event,) = api({"events": [{"linkId": "abcd1234", "albums": albums}]}).events().events
    assert [album.id for album in event.albums] == ["a1", "a2", "19"]


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain", "", "image/png"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\r\n "])
def test_f05_json_is_read_whatever_it_is_called(content_type: str, mark: bytes) -> None:
    listed = mark + b'{"events": [{"linkId": "abcd1234"}]}'
    assert api(listed, content_type=content_type).events().events == (AlbumEvent("", "abcd1234"),)
    granted = mark + b'{"uploadUrl": "https://storage.example/p"}'
    assert api(granted, content_type=content_type).upload_url(NAME, CONTEXT, None).reveal().endswith("/p")


def test_c09_endless_account_kept_only_up_to_box_capacity() -> None:
    long = [{"linkId": "a" * length, "title": "t" * 201} for length in (128, 129)]
    (event,) = api({"events": long}).events().events
    assert (len(event.link_id), len(event.title)) == (128, 200)
    assert len(api({"events": [{"linkId": "abcd1234"}] * 1001}).events().events) == 1000


@pytest.mark.parametrize(("events", "missing"), [(999, 0), (1000, 0), (1001, 1), (1200, 200), (5000, 4000)])
def test_c09_of_very_many_events_first_and_last_are_seen(events: int, missing: int) -> None:
    """A renter's key sees those of years, and which way they are sorted is not documented."""
    links = [f"abcd{number:04}" for number in range(events)]
    seen = [event.link_id for event in api({"events": [{"linkId": link} for link in links]}).events().events]
    assert seen == [*links[: min(events, 500)], *links[min(events, 500) + missing :]]


def account(events: int) -> bytes:
    albums = [{"id": f"a{number}", "title": 'A [title] with {all}, "\\ and ü'} for number in range(20)]
    listed = [{"title": "Fête", "linkId": f"abcd{number:04}", "albums": albums} for number in range(events)]
    return json.dumps({"user": {"id": 7}, "events": listed, "more": 1}, ensure_ascii=False).encode()


@pytest.mark.parametrize("cut_bytes", [*range(1, 60), 700, 1300, 2900])
def test_f05_n25_of_an_account_that_is_cut_events_are_seen(cut_bytes: int) -> None:
    whole = account(5)
    seen = api(whole[:-cut_bytes], complete=False).events().events
    wanted = api(whole).events().events
    assert seen == wanted[: len(seen)]
    assert len(seen) >= 5 - 1 - cut_bytes // (len(whole) // 5)


@pytest.mark.parametrize("body", [b"", b"{", b'["events": [{}', b'{"events"', b'<html>{"events": [', b'{"x": [{}'])
def test_f05_n25_what_is_cut_before_its_list_is_no_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        api(body, complete=False, content_type="").events()
    assert caught.value.outcome in (Outcome.PARTIAL, Outcome.HTML)


@pytest.mark.parametrize("unit", [b"[],", b"[", b'{"":'])
def test_f05_n25_a_cut_answer_of_brackets_is_not_read(unit: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        api(b'{"events": [' + unit * (1024 * 1024 // len(unit)), complete=False).events()
    assert caught.value.outcome is Outcome.PARTIAL


def test_f05_events_that_are_null_are_none() -> None:
    """Go writes an empty list so. Where nothing is said of events at all, it is no answer of EventPics'."""
    assert api({"events": None}).events().events == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b'{"events": {}}', b"{}", b"\xff", b"[" * 500_000])
def test_n26_wrong_json_is_an_api_error(body: bytes) -> None:
    for call in (lambda: api(body).events(), lambda: api(body).upload_url(NAME, CONTEXT, None)):
        with pytest.raises(ApiError) as caught:
            call()
        assert caught.value.outcome is Outcome.WRONG_JSON


@pytest.mark.parametrize("unit", [b"[],", b"{},", b'{"":[]},', b'{"a":1},'])
def test_n25_answer_of_brackets_costs_no_more_memory_than_text(unit: bytes) -> None:
    made = api(b'{"events": [' + unit * (1024 * 1024 // len(unit)) + b"{}]}")
    tracemalloc.start()
    try:
        with pytest.raises(ApiError) as caught:
            made.events()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.outcome is Outcome.WRONG_JSON
    assert peak_bytes < 2 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("title", ["", "Photo booth"])
def test_account_of_1000_events_with_20_albums_each_seen_whole(title: str) -> None:
    albums = [{"id": f"a{number}", "title": title} for number in range(20)]
    events = [{"title": title, "linkId": f"abcd{number:04}", "albums": albums} for number in range(1000)]
    seen = api({"events": events}).events().events
    assert [len(event.albums) for event in seen] == [20] * 1000


def test_getuploadurl_sends_what_is_known_and_nothing_invented() -> None:
    made = api({"uploadUrl": "https://storage.example/photo?signature=s"})
    url = made.upload_url(NAME, CONTEXT, 1_750_000_000_000)
    assert url.reveal() == "https://storage.example/photo?signature=s"
    assert "signature" not in f"{url} {url!r}"
    method, address, headers, body = asked(made)
    assert (method, address) == ("POST", f"{PUBLIC}/getuploadurl")
    assert "Authorization" not in headers
    assert json.loads(body) == {
        "apiKey": KEY,
        "linkId": "abcd1234",
        "albumId": "a1",
        "fileName": "ABCD-0001-0007-01234567.jpg",
        "takenAt": 1_750_000_000_000,
    }
    made.upload_url(NAME, Context("0000aaaa", "abcd1234"), None)
    assert set(json.loads(asked(made)[3])) == {"apiKey", "linkId", "fileName"}


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "http://storage.example/photo",
        "ftp://storage.example/photo",
        "file:///etc/passwd",
        "//storage.example/photo",
        "https://user:word@storage.example/photo",
        "https://127.0.0.1/photo",
        "https://localhost/photo",
        "http://127.0.0.1:8000/photo",
        "https://192.168.1.1/photo",
        "https://10.0.0.1/photo",
        "https://169.254.169.254/latest",
        "https://[::1]/photo",
        "https://[fe80::1]/photo",
        "https://[::ffff:10.0.0.1]/photo",
        "https://224.0.0.1/photo",
        "https://127.1/photo",
        "https://0x7f000001/photo",
        "https://2130706433/photo",
        "https://10.0.0.1./photo",
        "https://localhost./photo",
        "https://photos.localhost/photo",
        "https://./photo",
        "https://storage.example/with space",
        "https://storage.example/\r\nX-Evil: 1",
        "https://storage.example/\u00fc",
        "https://[bad",
        *(f"https://127.0.0.1{mark}x.com/photo" for mark in ("\\", "%2f", "@", "%", ";", "'", "|")),
        "https://storage.example\\@127.0.0.1/photo",
        "https://storage.example/" + "x" * 9000,
    ],
)
def test_n26_an_upload_url_that_leads_astray_is_refused(url: object) -> None:
    with pytest.raises(ApiError) as caught:
        api({"uploadUrl": url}).upload_url(NAME, CONTEXT, None)
    assert caught.value.outcome in (Outcome.UNSAFE_URL, Outcome.WRONG_JSON)
    assert str(url) not in f"{caught.value!r}" or not url


def test_upload_url_on_this_machine_ok_if_eventpics_is_too() -> None:
    made = api({"uploadUrl": "http://127.0.0.1:9/upload"}, url="http://127.0.0.1:8")
    assert made.upload_url(NAME, CONTEXT, None).reveal() == "http://127.0.0.1:9/upload"


@pytest.mark.parametrize(
    ("url", "azure"),
    [
        ("https://a.blob.core.windows.net/c/p.jpg?sv=2024-01-01&sig=x", True),
        ("https://bucket.s3.amazonaws.com/p.jpg?X-Amz-Signature=x", False),
        ("https://storage.example/p.jpg?sig=x", False),
    ],
)
def test_n28_only_azures_storage_gets_the_header_that_it_wants(url: str, azure: bool) -> None:
    made = api(b"", status=201)
    made.put(Secret(url), io.BytesIO(), 0)
    assert asked(made)[2] == {"Content-Type": "image/jpeg", **({"x-ms-blob-type": "BlockBlob"} if azure else {})}


def test_date_header_half_second_old_as_sure_as_round_trip_short() -> None:
    date = "Sun, 15 Jun 2025 15:06:40 GMT"
    answer = Answer(200, "", b"", True, True, date, "", sent_ns=10_000_000_000, answered_ns=10_400_000_000)
    anchor = date_anchor(answer)
    assert anchor is not None
    assert (anchor.boottime_ms, anchor.wall_ms, anchor.uncertainty_ms) == (10_200, 1_750_000_000_500, 701)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 15 Jun 2025 15:06:40"])
def test_t08_a_date_from_before_this_program_is_not_believed(date: str) -> None:
    assert api({"events": []}, date=date).events().anchor is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["events", "title", "linkId", "albums", "id", "albumId", "uploadUrl", "other"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(_JSON, st.integers(min_value=100, max_value=999))
def test_c09_no_answer_whatever_crashes_a_call(body: object, status: int) -> None:
    made = api(body, status)
    for call in (made.events, lambda: made.upload_url(NAME, CONTEXT, None)):
        try:
            call()
        except ApiError:
            continue


@pytest.mark.parametrize("text", ["../../etc/passwd", "ABCD-0001-0007_5000_0000aaaa_../../../etc/x.jpg", "a/b.jpg"])
def test_c04_no_spool_name_becomes_file_name_leaving_its_folder(text: str) -> None:
    assert PhotoName.parse(text) is None
    assert PhotoName.parse(f"{text}.jpg") is None
    assert "/" not in NAME.file_name
    assert ".." not in NAME.file_name
