"""The local EventPics, called as the vendor documents it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from piboothup.simulator import server
from piboothup.simulator.faults import Drop, Fault, SimulatorError, load_faults
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S

PHOTO = b"\xff\xd8 not much of a photo \xff\xd9"
ASKED = {"apiKey": DEMO_KEY, "linkId": "abcd1234", "albumId": "a1", "fileName": "p.jpg", "takenAt": 1_750_000_000_123}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def album(tmp_path: Path, clock: HandClock) -> Iterator[LocalEventPics]:
    with LocalEventPics(tmp_path / "album", clock) as made:
        yield made


def call(
    album: LocalEventPics, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", album.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def upload_path(album: LocalEventPics, **changed: Any) -> str:
    status, _, body = call(album, "POST", "/getuploadurl", json.dumps({**ASKED, **changed}).encode())
    assert status == 200
    parts = urlsplit(json.loads(body)["uploadUrl"])
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {DEMO_KEY}"}, {"X-API-Key": DEMO_KEY}])
def test_the_events_are_shown_to_the_key_in_either_header(album: LocalEventPics, headers: dict[str, str]) -> None:
    status, answered, body = call(album, "GET", "/geteventsandalbums", None, **headers)
    assert status == 200
    assert answered["date"] == "Sun, 15 Jun 2025 15:06:40 GMT"
    assert json.loads(body)["events"][0]["albums"][1] == {"id": "a2", "title": "Backstage"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "\xfc"}])
def test_no_key_and_a_wrong_key_are_refused(album: LocalEventPics, headers: dict[str, str]) -> None:
    assert call(album, "GET", "/geteventsandalbums", None, **headers)[0] == 401


def test_a_photo_is_stored_and_written_down(album: LocalEventPics, clock: HandClock) -> None:
    assert call(album, "PUT", upload_path(album), PHOTO)[0] == 200
    assert (album.directory / "abcd1234" / "a1" / "p.jpg").read_bytes() == PHOTO
    assert album.uploads() == [
        {
            "fileName": "p.jpg",
            "linkId": "abcd1234",
            "albumId": "a1",
            "takenAt": 1_750_000_000_123,
            "receivedAt": clock.wall_ns() // 1_000_000,
            "sha256": hashlib.sha256(PHOTO).hexdigest(),
            "size": len(PHOTO),
        }
    ]


def test_a_photo_without_album_lies_in_the_folder_of_that_name(album: LocalEventPics) -> None:
    call(album, "PUT", upload_path(album, albumId=""), PHOTO)
    assert (album.directory / "abcd1234" / "_" / "p.jpg").exists()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"apiKey": "wrong"}, 401),
        ({"apiKey": None}, 401),
        ({"linkId": 7}, 400),
        ({"fileName": ""}, 400),
        ({"albumId": 7}, 400),
        ({"takenAt": "2025"}, 400),
        ({"takenAt": True}, 400),
        ({"linkId": "unknown0"}, 404),
        ({"albumId": "a9"}, 404),
    ],
)
def test_a_wrong_request_for_a_url_is_refused(album: LocalEventPics, changed: dict[str, Any], status: int) -> None:
    assert call(album, "POST", "/getuploadurl", json.dumps({**ASKED, **changed}).encode())[0] == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"[" * 60_000])
def test_a_request_for_a_url_that_is_no_object_is_refused(album: LocalEventPics, body: bytes) -> None:
    assert call(album, "POST", "/getuploadurl", body)[0] == 400


def test_upload_url_valid_300_s_and_for_its_own_signature(album: LocalEventPics, clock: HandClock) -> None:
    path = upload_path(album)
    assert call(album, "PUT", path[:-1] + ("A" if path[-1] != "A" else "B"), PHOTO)[0] == 403
    assert call(album, "PUT", path.partition("?")[0], PHOTO)[0] == 403
    clock.pass_s(300.0)
    assert call(album, "PUT", path, PHOTO)[0] == 200
    clock.pass_s(0.1)
    assert call(album, "PUT", path, PHOTO)[0] == 403


@pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/evil.jpg", "..", ".hidden", "a\\b", "\0", "x" * 5000])
def test_c04_whatever_the_file_is_called_it_lies_in_its_album(album: LocalEventPics, name: str) -> None:
    assert call(album, "PUT", upload_path(album, fileName=name), PHOTO)[0] == 200
    (stored,) = (album.directory / "abcd1234" / "a1").iterdir()
    assert stored.read_bytes() == PHOTO
    assert not stored.name.startswith(".")
    assert album.uploads()[0]["fileName"] == name
    assert {path.name for path in album.directory.iterdir()} == {"abcd1234", "uploads.jsonl", ".arriving"}


def test_truncated_body_neither_stored_nor_recorded(album: LocalEventPics) -> None:
    with socket.create_connection(("127.0.0.1", album.port), timeout=PATIENCE_S) as connection:
        path = upload_path(album)
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert album.uploads() == []
    assert list((album.directory / ".arriving").iterdir()) == []


def test_offline_refuses_connections_online_again_on_same_port(album: LocalEventPics) -> None:
    path, port = upload_path(album), album.port
    live = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with live:
        live.sendall(b"GET /geteventsandalbums HTTP/1.1\r\nHost: x\r\n\r\n")
        assert live.recv(10) == b"HTTP/1.1 4"
        album.online = False
        with pytest.raises(ConnectionRefusedError):
            call(album, "GET", "/geteventsandalbums")
        while live.recv(65536):
            pass
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    album.online = True
    assert album.port == port
    assert call(album, "PUT", path, PHOTO)[0] == 200


def test_a_rule_applies_to_its_call_for_its_times(album: LocalEventPics) -> None:
    album.add_fault(Fault(call="put", status=503, body="busy", headers={"Retry-After": "7"}, times=2))
    path = upload_path(album)
    for _ in range(2):
        status, headers, body = call(album, "PUT", path, PHOTO)
        assert (status, headers["retry-after"], body) == (503, "7", b"busy")
    assert call(album, "PUT", path, PHOTO)[0] == 200
    assert album.calls == {"getuploadurl": 1, "put": 3}
    assert len(album.uploads()) == 1


def test_a_portal_redirects_or_shows_a_page(album: LocalEventPics) -> None:
    album.add_fault(Fault(call="geteventsandalbums", redirect="http://portal.example/"), Fault(html=True))
    status, headers, _ = call(album, "GET", "/geteventsandalbums")
    assert (status, headers["location"]) == (302, "http://portal.example/")
    status, headers, body = call(album, "POST", "/getuploadurl", json.dumps(ASKED).encode())
    assert (status, headers["content-type"]) == (200, "text/html")
    assert b"<html>" in body


@pytest.mark.parametrize(("drop", "stored"), [(Drop.START, 0), (Drop.BODY, 0), (Drop.ANSWER, 1)])
def test_a_dropped_put_is_reset_before_in_or_after_its_body(album: LocalEventPics, drop: Drop, stored: int) -> None:
    path = upload_path(album)
    album.add_fault(Fault(call="put", drop=drop))
    with pytest.raises(ConnectionError):
        call(album, "PUT", path, PHOTO * 50_000)
    assert len(album.uploads()) == stored


def test_a_stall_lasts_until_the_rules_change(album: LocalEventPics) -> None:
    path = upload_path(album)
    album.stall_uploads(3600.0)
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(call(album, "PUT", path, PHOTO)[0]))
    caller.start()
    pause = threading.Event()
    while not album.uploading:
        pause.wait(0.001)
    assert answers == []
    album.stall_uploads(0.0)
    caller.join(PATIENCE_S)
    assert answers == [200]


def test_faults_are_read_from_toml_and_json(tmp_path: Path) -> None:
    wanted = [Fault(call="put", status=500, times=3), Fault(stall_s=2, drop="body")]
    toml, as_json = tmp_path / "faults.toml", tmp_path / "faults.json"
    toml.write_text('[[faults]]\ncall = "put"\nstatus = 500\ntimes = 3\n[[faults]]\nstall_s = 2\ndrop = "body"\n')
    as_json.write_text('[{"call": "put", "status": 500, "times": 3}, {"stall_s": 2, "drop": "body"}]')
    assert load_faults(toml) == load_faults(as_json) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "[[faults",
        '[[faults]]\ncolour = "red"',
        '[[faults]]\nstatus = "500"',
        "[[faults]]\nstatus = true",
        '[[faults]]\ndrop = "it"',
        "faults = 7",
        "[[faults]]\nheaders = 7",
    ],
)
def test_a_faults_file_that_is_wrong_is_told_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(SimulatorError, match=r"faults\.toml") as caught:
        load_faults(path)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_and_a_missing_file_are_one_sentence_each(album: LocalEventPics, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=f"port {album.port} can't be used .*in use.*: name another with --port"):
        server.main(album.port, tmp_path / "other")
    with pytest.raises(SimulatorError, match="No such file"):
        server.main(0, tmp_path / "other", tmp_path / "nothing.toml")


@pytest.mark.process
def test_the_command_says_url_and_key_and_ends_on_sigterm(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from piboothup.simulator import server as eventpics; "
    program += "eventpics.main(0, Path(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert said.startswith('api_url = "http://127.0.0.1:')
    assert f'api_key = "{DEMO_KEY}"' in said
