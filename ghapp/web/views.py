"""The content of pages as values: rows of runs and environments, with their texts and links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ghapp.store import ApplyState, EnvironmentNow, KnownRepository, Run
from ghapp.values import CommitSha, RepositoryId

Mood = Literal["good", "bad", "waiting", "running", "quiet"]

_CONCLUSIONS: Mapping[str, tuple[str, Mood]] = {
    "success": ("success", "good"),
    "failure": ("failure", "bad"),
    "timed_out": ("timed out", "bad"),
    "action_required": ("waits for a person", "waiting"),
    "cancelled": ("cancelled", "quiet"),
}
_UNFINISHED: Mapping[str, tuple[str, Mood]] = {
    "queued": ("queued", "running"),
    "in_progress": ("in progress", "running"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit and its address on GitHub."""

    short: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in a list, or at the head of its own page."""

    id: str
    repository: str
    operation: str
    environment: str
    title: str
    words: str
    mood: Mood
    commit: Commit
    pull_request: int | None
    pull_request_url: str | None
    check_run: str
    check_run_url: str | None
    """The address of the check run on GitHub, with its buttons."""
    attempt: int
    began: float
    ended: float | None

    @property
    def url(self) -> str:
        """The run's page."""
        return f"/runs/{self.id}"

    @property
    def what(self) -> str:
        """The run's purpose: "plan for staging", "apply to staging"."""
        return f"{self.operation} {'to' if self.operation == 'apply' else 'for'} {self.environment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """An environment: its commit and its status."""

    name: str
    branch: str
    words: str
    mood: Mood
    last: Commit | None
    last_words: str
    last_at: float | None
    run: RunRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """A repository and its environments."""

    name: str
    url: str
    environments: tuple[EnvironmentRow, ...]


def run_row(run: Run, repository: KnownRepository, *, waits: bool) -> RunRow:
    """A run as a page shows it. `waits`: whether nobody has decided its hold yet."""
    words, mood = _CONCLUSIONS.get(run.conclusion or "", (run.conclusion or "", "quiet"))
    if run.status != "completed":
        words, mood = _UNFINISHED[run.status]
    if isinstance(run.state, ApplyState) and run.state.replaced_by is not None:
        words, mood = "replaced", "quiet"
    elif run.conclusion == "action_required" and not waits:
        words, mood = "no longer waits", "quiet"
    number = run.pull_request
    return RunRow(
        id=run.id,
        repository=repository.full_name,
        operation=run.operation,
        environment=run.environment,
        title=run.title,
        words=words,
        mood=mood,
        commit=_commit(repository, run.head_sha),
        pull_request=number,
        pull_request_url=None if number is None else f"{_web(repository)}/pull/{number}",
        check_run=run.check_run_name,
        check_run_url=None if run.check_run_id is None else f"{_web(repository)}/runs/{run.check_run_id}",
        attempt=run.attempt,
        began=run.created_at,
        ended=run.finished_at,
    )


def run_rows(
    runs: Iterable[Run], repositories: Mapping[RepositoryId, KnownRepository], waiting: Iterable[Run]
) -> tuple[RunRow, ...]:
    """Runs as a list shows them. `waiting` are the ones that wait for a person."""
    waits = {run.id for run in waiting}
    return tuple(run_row(run, repositories[run.repository_id], waits=run.id in waits) for run in runs)


def repository_rows(
    repositories: Sequence[KnownRepository], environments: Iterable[EnvironmentNow]
) -> tuple[RepositoryRow, ...]:
    """Repositories with their environments."""
    found: dict[RepositoryId, list[EnvironmentNow]] = {repository.id: [] for repository in repositories}
    for environment in environments:
        found[environment.repository_id].append(environment)
    return tuple(
        RepositoryRow(
            name=repository.full_name,
            url=_web(repository),
            environments=tuple(_environment_row(each, repository) for each in found[repository.id]),
        )
        for repository in repositories
    )


def _environment_row(now: EnvironmentNow, repository: KnownRepository) -> EnvironmentRow:
    run = None if now.newest is None else run_row(now.newest, repository, waits=True)
    last, newest = now.last, now.newest
    words, mood = _status(now)
    return EnvironmentRow(
        name=now.environment,
        branch=last.branch if last is not None else newest.branch if newest is not None else "",
        words=words,
        mood=mood,
        last=None if last is None else _commit(repository, last.sha),
        last_words="" if last is None else "applied" if last.applied else "adopted",
        last_at=None if last is None else last.at,
        run=run,
    )


def _status(now: EnvironmentNow) -> tuple[str, Mood]:
    """An environment's status: that of its newest apply, or up to date if LAST is already that apply's commit."""
    run, last = now.newest, now.last
    if run is None or (run.conclusion == "success"):
        return "up to date", "good"
    if run.status != "completed":
        return "being applied", "running"
    if last is not None and last.sha == run.head_sha:
        return "up to date", "good"
    match run.conclusion:
        case "action_required":
            return "held", "waiting"
        case "cancelled":
            return "behind its branch", "quiet"
        case _:
            return "apply failed", "bad"


def _commit(repository: KnownRepository, sha: CommitSha) -> Commit:
    return Commit(short=sha[:7], url=f"{_web(repository)}/commit/{sha}")


def _web(repository: KnownRepository) -> str:
    return repository.clone_url.removesuffix(".git")
