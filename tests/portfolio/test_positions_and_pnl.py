import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from workbench.errors import ArgumentError
from workbench.portfolio import period_pnl, positions_from_fills, value_positions

PUT = "AAPL  130420P00430000"


def instant(text):
    return pd.Timestamp(text, tz="UTC")


def fills(*rows):
    frame = pd.DataFrame(rows, columns=["time", "symbol", "quantity", "price", "fees"])
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    return frame


BOOK = fills(
    ("2013-02-01 15:00", "AAPL", 100, 450.0, 1.0),
    ("2013-02-01 15:00", PUT, -2, 12.0, 1.3),
    ("2013-02-20 15:00", "AAPL", -40, 455.0, 1.0),
)


def test_profit_and_loss_splits_into_its_four_parts_by_hand():
    dividend = pd.DataFrame(
        {"symbol": ["AAPL"], "ex_date": [pd.Timestamp("2013-02-07")], "kind": "dividend", "value": 2.65}
    )
    positions = positions_from_fills(BOOK, actions=dividend)
    valued = value_positions(positions, {"AAPL": 430.47, PUT: 17.5}).set_index("symbol")
    shares, put = valued.loc["AAPL"], valued.loc[PUT]
    assert shares["value"] == approx(60 * 430.47)
    assert shares["realized_pnl"] == approx(40 * 5)
    assert shares["open_pnl"] == approx(60 * (430.47 - 450))
    assert shares["dividends"] == approx(265)
    assert shares["pnl"] == approx(200 + 60 * (430.47 - 450) + 265 - 2)
    assert put["value"] == approx(-2 * 17.5 * 100)
    assert put["pnl"] == approx(-2 * (17.5 - 12) * 100 - 1.3)
    assert (valued["pnl"] - valued["value"] - valued["cash"]).abs().max() < 1e-9


def test_a_held_position_without_a_mark_is_missing_and_a_closed_one_is_zero():
    closed = fills(("2013-02-01 15:00", "IBM", 10, 200.0, 0.0), ("2013-02-04 15:00", "IBM", -10, 201.0, 0.0))
    valued = value_positions(positions_from_fills(pd.concat([BOOK, closed])), {"AAPL": 430.0})
    valued = valued.set_index("symbol")
    assert np.isnan(valued.loc[PUT, ["value", "open_pnl", "pnl"]].astype(float)).all()
    assert valued.loc["IBM", "value"] == 0
    assert valued.loc["IBM", "pnl"] == 10


def test_marks_may_be_a_mapping_a_series_or_a_frame():
    positions = positions_from_fills(BOOK)
    marks = {"AAPL": 430.0, PUT: 17.0}
    by_mapping = value_positions(positions, marks)
    by_series = value_positions(positions, pd.Series(marks))
    by_frame = value_positions(positions, pd.DataFrame({"price": pd.Series(marks), "source": "x"}))
    pd.testing.assert_frame_equal(by_mapping, by_series)
    pd.testing.assert_frame_equal(by_mapping, by_frame)


def test_two_marks_of_one_symbol_are_refused():
    with pytest.raises(ArgumentError, match="`marks` holds two prices of AAPL"):
        value_positions(positions_from_fills(BOOK), pd.Series([1.0, 2.0], index=["AAPL", "AAPL"]))


def test_a_day_by_hand():
    """Held over night: 100 shares from 452 to 455, 40 sold at 455; two puts short from 11 to 10."""
    day = period_pnl(
        BOOK, instant("2013-02-19 21:00"), instant("2013-02-20 21:00"),
        {"AAPL": 452.0, PUT: 11.0}, {"AAPL": 455.0, PUT: 10.0},
    ).set_index("symbol")  # fmt: skip
    shares, put = day.loc["AAPL"], day.loc[PUT]
    assert (shares["start_quantity"], shares["end_quantity"]) == (100, 60)
    assert (shares["trades"], shares["fees"]) == (approx(40 * 455), 1)
    assert shares["pnl"] == approx(100 * 3 - 1)
    assert put["pnl"] == approx(200)


def test_a_position_of_the_day_has_no_start_and_a_missing_mark_stays_missing():
    first = period_pnl(
        BOOK, instant("2013-01-31 21:00"), instant("2013-02-01 21:00"), {}, {"AAPL": 451.0}
    ).set_index("symbol")
    assert first.loc["AAPL", "start_value"] == 0
    assert first.loc["AAPL", "pnl"] == approx(100 - 1)
    assert np.isnan(first.loc[PUT, "pnl"])
    later = period_pnl(
        BOOK, instant("2013-02-01 21:00"), instant("2013-02-04 21:00"), {PUT: 12.0}, {"AAPL": 451.0, PUT: 12}
    ).set_index("symbol")
    assert np.isnan(later.loc["AAPL", "pnl"])
    assert later.loc[PUT, "pnl"] == 0


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_a_period_makes_the_difference_of_the_totals_by_any_method(data):
    count = data.draw(st.integers(1, 15))
    days = sorted(data.draw(st.lists(st.integers(0, 30), min_size=count, max_size=count)))
    book = fills(
        *[
            (
                pd.Timestamp("2013-01-02 16:00") + pd.Timedelta(days=day),
                data.draw(st.sampled_from(["AAPL", "MSFT"])),
                data.draw(st.integers(-20, 20).filter(bool)), data.draw(st.integers(1, 100)), 0.5,
            )
            for day in days
        ]
    )  # fmt: skip
    corporate = pd.DataFrame(
        {
            "symbol": ["AAPL", "MSFT"], "ex_date": pd.to_datetime(["2013-01-12", "2013-01-20"]),
            "kind": ["split", "dividend"], "value": [2.0, 0.5],
        }
    )  # fmt: skip
    start, end = instant("2013-01-10 21:00"), instant("2013-01-25 21:00")
    first, last = {"AAPL": 40.0, "MSFT": 30.0}, {"AAPL": 22.0, "MSFT": 33.0}
    made = period_pnl(book, start, end, first, last, actions=corporate)["pnl"].sum()
    for method in ("fifo", "average"):

        def total(until, marks, method=method):
            positions = positions_from_fills(book, method=method, actions=corporate, until=until)
            return value_positions(positions, marks)["pnl"].sum()

        assert made == approx(total(end, last) - total(start, first), abs=1e-8)


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(ArgumentError, match="before `start`"):
        period_pnl(BOOK, instant("2013-02-02"), instant("2013-02-01"), {}, {})
