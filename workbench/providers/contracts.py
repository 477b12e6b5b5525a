"""Which option a row of a table is about: told by its OCC symbol, or by root, expiry, right and strike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DataFormatError
from workbench.market.instruments import (
    exercise_of_root,
    is_option_symbol,
    occ_symbols,
    parse_occ_symbol,
    underlying_of_root,
)
from workbench.providers.parsed import RowReader

Texts = npt.NDArray[np.object_]

_RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}


def read_contracts(reader: RowReader, exercise: str | None) -> pd.DataFrame:
    """Return symbol, underlying, expiry, strike, right and exercise of each row.

    Parameters
    ----------
    reader : RowReader
        Of a chain; its `symbol` may hold OCC symbols or the ticker of the underlying.
    exercise : str, optional
        Exercise of all rows that do not state theirs; without it, what is usual for the root.

    Raises
    ------
    DataFormatError
        If the columns do not tell the contracts.
    """
    given = reader.texts("symbol")
    described = _described_contracts(given)
    if described is None and "underlying" not in reader and "root" not in reader and "symbol" not in reader:
        raise DataFormatError(
            f"{reader.table.name} has no column for `underlying`; it has {', '.join(reader.table.columns)}. "
            f"Say which one it is, as in columns={{'{next(iter(reader.table.columns))}': 'underlying'}}."
        )
    if described is None:
        absent = [name for name in ("expiry", "strike", "right") if name not in reader]
        if absent:
            raise DataFormatError(
                f"{reader.table.name} has no column for `{'`, `'.join(absent)}` and no OCC symbols; "
                f"it has {', '.join(reader.table.columns)}. Say which one it is with columns=."
            )
        underlying = _first_given(reader.texts("underlying"), given)
        root = _first_given(reader.texts("root"), root_of(underlying))
        underlying = _first_given(underlying, each_distinct(root, underlying_of_root))
        frame = pd.DataFrame({"underlying": underlying, "root": root})
        frame["expiry"] = reader.times("expiry", only_days=True).values.tz_localize(None)
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
            reader.texts("underlying"), frame["underlying"].to_numpy(dtype=object)
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


def each_distinct(texts: Texts, change: Callable[[str], Any]) -> Texts:
    """Apply a function to each distinct text once; missing stays missing."""
    codes, distinct = pd.factorize(texts)
    changed = np.array([*(change(text) for text in distinct), None], dtype=object)
    return changed[codes]


def _first_given(texts: Texts, otherwise: Texts) -> Texts:
    return np.where(pd.notna(texts), texts, otherwise).astype(object)
