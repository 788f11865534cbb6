"""Root's reader of requests: each done at most once and answered; whatever else lies there is refused and gone."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from piboothup import root_requests
from piboothup.root_requests import ANSWERS, FRESH_NS, LONGEST_BYTES, REQUESTS, Answer, Outcome, Request
from piboothup.setup import power, request_reader
from piboothup.setup.errors import Refused
from tests.support.clock import HandClock
from tests.support.users import BOOTH, ROOT, UPLOADER, make_runtime, needs_users, user

VERB = "power-off"
RUNTIME = Path()
"""The working directory: the box's users can't walk to it from /."""
FOLDER = RUNTIME / REQUESTS


class Helper:
    """The helper's runs over the folders, with a verb that counts."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.done: list[Mapping[str, object]] = []
        self.failure: BaseException | None = None

    def perform(self, values: Mapping[str, object]) -> None:
        self.done.append(values)
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        request_reader.serve(RUNTIME, BOOTH, self.clock, {VERB: self.perform})

    def put(self, **values: object) -> int:
        """Ask as the booth does; the request's time."""
        asked_ns = self.clock.boottime_ns()
        with user(BOOTH):
            root_requests.put(RUNTIME, VERB, Request(asked_ns, values))
        return asked_ns

    def outcome(self, asked_ns: int) -> Outcome | None:
        """What the booth reads."""
        with user(BOOTH):
            found = root_requests.answer(RUNTIME, VERB, asked_ns)
            return found.outcome if found is not None else None

    def content(self) -> bytes:
        """A request that would be done."""
        return json.dumps({"asked_ns": self.clock.boottime_ns()}).encode()


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Helper:
    make_runtime(tmp_path)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    return Helper()


def names(folder: str = REQUESTS) -> list[str]:
    return sorted(os.listdir(folder))


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]


def test_a_request_is_done_once_answered_and_gone(helper: Helper) -> None:
    asked_ns = helper.put()
    assert helper.outcome(asked_ns) is None
    helper.run()
    assert (helper.done, helper.outcome(asked_ns), names()) == ([{}], Outcome.DONE, [])
    helper.run()
    assert helper.done == [{}]


def test_a_second_request_gets_an_answer_of_its_own(helper: Helper) -> None:
    first = helper.put()
    helper.run()
    helper.clock.pass_s(1.0)
    second = helper.put()
    assert helper.outcome(second) is None
    helper.run()
    assert (len(helper.done), helper.outcome(second), helper.outcome(first)) == (2, Outcome.DONE, None)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Refused("not these values"), Outcome.REFUSED),
        (FileNotFoundError("systemctl"), Outcome.FAILED),
        (subprocess.CalledProcessError(1, "systemctl", stderr=b"no\nbus"), Outcome.FAILED),
        (subprocess.TimeoutExpired("systemctl", 20.0), Outcome.FAILED),
    ],
)
def test_a_request_that_goes_wrong_is_answered_so(helper: Helper, failure: Exception, outcome: Outcome) -> None:
    helper.failure = failure
    asked_ns = helper.put()
    helper.run()
    assert (helper.outcome(asked_ns), names()) == (outcome, [])


# -- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a08_a_request_repeated_1000_times_is_done_once(helper: Helper, caplog: pytest.LogCaptureFixture) -> None:
    helper.put()
    content = (FOLDER / VERB).read_bytes()
    helper.run()
    for _ in range(1000):
        with user(BOOTH):
            (FOLDER / VERB).write_bytes(content)
        helper.run()
    assert (len(helper.done), len(refusals(caplog)), names()) == (1, 1000, [])
    assert set(refusals(caplog)) == {"request refused name='power-off' reason=repeated"}


def test_a08_1000_names_of_one_request_do_nothing(helper: Helper, caplog: pytest.LogCaptureFixture) -> None:
    with user(BOOTH):
        for number in range(1000):
            (FOLDER / f"{VERB}-{number}").write_bytes(helper.content())
    helper.run()
    assert (helper.done, len(refusals(caplog)), names()) == ([], 1000, [])


def link(helper: Helper) -> None:
    with user(BOOTH):
        (RUNTIME / "booth.json").write_bytes(helper.content())
        (FOLDER / VERB).symlink_to(Path("..") / "booth.json")


def dangling_link(_helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / VERB).symlink_to("/nowhere")


def fifo(_helper: Helper) -> None:
    with user(BOOTH):
        os.mkfifo(FOLDER / VERB)


