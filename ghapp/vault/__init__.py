"""Vault (and OpenBao): the secrets of one environment, for the time of one run.

settings.py   how Planward logs in
sources.py    which paths, as what; the templates in them
authority.py  whose secrets a run may read: decided before anything else is read
client.py     one client a session, in threads; foreign errors become words (the only file that knows hvac)
session.py    read, keep alive, give back
credentials.py  what was read, put together, contradictions refused
"""

from ghapp.vault.authority import Authority, OwnLogin, RepositoryAuthority
from ghapp.vault.credentials import Credentials
from ghapp.vault.errors import (
    SecretPathInvalid,
    SecretPathNotAllowed,
    SecretsContradict,
    SecretsMissing,
    TeamClosed,
    VaultDenied,
    VaultError,
    VaultFault,
    VaultLoginRefused,
    VaultSealed,
    VaultUnreachable,
)
from ghapp.vault.session import Vault, VaultSession
from ghapp.vault.settings import VaultSettings
from ghapp.vault.sources import DEFAULT_SOURCES, SecretSource, VaultRun, encode_branch

__all__ = [
    "DEFAULT_SOURCES",
    "Authority",
    "Credentials",
    "OwnLogin",
    "RepositoryAuthority",
    "SecretPathInvalid",
    "SecretPathNotAllowed",
    "SecretSource",
    "SecretsContradict",
    "SecretsMissing",
    "TeamClosed",
    "Vault",
    "VaultDenied",
    "VaultError",
    "VaultFault",
    "VaultLoginRefused",
    "VaultRun",
    "VaultSealed",
    "VaultSession",
    "VaultSettings",
    "VaultUnreachable",
    "encode_branch",
]
