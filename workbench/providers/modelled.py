"""Option chains out of a model, in the columns of real ones and marked as modelled on every row.

No package ships real chains. The desk hands the model in; this file only keeps its rows to the rules.
"""

from collections.abc import Callable
from datetime import date

import pandas as pd

from workbench.errors import DataFormatError, MissingDataError
from workbench.market.schemas import OPTION_QUOTES, check_option_quotes, names


class ModelledChainProvider:
    """Chains that a model makes from the prices of the underlying.

    Parameters
    ----------
    model : callable
        Takes an underlying and a session date and returns rows in the columns of `schemas.OPTION_QUOTES`.
    """

    name = "modelled"
    label = "modelled from the underlying's prices"
    modelled = True

    def __init__(self, model: Callable[[str, date], pd.DataFrame]) -> None:
        self._model = model

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
