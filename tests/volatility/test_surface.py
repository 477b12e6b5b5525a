import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx
from scipy.special import ndtr

from workbench.errors import PricingInputError
from workbench.volatility import SviSlice, VolatilitySurface, ssvi_slice

YEARS = np.array([0.1, 0.25, 1.0])
EXPIRIES = pd.to_datetime(["2024-02-05", "2024-04-01", "2025-01-01"])
LEVELS = 0.04 * YEARS * (1 + 0.5 * np.exp(-5 * YEARS))


def surface(spot=100.0, slices=None):
    slices = slices or [ssvi_slice(t, -0.5, 1.1 / np.sqrt(t)) for t in LEVELS]
    empty = pd.DataFrame()
    return VolatilitySurface(
        expiries=EXPIRIES, years=YEARS, forwards=100 * np.exp(0.03 * YEARS), rates=np.full(3, 0.03),
        slices=tuple(slices), spot=spot, fits=empty, quotes=empty, left_out=empty, repaired="",
        growth=float(slices[-1].total_variance(0.0)) / YEARS[-1],
    )  # fmt: skip


SURFACE = surface()


def test_at_an_expiry_the_surface_is_its_slice():
    k = np.linspace(-0.5, 0.5, 11)
    for smile, years in zip(SURFACE.slices, YEARS, strict=True):
        assert_allclose(SURFACE.total_variance(k, years), smile.total_variance(k), rtol=1e-14)
        strike = SURFACE.forward(years) * np.exp(k)
        assert_allclose(
            SURFACE.volatility(strike, years), np.sqrt(smile.total_variance(k) / years), rtol=1e-12
        )


def test_between_expiries_total_variance_is_linear_in_time():
    near, far = SURFACE.slices[:2]
    expected = 0.4 * near.total_variance(0.1) + 0.6 * far.total_variance(0.1)
    assert SURFACE.total_variance(0.1, 0.1 + 0.6 * 0.15) == approx(expected, rel=1e-14)


def test_before_the_first_and_after_the_last_expiry_it_is_extended_as_stated():
    k = np.array([-0.3, 0.0, 0.2])
    assert_allclose(
        SURFACE.volatility(log_moneyness=k, years=0.02), SURFACE.volatility(log_moneyness=k, years=0.1)
    )
    gained = SURFACE.total_variance(k, 1.7) - SURFACE.total_variance(k, 1.0)
    assert_allclose(gained, 0.7 * SURFACE.slices[-1].total_variance(0.0))
    assert SURFACE.volatility(log_moneyness=0.0, years=1.7) == approx(
        SURFACE.volatility(log_moneyness=0.0, years=1.0)
    )


@given(k=st.floats(-3, 3), first=st.floats(0.001, 4.0), later=st.floats(0.0, 3.0))
@settings(deadline=None)
def test_total_variance_never_falls_with_time(k, first, later):
    assert SURFACE.total_variance(k, first + later) >= SURFACE.total_variance(k, first) - 1e-15


@given(years=st.floats(0.005, 3.0))
@settings(deadline=None, max_examples=40)
def test_the_smile_of_any_time_is_the_surface_and_holds_no_butterfly(years):
    smile = SURFACE.smile(years)
    k = np.linspace(-1.5, 1.5, 121)
    assert_allclose(smile.total_variance(k), SURFACE.total_variance(k, years), rtol=1e-12)
    assert smile.forward == approx(SURFACE.forward(years))
    assert smile.durrleman(smile.proof_grid()).min() >= 0


def test_the_proof_has_a_row_for_each_check_and_holds():
    found = SURFACE.arbitrage()
    assert found["check"].tolist() == [
        "butterfly", "butterfly", "butterfly", "calendar", "between", "calendar", "between", "beyond",
    ]  # fmt: skip
    assert found["holds"].all()
    assert found["points"].gt(500).all()


def test_the_proof_names_what_is_broken():
    crossed = surface(slices=[ssvi_slice(0.05, -0.5, 3.0), ssvi_slice(0.04, -0.5, 3.0),
                              SviSlice(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)])  # fmt: skip
    found = crossed.arbitrage()
    broken = found[~found["holds"]]
    assert (broken["check"] == "calendar").sum() >= 1
    worst = broken[broken["check"] == "butterfly"].iloc[0]
    assert worst["expiry"] == EXPIRIES[2]
    assert worst["least"] < 0
    assert worst["strike"] == approx(crossed.forward(1.0) * np.exp(worst["log_moneyness"]))


