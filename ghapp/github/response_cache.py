"""Answers that GitHub need not give twice: asked whether one still holds, it says 304, which costs nothing of the hour.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

_MOST_BYTES: Final = 1024 * 1024
_OVERHEAD: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResponse:
    """An answer's fields that are needed, the page after it, and the tag by which GitHub knows it again."""

    tag: str
    content: bytes = field(repr=False)
    following: str | None


class ResponseCache:
    """Answers by credential and address, the least recently used ones given up beyond a mebibyte.

    GitHub's ETags hold for one token, and so do these: no installation is shown what another one read. None is taken
    for true by itself; `If-Modified-Since` would be, within a second and where only a permission changed.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[bytes, CachedResponse] = OrderedDict()

    def find(self, credential: str, url: str, shape: object) -> CachedResponse | None:
        """What this credential was answered there, if that is still at hand."""
        key = _key(credential, url, shape)
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def keep(self, credential: str, url: str, shape: object, cached: CachedResponse) -> None:
        """Keep an answer in the place of an older one."""
        key = _key(credential, url, shape)
        older = self._answers.pop(key, None)
        if older is not None:
            self._bytes -= _size(older)
        self._answers[key] = cached
        self._bytes += _size(cached)
        while self._bytes > self._most_bytes:
            _, given_up = self._answers.popitem(last=False)
            self._bytes -= _size(given_up)


def _key(credential: str, url: str, shape: object) -> bytes:
    # A token is not kept any longer than it lives, so not here.
    return hashlib.sha256(f"{credential} {url} {shape!r}".encode()).digest()


def _size(cached: CachedResponse) -> int:
    return len(cached.content) + _OVERHEAD
