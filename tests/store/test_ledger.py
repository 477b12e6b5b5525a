"""The ledger: each kind of row, exactly once, and what was believed before."""

import json
import pickle
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import (
    ArgumentError,
    DataFormatError,
    DateInputError,
    DeskHomeError,
    DeskVersionError,
    PermissionDeniedError,
    RuleError,
)
from workbench.store import Ledger
from workbench.store.models import metadata
from workbench.store.schema import HEAD, _alembic_config
from workbench.store.types import decimal_of, dump_json

NOW = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=10)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def fills(**changes):
    frame = pd.DataFrame(
        {
            "fill_id": ["a", "b", "c"],
            "time": pd.to_datetime(["2013-01-02 15:00", "2013-01-03 15:00", "2013-01-04 15:00"], utc=True),
            "symbol": ["AAPL", "AAPL", "IBM"],
            "quantity": ["100", "-40", "7.5"],
            "price": ["549.03", "542.10", "193.99"],
            "fees": [Decimal("1.00"), Decimal("1.00"), None],
        }
    )
    return frame.assign(**changes)


def alert(fact_key="limit 2026-01-02", **changes):
    return {
        "rule_id": "r1",
        "name": "Vega limit",
        "severity": "breach",
        "fact_key": fact_key,
        "title": "Vega is over its limit",
        "body": "Vega is 12,000.",
        "facts": {"vega": 12_000.0, "limit": Decimal("10000")},
        "raised_at": NOW,
        "as_of": datetime(2013, 3, 1, 21, tzinfo=UTC),
        **changes,
    }


# --- opening


def test_a_new_ledger_has_the_tables_that_the_models_describe(ledger):
    with sqlite3.connect(ledger.path) as plain:
        found = {
            name: {row[1] for row in plain.execute(f"PRAGMA table_info({name})")}
            for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in {"alembic_version", "sqlite_sequence"}
        }
    assert found == {table.name: set(table.columns.keys()) for table in metadata.sorted_tables}


