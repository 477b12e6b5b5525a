"""One process of a desk under test: ``python desk_process.py JOB HOME NAME SECONDS``.

Jobs: write, same, read, maintain. What a job has done is told line by line on standard output, as JSON; a
line "done" is written only after the call that it speaks of has returned.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from workbench.store import Lake, Ledger

ROWS = 40
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def batch(name, number, base=0.0):
    times = pd.date_range(FIRST + timedelta(days=number * ROWS), periods=ROWS, freq="D")
    price = 100.0 + number + base
    return pd.DataFrame(
        {
            "symbol": name,
            "time": times,
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "volume": 1.0,
        }
    )


def fill(name, number):
    return pd.DataFrame(
        {
            "fill_id": [f"{name}-{number}"],
            "time": [FIRST],
            "symbol": [name],
            "quantity": ["1"],
            "price": ["10.05"],
        }
    )


def say(**words):
    os.write(1, (json.dumps(words) + "\n").encode())


def write(lake, ledger, name, until):
    number = 0
    while time.monotonic() < until:
        counts = lake.write("daily_bars", batch(name, number), source=name)
        say(done="bars", number=number, new=int(counts["new"].sum()))
        ledger.fills.add(fill(name, number), source=name, recorded_at=datetime.now(UTC))
        say(done="fill", number=number)
        if number % 3 == 2:  # a correction of the batch before
            lake.write("daily_bars", batch(name, number - 1, base=0.5), source=f"{name} corrected")
            say(done="correction", number=number - 1)
        number += 1


def same(lake, ledger, name, until):
    """Write the bars that every other process of this job writes at the same time."""
    number = 0
    while time.monotonic() < until:
        counts = lake.write("daily_bars", batch("SHARED", number % 20), source=name)
        ledger.fills.add(fill("SHARED", number % 20), source=name, recorded_at=datetime.now(UTC))
        say(done="same", new=int(counts["new"].sum()), changed=int(counts["changed"].sum()))
        number += 1


def read(lake, ledger, name, until):
    most_rows = most_fills = reads = 0
    slowest = 0.0
    while time.monotonic() < until:
        began = time.perf_counter()
        bars = lake.read("daily_bars")
        slowest = max(slowest, time.perf_counter() - began)
        assert not bars.duplicated(["symbol", "time"]).any(), "a bar is there twice"
        assert len(bars) % ROWS == 0, f"half a batch is visible: {len(bars)} rows"
        assert len(bars) >= most_rows, f"bars went away: {most_rows} -> {len(bars)}"
        most_rows = len(bars)
        then = lake.read("daily_bars", known_at=datetime.now(UTC))
        assert len(then) >= most_rows, "a corrected bar has no row that was believed"
        assert not then.duplicated(["symbol", "time"]).any(), "two rows were believed at once"
        fills = ledger.fills.frame()
        assert fills["fill_id"].is_unique, "a fill is there twice"
        assert len(fills) >= most_fills, "fills went away"
        most_fills = len(fills)
        reads += 1
        time.sleep(0.01)
    say(reads=reads, rows=most_rows, fills=most_fills, slowest=slowest)


def maintain(lake, ledger, name, until):
    while time.monotonic() < until:
        lake.compact()
        lake.expire(
            datetime.now(UTC) - timedelta(seconds=1), files_older_than=datetime.now(UTC) - timedelta(hours=1)
        )
        say(done="maintained")
        time.sleep(0.1)


def main():
    job, home, name, seconds = sys.argv[1:]
    with Lake.open(Path(home) / "lake", threads=1, read_only=job == "read") as lake:
        ledger = Ledger.open(Path(home) / "ledger.sqlite", read_only=job == "read")
        say(ready=True)
        {"write": write, "same": same, "read": read, "maintain": maintain}[job](
            lake, ledger, name, time.monotonic() + float(seconds)
        )


if __name__ == "__main__":
    main()
