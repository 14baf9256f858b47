"""Vault (and OpenBao): the secrets of one environment for one run.

settings.py   how Planward logs in
sources.py    the paths, their use, and their templates
authority.py  whose secrets a run may read; until that is decided, only the team's list of repositories is read
client.py     one client for each session; turns errors into texts for people (only this file uses hvac)
session.py    read, renew, revoke
credentials.py  combines the secrets and refuses contradictions
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
    "VaultDenied",
    "VaultError",
    "VaultFault",
    "VaultLoginRefused",
    "VaultRun",
    "VaultSealed",
    "VaultSettings",
    "VaultUnreachable",
    "encode_branch",
]
