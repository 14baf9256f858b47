"""Add the logins of a commit's authors, so that a hold can name them."""

import sqlalchemy as sa
from alembic import op

revision = "9"
down_revision = "8"


def upgrade() -> None:
    """Add the column."""
    op.add_column("commit_writers", sa.Column("names", sa.JSON(), nullable=True))
