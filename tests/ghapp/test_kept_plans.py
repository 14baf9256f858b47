"""The plan files of holds: sealed for their run and root module, kept for hours, erased when the hold is decided."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from ghapp.sealing import Sealer
from ghapp.store import KeptPlan, Store
from ghapp.values import BranchName, CommitSha, EnvironmentName, InstallationId, RepositoryId, RunId
from tests.databases import new_sqlite

T = TypeVar("T")
SECRET = b"PK\x03\x04 a plan with s3cr3t-of-staging"
HOUR = 3600.0
REPOSITORY = RepositoryId(7)
KEPT = KeptPlan(
    run_id=RunId("1" * 24),
    repository_id=REPOSITORY,
    environment=EnvironmentName("staging"),
    root_module="network",
    sha=CommitSha("a" * 40),
    digest="d" * 64,
    engine="terraform 1.11.4",
)


class Past:
    """A store whose clock moves only by hand."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_700_000_000.0
        self.path = directory / "planward.db"
        self.store = Store(new_sqlite(directory), Sealer(("k" * 32,)), clock=lambda: self.now)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def keep(self, plan: KeptPlan = KEPT, content: bytes = SECRET) -> None:
        self.do(self.store.kept_plans.keep(plan, content, for_s=24 * HOUR))

    def found(self, plan: KeptPlan = KEPT) -> bytes | None:
        kept = self.do(self.store.kept_plans.find(plan.run_id, plan.root_module))
        return None if kept is None else self.do(self.store.kept_plans.content(kept))

    def rows(self) -> int:
        with self.store._database.engine.connect() as connection:
            return int(connection.execute(text("select count(*) from kept_plans")).scalar_one())


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    past = Past(tmp_path)
    yield past
    past.store.close()


def test_a_plan_file_is_sealed_and_found_by_its_run_and_root_module(past: Past) -> None:
    past.keep()
    assert past.found() == SECRET
    assert past.found(replace(KEPT, root_module="shop")) is None
    assert all(b"s3cr3t" not in file.read_bytes() for file in past.path.parent.iterdir())


@pytest.mark.parametrize(
    "other",
    [
        replace(KEPT, run_id=RunId("2" * 24)),
        replace(KEPT, root_module="shop"),
        replace(KEPT, sha=CommitSha("b" * 40)),
        replace(KEPT, digest="e" * 64),
        replace(KEPT, environment=EnvironmentName("production")),
    ],
)
def test_a_plan_file_that_was_put_in_the_place_of_another_is_not_opened(past: Past, other: KeptPlan) -> None:
    past.keep()
    past.keep(other, b"harmless")
    stolen = "update kept_plans set sealed = (select sealed from kept_plans where digest = :digest and run_id = :run)"
    if (other.run_id, other.root_module) == (KEPT.run_id, KEPT.root_module):
        assert past.found() == b"harmless"  # the second plan file has replaced the first
        assert past.do(past.store.kept_plans.content(KEPT)) is None
        return
    with past.store._database.engine.begin() as connection:
        connection.execute(text(stolen), {"digest": other.digest, "run": other.run_id})
    assert [past.found(), past.found(other)].count(None) == 1


def test_an_expired_plan_file_is_not_found_and_the_cleanup_erases_it(past: Past) -> None:
    past.keep()
    past.now += 24 * HOUR - 1
    assert past.found() == SECRET
    assert past.do(past.store.kept_plans.erase_old(limit=10)) == 0
    past.now += 1
    assert past.found() is None
    assert past.do(past.store.kept_plans.erase_old(limit=10)) == 1
    assert past.rows() == 0


def test_a_newer_run_erases_the_older_plan_files_of_its_environment_and_no_others(past: Past) -> None:
    newer, elsewhere = replace(KEPT, run_id=RunId("2" * 24)), replace(KEPT, environment=EnvironmentName("production"))
    elsewhere = replace(elsewhere, run_id=RunId("3" * 24))
    for each in (KEPT, newer, elsewhere):
        past.keep(each)
    past.do(past.store.kept_plans.erase_decided(REPOSITORY, KEPT.environment, besides=newer.run_id))
    assert [past.found(each) for each in (KEPT, newer, elsewhere)] == [None, SECRET, SECRET]


def test_kept_plans_are_erased_when_the_app_is_uninstalled(past: Past) -> None:
    past.do(
        past.store.repositories.record(
            id=REPOSITORY,
            installation_id=InstallationId(1),
            full_name="acme/network",
            clone_url="https://github.com/acme/network.git",
            default_branch=BranchName("main"),
        )
    )
    past.keep()
    assert past.do(past.store.kept_plans.erase_old(limit=10)) == 0
    past.do(past.store.repositories.deactivate(REPOSITORY, for_good=True))
    assert past.do(past.store.kept_plans.erase_old(limit=10)) == 1
    assert past.rows() == 0


def test_a_kept_plan_under_an_abandoned_key_is_gone_and_one_under_an_older_key_is_sealed_again(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.keep()
    past.store.close()
    url = f"sqlite:///{past.path}"
    with_both = Store(url, Sealer(("n" * 32, "k" * 32)), clock=lambda: past.now)
    assert asyncio.run(with_both.key_rotation.reseal_rows(limit=10)) == 1
    with_both.close()
    with_new = Store(url, Sealer(("n" * 32,)), clock=lambda: past.now)
    assert asyncio.run(with_new.kept_plans.content(KEPT)) == SECRET
    with_new.close()
    with_old = Store(url, Sealer(("k" * 32,)), clock=lambda: past.now)
    assert asyncio.run(with_old.kept_plans.content(KEPT)) is None
    with_old.close()
