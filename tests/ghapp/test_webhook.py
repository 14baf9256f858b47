"""Headers and body of one of GitHub's POSTs become a typed event."""

import contextlib
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghapp.events import (
    GHOST,
    Base,
    BranchPushed,
    ButtonPressed,
    CheckRunRerequested,
    CheckSuiteRerequested,
    CommentCreated,
    Event,
    Head,
    Ignored,
    InstallationChanged,
    MergeGroupDestroyed,
    MergeGroupRequested,
    Person,
    Ping,
    PullRequestApproved,
    PullRequestChanged,
    PullRequestClosed,
    RepositoriesChanged,
    Repository,
    RepositoryChanged,
    RepositoryRef,
)
from ghapp.values import NO_COMMIT, BranchName, CommitSha, InstallationId, RepositoryId
from ghapp.webhook import Delivery, MalformedDelivery, SignatureMismatch, read_delivery

SECRET = "correct horse"
HEAD = CommitSha("a" * 40)
BASE = CommitSha("b" * 40)
MERGE = CommitSha("c" * 40)

ANNA = {"login": "anna", "id": 7, "type": "User"}
REPOSITORY = {
    "id": 42,
    "full_name": "acme/infra",
    "clone_url": "https://github.com/acme/infra.git",
    "default_branch": "main",
    "private": True,
    "owner": {"login": "acme"},
}
COMMON = {"installation": {"id": 5}, "repository": REPOSITORY, "sender": ANNA}
PULL_REQUEST = {
    "number": 12,
    "title": "More disks",
    "html_url": "https://github.com/acme/infra/pull/12",
    "draft": False,
    "user": ANNA,
    "merged": False,
    "merge_commit_sha": "d" * 40,
    "merged_by": None,
    "merged_at": None,
    "head": {"ref": "more-disks", "sha": HEAD, "repo": {"id": 42}},
    "base": {"ref": "staging", "sha": BASE, "repo": {"id": 42}},
}

anna = Person(login="anna", id=7)
infra = Repository(
    id=RepositoryId(42),
    full_name="acme/infra",
    clone_url="https://github.com/acme/infra.git",
    default_branch=BranchName("main"),
)


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(name: str, body: bytes, **headers: str) -> Delivery:
    sent = {"X-GitHub-Event": name, "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(body), **headers}
    return read_delivery(sent, body, [SECRET])


def event_of(name: str, **payload: Any) -> Event:
    event = deliver(name, json.dumps({**COMMON, **payload}).encode()).event
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    return event


# The signature


def test_a_delivery_signed_with_any_of_the_secrets_is_read() -> None:
    body = json.dumps(COMMON).encode()
    for secret in ("new", "old"):
        headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(body, secret)}
        assert read_delivery(headers, body, ["new", "old"]) == Delivery(id="d-1", event=Ping())


def test_names_of_headers_are_compared_without_case() -> None:
    body = json.dumps(COMMON).encode()
    headers = {"x-github-event": "ping", "x-github-delivery": "d-1", "x-hub-signature-256": sign(body)}
    assert read_delivery(headers, body, [SECRET]).id == "d-1"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        sign(b"{}", "another secret"),
        sign(b"{} "),
        sign(b"{}").removeprefix("sha256="),
        sign(b"{}").replace("sha256", "sha1"),
        sign(b"{}").upper(),
        "sha256=é",
    ],
)
def test_a_signature_that_does_not_fit_is_refused(signature: str) -> None:
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signature}
    with pytest.raises(SignatureMismatch):
        read_delivery(headers, b"{}", [SECRET])


def test_the_old_sha1_signature_alone_does_not_count() -> None:
    signature = "sha1=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest()
    with pytest.raises(SignatureMismatch):
        read_delivery(
            {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d", "X-Hub-Signature": signature}, b"{}", [SECRET]
        )


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_let_in(secrets: list[str]) -> None:
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(b"{}", "")}
    with pytest.raises(SignatureMismatch):
        read_delivery(headers, b"{}", secrets)


def test_the_signature_is_verified_before_one_byte_is_parsed() -> None:
    with pytest.raises(SignatureMismatch):
        read_delivery({"X-Hub-Signature-256": "sha256=00", "Content-Type": "text/html"}, b"\xff not JSON", [SECRET])


# What cannot be read


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"action": "\\ud800"}', b'{"action":' + b"[" * 100_000])
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery, match=r"not JSON|does not fit"):
        deliver("pull_request", body)


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(MalformedDelivery, match=name):
        deliver("ping", b"{}", **{name: ""})


