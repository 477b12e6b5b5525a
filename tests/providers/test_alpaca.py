"""Alpaca's provider against a local Alpaca: what it asks for, and what it makes of odd answers."""

import pandas as pd
import pytest

from tests.contracts.socket_contract import HurriedTransport
from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.alpaca_world import ADJUSTED, CALL, bar, fill, quote
from tests.servers.base import ALWAYS, Answer, BadDays
from workbench.errors import (
    DateInputError,
    IncompleteAnswerError,
    ServiceRefusedError,
    UnknownSymbolError,
    UnsupportedError,
)
from workbench.providers.alpaca import TIMEFRAMES, AlpacaProvider
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import AlpacaClient


@pytest.fixture
def server():
    with AlpacaServer() as running:
        fill(running)
        yield running


@pytest.fixture
def provider_of(server):
    def made(**more):
        addresses = {"data_url": server.http_url, "trading_url": server.http_url}
        transport = HurriedTransport(timeout=10)
        return AlpacaProvider(AlpacaClient(AlpacaSettings(**addresses, **more), KEYS, transport))

    yield made
    HurriedTransport.close_all()


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_bars_are_asked_for_raw_of_the_chosen_feed_and_from_midnight_to_midnight_in_new_york(
    server, provider_of
):
    provider_of(asof="2022-06-01").bars(["AAPL", "BRK.B"], "2022-02-01", "2022-02-07")
    query = server.calls("/v2/stocks/bars")[0].query
    assert query["adjustment"] == "raw"
    assert (query["feed"], query["asof"], query["timeframe"]) == ("iex", "2022-06-01", "1Day")
    assert query["symbols"] == "AAPL,BRK.B"
    assert pd.Timestamp(query["start"]) == pd.Timestamp("2022-02-01T00:00", tz="America/New_York")
    assert pd.Timestamp(query["end"]) == pd.Timestamp("2022-02-07T23:59:59.999999999", tz="America/New_York")


@pytest.mark.parametrize(("interval", "timeframe"), TIMEFRAMES.items())
def test_every_interval_has_its_timeframe(server, provider_of, interval, timeframe):
    server.bars[timeframe] = {"AAPL": [bar("2022-02-02", 175.84)]}
    bars = provider_of().bars(["AAPL"], "2022-02-01", "2022-02-28", interval)
    assert bars["close"].tolist() == [175.84]
    whole_days = interval in ("1d", "1w", "1mo")
    assert bars["time"].tolist() == [utc("2022-02-02" if whole_days else "2022-02-02T05:00")]


def test_a_week_is_kept_when_its_monday_is_asked_for(server, provider_of):
    server.bars["1Week"] = {"AAPL": [bar("2022-01-31", 172.39), bar("2022-02-07", 168.64)]}
    bars = provider_of().bars(["AAPL"], "2022-01-31", "2022-02-04", "1w")
    assert bars["time"].tolist() == [utc("2022-01-31")]


def test_minutes_keep_to_exact_instants(server, provider_of):
    stamps = ["2022-02-01T14:30:00Z", "2022-02-01T14:31:00Z", "2022-02-01T14:32:00Z"]
    server.bars["1Min"] = {"AAPL": [bar("2022-02-01", 174.0) | {"t": stamp} for stamp in stamps]}
    bars = provider_of().bars(["AAPL"], utc("2022-02-01T14:31"), utc("2022-02-01T14:32"), "1m")
    assert bars["time"].tolist() == [utc("2022-02-01T14:31"), utc("2022-02-01T14:32")]


def test_shares_and_options_in_one_question_take_two_paths(server, provider_of):
    server.bars["1Day"][CALL] = [bar("2022-02-01", 75.5)]
    bars = provider_of().bars(["AAPL  300118C00200000", "AAPL"], "2022-02-01", "2022-02-01")
    assert bars["symbol"].tolist() == ["AAPL", "AAPL  300118C00200000"]
    options = server.calls("/v1beta1/options/bars")[0].query
    assert options["symbols"] == CALL
    assert "adjustment" not in options
    assert "feed" not in options


def test_a_share_class_is_one_share_however_it_is_written(provider_of):
    for text in ("BRK/B", "BRK B", "BRK.B"):
        bars = provider_of().bars([text], "2022-02-01", "2022-02-01")
        assert bars["symbol"].tolist() == ["BRK.B"]


def test_many_symbols_are_asked_for_in_hundreds(server, provider_of):
    names = [f"S{number:03d}" for number in range(250)]
    server.bars["1Day"] = {name: [bar("2022-02-01", 10.0)] for name in names}
    server.page_size = 1000
    assert len(provider_of().bars(names, "2022-02-01", "2022-02-01")) == 250
    asked = [len(request.query["symbols"].split(",")) for request in server.calls("/v2/stocks/bars")]
    assert asked == [100, 100, 50]


