"""RSS 0.9 to 2.0, RSS 1.0 (RDF) and Atom documents as entries, read without believing them.

A feed is a stranger's file: entities and external references are refused (they can read files, call other
hosts, or grow to gigabytes), and a document has a largest size.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from workbench.errors import ServiceAnswerError

Entry = Mapping[str, Any]

LARGEST_DOCUMENT = 8 * 2**20
_MOST_ENTRIES = 5_000
_ROOTS = frozenset({"rss", "rdf", "feed"})
_TICKERS = frozenset({"ticker", "tickers", "stocksymbol", "symbol", "symbols"})
# Names of HTML that XML does not know, and ampersands that were never escaped: feeds have both.
_LOOSE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)(?:(\w{2,31});)?")
_FOR_TICKERS = re.compile("ticker|symbol|stock", re.IGNORECASE)
_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["']""")


def read_feed(content: bytes, *, label: str) -> Sequence[Entry]:
    """Return the entries of a feed: id, title, link, date, updated, summary, author, tickers, as they stand.

    Parameters
    ----------
    content : bytes
        The document, in the encoding that it declares.
    label : str
        What it is called in an error.

    Raises
    ------
    ServiceAnswerError
        If it is no feed, is too large, ends in the middle, or has entities of its own.
    """
    if len(content) > LARGEST_DOCUMENT:
        raise _refused(label, f"is larger than {LARGEST_DOCUMENT // 2**20} MB")
    try:
        root = _root_of(content.strip())
    except DefusedXmlException as error:
        raise _refused(label, "has entities or external references, which are never followed") from error
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise _refused(label, "is no whole XML document") from error
    if _name(root) not in _ROOTS:
        raise _refused(label, f"is no RSS or Atom, but <{_name(root)[:20]}>")
    return [
        _entry(element)
        for element, _ in zip(
            (each for each in root.iter() if _name(each) in ("item", "entry")),
            range(_MOST_ENTRIES),
            strict=False,
        )
    ]


def _refused(label: str, why: str) -> ServiceAnswerError:
    return ServiceAnswerError(f"{label} {why}; nothing was taken from it.", service="RSS")


def _root_of(content: bytes) -> Element:
    try:
        return cast(Element, fromstring(content))
    except ParseError:
        declared = _DECLARED.match(content)
        text = content.decode(declared.group(1).decode() if declared else "utf-8", errors="strict")
        repaired = _LOOSE.sub(_escaped, text.lstrip("\ufeff"))
        if repaired == text:
            raise
        without = re.sub(r"^<\?xml[^>]*\?>", "", repaired)
        return cast(Element, fromstring(without.encode()))


def _escaped(match: re.Match[str]) -> str:
    name = match.group(1)
    letter = html.unescape(f"&{name};") if name else None
    if letter is None or letter.startswith("&"):
        return "&amp;" + match.group(0)[1:]
    return html.escape(letter)


def _name(element: Element) -> str:
    """Return the name of an element without its namespace, in lower case."""
    return str(element.tag).rpartition("}")[2].lower()


def _entry(element: Element) -> Entry:
    parts: dict[str, list[Element]] = {}
    for child in element:
        parts.setdefault(_name(child), []).append(child)
    return {
        "id": _first(parts, "guid", "id"),
        "title": _first(parts, "title"),
        "link": _link(parts),
        "date": _first(parts, "pubdate", "published", "date", "issued", "created", "updated", "modified"),
        "updated": _first(parts, "updated", "modified"),
        "summary": _first(parts, "description", "summary", "encoded", "content"),
        "author": _author(parts),
        "tickers": _tickers(parts),
    }


def _first(parts: Mapping[str, Sequence[Element]], *names: str) -> str | None:
    for name in names:
        for element in parts.get(name, ()):
            text = "".join(element.itertext()).strip()
            if text:
                return text
    return None


def _link(parts: Mapping[str, Sequence[Element]]) -> str | None:
    """Return the address of an entry: the text of RSS, the alternate of Atom, a guid that is an address."""
    links = parts.get("link", ())
    for element in links:
        address = (element.text or "").strip()
        if not address and element.get("rel", "alternate") == "alternate":
            address = element.get("href", "").strip()
        if address.startswith(("http://", "https://")):
            return address
    guid = _first(parts, "guid")
    is_address = guid is not None and guid.startswith(("http://", "https://"))
    return guid if is_address and parts["guid"][0].get("isPermaLink", "true") == "true" else None


def _author(parts: Mapping[str, Sequence[Element]]) -> str | None:
    for element in parts.get("author", ()):
        for child in element:
            if _name(child) == "name" and (child.text or "").strip():
                return (child.text or "").strip()
    return _first(parts, "creator", "author")


def _tickers(parts: Mapping[str, Sequence[Element]]) -> list[str]:
    """Return tickers of elements that are made for them, and of categories whose domain says so."""
    texts = ["".join(element.itertext()) for name in _TICKERS for element in parts.get(name, ())]
    texts += [
        element.get("term") or "".join(element.itertext())
        for element in parts.get("category", ())
        if re.search(
            "ticker|symbol|stock", f"{element.get('domain', '')} {element.get('scheme', '')}", re.IGNORECASE
        )
    ]
    return [part.strip().upper() for text in texts for part in re.split(r"[,;\s]+", text) if part.strip()]
