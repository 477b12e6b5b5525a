"""A local server that speaks NewsAPI's version 2."""

from typing import Any

import pandas as pd

from tests.servers.base import Answer, LocalServer, Request
from tests.servers.numbered_pages import numbered_page

KEY = "newsapi-key-0123456789abcdef"


def article(number: int, instant: pd.Timestamp, title: str) -> dict[str, Any]:
    """Return an article as the service writes it."""
    return {
        "source": {"id": None, "name": "Example Ledger"}, "author": None, "title": title,
        "description": f"{title}, it says.", "url": f"https://www.example.com/a/{number}?utm_source=feed",
        "urlToImage": None, "publishedAt": f"{instant:%Y-%m-%dT%H:%M:%SZ}", 
        "content": "first words [+1234 chars]",
    }  # fmt: skip


class NewsApiServer(LocalServer):
    """Articles that hold words."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: list[dict[str, Any]] = []
        self.window = 10_000

    def error(self, status: int, words: str) -> Answer:
        codes = {401: "apiKeyInvalid", 429: "rateLimited", 500: "unexpectedError", 503: "unexpectedError"}
        return Answer(
            {"status": "error", "code": codes.get(status, "parameterInvalid"), "message": words}, status
        )

    def answer(self, request: Request) -> Answer:
        if request.headers.get("x-api-key") != KEY or self.bad.expired:
            return self.error(401, "Your API key is invalid or incorrect.")
        query = request.query
        if request.path == "/v2/top-headlines/sources":
            return Answer({"status": "ok", "sources": []})
        if request.path not in ("/v2/everything", "/v2/top-headlines"):
            return super().answer(request)
        found = self.articles
        if request.path == "/v2/everything":
            words = [word.strip('"') for word in query["q"].split(" OR ")]
            found = [
                item
                for item in found
                if any(word in f"{item['title']} {item['description']}" for word in words)
                and query.get("from", "0") <= item["publishedAt"] <= query.get("to", "9")
            ]
        found = sorted(found, key=lambda item: item["publishedAt"], reverse=True)
        index, size = int(query["page"]) - 1, int(query["pageSize"])
        request.page = index + 1
        if (index + 1) * size > self.window:
            return Answer(
                {"status": "error", "code": "maximumResultsReached", "message": "Upgrade for more results."},
                426,
            )
        rows = numbered_page(self, request, found, index, size)
        told = self.lied(rows, price="title", time="publishedAt", earlier="1999-01-04T10:00:00Z")
        return Answer({"status": "ok", "totalResults": len(found), "articles": told})
