"""Show on a hold which commits it is about and who may end it, and later that a newer attempt replaced it."""

from dataclasses import replace

import msgspec

from checks.authority.deciders import Deciders, lines_of_deciders
from checks.report import Link, RunReport
from ghapp.flows.check_run import show_completed
from ghapp.flows.holds.changes import Changes
from ghapp.flows.holds.held_tip import HeldTip, approved_so_far, changes_of, rules_of
from ghapp.flows.repository import FetchedRepo, Repo, short
from ghapp.github import GitHubError, GitHubRefused
from ghapp.log import log
from ghapp.store import Run

_MOST_APPLIES = 20


async def with_deciders(
    repo: FetchedRepo, held: HeldTip, report: RunReport, *, ignores_github_errors: bool = False
) -> RunReport:
    """Add to a hold's report a link to its commits on GitHub, and lines about who may end it.

    Raises GitHubError if GitHub is unavailable. With `ignores_github_errors`, a note in the report says instead that
    the contributors are unknown. But for a new branch, GitHubError may be raised even then.
    """
    rules = await rules_of(repo, held)
    notes: tuple[str, ...] = ()
    try:
        changes = await changes_of(repo, held, rules)
    except GitHubError as error:
        if not (ignores_github_errors or isinstance(error, GitHubRefused)):
            raise
        log.warning("commit_people_unknown", sha=held.sha, reason=str(error))
        changes = Changes()
        notes = ("GitHub did not say who made these commits. If you wrote or pushed one of them, do not approve it.",)
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
    """Show on a hold who has approved it since it was shown. Raises GitHubError."""
    reports = [await with_deciders(repo, held, report) for report in await _reports(repo, run)]
    if reports:  # empty if the encryption key of the stored report is gone
        await show_completed(repo, run, reports, conclusion="action_required", buttons=(held.asked,))


async def show_replaced(repo: FetchedRepo, by: Run) -> None:
    """Show on an environment's holds that a newer attempt replaced them. If GitHub refuses, the next attempt does it.

    A hold stays as it is if the newer attempt does not contain its commit: the branch may be forced back to it.
    """
    runs = repo.store.runs
    for run in await runs.recent_applies(repo.id, by.environment, limit=_MOST_APPLIES):
        if not _is_replaced(run, by) or not await repo.mirror.has(run.head_sha):
            continue
        if not await repo.mirror.is_ancestor(run.head_sha, by.head_sha):
            continue
        cause = replaced_text(short(by.head_sha))
        reports = [
            msgspec.structs.replace(
                report, conclusion="cancelled", cause=cause, notes=(), deciders=(), paste=None, comparison=None
            )
            for report in await _reports(repo, run)
        ]
        try:
            if reports:  # empty if the encryption key of the stored report is gone
                await show_completed(repo, run, reports, conclusion="cancelled")
        except GitHubError as error:
            log.warning("replaced_not_shown", run=run.id, reason=str(error))
            continue
        await runs.change_apply(run.id, lambda state: replace(state, replaced_by=by.id))


def replaced_text(by: str) -> str:
    """The text of a hold that another attempt replaced; `by` is the short SHA of that attempt's commit."""
    return f"Replaced by a newer check run on {by}: there is nothing to do here. If that one waits, decide there."


def _is_replaced(run: Run, by: Run) -> bool:
    """Whether a run is an older hold on the branch of `by`, and does not show yet that it was replaced."""
    is_older = run.branch == by.branch and (run.created_at, run.id) < (by.created_at, by.id)
    return is_older and run.conclusion == "action_required" and run.apply.replaced_by is None


async def _reports(repo: Repo, run: Run) -> list[RunReport]:
    raw = await repo.store.runs.readable_report(run.id)
    return [] if raw is None else msgspec.json.decode(raw, type=list[RunReport])
