"""Alpaca's snapshots of options, and the contracts behind them, as rows of the desk: no calls.

A snapshot has the quote, the last trade, bars and the vendor's own figures; any of them may be absent. Open
interest, multiplier and exercise come from the list of contracts, whose figures are texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import ArgumentError, ServiceAnswerError
from workbench.market.instruments import OptionContract, parse_occ_symbol
from workbench.market.schemas import OPTION_QUOTES, check_option_quotes, quarantined_rows
from workbench.providers.alpaca_rows import nanoseconds, with_both_sides
from workbench.providers.answers import Answer, Field, read_rows

_NOBODY = (0, "0", "0.0")
_FIELDS = (
    Field("symbol", "our symbol", "text"),
    Field("underlying", "our underlying", "text"),
    Field("time", ("latestQuote.t", "our time"), "iso"),
    Field("expiry", "our expiry", "day"),
    Field("strike", "our strike"),
    Field("right", "our right", "text"),
    Field("bid", "latestQuote.bp", missing=_NOBODY),
    Field("ask", "latestQuote.ap", missing=_NOBODY),
    Field("last", "latestTrade.p", missing=_NOBODY),
    Field("bid_size", "latestQuote.bs"),
    Field("ask_size", "latestQuote.as"),
    Field("volume", "our volume"),
    Field("open_interest", "our contract.open_interest"),
    Field("vendor_implied_volatility", "impliedVolatility"),
    Field("vendor_delta", "greeks.delta"),
    Field("vendor_gamma", "greeks.gamma"),
    Field("vendor_theta", "greeks.theta"),
    Field("vendor_vega", "greeks.vega"),
    Field("exercise", "our exercise", "text"),
    # A premium is for a hundred shares where the contract does not say; `size` is what is delivered.
    Field("multiplier", ("our contract.multiplier", "our multiplier")),
)
_STANDARD = 100.0
_DAY = 24 * 3600 * 10**9


def read_chain(
    snapshots: Mapping[str, Any],
    contracts: Mapping[str, Mapping[str, Any]],
    *,
    underlying: str,
    fetched: pd.Timestamp,
    first_line: int = 1,
) -> Answer:
    """Read the snapshots of one underlying's options.

    Parameters
    ----------
    snapshots : mapping of str to mapping
        By Alpaca's symbol.
    contracts : mapping of str to mapping
        By the desk's symbol; empty where they could not be had.
    underlying : str
        Whose chain was asked for.
    fetched : Timestamp
        Time of rows without a quote.
    first_line : int
        Line of the first row.

    Returns
    -------
    Answer
        `good` in the columns of `schemas.OPTION_QUOTES`; implied volatility as a fraction per square-root
        year and Greeks as Alpaca has them.
    """
    records: list[dict[str, Any]] = []
    bad: list[tuple[int, str, str, str]] = []
    for line, (text, snapshot) in enumerate(snapshots.items(), start=first_line):
        try:
            option = parse_occ_symbol(str(text))
        except ArgumentError:
            bad.append((line, str(text), "no option symbol", str(snapshot)[:300]))
            continue
        if (reason := _complaint(snapshot)) is not None:
            bad.append((line, option.occ_symbol, reason, str(snapshot)[:300]))
            continue
        contract = contracts.get(option.occ_symbol, {})
        if not _is_on(option, contract, underlying):
            bad.append((line, option.occ_symbol, "nobody asked for this symbol", str(snapshot)[:300]))
            continue
        records.append(_record(snapshot, option, contract, underlying, fetched))
    answer = read_rows(
        records, _FIELDS, OPTION_QUOTES, check_option_quotes, constants={"modelled": False, "flag": None},
        first_line=first_line, derive=_without_sizes_of_nobody,
    )  # fmt: skip
    if not bad:
        return answer
    return Answer(answer.good, pd.concat([answer.bad, quarantined_rows(bad)], ignore_index=True))


def snapshots_of(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the snapshots of a page by Alpaca's symbol.

    Raises
    ------
    ServiceAnswerError
        If the page holds something else.
    """
    held = page.get("snapshots", {} if "next_page_token" in page else None)
    if held is None and "snapshots" in page:
        return {}
    if not isinstance(held, Mapping):
        has = ", ".join(map(str, list(page)[:8])) or "nothing"
        raise ServiceAnswerError(
            f"Alpaca's answer has no `snapshots` by symbol; it has {has}.", service="Alpaca"
        )
    return held


