"""A photo frame on the card: judged by a child of another user, laid, answered, and cut at every step."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from piboothup.booth.photo import frame_file
from piboothup.cli import main
from piboothup.commands.arguments import command_parser
from piboothup.config import import_record, load_effective
from piboothup.setup import boot_import, frame
from piboothup.setup.boot_answer import ANSWER, Imported
from piboothup.setup.frame import LAID, NAME, NOTE, Verdict
from piboothup.spool import durable
from tests.setup.test_boot_import import FILE, Card, programs
from tests.spool.crash.model import Disk, Recording, all_states, read_tree, strike_once, write_tree
from tests.support.frames import LANDSCAPE, WIDE, header, in_format, made_of, pixels
from tests.support.frames import frame as drawn
from tests.support.users import IS_ROOT

__all__ = ["programs"]

FITS = Verdict(fit="Framed photos have 2535x1690 pixels; nothing of the photo is cut off.")
REFUSED = Verdict(
    code="frame_broken", what="The photo frame's file is damaged.", remedy="Save it as a PNG once more."
)
GOOD, BAD = b"a frame", b"no frame"


class Framed(Card):
    """A card with a frame; what was judged."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.judged: list[bytes] = []
        self.png = self.box.boot / NAME
        self.laid = self.box.etc / LAID
        self.verdicts = {GOOD: FITS, BAD: REFUSED}

    def judge(self, content: bytes) -> Verdict:
        self.judged.append(content)
        return self.verdicts.get(content, FITS)

    def run(self) -> Imported | None:
        done = super().run()
        again = partial(boot_import.run, self.box, self.countries.append, again=True)
        return frame.run(self.box, done, self.judge, again)

    def start(self, png: bytes | None = GOOD, text: str | None = FILE) -> Imported | None:
        """A start with this on the card."""
        for path, content in ((self.png, png), (self.file, None if text is None else text.encode())):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        return self.run()

    @property
    def in_force(self) -> str:
        config = self.box.etc / "config.toml"
        config.write_text("config_version = 1\n")
        return load_effective(config).config.photo.frame


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Framed:
    made = Framed(tmp_path / "box")
    made.make()
    monkeypatch.setattr("piboothup.config.file.DEFAULT_PATH", made.box.etc / "config.toml")
    return made


def test_e2_a_frame_beside_the_file_is_laid_and_its_fit_told(card: Framed) -> None:
    card.start()
    assert (card.in_force, card.laid.read_bytes(), card.judged) == (str(card.laid), GOOD, [GOOD])
    assert card.laid.stat().st_mode & 0o777 == 0o644
    assert f"- photo frame: {FITS.fit} It counts from the box's next start on.\n" in card.answer
    assert "Wi-Fi 'Barn'" in card.answer and "Not taken" not in card.answer


def test_e2_a_frame_without_a_file_is_taken_too(card: Framed) -> None:
    card.start(text=None)
    assert (card.in_force, card.laid.read_bytes()) == (str(card.laid), GOOD)
    assert card.answer.startswith(f"The answer of box 7F3K to {NAME}.\n\nIn force:\n- photo frame: ")


def test_e2_an_unchanged_frame_does_nothing(card: Framed) -> None:
    card.start()
    before = {path: path.stat().st_mtime_ns for path in card.root.rglob("*")}
    assert card.run() is None
    assert {path: path.stat().st_mtime_ns for path in card.root.rglob("*")} == before
    assert (card.judged, card.countries) == ([GOOD], ["AT"])


def test_e2_a_new_frame_leaves_the_old_file_s_answer(card: Framed) -> None:
    """The file is not taken once more, and the radio is left alone: a code may have come since."""
    card.start(png=None)
    card.box.key_file.write_text("a later key\n")
    card.start(GOOD, card.file.read_text())
    assert "photo frame: " in card.answer and "Wi-Fi 'Barn'" in card.answer and "country: AT" in card.answer
    assert (card.box.key_file.read_text(), card.countries) == ("a later key\n", ["AT"])


def test_e2_a_new_file_keeps_the_frame_in_its_answer(card: Framed) -> None:
    card.start()
    card.start(text='name = "Other"\n')
    assert "- name" in card.answer and "photo frame: " in card.answer
    assert card.judged == [GOOD]


