"""StockTwits: messages about a ticker, a part of which their authors call bullish or bearish."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pandas as pd

from workbench.errors import (
    ArgumentError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
    UnknownSymbolError,
)
from workbench.providers.base import Day
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import whom
from workbench.providers.stories import (
    Record,
    StoryProvider,
    is_past,
    names_of,
    text_of,
    time_of,
    trimmed,
)
from workbench.transport import Rate
from workbench.vendors.base import Vendor

VENDOR = Vendor(
    name="stocktwits",
    label="StockTwits",
    credentials=(),
    kinds=("news",),
    help_url="https://api.stocktwits.com/developers/docs",
    connect_hint="No key is needed; the service may refuse programs, and its terms decide what they may do.",
)

# Two hundred calls an hour is what is commonly told of callers without a key.
_RATES = {"default": (Rate(200, 3600),)}
_MESSAGES = 30
_LAST_PAGE = 200
_TAGS = {"Bullish": 1.0, "Bearish": -1.0}
SCORER = "stocktwits-tag/1"


class StocktwitsProvider(KeyedProvider, StoryProvider):
    """Messages of StockTwits; a tag of their author's stands in `sentiment`, as 1 or -1.

    The parameters are those of `KeyedProvider`; no key is needed.
    """

    vendor = VENDOR
    call_rates = _RATES
    kind = "post"

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what can be read, by the cheapest call that proves it."""
        self._get("/trending/symbols.json", {})
        return "messages about tickers, with the tags of their authors"

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return messages of a period about some symbols, newest first read.

        Raises
        ------
        ArgumentError
            Without symbols: the service has no stream of everything.
        IncompleteAnswerError
            If a later page fails; it holds the messages of those before.
        """
        period = period_of(start, end)
        if symbols is None:
            raise ArgumentError(f"{self.label} needs `symbols`; give some, as in ['AAPL'].")
        wanted = list(dict.fromkeys(symbols))
        pages = (page for symbol in wanted for page in self._pages(symbol, period))
        return self._stories(pages, asked=f"messages {whom(wanted)}", symbols=wanted, period=period)

    def _error_of(self, answer: httpx.Response) -> ServiceError | None:
        return read_error(answer)

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        return self._http().get_json(path, params)

    def _pages(self, symbol: str, period: Period) -> Iterator[Sequence[Any]]:
        oldest: int | None = None
        for _ in range(_LAST_PAGE):
            answer = self._page_of(symbol, oldest)
            messages = answer["messages"]
            yield trimmed(messages, "created_at", period)
            cursor = answer.get("cursor")
            if not isinstance(cursor, Mapping) or not cursor.get("more"):
                return
            if is_past(messages, "created_at", period):
                return
            smallest = cursor.get("max")
            if isinstance(smallest, bool) or not isinstance(smallest, int) or (oldest and smallest >= oldest):
                raise ServiceAnswerError(
                    f"{self.label} named no next page, or one that was read; what had come is kept.",
                    service=self.label,
                )
            oldest = smallest

    def _page_of(self, symbol: str, oldest: int | None) -> Mapping[str, Any]:
        params: dict[str, Any] = {"limit": _MESSAGES}
        if oldest is not None:
            params["max"] = oldest
        try:
            answer = self._get(f"/streams/symbol/{quote(symbol, safe='')}.json", params)
        except ServiceRefusedError as error:
            if error.status_code == 404:
                raise UnknownSymbolError(
                    f"{self.label} has no {symbol!r}; crypto is written as in 'BTC.X'."
                ) from error
            raise
        if not isinstance(answer, Mapping) or not isinstance(answer.get("messages"), list):
            raise ServiceAnswerError(f"{self.label} answered without a list of messages.", service=self.label)
        return answer

    # -- translation -------------------------------------------------------------------------------------

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        user, entities = item.get("user"), item.get("entities")
        tag = entities.get("sentiment") if isinstance(entities, Mapping) else None
        said = _TAGS.get(str(tag.get("basic"))) if isinstance(tag, Mapping) else None
        author = user.get("username") if isinstance(user, Mapping) else None
        number = item.get("id")
        return {
            "source_id": number,
            "time": time_of(item.get("created_at")),
            "updated_at": time_of(item.get("created_at")),
            "headline": text_of(item.get("body")),
            "url": f"https://stocktwits.com/{author}/message/{number}" if author and number else None,
            "author": text_of(author),
            "symbols": names_of(item.get("symbols"), "symbol"),
            "sentiment": said,
            "scorer": SCORER if said is not None else None,
        }


def read_error(answer: httpx.Response) -> ServiceError | None:
    """Return what a bot challenge means: a page in HTML is no answer of the service."""
    is_page = answer.content.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", "")
    if answer.status_code in (401, 403) and is_page:
        return ServiceUnavailableError(
            f"{VENDOR.label} asks for proof that a person calls ({answer.status_code}); programs are turned "
            "away for now. Try later, or from another network.",
            service=VENDOR.label,
        )
    return None
