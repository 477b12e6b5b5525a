"""The ingest_daily pipeline over a real socket: what came, what failed and why, and on a bad day as well."""

import pandas as pd
import pytest

from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.alpaca_world import fill
from workbench import Desk
from workbench.desk.schedule import next_fire, read_pipeline_settings
from workbench.security import variable_name
from workbench.settings import project_folder

WEEK = {"start": "2022-02-01", "symbols": ["AAPL"], "services": ["alpaca"], "kinds": ["bars"]}


@pytest.fixture(scope="module")
def alpaca():
    with AlpacaServer() as server:
        fill(server)
        yield server


@pytest.fixture
def desk(alpaca, tmp_path, monkeypatch):
    """A desk whose clock stands in the week of the server's world, with keys in the environment."""
    for name in ("DATA_URL", "TRADING_URL"):
        monkeypatch.setenv(f"WORKBENCH_SERVICES__ALPACA__{name}", alpaca.http_url)
    for name, value in KEYS.items():
        monkeypatch.setenv(variable_name("alpaca", name), value)
    monkeypatch.setenv("WORKBENCH_CLOCK__AS_OF", "2022-02-07")
    with Desk.open(tmp_path / "desk") as opened:
        yield opened


def test_a_good_day_fetches_what_is_missing_and_says_so(desk, alpaca):
    run = desk.run("ingest_daily", **WEEK)
    run.raise_if_failed()
    assert run.outputs["new"] == 5
    assert run.outputs["failed"] == []
    assert "5 new rows" in run.outputs["message"]
    page = (run.folder / "report.html").read_text()
    assert "Everything that was asked for came." in page
    again = desk.run("ingest_daily", **WEEK)
    assert again.outputs["new"] == 0
    assert "the desk held all of it" in (again.folder / "report.html").read_text()


def test_a_dead_service_makes_a_report_that_says_so(desk, monkeypatch):
    with AlpacaServer() as gone:
        monkeypatch.setenv("WORKBENCH_SERVICES__ALPACA__DATA_URL", gone.http_url)
    run = desk.run("ingest_daily", **WEEK)
    assert run.status == "succeeded"
    assert run.outputs["failed"] == ["alpaca"]
    assert "Not everything came: alpaca (unreachable)" in run.outputs["message"]
    text = (run.folder / "report.html").read_text() + (run.folder / "notebook.ipynb").read_text()
    assert "unreachable" in text
    assert KEYS["secret_key"] not in text


def test_a_desk_that_watches_nothing_is_told_what_to_do(desk, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(variable_name("alpaca", name))
    run = desk.run("ingest_daily")
    assert run.status == "succeeded"
    assert "workbench connect" in run.outputs["message"]


def test_it_runs_half_an_hour_after_each_close():
    """The Friday after Thanksgiving ends at 13:00 in New York, 18:00 UTC."""
    settings = read_pipeline_settings(project_folder("pipelines") / "ingest_daily.toml")
    fires = next_fire(settings.schedule, pd.Timestamp("2026-11-26 12:00", tz="UTC"))
    assert fires == pd.Timestamp("2026-11-27 18:30", tz="UTC")
