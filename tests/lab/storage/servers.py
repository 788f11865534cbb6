"""The two storage servers of the lab, each on a free port of this machine with a folder of its own.

Arrived objects are read with the vendor's own client.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, ContainerClient, generate_blob_sas
from botocore.client import Config
from botocore.exceptions import ClientError

from tests.support.deadline import PATIENCE_S

S3_KEY = "S3RVER"
"""Name and secret of s3rver's only account."""
_AZURE_ACCOUNT = "devstoreaccount1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's published account key: the same everywhere."""
BUCKET = "photos"


@contextlib.contextmanager
def running(program: str, *words: str, port: int) -> Iterator[None]:
    """Run a server of the lab, from its first answer to the end."""
    path = Path(os.environ["PIBOOTHUP_STORAGE_SERVERS"]) / program
    server = subprocess.Popen([path, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _await(server, port)
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


class S3:
    """s3rver, which verifies version-2 signatures; of version 4 it checks only the expiry."""

    def __init__(self, port: int) -> None:
        self.port = port

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path) -> Iterator[S3]:
        """Start the server."""
        port = free_port()
        words = ("--directory", str(folder), "--address", "127.0.0.1", "--port", str(port), "--silent")
        with running("s3rver", *words, "--no-vhost-buckets", "--configure-bucket", BUCKET, port=port):
            yield cls(port)

    def url(self, name: str, version: str, valid_s: int = 300, port: int = 0) -> str:
        """Presigned URL for a JPEG, by boto3; `version` is "s3" (2) or "s3v4" (4)."""
        client = self._client(version, port or self.port)
        asked = {"Bucket": BUCKET, "Key": name, "ContentType": "image/jpeg"}
        return str(client.generate_presigned_url("put_object", asked, ExpiresIn=valid_s))

    def stored(self, name: str) -> bytes | None:
        """Content of the object."""
        try:
            return bytes(self._client("s3v4", self.port).get_object(Bucket=BUCKET, Key=name)["Body"].read())
        except ClientError:
            return None

    def _client(self, version: str, port: int) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=S3_KEY,
            aws_secret_access_key=S3_KEY,
            region_name="eu-central-1",
            config=Config(signature_version=version, s3={"addressing_style": "path"}, proxies={}),
        )


class Azure:
    """Azurite's Blob service."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}/{BUCKET}"
        self._container = ContainerClient.from_container_url(self._root, credential=_AZURE_KEY)

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path) -> Iterator[Azure]:
        """Start the server."""
        port = free_port()
        words = ("--location", str(folder), "--blobPort", str(port), "--silent", "--skipApiVersionCheck")
        with running("azurite-blob", *words, "--disableTelemetry", port=port):
            made = cls(port)
            made._container.create_container()
            yield made

    def url(self, name: str, valid_s: int = 300) -> str:
        """URL with a shared-access signature that allows the creation of a blob."""
        token = generate_blob_sas(
            _AZURE_ACCOUNT,
            BUCKET,
            name,
            account_key=_AZURE_KEY,
            permission=BlobSasPermissions(create=True, write=True),
            expiry=datetime.now(UTC) + timedelta(seconds=valid_s),
        )
        return f"{self._root}/{name}?{token}"

    def stored(self, name: str) -> bytes | None:
        """Content of the object."""
        try:
            return bytes(self._container.download_blob(name).readall())
        except ResourceNotFoundError:
            return None


def changed(url: str, parameter: str) -> str:
    """URL with the first character of one of its parameters replaced."""
    before, _, value = url.partition(f"{parameter}=")
    assert value, f"no {parameter} in {urlsplit(url).path}"
    return f"{before}{parameter}={'A' if value[0] != 'A' else 'B'}{value[1:]}"


def free_port() -> int:
    """Port of this machine without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if server.poll() is not None:
            raise AssertionError(f"{server.args!r} ended with {server.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S):
            return
        time.sleep(0.05)
    raise AssertionError(f"{server.args!r} does not listen")
