"""Reports of companies: what sources say, what they moved, and when the price may jump."""

import pandas as pd
import pytest

from workbench.errors import ArgumentError, DataFormatError
from workbench.market import earnings_reports, jump_window


def said(*rows):
    """Rows of (source, date, session, period, learned on)."""
    frame = pd.DataFrame(rows, columns=["source", "date", "session", "fiscal_period", "recorded_at"])
    frame["date"] = pd.to_datetime(frame["date"])
    frame["recorded_at"] = pd.to_datetime(frame["recorded_at"], utc=True)
    return frame.assign(symbol="AAPL", confirmed=False, eps_estimate=1.5, eps_actual=float("nan"))


@pytest.mark.parametrize(
    ("session", "after", "before"),
    [
        # Thanksgiving 2026 is Thursday the 26th; Friday closes at 13:00 New York, which is 18:00 UTC.
        ("before_open", "2026-11-25 21:00", "2026-11-27 14:30"),
        ("during", "2026-11-27 14:30", "2026-11-27 18:00"),
        ("after_close", "2026-11-27 18:00", "2026-11-30 14:30"),
        ("unknown", "2026-11-25 21:00", "2026-11-30 14:30"),
    ],
)
def test_the_jump_lies_between_closes_and_opens_also_around_a_holiday(session, after, before):
    found = jump_window(pd.Timestamp("2026-11-27"), session)
    assert found == (pd.Timestamp(after, tz="UTC"), pd.Timestamp(before, tz="UTC"))


@pytest.mark.parametrize("session", ["before_open", "during", "after_close", "unknown"])
def test_a_report_on_a_day_off_jumps_at_the_next_open(session):
    assert jump_window(pd.Timestamp("2026-11-28"), session) == (
        pd.Timestamp("2026-11-27 18:00", tz="UTC"),
        pd.Timestamp("2026-11-30 14:30", tz="UTC"),
    )


def test_two_sources_that_agree_are_one_report():
    found = earnings_reports(
        said(
            ("Finnhub", "2026-10-29", "after_close", "2026Q4", "2026-10-01"),
            ("FMP", "2026-10-29", "unknown", "2026-10-29", "2026-10-02"),
        )
    )
    assert len(found) == 1
    row = found.iloc[0]
    assert row["agree"]
    assert row["session"] == "after_close"
    # One of them does not know the session, so the window holds the night before as well.
    assert row["jump_after"] == pd.Timestamp("2026-10-28 20:00", tz="UTC")
    assert row["jump_before"] == pd.Timestamp("2026-10-30 13:30", tz="UTC")


def test_two_sources_that_disagree_are_both_shown_and_widen_the_window():
    found = earnings_reports(
        said(
            ("Finnhub", "2026-10-29", "after_close", "2026Q4", "2026-10-01"),
            ("Alpha Vantage", "2026-11-02", "before_open", "2026-09-30", "2026-10-02"),
        )
    )
    row = found.iloc[0]
    assert len(found) == 1
    assert not row["agree"]
    assert "Finnhub: 2026-10-29 after close" in row["said"]
    assert "Alpha Vantage: 2026-11-02 before open" in row["said"]
    assert row["jump_after"] == pd.Timestamp("2026-10-29 20:00", tz="UTC")
    assert row["jump_before"] == pd.Timestamp("2026-11-02 14:30", tz="UTC")


def test_a_source_without_periods_that_moved_its_date_has_one_date():
    """Its rows have the date in their key, so that the old date is still a row of its own."""
    found = earnings_reports(
        said(
            ("FMP", "2026-10-29", "unknown", "2026-10-29", "2026-10-01"),
            ("FMP", "2026-11-03", "unknown", "2026-11-03", "2026-10-15"),
        )
    )
    assert found["date"].tolist() == [pd.Timestamp("2026-11-03")]
    assert found["sources"].tolist() == ["FMP"]


def test_a_date_moved_to_an_earlier_day_counts_too():
    found = earnings_reports(
        said(
            ("FMP", "2026-11-03", "unknown", "2026-11-03", "2026-10-01"),
            ("FMP", "2026-10-29", "unknown", "2026-10-29", "2026-10-15"),
        )
    )
    assert found["date"].tolist() == [pd.Timestamp("2026-10-29")]


def test_quarters_are_reports_of_their_own():
    dates = ["2026-01-29", "2026-04-30", "2026-07-30", "2026-10-29"]
    found = earnings_reports(said(*[("Finnhub", day, "after_close", day, "2026-01-01") for day in dates]))
    assert found["date"].dt.strftime("%Y-%m-%d").tolist() == dates


def test_confirmed_needs_agreement_on_the_date():
    frame = said(
        ("Benzinga", "2026-10-29", "after_close", "2026Q4", "2026-10-01"),
        ("FMP", "2026-11-05", "unknown", "2026-11-05", "2026-10-02"),
    )
    frame.loc[0, "confirmed"] = True
    assert not earnings_reports(frame)["confirmed"].iloc[0]
    assert earnings_reports(frame.iloc[:1])["confirmed"].iloc[0]


def test_figures_come_from_the_newest_that_has_them():
    frame = said(
        ("Finnhub", "2026-10-29", "after_close", "2026Q4", "2026-10-30"),
        ("FMP", "2026-10-29", "unknown", "2026-10-29", "2026-10-31"),
    )
    frame["eps_estimate"] = [1.5, 1.6]
    frame["eps_actual"] = [1.7, float("nan")]
    row = earnings_reports(frame).iloc[0]
    assert row["eps_estimate"] == 1.6
    assert row["eps_actual"] == 1.7


def test_nothing_stays_nothing_and_bad_arguments_are_refused():
    assert earnings_reports(said()).empty
    with pytest.raises(ArgumentError, match="`days`"):
        earnings_reports(said(), days=0)
    with pytest.raises(DataFormatError, match="`session`"):
        earnings_reports(said().drop(columns="session"))
    with pytest.raises(ArgumentError, match="`session`"):
        jump_window(pd.Timestamp("2026-11-27"), "noon")
