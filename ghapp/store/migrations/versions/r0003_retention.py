"""Add data for retention and the object store: moved and removed parts of runs, and counts."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the tables, the times and the indexes."""
    op.add_column("runs", sa.Column("moved_at", sa.Float(), nullable=True))
    op.add_column("runs", sa.Column("log_removed_at", sa.Float(), nullable=True))
    op.create_index("runs_by_finish", "runs", ["finished_at"], unique=False)
    op.create_index("verdicts_by_run", "verdicts", ["run_id"], unique=False)
    op.create_table(
        "run_objects",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "kind", "number"),
    )
    op.create_table(
        "removed_runs",
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("conclusion", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operation", "conclusion"),
    )
