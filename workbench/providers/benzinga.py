"""Benzinga: news with tickers, what was changed or removed since, and the earnings calendar."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.providers.answers import Field
from workbench.providers.base import Day
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import ReportProvider, fiscal_quarter, session_of_clock, whom
from workbench.providers.stories import (
    Record,
    StoryProvider,
    batches,
    names_of,
    numbered_pages,
    summary_of,
    text_of,
    time_of,
    trimmed,
)
from workbench.transport import Rate
from workbench.vendors.base import Credential, Vendor

VENDOR = Vendor(
    name="benzinga",
    label="Benzinga",
    credentials=(Credential("api_key", "API key"),),
    kinds=("news", "earnings"),
    help_url="https://www.benzinga.com/apis/",
    connect_hint="The key stands on the dashboard of benzinga.com/apis, under licensing.",
)

# Contracts differ; this keeps well under the least of them.
_RATES = {"default": (Rate(10, 1),)}
_STORIES = 100
_TICKERS = 50
_LAST_PAGE = 1_000
_REMOVED = 1_000
_LAST_REMOVED_PAGE = 9  # the service gives no more than 10,000 at once
_REPORTS = 1_000
# Clocks differ, and an update may be stamped just before it can be read.
_OVERLAP = timedelta(seconds=5)
# Dates without a time of day are New York's; asking a day more on either side misses none.
_A_DAY = timedelta(days=1)

_REPORT_FIELDS = (
    Field("symbol", "ticker", "text"),
    Field("date", "date", "day"),
    Field("session", "session", "text"),
    Field("confirmed", "date_confirmed", "flag"),
    Field("fiscal_period", "fiscal_period", "text"),
    Field("eps_estimate", "eps_est"),
    Field("eps_actual", "eps"),
    Field("revenue_estimate", "revenue_est"),
    Field("revenue_actual", "revenue"),
)


class BenzingaProvider(KeyedProvider, StoryProvider, ReportProvider):
    """News and earnings dates of Benzinga.

    The parameters are those of `KeyedProvider`; the service takes the key in the address alone.
    """

    vendor = VENDOR
    call_rates = _RATES
    report_fields = _REPORT_FIELDS

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it.

        Raises
        ------
        NotConnectedError, NeedsLoginError
            If there is no key, or it is not taken.
        """
        self._get("/api/v2/news", {"pageSize": 1})
        return "news with tickers; the earnings calendar where the licence holds it"

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return stories published in a period, of some symbols or of all.

        Raises
        ------
        IncompleteAnswerError
            If a later page fails; it holds the stories of those before.
        """
        period = period_of(start, end)
        params: dict[str, Any] = {"sort": "created:asc"}
        if period.start is not None:
            params["dateFrom"] = f"{period.start - _A_DAY:%Y-%m-%d}"
        if period.end is not None:
            params["dateTo"] = f"{period.end + _A_DAY:%Y-%m-%d}"
        return self._stories(
            (trimmed(page, "created", period) for page in self._pages(symbols, params)),
            asked=f"news {whom(symbols)}",
            symbols=symbols,
            period=period,
        )

    def changed_news(self, since: pd.Timestamp, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Return stories published or edited since an instant; it may repeat those of the last seconds.

        Parameters
        ----------
        since : Timestamp
            The newest `updated_at` that is known, with a time zone.
        """
        moment = int((since - _OVERLAP).timestamp())
        return self._stories(
            self._pages(symbols, {"updatedSince": moment, "sort": "updated:asc"}),
            asked=f"news {whom(symbols)} changed since {since:%Y-%m-%d %H:%M:%S}",
            symbols=symbols,
            period=Period(None, None),
        )

    def removed_news(self, since: pd.Timestamp) -> pd.DataFrame:
        """Return stories that were taken back since an instant: source_id, updated_at.

        Raises
        ------
        ServiceAnswerError
            If the answer is no list of them.
        """
        moment = int((since - _OVERLAP).timestamp())
        found: list[Any] = []
        pages = numbered_pages(
            lambda number: self._removed_page(moment, number),
            size=_REMOVED,
            first=0,
            last=_LAST_REMOVED_PAGE,
            label=self.label,
        )
        for page in pages:
            found.extend(item for item in page if isinstance(item, Mapping) and item.get("id") is not None)
        rows = pd.DataFrame(
            {
                "source_id": pd.array([str(item["id"]) for item in found], dtype="str"),
                "updated_at": pd.to_datetime(
                    [time_of(item.get("updated")) for item in found],
                    utc=True,
                    format="ISO8601",
                    errors="coerce",
                ),
            }
        )
        return rows.astype({"updated_at": "datetime64[us, UTC]"}).drop_duplicates(
            "source_id", keep="last", ignore_index=True
        )

    def _headers(self, key: str) -> Mapping[str, str]:
        # Without it the service answers in XML.
        return {"Accept": "application/json"}

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        return self._http().get_json(path, {**params, "token": self._key()})

    def _pages(self, symbols: Sequence[str] | None, params: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        for group in [None] if symbols is None else batches(symbols, _TICKERS):
            about = {"tickers": ",".join(group)} if group is not None else {}
            yield from numbered_pages(
                lambda number, about=about: self._story_page({**params, **about, "page": number}),  # type: ignore[misc]
                size=_STORIES,
                first=0,
                last=_LAST_PAGE,
                label=self.label,
            )

    def _story_page(self, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._get("/api/v2/news", {**params, "pageSize": _STORIES, "displayOutput": "abstract"})
        return _list_of(answer, "stories")

    def _removed_page(self, since: int, number: int) -> Sequence[Any]:
        answer = self._get(
            "/api/v2/news-removed", {"updatedSince": since, "page": number, "pageSize": _REMOVED}
        )
        if isinstance(answer, Mapping):
            # The one list in it; its name is not documented.
            answer = next((value for value in answer.values() if isinstance(value, list)), [])
        return _list_of(answer, "removed stories")

    def _report_pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        params: dict[str, Any] = {"pagesize": _REPORTS}
        if period.first_day is not None:
            params["parameters[date_from]"] = str(period.first_day)
        if period.last_day is not None:
            params["parameters[date_to]"] = str(period.last_day)
        for group in [None] if symbols is None else batches(symbols, _TICKERS):
            about = {"parameters[tickers]": ",".join(group)} if group is not None else {}
            yield from numbered_pages(
                lambda number, about=about: self._report_page({**params, **about, "page": number}),  # type: ignore[misc]
                size=_REPORTS,
                first=0,
                last=_LAST_PAGE,
                label=self.label,
            )

    def _report_page(self, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._get("/api/v2.1/calendar/earnings", params)
        if answer == []:  # how the service writes that there are none
            return []
        records = _list_of(answer.get("earnings") if isinstance(answer, Mapping) else answer, "earnings")
        return [_report(record) if isinstance(record, Mapping) else record for record in records]

    # -- translation -------------------------------------------------------------------------------------

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        return {
            "source_id": item.get("id"),
            "time": time_of(item.get("created")),
            "updated_at": time_of(item.get("updated")),
            "headline": text_of(item.get("title")),
            "summary": summary_of(item.get("teaser") or item.get("body")),
            "url": text_of(item.get("url")),
            "author": text_of(item.get("author")),
            "symbols": names_of(item.get("stocks"), "name"),
        }


def _report(item: Record) -> Record:
    """Add the session of its clock time in New York and its fiscal quarter."""
    return {
        **item,
        "session": session_of_clock(item.get("time")),
        "fiscal_period": fiscal_quarter(item.get("period_year"), item.get("period")) or item.get("date"),
        # Numbers arrive as texts, an empty one where there is none.
        "date_confirmed": str(item.get("date_confirmed")) in ("1", "True", "true"),
    }


def _list_of(answer: Any, what: str) -> Sequence[Any]:
    if not isinstance(answer, list):
        raise ServiceAnswerError(
            f"{VENDOR.label} answered with {type(answer).__name__} where a list of {what} was expected; "
            "check the address in the settings, or try later.",
            service=VENDOR.label,
        )
    return answer
