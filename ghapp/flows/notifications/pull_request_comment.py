"""The one comment on each merged pull request, updated after each apply."""

import asyncio
from collections.abc import Iterable

import msgspec

from checks.rendering.comment import render_comment
from checks.report import RunReport
from ghapp.durable import step
from ghapp.flows.repository import Repo, load_repo
from ghapp.github import GitHubRefused, GitHubUnavailable, Priority
from ghapp.jobs import Comment
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import Run
from ghapp.store.marker_kinds import CommentMarker, Created, Creating
from ghapp.values import TESTING


async def update_comments(repo: Repo, numbers: Iterable[int]) -> None:
    """Write or edit the comment of each of these pull requests: it shows the newest apply of every environment.

    If GitHub is unavailable, the comment is deferred, and the caller continues. Raises GitHubRefused. If an apply did
    not succeed, its comment gets the same priority as its check run.
    """
    for number in numbers:
        try:
            await _update(repo, number)
        except GitHubUnavailable as error:
            in_s = error.retry_after_s or repo.services.timings.retry_s
            job = await _enqueue(repo, number, in_s=in_s)
            log.info("comment_deferred", job=job.key, reason=str(error), in_s=in_s)


async def enqueue_comments(repo: Repo, numbers: Iterable[int]) -> None:
    """Enqueue the comments for a run before it is completed.

    If Planward stops after it has completed the run, these jobs still write the comments.
    """
    for number in numbers:
        await _enqueue(repo, number, in_s=repo.services.timings.notify_after_s)


async def _update(repo: Repo, number: int) -> None:
    """Update one comment, and drop its pending job. Raises GitHubError."""
    runs = await _applies_of(repo, number)
    newest = {run.environment: run.id for run in runs if run.conclusion != "cancelled"}
    reports: list[RunReport] = []
    # First the newest apply, then testing's result, then commits that newer ones contain.
    runs.reverse()
    for run in sorted(runs, key=lambda run: (run.conclusion == "cancelled", run.environment == TESTING)):
        raw = await repo.store.runs.readable_report(run.id)
        if raw is not None and (run.conclusion == "cancelled" or newest.get(run.environment) == run.id):
            reports += await asyncio.to_thread(msgspec.json.decode, raw, type=list[RunReport])
    if reports:
        body = await asyncio.to_thread(render_comment, *reports)
        succeeded = all(report.conclusion in ("success", "cancelled") for report in reports)
        await _write(repo, number, body, "cosmetic" if succeeded else "gate")
    await repo.store.deferred.cancel(f"comment:{repo.id}:{number}")


async def _applies_of(repo: Repo, number: int) -> list[Run]:
    """Apply runs that include a pull request, oldest first.

    The run of its own merge counts even if it ended before Planward learned about the merge.
    """
    runs = list(await repo.store.runs.explained_by(repo.id, number))
    known = await repo.store.pull_requests.find(repo.id, number)
    if known is not None and known.merge_sha is not None:
        ids = {run.id for run in runs}
        of_merge = await repo.store.runs.applies_of_commit(repo.id, known.merge_sha)
        runs += [run for run in of_merge if run.id not in ids]
    return sorted(runs, key=lambda run: (run.created_at, run.id))


async def update_comment_later(services: Services, job: Comment) -> None:
    """Write a deferred comment, with its current content."""
    await step("comment", type(None), _update_comment, services, job)


async def _update_comment(services: Services, job: Comment) -> None:
    repo = await load_repo(services, job.repository_id)
    if repo.known.active:
        await _update(repo, job.number)


async def _enqueue(repo: Repo, number: int, *, in_s: float) -> Comment:
    job = Comment(repository_id=repo.id, number=number, at=int(repo.store.clock() + in_s))
    await repo.store.deferred.defer(f"comment:{repo.id}:{number}", msgspec.to_builtins(job), in_s=in_s)
    return job


async def _write(repo: Repo, number: int, body: str, priority: Priority) -> None:
    key = CommentMarker(repo.id, number)
    # If GitHub takes long to answer, the end of an apply and its deferred report may write at the same time.
    async with repo.services.comment_locks.setdefault(key, asyncio.Lock()):
        await _create_or_update(repo, key, body, priority)


async def _create_or_update(repo: Repo, key: CommentMarker, body: str, priority: Priority) -> None:
    marker = f"planward:{repo.id}:{key.number}"
    github = await repo.github()
    known = await repo.store.markers.find(key)
    if isinstance(known, Created):
        try:
            await github.update_comment(known.id, body, marker=marker, priority=priority)
        except GitHubRefused as error:
            if error.status != 404:
                raise
            # Somebody deleted the comment. Create another: the result of an apply must be shown.
        else:
            return
    await repo.store.markers.keep(key, Creating())
    made = await github.create_comment(key.number, body, marker=marker, look_first=known is not None, priority=priority)
    await repo.store.markers.keep(key, Created(id=made))
