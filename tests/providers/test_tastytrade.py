"""What tastytrade answers on good and on odd days, read into the desk's shapes."""

import json
import math
import threading
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.contracts.test_tastytrade import FIRST, KEYS, LAST, add_chain, candle, connect, quote, world
from tests.servers.tastytrade import TastytradeServer
from workbench.errors import (
    IncompleteAnswerError,
    ServiceRefusedError,
    ServiceUnavailableError,
    UnknownSymbolError,
    UnsupportedError,
)
from workbench.market import EARNINGS, METRICS, OPTION_QUOTES, check_option_quotes, frame_schema
from workbench.providers.periods import period_of
from workbench.providers.session_bars import bars_within, session_dates
from workbench.providers.tastytrade_answers import (
    bars_from_candles,
    chain_from_answers,
    contracts_of_chain,
    dividends_from_answer,
    earnings_from_answers,
    metrics_from_answer,
    price_of,
    quotes_from_market_data,
)
from workbench.providers.tastytrade_bars import symbols_at_a_time
from workbench.providers.tastytrade_feed import quote_rows, trade_rows
from workbench.providers.tastytrade_snapshots import Candles, ask_greeks
from workbench.vendors.dxlink import run_apart
from workbench.vendors.dxlink_events import Events, number
from workbench.vendors.tastytrade import items_of

ANSWERS = Path(__file__).parents[1] / "answers" / "tastytrade"
NOW = pd.Timestamp("2026-11-20 21:00", tz="UTC")


def documented(name):
    return json.loads((ANSWERS / f"{name}.json").read_text())


@pytest.fixture
def server():
    with TastytradeServer() as server:
        yield world(server)


# -- documented answers ------------------------------------------------------------------------------------


def test_documented_quotes_of_options_are_read_with_their_own_times_and_empty_sides():
    items = items_of(documented("market_data_by_type"))
    asked = ["SPY   250701C00605000", "SPY   250701C00610000"]
    good, bad = quotes_from_market_data(items, symbols=asked)
    assert bad.empty
    first, second = good.to_dict("records")
    assert (first["bid"], first["ask"], first["bid_size"]) == (9.97, 10.11, 10.0)
    assert first["time"] == pd.Timestamp("2025-06-27 23:59:39.372", tz="UTC")
    # Milliseconds since 1970 in place of a text, and a bid of zero, which nobody made.
    assert second["time"] == pd.Timestamp("2025-06-27 23:59:39.421", tz="UTC")
    assert math.isnan(second["bid"])
    assert math.isnan(second["bid_size"])
    assert second["ask"] == 5.66


def test_a_documented_chain_holds_both_roots_of_an_index():
    contracts, bad = contracts_of_chain(items_of(documented("nested_chain")), "SPX")
    assert bad == []
    by_symbol = {each["symbol"]: each for each in contracts}
    assert sorted(by_symbol) == [
        "SPX   300118C06850000", "SPX   300118P06850000", "SPXW  300118C06850000", "SPXW  300131C06852500",
        "SPXW  300131P06852500",
    ]  # fmt: skip
    assert {each["settlement"] for each in contracts if each["root"] == "SPX"} == {"AM"}
    assert {each["exercise"] for each in contracts} == {"european"}
    assert {each["underlying"] for each in contracts} == {"SPX"}
    assert by_symbol["SPXW  300131P06852500"]["streamer"] == ".SPXW300131P6852.5"  # worked out: none was told


def test_one_expiry_of_a_documented_chain():
    contracts, _ = contracts_of_chain(items_of(documented("nested_chain")), "SPX", date(2030, 1, 31))
    assert [each["right"] for each in contracts] == ["C", "P"]


def test_the_greeks_of_rest_come_before_those_of_the_stream():
    items = items_of(documented("market_data_by_type"))
    contracts = [
        {"symbol": symbol, "streamer": f".{symbol}", "underlying": "SPY", "expiry": "2025-07-01",
         "strike": strike, "right": "C", "exercise": "american", "multiplier": 100.0}
        for symbol, strike in (("SPY   250701C00605000", 605.0), ("SPY   250701C00610000", 610.0))
    ]  # fmt: skip
    events = {
        ".SPY   250701C00605000": {"delta": 0.1, "openInterest": 1},
        ".SPY   250701C00610000": {"volatility": 0.109, "delta": 0.69, "gamma": "NaN", "openInterest": 5},
    }
    good, bad = chain_from_answers(contracts, items, events, underlying_price=614.91, fetched_at=NOW)
    assert bad.empty
    frame_schema(OPTION_QUOTES).validate(good)
    first, second = good.to_dict("records")
    assert (first["vendor_delta"], first["open_interest"], first["volume"]) == (0.846863126, 927, 149)
    assert (second["vendor_delta"], second["vendor_implied_volatility"], second["open_interest"]) == (
        0.69,
        0.109,
        2178,
    )
    assert math.isnan(second["vendor_gamma"])
    assert math.isnan(second["last"])


