"""How long a test waits for what must come, before it calls it missing.

Far beyond the slowness of any machine, however busy: such a wait promises that something comes, never how soon. A
shorter limit has its place only where its end is what the test wants.
"""

from __future__ import annotations

PATIENCE_S = 300.0
