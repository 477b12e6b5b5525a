"""Alpaca's news, which are Benzinga's, as rows of the desk: pure translations, without a call."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.market.news import join_symbols, plain_text
from workbench.market.schemas import NEWS, check_news, quarantined_rows
from workbench.providers.answers import Answer, Field, read_rows
from workbench.vendors.alpaca import our_symbol, their_symbol

_NEWS_FIELDS = (
    Field("source_id", "id", "text"),
    Field("time", ("created_at", "updated_at"), "iso"),
    Field("updated_at", "updated_at", "iso"),
    Field("headline", "headline", "text", missing=("",)),
    Field("summary", "summary", "text", missing=("",)),
    Field("url", "url", "text", missing=("",)),
    Field("author", "author", "text", missing=("",)),
    Field("symbols", "our symbols", "text"),
)


def news_of(page: Mapping[str, Any]) -> list[Any]:
    """Return the records of a page of news.

    Raises
    ------
    ServiceAnswerError
        If the page holds something else.
    """
    held = page.get("news", [] if "next_page_token" in page else "nothing")
    if held is None:
        return []
    if not isinstance(held, list):
        raise ServiceAnswerError(
            f"Alpaca's answer has no list of `news`; it has {', '.join(map(str, page)) or 'nothing'}.",
            service="Alpaca",
        )
    return held


def read_news(
    records: list[Any], *, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> Answer:
    """Read news. The period is of the last change: that is what Alpaca selects and sorts by."""
    answer = read_rows(
        [_as_text(record) for record in records], _NEWS_FIELDS, NEWS, check_news, constants={"kind": "news"}
    )
    if not len(answer.good) or (start is None and end is None):
        return answer
    told = answer.good["updated_at"].fillna(answer.good["time"])
    outside = pd.Series(False, index=told.index)
    if start is not None:
        outside |= told < start
    if end is not None:
        outside |= told > end
    strangers = answer.good[outside]
    bad = [
        (0, str(row.symbols), "its time is outside the period that was asked for", str(row.headline))
        for row in strangers.itertuples()
    ]
    return Answer(
        answer.good[~outside].reset_index(drop=True),
        pd.concat([answer.bad, quarantined_rows(bad)], ignore_index=True) if bad else answer.bad,
    )


def about(answer: Answer, wanted: Sequence[str]) -> Answer:
    """Set news aside that names none of the symbols that were asked for."""
    asked = {our_symbol(their_symbol(symbol)) for symbol in wanted}
    named = answer.good["symbols"].map(
        lambda text: isinstance(text, str) and bool(asked & set(text.split(",")))
    )
    strangers = answer.good[~named.astype(bool)]
    if strangers.empty:
        return answer
    bad = quarantined_rows(
        [
            (0, str(row.symbols), "nobody asked for its symbols", str(row.headline))
            for row in strangers.itertuples()
        ]
    )
    good = answer.good[named.astype(bool)].reset_index(drop=True)
    return Answer(good, pd.concat([answer.bad, bad], ignore_index=True))


def _as_text(record: Any) -> Any:
    """Return a news record with plain text in place of markup, and the desk's symbols."""
    if not isinstance(record, Mapping):
        return record
    tickers = record.get("symbols")
    changed = {name: plain_text(record[name]) for name in ("headline", "summary") if _is_text(record, name)}
    return {**record, **changed, "our symbols": join_symbols(tickers if isinstance(tickers, list) else [])}


def _is_text(record: Mapping[str, Any], name: str) -> bool:
    return isinstance(record.get(name), str)
