"""One function for each event that Planward acts on: takes a payload, returns an event."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeVar, cast

from msgspec import Struct

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
from ghapp.foreign_json import MisshapenJson, UnreadableJson, read_json
from ghapp.values import BranchName, RepositoryId
from ghapp.webhook import payloads
from ghapp.webhook.errors import MalformedDelivery

_HEADS: Final = "refs/heads/"
_QUEUE: Final = "gh-readonly-queue/"


_Payload = TypeVar("_Payload", bound=Struct)


def _read(kind: type[_Payload], payload: bytes | bytearray) -> _Payload:
    try:
        return read_json(payload, kind)
    except MisshapenJson as error:
        raise MalformedDelivery(f"the payload does not fit: {error}") from None
    except UnreadableJson:
        raise MalformedDelivery("the payload is not JSON") from None


def read_event(name: str, payload: bytes | bytearray) -> Event:
    action = _read(payloads.Action, payload).action
    reader = _READERS.get(name)
    if reader is None:
        return Ignored(reason="an event that Planward does not know")
    return reader(action, payload)


def _pull_request(action: str, payload: bytes | bytearray) -> Event:
    if action == "closed":
        return _pull_request_closed(_read(payloads.PullRequestPayload, payload))
    if action not in {"opened", "synchronize", "reopened", "ready_for_review", "edited", "converted_to_draft"}:
        return _no_interest
    told = _read(payloads.PullRequestPayload, payload)
    base_changed = told.changes is not None and told.changes.base is not None
    if action == "edited" and not base_changed:
        return Ignored(reason="only the text of a pull request was edited")
    pull_request = told.pull_request
    return PullRequestChanged(
        action=cast(
            Literal["opened", "synchronize", "reopened", "ready_for_review", "edited", "converted_to_draft"], action
        ),
        draft=pull_request.draft,
        base_changed=base_changed,
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        number=pull_request.number,
        title=pull_request.title,
        url=pull_request.html_url,
        author=_person(pull_request.user),
        sender=_person(told.sender),
        head=_head(pull_request.head),
        base=_base(pull_request.base),
    )


def _pull_request_closed(told: payloads.PullRequestPayload) -> PullRequestClosed:
    pull_request = told.pull_request
    merged = pull_request.merged
    # For an unmerged pull request merge_commit_sha is GitHub's test merge, never a merge SHA.
    if merged and (pull_request.merge_commit_sha is None or pull_request.merged_at is None):
        raise MalformedDelivery("a merged pull request without merge_commit_sha or merged_at - at `$.pull_request`")
    return PullRequestClosed(
        merged=merged,
        merge_sha=pull_request.merge_commit_sha if merged else None,
        merged_by=_person(pull_request.merged_by) if merged else None,
        merged_at=int(pull_request.merged_at.timestamp()) if merged and pull_request.merged_at else None,
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        number=pull_request.number,
        title=pull_request.title,
        url=pull_request.html_url,
        author=_person(pull_request.user),
        sender=_person(told.sender),
        head=_head(pull_request.head),
        base=_base(pull_request.base),
    )


def _pull_request_review(action: str, payload: bytes | bytearray) -> Event:
    if action != "submitted":
        return _no_interest
    told = _read(payloads.ReviewPayload, payload)
    if told.review.state.lower() != "approved" or told.review.commit_id is None:
        return Ignored(reason="a review that does not approve a commit")
    return PullRequestApproved(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        number=told.pull_request.number,
        review_id=told.review.id,
        head_sha=told.review.commit_id,
        author=_person(told.review.user),
    )


def _push(action: str, payload: bytes | bytearray) -> Event:
    told = _read(payloads.PushPayload, payload)
    if not told.ref.startswith(_HEADS):
        return Ignored(reason="a push that is not to a branch")
    branch = BranchName(told.ref.removeprefix(_HEADS))
    if branch.startswith(_QUEUE):
        return Ignored(reason="a push to a branch of the merge queue")
    return BranchPushed(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        branch=branch,
        before=told.before,
        after=told.after,
        created=told.created,
        deleted=told.deleted,
        forced=told.forced,
        pusher=_person(told.sender) if told.sender else Person(login=told.pusher.name, id=GHOST.id),
    )


def _check_run(action: str, payload: bytes | bytearray) -> Event:
    if action == "requested_action":
        pressed = _read(payloads.ButtonPayload, payload)
        return ButtonPressed(
            installation_id=pressed.installation.id,
            repository=_repository(pressed.repository),
            check_run_id=pressed.check_run.id,
            name=pressed.check_run.name,
            head_sha=pressed.check_run.head_sha,
            external_id=pressed.check_run.external_id or "",
            app_id=pressed.check_run.app.id if pressed.check_run.app else None,
            identifier=pressed.requested_action.identifier,
            sender=_person(pressed.sender),
        )
    if action != "rerequested":
        return _no_interest
    told = _read(payloads.CheckRunPayload, payload)
    return CheckRunRerequested(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        check_run_id=told.check_run.id,
        name=told.check_run.name,
        head_sha=told.check_run.head_sha,
        external_id=told.check_run.external_id or "",
        app_id=told.check_run.app.id if told.check_run.app else None,
        sender=_person(told.sender),
    )


def _check_suite(action: str, payload: bytes | bytearray) -> Event:
    if action != "rerequested":
        return _no_interest
    told = _read(payloads.CheckSuitePayload, payload)
    return CheckSuiteRerequested(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        check_suite_id=told.check_suite.id,
        head_sha=told.check_suite.head_sha,
        head_branch=told.check_suite.head_branch,
        app_id=told.check_suite.app.id if told.check_suite.app else None,
        sender=_person(told.sender),
    )


def _issue_comment(action: str, payload: bytes | bytearray) -> Event:
    if action != "created":
        return Ignored(reason="a comment that was edited or deleted does not count")
    told = _read(payloads.CommentPayload, payload)
    return CommentCreated(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        number=told.issue.number,
        is_pull_request=told.issue.pull_request is not None,
        comment_id=told.comment.id,
        body=told.comment.body,
        author=_person(told.comment.user),
    )


def _merge_group(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"checks_requested", "destroyed"}:
        return _no_interest
    told = _read(payloads.MergeGroupPayload, payload)
    base_ref = BranchName(told.merge_group.base_ref.removeprefix(_HEADS))
    if action == "destroyed":
        return MergeGroupDestroyed(
            installation_id=told.installation.id,
            repository=_repository(told.repository),
            head_sha=told.merge_group.head_sha,
            base_ref=base_ref,
            reason=told.reason,
        )
    return MergeGroupRequested(
        installation_id=told.installation.id,
        repository=_repository(told.repository),
        head_sha=told.merge_group.head_sha,
        head_ref=told.merge_group.head_ref,
        base_sha=told.merge_group.base_sha,
        base_ref=base_ref,
        sender=_person(told.sender),
    )


def _installation(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"}:
        return _no_interest
    told = _read(payloads.InstallationPayload, payload)
    return InstallationChanged(
        action=cast(Literal["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"], action),
        installation_id=told.installation.id,
        repositories=_refs(told.repositories or []),
        sender=_person(told.sender),
    )


def _installation_repositories(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"added", "removed"}:
        return _no_interest
    told = _read(payloads.RepositoriesPayload, payload)
    return RepositoriesChanged(
        installation_id=told.installation.id,
        added=_refs(told.repositories_added),
        removed=_refs(told.repositories_removed),
        sender=_person(told.sender),
    )


def _repository_changed(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"renamed", "deleted", "archived", "unarchived", "transferred"}:
        return _no_interest
    told = _read(payloads.RepositoryPayload, payload)
    return RepositoryChanged(
        action=cast(Literal["renamed", "deleted", "archived", "unarchived", "transferred"], action),
        installation_id=told.installation.id if told.installation else None,
        repository=_repository(told.repository),
        sender=_person(told.sender),
    )


def _ping(action: str, payload: bytes | bytearray) -> Event:
    return Ping()


_no_interest: Final = Ignored(reason="an action of no interest")
_READERS: Final[Mapping[str, Callable[[str, bytes | bytearray], Event]]] = {
    "pull_request": _pull_request,
    "pull_request_review": _pull_request_review,
    "push": _push,
    "check_run": _check_run,
    "check_suite": _check_suite,
    "issue_comment": _issue_comment,
    "merge_group": _merge_group,
    "installation": _installation,
    "installation_repositories": _installation_repositories,
    "repository": _repository_changed,
    "ping": _ping,
}


def _person(account: payloads.Account | None) -> Person:
    return GHOST if account is None else Person(login=account.login, id=account.id, is_bot=account.type == "Bot")


def _repository(told: payloads.Repository) -> Repository:
    return Repository(
        id=told.id, full_name=told.full_name, clone_url=told.clone_url, default_branch=told.default_branch
    )


def _refs(told: Sequence[payloads.RepositoryRef]) -> tuple[RepositoryRef, ...]:
    return tuple(RepositoryRef(id=each.id, full_name=each.full_name) for each in told)


def _head(told: payloads.Head) -> Head:
    return Head(sha=told.sha, ref=told.ref, repository_id=RepositoryId(told.repo.id) if told.repo is not None else None)


def _base(told: payloads.Base) -> Base:
    return Base(sha=told.sha, ref=told.ref)
