"""Power is pulled while the uploader works: the real command, ended by SIGKILL at the very moment in question."""

from __future__ import annotations

import signal

import pytest

from piboothup.simulator.faults import Drop, Fault
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from tests.support.deadline import PATIENCE_S
from tests.support.photos import jpeg
from tests.support.uploader import Desk

pytestmark = pytest.mark.process

CUT = """
import os, signal, sys
from piboothup.cli import main
rename = os.rename
def cut(source, target):
    if "/sent/" not in str(target):
        return rename(source, target)
    {before}os.kill(os.getpid(), signal.SIGKILL)
os.rename = cut
sys.exit(main(sys.argv[1:]))
"""


def cut_at(desk: Desk, call: str, how: signal.Signals = signal.SIGKILL) -> PhotoName:
    """A photo whose uploader is killed in the middle of this call."""
    desk.album.add_fault(Fault(call=call, stall_s=3600.0, drop=Drop.BODY))
    name = desk.take()
    service = desk.start_command()
    desk.until(lambda: desk.album.calls[call] >= 1, f"{call} under way")
    service.send_signal(how)
    assert service.wait(PATIENCE_S) == -how
    assert desk.booth.path(name).read_bytes() == jpeg(1)
    assert desk.uploads_of(name) == []
    desk.album.add_fault()
    return name


@pytest.mark.parametrize("call", ["getuploadurl", "put"])
def test_p07_p08_photo_cut_while_sending_is_sent_by_next_run(desk: Desk, call: str) -> None:
    name = cut_at(desk, call)
    desk.start()
    desk.until_sent(name)
    assert desk.stored(name) == jpeg(1)
    assert len(desk.uploads_of(name)) == 1


def test_c07_photo_cut_by_watchdog_mid_put_is_sent_by_next_run(desk: Desk) -> None:
    """systemd's watchdog ends a service with SIGABRT (WatchdogSignal=)."""
    name = cut_at(desk, "put", signal.SIGABRT)
    desk.start()
    desk.until_sent(name)
    assert desk.stored(name) == jpeg(1)
    assert len(desk.uploads_of(name)) == 1


def test_c07_photo_put_ended_by_watchdog_sent_after_restart(desk: Desk) -> None:
    name = cut_at(desk, "put", signal.SIGABRT)  # what systemd sends when the watchdog is not fed (systemd.service(5))
    desk.start()
    desk.until_sent(name)
    assert desk.stored(name) == jpeg(1)
    assert len(desk.uploads_of(name)) == 1


@pytest.mark.parametrize(
    ("before", "undone", "times"),
    [
        ("", False, 2),  # P9: the album has it, the card does not know
        ("rename(source, target); ", False, 1),  # P10: the move reached the card
        ("rename(source, target); ", True, 2),  # P10: it did not, the folder was not synced
    ],
    ids=["p09", "p10 moved", "p10 undone"],
)
def test_p09_p10_cut_after_200_sends_at_most_twice_in_one_name(
    desk: Desk, before: str, undone: bool, times: int
) -> None:
    name = desk.take()
    assert desk.start_command(CUT.format(before=before)).wait(PATIENCE_S) == -signal.SIGKILL
    assert len(desk.uploads_of(name)) == 1
    if undone:
        desk.booth.path(name, SENT).rename(desk.booth.path(name, NEW))
    desk.start()
    desk.until_sent(name, desk.take(hint=True))
    assert len(desk.uploads_of(name)) == times
    assert desk.stored(name) == jpeg(1)
    assert len(list((desk.album.directory / "abcd1234" / "a1").iterdir())) == 2
    assert not desk.lies_in(NEW, name)


def test_p07_lost_getuploadurl_answer_is_asked_for_again(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="getuploadurl", drop=Drop.ANSWER, times=6))
    name = desk.take()
    desk.start()
    desk.until_sent(name, step_s=1.0)
    assert desk.stored(name) == jpeg(1)
    assert len(desk.uploads_of(name)) == 1


@pytest.mark.parametrize(("times", "step_s"), [(1, 0.0), (2, 0.5)])
def test_p08_a_put_that_breaks_in_the_middle_is_sent_again_whole(desk: Desk, times: int, step_s: float) -> None:
    """The first break is met with a fresh connection while no time passes, the second with a pause."""
    desk.album.add_fault(Fault(call="put", drop=Drop.BODY, times=times))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 2, "both PUTs")
    assert times == 1 or desk.lies_in(NEW, name)
    desk.until_sent(name, step_s=step_s)
    assert desk.stored(name) == jpeg(1)
    assert len(desk.uploads_of(name)) == 1
