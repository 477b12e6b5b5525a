"""The parts of the book page that are plain HTML: pure functions of frames and results.

Text from outside (names, sources, findings) is escaped here and nowhere else.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots import percent, points, written

HEADLINE_FIGURES = (
    "book_value",
    "pnl",
    "day_pnl",
    "dollar_delta",
    "value_at_risk",
    "expected_shortfall",
    "worst_pnl",
)


_COMMAND = re.compile(r"`([^`<>]+)`")  # what is to be typed


def _icon(shape: str) -> str:
    return f'<svg viewBox="0 0 10 10" aria-hidden="true" fill="none" stroke="currentColor">{shape}</svg>'


HATCH = _icon('<path d="M1 5 5 1M1 9 9 1M5 9 9 5" stroke-width="1.4"/>')
CLOCK = _icon('<circle cx="5" cy="5" r="4"/><path d="M5 2.6V5l1.8 1"/>')
DOT = _icon('<circle cx="5" cy="5" r="3" fill="currentColor" stroke="none"/>')
FLAG = _icon('<path d="M2 9V1h6L6 3l2 2H2" stroke-width="1.2"/>')
MODELLED = f'<span class="wb-chip modelled" title="Computed by a model, not observed">{HATCH}modelled</span>'


def header_html(headline: Any, *, role: str, freshness: tuple[str, str]) -> str:
    """Return the page's header: title, as-of with its zone, source, and chips for what to know first.

    Parameters
    ----------
    headline : workbench.desk Headline
        Its as-of, source, modelled, findings.
    role : str
        What the reader may do.
    freshness : (str, str)
        ``"fresh"`` or ``"stale"``, and the words of the chip.
    """
    state, words = freshness
    chips = [f'<span class="wb-chip {state}">{DOT if state == "fresh" else CLOCK}{escape(words)}</span>']
    if headline.modelled:
        chips.append(f'<span class="wb-chip modelled">{HATCH}modelled options</span>')
    if headline.findings:
        count = len(headline.findings)
        lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in headline.findings)
        chips.append(
            f'<details class="wb-found"><summary class="wb-chip found">{FLAG}{count} finding'
            f"{'' if count == 1 else 's'}</summary><ul>{lines}</ul></details>"
        )
    as_of, source = escape(headline.as_of.text), escape(headline.source)
    return (
        f'<header class="wb-head"><h1>Book and risk</h1><span>As of <strong>{as_of}</strong></span>'
        f'<span class="wb-source" title="{source}">Source: {source}</span>'
        f"{''.join(chips)}<span>Role: {escape(role)}</span></header>"
    )


def figures_html(headline: Any) -> str:
    """Return the strip of key figures; each carries its exact value as `data-value`."""
    level = percent(headline.confidence, 0 if round(headline.confidence * 100, 6) % 1 == 0 else 1)
    worst = f"{percent(headline.worst_spot, signed=True)}, {points(headline.worst_volatility, signed=True)}"
    figures = (
        _figure("book_value", "Book value", "$", headline.book_value, "open positions at their marks"),
        _figure(
            "pnl", "P&L since first fill", "$", headline.pnl,
            f'<span class="{_sign(headline.day_pnl)}" {_named("day_pnl", headline.day_pnl)}>'
            f"{written(headline.day_pnl, signed=True)}</span> in the last session",
            signed=True,
        ),
        _figure(
            "dollar_delta", "Net dollar delta", "$", headline.dollar_delta,
            f"{written(headline.dollar_delta / 100, signed=True)} $ per 1 %",
        ),
        _figure("vega_point", "Vega", "$ per pt", headline.vega_point, "all volatilities together"),
        _figure("theta_day", "Theta", "$ per day", headline.theta_day, "calendar day", plus=True),
        _figure(
            "value_at_risk", f"VaR {level}, one day", "$", headline.value_at_risk,
            f"ES <span {_named('expected_shortfall', headline.expected_shortfall)}>"
            f"{written(headline.expected_shortfall)}</span>, {headline.observations} sessions",
        ),
        _figure("worst_pnl", "Worst of the grid", "$", headline.worst_pnl, f"at {worst}", signed=True),
    )  # fmt: skip
    return f'<dl class="wb-figures">{"".join(figures)}</dl>'


def _figure(
    name: str, label: str, unit: str, value: float, why: str, *, signed: bool = False, plus: bool = False
) -> str:
    tone = _sign(value) if signed else ""
    return (
        f'<div class="wb-figure"><dt><span>{escape(label)}</span>'
        f'<span class="wb-unit">{escape(unit)}</span></dt>'
        f'<dd><div class="wb-value {tone}" {_named(name, value)}>'
        f'{written(value, signed=signed or plus)}</div><div class="wb-why">{why}</div></dd></div>'
    )


def scenario_title_html(unit: str, *, days: float) -> str:
    """Return the head of the heatmap's card."""
    when = "tonight" if days == 0 else f"in {written(days)} day{'' if days == 1 else 's'}"
    return (
        f'<div class="wb-title"><h2>If prices and volatility move {when}</h2>'
        f"<span>P&amp;L, {escape(unit)}; framed: now</span>{MODELLED}</div>"
    )


