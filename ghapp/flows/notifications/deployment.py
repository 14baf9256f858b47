"""A run's deployment on GitHub: created once, and updated once for each state.

It never stops an apply: if GitHub refuses the deployment, it is created when the result is reported.

https://docs.github.com/en/rest/deployments/statuses
"""

from dataclasses import replace

from checks.report import RunReport
from ghapp.flows.repository import Repo, short
from ghapp.github import GitHubError
from ghapp.log import log
from ghapp.store import Run
from ghapp.store.marker_kinds import (
    Created,
    DeploymentMarker,
    DeploymentState,
    DeploymentStatus,
    DeploymentStatusMarker,
)


async def begin_deployment(repo: Repo, run: Run) -> None:
    """Create the run's deployment in progress; if GitHub refuses, the apply continues."""
    try:
        await _start(repo, run)
    except GitHubError as error:
        log.warning("deployment_deferred", run=run.id, reason=str(error))


async def conclude_deployment(repo: Repo, run: Run, report: RunReport) -> None:
    """Set the final state of the run's deployment; create it now if that failed before. A run may have none."""
    if not run.apply.deployment_requested:
        return
    status = await repo.store.markers.find(DeploymentStatusMarker(run.id))
    if status in (None, DeploymentStatus(state="in_progress", confirmed=False)):
        await _start(repo, run)
    if report.conclusion == "success":
        await _set_state(repo, run, "success", "applied")
    else:
        await _set_state(repo, run, "failure", report.short_result)


async def _start(repo: Repo, run: Run) -> None:
    """Create the deployment, or find the one of an earlier step, and set it to in progress."""
    marker = DeploymentMarker(run.id)
    if await repo.store.markers.find(marker) is None:
        tried_before = run.apply.deployment_requested
        await repo.store.runs.change_apply(run.id, lambda state: replace(state, deployment_requested=True))
        github = await repo.github()
        deployment = await github.create_deployment(
            sha=run.head_sha,
            environment=run.environment,
            description=f"Planward applies {short(run.head_sha)}",
            run=run.id,
            production=run.environment == "production",
            look_first=tried_before,
        )
        await repo.store.markers.keep(marker, Created(id=deployment))
    await _set_state(repo, run, "in_progress", "Terraform is running")


async def _set_state(repo: Repo, run: Run, state: DeploymentState, description: str) -> None:
    markers, marker = repo.store.markers, DeploymentStatusMarker(run.id)
    deployment = await markers.find(DeploymentMarker(run.id))
    before = await markers.find(marker)
    if deployment is None or before == DeploymentStatus(state=state, confirmed=True):
        return
    sent = DeploymentStatus(state=state, confirmed=False)
    await markers.keep(marker, sent)
    github = await repo.github()
    await github.set_deployment_status(
        deployment.id,
        state,
        description=description,
        log_url=repo.services.run_url(run.id),
        auto_inactive=True,
        look_first=before == sent,
    )
    await markers.keep(marker, replace(sent, confirmed=True))