def test_sticky_strike_keeps_each_strikes_volatility_and_sticky_delta_each_deltas():
    strike = np.array([80.0, 95.0, 100.0, 112.0])
    for years in (0.05, 0.1, 0.4, 1.0, 1.5):
        before = SURFACE.volatility(strike, years)
        assert_allclose(SURFACE.moved(90.0, "strike").volatility(strike, years), before, rtol=1e-12)
        assert_allclose(SURFACE.volatility(strike, years, spot=90.0, sticky="strike"), before, rtol=1e-12)
        assert_allclose(
            SURFACE.volatility(0.9 * strike, years, spot=90.0, sticky="delta"), before, rtol=1e-12
        )
    moved = SURFACE.moved(90.0, "delta")
    pd.testing.assert_frame_equal(moved.by_delta(), SURFACE.by_delta())
    assert moved.forward(1.0) == approx(0.9 * SURFACE.forward(1.0))
    assert moved.moved(100.0, "delta").volatility(100.0, 0.3) == approx(SURFACE.volatility(100.0, 0.3))


def test_the_table_by_delta_has_options_of_those_deltas():
    table = SURFACE.by_delta()
    assert list(table.columns) == ["10P", "25P", "ATM", "25C", "10C"]
    assert list(table.index) == list(EXPIRIES)
    smile, row = SURFACE.slices[1], table.iloc[1]
    assert row["ATM"] == approx(np.sqrt(smile.total_variance(0.0) / 0.25))
    # The volatility of the 25-delta put, found by hand on a fine grid of strikes.
    k = np.linspace(-1, 0.5, 400_001)
    root = np.sqrt(smile.total_variance(k))
    put = -ndtr(-(-k / root + root / 2))
    at = np.argmin(np.abs(put + 0.25))
    assert row["25P"] == approx(root[at] / 0.5, abs=1e-6)
    some = SURFACE.by_delta(["2024-04-01"], [-0.4, 0.05])
    assert list(some.columns) == ["40P", "5C"]
    assert some.shape == (1, 2)


def test_the_forward_grows_from_the_spot_and_keeps_its_slope():
    assert SURFACE.forward(0.0) == approx(100.0)
    assert_allclose(SURFACE.forward([0.05, 0.6, 2.0]), 100 * np.exp(0.03 * np.array([0.05, 0.6, 2.0])))
    assert surface(spot=float("nan")).forward(0.01) == approx(100 * np.exp(0.003))


def test_missing_values_and_no_time_give_missing_figures():
    assert np.isnan(SURFACE.volatility(np.nan, 0.3))
    assert np.isnan(SURFACE.volatility(100.0, 0.0))
    found = SURFACE.volatility([90.0, np.nan], [np.nan, 0.5])
    assert np.isnan(found).all()
    assert SURFACE.total_variance(0.1, 0.0) == 0.0


def test_questions_without_an_answer_are_refused():
    with pytest.raises(PricingInputError, match="`years` is left out"):
        SURFACE.volatility(100.0)
    with pytest.raises(PricingInputError, match="Give one of `strike` and `log_moneyness`"):
        SURFACE.volatility(100.0, 0.5, log_moneyness=0.1)
    with pytest.raises(PricingInputError, match=r"`years` is -0\.5"):
        SURFACE.total_variance(0.0, -0.5)
    with pytest.raises(PricingInputError, match="The shapes do not fit"):
        SURFACE.volatility([90.0, 100.0], [0.1, 0.2, 0.3])
    with pytest.raises(PricingInputError, match="`sticky` is 'moneyness'"):
        SURFACE.moved(90.0, "moneyness")
    with pytest.raises(PricingInputError, match="fitted without a spot"):
        surface(spot=float("nan")).moved(90.0)
    with pytest.raises(PricingInputError, match="2024-03-01 is not a fitted expiry"):
        SURFACE.by_delta(["2024-03-01"])
    with pytest.raises(PricingInputError, match="`years` is 0"):
        SURFACE.smile(0.0)
