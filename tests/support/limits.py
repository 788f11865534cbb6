"""Limits of the uploader's that nothing comes near: whoever waits for one of these waits for nothing else.

Only a limit that a test wants to expire is less.
"""

from __future__ import annotations

from piboothup.uploader.transport.messages import Limits

FAR_S = 1000.0
FAR = Limits(connect_s=FAR_S, stall_s=FAR_S, unacknowledged_s=FAR_S, read_s=FAR_S)
