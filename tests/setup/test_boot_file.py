"""The file on the card: in whatever form an editor leaves it, with whatever mistake, for one box of many."""

from __future__ import annotations

import codecs
import resource
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from piboothup.config import Secret
from piboothup.config.codes import Security
from piboothup.setup.boot_file import BootFile, read
from piboothup.setup.boot_text import SAVED, NotText, decode, without_secrets
from tests.support import forked

KEY = "canary-key-3b9f5a01c6d2"
PASSWORD = "canary ; \\ $ wörd 🎉"
BOX = "7F3K"
WHOLE = f"""\
# For the wedding.
config_version = 1
name = "Łódź Booth"   # what guests see
language = "de"
timezone = "Europe/Berlin"
country = "de"

[eventpics]
api_key = "{KEY}"   # from the app
link_id = "abcd1234"
album_id = "a1"

[capture]
countdown_s = 3

[[wifi]]
ssid = "Barn"
password = '{PASSWORD}'
priority = 10

[[wifi]]
ssid = "Open house"
hidden = true
"""


def text_of(file: BootFile) -> str:
    text = without_secrets(file.text, file.readable, file.secrets)
    assert text is not None
    return text


def told(file: BootFile) -> list[tuple[int | None, str]]:
    """Line and sentence of each mistake; each has a remedy, and none a secret."""
    for mistake in file.mistakes:
        assert mistake.what.endswith(".")
        assert mistake.remedy.endswith(".")
        assert "canary" not in str(mistake)
    return [(mistake.line, mistake.what) for mistake in file.mistakes]


def assert_whole(file: BootFile) -> None:
    assert told(file) == []
    assert file.settings == {
        "name": "Łódź Booth",
        "language": "de",
        "timezone": "Europe/Berlin",
        "eventpics": {"link_id": "abcd1234", "album_id": "a1"},
        "capture": {"countdown_s": 3},
    }
    assert file.key is not None
    assert (file.key.reveal(), file.country) == (KEY, "DE")
    barn, house = file.networks
    assert barn.network.password is not None
    assert (barn.network.ssid, barn.network.password.reveal(), barn.priority) == ("Barn", PASSWORD, 10)
    assert (barn.network.security, barn.network.hidden) == (Security.WPA, False)
    assert (house.network.ssid, house.network.password, house.network.hidden) == ("Open house", None, True)


# -- whatever an editor does ---------------------------------------------------------------------------------------

CP1252 = WHOLE.replace("Łódź", "Größe").replace(PASSWORD, PASSWORD.replace("🎉", "€"))


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.encode(),
        codecs.BOM_UTF8 + WHOLE.encode(),
        codecs.BOM_UTF16_LE + WHOLE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WHOLE.encode("utf-16-be"),
        WHOLE.encode("utf-16-le"),
        WHOLE.encode("utf-16-be"),
        WHOLE.replace("\n", "\r\n").encode(),
        WHOLE.replace("\n", "\r").encode(),
        codecs.BOM_UTF16_LE + WHOLE.replace("\n", "\r\n").encode("utf-16-le"),
        WHOLE.replace("\n", "\u2028").encode(),
        WHOLE.rstrip().encode(),
        WHOLE.replace("\n", " \t\n").encode(),
        WHOLE.replace(" = ", "\xa0=\xa0").replace("[eventpics]", "\xa0[eventpics]\u200b").encode(),
    ],
    ids=range(13),
)
def test_c10_the_file_is_read_as_any_editor_leaves_it(content: bytes) -> None:
    assert_whole(read(content, BOX))


@pytest.mark.parametrize("marks", ["“”", "„“", "„”", "””", "««", "»«", '"”', '“"', "‟″"])
def test_c10_curly_quotes_are_read_as_straight_ones(marks: str) -> None:
    begin, end = marks[0], marks[1]
    curly = "\n".join(_curled(line, begin, end) for line in WHOLE.split("\n"))
    assert curly != WHOLE
    assert_whole(read(curly.encode(), BOX))
    if marks == "“”":
        cp1252 = "\n".join(_curled(line, begin, end) for line in CP1252.split("\n")).encode("cp1252")
        assert read(cp1252, BOX).settings["name"] == "Größe Booth"


