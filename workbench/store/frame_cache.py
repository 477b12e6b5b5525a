"""Frames that were read a moment ago, handed out again while nothing that they were made of has changed."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["CacheUse", "FrameCache"]

Mark = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How a cache was used since it was made."""

    hits: int
    misses: int
    entries: int
    bytes: int
    most_bytes: int

    @property
    def rate(self) -> float:
        """Hits as a part of all questions; missing before the first one."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else float("nan")


@dataclass(slots=True)
class _Kept:
    frame: pd.DataFrame
    mark: Mark
    since: pd.Timestamp
    until: pd.Timestamp | None
    size: int


class FrameCache:
    """Frames by what was asked; those used least recently go first when there are too many bytes.

    Parameters
    ----------
    most_bytes : int
        Bytes of frames that are kept at most; 0 keeps none.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._guard = threading.Lock()

    def get(self, key: Hashable, mark: Mark | None, now: pd.Timestamp) -> pd.DataFrame | None:
        """Return the frame kept for a question, as one of the caller's own; None if there is none.

        Parameters
        ----------
        key : hashable
            What is asked.
        mark : tuple of int or None
            The state of the tables at this moment, from `Lake.mark`.
        now : Timestamp
            The clock: an answer may be good only until another row becomes known.
        """
        with self._guard:
            kept = self._kept.get(key)
            fits = (
                kept is not None
                and kept.mark == mark
                and kept.since <= now
                and (kept.until is None or now < kept.until)
            )
            if kept is None or not fits:
                self._misses += 1
                return None
            self._hits += 1
            self._kept.move_to_end(key)
        return _own(kept.frame)

    def put(
        self,
        key: Hashable,
        mark: Mark | None,
        frame: pd.DataFrame,
        *,
        since: pd.Timestamp,
        until: pd.Timestamp | None,
    ) -> pd.DataFrame:
        """Keep a frame, and return it as one of the caller's own.

        Parameters
        ----------
        key : hashable
            What was asked.
        mark : tuple of int or None
            The state of the tables before it was asked and still after it; None keeps nothing.
        frame : DataFrame
            The answer; the caller gives it away.
        since, until : Timestamp
            The clock's range in which the answer is the same; `until` is not in it, None is for ever.
        """
        size = _bytes_of(frame)
        if mark is None or size > self._most_bytes:
            return frame
        with self._guard:
            self._drop(key)
            self._kept[key] = _Kept(frame, mark, since, until, size)
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))
        return _own(frame)

    def use(self) -> CacheUse:
        """Return how the cache was used."""
        with self._guard:
            return CacheUse(self._hits, self._misses, len(self._kept), self._bytes, self._most_bytes)

    def clear(self) -> None:
        """Forget every frame; the counts stay."""
        with self._guard:
            self._kept.clear()
            self._bytes = 0

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size


def _bytes_of(frame: pd.DataFrame) -> int:
    if all(dtype == np.float64 for dtype in frame.dtypes):
        # To ask pandas takes a tenth of the time that the rows took to read.
        return 8 * frame.size + int(frame.index.nbytes)
    return int(frame.memory_usage(index=True, deep=True).sum())


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame that may be changed: pandas copies a column when it is first written to."""
    mine = frame.copy(deep=False)
    # An index is shared by such copies, and its numbers can be reached.
    mine.index = frame.index.copy(deep=True)
    return mine
