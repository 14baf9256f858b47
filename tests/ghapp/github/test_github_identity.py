"""Authentication: the App by its key, an installation by a token for one repository."""

import asyncio
import base64
import json

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ghapp.errors import SettingsError
from ghapp.events import Person
from ghapp.github import (
    GitHubApp,
    GitHubRefused,
    GitHubRepository,
    GitHubUnavailable,
    InstallationGone,
    InstallationSuspended,
    PemKey,
    SignedBy,
)
from ghapp.values import InstallationId
from tests.ghapp.github.scripted_github import API, APP_ID, IMPATIENT, INFRA, ScriptedWire

pytestmark = pytest.mark.anyio

ME = {"id": APP_ID, "slug": "planward", "name": "Planward", "permissions": {"checks": "write"}, "events": ["push"]}
anna = Person(login="anna", id=7)


def bearer(request: httpx.Request) -> str:
    scheme, _, token = request.headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    return str(token)


def unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# The App's own token


async def test_the_app_signs_a_token_of_less_than_ten_minutes(
    app: GitHubApp, wire: ScriptedWire, private_key: RSAPrivateKey
) -> None:
    wire.expect("GET /app", body=ME)
    assert (await app.me()).slug == "planward"
    header, claims, signature = bearer(wire.requests[0]).split(".")
    private_key.public_key().verify(
        unpadded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert json.loads(unpadded(header)) == {"alg": "RS256", "typ": "JWT"}
    now = int(wire.now)
    assert json.loads(unpadded(claims)) == {"iat": now - 60, "exp": now + 540, "iss": "3"}


async def test_the_app_s_token_is_used_for_eight_minutes(app: GitHubApp, wire: ScriptedWire) -> None:
    tokens = []
    for later_s in (0, 479, 2, 480):
        wire.now += later_s
        wire.expect("GET /app", body=ME)
        await app.me()
        tokens.append(bearer(wire.requests[-1]))
    assert tokens[0] == tokens[1] != tokens[2] != tokens[3]


async def test_a_clock_that_was_set_back_makes_a_new_token(app: GitHubApp, wire: ScriptedWire) -> None:
    tokens = set()
    for later_s in (0, -3600):
        wire.now += later_s
        wire.expect("GET /app", body=ME)
        await app.me()
        tokens.add(bearer(wire.requests[-1]))
    assert len(tokens) == 2


async def test_a_key_that_lies_elsewhere_is_asked_to_sign(wire: ScriptedWire) -> None:
    asked: list[bytes] = []

    async def sign(message: bytes) -> bytes:
        asked.append(message)
        return b"signed"

    wire.expect("GET /app", body=ME)
    async with GitHubApp(API, APP_ID, SignedBy(sign), transport=httpx.MockTransport(wire.answer)) as app:
        await app.me()
    unsigned, _, signature = bearer(wire.requests[0]).rpartition(".")
    assert asked == [unsigned.encode()]
    assert unpadded(signature) == b"signed"


async def test_an_error_of_the_signer_is_raised_unchanged(wire: ScriptedWire) -> None:
    class VaultIsSealed(Exception):
        pass

    async def sign(message: bytes) -> bytes:
        raise VaultIsSealed

    async with GitHubApp(API, APP_ID, SignedBy(sign), transport=httpx.MockTransport(wire.answer)) as app:
        with pytest.raises(VaultIsSealed):
            await app.me()


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nbm8=\n-----END RSA PRIVATE KEY-----"])
async def test_a_key_that_cannot_be_read_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="PLANWARD_GITHUB_PRIVATE_KEY") as refusal:
        GitHubApp(API, APP_ID, PemKey(text))
    assert not text or text not in str(refusal.value)


async def test_a_key_that_is_not_rsa_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(SettingsError, match="not an RSA key"):
        GitHubApp(API, APP_ID, PemKey(pem))


def test_the_repr_of_a_key_does_not_contain_it() -> None:
    assert "secret" not in repr(PemKey("secret"))


# Installation tokens


async def test_a_token_reaches_one_repository_with_only_the_permissions_that_its_use_needs(
    infra: GitHubRepository, app: GitHubApp, wire: ScriptedWire
) -> None:
    wire.expect("GET /repos/acme/infra/collaborators/anna/permission", body={"permission": "write"})
    await infra.role_of(anna)
    wire.expect("GET /orgs/acme/teams/platform/memberships/anna", body={"state": "active"})
    await infra.is_team_member("acme", "platform", anna)
    await app.git_token(InstallationId(5), INFRA)
    assert [json.loads(request.content) for request in wire.token_requests] == [
        {
            "repository_ids": [42],
            "permissions": {
                "checks": "write",
                "deployments": "write",
                "metadata": "read",
                "pull_requests": "write",
            },
        },
        {"repository_ids": [42], "permissions": {"members": "read"}},
        {"repository_ids": [42], "permissions": {"contents": "read", "metadata": "read"}},
    ]


