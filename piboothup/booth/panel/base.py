"""The panel's device: what a driver must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


class PanelDevice:
    """A panel's device; this class itself stands for none. Every call comes from one thread."""

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
