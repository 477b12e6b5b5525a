"""Straight lines through quotes of which some are wrong."""

from dataclasses import dataclass

import numpy as np

from workbench.arrays import BoolArray, FloatArray

# Tukey's biweight with this constant keeps 95 % of the efficiency of least squares on clean normal data.
_BIWEIGHT = 4.685
_STEPS = 50
# The standard deviation of a value spread evenly over a bid-ask width of two half-widths.
_EVEN = 1 / np.sqrt(3)


@dataclass(frozen=True, slots=True)
class LineFit:
    """A line ``level + slope * (x - centre)``.

    Attributes
    ----------
    level, slope, centre : float
        `centre` is the weighted mean of the points kept, where the errors of level and slope are
        independent.
    level_error, slope_error : float
        One standard error each; no smaller than the widths of the points explain.
    used : ndarray of bool
        Points on the line; the others are too far off to be believed.
    """

    level: float
    slope: float
    centre: float
    level_error: float
    slope_error: float
    used: BoolArray

    def at(self, x: float) -> float:
        """Return the line's height at `x`."""
        return self.level + self.slope * (x - self.centre)


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """Return the value at which half of the weight lies below."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(0.5 * weights.sum(), below, values[order]))


def theil_sen_slope(x: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """Return the median of the slopes between all pairs of points, wide pairs and sure points weighing more.

    References
    ----------
    Theil (1950), A rank-invariant method of linear and polynomial regression analysis, Proc. Kon. Ned. Akad.
    v. Wetensch. A 53; Sen (1968), J. American Statistical Association 63(324); weights by distance: Jaeckel
    (1972), Annals of Mathematical Statistics 43(5).
    """
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    apart = np.abs(run) > 0
    slopes = (y[second] - y[first])[apart] / run[apart]
    sure = np.sqrt(weights[first] * weights[second])[apart]
    return weighted_median(slopes, np.abs(run[apart]) * sure)


def fit_line(x: FloatArray, y: FloatArray, half_width: FloatArray, slope: float | None = None) -> LineFit:
    """Fit a line through points that are known to within a half-width, some of them plainly wrong.

    A robust start (weighted median; Theil-Sen where the slope is sought too) is refined by iteratively
    reweighted least squares with Tukey's biweight, on distances in units of each point's own width and the
    spread of all.

    Parameters
    ----------
    x, y : ndarray
        At least one point, two where the slope is sought.
    half_width : ndarray
        Above zero: half of the bid-ask width of `y`.
    slope : float, optional
        Given and kept.

    Returns
    -------
    LineFit

    References
    ----------
    Beaton and Tukey (1974), Technometrics 16(2); Huber and Ronchetti (2009), Robust Statistics, 2nd ed.,
    chapter 7.
    """
    sigma = half_width * _EVEN
    weights = 1 / sigma**2
    tilt = theil_sen_slope(x, y, weights) if slope is None else slope
    level = weighted_median(y - tilt * x, weights)
    kept = np.ones(len(x))
    scale = 1.0
    for _ in range(_STEPS):
        away = np.abs(y - level - tilt * x) / sigma
        # The points' own widths explain a distance of one; what spreads wider is measured by its median.
        scale = max(1.0, 1.4826 * float(np.median(away)))
        kept = np.maximum(1 - (away / (_BIWEIGHT * scale)) ** 2, 0.0) ** 2
        total = weights * kept
        centre = float(total @ x / total.sum())
        before = (level, tilt)
        if slope is None:
            run = x - centre
            spread = float(total @ run**2)
            tilt = float(total @ (run * y)) / spread if spread > 0 else tilt
        level = float(total @ (y - tilt * x) / total.sum())
        if np.allclose(before, (level, tilt), rtol=1e-14, atol=0.0):
            break
    used = kept > 0
    total = weights * kept
    centre = float(total @ x / total.sum())
    run = (x - centre)[used]
    degrees = max(int(used.sum()) - (2 if slope is None else 1), 1)
    off = (y - level - tilt * x)[used] / sigma[used]
    # Widths tell the least error that there can be; scatter beyond them raises it.
    swell = max(1.0, float(np.sqrt(off @ off / degrees)))
    spread = float(weights[used] @ run**2)
    return LineFit(
        level=level + tilt * centre,
        slope=tilt,
        centre=centre,
        level_error=swell / float(np.sqrt(weights[used].sum())),
        slope_error=0.0 if slope is not None else (swell / float(np.sqrt(spread)) if spread > 0 else np.inf),
        used=used,
    )
