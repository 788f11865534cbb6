"""What `transport/connection.py` overrides of requests, urllib3 and http.client, or reads: all still there.

An update that moves one of them would be silent: our override would never be called.
"""

from __future__ import annotations

import http.client
import inspect

import pytest
import requests
import urllib3
import urllib3.connection
import urllib3.connectionpool

from piboothup.uploader.transport import connection

OVERRIDDEN = [
    (connection._Response, http.client.HTTPResponse, "_read_status", ["self"]),
    (connection._Response, http.client.HTTPResponse, "begin", ["self"]),
    (connection._Connection, urllib3.connection.HTTPConnection, "_new_conn", ["self"]),
    (connection._TlsConnection, urllib3.connection.HTTPSConnection, "connect", ["self"]),
    (connection.GuardedAdapter, requests.adapters.HTTPAdapter, "build_response", ["self", "req", "resp"]),
    (connection._Pools, urllib3.PoolManager, "_new_pool", ["self", "scheme", "host", "port", "request_context"]),
]


@pytest.mark.parametrize(("ours", "theirs", "name", "parameters"), OVERRIDDEN, ids=str)
def test_overridden_method_is_still_the_librarys(ours: type, theirs: type, name: str, parameters: list[str]) -> None:
    assert name in vars(ours)
    assert list(inspect.signature(getattr(theirs, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        (requests.adapters.HTTPAdapter.send, "build_response"),
        (http.client.HTTPResponse.begin, "_read_status"),
        (urllib3.connection.HTTPConnection.connect, "_new_conn"),
        (urllib3.connection.HTTPSConnection.connect, "_new_conn"),
        (urllib3.PoolManager.connection_from_pool_key, "_new_pool"),
        (urllib3.connectionpool.HTTPConnectionPool._new_conn, "ConnectionCls"),
        (http.client.HTTPConnection.getresponse, "response_class"),
    ],
)
def test_library_still_calls_what_is_overridden(caller: object, name: str) -> None:
    assert name in inspect.getsource(caller)  # type: ignore[arg-type]


def test_connection_still_has_the_fields_that_are_read() -> None:
    made = urllib3.connection.HTTPConnection("127.0.0.1", 1, timeout=3, socket_options=[(1, 2, 3)])
    assert (made._dns_host, made.port, made.timeout) == ("127.0.0.1", 1, 3)
    assert (made.socket_options, made.sock) == ([(1, 2, 3)], None)
