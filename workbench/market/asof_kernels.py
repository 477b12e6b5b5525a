"""One pass through two series in order of time, compiled on first use."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["last_before"]

Whole = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def last_before(
    trade_times: Whole, trade_codes: Whole, quote_times: Whole, quote_codes: Whole, codes: int, exact: bool
) -> Any:
    """Return for each trade the last place of its code among the quotes before it, -1 where there is none.

    Both sides ascend in time; `codes` is one more than the largest code; with `exact` a quote of the same
    time counts.
    """
    last = np.full(codes, -1, np.int64)
    found = np.empty(len(trade_times), np.int64)
    place = 0
    for trade in range(len(trade_times)):
        time = trade_times[trade]
        while place < len(quote_times) and (
            quote_times[place] < time or (exact and quote_times[place] == time)
        ):
            last[quote_codes[place]] = place
            place += 1
        found[trade] = last[trade_codes[trade]]
    return found
