"""A run's check run on GitHub: created once, updated during the run, and completed once."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import msgspec

from checks.rendering.markdown import render_check_run
from checks.rendering.picture import render_picture
from checks.report import CheckRunOutput, Conclusion, RootReport, RunReport
from ghapp.flows.repository import Repo
from ghapp.github import CheckRunAction, CheckRunDraft, CheckRunImage, GitHubRefused, GitHubUnavailable, Status
from ghapp.jobs import PlanRun
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import ApplyState, CheckRunState, Run, StoreUnavailable
from ghapp.values import TESTING, CommitSha, EnvironmentName, RepositoryId, RunId

_POLL_S = 0.2

_MOST_IMAGES = 5
_REFUSED_TO_US = (403, 404)
PLAN = "planward/plan"
"""The check run that branch protection requires."""

BUTTONS = {
    "approve_plan": CheckRunAction(
        label="Approve plan", identifier="approve_plan", description="Plan this commit with credentials"
    ),
    "preview": CheckRunAction(label="Preview", identifier="preview", description="Plan it in the target environment"),
    "confirm_destroy": CheckRunAction(
        label="Confirm destroy", identifier="confirm_destroy", description="Allow what this destroys"
    ),
    "plan": CheckRunAction(label="Plan", identifier="plan", description="Vouch for this code and show its plan"),
    "apply": CheckRunAction(label="Apply", identifier="apply", description="Apply the plan that is shown"),
}


def apply_check_run(environment: str) -> str:
    """The name of an apply's check run."""
    return f"planward/apply ({environment})"


def run_id_for(key: str) -> RunId:
    """The id of the run for this key: the same key gives the same run."""
    return RunId(hashlib.sha256(key.encode()).hexdigest()[:24])


OVERRIDDEN = " (--override)"
"""A suffix to the login of an administrator who ended a hold alone."""


def run_report(
    repo: Repo,
    run: Run,
    conclusion: Conclusion,
    cause: str | None,
    *,
    notes: tuple[str, ...] = (),
    roots: tuple[RootReport, ...] = (),
    previews: tuple[RootReport, ...] = (),
    paste: str | None = None,
    target: str = "",
) -> RunReport:
    """The report of a run for people; `cause` is the first line unless the run succeeded."""
    note = describe_override(run)
    return RunReport(
        operation=run.operation,
        environment=TESTING if run.operation == "plan" else run.environment,
        repository=repo.full_name,
        commit_sha=run.head_sha,
        conclusion=conclusion,
        cause=cause,
        notes=notes if note is None else (note, *notes),
        roots=roots,
        previews=previews,
        target=target,
        paste=paste,
        blob_url=repo.blob_url(run.head_sha),
        run_url=repo.services.run_url(run.id),
    )


def describe_override(run: Run) -> str | None:
    """Say which administrator ended an apply's hold alone; None if nobody did."""
    if not isinstance(run.state, ApplyState) or not (run.state.approved_by or "").endswith(OVERRIDDEN):
        return None
    return f"The administrator {run.state.approved_by} ended this hold alone"


async def announce(repo: Repo, run: Run, *, status: Status, summary: str) -> Run:
    """Create the run's check run, exactly once even if the step is repeated or flows run concurrently.

    A run that has ended in the meantime, for example because a newer run replaced it, gets no check run. GitHub shows
    the newest check run, so a check run that is created now would hide the check run of the newer run.
    """
    lock = repo.services.check_run_locks.setdefault(run.id, asyncio.Lock())
    async with lock:
        run = await repo.store.runs.load(run.id)
        while run.check_run_id is None and run.cancel_reason is None and run.status != "completed":
            tried_before = run.state.check_run.creation is not None
            if await repo.store.runs.claim_creation(
                run.id, by=repo.services.process_id, for_s=repo.services.timings.claim_s
            ):
                draft = _draft(repo.services, run, status=status, summary=summary)
                github = await repo.github()
                async with _renew_claim(repo.services, run.id):
                    made = await github.create_check_run(draft, look_first=tried_before)
                if made.unclear:
                    await repo.store.runs.change_check_run(run.id, lambda state: replace(state, may_be_duplicated=True))
                shown_at = made.resource.shown_at or repo.store.clock()
                await repo.store.runs.change_check_run(run.id, partial(_shown_since, shown_at))
                await repo.store.runs.change(run.id, check_run_id=made.resource.id, status=status)
            else:
                await asyncio.sleep(_POLL_S)
            run = await repo.store.runs.load(run.id)
        return run


