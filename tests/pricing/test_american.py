"""American prices: against QuantLib's integral method, trees and grids, and by what must hold of any."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import PricingInputError
from workbench.pricing import american_greeks, american_price, binomial_price, black_scholes_price
from workbench.pricing.american_double_rows import double_chunk
from workbench.pricing.american_scheme import two_boundary_tables
from workbench.pricing.exercise_boundary import exercise_boundary

PROMISED = {"accurate": 1e-6, "fast": 1e-4}  # of strike
ORDINARY = {"rate": 0.05, "dividend_yield": 0.02, "is_call": False}


def quantlib_prices(cases):
    """QuantLib's QdFp in high precision; cases in (spot, strike, days, volatility, rate, yield, is_call)."""
    today = QuantLib.Date(2, 1, 2024)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()
    quotes = [QuantLib.SimpleQuote(0.1) for _ in range(4)]  # spot, volatility, rate, yield
    spot, volatility, rate, dividend_yield = (QuantLib.QuoteHandle(quote) for quote in quotes)
    flat = [
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, value, count))
        for value in (dividend_yield, rate)
    ]
    surface = QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), volatility, count)
    process = QuantLib.BlackScholesMertonProcess(spot, *flat, QuantLib.BlackVolTermStructureHandle(surface))
    engine = QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
    prices = []
    for s, k, days, v, r, q, is_call in cases:
        for quote, value in zip(quotes, (s, v, r, q), strict=True):
            quote.setValue(float(value))
        kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
        option = QuantLib.VanillaOption(
            QuantLib.PlainVanillaPayoff(kind, float(k)), QuantLib.AmericanExercise(today, today + int(days))
        )
        option.setPricingEngine(engine)
        prices.append(option.NPV())
    return np.array(prices)


def random_cases(rng, size, *, wide):
    """Options on both sides; `wide` for lives of a day to 30 years and rates of -10 to 20 %."""
    longest, least, most = (30, 0.03, 1.5) if wide else (5, 0.08, 1.0)
    days = np.exp(rng.uniform(np.log(1 if wide else 3), np.log(365 * longest), size)).astype(int)
    volatility = np.exp(rng.uniform(np.log(least), np.log(most), size))
    low, high = (-0.1, 0.2) if wide else (0.0, 0.1)
    rate = np.where(rng.random(size) < 0.1, 0.0, rng.uniform(low, high, size))
    tiny = rng.choice([-1, 1], size) * 10 ** rng.uniform(-6, -3, size)
    kinds = [np.zeros(size), rng.uniform(low, high, size), rate, rate + tiny]
    dividend_yield = np.choose(rng.choice(4, size, p=[0.2, 0.6, 0.1, 0.1]), kinds)
    reach = np.clip(3 * volatility * np.sqrt(days / 365), 0.02, 1.0)
    strike = 100 * np.exp(rng.uniform(-1, 1, size) * reach * (rng.random(size) > 0.1))
    is_call = rng.random(size) < 0.5
    r, q = np.where(is_call, dividend_yield, rate), np.where(is_call, rate, dividend_yield)
    one = (r >= 0) | (q >= r)  # QuantLib refuses two boundaries
    cases = np.column_stack([np.full(size, 100.0), strike, days, volatility, rate, dividend_yield, is_call])
    return cases[one]


def priced(cases, accuracy):
    spot, strike, days, volatility, rate, dividend_yield, is_call = cases.T
    return american_price(
        spot, strike, days / 365, volatility,
        rate=rate, dividend_yield=dividend_yield, is_call=is_call > 0, accuracy=accuracy,
    )  # fmt: skip


@pytest.mark.parametrize("wide", [False, True])
def test_prices_keep_their_promise_against_quantlibs_integral_method(wide):
    cases = random_cases(np.random.default_rng(17), 150, wide=wide)
    theirs = quantlib_prices(cases)
    for accuracy, promised in PROMISED.items():
        assert (np.abs(priced(cases, accuracy) - theirs) / cases[:, 1]).max() < promised


