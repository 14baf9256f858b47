"""Errors of Vault, with texts for the person who has to fix them.

No text contains Vault's answer, a token, or more of VAULT_ADDR than its host.
"""

from ghapp.errors import JobError


class VaultError(JobError):
    """The secrets of a run could not be read."""


class VaultUnreachable(VaultError):
    """Vault does not answer in time, or its certificate is not trusted."""


class VaultSealed(VaultError):
    """Vault is sealed, or was never initialised."""


class VaultLoginRefused(VaultError):
    """Vault refuses Planward's login or token, or the settings for the login are not complete."""


class VaultDenied(VaultError):
    """Vault accepted the login, but its policies do not allow the path."""


class VaultFault(VaultError):
    """Vault answered with an internal error or unreadable data, or it has too many secrets below a path."""


class SecretsMissing(VaultError):
    """There is no secret at a path of the config, or it lacks a key that the config names."""


class SecretsContradict(VaultError):
    """Two secrets give the same key different values."""


class SecretPathInvalid(VaultError):
    """A path, or a value filled into it, is not valid in Vault, or a key cannot be an environment variable."""


class SecretPathNotAllowed(VaultError):
    """The config names a path outside the repository's own, and the operator does not allow it."""


class TeamClosed(VaultError):
    """The repository may not use the secrets of the team that its config names."""
