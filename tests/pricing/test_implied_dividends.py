"""Volatilities implied by American prices on shares that pay cash dividends."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import PricingInputError
from workbench.pricing import american_price, implied_volatility

QUARTERLY = [(0.1 + 0.25 * k, 0.8) for k in range(8)]


@pytest.mark.parametrize("model", ["spot", "escrowed"])
@pytest.mark.parametrize("dividends", [QUARTERLY, [(0.001, 3.0)], [(0.3, 20.0)], []])
def test_a_chain_goes_there_and_back(model, dividends):
    rng = np.random.default_rng(9)
    strike, years = 100 * np.exp(rng.normal(0, 0.2, 60)), rng.uniform(0.02, 2.0, 60)
    volatility, is_call = rng.uniform(0.1, 0.9, 60), rng.random(60) < 0.5
    case = {"rate": 0.04, "is_call": is_call, "dividends": dividends, "dividend_model": model}
    price = american_price(100, strike, years, volatility, **case)
    found = implied_volatility(price, 100, strike, years, model="american", **case)
    ok = found.status == "ok"
    assert ok.mean() > 0.7
    case["is_call"] = is_call[ok]
    again = american_price(100, strike[ok], years[ok], found.volatility[ok], **case)
    assert (np.abs(again - price[ok]) <= 1e-8 * np.maximum(100, strike[ok])).all()
    # Where a point of volatility moves the price at all, the volatility itself comes back.
    bumped = american_price(100, strike[ok], years[ok], volatility[ok] + 0.01, **case)
    told = bumped - price[ok] > 1e-4 * 100
    assert told.mean() > 0.8
    assert_allclose(found.volatility[ok][told], volatility[ok][told], atol=1e-5)
    assert set(found.status[~ok]) <= {"below_intrinsic"}


def test_without_dividends_to_come_the_volatility_is_that_of_a_share_without():
    case = {"rate": 0.05, "is_call": False, "model": "american"}
    plain = implied_volatility(8.0, 100, 102, 0.7, **case).volatility
    past = implied_volatility(8.0, 100, 102, 0.7, dividends=[(0.9, 4)], dividend_model="spot", **case)
    assert past.volatility == pytest.approx(plain, abs=1e-5)


def test_each_row_says_why_it_has_no_volatility():
    rows = [
        (9.0, 100, 100, 0.5, True, "ok"),
        (12.0, 112, 100, 0.5, True, "below_intrinsic"),  # to be exercised before the dividend
        (20.0, 80, 100, 0.5, False, "below_intrinsic"),
        (0.0, 100, 100, 0.5, True, "below_intrinsic"),
        (100.0, 100, 100, 0.5, True, "above_bound"),
        (9.0, 100, 100, 0.0, True, "no_time"),
        (np.nan, 100, 100, 0.5, True, "missing"),
        (9.0, -1, 100, 0.5, True, "missing"),
        (9.0, 100, 100, 0.5, None, "missing"),
        (1.0, 3, 4, 0.5, False, "missing"),  # escrowed dividends of the whole spot
    ]
    price, spot, strike, years, is_call, status = zip(*rows, strict=True)
    found = implied_volatility(
        pd.Series(price, index=range(10, 20)),
        spot,
        strike,
        years,
        rate=0.03,
        is_call=is_call,
        model="american",
        dividends=[(0.25, 4.0)],
        dividend_model="escrowed",
    )
    assert found.status.tolist() == list(status)
    assert found.volatility.index.tolist() == list(range(10, 20))
    assert_array_equal(found.volatility.isna(), [name != "ok" for name in status])


@pytest.mark.parametrize("model", ["spot", "escrowed"])
def test_a_hostile_chain_raises_no_warning_and_no_exception(model, recwarn):
    rng = np.random.default_rng(6)
    junk = np.array([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-320, 1e308, 1.0, 50.0, 0.5, 0.02])
    picks = [rng.choice(junk, 1000) for _ in range(6)]
    found = implied_volatility(
        *picks[:4],
        rate=picks[4],
        dividend_yield=picks[5],
        is_call=rng.choice([1.0, 0.0, np.nan], 1000),
        model="american",
        dividends=[(0.1, 1.0), (0.4, 2.0)],
        dividend_model=model,
    )
    ok = found.status == "ok"
    assert np.all(found.volatility[ok] > 0)
    assert np.isnan(found.volatility[~ok]).all()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"dividends": [(0.2, 1)], "model": "american"},
            "`dividend_model` is not given; give `dividends` and",
        ),
        ({"dividend_model": "spot", "model": "american"}, "`dividends` is not given"),
        ({"dividends": [(0.2, 1)], "dividend_model": "spot"}, "do not belong to the model 'black_scholes'"),
        ({"dividends": [(0.2, -1)], "dividend_model": "spot", "model": "american"}, r"holds \(0.2, -1\)"),
        (
            {"dividends": [(0.2, 1)], "dividend_model": "both", "model": "american"},
            "`dividend_model` is 'both'",
        ),
    ],
)
def test_dividends_without_their_model_are_refused(wish, message):
    with pytest.raises(PricingInputError, match=message):
        implied_volatility(8.0, 100, 100, 0.5, **wish)
