"""Add the time of a pull request's last event, and of the App's removal, for retention."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the times."""
    op.add_column("pull_requests", sa.Column("seen_at", sa.Float(), nullable=True))
    op.add_column("repositories", sa.Column("left_at", sa.Float(), nullable=True))
