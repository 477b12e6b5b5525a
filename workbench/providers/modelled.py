"""Option chains out of a model, in the columns of real ones and marked as modelled on every row.

No package ships real chains. The desk hands the model in; this file only keeps its rows to the rules.
"""

from collections.abc import Callable, Sequence
from datetime import date

import pandas as pd

from workbench.errors import DataFormatError, MissingDataError
from workbench.market.schemas import OPTION_QUOTES, check_option_quotes, names, quarantined_rows
from workbench.providers.base import Day, require_known
from workbench.providers.kinds import KindsProvider
from workbench.providers.periods import period_of


class ModelledChainProvider(KindsProvider):
    """Chains that a model makes from the prices of the underlying.

    Parameters
    ----------
    model : callable
        Takes an underlying and a session date and returns rows in the columns of `schemas.OPTION_QUOTES`.
    underlyings : sequence of str
        Those that the model has prices of; without any, the model itself is asked.
    day : date, optional
        Session that `option_chain` is about.
    """

    name = "modelled"
    label = "modelled from the underlying's prices"
    modelled = True
    kinds = frozenset({"option_chain"})

    def __init__(
        self,
        model: Callable[[str, date], pd.DataFrame],
        *,
        underlyings: Sequence[str] = (),
        day: date | None = None,
    ) -> None:
        self._model = model
        self._underlyings = sorted(set(underlyings))
        self._day = day

    def symbols(self) -> list[str]:
        """Return the underlyings that the model was given, in order."""
        return list(self._underlyings)

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the chain of the provider's session; see `chain`.

        Raises
        ------
        UnknownSymbolError
            If the model has no prices of the underlying.
        MissingDataError
            If the provider was made without a session.
        """
        if self._underlyings:
            require_known([underlying], self._underlyings, "The model")
        if self._day is None:
            raise MissingDataError("Say of which session the modelled chain is to be: chain('AAPL', day).")
        found = self.chain(underlying, self._day)
        day = period_of(expiry, None).first_day
        if day is None:
            return found
        return found[found["expiry"] == pd.Timestamp(day)].reset_index(drop=True)

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that could not be used: none, a bad one stops the whole chain."""
        return quarantined_rows().assign(file="")[["file", "line", "symbol", "reason", "text"]]

    def chain(self, underlying: str, day: date) -> pd.DataFrame:
        """Return the chain of one underlying at a session's close, `modelled` true on every row.

        Raises
        ------
        MissingDataError
            If the model makes no row.
        DataFormatError
            If a row breaks the rules of a quote: a fault of the model, so nothing is used.
        """
        made = self._model(underlying, day)
        if made.empty:
            raise MissingDataError(f"The model makes no chain of {underlying} on {day}; choose another day.")
        good, bad = check_option_quotes(made.assign(modelled=True))
        if len(bad):
            raise DataFormatError(
                f"{len(bad)} modelled quotes of {underlying} on {day} cannot be: {bad['reason'].iloc[0]} "
                f"({bad['symbol'].iloc[0].strip()}); check the model's inputs."
            )
        return good[names(OPTION_QUOTES)]
