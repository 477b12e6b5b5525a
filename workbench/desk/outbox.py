"""Deliver what the outbox holds: claim, deliver, mark; again later when a channel does not answer."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.channels import Channel, FileChannel, InboxChannel
from workbench.desk.logs import get_logger
from workbench.store import Ledger, OutboxMessage

MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
JITTER = 0.2
CLAIM_SECONDS = 60
BATCH = 50


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many messages were delivered, will be tried again, and were given up."""

    delivered: int = 0
    retried: int = 0
    dead: int = 0


def open_channels(ledger: Ledger, home: Path) -> dict[str, Channel]:
    """Return a desk's channels by name: files under ``<home>/alerts``, and the inbox of its ledger."""
    file = FileChannel(home / "alerts")
    inbox = InboxChannel(lambda key, payload: ledger.inbox.put(key, payload, datetime.now(UTC)))
    return {file.name: file, inbox.name: inbox}


def deliver_due(
    ledger: Ledger,
    channels: Mapping[str, Channel],
    now: datetime,
    holder: str,
    *,
    most_attempts: int = MOST_ATTEMPTS,
    chance: Callable[[], float] = random.random,
) -> DeliveryCounts:
    """Deliver every message of the outbox that is due.

    A message is claimed by one holder at a time, for a minute. It is marked delivered only after its channel
    has it: a crash between the two delivers it again, and the channel, which knows its key, keeps one.

    Parameters
    ----------
    ledger : Ledger
        Holds the outbox.
    channels : mapping
        Channels by name.
    now : datetime
        The wall clock, UTC.
    holder : str
        Who claims, unique to the process.
    most_attempts : int
        After so many failures a message is given up, and stays in the outbox with its error.
    chance : callable
        Gives numbers from 0 to 1 that spread the waits, so that many desks do not knock at once.
    """
    log = get_logger("outbox")
    delivered = retried = dead = 0
    while messages := ledger.outbox.claim(now, BATCH, holder, CLAIM_SECONDS):
        for message in messages:
            error = _deliver(channels.get(message.channel), message)
            if error is None:
                ledger.outbox.delivered(message.id, now)
                delivered += 1
                continue
            given_up = message.attempts >= most_attempts
            retry_at = None if given_up else now + backoff(message.attempts, chance())
            ledger.outbox.failed(message.id, error, retry_at)
            retried, dead = retried + (not given_up), dead + given_up
            log.warning(
                "message_not_delivered",
                message=message.id,
                channel=message.channel,
                error=error,
                given_up=given_up,
            )
    return DeliveryCounts(delivered, retried, dead)


def backoff(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many failed attempts: 5 s doubling to an hour, spread by a fifth."""
    seconds = min(FIRST_WAIT.total_seconds() * 2.0 ** (attempts - 1), LONGEST_WAIT.total_seconds())
    return timedelta(seconds=seconds * (1 + JITTER * (2 * chance - 1)))


def _deliver(channel: Channel | None, message: OutboxMessage) -> str | None:
    """Hand one message to its channel; return what went wrong, or None."""
    if channel is None:
        return f"This desk has no channel {message.channel!r}."
    try:
        channel.deliver(message.payload)
    except Exception as error:  # noqa: BLE001 - one channel's fault must not hold up the others
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None
