"""Quotes, trades, news, earnings, rates and metrics out of files that vendors and people write."""

import pandas as pd
import pytest

from workbench.errors import DataFormatError
from workbench.providers import read_series_file


def file_of(tmp_path, text, name="rows.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_quotes_of_one_instant_keep_their_order(tmp_path):
    """Nanoseconds since 1970, as Polygon's flat files have them; an empty side stays missing."""
    path = file_of(
        tmp_path,
        "ticker,sip_timestamp,bid_price,ask_price,bid_size,ask_size\n"
        "AAPL,1767625200000000000,100.1,100.2,3,4\n"
        "AAPL,1767625200000000000,,100.3,,4\n"
        "AAPL,1767625201000000000,x,100.3,1,4\n",
    )
    parsed = read_series_file(path, kind="quotes")
    assert parsed.rows["sequence"].tolist() == [0, 1]
    assert parsed.rows["time"].iloc[0] == pd.Timestamp("2026-01-05 15:00", tz="UTC")
    assert pd.isna(parsed.rows["bid"].iloc[1])
    assert parsed.quarantined["line"].tolist() == [4]


def test_trades_without_an_identity_get_one_that_repeats(tmp_path):
    text = "time,price,size\n2026-01-05T15:00:00Z,10,100\n2026-01-05T15:00:00Z,10,100\n"
    path = file_of(tmp_path, text, "IBM.csv")
    first, second = (read_series_file(path, kind="trades").rows for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert first["symbol"].tolist() == ["IBM", "IBM"]
    assert first["trade_id"].nunique() == 2


def test_news_takes_the_names_of_its_trade(tmp_path):
    path = file_of(
        tmp_path,
        "id,published_at,title,description,url,tickers\n"
        '7,2026-01-05T12:00:00Z,Apple opens a shop,In Ohio,https://x.example/7,"AAPL,MSFT"\n'
        ",2026-01-05T13:00:00Z,No identity,,,\n"
        "9,,No time,,,\n",
    )
    parsed = read_series_file(path, kind="news")
    assert parsed.rows["symbols"].iloc[0] == "AAPL,MSFT"
    assert parsed.rows["source_id"].iloc[0] == "7"
    assert len(parsed.rows["source_id"].iloc[1]) == 24
    assert set(parsed.rows["kind"]) == {"news"}
    assert parsed.quarantined["line"].tolist() == [4]


def test_earnings_know_before_and_after(tmp_path):
    path = file_of(
        tmp_path,
        "symbol,report date,hour,eps estimate,eps\n"
        "AAPL,2026-01-29,amc,2.6,\nIBM,2026-01-28,BMO,3.1,3.2\nF,2026-02-04,,,\n",
    )
    rows = read_series_file(path, kind="earnings").rows.set_index("symbol")
    assert rows["session"].to_dict() == {"AAPL": "after_close", "IBM": "before_open", "F": "unknown"}
    assert rows.loc["IBM", "eps_actual"] == 3.2
    assert rows.loc["F", "fiscal_period"] == "2026-02-04"
    assert not rows["confirmed"].any()


def test_rates_in_per_cent_are_set_aside(tmp_path):
    path = file_of(
        tmp_path, "curve,date,years,rate\nUSD treasury,2026-01-05,1,0.041\nUSD treasury,2026-01-05,2,4.2\n"
    )
    parsed = read_series_file(path, kind="rates")
    assert parsed.rows["rate"].tolist() == [0.041]
    assert "fraction" in parsed.quarantined["reason"].iloc[0]


def test_metrics_are_read_and_a_file_without_its_columns_is_refused(tmp_path):
    path = file_of(tmp_path, "symbol,time,metric,value\nAAPL,2026-01-05T15:00:00Z,iv_rank,0.42\n")
    assert read_series_file(path, kind="metrics").rows["value"].tolist() == [0.42]
    with pytest.raises(DataFormatError, match="price"):
        read_series_file(path, kind="trades")
    with pytest.raises(DataFormatError, match="nothing"):
        read_series_file(path, kind="metrics", columns={"nothing": "value"})


def test_a_desk_loads_them_twice_without_a_change(desk, tmp_path):
    path = file_of(
        tmp_path, "symbol,time,price,size\nIBM,2026-01-05T15:00:00Z,10,100\nIBM,2026-01-05T15:00:01Z,0,1\n"
    )
    first = desk.load(path, kind="trades", source="mine")
    assert first.loc["IBM"].tolist() == [1, 0, 0, 1]
    assert desk.load(path, kind="trades", source="mine").loc["IBM", "unchanged"] == 1
    rates = file_of(tmp_path, "date,years,rate\n2026-01-05,1,0.04\n2026-01-05,10,0.045\n", "rates.csv")
    assert desk.load(rates, kind="rates", source="mine", symbol="USD treasury")["new"].sum() == 2
