"""When a pull request was last heard of, and when the App was taken from a repository: what ages has a time."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the times."""
    op.add_column("pull_requests", sa.Column("seen_at", sa.Float(), nullable=True))
    op.add_column("repositories", sa.Column("left_at", sa.Float(), nullable=True))
