"""The engine version that a repository pins for version managers: tfenv, tofuenv, asdf and mise.

The nearest file counts, from the root module's directory up to the root of the repository.

https://github.com/tfutils/tfenv#terraform-version-file
https://github.com/tofuutils/tofuenv#opentofu-version-file
https://asdf-vm.com/manage/configuration.html#tool-versions
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from ghapp.root_modules.settings import Tree, possible_version_files
from ghapp.terraform import EnginePin, Product

_ONE_VERSION: Final[Mapping[str, Product]] = {".terraform-version": "Terraform", ".opentofu-version": "OpenTofu"}
_TOOLS: Final[Mapping[str, Product]] = {"terraform": "Terraform", "opentofu": "OpenTofu"}
_MOST_BYTES: Final = 64 * 1024
_EXACT = re.compile(r"v?([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?:-[0-9A-Za-z.-]{1,100})?)")
"""An exact version. Anything else (`latest`, `latest:^1.9`, `min-required`) pins none."""


def version_files(directories: Collection[str], tree: Tree) -> frozenset[str]:
    """The version files that apply to root modules, after following symlinks."""
    return frozenset(real for directory in directories for _, real in _nearest(directory, tree))


def read_pins(directory: str, tree: Tree, contents: Mapping[str, bytes]) -> tuple[EnginePin, ...]:
    """The versions that are pinned for a root module; `contents` are those of `version_files`."""
    return tuple(pin for path, real in _nearest(directory, tree) for pin in _pins(path, contents[real]))


def _nearest(directory: str, tree: Tree) -> Iterator[tuple[str, str]]:
    """The nearest file of each kind, and its real path after following symlinks."""
    found: dict[str, tuple[str, str]] = {}
    for path in possible_version_files(directory):
        real = tree.real(path)
        if real is not None:
            found.setdefault(path.rpartition("/")[2], (path, real))
    yield from found.values()


def _pins(path: str, content: bytes) -> Iterator[EnginePin]:
    lines = [line.partition("#")[0].split() for line in content[:_MOST_BYTES].decode(errors="replace").split("\n")]
    product = _ONE_VERSION.get(path.rpartition("/")[2])
    if product is not None:
        found = [(product, words[0]) for words in lines if words][:1]
    else:
        found = [(_TOOLS[words[0]], words[1]) for words in lines if len(words) > 1 and words[0] in _TOOLS]
    for each, written in found:
        version = _EXACT.fullmatch(written)
        if version is not None:
            yield EnginePin(path=path, product=each, version=version[1])
