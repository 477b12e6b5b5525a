"""Connecting a service at the terminal: a person who types, a script that pipes, and one who has no key."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.alpaca_world import fill
from workbench.cli.main import main

NO_HISTORY = "shell's history"


@pytest.fixture(scope="module")
def alpaca():
    with AlpacaServer() as server:
        fill(server)
        yield server


@pytest.fixture
def environment(alpaca, tmp_path):
    """A user's environment: a home of their own, and the addresses of the local service."""
    return {
        **os.environ,
        "WORKBENCH_HOME": str(tmp_path / "desk"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "WORKBENCH_SERVICES__ALPACA__DATA_URL": alpaca.http_url,
        "WORKBENCH_SERVICES__ALPACA__TRADING_URL": alpaca.http_url,
        "WORKBENCH_SERVICES__ZERODHA__REST_URL": "http://127.0.0.1:9",  # nobody listens there
        "WORKBENCH_SERVICES__ZERODHA__LOGIN_URL": "https://kite.test/connect/login",
    }


def workbench(environment, *arguments, typed=None):
    """Run a command in this process, as `workbench` would with that environment."""
    return CliRunner().invoke(main, arguments, env=environment, input=typed or "")


def at_a_terminal(environment, arguments, answers):
    """Run a command on a real terminal, type each answer at its question, and return all that showed."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", *arguments],
        env=environment, stdin=follower, stdout=follower, stderr=follower, close_fds=True,
    ) as running:  # fmt: skip
        os.close(follower)
        shown, waiting, deadline = "", list(answers), time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    shown += os.read(leader, 4096).decode()
                except OSError:
                    break
            if waiting and waiting[0][0] in shown:
                time.sleep(0.2)  # the terminal's echo is off by then
                os.write(leader, f"{waiting.pop(0)[1]}\n".encode())
        running.wait(timeout=10)
    os.close(leader)
    return running.returncode, shown


def test_a_person_types_keys_that_do_not_show(environment, tmp_path):
    """Hidden while typed, proved, kept outside the desk's folder, and then used."""
    status, shown = at_a_terminal(
        environment,
        ["connect", "alpaca"],
        [("API key ID", KEYS["key_id"]), ("API secret key", KEYS["secret_key"])],
    )
    assert status == 0, shown
    assert KEYS["secret_key"] not in shown
    assert "Alpaca is connected: " in shown
    assert "Next: workbench ingest alpaca AAPL" in shown
    found = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEYS["secret_key"].encode() not in found
    week = ("ingest", "alpaca", "AAPL", "--start", "2022-02-01", "--end", "2022-02-07")
    fetched = workbench(environment, *week)
    assert fetched.exit_code == 0, fetched.stderr
    assert "AAPL" in fetched.stdout
    again = workbench(environment, *week)
    assert "holds all of it already" in again.stdout
    gaps = workbench(environment, "data", "gaps", "AAPL", "--start", "2022-02-01", "--end", "2022-02-09")
    assert "2022-02-08" in gaps.stdout
    assert "not asked for yet" in gaps.stdout
    gone = workbench(environment, "disconnect", "alpaca")
    assert "its keys are gone" in gone.stdout


def test_a_script_pipes_its_keys(environment):
    lines = "".join(f"{name}={value}\n" for name, value in KEYS.items())
    done = workbench(environment, "connect", "alpaca", "--stdin", typed=lines)
    assert done.exit_code == 0, done.stderr
    assert KEYS["secret_key"] not in done.stdout + done.stderr
    listed = workbench(environment, "connections")
    assert listed.exit_code == 0
    assert "connected" in listed.stdout or "market closed" in listed.stdout


def test_a_secret_on_the_command_line_is_warned_about(environment):
    given = [f"--key={name}={value}" for name, value in KEYS.items()]
    done = workbench(environment, "connect", "alpaca", *given, typed="")
    assert done.exit_code == 0, done.stderr
    assert NO_HISTORY in done.stderr
    assert KEYS["secret_key"] not in done.stdout + done.stderr
    odd = workbench(environment, "connect", "alpaca", "--key", f"{KEYS['secret_key']}", typed="")
    assert odd.exit_code != 0
    assert KEYS["secret_key"] not in odd.stdout + odd.stderr


def test_wrong_keys_get_one_sentence_and_are_not_kept(environment):
    wrong = f"key_id={KEYS['key_id']}\nsecret_key=wrong-one-5512\n"
    done = workbench(environment, "connect", "alpaca", "--stdin", typed=wrong)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert "wrong-one-5512" not in done.stdout + done.stderr
    listed = workbench(environment, "connections").stdout
    assert "not connected" in next(line for line in listed.splitlines() if " alpaca " in line)


def test_without_a_key_a_calm_sentence_says_what_to_type(environment):
    done = workbench(environment, "ingest", "polygon", "AAPL")
    assert done.exit_code == 1
    assert "not connected; `workbench connect polygon`" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    status = workbench(environment, "data", "status")
    assert status.exit_code == 0
    assert "workbench connect polygon" in status.stdout
    unknown = workbench(environment, "connect", "alpacca", typed="")
    assert unknown.exit_code == 1
    assert "alpaca" in unknown.stderr


def test_the_login_link_of_a_day_is_shown_before_its_token_is_asked_for(environment):
    status, shown = at_a_terminal(
        environment,
        ["connect", "zerodha"],
        [("API key", "kite123456"), ("API secret", "s3cr3t-value"), ("Request token", "rt-1")],
    )
    assert "Log in here: https://kite.test/connect/login?v=3&api_key=kite123456" in shown.replace("\r\n", "")
    assert "s3cr3t-value" not in shown
    assert status == 1
    assert "Traceback" not in shown
