"""From the fills of a run to its closed trades, its open position and its equity curve."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.arrays import FloatArray

TRADE_COLUMNS = (
    "symbol",
    "side",
    "entry_time",
    "exit_time",
    "size",
    "entry_price",
    "exit_price",
    "entry_fee",
    "exit_fee",
    "pnl",
    "pnl_pct",
)


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """A position that the last bar marks but does not close."""

    symbol: str
    side: str
    entry_time: pd.Timestamp
    size: float
    entry_price: float
    entry_fee: float
    mark: float
    pnl: float


@dataclass(frozen=True, slots=True)
class Fills:
    """What was bought and sold, in order: arrays of one length.

    `bar` is the row of the bar, `quantity` is positive for a buy and negative for a sale, `price`
    is what was paid or got per unit, `fee` the commission in money.
    """

    bar: NDArray[np.int64]
    quantity: FloatArray
    price: FloatArray
    fee: FloatArray


def closed_trades(fills: Fills, times: pd.DatetimeIndex, symbol: str) -> pd.DataFrame:
    """Pair each entry with the exit that follows it.

    Returns
    -------
    DataFrame
        One row a closed trade in `TRADE_COLUMNS`: size in units above zero, prices as filled, fees
        and `pnl` in money (after both fees), `pnl_pct` in percent of the entry's value.
    """
    closed = len(fills.bar) // 2 * 2
    entry, leave = slice(0, closed, 2), slice(1, closed, 2)
    direction = np.sign(fills.quantity[entry])
    size = np.abs(fills.quantity[entry])
    gross = direction * (fills.price[leave] - fills.price[entry]) * size
    pnl = gross - fills.fee[entry] - fills.fee[leave]
    return pd.DataFrame(
        {
            "symbol": symbol,
            "side": np.where(direction > 0, "long", "short"),
            "entry_time": times[fills.bar[entry]],
            "exit_time": times[fills.bar[leave]],
            "size": size,
            "entry_price": fills.price[entry],
            "exit_price": fills.price[leave],
            "entry_fee": fills.fee[entry],
            "exit_fee": fills.fee[leave],
            "pnl": pnl,
            "pnl_pct": pnl / (fills.price[entry] * size) * 100,
        },
        columns=list(TRADE_COLUMNS),
    )


def open_position(
    fills: Fills, times: pd.DatetimeIndex, closes: FloatArray, symbol: str
) -> OpenPosition | None:
    """Return the position that the last fill left open, marked at the last close; None when flat."""
    if len(fills.bar) % 2 == 0:
        return None
    quantity, price, fee = float(fills.quantity[-1]), float(fills.price[-1]), float(fills.fee[-1])
    mark = float(closes[-1])
    return OpenPosition(
        symbol=symbol,
        side="long" if quantity > 0 else "short",
        entry_time=times[fills.bar[-1]],
        size=abs(quantity),
        entry_price=price,
        entry_fee=fee,
        mark=mark,
        pnl=quantity * (mark - price) - fee,
    )


def equity_curve(fills: Fills, times: pd.DatetimeIndex, closes: FloatArray, cash: float) -> pd.Series:
    """Return the value of cash and position at each bar's close."""
    bars = len(closes)
    flows = -fills.quantity * fills.price - fills.fee
    # Cash and position after each fill, spread over the bars until the next one.
    after = np.searchsorted(fills.bar, np.arange(bars), side="right")
    money = np.concatenate([[cash], cash + np.cumsum(flows)])
    held = np.zeros(len(fills.bar) + 1)
    held[1::2] = fills.quantity[::2]
    return pd.Series(money[after] + held[after] * closes, index=times, name="equity")
