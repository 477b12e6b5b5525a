"""Alpaca's answers as rows of the desk: pure translations, without a call.

An answer lists records by symbol (``{"bars": {"AAPL": [...]}}``), or of one symbol
(``{"bars": [...], "symbol": "AAPL"}``); nothing is null, an empty list or an empty mapping. Latest quotes are
one record a symbol in place of a list.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ServiceAnswerError
from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import (
    BARS,
    QUOTES,
    TRADES,
    check_bars,
    check_quotes,
    check_trades,
    quarantined_rows,
)
from workbench.providers.answers import Answer, Field, read_rows
from workbench.vendors.alpaca import our_symbol

# What `_listed` writes our symbol under; no field of Alpaca's is called so.
_SYMBOL = Field("symbol", "our symbol", "text")
_TIME = Field("time", "t", "iso")
_NOBODY = (0, "0", "0.0")
_BAR_FIELDS = (
    _SYMBOL,
    _TIME,
    Field("open", "o"),
    Field("high", "h"),
    Field("low", "l"),
    Field("close", "c"),
    Field("volume", "v"),
    Field("vwap", "vw", missing=_NOBODY),
)
_QUOTE_FIELDS = (
    _SYMBOL,
    _TIME,
    Field("sequence", "t", "iso_rest"),
    Field("bid", "bp", missing=_NOBODY),
    Field("ask", "ap", missing=_NOBODY),
    Field("bid_size", "bs"),
    Field("ask_size", "as"),
)
_TRADE_FIELDS = (
    _SYMBOL,
    _TIME,
    Field("trade_id", "our id", "text"),
    Field("price", "p"),
    Field("size", "s"),
    Field("conditions", "our conditions", "text"),
)
# Corporate actions of which the desk makes a split or a dividend; the others change what is held, not prices.
ACTION_TYPES = ("forward_split", "reverse_split", "stock_dividend", "cash_dividend")
_SPANS = ("1d", "1w", "1mo")
_EXCHANGE = "America/New_York"
# Since that day sizes of quotes of shares are shares; before, they were round lots of a hundred.
_SIZES_ARE_SHARES_SINCE = pd.Timestamp("2025-11-03", tz=_EXCHANGE)
_ROUND_LOT = 100.0


def listed(page: Mapping[str, Any], *names: str) -> list[Any]:
    """Return the records of a page, each with our symbol.

    Parameters
    ----------
    page : mapping
        One answer.
    names : str
        What the records may be under, as in ``"bars"`` and ``"bar"``.

    Raises
    ------
    ServiceAnswerError
        If none of the names is there: the answer is about something else.
    """
    name = next((each for each in names if each in page), None)
    if name is None:
        if "next_page_token" in page:
            return []
        has = ", ".join(map(str, list(page)[:8])) or "nothing"
        raise ServiceAnswerError(
            f"Alpaca's answer has no `{names[0]}`; it has {has}. Check the address in the settings.",
            service="Alpaca",
        )
    held = page[name]
    if held is None:
        return []
    if isinstance(held, list) or (name != names[0] and isinstance(held, Mapping)):
        held = {page.get("symbol"): held}
    if not isinstance(held, Mapping):
        raise ServiceAnswerError(
            f"Alpaca's `{name}` are {type(held).__name__} where records by symbol were expected.",
            service="Alpaca",
        )
    found: list[Any] = []
    for symbol, records in held.items():
        ours = our_symbol(symbol) if isinstance(symbol, str) and symbol.strip() else None
        for record in records if isinstance(records, list) else [records]:
            if isinstance(record, Mapping):
                found.append({**record, "our symbol": ours})
            elif record is not None:
                found.append(record)
    return found


def read_bars(
    records: list[Any],
    interval: str = "1d",
    *,
    symbols: Collection[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Read bars; those of days and more are dated by their session, not by midnight in New York."""
    return read_rows(
        records, _BAR_FIELDS, BARS, check_bars, symbols=symbols, start=start, end=end,
        derive=_dated_by_session if interval in _SPANS else None,
    )  # fmt: skip


