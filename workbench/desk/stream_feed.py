"""One service's feed, kept open: connect, subscribe, receive; when it ends, mark the gap and begin again."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from workbench.desk.logs import get_logger
from workbench.desk.stream_gaps import Gap
from workbench.desk.stream_path import EventPath, Passed
from workbench.errors import (
    ServiceError,
    ServiceRefusedError,
    UnsupportedError,
    WorkbenchError,
)
from workbench.providers.feeds import Batch, Feed
from workbench.transport import backoff

LIVE = "live"
LONGEST_PENDING = 200_000
"""Events read and not yet validated; past it the socket is left alone until they are."""
SLOW_STATES = frozenset({"needs_login", "not_connected", "refused"})
SLOW_WAITS = (30.0, 60.0, 120.0, 300.0)
"""Seconds between tries where only a person can help: no storm of logins that a service would punish."""
LONGEST_WAIT = 30.0
DOWN_AFTER = 300.0
"""Seconds after which a connection that does not come back is told to people."""
SLACK_SECONDS = 1.0
"""Events of one instant come in any order: so far behind the newest, all have come."""
LONGEST_DELAY = 1_200.0
"""No service delays its feed by more; assumed while a feed's own delay is not known."""
_YIELD_SECONDS = 0.005
_WATCH_SECONDS = 0.1
_STEADY_SECONDS = 10.0
_DELAY_WINDOW = 30.0


@dataclass(slots=True)
class FeedState:
    """What a feed is doing, in a word and a sentence, and since when (seconds since 1970)."""

    state: str = "connecting"
    detail: str = ""
    since: float = 0.0
    changed: bool = True


