"""The morning risk report as one self-contained A4 page: no script, no request, inline SVG only."""

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from workbench.reports import drawings
from workbench.reports.morning_risk import MorningRisk, shock_label, shocks_of
from workbench.reports.numbers import MISSING, finite, money, percent, points, shock, written
from workbench.reports.templates import template

MOST_POSITIONS = 24
MOST_ALERTS = 8
MOST_STEPS = 5
SHOWN_SESSIONS = 64
THOUSANDS_FROM = 10_000
STATES = {
    "ok": "",
    "stale": "earlier price",
    "no_quote": "no price",
    "no_bid": "no bid",
    "crossed": "bid above ask",
    "unadjusted": "terms changed by a split",
    "other_currency": "other currency",
    "expired": "expired",
}
SEVERITIES = {"info": "○", "warn": "▲", "breach": "◆", "critical": "■"}


def render_morning_risk(data: MorningRisk) -> str:
    """Return the report as an HTML page that needs nothing but itself; equal data give equal bytes.

    Parameters
    ----------
    data : MorningRisk
        What it shows. Text from outside (symbols, sources, alerts, names) is escaped.
    """
    headline = data.headline
    moment = headline.as_of
    return template("morning_risk.html.j2").render(
        data=data,
        headline=headline,
        moment=moment,
        message_lines=[line for line in (data.day_sentence, data.worst_sentence) if line],
        keys=_key_figures(data),
        why=_why(data),
        price=_price(data),
        grid=_grid(data),
        positions=_positions(data),
        greeks=_greeks(data),
        backtest=_backtest(data),
        alerts=_alerts(data),
        about=_about(data),
        sessions=SHOWN_SESSIONS,
    )


def _key_figures(data: MorningRisk) -> list[dict[str, str]]:
    head = data.headline
    day = f"{head.as_of.session:%A}"
    level = percent(head.confidence, 0 if round(head.confidence * 100, 6).is_integer() else 1)
    worst = (
        shock_label(head.worst_spot, head.worst_volatility)
        if finite(head.worst_spot) is not None
        else MISSING
    )
    return [
        _figure(f"P&L {day[:3]}", head.day_pnl, "the last session", signed=True),
        _figure("P&L", head.pnl, "since first fill", signed=True),
        _figure("Value", head.book_value, "of the book"),
        _figure("Delta", head.dollar_delta, "net, of spot"),
        _figure(f"VaR {level}", head.value_at_risk, f"{head.observations} sessions"),
        _figure(f"ES {level}", head.expected_shortfall, "beyond VaR"),
        _figure("Worst cell", head.worst_pnl, worst, signed=True),
    ]


def _figure(label: str, value: Any, note: str, *, signed: bool = False) -> dict[str, str]:
    number = finite(value)
    tone = "" if not signed or not number else ("gain" if number > 0 else "loss")
    return {"label": label, "unit": "$", "value": written(value, signed=signed), "note": note, "tone": tone}


def _why(data: MorningRisk) -> dict[str, Any] | None:
    """Return what the last session's P&L is made of, by underlying."""
    frame = data.positions
    if frame.empty or not frame["day_pnl"].notna().any():
        return None
    sums = frame.groupby("underlying")["day_pnl"].sum().sort_values()
    total = finite(data.headline.day_pnl) or 0.0
    largest = sums.loc[sums.abs().sort_values(ascending=False, kind="stable").index]
    shown = largest.head(MOST_STEPS).sort_values()
    steps = [(str(name), float(amount)) for name, amount in shown.items()]
    # Positions closed since then belong to the day too, but have left the table.
    rest = total - sum(amount for _, amount in steps)
    if round(rest) != 0:
        steps.append(("Other" if len(largest) > MOST_STEPS else "Closed", rest))
    name, amount = max(steps, key=lambda step: abs(step[1]))
    verb = "made" if amount > 0 else "cost"
    title = f"{name} {verb} most, {money(amount)}" if len(steps) > 1 else f"{name} {verb} it all"
    told = ", ".join(f"{part} {written(value, signed=True)}" for part, value in steps)
    picture = drawings.waterfall(steps, summary=f"P&L by underlying in dollars: {told}.")
    return {"title": title, "note": "P&L of the last session, $ by underlying", "picture": picture}