def grid_table_html(grid: pd.DataFrame, summary: str) -> str:
    """Return the heatmap's numbers as a table that is read but not seen, after its one-sentence summary."""
    head = "".join(f'<th scope="col">{points(v, signed=True)}</th>' for v in grid.columns.to_numpy(float))
    rows = "".join(
        f'<tr><th scope="row">{percent(spot, signed=True)}</th>'
        + "".join(f"<td>{written(value, signed=True)}</td>" for value in row)
        + "</tr>"
        for spot, row in zip(grid.index, grid.to_numpy(), strict=True)
    )
    caption = "P&amp;L in $ by change of spot and of volatility"
    return (
        f'<div class="wb-hidden"><p>{escape(summary)}</p><table><caption>{caption}</caption>'
        f'<thead><tr><th scope="col">Spot</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def scenario_result_html(pnl: float, by_underlying: pd.Series, *, words: str, skipped: int) -> str:
    """Return what one scenario does: to the whole book, then to each underlying, worst first.

    Parameters
    ----------
    pnl : float
        Of the book, money.
    by_underlying : Series
        P&L of each underlying, money.
    words : str
        The scenario, as in "prices −5 %, volatility +4 pt".
    skipped : int
        Positions that could not be revalued.
    """
    room = float(by_underlying.abs().max()) if len(by_underlying) else 0.0
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td class="wb-side">{_bar(value, room)}</td>'
        f'<td class="{_sign(value)}">{written(value, signed=True)}</td></tr>'
        for name, value in by_underlying.sort_values().items()
    )
    note = (
        f'<p class="wb-why">{skipped} position(s) could not be revalued; see findings.</p>' if skipped else ""
    )
    return (
        f'<div class="wb-result" aria-live="polite"><span class="wb-value {_sign(pnl)}" '
        f'{_named("scenario_pnl", pnl)}>{written(pnl, signed=True)}</span><span class="wb-unit">$</span>'
        f"<span>{escape(words)}</span></div>"
        '<table><thead><tr><th scope="col">Underlying</th>'
        '<th scope="col" colspan="2">P&amp;L, $</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{note}"
    )


