"""Bars from files as users have them: vendors' columns, traps, and rows that cannot be loaded."""

import gzip

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ArgumentError, DataFormatError
from workbench.market import BARS, adjust_bars, frame_schema
from workbench.providers import parse_bars, read_bars_file

PLAIN = """symbol,time,open,high,low,close,volume
SPY,2021-01-04,375.31,375.45,364.82,368.79,110210810
SPY,2021-01-05,368.10,372.50,368.05,371.33,66426229
"""
# Tiingo: adjusted columns beside raw ones, dividends and splits in columns of their own.
TIINGO = """date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor
2014-06-06T00:00:00.000Z,645.57,651.26,644.47,649.90,12497800,20.1,20.3,20.1,20.2,349938400,0.0,1.0
2014-06-09T00:00:00.000Z,93.70,93.88,91.75,92.70,75415000,20.4,20.4,20.0,20.2,301660000,0.0,7.0
2014-08-07T00:00:00.000Z,94.48,95.95,94.10,94.93,46711000,20.7,21.0,20.6,20.8,186844000,0.47,1.0
"""
# Nasdaq.com: dollar signs, grouped volumes, month first, newest first.
NASDAQ = """Date,Close/Last,Volume,Open,High,Low
01/15/2021,$127.14,"111,598,500",$128.78,$130.22,$127.00
01/04/2021,$129.41,"143,301,900",$133.52,$133.61,$126.76
"""
# A German export: semicolons, decimal commas, day first, cp1252.
GERMAN = """Kürzel;Datum;Eröffnung;Hoch;Tief;Schluss;Stück
SAP;04.01.2021;107,38;108,40;105,20;105,50;2.345.678
SAP;15.01.2021;106,00;106,72;104,88;105,02;1.845.100
"""
GERMAN_COLUMNS = {
    "Kürzel": "symbol", "Datum": "time", "Eröffnung": "open", "Hoch": "high", "Tief": "low",
    "Schluss": "close", "Stück": "volume",
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    def write(text, name="prices.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_plain_file_loads_whole(file):
    parsed = read_bars_file(file(PLAIN))
    frame_schema(BARS).validate(parsed.rows)
    assert parsed.interval == "1d"
    assert parsed.quarantined.empty
    assert parsed.rows["close"].tolist() == [368.79, 371.33]
    assert parsed.rows["time"].tolist() == [
        pd.Timestamp("2021-01-04", tz="UTC"),
        pd.Timestamp("2021-01-05", tz="UTC"),
    ]


def test_raw_prices_are_taken_and_actions_come_out(file):
    parsed = read_bars_file(file(TIINGO, "AAPL.csv"))
    assert parsed.rows["symbol"].tolist() == ["AAPL"] * 3
    assert parsed.rows["close"].tolist() == [645.57, 93.70, 94.48]
    assert "adjClose" in parsed.ignored
    assert parsed.actions[["kind", "value"]].to_numpy().tolist() == [["split", 7.0], ["dividend", 0.47]]
    bars = parsed.rows.set_index("time").drop(columns="symbol")
    adjusted = adjust_bars(bars, parsed.actions, "splits")
    assert adjusted["close"].iloc[0] == pytest.approx(92.2243, abs=1e-4)


def test_dollar_signs_and_grouped_volumes_are_read(file):
    parsed = read_bars_file(file(NASDAQ), symbol="AAPL")
    assert parsed.rows["close"].tolist() == [127.14, 129.41]
    assert parsed.rows["volume"].tolist() == [111598500, 143301900]
    assert parsed.rows["time"].dt.day.tolist() == [15, 4]


def test_a_german_export_loads_with_its_columns_named(file):
    path = file(GERMAN, encoding="cp1252")
    for encoding in (None, "cp1252"):
        parsed = read_bars_file(path, columns=GERMAN_COLUMNS, encoding=encoding)
        assert (parsed.encoding, parsed.separator) == ("cp1252", ";")
        assert parsed.rows["close"].tolist() == [105.5, 105.02]
        assert parsed.rows["volume"].tolist() == [2345678, 1845100]
        assert parsed.rows["time"].dt.month.tolist() == [1, 1]


def test_the_same_bars_come_out_of_csv_gzip_parquet_and_frame(file, tmp_path):
    parsed = read_bars_file(file(PLAIN)).rows
    zipped = tmp_path / "prices.csv.gz"
    zipped.write_bytes(gzip.compress(PLAIN.encode()))
    parsed.to_parquet(tmp_path / "prices.parquet")
    for other in (
        read_bars_file(zipped),
        read_bars_file(tmp_path / "prices.parquet"),
        parse_bars(parsed),
        parse_bars(parsed.set_index(["symbol", "time"])),
    ):
        pd.testing.assert_frame_equal(other.rows, parsed)


def test_bad_rows_are_told_by_line_and_reason_and_the_others_load(file):
    text = PLAIN + (
        "SPY,2021-01-06,abc,372,371,371.5,1\n"  # 4
        "SPY,2021-02-30,371,372,371,371.5,1\n"  # 5
        "SPY,2021-01-07,371,372,371\n"  # 6
        "\n"  # 7
        "SPY,2021-01-08,371,370,371,371.5,1\n"  # 8
        ",2021-01-09,371,372,371,371.5,1\n"  # 9
        "SPY,2021-01-05,368.10,372.50,368.05,371.33,1\n"  # 10
        "SPY,2021-01-11,371,372,371,371.5,\n"  # 11
    )
    parsed = read_bars_file(file(text))
    assert parsed.rows["time"].dt.day.tolist() == [4, 5, 11]
    assert np.isnan(parsed.rows["volume"].iloc[-1])
    told = dict(zip(parsed.quarantined["line"], parsed.quarantined["reason"], strict=True))
    assert told == {
        3: "a later row has the same `symbol`, `time`, and is the one kept",
        4: "`open` is 'abc', which is no number",
        5: "`time` 2021-02-30 is no date or time",
        6: "has 5 fields where the header has 7",
        8: "`high` 370 is below `open` 371; `high` 370 is below `close` 371.5; `high` 370 is below `low` 371",
        9: "`symbol` is missing",
    }
    texts = parsed.quarantined.set_index("line")["text"]
    assert texts[4] == "SPY,2021-01-06,abc,372,371,371.5,1"
    assert texts[6] == "SPY,2021-01-07,371,372,371"
    assert parsed.quarantined["symbol"].tolist() == ["SPY", "SPY", "SPY", "", "SPY", ""]


def test_rows_are_never_lost(file):
    """Every row of a file is loaded or told."""
    rng = np.random.default_rng(5)
    values = ["371", "372", "", "x", "-1", "NaN", "1e3"]
    lines = [
        f"SPY,{pd.Timestamp('2000-01-03') + pd.Timedelta(days=at):%Y-%m-%d},"
        + ",".join(rng.choice(values, rng.integers(4, 7)))
        for at in range(500)
    ]
    parsed = read_bars_file(file(PLAIN.splitlines()[0] + "\n" + "\n".join(lines)))
    assert len(parsed.rows) + len(parsed.quarantined) == 500
    assert parsed.quarantined["line"].is_unique
    kept = set(range(2, 502)) - set(parsed.quarantined["line"])
    days = [(day - pd.Timestamp("2000-01-03", tz="UTC")).days + 2 for day in parsed.rows["time"]]
    assert set(days) == kept


def test_bars_within_the_day_need_a_zone_and_tell_their_interval(file):
    text = (
        "Datetime,Open,High,Low,Close,Volume\n"
        "2021-03-12 09:30,10,11,9,10,1\n2021-03-12 09:35,10,11,9,10,1\n2021-03-12 09:40,10,11,9,10,1\n"
        "2021-03-15 09:30,10,11,9,10,1\n2021-03-14 02:30,10,11,9,10,1\n"
    )
    parsed = read_bars_file(file(text), symbol="SPY", time_zone="America/New_York")
    assert parsed.interval == "5m"
    # Clocks went forward on 14 March: the same wall clock is an hour earlier in UTC.
    assert parsed.rows["time"].dt.hour.tolist() == [14, 14, 14, 13]
    assert parsed.quarantined["line"].tolist() == [6]
    assert "does not exist" in parsed.quarantined["reason"].iloc[0]
    with pytest.raises(DataFormatError, match="time_zone="):
        read_bars_file(file(text), symbol="SPY")


def test_date_and_time_columns_are_one_time(file):
    text = "date,time,open,high,low,close\n2021-03-12,09:30,10,11,9,10\n2021-03-12,10:30,10,11,9,10\n"
    parsed = read_bars_file(file(text), symbol="SPY", time_zone="America/New_York")
    assert parsed.rows["time"].dt.hour.tolist() == [14, 15]
    assert parsed.interval == "1h"


def test_dates_that_may_be_either_need_the_format(file):
    text = PLAIN.replace("2021-01-04", "03/04/2021").replace("2021-01-05", "03/05/2021")
    with pytest.raises(DataFormatError, match=r"may be day or month first.*<ours>:%m/%d/%Y"):
        read_bars_file(file(text))
    parsed = read_bars_file(file(text), columns={"time": "time:%d/%m/%Y"})
    assert parsed.rows["time"].dt.month.tolist() == [4, 5]


def test_whose_bars_they_are_must_be_known(file):
    text = "\n".join(line.partition(",")[2] for line in PLAIN.splitlines())
    assert set(read_bars_file(file(text, "BRK.B.csv")).rows["symbol"]) == {"BRK.B"}
    assert set(read_bars_file(file(text), symbol="SPY").rows["symbol"]) == {"SPY"}
    with pytest.raises(DataFormatError, match="no column for `symbol`; say whose bars they are"):
        read_bars_file(file(text))
    with pytest.raises(ArgumentError, match="has the symbols in 'symbol'; leave `symbol` out"):
        read_bars_file(file(PLAIN), symbol="SPY")


@pytest.mark.parametrize(
    "change, columns, error, complaint",
    [
        (("close", "settle"), None, DataFormatError, "no column for `close`; it has symbol, time"),
        (("volume", "Close"), None, DataFormatError, "both `close` and `Close` could be `close`"),
        (
            ("", ""),
            {"Close": "close"},
            DataFormatError,
            "no column 'Close', which columns= names; it has close",
        ),
        (("", ""), {"close": "clsoe"}, ArgumentError, "maps 'close' to 'clsoe', .* nearest: close"),
        (("", ""), {"open": "close"}, DataFormatError, "no column for `open`"),
    ],
)
def test_columns_that_do_not_fit_are_named(file, change, columns, error, complaint):
    path = file(PLAIN.replace(*change, 1) if change[0] else PLAIN)
    with pytest.raises(error, match=complaint):
        read_bars_file(path, columns=columns)


def test_a_column_may_be_ignored_or_renamed(file):
    path = file(PLAIN.replace("volume", "Close", 1))
    assert np.isnan(read_bars_file(path, columns={"Close": "ignore"}).rows["volume"]).all()
    assert read_bars_file(path, columns={"Close": "volume"}).rows["volume"].iloc[0] == 110210810


def test_a_mixed_frame_is_read_value_by_value():
    frame = pd.DataFrame(
        {"symbol": "SPY", "time": ["2021-01-04", "2021-01-05"], "open": [10, "x"], "high": [11, 11.5],
         "low": 9, "close": 10, "volume": [1, None]}
    )  # fmt: skip
    parsed = parse_bars(frame)
    assert len(parsed.rows) == 1
    assert parsed.quarantined["line"].tolist() == [2]
