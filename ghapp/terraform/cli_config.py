"""Terraform's CLI configuration for one root run: the operator's, plus the sources of providers.

It always has a block `provider_installation`. Without one, Terraform would also look for providers in the working
directory (`terraform.d/plugins`), which the repository controls.

https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ghapp.foreign_json import UnreadableJson, read_any_json

_OWN = "disable_checkpoint = true\n"
_INSTALLATION = re.compile(r"^[ \t]*provider_installation[ \t]*\{", re.MULTILINE)
# Removed from the operator's configuration: if Terraform itself could write to a cache, so could the programs that a
# plan runs.
_CACHE = re.compile(r"^[ \t]*plugin_cache_(?:dir|may_break_dependency_lock_file)\b.*$", re.MULTILINE)
_SYSTEM = (Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins"))
"""Terraform's default directories, except the working directory and the home directory."""


def cli_config(operators: str | None, cache: Path | None = None, offered: Sequence[str] = ()) -> str:
    """Return the text of a run's CLI configuration, in which the `offered` cached providers precede other sources."""
    mirrors = [(cache, tuple(offered))] if cache is not None and offered else []
    if operators is not None and operators.lstrip().startswith("{"):
        return _in_json(operators, mirrors)
    text = _OWN if operators is None else _CACHE.sub("", operators)
    found = _INSTALLATION.search(text)
    if found:
        return text[: found.end()] + "\n" + _blocks(mirrors) + text[found.end() :]
    system = _system_mirrors()
    there = json.dumps(_names_in(system))
    direct = f"  direct {{\n    exclude = {there}\n  }}\n" if system else "  direct {}\n"
    return f"{text}\nprovider_installation {{\n{_blocks([*mirrors, *system])}{direct}}}\n"


def _in_json(operators: str, mirrors: Sequence[tuple[Path, Sequence[str]]]) -> str:
    try:
        document = read_any_json(operators)
    except UnreadableJson:
        return operators  # Terraform reports what is wrong with it
    if not isinstance(document, dict):
        return operators
    document.pop("plugin_cache_dir", None)
    document.pop("plugin_cache_may_break_dependency_lock_file", None)
    if "provider_installation" not in document:
        system = _system_mirrors()
        methods: dict[str, Any] = {}  # in this order, Terraform looks for a version that several of them offer
        if mirrors or system:
            methods["filesystem_mirror"] = [
                {"path": str(path), "include": list(names)} for path, names in (*mirrors, *system)
            ]
        methods["direct"] = [{"exclude": _names_in(system)} if system else {}]
        document["provider_installation"] = [methods]
    return json.dumps(document)


def _system_mirrors() -> list[tuple[Path, tuple[str, ...]]]:
    found = []
    for place in _SYSTEM:
        names = sorted("/".join(each.relative_to(place).parts) for each in place.glob("*/*/*"))
        if names:
            found.append((place, tuple(names)))
    return found


def _names_in(mirrors: Sequence[tuple[Path, Sequence[str]]]) -> list[str]:
    return sorted({name for _, names in mirrors for name in names})


def _blocks(mirrors: Sequence[tuple[Path, Sequence[str]]]) -> str:
    return "".join(
        f"  filesystem_mirror {{\n    path    = {json.dumps(str(path))}\n"
        f"    include = {json.dumps(list(names))}\n  }}\n"
        for path, names in mirrors
    )