def _shown_since(at: float, state: CheckRunState) -> CheckRunState:
    return replace(state, shown_at=at)


@contextlib.asynccontextmanager
async def _renew_claim(services: Services, run_id: RunId) -> AsyncIterator[None]:
    """Renew the claim while the check run is created.

    Otherwise another process could take over the claim and create a second check run.
    """

    async def renew() -> None:
        while True:
            await asyncio.sleep(services.timings.claim_s / 3)
            with contextlib.suppress(StoreUnavailable):
                await services.store.runs.claim_creation(run_id, by=services.process_id, for_s=services.timings.claim_s)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def show_progress(repo: Repo, run: Run, summary: str) -> None:
    """Show the run's progress on the check run; if GitHub refuses, the run continues without showing it."""
    if run.check_run_id is None:
        return  # the run ended before it had a check run
    github = await repo.github()
    draft = _draft(repo.services, run, status="in_progress", summary=summary)
    try:
        await github.update_check_run(run.check_run_id, draft)
    except (GitHubUnavailable, GitHubRefused) as error:
        log.info("progress_left_out", run=run.id, reason=str(error))
    await repo.store.runs.change(run.id, status="in_progress")


class OnShown(Protocol):
    """Called when GitHub shows a conclusion; `at` is in seconds since 1970."""

    def __call__(self, *, at: float) -> Awaitable[None]: ...


async def complete_check_run(
    repo: Repo,
    run: Run,
    reports: Sequence[RunReport],
    *,
    conclusion: Conclusion,
    buttons: Sequence[str] = (),
    changed_lines: Mapping[str, Sequence[range]] | None = None,
    on_shown: OnShown | None = None,
) -> None:
    """Complete the run on GitHub and in the store; a repeated step does nothing once both are done.

    `on_shown` is called before the store is updated; its argument `at` is the time when GitHub began to show the
    conclusion. `changed_lines` are the lines of the diff by path. Annotations on these lines come first, since the
    number of annotations is limited, and beside the code GitHub shows only annotations on changed lines.
    """
    run = await repo.store.runs.load(run.id)
    if run.status == "completed":
        return
    output = await asyncio.to_thread(render_check_run, *reports, changed_lines=changed_lines)
    raw = await asyncio.to_thread(msgspec.json.encode, list(reports))
    run = await _ensure_check_run(repo, run, output.title)
    if run.check_run_id is None:
        await _complete_in_store(repo, run, conclusion, output.title, raw)
        return
    github = await repo.github()
    resumed = run.state.check_run.completion_sent
    await repo.store.runs.change_check_run(run.id, lambda state: replace(state, completion_sent=True))
    draft = await _completed_draft(repo, run, output, reports, conclusion, buttons)
    try:
        update = await github.update_check_run(run.check_run_id, draft, annotations_sent=None if resumed else 0)
        if on_shown is not None:
            await on_shown(at=update.completed_at or repo.store.clock())
    except GitHubRefused as error:
        if error.status not in _REFUSED_TO_US:
            raise
        # The check run belongs to another App or does not exist. Nothing can be shown, so the run just ends.
        log.warning("run_not_shown", run=run.id, reason=str(error))
    if run.state.check_run.may_be_duplicated:
        # Complete the duplicates, too: GitHub may show any of them as the newest.
        for each in await github.find_check_runs(run.head_sha, run.check_run_name):
            if each.external_id == run.id and each.id != run.check_run_id and each.status != "completed":
                await github.update_check_run(each.id, draft)
    await _complete_in_store(repo, run, conclusion, output.title, raw)


async def _completed_draft(
    repo: Repo,
    run: Run,
    output: CheckRunOutput,
    reports: Sequence[RunReport],
    conclusion: Conclusion,
    buttons: Sequence[str],
) -> CheckRunDraft:
    return CheckRunDraft(
        name=run.check_run_name,
        head_sha=run.head_sha,
        external_id=run.id,
        status="completed",
        conclusion=conclusion,
        details_url=repo.services.run_url(run.id),
        title=output.title,
        summary=output.summary,
        text=output.text,
        annotations=output.annotations,
        actions=tuple(BUTTONS[name] for name in buttons),
        images=await asyncio.to_thread(_images, repo.services, run, reports),
    )


