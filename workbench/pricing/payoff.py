"""What a position of several legs makes: at expiry exactly, before it by a model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_finite, require_non_negative, require_positive
from workbench.errors import PricingInputError
from workbench.pricing.payoff_legs import Model, PayoffLegs, read_legs, require_model

DAYS_PER_YEAR = 365.0
PROFIT_COLUMNS = ("spot", "profit", "modelled")
GRID_COLUMNS = ("days", "volatility_shift", "spot", "profit", "modelled")
BREAK_EVEN_COLUMNS = ("spot", "to_spot", "crossing", "change", "modelled")
# Sums of prices in binary miss zero by rounding; this share of the money at stake is none.
_ROUNDING = 1e-12
_SEARCH_POINTS = 400
_ZOOM_POINTS = 33
_ZOOMS = 7


@dataclass(frozen=True, slots=True)
class Extremes:
    """The best and the worst that a position can make at its first expiry, in money.

    Attributes
    ----------
    max_profit, max_loss : float
        Highest and lowest profit over all spots; `max_loss` is below zero where money can be lost. Infinite
        where the position is short or long more calls and shares than cover each other.
    max_profit_at, max_loss_at : tuple of (from, to)
        Where they occur: stretches of spot, a point as two equal numbers, `inf` for "as spot rises".
    modelled : bool
        Legs outlive the first expiry, so a model values them and the search is numerical.
    searched : (from, to)
        Spots that were looked at: from zero to infinity unless modelled.
    """

    max_profit: float
    max_loss: float
    max_profit_at: tuple[tuple[float, float], ...]
    max_loss_at: tuple[tuple[float, float], ...]
    modelled: bool
    searched: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Polyline:
    """Profit at one expiry: straight between `knots` (zero and the strikes), then on with `slope`."""

    knots: FloatArray
    values: FloatArray
    slope: float

    def __call__(self, spots: FloatArray) -> FloatArray:
        """Return the profit at `spots`."""
        beyond = np.maximum(spots - self.knots[-1], 0.0)
        values: FloatArray = np.interp(spots, self.knots, self.values) + self.slope * beyond
        return values


def polyline(legs: PayoffLegs) -> Polyline:
    """Return the exact profit at expiry of legs that expire together, rounding noise set to zero."""
    knots = np.unique(np.append(legs.strike[legs.is_option], 0.0))
    values = sum(
        (legs.size[i] * (legs.intrinsic(i, knots) - legs.price[i]) for i in range(len(legs))), np.zeros(1)
    )
    weight = np.abs(legs.size)
    noise = _ROUNDING * float(weight @ (np.abs(legs.price) + np.nan_to_num(legs.strike) + knots[-1]))
    slope = float(legs.size[~legs.is_option | legs.is_call].sum())
    return Polyline(
        knots=knots,
        values=np.where(np.abs(values) <= noise, 0.0, values),
        slope=0.0 if abs(slope) <= _ROUNDING * weight.sum() else slope,
    )


def spot_grid(legs: pd.DataFrame, *, points: int = 201, deviations: float = 3.0) -> FloatArray:
    """Return spots to draw a position over: evenly spaced, every strike and the spot itself among them.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it.
    points : int
        How many evenly spaced spots, at least two.
    deviations : float
        The grid reaches that many standard deviations to each side by the first expiry (20 % of spot where
        no leg has a volatility), and a tenth of spot beyond the outer strikes.

    Returns
    -------
    ndarray, ascending, all above zero
    """
    read = read_legs(legs)
    if points < 2:
        raise PricingInputError(f"`points` is {points}; give two or more.")
    known = read.volatility[read.is_option & ~np.isnan(read.volatility)]
    deviation = float(np.mean(known)) * np.sqrt(read.horizon) if len(known) else np.log(1.2) / deviations
    marks = np.append(read.strike[read.is_option], read.spot)
    low = min(read.spot * np.exp(-deviations * deviation), marks.min() - 0.1 * read.spot)
    high = max(read.spot * np.exp(deviations * deviation), marks.max() + 0.1 * read.spot)
    even = np.linspace(max(low, 0.01 * marks.min()), high, points)
    return np.unique(np.concatenate([even, marks]))


def profit_at_expiry(
    legs: pd.DataFrame,
    spots: ArrayLike | None = None,
    *,
    volatility_shift: float = 0.0,
    model: Model = "by_exercise",
) -> pd.DataFrame:
    """Compute the profit of a position at its first expiry.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it; legs of different expiries are valued at the first of them.
    spots : array_like, optional
        Prices of the underlying then. Without it: `spot_grid(legs)`.
    volatility_shift : float
        Absolute change of volatility of the legs that outlive the first expiry, per 1.00.
    model : {"by_exercise", "black_scholes", "american"}
        How those legs are valued: each by its `exercise`, or all by one model.

    Returns
    -------
    DataFrame
        spot; profit (money, against the prices paid, before fees, interest and dividends); modelled (True
        where a leg outlives the first expiry).

    Raises
    ------
    PricingInputError
        If the legs cannot be read, or a leg that needs a model misses an input.

    Examples
    --------
    >>> call = {"kind": "call", "strike": 100.0, "years": 0.1, "quantity": 1, "multiplier": 100,
    ...         "spot": 98.0, "price": 3.0}
    >>> profit_at_expiry(pd.DataFrame([call]), [95, 103, 110])["profit"].to_list()
    [-300.0, 0.0, 700.0]
    """
    require_model(model)
    read = read_legs(legs)
    at = _spots(read, legs, spots)
    shift = _number("volatility_shift", volatility_shift)
    profit = read.profit_at_horizon(at, shift, model) if read.modelled else polyline(read)(at)
    return pd.DataFrame({"spot": at, "profit": profit, "modelled": read.modelled})


def profit_grid(
    legs: pd.DataFrame,
    *,
    spots: ArrayLike | None = None,
    days: ArrayLike | None = None,
    volatility_shifts: ArrayLike = 0.0,
    model: Model = "by_exercise",
) -> pd.DataFrame:
    """Compute the profit of a position over spots, dates and shifts of volatility.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it, with volatility, rate and dividend_yield.
    spots : array_like, optional
        Prices of the underlying at each date. Without it: `spot_grid(legs)`.
    days : array_like, optional
        Calendar days from now, zero or more, up to the first expiry: what an option paid that has ended
        is not known from a spot after its end. Without it: today, half of the time, and the first expiry.
    volatility_shifts : array_like
        Absolute changes per 1.00 of every leg's volatility (0.05 is five points); a volatility stays at or
        above 0.0001, or where it stood if lower.
    model : {"by_exercise", "black_scholes", "american"}
        How options are valued: each by its `exercise`, or all by one model.

    Returns
    -------
    DataFrame, one row for each day, shift and spot, in that order
        days; volatility_shift; spot; profit (money, against the prices paid, before fees, interest and
        dividends); modelled (False only at expiry of a position whose options all end that day).

    Raises
    ------
    PricingInputError
        If the legs cannot be read, an input of the model is missing, or a day lies after the first expiry.
    """
    require_model(model)
    read = read_legs(legs)
    at = _spots(read, legs, spots)
    last = read.horizon * DAYS_PER_YEAR if read.is_option.any() else np.inf
    if days is None:
        when = np.array([0.0]) if np.isinf(last) else np.array([0.0, last / 2, last])
    else:
        when = np.atleast_1d(require_non_negative(days=days)[0])
    # The expiry of a symbol counts as a whole day, while its options end at that day's close.
    late = when > np.ceil(last - 1e-9) if np.isfinite(last) else np.zeros(len(when), np.bool_)
    if late.any() or np.isnan(when).any():
        raise PricingInputError(
            f"`days` is {when[late | np.isnan(when)][0]:g}, and the first leg expires in {last:.4g} days; "
            "give days up to then."
        )
    shifts = np.atleast_1d(require_finite(volatility_shifts=volatility_shifts)[0])
    elapsed = np.minimum(when / DAYS_PER_YEAR, read.horizon) if np.isfinite(last) else when / DAYS_PER_YEAR
    profit = read.profit(at[None, None, :], elapsed[:, None, None], shifts[None, :, None], model)
    modelled = read.is_option.any() & ((when < last - 1e-9) | read.modelled)
    each = len(shifts) * len(at)
    return pd.DataFrame(
        {
            "days": np.repeat(when, each),
            "volatility_shift": np.tile(np.repeat(shifts, len(at)), len(when)),
            "spot": np.tile(at, len(when) * len(shifts)),
            "profit": profit.reshape(-1),
            "modelled": np.repeat(modelled, each),
        }
    )


def break_evens(
    legs: pd.DataFrame, *, volatility_shift: float = 0.0, model: Model = "by_exercise"
) -> pd.DataFrame:
    """Find the spots at which a position makes nothing at its first expiry.

    Parameters
    ----------
    legs, volatility_shift, model
        As in `profit_at_expiry`.

    Returns
    -------
    DataFrame, ascending by spot
        spot; to_spot (the end of a stretch without profit or loss, `inf` where it does not end; else the
        same as spot); crossing (``up``: from loss to profit as spot rises; ``down``; ``touch``: comes to
        zero and turns; ``flat``: a stretch); change (of `spot` against the spot now, as a fraction);
        modelled. Exact where all options end together. Where legs outlive the first expiry the zeros of the
        modelled profit within `extremes(legs).searched`, crossings alone.

    Raises
    ------
    PricingInputError
        As `profit_at_expiry`.

    Examples
    --------
    >>> put = {"kind": "put", "strike": 50.0, "years": 0.1, "quantity": -1, "multiplier": 100,
    ...        "spot": 52.0, "price": 1.25}
    >>> break_evens(pd.DataFrame([put]))[["spot", "crossing"]].values.tolist()
    [[48.75, 'up']]
    """
    require_model(model)
    read = read_legs(legs)
    shift = _number("volatility_shift", volatility_shift)
    zeros = _modelled_zeros(read, shift, model) if read.modelled else _exact_zeros(polyline(read))
    frame = pd.DataFrame(zeros, columns=["spot", "to_spot", "crossing"])
    frame = frame.astype({"spot": np.float64, "to_spot": np.float64, "crossing": object})
    frame["change"] = frame["spot"] / read.spot - 1
    frame["modelled"] = read.modelled
    return frame[list(BREAK_EVEN_COLUMNS)]


def extremes(legs: pd.DataFrame, *, volatility_shift: float = 0.0, model: Model = "by_exercise") -> Extremes:
    """Find the most that a position can make and lose at its first expiry.

    Parameters
    ----------
    legs, volatility_shift, model
        As in `profit_at_expiry`.

    Returns
    -------
    Extremes
        Exact where all options end together. Where legs outlive the first expiry: infinite if calls and
        shares do not cover each other one for one, else the extremes of the modelled profit over the spots
        in `searched`, located to about 1e-8 of the spot.

    Raises
    ------
    PricingInputError
        As `profit_at_expiry`.
    """
    require_model(model)
    read = read_legs(legs)
    shift = _number("volatility_shift", volatility_shift)
    if not read.modelled:
        line = polyline(read)
        best, best_at = _exact_extreme(line, 1.0)
        worst, worst_at = _exact_extreme(line, -1.0)
        return Extremes(best, worst, best_at, worst_at, False, (0.0, np.inf))
    spots = _search_grid(read)
    values = read.profit_at_horizon(spots, shift, model)
    net = float(read.size[~read.is_option | read.is_call].sum())
    far = ((np.inf, np.inf),)
    best, best_at = (np.inf, far) if net > 0 else _zoom(read, spots, values, 1.0, shift, model)
    worst, worst_at = (-np.inf, far) if net < 0 else _zoom(read, spots, values, -1.0, shift, model)
    return Extremes(best, worst, best_at, worst_at, True, (float(spots[0]), float(spots[-1])))


def _number(name: str, value: float) -> float:
    number = require_finite(**{name: value})[0]
    if number.ndim or np.isnan(number):
        raise PricingInputError(f"`{name}` is {value!r}; give one number.")
    return float(number)


def _spots(read: PayoffLegs, legs: pd.DataFrame, spots: ArrayLike | None) -> FloatArray:
    if spots is None:
        return spot_grid(legs)
    # A spot of zero is the worst case of a put sold, so it may be asked for where nothing is modelled.
    check = require_positive if read.modelled else require_non_negative
    at = np.atleast_1d(check(spots=spots)[0])
    if at.ndim != 1:
        raise PricingInputError(f"`spots` has shape {at.shape}; give a plain list.")
    return at


def _exact_zeros(line: Polyline) -> list[tuple[float, float, str]]:
    """Zeros of a polyline: between knots, at knots, along flat stretches, and beyond the last knot."""
    knots, values, slope = line.knots, line.values, line.slope
    found: list[tuple[float, float, str]] = []
    # Signs after each knot's stretch of zeros; what lies beyond the last knot has the sign of its slope.
    signs = np.sign(np.append(values, slope))
    start = 0
    while start < len(knots):
        if signs[start] == 0:
            end = start
            while end + 1 < len(signs) and signs[end + 1] == 0:
                end += 1
            if end >= len(knots):
                found.append((float(knots[start]), np.inf, "flat"))
            elif end > start:
                found.append((float(knots[start]), float(knots[end]), "flat"))
            else:
                before = signs[start - 1] if start else 0.0
                after = signs[end + 1]
                turn = "touch" if before * after >= 0 else _direction(after)
                found.append((float(knots[start]), float(knots[start]), turn))
            start = end + 1
            continue
        after = signs[start + 1]
        if signs[start] * after < 0:
            value = values[start]
            if start + 1 < len(knots):
                at = knots[start] + (knots[start + 1] - knots[start]) * (value / (value - values[start + 1]))
            else:
                at = knots[start] - value / slope
            found.append((float(at), float(at), _direction(after)))
        start += 1
    return found


def _direction(after: float) -> str:
    return "up" if after > 0 else "down"


def _exact_extreme(line: Polyline, sign: float) -> tuple[float, tuple[tuple[float, float], ...]]:
    if sign * line.slope > 0:
        return sign * np.inf, ((np.inf, np.inf),)
    scored = sign * line.values
    best = scored.max()
    scale = max(1.0, float(np.abs(line.values).max()))
    at_best = np.append(scored >= best - _ROUNDING * scale, line.slope == 0)
    stretches: list[tuple[float, float]] = []
    start = 0
    while start < len(line.knots):
        end = start
        if at_best[start]:
            while end + 1 < len(at_best) and at_best[end + 1]:
                end += 1
            to = np.inf if end == len(line.knots) else float(line.knots[end])
            stretches.append((float(line.knots[start]), to))
        start = end + 1
    # Adding zero turns the negative zero of a mirrored score into a plain one.
    return float(sign * best) + 0.0, tuple(stretches)


def _search_grid(read: PayoffLegs) -> FloatArray:
    """Spots where a modelled profit is searched: wide enough that the options have no time value left."""
    marks = np.append(read.strike[read.is_option], read.spot)
    known = read.volatility[read.outlives & ~np.isnan(read.volatility)]
    deviation = float(known.max()) * np.sqrt(read.years[read.outlives].max()) if len(known) else 0.0
    reach = float(np.clip(6.0 * deviation, np.log(3.0), np.log(20.0)))
    spread = np.geomspace(marks.min() * np.exp(-reach), marks.max() * np.exp(reach), _SEARCH_POINTS)
    return np.unique(np.concatenate([spread, marks]))


def _modelled_zeros(read: PayoffLegs, shift: float, model: Model) -> list[tuple[float, float, str]]:
    from scipy.optimize import elementwise

    spots = _search_grid(read)
    signs = np.sign(read.profit_at_horizon(spots, shift, model))
    places = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    exact = [(float(spots[i]), float(spots[i]), "touch") for i in np.flatnonzero(signs == 0)]
    if not len(places):
        return exact
    roots = elementwise.find_root(
        lambda at: read.profit_at_horizon(at, shift, model),
        (spots[places], spots[places + 1]),
        tolerances={"xatol": 0.0, "xrtol": 1e-13, "fatol": 0.0, "frtol": 0.0},
    ).x
    crossings = [(float(x), float(x), _direction(signs[i + 1])) for x, i in zip(roots, places, strict=True)]
    return sorted(crossings + exact)


def _zoom(
    read: PayoffLegs, spots: FloatArray, values: FloatArray, sign: float, shift: float, model: Model
) -> tuple[float, tuple[tuple[float, float], ...]]:
    """Look ever closer around the best spot of a grid; kinks (the strikes) are grid points themselves."""
    place = int(np.argmax(sign * values))
    best, at = float(values[place]), float(spots[place])
    low, high = spots[max(place - 1, 0)], spots[min(place + 1, len(spots) - 1)]
    for _ in range(_ZOOMS):
        closer = np.linspace(low, high, _ZOOM_POINTS)
        worth = read.profit_at_horizon(closer, shift, model)
        place = int(np.argmax(sign * worth))
        if sign * worth[place] > sign * best:
            best, at = float(worth[place]), float(closer[place])
        low, high = closer[max(place - 1, 0)], closer[min(place + 1, _ZOOM_POINTS - 1)]
    return best, ((at, at),)
