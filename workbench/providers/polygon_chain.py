"""Polygon's option chain snapshots as rows of the desk."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.market.instruments import exercise_of_root, parse_occ_symbol
from workbench.market.row_rules import Checked
from workbench.market.schemas import OPTION_QUOTES, check_option_quotes, quarantined_rows
from workbench.providers.answers import Answer, Field, read_rows
from workbench.vendors.polygon import our_symbol

_NONE_THERE = (0,)
_FIELDS = [
    Field("symbol", ("details.ticker", "ticker"), "text"),
    Field("time", ("last_quote.last_updated", "fetched_at"), "nanoseconds"),
    Field("expiry", "details.expiration_date", "day"),
    Field("strike", "details.strike_price"),
    Field("right", "details.contract_type", "text"),
    Field("bid", "last_quote.bid", missing=_NONE_THERE),
    Field("ask", "last_quote.ask", missing=_NONE_THERE),
    Field("last", ("last_trade.price", "day.close"), missing=_NONE_THERE),
    Field("bid_size", "last_quote.bid_size"),
    Field("ask_size", "last_quote.ask_size"),
    Field("volume", ("day.volume", "session.volume")),
    Field("open_interest", "open_interest"),
    Field("underlying_price", ("underlying_asset.price", "underlying_asset.value"), missing=_NONE_THERE),
    Field("vendor_implied_volatility", "implied_volatility", missing=_NONE_THERE),
    Field("vendor_delta", "greeks.delta"),
    Field("vendor_gamma", "greeks.gamma"),
    Field("vendor_theta", "greeks.theta"),
    Field("vendor_vega", "greeks.vega"),
    Field("exercise", "details.exercise_style", "text"),
    Field("multiplier", "details.shares_per_contract"),
]
_RIGHTS = {"call": "C", "put": "P"}
DELAYED = "delayed"
ADJUSTED = "adjusted"
_USUAL_SHARES = (100, 100.0, "100")
# Strikes go in steps of 0.001.
_HALF_A_TICK = 0.0005


def chain_from_snapshots(
    records: Sequence[Any], *, underlying: str, fetched_at: pd.Timestamp, first_line: int = 1
) -> Answer:
    """Translate snapshots of contracts.

    Greeks, volatility, quote and trade may be absent; then they are missing. `flag` says "delayed" where the
    quote is one of a delayed plan, and "adjusted" where a contract delivers something else than a hundred
    shares of its underlying. The vendor's volatility is a fraction, theta per day and vega per point;
    it gives no rho.

    Parameters
    ----------
    records : sequence
        The `results` of a page.
    underlying : str
        The desk's symbol of what the chain is on.
    fetched_at : Timestamp
        With a time zone; the time of contracts without a quote.
    first_line : int
        Line of the first record.

    Returns
    -------
    Answer
        Columns of `schemas.OPTION_QUOTES`. The root is part of a symbol: SPX and SPXW stay apart, and so do
        adjusted contracts (AAPL1), whose multiplier is what the service says.

    References
    ----------
    massive.com/docs/rest/options/snapshots/option-chain-snapshot.
    """
    asked = {symbol for record in records if (symbol := _symbol_on(record, underlying)) is not None}

    def derive(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.assign(
            symbol=frame["symbol"].map(our_symbol, na_action="ignore"),
            right=frame["right"].str.lower().map(_RIGHTS),
            exercise=frame["exercise"].str.lower(),
            bid_size=frame["bid_size"].where(frame["bid"].notna()),
            ask_size=frame["ask_size"].where(frame["ask"].notna()),
        )
        return _agreeing(frame)

    stamp = {"fetched_at": int(fetched_at.as_unit("ns").value)}
    answer = read_rows(
        [{**record, **stamp} if isinstance(record, Mapping) else record for record in records],
        _FIELDS,
        OPTION_QUOTES,
        _check,
        constants={"underlying": underlying, "modelled": False},
        derive=derive,
        symbols=asked,
        first_line=first_line,
    )
    remarks = {_symbol(record): _remarks(record) for record in records if isinstance(record, Mapping)}
    good = answer.good
    flags = good["flag"].astype(object).where(good["flag"].notna(), None)
    told = [
        ", ".join(filter(None, (flag, *remarks.get(symbol, ())))) or None
        for flag, symbol in zip(flags, good["symbol"], strict=True)
    ]
    return answer._replace(good=good.assign(flag=pd.array(told, dtype="str")))


def _agreeing(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill what details leave out from the symbol; a symbol that contradicts them is none."""
    told = pd.DataFrame(
        [_terms(symbol) for symbol in frame["symbol"]],
        columns=["symbol", "expiry", "strike", "right", "exercise"],
        index=frame.index,
    )
    expiry = frame["expiry"].fillna(told["expiry"].astype("datetime64[us]"))
    strike = frame["strike"].fillna(told["strike"].astype("float64"))
    right = frame["right"].fillna(told["right"])
    agrees = (expiry == told["expiry"]) & (right == told["right"])
    agrees &= np.abs(strike - told["strike"].astype("float64")) < _HALF_A_TICK
    known = frame["exercise"].isin(("american", "european"))
    return frame.assign(
        symbol=told["symbol"].where(agrees).astype("str").where(agrees),
        expiry=expiry,
        strike=strike,
        right=right,
        exercise=frame["exercise"].where(known, told["exercise"]),
    )


