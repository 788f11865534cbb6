"""Cameras that libcamera finds, how one is opened, and problems in place of its errors.

The only module that imports picamera2, and only when called: it and libcamera come from apt on a Pi.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

from piboothup.booth.camera.base import CameraFault
from piboothup.problems import Problem, problem
from piboothup.records import dataclass

FAILURES = (ImportError, RuntimeError, OSError, MemoryError)
"""What picamera2 and libcamera raise when they fail."""


@dataclass(frozen=True)
class ConnectedCamera:
    """A camera that is connected."""

    number: int
    model: str
    place: str
    """libcamera's id, which says where it is connected."""
    modes: tuple[str, ...] = ()
    """Modes of its sensor, such as "4056x3040 10 fps"; none while another program uses it."""


def connected_cameras(make: type[Any] | None = None) -> list[ConnectedCamera]:
    """The cameras that libcamera sees, by number. Raises CameraFault when picamera2 can't be used."""
    made = make or picamera2_class()
    try:
        infos = made.global_camera_info()
    except FAILURES as error:
        raise CameraFault(fault_from(error)) from error
    return [
        ConnectedCamera(number, str(info.get("Model", "camera")), str(info.get("Id", "")), _modes(made, number))
        for number, info in enumerate(infos)
    ]


def _modes(make: type[Any], number: int) -> tuple[str, ...]:
    try:
        camera = acquire(make, number, None)
    except (CameraFault, RuntimeError):
        return ()
    try:
        modes = camera.sensor_modes
    except AttributeError:  # picamera2's, for a camera without raw frames, as those on USB are
        return (size_text(camera.sensor_resolution),)
    finally:
        camera.close()
    return tuple(dict.fromkeys(f"{size_text(mode['size'])} {mode.get('fps', 0):g} fps" for mode in modes))


def picamera2_class() -> type[Any]:
    """The camera's class on a Pi, from picamera2. Raises CameraFault when it can't be imported.

    libcamera's tracing, which nobody uses here, would read the headers of all loaded libraries: 6,000 system calls.
    """
    os.environ.setdefault("LTTNG_UST_WITHOUT_BADDR_STATEDUMP", "1")
    try:
        from picamera2 import Picamera2  # noqa: PLC0415  (only a Pi has it)
    except Exception as error:  # whatever a half updated package, or a library under it, fails with
        raise CameraFault(_import_fault(error)) from error
    return Picamera2  # type: ignore[no-any-return]


def _import_fault(error: Exception) -> Problem:
    """The problem for a failed import of picamera2, or of a module that it loads later."""
    if _is_out_of_memory(error):
        return problem("camera_memory")
    if isinstance(error, ModuleNotFoundError) and error.name == "picamera2":
        return problem("no_picamera2", "picamera2 is missing")
    return problem("no_picamera2", f"{type(error).__name__}: {error}")


def acquire(make: type[Any], number: int, tuning: str | None) -> Any:
    """Acquire a camera of class `make`. Raises CameraFault if it is not connected, RuntimeError if it is in use.

    picamera2 0.3.38 leaves a pipe open when its constructor fails; in a night of retries that would use up the
    descriptors, so it is closed here. It also names the tuning file to libcamera only after this has read one.
    """
    if tuning is not None:
        os.environ["LIBCAMERA_RPI_TUNING_FILE"] = tuning
    count = _count(make, number)
    if number >= count:
        detail = f"or it refuses the tuning file {tuning}" if tuning else ""
        raise CameraFault(problem("no_camera", f"number {number} of {count}" if count else detail))
    camera: Any = object.__new__(make)
    try:
        camera.__init__(number, tuning=tuning)
    except RuntimeError:
        if hasattr(camera, "notifyme_w"):
            os.close(camera.notifyme_w)
            camera.notifymeread.close()
        raise
    return camera


def _count(make: type[Any], number: int) -> int:
    """Count the cameras, and look for them anew if `number` is not among them.

    libcamera lists them once and hears of later ones from udev. The booth's unit has a network of its own, without
    udev's messages.
    """
    count = len(make.global_camera_info())
    manager = getattr(make, "_cm", None)  # picamera2's own, so it may go away
    if number >= count and manager is not None and not manager.cameras:  # an open camera keeps the old list
        manager.reset()
        count = len(make.global_camera_info())
    return count


def fault_from(error: Exception) -> Problem:
    """The problem for an error of picamera2 or libcamera."""
    if isinstance(error, ImportError):
        return _import_fault(error)
    if _is_out_of_memory(error):
        return problem("camera_memory")
    text = _message(error)
    if "busy" in text:
        return problem("camera_busy")
    if "found" in text:
        return problem("no_camera")
    return problem("camera_stuck", str(error))


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory is short; errors of libcamera and of the dynamic linker have only a text."""
    for cause in _cause_chain(error):
        if isinstance(cause, MemoryError) or getattr(cause, "errno", 0) == errno.ENOMEM:
            return True
    return "cannot allocate memory" in _message(error)


def _message(error: BaseException) -> str:
    return " / ".join(map(str, _cause_chain(error))).lower()


def _cause_chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def size_text(size: tuple[int, int]) -> str:
    """A size in pixels, such as 4056x3040."""
    return f"{size[0]}x{size[1]}"
