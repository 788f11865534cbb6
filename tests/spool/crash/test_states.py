"""The power goes after every single step of the real code, and no promise is broken.

Each test records what the code asks of the disk, builds every state that a cut may leave (see `model`), and
runs the real start of the booth on each.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from piboothup.config import GOOD_FILE, parse
from piboothup.spool import durable
from piboothup.spool.commit import NotSaved
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import NEW, SENT, TMP
from piboothup.spool.names import PhotoName
from tests.spool.crash.bench import Bench, Broken, each_state
from tests.spool.crash.model import Disk, Killed, Named, Settled, Strike, Synced, Told, Trace, Tree, read_tree, states
from tests.spool.crash.mutants import MUTANTS
from tests.spool.crash.promises import (
    LIVES,
    WEDDING,
    Found,
    Life,
    NoSuchCall,
    Promised,
    a_box_that_goes_back,
    a_box_that_is_configured,
    after_the_cut,
    an_evening,
    broken,
)
from tests.support.effort import AT_LENGTH, sample
from tests.support.photos import PARTY, jpeg, names_in_new

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recovered() -> dict[Tree, Found]:
    """What the real start made of each state so far: it is the same for every test that leaves the code as it is."""
    return {}


@pytest.fixture
def bench(caplog: pytest.LogCaptureFixture, recovered: dict[Tree, Found]) -> Iterator[Bench]:
    yield from working(caplog, Bench(found=recovered))


@pytest.fixture
def bench_of_a_mutant(caplog: pytest.LogCaptureFixture) -> Iterator[Bench]:
    yield from working(caplog, Bench())


def working(caplog: pytest.LogCaptureFixture, bench: Bench) -> Iterator[Bench]:
    """The bench while a test uses it."""
    caplog.set_level(logging.CRITICAL, "piboothup")
    before = bench.different
    yield bench
    if bench.checked:
        print(f"\n{bench.checked} states checked, {bench.different - before} of them new")
    bench.close()


@pytest.mark.parametrize("how", LIVES)
def test_p01_to_p11_no_promise_is_broken_wherever_the_power_goes(bench: Bench, how: Callable[[Life], None]) -> None:
    bench.examine(bench.live(how).disk.trace)


@pytest.mark.parametrize("how", LIVES)
def test_nothing_touches_the_card_but_what_the_trace_tells(bench: Bench, how: Callable[[Life], None]) -> None:
    life = bench.live(how)
    life.disk.steps.append(Settled())
    trace = life.disk.trace
    assert list(states(trace, len(trace.steps), Disk.MINIMUM)) == [read_tree(life.disk.root)]


# -- one photo, moment by moment -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """After how many steps a photo's part was there, its bytes were synced, it was renamed, its name was synced."""

    trace: Trace
    photo: PhotoName
    pressed: int
    created: int
    synced: int
    renamed: int
    named: int

    def each(self, first: int, end: int, *disks: Disk) -> Iterator[tuple[dict[object, object], Tree]]:
        """Every state of every cut from `first` to just before `end`."""
        for cut in range(first, end):
            for disk in disks or Disk:
                for tree in states(self.trace, cut, disk):
                    yield self.trace.told(cut), tree


@pytest.fixture
def moments(bench: Bench) -> Moments:
    taken: list[PhotoName] = []

    def two_photos(life: Life) -> None:
        life.open()
        taken.append(life.take(1))
        life.disk.tell("the button is pressed")
        taken.append(life.take(2))

    trace = bench.live(two_photos).disk.trace
    steps, part = trace.steps, f"{taken[1]}.part"
    created = next(
        at for at, step in enumerate(steps) if isinstance(step, Named) and step.new and step.new[1] == part
    )
    found = steps[created]
    assert isinstance(found, Named)
    synced = next(at for at, step in enumerate(steps) if step == Synced(found.inode))
    renamed = next(at for at, step in enumerate(steps) if isinstance(step, Named) and step.old == found.new)
    named = next(at for at, step in enumerate(steps) if at > renamed and isinstance(step, Synced))
    pressed = max(at for at, step in enumerate(steps[:created]) if isinstance(step, Told))
    return Moments(trace, taken[1], pressed + 1, created + 1, synced + 1, renamed + 1, named + 1)


