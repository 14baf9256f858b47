"""May a repository use a team's secrets? The operator or the team decides, never the repository's own config."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checks.wildcards import Wildcards

_MADE_HERE = object()


@dataclass(frozen=True, slots=True)
class OpenTeam:
    """A team whose secrets may be read in this run. Only this module creates one."""

    name: str
    because: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("only checks.authority.teams creates OpenTeam")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTeam:
    """The repository may not use the team's secrets; `cause` says so, with the command that grants access."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryIdentity:
    """The facts that distinguish a repository: GitHub's id, its current name, and the name that is bound to it.

    `bound_name` is `OWNER/NAME` as it was when the repository was first seen, if no other repository was seen under
    that name before; otherwise None. A rename or a transfer does not bind a second name.
    """

    id: int
    full_name: str
    bound_name: str | None

    @property
    def owner(self) -> str:
        """The account that owns the repository now."""
        return self.full_name.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsRules:
    """The operator's rules about teams.

    `teams` has the patterns of `PLANWARD_TEAMS` by team. `app_owner` is the account that owns the App if
    `PLANWARD_TEAM_BY_NAME` is set, otherwise None.
    """

    teams: Mapping[str, Collection[str]]
    app_owner: str | None = None


def open_by_operator(team: str, repository: RepositoryIdentity, rules: OperatorsRules) -> OpenTeam | None:
    """Grant access by the operator's rules. None if they grant none: then the team's own secret decides."""
    for name, patterns in rules.teams.items():
        if name.casefold() == team.casefold() and any(fits_repository(pattern, repository) for pattern in patterns):
            return OpenTeam(team, "PLANWARD_TEAMS names the repository", _MADE_HERE)
    if rules.app_owner is not None and _refers_to(f"{rules.app_owner}/{team}", repository):
        return OpenTeam(team, "the team has the repository's name, and PLANWARD_TEAM_BY_NAME is set", _MADE_HERE)
    return None


def open_by_team(team: str, repository: RepositoryIdentity, listed: str | None) -> OpenTeam | ClosedTeam:
    """Grant access by the team's own secret; `listed` is its key `repositories`, None if there is none."""
    entries = [entry.strip() for entry in (listed or "").split(",") if entry.strip()]
    if any(_refers_to(entry, repository) for entry in entries):
        return OpenTeam(team, f"{secret_of(team)} names the repository", _MADE_HERE)
    return ClosedTeam(
        cause=f"{repository.full_name} may not use the secrets of the team {team}: whoever may write the team's "
        f"secrets can allow it with `{command_that_opens(team, repository.id, is_first=not entries)}`. Then "
        "press Re-run."
    )


def open_by_own_login(team: str) -> OpenTeam:
    """Grant access for a person's working copy: there, Vault decides by the person's own login."""
    return OpenTeam(team, "a person's own login to Vault", _MADE_HERE)


def secret_of(team: str) -> str:
    """The path of the secret in which a team lists its repositories."""
    return f"kv/{team}/planward"


def command_that_opens(team: str, repository_id: int, *, is_first: bool) -> str:
    """The command by which a member of the team grants access. It keeps the repositories that are already listed."""
    secret = secret_of(team)
    if is_first:
        return f"vault kv put {secret} repositories={repository_id}"
    return f'vault kv put {secret} repositories="$(vault kv get -field=repositories {secret}),{repository_id}"'


def _refers_to(entry: str, repository: RepositoryIdentity) -> bool:
    """Whether an entry refers to this repository, by its id or by its bound name.

    The id stays valid after renames and transfers. The bound name is valid as long as the account in it owns the
    repository.
    """
    if entry.isascii() and entry.isdecimal():
        return int(entry) == repository.id
    return entry.casefold() == _name_of(repository)


def fits_repository(pattern: str, repository: RepositoryIdentity) -> bool:
    """Whether an operator's pattern matches a repository: by its id or bound name; `*` is any part without "/"."""
    name = _name_of(repository)
    if "*" not in pattern or name is None:
        return _refers_to(pattern, repository)
    return Wildcards(pattern.casefold(), ("*",)).matches(name)


def _name_of(repository: RepositoryIdentity) -> str | None:
    """The name by which entries refer to a repository; None if it has no valid one."""
    if repository.bound_name is None:
        return None
    name = repository.bound_name.casefold()
    return name if name.partition("/")[0] == repository.owner.casefold() else None
