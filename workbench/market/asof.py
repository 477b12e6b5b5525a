"""The quote that stood when a trade was made: as-of joins of two series of many symbols."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DataFormatError

__all__ = ["quotes_at"]

Places = npt.NDArray[np.int64]


def quotes_at(
    trades: pd.DataFrame,
    quotes: pd.DataFrame,
    *,
    tolerance: pd.Timedelta | None = None,
    allow_exact: bool = True,
) -> pd.DataFrame:
    """Put beside each trade the last quote of its symbol at or before it.

    Parameters
    ----------
    trades : DataFrame
        Columns `symbol` and `time` (with a time zone), in any order of rows; others are kept.
    quotes : DataFrame
        Columns `symbol`, `time` and the values to bring, in any order of rows; of quotes of one symbol
        and instant the last row counts. Sorted by time, or by symbol and time, they are fastest.
    tolerance : Timedelta, optional
        Quotes older than this are too old to count; without it any age will do.
    allow_exact : bool
        Whether a quote of the trade's very instant counts.

    Returns
    -------
    DataFrame
        The rows of `trades` in their order and with their index, the columns of `quotes` that `trades`
        does not have, and `quote_time`; missing where there was no quote.

    Raises
    ------
    DataFormatError
        If a column is missing, or a time has no zone.

    Notes
    -----
    The answer is that of `pandas.merge_asof` with ``by="symbol"``. Two sides in order of time are gone
    through once. In any other order, such as the lake's, by symbol and time, both are grouped by symbol and
    each trade is looked up in its group by bisection; pandas would have to sort them first.

    Examples
    --------
    >>> at = pd.to_datetime(["2024-06-03 14:00", "2024-06-03 14:02"], utc=True)
    >>> quotes = pd.DataFrame({"symbol": "AAPL", "time": at, "bid": [190.0, 191.0]})
    >>> trades = pd.DataFrame({"symbol": "AAPL", "time": at[:1] + pd.Timedelta("1min"), "price": [190.1]})
    >>> quotes_at(trades, quotes)["bid"].tolist()
    [190.0]
    """
    for name, frame in (("trades", trades), ("quotes", quotes)):
        _require(name, frame)
    brought = {"quote_time": quotes["time"]} | {
        str(name): quotes[name] for name in quotes.columns if name not in trades.columns
    }
    places = _places(trades, quotes, tolerance, allow_exact=allow_exact)
    columns = {name: values.array.take(places, allow_fill=True) for name, values in brought.items()}
    beside = pd.DataFrame(columns, index=trades.index, copy=False)
    return pd.concat([trades, beside], axis=1)


def _places(
    trades: pd.DataFrame, quotes: pd.DataFrame, tolerance: pd.Timedelta | None, *, allow_exact: bool
) -> Places:
    """Return for each trade the row of its quote, -1 where there is none."""
    places = np.full(len(trades), -1, dtype=np.int64)
    if not len(trades) or not len(quotes):
        return places
    trade_codes, quote_codes = _codes(trades["symbol"], quotes["symbol"])
    trade_times, quote_times = _instants(trades["time"], quotes["time"])
    if _ascend(trade_times) and _ascend(quote_times):
        # Numba takes a second to import: only who asks for a join waits for it.
        from workbench.market.asof_kernels import last_before

        count = max(trade_codes.max(), quote_codes.max()) + 1
        places = last_before(trade_times, trade_codes, quote_times, quote_codes, count, allow_exact)
    else:
        _look_up(places, trade_times, trade_codes, quote_times, quote_codes, allow_exact=allow_exact)
    if tolerance is not None:
        units = {side["time"].dt.unit for side in (trades, quotes)}
        unit = units.pop() if len(units) == 1 else "ns"
        largest = tolerance.to_timedelta64().astype(f"m8[{unit}]").astype(np.int64)
        places[(places >= 0) & (trade_times - quote_times[places] > largest)] = -1
    return places


def _look_up(
    places: Places,
    trade_times: Places,
    trade_codes: Places,
    quote_times: Places,
    quote_codes: Places,
    *,
    allow_exact: bool,
) -> None:
    """Fill in the places by bisection in each group of quotes."""
    quote_order, quote_starts = _grouped(quote_codes, quote_times)
    trade_order, trade_starts = _grouped(trade_codes, None)
    side: Literal["left", "right"] = "right" if allow_exact else "left"
    ordered_times = quote_times if quote_order is None else quote_times[quote_order]
    for code in range(min(len(trade_starts), len(quote_starts)) - 1):
        first, last = quote_starts[code], quote_starts[code + 1]
        rows = slice(trade_starts[code], trade_starts[code + 1])
        if first == last or rows.start == rows.stop:
            continue
        mine: slice | Places = rows if trade_order is None else trade_order[rows]
        before = np.searchsorted(ordered_times[first:last], trade_times[mine], side=side) - 1
        at = np.where(before >= 0, before + first, -1)
        places[mine] = at if quote_order is None else np.where(at >= 0, quote_order[at], -1)


def _codes(trade_symbols: "pd.Series[str]", quote_symbols: "pd.Series[str]") -> tuple[Places, Places]:
    """Return the symbols of both sides as numbers that agree; one that nobody quotes gets the last."""
    quote_codes, known = pd.factorize(quote_symbols)
    trade_own, names = pd.factorize(trade_symbols)
    numbers = pd.Index(known).get_indexer(pd.Index(names))
    numbers = np.append(np.where(numbers < 0, len(known), numbers), len(known))
    # A missing symbol is nobody's: number -1 takes the last entry.
    quoted = np.where(quote_codes < 0, len(known) + 1, quote_codes)
    return numbers[trade_own].astype(np.int64), quoted.astype(np.int64)


def _grouped(codes: Places, times: Places | None) -> tuple[Places | None, Places]:
    """Return the order that groups rows by code (and time in each), and where each group starts.

    None means that the rows stand in that order already.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))])
    same, rises = codes[1:] == codes[:-1], codes[1:] > codes[:-1]
    if times is None:
        return (None, starts) if (same | rises).all() else (_stable_order(codes), starts)
    later = times[1:] >= times[:-1]
    if later.all():  # a stable sort by code alone keeps the order of time
        return (None, starts) if (same | rises).all() else (_stable_order(codes), starts)
    if ((same & later) | rises).all():
        return None, starts
    return np.lexsort((times, codes)), starts


