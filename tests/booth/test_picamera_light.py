"""Light and lens, as the driver handles them: what is sent to a camera, and what its frames say then.

A stand-in, as the lab's virtual camera has no such controls.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from piboothup.config import Camera
from tests.booth.stand_in import ZERO_NS, StandIn, opened

FRAME_NS = 100_000_000
REACTS_NS = 4 * FRAME_NS
"""What is asked of libcamera shows some frames later."""


class Sensor(StandIn):
    """A camera that tells of its frames what it was told some frames before."""

    first: ClassVar[dict[str, Any]] = {}
    obeys = True

    def __init__(self, number: int, tuning: str | None = None) -> None:
        super().__init__(number, tuning)
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.asked_ns: list[int] = []

    def capture_request(self, wait: float, flush: int) -> Any:
        self.now_ns = flush + 10_000_000
        request = super().capture_request(wait, flush + FRAME_NS - 20_000_000 if self.asked_ns else flush)
        self.asked_ns.append(flush)
        return request

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.sent.append((self.now_ns, controls))

    def says(self, start_ns: int) -> dict[str, Any]:
        said = {"FrameDuration": FRAME_NS // 1000, **self.first}
        for sent_ns, controls in self.sent if self.obeys else []:
            if start_ns >= sent_ns + REACTS_NS:
                said |= controls
        return said


def sensor(**first: Any) -> type[Sensor]:
    class Fresh(Sensor):
        breaks: ClassVar[dict[str, Exception]] = {}

    Fresh.first = first
    return Fresh


def test_k07_a_lens_that_is_not_in_focus_at_zero_goes_to_focus_m_for_the_shot_and_focuses_again_after_it() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    camera = opened(make, Camera(focus_m=2.0))
    frame = camera.capture(ZERO_NS, 4)
    sent = [controls for _, controls in make.last.sent]
    assert sent == [{"AfMode": 0, "LensPosition": 0.5}, {"AfMode": 2}]
    assert REACTS_NS <= frame.exposure_start_ns - ZERO_NS <= REACTS_NS + 2 * FRAME_NS
    assert make.last.released == len(make.last.asked_ns) - 1
    camera.close()


def test_k07_an_autofocus_that_never_ends_and_a_lens_that_does_not_obey_do_not_stop_the_photo() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    make.obeys = False
    camera = opened(make)
    assert 0 <= camera.capture(ZERO_NS, 4).exposure_start_ns - ZERO_NS <= 800_000_000
    camera.close()


def test_a_lens_in_focus_is_left_alone_and_costs_no_frame() -> None:
    make = sensor(AfState=2, LensPosition=8.0)
    camera = opened(make)
    assert camera.capture(ZERO_NS, 4).exposure_start_ns - ZERO_NS < FRAME_NS
    assert make.last.sent == []
    camera.close()


def test_k06_when_it_gets_dark_the_photo_is_the_first_frame_with_a_short_exposure() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 4)
    assert frame.exposure_us == 20_000
    assert [controls for _, controls in make.last.sent] == [{"ExposureTime": 20_000}]
    assert frame.exposure_start_ns - ZERO_NS < 1_000_000_000
    camera.close()


def test_k06_the_exposure_is_looked_after_also_while_nobody_presses() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    last = make.last
    last.now_ns = 0
    camera.frames()
    last.post_callback(SimpleNamespace(config={}, get_metadata=lambda: {"ExposureTime": 66_000}))
    camera.frames()
    assert [controls for _, controls in last.sent] == [{"ExposureTime": 20_000}]
    camera.close()


def test_k06_a_camera_opened_again_is_told_nothing_of_the_dark_before() -> None:
    make = sensor()
    camera = opened(make)
    for says in ({"ExposureTime": 66_000}, {"ExposureTime": 9_000, "AnalogueGain": 1.0}):
        camera.open()
        make.last.now_ns = 0
        camera.frames()
        make.last.post_callback(SimpleNamespace(config={}, get_metadata=lambda says=says: says))
        camera.frames()
    assert make.last.sent == []
    camera.close()


def test_under_a_flash_without_countdown_the_photo_is_the_first_frame_that_is_exposed_for_it() -> None:
    make = sensor(AeState=2)
    camera = opened(make)
    after_ns = camera.capture(ZERO_NS, 4, lit_ns=ZERO_NS).exposure_start_ns - ZERO_NS
    assert 6 * FRAME_NS <= after_ns <= 800_000_000
    camera.close()


def test_white_balance_is_held_and_let_go() -> None:
    make = sensor()
    camera = opened(make)
    make.last.now_ns = 0
    camera.hold(True)
    camera.hold(False)
    assert [controls for _, controls in make.last.sent] == [
        {"AwbEnable": False},
        {"AwbEnable": True},
    ]
    camera.close()
    make.camera_controls = {}
    camera.open()
    camera.hold(True)
    assert make.last.sent == []
    camera.close()
