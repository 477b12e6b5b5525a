"""The SVI smile of one expiry, and the proof that its prices are free of arbitrage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_finite
from workbench.errors import PricingInputError

# Points of the grids on which a proof is made, before it is refined around the worst one.
PROOF_POINTS = 1201


@dataclass(frozen=True, slots=True)
class SviSlice:
    """Raw SVI: total variance of one expiry as a function of log-moneyness k = ln(strike / forward).

    w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)). The volatility is sqrt(w / years).

    Attributes
    ----------
    a : float
        Level of total variance; may be negative as long as the smallest total variance is not.
    b : float
        Half the sum of the slopes of both wings, zero or more.
    rho : float
        Tilt, between -1 and 1.
    m : float
        Log-moneyness about which the smile turns.
    sigma : float
        Width of the turn in log-moneyness, above zero.

    References
    ----------
    Gatheral (2004), A parsimonious arbitrage-free implied volatility parameterization, Global Derivatives;
    Gatheral and Jacquier (2014), Arbitrage-free SVI volatility surfaces, Quantitative Finance 14(1).

    Examples
    --------
    >>> SviSlice(0.02, 0.1, -0.4, 0.0, 0.1).total_variance(0.0).round(4)
    np.float64(0.03)
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in self.__slots__}
        for name, (value,) in zip(values, (require_finite(**{n: v}) for n, v in values.items()), strict=True):
            if value.ndim or np.isnan(value):
                raise PricingInputError(f"`{name}` is {values[name]!r}; give one number.")
        if self.b < 0:
            raise PricingInputError(f"`b` is {self.b:g}; give zero or more, the steepness of the wings.")
        if not -1 <= self.rho <= 1:
            raise PricingInputError(f"`rho` is {self.rho:g}; give a tilt between -1 and 1.")
        if self.sigma <= 0:
            raise PricingInputError(f"`sigma` is {self.sigma:g}; give a width above zero.")
        if self.minimum[1] < 0:
            raise PricingInputError(
                f"`a` is {self.a:g}, so that the smallest total variance is {self.minimum[1]:g}; "
                f"give {self.a - self.minimum[1]:g} or more."
            )

    @property
    def wing_slopes(self) -> tuple[float, float]:
        """Slopes of total variance far to the left (as a positive number) and to the right."""
        return self.b * (1 - self.rho), self.b * (1 + self.rho)

    @property
    def minimum(self) -> tuple[float, float]:
        """Log-moneyness and value of the smallest total variance; the place is infinite if rho is 1 or -1."""
        root = np.sqrt((1 - self.rho) * (1 + self.rho))
        place = self.m - self.rho * self.sigma / root if root > 0 else -np.inf * np.sign(self.rho)
        return float(place), float(self.a + self.b * self.sigma * root)

    def total_variance(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return w(k), volatility squared times years."""
        distance = np.asarray(log_moneyness, np.float64) - self.m
        variance: FloatArray = self.a + self.b * (self.rho * distance + np.hypot(distance, self.sigma))
        return variance

    def slope(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return dw/dk."""
        distance = np.asarray(log_moneyness, np.float64) - self.m
        slope: FloatArray = self.b * (self.rho + distance / np.hypot(distance, self.sigma))
        return slope

    def curvature(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return d2w/dk2."""
        distance = np.asarray(log_moneyness, np.float64) - self.m
        curvature: FloatArray = self.b * self.sigma**2 / np.hypot(distance, self.sigma) ** 3
        return curvature

    def durrleman(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return g(k), the density of the price at expiry over a positive factor: see `durrleman`."""
        k = np.asarray(log_moneyness, np.float64)
        return durrleman(k, self.total_variance(k), self.slope(k), self.curvature(k))

    def shifted(self, distance: float) -> "SviSlice":
        """Return the slice whose total variance at k is this one's at k + `distance`."""
        return SviSlice(self.a, self.b, self.rho, self.m - distance, self.sigma)

    def proof_grid(self, points: int = PROOF_POINTS) -> FloatArray:
        """Return log-moneyness from far left to far right, dense where the smile bends.

        Parameters
        ----------
        points : int
            How many.

        Returns
        -------
        ndarray, ascending
            k = m + sigma sinh(u) on an even grid of u, so far out that each wing is its asymptote.
        """
        left, right = self.wing_slopes
        # A wing is its asymptote once it stands far beyond the place where the asymptote is zero.
        turn = max(
            abs(self.a + slope * self.m * side) / max(slope, 1e-12)
            for slope, side in ((left, 1.0), (right, -1.0))
        )
        reach = min(20 * (1 + abs(self.m) + self.sigma + turn), 1e6)
        end = np.arcsinh(reach / self.sigma)
        grid: FloatArray = self.m + self.sigma * np.sinh(np.linspace(-end, end, points))
        return grid


def durrleman(
    log_moneyness: FloatArray, total_variance: FloatArray, slope: FloatArray, curvature: FloatArray
) -> FloatArray:
    """Return Durrleman's function, which is zero or more wherever butterflies cost something.

    g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2

    Parameters
    ----------
    log_moneyness, total_variance, slope, curvature : ndarray
        k, w and its two derivatives by k, of one shape.

    Returns
    -------
    ndarray
        The density of ln(price at expiry / forward) is g exp(-d2^2 / 2) / sqrt(2 pi w), where
        d2 = -k / sqrt(w) - sqrt(w) / 2.

    References
    ----------
    Gatheral and Jacquier (2014), Quantitative Finance 14(1), equation 2.1 and lemma 2.2.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        lean = 1 - log_moneyness * slope / (2 * total_variance)
        g: FloatArray = lean**2 - slope**2 / 4 * (1 / total_variance + 0.25) + curvature / 2
    return g


@dataclass(frozen=True, slots=True)
class ButterflyProof:
    """Whether the prices of one slice are free of butterfly arbitrage, on a grid and in the wings.

    Attributes
    ----------
    least : float
        Smallest g(k) found.
    place : float
        Log-moneyness where it stands.
    left_slope, right_slope : float
        Slopes of the wings; Lee's bound asks for 2 or less, and below 2 no mass lies at zero or infinity.
    points : int
        How many points were looked at.
    """

    least: float
    place: float
    left_slope: float
    right_slope: float
    points: int

    @property
    def holds(self) -> bool:
        """True if g is nowhere negative and both wings keep Lee's bound."""
        return bool(self.least >= 0 and max(self.left_slope, self.right_slope) < 2)


def prove_butterflies(smile: SviSlice, points: int = PROOF_POINTS) -> ButterflyProof:
    """Look for the smallest g(k) on a grid to both asymptotes, then around the smallest one again.

    Parameters
    ----------
    smile : SviSlice
        The slice.
    points : int
        Points of the grid; the neighbourhood of the worst one gets a tenth more.

    Returns
    -------
    ButterflyProof
        Beyond the grid g tends to (4 - slope^2) / 16 on either side, above zero when the slope is below 2.

    References
    ----------
    Lee (2004), The moment formula for implied volatility at extreme strikes, Mathematical Finance 14(3).
    """
    grid = smile.proof_grid(points)
    g = smile.durrleman(grid)
    worst = int(np.nanargmin(g)) if np.isfinite(g).any() else 0
    around = np.linspace(grid[max(worst - 1, 0)], grid[min(worst + 1, points - 1)], points // 10 + 3)
    finer = smile.durrleman(around)
    candidates = np.concatenate([g, finer])
    places = np.concatenate([grid, around])
    # No variance at the bottom of the smile: its reciprocal is infinite, and nothing is proved there.
    candidates = np.where(np.isnan(candidates), -np.inf, candidates)
    least = int(np.argmin(candidates))
    left, right = smile.wing_slopes
    return ButterflyProof(float(candidates[least]), float(places[least]), left, right, len(candidates))


@dataclass(frozen=True, slots=True)
class CalendarProof:
    """Whether total variance grows from one expiry to a later one at every log-moneyness.

    Attributes
    ----------
    least : float
        Smallest total variance gained between the two expiries on the grid.
    place : float
        Log-moneyness where it stands.
    least_share : float
        The same as a share of the earlier expiry's total variance at that place.
    wings : bool
        True if neither wing of the later expiry is flatter than the earlier one's.
    points : int
        How many points were looked at.
    """

    least: float
    place: float
    least_share: float
    wings: bool
    points: int

    @property
    def holds(self) -> bool:
        """True if total variance never falls, on the grid and in both wings."""
        return bool(self.least >= 0 and self.wings)


def prove_calendar(near: SviSlice, far: SviSlice, points: int = PROOF_POINTS) -> CalendarProof:
    """Compare the total variances of two expiries on the grids of both, and the slopes of their wings.

    Parameters
    ----------
    near, far : SviSlice
        The earlier and the later expiry.
    points : int
        Points of each grid.

    Returns
    -------
    CalendarProof

    References
    ----------
    Gatheral and Jacquier (2014), Quantitative Finance 14(1), lemma 2.1: no calendar arbitrage means that
    total variance does not decrease in time at constant moneyness of the forward.
    """
    grid = np.union1d(near.proof_grid(points), far.proof_grid(points))
    earlier = near.total_variance(grid)
    gain = far.total_variance(grid) - earlier
    worst = int(np.argmin(gain))
    around = np.linspace(grid[max(worst - 1, 0)], grid[min(worst + 1, len(grid) - 1)], points // 10 + 3)
    finer = far.total_variance(around) - near.total_variance(around)
    if finer.min() < gain[worst]:
        worst = int(np.argmin(finer))
        least, place = float(finer[worst]), float(around[worst])
    else:
        least, place = float(gain[worst]), float(grid[worst])
    return CalendarProof(
        least=least,
        place=place,
        least_share=least / max(float(near.total_variance(place)), 1e-300),
        wings=all(b >= a for a, b in zip(near.wing_slopes, far.wing_slopes, strict=True)),
        points=len(grid) + len(around),
    )


def ssvi_slice(theta: float, rho: float, phi: float) -> SviSlice:
    """Return the slice of an SSVI surface in raw SVI.

    w(k) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2))

    Parameters
    ----------
    theta : float
        Total variance at the money of the forward, above zero.
    rho : float
        Tilt, between -1 and 1.
    phi : float
        Steepness, above zero.

    Returns
    -------
    SviSlice
        Free of butterfly arbitrage if theta phi (1 + |rho|) < 4 and theta phi^2 (1 + |rho|) <= 4.

    References
    ----------
    Gatheral and Jacquier (2014), Quantitative Finance 14(1), definition 4.1 and theorem 4.2.

    Examples
    --------
    >>> ssvi_slice(0.04, -0.5, 2.0).total_variance(0.0).round(12)
    np.float64(0.04)
    """
    for name, value in {"theta": theta, "phi": phi}.items():
        if not value > 0:
            raise PricingInputError(f"`{name}` is {value:g}; give a number above zero.")
    if not -1 < rho < 1:
        raise PricingInputError(f"`rho` is {rho:g}; give a tilt between -1 and 1, both excluded.")
    root = (1 - rho) * (1 + rho)
    return SviSlice(theta / 2 * root, theta * phi / 2, rho, -rho / phi, float(np.sqrt(root)) / phi)
