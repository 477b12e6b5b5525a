import mpmath
import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx
from scipy.special import erfcx, log_ndtr, ndtr

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


@pytest.mark.parametrize("model", ["black_scholes", "black76", "bachelier", "american"])
def test_a_row_that_may_be_call_or_put_is_missing(model):
    found = implied_volatility(
        [8.0, 8.0, 8.0], 100, 100, 0.5, rate=0.01, is_call=[True, None, False], model=model
    )
    assert_array_equal(found.status, ["ok", "missing", "ok"])
    assert_array_equal(np.isnan(found.volatility), [False, True, False])


@pytest.mark.parametrize("model", ["black76", "bachelier"])
def test_a_yield_beside_a_forward_may_be_missing_but_not_a_number(model):
    found = implied_volatility(8.0, 100, 100, 0.5, dividend_yield=[0.0, np.nan, np.inf], model=model)
    assert_array_equal(found.status, ["ok", "missing", "missing"])
    with pytest.raises(PricingInputError, match="`dividend_yield` does not belong to the model"):
        implied_volatility(8.0, 100, 100, 0.5, dividend_yield=[np.nan, 0.01], model=model)


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


def log_reference(distance, deviation, of_gap):
    """Log of the normalised price, or of its gap to one, by scipy's functions alone."""
    h, half = distance / deviation, deviation / 2
    u, v = h - half, h + half

    def mills(y):
        return np.sqrt(np.pi / 2) * erfcx(np.maximum(y, -30) / np.sqrt(2))

    with np.errstate(all="ignore"):
        # Mills' ratio and its slopes at the middle, where the difference would be lost in rounding.
        first = h * mills(h) - 1
        second = mills(h) + h * first
        third = 2 * first + h * second
        series = -deviation * (first + deviation**2 / 24 * third)
        difference = np.where(deviation < 3e-4, series, mills(u) - mills(v))
        log_price = np.log(difference) - u * u / 2 - np.log(2 * np.pi) / 2
        plain = np.log(ndtr(u) + np.exp(distance + log_ndtr(-v)))
        tail = np.log(mills(-u) + mills(v)) - u * u / 2 - np.log(2 * np.pi) / 2
    return np.where(of_gap, np.where(u < 0, tail, plain), log_price)


def stress_grid(count, seed):
    """Spots of 1e-6 to 1e9, a second to a century, 0.01 % to 10,000 %, prices of 1e-300 to the bound."""
    rng = np.random.default_rng(seed)
    years, volatility = 10 ** rng.uniform(-6, 2, count), 10 ** rng.uniform(-4, 2, count)
    spot = np.where(rng.random(count) < 0.3, 100.0, 10 ** rng.uniform(-6, 9, count))
    has_rates = rng.random(count) < 0.5
    rate = np.where(has_rates, rng.uniform(-0.1, 0.2, count), 0.0)
    dividend_yield = np.where(has_rates, rng.uniform(-0.05, 0.15, count), 0.0)
    z = rng.uniform(-35, 35, count) * rng.random(count)
    moneyness = np.clip(z * volatility * np.sqrt(years), -200, 200)
    moneyness *= rng.random(count) > 0.03
    strike = spot * np.exp((rate - dividend_yield) * years - moneyness)
    is_call = rng.random(count) < 0.5
    terms = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    price = black_scholes_price(spot, strike, years, np.minimum(volatility, 40 / np.sqrt(years)), **terms)
    bound = np.where(is_call, spot * np.exp(-dividend_yield * years), strike * np.exp(-rate * years))
    intrinsic = black_scholes_price(spot, strike, years, 0.0, **terms)
    share = 10 ** np.where(rng.random(count) < 0.5, rng.uniform(-300, 0, count), rng.uniform(-18, 0, count))
    kind = rng.integers(0, 6, count)
    price = np.where(kind == 1, intrinsic + share * (bound - intrinsic), price)
    price = np.where(kind == 2, bound * (1 - share), price)
    price = np.where(kind == 3, 1e-300 * spot / share.clip(1e-290), price)
    return price, spot, strike, years, rate, dividend_yield, is_call


