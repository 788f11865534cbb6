"""Real radios: the kernel's simulated Wi-Fi, hostapd for the networks around, Debian's NetworkManager in the box.

The access points are in a network namespace of their own: what the box gets of them has come through the air. Each
network is given to the box as a person gives it, by the booth's request to root or by the file on the card.

NetworkManager runs in this step alone. The processor is emulated, so root's helper is given more time here than on a
Pi, except where it is to run out.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from piboothup.config import Secret
from piboothup.config.codes import BoothCode, Security, WifiNetwork, make
from piboothup.root_requests import Outcome, WifiResult, parse_answer
from piboothup.setup.wifi_profiles import path_of, uuid_of
from tests.lab.pi.box import Box
from tests.lab.pi.guest import Failure, wait
from tests.lab.pi.scenarios import expect, expect_equal

JOIN_S = 60
"""Limit of joining where it is to succeed; a Pi's is 18 s."""
STATE = "/var/lib/NetworkManager/NetworkManager.state"
KERNEL_LINE = "/boot/firmware/cmdline.txt"
WORDS = r""" "p\w", ;ä: """
"""A password with all that a keyfile, a code and a shell could take for something else."""

WPA2 = ("wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", f"wpa_passphrase={WORDS}")
WPA3 = ("wpa=2", "wpa_key_mgmt=SAE", "rsn_pairwise=CCMP", "ieee80211w=2", f"sae_password={WORDS}")
MIXED = (*WPA2, "wpa_key_mgmt=WPA-PSK SAE", "ieee80211w=1")
ADDRESSED, SIGN_IN = "bridge=street", "bridge=hotel"


def network(ssid: str, security: Security = Security.WPA, *, hidden: bool = False) -> WifiNetwork:
    return WifiNetwork(ssid, None if security is Security.OPEN else Secret(WORDS), security, hidden)


BARN = network(' Fäst; "Scheune" 2 ')
GARDEN = network("🎈 Garten", Security.SAE)
LAKE = network("Gästehaus am See, Erdgeschoß 1")
OFFICE = network("Büro\\Lager #1", hidden=True)
NUMBERS = network("1;2;3;", Security.OPEN)
SILENT = network("Silent", Security.OPEN)
HOTEL = network("Hotel", Security.OPEN)
NOWHERE = network("Nowhere")
"""As one of 5 GHz is to a radio that has 2.4 GHz alone."""
HOME = network("Zu Hause")

AROUND = {
    BARN.ssid: (*WPA2, ADDRESSED),
    GARDEN.ssid: (*WPA3, ADDRESSED),
    LAKE.ssid: (*MIXED, ADDRESSED),
    OFFICE.ssid: (*WPA2, ADDRESSED, "ignore_broadcast_ssid=1"),
    NUMBERS.ssid: (ADDRESSED,),
    SILENT.ssid: (),
    HOTEL.ssid: (SIGN_IN,),
    HOME.ssid: (*WPA2, ADDRESSED),
}

PROFILES = "/etc/NetworkManager/system-connections"
RUN_PROFILES = "/run/NetworkManager/system-connections"
DROP_IN = "/run/systemd/system/piboothup-requests.service.d"
NO_CABLE = "/run/systemd/system/piboothup-uploader.service.d"
NO_CABLE_SEEN = "[Service]\nInaccessiblePaths=/sys/class/net/eth0/operstate /sys/class/net/eth1/operstate\n"
"""What the uploader has instead of a box without a cable: commands come in by one."""
NETPLAN_UUID = "6b8f3b41-5c2e-3f55-9d0b-3a54b1a0c7d2"
NETPLAN = f"""\
[connection]
id=netplan-wlan0-{HOME.ssid}
type=wifi
uuid={NETPLAN_UUID}
interface-name=wlan0

[wifi]
ssid={HOME.ssid}
mode=infrastructure

[ipv4]
method=auto

[ipv6]
method=auto

[wifi-security]
key-mgmt=wpa-psk
pmf=2
psk={hashlib.pbkdf2_hmac("sha1", WORDS.encode(), HOME.ssid.encode(), 4096, 32).hex()}
"""
"""A person's profile, as Imager has netplan make it: with the password's hash."""

