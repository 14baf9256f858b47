"""A run's deployment on GitHub: made once, and told how it stands, each state once.

https://docs.github.com/en/rest/deployments/statuses
"""

from dataclasses import replace

from ghapp.flows.repository import Repo, short
from ghapp.store import Run
from ghapp.store.marker_kinds import (
    Created,
    DeploymentMarker,
    DeploymentState,
    DeploymentStatus,
    DeploymentStatusMarker,
)


async def start_deployment(repo: Repo, run: Run) -> None:
    """Make the run's deployment, or find the one that a step before this one left, and say that it is in progress."""
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
    await set_deployment_state(repo, run, "in_progress", "Terraform is running")


async def set_deployment_state(
    repo: Repo,
    run: Run,
    state: DeploymentState,
    description: str,
) -> None:
    """Say how the run's deployment stands; nothing where it has none."""
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
