"""Alpaca's documented answers, read; the expected figures are typed from its documentation."""

import json
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from workbench.errors import ServiceAnswerError
from workbench.market import BARS, OPTION_QUOTES, QUOTES, TRADES
from workbench.providers.alpaca_chain import contracts_frame, contracts_of, read_chain, snapshots_of
from workbench.providers.alpaca_news import read_news
from workbench.providers.alpaca_rows import (
    listed,
    nanoseconds,
    numbered,
    read_actions,
    read_bars,
    read_quotes,
    read_trades,
)

ANSWERS = Path(__file__).resolve().parent.parent / "answers" / "alpaca"
FETCHED = pd.Timestamp("2024-04-26T10:00", tz="UTC")


def documented(name):
    return json.loads((ANSWERS / f"{name}.json").read_text())


def columns(schema):
    return [column.name for column in schema]


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_bars_of_one_symbol_are_dated_by_their_session():
    bars, bad = read_bars(listed(documented("bars_of_one"), "bars"), "1d")
    assert bad.empty
    assert list(bars.columns) == columns(BARS)
    assert bars["symbol"].tolist() == ["AAPL", "AAPL"]
    assert bars["time"].tolist() == [utc("2022-02-01"), utc("2022-02-02")]
    row = bars.iloc[0]
    assert row[["open", "high", "low", "close", "volume", "vwap"]].tolist() == [
        174, 174.84, 172.31, 174.61, 85998033, 173.703516,
    ]  # fmt: skip


def test_bars_of_two_symbols_in_winter_and_in_summer_time():
    bars, bad = read_bars(listed(documented("bars_of_two"), "bars"), "1d")
    assert bad.empty
    assert bars[["symbol", "time"]].to_numpy().tolist() == [
        ["AAPL", utc("2022-03-09")],
        ["TSLA", utc("2022-03-14")],
    ]


@pytest.mark.parametrize("held", [None, {}, [], {"AAPL": None}, {"AAPL": []}])
def test_nothing_is_null_or_an_empty_list_or_mapping(held):
    assert listed(documented("bars_of_none"), "bars") == []
    bars, bad = read_bars(listed({"bars": held, "next_page_token": None}, "bars"))
    assert bars.empty
    assert bad.empty
    assert list(bars.columns) == columns(BARS)


def test_hourly_bars_of_an_option_keep_their_hour():
    bars, bad = read_bars(listed(documented("option_bars"), "bars"), "1h")
    assert bad.empty
    assert bars["symbol"].unique().tolist() == ["SPY   240426C00555000"]
    assert bars["time"].tolist() == [utc("2024-03-12T13:00"), utc("2024-03-12T14:00")]
    assert bars["close"].tolist() == [0.21, 0.3]


def test_quotes_keep_a_crossed_book_an_empty_side_and_both_of_one_instant():
    quotes, bad = read_quotes(listed(documented("quotes"), "quotes"))
    quotes = numbered(quotes)
    assert bad.empty
    assert list(quotes.columns) == columns(QUOTES)
    assert quotes["time"].tolist() == [utc("2022-03-09T09:00:00.000059")] * 2 + [
        utc("2022-03-09T09:00:00.651613")
    ]
    assert quotes["sequence"].tolist() == [0, 1000, 184]
    assert quotes["bid"].tolist() == [159.52, 159.52, 159.5]
    assert quotes["ask"].tolist()[:2] == [158.65, 158.8]
    assert pd.isna(quotes["ask"].iloc[2])
    assert pd.isna(quotes["ask_size"].iloc[2])


def test_sizes_of_shares_were_round_lots_until_november_2025_and_of_options_never():
    """docs.alpaca.markets, change log: sizes of quotes are in shares since 2025-11-03."""
    shares, _ = read_quotes(listed(documented("quotes"), "quotes"))
    assert shares["bid_size"].tolist() == [400, 400, 200]
    record = documented("latest_quote_of_one")["quote"]
    later = {"symbol": "AAPL", "quote": record | {"t": "2025-11-03T14:30:00Z"}}
    assert read_quotes(listed(later, "quotes", "quote")).good["bid_size"].tolist() == [2]
    options, _ = read_quotes(listed(documented("latest_quotes"), "quotes", "quote"))
    assert options[["symbol", "bid_size", "ask_size"]].to_numpy().tolist() == [
        ["AAPL  240126P00050000", 1344, 1593]
    ]