def exposure_html(greeks: pd.DataFrame, *, chosen: str) -> str:
    """Return exposure by underlying as a table, with the book as its last row."""
    columns = (
        ("Value,<br>$", "value"),
        ("Delta,<br>$", "dollar_delta"),
        ("Gamma,<br>$ per 1 %", "dollar_gamma_1pct"),
        ("Vega,<br>$ per pt", "vega_point"),
        ("Theta,<br>$ per day", "theta_day"),
    )
    head = "".join(f'<th scope="col">{name}</th>' for name, _ in columns)
    rows = []
    for name, row in greeks.iterrows():
        tone = ' class="wb-total"' if name == "Book" else ' class="wb-here"' if name == chosen else ""
        cells = "".join(f"<td>{written(row[key])}</td>" for _, key in columns)
        rows.append(f'<tr{tone}><th scope="row">{escape(str(name))}</th>{cells}</tr>')
    return (
        '<div class="wb-title"><h2>Exposure</h2><span>by underlying</span></div>'
        f'<table><thead><tr><th scope="col">Underlying</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def earned_html(book: pd.DataFrame) -> str:
    """Return profit and loss of the open positions by underlying, worst last session first."""
    totals = book.groupby("underlying")[["day_pnl", "pnl"]].sum(min_count=1).sort_values("day_pnl")
    room = float(totals["day_pnl"].abs().max()) if len(totals) else 0.0
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td class="wb-side">{_bar(row["day_pnl"], room)}</td>'
        f'<td class="{_sign(row["day_pnl"])}">{written(row["day_pnl"], signed=True)}</td>'
        f'<td class="{_sign(row["pnl"])}">{written(row["pnl"], signed=True)}</td></tr>'
        for name, row in totals.iterrows()
    )
    return (
        '<div class="wb-title wb-next"><h2>Earned</h2>'
        "<span>open positions, worst last session first</span></div>"
        '<table><thead><tr><th scope="col">Underlying</th><th scope="col" colspan="2">Last session, $</th>'
        f'<th scope="col">Since first fill, $</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def detail_html(legs: pd.DataFrame, underlying: str) -> str:
    """Return one underlying's facts and its positions, with what the phone's table leaves out."""
    if legs.empty:
        return state_html(
            f"No position on {underlying}", "The book holds none now. Choose another underlying."
        )
    total = legs[["dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day", "rho_point", "pnl"]].sum()
    facts = (
        ("Spot, $", written(float(legs["spot"].iloc[0]), 2)),
        ("Delta, $", written(total["dollar_delta"])),
        ("Gamma, $ per 1 %", written(total["dollar_gamma_1pct"])),
        ("Vega, $ per pt", written(total["vega_point"])),
        ("Theta, $ per day", written(total["theta_day"], signed=True)),
        ("Rho, $ per 1 %", written(total["rho_point"])),
    )
    strip = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    rows = "".join(_leg_row(leg) for leg in legs.to_dict("records"))
    return (
        f'<dl class="wb-facts">{strip}</dl><div class="wb-scroll"><table>'
        '<thead><tr><th scope="col">Position</th>'
        f'<th scope="col">Quantity</th><th scope="col" class="wb-wide">Mark,<br>$</th>'
        f'<th scope="col" class="wb-wide">Value,<br>$</th>'
        f'<th scope="col">P&amp;L,<br>$</th><th scope="col">Implied<br>vol, %</th><th scope="col">Days</th>'
        '<th scope="col" class="wb-wide wb-words">Strategy</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _leg_row(leg: Any) -> str:
    option = leg["kind"] != "share"
    cells = (
        written(leg["quantity"]),
        written(leg["price"], 2),
        written(leg["value"]),
        f'<span class="{_sign(leg["pnl"])}">{written(leg["pnl"], signed=True)}</span>',
        written(leg["volatility"] * 100, 1) if option else "",
        written(leg["years"] * 365) if option else "",
        escape(str(leg.get("strategy") or "")),
    )
    # What is left out where the page is narrow, and what is words.
    classes = {1: "wb-wide", 2: "wb-wide", 6: "wb-wide wb-words"}
    row = "".join(f'<td class="{classes.get(i, "")}">{cell}</td>' for i, cell in enumerate(cells))
    return f'<tr><th scope="row">{escape(str(leg["description"]))}</th>{row}</tr>'


def state_html(what: str, why: str) -> str:
    """Return a state of a part of the page: what it is, why, and what to do now."""
    said = _COMMAND.sub(r"<code>\1</code>", escape(why))
    return f'<div class="wb-state" role="status"><strong>{escape(what)}</strong>{said}</div>'


def card_title_html(title: str, note: str = "", *, after: str = "") -> str:
    """Return the head of a card; `after` is HTML at its right."""
    return f'<div class="wb-title"><h2>{escape(title)}</h2><span>{escape(note)}</span>{after}</div>'


def scenario_words(spot: float, volatility: float, days: float) -> str:
    """Return a scenario in words; spot as a fraction, volatility per 1.00."""
    parts = [f"prices {percent(spot, signed=True)}", f"volatility {points(volatility, signed=True)}"]
    if days:
        parts.append(f"{written(days)} day{'' if days == 1 else 's'} on")
    return ", ".join(parts)


def freshness_of(as_of: Any, price_times: Iterable[Any], label: str) -> tuple[str, str]:
    """Return the state and the words of the freshness chip.

    A desk whose clock is fixed says so; otherwise the oldest price decides: fresh up to fifteen minutes.
    """
    if label:
        return "stale", f"Fixed clock · {label}"
    times = pd.Series(list(price_times)).dropna()
    if times.empty:
        return "stale", "No prices"
    minutes = max(0.0, (as_of - times.min()).total_seconds() / 60)
    if minutes < 15:
        return "fresh", f"Fresh · {minutes:.0f} min"
    age = (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.0f} h"
        if minutes < 2880
        else f"{minutes / 1440:.0f} d"
    )
    return "stale", f"Stale · {age}"


def _bar(value: float, room: float) -> str:
    if not room or not np.isfinite(value):
        return ""
    share = abs(value) / room * 50
    side = "right:50%" if value < 0 else "left:50%"
    return f'<span class="wb-track"><i class="{_sign(value)}" style="width:{share:.1f}%;{side}"></i></span>'


def _sign(value: float | None) -> str:
    if value is None or not np.isfinite(value) or round(value) == 0:
        return ""
    return "gain" if value > 0 else "loss"


def _exact(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else repr(float(value))


def _named(name: str, value: float | None) -> str:
    """Return the attributes that give a figure's name and exact value to whoever reads the page."""
    return f'data-figure="{name}" data-value="{_exact(value)}"'
