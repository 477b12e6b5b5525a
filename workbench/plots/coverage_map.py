"""What is held and what is missing: a row a series, time across, one cell a month or session."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.hover import add_hover
from workbench.plots.marks import curve_words, part_of, put, put_words
from workbench.plots.numbers import written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow
from workbench.plots.time_axis import MOST_NARROW, name_places, time_ticks

HELD, MISSING, PROVISIONAL, REFUSED, CHOSEN, NEWEST, CELLS = (
    "held", "missing", "provisional", "refused", "chosen", "newest", "coverage-cells",
)  # fmt: skip
ROW_PIXELS, AXIS_PIXELS = 24, 30
NARROW_CELLS = 24  # what a telephone shows of them, the newest
BAR = 0.46  # of a row
WORDS_SHARE, NARROW_WORDS_SHARE = 0.13, 0.42  # of the cells' width, for how fresh a series is

COLUMNS = ("series", "period", "expected", "held", "missing", "provisional", "quarantined")
"""What the map is drawn from: ``series`` is the row's name, ``period`` the first day of a cell (naive), the
rest are counts: of sessions that the exchange had, that are held, that are missing, that are held and not
final yet, and of rows that were refused."""


def coverage_map(
    cells: pd.DataFrame,
    *,
    newest: Mapping[str, str] | None = None,
    spoken: str = "cell",
    dark: bool = False,
) -> Any:
    """Return a map of what is held as a Bokeh figure; a tap on a cell says so to the page.

    A full bar is held; a hatched gap is missing, as tall as its share; an outline is provisional, and a
    diamond marks rows that were refused.

    Parameters
    ----------
    cells : DataFrame
        `COLUMNS`; one row a cell, series in the order in which they are shown.
    newest : mapping of str to str, optional
        What stands right of each series: how fresh it is.
    spoken : str
        What a tap says to the page, before the series and the period's date.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is no cell, or a column is missing.
    """
    from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, Range1d, TapTool

    absent = [name for name in COLUMNS if name not in cells]
    if absent:
        raise ArgumentError(f"The cells have no column `{absent[0]}`; give {', '.join(COLUMNS)}.")
    if cells.empty:
        raise ArgumentError("There is no cell to draw: nothing is held and nothing was asked for.")
    series = list(dict.fromkeys(cells["series"].astype(str)))
    periods = pd.DatetimeIndex(np.sort(cells["period"].unique()))
    plot = blank_figure(
        height=AXIS_PIXELS + ROW_PIXELS * len(series),
        x_range=Range1d(start=-0.6, end=len(periods) - 0.4 + (WORDS_SHARE * len(periods) if newest else 0)),
        y_range=Range1d(start=len(series) - 0.5, end=-0.5),
    )
    shown = min(len(periods), NARROW_CELLS)
    narrow_words = NARROW_WORDS_SHARE * shown if newest else 0
    when_narrow(plot.x_range, start=len(periods) - shown - 0.6, end=len(periods) - 0.4 + narrow_words)
    columns = map_columns(cells)
    width = 1.0 if len(periods) > 80 else 0.86
    for name in (HELD, MISSING, PROVISIONAL):
        part = plot.vbar(
            x="place",
            bottom=f"{name}_bottom",
            top=f"{name}_top",
            width=width,
            source=ColumnDataSource(
                {key: columns[key] for key in ("place", f"{name}_bottom", f"{name}_top")}
            ),
            name=name,
        )
        _dress(part.glyph, name, joined=width == 1.0)
    refused = plot.scatter(
        "place", "line", marker="diamond", size=8, line_width=1.4, name=REFUSED,
        source=ColumnDataSource(_refused(columns)),
    )  # fmt: skip
    paint(refused.glyph, fill_color="surface", line_color="ink")
    source = ColumnDataSource(columns)
    touch = plot.rect(
        "place", "line", width=1, height=0.96, source=source, fill_alpha=0, line_alpha=0, name=CELLS
    )
    touch.nonselection_glyph = touch.selection_glyph = None
    framed = plot.rect(
        "place", "line", width=1, height=0.8, fill_alpha=0, line_width=2, name=CHOSEN,
        source=ColumnDataSource({"place": [], "line": []}),
    )  # fmt: skip
    paint(framed.glyph, line_color="ink")
    source.selected.js_on_change("indices", CustomJS(args={"source": source, "spoken": spoken}, code=_TAPPED))
    plot.add_tools(TapTool(renderers=[touch]))
    add_hover(
        plot,
        touch,
        [
            ("", "@row, @words"),
            ("Held, sessions", "@held of @expected"),
            ("Missing, sessions", "@missing"),
            ("Not final, sessions", "@provisional"),
            ("Refused, rows", "@quarantined"),
        ],
        mode="mouse",
    )
    if newest:
        curve_words(plot, NEWEST, "ink2", text_baseline="middle", x_offset=8)
        known = [(number, newest[name]) for number, name in enumerate(series) if name in newest]
        ends = [len(periods) - 0.5] * len(known)
        put_words(plot, NEWEST, ends, [number for number, _ in known], [words for _, words in known])
    narrow = [(p + len(periods) - shown, w) for p, w in time_ticks(periods[-shown:], most=MOST_NARROW)]
    name_places(plot, time_ticks(periods, most=14), narrow)
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(series))), minor_ticks=[])
    plot.yaxis.major_label_overrides = dict(enumerate(series))
    plot.ygrid.visible = False
    plot.yaxis.axis_line_alpha = 0
    plot.yaxis.major_tick_line_alpha = 0
    return say(apply_theme(plot, dark=dark), describe_coverage(cells))


_TAPPED = """
const at = source.selected.indices[0];
if (at === undefined) return;
source.selected.indices = [];
window.workbench?.say?.(`${spoken} ${source.data.date[at]} ${source.data.row[at]}`);
"""


def _dress(glyph: Any, name: str, *, joined: bool) -> None:
    """Give the bars their tokens; cells too thin to be told apart are joined by their lines."""
    if name == HELD:
        paint(glyph, fill_color="line-strong", line_color="line-strong")
        glyph.line_width = 1 if joined else 0
    elif name == MISSING:
        paint(glyph, fill_color="warn-tint", line_color="warn", hatch_color="warn")
        glyph.update(hatch_pattern="right_diagonal_line", hatch_scale=5, hatch_weight=1, line_width=1)
    else:
        paint(glyph, fill_color="surface", line_color="line-strong")
        glyph.line_width = 1


def mark_cell(plot: Any, series: str, period: Any) -> None:
    """Frame one cell of the map; nothing where the map has no such cell."""
    data = part_of(plot, CELLS).data_source.data
    day = f"{pd.Timestamp(period):%Y-%m-%d}"
    found = [
        (place, line)
        for place, line, row, date in zip(data["place"], data["line"], data["row"], data["date"], strict=True)
        if row == series and date == day
    ]
    put(plot, CHOSEN, place=[place for place, _ in found], line=[line for _, line in found])


def map_columns(cells: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the map: place and row of each cell, its counts, the ends of its bars.

    Bars stand on the row's middle line: what is held from below, what is missing above it.
    """
    periods = pd.DatetimeIndex(np.sort(cells["period"].unique()))
    monthly = bool((periods.day == 1).all()) and len(periods) > 1
    rows = cells["series"].astype(str).tolist()
    counts = {name: cells[name].to_numpy(float) for name in COLUMNS[2:]}
    known = np.maximum(counts["expected"], counts["held"] + counts["missing"])
    with np.errstate(invalid="ignore", divide="ignore"):
        missing = np.nan_to_num(counts["missing"] / known)
        final = np.nan_to_num((counts["held"] - counts["provisional"]) / known)
        provisional = np.nan_to_num(counts["provisional"] / known)
    order = {name: number for number, name in enumerate(dict.fromkeys(rows))}
    lines = np.array([order[row] for row in rows], dtype=float)
    # The axis runs down, from the first series to the last.
    edges = lines + BAR / 2 - BAR * np.cumsum([np.zeros(len(rows)), final, provisional, missing], axis=0)

    columns: dict[str, Any] = {
        "place": periods.searchsorted(pd.DatetimeIndex(cells["period"])).tolist(),
        "row": rows,
        "line": lines.tolist(),
        "date": [f"{day:%Y-%m-%d}" for day in cells["period"]],
        "words": [f"{day:%b %Y}" if monthly else f"{day:%a %d %b %Y}" for day in cells["period"]],
        **{name: [written(value) for value in counts[name]] for name in COLUMNS[2:]},
    }
    for number, (name, share) in enumerate(((HELD, final), (PROVISIONAL, provisional), (MISSING, missing))):
        # What has no share has no bar: not even a line.
        for side, edge in (("bottom", edges[number]), ("top", edges[number + 1])):
            columns[f"{name}_{side}"] = np.where(share > 0, edge, np.nan).tolist()
    return columns


def _refused(columns: dict[str, Any]) -> dict[str, Any]:
    kept = [i for i, count in enumerate(columns["quarantined"]) if count not in ("0", "–")]
    return {name: [columns[name][i] for i in kept] for name in ("place", "line")}


def describe_coverage(cells: pd.DataFrame) -> str:
    """Return the map in one sentence: sessions held and missing, and the series that lacks most."""
    held, missing = float(cells["held"].sum()), float(cells["missing"].sum())
    refused = float(cells["quarantined"].sum())
    sentence = (
        f"{cells['series'].nunique()} series hold {written(held)} sessions and miss {written(missing)}; "
        f"{written(refused)} rows were refused."
    )
    lacks = cells.groupby("series")["missing"].sum()
    if missing:
        sentence += f" {lacks.idxmax()} lacks most: {written(float(lacks.max()))} sessions."
    return sentence
