from math import exp

import numpy as np
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_greeks, black_scholes_price
from workbench.pricing.greeks import GREEKS, TRADER_UNITS

FIVE = ("delta", "gamma", "vega", "theta", "rho")
HULL = {"delta": 0.779131, "gamma": 0.049963, "theta": -4.559092, "vega": 8.813415, "rho": 13.982046}


def test_textbook_greeks_per_year_and_per_one():
    found = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10)
    assert tuple(found) == FIVE
    for name, value in HULL.items():
        assert found[name] == approx(value, abs=5e-7)


def natural_scale(name, spot, strike, years, volatility, rate, dividend_yield):
    """How large the Greek of an option near the money is."""
    root = years**0.5
    deviation = volatility * root
    growth = exp(-dividend_yield * years)
    return (
        growth
        * {
            "price": max(spot, strike),
            "delta": 1,
            "gamma": 1 / (spot * deviation),
            "vega": spot * root,
            "theta": spot * (volatility / root + abs(rate) + abs(dividend_yield)),
            "rho": strike * years,
            "phi": spot * years,
            "vanna": 1 / volatility,
            "vomma": spot * root / volatility,
            "charm": 1 / years + abs(dividend_yield),
            "speed": 1 / (spot * deviation) ** 2,
            "color": 1 / (spot * deviation * years),
            "zomma": 1 / (spot * deviation * volatility),
            "veta": spot / root,
            "ultima": spot * root / volatility**2,
            "dual_delta": 1,
            "dual_gamma": 1 / (strike * deviation),
        }[name]
    )


