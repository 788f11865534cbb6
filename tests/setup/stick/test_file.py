"""A stick's file, on real file systems of real devices, is taken as the card's; a bad stick does no harm."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from piboothup.config import import_record
from piboothup.config.import_record import ImportRecord, ImportWatch
from piboothup.root_requests import StickResult
from piboothup.setup import frame
from piboothup.setup.boot_answer import ANSWER
from piboothup.setup.frame import Verdict
from piboothup.setup.stick import file, mounting
from piboothup.setup.wifi_profiles import saved_password
from piboothup.spool import durable
from piboothup.text import open_file
from tests.setup.test_boot_import import FILE, KERNEL_LINE, KEY, MASKED, PASSWORD, Card
from tests.support.stick import KINDS, Stick, disk, mounts, stick

__all__ = ["disk", "mounts", "stick"]

pytestmark = pytest.mark.process

NAME = "piboothup.toml"


def holding(text: str = FILE, name: str = NAME) -> Callable[[Path], None]:
    def lay(folder: Path) -> None:
        (folder / name).write_text(text)

    return lay


def fits(content: bytes) -> Verdict:
    return (
        Verdict(fit="It fits.") if content == b"a frame" else Verdict(what="It is no frame.", remedy="Save it anew.")
    )


def taken(
    stick: Stick,
    wanted: StickResult,
    put_in_force: Callable[[str], None] = lambda country: None,
    judge: Callable[[bytes], Verdict] = fits,
) -> Card:
    """The box after it took the stick's file with this result."""
    card = Card(stick.box).make()

    def take(stick: Stick) -> None:
        assert (
            file.take(card.box, stick.link, stick.point, lambda: ["Network: none yet"], put_in_force, judge) is wanted
        )
        assert not os.path.ismount(stick.point)

    stick.call(take)
    return card


@pytest.mark.parametrize("kind", KINDS)
def test_u03_a_sticks_file_is_in_force_and_answered(stick: Stick, kind: str) -> None:
    card = taken(stick.make(kind).fill(holding()), StickResult.TAKEN)
    assert card.box.key_file.read_text() == f"{KEY}\n"
    password = saved_password("Barn", card.box.profiles)
    assert password is not None and password.reveal() == PASSWORD
    assert "Łódź Booth" in card.settings.read_text()
    answer = (stick.read(ANSWER) or b"").decode()
    for said in ("box 7F3K", "on a stick", "the key, link_id", "Wi-Fi 'Barn'", "Network: none yet", "still stand"):
        assert said in answer
    assert "canary" not in answer
    assert [path.name for path in card.box.boot.iterdir()] == ["cmdline.txt"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_file", [True, False])
def test_e2_a_sticks_frame_is_laid_and_answered(stick: Stick, kind: str, has_file: bool) -> None:
    def lay(folder: Path) -> None:
        (folder / frame.NAME).write_bytes(b"a frame")
        if has_file:
            holding()(folder)

    card = taken(stick.make(kind).fill(lay), StickResult.TAKEN)
    assert (card.box.etc / frame.LAID).read_bytes() == b"a frame"
    assert f'frame = "{card.box.etc / frame.LAID}"' in card.settings.read_text()
    answer = (stick.read(ANSWER) or b"").decode()
    assert "- photo frame: It fits. It counts from the box's next start on." in answer
    assert ("the key, link_id" in answer) is has_file


@pytest.mark.parametrize("kind", ["no frame", "folder", "link", "device"])
def test_e2_a_sticks_bad_frame_is_told_and_ends_the_former(stick: Stick, kind: str) -> None:
    def lay(folder: Path) -> None:
        path = folder / frame.NAME
        match kind:
            case "no frame":
                path.write_bytes(b"no frame")
            case "folder":
                path.mkdir()
            case "link":
                path.symlink_to("/etc/shadow")
            case _:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))

    card = taken(stick.make("ext4").fill(lay), StickResult.MISTAKES)
    assert not (card.box.etc / frame.LAID).exists()
    assert 'frame = ""' in card.settings.read_text()
    answer = (stick.read(ANSWER) or b"").decode()
    assert ("It is no frame. Save it anew." if kind == "no frame" else "can't be read (it is no file)") in answer
    assert "put the stick in again" in answer


