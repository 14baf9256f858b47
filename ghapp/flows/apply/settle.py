"""The flow of an environment's branch: examine the branch's newest commit, and apply or hold it.

The newest commit is called the tip. Only the tip is applied. If the branch moves on before a commit is applied, the
commit's check run names the newer commit that contains it.

A stage is the work to bring one environment to the tip. The branch's own environment is the last stage. If the config
applies merges to testing as well, testing is the first stage. The root modules of a stage are applied in layers. A
root module is in a later layer than the root modules that it builds on.

Each branch has its own partition of the queue. The jobs of a partition run one at a time, in the order in which they
were enqueued.
"""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from checks import gate
from checks.report import Conclusion, RemovedRoot, RootReport, RunReport, notes_on_removed
from ghapp.durable import step
from ghapp.errors import JobError, Unavailable
from ghapp.flows.apply import texts
from ghapp.flows.apply.attempts import complete_apply, erase_decided_plans
from ghapp.flows.apply.stages import Settlement, Stage
from ghapp.flows.apply.tip import examine_tip
from ghapp.flows.check_run import run_report
from ghapp.flows.holds.held_tip import HeldTip, find_environment
from ghapp.flows.holds.shown import with_deciders
from ghapp.flows.notifications.deployment import begin_deployment
from ghapp.flows.notifications.results import keep_result, show_result
from ghapp.flows.repository import load_repo, short
from ghapp.flows.root_module.count_state import count_removed
from ghapp.flows.root_module.job import RootJob, RootOutcome
from ghapp.flows.root_module.run import run_root_modules
from ghapp.jobs import SettleBranch
from ghapp.log import log
from ghapp.services import Services
from ghapp.values import TESTING, RunId


async def settle_branch(services: Services, job: SettleBranch) -> None:
    """Bring an environment to its branch's tip, or show on the tip why it is not applied.

    If GitHub is unavailable when a result has to be reported, all other steps still run, and then this raises
    Unavailable, which defers the job. When the job runs again, it first reports the stored result.
    """
    settlement = await step("judge", Settlement, examine_tip, services, job)
    unreported: Unavailable | None = None
    for stage in settlement.stages:
        await step(f"begin {stage.environment}", type(None), _begin, services, stage)
        outcomes = await _apply_layers(services, stage)
        removed = await count_removed(services, stage.removed)
        done = await step(f"conclude {stage.environment}", bool, _conclude, services, stage, tuple(outcomes), removed)
        if not done:
            await step(f"name deciders {stage.environment}", type(None), _name_deciders, services, stage)
        try:
            await step(f"report {stage.environment}", type(None), _report, services, stage.run_id)
        except Unavailable as error:
            log.warning("result_deferred", run=stage.run_id, reason=str(error))
            unreported = error
        if not done:
            later = settlement.stages[settlement.stages.index(stage) + 1 :]
            await step(f"stop after {stage.environment}", type(None), _stop, services, stage, later)
            break
    if unreported is not None:
        raise unreported


# --- apply -----------------------------------------------------------------------------------------------------------


async def _begin(services: Services, stage: Stage) -> None:
    """Create a deployment on GitHub if the stage applies root modules."""
    if not stage.layers or stage.plan_only:
        return
    run = await services.store.runs.load(stage.run_id)
    await begin_deployment(await load_repo(services, run.repository_id), run)


async def _apply_layers(services: Services, stage: Stage) -> list[RootOutcome]:
    outcomes: list[RootOutcome] = []
    for layer in stage.layers:
        stopped = tuple(each.root_module for each in outcomes if each.outcome not in ("applied", "held"))
        held = tuple(each.root_module for each in outcomes if each.outcome == "held")
        changed = any(each.outcome == "applied" and each.changes_anything for each in outcomes)
        jobs = [
            RootJob(
                run_id=stage.run_id,
                part=stage.environment,
                environment=stage.environment,
                tree=stage.tree,
                config_sha=stage.sha,
                root_module=root_module,
                operation="plan" if stage.plan_only else "apply",
                blocked_by=stopped,
                review=_review(stage.reviews[root_module], held=held),
                previews=stage.previews,
                compared=stage.compared or root_module in stage.planned_at_apply,
                values_follow=changed,
                by_hand=stage.by_hand,
                parity=stage.parity,
                confirm=stage.confirm,
                confirmed=stage.confirmed,
            )
            for root_module in layer
        ]
        outcomes += await run_root_modules(services, jobs)
    return outcomes


def _review(review: gate.Review, *, held: tuple[str, ...]) -> gate.Review:
    if held and not isinstance(review, gate.ApprovedPlan | gate.ApprovedCommit):
        return gate.NotReviewed(why=texts.comes_after(held))
    return review


# --- conclude --------------------------------------------------------------------------------------------------------


