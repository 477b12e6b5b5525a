"""What a server's settings must be, who is on loopback, and what kernels inherit."""

import asyncio
import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from workbench.errors import ServerSettingsError
from workbench.server.assets import asset_urls, panel_scripts
from workbench.server.dashboards import keep_handed_out_kernels, prepare_environment
from workbench.server.doors import check_door, is_loopback
from workbench.server.lab import copy_notebooks
from workbench.server.listing import list_dashboards
from workbench.server.reports import find_report_file, report_runs
from workbench.server.shell import bare_page, page

NOTHING = {"token": None, "password_hash": None, "certificate": None, "private_key": None}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_addresses_of_this_machine_alone_are_loopback(host):
    assert is_loopback(host)
    check_door(host=host, **NOTHING)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.5", "desk.example", "127.0.0.1.example"])
def test_any_other_host_needs_tls_and_a_login(host, tmp_path):
    assert not is_loopback(host)
    with pytest.raises(ServerSettingsError, match=r"needs TLS .* and a login"):
        check_door(host=host, **NOTHING)
    with pytest.raises(ServerSettingsError, match="needs TLS"):
        check_door(host=host, **{**NOTHING, "password_hash": "argon2:x"})


def test_half_a_pair_of_tls_files_is_refused(tmp_path):
    with pytest.raises(ServerSettingsError, match=r"`server\.private_key` is not set"):
        check_door(host="127.0.0.1", **{**NOTHING, "certificate": tmp_path / "c.pem"})


def test_a_tls_file_that_is_missing_or_is_none_is_named(tmp_path):
    files = {"certificate": tmp_path / "c.pem", "private_key": tmp_path / "k.pem"}
    with pytest.raises(ServerSettingsError, match=r"c\.pem` does not exist"):
        check_door(host="127.0.0.1", **{**NOTHING, **files})
    for file in files.values():
        file.write_text("no certificate")
    with pytest.raises(ServerSettingsError, match="no certificate and its key"):
        check_door(host="127.0.0.1", **{**NOTHING, **files})


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(ServerSettingsError, match="shorter than 16"):
        check_door(host="127.0.0.1", **{**NOTHING, "token": "short"})


def test_kernels_inherit_desk_and_role_but_no_secret(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"WORKBENCH_SERVER__TOKEN": "s" * 20, "JUPYTER_PATH": "/elsewhere"})
    prepare_environment(tmp_path, role="viewer")
    assert os.environ["WORKBENCH_HOME"] == str(tmp_path)
    assert os.environ["WORKBENCH_ROLE"] == "viewer"
    assert "WORKBENCH_SERVER__TOKEN" not in os.environ
    assert os.environ["JUPYTER_PATH"].endswith(f"{os.pathsep}/elsewhere")
    prepare_environment(tmp_path, role="viewer")
    assert os.environ["JUPYTER_PATH"].count("jupyter") == 1


def test_a_kernel_kept_ready_counts_as_busy_from_when_it_is_handed_out():
    """Else culling ends it before its page has sent a first message."""
    kernel = SimpleNamespace(last_activity=datetime(2000, 1, 1, tzinfo=UTC))

    class Manager:
        async def get_rendered_notebook(self, name):
            return "task", [], name

        def get_kernel(self, kernel_id):
            return kernel

    manager = Manager()
    keep_handed_out_kernels(manager)
    assert asyncio.run(manager.get_rendered_notebook("id")) == ("task", [], "id")
    assert (datetime.now(UTC) - kernel.last_activity).total_seconds() < 5


def notebook(text: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": [text]}], "metadata": {}})


def test_a_users_notebook_is_never_overwritten(monkeypatch, tmp_path):
    curated = tmp_path / "curated"
    curated.mkdir()
    (curated / "01_start.ipynb").write_text(notebook("old"))
    monkeypatch.setattr("workbench.server.lab.project_folder", lambda name: curated)
    folder = copy_notebooks(tmp_path / "desk")
    assert (folder / "01_start.ipynb").read_text() == notebook("old")
    (folder / "01_start.ipynb").write_text(notebook("mine"))
    (curated / "01_start.ipynb").write_text(notebook("new"))
    copy_notebooks(tmp_path / "desk")
    assert (folder / "01_start.ipynb").read_text() == notebook("mine")
    assert (folder / "01_start.new.ipynb").read_text() == notebook("new")


def test_dashboards_are_listed_by_title_and_broken_ones_by_name(tmp_path):
    (tmp_path / "book.ipynb").write_text(
        json.dumps({"metadata": {"title": "Book", "description": "All of it"}})
    )
    (tmp_path / "delta_monitor.ipynb").write_text("not json")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "book.ipynb").write_text("{}")
    assert list_dashboards(tmp_path) == [
        ("book.ipynb", "Book", "All of it"),
        ("delta_monitor.ipynb", "Delta monitor", ""),
    ]


def test_pages_escape_what_they_are_given():
    assert "<i>" not in page("<i>", "", base_url="/", note="<i>", places=(("<i>", "<i>"),))
    assert "<i>" not in bare_page("<i>", "")


def test_runs_are_listed_newest_first_and_unfinished_ones_not(tmp_path):
    for name, time in (("one", 1_000), ("two", 2_000)):
        (tmp_path / "p" / name).mkdir(parents=True)
        (tmp_path / "p" / name / "report.html").write_text("x")
        (tmp_path / "p" / name / "report.xlsx").write_text("x")
        for file in (tmp_path / "p" / name).iterdir():
            os.utime(file, (time, time))
    (tmp_path / "p" / ".three").mkdir()
    (tmp_path / "p" / "empty").mkdir()
    runs = report_runs(tmp_path)
    assert [run.run_id for run in runs] == ["two", "one"]
    assert runs[0].files == ("report.html", "report.xlsx")
    assert runs[0].written_at == datetime.fromtimestamp(2_000, UTC)
    assert report_runs(tmp_path / "nothing") == []
    assert find_report_file(tmp_path, "p/one/report.html") == tmp_path / "p" / "one" / "report.html"
    assert find_report_file(tmp_path, "p/one/../../../etc/passwd") is None


def test_asset_addresses_carry_the_versions_of_what_they_serve():
    import bokeh
    import panel

    urls = asset_urls()
    assert panel.__version__ in urls["panel"] and bokeh.__version__ in urls["bokeh"]
    assert any("tabulator" in script for script in panel_scripts())
