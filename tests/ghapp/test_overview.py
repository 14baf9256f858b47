"""The queries of the pages over many repositories, on SQLite and on PostgreSQL."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ghapp.sealing import Sealer
from ghapp.store import ApplyState, KnownPullRequest, Run, Store
from ghapp.values import BranchName, CommitSha, EnvironmentName, InstallationId, RepositoryId, RunId, TreeId
from tests.databases import NewDatabase
from tests.ghapp.served import Clock

ONE, TWO = RepositoryId(1), RepositoryId(2)
A, B = CommitSha("a" * 40), CommitSha("b" * 40)
RUN = Run(
    id=RunId("run"),
    repository_id=ONE,
    operation="apply",
    environment=EnvironmentName("staging"),
    branch=BranchName("staging"),
    head_sha=A,
    base_sha=A,
    pull_request=None,
    attempt=0,
    check_run_name="planward/apply (staging)",
    state=ApplyState(),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(new_database: NewDatabase, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(new_database(tmp_path), Sealer(["k" * 32]), clock=clock)
    for id in (ONE, TWO):
        asyncio.run(
            store.repositories.record(
                id=id,
                installation_id=InstallationId(1),
                full_name=f"acme/{id}",
                clone_url=f"https://github.com/acme/{id}.git",
                default_branch="staging",
            )
        )
    yield store
    store.close()


def begin(store: Store, id: str, conclusion: str | None = None, **values: Any) -> None:
    run = dataclasses.replace(RUN, id=RunId(id), **values)
    asyncio.run(store.runs.begin(run))
    if conclusion is not None:
        asyncio.run(store.runs.complete(run.id, conclusion=conclusion, title="", report=b"[]"))


def move_last(store: Store, repository: RepositoryId, environment: str, sha: CommitSha) -> None:
    name, branch = EnvironmentName(environment), BranchName(environment)
    asyncio.run(store.branches.move_last(repository, name, branch, sha, TreeId("f" * 40), applied=True))


def test_environments_come_in_the_order_in_which_they_were_seen_with_last_and_the_newest_apply(
    store: Store, clock: Clock
) -> None:
    for environment in ("staging", "production"):
        move_last(store, ONE, environment, A)
    move_last(store, TWO, "staging", A)
    move_last(store, ONE, "staging", B)
    begin(store, "old", "success")
    clock.now += 1
    begin(store, "new", "failure", head_sha=B)
    begin(store, "plan", operation="plan")
    begin(store, "first-of-qa", environment=EnvironmentName("qa"), branch=BranchName("qa"))
    found = asyncio.run(store.overview.environments([ONE]))
    assert [(each.environment, each.last and each.last.sha, each.newest and each.newest.id) for each in found] == [
        ("staging", B, "new"),
        ("production", A, None),
        ("qa", None, "first-of-qa"),
    ]
    assert len(asyncio.run(store.overview.environments([ONE, TWO]))) == 4
    assert asyncio.run(store.overview.environments([])) == ()


def test_of_attempts_in_the_same_moment_the_later_one_counts(store: Store) -> None:
    begin(store, "b-first", "action_required")
    begin(store, "a-second", "success", attempt=1)
    (found,) = asyncio.run(store.overview.environments([ONE]))
    assert found.newest is not None
    assert found.newest.id == "a-second"
    assert asyncio.run(store.overview.waiting([ONE])) == ()


def test_the_runs_that_wait_for_a_person_are_newest_applies_and_plans_of_open_heads(store: Store, clock: Clock) -> None:
    pull_request = KnownPullRequest(
        repository_id=ONE,
        number=12,
        state="open",
        head_sha=A,
        head_repository_id=None,
        base_branch=BranchName("staging"),
        url="",
        author="mallory",
        author_id=9,
        author_is_bot=False,
        draft=False,
        title="",
    )
    plan: dict[str, Any] = {"operation": "plan", "pull_request": 12, "check_run_name": "planward/plan"}
    asyncio.run(store.pull_requests.record(pull_request))
    begin(store, "fork", "action_required", **plan)
    begin(store, "old-head", "action_required", **{**plan, "head_sha": B})
    clock.now += 1
    begin(store, "held", "action_required")
    begin(store, "theirs", "action_required", repository_id=TWO)

    def waiting() -> list[str]:
        return [run.id for run in asyncio.run(store.overview.waiting([ONE]))]

    assert waiting() == ["held", "fork"]
    clock.now += 1
    begin(store, "again", **plan)
    assert waiting() == ["held"]


def test_runs_are_counted_by_operation_and_conclusion_and_listed_newest_first(store: Store, clock: Clock) -> None:
    for number, conclusion in enumerate(("success", "success", "failure", None)):
        clock.now += 1
        begin(store, f"run-{number}", conclusion)
    begin(store, "theirs", "cancelled", repository_id=TWO, operation="plan")
    assert asyncio.run(store.overview.count_runs()) == {
        ("apply", "success"): 2,
        ("apply", "failure"): 1,
        ("plan", "cancelled"): 1,
    }
    assert [run.id for run in asyncio.run(store.overview.recent([ONE], limit=2))] == ["run-3", "run-2"]