def _curled(line: str, begin: str, end: str) -> str:
    key, quote, rest = line.partition('"')
    value, closing, after = rest.partition('"')
    return f"{key}{begin}{value}{end}{after}" if quote and closing else line


def test_c10_marks_inside_of_a_value_stay() -> None:
    file = read('name = "Anna\u2019s \u201cbooth\u201d\xa0no. 1"  # \u201ca\u201d'.encode(), BOX)
    assert (told(file), file.settings) == ([], {"name": "Anna\u2019s \u201cbooth\u201d\xa0no. 1"})
    assert read('name = “5" print”  # “big”'.encode(), BOX).settings == {"name": '5" print'}
    assert read("name = ‘a\\b’".encode(), BOX).settings == {"name": "a\\b"}


def test_c10_latin_letters_of_windows_are_read() -> None:
    file = read(CP1252.encode("cp1252"), BOX)
    assert (told(file), file.settings["name"]) == ([], "Größe Booth")
    assert file.networks[0].network.password is not None
    assert file.networks[0].network.password.reveal() == PASSWORD.replace("🎉", "€")


def test_c10_bytes_that_are_no_text_are_told_with_their_line() -> None:
    assert told(read(b"name = 'a'\nlanguage = '\x81'\n", BOX)) == [(2, "This is not text.")]
    assert told(read(b"#" * 10_000_000, BOX)) == [(None, "The file is too large.")]
    assert told(read(rb"{\rtf1\ansi name = 'Booth'\par}", BOX)) == [(1, "This is a document, not plain text.")]
    assert told(read(b"<!DOCTYPE html><p>name", BOX)) == [(1, "This is a document, not plain text.")]
    assert told(read(b"\xff\xd8\xff\xe0" + bytes(range(256)), BOX))[0][1] == "This is not text."


