"""Turn the outcomes of a plan run into verdicts, and into the check run's conclusion and text."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import msgspec

from checks import gate
from checks.report import Conclusion, RemovedRoot, RootReport, RunReport, notes_on_removed
from checks.report.conclusion import cause_of, conclusion_of
from ghapp.flows.check_run import complete_check_run, run_report
from ghapp.flows.notifications.chat_messages import notify_plan
from ghapp.flows.plan.heads import decided_sha, has_head, is_open_with_head, record_verdict
from ghapp.flows.plan.part import Part
from ghapp.flows.repository import load_repo
from ghapp.flows.root_module.job import RootOutcome
from ghapp.git import MissingObject
from ghapp.jobs import Replan, SettleBranch
from ghapp.jobs.causes import VerdictRecorded
from ghapp.services import Services
from ghapp.store import Approval, KnownPullRequest, Run
from ghapp.values import TESTING, RunId

AFTER_FAILURE = (
    "Push a commit that corrects this. If the cause is not in the commit, press Re-run: it plans the same commit again."
)
"""What to do if a root module could not be planned."""


async def conclude_plan(
    services: Services,
    run_id: RunId,
    parts: Sequence[Part],
    outcomes: Sequence[RootOutcome],
    removed: Sequence[RemovedRoot] = (),
) -> None:
    """Decide about each pull request of the run, show the result on the check run, and record the verdicts."""
    run = await services.store.runs.load(run_id)
    if run.status == "completed":
        return
    repo = await load_repo(services, run.repository_id)
    # A result that GitHub may already show is final: people may have seen it and merged.
    may_be_shown = run.plan.check_run.completion_sent
    if (run.cancel_reason is not None and not may_be_shown) or not parts:
        cause = f"Cancelled: {run.cancel_reason or 'the pull request was closed'}"
        await complete_check_run(
            repo,
            run,
            [run_report(repo, run, "cancelled", cause)],
            conclusion="cancelled",
        )
        await _plan_hidden_run_again(services, run)
        return
    reports = {
        key: msgspec.json.decode(raw, type=RootReport)
        for key, raw in (await services.store.runs.root_reports(run_id)).items()
    }
    # Each part with its report and its buttons.
    judged: list[tuple[Part, RunReport, tuple[str, ...]]] = []
    for part in parts:
        # The `part` of an outcome is `NUMBER:ENVIRONMENT`.
        own = [outcome for outcome in outcomes if outcome.part.startswith(f"{part.pull_request}:")]
        own.sort(key=lambda outcome: outcome.environment == TESTING)  # the target comes first
        names = {(job.root_module, job.environment) for job in part.removed}
        gone = tuple(each for each in removed if (each.root_module, each.environment) in names)
        decision = await _decide(services, run, part, own)
        conclusion = conclusion_of(decision, [outcome.outcome for outcome in own])
        why = cause_of(decision)
        button = decision.button if isinstance(decision, gate.Hold) else None
        roots = tuple(reports[(outcome.part, outcome.root_module)] for outcome in own if outcome.environment == TESTING)
        previews = tuple(
            reports[(outcome.part, outcome.root_module)] for outcome in own if outcome.environment != TESTING
        )
        report = run_report(
            repo,
            run,
            conclusion,
            why,
            notes=(*_notes_after_failure(own), *part.notes, *notes_on_removed(gone)),
            roots=roots,
            previews=previews,
            # The comment `part.paste` can end only the hold `part.held`. Show it only if the report shows this hold.
            paste=part.paste if part.held == why else None,
            target=part.environment if part.has_preview else "",
        )
        report = msgspec.structs.replace(report, diagnostics=part.diagnostics, removed=gone)
        if button == "confirm_destroy":
            report = msgspec.structs.replace(report, paste=f"planward confirm {run.head_sha}")
        judged.append((part, report, (button,) if button else ()))
    judged.sort(key=lambda each: _WORST_FIRST.index(each[1].conclusion))
    digests = tuple(sorted({each.digest for each in outcomes if each.digest}))
    confirmations = tuple(sorted({to_confirm.confirmation for each in outcomes for to_confirm in each.confirm}))
    verdicts: list[tuple[KnownPullRequest, Conclusion]] = []
    for part, report, _ in judged:
        pull_request = await services.store.pull_requests.find(run.repository_id, part.pull_request)
        # GitHub may have shown this verdict before an interruption. So it also counts for a pull request that was
        # merged in the meantime.
        if pull_request is not None and (
            is_open_with_head(run, pull_request) or (may_be_shown and has_head(run, pull_request))
        ):
            verdicts.append((pull_request, report.conclusion))
    judged = _leave_out_unapproved_forks(judged)
    worst = judged[0][1].conclusion
    shown = [report for _, report, _ in judged]
    if len(judged) > 1:
        shown = [msgspec.structs.replace(report, pull_request=part.pull_request) for part, report, _ in judged]
    buttons = tuple(dict.fromkeys(button for _, _, own in judged for button in own))
    await services.store.runs.change_plan(
        run.id, lambda state: replace(state, digests=digests, confirmations=confirmations, buttons=buttons)
    )
    if run.group is None:
        for part, report, _ in judged:
            await notify_plan(
                repo,
                run,
                report,
                number=part.pull_request,
                environment=part.environment,
                config_sha=part.config_sha,
            )
    changed_lines = await _changed_lines(services, run, parts)
    await complete_check_run(
        repo,
        run,
        shown,
        conclusion=worst,
        buttons=buttons,
        changed_lines=changed_lines,
        on_shown=partial(_record_shown, services, run, verdicts),
    )
    if "preview" in buttons:
        await _plan_again_if_preview_requested(services, run, parts)


def _notes_after_failure(outcomes: Sequence[RootOutcome]) -> tuple[str, ...]:
    if not any(each.outcome in ("failed", "timed_out") for each in outcomes):
        return ()
    return (AFTER_FAILURE,)


async def _plan_again_if_preview_requested(services: Services, run: Run, parts: Sequence[Part]) -> None:
    """Plan again if somebody requested the preview during this plan, for example by a review."""
    for part in parts:
        if part.button == "preview" and await _decisions(services, run, part, "preview"):
            cause = f"previewed:{run.id}"
            await services.enqueue(Replan(repository_id=run.repository_id, number=part.pull_request, cause=cause))


async def _record_shown(
    services: Services, run: Run, verdicts: Sequence[tuple[KnownPullRequest, Conclusion]], *, at: float
) -> None:
    """Record the verdicts that GitHub shows now. If a pull request was merged in the meantime, settle its branch."""
    for known, conclusion in verdicts:
        await record_verdict(services, run, known, conclusion, at=at)
        found = await services.store.pull_requests.find(run.repository_id, known.number)
        if found is not None and found.state == "merged":
            cause = VerdictRecorded(run_id=run.id)
            await services.enqueue(SettleBranch(repository_id=run.repository_id, branch=found.base_branch, cause=cause))


def _leave_out_unapproved_forks(
    judged: list[tuple[Part, RunReport, tuple[str, ...]]],
) -> list[tuple[Part, RunReport, tuple[str, ...]]]:
    """Leave out forks' pull requests that nobody has approved.

    Otherwise, they would turn the check red for other pull requests with the same head. The part of such a pull request
    has no tree, because it was held before its merge result was made.
    """
    waiting = [part for part, _, _ in judged if part.from_fork and part.held is not None and not part.tree]
    others = [each for each in judged if each[0] not in waiting]
    if not waiting or not others:
        return judged
    notes = tuple(
        f"#{part.pull_request} comes from a fork and has the same commit. It does not count here until its plan is "
        "approved"
        for part in waiting
    )
    part, report, buttons = others[0]
    return [(part, msgspec.structs.replace(report, notes=(*report.notes, *notes)), buttons), *others[1:]]


async def _plan_hidden_run_again(services: Services, run: Run) -> None:
    """Plan again if this cancelled run's check run hides the check run of the newer run that replaced it.

    GitHub shows the check run that was created last. If GitHub did not answer for a while, the older run's check run
    may have been created last.
    """
    own = (await services.store.runs.load(run.id)).check_run_id
    if own is None or run.pull_request is None:
        return
    hidden = await services.store.runs.hidden_by(run, own)
    if hidden is not None:
        cause = f"hidden:{run.id}:{hidden.id}"
        await services.enqueue(Replan(repository_id=run.repository_id, number=run.pull_request, cause=cause))


async def _changed_lines(services: Services, run: Run, parts: Sequence[Part]) -> dict[str, list[range]]:
    """The lines that the pull requests change, with their numbers after the merge."""
    repo = await load_repo(services, run.repository_id)
    found: dict[str, list[range]] = {}
    for part in parts:
        if part.tree:
            # If the base was force-pushed and its commit is gone, the changed lines are unknown, and annotations are
            # not ordered by them.
            with contextlib.suppress(MissingObject):
                repo = await repo.with_merge(part.base_sha, run.head_sha, part.tree)
                for path, lines in (await repo.mirror.changed_lines(part.base_sha, part.tree)).items():
                    found.setdefault(path, []).extend(lines)
    return found


_WORST_FIRST: tuple[Conclusion, ...] = ("failure", "timed_out", "cancelled", "action_required", "success")


async def _decide(
    services: Services, run: Run, part: Part, outcomes: Sequence[RootOutcome]
) -> gate.Clear | gate.Hold | gate.Refuse:
    """Decide about one pull request.

    These are checked in order, and the first one found decides: a failed plan, a refusal by `prepare_plan`, a rejection
    by a person, a hold by `prepare_plan`, a hold by the gate.
    """
    held = None if part.held is None else gate.Hold(cause=part.held, button=part.button)
    if part.refused is not None and not outcomes:
        return gate.Refuse(cause=part.refused)
    confirmed = await _decisions(services, run, part, "confirm_destroy")
    decision = gate.decide_merge(
        roots=[_root_facts(outcome, part) for outcome in outcomes],
        confirmed={digest for approval in confirmed for digest in approval.digests},
        four_eyes=part.four_eyes,
    )
    if part.refused is not None and not isinstance(decision, gate.Refuse):
        return gate.Refuse(cause=part.refused)
    rejected = await _decisions(services, run, part, "reject")
    if rejected and not isinstance(decision, gate.Refuse):
        return gate.Refuse(
            cause=f"Rejected by {rejected[-1].by}: ask why, and push another commit. The rejection does not "
            "apply to that commit."
        )
    if held is not None and not isinstance(decision, gate.Refuse):
        return held
    if isinstance(decision, gate.Hold) and run.group is not None:
        # Nobody looks at a queue's commit: people decide on the pull request.
        return gate.Refuse(
            cause=f"This needs a decision, and nobody can decide in the merge queue: update #{part.pull_request} with "
            f"its base branch, decide on its planward/plan, then queue it again. {decision.cause}"
        )
    return decision


def _root_facts(outcome: RootOutcome, part: Part) -> gate.RootFacts:
    """The facts that the gate needs. If there is a preview, changes in testing need no confirmation."""
    facts = outcome.gate_facts()
    if part.has_preview and outcome.environment == TESTING:
        return replace(facts, to_confirm=())
    return facts


async def _decisions(services: Services, run: Run, part: Part, kind: str) -> tuple[Approval, ...]:
    """People's decisions of this kind about this pull request's head and base."""
    pull_request = await services.store.pull_requests.find(run.repository_id, part.pull_request)
    if pull_request is None:
        return ()
    return await services.store.approvals.for_pull_request(
        run.repository_id,
        decided_sha(run),
        number=pull_request.number,
        base_branch=pull_request.base_branch,
        kind=kind,
    )
