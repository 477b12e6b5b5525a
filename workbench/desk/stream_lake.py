"""What a feed brought, on its way into the lake: a queue whose bounds are seen, and a thread that writes.

Memory first, then files of the desk's own, then a marked gap with its count: nothing leaves silently. The
lake keeps one row a key, so a chunk that is tried again after a fault is there once.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from workbench.desk.logs import get_logger
from workbench.desk.stream_checks import Bad, Events
from workbench.desk.stream_gaps import Gap, gap_frame
from workbench.errors import WorkbenchError
from workbench.store import Lake

LARGEST_CHUNK = 100_000
"""Events that go to the lake in one commit, and into one file where they have to wait on the disk."""
MOST_BAD_ROWS = 500
"""Bad rows a commit that are kept word for word; of the rest the count is kept."""
LONGEST_TEXT = 500
COMPACT_AFTER = 300
"""Commits after which their small files are merged; a day of ticks would otherwise be thousands."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0


@dataclass(slots=True, eq=False)
class _Chunk:
    """Things that came together, in their order; `until` is the instant up to which they are everything."""

    events: list[Events] = field(default_factory=list)
    bad: list[tuple[int, str, Bad]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    until: float | None = None
    size: int = 0
    spilled: list[tuple[str, Path]] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.bad or self.gaps or self.spilled or self.counted)


