"""Profiles for NetworkManager, read by the real parsers: GLib's of keyfiles, and NetworkManager's own where it is."""

from __future__ import annotations

import ctypes
import json
import re
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.config import Secret
from piboothup.config.codes import CodeError, Security, WifiNetwork
from piboothup.records import replace
from piboothup.setup import wifi_profiles
from piboothup.setup.wifi_profiles import keyfile, ours, path_of, saved_password, uuid_of, write

PASSWORDS = [
    "canary-password",
    "  both ends  ",
    "\\s\\t\\\\ back \\",
    "semi;colon;list",
    "$dollar `tick` \"quote\" 'single'",
    "# comment [x] key=value",
    "wörd 🎉 пароль",
    "x" * 63,
    "0123456789abcdef" * 4,
]
SSIDS = ["Barn", " Barn ", "49;50;", "a;b", "Größe 🎉", "#1 [x]=y", "\\n", "=", "x" * 32, "12", "-", "Open house"]


def network(ssid: str, password: str | None, security: Security = Security.WPA, **more: bool) -> WifiNetwork:
    given = None if password is None else Secret(password)
    return WifiNetwork(ssid, given, security if given else Security.OPEN, **more)


def glib() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libglib-2.0.so.0")
    except OSError:
        pytest.skip("SKIPPED: no GLib here, so no real parser of keyfiles")
    library.g_key_file_new.restype = ctypes.c_void_p
    library.g_key_file_get_string.restype = ctypes.c_char_p
    return library


def as_glib_reads(text: str) -> dict[str, str]:
    """Text of `group.key` as GLib reads the keyfile."""
    library, content = glib(), text.encode()
    file = ctypes.c_void_p(library.g_key_file_new())
    loaded = library.g_key_file_load_from_data(file, content, ctypes.c_size_t(len(content)), 0, None)
    assert loaded
    found = {}
    for group, key in (("connection", "id"), ("wifi", "ssid"), ("wifi-security", "psk"), ("connection", "uuid")):
        value = library.g_key_file_get_string(file, group.encode(), key.encode(), None)
        if value is not None:
            found[f"{group}.{key}"] = value.decode()
    library.g_key_file_free(file)
    return found


@pytest.mark.parametrize("password", PASSWORDS)
def test_c11_any_password_is_read_as_given(password: str, tmp_path: Path) -> None:
    text = keyfile(network("Barn", password)).reveal()
    assert as_glib_reads(text)["wifi-security.psk"] == password
    write(network("Barn", password), folder=tmp_path)
    found = saved_password("Barn", tmp_path)
    assert found is not None
    assert found.reveal() == password


def name_as_read(text: str) -> str:
    """A network's name as NetworkManager's reader of keyfiles takes it: numbers of bytes, else GLib's text."""
    said = as_glib_reads(text)["wifi.ssid"]
    if re.fullmatch(r"\s*([0-9]{1,3}\s*;\s*)+([0-9]{1,3})?\s*", said):
        return bytes(int(number) for number in said.split(";") if number.strip()).decode()
    return re.sub(r"\\(.)", r"\1", said)


@pytest.mark.parametrize("ssid", SSIDS)
def test_c11_any_name_is_read_as_given(ssid: str) -> None:
    assert name_as_read(keyfile(network(ssid, PASSWORDS[0])).reveal()) == ssid


@pytest.mark.slow
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=20))
def test_c11_any_text_is_read_as_given(password: str, ssid: str) -> None:
    try:
        made = network(ssid, password, Security.SAE)
    except CodeError:
        return
    found = as_glib_reads(keyfile(made).reveal())
    assert found["wifi-security.psk"] == password
    assert found["connection.id"] == f"piboothup {ssid}"
    assert found["connection.uuid"] == str(uuid_of(ssid))
    assert name_as_read(keyfile(made).reveal()) == ssid


def test_c11_the_profile_is_root_s_alone_and_written_once(tmp_path: Path) -> None:
    assert write(network("Barn", PASSWORDS[0]), 10, tmp_path)
    (path,) = tmp_path.iterdir()
    assert (path, stat.S_IMODE(path.stat().st_mode)) == (path_of("Barn", tmp_path), 0o600)
    assert not write(network("Barn", PASSWORDS[0]), 10, tmp_path)
    assert write(network("Barn", PASSWORDS[0], hidden=True), 10, tmp_path)
    assert write(network("Open", None), 0, tmp_path)
    assert saved_password("Open", tmp_path) is None
    assert saved_password("Nowhere", tmp_path) is None
    assert len(list(tmp_path.iterdir())) == 2


def test_c11_a_network_written_again_keeps_its_priority(tmp_path: Path) -> None:
    write(network("Barn", PASSWORDS[0]), 20, tmp_path)
    assert write(network("Barn", PASSWORDS[1]), folder=tmp_path)
    assert [(profile.ssid, profile.priority) for profile in ours(tmp_path)] == [("Barn", 20)]
    assert not write(network("Barn", PASSWORDS[1]), folder=tmp_path)
    assert write(network("Barn", PASSWORDS[1]), 0, tmp_path), "a file on the card says it"
    assert write(network("Attic", PASSWORDS[1]), folder=tmp_path)
    assert [profile.priority for profile in ours(tmp_path)] == [0, 0]


