"""Financial Modeling Prep: the earnings calendar, asked for week by week."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.errors import ServiceAnswerError
from workbench.market.news import ticker_of
from workbench.providers.answers import Field
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period
from workbench.providers.report_dates import ReportProvider, session_of, weeks
from workbench.transport import Rate
from workbench.vendors.base import Credential, Vendor

VENDOR = Vendor(
    name="fmp",
    label="Financial Modeling Prep",
    credentials=(Credential("api_key", "API key"),),
    kinds=("earnings",),
    help_url="https://site.financialmodelingprep.com/developer/docs/dashboard",
    connect_hint="The key stands on the dashboard; dates may need a paid plan.",
)

_RATES = {"default": (Rate(5, 1), Rate(300, 60))}
# An answer holds 4,000 rows at most; the fullest week of a season has about 3,000.
_MOST_ROWS = 4_000

_FIELDS = (
    Field("symbol", "symbol", "text"),
    Field("date", "date", "day"),
    Field("session", "session", "text"),
    Field("fiscal_period", "fiscal_period", "text"),
    Field("eps_estimate", "epsEstimated"),
    Field("eps_actual", ("epsActual", "eps")),
    Field("revenue_estimate", "revenueEstimated"),
    Field("revenue_actual", ("revenueActual", "revenue")),
    Field("confirmed", "confirmed", "flag"),
)


class FmpProvider(KeyedProvider, ReportProvider):
    """Dates of reports, with estimates and results. The service names no fiscal period and no session.

    The parameters are those of `KeyedProvider`; the key travels in a header.
    """

    vendor = VENDOR
    call_rates = _RATES
    report_fields = _FIELDS

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it."""
        self._get({"from": "2024-01-02", "to": "2024-01-02"})
        return "the earnings calendar"

    def _headers(self, key: str) -> Mapping[str, str]:
        return {"apikey": key}

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._http().get_json("/stable/earnings-calendar", params)
        if not isinstance(answer, list):
            raise ServiceAnswerError(
                f"{self.label} answered without an earnings calendar; try later.", service=self.label
            )
        if len(answer) >= _MOST_ROWS:
            raise ServiceAnswerError(
                f"{self.label} cut its answer at {_MOST_ROWS:,} rows; ask for fewer days.", service=self.label
            )
        return answer

    def _report_pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        for first, last in weeks(period, label=self.label):
            records = [
                _report(record) if isinstance(record, Mapping) else record
                for record in self._get({"from": str(first), "to": str(last)})
            ]
            # The calendar is of the whole market: other symbols are no lie.
            yield [each for each in records if symbols is None or _symbol_of(each) in (None, *symbols)]


# -- translation -------------------------------------------------------------------------------------------


def _report(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the session, where an older answer has it; without a period the date stands for it."""
    symbol = record.get("symbol")
    return {
        **record,
        "symbol": ticker_of(symbol) if isinstance(symbol, str) else symbol,
        "session": session_of(record.get("time")),
        "fiscal_period": record.get("date"),
        "confirmed": False,
    }


def _symbol_of(record: Any) -> str | None:
    symbol = record.get("symbol") if isinstance(record, Mapping) else None
    return symbol if isinstance(symbol, str) else None
