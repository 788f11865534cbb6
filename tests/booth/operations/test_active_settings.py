"""Choices made at the box, in the running booth: later photos are for the new event, earlier ones keep theirs."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations.active_settings import Choosing, Chosen
from piboothup.config import EventPics
from piboothup.problems import problem
from piboothup.spool import choices, contexts, durable
from piboothup.spool.admin import assign
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import Event
from piboothup.spool.listing import CONTEXTS, NEW
from piboothup.status import BoothState
from tests.support.booth import Box
from tests.support.photos import PARTY

OTHER = context_for("efgh5678", "b2", "")


def contexts_of(box: Box) -> list[str]:
    """Of the photos that wait, in the order in which they were taken."""
    return [name.context for name in sorted(box.spool.names(NEW), key=lambda one: one.order)]


def photograph(box: Box) -> None:
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)


def test_c01_an_event_chosen_at_the_box_is_that_of_the_photos_to_come_and_of_no_earlier_one(box: Box) -> None:
    box.start_ready()
    photograph(box)
    box.spool.write_events([Event("Anna & Ben", "abcd1234"), Event("The others", "efgh5678")])
    box.until_shown(event_title="Anna & Ben", photos=1, waiting=1)
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.until_said(lambda said: said.get("context") == OTHER.id)
    box.until_shown(event_title="The others", waiting=1)
    box.press()
    box.until_shown(state=BoothState.REVIEW, event_title="The others", number=1, photos=1, waiting=1)
    assert contexts_of(box) == [PARTY.id, OTHER.id]


def test_c18_an_event_s_title_goes_with_it_and_stays_when_only_the_language_changes(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_late() -> None:
        raise OSError("this round of housekeeping does not come to it")

    box.spool.prepare()
    box.spool.write_events([Event("Anna & Ben", "abcd1234"), Event("The others", "efgh5678")])
    box.start_ready()
    box.until_shown(event_title="Anna & Ben")
    service = box._service
    assert service is not None
    monkeypatch.setattr(service._uplink_reader, "read", is_late)
    service._choosing.choose(language="de")
    box.until_shown(event_title="Anna & Ben", language="de")
    service._choosing.choose(link_id="efgh5678", album_id="b2")
    box.until_shown(language="de")


def test_a_choice_holds_from_the_first_photo_after_a_power_cut(box: Box) -> None:
    box.spool.prepare()
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.start_ready()
    photograph(box)
    assert contexts_of(box) == [OTHER.id]


def test_another_config_has_the_last_word_again(box: Box) -> None:
    box.spool.prepare()
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2", language="de"))
    box.config = dataclasses.replace(box.config, name="Booth 2")
    box.start_ready()
    photograph(box)
    assert contexts_of(box) == [PARTY.id]


def test_the_language_that_was_chosen_is_spoken_at_once_and_counts_nothing_anew(box: Box) -> None:
    box.start_ready()
    photograph(box)
    choices.write(box.spool.directory, box.config, Choices(language="de"))
    box.until_shown(language="de", photos=1, waiting=1)
    photograph(box)
    box.until_shown(language="de", photos=2, waiting=2)


def test_what_holds_already_is_no_change(box: Box) -> None:
    box.spool.prepare()
    heard: list[Chosen] = []
    choosing = Choosing(box.config, box.spool.directory, box.clock, heard.append)
    for _ in range(3):
        choosing.choose(language="de")
        choosing.follow()
    assert [one.config.language for one in heard] == ["de"]


def test_photos_without_an_event_after_an_assignment_are_not_in_the_assigned_context(box: Box) -> None:
    box.config = dataclasses.replace(box.config, eventpics=EventPics())
    box.start_ready()
    photograph(box)
    assert assign.take_along(box.spool, "efgh5678", "b2") == 1
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.until_said(lambda said: said.get("context") == OTHER.id)
    (box.spool.directory / choices.FILE).unlink()
    box.until_said(lambda said: said.get("context", "").startswith("n"))
    photograph(box)
    first, second = contexts_of(box)
    assert first != second
    found = [box.spool.context(one) for one in (first, second)]
    assert [one.link_id for one in found if one is not None] == ["efgh5678", ""]


def test_an_event_stays_the_chosen_one_though_photos_of_it_were_assigned_to_another(box: Box) -> None:
    box.spool.prepare()
    before = Choosing(box.config, box.spool.directory, box.clock, lambda _: None).now.context
    path = contexts.assigned_path(box.spool.directory / CONTEXTS, before.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", encoding="utf-8")
    assert Choosing(box.config, box.spool.directory, box.clock, lambda _: None).now.context == before


def test_a_choice_that_the_card_does_not_take_changes_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.spool.prepare()
    heard: list[Chosen] = []
    choosing = Choosing(box.config, box.spool.directory, box.clock, heard.append)
    before = choosing.now

    def refuse(_path: Path, _content: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", refuse)
        with pytest.raises(OSError, match="Read-only"):
            choosing.choose(language="de")
    choosing.follow()
    assert (choosing.now, heard) == (before, [])
    choosing.choose(language="de")
    choosing.choose(paused=True)
    assert choosing.now.config.language == "de"
    assert choosing.now.config.upload.paused


def test_a_choice_over_a_config_that_was_changed_does_not_come_back_with_it(box: Box) -> None:
    box.spool.prepare()
    first = box.config
    choices.write(box.spool.directory, first, Choices(link_id="efgh5678", album_id="b2"))
    box.config = dataclasses.replace(first, name="Booth 2")
    box.start_ready()
    box.stop()
    assert choices.read(box.spool.directory, first) == Choices()


def test_a_choice_outlives_a_start_with_the_last_good_config(box: Box) -> None:
    box.spool.prepare()
    first = box.config
    choices.write(box.spool.directory, first, Choices(link_id="efgh5678"))
    box.config = dataclasses.replace(first, name="Booth 2")
    box.notice = problem("bad_config")
    box.start_ready()
    box.stop()
    assert choices.read(box.spool.directory, first) == Choices(link_id="efgh5678", album_id="")
