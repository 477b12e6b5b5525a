"""Measure a book revalued in full under many scenarios, beside other ways, in the same run.

    python benchmarks/book_repricing.py            # 10,000 scenarios of 1,000 positions
    python benchmarks/book_repricing.py --quick    # 2,000 scenarios

Prints Markdown tables: CPU time of one thread for each repricing, what memory it took above its inputs, and
how far its profits are from those of the formula in numpy; the same for American options, against a loop of
prices; then wall time by threads. Medians. All ways get the same book of options on twenty underlyings and
the same returns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pandas as pd

from workbench.pricing import american_price
from workbench.risk import revalue

UNDERLYINGS = 20
WAYS = ("workbench", "numpy in chunks", "numpy, the whole matrix", "QuantLib, a loop")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2,000 scenarios")
    parser.add_argument("--memory", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    scenarios = 2_000 if options.quick else 10_000
    book, returns = inputs(1_000, scenarios)
    if options.memory:
        print(memory(options.memory, book, returns))
        return
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    one_thread(book, returns, quick=options.quick)
    american(book, returns)
    by_threads(book, returns)
    by_size()


def inputs(positions: int, scenarios: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(1)
    names = np.array([f"U{number:02d}" for number in range(UNDERLYINGS)])
    column = random.integers(0, UNDERLYINGS, positions)
    spot = random.uniform(20, 500, UNDERLYINGS)[column]
    book = pd.DataFrame(
        {
            "underlying": names[column],
            "kind": np.where(random.random(positions) < 0.5, "call", "put"),
            "strike": spot * np.exp(random.normal(0, 0.15, positions)),
            "years": random.uniform(0.02, 2, positions),
            "quantity": random.integers(-20, 21, positions).astype(float),
            "multiplier": 100.0,
            "spot": spot,
            "volatility": random.uniform(0.1, 0.6, positions),
            "rate": 0.03,
            "dividend_yield": 0.01,
        }
    )
    return book, pd.DataFrame(random.normal(0, 0.02, (scenarios, UNDERLYINGS)), columns=names)


def in_numpy(book: pd.DataFrame, returns: pd.DataFrame, chunk: int) -> Any:
    """Revalue with numpy and scipy, `chunk` scenarios at a time."""
    from scipy.special import ndtr

    s0, k, t, v, r, q = (
        book[name].to_numpy() for name in ("spot", "strike", "years", "volatility", "rate", "dividend_yield")
    )
    sign = np.where(book["kind"] == "call", 1.0, -1.0)
    size = (book["quantity"] * book["multiplier"]).to_numpy()
    column = returns.columns.get_indexer(book["underlying"])
    moves = returns.to_numpy()
    deviation = v * np.sqrt(t)
    drift, spot_discount = (r - q) * t / deviation + deviation / 2, np.exp(-q * t)
    strike_value = k * np.exp(-r * t)

    def value(spot: Any) -> Any:
        d1 = np.log(spot / k) / deviation + drift
        return sign * (spot * spot_discount * ndtr(sign * d1) - strike_value * ndtr(sign * (d1 - deviation)))

    now = value(s0)
    pnl = np.empty(len(moves))
    for first in range(0, len(moves), chunk):
        block = slice(first, first + chunk)
        pnl[block] = (value(s0 * (1 + moves[block][:, column])) - now) @ size
    return pnl


def in_quantlib(book: pd.DataFrame, returns: pd.DataFrame) -> Any:
    """Revalue one option at a time."""
    import QuantLib

    pnl = np.zeros(len(returns))
    for leg in book.itertuples():
        kind = QuantLib.Option.Call if leg.kind == "call" else QuantLib.Option.Put
        growth = np.exp((leg.rate - leg.dividend_yield) * leg.years)
        deviation, discount = leg.volatility * leg.years**0.5, np.exp(-leg.rate * leg.years)
        price = QuantLib.blackFormula
        now = price(kind, leg.strike, leg.spot * growth, deviation, discount)
        forwards = (leg.spot * growth * (1 + returns[leg.underlying])).tolist()
        values = [price(kind, leg.strike, forward, deviation, discount) for forward in forwards]
        pnl += leg.quantity * leg.multiplier * (np.array(values) - now)
    return pnl


def way(name: str, book: pd.DataFrame, returns: pd.DataFrame) -> Callable[[], Any]:
    return {
        "workbench": lambda: revalue(book, returns),
        "numpy in chunks": lambda: in_numpy(book, returns, 64),
        "numpy, the whole matrix": lambda: in_numpy(book, returns, len(returns)),
        "QuantLib, a loop": lambda: in_quantlib(book, returns),
    }[name]


def median_time(call: Callable[[], Any], clock: Callable[[], float], runs: int) -> float:
    taken = []
    for _ in range(runs):
        start = clock()
        call()
        taken.append(clock() - start)
    return statistics.median(taken)


def memory(name: str, book: pd.DataFrame, returns: pd.DataFrame) -> float:
    """Return the megabytes by which a way raises the process above its inputs and its code."""
    way(name, book.iloc[:10], returns.iloc[:600])()  # what is imported and compiled is not the work's
    before = resident("VmRSS")
    way(name, book, returns)()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123 - no file of ours
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return float("nan")


def one_thread(book: pd.DataFrame, returns: pd.DataFrame, *, quick: bool) -> None:
    repricings = len(book) * len(returns)
    exact = in_numpy(book, returns, 64)
    gross = (book["quantity"].abs() * book["multiplier"] * book["spot"]).sum()
    numba.set_num_threads(1)
    rows = []
    for name in WAYS:
        try:
            few = returns.iloc[:100] if name.startswith("QuantLib") else returns
            call = way(name, book, few)
            pnl = call()
        except ImportError:
            print(f"{name} is not installed: skipped\n")
            continue
        taken = median_time(call, time.thread_time, 1 if name.startswith("QuantLib") else 5)
        error = float(np.max(np.abs(pnl - exact[: len(few)])) / gross)
        rows.append((name, taken / (len(book) * len(few)) * 1e9, error))
    numba.set_num_threads(int(numba.config.NUMBA_NUM_THREADS))
    best = min(taken for name, taken, _ in rows if name.startswith("numpy"))
    print(f"{len(returns):,} scenarios of {len(book):,} positions, {repricings:,} repricings, one thread\n")
    print("| way | ns a repricing | times the best peer | MB above the inputs | profit off by, of the book |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, taken, error in rows:
        used = "" if name.startswith("QuantLib") else f"{measured(name, quick=quick):.0f}"
        print(f"| {name} | {taken:,.2f} | {best / taken:.1f} | {used} | {error:.0e} |")
    print(
        "\nLimit: two tails of 17 instructions, one exponential of 14 and about 30 more for eight "
        "repricings, and one division of 16 cycles: 2 to 2.5 ns. Memory is not in it: a tile of scenarios "
        "stays in cache.\n"
    )


def american(book: pd.DataFrame, returns: pd.DataFrame) -> None:
    """Revalue the same book with American exercise, and a few of its legs one price at a time."""
    early = book.assign(exercise="american")
    numba.set_num_threads(1)
    revalue(early, returns)
    taken = median_time(lambda: revalue(early, returns), time.thread_time, 5)
    few, moves = early.iloc[:40], returns.iloc[:50]
    looped = in_a_loop(few, moves)
    loop = median_time(lambda: in_a_loop(few, moves), time.thread_time, 1)
    gross = (few["quantity"].abs() * few["multiplier"] * few["spot"]).sum()
    error = float(np.max(np.abs(revalue(few, moves) - looped)) / gross)
    numba.set_num_threads(int(numba.config.NUMBA_NUM_THREADS))
    print("| American options | ns a repricing | profit off by, of the book |\n| --- | ---: | ---: |")
    print(f"| workbench | {taken / (len(book) * len(returns)) * 1e9:,.2f} | {error:.0e} |")
    print(f"| `american_price`, a call for each leg | {loop / (len(few) * len(moves)) * 1e9:,.0f} | 0 |")
    print("\nA leg costs some 30 us before its first scenario: its boundary, and a table of prices.\n")


def in_a_loop(book: pd.DataFrame, returns: pd.DataFrame) -> Any:
    """Price each American leg in all scenarios by itself."""
    pnl = np.zeros(len(returns))
    for leg in book.itertuples():
        spots = leg.spot * np.append(1.0, 1 + returns[leg.underlying])
        values = american_price(
            spots, leg.strike, leg.years, leg.volatility,
            rate=leg.rate, dividend_yield=leg.dividend_yield, is_call=leg.kind == "call",
        )  # fmt: skip
        pnl += leg.quantity * leg.multiplier * (values[1:] - values[0])
    return pnl


def measured(name: str, *, quick: bool) -> float:
    command = [sys.executable, __file__, "--memory", name, *(["--quick"] if quick else [])]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def by_threads(book: pd.DataFrame, returns: pd.DataFrame) -> None:
    print("| threads | wall milliseconds, frames in and profits out |\n| ---: | ---: |")
    for count in sorted({1, int(numba.config.NUMBA_NUM_THREADS)}):
        numba.set_num_threads(count)
        revalue(book, returns)
        print(f"| {count} | {median_time(lambda: revalue(book, returns), time.perf_counter, 9) * 1e3:.1f} |")


def by_size() -> None:
    """Show what small questions cost."""
    print("\n| positions | scenarios | milliseconds of CPU time, all threads |\n| ---: | ---: | ---: |")
    for positions, scenarios in ((10, 250), (100, 250), (1_000, 250), (100, 10_000)):
        book, returns = inputs(positions, scenarios)
        revalue(book, returns)
        taken = median_time(lambda b=book, r=returns: revalue(b, r), time.process_time, 21)
        print(f"| {positions:,} | {scenarios:,} | {taken * 1e3:.1f} |")


if __name__ == "__main__":
    main()
