"""The event in force over whole histories: the last one that anybody named, or none; never one named before it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.storage import StorageMonitor
from piboothup.clock import moment
from piboothup.commands.common import service_config
from piboothup.config import GOOD_FILE, Secret, import_record
from piboothup.config.codes import BoothCode, make, parse
from piboothup.setup import boot_import, code_import, radio
from piboothup.setup.boot_import import PENDING
from piboothup.setup.root_settings_file import update
from piboothup.spool import choices, durable
from piboothup.spool.admin import wipe, wipe_steps
from piboothup.spool.disk import choice_record
from piboothup.spool.disk.choice_record import ChoiceRecord
from piboothup.spool.handover import mark_sent
from piboothup.spool.layout_version import read_id
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.store import Spool
from piboothup.text import read_bytes
from tests.support.clock import HandClock
from tests.support.kept_box import KeptBox
from tests.support.photos import jpeg, open_spool, take

PLAIN = ('name = "Stand 2"', 'language = "de"', "[capture]\ncountdown_s = 3", "[upload]\npaused = true")


class History:
    """A box without devices: its files, root's helper, the start of its booth, and what was named last."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, HandClock()
        for name in ("boot", "etc", "profiles"):
            (root / name).mkdir()
        self.box = KeptBox("7F3K", root / "boot", root / "etc", root / "profiles", clock=self.clock)
        self.config, self.settings = self.box.etc / "config.toml", self.box.etc / "settings.toml"
        self.chosen, self.good = (root / "spool" / name for name in (choices.FILE, GOOD_FILE))
        self.spool = Spool(root / "spool", self.clock, "serial-1")
        self.last = ""
        self.count = self.boots = 0
        self.hand("")

    def fresh(self) -> str:
        """The next event that is named."""
        self.count += 1
        self.last = f"event{self.count:03d}"
        return self.last

    def hand(self, event: str) -> None:
        """Write the config by hand, with this event."""
        text = f'config_version = 1\n[spool]\ndirectory = "{self.root}/spool"\nallow_memory = true\n'
        self.config.write_text(text + (f'[eventpics]\nlink_id = "{event}"\n' if event else ""))

    def card(self, text: str) -> None:
        """Put a file on the card."""
        (self.box.boot / "piboothup.toml").write_text(f"config_version = 1\n{text}\n")

    def name_on_card(self, event: str, album: str = "") -> None:
        """Put a file on the card that names an event."""
        self.card(f'[eventpics]\nlink_id = "{event}"\n' + (f'album_id = "{album}"' if album else ""))

    def code(self, **settings: object) -> None:
        """Have root take a code's settings."""
        self.clock.pass_s(1)
        update(self.settings, settings, moment(self.clock))

    def fail_code(self, code: BoothCode) -> None:
        """Show a code that root's disk does not take; the box is on."""
        self.clock.pass_s(1)
        with pytest.MonkeyPatch.context() as patched, pytest.raises(OSError, match="Input"):
            patched.setattr("piboothup.setup.root_settings_file.durable.update", _fail)
            code_import.take({"code": make(code).reveal()}, self.box, radio.Radio())

    def start(self) -> SettingsStore:
        """Start the box; return what it takes photos for."""
        self.power_on()
        self.take_card()
        return self.booth()

    def power_on(self) -> None:
        """Begin a boot, in which nothing runs yet."""
        self.boots += 1
        self.clock.power_on(f"boot{self.boots}")

    def take_card(self) -> None:
        """Have root finish a code and take the card's file, as at each start."""
        code_import.finish(self.box, lambda _: None)
        boot_import.run(self.box, lambda _: None)

    def booth(self) -> SettingsStore:
        """Start the booth; return what it takes photos for."""
        used = service_config(argparse.Namespace(config=str(self.config)))
        self.spool = Spool(self.spool.directory, self.clock, "serial-1")
        self.monitor = StorageMonitor(
            used.config, self.spool, self.clock, config_names=used.names, known_spools_file=self.root / "known.json"
        )
        self.monitor.open(retry_later=True)
        self.monitor.close()
        store = SettingsStore(used.config, self.spool.directory, self.clock, lambda _: None)
        store.refresh()
        return store

    def choose(self, event: str, album: str = "") -> None:
        """Choose an event in the menu."""
        store = self.start()
        self.monitor.open(retry_later=True)
        store.choose(link_id=event, album_id=album)
        self.monitor.check()  # as the booth does every second
        self.monitor.close()

    def in_force(self) -> str:
        """The event after a start."""
        return self.start().active.context.link_id

    def wipe_all(self) -> None:
        """Wipe the card, as for a box that is given back."""
        plan = wipe.plan(wipe.survey(self.spool, booth_runs=False), None)
        wipe.wipe(self.spool, plan, unsent=True)
        self.last = ""

    def note_wipe(self) -> None:
        """Record outside the spool what a wipe has ended, as its command does."""
        used = service_config(argparse.Namespace(config=str(self.config)))
        choice_record.note(self.root, self.spool.directory, read_id(self.spool.directory), used.config)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    made = History(tmp_path)
    for place in ("piboothup.config.file.DEFAULT_PATH", "piboothup.config.DEFAULT_PATH"):
        monkeypatch.setattr(place, made.config)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", tmp_path)
    monkeypatch.setattr("piboothup.spool.names.hardware_serial", lambda: "serial-1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/none")
    return made


