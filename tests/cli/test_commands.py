"""The command line: parse, call, show; one sentence and a status for what is wrong."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from workbench.cli.main import COMMANDS, main


def workbench(*arguments, home=None, status=0):
    """Run a command as a user would; check its exit status and return what it printed."""
    extra = ["--home", str(home)] if home else []
    result = CliRunner().invoke(main, [*map(str, arguments), *extra], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_for_every_option(command):
    """Help is for reading: each option says what it does."""
    text = workbench(command, "--help")
    assert "Usage" in text
    loaded = main.get_command(None, command)
    commands = list(loaded.commands.values()) if hasattr(loaded, "commands") else [loaded]
    for each in commands:
        assert each.help
        names = {option.name for option in each.params}
        assert {"home", "debug"} <= names
        for option in each.params:
            if option.param_type_name == "option" and not option.hidden:
                assert option.help, f"{command} {option.name}"


def test_book_shows_the_desks_own_headline(demo_home, demo_desk):
    """Value, P&L, delta, VaR, ES and the worst cell, as the desk says them."""
    text = workbench("book", home=demo_home)
    for _, value, _ in demo_desk.headline().rows():
        assert value in text
    assert "as of 2013-03-01, sample data" in text


@pytest.mark.parametrize("command", ["greeks", "grid", "var", "status", "runs", "quarantine"])
def test_a_reading_command_answers(command, demo_home):
    """Each prints something and changes nothing."""
    assert workbench(command, home=demo_home).strip()


def test_stress_says_the_scenario_and_its_cost(demo_home, demo_desk):
    """The number is the desk's."""
    text = workbench("stress", "--spot", "-0.05", "--volatility", "0.04", home=demo_home)
    assert f"{demo_desk.stress(spot=-0.05, volatility=0.04).pnl:+,.0f}".replace("-", "−") in text
    assert "modelled" in text


def test_loading_a_file_and_reading_it_back(tmp_path):
    """A user's own file, with one bad row."""
    file = tmp_path / "prices.csv"
    file.write_text(
        "Date,Open,High,Low,Close,Volume\n"
        "2024-01-02,10,11,9,10.5,1000\n"
        "2024-01-03,10.5,9,11,10,1000\n"
        "2024-01-04,10,12,10,11,1500\n"
    )
    home = tmp_path / "desk"
    text = workbench("load", file, "--kind", "bars", "--symbol", "ABC", home=home)
    assert "1 rows were refused" in text
    assert "10.50" in workbench("bars", "ABC", home=home)
    assert "high" in workbench("quarantine", home=home)


