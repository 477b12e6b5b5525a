"""Large first loads: files of our own hold what an INSERT would have stored, and live like all others."""

import os
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from workbench.errors import StorageFullError
from workbench.store import TABLES, Lake, data_files
from workbench.store.connection import CATALOG_TABLES

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2024, 2, 1, tzinfo=UTC)
COUNT = 900


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    monkeypatch.setattr(data_files, "_MANY", 1)


def lake_of(folder):
    return Lake.open(folder)


def rows_of(table, count=COUNT, seed=1):
    """Rows of every type that a table has, some of their values missing, over two years."""
    spec, random = TABLES[table], np.random.default_rng(seed)
    frame = {}
    for name, kind in ((name, spec.columns[name]) for name in spec.given):
        if kind == "VARCHAR":
            values = pd.Series(random.choice(["A", "B é", "C'\"", "LONG " * 20], count), dtype="str")
        elif kind == "DOUBLE":
            values = pd.Series(random.normal(100, 20, count).round(2))
        elif kind == "BIGINT":
            values = pd.Series(random.integers(-5, 10**12, count))
        elif kind == "BOOLEAN":
            values = pd.Series(random.random(count) < 0.5)
        else:
            hours = pd.to_timedelta(random.integers(0, 2 * 365 * 24, count), unit="h")
            values = pd.Series(pd.Timestamp("2023-01-01", tz="UTC") + hours).dt.as_unit("us")
            values = values.dt.tz_localize(None).dt.normalize() if kind == "DATE" else values
        if name not in spec.key and kind != "BIGINT" and name != spec.time:
            values = values.astype(object).where(random.random(count) > 0.1).infer_objects()
        frame[name] = values
    return pd.DataFrame(frame)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A lake of files, and one of rows that were inserted."""
    folder = tmp_path_factory.mktemp("pair")
    with lake_of(folder / "files") as ours, lake_of(folder / "inserted") as theirs:
        yield ours, theirs


@pytest.mark.parametrize("table", [name for name in TABLES if name != "quarantine"])
def test_every_table_reads_as_if_it_had_been_inserted(pair, monkeypatch, table):
    rows, (ours, theirs) = rows_of(table), pair
    counts = ours.write(table, rows, source="test", recorded_at=JANUARY)
    monkeypatch.setattr(data_files, "_MANY", 10**9)
    assert_frame_equal(counts, theirs.write(table, rows, source="test", recorded_at=JANUARY))
    assert_frame_equal(ours.read(table), theirs.read(table))
    assert_frame_equal(ours.read(table, known_at=FEBRUARY), theirs.read(table, known_at=FEBRUARY))
    assert_frame_equal(ours.summary(table), theirs.summary(table))
    assert ours.content_hashes() == theirs.content_hashes()
    assert parts_of(ours) == parts_of(theirs)


def parts_of(lake):
    """Return how the catalog parts each table, which compaction goes by."""
    return lake._connection.execute(
        f"SELECT table_name, partition_key_index, partition_value, sum(record_count) "
        f"FROM {CATALOG_TABLES}.ducklake_file_partition_value AS parts "
        f"JOIN {CATALOG_TABLES}.ducklake_data_file AS files USING (data_file_id) "
        f"JOIN {CATALOG_TABLES}.ducklake_table AS tables ON tables.table_id = files.table_id "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def test_rows_without_a_time_are_inserted(tmp_path):
    rows = rows_of("news")
    rows.loc[3, "time"] = pd.NaT
    with lake_of(tmp_path / "lake") as lake:
        lake.write("news", rows, source="test")
        assert lake.read("news")["time"].isna().sum() <= 1


@pytest.mark.parametrize("table", ["daily_bars", "intraday_bars", "quotes", "rates"])
def test_such_files_are_corrected_known_as_they_were_and_compacted(tmp_path, table):
    rows = rows_of(table)
    value = TABLES[table].values[0]
    with lake_of(tmp_path / "lake") as lake:
        lake.write(table, rows, source="test", recorded_at=JANUARY)
        before = lake.read(table)
        again = lake.write(table, rows, source="test", recorded_at=FEBRUARY)
        assert again["unchanged"].sum() == len(before) and not again[["new", "changed"]].any(axis=None)
        changed = before.drop(columns=["recorded_at"]).iloc[::7].assign(**{value: 7.5})
        counts = lake.write(table, changed, source="test", recorded_at=FEBRUARY)
        assert counts["changed"].sum() == len(changed)
        after = lake.read(table)
        lake.compact()
        assert_frame_equal(lake.read(table), after)
        assert (after.iloc[::7][value] == 7.5).all()
        assert_frame_equal(lake.read(table, known_at=JANUARY + timedelta(days=1)), before)
        lake.expire(datetime.now(UTC), files_older_than=datetime.now(UTC))
        assert_frame_equal(lake.read(table), after)
        assert_frame_equal(lake.read(table, known_at=JANUARY + timedelta(days=1)), before)


def test_old_ticks_in_such_files_are_forgotten(tmp_path):
    with lake_of(tmp_path / "lake") as lake:
        rows = rows_of("quotes")
        lake.write("quotes", rows, source="test")
        held = lake.read("quotes")
        limit = datetime(2024, 1, 1, tzinfo=UTC)
        assert lake.forget("quotes", before=limit) == (held["time"] < limit).sum()
        assert_frame_equal(lake.read("quotes"), held[held["time"] >= limit].reset_index(drop=True))


def test_a_period_of_many_rows_is_parted_into_files(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_FILE_ROWS", 100)
    with lake_of(tmp_path / "lake") as lake:
        lake.write("daily_bars", rows_of("daily_bars"), source="test")
        files = list((tmp_path / "lake/data/main/daily_bars").rglob("*.parquet"))
        held = lake.read("daily_bars")
    assert {path.parent.name for path in files} == {"year=2023", "year=2024"}
    assert max(pq.read_metadata(path).num_rows for path in files) <= 100
    assert len(held) == sum(pq.read_metadata(path).num_rows for path in files) > 600


def test_a_column_without_a_value_takes_no_room_and_is_missing(tmp_path):
    rows = rows_of("daily_bars").drop(columns="vwap")
    with lake_of(tmp_path / "lake") as lake:
        lake.write("daily_bars", rows, source="test")
        file = next((tmp_path / "lake/data/main/daily_bars").rglob("*.parquet"))
        assert "vwap" not in pq.read_schema(file).names
        assert lake.read("daily_bars")["vwap"].isna().all()
        later = rows.assign(vwap=rows["close"])
        lake.write("daily_bars", later, source="test")
        held = lake.read("daily_bars")
        assert_frame_equal(held[["vwap"]], held[["close"]].set_axis(["vwap"], axis=1))


def test_a_table_of_arrow_in_pieces_is_written_alike(tmp_path):
    rows = rows_of("daily_bars").drop_duplicates(["symbol", "time"]).sort_values(["symbol", "time"])
    table = pa.Table.from_pandas(rows, preserve_index=False)
    codes = table.column("symbol").combine_chunks().dictionary_encode()
    table = table.set_column(0, "symbol", codes)
    pieces = pa.concat_tables([table.slice(at, 70) for at in range(0, len(rows), 70)])
    with lake_of(tmp_path / "one") as one, lake_of(tmp_path / "other") as other:
        one.write("daily_bars", rows, source="test", recorded_at=JANUARY)
        other.write("daily_bars", pieces, source="test", recorded_at=JANUARY)
        assert_frame_equal(one.read("daily_bars"), other.read("daily_bars"))


def test_when_the_disk_is_full_no_file_stays(tmp_path, monkeypatch):
    written = pq.write_table

    def fails_on_the_second(rows, path, **options):
        written(rows, path, **options)
        if "year=2024" in str(path):
            raise OSError(28, os.strerror(28), str(path))

    with lake_of(tmp_path / "lake") as lake:
        with monkeypatch.context() as patch:
            patch.setattr(pq, "write_table", fails_on_the_second)
            with pytest.raises(StorageFullError):
                lake.write("daily_bars", rows_of("daily_bars"), source="test")
        assert not list((tmp_path / "lake/data/main").rglob("*.parquet"))
        assert lake.read("daily_bars").empty
        lake.write("daily_bars", rows_of("daily_bars"), source="test")
        assert len(lake.read("daily_bars"))
