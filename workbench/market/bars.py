"""Coarser bars out of finer ones, anchored at the session's open, so that no clock change moves them."""

import re
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import ArgumentError, DataFormatError, DateInputError
from workbench.market.calendars import session_closes, session_opens, sessions

PRICES = ("open", "high", "low", "close")
_INTERVAL = re.compile(r"(\d{1,5})(s|m|h|d|w|mo)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_NANOSECONDS = 10**9
_DAY = pd.Timedelta(days=1)
# What a bar of days covers; the order is from fine to coarse.
_SPANS = ("1d", "1w", "1mo")

Span = Literal["1d", "1w", "1mo"]
Whole = npt.NDArray[np.int64]


def interval_seconds(interval: str) -> int | None:
    """Return how long a bar within the day is, in seconds; None for bars of days, weeks and months.

    Parameters
    ----------
    interval : str
        As in ``"30s"``, ``"5m"``, ``"4h"``, ``"1d"``, ``"1w"`` or ``"1mo"``.

    Raises
    ------
    ArgumentError
        If it is none of these.

    Examples
    --------
    >>> interval_seconds("5m"), interval_seconds("1d")
    (300, None)
    """
    found = _INTERVAL.fullmatch(str(interval))
    if found is None or int(found[1]) == 0 or (found[2] not in _SECONDS and interval not in _SPANS):
        raise ArgumentError(
            f"`interval` is {interval!r}; give one such as '30s', '5m', '4h', '1d', '1w' or '1mo'."
        )
    return int(found[1]) * _SECONDS[found[2]] if found[2] in _SECONDS else None


def resample_bars(
    bars: pd.DataFrame, interval: str, *, source_interval: str, calendar: str = "XNYS"
) -> pd.DataFrame:
    """Make coarser bars of one symbol out of finer ones.

    A bar belongs to the session in which it starts; bars that start outside every session are left out. Bars
    within the day are counted from the session's open: of hourly bars in New York the first starts at 09:30
    on either side of a clock change, and the last ends with the session. A daily bar is dated by its session
    at 00:00 UTC, a weekly and a monthly one by the first session of its week or month. What no finer bar
    covers has no bar.

    Parameters
    ----------
    bars : DataFrame
        open, high, low, close, volume and, where known, vwap on an ascending UTC ``time`` index of opening
        edges. Other columns are left out.
    interval : str
        Of the bars wanted: ``"5m"``, ``"1h"``, ``"1d"``, ``"1w"``, ``"1mo"``, ...
    source_interval : str
        Of the bars given.
    calendar : str
        A name of exchange_calendars, whose sessions count.

    Returns
    -------
    DataFrame
        The first open, the highest high, the lowest low, the last close, the sum of the volumes, and the
        average of vwap weighted by volume. A missing value makes the same figure of its bar missing.

    Raises
    ------
    ArgumentError
        If an interval is unknown, the wanted one is not a multiple of the given one, or a bar reaches over
        an open or over an edge of the wanted bars, so that no one can tell what belongs where.
    DataFormatError
        If a column is missing, or the times are not ascending, in UTC and unlike.

    Examples
    --------
    >>> hourly = resample_bars(minutes, "1h", source_interval="1m")  # doctest: +SKIP
    """
    step, source = interval_seconds(interval), interval_seconds(source_interval)
    _require_coarser(interval, step, source_interval, source)
    times = _require_bars(bars)
    if bars.empty:
        return bars[_columns(bars)].copy()
    if source is None:
        inside = np.ones(len(times), dtype=bool)
        labels = _span_labels(_days(times), cast(Span, interval), calendar)
    else:
        inside, labels = _session_labels(times, interval, step, source, calendar)
    return _folded(bars[inside], labels)


def _require_coarser(interval: str, step: int | None, source_interval: str, source: int | None) -> None:
    if source is None:
        fits = step is None and _SPANS.index(interval) >= _SPANS.index(source_interval)
        # A week belongs to two months.
        fits = fits and not (source_interval == "1w" and interval == "1mo")
    else:
        fits = step is None or step % source == 0
    if not fits:
        raise ArgumentError(
            f"Bars of {interval} cannot be made of bars of {source_interval}; "
            "give finer ones, whose length goes into the wanted one without remainder."
        )


def _require_bars(bars: pd.DataFrame) -> pd.DatetimeIndex:
    absent = [name for name in (*PRICES, "volume") if name not in bars]
    if absent:
        raise DataFormatError(f"The bars have no column `{'`, `'.join(absent)}`.")
    index = bars.index
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        raise DataFormatError("The bars need one UTC `time` index; give the bars of one symbol.")
    if not (index.is_monotonic_increasing and index.is_unique):
        raise DataFormatError("The times of the bars must ascend and differ; sort them, drop repeated ones.")
    return index


def _columns(bars: pd.DataFrame) -> list[str]:
    return [*PRICES, "volume", *(["vwap"] if "vwap" in bars else [])]


def _session_labels(
    times: pd.DatetimeIndex, interval: str, step: int | None, source: int, calendar: str
) -> tuple[npt.NDArray[np.bool_], Whole]:
    """Say which bars lie in a session, and to which wanted bar each of those belongs."""
    days = sessions(calendar, _plain(times[0] - 7 * _DAY), _plain(times[-1] + 7 * _DAY))
    opens, closes = _stamps(session_opens(calendar, days)), _stamps(session_closes(calendar, days))
    starts = _stamps(times)
    length = source * _NANOSECONDS
    session = np.searchsorted(opens, starts, side="right") - 1
    inside = (session >= 0) & (starts < closes[session])
    following = opens[np.minimum(session + 1, len(opens) - 1)]
    _refuse_astride(times, ~inside & (starts < following) & (starts + length > following), "a session's open")
    session, starts = session[inside], starts[inside]
    if step is None:
        return inside, _span_labels(pd.DatetimeIndex(days[session]), cast(Span, interval), calendar)
    wide = step * _NANOSECONDS
    first, last = starts - opens[session], starts - opens[session] + length - 1
    _refuse_astride(times[inside], first // wide != last // wide, f"two bars of {interval}")
    return inside, opens[session] + first // wide * wide


def _refuse_astride(times: pd.DatetimeIndex, astride: npt.NDArray[np.bool_], what: str) -> None:
    if astride.any():
        raise ArgumentError(
            f"The bar of {times[int(np.argmax(astride))]:%Y-%m-%d %H:%M} UTC reaches over {what}; "
            "resample finer bars."
        )


def _span_labels(days: pd.DatetimeIndex, span: Span, calendar: str) -> Whole:
    """Return for each date the first session of its day, week or month."""
    if span == "1d" or not len(days):
        return _stamps(days)
    period = "W-SUN" if span == "1w" else "M"
    wanted = days.to_period(period)
    try:
        known = sessions(calendar, _plain(wanted[0].start_time), _plain(wanted[-1].end_time))
    except DateInputError:
        # History older than the calendar is dated by its own first bar.
        known = pd.DatetimeIndex([])
    candidates = pd.DatetimeIndex(known.append(days)) if len(known) else days
    firsts = pd.Series(candidates, index=candidates.to_period(period)).groupby(level=0).first()
    return _stamps(pd.DatetimeIndex(firsts.reindex(wanted)))


def _folded(bars: pd.DataFrame, labels: Whole) -> pd.DataFrame:
    """Fold neighbouring bars of one label into one."""
    columns = _columns(bars)
    if not len(bars):
        return bars[columns].copy()
    begins = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
    ends = np.append(begins[1:], len(labels)) - 1
    values = {name: bars[name].to_numpy(dtype=np.float64) for name in columns}
    folded: dict[str, Any] = {
        "open": values["open"][begins],
        "high": np.maximum.reduceat(values["high"], begins),
        "low": np.minimum.reduceat(values["low"], begins),
        "close": values["close"][ends],
        "volume": np.add.reduceat(values["volume"], begins),
    }
    if "vwap" in values:
        traded = values["volume"] > 0
        money = np.where(traded, values["vwap"] * values["volume"], 0.0 * values["volume"])
        with np.errstate(invalid="ignore", divide="ignore"):
            folded["vwap"] = np.add.reduceat(money, begins) / folded["volume"]
    index = pd.DatetimeIndex(labels[begins].astype("datetime64[ns]")).tz_localize("UTC")
    unit = cast(pd.DatetimeIndex, bars.index).unit
    return pd.DataFrame(folded, index=index.as_unit(unit).rename("time"))


def _days(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    plain = times.tz_localize(None)
    if not (plain == plain.normalize()).all():
        raise DataFormatError("Daily, weekly and monthly bars are dated at 00:00 UTC; these are not.")
    return plain


def _plain(stamp: Any) -> pd.Timestamp:
    return pd.Timestamp(stamp).tz_localize(None).normalize()


def _stamps(times: Any) -> Whole:
    return np.asarray(pd.DatetimeIndex(times).as_unit("ns").asi8)
