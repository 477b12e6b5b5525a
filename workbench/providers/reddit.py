"""Reddit: posts of the subreddits that the settings name, or that hold a ticker."""

import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.market.news import symbols_in
from workbench.providers.base import Day
from workbench.providers.periods import Period, period_of
from workbench.providers.report_dates import whom
from workbench.providers.stories import (
    Record,
    StoryProvider,
    is_past,
    summary_of,
    text_of,
    time_of,
    trimmed,
)
from workbench.redaction import remember_secret
from workbench.settings import RedditSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Credential, Keys, Vendor, require_keys

VENDOR = Vendor(
    name="reddit",
    label="Reddit",
    credentials=(
        Credential("client_id", "Client id", secret=False),
        Credential("client_secret", "Client secret"),
        Credential("username", "Reddit user who answers for the app", secret=False, required=False),
    ),
    kinds=("news",),
    help_url="https://www.reddit.com/prefs/apps",
    connect_hint="Make an app of the type script; commercial use needs a contract with Reddit.",
)

# A hundred calls a minute for each client, averaged over ten.
_RATES = {"default": (Rate(100, 60),), "token": (Rate(6, 60),)}
_POSTS = 100
# A listing reaches back about a thousand posts, whatever is asked.
_LAST_PAGE = 12
_FULLNAME = re.compile(r"t\d_[0-9a-z]{1,16}")
_GONE = ("[deleted]", "[removed]")
_CAPITALS = re.compile(r"[A-Z]{2,5}(?:\.[A-Z])?")
_SUBREDDIT = re.compile(r"\w{2,32}")


