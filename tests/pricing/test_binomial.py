"""Trees against the tables of their field, and against the formula that they converge to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.errors import PricingInputError
from workbench.pricing.binomial import binomial_price
from workbench.pricing.black_scholes import black_scholes_price


@pytest.mark.parametrize(
    ("steps", "price"), [(5, 4.49), (30, 4.263), (50, 4.272), (100, 4.278), (500, 4.283)]
)
def test_hulls_american_put_at_five_numbers_of_steps(steps, price):
    """Hull, chapter on basic numerical procedures: 50 against 50, five months, 40 %, rate 10 %."""
    value = binomial_price(50, 50, 5 / 12, 0.40, rate=0.10, is_call=False, steps=steps, tree="crr")
    assert value == pytest.approx(price, abs=0.0051 if steps == 5 else 0.00051)


def test_hulls_two_step_examples():
    """Hull, chapter on trees: an American put on a share, a European call on an index with a yield."""
    put = binomial_price(50, 52, 2, 0.30, rate=0.05, is_call=False, steps=2, tree="crr")
    call = binomial_price(
        810, 800, 0.5, 0.20, rate=0.05, dividend_yield=0.02, steps=2, tree="crr", american=False
    )
    assert (put.round(2), call.round(2)) == (7.43, 53.39)


# Cox and Rubinstein's options (spot 40, rate 4.88 %) as printed by Geske and Johnson (1984), J. Finance
# 39(5): strikes 35, 40, 45 down, one, four and seven months across.
PUBLISHED_PUTS = {
    0.20: [[0.0062, 0.1999, 0.4326], [0.8521, 1.5798, 1.9904], [5.0000, 5.0883, 5.2670]],
    0.30: [[0.0774, 0.6975, 1.2198], [1.3099, 2.4825, 3.1696], [5.0597, 5.7056, 6.2436]],
    0.40: [[0.2466, 1.3460, 2.1549], [1.7681, 3.3874, 4.3526], [5.2868, 6.5099, 7.3830]],
}


@pytest.mark.parametrize("volatility", PUBLISHED_PUTS)
def test_published_american_puts(volatility):
    months = np.array([1, 4, 7])
    puts = binomial_price(
        40, [[35], [40], [45]], months / 12, volatility, rate=0.0488, is_call=False, steps=1001
    )
    # The table's own extrapolation is good to about five in its last place.
    assert_allclose(puts, PUBLISHED_PUTS[volatility], atol=6e-4)


@pytest.mark.parametrize(("tree", "order"), [("crr", 1), ("leisen_reimer", 2)])
def test_european_prices_converge_to_the_formula_at_the_published_order(tree, order):
    case = {"rate": 0.07, "dividend_yield": 0.03, "is_call": True}
    exact = black_scholes_price(100, 110, 1.5, 0.3, **case)
    # The error swings with the place of the strike between nodes: its order shows in a bound over many.
    scaled = [
        abs(binomial_price(100, 110, 1.5, 0.3, **case, american=False, steps=n, tree=tree) - exact) * n**order
        for n in (51, 101, 201, 401, 801, 1601)
    ]
    assert max(scaled) < 10
    assert max(scaled[3:]) < 3 * max(scaled[:3])


@given(
    spot=st.floats(20, 500),
    strike=st.floats(20, 500),
    years=st.floats(0, 3),
    volatility=st.floats(0.05, 1),
    rate=st.floats(0, 0.1),
    is_call=st.booleans(),
)
def test_an_american_option_is_worth_no_less_than_exercise_or_the_european(
    spot, strike, years, volatility, rate, is_call
):
    case = {"rate": rate, "dividend_yield": 0.02, "is_call": is_call, "steps": 51}
    american, european = (
        binomial_price(spot, strike, years, volatility, **case, american=flag) for flag in (True, False)
    )
    exercised = max(spot - strike, 0) if is_call else max(strike - spot, 0)
    assert american >= max(exercised, european) - 1e-12 * (spot + strike)


def test_a_call_without_yield_has_no_worth_of_early_exercise():
    american, european = (
        binomial_price(100, [80, 100, 120], 1, 0.3, rate=0.05, american=flag) for flag in (True, False)
    )
    assert_allclose(american, european, rtol=1e-12)


def test_without_volatility_or_time_the_best_moment_of_the_forward_counts():
    assert binomial_price(100, 100, 1, 0, rate=0.05) == pytest.approx(100 - 100 * np.exp(-0.05))
    assert binomial_price(100, 110, 1, 0, rate=0.05, is_call=False) == pytest.approx(10)
    assert binomial_price(100, 90, 0, 0.2) == pytest.approx(10)


def test_options_far_from_the_money_stay_finite():
    far = binomial_price([1e-3, 1e5], [1e5, 1e-3], 1, 0.1, rate=0.02, is_call=[[True], [False]])
    assert_allclose(far[0], [0, 1e5 - 1e-3 * np.exp(-0.02)], atol=1e-6)
    assert_allclose(far[1], [1e5 - 1e-3, 0], atol=1e-6)


def test_rows_broadcast_and_a_missing_input_stays_in_its_row():
    prices = binomial_price([100, np.nan, 100], 100, 1, [0.2, 0.2, 0.3], steps=51)
    assert np.isnan(prices).tolist() == [False, True, False]
    assert prices[2] == binomial_price(100, 100, 1, 0.3, steps=51)


def test_leisen_reimer_takes_the_next_odd_number_of_steps():
    assert binomial_price(100, 95, 1, 0.2, steps=50) == binomial_price(100, 95, 1, 0.2, steps=51)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tree": "jarrow_rudd"}, "`tree` is 'jarrow_rudd'; give one of leisen_reimer, crr"),
        ({"steps": 0}, "`steps` is 0; give a whole number above zero"),
        ({"spot": [100, -1]}, "`spot` is -1 in row 1"),
        ({"volatility": -0.2}, "`volatility` is -0.2"),
        ({"years": np.inf}, "`years` is inf"),
        ({"tree": "crr", "rate": [0.01, 0.9], "volatility": 0.05, "steps": 5}, "row 1.*more steps"),
        ({"is_call": "put"}, "`is_call` is 'put'"),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_remedy(changed, message):
    case = {"spot": 100, "strike": 100, "years": 1, "volatility": 0.2} | changed
    with pytest.raises(PricingInputError, match=message):
        binomial_price(**case)
