"""Streams from the command line and under the worker, as real processes on a local feed."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from workbench.cli.main import main
from workbench.desk.stream_lease import process_of, stream_holder
from workbench.desk.stream_process import StreamKeeper, remember, stop_streams
from workbench.errors import ArgumentError
from workbench.settings import load_settings, write_setting
from workbench.store import Ledger

# A stand-in for a stream: holds the lease of its service until asked to end.
STAND_IN = """
import signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from workbench.desk.stream_lease import LEASE, new_holder
from workbench.store import Ledger
home, service = sys.argv[1:3]
ledger, holder, stopping = Ledger.open(Path(home) / "ledger.sqlite"), new_holder(), []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
dead = ledger.leases.holder(LEASE + service, datetime.now(UTC))
if dead:
    ledger.leases.release(LEASE + service, dead)
assert ledger.leases.acquire(LEASE + service, holder, datetime.now(UTC), 60)
while not stopping:
    time.sleep(0.02)
ledger.leases.release(LEASE + service, holder)
"""


def run(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def home(tmp_path):
    return tmp_path / "desk"


@pytest.fixture
def ledger(home):
    home.mkdir()
    with Ledger.open(home / "ledger.sqlite") as opened:
        yield opened


def wait(found, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_without_anything_remembered_stream_says_what_to_type(home):
    result = run("stream", "--home", home)
    assert result.exit_code == 1
    assert "`workbench stream alpaca AAPL MSFT`" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope", "AAPL"], "No provider is named 'nope'"),
        (["sample", "AAPL"], "has no live stream"),
        (["alpaca", "AAPL", "--kinds", "news"], "quotes, trades, bars"),
    ],
)
def test_what_cannot_be_streamed_is_said_and_not_remembered(home, arguments, said):
    result = run("stream", *arguments, "--home", home)
    assert result.exit_code != 0
    assert said in result.output
    assert not home.exists() or load_settings(home).stream.watch == {}


def test_a_service_without_keys_is_a_state_and_the_symbols_are_remembered(home):
    command = [sys.executable, "-m", "workbench", "stream", "alpaca", "AAPL", "MSFT", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    line = wait(process.stdout.readline)
    assert "not connected" in line
    assert "`workbench connect alpaca`" in line
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "all that came is in the lake" in rest
    assert "Traceback" not in rest
    assert load_settings(home).stream.watch == {"alpaca": ("AAPL", "MSFT")}


def test_quotes_shows_every_symbol_asked_for_with_its_state(home):
    result = run("quotes", "AAPL", "--home", home)
    assert result.exit_code == 0
    assert "AAPL" in result.output
    assert "no stream has given a quote of it" in result.output


def test_replay_shows_that_it_is_none_of_now(desk):
    rows = {"symbol": "AAPL", "trade_id": ["1", "2"], "price": [1.0, 2.0], "size": 1.0, "conditions": ""}
    times = [pd.Timestamp("2026-11-20 15:00", tz="UTC"), pd.Timestamp("2026-11-20 15:01", tz="UTC")]
    desk._lake.write("trades", pd.DataFrame({**rows, "time": times}), source="Plain feed")
    result = run("replay", "2026-11-20", "--speed", 0, "--home", desk.home)
    assert result.exit_code == 0, result.output
    assert "Replay of 2026-11-20, not live" in result.output
    assert "2 of 2 events were played." in result.output
    assert run("replay", "2026-11-18", "--home", desk.home).exit_code == 1


def test_what_is_streamed_is_remembered_once_and_in_order(ledger, home):
    assert remember(home, "alpaca", ["MSFT", "AAPL", "MSFT"]) == ("MSFT", "AAPL")
    assert load_settings(home).stream.watch == {"alpaca": ("MSFT", "AAPL")}
    with pytest.raises(ArgumentError, match="nothing to stream"):
        remember(home, "alpaca", [])


def test_the_keeper_starts_what_is_remembered_again_when_it_dies_and_not_when_it_was_asked_to_end(
    home, ledger
):
    remember(home, "plain", ["AAPL"])
    command = [sys.executable, "-c", STAND_IN]
    with StreamKeeper(home, ledger, command) as keeper:

        def running():
            keeper.look()
            return process_of(stream_holder(ledger, "plain"))

        first = wait(running)
        os.kill(first, signal.SIGKILL)
        second = wait(lambda: (running() not in (0, first)) and running())
        assert stop_streams(home, ledger, ["plain"]) == ["plain"]
        wait(lambda: not alive(second))
        for _ in range(20):
            assert running() == 0
            time.sleep(0.02)
        write_setting(home, "stream.watch.plain", ["AAPL", "MSFT"])
        third = wait(running)
        assert third not in (first, second)
    assert not alive(third)
    assert stop_streams(home, ledger, ["plain"]) == []


def alive(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