def test_e2_a_frame_that_cant_be_used_ends_the_former(card: Framed) -> None:
    card.start()
    card.start(BAD, card.file.read_text())
    assert (card.in_force, card.laid.read_bytes()) == ("", GOOD)
    assert "Not taken, as there are mistakes:\n- The photo frame's file is damaged. Save it as a PNG" in card.answer
    assert "photo frame:" not in card.answer
    card.start(b"another", card.file.read_text())
    assert (card.in_force, card.laid.read_bytes()) == (str(card.laid), b"another")


@pytest.mark.parametrize("text", [FILE, None])
def test_e2_the_panel_tells_of_a_bad_frame_until_it_is_mended(card: Framed, text: str | None) -> None:
    def mistakes() -> int:
        return import_record.read(card.box.etc).mistakes

    card.start(BAD, text)
    kept = None if text is None else card.file.read_text()
    assert mistakes() == 1
    assert card.run() is None
    assert mistakes() == 1
    card.start(GOOD, kept)
    assert mistakes() == 0
    card.start(BAD, kept)
    card.start(None, kept)
    assert mistakes() == 0
    card.start(BAD, f"{FILE}[nonsense]\n")
    assert mistakes() == 2


def test_e2_the_file_s_word_on_a_frame_goes_before_one_beside_it(card: Framed) -> None:
    card.start(text=f'{FILE}[photo]\nframe = ""\n')
    assert (card.in_force, card.judged, card.laid.exists()) == ("", [], False)
    assert f"{NAME} is not used, as piboothup.toml names another frame, or none" in card.answer
    card.start(text="config_version = 1\n")
    assert (card.in_force, card.judged) == (str(card.laid), [GOOD])


@pytest.mark.parametrize(("content", "said"), [(GOOD, "photo frame: Framed photos"), (BAD, "file is damaged")])
def test_e2_a_frame_that_the_file_names_on_the_card_is_judged(card: Framed, content: bytes, said: str) -> None:
    named = card.box.boot / "frame.png"
    named.write_bytes(content)
    card.start(png=None, text=f'{FILE}[photo]\nframe = "{named}"\n')
    assert (card.in_force, card.judged, card.laid.exists()) == (str(named), [content], False)
    assert said in card.answer


def test_e2_a_frame_laid_by_hand_later_stays(card: Framed) -> None:
    """`piboothup overlay` has laid another since; the card's is no newer word."""
    card.start()
    card.laid.write_bytes(b"by hand")
    assert card.run() is None
    assert card.laid.read_bytes() == b"by hand"


def test_e2_a_frame_that_went_counts_again_when_it_comes(card: Framed) -> None:
    card.start()
    assert card.start(None, card.file.read_text()) is None
    assert (card.in_force, (card.box.etc / NOTE).exists()) == (str(card.laid), False)
    card.laid.write_bytes(b"by hand")
    card.start(GOOD, card.file.read_text())
    assert card.laid.read_bytes() == GOOD


def test_e2_a_card_in_another_box_has_its_frame_judged_there(card: Framed) -> None:
    card.start()
    other = Framed(card.root)
    other.box = type(card.box)("K7QX", card.box.boot, card.box.etc, card.box.profiles)
    assert other.run() is not None
    assert (other.judged, other.in_force) == ([GOOD], str(card.laid))


def test_e2_a_frame_for_which_memory_is_short_is_tried_again(card: Framed) -> None:
    card.start(b"former")
    card.verdicts[GOOD] = Verdict(code="frame_memory", what="Memory is short.", remedy="Restart the box.")
    card.start(GOOD, card.file.read_text())
    assert (card.in_force, card.laid.read_bytes()) == (str(card.laid), b"former")
    assert "Memory is short. Restart the box." in card.answer
    card.verdicts[GOOD] = FITS
    assert card.run() is not None
    assert card.laid.read_bytes() == GOOD


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_e2_what_is_no_file_is_told_once(card: Framed, kind: str) -> None:
    (card.root / "secret").write_text("root's")
    match kind:
        case "folder":
            card.png.mkdir()
        case "link":
            card.png.symlink_to(card.root / "secret")
        case _:
            os.mkfifo(card.png)
    assert card.run() is not None
    assert (card.judged, card.in_force) == ([], "")
    assert f"- {NAME} can't be read (" in card.answer and "Copy it anew." in card.answer
    assert card.run() is None