HELPER = f"""\
from pathlib import Path
from piboothup.__main__ import main
from piboothup.setup import radio
radio.LIMIT_S, radio._TIMEOUT_S, radio.SCAN_TIMEOUT_S = None, {JOIN_S}, {JOIN_S}
if Path("/run/lab/patient").exists():
    radio.JOIN_TIMEOUT_S = {JOIN_S}
raise SystemExit(main())
"""
UNIT = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 /run/lab/helper.py setup requests\nTimeoutStartSec=300\n"
UNBLOCKED = """\
import os, time
events = os.open("/dev/rfkill", os.O_RDONLY)
while event := os.read(events, 8):
    if event[5] == 2 and not event[6]:  # a change, to "not blocked"
        print(time.time(), flush=True)
"""
PORTAL = """\
from http.server import BaseHTTPRequestHandler, HTTPServer
class Portal(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://login.hotel.example/")
        self.end_headers()
HTTPServer(("192.168.78.1", 80), Portal).serve_forever()
"""
IN_AIR = """\
set -e
in_air() {
  local unit=air-$1
  shift
  systemd-run --quiet --unit "$unit" -p NetworkNamespacePath=/run/netns/air "$@"
}
"""
ARRIVE = f"""\
{IN_AIR}
cp {STATE} {KERNEL_LINE} /etc/resolv.conf /etc/piboothup/config.toml /run/lab
modprobe mac80211_hwsim radios=2
ip netns add air
iw phy "$(cat /sys/class/net/wlan1/phy80211/name)" set netns name air
for net in street:77 hotel:78; do
  ip -n air link add ${{net%:*}} type bridge
  ip -n air address add 192.168.${{net#*:}}.1/24 dev ${{net%:*}}
  ip -n air link set ${{net%:*}} up
done
systemctl daemon-reload
systemctl start wpa_supplicant NetworkManager
# The box's radio alone is switched off.
ip netns exec air sh -c 'for radio in /sys/class/rfkill/*/soft; do echo 0 >$radio; done'
systemd-run --quiet --unit air-unblocked -p StandardOutput=file:/run/lab/unblocked python3 /run/lab/unblocked.py
systemd-run --quiet --unit air-countries -p StandardOutput=file:/run/lab/countries stdbuf -oL iw event -t
in_air hostapd hostapd /run/lab/hostapd.conf
in_air dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --user=root --pid-file= --no-hosts --no-resolv --no-ping \
  --leasefile-ro --bind-interfaces --interface=street --interface=hotel '--address=/#/192.168.78.1' \
  --dhcp-range=192.168.77.10,192.168.77.99 --dhcp-range=192.168.78.10,192.168.78.99
in_air portal python3 /run/lab/portal.py
"""
LAST_WORDS = """\
cat /boot/firmware/piboothup-status.txt; nmcli device; nmcli -f NAME,UUID,FILENAME connection
journalctl --no-pager --boot --lines 80 --unit 'piboothup-[rs]*' --unit NetworkManager --unit wpa_supplicant
"""
LEAVE = f"""\
systemctl stop NetworkManager wpa_supplicant 'air-*'
rm -f {PROFILES}/* {RUN_PROFILES}/*
cd /run/lab
cp NetworkManager.state {STATE}
cp cmdline.txt {KERNEL_LINE}
cp resolv.conf /etc
cp config.toml /etc/piboothup
rm -rf {DROP_IN} {NO_CABLE} /boot/firmware/piboothup.toml /run/lab
ip netns delete air
systemctl daemon-reload
iw reg set 00
rmmod mac80211_hwsim
systemctl restart --no-block piboothup-uploader
"""


def networks(box: Box) -> None:
    """Each kind of network, given by the card or by a code: joined, or told why not."""
    with _air(box):
        _by_card(box, BARN)
        box.pi.run(f"install -m 600 /run/lab/netplan.nmconnection {RUN_PROFILES} && nmcli connection reload")
        _by_code(box, BoothCode(wifi=LAKE, country="AT"), WifiResult.JOINED)
        expect("another country is in force", box.pi.holds("iw reg get | grep -q '^country AT:'"))
        for given in (GARDEN, OFFICE, NUMBERS):
            _by_code(box, BoothCode(wifi=given), WifiResult.JOINED)
        for given in (HOME, GARDEN):
            _by_code(box, _with_wrong_password(given), WifiResult.PASSWORD)
            wait("the network that was in use", lambda: f"wifi:connected:{uuid_of(NUMBERS.ssid)}" in _look(box))
        _by_code(box, BoothCode(wifi=SILENT), WifiResult.NO_ADDRESS)
        _by_code(box, BoothCode(wifi=NOWHERE), WifiResult.UNSEEN)
        _by_code(box, BoothCode(wifi=HOTEL), WifiResult.JOINED)
        _asks_for_login(box)
        expect_equal("a person's profile", box.pi.get(f"{RUN_PROFILES}/netplan.nmconnection").decode(), NETPLAN)
        box.pi.run(f"nmcli --wait {JOIN_S} connection up uuid {NETPLAN_UUID}")
        _expect_joined(box, HOME.ssid, NETPLAN_UUID)
        expect("no password is logged", not box.pi.holds(f"journalctl -b | grep -qF {shlex.quote(WORDS.strip())}"))


