"""Polygon's documented answers, and answers that bend them, read through the translations."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from workbench.market.instruments import is_option_symbol
from workbench.providers.periods import period_of
from workbench.providers.polygon_answers import (
    bars_from_aggregates,
    latest_from_snapshots,
    quotes_from_ticks,
    trades_from_ticks,
)
from workbench.providers.polygon_chain import chain_from_snapshots
from workbench.providers.polygon_events import events_from_frame
from workbench.providers.polygon_questions import spans
from workbench.providers.polygon_reference import (
    actions_from_dividends,
    actions_from_splits,
    news_from_articles,
    rates_from_yields,
)
from workbench.vendors.polygon import our_symbol, their_symbol, their_underlying

ANSWERS = Path(__file__).parent.parent / "answers" / "polygon"
ALWAYS = period_of(None, None)
FETCHED = pd.Timestamp("2022-04-29 20:00", tz="UTC")


def rows(name: str) -> list:
    return json.loads((ANSWERS / f"{name}.json").read_text()).get("results", [])


def bars(records, interval="1d", period=ALWAYS, told="AAPL"):
    return bars_from_aggregates(records, symbol="AAPL", told=told, interval=interval, period=period)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("BACpL", "BACpL"),
        ("SPX", "I:SPX"),
        ("VIX", "I:VIX"),
        ("I:COMP", "I:COMP"),
        ("COMP", "COMP"),
        ("SPY   260116C00600000", "O:SPY260116C00600000"),
        ("F     260116C00012500", "O:F260116C00012500"),
        ("AAPL1 260116P00007500", "O:AAPL1260116P00007500"),
        ("BRKB  261218P00450000", "O:BRKB261218P00450000"),
        ("SPX   261120P06850000", "O:SPX261120P06850000"),
        ("SPXW  261120P06850000", "O:SPXW261120P06850000"),
    ],
)
def test_symbols_translate_both_ways(ours, theirs):
    assert their_symbol(ours) == theirs
    assert our_symbol(theirs) == ours
    assert is_option_symbol(ours) == theirs.startswith("O:")


def test_a_chain_is_asked_for_by_what_its_class_is_on():
    assert [their_underlying(name) for name in ("SPXW", "AAPL1", "AAPL", "VIXW")] == [
        "I:SPX", "AAPL", "AAPL", "I:VIX",
    ]  # fmt: skip


def test_daily_bars_before_and_after_the_clocks_changed_have_their_session_dates():
    """2005-04-01 was in standard time, 2005-04-04 in summer time: midnight is at 05:00 and 04:00 UTC."""
    good, bad = bars(rows("aggregates"))
    assert list(good["time"].dt.strftime("%Y-%m-%d %H:%M")) == ["2005-04-01 00:00", "2005-04-04 00:00"]
    assert list(good["close"]) == [1.4604, 1.4675]
    assert list(good["volume"]) == [642646396.0, 578172308.0]
    assert bad.empty


def test_a_stamp_of_midnight_in_utc_is_its_own_date():
    good, _ = bars([rows("aggregates")[0] | {"t": 1112313600000}])
    assert good["time"].iloc[0] == pd.Timestamp("2005-04-01", tz="UTC")


def test_an_answer_without_results_has_no_bars():
    good, bad = bars(rows("aggregates_of_none"))
    assert good.empty
    assert bad.empty


def test_a_week_and_a_month_are_dated_by_their_first_session():
    """The first of January 2023 was a Sunday and the second a holiday."""
    row = rows("aggregates")[0] | {"t": 1672549200000}
    assert bars([row], "1w")[0]["time"].iloc[0] == pd.Timestamp("2023-01-03", tz="UTC")
    assert bars([row], "1mo")[0]["time"].iloc[0] == pd.Timestamp("2023-01-03", tz="UTC")


def test_numbers_may_be_texts_fields_may_be_added_and_null():
    row = rows("aggregates")[0]
    bent = {name: str(value) for name, value in row.items()} | {"otc": True, "n": None, "new": {"a": [1]}}
    pd.testing.assert_frame_equal(bars([bent])[0], bars([row])[0])
    good, bad = bars([{name: row[name] for name in ("t", "o", "h", "l", "c")}])
    assert good[["volume", "vwap"]].isna().all(axis=None)
    assert bad.empty


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"c": {"was": 1}}, "`c`"),
        ({"o": 0}, "positive"),
        ({"h": 1.0}, "below"),
        ({"t": "tomorrow"}, "`t`"),
        ({"t": None}, "`t`"),
        ({"t": 1112331600}, "before"),  # seconds in place of milliseconds
        ({"T": "MSFT"}, "asked"),
        ({"v": -1}, "volume"),
        ({"c": float("nan")}, "missing"),
    ],
)
def test_a_bar_that_cannot_be_is_set_aside_with_its_reason(change, reason):
    good, bad = bars(
        [rows("aggregates")[0] | change, rows("aggregates")[1]], period=period_of("2005-01-01", None)
    )
    assert len(good) == 1
    assert reason in bad["reason"].iloc[0]


def test_a_page_of_another_ticker_is_set_aside_whole():
    good, bad = bars(rows("aggregates"), told="MSFT")
    assert good.empty
    assert bad["reason"].str.contains("asked").all()


@pytest.mark.parametrize("record", [None, 7, "row", [1, 2], {}])
def test_what_is_no_row_is_set_aside(record):
    for translate in (
        bars,
        lambda records: quotes_from_ticks(records, symbol="AAPL", period=ALWAYS),
        lambda records: trades_from_ticks(records, symbol="AAPL", period=ALWAYS),
        lambda records: latest_from_snapshots(records, symbols=["AAPL"]),
        lambda records: chain_from_snapshots(records, underlying="AAPL", fetched_at=FETCHED),
        lambda records: actions_from_splits(records, symbol="AAPL", period=ALWAYS),
        lambda records: actions_from_dividends(records, symbol="AAPL", period=ALWAYS),
        lambda records: news_from_articles(records, symbol="AAPL", period=ALWAYS),
        lambda records: rates_from_yields(records, period=ALWAYS),
    ):
        good, bad = translate([record])
        assert good.empty
        assert len(bad) == 1


def test_quotes_keep_the_tapes_sequence_and_miss_an_empty_side():
    good, bad = quotes_from_ticks(rows("quotes"), symbol="AAPL", period=ALWAYS)
    assert bad.empty
    assert list(good["sequence"]) == [19288684, 19288618]
    assert good["time"].iloc[0] == pd.Timestamp("2022-05-10 14:11:12.800638", tz="UTC")
    assert good.loc[1, ["bid", "bid_size"]].isna().all()
    assert good.loc[1, "ask"] == 155.87


def test_nanoseconds_are_read_to_the_last_digit():
    record = rows("quotes")[0] | {"sip_timestamp": 1652191872999999999, "sequence_number": None}
    good, _ = quotes_from_ticks([record], symbol="AAPL", period=ALWAYS)
    assert good["time"].iloc[0] == pd.Timestamp("2022-05-10 14:11:12.999999", tz="UTC")


def test_trades_of_one_number_on_two_exchanges_stay_apart_and_corrections_are_told():
    good, bad = trades_from_ticks(rows("trades"), symbol="AAPL", period=ALWAYS)
    assert bad.empty
    assert list(good["trade_id"]) == ["183276@11/3", "183276@12/3", "799@4"]
    assert list(good["conditions"]) == ["12,37,correction 1", "12,37", ""]


def test_last_quotes_of_shares_and_options_come_from_one_answer():
    symbols = ["AAPL", "NCLH  221014C00005000"]
    good, bad = latest_from_snapshots(rows("universal_snapshot"), symbols=symbols)
    assert bad.empty
    assert sorted(good["symbol"]) == symbols
    assert set(good["sequence"]) == {500}


def test_a_chain_reads_as_documented_and_lacks_what_is_not_there():
    good, bad = chain_from_snapshots(rows("option_chain"), underlying="AAPL", fetched_at=FETCHED)
    assert bad.empty
    call, put = good.iloc[0], good.iloc[1]
    assert (call["symbol"], call["underlying"]) == ("AAPL  230616C00150000", "AAPL")
    assert call["time"] == pd.Timestamp("2022-04-29 17:44:20.800059", tz="UTC")
    assert (call["vendor_vega"], call["vendor_theta"]) == (0.6381159723175714, -0.028227189324641973)
    assert (call["last"], call["volume"], call["open_interest"]) == (29.0, 8.0, 8133.0)
    assert pd.isna(call["flag"])
    missing = [
        "bid",
        "bid_size",
        "last",
        "volume",
        "vendor_delta",
        "vendor_implied_volatility",
        "underlying_price",
    ]
    assert put[missing].isna().all()
    assert put["open_interest"] == 0
    assert put["flag"] == "delayed"


def test_a_chain_of_plans_without_quotes_is_dated_by_its_fetch():
    records = [
        {name: row[name] for name in ("details", "day", "open_interest")} for row in rows("option_chain")
    ]
    good, bad = chain_from_snapshots(records, underlying="AAPL", fetched_at=FETCHED)
    assert bad.empty
    assert set(good["time"]) == {FETCHED}
    assert list(good["flag"].fillna("")) == ["", "no_price"]


def test_splits_of_all_kinds_are_new_shares_for_old():
    assert actions_from_splits(rows("splits"), symbol="BRW", period=ALWAYS).good["value"].tolist() == [0.5]
    good, bad = actions_from_splits(rows("splits"), symbol="CIG.C", period=ALWAYS)
    assert good["value"].tolist() == [4 / 3]
    assert bad["symbol"].tolist() == ["BRW"]


def test_a_dividend_that_comes_on_two_pages_is_paid_once():
    good, _ = actions_from_dividends(rows("dividends") * 2, symbol="CSSEN", period=ALWAYS)
    assert good["value"].tolist() == [0.59375, 0.59375]
    assert good["ex_date"].dt.tz is None


def test_news_carry_what_the_vendor_says_of_their_tone():
    good, bad = news_from_articles(rows("news"), symbol="NFLX", period=ALWAYS)
    assert bad.empty
    assert list(good["symbols"]) == ["MSFT,TSN,NFLX,AMZN", "UBS,NFLX"]
    assert math.isnan(good["sentiment"].iloc[0])
    assert good["sentiment"].iloc[1] == pytest.approx(1 / 3)
    assert list(good["author"]) == ["A. Writer", "Investing.com"]
    assert len(news_from_articles(rows("news"), symbol="UBS", period=ALWAYS).bad) == 1


def test_yields_of_two_coupons_become_continuous_rates():
    good, bad = rates_from_yields(rows("treasury_yields"), period=ALWAYS)
    assert bad.empty
    assert len(good) == 7
    old = good[good["date"] == "1962-01-02"].set_index("years")["rate"]
    assert old[10.0] == pytest.approx(2 * math.log1p(0.0406 / 2))
    # A bond at par with that yield costs a hundred when it is discounted at that rate.
    times = [n / 2 for n in range(1, 21)]
    price = sum(2.03 * math.exp(-old[10.0] * t) for t in times) + 100 * math.exp(-old[10.0] * 10)
    assert price == pytest.approx(100)


def test_the_documented_frames_of_the_stream_read_as_documented():
    channels = {"T.AAPL": "AAPL", "Q.MSFT": "MSFT", "AM.GTE": "GTE", "V.I:SPX": "SPX"}
    found: dict[str, list] = {}
    for frame in json.loads((ANSWERS / "stream.json").read_text()):
        batches, _ = events_from_frame(json.dumps(frame), channels, received_at=0.0)
        for batch in batches:
            assert batch.bad == []
            found.setdefault(batch.kind, []).extend(batch.rows)
    assert found["trades"][0] == ("AAPL", 1651684192462000000, "5096@10", 161.87, 300.0, "14,41")
    assert found["trades"][2][5] == ""
    assert found["trades"][3][3] == 3988.5
    assert found["quotes"] == [("MSFT", 1536036818784000000, 50385480, 114.125, 114.128, 100.0, 160.0)]
    assert found["bars"] == [("GTE", 1610144640000000000, 0.4488, 0.4489, 0.4486, 0.4486, 4110.0, 0.4488)]


@pytest.mark.parametrize(
    "event",
    [
        {"ev": "Q", "sym": "AAPL", "bp": -1, "ap": 2, "t": 1651684192462},
        {"ev": "Q", "sym": "AAPL", "bp": 0, "ap": 0, "t": 1651684192462},
        {"ev": "Q", "sym": "AAPL", "bp": 1, "ap": 2},
        {"ev": "Q", "sym": "AAPL", "bp": 1, "ap": 2, "t": 1651684192},
        {"ev": "Q", "sym": "AAPL", "bp": [1], "ap": 2, "t": 1651684192462},
        {"ev": "Q", "sym": "ZZZQ", "bp": 1, "ap": 2, "t": 1651684192462},
        {"ev": "Q", "sym": ["AAPL"], "bp": 1, "ap": 2, "t": 1651684192462},
        {"ev": "Q", "sym": "AAPL", "bp": 1, "ap": 2, "t": 1651684192462, "q": "first"},
        {"ev": ["Q"], "sym": "AAPL"},
        {"sym": "AAPL"},
        7,
        None,
    ],
)
def test_an_event_that_cannot_be_is_told_and_the_next_one_read(event):
    good = {"ev": "Q", "sym": "AAPL", "bp": "1.5", "ap": 2, "t": "1651684192462"}
    batches, _ = events_from_frame(json.dumps([event, good]), {"Q.AAPL": "AAPL"}, received_at=0.0)
    assert [row[3] for batch in batches for row in batch.rows] == [1.5]
    assert len([bad for batch in batches for bad in batch.bad]) == 1


@pytest.mark.parametrize("frame", ["", "[", "7", '"x"', "null", b"\xff\xfe"])
def test_a_frame_that_is_none_is_told(frame):
    batches, statuses = events_from_frame(frame, {}, received_at=0.0)
    assert len(batches[0].bad) == 1
    assert statuses == []


def test_a_month_of_minutes_is_one_question_and_years_of_hours_are_many():
    assert len(list(spans(period_of("2025-01-01", "2025-12-31"), "1m"))) == 1
    assert len(list(spans(period_of("2025-01-01", "2025-12-31"), "1h"))) == 7
    assert list(spans(period_of("2025-01-01", "2025-12-31"), "1d")) == [("2025-01-01", "2025-12-31")]
