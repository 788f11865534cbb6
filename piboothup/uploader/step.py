"""What a worker does next."""

from __future__ import annotations

from dataclasses import dataclass

from piboothup.spool.names import PhotoName


@dataclass(frozen=True)
class Probe:
    """Look whether EventPics answers."""


@dataclass(frozen=True)
class Send:
    """Bring this photo."""

    name: PhotoName


@dataclass(frozen=True)
class Wait:
    """Nothing to do until then (boot-time), or until something changes."""

    until_ns: int | None


@dataclass(frozen=True)
class End:
    """The service is ending."""


Step = Probe | Send | Wait | End