@pytest.mark.slow
@pytest.mark.parametrize("wide", [False, True])
def test_thousands_of_prices_keep_their_promise_against_quantlib(wide):
    cases = random_cases(np.random.default_rng(18), 4000, wide=wide)
    theirs = quantlib_prices(cases)
    for accuracy, promised in PROMISED.items():
        assert (np.abs(priced(cases, accuracy) - theirs) / cases[:, 1]).max() < promised


# Where the equation of the boundary has other solutions, or its terms all but cancel: next to no interest on
# the strike over a negative yield, rate and yield almost alike, and low volatility over long times.
HARD = [
    (37.18, 100, 1054, 0.8111, 0.0, -0.006793, False),
    (37.18, 100, 1054, 0.8111, 1e-4, -0.006793, False),
    (81.47, 100, 14, 0.3646, 0.00194, 0.001966, False),
    (73.16, 100, 3, 1.1591, 0.003027, 0.003028, False),
    (100, 100, 7576, 0.0509, 0.0, -0.06418, False),
    (100, 99.5, 5000, 0.0327, 0.0, -0.09584, False),
    (99.06, 100, 11, 0.0555, 0.118315, 0.022786, False),
    (103.84, 100, 36, 0.8994, 0.071846, 0.072293, False),
    (100, 100, 10000, 0.05, 0.19, 0.0, False),
    (100, 37, 9131, 0.77, -0.0456, 0.0, True),
]


@pytest.mark.parametrize("case", HARD)
def test_boundaries_that_are_hard_to_find(case):
    cases = np.array([case], float)
    theirs = quantlib_prices(cases)
    for accuracy, promised in PROMISED.items():
        assert abs(priced(cases, accuracy) - theirs)[0] / case[1] < promised


def test_a_tree_comes_to_the_same_price():
    spots = np.array([80.0, 95.0, 100.0, 110.0])
    case = {"rate": 0.06, "dividend_yield": 0.03}
    for is_call in (True, False):
        tree = binomial_price(spots, 100, 1.5, 0.3, is_call=is_call, steps=3001, **case)
        assert_allclose(american_price(spots, 100, 1.5, 0.3, is_call=is_call, **case), tree, atol=1.5e-3)


# Healy (2021), Pricing American options under negative rates, J. Computational Finance 25(1), whose prices
# the author's library carries: spot, years, yield, price of a put on a strike of 100.
NEGATIVE_RATES = [
    (80, 1.0, -0.05, 20.030946627004035),
    (80, 1.0, -0.01, 21.00207402916405),
    (80, 5.0, -0.01, 27.322355750776925),
    (80, 5.0, -0.05, 21.89483671167564),
    (10, 5.0, -0.05, 90.13887335153295),
    (55, 5.0, -0.01, 46.34568414232824),
    (75, 5.0, -0.007, 31.278917798325534),
    (60, 1.0, -0.01, 40.0),
]


@pytest.mark.parametrize(("spot", "years", "dividend_yield", "printed"), NEGATIVE_RATES)
def test_published_puts_with_two_boundaries(spot, years, dividend_yield, printed):
    put = american_price(spot, 100, years, 0.2, rate=-0.005, dividend_yield=dividend_yield, is_call=False)
    assert put == pytest.approx(printed, abs=1e-4)


def two_boundary_cases(rng, size):
    """Puts on a strike of 1 with rates below zero and yields below those; some boundaries meet early."""
    years, volatility = rng.uniform(0.05, 10, size), np.exp(rng.uniform(np.log(0.03), np.log(0.5), size))
    rate = -np.exp(rng.uniform(np.log(3e-4), np.log(0.06), size))
    dividend_yield = rate - np.exp(rng.uniform(np.log(3e-4), np.log(0.06), size))
    reach = np.minimum(2 * volatility * np.sqrt(years), 0.6)
    return np.exp(rng.uniform(-1, 1, size) * reach), years, volatility, rate, dividend_yield


