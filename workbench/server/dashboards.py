"""`workbench serve`: the dashboards by Voila, for viewers, who cannot run code in its kernels."""

import logging
import os
import signal
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.ioloop
import tornado.web
from traitlets.config import Config
from voila.app import Voila
from voila.request_info_handler import RequestInfoSocketHandler
from voila.tornado.contentshandler import VoilaContentsHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler

from workbench.desk.health import require_kernel
from workbench.redaction import remember_secret
from workbench.security import new_token
from workbench.server.assets import TEMPLATES, asset_handlers, asset_urls, panel_scripts
from workbench.server.doors import (
    OWN_ERROR_PAGES,
    LoginHandler,
    check_door,
    guard_application,
    is_loopback,
    tls_context,
)
from workbench.server.listing import ListHandler
from workbench.server.logs import log_request, redact_logs
from workbench.server.reports import report_handlers
from workbench.server.runtime import address, listen, remove_note, write_note
from workbench.server.shell import PLACES
from workbench.settings import home_folder, project_folder

# Every other lab extension would be loaded by each page; without the first the page stays blank.
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "@bokeh/jupyter_bokeh",
]
# The browser itself refuses what the pages should never ask of another host. BokehJS compiles templates
# of table cells, hence unsafe-eval.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline' data:",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
# The next kernel is made ready only when the page that took the last one has loaded: both want the processor.
FILL_DELAY_SECONDS = 3.0
SECRET_VARIABLES = ("WORKBENCH_SERVER__TOKEN", "WORKBENCH_SERVER__PASSWORD_HASH", "JUPYTER_TOKEN")


