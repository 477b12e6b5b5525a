"""Ranges held and missing, against sets of single instants and the published holidays of the exchange."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DateInputError
from workbench.market.coverage import (
    TICK,
    Span,
    chunks,
    days_span,
    merged,
    missing_sessions,
    overlapping,
    session_runs,
    settled,
    spans_of,
    subtracted,
    whole_sessions,
    within_sessions,
)

START = pd.Timestamp("2026-01-01", tz="UTC")


def span(first: int, last: int) -> Span:
    """A range of ticks after the start."""
    return Span(START + first * TICK, START + last * TICK)


def ticks(spans) -> set[int]:
    """The single instants of ranges: the plainest picture of time there is."""
    return {
        number
        for each in spans
        for number in range((each.first - START) // TICK, (each.last - START) // TICK + 1)
    }


pairs = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
ranges = st.lists(pairs.map(lambda pair: span(*pair)), max_size=8)


@given(ranges)
def test_merging_keeps_the_instants_and_leaves_a_hole_between_ranges(spans):
    joined = merged(spans)
    assert ticks(joined) == ticks(spans)
    assert all(left.last + TICK < right.first for left, right in pairwise(joined))


@given(ranges, ranges)
def test_missing_is_wanted_without_held(wanted, held):
    missing = subtracted(wanted, held)
    assert ticks(missing) == ticks(wanted) - ticks(held)
    assert missing == merged(missing)


@given(ranges, ranges)
def test_overlapping_is_what_both_have(left, right):
    assert ticks(overlapping(left, right)) == ticks(left) & ticks(right)


@given(ranges, ranges)
def test_filling_what_is_missing_leaves_nothing_missing(wanted, held):
    assert subtracted(wanted, [*held, *subtracted(wanted, held)]) == []


@given(ranges, st.integers(1, 70))
def test_pieces_are_the_same_time_and_none_is_longer_than_asked(spans, size):
    pieces = chunks(spans, size * TICK)
    assert ticks(pieces) == ticks(spans)
    assert sum(piece.length // TICK for piece in pieces) == len(ticks(spans))
    assert all(piece.length <= size * TICK for piece in pieces)


def test_a_range_needs_zone_and_order():
    with pytest.raises(DateInputError, match="no time zone"):
        Span(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02"))
    with pytest.raises(DateInputError, match="swap"):
        span(2, 1)
    with pytest.raises(DateInputError, match="positive"):
        chunks([span(0, 1)], pd.Timedelta(0))


def test_ranges_of_the_ledger_in_any_unit_are_joined():
    nano = pd.Timestamp("2026-01-05", tz="America/New_York").as_unit("ns")
    assert spans_of([(nano, nano + 5 * TICK), (nano + 6 * TICK, nano + 7 * TICK)]) == [
        Span(pd.Timestamp("2026-01-05 05:00", tz="UTC"), pd.Timestamp("2026-01-05 05:00:00.000007", tz="UTC"))
    ]


def test_a_weekend_and_a_holiday_hold_nothing_to_ask_for():
    """New Year's Day 2026 is a Thursday; Friday the 2nd is a session, the weekend is none."""
    assert within_sessions([days_span("2026-01-03", "2026-01-04")], "XNYS", daily=True) == []
    assert within_sessions([days_span("2026-01-01", "2026-01-01")], "XNYS", daily=True) == []
    assert within_sessions([days_span("2026-01-01", "2026-01-04")], "XNYS", daily=True) == [
        days_span("2026-01-02", "2026-01-02")
    ]


def test_a_session_within_the_day_is_the_exchanges_own_day():
    """In January New York's day is 05:00 to 05:00 UTC: trades after the close fall on the next UTC date."""
    wanted = days_span("2026-01-01", "2026-01-04", zone="America/New_York")
    (found,) = within_sessions([wanted], "XNYS", daily=False)
    assert found.first == pd.Timestamp("2026-01-02 05:00", tz="UTC")
    assert found.last == pd.Timestamp("2026-01-03 05:00", tz="UTC") - TICK
    evening = Span(pd.Timestamp("2026-01-03 00:30", tz="UTC"), pd.Timestamp("2026-01-03 00:45", tz="UTC"))
    assert within_sessions([evening], "XNYS", daily=False) == [evening]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=4))