def test_e2_a_sticks_frame_and_short_memory_end_no_former_frame(stick: Stick) -> None:
    def lay(folder: Path) -> None:
        (folder / frame.NAME).write_bytes(b"a frame")

    short = Verdict(code="frame_memory", what="Memory is short.", remedy="Restart the box.")
    card = taken(stick.make("ext4").fill(lay), StickResult.MISTAKES, judge=lambda content: short)
    assert not (card.box.etc / frame.LAID).exists()
    assert not card.settings.exists() or "frame" not in card.settings.read_text()
    assert "Memory is short. Restart the box." in (stick.read(ANSWER) or b"").decode()


def test_e2_a_sticks_file_goes_before_the_frame_beside_it(stick: Stick) -> None:
    def lay(folder: Path) -> None:
        (folder / frame.NAME).write_bytes(b"a frame")
        holding(f'{FILE}[photo]\nframe = ""\n')(folder)

    card = taken(stick.make("ext4").fill(lay), StickResult.TAKEN)
    assert not (card.box.etc / frame.LAID).exists()
    assert f"{frame.NAME} is not used" in (stick.read(ANSWER) or b"").decode()


def test_u02_a_stick_keeps_its_secrets_for_other_boxes(stick: Stick) -> None:
    stick.make("ext4").fill(holding())
    taken(stick, StickResult.TAKEN)
    assert (stick.read(NAME) or b"").decode() == FILE
    (stick.box / "etc/key").unlink()
    taken(stick, StickResult.TAKEN)
    assert (stick.box / "etc/key").read_text() == f"{KEY}\n"


def test_u04_a_stick_gives_each_box_its_own_table(stick: Stick) -> None:
    own = '[[box]]\nid = "7F3K"\nname = "Ours"\n[[box]]\nid = "2222"\nname = "Theirs"\n'
    card = taken(stick.make("ext4").fill(holding(FILE + own)), StickResult.TAKEN)
    assert 'name = "Ours"' in card.settings.read_text()


def test_u03_services_are_told_and_the_cards_file_is_no_news(stick: Stick) -> None:
    card = Card(stick.box).make()
    card.imported('name = "Of the card"\nnonsense = 1\n')
    record, watch = import_record.read(card.box.etc), ImportWatch(card.box.etc)
    assert (record.mistakes, card.file.read_text()) == (1, 'name = "Of the card"\nnonsense = 1\n')
    taken(stick.make("ext4").fill(holding('name = "Of the stick"\n')), StickResult.TAKEN)
    assert watch.has_news()
    assert import_record.read(card.box.etc) == record
    assert card.run() is None
    assert 'name = "Of the stick"' in card.settings.read_text()


def test_u04_a_stick_leaves_a_moved_card_nothing_of_its_box(stick: Stick) -> None:
    card = Card(stick.box).make()
    (card.box.etc / import_record.FILE).write_bytes(ImportRecord("abc", "2222", 0).to_bytes())
    card.settings.write_text('config_version = 1\nlanguage = "de"\n# complete\n')
    own = '[[box]]\nid = "7F3K"\nname = "Ours"\n'
    taken(stick.make("ext4").fill(holding(own)), StickResult.TAKEN)
    assert 'name = "Ours"' in card.settings.read_text()
    assert "language" not in card.settings.read_text()
    assert import_record.read(card.box.etc) == ImportRecord("abc", "2222", 0)


def test_u01_mistakes_of_a_sticks_file_are_told_with_their_line(stick: Stick) -> None:
    text = 'name = "New"\n[eventpics]\nlink_id = "x y"\n'
    card = taken(stick.make("ext4").fill(holding(text)), StickResult.MISTAKES)
    answer = (stick.read(ANSWER) or b"").decode()
    assert "Line 3: " in answer
    assert "put the stick in again" in answer
    assert 'name = "New"' in card.settings.read_text()
    assert import_record.read(card.box.etc).mistakes == 0  # the panel's notice is the card's


# -- bad sticks ------------------------------------------------------------------------------------------------------


def link(folder: Path) -> None:
    (folder / NAME).symlink_to("/etc/shadow")


