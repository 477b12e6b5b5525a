"""Finnhub: the earnings calendar, asked for week by week."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.errors import ServiceAnswerError
from workbench.providers.answers import Field
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period
from workbench.providers.report_dates import ReportProvider, fiscal_quarter, session_of, weeks
from workbench.transport import Rate
from workbench.vendors.base import Credential, Vendor

VENDOR = Vendor(
    name="finnhub",
    label="Finnhub",
    credentials=(Credential("api_key", "API key"),),
    kinds=("earnings",),
    help_url="https://finnhub.io/dashboard",
    connect_hint="The key stands on the dashboard; the free plan allows sixty calls a minute.",
)

_RATES = {"default": (Rate(30, 1), Rate(60, 60))}
# With more symbols the whole calendar, a week a call, takes fewer calls than one a symbol.
_ONE_BY_ONE = 5

_FIELDS = (
    Field("symbol", "symbol", "text"),
    Field("date", "date", "day"),
    Field("session", "session", "text"),
    Field("fiscal_period", "fiscal_period", "text"),
    Field("eps_estimate", "epsEstimate"),
    Field("eps_actual", "epsActual"),
    Field("revenue_estimate", "revenueEstimate"),
    Field("revenue_actual", "revenueActual"),
    Field("confirmed", "confirmed", "flag"),
)


class FinnhubProvider(KeyedProvider, ReportProvider):
    """Dates of reports, with estimates and results.

    The parameters are those of `KeyedProvider`; the key travels in a header.
    """

    vendor = VENDOR
    call_rates = _RATES
    report_fields = _FIELDS

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it."""
        self._get("/calendar/earnings", {"symbol": "AAPL", "from": "2024-01-01", "to": "2024-01-02"})
        return "the earnings calendar"

    def _headers(self, key: str) -> Mapping[str, str]:
        return {"X-Finnhub-Token": key}

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        return self._http().get_json(path, params)

    def _report_pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        if symbols is not None and len(set(symbols)) <= _ONE_BY_ONE:
            days = list(weeks(period, label=self.label))
            first, last = days[0][0], days[-1][1]
            for symbol in dict.fromkeys(symbols):
                yield self._calendar({"from": str(first), "to": str(last), "symbol": symbol})
            return
        # Wide periods are cut short without a word, so each call asks for a week.
        for first, last in weeks(period, label=self.label):
            records = self._calendar({"from": str(first), "to": str(last)})
            # Of the whole market the others are no lie.
            yield [each for each in records if symbols is None or _symbol_of(each) in (None, *symbols)]

    def _calendar(self, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._get("/calendar/earnings", params)
        records = answer.get("earningsCalendar") if isinstance(answer, Mapping) else None
        if not isinstance(records, list):
            raise ServiceAnswerError(
                f"{self.label} answered without an earnings calendar; try later.", service=self.label
            )
        return [_report(record) if isinstance(record, Mapping) else record for record in records]


# -- translation -------------------------------------------------------------------------------------------


def _report(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the session and the fiscal quarter; the service calls no date confirmed."""
    return {
        **record,
        "session": session_of(record.get("hour")),
        "fiscal_period": fiscal_quarter(record.get("year"), record.get("quarter")) or record.get("date"),
        "confirmed": False,
    }


def _symbol_of(record: Any) -> str | None:
    symbol = record.get("symbol") if isinstance(record, Mapping) else None
    return symbol if isinstance(symbol, str) else None