def test_two_boundaries_against_a_tree():
    spot, years, volatility, rate, dividend_yield = two_boundary_cases(np.random.default_rng(2), 30)
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": False}
    # Even and odd steps swing to either side of the price.
    trees = [binomial_price(spot, 1.0, years, volatility, steps=n, tree="crr", **case) for n in (1000, 1001)]
    for accuracy in PROMISED:
        ours = american_price(spot, 1.0, years, volatility, accuracy=accuracy, **case)
        assert_allclose(ours, np.mean(trees, axis=0), atol=4e-4)


def test_two_boundaries_are_converged_in_steps_and_points():
    cases = two_boundary_cases(np.random.default_rng(4), 40)
    fine = np.empty(40)
    double_chunk(
        0, 40, cases[0], np.ones(40), *cases[1:], np.zeros(40, bool), two_boundary_tables(128, 40, 64), fine
    )
    spot, years, volatility, rate, dividend_yield = cases
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": False}
    for accuracy, allowed in {"accurate": 2e-6, "fast": 1e-5}.items():
        assert_allclose(
            american_price(spot, 1.0, years, volatility, accuracy=accuracy, **case), fine, atol=allowed
        )


@pytest.mark.parametrize("dividend_yield", [-0.03, 0.01])
def test_the_price_goes_on_where_the_kind_of_boundary_changes(dividend_yield):
    rates = [-1e-7, -1e-9, 0.0, 1e-9, 1e-7]
    case = {"dividend_yield": dividend_yield, "is_call": False}
    prices = american_price(1.02, 1.0, 2.0, 0.3, rate=rates, **case)
    assert np.ptp(prices) < 1e-6


spots = st.floats(20, 500)
times = st.floats(0.003, 20)
volatilities = st.floats(0.03, 1.2)
rates = st.floats(-0.08, 0.15) | st.just(0.0)
sides = st.booleans()


@given(spots, times, volatilities, rates, rates, sides, st.sampled_from(["accurate", "fast"]))
@settings(max_examples=150, deadline=None)
def test_never_below_exercise_or_the_european_option_nor_above_its_bound(
    spot, years, volatility, rate, dividend_yield, is_call, accuracy
):
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    price = american_price(spot, 100.0, years, volatility, accuracy=accuracy, **case)
    assert price >= max(spot - 100.0 if is_call else 100.0 - spot, 0.0)
    assert price >= black_scholes_price(spot, 100.0, years, volatility, **case)
    bound = spot * max(1, np.exp(-dividend_yield * years)) if is_call else 100 * max(1, np.exp(-rate * years))
    assert price <= bound * (1 + 1e-12)


@given(spots, times, volatilities, rates, rates, sides)
@settings(max_examples=100, deadline=None)
def test_a_call_is_the_put_with_spot_and_strike_rate_and_yield_exchanged(s, t, v, r, q, is_call):
    one = american_price(s, 100.0, t, v, rate=r, dividend_yield=q, is_call=is_call)
    other = american_price(100.0, s, t, v, rate=q, dividend_yield=r, is_call=not is_call)
    assert one == pytest.approx(other, rel=1e-13, abs=1e-13)


@given(spots, times, volatilities, rates, rates, sides, st.floats(1e-3, 1e3))
@settings(max_examples=100, deadline=None)
def test_prices_go_with_the_currency(s, t, v, r, q, is_call, unit):
    case = {"rate": r, "dividend_yield": q, "is_call": is_call}
    # Rounding of spot / strike moves the price as it moves the spot.
    assert american_price(s * unit, 100.0 * unit, t, v, **case) / unit == pytest.approx(
        american_price(s, 100.0, t, v, **case), abs=1e-11 * max(s, 100)
    )