def test_the_models_ask_for_nothing_that_the_migrations_do_not_make(ledger):
    """Alembic itself compares the two: types, indexes and constraints, too."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_head_that_opening_looks_for_is_the_newest_migration():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(_alembic_config()).get_current_head() == HEAD


def test_settings_that_many_processes_need_are_in_force(ledger):
    for context in (ledger._database.read, ledger._database.write):
        with context() as connection:
            values = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            }
        assert values == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


def test_opening_a_ledger_that_is_there_does_not_import_alembic(ledger):
    code = (
        "import sys; from workbench.store import Ledger; Ledger.open(sys.argv[1]).fills.frame(); "
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=False).returncode == 0


def test_a_ledger_of_a_newer_version_is_refused(ledger):
    ledger.close()
    with sqlite3.connect(ledger.path) as plain:
        plain.execute("UPDATE alembic_version SET version_num = '9999'")
    for read_only in (True, False):
        with pytest.raises(
            DeskVersionError, match="has version 9999, which this version of Workbench does not"
        ):
            Ledger.open(ledger.path, read_only=read_only)


def test_a_file_that_is_no_ledger_is_said(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(DeskHomeError, match="is no ledger"):
        Ledger.open(tmp_path / "ledger.sqlite")


def test_a_ledger_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(DeskHomeError, match="There is no ledger"):
        Ledger.open(tmp_path / "ledger.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_or_half_made_ledger_is_made_whole(tmp_path):
    (tmp_path / "ledger.sqlite").touch()
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.fills.frame().empty


def test_a_reader_may_not_write(ledger):
    with Ledger.open(ledger.path, read_only=True) as reader:
        with pytest.raises(PermissionDeniedError, match="open for reading only"):
            reader.fills.add(fills(), source="x", recorded_at=NOW)
        ledger.fills.add(fills(), source="x", recorded_at=NOW)
        assert len(reader.fills.frame()) == 3


def test_a_ledger_travels_to_another_process_as_its_path(ledger):
    ledger.fills.add(fills(), source="x", recorded_at=NOW)
    with pickle.loads(pickle.dumps(ledger)) as again:
        assert len(again.fills.frame()) == 3


# --- values


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12))
def test_decimals_keep_their_value_and_have_one_text(number):
    kept = decimal_of(number)
    assert kept == number
    assert decimal_of(f"{number:f}00" if "." in f"{number:f}" else f"{number:f}.00") == kept
    assert f"{decimal_of(kept):f}" == f"{kept:f}"


def test_numbers_that_are_none_are_refused():
    for wrong in ("dear", "NaN", float("inf"), ""):
        with pytest.raises(ArgumentError, match="number; write it like"):
            decimal_of(wrong)


def test_documents_become_json_that_any_reader_takes():
    document = {
        "nan": float("nan"),
        "array": np.array([1.5, np.inf]),
        "count": np.int64(3),
        "amount": Decimal("1.10"),
        "day": date(2020, 1, 2),
        "at": NOW,
        "missing": pd.NaT,
        "nested": [{"set": {1}}],
    }
    assert json.loads(dump_json(document), parse_constant=pytest.fail) == {
        "nan": None,
        "array": [1.5, None],
        "count": 3,
        "amount": "1.10",
        "day": "2020-01-02",
        "at": "2026-01-02T15:30:00+00:00",
        "missing": None,
        "nested": [{"set": [1]}],
    }


def test_an_instant_without_a_zone_is_refused(ledger):
    with pytest.raises(DateInputError, match="instant with a time zone"):
        ledger.inbox.put("k", {}, datetime(2020, 1, 1))  # noqa: DTZ001


# --- fills


def test_fills_come_back_as_decimals_in_order_of_time(ledger):
    counts = ledger.fills.add(fills().iloc[::-1], source="file.csv", recorded_at=NOW)
    assert counts.to_dict("index") == {
        "AAPL": {"new": 2, "changed": 0, "unchanged": 0},
        "IBM": {"new": 1, "changed": 0, "unchanged": 0},
    }
    found = ledger.fills.frame()
    assert found["fill_id"].tolist() == ["a", "b", "c"]
    assert found["quantity"].tolist() == [Decimal("100"), Decimal("-40"), Decimal("7.5")]
    assert found["fees"].tolist() == [Decimal("1"), Decimal("1"), Decimal("0")]
    assert found["time"].dtype == "datetime64[us, UTC]"
    assert set(found["account"]) == {"main"}
    assert set(found["currency"]) == {"USD"}


def test_loading_the_same_fills_twice_changes_nothing(ledger):
    ledger.fills.add(fills(), source="one", recorded_at=NOW)
    before = ledger.content_hashes()
    again = fills(price=[549.03, 542.1, 193.990])  # floats say the same decimals
    assert ledger.fills.add(again, source="two", recorded_at=SOON)["unchanged"].sum() == 3
    assert ledger.content_hashes() == before


def test_a_corrected_fill_keeps_what_was_believed_before(ledger):
    ledger.fills.add(fills(), source="one", recorded_at=NOW)
    counts = ledger.fills.add(fills(price=["549.03", "542.20", "193.99"]), source="two", recorded_at=SOON)
    assert counts.loc["AAPL"].tolist() == [0, 1, 1]
    assert ledger.fills.frame()["price"].tolist()[1] == Decimal("542.20")
    assert ledger.fills.frame(known_at=NOW)["price"].tolist()[1] == Decimal("542.10")
    assert ledger.fills.frame(known_at=SOON)["price"].tolist()[1] == Decimal("542.20")
    assert ledger.fills.frame(known_at=NOW - timedelta(seconds=1)).empty


def test_fills_until_an_instant_and_of_an_account(ledger):
    ledger.fills.add(fills(account=["main", "hedge", "main"]), source="one", recorded_at=NOW)
    assert ledger.fills.frame(until=datetime(2013, 1, 3, 15, tzinfo=UTC))["fill_id"].tolist() == ["a", "b"]
    assert ledger.fills.frame(account="main")["fill_id"].tolist() == ["a", "c"]


def test_many_fills_are_one_transaction(ledger):
    many = pd.concat([fills()] * 700, ignore_index=True)
    many["fill_id"] = [f"f{number}" for number in range(len(many))]
    assert ledger.fills.add(many, source="x", recorded_at=NOW)["new"].sum() == 2100
    with pytest.raises(ArgumentError):
        ledger.fills.add(many.assign(price=["1"] * 2099 + ["dear"]), source="x", recorded_at=SOON)
    assert ledger.fills.add(many, source="x", recorded_at=SOON)["unchanged"].sum() == 2100


def test_fills_that_cannot_be_read_say_why(ledger):
    with pytest.raises(DataFormatError, match="need the column 'price'"):
        ledger.fills.add(fills().drop(columns="price"), source="x", recorded_at=NOW)
    with pytest.raises(DataFormatError, match="row 1 has no 'symbol'"):
        ledger.fills.add(fills(symbol=["A", None, "B"]), source="x", recorded_at=NOW)
    assert ledger.fills.frame().empty
    assert list(ledger.fills.frame().columns)[:4] == ["fill_id", "account", "time", "symbol"]


# --- rules


def test_a_rule_has_versions_and_an_unchanged_one_makes_none(ledger):
    document = {"name": "AAPL high", "symbol": "AAPL", "conditions": [{"type": "price", "value": 180}]}
    rule_id = ledger.rules.save(document)
    assert ledger.rules.save(dict(reversed(document.items()))) == rule_id
    assert ledger.rules.versions(rule_id) == [document]
    changed = {**document, "enabled": False}
    assert ledger.rules.save({**changed, "id": rule_id}) == rule_id
    assert ledger.rules.versions(rule_id) == [document, changed]
    assert ledger.rules.documents() == []
    assert ledger.rules.documents(enabled_only=False) == [{**changed, "id": rule_id}]
    with pytest.raises(RuleError, match="needs a `name`"):
        ledger.rules.save({"symbol": "AAPL"})


# --- alerts and the outbox


def test_a_fact_is_raised_once_with_one_message_a_channel(ledger):
    alert_id = ledger.alerts.raise_once(alert(), ["file", "inbox", "file"])
    assert ledger.alerts.raise_once(alert(title="again"), ["file"]) is None
    found = ledger.alerts.frame()
    assert found["id"].tolist() == [alert_id]
    assert found.loc[0, "facts"] == {"vega": 12_000.0, "limit": "10000"}
    messages = ledger.outbox.frame()
    assert messages["channel"].tolist() == ["file", "inbox"]
    assert set(messages["state"]) == {"pending"}
    payload = messages.loc[0, "payload"]
    assert payload["key"] == payload["id"] == alert_id
    assert payload["title"] == "Vega is over its limit"
    assert payload["as_of"] == "2013-03-01T21:00:00+00:00"


def test_an_alert_that_cannot_be_stored_queues_no_message(ledger):
    with pytest.raises(KeyError):
        ledger.alerts.raise_once({key: value for key, value in alert().items() if key != "title"}, ["file"])
    assert ledger.alerts.frame().empty
    assert ledger.outbox.frame().empty


def test_alerts_are_acknowledged_once(ledger):
    first = ledger.alerts.raise_once(alert("one"), [])
    second = ledger.alerts.raise_once(alert("two", raised_at=SOON, rule_id=None, as_of=None), [])
    assert ledger.alerts.frame()["id"].tolist() == [second, first]
    assert ledger.alerts.frame(limit=1)["id"].tolist() == [second]
    assert ledger.alerts.acknowledge(second, "ann", SOON)
    assert not ledger.alerts.acknowledge(second, "bob", SOON)
    assert ledger.alerts.frame(open_only=True)["id"].tolist() == [first]
    assert ledger.alerts.frame().loc[0, "acknowledged_by"] == "ann"
    with pytest.raises(ArgumentError, match="no alert 'x'"):
        ledger.alerts.acknowledge("x", "ann", NOW)


def test_a_message_is_claimed_by_one_holder_until_its_time_is_up(ledger):
    ledger.alerts.raise_once(alert(), ["file", "inbox"])
    mine = ledger.outbox.claim(NOW, 10, "worker 1", 30)
    assert [(message.channel, message.attempts) for message in mine] == [("file", 1), ("inbox", 1)]
    assert ledger.outbox.claim(NOW, 10, "worker 2", 30) == []
    late = ledger.outbox.claim(NOW + timedelta(seconds=30), 1, "worker 2", 30)
    assert [(message.channel, message.attempts) for message in late] == [("file", 2)]


def test_a_message_is_tried_again_until_it_arrives_or_is_given_up(ledger):
    ledger.alerts.raise_once(alert(), ["file"])
    (message,) = ledger.outbox.claim(NOW, 10, "w", 30)
    ledger.outbox.failed(message.id, "the disk is full", SOON)
    assert ledger.outbox.claim(NOW, 10, "w", 30) == []
    (message,) = ledger.outbox.claim(SOON, 10, "w", 30)
    assert message.attempts == 2
    ledger.outbox.failed(message.id, "gone", None)
    assert ledger.outbox.frame().loc[0, ["state", "error"]].tolist() == ["dead", "gone"]
    assert ledger.outbox.claim(SOON + timedelta(days=1), 10, "w", 30) == []


def test_a_late_failure_does_not_bring_back_a_message_that_arrived(ledger):
    ledger.alerts.raise_once(alert(), ["file"])
    (message,) = ledger.outbox.claim(NOW, 10, "w", 30)
    ledger.outbox.delivered(message.id, SOON)
    ledger.outbox.failed(message.id, "late", SOON)
    row = ledger.outbox.frame().loc[0]
    assert (row["state"], row["delivered_at"]) == ("delivered", pd.Timestamp(SOON))
    assert ledger.outbox.claim(SOON + timedelta(days=1), 10, "w", 30) == []


def test_the_inbox_takes_a_message_once(ledger):
    assert ledger.inbox.put("k1", {"title": "one"}, NOW)
    assert not ledger.inbox.put("k1", {"title": "other"}, SOON)
    assert ledger.inbox.put("k2", {"title": "two"}, SOON)
    assert ledger.inbox.frame()["payload"].tolist() == [{"title": "two"}, {"title": "one"}]


# --- runs and leases


def begin(ledger, **changes):
    values = {
        "scheduled_for": None,
        "correlation_id": "c1",
        "started_at": NOW,
        "process": {"pid": 7, "host": "h", "started": 1.5},
        **changes,
    }
    return ledger.runs.begin("morning_risk", {"shock": -0.05}, **values)


def test_a_run_is_begun_and_ends_once(ledger):
    run_id = begin(ledger)
    assert [run["id"] for run in ledger.runs.unfinished()] == [run_id]
    assert ledger.runs.unfinished()[0]["process"] == {"pid": 7, "host": "h", "started": 1.5}
    assert ledger.runs.finish(run_id, "failed", SOON, {"report": None}, "no bars")
    assert not ledger.runs.finish(run_id, "succeeded", SOON)
    run = ledger.runs.get(run_id)
    assert (run["status"], run["error"], run["finished_at"]) == ("failed", "no bars", SOON)
    assert run["parameters"] == {"shock": -0.05}
    assert ledger.runs.unfinished() == []
    with pytest.raises(ArgumentError, match="cannot end as 'done'"):
        ledger.runs.finish(run_id, "done", SOON)
    with pytest.raises(ArgumentError, match="no run 'x'"):
        ledger.runs.get("x")


def test_a_scheduled_time_of_a_pipeline_has_one_run(ledger):
    assert begin(ledger, scheduled_for=NOW) is not None
    assert begin(ledger, scheduled_for=NOW) is None
    assert ledger.runs.record_skipped("morning_risk", NOW, "late", SOON) is None
    assert ledger.runs.record_skipped("morning_risk", SOON, "late", SOON) is not None
    assert begin(ledger) is not None
    assert begin(ledger) is not None
    assert ledger.runs.last_scheduled("morning_risk") == SOON
    assert ledger.runs.last_scheduled("other") is None
    frame = ledger.runs.frame(pipeline="morning_risk")
    assert sorted(frame["status"]) == ["running", "running", "running", "skipped"]
    assert frame.loc[0, ["status", "error"]].tolist() == ["skipped", "late"]
    assert len(ledger.runs.frame(limit=2)) == 2
    assert ledger.runs.frame(pipeline="other").empty


def test_a_lease_has_one_holder_until_it_runs_out(ledger):
    assert ledger.leases.acquire("scheduler", "one", NOW, 10)
    assert not ledger.leases.acquire("scheduler", "two", NOW, 10)
    assert ledger.leases.acquire("scheduler", "one", NOW + timedelta(seconds=5), 10)
    assert not ledger.leases.acquire("scheduler", "two", NOW + timedelta(seconds=14), 10)
    assert ledger.leases.holder("scheduler", NOW) == "one"
    assert ledger.leases.acquire("scheduler", "two", NOW + timedelta(seconds=15), 10)
    ledger.leases.release("scheduler", "one")
    assert ledger.leases.holder("scheduler", NOW + timedelta(seconds=16)) == "two"
    assert ledger.leases.holder("scheduler", NOW + timedelta(seconds=25)) is None
    ledger.leases.release("scheduler", "two")
    assert ledger.leases.acquire("scheduler", "three", NOW, 1)


def test_of_many_who_reach_for_a_lease_or_a_scheduled_run_one_gets_it(ledger):
    leases, runs = [], []

    def reach(number):
        leases.append(ledger.leases.acquire("scheduler", f"holder {number}", NOW, 10))
        runs.append(begin(ledger, scheduled_for=NOW))

    threads = [threading.Thread(target=reach, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(leases) == [False] * 7 + [True]
    assert len([run for run in runs if run is not None]) == 1
    assert len(runs) == 8


# --- results and the audit


def test_the_same_result_is_saved_once_and_a_new_one_beside_it(ledger):
    first = ledger.backtests.save({"strategy": "sma", "sharpe": float("nan")}, key="k", recorded_at=NOW)
    assert (
        ledger.backtests.save({"strategy": "sma", "sharpe": float("nan")}, key="k", recorded_at=SOON) == first
    )
    second = ledger.backtests.save({"strategy": "sma", "sharpe": 1.25}, key="k", recorded_at=SOON)
    assert second != first
    ledger.backtests.save({"strategy": "ema", "sharpe": 0.5}, key="k2", recorded_at=SOON)
    assert ledger.backtests.latest() == {"strategy": "ema", "sharpe": 0.5}
    assert ledger.backtests.latest("sma") == {"strategy": "sma", "sharpe": 1.25}
    assert ledger.backtests.latest("none") is None
    assert ledger.backtests.frame()["strategy"].tolist() == ["ema", "sma", "sma"]


def test_the_audit_is_added_to_and_never_changed(ledger):
    for number in range(3):
        ledger.audit.append("load_bars", "ann", {"rows": number}, f"c{number}", NOW)
    assert [row["rows"] for row in ledger.audit.frame()["details"]] == [0, 1, 2]
    for statement in ("UPDATE audit SET actor = 'eve'", "DELETE FROM audit"):
        with (
            sqlite3.connect(ledger.path) as plain,
            pytest.raises(sqlite3.IntegrityError, match="never changed"),
        ):
            plain.execute(statement)
    assert len(ledger.audit.frame()) == 3


def test_values_in_an_error_are_not_repeated_in_its_text(ledger):
    from sqlalchemy import insert
    from sqlalchemy.exc import IntegrityError

    from workbench.store.models import inbox

    row = {"message_key": "k", "payload": {"secret": "hunter2"}, "received_at": NOW}
    with pytest.raises(IntegrityError) as caught, ledger._database.write() as connection:
        connection.execute(insert(inbox).values(**row))
        connection.execute(insert(inbox).values(**row))
    assert "hunter2" not in str(caught.value)
    assert ledger.inbox.frame().empty