@pytest.mark.parametrize("said", [*PLAIN, '[eventpics]\napi_key = "canary-key-1234"', 'timezone = "Europe/Berlin"'])
def test_f12_a_card_without_an_event_ends_no_choice(box: History, said: str) -> None:
    box.name_on_card("former12")
    box.choose("tonight1")
    box.card(said)
    assert box.in_force() == "tonight1"
    assert box.in_force() == "tonight1"


def test_u05_a_card_without_a_pause_ends_none(box: History) -> None:
    box.start().choose(paused=True, sound=False)
    box.card(PLAIN[0])
    store = box.start()
    assert (store.active.config.upload.paused, store.active.sound) == (True, False)


@pytest.mark.parametrize("by", ["card", "code", "config"])
def test_f12_who_names_an_event_again_has_the_last_word(box: History, by: str) -> None:
    def name(more: str) -> None:
        match by:
            case "card":
                box.card(f'{more}\n[eventpics]\nlink_id = "former12"')
            case "code":
                box.code(eventpics={"link_id": "former12"})
            case "config":
                box.hand("former12" if more else "between1")

    name(PLAIN[0])
    box.choose("tonight1")
    assert box.in_force() == "tonight1"
    name("")
    assert box.in_force() == ("between1" if by == "config" else "former12")
    name(PLAIN[0])
    assert box.in_force() == "former12"


def test_f12_the_same_file_on_the_card_names_no_event_again(box: History) -> None:
    box.name_on_card("former12")
    box.choose("tonight1")
    (box.box.etc / "imported.json").unlink()  # or some of it could not be written: it is imported again
    assert box.in_force() == "tonight1"


@pytest.mark.parametrize("below", ["card", "config"])
def test_u12_a_card_naming_the_event_in_use_keeps_its_album(box: History, below: str) -> None:
    if below == "card":
        box.name_on_card("tonight1", "a1")
    else:
        box.config.write_text(box.config.read_text() + '[eventpics]\nlink_id = "tonight1"\nalbum_id = "a1"\n')
    assert box.start().active.context.album_id == "a1"
    box.name_on_card("tonight1")
    assert box.start().active.context.album_id == "a1"
    box.choose("tonight1", "b2")
    box.card(f'{PLAIN[0]}\n[eventpics]\nlink_id = "tonight1"')
    assert box.start().active.context.album_id == "b2"
    box.name_on_card("tonight1", "c3")
    assert box.start().active.context.album_id == "c3"
    box.name_on_card("other123")
    assert box.start().active.context.album_id == ""


@pytest.mark.parametrize("by", ["card", "code"])
@pytest.mark.parametrize("damage", [None, b"", b"config_version = 1\n"])
def test_f12_lost_root_settings_bring_no_former_event_back(box: History, by: str, damage: bytes | None) -> None:
    box.hand("former12")
    box.name_on_card("tonight1")
    box.start()
    box.settings.unlink()
    if damage is not None:
        box.settings.write_bytes(damage)
    assert box.in_force() == "tonight1"  # of the last good config
    if by == "card":
        box.card(PLAIN[0])
    else:
        box.code(name="Stand 2")
    assert box.in_force() == ""
    box.code(eventpics={"link_id": "tonight1"})
    assert box.in_force() == "tonight1"


def test_f12_root_settings_that_never_were_are_no_loss(box: History) -> None:
    box.hand("tonight1")
    box.code(name="Stand 2")
    assert box.in_force() == "tonight1"


@pytest.mark.parametrize("said", [{"name": "Stand 2"}, {"language": "de"}, {"eventpics": {"api_key_file": "/key"}}])
def test_f12_damaged_choices_wait_for_an_event_to_be_named(box: History, said: dict[str, object]) -> None:
    box.name_on_card("former12")
    box.choose("tonight1")
    box.chosen.write_bytes(b"")
    box.code(**said)
    assert box.in_force() == ""
    assert box.in_force() == ""
    box.code(eventpics={"link_id": "event999"})
    assert box.in_force() == "event999"


def test_f12_a_good_copy_cut_anywhere_ends_no_choice(box: History) -> None:
    box.name_on_card("former12")
    box.choose("tonight1")
    whole = box.good.read_bytes()
    for end in (*range(0, len(whole), 41), *range(len(whole) - 30, len(whole))):
        box.good.write_bytes(whole[:end])
        assert box.in_force() == "tonight1", end


@pytest.mark.parametrize("by", ["menu", "code", "card", "config"])
def test_f12_after_a_wipe_of_all_no_event_is_in_force(box: History, by: str) -> None:
    match by:
        case "menu":
            box.hand("former12")
            box.choose("tonight1")
        case "code":
            box.code(eventpics={"link_id": "tonight1"})
        case "card":
            box.name_on_card("tonight1")
        case "config":
            box.hand("tonight1")
    take(open_spool(box.spool.directory, box.clock), jpeg(), box.start().active.context)
    box.wipe_all()
    assert box.in_force() == ""
    box.card(PLAIN[0])
    assert box.in_force() == ""  # nobody has named one
    box.card('[eventpics]\nlink_id = "tonight1"\n' + PLAIN[2])
    assert box.in_force() == "tonight1"


