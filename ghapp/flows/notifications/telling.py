"""What is said beside check runs: the one comment on each pull request that was merged, and chat."""

import hashlib
from collections.abc import Iterable

import msgspec

from checks.rendering.markdown import render_comment
from checks.report import RunReport, total
from ghapp.durable import step
from ghapp.flows.repository import Repo, load_repo
from ghapp.github import Deferred, or_deferred
from ghapp.jobs import Comment, NotifyApply, SendChatMessage
from ghapp.log import log
from ghapp.notify import Applied, EnvironmentResult, Failed, Message, PromotionDecided, PullRequestLink, Waiting
from ghapp.repository_config import ConfigInvalid, Environment, Occasion
from ghapp.services import Services
from ghapp.store import KnownPullRequest, Run
from ghapp.store.marker_kinds import CommentMarker, Created, Creating, PromotionMarker
from ghapp.store.message_subjects import AboutPlan, AboutPromotion, AboutRun, MessageSubject, PromotionNotice
from ghapp.values import TESTING, CommitSha, EnvironmentName, RunId


async def comment(repo: Repo, numbers: Iterable[int]) -> None:
    """Write or edit the one comment of each of these pull requests: the newest apply of every environment.

    A comment that GitHub's limits have no room for now is deferred, and the caller goes on.
    """
    for number in numbers:
        runs = await _applies_of(repo, number)
        newest = {run.environment: run.id for run in runs if run.conclusion != "cancelled"}
        reports: list[RunReport] = []
        for run in runs:
            raw = await repo.store.runs.report(run.id)
            if raw is not None and (run.conclusion == "cancelled" or newest.get(run.environment) == run.id):
                reports += msgspec.json.decode(raw, type=list[RunReport])
        if not reports:
            continue
        body = render_comment(*reversed(reports))
        written = await or_deferred(_write(repo, number, body))
        if isinstance(written, Deferred):
            await _comment_later(repo, number, in_s=written.in_s)


async def _applies_of(repo: Repo, number: int) -> list[Run]:
    """Apply runs that a pull request has part in, oldest first.

    That of its own merge is one also where it was ended before anybody told that this is a merge.
    """
    runs = list(await repo.store.runs.explained_by(repo.id, number))
    known = await repo.store.pull_requests.find(repo.id, number)
    if known is not None and known.merge_sha is not None:
        ids = {run.id for run in runs}
        of_merge = await repo.store.runs.of_commit(repo.id, known.merge_sha)
        runs += [run for run in of_merge if run.operation == "apply" and run.id not in ids]
    return sorted(runs, key=lambda run: (run.created_at, run.id))


async def comment_again(services: Services, job: Comment) -> None:
    """Write a comment that had to wait, as it is to be now."""
    await step("comment", type(None), _comment_again, services, job)


async def _comment_again(services: Services, job: Comment) -> None:
    repo = await load_repo(services, job.repository_id)
    if repo.known.active:
        await comment(repo, [job.number])


async def _comment_later(repo: Repo, number: int, *, in_s: float) -> None:
    job = Comment(repository_id=repo.id, number=number, at=int(repo.store.clock() + in_s))
    log.info("comment_deferred", job=job.key, in_s=in_s)
    await repo.store.deferred.defer(f"comment:{repo.id}:{number}", msgspec.to_builtins(job), in_s=in_s)


async def _write(repo: Repo, number: int, body: str) -> None:
    key, marker = CommentMarker(repo.id, number), f"planward:{repo.id}:{number}"
    github = await repo.github()
    known = await repo.store.markers.find(key)
    if isinstance(known, Created):
        await github.update_comment(known.id, body, marker=marker)
        return
    await repo.store.markers.keep(key, Creating())
    made = await github.create_comment(number, body, marker=marker, look_first=known is not None)
    await repo.store.markers.keep(key, Created(id=made))


