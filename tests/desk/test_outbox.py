"""The outbox on a real ledger with real channels: at least once on the way, exactly once at the other end."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from workbench.desk.outbox import (
    FIRST_WAIT,
    LONGEST_WAIT,
    DeliveryCounts,
    backoff,
    deliver_due,
    open_channels,
)
from workbench.errors import ChannelError
from workbench.store import Ledger

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


class Broken:
    """A channel that fails so many times, then takes what it gets."""

    name = "file"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.taken: list[str] = []

    def deliver(self, message):
        if self.failures > 0:
            self.failures -= 1
            raise ChannelError("The disk is full; free some space.")
        self.taken.append(message["key"])


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def raise_alert(ledger, key="fact", channels=("file", "inbox")):
    return ledger.alerts.raise_once(
        {
            "rule_id": None,
            "name": "AAPL low",
            "severity": "warn",
            "fact_key": key,
            "title": "AAPL below 440",
            "body": "It is 430.47.",
            "facts": {},
            "raised_at": NOW,
            "as_of": NOW,
        },
        channels,
    )


def test_a_message_reaches_every_channel_of_its_alert_once(ledger, tmp_path):
    raise_alert(ledger)
    channels = open_channels(ledger, tmp_path)
    assert deliver_due(ledger, channels, NOW, "me") == DeliveryCounts(delivered=2)
    assert deliver_due(ledger, channels, NOW + timedelta(hours=1), "me") == DeliveryCounts()
    assert len(list((tmp_path / "alerts").glob("*.json"))) == 1
    assert len(ledger.inbox.frame()) == 1


def test_a_channel_that_fails_is_tried_again_after_a_while_and_holds_up_no_other(ledger, tmp_path):
    raise_alert(ledger)
    channels = {**open_channels(ledger, tmp_path), "file": Broken(failures=1)}
    assert deliver_due(ledger, channels, NOW, "me", chance=lambda: 0.5) == DeliveryCounts(
        delivered=1, retried=1
    )
    assert "The disk is full" in ledger.outbox.frame()["error"].dropna().item()
    soon = NOW + FIRST_WAIT - timedelta(seconds=1)
    assert deliver_due(ledger, channels, soon, "me") == DeliveryCounts()
    assert deliver_due(ledger, channels, NOW + FIRST_WAIT, "me") == DeliveryCounts(delivered=1)
    assert len(channels["file"].taken) == 1


def test_a_message_that_never_arrives_is_given_up_and_kept_with_its_error(ledger):
    raise_alert(ledger, channels=["file"])
    channels = {"file": Broken(failures=99)}
    counts = [
        deliver_due(ledger, channels, NOW + number * 2 * LONGEST_WAIT, "me", most_attempts=3)
        for number in range(4)
    ]
    assert [(each.retried, each.dead) for each in counts] == [(1, 0), (1, 0), (0, 1), (0, 0)]
    (row,) = ledger.outbox.frame().to_dict("records")
    assert (row["state"], row["attempts"]) == ("dead", 3)
    assert "ChannelError: The disk is full" in row["error"]


def test_a_channel_that_the_desk_does_not_have_is_told(ledger):
    raise_alert(ledger, channels=["carrier pigeon"])
    deliver_due(ledger, {}, NOW, "me")
    assert ledger.outbox.frame()["error"].item() == "This desk has no channel 'carrier pigeon'."


def test_an_unforeseen_fault_of_a_channel_is_kept_as_its_error(ledger):
    class Faulty(Broken):
        def deliver(self, message):
            raise RuntimeError("not\nforeseen")

    raise_alert(ledger, channels=["file"])
    assert deliver_due(ledger, {"file": Faulty(0)}, NOW, "me").retried == 1
    assert ledger.outbox.frame()["error"].item() == "RuntimeError: not foreseen"


def test_waits_double_up_to_an_hour_and_are_spread_by_a_fifth():
    assert [backoff(n, 0.5).total_seconds() for n in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert backoff(60, 0.5) == LONGEST_WAIT
    assert backoff(1, 0.0).total_seconds() == pytest.approx(4)
    assert backoff(1, 1.0).total_seconds() == pytest.approx(6)


def test_many_messages_are_all_delivered_in_one_go(ledger):
    for number in range(130):
        raise_alert(ledger, key=f"fact {number}", channels=["file"])
    channel = Broken(failures=0)
    assert deliver_due(ledger, {"file": channel}, NOW, "me").delivered == 130
    assert len(set(channel.taken)) == 130


KILLED_BETWEEN = """
import os, sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
import workbench.desk.outbox as outbox
from workbench.store import Ledger

home = Path(sys.argv[1])
with Ledger.open(home / "ledger.sqlite") as ledger:
    channels = outbox.open_channels(ledger, home)
    ledger.outbox.delivered = lambda *_: os._exit(9)
    outbox.deliver_due(ledger, channels, datetime.fromisoformat(sys.argv[2]), "killed")
"""


def test_a_kill_between_delivery_and_mark_leaves_one_message_not_two(ledger, tmp_path):
    raise_alert(ledger)
    program = [sys.executable, "-c", KILLED_BETWEEN, str(tmp_path), NOW.isoformat()]
    assert subprocess.run(program, check=False, env=dict(os.environ)).returncode == 9
    assert len(list((tmp_path / "alerts").glob("*.json"))) == 1
    assert set(ledger.outbox.frame()["state"]) == {"pending"}
    # While the dead holder's claim lasts nobody else delivers; then the message goes out again.
    channels = open_channels(ledger, tmp_path)
    assert deliver_due(ledger, channels, NOW + timedelta(seconds=30), "next") == DeliveryCounts()
    assert deliver_due(ledger, channels, NOW + timedelta(seconds=61), "next").delivered == 2
    assert len(list((tmp_path / "alerts").glob("*.json"))) == 1
    assert len(ledger.inbox.frame()) == 1
    assert set(ledger.outbox.frame()["state"]) == {"delivered"}
