"""Local servers that speak the earnings calendars of Finnhub, Financial Modeling Prep and Alpha Vantage."""

import csv
import io
from typing import Any

from tests.servers.base import STRANGER, Answer, LocalServer, Request

FINNHUB_KEY = "finnhub-key-0123456789"
FMP_KEY = "fmp-key-0123456789abcdef"
ALPHA_VANTAGE_KEY = "ALPHAVANTAGE0123"


class CalendarServer(LocalServer):
    """Dates of reports, each a record as the service writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[dict[str, Any]] = []

    def told(self, rows: list[dict[str, Any]], *, price: str, time: str) -> list[dict[str, Any]]:
        """Return the rows, one of them a lie where there is to be one."""
        return self.lied(rows, price=price, time=time, earlier="1999-01-04", symbol="symbol")


class FinnhubServer(CalendarServer):
    """The calendar between two dates, of one symbol or of all."""

    def error(self, status: int, words: str) -> Answer:
        return Answer({"error": words}, status)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("x-finnhub-token") != FINNHUB_KEY or self.bad.expired:
            return self.error(401, "Invalid API key")
        if request.path != "/api/v1/calendar/earnings":
            return super().answer(request)
        query = request.query
        rows = [
            report
            for report in self.reports
            if query["from"] <= report["date"] <= query["to"]
            and query.get("symbol", report["symbol"]) == report["symbol"]
        ]
        return Answer({"earningsCalendar": self.told(rows, price="epsEstimate", time="date")})


class FmpServer(CalendarServer):
    """The calendar of all symbols between two dates."""

    largest_period = 90

    def error(self, status: int, words: str) -> Answer:
        return Answer({"Error Message": words}, status)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("apikey") != FMP_KEY or self.bad.expired:
            return self.error(401, "Invalid API KEY.")
        if request.path != "/stable/earnings-calendar":
            return super().answer(request)
        first, last = request.query["from"], request.query["to"]
        rows = [report for report in self.reports if first <= report["date"] <= last]
        return Answer(self.told(rows, price="epsEstimated", time="date"))


class AlphaVantageServer(CalendarServer):
    """The calendar of the coming months as CSV; complaints come with status 200 and as JSON."""

    columns = ("symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency", "timeOfTheDay")

    def answer(self, request: Request) -> Answer:
        if request.path != "/query" or request.query.get("function") != "EARNINGS_CALENDAR":
            return super().answer(request)
        if request.query.get("apikey") != ALPHA_VANTAGE_KEY or self.bad.expired:
            return Answer({"Error Message": "the parameter apikey is invalid or missing."})
        symbol = request.query.get("symbol")
        rows = [report for report in self.reports if symbol in (None, report["symbol"])]
        if self.bad.lie == "unasked_symbol" and symbol is None:
            self.bad.lie = None
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.told(rows, price="estimate", time="reportDate"))
        return Answer(text.getvalue(), content_type="application/x-download")


__all__ = ["STRANGER", "AlphaVantageServer", "FinnhubServer", "FmpServer"]
