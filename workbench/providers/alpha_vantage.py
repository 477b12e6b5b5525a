"""Alpha Vantage: the earnings calendar of the coming months, in CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pydantic_core

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
)
from workbench.market.news import ticker_of
from workbench.providers.answers import Field
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period
from workbench.providers.report_dates import ReportProvider, session_of
from workbench.redaction import redact
from workbench.transport import Rate
from workbench.vendors.base import Credential, Vendor

VENDOR = Vendor(
    name="alpha_vantage",
    label="Alpha Vantage",
    credentials=(Credential("api_key", "API key"),),
    kinds=("earnings",),
    help_url="https://www.alphavantage.co/support/#api-key",
    connect_hint="The free plan allows 25 calls a day; the whole calendar is one call.",
)

_RATES = {"default": (Rate(1, 1),)}
# With more symbols the whole calendar, one call, spares the day's count.
_ONE_BY_ONE = 2
_HORIZONS = ((92, "3month"), (183, "6month"))
_COMPLAINTS = ("Information", "Note", "Error Message")
_LIMITS = ("rate limit", "call frequency", "requests per day", "per minute", "per second", "spreading out")

_FIELDS = (
    Field("symbol", "symbol", "text"),
    Field("date", "reportDate", "day"),
    Field("session", "session", "text"),
    Field("fiscal_period", "fiscal_period", "text"),
    Field("eps_estimate", "estimate"),
    Field("confirmed", "confirmed", "flag"),
)


class AlphaVantageProvider(KeyedProvider, ReportProvider):
    """Dates of coming reports with estimates; the calendar holds no past.

    The parameters are those of `KeyedProvider`; the service takes the key in the address alone.
    """

    vendor = VENDOR
    call_rates = _RATES
    report_fields = _FIELDS

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read; it costs one of the day's calls."""
        self._calendar({"horizon": "3month", "symbol": "IBM"})
        return "the earnings calendar of the coming twelve months"

    # -- calls -------------------------------------------------------------------------------------------

    def _calendar(self, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        asked = {"function": "EARNINGS_CALENDAR", **params, "apikey": self._key()}
        text = self._http().get_text("/query", asked)
        return records_of(text)

    def _report_pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        horizon = _horizon(period)
        if symbols is not None and len(set(symbols)) <= _ONE_BY_ONE:
            for symbol in dict.fromkeys(symbols):
                yield _within(
                    self._calendar({"horizon": horizon, "symbol": symbol.replace(".", "-")}), period
                )
            return
        records = self._calendar({"horizon": horizon})
        # The calendar is of the whole market: other symbols are no lie.
        yield [each for each in _within(records, period) if symbols is None or each["symbol"] in symbols]


# -- translation -------------------------------------------------------------------------------------------


def records_of(text: str) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a calendar in CSV; columns are read by their names, as new ones are added.

    Raises
    ------
    ServiceError
        If it is a complaint, which the service sends with status 200, or no calendar.
    """
    if not text.startswith("symbol,"):
        raise complaint_of(text)
    if not text.endswith("\n"):
        raise ServiceAnswerError(
            f"{VENDOR.label} broke off in the middle of a line; ask again.", service=VENDOR.label
        )
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [_report(row) for row in rows]


def complaint_of(text: str) -> ServiceError:
    """Return the error that a body which is no calendar stands for."""
    label = VENDOR.label
    try:
        body = pydantic_core.from_json(text)
    except ValueError:
        body = None
    said = ""
    if isinstance(body, Mapping):
        said = next((redact(str(body[name])) for name in _COMPLAINTS if body.get(name)), "")
    lowered = said.lower()
    if any(word in lowered for word in _LIMITS):
        return RateLimitedError(f"{label} wants fewer calls: {said}", service=label)
    if "apikey" in lowered or "api key" in lowered:
        return NeedsLoginError(
            f"{label} does not take the key: {said} `workbench connect alpha_vantage` asks for a new one.",
            service=label,
        )
    if said:
        return ServiceRefusedError(f"{label} refused the call: {said}", service=label, status_code=200)
    return ServiceAnswerError(
        f"{label} answered something that is no earnings calendar; check the address in the settings, or try "
        "later.",
        service=label,
    )


def _report(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the session, and the end of the fiscal quarter as its name; no date is called confirmed."""
    symbol = row.get("symbol")
    return {
        **row,
        "symbol": ticker_of(symbol) if isinstance(symbol, str) else symbol,
        "session": session_of(row.get("timeOfTheDay")),
        "fiscal_period": row.get("fiscalDateEnding") or row.get("reportDate"),
        "confirmed": False,
    }


def _horizon(period: Period) -> str:
    """Return the shortest horizon that holds the period; a calendar is of now, so the clock is asked."""
    if period.last_day is None:
        return "12month"
    ahead = period.last_day - datetime.now(UTC).date()
    return next((name for days, name in _HORIZONS if ahead <= timedelta(days=days)), "12month")


def _within(records: Sequence[Mapping[str, Any]], period: Period) -> Sequence[Mapping[str, Any]]:
    """Leave out dates that only the horizon holds; dates that cannot be read are left to the rules."""
    days = pd.to_datetime(
        pd.Series([record.get("reportDate") for record in records], dtype=object),
        format="ISO8601",
        errors="coerce",
    )
    outside = pd.Series(False, index=days.index)
    if period.first_day is not None:
        outside |= days < pd.Timestamp(period.first_day)
    if period.last_day is not None:
        outside |= days > pd.Timestamp(period.last_day)
    return [record for record, left_out in zip(records, outside, strict=True) if not left_out]
