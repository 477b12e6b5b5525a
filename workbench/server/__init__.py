"""The doors of the desk: dashboards by Voila, JupyterLab with our extension, reports over HTTP."""

from workbench.server.dashboards import serve_dashboards
from workbench.server.doors import hash_password
from workbench.server.lab import launch_lab
from workbench.server.runtime import running_server

__all__ = ["hash_password", "launch_lab", "running_server", "serve_dashboards"]
