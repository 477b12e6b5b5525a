"""Option contracts and their symbols: the OCC's 21 characters, with the root as part of the identity."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import ArgumentError

# The last 15 characters are fixed width; adjusted roots (AAPL1) contain digits, so read from the right.
_OCC = re.compile(r"^(?:O:)?([A-Z0-9]{1,6}) *(\d{6})([CP])(\d{8})$")
_DXFEED = re.compile(r"^\.([A-Z0-9]{1,6}?)(\d{6})([CP])(\d+(?:\.\d{1,3})?)$")
_ROOT = re.compile(r"^[A-Z][A-Z0-9]{0,5}$")
_ADJUSTED_CLASS = re.compile(r"^[A-Z]{1,5}[1-9]$")

# Roots whose underlying has another name. A digit behind any other root marks an adjusted contract.
_UNDERLYING_OF_ROOT = {
    "SPXW": "SPX",
    "NDXP": "NDX",
    "RUTW": "RUT",
    "VIXW": "VIX",
    "BRKB": "BRK.B",
    "BFB": "BF.B",
}
_INDEX_CLASSES = ("SPXW", "NDXP", "RUTW", "VIXW")
# Cash-settled index options that can only be exercised at expiry, by the specifications of Cboe and Nasdaq
# (OEX is American).
_EUROPEAN_ROOTS = frozenset(
    {
        "SPX", "SPXW", "XSP", "NDX", "NDXP", "XND", "NQX", "RUT", "RUTW", "MRUT", "VIX", "VIXW", "XEO", "DJX",
        "RUI", "RLG", "RLV", "MXEA", "MXEF",
    }
)  # fmt: skip
_STRIKE_LIMIT = Decimal(100_000)
_LIKE_AN_OPTION = re.compile(r"\d{6}[A-Za-z]\d|\d.*\s[CP]$", re.IGNORECASE)
_LONGEST_SYMBOL = 40
# The calendars of market/calendars.py end there.
_LAST_YEAR = 2049


@dataclass(frozen=True, slots=True)
class OptionContract:
    """One listed option.

    Parameters
    ----------
    root : str
        The OCC root, as in ``SPY``, ``SPXW`` or the adjusted ``AAPL1``; at most six characters.
    expiry : date
        The expiration date of the symbol: a Saturday for standard contracts before February 2015.
    right : {"C", "P"}
        Call or put.
    strike : Decimal
        In currency per share, in steps of 0.001 and below 100 000.
    multiplier : int
        Shares (or currency units of an index) behind one contract.
    exercise : {"american", "european"}
        When the holder may exercise.

    Raises
    ------
    ArgumentError
        If a field cannot be part of an OCC symbol.

    Examples
    --------
    >>> OptionContract("SPY", date(2021, 9, 17), "C", Decimal("450")).occ_symbol
    'SPY   210917C00450000'
    """

    root: str
    expiry: date
    right: Literal["C", "P"]
    strike: Decimal
    multiplier: int = 100
    exercise: Literal["american", "european"] = "american"

    def __post_init__(self) -> None:
        if not _ROOT.match(self.root):
            raise ArgumentError(f"`root` is {self.root!r}; give one to six capitals or digits, as in 'SPY'.")
        if self.right not in ("C", "P"):
            raise ArgumentError(f"`right` is {self.right!r}; give 'C' for a call or 'P' for a put.")
        if not isinstance(self.strike, Decimal) or not self.strike.is_finite():
            raise ArgumentError(f"`strike` is {self.strike!r}; give a finite Decimal.")
        if not 0 < self.strike < _STRIKE_LIMIT or self.strike * 1000 % 1:
            raise ArgumentError(
                f"`strike` is {self.strike}; an OCC symbol holds 0.001 to 99999.999 in steps of 0.001."
            )
        if self.multiplier <= 0:
            raise ArgumentError(f"`multiplier` is {self.multiplier}; give a positive number of shares.")
        if self.exercise not in ("american", "european"):
            raise ArgumentError(f"`exercise` is {self.exercise!r}; give 'american' or 'european'.")

    @property
    def occ_symbol(self) -> str:
        """The OCC's 21 characters, as in ``SPY   210917C00450000``."""
        return f"{self.root:<6}{self.expiry:%y%m%d}{self.right}{int(self.strike * 1000):08d}"

    @property
    def compact_symbol(self) -> str:
        """The symbol without the padding, as Alpaca writes it: ``SPY210917C00450000``."""
        return self.occ_symbol.replace(" ", "")

    @property
    def dxfeed_symbol(self) -> str:
        """The symbol as dxFeed writes it: ``.SPY210917C450``, the strike without trailing zeros."""
        return f".{self.root}{self.expiry:%y%m%d}{self.right}{_plain_strike(self.strike)}"

    @property
    def underlying(self) -> str:
        """The ticker that the option is on, as in ``SPX`` for the root ``SPXW``."""
        return underlying_of_root(self.root)

    @property
    def kind(self) -> Literal["call", "put"]:
        """The right in words, as the book frame has it."""
        return "call" if self.right == "C" else "put"

    @property
    def description(self) -> str:
        """The contract as people write it, as in ``AAPL 20 Apr 13 430 P``."""
        strike = _plain_strike(self.strike)
        return f"{self.root} {self.expiry.day} {self.expiry:%b %y} {strike} {self.right}"


