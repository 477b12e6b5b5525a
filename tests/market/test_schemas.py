"""Rows that break a rule go to quarantine with the reason; all others stay as they came."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from workbench.errors import DataFormatError
from workbench.market import (
    BARS,
    FILLS,
    OPTION_QUOTES,
    check_bars,
    check_fills,
    check_option_quotes,
    frame_schema,
)

MONDAY = pd.Timestamp("2021-01-04", tz="UTC")
BAR = {"symbol": "SPY", "time": MONDAY, "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0}
QUOTE = {column.name: np.nan for column in OPTION_QUOTES} | {
    "symbol": "SPY   210129C00345000", "underlying": "SPY",
    "time": pd.Timestamp("2021-01-04 21:00", tz="UTC"), "expiry": pd.Timestamp("2021-01-29"),
    "strike": 345.0, "right": "C", "bid": 1.0, "ask": 1.1,
    "exercise": "american", "multiplier": 100.0, "modelled": False, "flag": None,
}  # fmt: skip
FILL = {
    "fill_id": "a", "account": "main", "time": MONDAY, "symbol": "SPY", "quantity": Decimal(5),
    "price": Decimal("1.5"), "fees": Decimal(0), "currency": "USD", "strategy": "",
}  # fmt: skip


def frame_of(row, *changes):
    return pd.DataFrame([row | change for change in ({}, *changes)])


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"symbol": None}, "`symbol` is missing"),
        ({"symbol": "  "}, "`symbol` is missing"),
        ({"time": pd.NaT}, "`time` is missing"),
        ({"close": np.nan}, "`close` is missing"),
        ({"low": 0.0}, "`low` is 0; it must be positive"),
        ({"open": -1.0}, "`open` is -1; it must be positive"),
        ({"high": np.inf}, "`high` is inf"),
        ({"high": 10.5}, "`high` 10.5 is below `close` 11"),
        ({"low": 10.5}, "`low` 10.5 is above `open` 10"),
        ({"high": 8.0}, "`high` 8 is below `low` 9"),
        ({"volume": -5.0}, "`volume` is -5; it must be zero or more"),
    ],
)
def test_a_bar_that_breaks_a_rule_is_set_aside_with_the_reason(change, reason):
    sunday = BAR | {"time": MONDAY - pd.Timedelta(days=1)}
    good, bad = check_bars(pd.DataFrame([sunday, BAR | change]))
    assert len(good) == 1
    assert bad["line"].tolist() == [2]
    assert reason in bad["reason"].iloc[0]


def test_infinite_prices_are_set_aside_without_a_warning():
    frame = pd.DataFrame([BAR | {"high": np.inf, "low": np.inf, "close": np.inf}])
    good, bad = check_bars(frame)
    assert good.empty
    assert len(bad) == 1


def test_all_reasons_of_a_row_are_told():
    _, bad = check_bars(frame_of(BAR, {"open": -1.0, "volume": -2.0}))
    assert "`open` is -1" in bad["reason"].iloc[0]
    assert "`volume` is -2" in bad["reason"].iloc[0]


def test_a_missing_volume_stays_missing():
    good, bad = check_bars(frame_of(BAR | {"volume": np.nan}))
    assert bad.empty
    assert np.isnan(good["volume"].iloc[0])


def test_rounding_in_the_last_digits_is_no_broken_rule():
    good, _ = check_bars(frame_of(BAR | {"high": 11.0 - 1e-9}))
    assert len(good) == 1


def test_of_bars_with_one_key_the_last_sound_one_is_kept():
    frame = frame_of(BAR, {"close": 11.5}, {"close": -1.0}).assign(line=[2, 3, 4])
    good, bad = check_bars(frame)
    assert good["close"].tolist() == [11.5]
    assert bad["line"].tolist() == [2, 4]
    assert "a later row has the same `symbol`, `time`" in bad["reason"].iloc[0]


def test_good_bars_keep_order_and_values():
    frame = frame_of(BAR, {"time": MONDAY + pd.Timedelta(days=1), "close": 9.5})
    good, bad = check_bars(frame.iloc[::-1])
    assert bad.empty
    assert good["close"].tolist() == [9.5, 11.0]


def test_a_missing_column_and_a_naive_time_are_named():
    with pytest.raises(DataFormatError, match="no column `close`"):
        check_bars(frame_of(BAR).drop(columns="close"))
    with pytest.raises(DataFormatError, match=r"`time` is of type .*time zone"):
        check_bars(frame_of(BAR).assign(time=pd.Timestamp("2021-01-04")))
    with pytest.raises(DataFormatError, match=r"`open` is of type .*numbers"):
        check_bars(frame_of(BAR).assign(open="10"))


def test_a_missing_bid_is_a_fact_and_a_crossed_quote_a_flag():
    later = {"time": QUOTE["time"] + pd.Timedelta(days=1)}
    latest = {"time": QUOTE["time"] + pd.Timedelta(days=2)}
    good, bad = check_option_quotes(
        frame_of(QUOTE, {"bid": np.nan} | later, {"bid": 1.2, "ask": 1.1} | latest)
    )
    assert bad.empty
    assert good["bid"].isna().tolist() == [False, True, False]
    assert good["flag"].fillna("").tolist() == ["", "", "crossed"]


def test_a_quote_without_any_price_is_flagged():
    good, _ = check_option_quotes(frame_of(QUOTE | {"bid": np.nan, "ask": np.nan}))
    assert good["flag"].tolist() == ["no_price"]


@pytest.mark.parametrize(
    "change", [dict.fromkeys(("open", "high", "low", "close"), 1e300), {"volume": 1e300}]
)
def test_a_bar_of_absurd_size_is_set_aside(change):
    good, bad = check_bars(frame_of(BAR | change))
    assert good.empty
    assert "no amount of a market" in bad["reason"].iloc[0]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"strike": 0.0}, "`strike` is 0"),
        ({"strike": np.nan}, "`strike` is missing"),
        ({"bid": -0.1}, "`bid` is -0.1"),
        ({"open_interest": -1.0}, "`open_interest` is -1"),
        ({"underlying_price": 0.0}, "`underlying_price` is 0"),
        ({"right": None}, "`right` is missing"),
        ({"symbol": None}, "does not fit an OCC symbol"),
        ({"expiry": pd.Timestamp("2021-01-01")}, "expired on 2021-01-01, before the quote"),
    ],
)
def test_a_quote_that_cannot_be_is_set_aside(change, reason):
    good, bad = check_option_quotes(frame_of(QUOTE | change))
    assert good.empty
    assert reason in bad["reason"].iloc[0]


def test_a_quote_of_the_expiry_day_is_good_until_midnight_in_new_york():
    evening = {"expiry": pd.Timestamp("2021-01-04"), "time": pd.Timestamp("2021-01-05 03:00", tz="UTC")}
    assert len(check_option_quotes(frame_of(QUOTE | evening)).good) == 1


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"quantity": Decimal(0)}, "`quantity` is 0"),
        ({"quantity": None}, "`quantity` is missing"),
        ({"price": Decimal("-1")}, "`price` is -1"),
        ({"symbol": ""}, "`symbol` is missing"),
        ({"quantity": Decimal("1e300")}, "no amount of a market"),
        ({"quantity": Decimal("1e-30")}, "`quantity` is 1e-30"),
        ({"price": Decimal("1e300")}, "no amount of a market"),
        ({"fees": Decimal("Infinity")}, "`fees` is"),
        ({"symbol": "AAPL  131320C00490000"}, "looks like an option"),
        ({"symbol": "AAPL  130420X00490000"}, "looks like an option"),
        ({"symbol": "AAPL  130420C0049000"}, "looks like an option"),
        ({"symbol": "AAPL 4/20/13 490 C"}, "looks like an option"),
        ({"symbol": "AAPL  990417C00490000"}, "expires in 2099"),
        ({"symbol": "A\x1b[31m"}, "control characters"),
        ({"symbol": "A" * 10_000}, "10,000 characters"),
    ],
)
def test_a_fill_that_cannot_be_is_set_aside(change, reason):
    good, bad = check_fills(frame_of(FILL | change))
    assert good.empty
    assert reason in bad["reason"].iloc[0]


def test_a_fill_may_have_a_rebate_and_a_worthless_price():
    good, bad = check_fills(frame_of(FILL | {"fees": Decimal("-0.20"), "price": Decimal(0)}))
    assert bad.empty
    assert good["fees"].tolist() == [Decimal("-0.20")]


@pytest.mark.parametrize("columns, row", [(BARS, BAR), (OPTION_QUOTES, QUOTE), (FILLS, FILL)])
def test_checked_rows_pass_the_schema_and_others_do_not(columns, row):
    frame = frame_of(row)
    frame_schema(columns).validate(frame)
    with pytest.raises(pandera.errors.SchemaError):
        frame_schema(columns).validate(frame.assign(time=pd.Timestamp("2021-01-04")))
    with pytest.raises(pandera.errors.SchemaError):
        frame_schema(columns).validate(frame.drop(columns="symbol"))
