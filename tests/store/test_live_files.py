"""Reading straight from the files gives what the catalog gives, and every write shows at once."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from workbench.errors import ArgumentError, StorageFullError
from workbench.store import Lake
from workbench.store.marks import WriteMarks

NOW = datetime(2020, 1, 1, tzinfo=UTC)
WRITER = """
import sys
import pandas as pd
from workbench.store import Lake
with Lake.open(sys.argv[1]) as lake:
    print("ready", flush=True)
    for line in sys.stdin:
        frame = pd.DataFrame({"symbol": "AAA", "time": [pd.Timestamp("2020-01-01")], "close": [float(line)]})
        lake.write("daily_bars", frame, source="x")
        print("done", flush=True)
"""


@pytest.fixture
def lake(tmp_path):
    with Lake.open(tmp_path / "lake") as lake:
        yield lake


def bars(symbol, close=1.0, start="2018-12-25", days=20):
    times = pd.date_range(start, periods=days, tz="UTC")
    return pd.DataFrame({"symbol": symbol, "time": times, "close": close})


def through_the_catalog(lake, **asked):
    """Ask without the files: the catalog names them."""
    lake._files.forget()
    origin, lake._files.origin = lake._files.origin, lambda *_, **__: None
    try:
        return lake.read("daily_bars", **asked)
    finally:
        lake._files.origin = origin


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"), st.sampled_from("ABCD"), st.integers(0, 700), st.sampled_from([1.0, 2.0])
        ),
        st.tuples(st.just("compact"), st.just(""), st.just(0), st.just(0.0)),
    ),
    min_size=1,
    max_size=6,
)
questions = st.fixed_dictionaries(
    {},
    optional={
        "symbols": st.lists(st.sampled_from("ABCDE"), max_size=3, unique=True),
        "start": st.sampled_from(["2018-06-01", "2019-01-01", "2019-12-31", "2021-01-01"]),
        "end": st.sampled_from(["2017-01-01", "2018-12-31", "2019-06-01"]),
        "columns": st.sampled_from([["time", "close"], ["symbol", "vwap", "source"]]),
        "where": st.sampled_from([{"source": "x"}, {"close": [1.0]}]),
    },
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, asked=st.lists(questions, min_size=1, max_size=4))
def test_the_files_give_what_the_catalog_gives(tmp_path_factory, steps, asked):
    """After any writes, corrections and compactions, for any question."""
    with Lake.open(tmp_path_factory.mktemp("desk") / "lake") as lake:
        for action, symbol, day, close in steps:
            if action == "write":
                start = pd.Timestamp("2018-01-01") + pd.Timedelta(days=day)
                lake.write("daily_bars", bars(symbol, close, start=start), source="x")
            else:
                lake.compact()
            for question in asked:
                assert_frame_equal(lake.read("daily_bars", **question), through_the_catalog(lake, **question))


def test_a_question_without_a_file_has_the_shape_of_the_others(lake):
    lake.write("daily_bars", bars("AAA"), source="x")
    for asked in ({"symbols": "ZZZ"}, {"start": "2031-01-01"}, {"symbols": []}):
        empty = lake.read("daily_bars", **asked)
        assert empty.empty
        assert empty.dtypes.to_dict() == lake.read("daily_bars").dtypes.to_dict()
    with pytest.raises(ArgumentError, match="quarantine has no time"):
        lake.read("quarantine", start="2020-01-01")


def test_files_that_maintenance_took_away_are_not_missed(lake):
    for day in range(5):
        lake.write("daily_bars", bars("AAA", start=f"2019-02-{day + 1:02d}", days=1), source="x")
    assert len(lake.read("daily_bars")) == 5
    with Lake.open(lake.folder) as other:
        listings = dict(lake._files._listings)
        other.compact()
        later = datetime.now(UTC) + pd.Timedelta(seconds=5)
        other.expire(later, files_older_than=later)
        lake._files._listings.update(listings)
        assert len(lake.read("daily_bars")) == 5


def test_a_mark_changes_with_each_write_to_its_table_and_with_no_other(lake):
    before = lake.mark("daily_bars", "corporate_actions")
    lake.write("daily_bars", bars("AAA"), source="x")
    after = lake.mark("daily_bars", "corporate_actions")
    assert after[0] > before[0]
    assert after[1] == before[1]
    lake.write("daily_bars", bars("AAA"), source="again")  # changes nothing
    with pytest.raises(Exception, match="need the column"):
        lake.write("daily_bars", bars("AAA").drop(columns="time"), source="x")
    assert lake.mark("daily_bars", "corporate_actions") == after


def test_a_write_of_another_process_shows_at_once(lake):
    """Each value that was acknowledged is the next one read, through a reader that keeps its files."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(lake.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "ready\n"
    with Lake.open(lake.folder, read_only=True) as reader:
        for number in range(40):
            mark = reader.mark("daily_bars")
            print(number, file=writer.stdin, flush=True)
            assert writer.stdout.readline() == "done\n"
            assert reader.mark("daily_bars") != mark
            assert reader.read("daily_bars")["close"].tolist() == [float(number)]
    writer.communicate()


