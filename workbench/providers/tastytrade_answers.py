"""What tastytrade answers, as rows of the desk: pure translations, no network."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.market.instruments import exercise_of_root, parse_occ_symbol
from workbench.market.schemas import (
    BARS,
    EARNINGS,
    METRICS,
    OPTION_QUOTES,
    QUOTES,
    check_bars,
    check_earnings,
    check_metrics,
    check_option_quotes,
    check_quotes,
)
from workbench.providers.answers import Answer, Field, read_rows
from workbench.providers.session_bars import session_dates
from workbench.vendors.dxlink_events import number
from workbench.vendors.tastytrade import our_symbol, streamer_symbol

_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_CANDLE_FIELDS = (
    Field("symbol", "eventSymbol", "text"),
    Field("time", "time", "milliseconds", missing=(0,)),
    *(Field(name, name, missing=_NO_NUMBERS) for name in ("open", "high", "low", "close", "volume", "vwap")),
)
_QUOTE_FIELDS = (
    Field("symbol", "symbol", "text"),
    Field("time", "updated-at", "iso"),
    Field("sequence", "updated-at", "iso_rest"),
    Field("bid", "bid"),
    Field("ask", "ask"),
    Field("bid_size", "bid-size"),
    Field("ask_size", "ask-size"),
)
_CHAIN_TEXTS = ("symbol", "underlying", "right", "exercise")
_CHAIN_NUMBERS = (
    "strike", "bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest", "underlying_price",
    "vendor_implied_volatility", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega", "multiplier",
)  # fmt: skip
# Our column, and the names by which REST and the stream call it.
_GREEKS = {
    "vendor_implied_volatility": "volatility",
    "vendor_delta": "delta",
    "vendor_gamma": "gamma",
    "vendor_theta": "theta",
    "vendor_vega": "vega",
}
_NO_FIGURES = frozenset({"symbol", "updated-at", "created-at", "earnings", "listed-market"})
_SESSIONS = {"BTO": "before_open", "AMC": "after_close", "DMT": "during", "DMH": "during"}
# Milliseconds of our times; a smaller or a larger number is no instant.
_INSTANTS_MS = (10**11, 10**13)


def bars_from_candles(
    candles: Sequence[Mapping[str, Any]],
    *,
    symbols: Collection[str],
    daily: bool,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Return the bars of candles; a daily one has its session date, whatever instant it is stamped with."""

    def to_bars(frame: pd.DataFrame) -> pd.DataFrame:
        frame["symbol"] = _translated(frame["symbol"])
        if daily:
            frame["time"] = session_dates(frame["time"])
        # Where nobody traded by price, the service writes no average.
        frame["vwap"] = frame["vwap"].where(frame["vwap"] > 0)
        return frame

    return read_rows(
        candles, _CANDLE_FIELDS, BARS, check_bars, derive=to_bars, symbols=symbols, start=start, end=end
    )


def quotes_from_market_data(items: Sequence[Mapping[str, Any]], *, symbols: Collection[str]) -> Answer:
    """Return the latest quotes; a side of zero is an empty one."""

    def to_quotes(frame: pd.DataFrame) -> pd.DataFrame:
        frame["symbol"] = _translated(frame["symbol"])
        return frame

    sound = [_sides_of(item) for item in items]
    return read_rows(sound, _QUOTE_FIELDS, QUOTES, check_quotes, derive=to_quotes, symbols=symbols)


def price_of(item: Mapping[str, Any]) -> float:
    """Return the price of an underlying: the mark, else the middle, the last trade, the close; else NaN."""
    for name in ("mark", "mid", "last", "close", "prev-close"):
        found = _positive(item.get(name))
        if found is not None:
            return found
    return math.nan


