"""Typed reports of both services: written under the keys of the contract, read back from whatever a file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from piboothup import status
from piboothup.status import BoothReport, EventReport, Report, UploaderReport, UploaderState, WifiReport

BOOTH = BoothReport("1.0", "Booth 7", "box", 3, "ready", "ready", "missing", "ready", 12, "c1", ("no_key",))
EVENT = EventReport("abcd1234", "a1", "Anna & Ben", 2, 1)
WIFI = WifiReport("Barn", 61, "It is weak.", "wifi_weak")
UPLOADER = UploaderReport(
    *("1.0", UploaderState.UPLOADING, "Why.", ("no_network",), 2, 1, 8000, 90, 12.5, 1, (EVENT,), WIFI)
)


def test_status_files_have_the_keys_of_the_contract() -> None:
    booth = "version name box boot state camera panel button photos context problems"
    uploader = "version state reason problems waiting sent rate_bps eta_s last_success_s events_seen events wifi"
    assert list(BOOTH.to_json()) == booth.split()
    assert list(UPLOADER.to_json()) == uploader.split()
    assert json.loads(json.dumps(UPLOADER.to_json()["events"])) == [
        {"link_id": "abcd1234", "album_id": "a1", "title": "Anna & Ben", "waiting": 2, "sent": 1}
    ]
    assert UPLOADER.to_json()["wifi"] == {
        **{"ssid": "Barn", "signal": 61, "reason": "It is weak.", "code": "wifi_weak"}
    }


def test_status_reports_read_back_as_they_were_written(tmp_path: Path) -> None:
    assert (status.read_booth(tmp_path), status.read_uploader(tmp_path)) == (None, None)
    status.write(tmp_path, "booth", BOOTH.to_json())
    status.write(tmp_path, "uploader", UPLOADER.to_json())
    assert (status.read_booth(tmp_path), status.read_uploader(tmp_path)) == (BOOTH, UPLOADER)


@pytest.mark.parametrize("kind", [BoothReport, UploaderReport])
@pytest.mark.parametrize("junk", [None, 3, "text", [], {}, {"x": 1}])
def test_status_report_of_junk_has_its_defaults(kind: type[Report], junk: Any) -> None:
    assert kind.from_json(junk) == kind()


@pytest.mark.parametrize("junk", [None, "many", {}, [], [[]], 1.5])
def test_status_junk_in_any_field_leaves_the_others_read(junk: Any) -> None:
    whole = UPLOADER.to_json()
    for key in whole:
        found = UploaderReport.from_json(json.loads(json.dumps({**whole, key: junk}))).to_json()
        assert {**found, key: None} == {**whole, key: None}
        assert isinstance(found[key], type(whole[key]) | type(UploaderReport().to_json()[key]))


def test_status_of_a_list_only_fitting_entries_are_read() -> None:
    assert UploaderReport.from_json({"problems": [None, {}, "no_key", 7]}).problems == ("no_key",)
    assert UploaderReport.from_json({"state": "dancing"}).state is UploaderState.STOPPED
