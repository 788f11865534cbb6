"""Choices made at the box: they override the config until that says something else, and can't break anything."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from piboothup.config import GOOD_FILE, Config, EventPicsConfig, Secret, UploadConfig, good_copy, parse
from piboothup.spool import choices, contexts
from piboothup.spool.admin.assign import take_along, without_event
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import CONTEXTS
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

CONFIG = Config(eventpics=EventPicsConfig(link_id="abcd1234", album_id="a1"))
ALL = Choices(link_id="efgh5678", album_id="b2", language="de", paused=True, sound=False)


def test_what_was_chosen_is_read_back_and_overrides_the_config(tmp_path: Path) -> None:
    choices.write(tmp_path, CONFIG, ALL)
    assert choices.read(tmp_path, CONFIG) == ALL
    config = ALL.over(CONFIG)
    assert (config.eventpics.link_id, config.eventpics.album_id) == ("efgh5678", "b2")
    assert (config.language, config.upload.paused) == ("de", True)


@pytest.mark.parametrize(
    "chosen",
    [Choices(), Choices(link_id="efgh5678", album_id=""), Choices(language="de"), Choices(paused=False)],
)
def test_what_was_not_chosen_stays_the_config_s_word(tmp_path: Path, chosen: Choices) -> None:
    choices.write(tmp_path, CONFIG, chosen)
    assert choices.read(tmp_path, CONFIG) == chosen
    if chosen.link_id is None:
        assert chosen.over(CONFIG).eventpics == CONFIG.eventpics
    if chosen.language is None:
        assert chosen.over(CONFIG).language == CONFIG.language
    if chosen.paused is None:
        assert chosen.over(CONFIG).upload == CONFIG.upload


def test_an_event_that_was_chosen_without_an_album_has_none(tmp_path: Path) -> None:
    choices.write(tmp_path, CONFIG, Choices(link_id="efgh5678"))
    for chosen in (Choices(link_id="efgh5678"), choices.read(tmp_path, CONFIG)):
        assert chosen.over(CONFIG).eventpics == EventPicsConfig(link_id="efgh5678")


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        ({"eventpics": EventPicsConfig(link_id="wxyz0000")}, {"link_id", "album_id"}),
        ({"eventpics": EventPicsConfig(link_id="abcd1234", album_id="a1", revision="2")}, {"link_id", "album_id"}),
        ({"eventpics": EventPicsConfig()}, {"link_id", "album_id"}),
        ({"eventpics": EventPicsConfig(link_id="abcd1234", album_id="a2")}, set()),
        ({"eventpics": EventPicsConfig(link_id="efgh5678")}, set()),
        ({"eventpics": EventPicsConfig(link_id="efgh5678", album_id="b3")}, {"link_id", "album_id"}),
        ({"upload": UploadConfig(paused=True)}, {"paused"}),
        ({"upload": UploadConfig(workers=1), "name": "Booth 2", "timezone": "Europe/Berlin"}, set()),
        ({"language": "de"}, {"language"}),
    ],
)
def test_f12_a_choice_ends_when_the_config_speaks_of_it(
    tmp_path: Path, changed: dict[str, Any], ended: set[str]
) -> None:
    choices.write(tmp_path, CONFIG, ALL)
    config = dataclasses.replace(CONFIG, **changed)
    none: Any = dict.fromkeys(ended)
    held = dataclasses.replace(ALL, **none)
    assert choices.read(tmp_path, config) == held
    choices.settle(tmp_path, config, CONFIG)
    assert choices.read(tmp_path, config) == held
    assert choices.read(tmp_path, CONFIG).link_id != ALL.link_id or not ended & {"link_id"}  # it stays ended


@pytest.mark.parametrize("config", [CONFIG, dataclasses.replace(CONFIG, name="Booth 2", language="de")])
@pytest.mark.parametrize("damage", ["a line less", "lost", "a folder", "a pipe", "a link to nothing"])
def test_f12_choices_cut_or_lost_leave_no_event(tmp_path: Path, config: Config, damage: str) -> None:
    choices.write(tmp_path, CONFIG, ALL)
    (tmp_path / GOOD_FILE).write_text(good_copy.to_toml_text(CONFIG))
    file = tmp_path / choices.FILE
    lines = file.read_bytes().splitlines(keepends=True)
    file.unlink()
    match damage:
        case "a folder":
            file.mkdir()
        case "a pipe":
            os.mkfifo(file)
        case "a link to nothing":
            file.symlink_to("nowhere")
        case "a line less":
            for count in range(len(lines)):
                file.write_bytes(b"".join(lines[:count]))
                assert choices.read(tmp_path, config) is choices.UNKNOWN, count
    assert choices.read(tmp_path, config) is choices.UNKNOWN
    choices.settle(tmp_path, config, CONFIG)
    assert choices.read(tmp_path, config) is choices.UNKNOWN
    another = dataclasses.replace(config, eventpics=EventPicsConfig(link_id="wxyz0000"))
    choices.settle(tmp_path, another, CONFIG)  # somebody has named an event since
    assert choices.read(tmp_path, another) == Choices()


OLD = f'''# Chosen at the box. Holds until the config file says something else.

config = "{choices.fingerprint(CONFIG)}"
language = "de"
sound = false

[eventpics]
link_id = "efgh5678"
album_id = "b2"

[upload]
paused = true
'''


def test_c05_choices_of_an_older_program_hold_on(tmp_path: Path) -> None:
    (tmp_path / choices.FILE).write_text(OLD)
    named_again = dataclasses.replace(CONFIG, eventpics=EventPicsConfig(link_id="abcd1234", revision="2"))
    other_name = dataclasses.replace(CONFIG, name="Booth 2")
    assert choices.read(tmp_path, CONFIG) == ALL
    assert choices.read(tmp_path, other_name) == Choices()  # nobody knows over what they were made
    text = good_copy.to_toml_text(CONFIG).splitlines(keepends=True)
    (tmp_path / GOOD_FILE).write_text("".join(text[1:-1]))  # as an older program wrote it
    assert choices.read(tmp_path, other_name) == ALL
    assert choices.read(tmp_path, named_again) == dataclasses.replace(ALL, link_id=None, album_id=None)
    choices.settle(tmp_path, other_name, CONFIG)
    (tmp_path / GOOD_FILE).unlink()
    assert choices.read(tmp_path, other_name) == ALL
    (tmp_path / choices.FILE).unlink()
    (tmp_path / GOOD_FILE).write_text("".join(text[1:-1]))
    assert choices.read(tmp_path, CONFIG) == Choices()  # an older program wrote none where nothing was chosen


def test_a_new_key_or_a_comment_is_no_other_config(tmp_path: Path) -> None:
    keyed = dataclasses.replace(CONFIG, eventpics=dataclasses.replace(CONFIG.eventpics, api_key=Secret("new")))
    choices.write(tmp_path, CONFIG, ALL)
    assert choices.read(tmp_path, keyed) == ALL
    text = '[eventpics]\nlink_id = "abcd1234"  # the wedding\nalbum_id = "a1"\n'
    assert choices.read(tmp_path, parse(text, tmp_path)[0]) == ALL


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe",
        b"\0" * 300,
        b"[[[",
        b"",
        b'language = "de"',
        b'language = "de"\n# complete\n',
        f'config = "{choices.fingerprint(CONFIG)}"\n[eventpics]\nlink_id = "../.."\n'.encode(),
        f'config = "{choices.fingerprint(CONFIG)}"\neventpics = 3\n'.encode(),
        f'config = "{choices.fingerprint(CONFIG)}"\nlanguage = "xx"\n'.encode(),
    ],
)
def test_f12_a_damaged_choice_is_no_event_and_stays(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / choices.FILE).write_bytes(junk)
    assert choices.read(tmp_path, CONFIG).over(CONFIG).eventpics.link_id == ""
    choices.settle(tmp_path, CONFIG, CONFIG)
    assert (tmp_path / choices.FILE).read_bytes() == junk


@pytest.mark.parametrize("junk", [b"", b"\0" * 200, b'language = "de"\n'])
def test_f12_a_damaged_choice_goes_when_an_event_is_named(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / choices.FILE).write_bytes(junk)
    choices.settle(tmp_path, CONFIG, dataclasses.replace(CONFIG, name="Booth 2"))
    assert choices.read(tmp_path, CONFIG) is choices.UNKNOWN
    choices.settle(tmp_path, CONFIG, dataclasses.replace(CONFIG, eventpics=EventPicsConfig(link_id="wxyz0000")))
    assert choices.read(tmp_path, CONFIG) == Choices()


def test_a_folder_of_that_name_is_no_choice(tmp_path: Path) -> None:
    (tmp_path / choices.FILE).mkdir()
    assert choices.read(tmp_path, CONFIG) == Choices()


def test_choices_invalid_sound_value_dropped_others_kept(tmp_path: Path) -> None:
    text = f'config = "{choices.fingerprint(CONFIG)}"\nsound = "loud"\nlanguage = "de"\n'
    (tmp_path / choices.FILE).write_text(text)
    assert choices.read(tmp_path, CONFIG) == Choices(language="de")


def test_choices_event_takes_every_photo_without_one_no_other(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    lost = [context_for("", "", occasion) for occasion in ("this boot", "an earlier one", "one that is assigned")]
    names = [take(spool, jpeg(number), context) for number, context in enumerate((*lost, PARTY))]
    elsewhere = contexts.Assignment(dataclasses.replace(lost[2], link_id="wxyz0000"))
    contexts.assign(spool.directory / CONTEXTS, lost[2].id, [elsewhere])
    assert set(without_event(spool)) == set(names[:2])
    assert take_along(spool, "efgh5678", "b2") == 2
    now = [spool.context_of(name) for name in names]
    assert [choice.link_id if choice is not None else None for choice in now] == [
        "efgh5678",
        "efgh5678",
        "wxyz0000",
        "abcd1234",
    ]
    assert without_event(spool) == []
