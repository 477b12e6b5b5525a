"""Which column of a file is which of ours: guessed from its name, or said by the caller."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers.base import nearest_names

# Names by which vendors call a column, in small letters and digits only. What stands first is meant first.
BAR_NAMES = {
    "symbol": ("symbol", "ticker", "sym", "tickersymbol", "instrument", "tic"),
    "time": (
        "time",
        "date",
        "datetime",
        "timestamp",
        "day",
        "session",
        "tradedate",
        "windowstart",
        "bartime",
    ),
    "open": ("open", "openprice", "o", "1open"),
    "high": ("high", "highprice", "h", "2high"),
    "low": ("low", "lowprice", "l", "3low"),
    "close": ("close", "closeprice", "c", "4close", "closelast"),
    "volume": ("volume", "vol", "v", "5volume", "totalvolume"),
    "vwap": ("vwap", "vw", "volumeweightedaverageprice", "averageprice", "wap"),
    "dividend": ("divcash", "dividends", "dividend", "exdividend"),
    "split": ("splitfactor", "stocksplits", "splitratio", "splitcoefficient"),
}
QUOTE_NAMES = {
    "symbol": ("symbol", "occsymbol", "optionsymbol", "contractsymbol", "contract", "optionticker", "ticker"),
    "underlying": ("underlying", "underlyingsymbol", "underlyingticker", "actsymbol"),
    "root": ("root", "optionroot", "rootsymbol"),
    "time": (
        "time", "quotedate", "quotedatetime", "quotetime", "date", "datetime", "timestamp", "datadate",
        "tradedate", "quotereadtime", "quoteunixtime", "asof", "asofdate",
    ),
    "expiry": (
        "expiry", "expiration", "expirationdate", "expirydate", "expdate", "exdate", "expiredate",
        "maturity", "maturitydate",
    ),
    "strike": ("strike", "strikeprice"),
    "right": ("right", "optiontype", "type", "callput", "putcall", "cpflag", "cp", "optionright"),
    "bid": ("bid", "bidprice", "bestbid"),
    "ask": ("ask", "askprice", "bestask", "bestoffer", "offer"),
    "last": ("last", "lastprice", "lasttradeprice", "close"),
    "bid_size": ("bidsize", "bidsz"),
    "ask_size": ("asksize", "asksz"),
    "volume": ("volume", "vol", "tradevolume", "totalvolume"),
    "open_interest": ("openinterest", "openint", "oi"),
    "underlying_price": (
        "underlyingprice", "underlyingclose", "underlyinglast", "underlyingmidprice", "spot", "stockprice",
        "activeunderlyingprice", "spotprice", "indexprice", "underlyingvalue",
    ),
    "vendor_implied_volatility": (
        "vendorimpliedvolatility", "impliedvolatility", "impliedvol", "implvolatility", "implvol", "impvol",
        "iv", "midiv",
    ),
    "vendor_delta": ("vendordelta", "delta"),
    "vendor_gamma": ("vendorgamma", "gamma"),
    "vendor_theta": ("vendortheta", "theta"),
    "vendor_vega": ("vendorvega", "vega"),
    "exercise": ("exercise", "exercisestyle"),
    "multiplier": ("multiplier", "contractsize", "sharespercontract"),
    "modelled": ("modelled",),
}  # fmt: skip
FILL_NAMES = {
    "fill_id": ("fillid", "executionid", "execid", "tradeid", "transactionid", "id"),
    "account": ("account", "accountid", "accountnumber"),
    "time": (
        "time", "datetime", "date", "timestamp", "tradetime", "tradedate", "executiontime", "executedat",
        "filledat", "transactiontime",
    ),
    "symbol": ("symbol", "ticker", "instrument", "contract"),
    "underlying": ("underlying", "underlyingsymbol", "root", "rootsymbol"),
    "expiry": QUOTE_NAMES["expiry"],
    "strike": QUOTE_NAMES["strike"],
    "right": ("right", "optiontype", "callput", "putcall", "callorput"),
    "quantity": ("quantity", "qty", "filledqty", "shares", "contracts", "filledquantity"),
    "side": ("side", "action", "buysell", "bs", "instruction"),
    "price": ("price", "fillprice", "tradeprice", "executionprice", "avgprice", "filledavgprice"),
    "fees": ("fees", "fee", "commission", "commissions", "comm", "regfees", "exchangefees"),
    "currency": ("currency", "ccy"),
    "strategy": ("strategy", "tag", "strategytag"),
}  # fmt: skip
# Amounts that are paid together; any other of our columns comes from one of theirs.
_ADDED_UP = frozenset({"fees"})
_IGNORE = "ignore"
_DATE_NAMES = frozenset({"date", "day", "tradedate", "quotedate"})


@dataclass(frozen=True)
class ChosenColumns:
    """Which headers feed which of our columns.

    Attributes
    ----------
    headers : dict of str to list of str
        Our name to their headers; more than one where amounts are added up.
    formats : dict of str to str
        Their header to what the caller said of its format: ``%d/%m/%Y``, or a sample number.
    ignored : tuple of str
        Headers that nothing was taken from.
    """

    headers: dict[str, list[str]]
    formats: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.headers

    def header(self, name: str) -> str:
        """Return the header that feeds one of our columns."""
        return self.headers[name][0]


def choose_columns(
    headers: Sequence[str],
    known: Mapping[str, Sequence[str]],
    mapping: Mapping[str, str] | None,
    *,
    file: str,
) -> ChosenColumns:
    """Match the headers of a file to our columns.

    Parameters
    ----------
    headers : sequence of str
        As the file has them.
    known : mapping
        Our columns, each with the names that vendors give it.
    mapping : mapping, optional
        Their header to ours; it wins over the guess. ``"time:%d/%m/%Y"`` also says how dates are written,
        ``"close:1.234,56"`` how numbers are, and ``"ignore"`` leaves a column out.
    file : str
        Named in messages.

    Raises
    ------
    ArgumentError
        If the mapping names a column of ours that does not exist.
    DataFormatError
        If it names a header that the file does not have, or two headers could be the same column.
    """
    chosen: dict[str, list[str]] = {}
    formats: dict[str, str] = {}
    for header, target in (mapping or {}).items():
        _require_header(header, headers, file)
        if target == _IGNORE:
            continue
        name, _, pattern = target.partition(":")
        _require_ours(name, known, header)
        chosen.setdefault(name, []).append(header)
        if pattern:
            formats[header] = pattern
    said = set(mapping or {})
    free = [header for header in headers if header not in said]
    for name, spellings in known.items():
        if name in chosen and name not in _ADDED_UP:
            continue
        found = [header for header in free if _letters(header) in spellings]
        if name == "time" and len(found) == 2 and _is_clock_beside_date(found):
            chosen["time"] = sorted(found, key=_letters)  # date before time
        elif name in _ADDED_UP:
            chosen[name] = chosen.get(name, []) + found
        elif found:
            chosen[name] = [_only_one(found, name, file)]
        if not chosen.get(name, True):
            del chosen[name]
    for name, theirs in chosen.items():
        if len(theirs) > 1 and name not in _ADDED_UP and name != "time":
            _only_one(theirs, name, file)
    used = {header for theirs in chosen.values() for header in theirs}
    return ChosenColumns(chosen, formats, tuple(header for header in headers if header not in used))


def require_columns(chosen: ChosenColumns, names: Sequence[str], headers: Sequence[str], file: str) -> None:
    """Refuse a file that lacks columns.

    Raises
    ------
    DataFormatError
        Naming the first missing column and what the file has instead.
    """
    absent = [name for name in names if name not in chosen]
    if absent:
        raise DataFormatError(
            f"{file} has no column for `{'`, `'.join(absent)}`; it has {', '.join(headers)}. "
            f"Say which one it is, as in columns={{'{headers[0]}': '{absent[0]}'}}."
        )


def _letters(header: str) -> str:
    return re.sub(r"[^a-z0-9]", "", header.lower())


def _is_clock_beside_date(found: Sequence[str]) -> bool:
    spelled = {_letters(header) for header in found}
    return "time" in spelled and bool(spelled & _DATE_NAMES)


def _only_one(found: Sequence[str], name: str, file: str) -> str:
    # A header that is our own name is meant; between two foreign ones only the user knows.
    own = [header for header in found if header == name or header.lower() == name]
    if len(found) == 1 or len(own) == 1:
        return own[0] if own else found[0]
    raise DataFormatError(
        f"In {file} both `{found[0]}` and `{found[1]}` could be `{name}`; ignore one, "
        f"as in columns={{'{found[1]}': '{_IGNORE}'}}."
    )


def _require_header(header: str, headers: Sequence[str], file: str) -> None:
    if header not in headers:
        near = nearest_names(header, headers) or headers
        raise DataFormatError(
            f"{file} has no column {header!r}, which columns= names; it has {', '.join(near)}."
        )


def _require_ours(name: str, known: Mapping[str, Sequence[str]], header: str) -> None:
    if name not in known:
        near = nearest_names(name, known) or list(known)
        raise ArgumentError(
            f"columns= maps {header!r} to {name!r}, which is none of ours; nearest: {', '.join(near)}."
        )
