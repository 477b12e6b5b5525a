"""Open and closed, and the time that passes only while the exchange trades."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.errors import DateInputError
from workbench.market import session_close, session_open, years_to_expiry
from workbench.market.trading_hours import (
    is_in_session,
    market_status,
    trading_years,
    trading_years_to_expiry,
)


def at(text, zone="America/New_York"):
    return pd.Timestamp(text, tz=zone)


@pytest.mark.parametrize(
    "instant, phase, text",
    [
        ("2026-11-20 09:29", "before_open", "closed until 09:30 New York"),
        ("2026-11-20 09:30", "open", "open until 16:00 New York"),
        ("2026-11-20 16:00", "after_close", "closed until Mon 23 Nov, 09:30 New York"),
        ("2026-11-21 12:00", "closed", "closed until Mon 23 Nov, 09:30 New York"),
        ("2026-11-26 12:00", "closed", "closed until Fri 27 Nov, 09:30 New York (half day)"),
        ("2026-11-27 12:59", "open", "open until 13:00 New York (half day)"),
        ("2026-11-27 13:00", "after_close", "closed until Mon 30 Nov, 09:30 New York"),
        ("2025-01-09 12:00", "closed", "closed until Fri 10 Jan, 09:30 New York"),  # day of mourning
    ],
)
def test_the_status_is_what_the_exchange_announced(instant, phase, text):
    status = market_status("XNYS", at(instant))
    assert status.phase == phase
    assert status.text.replace(" (half day)", "") == text.replace(" (half day)", "")
    assert status.is_open == (phase == "open")


def test_a_half_day_is_said_while_it_matters():
    assert market_status("XNYS", at("2026-11-27 12:59")).text.endswith("(half day)")
    assert not market_status("XNYS", at("2026-11-27 13:00")).text.endswith("(half day)")


def test_mumbai_opens_at_a_quarter_past_nine():
    status = market_status("XBOM", at("2026-11-20 09:15", "Asia/Kolkata"))
    assert status.is_open
    assert status.next_close == at("2026-11-20 15:30", "Asia/Kolkata")


def test_many_instants_at_once_agree_with_one_by_one():
    instants = pd.date_range("2026-11-19", "2026-11-29", freq="7min", tz="UTC")
    one_by_one = [market_status("XNYS", instant).is_open for instant in instants[::20]]
    assert is_in_session("XNYS", instants)[::20].tolist() == one_by_one
    assert is_in_session("XNYS", pd.DatetimeIndex([pd.NaT]).tz_localize("UTC")).tolist() == [False]


def test_a_full_session_is_a_252nd_of_a_year_and_a_half_day_its_part():
    opened = session_open("XNYS", "2026-11-25")
    ends = pd.DatetimeIndex(
        [
            session_close("XNYS", "2026-11-25"),
            session_open("XNYS", "2026-11-27"),
            session_close("XNYS", "2026-11-27"),
        ]
    )
    assert_allclose(trading_years(opened, ends) * 252, [1, 1, 1 + 210 / 390], rtol=1e-12)


def test_nights_and_weekends_take_no_trading_time():
    friday, monday = at("2026-11-20 16:00"), at("2026-11-23 09:30")
    assert trading_years(friday, [monday]) == 0
    assert trading_years(friday, [at("2026-11-23 16:00")]) * 252 == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3 * 365 * 24 * 60), min_size=3, max_size=3).map(sorted))
def test_time_adds_up_and_never_runs_back(minutes):
    start, middle, end = (at("2024-01-02 08:00") + pd.Timedelta(minutes=count) for count in minutes)
    whole = trading_years(start, [middle, end, start])
    assert whole[1] == pytest.approx(whole[0] + trading_years(middle, [end])[0], abs=1e-12)
    assert whole[2] == 0
    assert trading_years(end, [start])[0] == 0


def test_a_morning_settlement_leaves_a_session_less():
    now = at("2026-11-18 16:00")
    evening, morning = trading_years_to_expiry(
        now, ["2026-11-20", "2026-11-20"], settlement=np.array(["PM", "AM"])
    )
    assert (evening - morning) * 252 == pytest.approx(1)
    assert evening * 252 == pytest.approx(2)


def test_a_year_of_both_clocks_is_about_a_year():
    now = at("2026-01-02 16:00")
    calendar_years = years_to_expiry(now, ["2027-01-04"])[0]
    assert trading_years_to_expiry(now, ["2027-01-04"])[0] == pytest.approx(calendar_years, rel=0.02)


def test_instants_without_a_zone_are_refused():
    with pytest.raises(DateInputError, match="time zone"):
        market_status("XNYS", pd.Timestamp("2026-11-20 12:00"))
    with pytest.raises(DateInputError, match="time zone"):
        trading_years(at("2026-11-20"), [pd.Timestamp("2026-11-23")])
