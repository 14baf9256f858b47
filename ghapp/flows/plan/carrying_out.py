"""A plan run is carried out: prepared, planned layer by layer, concluded. Each a durable step."""

from collections.abc import Sequence

from ghapp.durable import step
from ghapp.flows.plan.conclude import conclude_plan
from ghapp.flows.plan.prepare import Part, prepare_plan
from ghapp.flows.root_module.run import RootJob, RootOutcome, run_root_modules
from ghapp.services import Services
from ghapp.values import TESTING, EnvironmentName, RunId


async def carry_out(services: Services, run_id: RunId) -> None:
    """Plan, judge and show one announced run."""
    parts = await step("prepare", tuple[Part, ...], prepare_plan, services, run_id)
    outcomes: list[RootOutcome] = []
    for part in parts:
        for environment, part_layers in ((TESTING, part.layers), (part.environment, part.preview_layers)):
            outcomes += await _plan_layers(services, run_id, part, environment, part_layers)
    await step("conclude", type(None), conclude_plan, services, run_id, parts, tuple(outcomes))


async def _plan_layers(
    services: Services,
    run_id: RunId,
    part: Part,
    environment: EnvironmentName,
    part_layers: Sequence[Sequence[str]],
) -> list[RootOutcome]:
    outcomes: list[RootOutcome] = []
    for layer in part_layers:
        jobs = [
            RootJob(
                run_id=run_id,
                part=f"{part.pull_request}:{environment}",
                environment=environment,
                tree=part.tree,
                config_sha=part.config_sha,
                root_module=root_module,
                operation="plan",
                blocked_by=_failed_below(outcomes),
            )
            for root_module in layer
        ]
        outcomes += await run_root_modules(services, jobs)
    return outcomes


def _failed_below(outcomes: Sequence[RootOutcome]) -> tuple[str, ...]:
    return tuple(outcome.root_module for outcome in outcomes if outcome.outcome not in ("planned", "applied"))