def serve_dashboards(
    home: str | os.PathLike[str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8866,
    token: str | None = None,
    certificate: str | os.PathLike[str] | None = None,
    private_key: str | os.PathLike[str] | None = None,
    password_hash: str | None = None,
    preheated_kernels: int = 1,
    cull_idle_seconds: int = 600,
    open_browser: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the desk's dashboards until the process is stopped.

    Parameters
    ----------
    home : path, optional
        Folder of the desk.
    host : str
        Address to listen on; any but loopback needs TLS and a login.
    port : int
        Port to listen on; 0 takes a free one.
    token : str, optional
        Token that opens the pages, at least 16 characters; a new one unless given. There is always one.
    certificate, private_key : path, optional
        PEM files of TLS.
    password_hash : str, optional
        Login by password besides the token, as `workbench.security.hash_password` makes it.
    preheated_kernels : int
        Kernels kept ready for each dashboard.
    cull_idle_seconds : int
        A kernel without a page is ended after this long.
    open_browser : bool
        Open the page in the reader's browser.
    on_ready : callable, optional
        Called once with the whole address, token included, when the server listens; printed unless given.

    Raises
    ------
    PortInUseError
        If another program has the port.
    ServerSettingsError
        If the settings would leave a door open, or cannot be used.
    MissingKernelError
        If no notebook could run behind the door.
    """
    folder = home_folder(home)
    cert_file, key_file = path_of(certificate), path_of(private_key)
    check_door(
        host=host, token=token, password_hash=password_hash, certificate=cert_file, private_key=key_file
    )
    require_kernel()
    dashboards = project_folder("dashboards")
    sockets = listen(host, port, home=folder, kind="dashboards")
    prepare_environment(folder, role="viewer")
    chosen_token = token or new_token()
    config = _config(
        dashboards, preheated_kernels=preheated_kernels, cull_idle_seconds=cull_idle_seconds,
        password_hash=password_hash,
    )  # fmt: skip
    Dashboards.clear_instance()
    app = Dashboards.instance(config=config, log_level=logging.WARNING)
    redact_logs(app.log)
    app.home = folder
    app.sockets = sockets
    app.tls = tls_context(cert_file, key_file) if cert_file and key_file else None
    app.token = chosen_token
    remember_secret(chosen_token)
    app.ip = host
    app.port = sockets[0].getsockname()[1]
    app.config_file_paths = []  # a file in the current folder must not reopen a door
    url = address(host, app.port, tls=app.tls is not None)

    def ready() -> None:
        write_note(folder, "dashboards", url=url, port=app.port)
        whole = f"{url}?token={chosen_token}"
        (on_ready or announce("Dashboards"))(whole)
        if open_browser:
            webbrowser.open(whole)

    app.on_ready = ready
    try:
        # Voila parses the arguments of the process unless it is given some.
        app.initialize(argv=[])
        app.start()
    finally:
        remove_note(folder, "dashboards")
        for one in sockets:
            one.close()
        Dashboards.clear_instance()


def path_of(path: str | os.PathLike[str] | None) -> Path | None:
    """Return the path, or None for none."""
    return None if path is None else Path(path)


def announce(what: str) -> Callable[[str], None]:
    """Return what tells the person who started a server where it is; the one place that shows a token."""

    def say(url: str) -> None:
        print(f"{what}: {url}\nCtrl-C ends the server.", flush=True)

    return say


def prepare_environment(home: Path, *, role: str | None) -> None:
    """Set what kernels of this server inherit: the desk's folder, their role, and where our template is.

    Kernels inherit no token or password: what writes goes through the API with the user's own.
    """
    os.environ["WORKBENCH_HOME"] = str(home)
    if role is not None:
        os.environ["WORKBENCH_ROLE"] = role
    for name in SECRET_VARIABLES:
        os.environ.pop(name, None)
    paths = [str(TEMPLATES), *filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep))]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(dict.fromkeys(paths))


def _config(
    dashboards: Path, *, preheated_kernels: int, cull_idle_seconds: int, password_hash: str | None
) -> Config:
    config = Config()
    config.Voila.root_dir = str(dashboards)
    config.Voila.open_browser = False
    config.VoilaConfiguration = voila_configuration()
    config.VoilaConfiguration.preheat_kernel = preheated_kernels > 0
    config.VoilaConfiguration.default_pool_size = preheated_kernels
    config.VoilaConfiguration.file_allowlist = []
    config.VoilaKernelManager.fill_delay = FILL_DELAY_SECONDS
    config.VoilaExecutor.cell_error_instruction = (
        "The page could not be made. `workbench doctor` on the server says what is missing; "
        "the server's log says more."
    )
    config.MappingKernelManager.cull_idle_timeout = cull_idle_seconds
    config.MappingKernelManager.cull_interval = max(5, min(60, cull_idle_seconds // 4))
    config.MappingKernelManager.cull_connected = False
    config.IdentityProvider.cookie_options = {"samesite": "Lax"}
    config.PasswordIdentityProvider.hashed_password = password_hash or ""
    config.PasswordIdentityProvider.allow_password_change = False
    return config


def voila_configuration(*, home: str = "") -> Config:
    """Return what Voila must be told to show our pages, in both servers.

    Parameters
    ----------
    home : str
        Address behind the name in the top bar, below the base address.
    """
    return Config(
        template="workbench",
        theme="light",
        allow_template_override="NO",
        allow_theme_override="NO",
        extension_allowlist=EXTENSIONS,
        show_tracebacks=False,
        strip_sources=True,
        resources={"workbench": {**asset_urls(), "scripts": panel_scripts(), "places": PLACES, "home": home}},
        page_config_hook=address_assets,
    )


def address_assets(page_config: dict[str, Any], *, base_url: str, **_: Any) -> dict[str, Any]:
    """Send Voila's own scripts through our asset routes, where browsers may keep them."""
    urls = asset_urls()
    page_config["fullStaticUrl"] = base_url + urls["voila"]
    page_config["fullLabextensionsUrl"] = base_url + urls["labextensions"]
    # Our pages show no formula; Voila's default would fetch MathJax from a content network.
    page_config["fullMathjaxUrl"] = f"{base_url}{urls['static']}/no-mathjax.js"
    return page_config


class Dashboards(Voila):
    """Voila with a guard before every handler, our routes, TLS, and kernels that are not culled too early."""

    home: Path
    sockets: list[Any]
    tls: Any = None
    on_ready: Callable[[], None] | None = None

    def init_settings(self) -> dict[str, Any]:
        """Return Voila's settings with every door closed."""
        settings = super().init_settings()
        self.identity_provider.login_handler_class = LoginHandler
        if hasattr(self.kernel_manager, "get_rendered_notebook"):
            keep_handed_out_kernels(self.kernel_manager)
        return {
            **settings,
            "allow_unauthenticated_access": False,
            "allow_remote_access": not is_loopback(self.ip),
            "local_hostnames": ["localhost", "127.0.0.1", "::1"],
            OWN_ERROR_PAGES: True,
            "log_function": log_request,
            "headers": {"Referrer-Policy": "same-origin", "Content-Security-Policy": PAGE_POLICY},
            # Scripts of 700 KB cross a network faster compressed; on loopback it would only cost time.
            "compress_response": not is_loopback(self.ip),
        }

    def init_handlers(self) -> list[tuple[Any, ...]]:
        """Return Voila's routes without those that nobody needs here, and ours."""
        unwanted = (TornadoVoilaTreeHandler, VoilaContentsHandler, RequestInfoSocketHandler)
        kept = [route for route in super().init_handlers() if route[1] not in unwanted]
        ours = [
            (self.server_url, ListHandler, {"dashboards": self.root_dir}),
            *report_handlers(self.server_url, self.home),
            *asset_handlers(self.server_url),
        ]
        return [*ours, *kept]

    def listen(self) -> None:
        """Serve on the sockets that were opened before anything else was started."""
        guard_application(self.app)
        server = tornado.httpserver.HTTPServer(self.app, ssl_options=self.tls)
        server.add_sockets(self.sockets)
        self.ioloop = tornado.ioloop.IOLoop.current()
        # Ctrl-C ends the server as SIGTERM does, without a traceback.
        signal.signal(signal.SIGINT, self._handle_signal_stop)
        if self.on_ready is not None:
            self.on_ready()
        try:
            self.ioloop.start()
        finally:
            server.stop()
            # A kernel that was just being made ready may be gone already, and nobody is left to be told.
            with suppress(tornado.web.HTTPError):
                self.stop()


def keep_handed_out_kernels(manager: Any) -> None:
    """Count a pre-heated kernel's idle time from when it is handed out, not from when it was made ready.

    Otherwise the culling may end it between the page's first byte and its first message.
    """
    original = manager.get_rendered_notebook

    async def handing_out(*args: Any, **options: Any) -> Any:
        handed_out = await original(*args, **options)
        manager.get_kernel(handed_out[2]).last_activity = datetime.now(UTC)
        return handed_out

    manager.get_rendered_notebook = handing_out
