"""Scripts, styles and fonts of our pages, from the packages that bring them: no page asks another host.

The version stands in the address, so a browser may keep an asset for a year and an upgrade still shows.
"""

import hashlib
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_path
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from workbench.plots import css_variables

PREFIX = "workbench/assets"
ONE_YEAR = 365 * 24 * 3600
STATIC = Path(__file__).resolve().parent.parent / "views" / "static"
TEMPLATES = Path(__file__).resolve().parent.parent / "views" / "jupyter"


class AssetHandler(StaticFileHandler):
    """Files of one or several folders, to be kept by the browser for a year."""

    def initialize(self, roots: list[str]) -> None:  # type: ignore[override]
        """Take the folders; a file is looked up in their order."""
        self._roots = [str(Path(root).resolve()) for root in roots]
        super().initialize(path=self._roots[0])

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Find the file in the first folder that has it; nothing outside the folders is ever served."""
        relative = Path(absolute_path).relative_to(root) if _inside(absolute_path, root) else None
        if relative is None:
            raise HTTPError(404)
        for folder in self._roots:
            candidate = Path(folder, relative).resolve()
            if candidate.is_file() and _inside(str(candidate), folder):
                self.root = folder
                return str(candidate)
        raise HTTPError(404)

    def get_cache_time(self, path: str, modified: Any, mime_type: str) -> int:
        """Let the browser keep the file for a year."""
        return ONE_YEAR

    def set_extra_headers(self, path: str) -> None:
        """Say that the answer is for this reader alone and never changes under its address."""
        _allow_keeping(self)


class TokensHandler(RequestHandler):
    """The tokens of the look as a style sheet, made from the one place that holds them."""

    def get(self) -> None:
        """Answer with the CSS variables."""
        self.set_header("Content-Type", "text/css; charset=utf-8")
        _allow_keeping(self)
        self.finish(css_variables())


def asset_handlers(base_url: str) -> list[tuple[Any, ...]]:
    """Return the routes of every asset, the same for both servers."""
    root = url_path_join(base_url, PREFIX)

    def route(pattern: str, *folders: Path) -> tuple[Any, ...]:
        return (url_path_join(root, pattern), AssetHandler, {"roots": [str(folder) for folder in folders]})

    return [
        route(r"panel/[^/]+/dist/(.*)", _package("panel") / "dist"),
        route(r"bokeh/[^/]+/(.*)", _package("bokeh") / "server" / "static"),
        (url_path_join(root, r"static/[^/]+/tokens\.css"), TokensHandler),
        route(r"static/[^/]+/(.*)", STATIC),
        route(r"voila/[^/]+/static/(.*)", *_voila_static()),
        route(r"labextensions/[^/]+/(.*)", *_labextensions()),
    ]


@cache
def asset_urls() -> dict[str, str]:
    """Return each kind of asset's folder below the base address, with its version in it."""
    return {
        "panel": f"{PREFIX}/panel/{version('panel')}/dist",
        "bokeh": f"{PREFIX}/bokeh/{version('bokeh')}",
        "static": f"{PREFIX}/static/{_static_version()}",
        "voila": f"{PREFIX}/voila/{version('voila')}/static",
        "labextensions": f"{PREFIX}/labextensions/{_extensions_version()}",
    }


@cache
def panel_scripts() -> list[str]:
    """Return the scripts that a page loads before Panel's own loader runs, below Panel's folder."""
    dist = _package("panel") / "dist"
    patterns = (
        "bundled/datatabulator/luxon/build/global/luxon.min.js",
        "bundled/datatabulator/tabulator-tables@*/dist/js/tabulator.min.js",
        "panel.min.js",
    )
    return [file.relative_to(dist).as_posix() for pattern in patterns for file in dist.glob(pattern)]


def _static_version() -> str:
    """Return a short hash of our own files, so that a change of one shows at once."""
    digest = hashlib.sha256(Path(__file__).with_name("assets.py").read_bytes())
    for file in sorted([*STATIC.rglob("*"), STATIC.parent.parent / "plots" / "theme.py"]):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _extensions_version() -> str:
    names = ("jupyter_bokeh", "voila", "ipywidgets", "jupyterlab_widgets", "anywidget")
    known = [f"{name}{version(name)}" for name in names if find_spec(name) is not None]
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:12]


def _package(name: str) -> Path:
    """Return a package's folder without importing it: Panel and Bokeh take a second each."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    return Path(spec.origin).parent


def _voila_static() -> list[Path]:
    from voila.paths import collect_static_paths

    return [Path(folder) for folder in collect_static_paths(["voila", "nbconvert"], "lab")]


def _labextensions() -> list[Path]:
    voila = [Path(folder) / "labextensions" for folder in jupyter_path("voila")]
    folders = [Path(folder) for folder in jupyter_path("labextensions")] + voila
    return [folder for folder in folders if folder.is_dir()] or [
        Path(sys.prefix, "share/jupyter/labextensions")
    ]


def _allow_keeping(handler: RequestHandler) -> None:
    handler.set_header("Cache-Control", f"private, max-age={ONE_YEAR}, immutable")
    handler.set_header("X-Content-Type-Options", "nosniff")


def _inside(path: str, folder: str) -> bool:
    return Path(path).resolve().is_relative_to(Path(folder).resolve())
