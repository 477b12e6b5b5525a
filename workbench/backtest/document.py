"""Whether a result document's headline follows from its own curve and trades."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import inf, isfinite, nan
from typing import Any

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
_LARGEST = 1e300


def check_document(document: Any) -> tuple[str, ...]:
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
    results, parameters = document.get("results"), document.get("parameters")
    if not isinstance(results, Mapping) or not isinstance(parameters, Mapping):
        return ("`results` and `parameters` must be objects.",)
    findings = [f"`{name}` is missing." for name in HEADLINE_FIELDS if name not in results]
    findings += [
        f"`{name}` is {results[name]!r}, which is no finite number."
        for name in HEADLINE_FIELDS
        if results.get(name) is not None and not isfinite(_number(results[name]))
    ]
    curve, curve_findings = _read_curve(document.get("equity_curve"), parameters)
    trades, trade_findings = _read_trades(document.get("trades"), parameters)
    findings += curve_findings + trade_findings
    if curve is not None and trades is not None:
        findings += _against_evidence(results, parameters, curve, trades)
    else:
        findings += _against_itself(results, parameters)
    return tuple(findings)


def require_consistent(document: Any) -> None:
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
    """Hold every figure against the one derived from curve and trades."""
    capital = _number(parameters.get("initial_capital"))
    derived = headline(curve, trades, initial_capital=capital if capital > 0 else float(curve.iloc[0]))
    findings = []
    for name in HEADLINE_FIELDS:
        claimed, true = results.get(name), derived.figures[name]
        if true is None and claimed is not None:
            findings.append(f"`{name}` is {claimed!r} but is not defined here: {derived.reasons[name]}.")
        elif true is not None and name in results and not _agrees(claimed, true):
            findings.append(f"`{name}` is {claimed!r}; curve and trades give {true:.6g}.")
    return findings


def _against_itself(results: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    """Hold the figures against each other; a comparison with a missing one finds nothing."""
    findings = []
    total, yearly = (_number(results.get(name)) for name in ("total_return_pct", "annualized_return_pct"))
    start, end = _date(parameters.get("start_date")), _date(parameters.get("end_date"))
    if start and end and isfinite(total) and isfinite(yearly):
        true = annualized_pct(total, (end - start).days)
        if true is not None and not _agrees(results["annualized_return_pct"], true):
            findings.append(
                f"`annualized_return_pct` is {yearly:g}; a total return of {total:g} % from {start} to {end} "
                f"is {true:.1f} % a year."
            )
    wins, mean_win, mean_loss, factor = (
        _number(results.get(name)) for name in ("win_rate", "avg_win_pct", "avg_loss_pct", "profit_factor")
    )
    if 0 < wins < 100 and mean_win > 0 > mean_loss:
        implied = wins * mean_win / ((100 - wins) * -mean_loss)
        if abs(factor - implied) > _IMPLIED_TOLERANCE * implied:
            findings.append(
                f"`profit_factor` is {factor:g}; {wins:g} % wins of {mean_win:g} % against losses of "
                f"{mean_loss:g} % suggest {implied:.1f}."
            )
    return findings


def _read_curve(points: Any, parameters: Mapping[str, Any]) -> tuple[pd.Series | None, list[str]]:
    if not isinstance(points, list) or not points:
        return None, ["`equity_curve` is missing, so the headline has nothing to be derived from."]
    entries = [point if isinstance(point, Mapping) else {} for point in points]
    values = [_number(entry.get("value")) for entry in entries]
    index = _times([entry.get("date") for entry in entries])
    for row, (value, time) in enumerate(zip(values, index, strict=True)):
        if not 0 < value < inf or pd.isna(time):
            reason = f"`equity_curve` point {row} is {points[row]!r}; it needs a date and a value above zero."
            return None, [reason]
    if not index.is_monotonic_increasing or not index.is_unique:
        return None, ["`equity_curve` dates do not ascend without repeats."]
    findings = [
        f"`{name}` is {parameters[name]}; the curve {verb} on {true.date()}."
        for name, verb, true in (("start_date", "begins", index[0]), ("end_date", "ends", index[-1]))
        if name in parameters and _date(parameters[name]) != true.date()
    ]
    return pd.Series(values, index=index), findings


def _read_trades(trades: Any, parameters: Mapping[str, Any]) -> tuple[pd.DataFrame | None, list[str]]:
    if not isinstance(trades, list):
        return None, ["`trades` is missing, so the trade figures have nothing to be derived from."]
    faults = [(row, _trade_fault(trade, parameters)) for row, trade in enumerate(trades)]
    findings = [f"Trade {row}: {fault}" for row, fault in faults if fault]
    if findings:
        return None, findings
    rows = [{"pnl": float(trade["pnl"]), "pnl_pct": float(trade["pnl_pct"])} for trade in trades]
    return pd.DataFrame(rows, columns=["pnl", "pnl_pct"]), []


def _trade_fault(trade: Any, parameters: Mapping[str, Any]) -> str:
    """Say what is wrong with one trade; its P&L may be before the stated costs, or after them."""
    if not isinstance(trade, Mapping) or any(name not in trade for name in _TRADE_FIELDS):
        return f"it needs {', '.join(_TRADE_FIELDS)}."
    entered, left = _times([trade["entry_date"], trade["exit_date"]])
    entry, leave, quantity = (_number(trade[name]) for name in ("entry_price", "exit_price", "quantity"))
    fault = ""
    # A missing time compares as False.
    if not entered <= left:
        fault = f"it begins on {trade['entry_date']!r} and ends on {trade['exit_date']!r}."
    elif trade["side"] not in ("long", "short"):
        fault = f"`side` is {trade['side']!r}; it is 'long' or 'short'."
    elif not (entry > 0 and leave > 0 and quantity > 0):
        fault = "prices and quantity must be numbers above zero."
    else:
        gross = (leave - entry) * quantity * (1 if trade["side"] == "long" else -1)
        fee, fixed = (_number(parameters.get(name, 0.0)) for name in ("commission", "fixed_fee"))
        net = gross - fee * (entry + leave) * quantity - 2 * fixed
        percent = _number(trade["pnl"]) / (entry * quantity) * 100
        if not _agrees(trade["pnl"], gross) and not _agrees(trade["pnl"], net):
            fault = f"`pnl` is {trade['pnl']!r}; its prices give {gross:.6g} before costs, {net:.6g} after."
        elif not _agrees(trade["pnl_pct"], percent):
            fault = f"`pnl_pct` is {trade['pnl_pct']!r}; its P&L is {percent:.6g} % of its entry value."
    return fault


def _agrees(claimed: Any, true: float) -> bool:
    """Compare within half a unit of the claim's last decimal, or a rounding error of the arithmetic."""
    value = _number(claimed)
    if not isfinite(value):
        return False
    # 16.2 is right from 16.15 to 16.25; a whole number from half below to half above.
    exponent = Decimal(str(claimed)).as_tuple().exponent
    half_unit = 0.5 * 10.0 ** min(int(exponent), 0)
    return abs(value - true) <= max(half_unit * (1 + 1e-9), 1e-9 * max(abs(true), 1.0))


def _number(value: Any) -> float:
    """Return a JSON number as a float, NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nan
    # An integer of hundreds of digits is JSON too, and no money.
    return float(value) if abs(value) < _LARGEST else nan


def _times(values: list[Any]) -> pd.DatetimeIndex:
    """Read ISO dates and instants; what is none becomes NaT."""
    # pandas also reads "now" and "today", which are a clock and not a date.
    texts = [value if isinstance(value, str) and value[:1].isdigit() else "" for value in values]
    return pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")


def _date(value: Any) -> date | None:
    time = _times([value])[0]
    return None if pd.isna(time) else time.date()
