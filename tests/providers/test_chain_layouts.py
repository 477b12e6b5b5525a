"""Chains in vendors' layouts: two snapshots in a row, call and put in a row, an index without a root."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers import read_chain_file

# In the layout of Cboe DataShop's end-of-day files with calculations; the figures are typed by hand.
CBOE = """underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size_1545,bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,implied_underlying_price_1545,active_underlying_price_1545,implied_volatility_1545,delta_1545,gamma_1545,theta_1545,vega_1545,rho_1545,bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code
^SPX,2021-09-16,SPX,2021-09-17,4450.000,C,0,0,0,22.5,12,10,24.1,12,24.9,4470.1,4470.9,4470.4000,4470.5000,0.1523,0.6211,0.0071,-4.1,0.91,0.07,11,26.0,14,26.9,4473.7,4473.8,0,1200,
^SPX,2021-09-16,SPXW,2021-09-17,4450.000,C,0,0,0,0,0,10,31.1,12,31.9,4470.1,4470.9,4470.4000,4470.5000,0.1611,0.6011,0.0061,-4.4,1.11,0.08,11,33.0,14,33.9,4473.7,4473.8,0,2400,
^SPX,2021-09-16,SPXW,2021-12-31,11000.000,P,0,0,0,0,0,10,6500,12,6530,0,0,0,0,0,0,0,0,0,0,11,6501,14,6529,0,0,0,0,
"""  # noqa: E501
OPTIONSDX = """[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], [EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], [C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], [P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]
1631822400, 2021-09-16 16:00, 2021-09-16, 16.0, 4473.75, 2021-09-22, 1632340800, 6.0, 0.61, 0.004, 2.1, -2.2, 0.4, 0.141, 15, 48.1, 10 x 12, 47.9, 48.6, 4450.0, 23.8, 24.4, 5 x 5, 24.0, -0.39, 0.004, 2.1, -2.1, -0.3, 0.142, 7, 23.8, 0.005
1631822400, 2021-09-16 16:00, 2021-09-16, 16.0, 4473.75, 2021-09-17, 1631908800, 1.0, 0.61, 0.004, 2.1, -2.2, 0.4, 0.141, , , 10 x 12, 27.9, 28.6, 4450.0, , 4.4, 5 x 5, 24.0, -0.39, 0.004, 2.1, -2.1, -0.3, 0.142, 7, 23.8, 0.005
"""  # noqa: E501


@pytest.fixture
def file(tmp_path):
    def write(text, name="chain.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_of_two_snapshots_the_one_that_the_vendors_greeks_belong_to_is_taken(file):
    parsed = read_chain_file(file(CBOE))
    rows = parsed.rows
    assert parsed.quarantined.empty
    assert rows["symbol"].tolist() == [
        "SPX   210917C04450000", "SPXW  210917C04450000", "SPXW  211231P11000000"
    ]  # fmt: skip
    assert set(rows["underlying"]) == {"SPX"}, "a desk is asked for SPX, not for ^SPX"
    assert rows["bid"].tolist() == [24.1, 31.1, 6500]
    assert rows["ask"].tolist() == [24.9, 31.9, 6530]
    assert rows["time"].eq(pd.Timestamp("2021-09-16 15:45", tz="America/New_York")).all()
    assert rows["vendor_implied_volatility"].tolist()[:2] == [0.1523, 0.1611]
    assert rows["last"].iloc[0] == 22.5
    assert rows["open_interest"].tolist() == [1200, 2400, 0]
    assert rows["underlying_price"].tolist()[:2] == [4470.5, 4470.5]
    assert np.isnan(rows["underlying_price"].iloc[2]), "an index price of zero is none"
    assert set(rows["exercise"]) == {"european"}


def test_the_snapshot_of_a_half_day_is_taken_before_its_close(file):
    rows = read_chain_file(file(CBOE.replace("2021-09-16", "2020-11-27"))).rows
    assert rows["time"].iloc[0] == pd.Timestamp("2020-11-27 12:45", tz="America/New_York")


def test_without_calculations_the_middle_of_the_underlying_counts(file):
    text = CBOE.replace("active_underlying_price_1545", "a").replace("implied_underlying_price_1545", "b")
    rows = read_chain_file(file(text)).rows
    assert rows["underlying_price"].tolist()[:2] == [4470.5, 4470.5]


def test_the_caller_may_take_the_close_instead(file):
    mapping = {"bid_eod": "bid", "ask_eod": "ask", "bid_1545": "ignore", "ask_1545": "ignore"}
    assert read_chain_file(file(CBOE), columns=mapping).rows["bid"].tolist() == [26.0, 33.0, 6501]


def test_a_call_and_a_put_in_one_row_are_two_quotes(file):
    parsed = read_chain_file(file(OPTIONSDX), symbol="SPX")
    rows = parsed.rows
    assert parsed.quarantined.empty
    assert rows["symbol"].tolist() == [
        "SPXW  210922C04450000", "SPXW  210922P04450000", "SPX   210917C04450000", "SPX   210917P04450000"
    ]  # fmt: skip
    assert rows["bid"].fillna(-1).tolist() == [47.9, 23.8, 27.9, -1]
    assert rows["ask"].tolist() == [48.6, 24.4, 28.6, 4.4]
    assert rows["vendor_delta"].tolist() == [0.61, -0.39, 0.61, -0.39]
    assert rows["volume"].fillna(-1).tolist() == [15, 7, -1, 7]
    assert rows["underlying_price"].eq(4473.75).all()
    assert rows["time"].eq(pd.Timestamp("2021-09-16 16:00", tz="America/New_York")).all()


def test_a_bad_row_of_two_quotes_is_told_with_its_line(file):
    parsed = read_chain_file(file(OPTIONSDX.replace("27.9", "n.q.")), symbol="SPX")
    assert parsed.quarantined["line"].tolist() == [3]
    assert "n.q.', which is no number" in parsed.quarantined["reason"].iloc[0]
    assert len(parsed.rows) == 3


def test_a_chain_without_its_underlying_asks_for_it(file):
    with pytest.raises(DataFormatError, match="symbol='SPX'"):
        read_chain_file(file(OPTIONSDX))
    assert set(read_chain_file(file(OPTIONSDX, "SPX.csv")).rows["underlying"]) == {"SPX"}
    with pytest.raises(ArgumentError, match="leave `symbol` out"):
        read_chain_file(file(CBOE), symbol="SPX")


def test_an_index_without_a_root_gets_the_root_of_its_day(file):
    text = "underlying,quote_date,expiration,strike,option_type,bid,ask\n"
    text += "".join(
        f"{name},2021-09-16,{day},4450,C,10,11\n"
        for name, day in [
            ("SPX", "2021-09-17"),
            ("SPX", "2021-09-20"),
            ("SPXW", "2021-09-17"),
            ("$RUT", "2021-09-24"),
            ("SPY", "2021-09-20"),
        ]
    )
    rows = read_chain_file(file(text)).rows
    assert rows["symbol"].str[:6].str.strip().tolist() == ["SPX", "SPXW", "SPXW", "RUTW", "SPY"]
    assert rows["underlying"].tolist() == ["SPX", "SPX", "SPX", "RUT", "SPY"]