class FeedRunner:
    """Keeps one feed open until told to stop.

    Parameters
    ----------
    open_provider : callable
        Returns the provider; called again when only new keys can help.
    kinds : sequence of str
        What to stream, where the service has it.
    symbols : collection of str
        The desk's symbols.
    on_lost, on_regained : callable
        Told the gaps that begin, and those that end, as they happen.
    on_trouble : callable
        Told a state, a sentence and the instant of its beginning, once for each that a person must know.
    """

    def __init__(
        self,
        open_provider: Callable[[], Any],
        kinds: Sequence[str],
        symbols: Collection[str],
        *,
        on_lost: Callable[[list[Gap]], None],
        on_regained: Callable[[list[Gap]], None],
        on_trouble: Callable[[str, str, float], None],
    ) -> None:
        self.provider = open_provider()
        self._open_provider = open_provider
        self.kinds = _streamed(self.provider, kinds)
        feed = self.provider.stream(self.kinds)
        self.service, self.label = feed.service, feed.label
        self.heartbeat_timeout = float(feed.heartbeat_timeout)
        self.symbols = set(symbols)
        self.path = EventPath(self.service, self.label, self.provider.label, self.symbols)
        self.status = FeedState(since=time.time())
        self.last_message = 0.0
        self.last_heartbeat = 0.0
        self.lag = float("nan")
        self.open_gaps: list[Gap] = []
        self.gap_count = 0
        self.pending_events = 0
        self.refused = ""
        self._on_lost, self._on_regained, self._on_trouble = on_lost, on_regained, on_trouble
        self._pending: deque[Batch] = deque()
        self._stopping = asyncio.Event()
        self._asked: set[str] = set()
        self._began = time.time()
        self._newest = 0.0
        self._subscribed_at = 0.0
        self._delays: deque[tuple[float, float]] = deque()
        self._told: set[str] = set()
        self._log = get_logger("stream", service=self.service)

    # -- what the worker does ------------------------------------------------------------------------------

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    def want(self, symbols: Collection[str]) -> None:
        """Change what is streamed; the connection stays."""
        self.symbols = set(symbols)
        self.path.wanted = self.symbols

    def take(self) -> tuple[Passed | None, float]:
        """Validate what came; return it with the instant up to which everything that came is in it."""
        if not self._pending:
            return None, self.until
        batches = list(self._pending)
        self._pending.clear()
        self.pending_events = 0
        passed = self.path.pass_through(batches)
        self._note_delay(passed)
        return passed, self.until

    @property
    def until(self) -> float:
        """Everything that happened before it, by the exchange's clock, has been received."""
        delay = self._usual_delay()
        known = [self._newest, self._subscribed_at - delay]
        if self.last_heartbeat >= self.last_message:
            # Nothing new, and the service says that it is there: so far it had nothing to tell.
            known.append(self.last_heartbeat - delay)
        return max(max(known) - SLACK_SECONDS, self._began)

    async def run(self) -> None:
        """Keep the feed open until stopped."""
        attempt = 0
        while not self._stopping.is_set():
            opened_at = time.monotonic()
            state, detail, retry_at = await self._connection()
            if self._stopping.is_set():
                break
            if time.monotonic() - opened_at > _STEADY_SECONDS and state not in SLOW_STATES:
                attempt = 0
            self._set(state, detail)
            self._lost(detail)
            self._tell(state, detail)
            wait = self._wait_of(state, attempt)
            if retry_at is not None:
                wait = max(wait, retry_at - time.time())
            attempt += 1
            await self._pause(wait)
            if state in SLOW_STATES:
                # New keys or a new token may be there by now.
                self._renew_provider()
        self._set("stopped", "")

    # -- one connection ------------------------------------------------------------------------------------

    async def _connection(self) -> tuple[str, str, float | None]:
        """Open, subscribe and receive until it ends; return state, reason and when to come back."""
        self._set("connecting", self.status.detail)
        feed: Feed | None = None
        self._asked, self.refused = set(), ""
        was_live = False
        try:
            feed = self.provider.stream(self.kinds)
            await feed.open()
            await self._follow_wanted(feed)
            was_live = True
            # From here on whatever happens is told to us.
            self.last_message = self._subscribed_at = time.time()
            self._regained()
            self._set(LIVE, self.refused)
            await self._receive(feed)
        except ServiceError as error:
            retry_at = error.retry_at.timestamp() if error.retry_at is not None else None
            state = "closed" if was_live and error.state == "unreachable" else error.state
            return state, str(error), retry_at
        except (OSError, WorkbenchError, TimeoutError) as error:
            return "unreachable", str(error) or type(error).__name__, None
        except _SilentError as error:
            return "silent", str(error), None
        except Exception as error:  # noqa: BLE001 - a fault of one feed's code must not end the stream
            self._log.exception("feed_failed", error=str(error))
            return "bad_answer", f"{type(error).__name__}: {error}", None
        finally:
            if feed is not None:
                await _closed(feed)
        return "stopped", "", None

    async def _receive(self, feed: Feed) -> None:
        """Read until the connection ends, it falls silent, or we are told to stop."""
        heard = time.time()
        self.last_heartbeat = heard
        reading = asyncio.ensure_future(self._read(feed))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                done, _ = await asyncio.wait(
                    {reading, stopping}, timeout=_WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if reading in done:
                    reading.result()
                    return
                silent = time.time() - max(self.last_message, self.last_heartbeat, heard)
                if silent > self.heartbeat_timeout:
                    limit = f"where the limit of {self.label} is {self.heartbeat_timeout:g} s"
                    raise _SilentError(f"no heartbeat for {silent:.1f} s, {limit}")
                if self._asked != self.symbols:
                    # A feed may read its answers from the same socket: not while another reads there.
                    await _cancelled(reading)
                    await self._follow_wanted(feed)
                    self._set(LIVE, self.refused)
                    reading = asyncio.ensure_future(self._read(feed))
        finally:
            await _cancelled(reading)
            await _cancelled(stopping)

    async def _read(self, feed: Feed) -> None:
        breath, refusals = time.monotonic(), 0
        while True:
            try:
                batches = await feed.receive()
            except ServiceRefusedError as error:
                # Some services tell of a symbol that they do not give only later.
                refusals += 1
                if refusals > 100:
                    raise
                self.refused = str(error)
                self._set(LIVE, self.refused)
                continue
            refusals = 0
            now = time.time()
            found = False
            for batch in batches:
                if batch.rows or batch.bad:
                    self._pending.append(batch)
                    self.pending_events += len(batch.rows) + len(batch.bad)
                    found = True
            # A heartbeat says as well that nothing was left out before it.
            self.last_message = now
            if not found:
                self.last_heartbeat = now
            while self.pending_events > LONGEST_PENDING:
                await asyncio.sleep(_YIELD_SECONDS)
            if time.monotonic() - breath > _YIELD_SECONDS:
                await asyncio.sleep(0)
                breath = time.monotonic()

    async def _follow_wanted(self, feed: Feed) -> None:
        """Subscribe to what is wanted and not asked for yet, and let go of the rest."""
        wanted = set(self.symbols)
        more, less = wanted - self._asked, self._asked - wanted
        if less:
            await feed.unsubscribe(dict.fromkeys(self.kinds, sorted(less)))
        if more:
            try:
                await feed.subscribe(dict.fromkeys(self.kinds, sorted(more)))
            except ServiceRefusedError as error:
                self.refused = str(error)
                self._log.warning("symbols_refused", error=self.refused)
        self._asked = wanted

    # -- gaps ----------------------------------------------------------------------------------------------

    def _lost(self, reason: str) -> None:
        """Mark that nothing comes any more, from the last that did."""
        held = {gap.symbol for gap in self.open_gaps}
        start = self.until
        begun = [
            Gap(self.service, self.label, symbol, start, None, reason or "the connection ended")
            for symbol in sorted(self.symbols - held)
        ]
        if begun:
            self.open_gaps += begun
            self._on_lost(begun)

    def _regained(self) -> None:
        """Close the gaps that are open: from now on events come again."""
        if not self.open_gaps:
            return
        now = time.time()
        ended = [replace(gap, end=max(now, gap.start)) for gap in self.open_gaps]
        self.open_gaps = []
        self.gap_count += len({gap.start for gap in ended})
        self._on_regained(ended)

    def close_gaps(self) -> None:
        """End the open gaps because nobody wants the stream any more."""
        self._regained()

    def _note_delay(self, passed: Passed) -> None:
        """Follow how far the feed's newest event is behind our clock: delayed feeds are by minutes."""
        newest = max((int(events.times.max()) for events in passed.events), default=0)
        if not newest:
            return
        received = max(events.received_at for events in passed.events)
        self._newest = max(self._newest, min(newest / 1e9, received))
        self.lag = max(received - newest / 1e9, 0.0)
        if self.lag > LONGEST_DELAY:
            return  # the last quote of a quiet contract, told once to a new subscriber
        now = time.monotonic()
        if not self._delays or now - self._delays[-1][0] > 1.0:
            self._delays.append((now, self.lag))
        while len(self._delays) > 1 and now - self._delays[0][0] > _DELAY_WINDOW:
            self._delays.popleft()

    def _usual_delay(self) -> float:
        return median(delay for _, delay in self._delays) if self._delays else LONGEST_DELAY

    # -- states --------------------------------------------------------------------------------------------

    def _set(self, state: str, detail: str) -> None:
        if state != self.status.state:
            self._log.info("feed_state", state=state, detail=detail)
            self.status = FeedState(state, detail, time.time())
            if state == LIVE:
                self._told.clear()
        elif detail != self.status.detail:
            self.status.detail, self.status.changed = detail, True

    def _tell(self, state: str, detail: str) -> None:
        """Tell a person once of what only a person can mend, and of a connection that stays away."""
        since = self.open_gaps[0].start if self.open_gaps else self.status.since
        if state in SLOW_STATES and state not in self._told:
            self._told.add(state)
            self._on_trouble(state, detail, since)
        elif time.time() - since > DOWN_AFTER and "down" not in self._told:
            self._told.add("down")
            self._on_trouble("down", detail, since)

    def _wait_of(self, state: str, attempt: int) -> float:
        if state in SLOW_STATES:
            return SLOW_WAITS[min(attempt, len(SLOW_WAITS) - 1)]
        return backoff(attempt + 1, largest=LONGEST_WAIT)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), max(seconds, 0.01))
        except TimeoutError:
            return

    def _renew_provider(self) -> None:
        try:
            self.provider = self._open_provider()
        except WorkbenchError as error:
            self._log.warning("provider_not_opened", error=str(error))


class _SilentError(Exception):
    """The feed sent nothing for longer than its service allows."""


def _streamed(provider: Any, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return those of the kinds that a provider streams."""
    found = []
    for kind in kinds:
        try:
            provider.stream((kind,))
        except UnsupportedError:
            continue
        found.append(kind)
    if not found:
        raise UnsupportedError(
            f"{provider.label} streams none of {', '.join(kinds)}; name others with --kinds."
        )
    return tuple(found)


async def _cancelled(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, or asyncio complains that nobody did


async def _closed(feed: Feed) -> None:
    try:
        async with asyncio.timeout(3.0):
            await feed.close()
    except Exception:  # noqa: BLE001 - it is gone either way
        return