def link_through_folder(folder: Path) -> None:
    (folder / NAME).symlink_to("others/file")
    (folder / "others").symlink_to("/etc")


def device(folder: Path) -> None:
    os.mknod(folder / NAME, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # endless zeros


def fifo(folder: Path) -> None:
    os.mkfifo(folder / NAME)


def folder_of_that_name(folder: Path) -> None:
    (folder / NAME).mkdir()


def huge(folder: Path) -> None:
    with (folder / NAME).open("wb") as opened:
        opened.truncate(1 << 40)


def many(folder: Path) -> None:
    for number in range(3000):
        (folder / f".piboothup.toml.{number}").write_text("")


@pytest.mark.parametrize(
    ("lay", "wanted"),
    [
        (link, StickResult.NO_PLAIN_FILE),
        (link_through_folder, StickResult.NO_PLAIN_FILE),
        (device, StickResult.NO_PLAIN_FILE),
        (fifo, StickResult.NO_PLAIN_FILE),
        (folder_of_that_name, StickResult.NO_PLAIN_FILE),
        (huge, StickResult.MISTAKES),
        (many, StickResult.NO_FILE),
        (lambda folder: None, StickResult.NO_FILE),
    ],
)
def test_u01_an_odd_stick_is_told_and_changes_nothing(
    stick: Stick, lay: Callable[[Path], None], wanted: StickResult
) -> None:
    card = taken(stick.make("ext4").fill(lay), wanted)
    assert [path.name for path in card.box.etc.iterdir() if path.name != import_record.FILE] == []
    assert [path.name for path in card.box.boot.iterdir()] == ["cmdline.txt"]


def test_u01_a_stick_leads_nowhere_else_whatever_is_asked_of_it(stick: Stick) -> None:
    """What is on it by another name: the copying of photos will walk its folders."""

    def lay(folder: Path) -> None:
        (folder / "link").symlink_to("/etc")
        os.mknod(folder / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (folder / "program").write_text("#!/bin/sh\n")
        (folder / "program").chmod(0o4755)

    def look(stick: Stick) -> None:
        for writable in (False, True):
            with mounting.mounted(stick.link, stick.point, writable=writable):
                for use in (
                    lambda: os.listdir(stick.point / "link"),
                    (stick.point / "device").read_bytes,
                    partial(subprocess.run, [stick.point / "program"]),
                ):
                    with pytest.raises(OSError):
                        use()
                flags = os.statvfs(stick.point).f_flag
                assert flags & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC) == 14
                assert bool(flags & os.ST_RDONLY) is not writable

    stick.make("ext4").fill(lay).call(look)


def test_u02_reading_a_stick_does_not_write_to_it(stick: Stick) -> None:
    stick.make("ext4").fill(holding()).pull()
    before = stick.image.read_bytes()

    def look(stick: Stick) -> None:
        with mounting.mounted(stick.link, stick.point):
            assert (stick.point / NAME).read_text() == FILE

    stick.plug_in().call(look)
    stick.pull()
    assert stick.image.read_bytes() == before


def test_u02_not_even_its_journal_is_written_by_reading(stick: Stick) -> None:
    """It was pulled while a computer wrote it."""
    pulled = stick.image.with_name("pulled")

    def write_and_pull(folder: Path) -> None:
        holding()(folder)
        os.sync()
        shutil.copyfile(stick.image, pulled)

    def look(stick: Stick) -> None:
        with mounting.mounted(stick.link, stick.point):
            os.listdir(stick.point)

    stick.make("ext4").fill(write_and_pull).pull()
    before = pulled.read_bytes()
    pulled.replace(stick.image)
    stick.plug_in().call(look)
    stick.pull()
    assert stick.image.read_bytes() == before


@pytest.mark.parametrize("text", [FILE, f"{FILE}nonsense = 1\n"])
def test_u02_a_stick_that_is_read_only_is_answered_on_the_card(stick: Stick, text: str) -> None:
    stick.make("ext4").fill(holding(text)).plug_in("--read-only")
    card = taken(stick, StickResult.TAKEN if text == FILE else StickResult.MISTAKES_ON_CARD)
    assert card.box.key_file.read_text() == f"{KEY}\n"
    assert stick.read(ANSWER) is None
    assert "piboothup.toml on a stick" in card.answer


def fill_up(folder: Path) -> None:
    for number in range(3):  # what one file leaves is another's
        with (folder / f"film{number}").open("wb", buffering=0) as film:
            for chunk in (1 << 20, 1 << 10):
                with contextlib.suppress(OSError):
                    while film.write(bytes(chunk)):
                        pass
            os.fsync(film)


def test_u02_a_full_stick_is_answered_on_the_card(stick: Stick) -> None:
    def lay(folder: Path) -> None:
        holding()(folder)
        fill_up(folder)

    card = taken(stick.make("ext4").fill(lay), StickResult.TAKEN)
    assert "the key, link_id" in card.answer
    assert stick.read(ANSWER) is None


def test_u02_an_old_answer_makes_room_for_the_new(stick: Stick) -> None:
    def lay(folder: Path) -> None:
        holding()(folder)
        (folder / ANSWER).write_text("old" * 5000)
        fill_up(folder)

    card = taken(stick.make("ext4").fill(lay), StickResult.TAKEN)
    assert b"the key, link_id" in (stick.read(ANSWER) or b"")
    assert not (card.box.boot / ANSWER).exists()


def test_u02_a_stick_pulled_after_it_was_read_is_taken_whole(stick: Stick) -> None:
    card = taken(stick.make("ext4").fill(holding()), StickResult.TAKEN, lambda country: stick.pull())
    assert card.box.key_file.read_text() == f"{KEY}\n"
    assert "Wi-Fi 'Barn'" in card.answer


def test_u02_a_stick_pulled_while_it_is_read_changes_nothing(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image behind the device is cut off: the kernel gets an error for each block."""

    def cut(path: Path) -> object:
        os.truncate(stick.image, 0)
        stick.link.unlink()
        return open_file(path)

    stick.make("ext4").fill(holding("# " * 60_000))
    stick.plug_in()  # nothing of it is in memory
    monkeypatch.setattr("piboothup.setup.stick.file.open_file", cut)
    card = taken(stick, StickResult.GONE)
    assert list(card.box.etc.iterdir()) == []


def test_u02_no_stick_and_no_known_file_system_are_told(stick: Stick) -> None:
    taken(stick, StickResult.GONE)
    stick.image.write_bytes(os.urandom(1 << 20))
    taken(stick.plug_in(), StickResult.UNREADABLE)
    stick.pull()
    stick.link.symlink_to("/dev/null")
    taken(stick, StickResult.UNREADABLE)
    stick.link.unlink()
    stick.link.symlink_to(stick.box)
    card = taken(stick, StickResult.UNREADABLE)
    assert list(card.box.etc.iterdir()) == []


def test_u02_a_broken_stick_is_told(stick: Stick) -> None:
    stick.make("ext4").fill(holding()).pull()
    with stick.image.open("r+b") as image:
        image.seek(1024 + 256)
        image.write(b"\xff" * 4096)  # the rest of the superblock, and what tells where everything lies
    taken(stick.plug_in(), StickResult.UNREADABLE)


def test_u02_a_full_card_is_told_and_the_old_key_holds(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(stick.box).make()
    card.imported(FILE)
    assert card.file.read_text() == MASKED
    stick.make("ext4").fill(holding('[eventpics]\napi_key = "another-key-98765"\n'))
    replace: Callable[..., None] = durable.replace

    def write(path: Path, *given: object, **named: object) -> None:
        if path == card.box.key_file:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, *given, **named)

    monkeypatch.setattr(durable, "replace", write)
    taken(stick, StickResult.MISTAKES)
    assert card.box.key_file.read_text() == f"{KEY}\n"
    answer = (stick.read(ANSWER) or b"").decode()
    assert "The key can't be written" in answer
    assert (card.box.boot / "cmdline.txt").read_text() == KERNEL_LINE


@pytest.mark.parametrize("content", ["", "\0" * 300, "# soon\n"])
def test_f12_a_stick_whose_file_says_nothing_is_not_done(stick: Stick, content: str) -> None:
    taken(stick.make("ext4").fill(holding(content)), StickResult.MISTAKES)
    answer = (stick.read(ANSWER) or b"").decode()
    assert "Nothing was taken." in answer and "eject card or stick" in answer