@pytest.mark.parametrize("damage", [b"", None])
def test_f12_choices_lost_after_a_wipe_bring_no_event_back(box: History, damage: bytes | None) -> None:
    """The wipe took the event out of the good copy: that another one was named can't be told from it."""
    box.name_on_card("former12")
    take(open_spool(box.spool.directory, box.clock), jpeg(), box.start().active.context)
    box.wipe_all()
    file = box.spool.directory / choices.FILE
    file.unlink() if damage is None else file.write_bytes(damage)
    for _ in range(2):
        assert box.in_force() == ""
    box.choose("tonight1")
    assert box.in_force() == "tonight1"


@pytest.mark.parametrize("step", ["delete_photos", "delete_contexts", "delete_titles"])
def test_c17_a_cut_wipe_of_the_event_in_use_keeps_it(
    box: History, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    box.hand("former12")
    box.choose("tonight1")
    context = box.start().active.context
    spool = open_spool(box.spool.directory, box.clock)
    take(spool, jpeg(), context)
    plan = wipe.plan(wipe.survey(spool, booth_runs=True), "tonight1")
    with monkeypatch.context() as patched, pytest.raises(wipe.WipeError):
        patched.setattr(wipe_steps, step, cut)
        wipe.wipe(spool, plan, unsent=True, in_use={context.id})
    assert box.in_force() == "tonight1"
    assert list(spool.names(NEW)) == []
    wipe.wipe(spool, wipe.plan(wipe.survey(spool, booth_runs=False), "tonight1"), unsent=True)
    assert box.in_force() == ""  # wiped while no booth ran: the config's does not come back


@pytest.mark.parametrize("meanwhile", ["nothing", "menu", "code", "card", "another disk"])
def test_f12_without_its_disk_a_choice_gives_way_to_none(box: History, meanwhile: str) -> None:
    """Photos taken meanwhile have no event, so they wait for one."""
    box.hand("former12")
    box.choose("tonight1")
    disk, other = box.spool.directory, box.root / "other"
    away = disk.rename(box.root / "away")
    context = box.start().active.context
    assert context.link_id == ""
    name = take(open_spool(disk, box.clock), jpeg(), context)
    assert box.in_force() == ""
    match meanwhile:
        case "menu":
            box.choose("later123")
        case "code":
            box.code(eventpics={"link_id": "later123"})
        case "card":
            box.name_on_card("later123")
        case "another disk":
            disk.rename(other)
    assert box.in_force() == ("" if meanwhile in ("nothing", "another disk") else "later123")
    if meanwhile != "another disk":
        kept = open_spool(disk, box.clock).context_of(name)
        assert kept is not None and kept.link_id == ""
    disk.rename(box.root / "former disk")
    away.rename(disk)
    wanted = {"menu": "", "code": "later123", "card": "later123"}.get(meanwhile, "tonight1")
    for _ in range(2):
        assert box.in_force() == wanted
    box.choose("tonight2")
    assert box.in_force() == "tonight2"


@pytest.mark.parametrize("starts_between", [True, False])
@pytest.mark.parametrize("by", ["code", "card", "config"])
def test_f12_after_a_wipe_another_disk_brings_no_event_back(box: History, by: str, starts_between: bool) -> None:
    """Root's settings, or the config, have the former guests' event still."""
    match by:
        case "code":
            box.code(eventpics={"link_id": "former12"})
        case "card":
            box.name_on_card("former12")
        case "config":
            box.hand("former12")
    take(open_spool(box.spool.directory, box.clock), jpeg(), box.start().active.context)
    box.clock.pass_s(5)
    box.wipe_all()
    if starts_between:
        assert box.in_force() == ""
    else:
        box.note_wipe()
    box.spool.directory.rename(box.root / "away")
    for _ in range(2):
        assert box.in_force() == ""
    box.code(eventpics={"link_id": "tonight1"})
    assert box.in_force() == "tonight1"


def test_f12_without_its_disk_an_unchosen_event_stays(box: History) -> None:
    box.hand("tonight1")
    box.start().choose(language="de")
    box.spool.directory.rename(box.root / "away")
    assert box.in_force() == "tonight1"
    box.code(eventpics={"link_id": "tonight2"})
    assert box.in_force() == "tonight2"


NOTE = re.compile("^# Card file.*\n", re.MULTILINE)


@pytest.mark.parametrize("by", ["hand", "an older program"])
def test_f12_settings_without_a_new_revision_have_the_word(box: History, by: str) -> None:
    """A code's event was chosen over; then another is written in root's settings, with the code's revision."""
    box.start()
    box.code(eventpics={"link_id": "former12"}, language="de")
    box.clock.pass_s(5)
    box.booth().choose(link_id="former34", album_id="", language="en")
    assert box.in_force() == "former34"
    text = box.settings.read_text().replace("former12", "tonight1").replace('language = "de"', 'language = "en"')
    box.settings.write_text(text if by == "hand" else NOTE.sub("", text))
    for _ in range(2):
        active = box.start().active
        assert (active.context.link_id, active.config.language) == ("tonight1", "en")
    box.settings.write_text(text.replace('language = "en"', 'language = "de"').replace("tonight1", "tonight2"))
    active = box.start().active
    assert (active.context.link_id, active.config.language) == ("tonight2", "de")


@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize("has_copy", [True, False])
def test_f12_an_older_program_s_code_outlives_its_card(box: History, is_recorded: bool, has_copy: bool) -> None:
    """Its settings have no note of the card's file: it is not known which was said later."""
    box.name_on_card("former12", "a1")
    box.start()
    box.code(eventpics={"link_id": "tonight1"})
    box.settings.write_text(NOTE.sub("", box.settings.read_text()))
    if not has_copy:
        (box.box.etc / "settings.toml.last").unlink()
    if not is_recorded:
        (box.box.etc / "imported.json").unlink()
    for _ in range(2):
        assert box.in_force() == ("tonight1" if is_recorded else "")
    answer = (box.box.boot / "piboothup-status.txt").read_text()
    assert ("photos wait until one is chosen" in answer) is not is_recorded
    box.name_on_card("tonight2")
    assert box.in_force() == "tonight2"


def test_f12_an_older_program_s_code_for_the_card_s_event(box: History) -> None:
    box.start()
    box.code(eventpics={"link_id": "tonight1"})
    box.settings.write_text(NOTE.sub("", box.settings.read_text()))
    box.name_on_card("tonight1", "a1")
    assert box.in_force() == "tonight1"


def test_c05_a_pending_code_of_an_older_program_is_finished(box: History) -> None:
    box.choose("former12")
    (box.box.etc / PENDING).write_text(make(BoothCode(link_id="tonight1")).reveal())
    box.power_on()
    box.take_card()
    assert box.booth().active.context.link_id == "tonight1"
    (box.box.etc / PENDING).write_text(make(BoothCode(link_id="tonight2")).reveal())
    box.power_on()
    store = box.booth()
    store.choose(link_id="tonight3", album_id="")
    box.take_card()
    assert box.booth().active.context.link_id == "tonight3"


def test_c05_an_older_program_reads_a_pending_code(box: History) -> None:
    box.fail_code(BoothCode(link_id="tonight1"))
    assert parse((box.box.etc / PENDING).read_text()) == BoothCode(link_id="tonight1")


def _fail(*_given: object, **_how: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("by", ["menu", "another box code", "card", "nobody"])
def test_f12_a_failed_code_never_comes_over_a_later_word(box: History, by: str) -> None:
    box.hand("former12")
    box.choose("older123")
    box.fail_code(BoothCode(link_id="failed12", language="de"))
    match by:
        case "menu":
            box.clock.pass_s(5)
            box.booth().choose(link_id="tonight1", album_id="")
        case "another box code":
            box.code(eventpics={"link_id": "tonight1"})
            (box.box.etc / PENDING).unlink()  # each code is preceded by what is left of the one before
        case "card":
            box.name_on_card("tonight1")
    for _ in range(2):
        store = box.start()
        assert store.active.context.link_id == ("failed12" if by == "nobody" else "tonight1")
    assert not (box.box.etc / PENDING).exists()


def test_f12_a_failed_code_leaves_a_later_language(box: History) -> None:
    box.start()
    box.fail_code(BoothCode(link_id="tonight1", language="de"))
    box.clock.pass_s(5)
    box.booth().choose(language="en", paused=True)
    box.power_on()
    store = box.booth()
    store.choose(paused=False)
    for _ in range(2):
        box.take_card()
        active = box.booth().active
        assert (active.config.language, active.config.upload.paused) == ("en", False)
        assert active.context.link_id == "tonight1"
        box.power_on()


def test_f12_a_failed_code_ends_a_choice_before_it(box: History) -> None:
    box.start().choose(link_id="former12", album_id="", language="en")
    box.fail_code(BoothCode(link_id="tonight1", language="de"))
    active = box.start().active
    assert (active.context.link_id, active.config.language) == ("tonight1", "de")


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ('[eventpics]\nlink_id = "card1234"', {"link_id": "tonight1", "album_id": ""}),
        ('[eventpics]\nlink_id = "tonight1"\nalbum_id = "a1"', {"link_id": "tonight1", "album_id": "b2"}),
        ('language = "de"', {"language": "en"}),
        ("[upload]\npaused = true", {"paused": False}),
    ],
)
@pytest.mark.parametrize("follows", ["start", "code", "failed code"])
def test_f12_a_late_import_ends_no_choice_of_this_start(
    box: History, said: str, chosen: dict[str, Any], follows: str
) -> None:
    box.start()
    box.card(said)
    box.power_on()
    box.booth().choose(**chosen)
    box.take_card()
    if follows == "code":
        box.code(name="Stand 2")
    elif follows == "failed code":
        box.fail_code(BoothCode(name="Stand 2"))
    for _ in range(2):
        found = choices.Choices(**{name: getattr(box.booth().chosen, name) for name in chosen})
        assert found == choices.Choices(**chosen)
        box.power_on()
        box.take_card()


