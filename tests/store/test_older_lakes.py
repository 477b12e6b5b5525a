"""A lake of the first format opens with every row, however its migration is interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from workbench.errors import DeskVersionError
from workbench.store import TABLES, Lake, Ledger, content_hashes, export_desk, layout, restore_desk
from workbench.store.connection import connect

NOW = datetime(2026, 1, 2, tzinfo=UTC)
# What the first version made, written down: its code is gone.
FIRST_FORMAT = {
    "daily_bars": (
        "symbol VARCHAR NOT NULL, time TIMESTAMP NOT NULL, open DOUBLE, high DOUBLE, low DOUBLE, "
        "close DOUBLE, volume DOUBLE",
        "year(time)",
        "symbol ASC, time ASC",
    ),
    "intraday_bars": (
        "symbol VARCHAR NOT NULL, interval VARCHAR NOT NULL, time TIMESTAMP NOT NULL, open DOUBLE, "
        "high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE",
        "year(time), month(time)",
        "symbol ASC, interval ASC, time ASC",
    ),
    "option_quotes": (
        "symbol VARCHAR NOT NULL, underlying VARCHAR NOT NULL, time TIMESTAMP NOT NULL, expiry DATE, "
        'strike DOUBLE, "right" VARCHAR, bid DOUBLE, ask DOUBLE, last DOUBLE, bid_size DOUBLE, '
        "ask_size DOUBLE, volume DOUBLE, open_interest DOUBLE, underlying_price DOUBLE, "
        "vendor_implied_volatility DOUBLE, vendor_delta DOUBLE, vendor_gamma DOUBLE, vendor_theta DOUBLE, "
        "vendor_vega DOUBLE, exercise VARCHAR, multiplier DOUBLE, modelled BOOLEAN, flag VARCHAR",
        "year(time), month(time)",
        "underlying ASC, time ASC, symbol ASC",
    ),
    "corporate_actions": (
        "symbol VARCHAR NOT NULL, ex_date DATE NOT NULL, kind VARCHAR NOT NULL, value DOUBLE",
        "",
        "symbol ASC, ex_date ASC, kind ASC",
    ),
    "quarantine": (
        '"table" VARCHAR NOT NULL, line BIGINT NOT NULL, reason VARCHAR NOT NULL, text VARCHAR',
        "",
        '"table" ASC, source ASC, line ASC, reason ASC',
    ),
}
MOVE = """
import sys
from workbench.store import Lake
print("ready", flush=True)
Lake.open(sys.argv[1]).close()
"""


def make_first_format(folder):
    """Make a lake as the first version did, with three rows of bars and one in their history."""
    (folder / "data").mkdir(parents=True)
    connection = connect(folder, read_only=False, threads=1, memory_limit="1GB", create=True)
    for name, (columns, partition, order) in FIRST_FORMAT.items():
        for table, extra in ((name, ""), (f"{name}_history", ", replaced_at TIMESTAMP")):
            connection.execute(
                f"CREATE TABLE lake.{table} ({columns}, source VARCHAR, recorded_at TIMESTAMP{extra})"
            )
            if partition:
                connection.execute(f"ALTER TABLE lake.{table} SET PARTITIONED BY ({partition})")
            connection.execute(f"ALTER TABLE lake.{table} SET SORTED BY ({order})")
    connection.execute("CALL lake.set_option('data_inlining_row_limit', 0)")
    connection.execute("CALL lake.set_option('parquet_compression', 'zstd')")
    connection.execute(
        "INSERT INTO lake.daily_bars VALUES "
        "('AAA', '2018-12-31', 1, 2, 0.5, 1.5, 100, 'old', '2020-01-01'), "
        "('AAA', '2019-01-02', 1, 2, 0.5, 1.6, 110, 'fix', '2020-02-01'), "
        "('BBB', '2019-01-02', 3, 4, 2.5, 3.5, NULL, 'old', '2020-01-01')"
    )
    connection.execute(
        "INSERT INTO lake.daily_bars_history VALUES "
        "('AAA', '2019-01-02', 1, 2, 0.5, 9.9, 110, 'old', '2020-01-01', '2020-02-01')"
    )
    connection.execute(
        "INSERT INTO lake.corporate_actions VALUES ('AAA', '2019-01-02', 'split', 2, 'old', '2020-01-01')"
    )
    connection.close()
    (folder / "format.json").write_text(json.dumps({"format": 1}) + "\n")


@pytest.fixture
def older(tmp_path):
    folder = tmp_path / "home" / "lake"
    make_first_format(folder)
    return folder


def check(folder):
    """Say that every row is there, and that the new tables and columns can be written and read."""
    with Lake.open(folder) as lake:
        bars = lake.read("daily_bars")
        assert bars["close"].tolist() == [1.5, 1.6, 3.5]
        assert bars["vwap"].isna().all()
        believed = lake.read("daily_bars", known_at=datetime(2020, 1, 15, tzinfo=UTC))
        assert believed["close"].tolist() == [1.5, 9.9, 3.5]
        assert lake.read("corporate_actions")["value"].tolist() == [2.0]
        assert list(lake.tables().index) == list(TABLES)
        again = bars.drop(columns=["source", "recorded_at", "vwap"])
        assert lake.write("daily_bars", again, source="again")["unchanged"].sum() == 3
        counts = lake.write("daily_bars", again.head(1).assign(vwap=1.25), source="better")
        assert counts["changed"].sum() == 1
        assert lake.read("daily_bars")["vwap"].tolist()[0] == 1.25
        assert lake.read("daily_bars", known_at=datetime(2020, 3, 1, tzinfo=UTC))["vwap"].isna().all()
        lake.write(
            "rates",
            pd.DataFrame({"curve": "USD treasury", "date": ["2020-01-02"], "years": 1.0, "rate": 0.015}),
            source="x",
        )
        lake.compact()
        assert lake.read("daily_bars")["close"].tolist() == [1.5, 1.6, 3.5]
        assert lake.read("rates")["rate"].tolist() == [0.015]
    assert json.loads((folder / "format.json").read_text()) == {"format": 2}


def test_an_older_lake_keeps_every_row(older):
    before = {path: path.read_bytes() for path in (older / "data").rglob("*.parquet")}
    Lake.open(older).close()
    assert {path: path.read_bytes() for path in (older / "data").rglob("*.parquet")} == before
    check(older)


def test_an_older_lake_is_not_changed_by_a_reader(older):
    with pytest.raises(DeskVersionError, match="older version; open the desk once as trader"):
        Lake.open(older, read_only=True)
    assert json.loads((older / "format.json").read_text()) == {"format": 1}


@pytest.mark.parametrize(
    ("step", "call"),
    [("_write_format", 1), ("connect", 1), ("_create", 1), ("_create", 14), ("_write_format", 2)],
)
def test_a_migration_that_fails_anywhere_is_finished_by_the_next_opening(older, monkeypatch, step, call):
    """Each step in turn raises, as a full disk would."""
    real, calls = getattr(layout, step), []

    def fail(*arguments, **more):
        calls.append(step)
        if len(calls) == call:
            raise RuntimeError("pulled plug")
        return real(*arguments, **more)

    monkeypatch.setattr(layout, step, fail)
    with pytest.raises(RuntimeError, match="pulled plug"):
        Lake.open(older)
    monkeypatch.undo()
    begun = (step, call) != ("_write_format", 1)
    assert json.loads((older / "format.json").read_text()) == (
        {"format": 2, "unfinished": True} if begun else {"format": 1}
    )
    with pytest.raises(DeskVersionError, match="older version"):
        Lake.open(older, read_only=True)
    check(older)


@pytest.mark.slow
def test_a_migration_killed_at_any_moment_is_finished_by_the_next_opening(older, tmp_path):
    for number in range(20):
        folder = tmp_path / f"killed{number}" / "lake"
        shutil.copytree(older, folder)
        process = subprocess.Popen(
            [sys.executable, "-c", MOVE, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        process.stdout.readline()
        time.sleep(0.06 + number * 0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        check(folder)


def test_many_processes_open_an_older_lake_at_once(older):
    processes = [
        subprocess.Popen([sys.executable, "-c", MOVE, str(older)], stdout=subprocess.PIPE) for _ in range(3)
    ]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    check(older)


def test_an_archive_of_an_older_desk_is_restored_as_it_was(older, tmp_path):
    home = older.parent
    Ledger.open(home / "ledger.sqlite").close()
    manifest = export_desk(home, tmp_path / "desk.tar", NOW)
    assert json.loads((older / "format.json").read_text()) == {"format": 1}
    assert "lake/quotes" not in manifest.content
    assert restore_desk(tmp_path / "desk.tar", tmp_path / "new") == manifest
    assert content_hashes(tmp_path / "new") == manifest.content
    assert not list(Path(tmp_path / "new" / "lake").glob("*.queue"))
    check(tmp_path / "new" / "lake")
    later = export_desk(tmp_path / "new", tmp_path / "later.tar", NOW + timedelta(days=1))
    assert "lake/quotes" in later.content
    restore_desk(tmp_path / "later.tar", tmp_path / "newer")
    with Lake.open(tmp_path / "newer" / "lake") as lake, Lake.open(tmp_path / "new" / "lake") as origin:
        assert_frame_equal(lake.read("daily_bars"), origin.read("daily_bars"))
