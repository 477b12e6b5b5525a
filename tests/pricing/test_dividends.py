"""Options on shares with cash dividends: against QuantLib's grids, converged grids, identities and bounds."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.errors import PricingInputError
from workbench.pricing import dividend_rows as engine
from workbench.pricing.binomial import binomial_price
from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.dividends import GREEKS, dividend_greeks, dividend_price, dividend_value
from workbench.pricing.greeks import TRADER_UNITS, black_scholes_greeks

SIDES = [[True], [False]]
MODELS = ("spot", "escrowed")


def quantlib_price(spot, strike, days, volatility, rate, is_call, dividends, model, american, nodes=600):
    """QuantLib's finite differences; `dividends` in (days, amount)."""
    today = QuantLib.Date(2, 1, 2024)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()

    def flat(value):
        return QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, value, count))

    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot)),
        flat(0.0),
        flat(rate),
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), volatility, count)
        ),
    )
    kind = QuantLib.FdBlackScholesVanillaEngine
    engine = kind(
        process,
        [QuantLib.FixedDividend(amount, today + day) for day, amount in dividends],
        nodes,
        nodes,
        0,
        QuantLib.FdmSchemeDesc.CrankNicolson(),
        False,
        -1e300,
        {"spot": kind.Spot, "escrowed": kind.Escrowed}[model],
    )
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call if is_call else QuantLib.Option.Put, strike)
    expiry = today + days
    exercise = QuantLib.AmericanExercise(today, expiry) if american else QuantLib.EuropeanExercise(expiry)
    option = QuantLib.VanillaOption(payoff, exercise)
    option.setPricingEngine(engine)
    return option.NPV()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("american", [True, False])
def test_prices_agree_with_quantlibs_finite_differences(model, american):
    dividends = [(40, 1.5), (130, 2.5), (220, 1.5)]
    in_years = [(day / 365, amount) for day, amount in dividends]
    strikes = np.array([85.0, 100.0, 115.0])
    prices = dividend_price(
        100,
        strikes,
        300 / 365,
        0.28,
        rate=0.05,
        is_call=SIDES,
        dividends=in_years,
        dividend_model=model,
        american=american,
    )
    theirs = [
        [quantlib_price(100, k, 300, 0.28, 0.05, side, dividends, model, american) for k in strikes]
        for side in (True, False)
    ]
    # Their grid of 600 by 600 is itself off by about 2e-5 of strike.
    assert_allclose(prices, theirs, atol=4e-3)


