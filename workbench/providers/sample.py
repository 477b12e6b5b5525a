"""Real daily prices that ship with a package: five US shares, 2000-03-01 to 2013-03-01, no network.

The prices are Quandl's WIKI set as `bokeh_sampledata.stocks` redistributes it, which Quandl declared to be
in the public domain: raw open, high, low, close and volume, and a close adjusted for splits and dividends.
The package states no splits and dividends, so they are read out of the adjusted close. It also holds
adjustments for what happened after March 2013; only changes of the ratio inside the period are used.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import PRICE_COLUMNS, quarantined_rows
from workbench.providers.base import Day, between_days, require_interval, require_known
from workbench.providers.kinds import KindsProvider

_TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

# The ratio of adjusted to raw close repeats to 1e-13 between actions; the smallest real change is 1e-3.
_LEAST_CHANGE = 1e-6
# The vendor keeps dividends to the cent and finds this much of a cent again from its rounded closes.
_CENT_TOLERANCE = 1e-4
# A dividend of a fifth of the price is rarer than a split that small; the sample has neither between.
_LEAST_SPLIT = 1.2


class SampleProvider(KindsProvider):
    """Daily bars and corporate actions of AAPL, FB, GOOG, IBM and MSFT, read from an installed package."""

    name = "sample"
    label = "bokeh_sampledata (Quandl WIKI, public domain)"
    kinds = frozenset({"bars", "corporate_actions"})

    def symbols(self) -> list[str]:
        """Return the five tickers. GOOG is Google's only share class of the time."""
        return list(_TICKERS)

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw daily bars in the columns of `schemas.BARS`, both dates included.

        Raises
        ------
        UnknownSymbolError
            If a symbol is none of the five.
        MissingDataError
            If `interval` is not ``"1d"``.
        """
        require_known(symbols, _TICKERS, "The sample data")
        require_interval(interval, ["1d"], "The sample data")
        frames = [bars_from_series(_series(symbol), symbol=symbol) for symbol in dict.fromkeys(symbols)]
        return between_days(pd.concat(frames, ignore_index=True), "time", start, end)

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and dividends found in the adjusted close, both dates included.

        Raises
        ------
        UnknownSymbolError
            If a symbol is none of the five.
        """
        require_known(symbols, _TICKERS, "The sample data")
        frames = [actions_from_series(_series(symbol), symbol=symbol) for symbol in dict.fromkeys(symbols)]
        return between_days(pd.concat(frames, ignore_index=True), "ex_date", start, end)

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that it could not read: none, the package's rows are all read."""
        return quarantined_rows().assign(file="")[["file", "line", "symbol", "reason", "text"]]


@cache
def _series(symbol: str) -> Mapping[str, Sequence[Any]]:
    # The import decompresses the data, so it waits for the first question.
    from bokeh_sampledata import stocks

    series: Mapping[str, Sequence[Any]] = getattr(stocks, symbol)
    return series


def bars_from_series(series: Mapping[str, Sequence[Any]], *, symbol: str) -> pd.DataFrame:
    """Translate one ticker of `bokeh_sampledata.stocks` into raw bars.

    Parameters
    ----------
    series : mapping
        Lists of one length: date (ISO text), open, high, low, close, volume.
    symbol : str
        Ticker.

    Returns
    -------
    DataFrame
        Columns of `schemas.BARS`; `time` is the session date at 00:00 UTC.
    """
    times = pd.to_datetime(pd.Series(series["date"]), utc=True, format="%Y-%m-%d")
    columns = [*PRICE_COLUMNS, "volume"]
    return pd.DataFrame(
        {
            "symbol": pd.array([symbol] * len(times), dtype="str"),
            "time": times.dt.as_unit("us"),
            **{name: np.asarray(series[name], dtype=np.float64) for name in columns},
            "vwap": np.nan,  # the vendor has none
        }
    )


def actions_from_series(series: Mapping[str, Sequence[Any]], *, symbol: str) -> pd.DataFrame:
    """Find the splits and dividends of one ticker in the changes of adjusted over raw close.

    The vendor adjusts backwards: on an ex-date the ratio grows by the factor of a split, or by
    1 + dividend / close of the ex-date. Splits are therefore exact small fractions, and dividends come out
    to within a hundredth of a cent; they are rounded to the cent where they lie that close to one.

    Parameters
    ----------
    series : mapping
        Lists of one length: date (ISO text), close and adj_close.
    symbol : str
        Ticker.

    Returns
    -------
    DataFrame
        symbol, ex_date (naive), kind ("split" or "dividend") and value: new shares for one old, or dollars
        per share then outstanding.

    References
    ----------
    Quandl, "How are WIKI prices adjusted": adjustment factor (close + dividend) / close of the ex-date.
    """
    close = np.asarray(series["close"], dtype=np.float64)
    ratio = np.asarray(series["adj_close"], dtype=np.float64) / close
    growth = ratio[1:] / ratio[:-1]
    changed = np.flatnonzero(np.abs(growth - 1) > _LEAST_CHANGE)
    if not len(changed):
        return no_actions()
    dates = pd.to_datetime(pd.Series(series["date"]), format="%Y-%m-%d").dt.as_unit("us")
    kinds, values = zip(*(_action(growth[at], close[at + 1]) for at in changed), strict=True)
    return pd.DataFrame(
        {
            "symbol": pd.array([symbol] * len(changed), dtype="str"),
            "ex_date": dates.iloc[changed + 1].to_numpy(),
            "kind": pd.array(kinds, dtype="str"),
            "value": np.array(values, dtype=np.float64),
        }
    )


def _action(growth: float, ex_close: float) -> tuple[str, float]:
    """Say what made the ratio grow: a split by a small fraction, else a dividend in dollars."""
    fraction = Fraction(growth).limit_denominator(20)
    is_split = growth >= _LEAST_SPLIT or growth < 1
    if is_split and abs(float(fraction) / growth - 1) < _LEAST_CHANGE:
        return "split", float(fraction)
    dividend = ex_close * (growth - 1)
    cents = round(dividend, 2)
    return "dividend", cents if abs(dividend - cents) < _CENT_TOLERANCE else round(dividend, 6)
