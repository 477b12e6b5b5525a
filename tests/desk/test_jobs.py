"""Pipeline runs on real kernels and a real ledger: whatever happens, the ledger says so."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.channels import FileChannel, InboxChannel
from workbench.desk.jobs import (
    find_pipeline,
    find_pipelines,
    is_running,
    mark_interrupted,
    run_pipeline,
    this_process,
)
from workbench.errors import ArgumentError, PipelineError, UnknownPipelineError
from workbench.settings import DeskSettings
from workbench.store import Ledger

GOOD = """
import json, pathlib
folder = pathlib.Path(output_folder)
(folder / "report.html").write_text("<h1>ok</h1>")
outputs = {"message": "All is well", "as_of_text": as_of, "pnl": 12.5, "files": {"report": "report.html"}}
(folder / "outputs.json").write_text(json.dumps(outputs))
"""
PLANNED = datetime(2026, 11, 20, 13, 55, tzinfo=UTC)


class Home:
    """A desk's folder with its ledger and channels, and pipelines of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(folder / "ledger.sqlite")
        self.settings = DeskSettings()
        inbox = InboxChannel(lambda key, payload: self.ledger.inbox.put(key, payload, datetime.now(UTC)))
        self.channels = {"file": FileChannel(folder / "alerts"), "inbox": inbox}

    def add(self, name: str, *cells: str, settings: str = "") -> None:
        (self.folder / "pipelines").mkdir(exist_ok=True)
        tagged = new_code_cell(
            "home = None\noutput_folder = None\nrun_id = None\nas_of = None",
            metadata={"tags": ["parameters"]},
        )
        parts = [new_markdown_cell(f"# {name}?"), tagged, *map(new_code_cell, cells)]
        nbformat.write(new_notebook(cells=parts), self.folder / "pipelines" / f"{name}.ipynb")
        (self.folder / "pipelines" / f"{name}.toml").write_text(settings)

    def run(self, name: str, parameters=None, **options):
        return run_pipeline(
            self.ledger, self.folder, self.settings, name, parameters, channels=self.channels, **options
        )


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.ledger.close()


def test_a_good_run_publishes_its_folder_and_tells_its_outputs(home):
    home.add("good", GOOD)
    run = home.run("good", {"as_of": "2013-03-01"})
    assert run.status == "succeeded", run.error
    assert run.error is None
    assert run.outputs["message"] == "All is well"
    assert run.outputs["pnl"] == 12.5
    assert Path(run.outputs["report"]).read_text() == "<h1>ok</h1>"
    assert Path(run.outputs["notebook"]) == home.folder / "reports" / "good" / run.id / "notebook.ipynb"
    row = home.ledger.runs.get(run.id)
    assert (row["status"], row["outputs"], row["error"]) == ("succeeded", run.outputs, None)
    assert row["parameters"] == {"as_of": "2013-03-01"}
    assert [path.name for path in (home.folder / "reports" / "good").iterdir()] == [run.id]
    assert "All is well" in (home.folder / "reports" / "index.html").read_text()
    assert home.ledger.alerts.frame().empty
    run.raise_if_failed()


def test_a_failed_run_is_marked_keeps_its_partial_notebook_and_raises_one_alert(home):
    home.add("bad", "print('reached')", "raise ValueError('no <quotes> today')")
    run = home.run("bad")
    assert run.status == "failed"
    assert run.error.startswith("`bad` failed in the cell `raise ValueError('no <quotes> today')`")
    assert run.error.endswith("with ValueError: no <quotes> today")
    kept = nbformat.read(run.outputs["notebook"], as_version=4)
    assert "reached" in str(kept.cells)
    assert home.ledger.runs.get(run.id)["status"] == "failed"
    alerts = home.ledger.alerts.frame()
    assert alerts["title"].tolist() == ["Pipeline bad failed"]
    assert alerts["severity"].tolist() == ["critical"]
    assert home.ledger.outbox.frame()["state"].tolist() == ["delivered", "delivered"]
    (message,) = (home.folder / "alerts").glob("*.json")
    assert json.loads(message.read_text())["facts"]["run_id"] == run.id
    assert len(home.ledger.inbox.frame()) == 1
    index = (home.folder / "reports" / "index.html").read_text()
    assert "no &lt;quotes&gt; today" in index
    assert "<quotes>" not in index
    with pytest.raises(PipelineError, match="no <quotes> today"):
        run.raise_if_failed()


