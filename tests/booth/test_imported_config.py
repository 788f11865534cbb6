"""An import of the card's file while both services run: what counts at once, and what from the next start on."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from piboothup import config
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.storage import StorageMonitor
from piboothup.commands import services
from piboothup.commands.common import config_problem, import_watch, service_config
from piboothup.config import Config, good_copy, import_record
from piboothup.config.settings import CaptureConfig
from piboothup.problems import problem
from piboothup.setup import boot_import
from piboothup.spool import choices
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.support.booth import Box
from tests.support.deadline import until
from tests.support.kept_box import KeptBox

NAMES = ("eventpics.link_id", "eventpics.album_id")


def photograph(box: Box) -> Path:
    before = set(box.spool.names(NEW))
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    (name,) = set(box.spool.names(NEW)) - before
    return box.spool.path(name)


def other_config(box: Box, capture: CaptureConfig) -> Config:
    event = replace(box.config.eventpics, link_id="efgh5678", album_id="")
    return replace(box.config, name="Stand 2", language="de", timezone="Asia/Tokyo", eventpics=event, capture=capture)


def test_u03_an_import_counts_for_the_next_photo(box: Box) -> None:
    box.start_ready()
    first = photograph(box)
    fresh = other_config(box, CaptureConfig(countdown_s=10, review_s=1.0))
    box.imported.put((fresh, None, NAMES))
    box.until_said(lambda said: said.get("context") == context_for("efgh5678", "", "").id)
    box.until_said(lambda said: said.get("name") == "Stand 2")
    box.until_shown(name="Stand 2", language="de", photos=0, waiting=1)
    second = photograph(box)  # the countdown is the old one until the next start
    assert context_for("abcd1234", "a1", "").id in first.name
    assert context_for("efgh5678", "", "").id in second.name
    assert [artist(path) for path in (first, second)] == ["Booth 1", "Stand 2"]


def artist(path: Path) -> str:
    with Image.open(path) as photo:
        return str(photo.getexif()[ExifTags.Base.Artist])


def test_u03_a_pause_of_the_card_is_known_to_the_menu(box: Box) -> None:
    """Else a code would have the uploader send on a metered line: it tells it to try now where nothing is paused."""
    box.start_ready()
    box.imported.put((replace(box.config, upload=replace(box.config.upload, paused=True)), None, NAMES))
    assert box._service is not None
    store = box._service._settings_store
    until(lambda: store.active.config.upload.paused)


def test_u03_a_choice_after_an_import_outlives_the_restart(box: Box) -> None:
    box.start_ready()
    choices.write(box.spool.directory, box.config, Choices(language="de"))
    box.until_shown(language="de")
    fresh = replace(box.config, name="Stand 2", capture=CaptureConfig(countdown_s=10, review_s=1.0))
    box.imported.put((fresh, None, NAMES))
    box.until_shown(name="Stand 2", language="de")
    assert good_copy.read(box.spool.directory).config == fresh
    assert choices.read(box.spool.directory, fresh) == Choices(language="de")  # as the uploader sees it
    with contextlib.closing(StorageMonitor(fresh, box.spool, box.clock, config_names=NAMES)) as card:
        card._keep_good_config()  # as the next start does
    assert choices.read(box.spool.directory, fresh) == Choices(language="de")


@pytest.mark.parametrize("damage", [b"", b"\0" * 200, b'language = "de"\n'])
def test_f12_an_import_of_other_things_ends_no_choice(box: Box, damage: bytes) -> None:
    box.spool.prepare()
    tonight = context_for("efgh5678", "b2", "")
    choices.write(box.spool.directory, box.config, Choices(link_id="efgh5678", album_id="b2"))
    box.start_ready()
    box.until_said(lambda said: said.get("context") == tonight.id)
    (box.spool.directory / choices.FILE).write_bytes(damage)
    box.imported.put((box.config, problem("card_file"), None))  # such as a network, and a mistake
    box.until_said(lambda said: {"card_file", "choices_damaged"} <= set(said.get("problems", ())))
    assert tonight.id in photograph(box).name


def test_f12_an_import_gives_damaged_choices_no_event(box: Box) -> None:
    box.spool.prepare()
    (box.spool.directory / choices.FILE).write_bytes(b"\0" * 200)
    box.start_ready()
    box.imported.put((box.config, problem("card_file"), None))
    box.until_said(lambda said: "card_file" in said.get("problems", ()))
    assert "_n" in photograph(box).name  # no event is known


def test_u01_a_mistake_on_the_card_is_shown_until_it_is_mended(box: Box) -> None:
    box.start_ready()
    box.imported.put((box.config, problem("card_file"), ()))
    box.until_said(lambda said: said.get("problems") == ["card_file"])
    box.until_shown(notice=problem("card_file"))
    box.imported.put((box.config, None, ()))
    box.until_said(lambda said: said.get("problems") == [])


# -- from the card to both services ----------------------------------------------------------------------------------


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Namespace]:
    """Imports this text on a box's card; the command line of its services."""
    box = KeptBox("7F3K", tmp_path / "boot", tmp_path / "etc", tmp_path / "profiles")
    for folder in (box.boot, box.etc, box.profiles):
        folder.mkdir()
    file = box.etc / "config.toml"
    file.write_text(f'config_version = 1\n[spool]\ndirectory = "{tmp_path}/spool"\n[devices]\nsimulated = true\n')
    for place in ("piboothup.config.file", "piboothup.config"):
        monkeypatch.setattr(f"{place}.DEFAULT_PATH", file)
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", tmp_path)
    monkeypatch.setattr(services, "_begin", lambda: None)
    monkeypatch.setattr(services, "service_directory", lambda: tmp_path)

    def take(text: str) -> Namespace:
        if text:
            (box.boot / "piboothup.toml").write_text(text)
            boot_import.run(box, lambda _: None)
        return Namespace(config=None)

    monkeypatch.delenv("PIBOOTHUP_CONFIG", raising=False)
    monkeypatch.setattr(config, "find", lambda _: file)
    return take


