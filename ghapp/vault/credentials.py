"""Combine the secrets from Vault into the variables for one run of a root module."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ghapp.vault.errors import SecretPathInvalid, SecretsContradict, SecretsMissing
from ghapp.vault.sources import DEFAULT_SOURCES, SecretSource

Json = Any
"""A JSON value, as in Vault and in a variable."""

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Secrets as Terraform variables (`tfvars`) and environment variables (`env`), and all texts to mask (`values`).

    `origins` maps each name to its path, for messages: paths are not secret. `requested` are the variables that an
    entry of the config asks for. The default entry does not count, since it takes every secret.
    """

    tfvars: Mapping[str, Json] = field(default_factory=dict, repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: frozenset[str] = field(default=frozenset(), repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)
    requested: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret from Vault, and the config entry that requested it."""

    path: str
    source: SecretSource
    data: Mapping[str, Json] = field(repr=False)


def combine_secrets(secrets: Iterable[Secret]) -> Credentials:
    """Sort secrets into variables and environment variables.

    Raises SecretsContradict if two give one name different values, SecretsMissing if a key that the config names is
    not in its secret, and SecretPathInvalid if a key or its value cannot be an environment variable.
    """
    tfvars: dict[str, Json] = {}
    env: dict[str, str] = {}
    tfvars_origins: dict[str, str] = {}
    env_origins: dict[str, str] = {}
    values: set[str] = set()
    requested: set[str] = set()
    for secret in secrets:
        for name, value in _select_keys(secret).items():
            values.update(_texts(value))
            if secret.source.form == "tfvars":
                requested.update([name] if secret.source != DEFAULT_SOURCES[0] else ())
                _put(tfvars, name, value, secret.path, tfvars_origins)
            elif value is not None:
                text = _environment_text(name, value, secret.path)
                values.add(text)
                _put(env, name, text, secret.path, env_origins)
    origins = {**env_origins, **tfvars_origins}
    return Credentials(
        tfvars=tfvars, env=env, values=frozenset(values - {""}), origins=origins, requested=frozenset(requested)
    )


def _select_keys(secret: Secret) -> dict[str, Json]:
    source = secret.source
    names = dict(source.map)
    if source.field is not None:
        names = {source.field: source.map.get(source.field, source.field)}
    if not names:
        return dict(secret.data)
    for key in names:
        if key not in secret.data:
            raise SecretsMissing(
                f'the secret {secret.path} has no key "{key}", but `secrets` in '
                ".github/planward.yml asks for it: add it to the secret, or correct .github/planward.yml"
            )
    return {name: secret.data[key] for key, name in names.items()}


def _put(into: dict[str, Json], name: str, value: Json, path: str, origins: dict[str, str]) -> None:
    if name in into and json.dumps(into[name], sort_keys=True) != json.dumps(value, sort_keys=True):
        raise SecretsContradict(
            f'two secrets give "{name}" different values: {origins[name]} and {path}. '
            "Remove the key from one of them, or rename it with map in .github/planward.yml"
        )
    if name not in into:
        into[name] = value
        origins[name] = path


def _environment_text(name: str, value: Json, path: str) -> str:
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise SecretPathInvalid(
            f'the key "{name[:60]}" of the secret {path} cannot be an environment variable\'s name: '
            "rename it, or give it a name with map in .github/planward.yml"
        )
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "\0" in text:
        raise SecretPathInvalid(
            f'the key "{name}" of the secret {path} contains a NUL, and no environment variable can contain one: '
            "correct it in Vault"
        )
    return text


def _texts(value: Json) -> set[str]:
    """Return every text in which a value may appear. Booleans and null are not secret."""
    match value:
        case bool() | None:
            return set()
        case str():
            return {value} | _texts_within(value)
        case int() | float():
            return {json.dumps(value)}
        case list():
            return set[str]().union(*(_texts(item) for item in value))
        case dict():
            return set[str]().union(*(_texts(item) for item in value.values()))
        case _:
            raise TypeError(type(value).__name__)


def _texts_within(text: str) -> set[str]:
    """Return the texts that `jsondecode` can extract from a JSON secret, such as a service account's private key."""
    if not text.lstrip().startswith(("{", "[")):
        return set()
    try:
        return _texts(json.loads(text))
    except (ValueError, RecursionError):
        return set()
