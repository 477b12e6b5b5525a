"""The state of a desk, and whether every part that it needs is there."""

import importlib
import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pandas as pd

import workbench
from workbench.desk.clock import AsOf
from workbench.desk.frames import table_html
from workbench.errors import DeskHomeError, MissingKernelError, WorkbenchError
from workbench.settings import DeskSettings, home_folder, load_settings, project_folder
from workbench.store import Lake, Ledger

WORKER_LEASE = "worker"
LOW_DISK_BYTES = 1_000_000_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass(frozen=True)
class DeskStatus:
    """What the desk holds and what it did last; sizes in bytes, times in UTC."""

    home: Path
    name: str
    version: str
    as_of: AsOf
    lake_bytes: int
    ledger_bytes: int
    tables: pd.DataFrame
    runs: pd.DataFrame
    alerts: pd.DataFrame
    outbox: pd.DataFrame
    worker: str | None

    @property
    def open_alerts(self) -> int:
        """How many alerts nobody has acknowledged."""
        return int(self.alerts["acknowledged_at"].isna().sum()) if len(self.alerts) else 0

    def _repr_html_(self) -> str:
        size = f"lake {self.lake_bytes / 1e6:,.1f} MB, ledger {self.ledger_bytes / 1e6:,.1f} MB"
        worker = self.worker or "not running"
        note = f"{self.as_of.note} · {size} · {self.open_alerts} open alerts · worker {worker}"
        return table_html(self.tables, title=self.name, note=note, formats={}) + table_html(
            self.runs, title="Last runs", note="", formats={}
        )


def desk_status(
    home: Path, *, settings: DeskSettings, lake: Lake, ledger: Ledger, as_of: AsOf, now: pd.Timestamp
) -> DeskStatus:
    """Return the state of an open desk."""
    ledger_files = home.glob("ledger.sqlite*")
    return DeskStatus(
        home=home,
        name=settings.name,
        version=workbench.__version__,
        as_of=as_of,
        lake_bytes=lake.size_bytes,
        ledger_bytes=sum(file.stat().st_size for file in ledger_files),
        tables=lake.tables(),
        runs=ledger.runs.frame(limit=5),
        alerts=ledger.alerts.frame(),
        outbox=ledger.outbox.frame(),
        worker=ledger.leases.holder(WORKER_LEASE, now),
    )


def require_whole(home: Path) -> None:
    """Refuse a desk whose ledger is gone while its lake is not: a new one would hide every fill.

    Raises
    ------
    DeskHomeError
        If the ledger is missing or empty beside data.
    """
    ledger = home / "ledger.sqlite"
    if ledger.exists() and ledger.stat().st_size > 0:
        return
    # Nothing is written into the lake before there is a ledger.
    if next((home / "lake" / "data").rglob("*.parquet"), None) is not None:
        raise DeskHomeError(
            f"The ledger {ledger} is gone or empty, and the lake beside it is not; "
            "restore the desk from a backup into a new folder."
        )


@dataclass(frozen=True)
class Check:
    """One part of the installation: its state, what was found, and how to mend it."""

    part: str
    state: Literal["ok", "missing", "broken", "optional"]
    found: str
    remedy: str = ""


def examine(home: str | Path | None = None) -> list[Check]:
    """Look at every part that a desk needs; nothing is changed and nothing raises."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("Lake engine", _lake_engine),
        ("Packages", _packages),
        ("Sample data", _sample_data),
        ("Jupyter kernel", _kernel),
        ("Notebooks", _notebooks),
        ("Chromium", _chromium),
        ("Desk", lambda: _desk(home)),
        ("Settings", lambda: _settings(home)),
        ("Disk", lambda: _disk(home)),
    ]
    return [_guarded(part, check) for part, check in checks]


def _guarded(part: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except WorkbenchError as error:
        return Check(part, "broken", str(error))
    except Exception as error:  # noqa: BLE001 - a check that fails is itself the finding
        found = " ".join(f"{type(error).__name__}: {error}".split())
        return Check(part, "broken", found, "Install the project again.")


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", "ok", version)


def _lake_engine() -> Check:
    with TemporaryDirectory() as folder:
        Lake.open(Path(folder) / "lake").close()
    names = ("duckdb", "duckdb-extension-ducklake", "duckdb-extension-sqlite-scanner")
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return Check("Lake engine", "ok", found)


def _packages() -> Check:
    required = importlib.metadata.requires("workbench-desk") or []
    names = [text.split(";")[0] for text in required if "extra ==" not in text]
    bare = [name.split("[")[0].split("=")[0].split(">")[0].split("<")[0].strip() for name in names]
    absent = [name for name in bare if not _installed(name)]
    if absent:
        return Check("Packages", "missing", ", ".join(absent), "pip install -e .")
    return Check("Packages", "ok", f"{len(bare)} of {len(bare)} installed")


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _sample_data() -> Check:
    if importlib.util.find_spec("bokeh_sampledata") is None:
        return Check("Sample data", "missing", "bokeh_sampledata", "pip install -e .")
    return Check("Sample data", "ok", f"bokeh_sampledata {importlib.metadata.version('bokeh_sampledata')}")


def require_kernel() -> None:
    """Refuse to go on where this interpreter can start no notebook kernel.

    Raises
    ------
    MissingKernelError
        If ipykernel is not there, or cannot be imported.
    """
    try:
        importlib.import_module("ipykernel")
    except Exception as error:
        raise MissingKernelError(
            f"No notebook can run: ipykernel of {sys.executable} cannot be imported ({error}); "
            f"`{sys.executable} -m pip install --force-reinstall ipykernel` may mend it."
        ) from error


def _kernel() -> Check:
    require_kernel()
    return Check("Jupyter kernel", "ok", f"ipykernel {importlib.metadata.version('ipykernel')}")


def _notebooks() -> Check:
    counts = {name: len(list(project_folder(name).glob("*.ipynb"))) for name in _FACES}
    return Check("Notebooks", "ok", ", ".join(f"{count} in {name}" for name, count in counts.items()))


_FACES: tuple[Literal["notebooks", "dashboards", "pipelines"], ...] = ("notebooks", "dashboards", "pipelines")


def _chromium() -> Check:
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if found is None:
        remedy = "Only for PDF reports and browser tests: apt-get install chromium"
        return Check("Chromium", "optional", "not found", remedy)
    return Check("Chromium", "ok", found)


def _desk(home: str | Path | None) -> Check:
    folder = home_folder(home)
    require_whole(folder)
    if not (folder / "ledger.sqlite").exists():
        return Check("Desk", "missing", str(folder), f"workbench demo --home {folder}")
    lake = Lake.open(folder / "lake", read_only=True)
    ledger = Ledger.open(folder / "ledger.sqlite")
    try:
        rows = int(lake.tables()["rows"].sum())
        return Check("Desk", "ok", f"{folder}, {rows:,} rows in the lake")
    finally:
        lake.close()
        ledger.close()


def _settings(home: str | Path | None) -> Check:
    settings = load_settings(home_folder(home))
    clock = settings.clock.as_of.isoformat() if settings.clock.as_of else "wall clock"
    return Check("Settings", "ok", f"role {settings.role}, clock {clock}")


def _disk(home: str | Path | None) -> Check:
    folder = home_folder(home)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free"
    if free < LOW_DISK_BYTES:
        return Check("Disk", "broken", text, "Free some space: the desk needs 1 GB.")
    return Check("Disk", "ok", text)
