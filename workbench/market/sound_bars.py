"""Tell quickly that every bar of a table is sound, as nearly every table's are."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.market.arrow_frames import array_of
from workbench.market.instruments import symbol_complaint

__all__ = ["are_sound", "as_table"]

# Rows looked at together: what is made of them on the way then stays in the processor's cache.
_BLOCK = 65_536
# From so many blocks a second thread is worth its start.
_FEW_BLOCKS = 4


def as_table(frame: pd.DataFrame) -> pa.Table:
    """Return the columns of a frame of bars as they lie in memory, numbers not copied."""
    columns = ("symbol", "time", "open", "high", "low", "close", "volume", "vwap")
    return pa.table({name: array_of(frame[name]) for name in columns})


def are_sound(rows: pa.Table, *, largest_price: float, largest_volume: float) -> bool:
    """Say whether no bar breaks a rule, as far as a few comparisons can tell.

    Parameters
    ----------
    rows : Table
        Columns symbol (text, also by dictionary), time (instants), open, high, low, close, volume, and
        vwap where there is one; chunks of a dictionary share it.
    largest_price, largest_volume : float
        What is no amount of a market.

    Returns
    -------
    bool
        True only if all prices are positive, within the largest, no `low` is above and no `high` below
        another price, no volume is negative, no `vwap` lies outside its bar, every row has a symbol and a
        time, and the rows of each symbol stand together with rising times. False says nothing: the rules
        have to be asked row by row.
    """
    if rows.column("symbol").null_count or rows.column("time").null_count:
        return False
    blocks = [block for block in rows.to_batches(max_chunksize=_BLOCK) if block.num_rows]
    if len(blocks) < _FEW_BLOCKS:
        return _are_keys_sound(blocks) and _are_all_sound(blocks, largest_price, largest_volume)
    with ThreadPoolExecutor(1) as beside:
        amounts = beside.submit(_are_all_sound, blocks, largest_price, largest_volume)
        return _are_keys_sound(blocks) and amounts.result()


def _are_keys_sound(blocks: Sequence[pa.RecordBatch]) -> bool:
    keys = _Keys()
    return all(keys.go_on(block) for block in blocks) and all(_is_symbol(name) for name in keys.symbols)


def _are_all_sound(blocks: Sequence[pa.RecordBatch], largest_price: float, largest_volume: float) -> bool:
    return all(_are_amounts_sound(block, largest_price, largest_volume) for block in blocks)


def _are_amounts_sound(block: pa.RecordBatch, largest_price: float, largest_volume: float) -> bool:
    def numbers(name: str) -> npt.NDArray[np.float64]:
        values = block.column(name).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)

    low, high, volume = numbers("low"), numbers("high"), numbers("volume")
    # Comparisons with a missing price are false, so it is found here too.
    if not ((low > 0).all() and (high <= largest_price).all()):
        return False
    for name in ("open", "close"):
        values = numbers(name)
        if not ((values >= low).all() and (values <= high).all()):
            return False
    if not _all_or_missing((volume >= 0) & (volume <= largest_volume), volume):
        return False
    if "vwap" not in block.schema.names:
        return True
    vwap = numbers("vwap")
    return _all_or_missing((vwap >= low) & (vwap <= high), vwap)


def _all_or_missing(kept: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> bool:
    return bool(kept.all() or (kept | np.isnan(values)).all())


class _Keys:
    """Goes through the symbols and times of a table, block by block."""

    def __init__(self) -> None:
        self.symbols: set[str] = set()
        self._last: tuple[str, int] | None = None

    def go_on(self, block: pa.RecordBatch) -> bool:
        """Say whether the next rows keep each symbol together, its times rising."""
        symbols, times = block.column("symbol"), _instants(block.column("time"))
        codes = symbols.indices if pa.types.is_dictionary(symbols.type) else symbols
        changes = _flags(pc.not_equal(codes[1:], codes[:-1]))
        if not (changes | (times[1:] > times[:-1])).all():
            return False
        for at in (0, *(np.flatnonzero(changes) + 1).tolist()):
            name = symbols[at].as_py()
            if at == 0 and self._last is not None and self._last[0] == name:
                if times[0] <= self._last[1]:
                    return False
            elif name in self.symbols:
                return False
            self.symbols.add(name)
        self._last = (symbols[len(symbols) - 1].as_py(), int(times[-1]))
        return True


def _instants(times: Any) -> npt.NDArray[np.int64]:
    return np.asarray(times.cast(pa.timestamp(times.type.unit)).cast(pa.int64()).to_numpy())


def _flags(values: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)


def _is_symbol(name: str) -> bool:
    return bool(name.strip()) and not symbol_complaint(name)
