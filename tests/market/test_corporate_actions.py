"""Adjusted bars: returns across splits and dividends are those of a holder."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from workbench.errors import ArgumentError, DataFormatError
from workbench.market import adjust_bars, no_actions


def bars_of(closes, start="2021-01-04", symbol=None):
    times = pd.date_range(start, periods=len(closes), freq="B", tz="UTC", name="time")
    frame = pd.DataFrame(
        {name: np.array(closes, dtype=float) for name in ("open", "high", "low", "close")}, index=times
    )
    frame["volume"] = 100.0
    return frame if symbol is None else pd.concat({symbol: frame}, names=["symbol"])


def action(kind, ex_date, value, symbol="XYZ"):
    row = {"symbol": [symbol], "ex_date": pd.to_datetime([ex_date]), "kind": [kind], "value": [float(value)]}
    return pd.DataFrame(row)


def test_prices_before_a_split_are_divided_and_volumes_multiplied():
    """Apple split 7 for 1 on 2014-06-09: 645.57 before is 92.22 of the new shares."""
    adjusted = adjust_bars(bars_of([645.57, 93.70], "2014-06-06"), action("split", "2014-06-09", 7))
    assert_allclose(adjusted["close"], [645.57 / 7, 93.70])
    assert adjusted["close"].iloc[0] == pytest.approx(92.22, abs=0.01)
    assert adjusted["volume"].tolist() == [700, 100]


def test_a_dividend_makes_the_return_that_of_a_holder():
    adjusted = adjust_bars(bars_of([100, 98, 99]), action("dividend", "2021-01-05", 2))
    assert_allclose(adjusted["close"], [98, 98, 99])
    assert adjusted["volume"].tolist() == [100, 100, 100]


def test_the_reinvesting_holder_is_reproduced_over_many_actions():
    """Independent reference: the shares of a holder who reinvests each dividend at the close before."""
    closes = [100, 102, 51, 50, 49, 25, 26]
    bars = bars_of(closes)
    days = bars.index.tz_localize(None)
    actions = pd.concat(
        [
            action("split", days[2], 2),
            action("dividend", days[3], 1.0),
            action("dividend", days[4], 0.5),
            action("split", days[5], 2),
        ]
    )
    shares, wealth = 1.0, [100.0]
    for at in range(1, len(closes)):
        today = actions[actions["ex_date"] == days[at]]
        split = today.loc[today["kind"] == "split", "value"].prod()
        cash = today.loc[today["kind"] == "dividend", "value"].sum()
        before = closes[at - 1] / split
        shares *= split * before / (before - cash)
        wealth.append(shares * closes[at])
    adjusted = adjust_bars(bars, actions)["close"].to_numpy()
    assert_allclose(adjusted / adjusted[0], np.array(wealth) / wealth[0])
    assert adjusted[-1] == 26


def test_a_dividend_on_the_day_of_a_split_is_per_new_share():
    actions = pd.concat([action("split", "2021-01-05", 2), action("dividend", "2021-01-05", 1)])
    adjusted = adjust_bars(bars_of([100, 49]), actions)
    assert_allclose(adjusted["close"], [49, 49])


def test_splits_alone_and_nothing_at_all_are_choices():
    actions = pd.concat([action("split", "2021-01-05", 2), action("dividend", "2021-01-05", 1)])
    bars = bars_of([100, 50])
    assert adjust_bars(bars, actions, "splits")["close"].tolist() == [50, 50]
    pd.testing.assert_frame_equal(adjust_bars(bars, actions, None), bars)
    pd.testing.assert_frame_equal(adjust_bars(bars, no_actions()), bars)


def test_the_bars_given_are_left_as_they_were():
    bars = bars_of([100, 50])
    adjust_bars(bars, action("split", "2021-01-05", 2))
    assert bars["close"].tolist() == [100, 50]


def test_several_symbols_are_adjusted_each_by_its_own_actions():
    bars = pd.concat([bars_of([10, 10], symbol="ABC"), bars_of([100, 50], symbol="XYZ")])
    adjusted = adjust_bars(bars, action("split", "2021-01-05", 2))
    assert adjusted["close"].tolist() == [10, 10, 50, 50]
    assert adjusted.index.equals(bars.index)
    reverse = bars.sort_index(level="symbol", ascending=False)
    assert adjust_bars(reverse, action("split", "2021-01-05", 2)).index.equals(reverse.index)


def test_actions_outside_the_bars_change_nothing_before_and_all_after():
    bars = bars_of([100, 101])
    assert adjust_bars(bars, action("split", "2020-12-01", 2))["close"].tolist() == [100, 101]
    assert adjust_bars(bars, action("split", "2022-12-01", 2))["close"].tolist() == [50, 50.5]


def test_an_ex_date_begins_at_midnight_in_exchange_time():
    """A bar at 19:30 in New York is of the day before, though it is past midnight in UTC."""
    times = pd.DatetimeIndex(["2021-01-05 00:30", "2021-01-05 14:30"], tz="UTC", name="time")
    bars = bars_of([100, 50]).set_axis(times)
    assert adjust_bars(bars, action("split", "2021-01-05", 2))["close"].tolist() == [50, 50]


def test_a_missing_close_is_stepped_over():
    adjusted = adjust_bars(bars_of([100, np.nan, 98]), action("dividend", "2021-01-06", 2))
    assert_allclose(adjusted["close"], [98, np.nan, 98])


@pytest.mark.parametrize(
    "actions, error, complaint",
    [
        (action("dividend", "2021-01-05", 200), DataFormatError, "dividend of 200 .* not below the close"),
        (action("spinoff", "2021-01-05", 2), DataFormatError, "'spinoff'"),
        (action("split", "2021-01-05", 0), DataFormatError, "positive ratio"),
        (action("dividend", "2021-01-05", np.nan), DataFormatError, "nan"),
        (action("split", "2021-01-05", 2).drop(columns="value"), DataFormatError, "no column `value`"),
        (
            pd.concat([action("split", "2021-01-05", 2), action("split", "2021-01-05", 2, "ABC")]),
            ArgumentError,
            "actions of XYZ, ABC",
        ),
    ],
)
def test_actions_that_cannot_be_are_named(actions, error, complaint):
    with pytest.raises(error, match=complaint):
        adjust_bars(bars_of([100, 98]), actions)


def test_an_unknown_choice_is_refused():
    with pytest.raises(ArgumentError, match="'dividends'"):
        adjust_bars(bars_of([100]), no_actions(), "dividends")
