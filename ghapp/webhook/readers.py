"""Turn a delivery's action and payload into an `Event`: one function for each type of event that Planward knows."""

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
        raise MalformedDelivery(f"the payload has an unexpected form: {error}") from None
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
    parsed = _read(payloads.PullRequestPayload, payload)
    base_changed = parsed.changes is not None and parsed.changes.base is not None
    if action == "edited" and not base_changed:
        return Ignored(reason="only the text of a pull request was edited")
    pull_request = parsed.pull_request
    return PullRequestChanged(
        action=cast(
            Literal["opened", "synchronize", "reopened", "ready_for_review", "edited", "converted_to_draft"], action
        ),
        draft=pull_request.draft,
        base_changed=base_changed,
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        number=pull_request.number,
        title=pull_request.title,
        url=pull_request.html_url,
        author=_person(pull_request.user),
        sender=_person(parsed.sender),
        head=_head(pull_request.head),
        base=_base(pull_request.base),
    )


def _pull_request_closed(parsed: payloads.PullRequestPayload) -> PullRequestClosed:
    pull_request = parsed.pull_request
    merged = pull_request.merged
    # If a pull request was not merged, its merge_commit_sha is the SHA of GitHub's test merge, not of a real merge.
    if merged and (pull_request.merge_commit_sha is None or pull_request.merged_at is None):
        raise MalformedDelivery("a merged pull request without merge_commit_sha or merged_at - at `$.pull_request`")
    return PullRequestClosed(
        merged=merged,
        merge_sha=pull_request.merge_commit_sha if merged else None,
        merged_by=_person(pull_request.merged_by) if merged else None,
        merged_at=int(pull_request.merged_at.timestamp()) if merged and pull_request.merged_at else None,
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        number=pull_request.number,
        title=pull_request.title,
        url=pull_request.html_url,
        author=_person(pull_request.user),
        sender=_person(parsed.sender),
        head=_head(pull_request.head),
        base=_base(pull_request.base),
    )


def _pull_request_review(action: str, payload: bytes | bytearray) -> Event:
    if action != "submitted":
        return _no_interest
    parsed = _read(payloads.ReviewPayload, payload)
    if parsed.review.state.lower() != "approved" or parsed.review.commit_id is None:
        return Ignored(reason="a review that does not approve a commit")
    return PullRequestApproved(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        number=parsed.pull_request.number,
        review_id=parsed.review.id,
        head_sha=parsed.review.commit_id,
        author=_person(parsed.review.user),
    )


def _push(action: str, payload: bytes | bytearray) -> Event:
    parsed = _read(payloads.PushPayload, payload)
    if not parsed.ref.startswith(_HEADS):
        return Ignored(reason="a push that is not to a branch")
    branch = BranchName(parsed.ref.removeprefix(_HEADS))
    if branch.startswith(_QUEUE):
        return Ignored(reason="a push to a branch of the merge queue")
    return BranchPushed(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        branch=branch,
        before=parsed.before,
        after=parsed.after,
        created=parsed.created,
        deleted=parsed.deleted,
        forced=parsed.forced,
        pusher=_person(parsed.sender) if parsed.sender else Person(login=parsed.pusher.name, id=GHOST.id),
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
    parsed = _read(payloads.CheckRunPayload, payload)
    return CheckRunRerequested(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        check_run_id=parsed.check_run.id,
        name=parsed.check_run.name,
        head_sha=parsed.check_run.head_sha,
        external_id=parsed.check_run.external_id or "",
        app_id=parsed.check_run.app.id if parsed.check_run.app else None,
        sender=_person(parsed.sender),
    )


def _check_suite(action: str, payload: bytes | bytearray) -> Event:
    if action != "rerequested":
        return _no_interest
    parsed = _read(payloads.CheckSuitePayload, payload)
    return CheckSuiteRerequested(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        check_suite_id=parsed.check_suite.id,
        head_sha=parsed.check_suite.head_sha,
        head_branch=parsed.check_suite.head_branch,
        app_id=parsed.check_suite.app.id if parsed.check_suite.app else None,
        sender=_person(parsed.sender),
    )


def _issue_comment(action: str, payload: bytes | bytearray) -> Event:
    if action != "created":
        return Ignored(reason="a comment that was edited or deleted does not count")
    parsed = _read(payloads.CommentPayload, payload)
    return CommentCreated(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        number=parsed.issue.number,
        is_pull_request=parsed.issue.pull_request is not None,
        comment_id=parsed.comment.id,
        body=parsed.comment.body,
        author=_person(parsed.comment.user),
    )


def _merge_group(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"checks_requested", "destroyed"}:
        return _no_interest
    parsed = _read(payloads.MergeGroupPayload, payload)
    base_ref = BranchName(parsed.merge_group.base_ref.removeprefix(_HEADS))
    if action == "destroyed":
        return MergeGroupDestroyed(
            installation_id=parsed.installation.id,
            repository=_repository(parsed.repository),
            head_sha=parsed.merge_group.head_sha,
            base_ref=base_ref,
            reason=parsed.reason,
        )
    return MergeGroupRequested(
        installation_id=parsed.installation.id,
        repository=_repository(parsed.repository),
        head_sha=parsed.merge_group.head_sha,
        head_ref=parsed.merge_group.head_ref,
        base_sha=parsed.merge_group.base_sha,
        base_ref=base_ref,
        sender=_person(parsed.sender),
    )


def _installation(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"}:
        return _no_interest
    parsed = _read(payloads.InstallationPayload, payload)
    return InstallationChanged(
        action=cast(Literal["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"], action),
        installation_id=parsed.installation.id,
        repositories=_refs(parsed.repositories or []),
        sender=_person(parsed.sender),
    )


def _installation_repositories(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"added", "removed"}:
        return _no_interest
    parsed = _read(payloads.RepositoriesPayload, payload)
    return RepositoriesChanged(
        installation_id=parsed.installation.id,
        added=_refs(parsed.repositories_added),
        removed=_refs(parsed.repositories_removed),
        sender=_person(parsed.sender),
    )


def _repository_changed(action: str, payload: bytes | bytearray) -> Event:
    if action not in {"renamed", "deleted", "archived", "unarchived", "transferred"}:
        return _no_interest
    parsed = _read(payloads.RepositoryPayload, payload)
    return RepositoryChanged(
        action=cast(Literal["renamed", "deleted", "archived", "unarchived", "transferred"], action),
        installation_id=parsed.installation.id if parsed.installation else None,
        repository=_repository(parsed.repository),
        sender=_person(parsed.sender),
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


def _repository(parsed: payloads.Repository) -> Repository:
    return Repository(
        id=parsed.id, full_name=parsed.full_name, clone_url=parsed.clone_url, default_branch=parsed.default_branch
    )


def _refs(parsed: Sequence[payloads.RepositoryRef]) -> tuple[RepositoryRef, ...]:
    return tuple(RepositoryRef(id=each.id, full_name=each.full_name) for each in parsed)


def _head(parsed: payloads.Head) -> Head:
    return Head(
        sha=parsed.sha, ref=parsed.ref, repository_id=RepositoryId(parsed.repo.id) if parsed.repo is not None else None
    )


def _base(parsed: payloads.Base) -> Base:
    return Base(sha=parsed.sha, ref=parsed.ref)