def _stable_order(codes: Places) -> Places:
    # NumPy counts whole numbers of 16 bits, ten times faster than it sorts wider ones.
    if codes.max(initial=0) < 2**16:
        return np.argsort(codes.astype(np.uint16), kind="stable")
    return np.argsort(codes, kind="stable")


def _instants(trades: "pd.Series[pd.Timestamp]", quotes: "pd.Series[pd.Timestamp]") -> tuple[Places, Places]:
    """Return both sides' instants as whole numbers of one unit, UTC."""
    sides = [pd.DatetimeIndex(times) for times in (trades, quotes)]
    if sides[0].unit != sides[1].unit:
        sides = [times.as_unit("ns") for times in sides]
    return np.asarray(sides[0].asi8), np.asarray(sides[1].asi8)


def _ascend(times: Places) -> bool:
    return bool((times[1:] >= times[:-1]).all())


def _require(name: str, frame: pd.DataFrame) -> None:
    for column in ("symbol", "time"):
        if column not in frame:
            raise DataFormatError(
                f"The {name} have no column `{column}`; they have {', '.join(map(str, frame.columns))}."
            )
    if getattr(frame["time"].dtype, "tz", None) is None:
        raise DataFormatError(
            f"`time` of the {name} is of type {frame['time'].dtype}; give times with a time zone."
        )
