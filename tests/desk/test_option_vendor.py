"""A vendor's figures beside ours: what differs is said, what is a unit, a rounding or a gap is not."""

import numpy as np
import pandas as pd
import pytest

from workbench.desk.option_vendor import in_natural_units, parts_of
from workbench.pricing import black_scholes_greeks

STRIKES = np.arange(3000.0, 6001.0, 25.0)
OURS = {"delta": "delta", "gamma": "gamma", "theta_day": "theta", "vega_point": "vega"}
VENDOR_COLUMNS = [f"vendor_{name}" for name in OURS.values()]


def sheet(**changes):
    """Return an index chain of two months at 18 %; the vendor's figures are ours, but for changes."""
    frame = pd.DataFrame({"implied_volatility": 0.18, "vendor_implied_volatility": 0.18}, index=STRIKES)
    greeks = black_scholes_greeks(4450.0, STRIKES, 60 / 365, 0.18, rate=0.03, units="trader")
    for ours, name in OURS.items():
        frame[ours] = np.asarray(greeks[name])
        frame[f"vendor_{name}"] = frame[ours]
    return frame.assign(**changes)


@pytest.mark.parametrize("decimals", range(6))
def test_a_vendor_that_rounds_parts_nowhere(decimals):
    """Gamma of an index is 0.0008: one that is written with three decimals is off by half of that."""
    frame = sheet()
    for name in VENDOR_COLUMNS:
        frame[name] = frame[name].round(decimals)
    assert not parts_of(frame).any()


def test_a_difference_beyond_the_rounding_is_said():
    frame = sheet()
    frame["vendor_delta"] = (frame["delta"] + 0.03).round(2)
    said = parts_of(frame)
    assert all(text.startswith("delta 0.0") and text.endswith(" below") for text in said)


@pytest.mark.parametrize("none", [0.0, -1.0, -99.99])
def test_a_volatility_that_the_vendor_did_not_find_is_missing_and_its_greeks_are_of_nothing(none):
    frame = sheet()
    frame.loc[4450.0, "vendor_implied_volatility"] = none
    frame.loc[4450.0, VENDOR_COLUMNS] = 0.0
    assert not in_natural_units(frame)
    assert np.isnan(frame.loc[4450.0, "vendor_implied_volatility"])
    assert not parts_of(frame).any()


def test_greeks_alone_are_compared_where_a_vendor_gives_no_volatilities():
    frame = sheet(vendor_implied_volatility=np.nan)
    frame.loc[4450.0, "vendor_delta"] += 0.1
    said = parts_of(frame)
    assert [text for text in said if text] == ["delta 0.100 below"]


def test_theta_a_year_and_vega_per_one_are_a_unit_and_no_difference():
    frame = sheet()
    frame["vendor_theta"], frame["vendor_vega"] = frame["theta_day"] * 365, frame["vega_point"] * 100
    assert not parts_of(frame).any()
    frame.loc[4450.0, "vendor_theta"] *= 1.2
    (said,) = [text for text in parts_of(frame) if text]
    assert said.startswith("theta ")
    assert said.endswith(" $ a day above"), "theta is negative: a fifth less lies above"


def test_gaps_of_the_vendors_part_nowhere():
    frame = sheet()
    frame.loc[4000.0:4500.0, [*VENDOR_COLUMNS, "vendor_implied_volatility"]] = np.nan
    in_natural_units(frame)
    assert not parts_of(frame).any()