async def test_however_many_ask_at_once_one_token_is_made(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(10):
        wire.expect("GET /repos/acme/infra/collaborators/anna/permission", body={"permission": "write"})
    await asyncio.gather(*(infra.role_of(anna) for _ in range(10)))
    assert len(wire.token_requests) == 1
    assert {bearer(request) for request in wire.requests} == {"ghs_1"}


async def test_a_token_that_is_nearly_over_is_replaced(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for later_s in (0, 3600 - 121, 2):
        wire.now += later_s
        wire.expect("GET /repos/acme/infra/collaborators/anna/permission", body={"permission": "write"})
        await infra.role_of(anna)
    assert [bearer(request) for request in wire.requests] == ["ghs_1", "ghs_1", "ghs_2"]


async def test_a_token_for_git_is_valid_for_at_least_a_quarter_of_an_hour(app: GitHubApp, wire: ScriptedWire) -> None:
    tokens = []
    for later_s in (0, 2700, 1):
        wire.now += later_s
        tokens.append(await app.git_token(InstallationId(5), INFRA))
    assert tokens == ["ghs_1", "ghs_1", "ghs_2"]


async def test_at_the_end_the_tokens_that_are_alive_are_revoked(app: GitHubApp, wire: ScriptedWire) -> None:
    await app.git_token(InstallationId(5), INFRA)
    wire.now += 3000
    await app.git_token(InstallationId(5), INFRA)
    wire.expect("GET /installation/repositories", body={"repositories": []})
    await app.repositories(InstallationId(5))
    await app.close()
    assert sorted(wire.revoked) == ["ghs_2", "ghs_3"]


async def test_a_refused_token_is_replaced_once_even_for_a_creation(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect("POST /repos/acme/infra/issues/12/comments", 401, {"message": "Bad credentials"})
    wire.expect("POST /repos/acme/infra/issues/12/comments", 201, {"id": 1})
    assert await infra.create_comment(12, "Hello", marker="m") == 1
    assert [bearer(request) for request in wire.requests] == ["ghs_1", "ghs_2"]


async def test_credentials_that_stay_refused_name_the_settings(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.refuse("GET /repos/acme/infra/collaborators/anna/permission", 401, "Bad credentials")
    with pytest.raises(GitHubUnavailable, match="check PLANWARD_GITHUB_APP_ID and PLANWARD_GITHUB_PRIVATE_KEY"):
        await infra.role_of(anna)


async def test_an_app_that_was_uninstalled(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.hands_out_tokens = False
    for request in ("POST /app/installations/5/access_tokens", "GET /app/installations/5"):
        for _ in range(2):
            wire.expect(request, 404, {"message": "Not Found"})
    with pytest.raises(InstallationGone, match="install it again"):
        await infra.role_of(anna)


async def test_an_existing_installation_that_got_no_token_is_not_reported_as_gone(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.hands_out_tokens = False
    for _ in range(2):
        wire.expect("POST /app/installations/5/access_tokens", 404, {"message": "Not Found"})
    wire.expect("GET /app/installations/5", body={"suspended_at": None})
    with pytest.raises(GitHubUnavailable, match="get an installation token"):
        await infra.role_of(anna)


async def test_an_installation_that_got_no_token_because_it_is_suspended(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.hands_out_tokens = False
    for _ in range(2):
        wire.expect("POST /app/installations/5/access_tokens", 404, {"message": "Not Found"})
    wire.expect("GET /app/installations/5", body={"suspended_at": "2026-11-23T22:00:00Z"})
    with pytest.raises(InstallationSuspended, match="suspended"):
        await infra.role_of(anna)


async def test_an_installation_that_was_suspended(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.hands_out_tokens = False
    wire.expect("POST /app/installations/5/access_tokens", 403, {"message": "This installation has been suspended"})
    with pytest.raises(InstallationSuspended, match="suspended"):
        await infra.role_of(anna)


async def test_a_repository_that_left_the_installation(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.hands_out_tokens = False
    words = "There is at least one repository that does not exist or is not accessible to the parent installation."
    wire.expect("POST /app/installations/5/access_tokens", 422, {"message": words})
    with pytest.raises(InstallationGone, match="no longer has access to this repository"):
        await infra.role_of(anna)


async def test_a_permission_that_was_not_granted_is_reported_with_a_remedy(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.hands_out_tokens = False
    words = "The permissions requested are not granted to this installation."
    wire.expect("POST /app/installations/5/access_tokens", 422, {"message": words})
    with pytest.raises(GitHubRefused) as refusal:
        await infra.role_of(anna)
    assert str(refusal.value) == (
        "GitHub refused (422) when Planward tried to get an installation token: The permissions requested are not "
        "granted to this installation.; accept the App's newest permissions in its installation's settings"
    )


async def test_a_creation_without_a_token_did_not_happen(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.hands_out_tokens = False
    for _ in range(IMPATIENT.attempts):
        wire.expect("POST /app/installations/5/access_tokens", 502, b"<html>")
    with pytest.raises(GitHubUnavailable):
        await infra.create_comment(12, "Hello", marker="m")