def test_greeks_agree_with_derivatives_in_many_digits(exact):
    """To 1e-11 of the value, or 1e-13 of the natural scale where a Greek crosses zero."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        years, volatility = 10 ** rng.uniform(-3.5, 1), rng.uniform(0.03, 1.5)
        strike = 100 * exp(rng.uniform(-5, 5) * volatility * years**0.5)
        case = (100.0, strike, years, volatility, rng.uniform(-0.03, 0.12), rng.uniform(-0.02, 0.08))
        is_call = bool(rng.random() < 0.5)
        found = black_scholes_greeks(
            *case[:4], rate=case[4], dividend_yield=case[5], is_call=is_call, greeks=GREEKS
        )
        for name in GREEKS:
            reference = float(exact.greek(name, *case, is_call))
            limit = 1e-13 * natural_scale(name, *case)
            assert found[name] == approx(reference, rel=1e-11, abs=limit), (name, case)


CORNERS = [
    (100, 100.5, 1 / 525_600, 0.15, 0.05, 0.01),  # a minute to expiry, far out
    (100, 100.0, 1 / 525_600, 0.15, 0.05, 0.01),  # at the money
    (100, 100.002, 1 / 31_536_000, 0.15, 0.05, 0.01),  # a second
    (100, 100.01, 1.0, 1e-4, 0.0, 0.0),  # hardly any volatility
    (6668, 6668, 1.4e-5, 0.0026, -0.02, -0.04),  # the forward is worth the strike to ten digits
    (100, 700, 0.25, 0.2, 0.05, 0.0),  # twenty deviations out
    (100, 3000, 0.25, 0.2, 0.05, 0.0),  # thirty-four
    (100, 10, 0.25, 0.2, 0.05, 0.0),
    (100, 100, 100.0, 5.0, 0.05, 0.02),
    (100, 80, 100.0, 0.3, -0.5, 0.5),
    (100, 120, 50.0, 0.3, 0.5, -0.5),
    (1e-6, 1.0, 30.0, 0.5, 0.02, 0.0),
    (1e6, 1.0, 30.0, 0.6, 0.02, 0.0),
    (3e-120, 2.9e-120, 1.0, 0.2, 0.03, 0.01),
    (1e150, 1.1e150, 1.0, 0.2, 0.03, 0.01),
]


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("case", CORNERS)
def test_corners_keep_eleven_digits_of_every_greek(exact, case, is_call):
    found = black_scholes_greeks(
        *case[:4], rate=case[4], dividend_yield=case[5], is_call=is_call, greeks=GREEKS
    )
    for name in GREEKS:
        reference = exact.greek(name, *case, is_call)
        # A price is worth its digits alone; a Greek that crosses zero, those of its natural scale.
        limit = 0.0 if name == "price" else 1e-15 * natural_scale(name, *case)
        assert found[name] == approx(float(reference), rel=1e-11, abs=limit), name


@pytest.mark.slow
def test_a_million_options_of_any_kind_have_no_missing_greek_and_agree_with_their_neighbours():
    """The quick formula and the exact one, row by row, differ by no more than rounding."""
    from workbench.pricing.european_corners import ROWS, corner

    rng = np.random.default_rng(8)
    count = 1_000_000
    years, volatility = 10 ** rng.uniform(-5, 2, count), 10 ** rng.uniform(-3, 0.7, count)
    distance = rng.uniform(-30, 30, count) * volatility * np.sqrt(years)
    strike = 100 * np.exp(distance.clip(-14, 14))
    rate, dividend_yield = rng.uniform(-0.5, 0.5, (2, count))
    is_call = rng.random(count) < 0.5
    found = black_scholes_greeks(
        100.0, strike, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=is_call,
        greeks=GREEKS,
    )  # fmt: skip
    values = np.empty(ROWS)
    for name in GREEKS:
        assert np.isfinite(found[name]).all(), name
    for i in range(0, count, 50):
        case = (100.0, strike[i], years[i], volatility[i], rate[i], dividend_yield[i])
        assert corner(*case, 1.0 if is_call[i] else -1.0, values)
        for name, value in zip(GREEKS, values, strict=False):
            limit = 1e-13 * natural_scale(name, *case)
            assert found[name][i] == approx(value, rel=1e-11, abs=limit), (name, case)


def test_greeks_agree_with_quantlib_hours_from_expiry_and_years_away():
    for years in (1 / 8760, 1 / 365, 0.25, 2.0):
        for strike in (80.0, 99.0, 100.0, 101.0, 125.0):
            for is_call in (True, False):
                rate, dividend_yield, volatility = 0.04, 0.015, 0.25
                payoff = QuantLib.PlainVanillaPayoff(
                    QuantLib.Option.Call if is_call else QuantLib.Option.Put, strike
                )
                forward = 100 * exp((rate - dividend_yield) * years)
                peer = QuantLib.BlackCalculator(payoff, forward, volatility * years**0.5, exp(-rate * years))
                found = black_scholes_greeks(
                    100, strike, years, volatility, rate=rate, dividend_yield=dividend_yield,
                    is_call=is_call, greeks=("price", *FIVE),
                )  # fmt: skip
                assert found["price"] == approx(peer.value(), rel=1e-10, abs=1e-13)
                assert found["delta"] == approx(peer.delta(100), rel=1e-10, abs=1e-13)
                assert found["gamma"] == approx(peer.gamma(100), rel=1e-9, abs=1e-13)
                assert found["vega"] == approx(peer.vega(years), rel=1e-10, abs=1e-13)
                assert found["theta"] == approx(peer.theta(100, years), rel=1e-9, abs=1e-9)
                assert found["rho"] == approx(peer.rho(years), rel=1e-9, abs=1e-12)


@given(
    spot=st.floats(20, 500),
    log_strike=st.floats(-2, 2),
    years=st.floats(0.02, 3),
    volatility=st.floats(0.05, 1),
    rate=st.floats(-0.02, 0.1),
    is_call=st.booleans(),
)
def test_greeks_keep_the_equation_that_prices_obey(spot, log_strike, years, volatility, rate, is_call):
    """Black and Scholes' differential equation ties price, delta, gamma and theta together."""
    strike = spot * exp(log_strike * volatility * years**0.5)
    found = black_scholes_greeks(
        spot, strike, years, volatility, rate=rate, dividend_yield=0.01, is_call=is_call,
        greeks=("price", *FIVE),
    )  # fmt: skip
    drift = (rate - 0.01) * spot * found["delta"] + 0.5 * (volatility * spot) ** 2 * found["gamma"]
    assert found["theta"] + drift == approx(rate * found["price"], abs=1e-10 * spot)


def test_greeks_are_slopes_of_our_own_price():
    case = {"spot": 100.0, "strike": 104.0, "years": 0.4, "volatility": 0.3, "rate": 0.03}
    found = black_scholes_greeks(**case, is_call=False)
    for name, variable, sign in (
        ("delta", "spot", 1), ("vega", "volatility", 1), ("theta", "years", -1), ("rho", "rate", 1),
    ):  # fmt: skip
        step = 1e-5 * case[variable]
        up, down = (
            black_scholes_price(**(case | {variable: case[variable] + move}), is_call=False)
            for move in (step, -step)
        )
        assert found[name] == approx(sign * (up - down) / (2 * step), rel=1e-7)


