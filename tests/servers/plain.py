"""A made-up service of market data in the plainest JSON, and its provider: to test what stands behind.

``/bars?symbols=A,B&start=&end=&interval=&page=`` and the like; the key goes in a header.
"""

import numpy as np
import pandas as pd

from tests.servers.base import Answer, LocalServer
from workbench.errors import NeedsLoginError, NotConnectedError, ServiceRefusedError, UnknownSymbolError
from workbench.market.calendars import sessions
from workbench.market.schemas import BARS, NEWS, OPTION_QUOTES, TRADES, names
from workbench.providers.network import NetworkProvider, no_rows
from workbench.transport import Transport

KEY = "plain-key-31c8f5"


class PlainServer(LocalServer):
    """Knows daily and minute bars, dividends, trades, chains and news of some symbols."""

    def __init__(self, *symbols: str) -> None:
        super().__init__()
        self.world = {symbol: position for position, symbol in enumerate(symbols or ("AAA", "BBB", "CCC"))}
        self.restated = {}  # (symbol, time) -> close
        self.absent = set()  # sessions that the service never recorded
        self.page_size = 500
        self.allowed = {"bars", "actions", "trades", "news", "chain"}

    def answer(self, request):
        if request.headers.get("x-key") != KEY:
            return self.error(401, "unknown key")
        kind = request.path.strip("/")
        if kind not in self.allowed:
            return self.error(403, f"your plan holds no {kind}")
        asked = [name for name in request.query.get("symbols", "").split(",") if name]
        if asked and not set(asked) <= set(self.world):
            return self.error(404, f"no symbol {next(name for name in asked if name not in self.world)}")
        rows = getattr(self, f"_{kind}")(asked, request.query)
        rows, token = self.page(request, rows, request.query.get("page"), size=self.page_size)
        return Answer(
            {"rows": self.lied(rows, price="close", time="time", earlier="1999-01-04"), "next": token}
        )

    def _bars(self, asked, query):
        start, end = pd.Timestamp(query["start"]), pd.Timestamp(query["end"])
        days = [day.tz_localize("UTC") for day in sessions("XNYS", start.date(), end.date())]
        times = [day for day in days if str(day.date()) not in self.absent]
        if query["interval"] != "1d":
            # Shares that trade once in half an hour.
            opens = pd.Timedelta(hours=14, minutes=30)
            every = [day + opens + number * pd.Timedelta(minutes=30) for day in times for number in range(13)]
            times = [time for time in every if start <= time <= end]
        return [self._bar(symbol, time) for symbol in asked for time in times]

    def _bar(self, symbol, time):
        base = 100 * (1 + self.world[symbol])
        close = self.restated.get((symbol, str(time.date())), base + time.day_of_year / 100)
        return {
            "symbol": symbol, "time": time.isoformat(), "open": base, "high": max(base, close) + 1,
            "low": base - 1, "close": close, "volume": 1000.0,
        }  # fmt: skip

    def _actions(self, asked, query):
        return [
            {"symbol": symbol, "ex_date": "2026-03-02", "kind": "dividend", "value": 0.25}
            for symbol in asked
            if query["start"] <= "2026-03-02" <= query["end"]
        ]

    def _trades(self, asked, query):
        times = pd.date_range(pd.Timestamp(query["start"]).ceil("h"), query["end"], freq="h")
        return [
            {"symbol": symbol, "time": time.isoformat(), "trade_id": f"{symbol}{number}", "price": 10.0,
             "size": 100.0, "conditions": "@"}
            for symbol in asked for number, time in enumerate(times)
        ]  # fmt: skip

    def _news(self, asked, query):
        times = pd.date_range(pd.Timestamp(query["start"]).ceil("D"), query["end"], freq="D")
        return [
            {"source_id": f"{time:%Y%m%d}", "time": time.isoformat(), "headline": f"Word of {time:%d %b}",
             "symbols": ",".join(asked)}
            for time in times
        ]  # fmt: skip

    def _chain(self, asked, query):
        return [
            {"symbol": f"{asked[0]:<6}261218C00100000", "bid": 1.0, "ask": 1.1},
            {"symbol": f"{asked[0]:<6}261218P00100000", "bid": 2.0, "ask": 2.2},
        ]


class PlainProvider(NetworkProvider):
    """Reads `PlainServer` as the providers of real services read theirs."""

    name = "plain"
    label = "Plain"
    kinds = frozenset({"bars", "corporate_actions", "trades", "news", "option_chain"})

    def __init__(self, url: str, *, key: str = KEY, transport: Transport | None = None, name: str = "plain"):
        super().__init__()
        self.name, self.label = name, name.title()
        self._key = key
        self._http = (transport or Transport(None)).client(
            url, service=name, label=self.label, headers={"x-key": key}, secrets=(key,), timeout=3,
            attempts=2, patience=0.3, read_error=self._read_error,
        )  # fmt: skip

    def bars(self, symbols, start=None, end=None, interval="1d"):
        span = {"symbols": ",".join(symbols), "start": str(start), "end": str(end), "interval": interval}
        return self._read("bars", span, BARS)

    def corporate_actions(self, symbols, start=None, end=None):
        rows = self._rows("actions", {"symbols": ",".join(symbols), "start": str(start), "end": str(end)})
        frame = pd.DataFrame(rows, columns=["symbol", "ex_date", "kind", "value"])
        return frame.assign(ex_date=pd.to_datetime(frame["ex_date"]))

    def trades(self, symbols, start=None, end=None):
        return self._read(
            "trades",
            {"symbols": ",".join(symbols), "start": start.isoformat(), "end": end.isoformat()},
            TRADES,
        )

    def news(self, symbols=None, start=None, end=None):
        asked = {"symbols": ",".join(symbols or []), "start": start.isoformat(), "end": end.isoformat()}
        return self._read("news", asked, NEWS).assign(kind="news")

    def option_chain(self, underlying, expiry=None):
        frame = self._read("chain", {"symbols": underlying}, OPTION_QUOTES)
        return frame.assign(
            underlying=underlying, time=pd.Timestamp.now("UTC").as_unit("us"), strike=100.0,
            expiry=pd.Timestamp("2026-12-18"), right=[symbol[12] for symbol in frame["symbol"]],
            exercise="american", multiplier=100.0, modelled=False,
        )  # fmt: skip

    def _read(self, path, params, columns):
        def frame_of(page, number):
            frame = pd.DataFrame(page, columns=names(columns))
            if "time" in frame:
                frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601").dt.as_unit("us")
            shape = no_rows(columns)
            for column, dtype in shape.dtypes.items():
                if column not in page[0]:
                    frame[column] = pd.Series(pd.NaT if dtype.kind == "M" else np.nan, frame.index, dtype)
            return frame

        return self._gathered(self._pages(path, params), frame_of, columns)

    def _rows(self, path, params):
        return [row for page in self._pages(path, params) for row in page]

    def _pages(self, path, params):
        token = ""
        while True:
            if not self._key:
                raise NotConnectedError("Plain is not connected.", service=self.label)
            answer = self._http.get_json(f"/{path}", {**params, **({"page": token} if token else {})})
            yield answer["rows"]
            token = answer["next"]
            if not token:
                return

    def _read_error(self, response):
        said = response.json().get("message", "") if response.content else ""
        if response.status_code == 404:
            raise UnknownSymbolError(f"Plain has {said}.")
        if response.status_code == 401:
            return NeedsLoginError(f"Plain takes the key no more: {said}.", service=self.label)
        if response.status_code == 403:
            return ServiceRefusedError(f"Plain refused: {said}.", service=self.label, status_code=403)
        return None
