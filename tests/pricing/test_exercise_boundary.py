"""The exercise boundary: its limits, its symmetry, and prices that agree with it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from workbench.errors import PricingInputError
from workbench.pricing import american_price
from workbench.pricing.exercise_boundary import exercise_boundary


def perpetual_boundary(volatility, rate, dividend_yield):
    """Merton's (1973) boundary of a put that never expires, as a share of the strike."""
    b = 0.5 - (rate - dividend_yield) / volatility**2
    beta = b - np.sqrt(b * b + 2 * rate / volatility**2)
    return beta / (beta - 1)


@pytest.mark.parametrize(
    ("rate", "dividend_yield", "limit"),
    [(0.06, 0.02, 1.0), (0.05, 0.05, 1.0), (0.03, 0.06, 0.5), (0.0, -0.02, 1)],
)
def test_just_before_expiry_it_is_the_strike_or_where_interest_and_yield_balance(rate, dividend_yield, limit):
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": False}
    found = exercise_boundary(100, 1.0, 0.2, **case)
    assert found.kind == "one"
    assert found.second_boundary is None
    assert found.years[0] == 0
    assert found.years[-1] == 1.0
    assert found.boundary[0] == 100 * limit
    assert (np.diff(found.boundary) < 0).all()


def test_with_much_time_it_comes_to_the_perpetual_one():
    found = exercise_boundary(100, 120.0, 0.3, rate=0.08, dividend_yield=0.03, is_call=False)
    assert found.boundary[-1] == pytest.approx(100 * perpetual_boundary(0.3, 0.08, 0.03), rel=1e-4)


def test_near_expiry_it_leaves_the_strike_as_the_asymptote_says():
    """Evans, Kuske and Keller (2002), Math. Finance 12(3), for a yield below the rate."""
    sigma, rate, years = 0.2, 0.05, 1e-9
    edge = exercise_boundary(1.0, years, sigma, rate=rate, is_call=False).boundary[-1]
    away = sigma * np.sqrt(years * np.log(sigma**2 / (8 * np.pi * years * rate**2)))
    assert 1 - edge == pytest.approx(away, rel=0.05)


@pytest.mark.parametrize("is_call", [False, True])
def test_prices_meet_the_payoff_there_and_not_before(is_call):
    case = {"rate": 0.04, "dividend_yield": 0.06, "is_call": is_call}
    found = exercise_boundary(100, 2.0, 0.25, points=9, **case)
    for years, edge in zip(found.years[1:], found.boundary[1:], strict=True):
        inside, outside = (edge * 1.001, edge * 0.99) if is_call else (edge * 0.999, edge * 1.01)
        assert american_price(inside, 100, years, 0.25, **case) == abs(inside - 100)
        assert american_price(outside, 100, years, 0.25, **case) > abs(outside - 100)


def test_a_call_is_exercised_where_the_mirrored_put_is():
    call = exercise_boundary(100, 1.0, 0.3, rate=0.03, dividend_yield=0.05, is_call=True)
    put = exercise_boundary(100, 1.0, 0.3, rate=0.05, dividend_yield=0.03, is_call=False)
    assert_allclose(call.boundary * put.boundary, 100.0**2, rtol=1e-13)


@pytest.mark.parametrize(
    ("is_call", "rate", "dividend_yield"), [(True, 0.05, 0.0), (True, 0.05, -0.01), (False, -0.02, 0.01)]
)
def test_where_nobody_exercises_early_there_is_none(is_call, rate, dividend_yield):
    found = exercise_boundary(100, 1.0, 0.2, rate=rate, dividend_yield=dividend_yield, is_call=is_call)
    assert found.kind == "never"
    assert np.isnan(found.boundary).all()


def test_two_boundaries_begin_at_the_strike_and_at_the_balance_and_close_in():
    case = {"rate": -0.02, "dividend_yield": -0.05, "is_call": False}
    found = exercise_boundary(100, 3.0, 0.1, **case)
    assert found.kind == "two"
    assert found.boundary[0] == pytest.approx(100)
    assert found.second_boundary[0] == pytest.approx(40)
    assert (np.diff(found.boundary) < 0).all()
    assert (np.diff(found.second_boundary) > 0).all()
    upper, lower = found.boundary[-1], found.second_boundary[-1]
    for spot in (upper * 0.999, lower * 1.001, (upper * lower) ** 0.5):
        assert american_price(spot, 100, 3.0, 0.1, **case) == 100 - spot
    for spot in (upper * 1.01, lower * 0.99):
        assert american_price(spot, 100, 3.0, 0.1, **case) > 100 - spot


def test_two_boundaries_that_meet_end_there():
    """With volatility above sqrt(-2 q) - sqrt(-2 r) they meet (Battauz, De Donno and Sbuelz 2015)."""
    case = {"rate": -0.02, "dividend_yield": -0.04, "is_call": False}
    found = exercise_boundary(100, 20.0, 0.2, points=401, **case)
    met = np.isnan(found.boundary)
    assert 0 < met.sum() < 400
    assert (np.diff(met.astype(int)) >= 0).all()
    assert_allclose(np.isnan(found.second_boundary), met)
    gap = found.boundary[~met] - found.second_boundary[~met]
    assert (np.diff(gap) < 0).all()
    # A call's are the mirror images.
    call = exercise_boundary(100, 20.0, 0.2, points=401, rate=-0.04, dividend_yield=-0.02, is_call=True)
    assert_allclose(call.boundary[~met] * found.boundary[~met], 1e4)


def test_below_that_volatility_they_never_meet():
    found = exercise_boundary(100, 50.0, 0.03, rate=-0.02, dividend_yield=-0.06, is_call=False)
    assert not np.isnan(found.boundary).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strike": 0.0}, "`strike` is 0"),
        ({"strike": [100.0, 110.0]}, "`strike` is .*; give one number, for one option"),
        ({"years": 0.0}, "`years` is 0"),
        ({"volatility": np.nan}, "`volatility` is nan"),
        ({"rate": np.inf}, "`rate` is inf"),
        ({"points": 1}, "`points` is 1; give a whole number of at least 2"),
    ],
)
def test_what_has_no_boundary_is_refused(changed, message):
    case = {"strike": 100.0, "years": 1.0, "volatility": 0.2, **changed}
    with pytest.raises(PricingInputError, match=message):
        exercise_boundary(**case)
