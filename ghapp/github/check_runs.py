"""Check runs: create, update, and find them.

https://docs.github.com/en/rest/checks/runs
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct

from checks.report import Annotation
from ghapp.github.creation import CreatedResource, create_once
from ghapp.github.errors import GitHubRefused, GitHubUnavailable
from ghapp.github.repository_access import RepositoryAccess
from ghapp.values import CommitSha

Status = Literal["queued", "in_progress", "completed"]
Conclusion = Literal["success", "failure", "action_required", "timed_out", "cancelled"]

ANNOTATIONS_A_REQUEST: Final = 50
_ACTIONS: Final = 3


class CheckRunAction(Struct, frozen=True, kw_only=True):
    """A button. Raises ValueError if a text is empty or longer than GitHub allows.

    GitHub allows 20 characters for `label`, 20 for `identifier` and 40 for `description`.
    """

    label: str
    identifier: str
    description: str

    def __post_init__(self) -> None:
        for text, limit in ((self.label, 20), (self.identifier, 20), (self.description, 40)):
            if not 0 < len(text) <= limit:
                raise ValueError(f"a check run's button: {text!r} must have 1 to {limit} characters")


class CheckRunImage(Struct, frozen=True, kw_only=True):
    """A picture shown with the output; GitHub fetches it from its address without signing in."""

    alt: str
    image_url: str
    caption: str


class CheckRunDraft(Struct, frozen=True, kw_only=True):
    """The intended content of a check run. It has a conclusion if and only if the status is `completed`.

    `external_id` identifies the run, so that its check run can be found if the answer to the creation is lost.
    """

    name: str
    head_sha: CommitSha
    external_id: str
    status: Status
    title: str
    summary: str
    text: str | None = None
    details_url: str | None = None
    conclusion: Conclusion | None = None
    annotations: tuple[Annotation, ...] = ()
    actions: tuple[CheckRunAction, ...] = ()
    images: tuple[CheckRunImage, ...] = ()

    def __post_init__(self) -> None:
        if (self.status == "completed") != (self.conclusion is not None):
            raise ValueError("a check run has a conclusion exactly when it is completed")
        if len(self.actions) > _ACTIONS:
            raise ValueError(f"a check run has at most {_ACTIONS} buttons")


class CheckRunSeen(Struct, frozen=True, kw_only=True):
    """One of the App's own check runs as GitHub has it."""

    id: int
    name: str
    head_sha: CommitSha
    external_id: str | None
    status: str
    conclusion: str | None
    started_at: datetime | None = None


class _Answer(Struct):
    id: int
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedCheckRun:
    """A check run on GitHub. `shown_at` is when it was created, by GitHub's clock (seconds since 1970), if known."""

    id: int
    shown_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunUpdate:
    """GitHub's state after an update: the number of annotations, and the time of completion.

    That time is by GitHub's clock (seconds since 1970); None if the check run is not completed or GitHub does not say.
    """

    annotations: int
    completed_at: float | None


class _Page(Struct):
    check_runs: list[CheckRunSeen]


class _Output(Struct):
    annotations_count: int = 0


class _App(Struct):
    id: int


class _Owned(Struct):
    app: _App | None = None


class _Counted(Struct):
    output: _Output
    completed_at: datetime | None = None


_NOT_OURS: Final = (403, 404)
"""GitHub's answers about a check run of another App, or a missing one."""

Progress = Callable[[int], Awaitable[None]]
"""Receives the number of annotations that GitHub has so far."""


