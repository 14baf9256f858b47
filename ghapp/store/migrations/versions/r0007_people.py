"""Add GitHub's ids of those who decided and pushed, a decision's pull request and base, and the authors of commits."""

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = "6"


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("approvals", sa.Column("by_id", sa.BigInteger(), nullable=True))
    op.add_column("approvals", sa.Column("pull_request", sa.Integer(), nullable=True))
    op.add_column("approvals", sa.Column("base_branch", sa.Text(), nullable=True))
    op.add_column("pushes", sa.Column("pusher_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "commit_writers",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("writers", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id", "sha"),
    )
