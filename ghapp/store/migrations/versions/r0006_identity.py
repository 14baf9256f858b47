"""Add the database's identity, so that a lost database, an older copy and a lost key are noticed."""

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Create the table; the first start fills it."""
    op.create_table(
        "identity",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("one"),
    )
