"""The demo, killed at any moment or run twice at once, leaves a desk that goes on."""

import random
import sqlite3
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
KILLS = 12


def demo(home):
    """Start a demo in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", "demo", "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(command, home):
    """Return what a command prints; it must succeed."""
    return subprocess.run(
        [sys.executable, "-m", "workbench", command, "--home", str(home)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def fills_of(home):
    """Count the fills and their corrections, beside our own code."""
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        tables = ("fills", "fills_history")
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_a_demo_killed_at_any_moment_can_be_run_again(tmp_path, demo_home):
    """The desk opens after each kill; in the end the book is the demo's and no run is left running."""
    home = tmp_path / "desk"
    choose = random.Random(2)
    for _ in range(KILLS):
        process = demo(home)
        try:
            process.wait(choose.uniform(0.3, 12))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()
        told("status", home)
    last = demo(home)
    assert last.wait(300) == 0, last.stderr.read()
    last.stderr.close()
    assert told("book", home) == told("book", demo_home)
    assert fills_of(home) == fills_of(demo_home) == [10, 0]
    assert "running" not in told("runs", home)
    kept = {path.name for path in (home / "reports" / "morning_risk").iterdir()}
    assert not any(name.startswith(".") for name in kept)


def test_two_demos_at_once_make_one_desk(tmp_path, demo_home):
    """Both end well, each with its own report; fills and the alert are there once."""
    home = tmp_path / "desk"
    both = [demo(home), demo(home)]
    for process in both:
        assert process.wait(300) == 0, process.stderr.read()
        process.stderr.close()
    assert told("book", home) == told("book", demo_home)
    assert fills_of(home) == [10, 0]
    assert len(list((home / "alerts").glob("*.json"))) == 1
    assert told("runs", home).count("succeeded") == 2
