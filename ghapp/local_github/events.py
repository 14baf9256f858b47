"""Events of a repository: build the body of each and deliver it. `apps` does this for installations."""

from __future__ import annotations

from ghapp.local_github import deliveries
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.objects import EMPTY_TREE
from ghapp.local_github.serializers import checks as checks_json
from ghapp.local_github.serializers import pulls as pulls_json
from ghapp.local_github.serializers.repositories import html_url, push_commit, repository
from ghapp.local_github.state import (
    JSON,
    Account,
    CheckRun,
    CheckSuite,
    Comment,
    Deployment,
    DeploymentStatus,
    PullRequest,
    QueueEntry,
    Repository,
    Review,
)
from ghapp.local_github.world import World


def pull_request(world: World, pull: PullRequest, action: str, sender: Account, **more: object) -> None:
    state = "clean" if pull.merged_at is not None else "draft" if pull.draft else "unknown"
    body: JSON = {
        "number": pull.number,
        "pull_request": pulls_json.full_pull(world, pull, mergeable=None, mergeable_state=state),
        **more,
    }
    deliveries.emit(world, "pull_request", action, body, repository=pull.repository, sender=sender)


def push(world: World, value: Repository, ref: str, before: str, after: str, sender: Account, *, forced: bool) -> None:
    git = value.git
    created, deleted = before == NO_SHA, after == NO_SHA
    page = html_url(world, value)
    if deleted:
        items: list[JSON] = []
        compare = f"{page}/compare/{before[:12]}...{after[:12]}"
    else:
        base = [f"^{before}"] if not created else ["--not", *_others(value, ref)]
        commits = git.commits(after, *base, limit=2048)[::-1]
        items = [push_commit(world, value, item, _files_of(value, item.sha, item.parents)) for item in commits]
        short = ref.removeprefix("refs/heads/")
        compare = f"{page}/compare/{short}" if created else f"{page}/compare/{before[:12]}...{after[:12]}"
    head = None if deleted else git.commit(after)
    head_json = None if head is None else push_commit(world, value, head, _files_of(value, head.sha, head.parents))
    stored = repository(world, value)
    owner = {**stored["owner"], "name": value.owner.login, "email": None}
    body: JSON = {
        "ref": ref,
        "before": before,
        "after": after,
        "repository": {
            **stored,
            "owner": owner,
            "url": page,
            "created_at": int(value.created_at.timestamp()),
            "pushed_at": int(value.pushed_at.timestamp()),
            "stargazers": 0,
            "master_branch": value.default_branch,
        },
        "pusher": {"name": sender.login, "email": sender.email},
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "base_ref": None,
        "compare": compare,
        "commits": items,
        "head_commit": head_json,
    }
    if value.owner.type == "Organization":
        body["repository"]["organization"] = value.owner.login
    deliveries.emit(world, "push", None, body, repository=value, sender=sender)


def _others(value: Repository, ref: str) -> list[str]:
    return [sha for name, sha in value.git.refs("refs/heads/").items() if name != ref]


def _files_of(value: Repository, sha: str, parents: tuple[str, ...]) -> list[tuple[str, str]]:
    return value.git.changed_paths(parents[0] if parents else EMPTY_TREE, sha)


def check_run(world: World, value: Repository, run: CheckRun, action: str, sender: Account, **more: object) -> None:
    body: JSON = {"check_run": checks_json.check_run(world, value, run), **more}
    body["check_run"]["check_suite"] = checks_json.suite_in_check_run(world, value, run.suite)
    deliveries.emit(world, "check_run", action, body, repository=value, sender=sender)


def check_suite(world: World, value: Repository, suite: CheckSuite, action: str, sender: Account) -> None:
    """Deliver an event of a suite, which only the App of the suite gets."""
    installation = world.installation_of(suite.app, value)
    if installation is not None and installation.suspended_at is None:
        body: JSON = {"check_suite": checks_json.check_suite(world, value, suite, in_delivery=True)}
        deliveries.emit_to(world, installation, "check_suite", action, body, repository=value, sender=sender)


def issue_comment(
    world: World, value: Repository, comment: Comment, action: str, sender: Account, **more: object
) -> None:
    issue = value.issues[comment.number]
    body: JSON = {
        "issue": pulls_json.issue(world, value, issue),
        "comment": pulls_json.comment(world, value, comment),
        **more,
    }
    deliveries.emit(world, "issue_comment", action, body, repository=value, sender=sender)


def deployment(world: World, value: Repository, item: Deployment, sender: Account) -> None:
    body: JSON = {"deployment": checks_json.deployment(world, value, item), "workflow": None, "workflow_run": None}
    deliveries.emit(world, "deployment", "created", body, repository=value, sender=sender)


def deployment_status(
    world: World, value: Repository, item: Deployment, status: DeploymentStatus, sender: Account
) -> None:
    body: JSON = {
        "deployment_status": checks_json.deployment_status(world, value, item, status),
        "deployment": checks_json.deployment(world, value, item),
        "check_run": None,
        "workflow": None,
        "workflow_run": None,
    }
    deliveries.emit(world, "deployment_status", "created", body, repository=value, sender=sender)


def merge_group(
    world: World, value: Repository, entry: QueueEntry, action: str, sender: Account, **more: object
) -> None:
    head = value.git.commit(entry.head_sha)
    body: JSON = {
        "merge_group": {
            "head_sha": entry.head_sha,
            "head_ref": f"refs/heads/{entry.head_ref}",
            "base_sha": entry.base_sha,
            "base_ref": f"refs/heads/{entry.pull.base_ref}",
            "head_commit": {
                "id": head.sha,
                "tree_id": head.tree,
                "message": head.message,
                "timestamp": head.committer.date,
                "author": {"name": head.author.name, "email": head.author.email},
                "committer": {"name": head.committer.name, "email": head.committer.email},
            },
        },
        **more,
    }
    deliveries.emit(world, "merge_group", action, body, repository=value, sender=sender)


def repository_event(world: World, value: Repository, action: str, sender: Account, **more: object) -> None:
    deliveries.emit(world, "repository", action, dict(more), repository=value, sender=sender)


def review(world: World, pull: PullRequest, item: Review, action: str, sender: Account, **more: object) -> None:
    """Deliver an event of a review, whose state is written in lower case in deliveries."""
    shown = pulls_json.review(world, pull, item)
    body: JSON = {
        "review": {**shown, "state": item.state.lower(), "updated_at": shown["submitted_at"]},
        "pull_request": pulls_json.pull_in_list(world, pull),
        **more,
    }
    deliveries.emit(world, "pull_request_review", action, body, repository=pull.repository, sender=sender)
