"""Whether a result document's headline follows from its own curve and trades."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from workbench.backtest.headline import HEADLINE_FIELDS, annualized_pct, headline
from workbench.errors import BacktestInputError

_TRADE_FIELDS = (
    "entry_date",
    "exit_date",
    "symbol",
    "side",
    "entry_price",
    "exit_price",
    "quantity",
    "pnl",
    "pnl_pct",
)
# Without the trades only means are known, and those may hide uneven sizes: a wider net.
_IMPLIED_TOLERANCE = 0.05


def check_document(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Recompute a document's headline from its curve and trades and name what does not agree.

    Parameters
    ----------
    document : mapping
        A result document: `parameters`, `results`, `equity_curve`, `trades`.

    Returns
    -------
    tuple of str
        One sentence an inconsistency; empty when the document holds together. A number counts as
        right within half a unit of the last decimal that the document gives it.

    Notes
    -----
    Where curve or trades are missing, that is itself a finding, and the headline is still held
    against itself: the yearly return against total and dates, the profit factor against win rate
    and mean win and loss.
    """
    if not isinstance(document, Mapping):
        return (f"The document is a {type(document).__name__}; a result document is an object.",)
    results = document.get("results", document)
    parameters = document.get("parameters") or {}
    if not isinstance(results, Mapping) or not isinstance(parameters, Mapping):
        return ("`results` and `parameters` must be objects.",)
    findings = [f"`{name}` is missing." for name in HEADLINE_FIELDS if name not in results]
    findings += [
        f"`{name}` is {value!r}, which is no finite number."
        for name in HEADLINE_FIELDS
        if (value := results.get(name)) is not None and _number(value) is None
    ]
    curve, curve_findings = _read_curve(document.get("equity_curve"))
    trades, trade_findings = _read_trades(document.get("trades"), parameters)
    findings += curve_findings + trade_findings
    findings += _against_itself(results, parameters, curve)
    if curve is not None and trades is not None:
        findings += _against_evidence(results, parameters, curve, trades)
    return tuple(findings)


def require_consistent(document: Mapping[str, Any]) -> None:
    """Refuse a document whose figures do not follow from its own curve and trades.

    Raises
    ------
    BacktestInputError
        Naming every inconsistency that `check_document` finds.
    """
    findings = check_document(document)
    if findings:
        raise BacktestInputError(f"The result document contradicts itself: {' '.join(findings)}")


def _against_evidence(
    results: Mapping[str, Any], parameters: Mapping[str, Any], curve: pd.Series, trades: pd.DataFrame
) -> list[str]:
    capital = _number(parameters.get("initial_capital"))
    if capital is None or capital <= 0:
        capital = float(curve.iloc[0])
    derived = headline(curve, trades, initial_capital=capital)
    findings = []
    for name in HEADLINE_FIELDS:
        if name not in results:
            continue
        claimed, true = results[name], derived.figures[name]
        if claimed is None and true is None:
            continue
        if true is None:
            findings.append(f"`{name}` is {claimed!r} but is not defined here: {derived.reasons[name]}.")
        elif not _agrees(claimed, true):
            findings.append(f"`{name}` is {claimed!r}; curve and trades give {true:.6g}.")
    return findings


def _against_itself(
    results: Mapping[str, Any], parameters: Mapping[str, Any], curve: pd.Series | None
) -> list[str]:
    findings = []
    total, yearly = _number(results.get("total_return_pct")), _number(results.get("annualized_return_pct"))
    start, end = _date(parameters.get("start_date")), _date(parameters.get("end_date"))
    if curve is None and None not in (total, yearly, start, end):
        true = annualized_pct(total, (end - start).days)  # type: ignore[arg-type,operator]
        if true is not None and not _agrees(results["annualized_return_pct"], true):
            findings.append(
                f"`annualized_return_pct` is {yearly:g}; a total return of {total:g} % from {start} to {end} "
                f"is {true:.1f} % a year."
            )
    wins, mean_win, mean_loss, factor = (
        _number(results.get(name)) for name in ("win_rate", "avg_win_pct", "avg_loss_pct", "profit_factor")
    )
    if curve is None and None not in (wins, mean_win, mean_loss, factor) and 0 < wins < 100 and mean_loss < 0:  # type: ignore[operator]
        implied = wins * mean_win / ((100 - wins) * -mean_loss)  # type: ignore[operator]
        if abs(implied / factor - 1) > _IMPLIED_TOLERANCE if factor else implied > 0:  # type: ignore[operator]
            findings.append(
                f"`profit_factor` is {factor:g}; {wins:g} % wins of {mean_win:g} % against losses of "
                f"{mean_loss:g} % suggest {implied:.1f}."
            )
    return findings


