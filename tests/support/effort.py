"""How long tests that draw their cases by chance go on looking: briefly by default, longer where there is time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PATIENT = int(os.environ.get("PIBOOTHUP_TEST_EFFORT", "1"))
"""So many times the cases of a plain run."""


def some(examples: int) -> settings:
    """So many cases in a plain run; each may take its time, as it has threads and sockets of its own."""
    calm = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=examples * PATIENT, deadline=None, suppress_health_check=calm, database=None)
