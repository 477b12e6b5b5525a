"""The legs of a position in one underlying, checked once and valued many times."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.arrays import BoolArray, FloatArray, require_finite, require_non_negative, require_positive
from workbench.errors import PricingInputError
from workbench.pricing.black_scholes import black_scholes_price

Model = Literal["by_exercise", "black_scholes", "american"]
MODELS = ("by_exercise", "black_scholes", "american")

LEG_COLUMNS = ("kind", "strike", "years", "quantity", "multiplier", "spot", "price")
_KINDS = ("share", "call", "put")
_EXERCISES = ("european", "american")
# Expiries of one day differ by the rounding of their time in years, not by this much (half a minute).
_SAME_EXPIRY = 1e-6
# A shift never takes a volatility below one hundredth of a point (or below where it stood).
_VOLATILITY_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class PayoffLegs:
    """Legs on one underlying as arrays, one element a leg.

    Attributes
    ----------
    names : ndarray of str
        What to call each leg in a message: its symbol, or its row.
    is_option, is_call, is_american : ndarray of bool
        All false for a share.
    strike, years, volatility, rate, dividend_yield : ndarray
        Natural units; NaN where missing, and for shares.
    size : ndarray
        Quantity times multiplier: shares that the leg stands for, signed.
    price, bid, ask : ndarray
        Paid, bid and asked per share; `bid` and `ask` are NaN where the frame has none.
    spot : float
        Price of the underlying now.
    underlying : str
        Its ticker, or "" where the frame has none.
    expiry : Timestamp or None
        Date of the first expiry, where the frame has it.
    horizon : float
        Years to the first expiry; NaN without options.
    outlives : ndarray of bool
        The option expires after the first expiry, so its value then is a model's.
    """

    names: np.ndarray
    is_option: BoolArray
    is_call: BoolArray
    is_american: BoolArray
    strike: FloatArray
    years: FloatArray
    volatility: FloatArray
    rate: FloatArray
    dividend_yield: FloatArray
    size: FloatArray
    price: FloatArray
    bid: FloatArray
    ask: FloatArray
    spot: float
    underlying: str
    expiry: "pd.Timestamp | None"
    horizon: float
    outlives: BoolArray

    def __len__(self) -> int:
        """Return the number of legs."""
        return len(self.size)

    @property
    def modelled(self) -> bool:
        """True where profit at the first expiry needs a model, because legs outlive it."""
        return bool(self.outlives.any())

    @property
    def cost(self) -> float:
        """Money paid for all legs; below zero when the position brought money in."""
        return float(self.size @ self.price)

    def intrinsic(self, leg: int, spots: FloatArray) -> FloatArray:
        """Return what one unit of a leg is worth when it ends at `spots`, per share."""
        if not self.is_option[leg]:
            return spots
        sign = 1.0 if self.is_call[leg] else -1.0
        worth: FloatArray = np.maximum(sign * (spots - self.strike[leg]), 0.0)
        return worth

    def value(
        self, leg: int, spots: FloatArray, elapsed: FloatArray, shift: FloatArray, model: Model
    ) -> FloatArray:
        """Return what one unit of a leg is worth `elapsed` years from now, per share.

        Parameters
        ----------
        leg : int
            Position of the leg.
        spots, elapsed, shift : ndarray, broadcastable
            Spot then; years that have passed; absolute change of volatility.
        model : str
            One of `MODELS`.
        """
        shape = np.broadcast_shapes(spots.shape, elapsed.shape, shift.shape)
        if not self.is_option[leg]:
            return np.broadcast_to(spots, shape)
        left = np.maximum(self.years[leg] - elapsed, 0.0)
        # The last instant of the first expiry is an expiry, whatever rounding left over.
        left = np.where(left <= _SAME_EXPIRY, 0.0, left)
        if not left.any():
            return np.broadcast_to(self.intrinsic(leg, spots), shape)
        self.require_model_inputs(leg)
        floor = min(float(self.volatility[leg]), _VOLATILITY_FLOOR)
        inputs: tuple[FloatArray, ...] = (
            spots,
            self.strike[leg],
            left,
            np.maximum(self.volatility[leg] + shift, floor),
        )
        terms: dict[str, Any] = {
            "rate": self.rate[leg],
            "dividend_yield": self.dividend_yield[leg],
            "is_call": bool(self.is_call[leg]),
        }
        if self.is_early(leg, model):
            from workbench.pricing.american import american_price

            return np.asarray(american_price(*inputs, **terms, accuracy="fast"))
        return np.asarray(black_scholes_price(*inputs, **terms))

    def is_early(self, leg: int, model: Model) -> bool:
        """Whether a leg is valued with the right of early exercise."""
        return model == "american" or (model == "by_exercise" and bool(self.is_american[leg]))

    def require_model_inputs(self, leg: int) -> None:
        """Refuse to value a leg by a model that misses an input, naming it."""
        for name in ("volatility", "rate", "dividend_yield"):
            if np.isnan(getattr(self, name)[leg]):
                raise PricingInputError(
                    f"`{name}` of leg {self.names[leg]} is missing, so it has no value before its expiry; "
                    "give it, or ask for profit at expiry alone."
                )

    def profit(self, spots: FloatArray, elapsed: FloatArray, shift: FloatArray, model: Model) -> FloatArray:
        """Return the profit of all legs in money, in the broadcast shape."""
        shape = np.broadcast_shapes(spots.shape, elapsed.shape, shift.shape)
        total = np.zeros(shape)
        for leg in range(len(self)):
            total += self.size[leg] * (self.value(leg, spots, elapsed, shift, model) - self.price[leg])
        return total

    def profit_at_horizon(self, spots: FloatArray, shift: float, model: Model) -> FloatArray:
        """Return the profit at the first expiry in money; without options, of the shares at `spots`."""
        elapsed = np.float64(self.horizon if self.is_option.any() else 0.0)
        return self.profit(spots, np.asarray(elapsed), np.asarray(np.float64(shift)), model)


def require_model(model: str) -> None:
    """Refuse a model that no leg can be valued with."""
    if model not in MODELS:
        raise PricingInputError(f"`model` is {model!r}; give {', '.join(map(repr, MODELS))}.")


def _column(frame: pd.DataFrame, name: str, missing: float) -> "pd.Series[Any]":
    return frame[name] if name in frame.columns else pd.Series(missing, index=frame.index)


def _require_known(name: str, values: FloatArray, names: np.ndarray, remedy: str) -> None:
    missing = np.isnan(values)
    if missing.any():
        raise PricingInputError(f"`{name}` of leg {names[int(np.argmax(missing))]} is missing; {remedy}.")


def _one_of(frame: pd.DataFrame, name: str) -> Any:
    """Return the single value that a column holds in all legs, or None where it has none."""
    values: Any = frame[name].dropna().unique() if name in frame.columns else []
    if len(values) > 1:
        raise PricingInputError(
            f"The legs have more than one `{name}`: {values[0]} and {values[1]}; a payoff is drawn over one "
            "underlying at one price, so take the legs of each by themselves."
        )
    return values[0] if len(values) else None


def read_legs(legs: pd.DataFrame) -> PayoffLegs:
    """Check a frame of legs and return it as arrays.

    Parameters
    ----------
    legs : DataFrame, one row a leg
        kind (share, call, put), strike, years, quantity (signed), multiplier, spot and price (paid per
        share). Also, where values before expiry are asked for: volatility, rate, dividend_yield and
        exercise (european, american). Where known: symbol, underlying, expiry, bid, ask. A share needs no
        strike and no years. Other columns are ignored.

    Returns
    -------
    PayoffLegs

    Raises
    ------
    PricingInputError
        If a column is missing, there are no legs, a kind or exercise is unknown, a number that a payoff
        needs is missing or impossible, or the legs have several underlyings or spots.
    """
    absent = [name for name in LEG_COLUMNS if name not in legs.columns]
    if absent:
        raise PricingInputError(
            f"The legs have no column `{'`, `'.join(absent)}`; give {', '.join(LEG_COLUMNS)}."
        )
    if not len(legs):
        raise PricingInputError("There are no legs; give at least one row.")
    kind = legs["kind"].to_numpy(dtype=object).astype(str)
    odd = ~np.isin(kind, _KINDS)
    if odd.any():
        row = int(np.argmax(odd))
        raise PricingInputError(f"`kind` is {str(kind[row])!r} in row {row}; give share, call or put.")
    option = kind != "share"
    rows = [f"in row {row}" for row in range(len(legs))]
    names = np.array(rows, dtype=object)
    if "symbol" in legs.columns:
        names = np.where(legs["symbol"].notna(), legs["symbol"].astype(object), names)

    strike, spots = require_positive(strike=legs["strike"].where(option), spot=legs["spot"])
    years, volatility, bid, ask = require_non_negative(
        years=legs["years"].where(option),
        volatility=_column(legs, "volatility", np.nan).where(option),
        bid=_column(legs, "bid", np.nan),
        ask=_column(legs, "ask", np.nan),
    )
    quantity, multiplier, price, rate, dividend_yield = require_finite(
        quantity=legs["quantity"],
        multiplier=legs["multiplier"],
        price=legs["price"],
        rate=_column(legs, "rate", np.nan),
        dividend_yield=_column(legs, "dividend_yield", np.nan),
    )
    _require_known("quantity", quantity, names, "give it, signed: sold is negative")
    _require_known("multiplier", multiplier, names, "give 1 for a share, mostly 100 for an option")
    _require_known("price", price, names, "give what was paid per share")
    _require_known("strike", np.where(option, strike, 0.0), names, "give it in currency per share")
    _require_known("years", np.where(option, years, 0.0), names, "give the time to expiry")
    _one_of(legs, "spot")
    _require_known("spot", spots[:1] if np.isnan(spots).all() else np.zeros(1), names, "give it")
    exercise = _column(legs, "exercise", np.nan).where(option).to_numpy(dtype=object)
    odd = np.array([not pd.isna(value) and value not in _EXERCISES for value in exercise])
    if odd.any():
        row = int(np.argmax(odd))
        raise PricingInputError(f"`exercise` is {exercise[row]!r} in row {row}; give european or american.")
    horizon = float(np.min(years[option])) if option.any() else np.nan
    expiry = legs["expiry"].where(option).min() if "expiry" in legs.columns and option.any() else None
    return PayoffLegs(
        names=names,
        is_option=option,
        is_call=kind == "call",
        is_american=exercise == "american",
        strike=strike,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        size=quantity * multiplier,
        price=price,
        bid=bid,
        ask=ask,
        spot=float(spots[~np.isnan(spots)][0]),
        underlying=str(_one_of(legs, "underlying") or ""),
        expiry=None if expiry is None or pd.isna(expiry) else pd.Timestamp(expiry),
        horizon=horizon,
        outlives=option & (np.nan_to_num(years) > np.nan_to_num(horizon) + _SAME_EXPIRY),
    )