def contracts_of_chain(
    items: Sequence[Mapping[str, Any]], underlying: str, expiry: date | None = None
) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Return the contracts of nested chains, with their streamer symbols.

    Parameters
    ----------
    items : sequence of mapping
        One a root: SPX and SPXW, the standard contracts and adjusted ones.
    underlying : str
        Whose chain was asked for; the service names it in each item.
    expiry : date, optional
        One expiration date; without it, all.

    Returns
    -------
    list of dict
        symbol, root, streamer, underlying, expiry, strike, right, exercise, multiplier, settlement.
    list of tuple
        Symbol, reason and text of what is no contract.
    """
    found: dict[str, dict[str, Any]] = {}
    bad: list[tuple[str, str, str]] = []
    for item in items:
        named = item.get("underlying-symbol")
        if isinstance(named, str) and our_symbol(named) != underlying:
            bad.append(
                (our_symbol(named), f"nobody asked for this chain, but for {underlying}", str(item)[:200])
            )
            continue
        for expiration in _mappings(item.get("expirations")):
            if expiry is not None and str(expiration.get("expiration-date"))[:10] != f"{expiry:%Y-%m-%d}":
                continue
            for strike in _mappings(expiration.get("strikes")):
                for right in ("call", "put"):
                    _add_contract(found, bad, underlying, item, expiration, strike, right)
    return list(found.values()), bad


def chain_from_answers(
    contracts: Sequence[Mapping[str, Any]],
    market_data: Iterable[Mapping[str, Any]],
    greeks: Mapping[str, Mapping[str, Any]],
    *,
    underlying_price: float,
    fetched_at: pd.Timestamp,
) -> Answer:
    """Return the chain's quotes.

    Parameters
    ----------
    contracts : sequence of mapping
        As `contracts_of_chain` returns them.
    market_data : iterable of mapping
        REST quotes, by their symbols; contracts without one keep their row and have no price.
    greeks : mapping of str to mapping
        Events of the stream by streamer symbol, with fields of Greeks and of Summary; taken where REST has
        none.
    underlying_price : float
        NaN where it is not known.
    fetched_at : Timestamp
        Time of quotes that have none of their own.
    """
    quoted = {str(item.get("symbol") or "").strip(): item for item in market_data}
    records = []
    for contract in contracts:
        item = _sides_of(quoted.get(contract["symbol"]) or quoted.get(contract["symbol"].strip()) or {})
        event = greeks.get(contract["streamer"], {})
        record = {
            **contract,
            "time": item.get("updated-at") or fetched_at.isoformat(),
            "bid": item.get("bid"),
            "ask": item.get("ask"),
            "last": _positive(item.get("last")),
            "bid_size": item.get("bid-size"),
            "ask_size": item.get("ask-size"),
            "volume": item.get("volume"),
            "open_interest": _first(item.get("open-interest"), event.get("openInterest")),
            "underlying_price": underlying_price,
        }
        for ours, theirs in _GREEKS.items():
            record[ours] = _first(item.get(theirs), event.get(theirs))
        records.append(record)
    fields = (
        *(Field(name, name, "text") for name in _CHAIN_TEXTS),
        Field("time", "time", "iso"),
        Field("expiry", "expiry", "day"),
        *(Field(name, name, missing=_NO_NUMBERS) for name in _CHAIN_NUMBERS),
    )
    return read_rows(records, fields, OPTION_QUOTES, check_option_quotes, constants={"modelled": False})


def metrics_from_answer(items: Sequence[Mapping[str, Any]], *, symbols: Collection[str]) -> Answer:
    """Return the market metrics, one figure a row, under the service's names with underscores.

    The implied volatility of each expiration is ``implied_volatility 2026-12-18``, with ``AM`` behind those
    that settle at the open. Ranks and percentiles are fractions.
    """
    records: list[dict[str, Any]] = []
    for item in items:
        symbol, stamp = item.get("symbol"), _instant_text(item.get("updated-at"))
        head = {"symbol": our_symbol(symbol) if isinstance(symbol, str) else symbol, "time": stamp}
        for name, value in item.items():
            if name in _NO_FIGURES or name.endswith(("-at", "-date", "-source")):
                continue
            if _is_number(value):
                records.append({**head, "name": name.replace("-", "_"), "value": value})
        for expiration in _mappings(item.get("option-expiration-implied-volatilities")):
            if expiration.get("option-chain-type") not in (None, "Standard"):
                continue
            if _is_number(value := expiration.get("implied-volatility")):
                morning = " AM" if expiration.get("settlement-type") == "AM" else ""
                name = f"implied_volatility {str(expiration.get('expiration-date'))[:10]}{morning}"
                records.append({**head, "name": name, "value": value})
    fields = (
        Field("symbol", "symbol", "text"),
        Field("time", "time", "iso"),
        Field("name", "name", "text"),
        Field("value", "value"),
    )
    return read_rows(records, fields, METRICS, check_metrics, symbols=symbols)


def earnings_from_answers(
    reports: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
    symbol: str,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Return the earnings of one symbol: those reported, and the next from its market metrics.

    The service names the quarter of the next report alone; a past one is told by the day of its report.
    """
    records: list[dict[str, Any]] = [
        {
            "date": report.get("occurred-date"),
            "session": "unknown",
            "confirmed": True,
            "fiscal_period": f"reported {str(report.get('occurred-date'))[:10]}",
            "eps_actual": report.get("eps"),
        }
        for report in reports
    ]
    expected = metrics.get("earnings")
    if isinstance(expected, Mapping) and expected.get("expected-report-date"):
        day = str(expected["expected-report-date"])[:10]
        known = {str(record["date"])[:10]: record for record in records}
        quarter = expected.get("quarter-end-date")
        record = known.get(day)
        # Before a report the service writes an actual of zero.
        actual = expected.get("actual-eps") if record or _positive(expected.get("actual-eps")) else None
        if record is None:
            record = {"date": day, "fiscal_period": f"reported {day}"}
            records.append(record)
        record.update(
            session=_SESSIONS.get(str(expected.get("time-of-day")).upper(), "unknown"),
            confirmed=not _is_true(expected.get("estimated")),
            eps_estimate=expected.get("consensus-estimate"),
            eps_actual=_first(record.get("eps_actual"), actual),
        )
        if isinstance(quarter, str) and quarter:
            record["fiscal_period"] = f"quarter to {quarter[:10]}"
    fields = (
        Field("date", "date", "day"),
        Field("session", "session", "text"),
        Field("confirmed", "confirmed", "flag"),
        Field("fiscal_period", "fiscal_period", "text"),
        Field("eps_estimate", "eps_estimate"),
        Field("eps_actual", "eps_actual"),
    )
    within = [each for each in records if _within(each["date"], start, end)]
    return read_rows(within, fields, EARNINGS, check_earnings, constants={"symbol": symbol})


