"""Repositories, commits and changed files as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from ghapp.local_github.access import (
    Actor,
    Anonymous,
    AppJwt,
    ClientCredentials,
    InstallationAccess,
    Person,
    UserAccess,
    base_role,
    role_name,
)
from ghapp.local_github.changed_files import ChangedFile
from ghapp.local_github.objects import Commit, Signature
from ghapp.local_github.serializers.accounts import timestamp, user
from ghapp.local_github.state import BASE_ROLES, JSON, Repository
from ghapp.local_github.world import World, node_id

_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def repository_url(world: World, value: Repository) -> str:
    return f"{world.api_url}/repos/{value.full_name}"


def html_url(world: World, value: Repository) -> str:
    return f"{world.url}/{value.full_name}"


def minimal_repository(world: World, value: Repository) -> JSON:
    """Return a repository as `installation` deliveries list it."""
    return {
        "id": value.id,
        "node_id": node_id("R", value.id),
        "name": value.name,
        "full_name": value.full_name,
        "private": value.private,
    }


def repository(world: World, value: Repository) -> JSON:
    url, page = repository_url(world, value), html_url(world, value)
    open_issues = sum(issue.state == "open" for issue in value.issues.values())
    forks = sum(other.parent is value for other in world.repositories.values())
    return {
        **minimal_repository(world, value),
        "owner": user(world, value.owner),
        "html_url": page,
        "description": value.description,
        "fork": value.parent is not None,
        "url": url,
        **{name: f"{url}{suffix}" for name, suffix in _LINKS.items()},
        "created_at": timestamp(value.created_at),
        "updated_at": timestamp(value.updated_at),
        "pushed_at": timestamp(value.pushed_at),
        "git_url": page.replace("http://", "git://") + ".git",
        "ssh_url": f"git@{world.url.removeprefix('http://')}:{value.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "HCL",
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": forks,
        "mirror_url": None,
        "archived": value.archived,
        "disabled": False,
        "open_issues_count": open_issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if value.private else "public",
        "forks": forks,
        "open_issues": open_issues,
        "watchers": 0,
        "default_branch": value.default_branch,
    }


def full_repository(world: World, value: Repository, actor: Actor) -> JSON:
    """Return a repository as `GET /repos/O/R` shows it: with merge settings, parent, and the sender's permissions."""
    body = {
        **repository(world, value),
        "permissions": permissions(world, value, actor),
        "temp_clone_token": "",
        "allow_squash_merge": value.allow_squash_merge,
        "allow_merge_commit": value.allow_merge_commit,
        "allow_rebase_merge": value.allow_rebase_merge,
        "allow_auto_merge": False,
        "delete_branch_on_merge": value.delete_branch_on_merge,
        "allow_update_branch": True,
        "use_squash_pr_title_as_default": False,
        "squash_merge_commit_message": "COMMIT_MESSAGES",
        "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
        "merge_commit_message": "PR_TITLE",
        "merge_commit_title": "MERGE_MESSAGE",
        "network_count": 0,
        "subscribers_count": 0,
    }
    if value.owner.type == "Organization":
        body["organization"] = user(world, value.owner)
    if value.parent is not None:
        body |= {"parent": repository(world, value.parent), "source": repository(world, value.parent)}
    return body


def permissions(world: World, value: Repository, actor: Actor) -> JSON:
    match actor:
        case Person(account) | UserAccess(account, _):
            held = BASE_ROLES.index(base_role(world, value, role_name(world, account, value)))
        case InstallationAccess(token):
            held = BASE_ROLES.index("write" if token.permissions.get("contents") == "write" else "none")
        case AppJwt() | ClientCredentials() | Anonymous():
            held = BASE_ROLES.index("none" if value.private else "read")
    names = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
    return {name: held >= BASE_ROLES.index(role) for name, role in names.items()}


def commit(world: World, value: Repository, item: Commit) -> JSON:
    """Return a commit as REST lists it. `author` and `committer` are null if no account has the address."""
    url, page = repository_url(world, value), html_url(world, value)
    author, committer = world.account_by_email(item.author.email), world.account_by_email(item.committer.email)
    return {
        "sha": item.sha,
        "node_id": node_id("C", int(item.sha[:7], 16)),
        "commit": {
            "author": {"name": item.author.name, "email": item.author.email, "date": _utc(item.author.date)},
            "committer": {
                "name": item.committer.name,
                "email": item.committer.email,
                "date": _utc(item.committer.date),
            },
            "message": item.message,
            "tree": {"sha": item.tree, "url": f"{url}/git/trees/{item.tree}"},
            "url": f"{url}/git/commits/{item.sha}",
            "comment_count": 0,
            "verification": unsigned(),
        },
        "url": f"{url}/commits/{item.sha}",
        "html_url": f"{page}/commit/{item.sha}",
        "comments_url": f"{url}/commits/{item.sha}/comments",
        "author": None if author is None else user(world, author),
        "committer": None if committer is None else user(world, committer),
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{page}/commit/{sha}"} for sha in item.parents
        ],
    }


def unsigned() -> JSON:
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _utc(date: str) -> str:
    return timestamp(datetime.fromisoformat(date).astimezone(UTC))


def push_commit(world: World, value: Repository, item: Commit, files: list[tuple[str, str]]) -> JSON:
    """Return a commit as a `push` delivery lists it, with the status and path of each of its files."""

    def person(signature: Signature) -> JSON:
        account = world.account_by_email(signature.email)
        named = {"name": signature.name, "email": signature.email, "date": _utc(signature.date)}
        return named if account is None else {**named, "username": account.login}

    return {
        "id": item.sha,
        "tree_id": item.tree,
        "distinct": True,
        "message": item.message,
        "timestamp": _utc(item.committer.date),
        "url": f"{html_url(world, value)}/commit/{item.sha}",
        "author": person(item.author),
        "committer": person(item.committer),
        "added": [path for status, path in files if status == "added"],
        "removed": [path for status, path in files if status == "removed"],
        "modified": [path for status, path in files if status not in ("added", "removed")],
    }


def changed_file(world: World, value: Repository, sha: str, item: ChangedFile) -> JSON:
    url, page, path = repository_url(world, value), html_url(world, value), quote(item.path)
    body: JSON = {
        "sha": item.blob,
        "filename": item.path,
        "status": item.status,
        "additions": item.additions,
        "deletions": item.deletions,
        "changes": item.additions + item.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{url}/contents/{path}?ref={sha}",
    }
    if item.patch is not None:
        body["patch"] = item.patch
    return body if item.previous_path is None else {**body, "previous_filename": item.previous_path}
