"""Dates and times as vendors write them; what can mean two instants is refused or set aside."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers.tables import table_from_frame
from workbench.providers.time_columns import read_times

NEW_YORK = "America/New_York"


def read(*values, **options):
    return read_times(table_from_frame(pd.DataFrame({"t": list(values)})), ["t"], **options)


def utc(*texts):
    return [pd.Timestamp(text, tz="UTC") for text in texts]


@pytest.mark.parametrize(
    "written",
    [
        "2021-01-04", "2021/1/4", "20210104", "Jan 4, 2021", "4-Jan-2021", "04 January 2021",
        "04JAN2021",
        "2021-01-04T00:00:00Z", "2021-01-04 00:00:00-05:00", "2021-01-04 00:00", "1609718400",
        date(2021, 1, 4), pd.Timestamp("2021-01-04"), pd.Timestamp("2021-01-04", tz=NEW_YORK), 20210104,
        1609718400000,
    ],
)  # fmt: skip
def test_a_date_is_a_session_date_however_it_is_written(written):
    times = read(written)
    assert times.daily
    assert times.values.tolist() == utc("2021-01-04")


@pytest.mark.parametrize(
    "written",
    [
        "2021-01-04T14:30:00Z", "2021-01-04 14:30:00 UTC", "2021-01-04T09:30:00-05:00",
        "2021-01-04 093000-0500", "2021-01-04 09:30:00-05", "2021-01-04 14:30:00+00",
        "1609770600", "1609770600000", "1609770600000000", "1609770600000000000", 1609770600,
        pd.Timestamp("2021-01-04 09:30", tz=NEW_YORK),
    ],
)  # fmt: skip
def test_an_instant_is_the_same_however_it_is_written(written):
    times = read(written)
    assert not times.daily
    assert times.values.tolist() == utc("2021-01-04 14:30")


@pytest.mark.parametrize(
    "written", ["2021-01-04 09:30", "20210104 0930", "1/4/2021 9:30 AM", "Jan 4, 2021 09:30:00"]
)
def test_a_wall_clock_needs_its_zone(written):
    other = "1/31/2021 12:00 PM"  # shows that the month leads
    times = read(written, other, time_zone=NEW_YORK)
    assert times.values.tolist() == utc("2021-01-04 14:30", "2021-01-31 17:00")
    with pytest.raises(DataFormatError, match="tell no zone; give it with time_zone="):
        read(written, other)


def test_hours_that_clocks_skip_or_repeat_are_set_aside():
    times = read("2021-03-14 02:30", "2021-11-07 01:30", "2021-07-01 12:00", time_zone=NEW_YORK)
    assert times.values.isna().tolist() == [True, True, False]
    assert "does not exist in America/New_York" in times.reasons[0]
    assert "happens twice in America/New_York" in times.reasons[1]
    assert times.reasons[2] is None


def test_an_offset_settles_the_repeated_hour():
    times = read("2021-11-07T01:30:00-04:00", "2021-11-07T01:30:00-05:00", time_zone=NEW_YORK)
    assert times.values.tolist() == utc("2021-11-07 05:30", "2021-11-07 06:30")


def test_month_and_day_are_told_by_another_row():
    assert read("03/04/2021", "03/25/2021").values.tolist() == utc("2021-03-04", "2021-03-25")
    assert read("03/04/2021", "25.03.2021").values.tolist() == utc("2021-04-03", "2021-03-25")


def test_month_and_day_that_nothing_tells_are_refused():
    with pytest.raises(
        DataFormatError, match=r"'03/04/2021' .* may be day or month first; write dates as 2021"
    ):
        read("03/04/2021", "05/06/2021")
    with pytest.raises(DataFormatError, match="mixes both orders"):
        read("13/04/2021", "04/13/2021")


def test_a_format_that_is_said_is_used():
    assert read("03/04/2021", pattern="%d/%m/%Y").values.tolist() == utc("2021-04-03")
    assert read("31.12.20", pattern="%d.%m.%y").values.tolist() == utc("2020-12-31")
    noon = read("3/4/21 12:00 -0500", pattern="%m/%d/%y %H:%M %z")
    assert noon.values.tolist() == utc("2021-03-04 17:00")


def test_two_digits_behind_a_date_alone_are_no_zone():
    with pytest.raises(DataFormatError, match=r"No value of .* can be read as a date or time"):
        read("2021-01-04-05", "2021-01-05+00")


def test_a_format_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="'%Q' for `t` of the frame is no date format"):
        read("2021-01-04", pattern="%Q")


def test_dates_that_do_not_exist_are_set_aside_and_missing_ones_are_missing():
    times = read("2021-02-30", None, "2021-13-01", "soon", "2021-02-28")
    assert times.values.isna().tolist() == [True, True, True, True, False]
    assert times.reasons.tolist() == [
        "`t` 2021-02-30 is no date or time", None, "`t` 2021-13-01 is no date or time",
        "`t` soon is no date or time", None,
    ]  # fmt: skip


def test_a_column_without_one_date_is_no_time_column():
    with pytest.raises(DataFormatError, match=r"No value of `t` .*the first is 'soon'"):
        read("soon", "later")


def test_a_date_among_times_is_set_aside():
    times = read("2021-01-04T14:30Z", "2021-01-05")
    assert times.values.isna().tolist() == [False, True]
    assert "without the time of day" in times.reasons[1]


def test_only_the_date_of_an_expiry_counts():
    assert read("2021-01-29 16:00:00", only_days=True).values.tolist() == utc("2021-01-29")


def test_date_and_time_may_stand_in_two_columns():
    table = table_from_frame(pd.DataFrame({"d": ["2021-01-04"], "t": ["09:30:00"]}))
    times = read_times(table, ["d", "t"], time_zone=NEW_YORK)
    assert times.values.tolist() == utc("2021-01-04 14:30")


def test_an_unknown_zone_is_named():
    with pytest.raises(ArgumentError, match="No time zone is named 'Mars/Olympus'"):
        read("2021-01-04", time_zone="Mars/Olympus")


@given(
    st.lists(st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2150-01-01")), min_size=2, max_size=10)
)
def test_any_instant_survives_being_written(instants):
    written = [f"{instant.isoformat()}Z" for instant in instants]
    times = read(*written)
    expected = [pd.Timestamp(instant, tz="UTC") for instant in instants]
    assert times.daily or times.values.tolist() == expected


def beside(values, others):
    table = table_from_frame(pd.DataFrame({"t": values, "other": others}))
    return read_times(table, ["t"], beside="other").values.tolist()


def test_another_column_of_the_file_tells_which_number_is_the_month():
    """A chain has one quote date, which alone tells nothing twelve days a month; its expiries do."""
    assert beside(["03/04/2021"] * 2, ["03/05/2021", "03/19/2021"]) == utc("2021-03-04", "2021-03-04")
    assert beside(["03/04/2021"] * 2, ["05/03/2021", "19/03/2021"]) == utc("2021-04-03", "2021-04-03")


def test_a_column_that_tells_its_own_order_asks_no_other():
    assert beside(["03/14/2021"], ["19/03/2021"]) == utc("2021-03-14")


@pytest.mark.parametrize("others", [["05/06/2021", "06/05/2021"], ["03/19/2021", "19/03/2021"], [1.0, 2.0]])
def test_another_column_without_an_order_leaves_the_question_open(others):
    with pytest.raises(DataFormatError, match="may be day or month first"):
        beside(["03/04/2021"] * 2, others)
