"""A run's deployment on GitHub: made once, and told how it stands, each state once.

https://docs.github.com/en/rest/deployments/statuses
"""

from typing import Literal

from ghapp.flows.repository import github_of, short
from ghapp.services import Services
from ghapp.store import KnownRepository, Run


async def begin_deployment(services: Services, repository: KnownRepository, run: Run) -> None:
    """Make the run's deployment, or find the one that a step before this one left, and say that it is in progress."""
    key = f"deployment:{run.id}"
    if await services.store.markers.find(key) is None:
        tried_before = bool(run.data.get("deploying"))
        await services.store.runs.remember(run.id, deploying=True)
        github = await github_of(services, repository)
        deployment = await github.create_deployment(
            sha=run.head_sha,
            environment=run.environment,
            description=f"Planward applies {short(run.head_sha)}",
            run=run.id,
            production=run.environment == "production",
            look_first=tried_before,
        )
        await services.store.markers.keep(key, str(deployment))
    await say_deployment(services, repository, run, "in_progress", "Terraform is running")


async def say_deployment(
    services: Services,
    repository: KnownRepository,
    run: Run,
    state: Literal["in_progress", "success", "failure"],
    description: str,
) -> None:
    """Say how the run's deployment stands; nothing where it has none."""
    key = f"deployment:{run.id}"
    deployment = await services.store.markers.find(key)
    said = await services.store.markers.find(f"{key}:state")
    if deployment is None or said == state:
        return
    await services.store.markers.keep(f"{key}:state", f"saying {state}")
    github = await github_of(services, repository)
    await github.set_deployment_status(
        int(deployment),
        state,
        description=description,
        log_url=services.run_url(run.id),
        auto_inactive=True,
        look_first=said == f"saying {state}",
    )
    await services.store.markers.keep(f"{key}:state", state)
