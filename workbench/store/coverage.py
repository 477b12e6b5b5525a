"""What was fetched, from whom and when: the ranges that need not be fetched again."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, delete, insert, select

from workbench.errors import ArgumentError
from workbench.store.database import Database
from workbench.store.models import coverage
from workbench.store.types import utc_of

__all__ = ["Coverage", "FetchedRange"]


@dataclass(frozen=True, slots=True)
class FetchedRange:
    """One range of time that was asked for and answered; both ends included.

    Attributes
    ----------
    first, last : Timestamp
        In UTC.
    complete : bool
        Whether the answer was whole; a broken one keeps its rows, and its range is asked for again.
    rows : int
        Rows that it held; none is a fact too.
    fetched_at : Timestamp
        When the answer came, in UTC.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    complete: bool
    rows: int
    fetched_at: pd.Timestamp


class Coverage:
    """One row a fetched range of a provider, kind, symbol and interval; they may overlap."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        provider: str,
        kind: str,
        symbol: str,
        interval: str = "",
        *,
        first: datetime,
        last: datetime,
        complete: bool,
        rows: int,
        fetched_at: datetime,
    ) -> None:
        """Note that a range was fetched; the same range again replaces what was noted of it.

        Parameters
        ----------
        provider, kind, symbol : str
            As in ``"alpaca"``, ``"bars"``, ``"AAPL"``.
        interval : str
            Of bars, as in ``"1d"``; empty for the other kinds.
        first, last : datetime
            The range that was asked for, both ends included; with a time zone.
        complete : bool
            Whether the answer was whole.
        rows : int
            Rows that it held.
        fetched_at : datetime
            With a time zone.

        Raises
        ------
        ArgumentError
            If `first` is after `last`.
        """
        bounds = utc_of(first), utc_of(last)
        if bounds[0] > bounds[1]:
            raise ArgumentError(f"The range from {first} to {last} ends before it begins.")
        row = {
            "provider": provider,
            "kind": kind,
            "symbol": symbol,
            "interval": interval,
            "first": bounds[0],
            "last": bounds[1],
        }
        with self._database.write() as connection:
            connection.execute(delete(coverage).where(*(coverage.c[name] == row[name] for name in row)))
            connection.execute(
                insert(coverage).values(
                    **row, complete=complete, rows=int(rows), fetched_at=utc_of(fetched_at)
                )
            )

    def ranges(self, provider: str, kind: str, symbol: str, interval: str = "") -> list[FetchedRange]:
        """Return the fetched ranges of one series, by their beginning."""
        query = (
            select(
                coverage.c.first, coverage.c.last, coverage.c.complete, coverage.c.rows, coverage.c.fetched_at
            )
            .where(*_same(provider, kind, symbol, interval))
            .order_by(coverage.c.first, coverage.c.last)
        )
        with self._database.read() as connection:
            found = connection.execute(query).all()
        return [
            FetchedRange(
                first=pd.Timestamp(row.first),
                last=pd.Timestamp(row.last),
                complete=row.complete,
                rows=row.rows,
                fetched_at=pd.Timestamp(row.fetched_at),
            )
            for row in found
        ]

    def frame(self) -> pd.DataFrame:
        """Return every range, by provider, kind, symbol, interval and beginning."""
        return self._database.frame(select(coverage).order_by(*coverage.primary_key.columns))

    def forget(
        self,
        provider: str | None = None,
        kind: str | None = None,
        symbol: str | None = None,
        interval: str | None = None,
    ) -> int:
        """Forget the ranges that fit, so that they are fetched again; return how many there were.

        What is not given fits everything; the rows in the lake stay.
        """
        with self._database.write() as connection:
            return connection.execute(
                delete(coverage).where(*_same(provider, kind, symbol, interval))
            ).rowcount


def _same(
    provider: str | None, kind: str | None, symbol: str | None, interval: str | None
) -> list[ColumnElement[bool]]:
    wanted = {"provider": provider, "kind": kind, "symbol": symbol, "interval": interval}
    return [coverage.c[name] == value for name, value in wanted.items() if value is not None]
