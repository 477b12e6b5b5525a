"""Option chains with the traps of real ones: empty bids, Saturdays, a split overnight, crossed quotes."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ArgumentError, DataFormatError
from workbench.market import OPTION_QUOTES, frame_schema
from workbench.providers import parse_chain, read_chain_file

# In the shape of a public end-of-day file, typed by hand: before and after a split of 7 for 1.
SPLIT = """underlying,quote_date,underlying_close,expiration,strike,option_type,bid,ask,bid_size,ask_size,oi
AAPL,2014-06-06,645.57,2014-06-06,490.0,call,153.75,157.2,20,6,0
AAPL,2014-06-06,645.57,2014-06-06,490.0,put,,0.04,0,8,75
AAPL,2014-06-06,645.57,2015-01-17,645.0,call,52.5,53.0,10,12,
AAPL,2014-06-09,93.7,2015-01-17,92.14,call,8.1,8.2,10,12,
AAPL,2014-06-09,93.7,2015-01-17,92.145,put,6.3,6.2,10,12,31
"""
VENDOR = """underlying,quote_date,underlying_close,expiration,strike,option_type,last,bid,ask,volume,open_interest,implied_vol,delta,gamma,theta,vega
SPY,2021-01-04,368.79,2021-01-29,345.0,put,2.71,2.76,2.78,7424,48199,0.28804,-0.17798,0.00937,-0.1447,0.25147
"""  # noqa: E501


@pytest.fixture
def file(tmp_path):
    def write(text, name="chain.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_chain_loads_with_its_traps_kept(file):
    parsed = read_chain_file(file(SPLIT))
    rows = parsed.rows
    frame_schema(OPTION_QUOTES).validate(rows)
    assert list(rows.columns) == [column.name for column in OPTION_QUOTES]
    assert parsed.quarantined.empty
    assert rows["symbol"].tolist() == [
        "AAPL  140606C00490000", "AAPL  140606P00490000", "AAPL  150117C00645000",
        "AAPL  150117C00092140", "AAPL  150117P00092145",
    ]  # fmt: skip
    assert rows["bid"].isna().tolist() == [False, True, False, False, False]
    assert rows["open_interest"].fillna(-1).tolist() == [0, 75, -1, -1, 31]
    assert rows["flag"].fillna("").tolist() == ["", "", "", "", "crossed"]
    assert set(rows["exercise"]) == {"american"}
    assert set(rows["multiplier"]) == {100.0}
    assert not rows["modelled"].any()


def test_a_quote_date_is_the_close_of_its_session(file):
    rows = read_chain_file(file(SPLIT)).rows
    assert rows["time"].iloc[0] == pd.Timestamp("2014-06-06 20:00", tz="UTC")
    half_day = read_chain_file(file(SPLIT.replace("2014-06-06,645", "2013-11-29,645"))).rows
    assert half_day["time"].iloc[0] == pd.Timestamp("2013-11-29 18:00", tz="UTC")


def test_a_quote_of_a_day_off_is_set_aside(file):
    parsed = read_chain_file(file(SPLIT.replace("2014-06-09", "2014-06-08")))
    assert len(parsed.rows) == 3
    assert parsed.quarantined["line"].tolist() == [5, 6]
    assert set(parsed.quarantined["reason"]) == {"2014-06-08 is no session of XNYS"}


def test_the_vendors_greeks_keep_the_vendors_units(file):
    row = read_chain_file(file(VENDOR)).rows.iloc[0]
    assert row["vendor_implied_volatility"] == 0.28804
    assert row["vendor_delta"] == -0.17798
    assert row["vendor_theta"] == -0.1447  # per calendar day
    assert row["vendor_vega"] == 0.25147  # per point
    assert np.isnan(row["bid_size"])


def test_occ_symbols_are_enough(file):
    text = "contractSymbol,quote_datetime,bid,ask\nSPXW210917C04450000,2021-09-16 15:45,10,10.5\n"
    parsed = read_chain_file(file(text), time_zone="America/New_York")
    row = parsed.rows.iloc[0]
    assert row["symbol"] == "SPXW  210917C04450000"
    assert (row["underlying"], row["right"], row["strike"]) == ("SPX", "C", 4450.0)
    assert row["exercise"] == "european"
    assert row["expiry"] == pd.Timestamp("2021-09-17")
    assert row["time"] == pd.Timestamp("2021-09-16 19:45", tz="UTC")


def test_the_root_is_part_of_the_identity(file):
    text = (
        "underlying_symbol,root,quote_date,expiration,strike,option_type,bid,ask\n"
        "^SPX,SPX,2021-09-16,2021-09-17,4450,C,10,10.5\n"
        "^SPX,SPXW,2021-09-16,2021-09-17,4450,C,11,11.5\n"
        "BRK.B,,2021-09-16,2021-09-17,280,P,1,1.1\n"
    )
    rows = read_chain_file(file(text)).rows
    assert rows["symbol"].tolist() == [
        "SPX   210917C04450000", "SPXW  210917C04450000", "BRKB  210917P00280000"
    ]  # fmt: skip
    assert rows["exercise"].tolist() == ["european", "european", "american"]


def test_exercise_may_be_said(file):
    assert set(read_chain_file(file(VENDOR), exercise="european").rows["exercise"]) == {"european"}
    with pytest.raises(ArgumentError, match="'bermudan'"):
        read_chain_file(file(VENDOR), exercise="bermudan")


def test_a_chain_written_out_and_read_back_is_the_same(file):
    rows = read_chain_file(file(SPLIT)).rows
    pd.testing.assert_frame_equal(parse_chain(rows).rows, rows)
    modelled = parse_chain(rows.assign(modelled=True)).rows
    assert modelled["modelled"].all()


@pytest.mark.parametrize(
    "old, new, reason",
    [
        ("call,153.75", "straddle,153.75", "`right` is 'straddle'; call or put was expected"),
        ("490.0,call", "-490.0,call", "`strike` is -490"),
        ("490.0,call", "490.0005,call", "does not fit an OCC symbol"),
        ("2014-06-06,490.0,call", "2014-06-04,490.0,call", "expired on 2014-06-04, before the quote"),
        ("153.75", "-1", "`bid` is -1"),
        ("153.75", "n.q.", "`bid` is 'n.q.', which is no number"),
        ("2014-06-06,490.0,call", "2014-06-31,490.0,call", "`expiration` 2014-06-31 is no date"),
        ("AAPL,2014-06-06", ",2014-06-06", "`underlying` is missing"),
    ],
)  # fmt: skip
def test_a_quote_that_cannot_be_is_set_aside_with_its_line(file, old, new, reason):
    parsed = read_chain_file(file(SPLIT.replace(old, new, 1)))
    assert parsed.quarantined["line"].tolist() == [2]
    assert reason in parsed.quarantined["reason"].iloc[0]
    assert len(parsed.rows) == 4


@pytest.mark.parametrize("column", ["expiration", "strike", "option_type"])
def test_a_chain_without_its_terms_is_refused(file, column):
    with pytest.raises(DataFormatError, match=r"no column for .* and no OCC symbols"):
        read_chain_file(file(SPLIT.replace(column, "other")))


def test_a_chain_of_nobody_is_refused(file):
    with pytest.raises(DataFormatError, match="no column for `underlying`"):
        read_chain_file(file(SPLIT.replace("underlying,", "other,", 1)))


def test_a_bad_symbol_among_good_ones_is_set_aside(file):
    text = "symbol,quote_date,bid,ask\nSPY210917C00450000,2021-09-16,1,1.1\nSPY,2021-09-16,1,1.1\n"
    parsed = read_chain_file(file(text))
    assert len(parsed.rows) == 1
    assert "`symbol` 'SPY' is no option symbol" in parsed.quarantined["reason"].iloc[0]


def test_the_order_of_its_dates_is_told_by_the_expiries(file):
    text = (
        "underlying,quote_date,expiration,strike,option_type,bid,ask\n"
        "SPY,03/04/2021,03/19/2021,380,call,5.1,5.2\nSPY,03/04/2021,04/01/2021,380,call,8.1,8.2\n"
    )
    rows = read_chain_file(file(text)).rows
    assert rows["symbol"].tolist() == ["SPY   210319C00380000", "SPY   210401C00380000"]
    assert rows["time"].dt.strftime("%Y-%m-%d").eq("2021-03-04").all()


def test_a_ticker_may_be_written_small_and_name_the_class(file):
    """The class of a mini, in the column of the underlying, is on the share."""
    text = (
        "underlying,quote_date,expiration,strike,option_type,bid,ask\n"
        "aapl,2014-06-06,2014-07-19,650,call,5.1,5.2\nAAPL7,2014-06-06,2014-07-19,650,call,5.1,5.2\n"
    )
    rows = read_chain_file(file(text)).rows
    assert rows["underlying"].tolist() == ["AAPL", "AAPL"]
    assert rows["symbol"].tolist() == ["AAPL  140719C00650000", "AAPL7 140719C00650000"]


def test_a_volatility_in_per_cent_signs_is_a_fraction_and_costs_no_quote(file):
    text = (
        "underlying,quote_date,expiration,strike,option_type,bid,ask,impl_volatility\n"
        "SPY,2021-03-04,2021-03-19,380,call,5.1,5.2,25.4%\nSPY,2021-03-04,2021-03-19,385,call,4.1,4.2,\n"
    )
    parsed = read_chain_file(file(text))
    assert parsed.quarantined.empty
    np.testing.assert_allclose(parsed.rows["vendor_implied_volatility"], [0.254, np.nan])