def test_a_latest_quote_of_one_symbol():
    quotes, bad = read_quotes(listed(documented("latest_quote_of_one"), "quotes", "quote"))
    assert bad.empty
    assert quotes[["symbol", "bid", "ask"]].to_numpy().tolist() == [["AAPL", 161.1, 161.11]]


def test_a_quote_that_comes_twice_counts_once_and_one_instant_has_places():
    quotes, _ = read_quotes(listed(documented("quotes"), "quotes"))
    twice = numbered(pd.concat([quotes, quotes], ignore_index=True))
    pd.testing.assert_frame_equal(twice, numbered(quotes))


def test_a_quote_without_the_field_of_a_side_is_no_empty_side():
    record = documented("latest_quote_of_one")["quote"]
    renamed = {name.replace("bp", "bid_price"): value for name, value in record.items()}
    quotes, bad = read_quotes(listed({"quotes": {"AAPL": [record, renamed]}}, "quotes"))
    assert len(quotes) == 1
    assert bad["reason"].str.contains("`bp`").all()


def test_trades_are_told_apart_and_canceled_ones_set_aside():
    trades, bad = read_trades(listed(documented("trades"), "trades"))
    assert list(trades.columns) == columns(TRADES)
    assert trades["trade_id"].tolist() == ["D-151", "D-168"]
    assert trades["price"].tolist() == [159.07, 159.07]
    assert trades["conditions"].tolist() == ["@,T,I", "@,T,I"]
    assert trades["time"].tolist() == [utc("2022-03-09T05:00:02.183"), utc("2022-03-09T05:00:16.91")]
    assert bad["reason"].tolist() == ["the exchange calls this trade canceled"]


def test_trades_of_options_have_an_identity_of_their_own_and_one_condition():
    trades, bad = read_trades(listed(documented("option_trades"), "trades"))
    assert bad.empty
    assert trades["symbol"].tolist() == ["SPY   240426C00550000", "SPY   240426C00555000"]
    assert trades["conditions"].fillna("").tolist() == ["g", ""]
    assert trades["trade_id"].is_unique
    # 13:34:54 on that day, and the nine digits behind it.
    assert trades["trade_id"].iloc[1] == "1710250494178322688-M-0.24-1"


def test_a_chain_with_its_contracts():
    contracts = contracts_of(documented("option_contracts"))
    chain, bad = read_chain(
        snapshots_of(documented("option_chain")), contracts, underlying="AAPL", fetched=FETCHED
    )
    assert bad.empty
    assert list(chain.columns) == columns(OPTION_QUOTES)
    rows = chain.set_index("symbol")
    put = rows.loc["AAPL  240503P00155000"]
    assert put[["bid", "ask", "last", "bid_size", "ask_size", "open_interest"]].tolist() == [
        0.32, 0.35, 0.34, 73, 119, 6168,
    ]  # fmt: skip
    assert put["time"] == utc("2024-04-25T20:00:00.259610")
    assert (put["expiry"], put["strike"], put["right"]) == (pd.Timestamp("2024-05-03"), 155, "P")
    assert_allclose(
        put[[name for name in chain if name.startswith("vendor_")]].astype(float),
        [0.4584478444465036, -0.06962352623019707, 0.012407748296130911, -0.10116067021921063,
         0.03143087569879542],
    )  # fmt: skip
    # Nobody bids for it, and it has no contract in the list: no open interest, not zero.
    far = rows.loc["AAPL  240503P00050000"]
    assert far[["bid", "bid_size", "last", "open_interest", "vendor_delta"]].isna().all()
    assert (far["ask"], far["exercise"], far["multiplier"]) == (0.01, "american", 100)
    # An adjusted class has no quote: the time is when it was asked for.
    adjusted = rows.loc["AAPL1 240503C00042500"]
    assert (adjusted["underlying"], adjusted["last"], adjusted["time"]) == ("AAPL", 121.5, FETCHED)
    assert pd.isna(adjusted["open_interest"])
    assert not chain["modelled"].any()


