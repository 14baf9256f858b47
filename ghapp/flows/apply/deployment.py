"""A run's deployment on GitHub: made once, and told how it stands, each state once.

https://docs.github.com/en/rest/deployments/statuses
"""

from dataclasses import replace

from ghapp.flows.repository import github_of, short
from ghapp.services import Services
from ghapp.store import KnownRepository, Run
from ghapp.store.marker_kinds import (
    Created,
    DeploymentMarker,
    DeploymentState,
    DeploymentStatus,
    DeploymentStatusMarker,
)


async def begin_deployment(services: Services, repository: KnownRepository, run: Run) -> None:
    """Make the run's deployment, or find the one that a step before this one left, and say that it is in progress."""
    marker = DeploymentMarker(run.id)
    if await services.store.markers.find(marker) is None:
        tried_before = run.apply.deployment_requested
        await services.store.runs.change_apply(run.id, lambda state: replace(state, deployment_requested=True))
        github = await github_of(services, repository)
        deployment = await github.create_deployment(
            sha=run.head_sha,
            environment=run.environment,
            description=f"Planward applies {short(run.head_sha)}",
            run=run.id,
            production=run.environment == "production",
            look_first=tried_before,
        )
        await services.store.markers.keep(marker, Created(id=deployment))
    await say_deployment(services, repository, run, "in_progress", "Terraform is running")


async def say_deployment(
    services: Services,
    repository: KnownRepository,
    run: Run,
    state: DeploymentState,
    description: str,
) -> None:
    """Say how the run's deployment stands; nothing where it has none."""
    markers, marker = services.store.markers, DeploymentStatusMarker(run.id)
    deployment = await markers.find(DeploymentMarker(run.id))
    before = await markers.find(marker)
    if deployment is None or before == DeploymentStatus(state=state, confirmed=True):
        return
    sent = DeploymentStatus(state=state, confirmed=False)
    await markers.keep(marker, sent)
    github = await github_of(services, repository)
    await github.set_deployment_status(
        deployment.id,
        state,
        description=description,
        log_url=services.run_url(run.id),
        auto_inactive=True,
        look_first=before == sent,
    )
    await markers.keep(marker, replace(sent, confirmed=True))
