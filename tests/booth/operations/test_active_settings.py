"""Choices made at the box, in the running booth: later photos are for the new event, earlier ones keep theirs."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest

from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations.active_settings import ActiveSettings, SettingsStore
from piboothup.config import ConfigError, EventPicsConfig
from piboothup.problems import problem
from piboothup.spool import choices, contexts, durable
from piboothup.spool.admin import assign
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import CONTEXTS, NEW
from piboothup.status import BoothState
from tests.support.booth import NO_EVENT, Box
from tests.support.permissions import no_entry
from tests.support.photos import PARTY

OTHER = context_for("efgh5678", "b2", "")


def contexts_of(box: Box) -> list[str]:
    """Of the photos that wait, in the order in which they were taken."""
    return [name.context for name in sorted(box.spool.names(NEW), key=lambda photo: photo.order)]


def photograph(box: Box) -> None:
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)


def test_c01_event_chosen_at_box_applies_to_later_photos_only(box: Box) -> None:
    box.start_ready()
    photograph(box)
    box.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234"), AlbumEvent("The others", "efgh5678")])
    box.until_shown(event_title="Anna & Ben", photos=1, waiting=1)
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.until_said(lambda said: said.get("context") == OTHER.id)
    box.until_shown(event_title="The others", waiting=1)
    box.press()
    box.until_shown(state=BoothState.REVIEW, event_title="The others", number=1, photos=1, waiting=1)
    assert contexts_of(box) == [PARTY.id, OTHER.id]


def test_c18_event_title_dropped_with_event_kept_on_new_language(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_late() -> None:
        raise OSError("this round of housekeeping does not come to it")

    box.spool.prepare()
    box.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234"), AlbumEvent("The others", "efgh5678")])
    box.start_ready()
    box.until_shown(event_title="Anna & Ben")
    service = box._service
    assert service is not None
    monkeypatch.setattr(service._upload_status_reader, "read", is_late)
    service._settings_store.choose(language="de")
    box.until_shown(event_title="Anna & Ben", language="de")
    service._settings_store.choose(link_id="efgh5678", album_id="b2")
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
    other = EventPicsConfig(link_id="wxyz0000")
    box.config = dataclasses.replace(box.config, language="de", eventpics=other)
    box.start_ready()
    photograph(box)
    assert contexts_of(box) == [context_for("wxyz0000", "", "").id]


def test_language_choice_applies_at_once_without_recount(box: Box) -> None:
    box.start_ready()
    photograph(box)
    choices.write(box.spool.directory, box.config, Choices(language="de"))
    box.until_shown(language="de", photos=1, waiting=1)
    photograph(box)
    box.until_shown(language="de", photos=2, waiting=2)


def test_what_holds_already_is_no_change(box: Box) -> None:
    box.spool.prepare()
    heard: list[ActiveSettings] = []
    choosing = SettingsStore(box.config, box.spool.directory, box.clock, heard.append)
    for _ in range(3):
        choosing.choose(language="de")
        choosing.refresh()
    assert [active.config.language for active in heard] == ["de"]


def test_photos_without_event_after_assign_get_a_new_context(box: Box) -> None:
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    box.start_ready()
    photograph(box)
    assert assign.take_along(box.spool, "efgh5678", "b2") == 1
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.until_said(lambda said: said.get("context") == OTHER.id)
    choices.write(box.spool.directory, box.config, Choices())
    box.until_said(lambda said: said.get("context", "").startswith("n"))
    photograph(box)
    first, second = contexts_of(box)
    assert first != second
    found = [box.spool.context(context_id) for context_id in (first, second)]
    assert [context.link_id for context in found if context is not None] == ["efgh5678", ""]


def test_event_stays_chosen_though_its_photos_were_reassigned(box: Box) -> None:
    box.spool.prepare()
    before = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None).active.context
    path = contexts.assigned_path(box.spool.directory / CONTEXTS, before.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", encoding="utf-8")
    assert SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None).active.context == before


def test_a_choice_that_the_card_does_not_take_changes_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.spool.prepare()
    heard: list[ActiveSettings] = []
    choosing = SettingsStore(box.config, box.spool.directory, box.clock, heard.append)
    before = choosing.active

    def refuse(_path: Path, _content: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", refuse)
        with pytest.raises(OSError, match="Read-only"):
            choosing.choose(language="de")
    choosing.refresh()
    assert (choosing.active, heard) == (before, [])
    choosing.choose(language="de")
    choosing.choose(paused=True)
    assert choosing.active.config.language == "de"
    assert choosing.active.config.upload.paused


def test_choice_dropped_by_config_change_stays_gone_if_undone(box: Box) -> None:
    box.spool.prepare()
    first = box.config
    choices.write(box.spool.directory, first, Choices(link_id="efgh5678", album_id="b2"))
    box.config = dataclasses.replace(first, eventpics=EventPicsConfig(link_id="wxyz0000"))
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


def store_with_choice(box: Box, event: str = "efgh5678") -> SettingsStore:
    box.spool.prepare()
    choices.write(box.spool.directory, box.config, Choices(link_id=event, album_id="b2"))
    store = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
    store.refresh()
    assert store.active.context.link_id == event
    return store


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_f12_a_chosen_event_holds_while_it_cannot_be_read(
    box: Box, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    store = store_with_choice(box)

    def refuse(_: Path) -> bytes:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr("piboothup.spool.choices.read_bytes", refuse)
        choices.write(box.spool.directory, box.config, Choices(link_id="wxyz0000"))
        store.refresh()
        assert store.active.context == OTHER
        store.choose(language="de")
        new_box = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
        new_box.refresh()
        assert new_box.active.context.link_id == ""
    for each in (store, new_box):
        each.refresh()
        assert (each.active.context, each.active.config.language) == (OTHER, "de")


def test_f12_a_damaged_choice_sends_nothing_to_the_configs_event(box: Box) -> None:
    box.spool.prepare()
    (box.spool.directory / choices.FILE).write_bytes(b"\0" * 200)
    box.start_ready()
    box.until_shown(notice=problem("choices_damaged"), has_event=False)
    box.until_said(lambda said: "choices_damaged" in said.get("problems", []))
    photograph(box)
    (context,) = contexts_of(box)
    assert context.startswith("n")
    assert box._service is not None
    box._service._settings_store.choose(link_id="efgh5678", album_id="b2")
    box.until_said(lambda said: "choices_damaged" not in said["problems"])
    photograph(box)
    assert contexts_of(box) == [context, OTHER.id]


@pytest.mark.parametrize("mended", ["deleted", "put back", "chosen anew"])
def test_f12_a_damaged_choice_is_told_until_it_is_mended(box: Box, mended: str) -> None:
    store = store_with_choice(box)
    file = box.spool.directory / choices.FILE
    good = file.rename(file.with_name("good"))
    file.write_bytes(b"\xff")
    store.refresh()
    assert store.problem == problem("choices_damaged")
    match mended:
        case "deleted":
            file.unlink()
        case "put back":
            good.rename(file)
        case "chosen anew":
            store.choose(link_id="abcd1234")
    store.refresh()
    assert store.problem is None


def test_f11_a_choice_that_went_with_its_disk_is_no_event(box: Box, tmp_path: Path) -> None:
    store = store_with_choice(box)
    away = box.spool.directory.rename(tmp_path / "away")
    store.refresh()
    assert store.active.context.link_id == ""
    box.spool.directory.mkdir()
    store.refresh()
    assert store.active.context.link_id == ""
    box.spool.directory.rmdir()
    away.rename(box.spool.directory)
    store.refresh()
    assert store.active.context == OTHER


@pytest.mark.parametrize("chosen", [{"language": "de"}, {"sound": False}, {"paused": True}])
def test_f11_no_other_choice_brings_back_the_configs_event(box: Box, chosen: dict[str, object]) -> None:
    store = store_with_choice(box)
    (box.spool.directory / choices.FILE).unlink()
    store.choose(**chosen)
    assert store.active.context.link_id == ""
    new_box = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
    new_box.refresh()
    assert new_box.active.context.link_id == ""
    store.choose(link_id="efgh5678", album_id="b2")
    assert store.active.context == OTHER


@pytest.mark.parametrize("is_gap_seen", [True, False])
def test_f11_a_disk_without_a_chosen_event_brings_none_back(box: Box, is_gap_seen: bool) -> None:
    store = store_with_choice(box)
    if is_gap_seen:
        (box.spool.directory / choices.FILE).unlink()
        store.refresh()
    choices.write(box.spool.directory, box.config, Choices(language="de"))
    store.refresh()
    assert (store.active.context.link_id, store.active.config.language) == ("", "de")


def test_f11_without_a_chosen_event_the_configs_stays(box: Box) -> None:
    box.spool.prepare()
    store = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
    for language in ("de", "en"):
        store.choose(language=language)
        assert store.active.context.link_id == box.config.eventpics.link_id != ""


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ENAMETOOLONG])
def test_f16_a_spool_that_cannot_be_looked_at_ends_no_booth(
    box: Box, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake of a dying card: stat of anything below the spool fails. The storage monitor tells of it."""
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    box.spool.prepare()
    stat, below = os.stat, f"{box.spool.directory}/"

    def refusing(path: object, *given: object, **named: object) -> os.stat_result:
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(below):
            raise OSError(error, "as the test wants", str(path))
        return stat(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as dying:
        dying.setattr(os, "stat", refusing)
        store = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
        store.refresh()
        assert store.active.context.link_id == ""


@pytest.mark.parametrize("folder", ["", CONTEXTS])
def test_f16_a_spool_that_may_not_be_entered_ends_no_booth(box: Box, folder: str) -> None:
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    box.spool.prepare()
    with no_entry(box.spool.directory / folder):
        store = SettingsStore(box.config, box.spool.directory, box.clock, lambda _: None)
        store.refresh()
    assert store.active.context.link_id == ""


@pytest.mark.parametrize(("link_id", "album_id"), [("ab+/cd==", ""), ("ev:17", ""), ("efgh5678", "a/b")])
def test_c01_an_event_that_cannot_be_kept_is_not_chosen(box: Box, link_id: str, album_id: str) -> None:
    store = store_with_choice(box)
    with pytest.raises(ConfigError):
        store.choose(link_id=link_id, album_id=album_id)
    store.refresh()
    assert store.active.context == OTHER
