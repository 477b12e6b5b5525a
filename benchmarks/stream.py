"""Measure the stream: events over a real socket, parsed, validated, in the live table and in the lake.

    python benchmarks/stream.py                  # 20,000 events a second for 30 s
    python benchmarks/stream.py --rate 40000 --seconds 60

A process of its own sends quotes and trades of 500 symbols, each stamped with the instant at which it is
sent. The stream worker runs as it does on a desk. A third process reads the live table, as a page does.
Prints one Markdown table. The peers are plain loops on the same events, in the same run: parsing alone, and
parsing into a dict without validation, table or lake.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SYMBOLS = 500
TICK = 0.005
SAMPLE_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=20_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder, if not given")
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    _tests_of_the_project()
    if options.send:
        asyncio.run(send(int(options.send[0]), float(options.send[1])))
        return
    if options.read:
        read(Path(options.read[0]), float(options.read[1]))
        return
    folder = Path(tempfile.mkdtemp(prefix="stream-benchmark-", dir=options.folder))
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n", flush=True)
    try:
        measure(folder, options.rate, options.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def measure(folder: Path, rate: int, seconds: float) -> None:
    from tests.servers.feed import PlainProvider
    from workbench.desk.stream import StreamWorker
    from workbench.desk.stream_line import StreamPlan
    from workbench.settings import load_settings
    from workbench.store import Lake, Ledger

    sender = subprocess.Popen(
        [sys.executable, __file__, "--send", str(rate), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    url = sender.stdout.readline().strip()
    reader = subprocess.Popen(
        [sys.executable, __file__, "--read", str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    provider = PlainProvider("", url, history=())
    names = tuple(f"S{number:04d}" for number in range(SYMBOLS))
    lake, ledger = Lake.open(folder / "lake"), Ledger.open(folder / "ledger.sqlite")
    plan = StreamPlan("plain", names, lambda: provider)
    worker = StreamWorker(folder, load_settings(folder), lake, ledger, [plan])
    depths: list[tuple[int, int]] = []
    shown = Latencies()
    sent: dict[str, float] = {}

    async def run() -> bool:
        task = asyncio.create_task(worker.run())
        while not worker.lines:
            await asyncio.sleep(0.01)
        shown.watch(worker)
        began, cpu = None, 0.0
        told = asyncio.create_task(asyncio.to_thread(sender.stdout.readline))
        while not told.done():
            await asyncio.sleep(SAMPLE_SECONDS)
            line = worker.lines[0]
            if began is None and line.runner.path.counts.events:
                began, cpu = time.monotonic(), _cpu()
            if began is not None:
                depths.append((line.runner.pending_events, line.queue.depth))
        shown.cpu = (_cpu() - cpu) / (time.monotonic() - (began or 0.0))
        await asyncio.sleep(0.5)
        worker.stop()
        sent.update(json.loads(await told))
        return await task

    began = time.monotonic()
    done = asyncio.run(run())
    drained = time.monotonic() - began
    sender.wait()
    seen = json.loads(reader.communicate()[0])
    counts = worker.lines[0].runner.path.counts
    held = sum(lake.tables().loc[["quotes", "trades"], "rows"])
    gaps, shed = len(lake.read("feed_gaps")), worker.lines[0].queue.shed
    half = len(depths) // 2
    first, last = (max((depth for _, depth in part), default=0) for part in (depths[:half], depths[half:]))
    parse, fold = peers(rate)
    rows = [
        (
            "sent",
            f"{rate:,} a second",
            f"{sent['events'] / sent['seconds']:,.0f} events/s for {sent['seconds']:.0f} s",
        ),
        ("validated", "all", f"{counts.events:,} of {sent['events']:,}, {counts.quarantined} quarantined"),
        (
            "in the lake, counted afterwards",
            "all, once",
            f"{held:,}, {gaps} gaps, {shed} shed, durable: {done}",
        ),
        ("not yet validated, at most", "flat", f"{max(depth for depth, _ in depths):,}"),
        ("not yet in the lake, at most: first half, second half", "flat", f"{first:,}, {last:,}"),
        ("sent to latest value and live table", "p99 < 20 ms", shown.text()),
        ("sent to seen by another process that asks every 10 ms", "", _percentiles(seen["latency"])),
        ("500 quotes by another process, during the stream", "< 2 ms", _percentiles(seen["read"])),
        ("CPU of the stream's process", "two cores", f"{shown.cpu:.2f} cores, {_memory():,.0f} MiB at most"),
        ("all of it, with the last commit", "", f"{drained:.0f} s"),
        ("peer: parse alone", "", f"{parse:,.0f} events/s a core"),
        ("peer: parse into a dict, nothing else", "", f"{fold:,.0f} events/s a core"),
    ]
    print("| question | goal | measured |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
    lake.close()
    ledger.close()


class Latencies:
    """How long after it was sent each event was in the live table."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.cpu = 0.0

    def watch(self, worker: Any) -> None:
        """Look at each event when the live table has it."""
        times: list[Any] = []
        worker.lines[0].runner.path.subscribe(lambda events: times.append(events.times))
        write = worker.live.write

        def timed(*given: Any) -> None:
            write(*given)
            now = time.time_ns()
            for stamps in times:
                self.milliseconds += ((now - stamps) / 1e6).tolist()
            times.clear()

        worker.live.write = timed

    def text(self) -> str:
        """Return the percentiles."""
        return _percentiles(self.milliseconds)


