"""What the Client Portal gateway answers on good and on odd days, read into the desk's shapes."""

import asyncio
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.contracts.feed_contract import until
from tests.contracts.test_ibkr import AAPL, FIRST, LAST, UPDATED, bar, connect, world
from tests.servers.feed import run
from tests.servers.ibkr import IbkrServer
from workbench.errors import (
    IncompleteAnswerError,
    NeedsLoginError,
    ServiceAnswerError,
    ServiceRefusedError,
    SocketClosedError,
    UnknownSymbolError,
    UnsupportedError,
)
from workbench.providers.ibkr_answers import (
    Marked,
    availability_of,
    bars_from_history,
    number_of,
    options_of_info,
    price_of,
    quotes_from_snapshot,
    shares_of_answer,
    underlyings_of_search,
)

ANSWERS = Path(__file__).parents[1] / "answers" / "ibkr"
FETCHED = pd.Timestamp("2026-11-20 21:00", tz="UTC")


def documented(name):
    return json.loads((ANSWERS / f"{name}.json").read_text())


@pytest.fixture
def server():
    with IbkrServer() as server:
        yield world(server)


# -- documented answers ------------------------------------------------------------------------------------


def test_a_recorded_history_keeps_its_prices_and_counts_its_volume_by_its_factor():
    answer = documented("history")
    good, bad = bars_from_history(answer, "AAPL", daily=True)
    assert bad.empty
    (row,) = good.to_dict("records")
    assert row["time"] == pd.Timestamp("2023-11-01", tz="UTC")
    assert (row["open"], row["high"], row["low"], row["close"]) == (171.05, 192.93, 170.12, 189.37)
    assert row["volume"] == 6942998.04
    good, _ = bars_from_history({**answer, "volumeFactor": "100"}, "AAPL", daily=True)
    assert good["volume"][0] == pytest.approx(694299804)
    good, _ = bars_from_history({**answer, "volumeFactor": None, "data": None}, "AAPL", daily=True)
    assert good.empty


def test_a_history_of_somebody_else_is_set_aside():
    good, bad = bars_from_history({**documented("history"), "symbol": "MSFT"}, "AAPL", daily=True)
    assert good.empty
    assert "nobody asked" in bad["reason"][0]
    assert len(bars_from_history({**documented("history"), "symbol": "BRK B"}, "BRK.B", daily=True).good) == 1


def test_documented_snapshots_are_read_with_sizes_in_shares_and_the_delay_taken_off():
    entries = documented("snapshot")[:3]
    known = {265598: ("AAPL", "STK"), 8314: ("IBM", "STK"), 700000001: ("SPX   300118C06850000", "OPT")}
    good, bad = quotes_from_snapshot(entries, known, fetched_at=FETCHED)
    assert bad.empty
    aapl, ibm, option = good.to_dict("records")
    assert (aapl["bid"], aapl["ask"], aapl["bid_size"], aapl["ask_size"]) == (189.30, 189.40, 300, 120_000)
    assert aapl["time"] == pd.Timestamp(UPDATED, unit="ms", tz="UTC")
    assert math.isnan(ibm["bid"])
    assert math.isnan(ibm["bid_size"])
    assert (ibm["ask"], ibm["ask_size"]) == (221.6, 50)
    assert ibm["time"] == aapl["time"] - pd.Timedelta(minutes=15)
    assert (option["bid_size"], option["ask_size"]) == (11, 7)


def test_an_entry_told_by_its_exchange_and_with_texts_for_numbers_is_read_too():
    entry = {"conidEx": "265598@SMART", "_updated": str(UPDATED), "84": 189.3, "86": "189.4", "88": 3}
    good, bad = quotes_from_snapshot([entry], {265598: ("AAPL", "STK")}, fetched_at=FETCHED)
    assert bad.empty
    (row,) = good.to_dict("records")
    assert (row["symbol"], row["bid_size"]) == ("AAPL", 300)
    assert row["time"] == pd.Timestamp(UPDATED, unit="ms", tz="UTC")
    assert math.isnan(row["ask_size"])


def test_a_documented_search_finds_the_index_and_not_its_namesakes():
    found = underlyings_of_search(documented("secdef_search"), "SPX")
    assert [(each.conid, each.kind) for each in found] == [(416904, "IND"), (138911237, "STK")]
    assert found[0].months == ("JAN30", "FEB30")
    for odd in (None, {}, {"error": "No symbol found"}, [], [None, 7, {"symbol": 3}]):
        assert underlyings_of_search(odd, "SPX") == []


