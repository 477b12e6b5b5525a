"""Evaluate a rule against facts: a pure function, with missing facts told apart from quiet ones."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from workbench.alerts.measures import MEASURES
from workbench.alerts.rules import AlertRule, BookCondition, Comparison, JobFailureCondition, describe

_FAILURES = {"failed": "failed", "timed_out": "ran out of time", "interrupted": "was interrupted"}


@dataclass(frozen=True, slots=True)
class PriceFact:
    """The last price of one instrument, its close of the session before, and its volume."""

    price: float | None
    previous: float | None = None
    volume: float | None = None


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A pipeline run that did not succeed; `error` is outside text and is treated as data."""

    run_id: str
    pipeline: str
    status: Literal["failed", "timed_out", "interrupted"] = "failed"
    error: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known at one instant.

    Parameters
    ----------
    as_of : datetime
        The instant of the facts, in UTC.
    session : date
        The exchange session that they belong to; a rule fires once a session.
    prices : mapping of symbol to PriceFact
        What the desk holds of each instrument.
    measures : mapping of name to float
        Figures of the book by the names and in the units of `MEASURES`.
    failed_runs : tuple of FailedRun
        Runs that rules about failures look at.
    source : str
        Where the figures come from, for the message ("modelled" belongs here).
    as_of_text : str
        The instant in exchange time, for the message.
    """

    as_of: datetime
    session: date
    prices: Mapping[str, PriceFact] = field(default_factory=dict)
    measures: Mapping[str, float | None] = field(default_factory=dict)
    failed_runs: tuple[FailedRun, ...] = ()
    source: str = ""
    as_of_text: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One condition as it was found: `holds` is None where a fact was missing."""

    condition: str
    label: str
    operator: str
    threshold: float | None
    value: float | None
    unit: str
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that fired, and everything that made it fire.

    `fact_key` is the same for the same fact: rule, its conditions, and the session (or the failed
    run), so that one fact is never told twice.
    """

    rule: str
    severity: str
    symbol: str | None
    kind: str
    fact_key: str
    as_of: datetime
    session: date
    observations: tuple[Observation, ...]
    source: str = ""
    as_of_text: str = ""
    failed_run: FailedRun | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one rule: it fired, it is quiet, or a fact is missing (`reason` says which)."""

    status: Literal["fired", "quiet", "unknown"]
    reason: str = ""
    observations: tuple[Observation, ...] = ()
    firings: tuple[Firing, ...] = ()


def evaluate(rule: AlertRule, facts: Facts) -> Evaluation:
    """Evaluate one rule against the facts of one instant.

    Parameters
    ----------
    rule : AlertRule
        Enabled or not; a rule that is not enabled is quiet.
    facts : Facts
        What is known.

    Returns
    -------
    Evaluation
        ``fired`` with one `Firing` (one for each failed run where the rule watches runs), ``quiet``,
        or ``unknown`` where the outcome hangs on a missing fact. With ``match`` "all" one condition
        that does not hold makes the rule quiet whatever else is missing; with "any" one that holds
        fires it.
    """
    if not rule.enabled:
        return Evaluation("quiet", "the rule is not enabled")
    first = rule.conditions[0]
    if isinstance(first, JobFailureCondition):
        return _evaluate_failures(rule, first, facts)
    observations = tuple(
        _observe(condition, rule, facts)
        for condition in rule.conditions
        if not isinstance(condition, JobFailureCondition)
    )
    holds = [observation.holds for observation in observations]
    decided = all(holds) if rule.match == "all" else any(holds)
    missing = [o.reason for o in observations if o.holds is None]
    if decided:
        return Evaluation("fired", "", observations, (_firing(rule, facts, observations),))
    undecided = False not in holds if rule.match == "all" else None in holds
    if undecided:
        return Evaluation("unknown", "; ".join(dict.fromkeys(missing)), observations)
    return Evaluation("quiet", "", observations)


def _evaluate_failures(rule: AlertRule, condition: JobFailureCondition, facts: Facts) -> Evaluation:
    watched = [run for run in facts.failed_runs if condition.pipeline in (None, run.pipeline)]
    if not watched:
        return Evaluation("quiet")
    firings = []
    for run in watched:
        observation = Observation(
            condition=describe(condition, rule),
            label=f"{run.pipeline} run {run.run_id}",
            operator=_FAILURES[run.status],
            threshold=None,
            value=None,
            unit="",
            holds=True,
        )
        firings.append(_firing(rule, facts, (observation,), run))
    return Evaluation("fired", "", tuple(o for f in firings for o in f.observations), tuple(firings))


def _firing(
    rule: AlertRule, facts: Facts, observations: tuple[Observation, ...], run: FailedRun | None = None
) -> Firing:
    kinds = "+".join(dict.fromkeys(condition.type for condition in rule.conditions))
    occasion = run.run_id if run else facts.session.isoformat()
    return Firing(
        rule=rule.name,
        severity=rule.severity,
        symbol=rule.symbol,
        kind=kinds,
        fact_key=f"{rule.name}:{kinds}:{occasion}:{_digest(rule)}",
        as_of=facts.as_of,
        session=facts.session,
        observations=observations,
        source=facts.source,
        as_of_text=facts.as_of_text,
        failed_run=run,
    )


def _digest(rule: AlertRule) -> str:
    """Name what is watched: a rule whose threshold was changed tells a new fact."""
    watched = {
        "symbol": rule.symbol,
        "match": rule.match,
        "conditions": [condition.model_dump(mode="json") for condition in rule.conditions],
    }
    text = json.dumps(watched, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _observe(condition: Comparison, rule: AlertRule, facts: Facts) -> Observation:
    value: float | None
    before: float | None = None
    if isinstance(condition, BookCondition):
        measure = MEASURES[condition.measure]
        label, unit, value = measure.label, measure.unit, facts.measures.get(condition.measure)
    else:
        symbol = condition.symbol or rule.symbol or ""
        fact = facts.prices.get(symbol, PriceFact(None))
        label = f"{symbol} {condition.type}"
        value, before, unit = _market_value(condition.type, fact)
    value = _known(value)
    crossing = condition.operator.startswith("crosses")
    reason = ""
    if value is None:
        reason = f"{label} is missing"
    elif crossing and _known(before) is None:
        reason = f"{label} of the session before is missing"
    holds = None if reason else _compare(value, condition.operator, condition.value, before)
    return Observation(
        condition=describe(condition, rule),
        label=label,
        operator=condition.operator,
        threshold=condition.value,
        value=value,
        unit=unit,
        holds=holds,
        reason=reason,
    )


def _market_value(kind: str, fact: PriceFact) -> tuple[float | None, float | None, str]:
    if kind == "price":
        return fact.price, fact.previous, ""
    if kind == "volume":
        return fact.volume, None, "units"
    price, previous = _known(fact.price), _known(fact.previous)
    change = price / previous - 1 if price is not None and previous else None
    return change, None, "fraction"


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _compare(value: float | None, operator: str, threshold: float, before: float | None) -> bool:
    if value is None:
        return False
    if operator == "crosses_above":
        return value > threshold and before is not None and before <= threshold
    if operator == "crosses_below":
        return value < threshold and before is not None and before >= threshold
    return {
        ">": value > threshold,
        ">=": value >= threshold,
        "<": value < threshold,
        "<=": value <= threshold,
    }[operator]
