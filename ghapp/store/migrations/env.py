"""What Alembic runs for each command: the revisions, on the connection that it was handed."""

from alembic import context

from ghapp.store.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