def test_documented_shares_are_those_of_the_united_states():
    found = shares_of_answer(documented("stocks"), ["AAPL", "BRK.B", "CBK", "MSFT"])
    assert found == {"AAPL": 265598, "BRK.B": 72063691}


def test_documented_contracts_of_one_strike_are_told_apart_by_class_and_expiry():
    found, bad = options_of_info(documented("secdef_info"), "SPX", strike=6850.0, right="C")
    assert bad == []
    assert {each.contract.occ_symbol: each.conid for each in found} == {
        "SPX   300118C06850000": 700000001,
        "SPXW  300118C06850000": 700000002,
        "SPXW  300131C06850000": 700000003,
    }
    assert {each.contract.exercise for each in found} == {"european"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strike": 6800}, "nobody asked"),
        ({"strike": {}}, "nobody asked"),
        ({"right": "P"}, "nobody asked"),
        ({"conid": None}, "lacks its id"),
        ({"maturityDate": "soon"}, "lacks its id"),
        ({"tradingClass": "2SPX"}, "no OCC root"),
        ({"tradingClass": "NDX"}, "is not on SPX"),
    ],
)
def test_a_contract_that_was_not_asked_for_is_set_aside(change, words):
    answer = documented("secdef_info")
    answer[1] |= change
    found, bad = options_of_info(answer, "SPX", strike=6850.0, right="C")
    assert [each.conid for each in found] == [700000001, 700000003]
    assert words in bad[0][1]


# -- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "mark"),
    [
        ("190.1", 190.1, ""), ("C189.37", 189.37, "C"), ("H221.5", 221.5, "H"), ("12.2M", 12_200_000, ""),
        ("3.4K", 3400, ""), ("1.06B", 1.06e9, ""), ("1,234,567", 1_234_567, ""), ("-0.255", -0.255, ""),
        ("23.4%", 23.4, ""), (".5", 0.5, ""), ("+1.5", 1.5, ""), (7, 7.0, ""), ("", None, ""),
        (None, None, ""),
        ("N/A", None, ""), (float("nan"), None, ""),
    ],
)  # fmt: skip
def test_values_of_a_snapshot_are_texts_with_letters(text, value, mark):
    assert number_of(text) == Marked(value, mark)


@pytest.mark.parametrize("value", [{}, [], True, "abc", "1.2.3", "12X3"])
def test_other_values_are_no_numbers(value):
    with pytest.raises(ValueError):
        number_of(value)


def test_the_sentinel_of_no_price_is_no_price_and_another_negative_one_is_a_lie():
    assert price_of("-1").value is None
    assert price_of("0").value is None
    with pytest.raises(ValueError):
        price_of("-2.5")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RpB", "real-time"), ("DPB", "delayed by 15 minutes"), ("Z", "frozen at the last close"),
        ("Y", "delayed, frozen at the last close"), ("N", "not subscribed"), (None, "of unknown age"),
    ],
)  # fmt: skip
def test_how_fresh_a_quote_is_is_said_in_words(text, words):
    assert availability_of(text) == words


# -- history -----------------------------------------------------------------------------------------------


def minutes(server, days=6):
    """Give the server minute bars of some sessions: more than one page of them."""
    rows = []
    for day in pd.bdate_range("2026-01-05", periods=days):
        first = pd.Timestamp(f"{day:%Y-%m-%d} 09:30", tz="America/New_York")
        rows += [bar(first + pd.Timedelta(minutes=minute), 200 + minute / 64) for minute in range(390)]
    server.bars[AAPL, "1min"] = rows
    return rows


def test_many_pages_of_minutes_come_backwards_and_each_bar_once(server):
    rows = minutes(server)
    found = connect(server).bars(["AAPL"], "2026-01-05", "2026-01-12", "1m")
    assert len(found) == len(rows) == 6 * 390
    assert not found.duplicated(["symbol", "time"]).any()
    assert found["time"].is_monotonic_increasing
    asked = [call.query["startTime"] for call in server.calls("/history")]
    assert asked == sorted(asked, reverse=True)
    assert len(asked) == len(set(asked)) >= 3


