"""What can go wrong with Vault, in words for the person who has to mend it.

No text holds what Vault answered, a token, or more of VAULT_ADDR than its host.
"""

from ghapp.errors import JobError


class VaultError(JobError):
    """The secrets of a run could not be read."""


class VaultUnreachable(VaultError):
    """Vault does not answer, or not in time, or with a certificate that is not trusted."""


class VaultSealed(VaultError):
    """Vault is sealed or was never initialised."""


class VaultLoginRefused(VaultError):
    """Vault does not take what Planward logs in with."""


class VaultDenied(VaultError):
    """Vault took the login, and its policies do not allow the path."""


class VaultFault(VaultError):
    """Vault answered with an error of its own."""


class SecretsMissing(VaultError):
    """There is nothing where the config says that secrets are."""


class SecretsContradict(VaultError):
    """Two secrets give the same key different values."""


class SecretPathInvalid(VaultError):
    """A path of the config, or what is filled into it, is none that Vault may be asked for."""


class SecretPathNotAllowed(VaultError):
    """The config names a path that is not the repository's own, and the operator does not allow it."""


class TeamClosed(VaultError):
    """The repository may not use the secrets of the team that its config names."""
