"""Settings of TLS connections, and a greeting that fits into one packet.

OpenSSL 3.5 (Debian 13) greets with two kinds of keys, one of them safe from quantum computers: 1,548 bytes, in two
packets. Some firewalls look for the server's name in the first packet alone, and drop, reset or refuse the rest.
"""

from __future__ import annotations

import ssl

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl has no name for."""
_EVERYONES_CURVE = "prime256v1"
"""P-256, which every server of TLS 1.3 must know (RFC 8446, 9.1)."""


class TlsSettings:
    """Settings of the connections of one client."""

    def __init__(self, *, checks_dates: bool) -> None:
        self.usual = _context(checks_dates)
        self.short = _context(checks_dates)
        """Greets with one kind of key alone."""
        self.short.set_ecdh_curve(_EVERYONES_CURVE)


def _context(checks_dates: bool) -> ssl.SSLContext:
    """A context like urllib3's own, which would write the session's keys to the file in SSLKEYLOGFILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not checks_dates:
        context.verify_flags |= _NO_CHECK_TIME
    return context
