"""A key and signatures that nobody else could have made up, and a search for them in everything the box leaves.

Every other test's output is searched too, by the plugin `tests.support.canary`.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from piboothup import status
from piboothup.clock import SystemClock
from piboothup.simulator import appliance
from piboothup.simulator.appliance import Appliance
from piboothup.simulator.faults import Drop, Fault
from piboothup.simulator.server import LocalEventPics
from piboothup.spool.listing import NEW, SENT
from tests.support.commands import run_forked
from tests.support.deadline import PATIENCE_S

pytestmark = pytest.mark.process

wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)
KEY = "canary-key-6f1d0c2a9b7e4835"
SIGNATURE = "canary-signature-b81f2e7790ac"
URL = f"https://storage.example.com/upload/1?X-Amz-Signature={SIGNATURE}"
REFUSALS = (
    Fault("getuploadurl", status=401, body=f'{{"error": "unknown apiKey {KEY}"}}'),
    Fault("geteventsandalbums", status=403, body=f"Bearer {KEY}", headers={"X-Echo": KEY}),
    Fault("getuploadurl", status=200, body=f'{{"uploadUrl": "http://10.0.0.1/?signature={SIGNATURE}"}}'),
    Fault("getuploadurl", status=200, body=f'{{"uploadUrl": "{URL}'),
    Fault("put", status=403, body=f"<Error><SignatureProvided>{SIGNATURE}</SignatureProvided></Error>"),
    Fault("put", status=503, headers={"Retry-After": SIGNATURE, "Location": URL}),
    Fault("put", drop=Drop.START),
    Fault("put", drop=Drop.BODY),
    Fault("put", redirect=URL),
)


class WatchedEventPics(LocalEventPics):
    """One that remembers what it signed."""

    signatures: set[str]

    def grant(self, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = super().grant(asked)
        if "uploadUrl" in answer[1]:
            self.signatures |= set(parse_qs(urlsplit(answer[1]["uploadUrl"]).query)["signature"])
        return answer


class Search:
    """Everything that a box leaves, as it was at any moment that was looked at."""

    def __init__(self, box: Appliance) -> None:
        self._box = box
        self._found: dict[bytes, str] = {}

    def look(self) -> None:
        """Files of the runtime directory and the spool, the log, and the command lines of the three processes."""
        box = self._box
        pids = [
            box.process and box.process.pid,
            *((status.read(box.runtime, service) or {}).get("pid") for service in ("booth", "uploader")),
        ]
        paths = [box.log, *box.runtime.rglob("*"), *box.spool.directory.rglob("*")]
        for path in [*paths, *(Path(f"/proc/{pid}/cmdline") for pid in pids if pid)]:
            try:
                if path.is_file():
                    self._found[path.read_bytes()] = str(path)
            except FileNotFoundError:  # replaced or moved on in this moment
                continue

    def ask(self, *words: str) -> str:
        """Runs a command; what it said."""
        result = run_forked(self._box.runtime, "--config", self._box.config, *words)
        self._found[(result.stdout + result.stderr).encode()] = " ".join(words)
        return result.stdout

    def places_of(self, secrets: set[str]) -> set[str]:
        """Where any of these is to be read, also in base 64."""
        needles = [secret.encode() for secret in secrets]
        needles += [base64.b64encode(needle).rstrip(b"=")[:-1] for needle in needles]
        return {place for content, place in self._found.items() for needle in needles if needle in content}


@pytest.fixture
def album(tmp_path: Path) -> Iterator[WatchedEventPics]:
    with contextlib.closing(WatchedEventPics(tmp_path / "eventpics", SystemClock(), key=KEY)) as server:
        server.signatures = set()
        yield server


@pytest.fixture
def box(tmp_path: Path, album: WatchedEventPics, monkeypatch: pytest.MonkeyPatch) -> Iterator[Appliance]:
    monkeypatch.setenv("PIBOOTHUP_LOG", "DEBUG")
    found = Appliance(tmp_path / "box", album.url, KEY, review_s=0.1)
    yield found
    found.pull_plug()


def test_c03_key_and_signed_url_nowhere_but_in_config(box: Appliance, album: WatchedEventPics) -> None:
    search = Search(box)
    box.power_on()
    box.take(PATIENCE_S)
    wait_until(lambda: len(box.photos(SENT)) == 1, "the photo to be in the album")
    search.look()
    assert "abcd1234" in search.ask("events")

    album.online = False
    box.take(PATIENCE_S)
    wait_until(lambda: box.uploader().state == "offline", "the uploader to notice")
    search.look()
    search.ask("events")
    assert "waits" in search.ask("queue", "list")

    waits = Fault("put", status=503)
    album.add_fault(waits)
    album.online = True
    for refusal in REFUSALS:
        album.add_fault(refusal, waits)  # so that the photo is still there for the last of them
        before = album.calls[refusal.call]
        wait_until(lambda: box.retry() and album.calls[refusal.call] > before, f"{refusal} to be met")  # noqa: B023
        search.look()
        if refusal.call == "geteventsandalbums":
            search.ask("events")
    for words in (["status"], ["status", "--json"], ["queue", "list"]):
        assert search.ask(*words)
    album.add_fault()
    wait_until(lambda: box.retry() and not box.photos(NEW), "every photo to be in the album")
    box.power_off()
    search.look()

    log = box.log.read_text()
    assert "DEBUG" in log
    assert "call=put status=200" in log
    assert len(album.signatures) >= 5
    assert search.places_of({"call=put"}) == {str(box.log)}
    assert search.places_of({KEY, SIGNATURE, *album.signatures}) == set()


LEAKS = """
import logging, subprocess, sys
from pathlib import Path
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.clock import SystemClock
from tests.support import forked

