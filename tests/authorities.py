"""Read the certificate authorities once. httpx would read them again for each client, which takes 40 ms.

Clients that are made with the same options in the same environment share an SSL context. So do clients in processes
that are forked after the context was made. A file that has been written again is read again.
"""

import functools
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from httpx._transports import default

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def _written(path: str | None) -> int | None:
    """When a file or directory of authorities was written last, in nanoseconds; None if there is none."""
    return Path(path).stat().st_mtime_ns if path and Path(path).exists() else None


@functools.cache
def _context(environ: tuple[str | int | None, ...], options: tuple[tuple[str, Any], ...]) -> Any:
    return httpx.create_ssl_context(**dict(options))


def _shared_context(**options: Any) -> Any:
    environ = tuple(map(os.environ.get, _VARIABLES))
    verify = options.get("verify")
    paths = (*environ[:2], verify if isinstance(verify, str) else None)
    return _context((*environ, *map(_written, paths)), tuple(options.items()))


def share() -> None:
    """Share contexts in this process from now on."""
    setattr(default, "create_ssl_context", _shared_context)  # noqa: B010


def read_ahead() -> None:
    """Make the context that clients share if none of `_VARIABLES` is set."""
    with patch.dict(os.environ):
        for name in _VARIABLES:
            os.environ.pop(name, None)
        httpx.AsyncHTTPTransport()