HARD = {
    "seconds after now": [(1e-6, 3.0), (0.4, 2.0)],
    "seconds before expiry": [(0.2, 2.0), (0.75 - 1e-6, 3.0)],
    "seconds after expiry": [(0.2, 2.0), (0.75 + 1e-6, 3.0)],
    "two in one week": [(0.5, 2.0), (0.51, 2.0)],
    "every quarter": [(0.05 + 0.25 * k, 0.8) for k in range(12)],
    "hours apart, short life": [(0.0001, 0.3), (0.0002, 1.0)],
    "large": [(0.3, 25.0), (0.6, 15.0)],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dividends", HARD.values(), ids=HARD.keys())
@pytest.mark.parametrize("years", [0.016, 0.75, 3.0])
def test_both_settings_keep_their_promise_against_a_converged_grid(model, dividends, years, monkeypatch):
    case = {"rate": 0.06, "is_call": SIDES, "dividends": dividends, "dividend_model": model}
    spots = np.array([75.0, 96.3, 100.0, 125.0])
    accurate, fast = (
        dividend_price(spots, 100, years, 0.25, accuracy=accuracy, **case)
        for accuracy in ("accurate", "fast")
    )
    monkeypatch.setitem(engine.GRIDS, "accurate", (1152, 288))
    converged = dividend_price(spots, 100, years, 0.25, **case)
    assert_allclose(accurate, converged, atol=3e-5 * 100)
    assert_allclose(fast, converged, atol=1e-4 * 100)


def test_a_dividend_seconds_from_now_is_the_better_of_exercise_and_the_share_without_it():
    call = dividend_price(110, 100, 0.5, 0.2, rate=0.03, dividends=[(1e-9, 5)], dividend_model="spot")
    without = black_scholes_price(105, 100, 0.5, 0.2, rate=0.03)
    assert call == pytest.approx(max(10, without), abs=2e-4)


def test_a_dividend_after_expiry_counts_for_nothing():
    case = {"rate": 0.05, "is_call": False, "dividend_model": "spot"}
    after = dividend_price(100, 105, 0.5, 0.3, dividends=[(0.5001, 9)], **case)
    assert after == dividend_price(100, 105, 0.5, 0.3, dividends=[], **case)


@pytest.mark.parametrize("rate, dividend_yield", [(0.06, 0.0), (0.03, 0.07), (-0.01, 0.0), (-0.01, -0.03)])
def test_without_dividends_the_price_is_the_trees(rate, dividend_yield):
    case = {"rate": rate, "dividend_yield": dividend_yield, "is_call": SIDES}
    strikes = np.array([80, 100, 130])
    grid = dividend_price(100, strikes, 1.2, 0.3, dividends=[], dividend_model="spot", **case)
    tree = binomial_price(100, strikes, 1.2, 0.3, steps=1501, **case)
    assert_allclose(grid, tree, atol=2e-3)


@pytest.mark.parametrize("volatility", [0.0, 0.001, 0.02, 0.3, 1.5])
def test_european_prices_without_dividends_are_the_formulas(volatility):
    case = {"rate": 0.08, "dividend_yield": 0.01, "is_call": SIDES}
    strikes = np.array([70, 100, 107, 140])
    grid = dividend_price(
        100, strikes, 2, volatility, dividends=[], dividend_model="spot", american=False, **case
    )
    assert_allclose(grid, black_scholes_price(100, strikes, 2, volatility, **case), atol=5e-4)


def test_escrowed_european_prices_are_the_formula_at_the_spot_without_its_dividends():
    dividends = [(0.25, 1.5), (0.5, 1.5)]
    grid = dividend_price(
        100,
        [90, 110],
        0.8,
        0.3,
        rate=0.05,
        is_call=SIDES,
        dividends=dividends,
        dividend_model="escrowed",
        american=False,
    )
    rest = 100 - sum(amount * np.exp(-0.05 * years) for years, amount in dividends)
    formula = black_scholes_price(rest, [90, 110], 0.8, 0.3, rate=0.05, is_call=SIDES)
    assert_allclose(grid, formula, atol=1e-5)


def test_hulls_american_call_with_two_dividends():
    """Hull, on Black's approximation: 40 against 40, 30 %, 9 %, 0.50 after two and five months: 3.67 exact.

    The share less its dividends has the volatility: the European is 3.67 and Black's approximation 3.52.
    """
    case = {"rate": 0.09, "dividends": [(2 / 12, 0.5), (5 / 12, 0.5)], "dividend_model": "escrowed"}
    european = dividend_price(40, 40, 0.5, 0.3, american=False, **case)
    assert european == pytest.approx(3.67, abs=0.005)
    assert dividend_price(40, 40, 0.5, 0.3, **case) > european


def test_the_two_models_differ_by_percents_of_the_price():
    case = {"rate": 0.05, "dividends": [(0.3, 4.0), (0.8, 4.0)]}
    spot, escrowed = (dividend_price(100, 100, 1, 0.3, dividend_model=model, **case) for model in MODELS)
    assert 0.02 < spot / escrowed - 1 < 0.10


@pytest.mark.parametrize("model", MODELS)
def test_european_call_less_put_is_the_forward_less_its_dividends(model):
    dividends = [(0.2, 3.0), (0.7, 2.0)]
    call, put = dividend_price(
        100,
        95,
        1,
        0.35,
        rate=0.04,
        dividend_yield=0.01,
        is_call=[True, False],
        dividends=dividends,
        dividend_model=model,
        american=False,
    )
    # What is left at expiry of a share bought now: its dividends are lost at the rate less the yield.
    paid = sum(amount * np.exp(-0.03 * years) for years, amount in dividends)
    assert call - put == pytest.approx((100 - paid) * np.exp(-0.01) - 95 * np.exp(-0.04), abs=2e-4)


def test_a_share_worth_less_than_its_dividend_falls_to_zero():
    put = dividend_price(
        1.0,
        50,
        0.5,
        0.2,
        rate=0.02,
        is_call=False,
        dividends=[(0.25, 30)],
        dividend_model="spot",
        american=False,
    )
    assert put == pytest.approx(50 * np.exp(-0.01), abs=1e-4)
    call = dividend_price(1.0, 50, 0.5, 0.2, dividends=[(0.25, 30)], dividend_model="spot")
    assert call == pytest.approx(0, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    spot=st.floats(60, 160),
    years=st.floats(0.01, 2),
    volatility=st.floats(0.08, 0.6),
    rate=st.floats(0, 0.1),
    amount=st.floats(0.01, 8),
    when=st.floats(0, 1),
    model=st.sampled_from(MODELS),
)
def test_prices_keep_their_bounds_and_order(spot, years, volatility, rate, amount, when, model):
    case = {
        "rate": rate,
        "is_call": SIDES,
        "dividends": [(when * years, amount), (when * years / 2, amount / 3)],
        "dividend_model": model,
        "accuracy": "fast",
    }
    strikes = np.linspace(70, 140, 8)
    american = dividend_price(spot, strikes, years, volatility, **case)
    european = dividend_price(spot, strikes, years, volatility, american=False, **case)
    slack = 1e-4 * 140
    intrinsic = np.maximum(np.where(SIDES, spot - strikes, strikes - spot), 0)
    assert (american >= intrinsic).all()
    assert (american >= european - slack).all()
    assert (american <= np.where(SIDES, spot, strikes) + slack).all()
    assert (np.diff(american[0]) <= slack).all()
    assert (np.diff(american[1]) >= -slack).all()
    assert (np.diff(american, 2) >= -2 * slack).all()
    bumped = dividend_price(spot, strikes, years, volatility + 0.02, **case)
    assert (bumped >= american - slack).all()


def test_greeks_without_dividends_are_the_formulas():
    spots = np.linspace(70, 130, 7)
    case = {"rate": 0.04, "dividend_yield": 0.02, "is_call": SIDES, "greeks": GREEKS}
    grid = dividend_greeks(spots, 100, 0.7, 0.25, dividends=[], dividend_model="spot", american=False, **case)
    formula = black_scholes_greeks(spots, 100, 0.7, 0.25, **case)
    for name in GREEKS:
        scale = np.abs(formula[name]).max()
        assert_allclose(grid[name], formula[name], atol=1e-3 * scale, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_greeks_are_differences_of_prices(model):
    spots, dividends = np.array([80.0, 100.0, 120.0]), [(0.2, 2.0), (0.45, 2.0)]

    def price(spot=spots, volatility=0.25, rate=0.06, dividend_yield=0.01, later=0.0):
        return dividend_price(
            spot,
            100,
            0.7 - later,
            volatility,
            rate=rate,
            dividend_yield=dividend_yield,
            is_call=SIDES,
            dividends=[(years - later, amount) for years, amount in dividends],
            dividend_model=model,
        )

    greeks = dividend_greeks(
        spots,
        100,
        0.7,
        0.25,
        rate=0.06,
        dividend_yield=0.01,
        is_call=SIDES,
        dividends=dividends,
        dividend_model=model,
        greeks=GREEKS,
    )
    differences = {
        "price": price(),
        "delta": (price(spots + 0.5) - price(spots - 0.5)) / 1.0,
        "gamma": (price(spots + 1) - 2 * price() + price(spots - 1)) / 1.0,
        "vega": (price(volatility=0.255) - price(volatility=0.245)) / 0.01,
        "theta": (price(later=0.002) - price(later=-0.002)) / 0.004,
        "rho": (price(rate=0.065) - price(rate=0.055)) / 0.01,
        "phi": (price(dividend_yield=0.015) - price(dividend_yield=0.005)) / 0.01,
    }
    for name, difference in differences.items():
        scale = np.abs(difference).max()
        assert_allclose(greeks[name], difference, atol=4e-3 * scale, err_msg=name)


def test_traders_units_are_per_day_per_point_and_per_cent():
    case = {"rate": 0.03, "dividends": [(0.4, 2)], "dividend_model": "spot", "greeks": GREEKS}
    natural = dividend_greeks(100, 95, 0.8, 0.25, **case)
    trader = dividend_greeks(100, 95, 0.8, 0.25, units="trader", **case)
    for name in GREEKS:
        assert trader[name] == pytest.approx(natural[name] * TRADER_UNITS.get(name, 1.0), rel=1e-12)


def test_an_option_to_be_exercised_now_moves_with_the_share_alone():
    greeks = dividend_greeks(
        50, 100, 1, 0.2, rate=0.08, is_call=False, dividends=[], dividend_model="spot", greeks=GREEKS
    )
    assert (greeks["price"], greeks["delta"], greeks["gamma"], greeks["theta"]) == (50, -1, 0, 0)
    assert greeks["vega"] == pytest.approx(0, abs=1e-9)


def test_rows_keep_their_labels_and_missing_inputs():
    spots = pd.Series([100.0, np.nan], index=["AAPL", "MSFT"])
    prices = dividend_price(spots, 100, 1, 0.3, dividends=[(0.5, 1)], dividend_model="spot")
    assert prices.index.tolist() == ["AAPL", "MSFT"]
    assert prices.isna().tolist() == [False, True]


def test_a_row_that_may_be_call_or_put_has_no_price():
    case = {"dividends": [(0.5, 1)], "dividend_model": "spot"}
    prices = dividend_price(100, 100, 1, 0.3, is_call=[True, None, False], **case)
    assert_allclose(
        prices[[0, 2]], dividend_price(100, 100, 1, 0.3, is_call=[True, False], **case), rtol=1e-12
    )
    assert np.isnan(prices[1])


def test_a_price_does_not_depend_on_its_company():
    rng = np.random.default_rng(5)
    strikes, years = rng.uniform(70, 140, 40), rng.uniform(0.01, 1.5, 40)
    case = {"rate": 0.05, "dividends": [(0.3, 1.0), (0.9, 1.0)], "dividend_model": "spot"}
    batch = dividend_price(100, strikes, years, 0.3, **case)
    alone = [dividend_price(100, k, t, 0.3, **case) for k, t in zip(strikes, years, strict=True)]
    assert_allclose(batch, alone, rtol=1e-13)


def test_the_value_names_its_model_and_the_dividends_looked_at():
    value = dividend_value(
        100, 100, 1, 0.3, dividends=[(0.5, 1), (-0.2, 3), (0.25, 2), (0.5, 1)], dividend_model="escrowed"
    )
    assert value.model == "escrowed"
    assert value.dividends == ((0.25, 2.0), (0.5, 2.0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dividend_model": None}, "`dividend_model` is None; give 'spot' or 'escrowed'.*differ by percents"),
        ({"dividend_model": "merton"}, "`dividend_model` is 'merton'"),
        ({"dividends": [(0.5, -1)]}, r"`dividends` holds \(0.5, -1\) at place 0"),
        ({"dividends": [(0.1, 1), (0.5, np.nan)]}, r"\(0.5, nan\) at place 1"),
        ({"dividends": [(np.inf, 1)]}, r"\(inf, 1\)"),
        ({"dividends": [("soon", 1)]}, "at place 0; give pairs of years from now and amount"),
        ({"dividends": [(0.1, 1, 2)]}, "at place 0; give pairs"),
        ({"dividends": [0.5, 1]}, "`dividends` is .*; give pairs"),
        ({"dividends": "quarterly"}, "`dividends`"),
        ({"dividends": None}, "`dividends` is None; give pairs"),
        ({"dividends": [(0.5, 101)], "dividend_model": "escrowed"}, "until expiry are worth 101"),
        ({"accuracy": "exact"}, "`accuracy` is 'exact'"),
        ({"spot": [100, 0]}, "`spot` is 0 in row 1"),
        ({"volatility": -0.1}, "`volatility` is -0.1"),
        (
            {"volatility": [0.2, 20]},
            "`volatility` is 20 in row 1, 20 over the option's life; give at most 10",
        ),
        ({"rate": [0.02, 80]}, "The option in row 1 has .* rate 80 .* which no grid can hold; give prices"),
        ({"spot": 1e300}, "The option has spot 1e.300"),
        ({"strike": "100"}, "`strike` is '100'"),
        ({"greeks": ["delta", "ultima"]}, "'ultima' is not there: it is not computed with cash dividends"),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_remedy(changed, message):
    case = {
        "spot": 100,
        "strike": 100,
        "years": 1,
        "volatility": 0.2,
        "dividends": [(0.5, 1)],
        "dividend_model": "spot",
    } | changed
    with pytest.raises(PricingInputError, match=message):
        (dividend_greeks if "greeks" in case else dividend_price)(**case)