def test_a_gateway_that_gives_the_same_page_again_is_left_with_what_there_is(server):
    now = pd.Timestamp.now("UTC").floor("min")
    times = [now - pd.Timedelta(minutes=back) for back in range(390, 1, -1)]
    server.bars[AAPL, "1min"] = [bar(at, 200.0) for at in times]
    server.ignores_start_time = True
    with pytest.raises(IncompleteAnswerError, match="again instead of those before") as caught:
        connect(server).bars(["AAPL"], now - pd.Timedelta(days=30), None, "1m")
    assert caught.value.state == "bad_answer"
    assert len(caught.value.rows) == 389
    assert len(server.calls("/history")) == 2


def test_a_history_that_begins_later_than_asked_ends_without_a_loop(server):
    found = connect(server).bars(["AAPL"], "2019-01-01", LAST)
    assert len(found) == 62
    assert len(server.calls("/history")) <= 6


def test_a_gap_of_years_in_the_history_is_stepped_over(server):
    old = [bar(pd.Timestamp(f"2019-01-0{day} 14:30", tz="UTC"), 40.0) for day in (2, 3, 4)]
    server.bars[AAPL, "1d"] = old + server.bars[AAPL, "1d"]
    found = connect(server).bars(["AAPL"], "2019-01-01", LAST)
    assert len(found) == 65
    assert found["time"].min() == pd.Timestamp("2019-01-02", tz="UTC")


def test_without_a_start_all_days_come_and_of_minutes_the_newest_page(server):
    assert len(connect(server).bars(["AAPL"])) == 62
    minutes(server)
    found = connect(server).bars(["AAPL"], None, "2026-01-12", "1m")
    assert found["time"].max() == pd.Timestamp("2026-01-12 20:59", tz="UTC")
    assert len(server.calls("/history")) <= 4


def test_no_data_in_the_gateways_words_is_an_empty_answer(server):
    assert connect(server).bars(["MSFT"], FIRST, LAST).empty


def test_one_symbol_that_breaks_off_keeps_those_before_it(server):
    server.bars[server.shares["MSFT"], "1d"] = server.bars[AAPL, "1d"]
    server.bad.only = lambda request: request.query.get("conid") == str(server.shares["MSFT"])
    server.bad.cut = math.inf
    with pytest.raises(IncompleteAnswerError) as caught:
        connect(server).bars(["AAPL", "MSFT"], FIRST, LAST)
    assert set(caught.value.rows["symbol"]) == {"AAPL"}
    assert len(caught.value.rows) == 62


def test_bars_of_an_option_are_found_by_its_class_strike_and_expiry(server):
    index = server.indices["SPX"] = 416904
    server.add_option(index, "SPX", "20300118", "C", 6850.0)
    weekly = server.add_option(index, "SPXW", "20300118", "C", 6850.0)
    server.bars[weekly, "1d"] = [bar(pd.Timestamp("2026-01-06 14:30", tz="UTC"), 45.0)]
    provider = connect(server)
    found = provider.bars(["SPXW  300118C06850000"], FIRST, LAST)
    assert found["symbol"].tolist() == ["SPXW  300118C06850000"]
    with pytest.raises(UnknownSymbolError):
        provider.bars(["SPXW  300118C06900000"], FIRST, LAST)


def test_a_contract_id_found_once_is_not_searched_again(server):
    provider = connect(server)
    provider.bars(["AAPL"], FIRST, LAST)
    provider.bars(["AAPL"], FIRST, LAST)
    assert len(server.calls("/trsrv/stocks")) == 1


def test_an_index_is_found_by_the_search(server):
    server.indices["SPX"] = 416904
    server.bars[416904, "1d"] = [bar(pd.Timestamp("2026-01-06 14:30", tz="UTC"), 6850.0) | {"v": 0}]
    found = connect(server).bars(["SPX"], FIRST, LAST)
    assert found["close"].tolist() == [6850.25]


def test_all_symbols_are_those_of_the_american_exchanges(server):
    assert connect(server).symbols() == ["AA", "AAPL", "BRK.B", "MSFT", "SPY"]
    assert len(server.calls("/trsrv/all-conids")) == 5


# -- quotes ------------------------------------------------------------------------------------------------


def test_a_snapshot_is_asked_for_until_its_values_have_come(server):
    server.fills_after = 4
    provider = connect(server)
    quotes = provider.latest_quotes(["AAPL"])
    assert quotes["bid"].tolist() == [210.11]
    assert provider.availability == {"AAPL": "real-time"}
    assert len(server.calls("/snapshot")) == 4


