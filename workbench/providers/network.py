"""What providers of services have in common: kinds that they lack, rows that they could not read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.errors import IncompleteAnswerError, ServiceError, UnsupportedError
from workbench.market.schemas import Column, names
from workbench.providers.answers import Answer
from workbench.providers.base import Day
from workbench.providers.feeds import Feed

_NONE = {"text": "str", "float": "float64", "instant": "datetime64[us, UTC]", "day": "datetime64[us]",
         "flag": "bool", "whole": "int64"}  # fmt: skip


class NetworkProvider:
    """The base of providers of services; each overrides what its service gives.

    Attributes
    ----------
    name, label : str
        What the command line calls it, and the source as it is shown beside figures.
    kinds : frozenset of str
        What it gives: "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain",
        "news", "earnings", "rates", "metrics", "stream".
    """

    name: str = ""
    label: str = ""
    modelled: bool = False
    kinds: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._bad: list[pd.DataFrame] = []

    def symbols(self) -> list[str]:
        """Return all symbols that the service lists, in order."""
        raise self._lacks("a list of symbols")

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw bars in the columns of `schemas.BARS`, both dates included."""
        raise self._lacks("bars")

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and dividends (symbol, ex_date, kind, value), both dates included."""
        raise self._lacks("corporate actions")

    def quotes(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return quotes in the columns of `schemas.QUOTES`; instants are exact and included."""
        raise self._lacks("past quotes")

    def trades(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return trades in the columns of `schemas.TRADES`; instants are exact and included."""
        raise self._lacks("past trades")

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the last quote of each symbol in the columns of `schemas.QUOTES`."""
        raise self._lacks("latest quotes")

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the last quotes of all contracts in the columns of `schemas.OPTION_QUOTES`."""
        raise self._lacks("option chains")

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return news in the columns of `schemas.NEWS`."""
        raise self._lacks("news")

    def earnings(
        self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None
    ) -> pd.DataFrame:
        """Return earnings dates in the columns of `schemas.EARNINGS`."""
        raise self._lacks("earnings dates")

    def rates(self, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return interest rates in the columns of `schemas.RATES`."""
        raise self._lacks("interest rates")

    def metrics(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return figures about symbols in the columns of `schemas.METRICS`."""
        raise self._lacks("metrics")

    def stream(self, kinds: Sequence[str]) -> Feed:
        """Return a live feed of some of "quotes", "trades" and "bars"."""
        raise self._lacks("a live stream")

    def market_open(self) -> bool | None:
        """Say whether the service's own clock calls its market open; None where it has no clock."""
        return None

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that could not be read: file (what was asked), line, symbol, reason, text."""
        columns = ["file", "line", "symbol", "reason", "text"]
        if not self._bad:
            return pd.DataFrame(
                {name: pd.Series(dtype="int64" if name == "line" else "str") for name in columns}
            )
        return pd.concat(self._bad, ignore_index=True)[columns]

    def _keep(self, answer: Answer, what: str) -> pd.DataFrame:
        """Remember the bad rows of an answer under what was asked, and return the good ones."""
        if len(answer.bad):
            self._bad.append(answer.bad.assign(file=what))
        return answer.good

    def _set_aside(self, what: str, reason: str, *, line: int = 0, symbol: str = "", text: str = "") -> None:
        """Remember something about an answer that is no single row, as a page that came twice."""
        row = {"file": what, "line": line, "symbol": symbol, "reason": reason, "text": text}
        self._bad.append(pd.DataFrame([row]))

    def _gathered(
        self, pages: Iterable[Any], read: Callable[[Any, int], pd.DataFrame], columns: Sequence[Column]
    ) -> pd.DataFrame:
        """Read page after page; what had come when an answer broke off is not lost.

        Parameters
        ----------
        pages : iterable
            Fetches the next page when asked for it.
        read : callable
            Turns a page and its number, from 1, into good rows.
        columns : sequence of Column
            Of the rows.

        Raises
        ------
        IncompleteAnswerError
            If a later page fails; it holds the rows of those before.
        """
        frames: list[pd.DataFrame] = []
        try:
            for number, page in enumerate(pages, start=1):
                frames.append(read(page, number))
        except IncompleteAnswerError:
            raise
        except ServiceError as error:
            rows = joined(frames, columns)
            if rows.empty:
                raise
            raise IncompleteAnswerError(
                f"The answer broke off after {len(rows):,} rows: {error}", rows=rows, cause=error
            ) from error
        return joined(frames, columns)

    def _lacks(self, what: str) -> UnsupportedError:
        has = ", ".join(sorted(kind.replace("_", " ") for kind in self.kinds)) or "nothing yet"
        return UnsupportedError(f"{self.label} has no {what}; it has {has}.")


def joined(frames: Sequence[pd.DataFrame], columns: Sequence[Column]) -> pd.DataFrame:
    """Return frames below each other, without repeated rows; an empty one of the shape for none."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return no_rows(columns)
    whole = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]
    return whole.drop_duplicates(ignore_index=True)


def no_rows(columns: Sequence[Column]) -> pd.DataFrame:
    """Return an empty frame of a kind."""
    return pd.DataFrame({column.name: pd.Series(dtype=_NONE[column.dtype]) for column in columns})[
        names(columns)
    ]
