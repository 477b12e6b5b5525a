"""Stories and posts of services as rows: what each says is brought into one record, then read and checked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import IncompleteAnswerError, ServiceAnswerError
from workbench.market.news import join_symbols, plain_text, ticker_of
from workbench.market.schemas import NEWS, check_news
from workbench.providers.answers import Field, read_rows
from workbench.providers.network import NetworkProvider
from workbench.providers.periods import Period
from workbench.providers.story_times import story_time

Record = Mapping[str, Any]
# So many pages in a row without anything new are a circle.
IDLE_PAGES = 3
_SUMMARY_LENGTH = 2_000
_FIELDS = (
    Field("source_id", "source_id", "text"),
    Field("time", "time", "iso"),
    Field("updated_at", "updated_at", "iso"),
    Field("headline", "headline", "text"),
    Field("summary", "summary", "text"),
    Field("url", "url", "text"),
    Field("author", "author", "text"),
    Field("symbols", "symbols", "text"),
    Field("sentiment", "sentiment"),
    Field("scorer", "scorer", "text"),
)


class StoryProvider(NetworkProvider):
    """The base of providers of news: reads records into rows, follows pages, sets aside what lies."""

    kind = "news"
    # Whether the service itself names tickers. Where it does not, what a search finds beside the point is
    # no lie, and is left out.
    names_symbols = True

    def _record(self, item: Record, wanted: Sequence[str]) -> Record:
        """Return a service's item under our names: `_FIELDS`, with `symbols` as a list.

        `wanted` are the symbols that were asked for, none where all were.
        """
        raise NotImplementedError

    def _stories(
        self,
        pages: Iterable[Sequence[Any]],
        *,
        asked: str,
        symbols: Sequence[str] | None,
        period: Period,
    ) -> pd.DataFrame:
        """Read pages of items; see `NetworkProvider._gathered` for answers that break off."""
        lines = 0

        def read(items: Sequence[Any], number: int) -> pd.DataFrame:
            nonlocal lines
            rows = self._page(items, f"{asked}, page {number}", symbols, period, first_line=lines + 1)
            lines += len(items)
            return rows

        try:
            return in_order(self._gathered(pages, read, NEWS))
        except IncompleteAnswerError as error:
            error.rows = in_order(error.rows)
            raise

    def _page(
        self,
        items: Sequence[Any],
        what: str,
        symbols: Sequence[str] | None,
        period: Period,
        *,
        first_line: int,
    ) -> pd.DataFrame:
        wanted = list(dict.fromkeys(symbols or ()))
        records: list[Any] = []
        for line, item in enumerate(items, start=first_line):
            record = dict(self._record(item, wanted)) if isinstance(item, Mapping) else item
            if isinstance(record, dict):
                named = [ticker_of(each) for each in record.get("symbols") or ()]
                if wanted and not set(named) & set(wanted):
                    if not self.names_symbols:
                        continue
                    about = next(iter(named), "")
                    reason = "nobody asked for this symbol" if about else "it names no symbol asked for"
                    self._set_aside(what, reason, line=line, symbol=about, text=str(record.get("headline")))
                    continue
                record["symbols"] = join_symbols(named)
            records.append(record)
        answer = read_rows(
            records,
            _FIELDS,
            NEWS,
            check_news,
            constants={"kind": self.kind},
            start=period.start,
            end=period.end,
            first_line=first_line,
        )
        return self._keep(answer, what)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by time, of each item the version changed last."""
    newest = rows.sort_values(["updated_at"], kind="stable", na_position="first")
    kept = newest.drop_duplicates("source_id", keep="last")
    return kept.sort_values(["time", "source_id"], ignore_index=True)


def text_of(value: Any, *, longest: int | None = None) -> Any:
    """Return text without markup; what is no text is left for the reader to refuse."""
    if not isinstance(value, str):
        return value
    plain = plain_text(value)
    if plain is not None and longest is not None and len(plain) > longest:
        return plain[:longest].rsplit(" ", maxsplit=1)[0] + " …"
    return plain


def summary_of(value: Any) -> Any:
    """Return a paragraph without markup, shortened where it is a whole article."""
    return text_of(value, longest=_SUMMARY_LENGTH)


def time_of(value: Any) -> Any:
    """Return a date in ISO form; what cannot be read is left for the reader to refuse."""
    return story_time(value) if isinstance(value, (str, int, float)) else value


def names_of(items: Any, field: str) -> list[str]:
    """Return a field of each mapping in a list, as ``[{"name": "AAPL"}]`` gives AAPL."""
    if not isinstance(items, list):
        return []
    return [item[field] for item in items if isinstance(item, Mapping) and isinstance(item.get(field), str)]


def moment_of(item: Any, field: str) -> pd.Timestamp | None:
    """Return the instant in a field of an item, None where there is none that can be read."""
    value = time_of(item.get(field)) if isinstance(item, Mapping) else None
    moment = pd.to_datetime(value, utc=True, errors="coerce") if isinstance(value, str) else None
    return None if moment is None or pd.isna(moment) else moment


def trimmed(items: Sequence[Any], field: str, period: Period) -> Sequence[Any]:
    """Leave out what a page holds before and after the period, where pages do not end with it.

    Only both ends are cut: something in the middle that is out of the order of time is left to the reader,
    which sets it aside.
    """

    def is_outside(item: Any) -> bool:
        moment = moment_of(item, field)
        return moment is not None and bool(
            (period.start is not None and moment < period.start)
            or (period.end is not None and moment > period.end)
        )

    first, last = 0, len(items)
    while first < last and is_outside(items[first]):
        first += 1
    while last > first and is_outside(items[last - 1]):
        last -= 1
    return items[first:last]


def is_past(items: Sequence[Any], field: str, period: Period) -> bool:
    """Tell whether a page, newest first, ends before the period; one lying date does not decide it."""
    moments = [moment for moment in (moment_of(item, field) for item in items) if moment is not None]
    start = period.start
    return start is not None and bool(moments) and all(moment < start for moment in moments[-3:])


def numbered_pages(
    page: Callable[[int], Sequence[Any]], *, size: int, first: int, last: int, label: str
) -> Iterable[Sequence[Any]]:
    """Yield pages that are asked for by number until one is not full.

    Raises
    ------
    ServiceAnswerError
        If full pages bring nothing new, or come past the last that the service gives.
    """
    seen: set[str] = set()
    idle = 0
    for number in range(first, last + 1):
        items = page(number)
        yield items
        if len(items) < size:
            return
        before = len(seen)
        seen.update(repr(item) for item in items)
        idle = idle + 1 if len(seen) == before else 0
        if idle >= IDLE_PAGES:
            raise ServiceAnswerError(
                f"{label} repeats its pages without an end; what they held is kept. Ask for less.",
                service=label,
            )
    raise ServiceAnswerError(
        f"{label} gives no more than {(last + 1 - first) * size:,} stories to one question; ask for a "
        "shorter period or fewer symbols.",
        service=label,
    )


def batches(symbols: Sequence[str], size: int) -> list[list[str]]:
    """Return symbols in groups of at most `size`, in order, once each."""
    unique = list(dict.fromkeys(symbols))
    return [unique[place : place + size] for place in range(0, len(unique), size)]
