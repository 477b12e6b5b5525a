"""What the Client Portal gateway answers, as rows of the desk: pure translations, no network."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd

from workbench.errors import ArgumentError
from workbench.market.instruments import (
    OptionContract,
    exercise_of_root,
    occ_symbols,
    parse_occ_symbol,
    underlying_of_root,
)
from workbench.market.schemas import (
    BARS,
    OPTION_QUOTES,
    QUOTES,
    check_bars,
    check_option_quotes,
    check_quotes,
)
from workbench.providers.answers import Answer, Field, read_rows
from workbench.providers.session_bars import session_dates

Kind = Literal["STK", "IND", "OPT"]

LAST, BID, ASK, BID_SIZE, ASK_SIZE, LAST_SIZE = "31", "84", "86", "88", "85", "7059"
AVAILABILITY, VOLUME, VOLUME_SHORT, MARK, SYMBOL = "6509", "7762", "87", "7635", "55"
GREEKS = {"vendor_delta": "7308", "vendor_gamma": "7309", "vendor_theta": "7310", "vendor_vega": "7311"}
VOLATILITY, OPEN_INTEREST = "7633", "7638"
QUOTE_IDS = (LAST, BID, ASK, BID_SIZE, ASK_SIZE, AVAILABILITY, SYMBOL)
CHAIN_IDS = (*QUOTE_IDS, VOLUME, VOLUME_SHORT, VOLATILITY, OPEN_INTEREST, *GREEKS.values())

_AVAILABLE = {
    "R": "real-time",
    "D": "delayed by 15 minutes",
    "Z": "frozen at the last close",
    "Y": "delayed, frozen at the last close",
    "N": "not subscribed",
    "O": "to be had after an agreement is signed",
    "S": "real-time",
}
_DELAY = pd.Timedelta(minutes=15)
# Sizes of shares of the United States are told in hundreds; those of options are contracts.
_SHARES_PER_SIZE = 100.0
_NUMBER = re.compile(r"^(?P<mark>[A-Z]?)(?P<value>[+-]?(?:\d[\d,]*\.?\d*|\.\d+))(?P<unit>[KMB]?)%?$")
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}
_EXCHANGES = frozenset(
    {"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "CBOE", "IEX", "PINK", "ISLAND", "NYSENAT", "PSE", "RUSSELL"}
)


@dataclass(frozen=True, slots=True)
class Underlying:
    """A share or an index as the gateway knows it; `months` are those of its options, as in ``JAN26``."""

    symbol: str
    conid: int
    kind: Kind
    months: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedOption:
    """One contract with the gateway's id."""

    contract: OptionContract
    conid: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A price with the letter before it: C for the close of before, H for halted; else empty."""

    value: float | None
    mark: str = ""


def number_of(value: Any) -> Marked:
    """Read a value of a snapshot: ``"C189.37"``, ``"12.2M"``, ``"1,234"``, ``"23.4%"``, 5; empty is none.

    Raises
    ------
    ValueError
        If it is something else.

    Examples
    --------
    >>> number_of("C189.37"), number_of("12.2M").value, number_of("").value
    (Marked(value=189.37, mark='C'), 12200000.0, None)
    """
    if value is None or value == "":
        return Marked(None)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no number")
    if isinstance(value, int | float):
        return Marked(float(value) if math.isfinite(value) else None)
    text = value.strip()
    if text.upper() in ("", "N/A", "NAN", "-", "--"):
        return Marked(None)
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(f"{value!r} is no number")
    scale = _UNITS[found["unit"]]
    return Marked(round(float(found["value"].replace(",", "")) * scale, 6), found["mark"])


def price_of(value: Any) -> Marked:
    """Read a price; -1 and 0 are how the gateway writes that nobody quotes.

    Raises
    ------
    ValueError
        If it is no number, or another one below zero.
    """
    found = number_of(value)
    if found.value is not None and found.value < 0 and found.value != -1:
        raise ValueError(f"the price is {value!r}")
    return found if found.value is not None and found.value > 0 else Marked(None, found.mark)


def size_of(value: Any, kind: Kind) -> float | None:
    """Return shares or contracts behind a size; shares are told in hundreds.

    Raises
    ------
    ValueError
        If it is no number.
    """
    found = number_of(value).value
    if found is None or found < 0:
        return None
    return found * _SHARES_PER_SIZE if kind == "STK" else found


def availability_of(text: Any) -> str:
    """Say in words what the gateway marks a quote with: ``RpB`` is real-time, ``DPB`` delayed.

    Examples
    --------
    >>> availability_of("DPB"), availability_of("N")
    ('delayed by 15 minutes', 'not subscribed')
    """
    letter = text[:1].upper() if isinstance(text, str) else ""
    return _AVAILABLE.get(letter, "of unknown age")


def quotes_from_snapshot(
    entries: Sequence[Mapping[str, Any]],
    known: Mapping[int, tuple[str, Kind]],
    *,
    fetched_at: pd.Timestamp,
) -> Answer:
    """Return quotes; a delayed one carries the time at which it was true, 15 minutes before it came.

    Parameters
    ----------
    entries : sequence of mapping
        Of a snapshot, or messages of the stream, with all their fields.
    known : mapping of int to tuple
        Our symbol and the kind of each contract id that was asked for.
    fetched_at : Timestamp
        Time of entries without one.
    """
    records = [quote_record(entry, known, fetched_at=fetched_at) for entry in entries]
    fields = (
        Field("symbol", "symbol", "text"),
        Field("time", "time", "iso"),
        *(Field(name, name) for name in ("bid", "ask", "bid_size", "ask_size")),
    )
    asked = [symbol for symbol, _ in known.values()]
    return read_rows(records, fields, QUOTES, check_quotes, constants={"sequence": 0}, symbols=asked)


def quote_record(
    entry: Mapping[str, Any], known: Mapping[int, tuple[str, Kind]], *, fetched_at: pd.Timestamp
) -> dict[str, Any]:
    """Return one entry with our names; what is no number stays as it came, for the rules to refuse."""
    conid = entry_id(entry)
    symbol, kind = known.get(conid or -1, (str(entry.get(SYMBOL) or entry.get("conid") or ""), "STK"))
    record: dict[str, Any] = {"symbol": symbol, "time": _time_of(entry, fetched_at)}
    for side, price, size in (("bid", BID, BID_SIZE), ("ask", ASK, ASK_SIZE)):
        record[side] = _or_as_it_came(lambda value: price_of(value).value, entry.get(price))
        shown = _or_as_it_came(lambda value, k=kind: size_of(value, k), entry.get(size))
        record[f"{side}_size"] = None if record[side] is None else shown
    return record


def chain_from_snapshot(
    options: Sequence[ListedOption],
    entries: Mapping[int, Mapping[str, Any]],
    *,
    underlying: str,
    underlying_price: float,
    fetched_at: pd.Timestamp,
) -> Answer:
    """Return the chain's quotes; contracts without an entry keep their row and have no price.

    Parameters
    ----------
    options : sequence of ListedOption
        The chain.
    entries : mapping of int to mapping
        Snapshot entries by contract id.
    underlying : str
        Our symbol.
    underlying_price : float
        NaN where it is not known.
    fetched_at : Timestamp
        Time of entries without one.
    """
    records = []
    for option in options:
        entry = {"conid": option.conid, **entries.get(option.conid, {})}
        contract = option.contract
        record = quote_record(entry, {option.conid: (contract.occ_symbol, "OPT")}, fetched_at=fetched_at)
        last = _or_as_it_came(price_of, entry.get(LAST))
        record |= {
            "expiry": f"{contract.expiry:%Y-%m-%d}",
            "strike": float(contract.strike),
            "right": contract.right,
            "exercise": contract.exercise,
            "multiplier": contract.multiplier,
            # With a C it is the close of another day, and no trade of this one.
            "last": (last.value if last.mark != "C" else None) if isinstance(last, Marked) else last,
            "volume": _plain(entry.get(VOLUME) or entry.get(VOLUME_SHORT)),
            "open_interest": _plain(entry.get(OPEN_INTEREST)),
            "vendor_implied_volatility": _fraction(entry.get(VOLATILITY)),
        }
        record |= {ours: _plain(entry.get(theirs)) for ours, theirs in GREEKS.items()}
        records.append(record)
    texts, numbers = ("symbol", "right", "exercise"), (
        "strike", "bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest", "multiplier",
        "vendor_implied_volatility", *GREEKS,
    )  # fmt: skip
    fields = (
        *(Field(name, name, "text") for name in texts),
        Field("time", "time", "iso"),
        Field("expiry", "expiry", "day"),
        *(Field(name, name) for name in numbers),
    )
    constants = {"underlying": underlying, "underlying_price": underlying_price, "modelled": False}
    return read_rows(records, fields, OPTION_QUOTES, check_option_quotes, constants=constants)


def bars_from_history(
    answer: Mapping[str, Any],
    symbol: str,
    *,
    daily: bool,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Answer:
    """Return the bars of one page of history; volumes are multiplied by the answer's own factor."""
    try:
        factor = number_of(answer.get("volumeFactor")).value or 1.0
    except ValueError:
        factor = 1.0
    data = answer.get("data")

    def to_bars(frame: pd.DataFrame) -> pd.DataFrame:
        if daily:
            frame["time"] = session_dates(frame["time"])
        frame["volume"] = frame["volume"].where(frame["volume"] >= 0) * factor
        return frame

    theirs = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    fields = (
        Field("time", "t", "milliseconds"),
        *(Field(ours, name) for ours, name in theirs.items()),
    )
    told = {"symbol": _named(answer.get("symbol"), symbol)}
    return read_rows(
        data if isinstance(data, list) else [],
        fields,
        BARS,
        check_bars,
        constants=told,
        derive=to_bars,
        symbols=[symbol],
        start=start,
        end=end,
    )