def test_what_contracts_deliver_and_which_are_standard():
    frame = contracts_frame(contracts_of(documented("option_contracts"))).set_index("symbol")
    adjusted = frame.loc["AAPL1 240503C00042500"]
    assert (adjusted["root"], adjusted["size"], adjusted["multiplier"]) == ("AAPL1", 28, 100)
    assert adjusted["deliverables"] == "28 AAPL + 12.5 USD"
    assert frame["standard"].tolist() == [True, False, True]
    weekly = frame.loc["SPXW  240503C05000000"]
    assert (weekly["root"], weekly["underlying"], weekly["exercise"]) == ("SPXW", "SPX", "european")
    assert weekly["open_interest"] == 0


def test_a_chain_sets_aside_what_is_no_option_or_of_another_underlying():
    quote = documented("option_chain")["snapshots"]["AAPL240503P00050000"]
    chain, bad = read_chain(
        {"AAPL240503P00050000": quote, "AAPL": quote, "MSFT240503P00050000": quote, "AAPL240503P00055000": 7,
         "AAPL240503P00060000": {"latestQuote": "closed"},
         "AAPL240503P00065000": {"latestQuote": {"t": "2024-04-25T19:59:59Z", "ask": 1.0}}},
        {}, underlying="AAPL", fetched=FETCHED,
    )  # fmt: skip
    assert chain["symbol"].tolist() == ["AAPL  240503P00050000"]
    assert dict(zip(bad["symbol"].str.replace(" ", ""), bad["reason"], strict=True)) == {
        "AAPL": "no option symbol",
        "MSFT240503P00050000": "nobody asked for this symbol",
        "AAPL240503P00055000": "a snapshot was expected, not int",
        "AAPL240503P00060000": "`latestQuote` is 'closed', no record",
        "AAPL240503P00065000": "`latestQuote.bp` is 'absent', no number; "
        "`latestQuote.ap` is 'absent', no number",
    }


def test_a_class_of_shares_with_a_dot_has_options_without():
    quote = documented("option_chain")["snapshots"]["AAPL240503P00050000"]
    for ticker, symbol in (("BRK.B", "BRKB240503P00350000"), ("HEI.A", "HEIA240503P00150000")):
        chain, bad = read_chain({symbol: quote}, {}, underlying=ticker, fetched=FETCHED)
        assert bad.empty
        assert chain["underlying"].tolist() == [ticker]


def test_splits_and_dividends():
    actions, bad = read_actions(documented("corporate_actions"))
    assert bad.empty
    rows = actions.sort_values("symbol")
    assert rows[["symbol", "kind"]].to_numpy().tolist() == [
        ["FCF", "dividend"], ["MNTS", "split"], ["MSBC", "split"], ["SRE", "split"],
    ]  # fmt: skip
    assert_allclose(rows["value"], [0.125, 1 / 50, 1.05, 2])
    assert rows["ex_date"].dt.strftime("%Y-%m-%d").tolist() == [
        "2023-05-04", "2023-08-24", "2023-05-19", "2023-08-22",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"symbol": "SRE", "old_rate": 0, "new_rate": 2, "ex_date": "2023-08-22"}, "`old_rate` is 0"),
        ({"symbol": "SRE", "new_rate": 2, "ex_date": "2023-08-22"}, "`old_rate` is None"),
        ({"symbol": "SRE", "old_rate": "one", "new_rate": 2, "ex_date": "2023-08-22"}, "`old_rate` is 'one'"),
        ({"symbol": "SRE", "old_rate": 1, "new_rate": 2, "ex_date": "soon"}, "`ex_date` is 'soon'"),
        ({"symbol": "SRE", "old_rate": 1, "new_rate": 2}, "`ex_date` is None"),
        ({"old_rate": 1, "new_rate": 2, "ex_date": "2023-08-22"}, "`symbol` is missing"),
        ({"symbol": "XYZ", "old_rate": 1, "new_rate": 2, "ex_date": "2023-08-22"}, "nobody asked"),
        ("split", "a record was expected"),
    ],
)
def test_an_action_that_cannot_be_is_set_aside(record, reason):
    good = {"symbol": "SRE", "old_rate": "1", "new_rate": "2", "ex_date": "2023-08-22"}
    page = {"corporate_actions": {"forward_splits": [good, record], "mergers": 3, "cash_dividends": None}}
    actions, bad = read_actions(page, symbols={"SRE"})
    assert actions["value"].tolist() == [2]
    assert len(bad) == 1
    assert reason in bad["reason"].iloc[0]


