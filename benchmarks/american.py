"""Measure speed and error of American options beside QuantLib's QdFp and grids and our own tree.

    python benchmarks/american.py            # some minutes
    python benchmarks/american.py --quick

Prints Markdown tables: microseconds of CPU time an option against error; price with five Greeks; all threads;
single options and chains. Medians. The options are those of an ordinary book: strikes of 74 to 135 per cent
of the spot, 20 to 1,000 days, 15 to 50 %. Errors are against QdFp in high precision, in units of strike.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from workbench.pricing import american_greeks, american_price, binomial_price

Book = dict[str, Any]
SIX = ("price", "delta", "gamma", "vega", "theta", "rho")
# Of the accurate setting: three steps on 12 nodes, 16 points each. See the text below the tables.
LIMIT = 3  # us, measured: 0.9 a step


def book_of(count: int, seed: int = 11) -> Book:
    """Return random options on a share at 100."""
    rng = np.random.default_rng(seed)
    return {
        "strike": rng.uniform(74, 135, count),
        "days": rng.integers(20, 1001, count),
        "volatility": rng.uniform(0.15, 0.5, count),
        "rate": rng.uniform(0.0, 0.08, count),
        "dividend_yield": rng.uniform(0.0, 0.06, count),
        "is_call": rng.random(count) < 0.5,
    }


def ours(book: Book, accuracy: str, greeks: tuple[str, ...] | None = None) -> Any:
    """Price a book, or compute its Greeks, in one call."""
    first = (100.0, book["strike"], book["days"] / 365, book["volatility"])
    rest = {name: book[name] for name in ("rate", "dividend_yield", "is_call")}
    if greeks is None:
        return american_price(*first, **rest, accuracy=accuracy)
    return american_greeks(*first, **rest, accuracy=accuracy, greeks=greeks)


class QuantLibBook:
    """QuantLib's options on quotes that move; only their pricing is timed."""

    def __init__(self, book: Book, engine_of: Callable[[Any, Any], Any]) -> None:
        import QuantLib as ql  # noqa: N813

        self.today = ql.Date(2, 1, 2024)
        ql.Settings.instance().evaluationDate = self.today
        self.settings = ql.Settings.instance()
        count = ql.Actual365Fixed()
        columns = (book["volatility"], book["rate"], book["dividend_yield"])
        self.options, self.quotes = [], []
        for k, (strike, days, is_call) in enumerate(
            zip(book["strike"], book["days"], book["is_call"], strict=True)
        ):
            spot, volatility, rate, dividend_yield = (
                ql.SimpleQuote(float(value)) for value in (100.0, *(column[k] for column in columns))
            )

            def flat(quote: Any) -> Any:
                curve = ql.FlatForward(0, ql.NullCalendar(), ql.QuoteHandle(quote), count)
                return ql.YieldTermStructureHandle(curve)

            surface = ql.BlackConstantVol(0, ql.NullCalendar(), ql.QuoteHandle(volatility), count)
            process = ql.BlackScholesMertonProcess(
                ql.QuoteHandle(spot),
                flat(dividend_yield),
                flat(rate),
                ql.BlackVolTermStructureHandle(surface),
            )
            option = ql.VanillaOption(
                ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, float(strike)),
                ql.AmericanExercise(self.today, self.today + int(days)),
            )
            option.setPricingEngine(engine_of(ql, process))
            self.options.append(option)
            self.quotes.append((spot, volatility, rate))

    def prices(self) -> np.ndarray:
        """Price every option anew."""
        for option in self.options:
            option.recalculate()
        return np.array([option.NPV() for option in self.options])

    def greeks(self) -> np.ndarray:
        """Price every option and bump it: spot both ways, volatility, rate, and a day."""
        table = []
        for option, (spot, volatility, rate) in zip(self.options, self.quotes, strict=True):
            option.recalculate()
            row = [option.NPV()]
            for quote, bump in ((spot, 0.1), (spot, -0.1), (volatility, 1e-4), (rate, 1e-4)):
                kept = quote.value()
                quote.setValue(kept + bump)
                row.append(option.NPV())
                quote.setValue(kept)
            table.append(row)
        self.settings.evaluationDate = self.today + 1
        tomorrow = [option.NPV() for option in self.options]
        self.settings.evaluationDate = self.today
        return np.column_stack([table, tomorrow])


