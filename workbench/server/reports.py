"""The reports of a desk over HTTP: an index of runs, and the files of each run, read only."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from workbench.server.shell import PLACES, page

ROUTE = "workbench/reports"
KINDS = {".html": "Report", ".xlsx": "Excel", ".pdf": "PDF", ".ipynb": "Notebook", ".json": "Figures"}
# The run's own record: for the list of reports, not for reading.
RECORD = "run.json"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".pdf": "application/pdf",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# A report is a document of its own: it may run its own script, and reaches neither cookie nor network.
REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run's folder: its pipeline, its id, when its last file was written (UTC), and its files by name."""

    pipeline: str
    run_id: str
    written_at: datetime
    files: tuple[str, ...]


def report_runs(folder: Path) -> list[ReportRun]:
    """Return the runs under a desk's reports folder, newest first; what is being written is left out."""
    runs = []
    for place in folder.glob("*/*") if folder.is_dir() else ():
        if not place.is_dir() or any(part.startswith((".", "_")) for part in place.relative_to(folder).parts):
            continue
        files = [file for file in sorted(place.iterdir()) if file.suffix in KINDS and file.name != RECORD]
        if files:
            latest = max(file.stat().st_mtime for file in files)
            written_at = datetime.fromtimestamp(latest, UTC)
            names = sorted((file.name for file in files), key=_reading_order)
            runs.append(ReportRun(place.parent.name, place.name, written_at, tuple(names)))
    return sorted(runs, key=lambda run: run.written_at, reverse=True)


def reports_index(runs: list[ReportRun], *, base_url: str) -> str:
    """Return the index of reports as HTML."""
    if not runs:
        return (
            '<section class="wb-card"><p class="wb-state">No report has been made on this desk. '
            "Run <code>workbench run morning_risk</code>, then load this page again.</p></section>"
        )
    rows = []
    for run in runs:
        links = " ".join(
            f'<a href="{escape(_address(base_url, run, name))}">{escape(_label(name))}</a>'
            for name in run.files
        )
        rows.append(
            f'<tr><th scope="row">{escape(run.pipeline)}</th><td>{run.written_at:%a %d %b %Y, %H:%M} UTC</td>'
            f"<td><code>{escape(run.run_id)}</code></td><td>{links}</td></tr>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Pipeline", "Written", "Run", "Open"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<section class="wb-card">{table}</section>'


class ReportsIndexHandler(JupyterHandler):
    """The list of runs."""

    def initialize(self, folder: str, places: tuple[tuple[str, str], ...] = PLACES) -> None:
        """Take the reports folder of the desk."""
        self._folder = Path(folder)
        self._places = places

    @web.authenticated
    def get(self) -> None:
        """Answer with the index page."""
        runs = report_runs(self._folder)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            page(
                "Reports",
                reports_index(runs, base_url=self.base_url),
                base_url=self.base_url,
                place="Reports",
                note="newest first",
                places=self._places,
            )
        )


class ReportFileHandler(JupyterHandler):
    """One file of one run; nothing outside the reports folder, nothing hidden, no other kind of file."""

    def initialize(self, folder: str) -> None:
        """Take the reports folder of the desk."""
        self._folder = Path(folder).resolve()

    @property
    def content_security_policy(self) -> str:
        """Keep a report away from cookies and network."""
        return REPORT_POLICY

    @web.authenticated
    def get(self, path: str) -> None:
        """Answer with the file."""
        file = find_report_file(self._folder, path)
        if file is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is no such report on this desk.")
        self.set_header("Content-Type", CONTENT_TYPES[file.suffix])
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("Referrer-Policy", "no-referrer")
        if file.suffix != ".html":
            name = f"{file.parent.parent.name}-{file.parent.name}{file.suffix}"
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
        self.finish(file.read_bytes())


def find_report_file(folder: Path, path: str) -> Path | None:
    """Return the file that an address means, or None if it is not a report of this folder."""
    parts = Path(path).parts
    if len(parts) != 3 or "\x00" in path or any(part.startswith((".", "_")) for part in parts):
        return None
    file = (folder / path).resolve()
    inside = file.is_relative_to(folder.resolve())
    return file if inside and file.suffix in CONTENT_TYPES and file.is_file() else None


def report_handlers(
    base_url: str, home: Path, *, places: tuple[tuple[str, str], ...] = PLACES
) -> list[tuple[Any, ...]]:
    """Return the routes of a desk's reports."""
    folder = {"folder": str(home / "reports")}
    return [
        (url_path_join(base_url, ROUTE, "?"), ReportsIndexHandler, {**folder, "places": places}),
        (url_path_join(base_url, ROUTE, "(.+)"), ReportFileHandler, folder),
    ]


def _address(base_url: str, run: ReportRun, name: str) -> str:
    return url_path_join(
        base_url, ROUTE, *(quote(part, safe="") for part in (run.pipeline, run.run_id, name))
    )


def _label(name: str) -> str:
    file = Path(name)
    return file.stem.capitalize() if file.suffix == ".json" else KINDS[file.suffix]


def _reading_order(name: str) -> tuple[int, str]:
    return list(KINDS).index(Path(name).suffix), name