@given(times, volatilities, rates, rates, sides, st.sampled_from(["accurate", "fast"]))
@settings(max_examples=60, deadline=None)
def test_prices_are_monotone_and_convex_in_the_spot(t, v, r, q, is_call, accuracy):
    reach = np.clip(3 * v * np.sqrt(t), 0.05, 2.0)
    spot = np.exp(np.linspace(-reach, reach, 301))
    price = american_price(spot, 1.0, t, v, rate=r, dividend_yield=q, is_call=is_call, accuracy=accuracy)
    steps = np.diff(price) / np.diff(spot)
    assert (steps * (1 if is_call else -1) >= -1e-12).all()
    share = (spot[1:-1] - spot[:-2]) / (spot[2:] - spot[:-2])
    assert (price[1:-1] <= (1 - share) * price[:-2] + share * price[2:] + 1e-13 * spot[1:-1]).all()


@pytest.mark.parametrize(
    ("is_call", "rate", "dividend_yield"),
    [(True, 0.05, 0.0), (True, 0.05, -0.02), (True, 0.0, 0.0), (False, 0.0, 0.03), (False, -0.02, -0.01)],
)
def test_the_right_to_exercise_early_is_worth_nothing_where_nobody_would(is_call, rate, dividend_yield):
    spot = np.linspace(50, 200, 31)
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    european = black_scholes_price(spot, 100, 2.0, 0.25, **case)
    assert_allclose(american_price(spot, 100, 2.0, 0.25, **case), european, rtol=1e-14)


def test_exercise_at_once_pays_the_difference_to_the_last_digit():
    assert american_price(61.3, 100, 1.0, 0.2, **ORDINARY) == 100 - 61.3
    assert american_price(361.3, 100, 1.0, 0.2, rate=0.02, dividend_yield=0.08) == 361.3 - 100


def test_at_the_boundary_the_price_is_what_exercise_pays():
    found = exercise_boundary(100, 1.0, 0.2, rate=0.05, dividend_yield=0.02, is_call=False)
    edge = found.boundary[-1]
    above = edge * (1 + np.array([1e-9, 1e-6, 1e-4]))
    assert_allclose(american_price(above, 100, 1.0, 0.2, **ORDINARY), 100 - above, atol=2e-5)


def test_without_time_it_is_the_payoff_and_without_volatility_the_best_of_all_times():
    assert_array_equal(american_price([90.0, 100.0, 110.0], 100, 0.0, 0.2, **ORDINARY), [10.0, 0.0, 0.0])
    case = {"rate": -0.01, "dividend_yield": -0.05, "is_call": False}
    times = np.linspace(0, 30, 300_001)
    best = max(0.0, np.max(100 * np.exp(0.01 * times) - 60 * np.exp(0.05 * times)))
    assert american_price(60.0, 100, 30.0, 0.0, **case) == pytest.approx(best, abs=1e-8)
    assert american_price(60.0, 100, 30.0, 1e-7, **case) == pytest.approx(best, abs=1e-4)


def test_tiny_time_and_tiny_volatility_come_to_the_limits():
    for years, volatility in ((1e-9, 0.2), (1e-5, 1e-4), (1.0, 1e-9), (1e-12, 1e-9)):
        price = american_price([80.0, 100.0, 120.0], 100, years, volatility, **ORDINARY)
        assert_allclose(price, [20, 0, 0], atol=1e-3)


@pytest.mark.parametrize("tiny", [5e-324, 2e-313, -2e-313, 1e-291, -1e-291])
@pytest.mark.parametrize("is_call", [True, False])
def test_a_rate_or_yield_of_next_to_nothing_prices_as_none(tiny, is_call):
    for other in (0.05, -0.05):
        for terms, same in (
            ({"rate": other, "dividend_yield": tiny}, {"rate": other}),
            ({"rate": tiny, "dividend_yield": other}, {"dividend_yield": other}),
        ):
            price = american_price(100, 100, 1, 0.2, is_call=is_call, **terms)
            assert price == american_price(100, 100, 1, 0.2, is_call=is_call, **same)


def test_an_option_that_may_be_call_or_put_has_no_price_nor_greeks():
    kinds = pd.array([False, None], dtype="boolean")
    assert_array_equal(np.isnan(american_price([36.0, 36.0], 40, 1, 0.2, rate=0.06, is_call=kinds)), [0, 1])
    greeks = american_greeks([36.0, 36.0], 40, 1, 0.2, rate=0.06, is_call=kinds)
    assert all(np.isnan(values).tolist() == [False, True] for values in greeks.values())


