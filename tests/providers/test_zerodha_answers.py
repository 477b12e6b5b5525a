"""Zerodha's documented answers, and answers that bend them, read through the translations."""

import json
import struct
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import ServiceAnswerError
from workbench.providers.periods import period_of
from workbench.providers.zerodha_answers import bars_from_candles, chain_from_quotes, quotes_from_answer
from workbench.providers.zerodha_ticks import tick_from_packet, ticks_from_frame
from workbench.vendors.zerodha import our_symbol, their_symbol
from workbench.vendors.zerodha_instruments import instruments_from_csv
from workbench.vendors.zerodha_session import checksum, request_token_of, valid_until

ANSWERS = Path(__file__).parent.parent / "answers" / "zerodha"
ALWAYS = period_of(None, None)
LIST = (ANSWERS / "instruments.csv").read_text()
FETCHED = datetime(2018, 1, 2, 6, 0, tzinfo=UTC)


def data(name: str):
    return json.loads((ANSWERS / f"{name}.json").read_text())["data"]


def listed(text: str = LIST):
    return instruments_from_csv(text, service="Zerodha")


def candles(records, *, daily=False, period=ALWAYS):
    return bars_from_candles(records, symbol="NSE:INFY", daily=daily, period=period)


@pytest.mark.parametrize(
    "symbol", ["NSE:INFY", "NSE:NIFTY BANK", "BSE:COX&KINGS", "NFO:BANKNIFTY18JAN23500CE"]
)
def test_symbols_translate_both_ways_and_by_their_numbers(symbol):
    assert our_symbol(their_symbol(symbol)) == symbol
    instruments = listed()
    assert instruments.symbol_of(instruments.get(symbol).token) == symbol


def test_a_contract_is_what_its_line_says():
    call = listed().get("NFO:BANKNIFTY18JAN23500CE")
    assert (call.right, call.strike, call.lot, call.expiry) == ("C", 23500.0, 40.0, date(2018, 1, 25))
    assert listed().get("NSE:INFY").right is None


def test_options_of_an_index_are_found_also_in_old_lists_without_names():
    found = listed().options("NSE:NIFTY BANK")
    assert [each.symbol for each in found] == ["NFO:BANKNIFTY18JAN23500CE", "NFO:BANKNIFTY18JAN23500PE"]
    assert listed().underlying("BANKNIFTY") == "NSE:NIFTY BANK"
    assert listed().options("NSE:NIFTY 50") == []


def test_lines_that_cannot_be_read_are_told_and_the_others_kept():
    bent = LIST + "x,1,BAD,,,,,,,EQ,NSE,NSE\n1,2\n5,5,ODD,,0,soon,0,0,1,EQ,NSE,NSE\n"
    instruments = listed(bent)
    assert len(instruments) == 6
    assert [line for line, _, _ in instruments.unreadable] == [8, 9, 10]


def test_added_columns_change_nothing_and_renamed_ones_are_told():
    lines = LIST.splitlines()
    wider = "\n".join([lines[0] + ",isin", *(line + ",X" for line in lines[1:])])
    assert listed(wider).symbols() == listed().symbols()
    with pytest.raises(ServiceAnswerError, match="tradingsymbol"):
        listed(LIST.replace("tradingsymbol", "symbol"))
    for text in ("", "<html></html>", '{"status": "error"}', lines[0]):
        with pytest.raises(ServiceAnswerError):
            listed(text)


def test_candles_of_india_are_instants_in_utc():
    good, bad = candles(data("candles")["candles"])
    assert bad.empty
    assert list(good["time"].dt.strftime("%H:%M")) == ["03:45", "03:46", "03:47"]
    assert list(good["close"]) == [1702.8, 1698.15, 1699.25]
    assert list(good["volume"]) == [2499.0, 1271.0, 0.0]


def test_a_daily_candle_is_dated_by_its_session():
    row = ["2017-12-15T00:00:00+0530", 1, 2, 1, 2, 3]
    assert candles([row], daily=True)[0]["time"].iloc[0] == pd.Timestamp("2017-12-15", tz="UTC")


@pytest.mark.parametrize(
    "row",
    [
        None, {}, [], ["2017-12-15T09:15:00+0530"], ["2017-12-15T09:15:00+0530", 0, 1, 1, 1, 1],
        ["2017-12-15T09:15:00+0530", 1, 1, 1, {"was": 1}, 1], ["soon", 1, 1, 1, 1, 1], [7, 1, 1, 1, 1, 1],
        [None, 1, 1, 1, 1, 1], ["2017-12-15T09:15:00+0530", 5, 1, 1, 1, 1],
    ],
)  # fmt: skip
def test_a_candle_that_cannot_be_is_set_aside(row):
    good, bad = candles([row, *data("candles")["candles"]])
    assert len(good) == 3
    assert len(bad) == 1


def test_texts_for_numbers_are_read():
    row = [str(value) for value in data("candles")["candles"][0]]
    pd.testing.assert_frame_equal(candles([row])[0], candles(data("candles")["candles"][:1])[0])


def test_the_documented_quote_has_an_offer_and_no_bid():
    """After hours the book of the documentation's example has one side."""
    good, bad = quotes_from_answer(data("quote"), symbols=["NSE:INFY"])
    assert bad.empty
    row = good.iloc[0]
    assert row["time"] == pd.Timestamp("2021-06-08 10:15:56", tz="UTC")
    assert pd.isna(row["bid"])
    assert pd.isna(row["bid_size"])
    assert (row["ask"], row["ask_size"]) == (1412.95, 5191.0)


