"""Verb `settings`: what a code says is in root's files, durably, and no more; its secrets are nowhere else."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import stat
import threading
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup import status
from piboothup.booth.operations import action_runner
from piboothup.cli import main
from piboothup.commands import setup
from piboothup.config import Config, ConfigError, Secret, good_copy, import_record, root_settings
from piboothup.config.codes import BoothCode, GuestLink, Security, WifiNetwork, make
from piboothup.config.import_record import ImportRecord, ImportWatch
from piboothup.records import replace
from piboothup.root_requests import WifiResult
from piboothup.setup import boot_import, code_import, import_steps, radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_import import PENDING
from piboothup.setup.errors import Refused
from piboothup.setup.import_steps import Box
from piboothup.setup.radio import Radio
from piboothup.spool import durable
from piboothup.status import UploaderReport, UploaderState, WifiReport
from tests.spool.crash.model import Disk, Recording, Tree, all_states, read_tree, states, strike_once, write_tree
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.effort import covering
from tests.support.kept_box import KeptBox

KEY, PASSWORD = "canary-key-0123456789", "canary-password"
BARN = WifiNetwork("Barn", Secret(PASSWORD), Security.WPA)
WHOLE = BoothCode(Secret(KEY), "efgh5678", "a2", BARN, "Booth 7", "DE", "de", "Europe/Berlin")


def box_in(folder: Path) -> Box:
    """The box whose folders are these."""
    return KeptBox("7F3K", folder / "boot", folder / "etc", folder / "profiles", folder / "trials")


@pytest.fixture(autouse=True)
def _same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of two histories are compared byte by byte: all is said at the same moment."""
    for module in (import_steps, code_import):
        monkeypatch.setattr(module, "moment", lambda _: "boot-a:100000")
        monkeypatch.setattr(module, "boot_start", lambda _: "boot-a:0")


class Root(Radio):
    """A box's folders, and its radio: a fake, as no NetworkManager runs here. It reads the profiles as that does."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        for name in ("boot", "etc", "profiles"):
            (folder / name).mkdir(parents=True)
        self.box = box_in(folder)
        (self.box.boot / "cmdline.txt").write_text("console=tty1 root=PARTUUID=1\n")
        self.countries: list[str] = []
        self.joined: list[UUID] = []
        self.resumed: list[UUID] = []
        self.used: UUID | None = None
        self.result = WifiResult.JOINED
        self.in_force: dict[str, str] = {}
        """Profiles as NetworkManager has read them, by the file's name."""

    def take(self, code: BoothCode | WifiNetwork) -> WifiResult | None:
        return self.take_values({"code": make(code).reveal()})

    def take_values(self, values: dict[str, object]) -> WifiResult | None:
        return code_import.take(values, self.box, self)

    def password(self, ssid: str = "Barn") -> Secret | None:
        """The password that a start would find."""
        return wifi_profiles.saved_password(ssid, self.box.profiles)

    def reload(self) -> None:
        folders = (self.box.profiles, self.box.trials)  # the latter goes before the former
        self.in_force = {path.name: path.read_text() for folder in folders for path in folder.glob("*")}

    def put_in_force(self, country: str) -> None:
        self.countries.append(country)
        self.reload()

    def in_use(self) -> UUID | None:
        return self.used

    def resume(self, profile: UUID) -> None:
        self.resumed.append(profile)

    def refined(self, result: WifiResult, ssid: str) -> WifiResult:
        return result

    def join(self, profile: UUID) -> WifiResult:
        assert any(str(profile) in name for name in self.in_force), "its profile is there first"
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


def test_u05_a_code_keeps_the_priority_of_its_network(root: Root) -> None:
    wifi_profiles.write(WifiNetwork("Barn", Secret("an older password"), Security.WPA), 20, root.box.profiles)
    root.take(BARN)
    assert [(each.ssid, each.priority) for each in wifi_profiles.ours(root.box.profiles)] == [("Barn", 20)]
    assert wifi_profiles.saved_password("Barn", root.box.profiles) == BARN.password


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


# -- what was known of a network before -----------------------------------------------------------------------------

WRONG = WifiNetwork("Barn", Secret("canary-mistyped"), Security.WPA)
OTHER = wifi_profiles.uuid_of("Attic")


class TriedFirst(Root):
    """A radio that looks at the card while it joins."""

    on_card: Secret | None = None

    def join(self, profile: UUID) -> WifiResult:
        self.on_card = self.password()
        assert "canary-mistyped" in "".join(self.in_force.values())
        return super().join(profile)


def test_u06_a_mistyped_code_leaves_the_working_network(tmp_path: Path) -> None:
    root = TriedFirst(tmp_path)
    wifi_profiles.write(BARN, folder=root.box.profiles)
    root.result, root.used = WifiResult.PASSWORD, wifi_profiles.uuid_of("Barn")
    assert root.take(WRONG) is WifiResult.PASSWORD
    assert root.on_card == root.password() == Secret(PASSWORD)
    assert [PASSWORD in text for text in root.in_force.values()] == [True], "NetworkManager has read it again"
    assert root.resumed == [root.used], "and joins it"
    assert list(root.box.trials.iterdir()) == []


