"""A server's port and the note that it leaves in the desk while it runs, without any secret."""

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil

from workbench.errors import PortInUseError, ServerSettingsError

Kind = Literal["dashboards", "lab"]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What anyone on this machine may know of a server: where it listens, not what opens it."""

    kind: str
    url: str
    port: int
    process: int
    started_at: str


def note_path(home: Path, kind: Kind) -> Path:
    """Return where a running server's note lies."""
    return home / f"server-{kind}.json"


def running_server(home: Path, kind: Kind) -> RunningServer | None:
    """Return the desk's server of that kind, or None if none runs; a note left by a kill is not believed."""
    try:
        known = RunningServer(**json.loads(note_path(home, kind).read_text(encoding="utf-8")))
        started = datetime.fromisoformat(known.started_at).timestamp()
        process = psutil.Process(known.process)
        # A later process may have got the same number: it began after the note was written.
        alive = process.is_running() and process.create_time() <= started + 1
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return known if alive else None


def write_note(home: Path, kind: Kind, *, url: str, port: int) -> RunningServer:
    """Leave the note of this process's server in the desk."""
    note = RunningServer(kind, url, port, os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))
    path = note_path(home, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".json.new")
    temporary.write_text(json.dumps(asdict(note), indent=2), encoding="utf-8")
    temporary.replace(path)
    return note


def remove_note(home: Path, kind: Kind) -> None:
    """Remove the note, if it is this process's."""
    path = note_path(home, kind)
    with suppress(OSError, ValueError):
        if json.loads(path.read_text(encoding="utf-8")).get("process") == os.getpid():
            path.unlink()


def listen(host: str, port: int, *, home: Path, kind: Kind) -> list[socket.socket]:
    """Return sockets that listen on the port; port 0 takes a free one.

    Raises
    ------
    PortInUseError
        If another program has the port; says so if it is this desk's own server.
    ServerSettingsError
        If the host is no address of this machine, or the port is not allowed.
    """
    from tornado.netutil import bind_sockets

    try:
        return bind_sockets(port, host)
    except PermissionError as error:
        raise ServerSettingsError(
            f"Port {port} is kept for the system; choose one from 1024 with --port."
        ) from error
    except socket.gaierror as error:
        raise ServerSettingsError(
            f"`{host}` is no address of this machine; choose another with --host."
        ) from error
    except OSError as error:
        if error.errno != 98:  # EADDRINUSE
            raise ServerSettingsError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
        raise port_in_use(port, home=home, kind=kind) from error


def port_in_use(port: int, *, home: Path, kind: Kind) -> PortInUseError:
    """Return the error that says who has the port and what to do."""
    own = running_server(home, kind)
    if own is not None and own.port == port:
        return PortInUseError(
            f"Port {port} is in use by this desk's own server (process {own.process}): open {own.url} with "
            f"the token printed when it started, or stop it first."
        )
    return PortInUseError(
        f"Port {port} is in use by another program; choose another with --port, or --port 0 for a free one."
    )


def address(host: str, port: int, *, tls: bool, base_url: str = "/") -> str:
    """Return the address that a browser opens."""
    shown = socket.gethostname() if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - shown, not bound
    return f"{'https' if tls else 'http'}://{f'[{shown}]' if ':' in shown else shown}:{port}{base_url}"
