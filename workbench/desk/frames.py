"""What the desk hands out: frames and small results that know their as-of and draw themselves."""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf

SHOWN_ROWS = 12


class DeskFrame(pd.DataFrame):
    """A frame that carries its title, as-of and source, and shows twelve rows at most."""

    _metadata = ["title", "note", "formats"]  # noqa: RUF012 - pandas reads this name from the class
    title: str
    note: str
    formats: dict[str, str]

    @property
    def _constructor(self) -> type["DeskFrame"]:
        return DeskFrame

    def _repr_html_(self) -> str:
        return table_html(
            self,
            title=getattr(self, "title", ""),
            note=getattr(self, "note", ""),
            formats=getattr(self, "formats", None) or {},
        )


def desk_frame(
    frame: pd.DataFrame, *, title: str, note: str = "", formats: dict[str, str] | None = None
) -> DeskFrame:
    """Return `frame` with what must be said beside it."""
    result = DeskFrame(frame)
    result.title, result.note, result.formats = title, note, formats or {}
    return result


def format_number(value: float, spec: str = ",.2f") -> str:
    """Write a number as people read it: grouped, a true minus sign, a dash where it is missing."""
    if value is None or not np.isfinite(value):
        return "–"
    text = format(float(value), spec)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # what rounds to nothing has no sign
    return text.replace("-", "−")


