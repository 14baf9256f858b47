"""Add the repository to which each name is bound: the first one seen under it."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Create the table, and bind the names of earlier repositories, the oldest first."""
    names = op.create_table(
        "repository_names",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("repository_names_by_repository", "repository_names", ["repository_id"], unique=False)
    repositories = sa.table(
        "repositories",
        sa.column("id", sa.BigInteger()),
        sa.column("full_name", sa.String()),
        sa.column("first_seen_at", sa.Float()),
    )
    c = repositories.c
    bound: dict[str, dict[str, object]] = {}
    for row in op.get_bind().execute(sa.select(c.id, c.full_name, c.first_seen_at).order_by(c.first_seen_at, c.id)):
        name = row.full_name.casefold()
        bound.setdefault(name, {"name": name, "repository_id": row.id, "at": row.first_seen_at})
    if bound:
        op.bulk_insert(names, list(bound.values()))
