"""Encrypt logs, reports and plan files at rest: AES-256-GCM, with the key's id in front of each sealed text.

`PLANWARD_ENCRYPTION_KEY` may list several keys: the first one encrypts, all of them decrypt. To rotate keys, put the
new one in front. Without the setting, a key is made in the data directory at the first start.
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ghapp.errors import PlanwardError, SettingsError

_NONCE_BYTES = 12
_KEY_CHARACTERS = 16
_KEY_ID_BYTES = 4


class UnsealError(PlanwardError):
    """The key that encrypted a sealed text is no longer listed, or the sealed text was changed."""


class Sealer:
    """Encrypts bytes so that only the holder of a listed key can decrypt them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` must not be empty. A key is any text of 16 or more characters; SHA-256 turns it into 256 bits.

        Raises SettingsError if there is no key, or a key is too short.
        """
        if not keys or any(len(key) < _KEY_CHARACTERS for key in keys):
            raise SettingsError(
                "PLANWARD_ENCRYPTION_KEY: a key has fewer than 16 characters; `openssl rand -hex 32` makes one"
            )
        digests = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._keys = {hashlib.sha256(b"id" + digest).digest()[:_KEY_ID_BYTES]: AESGCM(digest) for digest in digests}
        self._first = next(iter(self._keys))
        self._tag_keys = [hashlib.sha256(b"tag" + digest).digest() for digest in digests]

    def seal(self, clear: bytes, *, about: str) -> bytes:
        """Encrypt `clear`. `about` identifies the row that will store the result.

        `open` needs the same `about`, so the contents of two rows cannot be swapped.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return self._first + nonce + self._keys[self._first].encrypt(nonce, clear, about.encode())

    def open(self, sealed: bytes, *, about: str) -> bytes:
        """Decrypt a result of `seal` for the same `about`. Raises UnsealError."""
        key = self._keys.get(sealed[:_KEY_ID_BYTES])
        if key is None:
            raise UnsealError("sealed with a key that PLANWARD_ENCRYPTION_KEY does not list")
        nonce, body = sealed[_KEY_ID_BYTES:][:_NONCE_BYTES], sealed[_KEY_ID_BYTES + _NONCE_BYTES :]
        try:
            return key.decrypt(nonce, body, about.encode())
        except InvalidTag:
            raise UnsealError("a sealed text was changed or belongs to another row") from None

    @property
    def key_id(self) -> bytes:
        """The prefix of every text that is encrypted now."""
        return self._first

    @property
    def older_key_ids(self) -> tuple[bytes, ...]:
        """The prefixes of texts that were encrypted with a listed key other than the first."""
        return tuple(each for each in self._keys if each != self._first)

    def tag(self, about: str) -> str:
        """A text of 32 characters that only a holder of the key can compute for `about`.

        An address that contains it cannot be guessed.
        """
        return _tag(self._tag_keys[0], about)

    def has_tag(self, about: str, tag: str) -> bool:
        """Whether `tag` was computed for `about` with one of the listed keys."""
        return any(hmac.compare_digest(_tag(key, about).encode(), tag.encode()) for key in self._tag_keys)


def _tag(key: bytes, about: str) -> str:
    return hmac.new(key, about.encode(), hashlib.sha256).hexdigest()[:32]


def load_or_make_key(data_dir: Path) -> str:
    """Read the data directory's key. The first start creates it, with mode 0600. Raises SettingsError."""
    path = data_dir / "encryption.key"
    if not path.exists():
        _make_key(path)
    try:
        key = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if len(key) < _KEY_CHARACTERS:
        raise SettingsError(
            f"{path} is empty or damaged: it holds the key that encrypts reports and logs. Restore it from a backup. "
            "If there is no backup, remove the file and start once with PLANWARD_NEW_KEY=true; everything that was "
            "encrypted with the key is then lost"
        )
    return key


def _make_key(path: Path) -> None:
    """Make a key atomically: if two processes do it at the same time, the first key counts."""
    new = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(32).hex())
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(new, path)
    new.unlink()
