"""Random histories of a box against a small model: each acknowledged photo is where it should be."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from piboothup.spool import contexts, durable, handover, wipe_journal
from piboothup.spool.admin import inventory
from piboothup.spool.admin.assign import assign, propose
from piboothup.spool.admin.wipe import plan, resume_wipe, survey, wipe
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import CONTEXTS, NEW, PARKED, QUARANTINE, SENT, TMP
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.recovery import recover
from piboothup.spool.retention import sweep
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.effort import some
from tests.support.photos import is_intact, jpeg, names_in_new, take

pytestmark = pytest.mark.slow

PICTURES = [jpeg(number, (16, 16)) for number in range(4)]


class PowerCut(BaseException):
    """The plug is pulled."""


class BoxLife(RuleBasedStateMachine):
    """Presses, uploads, cuts, clock steps, event changes, a full card, damage, retention, assignments and wipes in
    any order."""

    @initialize()
    def unpack(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="piboothup-history-"))
        self.clock = HandClock()
        self.boots = 1
        self.began_s = 1_750_000_000.0  # when this boot truly began
        self.context = context_for("event-0", "", "")
        self.where: dict[PhotoName, str] = {}
        self.contexts: dict[PhotoName, Context] = {}
        self.assigned: dict[str, Context] = {}
        self.numbers: set[tuple[int, int]] = set()
        self.told_ms: dict[PhotoName, int] = {}
        self.chance = random.Random(1)
        self._start()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            shutil.rmtree(self.directory)

    def _start(self) -> None:
        self.spool = Spool(self.directory, self.clock, "serial-1")
        self.spool.prepare()
        recover(self.spool)
        self.spool.start("booth")

    def _in(self, place: str) -> list[PhotoName]:
        return [name for name, found in self.where.items() if found == place]

    @rule(picture=st.sampled_from(PICTURES), passes_s=st.floats(0.5, 900))
    def press(self, picture: bytes, passes_s: float) -> None:
        self.clock.pass_s(passes_s)
        name = take(self.spool, picture, self.context)
        assert name.order not in self.numbers, "a number came twice"
        self.numbers.add(name.order)
        self.where[name], self.contexts[name] = NEW, self._expected(self.context)

    @rule()
    def press_with_a_full_card(self) -> None:
        sent = sorted(self._in(SENT), key=lambda name: name.order)
        real = os.posix_fallocate
        full = [True]

        def fallocate(*arguments: int) -> None:
            if full[0]:
                full[0] = bool(not sent)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(*arguments)

        self.clock.pass_s(2)
        if not self._is_on_card(self.context):
            return  # its file would meet the full card first
        with mock.patch.object(os, "posix_fallocate", fallocate):
            try:
                name = take(self.spool, PICTURES[1], self.context)
            except NotSaved as error:
                assert not sent
                assert error.problem.code == "card_full"
                return
        for gone in sent[:8]:
            del self.where[gone]
        self.where[name], self.contexts[name] = NEW, self._expected(self.context)
        self.numbers.add(name.order)

    def _expected(self, context: Context) -> Context:
        """Where a photo of this context goes: all of one without an event goes where it was assigned."""
        path = contexts.assigned_path(self.directory / CONTEXTS, context.id)
        return self.assigned[context.id] if not context.link_id and path.exists() else context

    def _is_on_card(self, context: Context) -> bool:
        return contexts.path_of(self.directory / CONTEXTS, context.id).exists()

    @precondition(lambda self: any(self.contexts[name].link_id for name in self._in(NEW)))
    @rule(pick=st.integers(0, 999), outcome=st.sampled_from([SENT, SENT, SENT, PARKED]))
    def upload(self, pick: int, outcome: str) -> None:
        waiting = [name for name in names_in_new(self.spool) if self.contexts[name].link_id]
        name = waiting[pick % len(waiting)]
        assert is_intact(self.spool, name)
        context = self.spool.context_of(name)
        assert context == self.contexts[name], "sent to another event than its own"
        told_ms = self.spool.taken_at_ms(name, record=True)
        if outcome == SENT:
            if told_ms is not None:
                self.told_ms[name] = told_ms
                self._check_time(name, told_ms)
            handover.mark_sent(self.spool, name)
        else:
            handover.park(self.spool, name, "EventPics refuses it.")
        self.where[name] = outcome

    def _check_time(self, name: PhotoName, told_ms: int) -> None:
        if name.boot == self.spool.boot:
            assert abs(told_ms - (self.began_s * 1000 + name.boottime_ms)) <= 1000

    @rule()
    def retry(self) -> None:
        assert handover.retry_parked(self.spool) == len(self._in(PARKED))
        for name in self._in(PARKED):
            self.where[name] = NEW

    @precondition(lambda self: self._in(NEW))
    @rule(pick=st.integers(0, 999))
    def flip_a_bit(self, pick: int) -> None:
        waiting = self._in(NEW)
        name = waiting[pick % len(waiting)]
        content = bytearray(self.spool.path(name).read_bytes())
        content[len(content) // 2] ^= 0x10
        self.spool.path(name).write_bytes(content)
        assert not is_intact(self.spool, name)
        handover.quarantine(self.spool, name)
        self.where[name] = QUARANTINE

    @rule(off_s=st.floats(1, 90_000), old=st.booleans(), part=st.sampled_from(["", "half", "whole", "zeros"]))
    def cut_the_power(self, off_s: float, old: bool, part: str) -> None:
        if part and self._is_on_card(self.context):
            self.clock.pass_s(3)
            identity = self.spool.next_identity(self.clock.boottime_ns() // 1_000_000, self.context)
            name = PhotoName.of(identity, PICTURES[2])
            content = {"half": PICTURES[2][:100], "whole": PICTURES[2], "zeros": bytes(len(PICTURES[2]))}[part]
            (self.directory / TMP / f"{name}.part").write_bytes(content)
            if part != "zeros":
                self.where[name] = NEW if part == "whole" else QUARANTINE
                self.contexts[name] = self._expected(self.context)
                self.numbers.add(name.order)
        self.began_s += self.clock.boottime_s + off_s
        self.boots += 1
        self.clock.power_on(f"boot-{self.boots}", 1_700_000_000.0 if old else self.began_s)
        self._start()

    @rule()
    def restart_the_service(self) -> None:
        self._start()

    @rule(off_s=st.floats(-0.7, 0.7), source=st.sampled_from([Source.NTP, Source.DATE]))
    def learn_the_time(self, off_s: float, source: Source) -> None:
        off_s = off_s if source is Source.DATE else 0.0
        wall_ms = int((self.began_s + self.clock.boottime_s + off_s) * 1000)
        uncertainty_ms = 750 if source is Source.DATE else 20
        self.spool.add_anchor(Anchor(source, int(self.clock.boottime_s * 1000), wall_ms, uncertainty_ms))

    @rule(by_s=st.sampled_from([-60_000_000.0, 300_000_000.0]))
    def step_the_clock(self, by_s: float) -> None:
        self.clock.step_wall_s(by_s)
        self.spool.add_anchor(
            Anchor(Source.SAVED, int(self.clock.boottime_s * 1000), int(self.clock.wall_s * 1000), 0)
        )

    @rule(number=st.integers(0, 3))
    def change_the_event(self, number: int) -> None:
        self.context = context_for(f"event-{number}" if number else "", "", f"boot-{self.boots}-{number}")

    @rule(days=st.integers(0, 40))
    def let_retention_work(self, days: int) -> None:
        self.clock.pass_s(days * 3600)
        before = set(self._in(SENT))
        sweep(self.spool, keep_days=1, min_free_mb=0)
        gone = before - set(self.spool.names(SENT))
        for name in gone:
            del self.where[name]

    def _event(self, name: PhotoName) -> str:
        return self.contexts[name].link_id or name.context

    @precondition(lambda self: self._in(NEW))
    @rule(pick=st.integers(0, 999), number=st.integers(1, 3))
    def assign_what_waits(self, pick: int, number: int) -> None:
        context_id = self._in(NEW)[pick % len(self._in(NEW))].context
        target = f"event-{number}"
        moving = [
            name
            for name in (*self._in(NEW), *self._in(PARKED))
            if name.context == context_id and self.contexts[name].link_id != target
        ]
        if not moving:
            return
        proposed = propose(self.spool, context_id, target)
        assert proposed.photos == frozenset(moving)
        assert assign(self.spool, proposed) == len(moving)
        self.assigned[context_id] = Context(context_id, target, "")
        along = context_id.startswith("n")  # an assignment of what has no event is for all that no album has
        for name, place in self.where.items():
            if name in moving or (along and name.context == context_id and place != SENT):
                self.contexts[name] = self.assigned[context_id]

    @rule(number=st.integers(0, 3), cut_after=st.integers(0, 12))
    def wipe_an_event(self, number: int, cut_after: int) -> None:
        event = f"event-{number}"
        held = survey(self.spool, booth_runs=False)
        if not any(usage.event == event for usage in held):
            return
        doomed = [name for name in self.where if self._event(name) == event]
        chosen = plan(held, event)
        assert {item.name for found in chosen.events for item in found.items} == set(doomed)
        unsent = [name for name in doomed if self.where[name] != SENT]
        assert chosen.unsent == len(unsent)
        real, left = durable.remove, [cut_after or 1_000_000]

        def remove(path: Path) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut
            real(path)

        with mock.patch.object(durable, "remove", remove):
            try:
                wipe(self.spool, chosen, unsent=bool(unsent))
            except PowerCut:
                assert set(self.spool.names(NEW)) == {name for name in self._in(NEW) if name not in doomed}
        for name in doomed:
            del self.where[name]
        self.spool = Spool(self.directory, self.clock, "serial-1")
        self.spool.prepare()
        resume_wipe(self.spool)
        self.spool.start("booth")
        assert wipe_journal.read(self.directory) is None
        assert not [item for item in inventory.take_inventory(self.directory).items if item.name in doomed]

    @invariant()
    def every_photo_is_where_it_should_be(self) -> None:
        if not hasattr(self, "where"):
            return
        there = {name: place for place in (NEW, SENT, PARKED, QUARANTINE) for name in self.spool.names(place)}
        assert there == self.where
        for name, place in there.items():
            whole = digest_of(self.spool.path(name, place).read_bytes()) == name.digest
            assert whole is (place != QUARANTINE)

    @invariant()
    def times_in_the_album_are_in_the_order_of_the_photos(self) -> None:
        if not hasattr(self, "told_ms"):
            return
        told = [self.told_ms[name] for name in sorted(self.told_ms, key=lambda name: name.order)]
        assert told == sorted(told)


BoxLife.TestCase.settings = settings(some(40), stateful_step_count=40)
TestBoxLife = BoxLife.TestCase