def promised(told: dict[object, object], name: PhotoName) -> bool:
    return Promised("photo", name) in told


def test_p01_a_cut_before_the_first_byte_leaves_no_trace(bench: Bench, moments: Moments) -> None:
    for told, tree in moments.each(moments.pressed, moments.created):
        assert not promised(told, moments.photo)
        found = bench.after(tree)
        assert moments.photo not in found.places
        assert found.next.seq == 1
        assert found.next.boot == 2
    assert bench.checked


def test_p02_a_cut_in_mid_write_sets_the_part_aside_or_drops_it(bench: Bench, moments: Moments) -> None:
    fates = set()
    for told, tree in moments.each(moments.created, moments.synced):
        assert not promised(told, moments.photo)
        found = bench.after(tree)
        part = dict(tree).get(f"{TMP}/{moments.photo}.part")
        whole = part == jpeg(2, (16, 12))
        torn = part is not None and not whole and bool(part.strip(b"\0"))
        assert (found.places.get(moments.photo) == (NEW,)) == whole
        assert (str(moments.photo) in found.set_aside) == torn
        fates.add((whole, torn))
    assert fates == {(True, False), (False, True), (False, False)}


def test_p03_unsynced_photo_may_be_lost_but_never_called_saved(bench: Bench, moments: Moments) -> None:
    lost = 0
    for told, tree in moments.each(moments.synced - 1, moments.synced):
        assert not promised(told, moments.photo)
        lost += moments.photo not in bench.after(tree).places
    assert lost


def test_p04_a_synced_part_is_salvaged_at_the_start(bench: Bench, moments: Moments) -> None:
    salvaged = 0
    for _, tree in moments.each(moments.synced, moments.renamed):
        there = f"{TMP}/{moments.photo}.part" in dict(tree)
        assert (bench.after(tree).places.get(moments.photo) == (NEW,)) == there
        salvaged += there
    assert salvaged


def test_p05_renamed_unsynced_photo_exists_exactly_once(bench: Bench, moments: Moments) -> None:
    for _, tree in moments.each(moments.renamed, moments.named, Disk.JOURNAL):
        assert bench.after(tree).places[moments.photo] == (NEW,)
    for _, tree in moments.each(moments.renamed, moments.named, Disk.MINIMUM):
        assert bench.after(tree).places.get(moments.photo, (NEW,)) == (NEW,)
    assert bench.checked


def test_p06_photo_called_saved_exists_with_its_bytes(bench: Bench, moments: Moments) -> None:
    for _, tree in moments.each(moments.named, moments.trace.cuts.stop):
        assert bench.after(tree).places[moments.photo] == (NEW,)
    assert bench.checked


def test_p09_p10_photo_in_album_at_worst_resent_under_same_name(bench: Bench) -> None:
    sent: list[PhotoName] = []

    def one_upload(life: Life) -> None:
        life.open()
        sent.append(life.take(1))
        life.disk.tell("the server took it")
        life.mark_sent(sent[0])

    trace = bench.live(one_upload).disk.trace
    taken = next(cut for cut in trace.cuts if "the server took it" in trace.told(cut))
    lies = {
        bench.after(tree).places.get(sent[0])
        for cut in range(taken, trace.cuts.stop)
        for _, tree in each_state(trace, cut)
    }
    assert lies == {(NEW,), (SENT,)}


def test_p11_a_cut_during_retention_leaves_new_untouched(bench: Bench) -> None:
    waiting: list[PhotoName] = []

    def retention(life: Life) -> None:
        life.open()
        names = [life.take(number) for number in range(4)]
        for name in names[:2]:
            life.mark_sent(name)
        waiting.extend(names[2:])
        life.disk.tell("retention begins")
        life.retire(*names[:2])

    trace = bench.live(retention).disk.trace
    begun = next(cut for cut in trace.cuts if "retention begins" in trace.told(cut))
    for cut in range(begun, trace.cuts.stop):
        for _, tree in each_state(trace, cut):
            found = bench.after(tree)
            assert [found.places.get(name) for name in waiting] == [(NEW,), (NEW,)]
            assert not list(broken(found, trace.told(cut)))