def _price(data: MorningRisk) -> dict[str, Any] | None:
    """Return the underlying that matters most, with the strikes that the book holds."""
    frame = data.positions
    if frame.empty:
        return None
    weights = (
        frame.groupby("underlying")["dollar_delta"].sum().abs().sort_values(ascending=False, kind="stable")
    )
    name = next((str(each) for each in weights.index if len(_recent(data, str(each))) > 1), None)
    if name is None:
        return None
    closes = _recent(data, name)
    change = float(closes.iloc[-1] / closes.iloc[-2] - 1)
    moved = "fell" if change < 0 else "rose"
    day = f"{data.headline.as_of.session:%A}"
    title = (
        f"{name} {moved} {percent(abs(change), 2)} on {day}" if round(change, 4) else f"{name} did not move"
    )
    options = frame[frame["underlying"].eq(name) & frame["kind"].ne("share")]
    levels = [
        drawings.Level(
            float(row["strike"]), f"{written(row['quantity'], signed=True)} × {row['strike']:g} {row['kind']}"
        )
        for row in options.sort_values(["strike", "kind"]).to_dict("records")
        if finite(row["strike"]) is not None
    ][:9]
    told = f"{name} closed at {written(closes.iloc[-1], 2)} dollars, {len(closes)} sessions are drawn."
    note = f"{name} close, $" + ("; our strikes at the right" if levels else "")
    return {"title": title, "note": note, "picture": drawings.price_line(closes, levels, summary=told)}


def _recent(data: MorningRisk, name: str) -> "pd.Series[float]":
    closes = data.closes.get(name)
    return pd.Series(dtype="float64") if closes is None else closes.dropna().tail(SHOWN_SESSIONS)


def _grid(data: MorningRisk) -> dict[str, Any] | None:
    """Return the scenario grid as rows of cells, volatility down from the highest."""
    grid = data.grid
    if grid.empty:
        return None
    spots, volatilities = shocks_of(grid)
    amounts = grid.to_numpy("float64")
    largest = float(np.nanmax(np.abs(amounts))) if np.isfinite(amounts).any() else 0.0
    thousands = largest >= THOUSANDS_FROM
    worst = finite(data.headline.worst_pnl)
    rows = []
    for volatility in volatilities:
        cells = []
        for spot in spots:
            value = finite(grid.at[spot, volatility])
            fill, ink = drawings.cell_colours(value or 0.0, largest)
            text = (
                written(value / 1000, 1, signed=True)
                if value is not None and thousands
                else written(value, signed=True)
            )
            is_worst = (spot, volatility) == (data.headline.worst_spot, data.headline.worst_volatility)
            cells.append(
                {
                    "text": text,
                    "style": Markup(f"background:{fill};color:{ink}"),  # noqa: S704 - both from our tokens
                    "now": spot == 0 and volatility == 0,
                    "worst": is_worst,
                }
            )
        rows.append({"label": points(volatility), "cells": cells})
    if worst is None or worst >= 0:
        title = f"None of {grid.size} scenarios loses money"
    else:
        title = f"The worst of {grid.size} scenarios would cost {money(worst)}"
    unit = "thousand $" if thousands else "$"
    note = (
        f"P&L if all underlyings (across) and volatilities (down) move tonight, {unit}; underlined: the worst"
    )
    return {"title": title, "note": note, "spots": [shock(spot) for spot in spots], "rows": rows}


