"""Backtests of entry and exit signals through vectorbt.

vectorbt 1.2 has two engines, and ``engine="auto"`` takes the Rust one wherever its wheel happens to
be installed. The two round rolling sums differently. So the numba engine is named in the one call
made here, and nothing but its order records is used: indicators, trades, equity and figures are our
own, and an installed wheel changes no result.
"""

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import BoolArray, FloatArray
from workbench.backtest.costs import Costs, require_number
from workbench.backtest.fills import Fills, closed_trades, equity_curve, open_position
from workbench.backtest.prices import require_signal, require_tradable_bars
from workbench.backtest.result import BacktestResult
from workbench.errors import BacktestInputError

Signals = ArrayLike


def run_signals(
    bars: pd.DataFrame,
    entries: Signals,
    exits: Signals,
    *,
    execution: Literal["next_open", "same_close"] = "next_open",
    direction: Literal["long_only"] = "long_only",
    sizing: Literal["fraction", "units"] = "fraction",
    size: float = 1.0,
    fee: float = 0.001,
    fixed_fee: float = 0.0,
    slippage: float = 0.0005,
    cash: float = 100_000.0,
    stop_loss: float | None = None,
    take_profit: float | None = None,
    engine: Literal["vectorbt"] = "vectorbt",
    symbol: str | None = None,
    prices_are_adjusted: bool = False,
) -> BacktestResult:
    """Trade signals on the bars of one instrument and return trades, equity and figures.

    A signal is known at the close of its bar. An entry opens when flat, an exit closes; an entry
    while long and an exit while flat are ignored, and both on one bar cancel. An order that cash
    cannot pay is refused and listed. A position open at the end is marked, not closed.

    Parameters
    ----------
    bars : DataFrame
        Bars of one instrument in the columns of a bars frame, on any ascending DatetimeIndex.
    entries, exits : array_like of bool, or Series of bool
        One value a bar.
    execution : {"next_open", "same_close"}
        Fill at the next bar's open (a signal on the last bar never fills), or at the signal's close.
    direction : {"long_only"}
        Which positions are allowed.
    sizing : {"fraction", "units"}
        `size` as a fraction (0 to 1) of the cash, so that units are
        ``(size * cash - fixed_fee) / (fill * (1 + fee))``; or as a number of units.
    size : float
        Above zero.
    fee, fixed_fee, slippage : float
        As in `Costs`: buys fill at ``price * (1 + slippage)``, sales at ``price * (1 - slippage)``,
        and each fill pays ``fee * value + fixed_fee``.
    cash : float
        Money before the first bar.
    stop_loss, take_profit : None
        Not offered by this engine.
    engine : {"vectorbt"}
        The vectorised engine, run by numba.
    symbol : str, optional
        Written on the trades; taken from the bars where they carry one.
    prices_are_adjusted : bool
        True says that a fall that looks like a split is a real one.

    Returns
    -------
    BacktestResult

    Raises
    ------
    BacktestInputError
        If an argument cannot be used, the bars lack a price or hold what looks like an unadjusted
        split, or the engine cannot follow these semantics.

    Notes
    -----
    The engine compares money with a relative tolerance of 1e-9: an order that exceeds the cash by
    less than that is paid.

    Examples
    --------
    >>> entries, exits = moving_average_crossover(bars, fast=20, slow=50)  # doctest: +SKIP
    >>> run_signals(bars, entries, exits).metrics["total_return_pct"]  # doctest: +SKIP
    """
    _require_supported(execution, direction, sizing, stop_loss, take_profit, engine)
    costs = Costs(fee=fee, fixed_fee=fixed_fee, slippage=slippage)
    _require_amounts(sizing, size, cash)
    frame, name = require_tradable_bars(bars, symbol, adjusted=prices_are_adjusted)
    wanted, unwanted = require_signal("entries", entries, frame), require_signal("exits", exits, frame)
    # Both on one bar say nothing.
    buy, sell = wanted & ~unwanted, unwanted & ~wanted
    closes = frame["close"].to_numpy(np.float64)
    prices = closes
    if execution == "next_open":
        buy, sell = _one_bar_later(buy), _one_bar_later(sell)
        prices = frame["open"].to_numpy(np.float64)
    times = pd.DatetimeIndex(frame.index)
    fills, refused = _simulate(closes, prices, buy, sell, costs, sizing=sizing, size=size, cash=cash)
    return BacktestResult(
        trades=closed_trades(fills, times, name),
        equity=equity_curve(fills, times, closes, float(cash)),
        refused=refused.assign(time=times[refused["bar"]])[["time", "size", "price", "reason"]],
        open_position=open_position(fills, times, closes, name),
        parameters={
            "start_date": times[0].date().isoformat(),
            "end_date": times[-1].date().isoformat(),
            "initial_capital": float(cash),
            "commission": costs.fee,
            "fixed_fee": costs.fixed_fee,
            "slippage": costs.slippage,
            "execution": execution,
            "direction": direction,
            "sizing": sizing,
            "size": float(size),
            "symbol": name,
            "engine": f"vectorbt {version('vectorbt')}, numba",
        },
    )


