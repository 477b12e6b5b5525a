"""NewsAPI: articles of many papers by words; without tickers, so that what is found is looked at for them."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import httpx
import pandas as pd

from workbench.errors import (
    ArgumentError,
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from workbench.market.news import canonical_url, symbols_in
from workbench.providers.base import Day
from workbench.providers.keyed import KeyedProvider
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import whom
from workbench.providers.stories import (
    Record,
    StoryProvider,
    numbered_pages,
    summary_of,
    text_of,
    time_of,
    trimmed,
)
from workbench.redaction import redact
from workbench.settings import NewsApiSettings
from workbench.transport import Rate, Transport
from workbench.transport.answers import retry_at_of
from workbench.vendors.base import Credential, Keys, Vendor

VENDOR = Vendor(
    name="newsapi",
    label="NewsAPI",
    credentials=(Credential("api_key", "API key"),),
    kinds=("news",),
    help_url="https://newsapi.org/account",
    connect_hint="The free plan gives articles a day late, a hundred calls a day, and is not for production.",
)

_RATES = {"default": (Rate(5, 1),)}
_ARTICLES = 100
_LAST_PAGE = 100
_LONGEST_QUERY = 500
# What the codes of the service mean; others are refusals in the service's words.
_LOGIN = ("apiKeyDisabled", "apiKeyInvalid", "apiKeyMissing")
_LATER = ("rateLimited", "apiKeyExhausted")


class NewsApiProvider(KeyedProvider, StoryProvider):
    """Articles that NewsAPI finds.

    The service knows no tickers. Asked for AAPL, it is asked for articles that hold the word AAPL or a name
    given in `names`, and an article's `symbols` are those whose word or name stands in its headline or its
    description.

    Parameters
    ----------
    settings : NewsApiSettings
        Address.
    keys : mapping or None
        ``api_key``; it travels in a header.
    transport : Transport
        The desk's one way to the outside.
    names : mapping of str to sequence of str, optional
        Names of companies by ticker, as in ``{"AAPL": ["Apple"]}``.
    """

    vendor = VENDOR
    call_rates = _RATES
    names_symbols = False

    def __init__(
        self,
        settings: NewsApiSettings,
        keys: Keys | None,
        transport: Transport,
        *,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(settings, keys, transport)
        self._names = dict(names or {})

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the key may read, by the cheapest call that proves it."""
        self._get("/top-headlines/sources", {"category": "business", "language": "en"})
        return "articles by words; the free plan's are a day old"

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return articles published in a period that name some symbols, or business headlines of the day.

        Raises
        ------
        IncompleteAnswerError
            If a later page fails; it holds the articles of those before. The free plan ends after a hundred.
        """
        period = period_of(start, end)
        return self._stories(
            self._pages(symbols, period), asked=f"news {whom(symbols)}", symbols=symbols, period=period
        )

    def _headers(self, key: str) -> Mapping[str, str]:
        return {"X-Api-Key": key}

    def _error_of(self, answer: httpx.Response) -> ServiceError | None:
        return read_error(answer)

    # -- calls -------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._http().get_json(path, params)
        if not isinstance(answer, Mapping) or answer.get("status") != "ok":
            told = redact(str(answer.get("message", ""))) if isinstance(answer, Mapping) else ""
            raise ServiceAnswerError(
                f"{self.label} answered something that is no list of articles. {told}".strip(),
                service=self.label,
            )
        return answer

    def _pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        params: dict[str, Any] = {"pageSize": _ARTICLES}
        if symbols is None:
            path = "/top-headlines"
            params |= {"country": "us", "category": "business"}
        else:
            path = "/everything"
            params |= {"q": self._query(symbols), "searchIn": "title,description", "sortBy": "publishedAt"}
            params |= {"language": "en"}
            if period.start is not None:
                params["from"] = f"{period.start:%Y-%m-%dT%H:%M:%SZ}"
            if period.end is not None:
                params["to"] = f"{period.end:%Y-%m-%dT%H:%M:%SZ}"
        pages = numbered_pages(
            lambda number: self._articles(path, {**params, "page": number}),
            size=_ARTICLES,
            first=1,
            last=_LAST_PAGE,
            label=self.label,
        )
        if symbols is not None:
            yield from pages
        else:
            # Headlines of the day have no period to ask for.
            for page in pages:
                yield trimmed(page, "publishedAt", period)

    def _articles(self, path: str, params: Mapping[str, Any]) -> Sequence[Any]:
        articles = self._get(path, params).get("articles")
        if not isinstance(articles, list):
            raise ServiceAnswerError(f"{self.label} answered without a list of articles.", service=self.label)
        return articles

    def _query(self, symbols: Sequence[str]) -> str:
        words = [f'"{word}"' for symbol in dict.fromkeys(symbols) for word in self._words_of(symbol)]
        query = " OR ".join(words)
        if not words or len(query) > _LONGEST_QUERY:
            raise ArgumentError(
                f"{self.label} takes a question of {_LONGEST_QUERY} characters, and these symbols make one "
                f"of {len(query)}; ask for fewer."
            )
        return query

    def _words_of(self, symbol: str) -> list[str]:
        return [symbol, *self._names.get(symbol, ())]

    # -- translation -------------------------------------------------------------------------------------

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        source = item.get("source")
        address = canonical_url(item.get("url"))
        published = time_of(item.get("publishedAt"))
        paper = text_of(source.get("name")) if isinstance(source, Mapping) else None
        return {
            # Articles have no identity of their own; their address is the nearest thing to one.
            "source_id": sha256(address.encode()).hexdigest()[:32] if address else None,
            "time": published,
            "updated_at": published,
            "headline": text_of(item.get("title")),
            "summary": summary_of(item.get("description")),
            "url": text_of(item.get("url")),
            "author": text_of(item.get("author")) or paper,
            "symbols": self._symbols_of(item, wanted),
        }

    def _symbols_of(self, item: Record, wanted: Sequence[str]) -> list[str]:
        text = " ".join(str(text_of(item.get(name)) or "") for name in ("title", "description"))
        told = symbols_in(text)
        padded = f" {_spaced(text)} "
        named = [
            symbol
            for symbol in wanted
            if any(f" {_spaced(word)} " in padded for word in self._words_of(symbol))
        ]
        return list(dict.fromkeys([*named, *told]))


def read_error(answer: httpx.Response) -> ServiceError | None:
    """Return the error that a code of NewsAPI stands for; None leaves it to its status."""
    try:
        body = answer.json()
    except ValueError:
        return None
    code = body.get("code") if isinstance(body, Mapping) else None
    if not isinstance(code, str):
        return None
    said = redact(str(body.get("message", "")))
    label = VENDOR.label
    if code in _LOGIN:
        return NeedsLoginError(
            f"{label} does not take the key ({code}): {said} `workbench connect newsapi` asks for a new one.",
            service=label,
        )
    if code in _LATER:
        return RateLimitedError(
            f"{label} wants fewer calls ({code}): {said}", service=label, retry_at=retry_at_of(answer)
        )
    if code == "unexpectedError":
        return ServiceUnavailableError(f"{label} is out of order: {said}", service=label)
    return ServiceRefusedError(
        f"{label} refused the call ({code}): {said}", service=label, status_code=answer.status_code
    )


def _spaced(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text).split())
