"""The world beyond a venue's Wi-Fi, as a process in a network namespace of its own: EventPics behind TLS.

    python -m tests.lab.venue.world FOLDER ADDRESS

FOLDER holds certificate.pem, faults.json, the album, and for the tests: `url`, once it serves, and `uploading`, once
a PUT has begun. It waits until ADDRESS exists.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path

from piboothup.clock import SystemClock
from piboothup.simulator.faults import load_faults
from piboothup.simulator.server import LocalEventPics
from tests.support.name_server import serve_names
from tests.support.server import Liar, brings_to

NAME = "album.example"
NAME_SERVER = "8.8.8.8"
"""A public one, as many venues name."""


def main(folder: Path, address: str) -> None:
    """Serve for ever."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem")
    pause = threading.Event()
    while not (is_here(address) and is_here(NAME_SERVER)):
        pause.wait(0.02)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((NAME_SERVER, 53))
    threading.Thread(target=serve_names, args=(names, {NAME: address}), daemon=True).start()
    with (
        LocalEventPics(folder / "album", SystemClock(), faults=load_faults(folder / "faults.json")) as album,
        Liar(brings_to(album.port), tls=tls, host=address) as front,
    ):
        album.url = front.url
        (folder / "url").write_text(front.url)
        while not album.uploading:
            pause.wait(0.02)
        (folder / "uploading").touch()
        pause.wait()


def is_here(address: str) -> bool:
    """Whether the address is this namespace's by now."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