def test_documented_metrics_become_one_figure_a_row():
    good, bad = metrics_from_answer(items_of(documented("market_metrics")), symbols=["BRK.B"])
    assert bad.empty
    frame_schema(METRICS).validate(good)
    figures = good.set_index("name")["value"]
    assert figures["implied_volatility_index_rank"] == 0.31
    assert figures["market_cap"] == 1.06e12
    assert figures["implied_volatility 2026-12-18"] == 0.201
    assert figures["implied_volatility 2026-12-18 AM"] == 0.199
    missing = {
        "beta",
        "corr_spy_3month",
        "lendability",
        "implied_volatility 2027-01-15",
        "implied_volatility 2027-02-19",
    }
    assert not missing & set(figures.index)
    assert (good["time"] == pd.Timestamp("2026-11-20 21:00:01.250", tz="UTC")).all()
    assert set(good["symbol"]) == {"BRK.B"}


def test_the_documented_next_report_is_an_estimate_with_its_quarter():
    (item,) = items_of(documented("market_metrics"))
    reports = [{"occurred-date": "2026-11-01", "eps": "4.5"}, {"occurred-date": "odd", "eps": "x"}]
    good, bad = earnings_from_answers(reports, item, "BRK.B")
    frame_schema(EARNINGS).validate(good)
    past, coming = good.to_dict("records")
    assert (past["fiscal_period"], past["confirmed"], past["eps_actual"]) == (
        "reported 2026-11-01",
        True,
        4.5,
    )
    assert (coming["fiscal_period"], coming["confirmed"]) == ("quarter to 2026-12-31", False)
    assert (coming["session"], coming["eps_estimate"]) == ("before_open", 5.02)
    assert math.isnan(coming["eps_actual"])  # "0.0" before the report
    assert len(bad) == 1


def test_documented_candles_become_daily_bars_by_their_session():
    events = documented("candles")
    good, bad = bars_from_candles(events, symbols=["AAPL"], daily=True)
    assert bad.empty
    assert dict(zip(good["time"].dt.strftime("%Y-%m-%d"), good["close"], strict=True)) == {
        "2025-11-21": 271.49, "2025-11-20": 266.25, "2025-11-19": 268.56,
    }  # fmt: skip
    assert good["volume"].tolist() == [59030832, 45823568, 40424492]
    assert good["vwap"].isna().tolist() == [False, True, False]


# -- candles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2026-01-06 00:00", "2026-01-06"),  # midnight UTC
        ("2026-01-06 14:30", "2026-01-06"),  # the open in New York, winter
        ("2026-07-07 13:30", "2026-07-07"),  # and summer
        ("2026-01-06 05:00", "2026-01-06"),  # midnight in New York
        ("2026-01-06 01:00", "2026-01-06"),  # 20:00 of the evening before, in New York
        ("2026-01-06 09:00", "2026-01-06"),  # 04:00 in New York
    ],
)
def test_a_daily_bar_is_dated_by_its_session_whatever_it_is_stamped_with(stamp, day):
    times = pd.Series(pd.DatetimeIndex([stamp], tz="UTC").as_unit("us"))
    assert session_dates(times)[0] == pd.Timestamp(day, tz="UTC")


def test_a_bar_that_is_not_over_is_no_bar_yet():
    minutes = pd.DataFrame(
        {"symbol": "A", "time": pd.date_range("2026-11-20 20:57", periods=4, freq="min", tz="UTC")}
    )
    period, minute, day = period_of(None, None), pd.Timedelta(minutes=1), pd.Timedelta(days=1)
    assert len(bars_within(minutes, period, minute, NOW)) == 3
    days = pd.DataFrame({"symbol": "A", "time": pd.to_datetime(["2026-11-19", "2026-11-20"], utc=True)})
    assert len(bars_within(days, period, day, NOW - pd.Timedelta(minutes=1))) == 1
    assert len(bars_within(days, period, day, NOW)) == 2


