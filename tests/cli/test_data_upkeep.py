"""`workbench data`: what is held, what is missing, and how it is kept small."""

import pytest
from click.testing import CliRunner

from workbench.cli.main import main


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A desk with a month of one share: January 2013 has 21 sessions."""
    folder = tmp_path_factory.mktemp("upkeep") / "desk"
    run(folder, "ingest", "sample", "IBM", "--start", "2013-01-02", "--end", "2013-01-31")
    return folder


def run(home, *arguments, status=0):
    result = CliRunner().invoke(main, [*arguments, "--home", str(home)])
    assert result.exit_code == status, result.output
    return result.output


def test_status_counts_sessions_and_names_every_service(home):
    shown = run(home, "data", "status")
    line = next(line for line in shown.splitlines() if line.strip().startswith("IBM"))
    assert "2013-01-02" in line
    assert "2013-01-31" in line
    assert " 21 " in line
    for service in ("alpaca", "polygon", "zerodha", "benzinga"):
        assert service in shown


def test_gaps_are_runs_of_sessions(home):
    """The first week of February is missing: four sessions from Friday the 1st to Wednesday the 6th."""
    shown = run(home, "data", "gaps", "IBM", "--start", "2013-01-02", "--end", "2013-02-06")
    line = next(line for line in shown.splitlines() if line.strip().startswith("IBM"))
    assert "2013-02-01" in line
    assert "2013-02-06" in line
    assert " 4 " in line
    assert "not asked for yet" in line


def test_there_is_nothing_to_fill_where_no_service_was_asked(home):
    assert "`workbench ingest` asks one" in run(home, "data", "gaps", "IBM", "--fill", "--last", "1")


def test_compact_works_under_both_names(home):
    assert "files before" in run(home, "data", "compact")
    assert "files before" in run(home, "compact")


def test_an_empty_ingest_of_a_service_says_what_is_missing(home):
    shown = run(home, "ingest", "finnhub", "--kinds", "earnings", status=1)
    assert "workbench connect finnhub" in shown
    assert "symbols" in run(home, "ingest", "polygon", status=1)
