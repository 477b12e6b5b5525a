"""The lock: one at a time, in turn, and free when its holder dies."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workbench.errors import StoreBusyError
from workbench.store.lock import StoreLock

TAKE_TURNS = """
import json, os, sys, time
from pathlib import Path
from workbench.store.lock import StoreLock

class Watched(StoreLock):
    def _draw_ticket(self):
        ticket = super()._draw_ticket()
        self.drawn = time.monotonic()
        return ticket

lock, turns = Watched(Path(sys.argv[1])), []
print("ready", flush=True); sys.stdin.readline()
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    lock.drawn, began = None, time.monotonic()
    with lock.hold("a turn", 30):
        turns.append((began, lock.drawn, time.monotonic()))
        marker = os.open(sys.argv[1] + ".inside", os.O_CREAT | os.O_EXCL)  # fails if another is inside
        time.sleep(0.005)
        os.close(marker)
        os.unlink(sys.argv[1] + ".inside")
print(json.dumps(turns))
"""
HOLD = """
import sys, time
from pathlib import Path
from workbench.store.lock import StoreLock
with StoreLock(Path(sys.argv[1])).hold("a long turn", 30):
    print("held", flush=True)
    time.sleep(60)
"""
WAIT = """
import sys
from pathlib import Path
from workbench.store.lock import StoreLock
print("waiting", flush=True)
with StoreLock(Path(sys.argv[1])).hold("a turn", 60):
    print("held", flush=True)
"""


def run(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_take_turns_and_none_waits_long(tmp_path):
    """Who asks after another has a ticket comes after it, however busy the machine is."""
    processes = [run(TAKE_TURNS, tmp_path / "lock", 3) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    turns = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert min(map(len, turns)) > 20
    in_order = sorted((held, began, drawn) for each in turns for began, drawn, held in each)
    # Behind a head that does not move for a second, as when its process is stopped, anyone may try.
    queued = [(drawn, held) for held, _, drawn in in_order if drawn is not None and held - drawn < 1]
    assert len(queued) > 100
    for drawn, held in queued:
        overtook = [began for other, began, _ in in_order if began > drawn and other < held]
        assert not overtook
    assert max(held - began for held, began, _ in in_order) < 1.5


def test_a_holder_that_is_killed_leaves_the_lock_free(tmp_path):
    process = run(HOLD, tmp_path / "lock")
    assert process.stdout.readline() == "held\n"
    with (
        pytest.raises(StoreBusyError, match=f"process {process.pid}, a long turn"),
        StoreLock(tmp_path / "lock").hold("mine", 0.1),
    ):
        pass
    process.kill()
    process.wait()
    with StoreLock(tmp_path / "lock").hold("mine", 1):
        pass


def test_a_waiter_that_is_killed_or_stopped_does_not_block_the_queue(tmp_path):
    lock = StoreLock(tmp_path / "lock")
    with lock.hold("mine", 1):
        killed, stopped = run(WAIT, tmp_path / "lock"), run(WAIT, tmp_path / "lock")
        for process in (killed, stopped):
            assert process.stdout.readline() == "waiting\n"
        while len(list((tmp_path / "lock.queue").iterdir())) < 2:
            time.sleep(0.01)
        killed.kill()
        killed.wait()
        stopped.send_signal(signal.SIGSTOP)
    with lock.hold("mine again", 10):
        pass
    waiter = threading.Thread(target=lambda: lock._acquire("another", 10))
    began = time.monotonic()
    waiter.start()
    waiter.join(10)
    assert time.monotonic() - began < 5
    stopped.send_signal(signal.SIGCONT)
    stopped.kill()
    stopped.wait()


def test_threads_of_one_process_exclude_each_other(tmp_path):
    inside, most, lock = [0], [0], StoreLock(tmp_path / "lock")

    def work():
        for _ in range(10):
            with lock.hold("a turn", 10):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert list((tmp_path / "lock.queue").iterdir()) == []


def test_an_error_inside_gives_the_lock_back(tmp_path):
    lock = StoreLock(tmp_path / "lock")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ZeroDivisionError), lock.hold("mine", 1):
        raise ZeroDivisionError
    with lock.hold("mine", 0.1):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
