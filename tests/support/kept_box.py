"""A box whose system keeps what is written, though the folders of these tests often lie in memory."""

from __future__ import annotations

from piboothup.setup.import_steps import Box


class KeptBox(Box):
    """The box; the kind of its file system is not looked at."""

    forgets = False
