"""The outputs of the booth: flash, light, buzzer, panel, viewfinder and camera, brought up to date after each event.

The only place that turns a state into calls of devices; nothing here waits for a device.
"""

from __future__ import annotations

import logging

from piboothup.booth import feedback
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.devices import Devices
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.operations.self_test import SelfTest
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.presenter import Presenter, shows_viewfinder
from piboothup.status import BoothState

log = logging.getLogger(__name__)


class Outputs:
    """Side effects of the booth's state, once per turn of the loop."""

    def __init__(
        self,
        devices: Devices,
        camera: CameraThread,
        panel: PanelThread,
        presenter: Presenter,
        self_test: SelfTest,
        settings_store: SettingsStore,
    ) -> None:
        self._devices = devices
        self._camera = camera
        self._panel = panel
        self._presenter = presenter
        self._self_test = self_test
        self._settings_store = settings_store
        self._before = Booth()
        self._before_ns = 0

    def prepare(self, booth: Booth, now_ns: int) -> None:
        """Set what must hold before the effects run: the flash, the coming photo, the page of the self-test."""
        self._devices.light.flash(booth.is_flash_on(now_ns))
        if booth.state is not BoothState.EXPOSING:
            is_countdown = booth.state is BoothState.COUNTDOWN
            self._camera.prepare(booth.zero_ns if is_countdown else None, booth.flash_on_ns)
        self._self_test.set_page(booth.page.kind if booth.page is not None else None)

    def update(self, booth: Booth, now_ns: int, settings: FlowSettings) -> None:
        """Show the state: viewfinder, panel, light and buzzer."""
        is_viewfinder_on = shows_viewfinder(booth, now_ns)
        self._camera.set_viewfinder_on(is_viewfinder_on)
        if not is_viewfinder_on:
            self._panel.set_viewfinder(None)
        if booth.state is not BoothState.STOPPING:
            self._panel.show(self._presenter.view(booth, now_ns, settings))
            self._devices.light.show(feedback.pattern(booth, now_ns))
        sound = feedback.sound(self._before, self._before_ns, booth, now_ns)
        if sound is not None and (self._settings_store.active.sound or feedback.is_under_test(booth)):
            self._devices.buzzer.play(sound)
        if booth.state is not self._before.state:
            log.info("booth state=%s before=%s", booth.state, self._before.state)
        self._before, self._before_ns = booth, now_ns
