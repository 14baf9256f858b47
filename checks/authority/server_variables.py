"""Decide which of the server's own environment variables Terraform gets, by the operator's PLANWARD_TERRAFORM_ENV."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from checks.authority.teams import RepositoryIdentity, fits_repository
from checks.wildcards import Wildcards

SETTING: Final = "PLANWARD_TERRAFORM_ENV"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_NEVER: Final = ("PLANWARD_", "VAULT_")
_FOR_ALL: Final = re.compile(
    r"\w{0,60}(?:PROXY|CA_BUNDLE|CA_FILE|CERT_FILE|CERT_DIR|CAINFO|CAPATH|REGION|ZONE|LOCATION|ENDPOINT_URL\w{0,60})",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry: `OWNER/REPO:ENVIRONMENT:OPERATION:NAME`, each a pattern."""

    repository: str
    environment: str
    operation: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVariables:
    """The rules for passing variables to Terraform, and the variables of the server, by name."""

    for_all: tuple[str, ...] = ()
    """The names that every root run gets."""
    rules: tuple[Rule, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def given(self, repository: RepositoryIdentity, environment: str, operation: str) -> dict[str, str]:
        """The server's variables that a root run gets, with their values; those that are not set are left out."""
        names = [
            rule.name
            for rule in self.rules
            if fits_repository(rule.repository, repository)
            and Wildcards(rule.environment, ("*",)).matches(environment)
            and Wildcards(rule.operation, ("*",)).matches(operation)
        ]
        return self._present([*self.for_all, *names])

    def all_named(self) -> dict[str, str]:
        """All of the server's variables that some root run may get, with their values."""
        return self._present([*self.for_all, *(rule.name for rule in self.rules)])

    def _present(self, names: Collection[str]) -> dict[str, str]:
        patterns = [Wildcards(name, ("*",)) for name in names]
        return {
            name: value
            for name, value in self.environ.items()
            if not name.startswith(_NEVER) and any(pattern.matches(name) for pattern in patterns)
        }


def secrets_of(given: Mapping[str, str]) -> Iterator[str]:
    """The values of the variables that are probably secrets, judging by their names."""
    yield from (value for name, value in given.items() if _SECRET.search(name))


def read_server_variables(words: Collection[str], environ: Mapping[str, str]) -> ServerVariables:
    """Read the entries. Raises ValueError, with a text for people, for the first invalid one."""
    for_all: list[str] = []
    rules: list[Rule] = []
    for word in words:
        repository, *rest = word.split(":")
        name = rest[-1] if rest else repository
        if rest and len(rest) != 3:
            raise ValueError(f'"{word}" must be OWNER/REPO:ENVIRONMENT:OPERATION:NAME, or a NAME alone')
        if not _NAME.fullmatch(name):
            raise ValueError(f'"{word}": "{name}" is not the name of a variable; it may end in *')
        if any(name.startswith(never) or never.startswith(name.removesuffix("*")) for never in _NEVER):
            raise ValueError(f'"{word}": the variables of Planward and Vault are never passed to Terraform')
        if not rest:
            if not _FOR_ALL.fullmatch(name):
                raise ValueError(
                    f'"{word}" alone would give it to every repository, which is allowed only for proxies, CA files '
                    f"and regions: write OWNER/REPO:ENVIRONMENT:OPERATION:{name}"
                )
            for_all.append(name)
            continue
        environment, operation, _ = rest
        if operation not in ("plan", "apply", "*"):
            raise ValueError(f'"{word}": the operation must be plan, apply or *, not "{operation}"')
        rules.append(Rule(repository=repository, environment=environment, operation=operation, name=name))
    return ServerVariables(for_all=tuple(for_all), rules=tuple(rules), environ=dict(environ))