def test_an_end_to_come_is_left_to_alpaca(server, provider_of):
    server.bars["1Day"] = {"AAPL": [bar(f"{pd.Timestamp.now('UTC') - pd.Timedelta(days=1):%Y-%m-%d}", 10.0)]}
    assert len(provider_of().bars(["AAPL"], "2022-02-01", "2049-01-01")) == 1
    assert "end" not in server.calls("/v2/stocks/bars")[0].query


def test_delayed_data_end_a_quarter_of_an_hour_ago(server, provider_of):
    provider_of(feed="delayed_sip").bars(["AAPL"], "2022-02-01", None)
    query = server.calls("/v2/stocks/bars")[0].query
    assert query["feed"] == "sip"
    age = pd.Timestamp.now("UTC") - pd.Timestamp(query["end"])
    assert pd.Timedelta(minutes=15) < age < pd.Timedelta(minutes=20)


def test_young_sip_data_are_refused_as_what_they_are(server, provider_of):
    server.recent_sip_is_refused = True
    with pytest.raises(ServiceRefusedError, match=r"recent SIP data.*15 minutes.*services\.alpaca\.feed"):
        provider_of(feed="sip").bars(["AAPL"], "2022-02-01", None)


def test_a_row_that_two_pages_tell_differently_counts_once_and_is_told(server, provider_of):
    rows = server.bars["1Day"]["AAPL"]
    rows.append(rows[0] | {"c": 174.5})
    provider = provider_of()
    bars = provider.bars(["AAPL"], "2022-02-01", "2022-02-07").set_index("time")
    assert len(bars) == 5
    assert bars["close"][utc("2022-02-01")] == 174.5
    bad = provider.quarantined()
    assert bad["file"].tolist() == ["bars AAPL 1d 2022-02-01..2022-02-07"]
    assert bad["reason"].str.contains("a later page has the same").all()


def test_bars_told_backwards_come_in_order(server, provider_of):
    good = provider_of().bars(["AAPL"], "2022-02-01", "2022-02-07")
    server.bars["1Day"]["AAPL"].reverse()
    pd.testing.assert_frame_equal(provider_of().bars(["AAPL"], "2022-02-01", "2022-02-07"), good)


def test_quotes_of_one_instant_on_two_pages_both_stay(server, provider_of):
    server.page_size = 1
    quotes = provider_of().quotes(["AAPL"], "2025-12-02", "2025-12-02")
    assert quotes["sequence"].tolist() == [0, 1, 1000, 789]
    assert quotes["bid"].tolist() == [286.10, 286.12, 286.11, 286.13]


def test_quotes_and_trades_want_a_start(provider_of):
    for ask in (provider_of().quotes, provider_of().trades):
        with pytest.raises(DateInputError, match="from when"):
            ask(["AAPL"])


def test_past_quotes_of_options_are_refused_in_words(provider_of):
    with pytest.raises(UnsupportedError, match="no past quotes of options"):
        provider_of().quotes(["AAPL  300118C00200000"], "2026-11-20")


def test_latest_quotes_of_shares_and_options(provider_of):
    quotes = provider_of().latest_quotes(["AAPL  300118C00200000", "AAPL"])
    assert quotes[["symbol", "bid"]].to_numpy().tolist() == [["AAPL", 270.1], ["AAPL  300118C00200000", 75.5]]
    assert quotes["bid_size"].tolist() == [3, 3]


def test_a_chain_has_adjusted_contracts_and_open_interest_that_is_missing(server, provider_of):
    provider = provider_of()
    chain = provider.option_chain("AAPL").set_index("symbol")
    assert len(chain) == 4
    assert "AAPL1 300118C00055000" in chain.index
    assert chain["open_interest"].isna().sum() == 1
    assert (chain["underlying"] == "AAPL").all()
    assert len(server.calls("/snapshots/AAPL")) == 2
    contracts = provider.option_contracts("AAPL").set_index("symbol")
    assert not contracts["standard"]["AAPL1 300118C00055000"]
    assert ADJUSTED.startswith("AAPL1")


def test_a_chain_of_one_expiry_asks_for_it_alone(server, provider_of):
    server.snapshots["AAPL"]["AAPL300215C00200000"] = server.snapshots["AAPL"][CALL]
    chain = provider_of().option_chain("AAPL", "2030-02-15")
    assert chain["symbol"].tolist() == ["AAPL  300215C00200000"]
    assert server.calls("/snapshots/AAPL")[0].query["expiration_date"] == "2030-02-15"
    assert server.calls("/options/contracts")[0].query["expiration_date_lte"] == "2030-02-15"


def test_a_chain_comes_without_contracts_that_are_refused_and_says_so(server, provider_of):
    server.trading_refuses = True
    provider = provider_of()
    chain = provider.option_chain("AAPL")
    assert len(chain) == 4
    assert chain["open_interest"].isna().all()
    assert (
        "without open interest and deliverables: Alpaca does not take" in provider.quarantined()["reason"][0]
    )


