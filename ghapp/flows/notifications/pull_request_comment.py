"""The one comment on each pull request that was merged, brought up to date after each apply."""

from collections.abc import Iterable

import msgspec

from checks.rendering.markdown import render_comment
from checks.report import RunReport
from ghapp.durable import step
from ghapp.flows.repository import Repo, load_repo
from ghapp.github import Deferred, Priority, or_deferred
from ghapp.jobs import Comment
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import Run
from ghapp.store.marker_kinds import CommentMarker, Created, Creating


async def update_comments(repo: Repo, numbers: Iterable[int]) -> None:
    """Write or edit the one comment of each of these pull requests: the newest apply of every environment.

    A comment that GitHub's limits have no room for now is deferred, and the caller goes on. That of an apply which did
    not succeed is as important as its check run.
    """
    for number in numbers:
        runs = await _applies_of(repo, number)
        newest = {run.environment: run.id for run in runs if run.conclusion != "cancelled"}
        reports: list[RunReport] = []
        for run in runs:
            raw = await repo.store.runs.readable_report(run.id)
            if raw is not None and (run.conclusion == "cancelled" or newest.get(run.environment) == run.id):
                reports += msgspec.json.decode(raw, type=list[RunReport])
        if not reports:
            continue
        body = render_comment(*reversed(reports))
        succeeded = all(report.conclusion in ("success", "cancelled") for report in reports)
        priority: Priority = "cosmetic" if succeeded else "gate"
        written = await or_deferred(_write(repo, number, body, priority))
        if isinstance(written, Deferred):
            await _defer_comment(repo, number, in_s=written.in_s)


async def _applies_of(repo: Repo, number: int) -> list[Run]:
    """Apply runs that a pull request has part in, oldest first.

    That of its own merge is one also where it was ended before anybody told that this is a merge.
    """
    runs = list(await repo.store.runs.explained_by(repo.id, number))
    known = await repo.store.pull_requests.find(repo.id, number)
    if known is not None and known.merge_sha is not None:
        ids = {run.id for run in runs}
        of_merge = await repo.store.runs.applies_of_commit(repo.id, known.merge_sha)
        runs += [run for run in of_merge if run.id not in ids]
    return sorted(runs, key=lambda run: (run.created_at, run.id))


async def update_comment_later(services: Services, job: Comment) -> None:
    """Write a comment that had to wait, as it is to be now."""
    await step("comment", type(None), _update_comment, services, job)


async def _update_comment(services: Services, job: Comment) -> None:
    repo = await load_repo(services, job.repository_id)
    if repo.known.active:
        await update_comments(repo, [job.number])


async def _defer_comment(repo: Repo, number: int, *, in_s: float) -> None:
    job = Comment(repository_id=repo.id, number=number, at=int(repo.store.clock() + in_s))
    log.info("comment_deferred", job=job.key, in_s=in_s)
    await repo.store.deferred.defer(f"comment:{repo.id}:{number}", msgspec.to_builtins(job), in_s=in_s)


async def _write(repo: Repo, number: int, body: str, priority: Priority) -> None:
    key, marker = CommentMarker(repo.id, number), f"planward:{repo.id}:{number}"
    github = await repo.github()
    known = await repo.store.markers.find(key)
    if isinstance(known, Created):
        await github.update_comment(known.id, body, marker=marker, priority=priority)
        return
    await repo.store.markers.keep(key, Creating())
    made = await github.create_comment(number, body, marker=marker, look_first=known is not None, priority=priority)
    await repo.store.markers.keep(key, Created(id=made))
