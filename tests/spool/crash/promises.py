"""A box that promises things while its disk is recorded, and what must be left of its promises after a power cut.

`Life` does what the two services do, with the real spool, and notes what anybody was told by then. `after_the_cut`
runs the real recovery on a folder and looks at everything in it; `broken` compares that with what had been told.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piboothup.booth.photo.composer import Composer
from piboothup.booth.storage import StorageMonitor
from piboothup.config import GOOD_FILE, Config, EventPicsConfig, PhotoConfig, good_copy
from piboothup.spool import choices, commit, handover, recovery
from piboothup.spool.admin import assign, wipe
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.choices import Choices, Said
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import (
    BOOTS,
    COMMITTED,
    CONTEXTS,
    FOLDERS_OF_2,
    HELD,
    KEPT,
    NEW,
    PARKED,
    QUARANTINE,
    SENT,
    TEST_PHOTO,
    TMP,
    WITHDRAWN,
)
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.store import Spool
from tests.spool.crash.model import Killed, Recording, Strike, read_tree
from tests.support.clock import HandClock
from tests.support.frames import frame as png_frame
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, take, try_photo

SERIAL = "serial-1"
GONE = ""
"""The place of a photo that was deleted because the album has it."""
REASON = "EventPics refuses it."
WEDDING = context_for("wxyz9876", "", "")
NO_EVENT = context_for("", "", "a boot without an event")
_NOTHING: Strike = lambda call, path: None  # noqa: E731
_SMALL = (16, 12)
FRAME = png_frame(_SMALL)


class NoSuchCall(AssertionError):
    """A life asks for a mishap at a call that the code does not make."""


@dataclass(frozen=True)
class Promised:
    """What is promised of one thing; `Recording.tell` notes it under this key."""

    what: str
    of: object = ""


class Life:
    """A box from its first start on. Every step is the real code; `disk` has the trace and the promises."""

    def __init__(self, root: Path, *, without_sync: str = "", boot_id: str = "boot-a") -> None:
        root.mkdir(exist_ok=True)
        self.clock = HandClock(boot_id=boot_id)
        self.disk = Recording(root, largest_write=300, without_sync=without_sync)
        self.spool = Spool(root, self.clock, SERIAL)
        self.composer: Composer | None = None
        """While something is composed of photos."""
        self.strips = False
        self.originals = True
        self.started = False
        """Whether the service got as far as taking photos."""

    def strike(self, how: Strike = _NOTHING) -> None:
        """From here on `how` decides which calls fail."""
        self.disk.strike = how

    def open(self) -> None:
        """The booth starts, as its service does."""
        self.clock.pass_s(1)
        self.spool = spool = Spool(self.disk.root, self.clock, SERIAL)
        spool.prepare()
        if spool.boot:  # a card that failed just now gives the number at the start
            self.disk.tell(Promised("boot", spool.boot), self.clock.boot_id())
        wipe.resume_wipe(spool)
        parts = [PhotoName.parse(path.name.removesuffix(".part")) for path in (self.disk.root / TMP).iterdir()]
        recovery.recover(spool, composes=self.composer is not None)
        self.disk.tell(Promised("file", ".layout"), ((self.disk.root / ".layout").read_bytes(),))
        for name in names_in_new(spool):
            if name in parts:
                self.disk.tell(Promised("photo", name), frozenset({NEW}))
        spool.start("booth")
        self.disk.tell(Promised("boot", spool.boot), self.clock.boot_id())
        self.started = True
        if self.composer is not None:
            self.put_frame(originals=self.originals, strips=self.strips)

    def context_without_event(self) -> Context:
        """What photos of this boot are taken for when there is no event."""
        return context_for("", "", self.clock.boot_id())

    def die(self) -> None:
        """The service was killed, and starts again in the same boot."""
        self.disk.revive()
        self.strike()
        self.open()

    def power_on(self, boot_id: str) -> None:
        """The next boot."""
        self.disk.revive()
        self.clock.power_on(boot_id)
        self.open()

    def take(self, number: int, context: Context = PARTY) -> PhotoName:
        """A press; "saved" is said when the commit returns."""
        self.clock.pass_s(5)
        name = take(self.spool, jpeg(number, _SMALL), context)
        self.disk.tell(Promised("photo", name), frozenset({NEW}))
        self.disk.tell(Promised("context", context.id), (self.spool.context(context.id),))
        self.disk.tell(Promised("taken", context.id), len(self.spool.photos_of(context)))
        return name

    def hold(self, number: int, context: Context = PARTY) -> PhotoName:
        """A press whose photo is not the uploader's yet; after a cut it is."""
        self.clock.pass_s(5)
        before = self._content(".layout")
        assert before is not None
        raised = b"2" + before[1:]
        self.disk.tell(Promised("file", ".layout"), (before, raised))
        name = take(self.spool, jpeg(number, _SMALL), context, HELD)
        self.disk.tell(Promised("file", ".layout"), (raised,))
        self.disk.tell(Promised("photo", name), frozenset({NEW}))
        self.disk.tell(Promised("context", context.id), (self.spool.context(context.id),))
        return name

    def put_frame(self, *, originals: bool, strips: bool = False) -> None:
        """From here on photos get framed copies, or strips of series; what is due of earlier starts is made."""
        self.originals, self.strips = originals, strips
        self.composer = composer(self.spool, originals=originals, strips=strips, frames=not strips)
        self.composer.make_up()

    def frame(self, number: int, context: Context = PARTY) -> PhotoName:
        """A press with a frame in force: once it is saved, a copy is promised too."""
        assert self.composer is not None
        self.clock.pass_s(5)
        before = self._content(".layout")
        assert before is not None
        raised = b"2" + before[1:]
        self.disk.tell(Promised("file", ".layout"), (before, raised))
        assert self.composer.begin() is not None
        at_ms = self.clock.boottime_ns() // 1_000_000
        content = jpeg(number, _SMALL)
        name = PhotoName.of(self.spool.next_identity(at_ms, context, has_copy=True), content)
        commit.commit(self.spool, name, context, content, HELD)
        self.disk.tell(Promised("file", ".layout"), (raised,))
        self.disk.tell(Promised("photo", name), frozenset({NEW if self.originals else KEPT}))
        self.disk.tell(Promised("copy", name), frozenset({NEW}))
        self.disk.tell(Promised("context", context.id), (self.spool.context(context.id),))
        return name

    def compose(self, *names: PhotoName) -> None:
        """The copy of this photo is made, or the strip of these, in the background."""
        assert self.composer is not None
        self.composer.make(*names)

    def series(self, *numbers: int, context: Context = PARTY) -> list[PhotoName]:
        """A press that takes some photos: once two of them are saved, a strip is promised too."""
        assert self.composer is not None
        names: list[PhotoName] = []
        before = self._content(".layout")
        assert before is not None
        raised = b"2" + before[1:]
        self.disk.tell(Promised("file", ".layout"), (before, raised))
        goes = frozenset({NEW if self.originals else KEPT})
        for number in numbers:
            self.clock.pass_s(3)
            composition = self.composer.begin(opens_series=not names)
            assert composition is not None
            strip, content = (self.spool.boot, composition.first), jpeg(number, _SMALL)
            name = PhotoName.of(self.spool.next_identity(self.clock.boottime_ns() // 1_000_000, context), content)
            if len(names) == 1:
                self.disk.tell(Promised("photo", names[0]), goes | {NEW})
                self.disk.tell(Promised("strip", strip), frozenset({NEW, GONE}))
            commit.commit(self.spool, name, context, content, HELD)
            names.append(name)
            for each in names:
                self.disk.tell(Promised("photo", each), goes if len(names) > 1 else frozenset({NEW}))
            if len(names) > 1:
                self.disk.tell(Promised("strip", strip), frozenset({NEW}))
        self.composer.end_series()
        self.disk.tell(Promised("file", ".layout"), (raised,))
        self.disk.tell(Promised("context", context.id), (self.spool.context(context.id),))
        return names

    def take_back(self, name: PhotoName, *rest: PhotoName) -> None:
        """A guest takes back a photo of a series; a strip is made of the rest if these are two."""
        strip = handover.series_of(self.spool, name)
        if len(rest) < 2:
            for other in rest:
                self.disk.tell(Promised("photo", other), frozenset({NEW, KEPT}))
            self.disk.tell(Promised("strip", strip), frozenset({NEW, GONE}))
        self.move_held(name, WITHDRAWN, NEW if self.originals else KEPT)
        if len(rest) < 2:
            for other in rest:
                self.disk.tell(Promised("photo", other), frozenset({NEW}))
            self.disk.tell(Promised("strip", strip), frozenset({GONE}))

    def send_strip(self, name: PhotoName) -> None:
        """The album has the strip of this photo."""
        order = handover.series_of(self.spool, name)
        strip = next((found for found in names_in_new(self.spool) if found.order == order), None)
        if strip is None:
            raise NoSuchCall(f"there is no strip of {name}")
        self.disk.tell(Promised("strip", order), frozenset({NEW, SENT}))
        self.mark_sent(strip)
        self.disk.tell(Promised("strip", order), frozenset({SENT}))

    def send_copy(self, name: PhotoName) -> None:
        """The album has the copy of this photo."""
        copy = next((found for found in names_in_new(self.spool) if found.order == name.copy.order), None)
        if copy is None:
            raise NoSuchCall(f"there is no copy of {name}")
        self.disk.tell(Promised("copy", name), frozenset({NEW, SENT}))
        self.mark_sent(copy)
        self.disk.tell(Promised("copy", name), frozenset({SENT}))

    def move_held(self, name: PhotoName, place: str, otherwise: str = NEW) -> None:
        """The time to take the photo back is over, or a guest did, or it is not to be sent."""
        self.disk.tell(Promised("photo", name), frozenset({otherwise, place}))
        handover.move_held(self.spool, name, place)
        self.disk.tell(Promised("photo", name), frozenset({place}))

    def take_back_framed(self, name: PhotoName) -> None:
        """A guest takes back a photo of which a copy would be made."""
        ends = self._end_of_original
        self.disk.tell(Promised("photo", name), frozenset({ends, WITHDRAWN}))
        self.disk.tell(Promised("copy", name), frozenset({NEW, GONE}))
        handover.move_held(self.spool, name, WITHDRAWN)
        self.disk.tell(Promised("photo", name), frozenset({WITHDRAWN}))
        self.disk.tell(Promised("copy", name), frozenset({GONE}))

    def restore(self, name: PhotoName) -> None:
        """The operator brings back what a guest took back; a copy that is due is made then."""
        has_copy = self.spool.composition_of(name) is not None
        ends = self._end_of_original if has_copy else NEW
        self.disk.tell(Promised("photo", name), frozenset({ends, WITHDRAWN}))
        if has_copy:
            self.disk.tell(Promised("copy", name), frozenset({NEW, GONE}))
        handover.restore(self.spool, name)
        self.disk.tell(Promised("photo", name), frozenset({ends}))
        if has_copy:
            self.disk.tell(Promised("copy", name), frozenset({NEW}))

    @property
    def _end_of_original(self) -> str:
        return NEW if self.originals else KEPT

    def try_photo(self, number: int) -> None:
        """The booth tests whether photos are saved; whatever is left of that is nobody's photo."""
        content = jpeg(number, _SMALL)
        self.disk.tell(Promised("no photo", content))
        try_photo(self.spool, content)

    def mark_sent(self, name: PhotoName) -> None:
        """The album has the photo: until this is noted a cut makes it wait again, to be sent under the same name."""
        self.disk.tell(Promised("photo", name), frozenset({NEW, SENT}))
        handover.mark_sent(self.spool, name)
        self.disk.tell(Promised("photo", name), frozenset({SENT}))

    def park(self, name: PhotoName) -> None:
        """The server refuses the photo."""
        self.disk.tell(Promised("photo", name), frozenset({NEW, PARKED}))
        handover.park(self.spool, name, REASON)
        self.disk.tell(Promised("photo", name), frozenset({PARKED}))

    def retry_parked(self) -> None:
        """The operator sends parked photos again."""
        names = list(self.spool.names(PARKED))
        for name in names:
            self.disk.tell(Promised("photo", name), frozenset({NEW, PARKED}))
        handover.retry_parked(self.spool)
        for name in names:
            self.disk.tell(Promised("photo", name), frozenset({NEW}))

    def quarantine(self, name: PhotoName) -> None:
        """The uploader sets a photo aside; it no longer counts as taken."""
        context = self.spool.context_of(name)
        assert context is not None
        self.disk.tell(Promised("taken", context.id), len(self.spool.photos_of(context)) - 1)
        self.disk.tell(Promised("photo", name), frozenset({NEW, QUARANTINE}))
        handover.quarantine(self.spool, name)
        self.disk.tell(Promised("photo", name), frozenset({QUARANTINE}))

    def retire(self, *names: PhotoName) -> None:
        """Retention deletes sent photos; each still counts as taken."""
        for name in names:
            self.disk.tell(Promised("photo", name), frozenset({SENT, GONE}))
        handover.retire(self.spool, names)
        for context in {Context(name.context) for name in names}:
            self.disk.tell(Promised("taken", context.id), len(self.spool.photos_of(context)))

    def assign(self, name: PhotoName, link_id: str) -> None:
        """The operator sends a photo that was taken without an event, and all of its context, to this event."""
        before, after = self.spool.context(name.context), Context(name.context, link_id)
        self.disk.tell(Promised("context", name.context), (before, after))
        assign.assign(self.spool, assign.propose(self.spool, name.context, link_id))
        self.disk.tell(Promised("context", name.context), (after,))

    def wipe(self, context: Context) -> None:
        """The box goes back: nothing of this event is to be left, in the album or not."""

        def composed(name: PhotoName) -> list[Promised]:
            found = self.spool.composition_of(name)
            copies = [Promised("copy", name)] if found is not None and found.frame else []
            return [
                *copies,
                *([Promised("strip", (name.boot, found.first))] if found is not None and found.shots else ()),
            ]

        held = wipe.survey(self.spool, booth_runs=False)
        chosen = wipe.plan(held, context.link_id)
        for item in chosen.events[0].items:
            place = item.place
            if place == HELD:  # after a cut it is released
                place = NEW if self.spool.composition_of(item.name) is None else self._end_of_original
            self.disk.tell(Promised("photo", item.name), frozenset({place, GONE}))
            for promised in composed(item.name):
                self.disk.tell(promised, frozenset({NEW, GONE}))
        self.disk.tell(Promised("context", context.id), (context, None))
        self.disk.tell(Promised("taken", context.id), 0)
        self.disk.tell(Promised("all or none", frozenset(item.name for item in chosen.events[0].items)))
        wipe.wipe(self.spool, chosen, unsent=True)
        for item in chosen.events[0].items:
            self.disk.tell(Promised("photo", item.name), frozenset({GONE}))
            for promised in composed(item.name):
                self.disk.tell(promised, frozenset({GONE}))
        self.disk.tell(Promised("context", context.id), (None,))
        self.disk.tell(Promised("wiped", context))

    def let_room_be_made(self) -> None:
        """From here on the card may be full: a commit deletes sent photos then."""
        for name in self.spool.names(SENT):
            self.disk.tell(Promised("photo", name), frozenset({SENT, GONE}))

    def learn_the_time(self) -> None:
        """An anchor is noted."""
        anchor = Anchor(Source.NTP, self.clock.boottime_ns() // 1_000_000, self.clock.wall_ns() // 1_000_000, 5)
        self.spool.add_anchor(anchor)
        self.disk.tell(Promised("anchor", (self.spool.boot, anchor)))

    def use_the_time(self, name: PhotoName) -> None:
        """A photo is about to be uploaded with its takenAt: the offset in use is noted."""
        taken_ms = self.spool.taken_at_ms(name, record=True)
        self.disk.tell(Promised("taken at", name), taken_ms)

    def configure(self, config: Config) -> None:
        """The booth starts with this config, and keeps it for the day when its file is broken."""
        held = [self._content(file) for file in (GOOD_FILE, choices.FILE)]
        names = ("eventpics.link_id",)
        good = good_copy.to_toml_text(config, names, self.spool.box).encode()
        settled = choices.as_toml(Said.by(config), choices.read(self.disk.root, config)).encode()
        self.disk.tell(Promised("file", GOOD_FILE), (held[0], good))
        self.disk.tell(Promised("file", choices.FILE), (held[1], settled))
        with contextlib.closing(StorageMonitor(config, self.spool, self.clock, config_names=names)) as card:
            card.open(retry_later=False)
        self.disk.tell(Promised("file", GOOD_FILE), (good,))
        self.disk.tell(Promised("file", choices.FILE), (settled,))

    def choose(self, config: Config, chosen: Choices) -> None:
        """Somebody chooses in the menu what overrides this config."""
        before, after = self._content(choices.FILE), choices.as_toml(Said.by(config), chosen).encode()
        self.disk.tell(Promised("file", choices.FILE), (before, after))
        choices.write(self.disk.root, config, chosen)
        self.disk.tell(Promised("file", choices.FILE), (after,))

    def _content(self, file: str) -> bytes | None:
        return dict(read_tree(self.disk.root)).get(file)

    def write_events(self, *titles: str) -> None:
        """The uploader saw these events: the file holds the old list or the new one."""
        listed = [AlbumEvent(title, f"link{number}") for number, title in enumerate(titles)]
        self.disk.tell(Promised("events"), (self.spool.events(), listed))
        self.spool.write_events(listed)
        self.disk.tell(Promised("events"), (listed,))


# -- the lives that are cut -----------------------------------------------------------------------------------------


def an_evening(life: Life) -> None:
    """Everything once: two boots, three contexts, photos on all their ways."""
    life.open()
    life.write_events("Party")
    first = life.take(1)
    life.learn_the_time()
    second, third = life.take(2), life.take(3, WEDDING)
    life.use_the_time(first)
    life.mark_sent(first)
    life.park(second)
    life.quarantine(third)
    life.retry_parked()
    life.write_events("Party", "Wedding")
    life.mark_sent(second)
    life.retire(first)
    life.power_on("boot-b")
    fourth = life.take(4, NO_EVENT)
    life.mark_sent(fourth)
    life.take(5)


def a_killed_save(life: Life) -> None:
    """The booth is killed with all bytes written and nothing synced; it salvages the part when it is back."""
    life.open()
    life.take(1)
    kill_at(life, "fsync", ".part", lambda: life.take(2))
    life.die()
    life.take(3)


def a_booth_that_tests_itself(life: Life) -> None:
    """Test photos: at the start, one that is killed, one on a card that fails, and photos between them."""
    life.open()
    life.try_photo(11)
    life.take(1)
    kill_at(life, "unlink", f"{NEW}/0001/{TEST_PHOTO}", lambda: life.try_photo(12))
    life.die()
    life.try_photo(13)
    fail_once(life, "fsync", TEST_PHOTO, errno.EIO)
    life.try_photo(14)
    life.mark_sent(life.take(2))
    fail_once(life, "rename", TEST_PHOTO, errno.EACCES)
    with contextlib.suppress(NotSaved):
        life.try_photo(15)
    kill_at(life, "fsync", f"{TMP}/{TEST_PHOTO}", lambda: life.try_photo(16))
    life.power_on("boot-b")
    life.take(3)


def a_killed_start(life: Life) -> None:
    """The first service to start is killed before the boot's number is synced; the next finds the number there."""
    kill_at(life, "fsync", "boots/0001.jsonl", life.open)
    life.die()
    life.take(1)


def a_killed_context(life: Life) -> None:
    """The booth is killed before its context's name is synced; when it is back, the file is there."""
    life.open()
    kill_at(life, "open", "contexts", lambda: life.take(1))
    life.die()
    life.take(2)


def a_failing_card(life: Life) -> None:
    """A sync fails once, then the card is full: a sent photo makes room, and the next time there is none to give."""
    life.open()
    life.mark_sent(life.take(1))
    fail_once(life, "fsync", ".part", errno.EIO)
    life.take(2)
    fill_up(life)
    life.let_room_be_made()
    life.take(3)
    fill_up(life)
    with contextlib.suppress(NotSaved):
        life.take(4)
    life.strike()
    life.take(5)


def a_lost_folder(life: Life) -> None:
    """Somebody deleted a folder that was empty; the next start makes it again."""
    life.open()
    life.write_events("Party")
    os.rmdir(life.disk.root / PARKED)
    life.power_on("boot-b")
    life.park(life.take(1))


def photos_that_are_held(life: Life) -> None:
    """Photos that a guest may take back, on all their ways; killed with one still held."""
    life.open()
    life.take(1)
    taken_back, released = life.hold(2), life.hold(3)
    life.move_held(taken_back, WITHDRAWN)
    life.move_held(released, NEW)
    life.move_held(life.hold(4), KEPT)
    life.restore(taken_back)
    life.mark_sent(released)
    kill_at(life, "rename", ".part", lambda: life.hold(5))
    life.die()
    life.move_held(life.hold(6, WEDDING), WITHDRAWN)
    life.hold(7, WEDDING)
    life.wipe(WEDDING)


def a_framed_photo_is_restored(life: Life) -> None:
    """Photos with a frame are taken back and restored, beside the booth and without it; killed before the copy."""
    life.open()
    life.put_frame(originals=False)
    life.take_back_framed(first := life.frame(1))
    life.take_back_framed(second := life.frame(2))
    life.restore(first)
    life.compose(first)
    life.restore(second)
    life.die()
    life.take_back_framed(third := life.frame(3, WEDDING))
    life.power_on("boot-b")
    life.restore(third)
    life.power_on("boot-c")
    life.take_back_framed(fourth := life.frame(4, WEDDING))
    life.restore(fourth)
    life.wipe(WEDDING)


def photos_with_a_frame(life: Life) -> None:
    """Framed copies: made at once, after a kill, after a cut; with a copy that is sent while its original is held."""
    life.open()
    life.take(1)
    life.put_frame(originals=True)
    life.compose(life.frame(2))
    third = life.frame(3)
    kill_at(life, "rename", f"{HELD}/0001/{third}", lambda: life.compose(third))
    life.disk.revive()
    life.strike()
    life.send_copy(third)
    life.die()
    kill_at(life, "fsync", ".part", lambda: life.compose(life.frame(4)))
    life.die()
    life.frame(5)
    life.power_on("boot-b")
    life.compose(life.frame(6, WEDDING))
    life.frame(7, WEDDING)
    life.wipe(WEDDING)
    life.frame(8)


def photos_of_which_only_copies_are_sent(life: Life) -> None:
    """Framed copies of originals that are kept."""
    life.open()
    life.put_frame(originals=False)
    life.compose(life.frame(1))
    kill_at(life, "rename", ".part", lambda: life.compose(life.frame(2)))
    life.die()
    life.frame(3)
    life.power_on("boot-b")
    life.frame(4)


def photos_of_series(life: Life) -> None:
    """Strips: made at once, after a kill, after a cut; of what is left when a guest takes one back."""
    life.open()
    life.take(1)
    life.put_frame(originals=True, strips=True)
    life.compose(*life.series(2, 3, 4))
    names = life.series(5, 6)
    kill_at(life, "rename", f"{HELD}/0001/{names[0]}", lambda: life.compose(*names))
    life.disk.revive()
    life.strike()
    life.send_strip(names[0])
    life.die()
    kill_at(life, "fsync", ".part", lambda: life.compose(*life.series(7, 8)))
    life.die()
    names = life.series(9, 10, 11)
    life.take_back(names[1], names[0], names[2])
    life.compose(names[0], names[2])
    life.series(12)
    life.power_on("boot-b")
    life.series(13, 14)
    life.power_on("boot-c")
    life.compose(*life.series(15, 16, context=WEDDING))
    life.series(17, 18, context=WEDDING)
    life.wipe(WEDDING)
    names = life.series(19, 20)
    life.take_back(names[0], names[1])


def photos_of_which_only_strips_are_sent(life: Life) -> None:
    """Strips of originals that are kept; one alone is sent."""
    life.open()
    life.put_frame(originals=False, strips=True)
    life.compose(*life.series(1, 2))
    life.series(3)
    names = life.series(4, 5)
    kill_at(life, "rename", ".part", lambda: life.compose(*names))
    life.die()
    names = life.series(6, 7, 8)
    kill_at(life, "rename", f"{HELD}/0001/{names[1]}", lambda: life.compose(*names))
    life.die()
    life.series(9, 10)
    life.power_on("boot-b")
    life.series(11)


def a_box_that_goes_back(life: Life) -> None:
    """The operator gives photos an event, then wipes one of the others, with photos on all their ways."""
    life.open()
    life.write_events("Party")
    life.take(1)
    wedding = [life.take(number, WEDDING) for number in (2, 3, 4)]
    life.mark_sent(wedding[0])
    life.retire(wedding[0])
    life.mark_sent(wedding[1])
    life.assign(life.take(5, NO_EVENT), PARTY.link_id)
    life.disk.tell("the wipe begins")
    life.wipe(WEDDING)
    life.take(6)


def a_box_that_is_configured(life: Life) -> None:
    """The config changes between two starts, and in each somebody chooses something at the box."""
    life.open()
    monday, friday = (Config(eventpics=EventPicsConfig(link_id=link_id)) for link_id in ("abcd1234", "wxyz9876"))
    life.configure(monday)
    life.choose(monday, Choices(language="de"))
    life.choose(monday, Choices(link_id="efgh5678", paused=True))
    life.power_on("boot-b")
    life.configure(monday)
    life.power_on("boot-c")
    life.configure(friday)
    life.choose(friday, Choices(sound=False))
    life.choose(monday, Choices(language="de"))  # by a booth that was started with the other file
    life.power_on("boot-d")
    life.configure(friday)


LIVES = (
    an_evening,
    a_killed_save,
    a_booth_that_tests_itself,
    a_killed_start,
    a_killed_context,
    a_failing_card,
    a_lost_folder,
    photos_that_are_held,
    photos_with_a_frame,
    a_framed_photo_is_restored,
    photos_of_which_only_copies_are_sent,
    photos_of_series,
    photos_of_which_only_strips_are_sent,
    a_box_that_goes_back,
    a_box_that_is_configured,
)


def fill_up(life: Life) -> None:
    """The card is full until something on it is deleted that is no part."""

    def strike(call: str, path: str) -> None:
        if call == "unlink" and not path.endswith(".part"):
            life.strike()
        if call in ("posix_fallocate", "write") and path.endswith(".part"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    life.strike(strike)


def fail_once(life: Life, call: str, of: str, code: int) -> None:
    """The next such call of a path with this ending fails with this errno."""

    def strike(name: str, path: str) -> None:
        if name == call and path.endswith(of):
            life.strike()
            raise OSError(code, os.strerror(code))

    life.strike(strike)


def kill_at(life: Life, call: str, of: str, work: Callable[[], object]) -> None:
    """The process ends just before such a call of a path with this ending, in the middle of `work`."""

    def strike(name: str, path: str) -> None:
        if name == call and path.endswith(of):
            raise Killed

    life.strike(strike)
    try:
        work()
    except Killed:
        return
    raise NoSuchCall(f"there was no {call} of {of}")


# -- after the cut --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a box finds on its card when the power is back, after its own recovery and one more photo."""

    boot: int
    places: Mapping[PhotoName, tuple[str, ...]]
    """Where each photo lies with the bytes that its name tells."""
    damaged: tuple[str, ...]
    """What would be found damaged when it is its turn to be uploaded."""
    without_context: tuple[str, ...]
    """What would wait for ever, since nobody knows for which event it was taken."""
    unexplained: tuple[str, ...]
    """Parked photos without their reason."""
    contents: frozenset[bytes]
    """The bytes of every file, before the next photo was taken."""
    thrown_away: tuple[str, ...]
    """Parts that held a byte of a picture and are nowhere now."""
    left_in_tmp: tuple[str, ...]
    set_aside: frozenset[str]
    """What lies in quarantine with other bytes than its name tells."""
    texts: tuple[tuple[str, bytes], ...]
    """Each file's name with its bytes, but for photos: what tells of an event tells it there."""
    junk: frozenset[str]
    """Files that no part of the spool will ever look at again."""
    contexts: Mapping[str, Context | None]
    boots: Mapping[int, Boot]
    taken: Mapping[str, int]
    taken_at_ms: Mapping[PhotoName, int | None]
    events: list[AlbumEvent]
    next: PhotoName
    """The photo that was taken then."""
    overlooked: tuple[str, ...]
    """Photos in folders that an older program would not look into, though the layout's version lets it start."""


def after_the_cut(root: Path, boot_id: str = "boot-after") -> Found:
    """The power is back: the real start of the booth on this folder, then a press."""
    parts = {path.name: path.read_bytes() for path in (root / TMP).glob("*.part")}
    spool = Spool(root, HandClock(boot_id=boot_id), SERIAL)
    spool.prepare()
    is_old = not (root / ".layout").exists() or not (root / ".layout").read_bytes().startswith(b"2")
    overlooked = tuple(str(name) for place in FOLDERS_OF_2 for name in spool.names(place) if is_old)
    known = [(name, spool.composition_of(name)) for name in spool.names(HELD)]
    made_again = {result.order for name, found in known if found is not None for result in found.results(name)}
    parts = {part: content for part, content in parts.items() if _order_of(part) not in made_again}
    wipe.resume_wipe(spool)
    has_frame = any(b'"frame"' in content for name, content in read_tree(root) if content and name.startswith(BOOTS))
    recovery.recover(spool, composes=has_frame)
    spool.start("booth")
    if has_frame:
        composer(spool, originals=True, strips=True, frames=True).make_up()
    photos = [(name, place) for place in COMMITTED for name in spool.names(place)]
    files = [(name, content) for name, content in read_tree(root) if content is not None]
    by_path = {f"{root}/{name}": content for name, content in files}
    contents = {(name, place): by_path[str(spool.path(name, place))] for name, place in photos}
    places: dict[PhotoName, tuple[str, ...]] = {}
    for (name, place), content in contents.items():
        if digest_of(content) == name.digest:
            places[name] = (*places.get(name, ()), place)
    kept = set(contents.values())
    contexts = {
        name.split("/")[1].split(".")[0] for name, _ in files if name.startswith(CONTEXTS) and name.endswith(".json")
    }
    texts = tuple((name, b"" if name.endswith((".jpg", ".part")) else content) for name, content in files)
    fresh = take(spool, jpeg(99, _SMALL))
    assert is_intact(spool, fresh), "the next photo is not fine"
    return Found(
        boot=spool.boot,
        places=places,
        damaged=tuple(str(name) for name, place in photos if place == NEW and not is_intact(spool, name)),
        without_context=tuple(str(name) for name, place in photos if place == NEW and spool.context_of(name) is None),
        unexplained=tuple(str(name) for name, place in photos if place == PARKED and not _is_explained(spool, name)),
        contents=frozenset(content for _, content in files if content),
        thrown_away=tuple(part for part, content in parts.items() if content.strip(b"\0") and content not in kept),
        left_in_tmp=tuple(sorted(path.name for path in (root / TMP).iterdir())),
        set_aside=frozenset(
            str(name) for name, place in photos if place == QUARANTINE and place not in places.get(name, ())
        ),
        texts=texts,
        junk=frozenset(name for name, _ in texts if _is_junk(name)),
        contexts={context: spool.context(context) for context in contexts},
        boots={number: spool.read_boot(number) for number in boots.numbers(root / BOOTS)},
        taken={context: len(spool.photos_of(Context(context))) - (context == fresh.context) for context in contexts},
        taken_at_ms={name: spool.taken_at_ms(name) for name, _ in photos if spool.read_boot(name.boot).anchors},
        events=spool.events(),
        next=fresh,
        overlooked=overlooked,
    )


def _order_of(part: str) -> tuple[int, int] | None:
    name = PhotoName.parse(part.removesuffix(".part"))
    return None if name is None else name.order


def _is_explained(spool: Spool, name: PhotoName) -> bool:
    path = spool.path(name, PARKED).with_suffix(".txt")
    return path.is_file() and path.read_text() == f"{REASON}\n"


def _is_junk(path: str) -> bool:
    name = Path(path).name
    return name.startswith(".") and name != ".layout" and not name.endswith(".lock")


def composer(spool: Spool, *, originals: bool, strips: bool, frames: bool = False) -> Composer:
    """The composer of a booth with strips, or with the frame, which lies elsewhere than on the card; or with both."""
    frame = spool.directory.with_name("frame.png")
    if not frame.exists():
        frame.write_bytes(FRAME)
    photo = PhotoConfig(str(frame) if frames else "", originals, 4 if strips else 1, strip=strips)
    found = Composer(Config(photo=photo), spool, spool.directory.parent)
    found.set_quiet(True)
    return found


def broken(found: Found, told: Mapping[object, object]) -> Iterator[str]:
    """Each promise that does not hold, in a sentence."""
    yield from (f"{name} waits with other bytes than its name tells" for name in found.damaged)
    yield from (f"{name} waits and its context is not there" for name in found.without_context)
    yield from (f"{name} is parked without a reason" for name in found.unexplained)
    yield from (f"{name} was thrown away by the recovery" for name in found.thrown_away)
    yield from (f"{name} lies where an older program does not look" for name in found.overlooked)
    yield from (f"{name} is left in tmp" for name in found.left_in_tmp)
    yield from (f"{name} lies in {places}" for name, places in found.places.items() if len(places) > 1)
    there_too = found.set_aside & {str(name) for name in found.places}
    yield from (f"{name} is set aside and there too" for name in there_too)
    known = {name for name in found.places if name != found.next}
    for promised, value in told.items():
        if not isinstance(promised, Promised):
            continue  # a mark of the test's own
        if promised.what == "no photo":
            if promised.of in found.contents:
                yield "a test photo is kept"
            continue
        yield from (_broken_copy if promised.what in ("copy", "strip") else _broken)(found, promised, value)
        if promised.what == "photo" and isinstance(promised.of, PhotoName):
            known.add(promised.of)
    yield from (
        f"the number of {name} was given again to {found.next}" for name in known if name.order == found.next.order
    )


def _broken_copy(found: Found, promised: Promised, value: Any) -> Iterator[str]:
    of = promised.of
    order = of.copy.order if isinstance(of, PhotoName) else of
    copies = [place for name, places in found.places.items() if name.order == order for place in places]
    if not set(copies) <= value or len(copies) > 1 or not (copies or GONE in value):
        yield f"the {promised.what} of {of} may be in {sorted(value)} and is in {sorted(copies)}"


def _broken(found: Found, promised: Promised, value: Any) -> Iterator[str]:
    what, of = promised.what, promised.of
    if what == "photo":
        assert isinstance(of, PhotoName)
        lies = set(found.places.get(of, ()))
        if not lies <= value or not (lies or GONE in value):
            yield f"{of} may be in {sorted(value)} and is in {sorted(lies)}"
    elif what == "boot":
        assert isinstance(of, int)
        if found.boot <= of:
            yield f"boot {of} was there, and now is boot {found.boot}"
        elif found.boots[of].boot_id != value:
            yield f"boot {of} was {value}, and now is {found.boots[of].boot_id!r}"
    elif what == "context":
        assert isinstance(of, str)
        if found.contexts.get(of) not in value:
            yield f"context {of} is {found.contexts.get(of)} and was {value}"
    elif what == "taken":
        assert isinstance(of, str)
        if found.taken.get(of, 0) < value:
            yield f"{found.taken.get(of, 0)} photos taken for context {of}, and there were {value}"
    elif what == "anchor":
        assert isinstance(of, tuple)
        boot = found.boots.get(of[0])
        if boot is None or of[1] not in boot.anchors:
            yield f"anchor {of} is lost"
    elif what == "taken at":
        assert isinstance(of, PhotoName)
        if of in found.places and found.taken_at_ms.get(of) != value:
            yield f"{of} was sent as taken at {value} and now is {found.taken_at_ms.get(of)}"
    elif what == "wiped":
        assert isinstance(of, Context)
        for clue in (of.id, of.link_id):
            left = [name for name, content in found.texts if clue in name or clue.encode() in content]
            if left:
                yield f"{left} still tell of {clue}"
    elif what == "all or none":
        assert isinstance(of, frozenset)
        missing = of - found.places.keys()
        if missing and missing != of:
            yield f"of {len(of)} photos that a wipe takes together only {sorted(map(str, missing))} are gone"
    elif what == "file":
        assert isinstance(of, str)
        held = dict(found.texts).get(of)
        if held not in value:
            yield f"{of} holds {held!r} and was to hold one of {value!r}"
    elif what == "events":
        if found.events not in value:
            yield f"the events are {found.events}"
    else:
        raise AssertionError(f"nobody checks {promised}")
