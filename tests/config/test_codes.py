"""The three codes: each way that phones, routers and people write them; what is refused; no secret in any repr."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from piboothup.config import LANGUAGES, Secret
from piboothup.config.codes import (
    BoothCode,
    CodeError,
    Fault,
    GuestLink,
    OtherCode,
    OtherKind,
    Security,
    WifiNetwork,
    make,
    parse,
)
from tests.support.effort import some

BARN = WifiNetwork("Barn", Secret("sunflower"), Security.WPA)


@pytest.mark.parametrize(
    "text",
    [
        "WIFI:T:WPA;S:Barn;P:sunflower;;",
        "WIFI:S:Barn;T:WPA;P:sunflower;H:false;;",
        "WIFI:P:sunflower;H:;S:Barn;T:WPA;R:1;;",
        "wifi:s:Barn;t:wpa2;p:sunflower;;",
        "WIFI:S:Barn;P:sunflower;;",
        "WIFI:T:WPA/WPA2/WPA3;S:Barn;P:sunflower",
        "WIFI:T:WPA2-PSK;S:Barn;P:sunflower;",
        "\r\nWIFI:T:WPA;\r\nS:Barn;\r\nP:sunflower;;\r\n",
        'WIFI:S:"Barn";T:WPA;P:"sunflower";;',
        r"WIFI:S:B\arn;T:WPA;P:sun\flower;;",
        "WIFI:T:WPA;S:Barn;P:sunflower;;WIFI:S:Other;;",
        "WIFI:T:WPA;S:Barn;P:sunflower;P:other-password;S:Other;;",
        "\ufeffWIFI:S:Barn;T:WPA;P:sunflower;;",
        "\r\n\u200b \ufeffWIFI:S:Barn;T:WPA;P:sunflower;;",
        "WIFI:T:PSK;S:Barn;P:sunflower;;",
        "WIFI:T:psk2;S:Barn;P:sunflower;;",
        "WIFI:T:WPA;S:Barn;P:sunflower;E:;A:;I:;PH2:;;",
        "WIFI:nothing;T:WPA;S:Barn;X-NEW:a\\;b;P:sunflower;;",
    ],
)
def test_c12_wifi_code_in_any_order_and_form_is_read(text: str) -> None:
    assert parse(text) == BARN


@pytest.mark.parametrize(
    ("text", "ssid", "password"),
    [
        (r"WIFI:T:WPA;S:Caf\\\;\,\:\"e\";P:p\;a\\s\:s\,w\"d;;", 'Caf\\;,:"e"', 'p;a\\s:s,w"d'),
        ("WIFI:T:WPA;S:Barn:2,4;P:a:b,c\"d'e$f;;", "Barn:2,4", "a:b,c\"d'e$f"),
        ("WIFI:T:WPA;S: Barn ;P: 8 blanks ;;", " Barn ", " 8 blanks "),
        ('WIFI:T:WPA;S:Barn;P:"half quoted;;', "Barn", '"half quoted'),
        ('WIFI:T:WPA;S:Barn;P:"with;semicolon";;', "Barn", "with;semicolon"),
        ("WIFI:T:WPA;S:Scheune 🌻;P:grün🌻🌻;;", "Scheune 🌻", "grün🌻🌻"),
        ("WIFI:T:WPA;S:" + "é" * 16 + ";P:" + "x" * 63 + ";;", "é" * 16, "x" * 63),
        ("WIFI:T:WPA;S:Barn;P:" + "0aF9" * 16 + ";;", "Barn", "0aF9" * 16),
        ("WIFI:T:SAE;S:Barn;P:short;;", "Barn", "short"),
        ("WIFI:T:WPA;S:Barn;P:backslash\\", "Barn", "backslash\\"),
    ],
)
def test_c12_wifi_name_and_password_are_read_to_the_letter(text: str, ssid: str, password: str) -> None:
    network = parse(text)
    assert isinstance(network, WifiNetwork)
    assert network.password is not None
    assert (network.ssid, network.password.reveal()) == (ssid, password)


@pytest.mark.parametrize(
    ("fields", "security", "hidden"),
    [
        ("", Security.OPEN, False),
        ("T:nopass;", Security.OPEN, False),
        ("T:nopass;P:of another time;", Security.OPEN, False),
        ("T:;H:TRUE;", Security.OPEN, True),
        ("T:WPA;P:sunflower;H:true;", Security.WPA, True),
        ("T:WPA3;P:sunflower;", Security.SAE, False),
        ("T:sae;P:sunflower;H:1;", Security.SAE, True),
    ],
)
def test_c12_wifi_open_hidden_and_wpa3_are_told_apart(fields: str, security: Security, hidden: bool) -> None:
    network = parse(f"WIFI:S:Barn;{fields};")
    assert isinstance(network, WifiNetwork)
    assert (network.security, network.hidden) == (security, hidden)
    assert (network.password is None) == (security is Security.OPEN)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("WIFI:T:WPA;P:sunflower;;", Fault.WIFI_NAME),
        ("WIFI:", Fault.WIFI_NAME),
        ("WIFI:S:" + "ü" * 17 + ";;", Fault.WIFI_NAME),
        ("WIFI:S:two\nlines;;", Fault.WIFI_NAME),
        ("WIFI:S:\ud800;;", Fault.WIFI_NAME),
        ("WIFI:T:WPA;S:Barn;;", Fault.WIFI_PASSWORD),
        ("WIFI:T:WPA;S:Barn;P:seven77;;", Fault.WIFI_PASSWORD),
        ("WIFI:T:WPA;S:Barn;P:" + "x" * 64 + ";;", Fault.WIFI_PASSWORD),
        ("WIFI:T:WPA;S:Barn;P:sun\x00flower;;", Fault.WIFI_PASSWORD),
        ("WIFI:T:SAE;S:Barn;;", Fault.WIFI_PASSWORD),
        ("WIFI:T:WEP;S:Barn;P:12345;;", Fault.WIFI_WEP),
        ("WIFI:T:WPA2-EAP;S:Barn;E:TTLS;PH2:MSCHAPV2;I:me;P:sunflower;;", Fault.WIFI_ENTERPRISE),
        ("WIFI:T:WPA;S:Barn;E:PEAP;P:sunflower;;", Fault.WIFI_ENTERPRISE),
        ("WIFI:S:Barn;I:me@example.org;P:sunflower;;", Fault.WIFI_ENTERPRISE),
        ("WIFI:T:;S:Barn;A:anonymous;P:sunflower;;", Fault.WIFI_ENTERPRISE),
        ("WIFI:T:WPA;S:Barn;PH2:MSCHAPV2;P:sunflower;;", Fault.WIFI_ENTERPRISE),
        ("WIFI:T:WAPI;S:Barn;P:sunflower;;", Fault.WIFI_SECURITY),
        ("PIBOOTHUP:;;", Fault.EMPTY),
        ("PIBOOTHUP:K:a key;;", Fault.KEY),
        ("PIBOOTHUP:E:../abcd;;", Fault.EVENT),
        ("PIBOOTHUP:A:a1;;", Fault.EVENT),
        ("PIBOOTHUP:E:abcd1234;A:a/1;;", Fault.EVENT),
        ("PIBOOTHUP:P:sunflower;;", Fault.WIFI_NAME),
        ("PIBOOTHUP:S:Barn;T:WEP;P:12345;;", Fault.WIFI_WEP),
        ("PIBOOTHUP:N:" + "x" * 41 + ";;", Fault.NAME),
        ("PIBOOTHUP:C:Germany;;", Fault.COUNTRY),
        ("PIBOOTHUP:L:xx;;", Fault.LANGUAGE),
        ("PIBOOTHUP:Z:Europe Berlin;;", Fault.ZONE),
        ("PIBOOTHUP:K:cut-in-the-mi", Fault.CUT),
        ("PIBOOTHUP:E:abcd1234;", Fault.CUT),
    ],
)
def test_c12_code_that_no_box_can_use_says_why(text: str, fault: Fault) -> None:
    with pytest.raises(CodeError) as told:
        parse(text)
    assert told.value.fault is fault
    assert str(told.value).count(". ") == 1, "a sentence and a remedy"
    assert "sunflower" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://app.eventpics.net/aB3dEf6hIj1L",
        "HTTPS://APP.EVENTPICS.NET/aB3dEf6hIj1L",
        "Https://App.EventPics.net/aB3dEf6hIj1L/",
        "https://app.eventpics.net/aB3dEf6hIj1L?utm_source=qr#top",
        " https://app.eventpics.net/aB3dEf6hIj1L\n",
        "\ufeffhttps://app.eventpics.net/aB3dEf6hIj1L\u200b",
    ],
)
def test_u07_guest_link_in_any_case_gives_the_id_as_it_is(text: str) -> None:
    assert parse(text) == GuestLink("aB3dEf6hIj1L")


@pytest.mark.parametrize(
    "text",
    [
        "https://app.eventpics.net/",
        "https://app.eventpics.net/..",
        "https://app.eventpics.net/abcd1234/album",
        "https://app.eventpics.net/ab%63d1234",
        "https://app.eventpics.net.example/abcd1234",
        "https://app.eventpics.net@evil.example/abcd1234",
        "https://evil.example/?https://app.eventpics.net/abcd1234",
        "http://192.168.4.1/abcd1234",
    ],
)
def test_u07_other_address_is_no_guest_link(text: str) -> None:
    assert parse(text) == OtherCode(OtherKind.WEB)


def test_u07_guest_link_has_the_form_that_the_config_names() -> None:
    own = "https://photos.example/e/{link_id}/guests"
    assert parse("HTTPS://photos.EXAMPLE/e/abcd1234/guests", own) == GuestLink("abcd1234")
    assert parse("https://photos.example/E/abcd1234/guests", own) == OtherCode(OtherKind.WEB)
    assert parse("https://app.eventpics.net/abcd1234", own) == OtherCode(OtherKind.WEB)
    assert parse(make(GuestLink("abcd1234"), own).reveal(), own) == GuestLink("abcd1234")


def test_u08_booth_code_has_each_setting_of_the_page() -> None:
    text = (
        r"PIBOOTHUP:K:ab\:cd;E:aB3dEf6hIj1L;A:a1;S:Barn;T:WPA;P:sun\;flower;H:true;"
        "N:Müller & Co;C:de;L:de;Z:Europe/Berlin;;"
    )
    network = WifiNetwork("Barn", Secret("sun;flower"), Security.WPA, hidden=True)
    assert parse(text) == BoothCode(
        Secret("ab:cd"), "aB3dEf6hIj1L", "a1", network, "Müller & Co", "DE", "de", "Europe/Berlin"
    )
    assert parse("piboothup:C:DE;;") == parse("\ufeffpiboothup:C:DE;;") == BoothCode(country="DE")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("http://example.com", OtherKind.WEB),
        ("www.example.com", OtherKind.WEB),
        ("BEGIN:VCARD\nN:Guest\nEND:VCARD", OtherKind.CONTACT),
        ("MECARD:N:Guest;;", OtherKind.CONTACT),
        ("mailto:a@example.com", OtherKind.MAIL),
        ("tel:+4930", OtherKind.PHONE),
        ("SMSTO:+4930:Hi", OtherKind.MESSAGE),
        ("geo:52.5,13.4", OtherKind.PLACE),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR", OtherKind.CALENDAR),
        ("BCD\n002\n1\nSCT", OtherKind.PAYMENT),
        ("otpauth://totp/a?secret=canary-password", OtherKind.LOGIN),
        ("DPP:K:MDkwEwYHKoZIzj0CAQ;;", OtherKind.DEVICE),
        ("4006381333931", OtherKind.NUMBER),
        ("Table 7", OtherKind.TEXT),
        ("", OtherKind.TEXT),
        ("PIBOOTH:K:canary-key", OtherKind.TEXT),
    ],
)
def test_c14_code_of_another_kind_is_named_without_its_text(text: str, kind: OtherKind) -> None:
    assert parse(text) == OtherCode(kind)
    assert "canary" not in repr(parse(text))


def test_c03_no_secret_of_a_code_is_shown() -> None:
    text = "PIBOOTHUP:K:canary-key;S:Barn;T:WPA;P:canary-password;;"
    assert "canary" not in f"{parse(text)!r} {make(parse(text))!r} {make(parse(text))}"  # type: ignore[arg-type]


WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20) | st.text(
    string.ascii_letters + '\\;:," ', min_size=1, max_size=20
)
IDS = st.text(string.ascii_letters + string.digits + "._~-", min_size=1, max_size=128).filter(
    lambda text: text.strip(".")
)
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)


@st.composite
def networks(draw: st.DrawFn) -> WifiNetwork:
    security = draw(st.sampled_from(Security))
    password = (
        None
        if security is Security.OPEN
        else Secret(draw(WORDS | st.text("0123456789abcdef", min_size=64, max_size=64)))
    )
    try:
        return WifiNetwork(draw(WORDS), password, security, draw(st.booleans()))
    except CodeError:
        assume(False)
        raise


@st.composite
def booth_codes(draw: st.DrawFn) -> BoothCode:
    link_id = draw(st.just("") | IDS)
    try:
        return BoothCode(
            draw(st.none() | KEYS.map(Secret)),
            link_id,
            draw(st.just("") | IDS) if link_id else "",
            draw(st.none() | networks()),
            draw(st.just("") | WORDS),
            draw(st.sampled_from(["", "DE", "GB"])),
            draw(st.sampled_from(["", *LANGUAGES])),
            draw(st.sampled_from(["", "Europe/Berlin", "America/Port-au-Prince", "Etc/GMT+3"])),
        )
    except CodeError:
        assume(False)
        raise


@pytest.mark.slow
@some(400)
@given(networks() | booth_codes() | IDS.map(GuestLink))
def test_c12_u08_each_code_is_read_as_it_was_made(code: Any) -> None:
    assert parse(make(code).reveal()) == code


@pytest.mark.slow
@some(600)
@given(
    st.sampled_from(["", "WIFI:", "PIBOOTHUP:", "wifi:S:a;T:WPA;P:", "https://app.eventpics.net/"]),
    st.text() | st.text('STPHKEANCLZ;:\\",Wpa1 \n'),
)
def test_c12_any_text_is_read_or_refused_in_words(prefix: str, text: str) -> None:
    try:
        code = parse(prefix + text)
    except CodeError as told:
        assert str(told)
        return
    if not isinstance(code, OtherCode):
        assert parse(make(code).reveal()) == code