def table_html(frame: pd.DataFrame, *, title: str, note: str, formats: dict[str, str]) -> str:
    """Return a small table: title, as-of and source, the first rows, and how many more there are."""
    shown = frame.head(SHOWN_ROWS)
    named = [name for name in shown.index.names if name is not None]
    if named:
        shown = shown.reset_index()
    style = "text-align:right;font-variant-numeric:tabular-nums"
    numeric = {column: pd.api.types.is_float_dtype(shown[column].dtype) for column in shown.columns}
    head = "".join(
        f'<th scope="col" style="text-align:{"right" if numeric[c] else "left"}">{escape(_header(c))}</th>'
        for c in shown.columns
    )
    rows = []
    for record in shown.itertuples(index=False, name=None):
        cells = []
        for column, value in zip(shown.columns, record, strict=True):
            if numeric[column]:
                text = format_number(value, formats.get(str(column), ",.2f"))
                cells.append(f'<td style="{style}">{text}</td>')
            else:
                cells.append(f'<td style="text-align:left">{escape(_plain(value))}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(frame) - len(shown)
    tail = f"<p>and {more:,} more</p>" if more > 0 else ""
    empty = "<p>No rows.</p>" if frame.empty else ""
    return (
        f"<div><strong>{escape(title)}</strong> <span>{escape(note)}</span>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{empty}{tail}</div>"
    )


def _header(name: object) -> str:
    return str(name).replace("_", " ")


def _plain(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}" if value.time() != pd.Timestamp(0).time() else f"{value:%Y-%m-%d}"
    return str(value)


@dataclass(frozen=True)
class Headline:
    """The figures that every face shows first, computed once; money in the desk's currency.

    `pnl` counts from the first fill, `day_pnl` from the session before; `dollar_delta` is the change of the
    book for a doubling of all underlyings, to first order; `vega_point` is per volatility point,
    `theta_day` per calendar day; `value_at_risk` and `expected_shortfall` are positive losses.
    """

    as_of: AsOf
    book_value: float
    pnl: float
    day_pnl: float
    dollar_delta: float
    dollar_gamma_1pct: float
    vega_point: float
    theta_day: float
    value_at_risk: float
    expected_shortfall: float
    confidence: float
    observations: int
    worst_spot: float
    worst_volatility: float
    worst_pnl: float
    source: str
    modelled: bool
    unpriced: int
    findings: tuple[str, ...] = ()

    def figures(self) -> dict[str, float]:
        """Return the headline figures by name, for faces and for comparison between them."""
        return {
            "book_value": self.book_value,
            "pnl": self.pnl,
            "day_pnl": self.day_pnl,
            "dollar_delta": self.dollar_delta,
            "value_at_risk": self.value_at_risk,
            "expected_shortfall": self.expected_shortfall,
            "worst_pnl": self.worst_pnl,
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return label, value and unit of each headline figure, in reading order."""
        level = f"{self.confidence * 100:g} %"
        spot = format_number(self.worst_spot * 100, "+.0f")
        volatility = format_number(self.worst_volatility * 100, "+.0f")
        cell = f"spot {spot} %, volatility {volatility} pt"
        return [
            ("Book value", format_number(self.book_value, ",.0f"), "$"),
            ("P&L since first fill", format_number(self.pnl, "+,.0f"), "$"),
            ("P&L of the last session", format_number(self.day_pnl, "+,.0f"), "$"),
            ("Net dollar delta", format_number(self.dollar_delta, ",.0f"), "$"),
            (f"VaR {level}, one day", format_number(self.value_at_risk, ",.0f"), "$"),
            (f"ES {level}, one day", format_number(self.expected_shortfall, ",.0f"), "$"),
            (f"Worst cell of the grid ({cell})", format_number(self.worst_pnl, ",.0f"), "$"),
        ]

    def _repr_html_(self) -> str:
        frame = pd.DataFrame(self.rows(), columns=["figure", "value", "unit"])
        note = f"{self.as_of.text} · {self.source}" + (f" · {self.as_of.label}" if self.as_of.label else "")
        return table_html(frame, title="The book in seven figures", note=note, formats={})


@dataclass(frozen=True)
class StressResult:
    """What one scenario does to the book: `pnl` in money, `positions` one row a leg.

    `spot` is a relative change, `volatility` an absolute one per 1.00, `days` calendar days.
    """

    pnl: float
    spot: float
    volatility: float
    days: float
    positions: pd.DataFrame
    as_of: AsOf
    modelled: bool = True
    findings: tuple[str, ...] = ()

    def __float__(self) -> float:
        return self.pnl

    @property
    def title(self) -> str:
        """The scenario in words."""
        spot = format_number(self.spot * 100, "+.1f")
        volatility = format_number(self.volatility * 100, "+.1f")
        return f"spot {spot} %, volatility {volatility} pt, {self.days:g} days on"

    def plot(self) -> Any:
        """Return a Bokeh figure of profit and loss by underlying."""
        from workbench.plots import bars_by_name

        totals = self.positions.groupby("underlying")["pnl"].sum()
        return bars_by_name(totals, quantity="P&L", unit="$")

    def _repr_html_(self) -> str:
        columns = ["symbol", "underlying", "quantity", "value", "stressed_value", "pnl"]
        return table_html(
            self.positions[[name for name in columns if name in self.positions]],
            title=f"{self.title}: {format_number(self.pnl, '+,.0f')} $",
            note=f"{self.as_of.text} · modelled revaluation",
            formats={},
        )


@dataclass(frozen=True)
class RiskResult:
    """Value at risk and expected shortfall of the book, as positive losses, with the P&L behind them.

    Unpacks as ``(var, es)``.
    """

    var: float
    es: float
    confidence: float
    observations: int
    horizon_days: int
    method: str
    pnl: pd.Series
    as_of: AsOf
    findings: tuple[str, ...] = field(default=())

    def __float__(self) -> float:
        return self.var

    def __iter__(self) -> Any:
        return iter((self.var, self.es))

    def plot(self) -> Any:
        """Return a Bokeh figure: the distribution of P&L with VaR and ES marked."""
        from workbench.plots import pnl_distribution

        return pnl_distribution(self.pnl, value_at_risk=self.var, expected_shortfall=self.es)

    def _repr_html_(self) -> str:
        level = f"{self.confidence * 100:g} %"
        frame = pd.DataFrame([("VaR", self.var), ("ES", self.es)], columns=["measure", "loss in $"])
        made = f"{level}, {self.horizon_days} day(s), {self.method}, {self.observations} observations"
        note = f"{made}, {self.as_of.text}"
        return table_html(frame, title="Value at risk", note=note, formats={"loss in $": ",.0f"})
