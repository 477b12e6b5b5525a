"""Fit a volatility surface to the quotes of a chain, and say how well it fits them."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray, require_finite, require_non_negative, require_positive, to_floats
from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_greeks, implied_volatility
from workbench.volatility.surface import VolatilitySurface
from workbench.volatility.svi import prove_butterflies
from workbench.volatility.svi_fit import at_the_money, fit_slices

_NEEDED = ("expiry", "years", "forward", "strike", "right", "bid", "ask")
_LEFT_OUT = ["expiry", "years", "quotes", "reason"]
_FITS = [
    "expiry", "years", "forward", "a", "b", "rho", "m", "sigma", "atm_volatility", "quotes", "ringed",
    "rmse_points", "worst_points", "worst_near_points", "inside", "rmse_widths", "worst_widths", "least_g",
]  # fmt: skip


def fit_surface(
    chain: pd.DataFrame,
    *,
    spot: float | None = None,
    least_quotes: int = 5,
    widest: float = 3.0,
    tolerance: float = 0.0015,
) -> VolatilitySurface:
    """Fit SVI smiles without butterfly or calendar arbitrage to the quotes of a chain.

    Parameters
    ----------
    chain : DataFrame
        One row a quote: ``expiry``, ``years``, ``forward``, ``strike``, ``right`` ("C" or "P"), ``bid``,
        ``ask``; ``rate`` (zero without it), ``implied_volatility`` (of the middle), ``bid_volatility`` and
        ``ask_volatility`` if they are known. Without ``implied_volatility`` the European one is taken, and
        without the volatilities of bid and ask the spread over vega.
    spot : float, optional
        Price of the underlying; without it the first of columns ``spot`` and ``underlying_price``, if there.
    least_quotes : int
        An expiry with fewer usable quotes is left out.
    widest : float
        A quote whose ask is more than so many times its bid is left out.
    tolerance : float
        What the fit may miss at the money before it counts, as a volatility; SVI has five numbers and markets
        have more.

    Returns
    -------
    VolatilitySurface
        `.fits` has one row an expiry: parameters of `SviSlice`; ``atm_volatility``; ``quotes`` used;
        ``ringed``, quotes that the robust fit left aside; ``rmse_points`` and ``worst_points``, misses in
        volatility points; ``worst_near_points``, the same within two deviations of the forward; ``inside``,
        the share of used quotes whose fitted volatility lies from bid to ask; ``rmse_widths`` and
        ``worst_widths``, misses in widths from bid to ask; ``least_g``, the smallest Durrleman function
        found. `.quotes` has every row of the chain with ``fitted_volatility``, ``miss_points`` and the
        ``reason`` why it was not used, or "". `.left_out` has the expiries without a smile.

    Raises
    ------
    PricingInputError
        If a column is missing or impossible, an expiry has two times or forwards, or no expiry can be fitted.

    Notes ----- Quotes out of the money of the forward are used. Each is missed at the cost of its distance in
    units of sqrt(h^2 + t^2), where h is half the width from bid to ask in volatility and t the `tolerance`
    over the root of vega relative to that at the money. The loss is Cauchy's until quotes far off are ringed.
    All expiries are fitted in one system, violations of butterflies and calendars as residuals that grow
    dearer until `VolatilitySurface.arbitrage` proves that there are none; if they never go, the surface is
    moved toward SSVI, which has none by construction, and `.repaired` says so.

    References
    ----------
    Gatheral and Jacquier (2014), Arbitrage-free SVI volatility surfaces, Quantitative Finance 14(1);
    De Marco and Martini (2009), Quasi-explicit calibration of Gatheral's SVI model, Zeliade white paper.
    """
    quotes = _checked(chain)
    spot = _spot_of(chain) if spot is None else float(require_positive(spot=spot)[0])
    quotes["reason"] = _reasons(quotes, widest)
    groups, left_out = _groups(quotes, least_quotes)
    if not groups:
        reasons = "; ".join(f"{row['expiry']:%Y-%m-%d}: {row['reason']}" for row in left_out[:3])
        raise PricingInputError(
            f"No expiry can be fitted ({reasons or 'the chain is empty'}); give an expiry with at least "
            f"{least_quotes} two-sided quotes out of the money."
        )
    size = max(len(rows) for rows in groups)
    shape = (len(groups), size)
    used = np.zeros(shape, np.bool_)
    k, volatility, width = np.zeros(shape), np.ones(shape), np.ones(shape)
    for i, rows in enumerate(groups):
        span = slice(0, len(rows))
        part = quotes.loc[rows]
        used[i, span] = True
        k[i, span], volatility[i, span] = part["log_moneyness"], part["implied_volatility"]
        width[i, span] = _widths(part, tolerance)
    first = [quotes.loc[rows[0]] for rows in groups]
    years = np.array([row["years"] for row in first])
    fitted = fit_slices(k, volatility, width, used, years)
    for i, rows in enumerate(groups):
        ringed = fitted.ringed[i, : len(rows)]
        quotes.loc[rows[ringed], "reason"] = "far from the other quotes"
    forwards = np.array([row["forward"] for row in first])
    surface = VolatilitySurface(
        expiries=pd.DatetimeIndex([row["expiry"] for row in first]),
        years=years,
        forwards=forwards,
        rates=np.array([row["rate"] for row in first]),
        slices=tuple(fitted.slices),
        spot=spot,
        fits=pd.DataFrame(),
        quotes=pd.DataFrame(),
        left_out=pd.DataFrame(left_out, columns=_LEFT_OUT),
        repaired=fitted.repaired,
        growth=float(fitted.slices[-1].total_variance(0.0) / years[-1]),
    )
    quotes["fitted_volatility"] = np.nan
    for i, smile in enumerate(surface.slices):
        rows = quotes.index[quotes["years"] == years[i]]
        variance = smile.total_variance(quotes.loc[rows, "log_moneyness"].to_numpy())
        quotes.loc[rows, "fitted_volatility"] = np.sqrt(variance / years[i])
    quotes["miss_points"] = 100 * (quotes["fitted_volatility"] - quotes["implied_volatility"])
    object.__setattr__(surface, "fits", _fits(surface, quotes))
    object.__setattr__(surface, "quotes", quotes.set_axis(chain.index))
    return surface


def _spot_of(chain: pd.DataFrame) -> float:
    for name in ("spot", "underlying_price"):
        if name in chain:
            known = to_floats(name, chain[name].to_numpy())
            known = np.unique(known[~np.isnan(known)])
            if len(known) > 1:
                raise PricingInputError(
                    f"`{name}` is {known[0]:g} in one row and {known[1]:g} in another; "
                    "give `spot`, the price that the surface is for."
                )
            if len(known):
                return float(require_positive(**{name: known[0]})[0])
    return float("nan")


def _checked(chain: pd.DataFrame) -> pd.DataFrame:
    """Return the quotes with numbers checked and the volatilities that the chain lacks."""
    absent = [name for name in _NEEDED if name not in chain]
    if absent:
        raise PricingInputError(
            f"The chain has no column {', '.join(f'`{n}`' for n in absent)}; give {', '.join(_NEEDED)}."
        )
    right = chain["right"].astype("str").to_numpy()
    wrong = ~np.isin(right, ["C", "P"])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise PricingInputError(f"`right` is {right[row]!r} in row {row}; give 'C' or 'P'.")
    years, bid, ask = require_finite(**{n: chain[n].to_numpy() for n in ("years", "bid", "ask")})
    strike, forward = require_positive(strike=chain["strike"].to_numpy(), forward=chain["forward"].to_numpy())
    (rate,) = require_finite(rate=chain["rate"].to_numpy() if "rate" in chain else np.zeros(len(chain)))
    is_call = right == "C"
    middle = np.where((bid > 0) & (ask >= bid), (bid + ask) / 2, np.nan)
    alive = np.maximum(years, 0.0)
    # A yield equal to the rate makes the spot the forward: Black's formula.
    black: dict[str, Any] = {"rate": rate, "dividend_yield": rate, "is_call": is_call}
    if "implied_volatility" in chain:
        (volatility,) = require_non_negative(implied_volatility=chain["implied_volatility"].to_numpy())
    else:
        volatility = implied_volatility(middle, forward, strike, alive, **black).volatility
    lower = _column(chain, "bid_volatility")
    upper = _column(chain, "ask_volatility")
    vega = black_scholes_greeks(
        forward, strike, alive, np.where(volatility > 0, volatility, np.nan), **black, greeks=["vega"]
    )["vega"]
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(vega > 0, (ask - bid) / (2 * vega), np.nan)
        k = np.log(strike / forward)
    return pd.DataFrame(
        {
            "expiry": pd.to_datetime(chain["expiry"]).to_numpy(),
            "years": years,
            "forward": forward,
            "rate": rate,
            "strike": strike,
            "right": right,
            "bid": bid,
            "ask": ask,
            "log_moneyness": k,
            "implied_volatility": np.where(volatility > 0, volatility, np.nan),
            "bid_volatility": np.where(np.isnan(lower), np.maximum(volatility - half, 0.0), lower),
            "ask_volatility": np.where(np.isnan(upper), volatility + half, upper),
        }
    )


def _column(chain: pd.DataFrame, name: str) -> FloatArray:
    if name not in chain:
        return np.full(len(chain), np.nan)
    return require_non_negative(**{name: chain[name].to_numpy()})[0]


def _reasons(quotes: pd.DataFrame, widest: float) -> Any:
    """Return why each quote is of no use to the fit, the first reason that holds, or ""."""
    bid, ask, k = quotes["bid"], quotes["ask"], quotes["log_moneyness"]
    is_call = quotes["right"] == "C"
    return np.select(
        [
            quotes["years"].isna() | (quotes["years"] <= 0),
            k.isna(),
            is_call != (k >= 0),
            ~(bid > 0),
            ~(ask > 0),
            bid > ask,
            ask > widest * bid,
            quotes["implied_volatility"].isna() | quotes["ask_volatility"].isna(),
        ],
        [
            "no time left", "no strike or forward", "in the money", "no bid", "no ask", "crossed",
            f"ask over {widest:g} times the bid", "no implied volatility",
        ],
        default="",
    )  # fmt: skip


def _groups(quotes: pd.DataFrame, least: int) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the rows of each expiry that can be fitted, by time, and the expiries that cannot."""
    groups, left_out = [], []
    parts: dict[Any, Any] = dict(quotes.groupby(["expiry", "years"], dropna=False, sort=False).groups)
    for (expiry, years), rows in parts.items():
        forwards = quotes.loc[rows, "forward"].dropna().unique()
        if len(forwards) > 1:
            raise PricingInputError(
                f"{expiry:%Y-%m-%d} has forwards {forwards[0]:g} and {forwards[1]:g}; give one an expiry."
            )
        usable = rows[quotes.loc[rows, "reason"] == ""]
        strikes = quotes.loc[usable, "strike"].nunique()
        reason = ""
        if not years > 0:
            reason = "no time left"
        elif not len(forwards):
            reason = "no forward"
        elif strikes < least:
            reason = f"{strikes} usable quotes, {least} needed"
        if reason:
            left_out.append({"expiry": expiry, "years": years, "quotes": len(usable), "reason": reason})
        else:
            groups.append((years, usable))
    groups.sort(key=lambda group: group[0])
    times = [years for years, _ in groups]
    if len(set(times)) < len(times):
        raise PricingInputError(
            "Two expiries have the same `years`; give each its own time, or leave one of them out."
        )
    return [rows for _, rows in groups], left_out


