"""Documented answers of tastytrade and Interactive Brokers, changed at random: none crashes a translation.

What cannot be read is set aside or refused in the desk's words; what comes out keeps the rules of its kind.
"""

import copy
import json
import math
import random
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.errors import WorkbenchError
from workbench.market import check_bars, check_metrics, check_option_quotes, check_quotes
from workbench.providers import ibkr_answers, tastytrade_answers
from workbench.providers.tastytrade_feed import candle_rows, quote_rows, trade_rows
from workbench.providers.tastytrade_snapshots import Candles, records_of
from workbench.vendors.dxlink_events import EventDecoder
from workbench.vendors.tastytrade import items_of

ANSWERS = Path(__file__).parents[1] / "answers"
NOW = pd.Timestamp("2026-11-20 21:00", tz="UTC")
JUNK = (
    None, {}, [], "x", "", -1, True, False, math.inf, math.nan, 10**30, -(10**30), "NaN", "Infinity", [1],
    {"a": 1}, "2026-01-01", "0", "1e5", "é\x00", 0, 1.5, "1,234", "300118", 10**12, "-1",
)  # fmt: skip
ROUNDS = 8


def documented(service: str, name: str) -> Any:
    return json.loads((ANSWERS / service / f"{name}.json").read_text())


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a copy with some values replaced, some fields gone or renamed, some entries too many."""
    if chance.random() < 0.06:
        return copy.deepcopy(chance.choice(JUNK))
    if isinstance(value, dict):
        kept = {name: mutated(each, chance) for name, each in value.items() if chance.random() > 0.02}
        return {(name if chance.random() > 0.02 else f"{name}_v2"): each for name, each in kept.items()}
    if isinstance(value, list):
        more = [chance.choice(JUNK)] if chance.random() < 0.05 else []
        return [mutated(each, chance) for each in value] + more
    return value


def mappings(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@pytest.fixture(params=range(3))
def chance(request):
    return random.Random(request.param)


def tastytrade_items(name: str, chance: random.Random) -> list[dict[str, Any]]:
    try:
        return items_of(mutated(documented("tastytrade", name), chance))
    except WorkbenchError:
        return []


def test_tastytrades_quotes_and_chains(chance):
    whole = items_of(documented("tastytrade", "nested_chain"))
    contracts, _ = tastytrade_answers.contracts_of_chain(whole, "SPX")
    for _ in range(ROUNDS):
        quotes = tastytrade_items("market_data_by_type", chance)
        asked = ["SPY   250701C00605000", "SPY   250701C00610000"]
        good, _ = tastytrade_answers.quotes_from_market_data(quotes, symbols=asked)
        assert check_quotes(good).bad.empty
        assert set(good["symbol"]) <= set(asked)
        found, bad = tastytrade_answers.contracts_of_chain(
            tastytrade_items("nested_chain", chance), "SPX", date(2030, 1, 18)
        )
        assert {each["expiry"] for each in found} <= {"2030-01-18"}
        assert all(len(each) == 3 and each[1] for each in bad)
        events = {each["streamer"]: {"delta": 0.5, "openInterest": 3} for each in contracts}
        changed = {name: mutated(each, chance) for name, each in events.items()}
        greeks = {name: each for name, each in changed.items() if isinstance(each, dict)}
        renamed = [each | {"symbol": contracts[0]["symbol"]} for each in quotes]
        good, _ = tastytrade_answers.chain_from_answers(
            contracts, renamed, greeks, underlying_price=math.nan, fetched_at=NOW
        )
        assert check_option_quotes(good).bad.empty


def test_tastytrades_metrics_earnings_and_dividends(chance):
    for _ in range(ROUNDS):
        items = tastytrade_items("market_metrics", chance)
        good, _ = tastytrade_answers.metrics_from_answer(items, symbols=["BRK.B"])
        assert check_metrics(good).bad.empty
        reports = mappings(
            mutated([{"occurred-date": "2026-11-01", "eps": "4.5", "amount": "0.2"}] * 3, chance)
        )
        tastytrade_answers.earnings_from_answers(reports, items[0] if items else {}, "BRK.B")
        paid, _ = tastytrade_answers.dividends_from_answer(reports, "BRK.B")
        assert (paid["value"] > 0).all()


def test_candles_and_events_of_the_stream(chance):
    fields = {
        "Quote": ["eventType", "eventSymbol", "bidPrice", "askPrice"],
        "Trade": ["eventSymbol", "price", "time"],
    }
    data = ["Quote", ["Quote", "SPY", 1, 2, "Quote", "Q", 1, "NaN"], "Trade", ["SPY", 1.5, 1764685800123]]
    for _ in range(ROUNDS):
        candles = Candles()
        for event in mappings(mutated(documented("tastytrade", "candles"), chance)):
            candles.take(event)
        good, _ = tastytrade_answers.bars_from_candles(
            list(candles.rows.values()), symbols=["AAPL"], daily=chance.random() < 0.5
        )
        assert check_bars(good).bad.empty
        decoder = EventDecoder()
        decoder.configure({"eventFields": mutated(fields, chance)})
        events, bad = decoder.decode(mutated(data, chance))
        assert all(len(each) == 3 and each[1] for each in bad)
        for each in events:
            assert len(records_of(each)) == each.size
            for read in (quote_rows, trade_rows, candle_rows):
                rows, wrong = read(each, 1)
                assert all(isinstance(row[1], int) for row in rows)
                assert all(len(told) == 3 for told in wrong)


def test_the_gateways_history_and_snapshots(chance):
    known = {265598: ("AAPL", "STK"), 8314: ("IBM", "STK")}
    for _ in range(ROUNDS):
        history = mutated(documented("ibkr", "history"), chance)
        if isinstance(history, dict):
            good, _ = ibkr_answers.bars_from_history(history, "AAPL", daily=True)
            assert check_bars(good).bad.empty
        entries = mappings(mutated(documented("ibkr", "snapshot"), chance))
        good, _ = ibkr_answers.quotes_from_snapshot(entries, known, fetched_at=NOW)
        assert check_quotes(good).bad.empty
        assert set(good["symbol"]) <= {"AAPL", "IBM"}


def test_the_gateways_contracts(chance):
    for _ in range(ROUNDS):
        answer = mutated(documented("ibkr", "secdef_info"), chance)
        options, bad = ibkr_answers.options_of_info(answer, "SPX", strike=6850.0, right="C")
        assert all(each.contract.underlying == "SPX" for each in options)
        assert all(len(each) == 3 and each[1] for each in bad)
        entries = mappings(mutated(documented("ibkr", "snapshot"), chance))
        held = {each.conid: chance.choice(entries) for each in options if entries}
        good, _ = ibkr_answers.chain_from_snapshot(
            options, held, underlying="SPX", underlying_price=6850.0, fetched_at=NOW
        )
        assert check_option_quotes(good).bad.empty
        found = ibkr_answers.underlyings_of_search(
            mutated(documented("ibkr", "secdef_search"), chance), "SPX"
        )
        assert all(each.conid > 0 for each in found)
        shares = ibkr_answers.shares_of_answer(
            mutated(documented("ibkr", "stocks"), chance), ["AAPL", "BRK.B"]
        )
        assert set(shares) <= {"AAPL", "BRK.B"}
