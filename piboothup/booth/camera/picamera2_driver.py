"""The real camera: libcamera through picamera2, streaming the full-resolution still configuration all the time.

A photo is the first frame whose exposure began at or after zero, taken from the stream: no mode switch (0.5 to 1.5 s,
and it fragments the contiguous memory until nothing fits any more), no copy, no encoder of picamera2. After a
time-out the queued job is cancelled and the camera is closed, never `stop()`ped: that can hang.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import math
import mmap
import time
from collections.abc import Callable
from typing import Any

from piboothup.booth.camera import detect
from piboothup.booth.camera.base import CameraFault, CaptureTimedOut
from piboothup.booth.camera.exposure import (
    Controls,
    ExposureLimits,
    Metadata,
    PendingShot,
    continuous_focus,
    focus_range,
    initial_controls,
    is_focusing,
    lacking_settings,
    limit_exposure,
    manual_focus,
)
from piboothup.booth.frame import VIEWFINDER_SIZE, Frame, Plane, Viewfinder, shrunk
from piboothup.config import CameraConfig
from piboothup.problems import Problem, problem
from piboothup.records import replace
from piboothup.text import read_bytes, text_to_path

log = logging.getLogger(__name__)

BUFFERS = 3
"""Number of frame buffers, 18 MB of contiguous memory each: one is in use while a photo is encoded or a
better frame is awaited; the stream goes on with the other two."""
BETTER_WITHIN_S = 1.0
"""Timeout of a better frame after a usable one, seconds: many times the duration of a frame."""
VIEW_S = 0.04
"""Shortest time between two viewfinder pictures, seconds: at full resolution each frame of Raspberry Pi's modules (10
to 21 a second) gives one."""
VIEWED_FOR_S = 1.0
"""Viewfinder pictures are made for this time after the last request, seconds."""
FOCUS_FAR_S = 1.0
"""Time in which autofocus comes back from a code, seconds; a photo before that has the config's distance."""
LORES_WIDTH = 640
"""Width of the small stream for the viewfinder, pixels; its height follows from the photo's aspect ratio."""

FOCAL_LENGTHS_MM = {"ov5647": 3.6, "imx219": 3.04, "imx708": 4.74, "imx708_wide": 2.75, "imx500": 4.74}
"""Focal lengths of Raspberry Pi's modules with a fixed lens, by sensor (from their data sheets)."""


