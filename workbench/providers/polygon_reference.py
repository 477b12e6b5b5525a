"""Polygon's reference data as rows of the desk: splits, dividends, news and treasury yields."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import NEWS, RATES, check_news, check_rates, quarantined_rows
from workbench.providers.answers import Answer, Field, read_rows
from workbench.providers.periods import Period
from workbench.redaction import redact
from workbench.vendors.polygon import our_symbol

_SENTIMENTS = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
SCORER = "Massive news insights"
CURVE = "USD treasury"
_TENORS: Mapping[str, float] = {
    "yield_1_month": 1 / 12,
    "yield_3_month": 0.25,
    "yield_6_month": 0.5,
    "yield_1_year": 1.0,
    "yield_2_year": 2.0,
    "yield_3_year": 3.0,
    "yield_5_year": 5.0,
    "yield_7_year": 7.0,
    "yield_10_year": 10.0,
    "yield_20_year": 20.0,
    "yield_30_year": 30.0,
}


def actions_from_splits(records: Sequence[Any], *, symbol: str, period: Period) -> Answer:
    """Translate splits into new shares for one old.

    Parameters
    ----------
    records : sequence
        The `results` of all pages.
    symbol : str
        The desk's symbol.
    period : Period
        That was asked for.

    Returns
    -------
    Answer
        `good` with symbol, ex_date, kind and value.
    """

    def value(record: Mapping[str, Any]) -> float:
        return _positive(record, "split_to") / _positive(record, "split_from")

    return _actions(records, "split", ("execution_date",), value, symbol, period)


def actions_from_dividends(records: Sequence[Any], *, symbol: str, period: Period) -> Answer:
    """Translate dividends into dollars per share; those of one date, as a special beside a regular, add up.

    Parameters
    ----------
    records : sequence
        The `results` of all pages.
    symbol : str
        The desk's symbol.
    period : Period
        That was asked for.
    """

    def value(record: Mapping[str, Any]) -> float:
        currency = str(record.get("currency") or "USD").upper()
        if currency != "USD":
            raise ValueError(f"paid in {currency}, and prices are in USD")
        return _positive(record, "cash_amount")

    answer = _actions(records, "dividend", ("ex_dividend_date",), value, symbol, period)
    if answer.good.empty:
        return answer
    by_date = answer.good.groupby(["symbol", "ex_date", "kind"])["value"].sum()
    return answer._replace(good=by_date.reset_index())


def _actions(
    records: Sequence[Any],
    kind: str,
    dates: tuple[str, ...],
    value: Callable[[Mapping[str, Any]], float],
    symbol: str,
    period: Period,
) -> Answer:
    rows: dict[Any, tuple[str, pd.Timestamp, str, float]] = {}
    bad: list[tuple[int, str, str, str]] = []
    for line, record in enumerate(records, start=1):
        try:
            if not isinstance(record, Mapping):
                raise ValueError(f"a record was expected, not {type(record).__name__}")
            told = record.get("ticker")
            if told is not None and our_symbol(str(told)) != symbol:
                raise ValueError("nobody asked for this symbol")
            date = _date(record, dates)
            stamp = date.tz_localize("UTC")
            if (period.start is not None and stamp < period.start.normalize()) or (
                period.end is not None and stamp > period.end
            ):
                raise ValueError("its date is outside the period that was asked for")
            found = (symbol, date, kind, value(record))
        except ValueError as error:
            told = record.get("ticker") if isinstance(record, Mapping) else None
            bad.append((line, str(told or symbol), str(error), redact(str(record))[:300]))
        else:
            # Without an identity of the service two equal rows are one that came twice.
            rows[str(record.get("id") or (*found, record.get("dividend_type")))] = found
    good = pd.DataFrame(rows.values(), columns=["symbol", "ex_date", "kind", "value"]) if rows else None
    if good is None:
        return Answer(no_actions(), quarantined_rows(bad))
    typed = good.astype({"symbol": "str", "ex_date": "datetime64[us]", "kind": "str", "value": "float64"})
    return Answer(typed, quarantined_rows(bad))


def _date(record: Mapping[str, Any], names: tuple[str, ...]) -> pd.Timestamp:
    for name in names:
        if isinstance(record.get(name), str):
            try:
                stamp = pd.Timestamp(record[name])
            except ValueError:
                break
            if not pd.isna(stamp):
                return stamp.tz_localize(None).normalize()
    raise ValueError(f"`{names[0]}` is {record.get(names[0])!r}, no date")


def _positive(record: Mapping[str, Any], name: str) -> float:
    value = record.get(name)
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"`{name}` is {value!r:.60}; it must be positive")
    return number


def news_from_articles(
    records: Sequence[Any], *, symbol: str | None, period: Period, first_line: int = 1
) -> Answer:
    """Translate articles; the sentiment is the mean of what the vendor says about each company in it.

    Parameters
    ----------
    records : sequence
        The `results` of a page.
    symbol : str or None
        The desk's symbol that was asked for; articles that do not name it are set aside.
    period : Period
        That was asked for.
    first_line : int
        Line of the first record.

    References
    ----------
    massive.com/docs/rest/stocks/news.
    """
    fields = [
        Field("source_id", "id", "text"),
        Field("time", "published_utc", "iso"),
        Field("headline", "title", "text"),
        Field("summary", "description", "text"),
        Field("url", "article_url", "text"),
        Field("author", ("author", "publisher.name"), "text"),
        Field("symbols", "desk_symbols", "text"),
        Field("sentiment", "desk_sentiment"),
        Field("scorer", "desk_scorer", "text"),
    ]
    told = [_with_symbols(record) if isinstance(record, Mapping) else record for record in records]
    answer = read_rows(
        told, fields, NEWS, check_news, constants={"kind": "news"},
        start=period.start, end=period.end, first_line=first_line,
    )  # fmt: skip
    if symbol is None:
        return answer
    named = answer.good["symbols"].str.split(",").map(lambda tickers: symbol in tickers).astype(bool)
    stray = answer.good[~named]
    rows = [
        (0, str(row.symbols), "nobody asked for these symbols", redact(f"{row.source_id}: {row.headline}"))
        for row in stray.itertuples()
    ]
    return Answer(
        answer.good[named].reset_index(drop=True),
        pd.concat([answer.bad, quarantined_rows(rows)], ignore_index=True) if rows else answer.bad,
    )


def _with_symbols(record: Mapping[str, Any]) -> dict[str, Any]:
    tickers, insights = record.get("tickers"), record.get("insights")
    said = [
        _SENTIMENTS[word]
        for insight in (insights if isinstance(insights, list) else [])
        if isinstance(insight, Mapping) and (word := str(insight.get("sentiment")).lower()) in _SENTIMENTS
    ]
    names = [our_symbol(str(ticker)) for ticker in tickers] if isinstance(tickers, list) else []
    return {
        **record,
        "desk_symbols": ",".join(dict.fromkeys(names)),
        "desk_sentiment": sum(said) / len(said) if said else None,
        "desk_scorer": SCORER if said else "",
    }


def rates_from_yields(records: Sequence[Any], *, period: Period, first_line: int = 1) -> Answer:
    """Translate treasury yields, per cent a year with two coupons, into continuously compounded rates.

    They are par yields of constant maturity: the rate of a coupon bond at par, not a zero rate.

    Parameters
    ----------
    records : sequence
        The `results` of a page: a date and the yields of its tenors.
    period : Period
        That was asked for.
    first_line : int
        Line of the first record.

    References
    ----------
    massive.com/docs/rest/economy/treasury-yields; US Treasury, "Treasury Yield Curve Methodology":
    bond-equivalent yields, semi-annual.
    """
    flat: list[Any] = []
    for record in records:
        tenors = [name for name in _TENORS if name in record] if isinstance(record, Mapping) else []
        if not tenors:
            flat.append(record)
        for name in tenors:
            # A tenor that was not issued that day is empty: the month before 2001, thirty years 2002-2006.
            if record[name] is not None:
                flat.append({"date": record.get("date"), "years": _TENORS[name], "yield": record[name]})
    fields = [Field("date", "date", "day"), Field("years", "years"), Field("rate", "yield")]

    def derive(frame: pd.DataFrame) -> pd.DataFrame:
        growth = (1 + frame["rate"] / 200).where(lambda value: value > 0)
        return frame.assign(rate=2 * np.log(growth))

    answer = read_rows(
        flat, fields, RATES, check_rates, constants={"curve": CURVE}, derive=derive, first_line=first_line
    )
    dates = answer.good["date"].dt.tz_localize("UTC")
    inside = pd.Series(True, index=dates.index)
    if period.start is not None:
        inside &= dates >= period.start.normalize()
    if period.end is not None:
        inside &= dates <= period.end
    rows = [
        (0, "", "its date is outside the period that was asked for", f"{row.date:%Y-%m-%d} {row.years:g}")
        for row in answer.good[~inside].itertuples()
    ]
    return Answer(
        answer.good[inside].reset_index(drop=True),
        pd.concat([answer.bad, quarantined_rows(rows)], ignore_index=True) if rows else answer.bad,
    )