def count_wrong(found, price, spot, strike, years, rate, dividend_yield, is_call):
    """Count numbers off their root, numbers for impossible prices, and missing ones for possible prices."""
    long = np.longdouble
    spot_value = long(spot) * np.exp(-long(dividend_yield) * years)
    strike_value = long(strike) * np.exp(-long(rate) * years)
    forward = spot_value - strike_value
    intrinsic = np.maximum(np.where(is_call, forward, -forward), 0)
    bound = np.where(is_call, spot_value, strike_value)
    least = np.minimum(spot_value, strike_value)
    time_value, gap, ulp = price - intrinsic, bound - price, np.spacing(price)
    # The reference has 64 bits itself; rows whose forward needs more of them are left to mpmath below.
    discounts = (rate != 0) | (dividend_yield != 0)
    judged = ~discounts | (np.abs(forward) > 3e-9 * strike_value)
    blur = np.where(discounts, 4e-19 * bound, 0)
    blur = np.where((intrinsic > 0) | (2 * time_value > least), blur, 0)
    ok = np.isfinite(found)
    impossible = ok & ((time_value < -blur) | (gap < -4e-19 * bound))
    absent = ~ok & judged & (time_value > ulp + blur) & (gap > ulp + 4e-19 * bound) & (price > 0)

    with np.errstate(all="ignore"):
        near = np.abs(forward) < strike_value / 2
        growth = (long(rate) - dividend_yield) * years
        far = np.log(long(spot)) - np.log(long(strike)) + growth
        distance = np.abs(np.where(near, np.log1p(forward / strike_value), far)).astype(float)
        of_gap = np.asarray(2 * time_value > least)
        root, wrong = np.sqrt(years), np.zeros(len(price), bool)
        deviation = found * root
        u = distance / deviation - deviation / 2
        vega = np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * least.astype(float)  # by the deviation
        allowed = 1e-9 * deviation + 64 * ulp / vega
        for side, sign in ((-1, 1), (1, -1)):
            # At the ends of what is allowed the price must lie on either side of the one given.
            target = np.where(of_gap, gap, time_value) + np.where(of_gap, side, -side) * blur
            there = log_reference(distance, deviation + side * allowed, of_gap)
            off = there - np.log(np.maximum(target, 0) / least).astype(float)
            wrong |= (
                ok & judged & ~impossible & (np.where(of_gap, -sign, sign) * off > 0) & (allowed < deviation)
            )
    return int(wrong.sum()), int(impossible.sum()), int(absent.sum())


def test_no_answer_is_wrong_over_a_stress_grid():
    cases = stress_grid(50_000, seed=3)
    price, spot, strike, years, rate, dividend_yield, is_call = cases
    found = implied_volatility(price, spot, strike, years, rate=rate, dividend_yield=dividend_yield,
                               is_call=is_call)  # fmt: skip
    assert count_wrong(found.volatility, *cases) == (0, 0, 0)
    assert (found.status == "ok").sum() > 25_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_answer_is_wrong_over_a_million_cases(seed):
    cases = stress_grid(300_000, seed=100 + seed)
    price, spot, strike, years, rate, dividend_yield, is_call = cases
    found = implied_volatility(price, spot, strike, years, rate=rate, dividend_yield=dividend_yield,
                               is_call=is_call)  # fmt: skip
    assert count_wrong(found.volatility, *cases) == (0, 0, 0)


def test_the_last_digit_of_a_deep_price_is_read_exactly(exact):
    """One to a hundred ulps above intrinsic value: the root is that of the doubles given."""
    spot, strike, years, rate, dividend_yield = 100.0, 60.0, 0.5, 0.03, 0.01
    with mpmath.workdps(60):
        worth = spot * mpmath.exp(-mpmath.mpf(dividend_yield) * years) - strike * mpmath.exp(
            -mpmath.mpf(rate) * years
        )
    nearest = float(worth)
    prices = nearest + np.array([-5, 0, 1, 2, 10, 100]) * np.spacing(nearest)
    found = implied_volatility(prices, spot, strike, years, rate=rate, dividend_yield=dividend_yield)
    assert_array_equal(found.status, ["below_intrinsic"] * 2 + ["ok"] * 4)
    for price, volatility in zip(prices[2:], found.volatility[2:], strict=True):
        time_value = (
            exact.price(spot, strike, years, volatility, rate, dividend_yield, True, digits=80) - worth
        )
        assert time_value == approx(float(price - worth), rel=1e-9)


def test_a_forward_within_rounding_of_the_strike_keeps_its_digits(exact):
    """Growth and log-moneyness cancel to 1e-9; the price is far smaller than either rounding error."""
    strike = 100 * np.exp(0.04 * 0.75) * (1 + 1e-9)
    for price in (1e-3, 1e-8, 1e-12):
        found = implied_volatility(price, 100, strike, 0.75, rate=0.05, dividend_yield=0.01)
        again = exact.price(100, strike, 0.75, found.volatility, 0.05, 0.01, True, digits=60)
        assert float(again) == approx(price, rel=1e-12)


def test_black76_is_black_scholes_on_the_forward():
    terms = {"rate": 0.04, "is_call": [True, False, True]}
    found = implied_volatility([3.0, 12.0, 60.0], 100, [110, 95, 40], 0.7, model="black76", **terms)
    same = implied_volatility([3.0, 12.0, 60.0], 100, [110, 95, 40], 0.7, dividend_yield=0.04, **terms)
    assert_array_equal(found.volatility, same.volatility)
    assert_array_equal(found.status, ["ok", "ok", "ok"])