UNREAD = "piboothup.toml"


def refuse_card(box: History, file: str) -> None:
    """Start the box with a card's file that can't be read, or that root's disk takes in part; the booth runs then."""
    box.power_on()
    replace = durable.replace

    def refuse(path: Path, *given: Any, **how: Any) -> None:
        if path.name == file:
            _fail()
        replace(path, *given, **how)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(durable, "replace", refuse)
        if file == UNREAD:
            patched.setattr(Path, "open", _fail)
        with pytest.raises(OSError, match="Input") if file == RECORD else contextlib.nullcontext():
            box.take_card()


RECORD = import_record.FILE
REFUSED = ["settings.toml", "settings.toml.last", "key", RECORD, UNREAD]


@pytest.mark.parametrize("file", REFUSED)
@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ('link_id = "card1234"', {"link_id": "tonight1", "album_id": ""}),
        ('link_id = "tonight1"\nalbum_id = "a1"', {"link_id": "tonight1", "album_id": "b2"}),
        ("[upload]\npaused = true", {"paused": False}),
    ],
)
@pytest.mark.parametrize("fails", ["once", "twice in a boot"])
def test_f12_a_card_that_failed_ends_no_choice_after_it(
    box: History, file: str, said: str, chosen: dict[str, Any], fails: str
) -> None:
    """Its words are from before that boot, however late root's disk takes them."""
    box.start()
    box.card(f'[eventpics]\napi_key = "canary-key-1234"\n{said}')
    refuse_card(box, file)
    store = box.booth()
    box.clock.pass_s(5)
    if fails != "once":
        box.fail_code(BoothCode(name="Stand 2"))
    store.choose(**chosen)
    for _ in range(2):
        box.power_on()
        box.take_card()
        found = choices.Choices(**{name: getattr(box.booth().chosen, name) for name in chosen})
        assert found == choices.Choices(**chosen)
    assert "canary" in (box.box.etc / "key").read_text()