def test_a_missing_value_gives_a_missing_price_in_its_row_alone():
    spot = [100.0, np.nan, 90.0, 95.0]
    rate = [0.05, 0.05, None, 0.05]
    price = american_price(spot, 100, 1.0, 0.2, rate=rate, is_call=False)
    assert_array_equal(np.isnan(price), [False, True, True, False])
    for name in ("spot", "strike", "years", "volatility"):
        case = {"spot": 100.0, "strike": 100.0, "years": 1.0, "volatility": 0.2, name: np.nan}
        assert np.isnan(american_price(**case, **ORDINARY))


def test_rows_that_share_a_boundary_cost_and_price_as_rows_of_their_own():
    spot = np.linspace(70, 130, 25)
    together = american_price(spot, 100, 0.7, 0.3, **ORDINARY)
    assert_array_equal(together, [american_price(s, 100, 0.7, 0.3, **ORDINARY) for s in spot])


def test_many_rows_on_several_threads_price_as_one_by_one():
    rng = np.random.default_rng(6)
    spot, volatility = rng.uniform(70, 130, 3000), rng.uniform(0.1, 0.6, 3000)
    rate = rng.uniform(-0.03, 0.08, 3000)
    case = {"dividend_yield": 0.01, "is_call": False}
    whole = american_price(spot, 100, 0.7, volatility, rate=rate, **case)
    rows = [0, 1, 1499, 1500, 2999]
    each = [american_price(spot[i], 100, 0.7, volatility[i], rate=rate[i], **case) for i in rows]
    assert_array_equal(whole[rows], each)


def test_arguments_broadcast_and_a_scalar_stays_one():
    grid = american_price([[90.0], [100.0]], 100, [0.5, 1.0, 2.0], 0.2, **ORDINARY)
    assert grid.shape == (2, 3)
    single = american_price(100, 100, 2, 0.2, **ORDINARY)
    assert isinstance(single, np.float64)
    assert single == grid[1, 2]
    assert american_price(np.array([]), 100, 1.0, 0.2).shape == (0,)


def test_a_series_keeps_its_index_and_a_frame_its_labels():
    spot = pd.Series([95.0, 105.0], index=["a", "b"], name="spot")
    price = american_price(spot, 100, 1.0, 0.2, **ORDINARY)
    assert list(price.index) == ["a", "b"]
    frame = pd.DataFrame([[95.0, 105.0]], index=["today"], columns=["a", "b"])
    assert list(american_price(frame, 100, 1.0, 0.2, **ORDINARY).columns) == ["a", "b"]
    with pytest.raises(PricingInputError, match="index"):
        american_price(spot, pd.Series([100.0, 100.0], index=["b", "c"]), 1.0, 0.2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"spot": -1.0}, "`spot` is -1"),
        ({"strike": [100.0, 0.0]}, "`strike` is 0 in row 1"),
        ({"years": -0.1}, "`years` is -0.1"),
        ({"volatility": [0.2, -0.2]}, r"`volatility` is -0.2 in row 1; give .* \(0.20 is 20 %\)"),
        ({"rate": np.inf}, "`rate` is inf"),
        ({"spot": "100"}, "`spot`"),
        ({"spot": [1.0, 2.0], "strike": [1.0, 2.0, 3.0]}, "shape"),
        ({"is_call": "put"}, "`is_call`"),
        ({"accuracy": "exact"}, "`accuracy` is 'exact'; give 'accurate' or 'fast'"),
        ({"dividend_model": "spot"}, "`dividend_model` is given without `dividends`"),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_row_and_the_remedy(changed, message):
    case = {"spot": 100.0, "strike": 100.0, "years": 1.0, "volatility": 0.2, **changed}
    with pytest.raises(PricingInputError, match=message):
        american_price(**case)
