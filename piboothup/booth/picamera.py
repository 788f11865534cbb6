"""The real camera: libcamera through picamera2, streaming the full-resolution still configuration all the time.

A photo is the first frame whose exposure began at or after zero, taken from the stream: no mode switch (0.5 to 1.5 s,
and it fragments the contiguous memory until nothing fits any more), no copy, no encoder of picamera2. After a
time-out the queued job is cancelled and the camera is closed, never `stop()`ped: that can hang. picamera2 and
libcamera come from apt on a Pi, and are imported only when the camera is opened.

Which class makes the camera is the one seam (`make`): the lab puts in one that drives libcamera's virtual pipeline.
"""

from __future__ import annotations

import errno
import gc
import logging
import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from piboothup.booth.camera import CameraFault
from piboothup.booth.frame import Frame, Plane
from piboothup.booth.viewfinder import VIEWFINDER_SIZE, Viewfinder, shrunk
from piboothup.config import Camera as CameraTable
from piboothup.problems import problem

log = logging.getLogger(__name__)

BUFFERS = 3
"""One is lent out while a photo is encoded; the stream goes on with the other two."""
LORES_WIDTH = 640
"""Of the small stream that the viewfinder is made from; as high as the photo's shape wants."""

# libcamera's numbers (src/libcamera/control_ids_core.yaml); its enums would need libcamera to be imported.
_AE_EXPOSURE_SHORT = 1
_AE_FLICKER_MANUAL = 1
_AF_MODE_CONTINUOUS = 2


