"""Decide which sources providers and modules may come from: the operator's PLANWARD_SOURCES.

https://developer.hashicorp.com/terraform/language/providers/requirements#source-addresses
https://developer.hashicorp.com/terraform/language/modules/sources
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from checks.wildcards import Wildcards

SETTING = "PLANWARD_SOURCES"
REGISTRIES = "registries"
"""The word for every provider and module in a registry."""

_REGISTRY_MODULE = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[a-z0-9]+")
_UP = re.compile(r"(?:^|[/\\])(?:\.|%2e){2}(?:[/\\]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSources:
    """The providers and modules that root modules may use: those that fit `patterns`, by default any in a registry."""

    patterns: tuple[str, ...] = (REGISTRIES,)

    def refusal(self, providers: Iterable[str], modules: Iterable[str]) -> str | None:
        """Say why these may not be used, and what to do about it; None if they may.

        `providers` are HOST/NAMESPACE/TYPE. `modules` are in Terraform's notation: `./` and `../` for local ones,
        HOST/NAMESPACE/NAME/SYSTEM for a registry, otherwise for example `git::https://HOST/PATH//DIRECTORY?ref=v1`.
        """
        refused = [f"the provider {each}" for each in sorted(set(providers)) if not self._allows(each, True)]
        wanted = {address_of(each) for each in modules if not _is_local(each)}
        refused += [
            f"the module {each}"
            for each in sorted(wanted)
            if not self._allows(each, bool(_REGISTRY_MODULE.fullmatch(each)))
        ]
        if not refused:
            return None
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        return (
            f"it uses {refused[0][:300]}{more}, which the operator does not allow: use another, or ask the operator to "
            f"add it to {SETTING}; then press Re-run"
        )

    def _allows(self, address: str, is_in_registry: bool) -> bool:
        return any(self._fits(pattern, address, is_in_registry) for pattern in self.patterns)

    def _fits(self, pattern: str, address: str, is_in_registry: bool) -> bool:
        if pattern == REGISTRIES:
            return is_in_registry
        # Terraform would resolve "..", and download from outside of the pattern's path.
        leads_up = _UP.search(address) is not None
        return pattern == "**" or (not leads_up and Wildcards(pattern).matches(address))


def read_sources(words: Collection[str]) -> AllowedSources | None:
    """Read the patterns: `*` stands for any part of one path segment, `**` for anything. None without patterns."""
    return AllowedSources(patterns=tuple(words)) if words else None


def address_of(source: str) -> str:
    """A module's source without its `//DIRECTORY` and its `?ref=…`."""
    address = source.partition("?")[0]
    scheme, separator, rest = address.rpartition("://")
    return scheme + separator + rest.partition("//")[0]


def _is_local(source: str) -> bool:
    return source in ("", ".", "..") or source.startswith(("./", "../"))
