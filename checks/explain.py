"""Is a push explained by merged pull requests? Pure: the caller supplies commits, trees and verdicts as values.

A push is explained if its first-parent commits since LAST can be cut into segments that each end in the merge SHA of a
merged pull request. Each of these pull requests must have passed the gate for this base, and its merge must give
exactly the tree at the end of its segment. Segments for which this is not true are unexplained, and are listed. A
segment also ends at each known earlier tip of the branch, so that a later merge cannot explain commits that were
already there.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPullRequest:
    """A pull request that GitHub reports as merged, with Planward's own data about it."""

    number: int
    base_repository_id: int
    base_branch: str
    head_sha: str
    merge_sha: str
    merged_by: str | None
    author: str
    passed: bool
    """Whether the last `planward/plan` verdict, for this base and this head, was success at the time of the merge."""
    verdict: str
    """That verdict as text: `success`, `failure`, `in progress`, `none`."""
    group_passed: bool = True
    """Whether the verdict on the merge queue's own commit was success, too; true if the pull request was not merged by
    a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Commits of the first-parent chain, oldest first. If there are `candidates`, the last commit is their merge SHA.

    There are several candidates if a merged pull request contained the commits of other pull requests. GitHub then
    shows these pull requests as merged too, with the same merge SHA. One candidate has to explain the whole segment.
    """

    before: str
    commits: tuple[str, ...]
    candidates: tuple[MergedPullRequest, ...]

    @property
    def end(self) -> str:
        """The newest commit of the segment."""
        return self.commits[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTrees:
    """Tree ids for one segment: the result of merging each candidate, and the tree that the branch really has."""

    merged: Mapping[int, str]
    """By pull request number: the result of `git merge-tree` of its head and the commit before the segment.

    There is no entry if the merge has a conflict, or if the head could not be fetched.
    """
    actual: str
    """The tree of the segment's newest commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Every commit came from one of these pull requests, which all passed the gate. They are in merge order."""

    pull_requests: tuple[MergedPullRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexplained:
    """No pull request explains these segments; `reasons` has one reason for each, in the same order."""

    unexplained: tuple[Segment, ...]
    reasons: tuple[str, ...]


def cut_segments(
    last: str,
    commits: Sequence[str],
    merged: Sequence[MergedPullRequest],
    *,
    repository_id: int,
    branch: str,
    earlier_tips: Collection[str] = (),
) -> tuple[Segment, ...]:
    """Cut the first-parent commits since `last` (oldest first) into segments.

    A segment ends at each commit that is the merge SHA of a pull request into `branch`.

    `earlier_tips` are commits that are known to have been the branch's tip. They end segments, too: a later merge must
    not explain commits that an earlier push had already brought.
    """
    ends: dict[str, list[MergedPullRequest]] = {}
    for pull_request in sorted(merged, key=lambda pull_request: pull_request.number):
        if pull_request.base_repository_id == repository_id and pull_request.base_branch == branch:
            ends.setdefault(pull_request.merge_sha, []).append(pull_request)
    segments: list[Segment] = []
    before, open_commits = last, list[str]()
    for commit in commits:
        open_commits.append(commit)
        if commit in ends or commit in earlier_tips:
            candidates = tuple(ends.get(commit, ()))
            segments.append(Segment(before=before, commits=tuple(open_commits), candidates=candidates))
            before, open_commits = commit, []
    if open_commits:
        segments.append(Segment(before=before, commits=tuple(open_commits), candidates=()))
    return tuple(segments)


def explain_push(segments: Sequence[Segment], trees: Mapping[str, SegmentTrees]) -> Explained | Unexplained:
    """Judge each segment; `trees` is keyed by the segments' ends. A segment without trees is unexplained."""
    by_segment: list[MergedPullRequest] = []
    unexplained: list[Segment] = []
    reasons: list[str] = []
    for segment in segments:
        found = _explain_segment(segment, trees.get(segment.end))
        if isinstance(found, MergedPullRequest):
            by_segment.append(found)
        else:
            unexplained.append(segment)
            reasons.append(found)
    if unexplained:
        return Unexplained(unexplained=tuple(unexplained), reasons=tuple(reasons))
    return Explained(pull_requests=tuple(by_segment))


def _explain_segment(segment: Segment, trees: SegmentTrees | None) -> MergedPullRequest | str:
    """Find the candidate that explains the whole segment; if there is none, say why the first one does not."""
    if not segment.candidates:
        shas = ", ".join(commit[:7] for commit in segment.commits[:5]) + (" …" if len(segment.commits) > 5 else "")
        return f"{shas} did not come from a merged pull request"
    reasons = []
    for pull_request in segment.candidates:
        reason = _find_objection(pull_request, segment, trees)
        if reason is None:
            return pull_request
        reasons.append(reason)
    return reasons[0]


def _find_objection(pull_request: MergedPullRequest, segment: Segment, trees: SegmentTrees | None) -> str | None:
    name = f"#{pull_request.number}"
    if pull_request.merge_sha == pull_request.head_sha:
        return f"{name} was not merged on GitHub: its newest commit was pushed straight to the branch"
    if not pull_request.passed:
        if pull_request.verdict == "none":
            return f"{name} was merged before planward/plan had a result for it"
        return f"{name} was merged although planward/plan showed {pull_request.verdict}, not success"
    if not pull_request.group_passed:
        return f"{name} was merged by the queue although planward/plan was not green for the queue's own commit"
    merged = None if trees is None else trees.merged.get(pull_request.number)
    if trees is None or merged is None:
        return (
            f"{name} cannot be merged into {segment.before[:7]} again (there is a conflict, or its head is gone), so "
            "Planward cannot tell whether this is what was reviewed"
        )
    if merged != trees.actual:
        return f"the files in {segment.end[:7]} differ from the result of merging {name} into {segment.before[:7]}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVerdict:
    """The conclusion that one check run `planward/plan` showed since `at` (seconds since 1970), or `in_progress`."""

    run: str
    conclusion: str
    at: float


def shown_at_merge(verdicts: Sequence[ShownVerdict], merged_at: float) -> ShownVerdict | None:
    """The verdict that GitHub showed when the pull request was merged; `verdicts` are oldest first.

    If there are several check runs, GitHub shows the one that was created last. The time of the merge is in whole
    seconds, so success counts if GitHub showed it at any moment of that second.
    """
    second = math.floor(merged_at)
    # GitHub gives the times of check runs in whole seconds, too. So each verdict from that second may have come before
    # or after the merge: look at the moment before the first of these verdicts, and at the moment after each of them.
    within = [each for each in verdicts if second <= each.at < second + 1]
    known = [
        [each for each in verdicts if each.at < second or each in within[:count]] for count in range(len(within) + 1)
    ]
    shown = [_shown_verdict(each) for each in known]
    green = [each for each in shown if each is not None and each.conclusion == "success"]
    return green[-1] if green else shown[-1]


def _shown_verdict(known: Sequence[ShownVerdict]) -> ShownVerdict | None:
    if not known:
        return None
    newest = list(dict.fromkeys(each.run for each in known))[-1]
    own = [each for each in known if each.run == newest]
    # A repeated step may record "in progress" once more after the run's end.
    return next((each for each in reversed(own) if each.conclusion != "in_progress"), own[-1])
