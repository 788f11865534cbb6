"""Who answers a press goes before whatever else computes; a kernel that refuses that stops nothing."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from piboothup.booth import precedence
from tests.booth.box import Box


def test_the_loop_goes_first_before_it_starts_the_button_and_after_every_other_thread_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[set[str]] = []
    box = Box(tmp_path)
    start = box.button.start

    def note_order(*given: object) -> None:
        there.append({"first", threading.current_thread().name, *(one.name for one in threading.enumerate())})

    def start_noted(*given: object) -> bool:
        there.append({"button"})
        return start(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "sched_setscheduler", note_order)
    monkeypatch.setattr(box.button, "start", start_noted)
    box.start_ready()
    box.stop()
    first, button, then = there
    assert button == {"button"}
    assert "first" in then
    assert {"first", "panel", "saver", "errands", "camera", "housekeeping", "retention", "control"} <= first


def test_what_goes_first_takes_the_threads_that_it_starts_with_it_unless_it_goes_alone() -> None:
    policies: list[int] = []
    inherited = [os.SCHED_RR, os.SCHED_RR, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.SCHED_OTHER]

    def note() -> None:
        policies.append(os.sched_getscheduler(0))

    def try_it() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            return
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        for alone in (False, True):
            precedence.go_first(alone=alone)
            note()
            started = threading.Thread(target=note)
            started.start()
            started.join()

    trying = threading.Thread(target=try_it)
    trying.start()
    trying.join()
    if not policies:
        pytest.skip("this user may not ask for real-time priority: nothing was tried")
    assert policies == inherited
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize(("niceness", "then"), [(-5, 0), (0, 0), (7, 7)])
def test_who_goes_last_waits_no_longer_for_a_processor_than_other_programs(
    monkeypatch: pytest.MonkeyPatch, niceness: int, then: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "getpriority", lambda _kind, _thread: niceness)
    monkeypatch.setattr(os, "setpriority", lambda _kind, _thread, wanted: asked.append(wanted))
    precedence.go_last()
    assert asked == [then]


def test_where_the_kernel_refuses_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:  # root is refused nothing
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    precedence.go_first()
    precedence.go_last()


def test_threads_take_turns_ten_times_as_often_as_python_has_it() -> None:
    before_s = sys.getswitchinterval()
    try:
        precedence.take_turns()
        assert sys.getswitchinterval() == pytest.approx(precedence.SWITCH_S)
    finally:
        sys.setswitchinterval(before_s)
