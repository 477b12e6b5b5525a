"""The doors of the desk: dashboards by Voila, JupyterLab with our extension, reports over HTTP."""

from workbench.server.dashboards import serve_dashboards
from workbench.server.lab import launch_lab
from workbench.server.runtime import running_server

__all__ = ["launch_lab", "running_server", "serve_dashboards"]
