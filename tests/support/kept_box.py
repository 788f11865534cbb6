"""A box whose system keeps what is written, though the folders of these tests often lie in memory."""

from __future__ import annotations

from piboothup.setup import boot_import


class KeptBox(boot_import.Box):
    """The box; the kind of its file system is not looked at."""

    forgets = False
