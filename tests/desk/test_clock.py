"""A date means a session's close; a wrong one is refused."""

from datetime import date

import pandas as pd
import pytest

from workbench.desk.clock import parse_instant, resolve_as_of
from workbench.errors import DateInputError
from workbench.settings import ClockSettings, DeskSettings

NOW = pd.Timestamp("2026-11-20 15:00", tz="UTC")
DEMO = DeskSettings(clock=ClockSettings(as_of=date(2013, 3, 1), label="sample data"))


def test_a_date_is_the_close_of_its_session():
    """The first of March 2013: sixteen hours in New York, before daylight saving began."""
    assert parse_instant("2013-03-01", "XNYS") == pd.Timestamp("2013-03-01 21:00", tz="UTC")


def test_a_half_day_closes_early():
    """The day after Thanksgiving 2012 closed at 13:00."""
    assert parse_instant(date(2012, 11, 23), "XNYS") == pd.Timestamp("2012-11-23 18:00", tz="UTC")


def test_a_day_off_is_the_close_before_it():
    """A Sunday's book is Friday's."""
    assert parse_instant("2013-03-03", "XNYS") == pd.Timestamp("2013-03-01 21:00", tz="UTC")


def test_a_naive_time_is_exchange_time():
    """Half past nine is the open in New York."""
    assert parse_instant("2013-02-28 09:30", "XNYS") == pd.Timestamp("2013-02-28 14:30", tz="UTC")


def test_the_fixed_clock_of_a_demo_is_said_on_every_face():
    """The desk's clock is the last session of its data."""
    moment = resolve_as_of(None, DEMO, NOW)
    assert moment.note == "as of 2013-03-01, sample data"
    assert moment.text == "Fri 1 Mar 2013, 16:00 New York"


def test_a_date_after_the_clock_is_refused():
    """The future of a desk is not for asking."""
    with pytest.raises(DateInputError, match="after the desk's clock"):
        resolve_as_of("2013-03-04", DEMO, NOW)


@pytest.mark.parametrize("wrong", ["2013-02-30", "yesterday-ish", ""])
def test_a_wrong_date_is_refused_in_one_sentence(wrong):
    """What, and how to write it."""
    with pytest.raises(DateInputError, match="2013-03-01"):
        resolve_as_of(wrong, DEMO, NOW)


def test_the_wall_clock_before_the_close_belongs_to_the_session_before():
    """At ten in New York the last finished session is yesterday's."""
    moment = resolve_as_of(None, DeskSettings(), NOW)
    assert moment.instant == NOW
    assert moment.session == date(2026, 11, 19)


@pytest.mark.parametrize("wrong", ["03/01/2013", "2013", "-5", "now", "1362096000", 20130301, 5.0, True])
def test_only_iso_dates_are_read(wrong):
    """03/01 is one day in New York and another in London; a number is none at all."""
    with pytest.raises(DateInputError, match="write it as 2013-03-01"):
        parse_instant(wrong, "XNYS")


@pytest.mark.parametrize(
    "right", ["2013-03-01", "20130301", "2013-3-1", "2013-03-01T16:00", "2013-03-01 21:00Z"]
)
def test_iso_dates_are_read_in_each_of_their_forms(right):
    """All of them are the close of the first of March."""
    assert parse_instant(right, "XNYS") == pd.Timestamp("2013-03-01 21:00", tz="UTC")