def test_news_is_plain_text_with_its_symbols():
    news, bad = read_news(documented("news")["news"])
    assert bad.empty
    first, second = news.iloc[0], news.iloc[1]
    assert first["source_id"] == "24843171"
    assert first["headline"].endswith("November & more")
    assert first["summary"] == "This headline only article is meant to show why a stock is moving."
    assert first["symbols"] == "AAPL,BRK.B"
    assert first["time"] == utc("2021-12-31T11:08:42")
    assert second[["summary", "url", "author", "symbols", "sentiment"]].isna().all()
    assert second["updated_at"] == utc("2021-12-30T20:37:41")
    assert (news["kind"] == "news").all()


def test_numbers_as_text_nulls_and_unknown_fields_are_read():
    record = {"t": "2022-02-01T05:00:00Z", "o": "174", "h": "174.84", "l": "172.31", "c": "174.61",
              "v": "85998033", "n": None, "vw": None, "zz": {"new": True}}  # fmt: skip
    bars, bad = read_bars(listed({"bars": {"AAPL": [record]}, "currency": "USD"}, "bars"))
    assert bad.empty
    assert bars["close"].tolist() == [174.61]
    assert bars["vwap"].isna().all()


LIES = {
    "c": [0, -1, None, "dear", {"v": 1}, [1], True, float("nan"), float("inf"), 1e300, "1e400", ""],
    "t": [None, "soon", 7, "1822-02-01T05:00:00Z", "9999-01-01T00:00:00Z", {}, "", "2022-13-01T05:00:00Z"],
    "v": [-5, "many", 1e300],
    "h": [1.0, 100.0],
    "l": [500.0],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in LIES.items() for value in values]
)
def test_a_bar_that_lies_is_set_aside_and_its_neighbours_stay(name, value):
    good = documented("bars_of_one")["bars"]
    period = {"start": utc("2022-02-01"), "end": utc("2022-02-28")}
    lie = good[0] | {"t": "2022-02-03T05:00:00Z"} | {name: value}
    bars, bad = read_bars(listed({"bars": {"AAPL": [good[0], lie, good[1]]}}, "bars"), "1d", **period)
    assert bars["close"].tolist() == [174.61, 175.84]
    assert len(bad) == 1
    assert len(bad["reason"].iloc[0]) > 10


@pytest.mark.parametrize("record", [None, 7, "bar", [], {}, [{"t": 1}]])
def test_what_is_no_record_is_set_aside(record):
    good = documented("bars_of_one")["bars"]
    bars, bad = read_bars(listed({"bars": {"AAPL": [*good, record]}}, "bars"), "1d")
    assert len(bars) == 2
    assert len(bad) == (0 if record is None else 1)


@pytest.mark.parametrize("page", [{"bars": 7}, {"bars": "none"}, {"results": []}, {}])
def test_an_answer_about_something_else_is_told(page):
    with pytest.raises(ServiceAnswerError, match="bars"):
        listed(page, "bars")


def test_instants_to_the_nanosecond():
    assert nanoseconds("2021-02-22T15:51:45.335689322Z") == 1614009105335689322
    assert nanoseconds("2021-02-22T15:51:45Z") == 1614009105000000000
    assert nanoseconds("2021-02-22T15:51:45.5Z") == 1614009105500000000
    assert nanoseconds("2021-02-22T10:51:45.5-05:00") == 1614009105500000000
    assert nanoseconds("2021-02-22T15:51:45.335689") == 1614009105335689000
    assert nanoseconds(1614009105335689322) == 1614009105335689322
    for none in ("", "soon", None, True, 1.5, "2021-02-30T15:51:45Z", "2021-02-22T15:51:xxZ"):
        with pytest.raises(ValueError):
            nanoseconds(none)
