"""A recorded day played again: ticks out of the lake, through the same path as live ones."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.desk.clock import InstantLike, parse_day
from workbench.desk.frames import DeskFrame
from workbench.desk.logs import get_logger
from workbench.desk.stream_checks import Events
from workbench.desk.stream_path import EventPath
from workbench.errors import ArgumentError, MissingDataError
from workbench.market.calendars import exchange_zone
from workbench.providers.feeds import FIELDS, Batch
from workbench.settings import DeskSettings
from workbench.store import Lake
from workbench.store.live import LIVE_FILE, SPILL_FOLDER, LiveTable

STEP_SECONDS = 0.01
"""How long, by our clock, events are put together before they are passed on."""
LARGEST_STEP = 5_000
LABEL = "Replay"
_MINUTE = 60 * 10**9


class Replay:
    """Recorded ticks on their way again; made by `Desk.replay`.

    Attributes
    ----------
    day : date
    speed : float
        Recorded seconds a second; 0 is as fast as it goes.
    events : int
        Events in all.
    """

    def __init__(
        self,
        lake: Lake,
        home: Path,
        settings: DeskSettings,
        day: InstantLike,
        *,
        speed: float = 1.0,
        symbols: Sequence[str] | None = None,
        kinds: Sequence[str] = ("quotes", "trades"),
        start: bool = True,
    ) -> None:
        if not speed >= 0 or speed == float("inf"):
            raise ArgumentError(
                f"`speed` is {speed}; give 1 for as it was, 60 for a minute a second, 0 for at once."
            )
        unknown = [kind for kind in kinds if kind not in FIELDS]
        if unknown or not kinds:
            raise ArgumentError(f"`kinds` is {list(kinds)}; give some of {', '.join(FIELDS)}.")
        calendar = settings.market.calendar
        stamp = parse_day(day, calendar) if day is not None else None
        if stamp is None:
            raise ArgumentError("`day` is missing; name a session, as in 2026-11-20.")
        self.day: date = stamp.date()
        self.speed = speed
        self._settings = settings
        self._steps = _recorded(lake, self.day, symbols, kinds, exchange_zone(calendar))
        self.events = len(self._steps.times)
        self._folder = Path(tempfile.mkdtemp(prefix="replay-", dir=_scratch(home)))
        self._table = LiveTable(self._folder / LIVE_FILE)
        self._path = EventPath(LABEL.lower(), self.label, self.label)
        self._clock = self._steps.times[0] / 1e9
        self._calendar = calendar
        self._state = "live"
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._log = get_logger("replay", day=str(self.day))
        self._thread = threading.Thread(target=self._play, name="replay", daemon=True)
        if start:
            self.start()

    @property
    def label(self) -> str:
        """What its quotes say of themselves, as in ``Replay of 2026-11-20``."""
        return f"{LABEL} of {self.day.isoformat()}"

    @property
    def now(self) -> pd.Timestamp:
        """The instant of the recorded day that the replay has come to."""
        return pd.Timestamp(int(self._clock * 1e6), unit="us", tz="UTC")

    @property
    def ended(self) -> bool:
        """Whether all has been played, or it was stopped."""
        return not self._thread.is_alive() and self._state != "live"

    def start(self) -> None:
        """Begin; at speed 0 this comes back when all has been played."""
        self._thread.start()
        if self.speed == 0:
            self.wait()

    def subscribe(self, subscriber: Callable[[Events], None]) -> Callable[[], None]:
        """Call `subscriber` with each batch of events from now on, in the replay's thread."""
        return self._path.subscribe(subscriber)

    def quotes(self, symbols: str | Sequence[str] | None = None) -> DeskFrame:
        """Return the newest quotes as of the replay's own clock; columns as of `Desk.quotes`."""
        from workbench.desk.live import live_quotes

        asked = [symbols] if isinstance(symbols, str) else symbols
        frame = live_quotes(self._table, self._settings, self._clock, asked)
        frame.note = f"{self.label}, {self.now:%H:%M:%S} UTC; {frame.note}"
        return frame

    def feeds(self) -> DeskFrame:
        """Return the replay as a feed; columns as of `Desk.feeds`."""
        from workbench.desk.live import live_feeds

        return live_feeds(self._table, self._clock)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, so long at most; return whether it has come.

        Raises
        ------
        Exception
            What ended the replay before its end, if something did.
        """
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return self.ended

    def stop(self) -> None:
        """End it now."""
        self._stopping.set()
        self._thread.join(10)

    def close(self) -> None:
        """End it and remove its table."""
        if self._thread.ident is not None:
            self.stop()
        self._table.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return self.quotes()._repr_html_()

    # -- playing -------------------------------------------------------------------------------------------

    def _play(self) -> None:
        began, first = time.monotonic(), self._steps.times[0] / 1e9
        try:
            for batches, at in self._steps.steps(self.speed):
                if self.speed > 0:
                    due = began + (at - first) / self.speed
                    if self._stopping.wait(max(due - time.monotonic(), 0.0)):
                        break
                elif self._stopping.is_set():
                    break
                self._clock = at
                self._path.pass_through(batches)
                self._table.write(self._path.latest.take_changed(), [self._row()])
            self._state = "stopped" if self._stopping.is_set() else "replay_ended"
            self._table.write((), [self._row()])
            self._log.info("replay_ended", events=self._path.counts.events, state=self._state)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the end
            self._state, self._error = "stopped", error
            self._log.exception("replay_failed", error=str(error))

    def _row(self) -> dict[str, Any]:
        counts = self._path.counts
        clock = self._clock
        return {
            "service": LABEL.lower(),
            "feed": self.label,
            "state": self._state,
            "detail": f"speed {self.speed:g}",
            "since": self._steps.times[0] / 1e9,
            "last_message": clock,
            "last_heartbeat": clock,
            "heartbeat_timeout": 60.0,
            "beat": clock,
            "subscribed": len(self._steps.symbols),
            "events": counts.events,
            "quarantined": counts.quarantined,
            "late": counts.late,
            "calendar": self._calendar,
            "replay": 1,
        }


class _Recorded:
    """The ticks of a day in the order in which they happened, kind by kind."""

    def __init__(self, frames: dict[str, pd.DataFrame]) -> None:
        times, origins, places = [], [], []
        self._columns: dict[str, list[Any]] = {}
        self._kinds = list(frames)
        symbols: set[str] = set()
        for number, (kind, frame) in enumerate(frames.items()):
            self._columns[kind] = _columns(kind, frame)
            # A bar is known when its minute is over, not when it begins.
            times.append(_nanoseconds(frame) + (_MINUTE if kind == "bars" else 0))
            origins.append(np.full(len(frame), number))
            places.append(np.arange(len(frame)))
            symbols.update(frame["symbol"].unique())
        joined = np.concatenate(times)
        order = np.argsort(joined, kind="stable")
        self.symbols = sorted(symbols)
        self.times = joined[order]
        self._origins = np.concatenate(origins)[order]
        self._places = np.concatenate(places)[order]

    def steps(self, speed: float) -> Iterator[tuple[list[Batch], float]]:
        """Yield what happened together, with the instant of its last event in seconds since 1970."""
        span = int(STEP_SECONDS * max(speed, 0.0) * 1e9)
        begin = 0
        while begin < len(self.times):
            if span:
                end = int(np.searchsorted(self.times, self.times[begin] + span, side="right"))
                end = min(end, begin + LARGEST_STEP)
            else:
                end = min(begin + LARGEST_STEP, len(self.times))
            at = self.times[end - 1] / 1e9
            batches = []
            origins, places = self._origins[begin:end], self._places[begin:end]
            for number, kind in enumerate(self._kinds):
                mine = places[origins == number]
                if len(mine):
                    parts = (column[mine].tolist() for column in self._columns[kind])
                    batches.append(Batch(kind, list(zip(*parts, strict=True)), at))
            yield batches, at
            begin = end


def _recorded(
    lake: Lake, day: date, symbols: Sequence[str] | None, kinds: Sequence[str], zone: str
) -> _Recorded:
    first = pd.Timestamp(day).tz_localize(zone).tz_convert("UTC")
    last = (pd.Timestamp(day) + pd.DateOffset(days=1)).tz_localize(zone).tz_convert("UTC")
    frames = {}
    for kind in dict.fromkeys(kinds):
        frame = lake.read(
            "intraday_bars" if kind == "bars" else kind,
            symbols=list(symbols) if symbols is not None else None,
            start=first.to_pydatetime(),
            end=(last - pd.Timedelta(microseconds=1)).to_pydatetime(),
            where={"interval": "1m"} if kind == "bars" else None,
        )
        if len(frame):
            frames[kind] = frame.sort_values("time", kind="stable", ignore_index=True)
    if not frames:
        asked = f" of {', '.join(symbols[:3])}" if symbols else ""
        raise MissingDataError(
            f"The lake has no {' or '.join(kinds)}{asked} of {day}; record some with `workbench stream`, "
            "or name another day."
        )
    return _Recorded(frames)


def _columns(kind: str, frame: pd.DataFrame) -> list[Any]:
    """Return a frame of the lake as the fields of a feed's events."""
    columns: list[Any] = []
    for name in FIELDS[kind]:
        if name == "time_ns":
            columns.append(_nanoseconds(frame))
        elif name in ("symbol", "trade_id", "conditions"):
            columns.append(frame[name].fillna("").astype(object).to_numpy())
        else:
            columns.append(frame[name].to_numpy(np.int64 if name == "sequence" else np.float64))
    return columns


def _nanoseconds(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    stamps: npt.NDArray[np.int64] = (
        frame["time"].dt.tz_localize(None).to_numpy().astype("M8[ns]").astype(np.int64)
    )
    return stamps


def _scratch(home: Path) -> Path:
    folder = home / SPILL_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
