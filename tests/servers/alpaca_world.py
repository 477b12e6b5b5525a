"""A small world for the local Alpaca: two shares, four options of one date, and what happened to them.

Closes are Apple's of February 2022, its split and two dividends those of 2020; the other figures are plain.
"""

from typing import Any

from tests.servers.alpaca import AlpacaServer

CALL, PUT, ADJUSTED = "AAPL300118C00200000", "AAPL300118P00200000", "AAPL1300118C00055000"


def bar(day, close, volume=1_000_000) -> dict[str, Any]:
    """Return a daily bar, as Alpaca writes it."""
    # 05:00 UTC is midnight in New York in winter.
    return {"t": f"{day}T05:00:00Z", "o": close - 1, "h": close + 1, "l": close - 2, "c": close, "v": volume,
            "n": 1200, "vw": close - 0.25}  # fmt: skip


def quote(time, bid, ask, *, sizes=(3, 4)) -> dict[str, Any]:
    """Return a quote, as Alpaca writes it."""
    return {"t": time, "ax": "V", "ap": ask, "as": sizes[1], "bx": "V", "bp": bid, "bs": sizes[0],
            "c": ["R"], "z": "C"}  # fmt: skip


def trade(time, number, price, size) -> dict[str, Any]:
    """Return a trade, as Alpaca writes it."""
    return {"t": time, "x": "V", "p": price, "s": size, "c": ["@", "I"], "i": number, "z": "C"}


def snapshot(bid, ask) -> dict[str, Any]:
    """Return an option's snapshot, as Alpaca writes it."""
    return {
        "latestQuote": {"t": "2026-11-20T20:59:59.731674112Z", "ax": "X", "ap": ask, "as": 458, "bx": "X",
                        "bp": bid, "bs": 396, "c": " "},
        "latestTrade": {"t": "2026-11-20T17:29:53.55240448Z", "x": "W", "p": bid, "s": 1, "c": "I"},
        "dailyBar": {"t": "2026-11-20T05:00:00Z", "o": 1, "h": 2, "l": 1, "c": 2, "v": 77, "n": 5, "vw": 1.5},
        "impliedVolatility": 0.25,
        "greeks": {"delta": 0.5, "gamma": 0.1, "theta": -0.1, "vega": 0.2, "rho": 0.1},
    }  # fmt: skip


def contract(symbol, **more) -> dict[str, Any]:
    """Return a contract, as Alpaca writes it."""
    option = {"C": "call", "P": "put"}[symbol[-9]]
    return {
        "id": symbol, "symbol": symbol, "name": symbol, "status": "active", "tradable": True,
        "expiration_date": "2030-01-18", "root_symbol": symbol[:-15], "underlying_symbol": "AAPL",
        "type": option, "style": "american", "strike_price": "200", "multiplier": "100", "size": "100",
        "open_interest": "927",
        "open_interest_date": "2026-11-19", "close_price": None, "close_price_date": None,
    } | more  # fmt: skip


def fill(server: AlpacaServer) -> None:
    """Give a server the world."""
    days = ["2022-02-01", "2022-02-02", "2022-02-03", "2022-02-04", "2022-02-07"]
    apple = [174.61, 175.84, 172.90, 172.39, 171.66]
    server.bars["1Day"] = {
        "AAPL": [bar(day, close) for day, close in zip(days, apple, strict=True)],
        "BRK.B": [bar(day, 310.0 + place) for place, day in enumerate(days)],
    }
    server.quotes["AAPL"] = [
        quote("2025-12-02T14:30:00.000059Z", 286.10, 286.14),
        quote("2025-12-02T14:30:00.000059Z", 286.11, 286.14),
        quote("2025-12-02T14:30:00.000059001Z", 286.12, 0),
        quote("2025-12-02T14:30:01.123456789Z", 286.13, 286.15),
    ]
    server.trades["AAPL"] = [
        trade("2025-12-02T14:30:00.000060Z", 151, 286.12, 100),
        trade("2025-12-02T14:30:00.5Z", 152, 286.13, 2.5),
        trade("2025-12-02T14:30:02Z", 153, 286.14, 40),
        trade("2025-12-02T14:30:03Z", 154, 286.10, 1),
    ]
    server.latest = {
        "AAPL": quote("2026-11-20T20:59:59.5Z", 270.1, 270.2),
        CALL: quote("2026-11-20T20:59:59.7Z", 75.5, 76.5),
    }
    server.snapshots["AAPL"] = {
        CALL: snapshot(75.5, 76.5),
        PUT: snapshot(5.5, 6.5),
        ADJUSTED: snapshot(1.5, 2.5),
        "AAPL300118C00210000": snapshot(0, 70.0),
    }
    server.contracts = [
        contract(CALL),
        contract(PUT),
        contract(ADJUSTED, size="28", deliverables=[{"type": "equity", "symbol": "AAPL", "amount": "28"}]),
        contract("AAPL300118C00210000", open_interest=None),
    ]
    server.actions = {
        "forward_splits": [
            {"symbol": "AAPL", "old_rate": 1, "new_rate": 4, "ex_date": "2020-08-31",
             "process_date": "2020-08-31"}
        ],
        "cash_dividends": [
            {"symbol": "AAPL", "rate": 0.77, "special": False, "foreign": False, "ex_date": "2020-02-07",
             "record_date": "2020-02-10", "payable_date": "2020-02-13", "process_date": "2020-02-13"},
            {"symbol": "AAPL", "rate": 0.82, "special": False, "foreign": False, "ex_date": "2020-05-08",
             "record_date": "2020-05-11", "payable_date": "2020-05-14", "process_date": "2020-05-14"},
        ],
    }  # fmt: skip
    server.news = [
        {"id": 40432158 + place, "headline": f"Apple &amp; Co, part {place}",
         "summary": "<p>A <b>word</b>.</p>", "author": "A. Writer", "content": "",
         "url": "https://example.com/1", "images": [],
         "symbols": ["AAPL", "BRK.B"], "source": "benzinga", "created_at": f"2024-08-1{place}T20:15:44Z",
         "updated_at": f"2024-08-1{place}T20:15:44Z"}
        for place in range(4)
    ]  # fmt: skip
    server.assets = [
        {
            "id": name,
            "class": "us_equity",
            "exchange": "NASDAQ",
            "symbol": name,
            "status": "active",
            "tradable": True,
        }
        for name in ("MSFT", "AAPL", "BRK.B", "SPY")
    ]
