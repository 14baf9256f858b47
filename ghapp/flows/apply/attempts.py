"""Attempts to apply a commit: begin, report, complete."""

from checks.report import Conclusion, RunReport
from ghapp.flows.check_run import announce, apply_check_run, complete_check_run, run_id_for, run_report, runs_of_tip
from ghapp.flows.holds.held_tip import HeldTip
from ghapp.flows.holds.shown import with_deciders
from ghapp.flows.notifications.pull_request_comment import enqueue_comments, update_comments
from ghapp.flows.repository import FetchedRepo, Repo, short
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import ApplyState, Run, StoreUnavailable
from ghapp.values import BranchName, CommitSha, EnvironmentName


async def run_of_tip(
    repo: Repo, environment: EnvironmentName, branch: BranchName, tip: CommitSha, *, attempt: int = 0
) -> Run:
    """Return the run that shows the apply of this commit; create and announce it if there is none yet."""
    key = f"{repo.id}:apply:{environment}:{tip}:{attempt}"
    run = await repo.store.runs.begin(
        Run(
            id=run_id_for(key),
            repository_id=repo.id,
            operation="apply",
            environment=environment,
            branch=branch,
            head_sha=tip,
            base_sha=tip,
            pull_request=None,
            attempt=attempt,
            check_run_name=apply_check_run(environment),
            state=ApplyState(),
        )
    )
    if run.status == "completed":
        return run
    summary = f"Looking for the pull request that explains {short(tip)}"
    return await announce(repo, run, status="in_progress", summary=summary)


async def next_attempt(repo: Repo, environment: EnvironmentName, branch: BranchName, tip: CommitSha) -> Run:
    """Return the unfinished attempt at this commit; if all are completed, begin the next one."""
    attempts = await runs_of_tip(repo, environment, tip)
    number = len([run for run in attempts if run.status == "completed"])
    return await run_of_tip(repo, environment, branch, tip, attempt=number)


async def erase_decided_plans(services: Services, run: Run) -> None:
    """Erase the plan files of the environment's earlier holds, which this run has replaced."""
    try:
        await services.store.kept_plans.erase_decided(run.repository_id, run.environment, besides=run.id)
    except StoreUnavailable as error:
        log.warning("plans_not_erased", run=run.id, reason=str(error))  # they expire within hours anyway


async def complete_apply(
    repo: Repo, run: Run, conclusion: Conclusion, cause: str, *, notes: tuple[str, ...] = ()
) -> None:
    """Complete an apply run with its cause and notes, and update the comment."""
    await _complete(repo, run, run_report(repo, run, conclusion, cause, notes=notes))


async def hold_apply(repo: FetchedRepo, run: Run, cause: str, held: HeldTip) -> None:
    """Complete an apply run as a hold, with its button and its command, and update the comment."""
    paste = f"planward {held.asked} {held.sha} -e {run.environment}"
    report = await with_deciders(repo, held, run_report(repo, run, "action_required", cause, paste=paste))
    await _complete(repo, run, report, buttons=(held.asked,))


async def _complete(repo: Repo, run: Run, report: RunReport, *, buttons: tuple[str, ...] = ()) -> None:
    explains = (await repo.store.runs.load(run.id)).apply.explains
    await enqueue_comments(repo, explains)
    await complete_check_run(repo, run, [report], conclusion=report.conclusion, buttons=buttons)
    await update_comments(repo, explains)
