"""What is said of an apply beside its check run: the one comment on each pull request that was merged, and chat."""

from collections.abc import Iterable

import msgspec

from checks.rendering.markdown import render_comment
from checks.report import RunReport, total
from ghapp.flows.ground import config_at, github_of
from ghapp.jobs import Say
from ghapp.notify import Applied, Failed, Message, PullRequestLink, Waiting
from ghapp.repository_config import ConfigInvalid, Occasion
from ghapp.services import Services
from ghapp.store import KnownRepository, Run
from ghapp.values import CommitSha


async def comment(services: Services, repository: KnownRepository, numbers: Iterable[int]) -> None:
    """Write or edit the one comment of each of these pull requests: the newest apply of every environment."""
    for number in numbers:
        runs = await services.store.runs.explained_by(repository.id, number)
        newest = {run.environment: run.id for run in runs if run.conclusion != "cancelled"}
        reports: list[RunReport] = []
        for run in runs:
            raw = await services.store.runs.report(run.id)
            if raw is not None and (run.conclusion == "cancelled" or newest.get(run.environment) == run.id):
                reports += msgspec.json.decode(raw, type=list[RunReport])
        if not reports:
            continue
        body = render_comment(*reversed(reports))
        await _write(services, repository, number, body)


async def _write(services: Services, repository: KnownRepository, number: int, body: str) -> None:
    key, marker = f"comment:{repository.id}:{number}", f"planward:{repository.id}:{number}"
    github = await github_of(services, repository)
    known = await services.store.handles.find(key)
    if known is not None and known != "being made":
        await github.update_comment(int(known), body, marker=marker)
        return
    await services.store.handles.keep(key, "being made")
    made = await github.create_comment(number, body, marker=marker, look_first=known is not None)
    await services.store.handles.keep(key, str(made))


async def applied(services: Services, repository: KnownRepository, run: Run, report: RunReport) -> None:
    """Say in chat what came of an apply: done, failed, or waiting for a person."""
    if report.conclusion == "action_required":
        await waiting(services, repository, run, report.first_cause)
        return
    links = await _links(services, repository, run)
    message: Message
    if report.conclusion == "success":
        message = Applied(
            repository=repository.full_name,
            environment=run.environment,
            run_url=services.run_url(run.id),
            commit_sha=run.head_sha,
            counts=total(report.roots),
            pull_requests=links,
        )
    else:
        message = Failed(
            repository=repository.full_name,
            environment=run.environment,
            run_url=services.run_url(run.id),
            commit_sha=run.head_sha,
            cause=report.first_cause,
            pull_requests=links,
        )
    await say(services, repository, run, message.kind, message)


async def waiting(services: Services, repository: KnownRepository, run: Run, cause: str) -> None:
    """Say in chat that a run waits for a person."""
    message = Waiting(
        repository=repository.full_name,
        environment=run.environment,
        run_url=services.run_url(run.id),
        commit_sha=run.head_sha,
        cause=cause,
        operation=run.operation,
        pull_requests=await _links(services, repository, run),
    )
    await say(services, repository, run, "waiting", message)


async def say(services: Services, repository: KnownRepository, run: Run, occasion: Occasion, message: Message) -> None:
    """Have a message owed, once for its run and occasion, if the config that is in force names anybody for it."""
    mirror = services.mirrors.open(repository.id)
    assert mirror is not None
    in_force = await _in_force(services, run)
    if in_force is None:
        return
    try:
        config = await config_at(mirror, repository, in_force)
    except ConfigInvalid:
        return  # the check run says so already
    if any(occasion in target.on for target in config.notify):
        await services.accept(
            Say(
                about=f"{run.id}:{occasion}",
                repository_id=repository.id,
                environment=run.environment,
                config_sha=in_force,
                message=msgspec.Raw(msgspec.json.encode(message)),
            )
        )


async def _in_force(services: Services, run: Run) -> CommitSha | None:
    """The commit whose config decides: the base of a pull request, LAST of a branch; None where there is none yet."""
    if run.operation == "plan":
        return run.base_sha
    last = await services.store.branches.last_of_branch(run.repository_id, run.branch)
    return None if last is None else last.sha


async def _links(services: Services, repository: KnownRepository, run: Run) -> tuple[PullRequestLink, ...]:
    numbers = run.data.get("explains", ()) if run.pull_request is None else (run.pull_request,)
    found = [await services.store.pull_requests.find(repository.id, number) for number in numbers]
    return tuple(PullRequestLink(number=each.number, title=each.title, url=each.url) for each in found if each)