def test_a_delayed_quote_says_so_and_is_as_old_as_it_is(server):
    server.snapshots[AAPL]["6509"] = "DPB"
    provider = connect(server)
    quotes = provider.latest_quotes(["AAPL"])
    assert provider.availability["AAPL"] == "delayed by 15 minutes"
    assert quotes["time"][0] == pd.Timestamp(UPDATED, unit="ms", tz="UTC") - pd.Timedelta(minutes=15)


def test_without_a_subscription_the_quote_is_refused_with_what_to_do(server):
    server.snapshots[AAPL] = {"6509": "N", "_updated": UPDATED}
    with pytest.raises(ServiceRefusedError, match="no market data subscription for AAPL"):
        connect(server).latest_quotes(["AAPL"])


def test_a_symbol_whose_values_never_come_is_set_aside_with_the_reason(server):
    server.snapshots[server.shares["MSFT"]] = {}
    provider = connect(server)
    quotes = provider.latest_quotes(["AAPL", "MSFT"])
    assert quotes["symbol"].tolist() == ["AAPL"]
    (row,) = provider.quarantined().to_dict("records")
    assert (row["symbol"], "no price came" in row["reason"]) == ("MSFT", True)


def test_quotes_that_lie_are_set_aside(server):
    server.snapshots[AAPL] |= {"84": {"was": 1}}
    provider = connect(server)
    assert provider.latest_quotes(["AAPL"]).empty
    assert provider.quarantined()["symbol"].tolist() == ["AAPL"]


def test_an_entry_of_a_contract_that_nobody_asked_for_is_set_aside(server):
    held = server._iserver_marketdata_snapshot

    def lying(request):
        answer = held(request)
        answer.body += [{"conid": 8314, "55": "IBM", "84": "1", "86": "2"}, "odd", {"84": "3"}]
        return answer

    server._iserver_marketdata_snapshot = lying
    provider = connect(server)
    assert provider.latest_quotes(["AAPL"])["symbol"].tolist() == ["AAPL"]
    assert len(provider.quarantined()) == 3


@pytest.mark.parametrize("body", [{}, None, 7, {"error": "odd"}])
def test_a_snapshot_of_another_shape_is_a_bad_answer(server, body):
    from tests.servers.base import Answer

    server._iserver_marketdata_snapshot = lambda request: Answer(body)
    with pytest.raises(ServiceAnswerError, match="without a list"):
        connect(server).latest_quotes(["AAPL"])


# -- chains ------------------------------------------------------------------------------------------------


def test_an_index_chain_has_both_classes_and_one_expiry_of_the_month(server):
    index = server.indices["SPX"] = 416904
    server.snapshots[index] = {"31": "6850.92", "6509": "R", "_updated": UPDATED}
    for root, expiry in (("SPX", "20300118"), ("SPXW", "20300118"), ("SPXW", "20300131")):
        for right in "CP":
            conid = server.add_option(index, root, expiry, right, 6850.0)
            server.snapshots[conid] = {"84": "45.2", "86": "46.1", "7633": "15.2", "_updated": UPDATED}
    provider = connect(server)
    chain = provider.option_chain("SPX", "2030-01-18")
    assert sorted(chain["symbol"]) == [
        "SPX   300118C06850000", "SPX   300118P06850000", "SPXW  300118C06850000", "SPXW  300118P06850000",
    ]  # fmt: skip
    assert (chain["underlying_price"] == 6850.92).all()
    assert chain["vendor_implied_volatility"].tolist() == pytest.approx([0.152] * 4)
    assert len(provider.option_chain("SPX")) == 6
    assert provider.option_chain("SPX", "2030-03-15").empty


def test_strikes_that_are_none_are_set_aside_and_the_others_asked_for(server):
    held = server._iserver_secdef_strikes

    def odd(request):
        answer = held(request)
        answer.body["call"] = [None, {}, "200", -5, "x", 210.0]
        return answer

    server._iserver_secdef_strikes = odd
    provider = connect(server)
    assert len(provider.option_chain("AAPL")) == 4
    assert provider.quarantined()["reason"].str.contains("is no strike").sum() == 4


def test_contracts_found_once_are_not_asked_for_again(server):
    provider = connect(server)
    provider.option_chain("AAPL")
    assert len(server.calls("/secdef/info")) == 4
    provider.option_chain("AAPL", "2030-01-18")
    assert len(server.calls("/secdef/info")) == 4