def underlyings_of_search(answer: Any, symbol: str) -> list[Underlying]:
    """Return the shares and indices of a search that have exactly a symbol, American ones first."""
    found: list[tuple[int, Underlying]] = []
    for place, item in enumerate(_mappings(answer)):
        text, conid = item.get("symbol"), positive_whole(item.get("conid"))
        if not isinstance(text, str) or conid is None or _plain_name(text) != _plain_name(symbol):
            continue
        sections = {str(each.get("secType")): each for each in _mappings(item.get("sections"))}
        kind: Kind = "IND" if "IND" in sections or item.get("secType") == "IND" else "STK"
        if kind == "STK" and sections and "STK" not in sections:
            continue
        months = str(_mapping(sections.get("OPT")).get("months") or "")
        header = f"{item.get('companyHeader') or ''} {item.get('description') or ''}".replace("-", " ")
        home = bool(_EXCHANGES & set(header.upper().replace("(", " ").replace(")", " ").split()))
        listed = tuple(month.strip() for month in months.split(";") if month.strip())
        rank = (0 if home else 1000) + (0 if listed else 500) + place
        found.append((rank, Underlying(symbol, conid, kind, listed)))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def shares_of_answer(answer: Any, symbols: Collection[str]) -> dict[str, int]:
    """Return the contract ids of shares by our symbols, those listed in the United States."""
    found: dict[str, int] = {}
    names = {_plain_name(symbol): symbol for symbol in symbols}
    for text, listings in _mapping(answer).items():
        symbol = names.get(_plain_name(str(text)))
        if symbol is None:
            continue
        for listing in _mappings(listings):
            if listing.get("assetClass") not in (None, "STK"):
                continue
            for contract in _mappings(listing.get("contracts")):
                conid = positive_whole(contract.get("conid"))
                if conid is not None and contract.get("isUS") is True:
                    found.setdefault(symbol, conid)
    return found


