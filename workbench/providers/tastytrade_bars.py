"""Bars of candles: which period is asked of the stream, which candles are bars of it, what is missing."""

from collections.abc import Mapping, Sequence

import pandas as pd

from workbench.errors import ServiceError, ServiceRefusedError
from workbench.providers.answers import Answer
from workbench.providers.periods import Period
from workbench.providers.tastytrade_answers import bars_from_candles
from workbench.providers.tastytrade_snapshots import CandleAnswer
from workbench.vendors.tastytrade import VENDOR

INTERVALS: Mapping[str, pd.Timedelta] = {
    name: pd.Timedelta(name.replace("m", "min").replace("d", "D"))
    for name in ("1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d")
}
# The stream snips longer snapshots.
_BARS_AT_A_TIME = 2_000
_REGULAR_HOURS = pd.Timedelta(hours=6.5)


def asked_since(period: Period, interval: str) -> pd.Timestamp:
    """Return the instant to ask from; a daily candle may be stamped with the evening before its session."""
    if period.start is None:
        return pd.Timestamp(0, tz="UTC")
    early = pd.Timedelta(days=1) if interval == "1d" else pd.Timedelta(0)
    return max(pd.Timestamp(0, tz="UTC"), period.start - early)


def symbols_at_a_time(since: pd.Timestamp, interval: str, now: pd.Timestamp) -> int:
    """Return how many symbols may be asked for together, that no burst is longer than the stream likes."""
    sessions = max(1.0, (now - since) / pd.Timedelta(days=1) * 5 / 7)
    a_session = 1.0 if interval == "1d" else max(1.0, _REGULAR_HOURS / INTERVALS[interval])
    return max(1, int(_BARS_AT_A_TIME / (sessions * a_session)))


def bars_of_candles(
    answer: CandleAnswer,
    symbols: Sequence[str],
    since: pd.Timestamp,
    interval: str,
    now: pd.Timestamp,
) -> Answer:
    """Return all bars that an answer holds, and what in it is none.

    Parameters
    ----------
    answer : CandleAnswer
        Of the stream.
    symbols : sequence of str
        Ours, that were asked for.
    since : Timestamp
        From when on they were asked for.
    interval : str
        A key of `INTERVALS`.
    now : Timestamp
        Later candles are no bars.
    """
    events = [event for candles in answer.candles.values() for event in candles.rows.values()]
    daily = interval == "1d"
    return bars_from_candles(
        [*events, *answer.strangers],
        symbols=symbols,
        daily=daily,
        start=since.normalize() if daily else since,
        end=now + pd.Timedelta(days=1),
    )


def what_is_missing(
    answer: CandleAnswer, ours: Mapping[str, str], rows: pd.DataFrame, period: Period, interval: str
) -> ServiceError | None:
    """Return why the answer is not whole: it broke off, or the service keeps no candles so far back.

    Parameters
    ----------
    answer : CandleAnswer
        Of the stream.
    ours : mapping of str to str
        Our symbols by the streamer's.
    rows : DataFrame
        The bars of the period that came.
    period : Period
        That was asked for; without a start, what the service keeps is whole.
    interval : str
        As in the message.
    """
    if answer.cause is not None or period.start is None:
        return answer.cause
    for name, candles in answer.candles.items():
        mine = rows.loc[rows["symbol"] == ours[name], "time"]
        if candles.snipped and (mine.empty or mine.iloc[0] > period.start + pd.Timedelta(days=5)):
            oldest = f"before {mine.iloc[0]:%Y-%m-%d}" if len(mine) else "of this period"
            return ServiceRefusedError(
                f"{VENDOR.label} keeps no {interval} bars of {ours[name]} {oldest}; ask for a later start or "
                "a longer interval.",
                service=VENDOR.label,
            )
    return None
