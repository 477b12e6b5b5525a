"""A chain of option quotes from a plain stated model, for a desk that has prices but no chain.

The quotes are modelled and say so; they are no record of any market.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_finite, require_non_negative, require_positive
from workbench.errors import PricingInputError
from workbench.market.instruments import occ_symbols
from workbench.market.schemas import VENDOR_COLUMNS
from workbench.pricing import black_scholes_price


@dataclass(frozen=True, slots=True)
class ModelledSmile:
    """The shape of the modelled volatility, in units of the volatility at the money.

    volatility = at_money x (1 + skew z + curvature z^2), between `floor` and `cap`, where
    z = ln(strike / forward) / (at_money sqrt(years)) counts standard deviations from the forward.

    Attributes
    ----------
    skew : float
        Change per standard deviation; below zero, low strikes are dearer, as equities show.
    curvature : float
        Change per squared standard deviation; lifts both wings.
    floor, cap : float
        Volatility per square-root year that the model never leaves.
    """

    skew: float = -0.06
    curvature: float = 0.01
    floor: float = 0.05
    cap: float = 2.0

    def volatility(
        self, strike: ArrayLike, forward: ArrayLike, years: ArrayLike, at_money: ArrayLike
    ) -> FloatArray:
        """Return the model's volatility.

        Parameters
        ----------
        strike, forward, years, at_money : array_like
            Above zero; all broadcast. `at_money` per square-root year, as a fraction.

        Returns
        -------
        ndarray
            Per square-root year, as a fraction.

        Raises
        ------
        PricingInputError
            If a value is not above zero.
        """
        strike, forward, years, at_money = require_positive(
            strike=strike, forward=forward, years=years, at_money=at_money
        )
        z = np.log(strike / forward) / (at_money * np.sqrt(years))
        return np.clip(at_money * (1 + self.skew * z + self.curvature * z * z), self.floor, self.cap)


@dataclass(frozen=True, slots=True)
class ModelledSpread:
    """How far bid and ask stand from the model's price.

    The half-spread is `share` of the price, at least `least` and at most `most`; bid is rounded down and ask
    up to a whole `tick`. A bid of zero is no bid.

    Attributes
    ----------
    share : float
        Fraction of the price.
    least, most, tick : float
        Money per share.
    """

    share: float = 0.02
    least: float = 0.02
    most: float = 0.25
    tick: float = 0.01

    def quotes(self, price: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return bid (missing where it would be zero) and ask around a price, in whole ticks."""
        (price,) = require_non_negative(price=price)
        half = np.clip(self.share * price, self.least, self.most)
        # A price that is a whole number of ticks must not lose one to its binary tail.
        bid = np.floor((price - half) / self.tick + 1e-9)
        ask = np.ceil((price + half) / self.tick - 1e-9)
        return np.where(bid > 0, np.round(bid * self.tick, 10), np.nan), np.round(ask * self.tick, 10)


def listed_strikes(spot: float, *, step: float | None = None, width: float = 0.30) -> FloatArray:
    """Return the strikes that a chain lists around a spot.

    Parameters
    ----------
    spot : float
        Price of the underlying.
    step : float, optional
        Distance of strikes. Without it: 0.5 below a spot of 10, 1 below 50, 2.5 below 100, 5 below 500,
        else 10, near what exchanges list for monthly options.
    width : float
        How far the grid goes to either side, as a fraction of spot.

    Returns
    -------
    ndarray, ascending
        Whole multiples of `step`, all above zero.

    Raises
    ------
    PricingInputError
        If `spot` or `step` is not above zero, or `width` not between 0 and 1.
    """
    require_positive(spot=spot)
    if step is None:
        step = float(np.array([0.5, 1.0, 2.5, 5.0, 10.0])[np.searchsorted([10, 50, 100, 500], spot, "right")])
    require_positive(strike_step=step)
    if not 0 < width < 1:
        raise PricingInputError(f"`width` is {width}; give a fraction of spot between 0 and 1.")
    first = max(1, int(np.ceil(spot * (1 - width) / step)))
    last = max(first, int(np.floor(spot * (1 + width) / step)))
    strikes: FloatArray = np.round(np.arange(first, last + 1) * float(step), 6)
    return strikes


