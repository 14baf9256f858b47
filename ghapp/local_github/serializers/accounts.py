"""Users, organisations, teams, Apps and installations as JSON."""

from __future__ import annotations

from datetime import datetime

from ghapp.local_github.state import JSON, Account, App, Installation, InstallationToken, Team
from ghapp.local_github.world import World, node_id

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def maybe_timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def user(world: World, account: Account) -> JSON:
    """GitHub's "simple user"."""
    url = f"{world.api_url}/users/{account.login}"
    path = f"/apps/{account.login.removesuffix('[bot]')}" if account.type == "Bot" else f"/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(account.type, account.id),
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.url}{path}",
        **{name: f"{url}{suffix}" for name, suffix in _USER_LINKS.items()},
        "type": account.type,
        "user_view_type": "public",
        "site_admin": account.site_admin,
    }


def public_user(world: World, account: Account) -> JSON:
    return {
        **user(world, account),
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(repository.owner is account for repository in world.repositories.values()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": timestamp(account.created_at),
        "updated_at": timestamp(account.created_at),
    }


def organization(world: World, account: Account) -> JSON:
    url = f"{world.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("Organization", account.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "description": account.name or "",
    }


def team(world: World, value: Team) -> JSON:
    return {**parent_team(world, value), "parent": None if value.parent is None else parent_team(world, value.parent)}


def parent_team(world: World, value: Team) -> JSON:
    """Return a team as its child teams show it."""
    url = f"{world.api_url}/organizations/{value.organization.id}/team/{value.id}"
    return {
        "id": value.id,
        "node_id": node_id("T", value.id),
        "name": value.name,
        "slug": value.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "url": url,
        "html_url": f"{world.url}/orgs/{value.organization.login}/teams/{value.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": value.organization.id,
    }


def full_team(world: World, value: Team) -> JSON:
    return {
        **team(world, value),
        "members_count": len(world.team_members(value)),
        "repos_count": len(value.repositories),
        "created_at": timestamp(value.organization.created_at),
        "updated_at": timestamp(value.organization.created_at),
        "organization": full_organization(world, value.organization),
    }


def full_organization(world: World, account: Account) -> JSON:
    return {
        **organization(world, account),
        "name": account.name or account.login,
        "html_url": f"{world.url}/{account.login}",
        "type": "Organization",
        "is_verified": False,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": sum(repository.owner is account for repository in world.repositories.values()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "archived_at": None,
        "created_at": timestamp(account.created_at),
        "updated_at": timestamp(account.created_at),
    }


def app(world: World, value: App) -> JSON:
    return {
        "id": value.id,
        "slug": value.slug,
        "node_id": node_id("A", value.id),
        "client_id": value.client_id,
        "owner": user(world, value.owner),
        "name": value.name,
        "description": value.description,
        "external_url": value.external_url,
        "html_url": f"{world.url}/apps/{value.slug}",
        "created_at": timestamp(value.created_at),
        "updated_at": timestamp(value.created_at),
        "permissions": dict(value.permissions),
        "events": list(value.events),
    }


def installation(world: World, value: Installation) -> JSON:
    kind = "orgs" if value.account.type == "Organization" else "users"
    prefix = f"{world.url}/organizations/{value.account.login}" if kind == "orgs" else world.url
    return {
        "id": value.id,
        "client_id": value.app.client_id,
        "account": user(world, value.account),
        "repository_selection": value.repository_selection,
        "access_tokens_url": f"{world.api_url}/app/installations/{value.id}/access_tokens",
        "repositories_url": f"{world.api_url}/installation/repositories",
        "html_url": f"{prefix}/settings/installations/{value.id}",
        "app_id": value.app.id,
        "app_slug": value.app.slug,
        "target_id": value.account.id,
        "target_type": value.account.type,
        "permissions": dict(value.permissions),
        "events": list(value.events),
        "created_at": timestamp(value.created_at),
        "updated_at": timestamp(value.suspended_at or value.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if value.suspended_by is None else user(world, value.suspended_by),
        "suspended_at": maybe_timestamp(value.suspended_at),
    }


def installation_token(value: InstallationToken) -> JSON:
    selected = value.repository_ids is not None or value.installation.repository_selection == "selected"
    return {
        "token": value.value,
        "expires_at": timestamp(value.expires_at),
        "permissions": dict(value.permissions),
        "repository_selection": "selected" if selected else "all",
    }
