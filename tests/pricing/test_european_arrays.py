"""Arrays in and out of the European engines: shapes, labels, missing rows, and the caller's own arrays."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import PricingInputError
from workbench.pricing import bachelier_greeks, black76_greeks, black_scholes_greeks, black_scholes_price
from workbench.pricing.greeks import GREEKS


def test_a_missing_input_is_missing_in_every_greek():
    for place in range(6):
        inputs = [100.0, 90.0, 1.0, 0.2, 0.03, 0.01]
        inputs[place] = np.nan
        found = black_scholes_greeks(*inputs[:4], rate=inputs[4], dividend_yield=inputs[5], greeks=GREEKS)
        assert all(np.isnan(value) for value in found.values()), place


@pytest.mark.parametrize("model", [black_scholes_greeks, black76_greeks, bachelier_greeks])
def test_an_option_that_may_be_call_or_put_has_no_greeks(model):
    found = model(100, [90, 100, 110], 0.5, 0.2, is_call=[True, None, False])
    whole = model(100, [90, 100, 110], 0.5, 0.2, is_call=[True, True, False])
    for name, values in found.items():
        assert_array_equal(values, np.where([False, True, False], np.nan, whole[name]))


def test_shapes_broadcast_and_scalars_stay_scalars():
    found = black_scholes_greeks(100, [90, 100, 110], 0.5, 0.2, is_call=[[True], [False]])
    assert {value.shape for value in found.values()} == {(2, 3)}
    assert isinstance(black_scholes_greeks(100, 90, 0.5, 0.2)["rho"], np.float64)
    assert_allclose(found["gamma"][0], found["gamma"][1])


def test_results_go_into_the_callers_arrays():
    strike = np.linspace(80, 120, 1000)
    fresh = black_scholes_greeks(100, strike, 0.5, 0.2, rate=0.03, greeks=GREEKS)
    out = {name: np.full(1000, -1.0) for name in GREEKS}
    found = black_scholes_greeks(100, strike, 0.5, 0.2, rate=0.03, out=out)
    assert all(found[name] is out[name] for name in GREEKS)
    for name in GREEKS:
        assert_array_equal(out[name], fresh[name])
    table = np.zeros((1000, 3))
    columns = {"delta": table[:, 0], "vega": table[:, 2]}
    black_scholes_greeks(100, strike, 0.5, 0.2, rate=0.03, greeks=["delta"], out=columns)
    assert_array_equal(table[:, 0], fresh["delta"])
    assert_array_equal(table[:, 2], 0)
    grid = np.zeros((3, 20, 2)).transpose(2, 1, 0)[:, :, 1]
    black_scholes_greeks(
        100, strike[:20], [[0.5], [1.0]], 0.2, rate=0.03, greeks=["gamma"], out={"gamma": grid}
    )
    assert_allclose(grid[0], fresh["gamma"][:20], rtol=1e-15)


def test_an_input_may_be_overwritten_by_the_result():
    strike = np.linspace(80, 120, 5000)
    fresh = black_scholes_greeks(100, strike, 0.5, 0.2)["delta"]
    backwards = strike[::-1].copy()
    black_scholes_greeks(100, backwards[::-1], 0.5, 0.2, greeks=["delta"], out={"delta": backwards})
    assert_array_equal(backwards, black_scholes_greeks(100, strike, 0.5, 0.2)["delta"])
    black_scholes_greeks(100, strike, 0.5, 0.2, greeks=["delta"], out={"delta": strike})
    assert_array_equal(strike, fresh)


def test_columns_of_one_block_take_results_and_arrays_that_overlap_are_refused():
    block, row = np.zeros((2, 2)), np.zeros(3)
    delta_gamma = {"delta": block[:, 0], "gamma": block[:, 1]}
    black_scholes_greeks(100, [90, 110], 0.5, 0.2, out=delta_gamma)
    fresh = black_scholes_greeks(100, [90, 110], 0.5, 0.2)
    assert_array_equal(block.T, [fresh["delta"], fresh["gamma"]])
    with pytest.raises(PricingInputError, match="'delta' and for 'gamma' share memory; give each"):
        black_scholes_greeks(100, [90, 110], 0.5, 0.2, out={"delta": row[:2], "gamma": row[1:]})


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros(2), "`out` is ndarray; give a mapping of names to arrays"),
        ({"delta": np.zeros(3)}, r"`out` for 'delta' has shape \(3,\); the inputs need \(2,\)"),
        ({"delta": np.zeros(2, dtype=np.float32)}, "`out` for 'delta' is an array of float32; give a numpy"),
        ({"delta": [0.0, 0.0]}, "`out` for 'delta' is list; give a numpy array of float64"),
        ({"gamma": np.zeros(2)}, "`out` has no array for 'delta'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(out, message):
    with pytest.raises(PricingInputError, match=message):
        black_scholes_greeks(100, [90, 110], 0.5, 0.2, greeks=["delta"], out=out)
    locked = np.zeros(2)
    locked.flags.writeable = False
    with pytest.raises(PricingInputError, match="read-only"):
        black_scholes_greeks(100, [90, 110], 0.5, 0.2, greeks=["delta"], out={"delta": locked})


def test_series_and_frames_keep_their_index():
    strikes = pd.Series([90.0, 100.0, 110.0], index=["a", "b", "c"])
    found = black_scholes_greeks(100, strikes, 0.5, 0.2, is_call=strikes > 95)
    assert list(found["delta"].index) == ["a", "b", "c"]
    assert found["vega"].name == "vega"
    assert found["delta"]["a"] == black_scholes_greeks(100, 90, 0.5, 0.2, is_call=False)["delta"]
    frame = pd.DataFrame(0.2, index=["near", "far"], columns=strikes.to_numpy())
    years = pd.Series([0.1, 0.5], index=frame.index)
    by_column = pd.Series(strikes.to_numpy(), index=frame.columns)
    prices = black_scholes_price(100, by_column, years, frame)
    assert isinstance(prices, pd.DataFrame)
    assert prices.loc["far", 110.0] == black_scholes_price(100, 110, 0.5, 0.2)
    with pytest.raises(PricingInputError, match="`volatility` has another index than `strike`"):
        black_scholes_price(100, strikes, 0.5, pd.Series([0.2, 0.2, 0.2], index=["a", "c", "b"]))