@pytest.mark.parametrize(
    "change",
    [{"depth": None}, {"depth": {}}, {"depth": {"buy": [], "sell": []}}, {"depth": {"buy": [7], "sell": "x"}},
     {"depth": {"buy": [{"price": -0.01, "quantity": 0}]}},
     {"timestamp": None, "last_trade_time": None}, {"timestamp": "soon"}],
)  # fmt: skip
def test_a_quote_without_book_or_time_is_set_aside(change):
    answer = {"NSE:INFY": data("quote")["NSE:INFY"] | change}
    good, bad = quotes_from_answer(answer, symbols=["NSE:INFY"])
    assert good.empty
    assert len(bad) == 1


def test_quotes_of_others_and_what_is_none_are_set_aside():
    answer = data("quote") | {"NSE:SBIN": data("quote")["NSE:INFY"], "NSE:TCS": None}
    good, bad = quotes_from_answer(answer, symbols=["NSE:INFY"])
    assert list(good["symbol"]) == ["NSE:INFY"]
    assert len(bad) == 2


def test_a_chain_takes_terms_from_the_list_and_prices_from_the_quotes():
    contracts = listed().options("NSE:NIFTY BANK")
    held = data("quote")["NSE:INFY"] | {"oi": 440, "timestamp": None, "last_trade_time": None}
    answer = {contracts[0].symbol: held, "NSE:NIFTY BANK": {"last_price": 25500.5}}
    good, bad = chain_from_quotes(contracts, answer, underlying="NSE:NIFTY BANK", fetched_at=FETCHED)
    assert bad.empty
    row = good.iloc[0]
    assert (row["right"], row["strike"], row["multiplier"], row["exercise"]) == (
        "C",
        23500.0,
        40.0,
        "european",
    )
    assert (row["open_interest"], row["underlying_price"]) == (440.0, 25500.5)
    assert row["time"] == pd.Timestamp(FETCHED)


# -- the ticker -------------------------------------------------------------------------------------------


def frame(*packets: bytes) -> bytes:
    parts = [struct.pack(">H", len(packets))]
    parts += [struct.pack(">H", len(packet)) + packet for packet in packets]
    return b"".join(parts)


@pytest.mark.parametrize(
    ("segment", "divisor"),
    [(1, 100), (2, 100), (3, 10_000_000), (4, 100), (6, 10_000), (7, 100), (12, 10_000)],
)
def test_each_segment_has_its_own_divisor(segment, divisor):
    token = 1000 * 256 + segment
    assert tick_from_packet(struct.pack(">2I", token, 123 * divisor)).last == 123.0


def test_an_index_lists_high_and_low_before_open():
    packet = struct.pack(
        ">6IiI", 65792 * 256 + 9, 2401235, 2402000, 2400000, 2401000, 2400500, -730, 1700000000
    )
    tick = tick_from_packet(packet)
    assert tick.is_index
    assert (tick.last, tick.high, tick.low, tick.open, tick.close) == (24012.35, 24020, 24000, 24010, 24005)
    assert tick.exchange_at == 1700000000
    assert tick_from_packet(packet[:28]).exchange_at is None


def test_heartbeats_are_no_ticks():
    assert ticks_from_frame(b"\x00") == ([], [])
    assert ticks_from_frame(b"") == ([], [])
    assert ticks_from_frame(b"\x00\x00") == ([], [])


@pytest.mark.parametrize("cut", [3, 5, 9, 13])
def test_a_frame_cut_short_gives_what_came_before(cut):
    whole = frame(struct.pack(">2I", 257, 100), struct.pack(">2I", 513, 200))
    ticks, complaints = ticks_from_frame(whole[:cut])
    assert len(ticks) == (cut >= 12)
    assert len(complaints) == 1


def test_a_packet_of_no_known_length_is_told_and_the_next_one_read():
    ticks, complaints = ticks_from_frame(frame(b"x" * 11, b"", struct.pack(">2I", 257, 100)))
    assert [tick.last for tick in ticks] == [1.0]
    assert len(complaints) == 2


# -- the login --------------------------------------------------------------------------------------------


def test_the_checksum_is_of_the_three_texts_in_a_row():
    """SHA-256 of "abc", FIPS 180-4, appendix B.1."""
    assert checksum("a", "b", "c") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("login", "until"),
    [
        ("2026-11-20T09:30+05:30", "2026-11-21T06:00+05:30"),
        ("2026-11-20T05:59+05:30", "2026-11-20T06:00+05:30"),
        ("2026-11-20T06:00+05:30", "2026-11-21T06:00+05:30"),
        ("2026-11-20T23:00+00:00", "2026-11-21T06:00+05:30"),
    ],
)
def test_a_token_ends_at_the_next_six_in_the_morning_in_india(login, until):
    assert valid_until(datetime.fromisoformat(login)) == datetime.fromisoformat(until)


@pytest.mark.parametrize(
    "pasted",
    [
        "Rt1",
        " Rt1\n",
        "https://x.example/cb?request_token=Rt1&action=login&status=success",
        "request_token=Rt1",
    ],
)
def test_a_pasted_address_is_as_good_as_the_token(pasted):
    assert request_token_of(pasted) == "Rt1"
