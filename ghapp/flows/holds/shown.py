"""What a hold shows beside its cause: what it is about, and who may end it; and that it was replaced."""

from dataclasses import replace

import msgspec

from checks.authority.deciders import Deciders, lines_of_deciders
from checks.report import Link, RunReport
from ghapp.flows.check_run import show_completed
from ghapp.flows.holds.changes import Changes
from ghapp.flows.holds.held_tip import HeldTip, approved_so_far, changes_of, rules_of
from ghapp.flows.repository import FetchedRepo, Repo, short
from ghapp.github import GitHubError
from ghapp.log import log
from ghapp.store import Run

_MOST_APPLIES = 20


async def with_deciders(repo: FetchedRepo, held: HeldTip, report: RunReport) -> RunReport:
    """A hold's report with the comparison of its commits and the lines that say who may end it."""
    rules = await rules_of(repo, held)
    notes: tuple[str, ...] = ()
    try:
        changes = await changes_of(repo, held, rules)
    except GitHubError as error:
        log.warning("commit_people_unknown", sha=held.sha, reason=str(error))
        changes = Changes()
        notes = ("GitHub did not say who made these commits: whoever wrote or pushed one does not approve it.",)
    deciders = Deciders(
        approvers=rules.approvers,
        four_eyes=rules.four_eyes,
        needed=rules.needed,
        changes=changes.changes,
        names=changes.names,
        approved=await approved_so_far(repo, held),
    )
    return msgspec.structs.replace(
        report, comparison=_comparison(repo, held), deciders=(*lines_of_deciders(deciders), *notes)
    )


def _comparison(repo: Repo, held: HeldTip) -> Link:
    last = held.found.last
    web = repo.known.clone_url.removesuffix(".git")
    if last is None or last.sha == held.sha:
        return Link(words=short(held.sha), url=f"{web}/commit/{held.sha}")
    return Link(words=f"{short(last.sha)}...{short(held.sha)}", url=f"{web}/compare/{last.sha}...{held.sha}")


async def refresh_deciders(repo: FetchedRepo, run: Run, held: HeldTip) -> None:
    """Show on a hold who has approved it since. Raises GitHubError."""
    reports = [await with_deciders(repo, held, report) for report in await _reports(repo, run)]
    await show_completed(repo, run, reports, conclusion="action_required", buttons=(held.asked,))


async def show_replaced(repo: Repo, by: Run) -> None:
    """Say on the holds of an environment that a newer attempt took their place; where GitHub refuses, next time."""
    runs = repo.store.runs
    for run in await runs.recent_applies(repo.id, by.environment, limit=_MOST_APPLIES):
        if run.id == by.id or run.conclusion != "action_required" or run.apply.replaced_by is not None:
            continue
        if (run.created_at, run.id) > (by.created_at, by.id):
            continue
        cause = f"Replaced by a newer attempt on {short(by.head_sha)}: decide there, nothing is to be done here."
        reports = [
            msgspec.structs.replace(
                report, conclusion="cancelled", cause=cause, notes=(), deciders=(), paste=None, comparison=None
            )
            for report in await _reports(repo, run)
        ]
        try:
            await show_completed(repo, run, reports, conclusion="cancelled")
        except GitHubError as error:
            log.warning("replaced_not_shown", run=run.id, reason=str(error))
            continue
        await runs.change_apply(run.id, lambda state: replace(state, replaced_by=by.id))


async def _reports(repo: Repo, run: Run) -> list[RunReport]:
    raw = await repo.store.runs.readable_report(run.id)
    return [] if raw is None else msgspec.json.decode(raw, type=list[RunReport])
