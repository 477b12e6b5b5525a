"""A local server of feeds: RSS 2.0 with ETag and Last-Modified, and whatever document a test puts up."""

from hashlib import sha256
from typing import Any
from xml.sax.saxutils import escape

from tests.servers.base import Answer, LocalServer, Request

MODIFIED = "Fri, 20 Nov 2026 20:00:00 GMT"


def item(number: int, stamp: str, title: str, summary: str = "") -> dict[str, Any]:
    """Return an entry by its elements."""
    return {
        "guid": f"https://feeds.example.com/{number}", "title": title, "link": f"https://feeds.example.com/{number}",
        "pubDate": stamp, "description": summary,
    }  # fmt: skip


def rss(items: list[dict[str, Any]]) -> str:
    """Return an RSS 2.0 document."""
    entries = "".join(
        "<item>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in each.items())
        + "</item>"
        for each in items
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>{entries}</channel></rss>'


class FeedServer(LocalServer):
    """Entries at /feed.xml, and documents as they are at other paths."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []
        self.documents: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        if self.bad.expired:
            return self.error(401, "subscribers only")
        if request.path in self.documents:
            return Answer(self.documents[request.path], content_type="application/xml")
        if request.path != "/feed.xml":
            return super().answer(request)
        told = self.lied(self.items, price="title", time="pubDate", earlier="Mon, 04 Jan 1999 10:00:00 GMT")
        if told != self.items:
            return Answer(rss(told), content_type="application/rss+xml")
        body = rss(self.items)
        etag = f'"{sha256(body.encode()).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Answer("", 304, {"ETag": etag})
        return Answer(body, 200, {"ETag": etag, "Last-Modified": MODIFIED}, "application/rss+xml")