def test_u03_the_booth_follows_an_import(imported: Callable[[str], Namespace]) -> None:
    given = imported("")
    watch = import_watch(given)
    assert services._followed(given, watch) is None
    imported('name = "Stand 2"\nnmae = 1\n')
    followed = services._followed(given, watch)
    assert followed is not None
    assert followed[0].name == "Stand 2"
    assert followed[1] is not None
    assert followed[1].code == "card_file"
    assert services._followed(given, watch) is None
    imported('name = "Stand 3"\n')
    of_root = [f"settings.toml:{name}" for name in ("config_version", "name", "# complete")]
    assert services._followed(given, watch) == (
        replace(followed[0], name="Stand 3"),
        None,
        ("config_version", "spool.directory", "devices.simulated", *of_root),
    )


def test_u03_a_mistake_on_the_card_is_a_problem_of_each_start(imported: Callable[[str], Namespace]) -> None:
    told = config_problem(service_config(imported("nmae = 1\n")))
    assert told is not None
    assert told.code == "card_file"


def test_u03_the_uploader_starts_anew_with_the_new_key(
    imported: Callable[[str], Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[str, str]] = []

    class Noted:
        needs_restart = False

        def __init__(self, loaded: Config, *_: object, has_new_config: Callable[[], bool], **__: object) -> None:
            self.loaded, self.has_new_config = loaded, has_new_config

        def stop(self) -> None:
            """Nothing runs."""

        def run(self) -> None:
            key = self.loaded.read_key()
            runs.append((self.loaded.eventpics.link_id, key.reveal()[-1] if key else ""))
            assert not self.has_new_config()
            if len(runs) < 3:
                imported(f'[eventpics]\napi_key = "key-{len(runs)}"\nlink_id = "event{len(runs)}"\n')
                assert self.has_new_config()
                self.needs_restart = True

    monkeypatch.setattr("piboothup.uploader.service.Uploader", Noted)
    assert services.uploader(imported("")) == 0
    assert runs == [("", ""), ("event1", "1"), ("event2", "2")]


def test_u03_an_uploader_stopped_as_it_starts_anew_ends(
    imported: Callable[[str], Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    class Stopped:
        needs_restart = True

        def __init__(self, *_: object, **__: object) -> None:
            """It has nothing."""

        def stop(self) -> None:
            """It has ended."""

        def run(self) -> None:
            runs.append("run")
            assert len(runs) == 1
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("piboothup.uploader.service.Uploader", Stopped)
    assert services.uploader(imported("")) == 0
    assert runs == ["run"]


def test_u03_a_record_that_the_card_does_not_give_is_no_import(
    imported: Callable[[str], Namespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    imported("")
    watch = import_record.ImportWatch(tmp_path)
    stat = Path.stat

    def broken(path: Path, **given: bool) -> os.stat_result:
        if path.name == import_record.FILE:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, **given)

    with monkeypatch.context() as failing:
        failing.setattr(Path, "stat", broken)
        assert not watch.has_news()
    assert not watch.has_news()


def test_u03_the_uploader_stays_where_the_booth_saves(
    imported: Callable[[str], Namespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders: list[str] = []

    class Noted:
        needs_restart = False

        def __init__(self, _: Config, spool: Spool, *__: object, **___: object) -> None:
            folders.append(str(spool.directory))

        def stop(self) -> None:
            """Nothing runs."""

        def run(self) -> None:
            if len(folders) < 2:
                imported(f'[spool]\ndirectory = "{tmp_path}/stick"\n')
                self.needs_restart = True

    monkeypatch.setattr("piboothup.uploader.service.Uploader", Noted)
    assert services.uploader(imported("")) == 0
    assert folders == [f"{tmp_path}/spool"] * 2
    assert service_config(imported("")).config.spool.directory == f"{tmp_path}/stick"


def test_u03_a_record_that_can_t_be_read_is_none(tmp_path: Path) -> None:
    assert import_record.read(tmp_path) == import_record.ImportRecord()
    (tmp_path / import_record.FILE).write_bytes(b"[" * 100_000)
    assert import_record.read(tmp_path) == import_record.ImportRecord()
    (tmp_path / import_record.FILE).unlink()
    os.mkfifo(tmp_path / import_record.FILE)
    assert import_record.read(tmp_path) == import_record.ImportRecord()
    watch = import_record.ImportWatch(tmp_path)
    os.unlink(tmp_path / import_record.FILE)
    assert watch.has_news()
    watch.note()
    assert not watch.has_news()
    assert not import_record.ImportWatch(None).has_news()
