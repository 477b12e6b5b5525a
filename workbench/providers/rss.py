"""RSS and Atom: the feeds that the settings name, and files of that form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pandas as pd

from workbench.errors import (
    IncompleteAnswerError,
    NeedsLoginError,
    NotConnectedError,
    ServiceError,
    ServiceUnavailableError,
)
from workbench.market.news import symbols_in
from workbench.market.schemas import NEWS
from workbench.providers.base import Day
from workbench.providers.feed_documents import Entry, read_feed
from workbench.providers.network import joined
from workbench.providers.periods import period_of
from workbench.providers.report_dates import whom
from workbench.providers.stories import (
    Record,
    StoryProvider,
    in_order,
    summary_of,
    text_of,
    time_of,
    trimmed,
)
from workbench.settings import RssSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Keys, Vendor

VENDOR = Vendor(
    name="rss",
    label="RSS",
    credentials=(),
    kinds=("news",),
    help_url="https://www.rssboard.org/rss-specification",
    connect_hint="Name addresses of feeds in the setting services.rss.feeds; no key is needed.",
)

# For one host; feeds change a few times an hour.
_RATES = {"default": (Rate(2, 1),)}
_LONGEST_IDENTITY = 160


@dataclass(slots=True)
class _Known:
    """What a feed said last, and how to ask whether it says anything new."""

    etag: str = ""
    modified: str = ""
    entries: Sequence[Any] = field(default_factory=list)


class _NotModifiedError(ServiceError):
    """The feed says what it said before; never shown."""

    state = "unchanged"


class RssProvider(StoryProvider):
    """News of feeds. A feed holds its newest entries alone: what was not fetched in time cannot be had later.

    Tickers are those that an entry names as such: ``$AAPL``, ``(NASDAQ: AAPL)``, or an element for tickers.

    Parameters
    ----------
    settings : RssSettings
        Addresses of feeds; a path, or an address with ``file:``, is a file.
    keys : mapping or None
        Not needed.
    transport : Transport
        The desk's one way to the outside.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)
    names_symbols = False

    def __init__(self, settings: RssSettings, keys: Keys | None, transport: Transport) -> None:
        super().__init__()
        self._feeds = settings.feeds
        self._transport = transport
        self._clients: dict[str, HttpClient] = {}
        self._known: dict[str, _Known] = {}

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return which feeds answer, by asking each."""
        counts = [f"{_host(feed)}: {len(self._entries(feed))} entries" for feed in self._named()]
        return "; ".join(counts)

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return what the feeds hold now of a period, about some symbols or all.

        Raises
        ------
        NotConnectedError
            If the settings name no feed.
        IncompleteAnswerError
            If some feeds failed; it holds the entries of the others.
        """
        period = period_of(start, end)
        frames, failure = [], None
        for feed in self._named():
            try:
                entries = trimmed(self._entries(feed), "date", period)
                what = f"feed {_host(feed)} {whom(symbols)}, page 1"
                frames.append(self._page(entries, what, symbols, period, first_line=1))
            except ServiceError as error:
                failure = failure or error
        rows = in_order(joined(frames, NEWS))
        if failure is not None and rows.empty:
            raise failure
        if failure is not None:
            raise IncompleteAnswerError(
                f"Some feeds failed, {len(rows):,} entries of others came: {failure}",
                rows=rows,
                cause=failure,
            )
        return rows

    # -- calls -------------------------------------------------------------------------------------------

    def _named(self) -> Sequence[str]:
        if not self._feeds:
            raise NotConnectedError(
                "RSS has no feeds; name their addresses in the setting `services.rss.feeds`.",
                service=self.label,
            )
        return self._feeds

    def _entries(self, feed: str) -> Sequence[Entry]:
        if not feed.lower().startswith(("http://", "https://")):
            return read_feed(_content_of(feed), label=f"The file {_host(feed)}")
        known = self._known.setdefault(feed, _Known())
        asked = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5"}
        if known.etag:
            asked["If-None-Match"] = known.etag
        if known.modified:
            asked["If-Modified-Since"] = known.modified
        parts = urlsplit(feed)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            answer = self._client(feed).request("GET", path, headers=asked)
        except _NotModifiedError:
            return known.entries
        entries = read_feed(answer.content, label=f"The feed of {_host(feed)}")
        # Only what could be read is remembered: a broken document must not become "nothing new".
        known.entries = entries
        known.etag = answer.headers.get("etag", "")
        known.modified = answer.headers.get("last-modified", "")
        return entries

    def _client(self, feed: str) -> HttpClient:
        parts = urlsplit(feed)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._clients:
            self._clients[origin] = self._transport.client(
                origin,
                # Each host has limits and a state of its own: one that is down must not silence others.
                service=f"rss-{parts.hostname}-{parts.port or 'default'}",
                label=f"{self.label} ({parts.hostname})",
                rates=_RATES,
                secrets=[value for value in (parts.password or "", *_keys_of(parts.query)) if value],
                read_error=read_error,
            )
        return self._clients[origin]

    # -- translation -------------------------------------------------------------------------------------

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        title, summary = text_of(item.get("title")), summary_of(item.get("summary"))
        published = time_of(item.get("date"))
        told = symbols_in(f"{title or ''} {summary or ''}")
        return {
            "source_id": _identity(item, title, published),
            "time": published,
            "updated_at": time_of(item.get("updated")) or published,
            "headline": title,
            "summary": summary,
            "url": text_of(item.get("link")),
            "author": text_of(item.get("author")),
            "symbols": list(dict.fromkeys([*item.get("tickers", ()), *told])),
        }


def read_error(answer: httpx.Response) -> ServiceError | None:
    """Return what a status means for a feed: 304 is nothing new, 401 is a feed for subscribers."""
    if answer.status_code == 304:
        return _NotModifiedError("The feed has nothing new.", service=VENDOR.label)
    if answer.status_code == 401:
        return NeedsLoginError(
            f"The feed at {answer.request.url.host} is for subscribers (401); Workbench signs in to no feed.",
            service=VENDOR.label,
        )
    return None


def _content_of(feed: str) -> bytes:
    parts = urlsplit(feed)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(feed).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServiceUnavailableError(
            f"The feed file {path.name} cannot be read ({error.strerror}); check its path.",
            service=VENDOR.label,
        ) from error


def _host(feed: str) -> str:
    """Return what a feed is called: its host, or its file's name. An address may hold a key."""
    parts = urlsplit(feed)
    return parts.hostname or Path(parts.path).name


def _keys_of(query: str) -> list[str]:
    """Return values of an address that are long enough to be a subscriber's key."""
    values = [pair.partition("=")[2] for pair in query.split("&")]
    return [value for value in values if len(value) >= 16]


def _identity(item: Mapping[str, Any], title: Any, published: Any) -> str | None:
    """Return the entry's own identity, with its host where it is no address; else one of its content."""
    own = item.get("id") or item.get("link")
    if isinstance(own, str) and own.strip():
        text = own.strip() if own.strip().startswith("http") else f"{item.get('host', '')}/{own.strip()}"
        return text if len(text) <= _LONGEST_IDENTITY else sha256(text.encode()).hexdigest()[:32]
    if title is None:
        return None
    return sha256(f"{item.get('host', '')} {published} {title}".encode()).hexdigest()[:32]