def broken_off(box: Box) -> None:
    """A network whose handshake breaks off, as of a router that is starting, is joined again by itself.

    To the box it looks the same when the network has another password: its part of the handshake gets no answer.
    """
    other = [f"{line} of another" if "passphrase" in line else line for line in AROUND[BARN.ssid]]
    joined = f"wifi:connected:{uuid_of(BARN.ssid)}"

    def said(unit: str, words: str) -> int:
        return int(box.pi.run(f"journalctl -b -o cat -u {unit} | grep -c {shlex.quote(words)} || true"))

    with _air(box):
        box.pi.run(f"mkdir -p {NO_CABLE}")
        box.pi.put(NO_CABLE_SEEN, f"{NO_CABLE}/lab.conf")
        box.pi.put(_hostapd({BARN.ssid: other}), "/run/lab/other.conf")
        box.pi.run("systemctl daemon-reload")
        box.restart("uploader")
        _by_code(box, BoothCode(wifi=BARN, country="AT"), WifiResult.JOINED)
        refused, registered = said("NetworkManager", "no secrets"), said("NetworkManager", "agent registered")
        box.pi.run(f"{IN_AIR}systemctl stop air-hostapd; in_air other hostapd /run/lab/other.conf")
        wait("NetworkManager to give the network up", lambda: said("NetworkManager", "no secrets") > refused)
        box.pi.run(f"{IN_AIR}systemctl stop air-other; in_air hostapd hostapd /run/lab/hostapd.conf")
        gone_s = float(box.pi.run("cut -d ' ' -f 1 /proc/uptime"))
        expect("it is given up", joined not in _look(box))
        wait("an agent of the uploader's", lambda: said("NetworkManager", "agent registered") > registered)
        wait("the network", lambda: joined in _look(box))
        took_s = float(box.pi.run("cut -d ' ' -f 1 /proc/uptime")) - gone_s
        print(f"joined again {took_s:.0f} s after the network was back")
        wait("the log", lambda: said("piboothup-uploader", "networks tried again"))


@contextmanager
def _air(box: Box) -> Iterator[None]:
    """The radios, the networks and NetworkManager, which the box has no more afterwards."""
    run = box.pi.run
    files = {"hostapd.conf": _hostapd(AROUND), "netplan.nmconnection": NETPLAN}
    files |= {"unblocked.py": UNBLOCKED, "portal.py": PORTAL, "helper.py": HELPER}
    run(f"mkdir -p /run/lab {DROP_IN} {RUN_PROFILES}")
    for name, content in files.items():
        box.pi.put(content, f"/run/lab/{name}")
    box.pi.put(UNIT, f"{DROP_IN}/lab.conf")
    try:
        run(ARRIVE)
        yield
    except Exception:
        print(run(LAST_WORDS))
        raise
    finally:
        run(LEAVE)


def _hostapd(found: Mapping[str, Sequence[str]]) -> str:
    """Configuration of a radio with all these networks."""
    lines = ["interface=wlan1", "driver=nl80211", "hw_mode=g", "channel=1", "ieee80211n=1"]
    for number, (ssid, more) in enumerate(found.items()):
        lines += [*([f"bss=ap{number}"] if number else []), f"ssid2={ssid.encode().hex()}", *more]
    return "\n".join([*lines, ""])


def _by_card(box: Box, given: WifiNetwork) -> None:
    """The radio is off, as in Raspberry's image, and no country is known: the card's file names both."""
    run = box.pi.run
    seen = run("nmcli -t radio wifi; iw reg get | grep -m 1 ^country")
    expect_equal("the radio", seen, "disabled\ncountry 00: DFS-UNSET")
    ssid, password = (json.dumps(text, ensure_ascii=False) for text in (given.ssid, WORDS))
    file = ['country = "DE"', "[[wifi]]", "priority = 10", f"ssid = {ssid}", f"password = {password}", ""]
    box.pi.put("\n".join(file), "/boot/firmware/piboothup.toml")
    run("systemctl start piboothup-setup")
    joined = f"wifi:connected:{uuid_of(given.ssid)}"
    try:
        wait("the card's network", lambda: joined in _look(box), 2 * JOIN_S)
    except Failure:  # an emulated radio may answer too late, and NetworkManager waits minutes before it tries again
        print(f"{given.ssid!r}: once more, as NetworkManager would by and by")
        run(f"nmcli --wait {JOIN_S} connection up uuid {uuid_of(given.ssid)} || true")
        wait("the card's network", lambda: joined in _look(box))
    _expect_joined(box, given.ssid, str(uuid_of(given.ssid)))
    expect("the country is kept", box.pi.holds(f"grep -q 'regdom=DE$' {KERNEL_LINE}"))
    at_s = run("grep -m 1 DE /run/lab/countries | cut -d : -f 1; head -n 1 /run/lab/unblocked").split()
    print(f"the country was set {float(at_s[1]) - float(at_s[0]):.1f} s before the radio was switched on")
    expect(f"the country was set first: {at_s}", float(at_s[0]) < float(at_s[1]))


