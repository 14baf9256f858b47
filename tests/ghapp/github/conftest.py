"""The App on a scripted connection."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ghapp.github import GitHubApp, GitHubRepository, SignedBy
from ghapp.values import InstallationId
from tests.ghapp.github.scripted_github import API, APP_ID, IMPATIENT, INFRA, ScriptedWire, signed_by


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def pem(private_key: RSAPrivateKey) -> str:
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture(scope="session")
def key(private_key: RSAPrivateKey) -> SignedBy:
    """The App's key, read once: reading a PEM takes as long as everything else in a test."""
    return signed_by(private_key)


@pytest.fixture
def wire() -> Iterator[ScriptedWire]:
    """A scripted connection. The test fails if an expected request never came."""
    scripted = ScriptedWire()
    yield scripted
    assert not scripted.answers, f"never asked for: {[answer.request for answer in scripted.answers]}"


@pytest.fixture
async def app(wire: ScriptedWire, key: SignedBy, anyio_backend: str) -> AsyncIterator[GitHubApp]:
    async with GitHubApp(
        API,
        APP_ID,
        key,
        patience=IMPATIENT,
        settle_s=0.0,
        transport=httpx.MockTransport(wire.answer),
        on_call=lambda method, template, status: wire.calls.append((method, template, status)),
        now=lambda: wire.now,
        pause=wire.pause,
        on_deferred=lambda priority, reason: wire.deferred.append((priority, reason)),
    ) as opened:
        yield opened


@pytest.fixture
async def infra(app: GitHubApp) -> GitHubRepository:
    return await app.repository(InstallationId(5), INFRA)