def _positions(data: MorningRisk) -> dict[str, Any] | None:
    frame = data.positions
    if frame.empty:
        return None
    ordered = frame.sort_values(["day_pnl", "symbol"], na_position="last", kind="stable")
    rows = []
    for row in ordered.head(MOST_POSITIONS).to_dict("records"):
        rows.append(
            {
                "name": row["description"],
                "symbol": row["symbol"],
                "modelled": bool(row.get("modelled") is True),
                "state": STATES.get(str(row["price_status"]), str(row["price_status"])),
                "cells": [
                    written(row["quantity"], _lot_digits(row["quantity"])),
                    written(row["price"], 2),
                    written(row["value"]),
                    _toned(row["day_pnl"]),
                    _toned(row["pnl"]),
                    written(row["dollar_delta"]),
                    written(_times(row["volatility"], 100), 1) if row["kind"] != "share" else "",
                ],
            }
        )
    head = data.headline
    closed = "open and closed"
    total = [
        "",
        "",
        written(head.book_value),
        _toned(head.day_pnl),
        _toned(head.pnl),
        written(head.dollar_delta),
        "",
    ]
    losing = int((frame["day_pnl"] < 0).sum())
    title = f"{losing} of {len(frame)} positions lost money on {head.as_of.session:%A}"
    return {"title": title, "rows": rows, "total": total, "closed": closed, "more": len(frame) - len(rows)}


def _greeks(data: MorningRisk) -> dict[str, Any] | None:
    frame = data.greeks
    if frame.empty:
        return None
    rows = []
    for name, row in frame.iterrows():
        closes = _recent(data, str(name))
        rows.append(
            {
                "name": str(name),
                "spark": drawings.sparkline(closes) if len(closes) > 1 else "",
                "total": name == frame.index[-1],
                "cells": [
                    written(row["value"]),
                    written(row["delta_shares"], 1),
                    written(row["dollar_delta"]),
                    written(row["dollar_gamma_1pct"]),
                    written(row["vega_point"]),
                    written(row["theta_day"]),
                    written(row["rho_point"]),
                ],
            }
        )
    parts = frame.iloc[:-1]
    title = "Greeks by underlying"
    whole = finite(frame["dollar_delta"].iloc[-1])
    if len(parts) > 1 and whole and parts["dollar_delta"].notna().any():
        largest = int(parts["dollar_delta"].abs().fillna(0.0).to_numpy().argmax())
        amount = written(parts["dollar_delta"].iloc[largest])
        told = f"{amount}\u00a0$; the book has {written(whole)}\u00a0$"
        title = f"{parts.index[largest]} has the largest delta, {told}"
    return {"title": title, "rows": rows}


def _backtest(data: MorningRisk) -> dict[str, Any] | None:
    document = data.shown_backtest
    if document is None:
        return None
    results = document["results"]
    curve = document["equity_curve"]
    equity = pd.Series(
        [float(point["value"]) for point in curve], index=pd.to_datetime([point["date"] for point in curve])
    )
    strategy = str(document.get("strategy") or "Strategy")
    symbol = str(document.get("symbol") or document["parameters"].get("symbol", ""))
    verb = "returned" if (finite(results["total_return_pct"]) or 0.0) >= 0 else "lost"
    size = written(abs(finite(results["total_return_pct"]) or 0.0))
    deepest = written(abs(finite(results["max_drawdown_pct"]) or 0.0))
    title = f"{strategy} on {symbol} {verb} {size} %, falling {deepest} % at its worst"
    figures = [
        ("Per year, %", written(results["annualized_return_pct"], 1, signed=True)),
        ("Sharpe ratio", written(results["sharpe_ratio"], 2)),
        ("Deepest fall, %", written(results["max_drawdown_pct"], 1)),
        ("Closed trades", written(results["total_trades"])),
        ("Win rate, %", written(results["win_rate"], 1)),
        ("Profit factor", written(results["profit_factor"], 2)),
    ]
    parameters = document["parameters"]
    costs = [
        f"{name} {percent(parameters[key], 2)}"
        for key, name in (("fee", "fee"), ("commission", "commission"), ("slippage", "slippage"))
        if isinstance(parameters.get(key), (int, float))
    ]
    paid = f" after costs ({', '.join(costs)})" if costs else " after costs"
    note = f"Equity{paid}, $, over drawdown; {curve[0]['date'][:10]} to {curve[-1]['date'][:10]}"
    told = f"Equity went from {written(equity.iloc[0])} to {written(equity.iloc[-1])} dollars."
    picture = drawings.equity_over_drawdown(equity, summary=told)
    return {"title": title, "note": note, "figures": figures, "picture": picture}


