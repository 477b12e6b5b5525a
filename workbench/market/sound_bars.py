"""Tell quickly that every bar of a frame is sound, as nearly every frame is."""

import numpy as np
import pandas as pd

from workbench.market.instruments import symbol_complaint

__all__ = ["are_sound"]


def are_sound(frame: pd.DataFrame, *, largest_price: float, largest_volume: float) -> bool:
    """Say whether no bar breaks a rule, as far as a few comparisons of whole columns can tell.

    Parameters
    ----------
    frame : DataFrame
        Columns symbol, time, open, high, low, close, volume, vwap of their types.
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
    columns = {name: _numbers(frame, name) for name in ("open", "high", "low", "close", "volume")}
    low, high, volume = columns["low"], columns["high"], columns["volume"]
    # Comparisons with a missing price are false, so it is found here too.
    if not ((low > 0).all() and (high <= largest_price).all()):
        return False
    for name in ("open", "close"):
        if not ((columns[name] >= low).all() and (columns[name] <= high).all()):
            return False
    if not (((volume >= 0) & (volume <= largest_volume)) | np.isnan(volume)).all():
        return False
    vwap = _numbers(frame, "vwap")
    if not (((vwap >= low) & (vwap <= high)) | np.isnan(vwap)).all():
        return False
    return _are_keys_sound(frame)


def _are_keys_sound(frame: pd.DataFrame) -> bool:
    codes, symbols = pd.factorize(frame["symbol"])
    if len(codes) and codes.min() < 0:
        return False
    if any(not str(symbol).strip() or symbol_complaint(str(symbol)) for symbol in symbols):
        return False
    times = pd.DatetimeIndex(frame["time"])
    if times.hasnans:
        return False
    instants = times.asi8
    same, later = codes[1:] == codes[:-1], instants[1:] > instants[:-1]
    return bool(((codes[1:] > codes[:-1]) | (same & later)).all())


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