def options_of_info(
    answer: Any, underlying: str, *, strike: float, right: str
) -> tuple[list[ListedOption], list[tuple[str, str, str]]]:
    """Return the contracts of one strike and right in a month, of every expiry and class.

    Returns
    -------
    list of ListedOption
        With the OCC root that the gateway calls the trading class.
    list of tuple
        Symbol, reason and text of what is no contract that was asked for.
    """
    found: list[ListedOption] = []
    bad: list[tuple[str, str, str]] = []
    for item in _mappings(answer):
        text = str(dict(item))[:300]
        conid, root = positive_whole(item.get("conid")), str(item.get("tradingClass") or "").strip().upper()
        expiry = pd.to_datetime(str(item.get("maturityDate") or ""), format="%Y%m%d", errors="coerce")
        told, side = _plain(item.get("strike")), str(item.get("right") or "")[:1].upper()
        if not isinstance(told, float) or abs(told - strike) > 1e-6 or side != right:
            bad.append((root, f"nobody asked for this contract, but for the {right} of {strike:g}", text))
            continue
        symbol = occ_symbols([root], [expiry], [side], [strike])[0]
        if conid is None or symbol is None:
            bad.append((root, "the contract lacks its id, class or date, or its class is no OCC root", text))
            continue
        if underlying_of_root(root) != underlying and root != _plain_name(underlying):
            bad.append((str(symbol), f"its class is not on {underlying}", text))
            continue
        try:
            parsed = parse_occ_symbol(str(symbol))
            multiplier = _plain(item.get("multiplier"))
            shares = int(multiplier) if isinstance(multiplier, float) and multiplier > 0 else 100
            contract = OptionContract(
                root, parsed.expiry, parsed.right, parsed.strike, shares, exercise_of_root(root)
            )
        except ArgumentError as error:
            bad.append((str(symbol), str(error), text))
            continue
        found.append(ListedOption(contract, conid))
    return found, bad


