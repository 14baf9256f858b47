"""Whether the commits since LAST are explained: collects commits, merges, verdicts and trees for the pure rule."""

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

_MOST_ASKED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The explanation of a push, or why there is none; None if nothing could explain it."""

    explanation: Explained | Unexplained | None
    may_still_arrive: bool = False
    """Whether a late `closed` event could change it."""
    verdict_pending: bool = False
    """Whether GitHub may show a verdict that is not recorded yet; the branch is settled again after it is."""
    people: tuple[tuple[str, ...], ...] = ()
    """For each of the reasons, who merged or pushed the unexplained commits: `pushed by LOGIN`."""
    seen: tuple[int, ...] = ()
    """Every pull request whose merge SHA is among the commits, explained or not."""

    @property
    def pull_requests(self) -> tuple[int, ...]:
        """The pull requests that explain it, oldest first."""
        if not isinstance(self.explanation, Explained):
            return ()
        return tuple(each.number for each in self.explanation.pull_requests)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not explained."""
        return self.explanation.reasons if isinstance(self.explanation, Unexplained) else ()


NOT_JUDGED = Judged(explanation=None)
"""Pull requests cannot explain anything: the branch is new, was forced, or is at LAST."""


async def explain_commits(
    repo: FetchedRepo,
    branch: BranchName,
    last: CommitSha,
    commits: tuple[CommitSha, ...],
    *,
    ask_github: bool,
) -> Judged:
    """Judge the first-parent commits after LAST, oldest first. `ask_github`: look for merges whose `closed` never
    came."""
    merged = await repo.store.pull_requests.merged_as(repo.id, commits)
    # Query this before reading the verdicts: if one is recorded in between, the branch is settled again.
    pending = await _verdicts_pending(repo, merged)
    found = await _explain(repo, branch, last, commits, merged)
    if isinstance(found, Unexplained) and ask_github:
        await _find_merges(repo, branch, found.unexplained)
        merged = await repo.store.pull_requests.merged_as(repo.id, commits)
        found = await _explain(repo, branch, last, commits, merged)
    seen = tuple(each.number for each in merged if each.base_branch == branch)
    if isinstance(found, Explained):
        return Judged(explanation=found, seen=seen)
    pushers = await repo.store.branches.pushers(repo.id, branch, commits)
    people: list[tuple[str, ...]] = []
    for segment in found.unexplained:
        merged_by = [f"{_brought(each)} by {each.merged_by}" for each in segment.candidates if each.merged_by]
        pushed_by = [f"pushed by {pushers[CommitSha(commit)]}" for commit in segment.commits if commit in pushers]
        people.append(tuple(dict.fromkeys(merged_by or pushed_by)))
    # Another pull request may have been merged before the end of a segment.
    may_still_arrive = any(not segment.candidates or len(segment.commits) > 1 for segment in found.unexplained)
    return Judged(
        explanation=found,
        may_still_arrive=may_still_arrive,
        verdict_pending=any(each.number in pending for segment in found.unexplained for each in segment.candidates),
        people=tuple(people),
        seen=seen,
    )


def _brought(pull_request: MergedPullRequest) -> str:
    """How it came onto the branch: GitHub also calls a pull request merged if its head was pushed there."""
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
    values = [await _as_value(repo.store, each, verdicts[each.number]) for each in merged]
    # The targets of pushes and the bases of plans: the branch was at each of them before a merge.
    stood_at = {*await repo.store.branches.pushers(repo.id, branch, commits)}
    stood_at |= {verdict.base_sha for verdict in verdicts.values() if verdict is not None}
    segments = cut_segments(last, commits, values, repository_id=repo.id, branch=branch, stood_at=stood_at)
    heads = {each.number: CommitSha(each.head_sha) for segment in segments for each in segment.candidates}
    missing = [number for number, head in heads.items() if not await repo.mirror.has(head)]
    if missing:
        await repo.fetch(pull_requests=missing)
    trees = {segment.end: await _trees(repo.mirror, segment) for segment in segments}
    return explain_push(segments, trees)


async def _as_value(store: Store, pull_request: KnownPullRequest, verdict: Verdict | None) -> MergedPullRequest:
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
    """The last verdict for a merged pull request, this base and head, at the time of its merge.

    A verdict on a base that contains the merge is later than the merge: the merge's own push starts new plans of open
    pull requests within the same second, which is the resolution of `merged_at`.
    """
    assert pull_request.merge_sha is not None
    said = await repo.store.pull_requests.verdicts(
        pull_request.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=pull_request.head_sha,
    )
    before: list[Verdict] = []
    for verdict in said:
        after_merge = await repo.mirror.has(verdict.base_sha) and await repo.mirror.is_ancestor(
            pull_request.merge_sha, verdict.base_sha
        )
        if not after_merge:
            before.append(verdict)
    return _shown_at_merge(pull_request, before)


def _shown_at_merge(pull_request: KnownPullRequest, verdicts: Sequence[Verdict]) -> Verdict | None:
    """GitHub's conclusion when the pull request was merged; `verdicts` are newest first."""
    if pull_request.merged_at is None:
        return verdicts[0] if verdicts else None
    by_value = {ShownVerdict(run=each.run_id, conclusion=each.conclusion, at=each.at): each for each in verdicts}
    shown = shown_at_merge([*reversed(by_value)], pull_request.merged_at)
    return None if shown is None else by_value[shown]


async def _trees(mirror: Mirror, segment: Segment) -> SegmentTrees:
    merged: dict[int, str] = {}
    for pull_request in segment.candidates:
        try:
            tree = await mirror.merge_tree(CommitSha(segment.before), CommitSha(pull_request.head_sha))
        except GitError:
            continue  # a head that is unavailable explains nothing
        if not isinstance(tree, Conflict):
            merged[pull_request.number] = tree
    return SegmentTrees(merged=merged, actual=await mirror.tree_of(CommitSha(segment.end)))


async def _find_merges(repo: Repo, branch: BranchName, unexplained: tuple[Segment, ...]) -> None:
    """Ask GitHub which pull requests were merged as these commits, if no `closed` event arrived."""
    github = await repo.github()
    known_ends = {segment.end for segment in unexplained if segment.candidates}
    commits = [CommitSha(each) for segment in unexplained for each in segment.commits if each not in known_ends]
    for commit in commits[-_MOST_ASKED:]:
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
