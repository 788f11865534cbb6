"""The import of the file on the card: what is written where, cut at every step, and the answer."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import re
import shutil
import stat
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from piboothup import status
from piboothup.cli import main
from piboothup.commands import setup
from piboothup.config import Secret, import_record, load_effective
from piboothup.config.codes import BoothCode, Security, WifiNetwork, make
from piboothup.config.import_record import ImportRecord
from piboothup.setup import boot_import, code_import, import_steps, radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_answer import ANSWER, Imported
from piboothup.setup.errors import Refused
from piboothup.setup.import_steps import Box
from piboothup.setup.wifi_profiles import path_of, saved_password
from piboothup.spool import durable
from piboothup.spool.disk.file_system import Storage
from piboothup.status import UploaderReport, WifiReport
from tests.spool.crash.model import Disk, Recording, Tree, all_states, read_tree, strike_once, write_tree
from tests.support.effort import sample
from tests.support.kept_box import KeptBox
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.users import IS_ROOT

__all__ = ["disk", "mounts"]

KEY, OLD_KEY = "canary-key-3b9f5a01c6d2", "canary-key-0ld"
PASSWORD, OLD_PASSWORD = "canary-password ; \\ $ wörd 🎉", "canary-password old"
FILE = f"""\
config_version = 1
name = "Łódź Booth"
country = "AT"
[eventpics]
api_key = "{KEY}"
link_id = "abcd1234"
[[wifi]]
ssid = "Barn"
password = '{PASSWORD}'
priority = 10
"""
KERNEL_LINE = "console=tty1 root=PARTUUID=1-2 cfg80211.ieee80211_regdom=DE rootwait\n"
MASKED = FILE.replace(KEY, "(saved)").replace(f"'{PASSWORD}'", '"(saved)"')
KNOWN_FILE_SYSTEMS = Path("/proc/filesystems").read_text()


@pytest.fixture(autouse=True)
def _same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of two histories are compared byte by byte: all is said at the same moment."""
    for module in (import_steps, code_import):
        monkeypatch.setattr(module, "moment", lambda _: "boot-a:100000")
    for module in (import_steps, code_import, boot_import):
        monkeypatch.setattr(module, "boot_start", lambda _: "boot-a:0")


class Card:
    """A box's folders below one, and what the import had the radio do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.box = KeptBox("7F3K", root / "boot", root / "etc", root / "profiles")
        self.file = self.box.boot / "piboothup.toml"
        self.settings = self.box.etc / "settings.toml"
        self.profile = path_of("Barn", self.box.profiles)
        self.countries: list[str] = []

    def make(self) -> Card:
        for folder in (self.root, self.box.boot, self.box.etc, self.box.profiles):
            folder.mkdir(exist_ok=True)
        (self.box.boot / "cmdline.txt").write_text(KERNEL_LINE)
        return self

    def run(self) -> Imported | None:
        return boot_import.run(self.box, self.countries.append)

    def imported(self, text: str | bytes = FILE) -> Imported:
        """The import of this text, which is new."""
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = self.run()
        assert done is not None
        return done

    @property
    def answer(self) -> str:
        content = (self.box.boot / ANSWER).read_bytes()
        assert content.count(b"\r\n") == content.count(b"\n")  # for any editor
        return content.decode().replace("\r\n", "\n")


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "box").make()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_u03_what_the_file_says_is_in_force_and_answered(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    done = card.imported()
    assert done.mistakes == []
    assert (card.box.key_file.read_text(), mode_of(card.box.key_file)) == (f"{KEY}\n", 0o400)
    password = saved_password("Barn", card.box.profiles)
    assert (password and password.reveal(), mode_of(card.profile)) == (PASSWORD, 0o600)
    assert (card.file.read_text(), mode_of(card.settings)) == (MASKED, 0o644)
    assert card.countries == ["AT"]
    line = (card.box.boot / "cmdline.txt").read_text()
    assert line == "console=tty1 root=PARTUUID=1-2 rootwait cfg80211.ieee80211_regdom=AT\n"
    for said in ("box 7F3K", "name", "the key, link_id", "Wi-Fi 'Barn'", "country: AT"):
        assert said in card.answer
    config = card.box.etc / "config.toml"
    config.write_text('config_version = 1\nname = "Booth 1"\n[spool]\ndirectory = "/nowhere"\n')
    monkeypatch.setattr("piboothup.config.file.DEFAULT_PATH", config)
    used = load_effective(config)
    assert (used.errors, used.warnings, used.config.name) == ((), (), "Łódź Booth")
    event = used.config.eventpics
    assert (event.link_id, event.api_key_file) == ("abcd1234", str(card.box.key_file))


def test_u03_an_unchanged_file_does_nothing(card: Card) -> None:
    card.imported()
    before = {path: path.stat().st_mtime_ns for path in card.root.rglob("*")}
    assert card.run() is None
    assert {path: path.stat().st_mtime_ns for path in card.root.rglob("*")} == before
    assert card.countries == ["AT"]


def test_u03_no_file_does_nothing(card: Card) -> None:
    before = read_tree(card.root)
    assert card.run() is None
    assert read_tree(card.root) == before


def test_u03_a_changed_file_replaces_what_it_names(card: Card) -> None:
    card.imported()
    done = card.imported('language = "de"\n[eventpics]\nlink_id = "other123"\nalbum_id = "a2"\n')
    text = card.settings.read_text()
    for said in ('name = "Łódź Booth"', 'language = "de"', 'link_id = "other123"', "api_key_file"):
        assert said in text
    assert text.endswith("\n# complete\n")
    assert done.mistakes == []
    card.imported('[eventpics]\nlink_id = "third123"\n')
    assert "album_id" not in card.settings.read_text()
    assert card.box.key_file.read_text() == f"{KEY}\n"


def test_u04_a_cloned_or_moved_card_is_imported_anew(card: Card) -> None:
    card.imported()
    card.box = KeptBox("AAAA", card.box.boot, card.box.etc, card.box.profiles)
    done = card.run()
    assert done is not None
    assert (done.mistakes, done.file.has_saved_key) == ([], True)
    assert card.box.key_file.read_text() == f"{KEY}\n"
    assert saved_password("Barn", card.box.profiles) is not None


NAMES = ["piboothup.toml.txt", "piboothup.txt", "Piboothup.toml", "PIBOOTHUP.TOML"]
NAMES += ["piboothup (1).toml", "piboothup(1).toml.txt", "piboothup - Copy.toml", "piboothup-2.toml"]


@pytest.mark.parametrize("name", NAMES)
def test_u01_a_name_that_another_program_gave_is_read(card: Card, name: str) -> None:
    card.file = card.box.boot / name
    assert card.imported().mistakes == []
    assert card.file.read_text() == MASKED
    assert f"to {name}." in card.answer
    assert card.run() is None


DOCUMENTS = {
    "piboothup.rtf": b'{\\rtf1\\ansi [eventpics]\\par link_id = "abcd1234"\\par}',
    "Piboothup.toml.rtf": b'{\\rtf1\\ansi name = "Booth"\\par}',
    "piboothup.toml.docx": b"PK\3\4\x14\0\6\0\x08\0\0\0!\0word/document.xml",
    "piboothup.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
    "piboothup copy 2.rtf": b'{\\rtf1\\ansi link_id = "abcd1234"\\par}',
    "piboothup (1).odt": b"PK\3\4\x14\0mimetypeapplication/vnd.oasis.opendocument.text",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_u01_f14_a_document_of_a_word_processor_is_told(card: Card, name: str) -> None:
    """Else the host's file would be passed over in silence, and photos go on to the former event."""
    card.file.write_text('[eventpics]\nlink_id = "former12"\n')
    assert card.run() is not None
    card.file.unlink()
    (card.box.boot / name).write_bytes(DOCUMENTS[name])
    done = card.run()
    assert done is not None
    assert (done.name, len(done.mistakes)) == (name, 1)
    assert name in card.answer
    assert "Save it as plain text (UTF-8), or make it anew with the set-up page." in card.answer
    assert import_record.read(card.box.etc).mistakes == 1
    assert (card.box.boot / name).read_bytes() == DOCUMENTS[name], "it stays as it is"
    event = root_settings_file.event(card.settings)
    may_name_event = name != "Piboothup.toml.rtf"
    assert event.link_id == ("" if may_name_event else "former12"), "photos wait if it may name another event"
    card.file.write_text(FILE)  # as the answer says
    done = card.imported()
    assert (done.mistakes, root_settings_file.event(card.settings).link_id) == ([], "abcd1234")
    assert card.run() is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_u01_a_document_beside_the_right_file_is_no_matter(card: Card, name: str) -> None:
    (card.box.boot / name).write_bytes(DOCUMENTS[name])
    assert card.imported().mistakes == []
    assert name not in card.answer
    assert card.run() is None


