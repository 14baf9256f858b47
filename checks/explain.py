"""Is a push explained by merged pull requests? Pure: the caller supplies commits, trees and verdicts as values.

A push from LAST to `after` is explained if its first-parent commits can be cut into segments that each end in the
merge SHA of a merged pull request, and each of those pull requests passed the gate for this base and brought exactly
this tree. Everything else is unexplained, and is named. That includes commits at which the branch is known to have
stood before a merge, since no later merge brought them.
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
    """Whether the last `planward/plan` verdict for this pull request, base and head was success when it merged."""
    verdict: str
    """That verdict as text: `success`, `failure`, `in progress`, `none`."""
    group_passed: bool = True
    """If a merge queue merged it: whether the verdict on the queue's own commit was success, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Commits of the first-parent chain, oldest first, which end in the merge SHA of `candidates`.

    GitHub reports several pull requests as merged by one commit if some came in indirectly; one has to explain
    everything.
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
    """The tree that each candidate brings onto the commit before the segment, and the actual tree: tree ids."""

    merged: Mapping[int, str]
    """Pull request → `git merge-tree` of the commit before the segment with its head; missing if there is none."""
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Pull requests that passed the gate brought every commit; oldest first."""

    pull_requests: tuple[MergedPullRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexplained:
    """At least one segment has no pull request, or one that did not pass; `reasons` has the reason for each."""

    unexplained: tuple[Segment, ...]
    reasons: tuple[str, ...]


def cut_segments(
    last: str,
    commits: Sequence[str],
    merged: Sequence[MergedPullRequest],
    *,
    repository_id: int,
    branch: str,
    stood_at: Collection[str] = (),
) -> tuple[Segment, ...]:
    """Cut the first-parent commits after `last`, oldest first, after each merge SHA of a pull request into `branch`.

    `stood_at` are known earlier tips of the branch: commits that came by a separate push are cut off there, so that a
    later merge of work built on them does not explain them.
    """
    ends: dict[str, list[MergedPullRequest]] = {}
    for pull_request in sorted(merged, key=lambda pull_request: pull_request.number):
        if pull_request.base_repository_id == repository_id and pull_request.base_branch == branch:
            ends.setdefault(pull_request.merge_sha, []).append(pull_request)
    segments: list[Segment] = []
    before, open_commits = last, list[str]()
    for commit in commits:
        open_commits.append(commit)
        if commit in ends or commit in stood_at:
            candidates = tuple(ends.get(commit, ()))
            segments.append(Segment(before=before, commits=tuple(open_commits), candidates=candidates))
            before, open_commits = commit, []
    if open_commits:
        segments.append(Segment(before=before, commits=tuple(open_commits), candidates=()))
    return tuple(segments)


def explain_push(segments: Sequence[Segment], trees: Mapping[str, SegmentTrees]) -> Explained | Unexplained:
    """Judge each segment; `trees` is keyed by the segment's end. A segment without trees is unexplained."""
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
    """Find the candidate that explains the whole segment; if none does, say why (for the first one)."""
    if not segment.candidates:
        shas = ", ".join(commit[:7] for commit in segment.commits[:5]) + (" …" if len(segment.commits) > 5 else "")
        return f"{shas} did not come from a merged pull request"
    reasons = []
    for pull_request in segment.candidates:
        reason = _why_not(pull_request, segment, trees)
        if reason is None:
            return pull_request
        reasons.append(reason)
    return reasons[0]


def _why_not(pull_request: MergedPullRequest, segment: Segment, trees: SegmentTrees | None) -> str | None:
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
        return f"{name} conflicts with {segment.before[:7]}, so Planward cannot tell whether this is what was reviewed"
    if merged != trees.actual:
        return f"the files in {segment.end[:7]} differ from the result of merging {name} into {segment.before[:7]}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVerdict:
    """The conclusion that one check run `planward/plan` showed, and since when (seconds since 1970)."""

    run: str
    conclusion: str
    at: float


def shown_at_merge(verdicts: Sequence[ShownVerdict], merged_at: float) -> ShownVerdict | None:
    """The verdict that GitHub showed when the pull request was merged; `verdicts` are oldest first.

    Of several check runs GitHub shows the one that was created last. The time of the merge has whole seconds: if
    GitHub showed success at some moment of that second, the merge may have been at that moment.
    """
    second = math.floor(merged_at)
    # GitHub's times of check runs are also whole seconds: one with the same second may be later than the merge.
    moments = sorted({each.at for each in verdicts if second <= each.at < second + 1})
    known = [[each for each in verdicts if each.at < second]]
    known += [[each for each in verdicts if each.at <= moment] for moment in moments]
    shown = [_shown(each) for each in known]
    green = [each for each in shown if each is not None and each.conclusion == "success"]
    return green[-1] if green else shown[-1]


def _shown(known: Sequence[ShownVerdict]) -> ShownVerdict | None:
    if not known:
        return None
    newest = list(dict.fromkeys(each.run for each in known))[-1]
    own = [each for each in known if each.run == newest]
    # A repeated step may record again that the run is in progress, after its end.
    return next((each for each in reversed(own) if each.conclusion != "in_progress"), own[-1])