def engines() -> dict[str, Callable[[Any, Any], Any]]:
    """Return QuantLib's engines by name."""

    def qdfp(scheme: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda ql, process: ql.QdFpAmericanEngine(process, scheme(ql))

    return {
        "QdFp fast": qdfp(lambda ql: ql.QdFpAmericanEngine.fastScheme()),
        "QdFp accurate": qdfp(lambda ql: ql.QdFpAmericanEngine.accurateScheme()),
        "QdFp high precision": qdfp(lambda ql: ql.QdFpAmericanEngine.highPrecisionScheme()),
        "QuantLib grid 100 x 100": lambda ql, process: ql.FdBlackScholesVanillaEngine(process, 100, 100),
        "QuantLib grid 400 x 400": lambda ql, process: ql.FdBlackScholesVanillaEngine(process, 400, 400),
    }


def cpu_time(run: Callable[[], Any], repeats: int) -> float:
    """Return the median of CPU seconds of all threads, after one run that is not counted."""
    run()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def wall_time(run: Callable[[], Any], repeats: int) -> float:
    """Return the median of seconds by the clock."""
    run()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def root_mean_square(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(error**2)))


def speed_and_error(size: int, peers: int, repeats: int) -> None:
    """Print time against error of prices, and what QdFp would take for the same error."""
    book, few = book_of(size), {name: values[:peers] for name, values in book_of(size).items()}
    built = {name: QuantLibBook(few, engine) for name, engine in engines().items()}
    exact = built["QdFp high precision"].prices()
    measured: dict[str, tuple[float, np.ndarray]] = {}
    for name, options in built.items():
        runs = 1 if "high" in name or "400" in name else repeats
        measured[name] = (cpu_time(options.prices, runs) / peers, (options.prices() - exact) / few["strike"])
    numba.set_num_threads(1)
    for accuracy in ("fast", "accurate"):
        seconds = cpu_time(lambda a=accuracy: ours(book, a), repeats) / size
        measured[f"workbench, {accuracy}"] = (seconds, (ours(few, accuracy) - exact) / few["strike"])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    first = (100.0, few["strike"], few["days"] / 365, few["volatility"])
    rest = {name: few[name] for name in ("rate", "dividend_yield", "is_call")}

    def tree() -> np.ndarray:
        return binomial_price(*first, **rest, steps=501)

    measured["workbench, tree of 501 steps"] = (cpu_time(tree, 1) / peers, (tree() - exact) / few["strike"])

    # Between QdFp's two settings, and beyond them, its time goes like a power of its error.
    (t1, e1), (t2, e2) = measured["QdFp fast"], measured["QdFp accurate"]
    power = math.log(t2 / t1) / math.log(root_mean_square(e1) / root_mean_square(e2))
    print(
        "| price | us an option, one thread | max error | rms error "
        "| QdFp's time for that rms error, times ours |"
    )
    print("|---|---|---|---|---|")
    for name, (seconds, error) in measured.items():
        typical = root_mean_square(error)
        ratio = ""
        if name in {"workbench, fast", "workbench, accurate"}:
            alike = t1 * (root_mean_square(e1) / typical) ** power
            ratio = f"{alike / seconds:.0f} ({alike * 1e6:.0f} us)"
        print(f"| {name} | {seconds * 1e6:.1f} | {np.abs(error).max():.1e} | {typical:.1e} | {ratio} |")


