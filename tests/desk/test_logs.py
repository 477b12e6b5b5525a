"""Log lines of many processes in one file: whole, redacted, joined by a correlation id."""

import json
import logging
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from workbench.desk import logs


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch):
    """Give each test a process that has not configured its log, and take the test's own away after."""
    monkeypatch.setattr(logs, "_sink", logs._Sink())
    token = logs._correlation.set(None)
    monkeypatch.setenv(logs.CORRELATION_VARIABLE, "")
    yield
    logs._correlation.reset(token)


def lines_of(home):
    paths = sorted((home / "logs").glob("workbench.jsonl*"))
    return [
        json.loads(line) for path in paths if path.suffix != ".lock" for line in path.read_text().splitlines()
    ]


def test_an_event_is_one_json_line_with_time_level_name_and_correlation_id(tmp_path):
    logs.configure_logging(tmp_path)
    chosen = logs.bind_correlation_id("morning-1")
    logs.get_logger("ingest", table="daily_bars").info("rows_loaded", new=3, text="two\nlines")
    (line,) = lines_of(tmp_path)
    assert line["event"] == "rows_loaded"
    assert (line["logger"], line["level"], line["table"], line["new"]) == ("ingest", "INFO", "daily_bars", 3)
    assert line["text"] == "two\nlines"
    assert line["correlation_id"] == chosen == "morning-1"
    assert line["process"] == os.getpid()
    assert line["time"].endswith("+00:00")


def test_nothing_is_written_or_printed_until_a_desk_is_there(capfd):
    logs.get_logger("early").error("lost", reason="no desk")
    assert capfd.readouterr() == ("", "")


def test_levels_below_the_desks_own_are_dropped(tmp_path):
    logs.configure_logging(tmp_path, "WARNING")
    log = logs.get_logger("a")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    assert [line["event"] for line in lines_of(tmp_path)] == ["warning", "error"]


def test_secrets_never_reach_the_file(tmp_path):
    logs.configure_logging(tmp_path)
    log = logs.get_logger("door")
    log.info("opened ?token=CANARY1", password="CANARY2", address="http://u:CANARY3@host/")
    try:
        raise ValueError("api_key=CANARY4")
    except ValueError:
        log.exception("refused", headers={"Authorization": "Bearer CANARY5"})
    logging.getLogger("other").error("secret=%s", "CANARY6")
    text = (tmp_path / "logs" / logs.LOG_FILE).read_text()
    assert len(text.splitlines()) == 3
    assert "CANARY" not in text


def test_an_exception_is_kept_with_its_traceback(tmp_path):
    logs.configure_logging(tmp_path)
    try:
        raise KeyError("SPY")
    except KeyError as error:
        logs.get_logger("a").exception("failed")
        logs.get_logger("a").error("failed", exc_info=error)
    for line in lines_of(tmp_path):
        assert line["error"] == "KeyError: 'SPY'"
        assert "test_logs.py" in line["traceback"]


def test_values_that_are_no_json_are_written_as_text(tmp_path):
    logs.configure_logging(tmp_path)
    logs.get_logger("a").info(
        "odd", path=tmp_path, items={3}, share=float("nan"), rows=np.int64(7), what=object
    )
    (line,) = lines_of(tmp_path)
    assert line["path"] == str(tmp_path)
    assert line["items"] == [3]
    assert line["share"] == "NaN"
    assert line["rows"] == 7


def test_pythons_own_log_joins_ours_from_warning_upwards(tmp_path):
    logs.configure_logging(tmp_path)
    logging.getLogger("apscheduler").warning("job %s missed", "x")
    logging.getLogger("apscheduler").info("noise")
    broken = logging.LogRecord("broken", logging.WARNING, "f.py", 1, "%d", ("no number",), None)
    logs._handler.emit(broken)
    assert [(line["logger"], line["event"]) for line in lines_of(tmp_path)] == [
        ("apscheduler", "job x missed"),
        ("broken", "%d"),
    ]


def test_a_log_that_cannot_be_written_never_stops_the_desk(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    logs.configure_logging(tmp_path)
    logs.get_logger("a").info("dropped")


def test_the_correlation_id_holds_in_threads_and_child_processes(tmp_path):
    logs.configure_logging(tmp_path)
    bound = logs.bind_correlation_id()
    assert len(bound) == 32
    seen = []
    thread = threading.Thread(target=lambda: seen.append(logs.correlation_id()))
    thread.start()
    thread.join()
    child = "from workbench.desk.logs import *; configure_logging(r'%s'); get_logger('child').info('hello')"
    subprocess.run([sys.executable, "-c", child % tmp_path], check=True)
    assert seen == [bound]
    assert lines_of(tmp_path)[0]["correlation_id"] == bound
    assert logs.child_environment()[logs.CORRELATION_VARIABLE] == bound


def test_two_threads_may_work_under_two_ids(tmp_path):
    logs.configure_logging(tmp_path)
    both = threading.Barrier(2)

    def work(name):
        logs.bind_correlation_id(name)
        both.wait()
        logs.get_logger("job").info(name)
        assert logs.child_environment()[logs.CORRELATION_VARIABLE] == name

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(line["correlation_id"] == line["event"] for line in lines_of(tmp_path))


def test_an_id_from_outside_is_made_plain(monkeypatch):
    assert logs.bind_correlation_id("a/../b\n<c>" + "x" * 100) == "a..bc" + "x" * 59
    monkeypatch.setenv(logs.CORRELATION_VARIABLE, "from-the-parent")
    logs._correlation.set(None)
    assert logs.correlation_id() == "from-the-parent"


WRITER = """
import sys
from pathlib import Path
from workbench.desk import logs
logs._sink.file = logs.LogFile(Path(sys.argv[1]) / "logs" / logs.LOG_FILE, largest=40_000, kept=50)
log = logs.get_logger("writer")
for number in range(300):
    log.info("line", writer=sys.argv[2], number=number, padding="x" * 200)
"""


def test_lines_of_several_processes_stay_whole_while_the_file_turns_over(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    found = {(line["writer"], line["number"]) for line in lines_of(tmp_path)}
    assert found == {(str(writer), number) for writer in range(4) for number in range(300)}
    assert len(list((tmp_path / "logs").glob("workbench.jsonl.*"))) > 3


def test_only_the_newest_files_are_kept(tmp_path):
    file = logs.LogFile(tmp_path / "logs" / "a.jsonl", largest=100, kept=3)
    for number in range(50):
        file.append(json.dumps({"number": number, "padding": "x" * 90}))
    kept = sorted(path.name for path in (tmp_path / "logs").iterdir() if not path.name.endswith(".lock"))
    assert kept == ["a.jsonl.1", "a.jsonl.2", "a.jsonl.3"]
    assert '"number": 49' in (tmp_path / "logs" / "a.jsonl.1").read_text()


def test_the_path_of_one_command_is_found_by_its_id_with_duckdb(tmp_path):
    import duckdb

    logs.configure_logging(tmp_path)
    for name in ("command-1", "command-2"):
        logs.bind_correlation_id(name)
        logs.get_logger("desk").info("loaded", rows=3)
        logs.get_logger("outbox").warning("message_not_delivered", message="m1", share=float("nan"))
    path = str(tmp_path / "logs" / logs.LOG_FILE)
    found = duckdb.sql(
        "select logger, event from read_json(?, format='newline_delimited') where correlation_id = ?",
        params=[path, "command-2"],
    ).fetchall()
    assert found == [("desk", "loaded"), ("outbox", "message_not_delivered")]
