"""What the menu can offer is put together of what the config, the choices and the card say, and costs little."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.operations.menu_options import MenuOptionsReader
from piboothup.config import Config, EventPicsConfig, LightConfig, PanelConfig, Secret
from piboothup.spool.admin import assign
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import CONTEXTS, HELD, NEW, PARKED, WAITING, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import jpeg, open_spool, take

PARTY = Config(eventpics=EventPicsConfig(link_id="abcd1234"))


def menu_options_reader(
    directory: Path, config: Config, clock: HandClock | None = None, root: Path = Path("/")
) -> MenuOptionsReader:
    clock = clock or HandClock()
    spool = open_spool(directory, clock)
    store = SettingsStore(config, directory, clock, lambda _: None)
    return MenuOptionsReader(config, spool, clock, store, directory / "run", root)


def test_photos_without_event_counted_every_10_s_no_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_s: list[float] = []
    clock = HandClock()

    def count(_spool: Spool) -> list[PhotoName]:
        counted_s.append(clock.boottime_s)
        return []

    monkeypatch.setattr(assign, "without_event", count)
    offered = menu_options_reader(tmp_path, PARTY, clock)
    for _ in range(25):
        offered.read()
        clock.pass_s(1.0)
    assert counted_s == [100.0, 110.0, 120.0]


@pytest.mark.parametrize(("passed_s", "told"), [(0.0, 2), (3600.0, 0)])
def test_e3_e5_an_operator_is_told_what_was_taken_back(tmp_path: Path, passed_s: float, told: int) -> None:
    clock = HandClock()
    offered = menu_options_reader(tmp_path, PARTY, clock)
    spool = open_spool(tmp_path, clock)
    for number, link_id in enumerate(("abcd1234", "efgh5678", "abcd1234")):
        take(spool, jpeg(number), context_for(link_id, "", ""), WITHDRAWN)
    clock.pass_s(passed_s)
    assert offered.read().taken_back == told


def test_u07_the_menu_knows_whether_there_is_a_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    config = Config(eventpics=EventPicsConfig(api_key_file=str(file)))
    offered = menu_options_reader(tmp_path / "spool", config)
    assert not offered.read().has_key
    file.touch()
    assert not offered.read().has_key, "as the package makes it"
    file.write_text("0123456789")
    assert offered.read().has_key
    assert menu_options_reader(tmp_path / "b", Config(eventpics=EventPicsConfig(Secret("0123456789")))).read().has_key
    assert not menu_options_reader(tmp_path / "c", Config()).read().has_key


@pytest.mark.parametrize("place", WAITING)
def test_u13_the_last_photo_without_an_event_is_counted_at_once(tmp_path: Path, place: str) -> None:
    """In held/ it may still be taken back, or waits for its framed copy."""
    clock = HandClock()
    offered, spool = menu_options_reader(tmp_path, Config(), clock), open_spool(tmp_path, clock)
    counts = [offered.read().without_event]
    for number in range(1, 3):
        name = take(spool, jpeg(number), context_for("", "", "evening"), HELD)
        spool.path(name, place).parent.mkdir(parents=True, exist_ok=True)
        spool.path(name, HELD).rename(spool.path(name, place))
        for each in (NEW, HELD, PARKED, CONTEXTS):  # nothing but this place has changed; the kernel's clock is coarse
            for folder in (spool.directory / each, spool.directory / each / name.folder):
                if folder.exists():
                    os.utime(folder, (1, number if each == place else 1))
        counts.append(offered.read().without_event)
    assert counts == [0, 1, 2]
    assign.take_along(spool, "abcd1234", "")
    assert offered.read().without_event == 0


NO_COUNTRY = {
    "boot/firmware/cmdline.txt": "console=tty1 root=PARTUUID=1 rootwait\n",
    "proc/cmdline": "console=tty1 root=PARTUUID=1 cfg80211.ieee80211_regdom=00\n",
    "sys/module/cfg80211/parameters/ieee80211_regdom": "00\n",
}
"""Of a new Raspberry Pi OS; its /proc/cmdline names the rules for all countries."""
DE = "cfg80211.ieee80211_regdom=DE"


@pytest.mark.parametrize(
    ("language", "changed", "asked"),
    [
        ("de", {}, ("DE", "AT", "CH")),
        ("en", {}, ("US", "GB", "CA", "AU", "IE", "NZ")),
        ("en", {"boot/firmware/cmdline.txt": f"root=PARTUUID=1 {DE}\n"}, ()),  # by a code, since this start
        ("en", {"proc/cmdline": f"root=PARTUUID=1 {DE} rootwait\n"}, ()),
        ("en", {"sys/module/cfg80211/parameters/ieee80211_regdom": "DE\n"}, ()),
        ("en", {"run/systemd/system/netplan-regdom.service": "[Service]\n"}, ()),  # by Imager
        ("en", {"boot/firmware/cmdline.txt": ""}, ()),  # no Raspberry Pi: nobody could keep the answer
    ],
)
def test_u10_countries_are_asked_by_language_if_none_is_set(
    tmp_path: Path, language: str, changed: dict[str, str], asked: tuple[str, ...]
) -> None:
    for name, text in (NO_COUNTRY | changed).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    config = dataclasses.replace(PARTY, language=language)
    assert menu_options_reader(tmp_path / "spool", config, root=tmp_path).read().countries == asked


@pytest.mark.parametrize(
    ("config", "has_code", "has_buzzer"),
    [
        (PARTY, True, False),
        (dataclasses.replace(PARTY, light=LightConfig(buzzer_pin=24)), True, True),
        (dataclasses.replace(PARTY, light=LightConfig(buzzer_pin=24, driver="none")), True, False),
        (dataclasses.replace(PARTY, panel=PanelConfig(album_code="menu")), True, False),
        (dataclasses.replace(PARTY, panel=PanelConfig(album_code="off")), False, False),
        (Config(), False, False),
    ],
)
def test_what_the_box_does_not_have_is_not_offered(
    tmp_path: Path, config: Config, has_code: bool, has_buzzer: bool
) -> None:
    offer = menu_options_reader(tmp_path, config).read()
    assert (offer.has_code, offer.has_buzzer) == (has_code, has_buzzer)