@pytest.mark.parametrize("name", ["piboothup-status.txt", "piboothup-frame.png", "notes.rtf", "._piboothup.rtf"])
def test_u01_what_is_no_document_of_ours_is_passed_over(card: Card, name: str) -> None:
    (card.box.boot / name).write_bytes(DOCUMENTS["piboothup.rtf"])
    card.file.unlink(missing_ok=True)
    assert card.run() is None


@pytest.mark.parametrize("name", ["piboothup-manual.docx", "Piboothup Anleitung.odt", "piboothup_guests.rtf"])
def test_u01_f14_a_manual_on_the_card_ends_no_event(card: Card, name: str) -> None:
    """Of a manual's packed pages no line is an event's; nor is one of its text."""
    say_by_code(card, "former12")
    manual = DOCUMENTS["piboothup.rtf"] if name.endswith("rtf") else b"PK\3\4" + b"\n[event\n\x9dlink_id = \xff" * 99
    (card.box.boot / name).write_bytes(manual)
    card.run()
    assert root_settings_file.event(card.settings).link_id == "former12"
    assert import_record.read(card.box.etc).mistakes == 0


@pytest.mark.parametrize("name", ["piboothup.toml.txt", "piboothup.txt"])
def test_u01_of_two_files_that_are_new_the_right_name_counts(card: Card, name: str) -> None:
    (card.box.boot / name).write_text('name = "Old"\n')
    (card.box.boot / "piboothup.toml").write_text(FILE)
    done = card.run()
    assert done is not None
    assert f"There is {name} too. piboothup.toml was read; delete the other." in card.answer
    assert import_record.read(card.box.etc).mistakes == 1
    assert card.run() is None, "nor is the other read at the next start"
    (card.box.boot / name).unlink()
    assert card.run() is not None
    assert "Not taken" not in card.answer
    assert import_record.read(card.box.etc).mistakes == 0


def test_u01_a_download_beside_the_file_that_was_read_counts(card: Card) -> None:
    card.imported()
    second = card.box.boot / "piboothup (1).toml"
    second.write_text('name = "Newer"\n[eventpics]\napi_key = "canary-key-newer"\n')
    done = card.run()
    assert done is not None
    assert done.name == second.name
    assert "There is piboothup.toml too. piboothup (1).toml was read; delete the other." in card.answer
    assert 'name = "Newer"' in card.settings.read_text()
    assert (card.box.key_file.read_text(), "canary" in second.read_text()) == ("canary-key-newer\n", False)
    assert card.run() is None
    card.file.write_text(card.file.read_text().replace("Łódź", "Newest"))
    done = card.run()
    assert (done and done.name, "Newest" in card.settings.read_text()) == ("piboothup.toml", True)
    assert card.run() is None


def test_u01_of_two_downloads_the_newest_counts(card: Card) -> None:
    for number, name in enumerate(["piboothup (2).toml", "piboothup (1).toml"]):
        path = card.box.boot / name
        path.write_text(f'name = "Booth {number}"\n')
        os.utime(path, (1e9 + number, 1e9 + number))
    done = card.run()
    assert done is not None
    assert (done.name, 'name = "Booth 1"' in card.settings.read_text()) == ("piboothup (1).toml", True)


@pytest.mark.parametrize("then", ["delete", "rename over it"])
@pytest.mark.parametrize("is_record_lost", [False, True])
def test_u01_the_file_that_is_left_of_two_has_the_word(card: Card, then: str, is_record_lost: bool) -> None:
    """It has only lain beside the one that was read."""
    card.file.write_text('[eventpics]\nlink_id = "former12"\n')
    second = card.box.boot / "piboothup (1).toml"
    second.write_text(FILE)
    card.run()
    assert event_of(card) == "former12" and "Barn" not in card.answer
    if is_record_lost:
        (card.box.etc / import_record.FILE).unlink()
        card.run()
        assert event_of(card) == "former12" and "Barn" not in card.answer
    if then == "delete":
        card.file.unlink()
        card.file = second
    else:
        second.rename(card.file)
    card.run()
    assert (event_of(card), card.box.key_file.read_text()) == ("abcd1234", f"{KEY}\n")
    assert card.file.read_text() == MASKED and card.profile.exists()
    assert "Wi-Fi 'Barn'" in card.answer and import_record.read(card.box.etc).mistakes == 0
    say_by_code(card, "tonight1")
    assert card.run() is None and event_of(card) == "tonight1"


