"""Measure European prices and Greeks beside other libraries, in the same run.

    python benchmarks/european.py            # a thousand, 100,000 and a million options
    python benchmarks/european.py --quick    # without the million

Prints Markdown tables: price and five Greeks for each option, in CPU time of one thread and in wall time of
all; our other figures; single options and chains; the first call of a fresh process. Medians. The options
are those of an ordinary book: 18 days to two years, 10 to 60 %, within some deviations of the money.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import mpmath
import numba
import numpy as np

from workbench.pricing import (
    bachelier_greeks,
    black76_greeks,
    black_scholes_greeks,
    black_scholes_price,
)
from workbench.pricing.greeks import GREEKS

SIX = ("price", "delta", "gamma", "vega", "theta", "rho")
Book = dict[str, Any]
# A library's answer: price and delta, which the accuracy is read from.
Engine = Callable[[Book], tuple[Any, Any]]

# What the arithmetic and the memory allow, per option: see `limits`.
OPERATIONS = 340
BYTES = 6 * 8 + 1 + 6 * 8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="without a million options")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = [1_000, 100_000] if options.quick else [1_000, 100_000, 1_000_000]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    six_figures(dict(engines()), sizes)
    every_thread(sizes[-1])
    other_figures(sizes[-1])
    small_calls()
    first_call()


def book_of(count: int, seed: int = 1) -> Book:
    random = np.random.default_rng(seed)
    spot = 100 * np.exp(random.normal(0, 0.1, count))
    return {
        "spot": spot,
        "strike": spot * np.exp(random.normal(0, 0.2, count)),
        "years": random.uniform(0.05, 2, count),
        "volatility": random.uniform(0.1, 0.6, count),
        "rate": random.uniform(0, 0.05, count),
        "dividend_yield": random.uniform(0, 0.03, count),
        "is_call": random.random(count) < 0.5,
    }


def engines() -> Iterator[tuple[str, tuple[Engine, int]]]:
    """Yield each library that is installed, and the most options worth waiting for."""
    arrays: dict[int, dict[str, Any]] = {}

    def into(book: Book) -> tuple[Any, Any]:
        count = len(book["spot"])
        out = arrays.setdefault(count, {name: np.empty(count) for name in SIX})
        found = black_scholes_greeks(**book, greeks=SIX, out=out)
        return found["price"], found["delta"]

    def plain(book: Book) -> tuple[Any, Any]:
        found = black_scholes_greeks(**book, greeks=SIX)
        return found["price"], found["delta"]

    yield "workbench, into the caller's arrays", (into, 10**7)
    yield "workbench, plain call", (plain, 10**7)
    try:
        from fast_vollib import fast_black_scholes_merton, get_all_greeks

        for backend in ("numba", "numpy"):

            def fast(book: Book, backend: str = backend) -> tuple[Any, Any]:
                flag = np.where(book["is_call"], "c", "p")
                terms = [book[n] for n in ("spot", "strike", "years", "rate", "volatility", "dividend_yield")]
                asked = {"return_as": "numpy", "backend": backend}
                price = fast_black_scholes_merton(flag, *terms, **asked)
                found = get_all_greeks(flag, *terms, model="black_scholes_merton", **asked)
                delta = found["delta"] if hasattr(found, "keys") else found[0]
                return np.asarray(price).ravel(), np.asarray(delta).ravel()

            yield f"fast_vollib ({backend})", (fast, 10**7)
    except ImportError:
        print("fast_vollib is not installed: skipped\n")
    try:
        from py_vollib_vectorized import get_all_greeks as bumped
        from py_vollib_vectorized import vectorized_black_scholes_merton

        def vollib(book: Book) -> tuple[Any, Any]:
            flag = np.where(book["is_call"], "c", "p")
            names = ("spot", "strike", "years", "rate", "volatility", "dividend_yield")
            terms = [book[name] for name in names]
            price = vectorized_black_scholes_merton(flag, *terms, return_as="numpy")
            found = bumped(flag, *terms, model="black_scholes_merton", return_as="dict")
            return np.asarray(price).ravel(), np.asarray(found["delta"]).ravel()

        yield "py_vollib_vectorized", (vollib, 100_000)
    except ImportError:
        print("py_vollib_vectorized is not installed: skipped\n")
    try:
        import QuantLib

        yield "QuantLib BlackCalculator, a loop", (lambda book: _quantlib(QuantLib, book), 2_000)
    except ImportError:
        print("QuantLib is not installed: skipped\n")
    yield "plain numpy and scipy", (_numpy, 10**7)


def _quantlib(library: Any, book: Book) -> tuple[Any, Any]:
    price, delta = [], []
    for s, k, t, v, r, q, call in zip(*(book[name].tolist() for name in book), strict=True):
        payoff = library.PlainVanillaPayoff(library.Option.Call if call else library.Option.Put, k)
        forward, discount = s * np.exp((r - q) * t), np.exp(-r * t)
        one = library.BlackCalculator(payoff, forward, v * t**0.5, discount)
        one.gamma(s), one.vega(t), one.theta(s, t), one.rho(t)
        price.append(one.value())
        delta.append(one.delta(s))
    return np.array(price), np.array(delta)


def _numpy(book: Book) -> tuple[Any, Any]:
    """Compute the six figures as a desk writes them in an afternoon."""
    from scipy.special import ndtr

    s, k, t, v, r, q, call = book.values()
    sign = np.where(call, 1.0, -1.0)
    root = np.sqrt(t)
    d1 = (np.log(s / k) + (r - q + v * v / 2) * t) / (v * root)
    d2 = d1 - v * root
    spot_discount, strike_value = np.exp(-q * t), k * np.exp(-r * t)
    density = np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
    n1, n2 = ndtr(sign * d1), ndtr(sign * d2)
    price = sign * (s * spot_discount * n1 - strike_value * n2)
    delta = sign * spot_discount * n1
    _gamma = spot_discount * density / (s * v * root)
    vega = s * spot_discount * density * root
    _theta = sign * (q * s * spot_discount * n1 - r * strike_value * n2) - vega * v / (2 * t)
    _rho = sign * t * strike_value * n2
    return price, delta


def cpu(
    call: Callable[[], Any], seconds: float = 2.0, clock: Callable[[], float] = time.thread_time
) -> float:
    """Return the median time of a call, after one that warms up."""
    call()
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < 3 or (time.perf_counter() < until and len(taken) < 300):
        start = clock()
        call()
        taken.append(clock() - start)
    return statistics.median(taken)


def truth(book: Book) -> tuple[Any, Any]:
    """Return price and delta in 50 digits."""
    price, delta = [], []
    with mpmath.workdps(50):
        for *numbers, call in zip(*(book[name].tolist() for name in book), strict=True):
            s, k, t, v, r, q = map(mpmath.mpf, numbers)
            sign = 1 if call else -1
            deviation = v * mpmath.sqrt(t)
            d1 = (mpmath.log(s / k) + (r - q) * t) / deviation + deviation / 2
            n1 = mpmath.erfc(-sign * d1 / mpmath.sqrt(2)) / 2
            n2 = mpmath.erfc(-sign * (d1 - deviation) / mpmath.sqrt(2)) / 2
            price.append(float(sign * (s * mpmath.exp(-q * t) * n1 - k * mpmath.exp(-r * t) * n2)))
            delta.append(float(sign * mpmath.exp(-q * t) * n1))
    return np.array(price), np.array(delta)


def six_figures(libraries: dict[str, tuple[Engine, int]], sizes: list[int]) -> None:
    sample = book_of(500, seed=2)
    exact_price, exact_delta = truth(sample)
    numba.set_num_threads(1)
    table: dict[str, tuple[list[float | None], float, float]] = {}
    for name, (engine, most) in libraries.items():
        taken: list[float | None] = []
        for size in sizes:
            asked = partial(engine, book_of(size))
            taken.append(None if size > most else cpu(asked) / size * 1e9)
        price, delta = engine(sample)
        table[name] = (
            taken,
            float(np.max(np.abs(price - exact_price) / sample["spot"])),
            float(np.max(np.abs(delta - exact_delta))),
        )
    numba.set_num_threads(int(numba.config.NUMBA_NUM_THREADS))
    peers = [row[0][-1] for name, row in table.items() if "vollib" in name and row[0][-1]]
    best = min((t for t in peers if t is not None), default=float("nan"))
    print("Price, delta, gamma, vega, theta and rho: ns of CPU time for each option, one thread\n")
    heads = " | ".join(f"n = {size:,}" for size in sizes)
    print(
        f"| library | {heads} | times faster than the best library | price off by, of spot | delta off by |"
    )
    print("| --- |" + " ---: |" * (len(sizes) + 3))
    for name, (taken, price_error, delta_error) in table.items():
        shown = " | ".join("" if t is None else f"{t:,.1f}" for t in taken)
        ratio = "" if taken[-1] is None else f"{best / taken[-1]:.1f}"
        print(f"| {name} | {shown} | {ratio} | {price_error:.0e} | {delta_error:.0e} |")
    limits()


def limits() -> None:
    """Say what the processor and the memory allow."""
    print(
        f"\nLimit: the compiler's loop has {OPERATIONS} instructions on vectors of eight options (80 fused, "
        "90 other sums and products, 14 comparisons, the rest moves of constants and spilled values) with "
        f"five divisions and a root, which alone take 13 cycles an option: 5 to 6 ns. {BYTES} bytes in and "
        "out of memory are another 5 to 10 ns once the arrays are larger than the cache; the plain call adds "
        "the first touch of fresh pages. The rest is the copy into tiles and out, and spills.\n"
    )


def every_thread(size: int) -> None:
    book = book_of(size)
    out = {name: np.empty(size) for name in SIX}
    threads = int(numba.config.NUMBA_NUM_THREADS)
    print(f"\nAll threads, n = {size:,}: wall milliseconds\n")
    print("| threads | into the caller's arrays | ns an option and thread |\n| ---: | ---: | ---: |")
    for count in sorted({1, threads}):
        numba.set_num_threads(count)
        wall = cpu(lambda: black_scholes_greeks(**book, greeks=SIX, out=out), clock=time.perf_counter)
        print(f"| {count} | {wall * 1e3:.1f} | {wall / size * count * 1e9:.1f} |")


def other_figures(size: int) -> None:
    numba.set_num_threads(1)
    book = book_of(size)
    out = {name: np.empty(size) for name in GREEKS}
    forward = {name: book[name] for name in ("strike", "years", "volatility", "rate", "is_call")}
    normal = forward | {"volatility": 100 * book["volatility"]}
    one_rate = book | {"rate": 0.03, "dividend_yield": 0.01}
    # A day of minutes to expiry, out to where the quick formula ends: rows done one at a time.
    corners = book | {"years": book["years"] / 500_000}
    cases: dict[str, Callable[[], Any]] = {
        "price": lambda: black_scholes_price(**book, out=out["price"]),
        "price, fresh array": lambda: black_scholes_price(**book),
        "price and five Greeks, one rate for all": lambda: black_scholes_greeks(
            **one_rate, greeks=SIX, out=out
        ),
        "price and all sixteen Greeks": lambda: black_scholes_greeks(**book, greeks=GREEKS, out=out),
        "vanna, vomma and ultima": lambda: black_scholes_greeks(
            **book, greeks=("vanna", "vomma", "ultima"), out=out
        ),
        "minutes to expiry, price and five Greeks": lambda: black_scholes_greeks(
            **corners, greeks=SIX, out=out
        ),
        "Black-76, price and five Greeks": lambda: black76_greeks(
            book["spot"], **forward, greeks=SIX, out=out
        ),
        "Bachelier, price and five Greeks": lambda: bachelier_greeks(
            book["spot"], **normal, greeks=SIX, out=out
        ),
    }
    print(f"\nOther figures, one thread, n = {size:,}\n\n| what | ns an option |\n| --- | ---: |")
    for name, call in cases.items():
        print(f"| {name} | {cpu(call) / size * 1e9:.1f} |")
    numba.set_num_threads(int(numba.config.NUMBA_NUM_THREADS))


def small_calls() -> None:
    chain = book_of(200)
    one = {"spot": 42.0, "strike": 40.0, "years": 0.5, "volatility": 0.2, "rate": 0.1}
    print("\nSmall calls, loaded\n\n| what | microseconds a call |\n| --- | ---: |")
    for name, call in {
        "one price": lambda: black_scholes_price(**one),
        "one option, five Greeks": lambda: black_scholes_greeks(**one),
        "a chain of 200, price and five Greeks": lambda: black_scholes_greeks(**chain, greeks=SIX),
        "a chain of 200, price and all Greeks": lambda: black_scholes_greeks(**chain, greeks=GREEKS),
    }.items():
        print(f"| {name} | {cpu(call) * 1e6:.0f} |")


def first_call() -> None:
    script = (
        "import time; wall, cpu = time.perf_counter(), time.process_time()\n"
        "from workbench.pricing import black_scholes_price\n"
        "loaded = time.perf_counter()\n"
        "black_scholes_price(42, 40, 0.5, 0.2)\n"
        "print(loaded - wall, time.perf_counter() - loaded, time.process_time() - cpu)"
    )
    runs = [
        [
            float(word)
            for word in subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(5)
    ]
    imported, called, cpu_time = (statistics.median(column) for column in zip(*runs, strict=True))
    print(
        f"\nA fresh process, compiled code on disk: import {imported:.2f} s, first call {called:.2f} s "
        f"(most of it importing numba), {cpu_time:.2f} s of CPU time in all."
    )


if __name__ == "__main__":
    main()