def bachelier_in_digits(forward, strike, years, volatility, rate, is_call):
    with mpmath.workdps(120):
        deviation = mpmath.mpf(volatility) * mpmath.sqrt(years)
        d = (1 if is_call else -1) * (mpmath.mpf(forward) - strike)
        h = d / deviation
        cdf = mpmath.erfc(-h / mpmath.sqrt(2)) / 2
        density = mpmath.exp(-h * h / 2) / mpmath.sqrt(2 * mpmath.pi)
        return mpmath.exp(-mpmath.mpf(rate) * years) * (d * cdf + deviation * density)


@pytest.mark.parametrize("strike", [-20.0, 99.0, 100.0, 100.001, 130.0, 5000.0])
@pytest.mark.parametrize("price", [1e-200, 1e-20, 1e-6, 0.5, 40.0, 1e5])
def test_bachelier_volatilities_agree_with_high_precision(strike, price):
    is_call = strike >= 100
    found = implied_volatility(price, 100, strike, 0.3, rate=0.05, is_call=is_call, model="bachelier")
    assert found.status == "ok"
    with mpmath.workdps(120):
        v, step = mpmath.mpf(float(found.volatility)), mpmath.mpf(1e-8)
        here, beside = (
            mpmath.log(bachelier_in_digits(100, strike, 0.3, at, 0.05, is_call)) for at in (v, v * (1 + step))
        )
        error = (here - mpmath.log(mpmath.mpf(price))) / ((beside - here) / step)
    assert abs(error) < 1e-13


@given(
    forward=st.floats(-60, 140),
    volatility=st.floats(1e-3, 50),
    rate=st.floats(-0.05, 0.2),
    call=st.booleans(),
)
def test_a_bachelier_price_gives_its_volatility_back(forward, volatility, rate, call):
    price = float(bachelier_in_digits(forward, 40, 2.0, volatility, rate, call))
    found = implied_volatility(price, forward, 40, 2.0, rate=rate, is_call=call, model="bachelier")
    if found.status == "ok":
        again = float(bachelier_in_digits(forward, 40, 2.0, float(found.volatility), rate, call))
        # A double's worth of volatility moves a price h deviations out by h^2 of its ulps.
        h = (forward - 40) / (volatility * np.sqrt(2))
        assert again == approx(price, rel=1e-15 * (10 + h * h), abs=0)
    else:
        intrinsic = max(forward - 40 if call else 40 - forward, 0) * np.exp(-2 * rate)
        assert price - intrinsic <= 1e-15 * price


def test_a_quote_may_come_as_bid_and_ask():
    found = implied_volatility(None, 42, 40, [0.5, 0.5, 0.5, 0.0, 0.5], rate=0.10,
                               bid=[4.7, 4.9, np.nan, 4.9, 1.9], ask=[4.8, 4.8, 4.8, 4.8, 1.9])  # fmt: skip
    assert_array_equal(found.status, ["ok", "crossed", "missing", "no_time", "below_intrinsic"])
    assert_array_equal(np.isnan(found.volatility), [False, True, True, True, True])
    middle = implied_volatility(4.75, 42, 40, 0.5, rate=0.10)
    assert found.volatility[0] == approx(middle.volatility, rel=1e-14)


def test_a_price_beside_a_crossed_quote_gets_no_number():
    found = implied_volatility(4.76, 42, 40, 0.5, bid=[4.7, 4.9], ask=4.8)
    assert_array_equal(found.status, ["ok", "crossed"])
    one = implied_volatility([[4.0], [5.0]], 42, [40, 41, 42], 0.5, bid=[4.0, 5.0, 4.0], ask=4.5)
    assert_array_equal(one.status, [["ok", "crossed", "ok"]] * 2)


def test_labels_of_a_chain_come_back():
    price = pd.Series([4.0, np.nan], index=["C40", "C41"])
    found = implied_volatility(price, 42, [40, 41], 0.5)
    assert list(found.volatility.index) == ["C40", "C41"]
    assert list(found.status) == ["ok", "missing"]
    assert list(found.status.index) == ["C40", "C41"]


def test_unknown_models_and_impossible_wishes_are_refused():
    with pytest.raises(PricingInputError, match="`model` is 'heston'; give one of black_scholes"):
        implied_volatility(4.0, 42, 40, 0.5, model="heston")
    with pytest.raises(PricingInputError, match="`price` is None; give the price, or both `bid` and `ask`"):
        implied_volatility(None, 42, 40, 0.5, bid=4.0)
    with pytest.raises(PricingInputError, match="`dividend_yield` does not belong to the model 'black76'"):
        implied_volatility(4.0, 42, 40, 0.5, dividend_yield=0.01, model="black76")
    with pytest.raises(PricingInputError, match="The shapes do not fit together"):
        implied_volatility([4.0, 4.0], 42, 40, 0.5, bid=[1, 2, 3], ask=[2, 3, 4])
