"""Polygon's answers as rows of the desk: bars, quotes and trades."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.market.calendars import sessions
from workbench.market.schemas import BARS, QUOTES, TRADES, check_bars, check_quotes, check_trades
from workbench.providers.answers import Answer, Field, read_rows
from workbench.providers.periods import Period
from workbench.providers.polygon_events import trade_identity
from workbench.vendors.polygon import our_symbol

# Multiplier and timespan of each interval, as the service names them.
INTERVALS: Mapping[str, tuple[int, str]] = {
    "1s": (1, "second"),
    "1m": (1, "minute"),
    "2m": (2, "minute"),
    "3m": (3, "minute"),
    "5m": (5, "minute"),
    "10m": (10, "minute"),
    "15m": (15, "minute"),
    "30m": (30, "minute"),
    "1h": (1, "hour"),
    "2h": (2, "hour"),
    "4h": (4, "hour"),
    "1d": (1, "day"),
    "1w": (1, "week"),
    "1mo": (1, "month"),
}
OF_DAYS = ("1d", "1w", "1mo")
_LENGTHS = {"second": "1s", "minute": "1min", "hour": "1h", "day": "1D", "week": "7D", "month": "31D"}
_SIDE_IS_EMPTY = (0,)
# The service has nothing older: such a stamp is of another unit.
_FIRST_INSTANT = pd.Timestamp("1990-01-01", tz="UTC")
# Sessions are known from and to here.
_KNOWN_SESSIONS = (pd.Timestamp("1990-01-02"), pd.Timestamp("2049-12-01"))


def bars_from_aggregates(
    records: Sequence[Any], *, symbol: str, told: Any, interval: str, period: Period, first_line: int = 1
) -> Answer:
    """Translate aggregates into raw bars.

    Parameters
    ----------
    records : sequence
        The `results` of a page.
    symbol : str
        The desk's symbol that was asked for.
    told : object
        The ticker that the page says it is of; None where it says none.
    interval : str
        As in ``5m``.
    period : Period
        That was asked for. The service begins a period at the left edge of a bar; such a bar is left out.
    first_line : int
        Line of the first record.

    Returns
    -------
    Answer
        Columns of `schemas.BARS`. A daily bar, which the service stamps with midnight in New York, has its
        session date at 00:00 UTC; weeks and months have that of their first session.

    References
    ----------
    massive.com/docs/rest/stocks/aggregates/custom-bars.
    """
    fields = [
        Field("time", "t", "milliseconds"),
        Field("open", "o"),
        Field("high", "h"),
        Field("low", "l"),
        Field("close", "c"),
        Field("volume", "v"),
        Field("vwap", "vw", missing=_SIDE_IS_EMPTY),
    ]
    count, span = INTERVALS[interval]
    length = count * pd.Timedelta(_LENGTHS[span])
    start = period.start or _FIRST_INSTANT
    start = start.normalize() if interval in OF_DAYS else start
    own = our_symbol(told) if isinstance(told, str) else symbol
    if any(isinstance(record, Mapping) and "T" in record for record in records):
        # Answers about the whole market name each row's ticker; here it can only be a stray.
        fields.append(Field("symbol", "T", "text"))

    def derive(frame: pd.DataFrame) -> pd.DataFrame:
        named = frame["symbol"].map(our_symbol, na_action="ignore").fillna(own)
        frame = frame.assign(symbol=named)
        return _DATED[interval](frame) if interval in _DATED else frame

    answer = read_rows(
        records,
        fields,
        BARS,
        check_bars,
        constants={"symbol": own},
        derive=derive,
        symbols=(symbol,),
        # A length of days is as long as the holidays around it.
        start=start - length - pd.Timedelta(days=7 * (interval in OF_DAYS)),
        end=period.end,
        first_line=first_line,
    )
    if period.start is None:
        return answer
    return answer._replace(good=answer.good[answer.good["time"] >= start].reset_index(drop=True))


def _by_session(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn midnight in New York into the session date at 00:00 UTC."""
    times = pd.DatetimeIndex(frame["time"])
    there = times.tz_convert("America/New_York").normalize().tz_localize(None)
    # A stamp of midnight in UTC is a date already, and would be the day before in New York.
    is_date = np.asarray(times == times.normalize())
    dates = np.where(is_date, times.tz_localize(None).to_numpy(), there.to_numpy())
    return frame.assign(time=pd.DatetimeIndex(dates).tz_localize("UTC").as_unit("us"))


def _by_first_session(frame: pd.DataFrame) -> pd.DataFrame:
    """Date a week or a month by its first session; the service dates it by its first day."""
    dated = _by_session(frame)
    days = dated["time"].dt.tz_localize(None)
    inside = days.between(*_KNOWN_SESSIONS)
    if not inside.any():
        return dated
    known = sessions("XNYS", days[inside].min().date(), (days[inside].max() + pd.Timedelta(days=14)).date())
    first = days.copy()
    first[inside] = known[known.searchsorted(days[inside])].as_unit("us")
    return dated.assign(time=first.dt.tz_localize("UTC"))