async def send(rate: int, seconds: float) -> None:
    """Serve one client with events at a steady rate."""
    from websockets.asyncio.server import serve

    done = asyncio.get_running_loop().create_future()

    async def talk(socket: Any) -> None:
        subscribed = 0
        while subscribed < 6:  # quotes and trades of 500 symbols come in three pieces each
            said = json.loads(await socket.recv())
            await socket.send('{"ok": "done"}')
            subscribed += said["do"] == "subscribe"
        await asyncio.sleep(1.0)
        draw = random.Random(1)
        names = [f"S{number:04d}" for number in range(SYMBOLS)]
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(rate * passed) - sent
            for _ in range(max(due // 50, 0)):
                now = time.time_ns()
                quotes = [
                    [draw.choice(names), now + place, sent + place, 100.01, 100.03, 3.0, 2.0]
                    for place in range(40)
                ]
                trades = [
                    [draw.choice(names), now + place, str(sent + 40 + place), 100.02, 50.0, "@"]
                    for place in range(10)
                ]
                await socket.send(json.dumps({"quotes": quotes, "trades": trades}))
                sent += 50
            await asyncio.sleep(TICK)
        print(json.dumps({"events": sent, "seconds": time.monotonic() - began}), flush=True)
        await socket.wait_closed()
        done.set_result(None)

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await done


def read(folder: Path, seconds: float) -> None:
    """Ask for the quotes of all symbols every 10 ms, as a page does, through the desk's own function."""
    from workbench.desk.live import live_quotes
    from workbench.settings import load_settings
    from workbench.store.live import LIVE_FILE, LiveTable

    settings = load_settings(folder)
    table = LiveTable(folder / LIVE_FILE)
    names = [f"S{number:04d}" for number in range(SYMBOLS)]
    while len(table.quotes(names)) < SYMBOLS:
        time.sleep(0.05)
    known: dict[str, int] = {}
    latency: list[float] = []
    took: list[float] = []
    end = time.monotonic() + max(seconds - 5.0, 1.0)
    live_quotes(table, settings, time.time(), names)
    while time.monotonic() < end:
        began = time.perf_counter()
        live_quotes(table, settings, time.time(), names)
        took.append((time.perf_counter() - began) * 1e3)
        rows = table.quotes(names)
        now = time.time_ns()
        for row in rows:
            if known.get(row[0]) != row[8]:
                known[row[0]] = row[8]
                latency.append((now - row[8]) / 1e6)
        time.sleep(0.01)
    print(json.dumps({"latency": latency[SYMBOLS:], "read": took}))


def peers(rate: int) -> tuple[float, float]:
    """Return events a second of parsing alone, and of parsing into a dict of the newest."""
    from pydantic_core import from_json

    now = time.time_ns()
    frames = [
        json.dumps(
            {"quotes": [[f"S{n % SYMBOLS:04d}", now + n, n, 100.01, 100.03, 3.0, 2.0] for n in range(50)]}
        ).encode()
        for _ in range(400)
    ]
    began = time.process_time()
    for frame in frames:
        from_json(frame)
    parse = len(frames) * 50 / (time.process_time() - began)
    newest: dict[str, Any] = {}
    began = time.process_time()
    for frame in frames:
        for row in from_json(frame)["quotes"]:
            newest[row[0]] = row
    return parse, len(frames) * 50 / (time.process_time() - began)


def _percentiles(values: list[float]) -> str:
    if not values:
        return "none"
    ordered = sorted(values)
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99, 0.999)]
    return f"p50 {at[0]:.1f}, p99 {at[1]:.1f}, p99.9 {at[2]:.1f} ms"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _tests_of_the_project() -> None:
    """Let the plain feed of the project's tests be imported, whatever else is named tests."""
    tests = types.ModuleType("tests")
    tests.__path__ = [str(PROJECT / "tests")]
    sys.modules["tests"] = tests


if __name__ == "__main__":
    main()
