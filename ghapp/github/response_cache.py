"""A cache of GitHub's answers. If nothing changed, GitHub answers 304, which does not count towards the hourly limit.

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
    """The needed fields of an answer, the address of its next page, and its ETag."""

    tag: str
    content: bytes = field(repr=False)
    following: str | None


class ResponseCache:
    """Answers by credential and address. Above a mebibyte, the least recently used ones are dropped.

    GitHub's ETags are valid for one token, and so are these entries: no installation sees the answers for another. No
    answer is used without asking GitHub. `If-Modified-Since` is not used: it would miss changes within the same second,
    and changes of permissions.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[bytes, CachedResponse] = OrderedDict()

    def find(self, credential: str, url: str, shape: object) -> CachedResponse | None:
        """The cached answer for this credential and address, if there is one."""
        key = _key(credential, url, shape)
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def keep(self, credential: str, url: str, shape: object, cached: CachedResponse) -> None:
        """Cache an answer in place of an older one."""
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
    # Only a hash: a token must not be kept for longer than it is valid.
    return hashlib.sha256(f"{credential} {url} {shape!r}".encode()).digest()


def _size(cached: CachedResponse) -> int:
    return len(cached.content) + _OVERHEAD