_DATED: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "1d": _by_session,
    "1w": _by_first_session,
    "1mo": _by_first_session,
}


def quotes_from_ticks(records: Sequence[Any], *, symbol: str, period: Period, first_line: int = 1) -> Answer:
    """Translate quotes of the consolidated tape; an empty side, written as zero, is missing.

    Parameters
    ----------
    records : sequence
        The `results` of a page; times in nanoseconds, `sequence_number` as the tape counts.
    symbol : str
        The desk's symbol.
    period : Period
        That was asked for.
    first_line : int
        Line of the first record.

    References
    ----------
    massive.com/docs/rest/stocks/trades-quotes/quotes.
    """
    fields = [
        Field("time", ("sip_timestamp", "participant_timestamp"), "nanoseconds"),
        Field("sequence", "sequence_number", "whole"),
        Field("bid", "bid_price", missing=_SIDE_IS_EMPTY),
        Field("ask", "ask_price", missing=_SIDE_IS_EMPTY),
        Field("bid_size", "bid_size"),
        Field("ask_size", "ask_size"),
    ]
    return read_rows(
        records, fields, QUOTES, check_quotes, constants={"symbol": symbol}, derive=_without_empty_sides,
        start=period.start, end=period.end, first_line=first_line,
    )  # fmt: skip


def latest_from_snapshots(records: Sequence[Any], *, symbols: Sequence[str], first_line: int = 1) -> Answer:
    """Translate snapshots of shares and options into their last quotes.

    Parameters
    ----------
    records : sequence
        The `results` of a page.
    symbols : sequence of str
        The desk's symbols that were asked for.
    first_line : int
        Line of the first record.

    References
    ----------
    massive.com/docs/rest/stocks/snapshots/unified-snapshot.
    """
    fields = [
        Field("symbol", "ticker", "text"),
        Field("time", "last_quote.last_updated", "nanoseconds"),
        Field("sequence", "last_quote.last_updated", "nanoseconds_rest"),
        Field("bid", "last_quote.bid", missing=_SIDE_IS_EMPTY),
        Field("ask", "last_quote.ask", missing=_SIDE_IS_EMPTY),
        Field("bid_size", "last_quote.bid_size"),
        Field("ask_size", "last_quote.ask_size"),
    ]

    def derive(frame: pd.DataFrame) -> pd.DataFrame:
        return _without_empty_sides(frame.assign(symbol=frame["symbol"].map(our_symbol, na_action="ignore")))

    return read_rows(
        records, fields, QUOTES, check_quotes, derive=derive, symbols=symbols, first_line=first_line
    )


def _without_empty_sides(frame: pd.DataFrame) -> pd.DataFrame:
    """Let a size be missing where there is no price that it could belong to."""
    return frame.assign(
        bid_size=frame["bid_size"].where(frame["bid"].notna()),
        ask_size=frame["ask_size"].where(frame["ask"].notna()),
    )


def trades_from_ticks(records: Sequence[Any], *, symbol: str, period: Period, first_line: int = 1) -> Answer:
    """Translate trades; numbers of trades are unique only for one exchange and reporting facility.

    Parameters
    ----------
    records : sequence
        The `results` of a page.
    symbol : str
        The desk's symbol.
    period : Period
        That was asked for.
    first_line : int
        Line of the first record.

    References
    ----------
    massive.com/docs/rest/stocks/trades-quotes/trades.
    """
    fields = [
        Field("time", ("sip_timestamp", "participant_timestamp"), "nanoseconds"),
        Field("trade_id", "desk_identity", "text"),
        Field("price", "price"),
        Field("size", "size"),
        Field("conditions", "desk_conditions", "text"),
    ]
    told = [_with_identity(record) if isinstance(record, Mapping) else record for record in records]
    return read_rows(
        told, fields, TRADES, check_trades, constants={"symbol": symbol},
        start=period.start, end=period.end, first_line=first_line,
    )  # fmt: skip


def _with_identity(record: Mapping[str, Any]) -> dict[str, Any]:
    identity = trade_identity(record.get("id"), record.get("exchange"), record.get("trf_id"))
    sequence = record.get("sequence_number")
    conditions = record.get("conditions")
    codes = [str(code) for code in conditions] if isinstance(conditions, list) else []
    # 1 is a late report; 7 and more are cancellations and corrections of it.
    correction = record.get("correction")
    codes += [f"correction {correction}"] if correction else []
    return {
        **record,
        "desk_identity": identity or (f"q{sequence}" if sequence is not None else None),
        "desk_conditions": ",".join(codes),
    }
