"""Runs migrations on the connection that `migrate.upgrade` hands over."""

from alembic import context

from services.database.tables.everything import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
