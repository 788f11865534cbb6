"""Fake picamera2.Picamera2 with the part that the driver uses: its shape, its known traps, and real shared memory.

For cases that the lab's virtual camera lacks: YUV420 with padded rows, no free memory, another program.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.config import CameraConfig

PI_CONTROLS = {
    *("AeExposureMode", "AeFlickerMode", "AeFlickerPeriod", "FrameDurationLimits", "AwbEnable"),
    *("AfMode", "AfRange", "LensPosition", "ExposureTime", "AnalogueGain"),
    *("ExposureValue", "AwbMode", "Sharpness", "NoiseReductionMode"),
}
ZERO_NS = 5_000_000_000


class StandIn:
    """Fake picamera2.Picamera2 with one buffer, which `paint` fills."""

    sensor_resolution = (64, 48)
    camera_properties: ClassVar = {"Model": "imx708"}
    sensor_modes = ({"size": (4608, 2592), "fps": 14.0}, {"size": (4608, 2592), "fps": 14.0, "bit_depth": 10})
    camera_controls: ClassVar = dict.fromkeys(PI_CONTROLS)
    cameras = 1
    pixel_format = "YUV420"
    stride = 96
    breaks: ClassVar[dict[str, Exception]] = {}
    last: Any
    made = 0
    largest = 10_000
    """Widest frames that memory has room for, pixels."""
    shortage: ClassVar[tuple[str, Callable[[], Exception]]] = (
        "configure",
        lambda: OSError(errno.ENOMEM, "Cannot allocate memory"),
    )
    """Call that reports a lack of memory, and how."""
    adjusts_to: tuple[int, int] | None = None
    tuning_when_counted: str | None = None
    _cm: ClassVar[Any] = SimpleNamespace(cameras={}, reset=lambda: None)
    """libcamera's list of cameras."""

    def __init__(self, number: int, tuning: str | None = None) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe()
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.calls: list[Any] = []
        self.request_lock = threading.Lock()
        self.number, self.tuning = number, tuning
        type(self).last = self
        type(self).made += 1
        self._step("__init__")
        self.frames = 0
        self.fd = -1
        self.released = 0
        self.post_callback: Callable[[Any], None] = lambda _request: None
        self.small_fds: list[int] = []

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        cls.tuning_when_counted = os.environ.get("LIBCAMERA_RPI_TUNING_FILE")
        return [{"Num": number, "Model": "imx708", "Id": f"/i2c@{number}"} for number in range(cls.cameras)]

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if name in self.breaks:
            raise self.breaks[name]

    def create_still_configuration(self, **wanted: Any) -> dict[str, Any]:
        self.wanted = wanted
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        self._step("configure")
        size = self.adjusts_to or wanted["main"]["size"]
        self._needs_memory("configure", size)
        length = self.stride * size[1] * 3 // 2
        self.lores = wanted["lores"] and {**wanted["lores"], "stride": 640, "framesize": 640 * 480 * 3 // 2}
        self.main: dict[str, Any] = {
            "format": self.pixel_format,
            "size": size,
            "stride": self.stride,
            "framesize": length,
        }
        self.fd = os.memfd_create("frame")
        os.ftruncate(self.fd, length)

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": self.main}

    def start(self) -> None:
        self._step("start")
        self._needs_memory("start", self.main["size"])

    def _needs_memory(self, name: str, size: tuple[int, int]) -> None:
        short_at, says = self.shortage
        if name == short_at and size[0] > self.largest:
            raise says()

    def capture_request(self, wait: float, flush: int) -> Any:
        self.calls.append(("capture_request", wait, flush))
        if "capture_request" in self.breaks:
            raise self.breaks["capture_request"]
        planes_of_buffer = [SimpleNamespace(fd=self.fd)]
        start_ns = flush + 10_000_000 - flush % 10_000_000 if flush % 10_000_000 else flush + 10_000_000
        metadata = {"ExposureTime": 20_000, "AnalogueGain": 4.0, "DigitalGain": 1.5, **self.says(start_ns)}
        metadata["SensorTimestamp"] = start_ns + 1000 * metadata["ExposureTime"]
        return SimpleNamespace(
            request=SimpleNamespace(buffers={"stream": SimpleNamespace(planes=planes_of_buffer)}),
            stream_map={"main": "stream"},
            config={"main": self.main, "lores": self.lores},
            get_metadata=lambda: metadata,
            release=self._release,
        )

    def set_controls(self, controls: dict[str, Any]) -> None:
        assert self.request_lock.locked(), "picamera2 forgets what it is told while a frame is given back"
        self.calls.append(controls)

    def says(self, start_ns: int) -> dict[str, Any]:
        """Set the metadata of the frame that begins next."""
        return {}

    def _release(self) -> None:
        self._step("release")
        self.released += 1

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel_all_and_flush")

    def close(self) -> None:
        self.calls.append("close")
        for fd in self.small_fds:
            os.close(fd)
        os.close(self.notifyme_w)
        self.notifymeread.close()
        if self.fd >= 0:
            os.close(self.fd)


def paint(fd: int, stride: int, size: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Fill a YUV420 buffer so that a wrong stride or offset shows."""
    width, height = size
    random = np.random.default_rng(7)
    y = random.integers(0, 256, (height, width), dtype=np.uint8)
    u = random.integers(0, 256, (height // 2, width // 2), dtype=np.uint8)
    v = random.integers(0, 256, (height // 2, width // 2), dtype=np.uint8)
    rows = [np.pad(y, ((0, 0), (0, stride - width)))]
    rows += [np.pad(plane, ((0, 0), (0, stride // 2 - width // 2))) for plane in (u, v)]
    os.pwrite(fd, b"".join(row.tobytes() for row in rows), 0)
    return y, u, v


def opened(make: type[StandIn], table: CameraConfig | None = None) -> Picamera2Driver:
    camera = Picamera2Driver(table or CameraConfig(), make)
    camera.open()
    return camera


def fault_of(camera: Picamera2Driver) -> str:
    with pytest.raises(CameraFault) as caught:
        camera.open()
    camera.close()
    return caught.value.problem.code
