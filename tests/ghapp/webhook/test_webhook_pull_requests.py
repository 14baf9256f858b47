"""Events of pull requests, of their reviews and of the merge queue."""

from typing import Any

import pytest

from ghapp.events import (
    GHOST,
    Base,
    Head,
    Ignored,
    MergeGroupDestroyed,
    MergeGroupRequested,
    Person,
    PullRequestApproved,
    PullRequestChanged,
    PullRequestClosed,
)
from ghapp.values import BranchName, InstallationId, RepositoryId
from ghapp.webhook import MalformedDelivery
from tests.ghapp.webhook.deliveries import ANNA, BASE, HEAD, MERGE, PULL_REQUEST, anna, event_of, infra


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review", "converted_to_draft"])
def test_a_pull_request_that_changed(action: Any) -> None:
    assert event_of("pull_request", action=action, pull_request=PULL_REQUEST) == PullRequestChanged(
        action=action,
        installation_id=InstallationId(5),
        repository=infra,
        number=12,
        title="More disks",
        url="https://github.com/acme/infra/pull/12",
        draft=False,
        author=anna,
        sender=anna,
        head=Head(sha=HEAD, ref=BranchName("more-disks"), repository_id=RepositoryId(42)),
        base=Base(sha=BASE, ref=BranchName("staging")),
        base_changed=False,
    )


def test_an_edit_counts_when_it_changes_the_base() -> None:
    changes = {"base": {"ref": {"from": "main"}, "sha": {"from": BASE}}}
    event = event_of("pull_request", action="edited", pull_request=PULL_REQUEST, changes=changes)
    assert isinstance(event, PullRequestChanged)
    assert event.base_changed


@pytest.mark.parametrize("changes", [{"title": {"from": "x"}}, {"body": {"from": "x"}}, {}, None])
def test_an_edit_of_the_text_alone_is_ignored(changes: Any) -> None:
    event = event_of("pull_request", action="edited", pull_request=PULL_REQUEST, changes=changes)
    assert isinstance(event, Ignored)


@pytest.mark.parametrize("action", ["labeled", "assigned", "auto_merge_enabled", "review_requested", "locked", ""])
def test_other_actions_on_a_pull_request_are_ignored_unread(action: str) -> None:
    assert isinstance(event_of("pull_request", action=action, pull_request={}), Ignored)


def test_a_fork_is_recognised_by_the_heads_repository() -> None:
    fork = event_of(
        "pull_request",
        action="opened",
        pull_request={**PULL_REQUEST, "head": {**PULL_REQUEST["head"], "repo": {"id": 43}}},  # type: ignore[dict-item]
    )
    assert isinstance(fork, PullRequestChanged)
    assert fork.from_fork
    assert fork.head.repository_id == 43


def test_the_head_of_a_deleted_fork_has_no_repository_and_still_counts_as_a_fork_s() -> None:
    event = event_of(
        "pull_request",
        action="synchronize",
        pull_request={**PULL_REQUEST, "head": {**PULL_REQUEST["head"], "repo": None}},  # type: ignore[dict-item]
    )
    assert isinstance(event, PullRequestChanged)
    assert event.head.repository_id is None
    assert event.from_fork


def test_a_deleted_account_is_the_ghost_and_a_bot_is_a_bot() -> None:
    event = event_of(
        "pull_request",
        action="opened",
        pull_request={**PULL_REQUEST, "user": None},
        sender={"login": "renovate[bot]", "id": 29139614, "type": "Bot"},
    )
    assert isinstance(event, PullRequestChanged)
    assert event.author == GHOST
    assert event.sender == Person(login="renovate[bot]", id=29139614, is_bot=True)


def review(**differs: object) -> dict[str, object]:
    return {"id": 5, "state": "approved", "commit_id": HEAD, "user": ANNA, **differs}


def test_a_review_that_approves_a_commit() -> None:
    event = event_of("pull_request_review", action="submitted", review=review(), pull_request={"number": 12})
    assert isinstance(event, PullRequestApproved)
    assert (event.number, event.review_id, event.head_sha, event.author.login) == (12, 5, HEAD, ANNA["login"])


@pytest.mark.parametrize(
    ("action", "differs"),
    [
        ("edited", {}),
        ("dismissed", {"state": "dismissed"}),
        ("submitted", {"state": "commented"}),
        ("submitted", {"state": "changes_requested"}),
        ("submitted", {"commit_id": None}),
    ],
)
def test_any_other_review_is_ignored(action: str, differs: dict[str, object]) -> None:
    event = event_of("pull_request_review", action=action, review=review(**differs), pull_request={"number": 12})
    assert isinstance(event, Ignored)


def test_a_merged_pull_request() -> None:
    merged = {
        **PULL_REQUEST,
        "merged": True,
        "merge_commit_sha": MERGE,
        "merged_by": {"login": "bo", "id": 8, "type": "User"},
        "merged_at": "2026-11-23T22:00:00Z",
    }
    assert event_of("pull_request", action="closed", pull_request=merged) == PullRequestClosed(
        installation_id=InstallationId(5),
        repository=infra,
        number=12,
        title="More disks",
        url="https://github.com/acme/infra/pull/12",
        author=anna,
        sender=anna,
        head=Head(sha=HEAD, ref=BranchName("more-disks"), repository_id=RepositoryId(42)),
        base=Base(sha=BASE, ref=BranchName("staging")),
        merged=True,
        merge_sha=MERGE,
        merged_by=Person(login="bo", id=8),
        merged_at=1795471200,
    )


def test_a_pull_request_that_was_closed_without_a_merge_has_no_merge_sha() -> None:
    event = event_of("pull_request", action="closed", pull_request=PULL_REQUEST)
    assert isinstance(event, PullRequestClosed)
    assert (event.merged, event.merge_sha, event.merged_by, event.merged_at) == (False, None, None, None)


@pytest.mark.parametrize("lost", ["merge_commit_sha", "merged_at"])
def test_a_merge_without_its_merge_sha_or_time_is_malformed(lost: str) -> None:
    merged = {**PULL_REQUEST, "merged": True, "merge_commit_sha": MERGE, "merged_at": "2026-11-23T22:00:00Z"}
    with pytest.raises(MalformedDelivery, match="merge"):
        event_of("pull_request", action="closed", pull_request={**merged, lost: None})


# Merge queue

GROUP = {
    "head_sha": HEAD,
    "head_ref": f"refs/heads/gh-readonly-queue/staging/pr-12-{BASE}",
    "base_sha": BASE,
    "base_ref": "refs/heads/staging",
}


def test_a_merge_group_that_asks_for_checks() -> None:
    assert event_of("merge_group", action="checks_requested", merge_group=GROUP) == MergeGroupRequested(
        installation_id=InstallationId(5),
        repository=infra,
        head_sha=HEAD,
        head_ref=f"refs/heads/gh-readonly-queue/staging/pr-12-{BASE}",
        base_sha=BASE,
        base_ref=BranchName("staging"),
        sender=anna,
    )


def test_a_discarded_merge_group() -> None:
    assert event_of("merge_group", action="destroyed", reason="dequeued", merge_group=GROUP) == MergeGroupDestroyed(
        installation_id=InstallationId(5),
        repository=infra,
        head_sha=HEAD,
        base_ref=BranchName("staging"),
        reason="dequeued",
    )
