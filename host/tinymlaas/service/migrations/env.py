"""Alembic runs this; the connection comes from ``database.migrate``."""

from __future__ import annotations

from alembic import context

from tinymlaas.service.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter tables in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
