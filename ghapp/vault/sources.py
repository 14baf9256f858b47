"""The entries of the config's `secrets`: which secrets to read, and what for."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from checks.wildcards import Wildcards
from ghapp.vault.errors import SecretPathInvalid, SecretPathNotAllowed

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """One entry of `secrets`. `path` may contain `{team}`, `{branch}`, `{environment}` and `{operation}`, and end in
    `/*`.

    `field` selects one key of a secret. `map` selects keys, each under a new name.
    """

    path: str
    form: Literal["tfvars", "env"] = "tfvars"
    field: str | None = None
    map: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultRun:
    """The run for which secrets are read. Its fields are the values of the placeholders in paths.

    `operation` is `plan`, `apply`, or Planward's own use of a secret, such as `sign` or `notify`.
    """

    team: str
    environment: str
    branch: str
    operation: str

    @property
    def values(self) -> dict[str, str]:
        """The placeholders of the config's paths."""
        branch = encode_branch(self.branch)
        return {"team": self.team, "branch": branch, "environment": self.environment, "operation": self.operation}

    @property
    def role_values(self) -> dict[str, str]:
        """The placeholders of VAULT_ROLE."""
        return {"team": self.team, "environment": self.environment, "operation": self.operation}


DEFAULT_SOURCES = (
    SecretSource(path="kv/{team}/{branch}/*", form="tfvars"),
    SecretSource(path="kv/{team}/{branch}/env", form="env"),
)
"""The default if the config has no `secrets`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledSource:
    """A source with a complete path: it has no placeholder, and every segment is valid.

    `is_prefix`: whether the entry is `PATH/*`.
    """

    source: SecretSource
    path: str
    is_prefix: bool

    @property
    def may_be_missing(self) -> bool:
        """Whether the secret is optional. Only `…/env` is, if its entry has the form `env` and names no keys."""
        whole = self.source.field is None and not self.source.map
        return not self.is_prefix and self.source.form == "env" and whole and self.path.endswith("/env")

    def covers(self, path: str) -> bool:
        """Whether this entry matches a secret, exactly or by its prefix."""
        return path.startswith(f"{self.path}/") if self.is_prefix else path == self.path


def encode_branch(branch: str) -> str:
    """Encode a branch as one segment of a path: `/` becomes `~`, which no branch can contain."""
    return branch.replace("/", "~")


def fill(template: str, values: Mapping[str, str], *, what: str) -> str:
    """Fill in the placeholders of a template.

    Raises SecretPathInvalid on an unknown placeholder, on a value that is not one valid segment, and if two
    placeholders of one segment are ambiguous: the team `acme` with the branch `pay-production` must not get the secrets
    of the team `acme-pay` for `production`.
    """
    before: re.Match[str] | None = None
    for found in _PLACEHOLDER.finditer(template):
        name = found[1]
        if name not in values:
            known = ", ".join(f"{{{known}}}" for known in values)
            raise SecretPathInvalid(
                f'{what} "{template}" contains {{{name}}}, which is not a placeholder: the placeholders are {known}'
            )
        check_segment(values[name], f"{{{name}}} in {what}")
        between = template[before.end() : found.start()] if before is not None else "/"
        if "/" not in between and between in values[name]:
            raise SecretPathInvalid(_describe_ambiguity(template, name, values[name], between, what))
        before = found
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def _describe_ambiguity(template: str, name: str, value: str, between: str, what: str) -> str:
    if not between:
        return f'{what} "{template}" has {{{name}}} right after another placeholder: write a "/" between them'
    return (
        f'{what} "{template}" cannot be used with the {name} "{value}": the value contains the "{between}" that stands '
        f'before {{{name}}}, so another team could have the same path. In the template, write "/" there, or a text '
        f"that no {name} contains"
    )


def fill_source(source: SecretSource, values: Mapping[str, str]) -> FilledSource:
    """Return a source with its path filled in. Raises SecretPathInvalid."""
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
    """Raise SecretPathInvalid if a segment could lead to a different path than the text suggests.

    HTTP clients resolve "." and "..". Policies, which may contain a repository's team and branch, treat a "*" and the
    segment "+" as patterns.
    """
    if segment in ("", ".", "..", "+") or any(
        character in "/*" or not character.isprintable() for character in segment
    ):
        raise SecretPathInvalid(f'{where} has the part "{segment[:60]}", which no path in Vault may have')


def narrower(filled: FilledSource, others: Sequence[FilledSource]) -> tuple[FilledSource, ...]:
    """Return the entries for paths below `filled`. They alone decide how the secrets that they match are used."""
    if not filled.is_prefix:
        return ()
    return tuple(other for other in others if other is not filled and filled.covers(other.path))


def require_allowed(sources: Sequence[SecretSource], run: VaultRun, patterns: Sequence[str]) -> None:
    """Raise SecretPathNotAllowed for a path outside `kv/{team}/{branch}` and `kv/{team}/{environment}`.

    The operator's `patterns` allow further paths. They may have the same placeholders, `*` for a part of one segment,
    and `**` for everything that follows.
    """
    for source in sources:
        path = fill(source.path, run.values, what="the secrets' path")
        if not _is_own(source.path) and not any(_fits(_fill_pattern(each, run), path) for each in patterns):
            raise SecretPathNotAllowed(
                f'secrets in .github/planward.yml names "{source.path}", which is neither below kv/{{team}}/{{branch}} '
                "nor kv/{team}/{environment}: the operator can allow it in PLANWARD_SECRET_PATHS"
            )


def _fill_pattern(pattern: str, run: VaultRun) -> str:
    return fill(pattern, run.values, what="the pattern in PLANWARD_SECRET_PATHS")


def _is_own(template: str) -> bool:
    """Whether a path is in the team's own paths for this branch or environment, by whole segments."""
    segments = template.split("/")
    return segments[:2] == ["kv", "{team}"] and segments[2:3] in (["{branch}"], ["{environment}"])


def _fits(pattern: str, path: str) -> bool:
    return Wildcards(pattern).matches(path)