def modelled_chain(
    underlying: str,
    spot: float,
    *,
    time: pd.Timestamp,
    expiries: Sequence[date],
    years: ArrayLike,
    realized_volatility: float,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
    strikes: ArrayLike | None = None,
    strike_step: float | None = None,
    width: float = 0.30,
    smile: ModelledSmile | None = None,
    spread: ModelledSpread | None = None,
    exercise: str = "european",
    multiplier: float = 100.0,
) -> pd.DataFrame:
    """Model the quotes of an option chain from its underlying alone.

    The volatility at the money is the realised one at every expiry, the smile that of `ModelledSmile`, the
    price that of Black, Scholes and Merton, bid and ask those of `ModelledSpread`. The same inputs give the
    same quotes.

    Parameters
    ----------
    underlying : str
        Ticker; without a dot it is the OCC root.
    spot : float
        Price of the underlying at `time`.
    time : Timestamp
        Instant of the quotes, with time zone.
    expiries : sequence of date
        Expiration dates of the symbols.
    years : array_like
        Time to each expiry in years, ACT/365; an expiry without time left gets no quotes.
    realized_volatility : float
        Per square-root year, as a fraction, above zero.
    rate, dividend_yield : float
        Per year, continuously compounded.
    strikes : array_like, optional
        Strikes to quote. Without it: `listed_strikes` with `strike_step` and `width`.
    strike_step, width : float
        As in `listed_strikes`.
    smile, spread : ModelledSmile, ModelledSpread, optional
        Shape of volatility and quotes; their defaults when left out.
    exercise : {"european", "american"}
        What the quotes say; the price is the European one in any case.
    multiplier : float
        Shares behind one contract.

    Returns
    -------
    DataFrame
        The columns of `workbench.market.schemas.OPTION_QUOTES`, ordered by expiry, strike and right, with
        `modelled` true. Sizes, volume, open interest, last trade and the vendor's figures are missing: the
        model has none, and its volatility is read back from the middle of bid and ask.

    Raises
    ------
    PricingInputError
        If a number cannot be used, `time` has no zone, or `expiries` and `years` differ in length.
    """
    stamp = pd.Timestamp(time)
    if stamp.tzinfo is None:
        raise PricingInputError(f"`time` is {time} without a time zone; give an aware time, as in UTC.")
    if exercise not in {"european", "american"}:
        raise PricingInputError(f"`exercise` is {exercise!r}; give 'european' or 'american'.")
    smile, spread = smile or ModelledSmile(), spread or ModelledSpread()
    require_positive(spot=spot, realized_volatility=realized_volatility)
    require_finite(rate=rate, dividend_yield=dividend_yield)
    given = {"spot": spot, "realized_volatility": realized_volatility, "rate": rate}
    for name, value in {**given, "dividend_yield": dividend_yield}.items():
        if np.isnan(value):
            raise PricingInputError(f"`{name}` is missing; a chain cannot be modelled without it.")
    (left,) = require_finite(years=years)
    if left.ndim != 1 or len(left) != len(expiries):
        raise PricingInputError(
            f"`years` has shape {left.shape} for {len(expiries)} expiries; give one time for each."
        )
    if strikes is None:
        grid = listed_strikes(spot, step=strike_step, width=width)
    else:
        grid = np.unique(np.atleast_1d(require_positive(strikes=strikes)[0]))
    alive = left > 0
    days = pd.DatetimeIndex(pd.to_datetime(list(expiries)))[alive].as_unit("us")
    order = np.argsort(days, kind="stable")
    shape = (len(days), len(grid), 2)
    years_of = np.broadcast_to(left[alive][order][:, None, None], shape).reshape(-1)
    strike_of = np.broadcast_to(grid[:, None], shape).reshape(-1)
    is_call = np.broadcast_to(np.array([True, False]), shape).reshape(-1)
    expiry_of = np.repeat(days[order].to_numpy(), shape[1] * shape[2])
    forward = spot * np.exp((rate - dividend_yield) * years_of)
    price = black_scholes_price(
        spot,
        strike_of,
        years_of,
        smile.volatility(strike_of, forward, years_of, realized_volatility),
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
    )
    bid, ask = spread.quotes(price)
    right = np.where(is_call, "C", "P")
    size = len(price)
    # The OCC writes roots without the dot of a share class: BRKB for BRK.B.
    symbols = occ_symbols([underlying.replace(".", "")] * size, expiry_of, right, strike_of)
    nameless = pd.isna(symbols)
    if nameless.any():
        raise PricingInputError(
            f"No OCC symbol holds {underlying!r} with strike {strike_of[nameless][0]:.12g}; give a ticker of "
            "at most six letters or digits and strikes in steps of 0.001 below 100000."
        )
    missing = np.full(size, np.nan)
    columns: dict[str, Any] = {
        "symbol": symbols,
        "underlying": underlying,
        "time": stamp.tz_convert("UTC"),
        "expiry": expiry_of,
        "strike": strike_of,
        "right": right,
        "bid": bid,
        "ask": ask,
        **dict.fromkeys(("last", "bid_size", "ask_size", "volume", "open_interest"), missing),
        "underlying_price": float(spot),
        **dict.fromkeys(VENDOR_COLUMNS, missing),
        "exercise": exercise,
        "multiplier": float(multiplier),
        "modelled": True,
        "flag": pd.Series([None] * size, dtype=object),
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(size))