class CheckRuns:
    """The check runs of one repository."""

    _access: RepositoryAccess

    async def create_check_run(
        self, draft: CheckRunDraft, *, look_first: bool = False
    ) -> CreatedResource[CreatedCheckRun]:
        """Create a check run with its first 50 annotations. Returns it, and whether a duplicate of it may exist.

        `look_first` means to look first for the check run of an interrupted attempt. `update_check_run` sends the
        remaining annotations. If GitHub refuses the annotations, the check run is created without them.
        """
        doing = f"create the check run {draft.name}"

        async def create(with_annotations: bool) -> CreatedCheckRun:
            body = _body(draft, draft.annotations[:ANNOTATIONS_A_REQUEST] if with_annotations else ())
            created = await self._access.calls.send(
                "POST", "/repos/{owner}/{repo}/check-runs", _Answer, doing=doing, json=body, repeatable=False
            )
            return CreatedCheckRun(id=created.id, shown_at=_seconds(created.started_at))

        async def create_reliably() -> CreatedCheckRun:
            try:
                return await create(True)
            except GitHubRefused as error:
                if error.status != 422 or not draft.annotations:
                    raise
                return await create(False)

        async def find() -> CreatedCheckRun | None:
            for each in await self.find_check_runs(draft.head_sha, draft.name):
                if each.external_id == draft.external_id:
                    return CreatedCheckRun(id=each.id, shown_at=_seconds(each.started_at))
            return None

        return await create_once(create_reliably, find, look_first=look_first, settle_s=self._access.settle_s)

    async def update_check_run(
        self,
        check_run_id: int,
        draft: CheckRunDraft,
        *,
        annotations_sent: int | None = 0,
        progress: Progress | None = None,
    ) -> CheckRunUpdate:
        """Update a check run to match the draft.

        An update can only add annotations, so each is sent once, 50 per request. `annotations_sent` is the number of
        the draft's annotations that were already sent. If it is None (after an interruption, for
        example), GitHub is asked. `progress` is called after each request. The first request already has the final
        status, conclusion and output. If GitHub refuses annotations, these and the following ones are left out. The
        update of an unfinished check run only shows progress, so it has the priority "cosmetic" (budget.py).
        """
        completed_at: float | None = None
        if annotations_sent is None:
            there = await self._read_counts(check_run_id)
            sent, completed_at = there.output.annotations_count, _seconds(there.completed_at)
        else:
            sent = annotations_sent
        while True:
            batch = draft.annotations[sent : sent + ANNOTATIONS_A_REQUEST]
            answer = await self._send_batch(check_run_id, draft, batch, sent)
            # Keep the earliest time: a request whose answer was lost may already have completed the check run.
            completed_at = completed_at or (None if answer.at is None else _seconds(answer.at))
            if not answer.taken:
                return CheckRunUpdate(annotations=sent, completed_at=completed_at)
            sent += len(batch)
            if progress is not None:
                await progress(sent)
            if sent >= len(draft.annotations):
                return CheckRunUpdate(annotations=sent, completed_at=completed_at)

    async def find_check_runs(self, head_sha: CommitSha, name: str) -> tuple[CheckRunSeen, ...]:
        """The App's own check runs of that name on that commit, newest first, including superseded ones."""
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/commits/{ref}/check-runs",
            _Page,
            doing=f"list the check runs {name}",
            query={"check_name": name, "app_id": self._access.app_id, "filter": "all"},
            at={"ref": head_sha},
        )
        seen = [check_run async for page in pages for check_run in page.check_runs if check_run.name == name]
        return tuple(sorted(seen, key=lambda check_run: check_run.id, reverse=True))

    async def _send_batch(
        self, check_run_id: int, draft: CheckRunDraft, batch: tuple[Annotation, ...], sent: int
    ) -> "_Sent":
        """Send a batch of annotations; drop it if GitHub refuses it."""
        try:
            return _Sent(at=await self._patch(check_run_id, draft, batch))
        except GitHubUnavailable as error:
            if not batch or not error.may_have_happened:
                raise
            # GitHub may answer 502 although it is still working on the request.
            await asyncio.sleep(self._access.settle_s)
            there = await self._read_counts(check_run_id)
            if there.output.annotations_count >= sent + len(batch):
                return _Sent(at=there.completed_at)
            return _Sent(at=await self._patch(check_run_id, draft, batch))
        except GitHubRefused as error:
            if error.status != 422 or not batch:
                raise
            return _Sent(at=await self._patch(check_run_id, draft, ()), taken=False)

    async def _patch(self, check_run_id: int, draft: CheckRunDraft, batch: tuple[Annotation, ...]) -> datetime | None:
        """Send an update. Returns the time at which the check run was completed, according to GitHub."""
        body = _body(draft, batch)
        del body["head_sha"]
        calls = self._access.calls if draft.status == "completed" else self._access.calls.cosmetic
        try:
            answer = await calls.send(
                "PATCH",
                "/repos/{owner}/{repo}/check-runs/{check_run_id}",
                _Answer,
                doing=f"update the check run {draft.name}",
                json=body,
                # An update with annotations must not be repeated: that would add them twice.
                repeatable=not batch,
                at={"check_run_id": check_run_id},
                answers=_NOT_OURS,
            )
        except GitHubRefused as refusal:
            if refusal.status in _NOT_OURS and await self._is_ours(check_run_id):
                raise GitHubUnavailable(str(refusal), may_have_happened=False) from None
            raise
        return answer.completed_at

    async def _is_ours(self, check_run_id: int) -> bool:
        """Whether this check run exists and belongs to this App."""
        try:
            seen = await self._access.calls.read(
                "/repos/{owner}/{repo}/check-runs/{check_run_id}",
                _Owned,
                doing="ask which App a check run belongs to",
                at={"check_run_id": check_run_id},
                answers=(404,),
            )
        except GitHubRefused:
            return False
        return seen.app is not None and seen.app.id == self._access.app_id

    async def _read_counts(self, check_run_id: int) -> _Counted:
        return await self._access.calls.read(
            "/repos/{owner}/{repo}/check-runs/{check_run_id}",
            _Counted,
            doing="count a check run's annotations",
            at={"check_run_id": check_run_id},
            answers=(404,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    at: datetime | None
    taken: bool = True


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _body(draft: CheckRunDraft, annotations: tuple[Annotation, ...]) -> dict[str, object]:
    output: dict[str, object] = {"title": draft.title, "summary": draft.summary}
    if draft.text is not None:
        output["text"] = draft.text
    if annotations:
        output["annotations"] = [_annotation(annotation) for annotation in annotations]
    if draft.images:
        output["images"] = [msgspec.to_builtins(image) for image in draft.images]
    body: dict[str, object] = {
        "name": draft.name,
        "head_sha": draft.head_sha,
        "external_id": draft.external_id,
        "status": draft.status,
        "output": output,
        # Send this even if it is empty: it removes the older buttons.
        "actions": [msgspec.to_builtins(action) for action in draft.actions],
    }
    if draft.details_url is not None:
        body["details_url"] = draft.details_url
    if draft.conclusion is not None:
        body["conclusion"] = draft.conclusion
    return body


def _annotation(annotation: Annotation) -> dict[str, object]:
    body: dict[str, object] = {
        "path": annotation.path,
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }
    # GitHub accepts columns only if the annotation covers one line.
    if annotation.start_line == annotation.end_line:
        if annotation.start_column is not None:
            body["start_column"] = annotation.start_column
        if annotation.end_column is not None:
            body["end_column"] = annotation.end_column
    return body
