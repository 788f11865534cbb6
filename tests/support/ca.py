"""Certificate authority made when the tests run, and its certificates."""

from __future__ import annotations

import datetime
import ssl
import time
from pathlib import Path

import trustme

from piboothup.clock import Clock
from piboothup.config import Secret
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.transport.certificate_dates import NowMs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.messages import Limits
from tests.support.limits import FAR

DAY_S = 86_400


class Authority:
    """Authority with its root in `file`; days count from now, by this machine's clock (OpenSSL knows no other)."""

    def __init__(self, folder: Path) -> None:
        self.file = str(folder / "authority.pem")
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.file)

    def certificate(self, from_day: int = -1, until_day: int = 90, host: str = "127.0.0.1") -> ssl.SSLContext:
        """TLS context of a server, with a certificate for `host` that is valid in these days."""
        begin, end = (
            datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=day) for day in (from_day, until_day)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host, not_before=begin, not_after=end).configure_cert(context)
        return context

    def write_certificate(self, file: Path, *hosts: str) -> None:
        """Write a certificate for all `hosts` and its key, for a server in another process."""
        self._authority.issue_cert(*hosts).private_key_and_cert_chain_pem.write_to_path(str(file))


class Connect:
    """Transport of the uploader that trusts only the tests' authority."""

    def __init__(self, authority: Authority, http_port: int = 9, limits: Limits = FAR) -> None:
        """`http_port`: port of the captive-portal check; nothing listens at 9."""
        self._authority = authority
        self._limits = limits
        self.http_port = http_port

    def __call__(self, url: str, key: Secret, clock: Clock, now_ms: NowMs) -> EventPicsApi:
        ca_file, http_port = self._authority.file, self.http_port
        transport = Transport(clock, ca_file=ca_file, limits=self._limits, now_ms=now_ms, http_port=http_port)
        return EventPicsApi(url, key, clock, transport=transport)


def self_signed(folder: Path) -> ssl.SSLContext:
    """TLS context of a server with a self-signed certificate."""
    nobody = trustme.CA()
    file = folder / "nobody.pem"
    nobody.private_key_pem.write_to_path(str(file))
    nobody.cert_pem.write_to_path(str(file), append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def day_s(day: float) -> float:
    """Unix seconds of a day, counted from today."""
    return time.time() + day * DAY_S
