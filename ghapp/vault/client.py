"""One connection to Vault. Blocking: it is called in threads. Only this file uses hvac.

hvac's exceptions contain the URL and body, so none of their text leaves this file.
"""

import base64
import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import hvac  # type: ignore[import-untyped]
import hvac.exceptions  # type: ignore[import-untyped]
import requests
import stamina

from ghapp.vault.errors import (
    SecretsMissing,
    VaultDenied,
    VaultError,
    VaultFault,
    VaultLoginRefused,
    VaultSealed,
    VaultUnreachable,
)
from ghapp.vault.settings import VaultSettings

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0
_TO_READ = "the policy of Planward's login must allow read there and list on the folders"
_TO_WRITE = "the policy of Planward's login must allow create and update there"
_TO_SIGN = "the policy of Planward's login must allow update there, and the key has to exist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """The mount of a secrets engine (`path` without the last "/"), and how to read it."""

    path: str
    engine: Literal["kv1", "kv2", "other"]

    def below(self, path: str) -> str:
        return path.removeprefix(self.path).lstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Vault's answer for a path; the lease is empty for secrets without expiry."""

    data: Mapping[str, Any] = field(repr=False)
    lease_id: str = ""
    lease_duration_s: int = 0
    renewable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The lifetime of a login's token. A token whose duration is 0 does not expire."""

    duration_s: int
    renewable: bool


