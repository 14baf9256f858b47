"""The providers and modules that an init has installed for a root module."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.terraform.errors import TerraformError

_MOST_BYTES = 32 * 1024 * 1024


class _Module(msgspec.Struct):
    source: str = msgspec.field(name="Source", default="")


class _Modules(msgspec.Struct):
    modules: list[_Module] = msgspec.field(name="Modules", default_factory=list)


def installed_providers(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """Return each provider (HOST/NAMESPACE/TYPE) and its package's directory, which is a link if the cache has it."""
    top = data_dir / "providers"
    for place in sorted(top.glob("*/*/*/*/*")):
        yield "/".join(place.relative_to(top).parts[:3]), place


def installed_modules(data_dir: Path) -> tuple[str, ...]:
    """Return the source of each module, including those that modules call. Raises TerraformError.

    https://github.com/hashicorp/terraform/blob/v1.11.4/internal/modsdir/manifest.go
    """
    try:
        opened = os.open(data_dir / "modules" / "modules.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(opened, "rb") as file:  # noqa: PTH123
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise TerraformError(
            f"the list of modules that init wrote cannot be read ({type(error).__name__}): press Re-run to try again"
        ) from None
    try:
        if len(content) > _MOST_BYTES:
            raise UnreadableJson("too large")
        return tuple(module.source for module in read_json(content, _Modules).modules)
    except UnreadableJson as error:
        raise TerraformError(
            f"the list of modules that init wrote cannot be read ({error}): press Re-run to try again"
        ) from None
