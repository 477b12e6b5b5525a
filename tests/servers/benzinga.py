"""A local server that speaks Benzinga's newsfeed and earnings calendar."""

from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from tests.servers.base import STRANGER, Answer, LocalServer, Request
from tests.servers.numbered_pages import numbered_page

TOKEN = "bz-token-0123456789abcdef"
NEW_YORK = ZoneInfo("America/New_York")


def stamp(instant: pd.Timestamp) -> str:
    """Write an instant as the service does, in New York's offset."""
    return format_datetime(instant.tz_convert(NEW_YORK).to_pydatetime())


def story(number: int, instant: pd.Timestamp, title: str, tickers: list[str]) -> dict[str, Any]:
    """Return a story as the service writes it."""
    return {
        "id": number, "original_id": number, "author": "Newsdesk", "created": stamp(instant),
        "updated": stamp(instant), "title": title, "teaser": f"<p>{title} &amp; more</p>", "body": "",
        "url": f"https://www.benzinga.com/news/{number}", "image": [], "channels": [{"name": "Earnings"}],
        "stocks": [{"name": ticker, "exchange": "NASDAQ"} for ticker in tickers], "tags": [],
    }  # fmt: skip


class BenzingaServer(LocalServer):
    """Stories, removed stories and dates of reports."""

    def __init__(self) -> None:
        super().__init__()
        self.stories: list[dict[str, Any]] = []
        self.removed: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Answer:
        if request.query.get("token") != TOKEN or self.bad.expired:
            return self.error(401, "Invalid or missing token")
        if "json" not in request.headers.get("accept", ""):
            return Answer("<result/>", content_type="application/xml")
        if request.path == "/api/v2/news":
            return self._news(request)
        if request.path == "/api/v2/news-removed":
            since = float(request.query["updatedSince"])
            found = [item for item in self.removed if _seconds(item["updated"]) >= since]
            size = int(request.query["pageSize"])
            return Answer({"removed": numbered_page(self, request, found, int(request.query["page"]), size)})
        if request.path == "/api/v2.1/calendar/earnings":
            return self._earnings(request)
        return super().answer(request)

    def _news(self, request: Request) -> Answer:
        query = request.query
        wanted = set(filter(None, query.get("tickers", "").split(",")))
        found = [
            item
            for item in self.stories
            if (not wanted or wanted & {stock["name"] for stock in item["stocks"]})
            and query.get("dateFrom", "0000") <= _day(item["created"]) <= query.get("dateTo", "9999")
            and _seconds(item["updated"]) >= float(query.get("updatedSince", 0))
        ]
        field, _, order = query.get("sort", "created:desc").partition(":")
        found.sort(key=lambda item: (_seconds(item[field]), item["id"]), reverse=order == "desc")
        size = int(query.get("pageSize", 15))
        assert size <= 100
        rows = numbered_page(self, request, found, int(query.get("page", 0)), size)
        told = self.lied(rows, price="title", time="created", earlier="Mon, 04 Jan 1999 10:00:00 -0500")
        if told and self.takes_lie("unasked_symbol"):
            told.insert(1, told[0] | {"id": 1, "stocks": [{"name": STRANGER}]})
        return Answer(told)

    def _earnings(self, request: Request) -> Answer:
        query = request.query
        wanted = set(filter(None, query.get("parameters[tickers]", "").split(",")))
        first, last = query.get("parameters[date_from]", "0000"), query.get("parameters[date_to]", "9999")
        found = [
            report
            for report in self.reports
            if (not wanted or report["ticker"] in wanted) and first <= report["date"] <= last
        ]
        rows = numbered_page(self, request, found, int(query.get("page", 0)), int(query["pagesize"]))
        # How the service writes that there are none.
        return Answer({"earnings": rows} if rows else [])


def _seconds(text: str) -> float:
    return pd.Timestamp(text).timestamp()


def _day(text: str) -> str:
    return f"{pd.Timestamp(text):%Y-%m-%d}"