def test_e2_a_card_that_takes_no_frame_is_told_and_tried_again(card: Framed, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = durable.replace

    def full(path: Path, *given: object, **named: object) -> None:
        if path == card.laid:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", full)
        card.start()
        assert "The photo frame can't be written (No space left on device). It is tried again" in card.answer
        assert card.in_force == ""
    assert card.run() is not None
    assert card.in_force == str(card.laid)


@pytest.mark.slow
@pytest.mark.parametrize(("former", "content"), [(None, GOOD), (b"former", GOOD), (b"former", BAD)])
@pytest.mark.parametrize("kind", Disk)
def test_p13_e2_a_frame_cut_at_any_step_ends_the_same(
    card: Framed, kind: Disk, former: bytes | None, content: bytes
) -> None:
    card.start(former)
    card.png.write_bytes(content)
    old, recording = dict(read_tree(card.root)), Recording(card.root)
    with recording:
        assert card.run() is not None
    new = dict(read_tree(card.root))
    seen = all_states(recording.trace, kind)
    for tree, cut in seen.items():
        found = dict(tree)
        for path, whole in new.items():
            is_answer = path.endswith(ANSWER)  # to the file alone, meanwhile
            assert is_answer or found.get(path) in (old.get(path), whole), (cut, path)
        if LAID.encode() in (found["etc/settings.toml"] or b""):
            assert found[f"etc/{LAID}"] in (GOOD, b"former"), cut
        if found.get(f"etc/{NOTE}") == new[f"etc/{NOTE}"]:
            assert all(found.get(path) == whole for path, whole in new.items()), cut
        again = Framed(card.root)
        write_tree(tree, again.root)
        again.run()
        assert dict(read_tree(again.root)) == new, cut
        assert again.run() is None
    assert len(seen) > 6


@pytest.mark.slow
@pytest.mark.parametrize("failure", [errno.EIO, errno.ENOSPC, errno.EROFS], ids=str)
def test_e2_a_disk_that_fails_at_any_step_is_made_up_for(card: Framed, tmp_path: Path, failure: int) -> None:
    card.start(b"former")
    card.png.write_bytes(GOOD)
    before = read_tree(card.root)
    card.run()
    after, number, struck = read_tree(card.root), 0, True
    while struck:
        write_tree(before, card.root)
        struck = strike_once(card.root, number, failure, card.run)
        card.run()
        found = dict(read_tree(card.root))
        assert found[f"etc/{LAID}"] == GOOD, number
        assert found["etc/settings.toml"] == dict(after)["etc/settings.toml"], number
        number += 1
    assert number > 5


# -- the child that judges -------------------------------------------------------------------------------------------


def verdict_on(content: bytes) -> Verdict:
    """By this user: another may not be able to run the Python of a development machine."""
    return frame.judged(content, os.getuid(), os.getgid())


def no_pixels(width: int, height: int) -> bytes:
    return made_of(header(width, height), pixels(1, 1))


@pytest.mark.process
@pytest.mark.parametrize(
    ("content", "fit"),
    [
        (lambda: drawn(WIDE), "2535x1690 pixels; 11 % of the photo is cut off at top and bottom"),
        (lambda: drawn(LANDSCAPE, "corners"), "nothing of the photo is cut off"),
    ],
)
def test_e2_the_child_says_how_a_frame_is_fitted(content: Callable[[], bytes], fit: str) -> None:
    found = verdict_on(content())
    assert fit in found.fit
    assert (found.code, found.what) == ("", "")


@pytest.mark.process
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lambda: b"", "frame_format"),
        (lambda: in_format("JPEG"), "frame_format"),
        (lambda: in_format("JPEG", "CMYK"), "frame_format"),
        (lambda: in_format("PNG"), "frame_opaque"),
        (lambda: drawn(WIDE)[:900], "frame_broken"),
        (lambda: no_pixels(1800, 1200), "frame_broken"),
        (lambda: no_pixels(20_000, 20_000), "frame_large"),
        (lambda: no_pixels(2**31 - 1, 2**31 - 1), "frame_large"),
        (lambda: made_of(header(60, 40, 16), pixels(60, 40, b"\0" * 8)), "frame_depth"),
        (lambda: made_of(header(60, 40), (b"acTL", b"\0" * 8), pixels(60, 40)), "frame_animated"),
        (lambda: drawn(WIDE) + bytes(frame.LONGEST_BYTES), "frame_large"),
    ],
)
def test_e2_the_child_names_what_is_wrong_with_a_frame(content: Callable[[], bytes], code: str) -> None:
    found = verdict_on(content()[: frame.LONGEST_BYTES + 1])
    assert (found.fit, found.code) == ("", code)
    assert found.what.startswith("The photo frame") and found.remedy


