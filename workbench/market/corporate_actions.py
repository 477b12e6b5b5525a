"""Splits and dividends, applied to raw bars when they are read: what is stored stays as it was traded."""

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import ArgumentError, DataFormatError

ACTION_COLUMNS = ("symbol", "ex_date", "kind", "value")
_PRICES = ("open", "high", "low", "close")


def no_actions() -> pd.DataFrame:
    """Return an empty frame of corporate actions: symbol, ex_date, kind, value."""
    return pd.DataFrame(
        {
            "symbol": pd.array([], dtype="str"),
            "ex_date": pd.DatetimeIndex([]).as_unit("us"),
            "kind": pd.array([], dtype="str"),
            "value": np.array([], dtype=np.float64),
        }
    )


def adjust_bars(
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    adjust: Literal["all", "splits"] | None = "all",
    *,
    zone: str = "America/New_York",
) -> pd.DataFrame:
    """Adjust raw bars backwards for splits and dividends, so that returns across them are economic.

    Prices before the ex-date of a split are divided by its ratio and volumes multiplied. Prices before the
    ex-date of a dividend are multiplied by 1 - amount / previous raw close, the return of a holder who
    reinvests at that close (the convention of CRSP and of most vendors). The last bars stay as traded.

    Parameters
    ----------
    bars : DataFrame
        Columns open, high, low, close, volume (others are kept), on an ascending UTC `time` index or a
        (symbol, time) index. Bars all at midnight UTC are daily, dated by their session.
    actions : DataFrame
        Columns symbol, ex_date (naive dates), kind ("split", "dividend") and value: new shares for one old,
        or cash per share. On a day with both, the dividend is paid on the new shares.
    adjust : {"all", "splits", None}
        Which actions to apply; None returns the bars as traded.
    zone : str
        Time zone in which an ex-date begins, for bars within the day.

    Returns
    -------
    DataFrame
        A new frame of the shape of `bars`. Without a bar before an ex-date the action changes nothing.

    Raises
    ------
    ArgumentError
        If `adjust` is unknown, or bars of one symbol meet actions of several.
    DataFormatError
        If an action's kind or value cannot be, as a dividend above the previous close.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2005-02-25", "2005-02-28"], tz="UTC", name="time")
    >>> bars = pd.DataFrame({name: [88.99, 44.86] for name in ("open", "high", "low", "close")}, index=times)
    >>> bars["volume"] = [100.0, 200.0]
    >>> split = pd.DataFrame({"symbol": ["AAPL"], "ex_date": pd.to_datetime(["2005-02-28"]),
    ...                       "kind": ["split"], "value": [2.0]})
    >>> adjust_bars(bars, split)["close"].tolist()
    [44.495, 44.86]
    """
    if adjust not in ("all", "splits", None):
        raise ArgumentError(f"`adjust` is {adjust!r}; give 'all', 'splits' or None.")
    if adjust is None or actions.empty or bars.empty:
        return bars.copy()
    _require_actions(actions)
    wanted = actions if adjust == "all" else actions[actions["kind"] == "split"]
    if isinstance(bars.index, pd.MultiIndex):
        return _adjust_each(bars, wanted, zone)
    symbols = wanted["symbol"].unique()
    if len(symbols) > 1:
        raise ArgumentError(
            f"The bars are of one symbol and the actions of {', '.join(map(str, symbols))}; "
            "select the actions of that symbol, or give bars on a (symbol, time) index."
        )
    return _adjusted(bars, wanted, bars.index, zone)


def _adjust_each(bars: pd.DataFrame, actions: pd.DataFrame, zone: str) -> pd.DataFrame:
    held = bars.index.get_level_values("symbol")
    by_symbol: dict[Any, pd.DataFrame] = dict(list(actions.groupby("symbol")))
    if not set(by_symbol) & set(held.unique()):
        return bars.copy()
    pieces = []
    for symbol, places in bars.groupby(level="symbol", sort=False).indices.items():
        piece = bars.iloc[places]
        if symbol in by_symbol:
            piece = _adjusted(piece, by_symbol[symbol], piece.index.get_level_values("time"), zone)
        pieces.append(piece)
    # Groups come out in order of first appearance; the caller's order of rows is kept.
    return pd.concat(pieces).reindex(bars.index) if not held.is_monotonic_increasing else pd.concat(pieces)


def _adjusted(bars: pd.DataFrame, actions: pd.DataFrame, times: Any, zone: str) -> pd.DataFrame:
    price_factor, volume_factor = _factors(
        _session_days(pd.DatetimeIndex(times), zone), bars["close"].to_numpy(dtype=np.float64), actions
    )
    adjusted = bars.copy()
    for name in _PRICES:
        adjusted[name] = bars[name].to_numpy(dtype=np.float64) * price_factor
    adjusted["volume"] = bars["volume"].to_numpy(dtype=np.float64) * volume_factor
    return adjusted


def _factors(
    days: npt.NDArray[np.datetime64], close: npt.NDArray[np.float64], actions: pd.DataFrame
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what each bar's prices and volume are multiplied by, from the last bar backwards."""
    price, volume = np.ones(len(days)), np.ones(len(days))
    ordered = actions.assign(ex_date=pd.to_datetime(actions["ex_date"]))
    for ex_date, events in ordered.groupby("ex_date"):
        before = int(np.searchsorted(days, np.datetime64(cast(pd.Timestamp, ex_date).date(), "D")))
        if before == 0:
            continue
        ratio = float(np.prod(events.loc[events["kind"] == "split", "value"]))
        cash = float(events.loc[events["kind"] == "dividend", "value"].sum())
        price[:before] /= ratio
        volume[:before] *= ratio
        if cash:
            known = np.flatnonzero(np.isfinite(close[:before]))
            previous = close[known[-1]] / ratio if len(known) else np.nan
            if cash >= previous:
                raise DataFormatError(
                    f"The dividend of {cash:g} of {events['symbol'].iloc[0]} on "
                    f"{cast(pd.Timestamp, ex_date).date()} is not below the close before it, {previous:g}; "
                    "check its currency and unit."
                )
            price[:before] *= 1 - cash / previous if len(known) else 1.0
    return price, volume


def _session_days(times: pd.DatetimeIndex, zone: str) -> npt.NDArray[np.datetime64]:
    """Return the date that each bar belongs to: its own if daily, the exchange's if within the day."""
    plain = times if times.tz is None else times.tz_convert("UTC").tz_localize(None)
    if times.tz is not None and not (plain == plain.normalize()).all():
        plain = times.tz_convert(zone).tz_localize(None)
    return plain.to_numpy().astype("datetime64[D]")


def _require_actions(actions: pd.DataFrame) -> None:
    absent = [name for name in ACTION_COLUMNS if name not in actions]
    if absent:
        raise DataFormatError(f"The corporate actions have no column `{'`, `'.join(absent)}`.")
    odd = actions[~actions["kind"].isin(["split", "dividend"])]
    if len(odd):
        raise DataFormatError(
            f"A corporate action of {odd['symbol'].iloc[0]} is {odd['kind'].iloc[0]!r}; "
            "give 'split' or 'dividend'."
        )
    values = actions["value"].to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(values) | np.where(actions["kind"] == "split", values <= 0, values < 0)
    if wrong.any():
        row = actions[wrong].iloc[0]
        raise DataFormatError(
            f"The {row['kind']} of {row['symbol']} on {pd.Timestamp(row['ex_date']).date()} is "
            f"{row['value']}; give a positive ratio (new shares for one old) or cash per share."
        )