@pytest.mark.parametrize(
    ("said", "event", "key"),
    [
        (BoothCode(name="Stand 3"), "tonight1", "canary-key-1234"),
        (BoothCode(key=Secret("canary-key-5678")), "tonight1", "canary-key-5678"),
        (BoothCode(link_id="chosen02"), "chosen02", "canary-key-0000"),
        ('name = "Stand 3"', "tonight1", "canary-key-1234"),
        ('[[wifi]]\nssid = "Barn"\npassword = "canary words"', "tonight1", "canary-key-1234"),
        ('[eventpics]\nlink_id = "chosen02"', "chosen02", "canary-key-0000"),
        ("[eventpics]\nlink_id = chosen 02", "", "canary-key-0000"),
    ],
)
def test_f12_a_later_word_ends_what_it_says_alone(box: History, said: BoothCode | str, event: str, key: str) -> None:
    """The card's file can't be read for one whole boot: what nobody has said since is tonight's, not the former."""
    box.card('[eventpics]\napi_key = "canary-key-0000"\nlink_id = "former12"')
    box.start()
    box.card('name = "Stand 2"\n[eventpics]\napi_key = "canary-key-1234"\nlink_id = "tonight1"')
    box.power_on()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "open", _fail)
        box.take_card()
        box.clock.pass_s(1)
        if isinstance(said, BoothCode):
            code_import.take({"code": make(said).reveal()}, box.box, radio.Radio())
        else:
            boot_import.take_from_stick(box.box, ["piboothup.toml"], said.encode(), lambda _: None)
    for _ in range(2):
        store = box.start()
        assert store.active.context.link_id == event
        assert (box.box.etc / "key").read_text() == f"{key}\n"
        assert store.active.config.name == ("Stand 3" if "Stand 3" in str(said) else "Stand 2")


@pytest.mark.parametrize("file", REFUSED)
def test_f12_a_card_that_failed_has_the_word_at_the_next_start(box: History, file: str) -> None:
    box.choose("former12")
    box.card('[eventpics]\napi_key = "canary-key-1234"\nlink_id = "tonight1"')
    refuse_card(box, file)
    box.booth()
    for _ in range(2):
        assert box.in_force() == "tonight1"


@pytest.mark.parametrize("file", REFUSED)
def test_f12_a_wipe_of_all_outlasts_a_card_that_failed(box: History, file: str) -> None:
    box.start()
    box.card('[eventpics]\napi_key = "canary-key-1234"\nlink_id = "former12"')
    refuse_card(box, file)
    take(open_spool(box.spool.directory, box.clock), jpeg(), box.booth().active.context)
    box.clock.pass_s(5)
    box.wipe_all()
    for _ in range(2):
        assert box.in_force() == ""
    box.name_on_card("tonight1")
    assert box.in_force() == "tonight1"


def say_later(box: History, store: SettingsStore, by: str) -> str:
    """Choose an event or wipe all, a minute later; the event that is in force from then on."""
    box.clock.pass_s(60)
    if by == "wipe":
        take(open_spool(box.spool.directory, box.clock), jpeg(), store.active.context)
        box.wipe_all()
        return ""
    store.choose(link_id="tonight1", album_id="")
    return "tonight1"