def test_trader_units_are_per_day_per_point_and_per_cent():
    natural = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10, greeks=GREEKS)
    trader = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10, greeks=GREEKS, units="trader")
    for name in ("price", "delta", "gamma", "speed", "dual_delta", "dual_gamma"):
        assert trader[name] == natural[name]
    assert trader["theta"] == approx(HULL["theta"] / 365, abs=1e-8)
    assert trader["vega"] == approx(HULL["vega"] / 100, abs=1e-8)
    assert trader["rho"] == approx(HULL["rho"] / 100, abs=1e-8)
    # What a desk expects of them: a move of a point or a day, times the Greek in its unit.
    for name, of, change in (
        ("vanna", "delta", {"volatility": 0.01}), ("zomma", "gamma", {"volatility": 0.01}),
        ("vomma", "vega", {"volatility": 0.01}), ("charm", "delta", {"years": -1 / 365}),
        ("color", "gamma", {"years": -1 / 365}), ("veta", "vega", {"years": -1 / 365}),
        ("ultima", "vomma", {"volatility": 0.01}), ("phi", "price", {"dividend_yield": 0.01}),
    ):  # fmt: skip
        case = {"years": 0.5, "volatility": 0.2, "dividend_yield": 0.0, "rate": 0.1}
        up, down = (
            black_scholes_greeks(
                42, 40, **{k: v + sign * change.get(k, 0) / 50 for k, v in case.items()},
                greeks=of, units="trader",
            )[of]
            for sign in (1, -1)
        )  # fmt: skip
        assert trader[name] == approx((up - down) * 25, rel=1e-4), name
    assert set(TRADER_UNITS) <= set(GREEKS)


def test_price_comes_in_the_same_pass_and_any_subset_can_be_asked():
    found = black_scholes_greeks(42, [40, 45], 0.5, 0.2, greeks=["vega", "price"])
    assert tuple(found) == ("vega", "price")
    assert_array_equal(found["price"], black_scholes_price(42, [40, 45], 0.5, 0.2))
    assert tuple(black_scholes_greeks(42, 40, 0.5, 0.2, greeks="delta")) == ("delta",)


@pytest.mark.parametrize("nothing", [{"years": 0.0, "volatility": 0.2}, {"years": 1.0, "volatility": 0.0}])
def test_without_time_or_volatility_greeks_are_their_one_sided_limits(nothing):
    found = black_scholes_greeks(100, [90, 110], is_call=[[True], [False]], **nothing)
    assert_array_equal(found["delta"], [[1, 0], [0, -1]])
    assert_array_equal(found["gamma"], np.zeros((2, 2)))
    assert_array_equal(found["vega"], np.zeros((2, 2)))
    assert_array_equal(found["theta"], np.zeros((2, 2)))
    expected = nothing["years"] * np.array([[90, 0], [0, -110]])
    assert_array_equal(found["rho"], expected)


def test_limits_off_the_money_keep_carry(exact):
    found = black_scholes_greeks(100, 90, 1, 0, rate=0.05, dividend_yield=0.02)
    for name in FIVE:
        limit = float(exact.greek(name, 100, 90, 1, 1e-4, 0.05, 0.02, True))
        assert found[name] == approx(limit, abs=1e-9)


def test_limits_at_the_money_are_half_a_share_and_an_infinite_gamma():
    expired = black_scholes_greeks(100, 100, 0, 0.2)
    assert expired["delta"] == 0.5
    assert expired["gamma"] == np.inf
    assert expired["theta"] == -np.inf
    assert expired["vega"] == expired["rho"] == 0
    still = black_scholes_greeks(100, 100, 1, 0)
    assert still["delta"] == 0.5
    assert still["gamma"] == np.inf
    assert still["vega"] == approx(100 / np.sqrt(2 * np.pi))