async def _conclude(
    services: Services, stage: Stage, outcomes: tuple[RootOutcome, ...], removed: tuple[RemovedRoot, ...]
) -> bool:
    """Store the stage's result. If the environment is up to date now, also move LAST and return True.

    This step does not call GitHub, because a failed call would keep it from storing the result.
    """
    run = await services.store.runs.load(stage.run_id)
    repo = await load_repo(services, run.repository_id)
    reports = {
        key: msgspec.json.decode(raw, type=RootReport)
        for key, raw in (await services.store.runs.root_reports(run.id)).items()
    }
    roots = tuple(reports[(outcome.part, outcome.root_module)] for outcome in outcomes)
    all_applied = all(outcome.outcome == "applied" for outcome in outcomes)
    done = all_applied and stage.must_be_approved is None
    if done:
        await services.store.branches.move_last(
            repo.id, stage.environment, stage.branch, stage.sha, stage.tree, applied=stage.counts_as_applied
        )
    conclusion, cause = _conclude_outcomes(outcomes)
    if all_applied and not done:
        # Until somebody approves the commit, each plan with changes is held, and a plan without changes counts as
        # applied. Here all of them count as applied, so none has changes. Only the commit itself waits.
        why = stage.must_be_approved or ""
        conclusion, cause = "action_required", texts.waits_unchanged(why, touched=bool(outcomes))
    may_be_approved = conclusion == "action_required" and (
        all_applied or any(each.may_be_approved for each in outcomes)
    )
    buttons = ("apply",) if may_be_approved else ()
    if conclusion == "action_required":
        # An approval covers only the plans with these digests. An approval without digests would cover every later plan
        # of the commit, whatever that plan changes. With `plan_only`, root modules without changes are also planned
        # again after the approval. So the digests of their plans are included: if the new plan of such a root module
        # has changes, the plan is held.
        waits = [each for each in outcomes if stage.plan_only or each.outcome == "held"]
        digests = tuple(sorted({each.digest for each in waits if each.digest}))
        await services.store.runs.change_apply(run.id, lambda state: replace(state, held_for="review", digests=digests))
    report = run_report(
        repo,
        run,
        conclusion,
        cause,
        roots=roots,
        notes=(
            *(_notes_after_failure(stage, conclusion, roots) or _notes_on_approval(services, outcomes, buttons)),
            *_notes_without_preview(stage),
            *notes_on_removed(removed),
        ),
        paste=f"planward apply {stage.sha} -e {stage.environment}" if may_be_approved else None,
    )
    report = msgspec.structs.replace(report, removed=removed)
    await keep_result(services, run, report, conclusion=conclusion, buttons=buttons)
    await erase_decided_plans(services, run)
    return done


def _notes_without_preview(stage: Stage) -> Iterator[str]:
    """Yield a note if the pull request had no preview because of `preview: never`."""
    explained = any(isinstance(review, gate.ExplainedMerge) for review in stage.reviews.values())
    if stage.environment != TESTING and explained and not stage.compared:
        yield texts.not_compared(stage.environment)


def _notes_after_failure(stage: Stage, conclusion: Conclusion, roots: tuple[RootReport, ...]) -> tuple[str, ...]:
    """Return a note on a failed, timed-out or cancelled apply.

    The note says whether anything was applied, what to do, and who may press "Re-run".
    """
    if conclusion in ("success", "action_required"):
        return ()
    applied = any(root.outcome == "applied" or root.results for root in roots)
    # An older version stored stages without `may_rerun`.
    return (texts.after_failure(applied=applied, who=stage.may_rerun or "whoever may apply here"),)


def _notes_on_approval(
    services: Services, outcomes: tuple[RootOutcome, ...], buttons: tuple[str, ...]
) -> tuple[str, ...]:
    """Return a note on what an approval applies: the plans in the report, or new plans."""
    if not buttons:
        return ()
    waits = [each for each in outcomes if each.may_be_approved]
    if not waits:
        return ()  # only the commit has to be approved
    kept_h = services.settings.keep_plans_hours if all(each.plan_kept for each in waits) else None
    return (texts.what_apply_does([each.root_module for each in waits], kept_h=kept_h),)


async def _name_deciders(services: Services, stage: Stage) -> None:
    """Complete the report of a held stage: add a link to the held commits, and say who may end the hold.

    If an error prevents this, the report stays as it is.
    """
    run = await services.store.runs.load(stage.run_id)
    result, raw = run.apply.result, await services.store.runs.report(run.id)
    if result is None or raw is None or not result.buttons:
        return
    try:
        repo = await (await load_repo(services, run.repository_id)).with_commits(stage.sha)
        found = await find_environment(repo, stage.environment)
        if found is None:
            return
        explained, digests = not run.apply.is_unexplained, run.apply.digests
        held = HeldTip(found=found, sha=stage.sha, asked="apply", explained=explained, digests=digests)
        reports = [
            await with_deciders(repo, held, each, ignores_github_errors=True)
            for each in msgspec.json.decode(raw, type=list[RunReport])
        ]
    except JobError as error:
        log.warning("deciders_unknown", run=run.id, reason=str(error))
        return
    await services.store.runs.keep_result(run.id, result, report=msgspec.json.encode(reports))


async def _report(services: Services, run_id: RunId) -> None:
    """Report the stored result in the deployment, the check run, the comments and the chat."""
    run = await services.store.runs.load(run_id)
    await show_result(await load_repo(services, run.repository_id), run_id)


def _conclude_outcomes(outcomes: tuple[RootOutcome, ...]) -> tuple[Conclusion, str | None]:
    for outcome in outcomes:
        if outcome.outcome in ("failed", "timed_out"):
            return ("failure" if outcome.outcome == "failed" else "timed_out"), outcome.cause
    for outcome in outcomes:
        if outcome.outcome == "skipped":
            return "cancelled", outcome.cause
    for outcome in outcomes:
        if outcome.outcome == "held":
            return "action_required", outcome.cause
    return "success", None


async def _stop(services: Services, stage: Stage, later: tuple[Stage, ...]) -> None:
    """Complete the later stages as failures, because `stage` did not succeed. Nothing is applied in these stages."""
    for each in later:
        run = await services.store.runs.load(each.run_id)
        repo = await load_repo(services, run.repository_id)
        cause = texts.not_touched(each.environment, before=stage.environment, tip=short(each.sha))
        await complete_apply(repo, run, "failure", cause)