def test_the_lines_of_a_chain_are_given_back(server):
    connect(server).option_chain("AAPL")
    freed = {call.json()["conid"] for call in server.calls("/marketdata/unsubscribe")}
    assert freed == {each["conid"] for each in server.options[AAPL]}


def test_a_multiplier_is_read_and_not_taken_for_a_hundred(server):
    conid = server.add_option(AAPL, "AAPL1", "20300118", "C", 7.5, multiplier="10")
    server.snapshots[conid] = {"31": "C5.0", "84": "4.9", "86": "5.1", "_updated": UPDATED}
    chain = connect(server).option_chain("AAPL").set_index("symbol")
    row = chain.loc["AAPL1 300118C00007500"]
    assert row["multiplier"] == 10
    assert math.isnan(row["last"])  # the close of another day
    assert row["underlying"] == "AAPL"
    assert chain.loc["AAPL  300118C00200000", "last"] == 9.34


def test_a_chain_of_a_month_that_breaks_off_keeps_what_had_come(server):
    for strike in range(300, 360):
        for right in "CP":
            conid = server.add_option(AAPL, "AAPL", "20300118", right, float(strike))
            server.snapshots[conid] = {"84": "1.0", "86": "1.2", "_updated": UPDATED}
    provider = connect(server)
    provider._client.http._limits.take = lambda bucket, patience: True  # the pace is another test's affair
    first = {}

    def later(request):
        ids = request.query.get("conids", "")
        return "/snapshot" in request.path and ids.count(",") > 0 and ids != first.setdefault("ids", ids)

    server.bad.only = later
    server.bad.cut = math.inf
    with pytest.raises(IncompleteAnswerError) as caught:
        provider.option_chain("AAPL")
    assert len(caught.value.rows) == 100


def test_an_underlying_without_options_has_an_empty_chain(server):
    assert connect(server).option_chain("MSFT").empty
    with pytest.raises(UnknownSymbolError, match="MSFT"):
        connect(server).option_chain("MSTF")


# -- the feed ----------------------------------------------------------------------------------------------


def streamed(server, work):
    async def whole():
        feed = connect(server).stream(("quotes", "trades"))
        await feed.open()
        try:
            await feed.subscribe({"quotes": ["AAPL"], "trades": ["AAPL"]})
            await until(lambda: any(AAPL in asked for asked in server.asked_for.values()))
            await work(feed)
        finally:
            await feed.close()

    run(whole())


async def next_batches(feed):
    async with asyncio.timeout(10):
        while True:
            if batches := await feed.receive():
                return batches


def test_a_message_of_changes_is_put_upon_what_was_known(server):
    async def work(feed):
        server.tell(AAPL, {"84": "210.11", "86": "210.14", "88": "3", "85": "12"}, _updated=UPDATED)
        await next_batches(feed)
        server.tell(AAPL, {"84": "210.12"}, _updated=UPDATED + 5)
        (batch,) = await next_batches(feed)
        assert batch.kind == "quotes"
        assert batch.rows == [("AAPL", (UPDATED + 5) * 10**6, 0, 210.12, 210.14, 300.0, 1200.0)]

    streamed(server, work)


def test_the_close_of_another_day_is_no_trade_and_a_halt_is_told(server):
    async def work(feed):
        server.tell(AAPL, {"31": "C209.99"}, _updated=UPDATED)
        server.tell(AAPL, {"31": "H210.5", "7059": "40"}, _updated=UPDATED + 1)
        (batch,) = await next_batches(feed)
        assert batch.rows == [("AAPL", (UPDATED + 1) * 10**6, str(UPDATED + 1), 210.5, 40.0, "halted")]

    streamed(server, work)


def test_a_delayed_stream_is_as_old_as_it_is(server):
    async def work(feed):
        server.tell(AAPL, {"6509": "DPB", "84": "1", "86": "2"}, _updated=UPDATED)
        server.tell(AAPL, {"84": "1.5"}, _updated=UPDATED)
        rows = (await next_batches(feed))[0].rows + (await next_batches(feed))[0].rows
        assert {row[1] for row in rows} == {(UPDATED - 15 * 60_000) * 10**6}

    streamed(server, work)


