"""Each query of the store uses an index, and reads no more rows if more are stored."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, event

from ghapp.sealing import Sealer
from ghapp.store import KeptPlan, KnownPullRequest, Run, Store
from ghapp.store.marker_kinds import Adopted
from ghapp.store.run_state import ApplyResult, ApplyState
from ghapp.values import TESTING, InstallationId, RunId
from tests.stored_runs import APPLY, BRANCH, PLAN, REPOSITORY, STAGING, fill, head, run_id, sha, tree

FEW, MANY = 400, 4000
Call = Callable[[Store], Coroutine[Any, Any, Any]]

NEW = Run(
    id=RunId("new"),
    repository_id=REPOSITORY,
    operation="apply",
    environment=STAGING,
    branch=BRANCH,
    head_sha=sha(1),
    base_sha=sha(0),
    pull_request=None,
    attempt=9,
    check_run_name=APPLY,
    state=ApplyState(explains=(1, 2)),
)
OLD = run_id(10)
KEPT = KeptPlan(
    run_id=OLD,
    repository_id=REPOSITORY,
    environment=STAGING,
    root_module="network",
    sha=sha(5),
    digest="d" * 64,
    engine="terraform 1.11.4",
)
COMMITS = tuple(sha(number) for number in range(0, 50, 5))


async def _pull_request(store: Store, number: int) -> KnownPullRequest:
    found = await store.pull_requests.find(REPOSITORY, number)
    assert found is not None
    return found


async def _record(store: Store) -> None:
    known = await _pull_request(store, 1)
    await store.pull_requests.record(replace(known, title="Another title"))


async def _identity(store: Store) -> None:
    await store.repositories.identity(await store.repositories.load(REPOSITORY))


async def _hidden(store: Store) -> None:
    run = await store.runs.load(OLD)
    await store.runs.hidden_by(run, 5)


async def _claim_environment(store: Store) -> None:
    await store.runs.claim_environment(await store.runs.load(OLD))


async def _pushers_since(store: Store) -> None:
    await store.branches.pushers_since(REPOSITORY, BRANCH, await store.branches.last(REPOSITORY, STAGING))


CALLS: dict[str, Call] = {
    "runs.begin": lambda store: store.runs.begin(replace(NEW, id=RunId(uuid4().hex))),
    "runs.load": lambda store: store.runs.load(OLD),
    "runs.find": lambda store: store.runs.find(OLD),
    "runs.find_by_check_run": lambda store: store.runs.find_by_check_run(REPOSITORY, 5),
    "runs.of_head": lambda store: store.runs.of_head(REPOSITORY, head(1), PLAN),
    "runs.newest_of_head": lambda store: store.runs.newest_of_head(REPOSITORY, head(1), PLAN),
    "runs.newest_of_commit": lambda store: store.runs.newest_of_commit(REPOSITORY, sha(5)),
    "runs.count_attempts": lambda store: store.runs.count_attempts(REPOSITORY, head(1), PLAN, besides=OLD),
    "runs.hidden_by": _hidden,
    "runs.applies_of_commit": lambda store: store.runs.applies_of_commit(REPOSITORY, sha(5)),
    "runs.unfinished_plans_of_commit": lambda store: store.runs.unfinished_plans_of_commit(REPOSITORY, sha(5)),
    "runs.newest_plan": lambda store: store.runs.newest_plan(REPOSITORY, 1),
    "runs.unfinished_plans": lambda store: store.runs.unfinished_plans(REPOSITORY, 1),
    "runs.recent_applies": lambda store: store.runs.recent_applies(REPOSITORY, STAGING, limit=20),
    "runs.replace_report": lambda store: store.runs.replace_report(OLD, title="Another", report=b"[]"),
    "runs.newest_apply": lambda store: store.runs.newest_apply(REPOSITORY, STAGING),
    "runs.unfinished_applies": lambda store: store.runs.unfinished_applies(REPOSITORY, STAGING),
    "runs.unfinished_applies_of_branch": lambda store: store.runs.unfinished_applies_of_branch(REPOSITORY, BRANCH),
    "runs.keep_result": lambda store: store.runs.keep_result(OLD, ApplyResult(conclusion="success"), report=b"{}"),
    "runs.explained_by": lambda store: store.runs.explained_by(REPOSITORY, 1),
    "runs.unfinished": lambda store: store.runs.unfinished(),
    "runs.unfinished_in": lambda store: store.runs.unfinished_in(REPOSITORY),
    "runs.recent": lambda store: store.runs.recent(REPOSITORY, limit=10),
    "runs.change": lambda store: store.runs.change(OLD, title="a title"),
    "runs.change_plan": lambda store: store.runs.change_plan(run_id(11), lambda state: state),
    "runs.change_apply": lambda store: store.runs.change_apply(OLD, lambda state: replace(state, explains=(3,))),
    "runs.change_check_run": lambda store: store.runs.change_check_run(OLD, lambda state: state),
    "runs.claim_creation": lambda store: store.runs.claim_creation(OLD, by="a process", for_s=1),
    "runs.claim_environment": _claim_environment,
    "runs.cancel": lambda store: store.runs.cancel(OLD, reason="a newer commit arrived"),
    "runs.cancel_reason": lambda store: store.runs.cancel_reason(OLD),
    "runs.complete": lambda store: store.runs.complete(OLD, conclusion="success", title="", report=b"[]"),
    "runs.report": lambda store: store.runs.report(run_id(11)),
    "runs.readable_report": lambda store: store.runs.readable_report(run_id(11)),
    "runs.readable_root_reports": lambda store: store.runs.readable_root_reports(OLD),
    "runs.keep_root_run": lambda store: store.runs.keep_root_run(OLD, "1", "network", outcome="planned", report=b"{}"),
    "runs.root_reports": lambda store: store.runs.root_reports(OLD),
    "runs.write_log": lambda store: store.runs.write_log(OLD, "1", ["a line"]),
    "runs.read_log": lambda store: store.runs.read_log(OLD, after=0),
    "branches.last": lambda store: store.branches.last(REPOSITORY, STAGING),
    "branches.last_applied": lambda store: store.branches.last_applied(REPOSITORY, STAGING),
    "branches.last_of_branch": lambda store: store.branches.last_of_branch(REPOSITORY, BRANCH),
    "branches.all_last": lambda store: store.branches.all_last(REPOSITORY),
    "branches.recently_applied": lambda store: store.branches.recently_applied(REPOSITORY, STAGING, limit=20),
    "branches.was_applied": lambda store: store.branches.was_applied(REPOSITORY, STAGING, sha(5)),
    "branches.with_tree": lambda store: store.branches.with_tree(REPOSITORY, STAGING, tree(5)),
    "branches.move_last": lambda store: store.branches.move_last(
        REPOSITORY, STAGING, BRANCH, sha(1), tree(1), applied=True
    ),
    "branches.record_push": lambda store: store.branches.record_push(REPOSITORY, BRANCH, sha(1), sha(2), "ada"),
    "branches.pushers": lambda store: store.branches.pushers(REPOSITORY, BRANCH, COMMITS),
    "branches.pushers_since": _pushers_since,
    "pull_requests.record": _record,
    "pull_requests.find": lambda store: store.pull_requests.find(REPOSITORY, 1),
    "pull_requests.open_with_head": lambda store: store.pull_requests.open_with_head(REPOSITORY, head(1)),
    "pull_requests.open_into": lambda store: store.pull_requests.open_into(REPOSITORY, BRANCH),
    "pull_requests.all_open": lambda store: store.pull_requests.all_open(REPOSITORY),
    "pull_requests.merged_as": lambda store: store.pull_requests.merged_as(REPOSITORY, COMMITS),
    "pull_requests.close_unmerged": lambda store: store.pull_requests.close_unmerged(REPOSITORY, (1, 2)),
    "pull_requests.record_verdict": lambda store: store.pull_requests.record_verdict(
        REPOSITORY, 1, base_branch=BRANCH, head_sha=head(1), base_sha=sha(0), run_id=OLD, conclusion="success", at=1.0
    ),
    "pull_requests.verdicts": lambda store: store.pull_requests.verdicts(
        REPOSITORY, 1, base_branch=BRANCH, head_sha=head(1)
    ),
    "pull_requests.newest_verdict": lambda store: store.pull_requests.newest_verdict(
        REPOSITORY, 1, base_branch=BRANCH, head_sha=head(1), finished=True
    ),
    "repositories.record": lambda store: store.repositories.record(
        id=REPOSITORY,
        installation_id=InstallationId(1),
        full_name="acme/network",
        clone_url="https://github.com/acme/network.git",
        default_branch=BRANCH,
    ),
    "repositories.load": lambda store: store.repositories.load(REPOSITORY),
    "repositories.identity": _identity,
    "repositories.find": lambda store: store.repositories.find(REPOSITORY),
    "repositories.uninstalled": lambda store: store.repositories.uninstalled([REPOSITORY]),
    "repositories.deactivate": lambda store: store.repositories.deactivate(REPOSITORY, for_good=False),
    "approvals.add": lambda store: store.approvals.add(
        REPOSITORY, kind="apply", environment=STAGING, sha=sha(5), by="ada"
    ),
    "approvals.for_pull_request": lambda store: store.approvals.for_pull_request(
        REPOSITORY, sha(5), number=1, base_branch=BRANCH, kind="approve_plan"
    ),
    "approvals.of": lambda store: store.approvals.of(REPOSITORY, sha(5), kind="apply", environment=TESTING),
    "approvals.audit": lambda store: store.approvals.audit(REPOSITORY, who="ada", did="rerun", sha=sha(5)),
    "markers.claim": lambda store: store.markers.claim(Adopted(REPOSITORY), True),
    "kept_plans.keep": lambda store: store.kept_plans.keep(KEPT, b"a plan", for_s=60),
    "kept_plans.find": lambda store: store.kept_plans.find(OLD, "network"),
    "kept_plans.content": lambda store: store.kept_plans.content(KEPT),
    "kept_plans.erase_decided": lambda store: store.kept_plans.erase_decided(REPOSITORY, STAGING, besides=OLD),
    "markers.find": lambda store: store.markers.find(Adopted(REPOSITORY)),
    "markers.keep": lambda store: store.markers.keep(Adopted(REPOSITORY), True),
    "deferred.defer": lambda store: store.deferred.defer("a key", {}, in_s=1),
    "deferred.cancel": lambda store: store.deferred.cancel("a key"),
    "deferred.remove": lambda store: store.deferred.remove("a key", 1),
    "deferred.next_due_in_s": lambda store: store.deferred.next_due_in_s(),
    "deferred.due": lambda store: store.deferred.due(),
    "overview.environments": lambda store: store.overview.environments([REPOSITORY]),
    "overview.waiting": lambda store: store.overview.waiting([REPOSITORY]),
    "overview.recent": lambda store: store.overview.recent([REPOSITORY], limit=10),
}

READS_ALL = {
    "kept_plans.reseal_objects": "all of older keys; asked by the cleanup while keys are rotated",
    "kept_plans.erase_old": "one for each repository; asked by the cleanup",
    "repositories.find_by_name": "one for each repository; asked by the pages",
    "repositories.all_active": "gives all",
    "repositories.all_of": "one for each repository; asked when an installation changes",
    "runs.count_by_status": "counts all, in an index; asked by the metrics",
    "deferred.all": "gives all",
    "deferred.make_due": "looks at what waits; when an installation is unsuspended",
    "executors.register": "a row for each worker",
    "executors.beat": "a row for each worker",
    "executors.all": "a row for each worker",
    "executors.find": "a row for each worker",
    "executors.claim": "a row for each worker",
    "executors.remove": "a row for each worker",
    "overview.count_runs": "counts all; asked by the metrics",
}
"""Queries that may read every row, and why. Retention, offloading and key rotation read old rows in batches."""
ROOMS = (
    "runs",
    "branches",
    "pull_requests",
    "repositories",
    "approvals",
    "kept_plans",
    "markers",
    "deferred",
    "executors",
    "overview",
)


def stored(directory: Path, runs: int) -> Store:
    store = Store(f"sqlite:///{directory / f'{runs}.db'}", Sealer(("k" * 32,)))
    with store._database.engine.begin() as connection:
        fill(connection, runs)
    store._database.engine.dispose()
    return store


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = stored(tmp_path_factory.mktemp("few"), FEW)
    yield store
    store.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = stored(tmp_path_factory.mktemp("many"), MANY)
    yield store
    store.close()


def test_each_query_of_the_store_is_tested_here(few: Store) -> None:
    asked = {
        f"{room}.{name}"
        for room in ROOMS
        for name, _ in inspect.getmembers(getattr(few, room), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert asked == CALLS.keys() | READS_ALL.keys()


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The statements of the store, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(store._database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(store._database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", CALLS)
def test_a_query_uses_an_index(name: str, few: Store) -> None:
    with statements(few) as seen:
        asyncio.run(CALLS[name](few))
    asked = [each for each in seen if each[0].startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH"))]
    assert asked
    with few._database.engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [row.detail for row in plan if row.detail.startswith("SCAN") and "CONSTANT" not in row.detail]
            # The index of unfinished runs contains no others. An index found the rows of the CTE `environments`.
            allowed = ("SCAN environments", "SCAN runs USING INDEX runs_unfinished")
            assert [scan for scan in scans if scan not in allowed] == [], statement


@pytest.mark.parametrize("name", CALLS)
def test_a_query_reads_no_more_where_ten_times_as_much_is_stored(name: str, few: Store, many: Store) -> None:
    assert steps(many, CALLS[name]) <= 1.5 * steps(few, CALLS[name]) + 100


def steps(store: Store, call: Call) -> int:
    """The number of instructions that SQLite's virtual machine executes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def watch(connection: Any, _: object) -> None:
        connection.set_progress_handler(count, 1)

    engine = store._database.engine
    engine.dispose()
    event.listen(engine, "connect", watch)
    try:
        asyncio.run(call(store))
    finally:
        event.remove(engine, "connect", watch)
        engine.dispose()
    return counted
