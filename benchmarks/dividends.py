"""Measure speed and error of American options with cash dividends beside QuantLib's finite differences.

Run alone: ``python benchmarks/dividends.py [--quick]``. Prints a Markdown table. Times are medians of CPU
time per option; errors are against our own grid three times as fine, in units of strike.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numba
import numpy as np

from workbench.pricing import dividend_rows as engine
from workbench.pricing.dividends import dividend_price

DIVIDENDS = [(45, 0.9), (136, 0.9), (227, 0.9)]  # days from now, amount
RATE = 0.04


def cases(size: int) -> dict[str, np.ndarray]:
    """Options on a share at 100: strikes of 74 to 135, 20 to 365 days, volatility of 0.15 to 0.5."""
    rng = np.random.default_rng(11)
    return {
        "strike": rng.uniform(74, 135, size),
        "days": rng.integers(20, 366, size),
        "volatility": rng.uniform(0.15, 0.5, size),
        "is_call": rng.random(size) < 0.5,
    }


def ours(options: dict[str, np.ndarray], model: str, accuracy: str) -> np.ndarray:
    """Price all options in one call."""
    return dividend_price(
        100.0,
        options["strike"],
        options["days"] / 365,
        options["volatility"],
        rate=RATE,
        is_call=options["is_call"],
        dividends=[(day / 365, amount) for day, amount in DIVIDENDS],
        dividend_model=model,
        accuracy=accuracy,
    )


def quantlib_options(options: dict[str, np.ndarray], model: str, nodes: int) -> list[object]:
    """Build QuantLib's options with their engines; only their pricing is timed."""
    import QuantLib as ql  # noqa: N813

    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    rates, yields = (
        ql.YieldTermStructureHandle(ql.FlatForward(today, value, count)) for value in (RATE, 0.0)
    )
    kind = ql.FdBlackScholesVanillaEngine
    dividends = [ql.FixedDividend(amount, today + day) for day, amount in DIVIDENDS]
    built = []
    for strike, days, volatility, is_call in zip(*options.values(), strict=True):
        surface = ql.BlackConstantVol(today, ql.NullCalendar(), float(volatility), count)
        process = ql.BlackScholesMertonProcess(spot, yields, rates, ql.BlackVolTermStructureHandle(surface))
        expiry = today + int(days)
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, float(strike)),
            ql.AmericanExercise(today, expiry),
        )
        option.setPricingEngine(
            kind(
                process,
                [dividend for dividend in dividends if dividend.date() <= expiry],
                nodes,
                nodes,
                0,
                ql.FdmSchemeDesc.Douglas(),
                False,
                -1e300,
                {"spot": kind.Spot, "escrowed": kind.Escrowed}[model],
            )
        )
        built.append(option)
    return built


def cpu_time(run: Callable[[], object], repeats: int) -> float:
    """Return the median of CPU seconds of all threads."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return median(taken)


def main() -> None:
    """Measure, and print one line a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer options and repeats")
    quick = parser.parse_args().quick
    size, peers = (320, 10) if quick else (1600, 40)
    options = cases(size)
    few = {name: values[:peers] for name, values in options.items()}
    try:
        import QuantLib as ql  # noqa: N813
    except ImportError:
        ql = None
        print("QuantLib is not installed: its rows are left out.\n")

    threads = numba.config.NUMBA_NUM_THREADS
    print("| model | method | us per option, one thread | wall, all threads | max error | rms error |")
    print("|---|---|---|---|---|---|")
    for model in ("spot", "escrowed"):
        ordinary = engine.GRIDS["accurate"]
        engine.GRIDS["accurate"] = (3 * ordinary[0], 3 * ordinary[1])
        exact = ours(options, model, "accurate")
        engine.GRIDS["accurate"] = ordinary
        for accuracy in ("accurate", "fast"):
            error = (ours(options, model, accuracy) - exact) / options["strike"]
            numba.set_num_threads(1)
            seconds = cpu_time(lambda a=accuracy, m=model: ours(options, m, a), 3 if quick else 7)
            numba.set_num_threads(threads)
            start = time.perf_counter()
            ours(options, model, accuracy)
            wall = time.perf_counter() - start
            show(model, f"ours, {accuracy}", seconds / size, wall / size, error)
        for nodes in (100, 400) if ql else ():
            built = quantlib_options(few, model, nodes)
            start = time.process_time()
            prices = np.array([option.NPV() for option in built])
            seconds = time.process_time() - start
            error = (prices - exact[:peers]) / few["strike"]
            show(model, f"QuantLib {nodes} x {nodes}", seconds / peers, None, error)

    print(
        "\nOperations: the accurate grid takes 384 nodes by about 96 steps a stretch of time, and a grid of "
        "half of both: 46,000 nodes a stretch at 10 operations and 40 bytes of cache traffic each. A sweep "
        "waits for its own last result (three operations of 4 cycles for a node of 16 options), which at "
        "0.25 ns a node is the limit; loads from the second cache bring it to about 0.5 ns."
    )


def show(model: str, method: str, seconds: float, wall: float | None, error: np.ndarray) -> None:
    """Print one row."""
    spread = "" if wall is None else f"{wall * 1e6:.1f}"
    largest, typical = np.abs(error).max(), np.sqrt((error**2).mean())
    print(
        f"| {model} | {method} | {seconds * 1e6:.1f} | {spread} | {largest:.1e} | {typical:.1e} |", flush=True
    )


if __name__ == "__main__":
    main()
