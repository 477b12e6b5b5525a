"""The rules that rows must keep to be loaded, and the rows that break them with their reasons.

Rules are vectorised over the whole frame; only rows that break one are described one by one.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DataFormatError
from workbench.market.columns import Column, names
from workbench.market.instruments import symbol_complaint

Mask = npt.NDArray[np.bool_]

_REASONS_ARE_LISTED_UP_TO = 6
# No market has such amounts in any currency; past them a figure is a slip or a unit gone wrong, and one
# such row would drown every other in a sum.
LARGEST = {"price": 1e9, "quantity": 1e12, "volume": 1e15}
_MISSING: dict[str, Any] = {"text": None, "float": np.nan, "instant": pd.NaT, "day": pd.NaT}


class Checked(NamedTuple):
    """Rows that keep the rules, and the rest with line, reason and text."""

    good: pd.DataFrame
    bad: pd.DataFrame


def quarantined_rows(rows: Sequence[tuple[int, str, str, str]] = ()) -> pd.DataFrame:
    """Return the frame of rows that could not be loaded.

    Parameters
    ----------
    rows : sequence of tuple
        Line, symbol (empty where it cannot be told), reason and text of each row.
    """
    lines, symbols, reasons, texts = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "line": pd.array(lines, dtype="int64"),
            "symbol": pd.array(symbols, dtype="str"),
            "reason": pd.array(reasons, dtype="str"),
            "text": pd.array(texts, dtype="str"),
        }
    )


class Rules:
    """The rows of one frame that break rules, with the reasons."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._broken: list[tuple[Mask, Callable[[Any], str]]] = []
        self.refused: Mask = np.zeros(len(frame), dtype=bool)

    def values(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column as numbers, NaN where one is missing."""
        return self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def refuse(self, mask: Mask, reason: Callable[[Any], str]) -> None:
        """Add a rule; comparisons with NaN are false, so a missing value breaks only its own rule."""
        self._broken.append((mask, reason))
        self.refused |= mask

    def missing(self, *columns: str) -> None:
        """Refuse rows without a value in one of these columns."""
        for name in columns:
            self.refuse(absent(self._frame[name]), _missing(name))

    def unless_positive(self, name: str) -> None:
        """Refuse zero, negative and infinite values."""
        values = self.values(name)
        self.refuse(
            (values <= 0) | np.isinf(values),
            lambda row: f"`{name}` is {getattr(row, name):g}; it must be positive",
        )

    def unless_zero_or_more(self, name: str) -> None:
        """Refuse negative and infinite values."""
        values = self.values(name)
        self.refuse(
            (values < 0) | np.isinf(values),
            lambda row: f"`{name}` is {getattr(row, name):g}; it must be zero or more",
        )

    def unless_within(self, kind: str, *columns: str) -> None:
        """Refuse amounts that no market has."""
        limit = LARGEST[kind]
        for name in columns:
            self.refuse(np.abs(self.values(name)) > limit, _beyond(name, limit))

    def unless_a_symbol(self) -> None:
        """Refuse texts that can be no symbol."""
        symbols = self._frame["symbol"]
        complaints = {name: symbol_complaint(str(name)) for name in symbols.dropna().unique()}
        wrong = {name for name, complaint in complaints.items() if complaint}
        if wrong:
            self.refuse(
                np.asarray(symbols.isin(wrong), dtype=bool), lambda row: f"`symbol` {complaints[row.symbol]}"
            )

    def repeated(self, key: list[str]) -> None:
        """Refuse all but the last of the sound rows that share a key."""
        sound = self._frame.loc[~self.refused, key]
        repeated = np.zeros(len(self._frame), dtype=bool)
        repeated[~self.refused] = sound.duplicated(keep="last").to_numpy()
        fields = ", ".join(f"`{name}`" for name in key)
        self.refuse(repeated, lambda row: f"a later row has the same {fields}, and is the one kept")

    def unless_one_of(self, name: str, allowed: Sequence[str]) -> None:
        """Refuse values that are none of the words that a column knows."""
        listed = ", ".join(allowed)
        wrong = ~self._frame[name].isin(allowed) & self._frame[name].notna()
        self.refuse(
            np.asarray(wrong, dtype=bool), lambda row: f"`{name}` is {getattr(row, name)!r}; give {listed}"
        )

    def split(self, columns: Sequence[Column], frame: pd.DataFrame | None = None) -> Checked:
        """Return the rows that keep all rules, and the others described."""
        frame = self._frame if frame is None else frame
        kept = names(columns) + (["line"] if "line" in frame else [])
        good = frame.loc[~self.refused, kept].reset_index(drop=True)
        positions = np.flatnonzero(self.refused)
        return Checked(good, quarantined_rows(self._described(positions, columns)))

    def _described(
        self, positions: npt.NDArray[np.intp], columns: Sequence[Column]
    ) -> list[tuple[int, str, str, str]]:
        broken = self._frame.iloc[positions]
        rows: list[Any] = list(broken.itertuples(index=False))
        reasons: list[list[str]] = [[] for _ in rows]
        for mask, reason in self._broken:
            for place in np.flatnonzero(mask[positions]):
                reasons[place].append(reason(rows[place]))
        lines = broken["line"].to_numpy() if "line" in broken else positions + 1
        given = [column.name for column in columns if column.name in broken]
        return [
            (
                int(line),
                _symbol_of(row),
                "; ".join(reason[:_REASONS_ARE_LISTED_UP_TO]),
                ", ".join(f"{name}={getattr(row, name)}" for name in given),
            )
            for line, row, reason in zip(lines, rows, reasons, strict=True)
        ]


def _symbol_of(row: Any) -> str:
    """Return what a row is about, as far as it tells."""
    symbol = getattr(row, "symbol", getattr(row, "symbols", None))
    return "" if pd.isna(symbol) else str(symbol)


def absent(values: "pd.Series[Any]") -> Mask:
    """Say which values are missing; text of nothing but spaces is."""
    absent = np.asarray(values.isna(), dtype=bool)
    if pd.api.types.is_string_dtype(values.dtype):
        absent = absent | np.asarray(values.fillna("").astype(str).str.strip() == "", dtype=bool)
    return absent


def _missing(name: str) -> Callable[[Any], str]:
    return lambda row: f"`{name}` is missing"


def _beyond(name: str, limit: float) -> Callable[[Any], str]:
    return lambda row: f"`{name}` is {getattr(row, name):g}; more than {limit:g} is no amount of a market"


def below(name: str, other: str) -> Callable[[Any], str]:
    """Say that one price is below another."""
    return lambda row: f"`{name}` {getattr(row, name):g} is below `{other}` {getattr(row, other):g}"


def above(name: str, other: str) -> Callable[[Any], str]:
    """Say that one price is above another."""
    return lambda row: f"`{name}` {getattr(row, name):g} is above `{other}` {getattr(row, other):g}"


def require_columns(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the frame with every column there: one that need not be is added as missing.

    Raises
    ------
    DataFormatError
        If a column that must be there is not, or one is of another type.
    """
    gone = [column.name for column in columns if column.required and column.name not in frame]
    if gone:
        raise DataFormatError(
            f"The frame has no column `{'`, `'.join(gone)}`; it has {', '.join(map(str, frame.columns))}."
        )
    for column in columns:
        if column.name in frame:
            _require_type(column, frame[column.name].dtype)
    added = {column.name: _MISSING[column.dtype] for column in columns if column.name not in frame}
    return frame.assign(**added) if added else frame


def _require_type(column: Column, dtype: Any) -> None:
    name = column.name
    if column.dtype == "float" and dtype.kind not in "fiu":
        raise DataFormatError(f"Column `{name}` is of type {dtype}; give numbers.")
    if column.dtype == "whole" and dtype.kind not in "iu":
        raise DataFormatError(f"Column `{name}` is of type {dtype}; give whole numbers.")
    if column.dtype == "flag" and dtype.kind != "b":
        raise DataFormatError(f"Column `{name}` is of type {dtype}; give True or False.")
    if column.dtype == "instant" and getattr(dtype, "tz", None) is None:
        raise DataFormatError(f"Column `{name}` is of type {dtype}; give times with a time zone.")
    if column.dtype == "day" and dtype.kind != "M":
        raise DataFormatError(f"Column `{name}` is of type {dtype}; give dates (datetime64).")