@pytest.mark.parametrize("content", [b"", b"\0" * 512, b"\xef\xbb\xbf", b"\n# soon\n", b"config_version = 1\n"])
def test_f12_a_file_without_settings_is_a_mistake(content: bytes) -> None:
    """It was taken for one that says nothing: what had said its event before stayed in force, and nobody was told."""
    file = read(content, BOX)
    assert told(file) == [(None, "It says nothing: it may have lost its end.")]
    assert file.has_lost_end is not any(content.strip(b"\0\xef\xbb\xbf"))
    assert (file.settings, file.networks, file.secrets) == ({}, [], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_f12_zeros_behind_a_text_are_told_and_whole_lines_taken(encoding: str) -> None:
    for text, taken in (
        (WHOLE, {"eventpics", "capture"}),
        (WHOLE[: WHOLE.index("[eventpics]")], set()),
        ('[eventpics]\nlink_id = "abcd1234"\n[capture]\ncountdown_s = 1', {"eventpics"}),
        ('name = "Booth"\nlanguage = "d', set()),
    ):
        file = read(text.encode(encoding) + b"\0" * 511, BOX)
        assert (text.rstrip().count("\n") + 1, "Zeros stand behind it: it has lost its end.") in told(file)
        assert file.has_lost_end
        assert {name for name, value in file.settings.items() if isinstance(value, dict)} == taken


def test_f12_a_cut_table_of_a_box_costs_the_file() -> None:
    """What is common may be meant for others."""
    text = f'name = "All"\n[[box]]\nid = "{BOX}"\n[box.eventpics]\nlink_id = "ab'
    file = read(text.encode() + b"\0" * 100, BOX)
    assert file.settings == {} and len(file.mistakes) == 1
    assert read(text.replace(BOX, "9999").encode() + b"\0" * 100, BOX).settings == {"name": "All"}


# -- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "mistake", "lost"),
    [
        (("link_id", "linkid"), (10, "`eventpics.linkid` is not a setting."), "eventpics"),
        (("album_id", "link"), (11, "`eventpics.link` is not a setting."), "eventpics"),
        (("abcd1234", "https://other.example/abcd1234"), (10, "`eventpics.link_id` can't be used"), "eventpics"),
        ((KEY, "canary key"), (9, "`eventpics.api_key` can't be used as it stands."), "eventpics"),
        (("link_id", "# link_id"), (11, "An album needs its event."), "eventpics"),
        (("countdown_s = 3", "countdown_s = 30"), (14, "`capture.countdown_s` can't be used"), "capture"),
        (("countdown_s = 3", 'countdown_s = "3"'), (14, "`capture.countdown_s` can't be used"), "capture"),
        (("countdown_s = 3", "countdown_s 3"), (14, "This line is no setting."), "capture"),
        (('"de"', "de"), (4, "This value can't be read."), "language country"),
        (('language = "de"', 'language = "fr"'), (4, "`language` can't be used as it stands."), "language"),
        (('country = "de"', 'country = "Germany"'), (6, "`country` should be two letters."), "country"),
        (("name =", "nmae ="), (3, "`nmae` is not a setting."), "name"),
        (("[eventpics]", "# [eventpics]"), (9, "`api_key` is not a setting."), "eventpics"),
        (("[eventpics]", "[event]"), (8, "`event` is not a setting."), "eventpics"),
        (("[eventpics]", "[eventpics"), (8, "This is no header of a table."), "eventpics"),
        ((f'"{KEY}"', f'"{KEY}'), (9, "A quote is missing"), "eventpics"),
        (("Barn", "B" * 33), (17, "The Wi-Fi's name should have at most 32 letters"), "Barn"),
        (("priority", "prio"), (19, "`prio` is not a setting of a network."), "Barn"),
        (("priority = 10", "priority = 1.5"), (19, "`priority` can't be used as it stands."), "Barn"),
        (("priority = 10", "priority = 1000"), (19, "`priority` can't be used as it stands."), "Barn"),
        (("priority = 10", 'security = "WEP"'), (19, "`security` can't be used as it stands."), "Barn"),
        ((f"'{PASSWORD}'", '"canary"'), (18, "The Wi-Fi's password should have 8 to 63"), "Barn"),
        ((f"'{PASSWORD}'", "canary"), (18, "This value can't be read."), "Barn"),
        ((f"'{PASSWORD}'", "12345678"), (18, "`password` can't be used as it stands."), "Barn"),
        (("Open house", "Barn"), (22, "This network stands in the file twice."), "Open house"),
        (("hidden = true", "hidden = True"), (23, "This value can't be read."), "Open house"),
        (
            ("[capture]", '[eventpics]\nlink_id = "abcd1234"\n[capture]'),
            (13, "This table stands in the file"),
            "eventpics",
        ),
        (
            ("[capture]", '[EventPics]\nlink_id = "abcd1234"\n[capture]'),
            (13, "`eventpics` stands in the"),
            "eventpics",
        ),
        (("[capture]", '[[eventpics]]\nlink_id = "abcd1234"\n[capture]'), (13, "This setting stands"), "eventpics"),
        (('[[wifi]]\nssid = "Barn"', "[[box]"), (16, "This is no header of a table."), "everything"),
    ],
)
def test_u01_a_mistake_is_told_and_costs_its_table(
    change: tuple[str, str], mistake: tuple[int, str], lost: str
) -> None:
    text = WHOLE.replace(*change)
    file = read(text.encode(), BOX)
    found = told(file)
    assert text != WHOLE
    assert any(line == mistake[0] and what.startswith(mistake[1]) for line, what in found), found
    networks = {each.network.ssid for each in file.networks}
    for name in ("eventpics", "capture", "language", "name", "timezone"):
        assert (name in file.settings) == (name not in lost.split() and lost != "everything"), name
    assert (file.key is None) == ("eventpics" in lost or lost == "everything")
    assert (file.country == "") == ("country" in lost or lost == "everything")
    assert {"Barn", "Open house"} - networks == ({lost} & {"Barn", "Open house"} or set()) | (
        {"Barn", "Open house"} if lost == "everything" else set()
    )


SMALL = """\
name = "Booth 7"
country = "DE"

[eventpics]
api_key = "canary-key-1"
link_id = "abcd1234"

[[wifi]]
ssid = "Barn"
password = "canary sun"
"""
AT_END = SMALL.replace('country = "DE"\n', "")


