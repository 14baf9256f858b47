"""Add the encryption key of each plan file in the object store, so that a key rotation finds it."""

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "9"


def upgrade() -> None:
    """Add the column. It stays empty for earlier plan files: a key rotation encrypts them again."""
    op.add_column("kept_plans", sa.Column("key_id", sa.LargeBinary(), nullable=True))
