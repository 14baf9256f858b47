"""The story of an environment: its branch's tip is looked at, and applied, or held, or contained in a newer one.

One at a time for each environment, in the branch's order, by the queue's partition.
"""

from dataclasses import replace
from typing import Literal

import msgspec

from checks import gate
from checks.report import Conclusion, RootReport
from ghapp.durable import step
from ghapp.flows.apply.attempts import complete_apply
from ghapp.flows.apply.deployment import set_deployment_state, start_deployment
from ghapp.flows.apply.stages import Settlement, Stage
from ghapp.flows.apply.tip import settle_tip
from ghapp.flows.check_run import complete_check_run, run_report
from ghapp.flows.notifications.pull_request_comment import update_comments
from ghapp.flows.notifications.results import enqueue_notification, notify_now
from ghapp.flows.repository import Repo, load_repo, short
from ghapp.flows.root_module.job import RootJob, RootOutcome
from ghapp.flows.root_module.run import run_root_modules
from ghapp.jobs import Replan, SettleBranch
from ghapp.services import Services
from ghapp.values import TESTING


async def settle_branch(services: Services, job: SettleBranch) -> None:
    """Bring an environment to its branch's tip, or say on the commit why not."""
    settlement = await step("judge", Settlement, settle_tip, services, job)
    for stage in settlement.stages:
        await step(f"begin {stage.environment}", type(None), _begin, services, stage)
        outcomes = await _apply_layers(services, stage)
        done = await step(f"conclude {stage.environment}", bool, _conclude, services, stage, tuple(outcomes))
        if not done:
            later = settlement.stages[settlement.stages.index(stage) + 1 :]
            await step(f"stop after {stage.environment}", type(None), _stop, services, stage, later)
            return


# --- apply -----------------------------------------------------------------------------------------------------------


async def _begin(services: Services, stage: Stage) -> None:
    """Tell GitHub that a deployment begins; none where no root module is touched."""
    if not stage.layers:
        return
    run = await services.store.runs.load(stage.run_id)
    repo = await load_repo(services, run.repository_id)
    await start_deployment(repo, run)


async def _apply_layers(services: Services, stage: Stage) -> list[RootOutcome]:
    outcomes: list[RootOutcome] = []
    for layer in stage.layers:
        stopped = tuple(each.root_module for each in outcomes if each.outcome not in ("applied", "held"))
        held = any(each.outcome == "held" for each in outcomes)
        changed = any(each.outcome == "applied" and each.changes_anything for each in outcomes)
        jobs = [
            RootJob(
                run_id=stage.run_id,
                part=stage.environment,
                environment=stage.environment,
                tree=stage.tree,
                config_sha=stage.sha,
                root_module=root_module,
                operation="apply",
                blocked_by=stopped,
                review=_review(stage.reviews[root_module], held=held, changed=changed),
                reviewed=stage.reviewed,
                by_hand=stage.by_hand,
            )
            for root_module in layer
        ]
        outcomes += await run_root_modules(services, jobs)
    return outcomes


def _review(review: gate.Review, *, held: bool, changed: bool) -> gate.Review:
    if held and not isinstance(review, gate.ApprovedPlan | gate.ApprovedCommit):
        return gate.NotReviewed(why="a root module below it waits")
    if changed and isinstance(review, gate.Previewed):
        return gate.Previewed(
            plan_digest=review.plan_digest, shape_digest=review.shape_digest, follows_layer_below=True
        )
    return review


# --- conclude --------------------------------------------------------------------------------------------------------


async def _conclude(services: Services, stage: Stage, outcomes: tuple[RootOutcome, ...]) -> bool:
    """Say what came of it: LAST, deployment, check run, comment, chat. Gives whether the environment is up to date."""
    run = await services.store.runs.load(stage.run_id)
    repo = await load_repo(services, run.repository_id)
    reports = {
        key: msgspec.json.decode(raw, type=RootReport)
        for key, raw in (await services.store.runs.root_reports(run.id)).items()
    }
    roots = tuple(reports[(outcome.part, outcome.root_module)] for outcome in outcomes)
    done = all(outcome.outcome == "applied" for outcome in outcomes)
    if done:
        await services.store.branches.move_last(
            repo.id, stage.environment, stage.branch, stage.sha, stage.tree, applied=stage.counts_as_applied
        )
    conclusion, cause = _conclude_outcomes(outcomes)
    may_be_approved = conclusion == "action_required" and any(each.may_be_approved for each in outcomes)
    buttons = ("apply",) if may_be_approved else ()
    if conclusion == "action_required":
        digests = tuple(sorted({each.digest for each in outcomes if each.outcome == "held" and each.digest}))
        await services.store.runs.change_apply(run.id, lambda state: replace(state, held_for="review", digests=digests))
    state: Literal["success", "failure"] = "success" if done else "failure"
    if stage.layers:
        words = "applied" if done else (cause or "failed")
        await set_deployment_state(repo, run, state, words)
    report = run_report(
        repo,
        run,
        conclusion,
        cause,
        roots=roots,
        paste=f"planward apply {stage.sha} -e {stage.environment}" if may_be_approved else None,
    )
    if stage.layers:
        await enqueue_notification(services, run)
    await complete_check_run(repo, run, [report], conclusion=conclusion, buttons=buttons)
    if done and stage.environment != TESTING:
        await _turn_promotions_green(repo, stage)
    if stage.layers:
        await notify_now(repo, run.id)
    return done


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
    """The stages behind one that did not succeed are not touched, and say so."""
    for each in later:
        run = await services.store.runs.load(each.run_id)
        repo = await load_repo(services, run.repository_id)
        cause = (
            f"{each.environment} was not touched, since {stage.environment} could not be brought to {short(each.sha)}"
        )
        await complete_apply(repo, run, "failure", cause)
        await update_comments(repo, run.apply.explains)


async def _turn_promotions_green(repo: Repo, stage: Stage) -> None:
    """Plan anew the open promotions that waited for this environment."""
    repo = await repo.with_commits(stage.sha)
    for pull_request in await repo.store.pull_requests.all_open(repo.id):
        tip = await repo.mirror.tip(pull_request.base_branch)
        if tip is None:
            continue
        config = await repo.config_at(tip)
        environment = config.environment_of_branch(pull_request.base_branch)
        if environment is None or environment.promote_from != stage.environment:
            continue
        said = await repo.store.pull_requests.newest_verdict(
            repo.id, pull_request.number, base_branch=pull_request.base_branch, head_sha=pull_request.head_sha
        )
        if said is None or said.conclusion != "success":
            await repo.services.enqueue(
                Replan(repository_id=repo.id, number=pull_request.number, cause=f"applied:{stage.run_id}")
            )
