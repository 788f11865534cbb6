"""A network that answers in every server's place, as a process in a network namespace of its own.

    python -m tests.lab.venue.portal BEHAVIOUR CERTIFICATE ADDRESS PORT ROUTER

BEHAVIOUR: `signs-in` as itself over TLS; `cuts-off` each greeting; `carries-nothing`, but connects. Its name server
leads to ROUTER, itself. It waits until both addresses exist.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path

from tests.lab.venue.world import NAME, is_here
from tests.support.name_server import serve_names

RESET = struct.pack("ii", 1, 0)


def main(behaviour: str, certificate: Path, address: str, port: int, router: str) -> None:
    """Serve for ever."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    pause = threading.Event()
    held = []
    while not (is_here(address) and is_here(router)):
        pause.wait(0.02)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((router, 53))
    threading.Thread(target=serve_names, args=(names, {NAME: router}), daemon=True).start()
    with socket.create_server(("", port)) as listener:
        while True:
            connection, _ = listener.accept()
            if behaviour == "carries-nothing":
                held.append(connection)
            elif behaviour == "cuts-off":
                connection.recv(65536)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.close()
            else:
                with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as guest:
                    guest.recv(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
