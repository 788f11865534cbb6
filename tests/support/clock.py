"""Clock that tests move by hand."""

from __future__ import annotations


class HandClock:
    """Clock that stands still until moved; boot-time and wall clock move apart only when a test says so."""

    def __init__(self, boottime_s: float = 100.0, wall_s: float = 1_750_000_000.0, boot_id: str = "boot-a") -> None:
        self.boottime_s = boottime_s
        self.wall_s = wall_s
        self.name = boot_id
        self.uncertainty_ms: int | None = None
        self.battery_clock_ms: int | None = None

    def boottime_ns(self) -> int:
        return int(self.boottime_s * 1_000_000_000)

    def wall_ns(self) -> int:
        return int(self.wall_s * 1_000_000_000)

    def boot_id(self) -> str:
        return self.name

    def rtc_ms(self) -> int | None:
        return self.battery_clock_ms

    def ntp_uncertainty_ms(self) -> int | None:
        return self.uncertainty_ms

    def pass_s(self, seconds: float) -> None:
        """Move both clocks forward."""
        self.boottime_s += seconds
        self.wall_s += seconds

    def step_wall_s(self, seconds: float) -> None:
        """Step the wall clock."""
        self.wall_s += seconds

    def power_on(self, boot_id: str, wall_s: float | None = None) -> None:
        """Restart the boot-time clock, as a power cycle does."""
        self.boottime_s, self.name, self.uncertainty_ms = 10.0, boot_id, None
        if wall_s is not None:
            self.wall_s = wall_s
