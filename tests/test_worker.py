"""Workers as real processes on a real ledger: one acts, every run happens once, none is left as running."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.desk.jobs import this_process
from workbench.desk.schedule import Schedule, missed_fires
from workbench.settings import project_folder
from workbench.store import Ledger
from workbench.worker import SessionTrigger, Timing, run_worker

TIMING = "Timing(lease=3.0, heartbeat=0.5, outbox=1.0, watch=0.2, sweep=1.0, patience=2.0)"
PROGRAM = f"""
import sys
from workbench.worker import Timing, run_worker
run_worker(sys.argv[1], timing={TIMING})
"""
ONCE = "[schedule]\nafter_close = '1s'\non_missed = 'once'"
SKIP = "[schedule]\nafter_close = '1s'\non_missed = 'skip'"
BEGINNING = "the test begins here"
QUICK = "print('ran')"


class Home:
    """A desk's folder with pipelines of its own, and the workers started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(folder / "ledger.sqlite")
        self.workers: list[subprocess.Popen[bytes]] = []

    def add(self, name: str, code: str, settings: str, *, last_run_days_ago: float | None = 12) -> None:
        """Add a pipeline; unless told otherwise it ran twelve days ago last, so that it has missed some."""
        (self.folder / "pipelines").mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), self.folder / "pipelines" / f"{name}.ipynb")
        (self.folder / "pipelines" / f"{name}.toml").write_text(settings)
        if last_run_days_ago is not None:
            past = datetime.now(UTC) - timedelta(days=last_run_days_ago)
            self.ledger.runs.record_skipped(name, past, BEGINNING, past)

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", PROGRAM, str(self.folder)]
        with (self.folder / "worker-errors.txt").open("ab") as errors:
            worker = subprocess.Popen(command, stderr=errors)
        self.workers.append(worker)
        return worker

    def rows(self, name: str) -> list[dict]:
        ids = self.ledger.runs.frame(limit=None, pipeline=name)["id"]
        rows = [row for row in map(self.ledger.runs.get, ids) if row["error"] != BEGINNING]
        return sorted(rows, key=lambda row: row["scheduled_for"])

    def wait(self, found, what: str, seconds: float = 40.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.1)
        log = self.folder / "logs" / "workbench.jsonl"
        told = log.read_text()[-3000:] if log.exists() else ""
        errors = (self.folder / "worker-errors.txt").read_text()
        raise AssertionError(f"no {what} in {seconds} s; log: {told}; errors: {errors}")

    def wait_for_status(self, name: str, status: str, seconds: float = 40.0) -> dict:
        def found():
            return next((row for row in self.rows(name) if row["status"] == status), None)

        return self.wait(found, f"run of {name} that {status}", seconds)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.ledger.close()


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    for own in project_folder("pipelines").glob("*.ipynb"):
        # A notebook of the desk's own takes the place of the project's, and these have no schedule.
        made.add(own.stem, QUICK, "", last_run_days_ago=None)
    yield made
    made.close()


def missed_since(days: float) -> list[pd.Timestamp]:
    now = pd.Timestamp.now("UTC")
    return missed_fires(Schedule(after_close="1s"), now - pd.Timedelta(days=days), now)


def test_what_was_missed_is_made_up_for_once_and_the_rest_is_recorded_as_skipped(home):
    home.add("report", QUICK, ONCE)
    run_worker(home.folder, once=True, timing=Timing(watch=0.1))
    *skipped, made = home.rows("report")
    expected = missed_since(12)
    assert [row["scheduled_for"] for row in (*skipped, made)] == [fire.to_pydatetime() for fire in expected]
    assert {row["status"] for row in skipped} == {"skipped"}
    assert "no worker ran; `on_missed` is once" in skipped[0]["error"]
    assert (made["status"], made["error"]) == ("succeeded", None)
    assert (home.folder / "reports" / "report" / made["id"] / "notebook.ipynb").exists()
    run_worker(home.folder, once=True)
    assert len(home.rows("report")) == len(expected)


def test_a_pipeline_that_skips_what_it_missed_runs_nothing(home):
    home.add("report", QUICK, SKIP)
    run_worker(home.folder, once=True)
    assert {row["status"] for row in home.rows("report")} == {"skipped"}
    assert len(home.rows("report")) == len(missed_since(12))


def test_a_new_schedule_runs_nothing_of_the_past_but_leaves_a_mark_to_count_from(home):
    home.add("report", QUICK, ONCE, last_run_days_ago=None)
    run_worker(home.folder, once=True)
    (row,) = home.rows("report")
    assert (row["status"], row["error"]) == ("skipped", "Before this desk's first worker.")
    assert row["scheduled_for"] == missed_since(12)[-1].to_pydatetime()


def test_a_failing_run_is_failed_and_its_alert_is_delivered(home):
    home.add("report", "1 / 0", ONCE)
    run_worker(home.folder, once=True, timing=Timing(watch=0.1))
    row = home.rows("report")[-1]
    assert row["status"] == "failed"
    assert "ZeroDivisionError: division by zero" in row["error"]
    assert home.ledger.alerts.frame()["title"].tolist() == ["Pipeline report failed"]
    assert set(home.ledger.outbox.frame()["state"]) == {"delivered"}
    assert len(list((home.folder / "alerts").glob("*.json"))) == 1


def test_an_unusable_schedule_is_told_by_one_alert_and_the_others_are_kept(home):
    home.add("bad", QUICK, "[schedule]\nbefore_open = 'soon'")
    home.add("report", QUICK, SKIP)
    for _ in range(2):
        run_worker(home.folder, once=True)
    assert len(home.rows("report")) == len(missed_since(12))
    assert home.rows("bad") == []
    assert home.ledger.alerts.frame()["title"].tolist() == ["The schedule of bad cannot be used"]
    assert set(home.ledger.outbox.frame()["state"]) == {"delivered"}


