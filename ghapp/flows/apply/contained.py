"""End the applies of commits that a newer tip contains or that left the branch, and show this on them."""

from dataclasses import replace

import msgspec

from checks.report import RootReport
from ghapp.flows.apply import texts
from ghapp.flows.apply.attempts import complete_apply, next_attempt
from ghapp.flows.check_run import run_report, runs_of_tip
from ghapp.flows.environments import EnvironmentInForce
from ghapp.flows.notifications.results import keep_result, show_result
from ghapp.flows.repository import FetchedRepo, short
from ghapp.store import Run
from ghapp.values import TESTING, CommitSha


async def show_contained_merges(
    repo: FetchedRepo, found: EnvironmentInForce, tip: CommitSha, commits: tuple[CommitSha, ...]
) -> None:
    """Show on merges since LAST, even those whose delivery never came, that the tip contains them."""
    name, branch = found.environment.name, found.environment.branch
    assert found.last is not None
    known = await repo.store.pull_requests.merged_as(repo.id, commits)
    merged = {each.merge_sha for each in known if each.base_branch == branch}
    merged |= {*await repo.mirror.merge_commits(found.last.sha, tip)}
    for commit in commits:
        if commit in merged and commit != tip and not await runs_of_tip(repo, name, commit):
            run = await next_attempt(repo, name, branch, commit)
            await _end(repo, run, texts.contained(short(tip)), texts.note_on_contained(name, short(tip)))


async def end_contained(repo: FetchedRepo, found: EnvironmentInForce, tip: CommitSha) -> None:
    """End waiting pushes that the tip contains, and those that are no longer on the branch."""
    branch, last = found.environment.branch, found.last
    applies = list(await repo.store.runs.unfinished_applies(repo.id, found.environment.name))
    testing = await repo.store.runs.unfinished_applies(repo.id, TESTING)
    applies += [run for run in testing if run.branch == branch]
    for run in applies:
        if run.head_sha == tip:
            continue
        if await repo.store.branches.was_applied(repo.id, run.environment, run.head_sha):
            await succeed(repo, run)  # it moved LAST before it was interrupted
            continue
        contained = await repo.mirror.has(run.head_sha) and await repo.mirror.is_ancestor(run.head_sha, tip)
        if not contained:
            await _end(repo, run, texts.left_branch(branch), texts.note_on_left_branch(branch))
            continue
        in_last = last is not None and await repo.mirror.is_ancestor(run.head_sha, last.sha)
        by = short(last.sha if last is not None and in_last else tip)
        await _end(repo, run, texts.contained(by), texts.note_on_contained(run.environment, by))


async def _end(repo: FetchedRepo, run: Run, cause: str, note: str) -> None:
    merged = await repo.store.pull_requests.merged_as(repo.id, (run.head_sha,))
    explains = tuple(sorted({*run.apply.explains, *(each.number for each in merged)}))
    await repo.store.runs.change_apply(run.id, lambda state: replace(state, explains=explains))
    await complete_apply(repo, run, "cancelled", cause, notes=(note,))


async def succeed(repo: FetchedRepo, run: Run) -> None:
    """Complete a run as a success because the environment is at its commit. Results that were stored before an
    interruption are shown."""
    found = await repo.store.runs.root_reports(run.id)
    roots = tuple(msgspec.json.decode(raw, type=RootReport) for raw in found.values())
    note = texts.nothing_to_apply(run.environment, short(run.head_sha))
    notes = () if roots else (note,)
    report = run_report(repo, run, "success", note, notes=notes, roots=roots)
    await keep_result(repo.services, run, report, conclusion="success")
    await show_result(repo, run.id)
