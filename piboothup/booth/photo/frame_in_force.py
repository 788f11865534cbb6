"""The frame in force: the one that the config named at the booth's start, until its file changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.photo import frame_file
from piboothup.booth.photo.frame_file import FrameUnusable
from piboothup.booth.photo.memory import need_memory
from piboothup.problems import Problem

if TYPE_CHECKING:
    from piboothup.booth.photo.compose import PreparedFrame

log = logging.getLogger(__name__)

DECODED_BYTES = 4
"""Memory of a frame's pixel, bytes, while it is decoded."""


class FrameInForce:
    """The frame, read and prepared when it is first asked for. Once it can't be used it is in force no more."""

    def __init__(self, path: str) -> None:
        """`path`: "" = no frame is named."""
        self._path = path
        self._reading = threading.Lock()
        self._digest = None if path else ""
        """Hash of the frame; "" = it can't be used, None = not read yet."""
        self._prepared: PreparedFrame | None = None
        self._prepared_for = (0, 0)
        self.problem: Problem | None = None
        """Why it can't be used."""

    @property
    def digest(self) -> str:
        """Hash of the frame; "" = none is in force."""
        with self._reading:
            if self._digest is None:
                try:
                    self._digest = frame_file.read(Path(self._path)).digest
                except FrameUnusable as error:
                    self.refuse(error)
            return self._digest or ""

    def refuse(self, error: FrameUnusable) -> None:
        """Use the frame no more."""
        log.error("frame not used path=%s reason=%s", self._path, error.problem)
        self._digest, self._prepared, self.problem = "", None, error.problem

    def prepared(self, size: tuple[int, int], pause: Callable[[], None]) -> PreparedFrame:
        """The frame for photos of this full size. Raises FrameUnusable; MemoryError, which may go by itself.

        `pause`: as for `compose.compose`.
        """
        from piboothup.booth.photo import compose  # noqa: PLC0415

        if self._prepared is None or self._prepared_for != size:
            self._prepared = None
            try:
                file = frame_file.read(Path(self._path))
                if file.digest != self._digest:
                    raise FrameUnusable("frame_missing", "it has changed")
                need_memory(file.size[0] * file.size[1] * DECODED_BYTES)
                self._prepared, self._prepared_for = compose.prepare(file, size, pause), size
            except FrameUnusable as error:
                self.refuse(error)
                raise
        return self._prepared
