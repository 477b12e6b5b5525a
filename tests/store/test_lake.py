"""The lake alone: what is written is read, once, and what it corrected is kept."""

import json
import os
import pickle
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from workbench.errors import (
    ArgumentError,
    DataFormatError,
    DateInputError,
    DeskHomeError,
    DeskVersionError,
    PermissionDeniedError,
    StoreBusyError,
)
from workbench.store import TABLES, Lake

JANUARY = datetime(2020, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2020, 2, 1, tzinfo=UTC)
MARCH = datetime(2020, 3, 1, tzinfo=UTC)
PRICES = ["open", "high", "low", "close", "volume"]


@pytest.fixture
def lake(tmp_path):
    with Lake.open(tmp_path / "lake") as lake:
        yield lake


def bars(symbols=("AAA", "BBB"), days=30, start="2018-12-20", seed=1):
    random = np.random.default_rng(seed)
    times = pd.date_range(start, periods=days, freq="B", tz="UTC")
    parts = []
    for symbol in symbols:
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, days)))
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "time": times,
                    "open": close * 0.999,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "volume": random.integers(1_000, 1_000_000, days).astype(float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_bars_come_back_as_they_were_written(lake):
    written = bars()
    counts = lake.write("daily_bars", written, source="test", recorded_at=JANUARY)
    assert counts.to_dict("index") == {
        "AAA": {"new": 30, "changed": 0, "unchanged": 0},
        "BBB": {"new": 30, "changed": 0, "unchanged": 0},
    }
    found = lake.read("daily_bars")
    assert_frame_equal(found[["symbol", "time", *PRICES]], written, check_dtype=False)
    assert found["time"].dtype == "datetime64[us, UTC]"
    assert set(found["source"]) == {"test"}
    assert set(found["recorded_at"]) == {pd.Timestamp(JANUARY)}


def test_loading_the_same_bars_twice_changes_nothing(lake):
    lake.write("daily_bars", bars(), source="test", recorded_at=JANUARY)
    before, snapshot = lake.read("daily_bars"), lake.snapshot()
    counts = lake.write(
        "daily_bars", bars().sample(frac=1, random_state=2), source="again", recorded_at=FEBRUARY
    )
    assert counts[["new", "changed"]].to_numpy().sum() == 0
    assert counts["unchanged"].tolist() == [30, 30]
    assert lake.snapshot() == snapshot
    assert_frame_equal(lake.read("daily_bars"), before)


def test_a_write_that_changes_something_makes_one_snapshot(lake):
    before = lake.snapshot()
    lake.write("daily_bars", bars(), source="test")
    corrected = bars()
    corrected.loc[[3, 40], "close"] = 1.0
    lake.write("daily_bars", pd.concat([corrected, bars(["CCC"])]), source="test")
    assert lake.snapshot() == before + 2


def test_a_correction_keeps_the_row_that_was_believed_before(lake):
    first, second = bars(["AAA"]), bars(["AAA"])
    second.loc[5, "close"] = 7.0
    lake.write("daily_bars", first, source="first", recorded_at=JANUARY)
    counts = lake.write("daily_bars", second, source="second", recorded_at=MARCH)
    assert counts.loc["AAA"].tolist() == [0, 1, 29]
    assert_frame_equal(lake.read("daily_bars")[PRICES], second[PRICES])
    assert_frame_equal(lake.read("daily_bars", known_at=FEBRUARY)[PRICES], first[PRICES])
    assert_frame_equal(lake.read("daily_bars", known_at=MARCH)[PRICES], second[PRICES])
    assert lake.read("daily_bars", known_at=JANUARY - timedelta(days=1)).empty
    assert lake.read("daily_bars", known_at=FEBRUARY).loc[5, "source"] == "first"
    assert lake.read("daily_bars").loc[5, "source"] == "second"


def test_what_was_believed_survives_compaction_and_expiry(lake):
    for number, instant in enumerate([JANUARY, FEBRUARY, MARCH]):
        frame = bars(["AAA", "BBB"])
        frame["close"] += number
        lake.write("daily_bars", frame, source=str(number), recorded_at=instant)
    asked = [JANUARY, FEBRUARY, MARCH, MARCH + timedelta(days=1)]
    before = [lake.read("daily_bars", known_at=instant) for instant in asked]
    counts = lake.compact()
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert lake.expire(now, files_older_than=now) > 0
    with Lake.open(lake.folder) as again:
        for instant, expected in zip(asked, before, strict=True):
            assert_frame_equal(again.read("daily_bars", known_at=instant), expected)
    assert (counts["files_after"] <= counts["files_before"]).all()
    assert counts.loc["daily_bars", "files_after"] == 2  # 2018 and 2019


def test_files_out_of_use_are_removed_after_their_grace(lake):
    for number in range(5):
        lake.write("daily_bars", bars([f"S{number}"]), source="test")
    size = len(list((lake.folder / "data").rglob("*.parquet")))
    lake.compact()
    lake.expire(datetime.now(UTC) + timedelta(seconds=1))
    assert len(list((lake.folder / "data").rglob("*.parquet"))) >= size  # a reader may still need them
    now = datetime.now(UTC) + timedelta(seconds=1)
    lake.expire(now, files_older_than=now)
    assert len(list((lake.folder / "data").rglob("*.parquet"))) == 2
    assert len(lake.read("daily_bars")) == 150


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loads=st.lists(
        st.dictionaries(st.integers(0, 12), st.sampled_from([1.0, 2.0, None]), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_any_order_of_loads_gives_the_rows_a_plain_dictionary_gives(tmp_path_factory, loads):
    """The reference is a dictionary by key, one copy of it kept for each load."""
    with Lake.open(tmp_path_factory.mktemp("desk") / "lake") as lake:
        expected, believed = {}, []
        for number, load in enumerate(loads):
            frame = pd.DataFrame(
                {
                    "symbol": "AAA",
                    "time": [pd.Timestamp("2019-12-25", tz="UTC") + pd.Timedelta(days=day) for day in load],
                    "close": list(load.values()),
                }
            )
            counts = lake.write("daily_bars", frame, source="x", recorded_at=JANUARY + timedelta(days=number))
            changed = sum(1 for day, close in load.items() if day in expected and expected[day] != close)
            new = sum(1 for day in load if day not in expected)
            assert counts.loc["AAA"].tolist() == [new, changed, len(load) - new - changed]
            expected.update(load)
            believed.append(dict(expected))
        for number, wanted in enumerate(believed):
            found = lake.read("daily_bars", known_at=JANUARY + timedelta(days=number))
            days = (found["time"] - pd.Timestamp("2019-12-25", tz="UTC")).dt.days
            closes = [None if pd.isna(close) else close for close in found["close"]]
            assert dict(zip(days, closes, strict=True)) == wanted


def test_where_a_key_comes_twice_the_last_row_counts(lake):
    frame = pd.concat([bars(["AAA"], seed=1), bars(["AAA"], seed=2)], ignore_index=True)
    assert lake.write("daily_bars", frame, source="test").loc["AAA"].tolist() == [30, 0, 0]
    assert_frame_equal(lake.read("daily_bars")[PRICES], bars(["AAA"], seed=2)[PRICES])


def test_a_correction_dated_before_what_it_corrects_counts_from_there(lake):
    frame = bars(["AAA"], days=1)
    lake.write("daily_bars", frame, source="late", recorded_at=MARCH)
    lake.write("daily_bars", frame.assign(close=1.0), source="early", recorded_at=JANUARY)
    assert lake.read("daily_bars")["close"].tolist() == [1.0]
    assert lake.read("daily_bars", known_at=MARCH)["close"].tolist() == [1.0]
    assert lake.read("daily_bars", known_at=FEBRUARY).empty


def test_missing_values_stay_missing_and_equal_each_other(lake):
    frame = bars(["AAA"], days=2)
    frame.loc[0, ["open", "volume"]] = np.nan
    lake.write("daily_bars", frame, source="test")
    assert lake.write("daily_bars", frame, source="test")["unchanged"].sum() == 2
    found = lake.read("daily_bars")
    assert np.isnan(found.loc[0, "open"])
    # As null and not as NaN, which DuckDB would take for the largest number.
    with duckdb.connect() as plain:
        files = [str(path) for path in (lake.folder / "data").rglob("*.parquet")]
        assert plain.read_parquet(files).filter("open IS NULL").fetchall() != []


def test_times_of_any_zone_are_kept_as_instants(lake):
    frame = bars(["AAA"], days=3)
    frame["time"] = frame["time"].dt.tz_convert("America/New_York")
    lake.write("daily_bars", frame, source="test")
    naive = frame.assign(time=frame["time"].dt.tz_convert("UTC").dt.tz_localize(None))
    assert lake.write("daily_bars", naive, source="test")["unchanged"].sum() == 3
    assert (lake.read("daily_bars")["time"].dt.hour == 0).all()


def test_an_arrow_table_and_columns_of_python_objects_are_taken_too(lake):
    frame = bars(["AAA"], days=3)
    objects = frame.astype("object")
    objects["time"] = [instant.date() for instant in frame["time"]]
    assert lake.write("daily_bars", pa.Table.from_pandas(frame), source="arrow")["new"].sum() == 3
    assert lake.write("daily_bars", objects, source="objects")["unchanged"].sum() == 3
    assert lake.write("daily_bars", frame.astype({"symbol": "category"}), source="c")["unchanged"].sum() == 3


def test_a_symbol_with_a_quote_in_it_is_only_a_name(lake):
    name = "O'N\"; DROP TABLE daily_bars; --"
    lake.write("daily_bars", bars([name], days=2), source='it\'s "here"')
    assert lake.symbols("daily_bars") == [name]
    assert len(lake.read("daily_bars", symbols=name, where={"source": 'it\'s "here"'})) == 2


def test_bounds_are_included_and_a_date_as_end_means_the_whole_day(lake):
    times = pd.to_datetime(["2020-01-02 14:30", "2020-01-02 20:59", "2020-01-03 14:30"], utc=True)
    frame = pd.DataFrame({"symbol": "AAA", "interval": "1m", "time": times, "close": [1.0, 2.0, 3.0]})
    lake.write("intraday_bars", frame, source="test")
    assert lake.read("intraday_bars", end=date(2020, 1, 2))["close"].tolist() == [1.0, 2.0]
    assert lake.read("intraday_bars", end="2020-01-02")["close"].tolist() == [1.0, 2.0]
    assert lake.read("intraday_bars", start=times[1], end=times[1])["close"].tolist() == [2.0]
    assert lake.read("intraday_bars", start="2020-01-03")["close"].tolist() == [3.0]
    assert lake.read("intraday_bars", end=datetime(2020, 1, 2, 14, 30))["close"].tolist() == [1.0]  # noqa: DTZ001


def test_only_the_columns_and_rows_asked_for_come_back(lake):
    lake.write("daily_bars", bars(["AAA", "BBB", "CCC"]), source="one")
    lake.write("daily_bars", bars(["DDD"]), source="two")
    assert list(lake.read("daily_bars", columns=["time", "close"]).columns) == ["time", "close"]
    assert set(lake.read("daily_bars", symbols=["AAA", "CCC"])["symbol"]) == {"AAA", "CCC"}
    assert set(lake.read("daily_bars", where={"source": "two"})["symbol"]) == {"DDD"}
    assert set(lake.read("daily_bars", where={"source": ["one", "two"]})["symbol"]) == {
        "AAA",
        "BBB",
        "CCC",
        "DDD",
    }
    assert lake.read("daily_bars", symbols=[]).empty


def test_the_latest_row_of_each_symbol_is_found_however_old(lake):
    lake.write("daily_bars", bars(["AAA"], start="2019-06-03"), source="test")
    lake.write("daily_bars", bars(["OLD"], start="2010-06-01"), source="test")
    latest = lake.latest("daily_bars", ["AAA", "OLD", "NONE"], "2019-06-10").set_index("symbol")
    assert latest.loc["AAA", "time"] == pd.Timestamp("2019-06-10", tz="UTC")
    assert latest.loc["OLD", "time"].year == 2010
    assert "NONE" not in latest.index
    assert lake.latest("daily_bars", "AAA")["time"].tolist() == [
        lake.read("daily_bars", symbols="AAA")["time"].max()
    ]
    assert lake.latest("daily_bars", "AAA", "2001-01-01").empty
    assert len(lake.latest("daily_bars")) == 2


def test_the_latest_quote_of_each_contract_at_or_before_an_instant(lake):
    call, put = "SPY   210917C00450000", "SPY   210917P00450000"
    times = pd.to_datetime(["2021-09-01 20:00", "2021-09-02 20:00", "2021-09-03 20:00"], utc=True)
    frame = pd.DataFrame(
        {
            "symbol": [call] * 3 + [put],
            "underlying": "SPY",
            "time": [*times, times[0]],
            "expiry": date(2021, 9, 17),
            "strike": 450.0,
            "right": ["C", "C", "C", "P"],
            "bid": [1.0, 2.0, 3.0, 4.0],
            "multiplier": 100,
            "modelled": False,
        }
    )
    assert lake.write("option_quotes", frame, source="test")["new"].sum() == 4
    found = lake.read_latest_quotes([call, put], times[1]).set_index("symbol")
    assert found["bid"].to_dict() == {call: 2.0, put: 4.0}
    assert found["expiry"].tolist() == [pd.Timestamp("2021-09-17")] * 2
    assert not found["modelled"].any()
    assert found["last"].isna().all()  # the price of that name, not a time
    assert lake.read_latest_quotes("SPY", times[1])["bid"].tolist() == [2.0, 4.0]
    assert lake.read_latest_quotes("SPY", times[2], since=times[1])["symbol"].tolist() == [call]
    assert lake.read_latest_quotes(put)["bid"].tolist() == [4.0]


def test_corporate_actions_and_quarantined_lines_are_tables_like_the_others(lake):
    actions = pd.DataFrame(
        {
            "symbol": "AAPL",
            "ex_date": [date(2005, 2, 28), date(2012, 8, 9)],
            "kind": ["split", "dividend"],
            "value": [2.0, 2.65],
        }
    )
    lake.write("corporate_actions", actions, source="test")
    assert lake.read("corporate_actions", end="2010-01-01")["value"].tolist() == [2.0]
    bad = pd.DataFrame({"table": "daily_bars", "line": [3, 9], "reason": "no price", "text": ["a,b", "c,d"]})
    lake.write("quarantine", bad, source="one.csv")
    assert lake.write("quarantine", bad, source="one.csv").loc["daily_bars"].tolist() == [0, 0, 2]
    assert lake.write("quarantine", bad, source="two.csv").loc["daily_bars"].tolist() == [2, 0, 0]
    assert len(lake.read("quarantine", where={"source": "two.csv"})) == 2
    with pytest.raises(ArgumentError, match="quarantine has no time"):
        lake.read("quarantine", start="2020-01-01")


def test_the_summary_says_what_the_rows_say(lake):
    frame = bars(["AAA", "BBB"])
    lake.write("daily_bars", frame, source="test", recorded_at=JANUARY)
    lake.write("daily_bars", bars(["BBB"], days=31).tail(1), source="later", recorded_at=MARCH)
    summary = lake.summary("daily_bars")
    assert summary["rows"].to_dict() == {"AAA": 30, "BBB": 31}
    assert summary.loc["AAA", "first"] == frame["time"].min()
    assert summary.loc["BBB", ["source", "recorded_at"]].tolist() == ["later", pd.Timestamp(MARCH)]
    tables = lake.tables()
    assert list(tables.index) == list(TABLES)
    assert tables.loc["daily_bars", ["rows", "symbols", "corrections"]].tolist() == [61, 2, 0]
    assert tables.loc["daily_bars", "recorded_at"] == pd.Timestamp(MARCH)
    assert 0 < tables.loc["daily_bars", "bytes"] < lake.size_bytes


def test_a_count_over_corrected_rows_is_right_before_and_after_compaction(lake):
    """An unfiltered count comes from statistics, which have had bugs with deleted rows."""
    frame = bars(["AAA"], days=200)
    lake.write("daily_bars", frame, source="test")
    for number in range(3):
        lake.write(
            "daily_bars", frame.iloc[number * 20 : number * 20 + 90].assign(close=float(number)), source="fix"
        )
    for _ in range(2):
        assert lake.tables().loc["daily_bars", "rows"] == 200
        assert lake.summary("daily_bars")["rows"].tolist() == [200]
        assert len(lake.read("daily_bars")) == 200
        lake.compact()


def test_an_empty_frame_changes_nothing(lake):
    snapshot = lake.snapshot()
    assert lake.write("daily_bars", bars().head(0), source="test").empty
    assert lake.snapshot() == snapshot
    assert lake.read("daily_bars").empty
    assert lake.read("daily_bars")["time"].dtype == "datetime64[us, UTC]"
    assert lake.latest("daily_bars", "AAA").empty


def test_frames_that_cannot_be_read_say_which_column(lake):
    with pytest.raises(DataFormatError, match="need the column 'time'; the frame has symbol, close"):
        lake.write("daily_bars", pd.DataFrame({"symbol": ["A"], "close": [1.0]}), source="x")
    with pytest.raises(
        DataFormatError, match="column 'close' of rows for daily_bars cannot be read as double"
    ):
        lake.write("daily_bars", bars(days=1).assign(close="dear"), source="x")
    with pytest.raises(DataFormatError, match="30 rows for daily_bars have no 'symbol'"):
        lake.write("daily_bars", bars(["AAA"]).assign(symbol=None), source="x")
    with pytest.raises(ArgumentError, match="no table 'bars'; it has daily_bars"):
        lake.read("bars")
    with pytest.raises(ArgumentError, match="no column 'Close'"):
        lake.read("daily_bars", columns=["Close"])
    with pytest.raises(DateInputError, match="`start` is 'yesterdayish'"):
        lake.read("daily_bars", start="yesterdayish")
    assert lake.read("daily_bars").empty


def test_a_reader_needs_no_lock_and_may_not_write(lake):
    lake.write("daily_bars", bars(), source="test")
    with (
        lake._lock.hold("a long write", 1),
        Lake.open(lake.folder, read_only=True, lock_timeout=0.1) as reader,
    ):
        assert len(reader.read("daily_bars")) == 60
        with pytest.raises(PermissionDeniedError, match="open for reading only"):
            reader.write("daily_bars", bars(), source="test")
        with pytest.raises(PermissionDeniedError):
            reader.compact()


def test_a_writer_that_waits_too_long_is_told_who_holds_the_lake(lake):
    with (
        lake._lock.hold("a long write", 1),
        Lake.open(lake.folder, lock_timeout=0.2) as other,
        pytest.raises(StoreBusyError, match=f"process {os.getpid()}, a long write"),
    ):
        other.write("daily_bars", bars(), source="test")


def test_a_reader_sees_each_new_write_without_opening_again(lake):
    with Lake.open(lake.folder, read_only=True) as reader:
        for number in range(3):
            lake.write("daily_bars", bars([f"S{number}"]), source="test")
            assert len(reader.symbols("daily_bars")) == number + 1


def test_threads_share_one_lake(lake):
    failures = []

    def work(number):
        try:
            for step in range(3):
                lake.write("daily_bars", bars([f"T{number}"], start=f"201{step}-01-01"), source="test")
                assert len(lake.read("daily_bars", symbols=f"T{number}")) == 30 * (step + 1)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(lake.read("daily_bars")) == 4 * 90


def test_a_lake_travels_to_another_process_as_its_folder(lake):
    lake.write("daily_bars", bars(), source="test")
    with pickle.loads(pickle.dumps(lake)) as again:
        assert len(again.read("daily_bars")) == 60


def test_a_desk_that_was_moved_opens_where_it_is(tmp_path):
    with Lake.open(tmp_path / "first home's" / "lake") as lake:
        lake.write("daily_bars", bars(), source="test")
    (tmp_path / "first home's").rename(tmp_path / "second")
    with Lake.open(tmp_path / "second" / "lake") as lake:
        assert len(lake.read("daily_bars")) == 60
        lake.write("daily_bars", bars(["CCC"]), source="test")
    assert not (tmp_path / "first home's").exists()


def test_new_files_are_on_disk_before_the_catalog_speaks_of_them(lake, monkeypatch):
    synced = []
    real = os.fsync

    def note(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    lake.write("daily_bars", bars(), source="test")
    written = {str(path) for path in (lake.folder / "data").rglob("*.parquet")}
    assert written
    assert written <= set(synced)
    assert {str(path.parent) for path in (lake.folder / "data").rglob("*.parquet")} <= set(synced)
    synced.clear()
    lake.write("daily_bars", bars(["CCC"]), source="test")
    lake.compact()
    assert {str(path) for path in (lake.folder / "data").rglob("*.parquet")} - written <= set(synced)


def test_a_write_that_fails_leaves_no_row_and_no_file(lake, monkeypatch):
    lake.write("daily_bars", bars(), source="test")
    files = set((lake.folder / "data").rglob("*.parquet"))

    def fail(paths, root):
        assert paths
        raise RuntimeError("pulled plug")

    monkeypatch.setattr("workbench.store.writing.sync_files", fail)
    with pytest.raises(RuntimeError, match="pulled plug"):
        lake.write("daily_bars", bars().assign(close=1.0), source="test")
    monkeypatch.undo()
    assert set((lake.folder / "data").rglob("*.parquet")) == files
    assert lake.tables().loc["daily_bars", ["rows", "corrections"]].tolist() == [60, 0]
    assert lake.write("daily_bars", bars().assign(close=1.0), source="test")["changed"].sum() == 60


def test_a_lake_of_a_newer_version_is_refused(tmp_path):
    Lake.open(tmp_path / "lake").close()
    (tmp_path / "lake" / "format.json").write_text(json.dumps({"format": 3}))
    for read_only in (True, False):
        with pytest.raises(DeskVersionError, match="has format 3 and this version reads up to 2"):
            Lake.open(tmp_path / "lake", read_only=read_only)


def test_a_catalog_of_a_newer_ducklake_is_refused(tmp_path):
    Lake.open(tmp_path / "lake").close()
    import sqlite3

    with sqlite3.connect(tmp_path / "lake" / "catalog.sqlite") as catalog:
        catalog.execute("UPDATE ducklake_metadata SET value = '9.0' WHERE key = 'version'")
    with pytest.raises(DeskVersionError, match="newer version of Workbench"):
        Lake.open(tmp_path / "lake")


def test_another_version_of_duckdb_is_refused_in_plain_words(tmp_path, monkeypatch):
    monkeypatch.setattr(duckdb, "__version__", "2.0.0")
    with pytest.raises(DeskVersionError, match=r"duckdb 2.0.0 is installed.*pip install duckdb==1.5.5"):
        Lake.open(tmp_path / "lake")


def test_a_lake_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(DeskHomeError, match="There is no lake in"):
        Lake.open(tmp_path / "lake", read_only=True)
    assert not (tmp_path / "lake").exists()


def test_a_making_that_was_cut_short_is_finished(tmp_path):
    with Lake.open(tmp_path / "lake") as lake:
        lake.write("daily_bars", bars(), source="test")
    (tmp_path / "lake" / "format.json").unlink()
    with Lake.open(tmp_path / "lake") as lake:
        assert len(lake.read("daily_bars")) == 60


def test_a_folder_that_cannot_hold_a_lake_is_said(tmp_path):
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(DeskHomeError, match="cannot be"):
        Lake.open(tmp_path / "lake")


def test_settings_that_many_processes_need_are_in_force(lake):
    options = dict(
        lake._connection.execute("SELECT option_name, value FROM ducklake_options('lake')").fetchall()
    )
    assert options["data_inlining_row_limit"] == "0"
    assert options["parquet_compression"] == "zstd"
    code = (
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode').fetchone())"
    )
    mode = subprocess.run(
        [sys.executable, "-c", code, str(lake.folder / "catalog.sqlite")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert mode.stdout.strip() == "wal"