def read_quotes(
    records: list[Any],
    *,
    symbols: Collection[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Read quotes; a price of 0 is a side that nobody makes.

    `sequence` is what the instant has below a microsecond, plus a thousand times the line: quotes of one
    instant are several, and `numbered` counts them once all pages are there.
    """
    return read_rows(
        [with_both_sides(record) for record in records], _QUOTE_FIELDS, QUOTES, check_quotes,
        symbols=symbols, start=start, end=end, derive=_with_sizes_in_shares,
    )  # fmt: skip


def with_both_sides(quote: Any) -> Any:
    """Return a quote whose prices that are not even named cannot pass for sides that nobody makes."""
    return {"bp": "absent", "ap": "absent", **quote} if isinstance(quote, Mapping) else quote


def numbered(quotes: pd.DataFrame) -> pd.DataFrame:
    """Return quotes without those that came twice, and with the places of those of one instant in `sequence`.

    Quotes of one nanosecond differ by thousands: 5, 1005, 2005.
    """
    told = [name for name in quotes.columns if name != "sequence"]
    rest = quotes["sequence"] % 1000
    kept = quotes.assign(sequence=rest)[~quotes[told].assign(rest=rest).duplicated()]
    place = kept.groupby(["symbol", "time", "sequence"], sort=False).cumcount()
    return kept.assign(sequence=kept["sequence"] + 1000 * place).reset_index(drop=True)


def read_trades(
    records: list[Any],
    *,
    symbols: Collection[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Read trades; those that the exchange canceled or corrected afterwards are set aside.

    Trades of shares have a number that is unique on its exchange; of an option's trade the instant to the
    nanosecond, exchange, price and size are the identity.
    """
    counted = [record for record in records if not _taken_back(record)]
    answer = read_rows(
        [_with_identity(record) for record in counted], _TRADE_FIELDS, TRADES, check_trades,
        symbols=symbols, start=start, end=end,
    )  # fmt: skip
    back = [
        (
            line,
            str(record.get("our symbol") or ""),
            f"the exchange calls this trade {record['u']}",
            str(record),
        )
        for line, record in enumerate(records, start=1)
        if _taken_back(record)
    ]
    if not back:
        return answer
    return Answer(answer.good, pd.concat([answer.bad, quarantined_rows(back)], ignore_index=True))


def read_actions(
    page: Mapping[str, Any], *, symbols: Collection[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read splits and dividends of a page of corporate actions.

    Parameters
    ----------
    page : mapping
        ``{"corporate_actions": {"forward_splits": [...], "cash_dividends": [...], ...}}``.
    symbols : collection of str, optional
        Those that were asked for.

    Returns
    -------
    tuple of DataFrame
        Good rows (symbol, ex_date, kind, value) and bad ones (line, symbol, reason, text). A stock dividend
        of 5 % is a split of 1.05 for 1: prices fall by it and nobody is paid.
    """
    if "corporate_actions" not in page and "next_page_token" not in page:
        has = ", ".join(map(str, list(page)[:8])) or "nothing"
        raise ServiceAnswerError(
            f"Alpaca's answer has no `corporate_actions`; it has {has}.", service="Alpaca"
        )
    held = page.get("corporate_actions") or {}
    if not isinstance(held, Mapping):
        raise ServiceAnswerError(
            f"Alpaca's `corporate_actions` are {type(held).__name__} where lists by kind were expected.",
            service="Alpaca",
        )
    good: list[tuple[str, Any, str, float]] = []
    bad: list[tuple[int, str, str, str]] = []
    for kind in ACTION_TYPES:
        for line, record in enumerate(_list_of(held.get(f"{kind}s")), start=1):
            found = _action(kind, record, symbols)
            if isinstance(found, str):
                symbol = record.get("symbol", "") if isinstance(record, Mapping) else ""
                bad.append((line, str(symbol), f"{kind.replace('_', ' ')}: {found}", str(record)[:300]))
            else:
                good.append(found)
    if not good:
        return no_actions(), quarantined_rows(bad)
    frame = pd.DataFrame(good, columns=["symbol", "ex_date", "kind", "value"])
    frame["ex_date"] = pd.to_datetime(frame["ex_date"]).dt.as_unit("us")
    return frame.astype({"symbol": "str", "kind": "str", "value": "float64"}), quarantined_rows(bad)


def _action(
    kind: str, record: Any, symbols: Collection[str] | None
) -> tuple[str, pd.Timestamp, str, float] | str:
    """Return a row, or what is wrong with the record."""
    if not isinstance(record, Mapping):
        return f"a record was expected, not {type(record).__name__}"
    symbol = record.get("symbol")
    if not isinstance(symbol, str) or not symbol.strip():
        return "`symbol` is missing"
    if symbols is not None and our_symbol(symbol) not in symbols:
        return "nobody asked for this symbol"
    day = _day(record.get("ex_date"))
    if day is None:
        return f"`ex_date` is {record.get('ex_date')!r}, no date"
    numbers = {name: _number(record.get(name)) for name in ("rate", "old_rate", "new_rate") if name in record}
    needed = ("old_rate", "new_rate") if kind.endswith("_split") else ("rate",)
    for name in needed:
        if not numbers.get(name, 0.0) > 0:
            return f"`{name}` is {record.get(name)!r}; more than zero was expected"
    if kind == "cash_dividend":
        row_kind, value = "dividend", numbers["rate"]
    elif kind == "stock_dividend":
        row_kind, value = "split", 1 + numbers["rate"]
    else:
        row_kind, value = "split", numbers["new_rate"] / numbers["old_rate"]
    return our_symbol(symbol), day, row_kind, value


def _dated_by_session(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace midnight in New York by the session's date at 00:00 UTC."""
    time = frame["time"]
    local = time.dt.tz_convert(_EXCHANGE).dt.normalize().dt.tz_localize(None).dt.tz_localize("UTC")
    # Midnight in UTC is never midnight in New York: who stamps so has written the date itself.
    plain = time == time.dt.normalize()
    return frame.assign(time=local.where(~plain, time).astype("datetime64[us, UTC]"))


def _with_sizes_in_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Count sizes in shares, leave those of sides that nobody makes away, and number the lines."""
    lots = (frame["time"] < _SIZES_ARE_SHARES_SINCE) & (frame["symbol"].str.len() != 21)
    scale = np.where(lots.to_numpy(dtype=bool, na_value=False), _ROUND_LOT, 1.0)
    return frame.assign(
        bid_size=(frame["bid_size"] * scale).where(frame["bid"].notna()),
        ask_size=(frame["ask_size"] * scale).where(frame["ask"].notna()),
        sequence=frame["sequence"] + 1000 * frame["line"],
    )


def _taken_back(record: Any) -> bool:
    return isinstance(record, Mapping) and record.get("u") in ("canceled", "cancelled", "incorrect")


def _with_identity(record: Any) -> Any:
    if not isinstance(record, Mapping):
        return record
    return {**record, "our id": trade_identity(record), "our conditions": conditions_of(record.get("c"))}


def conditions_of(said: Any) -> str | None:
    """Return a trade's condition codes with commas between; of an option it is one code, maybe a blank."""
    codes = said if isinstance(said, list) else [said]
    return ",".join(str(code).strip() for code in codes if code is not None and str(code).strip()) or None


def trade_identity(record: Mapping[str, Any]) -> str | None:
    """Return what tells a trade from every other one of its symbol, in history and in the stream alike."""
    number, exchange = record.get("i"), record.get("x")
    if number is not None and not isinstance(number, (dict, list)):
        return f"{exchange}-{number}" if exchange else str(number)
    try:
        instant, price, size = (record.get(name) for name in ("t", "p", "s"))
        return f"{nanoseconds(instant)}-{exchange}-{_number(price):g}-{_number(size):g}"
    except ValueError:
        return None


def nanoseconds(told: Any) -> int:
    """Return an instant as nanoseconds since 1970: of RFC 3339 text, or of a number that counts them.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if type(told) is str:
        # 2026-11-20T14:30:00.123456789Z: the minute is looked up, the rest is digits.
        minute = _minutes.get(told[:16])
        if minute is None:
            minute = _minute_of(told)
        if told[-1] == "Z" and told[16:17] == ":":
            second, _, fraction = told[17:-1].partition(".")
            if len(second) == 2 and second.isdigit() and (not fraction or fraction.isdigit()):
                return minute + int(second) * 10**9 + int(fraction[:9].ljust(9, "0") or 0)
        return int(_stamp(told).as_unit("ns").value)
    if isinstance(told, int) and not isinstance(told, bool):
        return int(told)
    raise ValueError(f"{told!r} is no instant")


_minutes: dict[str, int] = {}
_MOST_MINUTES = 10_000


def _minute_of(told: str) -> int:
    """Return the nanoseconds of the minute that a text in UTC begins with, and remember it."""
    begin = told[:16]
    minute = int(_stamp(f"{begin}Z").as_unit("ns").value)
    if len(_minutes) >= _MOST_MINUTES:
        _minutes.clear()
    _minutes[begin] = minute
    return minute


def _stamp(told: str) -> pd.Timestamp:
    stamp = pd.Timestamp(told)
    if pd.isna(stamp):
        raise ValueError(f"{told!r} is no instant")
    return stamp if stamp.tz is not None else stamp.tz_localize("UTC")


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _day(told: Any) -> pd.Timestamp | None:
    """Return the date that a text tells, of the years in which there are markets."""
    try:
        day = pd.Timestamp(told) if isinstance(told, str) and told.strip() else None
    except (ValueError, OverflowError):
        return None
    if day is None or pd.isna(day) or not 1900 <= day.year < 2200:
        return None
    return day.tz_localize(None).normalize()


def _number(value: Any) -> float:
    try:
        return float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
