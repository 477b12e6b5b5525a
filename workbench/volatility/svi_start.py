"""Where a fit of SVI begins: the best of a grid of turns for each expiry, and SSVI for all of them."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from workbench.arrays import BoolArray, FloatArray
from workbench.volatility.svi import SviSlice, ssvi_slice

# Places and widths of the turn that are tried, in deviations at the money.
_PLACES = np.concatenate([-np.geomspace(4, 0.25, 6), [0.0], np.geomspace(0.25, 4, 6)])
_WIDTHS = np.geomspace(0.05, 6, 9)


def best_of_turns(
    log_moneyness: FloatArray,
    volatility: FloatArray,
    width: FloatArray,
    years: float,
    scale: float,
) -> SviSlice | None:
    """Solve SVI for level, tilt and steepness at each of a grid of turns, and take the best.

    With place and width of the turn fixed, total variance is linear in the other three, and its weighted
    least squares are three equations. Two rounds of lesser weights for far quotes make it robust.

    Parameters
    ----------
    log_moneyness, volatility, width : ndarray, (quotes,)
        Usable quotes of one expiry.
    years : float
        Time to expiry.
    scale : float
        Deviation at the money.

    Returns
    -------
    SviSlice or None
        None if no turn of the grid has an admissible solution.

    References
    ----------
    De Marco and Martini (2009), Quasi-explicit calibration of Gatheral's SVI model, Zeliade white paper.
    """
    place, sigma = (scale * grid.reshape(-1) for grid in np.meshgrid(_PLACES, _WIDTHS, indexing="ij"))
    y = log_moneyness - place[:, None]
    radius = np.sqrt(y**2 + sigma[:, None] ** 2)
    variance = years * volatility**2
    steepness = 1 / (2 * years * volatility * width)
    columns = np.stack([np.ones_like(y), y, radius], axis=-1)
    weight = np.broadcast_to(steepness**2, y.shape)
    for _ in range(3):
        weighted = columns * weight[..., None]
        normal = np.matmul(weighted.transpose(0, 2, 1), columns)
        normal += 1e-10 * np.einsum("tpp->tp", normal)[:, :, None] * np.eye(3)
        moment = np.einsum("tnp,n->tp", weighted, variance)[..., None]
        level, tilt, mean = np.linalg.solve(normal, moment)[..., 0].T
        # Solutions outside the admissible cone are moved to its edge, and the level follows them.
        mean = np.clip(mean, 1e-4 * scale, 1.9)
        tilt = np.clip(tilt, -np.minimum(0.999 * mean, 1.95 - mean), np.minimum(0.999 * mean, 1.95 - mean))
        bent = tilt[:, None] * y + mean[:, None] * radius
        level = np.sum(weight * (variance - bent), axis=1) / np.sum(weight, axis=1)
        deepest = sigma * np.sqrt(mean**2 - tilt**2)
        level = np.maximum(level, 0.02 * scale**2 - deepest)
        miss = (level[:, None] + bent - variance) * steepness
        spread = np.maximum(1.0, 1.5 * np.median(np.abs(miss), axis=1))[:, None]
        relative = (miss / (2.5 * spread)) ** 2
        weight = steepness**2 / (1 + relative)
    cost = np.sum(np.minimum(np.abs(miss), 10.0), axis=1)
    if not np.isfinite(cost).any():
        return None
    best = int(np.nanargmin(cost))
    return SviSlice(
        float(level[best]),
        float(mean[best]),
        float(tilt[best] / mean[best]),
        float(place[best]),
        float(sigma[best]),
    )


@dataclass(frozen=True, slots=True)
class SsviSurface:
    """SSVI with the power law phi(theta) = eta / (theta^gamma (1 + theta)^(1 - gamma)).

    Attributes
    ----------
    theta : ndarray, (expiries,)
        Total variance at the money of the forward, strictly growing.
    rho, eta, gamma : float
        Tilt, steepness and its decay; eta (1 + |rho|) <= 2 and 0 < gamma <= 1/2 rule out every static
        arbitrage.

    References
    ----------
    Gatheral and Jacquier (2014), Quantitative Finance 14(1), corollary 4.1 and section 4.
    """

    theta: FloatArray
    rho: float
    eta: float
    gamma: float

    def slices(self) -> list[SviSlice]:
        """Return each expiry in raw SVI."""
        phi = self.eta / (self.theta**self.gamma * (1 + self.theta) ** (1 - self.gamma))
        return [ssvi_slice(float(t), self.rho, float(p)) for t, p in zip(self.theta, phi, strict=True)]


def _growing(theta: FloatArray) -> FloatArray:
    """Return the least changed strictly growing sequence: pooled means, then a hair of growth."""
    blocks: list[list[float]] = []
    for value in theta:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (a, m), (b, n) = blocks[-2], blocks[-1]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    level = np.repeat([b[0] for b in blocks], [int(b[1]) for b in blocks])
    grown: FloatArray = level * (1 + 1e-4 * np.arange(len(level)))
    return grown


def fit_ssvi(
    log_moneyness: FloatArray,
    volatility: FloatArray,
    width: FloatArray,
    used: BoolArray,
    years: FloatArray,
    theta: FloatArray,
) -> SsviSurface:
    """Fit tilt, steepness and decay of SSVI to the quotes of all expiries, the levels at the money given.

    Parameters
    ----------
    log_moneyness, volatility, width, used : ndarray, (expiries, quotes)
        Quotes, padded to one length.
    years, theta : ndarray, (expiries,)
        Time to expiry and total variance at the money; made to grow where it does not.

    Returns
    -------
    SsviSurface
        Free of static arbitrage for any quotes.
    """
    grown = _growing(theta)
    row, column = np.nonzero(used)
    # Some hundred quotes tell three numbers as well as some thousand.
    chosen = slice(None, None, max(1, len(row) // 400))
    row, column = row[chosen], column[chosen]
    k, vol, unit = log_moneyness[row, column], volatility[row, column], width[row, column]
    level, time = grown[row], years[row]

    def numbers(free: FloatArray) -> tuple[float, float, float]:
        rho = 0.999 * np.tanh(free[0])
        eta = 2 / (1 + abs(rho)) * 0.5 * (1 + np.tanh(free[1]))
        gamma = 0.25 * (1 + np.tanh(free[2]))
        return float(rho), float(eta), float(gamma)

    def miss(free: FloatArray) -> FloatArray:
        rho, eta, gamma = numbers(free)
        x = eta / (level**gamma * (1 + level) ** (1 - gamma)) * k
        w = level / 2 * (1 + rho * x + np.sqrt((x + rho) ** 2 + 1 - rho**2))
        found: FloatArray = (np.sqrt(w / time) - vol) / unit
        return found

    found = least_squares(
        miss,
        np.array([-0.3, 0.0, 0.5]),
        loss="soft_l1",
        f_scale=3.0,
        x_scale=1.0,
        max_nfev=25,
        xtol=1e-4,
        ftol=1e-4,
    )
    rho, eta, gamma = numbers(np.clip(found.x, -4, 4))
    return SsviSurface(grown, rho, max(eta, 1e-3), max(gamma, 1e-3))
