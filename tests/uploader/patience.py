"""How long a test waits for what must come: far longer than the slowest machine takes over it.

Only what a test wants to expire is given less.
"""

from __future__ import annotations

from piboothup.uploader.transport import Limits

PATIENCE_S = 120.0
FAR_S = 1000.0
"""Beyond every test's patience: whoever waits for this waits for nothing else."""
FAR = Limits(connect_s=FAR_S, stall_s=FAR_S, unheard_s=FAR_S, read_s=FAR_S)