def test_c17_power_cut_mid_wipe_leaves_all_or_nothing_of_event(bench: Bench) -> None:
    trace = bench.live(a_box_that_goes_back).disk.trace
    begun = next(cut for cut in trace.cuts if "the wipe begins" in trace.told(cut))
    left: set[tuple[int, ...]] = set()
    for cut in range(begun, trace.cuts.stop):
        for _, tree in each_state(trace, cut):
            found = bench.after(tree)
            left.add(tuple(sorted(name.seq for name in found.places if name.context == WEDDING.id)))
            assert sum(name.context != WEDDING.id for name in photos_of(found)) >= 2
    assert left == {(3, 4), ()}


# -- recovery ------------------------------------------------------------------------------------------------------


def photos_of(found: Found) -> dict[PhotoName, tuple[str, ...]]:
    """Where the photos lie, but for the one that was taken to try the box."""
    return {name: places for name, places in found.places.items() if name != found.next}


def recover_and_cut(card: Path, boot_id: str) -> Life:
    """The start of a booth on this card, recorded."""
    life = Life(card, boot_id=boot_id)
    with life.disk:
        life.open()
    return life


def work_for_recovery(trace: Trace) -> dict[tuple[str, ...], tuple[int, Tree]]:
    """One state for each kind of work that a cut leaves to the recovery: the first with just these leftovers."""
    found: dict[tuple[str, ...], tuple[int, Tree]] = {}
    for cut in trace.cuts:
        for _, tree in each_state(trace, cut):
            leftovers = tuple(
                f"{name} {len(content.rstrip(bytes(1)))}"
                for name, content in tree
                if content is not None and name.startswith((TMP, "boots"))
            )
            found.setdefault(leftovers, (cut, tree))
    return found


def test_p12_power_cut_in_recovery_does_not_change_result(bench: Bench) -> None:
    trace = bench.live(an_evening).disk.trace
    chosen = work_for_recovery(trace)
    for cut, tree in chosen.values():
        at_once, told = photos_of(bench.after(tree)), trace.told(cut)
        again = recover_and_cut(bench.card("again", tree), "boot-between").disk.trace
        for second in again.cuts:
            for _, twice in each_state(again, second):
                found = bench.after(twice)
                assert photos_of(found) == at_once
                assert not list(broken(found, {**told, **again.told(second)}))
    print(f"\nthe recovery of {len(chosen)} states was cut after each of its steps")


def test_p12_recovery_cut_ten_times_ends_as_one_recovery(bench: Bench) -> None:
    trace = bench.live(an_evening).disk.trace
    chance = random.Random(12)
    for cut, tree in list(work_for_recovery(trace).values())[:: 1 if AT_LENGTH else 2]:
        at_once, told, now = photos_of(bench.after(tree)), trace.told(cut), tree
        for number in range(10):
            again = recover_and_cut(bench.card("again", now), f"boot-{number}").disk.trace
            second = chance.choice(again.cuts)
            told |= again.told(second)
            now = chance.choice([state for _, state in each_state(again, second)])
        found = bench.after(now)
        assert photos_of(found) == at_once
        assert not list(broken(found, told))


CYCLES = 180 if AT_LENGTH else 60
"""The plug is pulled every 20 s for an hour; in a plain run for its first twenty minutes."""
LOOK_EVERY = 4


def test_p13_replaced_file_has_old_or_new_content_whole(bench: Bench) -> None:
    """Whatever brings a key or a config onto the card does it with this one call."""
    old, new = b'api_key = "old"\n' * 40, b'api_key = "new"\n' * 60

    def a_new_key(life: Life) -> None:
        for key in (old, new):
            durable.replace(life.disk.root / "key", key)
            life.disk.tell("key", key)

    trace, seen = bench.live(a_new_key).disk.trace, set()
    first = next(at for at, step in enumerate(trace.steps, start=1) if step == Told("key", old))
    for cut in range(first, len(trace.steps) + 1):
        for _, tree in each_state(trace, cut):
            found = dict(tree).get("key")
            assert found in ((new,) if trace.told(cut)["key"] == new else (old, new))
            seen.add(found)
    assert seen == {old, new}


