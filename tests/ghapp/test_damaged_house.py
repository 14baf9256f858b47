"""A damaged, lost or replaced database and a lost key: `serve` names the file, the consequence and the remedy."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from ghapp.errors import SettingsError
from ghapp.sealing import Sealer, UnsealError, load_or_make_key
from ghapp.store import Run, Store, StoreUnavailable
from ghapp.store.run_state import PlanState
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId
from tests.databases import NewDatabase
from tests.ghapp.test_listening import listening_at, serve

OLD, NEW = "an old key of sixteen characters", "a new key of sixteen characters"
RUN = Run(
    id=RunId("a" * 24),
    repository_id=RepositoryId(1),
    operation="plan",
    environment=EnvironmentName("staging"),
    branch=BranchName("staging"),
    head_sha=CommitSha("a" * 40),
    base_sha=CommitSha("b" * 40),
    pull_request=1,
    attempt=0,
    check_run_name="planward/plan",
    state=PlanState(),
)


@pytest.fixture
def url(new_database: NewDatabase, tmp_path: Path) -> str:
    return new_database(tmp_path)


def start(url: str, data_dir: Path, *keys: str, new_key: bool = False, sealed: bool = False) -> None:
    """Open Planward's database and close it again; with `sealed`, store a report in between."""
    with closing(Store(url, Sealer(keys or (OLD,)))) as store:

        async def story() -> None:
            await store.identity.require_same(data_dir, new_key=new_key)
            async with store.identity.counting(data_dir):
                if sealed:
                    await store.runs.begin(RUN)
                    await store.runs.complete(RUN.id, conclusion="success", title="", report=b"[]")

        asyncio.run(story())


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all, " * 400)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(truncate, "database disk image is malformed"), (overwrite, "file is not a database")],
)
@pytest.mark.parametrize("name", ["planward.db", "planward-durable.db"])
def test_a_damaged_file_is_named_with_a_remedy(
    name: str, damage: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    with serve(tmp_path, "--port", "0") as process:
        listening_at(process)
        process.terminate()
        process.wait(timeout=30)
    for each in tmp_path.glob("*.db"):  # the write-ahead log is moved into the file
        with closing(sqlite3.connect(each)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(tmp_path / name)
    with serve(tmp_path, "--port", "0") as process:
        assert process.wait(timeout=30) == 1
        assert process.stderr.read() == (
            f"planward: {tmp_path / name} is damaged ({reason}): it holds what Planward remembers, and SQLite cannot "
            "read it. Stop Planward and restore the file from a backup, together with the other .db file of its "
            "directory\n"
        )


def test_a_database_that_is_damaged_while_planward_runs_is_unavailable_until_it_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "planward.db"
    with closing(Store(f"sqlite:///{file}", Sealer((OLD,)))) as store:
        asyncio.run(store.runs.begin(RUN))
        store._database.engine.dispose()
        overwrite(file)
        with pytest.raises(StoreUnavailable, match="damaged: stop Planward and restore a backup"):
            asyncio.run(store.runs.load(RUN.id))


def test_a_database_that_was_deleted_is_no_new_installation(tmp_path: Path) -> None:
    with serve(tmp_path, "--port", "0") as process:
        listening_at(process)
        process.terminate()
        process.wait(timeout=30)
    for each in tmp_path.glob("planward*.db*"):
        each.unlink()
    database, note = tmp_path / "planward.db", tmp_path / "database.json"
    for _ in range(2):  # the first start has left an empty database for the second
        with serve(tmp_path, "--port", "0") as process:
            assert process.wait(timeout=30) == 1
            assert process.stderr.read() == (
                f"planward: the database {database} is not the database that {note} remembers: it was deleted, or "
                "another was put in its place. With this one, Planward would adopt the branches again, and hold the "
                "merge of each pull request that became green before. Restore the lost database from a backup, or "
                f"remove {note} to continue with this one\n"
            )
    note.unlink()
    with serve(tmp_path, "--port", "0") as process:
        listening_at(process)


def test_another_database_is_refused_and_named_without_its_password(new_database: NewDatabase, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = new_database(tmp_path / "one"), new_database(tmp_path / "two")
    start(one, tmp_path)
    with pytest.raises(SettingsError) as refused:
        start(two, tmp_path)
    assert str(make_url(two).database) in str(refused.value)
    assert "@" not in str(refused.value)
    start(one, tmp_path)


def test_an_older_copy_of_the_database_is_logged_and_used(tmp_path: Path) -> None:
    file = tmp_path / "planward.db"
    url = f"sqlite:///{file}"
    start(url, tmp_path)
    shutil.copy(file, tmp_path / "backup.db")
    start(url, tmp_path)
    for each in tmp_path.glob("planward.db*"):
        each.unlink()
    shutil.copy(tmp_path / "backup.db", file)
    with capture_logs() as logged:
        start(url, tmp_path)
        start(url, tmp_path)
    assert logged == [
        {
            "event": "database_is_older",
            "log_level": "warning",
            "database": f"the database {file}",
            "meaning": "it is an older copy of the one that ran here before: approvals that were given after the "
            "copy was made are requested again, and commits that were applied after it are planned again",
            "remedy": "nothing after a restore; otherwise stop Planward and bring the newer one back",
        }
    ]


def test_several_processes_and_machines_start_on_one_database(url: str, tmp_path: Path) -> None:
    machines = [tmp_path / "a", tmp_path / "b"]
    for each in machines:
        each.mkdir()
    for _ in range(2):
        for each in machines:
            start(url, each)


def test_a_note_that_cannot_be_read_is_named(url: str, tmp_path: Path) -> None:
    (tmp_path / "database.json").write_text("{")
    with pytest.raises(SettingsError, match=r"database\.json cannot be read: .* Remove it if"):
        start(url, tmp_path)


def test_a_lost_key_is_refused_while_something_is_sealed_with_it(url: str, tmp_path: Path) -> None:
    start(url, tmp_path, OLD, sealed=True)
    with pytest.raises(SettingsError) as refused:
        start(url, tmp_path, NEW)
    assert "encrypted with a key that is neither in PLANWARD_ENCRYPTION_KEY nor" in str(refused.value)
    assert str(tmp_path / "encryption.key") in str(refused.value)
    assert "PLANWARD_NEW_KEY=true" in str(refused.value)
    start(url, tmp_path, NEW, OLD)  # the old key is put back, after the new one


def test_a_lost_key_is_given_up_where_the_operator_says_so_once(url: str, tmp_path: Path) -> None:
    start(url, tmp_path, OLD, sealed=True)
    start(url, tmp_path, NEW, new_key=True)
    start(url, tmp_path, NEW)


def test_flows_continue_without_earlier_reports_under_a_lost_key(url: str, tmp_path: Path) -> None:
    start(url, tmp_path, OLD, sealed=True)
    with closing(Store(url, Sealer((NEW,)))) as store:
        assert asyncio.run(store.runs.readable_report(RUN.id)) is None
        with pytest.raises(UnsealError):
            asyncio.run(store.runs.report(RUN.id))


def test_a_new_key_is_taken_where_nothing_is_sealed(url: str, tmp_path: Path) -> None:
    start(url, tmp_path, OLD)
    start(url, tmp_path, NEW)


def test_serve_makes_no_new_key_beside_reports_that_the_lost_one_sealed(tmp_path: Path) -> None:
    key = load_or_make_key(tmp_path)
    start(f"sqlite:///{tmp_path / 'planward.db'}", tmp_path, key, sealed=True)
    (tmp_path / "encryption.key").unlink()
    with serve(tmp_path, "--port", "0", PLANWARD_ENCRYPTION_KEY="") as process:
        assert process.wait(timeout=30) == 1
        assert "Restore the key from a backup" in process.stderr.read()
    with serve(tmp_path, "--port", "0", PLANWARD_ENCRYPTION_KEY="", PLANWARD_NEW_KEY="true") as process:
        assert json.loads(process.stderr.readline())["event"] == "sealed_with_a_lost_key"
        listening_at(process)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_an_empty_or_damaged_key_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "encryption.key").write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load_or_make_key(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / 'encryption.key'} is empty or damaged: it holds the key that encrypts reports and logs. Restore "
        "it from a backup. If there is no backup, remove the file and start once with PLANWARD_NEW_KEY=true; "
        "everything that was encrypted with the key is then lost"
    )
