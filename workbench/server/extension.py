"""The Jupyter Server extension: assets and reports inside JupyterLab, behind its login."""

from typing import Any

from workbench.server.assets import asset_handlers
from workbench.server.reports import report_handlers
from workbench.settings import home_folder


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "workbench.server.extension"}]


def load_jupyter_server_extension(server_app: Any) -> None:
    """Add our routes to a running Jupyter server.

    Parameters
    ----------
    server_app : jupyter_server.serverapp.ServerApp
        The server that loads the extension.
    """
    base_url = server_app.web_app.settings["base_url"]
    routes = [*asset_handlers(base_url), *report_handlers(base_url, home_folder())]
    server_app.web_app.add_handlers(".*$", routes)


_load_jupyter_server_extension = load_jupyter_server_extension
