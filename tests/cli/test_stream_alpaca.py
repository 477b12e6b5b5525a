"""A new user's path: keys in the environment, `workbench stream alpaca`, quotes, the worker, an end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.servers.alpaca import KEYS, AlpacaServer
from workbench import Desk
from workbench.desk.stream_lease import process_of, stream_holder
from workbench.settings import load_settings, write_settings

SYMBOL = "AAPL"


@pytest.fixture
def server():
    with AlpacaServer() as server:
        yield server


@pytest.fixture
def home(tmp_path):
    write_settings(tmp_path, {"stream.lake_seconds": 0.2, "market.calendar": "24/7"})
    return tmp_path


def start(home, server, *arguments):
    environment = {
        **os.environ,
        "WORKBENCH_ALPACA_KEY_ID": KEYS["key_id"],
        "WORKBENCH_ALPACA_SECRET_KEY": KEYS["secret_key"],
        "WORKBENCH_SERVICES__ALPACA__STREAM_URL": server.ws_url,
        "WORKBENCH_SERVICES__ALPACA__DATA_URL": server.http_url,
        "WORKBENCH_SERVICES__ALPACA__TRADING_URL": server.http_url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", *arguments, "--home", str(home)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait(found, what, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError(f"no {what}")


def emit(server, bid):
    server.emit(
        "quotes",
        {"symbol": SYMBOL, "time_ns": time.time_ns(), "sequence": 0, "bid": bid, "ask": bid + 0.02,
         "bid_size": 3.0, "ask_size": 1.0},
    )  # fmt: skip


def live_bid(desk, server, bid):
    emit(server, bid)
    found = desk.quotes(SYMBOL).iloc[0]
    return found["bid"] == bid and found["state"] == "live"


def test_from_the_keys_to_live_quotes_that_are_in_the_lake_after_ctrl_c(home, server):
    process = start(home, server, "stream", "alpaca", SYMBOL)
    with Desk.open(home) as desk:
        wait(lambda: live_bid(desk, server, 210.11), "live quote")
        # The first line comes when the display looks for the first time, which a busy machine may put off.
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        told = first + rest
        assert process.returncode == 0, told
        assert "live" in told
        assert KEYS["secret_key"] not in told
        assert len(desk._lake.read("quotes")) > 0
        assert desk.quotes(SYMBOL)["state"].tolist() == ["stale"]
    assert load_settings(home).stream.watch == {"alpaca": (SYMBOL,)}


@pytest.mark.slow
def test_the_worker_streams_what_is_remembered_starts_it_again_and_ends_it_with_itself(home, server):
    write_settings(home, {"stream.watch.alpaca": [SYMBOL]})
    worker = start(home, server, "worker")
    try:
        with Desk.open(home) as desk:
            wait(lambda: live_bid(desk, server, 210.11), "live quote")
            first = process_of(stream_holder(desk._ledger, "alpaca"))
            os.kill(first, signal.SIGKILL)
            wait(lambda: desk.quotes(SYMBOL)["state"].iloc[0] == "stale", "stale quote", 3)
            wait(lambda: live_bid(desk, server, 212.5), "live quote after the kill")
            second = process_of(stream_holder(desk._ledger, "alpaca"))
            assert second not in (0, first)
            wait(lambda: len(desk._lake.read("feed_gaps")) == 1, "marked gap")
            worker.terminate()
            told, _ = worker.communicate(timeout=90)
            assert worker.returncode == 0, told
            assert stream_holder(desk._ledger, "alpaca") is None
            assert desk._ledger.feeds.unfinished() == []
    finally:
        if worker.poll() is None:
            worker.kill()