class LakeQueue:
    """Takes a feed's events at once and writes them to the lake in a thread of its own.

    Parameters
    ----------
    lake : Lake
        Open for writing.
    source : str
        The provider's label, kept with each row.
    folder : Path
        Where events wait when memory's bound is reached; made when needed.
    seconds : float
        How often the thread writes.
    largest_queue, largest_spill : int
        Events kept in memory, and then on disk.
    on_durable : callable
        Told the instant (seconds since 1970) up to which all that came is in the lake; in the thread.
    on_shed : callable
        Told the events that found no room at all; returns the gaps that mark them.
    on_gaps : callable
        Told the gaps that are in the lake now; in the thread.

    Attributes
    ----------
    depth, spilled, shed : int
        Events in memory, on disk, and lost to a marked gap so far.
    trouble : str
        Why the lake took nothing at the last try; empty when it did.
    """

    def __init__(
        self,
        lake: Lake,
        source: str,
        folder: Path,
        *,
        seconds: float,
        largest_queue: int,
        largest_spill: int,
        on_durable: Callable[[float], None],
        on_shed: Callable[[list[Events]], list[Gap]],
        on_gaps: Callable[[list[Gap]], None],
    ) -> None:
        self.depth = self.spilled = self.shed = self.written = 0
        self.trouble = ""
        self._lake = lake
        self._source = source
        self._folder = folder
        self._seconds = seconds
        self._largest_queue = largest_queue
        self._largest_spill = largest_spill
        self._on_durable = on_durable
        self._on_shed = on_shed
        self._on_gaps = on_gaps
        self._largest_chunk = max(min(LARGEST_CHUNK, largest_queue // 4), 1)
        self._chunks: deque[_Chunk] = deque([_Chunk()])
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._abandoned = False
        self._number = 0
        self._commits = 0
        self._log = get_logger("stream", source=source)
        self._spiller: threading.Thread | None = None
        self._thread = threading.Thread(target=self._work, name=f"lake of {source}", daemon=True)
        self._thread.start()

    # -- what the stream does ------------------------------------------------------------------------------

    def put(
        self,
        events: Sequence[Events] = (),
        bad: Sequence[tuple[str, Bad]] = (),
        gaps: Sequence[Gap] = (),
        *,
        until: float | None = None,
    ) -> None:
        """Take what came, and the instant up to which it is everything. Never waits."""
        with self._lock:
            if self._chunks[-1].size >= self._largest_chunk:
                self._chunks.append(_Chunk())
            chunk = self._chunks[-1]
            chunk.events += events
            chunk.gaps += gaps
            now = int(time.time() * 1e6)
            for kind, row in bad:
                if len(chunk.bad) < MOST_BAD_ROWS:
                    chunk.bad.append((now + len(chunk.bad), kind, row))
                else:
                    chunk.counted[kind] = chunk.counted.get(kind, 0) + 1
            count = sum(map(len, events))
            chunk.size += count
            self.depth += count
            if until is not None:
                chunk.until = until
            full = self.depth > self._largest_queue
        if self.depth >= self._largest_chunk:
            self._wake.set()
        if full:
            self._make_room()

    def drain(self, seconds: float) -> bool:
        """Write all that is left; return whether it was done within so many seconds."""
        self._ending = True
        self._wake.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._abandoned = True
            return False
        return True

    # -- bounds --------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Move the oldest chunks to the disk in a thread of its own; without room there, give them up."""
        if self._spiller is not None and self._spiller.is_alive():
            if self.depth > 2 * self._largest_queue:
                self._give_up()  # the disk does not keep up either
            return
        if self.spilled >= self._largest_spill:
            self._give_up()
            return
        with self._lock:
            # The first may be in the writer's hands, the last is still being filled.
            chosen = [chunk for chunk in list(self._chunks)[1:-1] if chunk.events]
            if not chosen and len(self._chunks) == 1:
                self._chunks.append(_Chunk())
        if chosen:
            self._spiller = threading.Thread(target=self._spill, args=(chosen,), daemon=True)
            self._spiller.start()
        elif self.depth > 2 * self._largest_queue:
            self._give_up()

    def _spill(self, chunks: list[_Chunk]) -> None:
        for chunk in chunks:
            files: list[tuple[str, Path]] = []
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                for table, rows in _by_table(chunk.events).items():
                    self._number += 1
                    path = self._folder / f"{table}-{time.time_ns()}-{self._number}.arrow"
                    _save(path, rows)
                    files.append((table, path))
            except OSError as error:
                self._log.error("spill_failed", error=str(error))
                for _, path in files:
                    path.unlink(missing_ok=True)
                return
            with self._lock:
                if chunk not in self._chunks or self._chunks[0] is chunk:
                    for _, path in files:
                        path.unlink(missing_ok=True)
                    continue
                chunk.events, chunk.spilled = [], [*chunk.spilled, *files]
                self.depth -= chunk.size
                self.spilled += chunk.size
        self._log.warning("lake_is_slow", on_disk=self.spilled, in_memory=self.depth)

    def _give_up(self) -> None:
        """Let go of the oldest events that nobody holds, and mark them where they were."""
        with self._lock:
            for chunk in list(self._chunks)[1:]:
                if self.depth <= self._largest_queue // 2:
                    break
                if not chunk.events:
                    continue
                # In the same chunk: what is told to be durable then includes the mark.
                chunk.gaps += self._on_shed(chunk.events)
                self.depth -= chunk.size
                self.shed += chunk.size
                chunk.events, chunk.size = [], 0

    # -- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        wait = _FIRST_WAIT
        self._store_leftovers()
        while not self._abandoned:
            chunk = self._first()
            if chunk is None:
                if self._ending:
                    return
                self._wake.wait(self._seconds)
                self._wake.clear()
                continue
            try:
                self._store(chunk)
            except Exception as error:  # noqa: BLE001 - a busy or full lake is tried again, whatever it says
                if self.trouble != str(error):
                    self._log.warning("lake_refused", error=str(error), waiting=self.depth + self.spilled)
                self.trouble = str(error)
                time.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT if isinstance(error, WorkbenchError) else 2.0)
                continue
            self.trouble, wait = "", _FIRST_WAIT
            if self._commits >= COMPACT_AFTER and not self._ending:
                self._tidy()
            if not self._ending and self.depth < self._largest_chunk and self.spilled == 0:
                self._wake.wait(self._seconds)
                self._wake.clear()

    def _first(self) -> _Chunk | None:
        """Return the oldest chunk, which from now on nobody else changes."""
        with self._lock:
            chunk = self._chunks[0]
            if chunk.is_empty and chunk.until is None and len(self._chunks) == 1:
                return None
            if len(self._chunks) == 1:
                self._chunks.append(_Chunk())
            return chunk

    def _store(self, chunk: _Chunk) -> None:
        for table, path in chunk.spilled:
            if path.exists():
                self._lake.write(table, _load(path), source=self._source)
        for table, rows in _by_table(chunk.events).items():
            self._lake.write(table, rows, source=self._source)
            self._commits += 1
        if chunk.bad or chunk.counted:
            self._lake.write("quarantine", _bad_frame(chunk), source=f"{self._source}, live")
        if chunk.gaps:
            self._lake.write("feed_gaps", gap_frame(chunk.gaps), source=self._source)
            self._on_gaps(chunk.gaps)
        if chunk.until is not None:
            self._on_durable(chunk.until)
        for _, path in chunk.spilled:
            path.unlink(missing_ok=True)
        with self._lock:
            self._chunks.popleft()
            if chunk.spilled:
                self.spilled -= chunk.size
            else:
                self.depth -= chunk.size
            self.written += chunk.size

    def _tidy(self) -> None:
        self._commits = 0
        began = time.monotonic()
        try:
            self._lake.compact()
        except WorkbenchError as error:
            self._log.warning("lake_not_compacted", error=str(error))
        else:
            self._log.info("lake_compacted", seconds=round(time.monotonic() - began, 2))

    def _store_leftovers(self) -> None:
        """Store what a process before us put on the disk and did not live to store."""
        for path in sorted(self._folder.glob("*.arrow")) if self._folder.is_dir() else []:
            with contextlib.suppress(OSError, pa.ArrowException, WorkbenchError):
                self._lake.write(path.name.split("-")[0], _load(path), source=self._source)
                path.unlink()


def _by_table(events: Sequence[Events]) -> dict[str, pa.Table]:
    found: dict[str, list[pa.Table]] = {}
    for each in events:
        found.setdefault(each.table, []).append(each.to_arrow())
    return {table: pa.concat_tables(parts) for table, parts in found.items()}


def _save(path: Path, rows: pa.Table) -> None:
    beside = path.with_suffix(".part")
    with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    beside.replace(path)


def _load(path: Path) -> pa.Table:
    with pa.OSFile(str(path), "rb") as source:
        return pa.ipc.open_file(source).read_all()


def _bad_frame(chunk: _Chunk) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {"table": kind, "line": line, "reason": reason, "text": text[:LONGEST_TEXT]}
        for line, kind, (_, reason, text) in chunk.bad
    ]
    after = max((line for line, _, _ in chunk.bad), default=int(time.time() * 1e6)) + 1
    for kind, count in chunk.counted.items():
        reason = f"{count:,} more rows of the same seconds, counted and not kept"
        rows.append({"table": kind, "line": after, "reason": reason, "text": ""})
    return pd.DataFrame(rows)
