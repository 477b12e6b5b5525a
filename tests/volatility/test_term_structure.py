import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.volatility import VolatilitySurface, smile_measures, ssvi_slice, term_slope, term_structure

YEARS = np.array([30, 90, 365]) / 365


def surface(volatilities):
    levels = np.array(volatilities) ** 2 * YEARS
    empty = pd.DataFrame()
    slices = tuple(ssvi_slice(t, -0.4, 1.0 / np.sqrt(t)) for t in levels)
    return VolatilitySurface(
        expiries=pd.to_datetime(["2024-01-31", "2024-03-31", "2024-12-31"]), years=YEARS,
        forwards=np.full(3, 50.0), rates=np.zeros(3), slices=slices, spot=50.0, fits=empty, quotes=empty,
        left_out=empty, repaired="", growth=float(levels[-1] / YEARS[-1]),
    )  # fmt: skip


RISING = surface([0.18, 0.20, 0.22])


def test_forward_variances_add_up_to_the_total():
    table = term_structure(RISING)
    assert_allclose(table["atm_volatility"], [0.18, 0.20, 0.22])
    gaps = np.diff(YEARS, prepend=0.0)
    assert_allclose(np.cumsum(table["forward_variance"] * gaps), table["total_variance"], rtol=1e-13)
    by_hand = np.sqrt((0.20**2 * 90 - 0.18**2 * 30) / 60)
    assert table["forward_volatility"].iloc[1] == approx(by_hand)
    assert table["forward_volatility"].iloc[0] == approx(0.18)


def test_each_row_has_the_measures_of_its_smile():
    row = term_structure(RISING).iloc[2]
    measures = smile_measures(RISING.smile(1.0))
    assert_allclose(row[measures.index], measures)


def test_a_rising_term_is_contango_and_a_falling_one_is_not():
    found = term_slope(RISING)
    assert found.contango
    assert (found.near, found.far) == (approx(0.18), approx(0.20))
    assert found.slope == approx(0.02)
    assert found.ratio == approx(0.20 / 0.18)
    assert found.forward_volatility == approx(np.sqrt((0.20**2 * 90 - 0.18**2 * 30) / 60))
    assert not found.extrapolated
    assert not term_slope(surface([0.30, 0.25, 0.22])).contango


def test_times_outside_the_fitted_expiries_are_told():
    assert term_slope(RISING, 10, 90).extrapolated
    assert term_slope(RISING, 30, 700).extrapolated


def test_the_nearer_time_comes_first():
    with pytest.raises(PricingInputError, match="`near_days` is 90 and `far_days` 30"):
        term_slope(RISING, 90, 30)
    with pytest.raises(PricingInputError, match="`near_days` is 0"):
        term_slope(RISING, 0, 30)
