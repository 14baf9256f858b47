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
    """Vault refuses Planward's login."""


class VaultDenied(VaultError):
    """Vault accepted the login, but its policies do not allow the path."""


class VaultFault(VaultError):
    """Vault answered with an internal error."""


class SecretsMissing(VaultError):
    """There is no secret at a path of the config."""


class SecretsContradict(VaultError):
    """Two secrets give the same key different values."""


class SecretPathInvalid(VaultError):
    """A path of the config, or a value filled into it, is not a valid path in Vault."""


class SecretPathNotAllowed(VaultError):
    """The config names a path outside the repository's own, and the operator does not allow it."""


class TeamClosed(VaultError):
    """The repository may not use the secrets of the team that its config names."""
