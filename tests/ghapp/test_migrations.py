"""Migrations on SQLite and on PostgreSQL: no data is lost, and the old version keeps working beside the new one."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    UniqueConstraint,
    create_engine,
    delete,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url

from ghapp.errors import SettingsError
from ghapp.sealing import Sealer
from ghapp.store import Store, migrations, tables
from ghapp.store.migrations import SCHEMA_VERSION, VERSION_TABLE, migrate_schema
from ghapp.values import RepositoryId
from tests.forked import Forked
from tests.postgres import Postgres

SEALER = Sealer(("a key of sixteen characters",))
REVISIONS = range(1, SCHEMA_VERSION + 1)
from_the_first_and_the_last = pytest.mark.by_default("1", str(SCHEMA_VERSION - 1))
"""By default, a test starts only from revision 1, so that all migrations run, and from the one before the last.

Only the last migration may still change.
"""


@dataclass(kw_only=True)
class Earlier:
    """Databases as earlier versions made them. Each is migrated once, and tests get copies."""

    database: Engine
    postgres: Postgres | None
    _known: list[MetaData] = field(default_factory=list)
    _kept: list[bytes | str] = field(default_factory=list)

    def tables(self, revision: int) -> MetaData:
        """The tables of a revision as that version knew them."""
        while len(self._known) < revision:
            with self.database.begin() as connection:
                migrate_schema(connection, to=len(self._known) + 1)
            self._known.append(known_now(self.database))
            self.database.dispose()
            name = str(self.database.url.database)
            if self.postgres is None:
                self._kept.append(Path(name).read_bytes())
            else:
                self._kept.append(str(make_url(self.postgres.database(like=name)).database))
        return self._known[revision - 1]

    def copy_to(self, engine: Engine, revision: int) -> MetaData:
        """Replace the database with a copy at this revision, and return its tables as that version knew them."""
        known, kept, name = self.tables(revision), self._kept[revision - 1], str(engine.url.database)
        engine.dispose()
        if isinstance(kept, bytes):
            Path(name).write_bytes(kept)
        elif self.postgres is not None:
            self.postgres.execute(f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {kept}")
        return known


def engine_of(url: str) -> Engine:
    parsed = make_url(url)
    return create_engine(
        parsed if parsed.get_backend_name() == "sqlite" else parsed.set(drivername="postgresql+psycopg")
    )


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    if request.param == "sqlite":
        directory = tmp_path_factory.mktemp("earlier")
        return Earlier(database=engine_of(f"sqlite:///{directory / 'planward.db'}"), postgres=None)
    postgres: Postgres = request.getfixturevalue("postgres")
    return Earlier(database=engine_of(postgres.database()), postgres=postgres)


@pytest.fixture
def url(earlier: Earlier, tmp_path: Path) -> str:
    if earlier.postgres is None:
        return f"sqlite:///{tmp_path / 'planward.db'}"
    return earlier.postgres.database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = engine_of(url)
    yield engine
    engine.dispose()


def start(url: str) -> None:
    """Open Planward's database, which migrates it, and close it again."""
    Store(url, SEALER).close()


def known_now(engine: Engine) -> MetaData:
    known = MetaData()
    known.reflect(engine)
    known.remove(known.tables[VERSION_TABLE])
    return known


def value_for(column: Column[Any], number: int) -> Any:
    """A valid value for the column, a different one for each number."""
    match column.type:
        case Boolean():
            return bool(number % 2)
        case LargeBinary():
            return f"{column.name} {number}".encode()
        case JSON():
            return {column.name: number}
        case Integer():
            return number
        case Float() | Numeric():
            return number + 0.5
        case _:
            return f"{column.name} {number}"


def write_rows(connection: Connection, known: MetaData, *numbers: int) -> None:
    for table in known.sorted_tables:
        for number in numbers:
            connection.execute(table.insert().values({each.name: value_for(each, number) for each in table.c}))


def read_rows(connection: Connection, known: MetaData) -> dict[str, list[dict[str, Any]]]:
    """Every row, with only the columns of the old version."""
    return {
        table.name: [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in known.sorted_tables
    }


@from_the_first_and_the_last
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_any_version_is_brought_forward_with_nothing_lost(
    revision: int, url: str, engine: Engine, earlier: Earlier
) -> None:
    old = earlier.copy_to(engine, revision)
    with engine.begin() as connection:
        write_rows(connection, old, 1, 2)
        before = read_rows(connection, old)
    start(url)
    with engine.begin() as connection:
        assert read_rows(connection, old) == before
        assert migrations.revision_of(connection) == SCHEMA_VERSION


@from_the_first_and_the_last
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_the_version_before_reads_and_writes_beside_the_new_one(
    revision: int, url: str, engine: Engine, earlier: Earlier
) -> None:
    old = earlier.copy_to(engine, revision)
    with engine.begin() as connection:
        write_rows(connection, old, 1)
    start(url)
    new = earlier.tables(SCHEMA_VERSION)
    with engine.begin() as connection:
        write_rows(connection, old, 2)
        write_rows(connection, new, 3)
        assert all(len(rows) == 3 for rows in read_rows(connection, old).values())
        for table in old.sorted_tables:
            others = {each.name: value_for(each, 4) for each in table.c if not each.primary_key}
            if others:
                mine = [each == value_for(each, 2) for each in table.primary_key]
                assert connection.execute(update(table).where(*mine).values(others)).rowcount == 1
            assert connection.execute(delete(table)).rowcount == 3


@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_a_revision_only_adds(revision: int, earlier: Earlier) -> None:
    old = earlier.tables(revision - 1)
    new = earlier.tables(revision)
    for name, table in old.tables.items():
        assert columns_of(table) <= columns_of(new.tables[name])
        assert uniques_of(new.tables[name]) == uniques_of(table)
        for column in new.tables[name].c:
            assert column.name in table.c or column.nullable or column.server_default is not None
        assert {each.name for each in table.indexes} <= {each.name for each in new.tables[name].indexes}
        assert not any(each.unique for each in new.tables[name].indexes)


def columns_of(table: Table) -> set[tuple[str, str, bool | None]]:
    return {(each.name, str(each.type), each.nullable) for each in table.c}


def uniques_of(table: Table) -> set[tuple[str, ...]]:
    return {
        tuple(column.name for column in each.columns)
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
    }


def test_the_revisions_make_the_tables_that_the_code_knows(url: str, engine: Engine) -> None:
    start(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name != VERSION_TABLE, "compare_type": True},
        )
        assert compare_metadata(context, tables.metadata) == []


