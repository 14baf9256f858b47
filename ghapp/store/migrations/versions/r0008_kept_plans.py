"""Add the encrypted plan files of holds."""

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "kept_plans",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("root_module", sa.String(length=512), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("engine", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "root_module"),
    )
    op.create_index("kept_plans_by_environment", "kept_plans", ["repository_id", "environment"])
    op.create_index("kept_plans_by_expiry", "kept_plans", ["expires_at"])
