"""People's permissions, queried from GitHub when they are needed.

https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
"""

import enum

from msgspec import Struct

from ghapp.events import Person
from ghapp.github.errors import GitHubRefused
from ghapp.github.repository_access import RepositoryAccess


class Role(enum.IntEnum):
    """A person's role in a repository. Roles compare: `role >= Role.WRITE`."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5


_ROLES = {role.name.lower(): role for role in Role}


_FLAGS = {"admin": Role.ADMIN, "maintain": Role.MAINTAIN, "push": Role.WRITE, "triage": Role.TRIAGE, "pull": Role.READ}
"""The permissions that GitHub lists for a person with a custom role, and the role that each of them means."""


class _User(Struct):
    id: int
    permissions: dict[str, bool] = {}


class _Permission(Struct):
    permission: str
    role_name: str = ""
    user: _User | None = None


class _Membership(Struct):
    state: str


class Permissions:
    """People's permissions in one repository."""

    _access: RepositoryAccess

    async def role_of(self, person: Person) -> Role:
        """The person's current role; NONE for strangers, bots, and a login that now belongs to another account.

        A custom role counts as the role it is based on.
        """
        try:
            answer = await self._access.calls.read(
                "/repos/{owner}/{repo}/collaborators/{login}/permission",
                _Permission,
                doing="ask for a person's role",
                at={"login": person.login},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return Role.NONE
            raise
        if answer.user is not None and answer.user.id != person.id:
            return Role.NONE
        if answer.role_name in _ROLES:
            return _ROLES[answer.role_name]
        flags = answer.user.permissions if answer.user is not None else {}
        # `permission` reports maintain as write.
        held = [_FLAGS[name] for name, has in flags.items() if has and name in _FLAGS]
        return max(held) if held else _ROLES.get(answer.permission, Role.NONE)

    async def is_team_member(self, organization: str, team: str, person: Person) -> bool:
        """Whether the person belongs to a team, directly or through a child team. An invitation is not enough.

        https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user
        """
        try:
            membership = await self._access.teams.read(
                "/orgs/{organization}/teams/{team}/memberships/{login}",
                _Membership,
                doing=f"ask who belongs to the team {organization}/{team}",
                at={"organization": organization, "team": team, "login": person.login},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return False
            raise
        return membership.state == "active"