def test_an_error_in_an_imported_module_is_a_failure_too(home):
    (home.folder / "broken_module.py").write_text("import does_not_exist_anywhere")
    home.add("imports", f"import sys; sys.path.insert(0, {str(home.folder)!r})\nimport broken_module")
    run = home.run("imports")
    assert run.status == "failed"
    assert "ModuleNotFoundError: No module named 'does_not_exist_anywhere'" in run.error


def test_a_run_past_its_time_limit_says_timed_out(home):
    home.add("slow", "import time; time.sleep(60)", settings="time_limit = '4s'")
    started = time.monotonic()
    run = home.run("slow")
    assert time.monotonic() - started < 15
    assert run.status == "timed_out"
    assert "time limit of 4 s" in run.error or "ended at its time limit" in run.error
    assert home.ledger.alerts.frame()["title"].tolist() == ["Pipeline slow ran out of time"]


def test_only_a_scheduled_run_is_tried_again_and_each_attempt_is_kept(home):
    flaky = (
        "import pathlib\nmark = pathlib.Path(home) / 'mark'\nseen = mark.exists()\nmark.touch()\nassert seen"
    )
    home.add("flaky", flaky, settings="retries = 1\nretry_wait = '1s'")
    run = home.run("flaky", scheduled_for=PLANNED)
    assert run.status == "succeeded", run.error
    assert (run.folder / "attempt_1.ipynb").exists()
    assert json.loads((run.folder / "run.json").read_text())["attempts"] == 2
    (home.folder / "mark").unlink()
    assert home.run("flaky").status == "failed"


def test_a_scheduled_time_has_one_run(home):
    home.add("good", GOOD)
    run = home.run("good", {"as_of": "x"}, scheduled_for=PLANNED.isoformat())
    with pytest.raises(PipelineError, match="has a run already"):
        home.run("good", scheduled_for=PLANNED)
    assert home.ledger.runs.get(run.id)["scheduled_for"] == PLANNED
    assert len(home.ledger.runs.frame()) == 1


def test_an_unknown_pipeline_names_the_nearest(home):
    home.add("evening_book", "1")
    with pytest.raises(UnknownPipelineError, match=r"no pipeline 'evening_bok'.*evening_book"):
        home.run("evening_bok")
    assert home.ledger.runs.frame().empty


def test_wrong_parameters_and_secrets_begin_no_run(home):
    home.add("good", GOOD)
    with pytest.raises(ArgumentError, match="no parameter `asof`"):
        home.run("good", {"asof": "2013-03-01"})
    with pytest.raises(ArgumentError, match="looks like a secret"):
        home.run("good", {"api_token": "x"})
    with pytest.raises(ArgumentError, match="`run_id` is given by the run itself"):
        home.run("good", {"run_id": "mine"})
    with pytest.raises(ArgumentError, match="`scheduled_for` is 'soon'"):
        home.run("good", scheduled_for="soon")
    assert home.ledger.runs.frame().empty
    assert not (home.folder / "reports").exists()


def test_ctrl_c_is_recorded_and_goes_on_to_the_caller(home):
    home.add("good", GOOD)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.run("good", on_progress=stop)
    (row,) = home.ledger.runs.frame().to_dict("records")
    assert row["status"] == "interrupted"
    assert home.ledger.runs.unfinished() == []


