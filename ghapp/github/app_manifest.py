"""`app.yml`: the App's registration, in the format of GitHub's manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

OPTIONAL = frozenset({"administration"})
"""Permissions that Planward can do without; `planward doctor` then sees less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifest:
    """The permissions and events that the App requests, and the whole document."""

    permissions: Mapping[str, str]
    events: tuple[str, ...]
    document: Mapping[str, Any]


@cache
def read_app_manifest() -> AppManifest:
    """Read the `app.yml` in Planward's package.

    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
    """
    document = YAML(typ="safe", pure=True).load((files("ghapp") / "app.yml").read_bytes())
    return AppManifest(
        permissions=document["default_permissions"], events=tuple(document["default_events"]), document=document
    )