def test_p13_changed_config_is_old_or_new_never_missing(bench: Bench) -> None:
    trace = bench.live(a_box_that_is_configured).disk.trace
    kept = Promised("file", GOOD_FILE)
    first = next(cut for cut in trace.cuts if None not in trace.told(cut).get(kept, (None,)))  # type: ignore[operator]
    seen: set[str] = set()
    for cut in range(first, trace.cuts.stop):
        for _, tree in each_state(trace, cut):
            text = dict(bench.after(tree).texts)[GOOD_FILE]
            seen.add(parse(text.decode(), Path(GOOD_FILE))[0].eventpics.link_id)
            assert not list(broken(bench.after(tree), trace.told(cut)))
    assert seen == {"abcd1234", "wxyz9876"}


def test_p14_hour_of_power_cycling_repeats_no_number_no_junk(bench: Bench) -> None:
    chance = random.Random(14)
    told: dict[object, object] = {}
    tree: Tree = ()
    for number in range(CYCLES):
        life = Life(bench.card("life", tree), boot_id=f"boot-{number}")
        with life.disk:
            life.open()
            for name in names_in_new(life.spool):
                life.mark_sent(name)
            life.take(number, PARTY if number % 12 else life.context_without_event())
        trace = life.disk.trace
        cut = chance.choice(trace.cuts)
        told |= trace.told(cut)
        tree = chance.choice([state for _, state in each_state(trace, cut)])
        if number % LOOK_EVERY == LOOK_EVERY - 1:
            found = after_the_cut(bench.card("cut", tree), boot_id=f"boot-{number}-after")
            assert not list(broken(found, told))
    assert len(found.junk) <= 1, "a file that was being replaced may be left once, not once a cycle"


def test_p14_files_that_a_cut_leaves_half_replaced_do_not_add_up(bench: Bench) -> None:
    tree: Tree = ()
    for number in range(8):
        life = Life(bench.card("life", tree), boot_id=f"boot-{number}")
        with life.disk:
            life.open()
            life.take(number, life.context_without_event())
        trace = life.disk.trace
        left = (state for cut in trace.cuts for _, state in each_state(trace, cut) if is_in_the_making(state, life))
        tree = next(left)
    assert len(bench.after(tree).junk) <= 1


def is_in_the_making(tree: Tree, life: Life) -> bool:
    """Whether the context of this boot was about to be written when the power went."""
    return any(name.startswith(f"contexts/.{life.context_without_event().id}") for name, _ in tree)


# -- the service dies, or a call fails, and the power goes later ---------------------------------------------------


def a_short_evening(life: Life) -> None:
    """Each kind of work once."""
    life.open()
    life.write_events("Party")
    first, second = life.take(1), life.take(2, WEDDING)
    life.learn_the_time()
    life.use_the_time(first)
    life.mark_sent(first)
    life.park(second)
    life.retry_parked()
    life.quarantine(second)
    life.let_room_be_made()
    life.take(3)


def the_rest(life: Life) -> None:
    """What is promised after the mishap."""
    sent, parked = life.take(10), life.take(11, WEDDING)
    life.mark_sent(sent)
    life.park(parked)


def at_call(number: int, error: BaseException) -> tuple[Strike, list[str]]:
    """A strike at the n-th call, and where it is noted."""
    count, struck = iter(range(number + 1)), list[str]()

    def strike(call: str, path: str) -> None:
        if next(count, None) == number:
            struck.append(f"{call} {path}")
            raise error

    return strike, struck


