"""The kernel knows Python's threads by their names, for the lab's figures: Python 3.13 doesn't tell it."""

import contextlib
import threading
from typing import Any

_Thread: Any = threading.Thread
_bootstrap = _Thread._bootstrap_inner


def _named(thread: threading.Thread) -> None:
    with contextlib.suppress(OSError), open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
        comm.write(thread.name[:15])
    _bootstrap(thread)


_Thread._bootstrap_inner = _named
