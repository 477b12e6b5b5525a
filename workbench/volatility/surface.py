"""The volatility surface: fitted smiles, what stands between them, and how it moves with the spot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_finite, require_one_shape, require_positive
from workbench.errors import PricingInputError
from workbench.volatility.smile import Smile
from workbench.volatility.svi import SviSlice, prove_butterflies, prove_calendar

DELTAS = (-0.10, -0.25, 0.5, 0.25, 0.10)


@dataclass(frozen=True, eq=False)
class VolatilitySurface:
    """Total variance by log-moneyness and time, free of arbitrage at its expiries.

    Between two expiries total variance is linear in time at constant log-moneyness k = ln(strike / forward),
    so it never falls. Before the first it shrinks in proportion to time, which keeps each k's volatility.
    After the last it grows at every k by the variance that the last expiry has per year at the money. The
    logarithm of the forward is linear in time, from the spot if that is known, and keeps its last slope.

    Attributes
    ----------
    expiries : DatetimeIndex
        The fitted expiries.
    years, forwards, rates : ndarray, (expiries,)
        Time to expiry, ascending; price for delivery then; rate to then, continuously compounded.
    slices : tuple of SviSlice
        One an expiry.
    spot : float
        Price of the underlying; NaN if it is not known, and then the surface cannot be moved.
    fits : DataFrame
        One row a fitted expiry: see `fit_surface`.
    quotes : DataFrame
        Every row of the chain with its fitted volatility and, in `reason`, why it was not used.
    left_out : DataFrame
        Expiries without a smile: expiry, years, quotes, reason.
    repaired : str
        What the proof took after the fit: "" (nothing), "blended" or "ssvi" (moved toward or to SSVI).
    growth : float
        Variance per year beyond the last expiry.

    References ---------- Gatheral and Jacquier (2014), Arbitrage-free SVI volatility surfaces, Quantitative
    Finance 14(1), lemma 2.1 and section 5.
    """

    expiries: pd.DatetimeIndex
    years: FloatArray
    forwards: FloatArray
    rates: FloatArray
    slices: tuple[SviSlice, ...]
    spot: float
    fits: pd.DataFrame
    quotes: pd.DataFrame
    left_out: pd.DataFrame
    repaired: str
    growth: float

    def forward(self, years: ArrayLike) -> FloatArray:
        """Return the price for delivery after some time.

        Parameters
        ----------
        years : array_like
            Zero or more.

        Returns
        -------
        ndarray
        """
        (time,) = require_finite(years=years)
        at, log = self.years, np.log(self.forwards)
        if np.isfinite(self.spot):
            at, log = np.r_[0.0, at], np.r_[np.log(self.spot), log]
        found = np.interp(time, at, log)
        if len(at) > 1:
            last = (log[-1] - log[-2]) / (at[-1] - at[-2])
            found = found + np.where(time > at[-1], last * (time - at[-1]), 0.0)
        forward: FloatArray = np.exp(found)
        return forward[()]

    def smile(self, years: float) -> Smile:
        """Return the smile at one time to expiry.

        Parameters
        ----------
        years : float
            Above zero.

        Returns
        -------
        Smile

        Raises
        ------
        PricingInputError
            If `years` is missing or not above zero.
        """
        (time,) = require_positive(years=years)
        if time.ndim or np.isnan(time):
            raise PricingInputError(f"`years` is {years}; give one number above zero.")
        left, share, level = self._bracket(time[None])
        parts = [(1 - float(share[0]), self.slices[left[0]])]
        if left[0] + 1 < len(self.slices):
            parts.append((float(share[0]), self.slices[left[0] + 1]))
        if time < self.years[0]:
            parts = [(float(time / self.years[0]), self.slices[0])]
        kept = tuple((weight, smile) for weight, smile in parts if weight > 0)
        return Smile(float(time), float(self.forward(time)), kept, float(level[0]))

    def _bracket(self, time: FloatArray) -> tuple[Any, FloatArray, FloatArray]:
        """Return the expiry to the left of each time, the share of the next one, and what is added beyond."""
        last = len(self.years) - 1
        left = np.clip(np.searchsorted(self.years, time, "right") - 1, 0, max(last - 1, 0))
        if last == 0:
            share = np.zeros(time.shape)
        else:
            gap = self.years[left + 1] - self.years[left]
            share = np.clip((time - self.years[left]) / gap, 0.0, 1.0)
        level = self.growth * np.maximum(time - self.years[last], 0.0)
        return left, share, level

    def total_variance(self, log_moneyness: ArrayLike, years: ArrayLike) -> FloatArray:
        """Return w(k, t), volatility squared times years.

        Parameters
        ----------
        log_moneyness, years : array_like
            ln(strike / forward) and time to expiry, zero or more; they broadcast. Missing gives NaN.

        Returns
        -------
        ndarray
        """
        k, time = require_finite(log_moneyness=log_moneyness, years=years)
        if (time < 0).any():
            raise PricingInputError(f"`years` is {np.nanmin(time):g}; give zero or more.")
        require_one_shape(log_moneyness=k, years=time)
        k, time = np.broadcast_arrays(k, time)
        left, share, level = self._bracket(np.nan_to_num(time))
        variance = np.zeros(k.shape)
        for index, smile in enumerate(self.slices):
            weight = np.where(left == index, 1 - share, 0.0) + np.where(left + 1 == index, share, 0.0)
            chosen = weight > 0
            if chosen.any():
                variance[chosen] += weight[chosen] * smile.total_variance(k[chosen])
        early = time < self.years[0]
        variance = np.where(early, variance * time / self.years[0], variance) + level
        return np.where(np.isnan(time), np.nan, variance)[()]

    def volatility(
        self,
        strike: ArrayLike | None = None,
        years: ArrayLike | None = None,
        *,
        log_moneyness: ArrayLike | None = None,
        spot: float | None = None,
        sticky: str = "strike",
    ) -> FloatArray:
        """Return the volatility at a strike or log-moneyness and a time.

        Parameters
        ----------
        strike : array_like, optional
            Price per share. Give this or `log_moneyness`.
        years : array_like
            Time to expiry, above zero.
        log_moneyness : array_like, optional
            ln(strike / forward).
        spot : float, optional
            Another price of the underlying than the surface was fitted at.
        sticky : {"strike", "delta"}
            What the smile holds on to when `spot` is given: see `moved`.

        Returns
        -------
        ndarray
            Per square-root year. A missing input, or no time, gives NaN.

        Raises
        ------
        PricingInputError
            If neither or both of strike and log-moneyness are given, or a value is impossible.
        """
        if years is None:
            raise PricingInputError("`years` is left out; give the time to expiry.")
        if (strike is None) == (log_moneyness is None):
            raise PricingInputError("Give one of `strike` and `log_moneyness`, the other left out.")
        surface = self if spot is None else self.moved(spot, sticky)
        (time,) = require_finite(years=years)
        if strike is not None:
            (price,) = require_positive(strike=strike)
            require_one_shape(strike=price, years=time)
            log_moneyness = np.log(price / surface.forward(time))
        variance = surface.total_variance(log_moneyness, time)  # type: ignore[arg-type]
        with np.errstate(divide="ignore", invalid="ignore"):
            volatility: FloatArray = np.sqrt(np.where(time > 0, variance / time, np.nan))
        return volatility[()]

    def moved(self, spot: float, sticky: str = "strike") -> "VolatilitySurface":
        """Return the surface after the spot has moved; forwards move in proportion.

        Parameters
        ----------
        spot : float
            The new price of the underlying.
        sticky : {"strike", "delta"}
            "strike": each strike keeps its volatility. "delta": each log-moneyness keeps it, and with it each
            delta; the smile travels with the forward. Sticky strike moves the smile against the forward,
            which calendars survive and butterflies need not: `arbitrage` tells.

        Returns
        -------
        VolatilitySurface

        Raises
        ------
        PricingInputError
            If the surface does not know its spot, the new one is not above zero, or `sticky` is another word.

        References
        ----------
        Derman (1999), Regimes of volatility, Risk 12(4).
        """
        if sticky not in {"strike", "delta"}:
            raise PricingInputError(f"`sticky` is {sticky!r}; give 'strike' or 'delta'.")
        (price,) = require_positive(spot=spot)
        if price.ndim or np.isnan(price):
            raise PricingInputError(f"`spot` is {spot}; give one number above zero.")
        if np.isnan(self.spot):
            raise PricingInputError(
                "The surface was fitted without a spot, so it cannot be moved; give `spot` to `fit_surface`."
            )
        ratio = float(price) / self.spot
        slices = self.slices
        if sticky == "strike":
            slices = tuple(smile.shifted(float(np.log(ratio))) for smile in slices)
        return replace(self, spot=float(price), forwards=self.forwards * ratio, slices=slices)

    def by_delta(
        self, expiries: Sequence[Any] | None = None, deltas: Sequence[float] = DELTAS
    ) -> pd.DataFrame:
        """Return volatilities by expiry and delta.

        Parameters
        ----------
        expiries : sequence of dates, optional
            Some of the fitted expiries; all without it.
        deltas : sequence of float
            Forward deltas, negative for puts; 0.5 stands for the strike at the forward.

        Returns
        -------
        DataFrame
            One row an expiry, one column a delta: ``10P``, ``25P``, ``ATM``, ``25C``, ``10C``; volatility per
            square-root year. ATM is the strike that is the forward, the other columns follow
            `Smile.log_moneyness_of_delta`.

        Raises
        ------
        PricingInputError
            If an expiry was not fitted, or a delta is impossible.
        """
        chosen = self.expiries if expiries is None else pd.DatetimeIndex(pd.to_datetime(list(expiries)))
        where = self.expiries.get_indexer_for(chosen)
        if (where < 0).any():
            unknown = chosen[where < 0][0]
            raise PricingInputError(
                f"{unknown:%Y-%m-%d} is not a fitted expiry; give some of "
                f"{', '.join(f'{e:%Y-%m-%d}' for e in self.expiries)}."
            )
        names = ["ATM" if d == 0.5 else f"{100 * abs(d):g}{'P' if d < 0 else 'C'}" for d in deltas]
        wings = np.array([np.nan if d == 0.5 else d for d in deltas])
        rows = []
        for index in where:
            smile = Smile.of(self.slices[index], self.years[index], self.forwards[index])
            at = np.nan_to_num(smile.log_moneyness_of_delta(wings))
            rows.append(np.sqrt(smile.total_variance(at) / smile.years))
        return pd.DataFrame(
            np.array(rows).reshape(-1, len(names)), columns=names, index=self.expiries[where].rename("expiry")
        )

    def arbitrage(self, points: int = 1201) -> pd.DataFrame:
        """Prove the surface again on a grid, and say where it fails if it does.

        Parameters
        ----------
        points : int
            Points of each slice's grid, from one asymptote of the smile to the other.

        Returns
        -------
        DataFrame
            One row a check: ``check``, ``expiry``, ``until`` (the later expiry of a pair), ``years``,
            ``least``, ``log_moneyness`` (where), ``strike``, ``points``, ``holds``. The checks:

            ``butterfly``: `least` is the smallest g(k) of a slice, and its wings keep Lee's bound.
            ``calendar``: the smallest gain of total variance from one expiry to the next; the later one's
            wings are no flatter. ``between``: the smallest g(k) a quarter, half and three quarters of the way
            between expiries. ``beyond``: the smallest g(k) at one and a half and two times the last expiry.
            Before the first expiry the smile is a scaled one, and g stays zero or more where the first
            slice's does.
        """
        rows: list[dict[str, Any]] = []
        count = len(self.slices)

        def row(
            check: str, first: int, second: int | None, years: float, least: float, k: float
        ) -> dict[str, Any]:
            later = pd.NaT if second is None else self.expiries[second]
            strike = float(self.forward(years) * np.exp(min(k, 700.0)))
            named = {"check": check, "expiry": self.expiries[first], "until": later, "years": years}
            return {**named, "least": least, "log_moneyness": k, "strike": strike}

        for i, smile in enumerate(self.slices):
            proof = prove_butterflies(smile, points)
            found = row("butterfly", i, None, self.years[i], proof.least, proof.place)
            rows.append({**found, "points": proof.points, "holds": proof.holds})
        for i in range(count - 1):
            pair = prove_calendar(self.slices[i], self.slices[i + 1], points)
            found = row("calendar", i, i + 1, self.years[i], pair.least, pair.place)
            rows.append({**found, "points": pair.points, "holds": pair.holds})
            at = self.years[i] + np.array([0.25, 0.5, 0.75]) * (self.years[i + 1] - self.years[i])
            rows.append(self._least_durrleman(row, "between", i, i + 1, at, points))
        beyond = self.years[-1] * np.array([1.5, 2.0])
        rows.append(self._least_durrleman(row, "beyond", count - 1, None, beyond, points))
        return pd.DataFrame(rows)

    def _least_durrleman(
        self, row: Any, check: str, first: int, second: int | None, at: FloatArray, points: int
    ) -> dict[str, Any]:
        worst, place, when, seen = np.inf, 0.0, float(at[0]), 0
        for time in at:
            smile = self.smile(float(time))
            grid = smile.proof_grid(points // 2)
            g = smile.durrleman(grid)
            seen += len(grid)
            if g.min() < worst:
                worst, place, when = float(g.min()), float(grid[g.argmin()]), float(time)
        found = row(check, first, second, when, worst, place)
        return {**found, "points": seen, "holds": worst >= 0}