@pytest.mark.process
@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "print('no JSON')",
        "print('[' * 100000)",
        "print({})",
        "import sys\nwhile True: sys.stdout.write('{' * 65536)",
        'b = [bytearray(50_000_000) for _ in range(20)]; print(\'{"fit": "x"}\')',
        "open('/tmp/large', 'wb', 0).write(bytes(20_000)); print(1)",
    ],
)
def test_e2_a_child_that_goes_wrong_is_a_frame_not_checked(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(frame, "command", lambda *_: [sys.executable, "-c", program])
    found = verdict_on(b"")
    assert found == Verdict(what="The photo frame can't be checked.", remedy=found.remedy)
    assert "3000x2250" in found.remedy


@pytest.mark.process
def test_e2_a_child_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "command", lambda *_: [sys.executable, "-c", "import time; time.sleep(3600)"])
    found = frame.judged(b"", os.getuid(), os.getgid(), timeout_s=0.5)
    assert found.what == "The photo frame takes too long to check."


@pytest.mark.process
def test_e2_what_the_child_says_is_a_strangers_word(monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.dumps({"fit": "Framed.\r\nIn force:\n\x1b[31m" + "x" * 5000, "code": 7, "more": []})
    monkeypatch.setattr(frame, "command", lambda *_: [sys.executable, "-c", f"print({said!r})"])
    found = verdict_on(b"")
    assert found.fit.startswith("Framed. In force: [31mxxx") and len(found.fit) == 400
    assert found.code == ""


@pytest.mark.process
@pytest.mark.skipif(not IS_ROOT, reason="only root can change users")
def test_e2_a_frame_is_decoded_by_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    look = "grep -E '^([UG]id|Groups|CapEff):' /proc/self/status | tr -d '\\t\\n'"
    program = f"""printf '{{"fit": "%s"}}' "$({look})" """
    monkeypatch.setattr(frame, "command", lambda *_: ["/bin/sh", "-c", program])
    found = frame.judged(b"", 65534, 65533).fit.replace(" ", "")
    assert found == f"Uid:{'65534' * 4}Gid:{'65533' * 4}Groups:CapEff:{'0' * 16}"


@pytest.mark.process
@pytest.mark.skipif(not IS_ROOT, reason="only root can change users")
@pytest.mark.parametrize("text", [FILE, None])
def test_e2_the_import_at_a_start_takes_a_frame(card: Framed, programs: Path, text: str | None) -> None:
    if text is not None:
        card.file.write_text(text)
    card.png.write_bytes(drawn(WIDE))
    assert main(["setup", "import"]) == 0
    assert "photo frame: Framed photos have 2535x1690 pixels; 11 % of the photo is cut off" in card.answer
    assert card.answer.endswith("The box at its last start:\nNetwork: 192.168.1.7 (wlan0)\n")
    assert (card.in_force, card.laid.read_bytes()) == (str(card.laid), drawn(WIDE))
    programs.unlink()
    assert main(["setup", "import"]) == 0
    assert "photo frame: " in card.answer


def test_e2_root_and_child_have_one_limit_and_one_command() -> None:
    assert frame.LONGEST_BYTES == frame_file.MOST_BYTES
    assert command_parser().parse_args(["setup", "frame"]).function == "overlay.judge"
