"""Bars that services stamp in ways of their own: session dates of daily ones, and which are over."""

import pandas as pd

from workbench.market.calendars import exchange_zone, last_session
from workbench.providers.periods import Period


def session_dates(times: "pd.Series[pd.Timestamp]", calendar: str = "XNYS") -> "pd.Series[pd.Timestamp]":
    """Return the session date, at 00:00 UTC, of instants at which daily bars begin.

    Midnight UTC names its own date. Any other instant is a session's begin by the exchange's clock, which for
    shares may be 20:00 of the evening before.

    Parameters
    ----------
    times : Series of instants in UTC
        Missing ones are allowed.
    calendar : str
        A name of exchange_calendars.
    """
    local = (times.dt.tz_convert(exchange_zone(calendar)) + pd.Timedelta(hours=4)).dt.tz_localize(None)
    dates = local.dt.normalize().dt.tz_localize("UTC").astype(times.dtype)
    return times.where(times == times.dt.normalize(), dates)


def bars_within(
    rows: pd.DataFrame,
    period: Period,
    length: pd.Timedelta,
    now: pd.Timestamp,
    calendar: str = "XNYS",
) -> pd.DataFrame:
    """Return the bars of a period that are over, by symbol and time.

    A bar under way would be stored with prices that are not its own yet.

    Parameters
    ----------
    rows : DataFrame
        In the columns of `schemas.BARS`.
    period : Period
        Both ends included.
    length : Timedelta
        Of one bar; a day means sessions.
    now : Timestamp
        With a time zone.
    calendar : str
        A name of exchange_calendars.
    """
    if length == pd.Timedelta(days=1):
        kept = rows[rows["time"] <= pd.Timestamp(last_session(calendar, now), tz="UTC")]
    else:
        kept = rows[rows["time"] + length <= now]
    if period.start is not None:
        kept = kept[kept["time"] >= period.start]
    if period.end is not None:
        kept = kept[kept["time"] <= period.end]
    return kept.sort_values(["symbol", "time"], ignore_index=True)
