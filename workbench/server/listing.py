"""The list of dashboards, which a reader sees first."""

import asyncio
import json
from html import escape
from pathlib import Path
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from workbench.server.shell import page


class ListHandler(JupyterHandler):
    """The list of dashboards."""

    def initialize(self, dashboards: str) -> None:
        """Take the folder of the dashboards."""
        self._dashboards = Path(dashboards)

    @web.authenticated
    async def get(self) -> None:
        """Answer with the list."""
        found = await asyncio.to_thread(list_dashboards, self._dashboards)
        self.set_header("Cache-Control", "no-store")
        self.finish(page("Dashboards", _list_html(found, self.base_url), base_url=self.base_url))


def list_dashboards(folder: Path) -> list[tuple[str, str, str]]:
    """Return path below the folder, title and description of each dashboard.

    Title and description are the notebook's metadata ``title`` and ``description``, else its file name.
    """
    found = []
    for file in sorted(folder.rglob("*.ipynb")):
        path = file.relative_to(folder)
        if any(part.startswith(".") for part in path.parts):
            continue
        try:
            metadata = json.loads(file.read_text(encoding="utf-8")).get("metadata", {})
        except (OSError, ValueError):
            metadata = {}
        title = metadata.get("title") or file.stem.replace("_", " ").capitalize()
        found.append((path.as_posix(), str(title), str(metadata.get("description", ""))))
    return found


def _list_html(found: list[tuple[str, str, str]], base_url: str) -> str:
    if not found:
        return (
            '<section class="wb-card"><p class="wb-state">There is no dashboard; '
            "install the project again, then load this page again.</p></section>"
        )
    rows = "".join(
        f'<tr><th scope="row"><a href="{escape(_page_address(base_url, path))}">{escape(title)}</a></th>'
        f"<td>{escape(description)}</td></tr>"
        for path, title, description in found
    )
    reports = escape(url_path_join(base_url, "workbench/reports/"))
    last = (
        f'<tr><th scope="row"><a href="{reports}">Reports</a></th><td>What the pipelines have made.</td></tr>'
    )
    head = '<thead><tr><th scope="col">Page</th><th scope="col">What it shows</th></tr></thead>'
    return f'<section class="wb-card"><table>{head}<tbody>{rows}{last}</tbody></table></section>'


def _page_address(base_url: str, path: str) -> str:
    return str(url_path_join(base_url, "voila/render", quote(path)))