@pytest.mark.parametrize("more", ["", "is unreadable first", "was the oldest of three"])
def test_u01_a_former_file_that_is_left_has_the_word(card: Card, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    """The one that was read last is gone: not when it merely can't be read."""
    card.imported()
    second = card.box.boot / "piboothup (1).toml"
    second.write_text('[eventpics]\nlink_id = "efgh5678"\n')
    card.run()
    if more == "was the oldest of three":
        second.rename(card.box.boot / "piboothup (3).toml")
        second.write_text('[eventpics]\nlink_id = "ijkl9012"\n')
        card.run()
        (card.box.boot / "piboothup (3).toml").unlink()
        card.run()
    elif more == "is unreadable first":
        with monkeypatch.context() as patched:
            unreadable(patched, second)
            for _ in range(2):
                card.run()
                assert event_of(card) == "efgh5678" and "In force" not in card.answer
        card.run()
    assert event_of(card) == ("ijkl9012" if more == "was the oldest of three" else "efgh5678")
    assert card.run() is None
    second.unlink()
    card.run()
    assert event_of(card) == "abcd1234" and "the key, link_id" in card.answer
    assert import_record.read(card.box.etc).mistakes == 0 and card.run() is None


def test_u02_a_draft_of_any_name_is_deleted(card: Card) -> None:
    for name in (".Piboothup.toml.77", ".piboothup (1).toml.78", ".piboothup.toml.79"):
        (card.box.boot / name).write_text(KEY)
    assert card.run() is None
    assert [path.name for path in card.box.boot.iterdir()] == ["cmdline.txt"]


def test_u01_mistakes_are_answered_with_line_and_remedy(card: Card) -> None:
    done = card.imported(FILE.replace("link_id", "linkid").replace("AT", "Austria"))
    assert len(done.mistakes) == 2
    assert "Line 3: `country` should be two letters. Write its code" in card.answer
    assert "Line 6: `eventpics.linkid` is not a setting. Write `link_id`, or delete the line." in card.answer
    assert KEY in card.file.read_text()  # it was not taken, so it stays
    assert not card.box.key_file.exists()
    assert import_record.read(card.box.etc).mistakes == 2
    assert card.run() is None
    card.imported(card.file.read_text().replace("linkid", "link_id").replace("Austria", "AT"))
    assert import_record.read(card.box.etc).mistakes == 0
    assert "mistakes" not in card.answer


def test_u01_f14_a_setting_alone_is_taken_and_its_need_told(card: Card) -> None:
    done = card.imported(f"{FILE}[photo]\nstrip = true\noriginals = false\n")
    assert (done.mistakes, "photo" in done.file.settings) == ([], True)
    assert "`photo.strip` has no effect by itself: set `photo.shots` to 2, 3 or 4 too." in card.answer
    assert "`photo.originals`" not in card.answer  # a frame may lie beside the file
    card.imported(f"{FILE}[photo]\nstrip = true\nshots = 2\n")
    assert "no effect" not in card.answer


def test_u01_mistakes_of_a_file_that_is_gone_are_forgotten(card: Card) -> None:
    card.imported("nmae = 1")
    card.file.unlink()
    assert card.run() is None
    assert import_record.read(card.box.etc).mistakes == 0


def test_u02_saved_secrets_that_are_not_here_are_told(card: Card) -> None:
    done = card.imported(MASKED)
    assert [(mistake.line, mistake.what) for mistake in done.mistakes] == [
        (5, "The key that was saved is not on this box."),
        (8, "The password of Wi-Fi 'Barn' that was saved is not on this box."),
    ]
    assert not card.profile.exists()


def test_u01_a_file_of_any_size_is_told(card: Card) -> None:
    with card.file.open("wb") as file:
        file.truncate(1 << 40)  # of holes
    done = card.run()
    assert done is not None
    assert [mistake.what for mistake in done.mistakes] == ["The file is too large."]


def test_u01_a_thousand_mistakes_are_told_in_short(card: Card) -> None:
    networks = "".join(f'[[wifi]]\nssid = "{number}"\n' for number in range(33))
    done = card.imported("[\n" * 1000 + networks)
    assert len(done.mistakes) == 1001
    assert "- and 981 more\n" in card.answer
    assert not list(card.box.profiles.iterdir())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (KERNEL_LINE, "console=tty1 root=PARTUUID=1-2 rootwait cfg80211.ieee80211_regdom=AT\n"),
        ("a b", "a b cfg80211.ieee80211_regdom=AT\n"),
        ("a b\r\n", "a b cfg80211.ieee80211_regdom=AT\n"),
        ("cfg80211.ieee80211_regdom= a\n# note\n", "a cfg80211.ieee80211_regdom=AT\n# note\n"),
        ("a\ncfg80211.ieee80211_regdom=AT\n", "a cfg80211.ieee80211_regdom=AT\ncfg80211.ieee80211_regdom=AT\n"),
        ("a cfg80211.ieee80211_regdom=AT b\n", "a cfg80211.ieee80211_regdom=AT b\n"),
        ("", ""),
    ],
)
def test_u10_the_country_is_on_the_line_that_the_kernel_gets(card: Card, before: str, after: str) -> None:
    path = card.box.boot / "cmdline.txt"
    path.write_bytes(before.encode())
    card.imported('country = "at"\n')
    assert path.read_text() == after


def test_u10_a_computer_that_is_no_pi_has_no_kernel_line(card: Card) -> None:
    path = card.box.boot / "cmdline.txt"
    path.unlink()
    assert card.imported('country = "at"\n').mistakes == []
    assert not path.exists()
    assert card.countries == ["AT"]


def test_u02_line_ends_and_notes_stay_as_they_were(card: Card) -> None:
    text = "# Notes\r\n\r\n" + FILE.replace("\n", "\r\n") + "# end\r\n"
    card.imported(b"\xff\xfe" + text.encode("utf-16-le"))
    assert card.file.read_bytes().decode() == "# Notes\r\n\r\n" + MASKED.replace("\n", "\r\n") + "# end\r\n"


FORMER = '[eventpics]\nlink_id = "former12"\nalbum_id = "a1"\n'


def event_of(card: Card) -> str:
    return root_settings_file.event(card.settings).link_id


@pytest.mark.parametrize(
    "text",
    [
        '[eventpics]\nlinkid = "tonight1"\n',
        '[eventpics]\nlink_id = "tonight 1"\n',
        "[eventpics]\nlink_id = tonight1\n",
        '[eventpics\nlink_id = "tonight1"\n',
        'link_id = "tonight1"\n',
        '[event]\nlink_id = "tonight1"\n',
        '[eventpics]\nlink_id = "former12"\nalbum = "a2"\n',
        f"config_version = 2\n{FORMER.replace('former12', 'tonight1')}",
        '[[box]]\nid = "7F3K"\n[box.eventpics]\nlink_id = tonight1\n',
        '[[box]]\n[box.eventpics]\nlink_id = "tonight1"\n',
        '[eventpics]\nlink_id = "tonight1"\n\x81',
    ],
)
@pytest.mark.parametrize("by_hand", [False, True], ids=["imported", "config"])
def test_u01_an_event_that_can_t_be_read_is_never_the_former(card: Card, text: str, by_hand: bool) -> None:
    if by_hand:
        (card.box.etc / "config.toml").write_text(FORMER)
    else:
        card.imported(FORMER)
    assert event_of(card) == "former12"
    assert card.imported(text.encode("latin-1")).mistakes
    assert event_of(card) == ""
    assert "photos wait" in card.answer
    card.imported(FORMER.replace("former12", "tonight1"))
    assert event_of(card) == "tonight1"


@pytest.mark.parametrize(
    "text",
    [
        'nmae = "x"\n',
        "[capture]\ncountdown_s = 99\n",
        f'{FORMER}[[wifi]]\nssid = ""\n',
        FORMER.replace("[eventpics]", '[eventpics]\napi_key = "two words"'),
        '[[wifi]]\nssid = "Barn"\npassword = "short"\n',
        '[[box]]\nid = "AAAA"\n[box.eventpics]\nlink_id = first123\n',
    ],
)
def test_u01_another_mistake_costs_no_event(card: Card, text: str) -> None:
    card.imported(FORMER)
    assert card.imported(text).mistakes
    assert event_of(card) == "former12"


