"""Measure implied volatility beside the fastest libraries, in the same run: speed, and wrong answers.

    python benchmarks/implied_volatility.py            # 100,000 and a million options
    python benchmarks/implied_volatility.py --quick    # 100,000

Prints two Markdown tables. Speed: median CPU time of one thread for each option; prices come from known
volatilities (7 to 730 days, 5 to 100 %, out of the money by up to three standard deviations).
Answers: a grid from the money to the far wings whose volatility one rounding of the price moves by less than
1e-10; wrong is farther off than 1e-6. All libraries get the same undiscounted prices there.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

# Before numba is imported: the first table is about one thread.
os.environ.setdefault("NUMBA_NUM_THREADS", str(os.cpu_count()))

import numba
import numpy as np

from workbench.pricing import black_scholes_greeks, black_scholes_price, implied_volatility

Solver = Callable[..., Any]
RATE = 0.03


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="100,000 options only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = [1_000, 100_000] if options.quick else [1_000, 100_000, 1_000_000]
    solvers = dict(solvers_here())
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    speed(solvers, sizes)
    every_thread(sizes[-1])
    answers(solvers)


def solvers_here() -> Iterator[tuple[str, Solver]]:
    """Yield each library that is installed: price, spot, strike, years, rate, is_call -> volatilities."""
    yield "workbench", _ours
    try:
        from py_vollib_vectorized import vectorized_implied_volatility

        yield (
            "py_vollib_vectorized",
            lambda price, spot, strike, years, rate, is_call: vectorized_implied_volatility(
                price, spot, strike, years, rate, np.where(is_call, "c", "p"), 0.0,
                model="black_scholes_merton", return_as="numpy", on_error="ignore",
            ),
        )  # fmt: skip
    except ImportError:
        print("py_vollib_vectorized is not installed: skipped")
    try:
        from fast_vollib import fast_implied_volatility
        from fast_vollib.jackel import jackel_iv_black

        yield (
            "fast_vollib (default, numba)",
            lambda price, spot, strike, years, rate, is_call: fast_implied_volatility(
                price, spot, strike, years, rate, np.where(is_call, "c", "p"), 0.0,
                model="black_scholes_merton", return_as="numpy", on_error="ignore", backend="numba",
            ),
        )  # fmt: skip
        yield (
            "fast_vollib (jackel)",
            lambda price, spot, strike, years, rate, is_call: jackel_iv_black(
                price * np.exp(rate * years), spot * np.exp(rate * years), strike, years, is_call
            ),
        )
    except ImportError:
        print("fast_vollib is not installed: skipped")
    try:
        import QuantLib

        yield "QuantLib, loop", lambda *rows: _quantlib(QuantLib, *rows)
    except ImportError:
        print("QuantLib is not installed: skipped")


def _ours(price: Any, spot: Any, strike: Any, years: Any, rate: Any, is_call: Any) -> Any:
    return implied_volatility(price, spot, strike, years, rate=rate, is_call=is_call).volatility


def _quantlib(library: Any, price: Any, spot: Any, strike: Any, years: Any, rate: Any, is_call: Any) -> Any:
    discount = np.exp(-rate * years)
    call, put = library.Option.Call, library.Option.Put
    found = np.full(price.size, np.nan)
    for i in range(price.size):
        try:
            found[i] = library.blackFormulaImpliedStdDev(
                call if is_call[i] else put, strike[i], spot[i] / discount[i], price[i], discount[i], 0.0,
                0.2 * years[i] ** 0.5, 1e-14, 1000,
            )  # fmt: skip
        except RuntimeError:
            continue
    return found / np.sqrt(years)


def chain(count: int) -> tuple[Any, ...]:
    """Make options of known volatility."""
    rng = np.random.default_rng(0)
    years, volatility = rng.uniform(7 / 365, 2, count), rng.uniform(0.05, 1.0, count)
    spot, rate = np.full(count, 100.0), np.full(count, RATE)
    strike = 100 * np.exp(RATE * years + rng.uniform(-3, 3, count) * volatility * np.sqrt(years))
    is_call = strike > 100 * np.exp(RATE * years)
    price = black_scholes_price(spot, strike, years, volatility, rate=rate, is_call=is_call)
    return (price, spot, strike, years, rate, is_call), volatility


def cost(solve: Solver, rows: tuple[Any, ...], clock: Callable[[], float] = time.process_time) -> float:
    """Return the median nanoseconds an option, after a first call that compiles."""
    solve(*rows)
    rounds = []
    for _ in range(7):
        begin = clock()
        solve(*rows)
        rounds.append(clock() - begin)
        if sum(rounds) > 6:
            break
    return statistics.median(rounds) / rows[0].size * 1e9


def speed(solvers: dict[str, Solver], sizes: list[int]) -> None:
    """Print CPU time of one thread for each option, and the error there."""
    numba.set_num_threads(1)
    heads = "".join(f" n = {size:,} |" for size in sizes)
    print(f"| ns an option, one thread |{heads} times the time of workbench | worst relative error |")
    print("| --- |" + " --- |" * (len(sizes) + 2))
    ours = None
    for name, solve in solvers.items():
        figures = []
        for size in sizes:
            rows, volatility = chain(min(size, 20_000) if "loop" in name else size)
            figures.append(cost(solve, rows))
        error = np.nanmax(np.abs(np.asarray(solve(*rows)).reshape(-1) / volatility - 1))
        ours = ours or figures[-1]
        shown = " | ".join(f"{figure:.0f}" for figure in figures)
        print(f"| {name} | {shown} | {figures[-1] / ours:.1f} | {error:.1e} |", flush=True)


def every_thread(size: int) -> None:
    """Print wall time on all threads."""
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    rows, _ = chain(size)
    wall = cost(_ours, rows, time.perf_counter)
    one, _ = chain(1)
    small, _ = chain(200)
    print(
        f"\nworkbench on {numba.get_num_threads()} threads: {wall:.0f} ns of wall clock an option at "
        f"n = {size:,}; one option {cost(_ours, one) / 1e3:.0f} us a call, a chain of 200 "
        f"{cost(_ours, small) * 200 / 1e3:.0f} us.\n"
        "Limit: about 9 divisions, 2 roots, 2 exponentials, 4 logarithms and 190 fused multiplications, "
        "some 18 ns;\n49 bytes in and 9 out for each option, some 5 ns. The rest is copying into tiles, "
        "checks of each row and pages\nof fresh results.\n"
    )


def answers(solvers: dict[str, Solver]) -> None:
    """Print how many answers are wrong or absent on a grid of determined volatilities."""
    axes = np.meshgrid(
        np.linspace(-20, 20, 41), [1e-5, 1e-3, 0.02, 0.1, 0.5, 2.0, 10.0, 50.0],
        [0.001, 0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 4.0], [True, False], indexing="ij",
    )  # fmt: skip
    z, years, volatility, is_call = (axis.ravel() for axis in axes)
    is_call = is_call.astype(bool)
    with np.errstate(all="ignore"):
        strike = 100 * np.exp(z * volatility * np.sqrt(years))
        keep = (strike > 1e-100) & (strike < 1e100)
        z, years, volatility, is_call, strike = (
            array[keep] for array in (z, years, volatility, is_call, strike)
        )
        price = black_scholes_price(100, strike, years, volatility, is_call=is_call)
        vega = black_scholes_greeks(100, strike, years, volatility, is_call=is_call, greeks=["vega"])["vega"]
        determined = (price > 0) & (np.spacing(price) < 1e-10 * vega)
    price, strike, years, volatility, is_call = (
        array[determined] for array in (price, strike, years, volatility, is_call)
    )
    spot, rate = np.full(price.size, 100.0), np.zeros(price.size)
    print(f"| {price.size:,} determined volatilities | no answer | wrong | worst error of the others |")
    print("| --- | --- | --- | --- |")
    for name, solve in solvers.items():
        found = np.asarray(solve(price, spot, strike, years, rate, is_call), float).reshape(-1)
        absent = ~np.isfinite(found) | (found <= 0)
        error = np.abs(found - volatility)
        wrong = ~absent & (error > 1e-6)
        worst = np.max(error[~absent & ~wrong])
        print(f"| {name} | {absent.sum():,} | {wrong.sum():,} | {worst:.1e} |", flush=True)


if __name__ == "__main__":
    main()