class RedditProvider(StoryProvider):
    """Posts of Reddit; their votes and comments are not kept, as they change for ever.

    Parameters
    ----------
    settings : RedditSettings
        Addresses, and the subreddits that are read.
    keys : mapping or None
        ``client_id`` and ``client_secret``; ``username`` stands in the name by which Reddit knows the caller.
    transport : Transport
        The desk's one way to the outside.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)
    kind = "post"
    names_symbols = False

    def __init__(self, settings: RedditSettings, keys: Keys | None, transport: Transport) -> None:
        super().__init__()
        self._settings = settings
        self._keys = keys
        self._transport = transport
        self._client: HttpClient | None = None
        self._sign_in: HttpClient | None = None
        self._token = ""
        self._lock = threading.Lock()

    # -- client ------------------------------------------------------------------------------------------

    def check(self) -> str:
        """Return what the keys may read, by the cheapest call that proves it."""
        self._listing({"limit": 1})
        return f"posts of {', '.join(self._settings.subreddits)}"

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return posts of a period, newest thousand at most, of some symbols or all.

        A post is about the tickers that it names as such, ``$AAPL`` or ``(NASDAQ: AAPL)``, and about those
        asked for that stand in it in capitals.

        Raises
        ------
        IncompleteAnswerError
            If a later page fails; it holds the posts of those before.
        """
        period = period_of(start, end)
        return self._stories(
            self._pages(symbols, period), asked=f"posts {whom(symbols)}", symbols=symbols, period=period
        )

    # -- calls -------------------------------------------------------------------------------------------

    def _listing(self, params: Mapping[str, Any], query: str | None = None) -> Mapping[str, Any]:
        client = self._connected()
        groups = "+".join(name for name in self._settings.subreddits if _SUBREDDIT.fullmatch(name))
        # raw_json: text comes as it was written, not as HTML.
        wanted = {**params, "raw_json": 1}
        if query is None:
            answer = client.get_json(f"/r/{groups}/new", wanted)
        else:
            answer = client.get_json(
                f"/r/{groups}/search", {**wanted, "q": query, "restrict_sr": 1, "sort": "new", "t": "all"}
            )
        listing = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(listing, Mapping) or not isinstance(listing.get("children"), list):
            raise ServiceAnswerError(
                f"{self.label} answered something that is no listing.", service=self.label
            )
        return listing

    def _connected(self) -> HttpClient:
        keys = require_keys(VENDOR, self._keys)
        if self._client is None:
            self._client = self._transport.client(
                self._settings.rest_url,
                service=self.name,
                label=self.label,
                headers=self._headers,
                rates=_RATES,
                secrets=(keys["client_secret"],),
                renew=self._renewed,
            )
        with self._lock:
            if not self._token:
                self._token = self._new_token()
        return self._client

    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"bearer {self._token}", "User-Agent": self._agent()}

    def _agent(self) -> str:
        # Reddit throttles names that do not say who calls; its form is platform:app:version (by /u/user).
        user = (self._keys or {}).get("username", "").strip().removeprefix("/u/").removeprefix("u/")
        return f"python:workbench-desk:{version('workbench-desk')} (by /u/{user or 'workbench-desk'})"

    def _renewed(self) -> bool:
        with self._lock:
            self._token = self._new_token()
        return True

    def _new_token(self) -> str:
        keys = require_keys(VENDOR, self._keys)
        pair = f"{keys['client_id']}:{keys['client_secret']}".encode()
        address, _, path = self._settings.token_url.partition("://")[2].partition("/")
        scheme = self._settings.token_url.partition("://")[0]
        if self._sign_in is None:
            self._sign_in = self._transport.client(
                f"{scheme}://{address}",
                service=self.name,
                label=self.label,
                rates=_RATES,
                secrets=(keys["client_secret"], b64encode(pair).decode()),
            )
        headers = {"Authorization": f"Basic {b64encode(pair).decode()}", "User-Agent": self._agent()}
        # A token may be asked for twice: the second one is as good as the first.
        answer = self._sign_in.post_form(
            f"/{path}", {"grant_type": "client_credentials"}, headers=headers, bucket="token", safe=True
        )
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise ServiceAnswerError(
                f"{self.label} answered the sign-in without a token.", service=self.label
            )
        remember_secret(token)
        return token

    def _pages(self, symbols: Sequence[str] | None, period: Period) -> Iterator[Sequence[Any]]:
        for query in [None] if symbols is None else [_query(symbol) for symbol in dict.fromkeys(symbols)]:
            yield from self._listings(query, period)

    def _listings(self, query: str | None, period: Period) -> Iterator[Sequence[Any]]:
        after: str | None = None
        seen: set[str] = set()
        for _ in range(_LAST_PAGE):
            listing = self._listing({"limit": _POSTS, **({"after": after} if after else {})}, query)
            children = listing["children"]
            posts = [_post_of(child) for child in children]
            yield [post for post in trimmed(posts, "created_utc", period) if _is_of_interest(post)]
            after = listing.get("after")
            if after is None or is_past(posts, "created_utc", period):
                return
            if not isinstance(after, str) or not _FULLNAME.fullmatch(after) or after in seen:
                raise ServiceAnswerError(
                    f"{self.label} named no next page, or one that was read; what had come is kept.",
                    service=self.label,
                )
            seen.add(after)

    # -- translation -------------------------------------------------------------------------------------

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        title, body = item.get("title"), item.get("selftext")
        body = None if body in _GONE else body
        author = None if item.get("author") in _GONE else item.get("author")
        link = item.get("permalink")
        created, edited = item.get("created_utc"), item.get("edited")
        was_edited = isinstance(edited, (int, float)) and edited is not True and edited > 0
        told = symbols_in(f"{title} {body or ''}")
        capitals = set(_CAPITALS.findall(f"{title} {body or ''}"))
        return {
            "source_id": item.get("name"),
            "time": time_of(created),
            "updated_at": time_of(edited if was_edited else created),
            "headline": text_of(title),
            "summary": summary_of(body),
            "url": f"https://www.reddit.com{link}"
            if isinstance(link, str) and link.startswith("/")
            else None,
            "author": text_of(author),
            "symbols": list(dict.fromkeys([*(each for each in wanted if each in capitals), *told])),
        }


def _query(symbol: str) -> str:
    return f'"{symbol}"'


def _post_of(child: Any) -> Any:
    """Return what a child of a listing holds; comments and adverts are not posts."""
    return (
        child.get("data") if isinstance(child, Mapping) and isinstance(child.get("data"), Mapping) else child
    )


def _is_of_interest(post: Any) -> bool:
    """Leave out what moderators took away, and what is pinned for months."""
    if not isinstance(post, Mapping):
        return True
    return not (post.get("removed_by_category") or post.get("stickied") is True or post.get("title") in _GONE)
