"""`piboothup overlay`: check a photo frame, say how it is fitted; show it over a photo, or lay it for the booth.

The newest photo on the card says how large photos are, else the config. The config file is a person's and is not
written: where it names no frame yet, the line for it is told.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from piboothup import config
from piboothup.booth.photo import compose, frame_file
from piboothup.booth.photo.composer import USUAL_SIZE
from piboothup.booth.photo.frame_file import FrameFile, FrameUnusable
from piboothup.booth.photo.frame_in_force import DECODED_BYTES
from piboothup.booth.photo.jpeg import EncodeError
from piboothup.booth.photo.memory import need_memory
from piboothup.commands.common import OK, CommandFails, check_private, load_effective, open_spool, write_private
from piboothup.problems import problem
from piboothup.records import replace
from piboothup.spool import durable
from piboothup.spool.listing import HELD, KEPT, NEW, PARKED, SENT
from piboothup.text import path_to_text, read_bytes, text_to_path

if TYPE_CHECKING:
    from piboothup.config import Config
    from piboothup.spool.store import Spool

_MODE = 0o644
_PREVIEW_PX = 1200
_QUALITY = 93


def run(given: argparse.Namespace) -> int:
    """Check the frame, then show it over a photo or lay it. Raises CommandFails."""
    path, loaded = Path(text_to_path(given.file)), load_effective(given).config
    preview = Path(text_to_path(given.preview)) if given.preview else None
    if preview is not None:
        check_private(preview, "preview.png")
    try:
        file = frame_file.read(path)
        photo = _sample(open_spool(loaded)[0], loaded)
        prepared = compose.prepare(file, compose.photo_size(photo))
        shown = _png(compose.compose(photo, prepared, _QUALITY)) if preview is not None else b""
    except FrameUnusable as error:
        told = error.problem
        is_missing = told.code == "frame_missing"
        raise CommandFails(f"{given.file} can't be read ({told.detail})." if is_missing else str(told)) from None
    except EncodeError as error:
        raise CommandFails(f"The newest photo on the card can't be read: {error.problem.detail}.") from None
    print(prepared.fit)
    if preview is not None:
        write_private(preview, shown, "preview.png")
        print(f"{given.preview} shows it over a photo. Without --preview it is laid where the booth reads it.")
    else:
        _lay(file, loaded, config.find(given.config))
    return OK


def judge(given: argparse.Namespace) -> int:
    """Judge the frame on standard input for root's helper, which lays it; print the verdict as JSON."""
    content = sys.stdin.buffer.read(frame_file.MOST_BYTES + 1)
    try:
        file = frame_file.judged(content)
        if len(content) > frame_file.MOST_BYTES:
            raise FrameUnusable("frame_large", f"over {frame_file.MOST_BYTES // 1_000_000} MB")
        need_memory(file.size[0] * file.size[1] * DECODED_BYTES)
        loaded = load_effective(given).config
        photo = _newest(open_spool(loaded)[0])
        prepared = compose.prepare(file, _usual_size(loaded) if photo is None else compose.photo_size(photo))
    except FrameUnusable as error:
        told = error.problem
    except MemoryError as error:
        told = problem("frame_memory", str(error))
    else:
        print(json.dumps({"fit": str(prepared.fit)}))
        return OK
    what = str(replace(told, remedy="")).strip()
    print(json.dumps({"code": told.code, "what": what, "remedy": told.remedy}))
    return OK


def _newest(spool: Spool) -> bytes | None:
    """The newest photo on the card, if it can be read."""
    places = {name: place for place in (NEW, SENT, HELD, KEPT, PARKED) for name in spool.names(place)}
    taken = (name for name in places if not spool.read_boot(name.boot).is_composed(name.seq))
    newest = max(taken, key=lambda name: name.order, default=None)
    with contextlib.suppress(OSError, EncodeError):
        if newest is not None:
            photo = read_bytes(spool.path(newest, places[newest]))
            compose.photo_size(photo)
            return photo
    return None


def _usual_size(loaded: Config) -> tuple[int, int]:
    size = loaded.camera.size or USUAL_SIZE
    return size if loaded.camera.rotation in (0, 180) else size[::-1]


def _sample(spool: Spool, loaded: Config) -> bytes:
    """The newest photo on the card that can be read, else a drawn one."""
    if (photo := _newest(spool)) is not None:
        return photo
    import simplejpeg

    from piboothup.simulator.scenes import party

    drawn = party(1, _usual_size(loaded))
    return bytes(simplejpeg.encode_jpeg_yuv_planes(drawn.y, drawn.u, drawn.v, _QUALITY))


def _png(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.draft("RGB", (_PREVIEW_PX, _PREVIEW_PX))
        picture.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
        into = io.BytesIO()
        picture.save(into, "PNG")
    return into.getvalue()


def _lay(file: FrameFile, loaded: Config, config_file: Path) -> None:
    """Write the frame where the config names it, or beside the config file."""
    named = loaded.photo.frame
    target = Path(named) if named else config_file.absolute().with_name("frame.png")
    try:
        try:
            durable.replace(target, file.content, _MODE)
        except PermissionError:  # FAT keeps no modes, as on the card's boot partition
            durable.replace(target, file.content, None)
    except OSError as error:
        remedy = "run with sudo, or name another file in [photo] frame of the config"
        raise CommandFails(
            f"{path_to_text(target)} can't be written ({error.strerror or error}): {remedy}."
        ) from None
    print(f"It lies in {path_to_text(target)}, and counts from the booth's next start on.")
    if not named:
        print(f"Now write under [photo] in {config_file}: frame = {config.toml_value(path_to_text(target))}")
