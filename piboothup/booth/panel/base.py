"""The panel's protocol: what its device must do; and no panel."""

from __future__ import annotations

from typing import Protocol

from PIL import Image


class PanelDevice(Protocol):
    """A panel's device; every call comes from one thread."""

    def open(self) -> None:
        """Start it up, black. Raises OSError."""

    def show(self, image: Image.Image) -> None:
        """Show a picture, 128x64, mode "1". Raises OSError."""

    def contrast(self, level: int) -> None:
        """How bright, 0 to 255. Raises OSError."""

    def set_display_on(self, on: bool) -> None:
        """Switch the display on or to sleep; it keeps the picture. Raises OSError."""

    def check(self) -> None:
        """Make sure that the next picture is shown even if the device was unplugged meanwhile. Raises OSError."""

    def close(self) -> None:
        """Release the device; closing twice does nothing."""


class NoPanel:
    """No device: pictures go to the picture file only."""

    def open(self) -> None:
        """Nothing to start."""

    def show(self, image: Image.Image) -> None:
        """Nothing to see."""

    def contrast(self, level: int) -> None:
        """Nothing to dim."""

    def set_display_on(self, on: bool) -> None:
        """Nothing to light."""

    def check(self) -> None:
        """Nothing to miss."""

    def close(self) -> None:
        """Nothing to give back."""
