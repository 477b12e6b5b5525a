"""Whatever Alpaca might answer, what comes out keeps the rules and the rest has a reason; nothing crashes."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.socket_contract import HurriedTransport
from tests.servers.alpaca import KEYS
from tests.servers.base import Answer, LocalServer
from workbench.errors import ServiceError
from workbench.market import (
    ACTION_COLUMNS,
    BARS,
    NEWS,
    OPTION_QUOTES,
    QUOTES,
    TRADES,
    check_bars,
    check_news,
    check_option_quotes,
    check_quotes,
    check_trades,
    frame_schema,
)
from workbench.providers.alpaca import AlpacaProvider
from workbench.providers.alpaca_events import EventReader
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import AlpacaClient

CALL = "AAPL300118C00200000"
GOOD = {
    "bars": {"t": "2022-02-01T05:00:00Z", "o": 174, "h": 174.84, "l": 172.31, "c": 174.61, "v": 8,
             "n": 7, "vw": 173.7},
    "quotes": {"t": "2025-12-02T14:30:00.000059001Z", "ap": 286.1, "as": 4, "bp": 286.0, "bs": 3, "c": ["R"]},
    "trades": {"t": "2025-12-02T14:30:00.5Z", "x": "V", "p": 286.1, "s": 2.5, "c": ["@"], "i": 7},
    "snapshots": {
        "latestQuote": {"t": "2026-11-20T20:59:59.7Z", "ap": 76.5, "as": 4, "bp": 75.5, "bs": 3},
        "latestTrade": {"t": "2026-11-20T17:29:53.5Z", "p": 76.0, "s": 1},
        "dailyBar": {"t": "2026-11-20T05:00:00Z", "v": 77},
        "impliedVolatility": 0.2, "greeks": {"delta": 0.5},
    },
    "news": {"id": 7, "headline": "A", "created_at": "2024-08-10T20:15:44Z",
             "updated_at": "2024-08-10T20:15:44Z", "symbols": ["AAPL"], "summary": "", "url": "https://example.com"},
    "forward_splits": {"symbol": "AAPL", "old_rate": 1, "new_rate": 4, "ex_date": "2020-08-31"},
    "cash_dividends": {"symbol": "AAPL", "rate": 0.77, "ex_date": "2020-02-07"},
}  # fmt: skip

odd = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=12)
    | st.sampled_from(["", "0", "NaN", "1e400", "2022-02-01", "9999-12-31T23:59:59Z", "0000-00-00", "-1",
                         "AAPL"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@st.composite
def changed(draw, kind):
    """A good record with some fields changed, gone, renamed or added."""
    record = dict(GOOD[kind])
    for name in draw(st.lists(st.sampled_from(sorted(record)), max_size=3)):
        if draw(st.booleans()):
            record[name] = draw(odd)
        else:
            record[draw(st.text(min_size=1, max_size=4))] = record.pop(name, None)
    return record


@st.composite
def pages(draw, kind):
    records = draw(st.lists(changed(kind) | odd, max_size=4))
    symbol = st.sampled_from(["AAPL", "ZZZQ", "", CALL]) | st.text(max_size=6)
    held = draw(st.dictionaries(symbol, st.just(records) | odd, max_size=2) | st.just({"AAPL": records}))
    name = draw(st.just(kind) | st.sampled_from(["bar", "results", ""]))
    return {name: draw(st.just(held) | st.just(records) | odd), "next_page_token": draw(st.none() | odd)}


class OddServer(LocalServer):
    page: object = None

    def answer(self, request):
        if "/v2/assets" in request.path or "/v2/options" in request.path:
            return Answer([], 404)
        return Answer(json.dumps(self.page), content_type="application/json")


@pytest.fixture(scope="module")
def odd_server():
    with OddServer() as server:
        yield server


@pytest.fixture(scope="module")
def provider_of(odd_server):
    address = AlpacaSettings(data_url=odd_server.http_url, trading_url=odd_server.http_url)
    client = AlpacaClient(address, KEYS, HurriedTransport(attempts=1, timeout=5, rates={}))

    def made(page):
        odd_server.page = page
        return AlpacaProvider(client)

    yield made
    HurriedTransport.close_all()


def keeps_the_rules(ask, columns, check):
    try:
        found = ask()
    except ServiceError as error:
        assert str(error)
        found = getattr(error, "rows", None)
        if found is None:
            return
    frame_schema(columns).validate(found)
    assert check(found).bad.empty


calm = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm
@given(page=pages("bars") | odd)
def test_bars(provider_of, page):
    provider = provider_of(page)
    keeps_the_rules(lambda: provider.bars(["AAPL"], "2022-02-01", "2022-02-28"), BARS, check_bars)
    assert (provider.quarantined()["reason"].str.len() > 0).all()


@calm
@given(page=pages("quotes") | odd)
def test_quotes(provider_of, page):
    provider = provider_of(page)
    keeps_the_rules(lambda: provider.quotes(["AAPL"], "2025-12-02", "2025-12-02"), QUOTES, check_quotes)
    keeps_the_rules(lambda: provider.latest_quotes(["AAPL"]), QUOTES, check_quotes)


@calm
@given(page=pages("trades") | odd)
def test_trades(provider_of, page):
    provider = provider_of(page)
    keeps_the_rules(lambda: provider.trades(["AAPL"], "2025-12-02", "2025-12-02"), TRADES, check_trades)


@calm
@given(page=pages("news") | odd)
def test_news(provider_of, page):
    provider = provider_of(page)
    keeps_the_rules(lambda: provider.news(["AAPL"], "2024-08-01", "2024-08-31"), NEWS, check_news)


@calm
@given(
    snapshots=st.dictionaries(st.sampled_from([CALL, "AAPL", "x"]), changed("snapshots") | odd, max_size=3)
    | odd
)
def test_chains(provider_of, snapshots):
    provider = provider_of({"snapshots": snapshots, "next_page_token": None})
    keeps_the_rules(lambda: provider.option_chain("AAPL"), OPTION_QUOTES, check_option_quotes)


@calm
@given(held=st.dictionaries(
    st.sampled_from(["forward_splits", "cash_dividends", "mergers"]),
    st.lists(changed("forward_splits") | changed("cash_dividends") | odd, max_size=3) | odd,
) | odd)  # fmt: skip
def test_corporate_actions(provider_of, held):
    provider = provider_of({"corporate_actions": held, "next_page_token": None})
    try:
        found = provider.corporate_actions(["AAPL"], "2020-01-01", "2020-12-31")
    except ServiceError as error:
        assert str(error)
    else:
        assert list(found.columns) == list(ACTION_COLUMNS)
        assert (found["value"] > 0).all()
        assert found["ex_date"].between(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-12-31")).all()


messages = st.builds(
    lambda kind, change, letter: GOOD[kind] | {"S": "AAPL", "T": letter} | change,
    st.sampled_from(["bars", "quotes", "trades"]),
    st.dictionaries(
        st.sampled_from(["S", "T", "t", "p", "s", "bp", "ap", "c", "i", "oi", "o", "h"]), odd, max_size=3
    ),
    st.sampled_from(["q", "t", "b", "u", "c", "x", "s"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(messages | odd, max_size=4))
def test_stream_messages(told):
    for batch in EventReader({"AAPL": "AAPL"}).read(told, 1.0):
        for row in batch.rows:
            assert row[0] == "AAPL"
            assert type(row[1]) is int
        assert all(reason for _, reason, _ in batch.bad)
