"""The schema, migrated on startup: only forward and only by additions, so that the previous version can keep
running.

Every revision is a file in `versions/`, numbered from 1. It may add tables, indexes, and columns that are nullable or
have a server default. It never renames or removes anything, and never adds a constraint that an older version's writes
violate.

https://alembic.sqlalchemy.org/en/latest/cookbook.html#sharing-a-connection-across-one-or-more-programmatic-migration-commands
"""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, func, inspect, select

from ghapp.errors import SettingsError

SCHEMA_VERSION = 10
"""The newest revision in `versions/`."""
VERSION_TABLE = "planward_revision"

_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))
_BEFORE_REVISIONS = "planward_schema"
"""The version table of databases that are older than the numbered revisions. Their schema is that of revision 1."""
_LOCK = 0x706C616E77617264
"""The key of the advisory lock: "planward"."""


def migrate_schema(connection: Connection, *, to: int = SCHEMA_VERSION) -> None:
    """Migrate the schema to revision `to`, in the connection's transaction.

    Only one process migrates at a time. The others wait, and then find the schema migrated. Raises SettingsError if a
    newer Planward used the database.
    """
    if connection.dialect.name == "postgresql":
        # On SQLite transactions are exclusive anyway.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = revision_of(connection)
    if found > to:
        raise SettingsError(f"the database has schema {found}, this Planward knows {to}: start the newer version")
    if found < to:
        _upgrade(connection, found, to)


def revision_of(connection: Connection) -> int:
    """The schema's revision; 0 for an empty database."""
    tables = inspect(connection)
    if tables.has_table(VERSION_TABLE):
        return int(connection.scalar(select(_VERSIONS.c.version_num)) or 0)
    return 1 if tables.has_table(_BEFORE_REVISIONS) else 0


def _upgrade(connection: Connection, found: int, to: int) -> None:
    # Imported only if needed: it takes time, and 10 MB for the life of the process.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if found and not inspect(connection).has_table(VERSION_TABLE):
        command.stamp(config, str(found))
    command.upgrade(config, str(to))
