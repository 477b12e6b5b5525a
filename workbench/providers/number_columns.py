"""Numbers as people and vendors write them: read where they mean one thing, refused where they mean two."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers.tables import RawTable

Mask = npt.NDArray[np.bool_]

_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
# 1,234.5 or 1,234,567 or 12.50 can only have a decimal point; 12,5 or 1.234,5 only a decimal comma.
_POINT_EVIDENCE = (
    r"^[-+]?(\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,}|\d*\.(\d{1,2}|\d{4,})|0\.\d+|\d{4,}\.\d+)$"
)
_COMMA_EVIDENCE = r"^[-+]?(\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}|\d*,(\d{1,2}|\d{4,})|0,\d+|\d{4,},\d+)$"
_CURRENCY_SIGN = r"^([-+]?)[$€£¥] ?"
_PERCENT_SIGN = r" ?%$"


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a file are written: which sign stands before the decimals."""

    decimal: str = "."

    @property
    def thousands(self) -> str:
        """The sign between groups of three digits."""
        return "," if self.decimal == "." else "."


def number_style(table: RawTable, headers: Sequence[str], formats: dict[str, str]) -> NumberStyle:
    """Find out how a file writes its numbers, from all number columns together.

    A point is the decimal sign unless values say otherwise. Where commas occur, some value must show what
    they are: ``1,234.50`` and ``12,5`` do, ``1,234`` alone does not.

    Parameters
    ----------
    table : RawTable
        The file.
    headers : sequence of str
        Its number columns.
    formats : dict of str to str
        Sample numbers by header where the caller gave one, as in ``1.234,56``.

    Raises
    ------
    DataFormatError
        If commas may be decimal or thousands, or are both.
    ArgumentError
        If a sample number shows no decimal sign.
    """
    for header in headers:
        if header in formats:
            return _style_of_sample(formats[header], header)
    texts = {header: table.text(header) for header in headers if table.is_text(header) and not table.plain}
    texts = {header: text for header, text in texts.items() if _any(pc.match_substring(text, ","))}
    if not texts:
        return NumberStyle()
    # Evidence may stand in a column that has no comma itself, such as prices beside a grouped volume.
    every = [_without_sign(table.text(header)) for header in headers if table.is_text(header)]
    point = any(_any(pc.match_substring_regex(text, _POINT_EVIDENCE)) for text in every)
    comma = any(_any(pc.match_substring_regex(text, _COMMA_EVIDENCE)) for text in every)
    header, text = next(iter(texts.items()))
    sample = pc.filter(text, pc.match_substring(text, ","))[0].as_py()
    remedy = f"show how numbers are written, as in columns={{'{header}': '<ours>:1.234,56'}}"
    if point and comma:
        raise DataFormatError(
            f"{table.name} writes some numbers with a decimal point and some with a decimal comma "
            f"({sample!r} in {header!r}); {remedy}."
        )
    if not point and not comma:
        raise DataFormatError(
            f"In {table.name} {sample!r} of {header!r} may be thousands or decimals; {remedy} "
            "or '<ours>:1,234.56'."
        )
    return NumberStyle("," if comma else ".")


def read_numbers(
    table: RawTable, header: str, style: NumberStyle, *, percent: bool = False
) -> tuple[npt.NDArray[np.float64], Mask]:
    """Read a column as float64.

    Parameters
    ----------
    table : RawTable
        The file.
    header : str
        Of the column.
    style : NumberStyle
        How the file writes numbers.
    percent : bool
        Take ``25.4%`` for 0.254; elsewhere it is no number.

    Returns
    -------
    values : ndarray
        NaN where nothing was written, or what was written is no number.
    unreadable : ndarray of bool
        True where something else than a number was written.
    """
    column = table.columns[header]
    if not table.is_text(header):
        return _typed_numbers(column)
    text = table.text(header)
    if style.decimal == ".":
        try:
            # Nearly every column is plain, and one cast reads it.
            return _to_floats(pc.cast(text, pa.float64())), np.zeros(len(table), dtype=bool)
        except pa.ArrowInvalid:
            pass
    signed = _mask(pc.match_substring_regex(text, _PERCENT_SIGN)) if percent else np.zeros(len(table), bool)
    if signed.any():
        text = pc.replace_substring_regex(text, _PERCENT_SIGN, "")
    plain = _plain_numbers(text, style)
    readable = pc.match_substring_regex(plain, _NUMBER)
    values = _to_floats(pc.cast(pc.if_else(readable, plain, pa.scalar(None, pa.string())), pa.float64()))
    values[signed] /= 100
    return values, _mask(pc.invert(readable))


def read_decimals(table: RawTable, header: str, style: NumberStyle) -> tuple[npt.NDArray[np.object_], Mask]:
    """Read a column as exact decimals, for money and quantities.

    Returns
    -------
    values : ndarray of Decimal
        None where nothing was written, or what was written is no number.
    unreadable : ndarray of bool
        True where something else than a number was written.
    """
    if table.is_text(header):
        text = _plain_numbers(table.text(header), style)
        readable = pc.match_substring_regex(text, _NUMBER)
        written = pc.if_else(readable, text, pa.scalar(None, pa.string())).to_pylist()
        unreadable = _mask(pc.invert(readable))
    else:
        # A float's shortest text is the number that was meant: 0.1, not its binary tail.
        plain = pd.Series(table.columns[header].to_pylist(), dtype=object)
        written = [None if absent else str(value) for value, absent in zip(plain, plain.isna(), strict=True)]
        unreadable = np.zeros(len(table), dtype=bool)
    values = np.full(len(table), None, dtype=object)
    for at, value in enumerate(written):
        if value is None:
            continue
        try:
            values[at] = Decimal(value)
        except InvalidOperation:
            unreadable[at] = True
    return values, unreadable


def _plain_numbers(text: Any, style: NumberStyle) -> Any:
    """Take currency signs and well-placed group signs away, and make the decimal sign a point."""
    text = _without_sign(text)
    group, decimal = (rf"\{sign}" for sign in (style.thousands, style.decimal))
    grouped = pc.match_substring_regex(text, rf"^[-+]?\d{{1,3}}({group}\d{{3}})+({decimal}\d*)?$")
    ungrouped = pc.replace_substring(text, style.thousands, "")
    text = pc.if_else(pc.fill_null(grouped, False), ungrouped, text)
    if style.decimal == ".":
        return text
    # A point that is left is misplaced: a letter keeps it from being read as a decimal point.
    return pc.replace_substring(pc.replace_substring(text, ".", "x"), ",", ".")


def _typed_numbers(column: Any) -> tuple[npt.NDArray[np.float64], Mask]:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.full(len(column), np.nan), _mask(pc.is_valid(column))
    return _to_floats(pc.cast(column, pa.float64(), safe=False)), np.zeros(len(column), dtype=bool)


def _style_of_sample(sample: str, header: str) -> NumberStyle:
    last = max(sample.rfind("."), sample.rfind(","))
    if last < 0:
        raise ArgumentError(
            f"The sample number {sample!r} of column {header!r} shows no decimal sign; "
            "write it as in '1.234,56'."
        )
    return NumberStyle(sample[last])


def _without_sign(text: Any) -> Any:
    return pc.replace_substring_regex(text, _CURRENCY_SIGN, r"\1")


def _any(mask: Any) -> bool:
    return bool(pc.any(pc.fill_null(mask, False)).as_py())


def _mask(mask: Any) -> Mask:
    return np.array(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=bool)


def _to_floats(column: Any) -> npt.NDArray[np.float64]:
    # Arrow hands out read-only memory; a copy may be changed by whoever gets the frame.
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
