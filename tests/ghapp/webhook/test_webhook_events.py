"""Events of pushes, check runs, comments, installations and repositories."""

from typing import Any

import pytest

from ghapp.events import (
    BranchPushed,
    ButtonPressed,
    CheckRunRerequested,
    CheckSuiteRerequested,
    CommentCreated,
    Ignored,
    InstallationChanged,
    Person,
    RepositoriesChanged,
    RepositoryChanged,
    RepositoryRef,
)
from ghapp.values import NO_COMMIT, BranchName, InstallationId, RepositoryId
from tests.ghapp.webhook.deliveries import ANNA, BASE, HEAD, MERGE, anna, event_of, infra, push

# Pushes


def test_a_pushed_branch() -> None:
    assert event_of("push", **push()) == BranchPushed(
        installation_id=InstallationId(5),
        repository=infra,
        branch=BranchName("staging"),
        before=BASE,
        after=MERGE,
        created=False,
        deleted=False,
        forced=False,
        pusher=anna,
    )


def test_a_branch_with_slashes_keeps_them() -> None:
    event = event_of("push", **push(ref="refs/heads/release/refs/heads/1"))
    assert isinstance(event, BranchPushed)
    assert event.branch == "release/refs/heads/1"


def test_a_deleted_branch_has_no_commit_after() -> None:
    event = event_of("push", **push(after=NO_COMMIT, deleted=True))
    assert isinstance(event, BranchPushed)
    assert event.deleted
    assert event.after == NO_COMMIT


def test_a_push_by_nobody_that_github_knows_has_no_account() -> None:
    event = event_of("push", **push(sender=None, pusher={"name": "deploy key"}))
    assert isinstance(event, BranchPushed)
    assert event.pusher == Person(login="deploy key", id=0)


@pytest.mark.parametrize("ref", ["refs/tags/v1", "refs/heads/gh-readonly-queue/staging/pr-1-abc", "refs/notes/x"])
def test_tags_and_branches_of_the_merge_queue_are_ignored(ref: str) -> None:
    assert isinstance(event_of("push", **push(ref=ref)), Ignored)


# Check runs, buttons, comments

CHECK_RUN = {"id": 99, "name": "planward/plan", "head_sha": HEAD, "external_id": "run-1", "app": {"id": 3}}


def test_a_button() -> None:
    assert event_of(
        "check_run", action="requested_action", check_run=CHECK_RUN, requested_action={"identifier": "confirm"}
    ) == ButtonPressed(
        installation_id=InstallationId(5),
        repository=infra,
        check_run_id=99,
        name="planward/plan",
        head_sha=HEAD,
        external_id="run-1",
        app_id=3,
        identifier="confirm",
        sender=anna,
    )


def test_re_run() -> None:
    assert event_of("check_run", action="rerequested", check_run=CHECK_RUN) == CheckRunRerequested(
        installation_id=InstallationId(5),
        repository=infra,
        check_run_id=99,
        name="planward/plan",
        head_sha=HEAD,
        external_id="run-1",
        app_id=3,
        sender=anna,
    )


def test_re_run_all_of_a_fork_s_head_names_no_branch() -> None:
    suite = {"id": 77, "head_sha": HEAD, "head_branch": None, "app": {"id": 3}, "pull_requests": []}
    assert event_of("check_suite", action="rerequested", check_suite=suite) == CheckSuiteRerequested(
        installation_id=InstallationId(5),
        repository=infra,
        check_suite_id=77,
        head_sha=HEAD,
        head_branch=None,
        app_id=3,
        sender=anna,
    )


@pytest.mark.parametrize(
    ("name", "action"),
    [("check_run", "created"), ("check_run", "completed"), ("check_suite", "requested"), ("check_suite", "completed")],
)
def test_the_echo_of_our_own_check_runs_is_ignored(name: str, action: str) -> None:
    assert isinstance(event_of(name, action=action, check_run=CHECK_RUN), Ignored)


def test_a_comment_on_a_pull_request() -> None:
    event = event_of(
        "issue_comment",
        action="created",
        issue={"number": 12, "pull_request": {"url": "https://api.github.com/…"}},
        comment={"id": 1001, "body": "planward plan", "user": ANNA},
    )
    assert event == CommentCreated(
        installation_id=InstallationId(5),
        repository=infra,
        number=12,
        is_pull_request=True,
        comment_id=1001,
        body="planward plan",
        author=anna,
    )


def test_a_comment_on_an_issue_is_distinguished() -> None:
    event = event_of(
        "issue_comment", action="created", issue={"number": 1}, comment={"id": 1, "body": "planward plan", "user": ANNA}
    )
    assert isinstance(event, CommentCreated)
    assert not event.is_pull_request


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_a_comment_that_was_edited_or_deleted_is_ignored(action: str) -> None:
    event = event_of("issue_comment", action=action, issue={"number": 1}, comment={"id": 1, "body": "x", "user": ANNA})
    assert isinstance(event, Ignored)


# Installations and repositories


@pytest.mark.parametrize("action", ["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"])
def test_an_installation_that_changed(action: Any) -> None:
    event = event_of(
        "installation", action=action, repositories=[{"id": 42, "full_name": "acme/infra", "name": "infra"}]
    )
    assert event == InstallationChanged(
        action=action,
        installation_id=InstallationId(5),
        repositories=(RepositoryRef(id=RepositoryId(42), full_name="acme/infra"),),
        sender=anna,
    )


def test_an_installation_may_name_no_repositories() -> None:
    event = event_of("installation", action="suspend", repositories=None)
    assert isinstance(event, InstallationChanged)
    assert event.repositories == ()


def test_repositories_that_were_added_and_removed() -> None:
    event = event_of(
        "installation_repositories",
        action="added",
        repositories_added=[{"id": 1, "full_name": "acme/a"}],
        repositories_removed=[{"id": 2, "full_name": "acme/b"}],
    )
    assert event == RepositoriesChanged(
        installation_id=InstallationId(5),
        added=(RepositoryRef(id=RepositoryId(1), full_name="acme/a"),),
        removed=(RepositoryRef(id=RepositoryId(2), full_name="acme/b"),),
        sender=anna,
    )


@pytest.mark.parametrize("action", ["renamed", "deleted", "archived", "unarchived", "transferred"])
def test_a_repository_that_changed(action: Any) -> None:
    assert event_of("repository", action=action) == RepositoryChanged(
        action=action, installation_id=InstallationId(5), repository=infra, sender=anna
    )


def test_a_repository_may_change_outside_of_an_installation() -> None:
    event = event_of("repository", action="transferred", installation=None)
    assert isinstance(event, RepositoryChanged)
    assert event.installation_id is None


@pytest.mark.parametrize(
    ("name", "action"),
    [("repository", "edited"), ("installation", "odd"), ("installation_repositories", "odd"), ("merge_group", "odd")],
)
def test_actions_of_no_interest_are_ignored(name: str, action: str) -> None:
    assert isinstance(event_of(name, action=action), Ignored)


@pytest.mark.parametrize("name", ["star", "workflow_run", "installation_target", "no-such-event"])
def test_an_event_that_planward_does_not_know_is_ignored(name: str) -> None:
    assert isinstance(event_of(name, action="created"), Ignored)