def test_a_snapshot_is_whole_when_its_transaction_is():
    candles = Candles()
    for flags, index in ((0x4 | 0x1, 3), (0x1, 2), (0x8 | 0x1, 1)):
        candles.take({"eventFlags": flags, "index": index, "close": index})
    assert not candles.finished
    candles.take({"eventFlags": 0, "index": 3, "close": 3.5})
    assert candles.finished
    assert candles.rows[3]["close"] == 3.5
    candles.take({"eventFlags": 0x2, "index": 2})
    assert sorted(candles.rows) == [1, 3]
    candles.take({"eventFlags": 0x4 | 0x8 | 0x2, "index": 0})
    assert (candles.rows, candles.finished) == ({}, True)


def test_minute_bars_and_class_shares(server):
    provider = connect(server)
    minutes = provider.bars(["AAPL"], "2026-01-05", "2026-01-05", "1m")
    assert len(minutes) == 390
    assert minutes["time"].iloc[0] == pd.Timestamp("2026-01-05 14:30", tz="UTC")
    both = provider.bars(["BRK/B", "AAPL"], FIRST, "2026-01-07")
    assert both["symbol"].tolist() == ["AAPL"] * 3 + ["BRK.B"] * 3


def test_bars_of_an_exact_period_within_a_day(server):
    bars = connect(server).bars(["AAPL"], "2026-01-05 14:31", "2026-01-05 14:33", "1m")
    assert bars["time"].dt.strftime("%H:%M").tolist() == ["14:31", "14:32", "14:33"]


def test_a_history_that_the_service_keeps_no_longer_is_told_with_what_there_is(server):
    server.snips_at = 20
    with pytest.raises(IncompleteAnswerError, match="keeps no 1d bars of AAPL before 2026-03-04") as caught:
        connect(server).bars(["AAPL"], FIRST, LAST)
    assert len(caught.value.rows) == 20
    # Without a start what it keeps is all that was asked.
    assert len(connect(server).bars(["AAPL"], None, LAST)) == 20


def test_candles_cut_off_in_the_middle_keep_what_had_come(server):
    class Cutting(TastytradeServer):
        left = 1

        def talk(self, socket):
            send = socket.send

            def counted(message):
                if '"FEED_DATA"' in str(message):
                    Cutting.left -= 1
                    if Cutting.left < 0:
                        self.cut_sockets()
                        return
                send(message)

            socket.send = counted
            super().talk(socket)

    with Cutting() as cutting:
        world(cutting)
        with pytest.raises(IncompleteAnswerError) as caught:
            connect(cutting).bars(["AAPL"], FIRST, LAST)
    assert caught.value.state == "unreachable"
    assert caught.value.rows["time"].max() == pd.Timestamp(LAST, tz="UTC")
    assert 0 < len(caught.value.rows) < 62


def test_a_stream_that_stays_silent_is_unreachable_and_not_empty(server):
    silent = server.talk

    def talk(socket):
        send = socket.send
        socket.send = lambda message: None if '"FEED_DATA"' in str(message) else send(message)
        silent(socket)

    server.talk = talk
    provider = connect(server)
    provider._patience = 0.3
    with pytest.raises(ServiceUnavailableError, match="no end of the candles of AAPL"):
        provider.bars(["AAPL"], FIRST, LAST)
    with pytest.raises(UnknownSymbolError, match="AAPL"):
        provider.bars(["APPL"], FIRST, LAST)


def test_a_listed_symbol_without_bars_is_empty_and_an_unlisted_one_is_named(server):
    provider = connect(server)
    assert provider.bars(["MSFT"], FIRST, LAST).empty
    with pytest.raises(UnknownSymbolError, match="MSFT"):
        provider.bars(["AAPL", "MSTF"], FIRST, LAST)


def test_short_intervals_of_long_periods_are_asked_for_symbol_by_symbol():
    assert symbols_at_a_time(NOW - pd.Timedelta(days=1), "1m", NOW) == 5
    assert symbols_at_a_time(NOW - pd.Timedelta(days=365), "1m", NOW) == 1
    assert symbols_at_a_time(NOW - pd.Timedelta(days=365), "1d", NOW) == 7


def test_forty_symbols_all_come_and_each_once(server):
    names = [f"S{count:02d}" for count in range(40)]
    for name in names:
        server.candles[name, "d"] = [candle(pd.Timestamp("2026-03-30", tz="UTC"), 50.0)]
        server.equities[name] = {"symbol": name}
    bars = connect(server).bars(names, "2026-03-30", "2026-03-30")
    assert bars["symbol"].tolist() == names


