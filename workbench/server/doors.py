"""Who is let in: one guard before every handler, the login page, and what a server's settings must be.

Without token or login every page, socket and file answers 403 itself, with no redirect.
"""

import inspect
import ipaddress
import ssl
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.log import app_log
from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler

from workbench.errors import ServerSettingsError
from workbench.server.shell import bare_page, login_form

OWN_ERROR_PAGES = "workbench_error_pages"
_ERRORS: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("Not let in", "This address is closed to you. Log in, or ask for the token."),
    HTTPStatus.NOT_FOUND: (
        "Nothing here",
        "There is nothing at this address. Choose from the list of pages.",
    ),
}


def is_loopback(host: str) -> bool:
    """Return whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_door(
    *,
    host: str,
    token: str | None,
    password_hash: str | None,
    certificate: Path | None,
    private_key: Path | None,
) -> None:
    """Refuse settings that would leave a door open.

    Parameters
    ----------
    host : str
        Address to listen on.
    token : str or None
        A token that somebody chose; None if one is made at start.
    password_hash : str or None
        As `workbench.security.hash_password` makes it.
    certificate, private_key : Path or None
        PEM files of TLS.

    Raises
    ------
    ServerSettingsError
        If the host can be reached from other machines without a login and TLS, a token is too short to be
        one, or a TLS file cannot be read.
    """
    if token is not None and len(token) < 16:
        raise ServerSettingsError(
            "The server's token is shorter than 16 characters; leave `server.token` empty to get a good one."
        )
    if (certificate is None) != (private_key is None):
        missing = "private_key" if private_key is None else "certificate"
        raise ServerSettingsError(
            f"TLS needs both files, and `server.{missing}` is not set; set it or neither."
        )
    if certificate is not None and private_key is not None:
        tls_context(certificate, private_key)
    if is_loopback(host):
        return
    lacks = []
    if certificate is None:
        lacks.append("TLS (`server.certificate` and `server.private_key`)")
    if not password_hash and token is None:
        lacks.append("a login (`server.password_hash`, made by `workbench password`, or `server.token`)")
    if lacks:
        raise ServerSettingsError(
            f"Host {host} can be reached from other machines and needs {' and '.join(lacks)}; "
            f"set what is missing, or serve on 127.0.0.1."
        )


def tls_context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    """Return the server side of TLS 1.2 or newer.

    Raises
    ------
    ServerSettingsError
        If a file is missing or is not what it should be.
    """
    for file in (certificate, private_key):
        if not Path(file).is_file():
            raise ServerSettingsError(f"The TLS file `{file}` does not exist; give the path of a PEM file.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key)
    except (ssl.SSLError, OSError) as error:
        raise ServerSettingsError(
            f"`{certificate}` and `{private_key}` are no certificate and its key ({error}); "
            f"give a matching pair of PEM files."
        ) from error
    return context


def guard_application(application: Application) -> None:
    """Put the guard before every handler of a Tornado application, also those that are added later."""
    find_handler = application.find_handler

    def find_guarded_handler(request: Any, **options: Any) -> Any:
        delegate = find_handler(request, **options)
        handler_class = getattr(delegate, "handler_class", None)
        if handler_class is not None:
            delegate.handler_class = _guarded(handler_class)
        return delegate

    application.find_handler = find_guarded_handler  # type: ignore[method-assign]


@cache
def _guarded(handler_class: type[RequestHandler]) -> type[RequestHandler]:
    """Return the handler with a guard that runs before anything else of it does."""
    page = issubclass(handler_class, JupyterHandler) and not issubclass(
        handler_class, (APIHandler, WebSocketHandler, StaticFileHandler)
    )

    class Guarded(handler_class):  # type: ignore[misc, valid-type]
        async def prepare(self) -> None:
            method = getattr(self, (self.request.method or "get").lower(), None)
            known = await _is_known(self)
            if not known and not getattr(method, "__allow_unauthenticated", False):
                return _close(self)
            if page:
                # Reading it sets the cookie with which a page later proves that it is ours.
                _ = self.xsrf_token
            prepared = super().prepare()
            if inspect.isawaitable(prepared):
                await prepared
            return None

        def write_error(self, status_code: int, **options: Any) -> None:
            if not self.settings.get(OWN_ERROR_PAGES) or issubclass(handler_class, APIHandler):
                super().write_error(status_code, **options)
            else:
                self.set_header("Content-Type", "text/html; charset=utf-8")
                self.finish(_error_page(status_code, self.settings["base_url"]))

    # Static handlers of Tornado lack what the identity provider reads from Jupyter's.
    for name, value in (
        ("token", property(lambda self: self.settings["identity_provider"].token)),
        ("base_url", property(lambda self: self.settings["base_url"])),
        ("log", property(lambda self: app_log)),
    ):
        if not hasattr(handler_class, name):
            setattr(Guarded, name, value)
    Guarded.__name__ = handler_class.__name__
    return Guarded


async def _is_known(handler: Any) -> bool:
    user = handler.settings["identity_provider"].get_user(handler)
    if inspect.isawaitable(user):
        user = await user
    # Later checks of the same request need not ask again, and error pages ask too.
    handler.current_user = handler._jupyter_current_user = user
    return user is not None


def _close(handler: Any) -> None:
    if isinstance(handler, WebSocketHandler | APIHandler):
        raise HTTPError(HTTPStatus.FORBIDDEN)
    base_url = handler.settings["base_url"]
    wants = _wanted(handler.settings["identity_provider"])
    form = login_form(
        action=url_path_join(base_url, "login"),
        after=quote(handler.request.path),
        xsrf=handler.xsrf_form_html(),
        wants=wants,
    )
    why = f"<p>This address needs a {wants}. What was printed when the server started carries it.</p>"
    handler.set_status(HTTPStatus.FORBIDDEN)
    handler.set_header("Content-Type", "text/html; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    handler.finish(bare_page("Not let in", why + form))


def _error_page(status: int, base_url: str) -> str:
    what, why = _ERRORS.get(status, ("That did not work", "The server could not answer; its log says why."))
    return bare_page(what, f'<p>{why}</p><p><a href="{base_url}">All pages</a></p>')


def _wanted(identity_provider: Any) -> str:
    return "password or token" if getattr(identity_provider, "hashed_password", "") else "token"


class LoginHandler(LoginFormHandler):
    """The login page in the desk's look; a wrong password waits a second before it is refused."""

    def _render(self, message: dict[str, str] | None = None) -> None:
        wants = _wanted(self.identity_provider)
        why = (
            f"<p>That is not the {wants}. Try again.</p>"
            if message
            else f"<p>Type the {wants} of this server.</p>"
        )
        form = login_form(
            action=url_path_join(self.base_url, "login"),
            after=quote(self.get_argument("next", default=self.base_url)),
            xsrf=self.xsrf_form_html(),
            wants=wants,
        )
        self.set_header("Cache-Control", "no-store")
        self.finish(bare_page("Log in", why + form))

    @allow_unauthenticated
    async def post(self) -> None:
        """Take the form."""
        import asyncio

        user = self.identity_provider.process_login_form(self)
        if user is None:
            await asyncio.sleep(1.0)
            self.set_status(HTTPStatus.UNAUTHORIZED)
            self._render(message={"error": "wrong"})
            return
        self.current_user = user
        self.identity_provider.set_login_cookie(self, user)
        self._redirect_safe(self.get_argument("next", default=self.base_url))