class Client:
    """The client of one session. It is never shared, since hvac writes the token of a login into it."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._client = hvac.Client(
            url=settings.address,
            # Never None: if it is None, hvac looks for a token in the environment and in the home directory.
            token=settings.token or "" if settings.method == "token" else "",
            namespace=settings.namespace,
            verify=str(settings.ca_cert) if settings.ca_cert else True,
            timeout=settings.timeout_s,
        )

    def close(self) -> None:
        self._client.adapter.close()

    def require_unsealed(self) -> None:
        """Check whether Vault answers and is unsealed; sends no token. Raises VaultUnreachable, VaultSealed."""
        url = f"{self._settings.address}/v1/sys/health"
        verify = str(self._settings.ca_cert) if self._settings.ca_cert else True
        asked = {"standbyok": "true", "perfstandbyok": "true"}
        try:
            answer = requests.get(url, params=asked, verify=verify, timeout=self._settings.timeout_s)
        except requests.RequestException:
            raise VaultUnreachable(f"Vault ({self._settings.host}) cannot be reached") from None
        if answer.status_code >= 500:
            raise self._sealed()

    def log_in(self, role: str) -> Login | None:
        """Log in; None if the operator's own token is used. Raises VaultError."""
        if self._settings.method == "token":
            return None
        mount = self._settings.auth_mount or self._settings.method
        body = self._settings.login_body(role)
        url = f"/v1/auth/{_quoted(mount.strip('/'))}/login"
        # If the answer to a login is lost, its token is never used and expires by itself.
        answer = self._repeat(f"auth/{mount}/login", lambda: self._client.adapter.post(url, json=body), login=True)
        auth = _part(answer, "auth")
        token = auth.get("client_token")
        if not isinstance(token, str):
            raise VaultLoginRefused(
                f"Vault ({self._settings.host}) returned no token for the login at auth/{mount}: the operator has "
                "to check this auth method, then press Re-run"
            )
        self._client.token = token
        return Login(duration_s=int(auth.get("lease_duration") or 0), renewable=bool(auth.get("renewable")))

    def mount_of(self, path: str) -> Mount:
        """Find the engine that serves a path, as Vault's own command line does. Raises VaultError."""
        answer = self._read(path, lambda: self._client.adapter.get(f"/v1/sys/internal/ui/mounts/{_quoted(path)}"))
        if answer is None:
            raise self._denied(path)
        data = _part(answer, "data")
        version = str((data.get("options") or {}).get("version", "1"))
        if data.get("type") not in ("kv", "generic"):
            return Mount(path=str(data.get("path", "")).rstrip("/"), engine="other")
        return Mount(path=str(data["path"]).rstrip("/"), engine="kv2" if version == "2" else "kv1")

    def list_secrets(self, mount: Mount, path: str) -> tuple[str, ...]:
        """Return the names directly below a path, folders with a trailing "/"; empty if there is nothing."""
        middle = "/metadata" if mount.engine == "kv2" else ""
        url = f"/v1/{_quoted(mount.path)}{middle}/{_quoted(mount.below(path))}"
        answer = self._read(f"{path}/", lambda: self._client.adapter.list(url.rstrip("/")))
        return tuple(_part(answer, "data").get("keys") or ()) if answer is not None else ()

    def read_secret(self, mount: Mount, path: str) -> Answer | None:
        """Read the newest version of one secret; None if there is none or it is deleted."""
        if mount.engine == "other":
            # If the answer is lost, its credentials are revoked with the login's token, or expire with their lease.
            return _answer(self._read(path, lambda: self._client.adapter.get(f"/v1/{_quoted(path)}")))
        middle = "/data" if mount.engine == "kv2" else ""
        url = f"/v1/{_quoted(mount.path)}{middle}/{_quoted(mount.below(path))}"
        answer = self._read(path, lambda: self._client.adapter.get(url))
        if answer is None or mount.engine == "kv1":
            return Answer(data=_part(answer, "data")) if answer is not None else None
        return Answer(data=_part(_part(answer, "data"), "data"))

    def require_writable(self, mount: Mount, path: str) -> None:
        """Raise VaultDenied if the token's policies do not allow writing a secret.

        If the policies forbid the token to query its own capabilities, nothing is raised.
        """
        middle = "/data" if mount.engine == "kv2" else ""
        asked = f"{mount.path}{middle}/{mount.below(path)}"
        try:
            answer = self._repeat(
                path, lambda: self._client.adapter.post("/v1/sys/capabilities-self", json={"paths": [asked]})
            )
        except VaultDenied:
            return
        held = set(_part(answer, "data").get(asked) or ())
        if "root" not in held and not held >= {"create", "update"}:
            raise self._denied(path, _TO_WRITE)

    def write_secret(self, mount: Mount, path: str, data: Mapping[str, str]) -> None:
        """Write one secret of a KV engine. KV version 2 also keeps the secret's previous values."""
        middle = "/data" if mount.engine == "kv2" else ""
        url = f"/v1/{_quoted(mount.path)}{middle}/{_quoted(mount.below(path))}"
        body = {"data": dict(data)} if mount.engine == "kv2" else dict(data)
        with self._translate_errors(path, needs=_TO_WRITE):
            self._client.adapter.post(url, json=body)

    def sign(self, key: str, message: bytes) -> bytes:
        """Sign with a key of the transit engine: RSASSA-PKCS1-v1_5 with SHA-256."""
        mount, _, name = key.rpartition("/")
        path = f"{mount or 'transit'}/sign/{name}"
        body = {
            "input": base64.b64encode(message).decode(),
            "hash_algorithm": "sha2-256",
            "signature_algorithm": "pkcs1v15",
        }
        answer = self._repeat(
            path, lambda: self._client.adapter.post(f"/v1/{_quoted(path)}", json=body), needs=_TO_SIGN
        )
        # vault:VERSION:BASE64
        return base64.b64decode(str(_part(answer, "data").get("signature", "")).rpartition(":")[2])

    def renew_lease(self, lease_id: str, path: str) -> int:
        """Extend a lease, and return its new duration in seconds."""
        answer = self._repeat(path, lambda: self._client.sys.renew_lease(lease_id))
        return int(answer.get("lease_duration") or 0)

    def renew_token(self) -> int:
        """Extend the token, and return its new duration in seconds."""
        answer = self._repeat("auth/token/renew-self", self._client.auth.token.renew_self)
        return int(_part(answer, "auth").get("lease_duration") or 0)

    def revoke_lease(self, lease_id: str, path: str) -> None:
        self._repeat(path, lambda: self._client.sys.revoke_lease(lease_id))

    def revoke_token(self) -> None:
        """Revoke the token. If Vault does not know the token, an earlier attempt has already revoked it."""
        with contextlib.suppress(VaultLoginRefused):
            self._repeat("auth/token/revoke-self", self._client.auth.token.revoke_self)

    def _read(self, path: str, ask: Callable[[], Any]) -> Any:
        """Query, with retries; None if there is nothing."""

        def read() -> Any:
            try:
                return ask()
            except hvac.exceptions.InvalidPath:
                return None

        return self._repeat(path, read)

    def _repeat(self, path: str, ask: Callable[[], Any], *, login: bool = False, needs: str = _TO_READ) -> Any:
        """Repeat until Vault answers, and give up after the settings' `patience_s`."""
        attempts = stamina.retry_context(
            on=(VaultUnreachable, VaultFault),
            attempts=None,
            timeout=self._settings.patience_s,
            wait_initial=_FIRST_PAUSE_S,
            wait_max=_LONGEST_PAUSE_S,
            wait_jitter=_FIRST_PAUSE_S,
        )
        for attempt in attempts:
            with attempt, self._translate_errors(path, login=login, needs=needs):
                return ask()
        raise AssertionError("stamina ends with a value or an error")

    @contextmanager
    def _translate_errors(self, path: str, *, login: bool = False, needs: str = _TO_READ) -> Iterator[None]:
        host = self._settings.host
        error: VaultError
        try:
            yield
            return
        except (hvac.exceptions.VaultDown, hvac.exceptions.VaultNotInitialized) as down:
            # A load balancer also answers 503 if Vault is unavailable for a moment.
            sealed = isinstance(down, hvac.exceptions.VaultNotInitialized) or "sealed" in str(down.errors)
            error = self._sealed() if sealed else self._fault(path)
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized, hvac.exceptions.InvalidRequest):
            error = self._login_refused(path) if login else self._denied(path, needs)
        except hvac.exceptions.InvalidPath:
            error = self._login_refused(path) if login else SecretsMissing(f"Vault ({host}) has nothing at {path}")
        except hvac.exceptions.VaultError:
            error = self._fault(path)
        except requests.exceptions.SSLError:
            error = VaultUnreachable(
                f"Vault ({host}) has a certificate that is not trusted: the operator has to name its CA in "
                "VAULT_CACERT. Press Re-run afterwards"
            )
        except requests.RequestException:
            error = VaultUnreachable(
                f"Vault ({host}) cannot be reached: the operator has to check that VAULT_ADDR is right and "
                "Vault is up. Press Re-run afterwards"
            )
        # Raise it outside of the `except`, and from None, so that no traceback contains hvac's exception.
        raise error from None

    def _sealed(self) -> VaultSealed:
        return VaultSealed(
            f"Vault ({self._settings.host}) is sealed: the operator has to unseal it. Press Re-run afterwards"
        )

    def _fault(self, path: str) -> VaultFault:
        return VaultFault(
            f"Vault ({self._settings.host}) failed when asked for {path}: the operator has to look at its log. "
            "Press Re-run afterwards"
        )

    def _denied(self, path: str, needs: str = _TO_READ) -> VaultError:
        if not self._token_is_good():
            return VaultLoginRefused(
                f"Vault ({self._settings.host}) does not accept Planward's token: the operator has to set a "
                "new VAULT_TOKEN. Press Re-run afterwards"
            )
        return VaultDenied(f"Vault ({self._settings.host}) denies Planward access to {path}: {needs}")

    def _login_refused(self, path: str) -> VaultLoginRefused:
        return VaultLoginRefused(
            f"Vault ({self._settings.host}) refuses Planward's login at {path}: the operator has to check the role and "
            "its credentials. Press Re-run afterwards"
        )

    def _token_is_good(self) -> bool:
        try:
            self._client.adapter.get("/v1/auth/token/lookup-self")
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized):
            return False
        except (hvac.exceptions.VaultError, requests.RequestException):
            return True
        return True


def _answer(answer: Any) -> Answer | None:
    if answer is None:
        return None
    return Answer(
        data=_part(answer, "data"),
        lease_id=str(answer.get("lease_id") or ""),
        lease_duration_s=int(answer.get("lease_duration") or 0),
        renewable=bool(answer.get("renewable")),
    )


def _part(answer: Any, name: str) -> Mapping[str, Any]:
    part = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(part, Mapping):
        raise VaultFault("Vault gave an answer that Planward cannot read: does VAULT_ADDR point at Vault itself?")
    return part


def _quoted(path: str) -> str:
    return quote(path, safe="/")
