"""After a wipe the menu offers to forget the networks that codes gave, and no other."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from piboothup.booth.flow.pages import Page, PageKind
from piboothup.config import CaptureConfig
from piboothup.config.codes import WifiNetwork
from piboothup.root_requests import REQUESTS
from piboothup.setup import code_import, request_reader, wifi_profiles
from piboothup.setup.radio import Radio
from tests.support.booth import Box
from tests.support.kept_box import KeptBox
from tests.support.photos import jpeg, open_spool, take
from tests.support.users import ROOT, make_runtime


@pytest.fixture
def box(box: Box) -> Box:
    box.spool.prepare()
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=1, review_s=1.0))
    return box


def told(box: Box) -> Page:
    """What the menu says once it is done."""
    page = box.until_page(lambda found: found is not None and found.kind is PageKind.RESULT)
    assert page is not None
    return page


class NoRadio(Radio):
    """A fake, as no NetworkManager runs here."""

    def reload(self) -> None:
        pass


class Networks:
    """Root's helper over a box's profiles: done as soon as the booth asks."""

    def __init__(self, box: Box, folder: Path) -> None:
        make_runtime(box.runtime)
        os.chown(box.runtime / REQUESTS, ROOT, -1)  # the booth of these tests is of this user
        self.profiles = folder
        self.asked: list[str] = []
        self._root_box = KeptBox("7F3K", folder, profiles=folder)
        self._box = box
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="root's helper")
        self._thread.start()

    def _serve(self) -> None:
        verbs = {verb: partial(self._do, verb) for verb in ("count-networks", "forget-networks")}
        while not self._ended.wait(0.02):
            request_reader.serve(self._box.runtime, ROOT, self._box.clock, verbs)

    def _do(self, verb: str, values: Mapping[str, object]) -> str | None:
        self._box.clock.pass_s(0.01)  # a request has a later time than the one before
        self.asked.append(verb)
        return code_import.VERBS[verb](values, self._root_box, NoRadio())

    def names(self) -> set[str]:
        return {profile.ssid for profile in wifi_profiles.ours(self.profiles)}

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def networks(
    box: Box, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Networks]:
    """A box with a network of a code, one of the card, and another's."""
    found = Networks(box, tmp_path_factory.mktemp("profiles"))
    wifi_profiles.write(WifiNetwork("Barn"), folder=found.profiles, is_by_code=True)
    wifi_profiles.write(WifiNetwork("Office"), folder=found.profiles)
    (found.profiles / "preconfigured.nmconnection").write_text("[connection]\nid=preconfigured\n")
    yield found
    found.stop()


def until_offered(box: Box, text_key: str) -> None:
    box.until_page(lambda found: found is not None and found.kind is PageKind.FORGET)
    assert box.page is not None and box.page.text_key == text_key
    assert box.page.item is not None and box.page.item.text_key == "keep"


def test_u11_a_wipe_offers_to_forget_the_networks_of_codes(box: Box, networks: Networks) -> None:
    take(open_spool(box.spool.directory, box.clock), jpeg(1))
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda found: found is not None and found.kind is PageKind.WIPE)
    box.choose("abcd1234", "wipe_now")
    until_offered(box, "wiped")
    box.choose("keep")
    assert box.page is not None and box.page.kind is PageKind.PHOTOS
    assert networks.names() == {"Barn", "Office"}
    box.choose("wipe")
    until_offered(box, "card_empty")
    box.choose("forget")
    assert (told(box).text_key, told(box).number) == ("networks_forgotten", 1)
    assert networks.names() == {"Office"}
    assert (networks.profiles / "preconfigured.nmconnection").exists()


def test_u11_without_a_network_of_a_code_nothing_is_offered(box: Box, networks: Networks) -> None:
    wifi_profiles.forget("Barn", networks.profiles)
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    assert (told(box).text_key, told(box).items) == ("card_empty", ())
    assert networks.asked == ["count-networks"]


def test_u11_networks_that_root_can_t_forget_are_told(
    box: Box, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path, *, by_code: bool) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(wifi_profiles, "forget_all", fail)
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    until_offered(box, "card_empty")
    box.choose("forget")
    assert (told(box).text_key, told(box).is_good) == ("code_not_taken", False)
    assert networks.names() == {"Barn", "Office"}
