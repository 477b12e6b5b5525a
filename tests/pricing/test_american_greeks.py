"""Greeks of American options: against differences of prices, QuantLib's grids, and what binds them."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import PricingInputError
from workbench.pricing import american_greeks, american_price, black_scholes_greeks
from workbench.pricing.american import AMERICAN_GREEKS
from workbench.pricing.exercise_boundary import exercise_boundary

NAMES = ("spot", "strike", "years", "volatility", "rate", "dividend_yield")
FIRST = {
    "delta": "spot", "dual_delta": "strike", "theta": "years", "vega": "volatility", "rho": "rate",
    "phi": "dividend_yield",
}  # fmt: skip
SECOND = {"gamma": "spot", "dual_gamma": "strike", "vomma": "volatility"}


def price(point, is_call):
    rate, dividend_yield = point["rate"], point["dividend_yield"]
    first = [point[name] for name in NAMES[:4]]
    return american_price(*first, rate=rate, dividend_yield=dividend_yield, is_call=is_call)


def slope(point, is_call, name, step, order=1):
    """Differentiate prices by one argument, with differences over five points."""

    def at(shift):
        return price({**point, name: point[name] + shift * step}, is_call)

    if order == 1:
        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    return (-at(2) + 16 * at(1) - 30 * at(0) + 16 * at(-1) - at(-2)) / (12 * step**2)


def scales(point):
    """What each Greek is measured in: its size for a European option at the money."""
    root = np.sqrt(point["years"])
    s, k, v = point["spot"], point["strike"], point["volatility"]
    return {
        "delta": 1.0, "dual_delta": 1.0, "theta": 0.4 * k * v / root + 0.1 * k, "vega": k * root,
        "rho": k * point["years"], "phi": k * point["years"], "gamma": 1 / (s * v * root),
        "dual_gamma": 1 / (k * v * root), "vanna": 1 / v, "vomma": k * root / v,
    }  # fmt: skip


def kept_options(rng, size, *, two):
    """Puts that are not exercised now, away from the boundary by more than the differences reach."""
    volatility, years = rng.uniform(0.12, 0.6, size), rng.uniform(0.1, 3, size)
    low = -rng.uniform(0.01, 0.05, size) if two else rng.uniform(0.02, 0.1, size)
    other = low - rng.uniform(0.01, 0.05, size) if two else rng.uniform(-0.01, 0.1, size)
    spot = 100 * np.exp(rng.uniform(-0.6, 1.2, size) * volatility * np.sqrt(years))
    point = {
        "spot": spot, "strike": np.full(size, 100.0), "years": years, "volatility": volatility,
        "rate": low, "dividend_yield": other,
    }  # fmt: skip
    held = price(point, is_call=False) > 100 - spot + 2.0
    return {name: values[held] for name, values in point.items()}


def as_call(point):
    return {
        **point, "spot": point["strike"], "strike": point["spot"],
        "rate": point["dividend_yield"], "dividend_yield": point["rate"],
    }  # fmt: skip


@pytest.mark.parametrize("is_call", [False, True])
@pytest.mark.parametrize(("two", "allowed"), [(False, 3e-5), (True, 1e-3)])
def test_every_greek_is_the_slope_of_the_price(is_call, two, allowed):
    point = kept_options(np.random.default_rng(5), 25 if two else 120, two=two)
    point = as_call(point) if is_call else point
    assert point["spot"].size > 10
    found = american_greeks(
        *(point[name] for name in NAMES[:4]),
        rate=point["rate"], dividend_yield=point["dividend_yield"], is_call=is_call, greeks=AMERICAN_GREEKS,
    )  # fmt: skip
    deviation = point["volatility"] * np.sqrt(point["years"])
    steps = {
        "spot": 0.02 * deviation * point["spot"], "strike": 0.02 * deviation * point["strike"],
        "years": 0.01 * point["years"], "volatility": 0.02 * point["volatility"],
        "rate": 1e-3, "dividend_yield": 1e-3,
    }  # fmt: skip
    scale = scales(point)
    for name, variable in FIRST.items():
        sign = -1 if name == "theta" else 1
        difference = sign * slope(point, is_call, variable, steps[variable])
        assert_allclose(found[name] / scale[name], difference / scale[name], atol=allowed, err_msg=name)
    for name, variable in SECOND.items():
        difference = slope(point, is_call, variable, 2 * steps[variable], order=2)
        assert_allclose(found[name] / scale[name], difference / scale[name], atol=2e-3, err_msg=name)
    step = 2 * steps["volatility"]
    up, down = (
        slope({**point, "volatility": point["volatility"] + e}, is_call, "spot", 2 * steps["spot"])
        for e in (step, -step)
    )
    assert_allclose(found["vanna"] / scale["vanna"], (up - down) / (2 * step) / scale["vanna"], atol=3e-3)


def test_quantlibs_grid_gives_the_same_delta_gamma_and_theta():
    today = QuantLib.Date(2, 1, 2024)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()
    flat = [
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, rate, count)) for rate in (0.02, 0.06)
    ]
    surface = QuantLib.BlackVolTermStructureHandle(
        QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), 0.3, count)
    )
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(100.0)), *flat, surface
    )
    for is_call in (True, False):
        kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
        option = QuantLib.VanillaOption(
            QuantLib.PlainVanillaPayoff(kind, 105.0), QuantLib.AmericanExercise(today, today + 365)
        )
        option.setPricingEngine(QuantLib.FdBlackScholesVanillaEngine(process, 800, 800))
        ours = american_greeks(
            100, 105, 1.0, 0.3, rate=0.06, dividend_yield=0.02, is_call=is_call,
            greeks=["price", "delta", "gamma", "theta"],
        )  # fmt: skip
        theirs = [option.NPV(), option.delta(), option.gamma(), option.theta()]
        assert_allclose(list(ours.values()), theirs, rtol=1e-3, atol=2e-5)


def test_where_nobody_exercises_early_they_are_those_of_the_european_option():
    case = {"rate": 0.05, "dividend_yield": 0.0, "is_call": True, "greeks": AMERICAN_GREEKS}
    ours = american_greeks([80, 100, 130], 100, 1.0, 0.25, **case)
    european = black_scholes_greeks([80, 100, 130], 100, 1.0, 0.25, **case)
    for name in AMERICAN_GREEKS:
        assert_allclose(ours[name], european[name], rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize(
    ("is_call", "spot", "rate", "dividend_yield"), [(False, 50, 0.08, 0.0), (True, 300, 0.0, 0.08)]
)
def test_exercised_now_the_option_is_its_payoff(is_call, spot, rate, dividend_yield):
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": is_call}
    found = american_greeks(spot, 100, 1.0, 0.2, greeks=AMERICAN_GREEKS, **case)
    sign = 1 if is_call else -1
    assert found["price"] == sign * (spot - 100)
    assert found["delta"] == pytest.approx(sign, abs=1e-14)
    assert found["dual_delta"] == pytest.approx(-sign, abs=1e-14)
    for name in ("gamma", "vega", "theta", "rho", "phi", "vanna", "vomma", "dual_gamma"):
        assert found[name] == pytest.approx(0, abs=1e-13)


def test_at_the_boundary_the_slope_pastes_smoothly_and_the_curve_is_that_of_the_equation():
    """Above it, delta is -1 and gamma what the differential equation says where theta is zero."""
    case = {"rate": 0.06, "dividend_yield": 0.02}
    edge = exercise_boundary(100, 1.0, 0.25, is_call=False, **case).boundary[-1]
    found = american_greeks(
        edge * (1 + 1e-7), 100, 1.0, 0.25, is_call=False, greeks=["delta", "gamma", "theta", "vega"], **case
    )
    assert found["delta"] == pytest.approx(-1, abs=2e-5)
    curve = 2 * (0.06 * 100 - 0.02 * edge) / (0.25 * edge) ** 2
    assert found["gamma"] == pytest.approx(curve, rel=2e-3)
    assert abs(found["theta"]) < 5e-3
    assert abs(found["vega"]) < 5e-3


options = {
    "spot": st.floats(60, 160), "years": st.floats(0.05, 5), "volatility": st.floats(0.08, 0.8),
    "rate": st.floats(-0.02, 0.12), "dividend_yield": st.floats(-0.02, 0.12), "is_call": st.booleans(),
}  # fmt: skip


@given(st.fixed_dictionaries(options))
@settings(max_examples=80, deadline=None)
def test_signs_and_bounds(case):
    found = american_greeks(strike=100.0, greeks=AMERICAN_GREEKS, **case)
    growth = np.exp(max(0, -case["dividend_yield"]) * case["years"])
    low, high = (0, growth) if case["is_call"] else (-growth, 0)
    assert low - 1e-9 <= found["delta"] <= high + 1e-9
    assert found["gamma"] >= -1e-9
    assert found["vega"] >= -1e-6
    assert found["theta"] <= 1e-3 * 100


@given(st.fixed_dictionaries(options))
@settings(max_examples=60, deadline=None)
def test_the_price_is_homogeneous_in_spot_and_strike(case):
    """Euler: S delta + K dual delta is the price, and S^2 gamma is K^2 dual gamma."""
    found = american_greeks(
        strike=100.0, greeks=["price", "delta", "dual_delta", "gamma", "dual_gamma"], **case
    )
    total = case["spot"] * found["delta"] + 100 * found["dual_delta"]
    assert total == pytest.approx(found["price"], abs=1e-9)
    assert case["spot"] ** 2 * found["gamma"] == pytest.approx(1e4 * found["dual_gamma"], abs=1e-9)


@given(st.fixed_dictionaries({**options, "rate": st.floats(0.005, 0.12)}))
@settings(max_examples=60, deadline=None)
def test_time_scales_with_variance_and_rates(case):
    """Twice the time is twice the variance and the rates: -T theta = vol vega / 2 + r rho + q phi."""
    case = {**case, "is_call": False}
    found = american_greeks(strike=100.0, greeks=["theta", "vega", "rho", "phi"], **case)
    by_rates = case["rate"] * found["rho"] + case["dividend_yield"] * found["phi"]
    assert -case["years"] * found["theta"] == pytest.approx(
        0.5 * case["volatility"] * found["vega"] + by_rates, abs=2e-3
    )


def test_fast_greeks_are_near_the_accurate_ones():
    rng = np.random.default_rng(9)
    spot, years, volatility = rng.uniform(70, 140, 200), rng.uniform(0.05, 3, 200), rng.uniform(0.1, 0.7, 200)
    case = {"rate": 0.05, "dividend_yield": 0.03, "is_call": rng.random(200) < 0.5}
    accurate, fast = (
        american_greeks(spot, 100, years, volatility, accuracy=accuracy, greeks=AMERICAN_GREEKS, **case)
        for accuracy in ("accurate", "fast")
    )
    point = {"spot": spot, "strike": 100.0, "years": years, "volatility": volatility}
    for name, scale in scales(point).items():
        assert_allclose(fast[name] / scale, accurate[name] / scale, atol=2e-3, err_msg=name)
        assert np.median(np.abs(fast[name] - accurate[name]) / scale) < 1e-5
    assert_allclose(accurate["price"], american_price(spot, 100, years, volatility, **case), atol=1e-4)


def test_without_time_or_volatility_they_are_the_limits():
    case = {"rate": 0.05, "dividend_yield": 0.02, "is_call": False, "greeks": AMERICAN_GREEKS}
    found = american_greeks([80.0, 100.0, 120.0], 100, 0.0, 0.2, **case)
    assert_array_equal(found["delta"], [-1, -0.5, 0])
    assert_array_equal(found["gamma"], [0, np.inf, 0])
    assert_array_equal(found["vega"], [0, 0, 0])
    still = american_greeks([80.0, 120.0], 100, 1.0, 0.0, **case)
    assert_array_equal(still["price"], [20, 0])
    assert_array_equal(still["delta"], [-1, 0])


def test_a_missing_value_gives_missing_greeks_in_its_row_alone():
    found = american_greeks([100.0, np.nan], 100, 1.0, [0.2, 0.2], rate=0.05, greeks=AMERICAN_GREEKS)
    for name in AMERICAN_GREEKS:
        assert_array_equal(np.isnan(found[name]), [False, True])


def test_any_subset_in_any_order_and_by_default_the_first_five():
    case = {"rate": 0.05, "dividend_yield": 0.02, "is_call": False}
    assert list(american_greeks(100, 100, 1, 0.2, **case)) == ["delta", "gamma", "vega", "theta", "rho"]
    some = american_greeks(100, 100, 1, 0.2, greeks=["vomma", "price"], **case)
    every = american_greeks(100, 100, 1, 0.2, greeks=AMERICAN_GREEKS, **case)
    assert list(some) == ["vomma", "price"]
    assert some["vomma"] == every["vomma"]


def test_traders_units_are_per_day_per_point_and_per_percent():
    case = {"rate": 0.05, "is_call": False, "greeks": ["theta", "vega", "rho", "delta"]}
    natural = american_greeks(100, 100, 1, 0.2, **case)
    trader = american_greeks(100, 100, 1, 0.2, units="trader", **case)
    assert trader["theta"] == pytest.approx(natural["theta"] / 365)
    assert trader["vega"] == pytest.approx(natural["vega"] / 100)
    assert trader["rho"] == pytest.approx(natural["rho"] / 100)
    assert trader["delta"] == natural["delta"]


def test_labels_stay():
    spot = pd.Series([95.0, 105.0], index=["a", "b"])
    assert list(american_greeks(spot, 100, 1.0, 0.2, rate=0.05)["delta"].index) == ["a", "b"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"greeks": ["delat"]}, "delat"),
        ({"greeks": ["charm"]}, "it is not computed for American options"),
        ({"units": "points"}, "units"),
        ({"volatility": -0.2}, "`volatility` is -0.2"),
        ({"accuracy": "best"}, "`accuracy` is 'best'"),
    ],
)
def test_what_cannot_be_answered_is_refused(changed, message):
    case = {"spot": 100, "strike": 100, "years": 1.0, "volatility": 0.2, **changed}
    with pytest.raises(PricingInputError, match=message):
        american_greeks(**case)
