"""Verb `settings`: what a code says is in root's files, durably, and no more; its secrets are nowhere else."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.config import Config, Secret, good_copy, import_record, root_settings
from piboothup.config.codes import BoothCode, GuestLink, Security, WifiNetwork, make
from piboothup.config.import_record import ImportRecord, ImportWatch
from piboothup.root_requests import WifiResult
from piboothup.setup import code_import, radio, wifi_profiles
from piboothup.setup.boot_import import Box
from piboothup.setup.errors import Refused
from piboothup.spool import durable

KEY, PASSWORD = "canary-key-0123456789", "canary-password"
BARN = WifiNetwork("Barn", Secret(PASSWORD), Security.WPA)
WHOLE = BoothCode(Secret(KEY), "efgh5678", "a2", BARN, "Booth 7", "DE", "de", "Europe/Berlin")


class Root:
    """A box's folders, and what was set in force."""

    def __init__(self, folder: Path) -> None:
        for name in ("boot", "etc", "profiles"):
            (folder / name).mkdir()
        self.box = Box("7F3K", folder / "boot", folder / "etc", folder / "profiles")
        (self.box.boot / "cmdline.txt").write_text("console=tty1 root=PARTUUID=1\n")
        self.countries: list[str] = []
        self.joined: list[UUID] = []
        self.result = WifiResult.JOINED

    def take(self, code: BoothCode | WifiNetwork) -> WifiResult | None:
        return self.take_values({"code": make(code).reveal()})

    def take_values(self, values: dict[str, object]) -> WifiResult | None:
        return code_import.take(values, self.box, self.countries.append, self._join)

    def _join(self, profile: UUID) -> WifiResult:
        assert any(str(profile) in path.name for path in self.box.profiles.iterdir()), "its profile is there first"
        self.joined.append(profile)
        return self.result

    def config(self) -> Config:
        """What both services read."""
        found = root_settings.read(self.box.etc / good_copy.ROOT_FILE)
        assert found.error is None
        return found.reading.merged_with(Config())[0] if found.reading is not None else Config()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_u08_a_booth_code_is_in_roots_files_with_all_it_has(root: Root) -> None:
    assert root.take(WHOLE) is WifiResult.JOINED
    found = root.config()
    assert (found.name, found.language, found.timezone) == ("Booth 7", "de", "Europe/Berlin")
    assert (found.eventpics.link_id, found.eventpics.album_id) == ("efgh5678", "a2")
    assert found.eventpics.api_key_file == str(root.box.key_file)
    assert root.box.key_file.read_text() == f"{KEY}\n"
    assert stat.S_IMODE(root.box.key_file.stat().st_mode) == 0o400
    assert wifi_profiles.saved_password("Barn", root.box.profiles) == Secret(PASSWORD)
    assert "cfg80211.ieee80211_regdom=DE" in (root.box.boot / "cmdline.txt").read_text()
    assert (root.countries, root.joined) == (["DE"], [wifi_profiles.uuid_of("Barn")])


def test_u05_a_wifi_code_changes_nothing_but_the_network(root: Root) -> None:
    root.take(BARN)
    assert list(root.box.etc.iterdir()) == [], "nothing that the services would start again for"
    assert len(list(root.box.profiles.iterdir())) == 1
    assert root.countries == [""]


def test_u08_what_a_code_leaves_out_stays(root: Root) -> None:
    root.take(WHOLE)
    assert root.take(BoothCode(name="Booth 8")) is None
    found = root.config()
    assert (found.name, found.language, found.eventpics.link_id) == ("Booth 8", "de", "efgh5678")
    assert root.box.key_file.read_text() == f"{KEY}\n"
    assert len(root.joined) == 1


def test_u08_services_are_told_the_card_is_not_read_again(root: Root) -> None:
    taken = ImportRecord("abc", "7F3K", 2)
    (root.box.etc / import_record.FILE).write_bytes(taken.to_bytes())
    watch = ImportWatch(root.box.etc)
    root.take(WHOLE)
    assert watch.has_news()
    assert import_record.read(root.box.etc) == taken


