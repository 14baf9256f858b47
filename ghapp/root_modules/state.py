"""The location of a root module's state, as far as its backend block and its backend files determine it.

Only settings that locate a state are compared: two environments that differ only in `encrypt` share a state. For a
backend that is not listed here, all settings are compared.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec

from checks.configuration.file_facts import Backend
from checks.configuration.hcl import read_hcl
from checks.configuration.syntax import Computed
from ghapp.terraform import DEFAULT_WORKSPACE

_LOCATING_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "azurerm": ("storage_account_name", "container_name", "key", "environment"),
    "consul": ("address", "datacenter", "path"),
    "cos": ("region", "bucket", "prefix", "key"),
    "gcs": ("bucket", "prefix"),
    "http": ("address",),
    "kubernetes": ("host", "config_path", "config_context", "namespace", "secret_suffix"),
    "oss": ("region", "endpoint", "bucket", "prefix", "key"),
    "pg": ("conn_str", "schema_name"),
    "remote": ("hostname", "organization", "workspaces"),
    "s3": ("bucket", "key", "workspace_key_prefix", "endpoint", "endpoints"),
}
_REQUIRED_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "azurerm": ("storage_account_name", "container_name", "key"),
    "gcs": ("bucket",),
    "http": ("address",),
    "pg": ("conn_str",),
    "s3": ("bucket", "key"),
}
"""The settings that must be known before the states of different root modules can be compared."""

_UNREAD = "not a literal, in the file "
_SECRET: Final = frozenset({"conn_str", "address", "host"})
"""Settings that may contain a password. They are compared, but never shown."""


@dataclass(frozen=True, slots=True)
class StateLocation:
    """The location of a state. Equal identities mean the same state; `words` describes the location for people."""

    identity: str
    words: str
    is_certain: bool
    """Whether every setting that is needed to find the state is known. Only then is the location compared with
    those of other root modules."""


def effective_values(backend: Backend, files: Sequence[bytes]) -> dict[str, Any]:
    """The backend's attributes overridden by those of the backend files, as `terraform init` merges them.

    A value that is not a literal is represented by a hash of its file. So it equals only a value of an identical file.
    """
    values: dict[str, Any] = dict(backend.values)
    for content in files:
        values.update(_file_values(content))
    return values


@lru_cache(maxsize=10_000)
def _file_values(content: bytes) -> Mapping[str, Any]:
    """The settings in a backend file. They are cached, since every push reads thousands of them."""
    document = read_hcl(content)
    unread = f"{_UNREAD}{sha256(content).hexdigest()}"
    values: dict[str, Any] = {
        name: unread if isinstance(attribute.value, Computed) else attribute.value
        for name, attribute in document.attributes.items()
    }
    return values | {block.type: unread for block in document.blocks}


def literal_values(backend: Backend | None, files: Sequence[bytes]) -> dict[str, Any]:
    """The effective values that are literals; empty without a backend."""
    values = {} if backend is None else effective_values(backend, files)
    return {name: value for name, value in values.items() if not _is_unread(value)}


def locate(backend: Backend, files: Sequence[bytes], workspace: str) -> StateLocation:
    """The location of a workspace's state."""
    values = effective_values(backend, files)
    names = _LOCATING_SETTINGS.get(backend.type, tuple(sorted(values)))
    needed = _REQUIRED_SETTINGS.get(backend.type, ())
    if backend.type == "local":
        names = needed = ("path",) if workspace == DEFAULT_WORKSPACE else ("workspace_dir",)
    located = {name: values[name] for name in names if values.get(name) not in (None, "")}
    if backend.type == "local":
        located = {name: posixpath.normpath(str(value)) for name, value in located.items()}
    workspaces = located.get("workspaces")
    if backend.type == "remote" and isinstance(workspaces, dict) and workspaces.get("name"):
        workspace = DEFAULT_WORKSPACE  # the block names one remote workspace, so the selected one does not matter
    shown = ", ".join(f"{name} {_shown(name, value)}" for name, value in located.items())
    return StateLocation(
        identity=msgspec.json.encode([backend.type, located, workspace], order="sorted").decode(),
        words=f'backend {backend.type}{f" ({shown})" if shown else ""}, workspace "{workspace}"',
        is_certain=bool(needed) and located.keys() >= set(needed),
    )


def lost_state_cause(
    directory: str, environment: str, backend: Backend | None, files: Sequence[bytes], workspace: str
) -> str | None:
    """Why a root module's state would be lost, or stored where Planward cannot use it; None if it is safe."""
    if backend is None:
        return (
            f"{directory} has no backend block: its state would be stored in the checkout and be lost; add one "
            "(such as s3, gcs or azurerm, or local with an absolute workspace_dir of its own)"
        )
    where = f"{backend.path}:{backend.line}"
    if backend.type == "cloud":
        return (
            f"{directory} has a cloud block ({where}), which runs Terraform elsewhere and picks its "
            "workspace itself; use a backend block"
        )
    if backend.type != "local":
        return None
    values = effective_values(backend, files)
    if workspace == DEFAULT_WORKSPACE:
        path = values.get("path")
        if isinstance(path, str) and path.startswith("/"):
            return None
        shown = f'"{path}"' if isinstance(path, str) and path else '"terraform.tfstate"'
        return (
            f"{directory} in {environment}: the local backend ({where}) keeps the state at {shown}, in the checkout, "
            "where it would be lost; give it an absolute path or use a remote backend"
        )
    workspace_dir = values.get("workspace_dir")
    if isinstance(workspace_dir, str) and workspace_dir.startswith("/"):
        return None
    return (
        f'{directory} in {environment}: the local backend ({where}) ignores path in the workspace "{workspace}", and '
        "its state would be stored in the checkout and be lost; give it an absolute workspace_dir, or an absolute path "
        "in "
        f"{environment}.backend.hcl (the workspace is then default), or use a remote backend"
    )


def _shown(name: str, value: object) -> str:
    if name in _SECRET or _is_unread(value):
        return "…"
    return f'"{value}"' if isinstance(value, str) else msgspec.json.encode(value).decode()


def _is_unread(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_UNREAD)
