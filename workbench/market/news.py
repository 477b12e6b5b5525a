"""News as records: plain text, one address for one page, the symbols that a text names, and one row a story.

The same story reaches a desk through several services. It is one story where the address is the same, or
where the headline is and the hours are near; its earliest row stands for it.
"""

import re
import unicodedata
from collections.abc import Iterable
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError, DataFormatError

# How far apart services publish one story, and how long an address is that of the same story.
SAME_HEADLINE_HOURS = 6.0
SAME_PAGE_DAYS = 3.0
# Shorter headlines ("Market wrap") are shared by stories that are not the same.
_TELLING_WORDS = 4
_LONGEST_TEXT = 20_000
_TRACKING = re.compile(
    r"(utm_.*|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|yclid|cmpid|cid|ncid|ref|ref_src|referrer|source"
    r"|src|guccounter|guce_.*|sref|mod|smid|partner|taid|feature|ns_.*|at_.*|__twitter_impression)",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"^\s*(?:(?:update|correct(?:ed|ion)|refile|wrapup|breaking(?: news)?|exclusive|just in|live|alert|brief)"
    r"\s*\d*\s*[-:–—]\s*)+",
    re.IGNORECASE,
)
_PUBLISHER = re.compile(
    r"\s+[-|–—]\s+((?:[A-Z][\w.'&]*|of|the|and)(?:\s+(?:[A-Z][\w.'&]*|of|the|and)){0,3})\s*$"
)
_EXCHANGES = (
    r"NYSE(?:\s?(?:American|Arca|MKT))?|NASDAQ|Nasdaq(?:GS|GM|CM)?|AMEX|CBOE|BATS|OTC(?:MKTS|QB|QX|PK)?"
)
_LISTED = re.compile(rf"\(?\b(?:{_EXCHANGES})\s*:\s*([A-Z]{{1,5}}(?:[.\-/][A-Z]{{1,2}})?)\b")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5}(?:[.\-][A-Za-z]{1,2})?)\b(?![\w$])")
_CLASS = re.compile(r"([A-Z]{1,5})[-/.]([A-Z])")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}(?:[.\-/][A-Z0-9]{1,2})?")


