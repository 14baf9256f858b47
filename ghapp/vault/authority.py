"""Whose secrets a run may read.

For a repository, the operator and the team decide. For a person, Vault decides by the person's own login.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.authority.teams import OpenTeam, OperatorsRules, RepositoryIdentity, open_by_operator, open_by_own_login
from ghapp.vault.sources import SecretSource, VaultRun, require_allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAuthority:
    """Decides which teams a repository may use; `secret_paths` are the patterns of PLANWARD_SECRET_PATHS."""

    repository: RepositoryIdentity
    rules: OperatorsRules
    secret_paths: tuple[str, ...] = ()

    def open_without_asking(self, team: str) -> OpenTeam | None:
        """Grant access to a team if the operator does; None if the team's own secret has to decide."""
        return open_by_operator(team, self.repository, self.rules)

    def require_paths(self, sources: Sequence[SecretSource], run: VaultRun) -> None:
        """Raise SecretPathNotAllowed if the repository may not use a path, and SecretPathInvalid if one is invalid."""
        require_allowed(sources, run, self.secret_paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLogin:
    """A person plans their working copy: Vault itself decides what they may read."""

    def open_without_asking(self, team: str) -> OpenTeam:
        """Grant access to any team: Vault only returns secrets that the person may read."""
        return open_by_own_login(team)

    def require_paths(self, sources: Sequence[SecretSource], run: VaultRun) -> None:
        """Allow every path: Vault only returns secrets that the person may read."""


Authority = RepositoryAuthority | OwnLogin