def test_trimming_to_sessions_drops_no_session(days):
    """Every session of the ranges is still inside, and each trimmed range begins and ends in one."""
    begin = pd.Timestamp("2026-06-01")
    spans = [days_span(begin + pd.Timedelta(days=a), begin + pd.Timedelta(days=b)) for a, b in days]
    trimmed = within_sessions(spans, "XNYS", daily=True)
    weekdays = [
        day
        for day in pd.date_range("2026-06-01", "2026-07-12")
        # Juneteenth, and Independence Day, which falls on a Saturday and is kept on the Friday before.
        if day.day_of_week < 5 and day not in pd.DatetimeIndex(["2026-06-19", "2026-07-03"])
    ]
    inside = [day for day in weekdays if overlapping(spans, [days_span(day, day)])]
    assert [day for day in weekdays if overlapping(trimmed, [days_span(day, day)])] == inside
    for each in trimmed:
        assert each.first.tz_localize(None) in weekdays
        assert each.last.normalize().tz_localize(None) in weekdays


def test_a_session_that_is_not_over_is_not_settled():
    """The close is at 21:00 UTC in January; with a quarter of an hour's delay 21:10 is too early."""
    week = [days_span("2026-01-05", "2026-01-09")]
    delay = pd.Timedelta(minutes=15)
    early = settled(week, "XNYS", pd.Timestamp("2026-01-08 21:10", tz="UTC"), daily=True, delay=delay)
    assert early == [days_span("2026-01-05", "2026-01-07")]
    late = settled(week, "XNYS", pd.Timestamp("2026-01-08 21:15", tz="UTC"), daily=True, delay=delay)
    assert late == [days_span("2026-01-05", "2026-01-08")]


def test_the_last_minutes_within_a_day_are_not_settled():
    now = pd.Timestamp("2026-01-08 16:00", tz="UTC")
    day = [days_span("2026-01-08", "2026-01-08", zone="America/New_York")]
    (found,) = settled(day, "XNYS", now, daily=False, delay=pd.Timedelta(minutes=16))
    assert found.last == pd.Timestamp("2026-01-08 15:44", tz="UTC")
    assert settled([days_span("2026-01-12", "2026-01-12")], "XNYS", now, daily=False, delay=TICK) == []


def test_missing_sessions_come_as_runs_that_a_weekend_does_not_break():
    held = pd.DatetimeIndex(["2026-01-02", "2026-01-07", "2026-01-08"])
    missing = missing_sessions("XNYS", held, "2026-01-01", "2026-01-13")
    assert [str(day.date()) for day in missing] == [
        "2026-01-05", "2026-01-06", "2026-01-09", "2026-01-12", "2026-01-13"
    ]  # fmt: skip
    runs = session_runs("XNYS", missing)
    assert runs["sessions"].tolist() == [2, 3]
    assert runs["last"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-06", "2026-01-13"]
    assert session_runs("XNYS", missing[:0]).empty


def test_a_session_of_which_a_part_was_fetched_is_not_whole():
    week = pd.DatetimeIndex(["2026-01-05", "2026-01-06", "2026-01-07"])
    asked = Span(pd.Timestamp("2026-01-05 12:00", tz="UTC"), pd.Timestamp("2026-01-08", tz="UTC") - TICK)
    assert whole_sessions("XNYS", week, [asked], daily=True).equals(week[1:])
    assert whole_sessions("XNYS", week, [asked], daily=False).equals(week[1:2])
    assert whole_sessions("XNYS", week, [], daily=True).empty
