"""Run the steps on the connection that `workbench.store.schema` hands over."""

from alembic import context

from workbench.store.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
context.run_migrations()
