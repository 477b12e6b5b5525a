"""How the ledger keeps decimals, instants and documents, on SQLite and PostgreSQL alike."""

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd
from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

from workbench.errors import ArgumentError, DateInputError

__all__ = ["DecimalText", "UtcDateTime", "decimal_of", "dump_json", "plain", "utc_of"]


class DecimalText(TypeDecorator[Decimal]):
    """An exact decimal, kept as its plain text: SQLite's own numbers are binary floats."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text to store."""
        return None if value is None else f"{decimal_of(value):f}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the decimal that was stored."""
        return None if value is None else Decimal(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC without a zone, given and returned with one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the time to store."""
        return None if value is None else utc_of(value).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant that was stored."""
        return None if value is None else value.replace(tzinfo=UTC)


def decimal_of(value: Any) -> Decimal:
    """Return a number or its text as a decimal, a float by its shortest text.

    Raises
    ------
    ArgumentError
        If it is no finite number.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise ArgumentError(f"{value!r} is no decimal number; write it like 12.50.") from None
    if not number.is_finite():
        raise ArgumentError(f"{value!r} is no finite number; write it like 12.50.")
    # 1E+2 and 100.0 are the same amount and get the same text.
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text) + 0


def utc_of(value: Any) -> datetime:
    """Return an instant in UTC.

    Raises
    ------
    DateInputError
        If it has no time zone.
    """
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise DateInputError(f"The ledger needs an instant with a time zone, not {value!r}.")
    return value.astimezone(UTC)


def dump_json(value: Any) -> str:
    """Write a document as JSON with sorted keys: equal documents have equal texts."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line a kind of value
    """Return a document with only what JSON knows: decimals and instants as text, NaN as null."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return plain(value.tolist())
    return str(value)
