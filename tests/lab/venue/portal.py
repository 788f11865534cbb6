"""A network that wants a sign-in, as a process in a network namespace of its own: it answers as itself over TLS.

    python -m tests.lab.venue.portal CERTIFICATE ADDRESS PORT

It waits until ADDRESS exists.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from pathlib import Path

from tests.lab.venue.world import is_here


def main(certificate: Path, address: str, port: int) -> None:
    """Serve for ever."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    pause = threading.Event()
    while not is_here(address):
        pause.wait(0.02)
    with socket.create_server((address, port)) as listener:
        while True:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as guest:
                guest.recv(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
