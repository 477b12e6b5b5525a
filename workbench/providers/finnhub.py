"""Finnhub: the earnings calendar, asked for week by week."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.providers.answers import Field
from workbench.providers.base import Day
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import ReportProvider, fiscal_quarter, session_of, weeks
from workbench.providers.stories import whom
from workbench.settings import FinnhubSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Credential, Keys, Vendor, require_keys

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


class FinnhubProvider(ReportProvider):
    """Dates of reports, with estimates and results.

    Parameters
    ----------
    settings : FinnhubSettings
        Address.
    keys : mapping or None
        ``api_key``; it travels in a header.
    transport : Transport
        The desk's one way to the outside.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, settings: FinnhubSettings, keys: Keys | None, transport: Transport) -> None:
        super().__init__()
        self._settings = settings
        self._keys = keys
        self._transport = transport
        self._client: HttpClient | None = None

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it."""
        self._get("/calendar/earnings", {"symbol": "AAPL", "from": "2024-01-01", "to": "2024-01-02"})
        return "the earnings calendar"

    def earnings(
        self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None
    ) -> pd.DataFrame:
        """Return dates of reports in a period, both dates included and both needed.

        Raises
        ------
        DateInputError
            If a date is missing.
        IncompleteAnswerError
            If a later week fails; it holds the weeks before.
        """
        period = period_of(start, end)
        return self._reports(
            self._pages(symbols, period),
            _FIELDS,
            asked=f"earnings {whom(symbols)}",
            symbols=symbols,
            period=period,
        )

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        key = require_keys(VENDOR, self._keys)["api_key"]
        if self._client is None:
            self._client = self._transport.client(
                self._settings.rest_url,
                service=self.name,
                label=self.label,
                headers={"X-Finnhub-Token": key},
                rates=_RATES,
                secrets=(key,),
            )
        return self._client.get_json(path, params)

    def _pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
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
