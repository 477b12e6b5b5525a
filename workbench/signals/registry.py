"""Indicators by name, on a frame of bars."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import pandas as pd

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError
from workbench.signals.moving_averages import ema, sma
from workbench.signals.oscillators import rsi
from workbench.signals.ranges import atr, bollinger_bands

Outputs = dict[str, FloatArray]


def _sma(bars: pd.DataFrame, *, window: int) -> Outputs:
    return {"sma": sma(bars["close"], window)}


def _ema(bars: pd.DataFrame, *, window: int) -> Outputs:
    return {"ema": ema(bars["close"], window)}


def _rsi(bars: pd.DataFrame, *, window: int) -> Outputs:
    return {"rsi": rsi(bars["close"], window)}


def _atr(bars: pd.DataFrame, *, window: int) -> Outputs:
    return {"atr": atr(bars["high"], bars["low"], bars["close"], window)}


def _bollinger(bars: pd.DataFrame, *, window: int, deviations: float) -> Outputs:
    return bollinger_bands(bars["close"], window, deviations)._asdict()


# name: the function, the parameters it needs, the columns it reads
_INDICATORS: dict[str, tuple[Callable[..., Outputs], tuple[str, ...], tuple[str, ...]]] = {
    "sma": (_sma, ("window",), ("close",)),
    "ema": (_ema, ("window",), ("close",)),
    "rsi": (_rsi, ("window",), ("close",)),
    "atr": (_atr, ("window",), ("high", "low", "close")),
    "bollinger": (_bollinger, ("window", "deviations"), ("close",)),
}


def indicator(name: str, bars: pd.DataFrame, **parameters: Any) -> pd.DataFrame:
    """Return the named outputs of an indicator on the bars' index.

    Parameters
    ----------
    name : {"sma", "ema", "rsi", "atr", "bollinger"}
        The indicator.
    bars : DataFrame
        Bars of one instrument.
    **parameters
        ``window`` for all, ``deviations`` too for ``bollinger``.

    Returns
    -------
    DataFrame
        One column an output, under the indicator's own name, or lower, middle and upper of a band; NaN
        while it warms up.

    Raises
    ------
    ArgumentError
        If the indicator or a parameter is unknown, a parameter is missing, or the bars lack a column.

    Examples
    --------
    >>> indicator("sma", bars, window=20)  # doctest: +SKIP
    """
    if name not in _INDICATORS:
        nearest = get_close_matches(str(name), _INDICATORS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(_INDICATORS)}."
        raise ArgumentError(f"No indicator is called {name!r}; {hint}")
    compute, needed, columns = _INDICATORS[name]
    if set(parameters) != set(needed):
        raise ArgumentError(
            f"`{name}` was given {', '.join(sorted(parameters)) or 'no parameter'}; "
            f"it takes {', '.join(needed)}."
        )
    lacking = [column for column in columns if column not in bars.columns]
    if lacking:
        raise ArgumentError(f"The bars have no column `{lacking[0]}`, which `{name}` reads.")
    return pd.DataFrame(compute(bars, **parameters), index=bars.index)
