"""Marks of the instruments in a book: closes of shares, mids of options, and where each comes from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.market.calendars import last_session, session_close, session_closes
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.store import Lake

MARK_COLUMNS = ["price", "price_time", "price_status", "modelled", "source"]
MAX_AGE = pd.Timedelta(days=30)


def marks_at(lake: Lake, symbols: Sequence[str], instant: pd.Timestamp, calendar: str) -> pd.DataFrame:
    """Return the last known price of each symbol at `instant`.

    Parameters
    ----------
    lake : Lake
        Where bars and option quotes lie.
    symbols : sequence of str
        Tickers and OCC symbols.
    instant : Timestamp
        UTC; nothing dated later is used.
    calendar : str
        Exchange calendar that says when a session is over.

    Returns
    -------
    DataFrame, indexed by symbol
        ``price`` (close, or mid of bid and ask), ``price_time``, ``price_status`` (``ok``; ``stale``: from an
        earlier session; ``no_bid``: half the ask; ``no_quote``: nothing in the last thirty days),
        ``modelled``, ``source``.
    """
    shares = [symbol for symbol in symbols if not is_option_symbol(symbol)]
    options = [symbol for symbol in symbols if is_option_symbol(symbol)]
    frames = [_share_marks(lake, shares, instant, calendar), _option_marks(lake, options, instant, calendar)]
    marks = pd.concat([frame for frame in frames if len(frame)]) if any(map(len, frames)) else _no_marks()
    marks = marks.reindex(pd.Index(list(dict.fromkeys(symbols)), name="symbol"))
    marks["price_status"] = marks["price_status"].fillna("no_quote")
    marks["modelled"] = marks["modelled"].eq(True)
    return marks


def closes_at(lake: Lake, symbols: Sequence[str], instant: pd.Timestamp, calendar: str) -> pd.Series:
    """Return the last raw close of each underlying known at `instant`; NaN where there is none."""
    marks = _share_marks(lake, list(dict.fromkeys(symbols)), instant, calendar)
    return marks["price"].reindex(list(dict.fromkeys(symbols)))


def underlyings(symbols: Sequence[str]) -> list[str]:
    """Return the underlyings of `symbols` in order, each once."""
    return list(dict.fromkeys(underlying_of(symbol) for symbol in symbols))


def _share_marks(lake: Lake, symbols: list[str], instant: pd.Timestamp, calendar: str) -> pd.DataFrame:
    if not symbols:
        return _no_marks()
    bars = lake.read("daily_bars", symbols=symbols, start=instant - MAX_AGE, end=instant)
    if bars.empty:
        return _no_marks()
    # A bar carries its session's date and is known at that session's close, not before; a bar on a day
    # without a session is known at no time.
    days = pd.DatetimeIndex(bars["time"]).tz_localize(None).normalize()
    bars = bars.assign(price_time=session_closes(calendar, days))
    known = bars[bars["price_time"] <= instant].sort_values("time").groupby("symbol").tail(1)
    marks = known.set_index("symbol")[["close", "price_time", "source"]].rename(columns={"close": "price"})
    newest = _last_close(instant, calendar)
    marks["price_status"] = np.where(marks["price_time"] >= newest, "ok", "stale")
    marks["modelled"] = False
    return marks[MARK_COLUMNS]


def _option_marks(lake: Lake, symbols: list[str], instant: pd.Timestamp, calendar: str) -> pd.DataFrame:
    if not symbols:
        return _no_marks()
    quotes = lake.read_latest_quotes(symbols, at=instant, since=instant - MAX_AGE)
    if quotes.empty:
        return _no_marks()
    quotes = quotes.set_index("symbol")
    bid, ask = quotes["bid"], quotes["ask"]
    no_bid = bid.isna() & ask.notna()
    fresh = quotes["time"] >= _last_close(instant, calendar)
    status = np.select([ask.isna(), ~fresh, no_bid], ["no_quote", "stale", "no_bid"], default="ok")
    # Nobody bids: the market says between nothing and the ask, so half the ask, flagged.
    price = pd.Series(np.where(no_bid, ask / 2, (bid + ask) / 2), index=quotes.index)
    return pd.DataFrame(
        {
            "price": price,
            "price_time": quotes["time"],
            "price_status": status,
            "modelled": quotes["modelled"],
            "source": quotes["source"],
        }
    )


def _last_close(instant: pd.Timestamp, calendar: str) -> pd.Timestamp:
    return session_close(calendar, last_session(calendar, instant))


def _no_marks() -> pd.DataFrame:
    frame = pd.DataFrame(columns=MARK_COLUMNS, index=pd.Index([], name="symbol"))
    return frame.astype({"price": "float64", "modelled": "bool"})