@pytest.mark.parametrize("by", ["menu", "wipe"])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("fails", ["the record", "all after the settings"])
def test_f12_a_card_whose_record_failed_ends_no_later_word(box: History, by: str, is_first: bool, fails: str) -> None:
    """The disk of the system has an error, or is read-only from then on."""
    if not is_first:
        box.card(PLAIN[0])
    box.start()
    box.name_on_card("card1234")
    box.power_on()
    with pytest.MonkeyPatch.context() as patched:
        for name in ("replace", "remove"):
            do = getattr(durable, name)

            def refuse(path: Path, *given: Any, _do: Callable[..., None] = do, **how: Any) -> None:
                is_later = box.settings.exists() and b"card1234" in box.settings.read_bytes()
                if path.parent == box.box.etc and (is_later if fails != "the record" else path.name == RECORD):
                    _fail()
                _do(path, *given, **how)

            if name == "replace" or fails != "the record":
                patched.setattr(durable, name, refuse)
        with pytest.raises(OSError, match="Input"):
            box.take_card()
    store = box.booth()
    assert store.active.context.link_id == "card1234"
    wanted = say_later(box, store, by)
    assert [box.in_force() for _ in range(2)] == [wanted] * 2
    box.name_on_card("card5678")
    assert box.in_force() == "card5678"


class Cut(BaseException):
    """The power goes."""


@pytest.mark.parametrize("by", ["menu", "wipe"])
@pytest.mark.parametrize("at", ["key", "settings.toml", "settings.toml.last", "piboothup.toml", RECORD])
def test_f12_a_card_whose_import_was_cut_ends_no_later_word(box: History, by: str, at: str) -> None:
    """The import runs beside the booth: something was chosen in the same boot before."""
    box.card(PLAIN[0])
    box.start()
    box.card('[eventpics]\napi_key = "canary-key-1234"\nlink_id = "card1234"')
    box.power_on()
    wanted = say_later(box, box.booth(), by)
    replace = durable.replace

    def cut(path: Path, *given: Any, **how: Any) -> None:
        if path.name == at and (at != RECORD or b"card1234" in box.settings.read_bytes()):
            raise Cut
        replace(path, *given, **how)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Cut):
        patched.setattr(durable, "replace", cut)
        box.take_card()
    assert [box.in_force() for _ in range(2)] == [wanted] * 2
    assert "canary" in (box.box.etc / "key").read_text()
    assert "canary" not in (box.box.boot / "piboothup.toml").read_text()
    box.name_on_card("card5678")
    assert box.in_force() == "card5678"


def test_f12_a_card_after_a_choice_of_another_thing_counts(box: History) -> None:
    """The language was chosen after the card was written, the event before."""
    box.choose("former12")
    box.name_on_card("tonight1")
    box.power_on()
    box.booth().choose(language="de")
    box.take_card()
    active = box.booth().active
    assert (active.context.link_id, active.config.language) == ("tonight1", "de")


def race(box: History, chance: random.Random) -> str:
    """Do something that takes effect late, and perhaps choose an event or another thing before it does."""
    is_card = chance.random() < 0.5
    if is_card:
        box.name_on_card(box.fresh())
        box.power_on()
    else:
        box.fail_code(BoothCode(link_id=box.fresh()))
    store = box.booth()
    box.clock.pass_s(chance.randrange(9))
    chosen = chance.choice(["", "event", "language"])
    if chosen == "event":
        store.choose(link_id=box.fresh(), album_id="")
    elif chosen == "language":
        store.choose(language=chance.choice(["en", "de"]))
    if is_card:
        box.take_card()
    return f" {is_card=} {chosen}"


def mistake(box: History, chance: random.Random) -> str:
    """Make a mistake in the config, perhaps show a code then and lose root's settings, and mend it."""
    good = box.config.read_text()
    box.config.write_text(chance.choice(["", "[capture\n", f"{good}[capture]\ncountdown_s = 99\n"]))
    box.start()
    if is_named := chance.random() < 0.5:
        box.code(eventpics={"link_id": box.fresh()})
    if is_lost := chance.random() < 0.5:
        box.settings.unlink(missing_ok=True)
    found = box.in_force()
    assert found in ("", box.last)
    box.config.write_text(good)
    return f" {is_named=} {is_lost=} {found}"


def step(box: History, chance: random.Random) -> str:
    """Do something that may name an event, or damage a file; what it was."""
    does = chance.choice(
        [
            "card",
            "plain card",
            "code",
            "plain code",
            "menu",
            "other menu",
            "wipe",
            "damage",
            "start",
            "race",
            "config",
        ]
    )
    match does:
        case "card":
            box.name_on_card(box.fresh(), chance.choice(["", "a1"]))
        case "plain card":
            box.card(chance.choice(PLAIN))
        case "code":
            box.code(eventpics={"link_id": box.fresh()})
        case "plain code":
            box.code(name=f"Stand {chance.randrange(9)}")
        case "menu":
            box.choose(box.fresh())
        case "other menu":
            box.start().choose(language=chance.choice(["en", "de"]), paused=chance.random() < 0.5)
        case "wipe":
            if not service_config(argparse.Namespace(config=str(box.config))).errors:  # as the command
                box.start()
                box.wipe_all()
        case "race" | "config":
            does += race(box, chance) if does == "race" else mistake(box, chance)
        case "damage":
            file = chance.choice([box.settings, box.settings.with_name("settings.toml.last"), box.chosen, box.good])
            whole = file.read_bytes() if file.exists() else b""
            file.unlink(missing_ok=True)
            if (left := chance.choice([None, b"", whole[: chance.randrange(len(whole) + 1)]])) is not None:
                file.write_bytes(left)
            does = f"damage {file.name} {left!r:.20}"
    return f"{does} {box.last}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_f12_no_history_leads_back_to_a_former_event(box: History, seed: int) -> None:
    chance, told = random.Random(seed), []
    box.start()
    for _ in range(12):
        told.append(step(box, chance))
        assert box.in_force() in ("", box.last), told


