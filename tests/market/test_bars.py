"""Coarser bars against a fold written on the clock of the exchange, across both changes of that clock."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from math import isnan, nan
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ArgumentError, DataFormatError
from workbench.market.bars import interval_seconds, resample_bars

NEW_YORK = ZoneInfo("America/New_York")
OPEN, CLOSE = time(9, 30), time(16, 0)
# Weekdays around the changes of the clock of 2021, on 14 March and 7 November; no holiday is among them.
DAYS = [date(2021, 3, d) for d in (11, 12, 15, 16)] + [date(2021, 11, d) for d in (4, 5, 8, 9)]


def local(day, clock):
    return datetime.combine(day, clock, NEW_YORK)


def frame(rows):
    """Make bars of (instant, open, high, low, close, volume, vwap)."""
    index = pd.DatetimeIndex(pd.to_datetime([row[0] for row in rows], utc=True), name="time")
    columns = ["open", "high", "low", "close", "volume", "vwap"]
    return pd.DataFrame([row[1:] for row in rows], index=index, columns=columns, dtype=float)


def fold(rows):
    """Fold the rows of one bar, one after the other."""
    _, first, high, low, close, volume, vwap = rows[0]
    money = vwap * volume
    for _, _, row_high, row_low, row_close, row_volume, row_vwap in rows[1:]:
        high, low, close = max(high, row_high), min(low, row_low), row_close
        volume, money = volume + row_volume, money + row_vwap * row_volume
    return first, high, low, close, volume, money / volume if volume else nan


def reference(rows, minutes):
    """Group by the exchange's wall clock, counted from half past nine; `minutes` None gives days."""
    groups = defaultdict(list)
    for row in rows:
        there = row[0].astimezone(NEW_YORK)
        if not OPEN <= there.time() < CLOSE:
            continue
        if minutes is None:
            groups[datetime.combine(there.date(), time(0), ZoneInfo("UTC"))].append(row)
            continue
        since = (there.hour * 60 + there.minute) - (9 * 60 + 30)
        begin = datetime.combine(there.date(), OPEN) + timedelta(minutes=since // minutes * minutes)
        groups[begin.replace(tzinfo=NEW_YORK)].append(row)
    return [(when, *fold(group)) for when, group in sorted(groups.items())]


@st.composite
def five_minute_rows(draw):
    """Bars of five minutes, some missing, some before the open and after the close."""
    rows = []
    for day in draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True).map(sorted)):
        places = draw(st.lists(st.integers(-20, 100), min_size=1, max_size=25, unique=True).map(sorted))
        for place in places:
            begin = datetime.combine(day, OPEN) + timedelta(minutes=5 * place)
            prices = [draw(st.integers(100, 900)) / 4 for _ in range(4)]
            volume = draw(st.integers(0, 1000))
            high, low = max(prices), min(prices)
            rows.append(
                (begin.replace(tzinfo=NEW_YORK), prices[0], high, low, prices[1], volume, (high + low) / 2)
            )
    return rows


@settings(max_examples=60, deadline=None)
@given(rows=five_minute_rows(), interval=st.sampled_from(["10m", "15m", "1h", "4h", "1d"]))
def test_coarser_bars_are_a_fold_on_the_clock_of_the_exchange(rows, interval):
    minutes = None if interval == "1d" else interval_seconds(interval) // 60
    expected = reference(rows, minutes)
    made = resample_bars(frame(rows), interval, source_interval="5m")
    assert made.index.tolist() == [pd.Timestamp(row[0]).tz_convert("UTC") for row in expected]
    for shown, row in zip(made.itertuples(index=False), expected, strict=True):
        assert (shown.open, shown.high, shown.low, shown.close, shown.volume) == row[1:6]
        assert (isnan(shown.vwap) and isnan(row[6])) or shown.vwap == pytest.approx(row[6], rel=1e-12)


@given(rows=five_minute_rows())
@settings(max_examples=20, deadline=None)
def test_two_steps_come_where_one_step_comes(rows):
    bars = frame(rows).drop(columns="vwap")
    half = resample_bars(bars, "30m", source_interval="5m")
    for interval in ("1h", "1d", "1w"):
        once = resample_bars(bars, interval, source_interval="5m")
        pd.testing.assert_frame_equal(resample_bars(half, interval, source_interval="30m"), once)


def test_the_first_hour_begins_at_half_past_nine_on_both_sides_of_a_clock_change():
    rows = [(local(day, time(9, 30)), 10, 11, 9, 10, 100, 10) for day in DAYS]
    made = resample_bars(frame(rows), "1h", source_interval="5m")
    assert [f"{each:%H:%M}" for each in made.index] == ["14:30"] * 2 + ["13:30"] * 4 + ["14:30"] * 2


