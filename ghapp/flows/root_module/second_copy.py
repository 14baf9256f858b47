"""Find out whether a first apply would create resources that another workspace of the same backend already holds."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from checks.errors import PlanFormatError
from checks.plan.state import count_resources
from ghapp.processes import Stop
from ghapp.terraform import DEFAULT_WORKSPACE, Terraform, Workdir

_MOST_WORKSPACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingResources:
    """A workspace that belongs to no environment and holds resources; `resources` is None if it cannot be read."""

    workspace: str
    resources: int | None

    def cause(self, root_module: str, environment: str, own: str) -> str:
        """Say why the root module must not be applied in its `own` workspace, and what to do."""
        if self.resources is None:
            would, holds = "may", "cannot be read. Make it readable and press Re-run, or push"
        else:
            would = "would"
            holds = f"holds {self.resources} resource{'' if self.resources == 1 else 's'}. Push"
        return (
            f"{root_module} in {environment} {would} be built a second time: its state is empty, and the workspace "
            f"`{self.workspace}` {holds} a change of .github/planward.yml, in the entry of {root_module} under "
            f"root_modules: `environments: {{{environment}: {{workspace: {self.workspace}}}}}` uses that state, "
            f"`environments: {{{environment}: {{workspace: {own}}}}}` starts with an empty one."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingElsewhere:
    """No resources were found elsewhere; `unknown` says what could not be checked, None if everything was checked."""

    unknown: str | None = None


async def find_existing(
    terraform: Terraform, workdir: Workdir, *, workspaces_of_environments: Collection[str], stop: Stop
) -> ExistingResources | NothingElsewhere:
    """Look for resources in workspaces of the same backend that belong to no environment, `default` first.

    The work directory must be initialised.
    """
    workspaces = await terraform.workspaces(workdir, stop=stop)
    if workspaces is None:
        return NothingElsewhere(
            unknown="The state is empty, and the backend cannot list workspaces. So it is not known whether "
            "another workspace already has the resources."
        )
    others = sorted(set(workspaces) - {*workspaces_of_environments}, key=lambda name: (name != DEFAULT_WORKSPACE, name))
    for name in others[:_MOST_WORKSPACES]:
        resources = await _resources_in(terraform, workdir, name)
        if resources != 0:
            return ExistingResources(workspace=name, resources=resources)
    if len(others) > _MOST_WORKSPACES:
        return NothingElsewhere(
            unknown=f"The state is empty, and only {_MOST_WORKSPACES} of the {len(others)} other workspaces of the "
            "backend were checked for existing resources."
        )
    return NothingElsewhere()


async def _resources_in(terraform: Terraform, workdir: Workdir, workspace: str) -> int | None:
    state_json = await terraform.show_state(workdir.in_workspace(workspace))
    if state_json is None:
        return None
    try:
        return await asyncio.to_thread(count_resources, state_json)
    except PlanFormatError:
        return None