def test_u04_a_clone_keeps_no_setting_of_the_box_before(card: Card) -> None:
    text = 'name = "All"\n[[box]]\nid = "7F3K"\nname = "Mine"\n[box.eventpics]\nlink_id = "mine1234"\n'
    card.imported(text)
    assert event_of(card) == "mine1234"
    card.box = KeptBox("AAAA", card.box.boot, card.box.etc, card.box.profiles)
    assert card.run() is not None
    assert event_of(card) == ""
    assert "Mine" not in card.settings.read_text()
    card.imported(FORMER)
    card.box = KeptBox("BBBB", card.box.boot, card.box.etc, card.box.profiles)
    assert card.run() is not None
    assert event_of(card) == "former12"  # of every box


def test_u04_a_box_that_is_not_listed_keeps_no_former_event(card: Card) -> None:
    card.imported(FORMER)
    assert card.imported('[[box]]\nid = "AAAA"\nname = "First"\n').mistakes == []
    assert event_of(card) == "former12"  # the file is about no event
    assert card.imported('[[box]]\nid = "7F3X"\n[box.eventpics]\nlink_id = "tonight1"\n').mistakes == []
    assert event_of(card) == ""
    assert "No [[box]] has the id 7F3K" in card.answer


@pytest.mark.parametrize("left", ["", '[eventpics]\nlink_id = "for', "[eventpics]\nlink_id = 1\n# complete\n"])
def test_f12_an_import_over_broken_settings_has_no_event(card: Card, left: str) -> None:
    (card.box.etc / "config.toml").write_text(FORMER.replace("former12", "older123"))
    card.imported(FORMER)
    card.settings.write_text(left)
    assert card.imported('name = "New"\n').mistakes == []
    assert event_of(card) == ""
    assert 'name = "New"' in card.settings.read_text()


def test_f12_a_mistake_in_root_settings_stops_no_import(card: Card) -> None:
    card.imported(f"{FORMER}[capture]\ncountdown_s = 3\n")
    card.settings.write_text(card.settings.read_text().replace("countdown_s = 3", "countdown_s = 99"))
    assert card.imported('name = "New"\n').mistakes == []
    assert (event_of(card), "capture" in card.settings.read_text()) == ("former12", False)