def _require_supported(
    execution: str, direction: str, sizing: str, stop_loss: object, take_profit: object, engine: str
) -> None:
    _require_choice("execution", execution, ("next_open", "same_close"))
    _require_choice("sizing", sizing, ("fraction", "units"))
    if direction == "long_short":
        raise BacktestInputError(
            "`direction` 'long_short' needs the event engine, which this version does not have; "
            "use 'long_only'."
        )
    _require_choice("direction", direction, ("long_only",))
    for name, value in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        if value is not None:
            raise BacktestInputError(
                f"`{name}` needs the event engine, which this version does not have; leave it out."
            )
    if engine == "events":
        raise BacktestInputError(
            "`engine` 'events' is not in this version; use 'vectorbt', which trades the same way."
        )
    _require_choice("engine", engine, ("vectorbt",))


def _require_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BacktestInputError(f"`{name}` is {value!r}; give {' or '.join(map(repr, choices))}.")


def _require_amounts(sizing: str, size: float, cash: float) -> None:
    if require_number("cash", cash) <= 0:
        raise BacktestInputError(f"`cash` is {cash:g}; give money above zero.")
    if require_number("size", size) <= 0:
        raise BacktestInputError(f"`size` is {size:g}; give a number above zero.")
    if sizing == "fraction" and size > 1:
        raise BacktestInputError(f"`size` is {size:g}; as a fraction of the cash it is at most 1.")


def _one_bar_later(signal: BoolArray) -> BoolArray:
    moved = np.zeros_like(signal)
    moved[1:] = signal[:-1]
    return moved


def _simulate(
    closes: FloatArray,
    prices: FloatArray,
    buy: BoolArray,
    sell: BoolArray,
    costs: Costs,
    *,
    sizing: str,
    size: float,
    cash: float,
) -> tuple[Fills, pd.DataFrame]:
    """Run the orders through vectorbt; return the fills, and the refused orders with their bar."""
    vectorbt = _load_vectorbt()
    portfolio = vectorbt.Portfolio.from_signals(
        close=closes,
        entries=buy,
        exits=sell,
        price=prices,
        size=float(size),
        size_type="amount" if sizing == "units" else "percent",
        direction="longonly",
        accumulate=False,
        allow_partial=sizing == "fraction",
        fees=costs.fee,
        fixed_fees=costs.fixed_fee,
        slippage=costs.slippage,
        init_cash=float(cash),
        log=True,
        # One log entry an order asked for; the default is one a bar, of some 300 bytes each.
        max_logs=int(buy.sum() + sell.sum()) + 1,
        engine="numba",
    )
    orders = portfolio.orders.records
    fills = Fills(
        bar=orders["idx"].to_numpy(np.int64),
        quantity=np.where(orders["side"].to_numpy() == 0, 1.0, -1.0) * orders["size"].to_numpy(np.float64),
        price=orders["price"].to_numpy(np.float64),
        fee=orders["fees"].to_numpy(np.float64),
    )
    logs = portfolio.logs.records
    rejected = logs[(logs["res_status"] == vectorbt.portfolio.enums.OrderStatus.Rejected)]
    if (rejected["position"] > 0).any():
        bar = int(rejected.loc[rejected["position"] > 0, "idx"].iloc[0])
        raise BacktestInputError(
            f"On bar {bar} a sale brings less than its costs (`fixed_fee` is {costs.fixed_fee:g}); the "
            "vectorbt engine cannot pay them from other cash. Give a lower fixed fee or a larger size."
        )
    bars = rejected["idx"].to_numpy(np.int64)
    fill_prices = prices[bars] * (1 + costs.slippage)
    budget = rejected["cash"].to_numpy(np.float64) * size
    units = (
        np.full(len(bars), float(size))
        if sizing == "units"
        else (budget - costs.fixed_fee) / (fill_prices * (1 + costs.fee))
    )
    return fills, pd.DataFrame(
        {
            "bar": bars,
            "size": np.where(units > 0, units, np.nan),
            "price": fill_prices,
            "reason": "cash does not pay it" if sizing == "units" else "cash does not pay the fixed fee",
        }
    )


def _load_vectorbt() -> Any:
    """Import on call: vectorbt takes seconds to load and to compile."""
    import vectorbt

    return vectorbt
