"""What holds for every test: the canary listens, and the labs that a plain run leaves out are named."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.canary"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what else there is to run."""
    labs = sorted(path.parent.name for path in Path(__file__).parent.glob("lab/*/run"))
    told = ", ".join(f"tests/lab/{name}/run" for name in labs)
    terminalreporter.write_line(
        f"SKIPPED here, as they bring tools and servers of others: {told} (.ci/run runs them)"
    )
