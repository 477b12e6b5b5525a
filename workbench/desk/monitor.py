"""Rules against the desk's facts: evaluate, raise once, and put the messages into the outbox."""

import pandas as pd

from workbench.alerts import AlertRule, Facts, alert_message, evaluate
from workbench.desk.clock import AsOf
from workbench.desk.frames import Headline
from workbench.store import Lake, Ledger


def check_rules(
    lake: Lake,
    ledger: Ledger,
    headline: Headline | None,
    as_of: AsOf,
    *,
    channels: tuple[str, ...],
    raised_at: pd.Timestamp,
    correlation_id: str | None,
) -> list[str]:
    """Evaluate every enabled rule at `as_of` and raise what fires; return the ids of new alerts.

    An alert for a fact that was raised before is not raised again: its key names rule and session.
    """
    documents = ledger.rules.documents()
    rules = [(document["id"], AlertRule.from_document(document)) for document in documents]
    symbols = sorted({rule.symbol for _, rule in rules if rule.symbol})
    facts = Facts(
        as_of=as_of.instant,
        session=as_of.session,
        prices=price_facts(lake, symbols, as_of),
        measures=headline_measures(headline),
    )
    raised = []
    for rule_id, rule in rules:
        outcome = evaluate(rule, facts)
        if outcome.status != "fired":
            continue
        message = alert_message(outcome)
        alert = {
            **message,
            "rule_id": rule_id,
            "raised_at": raised_at,
            "as_of": as_of.instant,
            "correlation_id": correlation_id,
        }
        alert_id = ledger.alerts.raise_once(alert, rule.channels or channels)
        if alert_id:
            raised.append(alert_id)
    return raised