def test_once_does_nothing_while_another_worker_acts(home):
    home.add("report", QUICK, ONCE)
    home.ledger.leases.acquire("worker", "another", datetime.now(UTC), 60)
    run_worker(home.folder, once=True)
    assert home.rows("report") == []


def test_an_overdue_run_that_a_dead_worker_left_behind_is_ended(home):
    home.add("report", QUICK, "time_limit = '5s'\n" + SKIP)
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    process = {**this_process(), "pid": left.pid, "started": psutil.Process(left.pid).create_time()}
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    options = {"correlation_id": "c", "started_at": long_ago, "process": process}
    watched = home.ledger.runs.begin("report", {}, scheduled_for=long_ago, **options)
    by_hand = home.ledger.runs.begin("report", {}, **options)
    run_worker(home.folder, once=True)
    assert left.wait(5) == -signal.SIGKILL
    assert home.ledger.runs.get(watched)["status"] == "timed_out"
    # A person's own run may live in a kernel that holds other work, so no worker ends it.
    assert home.ledger.runs.get(by_hand)["status"] in {"running", "interrupted"}


def test_the_trigger_fires_by_sessions():
    trigger = SessionTrigger(Schedule(before_open="35m"))
    first = trigger.get_next_fire_time(None, datetime(2026, 11, 25, 20, tzinfo=UTC))
    assert first == datetime(2026, 11, 27, 13, 55, tzinfo=UTC)
    assert trigger.get_next_fire_time(first, first) == datetime(2026, 11, 30, 13, 55, tzinfo=UTC)


def test_two_workers_make_one_run_and_stop_cleanly_when_asked(home):
    home.add("report", QUICK, ONCE)
    workers = [home.start(), home.start()]
    home.wait_for_status("report", "succeeded")
    time.sleep(2)
    statuses = [row["status"] for row in home.rows("report")]
    assert statuses.count("succeeded") == 1
    assert set(statuses) == {"succeeded", "skipped"}
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(15) for worker in workers] == [0, 0]
    assert home.ledger.leases.holder("worker", datetime.now(UTC)) is None
    assert home.ledger.runs.unfinished() == []


def alive_below(folder: Path) -> list[int]:
    """Return the processes that work for a desk's folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.pid != os.getpid() and any(str(folder) in part for part in process.info["cmdline"] or []):
            found.append(process.pid)
    return found


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_is_neither_lost_nor_doubled(home):
    home.add("report", "import time; time.sleep(6)", ONCE)
    first = home.start()
    row = home.wait_for_status("report", "running")
    second = home.start()
    first.kill()
    first.wait()
    home.wait(
        lambda: (
            (home.ledger.leases.holder("worker", datetime.now(UTC)) or "").split(":")[1:2]
            == [str(second.pid)]
        ),
        "takeover",
        15,
    )
    home.wait_for_status("report", "succeeded")
    assert [each["id"] for each in home.rows("report") if each["status"] == "succeeded"] == [row["id"]]
    assert {each["status"] for each in home.rows("report")} == {"succeeded", "skipped"}


@pytest.mark.slow
def test_a_run_whose_process_is_killed_is_interrupted_with_an_alert(home):
    home.add("report", "import time; time.sleep(60)", ONCE)
    home.start()
    row = home.wait_for_status("report", "running")
    psutil.Process(row["process"]["pid"]).kill()
    row = home.wait_for_status("report", "interrupted", 15)
    assert home.ledger.alerts.frame()["title"].tolist() == ["Pipeline report was interrupted"]
    home.wait(lambda: set(home.ledger.outbox.frame()["state"]) == {"delivered"}, "delivery", 10)


@pytest.mark.slow
def test_a_run_that_cannot_keep_its_own_limit_is_killed_with_all_it_started(home):
    # The kernel stops its parent, which then cannot look at its clock any more.
    stop = "import os, signal, time; os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)"
    home.add("report", stop, "time_limit = '20s'\n" + ONCE)
    home.start()
    row = home.wait_for_status("report", "running")
    kernel = home.wait(lambda: psutil.Process(row["process"]["pid"]).children(recursive=True), "kernel", 20)
    ended = home.wait_for_status("report", "timed_out", 60)
    assert "did not answer after its time limit of 20 s and was killed" in ended["error"]
    home.wait(lambda: not any(process.is_running() for process in kernel), "end of the kernel", 5)
    assert home.ledger.alerts.frame()["title"].tolist() == ["Pipeline report ran out of time"]


@pytest.mark.slow
def test_a_stopped_worker_marks_the_run_that_it_stops(home):
    home.add("report", "import time; time.sleep(60)", ONCE)
    worker = home.start()
    home.wait_for_status("report", "running")
    time.sleep(3)
    worker.terminate()
    assert worker.wait(20) == 0
    row = home.rows("report")[-1]
    assert row["status"] == "interrupted"
    home.wait(lambda: alive_below(home.folder) == [], "end of all processes", 5)


@pytest.mark.slow
def test_a_process_that_ends_before_its_run_begins_leaves_a_failed_run(home):
    home.add("report", QUICK, ONCE)
    (home.folder / "pipelines" / "report.ipynb").write_text("{broken")
    home.start()
    row = home.wait_for_status("report", "failed")
    assert "is not a notebook that can be read" in row["error"]
    log = home.folder / "logs" / "workbench.jsonl"

    def events() -> set[str]:
        return {json.loads(line)["event"] for line in log.read_text().splitlines()}

    home.wait(lambda: "run_ended" in events(), "log line", 10)