class _Text(HTMLParser):
    """Collects what a browser would show of a piece of HTML."""

    _SILENT = frozenset({"script", "style", "template", "noscript", "head", "title", "svg", "iframe"})
    _BREAKS = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "td"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin what is not shown, or a new line."""
        if tag in self._SILENT:
            self._silent.append(tag)
        elif tag in self._BREAKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """End what is not shown, or a line."""
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        elif tag in self._BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._silent:
            self.parts.append(data)


def plain_text(text: object) -> str | None:
    """Return the text of a piece of HTML or of a plain text, on one line; None where there is none.

    Text from outside is data: scripts and styles go, control characters and marks that turn the direction
    of writing go too.

    Examples
    --------
    >>> plain_text("<p>AT&amp;T <b>rises</b></p><script>x()</script>")
    'AT&T rises'
    """
    if not isinstance(text, str):
        return None
    text = text[:_LONGEST_TEXT]
    if "<" in text:
        reader = _Text()
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    elif "&" in text:
        text = unescape(text)
    # Cc are control characters, Cf among them those that turn the direction; a joined emoji keeps its joiner.
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in text
        if letter == "\u200d" or unicodedata.category(letter) not in ("Cf", "Cs", "Co")
    )
    return " ".join(kept.split()) or None


def canonical_url(url: object) -> str | None:
    """Return one address for one page: no tracking, no fragment, https, host without www; None for none.

    Examples
    --------
    >>> canonical_url("http://WWW.Example.com:80/a/?utm_source=x&b=2&a=1#top")
    'https://example.com/a?a=1&b=2'
    """
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host:
        return None
    address = host if port in (None, 80, 443) else f"{host}:{port}"
    path = quote(unquote(parts.path), safe="/:@!$&'()*+,;=~-._").rstrip("/")
    kept = sorted(
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.fullmatch(name)
    )
    return urlunsplit(("https", address, path, urlencode(kept), ""))


def headline_key(headline: object) -> str:
    """Return what two headlines of one story share: words alone, without "UPDATE 1-" and "- Publisher".

    Examples
    --------
    >>> headline_key("UPDATE 2-Acme’s profit rises 5% in third quarter - Daily News")
    'acmes profit rises 5 in third quarter'
    """
    if not isinstance(headline, str):
        return ""
    text = _PREFIX.sub("", unicodedata.normalize("NFKC", headline))
    shorter = _PUBLISHER.sub("", text)
    if len(shorter.split()) > _TELLING_WORDS:
        text = shorter
    text = re.sub(r"['’‘`]", "", text.casefold())
    return " ".join(re.findall(r"\w+", text))


def symbols_in(text: object) -> list[str]:
    """Return the tickers that a text names as such: ``$ABC`` and ``(NYSE: ABC)``, in their order, once each.

    A bare word in capitals is no ticker: "IT", "ON" and "ALL" are listed too.

    Examples
    --------
    >>> symbols_in("Acme (NYSE: ACM) and $brk.b; costs $5, US and IT")
    ['ACM', 'BRK.B']
    """
    if not isinstance(text, str):
        return []
    found = [
        (match.start(1), match.group(1).upper().replace("/", ".").replace("-", "."))
        for pattern in (_LISTED, _CASHTAG)
        for match in pattern.finditer(text[:_LONGEST_TEXT])
    ]
    return list(dict.fromkeys(symbol for _, symbol in sorted(found)))


def ticker_of(text: str) -> str:
    """Return a ticker as the desk writes it: capitals, no dollar sign, classes of shares with a dot.

    Examples
    --------
    >>> ticker_of("$aapl"), ticker_of("BRK/B"), ticker_of("BRK-B")
    ('AAPL', 'BRK.B', 'BRK.B')
    """
    plain = text.strip().upper().removeprefix("$")
    found = _CLASS.fullmatch(plain)
    return f"{found.group(1)}.{found.group(2)}" if found else plain


def join_symbols(symbols: Iterable[object]) -> str | None:
    """Return tickers as the column `symbols` holds them, once each, as in "AAPL,MSFT"; None for none.

    Texts that cannot be a ticker are left out.
    """
    named = (ticker_of(each) for each in symbols if isinstance(each, str))
    return ",".join(dict.fromkeys(each for each in named if _SYMBOL.fullmatch(each))) or None


def split_symbols(symbols: object) -> list[str]:
    """Return the tickers of a value of the column `symbols`."""
    return [each for each in symbols.split(",") if each] if isinstance(symbols, str) else []


def unique_stories(frame: pd.DataFrame, *, hours: float = SAME_HEADLINE_HOURS) -> pd.DataFrame:
    """Return one row a story, where services carried the same one.

    Rows with one (source, source_id) are one; then rows with one canonical address within three days; then
    rows whose headlines have the same words, at least four, within `hours` of each other. Posts of different
    people are never one story, whatever they say.

    Parameters
    ----------
    frame : DataFrame
        Columns of `schemas.NEWS` and `source`.
    hours : float
        How far apart the same headline may be published.

    Returns
    -------
    DataFrame
        The earliest row of each story, in order of time, its `symbols` those of all; `sources` (in order
        of appearance, separated by commas) and `copies`, the number of rows behind it.

    Raises
    ------
    ArgumentError
        If `hours` is negative.
    DataFormatError
        If a column is missing.
    """
    if not hours >= 0:
        raise ArgumentError(f"`hours` is {hours}; give zero or more.")
    absent = [
        name for name in ("source", "source_id", "time", "headline", "url", "symbols") if name not in frame
    ]
    if absent:
        raise DataFormatError(f"The frame has no column `{absent[0]}`; news need it.")
    rows = frame.drop_duplicates(["source", "source_id"], keep="last")
    rows = rows.sort_values(["time", "source", "source_id"], ignore_index=True)
    story = _stories(rows, hours)
    groups = rows.groupby(story, sort=True)
    kept = rows.loc[groups.head(1).index].reset_index(drop=True)
    several = groups.size().to_numpy() > 1
    kept["symbols"] = _unions(rows["symbols"], groups, kept["symbols"], several)
    kept["sources"] = _unions(rows["source"], groups, kept["source"], several, separator=", ")
    kept["copies"] = groups.size().to_numpy()
    return kept


def _stories(rows: pd.DataFrame, hours: float) -> np.ndarray:
    """Return for each row, in order of time, the position of the first row of its story."""
    root = np.arange(len(rows))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    is_post = rows["kind"].eq("post") if "kind" in rows else pd.Series(False, index=rows.index)
    keys = rows["headline"].map(headline_key).where(~is_post, "")
    telling = keys.str.count(" ") >= _TELLING_WORDS - 1
    pages = rows["url"].map(canonical_url).where(~is_post)
    for key, within in (
        (pages, pd.Timedelta(days=SAME_PAGE_DAYS)),
        (keys.where(telling), pd.Timedelta(hours=hours)),
    ):
        shared = key[key.notna() & key.duplicated(keep=False)]
        for places in shared.groupby(shared).groups.values():
            times = rows["time"].loc[places]
            for before, after in pairwise(places):
                if times[after] - times[before] <= within:
                    one, other = sorted((find(before), find(after)))
                    root[other] = one
    return np.array([find(place) for place in range(len(rows))], dtype=np.int64)


def _unions(
    values: "pd.Series[str]",
    groups: object,
    first: "pd.Series[str]",
    several: np.ndarray,
    separator: str = ",",
) -> "pd.Series[str]":
    """Return the first value of each group, and for groups of several rows all of theirs, once each."""
    union = first.astype(object).to_numpy().copy()
    for place, indices in enumerate(groups.groups.values()):  # type: ignore[attr-defined]
        if several[place]:
            parts = [part for value in values.loc[indices] for part in split_symbols(value)]
            union[place] = separator.join(dict.fromkeys(parts)) or None
    return pd.Series(union, index=first.index).astype("str").where(lambda text: text.notna())
