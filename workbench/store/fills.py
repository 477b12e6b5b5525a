"""The fills of the desk: what was bought and sold, with corrections kept."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Select, delete, func, insert, select, union_all

from workbench.errors import DataFormatError
from workbench.store.database import Database
from workbench.store.models import fills, fills_history
from workbench.store.types import decimal_of, utc_of

__all__ = ["Fills"]

_REQUIRED = ("fill_id", "time", "symbol", "quantity", "price")
_DEFAULTS = {"account": "main", "fees": "0", "currency": "USD", "strategy": ""}
_DECIMALS = ("quantity", "price", "fees")
_SAID = tuple(column.name for column in fills.columns if column.name not in {"source", "recorded_at"})
# SQLite takes a limited number of parameters in one statement.
_BATCH = 500


class Fills:
    """Fills by their own identity: the same file twice changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, frame: pd.DataFrame, *, source: str, recorded_at: datetime) -> pd.DataFrame:
        """Add fills; one that is there with other values is corrected, and the old one kept.

        Parameters
        ----------
        frame : DataFrame
            Columns fill_id, time (UTC-aware), symbol, quantity (signed), price; and account
            ("main"), fees (0), currency ("USD") and strategy (""), with these values where missing.
            Numbers are decimals, their text, ints or floats. Where a fill_id comes twice the last
            row counts.
        source : str
            Where the fills come from.
        recorded_at : datetime
            When the desk learned of them, with a time zone.

        Returns
        -------
        DataFrame
            Index `symbol`; columns `new`, `changed`, `unchanged`, counts of fills.

        Raises
        ------
        DataFormatError
            If a column is missing, or a row has no value where it needs one.
        """
        rows = _rows(frame)
        counts: dict[str, list[int]] = {}
        with self._database.write() as connection:
            there = {}
            ids = list(rows)
            for begin in range(0, len(ids), _BATCH):
                query = select(fills).where(fills.c.fill_id.in_(ids[begin : begin + _BATCH]))
                there.update({row["fill_id"]: dict(row) for row in connection.execute(query).mappings()})
            moved, replaced = [], []
            for fill_id, row in rows.items():
                count = counts.setdefault(row["symbol"], [0, 0, 0])
                old = there.get(fill_id)
                if old is None:
                    count[0] += 1
                    instant = utc_of(recorded_at)
                elif any(old[column] != row[column] for column in _SAID):
                    count[1] += 1
                    # A correction cannot be known before what it corrects.
                    instant = max(utc_of(recorded_at), old["recorded_at"])
                    replaced.append({**old, "replaced_at": instant})
                else:
                    count[2] += 1
                    continue
                moved.append({**row, "source": source, "recorded_at": instant})
            if replaced:
                connection.execute(insert(fills_history), replaced)
                for begin in range(0, len(replaced), _BATCH):
                    old_ids = [row["fill_id"] for row in replaced[begin : begin + _BATCH]]
                    connection.execute(delete(fills).where(fills.c.fill_id.in_(old_ids)))
            if moved:
                connection.execute(insert(fills), moved)
        symbols = sorted(counts)
        return pd.DataFrame(
            [counts[symbol] for symbol in symbols],
            index=pd.Index(symbols, name="symbol", dtype="str"),
            columns=["new", "changed", "unchanged"],
            dtype="int64",
        )

    def frame(
        self,
        until: datetime | None = None,
        account: str | None = None,
        known_at: datetime | None = None,
    ) -> pd.DataFrame:
        """Return fills in order of time.

        Parameters
        ----------
        until : datetime, optional
            Only fills at or before this instant.
        account : str, optional
            Only fills of this account.
        known_at : datetime, optional
            What the desk believed at that instant.

        Returns
        -------
        DataFrame
            Columns fill_id, account, time, symbol, quantity, price, fees, currency, strategy,
            source, recorded_at; quantity, price and fees are Decimal.
        """
        query: Select[Any]
        if known_at is None:
            believed = fills.select().subquery()
        else:
            instant = utc_of(known_at)
            old = [fills_history.c[column.name] for column in fills.columns]
            believed = union_all(
                select(fills).where(fills.c.recorded_at <= instant),
                select(*old).where(
                    fills_history.c.recorded_at <= instant, fills_history.c.replaced_at > instant
                ),
            ).subquery()
        query = select(believed).order_by(believed.c.time, believed.c.fill_id)
        if until is not None:
            query = query.where(believed.c.time <= utc_of(until))
        if account is not None:
            query = query.where(believed.c.account == account)
        return self._database.frame(query)

    def version(self) -> tuple[int, int]:
        """Return what changes with every fill that is added or corrected: how many there are of each."""
        current = select(func.count()).select_from(fills).scalar_subquery()
        corrected = select(func.count()).select_from(fills_history).scalar_subquery()
        with self._database.read() as connection:
            row = connection.execute(select(current, corrected)).one()
        return int(row[0]), int(row[1])


def _rows(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    missing = [column for column in _REQUIRED if column not in frame.columns]
    if missing:
        raise DataFormatError(
            f"Fills need the column {missing[0]!r}; the frame has {', '.join(map(str, frame.columns))}."
        )
    rows = {}
    present = [column for column in _SAID if column in frame.columns]
    for number, values in enumerate(frame[present].itertuples(index=False, name=None)):
        row: dict[str, Any] = dict(_DEFAULTS)
        for column, value in zip(present, values, strict=True):
            is_missing = value is None or value is pd.NaT or value is pd.NA or value != value  # noqa: PLR0124
            if is_missing and column in _REQUIRED:
                raise DataFormatError(f"The fill in row {number} has no {column!r}; give one to every fill.")
            if not is_missing:
                row[column] = value
        for column in _DECIMALS:
            row[column] = decimal_of(row[column])
        row["time"] = utc_of(row["time"])
        for column in ("fill_id", "account", "symbol", "currency", "strategy"):
            row[column] = str(row[column])
        rows[row["fill_id"]] = row
    return rows
