"""The App's own identity: a JSON Web Token valid for minutes, signed with the App's private key.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ghapp.errors import SettingsError
from ghapp.github.auth import THE_APP, Authentication

_LIFE_S = 540
_BACKDATE_S = 60
_REUSE_S = 480


@dataclass(frozen=True, slots=True)
class PemKey:
    """The App's private key as GitHub provides it: RSA in PEM."""

    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedBy:
    """A key stored elsewhere (Vault's transit engine). `sign` signs bytes with RSASSA-PKCS1-v1_5 and SHA-256."""

    sign: Callable[[bytes], Awaitable[bytes]]


AppKey = PemKey | SignedBy


class AppToken(Authentication):
    """Calls as the App itself. A new token is signed after eight of the ten minutes that GitHub allows."""

    payer = THE_APP

    def __init__(self, app_id: int, key: AppKey, *, now: Callable[[], float] = time.time) -> None:
        self._app_id = app_id
        self._sign = _signer(key)
        self._now = now
        self._lock = asyncio.Lock()
        self._token = ""
        self._made_at = 0.0

    async def token(self) -> str:
        """The JSON Web Token to use now."""
        async with self._lock:
            now = self._now()
            if not self._token or not 0 <= now - self._made_at < _REUSE_S:
                self._token, self._made_at = await self._make(int(now)), now
            return self._token

    def drop(self, token: str) -> bool:
        """Sign another token for the next call."""
        if token == self._token:
            self._token = ""
        return True

    async def _make(self, now: int) -> str:
        # Backdated, since clocks differ and GitHub refuses a token from the future.
        claims = {"iat": now - _BACKDATE_S, "exp": now + _LIFE_S, "iss": str(self._app_id)}
        unsigned = _base64url(b'{"alg":"RS256","typ":"JWT"}') + b"." + _base64url(msgspec.json.encode(claims))
        return (unsigned + b"." + _base64url(await self._sign(unsigned))).decode()


def _signer(key: AppKey) -> Callable[[bytes], Awaitable[bytes]]:
    if isinstance(key, SignedBy):
        return key.sign
    try:
        private = load_pem_private_key(key.pem.encode(), password=None)
    except (ValueError, TypeError):
        raise SettingsError(
            "PLANWARD_GITHUB_PRIVATE_KEY is not a private key in PEM format, or it has a passphrase: "
            "set it to the whole content of the file that GitHub generated for the App"
        ) from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise SettingsError("PLANWARD_GITHUB_PRIVATE_KEY is not an RSA key: set it to the file that GitHub generated")

    async def sign(message: bytes) -> bytes:
        return private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    return sign


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
