"""The App's private key as the settings have it: a PEM, or the name of a key that Vault signs with."""

from ghapp.errors import SettingsError
from ghapp.github import AppKey, PemKey, SignedBy
from ghapp.settings import GitHubAccess
from ghapp.vault import Vault

_TRANSIT = "vault-transit:"


def app_key(github: GitHubAccess, vault: Vault | None) -> AppKey:
    """What signs as the App. Raises SettingsError where Vault has to sign and there is none."""
    key = github.private_key
    if not key.startswith(_TRANSIT):
        return PemKey(key)
    if vault is None:
        raise SettingsError("PLANWARD_GITHUB_PRIVATE_KEY is in Vault's transit engine: set VAULT_ADDR")
    name = key.removeprefix(_TRANSIT)

    async def sign(message: bytes) -> bytes:
        async with vault.session(
            team="planward", environment="planward", branch="planward", operation="sign"
        ) as session:
            return await session.sign(name, message)

    return SignedBy(sign)
