"""The App's private key in the settings: a PEM, or the name of a key in Vault."""

from ghapp.errors import SettingsError
from ghapp.github.keys import AppKey, PemKey, SignedBy
from ghapp.vault import VaultRun
from ghapp.vault.session import Vault

_TRANSIT = "vault-transit:"


def app_key(private_key: str, vault: Vault | None) -> AppKey:
    """The key for signing as the App. Raises SettingsError if Vault has to sign and is not configured."""
    if not private_key.startswith(_TRANSIT):
        return PemKey(private_key)
    if vault is None:
        raise SettingsError("PLANWARD_GITHUB_PRIVATE_KEY names a key in Vault's transit engine: set VAULT_ADDR")
    name = private_key.removeprefix(_TRANSIT)

    async def sign(message: bytes) -> bytes:
        run = VaultRun(team="planward", environment="planward", branch="planward", operation="sign")
        async with vault.session(run) as session:
            return await session.sign(name, message)

    return SignedBy(sign)