class Picamera2Driver:
    """A `Camera` on a Pi. `make`: a class in place of picamera2.Picamera2, for the lab."""

    def __init__(self, table: CameraConfig, make: type[Any] | None = None) -> None:
        self._table = table
        self._make = make
        self._camera: Any = None
        self._maps: dict[int, mmap.mmap] = {}
        self._is_short_of_memory = self._was_open = False
        self._advertised: frozenset[str] = frozenset()
        self._exposure_limits = ExposureLimits()
        self._newest: Metadata | None = None
        """Metadata of the newest frame, requested by `frames` and set by the next frame."""
        self._wants_newest = self._has_frames = False
        self._viewfinder: Viewfinder | None = None
        self._views = 0
        self._viewed_until_s = self._view_due_s = self._near_until_s = 0.0
        self.wake: Callable[[], None] = lambda: None
        self.model = ""
        self.size = (0, 0)
        self.has_autofocus = True
        self.notice: Problem | None = None

    def open(self) -> None:
        """Acquire, configure and start the camera; at half the width and height if memory is short.

        Raises CameraFault.
        """
        self.notice = None
        was_short = self._is_short_of_memory
        try:
            self._open()
        except CameraFault as fault:
            if fault.problem.code != "camera_memory" or was_short:
                raise
            self._is_short_of_memory = True
            log.warning("camera short of memory reason=%r", str(fault))
        if self._is_short_of_memory and not was_short:  # not in the `except`: its traceback holds the large buffers
            self._open()
        if self._is_short_of_memory:
            self.notice = problem("camera_memory", detect.size_text(self.size))

    def _open(self) -> None:
        self.close()
        if self._was_open:
            gc.unfreeze()  # the first camera was left out at "ready"
            gc.collect()  # a closed Picamera2 is a ring of objects that holds its buffers: their memory is needed now
        self._was_open = True
        try:
            self._camera = detect.acquire(self._make or detect.picamera2_class(), self._table.number, self._tuning())
            self._configure()
            self._camera.start()
        except detect.FAILURES as error:
            raise CameraFault(detect.fault_from(error)) from error

    def _tuning(self) -> str | None:
        """The config's tuning file if it can be read; None = the sensor's own is used.

        With a file that it can't read libcamera would find no camera at all.
        """
        wanted = text_to_path(self._table.tuning)
        if not wanted:
            return None
        try:
            json.loads(read_bytes(wanted))
        except OSError as error:
            reason = str(error.strerror)
        except ValueError:
            reason = "it is no JSON"
        else:
            return wanted
        self.notice = problem("camera_tuning", f"{wanted}: {reason}")
        log.warning("camera tuning unusable reason=%r", str(self.notice))
        return None

    def _configure(self) -> None:
        camera = self._camera
        wanted = self._table.size or tuple(camera.sensor_resolution)
        if self._is_short_of_memory:
            wanted = (wanted[0] // 4 * 2, wanted[1] // 4 * 2)
        lores = (LORES_WIDTH, round(LORES_WIDTH * wanted[1] / wanted[0] / 2) * 2)
        configuration = camera.create_still_configuration(
            main={"format": "YUV420", "size": wanted},
            lores={"format": "YUV420", "size": lores} if wanted[0] >= LORES_WIDTH else None,
            raw=None,
            buffer_count=BUFFERS,
            queue=True,
            controls=initial_controls(self._table, camera.camera_controls),
        )
        camera.configure(configuration)
        camera.post_callback = self._on_frame
        main = camera.camera_configuration()["main"]
        if main["format"] not in ("YUV420", "NV12"):
            raise CameraFault(problem("camera_stuck", f"it gives {main['format']} instead of YUV420"))
        self.size = main["size"]
        self.model = str(camera.camera_properties.get("Model", "camera"))
        self._advertised = frozenset(camera.camera_controls)
        self.has_autofocus = "AfMode" in self._advertised
        self._exposure_limits = ExposureLimits()
        if lacking := lacking_settings(self._table, self._advertised):
            log.warning("camera settings unavailable names=%s", lacking)
        if self.size != wanted:
            asked, given = detect.size_text(wanted), detect.size_text(self.size)
            self.notice = problem("camera_size", f"{asked}; it gives {given}")
            log.warning("camera size unavailable reason=%r", str(self.notice))

    def capture(
        self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None, *, moves_lens: bool = True
    ) -> Frame:
        """Return the first frame exposed at or after `zero_ns`, in the camera's own memory. Raises CameraFault.

        With a flash, an unfocused lens or too long an exposure it is the first frame for which that is over, at most
        `MAX_FRAME_DELAY_NS` after zero; if the camera then gives no frame, the last one that it gave.
        """
        lag_ns = _boottime_ahead_ns()
        deadline_s = time.monotonic() + timeout_s
        self._viewed_until_s = 0.0  # the photo first
        flash_ns = None if flash_on_ns is None else flash_on_ns - lag_ns
        can_limit = "ExposureTime" in self._advertised
        shot = PendingShot(self._table, zero_ns - lag_ns, flash_ns, can_limit=can_limit)
        request, metadata, start_ns = self._next(shot.zero_ns, deadline_s)
        controls = self._limit_exposure(metadata)
        is_near = time.monotonic() < self._near_until_s
        if moves_lens and self.has_autofocus and (is_near or is_focusing(metadata)):
            self._set_controls(manual_focus(self._table))
            shot = replace(shot, lens=1.0 / self._table.focus_m)
        while missing := shot.waits_for(metadata, start_ns, controls):
            after_ms = (start_ns - shot.zero_ns) // 1_000_000
            try:
                better = self._next(start_ns + 1, min(deadline_s, time.monotonic() + BETTER_WITHIN_S))
            except CameraFault as fault:
                log.warning("frame taken anyway after_ms=%d lacks=%s reason=%r", after_ms, missing, str(fault))
                break
            log.info("frame passed over after_ms=%d for=%s", after_ms, missing)
            request.release()  # not before there is a better one
            request, metadata, start_ns = better
            controls = self._limit_exposure(metadata)
        if shot.lens is not None:
            self._set_controls(continuous_focus())
        y, u, v = planes(self._memory(request, "main"), request.config["main"])
        buffer = contextlib.ExitStack()  # releases the request once and drops it, though the frame may be kept
        buffer.callback(_release, request)
        return Frame(
            y=y,
            u=u,
            v=v,
            exposure_start_ns=start_ns + lag_ns,
            release=buffer.close,
            camera_model=self.model,
            exposure_us=metadata["ExposureTime"],
            gain=metadata.get("AnalogueGain", 1.0) * metadata.get("DigitalGain", 1.0),
            focal_length_mm=FOCAL_LENGTHS_MM.get(self.model.removesuffix("_noir")),
        )

    def _next(self, from_ns: int, deadline_s: float) -> tuple[Any, Metadata, int]:
        """The first frame whose exposure begins at or after `from_ns` (CLOCK_MONOTONIC), its metadata, and that time.

        picamera2's `flush` drops every frame with SensorTimestamp - ExposureTime < from_ns. That difference is the
        start of the first row's exposure: on a Pi, SensorTimestamp is stamped by the receiver's frame-start
        interrupt, when the first row, its exposure over, is read out (raspberrypi/picamera2 #821;
        `wait_for_timestamp_` in its picamera2.py).
        """
        camera = self._camera
        try:
            request = camera.capture_request(wait=max(0.001, deadline_s - time.monotonic()), flush=from_ns)
        except TimeoutError:
            camera.cancel_all_and_flush()  # else the job stays queued, and leaks a buffer
            raise CaptureTimedOut(problem("camera_stuck")) from None
        except KeyError as missing:
            raise CameraFault(problem("camera_stuck", f"it does not tell a frame's {missing}")) from None
        metadata = request.get_metadata()
        return request, metadata, metadata["SensorTimestamp"] - 1000 * metadata["ExposureTime"]

    def _limit_exposure(self, metadata: Metadata) -> Controls:
        """Set the controls that follow from this frame; return them."""
        before = self._exposure_limits
        self._exposure_limits, controls = limit_exposure(before, metadata, self._table, self._advertised)
        if controls:
            self._set_controls(controls)
            if self._exposure_limits != replace(before, lux=self._exposure_limits.lux):
                log.info("exposure limited controls=%s", controls)
        return controls

    def _set_controls(self, controls: Controls) -> None:
        """Send controls with the next frame's request.

        Under the lock with which picamera2 gives frames back: it reads the controls to be sent and then clears them,
        so that those set in between would be lost (`CompletedRequest.release` in picamera2's request.py).
        """
        with self._camera.request_lock:
            self._camera.set_controls(controls)

    def _memory(self, request: Any, stream: str) -> mmap.mmap:
        """The bytes of one of the request's streams, without a copy.

        `make_buffer` copies 18 MB (7 to 27 ms in the lab, of which the heap keeps some), and picamera2's own mapping
        is closed under a frame that is still being encoded when the camera is opened again. A mapping of our own is
        made once per buffer and lasts as long as the arrays that use it.
        """
        fd = request.request.buffers[request.stream_map[stream]].planes[0].fd
        if fd not in self._maps:
            length_bytes = request.config[stream]["framesize"]
            self._maps[fd] = mmap.mmap(fd, length_bytes, mmap.MAP_SHARED, mmap.PROT_READ)
        return self._maps[fd]

    def frames(self) -> int:
        """Number of frames since `open`, by picamera2's event loop; each call also limits the exposure."""
        newest, self._newest = self._newest, None
        if newest is not None:
            self._limit_exposure(newest)
        self._wants_newest = True
        return int(self._camera.frames)

    def lock_white_balance(self, on: bool) -> None:
        """Lock white balance as it is, or let it adapt again."""
        if "AwbEnable" in self._advertised:
            self._set_controls({"AwbEnable": not on})

    def focus_near(self, on: bool) -> None:
        """Have autofocus look near by, or at all distances again; one without ranges looks everywhere anyway."""
        if "AfRange" in self._advertised:
            self._near_until_s = math.inf if on else time.monotonic() + FOCUS_FAR_S
            self._set_controls(focus_range(near=on))

    def viewfinder(self) -> Viewfinder | None:
        """The newest small picture; pictures are made for a while after each call. Never waits."""
        now_s = time.monotonic()
        if now_s >= self._viewed_until_s:
            self._viewfinder = None  # stale, and so private
        self._viewed_until_s = now_s + VIEWED_FOR_S
        return self._viewfinder

    def _on_frame(self, request: Any) -> None:
        """Read metadata and viewfinder from a passing frame if wanted; called in picamera2's event loop."""
        if self._wants_newest:
            self._wants_newest = False
            self._newest = request.get_metadata()
        if not self._has_frames:
            self._has_frames = True
            self.wake()
        now_s = time.monotonic()
        if self._view_due_s <= now_s < self._viewed_until_s and request.config.get("lores") is not None:
            self._view_due_s = now_s + VIEW_S
            grey, _, _ = planes(self._memory(request, "lores"), request.config["lores"])
            self._views += 1
            self._viewfinder = Viewfinder(self._views, shrunk(grey, VIEWFINDER_SIZE))
            self.wake()

    def close(self) -> None:
        """Close the camera; a frame still lent out stays readable."""
        camera, self._camera = self._camera, None
        try:
            if camera is not None:
                camera.close()
        finally:
            self._maps = {}
            self._viewfinder = self._newest = None
            self._has_frames = False
            self._near_until_s = 0.0


def _boottime_ahead_ns() -> int:
    """By how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, which stamps frames: 0, but on a PC that slept.

    To the millisecond: between the two readings passes a little time.
    """
    return round(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns(), -6)


def planes(memory: mmap.mmap | bytes, stream: dict[str, Any]) -> tuple[Plane, Plane, Plane]:
    """The y, u and v views into a YUV420 or NV12 buffer as `camera_configuration()` describes it."""
    import numpy as np  # noqa: PLC0415

    (width, height), stride = stream["size"], stream["stride"]
    rows = np.frombuffer(memory, np.uint8, count=stride * height * 3 // 2)
    y = rows[: stride * height].reshape(height, stride)[:, :width]
    chroma = rows[stride * height :]
    if stream["format"] == "NV12":
        pairs = chroma.reshape(height // 2, stride)[:, :width]
        return y, pairs[:, 0::2], pairs[:, 1::2]
    u, v = chroma.reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return y, u, v


def _release(request: Any) -> None:
    try:
        request.release()
    except (RuntimeError, OSError) as error:  # the camera was closed while the photo was being encoded
        log.info("frame release late reason=%r", str(error))
