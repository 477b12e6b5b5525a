import mpmath
import numpy as np
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_greeks, black_scholes_price, implied_volatility


def test_textbook_price_implies_its_volatility():
    found = implied_volatility([4.759422392871535, 0.8085993729000922], 42, 40, 0.5, rate=0.10,
                               is_call=[True, False])  # fmt: skip
    assert_allclose(found.volatility, 0.20, rtol=1e-13)
    assert_array_equal(found.status, ["ok", "ok"])


def grid():
    """Strikes, times and volatilities that a desk meets, both rights."""
    axes = np.meshgrid(
        np.linspace(-5, 5, 21), [1 / 365, 7 / 365, 30 / 365, 0.25, 1, 3], [0.05, 0.1, 0.2, 0.4, 0.8, 1.5],
        [True, False], indexing="ij",
    )  # fmt: skip
    z, years, volatility, is_call = (axis.ravel() for axis in axes)
    return 100 * np.exp(z * volatility * np.sqrt(years)), years, volatility, is_call.astype(bool)


def test_price_to_volatility_to_price_over_the_sensible_grid():
    strike, years, volatility, is_call = grid()
    terms = {"rate": 0.03, "dividend_yield": 0.01, "is_call": is_call}
    price = black_scholes_price(100, strike, years, volatility, **terms)
    found = implied_volatility(price, 100, strike, years, **terms)
    ok = found.status == "ok"
    again = black_scholes_price(100, strike[ok], years[ok], found.volatility[ok],
                                rate=0.03, dividend_yield=0.01, is_call=is_call[ok])  # fmt: skip
    assert np.all(np.abs(again - price[ok]) <= 1e-14 * np.maximum(100, strike[ok]))
    vega = black_scholes_greeks(100, strike, years, volatility, **terms, greeks=["vega"])["vega"]
    determined = vega > 1e-5 * np.maximum(100, strike)
    assert ok[determined].all()
    assert_allclose(found.volatility[determined], volatility[determined], rtol=0, atol=1e-8)
    # The price's own rounding explains every error, also where the price says little.
    explained = 64 * np.spacing(np.maximum(100, strike)) / vega + 1e-9 * volatility
    assert np.all(np.abs(found.volatility - volatility)[ok] <= explained[ok])


@given(
    log_strike=st.floats(-8, 8),
    years=st.floats(0.001, 10),
    volatility=st.floats(0.01, 3),
    rate=st.floats(-0.03, 0.1),
    is_call=st.booleans(),
)
def test_a_solved_volatility_gives_the_price_back(log_strike, years, volatility, rate, is_call):
    strike = 100 * np.exp(log_strike * volatility * np.sqrt(years))
    price = black_scholes_price(100, strike, years, volatility, rate=rate, is_call=is_call)
    found = implied_volatility(price, 100, strike, years, rate=rate, is_call=is_call)
    if found.status == "ok":
        again = black_scholes_price(100, strike, years, found.volatility, rate=rate, is_call=is_call)
        assert again == approx(price, rel=0, abs=1e-14 * max(100, strike))
    else:
        # Only a price that its own rounding has pushed onto a bound may go unsolved.
        discounted = strike * np.exp(-rate * years)
        gap = price - max(100 - discounted if is_call else discounted - 100, 0)
        assert min(gap, (100 if is_call else discounted) - price) <= 1e-14 * max(100, strike)


@pytest.mark.parametrize("price", [1e-300, 1e-100, 1e-20, 1e-8, 1.0, 99.0, 100 - 1e-10])
def test_prices_from_the_smallest_to_the_bound_agree_with_high_precision(exact, price):
    found = implied_volatility(price, 100, 130, 0.5, rate=0.02)
    with mpmath.workdps(60):
        exact_root = mpmath.findroot(
            lambda v: mpmath.log(exact.price(100, 130, 0.5, v, 0.02, 0.0, True)) - mpmath.log(price),
            (found.volatility * 0.99, found.volatility * 1.01), solver="anderson", tol=1e-40,
        )  # fmt: skip
    # Near the bound the double nearest to the price is itself that far from it.
    tolerance = 1e-6 if price > 99.5 else 1e-13
    assert found.volatility == approx(float(exact_root), rel=tolerance)


@pytest.mark.parametrize("strike", [100, 100.0000000001, 100.0001, 100.01])
@pytest.mark.parametrize("price", [1e-100, 1e-15, 1e-6, 1e-3])
def test_tiny_prices_at_the_money_keep_their_digits(exact, strike, price):
    found = implied_volatility(price, 100, strike, 0.5)

    def mismatch(v):
        # The reference's own difference of probabilities needs the digits that tiny prices lose.
        return mpmath.log(exact.price(100, strike, 0.5, v, 0, 0, True, digits=320) / mpmath.mpf(price))

    with mpmath.workdps(320):
        v = mpmath.mpf(float(found.volatility))
        slope = (mismatch(v * (1 + mpmath.mpf("1e-20"))) - mismatch(v)) / mpmath.mpf("1e-20")
        error = mismatch(v) / slope
    assert abs(error) < 1e-13


