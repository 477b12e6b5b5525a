"""Real servers over sockets, one at a time, each a process of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOKEN = "test-token-0123456789abcdef"
PROGRAM = """
import sys
from workbench.server import launch_lab, serve_dashboards
serve = {"dashboards": serve_dashboards, "lab": launch_lab}[sys.argv[1]]
options = eval(sys.argv[3])
serve(sys.argv[2], port=0, on_ready=lambda url: print(url, flush=True), **options)
"""


@dataclass
class Server:
    """A running server: its address, its token, and what it wrote."""

    process: subprocess.Popen
    url: str
    token: str
    home: Path
    written: list[str] = field(default_factory=list)

    def at(self, path: str) -> str:
        return self.url.rstrip("/") + "/" + path.lstrip("/")

    def known(self, path: str) -> str:
        return f"{self.at(path)}{'&' if '?' in path else '?'}token={self.token}"

    def log_in(self, reader, password: str, after: str = "/"):
        """Send the login form as a browser does, with the hidden field that the form holds."""
        form = reader.get(self.at(f"/login?next={after}")).text
        hidden = re.search(r'name="_xsrf" value="([^"]+)"', form).group(1)
        return reader.post(self.at(f"/login?next={after}"), data={"password": password, "_xsrf": hidden})


@contextlib.contextmanager
def serving(kind: str, home: Path, **options):
    """Run a server until the block ends."""
    options = {"token": TOKEN, **options}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WORKBENCH_", "JUPYTER_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kind, str(home), repr(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    written: list[str] = []
    ready = threading.Event()

    def read():
        for line in process.stdout:
            written.append(line)
            if line.startswith("http"):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    ready.wait(60)
    first = next((line.strip() for line in written if line.startswith("http")), None)
    assert first, "".join(written)
    try:
        address, token = first.split("?token=")
        yield Server(process, address.removesuffix("lab"), token, home, written)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@pytest.fixture(scope="session")
def run_server():
    """What starts a server: `with run_server("dashboards", home) as server`."""
    return serving
