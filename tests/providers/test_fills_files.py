"""Fills as brokers export them: exact amounts, signs from sides, one identity each."""

from decimal import Decimal

import pandas as pd
import pytest

from workbench.errors import DataFormatError
from workbench.market import FILLS, frame_schema
from workbench.providers import parse_fills, read_fills_file

PLAIN = """fill_id,account,time,symbol,quantity,price,fees,currency,strategy
a-1,main,2021-01-04T15:30:00Z,SPY,100,369.105,1.00,USD,core
a-2,main,2021-01-05T15:30:00Z,SPY   210129P00345000,-5,2.71,3.25,USD,
"""
BROKER = """Trade Date,Action,Ticker,Expiration,Strike,Option Type,Qty,Price,Commission,Reg Fees
01/04/2021,Buy,SPY,,,,100,"$1,369.10",1.00,0.02
01/05/2021,Sell to Open,SPY,01/29/2021,345.0,put,5,$2.71,3.25,0.10
01/15/2021,BTC,SPY,01/29/2021,345.0,put,5,$0.55,,
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="fills.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_plain_fills_load_exactly(file):
    parsed = read_fills_file(file(PLAIN))
    frame_schema(FILLS).validate(parsed.rows)
    assert parsed.rows["price"].tolist() == [Decimal("369.105"), Decimal("2.71")]
    assert parsed.rows["quantity"].tolist() == [Decimal(100), Decimal(-5)]
    assert parsed.rows["fill_id"].tolist() == ["a-1", "a-2"]
    assert parsed.rows["strategy"].tolist() == ["core", ""]


def test_a_brokers_export_gets_signs_symbols_fees_and_times(file):
    rows = read_fills_file(file(BROKER), account="ira").rows
    assert rows["quantity"].tolist() == [100, -5, 5]
    option = "SPY   210129P00345000"
    assert rows["symbol"].tolist() == ["SPY", option, option]
    assert rows["price"].tolist() == [Decimal("1369.10"), Decimal("2.71"), Decimal("0.55")]
    assert rows["fees"].tolist() == [Decimal("1.02"), Decimal("3.35"), Decimal(0)]
    assert rows["time"].iloc[0] == pd.Timestamp("2021-01-04 21:00", tz="UTC")
    assert set(rows["account"]) == {"ira"}
    assert set(rows["currency"]) == {"USD"}


def test_compact_option_symbols_become_occ_symbols(file):
    rows = read_fills_file(file(PLAIN.replace("SPY   210129P00345000", "SPY210129P00345000"))).rows
    assert rows["symbol"].iloc[1] == "SPY   210129P00345000"


def test_fills_without_identity_get_one_that_repeats(file):
    text = PLAIN.replace("fill_id", "note").replace("a-1", "x").replace("a-2", "y")
    first = read_fills_file(file(text)).rows["fill_id"].tolist()
    assert first == read_fills_file(file(text, "again.csv")).rows["fill_id"].tolist()
    # The same content written otherwise, and rows added at the end, change no identity.
    written = text.replace("369.105", "369.1050").replace("15:30:00Z", "10:30:00-05:00")
    longer = written + written.splitlines()[1] + "\n"
    again = read_fills_file(file(longer, "longer.csv")).rows["fill_id"].tolist()
    assert again[:2] == first
    assert again[2] != first[0]
    assert len(set(again)) == 3


def test_an_identity_told_twice_is_loaded_once(file):
    parsed = read_fills_file(file(PLAIN.replace("a-2", "a-1")))
    assert len(parsed.rows) == 1
    assert "same `fill_id`" in parsed.quarantined["reason"].iloc[0]


@pytest.mark.parametrize(
    "old, new, reason",
    [
        ("Buy", "Journal", "`side` is 'Journal'; buy or sell was expected"),
        ("Buy,SPY,,,,100", "Buy,SPY,,,,-100", "`side` is 'Buy' but `quantity` is -100"),
        ("Buy,SPY,,,,100", "Buy,SPY,,,,0", "`quantity` is 0"),
        ("Buy,SPY,,,,100", "Buy,SPY,,,,many", "`quantity` is 'many', which is no number"),
        ("Buy,SPY,", "Buy,,", "`symbol` is missing"),
        ("01/04/2021", "01/02/2021", "2021-01-02 is no session of XNYS"),
        ("Buy,SPY,,", "Buy,SPY,,345", "has some of expiry, strike and right, but not all three"),
    ],
)
def test_a_fill_that_cannot_be_is_set_aside_with_its_line(file, old, new, reason):
    parsed = read_fills_file(file(BROKER.replace(old, new, 1)))
    assert parsed.quarantined["line"].tolist() == [2]
    assert reason in parsed.quarantined["reason"].iloc[0]
    assert len(parsed.rows) == 2


def test_fills_from_a_frame_keep_decimals(file):
    rows = read_fills_file(file(PLAIN)).rows
    pd.testing.assert_frame_equal(parse_fills(rows).rows, rows)


def test_fills_without_a_price_column_are_refused(file):
    with pytest.raises(DataFormatError, match="no column for `price`"):
        read_fills_file(file(PLAIN.replace("price", "other")))


def test_wall_clocks_need_a_zone(file):
    text = PLAIN.replace("T15:30:00Z", " 10:30")
    assert read_fills_file(file(text), time_zone="America/New_York").rows["time"].iloc[0] == pd.Timestamp(
        "2021-01-04 15:30", tz="UTC"
    )
    with pytest.raises(DataFormatError, match="time_zone="):
        read_fills_file(file(text))