def test_a_server_of_whole_objects_in_its_own_order_gives_the_same_bars(server):
    good = connect(server).bars(["AAPL"], FIRST, LAST)
    server.full_format = True
    pd.testing.assert_frame_equal(connect(server).bars(["AAPL"], FIRST, LAST), good)
    server.full_format = False
    server.field_order = lambda kind, asked: sorted(asked)
    pd.testing.assert_frame_equal(connect(server).bars(["AAPL"], FIRST, LAST), good)


# -- chains ------------------------------------------------------------------------------------------------


def test_an_index_chain_has_both_roots_and_an_index_price(server):
    add_chain(server, "SPX", "SPX", (6850.0,), multiplier=100, settlement="AM")
    add_chain(server, "SPX", "SPXW", (6850.0, 6852.5), multiplier=100)
    chain = connect(server).option_chain("SPX")
    assert set(chain["symbol"].str[:6].str.strip()) == {"SPX", "SPXW"}
    assert len(chain) == 6
    assert (chain["underlying_price"] == 6850.92).all()
    assert set(chain["exercise"]) == {"european"}


def test_adjusted_contracts_keep_their_root_and_their_shares(server):
    add_chain(server, "AAPL", "AAPL1", (7.5,), multiplier=10, kind="Non-standard")
    chain = connect(server).option_chain("AAPL", "2030-01-18")
    adjusted = chain[chain["symbol"].str.startswith("AAPL1")]
    assert adjusted["multiplier"].tolist() == [10.0, 10.0]
    assert adjusted["underlying"].tolist() == ["AAPL", "AAPL"]
    assert adjusted["vendor_delta"].notna().all()


def test_a_chain_of_a_class_share(server):
    add_chain(server, "BRK/B", "BRKB", (450.0,), multiplier=100)
    chain = connect(server).option_chain("BRK.B")
    assert chain["symbol"].tolist() == ["BRKB  300118C00450000", "BRKB  300118P00450000"]
    assert (chain["underlying"] == "BRK.B").all()
    assert chain["underlying_price"].tolist() == [500.1, 500.1]


def test_a_long_chain_is_quoted_a_hundred_symbols_at_a_time(server):
    add_chain(server, "SPY", "SPY", tuple(float(strike) for strike in range(500, 630)), multiplier=100)
    chain = connect(server).option_chain("SPY")
    assert len(chain) == 260
    assert chain["bid"].notna().all()
    sizes = [sum(map(len, call.queries.values())) for call in server.calls("/market-data/by-type")]
    assert sizes == [100, 100, 61]


def test_a_chain_without_the_stream_has_its_quotes_and_no_greeks(server):
    server.customer = False
    chain = connect(server).option_chain("AAPL")
    assert chain["bid"].notna().all()
    assert chain["vendor_delta"].isna().all()


def test_a_contract_that_the_stream_is_silent_about_is_not_waited_for_beside_a_talkative_one(server):
    quiet = ".AAPL300118P00200"
    server.greeks[".AAPL300118C200"]["delta"] = 0.5
    del server.greeks[".AAPL300118P200"]
    stop = threading.Event()

    def chatter():
        while not stop.wait(0.05):
            server.tell("Greeks", {"eventSymbol": ".AAPL300118C200", "delta": 0.51})

    talking = threading.Thread(target=chatter)
    talking.start()
    try:
        client = connect(server)._client
        began = time.monotonic()
        found, _ = run_apart(lambda: ask_greeks(client.quote_token, [".AAPL300118C200", quiet], patience=0.5))
        assert time.monotonic() - began < 8
    finally:
        stop.set()
        talking.join()
    assert number(found[".AAPL300118C200"]["delta"]) in (0.5, 0.51)
    assert quiet not in found


def test_a_silent_symbol_is_given_up_while_another_one_goes_on(server):
    stop = threading.Event()

    def chatter():
        while not stop.wait(0.05):
            server.tell(
                "Candle", {"eventSymbol": "AAPL{=1d,tho=true}", "eventFlags": 0, "index": 1, "time": 1}
            )

    silent = server.talk

    def talk(socket):
        send = socket.send
        socket.send = lambda message: None if '"MSFT{' in str(message) else send(message)
        silent(socket)

    server.talk = talk
    talking = threading.Thread(target=chatter)
    talking.start()
    try:
        provider = connect(server)
        provider._patience = 0.5
        with pytest.raises(IncompleteAnswerError, match="candles of MSFT") as caught:
            provider.bars(["AAPL", "MSFT"], FIRST, LAST)
    finally:
        stop.set()
        talking.join()
    assert set(caught.value.rows["symbol"]) == {"AAPL"}
    assert len(caught.value.rows) == 62


