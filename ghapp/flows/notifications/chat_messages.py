"""Decide which chat messages to send, and send each only once for its subject."""

import hashlib

import msgspec

from checks.plan.apply_stream import words_of_results
from checks.report import RunReport, total
from ghapp.flows.check_run import describe_override
from ghapp.flows.repository import Repo
from ghapp.jobs import SendChatMessage
from ghapp.notify import Applied, EnvironmentResult, Failed, Message, PromotionDecided, PullRequestLink, Waiting
from ghapp.repository_config import BranchEnvironment, ConfigInvalid, Occasion
from ghapp.services import Services
from ghapp.store import KnownPullRequest, Run
from ghapp.store.marker_kinds import PromotionMarker
from ghapp.store.message_subjects import AboutPlan, AboutPromotion, AboutRun, MessageSubject, PromotionNotice
from ghapp.values import CommitSha, EnvironmentName


async def notify_result(repo: Repo, run: Run, report: RunReport) -> None:
    """Report the result of an apply in chat: done, failed, or waiting for a person."""
    if report.conclusion == "action_required":
        await notify_waiting(repo, run, report.first_cause)
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
            note=describe_override(run) or "",
        )
    else:
        message = Failed(
            repository=repo.full_name,
            environment=run.environment,
            run_url=repo.services.run_url(run.id),
            commit_sha=run.head_sha,
            cause=report.first_cause,
            result=words_of_results(result for root in report.roots for result in root.results),
            pull_requests=links,
            note=describe_override(run) or "",
        )
    subject = AboutRun(run_id=run.id, occasion=message.kind)
    await queue_chat_message(repo, await _deciding_commit(repo.services, run), message.kind, message, subject)


async def notify_waiting(repo: Repo, run: Run, cause: str) -> None:
    """Report in chat that an apply waits for a person."""
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
    await queue_chat_message(repo, await _deciding_commit(repo.services, run), "waiting", message, subject)


async def notify_plan(
    repo: Repo,
    run: Run,
    report: RunReport,
    *,
    number: int,
    environment: EnvironmentName,
    config_sha: CommitSha,
) -> None:
    """Report in chat that a plan waits for a person, or that a promotion's gate was decided.

    A message is sent once for each head and cause, so planning again sends nothing.
    """
    pull_request = await repo.store.pull_requests.find(repo.id, number)
    if pull_request is None:
        return
    if report.conclusion == "action_required":
        message = Waiting(
            repository=repo.full_name,
            environment=environment,
            run_url=repo.services.run_url(run.id),
            commit_sha=run.head_sha,
            cause=report.first_cause,
            operation="plan",
            counts=total(report.previews or report.roots) if report.all_roots else None,
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
        return  # the check run already says so
    named = config.branch_environments.get(environment)
    if named is not None and named.promote_from is not None and report.conclusion in ("success", "failure"):
        await _promotion_decided(repo, run, report, pull_request, named, named.promote_from, config_sha)


async def _promotion_decided(
    repo: Repo,
    run: Run,
    report: RunReport,
    pull_request: KnownPullRequest,
    environment: BranchEnvironment,
    before: EnvironmentName,
    config_sha: CommitSha,
) -> None:
    """Report only the first decision about a promotion, and the first time that it turns green."""
    marker = PromotionMarker(repo.id, pull_request.number)
    said = await repo.store.markers.find(marker)
    now: PromotionNotice = "green" if report.conclusion == "success" else "decided"
    if said in (now, "green"):
        return
    message = PromotionDecided(
        repository=repo.full_name,
        environment=environment.name,
        run_url=repo.services.run_url(run.id),
        commit_sha=run.head_sha,
        pull_request=_link(pull_request),
        may_merge=now == "green",
        before=await _last_result(repo, before),
        cause=None if now == "green" else report.first_cause,
        counts=total(report.previews) if report.previews else None,
    )
    subject = AboutPromotion(repository_id=repo.id, number=pull_request.number, notice=now)
    await queue_chat_message(repo, config_sha, "promotion", message, subject)
    await repo.store.markers.keep(marker, now)


async def _last_result(repo: Repo, environment: EnvironmentName) -> EnvironmentResult:
    """The result of an environment's last apply."""
    newest = await repo.store.runs.newest_apply(repo.id, environment)
    if newest is None:
        return EnvironmentResult(environment=environment, outcome="never applied by Planward")
    outcome = _OUTCOMES.get(newest.conclusion or "", "failed") if newest.status == "completed" else "being applied"
    raw = await repo.store.runs.readable_report(newest.id)
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
    """Enqueue a message, once for its subject, if the config at the commit `in_force` has an address for it."""
    if in_force is None:
        return
    repo = await repo.with_commits(in_force)
    try:
        config = await repo.config_at(in_force)
    except ConfigInvalid:
        return  # the check run already says so
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


async def _deciding_commit(services: Services, run: Run) -> CommitSha | None:
    """The commit whose config decides about an apply: LAST of its branch; None if there is none yet."""
    last = await services.store.branches.last_of_branch(run.repository_id, run.branch)
    return None if last is None else last.sha


async def _links(repo: Repo, run: Run) -> tuple[PullRequestLink, ...]:
    numbers = run.apply.explains
    found = [await repo.store.pull_requests.find(repo.id, number) for number in numbers]
    return tuple(_link(each) for each in found if each)


def _link(pull_request: KnownPullRequest) -> PullRequestLink:
    return PullRequestLink(number=pull_request.number, title=pull_request.title, url=pull_request.url)