def begin(home, process, pipeline="gone"):
    return home.ledger.runs.begin(
        pipeline, {}, correlation_id="c", started_at=datetime.now(UTC), process=process
    )


def dead_process():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    import psutil

    process = {**this_process(), "pid": child.pid, "started": psutil.Process(child.pid).create_time()}
    child.kill()
    child.wait()
    return process


def test_a_run_whose_process_was_killed_is_marked_interrupted_once_with_what_it_left(home):
    run_id = begin(home, dead_process())
    left = home.folder / "reports" / "gone" / f".{run_id}.partial"
    left.mkdir(parents=True)
    (left / "notebook.ipynb").write_text("{}")
    assert mark_interrupted(home.ledger, home.folder, home.settings, channels=home.channels) == [run_id]
    assert mark_interrupted(home.ledger, home.folder, home.settings, channels=home.channels) == []
    row = home.ledger.runs.get(run_id)
    assert row["status"] == "interrupted"
    assert Path(row["outputs"]["notebook"]).exists()
    assert home.ledger.alerts.frame()["title"].tolist() == ["Pipeline gone was interrupted"]


def test_a_run_that_published_before_its_process_ended_keeps_its_result(home):
    run_id = begin(home, dead_process())
    folder = home.folder / "reports" / "gone" / run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"status": "succeeded", "error": null}')
    (folder / "outputs.json").write_text('{"message": "done"}')
    mark_interrupted(home.ledger, home.folder, home.settings, channels=home.channels)
    row = home.ledger.runs.get(run_id)
    assert (row["status"], row["outputs"]) == ("succeeded", {"message": "done"})
    assert home.ledger.alerts.frame().empty


def test_a_run_that_still_runs_or_runs_elsewhere_is_left_alone(home):
    begin(home, this_process())
    begin(home, {**this_process(), "host": "another-machine"}, pipeline="elsewhere")
    assert mark_interrupted(home.ledger, home.folder, home.settings, channels=home.channels) == []
    assert len(home.ledger.runs.unfinished()) == 2


def test_a_process_number_used_again_is_not_the_same_process():
    assert is_running(this_process()) is True
    assert is_running({**this_process(), "started": this_process()["started"] - 60}) is False
    assert is_running({**this_process(), "host": "another-machine"}) is None
    assert is_running({}) is None


def test_the_desks_own_pipelines_stand_beside_the_projects(home):
    assert "evening_book" not in find_pipelines(home.folder)
    home.add("evening_book", "1", settings="[schedule]\nafter_close = '30m'")
    assert "evening_book" in find_pipelines(home.folder)
    assert (
        find_pipeline(home.folder, "evening_book").settings.schedule.text == "30 min after the close of XNYS"
    )


def test_the_correlation_id_reaches_the_ledger_and_the_kernel(home):
    from workbench.desk.logs import bind_correlation_id

    bind_correlation_id("from-the-command")
    home.add("tells", "import os; print(os.environ['WORKBENCH_CORRELATION_ID'])")
    run = home.run("tells")
    assert home.ledger.runs.get(run.id)["correlation_id"] == "from-the-command"
    assert "from-the-command" in Path(run.outputs["notebook"]).read_text()


def test_a_pipeline_can_be_run_from_inside_a_notebook(home):
    """A kernel's main thread has an event loop of its own, which the run's must not disturb."""
    home.add("good", GOOD)
    ask = f"""
from pathlib import Path
from workbench.desk.jobs import run_pipeline
from workbench.settings import DeskSettings
from workbench.store import Ledger
home = Path({str(home.folder)!r})
with Ledger.open(home / "ledger.sqlite") as ledger:
    run = run_pipeline(ledger, home, DeskSettings(), "good", channels={{}})
assert run.status == "succeeded", run.error
"""
    home.add("outer", ask)
    outer = home.run("outer")
    assert outer.error is None
    assert home.ledger.runs.frame()["status"].tolist() == ["succeeded", "succeeded"]