def test_u06_a_first_password_that_is_refused_is_not_kept(root: Root) -> None:
    root.result, root.used = WifiResult.PASSWORD, OTHER
    assert root.take(WRONG) is WifiResult.PASSWORD
    assert root.in_force == {}
    assert [*root.box.profiles.iterdir(), *root.box.trials.iterdir()] == []
    assert root.resumed == [OTHER]


@pytest.mark.parametrize("result", list(WifiResult))
def test_u06_what_went_wrong_is_kept_until_it_is_mended(root: Root, result: WifiResult) -> None:
    """Root alone may read it, as it names the network; nothing of the password is in it."""
    root.result = WifiResult.UNSEEN
    root.take(WifiNetwork("Attic"))
    root.result = result
    root.take(WRONG)
    failed = {} if result is WifiResult.JOINED else {"Barn": result}
    assert wifi_profiles.results(root.box.etc) == {"Attic": WifiResult.UNSEEN, **failed}
    file = root.box.etc / wifi_profiles.RESULTS
    assert (stat.S_IMODE(file.stat().st_mode), "canary" in file.read_text()) == (0o600, False)
    root.result = WifiResult.JOINED
    root.take(BARN)
    assert wifi_profiles.results(root.box.etc) == {"Attic": WifiResult.UNSEEN}


def test_u06_the_card_s_new_word_on_a_network_ends_its_failure(root: Root) -> None:
    root.result = WifiResult.PASSWORD
    root.take(WRONG)
    file = root.box.boot / "piboothup.toml"
    file.write_text('[[wifi]]\nssid = "Barn"\npassword = "canary-of-the-card"\n')
    boot_import.run(root.box, lambda country: None)
    assert wifi_profiles.results(root.box.etc) == {}


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '{"Barn": 7}', '{"Barn": "?"}', "[" * 9999])
def test_u06_damaged_results_are_none_and_few_are_kept(tmp_path: Path, damaged: str) -> None:
    (tmp_path / wifi_profiles.RESULTS).write_text(damaged)
    assert wifi_profiles.results(tmp_path) == {}
    for number in range(25):
        wifi_profiles.note_result(tmp_path, f"Barn {number}", WifiResult.UNSEEN)
    assert [*wifi_profiles.results(tmp_path)] == [f"Barn {number}" for number in range(5, 25)]


