"""Zerodha's list of instruments: what each symbol's number is, and what its contract is."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from workbench.errors import ServiceAnswerError

_NEEDED = ("instrument_token", "tradingsymbol", "exchange")
# Options on these indices carry a name of their own.
_CLASS_OF_INDEX: Mapping[str, str] = {
    "NSE:NIFTY 50": "NIFTY",
    "NSE:NIFTY BANK": "BANKNIFTY",
    "NSE:NIFTY FIN SERVICE": "FINNIFTY",
    "NSE:NIFTY MID SELECT": "MIDCPNIFTY",
    "NSE:NIFTY NEXT 50": "NIFTYNXT50",
    "BSE:SENSEX": "SENSEX",
    "BSE:BANKEX": "BANKEX",
    "BSE:SENSEX50": "SENSEX50",
}
_INDEX_OF_CLASS = {name: symbol for symbol, name in _CLASS_OF_INDEX.items()}
# Where options on what is traded at an exchange are listed.
_OPTIONS_AT = {"NSE": "NFO", "BSE": "BFO"}
_RIGHTS = {"CE": "C", "PE": "P"}


@dataclass(frozen=True, slots=True)
class Instrument:
    """One line of the list.

    Attributes
    ----------
    symbol : str
        The desk's, exchange and trading symbol, as in ``NSE:INFY``.
    token : int
        Zerodha's number; an exchange gives those of expired contracts to others.
    name : str
        The company, or of a derivative what it is on.
    kind : str
        EQ, FUT, CE or PE.
    segment : str
        As in ``NFO-OPT``.
    expiry : date or None
        Of a derivative.
    strike : float
        In rupees; 0 where there is none.
    lot : float
        Units behind one contract.
    """

    symbol: str
    token: int
    name: str
    kind: str
    segment: str
    expiry: date | None
    strike: float
    lot: float

    @property
    def right(self) -> str | None:
        """C or P of an option; None of anything else."""
        return _RIGHTS.get(self.kind)


class Instruments:
    """The list of one morning, by symbol and by number.

    Parameters
    ----------
    instruments : iterable of Instrument
        In the order of the list; of two with one symbol the later counts.
    unreadable : sequence of (int, str, str)
        Line, reason and text of the lines that could not be read.
    """

    def __init__(self, instruments: Iterable[Instrument], unreadable: list[tuple[int, str, str]]) -> None:
        self.unreadable = unreadable
        self._by_symbol = {each.symbol: each for each in instruments}
        self._by_token = {each.token: each.symbol for each in self._by_symbol.values()}

    def __len__(self) -> int:
        return len(self._by_symbol)

    def get(self, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol, or None."""
        return self._by_symbol.get(symbol)

    def symbol_of(self, token: int) -> str | None:
        """Return the symbol of a number, or None."""
        return self._by_token.get(token)

    def symbols(self) -> list[str]:
        """Return all symbols in order."""
        return sorted(self._by_symbol)

    def underlying(self, text: str) -> str:
        """Return the symbol of what options are on, where a class such as ``NIFTY`` stands for it.

        Examples
        --------
        >>> Instruments([], []).underlying("BANKNIFTY")
        'NSE:NIFTY BANK'
        """
        if text in self._by_symbol or ":" in text:
            return text
        return _INDEX_OF_CLASS.get(text, f"NSE:{text}")

    def options(self, underlying: str, expiry: date | None = None) -> list[Instrument]:
        """Return the options on a share or an index, by expiry, strike and right.

        Parameters
        ----------
        underlying : str
            As in ``NSE:INFY`` or ``NSE:NIFTY 50``.
        expiry : date, optional
            Only these.
        """
        exchange, _, trading_symbol = underlying.partition(":")
        name = _CLASS_OF_INDEX.get(underlying, trading_symbol)
        prefix = f"{_OPTIONS_AT.get(exchange, exchange)}:{name}"
        found = [
            each
            for symbol, each in self._by_symbol.items()
            if symbol.startswith(prefix)
            and each.right is not None
            and each.expiry is not None
            # Old lists leave the name of a derivative empty; then only the symbol can tell.
            and (each.name == name if each.name else symbol[len(prefix) : len(prefix) + 1].isdigit())
            and (expiry is None or each.expiry == expiry)
        ]
        return sorted(found, key=lambda each: (each.expiry or date.max, each.strike, each.kind))


def instruments_from_csv(text: str, *, service: str) -> Instruments:
    """Read the list.

    Parameters
    ----------
    text : str
        CSV with a header; columns that the desk does not use may be missing, others may be added.
    service : str
        Whose list it is, for the error.

    Raises
    ------
    ServiceAnswerError
        If it has not the columns that name an instrument, or no line at all.

    References
    ----------
    kite.trade/docs/connect/v3/market-quotes, "Instruments".
    """
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise ServiceAnswerError(
            f"{service}'s list of instruments has no column {', '.join(missing)}; ask again later.",
            service=service,
        )
    read = _reader(header)
    found: list[Instrument] = []
    unreadable: list[tuple[int, str, str]] = []
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            reason = f"{len(row)} fields instead of {len(header)}"
            unreadable.append((rows.line_num, reason, ",".join(row)[:300]))
            continue
        try:
            found.append(read(row))
        except ValueError as error:
            unreadable.append((rows.line_num, str(error), ",".join(row)[:300]))
    if not found:
        raise ServiceAnswerError(
            f"{service}'s list of instruments holds none; ask again later.", service=service
        )
    return Instruments(found, unreadable)


def _reader(header: Sequence[str]) -> Callable[[Sequence[str]], Instrument]:
    """Return what turns a line into an instrument; a hundred thousand lines come each morning."""
    places = {name: place for place, name in enumerate(header)}
    exchange_at, symbol_at, token_at = (
        places[name] for name in ("exchange", "tradingsymbol", "instrument_token")
    )
    absent = len(header)
    name_at, kind_at, segment_at, expiry_at, strike_at, lot_at = (
        places.get(name, absent)
        for name in ("name", "instrument_type", "segment", "expiry", "strike", "lot_size")
    )
    expiries: dict[str, date | None] = {"": None}

    def read(row: Sequence[str]) -> Instrument:
        line = [*row, ""]
        symbol, exchange = line[symbol_at].strip(), line[exchange_at].strip()
        if not symbol or not exchange:
            raise ValueError("`tradingsymbol` or `exchange` is missing")
        expiry = line[expiry_at].strip()[:10]
        if expiry not in expiries:
            expiries[expiry] = date.fromisoformat(expiry)
        return Instrument(
            symbol=f"{exchange}:{symbol}",
            token=int(line[token_at]),
            name=line[name_at].strip().strip('"'),
            kind=line[kind_at].strip(),
            segment=line[segment_at].strip(),
            expiry=expiries[expiry],
            strike=float(line[strike_at] or 0),
            lot=float(line[lot_at] or 1),
        )

    return read
