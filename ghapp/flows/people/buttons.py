"""The flow of buttons and "Re-run".

A decision counts only for what the person saw, and only with their current permissions. A delivery with a decision is
first checked with GitHub.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run
"""

from typing import Literal, cast, get_args

from checks.settle import RequestedAction
from ghapp.durable import step
from ghapp.events import ButtonPressed, CheckRunRerequested, CheckSuiteRerequested, Person
from ghapp.flows.holds.held_tip import find_environment, may_apply_again
from ghapp.flows.people.decisions import approve_tip, decide_head
from ghapp.flows.people.read_back import is_as_delivered
from ghapp.flows.repository import Repo, record_repo
from ghapp.jobs import EventJob, Replan, ReplanGroup, SettleBranch
from ghapp.jobs.causes import Rerun
from ghapp.services import Services
from ghapp.store import Run


async def button_pressed(services: Services, job: EventJob, event: ButtonPressed) -> None:
    """Somebody pressed a button of a check run."""
    await step("button", type(None), _button, services, job, event)


async def check_run_rerequested(services: Services, job: EventJob, event: CheckRunRerequested) -> None:
    """Somebody pressed "Re-run" on one check run."""
    await step("rerun", type(None), _rerun, services, job, event)


async def check_suite_rerequested(services: Services, job: EventJob, event: CheckSuiteRerequested) -> None:
    """Somebody pressed "Re-run all checks"."""
    await step("rerun all", type(None), _rerun_all, services, job, event)


# --- buttons ---------------------------------------------------------------------------------------------------------


async def _button(services: Services, job: EventJob, event: ButtonPressed) -> None:
    if event.app_id != services.settings.github.app_id or event.sender.is_bot:
        return
    repo = await record_repo(services, event.repository, event.installation_id)
    run = await services.store.runs.find_by_check_run(repo.id, event.check_run_id)
    if run is None or run.head_sha != event.head_sha or not await is_as_delivered(services, job, event):
        return
    newest = await services.store.runs.newest_of_head(repo.id, run.head_sha, run.check_run_name)
    if newest is None or newest.id != run.id:  # buttons of older check runs have no effect
        await services.store.approvals.audit(
            repo.id, who=event.sender.login, did=f"too late: {event.identifier}", sha=run.head_sha, run=run.id
        )
    elif event.identifier in get_args(RequestedAction) and run.operation == "apply":
        asked = cast(RequestedAction, event.identifier)
        await approve_tip(repo, run.environment, run.head_sha, asked, event.sender, job.key)
    elif event.identifier in ("approve_plan", "preview", "confirm_destroy") and run.operation == "plan":
        kind = cast(Literal["approve_plan", "preview", "confirm_destroy"], event.identifier)
        await decide_head(repo, run.head_sha, kind, event.sender, job.key)


# --- "Re-run" --------------------------------------------------------------------------------------------------------


async def _rerun(services: Services, job: EventJob, event: CheckRunRerequested) -> None:
    if event.app_id != services.settings.github.app_id:
        return
    repo = await record_repo(services, event.repository, event.installation_id)
    run = await services.store.runs.find_by_check_run(repo.id, event.check_run_id)
    if run is None:
        return
    if run.operation == "apply" and not await is_as_delivered(services, job, event):
        return
    await _run_again(repo, run, event.sender, job.key)


async def _rerun_all(services: Services, job: EventJob, event: CheckSuiteRerequested) -> None:
    if event.app_id != services.settings.github.app_id:
        return
    repo = await record_repo(services, event.repository, event.installation_id)
    newest = await services.store.runs.newest_of_commit(repo.id, event.head_sha)
    applies = any(run.operation == "apply" for run in newest)
    if applies and not await is_as_delivered(services, job, event):
        return
    for run in newest:
        await _run_again(repo, run, event.sender, f"{job.key}:{run.check_run_name}")


async def _run_again(repo: Repo, run: Run, person: Person, key: str) -> None:
    """Plan again, or examine the branch again. This approves nothing.

    Running an apply again needs the same permission as the command to apply.
    """
    if run.operation == "apply":
        await _apply_again(repo, run, person, key)
        return
    await repo.store.approvals.audit(repo.id, who=person.login, did="rerun", sha=run.head_sha, run=run.id)
    if run.group is not None:
        await repo.services.enqueue(ReplanGroup(run_id=run.id, cause=key))
        return
    for pull_request in (await repo.store.pull_requests.open_with_head(repo.id, run.head_sha))[:1]:
        await repo.services.enqueue(Replan(repository_id=repo.id, number=pull_request.number, cause=key))


async def _apply_again(repo: Repo, run: Run, person: Person, key: str) -> None:
    if run.status != "completed" or run.conclusion == "success":
        return
    repo = await repo.fetch()
    last = await repo.store.branches.last_of_branch(repo.id, run.branch)
    # Testing is applied together with the environment of the branch, so both run again.
    name = run.environment if last is None or last.branch != run.branch else last.environment
    found = await find_environment(repo, name)
    allowed = False
    if found is not None and await repo.mirror.tip(found.environment.branch) == run.head_sha:
        allowed = await may_apply_again(repo, found, person)
    did = "rerun" if allowed else "refused: rerun"
    await repo.store.approvals.audit(repo.id, who=person.login, did=did, sha=run.head_sha, run=run.id)
    if allowed:
        await repo.services.enqueue(SettleBranch(repository_id=repo.id, branch=run.branch, cause=Rerun(decision=key)))
