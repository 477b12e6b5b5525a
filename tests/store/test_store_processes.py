"""Real processes on one desk: together, killed, and with a disk that is full."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from workbench.store import Lake, Ledger

SCRIPT = Path(__file__).with_name("desk_process.py")
ROWS = 40


@pytest.fixture
def home(tmp_path):
    Lake.open(tmp_path / "lake").close()
    Ledger.open(tmp_path / "ledger.sqlite").close()
    return tmp_path


def start(job, home, name, seconds):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), job, str(home), name, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    # A kill may cut the last line short; it is then no acknowledgement.
    lines = [line for line in out.split("\n")[:-1] if line]
    return [json.loads(line) for line in lines], err


def all_well(processes, timeout=300):
    said = []
    for process in processes:
        lines, err = finish(process, timeout)
        assert process.returncode == 0, err
        said.append(lines)
    return said


def acknowledged(lines, done):
    return [line["number"] for line in lines if line.get("done") == done]


def assert_nothing_lost_or_doubled(home, said_by_name):
    """Check each writer's word against the desk; rows that it had no time to confirm may be there too."""
    with Lake.open(home / "lake") as lake, Ledger.open(home / "ledger.sqlite") as ledger:
        bars = lake.read("daily_bars")
        assert not bars.duplicated(["symbol", "time"]).any()
        fills = Counter(ledger.fills.frame()["fill_id"])
        assert set(fills.values()) <= {1}
        for name, lines in said_by_name.items():
            batches = Counter((bars.loc[bars["symbol"] == name, "time"] - bars["time"].min()).dt.days // ROWS)
            assert set(batches.values()) <= {ROWS}, f"half a batch of {name}: {batches}"
            assert set(acknowledged(lines, "bars")) <= set(batches)
            assert len(batches) <= len(acknowledged(lines, "bars")) + 1
            assert {f"{name}-{number}" for number in acknowledged(lines, "fill")} <= set(fills)
            history = lake._connection.execute(
                "SELECT (epoch(time - TIMESTAMP '2020-01-01') / 86400)::INT // $rows AS number, count(*) "
                "FROM lake.daily_bars_history WHERE symbol = $name GROUP BY ALL",
                {"rows": ROWS, "name": name},
            ).fetchall()
            assert set(acknowledged(lines, "correction")) <= {number for number, _ in history}
            assert {count for _, count in history} <= {ROWS}


def run_together(home, seconds, *, writers, same, readers, maintainers):
    names = [f"W{number}" for number in range(writers)]
    processes = [start("write", home, name, seconds) for name in names]
    processes += [start("same", home, f"X{number}", seconds) for number in range(same)]
    processes += [start("read", home, f"R{number}", seconds) for number in range(readers)]
    processes += [start("maintain", home, f"M{number}", seconds) for number in range(maintainers)]
    said = all_well(processes)
    assert all(len(lines) > 1 for lines in said), "a process did nothing"
    assert_nothing_lost_or_doubled(home, dict(zip(names, said, strict=False)))
    shared = [
        line for lines in said[writers : writers + same] for line in lines if line.get("done") == "same"
    ]
    with Lake.open(home / "lake") as lake:
        found = lake.read("daily_bars", symbols="SHARED")
    # Each of the shared bars was new to exactly one of the processes that brought it.
    assert sum(line["new"] for line in shared) == len(found)
    assert sum(line["changed"] for line in shared) == 0
    return said


def test_writers_and_readers_work_on_one_desk_at_the_same_time(home):
    run_together(home, 4, writers=1, same=2, readers=1, maintainers=1)


@pytest.mark.slow
def test_eight_processes_work_on_one_desk_for_a_minute(home):
    said = run_together(home, 60, writers=2, same=2, readers=4, maintainers=0)
    commits = [len(lines) for lines in said[:4]]
    assert min(commits[0:2]) > 0.5 * max(commits[0:2]), f"the lock is not fair: {commits}"


@pytest.mark.slow
def test_readers_and_writers_notice_nothing_of_maintenance(home):
    run_together(home, 30, writers=2, same=1, readers=4, maintainers=1)


def kill_in_the_middle(home, job, name, wait):
    process = start(job, home, name, 60)
    assert json.loads(process.stdout.readline()) == {"ready": True}
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    lines, _ = finish(process)
    assert process.returncode == -signal.SIGKILL
    return lines


def kill_writers(home, rounds, seed):
    dice = random.Random(seed)
    said, survivor = {}, start("write", home, "SURVIVOR", rounds * 0.9)
    for number in range(rounds):
        said[f"V{number}"] = kill_in_the_middle(home, "write", f"V{number}", dice.uniform(0.0, 0.5))
    (said["SURVIVOR"],) = all_well([survivor])
    assert_nothing_lost_or_doubled(home, said)
    # No repair was needed above; the orphans of the dead are harmless and go with time.
    with Lake.open(home / "lake") as lake:
        before = lake.read("daily_bars")
        lake.compact()
        from datetime import UTC, datetime, timedelta

        late = datetime.now(UTC) + timedelta(seconds=1)
        lake.expire(late, files_older_than=late)
        assert lake.read("daily_bars").equals(before)


def test_a_killed_writer_loses_nothing_that_it_acknowledged(home):
    kill_writers(home, 4, seed=1)


@pytest.mark.slow
def test_fifty_killed_writers_lose_nothing_that_they_acknowledged(home):
    kill_writers(home, 50, seed=2)


@pytest.mark.slow
def test_twenty_killed_maintainers_break_nothing(home):
    dice = random.Random(3)
    writer, reader = start("write", home, "W", 30), start("read", home, "R", 30)
    for number in range(20):
        kill_in_the_middle(home, "maintain", f"M{number}", dice.uniform(0.0, 0.6))
    said, _ = all_well([writer, reader])
    assert_nothing_lost_or_doubled(home, {"W": said})


def test_a_desk_is_made_once_when_many_processes_open_it_first(tmp_path):
    processes = [start("same", tmp_path, f"X{number}", 1) for number in range(4)]
    said = all_well(processes)
    with Lake.open(tmp_path / "lake") as lake:
        found = lake.read("daily_bars")
    assert not found.duplicated(["symbol", "time"]).any()
    assert sum(line.get("new", 0) for lines in said for line in lines) == len(found)


FULL = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from datetime import datetime, UTC
from workbench.errors import StorageFullError
from workbench.store import Lake, Ledger

home, limit = Path(sys.argv[1]), int(sys.argv[2])
lake, ledger = Lake.open(home / "lake"), Ledger.open(home / "ledger.sqlite")
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
n = 400_000
bars = pd.DataFrame({"symbol": "BIG", "time": pd.date_range("2021-01-01", periods=n, freq="min", tz="UTC"),
    "close": np.random.default_rng(1).random(n), "open": np.random.default_rng(2).random(n)})
fills = pd.DataFrame({"fill_id": [f"{i}" for i in range(30_000)], "time": datetime(2020, 1, 1, tzinfo=UTC),
    "symbol": "A" * 200, "quantity": 1, "price": 1})
for name, write in [("bars", lambda: lake.write("daily_bars", bars, source="x")),
                    ("fills", lambda: ledger.fills.add(fills, source="x", recorded_at=datetime.now(UTC)))]:
    try:
        write()
    except StorageFullError as error:
        print("full", error)
    else:
        print("written", name)
if not limit:
    (home / "ballast").unlink()  # to open its catalog SQLite itself needs a little room
print("after", len(lake.read("daily_bars", columns=["symbol"])), len(ledger.fills.frame()))
small = bars.head(3)
if not limit:
    print("small", lake.write("daily_bars", small, source="x")["new"].sum())
"""


def when_full(home, limit):
    return subprocess.run(
        [sys.executable, "-c", FULL, str(home), str(limit)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_full_and_whole(answer, home):
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("full The disk that holds") == 2, answer.stdout + answer.stderr
    assert "nothing was written" in answer.stdout
    assert "after 2 1" in answer.stdout
    with Lake.open(home / "lake") as lake, Ledger.open(home / "ledger.sqlite") as ledger:
        assert len(lake.read("daily_bars")) >= 2
        assert len(ledger.fills.frame()) == 1


def put_a_little_in(home):
    import pandas as pd

    times = pd.date_range("2020-01-01", periods=2, tz="UTC")
    with Lake.open(home / "lake") as lake, Ledger.open(home / "ledger.sqlite") as ledger:
        lake.write("daily_bars", pd.DataFrame({"symbol": "A", "time": times, "close": 1.0}), source="x")
        fill = pd.DataFrame({"fill_id": ["a"], "time": times[:1], "symbol": "A", "quantity": 1, "price": 1})
        ledger.fills.add(fill, source="x", recorded_at=times[0])


def test_a_full_disk_is_said_in_words_and_nothing_is_half_written(tmp_path):
    """A file size limit stands for the full disk where no file system can be mounted."""
    put_a_little_in(tmp_path)
    files = set((tmp_path / "lake" / "data").rglob("*.parquet"))
    assert_full_and_whole(when_full(tmp_path, 1_000_000), tmp_path)
    assert set((tmp_path / "lake" / "data").rglob("*.parquet")) == files


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
        == 0
    )
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_really_full_disk_is_survived_and_writing_goes_on_when_there_is_room(small_disk):
    if small_disk is None:
        # Without root there is no small file system; the limit on file sizes above covers the rest.
        return
    put_a_little_in(small_disk)
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 1_500_000))
    answer = when_full(small_disk, 0)
    assert_full_and_whole(answer, small_disk)
    assert "small 3" in answer.stdout
