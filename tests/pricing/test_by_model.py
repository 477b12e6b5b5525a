"""One question under several models, and what pictures draw of an option and of a position."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from workbench import pricing
from workbench.errors import PricingInputError
from workbench.pricing.by_model import greeks_by_model, greeks_of, spot_profile

TERMS = {"rate": 0.03, "is_call": False}


@pytest.mark.parametrize("model", ["black_scholes", "american", "black76", "bachelier"])
def test_a_model_by_name_is_its_own_function(model):
    volatility = 20.0 if model == "bachelier" else 0.2
    names = list(greeks_of(model))
    found = greeks_by_model(model, 95, 100, 0.5, volatility, **TERMS, greeks=names, units="trader")
    own = getattr(pricing, f"{model}_greeks")
    expected = own(95, 100, 0.5, volatility, **TERMS, greeks=names, units="trader")
    assert {name: float(found[name]) for name in names} == {name: float(expected[name]) for name in names}


def test_what_a_model_does_not_take_is_refused():
    with pytest.raises(PricingInputError, match="in the forward already"):
        greeks_by_model("black76", 95, 100, 0.5, 0.2, dividend_yield=0.01)
    with pytest.raises(PricingInputError, match="need the American model"):
        greeks_by_model("black_scholes", 95, 100, 0.5, 0.2, dividends=[(0.1, 1.0)], dividend_model="spot")
    with pytest.raises(PricingInputError, match="give one of black_scholes"):
        greeks_by_model("heston", 95, 100, 0.5, 0.2)


def test_a_profile_holds_the_options_own_prices_and_its_payoff_at_the_end():
    found = spot_profile("black_scholes", 95.0, 100.0, 0.5, 0.2, **TERMS)
    assert found.columns.tolist() == [0.5, 0.0]
    spots = found.index.to_numpy()
    assert spots[0] < 95 < spots[-1]
    assert_allclose(found[0.5], pricing.black_scholes_price(spots, 100, 0.5, 0.2, **TERMS))
    assert_allclose(found[0.0], np.maximum(100 - spots, 0))


def test_a_dividend_that_has_been_paid_no_longer_counts_in_a_profile():
    terms = {"rate": 0.05, "dividends": [(0.1, 2.0)], "dividend_model": "spot"}
    found = spot_profile("american", 100.0, 100.0, 0.5, 0.2, later=0.25, **terms)
    without = pricing.american_price(found.index.to_numpy(), 100, 0.25, 0.2, rate=0.05, accuracy="fast")
    assert_allclose(found[0.25], without, atol=1e-9)


def test_curves_of_a_position_are_its_profits_on_three_dates():
    leg = {"kind": "call", "strike": 100.0, "years": 30 / 365, "quantity": 2, "multiplier": 100,
           "spot": 98.0, "price": 3.0, "volatility": 0.3, "rate": 0.0, "dividend_yield": 0.0}  # fmt: skip
    legs = pd.DataFrame([leg])
    curves = pricing.payoff_curves(legs, deviation=8.0)
    assert curves.columns.tolist() == pytest.approx([0.0, 20.0, 30.0])
    spots = curves.index.to_numpy()
    assert_allclose(curves.iloc[:, -1], 200 * (np.maximum(spots - 100, 0) - 3), atol=1e-9)
    later = 200 * (pricing.black_scholes_price(spots, 100, 10 / 365, 0.3) - 3)
    assert_allclose(curves.iloc[:, 1], later, atol=1e-9)


def test_shares_alone_have_one_curve_without_a_date():
    share = {"kind": "share", "strike": np.nan, "years": np.nan, "quantity": 100, "multiplier": 1,
             "spot": 50.0, "price": 40.0}  # fmt: skip
    curves = pricing.payoff_curves(pd.DataFrame([share]))
    assert curves.columns.tolist() == [0.0]
    assert_allclose(curves[0.0], 100 * (curves.index.to_numpy() - 40))