def test_volatilities_agree_with_quantlib():
    for strike in (70.0, 90.0, 100.0, 115.0, 150.0):
        for price in (0.02, 0.5, 2.0, 10.0):
            found = implied_volatility(price, 100, strike, 0.5, is_call=strike >= 100)
            kind = QuantLib.Option.Call if strike >= 100 else QuantLib.Option.Put
            deviation = QuantLib.blackFormulaImpliedStdDev(
                kind, strike, 100, price, 1.0, 0.0, 0.3, 1e-14, 1000
            )
            assert found.volatility == approx(deviation / np.sqrt(0.5), rel=1e-10)


def test_each_row_says_why_it_has_no_volatility():
    rows = [
        (8.0, 100, 100, 0.5, "ok"),
        (9.9, 110, 100, 0.5, "below_intrinsic"),
        (10.0, 110, 100, 0.5, "below_intrinsic"),
        (0.0, 90, 100, 0.5, "below_intrinsic"),
        (-1.0, 90, 100, 0.5, "below_intrinsic"),
        (100.0, 100, 90, 0.5, "above_bound"),
        (150.0, 100, 90, 0.5, "above_bound"),
        (10.0, 110, 100, 0.0, "no_time"),
        (10.0, 110, 100, -0.1, "no_time"),
        (np.nan, 110, 100, 0.5, "missing"),
        (12.0, np.nan, 100, 0.5, "missing"),
        (12.0, 110, 0.0, 0.5, "missing"),
        (12.0, 110, -5.0, 0.5, "missing"),
        (np.inf, 110, 100, 0.5, "missing"),
        (12.0, 110, 100, np.nan, "missing"),
    ]
    price, spot, strike, years, status = zip(*rows, strict=True)
    found = implied_volatility(price, spot, strike, years)
    assert_array_equal(found.status, status)
    assert_array_equal(np.isnan(found.volatility), [name != "ok" for name in status])


def test_a_put_is_bounded_by_its_discounted_strike():
    bound = 100 * np.exp(-0.05)
    found = implied_volatility([bound - 1e-9, bound], 90, 100, 1.0, rate=0.05, is_call=False)
    assert_array_equal(found.status, ["ok", "above_bound"])


def test_a_hostile_chain_raises_no_warning_and_no_exception(recwarn):
    rng = np.random.default_rng(5)
    junk = np.array([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-320, 1e308, 1.0, 50.0])
    picks = [rng.choice(junk, 5000) for _ in range(6)]
    found = implied_volatility(*picks[:4], rate=picks[4], dividend_yield=picks[5],
                               is_call=rng.random(5000) < 0.5)  # fmt: skip
    ok = found.status == "ok"
    assert np.all(np.isfinite(found.volatility[ok]) & (found.volatility[ok] > 0))
    assert np.isnan(found.volatility[~ok]).all()
    assert not recwarn.list


def test_scalars_give_scalars_shapes_broadcast_and_nothing_gives_nothing():
    one = implied_volatility(4.76, 42, 40, 0.5)
    assert isinstance(one.volatility, np.float64)
    assert one.status == "ok"
    assert implied_volatility([[4.0], [5.0]], 42, [40, 41, 42], 0.5).status.shape == (2, 3)
    assert implied_volatility([], [], [], []).volatility.shape == (0,)


def test_text_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(PricingInputError, match="`price` is 'x'"):
        implied_volatility("x", 42, 40, 0.5)
    with pytest.raises(PricingInputError, match="The shapes do not fit together"):
        implied_volatility([1, 2], 42, [40, 41, 42], 0.5)


@pytest.mark.slow
def test_a_million_prices_are_solved_as_far_as_their_rounding_allows():
    rng = np.random.default_rng(11)
    count = 1_000_000
    years, volatility = 10 ** rng.uniform(-4, 1.5, count), 10 ** rng.uniform(-2.5, 1, count)
    deviation = volatility * np.sqrt(years)
    keep = deviation < 12
    years, volatility, deviation = years[keep], volatility[keep], deviation[keep]
    strike = 100 * np.exp(np.clip(rng.uniform(-30, 30, len(years)) * deviation, -300, 300))
    is_call = strike >= 100
    price = black_scholes_price(100, strike, years, volatility, is_call=is_call)
    found = implied_volatility(price, 100, strike, years, is_call=is_call)
    ok = found.status == "ok"
    terms = {"is_call": is_call, "greeks": ["vega"]}
    vega = black_scholes_greeks(100, strike, years, volatility, **terms)["vega"]
    # Far out the price itself carries the rounding of the formula's difference of two probabilities.
    explained = 1e-9 * volatility + 1e4 * np.finfo(float).eps * price / vega
    near_bound = np.minimum(100, strike) - price < 1e-9 * np.minimum(100, strike)
    sound = ok & ~near_bound & (vega > 0)
    assert np.all(np.abs(found.volatility - volatility)[sound] <= explained[sound])
    assert np.isfinite(found.volatility[ok]).all()
