"""One line an expiry: time, forward, volatility at the money, expected move, and how much is quoted."""

import numpy as np
import pandas as pd

EXPIRY_COLUMNS = [
    "expiry", "days", "years", "settlement", "forward", "rate", "dividend_yield", "atm_volatility",
    "expected_move", "open_interest", "quotes", "priced", "root", "carry",
]  # fmt: skip
_READ = [
    "settles", "root", "expiry", "days", "years", "settlement", "forward", "rate", "dividend_yield", "spot",
    "strike", "right", "implied_volatility", "open_interest", "carry",
]  # fmt: skip


def expiries_of(chain: pd.DataFrame) -> pd.DataFrame:
    """Return the expiries of a priced chain, in the order in which they settle.

    Parameters
    ----------
    chain : DataFrame
        From `option_chain.price_quotes`.

    Returns
    -------
    DataFrame
        ``atm_volatility`` is the implied volatility at the forward, between the nearest out-of-the-money
        quotes; ``expected_move`` one standard deviation of the underlying by then, in money:
        spot x atm_volatility x sqrt(years).
    """
    rows = []
    # Taking rows of a wide frame apart costs a column each.
    for (_, root), part in chain[_READ].groupby(["settles", "root"], sort=True):
        first = part.iloc[0]
        volatility = volatility_at_the_forward(part)
        rows.append(
            {
                "expiry": first["expiry"],
                "days": int(first["days"]),
                "years": float(part["years"].max()),
                "settlement": first["settlement"],
                "forward": float(part["forward"].median()),
                "rate": float(part["rate"].median()),
                "dividend_yield": float(part["dividend_yield"].median()),
                "atm_volatility": volatility,
                "expected_move": float(part["spot"].median() * volatility * np.sqrt(part["years"].max())),
                "open_interest": float(part["open_interest"].sum(min_count=1)),
                "quotes": len(part),
                "priced": int(part["implied_volatility"].notna().sum()),
                "root": root,
                "carry": first["carry"],
            }
        )
    frame = pd.DataFrame(rows, columns=EXPIRY_COLUMNS)
    return frame.astype({"quotes": "int64", "priced": "int64", "days": "int64"})


def volatility_at_the_forward(part: pd.DataFrame) -> float:
    """Return the implied volatility at the forward of one expiry; NaN where no quote is near.

    Puts below and calls above the forward are used, as their prices hold nothing but time value; between the
    two strikes around it the volatility is a straight line.
    """
    smile = out_of_the_money(part)
    if smile.empty:
        return float("nan")
    strikes, volatilities = smile["strike"].to_numpy(), smile["implied_volatility"].to_numpy()
    forward = float(smile["forward"].iloc[0])
    if len(smile) == 1 or not strikes[0] <= forward <= strikes[-1]:
        near = int(np.argmin(np.abs(np.log(strikes / forward))))
        # Beyond the outermost quote nothing tells the volatility, but for one that is all but at the money.
        return float(volatilities[near]) if abs(np.log(strikes[near] / forward)) < 0.02 else float("nan")
    return float(np.interp(forward, strikes, volatilities))


def out_of_the_money(part: pd.DataFrame) -> pd.DataFrame:
    """Return the priced quotes that are out of the money, one a strike, by strike."""
    strike, forward = (part[name].to_numpy(dtype=np.float64) for name in ("strike", "forward"))
    out = np.where(part["right"].eq("C").to_numpy(), strike >= forward, strike < forward)
    smile: pd.DataFrame = part[out & part["implied_volatility"].notna().to_numpy() & ~np.isnan(forward)]
    return smile.sort_values("strike").drop_duplicates("strike")