def test_a_value_that_is_no_number_costs_its_message_and_nothing_else(server):
    async def work(feed):
        server.tell(AAPL, {"84": "210.11", "86": "210.14"}, _updated=UPDATED)
        await next_batches(feed)
        server.tell(AAPL, {"84": {"was": 1}}, _updated=UPDATED + 1)
        (batch,) = await next_batches(feed)
        assert batch.rows == []
        assert batch.bad[0][0] == "AAPL"
        server.tell(AAPL, {"86": "210.20"}, _updated=UPDATED + 2)
        (batch,) = await next_batches(feed)
        assert batch.rows[0][3:5] == (210.11, 210.20)

    streamed(server, work)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"authenticated": True, "competing": True}, "Another program took the session"),
    ],
)
def test_a_session_that_ends_in_mid_stream_is_a_state_with_the_page_to_log_in_on(server, args, words):
    async def work(feed):
        server.say(json.dumps({"topic": "sts", "args": args}))
        with pytest.raises(NeedsLoginError, match=words):
            await next_batches(feed)

    streamed(server, work)


def test_a_session_that_ends_at_night_comes_back_when_the_feed_is_opened_again(server):
    async def work(feed):
        server.authenticated = False
        server.say(json.dumps({"topic": "sts", "args": {"authenticated": False}}))
        with pytest.raises(SocketClosedError, match="once a day"):
            await next_batches(feed)
        await feed.open()
        assert len(server.calls("/ssodh/init")) == 1
        server.authenticated = server.opens_session = False
        server.say(json.dumps({"topic": "sts", "args": {"authenticated": False}}))
        with pytest.raises(SocketClosedError):
            await next_batches(feed)
        with pytest.raises(NeedsLoginError, match="Log in on"):
            await feed.open()

    streamed(server, work)


def test_messages_of_the_service_itself_are_no_events(server):
    async def work(feed):
        for said in (
            {"topic": "system", "hb": 1702334859712}, {"topic": "act", "args": {"accounts": []}},
            {"topic": "ntf", "args": []}, {"topic": "blt", "args": []}, {"topic": "tic", "alive": True},
            {"topic": "sts", "args": {"message": ""}}, {"message": "waiting for session"},
            {"result": "unsubscribed from summary"},
        ):  # fmt: skip
            server.say(json.dumps(said))
        server.say(json.dumps({"topic": "smd+265598", "conid": AAPL, "_updated": UPDATED}))
        server.say(json.dumps({"topic": "smd+9", "conid": 9, "84": "1"}))
        server.say(json.dumps({"error": "odd", "code": 5}))
        server.say(json.dumps({"topic": "new"}))
        bad = [each for _ in range(3) for each in (await next_batches(feed))[0].bad]
        assert ["nobody asked" in bad[0][1], "odd" in bad[1][1], "unknown topic" in bad[2][1]] == [True] * 3

    streamed(server, work)


def test_frames_of_bytes_are_read_too(server):
    async def work(feed):
        server.say(json.dumps({"topic": "smd+265598", "84": "1", "86": "2", "_updated": UPDATED}).encode())
        assert (await next_batches(feed))[0].rows[0][3:5] == (1.0, 2.0)

    streamed(server, work)


def test_a_gateway_that_waits_for_a_session_that_never_comes_needs_a_login(server, monkeypatch):
    monkeypatch.setattr("workbench.providers.ibkr_feed._SESSION_WAIT", 0.3)
    server.waiting = True
    with pytest.raises(NeedsLoginError, match="waits for its brokerage session"):
        run(connect(server).stream(("quotes",)).open())


def test_a_login_lost_between_two_tickles_is_told_by_the_feed(server, monkeypatch):
    monkeypatch.setattr("workbench.providers.ibkr_feed._KEEPALIVE_SECONDS", 0.05)

    async def work(feed):
        await until(lambda: "tic" in server.heard)
        server.logged_in = False
        with pytest.raises(NeedsLoginError, match="Log in on"):
            await next_batches(feed)

    streamed(server, work)


def test_a_feed_opened_again_asks_for_what_it_had(server):
    async def work(feed):
        server.cut_sockets()
        with pytest.raises(SocketClosedError):
            await next_batches(feed)
        await feed.open()
        await until(lambda: any(AAPL in asked for asked in server.asked_for.values()))

    streamed(server, work)


def test_a_stream_of_bars_is_not_there(server):
    with pytest.raises(UnsupportedError, match="has no stream of bars; it has quotes, trades"):
        connect(server).stream(("bars",))


def test_a_price_that_is_missing_everywhere_is_missing_in_the_chain(server):
    del server.snapshots[AAPL]
    chain = connect(server).option_chain("AAPL")
    assert np.isnan(chain["underlying_price"]).all()