def _terms(symbol: Any) -> tuple[str | None, pd.Timestamp | None, float | None, str | None, str | None]:
    """Return what an option's symbol says: itself, expiry, strike, right, and exercise by its root."""
    try:
        contract = parse_occ_symbol(symbol if isinstance(symbol, str) else "")
    except ArgumentError:
        return None, None, None, None, None
    return (
        contract.occ_symbol,
        pd.Timestamp(contract.expiry),
        float(contract.strike),
        contract.right,
        exercise_of_root(contract.root),
    )


def _check(frame: pd.DataFrame) -> Checked:
    """Apply the rules of chains; a multiplier is never guessed."""
    unknown = frame["multiplier"].isna()
    checked = check_option_quotes(frame[~unknown].reset_index(drop=True))
    rows = [
        (int(line), str(symbol), "`shares_per_contract` is missing", "")
        for line, symbol in zip(frame["line"][unknown], frame["symbol"][unknown], strict=True)
    ]
    bad = pd.concat([checked.bad, quarantined_rows(rows)], ignore_index=True) if rows else checked.bad
    return Checked(checked.good, bad)


def _symbol_on(record: Any, underlying: str) -> str | None:
    """Return a record's symbol when it is a contract on the underlying."""
    if not isinstance(record, Mapping):
        return None
    symbol = _symbol(record)
    try:
        contract = parse_occ_symbol(symbol or "")
    except ArgumentError:
        return symbol
    asset = record.get("underlying_asset")
    told = asset.get("ticker") if isinstance(asset, Mapping) else None
    # After a merger a root belongs to another company's shares; then what the service says counts.
    on = our_symbol(told) if isinstance(told, str) else contract.underlying
    return symbol if on == underlying else None


def _symbol(record: Mapping[str, Any]) -> str | None:
    details = record.get("details")
    ticker = (details.get("ticker") if isinstance(details, Mapping) else None) or record.get("ticker")
    return our_symbol(ticker) if isinstance(ticker, str) else None


def _remarks(record: Mapping[str, Any]) -> list[str]:
    """Return what to mind about a contract: terms that were adjusted, a quote that is late."""
    details = record.get("details")
    terms = details if isinstance(details, Mapping) else {}
    symbol = _symbol(record) or ""
    adjusted = (
        terms.get("shares_per_contract", 100) not in _USUAL_SHARES
        or bool(terms.get("additional_underlyings") or record.get("additional_underlyings"))
        or symbol[:6].rstrip()[-1:].isdigit()
    )
    parts = (record.get(name) for name in ("last_quote", "last_trade", "underlying_asset"))
    late = any(isinstance(part, Mapping) and part.get("timeframe") == "DELAYED" for part in parts)
    return [ADJUSTED] * adjusted + [DELAYED] * late
