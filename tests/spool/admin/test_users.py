"""Acting as another user on files: on one thread, whatever the others do."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from piboothup.spool.admin.users import acting_as
from tests.support.deadline import PATIENCE_S
from tests.support.users import needs_users

NOBODY = 65_534


@needs_users
def test_a08_root_acting_as_another_has_no_more_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, made = _secret_in(tmp_path, monkeypatch), Path("made")
    with acting_as(NOBODY, NOBODY):
        assert not _is_readable(secret)
        made.write_text("")
    assert (made.stat().st_uid, made.stat().st_gid) == (NOBODY, NOBODY)
    assert _is_readable(secret)


@needs_users
def test_a09_a_thread_that_hangs_as_another_leaves_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a check of `doctor` that waits for the card for ever."""
    secret = _secret_in(tmp_path, monkeypatch)
    acts, is_over = threading.Event(), threading.Event()
    seen: list[bool] = []

    def hang() -> None:
        with acting_as(NOBODY, NOBODY):
            acts.set()
            is_over.wait(PATIENCE_S)
            seen.append(_is_readable(secret))

    thread = threading.Thread(target=hang)
    thread.start()
    assert acts.wait(PATIENCE_S)
    is_readable_here, we = _is_readable(secret), os.geteuid()
    with acting_as(NOBODY, NOBODY):
        pass
    is_over.set()
    thread.join(PATIENCE_S)
    assert (is_readable_here, we, seen) == (True, 0, [False])


@needs_users
def test_a08_who_cannot_become_another_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piboothup.spool.admin.users._LIBC", _Refusing())
    with pytest.raises(PermissionError), acting_as(NOBODY, NOBODY):
        pytest.fail("it goes on as root")


class _Refusing:
    """A filter of system calls that refuses: the call tells who holds, as before."""

    class _Call:
        restype: object = None

        def __call__(self, _number: object) -> int:
            return 0

    setfsuid = setfsgid = _Call()


def _secret_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of root's in a folder of everybody's; by paths from here, as pytest's folders are root's alone."""
    monkeypatch.chdir(folder)
    folder.chmod(0o777)
    secret = Path("secret")
    secret.write_text("of root")
    secret.chmod(0o600)
    return secret


def _is_readable(path: Path) -> bool:
    try:
        path.read_text()
    except PermissionError:
        return False
    return True
