"""What every provider of market data promises, and how a name is found that was misspelt."""

from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

import pandas as pd

from workbench.errors import DateInputError, MissingDataError, UnknownSymbolError
from workbench.market.schemas import BARS, names

Day = date | str | pd.Timestamp | None


@runtime_checkable
class Provider(Protocol):
    """A source of bars and corporate actions; `NetworkProvider` has the methods of the other kinds.

    Attributes
    ----------
    name : str
        What the command line calls it.
    label : str
        The source as it is shown beside figures.
    modelled : bool
        True where the data come out of a model.
    kinds : frozenset of str
        What it gives, as "bars" and "corporate_actions".
    """

    @property
    def name(self) -> str:
        """What the command line calls it."""
        ...

    @property
    def label(self) -> str:
        """The source as it is shown beside figures."""
        ...

    @property
    def modelled(self) -> bool:
        """True where the data come out of a model."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """What it gives, as "bars" and "corporate_actions"."""
        ...

    def symbols(self) -> list[str]:
        """Return all symbols that it has, in order."""
        ...

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw bars in the columns of `schemas.BARS`, by symbol and time, both dates included.

        Raises
        ------
        UnknownSymbolError
            If it does not have a symbol; the message names the nearest it has.
        MissingDataError
            If it has no bars of that interval.
        """
        ...

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and dividends (symbol, ex_date, kind, value), both dates included."""
        ...

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that it could not read: file, line, symbol, reason, text."""
        ...


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the names most like a misspelt one, best first, without regard to case.

    Examples
    --------
    >>> nearest_names("appl", ["AAPL", "IBM", "MSFT"])
    ['AAPL']
    """
    spelling = {each.upper(): each for each in known}
    # A longer cutoff would miss short tickers, where one letter is a third of the name.
    found = get_close_matches(name.upper(), spelling, n=count, cutoff=0.5)
    return [spelling[each] for each in found]


def require_known(symbols: Sequence[str], known: Sequence[str], label: str) -> None:
    """Refuse symbols that a provider does not have.

    Raises
    ------
    UnknownSymbolError
        Naming the first unknown one and the nearest that are there.
    """
    held = set(known)
    for symbol in symbols:
        if symbol not in held:
            near = nearest_names(symbol, known) or list(known[:5])
            raise UnknownSymbolError(f"{label} has no {symbol!r}; the nearest it has: {', '.join(near)}.")


def require_interval(interval: str, known: Sequence[str], label: str) -> None:
    """Refuse an interval that a provider has no bars of.

    Raises
    ------
    MissingDataError
        Naming the intervals that are there.
    """
    if interval not in known:
        raise MissingDataError(f"{label} has no {interval!r} bars; it has {', '.join(map(repr, known))}.")


def between_days(frame: pd.DataFrame, column: str, start: Day, end: Day) -> pd.DataFrame:
    """Return the rows dated from `start` to `end`, whole days, both included; None is open.

    Raises
    ------
    DateInputError
        If a date cannot be read, or `start` lies after `end`.
    """
    first, last = _day(start), _day(end)
    if first is not None and last is not None and first > last:
        raise DateInputError(f"`start` {first.date()} is after `end` {last.date()}; swap them.")
    times = pd.DatetimeIndex(frame[column])
    days = (times.tz_localize(None) if times.tz is not None else times).normalize()
    keep = pd.Series(True, index=frame.index)
    if first is not None:
        keep &= days >= first
    if last is not None:
        keep &= days <= last
    return frame[keep].reset_index(drop=True)


def no_bars() -> pd.DataFrame:
    """Return an empty frame in the columns of `schemas.BARS`."""
    frame = pd.DataFrame(columns=names(BARS)).astype(dict.fromkeys(names(BARS)[2:], "float64"))
    return frame.astype({"symbol": "str", "time": "datetime64[us, UTC]"})


def _day(value: Day) -> pd.Timestamp | None:
    if value is None:
        return None
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise DateInputError(f"{value!r} is no date; write it as in '2013-03-01'.") from error
    if stamp.tz is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.normalize()
