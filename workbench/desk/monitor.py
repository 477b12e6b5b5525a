"""Rules against the desk's facts: evaluate, raise once, and put the messages into the outbox."""

from dataclasses import asdict, dataclass
from typing import Literal, cast, get_args

import pandas as pd

from workbench.alerts import AlertRule, Facts, FailedRun, PriceFact, alert_messages, evaluate
from workbench.desk.clock import AsOf
from workbench.desk.frames import Headline
from workbench.market.calendars import session_closes
from workbench.market.instruments import is_option_symbol
from workbench.store import Lake, Ledger

Outcome = Literal["failed", "timed_out", "interrupted"]
RECENT_RUNS = 100


@dataclass(frozen=True)
class RuleCheck:
    """What a check of the rules found: ids of the alerts raised, and the rules that lack a fact."""

    raised: tuple[str, ...]
    unknown: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of new alerts."""
        return len(self.raised)


def check_rules(
    lake: Lake,
    ledger: Ledger,
    headline: Headline | None,
    as_of: AsOf,
    *,
    calendar: str,
    channels: tuple[str, ...],
    raised_at: pd.Timestamp,
) -> RuleCheck:
    """Evaluate every enabled rule at `as_of` and raise what fires.

    An alert for a fact that was raised before is not raised again: its key names rule and session.
    """
    rules = [(document, AlertRule.from_document(document)) for document in ledger.rules.documents()]
    symbols = list(dict.fromkeys(symbol for _, rule in rules for symbol in rule.symbols))
    facts = Facts(
        as_of=as_of.instant.to_pydatetime(),
        session=as_of.session,
        prices=price_facts(lake, symbols, as_of, calendar),
        measures=measures_of(headline),
        failed_runs=failed_runs(ledger),
        source=headline.source if headline else "",
        as_of_text=", ".join(part for part in (as_of.text, as_of.label) if part),
    )
    raised, unknown = [], []
    for document, rule in rules:
        outcome = evaluate(rule, facts)
        if outcome.status == "unknown":
            unknown.append(f"{rule.name}: {outcome.reason}")
        for message in alert_messages(outcome):
            alert = {
                **message,
                "rule_id": document["id"],
                "raised_at": raised_at.to_pydatetime(),
                "as_of": as_of.instant.to_pydatetime(),
            }
            alert_id = ledger.alerts.raise_once(alert, rule.channels or channels)
            if alert_id:
                raised.append(alert_id)
    return RuleCheck(tuple(raised), tuple(unknown))


def price_facts(lake: Lake, symbols: list[str], as_of: AsOf, calendar: str) -> dict[str, PriceFact]:
    """Return the last two raw closes and the volume of each share known at `as_of`."""
    shares = [symbol for symbol in symbols if not is_option_symbol(symbol)]
    if not shares:
        return {}
    start = as_of.instant - pd.Timedelta(days=30)
    bars = lake.read("daily_bars", symbols=shares, start=start, end=as_of.instant)
    known = session_closes(calendar, pd.DatetimeIndex(bars["time"]).tz_localize(None)) <= as_of.instant
    facts = {}
    for symbol, rows in bars[known].sort_values("time").groupby("symbol"):
        last = rows.iloc[-1]
        previous = float(rows["close"].iloc[-2]) if len(rows) > 1 else None
        facts[str(symbol)] = PriceFact(float(last["close"]), previous, float(last["volume"]))
    return facts


def measures_of(headline: Headline | None) -> dict[str, float | None]:
    """Return the headline's figures under the names that rules use."""
    if headline is None:
        return {}
    figures = asdict(headline)
    names = {
        "value": "book_value",
        "pnl": "pnl",
        "day_pnl": "day_pnl",
        "dollar_delta": "dollar_delta",
        "dollar_gamma": "dollar_gamma_1pct",
        "vega": "vega_point",
        "theta": "theta_day",
        "var": "value_at_risk",
        "es": "expected_shortfall",
        "worst_scenario": "worst_pnl",
    }
    return {name: figures[field] for name, field in names.items()}


def failed_runs(ledger: Ledger) -> tuple[FailedRun, ...]:
    """Return the recent runs that did not succeed."""
    runs = ledger.runs.frame(limit=RECENT_RUNS)
    failed = runs[runs["status"].isin(get_args(Outcome))]
    return tuple(
        FailedRun(str(row.id), str(row.pipeline), cast(Outcome, row.status), str(row.error or ""))
        for row in failed.itertuples()
    )