@pytest.mark.parametrize(
    "text",
    [
        *(
            SMALL.replace(word, word.upper())
            for word in ("country", "api_key", "link_id", "ssid", "password", "wifi")
        ),
        *(SMALL.replace(" =", sign) for sign in (":", " :", " ==", " =>", " ->", " :=", " ＝", "\t=\t")),
        *(SMALL.replace('"\n', f'"{end}\n') for end in (",", ";", " ,", "  // from the app", "; # from the app")),
        *(f"{mark} for the wedding\n{SMALL}" for mark in ("//", ";", "--", "<!--", "```toml", "  //")),
        *(
            SMALL.replace("[[wifi]]", header)
            for header in ("[wifi]", "[Wifi]", "[[WLAN]]", "[[wi-fi]]", "[[wifi]", "[wifi]]")
        ),
        *(SMALL.replace("[eventpics]", header) for header in ("[EventPics]", "[[eventpics]]", '["eventpics"]')),
        *(SMALL.replace("link_id", name) for name in ("link-id", "Link_Id", '"link_id"', "“link_id”", "‘link_id’")),
        *(SMALL.replace("ssid", name) for name in ("name", "Name", "network", "SSID")),
        *(SMALL.replace("password", name) for name in ("psk", "key", "pass", "Passwort", "passphrase", "pwd")),
        *(SMALL.replace("abcd1234", f"{before}app.eventpics.net/abcd1234") for before in ("https://", "HTTP://", "")),
        SMALL.replace("abcd1234", " https://app.eventpics.net/abcd1234/?utm=1 "),
        AT_END + 'country = "DE"\n',
        AT_END + 'Country: "de"\n',
        AT_END.replace("[[wifi]]", 'country = "DE"\n[[wifi]]'),
        SMALL.replace('name = "Booth 7"\n', "").replace("[[wifi]]", 'name = "Booth 7"\n[[wifi]]'),
        SMALL + 'country = "DE"\n',
        SMALL + "[capture]\nconfig_version = 1\n",
        "name = “Booth 7”\ncountry = “DE”\neventpics = { api_key = “canary-key-1”, link_id = “abcd1234” }\n"
        "wifi = [{ssid = “Barn”, password = “canary sun”}]\n",
        "name='Booth 7'\ncountry='DE'\neventpics={api_key=‘canary-key-1’, link_id=‘abcd1234’}\n"
        'wifi.ssid="Barn"\nwifi.password="canary sun"\n',
    ],
)
def test_u01_what_can_mean_one_thing_only_is_read(text: str) -> None:
    file = read(text.encode(), BOX)
    assert told(file) == []
    assert file.settings == {"name": "Booth 7", "eventpics": {"link_id": "abcd1234"}}
    assert (file.key and file.key.reveal(), file.country) == ("canary-key-1", "DE")
    passwords = [(each.network.ssid, each.network.password) for each in file.networks]
    assert passwords == [("Barn", Secret("canary sun"))]
    masked = text_of(file)
    assert "canary" not in masked
    again = read(masked.encode(), BOX)
    assert (told(again), again.has_saved_key, again.settings) == ([], True, file.settings)
    assert [each.is_saved for each in again.networks] == [True]


