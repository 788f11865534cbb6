"""Limits of the uploader that are never reached, so that a wait for one of them is a wait for nothing else.

A test shortens only the limit that it wants to expire.
"""

from __future__ import annotations

from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.messages import Limits

FAR_S = 1000.0
FAR = Limits(connect_s=FAR_S, stall_s=FAR_S, unacknowledged_s=FAR_S, read_s=FAR_S)


def relax(transport: Transport) -> None:
    """Let no limit expire from here on: on a loaded machine a good server takes longer than the short ones."""
    transport._limits = FAR
    transport.guard.stall_s = FAR.stall_s
