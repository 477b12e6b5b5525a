"""Zerodha's candles and quotes as rows of the desk; its clock is India's and has no offset."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from workbench.market.row_rules import Checked
from workbench.market.schemas import (
    BARS,
    OPTION_QUOTES,
    QUOTES,
    check_bars,
    check_option_quotes,
    check_quotes,
)
from workbench.providers.answers import Answer, Field, read_rows
from workbench.providers.periods import Period
from workbench.vendors.zerodha_instruments import Instrument
from workbench.vendors.zerodha_session import INDIA

ZONE = str(INDIA)
_CANDLE = ("time", "open", "high", "low", "close", "volume", "open_interest")
_NONE_THERE = (0, -0.01)


def bars_from_candles(
    candles: Sequence[Any], *, symbol: str, daily: bool, period: Period, first_line: int = 1
) -> Answer:
    """Translate candles into raw bars.

    Parameters
    ----------
    candles : sequence
        Lists of time, open, high, low, close, volume and perhaps open interest.
    symbol : str
        The desk's symbol.
    daily : bool
        Whether a candle is a session; its midnight in India becomes the session date at 00:00 UTC.
    period : Period
        That was asked for.
    first_line : int
        Line of the first candle.

    References
    ----------
    kite.trade/docs/connect/v3/historical.
    """
    fields = [
        Field("time", "time", "iso"),
        Field("open", "open"),
        Field("high", "high"),
        Field("low", "low"),
        Field("close", "close"),
        Field("volume", "volume"),
    ]
    rows = [_named(candle) if isinstance(candle, list) else candle for candle in candles]
    start = period.start.normalize() if period.start is not None and daily else period.start
    return read_rows(
        rows,
        fields,
        BARS,
        check_bars,
        constants={"symbol": symbol},
        derive=_by_session if daily else None,
        start=start,
        end=period.end,
        first_line=first_line,
    )


def quotes_from_answer(quotes: Mapping[str, Any], *, symbols: Sequence[str]) -> Answer:
    """Translate quotes by symbol into the best bid and offer; instruments that are unknown are not there.

    Parameters
    ----------
    quotes : mapping
        The `data` of the answer.
    symbols : sequence of str
        The desk's symbols that were asked for.

    References
    ----------
    kite.trade/docs/connect/v3/market-quotes.
    """
    fields = [
        Field("symbol", "symbol", "text"),
        Field("time", "time", "iso"),
        Field("sequence", "sequence", "whole"),
        Field("bid", "bid"),
        Field("ask", "ask"),
        Field("bid_size", "bid_size"),
        Field("ask_size", "ask_size"),
    ]
    records = [_flat(symbol, quote) for symbol, quote in quotes.items()]
    return read_rows(records, fields, QUOTES, check_quotes, symbols=symbols)


def chain_from_quotes(
    contracts: Sequence[Instrument],
    quotes: Mapping[str, Any],
    *,
    underlying: str,
    fetched_at: datetime,
) -> Answer:
    """Join contracts of the list with their quotes.

    A contract without a quote is left out; the time of one without a stamp is that of the answer. All listed
    options of India are European, and a contract stands for its lot.

    Parameters
    ----------
    contracts : sequence of Instrument
        Options on one underlying.
    quotes : mapping
        By symbol, that of the underlying too.
    underlying : str
        The desk's symbol.
    fetched_at : datetime
        With a time zone.

    References
    ----------
    NSE circular of 2010 (options on shares European since January 2011); kite.trade/docs/connect/v3.
    """
    spot = quotes.get(underlying)
    price = spot.get("last_price") if isinstance(spot, Mapping) else None
    records: list[Any] = []
    for contract in contracts:
        if contract.symbol not in quotes:
            continue
        record = _flat(contract.symbol, quotes[contract.symbol])
        if isinstance(record, dict):
            record["time"] = record["time"] or fetched_at.isoformat()
            record |= {
                "expiry": contract.expiry.isoformat() if contract.expiry else None,
                "strike": contract.strike,
                "right": contract.right,
                "multiplier": contract.lot,
                "underlying_price": price,
            }
        records.append(record)
    fields = [
        Field("symbol", "symbol", "text"),
        Field("time", "time", "iso"),
        Field("expiry", "expiry", "day"),
        Field("strike", "strike"),
        Field("right", "right", "text"),
        Field("bid", "bid"),
        Field("ask", "ask"),
        Field("last", "last_price", missing=_NONE_THERE),
        Field("bid_size", "bid_size"),
        Field("ask_size", "ask_size"),
        Field("volume", "volume"),
        Field("open_interest", ("oi", "open_interest")),
        Field("underlying_price", "underlying_price", missing=_NONE_THERE),
        Field("multiplier", "multiplier"),
    ]
    return read_rows(
        records,
        fields,
        OPTION_QUOTES,
        _check,
        constants={"underlying": underlying, "exercise": "european", "modelled": False},
    )


def in_utc(text: Any) -> Any:
    """Return a time as ISO 8601 in UTC; one without an offset is India's. What is no time stays as it is.

    Examples
    --------
    >>> in_utc("2026-11-20 15:29:59"), in_utc("2026-11-20T00:00:00+0530")
    ('2026-11-20T09:59:59+00:00', '2026-11-19T18:30:00+00:00')
    """
    if not isinstance(text, str):
        return text
    try:
        stamp: Any = pd.Timestamp(text)
    except ValueError:
        return text
    if pd.isna(stamp):
        return None
    return (stamp.tz_localize(ZONE) if stamp.tz is None else stamp).tz_convert("UTC").isoformat()


def _named(candle: Sequence[Any]) -> dict[str, Any]:
    row = dict(zip(_CANDLE, candle, strict=False))
    return {**row, "time": in_utc(row.get("time"))}


def _check(frame: pd.DataFrame) -> Checked:
    return check_option_quotes(frame, zone=ZONE)


def _by_session(frame: pd.DataFrame) -> pd.DataFrame:
    there = frame["time"].dt.tz_convert(ZONE).dt.normalize().dt.tz_localize(None)
    return frame.assign(time=there.dt.tz_localize("UTC").astype("datetime64[us, UTC]"))


def _flat(symbol: str, quote: Any) -> Any:
    """Return a quote with its best bid and offer on top; anything but a mapping as it is."""
    if not isinstance(quote, Mapping):
        return quote
    bid, bid_size = _best(quote, "buy")
    ask, ask_size = _best(quote, "sell")
    stamps = (quote.get(name) for name in ("timestamp", "last_trade_time", "last_time"))
    return {
        **quote,
        "symbol": symbol,
        "time": in_utc(next((stamp for stamp in stamps if stamp), None)),
        "sequence": 0,
        "bid": bid,
        "ask": ask,
        "bid_size": bid_size,
        "ask_size": ask_size,
    }


def _best(quote: Mapping[str, Any], side: str) -> tuple[Any, Any]:
    """Return price and quantity of the first level; an empty side is written as zero."""
    depth = quote.get("depth")
    levels = depth.get(side) if isinstance(depth, Mapping) else None
    first = levels[0] if isinstance(levels, list) and levels else None
    if not isinstance(first, Mapping) or first.get("price") in (None, *_NONE_THERE):
        return None, None
    return first["price"], first.get("quantity")
