"""The positions as a table that sorts by true numbers: the browser formats, the cells stay what they are."""

from typing import Any

import pandas as pd

from workbench.views.styles import style

# Columns in order: name, header, how it is written, least width, what goes first when the page is narrow.
COLUMNS: tuple[tuple[str, str, str, int, int], ...] = (
    ("description", "Position", "text", 150, 0),
    ("strategy", "Strategy", "text", 100, 8),
    ("quantity", "Quantity", "whole", 70, 4),
    ("price", "Mark, $", "price", 70, 5),
    ("value", "Value, $", "money", 80, 5),
    ("day_pnl", "P&L last<br>session, $", "gain", 90, 3),
    ("pnl", "P&L, $", "gain", 80, 0),
    ("dollar_delta", "Delta,<br>$", "money", 76, 6),
    ("theta_day", "Theta,<br>$ per day", "money", 76, 7),
    ("vega_point", "Vega,<br>$ per pt", "money", 76, 7),
    ("volatility_percent", "Implied<br>vol, %", "volatility", 66, 8),
    ("scenario_pnl", "Scenario<br>P&L, $", "gain", 90, 2),
    ("state", "State", "state", 80, 1),
)
SUMMED = ("value", "day_pnl", "pnl", "dollar_delta", "theta_day", "vega_point", "scenario_pnl")
STATES = {
    "ok": "○ ok",
    "modelled": "modelled",
    "stale": "stale price",
    "no_quote": "▲ no price",
    "no_bid": "▲ no bid",
    "crossed": "▲ crossed",
    "unadjusted": "▲ split: terms changed",
    "other_currency": "▲ other currency",
    "expired": "expired",
}

# One rule for all numbers, run by the browser, which rounds halves to even as Python does.
_NUMBER = """<% var missing = value === null || value === undefined || Number.isNaN(value);
var digits = {digits}, size = missing ? "" : Math.abs(value).toLocaleString("en-US",
  {{minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven"}});
var zero = !missing && Number(Math.abs(value).toFixed(digits)) === 0;
var sign = missing || zero ? "" : value < 0 ? "\\u2212" : {plus};
var tone = missing ? "missing" : {tone}; %>"""
_MISSING = (
    """<% if (missing) {{ %><span class="missing" title="<%- {reason} %>">{dash}</span><% }} else {{ %>"""
)
_SHOWN = """<span class="<%= tone %>"><%= sign + size %></span><% } %>"""
_TONE = '(zero ? "" : value < 0 ? "loss" : "gain")'


def table_frame(book: pd.DataFrame, scenario_pnl: pd.Series | None = None) -> pd.DataFrame:
    """Return the book as the table shows it, worst P&L of the last session first.

    Parameters
    ----------
    book : DataFrame
        As `Desk.book` returns it.
    scenario_pnl : Series, optional
        P&L of the chosen scenario on the book's index; missing where a leg could not be revalued.
    """
    frame = book.copy()
    frame["volatility_percent"] = frame["volatility"] * 100
    frame["scenario_pnl"] = float("nan") if scenario_pnl is None else scenario_pnl.reindex(frame.index)
    frame["state"] = [
        status if status != "ok" else ("modelled" if modelled else "ok")
        for status, modelled in zip(frame["price_status"], frame["modelled"], strict=True)
    ]
    frame["strategy"] = frame["strategy"].fillna("") if "strategy" in frame else ""
    names = [name for name, *_ in COLUMNS]
    kept = pd.DataFrame(frame[[*names, "underlying", "kind", "symbol"]]).reset_index(drop=True)
    return kept.sort_values("day_pnl", kind="stable", na_position="last").reset_index(drop=True)


def positions_table(frame: pd.DataFrame) -> Any:
    """Return the table widget of a `table_frame`."""
    import panel as pn

    return pn.widgets.Tabulator(
        frame,
        show_index=False,
        disabled=True,
        selectable=1,
        theme="simple",
        layout="fit_columns",
        sizing_mode="stretch_width",
        hidden_columns=["underlying", "kind", "symbol"],
        titles={name: title for name, title, *_ in COLUMNS},
        formatters={name: _formatter(name, kind) for name, _, kind, *_ in COLUMNS},
        text_align={name: "left" if kind in ("text", "state") else "right" for name, _, kind, *_ in COLUMNS},
        header_align={
            name: "left" if kind in ("text", "state") else "right" for name, _, kind, *_ in COLUMNS
        },
        configuration={
            "responsiveLayout": "hide",
            "columnDefaults": {"headerSortTristate": True, "resizable": False},
            "columns": [_column(name, width, last) for name, _, _, width, last in COLUMNS],
        },
        stylesheets=[style("table")],
        margin=0,
    )


def _column(name: str, width: int, last: int) -> dict[str, Any]:
    column: dict[str, Any] = {"field": name, "minWidth": width, "responsive": last}
    if name == "description":
        column["widthGrow"] = 2
    if name in SUMMED:
        column |= {
            "bottomCalc": "sum",
            "bottomCalcFormatter": "money",
            "bottomCalcFormatterParams": {"precision": 0, "thousand": ",", "negativeSign": "−"},
        }
    return column


def _formatter(name: str, kind: str) -> Any:
    from bokeh.models.widgets.tables import HTMLTemplateFormatter

    if kind == "text":
        return HTMLTemplateFormatter(template="<%- value %>")
    if kind == "state":
        words = "{" + ",".join(f'"{key}":"{text}"' for key, text in STATES.items()) + "}"
        return HTMLTemplateFormatter(
            template=f'<span class="state <%- value %>"><%- ({words})[value] || value %></span>'
        )
    digits = {"price": 2, "volatility": 1}.get(kind, 0)
    gain = kind == "gain"
    # A share has no volatility: that cell is blank, not missing.
    dash = '<%= kind === "share" ? "" : "–" %>' if kind == "volatility" else "–"
    reason = '"not known: " + state' if name != "scenario_pnl" else '"this position cannot be revalued"'
    template = (
        _NUMBER.format(digits=digits, plus='"+"' if gain else '""', tone=_TONE if gain else '""')
        + _MISSING.format(reason=reason, dash=dash)
        + _SHOWN
    )
    return HTMLTemplateFormatter(template=template)
