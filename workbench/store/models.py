"""The tables of the ledger. A change here comes with a step in ``migrations/versions``."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from workbench.store.types import DecimalText, UtcDateTime

__all__ = [
    "alerts",
    "audit",
    "backtests",
    "coverage",
    "feeds",
    "fills",
    "fills_history",
    "inbox",
    "leases",
    "metadata",
    "outbox",
    "rule_versions",
    "rules",
    "runs",
]

# Named constraints, so that a later migration can speak of them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _fill_columns() -> list[Column[object]]:
    return [
        Column("account", String, nullable=False),
        Column("time", UtcDateTime, nullable=False),
        Column("symbol", String, nullable=False),
        Column("quantity", DecimalText, nullable=False),
        Column("price", DecimalText, nullable=False),
        Column("fees", DecimalText, nullable=False),
        Column("currency", String, nullable=False),
        Column("strategy", String, nullable=False),
        Column("source", String, nullable=False),
        Column("recorded_at", UtcDateTime, nullable=False),
    ]


fills = Table(
    "fills",
    metadata,
    Column("fill_id", String, primary_key=True),
    *_fill_columns(),
    Index("ix_fills_time", "time"),
)

fills_history = Table(
    "fills_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fill_id", String, nullable=False, index=True),
    *_fill_columns(),
    Column("replaced_at", UtcDateTime, nullable=False),
)

rules = Table(
    "rules",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
)

rule_versions = Table(
    "rule_versions",
    metadata,
    Column("rule_id", String, ForeignKey("rules.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String, primary_key=True),
    # No reference to rules: an alert of a failed job has none, and an alert outlives its rule.
    Column("rule_id", String, index=True),
    Column("name", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("fact_key", String, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False, index=True),
    Column("as_of", UtcDateTime),
    Column("acknowledged_by", String),
    Column("acknowledged_at", UtcDateTime),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert_id", String, ForeignKey("alerts.id"), nullable=False),
    Column("channel", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("holder", String),
    Column("claimed_until", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("error", Text),
    UniqueConstraint("alert_id", "channel"),
    Index("ix_outbox_state_next_at", "state", "next_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("message_key", String, primary_key=True),
    Column("payload", JSON, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("pipeline", String, nullable=False, index=True),
    Column("parameters", JSON, nullable=False),
    Column("scheduled_for", UtcDateTime),
    Column("correlation_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("finished_at", UtcDateTime),
    Column("outputs", JSON, nullable=False),
    Column("error", Text),
    Column("process", JSON, nullable=False),
    # Two workers that reach the same minute make one run between them.
    UniqueConstraint("pipeline", "scheduled_for"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

backtests = Table(
    "backtests",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("key", String, nullable=False, index=True),
    Column("strategy", String, nullable=False),
    Column("document", JSON, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("details", JSON, nullable=False),
    Column("correlation_id", String),
)

coverage = Table(
    "coverage",
    metadata,
    Column("provider", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("interval", String, primary_key=True),
    Column("first", UtcDateTime, primary_key=True),
    Column("last", UtcDateTime, primary_key=True),
    Column("complete", Boolean, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", String, primary_key=True),
    Column("service", String, nullable=False),
    Column("feed", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("durable_until", UtcDateTime),
    Column("ended_at", UtcDateTime, index=True),
    Column("holder", String, nullable=False),
)