def album_in_force(box: History) -> str:
    return box.start().active.context.album_id


@pytest.mark.parametrize("by", ["card", "stick"])
@pytest.mark.parametrize(("album", "wanted"), [("first", "first"), ("third", "third"), ("", "second")])
def test_f12_the_same_album_said_again_ends_a_choice(box: History, by: str, album: str, wanted: str) -> None:
    """Without an album the same event says nothing of it."""
    box.name_on_card("carded01", "first")
    box.choose("carded01", "second")
    assert album_in_force(box) == "second"
    said = '[eventpics]\nlink_id = "carded01"\n' + (f'album_id = "{album}"\n' if album else "")
    if by == "card":
        box.card(f'name = "Once more"\n{said}')
    else:
        box.clock.pass_s(1)
        boot_import.take_from_stick(box.box, ["piboothup.toml"], said.encode(), lambda _: None)
    assert album_in_force(box) == wanted
    box.choose("carded01", "second")
    assert album_in_force(box) == "second"


def test_f12_the_same_album_in_the_config_ends_no_choice(box: History) -> None:
    """Nobody has said it again: another line of the file was changed."""
    box.hand("")
    with box.config.open("a") as config:
        config.write('[eventpics]\nlink_id = "handed01"\nalbum_id = "first"\n')
    box.choose("handed01", "second")
    with box.config.open("a") as config:
        config.write("[capture]\ncountdown_s = 3\n")
    assert album_in_force(box) == "second"


def at_box(box: History, serial: str) -> SettingsStore:
    """Start another box, of the same config, with this one's disk."""
    used = service_config(argparse.Namespace(config=str(box.config)))
    spool = Spool(box.spool.directory, box.clock, serial)
    monitor = StorageMonitor(used.config, spool, box.clock, config_names=used.names)
    monitor.open(retry_later=True)
    monitor.close()
    store = SettingsStore(used.config, spool.directory, box.clock, lambda _: None)
    store.refresh()
    return store


@pytest.mark.parametrize("event", ["handed01", ""])
def test_f12_an_event_chosen_at_another_box_does_not_hold(box: History, event: str) -> None:
    """The disk, or a computer that was replaced: no event is in force until somebody names one."""
    box.hand(event)
    box.choose("chosen01")
    store = at_box(box, "serial-2")
    assert store.active.context.link_id == ""
    store.choose(link_id="chosen02", album_id="")
    assert at_box(box, "serial-2").active.context.link_id == "chosen02"


def test_f12_a_pause_and_language_of_another_box_do_not_hold(box: History) -> None:
    box.hand("handed01")
    box.start().choose(paused=True, language="de")
    store = at_box(box, "serial-2")
    config = store.active.config
    assert (config.upload.paused, config.language, config.eventpics.link_id) == (False, "en", "handed01")
    store.choose(paused=True)
    assert at_box(box, "serial-2").active.config.upload.paused
    assert not at_box(box, "serial-1").active.config.upload.paused


def test_f12_a_card_ends_what_another_box_has_left(box: History) -> None:
    box.choose("chosen01")
    assert at_box(box, "serial-2").active.context.link_id == ""
    box.name_on_card("carded01")
    box.power_on()
    box.take_card()
    assert at_box(box, "serial-2").active.context.link_id == "carded01"


