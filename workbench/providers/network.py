"""What providers of services have in common: kinds that they lack, rows that they could not read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.errors import IncompleteAnswerError, ServiceError
from workbench.market.schemas import Column, names
from workbench.providers.answers import Answer
from workbench.providers.kinds import KindsProvider

_NONE = {"text": "str", "float": "float64", "instant": "datetime64[us, UTC]", "day": "datetime64[us]",
         "flag": "bool", "whole": "int64"}  # fmt: skip


class NetworkProvider(KindsProvider):
    """The base of providers of services: what could not be read is kept with its reason."""

    def __init__(self) -> None:
        self._bad: list[pd.DataFrame] = []

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that could not be read: file (what was asked), line, symbol, reason, text."""
        columns = ["file", "line", "symbol", "reason", "text"]
        if not self._bad:
            return pd.DataFrame(
                {name: pd.Series(dtype="int64" if name == "line" else "str") for name in columns}
            )
        return pd.concat(self._bad, ignore_index=True)[columns]

    def _keep(self, answer: Answer, what: str) -> pd.DataFrame:
        """Remember the bad rows of an answer under what was asked, and return the good ones."""
        if len(answer.bad):
            self._bad.append(answer.bad.assign(file=what))
        return answer.good

    def _set_aside(self, what: str, reason: str, *, line: int = 0, symbol: str = "", text: str = "") -> None:
        """Remember something about an answer that is no single row, as a page that came twice."""
        row = {"file": what, "line": line, "symbol": symbol, "reason": reason, "text": text}
        self._bad.append(pd.DataFrame([row]))

    def _kept_once(self, rows: pd.DataFrame, key: Sequence[str], what: str) -> pd.DataFrame:
        """Keep the last of the rows that pages contradict each other about, and remember the others."""
        earlier = rows.duplicated(list(key), keep="last")
        reason = f"a later page has the same `{'`, `'.join(key)}`, and is the one kept"
        for row in rows[earlier].to_dict("records"):
            self._set_aside(what, reason, symbol=str(row.get("symbol", "")), text=str(row)[:300])
        return rows[~earlier].reset_index(drop=True)

    def _gathered(
        self, pages: Iterable[Any], read: Callable[[Any, int], pd.DataFrame], columns: Sequence[Column]
    ) -> pd.DataFrame:
        """Read page after page; what had come when an answer broke off is not lost.

        Parameters
        ----------
        pages : iterable
            Fetches the next page when asked for it.
        read : callable
            Turns a page and its number, from 1, into good rows.
        columns : sequence of Column
            Of the rows.

        Raises
        ------
        IncompleteAnswerError
            If a later page fails; it holds the rows of those before.
        """
        frames: list[pd.DataFrame] = []
        try:
            for number, page in enumerate(pages, start=1):
                frames.append(read(page, number))
        except IncompleteAnswerError:
            raise
        except ServiceError as error:
            rows = joined(frames, columns)
            if rows.empty:
                raise
            raise IncompleteAnswerError(
                f"The answer broke off after {len(rows):,} rows: {error}", rows=rows, cause=error
            ) from error
        return joined(frames, columns)


def joined(frames: Sequence[pd.DataFrame], columns: Sequence[Column]) -> pd.DataFrame:
    """Return frames below each other, without repeated rows; an empty one of the shape for none."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return no_rows(columns)
    whole = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]
    return whole.drop_duplicates(ignore_index=True)


def no_rows(columns: Sequence[Column]) -> pd.DataFrame:
    """Return an empty frame of a kind."""
    return pd.DataFrame({column.name: pd.Series(dtype=_NONE[column.dtype]) for column in columns})[
        names(columns)
    ]
