"""One option under the model of one's choice, and how it changes with the underlying's price."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.errors import PricingInputError
from workbench.pricing.american import AMERICAN_GREEKS, american_greeks
from workbench.pricing.bachelier import bachelier_greeks
from workbench.pricing.black76 import black76_greeks
from workbench.pricing.dividends import GREEKS as GREEKS_WITH_CASH
from workbench.pricing.dividends import Dividends
from workbench.pricing.greeks import GREEKS, Units, black_scholes_greeks

PricingModel = Literal["black_scholes", "american", "black76", "bachelier"]
PRICING_MODELS: tuple[PricingModel, ...] = ("black_scholes", "american", "black76", "bachelier")
OF_A_FORWARD = ("black76", "bachelier")  # their yield is in the forward already
LEAST_DAYS = 1.0  # a picture of an option that expires today still shows a day's width
REACH = 3.5  # standard deviations that a profile shows to each side


def greeks_of(model: PricingModel, *, with_cash: bool = False) -> tuple[str, ...]:
    """Return the names that a model gives, ``price`` first."""
    if model == "american":
        return GREEKS_WITH_CASH if with_cash else AMERICAN_GREEKS
    return tuple(name for name in GREEKS if name != "phi" or model not in OF_A_FORWARD)


def greeks_by_model(
    model: PricingModel,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None = None,
    dividend_model: str | None = None,
    greeks: list[str] | None = None,
    units: Units = "natural",
) -> dict[str, FloatArray]:
    """Compute price and Greeks by the named model.

    Parameters
    ----------
    model : {"black_scholes", "american", "black76", "bachelier"}
        For the last two `spot` is the forward, and `dividend_yield` must be zero.
    spot, strike, years, volatility, rate, dividend_yield, is_call, dividends, dividend_model, greeks, units
        As the model's own function takes them. Several American options are solved in the fast setting,
        one in the accurate.

    Returns
    -------
    dict of name to ndarray

    Raises
    ------
    PricingInputError
        If the model is unknown or does not take what is given, or as its own function does.
    """
    if model not in PRICING_MODELS:
        raise PricingInputError(f"`model` is {model!r}; give one of {', '.join(PRICING_MODELS)}.")
    common: dict[str, Any] = {"rate": rate, "is_call": is_call, "greeks": greeks, "units": units}
    place = (spot, strike, years, volatility)
    if dividends is not None and model != "american":
        raise PricingInputError("Cash dividends need the American model; the others take a dividend yield.")
    if model in OF_A_FORWARD:
        if np.any(np.asarray(dividend_yield) != 0):
            raise PricingInputError(f"`dividend_yield` is in the forward already; leave it out with {model}.")
        return dict((black76_greeks if model == "black76" else bachelier_greeks)(*place, **common))
    common["dividend_yield"] = dividend_yield
    if model == "black_scholes":
        return dict(black_scholes_greeks(*place, **common))
    several = any(np.ndim(each) for each in (*place, rate, dividend_yield, is_call))
    return dict(
        american_greeks(
            *place,
            **common,
            dividends=dividends,
            dividend_model=dividend_model,
            accuracy="fast" if several else "accurate",
        )
    )


def spot_profile(
    model: PricingModel,
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    *,
    greek: str = "price",
    later: float = 0.0,
    points: int = 121,
    **terms: Any,
) -> pd.DataFrame:
    """Compute price or a Greek against the underlying's price, now and later.

    Parameters
    ----------
    model, spot, strike, years, volatility
        As for `greeks_by_model`, each one number.
    greek : str
        What is computed.
    later : float
        Years left at the later date; with `years` zero there is only now. Cash dividends are as far from
        it as they are from now, less what has passed.
    points : int
        Prices of the underlying, evenly spaced: 3.5 standard deviations around the strike, from 8 to 90 %
        of it, and the spot itself inside.
    **terms
        As for `greeks_by_model`, each one number.

    Returns
    -------
    DataFrame
        Index the underlying's price; columns the years left, now first. What is infinite is missing.
    """
    relative = volatility / strike if model == "bachelier" else volatility
    deviation = relative * np.sqrt(max(years, LEAST_DAYS / 365.0))
    reach = float(np.clip(REACH * deviation, 0.08, 0.9))
    low, high = min(strike * (1 - reach), spot * 0.97), max(strike * (1 + reach), spot * 1.03)
    spots = np.linspace(low, high, points)
    columns = {}
    dividends = terms.pop("dividends", None)
    for left in dict.fromkeys((years, later) if years > 0 else (years,)):
        passed = years - left
        cash = dividends and [(when - passed, amount) for when, amount in dividends if when >= passed]
        more = {**terms, "dividends": cash} if cash else {**terms, "dividend_model": None}
        found = greeks_by_model(model, spots, strike, left, volatility, greeks=[greek], **more)
        columns[left] = np.where(np.isfinite(found[greek]), found[greek], np.nan)
    return pd.DataFrame(columns, index=pd.Index(spots, name="spot")).rename_axis(columns="years")
