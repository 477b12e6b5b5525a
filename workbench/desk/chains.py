"""Marks of the instruments in a book: closes of shares, mids of options, and where each comes from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.market.calendars import (
    exchange_zone,
    last_session,
    previous_session,
    session_close,
    session_closes,
)
from workbench.market.instruments import is_option_symbol, parse_occ_symbol, underlying_of
from workbench.store import Lake

MARK_COLUMNS = ["price", "price_time", "price_status", "exercise", "modelled", "source"]
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
        ``price`` (close, or mid of bid and ask; where a share has split or gone without its dividend since
        that close, the close in the shares of `instant`, less the dividend), ``price_time``,
        ``price_status`` (``ok``; ``stale``: from an earlier session; ``no_bid``: half the ask; ``crossed``:
        bid above ask; ``expired``: what the option paid at the underlying's last close in its life;
        ``no_quote``: nothing in the last thirty days, or since the underlying split),
        ``exercise`` (of an option as its quote states it, else ""), ``modelled``, ``source``.
    """
    shares = [symbol for symbol in symbols if not is_option_symbol(symbol)]
    options = [symbol for symbol in symbols if is_option_symbol(symbol)]
    ends = {symbol: _last_instant(symbol, calendar) for symbol in options}
    alive = [symbol for symbol in options if ends[symbol] > instant]
    over = {symbol: end for symbol, end in ends.items() if end <= instant}
    frames = [
        _share_marks(lake, shares, instant, calendar),
        _option_marks(lake, alive, instant, calendar),
        _expired_marks(lake, over, calendar),
    ]
    marks = pd.concat([frame for frame in frames if len(frame)]) if any(map(len, frames)) else _no_marks()
    marks = marks.reindex(pd.Index(list(dict.fromkeys(symbols)), name="symbol"))
    marks["price_status"] = marks["price_status"].fillna("no_quote")
    marks["modelled"] = marks["modelled"].eq(True)
    marks["exercise"] = marks["exercise"].fillna("")
    return marks


def closes_at(lake: Lake, symbols: Sequence[str], instant: pd.Timestamp, calendar: str) -> pd.Series:
    """Return the last raw close of each underlying known at `instant`; NaN where there is none.

    It is in the shares of `instant`, and still holds a dividend that goes off after it: an option's price of
    that close was made with it.
    """
    marks = _share_marks(lake, list(dict.fromkeys(symbols)), instant, calendar, kinds=("split",))
    return marks["price"].reindex(list(dict.fromkeys(symbols)))


def actions_between(
    lake: Lake, symbols: Sequence[str], start: pd.Timestamp, end: pd.Timestamp, calendar: str
) -> pd.DataFrame:
    """Return the corporate actions with an ex-date after the date of `start`, up to that of `end`.

    Dates are the exchange's: an ex-date begins at its midnight.
    """
    zone = exchange_zone(calendar)
    first, last = (instant.tz_convert(zone).tz_localize(None).normalize() for instant in (start, end))
    return lake.read("corporate_actions", symbols=symbols, start=first + pd.Timedelta(days=1), end=last)


def underlyings(symbols: Sequence[str]) -> list[str]:
    """Return the underlyings of `symbols` in order, each once."""
    return list(dict.fromkeys(underlying_of(symbol) for symbol in symbols))


def _share_marks(
    lake: Lake,
    symbols: list[str],
    instant: pd.Timestamp,
    calendar: str,
    kinds: tuple[str, ...] = ("split", "dividend"),
) -> pd.DataFrame:
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
    marks["exercise"] = ""
    if len(marks):
        oldest = marks["price_time"].min()
        actions = actions_between(lake, marks.index.tolist(), oldest, instant, calendar)
        _restate(marks, actions[actions["kind"].isin(kinds)], exchange_zone(calendar))
    return marks[MARK_COLUMNS]