def cut_after_promises(trace: Trace, begun: int) -> Iterator[int]:
    """The cuts at which somebody has just been told something."""
    return (cut for cut in trace.cuts if cut > begun and isinstance(trace.steps[cut - 1], Told))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every call of a short evening, with its path."""
    noted: list[str] = []
    life = Life(tmp_path_factory.mktemp("calls"))
    life.strike(lambda call, path: noted.append(f"{call} {path}"))
    with life.disk:
        a_short_evening(life)
    assert len(noted) > 100
    return noted


def kind(call: str) -> str:
    """What a call does where to which kind of file: the first of each kind is tried in any run."""
    doing, _, path = call.partition(" ")
    return f"{doing} {path.partition('/')[0]} {Path(path).suffix}"


def test_p06_kill_then_restart_promises_nothing_a_cut_takes_back(bench: Bench, calls: list[str]) -> None:
    """In a plain run the process is killed before every second kind of call."""
    cases = sample(enumerate(calls), lambda item: kind(item[1]))
    for number, call in cases if AT_LENGTH else cases[::2]:
        strike, struck = at_call(number, Killed())

        def killed(life: Life, strike: Strike = strike) -> None:
            life.strike(strike)
            with contextlib.suppress(Killed):
                a_short_evening(life)
            life.disk.tell("killed")
            life.die()
            the_rest(life)

        trace = bench.live(killed).disk.trace
        assert struck == [call]
        begun = next(cut for cut in trace.cuts if "killed" in trace.told(cut))
        with told_where(f"killed at {call}"):
            bench.examine(trace, cut_after_promises(trace, begun))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_s05_a_call_that_failed_once_is_not_taken_for_done(bench: Bench, calls: list[str], code: int) -> None:
    """In a plain run each kind of call fails with one of the two errors."""
    cases = sample(enumerate(calls), lambda item: kind(item[1]))
    for number, call in cases if AT_LENGTH else cases[code == errno.EIO :: 2]:
        strike, struck = at_call(number, OSError(code, "as the test wants"))

        def troubled(life: Life, strike: Strike = strike) -> None:
            life.strike(strike)
            with contextlib.suppress(OSError, NotSaved, SpoolUnusable):
                a_short_evening(life)
            life.disk.tell("failed")
            life.strike()
            if not life.started:
                life.open()
            the_rest(life)

        trace = bench.live(troubled).disk.trace
        assert struck == [call]
        begun = next(cut for cut in trace.cuts if "failed" in trace.told(cut))
        with told_where(f"{errno.errorcode[code]} at {call}"):
            bench.examine(trace, cut_after_promises(trace, begun))


@contextlib.contextmanager
def told_where(where: str) -> Iterator[None]:
    """Adds to a broken promise what happened before."""
    try:
        yield
    except Broken as error:
        raise Broken(f"{where}, then {error}") from error


# -- the harness catches what it is for ----------------------------------------------------------------------------


def caught(bench: Bench, without_sync: str = "") -> str:
    """The first promise that is broken in any life, or nothing: at first wherever something was just told, as most
    mistakes show there, then after every step. Lives that never come to the sync are as they were, and lives that a
    mutant makes impossible show nothing."""
    traces = []
    try:
        for how in LIVES:
            with contextlib.suppress(NoSuchCall):
                life = bench.live(how, without_sync)
                if not without_sync or without_sync in life.disk.sync_sites:
                    traces.append(life.disk.trace)
                    bench.examine(life.disk.trace, cut_after_promises(life.disk.trace, 0))
        assert traces
        for trace in traces:
            bench.examine(trace)
    except Broken as error:
        return str(error)
    return ""


NOT_NEEDED = {
    "wipe._carry_out > sync_directory": "a wipe that stands again after a cut is done again and finds nothing",
    "recovery._salvage > make_directories > sync_directory": "the folder was synced before the part was begun",
    "layout_version.raise_to_newest > replace > move > sync_directory": "the folder made next is synced there",
}
"""Syncs that no promise rests on, and why."""
PARTS = 4
"""So many processes may try them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_each_sync_that_is_left_out_is_caught(bench: Bench, part: int) -> None:
    """At length also that nothing breaks without those that are not needed, which takes every cut of every life."""
    sites = sorted({site for how in LIVES for site in bench.live(how).disk.sync_sites})
    assert len(sites) >= 12
    assert NOT_NEEDED.keys() <= set(sites)
    tried = sample(
        (site for site in sites if AT_LENGTH or site not in NOT_NEEDED), lambda site: site.partition(" > ")[2]
    )
    for site in tried[part::PARTS]:
        found = caught(bench, without_sync=site)
        print(f"\nwithout the sync of {site}: {found[:150] or 'nothing breaks'}")
        assert bool(found) == (site not in NOT_NEEDED), site


@pytest.mark.parametrize("mutant", sample(MUTANTS, lambda mutant: mutant.split()[1]))
def test_each_mutant_of_the_code_is_caught(
    bench_of_a_mutant: Bench, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    MUTANTS[mutant](monkeypatch)
    found = caught(bench_of_a_mutant)
    assert found, f"the mutant survives: {mutant}"
    print(f"\n{mutant}: {found[:150]}")