async def _complete_in_store(repo: Repo, run: Run, conclusion: Conclusion, title: str, report: bytes) -> None:
    """Finish the run in the store, and resume the plans that wait for the end of an apply."""
    await repo.store.runs.complete(run.id, conclusion=conclusion, title=title, report=report)
    if run.operation == "apply":
        await repo.store.deferred.make_due(after_applies(run.repository_id, run.branch))


async def show_completed(
    repo: Repo, run: Run, reports: Sequence[RunReport], *, conclusion: Conclusion, buttons: Sequence[str] = ()
) -> None:
    """Replace the output of a completed check run, and its stored report; annotations stay. Raises GitHubError."""
    output = await asyncio.to_thread(render_check_run, *reports)
    if run.check_run_id is not None:
        github = await repo.github()
        draft = await _completed_draft(repo, run, output, reports, conclusion, buttons)
        await github.update_check_run(run.check_run_id, msgspec.structs.replace(draft, annotations=()))
    raw = await asyncio.to_thread(msgspec.json.encode, list(reports))
    await repo.store.runs.replace_report(run.id, title=output.title, report=raw)


async def _ensure_check_run(repo: Repo, run: Run, summary: str) -> Run:
    """Return the run with its check run, which is created now if GitHub was unavailable when the run was announced.

    The returned run has no check run if it was cancelled before its check run was created, or if GitHub refuses check
    runs on this commit.
    """
    if run.check_run_id is not None:
        return run
    if run.cancel_reason is not None:
        return await _recover_check_run(repo, run)
    try:
        return await announce(repo, run, status="in_progress", summary=summary)
    except GitHubRefused as error:
        log.warning("run_not_shown", run=run.id, reason=str(error))
        return run


async def _recover_check_run(repo: Repo, run: Run) -> Run:
    """Return an ended run, with its check run if an earlier attempt created one and the answer was lost."""
    lock = repo.services.check_run_locks.setdefault(run.id, asyncio.Lock())
    async with lock:
        run = await repo.store.runs.load(run.id)
        while run.check_run_id is None and run.state.check_run.creation is not None:
            if await repo.store.runs.claim_creation(
                run.id, by=repo.services.process_id, for_s=repo.services.timings.claim_s
            ):
                github = await repo.github()
                seen = await github.find_check_runs(run.head_sha, run.check_run_name)
                ids = [each.id for each in seen if each.external_id == run.id]
                if not ids:
                    return run
                await repo.store.runs.change(run.id, check_run_id=ids[0])
            else:
                await asyncio.sleep(_POLL_S)
            run = await repo.store.runs.load(run.id)
        return run


def _images(services: Services, run: Run, reports: Sequence[RunReport]) -> tuple[CheckRunImage, ...]:
    """Pictures of the first root modules with changes, if GitHub can fetch pictures from this server."""
    roots = [root for report in reports for root in report.all_roots]
    images: list[CheckRunImage] = []
    for number, root in enumerate(roots):
        url = services.picture_url(run.id, number)
        if url is None or len(images) == _MOST_IMAGES:
            break
        if render_picture(root) is not None:
            what = f"{root.root_module} in {root.environment}"
            images.append(CheckRunImage(alt=f"Changes in {what}", image_url=url, caption=what))
    return tuple(images)


def _draft(services: Services, run: Run, *, status: Status, summary: str) -> CheckRunDraft:
    return CheckRunDraft(
        name=run.check_run_name,
        head_sha=run.head_sha,
        external_id=run.id,
        status=status,
        details_url=services.run_url(run.id),
        title=summary,
        summary=summary,
    )


async def runs_of_tip(repo: Repo, environment: EnvironmentName, tip: CommitSha) -> list[Run]:
    """All attempts at this commit, oldest first."""
    name = apply_check_run(environment)
    return list(await repo.store.runs.of_head(repo.id, tip, name))


def after_applies(repository: RepositoryId, branch: str, run_id: str = "") -> str:
    """The key of the job of a plan run that waits for the end of a branch's applies.

    Without `run_id`, the prefix of all these keys.
    """
    return f"after:{repository}:{branch}:{run_id}"


async def cancel_plan(services: Services, run: Run, *, by: str) -> None:
    """Cancel an unfinished plan run. If it is still deferred, no flow would end it, so its flow is started now."""
    if await services.store.runs.cancel(run.id, reason=by) and run.plan.debounced:
        await services.enqueue(PlanRun(run_id=run.id, repository_id=run.repository_id))
        await services.store.deferred.make_due(after_applies(run.repository_id, run.branch, run.id))
