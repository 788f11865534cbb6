"""The servers of the lab, once for all of its tests, and the desk that these work at."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.storage.servers import S3, S3_KEY, Azure
from tests.lab.storage.sigv4_proxy import SigV4Proxy
from tests.support.uploader import Desk


@pytest.fixture(scope="session", autouse=True)
def _vendors_log_nothing() -> None:
    """Their clients, by which URLs are signed here, log these; the canary listens to what the uploader lets out."""
    for name in ("boto3", "botocore", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """s3rver."""
    with S3.start(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """Azurite."""
    with Azure.start(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture
def proxy(s3: S3) -> Iterator[SigV4Proxy]:
    """Signature-checking proxy in front of s3rver."""
    with SigV4Proxy(s3.port, S3_KEY) as made:
        yield made
        made.shutdown()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Everything there, the uploader not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
