"""Which secrets are read, and as what: the lines of the config's `secrets`."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ghapp.vault.errors import SecretPathInvalid

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """One line of `secrets`. `path` may hold `{team}`, `{branch}` and `{environment}`, and end in `/*`.

    `field` takes this one key of a secret. `map` takes the keys that it names, each under the name that it gives.
    """

    path: str
    form: Literal["tfvars", "env"] = "tfvars"
    field: str | None = None
    map: Mapping[str, str] = dataclasses.field(default_factory=dict)


DEFAULT_SOURCES = (
    SecretSource(path="kv/{team}/{branch}/*", form="tfvars"),
    SecretSource(path="kv/{team}/{branch}/env", form="env"),
)
"""What is read where the config says nothing about secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledSource:
    """A source with a path that can be asked for: no placeholder, every segment sound. `prefix` for `PATH/*`."""

    source: SecretSource
    path: str
    is_prefix: bool

    @property
    def may_be_missing(self) -> bool:
        """Whether it is no failure that nothing is there: the environment variables beside the variables are optional.

        Only `…/env` read whole is meant; whoever names a key expects it.
        """
        whole = self.source.field is None and not self.source.map
        return not self.is_prefix and self.source.form == "env" and whole and self.path.endswith("/env")

    def covers(self, path: str) -> bool:
        """Whether this line names a secret, by itself or with others."""
        return path.startswith(f"{self.path}/") if self.is_prefix else path == self.path


def encode_branch(branch: str) -> str:
    """Write a branch as one segment of a path: `/` becomes `~`, which no branch can hold."""
    return branch.replace("/", "~")


def fill(template: str, values: Mapping[str, str], *, what: str) -> str:
    """Fill placeholders in. Raises SecretPathInvalid on an unknown one and on a value that is not one sound segment."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            known = ", ".join(f"{{{known}}}" for known in values)
            raise SecretPathInvalid(f'{what} "{template}" holds {{{name}}}, which is not known: there are {known}')
        check_segment(values[name], f"{{{name}}} in {what}")
        return values[name]

    return _PLACEHOLDER.sub(value, template)


def fill_source(source: SecretSource, values: Mapping[str, str]) -> FilledSource:
    """Give a source's path with everything filled in. Raises SecretPathInvalid."""
    path = fill(source.path, values, what="the secrets' path")
    is_prefix = path.endswith("/*")
    path = path.removesuffix("/*")
    segments = path.split("/")
    for segment in segments:
        check_segment(segment, f'the secrets\' path "{path}"')
    if len(segments) < 2 and not is_prefix:
        raise SecretPathInvalid(f'the secrets\' path "{path}" names a mount alone: write MOUNT/PATH')
    return FilledSource(source=source, path=path, is_prefix=is_prefix)


def check_segment(segment: str, where: str) -> None:
    """Raise SecretPathInvalid where a segment would lead to another path than the one that is written.

    HTTP clients resolve "." and ".." on their own, and policies read "*" and "+" as patterns.
    """
    if segment in ("", ".", "..") or any(character in "/*" or not character.isprintable() for character in segment):
        raise SecretPathInvalid(f'{where} has the part "{segment[:60]}", which no path in Vault may have')


def narrower(filled: FilledSource, others: Sequence[FilledSource]) -> tuple[FilledSource, ...]:
    """Give the lines that name part of what `filled` covers, more narrowly: to them it is left."""
    if not filled.is_prefix:
        return ()
    return tuple(other for other in others if other is not filled and filled.covers(other.path))