def test_a_chain_whose_contracts_could_not_be_reached_is_incomplete_and_there(server, provider_of):
    server.bad = BadDays(failing=ALWAYS, only=lambda request: "contracts" in request.path)
    with pytest.raises(IncompleteAnswerError, match="without open interest") as caught:
        provider_of().option_chain("AAPL")
    assert caught.value.state == "unreachable"
    assert len(caught.value.rows) == 4


def test_contracts_that_came_before_their_list_broke_off_are_used(server, provider_of):
    server.bad = BadDays(cut=ALWAYS, from_page=2, only=lambda request: "contracts" in request.path)
    with pytest.raises(IncompleteAnswerError, match="without open interest") as caught:
        provider_of().option_chain("AAPL")
    assert len(caught.value.rows) == 4
    assert caught.value.rows["open_interest"].notna().sum() == 3
    with pytest.raises(IncompleteAnswerError, match="broke off") as caught:
        provider_of().option_contracts("AAPL")
    assert len(caught.value.rows) == 3


def test_a_chain_of_many_pages_that_dies_keeps_what_came(server, provider_of):
    server.bad = BadDays(cut=ALWAYS, from_page=2, only=lambda request: "snapshots" in request.path)
    with pytest.raises(IncompleteAnswerError) as caught:
        provider_of().option_chain("AAPL")
    assert caught.value.state == "unreachable"
    assert len(caught.value.rows) == 3


def test_actions_are_found_by_their_ex_date_though_alpaca_looks_at_the_day_of_payment(server, provider_of):
    found = provider_of().corporate_actions(["AAPL"], "2020-02-07", "2020-02-07")
    assert found[["kind", "value"]].to_numpy().tolist() == [["dividend", 0.77]]
    assert provider_of().corporate_actions(["AAPL"], "2020-02-13", "2020-02-13").empty


def test_news_of_all_symbols_and_of_one(server, provider_of):
    provider = provider_of()
    assert len(provider.news(None, "2024-08-01", "2024-08-31")) == 4
    assert len(provider.news(["BRK.B"], "2024-08-11", "2024-08-12")) == 2
    assert provider.news(["MSFT"], "2024-08-01", "2024-08-31").empty
    # Alpaca gives at most fifty on a page.
    assert server.calls("/v1beta1/news")[0].query["limit"] == "50"


def test_news_that_names_nobody_who_was_asked_for_is_set_aside(server, provider_of):
    strange = server.news[0] | {"id": 7, "symbols": ["ZZZQ"]}
    server.answer = lambda request: Answer({"news": [server.news[0], strange], "next_page_token": None})
    provider = provider_of()
    assert provider.news(["AAPL"], "2024-08-01", "2024-08-31")["source_id"].tolist() == ["40432158"]
    assert "nobody asked" in provider.quarantined()["reason"].iloc[0]


def test_unknown_symbols_are_asked_about_once_and_only_when_silent(server, provider_of):
    provider = provider_of()
    provider.bars(["AAPL"], "2022-02-01", "2022-02-07")
    assert server.calls("/v2/assets") == []
    for _ in range(2):
        assert provider.bars(["MSFT"], "2022-02-01", "2022-02-07").empty
    assert len(server.calls("/v2/assets/MSFT")) == 1
    with pytest.raises(UnknownSymbolError, match=r"no 'AAPLE'; the nearest it has: AAPL"):
        provider.bars(["AAPLE"], "2022-02-01", "2022-02-07")
    with pytest.raises(UnknownSymbolError, match="its chain"):
        provider.bars(["AAPL  300118C00999000"], "2022-02-01", "2022-02-07")


def test_a_symbol_that_alpaca_calls_invalid_is_an_unknown_one(server, provider_of):
    server.bad = BadDays(
        refusal=(400, {"message": "invalid symbol: APPL^"}), only=lambda request: "bars" in request.path
    )
    with pytest.raises(UnknownSymbolError, match="'APPL\\^'; the nearest it has: AAPL"):
        provider_of().bars(["APPL^"], "2022-02-01", "2022-02-07")


def test_without_the_trading_host_an_empty_answer_is_just_empty(server, provider_of):
    server.trading_refuses = True
    assert provider_of().bars(["NOPE"], "2022-02-01", "2022-02-07").empty


def test_its_clock_says_whether_the_market_is_open(provider_of):
    assert provider_of().market_open() is True


def test_the_label_says_which_feeds(provider_of):
    assert provider_of(feed="sip", option_feed="opra").label == "Alpaca (SIP, opra options)"


def test_a_page_of_ten_thousand_quotes_is_read(server, provider_of):
    stamps = pd.date_range("2025-12-02T14:30", periods=12_000, freq="1ms").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    server.quotes["AAPL"] = [quote(stamp, 286.0, 286.1) for stamp in stamps]
    server.page_size = 10_000
    assert len(provider_of().quotes(["AAPL"], "2025-12-02", "2025-12-02")) == 12_000
    assert len(server.calls("/v2/stocks/quotes")) == 2