def _restate(marks: pd.DataFrame, actions: pd.DataFrame, zone: str) -> None:
    """Put each price into the shares of after `actions`, in place: positions count the new ones by then."""
    priced_on = marks["price_time"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    prices = marks["price"].to_dict()
    # "split" sorts behind "dividend"; of one day the dividend is paid on the new shares.
    ordered = actions.sort_values(["ex_date", "kind"], ascending=[True, False])
    columns = (ordered[name] for name in ("symbol", "ex_date", "kind", "value"))
    for symbol, ex_date, kind, value in zip(*columns, strict=True):
        if priced_on[symbol] < ex_date:
            prices[symbol] = prices[symbol] / value if kind == "split" else prices[symbol] - value
    marks["price"] = pd.Series(prices)


def _option_marks(lake: Lake, symbols: list[str], instant: pd.Timestamp, calendar: str) -> pd.DataFrame:
    if not symbols:
        return _no_marks()
    quotes = lake.read_latest_quotes(symbols, at=instant, since=instant - MAX_AGE)
    quotes = _without_old_contracts(lake, quotes, instant, calendar)
    if quotes.empty:
        return _no_marks()
    quotes = quotes.set_index("symbol")
    bid, ask = quotes["bid"], quotes["ask"]
    no_bid = bid.isna() & ask.notna()
    quoted_on = quotes["time"].dt.tz_convert(exchange_zone(calendar)).dt.date
    fresh = quoted_on >= last_session(calendar, instant)
    status = np.select(
        [ask.isna(), ~fresh, no_bid, bid > ask], ["no_quote", "stale", "no_bid", "crossed"], default="ok"
    )
    # Nobody bids: the market says between nothing and the ask, so half the ask, flagged.
    price = pd.Series(np.where(no_bid, ask / 2, (bid + ask) / 2), index=quotes.index)
    return pd.DataFrame(
        {
            "price": price,
            "price_time": quotes["time"],
            "price_status": status,
            "exercise": quotes["exercise"],
            "modelled": quotes["modelled"],
            "source": quotes["source"],
        }
    )


def _last_instant(symbol: str, calendar: str) -> pd.Timestamp:
    """Return the close of the last session of an option's life."""
    day_after = pd.Timestamp(parse_occ_symbol(symbol).expiry) + pd.Timedelta(days=1)
    return session_close(calendar, previous_session(calendar, day_after))


def _expired_marks(lake: Lake, ends: dict[str, pd.Timestamp], calendar: str) -> pd.DataFrame:
    """Mark expired options at what they paid: the last quote of a living one is not its worth."""
    rows = {}
    for symbol, end in ends.items():
        contract = parse_occ_symbol(symbol)
        last = _share_marks(lake, [contract.underlying], end, calendar, kinds=("split",))
        if len(last) and last["price_status"].iloc[0] == "ok":
            above = float(last["price"].iloc[0]) - float(contract.strike)
            paid = max(above if contract.kind == "call" else -above, 0.0)
            rows[symbol] = [paid, end, "expired", "", False, last["source"].iloc[0]]
        else:
            rows[symbol] = [np.nan, pd.NaT, "no_quote", "", False, None]
    if not rows:
        return _no_marks()
    marks = pd.DataFrame.from_dict(rows, orient="index", columns=MARK_COLUMNS)
    return marks.astype({"price": "float64", "modelled": "bool"})


def _without_old_contracts(
    lake: Lake, quotes: pd.DataFrame, instant: pd.Timestamp, calendar: str
) -> pd.DataFrame:
    """Drop quotes from before a split of their underlying: the same symbol then named another contract."""
    if quotes.empty:
        return quotes
    names = underlyings(quotes["symbol"].unique().tolist())
    actions = actions_between(lake, names, quotes["time"].min(), instant, calendar)
    splits = actions[actions["kind"].eq("split")].groupby("symbol")["ex_date"].max()
    if splits.empty:
        return quotes
    quoted_on = quotes["time"].dt.tz_convert(exchange_zone(calendar)).dt.tz_localize(None)
    newest = quotes["symbol"].map(underlying_of).map(splits)
    current: pd.DataFrame = quotes[~(quoted_on < newest)]
    return current


def _last_close(instant: pd.Timestamp, calendar: str) -> pd.Timestamp:
    return session_close(calendar, last_session(calendar, instant))


def _no_marks() -> pd.DataFrame:
    frame = pd.DataFrame(columns=MARK_COLUMNS, index=pd.Index([], name="symbol"))
    return frame.astype({"price": "float64", "modelled": "bool"})