def entry_id(entry: Mapping[str, Any]) -> int | None:
    """Return the contract id of an entry, from ``conid`` or from a ``conidEx`` such as ``265598@SMART``."""
    found = positive_whole(entry.get("conid"))
    return found if found is not None else positive_whole(str(entry.get("conidEx") or "").partition("@")[0])


def positive_whole(value: Any) -> int | None:
    """Return a whole number above zero, which the gateway writes as number or text; else None."""
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found > 0 and not isinstance(value, bool) else None


def milliseconds_of(value: Any) -> int | None:
    """Return milliseconds since 1970, written as number or text; None where it is no instant of our times."""
    found = positive_whole(value)
    return found if found is not None and 10**11 < found < 10**13 else None


def _time_of(entry: Mapping[str, Any], fetched_at: pd.Timestamp) -> str:
    stamp = milliseconds_of(entry.get("_updated"))
    at = fetched_at if stamp is None else pd.Timestamp(datetime.fromtimestamp(stamp / 1000, UTC))
    late = str(entry.get(AVAILABILITY) or "")[:1] in ("D", "Y")
    return (at - _DELAY if late else at).isoformat()


def _or_as_it_came(read: Any, value: Any) -> Any:
    try:
        return read(value)
    except ValueError:
        return value


def _plain(value: Any) -> Any:
    return _or_as_it_came(lambda given: number_of(given).value, value)


def _fraction(value: Any) -> Any:
    """Return a volatility of per cent as a fraction."""
    found = _plain(value)
    return found / 100 if isinstance(found, float) else found


def _named(text: Any, symbol: str) -> str:
    """Return our symbol, unless the answer names somebody else."""
    if not isinstance(text, str) or not text.strip() or len(symbol) > len("BRK.B123"):
        return symbol
    return symbol if _plain_name(text) == _plain_name(symbol) else text.strip()


def _plain_name(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
