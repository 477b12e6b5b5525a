"""What a provider answers about the kinds of data that it does not have: a refusal in words."""

from collections.abc import Sequence

import pandas as pd

from workbench.errors import UnsupportedError
from workbench.providers.base import Day
from workbench.providers.feeds import Feed


class KindsProvider:
    """The base of all providers; each overrides the methods of what it gives.

    Attributes
    ----------
    name, label : str
        What the command line calls it, and the source as it is shown beside figures.
    modelled : bool
        True where the data come out of a model.
    kinds : frozenset of str
        What it gives: "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain",
        "news", "earnings", "rates", "metrics", "stream".
    """

    name: str = ""
    label: str = ""
    modelled: bool = False
    kinds: frozenset[str] = frozenset()

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

    def _lacks(self, what: str) -> UnsupportedError:
        has = ", ".join(sorted(kind.replace("_", " ") for kind in self.kinds)) or "nothing yet"
        return UnsupportedError(f"{self.label} has no {what}; it has {has}.")