@pytest.mark.parametrize(
    ("text", "line", "what", "remedy"),
    [
        ('[[wifi]]\npassword = "canary sun"\n', 1, "This network has no name.", 'as in ssid = "Barn".'),
        ('[[wifi]]\nssid = ""\n', 2, "This network has no name.", 'as in ssid = "Barn".'),
        ('[[wifi]]\nssid = "Barn"\nname = "B"\n', 3, "It can't be told whether", "in the first line"),
        ('[[wifi]]\nssid = "Barn"\nlink_id = "a"\n', 3, "`link_id` has its place", "below a line [eventpics]."),
        ('[capture]\npassword = "canary"\n', 2, "`password` has its place", "below a line [[wifi]]."),
        ('ssid = "Barn"\n', 1, "`ssid` is not a setting.", "below a line [[wifi]]."),
        ('name = "A"\n[capture]\nname = "B"\n', 3, "`name` stands in the file twice.", "Delete one"),
        ('name = "A"\nname = "B"\n', 2, "This setting stands in the file twice.", "Delete one"),
        ('name = "A"\nName = "B"\n', 2, "`name` stands in the file twice.", "Delete one"),
        ('[[wifi]]\nssid = "A"\nSSID = "B"\n', 3, "`ssid` stands in this table twice.", "Delete one"),
        ('[[wifi]]\nssid = "A"\npassword = "a\\fb-canary"\n', 3, "An invisible character", "single quotes"),
        ('name = "C:\\Users"\n', 1, "A backslash stands in double quotes.", "single quotes"),
        ('name = "a"b"\n', 1, "There is a quote inside of the text.", "single quotes"),
        ('name = "a" b\n', 1, "Something stands behind the text.", "#"),
        ('name = "a\n', 1, "A quote is missing", "two straight quotes"),
        ("name =\n", 1, "There is no value", "on the same line"),
        ('link id = "a"\n', 1, "No setting has the name", "no blanks"),
        ('- name = "a"\n', 1, "No setting has the name", "no blanks"),
        ("name `a`\n", 1, "This line is no setting.", "delete it"),
        ("name = `a`\n", 1, "This value can't be read.", "straight quotes"),
        ('name = "a\0b"\n', 1, "An invisible character", "anew"),
        ('[eventpics]\nlink_id = """\nde\n\n', 2, "What begins in this line has no end.", "on one line"),
        ("[capture]\nreview_s = [\n1,\n", 2, "What begins in this line has no end.", "on one line"),
        ('wifi = [{ssid = "Barn" hidden = true}]\n', 1, "A comma or a bracket is missing", "as in [{ssid"),
        ("[event pics]\n", 1, "This is no header", "alone on its line"),
        ('[capture]\ncountdown_s = "3"\n', 2, "`capture.countdown_s` can't", "without quotes."),
        ('[upload]\npaused = "true"\n', 2, "`upload.paused` can't", "without quotes."),
        ('country = "UK"\n', 1, "No country has the code UK.", 'country = "GB".'),
        ('timezone = "Berlin"\n', 1, "`timezone` is no time zone", 'timezone = "Europe/Berlin".'),
        ('timezone = "america/new york"\n', 1, "`timezone` is no time zone", 'timezone = "America/New_York".'),
        ('timezone = "home"\n', 1, "`timezone` is no time zone", 'as in timezone = "Europe/Berlin".'),
        ('[eventpics]\nevent = "a"\n', 2, "`eventpics.event` is not a setting.", "`link_id`"),
        ('[eventpics]\ntoken = "a"\n', 2, "`eventpics.token` is not a setting.", "`api_key`"),
        ('[eventpics]\nqqq = "a"\n', 2, "`eventpics.qqq` is not a setting.", "`api_key`, `api_key_file`, `link_id`"),
        ('[eventpics]\napi_key_file = "canary"\n', 2, "`eventpics.api_key_file` can't be used", "or in `api_key`."),
        ('[event]\nlink_id = "a"\n', 1, "`event` is not a setting.", "Write [eventpics]."),
        ("zzz = 1\n", 1, "`zzz` is not a setting.", "`name`, `language`, `timezone`, `country`"),
    ],
)
def test_u01_each_mistake_has_its_own_sentence_and_remedy(text: str, line: int, what: str, remedy: str) -> None:
    file = read(text.encode(), BOX)
    told(file)
    (mistake,) = file.mistakes
    assert (mistake.line, mistake.what.startswith(what), remedy in mistake.remedy) == (line, True, True), mistake
    assert "timezone" not in file.settings


@pytest.mark.slow
def test_u01_lines_without_end_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loads, reads = tomli.loads, list[int]()

    def counted(text: str) -> dict[str, Any]:
        reads.append(len(text))
        return loads(text)

    monkeypatch.setattr(tomli, "loads", counted)
    for text in ("no setting\n" * 20_000, "[capture]\n" * 20_000, "name = 1\n" * 20_000):
        reads.clear()
        assert 30 <= len(told(read(text.encode(), BOX))) <= 32
        assert sum(reads) < 100 * len(text)