def test_quotes_of_an_unlisted_symbol_name_the_nearest_even_where_the_call_is_refused(server):
    class Strict(TastytradeServer):
        def _quotes(self, request):
            unknown = "APPL" in request.queries.get("equity[]", ())
            return self.error(404, "Couldn't find APPL") if unknown else super()._quotes(request)

    with Strict() as strict:
        world(strict)
        with pytest.raises(UnknownSymbolError, match="AAPL"):
            connect(strict).latest_quotes(["APPL"])


def test_a_contract_without_a_quote_keeps_its_row(server):
    del server.market_data["AAPL  300118C00210000"]
    chain = connect(server).option_chain("AAPL").set_index("symbol")
    assert math.isnan(chain["bid"]["AAPL  300118C00210000"])
    assert chain["flag"]["AAPL  300118C00210000"] == "no_price"
    assert chain["bid"]["AAPL  300118P00210000"] == 9.97


def test_a_chain_that_breaks_off_keeps_the_part_that_had_come(server):
    add_chain(server, "SPY", "SPY", tuple(float(strike) for strike in range(500, 630)), multiplier=100)
    provider = connect(server)
    provider.latest_quotes(["AAPL"])
    server.seen.clear()
    server.bad.only = lambda request: request.path.endswith("by-type") and len(server.calls("by-type")) > 1
    server.bad.cut = math.inf
    with pytest.raises(IncompleteAnswerError) as caught:
        provider.option_chain("SPY")
    assert len(caught.value.rows) == 99  # of the first hundred symbols one is the underlying


def test_a_chain_that_lies_is_set_aside_contract_by_contract():
    items = items_of(documented("nested_chain"))
    strikes = items[0]["expirations"][0]["strikes"]
    strikes.append(
        {"strike-price": "7000.0", "call": "SPX   300118C06900000", "put": "SPX   300118C07000000"}
    )
    strikes.append({"strike-price": "7100", "call": "nonsense", "put": {"a": 1}})
    items[1]["expirations"][0]["strikes"].append({"strike-price": "1", "call": "SPXW  300117C00001000"})
    items.append({"underlying-symbol": "NDX", "expirations": []})
    contracts, bad = contracts_of_chain(items, "SPX")
    assert len(contracts) == 5
    reasons = " | ".join(reason for _, reason, _ in bad)
    assert len(bad) == 6
    for words in (
        "not the call of its strike",
        "not the put of its strike",
        "is no option symbol",
        "does not expire on",
        "nobody asked",
    ):
        assert words in reasons


def test_a_quote_of_somebody_else_in_a_chain_is_set_aside(server):
    class Stranger(TastytradeServer):
        def _quotes(self, request):
            answer = super()._quotes(request)
            answer.body["data"]["items"].append(quote("ZZZQ", "1", "2", "1", "1"))
            return answer

    with Stranger() as lying:
        world(lying)
        provider = connect(lying)
        chain = provider.option_chain("AAPL")
    assert len(chain) == 4
    (row,) = provider.quarantined().to_dict("records")
    assert row["symbol"] == "ZZZQ"
    assert "nobody asked" in row["reason"]


def test_option_quotes_with_impossible_prices_are_set_aside(server):
    server.market_data["AAPL  300118C00200000"]["bid"] = "-1.5"
    server.market_data["AAPL  300118P00200000"]["ask"] = {"was": 1}
    provider = connect(server)
    chain = provider.option_chain("AAPL")
    assert len(chain) == 2
    assert check_option_quotes(chain).bad.empty
    assert len(provider.quarantined()) == 2


def test_an_underlying_without_options_has_an_empty_chain(server):
    assert connect(server).option_chain("MSFT").empty
    with pytest.raises(UnknownSymbolError, match="MSFT"):
        connect(server).option_chain("MSTF")


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ({"mark": "210.125", "last": "1"}, 210.125),
        ({"mark": "0.0", "mid": "NaN", "last": "209.5"}, 209.5),
        ({"prev-close": 208}, 208.0),
        ({"mark": {"a": 1}}, math.nan),
    ],
)
def test_the_price_of_an_underlying(item, price):
    np.testing.assert_equal(price_of(item), price)