def _alerts(data: MorningRisk) -> dict[str, Any]:
    frame = data.shown_alerts
    rows = []
    for row in frame.head(MOST_ALERTS).to_dict("records"):
        severity = str(row["severity"])
        rows.append(
            {
                "severity": severity,
                "mark": SEVERITIES.get(severity, "○"),
                "title": row["title"],
                "body": row["body"],
                "as_of": f"{pd.Timestamp(row['as_of']):%Y-%m-%d %H:%M}",
                "state": "open" if pd.isna(row["acknowledged_at"]) else f"seen by {row['acknowledged_by']}",
            }
        )
    count = int(frame["acknowledged_at"].isna().sum()) if len(frame) else 0
    title = "No alert is open" if count == 0 else f"{count} alert{'s are' if count > 1 else ' is'} open"
    return {"title": title, "rows": rows, "more": len(frame) - len(rows)}


def _about_options(data: MorningRisk) -> list[str]:
    """Return by which models the options count, and what was assumed of their carry."""
    options = data.positions[data.positions["kind"].ne("share")] if len(data.positions) else data.positions
    if options.empty:
        return []
    american = int(options["exercise"].eq("american").sum())
    told = options["carry"].eq("parity")
    rates = options.loc[told, "rate"]
    own_rate = " where the quotes do not tell it" if rates.ne(data.rate).any() else ""
    return [
        f"Options are valued by the exercise that their quotes state: {american} American with early "
        f"exercise, {len(options) - american} European by Black-Scholes-Merton; volatilities are implied by "
        "mid prices.",
        f"Calls and puts of the chain tell the forward of {int(told.sum())} of {len(options)} options. "
        f"Assumed: interest rate {percent(data.rate, 2)}{own_rate}, and for the other options a dividend "
        f"yield of {percent(data.dividend_yield, 2)}, a year, continuously compounded; time to expiry counts "
        "calendar days over 365.",
    ]


def _about(data: MorningRisk) -> list[str]:
    """Return what is modelled and assumed, in sentences."""
    head = data.headline
    sentences = []
    if head.as_of.label:
        sentences.append(f"This is {head.as_of.label}: figures are as of {head.as_of.session}, not of today.")
    if head.modelled:
        sentences.append(
            "Option prices are modelled from the prices of their underlyings and are not quotes of a market."
        )
    sentences += _about_options(data)
    sentences.append(
        "Scenarios reprice every leg: all underlyings move by the same percentage, all volatilities by the "
        "same points."
    )
    sentences.append(
        f"VaR and ES apply each of the last {head.observations} sessions' moves to this book, volatilities "
        "unchanged; ES is the mean of the losses beyond VaR."
    )
    if head.unpriced:
        some = "1 position is" if head.unpriced == 1 else f"{head.unpriced} positions are"
        sentences.append(f"{some} left out of Greeks, scenarios and VaR: a price or volatility is missing.")
    return sentences + list(head.findings)


def _toned(value: Any) -> Markup:
    number = finite(value)
    text = written(value, signed=True)
    if not number or text == MISSING:
        return Markup(text)  # noqa: S704 - a number that we wrote
    return Markup('<span class="{}">{}</span>').format("gain" if number > 0 else "loss", text)


def _times(value: Any, factor: float) -> float | None:
    number = finite(value)
    return None if number is None else number * factor


def _lot_digits(quantity: Any) -> int:
    number = finite(quantity)
    return 0 if number is None or float(number).is_integer() else 2