WRONG = {
    "an unknown symbol": (["bars", "APPL"], "AAPL"),
    "a wrong date": (["book", "--as-of", "2013-02-30"], "2013-03-01"),
    "a date that means two days": (["book", "--as-of", "02/01/2013"], "2013-03-01"),
    "a year for a date": (["bars", "AAPL", "--end", "2012"], "2013-03-01"),
    "a number for a date": (["book", "--as-of", "-5"], "2013-03-01"),
    "a symbol like no other": (["bars", "ZZZZZZ"], "IBM"),
    "an interval that the sample lacks": (["ingest", "sample", "AAPL", "--interval", "7x"], "'1d'"),
    "a future date": (["book", "--as-of", "2031-01-01"], "clock"),
    "an unknown pipeline": (["run", "morning_rsik"], "morning_risk"),
    "an unknown provider": (["ingest", "nowhere", "AAPL"], "sample"),
    "a file that is not there": (["load", "missing.csv", "--kind", "bars"], "missing.csv"),
    "an unknown alert": (["alerts", "ack", "nothing"], "nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_gets_one_sentence_and_a_status(case, demo_copy):
    """What, where, what to do; no traceback."""
    arguments, expected = WRONG[case]
    text = workbench(*arguments, home=demo_copy, status=1)
    assert text.startswith("Error: ")
    assert expected in text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1


def test_debug_shows_the_traceback(demo_home):
    """For those who want to mend it."""
    with pytest.raises(LookupError):
        workbench("bars", "APPL", "--debug", home=demo_home)


def test_a_wrong_command_names_the_nearest():
    """A slip of the finger."""
    assert "doctor" in workbench("docter", status=2)


def test_a_project_folder_is_refused_as_a_desk(tmp_path):
    """The checkout is no place for a desk."""
    (tmp_path / "pyproject.toml").touch()
    assert "pyproject.toml" in workbench("status", home=tmp_path, status=1)


def test_a_desk_of_a_newer_version_is_refused(demo_copy):
    """An unknown schema is not touched."""
    import sqlite3

    with sqlite3.connect(demo_copy / "ledger.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    text = workbench("status", home=demo_copy, status=1)
    assert "newer" in text


def test_a_rule_document_is_kept_and_checked(demo_copy, tmp_path):
    """A rule of one's own fires once for its session."""
    rule = tmp_path / "rule.json"
    rule.write_text(
        json.dumps(
            {
                "symbol": "IBM",
                "name": "IBM above 200",
                "conditions": [{"type": "price", "operator": ">", "value": 200}],
                "notification_methods": ["inbox"],
            }
        )
    )
    workbench("rules", "add", rule, home=demo_copy)
    assert "1 new alert" in workbench("rules", "check", home=demo_copy)
    assert "0 new alert" in workbench("rules", "check", home=demo_copy)
    assert "IBM above 200" in workbench("alerts", "list", home=demo_copy)


def test_a_malformed_rule_gets_one_sentence(demo_copy, tmp_path):
    """And nothing is kept."""
    rule = tmp_path / "rule.json"
    rule.write_text('{"name": "x", "conditions": [{"type": "colour"}]}')
    text = workbench("rules", "add", rule, home=demo_copy, status=1)
    assert len(text.strip().splitlines()) == 1


def test_backup_and_restore_give_the_same_desk(demo_home, tmp_path):
    """The restored desk shows the same book."""
    archive = tmp_path / "desk.tar"
    workbench("backup", archive, home=demo_home)
    workbench("restore", archive, home=tmp_path / "copy")
    assert workbench("book", home=tmp_path / "copy") == workbench("book", home=demo_home)


def test_doctor_says_one_line_for_each_part(demo_home, tmp_path):
    """All is well with a demo desk; without one it says what to type."""
    text = workbench("doctor", home=demo_home)
    assert "Everything the desk needs is here." in text
    assert "workbench demo" in workbench("doctor", home=tmp_path / "none", status=1)


@pytest.mark.parametrize(
    "text", ["pipeline=3", "scheduled_for=2013-01-01", "self=1", "on_progress=1", "as_of"]
)
def test_what_is_no_parameter_of_a_notebook_is_refused(text, demo_home):
    """Before anything is run."""
    assert text.split("=")[0] in workbench("run", "morning_risk", "-p", text, home=demo_home, status=2)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_keeps_the_sign_of_a_loss(encoding, demo_home, demo_desk):
    """A minus that cannot be shown becomes a hyphen."""
    answer = in_a_process("book", home=demo_home, PYTHONIOENCODING=encoding)
    assert answer.returncode == 0, answer.stderr
    assert f"{demo_desk.headline().pnl:+,.0f}" in answer.stdout.decode(encoding)


def test_a_reader_that_has_enough_is_no_failure(demo_home):
    """As `workbench book | head -1`."""
    command = f"{sys.executable} -m workbench book --home {demo_home} | true; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, b"")


def test_a_reader_that_leaves_does_not_stop_the_demo(demo_copy):
    """`workbench demo | head -1` says success, so it must have done its work."""
    before = workbench("runs", home=demo_copy).count("succeeded")
    command = f"{sys.executable} -m workbench demo --home {demo_copy} | head -1; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert workbench("runs", home=demo_copy).count("succeeded") == before + 1


def test_the_time_zone_of_the_machine_changes_no_figure(demo_home):
    """Tokyo sees the book of New York's close."""
    here = in_a_process("book", home=demo_home, TZ="UTC")
    assert in_a_process("book", home=demo_home, TZ="Asia/Tokyo").stdout == here.stdout
    assert here.returncode == 0


def in_a_process(*arguments, home, **environment):
    """Run a command in a process of its own, with variables of the environment."""
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments, "--home", str(home)],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("command", ["serve", "lab"])
def test_a_server_without_a_kernel_does_not_start(command, demo_home, tmp_path):
    """Its pages could show nothing."""
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('half removed')")
    answer = in_a_process(command, "--no-browser", "--port", "0", home=demo_home, PYTHONPATH=str(tmp_path))
    assert answer.returncode == 1
    assert b"half removed" in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_the_doctor_sees_a_kernel_that_cannot_be_imported(demo_home, tmp_path):
    """That its folder is there is not enough."""
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('half removed')")
    answer = in_a_process("doctor", home=demo_home, PYTHONPATH=str(tmp_path))
    assert answer.returncode == 1
    assert "half removed" in answer.stdout.decode()
