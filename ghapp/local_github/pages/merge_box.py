"""The merge box of a pull request: reviews, checks, conflicts, and whether the button is enabled."""

from __future__ import annotations

from dataclasses import dataclass

from ghapp.local_github import pulls, queue
from ghapp.local_github.access import Actor, Anonymous, may_push
from ghapp.local_github.protection import Violation, approvals, has_merge_queue, merge_violations, required_contexts
from ghapp.local_github.serializers.checks import latest_statuses
from ghapp.local_github.state import CheckRun, PullRequest, Repository
from ghapp.local_github.world import World

_GREEN = ("success", "neutral", "skipped")
_CONCLUSIONS = {
    "success": "Successful",
    "neutral": "Neutral",
    "skipped": "Skipped",
    "failure": "Failing",
    "timed_out": "Timed out",
    "cancelled": "Cancelled",
    "action_required": "Action required",
    "stale": "Stale",
    "error": "Failing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One line in the list of checks. `state` is success, failure, pending, action or neutral."""

    name: str
    state: str
    text: str
    required: bool
    app: str | None = None
    avatar_id: int | None = None
    run: CheckRun | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeBox:
    rows: tuple[CheckRow, ...]
    headline: str
    state: str
    approvals: int
    changes_requested: bool
    violations: tuple[Violation, ...]
    mergeable: bool | None
    may_merge: bool
    may_bypass: bool
    may_push: bool
    queue: bool
    queue_position: int | None
    methods: tuple[tuple[str, str], ...]


def check_rows(repository: Repository, sha: str, branch: str | None) -> tuple[CheckRow, ...]:
    """Return the newest check of each name on a commit, and the missing checks that `branch` requires."""
    required = {} if branch is None else required_contexts(repository, branch)
    rows = [_run_row(run, run.name in required) for run in newest_runs(repository, sha)]
    for item in latest_statuses(repository, sha):
        state = {"success": "success", "pending": "pending"}.get(item.state, "failure")
        text = item.description or _CONCLUSIONS.get(item.state, "Pending")
        required_too = item.context in required
        rows.append(CheckRow(name=item.context, state=state, text=text, required=required_too, url=item.target_url))
    present = {row.name for row in rows}
    rows += [
        CheckRow(name=name, state="pending", text="Expected — Waiting for status to be reported", required=True)
        for name in required
        if name not in present
    ]
    order = {"failure": 0, "action": 1, "pending": 2, "success": 3, "neutral": 4}
    return tuple(sorted(rows, key=lambda row: (order[row.state], row.name)))


def newest_runs(repository: Repository, sha: str) -> list[CheckRun]:
    runs = sorted((run for run in repository.check_runs if run.head_sha == sha), key=lambda run: run.id)
    return list({(run.app.id, run.name): run for run in runs}.values())


def run_state(run: CheckRun) -> str:
    if run.status != "completed":
        return "pending"
    if run.conclusion == "action_required":
        return "action"
    if run.conclusion in ("neutral", "skipped", "cancelled", "stale"):
        return "neutral"
    return "success" if run.conclusion == "success" else "failure"


def run_text(run: CheckRun) -> str:
    """Return the text of a run in a list of checks: its conclusion and its title."""
    if run.status != "completed":
        text = "In progress" if run.status == "in_progress" else "Queued"
    else:
        text = _CONCLUSIONS.get(run.conclusion or "", run.conclusion or "")
    if run.started_at is not None and run.completed_at is not None:
        seconds = int((run.completed_at - run.started_at).total_seconds())
        text += f" in {seconds}s" if seconds < 120 else f" in {seconds // 60}m"
    return f"{text} — {run.title}" if run.title else text


def _run_row(run: CheckRun, required: bool) -> CheckRow:
    return CheckRow(
        name=run.name,
        state=run_state(run),
        text=run_text(run),
        required=required,
        app=run.app.name,
        avatar_id=run.app.bot.id,
        run=run,
    )


def merge_box(world: World, pull: PullRequest, actor: Actor) -> MergeBox:
    repository = pull.repository
    pulls.test_merge(world, pull)
    mergeable = pulls.test_merge(world, pull)
    rows = check_rows(repository, pull.head_sha, pull.base_ref)
    method = next((name for name, _ in _methods(repository)), "merge")
    binding = merge_violations(world, pull, actor, method=method)
    everyone = merge_violations(world, pull, Anonymous(), method=method)
    queued = has_merge_queue(repository, pull.base_ref)
    shown = tuple(item for item in everyone if item.type != "merge_queue")
    blocked = [item for item in binding if item.type != "merge_queue"]
    push = may_push(world, actor, repository)
    ready = pull.state == "open" and not pull.draft and bool(mergeable) and push
    given, changes_requested = approvals(world, pull)
    headline, state = _headline(rows)
    return MergeBox(
        rows=rows,
        headline=headline,
        state=state,
        approvals=given,
        changes_requested=changes_requested,
        violations=shown,
        mergeable=mergeable,
        may_merge=ready and not blocked,
        may_bypass=ready and not blocked and bool(shown),
        may_push=push,
        queue=queued,
        queue_position=queue.position(pull),
        methods=_methods(repository),
    )


def _methods(repository: Repository) -> tuple[tuple[str, str], ...]:
    named = (
        ("merge", "Merge pull request", repository.allow_merge_commit),
        ("squash", "Squash and merge", repository.allow_squash_merge),
        ("rebase", "Rebase and merge", repository.allow_rebase_merge),
    )
    return tuple((name, label) for name, label, allowed in named if allowed)


def _headline(rows: tuple[CheckRow, ...]) -> tuple[str, str]:
    states = [row.state for row in rows]
    if not states:
        return "No checks have been reported", "neutral"
    if "failure" in states:
        return (
            "All checks have failed" if set(states) == {"failure"} else "Some checks were not successful"
        ), "failure"
    if "action" in states:
        return "Some checks need somebody to act", "action"
    if "pending" in states:
        return "Some checks haven’t completed yet", "pending"
    return "All checks have passed", "success"


def rollup(repository: Repository, sha: str) -> str | None:
    """Return the mark beside a commit: success, failure, pending, action or None."""
    rows = check_rows(repository, sha, None)
    return _headline(rows)[1] if rows else None