def test_u06_a_result_that_is_not_kept_costs_no_network(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    (root.box.etc / wifi_profiles.RESULTS).mkdir()
    root.result = WifiResult.UNSEEN
    assert root.take(BARN) is WifiResult.UNSEEN
    assert root.password() == Secret(PASSWORD)
    assert "network result not kept" in caplog.text


@pytest.mark.parametrize(
    "result", [WifiResult.JOINED, WifiResult.UNSEEN, WifiResult.UNSEEN_24, WifiResult.NO_ADDRESS]
)
@pytest.mark.parametrize("has_former", [False, True])
def test_u06_a_network_that_may_be_right_is_kept(root: Root, result: WifiResult, has_former: bool) -> None:
    if has_former:
        wifi_profiles.write(WRONG, folder=root.box.profiles)
    root.result, root.used = result, OTHER
    assert root.take(BARN) is result
    assert root.password() == Secret(PASSWORD)
    assert [PASSWORD in text for text in root.in_force.values()] == [True]
    assert (root.resumed, list(root.box.trials.iterdir())) == ([], [])


def test_u11_only_networks_of_codes_are_forgotten(root: Root) -> None:
    wifi_profiles.write(WifiNetwork("Office", Secret(PASSWORD), Security.WPA), 10, root.box.profiles)
    root.take(BARN)
    root.take(WifiNetwork("Office", Secret("canary-changed"), Security.WPA))  # the renter's, with another password
    found = wifi_profiles.of("Office", root.box.profiles)
    assert found is not None and (found.priority, found.is_by_code) == (10, False)
    other = root.box.profiles / "preconfigured.nmconnection"
    other.write_text("[connection]\nid=preconfigured\n")
    assert code_import.VERBS["count-networks"]({}, root.box, root) == "1"
    assert code_import.VERBS["forget-networks"]({}, root.box, root) == "1"
    assert {path.name for path in root.box.profiles.iterdir()} == {wifi_profiles.path_of("Office").name, other.name}
    assert wifi_profiles.path_of("Barn").name not in root.in_force, "NetworkManager has read it"
    assert code_import.VERBS["forget-networks"]({}, root.box, root) == "0"


def test_u11_networks_that_were_not_kept_are_forgotten_too(root: Root) -> None:
    wifi_profiles.write(WifiNetwork("Office"), folder=root.box.profiles)
    for code, result in (
        (BARN, WifiResult.PASSWORD),
        (WifiNetwork("Attic"), WifiResult.UNSEEN),
        (WifiNetwork("Office"), WifiResult.UNSEEN),  # the renter's
    ):
        root.result = result
        root.take(code)
    assert code_import.VERBS["count-networks"]({}, root.box, root) == "2"
    assert code_import.VERBS["forget-networks"]({}, root.box, root) == "2"
    assert wifi_profiles.results(root.box.etc) == {"Office": WifiResult.UNSEEN}
    assert "Barn" not in (root.box.etc / wifi_profiles.RESULTS).read_text()


@pytest.mark.parametrize("verb", ["count-networks", "forget-networks"])
def test_a08_verbs_on_networks_take_no_values(root: Root, verb: str) -> None:
    root.take(BARN)
    with pytest.raises(Refused):
        code_import.VERBS[verb]({"ssid": "Office"}, root.box, root)
    assert len(list(root.box.profiles.iterdir())) == 1


def test_u06_what_fails_for_no_known_reason_costs_no_former(root: Root) -> None:
    root.result = WifiResult.FAILED
    assert root.take(BARN) is WifiResult.FAILED
    assert root.password() == Secret(PASSWORD), "it may be joined later, and nothing is lost by it"
    assert root.resumed == []
    assert root.take(WRONG) is WifiResult.FORMER
    assert root.password() == Secret(PASSWORD)
    assert root.resumed == root.joined[:1], "or the trial might be joined in the end"


ZERO_2W = """\
Wiphy phy0
\tBand 1:
\t\tFrequencies:
\t\t\t* 2412 MHz [1] (20.0 dBm)
\t\t\t* 2472 MHz [13] (disabled)
\tSupported extended features:
\t\t* [ CQM_RSSI_LIST ]: multiple CQM_RSSI_THOLD records
"""
PI_4 = """\
Wiphy phy0
\tBand 1:
\t\tFrequencies:
\t\t\t* 2412.0 MHz [1] (20.0 dBm)
\tBand 2:
\t\tFrequencies:
\t\t\t* 5180.0 MHz [36] (20.0 dBm)
\tSupported extended features:
\t\t* [ SAE_OFFLOAD ]: SAE offload support
"""
HWSIM = "\t\t\t* 2412 MHz [1]\n\t\t\t* 5180 MHz [36]\n\tDevice supports SAE with AUTHENTICATE command\n"


@pytest.mark.parametrize(
    ("phy", "bands", "knows_wpa3"),
    [(ZERO_2W, {2}, False), (PI_4, {2, 5}, True), (HWSIM, {2, 5}, True), ("", set(), None)],
)
def test_u06_what_a_radio_can_do_is_read_of_iw(phy: str, bands: set[int], knows_wpa3: bool | None) -> None:
    assert radio.abilities(phy) == (bands, knows_wpa3)


class Chip(Radio):
    """A radio whose programs say this."""

    def __init__(self, phy: str, seen: str) -> None:
        super().__init__()
        self._said = {"iw": phy, "nmcli": seen}

    def _run(self, words: list[str], timeout_s: float = 0) -> str:
        return self._said[Path(words[0]).name]


BARN_HEX, AT = "4261726e", "02\\:00\\:00\\:00\\:00\\:01"


@pytest.mark.parametrize(
    ("phy", "seen", "said", "result"),
    [
        (ZERO_2W, "", WifiResult.UNSEEN, WifiResult.UNSEEN_24),
        (ZERO_2W, "", WifiResult.FAILED, WifiResult.FAILED),
        (PI_4, "", WifiResult.UNSEEN, WifiResult.UNSEEN),
        ("", "", WifiResult.UNSEEN, WifiResult.UNSEEN),
        (ZERO_2W, f"{BARN_HEX.upper()}:{AT}:WPA3\n4174746963:{AT}:WPA2\n", WifiResult.UNSEEN, WifiResult.NO_WPA3),
        (ZERO_2W, f"{BARN_HEX.upper()}:{AT}:WPA3\n", WifiResult.FAILED, WifiResult.NO_WPA3),
        (ZERO_2W, f"{BARN_HEX.upper()}:{AT}:WPA2 WPA3\n", WifiResult.FAILED, WifiResult.FAILED),
        (ZERO_2W, f"{BARN_HEX.upper()}:{AT}:WPA3\n{BARN_HEX}:{AT}:WPA2\n", WifiResult.FAILED, WifiResult.FAILED),
        (ZERO_2W, f"4174746963:{AT}:WPA3\n", WifiResult.UNSEEN, WifiResult.UNSEEN_24),
        (PI_4, f"{BARN_HEX.upper()}:{AT}:WPA3\n", WifiResult.FAILED, WifiResult.FAILED),
        (ZERO_2W, f"{BARN_HEX.upper()}:{AT}:WPA3\n", WifiResult.PASSWORD, WifiResult.NO_WPA3),
        (ZERO_2W, f"{BARN_HEX}::\n{BARN_HEX}:{AT}:WPA3\n", WifiResult.UNSEEN, WifiResult.NO_WPA3),
        (ZERO_2W, "", WifiResult.JOINED, WifiResult.JOINED),
    ],
)
def test_u06_band_and_wpa3_are_told_of_a_chip_without(
    phy: str, seen: str, said: WifiResult, result: WifiResult
) -> None:
    assert Chip(phy, seen).refined(said, "Barn") is result


class Zero(Root):
    """A box whose radio says this; what NetworkManager would do with the profile is played."""

    phy, seen = ZERO_2W, ""

    def _run(self, words: list[str], timeout_s: float = 0) -> str:
        return {"iw": self.phy, "nmcli": self.seen}[Path(words[0]).name]

    def refined(self, result: WifiResult, ssid: str) -> WifiResult:
        return Radio.refined(self, result, ssid)

    def join(self, profile: UUID) -> WifiResult:
        (text,) = self.in_force.values()
        kinds = [] if not self.seen else self.seen.strip().rpartition(":")[2].split()
        return (
            WifiResult.JOINED
            if "psk" in text and "key-mgmt=wpa-psk" in text and "WPA2" in kinds
            else super().join(profile)
        )


SAE = WifiNetwork("Barn", Secret(PASSWORD), Security.SAE)
CLAIMS = f"{ZERO_2W}\tDevice supports SAE with AUTHENTICATE command\n"
"""The same radio by the vendor's options, which leave SAE_EXT on; ours count from the next start on."""


def chip(folder: Path, number: str) -> None:
    path = folder / "sys/class/net/wlan0/device/device"
    path.parent.mkdir(parents=True)
    path.write_text(f"{number}\n")


@pytest.mark.parametrize(
    ("phy", "number", "seen", "kept", "result"),
    [
        (ZERO_2W, "0xa9a6", "WPA2 WPA3", "wpa-psk", WifiResult.JOINED),
        (CLAIMS, "0xa9a6", "WPA2 WPA3", "wpa-psk", WifiResult.JOINED),
        (ZERO_2W, "0xa9a6", "WPA2", "wpa-psk", WifiResult.JOINED),
        (ZERO_2W, "", "WPA2 WPA3", "wpa-psk", WifiResult.JOINED),  # another radio that can't
        (ZERO_2W, "0xa9a6", "WPA3", "wpa-psk", WifiResult.NO_WPA3),
        (CLAIMS, "0xa9a6", "WPA3", "wpa-psk", WifiResult.NO_WPA3),
        (ZERO_2W, "0xa9a6", "", "wpa-psk", WifiResult.UNSEEN_24),  # it is elsewhere, or of 5 GHz alone
        (PI_4, "0xa9bf", "WPA2 WPA3", "sae", WifiResult.UNSEEN),
        (PI_4, "0xa9bf", "WPA3", "sae", WifiResult.UNSEEN),
        ("", "", "WPA3", "sae", WifiResult.UNSEEN),  # no iw
    ],
)
def test_u06_a_wpa3_code_is_joined_by_what_the_radio_can(
    tmp_path: Path, phy: str, number: str, seen: str, kept: str, result: WifiResult
) -> None:
    root = Zero(tmp_path)
    root.phy, root.result = phy, WifiResult.UNSEEN
    root.seen = f"{BARN_HEX.upper()}:{AT}:{seen}\n" if seen else ""
    root._root = tmp_path
    chip(tmp_path, number)
    assert root.take(SAE) is result
    profile = wifi_profiles.path_of("Barn", root.box.profiles).read_text()
    assert f"key-mgmt={kept}\n" in profile
    assert root.password() == Secret(PASSWORD)


def test_u06_a_password_that_wpa2_cannot_have_stays_wpa3(tmp_path: Path) -> None:
    root = Zero(tmp_path)
    short = WifiNetwork("Barn", Secret("short"), Security.SAE)
    assert root.joinable(short) == short
    assert root.joinable(WifiNetwork("Barn")) == WifiNetwork("Barn")


def test_u06_a_network_of_wpa3_alone_costs_no_former(root: Root) -> None:
    root.take(BARN)
    root.result = WifiResult.NO_WPA3
    assert root.take(WRONG) is WifiResult.NO_WPA3
    assert root.password() == Secret(PASSWORD)


@pytest.mark.slow
def test_u02_an_import_waits_for_another_and_is_whole(root: Root) -> None:
    root.take(WHOLE)
    before = read_tree(root.box.etc)
    code = BoothCode(Secret("another-key-987"), "ijkl9012", name="B")
    taking = threading.Thread(target=root.take, args=(code,))
    with code_import.exclusive(root.box):
        taking.start()
        taking.join(0.3)
        assert taking.is_alive()
        assert read_tree(root.box.etc) == before
    taking.join(PATIENCE_S)
    assert root.config().eventpics.link_id == "ijkl9012"
    assert root.box.key_file.read_text() == "another-key-987\n"


def test_u02_an_import_that_does_not_end_is_not_awaited_for_ever(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_import, "_LOCK_LOOKS", 2)
    with code_import.exclusive(root.box), pytest.raises(TimeoutError):
        root.take(WHOLE)
    assert list(root.box.etc.iterdir()) == []
    assert root.take(WHOLE) is WifiResult.JOINED


def test_u02_a_trial_of_a_helper_that_was_killed_is_removed(root: Root) -> None:
    root.box.trials.mkdir()
    wifi_profiles.write(WifiNetwork("Attic", Secret("canary-stale"), Security.WPA), folder=root.box.trials)
    (root.box.trials / "netplan-wlan0-Home.nmconnection").write_text("another's")
    root.take(BARN)
    assert root.in_force.keys() == {"netplan-wlan0-Home.nmconnection", wifi_profiles.path_of("Barn").name}


def test_u02_a_card_that_takes_no_profile_keeps_the_former(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.take(BARN)
    real = durable.replace

    def fail(path: Path, *given: object, **named: object) -> None:
        if path.parent == root.box.profiles:
            raise OSError(28, "No space left on device")
        real(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(durable, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        root.take(WRONG)
    assert [PASSWORD in text for text in root.in_force.values()] == [True]
    assert list(root.box.trials.iterdir()) == []


@pytest.mark.parametrize("kind", Disk)
@pytest.mark.parametrize("result", [WifiResult.JOINED, WifiResult.PASSWORD, WifiResult.FAILED])
def test_p13_a_cut_while_joining_leaves_old_or_new(tmp_path: Path, kind: Disk, result: WifiResult) -> None:
    (tmp_path / "box").mkdir()
    root = Root(tmp_path / "box")
    root.box.trials.mkdir()
    root.take(BARN)
    name = f"profiles/{wifi_profiles.path_of('Barn').name}"
    old = dict(read_tree(tmp_path / "box"))[name]
    root.result = result
    recording = Recording(tmp_path / "box")
    with recording:
        root.take(WRONG)
    new = dict(read_tree(tmp_path / "box"))[name]
    assert (new == old) is (result is not WifiResult.JOINED)
    found = {dict(tree).get(name) for cut in recording.trace.cuts for tree in states(recording.trace, cut, kind)}
    assert found == {old, new}


# -- the plug is pulled ----------------------------------------------------------------------------------------------

NEW_KEY = "canary-key-987654321"
NEW = BoothCode(Secret(NEW_KEY), "ijkl9012", "b1", None, "Booth 9", "AT", "en", "Europe/Vienna")
OLD = replace(WHOLE, wifi=None)


def started(folder: Path) -> Tree:
    """The box's files after its next start."""
    box = box_in(folder)
    code_import.finish(box, lambda country: None)
    boot_import.run(box, lambda country: None)
    assert not (box.etc / PENDING).exists()
    return read_tree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", Disk)
def test_u02_a_code_cut_at_any_step_is_old_or_new_whole(tmp_path: Path, kind: Disk) -> None:
    root = Root(tmp_path / "box")
    root.take(OLD)
    before = read_tree(tmp_path / "box")
    recording = Recording(tmp_path / "box")
    with recording:
        root.take(NEW)
    after = read_tree(tmp_path / "box")
    old, new = ({path: content for path, content in tree if content is not None} for tree in (before, after))
    assert {"etc/key", "etc/settings.toml", "boot/cmdline.txt"} <= old.keys() == new.keys()
    assert set(states(recording.trace, recording.trace.cuts[-1], kind)) == {after}, "taken for good"
    seen = all_states(recording.trace, kind)
    found = set[Tree]()
    for tree, cut in seen.items():
        if f"etc/{PENDING}" not in dict(tree):
            assert {path: dict(tree).get(path) for path in old} in (old, new), f"a mix for good at {cut}"
        write_tree(tree, tmp_path / "box")
        found.add(started(tmp_path / "box"))
        assert started(tmp_path / "box") in found
    assert found == {before, after}
    assert len(seen) > 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "next_is"), covering([errno.EIO, errno.ENOSPC, errno.EROFS, None], ["start", "code"])
)
def test_u02_a_code_on_a_failing_disk_is_finished_first(tmp_path: Path, failure: int | None, next_is: str) -> None:
    name = [BoothCode(name="Booth 10")] if next_is == "code" else []

    def ended(number: int | None, *codes: BoothCode) -> tuple[Tree, bool]:
        """The box's files in the end, and whether a call failed."""
        shutil.rmtree(tmp_path / "box", ignore_errors=True)
        root = Root(tmp_path / "box")
        for code in codes:
            root.take(code)
        etc = root.box.etc.parent
        is_struck = number is not None and strike_once(etc, number, failure, lambda: root.take(NEW))
        for code in name:
            root.take(code)
        return started(tmp_path / "box"), is_struck

    old, new = (ended(None, *codes)[0] for codes in ([OLD], [OLD, NEW]))
    found = [ended(0, OLD)]
    while found[-1][1]:
        found.append(ended(len(found), OLD))
    assert {tree for tree, _ in found} == {old, new}
    assert len(found) > 15


def test_u02_a_code_that_can_t_be_finished_yet_is_root_s_alone(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object, **_how: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(root_settings_file, "update", fail)
    with pytest.raises(OSError):
        root.take(WHOLE)
    pending = root.box.etc / PENDING
    assert (stat.S_IMODE(pending.stat().st_mode), KEY in pending.read_text()) == (0o600, True)
    assert PASSWORD not in pending.read_text(), "the network is tried by itself"
    assert not list(root.box.profiles.iterdir())


def test_u02_settings_that_no_config_takes_cost_no_key(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code's own checks are the config's today: that the whole is refused is played."""

    def refuse(path: Path, *_given: object, **_how: object) -> str:
        raise ConfigError(path, 3, "The name is too long.", "Shorten it.")

    root.take(WHOLE)
    before = read_tree(root.box.etc.parent)
    monkeypatch.setattr(root_settings_file, "updated", refuse)
    with pytest.raises(Refused):
        root.take(NEW)
    assert read_tree(root.box.etc.parent) == before


def test_u02_the_card_s_file_is_newer_than_a_code_that_was_cut(root: Root) -> None:
    """It was changed while the box was off, after the code was shown."""
    (root.box.etc / PENDING).write_text(make(NEW).reveal())
    (root.box.boot / "piboothup.toml").write_text('name = "By card"\n[eventpics]\napi_key = "canary-card"\n')
    started(root.box.etc.parent)
    found = root.config()
    assert (found.name, found.eventpics.link_id) == ("By card", "ijkl9012")
    assert root.box.key_file.read_text() == "canary-card\n"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"PIBOOTHUP:K:" + b"x" * 90, b"WIFI:T:WEP;S:Barn;P:secret;;"])
def test_u02_a_pending_code_that_is_none_is_given_up(
    root: Root, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (root.box.etc / PENDING).write_bytes(content)
    assert code_import.finish(root.box, root.countries.append)
    assert list(root.box.etc.iterdir()) == [] and root.countries == []
    assert "code given up" in caplog.text
    assert not code_import.finish(root.box, root.countries.append)


# -- joining ---------------------------------------------------------------------------------------------------------


SEEN = r"""
4261726E:02\:00\:00\:00\:01\:00:WPA2
536165:02\:00\:00\:00\:01\:01:WPA3
4D69786564:02\:00\:00\:00\:01\:02:WPA2 WPA3
:02\:00\:00\:00\:01\:03:WPA2
31:02\:00\:00\:00\:01\:04:
4E6F7768657265::WPA1 WPA2
"""
"""As NetworkManager 1.52.1 lists them; the last is one that it looks for itself."""
CONFIGURING, GETTING_ADDRESS = "connecting (configuring)", "connecting (getting IP configuration)"


@pytest.mark.parametrize(
    ("ssid", "states", "is_refused", "result"),
    [
        ("Nowhere", [CONFIGURING], False, WifiResult.UNSEEN),
        ("Nowhere", [CONFIGURING], True, WifiResult.UNSEEN),
        ("Bar", [CONFIGURING], False, WifiResult.UNSEEN),
        ("Sae", [CONFIGURING], True, WifiResult.PASSWORD),
        ("Sae", [CONFIGURING], False, WifiResult.FAILED),
        ("Mixed", [], True, WifiResult.PASSWORD),
        ("Barn", [CONFIGURING], True, WifiResult.FAILED),
        ("Barn", [GETTING_ADDRESS], False, WifiResult.NO_ADDRESS),
        ("1", [GETTING_ADDRESS], False, WifiResult.NO_ADDRESS),
        ("Barn", [], False, WifiResult.FAILED),
    ],
)
def test_u06_why_a_network_was_not_joined(ssid: str, states: list[str], is_refused: bool, result: WifiResult) -> None:
    assert radio.join_result(wifi_profiles.uuid_of(ssid), SEEN, states, is_refused=is_refused) is result


class Programs:
    """Scripts in the place of nmcli and busctl, as no NetworkManager runs here; they write down how they were called.

    What they say is what the real ones said in the Pi lab.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = folder / "calls"
        self._folder, self._monkeypatch = folder, monkeypatch
        self.say(nmcli="exit 0", busctl="exit 1")

    def say(self, **scripts: str) -> None:
        for name, script in scripts.items():
            program = self._folder / name
            program.write_text(f'#!/bin/sh\necho "$LC_ALL $*" >> {self.calls}\n{script}\n')
            program.chmod(0o755)
            self._monkeypatch.setattr(radio, f"_{name.upper()}", str(program))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs(tmp_path, monkeypatch)


NMCLI = f"""
case "$*" in
  *"connection up"*) echo "{{error}}" >&2; exit 3;;
  *TYPE,DEVICE,STATE,CON-UUID*) echo "wifi:wlan0:{{state}}:{wifi_profiles.uuid_of("Sae")}";;
  *SSID-HEX*) echo '536165:02\\:00\\:00\\:00\\:01\\:01:WPA3';;
esac
"""
BUSCTL = """
case "$1" in
  call) echo 'o "/fi/w1/wpa_supplicant1/Interfaces/0"';;
  get-property) [ "$3" = /fi/w1/wpa_supplicant1/Interfaces/0 ] && printf 'i 1\ni 0\n';;
esac
"""
EXPIRED = "Error: Timeout expired (18 seconds)"


@pytest.mark.process
@pytest.mark.parametrize(
    ("error", "state", "result"),
    [
        ("Error: Connection activation failed: Secrets were required, but not provided", "disconnected", "password"),
        (EXPIRED, CONFIGURING, "password"),
        (EXPIRED, GETTING_ADDRESS, "no_address"),
        ("Error: Connection activation failed: The Wi-Fi network could not be found", "disconnected", "password"),
    ],
)
def test_u06_what_the_system_says_is_told_as_its_reason(
    programs: Programs, error: str, state: str, result: str
) -> None:
    programs.say(nmcli=NMCLI.format(error=error, state=state), busctl=BUSCTL)
    assert Radio().join(wifi_profiles.uuid_of("Sae")) == result


@pytest.mark.process
def test_u06_without_the_supplicants_word_it_is_not_joined(programs: Programs) -> None:
    programs.say(nmcli=NMCLI.format(error=EXPIRED, state=CONFIGURING))
    assert Radio().join(wifi_profiles.uuid_of("Sae")) is WifiResult.FAILED


SEEN_BY_ZERO = """
case "$*" in
  *--active*) echo '{used}:802-11-wireless';;
  *TYPE,DEVICE,STATE,CON-UUID*) echo 'wifi:wlan0:connecting (getting IP configuration):{dhcp}';;
  *SSID-HEX*) printf '%s\\n' '4261726E:AA:WPA2' '536165:AA:WPA3' '4361666520:AA:WPA2' '486F6D65:AA:WPA2';;
esac
"""


@pytest.mark.process
def test_u06_the_command_says_what_went_wrong_by_network(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, etc = tmp_path / "profiles", tmp_path / "etc"
    for path in (folder, etc):
        path.mkdir()
    monkeypatch.setattr(wifi_profiles, "FOLDER", folder)
    monkeypatch.setattr(setup, "ETC", etc)
    monkeypatch.setattr(setup, "SYSTEM_DIRECTORY", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("Barn", "Sae", "Cafe ", "Home", "Far"):
        wifi_profiles.write(
            WifiNetwork(name, Secret(PASSWORD), Security.WPA), folder=folder, is_by_code=name == "Home"
        )
    for name, result in (("Home", WifiResult.UNSEEN), ("Hall", WifiResult.PASSWORD), ("Far", WifiResult.UNSEEN_24)):
        wifi_profiles.note_result(etc, name, result)
    phy = ZERO_2W.replace("\t", "  ")
    barn, cafe = map(wifi_profiles.uuid_of, ("Barn", "Cafe "))
    programs.say(nmcli=SEEN_BY_ZERO.format(used=barn, dhcp=cafe), iw=f"cat <<'EOF'\n{phy}EOF", ip="exit 0")
    status.write(tmp_path, "uploader", UploaderReport(state=UploaderState.PORTAL, wifi=WifiReport("Barn")).to_json())
    assert main(["setup", "wifi"]) == 0
    said = capsys.readouterr().out
    assert PASSWORD not in said
    paragraphs = {text.partition(":")[0]: text.splitlines()[1:] for text in re.split(r"\n(?! )", said)}
    assert {name: lines for name, lines in paragraphs.items() if lines} == {
        "Barn": ["  Now: Barn asks for a login: take a phone's hotspot."],
        "Sae": ["  Now: Sae has WPA3 alone. Set it to WPA2 and WPA3."],
        "Cafe ": ["  Now: Cafe  gives me no address. Restart the router."],
        "Home": ["  When its code was read: Home is not here. I go on trying."],
        "Far": ["  Now: Far is not here. I hear 2.4 GHz only. I go on trying."],
        "Hall": [
            "  When its code was read: Hall refuses the password. Make the code anew.",
            "  Now: Hall is not here. I hear 2.4 GHz only. I go on trying.",
        ],
    }
    assert "Hall: of a code, not kept" in said
    assert main(["setup", "wifi", "--forget", "Hall"]) == 0
    assert "Hall" not in capsys.readouterr().out


@pytest.mark.process
def test_u06_joining_asks_nmcli_in_english_and_waits(programs: Programs) -> None:
    assert Radio().join(wifi_profiles.uuid_of("Barn")) is WifiResult.JOINED
    _, scan, joining = programs.calls.read_text().splitlines()
    assert scan.endswith("device wifi list --rescan yes")
    assert joining == f"C --wait 18 connection up uuid {wifi_profiles.uuid_of('Barn')}"


@pytest.mark.process
def test_u10_a_radio_just_switched_on_is_waited_for(programs: Programs, tmp_path: Path) -> None:
    """It is not available until the supplicant has it; a network that is looked for before is "not here"."""
    script = f"""
case "$*" in
  *TYPE,DEVICE*) echo x >> {tmp_path}/asked
    [ "$(wc -l < {tmp_path}/asked)" -lt 3 ] && echo wifi:wlan0:unavailable: || echo wifi:wlan0:disconnected:;;
esac
"""
    programs.say(nmcli=script)
    assert Radio().join(wifi_profiles.uuid_of("Barn")) is WifiResult.JOINED
    calls = programs.calls.read_text()
    assert (calls.count("TYPE,DEVICE"), calls.count("rescan yes")) == (3, 1)
    assert calls.rindex("TYPE,DEVICE") < calls.index("rescan yes")


@pytest.mark.process
def test_u10_a_radio_that_stays_away_is_not_waited_for_ever(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio, "SCAN_TIMEOUT_S", 2 * radio._LOOK_S)
    programs.say(nmcli="case \"$*\" in *TYPE,DEVICE*) echo wifi:wlan0:unavailable:;; *' up '*) exit 4;; esac")
    assert Radio().join(wifi_profiles.uuid_of("Barn")) is WifiResult.UNSEEN


@pytest.mark.process
def test_u06_a_box_without_networkmanager_says_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio, "_NMCLI", "/nowhere/nmcli")
    assert Radio(30.0).in_use() is None
    assert Radio(30.0).join(wifi_profiles.uuid_of("Barn")) is WifiResult.FAILED


@pytest.mark.process
def test_u06_the_network_in_use_is_asked_for_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script stands in for nmcli, with what that says of a box with a cable and a Wi-Fi."""
    calls, barn = tmp_path / "calls", wifi_profiles.uuid_of("Barn")
    program = tmp_path / "nmcli"
    lines = f"{OTHER}:802-3-ethernet\\n{barn}:802-11-wireless\\n"
    program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nprintf "{lines}"\n')
    program.chmod(0o755)
    monkeypatch.setattr(radio, "_NMCLI", str(program))
    assert Radio().in_use() == barn
    Radio().resume(barn)
    assert calls.read_text().splitlines()[1] == f"--wait 0 connection up uuid {barn}"


def test_u06_what_commands_may_take_in_all_is_limited() -> None:
    """Each ends within its timeout; those after the limit, within the least."""
    clock = HandClock()
    hurried = Radio(radio.LIMIT_S, clock)
    assert hurried._timeout_s(radio.HURRIED_S) == radio.HURRIED_S
    clock.pass_s(radio.LIMIT_S - 10)
    assert hurried._timeout_s(radio.JOIN_TIMEOUT_S) == 10
    clock.pass_s(10)
    assert hurried._timeout_s(radio.JOIN_TIMEOUT_S) == radio.LEAST_S
    assert radio.LIMIT_S + 4 * radio.LEAST_S <= action_runner.RESULT_TIMEOUT_S <= 30  # reasons, profiles, way back
    before_joining_s = 4 * radio.HURRIED_S + radio.SCAN_TIMEOUT_S  # in use, country, profiles, switch; scan
    assert before_joining_s + radio.LEAST_S <= radio.LIMIT_S


def test_u10_a_country_that_cannot_be_kept_keeps_nothing_out(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The boot partition is read-only: else the same code would be taken anew at each start, over what is newer."""

    def broken(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as failing:
        failing.setattr(code_import, "keep_country", broken)
        root.take(BoothCode(link_id="efgh5678", country="DE"))
        assert root_settings_file.event(root.box.settings_file).link_id == "efgh5678"
        root.take(BoothCode(link_id="ijkl9012"))
        assert code_import.finish(root.box, root.put_in_force)
        assert root_settings_file.event(root.box.settings_file).link_id == "ijkl9012"
    assert code_import.finish(root.box, root.put_in_force)
    assert "regdom=DE" in (root.box.boot / "cmdline.txt").read_text()
    assert not (root.box.etc / PENDING).exists()