async def enqueue_notification(services: Services, run: Run, *, attempt: int = 0) -> None:
    """Enqueue the notification of an apply that is about to be completed: nobody looks at it again once it is."""
    job = NotifyApply(run_id=run.id, attempt=attempt)
    await services.store.deferred.defer(
        f"tell:{run.id}", msgspec.to_builtins(job), in_s=services.timings.notify_after_s
    )


async def notify_now(repo: Repo, run_id: RunId) -> None:
    """Report a completed apply, and drop its pending notification."""
    run = await repo.store.runs.load(run_id)
    raw = await repo.store.runs.report(run_id)
    assert raw is not None
    await comment(repo, run.apply.explains)
    for report in msgspec.json.decode(raw, type=list[RunReport]):
        await applied(repo, run, report)
    await repo.store.deferred.cancel(f"tell:{run_id}")


async def notify_apply(services: Services, job: NotifyApply) -> None:
    """Report an apply, where GitHub could not be reached when it ended."""
    await step("notify", type(None), _notify_apply, services, job)


async def _notify_apply(services: Services, job: NotifyApply) -> None:
    run = await services.store.runs.load(job.run_id)
    repo = await load_repo(services, run.repository_id)
    if run.status == "completed":
        await notify_now(repo, run.id)
    else:
        await enqueue_notification(services, run, attempt=job.attempt + 1)


async def applied(repo: Repo, run: Run, report: RunReport) -> None:
    """Say in chat what came of an apply: done, failed, or waiting for a person."""
    if report.conclusion == "action_required":
        await waiting(repo, run, report.first_cause)
        return
    links = await _links(repo, run)
    message: Message
    if report.conclusion == "success":
        message = Applied(
            repository=repo.full_name,
            environment=run.environment,
            run_url=repo.services.run_url(run.id),
            commit_sha=run.head_sha,
            counts=total(report.roots),
            pull_requests=links,
        )
    else:
        message = Failed(
            repository=repo.full_name,
            environment=run.environment,
            run_url=repo.services.run_url(run.id),
            commit_sha=run.head_sha,
            cause=report.first_cause,
            pull_requests=links,
        )
    subject = AboutRun(run_id=run.id, occasion=message.kind)
    await queue_chat_message(repo, await _in_force(repo.services, run), message.kind, message, subject)


async def waiting(repo: Repo, run: Run, cause: str) -> None:
    """Say in chat that an apply waits for a person."""
    message = Waiting(
        repository=repo.full_name,
        environment=run.environment,
        run_url=repo.services.run_url(run.id),
        commit_sha=run.head_sha,
        cause=cause,
        operation=run.operation,
        pull_requests=await _links(repo, run),
    )
    subject = AboutRun(run_id=run.id, occasion="waiting")
    await queue_chat_message(repo, await _in_force(repo.services, run), "waiting", message, subject)


async def planned(
    repo: Repo,
    run: Run,
    report: RunReport,
    *,
    number: int,
    environment: EnvironmentName,
    config_sha: CommitSha,
) -> None:
    """Say in chat what a plan means for people: it waits for one, or a promotion's gate was decided.

    Each once for a head and what is asked: a plan that is merely made again says nothing.
    """
    pull_request = await repo.store.pull_requests.find(repo.id, number)
    if pull_request is None:
        return
    if report.conclusion == "action_required":
        message = Waiting(
            repository=repo.full_name,
            environment=TESTING,
            run_url=repo.services.run_url(run.id),
            commit_sha=run.head_sha,
            cause=report.first_cause,
            operation="plan",
            counts=total(report.roots) if report.roots else None,
            pull_requests=(_link(pull_request),),
        )
        asked = hashlib.sha256(report.first_cause.encode()).hexdigest()[:12]
        subject = AboutPlan(
            repository_id=repo.id, number=number, head_sha=run.head_sha, cause=asked, occasion="waiting"
        )
        await queue_chat_message(repo, config_sha, "waiting", message, subject)
        return
    repo = await repo.with_commits(config_sha)
    try:
        config = await repo.config_at(config_sha)
    except ConfigInvalid:
        return  # the check run says so already
    named = config.environments.get(environment)
    if named is not None and named.promote_from is not None and report.conclusion in ("success", "failure"):
        await _promotion_decided(repo, run, report, pull_request, named, config_sha)


