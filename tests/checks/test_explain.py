"""Which pull requests explain a push: a table of histories."""

from collections.abc import Mapping

import pytest

from checks.explain import (
    Explained,
    MergedPullRequest,
    Segment,
    SegmentTrees,
    Unexplained,
    cut_segments,
    explain_push,
)

HERE = 7


def merged(number: int, merge_sha: str, **differs: object) -> MergedPullRequest:
    """A pull request into this repository's `staging` that passed and was merged by the button."""
    values: dict[str, object] = {
        "number": number,
        "base_repository_id": HERE,
        "base_branch": "staging",
        "head_sha": f"head{number}",
        "merge_sha": merge_sha,
        "merged_by": "grace",
        "author": "ada",
        "passed": True,
        "verdict": "success",
    }
    return MergedPullRequest(**{**values, **differs})  # type: ignore[arg-type]


def judge(
    commits: str, *pull_requests: MergedPullRequest, trees: Mapping[str, str] | None = None
) -> Explained | Unexplained:
    """Judge the commits after LAST. Each letter of `commits` names a commit.

    Merging a candidate gives the tree of its segment, unless `trees` has another tree under `NUMBER@END`.
    """
    segments = cut_segments("L", list(commits), pull_requests, repository_id=HERE, branch="staging")
    brought = {
        segment.end: SegmentTrees(
            merged={
                each.number: (trees or {}).get(f"{each.number}@{segment.end}", f"tree of {segment.end}")
                for each in segment.candidates
            },
            actual=f"tree of {segment.end}",
        )
        for segment in segments
    }
    return explain_push(segments, brought)


def test_a_merge_commit_of_a_pull_request_that_passed_is_explained() -> None:
    assert judge("a", merged(1, "a")) == Explained(pull_requests=(merged(1, "a"),))


def test_a_rebase_of_three_commits_is_one_segment() -> None:
    assert judge("abc", merged(1, "c")) == Explained(pull_requests=(merged(1, "c"),))


def test_several_merges_in_one_push_are_each_judged() -> None:
    assert judge("abc", merged(1, "a"), merged(2, "c")) == Explained(pull_requests=(merged(1, "a"), merged(2, "c")))


def test_a_push_of_no_commits_is_explained() -> None:
    assert judge("") == Explained(pull_requests=())


def test_a_commit_after_a_merge_without_a_pull_request_is_left_over() -> None:
    found = judge("ab", merged(1, "a"))
    assert isinstance(found, Unexplained)
    assert found.reasons == ("b did not come from a merged pull request",)
    assert found.unexplained == (Segment(before="a", commits=("b",), candidates=()),)


def test_a_commit_slipped_in_before_a_merge_changes_the_segments_tree() -> None:
    # `x` is in the segment of the merge `m`; the pull request's tree on LAST is not the actual one.
    found = judge("xm", merged(1, "m"), trees={"1@m": "tree without x"})
    assert isinstance(found, Unexplained)
    assert found.reasons == ("the files in m differ from the result of merging #1 into L",)


def test_an_earlier_tip_is_left_over_even_if_a_later_merge_contains_it() -> None:
    # The head was built on `x`, so its tree on LAST is the actual one; nobody reviewed `x`.
    segments = cut_segments(
        "L", ["x", "m"], [merged(1, "m")], repository_id=HERE, branch="staging", earlier_tips={"x", "m"}
    )
    assert [(segment.before, segment.end) for segment in segments] == [("L", "x"), ("x", "m")]
    trees = {end: SegmentTrees(merged={1: f"tree of {end}"}, actual=f"tree of {end}") for end in ("x", "m")}
    found = explain_push(segments, trees)
    assert isinstance(found, Unexplained)
    assert found.reasons == ("x did not come from a merged pull request",)


@pytest.mark.parametrize(
    ("pull_request", "reason"),
    [
        (
            merged(1, "a", passed=False, verdict="failure"),
            "#1 was merged although planward/plan showed failure, not success",
        ),
        (
            merged(1, "a", passed=False, verdict="in progress"),
            "#1 was merged although planward/plan showed in progress, not success",
        ),
        (
            merged(1, "a", group_passed=False),
            "#1 was merged by the queue although planward/plan was not green for the queue's own commit",
        ),
        (
            merged(1, "a", head_sha="a"),
            "#1 was not merged on GitHub: its newest commit was pushed straight to the branch",
        ),
        (merged(1, "a", base_branch="production"), "a did not come from a merged pull request"),
        (merged(1, "a", base_repository_id=8), "a did not come from a merged pull request"),
        (merged(1, "elsewhere"), "a did not come from a merged pull request"),
    ],
)
def test_a_pull_request_that_does_not_fit_explains_nothing(pull_request: MergedPullRequest, reason: str) -> None:
    found = judge("a", pull_request)
    assert isinstance(found, Unexplained)
    assert found.reasons == (reason,)


def test_a_pull_request_that_conflicts_now_explains_nothing() -> None:
    segments = cut_segments("L", ["a"], [merged(1, "a")], repository_id=HERE, branch="staging")
    found = explain_push(segments, {"a": SegmentTrees(merged={}, actual="tree of a")})
    assert isinstance(found, Unexplained)
    assert found.reasons == (
        "#1 cannot be merged into L again (there is a conflict, or its head is gone), so Planward cannot tell "
        "whether this is what was reviewed",
    )


def test_a_segment_whose_trees_are_missing_is_unexplained() -> None:
    segments = cut_segments("L", ["a"], [merged(1, "a")], repository_id=HERE, branch="staging")
    assert isinstance(explain_push(segments, {}), Unexplained)


def test_an_indirect_merge_does_not_borrow_the_green_check_of_another() -> None:
    # GitHub calls both merged by `a`; only #2 brings the actual tree, and #2 never passed.
    found = judge("a", merged(1, "a"), merged(2, "a", passed=False, verdict="none"), trees={"1@a": "tree of #1 alone"})
    assert isinstance(found, Unexplained)


def test_one_of_several_pull_requests_merged_by_one_commit_has_to_explain_all_of_it() -> None:
    found = judge("a", merged(1, "a", passed=False, verdict="none"), merged(2, "a"))
    assert found == Explained(pull_requests=(merged(2, "a"),))
