"""Decode texts in base64, compressed or not, so that they can be read, compared and masked."""

import binascii
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_SHORTEST = 16
_LONGEST_DECODED = 1 << 22
_MOST_TIMES, _ALWAYS = 10, 4_096
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\s*")
_BASE64_LINES = re.compile(r"(?:[A-Za-z0-9+/]{4,}\r?\n)*[A-Za-z0-9+/]+={0,2}\s*")
_RUN = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Decoded(NamedTuple):
    """The content of an encoded text, and its encoding: "base64" or "gzip in base64"."""

    text: str
    encoding: str


def decode(text: str) -> Decoded | None:
    """Decode a text from base64, and decompress the result if it is gzip; None if that gives no readable text.

    Also None if the result is larger than 4 MiB, or if it was compressed and is more than ten times (plus 4 KiB) as
    long as the encoded text. Scripts and documents do not compress that well.
    """
    if len(text) < _SHORTEST or not _is_base64(text):
        return None
    try:
        content = binascii.a2b_base64(text)
        encoding = "base64"
        if content.startswith(_GZIP):
            most = min(_LONGEST_DECODED, _MOST_TIMES * len(text) + _ALWAYS)
            content, encoding = _decompressed(content, most), "gzip in base64"
        decoded = content.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return None
    if not decoded or len(decoded) > _LONGEST_DECODED or _UNPRINTABLE.search(decoded):
        return None
    return Decoded(decoded, encoding)


def encoded_parts(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text that may be encoded: all of it, or a run of base64 characters."""
    if len(text) < _SHORTEST:
        return
    if (text[-1] == "=" or text[-1].isspace() or "\n" in text) and _BASE64_LINES.fullmatch(text):
        yield 0, len(text)  # any other text that is encoded as a whole is a single run
    for match in _RUN.finditer(text):
        yield match.span()


def _is_base64(text: str) -> bool:
    if "\n" in text:
        return _BASE64_LINES.fullmatch(text) is not None
    return len(text.rstrip()) % 4 == 0 and _BASE64.fullmatch(text) is not None


def _decompressed(content: bytes, most: int) -> bytes:
    """Decompress gzip. Raises zlib.error if it is incomplete or too large: a small text may expand to gigabytes."""
    decompressor = zlib.decompressobj(_GZIP_WINDOW)
    plain = decompressor.decompress(content, most)
    if not decompressor.eof:
        raise zlib.error("not whole, or too large")
    return plain
