"""F16: what a full card asks for makes room, whatever fills it: copies make none, nor does Wi-Fi for what is kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from piboothup.booth.panel.i18n import texts
from piboothup.problems import problem
from piboothup.spool import commit, handover
from piboothup.spool.admin import export, wipe
from piboothup.spool.admin.wipe import WipeError
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import HELD, KEPT, NEW, PLACES, SENT, WITHDRAWN
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, mounts
from tests.support.photos import PARTY, open_spool, take

__all__ = ["mounts"]

_MB = 1024 * 1024


@pytest.mark.process
@pytest.mark.parametrize("place", [NEW, KEPT, WITHDRAWN])
def test_f16_a_full_card_has_room_once_it_is_wiped(mounts: MountNamespace, tmp_path: Path, place: str) -> None:
    """Of photos that wait, of originals that stay beside their frames and strips, of those that were taken back."""

    def expect_room(card: Path) -> None:
        spool, number = open_spool(card / "spool", HandClock()), 0
        while (full := commit.card_problem(spool)) is None:
            number += 1
            handover.move_held(spool, take(spool, bytes([number]) * _MB, PARTY, HELD), place)
        assert full == problem("card_full")
        export.export(spool, tmp_path / "stick", "Booth 1")
        assert commit.card_problem(spool) == full
        planned = wipe.plan(wipe.survey(spool, booth_runs=True), PARTY.link_id)
        wipe.wipe(spool, planned, unsent=True, in_use={PARTY.id})
        assert commit.card_problem(spool) is None

    mounts.mount("tmpfs", tmp_path / "card", "size=24m")
    mounts.call(expect_room, tmp_path / "card")


@pytest.mark.process
@pytest.mark.parametrize("place", [KEPT, NEW, WITHDRAWN, SENT])
def test_f16_a_card_without_a_free_byte_can_be_wiped(mounts: MountNamespace, tmp_path: Path, place: str) -> None:
    """Others write on it too, such as the system's own updates; no photo of it need be sent."""

    def expect_empty(card: Path) -> None:
        spool, clock = open_spool(card / "spool", HandClock()), HandClock()
        for number in range(1, 6):
            handover.move_held(spool, take(spool, bytes([number]) * _MB, PARTY, HELD), place)
        others = take(spool, b"of another event", context_for("gala1234", "", ""))
        with contextlib.suppress(OSError), (card / "others").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        assert os.statvfs(card).f_bavail == 0
        planned = wipe.plan(wipe.survey(spool, booth_runs=True), PARTY.link_id)
        if place != SENT:
            with pytest.raises(WipeError, match="nothing was deleted"):
                wipe.wipe(spool, planned, in_use={PARTY.id})
            assert sum(1 for _ in spool.names(place)) >= 5
        receipt = wipe.wipe(spool, planned, unsent=True, in_use={PARTY.id})
        assert (receipt.taken, receipt.left) == (5, 0)
        assert [name for each in PLACES for name in spool.names(each)] == [others]
        clock.pass_s(1)
        assert take(open_spool(card / "spool", clock), b"the next").seq == 7

    mounts.mount("tmpfs", tmp_path / "card", "size=12m")
    mounts.call(expect_empty, tmp_path / "card")


@pytest.mark.parametrize("code", ["card_full", "card_crowded"])
def test_f16_a_full_card_asks_for_what_makes_room(code: str) -> None:
    assert "wipe" in problem(code).remedy
    for language, word in (("en", "wipe"), ("de", "löschen")):
        said = texts(language)
        assert word in said.faults[code].remedy
        assert word in said.menu.reasons[code]
