"""People, organisations, teams and their permissions in a repository."""

from __future__ import annotations

from ghapp.local_github.access import InstallationAccess, base_role, has_role, role_name
from ghapp.local_github.errors import ApiError, Unprocessable, field_error, not_accessible, not_found
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import accounts
from ghapp.local_github.state import BASE_ROLES, JSON, Account

_FOLDED = {"none": "none", "read": "read", "triage": "read", "write": "write", "maintain": "write", "admin": "admin"}


def read_user(call: Call) -> Reply:
    return Reply(body=accounts.public_user(call.world, call.world.account(call.params["login"])))


def read_user_by_id(call: Call) -> Reply:
    number = call.params["account_id"]
    account = call.world.accounts.get(int(number)) if number.isdigit() else None
    if account is None:
        raise not_found()
    return Reply(body=accounts.public_user(call.world, account))


def read_self(call: Call) -> Reply:
    if isinstance(call.actor, InstallationAccess):
        raise not_accessible()
    return Reply(body=accounts.public_user(call.world, call.account))


def read_organization(call: Call) -> Reply:
    account = call.world.account(call.params["org"])
    if account.type != "Organization":
        raise not_found()
    return Reply(body=accounts.full_organization(call.world, account))


def permission_of(call: Call) -> Reply:
    """Return a person's role. `permission` shows maintain as write and triage as read.

    `role_name` is the role itself, which may be a custom one.
    """
    account = call.world.account(call.params["username"])
    if account.type == "Bot":
        raise ApiError(404, f"{account.login} is not a user")
    name = role_name(call.world, account, call.repository)
    base = base_role(call.world, call.repository, name)
    shown = {**accounts.user(call.world, account), "permissions": _flags(base), "role_name": name}
    return Reply(body={"permission": _FOLDED[base], "role_name": name, "user": shown})


def _flags(base: str) -> JSON:
    rank = BASE_ROLES.index(base)
    names = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    return {name: rank >= BASE_ROLES.index(role) for name, role in names.items()}


def list_collaborators(call: Call) -> Reply:
    people = [account for account in call.world.accounts.values() if account.type == "User"]
    found = [account for account in people if _explicit(call, account)]
    return call.page(found, lambda item: _collaborator(call, item))


def _explicit(call: Call, account: Account) -> bool:
    member = account.id in call.world.organization_members.get(call.repository.owner.id, {})
    known = account.id in call.repository.collaborators or account is call.repository.owner or member
    return known and has_role(call.world, account, call.repository, "read")


def _collaborator(call: Call, account: Account) -> JSON:
    name = role_name(call.world, account, call.repository)
    flags = _flags(base_role(call.world, call.repository, name))
    return {**accounts.user(call.world, account), "permissions": flags, "role_name": name}


def is_collaborator(call: Call) -> Reply:
    account = call.world.account(call.params["username"])
    if not _explicit(call, account):
        raise not_found()
    return Reply(status=204)


# -- teams ---------------------------------------------------------------------------------------------------------


def _members_readable(call: Call) -> None:
    organization = call.world.account(call.params["org"])
    if isinstance(call.actor, InstallationAccess):
        installation = call.actor.token.installation
        if installation.account is not organization or call.actor.token.permissions.get("members") not in (
            "read",
            "write",
        ):
            raise not_accessible()
    elif call.account.id not in call.world.organization_members.get(organization.id, {}):
        raise not_found()


def read_team(call: Call) -> Reply:
    _members_readable(call)
    return Reply(body=accounts.full_team(call.world, call.world.team(call.params["org"], call.params["slug"])))


def list_teams(call: Call) -> Reply:
    _members_readable(call)
    found = [team for team in call.world.teams if team.organization is call.world.account(call.params["org"])]
    return call.page(found, lambda item: accounts.team(call.world, item))


def list_team_members(call: Call) -> Reply:
    _members_readable(call)
    team = call.world.team(call.params["org"], call.params["slug"])
    wanted = call.query.get("role", "all")
    if wanted not in ("all", "member", "maintainer"):
        raise Unprocessable(field_error("TeamMember", "role", "invalid"))
    found = [
        call.world.accounts[number] for number, role in call.world.team_members(team).items() if wanted in ("all", role)
    ]
    return call.page(found, lambda item: accounts.user(call.world, item))


def team_membership(call: Call) -> Reply:
    _members_readable(call)
    team = call.world.team(call.params["org"], call.params["slug"])
    account = call.world.account(call.params["username"])
    invited = account.id in team.invited
    role = "member" if invited else call.world.team_members(team).get(account.id)
    if role is None:
        raise not_found()
    url = f"{call.world.api_url}/organizations/{team.organization.id}/team/{team.id}/memberships/{account.login}"
    return Reply(body={"url": url, "role": role, "state": "pending" if invited else "active"})


def organization_membership(call: Call) -> Reply:
    _members_readable(call)
    organization, account = call.world.account(call.params["org"]), call.world.account(call.params["username"])
    role = call.world.organization_members.get(organization.id, {}).get(account.id)
    if role is None:
        raise not_found()
    url = f"{call.world.api_url}/orgs/{organization.login}/memberships/{account.login}"
    return Reply(
        body={
            "url": url,
            "state": "active",
            "role": role,
            "organization_url": f"{call.world.api_url}/orgs/{organization.login}",
            "organization": accounts.organization(call.world, organization),
            "user": accounts.user(call.world, account),
        }
    )


_R = "/repos/{owner}/{repo}"
_T = "/orgs/{org}/teams"

ROUTES = (
    Route("GET", "/user", read_self),
    Route("GET", "/user/{account_id}", read_user_by_id),
    Route("GET", "/users/{login}", read_user),
    Route("GET", "/orgs/{org}", read_organization),
    Route("GET", f"{_R}/collaborators", list_collaborators),
    Route("GET", f"{_R}/collaborators/{{username}}", is_collaborator),
    Route("GET", f"{_R}/collaborators/{{username}}/permission", permission_of),
    Route("GET", _T, list_teams),
    Route("GET", f"{_T}/{{slug}}", read_team),
    Route("GET", f"{_T}/{{slug}}/members", list_team_members),
    Route("GET", f"{_T}/{{slug}}/memberships/{{username}}", team_membership),
    Route("GET", "/orgs/{org}/memberships/{username}", organization_membership),
)
