"""Reuse testing's plans after the base moved, if the move does not touch their root modules."""

import asyncio
from collections.abc import Sequence

import msgspec

from checks.report import RootReport
from ghapp.flows.check_run import PLAN
from ghapp.flows.repository import FetchedRepo
from ghapp.flows.root_module.job import RootOutcome
from ghapp.git import Conflict
from ghapp.repository_config import CONFIG_PATH
from ghapp.root_modules import Survey
from ghapp.store import Run
from ghapp.values import TESTING, TreeId


async def keep_testing_plans(
    repo: FetchedRepo, run: Run, number: int, tree: TreeId, survey: Survey, layers: Sequence[Sequence[str]]
) -> tuple[RootOutcome, ...]:
    """Reuse testing's plans of the previous run of this head, if the move of the base touches none of their files.

    Returns the outcomes of all root modules in `layers`, or none, since their plans depend on each other. Only a run
    that was started by a move of its base reuses plans; after "Re-run" everything is planned again.
    """
    before = await _previous_run(repo, run, number) if run.plan.debounced else None
    if before is None:
        return ()
    base = before.plan.bases[number]
    merged = await repo.mirror.merge_tree(base, run.head_sha) if await repo.mirror.has(base) else None
    if merged is None or isinstance(merged, Conflict):
        return ()
    changed = await repo.mirror.changed_paths(merged, tree)
    if CONFIG_PATH in changed:
        return ()
    touched = (await asyncio.to_thread(survey.touched, TESTING, changed)).dirs
    part, wanted = f"{number}:{TESTING}", {root_module for layer in layers for root_module in layer}
    if not wanted.isdisjoint(touched):
        return ()
    kept = []
    for (of_part, root_module), raw in (await repo.store.runs.readable_root_reports(before.id)).items():
        if of_part == part and root_module in wanted:
            report = await asyncio.to_thread(msgspec.json.decode, raw, type=RootReport)
            if report.outcome == "planned":
                kept.append((report, raw))
    if len(kept) < len(wanted):
        return ()
    for report, raw in kept:
        await repo.store.runs.keep_root_run(run.id, part, report.root_module, outcome="planned", report=raw)
    return tuple(_as_outcome(part, report) for report, _ in kept)


async def _previous_run(repo: FetchedRepo, run: Run, number: int) -> Run | None:
    """The newest finished plan run of this head and pull request."""
    runs = await repo.store.runs.of_head(repo.id, run.head_sha, PLAN)
    done = [each for each in runs if each.status == "completed" and each.conclusion != "cancelled"]
    return next((each for each in reversed(done) if each.id != run.id and number in each.plan.bases), None)


def _as_outcome(part: str, report: RootReport) -> RootOutcome:
    """The outcome as the root run returned it, without confirmations, which testing does not need."""
    return RootOutcome(
        part=part,
        environment=TESTING,
        root_module=report.root_module,
        outcome="planned",
        digest=report.digest,
        shape_digest=report.shape_digest,
        counts=report.counts,
        changes_anything=report.changes_anything,
        state_empty=report.state_empty,
    )
