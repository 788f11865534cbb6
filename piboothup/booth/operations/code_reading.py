"""Reading codes that are held before the lens, frame after frame, while the menu's page for it is open."""

from __future__ import annotations

from collections.abc import Callable

from piboothup import records
from piboothup.booth.camera import code_reader
from piboothup.booth.camera.code_reader import READ_SIZE, CodeReader
from piboothup.booth.flow.events import CodeHinted, CodeRead, Event, ScanHint
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.frame import Frame, shrunk
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.clock import Clock
from piboothup.config import Config, Secret
from piboothup.config.codes import BoothCode, Code, CodeError, Fault, parse


class CodeReading:
    """Posts CodeHinted, and CodeRead at the end."""

    def __init__(self, config: Config, clock: Clock, frames: FrameRequests, post: Callable[[Event], None]) -> None:
        self._clock = clock
        self._frames = frames
        self._album_url = config.eventpics.album_url
        self._post = post

    def run(self) -> None:
        """Read until there is a code or the page is left."""
        reader = CodeReader()
        while self._frames.is_shown(PageKind.READ_CODE):
            with self._frames.fresh(moves_lens=False) as frame:  # autofocus has to find the code, frame after frame
                begun_ns = self._clock.boottime_ns()
                grey = shrunk(frame.y, READ_SIZE) if isinstance(frame, Frame) else None
            found: Secret | ScanHint = ScanHint.SHOW if grey is None else reader.read(grey)
            if isinstance(found, Secret):
                self._post(CodeRead(self._parsed(found)))
                return
            self._post(CodeHinted(found))
            self._frames.page_changed.wait(code_reader.pause_s((self._clock.boottime_ns() - begun_ns) / 1e9))

    def _parsed(self, text: Secret) -> Code | Fault:
        try:
            return parse(text.reveal(), self._album_url)
        except CodeError as error:
            return error.fault


def _changes_config(code: BoothCode) -> bool:
    return code.key is not None or any((code.link_id, code.name, code.language, code.timezone))


def parted(code: BoothCode) -> tuple[BoothCode | None, BoothCode | None]:
    """The settings of a code, which are in force at once, and its network, which takes a while to be joined."""
    if code.wifi is None:
        return code, None
    network = BoothCode(wifi=code.wifi, country=code.country)
    return (records.replace(code, wifi=None, country="") if _changes_config(code) else None), network