@pytest.mark.parametrize("of", ["another box", "another disk", "another disk, without a choice"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_f12_a_former_event_not_ended_takes_no_photo(
    box: History, monkeypatch: pytest.MonkeyPatch, of: str, number: int
) -> None:
    """The disk is full or worse: what was chosen there before stays in its file."""
    box.hand("" if of != "another disk, without a choice" else "former12")
    box.choose("former12") if of != "another disk, without a choice" else box.start()
    if of != "another box":
        box.spool.directory.rename(box.root / "away")
        box.choose("tonight1")
        box.spool.directory.rename(box.root / "other")
        (box.root / "away").rename(box.spool.directory)
    used = service_config(argparse.Namespace(config=str(box.config)))
    spool = Spool(box.spool.directory, box.clock, "serial-2" if of == "another box" else "serial-1")
    monitor = StorageMonitor(
        used.config, spool, box.clock, config_names=used.names, known_spools_file=box.root / "known.json"
    )
    with monkeypatch.context() as patched:
        update = durable.update

        def refuse(path: Path, *given: Any, **how: Any) -> None:
            if path.name == choices.FILE:
                raise OSError(number, "Refused")
            update(path, *given, **how)

        patched.setattr(durable, "update", refuse)
        for _ in range(2):
            assert monitor.check() is not None
            assert not monitor.opened
    assert monitor.check() is None
    assert choices.read(spool.directory, used.config).over(used.config).eventpics.link_id == ""
    monitor.close()


@pytest.mark.parametrize("state", ["bad sector", "folder", "pipe", "damaged"])
def test_f12_a_former_event_is_ended_unread(box: History, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """Else no photo would be taken on this disk, ever."""
    box.choose("former12")
    choice_record.write(box.root, ChoiceRecord("elsewhere", choices.Said.by(box.monitor._config).event))
    match state:
        case "bad sector":

            def read(path: Path) -> bytes:
                if path == box.chosen and path.read_bytes() == former:
                    _fail()
                return read_bytes(path)

            former = box.chosen.read_bytes()
            monkeypatch.setattr("piboothup.spool.choices.read_bytes", read)
        case "damaged":
            box.chosen.write_bytes(b"\0" * 100)
        case _:
            box.chosen.unlink()
            os.mkfifo(box.chosen) if state == "pipe" else box.chosen.mkdir()
    for _ in range(2):
        assert box.booth().active.context.link_id == ""
        assert box.monitor.times_opened == 1 and box.monitor.problem is None
    box.choose("tonight1")
    assert box.in_force() == "tonight1"


@pytest.mark.parametrize("of", ["another box", "another disk"])
def test_f12_sent_photos_make_room_to_end_a_former_event(
    box: History, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    box.choose("former12")
    context = box.start().active.context
    mark_sent(box.spool, take(open_spool(box.spool.directory, box.clock), jpeg(), context))
    if of == "another disk":
        choice_record.write(box.root, ChoiceRecord("elsewhere", choices.Said.by(box.monitor._config).event))
    update = durable.update

    def refuse(path: Path, *given: Any, **how: Any) -> None:
        if path.name == choices.FILE and any(box.spool.names(SENT)):
            raise OSError(errno.ENOSPC, "No space left on device")
        update(path, *given, **how)

    monkeypatch.setattr(durable, "update", refuse)
    store = at_box(box, "serial-2") if of == "another box" else box.booth()
    assert store.active.context.link_id == ""


@pytest.mark.parametrize("content", [b"", b"1\n", b"\0" * 19, b"2 0123", b"\xff\xfe"])
def test_f12_a_choice_outlasts_a_layout_file_without_id(box: History, content: bytes) -> None:
    """It ends the choice that was made before, as the card may be another one; never one that is made then."""
    box.hand("handed01")
    box.choose("former12")
    (box.spool.directory / ".layout").write_bytes(content)
    assert box.in_force() == ""
    box.choose("tonight1")
    for _ in range(3):
        assert box.in_force() == "tonight1"


@pytest.mark.parametrize("chosen", [{"language": "de"}, {"paused": True}, {"link_id": "chosen02", "album_id": ""}])
def test_f12_nothing_is_chosen_over_choices_not_read(box: History, chosen: dict[str, Any]) -> None:
    """The file may be whole: what it says of the event was replaced by none."""
    box.hand("handed01")
    box.choose("chosen01", "album")
    before = box.chosen.read_bytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(choices, "read_bytes", _fail)
        store = box.start()
        with pytest.raises(OSError, match="Input"):
            store.choose(**chosen)
    assert box.chosen.read_bytes() == before
    assert box.start().active.context.link_id == "chosen01"


# -- a system in memory, whose import is done anew at each start ---------------------------------------------------


@pytest.fixture
def overlay(box: History, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(KeptBox, "forgets", True)
    return box


def cut_power(box: History) -> None:
    """What was written into the system is gone; the card and the spool are disks."""
    for path in box.box.etc.iterdir():
        if path != box.config:
            path.unlink()


@pytest.mark.parametrize("early", [False, True])
def test_f12_a_choice_outlasts_the_same_card_in_an_overlay(overlay: History, early: bool) -> None:
    """`early`: the booth starts before the import is done, as it does not wait for it."""
    overlay.name_on_card("carded01")
    assert overlay.in_force() == "carded01"
    cut_power(overlay)
    overlay.choose("chosen01")
    for _ in range(3):
        cut_power(overlay)
        overlay.power_on()
        if early:
            assert overlay.booth().active.context.link_id in ("", "chosen01")
        overlay.take_card()
        assert overlay.booth().active.context.link_id == "chosen01"


@pytest.mark.parametrize("event", ["carded01", "carded02"])
def test_f12_another_card_ends_a_choice_in_an_overlay(overlay: History, event: str) -> None:
    overlay.name_on_card("carded01")
    overlay.choose("chosen01")
    cut_power(overlay)
    overlay.card(f'name = "Barn"\n[eventpics]\nlink_id = "{event}"')
    assert overlay.in_force() == event


def test_f12_a_wipe_of_all_outlasts_the_card_in_an_overlay(overlay: History) -> None:
    overlay.name_on_card("carded01")
    assert overlay.in_force() == "carded01"
    overlay.wipe_all()
    cut_power(overlay)
    assert overlay.in_force() == ""
    cut_power(overlay)
    overlay.name_on_card("carded02")
    assert overlay.in_force() == "carded02"
