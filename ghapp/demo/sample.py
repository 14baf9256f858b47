"""A sample infrastructure repository, its initial states, and changes to try on it.

It has three root modules that share a module. It needs no provider except Terraform's built-in one, and has a local
backend. Its files are package data. Values that depend on the machine are filled in when the files are read: a local
backend needs an absolute path.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

ENVIRONMENTS = ("testing", "staging", "production")
TEAM = "shop"

Secrets = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Values by environment, secret and key. The path of a secret is `kv/shop/ENVIRONMENT/SECRET`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposed change: the files that differ, on its own branch."""

    branch: str
    title: str
    body: str
    files: Mapping[str, bytes]


def render_sample(state_dir: Path) -> Mapping[str, bytes]:
    """The repository's files by path. The states will be below `state_dir`, which must be absolute."""
    if not state_dir.is_absolute():
        raise ValueError(f"a local backend needs an absolute path: {state_dir}")
    directory = str(state_dir).encode()
    return {
        path.replace("dot-", "."): content.replace(b"@STATES@", directory)
        for path, content in _read(_sample() / "repository")
    }


def render_states(state_dir: Path, values: Secrets) -> Mapping[str, bytes]:
    """The states of staging and production from before Planward, by their paths below `state_dir`.

    Testing has none: the first merge applies all root modules there, in order.
    """
    rendered = {}
    for path, content in _read(_sample() / "states"):
        environment = Path(path).stem
        password = values[environment]["database"]["database_password"]
        placed = content.replace(b"@STATES@", str(state_dir).encode())
        rendered[path] = placed.replace(b"@PASSWORD@", password.encode())
    return rendered


def make_secrets() -> Secrets:
    """New random secrets for every environment, which the demo puts into Vault."""
    return {name: {"database": {"database_password": secrets.token_urlsafe(18)}} for name in ENVIRONMENTS}


def _sample() -> Traversable:
    return files("ghapp.demo") / "sample"


def _read(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(directory.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


# -- changes -------------------------------------------------------------------------------------------------------


def failing_change(sample: Mapping[str, bytes]) -> Change:
    """A change that fails to plan: it uses an undeclared variable."""
    settings = "  settings    = { network = terraform_data.network.output.name }\n"
    zoned = "  settings    = { network = terraform_data.network.output.name, zone = var.zone }\n"
    return Change(
        branch="subnet-zones",
        title="Set the zone of each subnet",
        body="So far, the provider chooses the zone.",
        files={"network/main.tf": _replace(sample["network/main.tf"], settings, zoned)},
    )


def fix(sample: Mapping[str, bytes]) -> Change:
    """The commit after `failing_change` on the same branch: it declares the variable, with a default."""
    failing = failing_change(sample)
    declared = sample["network/variables.tf"] + b'\nvariable "zone" {\n  type    = string\n  default = "a"\n}\n'
    return Change(
        branch=failing.branch,
        title="Declare the zone",
        body="",
        files={**failing.files, "network/variables.tf": declared},
    )


def growing_change(sample: Mapping[str, bytes]) -> Change:
    """A change that adds a subnet, two services and a replica, and gives a service another image, which replaces it."""
    changed = {}
    for number, environment in enumerate(ENVIRONMENTS, start=1):
        network, app = f"network/env/{environment}.tfvars", f"app/env/{environment}.tfvars"
        subnet = f'  private = "10.{number}.16.0/20"\n'
        changed[network] = _replace(sample[network], subnet, f'{subnet}  search  = "10.{number}.32.0/20"\n')
        worker = '  worker = { image = "worker:2.3.0", replicas = 1 }\n'
        grown = _replace(
            sample[app],
            worker,
            '  worker = { image = "worker:2.4.0", replicas = 1 }\n'
            '  search = { image = "search:1.0.0", replicas = 1 }\n'
            '  cache  = { image = "cache:7.2.0", replicas = 1 }\n',
        )
        count = {"testing": 1, "staging": 2, "production": 4}[environment]
        web = '  web    = {{ image = "web:2.3.0", replicas = {} }}\n'
        changed[app] = _replace(grown, web.format(count), web.format(count + 1))
    return Change(
        branch="search",
        title="Add search, with a cache and a subnet of its own",
        body="Customers cannot search yet. The new version of the worker fills the index, so the worker is replaced.",
        files=changed,
    )


def shrinking_change(sample: Mapping[str, bytes]) -> Change:
    """A change after `growing_change` that destroys a service in staging. Testing keeps it, so its plan is empty."""
    path = "app/env/staging.tfvars"
    grown = growing_change(sample).files[path]
    cache = '  cache  = { image = "cache:7.2.0", replicas = 1 }\n'
    return Change(
        branch="no-cache-in-staging",
        title="Remove the cache from staging",
        body="In staging, nobody measures how fast search is.",
        files={path: _replace(grown, cache, "")},
    )


def _replace(content: bytes, old: str, new: str) -> bytes:
    text = content.decode()
    if text.count(old) != 1:
        raise ValueError(f"the sample must contain {old!r} exactly once")
    return text.replace(old, new).encode()
