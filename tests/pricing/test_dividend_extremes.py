"""Cash dividends where the grid is stretched: shares that may die, wild shares, thirty years of dividends."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.dividends import dividend_price

SIDES = [[[True]], [[False]]]


def two_dividends_by_quadrature(spot, strike, years, volatility, rate, dividends):
    """A European put on a share that falls to zero below its dividend, as a double integral."""
    nodes, weights = np.polynomial.legendre.leggauss(600)
    deviates, weights = 9 * nodes, 9 * weights * np.exp(-((9 * nodes) ** 2) / 2) / np.sqrt(2 * np.pi)
    shares, chances, before = np.array([spot]), np.ones(1), 0.0
    for when, amount in dividends:
        step = when - before
        growth = np.exp((rate - volatility**2 / 2) * step + volatility * np.sqrt(step) * deviates)
        shares = np.maximum(np.multiply.outer(shares, growth) - amount, 0).reshape(-1)
        chances, before = np.multiply.outer(chances, weights).reshape(-1), when
    left = years - before
    alive = np.maximum(shares, 1e-300)
    puts = black_scholes_price(alive, strike, left, volatility, rate=rate, is_call=False)
    return np.exp(-rate * before) * (chances @ puts)


@pytest.mark.parametrize(
    ("spot", "years", "volatility", "dividends"),
    [
        (60.0, 5.0, 0.45, [(1.0, 9.0), (4.5, 14.0)]),
        (125.0, 0.71, 1.39, [(0.5652, 2.708), (0.5671, 4.145)]),
        (30.0, 2.0, 0.8, [(0.5, 6.0), (1.9, 8.0)]),
    ],
)
def test_a_share_that_may_die_before_its_last_dividend(spot, years, volatility, dividends):
    exact = two_dividends_by_quadrature(spot, 100, years, volatility, 0.02, dividends)
    for accuracy in ("accurate", "fast"):
        price = dividend_price(
            spot,
            100,
            years,
            volatility,
            rate=0.02,
            is_call=False,
            dividends=dividends,
            dividend_model="spot",
            american=False,
            accuracy=accuracy,
        )
        assert price == pytest.approx(exact, abs=2e-5 * 100), accuracy


@pytest.mark.parametrize("accuracy", ["accurate", "fast"])
def test_a_wild_share_over_many_years_keeps_the_formula(accuracy):
    dividends = [(0.1 + 0.25 * k, 0.7) for k in range(26)]
    case = {"rate": 0.055, "dividend_yield": 0.027, "is_call": SIDES}
    grid = dividend_price(
        105,
        [60, 100, 180],
        6.5,
        [[1.0], [1.45]],
        dividends=dividends,
        dividend_model="escrowed",
        american=False,
        accuracy=accuracy,
        **case,
    )
    rest = 105 - sum(amount * np.exp(-0.028 * years) for years, amount in dividends)
    assert_allclose(grid, black_scholes_price(rest, [60, 100, 180], 6.5, [[1.0], [1.45]], **case), atol=4e-3)


@pytest.mark.parametrize("side", [True, False])
def test_many_years_and_many_dividends_keep_their_order(side):
    """Of American options on a share that pays for thirty years the longer is worth more."""
    dividends = [(0.2 + 0.25 * k, 0.3) for k in range(120)]
    prices = dividend_price(
        100,
        100,
        [[1.0], [3.0], [10.0], [30.0]],
        [0.15, 0.4, 1.2],
        rate=0.03,
        is_call=side,
        dividends=dividends,
        dividend_model="spot",
    )
    assert (np.diff(prices, axis=0) > 0).all()
    assert (np.diff(prices, axis=1) > 0).all()
    assert (prices < 100).all()
