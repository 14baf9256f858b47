"""Find out whether the commits since LAST are explained.

This module collects merges, verdicts and trees, and `checks.explain` decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from checks.explain import (
    Explained,
    MergedPullRequest,
    Segment,
    SegmentTrees,
    ShownVerdict,
    Unexplained,
    cut_segments,
    explain_push,
    shown_at_merge,
)
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.git import Conflict, GitError, Mirror
from ghapp.store import KnownPullRequest, Store, Verdict
from ghapp.values import BranchName, CommitSha

_MOST_COMMITS_ASKED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The explanation of a push, or the reasons why there is none.

    `explanation` is None if there is nothing to explain (see `NO_JUDGEMENT`).
    """

    explanation: Explained | Unexplained | None
    may_still_arrive: bool = False
    """Whether a late `closed` event could still explain it."""
    verdict_pending: bool = False
    """Whether GitHub may show a verdict that is not recorded yet. Once it is recorded, the branch is examined again."""
    people: tuple[tuple[str, ...], ...] = ()
    """For each reason, the people who merged or pushed the unexplained commits: `pushed by LOGIN`."""
    seen: tuple[int, ...] = ()
    """Every pull request whose merge SHA is among the commits, whether or not it explains them."""

    @property
    def pull_requests(self) -> tuple[int, ...]:
        """The pull requests that explain the push, oldest first."""
        if not isinstance(self.explanation, Explained):
            return ()
        return tuple(each.number for each in self.explanation.pull_requests)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons why the push is not explained."""
        return self.explanation.reasons if isinstance(self.explanation, Unexplained) else ()


NO_JUDGEMENT = Judgement(explanation=None)
"""There is nothing for pull requests to explain: the branch is new, was force-pushed, or is at LAST."""


async def explain_commits(
    repo: FetchedRepo,
    branch: BranchName,
    last: CommitSha,
    commits: tuple[CommitSha, ...],
    *,
    ask_github: bool,
) -> Judgement:
    """Judge the first-parent commits after LAST, oldest first.

    `ask_github`: whether to ask GitHub for merges whose `closed` event did not arrive.
    """
    merged = await repo.store.pull_requests.merged_as(repo.id, commits)
    # Look for pending verdicts first: a verdict that is recorded between the two queries is then found by one of them.
    pending = await _verdicts_pending(repo, merged)
    found = await _explain(repo, branch, last, commits, merged)
    if isinstance(found, Unexplained) and ask_github:
        await _find_merges(repo, branch, found.unexplained)
        merged = await repo.store.pull_requests.merged_as(repo.id, commits)
        found = await _explain(repo, branch, last, commits, merged)
    seen = tuple(each.number for each in merged if each.base_branch == branch)
    if isinstance(found, Explained):
        return Judgement(explanation=found, seen=seen)
    pushers = await repo.store.branches.pushers(repo.id, branch, commits)
    people: list[tuple[str, ...]] = []
    for segment in found.unexplained:
        merged_by = [f"{_how_it_came(each)} by {each.merged_by}" for each in segment.candidates if each.merged_by]
        pushed_by = [f"pushed by {pushers[CommitSha(commit)]}" for commit in segment.commits if commit in pushers]
        people.append(tuple(dict.fromkeys(merged_by or pushed_by)))
    # The `closed` event of a merge may be late. In a segment without candidates, any commit may be the late merge. In a
    # segment with candidates, the last commit is the candidates' merge, so only an earlier commit may be the late one.
    may_still_arrive = any(not segment.candidates or len(segment.commits) > 1 for segment in found.unexplained)
    return Judgement(
        explanation=found,
        may_still_arrive=may_still_arrive,
        verdict_pending=any(each.number in pending for segment in found.unexplained for each in segment.candidates),
        people=tuple(people),
        seen=seen,
    )


def _how_it_came(pull_request: MergedPullRequest) -> str:
    """How its commits got onto the branch: GitHub also calls a pull request merged if its head was pushed there."""
    return "pushed" if pull_request.merge_sha == pull_request.head_sha else "merged"


async def _verdicts_pending(repo: FetchedRepo, merged: tuple[KnownPullRequest, ...]) -> frozenset[int]:
    """The pull requests for which GitHub may show a verdict that is not recorded yet."""
    pending: set[int] = set()
    for known in merged:
        for sha in (known.head_sha, known.merge_sha):
            runs = () if sha is None else await repo.store.runs.unfinished_plans_of_commit(repo.id, sha)
            if any(run.state.check_run.completion_sent and known.number in run.plan.bases for run in runs):
                pending.add(known.number)
    return frozenset(pending)


async def _explain(
    repo: FetchedRepo,
    branch: BranchName,
    last: CommitSha,
    commits: tuple[CommitSha, ...],
    merged: tuple[KnownPullRequest, ...],
) -> Explained | Unexplained:
    verdicts = {each.number: await verdict_at_merge(repo, each) for each in merged}
    values = [await _as_merged(repo.store, each, verdicts[each.number]) for each in merged]
    # The newest commit of each push, and the base of each plan, was once the branch's tip.
    earlier_tips = {*await repo.store.branches.pushers(repo.id, branch, commits)}
    earlier_tips |= {verdict.base_sha for verdict in verdicts.values() if verdict is not None}
    segments = cut_segments(last, commits, values, repository_id=repo.id, branch=branch, earlier_tips=earlier_tips)
    heads = {each.number: CommitSha(each.head_sha) for segment in segments for each in segment.candidates}
    missing = [number for number, head in heads.items() if not await repo.mirror.has(head)]
    if missing:
        await repo.fetch(pull_requests=missing)
    trees = {segment.end: await _segment_trees(repo.mirror, segment) for segment in segments}
    return explain_push(segments, trees)


async def _as_merged(store: Store, pull_request: KnownPullRequest, verdict: Verdict | None) -> MergedPullRequest:
    assert pull_request.merge_sha is not None
    group = await store.pull_requests.verdicts(
        pull_request.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=pull_request.merge_sha,
    )
    shown = _shown_at_merge(pull_request, group)
    return MergedPullRequest(
        number=pull_request.number,
        base_repository_id=pull_request.repository_id,
        base_branch=pull_request.base_branch,
        head_sha=pull_request.head_sha,
        merge_sha=pull_request.merge_sha,
        merged_by=pull_request.merged_by,
        author=pull_request.author,
        passed=verdict is not None and verdict.conclusion == "success",
        verdict="none" if verdict is None else verdict.conclusion.replace("_", " "),
        group_passed=not group or (shown is not None and shown.conclusion == "success"),
    )


async def verdict_at_merge(repo: FetchedRepo, pull_request: KnownPullRequest) -> Verdict | None:
    """The last verdict before the merge of a pull request, for its head and base branch.

    A verdict on a base that contains the merge is later than the merge, so it does not count. The times cannot show
    this: the push of the merge starts new plans within the same second, and `merged_at` has only whole seconds.
    """
    assert pull_request.merge_sha is not None
    verdicts = await repo.store.pull_requests.verdicts(
        pull_request.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=pull_request.head_sha,
    )
    before: list[Verdict] = []
    for verdict in verdicts:
        after_merge = await repo.mirror.has(verdict.base_sha) and await repo.mirror.is_ancestor(
            pull_request.merge_sha, verdict.base_sha
        )
        if not after_merge:
            before.append(verdict)
    return _shown_at_merge(pull_request, before)


def _shown_at_merge(pull_request: KnownPullRequest, verdicts: Sequence[Verdict]) -> Verdict | None:
    """The verdict that GitHub showed when the pull request was merged; `verdicts` are newest first."""
    if pull_request.merged_at is None:
        return verdicts[0] if verdicts else None
    by_value = {
        ShownVerdict(run=each.run_id, conclusion=each.conclusion, at=each.at): each for each in reversed(verdicts)
    }
    shown = shown_at_merge([*by_value], pull_request.merged_at)
    return None if shown is None else by_value[shown]


async def _segment_trees(mirror: Mirror, segment: Segment) -> SegmentTrees:
    merged: dict[int, str] = {}
    for pull_request in segment.candidates:
        try:
            tree = await mirror.merge_tree(CommitSha(segment.before), CommitSha(pull_request.head_sha))
        except GitError:
            continue  # without its head, a pull request explains nothing
        if not isinstance(tree, Conflict):
            merged[pull_request.number] = tree
    return SegmentTrees(merged=merged, actual=await mirror.tree_of(CommitSha(segment.end)))


async def _find_merges(repo: Repo, branch: BranchName, unexplained: tuple[Segment, ...]) -> None:
    """Ask GitHub which pull requests were merged as these commits, if no `closed` event arrived."""
    github = await repo.github()
    known_ends = {segment.end for segment in unexplained if segment.candidates}
    commits = [CommitSha(each) for segment in unexplained for each in segment.commits if each not in known_ends]
    for commit in commits[-_MOST_COMMITS_ASKED:]:
        for seen in await github.pull_requests_of(commit):
            known = await repo.store.pull_requests.find(repo.id, seen.number)
            merge_sha = seen.merge_sha or commit
            if seen.merged_at is None or seen.base.ref != branch or merge_sha != commit or known is None:
                continue
            merged = replace(
                known,
                state="merged",
                head_sha=seen.head.sha,
                merge_sha=merge_sha,
                merged_at=float(seen.merged_at),
            )
            await repo.store.pull_requests.record(merged)