def _widths(part: pd.DataFrame, tolerance: float) -> FloatArray:
    """Return what each quote may be missed by: half its spread, more where a miss moves the price less."""
    k, volatility = part["log_moneyness"].to_numpy(), part["implied_volatility"].to_numpy()
    half = ((part["ask_volatility"] - part["bid_volatility"]) / 2).to_numpy()
    deviation = at_the_money(k, volatility) * np.sqrt(part["years"].iloc[0])
    # Vega falls with exp(-z^2 / 2); its root is the mean of minding volatility and minding money.
    slack = tolerance * np.exp(np.minimum((k / deviation) ** 2 / 4, 12.0))
    widths: FloatArray = np.hypot(np.maximum(half, 0.0), slack)
    return widths


def _fits(surface: VolatilitySurface, quotes: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for i, smile in enumerate(surface.slices):
        mine = quotes[quotes["years"] == surface.years[i]]
        used = mine[mine["reason"] == ""]
        miss = used["miss_points"].to_numpy()
        fitted = used["fitted_volatility"]
        wide = 100 * (used["ask_volatility"] - used["bid_volatility"]).to_numpy()
        widths = np.abs(miss[wide > 0]) / wide[wide > 0]
        atm = float(np.sqrt(smile.total_variance(0.0) / surface.years[i]))
        near = np.abs(used["log_moneyness"].to_numpy()) <= 2 * atm * np.sqrt(surface.years[i])
        inside = (fitted >= used["bid_volatility"] - 1e-12) & (fitted <= used["ask_volatility"] + 1e-12)
        rows.append([
            surface.expiries[i], surface.years[i], surface.forwards[i], smile.a, smile.b, smile.rho, smile.m,
            smile.sigma, atm, len(used), int((mine["reason"] == "far from the other quotes").sum()),
            np.sqrt(np.mean(miss**2)), np.abs(miss).max(), np.abs(miss[near]).max() if near.any() else np.nan,
            inside.mean(), np.sqrt(np.mean(widths**2)) if len(widths) else np.nan,
            widths.max() if len(widths) else np.nan, prove_butterflies(smile).least,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=_FITS)