def test_nothing_is_kept_while_a_write_is_under_way(lake):
    lake.write("daily_bars", bars("AAA"), source="x")
    with lake._lock.hold("a write", 1), lake._marks.changing(["daily_bars"]):
        assert lake.mark("daily_bars") is None
        assert lake.mark("corporate_actions") is not None
        assert len(lake.read("daily_bars")) == 20
    assert lake.mark("daily_bars") is not None


def test_the_mark_of_a_dead_writer_is_ended_by_the_next_reader(lake):
    script = """
import os, signal, sys
from workbench.store import Lake
lake = Lake.open(sys.argv[1])
with lake._lock.hold("dying", 1), lake._marks.changing(["daily_bars"]):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    before = lake.mark("daily_bars")
    process = subprocess.run([sys.executable, "-c", script, str(lake.folder)], check=False)
    assert process.returncode == -signal.SIGKILL
    with Lake.open(lake.folder, read_only=True) as reader:
        assert reader.mark("daily_bars") is None
    after = lake.mark("daily_bars")
    assert after is not None
    assert after != before


def test_marks_that_were_cleared_away_are_counted_anew_by_all(lake):
    with Lake.open(lake.folder) as other:
        lake.write("daily_bars", bars("AAA"), source="x")
        assert lake.mark("daily_bars") == other.mark("daily_bars")
        (lake.folder / "lock.writes").unlink()
        lake.write("daily_bars", bars("BBB"), source="x")
        assert lake.mark("daily_bars") == other.mark("daily_bars") != (0,)
        assert len(other.read("daily_bars")) == 40


def test_a_writer_that_cannot_tell_the_others_does_not_write(tmp_path, lake, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageFullError):
        lake.write("daily_bars", bars("AAA"), source="x")
    monkeypatch.undo()
    assert lake.read("daily_bars").empty
    assert lake.write("daily_bars", bars("AAA"), source="x")["new"].sum() == 20
    assert WriteMarks(tmp_path / "nowhere" / "marks").read("daily_bars") is None


def test_a_correction_is_not_hidden_by_the_file_that_it_replaced_rows_of(lake):
    lake.write("daily_bars", bars("AAA"), source="x", recorded_at=NOW)
    assert len(lake.read("daily_bars")) == 20
    lake.write("daily_bars", bars("AAA", 2.0, days=3), source="x")
    assert lake.read("daily_bars")["close"].tolist() == [2.0] * 3 + [1.0] * 17
    with duckdb.connect() as plain:  # the file itself still has the rows
        files = [str(path) for path in (lake.folder / "data" / "main" / "daily_bars").rglob("*.parquet")]
        held = plain.execute("SELECT count(*) FROM read_parquet($1, union_by_name = true)", [files])
        assert held.fetchone()[0] > 20
