"""Expiration dates against the lists that exchanges publish, and against rules that always hold."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError
from workbench.market import is_session, next_session, previous_session
from workbench.market.expirations import (
    expirations,
    last_trading_day,
    monthly_expiry,
    next_expiry,
    symbol_expiry,
    third_friday,
    vix_expiry,
)

# Cboe's options expiration calendars: month and day of the standard monthly options.
MONTHLY = {
    2026: "0116 0220 0320 0417 0515 0618 0717 0821 0918 1016 1120 1218",
    2027: "0115 0219 0319 0416 0521 0617 0716 0820 0917 1015 1119 1217",
    2028: "0121 0218 0317 0421 0519 0616 0721 0818 0915 1020 1117 1215",
}
VIX = {
    2026: "0121 0218 0318 0415 0519 0617 0722 0819 0916 1021 1118 1216",
    2027: "0120 0217 0317 0421 0518 0616 0721 0818 0915 1020 1117",
}
months = st.tuples(st.integers(1995, 2048), st.integers(1, 12))


@pytest.mark.parametrize("year", MONTHLY)
def test_monthly_expiries_are_the_published_ones(year):
    published = pd.DatetimeIndex([f"{year}{day}" for day in MONTHLY[year].split()])
    assert list(expirations(f"{year}-01-01", f"{year}-12-31")) == list(published)


@pytest.mark.parametrize("year", VIX)
def test_expiries_of_vix_are_the_published_ones(year):
    found = [f"{vix_expiry(year, month):%m%d}" for month in range(1, 1 + len(VIX[year].split()))]
    assert found == VIX[year].split()


@given(months)
def test_a_third_friday_is_a_friday_between_the_15th_and_the_21st(month):
    day = third_friday(*month)
    assert day.weekday() == 4
    assert 15 <= day.day <= 21


@given(months)
def test_every_expiry_is_a_session_in_the_week_of_its_friday(month):
    day, friday = monthly_expiry(*month), third_friday(*month)
    assert is_session("XNYS", day)
    assert 0 <= (friday - day).days <= 4


def test_symbols_carried_saturdays_until_february_2015():
    assert symbol_expiry(2015, 1) == date(2015, 1, 17)
    assert symbol_expiry(2014, 4) == date(2014, 4, 19)  # Good Friday was the day before
    assert monthly_expiry(2014, 4) == date(2014, 4, 17)
    assert symbol_expiry(2015, 2) == date(2015, 2, 20)


def test_weeklies_are_fridays_but_for_holidays_and_daily_is_every_session():
    weekly = expirations("2026-03-30", "2026-04-10", "weekly")
    assert [day.date() for day in weekly] == [date(2026, 4, 2), date(2026, 4, 10)]  # 3 April: Good Friday
    assert len(expirations("2026-11-23", "2026-11-27", "daily")) == 4


def test_a_friday_past_the_end_may_give_way_to_a_session_before_it():
    assert [day.date() for day in expirations("2026-04-01", "2026-04-02", "weekly")] == [date(2026, 4, 2)]


def test_quarterlies_are_the_last_sessions_of_quarters():
    found = [day.date() for day in expirations("2027-01-01", "2027-12-31", "quarterly")]
    assert found == [date(2027, 3, 31), date(2027, 6, 30), date(2027, 9, 30), date(2027, 12, 31)]


def test_a_morning_settlement_stops_trading_the_session_before():
    assert last_trading_day("2026-11-20") == date(2026, 11, 20)
    assert last_trading_day("2026-11-20", settlement="AM") == date(2026, 11, 19)
    assert last_trading_day("2015-01-17") == date(2015, 1, 16)
    assert next_expiry("2026-11-20") == date(2026, 12, 18)
    assert next_expiry("2026-11-25", "daily") == next_session("XNYS", "2026-11-25") == date(2026, 11, 27)
    assert previous_session("XNYS", "2026-11-27") == date(2026, 11, 25)


def test_an_unknown_cycle_is_answered_with_those_there_are():
    with pytest.raises(ArgumentError, match="'monthly', 'weekly'"):
        expirations("2026-01-01", "2026-02-01", "yearly")