def test_u11_profiles_of_others_stay(card: Card) -> None:
    other = card.box.profiles / "Barn.nmconnection"
    other.write_text("[connection]\nid=Barn\n[wifi]\nssid=Barn\n[wifi-security]\npsk=another word\n")
    before = other.stat()
    card.imported()
    assert (other.stat().st_ino, other.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(path.name for path in card.box.profiles.iterdir()) == sorted([other.name, card.profile.name])


def test_u10_a_box_without_a_country_says_so(card: Card) -> None:
    (card.box.boot / "cmdline.txt").write_text("root=/dev/mmcblk0p2\n")
    card.imported(FILE.replace('country = "AT"\n', ""))
    assert "No country is set" in card.answer
    assert card.countries == [""]
    card.imported(FILE)
    assert "No country is set" not in card.answer


@pytest.mark.skipif(not IS_ROOT, reason="only root may give a file away")
def test_u02_the_key_belongs_to_the_uploader(card: Card) -> None:
    card.box = KeptBox("7F3K", card.box.boot, card.box.etc, card.box.profiles, key_owner=(4711, 4712))
    card.imported()
    found = card.box.key_file.stat()
    assert (found.st_uid, found.st_gid, mode_of(card.box.key_file)) == (4711, 4712, 0o400)


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def programs(card: Card, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the programs in the place of iw, ip and nmcli were called with; the command acts on this card."""
    calls = card.root / "calls"
    answer = "2: wlan0    inet 192.168.1.7/24 brd 192.168.1.255 scope global wlan0"
    for name, output in (("iw", ""), ("ip", answer), ("nmcli", "")):
        program = card.root / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {calls}\necho "{output}"\n')
        program.chmod(0o755)
        monkeypatch.setattr(radio, f"_{name.upper()}", str(program))
    monkeypatch.setattr(setup, "BOOT", card.box.boot)
    monkeypatch.setattr(setup, "ETC", card.box.etc)
    monkeypatch.setattr(setup, "SYSTEM_DIRECTORY", card.root)
    made = partial(KeptBox, etc=card.box.etc, profiles=card.box.profiles, trials=card.root / "trials")
    monkeypatch.setattr(import_steps, "Box", lambda box_id, boot, key_owner: made(box_id, boot))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=os.geteuid(), pw_gid=os.getegid()))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "_box_id", lambda: card.box.id)
    monkeypatch.setattr(setup, "_LOOK_S", 0.0)
    return calls


@pytest.mark.process
def test_u03_the_command_imports_and_says_how_the_box_is(
    card: Card, programs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    card.file.write_text(FILE)
    said = UploaderReport(waiting=12, problems=("no_event",), wifi=WifiReport(reason="Too far."))
    status.write(card.root, "uploader", said.to_json())
    assert main(["setup", "import"]) == 0
    assert programs.read_text().splitlines()[:3] == [
        "iw reg set AT",
        "nmcli connection reload",
        "nmcli radio wifi on",
    ]
    situation = "Network: 192.168.1.7 (wlan0)\nWi-Fi: Too far.\nPhotos waiting: 12\n"
    along = "Some have no event. Choose it in the menu, which asks whether they go along.\n"
    assert card.answer.endswith(situation + along)
    assert main(["setup", "status"]) == 0
    shown = capfd.readouterr()
    assert "the key, link_id" in shown.out
    assert "canary" not in shown.out + shown.err
    programs.unlink()
    before = (card.box.boot / ANSWER).stat()
    assert main(["setup", "import"]) == 0
    assert {line.split()[0] for line in programs.read_text().splitlines()} == {"ip"}
    after = (card.box.boot / ANSWER).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "nothing new, so no write"


@pytest.mark.process
def test_u03_each_start_answers_how_the_box_is_now(
    card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.file.write_text(FILE.replace("link_id", "linkid"))
    assert main(["setup", "import"]) == 0
    head, _, now = card.answer.partition("The box at its last start:\n")
    assert ("Line 6" in head, now) == (True, "Network: 192.168.1.7 (wlan0)\n")
    report = UploaderReport(waiting=3, wifi=WifiReport(reason="The password was refused."))
    status.write(card.root, "uploader", report.to_json())
    (card.root / "ip").write_text("#!/bin/sh\n")
    assert main(["setup", "import"]) == 0
    told = "The box at its last start:\nNetwork: none yet\nWi-Fi: The password was refused.\nPhotos waiting: 3\n"
    assert card.answer == head + told
    (card.box.boot / ANSWER).unlink()
    assert main(["setup", "import"]) == 0
    assert card.answer == f"Box 7F3K took the file at an earlier start, and it has not changed since.\n\n{told}"
    card.file.unlink()
    (card.box.boot / ANSWER).unlink()
    assert main(["setup", "import"]) == 0
    assert not (card.box.boot / ANSWER).exists()


@pytest.mark.process
def test_u10_a_system_without_programs_for_the_radio_goes_on(
    card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio, "_NMCLI", str(card.root / "none"))
    monkeypatch.setattr(radio, "_IW", "/bin/false")
    card.file.write_text(FILE)
    assert main(["setup", "import"]) == 0
    assert card.profile.exists()
    assert programs.exists()


def test_u03_status_before_any_file_says_where_to_put_it(
    card: Card, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", "status"]) == 0
    assert "No piboothup.toml was read yet" in capsys.readouterr().out
    assert not programs.exists()
    (card.box.boot / ANSWER).write_bytes(b"\xff")
    assert main(["setup", "status"]) == 1


@pytest.mark.parametrize(("knows_wpa3", "kept"), [(False, "wpa-psk"), (True, "sae"), (None, "sae")])
def test_u06_a_wpa3_network_of_the_card_is_as_the_radio_can(
    card: Card, monkeypatch: pytest.MonkeyPatch, knows_wpa3: bool | None, kept: str
) -> None:
    """What the radio says of itself is `test_code_import`'s."""
    monkeypatch.setattr(radio.Radio, "_abilities", lambda _: ({2}, knows_wpa3))
    card.imported('[[wifi]]\nssid = "Barn"\npassword = "canary-password"\nsecurity = "wpa3"\n')
    (profile,) = card.box.profiles.iterdir()
    assert f"key-mgmt={kept}\n" in profile.read_text()


@pytest.mark.process
def test_u11_networks_are_listed_and_forgotten_by_name(
    card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wifi_profiles, "FOLDER", card.box.profiles)
    (card.box.profiles / "preconfigured.nmconnection").write_text("[connection]\nid=preconfigured\n")
    hidden = '[[wifi]]\nssid = " Größe \\\\ ; "\nhidden = true\npriority = 20\n'
    card.imported(f"{FILE}{hidden}")
    assert main(["setup", "wifi"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        " Größe \\ ; : open, hidden, priority 20, of the file on the card",
        "Barn: with a password, priority 10, of the file on the card",
        "1 network of others, which stays as it is",
        "Network: 192.168.1.7 (wlan0)",
    ]
    programs.write_text("")
    assert main(["setup", "wifi", "--forget", " Größe \\ ; "]) == 0
    assert programs.read_text().splitlines()[0] == "nmcli connection reload"
    assert main(["setup", "wifi", "--forget", "preconfigured"]) == 1
    names = {path.name for path in card.box.profiles.iterdir()}
    assert names == {card.profile.name, "preconfigured.nmconnection"}
    wifi_profiles.write(WifiNetwork("Attic"), 0, card.box.profiles, is_by_code=True)
    assert main(["setup", "wifi"]) == 0
    assert "Attic: open, priority 0, of a code\n" in capfd.readouterr().out
    assert main(["setup", "wifi", "--forget-codes"]) == 0
    assert {path.name for path in card.box.profiles.iterdir()} == names
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["setup", "wifi"]) == 1
    assert "sudo" in capfd.readouterr().err


@pytest.mark.process
def test_u02_the_next_start_finishes_a_code_that_was_cut(card: Card, programs: Path) -> None:
    (card.box.etc / boot_import.PENDING).write_text(f"PIBOOTHUP:K:{KEY};E:abcd1234;C:AT;;")
    assert main(["setup", "import"]) == 0
    assert card.box.key_file.read_text() == f"{KEY}\n"
    assert 'link_id = "abcd1234"' in card.settings.read_text()
    assert "iw reg set AT" in programs.read_text()
    assert not (card.box.etc / boot_import.PENDING).exists()


def test_u02_only_root_may_import(card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    card.file.write_text(FILE)
    assert main(["setup", "import"]) == 1
    assert card.file.read_text() == FILE
    assert not programs.exists()


@pytest.mark.skipif(
    not (shutil.which("mkfs.vfat") and Path("/dev/loop-control").exists() and "vfat" in KNOWN_FILE_SYSTEMS),
    reason="SKIPPED: a real FAT needs mkfs.vfat, loop devices and a kernel that knows it",
)
@pytest.mark.process
def test_u02_the_import_works_on_a_real_fat(card: Card, mounts: MountNamespace, disk: Path) -> None:
    """FAT has no modes and no owners: what works on it is not seen on another file system."""
    image = disk / "boot.img"
    image.write_bytes(b"\0" * 16 * 1024 * 1024)
    subprocess.run(["mkfs.vfat", image], check=True, capture_output=True)
    mounts.run("mount", "-t", "vfat", "-o", "loop", image, card.box.boot)
    mounts.call(_import_on_fat, card.root)


def _import_on_fat(root: Path) -> None:
    card = Card(root)
    (card.box.boot / "cmdline.txt").write_text(KERNEL_LINE)
    assert card.imported().mistakes == []
    assert card.file.read_text() == MASKED
    assert "Wi-Fi 'Barn'" in card.answer
    assert "regdom=AT" in (card.box.boot / "cmdline.txt").read_text()
    assert sorted(path.name for path in card.box.boot.iterdir()) == ["cmdline.txt", ANSWER, "piboothup.toml"]
    assert card.run() is None
    upper = card.box.boot / "PIBOOTHUP.TOML"  # names there have no case
    assert upper.read_text() == MASKED


# -- the plug is pulled ----------------------------------------------------------------------------------------------


def used_box(root: Path) -> Card:
    """A box that has an older key, event and network, and a new file on its card."""
    card = Card(root).make()
    card.imported(FILE.replace(KEY, OLD_KEY).replace(PASSWORD, OLD_PASSWORD).replace("abcd1234", "former12"))
    card.file.write_text(FILE)
    (card.box.etc / ".key.4711").write_text(KEY[:9])  # of an import that was cut before
    return card


def places(tree: Tree, text: str) -> set[str]:
    return {path for path, content in tree if content is not None and text in content.decode("utf-8", "replace")}


def is_draft(path: str) -> bool:
    return path.rpartition("/")[2].startswith(".")


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Recording, Tree, Tree]:
    """What the import asks of the disk; what was there before, and after."""
    card = used_box(tmp_path / "box")
    before = read_tree(card.root)
    disk = Recording(card.root)
    with disk:
        card.run()
    return disk, before, read_tree(card.root)


@pytest.mark.slow
@pytest.mark.parametrize("kind", Disk)
def test_p13_a_cut_at_any_step_leaves_old_or_new_whole(
    recorded: tuple[Recording, Tree, Tree], tmp_path: Path, kind: Disk
) -> None:
    recording, before, after = recorded
    old, new = dict(before), dict(after)
    (profile,) = (path for path in new if path.startswith("profiles/"))
    escaped = PASSWORD.replace("\\", "\\\\")
    steps = ("words", "network 1", "country")
    begun = ImportRecord(import_steps.sha256(FILE.encode()), "7F3K", 0, steps, "boot-a:0").to_bytes()
    seen = all_states(recording.trace, kind)
    for tree, cut in seen.items():
        found = dict(tree)
        for path, content in new.items():
            owing = (content or b"").replace(b'"owed": []', b'"owed": ["radio"]')
            assert found.get(path) in (old.get(path), content, owing, begun), (cut, path)
        if found["boot/piboothup.toml"] == new["boot/piboothup.toml"]:
            for path in ("etc/key", "etc/settings.toml", profile):
                assert found[path] == new[path], (cut, path)
        again = Card(tmp_path / "box")
        write_tree(tree, again.root)
        if again.run() is not None:
            assert again.countries == ["AT"], "else the radio of a new box stays off"
        assert without_note(read_tree(again.root)) == without_note(after), cut
        assert again.run() is None
    assert len(seen) > 20
    assert places(after, KEY) == {"etc/key"}
    assert len(places(after, escaped)) == 1
    assert not [path for path, _ in after if is_draft(path)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", Disk)
def test_p13_u02_a_stick_cut_at_any_step_leaves_old_or_new(tmp_path: Path, kind: Disk) -> None:
    def take(card: Card) -> dict[str, bytes | None]:
        boot_import.take_from_stick(card.box, ["piboothup.toml"], FILE.encode(), card.countries.append)
        return {path: content for path, content in read_tree(card.root) if not is_draft(path)}

    card = used_box(tmp_path / "box")
    old, recording = dict(read_tree(card.root)), Recording(card.root)
    with recording:
        new = take(card)
    seen = all_states(recording.trace, kind)
    for tree, cut in seen.items():
        for path, content in new.items():
            assert dict(tree).get(path) in (old.get(path), content), (cut, path)
        if dict(tree)["etc/settings.toml"] == new["etc/settings.toml"]:
            assert dict(tree)["etc/key"] == new["etc/key"], cut
        again = Card(tmp_path / "box")
        write_tree(tree, again.root)
        assert take(again) == new, cut
    assert len(seen) > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "failure", sample([errno.EIO, errno.ENOSPC, errno.EROFS, None], lambda failure: failure is None), ids=str
)
def test_u02_a_disk_that_fails_at_any_step_loses_no_secret(
    recorded: tuple[Recording, Tree, Tree], tmp_path: Path, failure: int | None
) -> None:
    _, _, after = recorded
    number, struck = 0, True
    while struck:
        shutil.rmtree(tmp_path / "box")
        card = used_box(tmp_path / "box")
        struck = strike_once(card.root, number, failure, card.run)
        tree = read_tree(card.root)
        assert places(tree, KEY) - {path for path, _ in tree if is_draft(path)}, number
        card.run()
        assert without_note(read_tree(card.root)) == without_note(after), number
        number += 1
    assert number > 20


def without_note(tree: Tree) -> list[tuple[str, bytes | None]]:
    """The tree without the hashes of the file that was read: the second time some of its secrets are gone."""
    return [(path, content and re.sub(rb"# Card file .* read", b"", content)) for path, content in tree]


# -- a later word ---------------------------------------------------------------------------------------------------


class NoRadio(radio.Radio):
    """Radio of a computer that has none."""

    def put_in_force(self, country: str) -> None:
        """Nothing."""


def say_by_code(card: Card, link_id: str, key: str = "") -> None:
    code = BoothCode(Secret(key) if key else None, link_id=link_id)
    code_import.take({"code": make(code).reveal()}, card.box, NoRadio())


def refuse_writes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    replace = durable.replace

    def refusing(path: Path, content: bytes, *given: Any, **named: Any) -> None:
        if path.parent == folder:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        replace(path, content, *given, **named)

    monkeypatch.setattr(durable, "replace", refusing)


@pytest.mark.parametrize("lost", ["boot is read-only", "no profiles", "record", "record damaged", "another box"])
def test_u03_a_card_s_file_counts_once_against_a_later_code(
    card: Card, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Whatever of the import can't be done, or is lost: its event and key are the former guests' by then."""
    if lost == "boot is read-only":
        refuse_writes(monkeypatch, card.box.boot)
    elif lost == "no profiles":
        shutil.rmtree(card.box.profiles)
    card.imported()
    say_by_code(card, "tonight1", "canary-key-newer")
    if lost == "record":
        (card.box.etc / import_record.FILE).unlink()
    elif lost == "record damaged":
        (card.box.etc / import_record.FILE).write_bytes(b"[")
    elif lost == "another box":
        card.box = KeptBox("AAAA", card.box.boot, card.box.etc, card.box.profiles)
    for _ in range(2):
        card.run()
        assert event_of(card) == "tonight1"
        assert card.box.key_file.read_text() == "canary-key-newer\n"


def test_u03_an_early_code_comes_after_the_card_s_file(card: Card) -> None:
    """The start's import runs beside the booth: it may come to the file when a code was read already."""
    card.file.write_text(FILE)
    say_by_code(card, "tonight1", "canary-key-newer")
    assert card.file.read_text(encoding="utf-8") == MASKED
    card.run()
    assert event_of(card) == "tonight1"
    assert card.box.key_file.read_text() == "canary-key-newer\n"


def test_u03_the_master_file_laid_on_the_card_again_counts(card: Card) -> None:
    """It is the same as the one that was taken, before its secrets went; a code had its word meanwhile."""
    card.imported()
    say_by_code(card, "tonight1", "canary-key-newer")
    card.imported()
    assert (event_of(card), card.box.key_file.read_text()) == ("abcd1234", f"{KEY}\n")
    assert card.file.read_text(encoding="utf-8") == MASKED


def test_u03_a_file_that_follows_one_without_settings_counts(card: Card) -> None:
    card.imported()
    say_by_code(card, "tonight1")
    card.imported('country = "AT"\n')
    assert event_of(card) == "tonight1"
    card.imported()
    assert event_of(card) == "abcd1234"


@pytest.mark.parametrize("secret", ["key", "password"])
def test_u02_only_what_root_has_goes_from_the_card(card: Card, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """The card could not be written at first; by then root has another key, or the profile no more."""
    with monkeypatch.context() as failing:
        refuse_writes(failing, card.box.boot)
        card.imported()
        if secret == "key":
            say_by_code(card, "tonight1", "canary-key-newer")
        else:
            path_of("Barn", card.box.profiles).unlink()
    card.run()
    text = card.file.read_text(encoding="utf-8")
    assert (KEY in text, PASSWORD in text) == (secret == "key", secret == "password")


def test_u02_a_key_that_root_may_not_read_leaves_the_card(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the uploader's alone, and was just written: nothing needs to be read of it."""

    def refused(path: Path) -> bytes:
        if path == card.box.key_file:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return path.read_bytes()

    monkeypatch.setattr(import_steps, "read_bytes", refused)
    card.imported()
    assert card.file.read_text(encoding="utf-8") == MASKED


@pytest.mark.parametrize("lost", [False, True])
def test_u01_a_file_that_was_passed_over_never_counts(card: Card, lost: bool) -> None:
    """Whatever became of the record: the answer has told that it is to be deleted."""
    (card.box.boot / "piboothup.toml.txt").write_text('[eventpics]\nlink_id = "former12"\n')
    card.imported()
    assert event_of(card) == "abcd1234"
    if lost:
        (card.box.etc / import_record.FILE).unlink()
    for _ in range(2):
        card.run()
        assert event_of(card) == "abcd1234"


def test_u03_a_card_that_cannot_be_read_keeps_no_code_out(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    card.file.write_text(FILE)
    monkeypatch.setattr(boot_import, "_content", broken)
    say_by_code(card, "tonight1")
    assert event_of(card) == "tonight1"


def test_u03_a_step_that_failed_is_done_again_alone(card: Card) -> None:
    shutil.rmtree(card.box.profiles)
    card.imported()
    assert "Wi-Fi 'Barn' can't be written" in card.answer
    assert PASSWORD in card.file.read_text(encoding="utf-8")
    say_by_code(card, "tonight1")
    card.box.profiles.mkdir()
    assert card.run() is not None
    assert card.file.read_text(encoding="utf-8") == MASKED
    assert saved_password("Barn", card.box.profiles) == Secret(PASSWORD)
    assert event_of(card) == "tonight1"
    assert card.run() is None


@pytest.mark.parametrize("own", ["", 'country = "DE"\n', '[[box.wifi]]\nssid = "Barn"\npassword = "canary words"\n'])
@pytest.mark.parametrize("box", ["7F3M", "9999"])
def test_u04_a_clone_without_an_event_has_not_the_first_box_s(card: Card, own: str, box: str) -> None:
    card.imported(f'[[box]]\nid = "7F3K"\n[box.eventpics]\nlink_id = "partyaaa"\n[[box]]\nid = "7F3M"\n{own}')
    assert event_of(card) == "partyaaa"
    card.box = KeptBox(box, card.box.boot, card.box.etc, card.box.profiles)
    card.run()
    assert event_of(card) == ""


@pytest.mark.parametrize("text", ["", 'language = "de"\n'])
def test_u04_settings_of_another_box_s_table_go_with_its_file(card: Card, text: str) -> None:
    card.imported('[[box]]\nid = "7F3K"\n[box.eventpics]\nlink_id = "partyaaa"\n')
    card.box = KeptBox("7F3M", card.box.boot, card.box.etc, card.box.profiles)
    if text:
        card.file.write_text(text)
    else:
        card.file.unlink()
    card.run()
    assert event_of(card) == ""


def test_f09_a_system_without_networkmanager_keeps_what_it_has(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_steps, "look", lambda path: Storage.DISK if path.stat() else None)
    monkeypatch.setattr(KeptBox, "forgets", Box.forgets)
    shutil.rmtree(card.box.profiles)
    card.imported()
    assert KEY not in card.file.read_text(encoding="utf-8")
    say_by_code(card, "tonight1")
    assert event_of(card) == "tonight1"


@pytest.mark.parametrize("folder", ["etc", "profiles"])
def test_f09_secrets_stay_on_the_card_of_a_system_in_memory(
    card: Card, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """An overlay over the system: what the import wrote is gone at power-off, and the card would have it no more."""
    memory = card.box.etc if folder == "etc" else card.box.profiles
    kind = {memory: Storage.MEMORY}
    monkeypatch.setattr(import_steps, "look", lambda path: kind.get(path, Storage.DISK))
    monkeypatch.setattr(KeptBox, "forgets", Box.forgets)
    card.imported()
    assert all(secret in card.file.read_text(encoding="utf-8") for secret in (KEY, PASSWORD))
    assert "keeps nothing at power-off" in card.answer
    assert event_of(card) == "abcd1234"
    with pytest.raises(Refused, match="keeps nothing at power-off"):
        say_by_code(card, "tonight1")


@pytest.mark.parametrize("content", [b"", b"\0" * 300, b'name = "Fay"\n# of Saturday\0\0\0\0'])
def test_f12_photos_wait_for_a_file_not_written_to_its_end(card: Card, content: bytes) -> None:
    """The card was pulled too early: the event of the file before it is former guests'."""
    card.imported()
    card.file.write_bytes(content)
    done = card.run()
    assert done is not None and len(done.mistakes) == 1
    assert event_of(card) == ""
    assert "eject card or stick" in card.answer and import_record.read(card.box.etc).mistakes == 1
    card.imported(FILE)
    assert event_of(card) == "abcd1234"


def test_f12_a_file_of_comments_is_told_and_ends_nothing(card: Card) -> None:
    card.imported()
    card.imported("# soon\n")
    assert event_of(card) == "abcd1234"
    assert import_record.read(card.box.etc).mistakes == 1


def test_f12_a_lost_end_below_an_event_is_told(card: Card) -> None:
    card.imported()
    card.file.write_bytes(FILE.replace("abcd1234", "efgh5678").encode() + b"\0" * 100)
    card.run()
    assert event_of(card) == "efgh5678"
    left = card.file.read_bytes()
    assert KEY.encode() not in left and left.endswith(b"\0"), "it is still to be seen that it was cut"
    assert "Zeros stand behind it" in card.answer


def unreadable(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Have these give an error of the disk."""
    opened = Path.open

    def fail(path: Path, *given: Any, **named: Any) -> Any:
        if path in paths:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, *given, **named)

    monkeypatch.setattr(Path, "open", fail)


@pytest.mark.parametrize("is_folder", [False, True])
def test_f12_a_file_that_cannot_be_read_is_told(card: Card, monkeypatch: pytest.MonkeyPatch, is_folder: bool) -> None:
    """The answer still said what was in force of the file before it, and the panel nothing."""
    card.imported()
    card.file.unlink()
    if is_folder:
        card.file.mkdir()
    else:
        card.file.write_text(FILE.replace("abcd1234", "efgh5678"))
        unreadable(monkeypatch, card.file)
    for _ in range(2):
        card.run()
        assert import_record.read(card.box.etc).mistakes == 1
        assert "Nothing was taken." in card.answer and "can't be read" in card.answer
        assert event_of(card) == "abcd1234"
    if is_folder:
        card.file.rmdir()
        card.file.write_text(FILE.replace("abcd1234", "efgh5678"))
    monkeypatch.undo()
    card.run()
    assert event_of(card) == "efgh5678" and import_record.read(card.box.etc).mistakes == 0


def test_f12_a_file_that_was_unread_for_a_start_says_nothing_new(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.imported()
    say_by_code(card, "tonight1")
    unreadable(monkeypatch, card.file)
    card.run()
    assert import_record.read(card.box.etc).mistakes == 1
    monkeypatch.undo()
    card.run()
    assert event_of(card) == "tonight1" and import_record.read(card.box.etc).mistakes == 0
    assert card.run() is None


@pytest.mark.parametrize("is_other_there", [False, True])
@pytest.mark.parametrize("unread_starts", [1, 2])
@pytest.mark.parametrize("is_written_anew", [False, True])
def test_f12_a_code_comes_after_a_file_that_was_not_read_yet(
    card: Card, monkeypatch: pytest.MonkeyPatch, is_other_there: bool, unread_starts: int, is_written_anew: bool
) -> None:
    """Its networks come when it is read; its key and event only if it was written anew since."""
    card.imported()
    card.file.write_text(FILE.replace("abcd1234", "efgh5678").replace(KEY, "canary-key-of-others"))
    if is_other_there:
        (card.box.boot / "piboothup (1).toml").write_text('name = "Stand 2"\n')
    with monkeypatch.context() as patched:
        unreadable(patched, card.file)
        card.run()
        say_by_code(card, "tonight1", "canary-key-of-tonight")
        for _ in range(unread_starts):
            card.run()
    if is_written_anew:
        card.file.write_text(card.file.read_text() + "# Once more.\n")
    for _ in range(2):
        card.run()
        wanted = ("efgh5678", "canary-key-of-others") if is_written_anew else ("tonight1", "canary-key-of-tonight")
        assert (event_of(card), (card.box.etc / "key").read_text().strip()) == wanted
        assert import_record.read(card.box.etc).mistakes == is_other_there
    assert card.run() is None


def test_f12_of_two_files_the_one_that_is_read_counts(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.file.write_text(FILE)
    unreadable(monkeypatch, card.file)
    (card.box.boot / "piboothup (1).toml").write_text('[eventpics]\nlink_id = "efgh5678"\n')
    card.run()
    assert event_of(card) == "efgh5678"
    assert "piboothup.toml can't be read" in card.answer and import_record.read(card.box.etc).mistakes
    assert card.run() is None


def test_f12_a_boot_partition_that_cannot_be_listed_is_told(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.imported()
    monkeypatch.setattr(boot_import, "names_in", _broken)
    card.run()
    assert import_record.read(card.box.etc).mistakes == 1 and event_of(card) == "abcd1234"


def _broken(_: Path) -> list[str]:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.process
def test_f12_a_full_disk_of_the_system_is_told(card: Card, mounts: MountNamespace) -> None:
    """A real one: neither settings nor record find room for a new file."""
    card.imported('[eventpics]\nlink_id = "abcd1234"\n')
    mounts.run("mount", "-t", "tmpfs", "-o", "size=32k", "none", card.root / "etc")
    mounts.call(_import_on_full_disk, card.root)


def _import_on_full_disk(root: Path) -> None:
    card = Card(root)
    card.imported('[eventpics]\nlink_id = "abcd1234"\n')
    with contextlib.suppress(OSError):
        (card.box.etc / "junk").write_bytes(b"x" * 100_000)
    card.imported('name = "Fay"\n[eventpics]\nlink_id = "efgh5678"\n')
    assert event_of(card) == "abcd1234"
    assert "No space left on device" in card.answer and "In force" not in card.answer
    assert import_record.read(card.box.etc).mistakes == 1


def _full(*_given: Any, **_named: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["words", "network 1", "country"])
def test_f12_what_a_file_owes_is_not_done_of_another(card: Card, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The other is the one that is left: its event is in force, unless it was before, as a code has spoken since."""
    of_june = '[eventpics]\nlink_id = "abcd1234"\n[[wifi]]\nssid = "Barn"\npassword = "words of June"\n'
    card.imported(f'country = "DE"\n{of_june}')
    say_by_code(card, "tonight1")
    second = card.box.boot / "piboothup (1).toml"
    second.write_text(FILE.replace("abcd1234", "efgh5678"))
    writer = {"words": "root_settings_file.update", "network 1": "wifi_profiles.write"}.get(
        step, "radio.keep_country"
    )
    with monkeypatch.context() as patched:
        patched.setattr(f"piboothup.setup.{writer}", _full)
        card.run()
    assert step in import_record.read(card.box.etc).owed
    second.unlink()
    wifi_profiles.write(WifiNetwork("Barn", Secret("words of a code"), Security.WPA), folder=card.box.profiles)
    card.run()
    assert import_record.read(card.box.etc).owed == ()
    assert event_of(card) == ("tonight1" if step == "words" else "abcd1234")
    assert "=DE" in (card.box.boot / "cmdline.txt").read_text()
    assert saved_password("Barn", card.box.profiles) == Secret("words of a code")


@pytest.mark.parametrize(
    "text", ['[eventpics]\nlink_id = "abcd1234"\n', FILE, 'name = "Barn"\n[eventpics]\nlink_id = "abcd1234"\n']
)
def test_f12_a_file_that_is_laid_on_again_counts_again(card: Card, text: str) -> None:
    """With a key it did already, as `(saved)` had made it another file."""
    card.imported(text)
    left = card.file.read_text(encoding="utf-8")
    card.file.unlink()
    assert card.run() is None
    say_by_code(card, "tonight1")
    assert event_of(card) == "tonight1"
    card.imported(left)
    assert event_of(card) == "abcd1234"
    say_by_code(card, "tonight1")
    assert card.run() is None and event_of(card) == "tonight1"


@pytest.mark.parametrize(
    "text", [FILE, 'country = "DE"\n[eventpics]\nlink_id = "abcd1234"\n', FILE.replace('country = "AT"', "")]
)
def test_u02_services_know_of_a_card_before_its_radio(card: Card, text: str) -> None:
    """A radio whose NetworkManager hangs takes a minute: photos went to the event before it meanwhile."""
    watch = import_record.ImportWatch(card.box.etc)
    seen: list[bool] = []

    def put_in_force(_country: str) -> None:
        seen.append(watch.has_news() and event_of(card) == "abcd1234" and "In force" in card.answer)
        assert import_record.read(card.box.etc).owed == ("radio",)

    card.file.write_text(text)
    boot_import.run(card.box, put_in_force)
    assert seen == [True] and import_record.read(card.box.etc).owed == ()
    assert card.run() is None


def test_u02_a_radio_that_was_cut_is_set_at_the_next_start(card: Card) -> None:
    def cut(_country: str) -> None:
        raise KeyboardInterrupt

    card.file.write_text(FILE)
    with pytest.raises(KeyboardInterrupt):
        boot_import.run(card.box, cut)
    say_by_code(card, "tonight1")
    assert card.run() is None and card.countries == [], "the code had it set"
    card.file.write_text(FILE + "# again\n")
    with pytest.raises(KeyboardInterrupt):
        boot_import.run(card.box, cut)
    assert card.run() is not None
    assert card.countries == ["AT"]


@pytest.mark.process
def test_u02_no_import_waits_for_another_s_radio(card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code held before the lens meanwhile was not taken."""
    monkeypatch.setattr(code_import, "_LOCK_LOOKS", 1)

    def held(_country: str) -> None:
        monkeypatch.setattr(radio, "put_in_force", lambda _: None)
        say_by_code(card, "tonight1")

    monkeypatch.setattr(radio, "put_in_force", held)
    card.file.write_text(FILE)
    assert main(["setup", "import"]) == 0
    assert event_of(card) == "tonight1"
    assert import_record.read(card.box.etc).owed == ()
    assert main(["setup", "import"]) == 0
    assert event_of(card) == "tonight1"


@pytest.mark.parametrize("change", ["a comment", "laid on again"])
def test_f12_lost_settings_come_back_by_the_file(card: Card, change: str) -> None:
    """As their sentence says."""
    text = 'name = "Barn"\n[eventpics]\nlink_id = "abcd1234"\n'
    card.imported(text)
    card.settings.unlink()
    if change == "a comment":
        card.imported(f"{text}# again\n")
    else:
        card.file.unlink()
        assert card.run() is None
        card.imported(text)
    assert event_of(card) == "abcd1234" and "Barn" in card.settings.read_text()
