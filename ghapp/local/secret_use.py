"""The teams and secret paths in a repository's config, and whether the repository may use them."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.authority.teams import OperatorsRules, RepositoryIdentity, command_that_opens
from ghapp.github import GitHubApp
from ghapp.repository_config import RepositoryConfig, placeholder_branch
from ghapp.settings import AuthoritySettings
from ghapp.values import TESTING, RepositoryId
from ghapp.vault import DEFAULT_SOURCES, RepositoryAuthority, TeamClosed, VaultError, VaultRun
from ghapp.vault.session import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """A team or a path in the config. `why` says who allows it, or how to get it allowed."""

    name: str
    allowed: bool
    why: str
    command: str = ""
    """The command that grants access to a team."""


async def examine_secret_use(
    config: RepositoryConfig,
    repository_id: RepositoryId,
    full_name: str,
    settings: AuthoritySettings,
    vault: Vault | None,
    github: GitHubApp,
) -> tuple[SecretUse, ...]:
    """Check whether a repository may use the teams and paths in its config. Returns nothing if Vault is not used.

    A rule that names `OWNER/NAME` is valid only for the first repository that the server saw under this name. This
    command does not know which repository that was, and assumes that it was this one. Raises GitHubError.
    """
    if vault is None or config.secrets == ():
        return ()
    identity = RepositoryIdentity(id=repository_id, full_name=full_name, bound_name=full_name)
    app_owner = (await github.owner()) or None if settings.team_by_name else None
    authority = RepositoryAuthority(
        repository=identity,
        rules=OperatorsRules(teams=settings.teams, app_owner=app_owner),
        secret_paths=settings.secret_paths,
    )
    teams = [await _team(team, authority, vault) for team in config.teams]
    return (*teams, *_paths(config, authority))


async def _team(team: str, authority: RepositoryAuthority, vault: Vault) -> SecretUse:
    name = f"team {team}"
    try:
        opened = authority.open_without_asking(team)
        if opened is None:
            run = VaultRun(team=team, environment=TESTING, branch=TESTING, operation="plan")
            async with vault.session(run) as session:
                opened = await session.open_team(authority)
    except TeamClosed as error:
        command = command_that_opens(team, authority.repository.id, is_first=False)
        return SecretUse(name=name, allowed=False, why=str(error), command=command)
    except VaultError as error:
        return SecretUse(name=name, allowed=False, why=str(error))
    return SecretUse(name=name, allowed=True, why=opened.because)


def _paths(config: RepositoryConfig, authority: RepositoryAuthority) -> Iterator[SecretUse]:
    """Paths that no run may read, each once."""
    seen: set[str] = set()
    for environment in config.environments.values():
        run = VaultRun(
            team=environment.team,
            environment=environment.name,
            branch=placeholder_branch(environment),
            operation="plan",
        )
        for source in DEFAULT_SOURCES if config.secrets is None else config.secrets:
            try:
                authority.require_paths([source], run)
            except VaultError as error:
                if str(error) not in seen:
                    seen.add(str(error))
                    yield SecretUse(name=f"path {source.path}", allowed=False, why=str(error))