def test_unknown_names_and_units_are_refused():
    with pytest.raises(PricingInputError, match=r"'gama' is no Greek .* did you mean 'gamma'"):
        black_scholes_greeks(100, 90, 0.5, 0.2, greeks=["gama"])
    with pytest.raises(PricingInputError, match="`units` is 'daily'; give 'natural' or 'trader'"):
        black_scholes_greeks(100, 90, 0.5, 0.2, units="daily")
    with pytest.raises(PricingInputError, match="`greeks` is 5; give any of price, delta"):
        black_scholes_greeks(42, 40, 0.5, 0.2, greeks=5)
    with pytest.raises(PricingInputError, match=r"`units` is \['trader'\]"):
        black_scholes_greeks(42, 40, 0.5, 0.2, units=["trader"])


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize(
    ("years", "volatility", "rate", "dividend_yield"),
    [
        (0.0, 0.2, 0.0, 0.0), (0.0, 0.2, 0.05, 0.02), (0.0, 0.2, 0.02, 0.05), (0.0, 0.2, -0.1, 0.1),
        (1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.04, 0.04), (2.0, 0.0, -0.03, -0.03), (2.0, 0.0, -0.5, -0.5),
    ],
)  # fmt: skip
def test_limits_at_the_money_are_where_the_greeks_go(exact, years, volatility, rate, dividend_yield, is_call):
    """Each is the value that a tiny time or volatility leads to, or an infinity where it only grows."""
    found = black_scholes_greeks(
        100, 100, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=is_call, greeks=GREEKS
    )
    for name in GREEKS:
        near, nearer = (
            float(exact.greek(name, 100, 100, years or t, volatility or v, rate, dividend_yield, is_call))
            for t, v in ((1e-16, 1e-8), (1e-20, 1e-10))
        )
        if np.isinf(found[name]):
            assert np.sign(nearer) == np.sign(found[name]), name
            assert abs(nearer) > 50 * abs(near), name
        else:
            assert found[name] == approx(nearer, rel=1e-6, abs=1e-6), name


@given(
    spot=st.floats(20, 500),
    log_strike=st.floats(-3, 3),
    years=st.floats(0.01, 5),
    volatility=st.floats(0.05, 1),
    rate=st.floats(-0.05, 0.1),
    dividend_yield=st.floats(-0.05, 0.1),
    is_call=st.booleans(),
)
def test_greeks_keep_the_identities_between_them(
    spot, log_strike, years, volatility, rate, dividend_yield, is_call
):
    strike = spot * exp(log_strike * volatility * years**0.5)
    terms = {"rate": rate, "dividend_yield": dividend_yield, "greeks": GREEKS}
    found = black_scholes_greeks(spot, strike, years, volatility, is_call=is_call, **terms)
    other = black_scholes_greeks(spot, strike, years, volatility, is_call=not is_call, **terms)
    # The price is homogeneous in spot and strike (Euler), and so are its derivatives.
    scale = spot + strike
    assert found["price"] == approx(spot * found["delta"] + strike * found["dual_delta"], abs=1e-13 * scale)
    assert spot**2 * found["gamma"] == approx(strike**2 * found["dual_gamma"], rel=1e-11)
    assert found["vega"] == approx(spot**2 * found["gamma"] * volatility * years, rel=1e-12)
    assert found["phi"] == approx(-years * spot * found["delta"], rel=1e-12)
    assert found["rho"] == approx(-years * strike * found["dual_delta"], rel=1e-12, abs=1e-300)
    # Call and put differ by a forward, which has no curvature and no volatility.
    for name in (
        "gamma",
        "vega",
        "vanna",
        "vomma",
        "speed",
        "color",
        "zomma",
        "veta",
        "ultima",
        "dual_gamma",
    ):
        assert found[name] == approx(other[name], rel=1e-12), name
    # A call on the spot is a put on the strike, with rate and yield exchanged.
    twin = black_scholes_greeks(
        strike, spot, years, volatility, rate=dividend_yield, dividend_yield=rate, is_call=not is_call,
        greeks=GREEKS,
    )  # fmt: skip
    assert found["delta"] == approx(twin["dual_delta"], rel=1e-10, abs=1e-14)
    assert found["rho"] == approx(twin["phi"], rel=1e-10, abs=1e-13 * strike)
    assert found["vomma"] == approx(twin["vomma"], rel=1e-9, abs=1e-12 * scale)


def test_many_threads_give_the_same_numbers_as_one():
    import numba

    strike = np.linspace(50, 200, 200_003)
    several = black_scholes_greeks(100, strike, 0.5, 0.2, greeks=GREEKS)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        alone = black_scholes_greeks(100, strike, 0.5, 0.2, greeks=GREEKS)
    finally:
        numba.set_num_threads(before)
    for name in GREEKS:
        assert_array_equal(several[name], alone[name])


def test_an_impossible_row_among_many_is_found():
    volatility = np.full(100_000, 0.2)
    volatility[70_001] = -0.2
    with pytest.raises(PricingInputError, match=r"`volatility` is -0\.2 in row 70001"):
        black_scholes_greeks(100, 100, 1, volatility)
    volatility[70_001] = np.nan
    found = black_scholes_greeks(100, 100, 1, volatility)["delta"]
    assert np.flatnonzero(np.isnan(found)).tolist() == [70_001]