@pytest.mark.parametrize("identifier", ["a b", "x" * 101, "a\nb", "é"])
def test_an_identifier_that_does_not_belong_in_a_log_is_refused(identifier: str) -> None:
    with pytest.raises(MalformedDelivery, match="X-GitHub-Delivery"):
        deliver("ping", b"{}", **{"X-GitHub-Delivery": identifier})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"number": None}, "$.pull_request.number"),
        ({"number": "12"}, "$.pull_request.number"),
        ({"head": {"ref": "x", "repo": None}}, "$.pull_request.head"),
        ({"head": {"ref": "x", "sha": "A" * 40, "repo": None}}, "$.pull_request.head.sha"),
        ({"head": {"ref": "x", "sha": "a" * 40 + "\n", "repo": None}}, "$.pull_request.head.sha"),
        ({"base": {"ref": "x", "sha": "abc1234"}}, "$.pull_request.base.sha"),
        ({"merged_at": "yesterday"}, "$.pull_request.merged_at"),
    ],
)
def test_a_field_that_is_missing_or_of_another_type_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedDelivery) as refusal:
        event_of("pull_request", action="opened", pull_request={**PULL_REQUEST, **change})
    assert place in str(refusal.value)


def test_a_repository_s_name_that_would_be_another_path_is_malformed() -> None:
    with pytest.raises(MalformedDelivery, match=r"\$\.repository\.full_name"):
        event_of("push", **push(repository={**REPOSITORY, "full_name": "acme/infra/../x"}))


def test_an_event_of_a_repository_s_own_webhook_names_what_it_lacks() -> None:
    body = json.dumps({"action": "opened", "repository": REPOSITORY, "sender": ANNA, "pull_request": PULL_REQUEST})
    with pytest.raises(MalformedDelivery, match="installation"):
        deliver("pull_request", body.encode())


# How it may be sent


def test_a_form_is_read_like_json() -> None:
    body = urlencode({"payload": json.dumps({"zen": "Ünicode & such"})}).encode()
    form = "application/x-www-form-urlencoded; charset=utf-8"
    assert deliver("ping", body, **{"Content-Type": form}).event == Ping()


@pytest.mark.parametrize("body", [b"", b"payload", b"other=1", b"payload={}&payload={}", b"payload=%FF", b"\xff=1"])
def test_a_form_without_a_single_payload_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        deliver("ping", body, **{"Content-Type": "application/x-www-form-urlencoded"})


def test_another_content_type_is_malformed() -> None:
    with pytest.raises(MalformedDelivery, match="Content-Type"):
        deliver("ping", b"{}", **{"Content-Type": "text/plain"})


# Pull requests


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


def test_the_head_of_a_deleted_fork_has_no_repository_and_stays_a_fork_s() -> None:
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
def test_another_review_is_nothing(action: str, differs: dict[str, object]) -> None:
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


def test_of_a_pull_request_that_was_given_up_the_test_merge_is_no_merge_sha() -> None:
    event = event_of("pull_request", action="closed", pull_request=PULL_REQUEST)
    assert isinstance(event, PullRequestClosed)
    assert (event.merged, event.merge_sha, event.merged_by, event.merged_at) == (False, None, None, None)


@pytest.mark.parametrize("lost", ["merge_commit_sha", "merged_at"])
def test_a_merge_without_its_merge_sha_or_time_is_malformed(lost: str) -> None:
    merged = {**PULL_REQUEST, "merged": True, "merge_commit_sha": MERGE, "merged_at": "2026-11-23T22:00:00Z"}
    with pytest.raises(MalformedDelivery, match="merge"):
        event_of("pull_request", action="closed", pull_request={**merged, lost: None})


# Pushes


def push(**change: Any) -> dict[str, Any]:
    told = {
        "ref": "refs/heads/staging",
        "before": BASE,
        "after": MERGE,
        "created": False,
        "deleted": False,
        "forced": False,
        "pusher": {"name": "anna", "email": "anna@example.com"},
        "commits": [{"id": "not read"}],
    }
    return {**told, **change}


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


# Whatever comes

FIELDS = {
    "action",
    "after",
    "before",
    "changes",
    "check_run",
    "comment",
    "head",
    "installation",
    "issue",
    *COMMON,
    *PULL_REQUEST,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner, max_size=6),
    max_leaves=20,
)


@given(
    name=st.sampled_from(
        [
            "check_run",
            "check_suite",
            "installation",
            "installation_repositories",
            "issue_comment",
            "merge_group",
            "pull_request",
            "pull_request_review",
            "push",
            "repository",
            "star",
        ]
    ),
    action=st.sampled_from(["opened", "closed", "created", "rerequested", "requested_action", "renamed", "added"]),
    payload=st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON, max_size=8),
)
def test_any_signed_json_is_an_event_or_malformed(name: str, action: str, payload: dict[str, Any]) -> None:
    body = json.dumps({**COMMON, "action": action, **payload}).encode()
    with contextlib.suppress(MalformedDelivery):
        event = deliver(name, body).event
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
