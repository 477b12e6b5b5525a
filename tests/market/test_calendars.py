"""Sessions of the New York Stock Exchange against dates that the press and the exchange published."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from workbench.errors import ArgumentError, DateInputError
from workbench.market import (
    exchange_zone,
    is_session,
    last_session,
    next_session,
    previous_session,
    session_close,
    session_closes,
    session_open,
    sessions,
    years_to_expiry,
)

# NYSE holidays of ten years, by hand from the exchange's yearly announcements: month and day.
HOLIDAYS = {
    2004: "0101 0119 0216 0409 0531 0611 0705 0906 1125 1224",  # 11 June: funeral of President Reagan
    2005: "0117 0221 0325 0530 0704 0905 1124 1226",
    2006: "0102 0116 0220 0414 0529 0704 0904 1123 1225",
    2007: "0101 0102 0115 0219 0406 0528 0704 0903 1122 1225",  # 2 January: funeral of President Ford
    2008: "0101 0121 0218 0321 0526 0704 0901 1127 1225",
    2009: "0101 0119 0216 0410 0525 0703 0907 1126 1225",
    2010: "0101 0118 0215 0402 0531 0705 0906 1125 1224",
    2011: "0117 0221 0422 0530 0704 0905 1124 1226",
    2012: "0102 0116 0220 0406 0528 0704 0903 1029 1030 1122 1225",  # 29 and 30 October: hurricane Sandy
    2013: "0101 0121 0218 0329 0527 0704 0902 1128 1225",
}
# Days that ended at 13:00 New York time.
HALF_DAYS = [
    "2004-11-26", "2005-11-25", "2006-07-03", "2006-11-24", "2007-07-03", "2007-11-23", "2007-12-24",
    "2008-07-03", "2008-11-28", "2008-12-24", "2009-11-27", "2009-12-24", "2010-11-26", "2011-11-25",
    "2012-07-03", "2012-11-23", "2012-12-24", "2013-07-03", "2013-11-29", "2013-12-24",
]  # fmt: skip


@pytest.mark.parametrize("year", HOLIDAYS)
def test_sessions_are_the_weekdays_without_the_published_holidays(year):
    holidays = [pd.Timestamp(f"{year}{day}") for day in HOLIDAYS[year].split()]
    weekdays = pd.bdate_range(f"{year}-01-01", f"{year}-12-31")
    assert sessions("XNYS", f"{year}-01-01", f"{year}-12-31").equals(weekdays.difference(holidays))


def test_the_exchange_was_closed_after_september_11():
    closed = [date(2001, 9, day) for day in (11, 12, 13, 14)]
    assert not any(is_session("XNYS", day) for day in closed)
    assert next_session("XNYS", "2001-09-10") == date(2001, 9, 17)
    assert previous_session("XNYS", "2001-09-17") == date(2001, 9, 10)


def test_half_days_end_at_one_and_all_others_at_four():
    closes = session_closes("XNYS", sessions("XNYS", "2004-01-01", "2013-12-31"))
    local = closes.tz_convert("America/New_York")
    early = local[local.hour != 16]
    assert early.strftime("%Y-%m-%d").tolist() == HALF_DAYS
    assert set(early.strftime("%H:%M")) == {"13:00"}


def test_opens_and_closes_follow_summer_time():
    assert session_open("XNYS", "2013-03-08") == pd.Timestamp("2013-03-08 14:30", tz="UTC")
    assert session_close("XNYS", date(2013, 3, 8)) == pd.Timestamp("2013-03-08 21:00", tz="UTC")
    assert session_close("XNYS", "2013-03-11") == pd.Timestamp("2013-03-11 20:00", tz="UTC")
    assert exchange_zone("XNYS") == "America/New_York"


def test_a_session_counts_once_its_close_has_come():
    close = pd.Timestamp("2013-03-01 21:00", tz="UTC")
    assert last_session("XNYS", close) == date(2013, 3, 1)
    assert last_session("XNYS", close - pd.Timedelta(seconds=1)) == date(2013, 2, 28)
    sunday_in_tokyo = pd.Timestamp("2013-03-03 12:00", tz="Asia/Tokyo")
    assert last_session("XNYS", sunday_in_tokyo) == date(2013, 3, 1)


def test_dates_without_a_session_have_no_close():
    closes = session_closes("XNYS", pd.DatetimeIndex(["2013-03-01", "2013-03-02", None]))
    assert closes.isna().tolist() == [False, True, True]
    with pytest.raises(DateInputError, match="2013-03-02 is no session of XNYS; the next one is 2013-03-04"):
        session_close("XNYS", "2013-03-02")


def test_years_run_to_the_close_of_the_expiry_in_years_of_365_days():
    now = session_close("XNYS", "2021-09-17")
    years = years_to_expiry(now, [date(2022, 9, 16), date(2021, 9, 17), date(2021, 9, 16), None])
    assert_allclose(years, [364 / 365, 0, 0, np.nan])
    an_hour_before = years_to_expiry(now - pd.Timedelta(hours=1), [date(2021, 9, 17)])
    assert_allclose(an_hour_before, [1 / (24 * 365)])


def test_a_saturday_expiry_ends_with_the_friday_before():
    """Standard contracts before February 2015 carry the Saturday; they last traded on the Friday."""
    now = session_close("XNYS", "2014-06-06")
    saturday, friday = years_to_expiry(now, [date(2014, 6, 21), date(2014, 6, 20)])
    assert saturday == friday == pytest.approx(14 / 365)
    # Good Friday 2014-04-18 was no session, so the Saturday behind it ends on the Thursday.
    before = session_close("XNYS", "2014-04-16")
    assert years_to_expiry(before, [date(2014, 4, 19)]) == pytest.approx([1 / 365])


def test_each_row_may_have_its_own_instant():
    instants = pd.DatetimeIndex(["2021-01-04 21:00", "2021-01-05 21:00"], tz="UTC")
    assert_allclose(years_to_expiry(instants, ["2021-01-06", "2021-01-06"]), [2 / 365, 1 / 365])


def test_long_expiries_lie_inside_the_calendar():
    assert years_to_expiry(pd.Timestamp("2026-11-20 21:00", tz="UTC"), [date(2031, 12, 19)])[0] > 5


def test_calendars_with_fewer_years_work_inside_theirs():
    assert is_session("XBOM", "2020-01-02")
    with pytest.raises(DateInputError, match="XBOM"):
        sessions("XBOM", "1991-01-01", "1991-02-01")


@pytest.mark.parametrize(
    "question, error, complaint",
    [
        (lambda: sessions("NOPE", "2020-01-01", "2020-02-01"), ArgumentError, "No calendar is named 'NOPE'"),
        (lambda: is_session("XNYS", "yesterday"), DateInputError, "is no date"),
        (lambda: is_session("XNYS", "2021-01-04 12:00"), DateInputError, "no plain date"),
        (lambda: is_session("XNYS", "1889-01-04"), DateInputError, "outside 1990"),
        (lambda: last_session("XNYS", pd.Timestamp("2021-01-04")), DateInputError, "no time zone"),
        (
            lambda: years_to_expiry(pd.Timestamp("2021-01-04", tz="UTC"), [date(2099, 1, 16)]),
            DateInputError,
            "2099-01-16 is outside",
        ),
    ],
)
def test_questions_without_an_answer_say_why(question, error, complaint):
    with pytest.raises(error, match=complaint):
        question()
