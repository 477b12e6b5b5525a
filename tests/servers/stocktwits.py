"""A local server that speaks StockTwits' public streams."""

from typing import Any

import pandas as pd

from tests.servers.base import STRANGER, Answer, LocalServer, Request

CHALLENGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking</body></html>"


def message(
    number: int, instant: pd.Timestamp, body: str, tag: str | None, symbol: str = "AAPL"
) -> dict[str, Any]:
    """Return a message as the service writes it."""
    return {
        "id": number, "body": body, "created_at": f"{instant:%Y-%m-%dT%H:%M:%SZ}",
        "user": {"id": number % 5, "username": f"trader{number % 5}", "followers": 10, "official": False},
        "source": {"id": 1, "title": "Web"}, "symbols": [{"id": 686, "symbol": symbol}],
        "likes": {"total": 2}, "entities": {"sentiment": {"basic": tag} if tag else None},
    }  # fmt: skip


class StocktwitsServer(LocalServer):
    """Messages about tickers, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.challenges = 0

    def error(self, status: int, words: str) -> Answer:
        return Answer({"response": {"status": status}, "errors": [{"message": words}]}, status)

    def answer(self, request: Request) -> Answer:
        if self.challenges:
            self.challenges -= 1
            return Answer(CHALLENGE, 403, content_type="text/html; charset=UTF-8")
        if self.bad.expired:
            return self.error(401, "Authentication is needed now")
        if request.path == "/api/2/trending/symbols.json":
            return Answer({"response": {"status": 200}, "symbols": []})
        symbol = request.path.rpartition("/")[2].removesuffix(".json")
        if symbol not in self.messages:
            return self.error(404, "Symbol not found")
        found = sorted(self.messages[symbol], key=lambda item: -item["id"])
        size, newest = int(request.query["limit"]), int(request.query.get("max", 10**9))
        older = [item for item in found if item["id"] < newest]
        request.page = 1 + (len(found) - len(older)) // size
        if self.bad.next_page == "repeat" and request.page >= 2 and not getattr(self, "_repeated", False):
            self._repeated = True
            rows, cursor = older[:size], {"more": True, "since": 0, "max": newest - 1}
        else:
            rows = older[:size]
            cursor = {"more": len(older) > size, "since": rows[0]["id"] if rows else None}
            cursor["max"] = rows[-1]["id"] if rows else None
        if self.bad.next_page == "loop" and not cursor["more"]:
            cursor |= {"more": True, "max": newest}
        elif (
            self.bad.next_page is not None
            and "://" in self.bad.next_page
            and request.page >= self.bad.from_page
        ):
            cursor |= {"more": True, "max": self.bad.next_page}
        told = self.lied(rows, price="body", time="created_at", earlier="1999-01-04T10:00:00Z")
        if told and self.takes_lie("unasked_symbol"):
            told.insert(1, told[0] | {"id": 1, "symbols": [{"id": 1, "symbol": STRANGER}]})
        return Answer(
            {"response": {"status": 200}, "symbol": {"symbol": symbol}, "cursor": cursor, "messages": told}
        )