def _with_wrong_password(given: WifiNetwork) -> BoothCode:
    return BoothCode(wifi=WifiNetwork(given.ssid, Secret("wrong words"), given.security, given.hidden))


def _by_code(box: Box, code: BoothCode, wanted: WifiResult) -> None:
    """Ask root as the booth does, and see whether it is as root answers."""
    is_joined = wanted is WifiResult.JOINED
    assert code.wifi is not None
    ssid = code.wifi.ssid
    found = _answer(box, code, is_patient=is_joined)
    if found != wanted and found in (WifiResult.FAILED, WifiResult.FORMER):  # an emulated radio may answer too late
        print(f"{ssid!r}: once more, as a person would")
        found = _answer(box, code, is_patient=True)
    expect_equal(f"the result of {ssid!r}", found, wanted)
    if wanted is not WifiResult.PASSWORD:
        kept = box.pi.run(f"stat -c '%a %U' {path_of(ssid)}; grep ^uuid= {path_of(ssid)}")
        expect_equal("its profile", kept, f"600 root\nuuid={uuid_of(ssid)}")
    if is_joined:
        _expect_joined(box, ssid, str(uuid_of(ssid)))


def _answer(box: Box, code: BoothCode, *, is_patient: bool) -> str:
    """Root's answer to a request of the booth's."""
    run = box.pi.run
    uptime_s = run(f"{'touch' if is_patient else 'rm -f'} /run/lab/patient; cut -d ' ' -f 1 /proc/uptime")
    asked_ns = int(float(uptime_s) * 1e9)
    request = json.dumps({"code": make(code).reveal(), "asked_ns": asked_ns})
    draft = "/run/piboothup/lab-draft"
    put = f"cat >{draft} && mv {draft} /run/piboothup/requests/settings"
    run(f"setpriv --reuid piboothup-booth --regid piboothup --clear-groups sh -c '{put}'", request)
    answers = []

    def is_answered() -> bool:
        answers.append(parse_answer(box.pi.get("/run/piboothup/answers/settings || true")))
        return answers[-1].asked_ns == asked_ns and answers[-1].outcome is not Outcome.TAKEN

    wait("root's answer", is_answered)
    took_s = float(run("cut -d ' ' -f 1 /proc/uptime")) - asked_ns / 1e9
    said = answers[-1].detail or answers[-1].outcome
    print(f"{code.wifi.ssid if code.wifi else ''!r}: {said} after {took_s:.0f} s")
    return said


def _look(box: Box) -> str:
    """What NetworkManager and the kernel say of the radio."""
    return box.pi.run(
        "nmcli -t -f TYPE,STATE,CON-UUID device; nmcli -t -f IN-USE,SSID-HEX device wifi list --rescan no;"
        "iw dev wlan0 get power_save; ip -4 -oneline address show wlan0"
    )


def _expect_joined(box: Box, ssid: str, profile: str) -> None:
    seen, in_use = _look(box), f"*:{ssid.encode().hex().upper()}"
    for word in (f"wifi:connected:{profile}", in_use, "inet 192.168.7", "Power save: off"):
        expect(f"{ssid!r} is joined: {word} in {seen}", word in seen)


def _asks_for_login(box: Box) -> None:
    """The hotel's network answers in the place of EventPics: uploader and doctor say so."""
    box.pi.run("sed -i '/^api_url = /d' /etc/piboothup/config.toml")
    box.restart("uploader")
    wait("the uploader to notice the portal", lambda: box.pi.report("uploader").get("state") == "portal")
    said = box.pi.run("piboothup doctor || true")
    print(*(line for line in said.splitlines() if "sign-in" in line), sep="\n")
    expect(f"the doctor names the portal: {said}", "sign-in page" in said)