def test_u01_a_word_in_the_wrong_place_costs_no_other() -> None:
    misplaced = SMALL + 'name = "Other"\npriority = 3\n[capture]\npassword = "canary"\ncountdown_s = 3\n'
    file = read(misplaced.encode(), BOX)
    assert [line for line, _ in told(file)] == [11, 14]
    assert file.settings == {
        "name": "Booth 7",
        "eventpics": {"link_id": "abcd1234"},
        "capture": {"countdown_s": 3},
    }
    assert [(each.network.ssid, each.priority) for each in file.networks] == [("Barn", 3)]
    lost = read((SMALL + 'link_id = "other123"\n').encode(), BOX)
    assert (lost.has_lost_event, "eventpics" in lost.settings) == (True, False)


def test_u04_a_word_below_a_table_of_a_box_is_that_box_s() -> None:
    text = f'country = "DE"\n[[box]]\nid = "{BOX}"\n[box.capture]\ncountry = "AT"\nname = "Mine"\n'
    file = read(text.encode(), BOX)
    assert (told(file), file.country, file.settings) == ([], "AT", {"name": "Mine"})
    assert read(text.encode(), "AAAA").country == "DE"


def test_u01_two_mistakes_are_both_told() -> None:
    text = WHOLE.replace("countdown_s = 3", "countdown_s = 30").replace("Barn", "B" * 33).replace('"de"', '"fr"', 1)
    assert [line for line, _ in told(read(text.encode(), BOX))] == [4, 14, 17]
    text = WHOLE.replace("countdown_s = 3", "countdown_s 3").replace("hidden = true", "hidden = True")
    file = read(text.encode(), BOX)
    assert [line for line, _ in told(file)] == [14, 23]
    assert (file.settings["eventpics"]["link_id"], file.networks[0].network.ssid) == ("abcd1234", "Barn")


def test_u01_another_version_takes_nothing() -> None:
    file = read(WHOLE.replace("config_version = 1", "config_version = 2").encode(), BOX)
    assert [line for line, _ in told(file)] == [2]
    assert (file.settings, file.key, file.networks, file.country, file.secrets) == ({}, None, [], "", [])


@pytest.mark.slow
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_u01_any_bytes_are_read_or_told(content: bytes) -> None:
    told(read(content, BOX))


@pytest.mark.parametrize("text", ['name = "Barn"{}x', "country = DE\nhidden = 5{}x", "[box\n{}!"])
@pytest.mark.parametrize("blank", [" ", "\t", "\n"])
def test_u01_blanks_by_the_hundred_thousand_are_read(text: str, blank: str) -> None:
    """In time that grows with the square of their number it would take hours, in which no code is taken."""

    def read_file() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        assert told(read(text.format(blank * 250_000).encode(), BOX))

    assert forked.call(read_file).returncode == 0


PIECES = [
    "[eventpics]",
    "[[wifi]]",
    "[[box]]",
    "[box.eventpics]",
    "[[box.wifi]]",
    "[wifi]",
    "[box]",
    "[x",
    '"""',
    "#",
]
LINES = [*PIECES, f'api_key = "{KEY}"', 'ssid = "a"', 'password = "canary password"', 'id = "7F3K"', 'id = "AAAA"']
LINES += ["[[Wifi]]", "[EventPics]", 'PSK: "canary password"', "Api-Key = “canary-key”,", 'country = "DE"', "// a"]
LINES += ['link_id = "ab"', "box = 3", "wifi = [1]", 'eventpics = {api_key = "canary-inline"}', "a.b = 1", "x", "= 1"]


@pytest.mark.slow
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_u01_any_lines_are_read_or_told(lines: list[str]) -> None:
    file = read("\n".join(lines).encode(), BOX)
    told(file)
    text = without_secrets(file.text, file.readable, file.secrets)
    if text is not None:
        again = read(text.encode(), BOX)
        assert (again.settings, again.country) == (file.settings, file.country)
        assert again.key is None
        assert not again.secrets


# -- one file for many boxes ---------------------------------------------------------------------------------------