def _read_curve(points: Any) -> tuple[pd.Series | None, list[str]]:
    if not isinstance(points, list) or not points:
        return None, ["`equity_curve` is missing, so the headline has nothing to be derived from."]
    values, times = [], []
    for row, point in enumerate(points):
        value = _number(point.get("value")) if isinstance(point, Mapping) else None
        time = _time(point.get("date")) if isinstance(point, Mapping) else None
        if value is None or value <= 0 or time is None:
            return None, [f"`equity_curve` point {row} is {point!r}; it needs a date and a value above zero."]
        values.append(value)
        times.append(time)
    index = pd.DatetimeIndex(times)
    if not index.is_monotonic_increasing or not index.is_unique:
        return None, ["`equity_curve` dates do not ascend without repeats."]
    return pd.Series(values, index=index), []


def _read_trades(trades: Any, parameters: Mapping[str, Any]) -> tuple[pd.DataFrame | None, list[str]]:
    if not isinstance(trades, list):
        return None, ["`trades` is missing, so the trade figures have nothing to be derived from."]
    findings, rows = [], []
    for row, trade in enumerate(trades):
        fault = _trade_fault(trade, parameters)
        if fault:
            findings.append(f"Trade {row}: {fault}")
        else:
            rows.append({"pnl": float(trade["pnl"]), "pnl_pct": float(trade["pnl_pct"])})
    if len(rows) < len(trades):
        return None, findings
    return pd.DataFrame(rows, columns=["pnl", "pnl_pct"]), findings


def _trade_fault(trade: Any, parameters: Mapping[str, Any]) -> str:
    """Say what is wrong with one trade; its P&L may be before the stated costs, or after them."""
    if not isinstance(trade, Mapping) or any(name not in trade for name in _TRADE_FIELDS):
        return f"it needs {', '.join(_TRADE_FIELDS)}."
    names = ("entry_price", "exit_price", "quantity", "pnl", "pnl_pct")
    numbers = [_number(trade[name]) for name in names]
    if None in numbers:
        return f"`{names[numbers.index(None)]}` is no finite number."
    entry, leave, quantity, _, _ = numbers
    entered, left = _time(trade["entry_date"]), _time(trade["exit_date"])
    if entered is None or left is None or left < entered:
        return f"it ends on {trade['exit_date']!r} and begins on {trade['entry_date']!r}."
    if trade["side"] not in ("long", "short"):
        return f"`side` is {trade['side']!r}; it is 'long' or 'short'."
    if min(entry, leave, quantity) <= 0:  # type: ignore[type-var]
        return "prices and quantity must be above zero."
    gross = (leave - entry) * quantity * (1 if trade["side"] == "long" else -1)  # type: ignore[operator]
    commission, fixed = (_number(parameters.get(name)) or 0.0 for name in ("commission", "fixed_fee"))
    net = gross - commission * (entry + leave) * quantity - 2 * fixed  # type: ignore[operator]
    if not _agrees(trade["pnl"], gross) and not _agrees(trade["pnl"], net):
        return f"`pnl` is {trade['pnl']!r}; its prices give {gross:.6g} before costs and {net:.6g} after."
    percent = float(trade["pnl"]) / (entry * quantity) * 100  # type: ignore[operator]
    if not _agrees(trade["pnl_pct"], percent):
        return f"`pnl_pct` is {trade['pnl_pct']!r}; its P&L is {percent:.6g} % of its entry value."
    return ""


def _agrees(claimed: Any, true: float) -> bool:
    """Compare within half a unit of the claim's last decimal, or a rounding error of the arithmetic."""
    value = _number(claimed)
    if value is None:
        return False
    exponent = Decimal(str(claimed)).normalize().as_tuple().exponent
    half_unit = 0.5 * 10.0 ** min(int(exponent), 0) if isinstance(exponent, int) else 0.0
    return abs(value - true) <= max(half_unit * (1 + 1e-9), 1e-9 * max(abs(true), 1.0))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)


def _time(value: Any) -> pd.Timestamp | None:
    try:
        time = pd.Timestamp(value) if isinstance(value, str) else pd.NaT
    except (ValueError, OverflowError):
        return None
    if time is pd.NaT:
        return None
    return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")


def _date(value: Any) -> date | None:
    time = _time(value)
    return None if time is None else time.date()
