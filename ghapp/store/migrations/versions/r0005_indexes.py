"""Add an index for each query, and a table of the pull requests whose merges a run applies."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"

_BATCH = 500


def upgrade() -> None:
    """Add the indexes and the table, and fill it from the states of the runs."""
    for name, table, columns in (
        ("lasts_by_branch", "lasts", ["repository_id", "branch", "id"]),
        ("lasts_by_sha", "lasts", ["repository_id", "environment", "sha"]),
        ("lasts_by_tree", "lasts", ["repository_id", "environment", "tree"]),
        ("pushes_by_branch", "pushes", ["repository_id", "branch", "id"]),
        ("pushes_by_commit", "pushes", ["repository_id", "branch", "after", "id"]),
        ("pushes_by_time", "pushes", ["repository_id", "branch", "at"]),
        ("pull_requests_by_state", "pull_requests", ["repository_id", "state", "number"]),
        ("verdicts_by_head", "verdicts", ["repository_id", "pull_request", "head_sha", "id"]),
        ("runs_by_attempt", "runs", ["repository_id", "head_sha", "check_run_name", "created_at", "id"]),
        ("runs_by_check_run", "runs", ["repository_id", "check_run_id"]),
        ("runs_by_creation", "runs", ["repository_id", "created_at", "id"]),
        ("runs_by_environment", "runs", ["repository_id", "operation", "environment", "created_at", "id"]),
        ("runs_by_plan", "runs", ["repository_id", "operation", "pull_request", "created_at", "id"]),
    ):
        op.create_index(name, table, columns, unique=False)
    for name, column, condition in (
        ("runs_unfinished", "repository_id", sa.text("status <> 'completed'")),
        ("runs_with_log", "finished_at", sa.text("log_removed_at IS NULL")),
        ("runs_here", "finished_at", sa.text("moved_at IS NULL")),
    ):
        op.create_index(name, "runs", [column], unique=False, sqlite_where=condition, postgresql_where=condition)
    explained = op.create_table(
        "explained_pull_requests",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number"),
    )
    op.create_index(
        "explained_pull_requests_by_number", "explained_pull_requests", ["repository_id", "number"], unique=False
    )
    _fill(op.get_bind(), explained)


def _fill(connection: sa.Connection, explained: sa.Table) -> None:
    runs: sa.TableClause = sa.table(
        "runs", sa.column("id"), sa.column("repository_id"), sa.column("operation"), sa.column("data", sa.JSON())
    )
    after: str | None = ""
    while after is not None:
        query = sa.select(runs.c.id, runs.c.repository_id, runs.c.data)
        query = query.where(runs.c.operation == "apply", runs.c.id > after).order_by(runs.c.id).limit(_BATCH)
        found = connection.execute(query).all()
        rows: list[dict[str, Any]] = [
            {"run_id": id, "repository_id": repository, "number": number}
            for id, repository, data in found
            for number in dict.fromkeys(data.get("explains", ()))
        ]
        if rows:
            connection.execute(explained.insert(), rows)
        after = found[-1].id if len(found) == _BATCH else None
