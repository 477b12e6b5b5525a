"""`workbench lab`: JupyterLab on the desk's notebooks, for people allowed to run code."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitlets.config import Config

from workbench.desk.health import require_kernel
from workbench.redaction import remember_secret
from workbench.security import new_token
from workbench.server.dashboards import (
    announce,
    path_of,
    prepare_environment,
    voila_configuration,
)
from workbench.server.doors import LoginHandler, check_door, guard_application, is_loopback
from workbench.server.logs import redact_logs
from workbench.server.runtime import address, listen, remove_note, write_note
from workbench.settings import home_folder, project_folder

EXTENSIONS = {"voila.server_extension": True, "workbench.server.extension": True}


def launch_lab(
    home: str | os.PathLike[str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8888,
    token: str | None = None,
    certificate: str | os.PathLike[str] | None = None,
    private_key: str | os.PathLike[str] | None = None,
    password_hash: str | None = None,
    open_browser: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Run JupyterLab on the desk's notebooks until the process is stopped.

    Parameters
    ----------
    home : path, optional
        Folder of the desk; its ``notebooks`` folder is what JupyterLab shows.
    host : str
        Address to listen on; any but loopback needs TLS and a login.
    port : int
        Port to listen on; 0 takes a free one.
    token : str, optional
        Token that opens JupyterLab, at least 16 characters; a new one unless given. There is always one.
    certificate, private_key : path, optional
        PEM files of TLS.
    password_hash : str, optional
        Login by password besides the token, as `workbench.security.hash_password` makes it.
    open_browser : bool
        Open JupyterLab in the reader's browser.
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
    from jupyterlab.labapp import LabApp

    folder = home_folder(home)
    cert_file, key_file = path_of(certificate), path_of(private_key)
    check_door(
        host=host, token=token, password_hash=password_hash, certificate=cert_file, private_key=key_file
    )
    require_kernel()
    # Jupyter binds its own sockets: ours only find the port, and find out whether it is free.
    probe = listen(host, port, home=folder, kind="lab")
    chosen_port = probe[0].getsockname()[1]
    for one in probe:
        one.close()
    notebooks = copy_notebooks(folder)
    prepare_environment(folder, role=None)
    chosen_token = token or new_token()
    remember_secret(chosen_token)
    config = _config(
        notebooks, host=host, port=chosen_port, token=chosen_token, certificate=cert_file,
        private_key=key_file, password_hash=password_hash, open_browser=open_browser,
    )  # fmt: skip
    url = address(host, chosen_port, tls=cert_file is not None)
    server = LabApp.initialize_server(argv=[], config=config)
    guard_application(server.web_app)
    redact_logs()

    def ready() -> None:
        write_note(folder, "lab", url=f"{url}lab", port=chosen_port)
        (on_ready or announce("JupyterLab"))(f"{url}lab?token={chosen_token}")

    server.io_loop.add_callback(ready)
    try:
        server.start()
    finally:
        remove_note(folder, "lab")
        type(server).clear_instance()


def copy_notebooks(home: Path) -> Path:
    """Put the curated notebooks into the desk and return their folder.

    A notebook that is there already is the user's, and is never overwritten; a newer edition of it is put
    beside it as ``NAME.new.ipynb``.
    """
    target = home / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted(project_folder("notebooks").glob("*.ipynb")):
        place = target / source.name
        if not place.exists():
            shutil.copyfile(source, place)
        elif _cells(place) != _cells(source):
            shutil.copyfile(source, place.with_suffix(".new.ipynb"))
    return target


def _cells(notebook: Path) -> list[str] | None:
    """Return what the cells say, without outputs, to see whether two notebooks differ."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8")).get("cells", [])
        return ["".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _config(
    notebooks: Path,
    *,
    host: str,
    port: int,
    token: str,
    certificate: Path | None,
    private_key: Path | None,
    password_hash: str | None,
    open_browser: bool,
) -> Config:
    config = Config()
    server: Any = config.ServerApp
    server.ip = host
    server.port = port
    server.port_retries = 0
    server.root_dir = str(notebooks)
    server.open_browser = open_browser
    server.allow_root = True
    server.allow_unauthenticated_access = False
    server.allow_remote_access = not is_loopback(host)
    server.jpserver_extensions = EXTENSIONS
    server.default_url = "/lab"
    server.log_level = "WARN"
    if certificate is not None:
        server.certfile, server.keyfile = str(certificate), str(private_key)
    config.IdentityProvider.token = token
    config.IdentityProvider.cookie_options = {"samesite": "Lax"}
    config.IdentityProvider.login_handler_class = LoginHandler
    config.PasswordIdentityProvider.hashed_password = password_hash or ""
    config.PasswordIdentityProvider.allow_password_change = False
    config.LabApp.news_url = None  # JupyterLab asks GitHub for news otherwise
    config.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    config.VoilaConfiguration = voila_configuration()
    config.KernelSpecManager.ensure_native_kernel = True
    return config
