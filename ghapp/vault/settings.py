"""Planward's login to Vault."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, assert_never
from urllib.parse import urlsplit

from ghapp.vault.errors import VaultLoginRefused

AuthMethod = Literal["token", "approle", "jwt", "kubernetes"]

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""The path of a pod's token in Kubernetes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """Vault's address and one way to log in. Without `auth_method`, the token is used, or if there is none the AppRole.

    `role` may contain `{team}`, `{environment}` and `{operation}`. `auth_mount` defaults to the method's name.
    `jwt_file` is read at each login, since Kubernetes rotates it.
    """

    address: str
    namespace: str | None = None
    ca_cert: Path | None = None
    token: str | None = field(default=None, repr=False)
    role_id: str | None = field(default=None, repr=False)
    secret_id: str | None = field(default=None, repr=False)
    auth_method: AuthMethod | None = None
    auth_mount: str | None = None
    role: str | None = None
    jwt: str | None = field(default=None, repr=False)
    jwt_file: Path | None = None
    timeout_s: float = 15.0
    """The time limit for one answer."""
    patience_s: float = 10.0
    """How long a request is repeated if Vault does not answer or has an internal error."""

    @property
    def method(self) -> AuthMethod:
        """The login method of these settings. Raises VaultLoginRefused if there is none."""
        if self.auth_method is not None:
            return self.auth_method
        if self.token:
            return "token"
        if self.role_id:
            return "approle"
        raise VaultLoginRefused(
            "VAULT_ADDR is set, but no way to log in: the operator has to set VAULT_TOKEN, "
            "or VAULT_ROLE_ID with VAULT_SECRET_ID, or VAULT_AUTH_METHOD with VAULT_ROLE"
        )

    @property
    def host(self) -> str:
        """Vault's host and port, for people: VAULT_ADDR without credentials and path."""
        return urlsplit(self.address).netloc.rpartition("@")[2]

    def login_body(self, role: str) -> dict[str, str]:
        """Return the body of the request to `auth/MOUNT/login`. Raises VaultLoginRefused if a part of it is not
        set."""
        match self.method:
            case "token":
                return {}
            case "approle":
                return {"role_id": self._required("VAULT_ROLE_ID", self.role_id), "secret_id": self.secret_id or ""}
            case "jwt":
                return {"role": self._required("VAULT_ROLE", role), "jwt": self._required("VAULT_JWT", self._jwt(None))}
            case "kubernetes":
                token = self._jwt(SERVICE_ACCOUNT_TOKEN)
                return {"role": self._required("VAULT_ROLE", role), "jwt": self._required("VAULT_JWT_FILE", token)}
            case method:
                assert_never(method)

    def _jwt(self, default: Path | None) -> str | None:
        if self.jwt:
            return self.jwt
        path = self.jwt_file or default
        if path is None:
            return None
        try:
            return path.read_text().strip()
        except OSError as error:
            raise VaultLoginRefused(
                f"the token for the login to Vault cannot be read from {path}: "
                "the operator has to mount it there, or name another file in VAULT_JWT_FILE"
            ) from error

    def _required(self, name: str, value: str | None) -> str:
        if not value:
            raise VaultLoginRefused(f"{name} is not set, and VAULT_AUTH_METHOD={self.method} needs it")
        return value
