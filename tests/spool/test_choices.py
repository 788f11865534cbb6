"""Choices made at the box: they override the config until that says something else, and can't break anything."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from piboothup.config import Config, EventPicsConfig, Secret, UploadConfig, parse
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
    "changed",
    [
        dataclasses.replace(CONFIG, eventpics=EventPicsConfig(link_id="wxyz0000")),
        dataclasses.replace(CONFIG, upload=UploadConfig(paused=True)),
        dataclasses.replace(CONFIG, name="Booth 2"),
    ],
)
def test_choices_overridden_again_by_changed_config(tmp_path: Path, changed: Config) -> None:
    choices.write(tmp_path, CONFIG, ALL)
    assert choices.read(tmp_path, changed) == Choices()


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
        f'config = "{choices.fingerprint(CONFIG)}"\n[eventpics]\nlink_id = "../.."\n'.encode(),
        f'config = "{choices.fingerprint(CONFIG)}"\neventpics = 3\n'.encode(),
        f'config = "{choices.fingerprint(CONFIG)}"\nlanguage = "xx"\n'.encode(),
    ],
)
def test_f12_a_damaged_choice_is_no_event_and_stays(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / choices.FILE).write_bytes(junk)
    assert choices.read(tmp_path, CONFIG).over(CONFIG).eventpics.link_id == ""
    choices.forget_others(tmp_path, CONFIG)
    assert (tmp_path / choices.FILE).exists()


@pytest.mark.parametrize("junk", [b"", b"\0" * 200, b'language = "de"\n'])
def test_f12_a_damaged_choice_goes_when_the_config_changes(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / choices.FILE).write_bytes(junk)
    choices.forget_others(tmp_path, CONFIG, config_changed=True)
    assert not (tmp_path / choices.FILE).exists()


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