BOXES = f"""\
name = "Common"
country = "DE"
[eventpics]
api_key = "canary-common"
link_id = "common12"
album_id = "c1"
[capture]
countdown_s = 3
[[wifi]]
ssid = "Barn"
password = "common password"
[[box]]
id = "AAAA"
name = "First"
[box.eventpics]
link_id = "first123"
[[box]]
id = " {BOX.lower()} "
name = "Mine"
country = "AT"
[box.eventpics]
link_id = "mine1234"
[box.capture]
review_s = 1
[[box.wifi]]
ssid = "Stage"
password = "canary stage"
[[box.wifi]]
ssid = "Barn"
password = "canary barn"
[[box]]
id = "ZZZZ"
[box.eventpics]
link_id = "last1234"
"""


def test_u04_a_box_takes_its_own_table_over_the_common_part() -> None:
    file = read(BOXES.encode(), BOX)
    assert (told(file), file.own_table, file.country) == ([], True, "AT")
    assert file.settings == {
        "name": "Mine",
        "eventpics": {"link_id": "mine1234"},
        "capture": {"countdown_s": 3, "review_s": 1},
    }
    passwords = {each.network.ssid: each.network.password for each in file.networks}
    assert {ssid: found and found.reveal() for ssid, found in passwords.items()} == {
        "Barn": "canary barn",
        "Stage": "canary stage",
    }
    again = tomli.loads(text_of(file))
    assert [each.get("wifi") for each in again["box"]][1] == [
        {"ssid": "Stage", "password": SAVED},
        {"ssid": "Barn", "password": SAVED},
    ]
    assert again["eventpics"]["api_key"] == SAVED


def test_u04_an_unknown_box_takes_the_common_part() -> None:
    file = read(BOXES.encode(), "QQQQ")
    assert (told(file), file.own_table, file.country, file.settings["name"]) == ([], False, "DE", "Common")
    assert file.settings["eventpics"] == {"link_id": "common12", "album_id": "c1"}
    assert [each.network.ssid for each in file.networks] == ["Barn"]
    assert "canary stage" in text_of(file)  # another box's, which this one has not taken


@pytest.mark.parametrize(
    ("change", "line", "is_taken"),
    [
        (('link_id = "mine1234"', 'link_id = "mine 1234"'), 22, {"name", "capture"}),
        (('link_id = "mine1234"', 'link_id = "mine1234'), 22, set()),
        (('[box.eventpics]\nlink_id = "mine1234"', "[box.eventpics\nlink_id = 1"), 21, set()),
        ((f'id = " {BOX.lower()} "', "id = 7"), 18, set()),
        ((f'id = " {BOX.lower()} "\n', ""), 17, set()),
        (("AAAA", BOX), 17, set()),
        (('name = "First"', "name = First"), 14, {"name", "eventpics", "capture"}),
        (("[[box]]", "[box]"), 17, set()),
        (('[[box]]\nid = "ZZZZ"', '[[Box]]\nid = "ZZZZ"'), 33, set()),
        (('[[box]]\nid = "ZZZZ"', '[ [box]]\nid = "ZZZZ"'), 33, set()),
        (('[[box]]\nid = "AAAA"', '[[boxes]]\nid = "AAAA"'), 17, set()),
    ],
)
def test_u04_a_mistake_never_gives_a_box_the_event_of_others(
    change: tuple[str, str], line: int, is_taken: set[str]
) -> None:
    file = read(BOXES.replace(*change).encode(), BOX)
    assert line in [found for found, _ in told(file)], told(file)
    assert set(file.settings) == is_taken
    assert file.settings.get("eventpics", {"link_id": "mine1234"})["link_id"] == "mine1234"


def test_u04_a_misspelled_box_gives_its_event_to_no_other() -> None:
    for header in ("[[Box]]", "[[boxes]]", "[ [box]]", "[{box}]"):
        text = f'[[box]]\nid = "{BOX}"\n{header}\nid = "AAAA"\n[box.eventpics]\nlink_id = "first123"\n'
        file = read(text.encode(), BOX)
        assert file.settings == {}, header
        assert {3, 4} & {line for line, _ in told(file)}, header


