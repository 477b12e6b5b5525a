"""Rules against the desk's facts: evaluate, raise once, and put the messages into the outbox."""

from dataclasses import asdict, dataclass
from typing import Literal, cast, get_args

import pandas as pd

from workbench.alerts import AlertRule, Facts, FailedRun, PriceFact, alert_messages, evaluate
from workbench.desk.chains import actions_between, marks_at
from workbench.desk.clock import AsOf
from workbench.desk.frames import Headline
from workbench.errors import RuleError
from workbench.market.calendars import previous_session, session_close
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
    rules, unknown = _read_rules(ledger)
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
    raised = []
    for rule_id, rule in rules:
        outcome = evaluate(rule, facts)
        if outcome.status == "unknown":
            unknown.append(f"{rule.name}: {outcome.reason}")
        for message in alert_messages(outcome):
            alert = {
                **message,
                "rule_id": rule_id,
                "raised_at": raised_at.to_pydatetime(),
                "as_of": as_of.instant.to_pydatetime(),
            }
            alert_id = ledger.alerts.raise_once(alert, rule.channels or channels)
            if alert_id:
                raised.append(alert_id)
    return RuleCheck(tuple(raised), tuple(unknown))


def _read_rules(ledger: Ledger) -> tuple[list[tuple[str, AlertRule]], list[str]]:
    """Return the rules that can be read, and a sentence for each that cannot: one bad rule stops no other."""
    rules, unreadable = [], []
    for document in ledger.rules.documents():
        try:
            rules.append((str(document["id"]), AlertRule.from_document(document)))
        except RuleError as error:
            unreadable.append(str(error))
    return rules, unreadable


def price_facts(lake: Lake, symbols: list[str], as_of: AsOf, calendar: str) -> dict[str, PriceFact]:
    """Return the price of each instrument at `as_of`, the one a session before, and the day's volume.

    The earlier price is in today's shares: a split is no fall.
    """
    if not symbols:
        return {}
    before = session_close(calendar, previous_session(calendar, as_of.session))
    now = marks_at(lake, symbols, as_of.instant, calendar)["price"]
    earlier = marks_at(lake, symbols, before, calendar)["price"]
    day = pd.Timestamp(as_of.session, tz="UTC")
    volume = lake.read("daily_bars", symbols=symbols, start=day, end=day).set_index("symbol")["volume"]
    actions = actions_between(lake, symbols, before, as_of.instant, calendar)
    splits = actions[actions["kind"].eq("split")].groupby("symbol")["value"].prod().to_dict()
    return {
        name: PriceFact(
            float(now[name]) if pd.notna(now[name]) else None,
            float(earlier[name]) / splits.get(name, 1.0) if pd.notna(earlier[name]) else None,
            float(volume[name]) if name in volume.index else None,
        )
        for name in dict.fromkeys(symbols)
    }


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