def test_u02_a_code_cut_half_way_leaves_the_old_key_or_the_new(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.take(WHOLE)
    before = {path.name: path.read_bytes() for path in root.box.etc.iterdir()}
    steps = 0
    for fails_at in range(1, 20):
        steps, real = 0, durable.replace

        def cut(*given: object, **named: object) -> None:
            nonlocal steps
            steps += 1
            if steps == fails_at:  # noqa: B023
                raise OSError(5, "Input/output error")
            real(*given, **named)  # type: ignore[arg-type]  # noqa: B023

        monkeypatch.setattr(durable, "replace", cut)
        try:
            root.take(BoothCode(Secret("another-key-987"), "ijkl9012", wifi=WifiNetwork("Attic"), name="B"))
        except OSError:
            key = root.box.key_file.read_text().strip()
            assert key in (KEY, "another-key-987")
            assert root.config().eventpics.link_id in ("efgh5678", "ijkl9012")
            assert (root.box.etc / import_record.FILE).read_bytes() == before[import_record.FILE]
        else:
            break
        finally:
            monkeypatch.setattr(durable, "replace", real)
    assert 3 <= fails_at < 19
    assert root.config().eventpics.link_id == "ijkl9012"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"code": 7},
        {"code": None},
        {"code": ["PIBOOTHUP:N:x;;"]},
        {"code": make(WHOLE).reveal(), "spool": "/"},
        {"code": make(GuestLink("abcd1234")).reveal()},
        {"code": "https://example.com"},
        {"code": ""},
        {"code": "PIBOOTHUP:N:Booth 7;"},
        {"code": f"PIBOOTHUP:K:{KEY} with blanks;;"},
        {"code": "PIBOOTHUP:N:a\nb;;"},
        {"code": f"WIFI:S:Barn;T:WEP;P:{PASSWORD};;"},
        {"code": "PIBOOTHUP:Z:../../etc;;"},
    ],
)
def test_a08_a_request_that_is_no_code_for_root_is_refused(root: Root, values: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        root.take_values(values)
    assert KEY not in str(refused.value) and PASSWORD not in str(refused.value)
    assert list(root.box.etc.iterdir()) == list(root.box.profiles.iterdir()) == root.joined == []


@given(st.text() | st.text().map(lambda text: f"PIBOOTHUP:{text};;") | st.text().map(lambda text: f"WIFI:{text};;"))
def test_a08_any_text_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = Root(tmp_path_factory.mktemp("root"))
    try:
        root.take_values({"code": text})
    except Refused:
        assert not root.joined
    else:
        assert root.config() is not None


def test_no_secret_is_in_the_log_or_in_a_file_that_others_read(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    root.take(WHOLE)
    assert KEY not in caplog.text and PASSWORD not in caplog.text
    for folder in (root.box.etc, root.box.boot, root.box.profiles):
        for path in folder.iterdir():
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                assert KEY not in path.read_text() and PASSWORD not in path.read_text()


# -- joining ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (
            "Error: Connection activation failed: Secrets were required, but not provided\n"
            "Hint: use 'journalctl -xe NM_CONNECTION=...' to get more details.",
            WifiResult.PASSWORD,
        ),
        ("Error: Connection activation failed: The Wi-Fi network could not be found", WifiResult.UNSEEN),
        (
            "Error: Connection activation failed: No suitable device found for this connection (device wlan0 not "
            "available because profile is not compatible with device).",
            WifiResult.UNSEEN,
        ),
        (
            "Error: Connection activation failed: IP configuration could not be reserved (no available address, "
            "timeout, etc.)",
            WifiResult.NO_ADDRESS,
        ),
        ("Error: Timeout expired (18 seconds)", WifiResult.FAILED),
        ("", WifiResult.FAILED),
    ],
)
def test_u06_what_nmcli_says_is_told_as_its_reason(said: str, result: WifiResult) -> None:
    assert radio.join_result(said) is result


@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("exit 0", WifiResult.JOINED),
        (
            'case "$*" in *" up "*) echo "Secrets were required, but not provided" >&2; exit 4;; esac',
            "password",
        ),
        ('case "$*" in *" up "*) exit 10;; esac', WifiResult.FAILED),
    ],
)
def test_u06_joining_asks_nmcli_in_english_and_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, result: str
) -> None:
    """A script stands in for nmcli: no NetworkManager runs here. It writes down how it was called."""
    calls = tmp_path / "calls"
    program = tmp_path / "nmcli"
    program.write_text(f'#!/bin/sh\necho "$LC_ALL $*" >> {calls}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setattr(radio, "_NMCLI", str(program))
    profile = wifi_profiles.uuid_of("Barn")
    assert radio.join(profile) == result
    scan, joining = calls.read_text().splitlines()
    assert scan.endswith("device wifi list --rescan yes")
    assert joining == f"C --wait 18 connection up uuid {profile}"


@pytest.mark.process
def test_u06_a_box_without_networkmanager_says_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio, "_NMCLI", "/nowhere/nmcli")
    assert radio.join(wifi_profiles.uuid_of("Barn")) is WifiResult.FAILED


def test_u06_scan_and_joining_end_within_30_s() -> None:
    assert radio._SCAN_TIMEOUT_S + radio._JOIN_TIMEOUT_S + 2 <= 30
