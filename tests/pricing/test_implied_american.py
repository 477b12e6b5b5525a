"""Volatilities implied by American prices: there and back, against trees, or a reason for none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.pricing.american import american_price
from workbench.pricing.binomial import binomial_price
from workbench.pricing.implied_american import solve_rows, worth_without_volatility
from workbench.pricing.implied_volatility import STATUSES, implied_volatility


def solved(price, spot, strike, years, rate, dividend_yield, is_call):
    """Broadcast, solve, and return volatility and status as text."""
    *numbers, calls = np.broadcast_arrays(price, spot, strike, years, rate, dividend_yield, is_call)
    volatility, codes = solve_rows(*(np.array(n, np.float64).reshape(-1) for n in numbers), calls.reshape(-1))
    return volatility, np.array(STATUSES)[codes]


def test_a_chain_goes_there_and_back():
    rng = np.random.default_rng(3)
    size = 2000
    strike = 100 * np.exp(rng.normal(0, 0.3, size))
    years, volatility = rng.uniform(0.01, 2.5, size), rng.uniform(0.08, 1.2, size)
    rate, dividend_yield = rng.uniform(0, 0.1, (2, size))
    is_call = rng.random(size) < 0.5
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    price = american_price(100, strike, years, volatility, **case)
    found, status = solved(price, 100, strike, years, rate, dividend_yield, is_call)
    ok = status == "ok"
    assert ok.mean() > 0.7
    case = {name: values[ok] for name, values in case.items()}
    again = american_price(100, strike[ok], years[ok], found[ok], **case)
    assert (np.abs(again - price[ok]) <= 1e-14 * np.maximum(100, strike[ok])).all()
    # Where a point of volatility moves the price at all, the volatility itself comes back.
    bumped = american_price(100, strike[ok], years[ok], volatility[ok] + 1e-4, **case)
    told = bumped - price[ok] > 1e-7 * 100
    assert_allclose(found[ok][told], volatility[ok][told], rtol=1e-8)
    # The rest are at their intrinsic value.
    carried = np.where(is_call, 100 - strike, strike - 100)
    assert (status[~ok] == "below_intrinsic").all()
    assert (price[~ok] - np.maximum(carried[~ok], 0) < 0.02 * 100).all()


def test_the_volatility_behind_a_trees_price():
    price = binomial_price(100, 110, 1, 0.27, rate=0.06, is_call=False, steps=2001)
    volatility, status = solved(price, 100, 110, 1, 0.06, 0.0, False)
    assert status == ["ok"]
    assert_allclose(volatility, 0.27, atol=5e-5)


def test_what_is_never_exercised_early_has_the_european_volatility():
    found, _ = solved([12.0, 9.0], 100, 100, 1, [0.05, -0.01], [0.0, 0.02], [True, False])
    european = implied_volatility(
        [12.0, 9.0], 100, 100, 1, rate=[0.05, -0.01], dividend_yield=[0.0, 0.02], is_call=[True, False]
    )
    assert_allclose(found, european.volatility, rtol=1e-14)


@pytest.mark.parametrize(
    ("price", "spot", "strike", "rate", "dividend_yield", "is_call", "status"),
    [
        (20.0, 80, 100, 0.05, 0.0, False, "below_intrinsic"),
        (19.0, 80, 100, 0.05, 0.0, False, "below_intrinsic"),
        (20.0, 120, 100, 0.0, 0.05, True, "below_intrinsic"),
        (0.0, 100, 120, 0.05, 0.0, True, "below_intrinsic"),
        (-1.0, 100, 120, 0.05, 0.03, True, "below_intrinsic"),
        (100.0, 80, 100, 0.05, 0.0, False, "above_bound"),
        (97.0, 80, 100, 0.05, 0.0, False, "ok"),
        (101.0, 80, 100, -0.02, 0.0, False, "ok"),
        (103.0, 80, 100, -0.02, 0.0, False, "above_bound"),
        (80.0, 80, 100, 0.05, 0.03, True, "above_bound"),
        (81.0, 80, 100, 0.05, 0.03, True, "above_bound"),
        (np.nan, 80, 100, 0.05, 0.03, True, "missing"),
    ],
)
def test_impossible_prices_have_a_reason_and_no_number(
    price, spot, strike, rate, dividend_yield, is_call, status
):
    volatility, found = solved(price, spot, strike, 1.0, rate, dividend_yield, is_call)
    assert found == [status]
    assert np.isnan(volatility[0]) == (status != "ok")


def test_without_volatility_a_call_waits_until_its_yield_outgrows_the_rate():
    rows = {"spot": 100.0, "strike": 60.0, "years": 30.0, "rate": 0.06, "dividend_yield": 0.05}
    arrays = {name: np.array([value]) for name, value in rows.items()}
    moments = np.linspace(0, 30, 300_001)
    paid = 100 * np.exp(-0.05 * moments) - 60 * np.exp(-0.06 * moments)
    assert worth_without_volatility(arrays, np.array([1.0])) == pytest.approx(paid.max(), abs=1e-8)


@settings(max_examples=50, deadline=None)
@given(
    price=st.floats(-10, 400),
    spot=st.floats(1, 300),
    strike=st.floats(1, 300),
    years=st.floats(0.001, 5),
    rate=st.floats(0, 0.15),
    dividend_yield=st.floats(0, 0.15),
    is_call=st.booleans(),
)
def test_any_price_gives_a_volatility_that_returns_it_or_a_status(
    price, spot, strike, years, rate, dividend_yield, is_call
):
    volatility, status = solved(price, spot, strike, years, rate, dividend_yield, is_call)
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    if status[0] == "ok":
        again = american_price(spot, strike, years, volatility[0], **case)
        assert again == pytest.approx(price, abs=2e-14 * max(spot, strike))
    else:
        assert np.isnan(volatility[0])