def sock(_helper: Helper) -> None:
    with user(BOOTH), socket.socket(socket.AF_UNIX) as made:
        made.bind(str(FOLDER / VERB))


def device(_helper: Helper) -> None:
    os.mknod(FOLDER / VERB, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    os.chown(FOLDER / VERB, BOOTH, -1)


def empty_folder(_helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / VERB).mkdir()


def full_folder(_helper: Helper) -> None:
    with user(BOOTH):
        deep = FOLDER / VERB / "deep"
        deep.mkdir(parents=True)
        (deep / "file").touch()


def huge(helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / VERB).write_bytes(helper.content() + b" " * LONGEST_BYTES)


def endless(helper: Helper) -> None:
    """Of no blocks, but a terabyte long."""
    with user(BOOTH):
        (FOLDER / VERB).write_bytes(helper.content())
        os.truncate(FOLDER / VERB, 1 << 40)


def roots(helper: Helper) -> None:
    (FOLDER / VERB).write_bytes(helper.content())


def hard_link(helper: Helper) -> None:
    helper.put()
    with user(BOOTH):
        (RUNTIME / "kept").hardlink_to(FOLDER / VERB)


def unknown_verb(helper: Helper) -> None:
    helper.put()
    (FOLDER / VERB).rename(FOLDER / "settings")


def controls(helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / "power-off\n\x1b[2J\x7f").write_bytes(helper.content())


def not_utf8(helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / os.fsdecode(b"\xff" * 200)).write_bytes(helper.content())


def hidden(helper: Helper) -> None:
    with user(BOOTH):
        (FOLDER / ".power-off").write_bytes(helper.content())


def stale(helper: Helper) -> None:
    helper.put()
    helper.clock.boottime_s += FRESH_NS / 1e9 + 1


def of_the_future(helper: Helper) -> None:
    helper.clock.boottime_s += 1
    helper.put()
    helper.clock.boottime_s -= 1


def written(content: bytes) -> Callable[[Helper], None]:
    def write(_helper: Helper) -> None:
        with user(BOOTH):
            (FOLDER / VERB).write_bytes(content)

    return write


JUNK: dict[Callable[[Helper], None], str] = {
    **dict.fromkeys((link, dangling_link, fifo, sock, device, empty_folder, full_folder), "no plain file"),
    **dict.fromkeys((huge, endless), "too long"),
    **dict.fromkeys((unknown_verb, controls, not_utf8, hidden), "no such verb"),
    **dict.fromkeys((stale, of_the_future), "not of now"),
    hard_link: "it has another name",
    roots: "another user's",
}
TEXTS = [
    *(b"", b"\0", b"\xff", b"power-off", b"[]", b"7", b"{}", b'{"asked_ns": "100"}', b'{"asked_ns": true}'),
    *(b'{"asked_ns": 1e11}', b'{"asked_ns": null}', b'{"asked_ns": NaN}'),
    *(b'{"asked_ns": ' + b"9" * 9000 + b"}", b"[" * 9000, b'{"a":' * 3000),
]


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        *(
            pytest.param(junk, reason, marks=needs_users if junk in (device, roots) else ())
            for junk, reason in JUNK.items()
        ),
        *((written(text), "no request") for text in TEXTS),
        (written(b'{"asked_ns": -1}'), "repeated"),
    ],
    ids=lambda junk: getattr(junk, "__name__", None),
)
def test_a08_junk_has_no_effect_is_told_once_and_is_gone(
    helper: Helper, junk: Callable[[Helper], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    junk(helper)
    helper.run()
    assert (helper.done, names()) == ([], [])
    (line,) = refusals(caplog)
    assert line.endswith(f" reason={reason}")
    assert line.isascii() and line.isprintable() and len(line) < 200
    helper.run()
    assert len(refusals(caplog)) == 1
    assert [name for name in names(ANSWERS) if not name.startswith("aside-")] == []


def test_a08_a_folder_that_holds_something_is_set_aside_unread(helper: Helper) -> None:
    full_folder(helper)
    helper.run()
    (aside,) = names(ANSWERS)
    assert (RUNTIME / ANSWERS / aside / "deep/file").exists()
    full_folder(helper)
    helper.run()
    assert (names(), len(names(ANSWERS))) == ([], 2)


def test_a08_junk_beside_a_request_holds_it_up_by_nothing(helper: Helper) -> None:
    with user(BOOTH):
        os.mkfifo(FOLDER / "a")
        (FOLDER / "z").mkdir()
    asked_ns = helper.put()
    helper.run()
    assert (helper.outcome(asked_ns), names()) == (Outcome.DONE, [])


def test_a08_what_can_not_be_removed_stops_nothing(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is played: a mount point."""
    unlink = os.unlink

    def refuse(name: str, *, dir_fd: int | None = None) -> None:
        if name == "a":
            raise OSError(16, "Device or resource busy")
        unlink(name, dir_fd=dir_fd)

    with user(BOOTH):
        (FOLDER / "a").touch()
    asked_ns = helper.put()
    monkeypatch.setattr(os, "unlink", refuse)
    helper.run()
    assert (helper.outcome(asked_ns), names()) == (Outcome.DONE, ["a"])


@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_a08_a_link_swapped_in_after_the_look_is_refused(
    helper: Helper, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper.put()
    look = os.stat

    def swap(name: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        found = look(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if name == VERB:
            (FOLDER / VERB).rename(RUNTIME / "elsewhere")
            getattr(FOLDER / VERB, kind)((RUNTIME / "elsewhere").absolute())
        return found

    monkeypatch.setattr(os, "stat", swap)
    helper.run()
    assert (helper.done, names()) == ([], [])


# -- once ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """End of the helper, as by SIGKILL."""


@pytest.mark.parametrize(("call", "times"), [("read", 1), ("unlink", 1), ("rename", 0), ("perform", 1)])
def test_a08_a_helper_that_dies_never_does_it_twice(helper: Helper, call: str, times: int) -> None:
    """It dies right after this call, and then the same request comes again, as from a booth gone mad."""
    helper.put()
    content = (FOLDER / VERB).read_bytes()
    helper.failure = Killed()
    with pytest.MonkeyPatch.context() as patch:
        if call != "perform":
            real = getattr(os, call)

            def die(*given: object, **named: object) -> None:
                real(*given, **named)
                raise Killed

            patch.setattr(os, call, die)
        with pytest.raises(Killed):
            helper.run()
    helper.failure = None
    with user(BOOTH):
        (FOLDER / VERB).write_bytes(content)
    helper.run()
    helper.run()
    assert (len(helper.done), names()) == (times, [])


def test_a_request_that_was_withdrawn_is_not_done(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The booth takes it back between the helper's reading and its taking."""
    asked_ns = helper.put()
    read = os.read

    def withdraw(descriptor: int, size: int) -> bytes:
        content = read(descriptor, size)
        with user(BOOTH):
            assert root_requests.withdraw(RUNTIME, VERB)
        return content

    monkeypatch.setattr(os, "read", withdraw)
    helper.run()
    assert (helper.done, helper.outcome(asked_ns)) == ([], None)


def test_a_request_that_was_taken_can_not_be_withdrawn(helper: Helper) -> None:
    helper.put()
    helper.run()
    with user(BOOTH):
        assert not root_requests.withdraw(RUNTIME, VERB)


def test_nothing_is_done_that_could_not_be_recorded(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is played: /run is full."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    asked_ns = helper.put()
    monkeypatch.setattr(os, "rename", refuse)
    helper.run()
    assert (helper.done, helper.outcome(asked_ns), names()) == ([], None, [])


# -- who may -------------------------------------------------------------------------------------------------------


@needs_users
def test_a08_the_uploader_can_not_ask_nor_touch_a_request(helper: Helper) -> None:
    asked_ns = helper.put()
    before = (FOLDER / VERB).read_bytes()
    (RUNTIME / "booth.json").write_bytes(helper.content())
    os.chown(RUNTIME / "booth.json", BOOTH, 0)
    attempts: list[Callable[[], object]] = [
        lambda: os.listdir(FOLDER),
        lambda: root_requests.put(RUNTIME, VERB, Request(asked_ns, {})),
        (FOLDER / VERB).read_bytes,
        (FOLDER / VERB).unlink,
        lambda: FOLDER.rename(RUNTIME / "mine"),
        FOLDER.rmdir,
        lambda: (RUNTIME / "booth.json").rename(FOLDER / VERB),
        (RUNTIME / "booth.json").unlink,
        lambda: (RUNTIME / ANSWERS).rename(RUNTIME / "mine"),
        lambda: (RUNTIME / ANSWERS / VERB).write_bytes(b""),
    ]
    with user(UPLOADER):
        (RUNTIME / "uploader.json").write_text("{}")  # it can do what it should: the others are refused for a reason
        for attempt in attempts:
            with pytest.raises(PermissionError):
                attempt()
    assert (FOLDER / VERB).read_bytes() == before
    helper.run()
    assert helper.done == [{}]


@needs_users
def test_a08_a_folder_of_the_uploaders_is_emptied_unread(helper: Helper, caplog: pytest.LogCaptureFixture) -> None:
    """The folders as they were before the sticky bit: the uploader exchanges the booth's for one of its own."""
    RUNTIME.chmod(0o2770)
    with user(UPLOADER):
        FOLDER.rename(RUNTIME / "theirs")
        FOLDER.mkdir(mode=0o700)
        (FOLDER / VERB).write_bytes(helper.content())
    helper.run()
    RUNTIME.chmod(0o3770)
    with user(UPLOADER):
        (FOLDER / VERB).write_bytes(helper.content())
    helper.run()
    assert (helper.done, names()) == ([], [])
    reasons = [line.partition("reason=")[2] for line in refusals(caplog)]
    assert reasons == ["others may exchange the folder", "the folder is not the booth's alone"]


@needs_users
@pytest.mark.parametrize("folder", [".", REQUESTS, ANSWERS])
def test_a08_a_folder_of_another_user_is_not_believed(helper: Helper, folder: str) -> None:
    helper.put()
    os.chown(folder, UPLOADER, -1)
    helper.run()
    assert (helper.done, names()) == ([], [])


@pytest.mark.parametrize(("folder", "mode"), [(REQUESTS, 0o770), (REQUESTS, 0o701), (ANSWERS, 0o2770)])
def test_a08_a_folder_with_more_rights_is_not_believed(helper: Helper, folder: str, mode: int) -> None:
    helper.put()
    (RUNTIME / folder).chmod(mode)
    helper.run()
    assert (helper.done, names()) == ([], [])


@pytest.mark.parametrize("folder", [REQUESTS, ANSWERS])
def test_a08_a_link_in_place_of_a_folder_is_not_followed(helper: Helper, folder: str) -> None:
    helper.put()
    (RUNTIME / folder).rename(RUNTIME / "elsewhere")
    (RUNTIME / folder).symlink_to("elsewhere")
    with pytest.raises(NotADirectoryError):
        helper.run()
    assert helper.done == []
    shutil.rmtree(RUNTIME / "elsewhere")


@needs_users
def test_the_group_may_read_an_answer_and_not_change_it(helper: Helper) -> None:
    asked_ns = helper.put()
    helper.run()
    found = (RUNTIME / ANSWERS / VERB).stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (ROOT, 0o640)
    with user(BOOTH):
        assert root_requests.answer(RUNTIME, VERB, asked_ns) == Answer(asked_ns, Outcome.DONE)
        with pytest.raises(PermissionError):
            (RUNTIME / ANSWERS / VERB).unlink()


# -- power-off -----------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in systemctl's place that notes its arguments: the real one would end this computer."""
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.calls"\n[ ! -e "$0.fails" ] || { echo "No bus." >&2; exit 1; }\n')
    program.chmod(0o755)
    monkeypatch.setattr(power, "SYSTEMCTL", str(program))
    return tmp_path / "systemctl.calls"


def serve_for_real(helper: Helper) -> None:
    request_reader.serve(RUNTIME, BOOTH, helper.clock)


@pytest.mark.process
def test_a06_power_off_calls_systemctl_once(helper: Helper, calls: Path) -> None:
    asked_ns = helper.put()
    serve_for_real(helper)
    serve_for_real(helper)
    assert calls.read_text().splitlines() == ["--no-block poweroff"]
    assert helper.outcome(asked_ns) is Outcome.DONE


@pytest.mark.process
def test_a06_power_off_that_fails_says_why_in_the_journal(
    helper: Helper, calls: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls.with_name("systemctl.fails").touch()
    asked_ns = helper.put()
    serve_for_real(helper)
    assert helper.outcome(asked_ns) is Outcome.FAILED
    assert "No bus." in caplog.text


def test_a08_power_off_takes_no_values(helper: Helper, calls: Path) -> None:
    asked_ns = helper.put(when="now", **{"--force": True})
    serve_for_real(helper)
    assert (helper.outcome(asked_ns), calls.exists()) == (Outcome.REFUSED, False)


def test_the_program_that_powers_off_is_named_by_its_path() -> None:
    assert power.SYSTEMCTL == "/usr/bin/systemctl"
