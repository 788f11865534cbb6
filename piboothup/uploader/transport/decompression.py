"""Unpacking an answer that came compressed though nobody asked for it, up to a limit.

What is packed shows by its own first bytes, whatever the headers say of it: a proxy on the way may have packed an
answer, or unpacked it, without changing them.
"""

from __future__ import annotations

import zlib

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_RAW_WBITS = -15
"""Of zlib's decompressor: RFC 1952, RFC 1950, RFC 1951. "deflate" means the second and is often the third."""
_MAX_MEMBERS = 100
"""Of a file of gzip (RFC 1952, 2.2). Each costs a copy of what follows it."""


def decompress(content: bytes, encoding: str, limit_bytes: int) -> tuple[bytes, bool]:
    """At most `limit_bytes` of what `content` is when unpacked, and whether that is all of it.

    `encoding` is the answer's Content-Encoding. What is packed in no way that is known here stays as it is.
    """
    if content.startswith(_GZIP_MAGIC):
        return _inflate(content, _GZIP_WBITS, limit_bytes) or (content, False)
    is_plain = content.lstrip()[:1] in (b"", b"{", b"<")
    if encoding.strip().lower() == "deflate" and not is_plain:
        found = _inflate(content, _ZLIB_WBITS, limit_bytes) or _inflate(content, _RAW_WBITS, limit_bytes)
        return found or (content, True)
    return content, True


def _inflate(content: bytes, wbits: int, limit_bytes: int) -> tuple[bytes, bool] | None:
    """None when it is not packed in this way."""
    found = bytearray()
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(wbits)
        try:
            found += unpacker.decompress(content, limit_bytes + 1 - len(found))
        except zlib.error:
            return (bytes(found), False) if found else None
        if len(found) > limit_bytes:
            return bytes(found[:limit_bytes]), False
        content = unpacker.unused_data
        if not unpacker.eof or not content:
            return bytes(found), unpacker.eof
    return bytes(found), False