async def _promotion_decided(
    repo: Repo,
    run: Run,
    report: RunReport,
    pull_request: KnownPullRequest,
    environment: Environment,
    config_sha: CommitSha,
) -> None:
    """Say it when the gate is first decided, and when it first turns green; nothing else."""
    marker = PromotionMarker(repo.id, pull_request.number)
    said = await repo.store.markers.find(marker)
    now: PromotionNotice = "green" if report.conclusion == "success" else "decided"
    if said in (now, "green"):
        return
    assert environment.promote_from is not None
    message = PromotionDecided(
        repository=repo.full_name,
        environment=environment.name,
        run_url=repo.services.run_url(run.id),
        commit_sha=run.head_sha,
        pull_request=_link(pull_request),
        may_merge=now == "green",
        before=await _result(repo, environment.promote_from),
        cause=None if now == "green" else report.first_cause,
        counts=total(report.previews) if report.previews else None,
    )
    subject = AboutPromotion(repository_id=repo.id, number=pull_request.number, notice=now)
    await queue_chat_message(repo, config_sha, "promotion", message, subject)
    await repo.store.markers.keep(marker, now)


async def _result(repo: Repo, environment: EnvironmentName) -> EnvironmentResult:
    """How the last apply of an environment went."""
    runs = [run for run in await repo.store.runs.applies(repo.id, environment) if run.conclusion != "cancelled"]
    if not runs:
        return EnvironmentResult(environment=environment, outcome="never applied by Planward")
    newest = runs[-1]
    outcome = _OUTCOMES.get(newest.conclusion or "", "failed") if newest.status == "completed" else "being applied"
    raw = await repo.store.runs.report(newest.id)
    reports = msgspec.json.decode(raw, type=list[RunReport]) if raw is not None else []
    roots = [root for each in reports for root in each.roots]
    return EnvironmentResult(
        environment=environment,
        outcome=outcome,
        commit_sha=newest.head_sha,
        counts=total(roots) if roots else None,
        run_url=repo.services.run_url(newest.id),
    )


_OUTCOMES = {"success": "applied", "action_required": "waits for a person", "timed_out": "timed out"}


async def queue_chat_message(
    repo: Repo,
    in_force: CommitSha | None,
    occasion: Occasion,
    message: Message,
    subject: MessageSubject,
) -> None:
    """Enqueue a message, once for what it is about, if the config that is in force names anybody for it."""
    if in_force is None:
        return
    repo = await repo.with_commits(in_force)
    try:
        config = await repo.config_at(in_force)
    except ConfigInvalid:
        return  # the check run says so already
    if any(occasion in target.on for target in config.notify):
        await repo.services.enqueue(
            SendChatMessage(
                about=subject.text,
                repository_id=repo.id,
                environment=message.environment,
                config_sha=in_force,
                message=msgspec.json.encode(message).decode(),
            )
        )


async def _in_force(services: Services, run: Run) -> CommitSha | None:
    """The commit whose config decides about an apply: LAST of its branch; None where there is none yet."""
    last = await services.store.branches.last_of_branch(run.repository_id, run.branch)
    return None if last is None else last.sha


async def _links(repo: Repo, run: Run) -> tuple[PullRequestLink, ...]:
    numbers = run.apply.explains
    found = [await repo.store.pull_requests.find(repo.id, number) for number in numbers]
    return tuple(_link(each) for each in found if each)


def _link(pull_request: KnownPullRequest) -> PullRequestLink:
    return PullRequestLink(number=pull_request.number, title=pull_request.title, url=pull_request.url)
