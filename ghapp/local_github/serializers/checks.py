"""Check runs, check suites, commit statuses and deployments as JSON."""

from __future__ import annotations

from ghapp.local_github.serializers.accounts import app, maybe_timestamp, timestamp, user
from ghapp.local_github.serializers.pulls import minimal_pull
from ghapp.local_github.serializers.repositories import commit, html_url, minimal_repository, repository, repository_url
from ghapp.local_github.state import (
    JSON,
    CheckRun,
    CheckSuite,
    CommitStatus,
    Deployment,
    DeploymentStatus,
    PullRequest,
    Repository,
)
from ghapp.local_github.world import World, node_id

_WORST_FIRST = (
    "failure",
    "timed_out",
    "cancelled",
    "action_required",
    "stale",
    "startup_failure",
    "success",
    "neutral",
    "skipped",
)


def pulls_of_head(value: Repository, sha: str) -> list[PullRequest]:
    """Return the open pull requests with this head. As on GitHub, pull requests from forks are left out."""
    return [pull for pull in value.pulls if pull.state == "open" and pull.head_sha == sha and not pull.from_fork]


def check_run(world: World, value: Repository, run: CheckRun) -> JSON:
    url = f"{repository_url(world, value)}/check-runs/{run.id}"
    page = f"{html_url(world, value)}/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or run.app.external_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": maybe_timestamp(run.started_at),
        "completed_at": maybe_timestamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": app(world, run.app),
        "pull_requests": [minimal_pull(world, pull) for pull in pulls_of_head(value, run.head_sha)],
    }


def annotation(world: World, value: Repository, run: CheckRun, item: JSON) -> JSON:
    return {
        "path": item["path"],
        "blob_href": f"{html_url(world, value)}/blob/{run.head_sha}/{item['path']}",
        "start_line": item["start_line"],
        "start_column": item.get("start_column"),
        "end_line": item["end_line"],
        "end_column": item.get("end_column"),
        "annotation_level": item["annotation_level"],
        "title": item.get("title"),
        "message": item["message"],
        "raw_details": item.get("raw_details"),
    }


def suite_state(suite: CheckSuite) -> tuple[str, str | None]:
    """Return the suite's status, and the worst conclusion of its runs if all of them are completed."""
    runs = suite.latest_runs
    if not runs:
        return "queued", None
    if all(run.status == "completed" for run in runs):
        found = {run.conclusion for run in runs}
        return "completed", next((name for name in _WORST_FIRST if name in found), "success")
    return ("queued" if all(run.status == "queued" for run in runs) else "in_progress"), None


def check_suite(world: World, value: Repository, suite: CheckSuite, *, in_delivery: bool = False) -> JSON:
    status, conclusion = suite_state(suite)
    url = f"{repository_url(world, value)}/check-suites/{suite.id}"
    head = value.git.commit(suite.head_sha)
    body: JSON = {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": url,
        "before": suite.before,
        "after": suite.after,
        "pull_requests": [minimal_pull(world, pull) for pull in pulls_of_head(value, suite.head_sha)],
        "app": app(world, suite.app),
        "created_at": timestamp(suite.created_at),
        "updated_at": timestamp(suite.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(suite.latest_runs),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": {
            "id": head.sha,
            "tree_id": head.tree,
            "message": head.message,
            "timestamp": commit(world, value, head)["commit"]["committer"]["date"],
            "author": {"name": head.author.name, "email": head.author.email},
            "committer": {"name": head.committer.name, "email": head.committer.email},
        },
    }
    return body if in_delivery else {**body, "repository": repository(world, value)}


def suite_in_check_run(world: World, value: Repository, suite: CheckSuite) -> JSON:
    """Return the `check_suite` in a delivered check run."""
    status, conclusion = suite_state(suite)
    return {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": f"{repository_url(world, value)}/check-suites/{suite.id}",
        "before": suite.before,
        "after": suite.after,
        "pull_requests": [minimal_pull(world, pull) for pull in pulls_of_head(value, suite.head_sha)],
        "app": app(world, suite.app),
        "created_at": timestamp(suite.created_at),
        "updated_at": timestamp(suite.updated_at),
    }


def commit_status(world: World, value: Repository, item: CommitStatus, *, simple: bool = False) -> JSON:
    body: JSON = {
        "url": f"{repository_url(world, value)}/statuses/{item.sha}",
        "avatar_url": f"{world.url}/avatars/{item.creator.id}",
        "id": item.id,
        "node_id": node_id("SC", item.id),
        "state": item.state,
        "description": item.description,
        "target_url": item.target_url,
        "context": item.context,
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.created_at),
    }
    return body if simple else {**body, "creator": user(world, item.creator)}


def combined_status(world: World, value: Repository, sha: str) -> JSON:
    latest = latest_statuses(value, sha)
    states = {item.state for item in latest}
    state = (
        "failure" if states & {"failure", "error"} else "pending" if "pending" in states or not states else "success"
    )
    url = repository_url(world, value)
    return {
        "state": state,
        "statuses": [commit_status(world, value, item, simple=True) for item in latest],
        "sha": sha,
        "total_count": len(latest),
        "repository": minimal_repository(world, value)
        | {
            name: link
            for name, link in repository(world, value).items()
            if name.endswith("_url") and name not in ("git_url", "ssh_url", "clone_url", "svn_url", "mirror_url")
        }
        | {
            "url": url,
            "owner": user(world, value.owner),
            "description": value.description,
            "fork": value.parent is not None,
        },
        "commit_url": f"{url}/commits/{sha}",
        "url": f"{url}/commits/{sha}/status",
    }


def latest_statuses(value: Repository, sha: str) -> list[CommitStatus]:
    return list({item.context: item for item in value.statuses if item.sha == sha}.values())


def deployment(world: World, value: Repository, item: Deployment) -> JSON:
    url = f"{repository_url(world, value)}/deployments/{item.id}"
    return {
        "url": url,
        "id": item.id,
        "node_id": node_id("DE", item.id),
        "task": item.task,
        "original_environment": item.original_environment,
        "environment": item.environment,
        "description": item.description,
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.updated_at),
        "statuses_url": f"{url}/statuses",
        "repository_url": repository_url(world, value),
        "creator": user(world, item.creator),
        "sha": item.sha,
        "ref": item.ref,
        "payload": item.payload,
        "transient_environment": item.transient_environment,
        "production_environment": item.production_environment,
        "performed_via_github_app": None if item.via_app is None else app(world, item.via_app),
    }


def deployment_status(world: World, value: Repository, item: Deployment, status: DeploymentStatus) -> JSON:
    url = f"{repository_url(world, value)}/deployments/{item.id}"
    return {
        "url": f"{url}/statuses/{status.id}",
        "id": status.id,
        "node_id": node_id("DES", status.id),
        "state": status.state,
        "creator": user(world, status.creator),
        "description": status.description,
        "environment": status.environment,
        "target_url": status.log_url,
        "created_at": timestamp(status.created_at),
        "updated_at": timestamp(status.created_at),
        "deployment_url": url,
        "repository_url": repository_url(world, value),
        "environment_url": status.environment_url,
        "log_url": status.log_url,
        "performed_via_github_app": None if status.via_app is None else app(world, status.via_app),
    }
