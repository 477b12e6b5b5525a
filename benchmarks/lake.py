# ruff: noqa: B023 - what is timed is called at once, in its own turn of the loop
"""Measure the lake beside plain DuckDB on Parquet, in the same run.

    python benchmarks/lake.py            # a million daily bars, 5 million minute bars
    python benchmarks/lake.py --full     # 100 million minute bars: minutes, and 3 GB of disk

Prints one Markdown table. Prices are a random walk: only speed and size are asked here.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

DAILY_SYMBOLS, DAILY_SESSIONS = 400, 2_500
MINUTES_A_SESSION = 390
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="100 million minute bars in place of 5 million")
    parser.add_argument("--minutes", action="store_true", help="only the part of the minute bars")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder, if not given")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        CHILDREN[options.child[0]](*options.child[1:])
        return
    folder = Path(tempfile.mkdtemp(prefix="lake-benchmark-", dir=options.folder))
    print(f"duckdb {duckdb.__version__}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print("| question | goal | lake | plain DuckDB on Parquet |\n| --- | --- | --- | --- |", flush=True)
    try:
        if not options.minutes:
            for part in (load_daily_bars, read_daily_bars, fresh_process, commits, same_keys, state_store):
                show(part(folder))
            show(tidy(folder, 2_000 if options.full else 500))
            show(contention(folder))
        show(minute_bars(folder, full=options.full))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def show(rows: list[tuple[str, str, str, str]]) -> None:
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def daily_bars() -> pd.DataFrame:
    random = np.random.default_rng(1)
    days = pd.date_range("2010-01-04", periods=DAILY_SESSIONS, freq="B", tz="UTC")
    shape = (DAILY_SYMBOLS, DAILY_SESSIONS)
    close = (50 * np.exp(np.cumsum(random.normal(0, 0.015, shape), axis=1))).round(2)
    wiggle = [(close * (1 + random.normal(0, 0.005, shape))).round(2).ravel() for _ in range(3)]
    return pd.DataFrame(
        {
            "symbol": np.repeat([f"S{number:04d}" for number in range(DAILY_SYMBOLS)], DAILY_SESSIONS),
            "time": np.tile(days, DAILY_SYMBOLS),
            "open": wiggle[0],
            "high": np.maximum.reduce([*wiggle, close.ravel()]),
            "low": np.minimum.reduce([*wiggle, close.ravel()]),
            "close": close.ravel(),
            "volume": random.integers(10_000, 10_000_000, close.size).astype(float),
        }
    )


def plain_connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def load_daily_bars(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    frame = daily_bars()
    ours, plain = [], []
    for number in range(ROUNDS):  # in turn, so that a busy moment of the machine meets both
        with plain_connection() as connection:
            target = folder / f"plain{number}.parquet"
            connection.register("frame", frame)
            plain.append(seconds(lambda: connection.execute(f"COPY frame TO '{target}'")))
        with Lake.open(folder / f"daily{number}") as lake:
            ours.append(seconds(lambda: lake.write("daily_bars", frame, source="benchmark")))
    with Lake.open(folder / "daily0") as lake:
        size = lake.size_bytes
        again = seconds(lambda: lake.write("daily_bars", frame, source="benchmark"))
        changed = frame.sample(400, random_state=1).assign(close=1.0)
        correction = seconds(lambda: lake.write("daily_bars", changed, source="benchmark"))
    with Lake.open(folder / "shuffled") as lake:
        shuffled = frame.sample(frac=1, random_state=1)
        unsorted = seconds(lambda: lake.write("daily_bars", shuffled, source="benchmark"))
    best, rival = min(ours), min(plain)
    count = len(frame)
    return [
        (
            "load a million daily bars, durable",
            "at least half of plain",
            f"{best:.2f} s, {count / best / 1e6:.1f}M rows/s: {rival / best:.2f} of plain "
            f"(median {statistics.median(plain) / statistics.median(ours):.2f})",
            f"{rival:.2f} s, {count / rival / 1e6:.1f}M rows/s, not synced",
        ),
        ("the same in no order", "", f"{unsorted:.2f} s", ""),
        (
            "size of these",
            "",
            f"{size / count:.1f} B/row",
            f"{(folder / 'plain0.parquet').stat().st_size / count:.1f} B/row",
        ),
        ("load the same again", "0 rows changed, no snapshot", f"{again:.2f} s", "no such thing"),
        ("correct 400 rows, old ones kept", "", f"{correction:.2f} s", "no such thing"),
    ]


def read_daily_bars(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    query = f"SELECT * FROM '{folder / 'plain0.parquet'}' WHERE symbol = 'S0123' ORDER BY time"
    with Lake.open(folder / "daily1", read_only=True) as lake, plain_connection() as connection:
        work = {
            "ours": lambda: lake.read("daily_bars", symbols="S0123"),
            "known": lambda: lake.read("daily_bars", symbols="S0123", known_at=datetime.now(UTC)),
            "plain": lambda: connection.execute(query).to_arrow_table().to_pandas(),
        }
        times = {name: [seconds(call) for _ in range(30)][5:] for name, call in work.items()}
    middle = {name: f"{statistics.median(values) * 1000:.0f} ms" for name, values in times.items()}
    return [
        ("one symbol's ten years as a frame, warm", "< 50 ms", middle["ours"], middle["plain"]),
        ("the same with `known_at`", "", middle["known"], "no such thing"),
    ]


def fresh_process(folder: Path) -> list[tuple[str, str, str, str]]:
    answers = {
        kind: [json.loads(child("first_query", kind, str(folder))) for _ in range(ROUNDS)]
        for kind in ("ours", "plain")
    }

    def middle(kind: str, name: str) -> str:
        return f"{statistics.median(answer[name] for answer in answers[kind]) * 1000:.0f} ms"

    return [
        (
            "first query of a fresh process: connect, load, attach, one symbol",
            "<= 400 ms",
            middle("ours", "query"),
            middle("plain", "query"),
        ),
        ("the same with the imports before it", "", middle("ours", "all"), middle("plain", "all")),
    ]


def first_query(kind: str, folder: str) -> None:
    # Pandas is there in any kernel that asks; what is timed is the store.
    began = time.perf_counter()
    if kind == "ours":
        from workbench.store import Lake

        imported = time.perf_counter()
        found = Lake.open(Path(folder) / "daily1", read_only=True).read("daily_bars", symbols="S0123")
    else:
        imported = time.perf_counter()
        query = f"SELECT * FROM '{folder}/plain0.parquet' WHERE symbol = 'S0123' ORDER BY time"
        found = plain_connection().execute(query).to_arrow_table().to_pandas()
    assert len(found) == DAILY_SESSIONS
    done = time.perf_counter()
    print(json.dumps({"query": done - imported, "all": done - began}))


def commits(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    row = daily_bars().head(1)
    with Lake.open(folder / "commits") as lake:
        times = [
            seconds(lambda: lake.write("daily_bars", row.assign(symbol=f"C{number}"), source="x"))
            for number in range(60)
        ][10:]
    middle, slow = statistics.median(times), sorted(times)[-3]
    return [
        (
            "one durable commit of one row, alone",
            "<= 25 ms",
            f"{middle * 1000:.0f} ms (p95 {slow * 1000:.0f})",
            "",
        )
    ]


def same_keys(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    Lake.open(folder / "same").close()
    processes = [start("write_same", str(folder / "same")) for _ in range(4)]
    told = [json.loads(finish(process)) for process in processes]
    with Lake.open(folder / "same") as lake:
        found = lake.read("daily_bars")
    one_each = len(found) == 1000 and not found.duplicated(["symbol", "time"]).any() and sum(told) == 1000
    return [
        (
            "4 processes load the same 1,000 keys at once",
            "one row a key",
            "one row a key" if one_each else "WRONG",
            "",
        )
    ]


def write_same(folder: str) -> None:
    from workbench.store import Lake

    times = pd.date_range("2020-01-01", periods=1000, tz="UTC")
    with Lake.open(folder) as lake:
        counts = lake.write(
            "daily_bars", pd.DataFrame({"symbol": "A", "time": times, "close": 1.0}), source="x"
        )
    print(int(counts["new"].sum()))


def state_store(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Ledger

    Ledger.open(folder / "ledger.sqlite").close()
    processes = [start("alert", str(folder / "ledger.sqlite"), str(number), "5") for number in range(4)]
    times = sorted(value for process in processes for value in json.loads(finish(process)))
    p99 = times[int(len(times) * 0.99)] * 1000
    return [
        (
            "ledger: alert and message a transaction, 4 writers, synced",
            ">= 300 tx/s, p99 <= 100 ms, 0 errors",
            f"{len(times) / 5:.0f} tx/s, p50 {statistics.median(times) * 1000:.1f}, "
            f"p99 {p99:.0f} ms, 0 errors",
            "",
        )
    ]


def alert(path: str, name: str, duration: str) -> None:
    from workbench.store import Ledger

    now = datetime.now(UTC)
    times = []
    with Ledger.open(path) as ledger:
        until = time.monotonic() + float(duration)
        while time.monotonic() < until:
            fact = {
                "name": "n",
                "severity": "info",
                "fact_key": f"{name} {len(times)}",
                "title": "t",
                "raised_at": now,
            }
            times.append(seconds(lambda: ledger.alerts.raise_once(fact, ["file"])))
    print(json.dumps(times))


def tidy(folder: Path, count: int = 500) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    row = daily_bars().head(1)
    with Lake.open(folder / "tiny") as lake:
        writing = seconds(
            lambda: [
                lake.write("daily_bars", row.assign(symbol=f"C{number}"), source="x")
                for number in range(count)
            ]
        )
        before = lake.read("daily_bars")
        took = seconds(lake.compact)
        assert lake.read("daily_bars").equals(before)
        files = int(lake.tables().loc["daily_bars", "files"])
    return [
        (
            f"tidy after {count:,} tiny commits ({count / writing:.0f} commits/s)",
            "<= 5 s, <= 2 files a partition",
            f"{took:.1f} s, {files} file(s) in one partition",
            "",
        )
    ]


def contention(folder: Path) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    Lake.open(folder / "busy").close()
    writers = [start("busy_writer", str(folder / "busy"), f"W{number}", "10") for number in range(4)]
    readers = [start("busy_reader", str(folder / "busy"), "10") for _ in range(8)]
    written = [json.loads(finish(process)) for process in writers]
    read = sorted(value for process in readers for value in json.loads(finish(process)))
    with Lake.open(folder / "busy") as lake:
        found = lake.read("daily_bars", columns=["symbol", "time"])
    rows = sum(answer["rows"] for answer in written)
    assert len(found) == rows
    assert not found.duplicated().any()
    count = sum(len(answer["times"]) for answer in written)
    slowest = max(max(answer["times"]) for answer in written)
    shares = [len(answer["times"]) for answer in written]
    return [
        (
            "4 writers and 8 readers for 10 s, batches of 1 to 10,000 rows",
            "0 errors, 0 lost, 0 doubled, >= 15 commits/s, read p99 <= 1 s",
            f"0 errors, 0 lost, 0 doubled, {count / 10:.0f} commits/s ({rows / 10_000:.0f}k rows/s), "
            f"slowest commit {slowest:.1f} s, commits a writer {min(shares)}-{max(shares)}, "
            f"read p50 {statistics.median(read) * 1000:.0f}, p99 {read[int(len(read) * 0.99)] * 1000:.0f} ms",
            "",
        )
    ]


def busy_writer(folder: str, name: str, duration: str) -> None:
    from workbench.store import Lake

    dice = np.random.default_rng(abs(hash(name)) % 2**32)
    times, rows = [], 0
    with Lake.open(folder, threads=1) as lake:
        until = time.monotonic() + float(duration)
        while time.monotonic() < until:
            size = int(10 ** dice.uniform(0, 4))
            frame = pd.DataFrame(
                {
                    "symbol": f"{name}-{len(times)}",
                    "time": pd.date_range("1990-01-01", periods=size, freq="h", tz="UTC"),
                    "close": dice.random(size),
                }
            )
            times.append(seconds(lambda: lake.write("daily_bars", frame, source="x")))
            rows += size
    print(json.dumps({"times": times, "rows": rows}))


def busy_reader(folder: str, duration: str) -> None:
    from workbench.store import Lake

    times = []
    with Lake.open(folder, threads=1, read_only=True) as lake:
        until = time.monotonic() + float(duration)
        while time.monotonic() < until:
            times.append(seconds(lambda: lake.read("daily_bars", symbols="W0-3")))
            time.sleep(0.02)
    print(json.dumps(times))


def minute_bars(folder: Path, *, full: bool) -> list[tuple[str, str, str, str]]:
    from workbench.store import Lake

    symbols, sessions = (500, 513) if full else (50, 257)
    days = pd.date_range("2022-01-03", periods=sessions, freq="B", tz="UTC")
    random = np.random.default_rng(2)
    folder_plain = folder / "minutes-plain"
    folder_plain.mkdir()
    took = rival = total = 0.0
    names = [f"S{number:04d}" for number in range(symbols)]
    with Lake.open(folder / "minutes", memory_limit="4GB") as lake, plain_connection() as connection:
        for (year, month), part in pd.Series(days.tz_localize(None)).groupby([days.year, days.month]):
            minutes = (
                part.to_numpy()[:, None]
                + np.timedelta64(870, "m")
                + np.arange(MINUTES_A_SESSION) * np.timedelta64(1, "m")
            )
            times = pd.DatetimeIndex(minutes.ravel()).tz_localize("UTC")
            size = len(times) * symbols
            close = (100 + np.cumsum(random.normal(0, 0.02, size)).clip(-50, 500)).round(2)
            frame = pd.DataFrame(
                {
                    "symbol": np.repeat(names, len(times)),
                    "interval": "1m",
                    "time": np.tile(times, symbols),
                    "open": close,
                    "high": close + 0.02,
                    "low": close - 0.02,
                    "close": close,
                    "volume": random.integers(100, 50_000, size).astype(float),
                }
            )
            took += seconds(lambda: lake.write("intraday_bars", frame, source="x"))
            target = folder_plain / f"{year}-{month:02d}.parquet"
            # Without a zone, as the lake keeps them: with one a question asks a calendar for each row.
            connection.register("frame", frame.assign(time=frame["time"].dt.tz_localize(None)))
            rival += seconds(lambda: connection.execute(f"COPY frame TO '{target}' (COMPRESSION zstd)"))
            total += size
        size = int(lake.tables().loc["intraday_bars", "bytes"])
        plain_size = sum(path.stat().st_size for path in folder_plain.iterdir())
        days = days.tz_localize(None)
        noon = days[100] + pd.Timedelta(hours=17)
        origin = f"'{folder_plain}/*.parquet'"
        first, last = days[0], days[min(sessions, 260) - 1] + pd.Timedelta(days=1)
        pairs = {
            "one symbol, one year, minute bars, warm": (
                "<= 100 ms",
                lambda: lake.read("intraday_bars", symbols="S0007", start=first, end=last),
                f"SELECT * FROM {origin} WHERE symbol = 'S0007' AND time BETWEEN '{first}' AND '{last}' "
                "ORDER BY time",
            ),
            "one symbol, one day": (
                "",
                lambda: lake.read("intraday_bars", symbols="S0007", start=days[100], end=days[100].date()),
                f"SELECT * FROM {origin} WHERE symbol = 'S0007' "
                f"AND time BETWEEN '{days[100]}' AND '{days[101]}'",
            ),
            "all symbols, one minute, warm": (
                "<= 100 ms",
                lambda: lake.read("intraday_bars", start=noon, end=noon),
                f"SELECT * FROM {origin} WHERE time = '{noon}' ORDER BY symbol",
            ),
        }
        rows = [
            (
                f"load {total / 1e6:.0f} million minute bars, a month at a time, durable",
                ">= 1M rows/s, <= 13 B/row",
                f"{total / took / 1e6:.1f}M rows/s, {size / total:.1f} B/row",
                f"{total / rival / 1e6:.1f}M rows/s, {plain_size / total:.1f} B/row",
            )
        ]
        for question, (goal, ours, query) in pairs.items():
            times_ours = statistics.median([seconds(ours) for _ in range(12)][2:])
            times_plain = statistics.median(
                [seconds(lambda: connection.execute(query).to_arrow_table().to_pandas()) for _ in range(12)][
                    2:
                ]
            )
            rows.append((question, goal, f"{times_ours * 1000:.0f} ms", f"{times_plain * 1000:.0f} ms"))
        resample = (
            "SELECT symbol, time_bucket(INTERVAL 1 DAY, time) AS day, arg_min(open, time), max(high), "
            "min(low), arg_max(close, time), sum(volume) FROM {} GROUP BY ALL"
        )
        # The desk has no such question yet; it is asked of the lake's own connection.
        ours_resample = seconds(
            lambda: lake._connection.execute(resample.format("lake.intraday_bars")).fetchall()
        )
        plain_resample = seconds(lambda: connection.execute(resample.format(origin)).fetchall())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            (
                "daily resample of the universe",
                "<= 5 s, <= 1 GiB" if full else "<= 5 s (100M bars)",
                f"{ours_resample:.1f} s",
                f"{plain_resample:.1f} s",
            )
        )
        rows.append(("peak memory of all of the above, frames included", "", f"{peak:.1f} GiB", ""))
    rows.append(memory_of_a_read(folder, total))
    return rows


def memory_of_a_read(folder: Path, total: float) -> tuple[str, str, str, str]:
    """Read one symbol from the whole table and from one that holds nothing else, each in a new process."""
    from workbench.store import Lake

    with Lake.open(folder / "minutes", read_only=True) as lake, Lake.open(folder / "alone") as alone:
        only = lake.read("intraday_bars", symbols="S0007").drop(columns=["source", "recorded_at"])
        alone.write("intraday_bars", only, source="x")
    found = [json.loads(child("read_one", str(folder / name))) for name in ("minutes", "alone")]
    megabytes = [f"{answer['peak']:.0f} MB for {answer['rows']:,} rows" for answer in found]
    return (
        f"peak memory of reading one symbol, of {total / 1e6:.0f} million rows and of its own alone",
        "does not grow with the table",
        " and ".join(megabytes),
        "",
    )


def read_one(folder: str) -> None:
    from workbench.store import Lake

    with Lake.open(folder, read_only=True, threads=1) as lake:
        rows = len(lake.read("intraday_bars", symbols="S0007"))
    # What `getrusage` calls the peak of a child begins with that of its parent.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"rows": rows, "peak": peak}))


CHILDREN = {
    function.__name__: function
    for function in (first_query, write_same, alert, busy_writer, busy_reader, read_one)
}


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, "--child", *arguments], stdout=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a process of the benchmark failed: {process.args}")
    return out


def child(*arguments: str) -> str:
    return finish(start(*arguments))


if __name__ == "__main__":
    main()