def signed(folder):
    with LocalEventPics(folder / "album", SystemClock()) as album:
        asked = {"apiKey": DEMO_KEY, "linkId": "abcd1234", "fileName": "a.jpg"}
        return album.grant(asked)[1]["uploadUrl"].partition("signature=")[2]

def test_prints(): print(DEMO_KEY)
def test_logs(): logging.getLogger("piboothup").debug("key=%s", DEMO_KEY)
def test_logs_a_trace():
    try:
        raise ValueError("https://storage/?s=canary-signature-1")
    except ValueError:
        logging.getLogger("any").exception("odd")
def test_runs(): subprocess.run([sys.executable, "-c", f"print({DEMO_KEY!r})"], capture_output=True)
def test_forks(): forked.call(lambda: print(DEMO_KEY))
def test_leaves(tmp_path): (tmp_path / "status.json").write_text(DEMO_KEY)
def test_signs(tmp_path): (tmp_path / "log.txt").write_text(signed(tmp_path))
def test_prints_what_was_signed(tmp_path, capfd): print(signed(tmp_path))
def test_is_discreet(tmp_path): print("call=put", len(signed(tmp_path)))
"""


def test_c03_every_test_that_lets_out_a_key_or_a_signature_fails(tmp_path: Path) -> None:
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    words = "-m pytest -p tests.support.canary -p no:cacheprovider -o log_level=DEBUG -rE -c /dev/null"
    words += f" --rootdir {tmp_path}"
    root = Path(__file__).parent.parent
    inner = [sys.executable, *words.split(), str(tmp_path)]
    with subprocess.Popen(inner, cwd=root, stdout=subprocess.PIPE, text=True) as said:
        assert said.stdout is not None  # read here, not by communicate: it is meant to let out what the canary hears
        told = said.stdout.read()
    assert said.returncode == 1
    caught = set(re.findall(r"^ERROR \S+::(\w+)", told, re.MULTILINE))
    assert caught == set(re.findall(r"def (test_\w+)", LEAKS)) - {"test_is_discreet"}