def test_after_the_migration_stored_apply_runs_are_found_by_their_pull_requests(
    url: str, engine: Engine, earlier: Earlier
) -> None:
    old = earlier.copy_to(engine, 4)
    states: dict[int, dict[str, Any]] = {1: {"explains": [7, 8]}, 2: {"explains": [8, 8]}, 3: {}, 4: {"explains": [8]}}
    with engine.begin() as connection:
        for number, state in states.items():
            run = {each.name: value_for(each, number) for each in old.tables["runs"].c}
            operation = "plan" if number == 4 else "apply"
            run |= {"id": f"run {number}", "repository_id": 1, "operation": operation, "data": state}
            connection.execute(old.tables["runs"].insert().values(run))
    start(url)
    with closing(Store(url, SEALER)) as store:
        found = {number: asyncio.run(store.runs.explained_by(RepositoryId(1), number)) for number in (7, 8, 9)}
    assert {number: [run.id for run in runs] for number, runs in found.items()} == {
        7: ["run 1"],
        8: ["run 1", "run 2"],
        9: [],
    }


def test_the_revisions_are_one_line_numbered_from_1() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    found = [(each.revision, each.down_revision) for each in reversed(list(script.walk_revisions()))]
    assert found == [(str(number), str(number - 1) if number > 1 else None) for number in REVISIONS]


def test_a_database_that_was_made_before_there_were_revisions_is_the_first(
    url: str, engine: Engine, earlier: Earlier
) -> None:
    old = earlier.copy_to(engine, 1)
    with engine.begin() as connection:
        write_rows(connection, old, 1)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        connection.execute(text("CREATE TABLE planward_schema (version INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO planward_schema VALUES (1)"))
        before = read_rows(connection, old)
    start(url)
    with engine.begin() as connection:
        assert read_rows(connection, old) == before
        assert migrations.revision_of(connection) == SCHEMA_VERSION


def test_an_older_version_refuses_a_newer_database_and_names_both(url: str, engine: Engine) -> None:
    start(url)
    newer = SCHEMA_VERSION + 1
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{newer}'"))
    with pytest.raises(SettingsError) as refused:
        start(url)
    assert str(refused.value) == (
        f"the database has schema {newer}, this Planward knows {SCHEMA_VERSION}: start the newer version"
    )


def test_a_migration_that_fails_changes_nothing(
    url: str, engine: Engine, earlier: Earlier, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = earlier.copy_to(engine, 1)
    with engine.begin() as connection:
        write_rows(connection, old, 1)
        # Revision 2 adds this column, too, after another one. So it fails in the middle.
        connection.execute(text("ALTER TABLE repositories ADD COLUMN left_at FLOAT"))
    with pytest.raises(Exception, match="left_at"):
        start(url)
    with engine.begin() as connection:
        assert migrations.revision_of(connection) == 1
        assert "seen_at" not in {each["name"] for each in inspect(connection).get_columns("pull_requests")}


def test_processes_that_start_at_once_bring_a_database_forward_once(postgres: Postgres) -> None:
    url = postgres.database()
    engine = engine_of(url)
    with engine.begin() as connection:
        migrate_schema(connection, to=1)
    old = known_now(engine)
    with engine.begin() as connection:
        write_rows(connection, old, 1)
        before = read_rows(connection, old)
    starting = [Forked(start, url) for _ in range(3)]
    assert [process.wait(timeout=120) for process in starting] == [0, 0, 0]
    with engine.begin() as connection:
        assert read_rows(connection, old) == before
        assert migrations.revision_of(connection) == SCHEMA_VERSION
    engine.dispose()


def test_a_migration_binds_each_repository_name_to_the_repository_seen_first(
    url: str, engine: Engine, earlier: Earlier
) -> None:
    old = earlier.copy_to(engine, 3)
    with engine.begin() as connection:
        for number, (name, seen_at) in enumerate(
            [("acme/shop", 2.0), ("Acme/Shop", 1.0), ("acme/store", 3.0)], start=1
        ):
            row = {each.name: value_for(each, number) for each in old.tables["repositories"].c}
            row |= {"id": number, "full_name": name, "first_seen_at": seen_at}
            connection.execute(old.tables["repositories"].insert().values(row))
    start(url)
    with engine.begin() as connection:
        c = tables.repository_names.c
        rows = connection.execute(select(c.name, c.repository_id).order_by(c.name)).all()
    assert [tuple(row) for row in rows] == [("acme/shop", 2), ("acme/store", 3)]
