"""May a repository use a team's secrets? The operator or the team says so, never the repository's own config."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checks.wildcards import Wildcards

_MADE_HERE = object()


@dataclass(frozen=True, slots=True)
class OpenTeam:
    """A team whose secrets may be read in this run. Only this module makes one."""

    name: str
    because: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("OpenTeam is made by checks.authority.teams alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTeam:
    """The team is not open to the repository; `cause` is the first line, with the command that opens it."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryIdentity:
    """What tells a repository from others: GitHub's number, its name now, and the name that is bound to it.

    `bound_name` is `OWNER/NAME` as it was when the repository was first seen, if no other repository was seen under
    that name before; else None. A rename or a transfer binds no second name.
    """

    id: int
    full_name: str
    bound_name: str | None

    @property
    def owner(self) -> str:
        """The account that the repository belongs to now."""
        return self.full_name.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsRules:
    """What the operator says about teams.

    `teams` has the patterns of `PLANWARD_TEAMS` by team. `app_owner` is the account that the App belongs to where
    `PLANWARD_TEAM_BY_NAME` is set, else None.
    """

    teams: Mapping[str, Collection[str]]
    app_owner: str | None = None


def open_by_operator(team: str, repository: RepositoryIdentity, rules: OperatorsRules) -> OpenTeam | None:
    """Open a team by what the operator says; None: the team itself has to be asked."""
    for name, patterns in rules.teams.items():
        if name.casefold() == team.casefold() and any(fits_repository(pattern, repository) for pattern in patterns):
            return OpenTeam(team, "PLANWARD_TEAMS names the repository", _MADE_HERE)
    if rules.app_owner is not None and _names(f"{rules.app_owner}/{team}", repository):
        return OpenTeam(team, "PLANWARD_TEAM_BY_NAME opens the team of its own name", _MADE_HERE)
    return None


def open_by_team(team: str, repository: RepositoryIdentity, listed: str | None) -> OpenTeam | ClosedTeam:
    """Open a team by its own secret; `listed` is its key `repositories`, None where there is none."""
    entries = [entry.strip() for entry in (listed or "").split(",") if entry.strip()]
    if any(_names(entry, repository) for entry in entries):
        return OpenTeam(team, f"{secret_of(team)} names the repository", _MADE_HERE)
    return ClosedTeam(
        cause=f"{repository.full_name} may not use the secrets of the team {team}: whoever may write the team's "
        f"secrets can allow it with `{command_that_opens(team, repository.id, is_first=not entries)}`, then Re-run."
    )


def open_by_own_login(team: str) -> OpenTeam:
    """Open a team to a person's working copy: what they may read is up to their own login to Vault."""
    return OpenTeam(team, "a person's own login to Vault", _MADE_HERE)


def secret_of(team: str) -> str:
    """Where a team itself says which repositories may use its secrets."""
    return f"kv/{team}/planward"


def command_that_opens(team: str, repository_id: int, *, is_first: bool) -> str:
    """What somebody of the team types; repositories that the secret lists already are kept, and not shown."""
    secret = secret_of(team)
    if is_first:
        return f"vault kv put {secret} repositories={repository_id}"
    return f'vault kv put {secret} repositories="$(vault kv get -field=repositories {secret}),{repository_id}"'


def _names(entry: str, repository: RepositoryIdentity) -> bool:
    """Whether an entry is this repository: its number, or the name that is bound to it and still its owner's.

    A number holds through renames and transfers.
    """
    if entry.isascii() and entry.isdecimal():
        return int(entry) == repository.id
    return entry.casefold() == _name_of(repository)


def fits_repository(pattern: str, repository: RepositoryIdentity) -> bool:
    """Whether an operator's pattern means a repository: its number or bound name; `*` is any part without "/"."""
    name = _name_of(repository)
    if "*" not in pattern or name is None:
        return _names(pattern, repository)
    return Wildcards(pattern.casefold(), ("*",)).matches(name)


def _name_of(repository: RepositoryIdentity) -> str | None:
    """The name by which entries mean a repository; None where it has none that counts."""
    if repository.bound_name is None:
        return None
    name = repository.bound_name.casefold()
    return name if name.partition("/")[0] == repository.owner.casefold() else None