def parse_occ_symbol(text: str) -> OptionContract:
    """Read an option symbol in one of the forms that vendors write.

    Parameters
    ----------
    text : str
        Padded (``AAPL  260116C00150000``), compact (``AAPL260116C00150000``), Polygon's ``O:`` form or
        dxFeed's (``.AAPL260116C150``).

    Returns
    -------
    OptionContract
        With the multiplier 100, and European exercise for the index roots known to have it. Read other
        multipliers from reference data: a symbol does not carry them.

    Raises
    ------
    ArgumentError
        If the text is none of these, or its date does not exist.

    References
    ----------
    OCC, Options Symbology Initiative (2010).
    """
    stripped = text.strip()
    occ, dxfeed = _OCC.match(stripped), _DXFEED.match(stripped)
    found = occ or dxfeed
    if found is None:
        raise ArgumentError(f"{text!r} is no option symbol; write it as in 'SPY   210917C00450000'.")
    root, day, right, strike = found.groups()
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError as error:
        raise ArgumentError(f"The date {day} in {text!r} does not exist; it is read as YYMMDD.") from error
    return OptionContract(
        root=root,
        expiry=expiry,
        right="C" if right == "C" else "P",
        strike=Decimal(strike) / 1000 if occ else Decimal(strike),
        exercise=exercise_of_root(root),
    )


def is_option_symbol(text: str) -> bool:
    """Say whether `parse_occ_symbol` can read the text."""
    try:
        parse_occ_symbol(text)
    except ArgumentError:
        return False
    return True


def symbol_complaint(symbol: str) -> str | None:
    """Say why a text can be no symbol of a desk, or None when it can.

    An option's symbol that cannot be read would pass for a share of that name.

    Examples
    --------
    >>> symbol_complaint("AAPL  130420C00490000"), symbol_complaint("BRK B")
    (None, None)
    """
    if not symbol.isprintable():
        return "holds control characters"
    if len(symbol) > _LONGEST_SYMBOL:
        return f"is {len(symbol):,} characters long; a symbol has at most {_LONGEST_SYMBOL}"
    if not _LIKE_AN_OPTION.search(symbol):
        return None
    try:
        contract = parse_occ_symbol(symbol)
    except ArgumentError:
        return "looks like an option and cannot be read as one; write it as in 'SPY   210917C00450000'"
    if contract.expiry.year > _LAST_YEAR:
        return f"expires in {contract.expiry.year}; calendars are known to {_LAST_YEAR}"
    return None


def underlying_of_root(root: str) -> str:
    """Return the ticker behind an OCC root: ``SPX`` of ``SPXW``, ``AAPL`` of the adjusted ``AAPL1``."""
    if root in _UNDERLYING_OF_ROOT:
        return _UNDERLYING_OF_ROOT[root]
    return root.rstrip("0123456789") or root


def underlying_of_class(ticker: str) -> str:
    """Return what a class of options is on, where a table names the class for it; other tickers as they are.

    A digit behind letters marks an adjusted contract or a mini; no listed share of the United States ends so.

    Examples
    --------
    >>> underlying_of_class("SPXW"), underlying_of_class("AAPL7"), underlying_of_class("MSFT")
    ('SPX', 'AAPL', 'MSFT')
    """
    if ticker in _INDEX_CLASSES or _ADJUSTED_CLASS.match(ticker):
        return underlying_of_root(ticker)
    return ticker


def exercise_of_root(root: str) -> Literal["american", "european"]:
    """Return when options of a root may be exercised: European for US cash-settled indices, else American."""
    return "european" if root in _EUROPEAN_ROOTS else "american"


def underlying_of(symbol: str) -> str:
    """Return the underlying of an option symbol, or the symbol itself when it is no option.

    Examples
    --------
    >>> underlying_of("SPXW  210917C04450000"), underlying_of("MSFT")
    ('SPX', 'MSFT')
    """
    return parse_occ_symbol(symbol).underlying if is_option_symbol(symbol) else symbol


def occ_symbols(
    roots: npt.ArrayLike, expiries: Any, rights: npt.ArrayLike, strikes: npt.ArrayLike
) -> npt.NDArray[np.object_]:
    """Build the OCC symbols of many contracts at once.

    Parameters
    ----------
    roots, expiries, rights, strikes : array_like, 1-D of one length
        Roots as text, expiration dates, ``"C"`` or ``"P"``, and strikes in currency per share.

    Returns
    -------
    ndarray of object
        Symbols of 21 characters; None where a field is missing or does not fit the symbol.
    """
    frame = pd.DataFrame(
        {
            "root": np.asarray(roots, dtype=object),
            "expiry": pd.to_datetime(pd.Series(expiries)).to_numpy(),
            "right": np.asarray(rights, dtype=object),
            "strike": np.asarray(strikes, dtype=np.float64),
        }
    )
    codes, contracts = pd.factorize(pd.MultiIndex.from_frame(frame), use_na_sentinel=False)
    symbols = np.array([_occ_symbol(*fields) for fields in contracts], dtype=object)
    return symbols[codes] if len(codes) else symbols


def _plain_strike(strike: Decimal) -> str:
    text = f"{strike:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _occ_symbol(root: Any, expiry: Any, right: Any, strike: float) -> str | None:
    if not isinstance(root, str) or pd.isna(expiry) or right not in ("C", "P") or not np.isfinite(strike):
        return None
    try:
        # Twelve digits undo the binary tail of a float without hiding a strike finer than 0.001.
        price = Decimal(f"{strike:.12g}")
        return OptionContract(root, expiry.date(), right, price).occ_symbol
    except (ArgumentError, InvalidOperation):
        return None
