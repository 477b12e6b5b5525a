"""Quotes, trades, news, earnings dates, rates and metrics from a user's table, one kind a file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from workbench.errors import DataFormatError
from workbench.market.schemas import (
    EARNINGS,
    METRICS,
    NEWS,
    QUOTES,
    RATES,
    TRADES,
    Checked,
    Column,
    check_earnings,
    check_metrics,
    check_news,
    check_quotes,
    check_rates,
    check_trades,
    names,
)
from workbench.providers.parsed import ParsedFile, RowReader
from workbench.providers.tables import RawTable, ticker_of_name

_SYMBOL = ("symbol", "ticker", "sym", "instrument", "contract", "occsymbol", "optionsymbol")
_TIME = (
    "time", "timestamp", "datetime", "siptimestamp", "participanttimestamp", "quotetime", "tradetime", "date",
)  # fmt: skip
_ABSENT = ("nan", "none", "")
_TRUE = ("true", "1", "yes", "y", "confirmed")
_SESSIONS = {
    "bmo": "before_open", "beforeopen": "before_open", "beforemarketopen": "before_open",
    "premarket": "before_open", "amc": "after_close", "afterclose": "after_close",
    "aftermarketclose": "after_close", "postmarket": "after_close", "dmh": "during", "during": "during",
    "duringmarket": "during", "before_open": "before_open", "after_close": "after_close",
}  # fmt: skip


class _Layout(NamedTuple):
    """One kind of file: our columns and what vendors call them, what must be there, how it is checked."""

    columns: Sequence[Column]
    known: Mapping[str, Sequence[str]]
    required: Sequence[str]
    check: Callable[[pd.DataFrame], Checked]


LAYOUTS = {
    "quotes": _Layout(
        QUOTES,
        {
            "symbol": _SYMBOL, "time": _TIME, "sequence": ("sequence", "sequencenumber", "seq"),
            "bid": ("bid", "bidprice", "bestbid", "bp"), "ask": ("ask", "askprice", "bestask", "offer", "ap"),
            "bid_size": ("bidsize", "bidsz", "bs"), "ask_size": ("asksize", "asksz", "as"),
        },
        ("time", "bid", "ask"),
        check_quotes,
    ),
    "trades": _Layout(
        TRADES,
        {
            "symbol": _SYMBOL, "time": _TIME, "trade_id": ("tradeid", "id", "i"),
            "price": ("price", "tradeprice", "last", "p"),
            "size": ("size", "quantity", "qty", "volume", "shares", "s"),
            "conditions": ("conditions", "condition", "saleconditions", "cond"),
        },
        ("time", "price"),
        check_trades,
    ),
    "news": _Layout(
        NEWS,
        {
            "source_id": ("sourceid", "id", "guid", "articleid"),
            "time": (
                "time", "publishedat", "published", "publishedutc", "pubdate", "createdat", "date",
                "datetime",
            ),
            "updated_at": ("updatedat", "updated", "lastupdated"),
            "headline": ("headline", "title"), "summary": ("summary", "description", "teaser", "content"),
            "url": ("url", "link", "articleurl"), "author": ("author", "byline", "source"),
            "symbols": ("symbols", "tickers", "symbol", "ticker", "stocks"),
            "sentiment": ("sentiment", "sentimentscore", "score"), "scorer": ("scorer",), "kind": ("kind",),
        },
        ("time", "headline"),
        check_news,
    ),
    "earnings": _Layout(
        EARNINGS,
        {
            "symbol": _SYMBOL, "date": ("date", "reportdate", "earningsdate", "announcementdate"),
            "session": ("session", "hour", "time", "timing", "when"),
            "confirmed": ("confirmed", "dateconfirmed"),
            "fiscal_period": ("fiscalperiod", "fiscalquarter", "period", "quarter", "fiscaldateending"),
            "eps_estimate": ("epsestimate", "epsestimated", "estimate", "epsest"),
            "eps_actual": ("epsactual", "eps", "reportedeps"),
            "revenue_estimate": ("revenueestimate", "revenueestimated", "revenueest"),
            "revenue_actual": ("revenueactual", "revenue", "reportedrevenue"),
        },
        ("date",),
        check_earnings,
    ),
    "rates": _Layout(
        RATES,
        {
            "curve": ("curve", "name"), "date": ("date", "day", "time"),
            "years": ("years", "tenor", "tenoryears", "maturityyears"), "rate": ("rate", "yield", "zerorate"),
        },
        ("date", "years", "rate"),
        check_rates,
    ),
    "metrics": _Layout(
        METRICS,
        {
            "symbol": _SYMBOL, "time": ("time", "timestamp", "datetime", "date", "asof"),
            "name": ("name", "metric", "measure"), "value": ("value",),
        },
        ("time", "name", "value"),
        check_metrics,
    ),
}  # fmt: skip
SERIES_KINDS = tuple(LAYOUTS)


def series_from_table(
    table: RawTable,
    kind: str,
    *,
    columns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    symbol: str | None = None,
) -> ParsedFile:
    """Translate a table into rows of a kind; `files.read_series_file` says what is understood."""
    layout = LAYOUTS[kind]
    numbers = [column.name for column in layout.columns if column.dtype in ("float", "whole")]
    reader = RowReader(table, layout.known, columns, required=layout.required, numbers=numbers)
    values: dict[str, Any] = {}
    for column in layout.columns:
        values[column.name] = _column(reader, column, time_zone, calendar)
    frame = pd.DataFrame(values)
    if kind in ("quotes", "trades", "earnings", "metrics"):
        frame["symbol"] = _symbols(reader, symbol)
    frame = _completed(kind, frame, symbol)
    if "symbol" not in frame:
        # Rows that cannot be read are told by what they are about.
        frame["symbol"] = frame["symbols"] if kind == "news" else frame["curve"]
    return reader.finish(kind, frame, lambda rows: _checked(layout, rows))


def _column(reader: RowReader, column: Column, time_zone: str | None, calendar: str) -> Any:
    name = column.name
    if column.dtype in ("float", "whole"):
        return reader.numbers(name)
    if column.dtype == "instant":
        if name not in reader:
            return pd.Series(pd.NaT, index=range(len(reader)), dtype="datetime64[us, UTC]")
        return reader.instants(name, time_zone=time_zone, calendar=calendar)
    if column.dtype == "day":
        return reader.times(name, only_days=True).values.tz_localize(None)
    text = pd.Series(reader.texts(name), dtype="object")
    if column.dtype == "flag":
        return text.fillna("").str.lower().isin(_TRUE)
    return text.astype("str")


def _symbols(reader: RowReader, symbol: str | None) -> "pd.Series[str]":
    if "symbol" in reader:
        return reader.text_column("symbol")
    named = symbol or ticker_of_name(reader.table.name)
    if named is None:
        raise DataFormatError(
            f"{reader.table.name} has no column for `symbol`; say whose rows they are, as in symbol='AAPL'."
        )
    return pd.Series(named, index=range(len(reader)), dtype="str")


def _completed(kind: str, frame: pd.DataFrame, symbol: str | None) -> pd.DataFrame:
    """Fill what a file may leave out; what is made is the same when the file is read again."""
    if kind == "quotes":
        # Quotes of one instant follow each other as they stand in the file.
        count = frame.groupby(["symbol", "time"], dropna=False).cumcount()
        frame["sequence"] = frame["sequence"].where(frame["sequence"].notna(), count).astype("int64")
    elif kind == "trades":
        place = frame.groupby(["symbol", "time"], dropna=False).cumcount()
        made_ids = pd.Series([f"row {number}" for number in place], index=frame.index, dtype="str")
        frame["trade_id"] = _filled(frame["trade_id"], made_ids)
    elif kind == "news":
        told = zip(frame["headline"], frame["time"], strict=True)
        made = [hashlib.sha256(f"{line}|{time}".encode()).hexdigest()[:24] for line, time in told]
        frame["source_id"] = _filled(frame["source_id"], pd.Series(made, index=frame.index, dtype="str"))
        frame["kind"] = _filled(frame["kind"], pd.Series("news", index=frame.index, dtype="str"))
        if symbol is not None:
            frame["symbols"] = _filled(frame["symbols"], pd.Series(symbol, index=frame.index, dtype="str"))
    elif kind == "earnings":
        words = frame["session"].astype(str).str.lower().str.replace(r"[ \-]", "", regex=True)
        frame["session"] = words.map(_SESSIONS).fillna("unknown").astype("str")
        frame["fiscal_period"] = _filled(frame["fiscal_period"], frame["date"].dt.strftime("%Y-%m-%d"))
    elif kind == "rates":
        frame["curve"] = _filled(frame["curve"], pd.Series(symbol or "USD", index=frame.index, dtype="str"))
    return frame


def _filled(text: "pd.Series[str]", other: "pd.Series[str]") -> "pd.Series[str]":
    absent = text.isna() | text.astype(str).str.strip().str.lower().isin(_ABSENT)
    return text.where(~absent, other).astype("str")


def _checked(layout: _Layout, rows: pd.DataFrame) -> Checked:
    kept = [*names(layout.columns), *(name for name in ("line", "symbol") if name in rows)]
    good, bad = layout.check(rows[list(dict.fromkeys(kept))])
    return Checked(good, bad)