def contracts_of(page: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the contracts of a page by the desk's symbol; what is none is left out.

    Raises
    ------
    ServiceAnswerError
        If the page holds something else.
    """
    held = page.get("option_contracts", [] if "next_page_token" in page else None)
    if held is None and "option_contracts" in page:
        return {}
    if not isinstance(held, list):
        has = ", ".join(map(str, list(page)[:8])) or "nothing"
        raise ServiceAnswerError(
            f"Alpaca's answer has no `option_contracts`; it has {has}.", service="Alpaca"
        )
    found: dict[str, Mapping[str, Any]] = {}
    for record in held:
        try:
            found[parse_occ_symbol(str(record["symbol"])).occ_symbol] = record
        except (ArgumentError, KeyError, TypeError):
            continue
    return found


def contracts_frame(contracts: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return contracts as a frame: what an option delivers, and whether that is the standard 100 shares.

    Parameters
    ----------
    contracts : mapping of str to mapping
        By the desk's symbol.

    Returns
    -------
    DataFrame
        symbol, underlying, root, expiry (naive date), strike, right, exercise, multiplier, size,
        open_interest, tradable, standard (False for adjusted contracts) and deliverables, as in
        ``"100 AAPL"`` or ``"33 AAPL + 12.5 USD"``.
    """
    rows = []
    for symbol, contract in contracts.items():
        option = parse_occ_symbol(symbol)
        delivered = [each for each in contract.get("deliverables") or [] if isinstance(each, Mapping)]
        rows.append(
            {
                "symbol": symbol,
                "underlying": str(contract.get("underlying_symbol") or option.underlying),
                "root": option.root,
                "expiry": pd.Timestamp(option.expiry),
                "strike": float(option.strike),
                "right": option.right,
                "exercise": exercise_of(option, contract),
                "multiplier": _number(contract.get("multiplier"), _STANDARD),
                "size": _number(contract.get("size")),
                "open_interest": _number(contract.get("open_interest")),
                "tradable": contract.get("tradable") is True,
                "standard": _is_standard(option, contract, delivered),
                "deliverables": " + ".join(
                    f"{each.get('amount') or '?'} {each.get('symbol') or '?'}" for each in delivered
                ),
            }
        )
    columns = (
        "symbol", "underlying", "root", "expiry", "strike", "right", "exercise", "multiplier", "size",
        "open_interest", "tradable", "standard", "deliverables",
    )  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("symbol", ignore_index=True) if len(frame) else frame


def exercise_of(option: OptionContract, contract: Mapping[str, Any]) -> str:
    """Return when an option may be exercised: as its contract says, else as is usual for its root."""
    said = str(contract.get("style") or "").lower()
    return said if said in ("american", "european") else option.exercise


def _without_sizes_of_nobody(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        bid_size=frame["bid_size"].where(frame["bid"].notna()),
        ask_size=frame["ask_size"].where(frame["ask"].notna()),
    )


def _complaint(snapshot: Any) -> str | None:
    if not isinstance(snapshot, Mapping):
        return f"a snapshot was expected, not {type(snapshot).__name__}"
    for name in ("latestQuote", "latestTrade", "dailyBar", "greeks"):
        if snapshot.get(name) is not None and not isinstance(snapshot[name], Mapping):
            return f"`{name}` is {snapshot[name]!r:.60}, no record"
    return None


def _record(
    snapshot: Mapping[str, Any],
    option: OptionContract,
    contract: Mapping[str, Any],
    underlying: str,
    fetched: pd.Timestamp,
) -> dict[str, Any]:
    return {
        **snapshot,
        "latestQuote": with_both_sides(snapshot.get("latestQuote")),
        "our symbol": option.occ_symbol,
        "our underlying": underlying,
        "our time": fetched.isoformat(),
        "our expiry": option.expiry.isoformat(),
        "our strike": float(option.strike),
        "our right": option.right,
        "our exercise": exercise_of(option, contract),
        "our contract": contract,
        "our multiplier": _STANDARD,
        "our volume": _volume_of_the_session(snapshot),
    }


def _volume_of_the_session(snapshot: Mapping[str, Any]) -> Any:
    """Return the volume of the daily bar where it is of the quote's own session, else None."""
    bar, quote = snapshot.get("dailyBar"), snapshot.get("latestQuote")
    if not isinstance(bar, Mapping) or not isinstance(quote, Mapping):
        return None
    try:
        # The bar is stamped with midnight in New York.
        since = nanoseconds(quote.get("t")) - nanoseconds(bar.get("t"))
    except ValueError:
        return None
    return bar.get("v") if 0 <= since < _DAY else None


def _is_on(option: OptionContract, contract: Mapping[str, Any], underlying: str) -> bool:
    """Say whether an option is on the underlying; roots have no dots, so BRK.B's are BRKB's."""
    said = contract.get("underlying_symbol") or option.underlying
    return _letters(str(said)) == _letters(underlying)


def _is_standard(option: OptionContract, contract: Mapping[str, Any], delivered: Sequence[Any]) -> bool:
    if option.root[-1].isdigit() or _number(contract.get("size"), _STANDARD) != _STANDARD:
        return False
    if not delivered:
        return True
    return len(delivered) == 1 and _number(delivered[0].get("amount"), _STANDARD) == _STANDARD


def _letters(ticker: str) -> str:
    return "".join(sign for sign in ticker.upper() if sign.isalnum())


def _number(value: Any, otherwise: float = float("nan")) -> float:
    try:
        return otherwise if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return otherwise
