"""Run by Alembic for each command: executes the revisions on the given connection."""

from alembic import context

from ghapp.store.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
