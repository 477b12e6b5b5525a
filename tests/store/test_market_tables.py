"""Quotes, trades, news, earnings, rates, metrics and gaps: one row a key, versions kept, old ticks not."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import ArgumentError
from workbench.store import TABLES, Lake

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
OPEN = pd.Timestamp("2024-06-03 13:30", tz="UTC")
# One row of each table; what a key is made of, besides the source where it counts, and what may change.
ROWS = {
    "quotes": (
        {"symbol": "SPY", "time": OPEN, "sequence": 7},
        {"bid": 1.0, "ask": 1.1, "bid_size": 3.0, "ask_size": None},
    ),
    "trades": (
        {"symbol": "SPY", "time": OPEN, "trade_id": "a1"},
        {"price": 1.0, "size": 2.0, "conditions": "@,I"},
    ),
    "news": (
        {"source_id": "n1"},
        {
            "time": OPEN,
            "updated_at": OPEN,
            "headline": "Up",
            "summary": "",
            "url": "https://example.org",
            "author": "A",
            "symbols": "AAPL,MSFT",
            "sentiment": 0.5,
            "scorer": "lexicon",
            "kind": "news",
        },
    ),
    "earnings": (
        {"symbol": "AAPL", "fiscal_period": "2024Q2"},
        {
            "date": pd.Timestamp("2024-08-01"),
            "session": "after_close",
            "confirmed": False,
            "eps_estimate": 1.3,
            "eps_actual": None,
            "revenue_estimate": 8e10,
            "revenue_actual": None,
        },
    ),
    "rates": ({"curve": "USD treasury", "date": pd.Timestamp("2024-06-03"), "years": 0.25}, {"rate": 0.053}),
    "metrics": ({"symbol": "SPY", "name": "iv_rank", "time": OPEN}, {"value": 0.3}),
    "feed_gaps": (
        {"service": "alpaca", "feed": "stocks", "symbol": "SPY", "start": OPEN},
        {"end": None, "reason": "cut", "backfilled_at": None, "rows": 0},
    ),
}
SOURCED = {name for name in ROWS if "source" in TABLES[name].key}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Lake.open(tmp_path_factory.mktemp("desk") / "lake") as lake:
        yield lake


@pytest.fixture
def lake(tmp_path):
    with Lake.open(tmp_path / "lake") as lake:
        yield lake


def row(table, **changes):
    key, values = ROWS[table]
    types = {
        name: kind
        for name in (*key, *values)
        if (
            kind := {"DOUBLE": "float64", "TIMESTAMP": "datetime64[us, UTC]"}.get(TABLES[table].columns[name])
        )
    }
    return pd.DataFrame([{**key, **values, **changes}]).astype(types)


@pytest.mark.parametrize("table", ROWS)
def test_a_row_comes_back_with_its_types(shared, table):
    written = row(table)
    assert shared.write(table, written, source="one", recorded_at=JANUARY)["new"].sum() == 1
    snapshot = shared.snapshot()
    assert shared.write(table, written, source="one")["unchanged"].sum() == 1
    assert shared.snapshot() == snapshot
    found = shared.read(table)
    assert len(found) == 1
    for name in (*ROWS[table][0], *ROWS[table][1]):
        expected, value = written[name].iloc[0], found[name].iloc[0]
        assert (pd.isna(expected) and pd.isna(value)) or expected == value, name
    for name, kind in TABLES[table].columns.items():
        if kind == "TIMESTAMP":
            assert str(found[name].dtype) == "datetime64[us, UTC]", name
    assert found["source"].tolist() == ["one"]
    group = "one" if TABLES[table].group_is_list else written[TABLES[table].group].iloc[0]
    assert shared.write(table, written, source="one").index.tolist() == [group]


@pytest.mark.parametrize("table", sorted(SOURCED))
def test_a_second_source_has_rows_of_its_own(lake, table):
    lake.write(table, row(table), source="one")
    assert lake.write(table, row(table), source="two")["new"].sum() == 1
    assert lake.read(table)["source"].tolist() == ["one", "two"]
    assert lake.read(table, where={"source": "two"})["source"].tolist() == ["two"]


@pytest.mark.parametrize("table", sorted(set(ROWS) - SOURCED))
def test_a_second_source_of_one_truth_corrects_it(lake, table):
    lake.write(table, row(table), source="one")
    changed = {"rates": {"rate": 0.06}, "feed_gaps": {"end": OPEN, "rows": 5}}[table]
    assert lake.write(table, row(table, **changed), source="two")["changed"].sum() == 1
    assert lake.read(table)["source"].tolist() == ["two"]


def test_a_moved_earnings_date_keeps_both_versions(lake):
    """Its time is no part of its key: the old date has to be found although it lies elsewhere."""
    days = [pd.Timestamp(day) for day in ("2024-08-01", "2025-02-01", "2023-11-01")]
    for number, day in enumerate(days):
        counts = lake.write(
            "earnings", row("earnings", date=day), source="x", recorded_at=JANUARY + timedelta(days=number)
        )
        assert counts.loc["AAPL"].tolist() == [int(number == 0), int(number > 0), 0]
    assert lake.read("earnings")["date"].tolist() == days[-1:]
    for number, day in enumerate(days):
        believed = lake.read("earnings", known_at=JANUARY + timedelta(days=number))
        assert believed["date"].tolist() == [day]
    versions = lake.versions("earnings", symbols="AAPL")
    assert versions["date"].tolist() == days
    assert versions["replaced_at"].isna().tolist() == [False, False, True]
    assert versions["recorded_at"].iloc[0] == pd.Timestamp(JANUARY)


def test_a_late_item_of_news_is_not_known_before_it_was_seen(lake):
    lake.write("news", row("news"), source="x", recorded_at=OPEN + timedelta(days=2))
    assert lake.read("news", known_at=OPEN + timedelta(days=1)).empty
    lake.write("news", row("news", headline="Down"), source="x", recorded_at=OPEN + timedelta(days=3))
    assert lake.read("news", known_at=OPEN + timedelta(days=2))["headline"].tolist() == ["Up"]
    assert lake.versions("news")["recorded_at"].min() == OPEN + timedelta(days=2)


def test_news_is_found_by_any_of_its_symbols(lake):
    items = pd.concat(
        [
            row("news", source_id="1", symbols="AAPL,MSFT"),
            row("news", source_id="2", symbols="MSFT"),
            row("news", source_id="3", symbols=""),
            row("news", source_id="4", symbols="AAPLX"),
            row("news", source_id="5", symbols=None),
        ]
    )
    lake.write("news", items, source="x")
    assert lake.read("news", symbols="AAPL")["source_id"].tolist() == ["1"]
    assert lake.read("news", symbols=["AAPL", "MSFT"])["source_id"].tolist() == ["1", "2"]
    assert lake.read("news", symbols=[]).empty
    assert lake.summary("news")["rows"].to_dict() | {"": 1} == {"": 1, "AAPL": 1, "AAPLX": 1, "MSFT": 2}
    assert lake.tables().loc["news", "rows"] == 5


def test_a_gap_is_closed_and_filled_by_its_key(lake):
    lake.write("feed_gaps", row("feed_gaps"), source="x", recorded_at=JANUARY)
    lake.write("feed_gaps", row("feed_gaps", end=OPEN + timedelta(minutes=5)), source="x")
    filled = row("feed_gaps", end=OPEN + timedelta(minutes=5), backfilled_at=OPEN, rows=12)
    assert lake.write("feed_gaps", filled, source="x")["changed"].sum() == 1
    (gap,) = lake.read("feed_gaps").to_dict("records")
    assert (gap["end"], gap["backfilled_at"], gap["rows"]) == (OPEN + timedelta(minutes=5), OPEN, 12)
    assert lake.read("feed_gaps", known_at=JANUARY)["end"].isna().all()
    assert len(lake.versions("feed_gaps")) == 3


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loads=st.lists(
        st.tuples(
            st.sampled_from(["one", "two"]),
            st.dictionaries(
                st.tuples(st.sampled_from("AB"), st.integers(0, 3), st.integers(0, 1)),
                st.sampled_from([1.0, 2.0, None]),
                min_size=1,
            ),
        ),
        min_size=1,
        max_size=5,
    ),
    asked=st.integers(0, 3),
)
def test_quotes_of_any_order_are_those_of_a_plain_dictionary(tmp_path_factory, loads, asked):
    """By key, at each instant of knowledge, and the latest of each symbol."""
    with Lake.open(tmp_path_factory.mktemp("desk") / "lake") as lake:
        held, believed = {}, []
        for number, (source, load) in enumerate(loads):
            recorded = JANUARY + timedelta(days=number)
            frame = pd.DataFrame(
                [
                    {"symbol": symbol, "time": OPEN + timedelta(days=day), "sequence": sequence, "bid": bid}
                    for (symbol, day, sequence), bid in load.items()
                ]
            ).astype({"bid": "float64"})
            lake.write("quotes", frame, source=source, recorded_at=recorded)
            for (symbol, day, sequence), bid in load.items():
                key = (symbol, day, sequence, source)
                if key not in held or held[key][0] != bid:
                    held[key] = (bid, recorded)
            believed.append({key: bid for key, (bid, _) in held.items()})
        for number, expected in enumerate(believed):
            found = lake.read("quotes", known_at=JANUARY + timedelta(days=number))
            days = (found["time"] - OPEN).dt.days
            bids = [None if pd.isna(bid) else bid for bid in found["bid"]]
            keys = zip(found["symbol"], days, found["sequence"], found["source"], strict=True)
            assert dict(zip(keys, bids, strict=True)) == expected
        latest = lake.latest("quotes", ["A", "B"], OPEN + timedelta(days=asked)).set_index("symbol")
        for symbol in "AB":
            rows = [
                (day, sequence, recorded, source, bid)
                for (name, day, sequence, source), (bid, recorded) in held.items()
                if name == symbol and day <= asked
            ]
            if not rows:
                assert symbol not in latest.index
                continue
            best = max(rows, key=lambda found: found[:4])
            bid = latest.loc[symbol, "bid"]
            assert (None if pd.isna(bid) else bid) == best[-1]
            assert latest.loc[symbol, "source"] == best[3]


@pytest.mark.parametrize("table", ["rates", "metrics", "earnings"])
def test_the_latest_row_of_each_series(lake, table):
    series, time = TABLES[table].series, TABLES[table].time
    for days in (0, 3, 1):
        shift = pd.Timedelta(days=days)
        key = {"fiscal_period": f"P{days}"} if table == "earnings" else {}
        moment = {**ROWS[table][0], **ROWS[table][1]}[time]
        lake.write(table, row(table, **{time: moment + shift}, **key), source="x")
    found = lake.latest(table)
    assert len(found) == 1
    assert found[time].iloc[0] == lake.read(table)[time].max()
    assert found[list(series)].iloc[0].notna().all()
    early = lake.latest(table, at=lake.read(table)[time].max() - pd.Timedelta(days=1))
    assert (lake.read(table)[time].max() - early[time].iloc[0]).days == 2


def ticks(day, count=50, symbol="SPY"):
    times = OPEN + pd.Timedelta(days=day) + pd.to_timedelta(range(count), unit="s")
    return pd.DataFrame({"symbol": symbol, "time": times, "sequence": 0, "bid": 1.0, "ask": 2.0})


def test_forgotten_ticks_are_gone_from_reads_history_and_disk(lake):
    for day in range(4):
        lake.write("quotes", ticks(day), source="x", recorded_at=JANUARY)
        lake.write("quotes", ticks(day).assign(bid=1.5).head(5), source="x")
    cut = OPEN + timedelta(days=2, seconds=10)
    assert lake.forget("quotes", before=cut) == 110
    assert lake.forget("quotes", before=cut) == 0
    assert len(lake.read("quotes")) == 90
    assert lake.read("quotes")["time"].min() == cut
    assert lake.read("quotes", known_at=JANUARY)["time"].min() == cut
    assert lake.versions("quotes")["time"].min() == cut
    assert lake.tables().loc["quotes", ["rows", "corrections"]].tolist() == [90, 5]
    before = lake.read("quotes")
    lake.compact()
    now = datetime.now(UTC) + timedelta(seconds=1)
    lake.expire(now, files_older_than=now)
    pd.testing.assert_frame_equal(lake.read("quotes"), before)
    kept = sorted(path.parent.name for path in (lake.folder / "data" / "main" / "quotes").rglob("*.parquet"))
    assert set(kept) == {"day=5", "day=6"}
    assert lake.write("quotes", ticks(0), source="x")["new"].sum() == 50  # what is gone may come again


def test_only_ticks_are_forgotten(lake):
    with pytest.raises(ArgumentError, match="daily_bars are kept for good; only those of quotes, trades"):
        lake.forget("daily_bars", before=JANUARY)
    with pytest.raises(ArgumentError, match="without a time zone"):
        lake.forget("quotes", before=datetime(2024, 1, 1))  # noqa: DTZ001


def test_readers_go_on_while_ticks_are_forgotten(lake):
    """Another process reads without a pause; each answer is the table before or after, never between."""
    for day in range(3):
        lake.write("quotes", ticks(day), source="x")
    script = """
import sys, time
from workbench.store import Lake
seen = set()
with Lake.open(sys.argv[1], read_only=True) as lake:
    print("ready", flush=True)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        seen.add(len(lake.read("quotes")))
print(sorted(seen))
"""
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(lake.folder)], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "ready\n"
    lake.forget("quotes", before=OPEN + timedelta(days=1))
    lake.compact()
    lake.forget("quotes", before=OPEN + timedelta(days=2))
    lake.compact()
    out, _ = reader.communicate()
    assert reader.returncode == 0
    assert set(json.loads(out)) <= {150, 100, 50}
    assert len(lake.read("quotes")) == 50


def test_many_small_files_of_a_stream_become_one_a_day(lake):
    for number in range(20):
        lake.write("quotes", ticks(number % 2, 3).assign(sequence=number), source="x")
    before = lake.read("quotes")
    assert lake.compact().loc["quotes"].tolist() == [20, 2]
    pd.testing.assert_frame_equal(lake.read("quotes"), before)
