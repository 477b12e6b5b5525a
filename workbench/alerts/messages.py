"""The words of an alert: plain text for people, and the same as data for programs.

Names, symbols and errors come from outside and are kept as they are, except that a title stays on
one line; escaping belongs to the page that shows them.
"""

from typing import Any

from workbench.alerts.evaluation import Evaluation, Firing, Observation
from workbench.errors import ArgumentError

_LONGEST_TITLE = 200
_LONGEST_ERROR = 2000


def alert_message(fired: Evaluation | Firing) -> dict[str, Any]:
    """Return the message of a firing: title and body in plain text, and the facts behind it.

    Parameters
    ----------
    fired : Evaluation or Firing
        An evaluation that fired stands for its first firing; see `alert_messages` for all.

    Returns
    -------
    dict
        name, severity, kind, symbol, fact_key, title, body, facts, as_of, session; JSON's types.

    Raises
    ------
    ArgumentError
        If the evaluation did not fire.
    """
    if isinstance(fired, Evaluation):
        if not fired.firings:
            raise ArgumentError(f"The rule is {fired.status}; only one that fired has a message.")
        return alert_message(fired.firings[0])
    return {
        "name": fired.rule,
        "severity": fired.severity,
        "kind": fired.kind,
        "symbol": fired.symbol,
        "fact_key": fired.fact_key,
        "title": _one_line(_title(fired)),
        "body": _body(fired),
        "facts": [_fact(observation) for observation in fired.observations],
        "as_of": fired.as_of.isoformat(),
        "session": fired.session.isoformat(),
    }


def alert_messages(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the message of every firing: none of a quiet rule, several where several runs failed."""
    return [alert_message(firing) for firing in evaluation.firings]


def _title(firing: Firing) -> str:
    if firing.failed_run:
        return f"{firing.rule}: {firing.failed_run.pipeline} {firing.observations[0].operator}"
    telling = [o for o in firing.observations if o.holds]
    rest = f" and {len(telling) - 1} more" if len(telling) > 1 else ""
    return f"{firing.rule}: {telling[0].label} {_amount(telling[0], telling[0].value)}{rest}"


def _body(firing: Firing) -> str:
    lines = [_sentence(firing, observation) for observation in firing.observations]
    if firing.failed_run and firing.failed_run.error:
        lines.append(firing.failed_run.error[:_LONGEST_ERROR])
    as_of = firing.as_of_text or f"{firing.as_of:%Y-%m-%d %H:%M %Z}"
    lines.append(f"As of {as_of}.")
    if firing.source:
        lines.append(f"Source: {firing.source}.")
    return "\n".join(lines)


def _sentence(firing: Firing, observation: Observation) -> str:
    if firing.failed_run:
        return f"{observation.label} {observation.operator}."
    if observation.holds is None:
        return f"{observation.condition}: not known, {observation.reason}."
    found = _amount(observation, observation.value)
    met = "holds" if observation.holds else "does not hold"
    return f"{observation.condition}: it is {found}, so this {met}."


def _amount(observation: Observation, value: float | None) -> str:
    if value is None:
        return "missing"
    if observation.unit == "fraction":
        return f"{value * 100:+.4g} %"
    if observation.unit == "units":
        return f"{value:,.0f}"
    if observation.unit.startswith("$"):
        return f"{value:,.0f} {observation.unit}".replace("-", "\N{MINUS SIGN}")
    # A price keeps its own decimals: 180.01 must not be shown as 180.
    return f"{value:,.10g}"


def _fact(observation: Observation) -> dict[str, Any]:
    return {
        "condition": observation.condition,
        "label": observation.label,
        "operator": observation.operator,
        "threshold": observation.threshold,
        "value": observation.value,
        "unit": observation.unit,
        "holds": observation.holds,
    }


def _one_line(text: str) -> str:
    """Keep a title on one line: a line break in a name could pass for a header of a mail."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= _LONGEST_TITLE else f"{flat[: _LONGEST_TITLE - 1]}…"