def test_c11_a_password_is_in_no_message() -> None:
    made = keyfile(network("Barn", PASSWORDS[0]))
    assert "canary" not in f"{made} {made!r} {network('Barn', PASSWORDS[0])!r}"


@pytest.mark.parametrize(
    ("network", "protection"),
    [
        (network("Barn", PASSWORDS[0]), "key-mgmt=wpa-psk"),
        (network("Barn", PASSWORDS[0], Security.SAE), "key-mgmt=sae"),
        (network("Barn", None), None),
    ],
    ids=["WPA2 and WPA3", "WPA3", "open"],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_c11_the_profile_says_how_it_is_protected(network: WifiNetwork, protection: str | None, hidden: bool) -> None:
    lines = keyfile(replace(network, hidden=hidden)).reveal().splitlines()
    assert [line for line in lines if line.startswith("key-mgmt=")] == ([protection] if protection else [])
    assert ("[wifi-security]" in lines) is (protection is not None)
    assert ("hidden=true" in lines) is hidden


READER = """
import gi, json, sys
gi.require_version("NM", "1.0")
from gi.repository import GLib, NM
file = GLib.KeyFile.new()
data = sys.stdin.buffer.read()
file.load_from_bytes(GLib.Bytes.new(data), GLib.KeyFileFlags.NONE)
told = []
handler = lambda *given: told.append(str(given)) or True
made = NM.keyfile_read(file, "/", NM.KeyfileHandlerFlags.NONE, handler)
made.normalize()
assert made.verify() and made.verify_secrets()
main, wifi = made.get_setting_connection(), made.get_setting_wireless()
security = made.get_setting_wireless_security()
print(json.dumps({
    "uuid": main.get_uuid(), "id": main.get_id(), "priority": main.get_autoconnect_priority(),
    "ssid": list(wifi.get_ssid().get_data()), "hidden": wifi.get_hidden(), "powersave": wifi.get_powersave(),
    "key_mgmt": security and security.get_key_mgmt(), "psk": security and security.get_psk(), "told": told,
}))
"""


def as_network_manager_reads(text: str) -> dict[str, object]:
    python = "/usr/bin/python3"
    probe = [python, "-c", "import gi; gi.require_version('NM', '1.0'); from gi.repository import NM"]
    if not Path(python).exists() or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED: no gir1.2-nm-1.0 here, so no real parser of NetworkManager")
    done = subprocess.run([python, "-c", READER], input=text.encode(), capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.process
@pytest.mark.parametrize("ssid", SSIDS)
def test_c11_network_manager_reads_any_name(ssid: str) -> None:
    found = as_network_manager_reads(keyfile(network(ssid, PASSWORDS[1], hidden=True), 7).reveal())
    assert bytes(found["ssid"]).decode() == ssid  # type: ignore[call-overload]
    assert found["id"] == f"piboothup {ssid}"
    assert (found["uuid"], found["priority"], found["hidden"]) == (str(uuid_of(ssid)), 7, True)
    assert (found["key_mgmt"], found["psk"], found["powersave"], found["told"]) == ("wpa-psk", PASSWORDS[1], 2, [])


@pytest.mark.process
@pytest.mark.parametrize("password", PASSWORDS)
def test_c11_network_manager_reads_any_password(password: str) -> None:
    found = as_network_manager_reads(keyfile(network("Barn", password)).reveal())
    assert (found["psk"], found["key_mgmt"], found["hidden"], found["told"]) == (password, "wpa-psk", False, [])


@pytest.mark.process
def test_c11_network_manager_reads_wpa3_and_open_networks() -> None:
    found = as_network_manager_reads(keyfile(network("Barn", "pin", Security.SAE)).reveal())
    assert (found["key_mgmt"], found["psk"]) == ("sae", "pin")
    found = as_network_manager_reads(keyfile(network("Barn", None)).reveal())
    assert (found["key_mgmt"], found["psk"]) == (None, None)


@pytest.mark.parametrize("chip", [wifi_profiles.OLD_CHIP, "0xa9bf", ""])
@pytest.mark.parametrize("has_cloud_init", [True, False])
def test_u06_the_system_keeps_profiles_and_joins_them(tmp_path: Path, chip: str, has_cloud_init: bool) -> None:
    """Else cloud-init deletes them at the next start, and a Zero 2 W joins no network of WPA2 and WPA3."""
    cloud, driver = tmp_path / wifi_profiles.CLOUD_FILE[0], tmp_path / wifi_profiles.CHIP_FILE[0]
    driver.parent.mkdir(parents=True)
    if has_cloud_init:
        cloud.parent.mkdir(parents=True)
    if chip:
        number = tmp_path / "sys/class/net/wlan0/device/device"
        number.parent.mkdir(parents=True)
        number.write_text(f"{chip}\n")
    wifi_profiles.protect(tmp_path)
    assert cloud.is_file() is has_cloud_init
    assert driver.is_file() is (chip == wifi_profiles.OLD_CHIP)
    if driver.is_file():
        assert "feature_disable=0x2282000\n" in driver.read_text()
