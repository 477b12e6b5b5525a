"""Dates of feeds in their many forms, and sessions and quarters of calendars."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DateInputError
from workbench.providers.periods import period_of
from workbench.providers.report_dates import fiscal_quarter, session_of, session_of_clock, weeks
from workbench.providers.story_times import story_time


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("Fri, 20 Nov 2026 09:31:05 -0500", "2026-11-20T14:31:05+00:00"),
        ("Fri, 20 Nov 2026 09:31:05 EST", "2026-11-20T14:31:05+00:00"),
        ("Fri, 3 Jul 2026 09:31:05 EDT", "2026-07-03T13:31:05+00:00"),
        ("20 Nov 26 09:31 GMT", "2026-11-20T09:31:00+00:00"),
        ("Fri, 20 Nov 2026 09:31:05 Z", "2026-11-20T09:31:05+00:00"),
        ("Fri, 20 Nov 2026 14:03 CET", "2026-11-20T13:03:00+00:00"),
        ("Friday, 20 November 2026 14:03:05 BST", "2026-11-20T13:03:05+00:00"),
        ("2026-11-20T14:03:00Z", "2026-11-20T14:03:00+00:00"),
        ("2026-11-20T14:03:00.1234567Z", "2026-11-20T14:03:00.123456+00:00"),
        ("2026-11-20T14:03+01:00", "2026-11-20T13:03:00+00:00"),
        ("2026-11-20 14:03:00 +0100", "2026-11-20T13:03:00+00:00"),
        ("2026-11-20 14:03:00 UTC", "2026-11-20T14:03:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("20261120T143000", "2026-11-20T14:30:00+00:00"),
        ("November 20, 2026 2:03 PM", "2026-11-20T14:03:00+00:00"),
        ("20 November 2026", "2026-11-20T00:00:00+00:00"),
        ("1760000000", "2025-10-09T08:53:20+00:00"),
        (1760000000.0, "2025-10-09T08:53:20+00:00"),
        ("1760000000123", "2025-10-09T08:53:20.123000+00:00"),
        ("  Fri,\n 20 Nov 2026 09:31:05 -0500 ", "2026-11-20T14:31:05+00:00"),
    ],
)
def test_a_date_is_read_as_the_instant_that_it_means(written, instant):
    assert story_time(written) == instant


@pytest.mark.parametrize(
    "written", ["03/04/2026", "soon", "Thu, 31 Nov 2026 00:00:00 GMT", "99999999999999999"]
)
def test_what_is_no_date_or_could_be_two_is_given_back_to_be_refused(written):
    assert story_time(written) == written


def test_nothing_is_nothing():
    assert story_time(None) is None
    assert story_time(" ") is None
    assert story_time(True) is None


@given(st.text(max_size=60))
def test_no_text_is_too_odd(text):
    found = story_time(text)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("word", "session"),
    [
        ("bmo", "before_open"),
        ("AMC", "after_close"),
        ("dmh", "during"),
        ("pre-market", "before_open"),
        ("post-market", "after_close"),
        ("", "unknown"),
        (None, "unknown"),
        ("tbd", "unknown"),
    ],
)
def test_sessions_by_name(word, session):
    assert session_of(word) == session


@pytest.mark.parametrize(
    ("clock", "session"),
    [
        ("07:00:00", "before_open"),
        ("09:29:59", "before_open"),
        ("09:30:00", "during"),
        ("15:59:59", "during"),
        ("16:00:00", "after_close"),
        ("16:05", "after_close"),
        ("00:00:00", "unknown"),
        ("", "unknown"),
        ("noon", "unknown"),
    ],
)
def test_sessions_by_the_clock_of_new_york(clock, session):
    assert session_of_clock(clock) == session


def test_fiscal_periods_have_one_form():
    assert fiscal_quarter(2026, "Q3") == fiscal_quarter("2026", 3) == "2026Q3"
    assert fiscal_quarter(2026, "FY") == "2026FY"
    assert fiscal_quarter(2026, 5) is None
    assert fiscal_quarter(None, 1) is None


def test_weeks_cover_a_period_once():
    found = list(weeks(period_of("2026-10-01", "2026-10-15"), label="F"))
    assert found == [
        (date(2026, 10, 1), date(2026, 10, 7)),
        (date(2026, 10, 8), date(2026, 10, 14)),
        (date(2026, 10, 15), date(2026, 10, 15)),
    ]
    with pytest.raises(DateInputError, match="F needs"):
        list(weeks(period_of(None, "2026-10-15"), label="F"))