def with_greeks(size: int, peers: int, repeats: int) -> None:
    """Print the time of price and five Greeks, of all threads, and of two boundaries."""
    book, few = book_of(size), {name: values[:peers] for name, values in book_of(size).items()}
    print("\n| price and five Greeks | us an option, one thread | times its price |\n|---|---|---|")
    for name in ("QdFp fast", "QdFp accurate"):
        options = QuantLibBook(few, engines()[name])
        price, all_six = cpu_time(options.prices, repeats), cpu_time(options.greeks, repeats)
        print(f"| {name}, bumped | {all_six / peers * 1e6:.0f} | {all_six / price:.1f} |")
    numba.set_num_threads(1)
    for accuracy in ("fast", "accurate"):
        price = cpu_time(lambda a=accuracy: ours(book, a), repeats)
        for label, names in (("", SIX), (" with vanna and vomma", (*SIX, "vanna", "vomma"))):
            seconds = cpu_time(lambda a=accuracy, n=names: ours(book, a, n), repeats)
            print(f"| workbench, {accuracy}{label} | {seconds / size * 1e6:.1f} | {seconds / price:.1f} |")
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)

    print(f"\n| all {numba.config.NUMBA_NUM_THREADS} threads, by the clock | us an option |\n|---|---|")
    for accuracy in ("fast", "accurate"):
        print(
            f"| price, {accuracy} | {wall_time(lambda a=accuracy: ours(book, a), repeats) / size * 1e6:.1f} |"
        )
        seconds = wall_time(lambda a=accuracy: ours(book, a, SIX), repeats)
        print(f"| price and five Greeks, {accuracy} | {seconds / size * 1e6:.1f} |")

    rng = np.random.default_rng(5)
    book = book_of(200)
    book["rate"] = -rng.uniform(0.005, 0.05, 200)
    book["dividend_yield"] = book["rate"] - rng.uniform(0.005, 0.05, 200)
    book["is_call"] = np.zeros(200, bool)
    print("\n| two boundaries (QdFp has none), one thread | us an option |\n|---|---|")
    numba.set_num_threads(1)
    for accuracy in ("fast", "accurate"):
        print(f"| price, {accuracy} | {cpu_time(lambda a=accuracy: ours(book, a), 3) / 200 * 1e6:.0f} |")
    print(f"| price and five Greeks | {cpu_time(lambda: ours(book, 'accurate', SIX), 1) / 200 * 1e6:.0f} |")
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


def small_calls() -> None:
    """Print what one option and a chain take by the clock."""
    strikes = np.linspace(70, 130, 200)
    smile = 0.2 + 0.001 * np.abs(strikes - 100)
    rest = {"rate": 0.04, "dividend_yield": 0.02, "is_call": False}
    print("\n| a call, by the clock | fast, us | accurate, us |\n|---|---|---|")
    calls: dict[str, Callable[[str], Any]] = {
        "one option, price": lambda a: american_price(100.0, 105.0, 0.5, 0.25, accuracy=a, **rest),
        "one option, five Greeks": lambda a: american_greeks(100.0, 105.0, 0.5, 0.25, accuracy=a, **rest),
        "200 strikes, one volatility": lambda a: american_price(
            100.0, strikes, 0.5, 0.25, accuracy=a, **rest
        ),
        "200 strikes on a smile": lambda a: american_price(100.0, strikes, 0.5, smile, accuracy=a, **rest),
    }
    for name, call in calls.items():
        times = [wall_time(lambda a=a, c=call: c(a), 301) * 1e6 for a in ("fast", "accurate")]
        print(f"| {name} | {times[0]:.0f} | {times[1]:.0f} |")


def main() -> None:
    """Measure, and print a table as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer options and repeats")
    quick = parser.parse_args().quick
    size, peers, repeats = (2000, 100, 3) if quick else (10_000, 600, 7)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    speed_and_error(size, peers, repeats)
    with_greeks(size, peers, repeats)
    small_calls()
    print(
        "\nOperations of the accurate price: three of Newton's steps, each of 192 points with two "
        "exponentials, a Mills ratio, a root and two divisions, a product of 12 x 16 x 16 for the Jacobian "
        "and a system of 12 unknowns; then 24 points of the premium. The points alone are about "
        f"{LIMIT:.0f} us. What is above that is the system, whose steps wait for each other, and the set-up "
        "of weights and discount factors. A chain's boundary is found once where only strikes differ; on a "
        "smile every strike has its own."
    )


if __name__ == "__main__":
    main()
