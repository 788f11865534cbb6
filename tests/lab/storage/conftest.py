"""Servers of the lab, once for all of its tests, and the desk of each test."""

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
    """Silence the vendors' clients, which log the URLs that they sign; the canary checks the uploader's output."""
    for name in ("boto3", "botocore", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """Running s3rver."""
    with S3.start(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """Running Azurite."""
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
    """Spool, EventPics and clocks; the uploader is not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
