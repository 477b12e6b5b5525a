"""Which option a row of a table is about: told by its OCC symbol, or by root, expiry, right and strike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import ArgumentError, DataFormatError
from workbench.market.instruments import (
    exercise_of_root,
    is_option_symbol,
    occ_symbols,
    parse_occ_symbol,
    underlying_of_class,
    underlying_of_root,
)
from workbench.market.settlement import root_of_index
from workbench.providers.parsed import RowReader
from workbench.providers.tables import ticker_of_name

Texts = npt.NDArray[np.object_]

_RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}


def read_contracts(
    reader: RowReader, exercise: str | None, *, symbol: str | None = None, calendar: str = "XNYS"
) -> pd.DataFrame:
    """Return symbol, underlying, expiry, strike, right and exercise of each row.

    Parameters
    ----------
    reader : RowReader
        Of a chain; its `symbol` may hold OCC symbols or the ticker of the underlying.
    exercise : str, optional
        Exercise of all rows that do not state theirs; without it, what is usual for the root.
    symbol : str, optional
        Ticker of the underlying, where no column says it. A file named as a ticker, ``SPX.csv``, needs none.
    calendar : str
        A name of exchange_calendars; tells the monthly expiries, whose index contracts have another root.

    Raises
    ------
    DataFormatError
        If the columns do not tell the contracts.
    ArgumentError
        If `symbol` is given beside a column that says it.
    """
    given = each_distinct(reader.texts("symbol"), _without_mark)
    described = _described_contracts(given)
    named = next((name for name in ("underlying", "root", "symbol") if name in reader), None)
    if named is not None and symbol is not None:
        header = reader.chosen.header(named)
        raise ArgumentError(f"{reader.table.name} says the underlying in {header!r}; leave `symbol` out.")
    if named is None:
        ticker = symbol or ticker_of_name(reader.table.name)
        if ticker is None:
            raise DataFormatError(
                f"{reader.table.name} has no column for `underlying`; it has "
                f"{', '.join(reader.table.columns)}. Say which one it is, as in "
                f"columns={{'{next(iter(reader.table.columns))}': 'underlying'}}, or whose chain it is, as "
                "in symbol='SPX'."
            )
        given = np.full(len(reader), _without_mark(ticker), dtype=object)
    if described is None:
        absent = [name for name in ("expiry", "strike", "right") if name not in reader]
        if absent:
            raise DataFormatError(
                f"{reader.table.name} has no column for `{'`, `'.join(absent)}` and no OCC symbols; "
                f"it has {', '.join(reader.table.columns)}. Say which one it is with columns=."
            )
        stated_underlying = _first_given(each_distinct(reader.texts("underlying"), _without_mark), given)
        expiry = reader.times("expiry", only_days=True, beside="time").values.tz_localize(None)
        stated_root = each_distinct(reader.texts("root"), _without_mark)
        root = _first_given(stated_root, _usual_roots(root_of(stated_underlying), expiry, calendar))
        # A file may name the class for what it is on: SPXW is on SPX, AAPL7 on AAPL.
        on = each_distinct(stated_underlying, underlying_of_class)
        underlying = _first_given(on, each_distinct(root, underlying_of_root))
        frame = pd.DataFrame({"underlying": underlying, "root": root})
        frame["expiry"] = expiry
        frame["strike"] = reader.numbers("strike")
        frame["right"] = read_rights(reader)
        frame.insert(0, "symbol", occ_symbols(root, frame["expiry"], frame["right"], frame["strike"]))
    else:
        frame = described
        reader.refuse(
            np.asarray(frame["root"].isna() & pd.notna(given)),
            lambda at: f"`symbol` {given[at]!r} is no option symbol",
        )
        frame["underlying"] = _first_given(
            each_distinct(each_distinct(reader.texts("underlying"), _without_mark), underlying_of_class),
            frame["underlying"].to_numpy(dtype=object),
        )
    own = each_distinct(frame["root"].to_numpy(dtype=object), exercise_of_root)
    stated = np.char.lower(reader.texts("exercise").astype(str))
    known = np.isin(stated, ("american", "european"))
    frame["exercise"] = np.where(known, stated, exercise if exercise else own)
    text = dict.fromkeys(("symbol", "underlying", "right", "exercise"), "str")
    return frame.drop(columns="root").astype(text)


def _described_contracts(symbols: Texts) -> pd.DataFrame | None:
    """Return the contracts that symbols describe, or None where the symbols are tickers."""
    codes, distinct = pd.factorize(symbols)
    readable = [is_option_symbol(text) for text in distinct]
    if not any(readable):
        return None
    rows: list[tuple[Any, ...]] = []
    for text, option in zip(distinct, readable, strict=True):
        if option:
            found = parse_occ_symbol(text)
            rows.append(
                (
                    found.occ_symbol,
                    found.underlying,
                    found.root,
                    found.expiry,
                    float(found.strike),
                    found.right,
                )
            )
        else:
            rows.append((text, None, None, None, np.nan, None))
    rows.append((None, None, None, None, np.nan, None))  # taken by code -1, no symbol given
    frame = pd.DataFrame(rows, columns=["symbol", "underlying", "root", "expiry", "strike", "right"])
    frame["expiry"] = pd.to_datetime(frame["expiry"]).dt.as_unit("us")
    return frame.iloc[codes].reset_index(drop=True)


def read_rights(reader: RowReader) -> Texts:
    """Return C or P of each row; rows that say something else are refused."""
    given = reader.texts("right")
    rights = each_distinct(given, lambda text: _RIGHTS.get(text.lower()))
    reader.refuse(
        np.asarray(pd.isna(rights) & pd.notna(given)),
        lambda at: f"`right` is {given[at]!r}; call or put was expected",
    )
    return rights


def root_of(underlying: Texts) -> Texts:
    """Write a ticker as OCC roots are: capitals, without the dot or slash of a share class."""
    return each_distinct(underlying, lambda text: "".join(sign for sign in text.upper() if sign.isalnum()))


def _without_mark(ticker: str) -> str:
    """Return a ticker in capitals, without the mark of an index: ``SPX`` of ``^SPX``, ``$SPX``, ``spx``."""
    capitals = ticker.upper()
    return capitals.removeprefix("I:").lstrip("^$") or capitals


def _usual_roots(roots: Texts, expiries: pd.DatetimeIndex, calendar: str) -> Texts:
    """Return the roots of contracts of which a file says only the ticker: weekly ones of SPX are SPXW."""
    pairs = pd.MultiIndex.from_arrays([roots, expiries])
    codes, distinct = pd.factorize(pairs)
    usual = [root_of_index(root, day, calendar) if isinstance(root, str) else None for root, day in distinct]
    return np.array([*usual, None], dtype=object)[codes]


def each_distinct(texts: Texts, change: Callable[[str], Any]) -> Texts:
    """Apply a function to each distinct text once; missing stays missing."""
    codes, distinct = pd.factorize(texts)
    changed = np.array([*(change(text) for text in distinct), None], dtype=object)
    return changed[codes]


def _first_given(texts: Texts, otherwise: Texts) -> Texts:
    return np.where(pd.notna(texts), texts, otherwise).astype(object)