def test_a_half_day_ends_at_its_own_close():
    day = date(2021, 11, 26)  # the day after Thanksgiving closes at 13:00
    rows = [(local(day, clock), 10, 11, 9, 10, 1, 10) for clock in (time(12, 59), time(13, 0), time(15, 0))]
    assert resample_bars(frame(rows), "1d", source_interval="1m")["volume"].tolist() == [1.0]


def test_weeks_and_months_are_dated_by_their_first_session():
    days = pd.DatetimeIndex(["2021-09-03", "2021-09-08", "2021-09-10", "2021-09-13"], tz="UTC", name="time")
    bars = pd.DataFrame(
        {
            "open": [1.0, 2, 3, 4],
            "high": [5.0, 6, 7, 8],
            "low": [0.5, 0.4, 0.3, 0.2],
            "close": [1.5, 2.5, 3.5, 4.5],
            "volume": [10.0, 20, 30, 40],
        },
        index=days,
    )
    weeks = resample_bars(bars, "1w", source_interval="1d")
    # Monday the 6th was Labor Day: that week's first session is the Tuesday, whether or not its bar is held.
    assert [f"{day:%m-%d}" for day in weeks.index] == ["08-30", "09-07", "09-13"]
    assert weeks.iloc[1].tolist() == [2.0, 7.0, 0.3, 3.5, 50.0]
    months = resample_bars(bars, "1mo", source_interval="1d")
    assert [f"{day:%m-%d}" for day in months.index] == ["09-01"]
    assert months.iloc[0].tolist() == [1.0, 8.0, 0.2, 4.5, 100.0]


def test_history_older_than_the_calendar_is_dated_by_its_own_bars():
    days = pd.DatetimeIndex(["1980-12-12", "1980-12-15", "1980-12-16"], tz="UTC", name="time")
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=days)
    assert [f"{d:%d}" for d in resample_bars(bars, "1w", source_interval="1d").index] == ["12", "15"]


def test_what_is_missing_stays_missing_and_touches_no_other_bar():
    rows = [(local(DAYS[0], time(9, 30 + n)), 10, 11, 9, 10, 5, 10) for n in range(4)]
    bars = frame(rows)
    bars.loc[bars.index[0], ["volume", "vwap"]] = np.nan
    made = resample_bars(bars, "2m", source_interval="1m")
    assert made["volume"].isna().tolist() == [True, False]
    assert made["vwap"].isna().tolist() == [True, False]
    assert made["high"].tolist() == [11.0, 11.0]


@pytest.mark.parametrize(
    ("interval", "source"), [("5m", "15m"), ("7m", "5m"), ("1h", "1d"), ("1d", "1w"), ("1mo", "1w")]
)
def test_bars_are_not_made_of_what_does_not_fit(interval, source):
    bars = frame([(local(DAYS[0], time(9, 30)), 1, 1, 1, 1, 1, 1)])
    with pytest.raises(ArgumentError, match=f"{interval} cannot be made of bars of {source}"):
        resample_bars(bars, interval, source_interval=source)


def test_a_bar_over_the_open_or_over_an_edge_is_refused():
    over_open = frame([(local(DAYS[0], time(9, 0)), 1, 1, 1, 1, 1, 1)])
    with pytest.raises(ArgumentError, match="14:00 UTC reaches over a session's open"):
        resample_bars(over_open, "1d", source_interval="1h")
    over_edge = frame([(local(DAYS[0], time(11, 0)), 1, 1, 1, 1, 1, 1)])
    with pytest.raises(ArgumentError, match="reaches over two bars of 2h"):
        resample_bars(over_edge, "2h", source_interval="1h")


@pytest.mark.parametrize("interval", ["", "5", "m", "0m", "2d", "1y", "-5m", "5 m"])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(ArgumentError, match="give one such as"):
        interval_seconds(interval)


def test_frames_that_are_no_bars_are_refused_and_empty_ones_stay_empty():
    bars = frame([(local(day, time(9, 30)), 1, 1, 1, 1, 1, 1) for day in DAYS[:2]])
    with pytest.raises(DataFormatError, match="no column `volume`"):
        resample_bars(bars.drop(columns="volume"), "1d", source_interval="5m")
    with pytest.raises(DataFormatError, match="must ascend"):
        resample_bars(bars[::-1], "1d", source_interval="5m")
    with pytest.raises(DataFormatError, match="UTC `time` index"):
        resample_bars(bars.reset_index(drop=True), "1d", source_interval="5m")
    with pytest.raises(DataFormatError, match="00:00 UTC"):
        resample_bars(bars, "1w", source_interval="1d")
    assert resample_bars(bars.iloc[:0], "1d", source_interval="5m").empty
    night = frame([(local(DAYS[0], time(3, 0)), 1, 1, 1, 1, 1, 1)])
    assert resample_bars(night, "1d", source_interval="5m").empty
