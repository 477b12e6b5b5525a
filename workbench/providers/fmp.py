"""Financial Modeling Prep: the earnings calendar, asked for week by week."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.market.news import ticker_of
from workbench.providers.answers import Field
from workbench.providers.base import Day
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import ReportProvider, session_of, weeks
from workbench.providers.stories import whom
from workbench.settings import FmpSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Credential, Keys, Vendor, require_keys

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


class FmpProvider(ReportProvider):
    """Dates of reports, with estimates and results. The service names no fiscal period and no session.

    Parameters
    ----------
    settings : FmpSettings
        Address.
    keys : mapping or None
        ``api_key``; it travels in a header.
    transport : Transport
        The desk's one way to the outside.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, settings: FmpSettings, keys: Keys | None, transport: Transport) -> None:
        super().__init__()
        self._settings = settings
        self._keys = keys
        self._transport = transport
        self._client: HttpClient | None = None

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it."""
        self._get({"from": "2024-01-02", "to": "2024-01-02"})
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

    def _get(self, params: Mapping[str, Any]) -> Sequence[Any]:
        key = require_keys(VENDOR, self._keys)["api_key"]
        if self._client is None:
            self._client = self._transport.client(
                self._settings.rest_url,
                service=self.name,
                label=self.label,
                headers={"apikey": key},
                rates=_RATES,
                secrets=(key,),
            )
        answer = self._client.get_json("/stable/earnings-calendar", params)
        if not isinstance(answer, list):
            raise ServiceAnswerError(
                f"{self.label} answered without an earnings calendar; try later.", service=self.label
            )
        if len(answer) >= _MOST_ROWS:
            raise ServiceAnswerError(
                f"{self.label} cut its answer at {_MOST_ROWS:,} rows; ask for fewer days.", service=self.label
            )
        return answer

    def _pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
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