# -- quotes, dividends, earnings, metrics ------------------------------------------------------------------


def test_shares_indices_and_options_are_asked_for_by_their_type(server):
    quotes = connect(server).latest_quotes(["AAPL", "BRK.B", "AAPL  300118C00200000", "SPX"])
    assert quotes["symbol"].tolist() == ["AAPL", "AAPL  300118C00200000", "BRK.B"]
    (call,) = server.calls("/market-data/by-type")
    assert call.queries == {
        "equity[]": ["AAPL", "BRK/B"], "equity-option[]": ["AAPL  300118C00200000"], "index[]": ["SPX"],
    }  # fmt: skip


def test_quotes_that_lie_are_set_aside(server):
    server.market_data["AAPL"] |= {"bid": "-1"}
    server.market_data["BRK/B"] |= {"updated-at": None}
    provider = connect(server)
    assert provider.latest_quotes(["AAPL", "BRK.B"]).empty
    assert sorted(provider.quarantined()["symbol"]) == ["AAPL", "BRK.B"]


def test_dividends_are_dated_and_what_cannot_be_read_is_told():
    items = [
        {"occurred-date": "2026-02-09", "amount": "0.26"},
        {"occurred-date": "2026-02-09", "amount": "0.26"},
        {"occurred-date": "2025-11-10", "amount": 0.25},
        {"occurred-date": "soon", "amount": "1"},
        {"occurred-date": "2026-05-11", "amount": "0"},
    ]
    frame, bad = dividends_from_answer(items, "AAPL", pd.Timestamp("2025-11-10"), pd.Timestamp("2026-02-09"))
    assert frame["value"].tolist() == [0.25, 0.26]
    assert frame["ex_date"].dt.strftime("%Y-%m-%d").tolist() == ["2025-11-10", "2026-02-09"]
    assert len(bad) == 2


def test_earnings_need_symbols(server):
    with pytest.raises(UnsupportedError, match="has no calendar"):
        connect(server).earnings()


def test_earnings_of_two_symbols_hold_the_past_and_the_next(server):
    found = connect(server).earnings(["AAPL", "MSFT"], "2026-01-01")
    assert found["fiscal_period"].tolist() == ["reported 2026-01-29", "quarter to 2026-12-31"]
    assert found["session"].tolist() == ["unknown", "after_close"]


def test_metrics_of_an_unlisted_symbol_name_the_nearest(server):
    with pytest.raises(UnknownSymbolError, match="AAPL"):
        connect(server).metrics(["APPL"])


def test_the_services_own_clock(server):
    assert connect(server).market_open() is False


def test_what_the_login_may_not_do_is_told_in_the_services_words(server):
    server.customer = False
    with pytest.raises(ServiceRefusedError, match="customers only"):
        connect(server, KEYS).bars(["AAPL"], FIRST, LAST)


# -- the feed ----------------------------------------------------------------------------------------------


def _events(kind, **columns):
    return Events(kind, columns, len(next(iter(columns.values()))))


def test_quotes_whose_times_are_zero_have_the_time_at_which_they_were_read():
    rows, bad = quote_rows(
        _events("Quote", eventSymbol=["SPY", "F"], bidTime=[0, 1_764_685_800_123], askTime=[0, 0],
                timeNanoPart=[0, 456], bidPrice=[1.5, 12.0], askPrice=[1.6, "NaN"], sequence=[3, None]),
        now_ns=77,
    )  # fmt: skip
    assert bad == []
    assert rows == [
        ("SPY", 77, 3, 1.5, 1.6, None, None),
        ("F", 1_764_685_800_123_000_456, 0, 12.0, None, None, None),
    ]


def test_quotes_and_trades_that_lie_are_told_with_their_symbol():
    _, bad = quote_rows(
        _events(
            "Quote",
            eventSymbol=["SPY", "F", "G", None],
            bidPrice=[{}, -1.0, "NaN", 1.0],
            askPrice=[1, 1, 0, 1],
        ),
        now_ns=1,
    )
    assert [symbol for symbol, _, _ in bad] == ["SPY", "F", "G", ""]
    _, bad = trade_rows(
        _events("Trade", eventSymbol=["SPY", "F"], time=[1, 1], price=["NaN", 0], size=[1, 1]), now_ns=1
    )
    assert len(bad) == 2


def test_a_feed_of_a_kind_that_is_not_there_is_refused(server):
    with pytest.raises(UnsupportedError, match="has no stream of news; it has quotes, trades, bars"):
        connect(server).stream(("news",))
