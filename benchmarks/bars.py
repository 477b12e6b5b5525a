"""Measure ten million daily bars on their way in and out, beside plain DuckDB and pandas in the same run.

    python benchmarks/bars.py                  # ten million bars: some minutes, 4 GB of memory and of disk
    python benchmarks/bars.py --symbols 400    # a million

Prints one Markdown table. Prices are a random walk: only speed and size are asked here. Wall clock decides;
the processor's time beside it tells how far a busy machine bent it.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from workbench.desk import Desk
from workbench.store import Lake

SESSIONS = 2_500


class Took(NamedTuple):
    """Seconds of the wall clock and of all processors."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s (CPU {self.cpu:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=int, default=4_000, help="each has 2,500 sessions")
    parser.add_argument("--rounds", type=int, default=3, help="how often each load is taken, in turn")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder, if not given")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bars-benchmark-", dir=options.folder))
    print(f"duckdb {duckdb.__version__}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print("| question | goal | ours | peer |\n| --- | --- | --- | --- |", flush=True)
    try:
        loads(folder, options.symbols, options.rounds)
        reads(folder, options.symbols)
        as_of_join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def show(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def took(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def daily_bars(symbols: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    days = pd.date_range("2010-01-04", periods=SESSIONS, freq="B", tz="UTC", unit="us")
    shape = (symbols, SESSIONS)
    close = (50 * np.exp(np.cumsum(random.normal(0, 0.015, shape), axis=1))).round(2)
    wiggle = [(close * (1 + random.normal(0, 0.005, shape))).round(2).ravel() for _ in range(2)]
    return pd.DataFrame(
        {
            "symbol": pd.array(
                np.repeat([f"S{number:04d}" for number in range(symbols)], SESSIONS), dtype="str"
            ),
            "time": np.tile(days, symbols),
            "open": wiggle[0],
            "high": np.maximum.reduce([*wiggle, close.ravel()]),
            "low": np.minimum.reduce([*wiggle, close.ravel()]),
            "close": close.ravel(),
            "volume": random.integers(10_000, 10_000_000, close.size).astype(float),
        }
    )


def plain() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "4GB"})
    connection.execute("SET enable_progress_bar = false")
    return connection


def loads(folder: Path, symbols: int, rounds: int) -> None:
    frame = daily_bars(symbols)
    times: dict[str, list[Took]] = {}
    for number in range(rounds):  # in turn, so that a busy moment of the machine meets all
        load_frame(folder, frame, number, times)
    again, changed = load_again(folder / "frame0", frame)
    csv = folder / "bars.csv"
    write_csv(frame, csv)
    million = f"{len(frame) / 1e6:.0f} million daily bars"
    del frame
    for number in range(rounds):
        load_csv(folder, csv, number, times)
    best = {name: min(found) for name, found in times.items()}
    for what, ours, peer in (
        (f"a frame of {million} into the lake, durable", "lake frame", "plain frame"),
        ("the same through desk.load, every row checked", "desk frame", "plain frame"),
        ("a CSV of them through desk.load", "desk csv", "plain csv"),
    ):
        ratio = best[ours].wall / best[peer].wall
        show(what, "<= 1.3 times plain", f"{best[ours]}: {ratio:.2f} times", f"{best[peer]}, not synced")
    show("the frame again", "0 rows changed, no snapshot", f"{again}, {changed} snapshots", "no such thing")


def load_frame(folder: Path, frame: pd.DataFrame, number: int, times: dict[str, list[Took]]) -> None:
    with plain() as connection:
        connection.register("frame", frame)
        copy = f"COPY frame TO '{folder / 'plain.parquet'}' (COMPRESSION zstd)"
        times.setdefault("plain frame", []).append(took(lambda: connection.execute(copy)))
    with Lake.open(folder / f"lake{number}") as lake:
        times.setdefault("lake frame", []).append(
            took(lambda: lake.write("daily_bars", frame, source="benchmark"))
        )
    with Desk.open(folder / f"frame{number}") as desk:
        times.setdefault("desk frame", []).append(
            took(lambda: desk.load(frame, kind="bars", source="benchmark"))
        )


def load_again(home: Path, frame: pd.DataFrame) -> tuple[Took, int]:
    with Desk.open(home) as desk:
        snapshot = desk.snapshot()
        again = took(lambda: desk.load(frame, kind="bars", source="benchmark"))
        return again, desk.snapshot() - snapshot


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    with plain() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("frame", frame)
        connection.execute(
            "COPY (SELECT symbol, time::DATE AS date, open, high, low, close, volume::BIGINT AS volume "
            f"FROM frame) TO '{path}'"
        )


def load_csv(folder: Path, csv: Path, number: int, times: dict[str, list[Took]]) -> None:
    with plain() as connection:
        copy = f"COPY (FROM '{csv}') TO '{folder / 'plain.parquet'}' (COMPRESSION zstd)"
        times.setdefault("plain csv", []).append(took(lambda: connection.execute(copy)))
    with Desk.open(folder / f"csv{number}") as desk:
        times.setdefault("desk csv", []).append(took(lambda: desk.load(csv, kind="bars", source="benchmark")))


def reads(folder: Path, symbols: int) -> None:
    home = folder / "frame0"
    files = [str(path) for path in (home / "lake" / "data" / "main" / "daily_bars").rglob("*.parquet")]
    names = [f"S{number:04d}" for number in range(0, symbols, max(1, symbols // 60))][:60]
    year = ("2015-01-01", "2015-12-31")

    def middle(work: Callable[[str], object], asked: list[str]) -> float:
        seconds = []
        for name in asked:
            began = time.perf_counter()
            work(name)
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[5:]) * 1000

    with Desk.open(home) as desk, plain() as connection:
        connection.execute("SET parquet_metadata_cache = true")
        query = (
            "SELECT * FROM read_parquet($files) WHERE symbol = $name "
            "AND time BETWEEN $first::TIMESTAMP AND $last::TIMESTAMP ORDER BY time"
        )

        def peer(name: str) -> pd.DataFrame:
            values = {"files": files, "name": name, "first": year[0], "last": year[1]}
            return connection.execute(query, values).to_arrow_table().to_pandas()

        assert len(peer(names[0])) == len(desk.bars(names[0], *year))
        theirs = middle(peer, names)
        ours = middle(lambda name: desk.bars(name, *year), names)
        kept = middle(lambda _: desk.bars(names[0], *year), names * 20)
    show(
        "one symbol, one year, through desk.bars",
        "<= 1.5 times plain, < 30 ms",
        f"{ours:.1f} ms: {ours / theirs:.2f} times",
        f"{theirs:.1f} ms, the same files",
    )
    show("the same question again", "< 0.2 ms", f"{kept:.3f} ms", "no such thing")


def as_of_join() -> None:
    from workbench.market.asof import quotes_at

    random = np.random.default_rng(1)
    symbols = np.array([f"S{number:03d}" for number in range(500)])

    def side(count: int, column: str) -> pd.DataFrame:
        seconds = np.sort(random.integers(0, 23_400_000_000, count))
        times = pd.Timestamp("2024-06-03 13:30", tz="UTC") + pd.to_timedelta(seconds, unit="us")
        names = pd.array(symbols[random.integers(0, 500, count)], dtype="str")
        return pd.DataFrame({"symbol": names, "time": times.as_unit("us"), column: random.random(count)})

    def best(work: Callable[[], object]) -> float:
        work()
        return min(took(work).cpu for _ in range(9)) * 1000

    trades, quotes = side(100_000, "price"), side(1_000_000, "bid")
    by_time = best(lambda: quotes_at(trades, quotes))
    rival = best(lambda: pd.merge_asof(trades, quotes, on="time", by="symbol"))
    grouped = [each.sort_values(["symbol", "time"], kind="stable") for each in (trades, quotes)]
    ours = best(lambda: quotes_at(*grouped))

    def sorted_first() -> pd.DataFrame:
        left, right = (each.sort_values("time", kind="stable") for each in grouped)
        return pd.merge_asof(left, right, on="time", by="symbol")

    theirs = best(sorted_first)
    question = "100,000 trades beside a million quotes of 500 symbols"
    show(f"{question}, by time", "<= pandas", f"CPU {by_time:.0f} ms", f"CPU {rival:.0f} ms")
    show(
        "the same by symbol and time, as the lake gives them",
        "",
        f"CPU {ours:.0f} ms",
        f"CPU {theirs:.0f} ms",
    )


if __name__ == "__main__":
    main()