def dividends_from_answer(
    items: Sequence[Mapping[str, Any]],
    symbol: str,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
    """Return the dividends (symbol, ex_date, kind, value), and what could not be read with its reason."""
    rows: dict[pd.Timestamp, float] = {}
    bad: list[tuple[str, str, str]] = []
    for item in items:
        day = pd.to_datetime(str(item.get("occurred-date"))[:10], format="%Y-%m-%d", errors="coerce")
        paid = _positive(item.get("amount"))
        if pd.isna(day) or paid is None:
            bad.append((symbol, "a dividend needs its date and an amount above zero", str(dict(item))[:200]))
        elif (start is None or day >= start) and (end is None or day <= end):
            rows[day] = paid
    days = sorted(rows)
    frame = pd.DataFrame(
        {
            "symbol": pd.array([symbol] * len(days), dtype="str"),
            "ex_date": pd.DatetimeIndex(days).as_unit("us"),
            "kind": pd.array(["dividend"] * len(days), dtype="str"),
            "value": np.array([rows[day] for day in days], dtype=np.float64),
        }
    )
    return frame, bad


def _add_contract(
    found: dict[str, dict[str, Any]],
    bad: list[tuple[str, str, str]],
    underlying: str,
    item: Mapping[str, Any],
    expiration: Mapping[str, Any],
    strike: Mapping[str, Any],
    right: str,
) -> None:
    text = strike.get(right)
    if text is None:
        return  # only the other side is listed
    try:
        option = parse_occ_symbol(str(text))
    except ArgumentError as error:
        bad.append(("", str(error), str(dict(strike))[:200]))
        return
    told = _positive(strike.get("strike-price"))
    day = str(expiration.get("expiration-date") or "")[:10]
    if option.right != right[0].upper() or (told is not None and abs(told - float(option.strike)) > 1e-6):
        bad.append(
            (option.occ_symbol, f"the symbol is not the {right} of its strike", str(dict(strike))[:200])
        )
        return
    if day and day != f"{option.expiry:%Y-%m-%d}":
        bad.append((option.occ_symbol, f"the symbol does not expire on {day}", str(dict(strike))[:200]))
        return
    streamer = strike.get(f"{right}-streamer-symbol")
    style = str(item.get("exercise-style") or strike.get("exercise-style") or "").lower()
    found[option.occ_symbol] = {
        "symbol": option.occ_symbol,
        "root": option.root,
        "streamer": streamer
        if isinstance(streamer, str) and streamer
        else streamer_symbol(option.occ_symbol),
        "underlying": underlying,
        "expiry": f"{option.expiry:%Y-%m-%d}",
        "strike": float(option.strike),
        "right": option.right,
        "exercise": style if style in ("american", "european") else exercise_of_root(option.root),
        "multiplier": _positive(item.get("shares-per-contract")) or 100.0,
        "settlement": expiration.get("settlement-type"),
    }


def _sides_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a quote with empty sides missing, its sizes with them, and its time as text."""
    sound = dict(item)
    for side in ("bid", "ask"):
        value: Any = item.get(side)
        if (_is_number(value) and float(value) == 0) or value in _NO_NUMBERS:
            sound[side] = sound[f"{side}-size"] = None
    if "updated-at" in item:
        sound["updated-at"] = _instant_text(item["updated-at"])
    return sound


def _instant_text(value: Any) -> Any:
    """Return an instant as ISO text, which the service writes so or as milliseconds since 1970."""
    if _is_number(value) and _INSTANTS_MS[0] < float(value) < _INSTANTS_MS[1]:
        return datetime.fromtimestamp(float(value) / 1000, UTC).isoformat()
    return value


def _translated(symbols: "pd.Series[str]") -> "pd.Series[str]":
    distinct = {text: our_symbol(text) for text in symbols.dropna().unique()}
    return symbols.map(distinct).astype("str").where(symbols.notna())


def _within(day: Any, start: pd.Timestamp | None, end: pd.Timestamp | None) -> bool:
    stamp = pd.to_datetime(str(day)[:10], format="%Y-%m-%d", errors="coerce")
    # What cannot be read goes on, and is set aside with its reason.
    return bool(pd.isna(stamp) or ((start is None or stamp >= start) and (end is None or stamp <= end)))


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    try:
        return number(value) is not None
    except ValueError:
        return False


def _positive(value: Any) -> float | None:
    try:
        found = number(value)
    except ValueError:
        return None
    return found if found is not None and found > 0 else None


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None and value not in _NO_NUMBERS), None)
