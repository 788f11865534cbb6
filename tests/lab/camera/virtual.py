"""picamera2 on libcamera's virtual pipeline, adapted to what a Pi gives. Importable only in the lab's root.

* The pipeline writes two planes (NV12) into one buffer; picamera2's allocator describes one.
* It has no raw streams, hence no raw modes: the sensor's size is taken from its properties.
* Its frames do not report their exposure: each is taken as exposed for 10 ms before its time stamp.
* picamera2 imports modules for DRM previews and DNG files, which no headless booth has: empty modules replace them.
"""

from __future__ import annotations

import mmap
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import libcamera

__all__ = ["EXPOSURE_US", "MappedArray", "VirtualPicamera2"]

EXPOSURE_US = 10_000


class _Anything(ModuleType):
    """Module in which every name is a function without effect."""

    def __getattr__(self, name: str) -> Any:
        return type(name, (), {}) if name[0].isupper() and name.upper() != name else SimpleNamespace()


class _Names:
    def __getattr__(self, name: str) -> str:
        return name


for _name in ("pidng", "pidng.core", "pidng.camdefs"):
    sys.modules[_name] = _Anything(_name)
sys.modules["pykms"] = SimpleNamespace(PixelFormat=_Names(), PlaneType=_Names())  # type: ignore[assignment]

from picamera2 import MappedArray, Picamera2  # noqa: E402
from picamera2.allocators import DmaAllocator  # noqa: E402
from picamera2.request import CompletedRequest  # noqa: E402


class _TwoPlanes(DmaAllocator):  # type: ignore[misc]
    """Allocator that describes both planes."""

    def allocate(self, libcamera_config: Any, _use_case: str) -> None:
        self.libcamera_fds: list[int] = []
        self.cleanup()
        for fd in self.open_fds:
            os.close(fd)
        self.frame_buffers: dict[Any, list[Any]] = {}
        self.open_fds: list[int] = []
        for stream in libcamera_config:
            luma_bytes = stream.size.width * stream.size.height
            buffers = [self._buffer(stream.frame_size, luma_bytes) for _ in range(stream.buffer_count)]
            self.frame_buffers[stream.stream] = buffers

    def _buffer(self, frame_bytes: int, luma_bytes: int) -> Any:
        fd = self.dmaHeap.alloc("lab", frame_bytes).release()
        self.open_fds.append(fd)
        luma, chroma = libcamera.FrameBuffer.Plane(), libcamera.FrameBuffer.Plane()
        luma.fd, luma.offset, luma.length = fd, 0, luma_bytes
        chroma.fd, chroma.offset, chroma.length = fd, luma_bytes, luma_bytes // 2
        buffer = libcamera.FrameBuffer([luma, chroma])
        self.libcamera_fds.append(luma.fd)
        self.mapped_buffers_used[luma.fd] = False
        self.mapped_buffers[buffer] = mmap.mmap(luma.fd, frame_bytes)
        return buffer


class VirtualPicamera2(Picamera2):  # type: ignore[misc]
    """Substitute for picamera2.Picamera2 that the booth's `Picamera2Driver` is given."""

    def __init__(self, camera_num: int = 0, **more: Any) -> None:
        super().__init__(camera_num, **{"allocator": _TwoPlanes(), **more})

    def _get_raw_modes(self) -> list[dict[str, Any]]:
        _, _, width, height = self.camera_properties["PixelArrayActiveAreas"][0]
        return [{"format": "NV12", "size": (width, height)}]


_get_metadata = CompletedRequest.get_metadata


def _with_exposure(request: Any) -> dict[str, Any]:
    stamp_ns = next(iter(request.request.buffers.values())).metadata.timestamp
    said = {"ExposureTime": EXPOSURE_US, "AnalogueGain": 2.0, "DigitalGain": 1.0, **_get_metadata(request)}
    return {**said, "SensorTimestamp": stamp_ns}


CompletedRequest.get_metadata = _with_exposure