class PiCamera:
    """A `Camera` on a Pi. `make` is a class that stands in for picamera2.Picamera2."""

    def __init__(self, table: CameraTable, make: type[Any] | None = None) -> None:
        self._table = table
        self._make = make
        self._camera: Any = None
        self._maps: dict[int, mmap.mmap] = {}
        self._smaller = False
        self._viewfinder: Viewfinder | None = None
        self._looking = False
        self.model = ""
        self.size = (0, 0)

    def open(self) -> None:
        """Acquire, configure and start the camera. Raises CameraFault."""
        self.close()
        gc.collect()  # a closed Picamera2 is a ring of objects that holds its buffers: their memory is needed now
        try:
            self._camera = _acquire(self._make or _picamera2(), self._table.number)
            self._configure()
            self._camera.start()
        except ImportError as error:
            raise CameraFault(problem("no_camera", f"picamera2 is missing ({error})")) from error
        except (RuntimeError, OSError, MemoryError) as error:
            raise self._fault(error) from error

    def _fault(self, error: BaseException) -> CameraFault:
        told = " / ".join(str(one) for one in _chain(error))
        if any(isinstance(one, MemoryError) or getattr(one, "errno", 0) == errno.ENOMEM for one in _chain(error)):
            self._smaller = True
            return CameraFault(problem("camera_memory"))
        if "busy" in told.lower():
            return CameraFault(problem("camera_busy"))
        if "found" in told.lower():
            return CameraFault(problem("no_camera"))
        return CameraFault(problem("camera_stuck", str(error)))

    def _configure(self) -> None:
        camera = self._camera
        wanted = self._table.size or tuple(camera.sensor_resolution)
        if self._smaller:
            wanted = (wanted[0] // 4 * 2, wanted[1] // 4 * 2)
        lores = (LORES_WIDTH, round(LORES_WIDTH * wanted[1] / wanted[0] / 2) * 2)
        configuration = camera.create_still_configuration(
            main={"format": "YUV420", "size": wanted},
            lores={"format": "YUV420", "size": lores} if wanted[0] >= LORES_WIDTH else None,
            raw=None,
            buffer_count=BUFFERS,
            queue=True,
            controls=controls(self._table, set(camera.camera_controls)),
        )
        camera.configure(configuration)
        camera.post_callback = self._look
        main = camera.camera_configuration()["main"]
        if main["format"] not in ("YUV420", "NV12"):
            raise CameraFault(problem("camera_stuck", f"it gives {main['format']} instead of YUV420"))
        self.size = main["size"]
        self.model = str(camera.camera_properties.get("Model", "camera"))
        if self.size != wanted:
            log.warning("event=camera_size wanted=%dx%d given=%dx%d", *wanted, *self.size)

    def capture(self, zero_ns: int, timeout_s: float, lit_ns: int | None = None) -> Frame:
        """The first frame exposed at or after `zero_ns`, in the camera's own memory. Raises CameraFault.

        picamera2's `flush` drops every frame with SensorTimestamp - ExposureTime < zero. That difference is the start
        of the first row's exposure: on a Pi, SensorTimestamp is stamped by the receiver's frame-start interrupt, when
        the first row, its exposure over, is read out (raspberrypi/picamera2 issue 821; `wait_for_timestamp_` in its
        picamera2.py). It counts CLOCK_MONOTONIC, which on a Pi, that never suspends, is CLOCK_BOOTTIME.
        """
        camera = self._camera
        self._looking = False
        try:
            request = camera.capture_request(wait=timeout_s, flush=zero_ns)
        except TimeoutError:
            camera.cancel_all_and_flush()
            raise CameraFault(problem("camera_stuck")) from None
        except KeyError as missing:
            raise CameraFault(problem("camera_stuck", f"it does not tell a frame's {missing}")) from None
        metadata = request.get_metadata()
        exposure_us = metadata.get("ExposureTime")
        y, u, v = planes(self._memory(request, "main"), camera.camera_configuration()["main"])
        return Frame(
            y=y,
            u=u,
            v=v,
            exposure_start_ns=metadata["SensorTimestamp"] - 1000 * (exposure_us or 0),
            release=_Loan(request),
            camera_model=self.model,
            exposure_us=exposure_us,
            gain=metadata.get("AnalogueGain", 1.0) * metadata.get("DigitalGain", 1.0),
        )

    def _memory(self, request: Any, stream: str) -> mmap.mmap:
        """The bytes of one of the request's streams, without a copy.

        `make_buffer` copies 18 MB (7 to 27 ms in the lab, of which the heap keeps some), and picamera2's own mapping
        is closed under a frame that is still being encoded when the camera is opened again. A mapping of our own is
        made once per buffer and lives as long as the arrays that look into it.
        """
        fd = request.request.buffers[request.stream_map[stream]].planes[0].fd
        if fd not in self._maps:
            length_bytes = request.config[stream]["framesize"]
            self._maps[fd] = mmap.mmap(fd, length_bytes, mmap.MAP_SHARED, mmap.PROT_READ)
        return self._maps[fd]

    def frames(self) -> int:
        """Frames since `open`, as picamera2's event loop counts them."""
        return int(self._camera.frames)

    def hold(self, on: bool) -> None:
        """White balance stays as it is, or goes on by itself."""
        if "AwbEnable" in self._camera.camera_controls:
            self._camera.set_controls({"AwbEnable": not on})

    def viewfinder(self) -> Viewfinder | None:
        """What the camera saw when it was last asked; being asked has it look again. Never waits."""
        self._looking = True
        return self._viewfinder

    def _look(self, request: Any) -> None:
        """Makes the viewfinder's picture of a request that is passing; runs in picamera2's event loop."""
        if not self._looking or request.config.get("lores") is None:
            return
        self._looking = False
        grey, _, _ = planes(self._memory(request, "lores"), request.config["lores"])
        serial = self._viewfinder.serial + 1 if self._viewfinder else 1
        self._viewfinder = Viewfinder(serial, shrunk(grey, VIEWFINDER_SIZE))

    def close(self) -> None:
        """Close the camera; a frame still lent out stays readable."""
        camera, self._camera = self._camera, None
        self._looking = False
        try:
            if camera is not None:
                camera.close()
        finally:
            self._maps = {}
            self._viewfinder = None


def controls(table: CameraTable, advertised: set[str]) -> dict[str, Any]:
    """The controls for people in dim rooms, out of those that this camera has.

    Short exposures with gain raised first, no frame (hence no exposure) longer than `max_exposure_ms`, exposure in
    whole half-periods of the mains; autofocus all the time, or the lens at `focus_m` where there is none.
    """
    longest_us = int(table.max_exposure_ms * 1000)
    wanted: dict[str, Any] = {
        "AeExposureMode": _AE_EXPOSURE_SHORT,
        "AeFlickerMode": _AE_FLICKER_MANUAL,
        "AeFlickerPeriod": 1_000_000 // (2 * table.mains_hz),
        "FrameDurationLimits": (100, longest_us),
    }
    if "AfMode" in advertised:
        wanted["AfMode"] = _AF_MODE_CONTINUOUS
    else:
        wanted["LensPosition"] = 1.0 / table.focus_m
    return {name: value for name, value in wanted.items() if name in advertised}


def planes(memory: mmap.mmap | bytes, stream: dict[str, Any]) -> tuple[Plane, Plane, Plane]:
    """The y, u and v views into a YUV420 or NV12 buffer as `camera_configuration()` describes it."""
    (width, height), stride = stream["size"], stream["stride"]
    rows = np.frombuffer(memory, np.uint8, count=stride * height * 3 // 2)
    y = rows[: stride * height].reshape(height, stride)[:, :width]
    chroma = rows[stride * height :]
    if stream["format"] == "NV12":
        pairs = chroma.reshape(height // 2, stride)[:, :width]
        return y, pairs[:, 0::2], pairs[:, 1::2]
    u, v = chroma.reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return y, u, v


def _picamera2() -> type[Any]:
    from picamera2 import Picamera2  # noqa: PLC0415  (only a Pi has it)

    return Picamera2  # type: ignore[no-any-return]


def _acquire(make: type[Any], number: int) -> Any:
    """A camera of class `make`, acquired.

    picamera2 0.3.38 leaves a pipe open when its constructor fails; in a night of retries that would use up the
    descriptors, so it is closed here.
    """
    if number >= len(make.global_camera_info()):
        raise CameraFault(problem("no_camera", f"number {number}" if number else ""))
    camera: Any = object.__new__(make)
    try:
        camera.__init__(number)
    except RuntimeError:
        if hasattr(camera, "notifyme_w"):
            os.close(camera.notifyme_w)
            camera.notifymeread.close()
        raise
    return camera


class _Loan:
    """Gives a request back, once. It lets go of it then: whoever still holds the frame must not hold all buffers."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __call__(self) -> None:
        request, self._request = self._request, None
        try:
            if request is not None:
                request.release()
        except (RuntimeError, OSError) as error:  # the camera was closed while the photo was being encoded
            log.info("event=frame_release_late reason=%r", str(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
