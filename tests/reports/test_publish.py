"""Publishing: a reader sees a whole folder or none, and the page that lists them is safe to open."""

import errno
import json
import os
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from workbench.errors import StorageFullError
from workbench.reports.morning_risk import write_morning_risk
from workbench.reports.publish import (
    publish_folder,
    read_json,
    run_folder,
    staging_folder,
    write_atomically,
    write_index,
    write_json,
)


def make_run(reports, run_id, *, pipeline="morning_risk", **values):
    staging = staging_folder(reports, pipeline, run_id)
    staging.mkdir(parents=True)
    (staging / "report.html").write_text("<h1>report</h1>")
    run = {
        "id": run_id,
        "status": "succeeded",
        "error": None,
        "started_at": "2026-11-20T13:55:00+00:00",
        **values,
    }
    write_json(staging / "run.json", run)
    return staging


def test_a_folder_appears_whole_under_its_final_name(tmp_path):
    staging = make_run(tmp_path, "r1")
    assert staging.name.startswith(".")
    folder = publish_folder(staging, run_folder(tmp_path, "morning_risk", "r1"))
    assert (folder / "report.html").read_text() == "<h1>report</h1>"
    assert not staging.exists()


def test_publishing_again_changes_nothing(tmp_path):
    folder = publish_folder(make_run(tmp_path, "r1"), run_folder(tmp_path, "morning_risk", "r1"))
    before = folder.stat().st_mtime_ns
    publish_folder(staging_folder(tmp_path, "morning_risk", "r1"), folder)
    assert folder.stat().st_mtime_ns == before


def test_the_index_lists_published_runs_newest_first_and_no_unfinished_one(tmp_path):
    for number in range(3):
        run_id = f"r{number}"
        staging = make_run(tmp_path, run_id, started_at=f"2026-11-2{number}T13:55:00+00:00")
        write_json(staging / "outputs.json", {"message": f"Message {number}", "as_of_text": "Fri"})
        if number < 2:
            publish_folder(staging, run_folder(tmp_path, "morning_risk", run_id))
    page = write_index(tmp_path).read_text()
    assert page.index("Message 1") < page.index("Message 0")
    assert "Message 2" not in page
    assert 'href="morning_risk/r1/report.html"' in page


def test_what_stands_in_the_index_is_escaped(tmp_path):
    attack = "<script>alert(1)</script>"
    staging = make_run(tmp_path, "r<i>1", status=attack, error=attack)
    publish_folder(staging, run_folder(tmp_path, "morning_risk", "r<i>1"))
    page = write_index(tmp_path).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'href="morning_risk/r%3Ci%3E1/report.html"' in page


def test_an_index_without_reports_says_how_to_make_one(tmp_path):
    assert "No reports yet. Run one:" in write_index(tmp_path / "reports").read_text()


def test_runs_that_end_together_are_all_listed(tmp_path):
    def one(number):
        staging = make_run(tmp_path, f"r{number}")
        publish_folder(staging, run_folder(tmp_path, "morning_risk", f"r{number}"))
        write_index(tmp_path)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = (tmp_path / "index.html").read_text()
    assert all(f"morning_risk/r{number}/report.html" in page for number in range(8))


def test_json_holds_numbers_times_and_null_for_what_is_missing(tmp_path):
    path = write_json(
        tmp_path / "a.json",
        {
            "a": np.float64(1.5),
            "b": np.nan,
            "c": datetime(2026, 1, 2, tzinfo=UTC),
            "d": [np.int64(3), None, True],
        },
    )
    assert json.loads(path.read_text()) == {
        "a": 1.5,
        "b": None,
        "c": "2026-01-02T00:00:00+00:00",
        "d": [3, None, True],
    }


def test_a_json_file_cut_short_reads_as_empty(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    assert read_json(tmp_path / "a.json") == {}
    assert read_json(tmp_path / "none.json") == {}


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "a.txt", "old")

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match=r"no room for .*a\.txt"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_the_report_writes_its_three_files_and_tells_its_figures(morning_risk, tmp_path):
    outputs = write_morning_risk(morning_risk, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "outputs.json",
        "report.html",
        "report.xlsx",
    ]
    assert read_json(tmp_path / "out" / "outputs.json") == outputs
    assert outputs["message"] == morning_risk.message
    assert outputs["as_of"] == "2013-03-01"
    for name in (
        "book_value",
        "pnl",
        "day_pnl",
        "dollar_delta",
        "value_at_risk",
        "expected_shortfall",
        "worst_pnl",
    ):
        assert outputs[name] == getattr(morning_risk.headline, name)