def test_u04_a_table_for_all_stands_above_every_box() -> None:
    common, own = '[eventpics]\nlink_id = "common12"\n', f'[[box]]\nid = "{BOX}"\nname = "Mine"\n'
    other = '[[box]]\nid = "AAAA"\n'
    assert read(f"{common}{own}{other}".encode(), BOX).settings["eventpics"] == {"link_id": "common12"}
    for text in (f"{own}{other}{common}", f"{own}{common}{other}", f"{other}{common}{own}"):
        file = read(text.encode(), BOX)  # it may be meant for the box above it
        assert (file.settings, file.has_lost_event, len(told(file))) == ({}, True, 1), text


@pytest.mark.parametrize("inner", ['[[box.wifi]]\nssid = "Barn"', "[box.capture]\ncountdown_s = 1", "", 'name = "A"'])
@pytest.mark.parametrize("header", ["# [[box]]", ""])
def test_u04_a_box_without_its_header_is_no_part_of_others(inner: str, header: str) -> None:
    other = f'{header}\nid = "AAAA"\n[box.eventpics]\nlink_id = "first123"\n'
    own = f'[[box]]\nid = "{BOX}"\n{inner}\n'
    for text in (f"{own}{other}", f"{other}{own}", f'id = "AAAA"\neventpics.link_id = "first123"\n{own}'):
        file = read(text.encode(), BOX)
        assert file.settings == {}, text
        assert file.has_lost_event, text
        assert told(file), text


def test_u04_letters_for_digits_in_an_id_are_the_digits() -> None:
    text = '[eventpics]\nlink_id = "common12"\n[[box]]\nid = "7oIl"\n[box.eventpics]\nlink_id = "mine1234"\n'
    assert read(text.encode(), "7011").settings == {"eventpics": {"link_id": "mine1234"}}
    assert read(text.replace('id = "mine', "id = mine").encode(), "7011").settings == {}


# -- secrets -------------------------------------------------------------------------------------------------------


def test_u02_what_was_taken_leaves_the_text_and_nothing_else() -> None:
    text = text_of(read(WHOLE.encode(), BOX))
    assert "canary" not in text
    before, after = WHOLE.split("\n"), text.split("\n")
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [8, 17]
    again = read(text.encode(), BOX)
    assert (told(again), again.key, again.has_saved_key, again.secrets) == ([], None, True, [])
    assert [each.is_saved for each in again.networks] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        f'eventpics = {{ api_key = "{KEY}", link_id = "ab" }}\nwifi = [{{ssid = "Barn", password = "canary 12"}}]\n',
        f'[eventpics]\napi_key = """\n{KEY}"""\n[[wifi]]\nssid="Barn"\npassword = \'\'\'\ncanary 12\'\'\'\n',
        f'eventpics.api_key = "{KEY}"\neventpics.link_id = "ab"\n',
        f'["eventpics"]\n"api_key"="{KEY}"#{KEY}\n["x.y"]\nday = 2026-11-29\nt = 07:32:00\nn = [[1], [{{a = 1}}]]\n',
        f'[capture]\ncountdown_s = bad\n[eventpics]\napi_key = """{KEY}"""\n',
    ],
)
def test_u02_secrets_in_any_form_leave_the_text(text: str) -> None:
    file = read(text.encode(), BOX)
    assert file.key is not None
    masked = text_of(file)
    assert "canary" not in masked
    again = read(masked.encode(), BOX)
    assert again.has_saved_key
    assert again.settings == file.settings
    assert ("bad" in masked) == ("bad" in text)


def test_u02_a_secret_that_was_not_taken_stays() -> None:
    file = read(WHOLE.replace("album_id", "album").encode(), BOX)
    assert KEY in text_of(file)
    file = read(WHOLE.replace("priority", "prio").encode(), BOX)
    assert (PASSWORD in text_of(file), KEY in text_of(file)) == (True, False)


@pytest.mark.parametrize("given", [codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", codecs.BOM_UTF16_BE + b"\xdc\x00"])
def test_c10_half_a_pair_of_utf16_is_no_text(given: bytes) -> None:
    with pytest.raises(NotText):
        decode(given)
